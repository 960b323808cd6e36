use super::*;
use crate::testing::{asks_for, story};

fn resolved(pod_spec: &str) -> Resolved {
    resolve(&asks_for(pod_spec), &Settings::default()).unwrap()
}

fn refusal(pod_spec: &str) -> String {
    resolve(&asks_for(pod_spec), &Settings::default()).unwrap_err().message
}

#[test]
fn the_first_container_is_completed_and_no_other() {
    let resolved = resolved("{containers: [{name: a, image: i}, {name: b, image: i}]}");
    let [server, other] = &resolved.pod.containers[..] else { panic!() };
    assert_eq!(server.working_dir.as_deref(), Some("/home/jovyan"));
    assert_eq!(server.ports.as_ref().unwrap()[0].container_port, 8888);
    assert_eq!(server.ports.as_ref().unwrap()[0].name.as_deref(), Some("notebook-port"));
    let env = &server.env.as_ref().unwrap()[0];
    assert_eq!((env.name.as_str(), env.value.as_deref()), ("NB_PREFIX", Some("/notebook/team-a/iris")));
    assert_eq!((&other.working_dir, &other.ports, &other.env), (&None, &None, &None));
}

#[test]
fn what_the_owner_says_stays() {
    let resolved = resolved(
        "{securityContext: {}, containers: [{name: a, image: i, workingDir: /w, ports: [{containerPort: 7}, {containerPort: 8}],
          env: [{name: NB_PREFIX, value: /p}]}]}",
    );
    let server = &resolved.pod.containers[0];
    assert_eq!(server.working_dir.as_deref(), Some("/w"));
    assert_eq!(server.env.as_ref().unwrap().len(), 1);
    assert_eq!(server.env.as_ref().unwrap()[0].value.as_deref(), Some("/p"));
    assert_eq!(resolved.port, 7, "the first port is the server's");
    assert_eq!(resolved.pod.security_context, Some(PodSecurityContext::default()));
}

#[test]
fn an_empty_list_of_ports_is_no_list() {
    assert_eq!(resolved("{containers: [{name: a, image: i, ports: []}]}").port, 8888);
}

#[test]
fn the_volumes_group_is_set_unless_the_admin_or_the_owner_says_otherwise() {
    let spec = "{containers: [{name: a, image: i}]}";
    assert_eq!(resolved(spec).pod.security_context.unwrap().fs_group, Some(100));
    let without = resolve(&asks_for(spec), &Settings { add_fs_group: false, ..Settings::default() }).unwrap();
    assert_eq!(without.pod.security_context, None);
}

#[test]
fn the_last_variable_of_a_name_counts() {
    let resolved = resolved(
        "{containers: [{name: a, image: i, env: [{name: X, value: '1'}, {name: Z, value: '2'}, {name: X, value: '3'}]}]}",
    );
    let env = resolved.pod.containers[0].env.as_ref().unwrap();
    let pairs: Vec<_> = env.iter().map(|var| (var.name.as_str(), var.value.as_deref().unwrap())).collect();
    assert_eq!(pairs, [("Z", "2"), ("X", "3"), ("NB_PREFIX", "/notebook/team-a/iris")]);
}

#[test]
fn what_can_not_run_is_refused_with_the_field() {
    assert_eq!(refusal("{containers: []}"), "spec.template.spec.containers is empty");
    assert_eq!(refusal("{containers: [{image: i}]}"), "spec.template.spec.containers[0].name is missing");
    assert_eq!(
        refusal("{containers: [{name: a, image: i}, {name: b}]}"),
        "spec.template.spec.containers[1].image is missing"
    );
    let message = refusal("{containers: [{name: a, image: 7}]}");
    assert!(message.starts_with("spec: template.spec"), "{message}");
}

#[test]
fn the_notebooks_labels_and_annotations_reach_the_pod_but_not_all() {
    let observed = story(
        "notebook:
           metadata:
             name: iris
             uid: u
             labels: {app: iris, statefulset: x, notebook-name: y, both: notebook}
             annotations: {a.example/keep: '1', kubectl.kubernetes.io/x: '2', notebooks.kubeflow.org/y: '3', kubeflow-resource-stopped: ''}
           spec: {template: {metadata: {labels: {both: template}, annotations: {mine: '4'}}, spec: {containers: [{name: a, image: i}]}}}",
    );
    let resolved = resolve(&observed, &Settings::default()).unwrap();
    let pairs = |map: &BTreeMap<String, String>| map.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
    assert_eq!(pairs(&resolved.labels), ["app=iris", "both=template", "notebook-name=iris", "statefulset=iris"]);
    assert_eq!(pairs(&resolved.annotations), ["a.example/keep=1", "mine=4"]);
    assert!(resolved.stopped);
}

#[test]
fn only_the_owners_own_template_counts_for_a_restart() {
    let hash = |notebook: &str| resolve(&story(notebook), &Settings::default()).unwrap().owner_template;
    let of = |labels: &str, image: &str| {
        hash(&format!(
            "notebook: {{metadata: {{name: n, uid: u, labels: {labels}}}, spec: {{template: {{spec: {{containers: [{{name: a, image: {image}}}]}}}}}}}}"
        ))
    };
    assert_eq!(of("{}", "i"), of("{new: label}", "i"));
    assert_ne!(of("{}", "i"), of("{}", "j"));
    assert_eq!(of("{}", "i"), "86dc4f8a1efe07d2", "stored on pods: a release that changes it restarts them all");
}
