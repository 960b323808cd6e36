//! What the definitions of several kinds have in common.

use kube_core::schema::{OptionalEnum, OptionalIntOrString, StructuralSchemaRewriter};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// The names of a kind.
pub(crate) struct Names {
    pub(crate) group: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) singular: &'static str,
    pub(crate) short: &'static [&'static str],
}

/// Whether objects of a kind stand in namespaces.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope {
    Namespaced,
    Cluster,
}

/// The CustomResourceDefinition of a kind in one version, with a status subresource.
pub(crate) fn definition(names: &Names, scope: Scope, version: &str, schema: &Value, columns: &Value) -> Value {
    let Names { group, kind, plural, singular, short } = names;
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group,
            "names": {
                "kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": singular,
                "shortNames": short, "categories": ["carrel"],
            },
            "scope": format!("{scope:?}"),
            "conversion": {"strategy": "None"},
            "versions": [{
                "name": version,
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}},
                "additionalPrinterColumns": columns,
            }],
        }
    })
}

/// A column of `kubectl get`; a wide one is shown by `-o wide` only.
pub(crate) fn column(name: &str, path: &str, description: &str, wide: bool) -> Value {
    json!({"name": name, "type": "string", "jsonPath": path, "description": description,
        "priority": i32::from(wide)})
}

/// The column of an object's age.
pub(crate) fn age() -> Value {
    json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"})
}

/// The schema of an object with this spec and status. An object that is older than the rule and has no spec must still get a
/// status, so that the rule compares with the old object.
pub(crate) fn object(spec: &Value, status: &Value, missing: &str) -> Value {
    json!({
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
        "x-kubernetes-validations": [{
            "rule": "has(self.spec) || (oldSelf.hasValue() && !has(oldSelf.value().spec))",
            "optionalOldSelf": true,
            "message": missing,
        }],
    })
}

/// The schema of an object whose spec and status have types that derive theirs, with rules on the whole of it.
pub(crate) fn typed_object<Spec: JsonSchema, Status: JsonSchema>(rules: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": schema_of::<Spec>(),
            "status": schema_of::<Status>(),
        },
        "x-kubernetes-validations": rules,
    })
}

/// The structural schema of a type, made as kube makes those of whole kinds.
fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::openapi3().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let generator = settings
        .with_transform(schemars::transform::AddNullable::default())
        .with_transform(StructuralSchemaRewriter)
        .with_transform(OptionalEnum)
        .with_transform(OptionalIntOrString)
        .into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.remove("title");
    schema.to_value()
}
