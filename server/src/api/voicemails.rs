//! Messages that callers left: which there are, and that one was heard. They are for the people of
//! their queue and for who sees the calls of these; nobody else learns of them. One that became an order
//! is heard by whoever opens orders, too. Whoever says that one was heard is a row of the audit table
//! before the switch hears of it, and with the last one the lamps of the queue's phones go out.

use super::agents::done;
use super::extract::Id;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::voicemail::Voicemail;
use terms::RecordingId;
use terms::control::Ask;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::CallsOwn, routes!(list)))
        .routes(guard.may(Permission::CallsOwn, routes!(heard)))
}

/// Messages for the queues that one serves, for those of one's teams, or for all queues, the latest
/// first; 500 at most.
#[utoipa::path(get, path = "/api/v1/voicemails", tag = "calls", responses((status = 200, body = Vec<Voicemail>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<Voicemail>>, Problem> {
    let mut all = api.store.voicemails(caller.tenant()).await?;
    if let Some(seen) = api.queues_seen(&caller).await? {
        all.retain(|message| seen.contains(&message.queue));
    }
    Ok(Json(all))
}

/// Somebody has heard this message. Said again, it changes nothing.
#[utoipa::path(post, path = "/api/v1/voicemails/{id}/heard", tag = "calls", params(("id" = String, Path, description = "The id of the message's recording")), responses((status = 204)))]
async fn heard(
    State(api): State<Shared>,
    caller: Caller,
    Id(recording): Id<RecordingId>,
) -> Result<StatusCode, Problem> {
    let message = api.message_for(&caller, recording).await?;
    let message = message.ok_or_else(|| Problem::not_found("There is no such message."))?;
    if message.heard_at.is_some() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let (tenant, queue, by) = (caller.tenant(), message.queue, caller.user());
    api.store.note(tenant, &caller.by(), "voicemail.heard", &recording.to_string()).await?;
    done(api.calls.ask(Ask::Heard { tenant, queue, recording, by }).await)
}

impl Api {
    /// The message of this recording, where it is one and this person may hear it.
    pub(super) async fn message_for(
        &self,
        caller: &Caller,
        recording: RecordingId,
    ) -> Result<Option<Voicemail>, Problem> {
        let Some(message) = self.store.voicemail(caller.tenant(), recording).await? else {
            return Ok(None);
        };
        let seen = self.queues_seen(caller).await?;
        Ok(seen.is_none_or(|seen| seen.contains(&message.queue)).then_some(message))
    }

    /// Whether this recording is a message that this person may hear: what was left for the people of a
    /// queue is for each of them, and what became an order for whoever opens it.
    pub(super) async fn hears_message(
        &self,
        caller: &Caller,
        recording: RecordingId,
    ) -> Result<bool, Problem> {
        let Some(message) = self.store.voicemail(caller.tenant(), recording).await? else {
            return Ok(false);
        };
        if message.order.is_some() && caller.may(Permission::OrdersRead) {
            return Ok(true);
        }
        Ok(self.message_for(caller, recording).await?.is_some())
    }
}
