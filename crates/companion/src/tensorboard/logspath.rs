//! Where the runs are, by Kubeflow's rules as far as those are sane.

use carrel_api::tensorboard::crd::LOGSPATHS;
use carrel_server::Refusal;

/// Where a claim is mounted, as in Kubeflow.
const MOUNT: &str = "/tensorboard_logs/";
/// The claim of a bare path, as in Kubeflow's first releases.
const OLD_CLAIM: &str = "tb-volume";

/// Where the runs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logs {
    /// On a claim of the namespace.
    Claim {
        /// Its name.
        claim: String,
        /// Where it is mounted.
        mount: String,
        /// The folder of it that is mounted; all of it if absent.
        folder: Option<String>,
        /// What TensorBoard reads.
        logdir: String,
    },
    /// In a bucket of Google's.
    Google(String),
    /// In a bucket of S3.
    S3(String),
    /// In Google's own storage, which takes no credentials here.
    Cns(String),
}

impl Logs {
    /// The claim that they are on.
    pub fn claim(&self) -> Option<&str> {
        match self {
            Self::Claim { claim, .. } => Some(claim),
            Self::Google(_) | Self::S3(_) | Self::Cns(_) => None,
        }
    }

    /// What TensorBoard reads.
    pub fn logdir(&self) -> &str {
        match self {
            Self::Claim { logdir, .. } => logdir,
            Self::Google(path) | Self::S3(path) | Self::Cns(path) => path,
        }
    }
}

/// Reads a logspath. The CRD refuses the same; an object that is older than its rules is caught here.
pub fn parse(text: Option<&str>) -> Result<Logs, Refusal> {
    let text = text.unwrap_or_default();
    let wrong = || Refusal::invalid(format!("spec.logspath is {text:?}; it must be {LOGSPATHS}"));
    if text.contains('\n') {
        return Err(wrong());
    }
    if text.split('/').any(|part| part == "..") {
        return Err(Refusal::invalid(format!("spec.logspath is {text:?}; it must not leave its folder by ..")));
    }
    if let Some(rest) = text.strip_prefix("pvc://") {
        let (claim, folder) = rest.split_once('/').unwrap_or((rest, ""));
        if !is_name(claim) || folder.starts_with('/') {
            return Err(wrong());
        }
        return Ok(Logs::Claim {
            claim: claim.to_owned(),
            mount: MOUNT.to_owned(),
            folder: Some(folder.to_owned()).filter(|folder| !folder.is_empty()),
            logdir: MOUNT.to_owned(),
        });
    }
    let is_bucket = |rest: &str| !rest.is_empty() && !rest.starts_with('/');
    if text.strip_prefix("gs://").is_some_and(is_bucket) {
        return Ok(Logs::Google(text.to_owned()));
    }
    if text.strip_prefix("s3://").is_some_and(is_bucket) {
        return Ok(Logs::S3(text.to_owned()));
    }
    if text.strip_prefix("/cns/").is_some_and(|rest| !rest.contains(':')) {
        return Ok(Logs::Cns(text.to_owned()));
    }
    // A path with a colon can't be mounted, and the root of a container is no place for a volume.
    match text.strip_prefix('/') {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && !rest.contains(':') => Ok(Logs::Claim {
            claim: OLD_CLAIM.to_owned(),
            mount: text.to_owned(),
            folder: None,
            logdir: text.to_owned(),
        }),
        _ => Err(wrong()),
    }
}

/// A DNS subdomain, as the name of a claim is.
fn is_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    !name.is_empty() && name.len() <= 253 && name.chars().all(inner) && name.starts_with(ends) && name.ends_with(ends)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claim(claim: &str, mount: &str, folder: Option<&str>, logdir: &str) -> Logs {
        Logs::Claim {
            claim: claim.to_owned(),
            mount: mount.to_owned(),
            folder: folder.map(str::to_owned),
            logdir: logdir.to_owned(),
        }
    }

    /// The rows of Kubeflow's table that make sense.
    #[test]
    fn each_row_is_read_as_in_kubeflow() {
        let logs = "/tensorboard_logs/";
        for (text, expected) in [
            ("pvc://runs", claim("runs", logs, None, logs)),
            ("pvc://runs/", claim("runs", logs, None, logs)),
            ("pvc://runs/a/b", claim("runs", logs, Some("a/b"), logs)),
            ("pvc://runs/a/b/", claim("runs", logs, Some("a/b/"), logs)),
            ("pvc://team.runs", claim("team.runs", logs, None, logs)),
            ("gs://bucket/runs/", Logs::Google("gs://bucket/runs/".to_owned())),
            ("s3://bucket", Logs::S3("s3://bucket".to_owned())),
            ("/cns/cell/home", Logs::Cns("/cns/cell/home".to_owned())),
            ("/logs/run1", claim("tb-volume", "/logs/run1", None, "/logs/run1")),
        ] {
            assert_eq!(parse(Some(text)), Ok(expected), "{text}");
        }
    }

    #[test]
    fn all_else_is_refused_with_what_works() {
        for text in [
            "",
            "/",
            "//",
            "pvc://",
            "pvc:///x",
            "pvc://Runs",
            "pvc://runs//x",
            "pvc://-a",
            "gs://",
            "gs:///x",
            "s3://",
            "minio://bucket",
            "hdfs://host/x",
            "az://c/x",
            "abfs://c/x",
            "logs/run1",
            "/a:b",
            "/cns/a:b",
            "s4://x",
        ] {
            let refusal = parse(Some(text)).unwrap_err();
            assert!(refusal.message.contains("pvc://CLAIM"), "{text}: {}", refusal.message);
        }
        assert!(parse(None).is_err());
        for text in ["pvc://runs/..", "pvc://runs/a/../b", "/logs/../etc", "gs://b/../x"] {
            assert!(parse(Some(text)).unwrap_err().message.contains(".."), "{text}");
        }
        assert!(parse(Some("pvc://runs/a..b")).is_ok());
    }

    /// The expressions of the CRD's rule; its language and ours for them are the same where they are as plain as these.
    fn expressions() -> Vec<regex::Regex> {
        let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/logspath/x-kubernetes-validations/0/rule";
        let rule = carrel_api::tensorboard::crd::definition().pointer(path).unwrap().as_str().unwrap().to_owned();
        rule.split('\'').skip(1).step_by(2).map(|text| regex::Regex::new(text).unwrap()).collect()
    }

    fn logspath() -> impl Strategy<Value = String> {
        let start = prop_oneof![Just("pvc://"), Just("gs://"), Just("s3://"), Just("/cns/"), Just("/"), Just("")];
        (start, prop_oneof!["[a-zA-Z0-9./:\\n-]{0,12}", ".{0,12}"]).prop_map(|(start, rest)| format!("{start}{rest}"))
    }

    proptest! {
        #[test]
        fn what_the_crd_lets_through_can_be_read_and_nothing_else(text in logspath()) {
            let rule = expressions().iter().any(|expression| expression.is_match(&text));
            let dots = text.split('/').any(|part| part == "..");
            prop_assert_eq!(parse(Some(&text)).is_ok(), rule && !dots, "{:?}", text);
        }
    }
}
