//! Whose turn it is to start where room is short: in the order of asking, and one at a time.
//!
//! Where a quota bounds a namespace, two starts that are judged at once both find the last room free. So a start is judged
//! only while no other one is under way there, and who asked first is judged first. One that is refused does not hold up
//! those behind it, as in Kueue's `BestEffortFIFO`, and is judged again once there may be more room.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::Key;

/// How long a start that was let through may take to show before others are judged. Its pod shows within a second; one
/// that never comes (a webhook refuses it) must not hold up others.
pub const UNDER_WAY: Duration = Duration::from_secs(10);

/// What an asker may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn<R> {
    /// Be judged, and say with the refusal when it asked.
    Yours(Asked),
    /// Start: it was let through a moment ago.
    Passed,
    /// Wait until it is woken, or for this long at most.
    Later(Duration),
    /// Nothing: it was refused for this reason, and nothing has changed since.
    Refused(R),
}

/// When a judgement was asked for: room that is made meanwhile counts against a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked(u64);

/// The lines of all namespaces; a refusal is an `R`.
#[derive(Debug)]
pub struct Turns<R> {
    lines: Mutex<HashMap<String, Line<R>>>,
}

/// Those of one namespace that want to start, in the order of asking.
#[derive(Debug)]
struct Line<R> {
    waiting: BTreeMap<(Timestamp, String), Stand<R>>,
    under_way: Option<UnderWay>,
    /// How often room was made.
    reopened: u64,
}

#[derive(Debug)]
struct Stand<R> {
    what: String,
    refused: Option<R>,
}

#[derive(Debug)]
struct UnderWay {
    name: String,
    what: String,
    since: Instant,
}

impl<R> Default for Turns<R> {
    fn default() -> Self {
        Self { lines: Mutex::default() }
    }
}

impl<R> Default for Line<R> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), under_way: None, reopened: 0 }
    }
}

impl<R> Line<R> {
    fn first_unjudged(&self) -> Option<&str> {
        let mut waiting = self.waiting.iter();
        waiting.find(|(_, stand)| stand.refused.is_none()).map(|((_, name), _)| name.as_str())
    }

    /// How long the one that was let through may still take.
    fn busy(&self) -> Option<Duration> {
        UNDER_WAY.checked_sub(self.under_way.as_ref()?.since.elapsed()).filter(|left| !left.is_zero())
    }

    /// Whom to wake: the first that was not judged, unless another start is under way.
    fn next(&self, namespace: &str) -> Option<Key> {
        if self.busy().is_some() {
            return None;
        }
        self.first_unjudged().map(|name| Key::new(namespace, name))
    }

    fn leave(&mut self, name: &str) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|(_, other), _| other != name);
        let ended = self.under_way.take_if(|started| started.name == name).is_some();
        ended || self.waiting.len() < before
    }
}

impl<R: Clone> Turns<R> {
    /// Puts an asker in line, if it is not there. `since` is when it asked; `what` stands for all that the judgement
    /// depends on but the room: another one is judged anew.
    pub fn ask(&self, key: &Key, since: Timestamp, what: &str) -> Turn<R> {
        let mut lines = self.lines.lock();
        let line = lines.entry(key.namespace.clone()).or_default();
        let left = line.busy();
        if left.is_some() && line.under_way.as_ref().is_some_and(|started| started.name == key.name) {
            if line.under_way.as_ref().is_some_and(|started| started.what == what) {
                return Turn::Passed;
            }
            line.under_way = None;
        }
        line.waiting.retain(|(at, name), _| *name != key.name || *at == since);
        let stand = line
            .waiting
            .entry((since, key.name.clone()))
            .or_insert_with(|| Stand { what: what.to_owned(), refused: None });
        if stand.what != what {
            *stand = Stand { what: what.to_owned(), refused: None };
        }
        if let Some(refusal) = &stand.refused {
            return Turn::Refused(refusal.clone());
        }
        if let Some(left) = line.busy() {
            return Turn::Later(left);
        }
        if line.first_unjudged() == Some(&key.name) {
            Turn::Yours(Asked(line.reopened))
        } else {
            Turn::Later(UNDER_WAY)
        }
    }

    /// This one may start: until it leaves, nobody else is judged.
    pub fn passed(&self, key: &Key) {
        if let Some(line) = self.lines.lock().get_mut(&key.namespace) {
            let stands = line.waiting.iter().find(|((_, name), _)| *name == key.name);
            let what = stands.map(|(_, stand)| stand.what.clone()).unwrap_or_default();
            line.leave(&key.name);
            line.under_way = Some(UnderWay { name: key.name.clone(), what, since: Instant::now() });
        }
    }

    /// This one, which asked at `since` for `what`, may not start. `judged` is what [`Turns::ask`] gave it, or nothing where the
    /// refusal did not come of its turn. Returns whom to wake; itself, if room was made since it was judged.
    pub fn refused(&self, key: &Key, since: Timestamp, what: &str, judged: Option<Asked>, refusal: R) -> Option<Key> {
        let mut lines = self.lines.lock();
        let line = lines.entry(key.namespace.clone()).or_default();
        line.leave(&key.name);
        let holds = judged.is_none_or(|Asked(reopened)| reopened == line.reopened);
        let stand = Stand { what: what.to_owned(), refused: holds.then_some(refusal) };
        line.waiting.insert((since, key.name.clone()), stand);
        line.next(&key.namespace)
    }

    /// This one has started, or wants to no longer. Returns whom to wake.
    pub fn leave(&self, key: &Key) -> Option<Key> {
        let mut lines = self.lines.lock();
        let line = lines.get_mut(&key.namespace)?;
        if !line.leave(&key.name) {
            return None;
        }
        let next = line.next(&key.namespace);
        if line.waiting.is_empty() && line.under_way.is_none() {
            lines.remove(&key.namespace);
        }
        next
    }

    /// There may be more room in this namespace: all that were refused are judged again. Returns whom to wake.
    pub fn reopen(&self, namespace: &str) -> Option<Key> {
        let mut lines = self.lines.lock();
        let line = lines.get_mut(namespace)?;
        line.reopened += 1;
        line.waiting.values_mut().for_each(|stand| stand.refused = None);
        line.next(namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Turns = super::Turns<&'static str>;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn key(name: &str) -> Key {
        Key::new("team", name)
    }

    #[tokio::test(start_paused = true)]
    async fn who_asked_first_is_judged_first_and_alone() {
        let turns = Turns::default();
        assert_eq!(turns.ask(&key("late"), at(2), ""), Turn::Yours(Asked(0)), "nobody else is there yet");
        assert_eq!(turns.ask(&key("early"), at(1), ""), Turn::Yours(Asked(0)));
        assert_eq!(turns.ask(&key("late"), at(2), ""), Turn::Later(UNDER_WAY));
        turns.passed(&key("early"));
        assert_eq!(turns.ask(&key("early"), at(1), ""), Turn::Passed, "its caches may be behind");
        assert_eq!(turns.ask(&key("late"), at(2), ""), Turn::Later(UNDER_WAY));
        assert_eq!(turns.leave(&key("early")), Some(key("late")));
        assert_eq!(turns.ask(&key("late"), at(2), ""), Turn::Yours(Asked(0)));
        assert_eq!(turns.ask(&Key::new("other", "late"), at(2), ""), Turn::Yours(Asked(0)), "namespaces do not meet");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_refused_holds_up_nobody_and_is_judged_again_when_there_is_room() {
        let turns = Turns::default();
        turns.ask(&key("large"), at(1), "8");
        turns.ask(&key("small"), at(2), "1");
        assert_eq!(turns.refused(&key("large"), at(1), "8", None, "no room"), Some(key("small")));
        assert_eq!(turns.ask(&key("large"), at(1), "8"), Turn::Refused("no room"));
        assert_eq!(turns.ask(&key("small"), at(2), "1"), Turn::Yours(Asked(0)));
        assert_eq!(turns.refused(&key("small"), at(2), "1", None, "no room"), None);
        assert_eq!(turns.reopen("team"), Some(key("large")));
        assert_eq!(turns.ask(&key("small"), at(2), "1"), Turn::Later(UNDER_WAY));
        assert_eq!(turns.ask(&key("large"), at(1), "8"), Turn::Yours(Asked(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn room_that_is_made_during_a_judgement_is_not_missed() {
        let turns = Turns::default();
        let Turn::Yours(asked) = turns.ask(&key("a"), at(1), "") else { panic!("its turn") };
        turns.reopen("team");
        assert_eq!(turns.refused(&key("a"), at(1), "", Some(asked), "no room"), Some(key("a")));
        assert_eq!(turns.ask(&key("a"), at(1), ""), Turn::Yours(Asked(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_asks_for_something_else_is_judged_anew_and_one_that_asks_later_stands_further_back() {
        let turns = Turns::default();
        turns.ask(&key("a"), at(1), "8");
        turns.refused(&key("a"), at(1), "8", None, "no room");
        assert_eq!(turns.ask(&key("a"), at(1), "4"), Turn::Yours(Asked(0)));
        turns.ask(&key("b"), at(2), "1");
        assert_eq!(turns.ask(&key("a"), at(3), "4"), Turn::Later(UNDER_WAY));
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_that_never_shows_holds_up_others_for_a_bounded_time() {
        let turns = Turns::default();
        turns.ask(&key("a"), at(1), "");
        turns.passed(&key("a"));
        tokio::time::advance(UNDER_WAY / 2).await;
        assert_eq!(turns.ask(&key("b"), at(2), ""), Turn::Later(UNDER_WAY / 2));
        tokio::time::advance(UNDER_WAY / 2).await;
        assert_eq!(turns.ask(&key("b"), at(2), ""), Turn::Yours(Asked(0)));
    }
}
