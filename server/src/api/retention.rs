//! What is kept and for how long: retention, legal holds, and deleting one recording.

use super::Shared;
use super::deletion::{Erased, RetentionRound};
use super::extract::{Body, Id, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::hold::{Hold, HoldKind, NewHold};
use desk::retention::Retention;
use serde::Deserialize;
use terms::{FaxId, RecordingId};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest reason.
const REASON_CHARS_MAX: usize = 400;

/// Why something is done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    /// A sentence for the audit table.
    reason: String,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// The smallest number of the page before.
    #[serde(default)]
    before: Option<i64>,
    /// Holds on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

impl Why {
    /// The sentence, when it is one.
    pub(super) fn sentence(&self) -> Result<&str, Problem> {
        let reason = self.reason.trim();
        let length = reason.chars().count();
        if length == 0 || length > REASON_CHARS_MAX || reason.chars().any(char::is_control) {
            let message = format!("reason: one line of 1-{REASON_CHARS_MAX} characters is needed");
            return Err(Problem::invalid("reason", message));
        }
        Ok(reason)
    }
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RecordingsHold, routes!(read)))
        .routes(guard.may(Permission::RecordingsDelete, routes!(change)))
        .routes(guard.may(Permission::RecordingsHold, routes!(round)))
        .routes(guard.may(Permission::RecordingsHold, routes!(holds)))
        .routes(guard.may(Permission::RecordingsHold, routes!(set)))
        .routes(guard.may(Permission::RecordingsHold, routes!(lift)))
        .routes(guard.may(Permission::RecordingsDelete, routes!(erase)))
}

/// How long recordings and received faxes are kept.
#[utoipa::path(get, path = "/api/v1/retention", tag = "recordings", responses((status = 200, body = Retention)))]
async fn read(State(api): State<Shared>, caller: Caller) -> Result<Json<Retention>, Problem> {
    Ok(Json(api.store.retention(caller.tenant()).await?))
}

/// Change how long recordings and received faxes are kept. What is over then is deleted within the
/// hour; what is held stays.
#[utoipa::path(put, path = "/api/v1/retention", tag = "recordings", request_body = Retention, responses((status = 204)))]
async fn change(
    State(api): State<Shared>,
    caller: Caller,
    Body(retention): Body<Retention>,
) -> Result<StatusCode, Problem> {
    api.store.set_retention(caller.tenant(), &caller.by(), &retention).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the latest hourly round of retention did, and whether it came to its end.
#[utoipa::path(get, path = "/api/v1/retention/round", tag = "recordings", responses((status = 200, body = RetentionRound)))]
async fn round(State(api): State<Shared>, caller: Caller) -> Json<RetentionRound> {
    Json(api.deletion.latest_round(caller.tenant()))
}

/// Legal holds, lifted ones too, the latest first.
#[utoipa::path(get, path = "/api/v1/holds", tag = "recordings", params(Page), responses((status = 200, body = Vec<Hold>)))]
pub(super) async fn holds(
    State(api): State<Shared>,
    caller: Caller,
    Params(Page { before, limit }): Params<Page>,
) -> Result<Json<Vec<Hold>>, Problem> {
    let limit = super::rows::page_limit(limit);
    Ok(Json(api.store.holds(caller.tenant(), before, limit).await?))
}

/// Set a legal hold on a recording, a received fax, a contact or a telephone number: nothing of it
/// is deleted until the hold is lifted, by nobody.
#[utoipa::path(
    post, path = "/api/v1/holds", tag = "recordings", request_body = NewHold,
    responses(
        (status = 201, body = Hold),
        (status = 404, description = "There is no such recording or fax", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "It was deleted before", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn set(
    State(api): State<Shared>,
    caller: Caller,
    Body(new): Body<NewHold>,
) -> Result<(StatusCode, Json<Hold>), Problem> {
    // No deletion is decided between the look and the hold.
    let _pause = api.deletion.pause().await;
    let value = new.value.trim();
    if new.kind == HoldKind::Recording
        && let Ok(recording) = value.parse::<RecordingId>()
    {
        let found = api.warehouse.recording(caller.tenant(), recording).await?;
        let found = found.ok_or_else(|| Problem::not_found("There is no such recording."))?;
        super::recordings::refuse_deleted(&found)?;
    }
    if new.kind == HoldKind::Fax
        && let Ok(fax) = value.parse::<FaxId>()
    {
        super::faxes::refuse_deleted(&super::faxes::known(&api, caller.tenant(), fax).await?)?;
    }
    let hold = api.store.set_hold(caller.tenant(), &caller.by(), &new).await?;
    Ok((StatusCode::CREATED, Json(hold)))
}

/// Lift a legal hold. Other holds on the same thing stay.
#[utoipa::path(post, path = "/api/v1/holds/{id}/lift", tag = "recordings", params(("id" = i64, Path, description = "The hold's number")), request_body = Why, responses((status = 204)))]
async fn lift(
    State(api): State<Shared>,
    caller: Caller,
    Id(hold): Id<i64>,
    Body(Why { reason }): Body<Why>,
) -> Result<StatusCode, Problem> {
    api.store.lift_hold(caller.tenant(), &caller.by(), hold, &reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete a recording for good: its files go, its row stays and says so.
#[utoipa::path(
    post, path = "/api/v1/recordings/{id}/deletion", tag = "recordings",
    params(("id" = String, Path, description = "The recording's id")), request_body = Why,
    responses(
        (status = 204, description = "It is deleted, now or before"),
        (status = 202, description = "It is deleted; its files go within the hour"),
        (status = 404, description = "There is no such recording", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "A legal hold keeps it", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn erase(
    State(api): State<Shared>,
    caller: Caller,
    Id(recording): Id<RecordingId>,
    Body(why): Body<Why>,
) -> Result<StatusCode, Problem> {
    let reason = why.sentence()?;
    let found = api.warehouse.recording(caller.tenant(), recording).await?;
    let found = found.ok_or_else(|| Problem::not_found("There is no such recording."))?;
    let subject = format!("{recording}: {reason}");
    api.store.note(caller.tenant(), &caller.by(), "recording.delete", &subject).await?;
    match api.deletion.erase(&found.recording, reason, caller.now()).await? {
        Erased::Done => Ok(StatusCode::NO_CONTENT),
        Erased::Later => Ok(StatusCode::ACCEPTED),
        Erased::Held => {
            Err(Problem::conflict("A legal hold keeps this recording; it must be lifted first."))
        }
    }
}
