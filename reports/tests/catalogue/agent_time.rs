//! The time sheet and breaks by reason.

use super::{FANG, LI, OURS, adherence, at, lines, shanghai, store};
use reports::catalogue::{BREAKS, TIME_SHEET};
use reports::{Cell, ReportTable};
use terms::record::{AgentSpan, Row};
use terms::{AgentId, CallId, SpanId, Timestamp};

/// Stretches, numbered as they are added.
#[derive(Default)]
struct Day(Vec<Row>);

impl Day {
    fn add(
        &mut self,
        agent: AgentId,
        activity: &str,
        [from, to]: [Timestamp; 2],
    ) -> &mut AgentSpan {
        self.0.push(Row::AgentSpan(AgentSpan {
            tenant_id: OURS,
            span_id: SpanId(self.0.len() as u64 + 1),
            agent_id: agent,
            activity: activity.to_owned(),
            reason: None,
            started_at: from,
            ended_at: to,
            duration_ms: to.millis_since(from) as i32,
            call_id: None,
            queue_id: None,
            skill_set_id: None,
        }));
        match self.0.last_mut() {
            Some(Row::AgentSpan(span)) => span,
            _ => panic!("it was just added"),
        }
    }

    /// Of Fang, on 2026-11-23.
    fn fang(&mut self, activity: &str, from: &str, to: &str) -> &mut AgentSpan {
        let on = |time: &str| shanghai(&format!("2026-11-23 {time}"));
        self.add(FANG, activity, [on(from), on(to)])
    }

    fn li(&mut self, activity: &str, from: &str, to: &str) -> &mut AgentSpan {
        self.add(LI, activity, [shanghai(from), shanghai(to)])
    }
}

/// Two days of two agents; the one works a morning, the other is there through two midnights.
fn two_days() -> Vec<Row> {
    let mut day = Day::default();
    day.fang("idle", "09:00:00", "09:40:00");
    for (activity, from, to) in [
        ("ringing", "09:40:00", "09:40:10"),
        ("talking", "09:40:10", "10:20:00"),
        ("holding", "10:20:00", "10:25:00"),
        ("wrap_up", "10:25:00", "10:26:00"),
    ] {
        day.fang(activity, from, to).call_id = Some(CallId(1));
    }
    day.fang("break", "10:26:00", "10:36:00").reason = Some("午餐".to_owned());
    day.fang("break", "10:36:00", "10:37:00").reason = Some("no_answer".to_owned());
    day.fang("break", "10:37:00", "10:38:00");
    day.fang("break", "10:38:00", "11:00:00").reason = Some("午餐".to_owned());
    day.li("idle", "2026-11-22 22:00:00", "2026-11-22 23:30:00");
    day.li("break", "2026-11-22 23:30:00", "2026-11-23 00:15:00").reason =
        Some("do_not_disturb".to_owned());
    day.li("idle", "2026-11-23 00:15:00", "2026-11-25 01:00:00");
    day.li("talking", "2026-11-25 01:00:00", "2026-11-25 02:00:00").call_id = Some(CallId(9));
    day.0
}

const PERIOD: &str = "2026-11-23..2026-11-24";
const NOW: &str = "2026-11-25 12:00:00";

#[tokio::test]
async fn a_time_sheet_gives_every_day_its_part_and_adds_up_to_the_signed_in_time() {
    let store = store(two_days()).await;
    let table = store.run(&TIME_SHEET, PERIOD, "Asia/Shanghai", NOW).await;
    let free_day = "24:00:00 0:00:00 0:00:00 0:00:00 0:00:00";
    let li = "998 李建国";
    let fang = "2026-11-23 09:00:00 2026-11-23 11:00:00 2:00:00 0:39:50 0:05:00 0:01:00 0:00:10 \
         0:40:00 0:34:00 53.3% 38.2% 0:00:00 —";
    assert_eq!(
        lines(&table),
        [
            format!(
                "{li} 2026-11-23 2026-11-23 00:00:00 2026-11-24 00:00:00 {free_day} 23:45:00 \
                 0:15:00 0.0% 0.0% 0:00:00 —"
            ),
            format!(
                "{li} 2026-11-24 2026-11-24 00:00:00 2026-11-25 00:00:00 {free_day} 24:00:00 \
                 0:00:00 0.0% 0.0% 0:00:00 —"
            ),
            format!(
                "{li} 小计 — — 48:00:00 0:00:00 0:00:00 0:00:00 0:00:00 47:45:00 0:15:00 0.0% \
                 0.0% 0:00:00 —"
            ),
            format!("1001 王芳 2026-11-23 {fang}"),
            format!("1001 王芳 小计 {fang}"),
            "— — — — — 50:00:00 0:39:50 0:05:00 0:01:00 0:00:10 48:25:00 0:49:00 1.6% 1.5% \
             0:00:00 —"
                .to_owned(),
        ]
    );
    // Behind a day are the calls of that day: Li's conversation is on the next.
    let behind = behind(&store, &table).await;
    assert_eq!(behind, [0, 0, 1]);
}

/// Use of signed-in time, paid time and utilisation.
fn use_of_time(table: &ReportTable, cells: &[Cell]) -> [Cell; 3] {
    ["signed_in_use", "planned_ms", "utilisation"]
        .map(|column| cells[table.report.position(column)].clone())
}

/// Minutes over minutes.
fn minutes(numerator: i64, denominator: i64) -> Cell {
    Cell::Ratio { numerator: numerator * 60_000, denominator: denominator * 60_000 }
}

#[tokio::test]
async fn utilisation_is_over_the_planned_time_of_shifts_and_counts_those_who_did_not_come() {
    let hours = |hours: i64| Cell::Duration(hours * 3_600_000);
    let store = store(adherence::rows()).await;
    let table = store.run(&TIME_SHEET, "2026-11-23", "Asia/Shanghai", NOW).await;
    let found: Vec<[Cell; 3]> =
        table.data_rows().map(|row| use_of_time(&table, &row.cells)).collect();
    assert_eq!(
        found,
        [
            // Li did not come, and Fang talked for 110 minutes; nobody planned the third one's time.
            [minutes(0, 0), hours(4), minutes(0, 240)],
            [minutes(110, 270), hours(4), minutes(110, 240)],
            [minutes(0, 30), hours(0), minutes(0, 0)],
        ]
    );
    assert_eq!(use_of_time(&table, &table.total), [minutes(110, 300), hours(8), minutes(110, 480)]);
    let first = table.report.position("first_at");
    assert_eq!(table.rows[0].cells[first], Cell::Empty, "a shift is no sign-in");
}

#[tokio::test]
async fn paid_time_goes_to_its_days_as_far_as_it_has_begun() {
    let store = store(adherence::rows()).await;
    // Two in the night of the 24th in Shanghai: of the shift through midnight two hours have gone.
    let table = store.run(&TIME_SHEET, PERIOD, "Asia/Shanghai", "2026-11-23 18:00:00").await;
    let (day, planned) = (table.report.position("day"), table.report.position("planned_ms"));
    let found: Vec<(Cell, Cell)> = table
        .data_rows()
        .take(2)
        .map(|row| (row.cells[day].clone(), row.cells[planned].clone()))
        .collect();
    let of =
        |day: &str, hours: i64| (Cell::Text(day.to_owned()), Cell::Duration(hours * 3_600_000));
    assert_eq!(found, [of("2026-11-23", 4), of("2026-11-24", 2)]);
}

async fn behind(store: &super::Store, table: &ReportTable) -> Vec<usize> {
    let mut found = Vec::new();
    for row in table.data_rows() {
        found.push(store.behind(row).await);
    }
    found
}

#[tokio::test]
async fn the_day_with_a_repeated_hour_has_25_hours_on_the_time_sheet() {
    let berlin = |text: &str| at("Europe/Berlin", text);
    let mut day = Day::default();
    day.add(FANG, "idle", [berlin("2026-10-24 23:00:00"), berlin("2026-10-26 01:00:00")]);
    let store = store(day.0).await;
    let table = store.run(&TIME_SHEET, "2026-10", "Europe/Berlin", "2026-11-24 12:00:00").await;
    let signed_in = table.report.position("signed_in_ms");
    let hours: Vec<Cell> = table.data_rows().map(|row| row.cells[signed_in].clone()).collect();
    assert_eq!(hours, [1, 25, 1].map(|hours| Cell::Duration(hours * 3_600_000)));
}

#[tokio::test]
async fn breaks_are_told_by_reason_with_the_part_that_lies_in_the_period() {
    let store = store(two_days()).await;
    let table = store.run(&BREAKS, PERIOD, "Asia/Shanghai", NOW).await;
    assert_eq!(
        lines(&table),
        [
            "998 李建国 免打扰 1 0:15:00 0:15:00 0:15:00 0.5%",
            "998 李建国 小计 1 0:15:00 0:15:00 0:15:00 0.5%",
            "1001 王芳 午餐 2 0:32:00 0:16:00 0:22:00 26.7%",
            "1001 王芳 未接来电 1 0:01:00 0:01:00 0:01:00 0.8%",
            "1001 王芳 未说明 1 0:01:00 0:01:00 0:01:00 0.8%",
            "1001 王芳 小计 4 0:34:00 0:08:30 0:22:00 —",
            "— — — 5 0:49:00 0:09:48 0:22:00 —",
        ]
    );
    assert_eq!(behind(&store, &table).await, [1, 2, 1, 1]);
}
