//! The kinds of objects that commands name, as kubectl's users call them.

use carrel_api::{notebook, pvc_viewer, tensorboard, volume_request};
use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use serde_json::Value;

/// A kind of object of which a status is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub(crate) enum Kind {
    Notebook,
    Tensorboard,
    PvcViewer,
    VolumeRequest,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Notebook, Self::Tensorboard, Self::PvcViewer, Self::VolumeRequest];
    pub(crate) const SERVERS: [Self; 3] = [Self::Notebook, Self::Tensorboard, Self::PvcViewer];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Notebook => "Notebook",
            Self::Tensorboard => "Tensorboard",
            Self::PvcViewer => "PVCViewer",
            Self::VolumeRequest => "VolumeRequest",
        }
    }

    /// The kind of server that is called so.
    pub(crate) fn server(name: &str) -> Option<Self> {
        Self::SERVERS.into_iter().find(|kind| kind.as_str() == name)
    }

    pub(crate) fn resource(self) -> ApiResource {
        let (group, version, plural) = match self {
            Self::Notebook => (notebook::crd::GROUP, notebook::crd::STORED_VERSION, notebook::crd::PLURAL),
            Self::Tensorboard => (tensorboard::crd::GROUP, tensorboard::crd::VERSION, tensorboard::crd::PLURAL),
            Self::PvcViewer => (pvc_viewer::crd::GROUP, pvc_viewer::crd::VERSION, pvc_viewer::crd::PLURAL),
            Self::VolumeRequest => {
                (volume_request::crd::GROUP, volume_request::crd::VERSION, volume_request::crd::PLURAL)
            }
        };
        ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: format!("{group}/{version}"),
            kind: self.as_str().to_owned(),
            plural: plural.to_owned(),
        }
    }

    /// The name of its CRD.
    pub(crate) fn crd(self) -> String {
        let ApiResource { plural, group, .. } = self.resource();
        format!("{plural}.{group}")
    }

    /// The objects of the kind in a namespace.
    pub(crate) fn api(self, client: &Client, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(client.clone(), namespace, &self.resource())
    }

    /// The kind that a word means, as kubectl takes them: the singular, the plural or a short name, and the group after a dot.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        let (name, group) = word.split_once('.').unwrap_or((word, ""));
        let name = name.to_lowercase();
        let definitions = carrel_api::crds();
        let means = |kind: &Self| {
            let resource = kind.resource();
            let is_its = |crd: &&Value| crd.pointer("/spec/names/kind").and_then(Value::as_str) == Some(kind.as_str());
            let names = definitions.iter().find(is_its).and_then(|crd| crd.pointer("/spec/names"));
            let one = |key: &str| names.and_then(|names| names.get(key)?.as_str());
            let short = names.and_then(|names| names.get("shortNames")?.as_array());
            let mut all = [one("singular"), one("plural")].into_iter().flatten();
            let is_named = all.any(|one| one == name) || short.into_iter().flatten().any(|one| *one == *name);
            let groups = [String::new(), resource.group.clone(), format!("{}.{}", resource.version, resource.group)];
            is_named && groups.iter().any(|one| one == group)
        };
        Self::ALL.into_iter().find(means)
    }
}

/// Takes the kinds that are servers, for `--kind`.
pub(crate) fn servers() -> impl TypedValueParser<Value = Kind> {
    let words = Kind::SERVERS.iter().filter_map(ValueEnum::to_possible_value);
    PossibleValuesParser::new(words).try_map(|word| Kind::from_str(&word, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_called_as_kubectl_calls_it() {
        for (word, kind) in [
            ("notebook", Some(Kind::Notebook)),
            ("Notebooks.kubeflow.org", Some(Kind::Notebook)),
            ("notebook.v1.kubeflow.org", Some(Kind::Notebook)),
            ("tb", Some(Kind::Tensorboard)),
            ("tensorboards.kubeflow.org", None),
            ("pvcviewers", Some(Kind::PvcViewer)),
            ("vr", Some(Kind::VolumeRequest)),
            ("labpolicy", None),
            ("pod", None),
        ] {
            assert_eq!(Kind::of_word(word), kind, "{word}");
        }
    }
}
