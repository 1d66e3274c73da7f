//! The recording log: what was recorded, refused, is missing and was deleted.

use super::{FANG, OURS, REPAIR, lines, shanghai, store};
use reports::catalogue::RECORDING_LOG;
use terms::record::{Recording, RecordingDeletion, Row};
use terms::{CallId, ContactId, RecordingId};

/// A whole conversation of a minute.
pub fn recording(id: u64, started: &str) -> Recording {
    let started_at = shanghai(started);
    Recording {
        tenant_id: OURS,
        recording_id: RecordingId(id),
        call_id: CallId(id),
        contact_id: ContactId(id),
        call_started_at: started_at,
        started_at,
        duration_ms: 60_000,
        kind: "conversation".to_owned(),
        agent_id: Some(FANG),
        queue_id: Some(REPAIR),
        caller: "+8613800138000".to_owned(),
        state: "recorded".to_owned(),
        frames_expected: 6_000,
        frames_missing: 0,
        path: Some(format!("1/2026-11-23/{id}.wav")),
        bytes: 1_920_044,
        sha256: Some("ab".repeat(32)),
        reason: None,
        paused_ms: Some(0),
        marks: Some("[]".to_owned()),
        format: Some("both".to_owned()),
    }
}

#[tokio::test]
async fn recordings_and_refusals_are_listed_with_what_is_missing_and_when_they_were_deleted() {
    let partial = Recording {
        state: "partial".to_owned(),
        frames_missing: 300,
        reason: Some("the disk did not keep up".to_owned()),
        paused_ms: Some(15_000),
        ..recording(2, "2026-11-23 10:00:00")
    };
    let refused = Recording {
        state: "refused".to_owned(),
        duration_ms: 0,
        frames_expected: 0,
        path: None,
        bytes: 0,
        sha256: None,
        reason: Some("on the list of numbers".to_owned()),
        ..recording(3, "2026-11-23 11:00:00")
    };
    // Of a version that knew no pauses.
    let message = Recording {
        kind: "voicemail".to_owned(),
        agent_id: None,
        paused_ms: None,
        marks: None,
        format: None,
        ..recording(4, "2026-11-23 12:00:00")
    };
    let first = recording(1, "2026-11-23 09:00:00");
    let deleted = RecordingDeletion {
        tenant_id: OURS,
        recording_id: RecordingId(1),
        call_id: CallId(1),
        contact_id: ContactId(1),
        call_started_at: first.call_started_at,
        agent_id: Some(FANG),
        queue_id: Some(REPAIR),
        deleted_at: shanghai("2026-11-24 08:00:00"),
        reason: "erasure".to_owned(),
        detail: "asked for by the customer".to_owned(),
    };
    let rows = vec![
        Row::Recording(first),
        Row::Recording(partial),
        Row::Recording(refused),
        Row::Recording(message),
        Row::Recording(recording(5, "2026-11-24 00:00:00")),
        Row::RecordingDeletion(deleted),
    ];
    let store = store(rows).await;
    let table =
        store.run(&RECORDING_LOG, "2026-11-23", "Asia/Shanghai", "2026-11-24 12:00:00").await;
    assert_eq!(
        lines(&table),
        [
            "2026-11-23 12:00:00 留言 — 报修 +8613800138000 已录音 0:01:00 — 0 100.0% — — 4",
            "2026-11-23 11:00:00 通话 王芳 报修 +8613800138000 未录音 0:00:00 0:00:00 0 — \
             on the list of numbers — 3",
            "2026-11-23 10:00:00 通话 王芳 报修 +8613800138000 部分缺失 0:01:00 0:00:15 300 95.0% \
             the disk did not keep up — 2",
            "2026-11-23 09:00:00 通话 王芳 报修 +8613800138000 已录音 0:01:00 0:00:00 0 100.0% — \
             2026-11-24 08:00:00 1",
            // 17,700 of 18,000 frames.
            "— — — — — — 0:03:00 0:00:15 300 98.3% — — —",
        ]
    );
    for row in table.data_rows() {
        assert_eq!(store.behind(row).await, 1);
    }
}
