use super::*;
use crate::Settings;
use crate::plan::{Kind, plan};
use crate::resolve::resolve;
use crate::testing::{asks_for, story};

#[allow(clippy::needless_pass_by_value)] // So that the cases read well.
fn status_of(observed: &Observed, failed: Option<(Kind, WriteError)>) -> NotebookStatus {
    let resolved = resolve(observed, &Settings::default());
    let plan = plan(observed, &resolved);
    status(
        observed,
        &resolved,
        &plan,
        Outcome { failed: failed.as_ref(), route: None, lived: None },
        "2026-01-03T00:00:00Z".parse().unwrap(),
    )
}

#[test]
fn a_refused_child_is_told_with_the_servers_own_words() {
    let observed = asks_for("{containers: [{name: a, image: i}]}");
    let refused = WriteError::Refused { message: "StatefulSet.apps \"iris\" is invalid: x".into(), invalid: true };
    let status = status_of(&observed, Some((Kind::StatefulSet, refused)));
    assert_eq!((status.phase, status.reason), (Some(Phase::Error), Some(Reason::Refused)));
    let message = status.condition(READY).unwrap().message.as_deref();
    assert_eq!(message, Some("the StatefulSet is refused: StatefulSet.apps \"iris\" is invalid: x"));
}

#[test]
fn a_passing_fault_does_not_hide_that_the_server_runs() {
    let observed = story(
        "{notebook: {metadata: {name: nb, namespace: a, uid: u}, spec: {template: {spec: {containers: [{name: nb, image: i}]}}}},
          pod: {metadata: {name: nb-0, uid: p}, status: {conditions: [{type: Ready, status: 'True'}]}}}",
    );
    let fault = || Some((Kind::Service, WriteError::Timeout(std::time::Duration::from_secs(15))));
    assert_eq!(status_of(&observed, fault()).phase, Some(Phase::Running));
    let status = status_of(&asks_for("{containers: [{name: a, image: i}]}"), fault());
    assert_eq!(status.reason, Some(Reason::WriteFailed));
}

#[test]
fn times_of_conditions_change_with_their_status_only() {
    let mut observed = asks_for("{containers: [{name: a, image: i}]}");
    let first = status_of(&observed, None);
    let since = first.condition(READY).unwrap().last_transition_time;
    assert_eq!(since, Some("2026-01-03T00:00:00Z".parse().unwrap()));
    observed.status = first;
    observed.status.conditions[0].last_transition_time = Some("2025-01-01T00:00:00Z".parse().unwrap());
    let again = status_of(&observed, Some((Kind::Service, WriteError::Timeout(std::time::Duration::from_secs(1)))));
    assert_ne!(again.reason, observed.status.reason);
    let kept = again.condition(READY).unwrap().last_transition_time;
    assert_eq!(kept, Some("2025-01-01T00:00:00Z".parse().unwrap()), "still not ready, though for another reason");
}

/// Kubeflow's web app answers a list with HTTP 500 for one condition that has a reason and no message.
#[test]
fn no_condition_has_a_reason_without_a_message_and_ours_is_the_first_that_has_one() {
    let observed = story(&std::fs::read_to_string("stories/02-web-app.yaml").unwrap());
    let status = status_of(&observed, None);
    assert!(status.conditions.iter().all(|condition| condition.reason.is_none() || condition.message.is_some()));
    assert_eq!(status.conditions.iter().find(|condition| condition.reason.is_some()).unwrap().type_, READY);
    assert_eq!(status.conditions.iter().filter(|condition| condition.type_ == READY).count(), 1);
}

#[test]
fn init_containers_are_named_before_the_others() {
    let observed = story(
        "{notebook: {metadata: {name: nb, namespace: a, uid: u}, spec: {template: {spec: {containers: [{name: nb, image: i}]}}}},
          pod: {metadata: {name: nb-0, uid: p}, status: {
            initContainerStatuses: [{name: fetch, state: {waiting: {reason: ImagePullBackOff, message: 'Back-off pulling image'}}}],
            containerStatuses: [{name: nb, state: {waiting: {reason: PodInitializing}}}]}}}",
    );
    let status = status_of(&observed, None);
    assert_eq!(status.reason, Some(Reason::ImagePullFailed));
    assert!(status.condition(READY).unwrap().message.as_deref().unwrap().contains("container fetch"));
}
