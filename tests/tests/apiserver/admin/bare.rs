//! Both in a cluster that has none of Carrel's kinds, or older ones: a cluster of the test's own, since CRDs are everybody's.

use super::*;
use crate::outsiders::Own;

#[tokio::test]
async fn what_a_cluster_lacks_is_named_with_how_to_mend_it() -> Result<()> {
    let own = Own::up()?;
    let admin = own.0.kubeconfig();
    let output = carrel(&admin, &["why", "iris"])?;
    ensure!(output.status.code() == Some(1), "{output:?}");
    ensure!(
        err(&output).contains("the cluster has no kind Notebook (the CRD notebooks.kubeflow.org is missing)"),
        "{output:?}"
    );
    let (findings, code) = diagnosed(&admin, &[])?;
    assert_eq!(code, Some(1));
    assert_eq!(of_check(&findings, "crds")[0], ("problem", "notebooks.kubeflow.org is missing"));
    assert_eq!(of_check(&findings, "storage").len(), 1);

    let mut crd = carrel_api::notebook::crd::definition();
    for version in crd["spec"]["versions"].as_array_mut().unwrap() {
        let status = version.pointer_mut("/schema/openAPIV3Schema/properties/status/properties").unwrap();
        status.as_object_mut().unwrap().remove("activity");
    }
    own.apply(&crd)?;
    eventually("an older CRD", async || {
        let (findings, _) = diagnosed(&admin, &[])?;
        let crds = of_check(&findings, "crds");
        ensure!(
            crds[0].0 == "problem" && crds[0].1.contains("older than this carrel: it lacks .status.activity"),
            "{crds:?}"
        );
        Ok(())
    })
    .await
}
