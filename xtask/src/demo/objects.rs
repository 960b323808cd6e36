//! The objects that the demo applies: read from the repository, and given the images to run.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::home;

use super::images::Images;
use super::target::Target;

/// Marks what the demo made in a cluster that is not its own, so that removing the demo removes nothing else.
pub(super) const MARK: &str = "carrel.dev/demo";

/// Carrel itself, whole.
pub(super) fn carrel(target: &Target, images: &Images) -> Result<Vec<Value>> {
    let folder = home::repository().join("deploy/manifests/overlays/standalone");
    let text = target.run(["kustomize".as_ref(), folder.as_os_str()])?;
    finish(&text, images).with_context(|| format!("in what kubectl makes of {}", folder.display()))
}

/// Those of `examples/` that the demo shows, each after what it needs. The others are for teams and admins.
const EXAMPLES: &[&str] = &["iris.yaml", "tensorboard.yaml", "viewer.yaml", "volume.yaml"];

/// The objects of these, file by file.
pub(super) fn examples(images: &Images) -> Result<Vec<Value>> {
    let folder = home::repository().join("examples");
    let read = |file: &&str| {
        let file = folder.join(file);
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        finish(&text, images).with_context(|| format!("in {}", file.display()))
    };
    Ok(EXAMPLES.iter().map(read).collect::<Result<Vec<_>>>()?.concat())
}

fn finish(text: &str, images: &Images) -> Result<Vec<Value>> {
    let mut objects: Vec<Value> = serde_saphyr::from_multiple(text)?;
    // A document that holds nothing but comments.
    objects.retain(|object| !object.is_null());
    for object in &mut objects {
        ensure!(object.get("kind").is_some(), "an object without a kind");
        set_images(object, images);
        mark(object);
    }
    Ok(objects)
}

/// One value that kubectl reads all objects from.
pub(super) fn list(objects: &[Value]) -> String {
    json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string()
}

/// The objects that belong to no namespace; all others go with theirs.
pub(super) fn cluster_scoped(objects: &[Value]) -> Vec<Value> {
    objects.iter().filter(|object| is_cluster_scoped(object)).cloned().collect()
}

/// The CRDs among the objects.
pub(super) fn crds(objects: &[Value]) -> Vec<Value> {
    let is_crd = |object: &&Value| object.get("kind") == Some(&json!("CustomResourceDefinition"));
    objects.iter().filter(is_crd).cloned().collect()
}

fn is_cluster_scoped(object: &Value) -> bool {
    object.pointer("/metadata/namespace").is_none()
}

fn mark(object: &mut Value) {
    if !is_cluster_scoped(object) {
        return;
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        let labels = metadata.entry("labels").or_insert_with(|| json!({}));
        if let Some(labels) = labels.as_object_mut() {
            labels.insert(MARK.to_owned(), json!("true"));
        }
    }
}

/// The image of the examples' notebooks, of which the demo needs more than is in it.
const JUPYTER: &str = "ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-scipy";

/// Gives each container that names an image of the demo, in whatever version, the reference to run.
fn set_images(value: &mut Value, images: &Images) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match (name.as_str(), field.as_str().map(repository)) {
                    ("image", Some("carrel")) => *field = json!(images.carrel),
                    ("image", Some(JUPYTER)) => *field = json!(images.jupyter),
                    _ => set_images(field, images),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| set_images(item, images)),
        _ => {}
    }
}

/// A reference without its tag; a colon before the last slash parts a port.
fn repository(reference: &str) -> &str {
    let tag = reference.rfind(':').filter(|colon| reference.rfind('/').is_none_or(|slash| slash < *colon));
    tag.map_or(reference, |colon| reference.get(..colon).unwrap_or(reference))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> Images {
        Images { carrel: "there:5000/carrel:7".into(), jupyter: "there/lab".into() }
    }

    #[test]
    fn containers_get_their_images_and_schemas_are_left_alone() {
        let text = "
kind: Deployment
metadata: {name: carrel, namespace: carrel-system}
spec: {template: {spec: {containers: [{image: 'carrel:0.1.0'}, {image: 'other/carrel:0.1.0'}]}}}
---
# nothing
---
kind: Notebook
metadata: {name: iris, namespace: team-a}
spec: {template: {spec: {containers: [{image: 'ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-scipy:v9'}]}}}
---
kind: CustomResourceDefinition
metadata: {name: notebooks.kubeflow.org}
spec: {properties: {image: {type: string}}}
";
        let objects = finish(text, &images()).unwrap();
        let image = |object: usize, container: usize| {
            &objects[object]["spec"]["template"]["spec"]["containers"][container]["image"]
        };
        assert_eq!(image(0, 0), "there:5000/carrel:7");
        assert_eq!(image(0, 1), "other/carrel:0.1.0");
        assert_eq!(image(1, 0), "there/lab");
        assert_eq!(objects[2]["spec"], json!({ "properties": { "image": { "type": "string" } } }));
    }

    #[test]
    fn only_what_belongs_to_no_namespace_is_marked() {
        let text = "{kind: Namespace, metadata: {name: a, labels: {b: c}}}\n---\n{kind: Service, metadata: {name: a, namespace: a}}\n";
        let objects = finish(text, &images()).unwrap();
        assert_eq!(objects[0]["metadata"]["labels"], json!({ "b": "c", MARK: "true" }));
        assert_eq!(objects[1]["metadata"], json!({ "name": "a", "namespace": "a" }));
        assert_eq!(cluster_scoped(&objects), objects[..1]);
    }

    #[test]
    fn a_port_is_no_tag() {
        assert_eq!(repository("localhost:5000/jupyter"), "localhost:5000/jupyter");
        assert_eq!(repository("localhost:5000/jupyter:4"), "localhost:5000/jupyter");
        assert_eq!(repository("carrel"), "carrel");
    }
}
