//! Faxes that were received: found by their id, fetched as TIFF or PDF, deleted
//! ([`super::deletion`]). What each was about, its call, its pages and the machine it came from
//! stand in the table `faxes`.
//!
//! The folder's name is the caller's tenant, the file's the number that was asked for, and it is
//! opened beneath the folder of faxes ([`crate::open`]). Every fetch is written to the audit table
//! first.

use super::Shared;
use super::deletion::Erased;
use super::download::{self, Download};
use super::extract::{Body as Told, Id, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::retention::Why;
use super::rows::page_limit;
use crate::fax;
use crate::open::beneath;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use desk::{Permission, when};
use mediacore::edge::fax::process::FILE_BYTES_MAX;
use mediacore::tiff;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use terms::{FaxId, TenantId, Timestamp, id};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warehouse::faxes::Received;
use warehouse::recordings::Reason;

/// Form of a fax.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum FaxFormat {
    /// As it was received.
    #[default]
    Tiff,
    /// For everybody.
    Pdf,
}

impl FaxFormat {
    fn extension(self) -> &'static str {
        match self {
            FaxFormat::Tiff => "tif",
            FaxFormat::Pdf => "pdf",
        }
    }
    fn media_type(self) -> &'static str {
        match self {
            FaxFormat::Tiff => "image/tiff",
            FaxFormat::Pdf => "application/pdf",
        }
    }
}

/// Which form.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct FaxWanted {
    /// `tiff` or `pdf`.
    #[serde(default)]
    #[param(inline)]
    format: FaxFormat,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct FaxPage {
    /// The last fax of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    before: Option<FaxId>,
    /// Faxes on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

/// A fax that was received.
#[derive(Serialize, ToSchema)]
pub(super) struct ListedFax {
    /// Its id, as in the entry of its call.
    #[schema(value_type = String)]
    fax_id: FaxId,
    /// When it began.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Size of the TIFF.
    bytes: u64,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RecordingsRead, routes!(list)))
        .routes(guard.may(Permission::CallsOwn, routes!(fetch)))
        .routes(guard.may(Permission::RecordingsDelete, routes!(erase)))
}

/// Faxes that were received, the latest first.
#[utoipa::path(get, path = "/api/v1/faxes", tag = "faxes", params(FaxPage), responses((status = 200, body = Vec<ListedFax>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(FaxPage { before, limit }): Params<FaxPage>,
) -> Result<Json<Vec<ListedFax>>, Problem> {
    api.must_see_all(&caller).await?;
    let (faxes, tenant) = (api.faxes.clone(), caller.tenant());
    let leaving = api.warehouse.faxes_leaving(tenant).await?;
    let limit = page_limit(limit) as usize;
    let found = blocking(move || received(&faxes, tenant, &leaving, (before, limit))).await?;
    found.map(Json).map_err(|error| Problem::internal(format!("list faxes: {error}")))
}

fn received(
    faxes: &Path,
    tenant: TenantId,
    leaving: &BTreeSet<FaxId>,
    (before, limit): (Option<FaxId>, usize),
) -> io::Result<Vec<ListedFax>> {
    let mut ids = fax::received(faxes, tenant)?;
    ids.retain(|id| before.is_none_or(|before| *id < before) && !leaving.contains(id));
    ids.sort_unstable_by(|one, other| other.cmp(one));
    let listed = |fax_id: FaxId| {
        // One that goes just now is not listed.
        let bytes = faxes.join(path_of(tenant, fax_id)).metadata().ok()?.len();
        Some(ListedFax { fax_id, at: id::created_at(fax_id.0), bytes })
    };
    Ok(ids.into_iter().filter_map(listed).take(limit).collect())
}

/// Fetch a fax that was received, whole or in part (`Range`): any, for who may hear every recording; for
/// an agent one that they are offered as an item, have or did.
#[utoipa::path(
    get, path = "/api/v1/faxes/{id}", tag = "faxes",
    params(("id" = String, Path, description = "The fax's id"), FaxWanted),
    responses(
        (status = 200, description = "The file", content((Vec<u8> = "image/tiff"), (Vec<u8> = "application/pdf"))),
        (status = 206, description = "The part asked for"),
        (status = 304, description = "It is what you have"),
        (status = 404, description = "There is no such fax", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "It was deleted", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "The range lies outside the file", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn fetch(
    State(api): State<Shared>,
    caller: Caller,
    Id(fax): Id<FaxId>,
    Params(FaxWanted { format }): Params<FaxWanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    may_fetch(&api, &caller, fax).await?;
    caller.must_see_numbers()?;
    if let Some(found) = api.warehouse.fax(caller.tenant(), fax).await? {
        refuse_deleted(&found)?;
    }
    let file =
        beneath(&api.faxes, &path_of(caller.tenant(), fax)).map_err(|error| missing(&error))?;
    let subject = format!("{fax} {}", format.extension());
    api.store.note(caller.tenant(), &caller.by(), "fax.fetch", &subject).await?;
    let (size, changed) = file
        .metadata()
        .map(|of| (of.len(), of.mtime_nsec()))
        .map_err(|error| Problem::internal(format!("read fax {fax}: {error}")))?;
    let (name, media_type) = (format!("{fax}.{}", format.extension()), format.media_type());
    let etag = format!("\"{fax}-{size}-{changed:x}-{}\"", format.extension());
    match format {
        FaxFormat::Tiff => {
            let what = Download { length: size, etag: &etag, name: &name, media_type };
            download::answer(file, &what, &Method::GET, &headers)
        }
        FaxFormat::Pdf => {
            let pdf = blocking(move || pdf_of(fax, file)).await??;
            let what = Download { length: pdf.len() as u64, etag: &etag, name: &name, media_type };
            download::answer(Cursor::new(pdf), &what, &Method::GET, &headers)
        }
    }
}

async fn may_fetch(api: &Shared, caller: &Caller, fax: FaxId) -> Result<(), Problem> {
    if let Some(agent) = caller.agent()
        && api.store.is_fax_item_of(caller.tenant(), agent, fax).await?
    {
        return Ok(());
    }
    if !caller.may(Permission::RecordingsRead) {
        return Err(Problem::not_found("There is no such fax."));
    }
    api.must_see_all(caller).await
}

/// The pages as a PDF, which is made of all of them.
fn pdf_of(fax: FaxId, file: File) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| Problem::internal(format!("read fax {fax}: {error}")))?;
    match tiff::pages(&bytes) {
        Ok(pages) => Ok(fax::pdf(&pages)),
        Err(error) => Err(Problem::conflict(format!("This fax cannot be shown as PDF: {error}"))),
    }
}

/// Delete a fax for good: its file goes, its row stays and says so.
#[utoipa::path(
    post, path = "/api/v1/faxes/{id}/deletion", tag = "faxes",
    params(("id" = String, Path, description = "The fax's id")), request_body = Why,
    responses(
        (status = 204, description = "It is deleted, now or before"),
        (status = 202, description = "It is deleted; its file goes within the hour"),
        (status = 404, description = "There is no such fax", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "A legal hold keeps it", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn erase(
    State(api): State<Shared>,
    caller: Caller,
    Id(fax): Id<FaxId>,
    Told(why): Told<Why>,
) -> Result<StatusCode, Problem> {
    let reason = why.sentence()?;
    let found = known(&api, caller.tenant(), fax).await?;
    let subject = format!("{fax}: {reason}");
    api.store.note(caller.tenant(), &caller.by(), "fax.delete", &subject).await?;
    match api.deletion.erase_fax(&found, reason, caller.now()).await? {
        Erased::Done => Ok(StatusCode::NO_CONTENT),
        Erased::Later => Ok(StatusCode::ACCEPTED),
        Erased::Held => {
            Err(Problem::conflict("A legal hold keeps this fax; it must be lifted first."))
        }
    }
}

/// What is known of a fax that was received. One whose row has not come yet is taken in.
pub(super) async fn known(api: &Shared, tenant: TenantId, fax: FaxId) -> Result<Received, Problem> {
    let none = || Problem::not_found("There is no such fax.");
    if let Some(found) = api.warehouse.fax(tenant, fax).await? {
        return Ok(found);
    }
    beneath(&api.faxes, &path_of(tenant, fax)).map_err(|error| missing(&error))?;
    api.warehouse.adopt_faxes(tenant, &[fax]).await?;
    api.warehouse.fax(tenant, fax).await?.ok_or_else(none)
}

/// 410 for a fax that was deleted.
pub(super) fn refuse_deleted(found: &Received) -> Result<(), Problem> {
    let Some(deleted) = &found.deleted else { return Ok(()) };
    let day = deleted.at.day_text();
    let message = match deleted.reason {
        Reason::Retention => {
            format!("This fax was deleted on {day}: its time of keeping was over.")
        }
        Reason::Erasure => format!("This fax was deleted on {day}: its erasure was ordered."),
    };
    Err(Problem::new(StatusCode::GONE, "deleted", message))
}

fn path_of(tenant: TenantId, fax: FaxId) -> String {
    format!("{tenant}/{fax}.tif")
}

fn missing(error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::NotFound => Problem::not_found("There is no such fax."),
        _ => Problem::internal(format!("open a fax: {error}")),
    }
}

/// A file as an answer.
pub(super) fn answer(bytes: Vec<u8>, name: &str, media_type: &'static str) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let disposition = HeaderValue::from_str(&disposition).expect("names of ours are header text");
    let mut response = Body::from(bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    response
}

/// Where waiting for the disk is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|panic| Problem::internal(panic.to_string()))
}
