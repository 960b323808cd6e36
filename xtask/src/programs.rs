//! The cluster's programs, Helm, and what CI checks itself with: compiled from the Go modules of `dev` when their sources changed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::home::{Lock, home, repository, write_whole};
use crate::packages;
use crate::progress::{Step, Units};

/// The release of Kubernetes in `dev/cluster/kube/go.mod`, which its programs say they are.
const KUBERNETES: &str = "v1.37.2";

/// The names by which the one binary of Kubernetes is called.
const KUBERNETES_PROGRAMS: [&str; 7] =
    ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl"];

/// What the node's network plugins are called.
const PLUGINS: [&str; 4] = ["bridge", "portmap", "loopback", "host-local"];

/// Builds what is missing or stale, and returns the folder of all programs. `yes`: install a missing Go without asking.
pub(crate) fn ensure(yes: bool) -> Result<PathBuf> {
    let _lock = Lock::take("programs")?;
    let bin = home()?.join("bin");
    fs::create_dir_all(bin.join("cni")).with_context(|| format!("cannot make {}", bin.display()))?;
    let kube = Module::new("kube", &bin, KUBERNETES)?;
    if kube.stale() {
        let title = format!("building Kubernetes {KUBERNETES}");
        kube.build(yes, &title, &bin.join("kubernetes"), &["."], &version_flags())?;
        for name in KUBERNETES_PROGRAMS {
            replace_link(&bin.join(name))?;
        }
        kube.built()?;
    }
    let node = Module::new("node", &bin, "")?;
    if node.stale() {
        let title = "building containerd, network plugins, CoreDNS and KWOK";
        node.build(yes, title, &bin.join(""), &["tool", "./coredns", "./volume-provisioner"], "-s -w")?;
        for plugin in PLUGINS {
            fs::rename(bin.join(plugin), bin.join("cni").join(plugin))
                .with_context(|| format!("go build made no {plugin}"))?;
        }
        write_whole(&bin.join("kwok.yaml"), kwok_stages(&node.directory_of("sigs.k8s.io/kwok", yes)?)?.as_bytes())?;
        node.built()?;
    }
    Ok(bin)
}

/// Helm. No cluster needs it, so that only who asks for it waits for it.
pub(crate) fn helm(yes: bool) -> Result<PathBuf> {
    tool("helm", |bin| Module::new("helm", bin, ""), yes)
}

/// The checker of workflows, from `dev/ci`.
pub(crate) fn actionlint(yes: bool) -> Result<PathBuf> {
    tool("actionlint", |bin| Module::at(repository().join("dev/ci"), "ci", bin, ""), yes)
}

/// Builds the one tool of a module where it is missing or stale, and returns it.
fn tool(name: &str, module: impl FnOnce(&Path) -> Result<Module>, yes: bool) -> Result<PathBuf> {
    let _lock = Lock::take(name)?;
    let bin = home()?.join("bin");
    fs::create_dir_all(&bin).with_context(|| format!("cannot make {}", bin.display()))?;
    let module = module(&bin)?;
    if module.stale() {
        module.build(yes, &format!("building {name}"), &bin.join(""), &["tool"], "-s -w")?;
        module.built()?;
    }
    Ok(bin.join(name))
}

/// A fingerprint of the sources that the node's programs, CoreDNS among them, were built from.
pub(crate) fn node_fingerprint() -> Result<String> {
    Ok(Module::new("node", &home()?.join("bin"), "")?.fingerprint)
}

/// The unpacked sources of a module that `dev/cluster/kube` depends on.
pub(crate) fn kube_source(module: &str, yes: bool) -> Result<PathBuf> {
    Module::new("kube", &home()?.join("bin"), KUBERNETES)?.directory_of(module, yes)
}

/// The unpacked sources of a module that `dev/cluster/routes` pins.
pub(crate) fn route_source(module: &str, yes: bool) -> Result<PathBuf> {
    Module::new("routes", &home()?.join("bin"), "")?.directory_of(module, yes)
}

/// The version that the programs of Kubernetes report, as linker flags.
fn version_flags() -> String {
    let mut flags = "-s -w".to_owned();
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        for (name, value) in [
            ("gitVersion", KUBERNETES),
            ("gitMajor", "1"),
            ("gitMinor", "37"),
            ("gitTreeState", "clean"),
            ("gitCommit", "unknown"),
            ("buildDate", "1970-01-01T00:00:00Z"),
        ] {
            flags.extend([" -X ", package, ".", name, "=", value]);
        }
    }
    flags
}

struct Module {
    source: PathBuf,
    stamp: PathBuf,
    fingerprint: String,
}

impl Module {
    fn new(name: &str, bin: &Path, salt: &str) -> Result<Self> {
        Self::at(repository().join("dev/cluster").join(name), name, bin, salt)
    }

    /// `salt` is what decides the build beside the sources. Go itself would link anew each time, so it is not asked.
    fn at(source: PathBuf, name: &str, bin: &Path, salt: &str) -> Result<Self> {
        let mut files = Vec::new();
        go_files(&source, &mut files)?;
        files.sort();
        let mut hash = Sha256::new_with_prefix(salt);
        for file in files {
            hash.update(fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
        }
        let fingerprint = format!("{:x}", hash.finalize());
        Ok(Self { source, stamp: bin.join(format!(".{name}")), fingerprint })
    }

    fn stale(&self) -> bool {
        fs::read_to_string(&self.stamp).ok().as_ref() != Some(&self.fingerprint)
    }

    fn built(&self) -> Result<()> {
        write_whole(&self.stamp, self.fingerprint.as_bytes())
    }

    fn go(&self, yes: bool, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(packages::go(yes)?);
        command
            .args(arguments)
            .current_dir(&self.source)
            .env("CGO_ENABLED", "0")
            .env("GOFLAGS", "-mod=readonly -buildvcs=false")
            .env("GOTOOLCHAIN", "local");
        if std::env::var_os("HOME").is_none() {
            command.env("GOPATH", home()?.join("gopath")).env("GOCACHE", home()?.join("gocache"));
        }
        Ok(command)
    }

    /// Compiles packages to `out`, a file or (ending in `/`) a folder.
    fn build(&self, yes: bool, title: &str, out: &Path, packages: &[&str], ldflags: &str) -> Result<()> {
        // Go itself may have to be brought first, which is a step of its own.
        let mut command = self.go(yes, &["build", "-v", "-trimpath", "-ldflags", ldflags, "-o"])?;
        let step = Step::start(title);
        step.far("bringing modules".to_owned());
        // Only for the line that says how far it is.
        let list = self.go(yes, &["list", "-deps"])?.args(packages).stderr(Stdio::null()).output();
        let total = list
            .ok()
            .filter(|list| list.status.success())
            .map(|list| String::from_utf8_lossy(&list.stdout).lines().count());
        step.far(String::new());
        command.arg(out).args(packages);
        // Of Go's lines, the names of packages that it compiles have no blank in them.
        let compiled = |line: &str| !line.is_empty() && !line.contains(' ') && !line.ends_with(':');
        step.run(&mut command, Some(Units { name: "packages compiled", total, counts: compiled }))?;
        step.done();
        Ok(())
    }

    /// Where Go unpacked a module that this one depends on.
    fn directory_of(&self, module: &str, yes: bool) -> Result<PathBuf> {
        let answer = self.go(yes, &["list", "-m", "-f", "{{.Dir}}", module])?.output().context("cannot run go")?;
        let path = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
        if !path.is_dir() {
            // It is unpacked by a build, which may have found all it needed in its cache.
            let status = self.go(yes, &["mod", "download", module])?.status().context("cannot run go")?;
            let answer = self.go(yes, &["list", "-m", "-f", "{{.Dir}}", module])?.output().context("cannot run go")?;
            let path = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
            if !status.success() || !path.is_dir() {
                bail!("go has no sources of {module}: {}", String::from_utf8_lossy(&answer.stderr).trim());
            }
            return Ok(path);
        }
        Ok(path)
    }
}

fn go_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            go_files(&path, found)?;
        } else if path.extension().is_some_and(|end| end == "go" || end == "mod" || end == "sum") {
            found.push(path);
        }
    }
    Ok(())
}

fn replace_link(link: &Path) -> Result<()> {
    if link.symlink_metadata().is_ok() {
        fs::remove_file(link).with_context(|| format!("cannot replace {}", link.display()))?;
    }
    symlink("kubernetes", link).with_context(|| format!("cannot make {}", link.display()))
}

/// How KWOK's nodes and pods behave: become ready at once, end when deleted, renew their leases.
fn kwok_stages(module: &Path) -> Result<String> {
    let mut stages = String::new();
    for folder in ["node/fast", "node/heartbeat-with-lease", "pod/fast"] {
        let folder = module.join("kustomize/stage").join(folder);
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        let mut files: Vec<_> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.retain(|file| {
            file.extension().is_some_and(|end| end == "yaml")
                && file.file_stem().is_some_and(|stem| stem != "kustomization")
        });
        files.sort();
        for file in files {
            stages.push_str("---\n");
            stages.push_str(&fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?);
        }
    }
    Ok(stages)
}
