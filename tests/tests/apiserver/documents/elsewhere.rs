//! The commands of pages that can't run beside other tests, or on nodes that run nothing, and what runs them instead.

/// A command that runs elsewhere.
#[derive(Debug)]
pub(super) struct Elsewhere {
    /// How it begins.
    pub(super) command: &'static str,
    /// Which file runs it, or does the same.
    pub(super) file: &'static str,
    /// Where in that file.
    pub(super) there: &'static str,
}

const fn elsewhere(command: &'static str, file: &'static str, there: &'static str) -> Elsewhere {
    Elsewhere { command, file, there }
}

pub(super) const ELSEWHERE: &[Elsewhere] = &[
    // Need Docker.
    elsewhere("docker build", ".github/workflows/e2e.yml", "docker build"),
    elsewhere("kind create cluster", ".github/workflows/e2e.yml", "helm/kind-action"),
    elsewhere("kind load docker-image", ".github/workflows/e2e.yml", "kind load docker-image"),
    // Helm's test has a cluster of its own, where it installs, upgrades and removes the release.
    elsewhere("helm install", "xtask/src/demo/chart.rs", "--install"),
    elsewhere("helm upgrade", "tests/tests/helm/release.rs", "\"upgrade\""),
    elsewhere("helm rollback", "tests/tests/helm/release.rs", "\"rollback\""),
    elsewhere("helm uninstall", "tests/tests/helm/release.rs", "\"uninstall\""),
    // Would take other tests' pods along.
    elsewhere(
        "kubectl drain",
        "tests/tests/node/drain.rs",
        "a_drain_is_refused_while_a_kernel_trains_and_goes_through_after",
    ),
    // Fake nodes run nothing that could be reached or say anything.
    elsewhere("kubectl port-forward", "tests/tests/node/tools.rs", "port-forward"),
    elsewhere("kubectl -n carrel-system port-forward", "tests/tests/node/tools.rs", "port-forward"),
    elsewhere("kubectl logs", "tests/tests/node/tools.rs", "\"logs\""),
    elsewhere("kubectl -n carrel-system logs", "tests/tests/node/tools.rs", "\"logs\""),
];

/// Commands that would disturb others in the cluster, by how they begin, and what makes a rehearsal of them.
pub(super) const REHEARSED: &[(&str, &str)] = &[
    ("kubectl apply -k ", "--dry-run=server"),
    ("kubectl delete -k ", "--dry-run=server --ignore-not-found"),
    ("kubectl delete poddisruptionbudgets --all-namespaces ", "--dry-run=server"),
];
