//! What to do about a Lease as it stands. Pure: time comes in as a value.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::Instant;

use super::Settings;

/// The lease as it stands now, of another. The times in a Lease are another machine's clock and prove nothing; only that it did
/// not change for its whole duration since this process first saw it so does.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Observed {
    version: String,
    /// When that will have been.
    pub(super) lapses: Instant,
}

/// What to do about the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is none, and nobody is known to hold it: make it.
    Create,
    /// It is ours: renew it.
    Renew,
    /// It is nobody's, or its holder let it lapse: take it.
    Take,
    /// It is another's, or was when somebody deleted it.
    Wait,
}

/// What to do about the lease, and what to remember for the next time.
pub(super) fn judge(
    lease: Option<&Lease>,
    observed: Option<Observed>,
    settings: &Settings,
    now: Instant,
) -> (Step, Option<Observed>) {
    let Some(lease) = lease else {
        // Its holder writes on until it sees that the lease is gone, and makes it anew.
        let held = observed.filter(|seen| now < seen.lapses);
        return (if held.is_some() { Step::Wait } else { Step::Create }, held);
    };
    let spec = lease.spec.as_ref();
    let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
    if holder == settings.identity {
        return (Step::Renew, None);
    }
    if holder.is_empty() {
        return (Step::Take, None);
    }
    let version = lease.metadata.resource_version.clone().unwrap_or_default();
    let seconds = spec.and_then(|spec| spec.lease_duration_seconds).and_then(|s| u64::try_from(s).ok());
    // The holder's own duration counts, as it may run with other settings.
    let duration = seconds.map_or(settings.duration, Duration::from_secs).max(Duration::from_secs(1));
    let first = Observed { version, lapses: now + duration };
    let observed = observed.filter(|seen| seen.version == first.version).unwrap_or(first);
    (if now >= observed.lapses { Step::Take } else { Step::Wait }, Some(observed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lease(holder: &str, version: &str, seconds: i32) -> Lease {
        serde_json::from_value(json!({
            "metadata": {"name": "l", "resourceVersion": version},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": seconds, "renewTime": "2001-01-01T00:00:00.000000Z"}
        }))
        .unwrap()
    }

    fn settings() -> Settings {
        Settings { namespace: "n".into(), name: "l".into(), identity: "me".into(), duration: Duration::from_secs(15) }
    }

    #[test]
    fn a_lease_that_is_missing_ours_or_nobodys_is_claimed_at_once() {
        let now = Instant::now();
        assert_eq!(judge(None, None, &settings(), now).0, Step::Create);
        assert_eq!(judge(Some(&lease("me", "1", 15)), None, &settings(), now).0, Step::Renew);
        assert_eq!(judge(Some(&lease("", "1", 1)), None, &settings(), now).0, Step::Take);
    }

    #[test]
    fn another_ones_lease_is_taken_only_after_its_whole_duration_without_a_change() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        // However old the time in it is: the holder's clock may be wrong.
        let (step, seen) = judge(Some(&lease("other", "1", 20)), None, &settings(), start);
        assert_eq!(step, Step::Wait);
        let (step, seen) = judge(Some(&lease("other", "1", 20)), seen, &settings(), after(19));
        assert_eq!(step, Step::Wait);
        let (step, renewed) = judge(Some(&lease("other", "2", 20)), seen.clone(), &settings(), after(20));
        assert_eq!(step, Step::Wait, "it was renewed");
        assert_eq!(judge(Some(&lease("other", "2", 20)), renewed, &settings(), after(39)).0, Step::Wait);
        assert_eq!(judge(Some(&lease("other", "1", 20)), seen, &settings(), after(20)).0, Step::Take);
    }

    #[test]
    fn a_lease_that_somebody_deletes_is_still_its_holders() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let (_, seen) = judge(Some(&lease("other", "1", 20)), None, &settings(), start);
        let (step, seen) = judge(None, seen, &settings(), after(19));
        assert_eq!(step, Step::Wait);
        assert_eq!(judge(None, seen, &settings(), after(20)).0, Step::Create);
    }
}
