//! The round of all servers, period after period.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;

use super::ask::Asker;
use super::lanes::{End, Lane, Lanes};
use super::target::{Question, Server, Target};
use crate::answers::Answer;
use crate::table::Table;

/// How servers are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Each server is asked once in this time.
    pub period: Duration,
    /// How long all questions to one server may take together.
    pub limit: Duration,
    /// How long a server that was not slow before is waited for. Who takes longer is put off, and asked anew for the
    /// whole limit beside others that are slow; so the slow ones never hold the room of the quick ones.
    pub patience: Duration,
    /// How many servers that are not slow are asked at a time, each over one connection.
    pub room: usize,
    /// How many slow ones are asked at a time, beside those.
    pub slow_room: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            period: Duration::from_mins(1),
            limit: Duration::from_secs(5),
            patience: Duration::from_millis(500),
            room: 256,
            slow_room: 256,
        }
    }
}

impl Settings {
    /// How often it is looked who is due.
    fn tick(&self) -> Duration {
        (self.period / 256).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }

    /// Where in its period the prober is after so long, as a fraction of 2^64, and which period it is.
    fn position(&self, elapsed: Duration) -> (u128, u64) {
        let period = self.period.as_nanos().max(1);
        let within = (elapsed.as_nanos() % period).saturating_mul(1 << u64::BITS) / period;
        (elapsed.as_nanos() / period, u64::try_from(within).unwrap_or(u64::MAX))
    }
}

/// Asks the servers of a table.
pub struct Prober<V> {
    table: Arc<Table<V>>,
    asker: Asker,
    settings: Settings,
    ask_now: AskNow,
    urgent: mpsc::UnboundedReceiver<Server>,
}

/// Has servers asked out of turn.
#[derive(Clone)]
pub struct AskNow(mpsc::UnboundedSender<Server>);

impl AskNow {
    /// Has a server asked before all others. One that is being asked is asked again after that. Nothing happens for a
    /// server that the table has no target for, and while this process may not ask.
    pub fn ask_now(&self, server: Server) {
        // Fails when the prober is gone, and then nobody asks any more.
        let _ = self.0.send(server);
    }
}

struct Visited {
    answers: Vec<(Question, Answer)>,
    took: Duration,
}

impl<V: Clone + Send + Sync + 'static> Prober<V> {
    /// One that asks the servers of this table.
    pub fn new(table: Arc<Table<V>>, asker: Asker, settings: Settings) -> Self {
        let (sender, urgent) = mpsc::unbounded_channel();
        Self { table, asker, settings, ask_now: AskNow(sender), urgent }
    }

    /// What has servers asked out of turn.
    pub fn ask_now(&self) -> AskNow {
        self.ask_now.clone()
    }

    /// Asks, for as long as it is polled; dropping it closes all connections. Nobody is asked while `may_ask` says no.
    /// `hear` gets what a server answered to its questions, in their order, when it was asked, and how long that took; it is
    /// called from several tasks and must not block.
    pub async fn run(
        mut self,
        may_ask: impl Fn() -> bool + Send + Sync,
        hear: impl Fn(&Target, Vec<(Question, Answer)>, Timestamp, Duration) + Send + Sync + 'static,
    ) {
        let hear = Arc::new(hear);
        let settings = self.settings;
        let mut lanes = Lanes::new(settings.room, settings.slow_room);
        let mut visits = JoinSet::new();
        let mut visited: HashMap<Id, Arc<Target>> = HashMap::new();
        let mut ticks = tokio::time::interval(settings.tick());
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let start = Instant::now();
        let mut last = (0, 0);
        loop {
            if !may_ask() {
                lanes.clear();
            }
            while let Some((server, lane)) = lanes.next() {
                let Some(target) = self.table.target(&server) else {
                    lanes.done(&server, "", End::Failed);
                    continue;
                };
                let visit = visit(self.asker.clone(), target.clone(), lane, settings, hear.clone());
                visited.insert(visits.spawn(visit).id(), target);
            }
            tokio::select! {
                Some(joined) = visits.join_next_with_id() => {
                    let (id, end) = match joined {
                        Ok(both) => both,
                        Err(error) => {
                            tracing::error!(%error, "what a server answered could not be heard");
                            (error.id(), End::Failed)
                        }
                    };
                    if let Some(target) = visited.remove(&id) {
                        lanes.done(&target.server, &target.pod_uid, end);
                    }
                }
                Some(server) = self.urgent.recv() => if let Some(target) = self.table.target(&server) {
                    lanes.move_up(&server, &target.pod_uid);
                },
                _ = ticks.tick() => {
                    let now = settings.position(start.elapsed());
                    for target in self.due(last, now) {
                        lanes.line_up(&target.server, &target.pod_uid);
                    }
                    if now.0 != last.0 {
                        let table = &self.table;
                        lanes.keep(|server, uid| table.target(server).is_some_and(|target| target.pod_uid == uid));
                    }
                    last = now;
                }
            }
        }
    }

    /// Whoever is due between two positions; nobody twice, however late it is.
    fn due(&self, last: (u128, u64), now: (u128, u64)) -> Vec<Arc<Target>> {
        match now.0 - last.0 {
            0 => self.table.due(last.1..now.1),
            1 if now.1 < last.1 => self.table.due(last.1..now.1),
            _ => self.table.all(),
        }
    }
}

/// Asks a server all its questions, and has the answers heard unless it is put off.
async fn visit<H>(asker: Asker, target: Arc<Target>, lane: Lane, settings: Settings, hear: Arc<H>) -> End
where
    H: Fn(&Target, Vec<(Question, Answer)>, Timestamp, Duration),
{
    let at = Timestamp::now();
    let answers = ask_all(&asker, &target, settings.limit);
    let visited = match lane {
        Lane::Slow => answers.await,
        Lane::Quick => match tokio::time::timeout(settings.patience.min(settings.limit), answers).await {
            Ok(visited) => visited,
            Err(_) => return End::CutShort,
        },
    };
    let end = if visited.took < settings.patience { End::Quick } else { End::Slow };
    hear(&target, visited.answers, at, visited.took);
    end
}

/// Asks the questions in turn, all within one limit. Those that it does not come to have no answer in time either.
async fn ask_all(asker: &Asker, target: &Target, limit: Duration) -> Visited {
    let start = Instant::now();
    let mut answers = Vec::with_capacity(target.questions.len());
    for question in &target.questions {
        let answer = asker.ask(target, *question, limit.saturating_sub(start.elapsed())).await;
        answers.push((*question, answer));
    }
    Visited { answers, took: start.elapsed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_goes_through_the_period_and_begins_again() {
        let settings = Settings { period: Duration::from_mins(1), ..Settings::default() };
        assert_eq!(settings.position(Duration::ZERO), (0, 0));
        assert_eq!(settings.position(Duration::from_secs(30)), (0, 1 << 63));
        assert_eq!(settings.position(Duration::from_secs(75)), (1, 1 << 62));
        assert!(settings.position(Duration::from_nanos(59_999_999_999)).1 > u64::MAX - (1 << 40));
    }
}
