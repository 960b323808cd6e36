//! Which servers are asked, and what was last heard of each.
//!
//! In memory only: after a restart, servers are asked again.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::prober::{Server, Target};

type Listener = Arc<dyn Fn(&Server) + Send + Sync>;
type Differs<V> = Box<dyn Fn(&V, &V) -> bool + Send + Sync>;

/// The servers that are looked after, with the last verdict on each.
pub struct Table<V> {
    rows: RwLock<Rows<V>>,
    differs: Differs<V>,
    listener: RwLock<Option<Listener>>,
}

struct Rows<V> {
    of: HashMap<Server, Row<V>>,
    /// The servers by their place in the period, so that those that are due are found without a look at all.
    by_phase: BTreeMap<u64, Vec<Server>>,
}

struct Row<V> {
    target: Arc<Target>,
    verdict: Option<V>,
}

impl<V: Clone> Table<V> {
    /// An empty table. `differs` says whether a verdict is news after another: the time of the last round is not.
    pub fn new(differs: impl Fn(&V, &V) -> bool + Send + Sync + 'static) -> Self {
        let rows = Rows { of: HashMap::new(), by_phase: BTreeMap::new() };
        Self { rows: RwLock::new(rows), differs: Box::new(differs), listener: RwLock::new(None) }
    }

    /// Whom to tell of news, instead of whoever was told before. Called by whoever brings the news, outside all locks.
    pub fn on_change(&self, listener: impl Fn(&Server) + Send + Sync + 'static) {
        *self.listener.write() = Some(Arc::new(listener));
    }

    /// Has this server asked as the target says, or no longer. Cheap where nothing changed, so that it may be called in
    /// each reconcile. What was heard of another pod is forgotten. Returns whether anything changed.
    pub fn look_after(&self, server: &Server, target: Option<Target>) -> bool {
        let target = target.map(|target| Target { server: server.clone(), ..target });
        if self.rows.read().of.get(server).map(|row| &*row.target) == target.as_ref() {
            return false;
        }
        let mut rows = self.rows.write();
        let old = rows.take(server);
        if let Some(target) = target {
            let same_pod = old.filter(|old| old.target.pod_uid == target.pod_uid);
            rows.by_phase.entry(target.phase()).or_default().push(server.clone());
            let row = Row { target: Arc::new(target), verdict: same_pod.and_then(|old| old.verdict) };
            rows.of.insert(server.clone(), row);
        }
        true
    }

    /// How a server is asked now; `None` if it is not.
    pub fn target(&self, server: &Server) -> Option<Arc<Target>> {
        self.rows.read().of.get(server).map(|row| row.target.clone())
    }

    /// How many servers are looked after.
    pub fn len(&self) -> usize {
        self.rows.read().of.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The servers whose place in the period is in this range. One that ends before it starts goes through the end of
    /// the period.
    pub fn due(&self, phases: Range<u64>) -> Vec<Arc<Target>> {
        let rows = self.rows.read();
        let Range { start, end } = phases;
        let (one, other) = if start <= end { (start..end, 0..0) } else { (start..u64::MAX, 0..end) };
        let servers = rows.by_phase.range(one).chain(rows.by_phase.range(other));
        servers.flat_map(|(_, servers)| rows.targets(servers)).collect()
    }

    /// All servers, in the order of their places in the period.
    pub fn all(&self) -> Vec<Arc<Target>> {
        let rows = self.rows.read();
        rows.by_phase.values().flat_map(|servers| rows.targets(servers)).collect()
    }

    /// The last verdict on the server's present pod; `None` until there is one.
    pub fn heard(&self, server: &Server) -> Option<V> {
        self.rows.read().of.get(server).and_then(|row| row.verdict.clone())
    }

    /// Keeps a verdict on this pod of the server and tells the listener if it is news: the first one, or one that
    /// differs. Returns whether it is. A verdict on a pod that is not, or no longer, the server's is dropped.
    pub fn heard_of(&self, server: &Server, pod_uid: &str, verdict: V) -> bool {
        let news = {
            let mut rows = self.rows.write();
            let Some(row) = rows.of.get_mut(server).filter(|row| row.target.pod_uid == pod_uid) else { return false };
            let news = row.verdict.as_ref().is_none_or(|last| (self.differs)(last, &verdict));
            row.verdict = Some(verdict);
            news
        };
        let listener = self.listener.read().clone();
        if news && let Some(listener) = listener {
            listener(server);
        }
        news
    }
}

impl<V> Rows<V> {
    fn take(&mut self, server: &Server) -> Option<Row<V>> {
        let row = self.of.remove(server)?;
        let phase = row.target.phase();
        if let Some(servers) = self.by_phase.get_mut(&phase) {
            servers.retain(|other| other != server);
            if servers.is_empty() {
                self.by_phase.remove(&phase);
            }
        }
        Some(row)
    }

    fn targets<'a>(&'a self, servers: &'a [Server]) -> impl Iterator<Item = Arc<Target>> + 'a {
        servers.iter().filter_map(|server| self.of.get(server)).map(|row| row.target.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use carrel_runtime::Key;

    use super::*;
    use crate::prober::Reach;

    fn server(name: &str) -> Server {
        Server { kind: "Notebook", key: Key::new("team", name) }
    }

    fn target(name: &str, uid: &str) -> Target {
        let reach = Reach {
            namespace: "team".into(),
            pod: format!("{name}-0"),
            pod_ip: [127, 0, 0, 1].into(),
            port: 8888,
            service: name.into(),
        };
        Target { server: server(name), pod_uid: uid.into(), reach, base_path: String::new(), questions: Vec::new() }
    }

    fn table() -> Table<(u8, u8)> {
        Table::new(|last: &(u8, u8), next| last.0 != next.0)
    }

    #[test]
    fn only_news_reaches_the_listener_and_the_last_verdict_is_kept_anyway() {
        let (table, told) = (table(), Arc::new(AtomicUsize::new(0)));
        let count = told.clone();
        table.on_change(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        table.look_after(&server("a"), Some(target("a", "1")));
        assert!(table.heard_of(&server("a"), "1", (1, 1)));
        assert!(!table.heard_of(&server("a"), "1", (1, 2)));
        assert_eq!(table.heard(&server("a")), Some((1, 2)));
        assert!(table.heard_of(&server("a"), "1", (2, 3)));
        assert_eq!(told.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_new_pod_forgets_the_old_ones_verdict_and_drops_its_late_answer() {
        let table = table();
        table.look_after(&server("a"), Some(target("a", "1")));
        table.heard_of(&server("a"), "1", (1, 1));
        assert!(table.look_after(&server("a"), Some(target("a", "2"))));
        assert_eq!(table.heard(&server("a")), None);
        assert!(!table.heard_of(&server("a"), "1", (1, 2)));
        assert_eq!(table.heard(&server("a")), None);
        assert!(table.heard_of(&server("a"), "2", (1, 3)));
    }

    #[test]
    fn the_same_pod_asked_otherwise_keeps_its_verdict() {
        let table = table();
        table.look_after(&server("a"), Some(target("a", "1")));
        table.heard_of(&server("a"), "1", (1, 1));
        assert!(!table.look_after(&server("a"), Some(target("a", "1"))));
        let moved = Target { base_path: "/x".into(), ..target("a", "1") };
        assert!(table.look_after(&server("a"), Some(moved)));
        assert_eq!(table.heard(&server("a")), Some((1, 1)));
        assert_eq!(table.target(&server("a")).unwrap().base_path, "/x");
    }

    #[test]
    fn a_server_that_is_no_longer_looked_after_is_gone_with_its_verdict() {
        let table = table();
        table.look_after(&server("a"), Some(target("a", "1")));
        table.heard_of(&server("a"), "1", (1, 1));
        assert!(table.look_after(&server("a"), None));
        assert!(table.is_empty() && table.all().is_empty() && table.heard(&server("a")).is_none());
        assert!(!table.heard_of(&server("a"), "1", (1, 2)));
    }

    #[test]
    fn however_a_period_is_cut_each_server_is_due_once() {
        let table = table();
        for n in 0..500 {
            let name = format!("n{n}");
            table.look_after(&server(&name), Some(target(&name, &name)));
        }
        let third = u64::MAX / 3;
        let parts = [third..2 * third, 2 * third..third / 2, third / 2..third].map(|part| table.due(part).len());
        assert_eq!(parts.iter().sum::<usize>(), 500);
        assert!(parts.iter().all(|part| *part > 50), "{parts:?}");
    }
}
