//! Every agent who is heard in a recording finds it, whichever row came first.

use super::*;
use terms::LegId;
use terms::record::Leg;

const FIRST: AgentId = AgentId(101);
const SECOND: AgentId = AgentId(102);
const THIRD: AgentId = AgentId(103);

/// A conversation of a minute in this call, which the first agent began.
fn passed_on(id: u64, call: u64) -> Recording {
    Recording {
        call_id: CallId(call),
        agent_id: Some(FIRST),
        started_at: Timestamp(NOON),
        duration_ms: 60_000,
        ..recording(id)
    }
}

/// A leg of an agent that talked from one second of the conversation to another.
fn leg(id: u64, call: u64, agent: AgentId, (from, to): (i64, i64)) -> Row {
    let at = |second: i64| Timestamp(NOON + second * 1_000_000);
    Row::Leg(Leg {
        tenant_id: TENANT,
        leg_id: LegId(id),
        call_id: CallId(call),
        contact_id: ContactId(call),
        call_started_at: at(0),
        role: "agent".into(),
        agent_id: Some(agent),
        queue_id: None,
        address: "1001".into(),
        started_at: at(from),
        ringing_at: None,
        answered_at: Some(at(from)),
        ended_at: at(to),
        ring_ms: 0,
        talk_ms: (to - from) as i32 * 1000,
        hold_ms: 0,
        hangup_cause: 16,
        hangup_by: "agent".into(),
        packets_received: 0,
        packets_lost: 0,
        jitter_us: 0,
        mos: None,
        trunk_id: None,
        call_direction: None,
        call_queue_id: None,
    })
}

/// Two agents one after the other, one who talked in the same call after the recording's end, and one
/// who rang and did not talk.
fn legs(call: u64) -> Vec<Row> {
    let mut silent = leg(call * 10 + 4, call, AgentId(104), (20, 40));
    if let Row::Leg(leg) = &mut silent {
        (leg.answered_at, leg.talk_ms) = (None, 0);
    }
    vec![
        leg(call * 10 + 1, call, FIRST, (0, 30)),
        leg(call * 10 + 2, call, SECOND, (30, 60)),
        leg(call * 10 + 3, call, THIRD, (61, 90)),
        silent,
    ]
}

async fn put(warehouse: &Warehouse, position: i64, rows: &[Row]) {
    assert!(warehouse.stage_rows("test", position, rows).await.unwrap());
}

/// The recordings in which an agent is heard, the latest first.
async fn found(warehouse: &Warehouse, agent: AgentId) -> Vec<u64> {
    let search = Search { tenant: TENANT, agent: Some(agent), ..Search::default() };
    let found = ids(&warehouse.recordings(&search, 100).await.unwrap());
    let count = warehouse.recordings_matching(&search).await.unwrap();
    assert_eq!(count, found.len() as u64);
    found
}

async fn all_found(warehouse: &Warehouse) -> [Vec<u64>; 4] {
    [
        found(warehouse, FIRST).await,
        found(warehouse, SECOND).await,
        found(warehouse, THIRD).await,
        found(warehouse, AgentId(104)).await,
    ]
}

/// A store with three recordings: the legs of the first came before it, those of the second after it,
/// those of the third with it.
async fn three() -> (tempfile::TempDir, Warehouse) {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    put(&warehouse, 1, &legs(51)).await;
    put(&warehouse, 2, &[Row::Recording(passed_on(1, 51))]).await;
    put(&warehouse, 3, &[Row::Recording(passed_on(2, 52))]).await;
    put(&warehouse, 4, &legs(52)).await;
    let mut rows = legs(53);
    rows.push(Row::Recording(passed_on(3, 53)));
    put(&warehouse, 5, &rows).await;
    // The same numbers of another tenant are somebody else's.
    let foreign = Recording { tenant_id: TenantId(2), ..passed_on(4, 51) };
    put(&warehouse, 6, &[Row::Recording(foreign)]).await;
    (dir, warehouse)
}

fn expected() -> [Vec<u64>; 4] {
    [vec![3, 2, 1], vec![3, 2, 1], Vec::new(), Vec::new()]
}

#[tokio::test]
async fn a_recording_is_found_by_every_agent_who_is_heard_in_it_and_by_who_leads_one() {
    let (_dir, warehouse) = three().await;
    assert_eq!(all_found(&warehouse).await, expected());
    assert_eq!(warehouse.heard_in(RecordingId(1)).await.unwrap(), [FIRST, SECOND]);
    assert_eq!(warehouse.heard_in(RecordingId(4)).await.unwrap(), [FIRST]);

    let all = Search { tenant: TENANT, ..Search::default() };
    let of = |agents: Vec<AgentId>| Search { agents: Some(agents), ..all.clone() };
    for (search, expected) in [
        (of(vec![SECOND, THIRD]), vec![3, 2, 1]),
        (of(vec![THIRD]), Vec::new()),
        (Search { agent: Some(SECOND), ..of(vec![FIRST]) }, vec![3, 2, 1]),
        (Search { agent: Some(SECOND), ..of(vec![THIRD]) }, Vec::new()),
        (Search { agent: Some(SECOND), call: Some(CallId(52)), ..all.clone() }, vec![2]),
        (Search { agent: Some(THIRD), call: Some(CallId(52)), ..all.clone() }, Vec::new()),
        (
            Search {
                agent: Some(SECOND),
                before: Some((Timestamp(NOON), RecordingId(3))),
                ..all.clone()
            },
            vec![2, 1],
        ),
        (
            Search { agent: Some(SECOND), from: Some(Timestamp(NOON + 1)), ..all.clone() },
            Vec::new(),
        ),
    ] {
        let found = warehouse.recordings(&search, 100).await.unwrap();
        assert_eq!(ids(&found), expected, "{search:?}");
    }
}

#[tokio::test]
async fn a_warehouse_that_does_not_know_who_is_heard_learns_it_from_its_files_and_staged_rows() {
    let (dir, warehouse) = three().await;
    warehouse.publish_all().await.unwrap();
    put(&warehouse, 7, &[Row::Recording(passed_on(5, 55))]).await;
    put(&warehouse, 8, &legs(55)).await;
    let mut tx = warehouse.write("go back").await.unwrap();
    for statement in [
        "DROP TABLE recording_agent",
        "DROP TABLE agent_leg",
        "DELETE FROM meta WHERE name = 'recording_agents'",
    ] {
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    warehouse.close().await;

    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let all = vec![5, 3, 2, 1];
    assert_eq!(all_found(&warehouse).await, [all.clone(), all, Vec::new(), Vec::new()]);
    // A recording whose legs were staged before is told of them.
    put(&warehouse, 9, &[Row::Recording(passed_on(6, 55))]).await;
    assert_eq!(found(&warehouse, SECOND).await, [6, 5, 3, 2, 1]);
    // So is one whose legs were in a file already.
    put(&warehouse, 10, &[Row::Recording(passed_on(7, 51))]).await;
    assert_eq!(found(&warehouse, SECOND).await, [7, 6, 5, 3, 2, 1]);
}

#[tokio::test]
async fn who_is_heard_stays_known_when_a_recording_is_deleted() {
    let (_dir, warehouse) = three().await;
    let why = (Reason::Erasure, "asked for");
    warehouse.delete_recordings(TENANT, &[RecordingId(2)], why, Timestamp(NOON)).await.unwrap();
    assert_eq!(found(&warehouse, SECOND).await, [3, 2, 1]);
    let kept = Search { tenant: TENANT, agent: Some(SECOND), kept: true, ..Search::default() };
    assert_eq!(ids(&warehouse.recordings(&kept, 100).await.unwrap()), [3, 1]);
}

#[tokio::test]
async fn legs_are_remembered_as_long_as_calls_that_ended_and_no_longer() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let remembered = async || -> i64 {
        let mut tx = warehouse.read("count legs").await.unwrap();
        let count = sqlx::query_scalar("SELECT COUNT(*) FROM agent_leg");
        count.fetch_one(&mut *tx).await.unwrap()
    };
    let of_day = |day: i64| terms::id::least_at(Timestamp(NOON + day * 86_400_000_000)) + 1;
    for (position, (day, expected)) in [(0, 1), (1, 2), (2, 3), (4, 2)].into_iter().enumerate() {
        let call = of_day(day);
        put(&warehouse, position as i64 + 1, &[leg(call, call, FIRST, (0, 30))]).await;
        assert_eq!(remembered().await, expected, "day {day}");
    }
}
