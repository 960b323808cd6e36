use super::*;
use crate::answers::{Answer, kernels, terminals, usage};

#[path = "tests/replay.rs"]
pub(crate) mod replay;

fn time(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
}

fn kernel(state: &str, minute: i64, at: i64) -> Reading {
    let body = format!(r#"[{{"execution_state":"{state}","last_activity":"{}"}}]"#, time(minute));
    kernels::read(&Answer::Body(body), time(at))
}

fn look(memory: &mut Memory, at: i64, readings: Vec<Reading>) -> Judged {
    judge(memory, &Round { readings, at: time(at) }, &Rules::default(), time(0))
}

#[test]
fn idleness_starts_with_the_last_activity_and_moves_only_by_work() {
    let mut memory = Memory::default();
    let first = look(&mut memory, 10, vec![kernel("idle", 5, 10)]);
    assert_eq!((first.verdict, first.since), (Verdict::Idle, time(5)));
    let news = look(&mut memory, 12, vec![kernel("idle", 11, 12)]);
    assert_eq!((news.verdict, news.since), (Verdict::Busy, time(12)));
    let quiet = look(&mut memory, 13, vec![kernel("idle", 11, 13)]);
    assert_eq!((quiet.verdict, quiet.since), (Verdict::Idle, time(11)));
    let back = look(&mut memory, 14, vec![kernel("idle", 2, 14)]);
    assert_eq!((back.verdict, back.since), (Verdict::Idle, time(11)));
}

#[test]
fn a_server_that_says_nothing_is_unknown() {
    let silent = vec![usage::cpu(None, 50, time(1)), terminals::read(&Answer::NotFound, time(1))];
    assert_eq!(look(&mut Memory::default(), 1, silent).verdict, Verdict::Unknown);
    assert_eq!(look(&mut Memory::default(), 1, vec![]).verdict, Verdict::Unknown);
}

#[test]
fn forbidden_terminals_are_idle_only_where_cpu_speaks_for_them() {
    let forbidden = |at| terminals::read(&Answer::Refused(403), time(at));
    let mut memory = Memory::default();
    assert_eq!(look(&mut memory, 1, vec![kernel("idle", 0, 1), forbidden(1)]).verdict, Verdict::Unknown);
    let with = |used| vec![kernel("idle", 0, 2), forbidden(2), usage::cpu(used, 50, time(2))];
    assert_eq!(look(&mut Memory::default(), 2, with(Some(1))).verdict, Verdict::Idle);
    assert_eq!(look(&mut Memory::default(), 2, with(None)).verdict, Verdict::Unknown);
    assert_eq!(look(&mut Memory::default(), 2, with(Some(900))).verdict, Verdict::Busy);
    let down = vec![kernel("idle", 0, 2), terminals::read(&Answer::Timeout, time(2)), usage::cpu(Some(1), 50, time(2))];
    assert_eq!(look(&mut Memory::default(), 2, down).verdict, Verdict::Unknown);
}

#[test]
fn a_kernel_busy_without_cpu_is_named_and_only_a_rule_overrules_it() {
    let rules = Rules { stuck_after: Some(TimeSpan::from_mins(30)), longest_gap: None };
    let stuck = |at| Round { readings: vec![kernel("busy", 0, at), usage::cpu(Some(1), 50, time(at))], at: time(at) };
    let (mut with, mut without) = (Memory::default(), Memory::default());
    for at in 1..=30 {
        assert_eq!(judge(&mut with, &stuck(at), &rules, time(0)).verdict, Verdict::Busy, "{at}");
        judge(&mut without, &stuck(at), &Rules::default(), time(0));
    }
    let judged = judge(&mut with, &stuck(31), &rules, time(0));
    assert_eq!((judged.verdict, judged.since), (Verdict::Idle, time(1)));
    let kept = judge(&mut without, &stuck(31), &Rules::default(), time(0));
    assert_eq!((kept.verdict, kept.since), (Verdict::Busy, time(1)));
    assert_eq!(kept.evidence[0].value, format!("1 of 1 kernels busy, since {} without CPU use", time(1)));
    let works = Round { readings: vec![kernel("busy", 0, 32), usage::cpu(Some(99), 50, time(32))], at: time(32) };
    assert_eq!(judge(&mut with, &works, &rules, time(0)).verdict, Verdict::Busy);
}

#[test]
fn after_a_restart_what_was_busy_counts_until_now_unless_the_server_knows_better() {
    let cpu = || vec![usage::cpu(Some(1), 50, time(61))];
    let mut memory = Memory::restored(Verdict::Busy, time(1), time(60));
    assert_eq!(look(&mut memory, 61, cpu()).since, time(61));
    let mut memory = Memory::restored(Verdict::Busy, time(1), time(60));
    assert_eq!(look(&mut memory, 61, vec![kernel("idle", 30, 61)]).since, time(30));
    let mut memory = Memory::restored(Verdict::Idle, time(20), time(60));
    assert_eq!(look(&mut memory, 61, cpu()).since, time(20));
    assert_eq!(look(&mut Memory::default(), 61, cpu()).since, time(0));
}

#[test]
fn a_clock_that_jumps_makes_no_idle_time() {
    let rules = Rules { stuck_after: None, longest_gap: Some(TimeSpan::from_mins(5)) };
    let at = |memory: &mut Memory, at| {
        judge(memory, &Round { readings: vec![kernel("idle", 5, at)], at: time(at) }, &rules, time(0))
    };
    let mut memory = Memory::default();
    assert_eq!(at(&mut memory, 10).since, time(5));
    let jumped = at(&mut memory, 310);
    assert_eq!((jumped.verdict, jumped.since), (Verdict::Idle, time(305)));
    let back = at(&mut memory, 12);
    assert_eq!((back.at, back.since), (time(310), time(305)));
}
