//! The configuration files of a node's programs.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::cluster::Settings;
use crate::cluster::processes::Program;
use crate::images;

/// Where containerd listens, inside the node.
pub(super) const CONTAINERD: &str = "/run/containerd/containerd.sock";

/// Writes all files into the cluster's `node` folder.
pub(super) fn write(dir: &Path, bin: &Path, settings: &Settings) -> Result<()> {
    let node = dir.join("node");
    fs::create_dir_all(node.join("cni")).with_context(|| format!("cannot make {}/cni", node.display()))?;
    images::configure_mirror(&node.join("registries"))?;
    let files = [
        ("containerd.toml", containerd_toml(&node, bin)),
        ("cni/10-bridge.conflist", text(&network(settings))),
        // Pods resolve names by the cluster's DNS alone.
        ("resolv.conf", String::new()),
        ("kubelet.json", text(&kubelet_config(dir, settings))),
        ("kube-proxy.json", text(&kube_proxy_config(dir, settings))),
    ];
    for (name, content) in files {
        let path = node.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn text(value: &Value) -> String {
    format!("{value:#}\n")
}

pub(super) fn containerd(dir: &Path) -> Program {
    Program::new("containerd", vec![format!("--config={}/node/containerd.toml", dir.display())])
}

pub(super) fn kubelet(dir: &Path, settings: &Settings) -> Program {
    Program::new(
        "kubelet",
        vec![
            format!("--config={}/node/kubelet.json", dir.display()),
            format!("--kubeconfig={}/kubelet.kubeconfig", dir.display()),
            format!("--hostname-override={}", settings.name),
            format!("--node-ip={}", settings.address()),
        ],
    )
}

pub(super) fn kube_proxy(dir: &Path, settings: &Settings) -> Program {
    Program::new(
        "kube-proxy",
        vec![
            format!("--config={}/node/kube-proxy.json", dir.display()),
            format!("--hostname-override={}", settings.name),
        ],
    )
}

fn containerd_toml(node: &Path, bin: &Path) -> String {
    let (node, bin) = (node.display(), bin.display());
    format!(
        r#"version = 3
disabled_plugins = ["io.containerd.nri.v1.nri"]

[plugins.'io.containerd.internal.v1.opt']
  path = "/var/lib/containerd/opt"

[plugins.'io.containerd.cri.v1.images']
  # The mirror has them still.
  discard_unpacked_layers = true

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "localhost/pause:3"

[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = "{node}/registries"

[plugins.'io.containerd.cri.v1.runtime']
  # Root may lack CAP_SYS_RESOURCE.
  restrict_oom_score_adj = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["{bin}/cni"]
  conf_dir = "{node}/cni"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = false
"#
    )
}

fn network(settings: &Settings) -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "pods",
                "isGateway": true,
                "hairpinMode": true,
                "ipMasq": false,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": settings.pods()}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}, "backend": "nftables"},
        ],
    })
}

fn kubelet_config(dir: &Path, settings: &Settings) -> Value {
    let pki = dir.join("pki");
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        // Since 1.35 it refuses version 1 of cgroups unless told otherwise.
        "failCgroupV1": false,
        "cgroupDriver": "cgroupfs",
        "containerRuntimeEndpoint": format!("unix://{CONTAINERD}"),
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": pki.join("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": pki.join("kubelet.crt"),
        "tlsPrivateKeyFile": pki.join("kubelet.key"),
        "clusterDNS": [settings.dns()],
        "clusterDomain": "cluster.local",
        "resolvConf": dir.join("node/resolv.conf"),
        "makeIPTablesUtilChains": false,
        "failSwapOn": false,
        "maxPods": 200,
        // A developer's disk is often nearly full.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%"},
        // A slow image holds up no other pod.
        "serializeImagePulls": false,
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
    })
}

fn kube_proxy_config(dir: &Path, settings: &Settings) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": dir.join("kube-proxy.kubeconfig")},
        "clusterCIDR": settings.pods(),
        "bindAddress": settings.address(),
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        // The limits of connection tracking belong to the machine, not to the node.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    })
}
