//! The system by day.

use super::capacity::{lasted, line};
use super::recording_log::recording;
use super::{FANG, OURS, THEIRS, at, lines, shanghai, store};
use reports::catalogue::SYSTEM;
use reports::{Cell, Names, Params, Period, Ran, Stored, run};
use terms::record::{Call, Event, Fax, Recording, RecordingDeletion, Row};
use terms::{CallId, ContactId, FaxId, RecordingId, TenantId};

/// 2026-11-23, in days after 1970-01-01.
const MONDAY: i64 = 20_780;

fn entry(tenant: TenantId, seq: i64, when: &str) -> Row {
    Row::Event(Event {
        tenant_id: tenant,
        seq,
        at: shanghai(when),
        contact_id: None,
        call_id: None,
        leg_id: None,
        kind: "enqueued".to_owned(),
        detail: "{}".to_owned(),
    })
}

fn fax(id: u64, ended: &str) -> Row {
    Row::Fax(Fax {
        tenant_id: OURS,
        fax_id: FaxId(id),
        call_id: CallId(id),
        contact_id: ContactId(id),
        call_started_at: shanghai(ended),
        ended_at: shanghai(ended),
        caller: "+8613800138000".to_owned(),
        document: None,
        complete: true,
        pages: 1,
        ecm: true,
        bit_rate: 14_400,
        station: String::new(),
        text: String::new(),
        path: Some("1/1.tif".to_owned()),
        bytes: 5_000,
        sha256: None,
    })
}

fn deleted(id: u64, when: &str) -> Row {
    Row::RecordingDeletion(RecordingDeletion {
        tenant_id: OURS,
        recording_id: RecordingId(id),
        call_id: CallId(id),
        contact_id: ContactId(id),
        call_started_at: shanghai("2026-11-23 09:00:00"),
        agent_id: Some(FANG),
        queue_id: None,
        deleted_at: shanghai(when),
        reason: "retention".to_owned(),
        detail: String::new(),
    })
}

fn rows() -> Vec<Row> {
    let refused = lasted(OURS, 3, "inbound", ["2026-11-23 12:00:00", "2026-11-23 12:00:01"]);
    let Row::Call(refused) = refused else { panic!("a call") };
    let first = ["2026-11-23 09:00:00", "2026-11-23 09:30:00"];
    let second = ["2026-11-23 09:10:00", "2026-11-23 09:20:00"];
    vec![
        lasted(OURS, 1, "inbound", first),
        lasted(OURS, 2, "outbound", second),
        line(1, first),
        line(2, second),
        Row::Call(Call { outcome: "refused".to_owned(), ..refused }),
        // The first instant of the next day.
        lasted(OURS, 4, "inbound", ["2026-11-24 00:00:00", "2026-11-24 00:10:00"]),
        lasted(THEIRS, 5, "inbound", first),
        Row::Recording(recording(1, first[0])),
        Row::Recording(Recording {
            state: "partial".to_owned(),
            frames_missing: 300,
            ..recording(2, second[0])
        }),
        Row::Recording(Recording {
            state: "refused".to_owned(),
            frames_expected: 0,
            bytes: 0,
            ..recording(3, "2026-11-23 12:00:00")
        }),
        // Deleted a day after it was made; of the other one nothing is known here.
        deleted(1, "2026-11-24 03:00:00"),
        deleted(77, "2026-11-24 03:00:00"),
        fax(6, "2026-11-23 10:00:00"),
        entry(OURS, 1, "2026-11-23 09:00:00"),
        entry(OURS, 2, "2026-11-23 23:59:59"),
        entry(THEIRS, 3, "2026-11-23 09:00:00"),
        entry(OURS, 4, "2026-11-22 23:59:59"),
    ]
}

fn ran(process: &str, day: i64, [up_s, down_s]: [i64; 2]) -> Ran {
    let process = process.to_owned();
    Ran { process, day, up_ms: up_s * 1_000, down_ms: down_s * 1_000 }
}

#[tokio::test]
async fn a_day_of_the_system_has_what_ran_what_was_refused_and_what_came_into_the_stores() {
    let store = store(rows()).await;
    let now = at("UTC", "2026-11-25 12:00:00");
    let period = Period::parse("2026-11-23..2026-11-24", "Asia/Shanghai", now).expect("good");
    let ran = vec![
        ran("calls", MONDAY, [85_536, 864]),
        ran("api", MONDAY, [86_400, 0]),
        ran("calls", MONDAY + 1, [3_600, 0]),
    ];
    let stored = vec![Stored { day: MONDAY, bytes: 7_000 }, Stored { day: MONDAY + 1, bytes: 50 }];
    let params = Params { ran, stored, ..Params::new(period, now, "热线", Names::default()) };
    let table = run(&store.session().await, &SYSTEM, &params).await.expect("the report runs");
    assert_eq!(
        lines(&table),
        [
            // calls, down, API, work; calls, refused; calls and lines at once; recordings, not
            // recorded, frames lost; bytes of recordings, faxes, deleted; entries; bytes
            "2026-11-23 99.0% 0:14:24 100.0% — 3 1 33.3% 2 2 2 1 300 3,840,088 5,000 0 2 7,000",
            "2026-11-24 100.0% 0:00:00 — — 1 0 0.0% 1 0 0 0 0 0 0 1,920,044 0 50",
            "— 99.0% 0:14:24 100.0% — 4 1 25.0% 2 2 2 1 300 3,840,088 5,000 1,920,044 2 7,050",
        ]
    );
    let calls = table.report.position("calls");
    for row in table.data_rows() {
        let Cell::Count(calls) = row.cells[calls] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, calls);
    }
}

#[tokio::test]
async fn where_nobody_says_what_ran_the_rest_is_told() {
    let store = store(rows()).await;
    let table = store.run(&SYSTEM, "2026-11-23", "Asia/Shanghai", "2026-11-25 12:00:00").await;
    let row = "2026-11-23 — 0:00:00 — — 3 1 33.3% 2 2 2 1 300 3,840,088 5,000 0 2 0";
    assert_eq!(lines(&table)[0], row);
}

#[test]
fn the_days_of_a_period_begin_and_end_where_their_clock_says() {
    let now = at("UTC", "2026-12-24 12:00:00");
    let spans = |text: &str, begins: u16| {
        let period = Period::parse_by(text, "Europe/Berlin", begins, now).expect("a good period");
        let hours = |from: i64, to: i64| (to - from) / 3_600_000_000;
        let spans = period.day_spans();
        assert_eq!((spans[0].1, spans[spans.len() - 1].2), (period.from, period.to));
        assert!(spans.windows(2).all(|pair| pair[0].2 == pair[1].1), "none is left out");
        spans.into_iter().map(|(day, from, to)| (day, hours(from.0, to.0))).collect::<Vec<_>>()
    };
    // The day with 25 hours.
    assert_eq!(spans("2026-10-24..2026-10-26", 0), [(20_750, 24), (20_751, 25), (20_752, 24)]);
    assert_eq!(spans("2026-10-24..2026-10-25", 240), [(20_750, 25), (20_751, 24)]);
}
