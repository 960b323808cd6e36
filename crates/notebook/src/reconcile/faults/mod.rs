//! A Notebook's stories, with each thing going wrong once.

mod process;
mod scene;

use carrel_faults::{Objects, Scene, stories};
use serde_json::Value;

use super::*;
use scene::Step;

/// A Notebook, and what Kubernetes does for it.
struct Notebooks;

impl Scene for Notebooks {
    type Process = process::Desk;
    type Step = Step;

    const LEFT_OUT: &'static [&'static str] = &["carrel.dev/template", "carrel.dev/made-from"];

    fn begin(objects: &mut Objects) {
        scene::begin(objects);
    }

    fn is_before(step: Step) -> bool {
        matches!(step, Step::Kubeflow)
    }

    fn happens(step: Step, objects: &mut Objects) {
        step.happens(objects);
    }

    fn work(objects: &mut Objects) {
        scene::stateful_set_controller(objects);
    }

    fn refusal(objects: &Objects, kind: &str, _: &Value) -> Option<String> {
        scene::no_room(objects, kind)
    }

    /// The version in the name of Open Data Hub's request.
    fn forget(text: &mut String) {
        if text.starts_with(ODH_RESTART) {
            ODH_RESTART.clone_into(text);
        }
    }
}

stories! {
    Notebooks;
    a_first_start: [Step::Nothing],
    edits: [Step::Image("newer"), Step::Image("newest")],
    a_stop_and_a_start: [Step::Stop, Step::Start],
    requests_for_a_restart: [Step::Request("1"), Step::Request("2")],
    a_request_by_open_data_hub: [Step::OpenDataHub],
    a_label_that_waits_for_a_restart: [Step::Label, Step::Request("1")],
    another_word_on_the_route: [Step::Rewrite(Some("/")), Step::Rewrite(None)],
    a_word_on_the_route_that_is_not_followed: [Step::BadHeaders, Step::Drift],
    drift_of_all_children: [Step::Drift],
    children_that_vanish: [Step::Vanish],
    children_that_are_replaced: [Step::Replaced],
    a_start_that_waits_for_room: [Step::Stop, Step::Full, Step::Start, Step::Room],
    a_takeover_from_kubeflow: [Step::Kubeflow, Step::Image("newer")],
}
