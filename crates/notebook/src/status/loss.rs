//! What a Notebook remembers of a pod that it lost while it ran: that it runs again says nothing of the night before.

use carrel_api::activity::{Activity, LastLoss, Verdict, Vote};
use carrel_api::notebook::{NotebookStatus, Phase, Reason};
use carrel_api::whole_seconds;
use carrel_server::conditions::Why;
use jiff::Timestamp;

/// The loss to remember, with a status whose word is `why`: the one that begins with it, or else the one of before.
pub(super) fn last_loss(before: &NotebookStatus, why: &Why, now: Timestamp) -> Option<LastLoss> {
    let lost = matches!(why.reason, Reason::Evicted | Reason::NodeLost | Reason::OutOfMemory);
    // Only what ran can be lost, and each loss is one: what comes after it is the way back.
    if !lost || before.phase != Some(Phase::Running) {
        return before.last_loss.clone();
    }
    Some(LastLoss {
        at: whole_seconds(now),
        reason: why.reason.as_str().to_owned(),
        message: message(before, why),
        node: before.node_name.clone(),
    })
}

fn message(before: &NotebookStatus, why: &Why) -> String {
    let started = before.container_state.running.as_ref().and_then(|running| running.started_at.as_ref());
    let ran = started.map(|started| format!("the server had run since {}", started.0));
    let used = before.life.activity.as_ref().map(used);
    [Some(why.message.clone()), ran, used].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// What ran in it when it was lost, as far as that was known.
fn used(activity: &Activity) -> String {
    let since = activity.since;
    let votes = activity.evidence.iter().filter(|one| one.vote == Vote::Busy).map(|one| one.value.as_str());
    let by: Vec<_> = votes.collect();
    match (activity.verdict, by.is_empty()) {
        (Verdict::Busy, false) => format!("it was busy since {since:.0} ({})", by.join(", ")),
        (Verdict::Busy, true) => format!("it was busy since {since:.0}"),
        (Verdict::Idle, _) => format!("nobody had used it since {since:.0}"),
        (Verdict::Unknown, _) => format!("nobody could tell since {since:.0} whether it was used"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrel_api::activity::{Evidence, Signal};
    use carrel_api::notebook::ContainerState;
    use k8s_openapi::api::core::v1::ContainerStateRunning;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn ran() -> NotebookStatus {
        let running = ContainerStateRunning { started_at: Some(Time(time("2026-01-02T08:00:00Z"))) };
        NotebookStatus {
            phase: Some(Phase::Running),
            node_name: Some("n1".to_owned()),
            container_state: ContainerState { running: Some(running), ..ContainerState::default() },
            ..NotebookStatus::default()
        }
    }

    #[test]
    fn what_was_lost_is_remembered_until_the_next_loss() {
        let evicted = Why::new(Phase::Starting, Reason::Evicted, "the pod is taken off its node n1");
        let loss = last_loss(&ran(), &evicted, time("2026-01-02T10:00:00.7Z")).unwrap();
        assert_eq!(loss.at, time("2026-01-02T10:00:00Z"));
        assert_eq!((loss.reason.as_str(), loss.node.as_deref()), ("Evicted", Some("n1")));
        assert_eq!(loss.message, "the pod is taken off its node n1; the server had run since 2026-01-02T08:00:00Z");

        let starting = NotebookStatus { phase: Some(Phase::Starting), last_loss: Some(loss.clone()), ..ran() };
        let later = time("2026-01-02T10:05:00Z");
        for reason in [Reason::Evicted, Reason::OutOfMemory, Reason::Starting] {
            let why = Why::new(Phase::Starting, reason, "on its way back");
            assert_eq!(last_loss(&starting, &why, later), Some(loss.clone()), "{reason:?}");
        }
        let again = NotebookStatus { last_loss: Some(loss.clone()), ..ran() };
        let running = Why::new(Phase::Running, Reason::Running, "the server is ready");
        assert_eq!(last_loss(&again, &running, later), Some(loss));
        let no_answer = Why::new(Phase::Starting, Reason::NodeLost, "the node n1 does not answer");
        assert_eq!(last_loss(&again, &no_answer, later).unwrap().reason, "NodeLost");
    }

    #[test]
    fn what_ran_in_it_is_told() {
        let vote = |signal, vote, value: &str| Evidence {
            signal,
            vote,
            value: value.to_owned(),
            at: time("2026-01-02T09:59:00Z"),
        };
        let evidence = vec![
            vote(Signal::Kernels, Vote::Busy, "1 of 2 kernels busy"),
            vote(Signal::Terminals, Vote::Idle, "no terminal"),
        ];
        let since = time("2026-01-02T09:00:00.4Z");
        let mut before = ran();
        let evicted = Why::new(Phase::Starting, Reason::Evicted, "the pod is taken off its node n1");
        for (verdict, expected) in [
            (Verdict::Busy, "it was busy since 2026-01-02T09:00:00Z (1 of 2 kernels busy)"),
            (Verdict::Idle, "nobody had used it since 2026-01-02T09:00:00Z"),
            (Verdict::Unknown, "nobody could tell since 2026-01-02T09:00:00Z whether it was used"),
        ] {
            before.life.activity =
                Some(Activity { verdict, since, evidence: evidence.clone(), pending: None, kept: None });
            let loss = last_loss(&before, &evicted, time("2026-01-02T10:00:00Z")).unwrap();
            let ran = "the pod is taken off its node n1; the server had run since 2026-01-02T08:00:00Z";
            assert_eq!(loss.message, format!("{ran}; {expected}"));
        }
    }

    #[test]
    fn a_stop_and_a_restart_are_no_loss() {
        for (phase, reason) in [(Phase::Stopping, Reason::Stopping), (Phase::Starting, Reason::Restarting)] {
            assert_eq!(last_loss(&ran(), &Why::new(phase, reason, "as asked"), time("2026-01-02T10:00:00Z")), None);
        }
    }
}
