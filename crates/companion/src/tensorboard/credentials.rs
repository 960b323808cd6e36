//! How TensorBoard reaches a bucket.

use carrel_api::tensorboard::Credentials;
use k8s_openapi::api::core::v1::{
    Container, EnvFromSource, EnvVar, PodSpec, SecretEnvSource, SecretVolumeSource, Volume, VolumeMount,
};

use super::logspath::Logs;

/// The Secret and the place of Google's key, as in Kubeflow.
const GOOGLE_SECRET: &str = "user-gcp-sa";
const GOOGLE_KEY: &str = "user-gcp-sa.json";
const GOOGLE_VOLUME: &str = "gcp-creds";
const GOOGLE_FOLDER: &str = "/secret/gcp";

/// Gives the container what it needs. Without a word of its owner, a bucket of Google's gets Kubeflow's Secret, and one of S3
/// nothing.
pub(super) fn give(logs: &Logs, asked: Option<&Credentials>, container: &mut Container, pod: &mut PodSpec) {
    match logs {
        Logs::Google(_) => google(asked, container, pod),
        Logs::S3(_) => s3(asked, container),
        Logs::Claim { .. } | Logs::Cns(_) => {}
    }
}

fn google(asked: Option<&Credentials>, container: &mut Container, pod: &mut PodSpec) {
    let secret = asked.and_then(|asked| asked.secret_name.as_deref());
    if secret.is_some() {
        let key = asked.and_then(|asked| asked.key.as_deref()).unwrap_or(GOOGLE_KEY);
        let file = format!("{GOOGLE_FOLDER}/{key}");
        container.env.get_or_insert_default().push(variable("GOOGLE_APPLICATION_CREDENTIALS", &file));
    }
    container.volume_mounts = Some(vec![VolumeMount {
        name: GOOGLE_VOLUME.to_owned(),
        mount_path: GOOGLE_FOLDER.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    }]);
    pod.volumes = Some(vec![Volume {
        name: GOOGLE_VOLUME.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.unwrap_or(GOOGLE_SECRET).to_owned()),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }]);
}

fn s3(asked: Option<&Credentials>, container: &mut Container) {
    let Some(Credentials { secret_name, s3_endpoint, .. }) = asked else { return };
    container.env_from = secret_name.as_ref().map(|name| {
        let secret_ref = Some(SecretEnvSource { name: name.clone(), ..SecretEnvSource::default() });
        vec![EnvFromSource { secret_ref, ..EnvFromSource::default() }]
    });
    if let Some(endpoint) = s3_endpoint {
        let env = container.env.get_or_insert_default();
        // The first is TensorBoard's own and TensorFlow's, the second that of Amazon's libraries.
        env.push(variable("S3_ENDPOINT", endpoint));
        env.push(variable("AWS_ENDPOINT_URL", endpoint));
        let https = if endpoint.starts_with("https://") { "1" } else { "0" };
        env.push(variable("S3_USE_HTTPS", https));
    }
}

fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), ..EnvVar::default() }
}
