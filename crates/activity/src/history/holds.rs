//! What a server keeps from others while it runs.

use std::collections::BTreeMap;

use carrel_runtime::quantity;
use serde::{Deserialize, Serialize};

/// What the pod of a server asks for, and so keeps from others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Holds {
    /// CPU, in thousandths of one.
    #[serde(default)]
    pub cpu: u64,
    /// Memory, in bytes.
    #[serde(default)]
    pub memory: u64,
    /// GPUs and other devices, by the name of their resource such as `nvidia.com/gpu`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gpus: BTreeMap<String, u64>,
}

impl Holds {
    /// Adds what a container requests of a resource. Resources that a vendor names (`VENDOR/RESOURCE`) count as devices; all
    /// else but CPU and memory, and what is no quantity, is left out.
    pub fn add(&mut self, resource: &str, quantity: &str) {
        let Some(nanos) = quantity::nanos(quantity) else { return };
        let in_units_of = |unit: i128| u64::try_from(nanos / unit).unwrap_or(if nanos < 0 { 0 } else { u64::MAX });
        let (whole, milli) = (in_units_of(1_000_000_000), in_units_of(1_000_000));
        let sum = match resource {
            "cpu" => {
                self.cpu = self.cpu.saturating_add(milli);
                return;
            }
            "memory" => &mut self.memory,
            device if device.contains('/') && whole > 0 => self.gpus.entry(device.to_owned()).or_default(),
            _ => return,
        };
        *sum = sum.saturating_add(whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_containers_ask_for_is_added_up() {
        let mut holds = Holds::default();
        for (resource, quantity) in [
            ("cpu", "500m"),
            ("cpu", "1"),
            ("memory", "1Gi"),
            ("nvidia.com/gpu", "2"),
            ("nvidia.com/gpu", "0"),
            ("ephemeral-storage", "1Gi"),
            ("memory", "plenty"),
            ("memory", "-1"),
        ] {
            holds.add(resource, quantity);
        }
        let gpus = [("nvidia.com/gpu".to_owned(), 2)].into();
        assert_eq!(holds, Holds { cpu: 1_500, memory: 1 << 30, gpus });
    }
}
