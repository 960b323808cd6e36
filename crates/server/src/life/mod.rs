//! The life of a server: whether it is used, what its policies make of that, and how that is said. What a controller of
//! any kind of server adds is where its server is and how it is asked.

mod act;
mod asked;
mod caller;
mod counts;
mod kubeflow;
mod noted;
pub(crate) mod said;
mod stops;

use std::collections::BTreeMap;

use carrel_activity::contract::{Act, Announced, Decision, Facts, Pod, decide};
use carrel_activity::judge::Judged;
use carrel_activity::policy::Effective;
use carrel_api::activity::{Activity, Life, StopCause, Verdict};
use carrel_api::server::Condition;
use carrel_runtime::notice::Notice;
use jiff::Timestamp;
use serde_json::Value;

pub use act::{ANSWER, Lives, Stored, sooner};
pub use asked::{Asked, subject};
pub use caller::Caller;
pub use counts::Counts;
pub use stops::{started_again, stopped, stopped_by_carrel};

/// What is known of a server when it is decided what becomes of it.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The time.
    pub now: Timestamp,
    /// The annotations of its object.
    pub annotations: &'a BTreeMap<String, String>,
    /// What is stored.
    pub life: &'a Life,
    /// The conditions that are stored.
    pub conditions: &'a [Condition],
    /// Whether its owner edited it since that was stored.
    pub edited: bool,
    /// When its container started, while that runs and is ready.
    pub started: Option<Timestamp>,
    /// What holds for it; `None` while the policies are not known.
    pub effective: Option<&'a Effective>,
    /// What was heard of it.
    pub heard: Option<&'a Judged>,
}

/// What becomes of a server, and what is said of that.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lived {
    /// What is to be stored.
    pub life: Life,
    /// The conditions that speak of it.
    pub conditions: Vec<Condition>,
    /// The Events that it is worth, once that is stored.
    pub notices: Vec<Notice>,
    /// What to do.
    pub act: Act,
    /// The stop that is announced now, if one is.
    pub warned: Option<Announced>,
    /// Why it was to be stopped, if that does not come.
    pub cancelled: Option<StopCause>,
    /// Until when it is kept from drains.
    pub protect_until: Option<Timestamp>,
    /// What else decides how it is kept, and whether it moves; `None` while the policies are not known, when all stays as it is.
    pub guard: Option<Guard>,
    /// What else is to be written on the object.
    pub patch: Option<Value>,
    /// When to look again, if nothing happens before.
    pub next: Option<Timestamp>,
}

/// What decides, beside the verdict, how a server is kept on its node and whether it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Whether the policy moves it from a cordoned node once it is idle.
    pub move_when_idle: bool,
    /// What this process last heard of it since it started, and when.
    pub heard: Option<(Verdict, Timestamp)>,
}

/// Decides what becomes of a server.
pub fn live(known: &Known<'_>) -> Lived {
    let last_stop = stops::last_stop(known.annotations).or_else(|| known.life.last_stop.clone());
    let Some(effective) = known.effective else {
        // Nothing may come of rules that are known in part; nor is anything unsaid.
        let life = Life { activity: known.life.activity.clone(), last_stop };
        return Lived { life, conditions: said::kept(known), ..Lived::default() };
    };
    let mut stored = known.life.clone();
    if let Some(Activity { pending, .. }) = stored.activity.as_mut().filter(|_| known.edited) {
        // Who edits it is there: a stop that was announced is announced anew.
        *pending = None;
    }
    let decision = decide(&Facts {
        now: known.now,
        life: &stored,
        stopped: stops::stopped_as(known.annotations),
        pod: known.started.map(|started| Pod { started }),
        heard: known.heard,
        effective,
    });
    let (conditions, notices) = said::said(known, effective, &decision);
    let Decision { activity, warn: warned, act, cancelled, protect_until, next, .. } = decision;
    let guard = Some(Guard {
        move_when_idle: effective.protect_busy.section.move_when_idle,
        heard: known.heard.filter(|_| known.started.is_some()).map(|heard| (heard.verdict, heard.at)),
    });
    Lived {
        life: Life { activity, last_stop },
        conditions,
        notices,
        act,
        warned,
        cancelled,
        protect_until,
        guard,
        patch: None,
        next,
    }
}

#[cfg(test)]
mod tests;
