//! The programs of a control plane and their flags.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::kubectl;
use super::pki::kubeconfig_path;
use super::processes::{Program, Started, all_alive, wait_for};
use super::settings::{Nodes, Settings};
use crate::home::write_whole;

/// Starts etcd and the API server, waits until it answers, and starts the rest. `alone`: see [`Program::start`].
pub(crate) fn start(bin: &Path, dir: &Path, settings: &Settings, alone: bool) -> Result<Vec<Started>> {
    write_whole(&dir.join("audit-policy.json"), &serde_json::to_vec_pretty(&audit_policy())?)?;
    let mut started =
        vec![etcd(dir, settings).start(bin, dir, alone)?, apiserver(dir, settings).start(bin, dir, alone)?];
    wait_for("the API server", Duration::from_mins(2), || {
        all_alive(dir, &mut started)?;
        kubectl::ready(bin, dir)
    })?;
    for program in [controller_manager(dir, settings), scheduler(dir, settings), volume_provisioner(dir)] {
        started.push(program.start(bin, dir, alone)?);
    }
    Ok(started)
}

/// The names of the programs that make a control plane.
pub(crate) const PROGRAMS: [&str; 5] =
    ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "volume-provisioner"];

/// Requests of Carrel's user and service accounts, without their content; nobody else's.
fn audit_policy() -> serde_json::Value {
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "Metadata", "users": ["carrel"]},
            {"level": "Metadata", "userGroups": ["system:serviceaccounts:carrel-system"]},
            {"level": "None"},
        ],
    })
}

fn etcd(dir: &Path, settings: &Settings) -> Program {
    let (pki, data) = (dir.join("pki"), dir.join("etcd"));
    let (pki, data) = (pki.display(), data.display());
    let client = format!("https://127.0.0.1:{}", settings.ports.etcd);
    let peer = format!("http://127.0.0.1:{}", settings.ports.etcd_peer);
    Program::new(
        "etcd",
        vec![
            "--name=default".to_owned(),
            format!("--data-dir={data}"),
            // The data of a cluster that died is not kept.
            "--unsafe-no-fsync".to_owned(),
            "--log-level=warn".to_owned(),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            "--client-cert-auth".to_owned(),
            format!("--trusted-ca-file={pki}/ca.crt"),
            format!("--cert-file={pki}/etcd.crt"),
            format!("--key-file={pki}/etcd.key"),
        ],
    )
}

fn apiserver(dir: &Path, settings: &Settings) -> Program {
    let pki = dir.join("pki");
    let pki = pki.display();
    let address = settings.address();
    // The Service of the API server needs no endpoints where nothing runs, and the reconciler refuses loopback addresses.
    let reconciler = if settings.nodes == Nodes::Real { "lease" } else { "none" };
    Program::new(
        "kube-apiserver",
        vec![
            format!("--bind-address={address}"),
            format!("--advertise-address={address}"),
            format!("--secure-port={}", settings.ports.apiserver),
            format!("--etcd-servers=https://127.0.0.1:{}", settings.ports.etcd),
            format!("--etcd-cafile={pki}/ca.crt"),
            format!("--etcd-certfile={pki}/etcd.crt"),
            format!("--etcd-keyfile={pki}/etcd.key"),
            "--authorization-mode=Node,RBAC".to_owned(),
            "--enable-admission-plugins=NodeRestriction".to_owned(),
            "--anonymous-auth=true".to_owned(),
            format!("--client-ca-file={pki}/ca.crt"),
            format!("--tls-cert-file={pki}/apiserver.crt"),
            format!("--tls-private-key-file={pki}/apiserver.key"),
            format!("--kubelet-certificate-authority={pki}/ca.crt"),
            format!("--kubelet-client-certificate={pki}/kubelet-client.crt"),
            format!("--kubelet-client-key={pki}/kubelet-client.key"),
            "--kubelet-preferred-address-types=InternalIP,Hostname".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={pki}/sa.pub"),
            format!("--service-account-signing-key-file={pki}/sa.key"),
            format!("--service-cluster-ip-range={}", settings.services()),
            "--allow-privileged".to_owned(),
            format!("--requestheader-client-ca-file={pki}/ca.crt"),
            "--requestheader-allowed-names=front-proxy-client".to_owned(),
            "--requestheader-username-headers=X-Remote-User".to_owned(),
            "--requestheader-group-headers=X-Remote-Group".to_owned(),
            "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
            format!("--proxy-client-cert-file={pki}/front-proxy-client.crt"),
            format!("--proxy-client-key-file={pki}/front-proxy-client.key"),
            "--enable-aggregator-routing".to_owned(),
            format!("--audit-policy-file={}", dir.join("audit-policy.json").display()),
            format!("--audit-log-path={}", super::audit_log(dir).display()),
            "--audit-log-mode=batch".to_owned(),
            "--audit-log-batch-max-wait=1s".to_owned(),
            format!("--endpoint-reconciler-type={reconciler}"),
            "--event-ttl=1h".to_owned(),
            "--profiling=false".to_owned(),
        ],
    )
}

/// Without them, 1,000 pods take four times as long: 20 requests a second are the default.
fn hurried() -> [String; 2] {
    ["--kube-api-qps=200".to_owned(), "--kube-api-burst=400".to_owned()]
}

fn controller_manager(dir: &Path, settings: &Settings) -> Program {
    let pki = dir.join("pki");
    let pki = pki.display();
    let mut arguments = vec![
        format!("--kubeconfig={}", kubeconfig_path(dir, "kube-controller-manager").display()),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={}", settings.ports.controller_manager),
        format!("--root-ca-file={pki}/ca.crt"),
        format!("--service-account-private-key-file={pki}/sa.key"),
        "--use-service-account-credentials".to_owned(),
        format!("--cluster-signing-cert-file={pki}/ca.crt"),
        format!("--cluster-signing-key-file={pki}/ca.key"),
        "--allocate-node-cidrs=false".to_owned(),
        format!("--service-cluster-ip-range={}", settings.services()),
        "--leader-elect=false".to_owned(),
        "--profiling=false".to_owned(),
    ];
    arguments.extend(hurried());
    Program::new("kube-controller-manager", arguments)
}

fn scheduler(dir: &Path, settings: &Settings) -> Program {
    let mut arguments = vec![
        format!("--kubeconfig={}", kubeconfig_path(dir, "kube-scheduler").display()),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={}", settings.ports.scheduler),
        "--leader-elect=false".to_owned(),
        "--profiling=false".to_owned(),
    ];
    arguments.extend(hurried());
    Program::new("kube-scheduler", arguments)
}

fn volume_provisioner(dir: &Path) -> Program {
    Program::new(
        "volume-provisioner",
        vec![
            format!("--kubeconfig={}", kubeconfig_path(dir, "volume-provisioner").display()),
            format!("--root={}", dir.join("volumes").display()),
        ],
    )
}
