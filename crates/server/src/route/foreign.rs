//! What the types of foreign kinds have in common. They hold the fields that we write, and read any object: a shape that we
//! do not know is kept as it is (`Checked`), so that one object never breaks the watch of all.

/// Declares a kind of another project: its type with `apiVersion`, `kind`, metadata and a checked spec.
macro_rules! foreign {
    ($(#[$doc:meta])* $kind:ident, $spec:ty, $group:literal, $version:literal, $plural:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $kind {
            #[serde(default)]
            api_version: String,
            #[serde(default)]
            kind: String,
            /// Name, owner, labels, annotations.
            pub metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
            /// What it asks for.
            #[serde(default)]
            pub spec: carrel_api::Checked<$spec>,
        }

        impl $kind {
            pub(super) fn new(metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta, spec: $spec) -> Self {
                let api_version = concat!($group, "/", $version).to_owned();
                Self { api_version, kind: stringify!($kind).to_owned(), metadata, spec: carrel_api::Checked::Valid(spec) }
            }
        }

        carrel_api::namespaced_kind!($kind, stringify!($kind), $group, $version, $plural);
    };
}

pub(super) use foreign;
