//! What tells the kinds of companions apart.

use std::fmt::Debug;

use carrel_api::server::Said;
use carrel_runtime::shelf::Shelved;
use carrel_server::Refusal;
use carrel_server::route::Routing;
use carrel_server::servers::Marks;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::PodSpec;
use kube::Resource;
use serde::Serialize;

use crate::wanted::Wanted;

/// What an admin sets for all companions of this process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// What is made so that they are reached from outside.
    pub routing: Routing,
    /// The image of TensorBoards whose owner names none (Kubeflow's `TENSORBOARD_IMAGE`).
    pub tensorboard_image: String,
    /// The image of the built-in pod of viewers.
    pub viewer_image: String,
    /// The pod of viewers whose owner writes none (the file that Kubeflow's `DEFAULT_POD_SPEC_PATH` names); the built-in one
    /// if absent.
    pub viewer_pod: Option<PodSpec>,
}

/// The words by which a kind is known.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// The kind.
    pub kind: &'static str,
    /// The controller's name in logs and metrics.
    pub controller: &'static str,
    /// What logs, metrics and `/readyz` call the watch of its objects.
    pub plural: &'static str,
    /// The same of its pods.
    pub pods: &'static str,
    /// The same of its Deployments.
    pub deployments: &'static str,
    /// A label of pods that only these have, and an annotation of children and pods with the object's whole name.
    pub mark: &'static str,
    /// What the names of its children begin with, before its own.
    pub prefix: &'static str,
}

impl Words {
    /// By what its children are known.
    pub fn marks(&self) -> Marks {
        Marks { annotation: self.mark, prefix: self.prefix }
    }
}

/// A kind of companion.
pub trait Companion:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Shelved + Clone + Debug + Serialize + Send + Sync + 'static
{
    /// Its status.
    type Status: Clone + Debug + Default + PartialEq + Serialize + Send + Sync + 'static;

    /// The words by which it is known.
    const WORDS: Words;

    /// The name of the children of an object of this name, its VirtualService's too, as in Kubeflow.
    fn child_name(name: &str) -> String;

    /// The status that the cache holds.
    fn stored(&self) -> Option<&Self::Status>;

    /// The claims that its pod mounts, as far as that can be told.
    fn claims(&self, settings: &Settings) -> Vec<String>;

    /// What its owner wants, or why it can't be.
    fn wanted(&self, settings: &Settings) -> Result<Wanted, Refusal>;

    /// What is said of it as of any server.
    fn said(status: &Self::Status) -> &Said;

    /// Its status: what is said of any server, whether it is ready, and its own.
    fn status(&self, said: Said, ready: bool) -> Self::Status;
}
