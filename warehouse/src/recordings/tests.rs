//! Finding, deleting and filling, and which index answers what.

mod heard;

use super::*;
use crate::recordings::delete::OfQueues;
use crate::{Limits, Scope, Session};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use terms::ContactId;

const NOON: i64 = 1_795_406_400_000_000;
const TENANT: TenantId = TenantId(1);

fn recording(id: u64) -> Recording {
    Recording {
        paused_ms: None,
        marks: None,
        format: None,
        tenant_id: TENANT,
        recording_id: RecordingId(id),
        call_id: CallId(id / 2),
        contact_id: ContactId(id / 2),
        call_started_at: Timestamp(NOON),
        started_at: Timestamp(NOON + (id / 3) as i64 * 1_000_000),
        duration_ms: (id % 100) as i32 * 1000,
        kind: "conversation".into(),
        agent_id: Some(AgentId(id % 7)),
        queue_id: (!id.is_multiple_of(5)).then_some(QueueId(id % 5)),
        caller: format!("+86138{:08}", id * 37),
        state: "recorded".into(),
        frames_expected: 10,
        frames_missing: 0,
        path: Some(format!("1/2026-11-23/{id}.wav")),
        bytes: 100,
        sha256: Some("ab".repeat(32)),
        reason: None,
    }
}

async fn stage(warehouse: &Warehouse, position: i64, recordings: Vec<Recording>) {
    let rows: Vec<Row> = recordings.into_iter().map(Row::Recording).collect();
    assert!(warehouse.stage_rows("test", position, &rows).await.unwrap());
}

async fn thousand() -> (tempfile::TempDir, Warehouse) {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    stage(&warehouse, 1, (1..=1000).map(recording).collect()).await;
    let foreign = |id| Recording { tenant_id: TenantId(2), ..recording(id) };
    stage(&warehouse, 2, (2001..=2010).map(foreign).collect()).await;
    (dir, warehouse)
}

fn ids(found: &[Indexed]) -> Vec<u64> {
    found.iter().map(|found| found.recording.recording_id.0).collect()
}

/// What a search should give, by looking at every row.
fn expected(keep: impl Fn(&Recording) -> bool) -> Vec<u64> {
    let mut all: Vec<Recording> = (1..=1000).map(recording).filter(keep).collect();
    all.sort_by_key(|of| std::cmp::Reverse((of.started_at, of.recording_id)));
    all.iter().map(|of| of.recording_id.0).collect()
}

#[tokio::test]
async fn every_search_finds_what_looking_at_every_row_finds() {
    let (_dir, warehouse) = thousand().await;
    let all = Search { tenant: TENANT, ..Search::default() };
    let at = |second: i64| Timestamp(NOON + second * 1_000_000);
    let cases: Vec<(Search, Vec<u64>)> = vec![
        (all.clone(), expected(|_| true)),
        (
            Search { from: Some(at(50)), to: Some(at(90)), ..all.clone() },
            expected(|of| (at(50)..at(90)).contains(&of.started_at)),
        ),
        (Search { call: Some(CallId(41)), ..all.clone() }, expected(|of| of.call_id == CallId(41))),
        (
            Search { agent: Some(AgentId(3)), from: Some(at(100)), ..all.clone() },
            expected(|of| of.agent_id == Some(AgentId(3)) && of.started_at >= at(100)),
        ),
        (
            Search { queue: Some(QueueId(2)), duration_ms_min: Some(70_000), ..all.clone() },
            expected(|of| of.queue_id == Some(QueueId(2)) && of.duration_ms >= 70_000),
        ),
        (
            Search { caller: Some("+86138000003".into()), ..all.clone() },
            expected(|of| of.caller.starts_with("+86138000003")),
        ),
        (
            Search { caller: Some("+86138000003".into()), agent: Some(AgentId(1)), ..all.clone() },
            expected(|of| of.caller.starts_with("+86138000003") && of.agent_id == Some(AgentId(1))),
        ),
        (
            Search { caller: Some("0777".into()), ..all.clone() },
            expected(|of| of.caller.contains("0777")),
        ),
        (Search { caller: Some("+99".into()), ..all.clone() }, Vec::new()),
        (
            Search { caller: Some("+8613800000?7*".into()), ..all.clone() },
            expected(|of| of.caller.starts_with("+8613800000") && of.caller[12..].starts_with('7')),
        ),
        (
            Search { caller: Some("*77".into()), ..all.clone() },
            expected(|of| of.caller.ends_with("77")),
        ),
        (Search { caller: Some("%77".into()), ..all.clone() }, Vec::new()),
        (
            Search { number: Some(recording(40).caller), ..all.clone() },
            expected(|of| of.recording_id == RecordingId(40)),
        ),
        (
            Search { calls: Some(vec![CallId(41), CallId(400)]), ..all.clone() },
            expected(|of| [CallId(41), CallId(400)].contains(&of.call_id)),
        ),
        (Search { calls: Some(Vec::new()), ..all.clone() }, Vec::new()),
        (
            Search { agents: Some(vec![AgentId(1), AgentId(3)]), ..all.clone() },
            expected(|of| [Some(AgentId(1)), Some(AgentId(3))].contains(&of.agent_id)),
        ),
        (Search { agents: Some(Vec::new()), ..all.clone() }, Vec::new()),
        (
            Search { queues: Some(vec![QueueId(2)]), ..all.clone() },
            expected(|of| of.queue_id == Some(QueueId(2))),
        ),
        (
            Search {
                agents: Some(vec![AgentId(1)]),
                queues: Some(vec![QueueId(2)]),
                ..all.clone()
            },
            expected(|of| of.agent_id == Some(AgentId(1)) || of.queue_id == Some(QueueId(2))),
        ),
        (Search { agents: Some(Vec::new()), queues: Some(Vec::new()), ..all.clone() }, Vec::new()),
        (
            Search { duration_ms_max: Some(20_000), queue: Some(QueueId(3)), ..all.clone() },
            expected(|of| of.duration_ms <= 20_000 && of.queue_id == Some(QueueId(3))),
        ),
        (Search { kept: true, ..all.clone() }, expected(|of| of.path.is_some())),
    ];
    for (search, expected) in cases {
        let found = warehouse.recordings(&search, 2000).await.unwrap();
        assert_eq!(ids(&found), expected, "{search:?}");
        let count = warehouse.recordings_matching(&search).await.unwrap();
        assert_eq!(count, expected.len() as u64, "{search:?}");
    }
    let found = warehouse.recording(TENANT, RecordingId(7)).await.unwrap().unwrap();
    assert_eq!(found.recording, recording(7));
    assert_eq!(warehouse.recording(TenantId(2), RecordingId(7)).await.unwrap(), None);
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap_where_starts_are_equal() {
    let (_dir, warehouse) = thousand().await;
    let mut search = Search { tenant: TENANT, ..Search::default() };
    let mut seen = Vec::new();
    loop {
        let page = warehouse.recordings(&search, 64).await.unwrap();
        let Some(last) = page.last() else { break };
        search.before = Some((last.recording.started_at, last.recording.recording_id));
        seen.extend(ids(&page));
    }
    assert_eq!(seen, expected(|_| true));
}

/// The steps of SQLite's plan for a page that lies deep in the list.
async fn plan(warehouse: &Warehouse, search: Search) -> String {
    let before = Some((Timestamp(NOON + 100_000_000), RecordingId(500)));
    let search = Search { tenant: TENANT, before, ..search };
    let mut query = Text::new("EXPLAIN QUERY PLAN ");
    select(&mut query, &search, None, 100);
    let mut tx = warehouse.read("explain").await.unwrap();
    let steps = query.query(&tx).fetch_all(&mut *tx).await.unwrap();
    steps.iter().map(|step| step.get("detail")).collect::<Vec<String>>().join("; ")
}

/// A page is a stretch of an index: SQLite goes to where the last one ended and never sorts.
#[tokio::test]
async fn a_page_starts_in_an_index_where_the_last_one_ended_and_is_not_sorted() {
    let (_dir, warehouse) = thousand().await;
    for (search, index, by) in [
        (Search::default(), "recording_by_time", ""),
        (
            Search { queue: Some(QueueId(1)), ..Search::default() },
            "recording_by_queue",
            " AND queue=?",
        ),
        (Search { call: Some(CallId(1)), ..Search::default() }, "recording_by_call", " AND call=?"),
        (
            Search { number: Some("+8613800138000".into()), ..Search::default() },
            "recording_by_caller",
            " AND caller=?",
        ),
    ] {
        let plan = plan(&warehouse, search).await;
        let start = format!("SEARCH recording USING INDEX {index} (tenant=?{by} AND ");
        let goes = plan.strip_prefix(&start).unwrap_or_else(|| panic!("{plan}"));
        // One step, bounded by the time; a sort would be a step of its own.
        assert!(goes.contains("started_at") && !plan.contains(';'), "{plan}");
    }
    // An agent's are gone through in their own index, and each row is fetched by its id.
    let plan = plan(&warehouse, Search { agent: Some(AgentId(1)), ..Search::default() }).await;
    let start = "SEARCH recording_agent USING COVERING INDEX recording_agent_by_time \
                 (whose=? AND heard=? AND ";
    let goes = plan.strip_prefix(start).unwrap_or_else(|| panic!("{plan}"));
    let end = "; SEARCH recording USING INTEGER PRIMARY KEY (rowid=?)";
    assert!(goes.contains("began") && goes.ends_with(end), "{plan}");
    assert_eq!(plan.matches(';').count(), 1, "a sort would be a step of its own: {plan}");
}

/// Who leads fifty agents does not look for each of them in each recording.
#[tokio::test]
async fn who_is_heard_in_a_recording_is_looked_at_once_whoever_is_asked_for() {
    let (_dir, warehouse) = thousand().await;
    let led = (1..=50).map(AgentId).collect();
    let plan = plan(&warehouse, Search { agents: Some(led), ..Search::default() }).await;
    assert!(plan.contains("sqlite_autoindex_recording_agent_1 (recording_id=?)"), "{plan}");
}

#[tokio::test]
async fn what_is_due_comes_by_queue_and_by_age_and_not_twice() {
    let (_dir, warehouse) = thousand().await;
    let until = Timestamp(NOON + 100_000_000);
    let of_queue = |of: &Recording, queue| of.queue_id == Some(QueueId(queue));
    for (rule, due) in [
        (OfQueues::One(QueueId(3)), expected(|of| of_queue(of, 3) && of.started_at < until)),
        (OfQueues::AllBut(&[]), expected(|of| of.started_at < until)),
        (
            OfQueues::AllBut(&[QueueId(1), QueueId(3)]),
            expected(|of| !of_queue(of, 1) && !of_queue(of, 3) && of.started_at < until),
        ),
    ] {
        let (mut after, mut found) = ((Timestamp(0), RecordingId(0)), Vec::new());
        loop {
            let page = warehouse.recordings_due(TENANT, rule, until, after, 40).await.unwrap();
            let Some(last) = page.last() else { break };
            after = (last.started_at, last.recording_id);
            found.extend(page.iter().map(|of| of.recording_id.0));
        }
        found.reverse();
        assert_eq!(found, due, "{rule:?}");
    }
    let ids = [RecordingId(1), RecordingId(2), RecordingId(2001)];
    let why = (Reason::Retention, "90 days");
    let doomed = warehouse.delete_recordings(TENANT, &ids, why, until).await.unwrap();
    assert_eq!(doomed.len(), 2, "another tenant's recording is none of ours");
    assert_eq!(doomed[0].path, "1/2026-11-23/1.wav");
    assert_eq!(warehouse.delete_recordings(TENANT, &ids, why, until).await.unwrap(), []);
    let start = (Timestamp(0), RecordingId(0));
    let left = warehouse.recordings_due(TENANT, OfQueues::AllBut(&[]), until, start, 1).await;
    assert_eq!(left.unwrap()[0].recording_id, RecordingId(3));
}

#[tokio::test]
async fn a_deletion_is_told_by_the_index_and_in_sql_and_its_files_are_remembered_until_gone() {
    let (dir, warehouse) = thousand().await;
    let why = (Reason::Erasure, "the customer asked");
    let at = Timestamp(NOON + 1);
    warehouse.delete_recordings(TENANT, &[RecordingId(9)], why, at).await.unwrap();
    let found = warehouse.recording(TENANT, RecordingId(9)).await.unwrap().unwrap();
    let deleted = Deleted { at, reason: Reason::Erasure, detail: "the customer asked".into() };
    assert_eq!(found.deleted, Some(deleted));
    warehouse.close().await;

    // The process died before the files were gone.
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let to_remove = warehouse.recordings_to_remove(10).await.unwrap();
    assert_eq!(to_remove.iter().map(|of| of.recording.0).collect::<Vec<_>>(), [9]);
    warehouse.recordings_removed(&[RecordingId(9), RecordingId(10)]).await.unwrap();
    assert_eq!(warehouse.recordings_to_remove(10).await.unwrap(), []);

    warehouse.publish_all().await.unwrap();
    let session = Session::open(&warehouse, Scope::of(TENANT), Limits::default()).await.unwrap();
    let sql = "SELECT count(*) FROM recordings JOIN recording_deletions USING (recording_id) \
               WHERE recordings.recording_id = 9 AND recording_deletions.reason = 'erasure'";
    let answer = session.query(sql).await.unwrap();
    assert_eq!(answer.batches[0].column(0).as_primitive::<Int64Type>().value(0), 1);
}

#[tokio::test]
async fn a_warehouse_from_before_the_index_gets_one_from_its_files_and_staged_rows() {
    let (dir, warehouse) = thousand().await;
    let why = (Reason::Retention, "90 days");
    warehouse.delete_recordings(TENANT, &[RecordingId(1)], why, Timestamp(NOON)).await.unwrap();
    warehouse.publish_all().await.unwrap();
    stage(&warehouse, 3, vec![recording(5001)]).await;
    warehouse.delete_recordings(TENANT, &[RecordingId(2)], why, Timestamp(NOON)).await.unwrap();
    let all = |warehouse: Warehouse| async move {
        let all = warehouse.all_recordings(RecordingId(0), 10_000).await.unwrap();
        warehouse.close().await;
        all
    };
    let mut tx = warehouse.write("forget the index").await.unwrap();
    for statement in ["DELETE FROM recording", "DELETE FROM meta WHERE name = 'recordings'"] {
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(all(warehouse).await, []);
    let filled = all(Warehouse::open(dir.path()).await.unwrap()).await;
    assert_eq!(filled.len(), 1011);
    assert_eq!(filled[4].recording, recording(5));
    assert_eq!(filled[1010].recording, recording(5001));
    let deleted: Vec<u64> = filled
        .iter()
        .filter(|of| of.deleted.is_some())
        .map(|of| of.recording.recording_id.0)
        .collect();
    assert_eq!(deleted, [1, 2]);
    // It is not filled a second time.
    assert_eq!(all(Warehouse::open(dir.path()).await.unwrap()).await, filled);
}

#[tokio::test]
async fn the_index_forgets_whose_voice_it_was_and_nothing_else() {
    let (_dir, warehouse) = thousand().await;
    let digits = terms::Person::by_number("13800000185", "86").expect("a number");
    let theirs = warehouse.recordings_of(TENANT, &digits).await.unwrap();
    assert_eq!(theirs, [RecordingId(5)]);
    warehouse.erase_person(TENANT, &digits).await.unwrap();
    let of =
        async |id| warehouse.recording(TENANT, RecordingId(id)).await.unwrap().unwrap().recording;
    assert_eq!(of(5).await, Recording { caller: String::new(), ..recording(5) });
    assert_eq!(of(6).await, recording(6));
    assert!(warehouse.recordings_of(TENANT, &digits).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_became_of_a_damaged_file_is_remembered() {
    let (_dir, warehouse) = thousand().await;
    let repair = Repair::Shortened { bytes: 50, sha256: "cd".repeat(32), duration_ms: 3 };
    warehouse.note_repair(RecordingId(3), &repair).await.unwrap();
    let found = warehouse.recording(TENANT, RecordingId(3)).await.unwrap().unwrap();
    assert_eq!(found.repair, Some(repair));
    assert_eq!(found.recording, recording(3), "the row stays as it was");
}

#[test]
fn a_row_looks_in_json_as_in_an_answer() {
    let json = to_json(&recording(5), &Recording::columns());
    assert_eq!(json["recording_id"], "5");
    assert_eq!(json["queue_id"], Json::Null);
    assert_eq!(json["duration_ms"], 5000);
    assert_eq!(json["started_at"], Timestamp(NOON + 1_000_000).to_string());
}

fn stored(id: u64) -> Vec<Stored> {
    let path = format!("1/2026-11-23/{id}.wav");
    vec![Stored { path, bytes: 100, sha256: "ab".repeat(32) }]
}

#[tokio::test]
async fn a_move_goes_through_its_stages_once_and_the_oldest_first() {
    let (_dir, warehouse) = thousand().await;
    let (before, start) = (Timestamp(NOON + 2_000_000), (Timestamp(i64::MIN), RecordingId(0)));
    let due = async || warehouse.recordings_to_move(before, start, 100).await.unwrap();
    assert_eq!(ids(&due().await), [1, 2, 3, 4, 5], "began in the first two seconds");
    assert_eq!(warehouse.recordings_to_move_count(before).await.unwrap(), 5);
    let later = warehouse.recordings_to_move(before, (Timestamp(NOON), RecordingId(1)), 2).await;
    assert_eq!(ids(&later.unwrap()), [2, 3]);

    let one = RecordingId(1);
    assert!(!warehouse.note_moved(one, &stored(1)).await.unwrap(), "nothing was sent yet");
    assert!(warehouse.note_moving(one).await.unwrap());
    assert!(warehouse.note_moving(one).await.unwrap(), "a crash sends it again");
    assert_eq!(due().await.len(), 5, "until it was read back the local files count");
    assert!(warehouse.note_moved(one, &stored(1)).await.unwrap());
    assert_eq!(ids(&due().await), [2, 3, 4, 5]);
    let to_free = warehouse.recordings_to_free(RecordingId(0), 10).await.unwrap();
    assert_eq!(ids(&to_free), [1]);
    assert_eq!(to_free[0].moved, Some(Moved { stage: Stage::Stored, files: stored(1) }));
    assert!(warehouse.note_freed(one).await.unwrap());
    assert_eq!(warehouse.recordings_to_free(RecordingId(0), 10).await.unwrap(), []);
    let found = warehouse.recording(TENANT, one).await.unwrap().unwrap();
    let moved = found.moved.unwrap();
    assert_eq!(moved.stage, Stage::Alone);
    assert_eq!(moved.file("1/2026-11-23/1.wav"), stored(1).first());
    assert!(!warehouse.note_moving(one).await.unwrap());

    assert!(warehouse.note_here(one).await.unwrap());
    assert_eq!(due().await.len(), 5);
}

#[tokio::test]
async fn a_deletion_knows_whether_an_object_may_exist_and_no_upload_begins_after_it() {
    let (_dir, warehouse) = thousand().await;
    let why = (Reason::Erasure, "asked for");
    for (id, begun) in [(7, false), (8, true)] {
        let id = RecordingId(id);
        if begun {
            assert!(warehouse.note_moving(id).await.unwrap());
        }
        let doomed = warehouse.delete_recordings(TENANT, &[id], why, Timestamp(NOON)).await;
        assert_eq!(doomed.unwrap()[0].moved, begun);
        assert!(!warehouse.note_moving(id).await.unwrap(), "it is deleted");
        assert!(!warehouse.note_moved(id, &stored(id.0)).await.unwrap());
    }
    let left = warehouse.recordings_to_remove(10).await.unwrap();
    let of = |id| left.iter().find(|of| of.recording == RecordingId(id)).unwrap().moved;
    assert_eq!((of(7), of(8)), (false, true), "after a crash too");
    warehouse.recordings_removed(&[RecordingId(8)]).await.unwrap();
    let found = warehouse.recording(TENANT, RecordingId(8)).await.unwrap().unwrap();
    assert_eq!(found.moved, None);
}

#[tokio::test]
async fn an_index_from_before_the_second_tier_is_read_and_gets_its_columns() {
    let (dir, warehouse) = thousand().await;
    let mut tx = warehouse.write("go back").await.unwrap();
    for statement in [
        "DROP INDEX recording_to_move",
        "DROP INDEX recording_to_free",
        "ALTER TABLE recording DROP COLUMN moved",
        "ALTER TABLE recording DROP COLUMN moved_files",
    ] {
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    warehouse.close().await;

    let reader = Warehouse::open_reader(dir.path()).await.unwrap();
    let found = reader.recording(TENANT, RecordingId(7)).await.unwrap().unwrap();
    assert_eq!((found.recording, found.moved), (recording(7), None));
    reader.close().await;
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    assert!(warehouse.note_moving(RecordingId(7)).await.unwrap());
    assert_eq!(warehouse.recordings_count().await.unwrap(), 1010);
}

#[tokio::test]
async fn what_is_to_move_is_found_without_reading_what_has_moved() {
    let (_dir, warehouse) = thousand().await;
    let mut tx = warehouse.read("explain").await.unwrap();
    let steps: Vec<(i64, i64, i64, String)> = sqlx::query_as(
        "EXPLAIN QUERY PLAN SELECT * FROM recording INDEXED BY recording_to_move \
         WHERE kept = 1 AND moved < 2 AND started_at < 5 AND (started_at, id) > (3, 4) \
         ORDER BY started_at, id LIMIT 6",
    )
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    let plan: Vec<String> = steps.into_iter().map(|step| step.3).collect();
    // One step: SQLite goes to where the last page ended, and never sorts.
    assert_eq!(plan.len(), 1, "{plan:?}");
    assert!(plan[0].starts_with("SEARCH recording USING INDEX recording_to_move ("), "{plan:?}");
}
