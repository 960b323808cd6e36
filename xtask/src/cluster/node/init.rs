//! Process 1 of a node.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, WaitOptions, setrlimit, umask, wait};

use super::{config, ip, mounts, started_file};
use crate::cluster::Settings;
use crate::cluster::control_plane;
use crate::cluster::processes::{Started, all_alive, last_words, wait_for};
use crate::images;

/// Makes the machine that pods see, starts the node's programs, and reaps whatever ends from then on.
pub(super) fn init(dir: &Path, bin: &Path) -> Result<()> {
    let settings = Settings::read(dir)?;
    // containerd unpacks images by it: with another, only root could read them.
    umask(Mode::from_raw_mode(0o022));
    // Where root may not raise it, what it is must do.
    let files = Rlimit { current: Some(1 << 20), maximum: Some(1 << 20) };
    let _kept = setrlimit(Resource::Nofile, files);
    mounts::all(dir)?;
    rustix::system::sethostname(settings.name.as_bytes()).context("cannot set the node's host name")?;
    network(&settings)?;

    let (images, aliases) = (settings.images.clone(), settings.aliases.clone());
    thread::spawn(move || {
        if let Err(error) = images::serve_mirror(&images, aliases) {
            eprintln!("{error:#}");
        }
    });
    config::write(dir, bin, &settings)?;
    let mut started = vec![config::containerd(dir).start(bin, dir, false)?];
    started.extend(control_plane::start(bin, dir, &settings, false)?);
    wait_for("containerd", Duration::from_mins(1), || {
        all_alive(dir, &mut started)?;
        let listens = fs::metadata(config::CONTAINERD).is_ok_and(|file| file.file_type().is_socket());
        Ok((!listens).then(|| last_words(dir, "containerd")))
    })?;
    for program in [config::kubelet(dir, &settings), config::kube_proxy(dir, &settings)] {
        started.push(program.start(bin, dir, false)?);
    }
    fs::write(started_file(dir), "").context("cannot say that all is started")?;
    reap(&started)
}

/// The inner end of the link, which the process outside makes, and the way out.
fn network(settings: &Settings) -> Result<()> {
    ip(&["link", "set", "lo", "up"])?;
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("cannot forward packets in the node")?;
    wait_for("the node's link", Duration::from_secs(20), || {
        Ok((!Path::new("/sys/class/net/eth0").exists()).then(|| "there is no eth0".to_owned()))
    })?;
    ip(&["address", "add", &format!("{}/30", settings.address()), "dev", "eth0"])?;
    ip(&["link", "set", "eth0", "up"])?;
    ip(&["route", "add", "default", "via", &settings.gateway()])
}

/// Processes that lost their parents become children of process 1, and stay as zombies until it asks for them.
fn reap(started: &[Started]) -> Result<()> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) => {
                let raw = pid.as_raw_nonzero().get().unsigned_abs();
                if let Some(program) = started.iter().find(|program| program.child.id() == raw) {
                    eprintln!("{} ended: {status:?}", program.name);
                }
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            // No child is left, but pods may still come: the node ends only from outside.
            Err(rustix::io::Errno::CHILD) => thread::sleep(Duration::from_secs(1)),
            Err(error) => return Err(error).context("cannot wait for children"),
        }
    }
}
