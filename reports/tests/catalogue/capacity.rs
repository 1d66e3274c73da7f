//! What went on at the same time, by day and hour.

use super::recording_log::recording;
use super::{
    CARRIER, FANG, LI, OURS, Spans, THEIRS, TableRow, at, call, lines, offer, shanghai, store,
};
use reports::catalogue::CAPACITY;
use reports::{Cell, Names, Params, Period, run};
use terms::TenantId;
use terms::record::{Call, Leg, Recording, Row};

const NOW: &str = "2026-11-24 12:00:00";

/// A call from one time to another, written with their days.
pub(super) fn lasted(tenant: TenantId, id: u64, direction: &str, [from, to]: [&str; 2]) -> Row {
    let ended_at = shanghai(to);
    Row::Call(Call { tenant_id: tenant, ended_at, ..call(id, direction, shanghai(from)) })
}

/// A line of a trunk.
pub(super) fn line(id: u64, [from, to]: [&str; 2]) -> Row {
    let Row::Leg(leg) = offer(id, FANG, shanghai(from), true) else { panic!("an offer is a leg") };
    Row::Leg(Leg { ended_at: shanghai(to), trunk_id: Some(CARRIER), ..leg })
}

#[tokio::test]
async fn the_most_at_once_is_read_at_every_turn_and_when_an_hour_begins() {
    let day = |time: &str| format!("2026-11-23 {time}");
    let within = |from: &str, to: &str| [day(from), day(to)];
    let ours = |id, direction, span: [String; 2]| {
        lasted(OURS, id, direction, [span[0].as_str(), span[1].as_str()])
    };
    let mut spans = Spans(0, Vec::new());
    // One goes from state to state, and is one agent all the time.
    spans.add(FANG, "idle", shanghai(&day("09:00:00")), shanghai(&day("09:40:00")));
    spans.add(FANG, "talking", shanghai(&day("09:40:00")), shanghai(&day("10:00:00")));
    spans.add(LI, "break", shanghai(&day("09:30:00")), shanghai(&day("09:45:00")));
    let mut rows = spans.1;
    rows.extend([
        // It began before the period: no call of it, but one at the same time.
        lasted(OURS, 1, "inbound", ["2026-11-22 23:50:00", "2026-11-23 00:10:00"]),
        ours(2, "inbound", within("09:10:00", "09:20:00")),
        ours(3, "inbound", within("09:15:00", "09:25:00")),
        // It begins in the moment in which another ends.
        ours(4, "inbound", within("09:20:00", "09:30:00")),
        // Nothing turns at ten, and it goes on.
        ours(5, "outbound", within("09:50:00", "11:10:00")),
        lasted(THEIRS, 6, "inbound", ["2026-11-23 09:10:00", "2026-11-23 09:30:00"]),
        line(2, ["2026-11-23 09:10:00", "2026-11-23 09:20:00"]),
        line(3, ["2026-11-23 09:12:00", "2026-11-23 09:18:00"]),
        Row::Recording(recording(2, "2026-11-23 09:10:05")),
        Row::Recording(Recording {
            state: "refused".to_owned(),
            duration_ms: 0,
            bytes: 0,
            ..recording(3, "2026-11-23 09:15:05")
        }),
    ]);
    let store = store(rows).await;
    let now = at("UTC", NOW);
    let period = Period::parse("2026-11-23", "Asia/Shanghai", now).expect("a good period");
    // Eight lines of all trunks.
    let params = Params { lines_max: 8, ..Params::new(period, now, "热线", Names::default()) };
    let table = run(&store.session().await, &CAPACITY, &params).await.expect("the report runs");
    assert_eq!(
        lines(&table),
        [
            // calls, in, out, internal; calls, lines, of all lines, agents at once; recordings
            "2026-11-23 00:00–01:00 0 0 0 0 1 0 0.0% 0 0 0:00:00 0",
            "2026-11-23 09:00–10:00 4 3 1 0 2 2 25.0% 2 1 0:01:00 1,920,044",
            "2026-11-23 10:00–11:00 0 0 0 0 1 0 0.0% 0 0 0:00:00 0",
            "2026-11-23 11:00–12:00 0 0 0 0 1 0 0.0% 0 0 0:00:00 0",
            "2026-11-23 小计 4 3 1 0 2 2 — 2 1 0:01:00 1,920,044",
            "— — 4 3 1 0 2 2 — 2 1 0:01:00 1,920,044",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(calls) = row.cells[2] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, calls);
    }
}

#[tokio::test]
async fn a_phone_inside_takes_no_line_of_a_trunk() {
    let [from, to] = ["2026-11-23 09:10:00", "2026-11-23 09:20:00"];
    let rows = vec![
        lasted(OURS, 1, "inbound", [from, to]),
        line(1, [from, to]),
        // The agent's phone, at the same time.
        offer(2, FANG, shanghai(from), true),
    ];
    let store = store(rows).await;
    let table = store.run(&CAPACITY, "2026-11-23", "Asia/Shanghai", NOW).await;
    let lines = table.report.position("lines_peak");
    let peaks: Vec<&Cell> = table.data_rows().map(|row| &row.cells[lines]).collect();
    assert_eq!(peaks, [&Cell::Count(1)]);
}

/// The hours of a day in which a call from one time to another goes on, alone.
async fn hours(zone: &str, day: &str, [from, to]: [&str; 2]) -> Vec<String> {
    let on = |time: &str| at(zone, &format!("{day} {time}"));
    let long = Call { ended_at: on(to), ..call(1, "inbound", on(from)) };
    let store = store(vec![Row::Call(long)]).await;
    let table = store.run(&CAPACITY, day, zone, NOW).await;
    let hour = |row: &TableRow| match (&row.cells[1], &row.cells[6]) {
        (Cell::Text(hour), Cell::Count(1)) => hour.clone(),
        other => panic!("{other:?}"),
    };
    table.data_rows().map(hour).collect()
}

#[tokio::test]
async fn a_call_through_the_night_with_25_hours_goes_on_in_each_of_its_hours() {
    let hours = hours("Europe/Berlin", "2026-10-25", ["00:30:00", "04:30:00"]).await;
    let expected = ["00:00–01:00", "01:00–02:00", "02:00–03:00", "03:00–04:00", "04:00–05:00"];
    assert_eq!(hours, expected);
}

#[tokio::test]
async fn an_hour_of_which_the_clock_leaves_out_the_beginning_is_one_too() {
    // At two it is half past two, at once.
    let hours = hours("Australia/Lord_Howe", "2026-10-04", ["01:00:00", "03:30:00"]).await;
    assert_eq!(hours, ["01:00–02:00", "02:00–03:00", "03:00–04:00"]);
    let hours = self::hours("Europe/Berlin", "2026-03-29", ["01:30:00", "03:30:00"]).await;
    assert_eq!(hours, ["01:00–02:00", "03:00–04:00"], "an hour that is not there has no row");
}
