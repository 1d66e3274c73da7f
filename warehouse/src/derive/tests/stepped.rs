//! The wall clock is set, by an hour and more, in the middle of calls and shifts; the year ends, and a
//! leap day comes.

use super::*;
use serde_json::Value;

/// 2026-12-31, 2028-02-28 and 2028-02-29, each a quarter of an hour before its end in UTC.
const NIGHTS: [i64; 3] = [1_798_760_700, 1_835_394_300, 1_835_480_700];
const HOUR_S: i64 = 3_600;

/// Which rows there are, but for surveys: one that waits for its answer is over when its time is.
fn which(rows: &[Row]) -> Vec<(String, u64)> {
    let rows = rows.iter().filter(|row| row.table() != "surveys");
    let mut which: Vec<_> = rows.map(|row| (row.table().to_owned(), row.id())).collect();
    which.sort();
    which
}

/// What is wrong with the times of a row.
fn wrong(row: &Row) -> Vec<String> {
    fn look(value: &Value, found: &mut Vec<String>) {
        let Some(columns) = value.as_object() else { return };
        for (name, value) in columns {
            if name.ends_with("_ms") && value.as_i64().is_some_and(|ms| ms < 0) {
                found.push(format!("{name} is {value}"));
            }
            look(value, found);
        }
        let begins = ["started_at", "asked_at", "enqueued_at"];
        let began = begins.iter().find_map(|name| columns.get(*name)?.as_i64());
        let ended = columns.get("ended_at").and_then(Value::as_i64);
        if began.zip(ended).is_some_and(|(began, ended)| ended < began) {
            found.push("it ended before it began".to_owned());
        }
    }
    let mut found = Vec::new();
    look(&serde_json::to_value(row).expect("plain data"), &mut found);
    found
}

/// The log of a day that begins at `start`, whose clock is set by `step_s` at entry `at`.
fn stepped(log: &[terms::event::Entry], start: i64, at: usize, step_s: i64) -> Vec<Row> {
    let first = log[0].at;
    let mut log = log.to_vec();
    for (index, entry) in log.iter_mut().enumerate() {
        let step_s = if index < at { 0 } else { step_s };
        let passed_us = entry.at.0 - first.0;
        entry.at = Timestamp((start + step_s) * 1_000_000 + passed_us);
    }
    fold(&log)
}

#[test]
fn no_step_of_the_clock_makes_a_time_negative_or_a_row_more_or_less() {
    let log = day(7, 2, 60);
    let right = which(&fold(&log));
    for step_s in [-HOUR_S, HOUR_S, -26 * HOUR_S, 1] {
        for at in (0..log.len()).step_by(log.len() / 12) {
            let rows = stepped(&log, NIGHTS[0] + HOUR_S, at, step_s);
            for row in &rows {
                let wrong = wrong(row);
                assert!(wrong.is_empty(), "{step_s} s at {at}: {wrong:?} in {row:?}");
            }
            assert_eq!(which(&rows), right, "{step_s} s at {at}");
        }
    }
}

#[test]
fn the_end_of_a_year_and_a_leap_day_change_no_duration() {
    let log = day(8, 1, 60);
    let durations = |rows: &[Row]| -> Vec<(i32, i32, i32)> {
        let of = |call: &&Call| (call.duration_ms, call.wait_ms, call.talk_ms);
        calls(rows).iter().map(of).collect()
    };
    let right = durations(&fold(&log));
    for night in NIGHTS {
        let rows = stepped(&log, night, 0, 0);
        assert_eq!(durations(&rows), right, "{night}");
        let days: std::collections::BTreeSet<String> =
            calls(&rows).iter().map(|call| call.started_at.day_text()).collect();
        assert_eq!(days.len(), 2, "calls on both sides of midnight: {days:?}");
    }
}
