//! Messages that a queue hands out: where its settings say so, a message that a caller left for its people
//! is an item as soon as it can be heard. It is named by its recording, so that it is one item however
//! often the log tells of it.

use super::NewItem;
use super::write::{checked, take_in};
use crate::Result;
use crate::audit::By;
use crate::error::During;
use crate::queue::Settings;
use crate::sql;
use crate::store::{Write, document, id};
use terms::event::{Entry, Kind};
use terms::item::Channel;
use terms::media::RecordingState;
use terms::{QueueId, RecordingId};

/// What the switch said of a recording.
pub(crate) async fn keep(write: &mut Write, entry: &Entry) -> Result<()> {
    let Kind::Recorded { ledger, agent: None, queue: Some(_), .. } = &entry.kind else {
        return Ok(());
    };
    if matches!(ledger.state, RecordingState::Refused) {
        return Ok(());
    }
    let Some(queue) = handed_out(write, entry, ledger.recording).await? else { return Ok(()) };
    let new = NewItem {
        channel: Channel::Message,
        queue,
        external_id: Some(ledger.recording.to_string()),
        address: String::new(),
        subject: String::new(),
        content: String::new(),
        priority: 0,
        received_at: Some(entry.at),
        order: None,
    };
    let by = By::system("switch", entry.at);
    let made = checked(entry.tenant, &by, &new, "");
    take_in(write, &by, made).await
}

/// The queue whose message this is, where it hands its messages out.
async fn handed_out(
    write: &mut Write,
    entry: &Entry,
    recording: RecordingId,
) -> Result<Option<QueueId>> {
    let doing = write.doing;
    let row = sql::query(
        "SELECT q.id, q.settings FROM voicemails v
         JOIN queues q ON q.tenant_id = v.tenant_id AND q.id = v.queue_id
         WHERE v.tenant_id = $1 AND v.recording_id = $2",
    )
    .bind(entry.tenant.0 as i64)
    .bind(recording.0 as i64)
    .fetch_optional(write.db())
    .await
    .during(doing)?;
    let Some(row) = row else { return Ok(None) };
    let settings: Settings = document(&row, "settings", doing, "queue")?;
    Ok(settings.messages_as_items.then(|| QueueId(id(&row, "id"))))
}
