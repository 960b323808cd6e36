use carrel_activity::history::{Happened, Holds, Journal, of_files};
use carrel_api::activity::Life;
use carrel_api::notebook::Notebook;
use serde_json::json;

use super::*;
use crate::life::{Lives, Stored};
use crate::slim_pod::SlimPod;

fn pod() -> SlimPod {
    serde_json::from_value(json!({
        "metadata": {"name": "iris-0", "namespace": "team", "uid": "1"},
        "spec": {"containers": [{"resources": {"requests": {"cpu": "1500m", "memory": "1Gi", "nvidia.com/gpu": "1"}}}]},
        "status": {"containerStatuses": [
            {"name": "iris", "state": {"running": {"startedAt": "2026-01-02T08:00:00Z"}}},
        ]},
    }))
    .unwrap()
}

fn notebook(labels: &serde_json::Value) -> Notebook {
    let metadata = json!({"name": "iris", "namespace": "team", "labels": labels,
        "annotations": {"carrel.dev/idle-after": "1h", "carrel.dev/last-stop": "{}", "another": "x"}});
    serde_json::from_value(json!({"metadata": metadata})).unwrap()
}

#[test]
fn a_history_tells_of_a_server_from_its_start_to_its_end() {
    let folder = std::env::temp_dir().join(format!("carrel-noted-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (journal, writing) = Journal::open(&folder.join("history"), 1 << 20).unwrap();
    let lives = Lives::of_nobody();
    lives.monitor.noted_by(Scribe::new(journal));
    let (now, life, pod): (Timestamp, _, _) = ("2026-01-02T08:00:05Z".parse().unwrap(), Life::default(), pod());
    let stored = Stored { life: &life, conditions: &[], generation: None };
    let see = |object: &Notebook, there: bool| {
        let asked = Asked {
            pod: &pod,
            container: "iris",
            port: 8888,
            service: "iris",
            base_path: "",
            annotations: object.metadata.annotations.as_ref().unwrap(),
            otherwise: None,
        };
        lives.live(object, stored, there.then_some(&asked), now);
    };
    see(&notebook(&json!({})), true);
    see(&notebook(&json!({})), true);
    see(&notebook(&json!({"tier": "free"})), true);
    see(&notebook(&json!({"tier": "free"})), false);
    drop(lives);
    runtime.block_on(writing);
    let history = of_files(&folder.join("history"), None).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let happened: Vec<_> = history.records.iter().map(|record| &record.happened).collect();
    let [Happened::Started(started), Happened::Changed(said), Happened::Ended] = happened[..] else {
        panic!("{happened:?}")
    };
    let gpus = [("nvidia.com/gpu".to_owned(), 1)].into();
    assert_eq!(started.holds, Holds { cpu: 1_500, memory: 1 << 30, gpus });
    assert_eq!(started.said.annotations.keys().collect::<Vec<_>>(), ["carrel.dev/idle-after"]);
    assert_eq!(said.labels["tier"], "free");
}
