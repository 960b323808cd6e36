//! Parts the YAML documents of `carrel crds` into files. Pure.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::documents::{FIRST_LINE, split};

/// The file that names all the others.
pub(super) const KUSTOMIZATION: &str = "kustomization.yaml";

/// File names and texts: one for each CustomResourceDefinition in `documents`, and the kustomization.
pub(super) fn files(documents: &str) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for document in split(documents) {
        let crd: Value = serde_saphyr::from_str(&document).context("carrel crds printed what is not YAML")?;
        let text = |pointer| crd.pointer(pointer).and_then(Value::as_str);
        ensure!(text("/kind") == Some("CustomResourceDefinition"), "carrel crds printed something that is no CRD");
        let name = text("/metadata/name").context("carrel crds printed a CRD without a name")?;
        files.insert(format!("{name}.yaml"), format!("{FIRST_LINE}{document}"));
    }
    ensure!(!files.is_empty(), "carrel crds printed nothing");
    let head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- ";
    let names = files.keys().map(String::as_str).collect::<Vec<_>>().join("\n- ");
    files.insert(KUSTOMIZATION.to_owned(), format!("{FIRST_LINE}{head}{names}\n"));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_crd_gets_a_file_and_a_line_in_the_kustomization() {
        let crd = |name| {
            format!("apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: {name}\n")
        };
        let files = files(&format!("---\n{}---\n{}", crd("b.example"), crd("a.example"))).unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["a.example.yaml", "b.example.yaml", KUSTOMIZATION]);
        assert_eq!(files["a.example.yaml"], format!("{FIRST_LINE}{}", crd("a.example")));
        assert!(files[KUSTOMIZATION].ends_with("resources:\n- a.example.yaml\n- b.example.yaml\n"));
    }

    #[test]
    fn what_is_no_crd_is_refused() {
        assert!(files("").is_err());
        assert!(files("kind: Namespace\nmetadata:\n  name: a\n").is_err());
        assert!(files("kind: CustomResourceDefinition\n").is_err());
    }
}
