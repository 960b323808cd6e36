//! The claims that a pod mounts, for types that read no more of a Pod than they need.

use serde::{Deserialize, Serialize};

/// A volume of a Pod, if it is a claim.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlimVolume {
    /// The claim; absent in volumes of other kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<SlimClaim>,
}

/// The claim of a volume.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlimClaim {
    /// Its name.
    pub claim_name: String,
}

/// The names of the claims among volumes.
pub fn claims(volumes: &[SlimVolume]) -> impl Iterator<Item = &str> {
    volumes.iter().filter_map(|volume| Some(volume.persistent_volume_claim.as_ref()?.claim_name.as_str()))
}
