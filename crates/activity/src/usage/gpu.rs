//! How much of their GPUs pods use, by a query to Prometheus.

use std::collections::HashMap;

use carrel_runtime::{Key, quantity};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::Measured;

/// Where to ask, and what.
#[derive(Clone)]
pub struct Prometheus {
    /// A client of the server, not of a cluster's API.
    pub client: kube::Client,
    /// What its paths begin with.
    pub base_path: String,
    /// What gives a number in percent for each pod, with the labels `namespace` and `pod` (or, as some exporters have them,
    /// `exported_namespace` and `exported_pod`).
    pub query: String,
}

impl Prometheus {
    /// Percent of their GPUs that pods use; of several numbers for one pod, the highest.
    pub(crate) async fn used(&self) -> Result<Measured, kube::Error> {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("query", &self.query).finish();
        let path = format!("{}/api/v1/query?{query}", self.base_path.trim_end_matches('/'));
        let request = http::Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
        let answer: Answer = self.client.request(request).await?;
        Ok(measured(answer))
    }
}

fn measured(answer: Answer) -> Measured {
    let mut all = Measured::new();
    for Sample { metric, value: (at, percent) } in answer.data.result {
        let label = |name: &str| metric.get(&format!("exported_{name}")).or_else(|| metric.get(name));
        let (Some(namespace), Some(pod)) = (label("namespace"), label("pod")) else { continue };
        // Above a threshold is busy, and a part of a percent is more than none.
        let percent = quantity::nanos(&percent).map(|nanos| (nanos + 999_999_999) / 1_000_000_000);
        let Some(percent) = percent.and_then(|percent| u64::try_from(percent).ok()) else { continue };
        let since_epoch = SignedDuration::try_from_secs_f64(at).ok();
        let Some(at) = since_epoch.and_then(|time| Timestamp::UNIX_EPOCH.checked_add(time).ok()) else { continue };
        let used = all.entry(Key::new(namespace, pod)).or_insert((0, at));
        *used = (used.0.max(percent), used.1.max(at));
    }
    all
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    metric: HashMap<String, String>,
    value: (f64, String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_uses_what_the_most_used_of_its_gpus_says() {
        let sample = |labels: serde_json::Value, percent: &str| serde_json::json!({"metric": labels, "value": [1_767_348_000.5, percent]});
        let iris = serde_json::json!({"namespace": "gpu-operator", "pod": "dcgm", "exported_namespace": "a", "exported_pod": "iris-0"});
        let answer = serde_json::json!({"status": "success", "data": {"resultType": "vector", "result": [
            sample(iris.clone(), "3"), sample(iris, "41.2"), sample(serde_json::json!({"namespace": "b", "pod": "c-0"}), "0"),
            sample(serde_json::json!({"pod": "nobody's"}), "7"), sample(serde_json::json!({"namespace": "d", "pod": "e-0"}), "NaN"),
        ]}});
        let at = Timestamp::from_millisecond(1_767_348_000_500).unwrap();
        let all = measured(serde_json::from_value(answer).unwrap());
        assert_eq!(all, [(Key::new("a", "iris-0"), (42, at)), (Key::new("b", "c-0"), (0, at))].into());
    }
}
