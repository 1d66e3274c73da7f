//! Members of one meeting found by SQL, beside calls that were written before the columns were there.

use crate::file::{self, Steps};
use crate::schema::layout_of;
use crate::store_tests::{number, session};
use crate::stories::*;
use crate::{Error, Warehouse, db};
use terms::event::{InConference, InMailbox, Kind, Mailbox, Meeting, Outcome, Party};
use terms::record::Row;
use terms::{AgentId, ConferenceId, MeetingId, RecordingId};

const STEPS: Steps = Steps {
    write: "seal.write",
    sync: "seal.sync",
    rename: "seal.rename",
    dirsync: "seal.dirsync",
};
/// The columns of `calls` in version 2.
const OLDER_COLUMNS: usize = 30;

/// Calls from `first` on, one a meeting; zero is a call that came into none.
fn calls(first: u64, meetings: &[u64]) -> Vec<Row> {
    let mut s = Script::new(1);
    for (call, &meeting) in (first..).zip(meetings) {
        let (leg, at) = (call + 1_000, call as f64);
        s.call(at, call, call_started("13800138000"))
            .leg(at, call, leg, leg_started(terms::event::Role::Customer, None))
            .leg(at, call, leg, Kind::LegAnswered);
        if meeting != 0 {
            s.leg(at + 1.0, call, leg, joined(meeting));
        }
        s.leg(at + 9.0, call, leg, leg_ended(Party::Customer)).call(
            at + 9.0,
            call,
            call_ended(Outcome::Answered, Party::Customer),
        );
    }
    s.rows().into_iter().filter(|row| matches!(row, Row::Call(_))).collect()
}

/// Who met whom: pairs of members of one meeting.
const PAIRS: &str = "SELECT count(*) FROM calls a JOIN calls b \
                     ON a.meeting_id = b.meeting_id AND a.call_id < b.call_id";

#[test]
fn a_call_has_the_meeting_that_it_came_into_and_none_that_it_was_only_called_to() {
    let mut s = Script::new(1);
    let of = |meeting| Meeting { conference: ConferenceId(3), meeting: MeetingId(meeting) };
    let by = terms::event::ConferenceBy::Chair;
    let invited = InConference::Invited { target: "1002".into(), by };
    s.call(0.0, 100, call_started("1001"))
        .leg(1.0, 100, 101, joined(7))
        .call(1.5, 200, call_started("1001"))
        .call(2.0, 200, Kind::Conference { of: of(7), what: invited });
    for call in [100, 200] {
        s.call(9.0, call, call_ended(Outcome::Answered, Party::Agent));
    }
    let rows = s.rows();
    let found: Vec<_> = rows
        .iter()
        .filter_map(|row| match row {
            Row::Call(call) => Some((call.conference_id, call.meeting_id)),
            _ => None,
        })
        .collect();
    assert_eq!(found, [(Some(ConferenceId(3)), Some(MeetingId(7))), (None, None)]);
}

#[test]
fn what_strangers_said_in_a_meeting_is_a_conversation_and_no_message_whenever_it_is_rendered() {
    let mut s = Script::new(1);
    s.call(0.0, 100, call_started("13800138000")).call(1.0, 200, call_started("13800138001"));
    let of = |meeting: Option<u64>, recording| match recorded(1, 100, recording, None) {
        Kind::Recorded { ledger, agent, queue, message, .. } => {
            Kind::Recorded { ledger, agent, queue, meeting: meeting.map(MeetingId), message }
        }
        other => other,
    };
    s.call(5.0, 100, of(Some(7), 1)).call(6.0, 100, of(None, 2));
    s.call(9.0, 100, call_ended(Outcome::Answered, Party::Customer));
    s.call(12.0, 100, of(Some(7), 3)).call(13.0, 100, of(None, 4));
    let rows = s.rows();
    let kinds = rows.iter().filter_map(|row| match row {
        Row::Recording(row) => Some((row.recording_id.0, row.kind.as_str())),
        _ => None,
    });
    let expected = [(1, "conversation"), (2, "voicemail"), (3, "conversation"), (4, "voicemail")];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
}

#[test]
fn a_message_for_an_agent_is_a_message_and_theirs_whenever_it_is_rendered() {
    let mut s = Script::new(1);
    let agent = AgentId(7);
    let message = |recording| match recorded(1, 100, recording, Some(agent.0)) {
        Kind::Recorded { ledger, agent, meeting, .. } => {
            Kind::Recorded { ledger, agent, queue: None, meeting, message: true }
        }
        other => other,
    };
    let left = |recording| InMailbox::Left { recording: RecordingId(recording) };
    s.call(0.0, 100, call_started("13800138000"));
    s.call(5.0, 100, Kind::Mailbox(Mailbox { agent, what: left(1) })).call(6.0, 100, message(1));
    s.call(9.0, 100, call_ended(Outcome::Voicemail, Party::Customer));
    s.call(12.0, 100, message(2));
    let rows = s.rows();
    let told = rows.iter().filter_map(|row| match row {
        Row::Recording(row) => Some((row.kind.as_str(), row.agent_id, row.queue_id)),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [("voicemail", Some(agent), None); 2]);
    let of_call = rows.iter().find_map(|row| match row {
        Row::Call(call) => Some(call.recording_id),
        _ => None,
    });
    assert_eq!(of_call, Some(Some(RecordingId(1))));
}

#[tokio::test]
async fn members_of_one_meeting_are_joined_by_it() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    warehouse.stage_rows("test", 1, &calls(100, &[7, 7, 7, 8, 0, 0])).await.unwrap();
    let ours = session(&warehouse, 1).await;
    assert_eq!(number(&ours, PAIRS).await, 3, "three of the first, and nobody met in the second");
    let rooms = "SELECT count(DISTINCT conference_id) FROM calls WHERE meeting_id IN (7, 8)";
    assert_eq!(number(&ours, rooms).await, 1);
    warehouse.publish_all().await.unwrap();
    assert_eq!(number(&session(&warehouse, 1).await, PAIRS).await, 3, "in a file as well");
}

#[tokio::test]
async fn calls_of_before_are_in_no_meeting_and_are_read_and_merged_with_new_ones() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    warehouse.stage_rows("test", 1, &calls(100, &[0, 0])).await.unwrap();
    warehouse.seal().await.unwrap();
    older(&warehouse).await.unwrap();
    let nobody = "SELECT count(*) FROM calls WHERE meeting_id IS NULL AND conference_id IS NULL";
    assert_eq!(number(&session(&warehouse, 1).await, nobody).await, 2);

    warehouse.stage_rows("test", 2, &calls(200, &[7, 7])).await.unwrap();
    for step in ["staged", "published"] {
        let ours = session(&warehouse, 1).await;
        let all = number(&ours, "SELECT count(*) FROM calls").await;
        let (none, pairs) = (number(&ours, nobody).await, number(&ours, PAIRS).await);
        assert_eq!((all, none, pairs), (4, 2, 1), "{step}");
        warehouse.publish_all().await.unwrap();
    }
    assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
}

#[test]
fn a_staged_row_of_before_is_read() {
    for row in calls(100, &[7]) {
        let mut text = serde_json::to_value(&row).unwrap();
        let columns = text["row"].as_object_mut().unwrap();
        assert!(
            columns.remove("conference_id").is_some() && columns.remove("meeting_id").is_some()
        );
        let Row::Call(read) = serde_json::from_value(text).unwrap() else { panic!("a call") };
        assert_eq!((read.conference_id, read.meeting_id), (None, None));
    }
}

/// The one file of calls becomes one that was written when they had fewer columns.
async fn older(warehouse: &Warehouse) -> Result<(), Error> {
    let layout = layout_of("calls");
    let found = file::walk(&warehouse.dir().join("_hot/calls"))?;
    assert_eq!(found.len(), 1, "{found:?}");
    let batches = file::read(layout, &found[0])?;
    let columns: Vec<usize> = (0..OLDER_COLUMNS).collect();
    let older = batches[0].project(&columns).unwrap();
    assert_eq!(older.schema().field(OLDER_COLUMNS - 1).name(), "outside_ms");
    let written = file::write(layout, &older, &found[0], STEPS)?;
    let path = found[0].strip_prefix(warehouse.dir()).unwrap().to_str().unwrap().to_owned();
    let mut tx = warehouse.write("age a file").await?;
    let aged = sqlx::query("UPDATE file SET bytes = $1, sha256 = $2 WHERE path = $3")
        .bind(written.bytes)
        .bind(written.sha256)
        .bind(path)
        .execute(&mut *tx)
        .await
        .unwrap();
    assert_eq!(aged.rows_affected(), 1);
    db::commit(tx, "age a file").await
}
