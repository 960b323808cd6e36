//! The parts of the test run, in the order in which a mistake is cheapest to find.

use std::process::Command;

use anyhow::{Result, ensure};

use super::scene::Scene;
use super::tally::Tally;
use crate::cargo::{BUILD, cargo};
use crate::cluster::Nodes;
use crate::packages;
use crate::programs;

/// The cluster of the tests that need no containers. Fake nodes take 500 pods each.
const FAKE: &str = "api";
const FAKE_NODES: u32 = 4;

/// `cargo test` for the whole workspace, so that every part shares one build.
fn cargo_test(arguments: &[&str]) -> Command {
    cargo(&[&["test", "--workspace", "--locked", "--quiet"], arguments].concat())
}

/// Form and lints.
pub(super) fn check(tally: &mut Tally) {
    tally.command("format", &mut cargo(&["fmt", "--all", "--check"]));
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"];
    tally.command("lints", &mut cargo(&clippy));
}

/// Of the cases of faults, the edit-test loop lives every so many.
const FAULTS_APART: &str = "9";

/// What takes long because it tries much, which the edit-test loop leaves to the whole run.
const LONG: &[&str] = &["transitions::", "schema::", "documents::each_command_of_the_pages_runs"];

/// Tests of values, and of the architecture.
pub(super) fn unit(tally: &mut Tally, fast: bool) {
    let mut tests = cargo_test(&["--lib", "--bins"]);
    if fast {
        tests.env("CARREL_FAULTS_APART", FAULTS_APART);
    }
    tally.tests("unit tests", &mut tests);
    tally.tests("examples in the docs", &mut cargo_test(&["--doc"]));
    tally.tests("the house", &mut cargo_test(&["--test", "house", "--test", "lists", "--test", "docs"]));
}

/// What kustomize and Helm make of `deploy/`, which needs no cluster.
pub(super) fn deployment(scene: &Scene, tally: &mut Tally) {
    if tally.check("Helm", || programs::helm(scene.yes).map(drop)) {
        tally.tests("deployment files", cargo_test(&["--test", "deploy"]).envs(scene.environment(FAKE)));
    }
}

/// Against a real API server with fake nodes.
pub(super) fn apiserver(scene: &Scene, tally: &mut Tally, fast: bool) {
    if !tally.check("a cluster with fake nodes", || scene.up(FAKE, Nodes::Fake(FAKE_NODES))) {
        return;
    }
    tally.command("the CRDs by plain kubectl apply", &mut scene.kubectl(FAKE, &["apply", "-k", "deploy/crds"]));
    tally.command("the binary", cargo(&BUILD).arg("--locked"));
    tally.command("generated files", &mut scene.xtask(&["generate", "--check"]));
    // They mostly wait for the cluster, so there may be more of them than processors.
    let mut arguments = vec!["--test", "apiserver", "--", "--test-threads=16"];
    if fast {
        arguments.extend(LONG.iter().flat_map(|test| ["--skip", test]));
    }
    tally.tests("the API server", cargo_test(&arguments).envs(scene.environment(FAKE)));
    tally.tests("policies of the whole cluster", cargo_test(&["--test", "policies"]).envs(scene.environment(FAKE)));
    if !fast {
        let arguments = ["--test", "at_rest", "--", "--nocapture"];
        tally.tests("a thousand notebooks at rest", cargo_test(&arguments).envs(scene.environment(FAKE)));
        // The last, as it reads what all others had Carrel ask for.
        tally.tests("rights", cargo_test(&["--test", "rights"]).envs(scene.environment(FAKE)));
    }
    tally.command("the end of the cluster", &mut scene.xtask(&["cluster", "down", "--name", FAKE]));
}

/// The tests that cordon the only node.
const DRAIN: &str = "drain::";

/// The tests on a real node that mostly wait, or that need nothing of Carrel.
const LONG_ON_NODES: [&str; 3] = [DRAIN, "activity::", "crash::"];

/// Has the demo's Carrel ask servers more often than each minute, as its admin would.
fn probe_often(scene: &Scene) -> Result<()> {
    let ours = ["-n", "carrel-system"];
    for arguments in [
        &["create", "configmap", "carrel", "--from-literal=CARREL_PROBE_PERIOD=15s"][..],
        &["rollout", "restart", "deployment/carrel"],
        &["rollout", "status", "deployment/carrel", "--timeout=120s"],
    ] {
        let status = scene.kubectl("demo", &[&ours, arguments].concat()).status()?;
        ensure!(status.success(), "kubectl {arguments:?}: {status}");
    }
    Ok(())
}

/// The demo, and end to end on its cluster.
pub(super) fn node(scene: &Scene, tally: &mut Tally) {
    let what = "the demo, and notebooks on a real node";
    if !packages::root() {
        return tally.skip(what, "running containers needs root");
    }
    let demo: &[&str] = if scene.yes { &["demo", "--yes"] } else { &["demo"] };
    if tally.command("the demo", &mut scene.xtask(demo)) {
        tally.check("a probe each 15 s", || probe_often(scene));
        // Some wait minutes for what must not happen, and ask for little meanwhile.
        let arguments = ["--test", "node", "--", "--nocapture", "--test-threads=8", "--skip", DRAIN];
        tally.tests("notebooks on a real node", cargo_test(&arguments).envs(scene.environment("demo")));
        let arguments = ["--test", "node", "--", "--nocapture", DRAIN];
        tally.tests("the drain of the node", cargo_test(&arguments).envs(scene.environment("demo")));
        tally.command("the demo's end", &mut scene.xtask(&["demo", "--down"]));
        let by_helm = [demo, &["--helm"]].concat();
        if tally.command("the demo again, by Helm", &mut scene.xtask(&by_helm)) {
            let arguments = ["--test", "helm", "--", "--nocapture"];
            tally.tests("an upgrade and a way out", cargo_test(&arguments).envs(scene.environment("demo")));
            // Its last scene leaves Carrel there. Without the tests that wait for minutes, which ran after kustomize.
            let long = LONG_ON_NODES.iter().flat_map(|test| ["--skip", test]);
            let arguments: Vec<_> =
                ["--test", "node", "--", "--nocapture", "--test-threads=8"].into_iter().chain(long).collect();
            tally.tests("notebooks on a real node, by Helm", cargo_test(&arguments).envs(scene.environment("demo")));
        }
    }
    tally.command("the demo's end, again", &mut scene.xtask(&["demo", "--down"]));
}
