//! How the controllers are set, as far as it matters to a takeover.

use crate::doctor::routes;
use crate::doctor::settings::Settings;
use crate::kind::Kind;

/// What an admin chose.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // Each is a switch of its own.
pub(super) struct Chosen {
    /// The namespace that is looked after, if it is one alone.
    pub(super) namespace: Option<String>,
    pub(super) add_fs_group: bool,
    pub(super) tensorboards: bool,
    pub(super) pvc_viewers: bool,
    /// Whether `VirtualServices` are made.
    pub(super) istio: bool,
}

impl Chosen {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            namespace: settings.get("namespace", "").map(str::to_owned),
            add_fs_group: !settings.is_off("add-fsgroup", "ADD_FSGROUP"),
            tensorboards: settings.looks_after(Kind::Tensorboard),
            pvc_viewers: settings.looks_after(Kind::PvcViewer),
            istio: routes::chosen(settings) == "istio",
        }
    }

    /// Why the controllers do not look after the objects of a kind in a namespace, if they do not.
    pub(super) fn passes_over(&self, namespace: &str, is_on: bool) -> Option<String> {
        if !is_on {
            return Some("Carrel's controllers are set not to look after this kind".to_owned());
        }
        let only = self.namespace.as_deref().filter(|only| *only != namespace)?;
        Some(format!("Carrel's controllers look after the namespace {only} alone"))
    }
}
