//! Certificates of a cluster, all signed by one authority of its own, and kubeconfigs with them.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::settings::{Nodes, Settings};

/// Who a client certificate is for: the name of its files, its user and its group.
struct Client {
    file: &'static str,
    user: String,
    group: Option<&'static str>,
}

fn client(file: &'static str, user: &str, group: Option<&'static str>) -> Client {
    Client { file, user: user.to_owned(), group }
}

const MASTERS: Option<&str> = Some("system:masters");

/// Writes `pki/` and all kubeconfigs into the cluster's folder.
pub(crate) fn write(dir: &Path, settings: &Settings) -> Result<()> {
    let authority = Authority::new()?;
    let pki = dir.join("pki");
    public(&pki.join("ca.crt"), &authority.issuer.pem())?;
    private(&pki.join("ca.key"), &authority.issuer.key().serialize_pem())?;

    let accounts = KeyPair::generate().context("cannot make the key of service accounts")?;
    private(&pki.join("sa.key"), &accounts.serialize_pem())?;
    public(&pki.join("sa.pub"), &accounts.public_key_pem())?;

    let address = settings.address();
    let apiserver = [
        address.as_str(),
        "127.0.0.1",
        &settings.first_service(),
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    authority.sign(&pki, &client("etcd", "etcd", None), &["127.0.0.1"])?;
    authority.sign(&pki, &client("apiserver", "kube-apiserver", None), &apiserver)?;
    authority.sign(&pki, &client("kubelet-client", "kube-apiserver-kubelet-client", MASTERS), &[])?;
    authority.sign(&pki, &client("front-proxy-client", "front-proxy-client", None), &[])?;

    let mut clients = vec![
        client("admin", "admin", MASTERS),
        // Without a group: it holds the rules that its ClusterRole and Role give, and no others.
        client("carrel", "carrel", None),
        client("kube-controller-manager", "system:kube-controller-manager", None),
        client("kube-scheduler", "system:kube-scheduler", None),
        client("volume-provisioner", "volume-provisioner", MASTERS),
    ];
    match settings.nodes {
        Nodes::None => {}
        Nodes::Fake(_) => clients.push(client("kwok", "kwok", MASTERS)),
        Nodes::Real => {
            clients.push(client("kubelet", &format!("system:node:{}", settings.name), Some("system:nodes")));
            clients.push(client("kube-proxy", "system:kube-proxy", None));
        }
    }
    for client in &clients {
        // Kubelet serves with the certificate that it asks with.
        let names: &[&str] = if client.file == "kubelet" { &[&address, &settings.name] } else { &[] };
        let (certificate, key) = authority.sign(&pki, client, names)?;
        let config = kubeconfig(settings, client.file, &authority.issuer.pem(), &certificate, &key);
        private(&kubeconfig_path(dir, client.file), &serde_json::to_string_pretty(&config)?)?;
    }
    Ok(())
}

/// Where the kubeconfig of one of the cluster's clients lies; `admin` is the administrator.
pub(crate) fn kubeconfig_path(dir: &Path, client: &str) -> PathBuf {
    if client == "admin" { dir.join("kubeconfig") } else { dir.join(format!("{client}.kubeconfig")) }
}

/// As JSON, which is YAML with all strings quoted: a cluster may be named `n` or `on`.
fn kubeconfig(settings: &Settings, user: &str, authority: &str, certificate: &str, key: &str) -> serde_json::Value {
    let name = &settings.name;
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {
            "server": settings.server(),
            "certificate-authority-data": BASE64.encode(authority),
        }}],
        "users": [{"name": user, "user": {
            "client-certificate-data": BASE64.encode(certificate),
            "client-key-data": BASE64.encode(key),
        }}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
        "current-context": name,
    })
}

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Result<Self> {
        let mut params = lasting(CertificateParams::default());
        params.distinguished_name.push(DnType::CommonName, "carrel local cluster");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Strict clients (Python since 3.13) refuse an authority without them.
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)
            .context("cannot make the authority's certificate")?;
        Ok(Self { issuer })
    }

    /// Makes a certificate and its key, writes both, and returns them as PEM.
    fn sign(&self, pki: &Path, client: &Client, names: &[&str]) -> Result<(String, String)> {
        let key = KeyPair::generate()?;
        let mut params = lasting(CertificateParams::default());
        params.distinguished_name.push(DnType::CommonName, client.user.as_str());
        if let Some(group) = client.group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        for name in names {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName((*name).try_into()?),
            });
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        // What strict clients ask of a signed certificate.
        params.use_authority_key_identifier_extension = true;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .with_context(|| format!("cannot sign the certificate of {}", client.user))?
            .pem();
        let key = key.serialize_pem();
        public(&pki.join(format!("{}.crt", client.file)), &certificate)?;
        private(&pki.join(format!("{}.key", client.file)), &key)?;
        Ok((certificate, key))
    }
}

/// Ten years, and from yesterday: clocks may differ.
fn lasting(mut params: CertificateParams) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::days(1);
    params.not_after = now + Duration::days(3650);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
}

fn public(path: &Path, content: &str) -> Result<()> {
    create(path, content, 0o644)
}

/// For this user alone, whatever the umask is.
fn private(path: &Path, content: &str) -> Result<()> {
    create(path, content, 0o600)
}

fn create(path: &Path, content: &str, mode: u32) -> Result<()> {
    let open = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    open.and_then(|mut file| file.write_all(content.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}
