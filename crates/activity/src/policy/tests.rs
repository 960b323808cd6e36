use super::*;
use serde_json::json;

fn named(name: &str, spec: serde_json::Value) -> Named {
    Named { name: name.to_owned(), created: None, spec: serde_json::from_value(spec).unwrap() }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn of(policies: &[Named], labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Effective {
    effective(policies, &map(&[("team", "vision")]), &map(labels), &map(annotations), &Defaults::default())
}

#[test]
fn the_higher_policy_decides_section_by_section_then_the_older_then_the_first_by_name() {
    let mut old = named("z-old", json!({"idle": {"idleAfter": "2h"}}));
    old.created = Some("2026-01-01T00:00:00Z".parse().unwrap());
    let all = [
        named("a", json!({"idle": {"idleAfter": "1h"}, "lifetime": {"maxRunning": "1d"}})),
        old,
        named("high", json!({"priority": 5, "keepAlive": {"max": "3h"}})),
        named("broken", json!({"priority": 9, "idle": {"idleAfter": "0s"}})),
        named("else", json!({"priority": 9, "namespaceSelector": {"matchLabels": {"team": "speech"}}, "idle": {}})),
    ];
    let effective = of(&all, &[], &[]);
    assert_eq!(effective.idle.unwrap().name, "z-old");
    assert_eq!(effective.lifetime.unwrap().name, "a");
    assert_eq!(effective.keep_alive.name, "high");
    assert_eq!(effective.protect_busy.name, CARREL);
}

#[test]
fn an_own_limit_counts_inside_the_band_and_is_refused_with_it_outside() {
    let all = [named("lab", json!({"idle": {"idleAfter": "2h", "userLimits": {"min": "1h", "max": "4h"}}}))];
    let own = |value| of(&all, &[], &[(IDLE_AFTER, value)]);
    assert_eq!(own("4h").idle_after, Some(TimeSpan::from_hours(4)));
    for value in ["5h", "30m", "soon", "-2h"] {
        let effective = own(value);
        assert_eq!(effective.idle_after, Some(TimeSpan::from_hours(2)), "{value}");
        assert!(effective.refused[0].contains("from 1h to 4h, which is what lab allows"), "{:?}", effective.refused);
    }
    let narrow = [named("lab", json!({"idle": {"idleAfter": "2h", "exemptLabel": "keep"}}))];
    assert_eq!(of(&narrow, &[], &[(IDLE_AFTER, "1h")]).refused.len(), 1);
    assert_eq!(of(&narrow, &[("keep", "")], &[]).idle_after, None);
}

#[test]
fn wishes_that_cannot_be_read_are_refused() {
    let odd = [(KEEP_ALIVE, "tonight"), ("carrel.dev/stop-when-done", "yes")];
    assert_eq!(of(&[], &[], &odd).refused.len(), 2);
    assert_eq!(Wishes::read(&map(&odd)).0, Wishes::default());
}

#[test]
fn kubeflows_settings_hold_where_no_policy_has_an_idle_section() {
    let env = |name: &str| (name == "ENABLE_CULLING").then(|| "true".to_owned());
    let defaults = Defaults::from_env(env);
    let empty = BTreeMap::new();
    let found = effective(&[], &empty, &empty, &empty, &defaults);
    assert_eq!(found.idle_after, Some(TimeSpan::from_mins(1440)));
    assert_eq!(found.idle.unwrap().name, KUBEFLOW);
    assert_eq!(Defaults::from_env(|_| None).kubeflow, None);
}

#[test]
fn a_policy_that_cannot_be_followed_says_why() {
    for (spec, word) in [
        (json!({"idle": {"idleAfter": "5h", "userLimits": {"min": "1h", "max": "4h"}}}), "band"),
        (json!({"idle": {"idleAfter": "2h", "userLimits": {"min": "3h", "max": "1h"}}}), "more than"),
        (json!({"signals": {"cpuAbove": "some"}}), "quantity"),
        (json!({"signals": {"stuckAfter": "1h"}}), "cpuAbove"),
        (
            json!({"schedule": {"timeZone": "Berlin", "windows":
            [{"days": ["Monday"], "from": "07:30", "to": "19:00"}]}}),
            "IANA",
        ),
        (
            json!({"schedule": {"timeZone": "Europe/Berlin", "windows":
            [{"days": ["Monday"], "from": "24:00", "to": "19:00"}]}}),
            "time of day",
        ),
        (
            json!({"schedule": {"timeZone": "Europe/Berlin", "windows":
            [{"days": [], "from": "07:30", "to": "19:00"}]}}),
            "empty",
        ),
    ] {
        let found = problems(&named("p", spec).spec);
        assert!(found.len() == 1 && found[0].contains(word), "{found:?}");
    }
    assert_eq!(problems(&named("p", json!({"idle": {"idleAfter": "1m", "warnBefore": "10m"}})).spec), [""; 0]);
}
