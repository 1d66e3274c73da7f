//! Flows: what came of their calls, and the ways through them.

use super::{HOTLINE, OURS, call, lines, shanghai, store};
use reports::Cell;
use reports::catalogue::{IVR_CONTAINMENT, IVR_PATH};
use terms::record::{Call, IvrStep, Row};
use terms::{CallId, ContactId, FlowId};

/// A call that came into a flow: what came of it, seconds in flows.
pub(super) fn into(flow: Option<FlowId>, id: u64, outcome: &str, seconds: i32) -> Row {
    Row::Call(Call {
        flow_id: flow,
        outcome: outcome.to_owned(),
        ivr_ms: seconds * 1000,
        ..call(id, "inbound", shanghai("2026-11-23 09:00:00"))
    })
}

#[tokio::test]
async fn containment_is_the_share_of_a_flows_calls_that_ended_in_it() {
    let hotline = Some(HOTLINE);
    let rows = vec![
        into(hotline, 1, "ivr_only", 10),
        into(hotline, 2, "ivr_only", 20),
        into(hotline, 3, "answered", 30),
        into(hotline, 4, "abandoned", 40),
        into(hotline, 5, "voicemail", 50),
        into(hotline, 6, "failed", 0),
        into(Some(FlowId(9)), 7, "answered", 60),
        into(None, 8, "answered", 0),
    ];
    let store = store(rows).await;
    let table =
        store.run(&IVR_CONTAINMENT, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    assert_eq!(
        lines(&table),
        [
            "#9 1 0 1 0 0 0 0.0% 0:01:00 0:01:00 0:01:00",
            "热线 6 2 1 1 1 1 33.3% 0:02:30 0:00:25 0:00:50",
            "— 7 2 2 1 1 1 28.6% 0:03:30 0:00:30 0:01:00",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(calls) = row.cells[1] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, calls);
    }
}

/// Steps of calls, numbered as they are added.
#[derive(Default)]
pub(super) struct Steps(pub(super) Vec<Row>);

impl Steps {
    /// Of the call and its flow: name, kind and edge, from and to on the day in question.
    pub(super) fn add(&mut self, (call, flow): (u64, FlowId), step: [&str; 3], times: [&str; 2]) {
        let [entered_at, left_at] = times.map(|time| shanghai(&format!("2026-11-23 {time}")));
        let [name, kind, exit] = step.map(str::to_owned);
        self.0.push(Row::IvrStep(IvrStep {
            tenant_id: OURS,
            seq: self.0.len() as i64 + 1,
            call_id: CallId(call),
            contact_id: ContactId(call),
            call_started_at: entered_at,
            flow_id: flow,
            flow_version: 1,
            step: name,
            kind,
            entered_at,
            left_at,
            exit,
            digits: None,
        }));
    }
}

#[tokio::test]
async fn the_path_tells_by_which_edges_each_step_was_left() {
    let mut steps = Steps::default();
    let (first, second, third) = ((1, HOTLINE), (2, HOTLINE), (3, HOTLINE));
    steps.add(first, ["greet", "play", "next"], ["09:00:00", "09:00:04"]);
    steps.add(first, ["choice", "menu", "1"], ["09:00:04", "09:00:10"]);
    steps.add(second, ["greet", "play", "next"], ["10:00:00", "10:00:06"]);
    steps.add(second, ["choice", "menu", "timeout"], ["10:00:06", "10:00:26"]);
    steps.add(second, ["choice", "menu", "1"], ["10:00:26", "10:00:30"]);
    steps.add(third, ["greet", "play", "hangup"], ["11:00:00", "11:00:01"]);
    // A kind of a later program, with a quote in it.
    steps.add((3, FlowId(9)), ["ask", "odd'kind", "next"], ["11:00:00", "11:00:01"]);
    let store = store(steps.0).await;
    let table = store.run(&IVR_PATH, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    assert_eq!(
        lines(&table),
        [
            "#9 ask odd'kind next 1 1 100.0% 0:00:01",
            "#9 ask 小计 next 1 1 100.0% 0:00:01",
            "热线 choice 菜单 1 2 2 66.7% 0:00:05",
            "热线 choice 菜单 timeout 1 1 33.3% 0:00:20",
            "热线 greet 放音 next 2 2 66.7% 0:00:05",
            "热线 greet 放音 hangup 1 1 33.3% 0:00:01",
            "热线 — 小计 — 6 — — 0:00:07",
            "— — — — 7 — — 0:00:06",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(contacts) = row.cells[5] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, contacts);
    }
}
