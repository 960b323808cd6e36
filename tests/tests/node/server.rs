//! JupyterLab answers, computes, and keeps its files.

use anyhow::{Result, ensure};
use carrel_tests::{Desk, PATIENCE};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use kube::Api;
use kube::api::DeleteParams;

use crate::{CLAIM, pod_spec, server};

const TRAIN: &str = r#"
import os, sklearn.datasets, sklearn.model_selection, xgboost
x, y = sklearn.datasets.load_iris(return_X_y=True)
train_x, test_x, train_y, test_y = sklearn.model_selection.train_test_split(x, y, random_state=0)
model = xgboost.XGBClassifier(n_estimators=20).fit(train_x, train_y)
model.save_model("iris.json")
print("accuracy", model.score(test_x, test_y))
print("uid", os.getuid(), "gid of file", os.stat("iris.json").st_gid, "prefix", os.environ["NB_PREFIX"])
"#;

const CHECK: &str = r#"
import sklearn.datasets, xgboost
model = xgboost.XGBClassifier()
model.load_model("iris.json")
x, y = sklearn.datasets.load_iris(return_X_y=True)
print("score", model.score(x, y))
"#;

#[tokio::test]
async fn it_answers_trains_and_keeps_its_file_over_a_stop() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    desk.create(CLAIM).await?;
    desk.notebook("lab", &pod_spec("lab")).await?;
    desk.reaches("lab", "Running").await?;
    let lab = server(&desk, "lab").await?;
    lab.wait_until_answers(PATIENCE)?;
    let said = lab.run(TRAIN)?.text;
    println!("{said}");
    let accuracy: f64 = said.split_whitespace().nth(1).unwrap().parse()?;
    ensure!(accuracy > 0.9, "{said}");
    let expected = format!("uid 1000 gid of file 100 prefix /notebook/{}/lab", desk.namespace);
    ensure!(said.contains(&expected), "{said}");

    desk.annotate("lab", "kubeflow-resource-stopped", Some("2026-01-01T00:00:00Z")).await?;
    desk.is_gone::<Pod>("lab-0").await?;
    desk.reaches("lab", "StoppedByOwner").await?;
    desk.annotate("lab", "kubeflow-resource-stopped", None).await?;
    desk.reaches("lab", "Running").await?;
    lab.wait_until_answers(PATIENCE)?;
    let said = lab.run(CHECK)?.text;
    ensure!(said.contains("score 0.9") || said.contains("score 1.0"), "{said}");

    // The claim is the user's: it stays when the Notebook goes, and its volume goes with it.
    desk.api::<carrel_api::notebook::Notebook>().delete("lab", &DeleteParams::foreground()).await?;
    desk.is_gone::<Pod>("lab-0").await?;
    let claims = desk.api::<PersistentVolumeClaim>();
    let volume = claims.get("home").await?.spec.unwrap().volume_name.unwrap();
    claims.delete("home", &DeleteParams::default()).await?;
    desk.is_gone::<PersistentVolumeClaim>("home").await?;
    let volumes: Api<PersistentVolume> = Api::all(desk.client.clone());
    carrel_tests::eventually("the end of the volume", async || {
        ensure!(volumes.get_opt(&volume).await?.is_none(), "it is there");
        Ok(())
    })
    .await
}
