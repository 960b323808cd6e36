//! The rules of other products, as they are documented, on the same traces as Carrel's; the table of docs/activity.md.

use std::fmt::Write;
use std::path::Path;

use carrel_api::activity::{Signal, Vote};
use jiff::Timestamp;

use crate::judge::tests::replay::{Look, Outcome, Trace, clock};

/// What the server said of its last activity in this round.
fn stamps(look: &Look, signals: &[Signal]) -> Option<Timestamp> {
    look.readings
        .iter()
        .filter(|reading| signals.contains(&reading.signal))
        .filter_map(|reading| reading.last_active)
        .max()
}

fn idle(trace: &Trace, look: &Look, last: Timestamp) -> bool {
    look.at.duration_since(last) > trace.idle_after.duration()
}

/// Kubeflow Notebooks 1: kernels alone, the clock starts with the pod object, a failed probe changes nothing.
fn kubeflow_1(trace: &Trace) -> Option<Timestamp> {
    let mut last = clock(trace.created.as_ref().unwrap_or(&trace.started));
    for look in trace.looks() {
        let kernels = look.readings.iter().find(|reading| reading.signal == Signal::Kernels);
        match kernels.map(|reading| (reading.vote, reading.last_active)) {
            Some((Vote::Busy, _)) => last = look.at,
            // Any state but idle is activity.
            Some((_, Some(_))) if !all_idle(&look) => last = look.at,
            Some((_, Some(newest))) => last = newest,
            _ => {}
        }
        if idle(trace, &look, last) {
            return Some(look.true_at);
        }
    }
    None
}

fn all_idle(look: &Look) -> bool {
    match &look.kernels {
        Some(crate::answers::Answer::Body(body)) => {
            body.matches("execution_state").count() == body.matches(r#""execution_state":"idle""#).count()
        }
        _ => true,
    }
}

/// Kubeflow Notebooks 2: `last_activity` of `/api/status`; a failed probe stops nothing.
fn kubeflow_2(trace: &Trace) -> Option<Timestamp> {
    let mut last = clock(&trace.started);
    for look in trace.looks() {
        let jupyter = [Signal::Kernels, Signal::Terminals];
        let asked: Vec<_> = look.readings.iter().filter(|reading| jupyter.contains(&reading.signal)).collect();
        if asked.is_empty()
            || asked.iter().any(|reading| reading.vote == Vote::Unknown && stamps(&look, &jupyter).is_none())
        {
            continue;
        }
        last = stamps(&look, &jupyter).unwrap_or(last).max(last);
        if idle(trace, &look, last) {
            return Some(look.true_at);
        }
    }
    None
}

/// JupyterHub's idle culler: traffic through the proxy, and what the server reports of its own activity.
fn jupyterhub(trace: &Trace) -> Option<Timestamp> {
    let mut last = clock(&trace.started);
    for look in trace.looks() {
        let reported = stamps(&look, &[Signal::Kernels, Signal::Terminals]).unwrap_or(last);
        last = if look.traffic { look.at } else { last.max(reported) };
        if idle(trace, &look, last) {
            return Some(look.true_at);
        }
    }
    None
}

/// Coder: open connections of IDEs, terminals and SSH.
fn coder(trace: &Trace) -> Option<Timestamp> {
    let mut last = clock(&trace.started);
    for look in trace.looks() {
        last = if look.connected { look.at } else { last };
        if idle(trace, &look, last) {
            return Some(look.true_at);
        }
    }
    None
}

#[test]
fn the_table_of_the_docs_is_what_the_traces_say() {
    type Rule = fn(&Trace) -> Option<Timestamp>;
    let rules: [Rule; 5] = [Trace::carrel, kubeflow_1, kubeflow_2, jupyterhub, coder];
    let mut table = String::from(
        "| what happens | Carrel | Kubeflow 1 | Kubeflow 2 | JupyterHub | Coder |\n|---|---|---|---|---|---|\n",
    );
    let traces = Trace::all();
    for trace in traces.values() {
        write!(table, "| {} |", trace.shows).unwrap();
        for rule in &rules {
            let word = match trace.outcome(rule(trace)) {
                Outcome::Right => "right",
                Outcome::StoppedSomeone => "**stops someone**",
                Outcome::NeverStopped => "holds an idle one",
            };
            write!(table, " {word} |").unwrap();
        }
        table.push('\n');
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/activity.md");
    let docs = std::fs::read_to_string(&path).unwrap();
    let (start, end) = ("<!-- table -->\n", "<!-- end of table -->");
    let (before, rest) = docs.split_once(start).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let wanted = format!("{before}{start}{table}{end}{after}");
    if std::env::var_os("CARREL_UPDATE").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    } else {
        assert!(docs == wanted, "docs/activity.md is old: run the test with CARREL_UPDATE=1");
    }
}
