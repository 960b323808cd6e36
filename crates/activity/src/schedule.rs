//! The hours of a schedule as instants: in its time zone, with overnight windows and the days on which clocks change.

use carrel_api::lab_policy::{Day, Schedule, Window};
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

/// How many days around a time are looked at. Windows come again each week and last a day at most, so a week and two days
/// hold the end before, and the beginning after.
const AROUND: i64 = 9;
/// How many days around it nearly always tell, at a third of the cost.
const NEAR: i64 = 3;

/// Whether servers may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// They may.
    Open {
        /// When the window ends; never if absent.
        until: Option<Timestamp>,
    },
    /// They may not.
    Closed {
        /// When the next window begins.
        until: Timestamp,
    },
}

/// A time of day as a window has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hours {
    time: Time,
    /// `24:00`, which is the next day's first instant.
    pub(crate) next_day: bool,
}

/// Whether servers may run at `now`. What can't be read ([`crate::policy::problems`]) never closes.
pub fn state(schedule: &Schedule, now: Timestamp) -> State {
    let found = look(schedule, now, NEAR);
    if matches!(found, State::Open { until: None }) { look(schedule, now, AROUND) } else { found }
}

fn look(schedule: &Schedule, now: Timestamp, around: i64) -> State {
    let spans = spans(schedule, now, around);
    if let Some((_, end)) = spans.iter().find(|(start, end)| *start <= now && now < *end) {
        // What goes on for as long as is looked at has no end: only the days that are looked at have one.
        let horizon = now.checked_add(((around - 1) * 24).hours()).unwrap_or(Timestamp::MAX);
        return State::Open { until: Some(*end).filter(|end| *end < horizon) };
    }
    match spans.iter().find(|(start, _)| *start > now) {
        Some((start, _)) => State::Closed { until: *start },
        None => State::Open { until: None },
    }
}

/// When the last window before `now` ended, or `None` if none did within a week.
pub fn previous_end(schedule: &Schedule, now: Timestamp) -> Option<Timestamp> {
    let last = |around| spans(schedule, now, around).iter().rev().map(|(_, end)| *end).find(|end| *end <= now);
    // An end on the first days that are looked at may be none: a window of the day before may go on.
    let near = last(NEAR).filter(|end| now.duration_since(*end) < SignedDuration::from_hours(24));
    near.or_else(|| last(AROUND))
}

/// The time zone of that IANA name. The system's own files are not asked for names such as `../etc/localtime`.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    if name.is_empty() || name.contains("..") || name.starts_with('/') {
        return None;
    }
    TimeZone::get(name).ok()
}

/// Reads `07:30`, or `24:00`.
pub(crate) fn hours(text: &str) -> Option<Hours> {
    if text == "24:00" {
        return Some(Hours { time: Time::midnight(), next_day: true });
    }
    let (hour, minute) = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2)?;
    let time = Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()?;
    Some(Hours { time, next_day: false })
}

/// The windows around `now` as instants, in order, those that meet or overlap as one.
fn spans(schedule: &Schedule, now: Timestamp, around: i64) -> Vec<(Timestamp, Timestamp)> {
    let Some(zone) = zone(&schedule.time_zone) else { return Vec::new() };
    let today = now.to_zoned(zone.clone()).date();
    let mut spans: Vec<_> = (-around..=around)
        .filter_map(|offset| today.checked_add(offset.days()).ok())
        .flat_map(|date| schedule.windows.iter().map(move |window| (date, window)))
        .filter(|(date, window)| window.days.iter().any(|day| weekday(*day) == date.weekday()))
        .filter_map(|(date, window)| span(&zone, date, window))
        .filter(|(start, end)| start < end)
        .collect();
    spans.sort_unstable();
    let mut merged: Vec<(Timestamp, Timestamp)> = Vec::with_capacity(spans.len());
    for (start, end) in spans {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

fn span(zone: &TimeZone, date: Date, window: &Window) -> Option<(Timestamp, Timestamp)> {
    let (from, to) = (hours(&window.from)?, hours(&window.to)?);
    let overnight = to.next_day || to.time <= from.time;
    let last = if overnight { date.tomorrow().ok()? } else { date };
    Some((instant(zone, date, from.time, false)?, instant(zone, last, to.time, true)?))
}

/// The instant of a time of day: of a time that comes twice the first or the last one, so that a window is never cut short;
/// for one that clocks leave out, the instant at which they do.
fn instant(zone: &TimeZone, date: Date, time: Time, last: bool) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(date.to_datetime(time));
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => ambiguous.unambiguous().ok(),
        AmbiguousOffset::Fold { .. } if last => ambiguous.later().ok(),
        AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
        AmbiguousOffset::Gap { .. } => {
            let before = ambiguous.earlier().ok()?;
            zone.following(before).next().map(|change| change.timestamp())
        }
    }
}

fn weekday(day: Day) -> Weekday {
    match day {
        Day::Monday => Weekday::Monday,
        Day::Tuesday => Weekday::Tuesday,
        Day::Wednesday => Weekday::Wednesday,
        Day::Thursday => Weekday::Thursday,
        Day::Friday => Weekday::Friday,
        Day::Saturday => Weekday::Saturday,
        Day::Sunday => Weekday::Sunday,
    }
}

#[cfg(test)]
mod tests;
