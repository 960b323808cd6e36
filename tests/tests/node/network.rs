//! The cluster's names and addresses, as pods see them.

use anyhow::{Result, ensure};
use carrel_tests::{Desk, kubectl};

use crate::{CLAIM, pod_spec};

#[tokio::test]
async fn pods_reach_services_by_address_and_by_name() -> Result<()> {
    let desk = Desk::without_controllers().await?;
    desk.create(CLAIM).await?;
    desk.notebook("net", &pod_spec("net")).await?;
    desk.reaches("net", "Running").await?;
    let address = desk.service("net").await?.spec.unwrap().cluster_ip.unwrap();
    let name = format!("net.{}.svc.cluster.local", desk.namespace);
    for host in [address, name, format!("net.{}", desk.namespace)] {
        let code = format!(
            "import urllib.request as r; print(r.urlopen('http://{host}/notebook/{}/net/api/status', timeout=20).status)",
            desk.namespace
        );
        // kube-proxy hears of a ready pod a moment after we do.
        carrel_tests::eventually(&host, async || {
            let said = kubectl(&["exec", "-n", &desk.namespace, "net-0", "--", "python3", "-c", &code])?;
            ensure!(said.trim() == "200", "{said}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}
