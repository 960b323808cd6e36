//! What a cluster was started as: its nodes, its number, and the addresses that follow from the number.

use std::fmt;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::home::{Lock, fingerprint, home, write_whole};
use crate::images::Alias;

/// The nodes of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nodes {
    /// A control plane only: pods stay Pending. Needs no root.
    None,
    /// That many nodes by KWOK, whose pods become Ready without running. Needs no root.
    Fake(u32),
    /// A node that runs containers. Needs root.
    #[default]
    Real,
}

impl fmt::Display for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Fake(count) => write!(f, "fake:{count}"),
            Self::Real => f.write_str("real"),
        }
    }
}

impl FromStr for Nodes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            None if text == "real" => Ok(Self::Real),
            None if text == "fake" => Ok(Self::Fake(1)),
            Some(("fake", count)) => match count.parse() {
                Ok(count @ 1..=1000) => Ok(Self::Fake(count)),
                _ => Err(format!("{count} is not a number of fake nodes, which is 1 to 1000")),
            },
            _ => Err("write none, fake, fake:COUNT or real".to_owned()),
        }
    }
}

/// Ports on the control plane's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ports {
    pub(crate) etcd: u16,
    pub(crate) etcd_peer: u16,
    pub(crate) apiserver: u16,
    pub(crate) controller_manager: u16,
    pub(crate) scheduler: u16,
    pub(crate) kwok: u16,
}

/// The file `settings.json` of a cluster's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) nodes: Nodes,
    /// Unique on the machine among real clusters, and among all of one home.
    pub(crate) number: u8,
    /// When it was started, in seconds since 1970.
    pub(crate) started: u64,
    pub(crate) ports: Ports,
    pub(crate) aliases: Vec<Alias>,
    /// The folder of images that the node's mirror serves.
    pub(crate) images: PathBuf,
}

/// Clusters that one home can hold: KWOK's pods have 10.(64 + number).0.0/16.
const NUMBERS: u8 = 128;

impl Settings {
    /// Chooses a free number and free ports, and makes the cluster's folder with them written down.
    pub(crate) fn choose(dir: &Path, name: &str, nodes: Nodes, aliases: &[Alias]) -> Result<Self> {
        let _lock = Lock::take("numbers")?;
        let taken: Vec<u8> = all(&home()?)?.iter().map(|settings| settings.number).collect();
        let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let images = home()?.join("images");
        // Each home begins elsewhere, so that two that choose at one moment do not meet.
        let first = u8::try_from(fingerprint(&home()?) % u32::from(NUMBERS)).unwrap_or(0);
        let numbers = (0..NUMBERS).map(|step| (first + step) % NUMBERS);
        for number in numbers.filter(|number| !taken.contains(number)) {
            let settings = Self {
                name: name.to_owned(),
                nodes,
                number,
                started,
                ports: ports(number, nodes),
                aliases: aliases.to_vec(),
                images: images.clone(),
            };
            if settings.free() {
                fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
                write_whole(&dir.join("settings.json"), &serde_json::to_vec_pretty(&settings)?)?;
                return Ok(settings);
            }
        }
        bail!("all {NUMBERS} numbers for clusters are taken; `cargo xtask cluster status` lists the clusters")
    }

    /// Reads a cluster's settings.
    pub(crate) fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("settings.json");
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("cannot understand {}", path.display()))
    }

    /// Whether nobody else uses what the number stands for: another home's cluster may.
    fn free(&self) -> bool {
        if self.nodes == Nodes::Real {
            return !Path::new("/sys/class/net").join(self.link()).exists();
        }
        let Ports { etcd, etcd_peer, apiserver, controller_manager, scheduler, kwok } = self.ports;
        let ports = [etcd, etcd_peer, apiserver, controller_manager, scheduler, kwok];
        ports.iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
    }

    /// How long ago it was started.
    pub(crate) fn age(&self) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(Duration::from_secs(self.started))
    }

    /// Where the API server listens.
    pub(crate) fn address(&self) -> String {
        if self.nodes == Nodes::Real { format!("10.240.{}.2", self.number) } else { "127.0.0.1".to_owned() }
    }

    /// The API server's address with scheme and port.
    pub(crate) fn server(&self) -> String {
        format!("https://{}:{}", self.address(), self.ports.apiserver)
    }

    /// The machine's end of the link to a real node, where pods reach what runs on the machine.
    pub(crate) fn gateway(&self) -> String {
        format!("10.240.{}.1", self.number)
    }

    /// The addresses of a real node's pods.
    pub(crate) fn pods(&self) -> String {
        format!("10.241.{}.0/24", self.number)
    }

    /// The addresses of Services. Without a real node nothing reaches them, so they may be many and the same in all.
    pub(crate) fn services(&self) -> String {
        if self.nodes == Nodes::Real { format!("10.242.{}.0/24", self.number) } else { "10.96.0.0/12".to_owned() }
    }

    /// The Service address of the API server itself.
    pub(crate) fn first_service(&self) -> String {
        if self.nodes == Nodes::Real { format!("10.242.{}.1", self.number) } else { "10.96.0.1".to_owned() }
    }

    /// The Service address of the cluster's DNS.
    pub(crate) fn dns(&self) -> String {
        format!("10.242.{}.10", self.number)
    }

    /// The addresses of fake nodes' pods, which nothing reaches.
    pub(crate) fn fake_pods(&self) -> String {
        format!("10.{}.0.0/16", self.number.saturating_add(64))
    }

    /// The name of the machine's end of the link.
    pub(crate) fn link(&self) -> String {
        format!("carrel{}", self.number)
    }
}

/// A node has addresses of its own and so the usual ports. On the loopback address each number has its block, below
/// the ports that the kernel gives to outgoing connections.
fn ports(number: u8, nodes: Nodes) -> Ports {
    if nodes == Nodes::Real {
        return Ports {
            etcd: 2379,
            etcd_peer: 2380,
            apiserver: 6443,
            controller_manager: 10257,
            scheduler: 10259,
            kwok: 10247,
        };
    }
    let port = |offset| 21_000 + u16::from(number) * 10 + offset;
    Ports {
        etcd: port(0),
        etcd_peer: port(1),
        apiserver: port(2),
        controller_manager: port(3),
        scheduler: port(4),
        kwok: port(5),
    }
}

/// The settings of all clusters of a home, dead ones too, by name; folders without settings are left out.
pub(crate) fn all(home: &Path) -> Result<Vec<Settings>> {
    let folder = home.join("clusters");
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
        if let Ok(settings) = Settings::read(&entry?.path()) {
            found.push(settings);
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_read_as_they_are_written() {
        for text in ["none", "fake:10", "real"] {
            assert_eq!(text.parse::<Nodes>().unwrap().to_string(), text);
        }
        assert_eq!("fake".parse(), Ok(Nodes::Fake(1)));
        assert!("fake:0".parse::<Nodes>().is_err());
        assert!("real:2".parse::<Nodes>().is_err());
    }

    #[test]
    fn the_ports_of_two_numbers_are_apart() {
        let (a, b) = (ports(3, Nodes::None), ports(4, Nodes::Fake(1)));
        assert!(a.kwok < b.etcd);
        assert!(ports(NUMBERS - 1, Nodes::None).kwok < 32_768);
    }
}
