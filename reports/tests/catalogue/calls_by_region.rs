//! Where callers are at home.

use super::{FANG, call, lines, shanghai, store};
use reports::Cell;
use reports::catalogue::CALLS_BY_REGION;
use terms::QueueId;
use terms::record::{Call, Row};

/// An inbound call into a queue from there.
fn from(id: u64, province: &str, city: &str) -> Call {
    let name = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
    Call {
        queue_id: Some(QueueId(1)),
        outcome: "abandoned".to_owned(),
        province: name(province),
        city: name(city),
        ..call(id, "inbound", shanghai("2026-11-23 09:00:00"))
    }
}

fn had(id: u64, province: &str, city: &str, seconds: i32) -> Call {
    Call {
        outcome: "answered".to_owned(),
        agent_id: Some(FANG),
        talk_ms: seconds * 1000,
        ..from(id, province, city)
    }
}

#[tokio::test]
async fn calls_are_counted_by_province_and_city_and_their_number_is_behind_them() {
    let early =
        Call { started_at: shanghai("2026-11-22 09:00:00"), ..had(8, "广东", "广州", 60) };
    let out = Call { direction: "outbound".to_owned(), ..had(9, "广东", "广州", 60) };
    let rows = [
        had(1, "广东", "广州", 60),
        had(2, "广东", "广州", 30),
        from(3, "广东", "广州"),
        from(4, "广东", "深圳"),
        had(5, "北京", "北京", 10),
        from(6, "", ""),
        Call { queue_id: None, outcome: "ivr_only".to_owned(), ..from(7, "美国", "") },
        early,
        out,
    ];
    let store = store(rows.map(Row::Call).into()).await;
    let table =
        store.run(&CALLS_BY_REGION, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    let mut told = lines(&table);
    told.retain(|line| !line.contains("小计"));
    told.sort();
    assert_eq!(
        told,
        [
            "— — 7 — 6 3 3 50.0% 0:01:40 0:00:33",
            "北京 北京 1 14.3% 1 1 0 100.0% 0:00:10 0:00:10",
            "广东 广州 3 42.9% 3 2 1 66.7% 0:01:30 0:00:45",
            "广东 深圳 1 14.3% 1 0 1 0.0% 0:00:00 —",
            "归属地不详 归属地不详 1 14.3% 1 0 1 0.0% 0:00:00 —",
            "美国 归属地不详 1 14.3% 0 0 0 — 0:00:00 —",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(calls) = row.cells[2] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, calls);
    }
}
