//! Where a server is reached.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// By which way servers are asked: `--probe-via`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// Straight to the pod's IP and port.
    Pod,
    /// By the Service's name, port 80. Meets whatever pod the Service has just then.
    Service,
    /// By the API server's proxy to the pod: the way from outside the cluster.
    ApiServer,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pod => "pod",
            Self::Service => "service",
            Self::ApiServer => "apiserver",
        })
    }
}

/// A word that names no way to a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no way to ask servers: give pod, service or apiserver")]
pub struct NoSuchWay(String);

impl FromStr for Via {
    type Err = NoSuchWay;

    fn from_str(word: &str) -> Result<Self, NoSuchWay> {
        [Self::Pod, Self::Service, Self::ApiServer]
            .into_iter()
            .find(|via| via.to_string() == word)
            .ok_or_else(|| NoSuchWay(word.to_owned()))
    }
}

/// What is known of where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The namespace of its pod and Service.
    pub namespace: String,
    /// The name of its pod.
    pub pod: String,
    /// The IP of its pod.
    pub pod_ip: IpAddr,
    /// The port that it listens on in the pod.
    pub port: u16,
    /// The name of its Service.
    pub service: String,
}

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An address.
    Socket(SocketAddr),
    /// A name and a port.
    Name(String, u16),
    /// A path of the API server, before the server's own.
    Proxy(String),
}

impl Reach {
    /// Where to connect to on this way.
    pub fn place(&self, via: Via) -> Place {
        let Self { namespace, pod, pod_ip, port, service } = self;
        match via {
            Via::Pod => Place::Socket(SocketAddr::new(*pod_ip, *port)),
            Via::Service => Place::Name(format!("{service}.{namespace}.svc"), 80),
            Via::ApiServer => Place::Proxy(format!("/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy")),
        }
    }
}

impl fmt::Display for Place {
    /// As in a URL: an IPv6 address in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
            Self::Proxy(path) => write!(f, "the API server's {path}"),
        }
    }
}

/// Whether a path leads nowhere but below itself: letters, digits and `-._~`, and no `.` or `..` between the slashes.
/// Anything else could climb out of the API server's proxy path, with Carrel's rights.
pub(super) fn is_plain(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '/');
    (path.is_empty() || path.starts_with('/'))
        && path.chars().all(plain)
        && !path.split('/').skip(1).any(|part| matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(ip: &str) -> Reach {
        Reach {
            namespace: "team".into(),
            pod: "nb-0".into(),
            pod_ip: ip.parse().unwrap(),
            port: 8888,
            service: "nb".into(),
        }
    }

    #[test]
    fn each_way_leads_to_its_place() {
        assert_eq!(reach("10.0.0.7").place(Via::Pod).to_string(), "10.0.0.7:8888");
        assert_eq!(reach("10.0.0.7").place(Via::Service), Place::Name("nb.team.svc".into(), 80));
        let proxy = Place::Proxy("/api/v1/namespaces/team/pods/nb-0:8888/proxy".into());
        assert_eq!(reach("10.0.0.7").place(Via::ApiServer), proxy);
    }

    #[test]
    fn an_ipv6_address_is_in_brackets() {
        assert_eq!(reach("fd00::7").place(Via::Pod).to_string(), "[fd00::7]:8888");
    }

    #[test]
    fn a_way_is_read_as_it_is_written_and_another_word_is_refused() {
        for via in [Via::Pod, Via::Service, Via::ApiServer] {
            assert_eq!(via.to_string().parse(), Ok(via));
        }
        assert!("node".parse::<Via>().unwrap_err().to_string().contains("pod, service or apiserver"));
    }

    #[test]
    fn a_path_that_could_climb_out_is_not_plain() {
        assert!(is_plain("") && is_plain("/notebook/team/nb-1.x"));
        for path in ["notebook", "/a/../b", "/a/%2e%2e", "/a?b", "/a#b", "/a//b", "/./a", "/a/", "/a b"] {
            assert!(!is_plain(path), "{path}");
        }
    }
}
