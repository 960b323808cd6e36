//! `carrel controllers` as a process, under the user that holds exactly Carrel's rules.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::apps::v1::Deployment;

/// A running process; killed when dropped.
pub struct Controllers {
    child: Child,
    address: String,
    log: Arc<Mutex<String>>,
}

impl Controllers {
    /// Starts the controllers for one namespace, without a lease, so that tests do not meet.
    pub fn of(namespace: &str) -> Result<Self> {
        Self::with(namespace, &[])
    }

    /// The same, with these arguments too.
    pub fn with(namespace: &str, arguments: &[&str]) -> Result<Self> {
        let kubeconfig = crate::given("CARREL_KUBECONFIG")?;
        let own = ["--namespace", namespace, "--leader-elect=false"];
        Self::start(Path::new(&kubeconfig), &[&own, arguments].concat())
    }

    /// Starts the controllers with these arguments.
    pub fn start(kubeconfig: &Path, arguments: &[&str]) -> Result<Self> {
        Self::start_with(kubeconfig, arguments, Vec::new())
    }

    /// Starts the controllers with these arguments and these environment variables.
    pub fn start_in(kubeconfig: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Result<Self> {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self::start_with(kubeconfig, arguments, env.collect())
    }

    /// Starts the controllers with these arguments, and with the environment that the manifests give them.
    pub fn start_as_deployed(kubeconfig: &Path, arguments: &[&str]) -> Result<Self> {
        let file = xtask::home::repository().join("deploy/manifests/base/deployment.yaml");
        let deployment: Deployment = serde_saphyr::from_str(&std::fs::read_to_string(file)?)?;
        let pod = deployment.spec.template.spec.context("no pod in the Deployment")?;
        let env = pod.containers.into_iter().flat_map(|container| container.env.unwrap_or_default());
        Self::start_with(kubeconfig, arguments, env.filter_map(|env| Some((env.name, env.value?))).collect())
    }

    fn start_with(kubeconfig: &Path, arguments: &[&str], env: Vec<(String, String)>) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let mut child = Command::new(crate::given("CARREL_BINARY")?)
            .args(["controllers", "--listen", &address, "--kubeconfig"])
            .arg(kubeconfig)
            .args(arguments)
            .env_remove("POD_NAMESPACE")
            // The pods of fake nodes have addresses that nobody here has.
            .env("CARREL_PROBE", "false")
            .envs(env)
            .stderr(Stdio::piped())
            .spawn()
            .context("can't start carrel")?;
        let log = Arc::new(Mutex::new(String::new()));
        let (lines, kept) = (child.stderr.take().context("no standard error")?, log.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        Ok(Self { child, address, log })
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The process's number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Status code and body of one of its pages.
    pub fn page(&self, path: &str) -> Result<(u16, String)> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.get(format!("http://{}{path}", self.address)).call()?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    }

    /// Waits until each cache is filled.
    pub async fn ready(&self) -> Result<()> {
        crate::eventually("readiness", async || match self.page("/readyz")? {
            (200, _) => Ok(()),
            (code, body) => bail!("/readyz: {code} {body}"),
        })
        .await
    }

    /// Sums a counter over its labels; those whose text is in `with` only.
    pub fn metric(&self, name: &str, with: &str) -> Result<u64> {
        let (_, text) = self.page("/metrics")?;
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(with));
        Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
    }

    /// Sends a signal, as `kill` names it.
    pub fn signal(&self, name: &str) -> Result<()> {
        crate::run(Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()])).map(drop)
    }

    /// Waits for the end of the process.
    pub async fn end(&mut self) -> Result<ExitStatus> {
        let child = &mut self.child;
        crate::eventually("the end of the process", async || child.try_wait()?.context("it still runs")).await
    }

    /// Asks it to end, and waits.
    pub async fn stop(mut self) -> Result<ExitStatus> {
        self.signal("TERM")?;
        tokio::time::timeout(Duration::from_secs(30), self.end()).await?
    }
}

impl Drop for Controllers {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}
