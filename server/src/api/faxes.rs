//! Faxes that were received: found by their id, fetched as TIFF or PDF, deleted. What each was about,
//! its call, its pages and the machine it came from stand in the table `events`.
//!
//! The folder's name is the caller's tenant, the file's the number that was asked for, and it is
//! opened beneath the folder of faxes ([`crate::open`]). Every fetch is written to the audit table
//! first.

use super::Shared;
use super::extract::{Id, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::rows::page_limit;
use crate::fax;
use crate::open::beneath;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use desk::{Permission, when};
use mediacore::edge::fax::process::FILE_BYTES_MAX;
use mediacore::tiff;
use serde::{Deserialize, Serialize};
use std::io::{self, Read};
use std::path::Path;
use terms::{FaxId, TenantId, Timestamp, id};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

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
struct FaxPage {
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
struct ListedFax {
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
        .routes(guard.may(Permission::RecordingsRead, routes!(fetch)))
        .routes(guard.may(Permission::RecordingsDelete, routes!(remove)))
}

/// Faxes that were received, the latest first.
#[utoipa::path(get, path = "/api/v1/faxes", tag = "faxes", params(FaxPage), responses((status = 200, body = Vec<ListedFax>)))]
async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(FaxPage { before, limit }): Params<FaxPage>,
) -> Result<Json<Vec<ListedFax>>, Problem> {
    let folder = api.faxes.join(caller.tenant().to_string());
    let limit = page_limit(limit) as usize;
    let found = blocking(move || received(&folder, before, limit)).await?;
    found.map(Json).map_err(|error| Problem::internal(format!("list faxes: {error}")))
}

fn received(folder: &Path, before: Option<FaxId>, limit: usize) -> io::Result<Vec<ListedFax>> {
    let entries = match folder.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut ids = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let name = name.to_str().and_then(|name| name.strip_suffix(".tif"));
        ids.extend(name.and_then(|name| name.parse::<FaxId>().ok()));
    }
    ids.retain(|&id| before.is_none_or(|before| id < before));
    ids.sort_unstable_by(|one, other| other.cmp(one));
    let listed = |fax_id: FaxId| {
        // One that is deleted just now is not listed.
        let bytes = folder.join(format!("{fax_id}.tif")).metadata().ok()?.len();
        Some(ListedFax { fax_id, at: id::created_at(fax_id.0), bytes })
    };
    Ok(ids.into_iter().filter_map(listed).take(limit).collect())
}

/// Fetch a fax that was received.
#[utoipa::path(
    get, path = "/api/v1/faxes/{id}", tag = "faxes",
    params(("id" = String, Path, description = "The fax's id"), FaxWanted),
    responses(
        (status = 200, description = "The file", content((Vec<u8> = "image/tiff"), (Vec<u8> = "application/pdf"))),
        (status = 404, description = "There is no such fax", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn fetch(
    State(api): State<Shared>,
    caller: Caller,
    Id(fax): Id<FaxId>,
    Params(FaxWanted { format }): Params<FaxWanted>,
) -> Result<Response, Problem> {
    let file =
        beneath(&api.faxes, &path_of(caller.tenant(), fax)).map_err(|error| missing(&error))?;
    let subject = format!("{fax} {}", format.extension());
    api.store.note(caller.tenant(), &caller.by(), "fax.fetch", &subject).await?;
    let bytes = blocking(move || {
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(|error| Problem::internal(format!("read fax {fax}: {error}")))?;
        match format {
            FaxFormat::Tiff => Ok(bytes),
            FaxFormat::Pdf => match tiff::pages(&bytes) {
                Ok(pages) => Ok(fax::pdf(&pages)),
                Err(error) => {
                    Err(Problem::conflict(format!("This fax cannot be shown as PDF: {error}")))
                }
            },
        }
    })
    .await??;
    Ok(answer(bytes, &format!("{fax}.{}", format.extension()), format.media_type()))
}

/// Delete a fax that was received.
#[utoipa::path(
    delete, path = "/api/v1/faxes/{id}", tag = "faxes",
    params(("id" = String, Path, description = "The fax's id")),
    responses(
        (status = 204),
        (status = 404, description = "There is no such fax", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn remove(
    State(api): State<Shared>,
    caller: Caller,
    Id(fax): Id<FaxId>,
) -> Result<StatusCode, Problem> {
    let path = path_of(caller.tenant(), fax);
    beneath(&api.faxes, &path).map_err(|error| missing(&error))?;
    api.store.note(caller.tenant(), &caller.by(), "fax.delete", &fax.to_string()).await?;
    let path = api.faxes.join(path);
    let removed = blocking(move || std::fs::remove_file(path)).await?;
    removed.map_err(|error| missing(&error))?;
    Ok(StatusCode::NO_CONTENT)
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
