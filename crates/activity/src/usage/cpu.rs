//! How much CPU pods use, by `metrics.k8s.io`.

use carrel_runtime::Key;
use carrel_runtime::quantity;
use carrel_runtime::rights::Right;
use carrel_runtime::scope::Scope;
use jiff::Timestamp;
use serde::Deserialize;

use super::Measured;

/// What it takes to know it.
pub const RIGHTS: &[Right] =
    &[Right::new("How much CPU pods use, where a policy looks at it.", "metrics.k8s.io", &["pods"], &["list"])];

/// Thousandths of a CPU that pods use.
pub(crate) async fn cpu(client: &kube::Client, scope: &Scope) -> Result<Measured, kube::Error> {
    let path = match scope {
        Scope::Cluster => "/apis/metrics.k8s.io/v1beta1/pods".to_owned(),
        Scope::Namespace(name) => format!("/apis/metrics.k8s.io/v1beta1/namespaces/{name}/pods"),
    };
    let request = http::Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
    let list: PodMetricsList = client.request(request).await?;
    Ok(measured(list))
}

fn measured(list: PodMetricsList) -> Measured {
    let one = |pod: PodMetrics| {
        let nanos: i128 = pod.containers.iter().filter_map(|one| quantity::nanos(one.usage.cpu.as_deref()?)).sum();
        let used = u64::try_from(nanos / 1_000_000).ok()?;
        Some((Key::new(&pod.metadata.namespace, &pod.metadata.name), (used, pod.timestamp)))
    };
    list.items.into_iter().filter_map(one).collect()
}

#[derive(Deserialize)]
struct PodMetricsList {
    items: Vec<PodMetrics>,
}

#[derive(Deserialize)]
struct PodMetrics {
    metadata: Named,
    timestamp: Timestamp,
    containers: Vec<ContainerMetrics>,
}

#[derive(Deserialize)]
struct Named {
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
struct ContainerMetrics {
    usage: Used,
}

#[derive(Deserialize)]
struct Used {
    cpu: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_uses_what_its_containers_use() {
        let list = serde_json::from_value(serde_json::json!({"items": [{
            "metadata": {"namespace": "a", "name": "iris-0"}, "timestamp": "2026-01-02T10:00:00Z", "window": "15s",
            "containers": [{"name": "iris", "usage": {"cpu": "1500m", "memory": "1Gi"}},
                {"name": "side", "usage": {"cpu": "12345678n"}}],
        }]}))
        .unwrap();
        let at = "2026-01-02T10:00:00Z".parse().unwrap();
        assert_eq!(measured(list), [(Key::new("a", "iris-0"), (1512, at))].into());
    }
}
