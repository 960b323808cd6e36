//! What kustomize and Helm make of `deploy/`: the same, labelled, without privilege, and documented. No cluster is needed, but
//! kubectl, whose kustomize it is, and helm.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod conduct;
mod rendered;
mod same;
mod settings;
mod values;
mod watched;
