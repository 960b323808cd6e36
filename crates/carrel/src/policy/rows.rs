//! The lines of a simulation.

use carrel_activity::history::Hours;
use carrel_activity::simulate::Fate;
use carrel_api::activity::Evidence;
use jiff::Timestamp;

use crate::printed::line;

const TABLE: [&str; 10] = [
    "NAMESPACE",
    "KIND",
    "NAME",
    "WARNED (UTC)",
    "STOPPED (UTC)",
    "CAUSE",
    "BY",
    "EVIDENCE",
    "GIVEN BACK",
    "USED AGAIN",
];

const CSV: [&str; 18] = [
    "namespace",
    "kind",
    "name",
    "started",
    "ended",
    "really_stopped",
    "warned",
    "due",
    "stopped",
    "cause",
    "by",
    "evidence",
    "starts_again",
    "used_again",
    "server_hours",
    "cpu_hours",
    "memory_gib_hours",
    "device_hours",
];

/// For people: a line a server and run, with its last warning.
pub(super) fn table_lines(fates: &[&Fate]) -> Vec<Vec<String>> {
    let minute = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M").to_string();
    let or = |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or_else(|| "-".to_owned());
    let one = |fate: &&Fate| {
        let (stop, warning) = (fate.stopped.as_ref(), fate.warnings.last());
        let cause = stop.map(|stop| stop.cause).or(warning.map(|warning| warning.cause));
        // A stop without a warning of its own was announced by the policies that hold now.
        let warned = warning.map(|warning| minute(warning.at)).or(stop.map(|_| "already".to_owned()));
        vec![
            fate.server.namespace.clone(),
            fate.server.kind.clone(),
            fate.server.name.clone(),
            or(warned),
            or(stop.map(|stop| minute(stop.at))),
            or(cause.map(|cause| cause.as_str().to_owned())),
            or(stop.map(|stop| stop.by.clone()).or(warning.map(|warning| warning.by.clone()))),
            or(stop.map(|stop| evidence(&stop.evidence))),
            or(stop.map(|_| hours(&fate.given_back))),
            or(stop.and_then(|stop| stop.used_again).map(minute)),
        ]
    };
    [line(TABLE)].into_iter().chain(fates.iter().map(one)).collect()
}

/// For machines: the same with all that is known.
pub(super) fn csv_lines(fates: &[&Fate]) -> Vec<Vec<String>> {
    let time = |time: Option<Timestamp>| time.map(|time| format!("{time:.0}")).unwrap_or_default();
    let one = |fate: &&Fate| {
        let (stop, warning) = (fate.stopped.as_ref(), fate.warnings.last());
        let given = &fate.given_back;
        let devices: Vec<_> = given.gpus.iter().map(|(name, hours)| format!("{name}={hours:.2}")).collect();
        vec![
            fate.server.namespace.clone(),
            fate.server.kind.clone(),
            fate.server.name.clone(),
            time(Some(fate.started)),
            time(fate.ended),
            fate.really_stopped.map(|cause| cause.as_str().to_owned()).unwrap_or_default(),
            time(warning.map(|warning| warning.at)),
            time(warning.map(|warning| warning.due)),
            time(stop.map(|stop| stop.at)),
            stop.map(|stop| stop.cause.as_str().to_owned()).unwrap_or_default(),
            stop.map(|stop| stop.by.clone()).unwrap_or_default(),
            stop.map(|stop| evidence(&stop.evidence)).unwrap_or_default(),
            time(stop.and_then(|stop| stop.starts_again)),
            time(stop.and_then(|stop| stop.used_again)),
            format!("{:.2}", given.servers),
            format!("{:.2}", given.cpu),
            format!("{:.2}", given.memory_gib),
            devices.join(" "),
        ]
    };
    [line(CSV)].into_iter().chain(fates.iter().map(one)).collect()
}

/// What the signals said.
fn evidence(all: &[Evidence]) -> String {
    all.iter().map(|one| format!("{:?}: {}", one.signal, one.value)).collect::<Vec<_>>().join("; ")
}

/// Hours in words; of servers, and of what they held.
pub(super) fn hours(hours: &Hours) -> String {
    let mut words = vec![format!("{:.1} h", hours.servers)];
    let devices = hours.gpus.iter().map(|(name, hours)| (name.as_str(), *hours));
    let held = [("CPU", hours.cpu), ("GiB", hours.memory_gib)].into_iter().chain(devices);
    words.extend(held.filter(|(_, hours)| *hours > 0.0).map(|(name, hours)| format!("{hours:.1} {name} h")));
    words.join(", ")
}

#[cfg(test)]
pub(super) mod tests {
    use carrel_activity::history::Server;
    use carrel_activity::simulate::{Stop, Warning};
    use carrel_api::activity::{Signal, StopCause, Vote};

    use super::*;
    use crate::printed::columns;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    pub(crate) fn fate() -> Fate {
        let heard = Evidence {
            signal: Signal::Kernels,
            vote: Vote::Idle,
            value: "no kernels".into(),
            at: at("2026-03-01T10:59:00Z"),
        };
        let (cause, by) = (StopCause::Idle, "lab".to_owned());
        Fate {
            server: Server { kind: "Notebook".into(), namespace: "team".into(), name: "iris".into() },
            started: at("2026-03-01T09:00:00Z"),
            ended: Some(at("2026-03-01T14:00:00Z")),
            really_stopped: None,
            warnings: vec![Warning {
                at: at("2026-03-01T10:50:00Z"),
                due: at("2026-03-01T11:00:00Z"),
                cause,
                by: by.clone(),
            }],
            stopped: Some(Stop {
                at: at("2026-03-01T11:00:00Z"),
                cause,
                by,
                message: String::new(),
                evidence: vec![heard],
                starts_again: None,
                used_again: Some(at("2026-03-01T13:00:00Z")),
            }),
            given_back: Hours {
                servers: 3.0,
                cpu: 6.0,
                memory_gib: 0.0,
                gpus: [("nvidia.com/gpu".to_owned(), 3.0)].into(),
            },
        }
    }

    #[test]
    fn a_stop_is_told_with_its_warning_evidence_and_what_it_gives_back() {
        let warned = Fate { stopped: None, given_back: Hours::default(), ..fate() };
        let announced = Fate { warnings: Vec::new(), ..fate() };
        let expected = "\
NAMESPACE  KIND      NAME  WARNED (UTC)      STOPPED (UTC)     CAUSE  BY   EVIDENCE             GIVEN BACK                          USED AGAIN
team       Notebook  iris  2026-03-01 10:50  2026-03-01 11:00  Idle   lab  Kernels: no kernels  3.0 h, 6.0 CPU h, 3.0 nvidia.com/gpu h  2026-03-01 13:00
team       Notebook  iris  2026-03-01 10:50  -                 Idle   lab  -                    -                                   -
team       Notebook  iris  already           2026-03-01 11:00  Idle   lab  Kernels: no kernels  3.0 h, 6.0 CPU h, 3.0 nvidia.com/gpu h  2026-03-01 13:00
";
        let squeeze = |text: &str| {
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
        };
        let printed = columns(&table_lines(&[&fate(), &warned, &announced]));
        assert_eq!(squeeze(&printed), squeeze(expected));
    }

    #[test]
    fn each_line_for_machines_has_a_cell_for_each_head() {
        let lines = csv_lines(&[&fate(), &Fate { stopped: None, warnings: Vec::new(), ..fate() }]);
        assert!(lines.iter().all(|line| line.len() == CSV.len()));
        assert_eq!(lines[1][14..], ["3.00", "6.00", "0.00", "nvidia.com/gpu=3.00"]);
    }
}
