//! From answers to verdicts, for every server that is looked after: what controllers ask, and who is told of news.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use carrel_api::TimeSpan;
use carrel_api::activity::{Activity, Verdict};
use carrel_api::lab_policy::Signals;
use carrel_runtime::Key;
use carrel_runtime::quantity;
use futures::future::OptionFuture;
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};

use crate::answers::{Answer, usage};
use crate::counts::ProbeCounts;
use crate::history::Scribe;
use crate::judge::{Judged, Memory, Round, Rules, judge};
use crate::prober::{AskNow, Asker, Prober, Question, Reach, Server, Settings, Target};
use crate::table::Table;
use crate::usage::{Prometheus, Usage, UsageFeed, cpu as usage_of_cpu};
use crate::way::{ALL_QUESTIONS, Way, read};

/// A server's pod as it is to be asked.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The UID of the pod.
    pub pod_uid: &'a str,
    /// When the server's container started.
    pub started: Timestamp,
    /// Where it is.
    pub reach: Reach,
    /// What its paths begin with, without a slash at the end.
    pub base_path: String,
    /// How it is asked; to be found out if `None`.
    pub way: Option<Way>,
    /// What is stored of it, of which a process that has not asked yet goes on.
    pub stored: Option<&'a Activity>,
    /// What counts as use, beside what it says itself.
    pub signals: Option<&'a Signals>,
}

/// What is remembered of a server's pod.
struct Case {
    pod_uid: String,
    started: Timestamp,
    memory: Memory,
    rules: Rules,
    /// Above how many thousandths of a CPU it is busy, where that counts.
    cpu_above: Option<u64>,
    /// Above how many percent of a GPU it is busy, where that counts.
    gpu_above: Option<u64>,
    /// How its owner says that it is asked.
    asked: Option<Way>,
    /// How it turned out to answer.
    found: Option<Way>,
    /// Whether a controller waits for the next answer, news or not.
    awaited: bool,
}

type Ear = Box<dyn Fn(&Key) + Send + Sync>;

struct Shared {
    table: Arc<Table<Judged>>,
    cases: Mutex<HashMap<Server, Case>>,
    ears: RwLock<Vec<(&'static str, Ear)>>,
    cpu: Usage,
    gpu: Usage,
    longest_gap: TimeSpan,
    /// Whether anybody is asked at all.
    asks: bool,
    scribe: OnceLock<Scribe>,
}

/// Who is asked, and what was heard.
#[derive(Clone)]
pub struct Monitor {
    shared: Arc<Shared>,
    ask_now: AskNow,
}

/// Asks the servers of a [`Monitor`].
pub struct Watch {
    prober: Prober<Judged>,
    cpu: UsageFeed,
    gpu: UsageFeed,
    shared: Arc<Shared>,
}

/// In how many periods without a round nobody looked.
const MISSED_PERIODS: i64 = 3;

impl Monitor {
    /// One that looks after nobody yet, and what asks for it.
    pub fn new(asker: Asker, settings: Settings) -> (Self, Watch) {
        Self::made(asker, settings, true)
    }

    /// One that asks nobody: of each server it says that it can't tell. Other rules than that of idleness still hold.
    pub fn of_nobody() -> Self {
        Self::made(Asker::pods(), Settings::default(), false).0
    }

    fn made(asker: Asker, settings: Settings, asks: bool) -> (Self, Watch) {
        let table = Arc::new(Table::new(|last: &Judged, next: &Judged| {
            (last.verdict, last.since) != (next.verdict, next.since)
        }));
        let prober = Prober::new(table.clone(), asker, settings);
        let ((cpu, cpu_feed), (gpu, gpu_feed)) = (Usage::new(settings.period), Usage::new(settings.period));
        let seconds = i64::try_from(settings.period.as_secs()).unwrap_or(i64::MAX);
        let longest_gap = TimeSpan::from_secs(seconds.saturating_mul(MISSED_PERIODS).max(1));
        let shared = Arc::new(Shared {
            table,
            cases: Mutex::default(),
            ears: RwLock::default(),
            cpu,
            gpu,
            longest_gap,
            asks,
            scribe: OnceLock::new(),
        });
        let told = Arc::downgrade(&shared);
        shared.table.on_change(move |server| {
            if let Some(shared) = told.upgrade() {
                shared.tell(server);
            }
        });
        let monitor = Self { shared: shared.clone(), ask_now: prober.ask_now() };
        (monitor, Watch { prober, cpu: cpu_feed, gpu: gpu_feed, shared })
    }

    /// Adds whom to tell of news of servers of a kind. Called from many tasks; must not block.
    pub fn on_news(&self, kind: &'static str, tell: impl Fn(&Key) + Send + Sync + 'static) {
        self.shared.ears.write().push((kind, Box::new(tell)));
    }

    /// Has what is heard from now on noted by this one, and no other later.
    pub fn noted_by(&self, scribe: Scribe) {
        let _ = self.shared.scribe.set(scribe);
    }

    /// Who notes what happens, where a history is kept.
    pub fn scribe(&self) -> Option<&Scribe> {
        self.shared.scribe.get()
    }

    /// Has a server asked from now on as the subject says, or no longer, and answers with the last verdict on this pod. Cheap
    /// where nothing changed, so that it may be called in each reconcile.
    pub fn look_after(&self, server: &Server, subject: Option<Subject<'_>>, now: Timestamp) -> Option<Judged> {
        let Some(subject) = subject else {
            if self.shared.cases.lock().remove(server).is_some() {
                self.shared.table.look_after(server, None);
            }
            return None;
        };
        if !self.shared.asks {
            let (verdict, since) = (Verdict::Unknown, subject.started);
            return Some(Judged { verdict, since, evidence: Vec::new(), at: now });
        }
        let signals = subject.signals.cloned().unwrap_or_default();
        let rules = Rules { stuck_after: signals.stuck_after, longest_gap: Some(self.shared.longest_gap) };
        let cpu_above = signals.cpu_above.as_deref().and_then(quantity::nanos).map(thousandths);
        let gpu_above = signals.gpu_above_percent.and_then(|percent| u64::try_from(percent).ok());
        let questions = {
            let mut cases = self.shared.cases.lock();
            let same = cases
                .get(server)
                .is_some_and(|case| case.pod_uid == subject.pod_uid && case.started == subject.started);
            if !same {
                cases.insert(server.clone(), Case::of(&subject, now));
            }
            let way = cases.get_mut(server).and_then(|case| {
                (case.rules, case.asked) = (rules, subject.way);
                (case.cpu_above, case.gpu_above) = (cpu_above, gpu_above);
                case.way()
            });
            way.map_or(ALL_QUESTIONS, Way::questions)
        };
        self.shared.cpu.wanted_if(cpu_above.is_some());
        self.shared.gpu.wanted_if(gpu_above.is_some());
        let target = Target {
            server: server.clone(),
            pod_uid: subject.pod_uid.to_owned(),
            reach: subject.reach,
            base_path: subject.base_path,
            questions: questions.to_vec(),
        };
        self.shared.table.look_after(server, Some(target));
        // One of an earlier start of the same pod says nothing of this one.
        self.shared.table.heard(server).filter(|heard| heard.at >= subject.started)
    }

    /// Has a server asked before all others, and tells of the answer, news or not.
    pub fn ask(&self, server: &Server) {
        if let Some(case) = self.shared.cases.lock().get_mut(server) {
            case.awaited = true;
        }
        self.ask_now.ask_now(server.clone());
    }
}

impl Case {
    /// A process that has not heard of a pod goes on from what is stored of it.
    fn of(subject: &Subject<'_>, now: Timestamp) -> Self {
        let stored = subject.stored.filter(|stored| stored.since >= subject.started);
        Self {
            pod_uid: subject.pod_uid.to_owned(),
            started: subject.started,
            memory: stored.map(|stored| Memory::restored(stored.verdict, stored.since, now)).unwrap_or_default(),
            rules: Rules::default(),
            cpu_above: None,
            gpu_above: None,
            asked: None,
            found: None,
            awaited: false,
        }
    }

    fn way(&self) -> Option<Way> {
        self.asked.or(self.found)
    }
}

fn thousandths(nanos: i128) -> u64 {
    u64::try_from(nanos / 1_000_000).unwrap_or(u64::MAX)
}

impl Shared {
    fn tell(&self, server: &Server) {
        for (_, ear) in self.ears.read().iter().filter(|(kind, _)| *kind == server.kind) {
            ear(&server.key);
        }
    }

    fn hear(&self, target: &Target, answers: &[(Question, Answer)], at: Timestamp) {
        let server = &target.server;
        let mut readings: Vec<_> = answers.iter().map(|(question, answer)| read(*question, answer, at)).collect();
        let (judged, awaited, found) = {
            let mut cases = self.cases.lock();
            let Some(case) = cases.get_mut(server).filter(|case| case.pod_uid == target.pod_uid) else { return };
            let found = if case.way().is_none() { Way::found(&readings) } else { None };
            case.found = case.found.or(found);
            if let Some(way) = case.way() {
                // Whoever asked before the way was known asked more than that.
                let asked: Vec<_> = answers.iter().map(|(question, _)| way.questions().contains(question)).collect();
                let mut asked = asked.into_iter();
                readings.retain(|_| asked.next().unwrap_or(true));
            }
            let pod = Key::new(&target.reach.namespace, &target.reach.pod);
            if let Some(threshold) = case.cpu_above {
                readings.push(usage::cpu(self.cpu.of(&pod, at), threshold, at));
            }
            if let Some(threshold) = case.gpu_above {
                readings.push(usage::gpu(self.gpu.of(&pod, at), threshold, at));
            }
            let judged = judge(&mut case.memory, &Round { readings, at }, &case.rules, case.started);
            (judged, std::mem::take(&mut case.awaited), found)
        };
        if let Some(way) = found {
            let questions = way.questions().to_vec();
            self.table.look_after(server, Some(Target { questions, ..target.clone() }));
        }
        if let Some(scribe) = self.scribe.get() {
            scribe.hear(server, &target.pod_uid, &judged, self.longest_gap);
        }
        let news = self.table.heard_of(server, &target.pod_uid, judged);
        if awaited && !news {
            self.tell(server);
        }
    }
}

impl Watch {
    /// Asks, while `may_ask` says so: servers each for itself, and for all of them what CPU they use, and what GPUs where there is
    /// somebody who tells. Never ends.
    pub async fn run(
        self,
        client: &kube::Client,
        scope: &carrel_runtime::scope::Scope,
        gpus: Option<Prometheus>,
        may_ask: impl Fn() -> bool + Send + Sync,
        counts: ProbeCounts,
    ) {
        let Self { prober, cpu, gpu, shared } = self;
        let gpus = gpus.as_ref().map(|gpus| gpu.run("GPUs", &may_ask, async || gpus.used().await));
        tokio::join!(
            cpu.run("CPU", &may_ask, async || usage_of_cpu(client, scope).await),
            OptionFuture::from(gpus),
            prober.run(&may_ask, move |target, answers, at, took| {
                counts.heard(&answers, took);
                shared.hear(target, &answers, at);
            }),
        );
    }
}

#[cfg(test)]
mod tests;
