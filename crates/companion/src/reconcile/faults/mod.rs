//! Stories of a Tensorboard and of a PVCViewer, with each thing going wrong once.

mod kubernetes;
mod process;
mod scene;

use std::marker::PhantomData;

use carrel_api::pvc_viewer::PvcViewer;
use carrel_api::tensorboard::Tensorboard;
use carrel_faults::{Objects, Scene, stories};
use serde_json::Value;

use scene::{Step, Told};

/// A companion, a claim, and what Kubernetes does for them.
struct Companions<K>(PhantomData<K>);

impl<K: Told> Scene for Companions<K> {
    type Process = process::Desk<K>;
    type Step = Step;

    /// One may be made for a node that the cache has it on no longer.
    const MORE_PODS: usize = 1;

    fn begin(objects: &mut Objects) {
        scene::begin::<K>(objects);
    }

    fn is_before(step: Step) -> bool {
        matches!(step, Step::Kubeflow | Step::Stranger | Step::AtFirst(_))
    }

    fn happens(step: Step, objects: &mut Objects) {
        step.happens::<K>(objects);
    }

    fn work(objects: &mut Objects) {
        scene::stranger::<K>(objects);
        kubernetes::work(objects, Self::refusal);
    }

    fn refusal(objects: &Objects, kind: &str, object: &Value) -> Option<String> {
        kubernetes::refusal(objects, kind, object)
    }
}

mod tensorboards {
    use super::*;

    const NEWER: &str = r#"{"image": "newer"}"#;
    const FOLDER: &str = r#"{"logspath": "pvc://data/runs"}"#;
    const BUCKET: &str = r#"{"logspath": "gs://bucket/runs"}"#;

    stories! {
        Companions<Tensorboard>;
        a_first_start: [Step::Nothing],
        edits: [Step::Asks(NEWER), Step::Asks(FOLDER), Step::Asks(BUCKET)],
        a_stop_and_a_start: [Step::Stop, Step::Start],
        a_request_for_a_restart: [Step::Restart],
        a_notebook_on_another_node_that_goes: [Step::Notebook("b"), Step::NotebookGoes],
        a_notebook_that_moves: [Step::Notebook("b"), Step::NotebookGoes, Step::Notebook("c")],
        drift_of_all_children: [Step::Drift],
        children_that_vanish: [Step::Vanish],
        children_that_are_replaced: [Step::Replaced],
        a_start_that_waits_for_room: [Step::Stop, Step::Full, Step::Start, Step::Room],
        a_takeover_from_kubeflow: [Step::AtFirst(BUCKET), Step::Kubeflow, Step::Asks(NEWER)],
        the_service_of_a_stranger_that_goes: [Step::Stranger, Step::Nothing],
    }
}

mod viewers {
    use super::*;

    const NO_NETWORKING: &str = r#"{"networking": null}"#;
    const NETWORKING: &str = r#"{"networking": {"targetPort": 8080, "basePrefix": "/elsewhere"}}"#;

    stories! {
        Companions<PvcViewer>;
        a_first_start: [Step::Nothing],
        networking_that_goes_and_comes: [Step::Asks(NO_NETWORKING), Step::Asks(NETWORKING)],
        a_notebook_on_another_node: [Step::Notebook("b")],
        children_that_vanish: [Step::Vanish],
    }
}
