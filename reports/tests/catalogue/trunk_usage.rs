//! Trunks: calls by direction and outcome, and how many at once.

use super::{CARRIER, FANG, call, lines, offer, shanghai, store};
use reports::catalogue::TRUNK_USAGE;
use terms::record::{Leg, Row};
use terms::{CallId, ContactId, Timestamp, TrunkId};

/// Legs over trunks, numbered as they are added; each is a call of its own.
#[derive(Default)]
struct Lines(Vec<Row>);

impl Lines {
    /// A leg of the day in question.
    fn add(
        &mut self,
        trunk: TrunkId,
        role: &str,
        [from, answered, to]: [&str; 3],
        cause: i32,
    ) -> &mut Leg {
        let on = |time: &str| shanghai(&format!("2026-11-23 {time}"));
        let id = self.0.len() as u64 + 1;
        let Row::Leg(leg) = offer(id, FANG, on(from), false) else { panic!("an offer is a leg") };
        self.0.push(Row::Leg(Leg {
            role: role.to_owned(),
            agent_id: None,
            queue_id: None,
            answered_at: (!answered.is_empty()).then(|| on(answered)),
            ended_at: on(to),
            hangup_cause: cause,
            trunk_id: Some(trunk),
            ..leg
        }));
        match self.0.last_mut() {
            Some(Row::Leg(leg)) => leg,
            _ => panic!("it was just added"),
        }
    }
}

#[tokio::test]
async fn trunks_count_calls_by_outcome_and_the_most_lines_taken_at_once() {
    let other = TrunkId(6);
    let mut legs = Lines::default();
    // It began before the period: no call of it, but a line taken in it.
    let night = shanghai("2026-11-22 23:50:00");
    let before = legs.add(CARRIER, "customer", ["00:00:00", "00:00:00", "00:10:00"], 16);
    (before.started_at, before.answered_at) = (night, Some(night));
    legs.add(CARRIER, "customer", ["00:05:00", "00:05:10", "00:15:00"], 16);
    // Passed on outside, the same call takes a second line.
    let passed_on = legs.add(CARRIER, "outside", ["00:06:00", "00:06:20", "00:15:00"], 16);
    (passed_on.call_id, passed_on.contact_id) = (CallId(2), ContactId(2));
    // It begins in the moment in which two end.
    legs.add(CARRIER, "customer", ["00:15:00", "00:15:00", "00:20:00"], 16);
    // Dialled by agents: busy, no answer, given up, no way to the network.
    for (second, cause) in [("00", 17), ("10", 19), ("20", 16), ("30", 34)] {
        let time = format!("10:00:{second}");
        let leg = legs.add(CARRIER, "customer", [time.as_str(), "", time.as_str()], cause);
        leg.ended_at = Timestamp(leg.started_at.0 + 5_000_000);
    }
    // Refused at the door.
    legs.add(CARRIER, "customer", ["10:04:00", "", "10:04:01"], 21);
    legs.add(other, "customer", ["11:00:00", "11:00:00", "11:01:00"], 16);
    // A phone inside, and a call of the next day.
    legs.add(other, "agent", ["11:00:00", "11:00:00", "11:01:00"], 16).trunk_id = None;
    let next = legs.add(other, "customer", ["12:00:00", "12:00:00", "12:01:00"], 16);
    let midnight = shanghai("2026-11-24 00:00:00");
    (next.started_at, next.ended_at) = (midnight, Timestamp(midnight.0 + 60_000_000));
    let dialled = 5..=8;
    let calls = (1..=9).map(|id| {
        let direction = if dialled.contains(&id) { "outbound" } else { "inbound" };
        Row::Call(call(id, direction, shanghai("2026-11-23 00:00:00")))
    });
    let store = store(legs.0.into_iter().chain(calls).collect()).await;

    let table = store.run(&TRUNK_USAGE, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    assert_eq!(
        lines(&table),
        [
            "#6 呼入 1 1 0 0 0 0 100.0% 0:01:00 0:01:00 0:01:00 1",
            "#6 小计 1 1 0 0 0 0 100.0% 0:01:00 0:01:00 0:01:00 1",
            "电信 呼入 3 2 0 0 0 1 66.7% 0:14:50 0:07:25 0:15:01 3",
            "电信 呼出 5 1 1 1 1 1 20.0% 0:08:40 0:08:40 0:09:20 3",
            "电信 小计 8 3 1 1 1 2 37.5% 0:23:30 0:07:50 0:24:21 3",
            "— — 9 4 1 1 1 2 44.4% 0:24:30 0:06:08 0:25:21 3",
        ]
    );
    let mut behind = Vec::new();
    for row in table.data_rows() {
        behind.push(store.behind(row).await);
    }
    assert_eq!(behind, [1, 3, 5]);
}
