use std::sync::Arc;

use carrel_runtime::Key;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::progress::{Progress, progress};
use super::read::{ByKey, Found, FoundPod};
use super::rows::{Fate, Now};
use super::*;

fn chosen() -> Chosen {
    Chosen { namespace: None, add_fs_group: true, tensorboards: true, pvc_viewers: true, istio: false }
}

fn put<K: kube::ResourceExt + DeserializeOwned>(into: &mut ByKey<K>, object: &Value) {
    let object: K = serde_json::from_value(object.clone()).unwrap();
    into.insert(Key::of(&object), Arc::new(object));
}

fn owned(kind: &str, name: &str) -> Value {
    json!([{"apiVersion": "kubeflow.org/v1", "kind": kind, "name": name, "uid": format!("uid-{name}"), "controller": true}])
}

fn metadata(name: &str, owners: &Value) -> Value {
    json!({"name": name, "namespace": "a", "uid": format!("child-{name}"), "ownerReferences": owners})
}

/// A Notebook as Kubeflow's controller runs it.
fn notebook(found: &mut Found, name: &str) {
    let pod = json!({"containers": [{"name": name, "image": "i"}]});
    let mut own = metadata(name, &json!([]));
    own["uid"] = json!(format!("uid-{name}"));
    own["labels"] = json!({"team": "a"});
    put(&mut found.notebooks, &json!({"metadata": own, "spec": {"template": {"spec": pod}}}));
    let owners = owned("Notebook", name);
    let labels = json!({"statefulset": name, "notebook-name": name});
    put(
        &mut found.stateful_sets,
        &json!({"metadata": metadata(name, &owners), "spec": {"replicas": 1, "selector": {"matchLabels": {"statefulset": name}},
            "template": {"metadata": {"labels": labels}, "spec": pod}}}),
    );
    put(&mut found.services, &json!({"metadata": metadata(name, &owners), "spec": {}}));
    let set = json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name, "uid": format!("child-{name}"), "controller": true}]);
    add_pod(found, &format!("{name}-0"), &labels, &set);
}

fn add_pod(found: &mut Found, name: &str, labels: &Value, owners: &Value) {
    let mut own = metadata(name, owners);
    own["labels"] = labels.clone();
    let pod = Arc::new(serde_json::from_value(json!({"metadata": own})).unwrap());
    found.pods.insert(Key::new("a", name), FoundPod { pod, restarts: 0 });
}

/// A Tensorboard as Kubeflow's controller runs it.
fn board(found: &mut Found, name: &str) {
    let mut own = metadata(name, &json!([]));
    own["uid"] = json!(format!("uid-{name}"));
    put(&mut found.tensorboards, &json!({"metadata": own, "spec": {"logspath": "pvc://data/x"}}));
    let (owners, labels) = (owned("Tensorboard", name), json!({"app": name}));
    put(
        &mut found.deployments,
        &json!({"metadata": metadata(name, &owners), "spec": {"selector": {"matchLabels": labels}, "template": {}}}),
    );
    put(&mut found.services, &json!({"metadata": metadata(name, &owners), "spec": {}}));
    let set = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": "x", "controller": true}]);
    add_pod(found, &format!("{name}-x"), &labels, &set);
}

/// The cells of a row's child, in the words of the table.
fn told(found: &Found, chosen: &Chosen) -> Vec<String> {
    let table = table::table(&rows(found, chosen));
    let squeezed =
        |line: &str| line.split("  ").filter(|cell| !cell.is_empty()).map(str::trim).collect::<Vec<_>>().join(" | ");
    table.lines().skip(1).map(squeezed).collect()
}

#[test]
fn what_kubeflow_made_is_taken_over() {
    let mut found = Found::default();
    notebook(&mut found, "iris");
    board(&mut found, "board");
    let expected = [
        "Notebook | a/iris | StatefulSet/iris | Kubeflow's | taken over; its pod goes on; waits for its next start: metadata.labels.team",
        "Notebook | a/iris | Service/iris | Kubeflow's | taken over",
        "Tensorboard | a/board | Deployment/board | Kubeflow's | taken over; its pod is replaced once",
        "Tensorboard | a/board | Service/board | Kubeflow's | taken over",
    ];
    let told = told(&found, &chosen());
    assert!(told[0].starts_with("Notebook | a/iris | StatefulSet/iris | Kubeflow's | taken over; its pod goes on; waits for its next start: "), "{told:?}");
    assert!(told[0].contains("metadata.labels.team"), "{told:?}");
    assert_eq!(told[1..], expected[1..]);
    let rows = rows(&found, &chosen());
    assert_eq!(table::sum(&rows), "4 children: 4 to take over. Of 2 pods 1 goes on, 1 is replaced once");
}

#[test]
fn a_pod_that_its_owner_has_asked_to_restart_is_told() {
    let mut found = Found::default();
    notebook(&mut found, "iris");
    let mut pod = serde_json::to_value(found.pods[&Key::new("a", "iris-0")].pod.as_ref()).unwrap();
    pod["metadata"]["annotations"] = json!({"carrel.dev/owner-template": "of-an-older-text"});
    found.pods.get_mut(&Key::new("a", "iris-0")).unwrap().pod = Arc::new(serde_json::from_value(pod).unwrap());
    let told = told(&found, &chosen());
    let words = "taken over; its pod restarts: its owner changed the pod template; the pod starts again with it";
    assert!(told[0].ends_with(words), "{told:?}");
}

#[test]
fn a_name_that_can_not_stay_gets_children_beside_the_old_ones() {
    let mut found = Found::default();
    notebook(&mut found, "9lives");
    let told = told(&found, &chosen());
    assert_eq!(told.len(), 4, "{told:?}");
    let stays = "Notebook | a/9lives | StatefulSet/9lives | Kubeflow's | stays: its name begins with a digit, and Carrel makes nb-9lives-x275451e2b3 beside it: stop the Notebook and delete this one first";
    assert_eq!(told[0], stays);
    assert_eq!(told[2], "Notebook | a/9lives | StatefulSet/nb-9lives-x275451e2b3 | none | made");
}

#[test]
fn somebody_elses_and_those_that_are_not_looked_after_stay() {
    let mut found = Found::default();
    notebook(&mut found, "iris");
    let other = json!({"metadata": metadata("iris", &owned("Deployment", "web")), "spec": {}});
    put(&mut found.services, &other);
    let all = rows(&found, &chosen());
    assert_eq!(all[1].now, Now::Other("Deployment web".to_owned()));
    assert_eq!(all[1].becomes, Fate::Refused("the name is taken by Deployment web".to_owned()));
    let left = "Service/iris of Notebook a/iris: the name is taken by Deployment web".to_owned();
    let due = vec!["StatefulSet/iris of Notebook a/iris".to_owned()];
    assert_eq!(progress(&all, &found), Progress { done: 0, due, left: vec![left] });

    let alone = Chosen { namespace: Some("b".to_owned()), ..chosen() };
    let why = "Carrel's controllers look after the namespace b alone".to_owned();
    assert_eq!(rows(&found, &alone)[0].becomes, Fate::Stays(why));
    board(&mut found, "board");
    let without = Chosen { tensorboards: false, ..chosen() };
    assert!(matches!(rows(&found, &without)[2].becomes, Fate::Stays(_)));
}

#[test]
fn a_virtual_service_is_taken_over_only_where_they_are_made() {
    let mut found = Found::default();
    notebook(&mut found, "iris");
    assert_eq!(rows(&found, &Chosen { istio: true, ..chosen() }).len(), 2, "the cluster has none");
    let route = json!({"metadata": metadata("notebook-a-iris", &owned("Notebook", "iris")), "spec": {}});
    put(found.virtual_services.insert(ByKey::new()), &route);
    let fate = |istio| rows(&found, &Chosen { istio, ..chosen() })[2].becomes.clone();
    assert_eq!(fate(true), Fate::TakenOver);
    assert_eq!(fate(false), Fate::Stays(NO_ROUTES.to_owned()));
}

#[test]
fn a_virtual_service_that_kubeflow_wrote_since_is_its_again_though_the_mark_stays() {
    let mut found = Found::default();
    notebook(&mut found, "iris");
    let mut now = |manager: &str, fields: Value| {
        let mut own = metadata("notebook-a-iris", &owned("Notebook", "iris"));
        own["annotations"] = json!({"carrel.dev/applied": "x"});
        own["managedFields"] = json!([{"manager": manager, "operation": "Update",
            "apiVersion": "networking.istio.io/v1alpha3", "fieldsType": "FieldsV1", "fieldsV1": fields}]);
        put(found.virtual_services.insert(ByKey::new()), &json!({"metadata": own, "spec": {}}));
        rows(&found, &Chosen { istio: true, ..chosen() })[2].now.clone()
    };
    assert_eq!(now("manager", json!({"f:spec": {"f:http": {}}})), Now::Kubeflow);
    assert_eq!(now("manager", json!({"f:spec": {"f:gateways": {}}})), Now::Carrel, "the same as Carrel's, and both's");
    assert_eq!(now("kubectl-edit", json!({"f:spec": {"f:http": {}}})), Now::Carrel, "retries that an admin added");
}

#[test]
fn what_carrel_wrote_is_done_and_what_it_refuses_is_told_with_its_words() {
    let mut found = Found::default();
    notebook(&mut found, "iris");
    let mut service = metadata("iris", &owned("Notebook", "iris"));
    service["annotations"] = json!({"carrel.dev/applied": "x"});
    put(&mut found.services, &json!({"metadata": service, "spec": {}}));
    let all = rows(&found, &chosen());
    assert_eq!((all[1].now.clone(), all[1].becomes.clone()), (Now::Carrel, Fate::Nothing));
    assert_eq!(progress(&all, &found).done, 1);

    let mut refused = serde_json::to_value(found.notebooks.values().next().unwrap().as_ref()).unwrap();
    let ready = json!({"type": "Ready", "status": "False", "reason": "Refused", "message": "a webhook says no"});
    refused["status"] = json!({"conditions": [ready], "readyReplicas": 0, "containerState": {}});
    put(&mut found.notebooks, &refused);
    let progress = progress(&rows(&found, &chosen()), &found);
    assert_eq!(progress.due, Vec::<String>::new());
    assert_eq!(progress.left, ["StatefulSet/iris of Notebook a/iris: Refused: a webhook says no"]);
}

#[test]
fn controllers_of_kubeflows_at_work_are_named_with_how_to_stop_them() {
    let rival = |replicas: i32| {
        let deployment = json!({"metadata": {"name": "notebook-controller-deployment", "namespace": "kubeflow"},
            "spec": {"replicas": replicas, "selector": {}, "template": {}}});
        crate::doctor::rivals::rival(&serde_json::from_value(deployment).unwrap()).unwrap()
    };
    refuse(&Ok(vec![rival(0)]), &Settings::default()).unwrap();
    let told = refuse(&Ok(vec![rival(1)]), &Settings::default()).unwrap_err().to_string();
    assert!(told.contains("kubeflow/notebook-controller-deployment: 0 of 1 replicas ready"), "{told}");
    assert!(
        told.ends_with("kubectl -n kubeflow scale deployment/notebook-controller-deployment --replicas=0"),
        "{told}"
    );
    assert!(refuse(&Err("no right".to_owned()), &Settings::default()).is_err(), "nobody knows");
}
