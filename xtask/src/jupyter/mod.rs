//! A small client of a Jupyter server: runs code in a kernel, through the interfaces that JupyterLab itself uses.
//!
//! It blocks, speaks plain HTTP and has a timeout on everything: what it talks to is a server that may never come.

mod execution;
mod terminal;

use std::net::{TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};
use ureq::Agent;
use ureq::http::Uri;

use execution::{Execution, Progress};
pub use terminal::Terminal;

/// For one HTTP request, or one connection. A server that is starting on a busy machine answers within seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// For a kernel to start and run the code: the first import of a large library from a cold disk takes a while.
const RUN: Duration = Duration::from_mins(3);

/// The server refuses to remove a kernel while it restarts one that died, which takes it some seconds.
const REMOVALS: u32 = 10;

/// How long a read of the kernel's channels waits before the deadline is looked at.
const TICK: Duration = Duration::from_secs(1);

/// How many requests this process made of kernels.
static REQUESTS: AtomicU32 = AtomicU32::new(0);

/// What code printed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Output {
    /// Standard output, and the value of the last expression where it has one.
    pub text: String,
    /// Standard error: warnings, mostly.
    pub warnings: String,
}

/// A Jupyter server without a token, as Kubeflow's images start it.
pub struct Server {
    base: String,
    agent: Agent,
}

/// A kernel of a server: what one piece of code makes, the next one finds. It goes with its server at the latest.
pub struct Kernel<'a> {
    server: &'a Server,
    id: String,
    token: String,
}

impl Kernel<'_> {
    /// Runs Python `code` to its end. A traceback is an error.
    pub fn run(&self, code: &str) -> Result<Output> {
        self.server.execute(&self.id, code)
    }

    /// Has Python `code` run and leaves, once the kernel is busy with it, as who closes the page does.
    pub fn leave(&self, code: &str) -> Result<()> {
        let (mut channels, mut execution) = self.server.request(&self.id, code)?;
        follow(&mut channels, &mut execution, |execution, _| execution.began())?;
        let _ = channels.close(None);
        Ok(())
    }

    /// Ends it.
    pub fn remove(self) -> Result<()> {
        self.server.remove_kernel(&self.id, &self.token)
    }
}

impl Server {
    /// The server whose pages lie under `base_url`, `http://HOST[:PORT]/PREFIX`.
    pub fn at(base_url: &str) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            // What the machine's proxy settings say is not meant for addresses inside a cluster.
            .proxy(None)
            .build();
        Self { base: base_url.trim_end_matches('/').to_owned(), agent: config.new_agent() }
    }

    /// The address of JupyterLab's page.
    pub fn lab(&self) -> String {
        format!("{}/lab", self.base)
    }

    /// Waits until JupyterLab's page is served.
    pub fn wait_until_answers(&self, timeout: Duration) -> Result<()> {
        let end = Instant::now() + timeout;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Err(error) = self.visit(left.clamp(TICK, PATIENCE)) else { return Ok(()) };
            if Instant::now() >= end {
                return Err(error).with_context(|| {
                    format!("{} did not answer within {} s; see the log of its pod", self.lab(), timeout.as_secs())
                });
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Runs Python `code` in a kernel of its own, which is removed afterwards. A traceback is an error.
    pub fn run(&self, code: &str) -> Result<Output> {
        let kernel = self.kernel()?;
        let output = kernel.run(code);
        let removed = kernel.remove();
        let output = output?;
        removed?;
        Ok(output)
    }

    /// Starts a kernel, as opening a notebook does.
    pub fn kernel(&self) -> Result<Kernel<'_>> {
        let token = self.cross_site_token()?;
        let id = self.start_kernel(&token)?;
        Ok(Kernel { server: self, id, token })
    }

    fn visit(&self, timeout: Duration) -> Result<()> {
        let lab = self.lab();
        self.agent
            .get(&lab)
            .config()
            .timeout_global(Some(timeout))
            .build()
            .call()
            .with_context(|| format!("GET {lab}"))?;
        Ok(())
    }

    /// A server without a token wants its cross-site cookie back in a header.
    fn cross_site_token(&self) -> Result<String> {
        self.visit(PATIENCE)?;
        let cookies = self.agent.cookie_jar_lock();
        let token = cookies.iter().find(|cookie| cookie.name() == "_xsrf").map(|cookie| cookie.value().to_owned());
        token.with_context(|| format!("{} set no _xsrf cookie: it is not a Jupyter server", self.lab()))
    }

    fn start_kernel(&self, token: &str) -> Result<String> {
        let url = format!("{}/api/kernels", self.base);
        let asked = self.agent.post(&url).header("X-XSRFToken", token).send_json(json!({ "name": "python3" }));
        let answer: Value =
            asked.and_then(|mut answer| answer.body_mut().read_json()).with_context(|| format!("POST {url}"))?;
        let id = answer.get("id").and_then(Value::as_str).map(str::to_owned);
        id.with_context(|| format!("POST {url} answered without the kernel's id"))
    }

    fn remove_kernel(&self, kernel: &str, token: &str) -> Result<()> {
        let url = format!("{}/api/kernels/{kernel}", self.base);
        let mut tries = 0;
        while let Err(error) = self.agent.delete(&url).header("X-XSRFToken", token).call() {
            tries += 1;
            if tries == REMOVALS {
                return Err(error).with_context(|| format!("DELETE {url}"));
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    fn execute(&self, kernel: &str, code: &str) -> Result<Output> {
        let (mut channels, mut execution) = self.request(kernel, code)?;
        follow(&mut channels, &mut execution, |_, progress| progress == Progress::Ended)?;
        // The answer is in hand; whether the server says goodbye does not matter.
        let _ = channels.close(None);
        Ok(execution.output())
    }

    fn request(&self, kernel: &str, code: &str) -> Result<(WebSocket<TcpStream>, Execution)> {
        let mut channels = self.channels(&format!("api/kernels/{kernel}/channels"))?;
        // The server keeps what came too late for one request and sends it to the next.
        let id = format!("carrel-{}-{}", std::process::id(), REQUESTS.fetch_add(1, Ordering::Relaxed));
        channels.send(Message::text(request(&id, code).to_string())).context("sending the code to the kernel")?;
        Ok((channels, Execution::new(&id)))
    }

    /// A WebSocket at a path of the server.
    fn channels(&self, path: &str) -> Result<WebSocket<TcpStream>> {
        web_socket(&format!("{}/{path}", self.base), TICK)
    }
}

/// Takes in what the kernel says until it is `enough`.
fn follow(
    channels: &mut WebSocket<TcpStream>,
    execution: &mut Execution,
    enough: impl Fn(&Execution, Progress) -> bool,
) -> Result<()> {
    let end = Instant::now() + RUN;
    loop {
        ensure!(Instant::now() < end, "the code did not come so far within {} s", RUN.as_secs());
        let message = match channels.read() {
            Ok(Message::Text(text)) => serde_json::from_str(&text).context("a message that is not JSON")?,
            Ok(Message::Close(_)) => bail!("the server closed the channels to the kernel before the code ended"),
            Ok(_) => continue,
            Err(tungstenite::Error::Io(error)) if is_tick(&error) => continue,
            Err(error) => return Err(error).context("reading from the kernel"),
        };
        let progress = execution.take(&message)?;
        if enough(execution, progress) {
            return Ok(());
        }
    }
}

/// Opens a WebSocket at an `http://` address; a read of it waits as long as `tick` at most.
pub(crate) fn web_socket(address: &str, tick: Duration) -> Result<WebSocket<TcpStream>> {
    let path = address.strip_prefix("http://").with_context(|| format!("{address} is not an http:// address"))?;
    let url = format!("ws://{path}");
    let stream = connect(&url).with_context(|| format!("connecting to {url}"))?;
    let opened = tungstenite::client(url.as_str(), stream);
    let (socket, _) = opened.map_err(|error| anyhow!("opening a WebSocket at {url}: {error}"))?;
    socket.get_ref().set_read_timeout(Some(tick))?;
    Ok(socket)
}

fn connect(url: &str) -> Result<TcpStream> {
    let uri: Uri = url.parse()?;
    let host = uri.host().context("an address without a host")?.trim_matches(['[', ']']);
    let mut addresses = (host, uri.port_u16().unwrap_or(80)).to_socket_addrs()?;
    let stream = TcpStream::connect_timeout(&addresses.next().context("a host without an address")?, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether a read ended only because it waited as long as it may.
pub(crate) fn is_tick(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

/// Jupyter's message that asks for `code` to be run; the answers name `id` as their parent.
fn request(id: &str, code: &str) -> Value {
    json!({
        "header": { "msg_id": id, "msg_type": "execute_request", "username": "", "session": id, "version": "5.3" },
        "parent_header": {},
        "metadata": {},
        "channel": "shell",
        "content": { "code": code, "silent": false, "store_history": false, "user_expressions": {}, "allow_stdin": false },
    })
}
