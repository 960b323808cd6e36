//! Asks the API server by a dry run whether something fits where a quota or a LimitRange bounds its namespace, one object at a
//! time and in the order of asking ([`turns`](crate::turns)).

use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::reflector::Lookup;
use tracing::{debug, info, warn};

use crate::Key;
use crate::apply::WriteError;
use crate::bounds::Bounds;
use crate::quota::is_contradicted;
use crate::turns::{Asked, Turn, Turns};
use crate::wake::Wake;

/// How long to wait where the API server judged by numbers that are older than those known here, or newer.
const CATCH_UP: Duration = Duration::from_secs(1);

/// What is known of the room for something; a refusal is an `R`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Judged<R> {
    /// Nothing: nothing is to be judged, or it was not asked yet.
    #[default]
    Not,
    /// It fits.
    Fits,
    /// Others are judged first, or it could not be judged for now.
    Waits,
    /// It does not fit.
    Refused(R),
}

/// What came of a judgement.
#[derive(Debug)]
pub struct Judgement<R> {
    /// What is known now.
    pub judged: Judged<R>,
    /// When to ask again without being woken.
    pub again: Option<Duration>,
    /// Why it could not be judged.
    pub failed: Option<WriteError>,
}

impl<R> Judgement<R> {
    fn new(judged: Judged<R>) -> Self {
        Self { judged, again: None, failed: None }
    }

    fn waits(again: Duration) -> Self {
        Self { judged: Judged::Waits, again: Some(again), failed: None }
    }
}

/// What judgements of a kind need.
pub struct Judge<'a, K: Lookup<DynamicType = ()>, R> {
    /// Whose turn it is.
    pub turns: &'a Turns<R>,
    /// What bounds each namespace.
    pub bounds: &'a Bounds,
    /// How the next in line is woken.
    pub wake: &'a Wake<K>,
}

/// What is to be judged.
pub struct Case<'a> {
    /// Of which object.
    pub key: &'a Key,
    /// When its owner asked.
    pub since: Timestamp,
    /// Stands for all that the judgement depends on but the room.
    pub what: &'a str,
}

impl<K: Lookup<DynamicType = ()>, R: Clone> Judge<'_, K, R> {
    /// Nothing of this object is to be judged: the next in line has its turn.
    pub fn leave(&self, key: &Key) -> Judgement<R> {
        self.wake.send_key(self.turns.leave(key));
        Judgement::new(Judged::Not)
    }

    /// Judges by `dry_run`, when it is its turn. `refusal` makes one of the API server's words, if they are about room: what
    /// is refused for another cause passes, since who refuses so may change without a word to us, and what is let through is
    /// refused again where it is done.
    pub async fn judge(
        &self,
        case: &Case<'_>,
        dry_run: impl Future<Output = Result<(), WriteError>>,
        refusal: impl Fn(&str) -> Option<R>,
    ) -> Judgement<R> {
        let asked = match self.turns.ask(case.key, case.since, case.what) {
            Turn::Yours(asked) => asked,
            Turn::Passed => return Judgement::new(Judged::Fits),
            Turn::Later(left) => return Judgement::waits(left),
            Turn::Refused(refusal) => return Judgement::new(Judged::Refused(refusal)),
        };
        match dry_run.await {
            Ok(()) => {
                info!("it fits");
                self.turns.passed(case.key);
                Judgement::new(Judged::Fits)
            }
            Err(WriteError::Refused { message, .. }) => {
                let Some(refusal) = refusal(&message) else {
                    warn!("it could not be judged, and is done unjudged: {message}");
                    self.turns.passed(case.key);
                    return Judgement::new(Judged::Fits);
                };
                // By what is known now, not when the judgement was asked for.
                if self.is_contradicted(case.key, &message) {
                    debug!("judged by other numbers than those known here: {message}");
                    return Judgement::waits(CATCH_UP);
                }
                self.refuse(case, Some(asked), refusal)
            }
            Err(error) => {
                // The others need not wait until this one is tried again.
                self.wake.send_key(self.turns.leave(case.key));
                Judgement { judged: Judged::Waits, again: None, failed: Some(error) }
            }
        }
    }

    /// What was let through was refused with these words where it was done: somebody else took the room.
    pub fn lost(&self, case: &Case<'_>, words: &str, refusal: R) -> Judgement<R> {
        let refused = self.refuse(case, None, refusal);
        if self.is_contradicted(case.key, words) {
            // The room that was lost is there again, and whoever told us found nobody waiting.
            self.wake.send_key(self.turns.reopen(&case.key.namespace));
        }
        refused
    }

    fn refuse(&self, case: &Case<'_>, asked: Option<Asked>, refusal: R) -> Judgement<R> {
        self.wake.send_key(self.turns.refused(case.key, case.since, case.what, asked, refusal.clone()));
        Judgement::new(Judged::Refused(refusal))
    }

    fn is_contradicted(&self, key: &Key, words: &str) -> bool {
        is_contradicted(words, &self.bounds.of(&key.namespace).quotas)
    }
}
