//! Many servers that answer as Jupyter does, for benches: what they answer costs next to nothing, and they say how often each
//! was asked.

use std::net::TcpListener as Listener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Open files beside the listeners: connections, and what the program has.
const OTHER_FILES: u64 = 4000;

/// Servers that were last used at the same time, each at a port of its own, in a thread of their own; they end when dropped.
pub struct StandIns {
    servers: Arc<[Server]>,
    /// The thread ends when this is gone.
    _end: oneshot::Sender<()>,
}

struct Server {
    port: u16,
    hangs: AtomicBool,
    /// How often it was asked for its kernels.
    asked: AtomicU32,
    /// When it was last, in milliseconds since the start; 0 for never.
    last: AtomicU64,
    /// The longest time between two of those since somebody looked, in milliseconds.
    gap: AtomicU64,
}

struct Answers {
    kernels: String,
    terminals: String,
    none: String,
    began: Instant,
}

impl StandIns {
    /// So many, each with one kernel that is idle since then.
    pub fn new(count: usize, idle_since: Timestamp) -> Result<Self> {
        allow_files(count as u64 + OTHER_FILES)?;
        let bind = || -> Result<(Server, Listener)> {
            let listener = Listener::bind("127.0.0.1:0").context("no port is left for a stand-in")?;
            listener.set_nonblocking(true)?;
            Ok((Server::at(listener.local_addr()?.port()), listener))
        };
        let (servers, listeners): (Vec<_>, Vec<_>) =
            (0..count).map(|_| bind()).collect::<Result<Vec<_>>>()?.into_iter().unzip();
        let servers: Arc<[Server]> = servers.into();
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let answering = servers.clone();
        std::thread::spawn(move || {
            runtime.block_on(async {
                let answers = Arc::new(Answers::of(idle_since));
                for (at, listener) in listeners.into_iter().enumerate() {
                    tokio::spawn(serve(listener, answering.clone(), at, answers.clone()));
                }
                // It ends with an error, as nothing is ever sent.
                let _ = ended.await;
            });
        });
        Ok(Self { servers, _end: end })
    }

    /// Where they listen on this machine, one after the other.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        self.servers.iter().map(|server| server.port)
    }

    /// From now on those of which this is true accept what is asked, and say nothing.
    pub fn hang(&self, hangs: impl Fn(usize) -> bool) {
        for (at, server) in self.servers.iter().enumerate() {
            server.hangs.store(hangs(at), Ordering::Relaxed);
        }
    }

    /// How often they were asked for their kernels, in all.
    pub fn asked(&self) -> u64 {
        self.servers.iter().map(|server| u64::from(server.asked.load(Ordering::Relaxed))).sum()
    }

    /// Waits until each that answers was asked anew. How long that took.
    pub async fn sweep(&self, limit: Duration) -> Result<Duration> {
        let started = Instant::now();
        let count = |server: &Server| server.asked.load(Ordering::Relaxed);
        let before: Vec<_> = self.answering().map(|server| (server, count(server))).collect();
        loop {
            let left = before.iter().filter(|(server, before)| count(server) == *before).count();
            if left == 0 {
                return Ok(started.elapsed());
            }
            if started.elapsed() > limit {
                bail!("{left} of {} were not asked within {} s", before.len(), limit.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The longest time that one that answers waited to be asked again, of the times that ended since the last call.
    pub fn longest_gap(&self) -> Duration {
        let gaps = self.answering().map(|server| server.gap.swap(0, Ordering::Relaxed));
        Duration::from_millis(gaps.max().unwrap_or_default())
    }

    fn answering(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().filter(|server| !server.hangs.load(Ordering::Relaxed))
    }
}

impl Server {
    fn at(port: u16) -> Self {
        let (asked, last, gap) = (AtomicU32::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { port, hangs: AtomicBool::new(false), asked, last, gap }
    }

    fn is_asked(&self, began: Instant) {
        let now = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let last = self.last.swap(now, Ordering::Relaxed);
        if last > 0 {
            self.gap.fetch_max(now.saturating_sub(last), Ordering::Relaxed);
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
    }
}

impl Answers {
    fn of(idle_since: Timestamp) -> Self {
        let whole = |code: &str, body: &str| {
            format!("HTTP/1.1 {code}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
        };
        let kernels = json!([{"execution_state": "idle", "last_activity": idle_since, "connections": 0}]);
        Self {
            kernels: whole("200 OK", &kernels.to_string()),
            terminals: whole("200 OK", "[]"),
            none: whole("404 Not Found", ""),
            began: Instant::now(),
        }
    }
}

async fn serve(listener: Listener, servers: Arc<[Server]>, at: usize, answers: Arc<Answers>) -> Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (servers, answers) = (servers.clone(), answers.clone());
        // Who hangs is asked again all the same.
        tokio::spawn(async move {
            match servers.get(at) {
                Some(server) => answer(&stream, server, &answers).await,
                None => Ok(()),
            }
        });
    }
}

/// Answers one request; one of a server that hangs is kept until who asked goes.
async fn answer(stream: &TcpStream, server: &Server, answers: &Answers) -> std::io::Result<()> {
    let mut head = [0; 1024];
    loop {
        stream.readable().await?;
        // A request of this size comes in one piece.
        let read = match stream.try_read(&mut head) {
            Ok(0) => return Ok(()),
            Ok(read) => head.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        let line = String::from_utf8_lossy(read);
        let path = line.split(' ').nth(1).unwrap_or_default();
        let answer = match path.split('?').next().unwrap_or_default() {
            path if path.ends_with("/api/kernels") => {
                server.is_asked(answers.began);
                &answers.kernels
            }
            path if path.ends_with("/api/terminals") => &answers.terminals,
            _ => &answers.none,
        };
        if !server.hangs.load(Ordering::Relaxed) {
            stream.writable().await?;
            return stream.try_write(answer.as_bytes()).map(drop);
        }
    }
}

/// Raises what this process may open to so many files.
fn allow_files(files: u64) -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    ensure!(maximum.is_none_or(|most| most >= files), "raise the limit of open files (ulimit -Hn) to {files}");
    if current.is_some_and(|now| now < files) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(files), maximum })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    fn ask(port: u16, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let request = format!("GET /notebook/a/b{path}?no_track_activity=1 HTTP/1.1\r\nHost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        // It fails when nothing comes.
        let _ = stream.read_to_string(&mut text);
        text
    }

    #[tokio::test]
    async fn each_answers_counts_and_hangs_by_itself() {
        let servers = StandIns::new(3, Timestamp::UNIX_EPOCH).unwrap();
        let ports: Vec<_> = servers.ports().collect();
        assert!(ask(ports[0], "/api/kernels").contains("1970-01-01T00:00:00Z"));
        assert!(ask(ports[1], "/api/terminals").ends_with("\r\n\r\n[]"));
        assert!(ask(ports[1], "/healthz").contains("404"));
        assert_eq!(servers.asked(), 1, "kernels count");
        assert!(servers.sweep(Duration::from_millis(100)).await.unwrap_err().to_string().contains("3 of 3"));
        servers.hang(|at| at == 2);
        assert_eq!(ask(ports[2], "/api/kernels"), "");
        assert_eq!(servers.asked(), 2);
        assert_eq!(servers.longest_gap(), Duration::ZERO);
        std::thread::sleep(Duration::from_millis(20));
        ask(ports[0], "/api/kernels");
        assert!(servers.longest_gap() >= Duration::from_millis(20));
        assert_eq!(servers.longest_gap(), Duration::ZERO, "it was told");
    }
}
