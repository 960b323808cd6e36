//! Where the commands of a page are typed: a namespace with a controller, in the place of the examples' one, and a folder with
//! the files that pages name.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use carrel_tests::{Desk, given, kubectl, run};
use tempfile::TempDir;
use xtask::home::repository;

/// Claims that pages and examples ask for. No fake node makes a volume.
const CLAIMS: &[&str] = &["iris-home", "datasets", "first-home"];

/// A namespace for the examples, and a folder to type commands in.
pub(super) struct Stage {
    pub(super) desk: Desk,
    folder: TempDir,
}

impl Stage {
    /// The namespace and the folder, with nothing in them but what the examples stand on.
    pub(super) async fn new() -> Result<Self> {
        let stage = Self { desk: Desk::new().await?, folder: TempDir::new()? };
        stage.save("kubeconfig", &kubectl(&["config", "view", "--raw", "--flatten"])?)?;
        stage.types(&format!("kubectl config set-context --current --namespace={}", stage.desk.namespace))?;
        stage.save("storage.json", &stage.storage())?;
        stage.types("kubectl create -f storage.json")?;
        std::os::unix::fs::symlink(repository().join("deploy"), stage.path("deploy"))?;
        std::fs::create_dir(stage.path("examples"))?;
        for example in std::fs::read_dir(repository().join("examples"))? {
            let example = example?;
            let name = Path::new("examples").join(example.file_name());
            stage.save(name.to_str().context("a name that is no text")?, &std::fs::read_to_string(example.path())?)?;
        }
        Ok(stage)
    }

    /// A class and volumes of it that are reserved for the claims: Kubernetes' own controller binds the two.
    fn storage(&self) -> String {
        let namespace = &self.desk.namespace;
        let class = self.class();
        let mut objects = vec![serde_json::json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": {"name": class}, "provisioner": "docs.example"})];
        objects.extend(CLAIMS.iter().map(|claim| {
            let name = format!("{class}-{claim}");
            serde_json::json!({"apiVersion": "v1", "kind": "PersistentVolume",
                "metadata": {"name": name, "labels": {"of": class}},
                "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "storageClassName": class,
                    "hostPath": {"path": "/nowhere"}, "claimRef": {"namespace": namespace, "name": claim}}})
        }));
        serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()
    }

    fn class(&self) -> String {
        format!("docs-{}", self.desk.namespace)
    }

    /// Applies these examples, and waits until the notebook that the others stand beside runs.
    pub(super) async fn examples(&self, names: &[&str]) -> Result<()> {
        // The namespace first, which is in one of them.
        let rest = names.iter().filter(|name| **name != "iris");
        let files: Vec<_> =
            std::iter::once(&"iris").chain(rest).map(|name| format!("-f examples/{name}.yaml")).collect();
        self.types(&format!("kubectl apply {}", files.join(" ")))?;
        self.desk.reaches("iris", "Running").await?;
        Ok(())
    }

    /// Saves what a page shows under this name.
    pub(super) fn save(&self, name: &str, text: &str) -> Result<()> {
        Ok(std::fs::write(self.path(name), self.placed(text))?)
    }

    /// Runs a command as a person types it. What it printed.
    pub(super) fn types(&self, command: &str) -> Result<String> {
        if !command.ends_with(" --watch") {
            return run(&mut self.shell(command)?);
        }
        // It would go on for ever; what it shows first is what counts.
        let shown = self.shell(&format!("timeout 3 {command}"))?.output()?;
        let said = String::from_utf8_lossy(&shown.stdout).into_owned();
        ensure!(said.starts_with("NAME"), "{command}: {said}{}", String::from_utf8_lossy(&shown.stderr));
        Ok(said)
    }

    fn shell(&self, command: &str) -> Result<Command> {
        let kubectl = PathBuf::from(given("KUBECTL")?);
        let programs = kubectl.parent().context("no folder of kubectl")?.display();
        let mut shell = Command::new("sh");
        shell.args(["-c", &self.placed(command)]).current_dir(self.folder.path()).stdin(Stdio::null());
        shell.env("KUBECONFIG", self.path("kubeconfig")).env("PATH", format!("{programs}:{}", given("PATH")?));
        Ok(shell)
    }

    /// A text of the pages with names of this stage in it, where others are everybody's.
    fn placed(&self, text: &str) -> String {
        let namespace = &self.desk.namespace;
        text.replace("team-a", namespace)
            .replace("team-b", &self.other())
            .replace("team-hours", &self.other())
            .replace("lab: team", &format!("lab: {namespace}"))
            .replace("\n  size: 1Gi", &format!("\n  size: 1Gi\n  storageClassName: {}", self.class()))
    }

    /// The namespace in the place of team-b, which is also the policy's name and the group of its members.
    fn other(&self) -> String {
        format!("{}-b", self.desk.namespace)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let (class, other, gone) = (self.class(), self.other(), ["--ignore-not-found", "--wait=false"]);
        let _ = kubectl(&[&["delete", "namespace", &other], &gone[..]].concat());
        let _ = kubectl(&[&["delete", "labpolicy", &other], &gone[..]].concat());
        let _ = kubectl(&[&["delete", "storageclass", &class], &gone[..]].concat());
        let _ = kubectl(&["delete", "persistentvolumes", "-l", &format!("of={class}"), "--wait=false"]);
    }
}
