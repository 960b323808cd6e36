//! A VolumeRequest's stories, with each thing going wrong once.

mod process;
mod scene;

use carrel_faults::{Objects, Scene, stories};
use serde_json::Value;

use scene::Step;

/// A VolumeRequest, and what Kubernetes and a driver do for it.
struct Volumes;

impl Scene for Volumes {
    type Process = process::Desk;
    type Step = Step;
    /// A time of the present, of the change that it tells of.
    const LEFT_OUT: &'static [&'static str] = &["unusedSince"];

    fn begin(objects: &mut Objects) {
        scene::begin(objects);
    }

    fn is_before(step: Step) -> bool {
        step.is_before()
    }

    fn happens(step: Step, objects: &mut Objects) {
        step.happens(objects);
    }

    fn work(objects: &mut Objects) {
        scene::driver(objects);
    }

    fn refusal(objects: &Objects, kind: &str, object: &Value) -> Option<String> {
        scene::no_room(objects, kind, object)
    }
}

const DELETE: &str = r#"{"reclaim": "Delete"}"#;
const RETAIN: &str = r#"{"reclaim": "Retain"}"#;
const ADOPT: &str = r#"{"adopt": true}"#;
const CLONE: &str = r#"{"source": {"claim": "origin"}}"#;
const LARGER: &str = r#"{"size": "20Gi"}"#;

stories! {
    Volumes;
    a_first_claim: [Step::Mounted],
    growth: [Step::Asks(LARGER)],
    growth_that_waits_for_room: [Step::Quota("15Gi"), Step::Asks(LARGER), Step::Quota("40Gi")],
    a_claim_that_waits_for_room: [Step::AtFirst(DELETE), Step::Full, Step::Quota("40Gi")],
    a_claim_that_waits_for_its_class: [Step::NoClass, Step::Class],
    a_claim_that_is_adopted: [Step::Orphan, Step::Asks(ADOPT), Step::Asks(LARGER)],
    the_claim_of_a_stranger_that_goes: [Step::Stranger, Step::Asks(ADOPT), Step::ClaimGoes],
    a_clone_whose_source_comes_later: [Step::AtFirst(CLONE), Step::Source],
    an_end_with_the_data: [Step::AtFirst(DELETE), Step::Mounted, Step::Deleted, Step::Unmounted],
    an_end_without_the_data: [Step::Mounted, Step::Deleted, Step::Unmounted],
    an_end_after_a_change_of_mind: [Step::Asks(DELETE), Step::Asks(RETAIN), Step::Deleted],
    an_end_that_is_awaited_and_called_off: [Step::AtFirst(DELETE), Step::Mounted, Step::Deleted, Step::Asks(RETAIN)],
    an_end_with_a_last_word_for_the_data: [Step::AtFirst(DELETE), Step::DeletedAndKept],
    an_end_that_meets_a_start: [Step::AtFirst(DELETE), Step::MountedAndDeleted, Step::Unmounted],
    labels: [Step::Asks(r#"{"labels": {"team": "red"}}"#), Step::Asks(r#"{"labels": {"team": null, "course": "ml"}}"#)],
    drift: [Step::Asks(r#"{"labels": {"team": "red"}}"#), Step::Drift],
    a_claim_that_vanishes: [Step::ClaimGoes],
}
