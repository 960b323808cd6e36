//! Who is asked next: two lanes, each with its own room. Pure.

use std::collections::{HashMap, VecDeque};

use super::target::Server;

/// Where a server waits to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Whoever is thought to answer at once.
    Quick,
    /// Whoever did not, the last time.
    Slow,
}

/// What is being done about a server.
#[derive(Clone, Copy)]
enum Stage {
    Waiting {
        lane: Lane,
        urgent: bool,
    },
    /// Being asked; `again` if somebody wants an answer that is newer than this one.
    Asked {
        lane: Lane,
        again: bool,
    },
}

/// How a visit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With answers, at once.
    Quick,
    /// With answers, after a while; some may be that there was none in time.
    Slow,
    /// It was cut short, to be made again with more time.
    CutShort,
    /// It could not be made.
    Failed,
}

/// The servers in line and those being asked.
pub(super) struct Lanes {
    quick: Queue,
    slow: Queue,
    stages: HashMap<Server, Stage>,
    /// The servers that were slow the last time, with the UID of the pod that was.
    slow_pods: HashMap<Server, String>,
}

struct Queue {
    /// May hold a server that was asked since, or twice one that became urgent: `stages` decides.
    line: VecDeque<Server>,
    room: usize,
}

impl Lanes {
    /// Empty lanes, in which at most so many are asked at a time.
    pub(super) fn new(quick: usize, slow: usize) -> Self {
        let queue = |room: usize| Queue { line: VecDeque::new(), room: room.max(1) };
        Self { quick: queue(quick), slow: queue(slow), stages: HashMap::new(), slow_pods: HashMap::new() }
    }

    fn queue(&mut self, lane: Lane) -> &mut Queue {
        match lane {
            Lane::Quick => &mut self.quick,
            Lane::Slow => &mut self.slow,
        }
    }

    fn lane(&self, server: &Server, pod_uid: &str) -> Lane {
        if self.slow_pods.get(server).is_some_and(|slow| slow == pod_uid) { Lane::Slow } else { Lane::Quick }
    }

    /// Puts a server at the end of its lane, unless it is in line or being asked already.
    pub(super) fn line_up(&mut self, server: &Server, pod_uid: &str) {
        if !self.stages.contains_key(server) {
            let lane = self.lane(server, pod_uid);
            self.push(server, lane, false);
        }
    }

    /// Puts a server at the front of its lane; one that is being asked is asked again when that is done, since the
    /// answer that is on its way may be older than the wish for one.
    pub(super) fn move_up(&mut self, server: &Server, pod_uid: &str) {
        match self.stages.get_mut(server) {
            Some(Stage::Asked { again, .. }) => *again = true,
            Some(Stage::Waiting { urgent: true, .. }) => {}
            Some(Stage::Waiting { .. }) | None => {
                let lane = self.lane(server, pod_uid);
                self.push(server, lane, true);
            }
        }
    }

    fn push(&mut self, server: &Server, lane: Lane, urgent: bool) {
        self.stages.insert(server.clone(), Stage::Waiting { lane, urgent });
        let waiting = &mut self.queue(lane).line;
        if urgent { waiting.push_front(server.clone()) } else { waiting.push_back(server.clone()) }
    }

    /// Whoever is to be asked now, as long as there is room. To be followed by [`Self::done`].
    pub(super) fn next(&mut self) -> Option<(Server, Lane)> {
        [Lane::Quick, Lane::Slow].into_iter().find_map(|lane| self.next_of(lane).map(|server| (server, lane)))
    }

    fn next_of(&mut self, lane: Lane) -> Option<Server> {
        while self.queue(lane).room > 0 {
            let server = self.queue(lane).line.pop_front()?;
            let here = |stage: &Stage| matches!(stage, Stage::Waiting { lane: waits, .. } if *waits == lane);
            if self.stages.get(&server).is_some_and(here) {
                self.stages.insert(server.clone(), Stage::Asked { lane, again: false });
                self.queue(lane).room -= 1;
                return Some(server);
            }
        }
        None
    }

    /// A visit to this pod of a server is over.
    pub(super) fn done(&mut self, server: &Server, pod_uid: &str, end: End) {
        let Some(Stage::Asked { lane, again }) = self.stages.get(server).copied() else { return };
        self.stages.remove(server);
        self.queue(lane).room += 1;
        match end {
            End::Quick => drop(self.slow_pods.remove(server)),
            End::Slow | End::CutShort => drop(self.slow_pods.insert(server.clone(), pod_uid.to_owned())),
            End::Failed => {}
        }
        if again {
            self.move_up(server, pod_uid);
        } else if end == End::CutShort {
            self.push(server, Lane::Slow, false);
        }
    }

    /// Forgets everybody in line. Whoever is being asked still is.
    pub(super) fn clear(&mut self) {
        self.quick.line.clear();
        self.slow.line.clear();
        self.stages.retain(|_, stage| match stage {
            Stage::Waiting { .. } => false,
            Stage::Asked { again, .. } => {
                *again = false;
                true
            }
        });
    }

    /// Forgets how slow those pods were for which this says no.
    pub(super) fn keep(&mut self, there: impl Fn(&Server, &str) -> bool) {
        self.slow_pods.retain(|server, pod_uid| there(server, pod_uid));
    }
}

#[cfg(test)]
mod tests {
    use carrel_runtime::Key;

    use super::*;

    fn server(name: &str) -> Server {
        Server { kind: "Notebook", key: Key::new("team", name) }
    }

    fn line_up(lanes: &mut Lanes, names: &[&str]) {
        for name in names {
            lanes.line_up(&server(name), "1");
        }
    }

    fn asked(lanes: &mut Lanes) -> Vec<(String, Lane)> {
        std::iter::from_fn(|| lanes.next()).map(|(server, lane)| (server.key.name, lane)).collect()
    }

    #[test]
    fn no_more_are_asked_than_there_is_room_for() {
        let mut lanes = Lanes::new(2, 1);
        line_up(&mut lanes, &["a", "b", "c"]);
        assert_eq!(asked(&mut lanes), [("a".into(), Lane::Quick), ("b".into(), Lane::Quick)]);
        lanes.done(&server("a"), "1", End::Quick);
        assert_eq!(asked(&mut lanes), [("c".into(), Lane::Quick)]);
    }

    #[test]
    fn a_server_in_line_or_being_asked_does_not_line_up_again() {
        let mut lanes = Lanes::new(5, 1);
        lanes.line_up(&server("a"), "1");
        lanes.line_up(&server("a"), "1");
        assert_eq!(asked(&mut lanes).len(), 1);
        lanes.line_up(&server("a"), "1");
        assert_eq!(asked(&mut lanes), []);
    }

    #[test]
    fn whoever_is_slow_takes_the_other_lane_until_it_is_quick_or_another_pod() {
        let mut lanes = Lanes::new(1, 1);
        lanes.line_up(&server("a"), "1");
        lanes.next();
        lanes.done(&server("a"), "1", End::CutShort);
        assert_eq!(asked(&mut lanes), [("a".into(), Lane::Slow)]);
        lanes.done(&server("a"), "1", End::Slow);
        lanes.line_up(&server("a"), "1");
        assert_eq!(asked(&mut lanes), [("a".into(), Lane::Slow)]);
        lanes.done(&server("a"), "1", End::Slow);
        lanes.line_up(&server("a"), "2");
        assert_eq!(asked(&mut lanes), [("a".into(), Lane::Quick)]);
        lanes.done(&server("a"), "2", End::Slow);
        lanes.line_up(&server("a"), "2");
        assert_eq!(asked(&mut lanes), [("a".into(), Lane::Slow)]);
        lanes.done(&server("a"), "2", End::Quick);
        lanes.line_up(&server("a"), "2");
        assert_eq!(asked(&mut lanes), [("a".into(), Lane::Quick)]);
    }

    #[test]
    fn an_urgent_server_is_next_and_asked_once() {
        let mut lanes = Lanes::new(1, 1);
        line_up(&mut lanes, &["a", "b", "c"]);
        lanes.move_up(&server("c"), "1");
        lanes.move_up(&server("c"), "1");
        let mut order = Vec::new();
        while let Some((next, _)) = lanes.next() {
            lanes.done(&next, "1", End::Quick);
            order.push(next.key.name);
        }
        assert_eq!(order, ["c", "a", "b"]);
    }

    #[test]
    fn an_urgent_server_that_is_being_asked_is_asked_again() {
        let mut lanes = Lanes::new(1, 1);
        line_up(&mut lanes, &["a", "b"]);
        lanes.next();
        lanes.move_up(&server("a"), "1");
        lanes.done(&server("a"), "1", End::Quick);
        assert_eq!(asked(&mut lanes), [("a".into(), Lane::Quick)]);
        lanes.done(&server("a"), "1", End::Quick);
        assert_eq!(asked(&mut lanes), [("b".into(), Lane::Quick)]);
    }

    #[test]
    fn after_a_clear_nobody_waits_and_the_room_of_those_being_asked_comes_back() {
        let mut lanes = Lanes::new(1, 1);
        line_up(&mut lanes, &["a", "b"]);
        lanes.next();
        lanes.clear();
        lanes.line_up(&server("c"), "1");
        assert_eq!(asked(&mut lanes), []);
        lanes.done(&server("a"), "1", End::Failed);
        assert_eq!(asked(&mut lanes), [("c".into(), Lane::Quick)]);
    }
}
