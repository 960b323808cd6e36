use super::*;
use serde_json::json;

fn schedule(zone: &str, days: &[&str], from: &str, to: &str) -> Schedule {
    let windows = json!([{"days": days, "from": from, "to": to}]);
    serde_json::from_value(json!({"timeZone": zone, "windows": windows})).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const WEEK: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

#[test]
fn a_window_is_open_from_its_beginning_up_to_its_end() {
    let office = schedule("Europe/Berlin", &WEEK[..5], "07:30", "19:00");
    let (begin, end) = (at("2026-01-16T06:30:00Z"), at("2026-01-16T18:00:00Z"));
    assert_eq!(state(&office, begin), State::Open { until: Some(end) });
    assert_eq!(state(&office, end), State::Closed { until: at("2026-01-19T06:30:00Z") });
    assert_eq!(previous_end(&office, end), Some(end));
    assert_eq!(previous_end(&office, begin), Some(at("2026-01-15T18:00:00Z")));
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
    let night = schedule("Asia/Kolkata", &["Friday"], "22:00", "02:00");
    let end = at("2026-01-16T20:30:00Z");
    assert_eq!(state(&night, at("2026-01-16T20:00:00Z")), State::Open { until: Some(end) });
    assert_eq!(state(&night, at("2026-01-15T20:00:00Z")), State::Closed { until: at("2026-01-16T16:30:00Z") });
}

#[test]
fn windows_that_meet_are_one_and_all_week_has_no_end() {
    let always = schedule("Europe/Berlin", &WEEK, "00:00", "24:00");
    for now in ["2026-03-28T12:00:00Z", "2026-10-25T00:30:00Z", "2026-01-01T23:00:00Z"] {
        assert_eq!(state(&always, at(now)), State::Open { until: None }, "{now}");
        assert_eq!(previous_end(&always, at(now)), None);
    }
}

#[test]
fn on_the_days_on_which_clocks_change_no_window_is_cut_short() {
    let spring = schedule("Europe/Berlin", &["Sunday"], "02:30", "05:00");
    assert_eq!(state(&spring, at("2026-03-29T00:59:59Z")), State::Closed { until: at("2026-03-29T01:00:00Z") });
    assert_eq!(state(&spring, at("2026-03-29T01:00:00Z")), State::Open { until: Some(at("2026-03-29T03:00:00Z")) });
    let autumn = schedule("Europe/Berlin", &["Sunday"], "02:30", "02:45");
    assert_eq!(state(&autumn, at("2026-10-25T00:30:00Z")), State::Open { until: Some(at("2026-10-25T01:45:00Z")) });
    let lord_howe = schedule("Australia/Lord_Howe", &["Sunday"], "02:15", "09:00");
    let change = at("2026-10-03T15:30:00Z");
    assert_eq!(state(&lord_howe, change - 1.second()), State::Closed { until: change });
}

#[test]
fn what_is_no_schedule_closes_nothing() {
    for zone in ["Mars/Olympus", "", "../etc/localtime"] {
        let odd = schedule(zone, &WEEK, "07:30", "19:00");
        assert_eq!(state(&odd, at("2026-01-16T03:00:00Z")), State::Open { until: None });
    }
    assert_eq!(hours("7:30"), None);
    assert_eq!(hours("25:00"), None);
}
