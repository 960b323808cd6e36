//! What is said of a policy, by what it says itself, the others, and the labels of the namespaces.

use std::collections::{BTreeMap, BTreeSet};

use carrel_activity::policy::{Named, problems, ranked};
use carrel_api::lab_policy::{ACCEPTED, Condition, HasSection, LabPolicy, LabPolicyStatus, SECTIONS, Section};
use carrel_api::whole_seconds;
use jiff::Timestamp;
use kube::ResourceExt;

/// A policy that can be followed.
const FOLLOWED: &str = "Followed";
/// A policy that can't.
const INVALID: &str = "Invalid";
/// So many of the policies that overrule a section are named.
const NAMED: usize = 10;

/// The status of a policy among `all`, itself among them, where there are namespaces with these labels.
pub(crate) fn status(
    policy: &LabPolicy,
    before: &LabPolicyStatus,
    all: &[Named],
    namespaces: &[BTreeMap<String, String>],
    now: Timestamp,
) -> LabPolicyStatus {
    let flaws = match &policy.spec {
        carrel_api::Checked::Valid(spec) => problems(spec),
        carrel_api::Checked::Invalid { problem, .. } => vec![problem.clone()],
    };
    let (mut selected, mut sections) = (0, Vec::new());
    if let Some(spec) = policy.spec.valid().filter(|_| flaws.is_empty()) {
        let there: Vec<_> = namespaces.iter().filter(|labels| spec.namespace_selector.matches(labels)).collect();
        selected = count(there.len());
        let orders: Vec<_> = there.iter().map(|labels| ranked(all, labels)).collect();
        let name = policy.name_any();
        sections = SECTIONS
            .iter()
            .filter(|(_, has)| has(spec))
            .map(|(section, has)| section_of(section, *has, &name, &orders))
            .collect();
    }
    LabPolicyStatus {
        conditions: vec![accepted(policy, before, &flaws, selected, now)],
        observed_generation: policy.metadata.generation,
        namespaces: selected,
        sections,
    }
}

fn section_of(section: &str, has: HasSection, name: &str, orders: &[Vec<&Named>]) -> Section {
    let deciders = orders.iter().filter_map(|order| order.iter().find(|policy| has(&policy.spec)));
    let (own, others): (Vec<_>, Vec<_>) = deciders.map(|policy| policy.name.as_str()).partition(|found| *found == name);
    let others: BTreeSet<_> = others.into_iter().collect();
    Section {
        name: section.to_owned(),
        decides: count(own.len()),
        overruled_by: others.into_iter().take(NAMED).map(str::to_owned).collect(),
    }
}

fn accepted(
    policy: &LabPolicy,
    before: &LabPolicyStatus,
    flaws: &[String],
    selected: i32,
    now: Timestamp,
) -> Condition {
    let (status, reason, message) = if flaws.is_empty() {
        let message = match selected {
            0 => "no namespace has the labels that it selects".to_owned(),
            1 => "it speaks of one namespace".to_owned(),
            more => format!("it speaks of {more} namespaces"),
        };
        ("True", FOLLOWED, message)
    } else {
        ("False", INVALID, format!("nothing of it is followed: {}", flaws.join("; ")))
    };
    let same = before.conditions.iter().find(|found| found.type_ == ACCEPTED && found.status == status);
    Condition {
        type_: ACCEPTED.to_owned(),
        status: status.to_owned(),
        observed_generation: policy.metadata.generation,
        last_transition_time: same.map_or_else(|| whole_seconds(now), |same| same.last_transition_time),
        reason: reason.to_owned(),
        message,
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrel_activity::rulebook::named;

    fn policy(yaml: &str) -> LabPolicy {
        serde_saphyr::from_str(yaml).unwrap()
    }

    fn namespaces(teams: &[&str]) -> Vec<BTreeMap<String, String>> {
        teams.iter().map(|team| BTreeMap::from([("team".to_owned(), (*team).to_owned())])).collect()
    }

    fn said(policy: &LabPolicy, others: &[&LabPolicy], teams: &[&str]) -> LabPolicyStatus {
        let all: Vec<_> = [policy].into_iter().chain(others.iter().copied()).filter_map(named).collect();
        status(policy, &LabPolicyStatus::default(), &all, &namespaces(teams), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn each_section_is_counted_where_it_decides() {
        let all = policy("{metadata: {name: all}, spec: {idle: {idleAfter: 1h}, keepAlive: {max: 1d}}}");
        let strict = policy(
            "{metadata: {name: strict}, spec: {priority: 5, namespaceSelector: {matchLabels: {team: gpu}}, idle: {idleAfter: 10m}}}",
        );
        let status = said(&all, &[&strict], &["gpu", "cpu", "web"]);
        assert_eq!(status.namespaces, 3);
        let section = |name: &str, decides, by: &[&str]| Section {
            name: name.to_owned(),
            decides,
            overruled_by: by.iter().map(|name| (*name).to_owned()).collect(),
        };
        assert_eq!(status.sections, [section("idle", 2, &["strict"]), section("keepAlive", 3, &[])]);
        let status = said(&strict, &[&all], &["gpu", "cpu", "web"]);
        assert_eq!((status.namespaces, status.sections), (1, vec![section("idle", 1, &[])]));
        let condition = status.conditions.first().unwrap();
        assert_eq!((condition.status.as_str(), condition.message.as_str()), ("True", "it speaks of one namespace"));
    }

    #[test]
    fn what_can_not_be_followed_is_told_and_decides_nowhere() {
        let band = policy(
            "{metadata: {name: a, generation: 2}, spec: {idle: {idleAfter: 1d, userLimits: {min: 1h, max: 2h}}}}",
        );
        let unread = policy("{metadata: {name: b}, spec: {idle: {idleAfter: soon}}}");
        for (policy, expected) in [(&band, "idle.idleAfter (1d) must be from 1h to 2h"), (&unread, "idle.idleAfter")] {
            let status = said(policy, &[], &["gpu"]);
            let condition = status.conditions.first().unwrap();
            assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("False", "Invalid"));
            assert!(condition.message.contains(expected), "{}", condition.message);
            assert_eq!((status.namespaces, status.sections), (0, vec![]));
            assert_eq!(status.observed_generation, policy.metadata.generation);
        }
        let status = said(&band, &[&policy("{metadata: {name: good}, spec: {idle: {idleAfter: 1h}}}")], &["gpu"]);
        assert!(status.sections.is_empty());
    }

    #[test]
    fn a_time_is_that_of_the_transition() {
        let mut good = policy("{metadata: {name: a}, spec: {idle: {idleAfter: 1h}}}");
        let first = said(&good, &[], &[]);
        assert_eq!(first.conditions.first().unwrap().message, "no namespace has the labels that it selects");
        good.metadata.generation = Some(7);
        let later = Timestamp::from_second(500).unwrap();
        let all: Vec<_> = named(&good).into_iter().collect();
        let second = status(&good, &first, &all, &namespaces(&["x"]), later);
        assert_eq!(second.conditions.first().unwrap().last_transition_time, Timestamp::UNIX_EPOCH);
        let bad = policy("{metadata: {name: a}, spec: {lifetime: {maxRunning: 0s}}}");
        let third = status(&bad, &second, &[], &[], later);
        assert_eq!(third.conditions.first().unwrap().last_transition_time, later);
    }
}
