use super::*;
use proptest::prelude::*;
use serde_json::{Map, json};

#[allow(clippy::needless_pass_by_value)] // So that the cases read well.
fn at(wanted: Value, live: Value) -> Option<String> {
    covers(&wanted, &live).err().map(|difference| difference.to_string())
}

#[test]
fn defaults_and_what_others_added_are_none_of_our_business() {
    let wanted =
        json!({"spec": {"containers": [{"name": "main", "image": "a", "env": [{"name": "X", "value": "1"}]}]}});
    let live = json!({"metadata": {"labels": {"theirs": "1"}}, "spec": {"dnsPolicy": "ClusterFirst", "containers": [
        {"name": "sidecar", "image": "proxy"},
        {"name": "main", "image": "a", "imagePullPolicy": "Always",
            "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}]}]}});
    assert_eq!(at(wanted, live), None);
}

#[test]
fn a_difference_says_where_it_is() {
    let wanted = json!({"spec": {"containers": [{"name": "main", "image": "a"}]}});
    let live = json!({"spec": {"containers": [{"name": "main", "image": "b"}]}});
    assert_eq!(at(wanted.clone(), live), Some("spec.containers[name=main].image: b instead of a".into()));
    let renamed = json!({"spec": {"containers": [{"name": "other", "image": "a"}]}});
    let message = at(wanted, renamed).unwrap();
    assert!(message.starts_with("spec.containers[name=main]: nothing instead of"), "{message}");
}

#[test]
fn quantities_are_amounts_where_quantities_stand_and_text_elsewhere() {
    let limits = |cpu: &str, memory: &str| json!({"resources": {"limits": {"cpu": cpu, "memory": memory}}});
    assert_eq!(at(limits("0.5", "1024Mi"), limits("500m", "1Gi")), None);
    assert_eq!(
        at(limits("0.5", "1Gi"), limits("600m", "1Gi")),
        Some("resources.limits.cpu: 600m instead of 0.5".into())
    );
    assert!(at(json!({"args": ["1.0"]}), json!({"args": ["1"]})).is_some());
}

#[test]
fn an_empty_value_is_an_absent_one() {
    let wanted = json!({"hostNetwork": false, "env": [], "securityContext": {}, "tolerations": null, "value": ""});
    assert_eq!(at(wanted, json!({})), None);
    assert_eq!(at(json!({"enabled": false}), json!({"enabled": true})), Some("enabled: true instead of false".into()));
    assert_eq!(at(json!({"enabled": true}), json!({})), Some("enabled: nothing instead of true".into()));
}

/// `false` and 0 are what a field says where its absence says something else.
#[test]
fn a_zero_that_the_api_server_stores_is_missed() {
    for (field, zero) in [
        ("hostUsers", json!(false)),
        ("automountServiceAccountToken", json!(false)),
        ("allowPrivilegeEscalation", json!(false)),
        ("runAsUser", json!(0)),
    ] {
        let wanted = json!({"securityContext": {field: zero}});
        assert_eq!(at(wanted.clone(), wanted.clone()), None);
        assert!(at(wanted, json!({})).is_some(), "{field}");
    }
    assert_eq!(at(json!({"stdin": false, "hostPort": 0}), json!({})), None);
}

/// An empty selector selects all, an absent one nothing; and a volume is what its field names.
#[test]
fn an_empty_value_that_says_something_is_missed() {
    let term = json!({"podAffinity": {"terms": [{"topologyKey": "zone", "namespaceSelector": {}}]}});
    assert!(at(term, json!({"podAffinity": {"terms": [{"topologyKey": "zone"}]}})).is_some());
    let volume = json!({"volumes": [{"name": "scratch", "emptyDir": {}}]});
    assert_eq!(at(volume.clone(), volume.clone()), None);
    assert!(at(volume, json!({"volumes": [{"name": "scratch", "hostPath": {"path": "/"}}]})).is_some());
}

#[test]
fn ports_are_found_by_number_and_protocol_with_tcp_for_granted() {
    let wanted = json!({"ports": [{"containerPort": 8888, "name": "a"}]});
    let live = json!({"ports": [{"containerPort": 8888, "protocol": "UDP", "name": "u"},
        {"containerPort": 8888, "protocol": "TCP", "name": "a"}]});
    assert_eq!(at(wanted, live), None);
}

#[test]
fn services_ports_are_found_by_port() {
    let wanted = json!({"ports": [{"name": "http-a", "port": 80, "targetPort": 8888}]});
    let live = |target| {
        json!({"ports": [{"name": "x", "port": 9, "protocol": "TCP"},
            {"name": "http-a", "port": 80, "protocol": "TCP", "targetPort": target}]})
    };
    assert_eq!(at(wanted.clone(), live(8888)), None);
    assert_eq!(at(wanted, live(1)), Some("ports[port=80,protocol=TCP].targetPort: 1 instead of 8888".into()));
}

#[test]
fn lists_without_keys_are_one_value() {
    assert!(at(json!({"args": ["a", "b"]}), json!({"args": ["a", "b", "c"]})).is_some());
    assert!(at(json!({"args": ["a", "b"]}), json!({"args": ["b", "a"]})).is_some());
    let tolerations = json!({"tolerations": [{"key": "gpu", "operator": "Exists"}]});
    assert_eq!(at(tolerations.clone(), tolerations), None);
}

#[test]
fn all_differences_are_told_each_with_its_path() {
    let wanted = json!({"labels": {"a": "1", "b": "2"}, "containers": [{"name": "main", "image": "new", "args": ["x"]}, {"name": "more", "image": "i"}]});
    let live = json!({"labels": {"a": "1", "b": "3", "theirs": "4"}, "containers": [{"name": "main", "image": "old", "args": ["y"]}]});
    let paths: Vec<_> = differences(&wanted, &live).into_iter().map(|difference| difference.path).collect();
    assert_eq!(
        paths,
        ["containers[name=main].args[0]", "containers[name=main].image", "containers[name=more]", "labels.b"]
    );
}

#[test]
fn another_spelling_is_the_same() {
    let by_hand = json!({"spec": {"containers": [{"name": "a", "ports": [{"containerPort": 1}], "resources": {"limits": {"cpu": 0.5, "memory": "1Gi"}}}, {"name": "b"}]}});
    let by_client = json!({"metadata": {"creationTimestamp": null}, "spec": {"containers": [
        {"name": "a", "args": [], "ports": [{"containerPort": 1, "protocol": "TCP"}], "resources": {"limits": {"cpu": "500m", "memory": "1024Mi"}}},
        {"name": "b", "image": "", "resources": {}}]}});
    assert_eq!(canonical(&by_hand), canonical(&by_client));
    let automount = |value| canonical(&json!({"automountServiceAccountToken": value}));
    assert_ne!(automount(json!(false)), automount(json!(null)), "absent is true");
    assert_ne!(canonical(&json!({"emptyDir": {}})), canonical(&json!({})));
}

#[test]
fn values_of_variables_are_told_apart_but_not_shown() {
    let env = |value: &str| json!({"env": [{"name": "TOKEN", "value": value}]});
    let said = at(env("s3cret"), env("0ther")).unwrap();
    assert!(said.starts_with("env[name=TOKEN].value: (hidden "), "{said}");
    assert!(!said.contains("s3cret") && !said.contains("0ther"), "{said}");
}

/// A container that is not there at all is told without its variables.
#[test]
fn nothing_shows_what_is_inside_of_larger_things() {
    let wanted = json!({"containers": [{"name": "main", "env": [{"name": "TOKEN", "value": "s3cret"}]}]});
    let said = at(wanted, json!({"containers": []})).unwrap();
    assert!(said.starts_with("containers[name=main]: nothing instead of {2 fields, "), "{said}");
}

#[test]
fn long_texts_that_start_alike_are_told_apart() {
    let long = |end: &str| json!({"command": "x".repeat(90) + end});
    let [difference] = &differences(&long("a"), &long("b"))[..] else { panic!() };
    assert_ne!(difference.wanted, difference.found);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z0-9.]{0,6}".prop_map(Value::from),
    ];
    let field =
        prop_oneof![Just("containers"), Just("env"), Just("ports"), Just("limits"), Just("name"), Just("finalizers")];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(field.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(|fields| Value::from(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn never_panics(wanted in any_json(), live in any_json()) {
        let _ = covers(&wanted, &live);
    }

    #[test]
    fn additions_never_count(base in any_json(), extra in any_json()) {
        let wanted = json!({"field": base.clone()});
        let live = json!({"field": base.clone(), "another": extra});
        // Items of a list with keys that share one key can't be told apart; the API server refuses such lists.
        prop_assume!(covers(&wanted, &wanted).is_ok());
        prop_assert!(covers(&wanted, &live).is_ok());
    }
}
