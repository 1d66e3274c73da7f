//! The evidence pack of a call, sent while it is made.

use super::Shared;
use super::extract::Id;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::recordings::refuse_deleted;
use super::rows::rows;
use crate::bundle::pipe;
use crate::evidence::{self, Audio, RECORDINGS_MAX, SigningKey};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use desk::Permission;
use std::io::BufWriter;
use terms::{CallId, TenantId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warehouse::recordings::{Indexed, Search};

/// Bytes that go to the reader at a time.
const CHUNK_BYTES: usize = 64 << 10;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::RecordingsExport, routes!(pack)))
}

/// Fetch the evidence pack of a call: its record, orders, recordings, and what happened as a chain of
/// hashes, signed by this box.
///
/// `switchgrid evidence verify` says whether one is as it was made.
#[utoipa::path(
    get, path = "/api/v1/calls/{id}/evidence", tag = "calls",
    params(("id" = String, Path, description = "The call's id")),
    responses(
        (status = 200, description = "The pack", content_type = "application/zip", body = Vec<u8>),
        (status = 404, description = "There is no such call, or it has not ended", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More is known of it than a pack takes", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Other exports are running", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn pack(
    State(api): State<Shared>,
    caller: Caller,
    Id(call): Id<CallId>,
) -> Result<Response, Problem> {
    // A pack is the whole call, whoever talked in it, and proves nothing with anything hidden in it.
    api.must_see_all(&caller).await?;
    caller.must_see_numbers()?;
    let (tenant, by) = (caller.tenant(), caller.by());
    let session = api.tenant_session(&caller).await?;
    let nothing = || Problem::not_found("There is no such call, or it has not ended yet.");
    let sql = format!("SELECT call_id FROM calls WHERE call_id = {call}");
    rows(&session, &sql).await?.pop().ok_or_else(nothing)?;
    let turn = api.exports.clone().try_acquire_owned();
    let turn = turn.map_err(|_| {
        Problem::unavailable("Other exports are running; try again in a minute.", "")
    })?;
    // Before anything is read of it, so that the pack itself says who asked for it.
    api.store.note(tenant, &by, "evidence.export", &call.to_string()).await?;
    let facts = evidence::gather(&api.store, &session, tenant, call, &by).await?;
    let facts = facts.ok_or_else(nothing)?;
    let audio = audio_of(&api, tenant, call).await?;
    let path = api.evidence_key.clone();
    let key = tokio::task::spawn_blocking(move || SigningKey::open(&path)).await;
    let key = key
        .map_err(|error| Problem::internal(error.to_string()))?
        .map_err(|error| Problem::internal(format!("the key of evidence packs: {error}")))?;

    let (to, body) = pipe();
    tokio::task::spawn_blocking(move || {
        let refuser = to.refuser();
        let to = BufWriter::with_capacity(CHUNK_BYTES, to);
        if let Err(error) = evidence::write(to, &facts, audio, &key) {
            tracing::warn!(%call, %error, "an evidence pack was not sent whole");
            refuser.refuse(error);
        }
        drop(turn);
    });
    let disposition = format!("attachment; filename=\"evidence-{call}.zip\"");
    let disposition = HeaderValue::from_str(&disposition).expect("an id is header text");
    let kind = HeaderValue::from_static("application/zip");
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// Every recording of the call, opened, or why it cannot be.
async fn audio_of(api: &Shared, tenant: TenantId, call: CallId) -> Result<Vec<Audio>, Problem> {
    let search = Search { tenant, call: Some(call), ..Search::default() };
    let mut found = api.warehouse.recordings(&search, RECORDINGS_MAX + 1).await?;
    if found.len() > RECORDINGS_MAX {
        return Err(evidence::Error::TooMany { most: RECORDINGS_MAX, of: "recordings" }.into());
    }
    // The list has the latest first.
    found.reverse();
    let mut audio = Vec::new();
    for of in &found {
        let file = opened(api, of).await.map_err(|problem| problem.message.into_string());
        audio.push(Audio { recording: of.recording.recording_id, file });
    }
    Ok(audio)
}

async fn opened(
    api: &Shared,
    of: &Indexed,
) -> Result<mediacore::edge::rendering::Rendering, Problem> {
    refuse_deleted(of)?;
    api.original(of).await
}
