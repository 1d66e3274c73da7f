//! Documents that can be faxed: brought as TIFF or PDF, looked at, taken away.
//!
//! Promise: a file comes from a stranger. Here it is only read as far as the places of its pages
//! ([`mediacore::tiff`]); what unpacks them is the process of one fax, and what draws a PDF one of its
//! own ([`crate::work::draw`]), for one PDF at a time. It lies on disk whole under its name, which is no
//! path, before the answer is out.

use super::extract::Id;
use super::faxes::{answer, blocking};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared, document_links};
use crate::fax::drawing::PDF_BYTES_MAX;
use crate::open::beneath;
use crate::whole;
use crate::work::jobs::Job;
use axum::Json;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use desk::Permission;
use mediacore::edge::fax::documents;
use mediacore::edge::fax::process::FILE_BYTES_MAX;
use mediacore::tiff;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use terms::TenantId;
use terms::media::is_fax_name;
use tokio::sync::MutexGuard;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Largest document that is brought.
const BYTES_MAX: usize = PDF_BYTES_MAX;
/// Where a PDF begins at the latest.
const PDF_START_MAX: usize = 1_024;
/// Documents of a tenant.
const DOCUMENTS_MAX: usize = 200;
/// Pixels of a row that fax machines have: A4, B4 and A3, once, one and a half times and twice as fine
/// (ITU-T T.4 §2.1, T.30 Table 2).
const WIDTHS: [u32; 9] = [1_728, 2_048, 2_432, 2_592, 3_072, 3_648, 3_456, 4_096, 4_864];

/// Documents are put one after the other, so that two under one name do not mix, and there is one
/// place at the end for one.
pub(super) static PUTS: Mutex<()> = Mutex::new(());
/// What is being written; it is no name of a document, and a box that was killed begins it anew.
const PARTIAL: &str = ".part";
/// A PDF that is being drawn, as little a name.
const PDF: &str = ".pdf";
/// PDFs are drawn one after the other: each wants much memory for a while.
static DRAWN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A document that can be faxed.
#[derive(Serialize, ToSchema)]
pub(super) struct FaxDocument {
    /// Its name, as a flow's step says it.
    name: String,
    /// Its size.
    bytes: u64,
    /// Links to it may be sent, and open it without an account.
    public: bool,
}

/// What was brought.
#[derive(Serialize, ToSchema)]
struct BroughtDocument {
    /// Its name.
    name: String,
    /// Its pages.
    pages: u32,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RoutingRead, routes!(list)))
        .routes(guard.may(Permission::RoutingRead, routes!(fetch)))
        .routes(guard.may(Permission::RoutingWrite, routes!(put)))
        .routes(guard.may(Permission::RoutingWrite, routes!(remove)))
}

/// The documents that your flows can fax, by name.
#[utoipa::path(get, path = "/api/v1/fax-documents", tag = "faxes", responses((status = 200, body = Vec<FaxDocument>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<FaxDocument>>, Problem> {
    let folder = documents(&api.faxes, caller.tenant());
    let found = blocking(move || brought(&folder)).await?;
    found.map(Json).map_err(|error| Problem::internal(format!("list fax documents: {error}")))
}

fn brought(folder: &Path) -> io::Result<Vec<FaxDocument>> {
    let entries = match folder.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().and_then(|name| name.strip_suffix(".tif"));
        if let Some(name) = name.filter(|name| is_fax_name(name)) {
            let (bytes, public) =
                (entry.metadata()?.len(), document_links::is_public(folder, name));
            found.push(FaxDocument { name: name.to_owned(), bytes, public });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// Look at a document: the TIFF as it was brought, or as it was drawn of a PDF.
#[utoipa::path(
    get, path = "/api/v1/fax-documents/{name}", tag = "faxes",
    params(("name" = String, Path, description = "The document's name")),
    responses((status = 200, description = "The file", content((Vec<u8> = "image/tiff"))))
)]
async fn fetch(
    State(api): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
) -> Result<Response, Problem> {
    let path = existing(caller.tenant(), &name)?;
    let file = beneath(&api.faxes, &path).map_err(|error| missing(&error))?;
    let read = blocking(move || {
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map(|_| bytes)
    });
    let bytes = read.await?.map_err(|error| Problem::internal(format!("read {path}: {error}")))?;
    Ok(answer(bytes, &format!("{name}.tif"), "image/tiff"))
}

/// Bring a document, or another in its place: a TIFF of black and white pages, as fax machines have
/// them, or a PDF, which is drawn so: at most 100 pages, no larger than A4. What is sent already goes on
/// with the one before.
#[utoipa::path(
    put, path = "/api/v1/fax-documents/{name}", tag = "faxes",
    params(("name" = String, Path, description = "1-64 of a-z, 0-9, - and _")),
    request_body(content((Vec<u8> = "image/tiff"), (Vec<u8> = "application/pdf"))),
    responses(
        (status = 200, description = "It lies ready", body = BroughtDocument),
        (status = 400, description = "It is no TIFF or PDF that can be faxed, and why, or has no such name", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "You have too many", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "It is too large", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn put(
    State(api): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
    request: Request,
) -> Result<Json<BroughtDocument>, Problem> {
    if !is_fax_name(&name) {
        let message = "The name of a fax document has 1 to 64 of a-z, 0-9, - and _.";
        return Err(Problem::invalid("name", message));
    }
    let too_large = |_| {
        let message = format!("A fax document has at most {BYTES_MAX} bytes.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    };
    let bytes = to_bytes(request.into_body(), BYTES_MAX).await.map_err(too_large)?;
    let bytes = match is_pdf(&bytes) {
        true => api.drawn(caller.tenant(), bytes).await?,
        false => bytes,
    };
    let pages = examine(&bytes)?;
    let folder = documents(&api.faxes, caller.tenant());
    api.store.note(caller.tenant(), &caller.by(), "fax_document.put", &name).await?;
    let kept = name.clone();
    blocking(move || keep(&folder, &kept, &bytes)).await??;
    Ok(Json(BroughtDocument { name, pages }))
}

/// Take a document away, and what links lead to. A step that sends it goes on at `error` from now on.
#[utoipa::path(
    delete, path = "/api/v1/fax-documents/{name}", tag = "faxes",
    params(("name" = String, Path, description = "The document's name")),
    responses((status = 204))
)]
async fn remove(
    State(api): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
) -> Result<StatusCode, Problem> {
    let path = existing(caller.tenant(), &name)?;
    beneath(&api.faxes, &path).map_err(|error| missing(&error))?;
    api.store.note(caller.tenant(), &caller.by(), "fax_document.delete", &name).await?;
    let (path, folder) = (api.faxes.join(path), documents(&api.faxes, caller.tenant()));
    let remove = move || {
        let _one = PUTS.lock().unwrap_or_else(PoisonError::into_inner);
        // First, so that no later document of this name is public without a word.
        document_links::end(&folder, &name)?;
        std::fs::remove_file(path)
    };
    let removed = blocking(remove).await?;
    removed.map_err(|error| missing(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whatever is no name names nothing: 404.
pub(super) fn existing(tenant: TenantId, name: &str) -> Result<String, Problem> {
    let found = is_fax_name(name).then(|| format!("{tenant}/documents/{name}.tif"));
    found.ok_or_else(|| Problem::not_found("There is no such fax document."))
}

/// A document as it can be read on a screen. Why it cannot, for people.
pub(in crate::api) async fn as_pdf(
    faxes: &Path,
    tenant: TenantId,
    name: &str,
) -> Result<Vec<u8>, String> {
    let gone = || format!("there is no document {name}");
    let path = existing(tenant, name).map_err(|_| gone())?;
    let file = beneath(faxes, &path).map_err(|_| gone())?;
    let made = blocking(move || {
        let mut bytes = Vec::new();
        let read = file.take(FILE_BYTES_MAX).read_to_end(&mut bytes);
        read.map_err(|error| error.to_string())?;
        let pages = tiff::pages(&bytes).map_err(|error| error.to_string())?;
        Ok(crate::fax::pdf(&pages))
    });
    let made: Result<Vec<u8>, String> = made.await.unwrap_or_else(|_| Err("it broke off".into()));
    made.map_err(|why| format!("the document {name} cannot be read: {why}"))
}

/// Names of a tenant's documents.
pub(in crate::api) async fn names(
    faxes: &Path,
    tenant: TenantId,
) -> Result<BTreeSet<String>, Problem> {
    let folder = documents(faxes, tenant);
    let found = blocking(move || brought(&folder)).await?;
    let found = found.map_err(|error| Problem::internal(format!("list fax documents: {error}")))?;
    Ok(found.into_iter().map(|document| document.name).collect())
}

pub(super) fn missing(error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::NotFound => Problem::not_found("There is no such fax document."),
        _ => Problem::internal(format!("open a fax document: {error}")),
    }
}

/// Many stand behind some bytes that are none of theirs. Pixels of a TIFF may be any bytes.
fn is_pdf(bytes: &[u8]) -> bool {
    let is_tiff = [b"II*\0", b"MM\0*"].iter().any(|begins| bytes.starts_with(*begins));
    let start = &bytes[..bytes.len().min(PDF_START_MAX)];
    !is_tiff && start.windows(5).any(|five| five == b"%PDF-")
}

/// A PDF that lies ready to be drawn. Its file goes when this does, and then the next one may come.
struct Passing {
    path: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Drop for Passing {
    fn drop(&mut self) {
        // One that stays is written over by the next.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Lays a PDF into a folder of documents when its turn comes. Whoever brought it may go meanwhile: it
/// keeps its turn until it is written, or it would lie in the place of the next one.
async fn lay(
    turns: &'static tokio::sync::Mutex<()>,
    folder: PathBuf,
    pdf: Bytes,
) -> Result<Passing, Problem> {
    let passing = Passing { path: folder.join(PDF), _turn: turns.lock().await };
    let put = move || {
        let _one = PUTS.lock().unwrap_or_else(PoisonError::into_inner);
        write(&folder, &passing.path, &pdf).map(|()| passing)
    };
    blocking(put).await?.map_err(|error| {
        let message = "The fax document could not be kept; nothing was changed.";
        Problem::unavailable(message, format!("keep a PDF: {error}"))
    })
}

impl Api {
    /// The pages of a PDF as a TIFF.
    async fn drawn(&self, tenant: TenantId, pdf: Bytes) -> Result<Bytes, Problem> {
        let _passing = lay(&DRAWN, documents(&self.faxes, tenant), pdf).await?;
        let done = self.work.run(Job::DrawFax { pdf: format!("{tenant}/documents/{PDF}") }).await?;
        Ok(done.body.into())
    }
}

/// How many pages it has, where each is one that machines take.
fn examine(bytes: &[u8]) -> Result<u32, Problem> {
    let refused = |why: String| {
        Problem::invalid("file", format!("This is no document that can be faxed: {why}"))
    };
    let pages = tiff::pages(bytes).map_err(|error| refused(error.to_string()))?;
    for (page, number) in pages.iter().zip(1..) {
        if !WIDTHS.contains(&page.width) {
            let width = page.width;
            let why =
                format!("page {number} is {width} pixels wide; 1728, 2048 and 2432 are usual");
            return Err(refused(why));
        }
    }
    Ok(pages.len() as u32)
}

/// On disk, whole, under its name.
fn keep(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Problem> {
    let _one = PUTS.lock().unwrap_or_else(PoisonError::into_inner);
    let path = folder.join(name).with_extension("tif");
    let there = brought(folder).map_or(0, |found| found.len());
    if there >= DOCUMENTS_MAX && !path.exists() {
        let message = format!("There are {there} fax documents already; take one away first.");
        return Err(Problem::conflict(message));
    }
    let kept = document_links::renew(folder, name).and_then(|()| write(folder, &path, bytes));
    kept.map_err(|error| {
        let message = "The fax document could not be kept; nothing was changed.";
        Problem::unavailable(message, format!("keep {}: {error}", path.display()))
    })
}

pub(super) fn write(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    if !folder.is_dir() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        for made in folder.ancestors().skip(1).take(3) {
            File::open(made)?.sync_all()?;
        }
    }
    whole::put(path, &folder.join(PARTIAL), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    static TURNS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

    #[tokio::test]
    async fn a_pdf_whose_owner_has_gone_keeps_its_turn_until_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = || folder.path().to_owned();
        let (hold, held) = mpsc::channel();
        let (free, freed) = mpsc::channel();
        let writer = thread::spawn(move || {
            let _one = PUTS.lock().unwrap_or_else(PoisonError::into_inner);
            hold.send(()).unwrap();
            freed.recv().unwrap();
        });
        held.recv().unwrap();
        let gone = tokio::spawn(lay(&TURNS, at(), Bytes::from_static(b"%PDF-one")));
        while TURNS.try_lock().is_ok() {
            tokio::task::yield_now().await;
        }
        gone.abort();
        assert!(gone.await.is_err());
        assert!(TURNS.try_lock().is_err(), "it is still to be written");
        free.send(()).unwrap();
        let next = lay(&TURNS, at(), Bytes::from_static(b"%PDF-two")).await.unwrap();
        assert_eq!(std::fs::read(&next.path).unwrap(), b"%PDF-two");
        drop(next);
        assert!(!folder.path().join(PDF).exists() && TURNS.try_lock().is_ok());
        writer.join().unwrap();
    }

    #[test]
    fn pixels_of_a_tiff_that_look_like_a_pdf_are_none() {
        assert!(is_pdf(b"%PDF-1.7") && is_pdf(b"\xEF\xBB\xBF\n%PDF-1.7"));
        assert!(!is_pdf(b"II*\0\x20\0\0\0%PDF-") && !is_pdf(b"MM\0*\0\0\0\x20%PDF-"));
        assert!(!is_pdf(b"%PDF") && !is_pdf(b""));
    }
}
