//! Recordings: the ledger, and the files behind it.
//!
//! A file is reached by the recording's id only. The path comes from the ledger, has to lie in the
//! tenant's own folder, and is opened beneath the recordings folder ([`open`]): no text of a caller
//! or a client ever becomes part of a path. Every fetch is written to the audit table first.

mod open;
mod range;

use super::extract::{Id, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::rows::{Conditions, Cursor, Page, RecordingRow, rows};
use super::{Api, Shared};
use crate::work::jobs::Job;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use desk::{Permission, when};
use range::Range;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use terms::control::{Answer, Ask, LiveRecording};
use terms::{AgentId, CallId, QueueId, RecordingId, TenantId, Timestamp, id};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warehouse::query::literal;

/// Bytes read from a file at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// Form of a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum AudioFormat {
    /// As recorded: customer left, everyone else right.
    #[default]
    Wav,
    /// Small.
    Mp3,
}

impl AudioFormat {
    fn extension(self) -> &'static str {
        match self {
            AudioFormat::Wav => "wav",
            AudioFormat::Mp3 => "mp3",
        }
    }
    fn media_type(self) -> &'static str {
        match self {
            AudioFormat::Wav => "audio/wav",
            AudioFormat::Mp3 => "audio/mpeg",
        }
    }
}

/// Which form.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// `wav` or `mp3`.
    #[serde(default)]
    #[param(inline)]
    format: AudioFormat,
}

/// What to find. Fields combine.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Search {
    /// Began at or after.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Began before.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// The customer's number, or a part of it.
    #[serde(default)]
    caller: Option<String>,
    /// The first agent on it.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    agent: Option<AgentId>,
    /// The queue.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    queue: Option<QueueId>,
    /// The call.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    call: Option<CallId>,
    /// At least so many seconds long.
    #[serde(default)]
    min_duration: Option<u32>,
    /// Where the last page ended.
    #[serde(default)]
    cursor: Option<String>,
    /// Recordings on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

/// A page of recordings, the latest first.
#[derive(Serialize, ToSchema)]
struct RecordingPage {
    /// The recordings.
    #[schema(value_type = Vec<RecordingRow>)]
    recordings: Vec<Value>,
    /// Give it back as `cursor` for the next page; none at the end.
    next: Option<String>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::CallsOwn, routes!(list)))
        .routes(guard.may(Permission::CallsOwn, routes!(fetch, head)))
}

/// Find recordings. Without the permission `recordings.read` one finds one's own.
#[utoipa::path(get, path = "/api/v1/recordings", tag = "recordings", params(Search), responses((status = 200, body = RecordingPage)))]
async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(search): Params<Search>,
) -> Result<Json<RecordingPage>, Problem> {
    let conditions = conditions(&search)?;
    let session = api.session(&caller).await?;
    let order_by = "started_at DESC, recording_id DESC";
    let cursor = |row: &Value| Cursor::by_time(row, "started_at", "recording_id");
    let page =
        Page::read(&session, "recordings", &conditions, order_by, search.limit, cursor).await?;
    Ok(Json(RecordingPage { recordings: page.rows, next: page.next }))
}

fn conditions(search: &Search) -> Result<Conditions, Problem> {
    let mut conditions = Conditions::default();
    conditions.between("started_at", search.from, search.to);
    conditions.contains("caller", search.caller.as_deref())?;
    conditions.id("agent_id", search.agent.map(|agent| agent.0));
    conditions.id("queue_id", search.queue.map(|queue| queue.0));
    conditions.id("call_id", search.call.map(|call| call.0));
    conditions.seconds_min("duration_ms", search.min_duration);
    if let Some(cursor) = &search.cursor {
        let Cursor { key, id } = Cursor::parse(cursor)?;
        let at = literal::instant(Timestamp(key));
        conditions
            .own(format!("(started_at < {at} OR (started_at = {at} AND recording_id < {id}))"));
    }
    Ok(conditions)
}

/// Fetch a recording, whole or in part (`Range`).
#[utoipa::path(
    get, path = "/api/v1/recordings/{id}", tag = "recordings",
    params(("id" = String, Path, description = "The recording's id"), Wanted),
    responses(
        (status = 200, description = "The file", content((Vec<u8> = "audio/wav"), (Vec<u8> = "audio/mpeg"))),
        (status = 206, description = "The part asked for"),
        (status = 304, description = "It is what you have"),
        (status = 404, description = "There is no such recording", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The conversation goes on, or its file is still being written", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "The range lies outside the file", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn fetch(
    State(api): State<Shared>,
    caller: Caller,
    Id(recording): Id<RecordingId>,
    Params(Wanted { format }): Params<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    api.recording(&caller, recording, format, &Method::GET, &headers).await
}

/// Ask how long a recording is, without fetching it.
#[utoipa::path(
    head, path = "/api/v1/recordings/{id}", tag = "recordings",
    params(("id" = String, Path, description = "The recording's id"), Wanted),
    responses((status = 200, description = "Length, type and ETag of the file"))
)]
async fn head(
    State(api): State<Shared>,
    caller: Caller,
    Id(recording): Id<RecordingId>,
    Params(Wanted { format }): Params<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    api.recording(&caller, recording, format, &Method::HEAD, &headers).await
}

impl Api {
    async fn recording(
        &self,
        caller: &Caller,
        recording: RecordingId,
        format: AudioFormat,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        let row = self.ledger_row(caller, recording).await?;
        let path = path_in_ledger(&row, caller.tenant())?;
        let file = self.open_recording(&path, format).await?;
        if *method == Method::GET {
            let subject = format!("{recording} {}", format.extension());
            self.store.note(caller.tenant(), &caller.by(), "recording.fetch", &subject).await?;
        }
        let meta = file.metadata().map_err(|e| Problem::internal(format!("{path}: {e}")))?;
        let etag = match (format, row["sha256"].as_str()) {
            (AudioFormat::Wav, Some(sha256)) => format!("\"{sha256}\""),
            _ => format!("\"{:x}-{:x}-{:x}\"", meta.ino(), meta.len(), meta.mtime_nsec()),
        };
        answer(file, meta.len(), &etag, recording, format, method, headers)
    }

    async fn ledger_row(&self, caller: &Caller, recording: RecordingId) -> Result<Value, Problem> {
        let sql =
            format!("SELECT path, sha256, reason FROM recordings WHERE recording_id = {recording}");
        if let Some(row) = rows(&self.session(caller).await?, &sql).await?.pop() {
            return Ok(row);
        }
        let is_known = !rows(&self.tenant_session(caller).await?, &sql).await?.is_empty();
        // A colleague's recording is as good as none: only what no ledger knows may be on its way.
        if !is_known {
            self.refuse_unfinished(caller, recording).await?;
        }
        Err(Problem::not_found("There is no such recording."))
    }

    /// 409 for a recording whose conversation goes on, or whose file is being made. The switch
    /// knows it from its start until the ledger has come; the file bridges the moment until the
    /// ledger can be asked, and a start after a crash.
    async fn refuse_unfinished(
        &self,
        caller: &Caller,
        recording: RecordingId,
    ) -> Result<(), Problem> {
        let tenant = caller.tenant();
        let live = match self.calls.ask(Ask::Recording { tenant, recording }).await {
            Answer::Recording(live) => Ok(live),
            Answer::Refused(why) => Err(why),
            other => return Err(Problem::internal(format!("the switch answered {other:?}"))),
        };
        let is_theirs = |of: &LiveRecording| {
            caller.may(Permission::CallsRead) || of.agent.is_some() && of.agent == caller.agent()
        };
        match live {
            Ok(Some(of)) if is_theirs(&of) => Err(Problem::conflict(
                "This recording is not finished: the conversation goes on, or its file is still \
                 being written. Try again when the conversation has ended.",
            )),
            Ok(Some(_)) => Ok(()),
            Ok(None) | Err(_) if self.is_being_written(tenant, recording) => Err(
                Problem::conflict("This recording is still being written; try again in a moment."),
            ),
            Ok(None) => Ok(()),
            Err(why) => Err(Problem::unavailable(
                "Whether this recording is still being written cannot be told right now; try \
                 again in a moment.",
                why,
            )),
        }
    }

    /// A file of this recording lies in the tenant's folder, but the ledger does not know it yet.
    fn is_being_written(&self, tenant: TenantId, recording: RecordingId) -> bool {
        let began = id::created_at(recording.0);
        // The file's day is that of its first sample, which may be after midnight.
        [0, 86_400_000_000].into_iter().any(|later| {
            let day = Timestamp(began.0.saturating_add(later)).day_text();
            ["wav_tmp", "wav"].into_iter().any(|extension| {
                let path = format!("{tenant}/{day}/{recording}.{extension}");
                open::beneath(&self.recordings, &path).is_ok()
            })
        })
    }

    /// Opens the file; an MP3 is made first where it is missing.
    async fn open_recording(
        &self,
        wav: &str,
        format: AudioFormat,
    ) -> Result<std::fs::File, Problem> {
        let missing = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                Problem::not_found("The file of this recording is not on this box any more.")
            }
            _ => Problem::internal(format!("open {wav}: {error}")),
        };
        if format == AudioFormat::Wav {
            return open::beneath(&self.recordings, wav).map_err(missing);
        }
        let stem = wav.strip_suffix(".wav").unwrap_or(wav);
        let mp3 = format!("{stem}.mp3");
        match open::beneath(&self.recordings, &mp3) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                open::beneath(&self.recordings, wav).map_err(missing)?;
                self.work.run(Job::Mp3 { wav: wav.to_owned() }).await?;
                open::beneath(&self.recordings, &mp3).map_err(missing)
            }
            other => other.map_err(missing),
        }
    }
}

/// The path of a row, proven to lie in the tenant's own folder.
fn path_in_ledger(row: &Value, tenant: TenantId) -> Result<String, Problem> {
    let Some(path) = row["path"].as_str() else {
        let reason = row["reason"].as_str().unwrap_or("it was not recorded");
        return Err(Problem::not_found(format!("There is no file: {reason}.")));
    };
    if !path.starts_with(&format!("{tenant}/")) || !path.ends_with(".wav") {
        return Err(Problem::internal(format!("the ledger has the path {path:?}")));
    }
    Ok(path.to_owned())
}

fn answer(
    mut file: std::fs::File,
    length: u64,
    etag: &str,
    recording: RecordingId,
    format: AudioFormat,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let shared = |response: &mut Response| {
        let disposition = format!("attachment; filename=\"{recording}.{}\"", format.extension());
        for (name, value) in [
            (header::ETAG, etag),
            (header::ACCEPT_RANGES, "bytes"),
            (header::CACHE_CONTROL, "private, no-cache"),
            (header::CONTENT_DISPOSITION, disposition.as_str()),
        ] {
            let value = HeaderValue::from_str(value).expect("ids and hex are header text");
            response.headers_mut().insert(name, value);
        }
    };
    if text(header::IF_NONE_MATCH).is_some_and(|tags| has_tag(tags, etag)) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        shared(&mut response);
        return Ok(response);
    }
    // A range of another version of the file would be a wrong mixture: then the whole is sent.
    let same = text(header::IF_RANGE).is_none_or(|tag| tag == etag);
    let range = text(header::RANGE).filter(|_| same && *method == Method::GET);
    let (status, start, count) = match range.map_or(Range::Whole, |text| range::parse(text, length))
    {
        Range::Whole => (StatusCode::OK, 0, length),
        Range::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Range::Outside => {
            let message = format!("The file has {length} bytes; the range lies outside.");
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let mut response = Problem::new(status, "range", message).into_response();
            response.headers_mut().insert(header::CONTENT_RANGE, content_range(None, length));
            return Ok(response);
        }
    };
    let body = if *method == Method::HEAD {
        Body::empty()
    } else {
        file.seek(SeekFrom::Start(start)).map_err(|e| Problem::internal(e.to_string()))?;
        let part = tokio::fs::File::from_std(file).take(count);
        Body::from_stream(ReaderStream::with_capacity(part, CHUNK_BYTES))
    };
    let mut response = (status, body).into_response();
    shared(&mut response);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(header::CONTENT_LENGTH, count.into());
    if status == StatusCode::PARTIAL_CONTENT {
        let range = content_range(Some((start, start + count - 1)), length);
        headers.insert(header::CONTENT_RANGE, range);
    }
    Ok(response)
}

fn has_tag(tags: &str, etag: &str) -> bool {
    let tags = tags.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
    tags.into_iter().any(|tag| tag == "*" || tag == etag)
}

fn content_range(part: Option<(u64, u64)>, length: u64) -> HeaderValue {
    let text = match part {
        Some((first, last)) => format!("bytes {first}-{last}/{length}"),
        None => format!("bytes */{length}"),
    };
    HeaderValue::from_str(&text).expect("numbers are header text")
}
