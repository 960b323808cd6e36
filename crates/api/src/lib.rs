//! The kinds that Carrel serves and the words it uses: CRD types, labels, annotations, condition types and reasons.
//!
//! This crate does no I/O and names no other crate of Carrel; everything here is a value or a pure function.

pub mod activity;
mod checked;
mod condition;
mod crd;
mod kind;
pub mod lab_policy;
pub mod notebook;
mod pod_spec;
pub mod pvc_viewer;
mod reasons;
#[cfg(test)]
mod released;
mod seconds;
pub mod server;
mod span;
pub mod tensorboard;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod vocabulary;
pub mod volume_request;

pub use checked::Checked;
/// For [`namespaced_kind`], where a crate does not name it.
#[doc(hidden)]
pub use kube_core;
pub use seconds::whole_seconds;
pub use span::{SpanError, TimeSpan};

/// Every CustomResourceDefinition that Carrel needs, in the order in which to apply them.
pub fn crds() -> Vec<serde_json::Value> {
    vec![
        notebook::crd::definition(),
        volume_request::crd::definition(),
        tensorboard::crd::definition(),
        pvc_viewer::crd::definition(),
        lab_policy::crd::definition(),
    ]
}
