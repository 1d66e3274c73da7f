//! Recordings: the ledger, and the files behind it.
//!
//! A file is reached by the recording's id only. The path comes from the ledger, has to lie in the
//! tenant's own folder, and is opened beneath the recordings folder ([`crate::open`]): no text of a
//! caller or a client ever becomes part of a path. What is not here any more comes from the second
//! tier ([`moved`]). Every fetch is written to the audit table first.

mod export;
mod marked;
mod moved;

use super::download::{self, Download};
use super::extract::{Id, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::related::{Asked, Related};
use super::rows::{Cursor, columns_of, filter, page_limit, page_of};
use super::{Api, Shared};
use crate::open::beneath;
use crate::work::encode::Form;
use crate::work::jobs::Job;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use desk::{Permission, when};
use marked::Copied;
use mediacore::edge::keys::Keys;
use mediacore::edge::rendering::Rendering;
use moved::Opened;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::os::unix::fs::MetadataExt;
use terms::control::{Answer, Ask};
use terms::record::{Column, Record, Recording};
use terms::{AgentId, CallId, CustomerId, OrderId, QueueId, RecordingId, TenantId, Timestamp, id};
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warehouse::recordings::{self, Indexed, Reason, Repair, to_json};

/// Form of a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum AudioFormat {
    /// As recorded: customer left, everyone else right.
    #[default]
    Wav,
    /// Small.
    Mp3,
    /// Smaller, the sides apart.
    Opus,
}

impl AudioFormat {
    /// What the worker makes of the WAV for it.
    fn encoded(self) -> Option<Form> {
        match self {
            AudioFormat::Wav => None,
            AudioFormat::Mp3 => Some(Form::Mp3),
            AudioFormat::Opus => Some(Form::Opus),
        }
    }
    fn extension(self) -> &'static str {
        self.encoded().map_or("wav", Form::extension)
    }
    fn media_type(self) -> &'static str {
        self.encoded().map_or("audio/wav", Form::media_type)
    }
}

/// Which form.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// `wav`, `mp3` or `opus`.
    #[serde(default)]
    #[param(inline)]
    format: AudioFormat,
    /// A copy to keep: always whole, and where the organisation wants it with who fetched it and when
    /// in it. Its ETag is its SHA-256, `x-stored-sha256` that of the stored file.
    #[serde(default)]
    download: bool,
}

/// What to find. Fields combine.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// Began at or after.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Began before.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// The customer's number, or a part of it; with `*` for any characters or `?` for one, the whole
    /// number.
    #[serde(default)]
    caller: Option<String>,
    /// The customer, under the number that is known of them.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    customer: Option<CustomerId>,
    /// The order that was made from its call.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    order: Option<OrderId>,
    /// The area (grid) of an order that was made from its call.
    #[serde(default)]
    area: Option<String>,
    /// What an agent chose as the reason of its call.
    #[serde(default)]
    reason: Option<String>,
    /// A part of the title, content, address or a note of an order that was made from its call.
    #[serde(default)]
    text: Option<String>,
    /// An agent who is heard in it.
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
    /// At most so many seconds long.
    #[serde(default)]
    max_duration: Option<u32>,
    /// Where the last page ended.
    #[serde(default)]
    cursor: Option<String>,
    /// Recordings on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

/// A page of recordings, the latest first.
#[derive(Serialize, ToSchema)]
pub(super) struct RecordingPage {
    /// The recordings.
    #[schema(value_type = Vec<ListedRecording>)]
    recordings: Vec<Value>,
    /// Give it back as `cursor` for the next page; none at the end.
    next: Option<String>,
}

pub(super) use export::EXPORTS_MAX;

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::CallsOwn, routes!(list)))
        .routes(guard.may(Permission::CallsOwn, routes!(fetch, head)))
        .merge(export::routes(guard))
}

/// Find recordings. Without the permission `recordings.read` one finds one's own.
#[utoipa::path(get, path = "/api/v1/recordings", tag = "recordings", params(Search), responses((status = 200, body = RecordingPage)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(search): Params<Search>,
) -> Result<Json<RecordingPage>, Problem> {
    let limit = page_limit(search.limit) as usize;
    let Some(search) = api.search_of(&caller, &search).await? else {
        return Ok(Json(RecordingPage { recordings: Vec::new(), next: None }));
    };
    let read = api.warehouse.recordings(&search, limit + 1).await?;
    let at = |last: &Indexed| {
        let last = &last.recording;
        Cursor { key: last.started_at.0, id: last.recording_id.0 }
    };
    let (found, next) = page_of(read, limit, at);
    let columns = Recording::columns();
    let recordings = found.iter().map(|found| listed(found, &columns)).collect();
    Ok(Json(RecordingPage { recordings, next }))
}

/// A recording in a list: its row without the column that says whose it is, and what became of it.
fn listed(found: &Indexed, columns: &[Column]) -> Value {
    let mut row = to_json(&found.recording, columns);
    row.remove("tenant_id");
    let deleted = found.deleted.as_ref();
    row.insert("deleted_at".into(), deleted.map(|deleted| deleted.at.to_string()).into());
    row.insert("deleted_reason".into(), deleted.map(|deleted| deleted.reason.as_str()).into());
    Value::Object(row)
}

/// A row of the list in the document.
struct ListedRecording;

impl PartialSchema for ListedRecording {
    fn schema() -> RefOr<Schema> {
        let text = || {
            let kind = SchemaType::Array(vec![Type::String, Type::Null]);
            ObjectBuilder::new().schema_type(kind)
        };
        let at = text()
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("When it was deleted; its audio is gone since."));
        let reason = text().description(Some("Why: `retention` or `erasure`."));
        let row = columns_of::<Recording>();
        row.property("deleted_at", at).property("deleted_reason", reason).into()
    }
}

impl ToSchema for ListedRecording {
    fn name() -> Cow<'static, str> {
        "ListedRecording".into()
    }
}

fn indexed(
    search: &Search,
    tenant: TenantId,
    related: Related,
) -> Result<recordings::Search, Problem> {
    let before = search.cursor.as_deref().map(Cursor::parse).transpose()?;
    let caller = search.caller.as_deref().map(|text| filter("caller", text)).transpose()?;
    Ok(recordings::Search {
        tenant,
        from: search.from,
        to: search.to,
        caller: caller.filter(|text| !text.is_empty()).map(str::to_owned),
        number: related.number,
        agent: search.agent,
        agents: None,
        queues: None,
        queue: search.queue,
        call: search.call,
        calls: related.calls.map(|calls| calls.into_iter().collect()),
        duration_ms_min: search.min_duration.map(|seconds| u64::from(seconds) * 1000),
        duration_ms_max: search.max_duration.map(|seconds| u64::from(seconds) * 1000),
        kept: false,
        before: before.map(|Cursor { key, id }| (Timestamp(key), RecordingId(id))),
    })
}

/// Fetch a recording, whole or in part (`Range`).
#[utoipa::path(
    get, path = "/api/v1/recordings/{id}", tag = "recordings",
    params(("id" = String, Path, description = "The recording's id"), Wanted),
    responses(
        (status = 200, description = "The file", content((Vec<u8> = "audio/wav"), (Vec<u8> = "audio/mpeg"), (Vec<u8> = "audio/ogg"))),
        (status = 206, description = "The part asked for"),
        (status = 304, description = "It is what you have"),
        (status = 404, description = "There is no such recording", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The conversation goes on, or its file is still being written", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The recording was deleted", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "The range lies outside the file", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It lies in the object store, which does not answer", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn fetch(
    State(api): State<Shared>,
    caller: Caller,
    Id(recording): Id<RecordingId>,
    Params(wanted): Params<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    api.recording(&caller, recording, wanted, &Method::GET, &headers).await
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
    Params(wanted): Params<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    api.recording(&caller, recording, wanted, &Method::HEAD, &headers).await
}

impl Api {
    /// A search of the index for what `caller` may find of it; `None` where that is nothing.
    async fn search_of(
        &self,
        caller: &Caller,
        search: &Search,
    ) -> Result<Option<recordings::Search>, Problem> {
        let own = caller.agent();
        let sees_all = caller.may(Permission::CallsRead);
        // Without a phone, or asking for a colleague's, one has none.
        if !sees_all && (own.is_none() || search.agent.is_some_and(|asked| Some(asked) != own)) {
            return Ok(None);
        }
        let asked = Asked {
            customer: search.customer,
            order: search.order,
            area: search.area.as_deref(),
            text: search.text.as_deref(),
            from: search.from,
            to: search.to,
        };
        let reason = search.reason.as_deref();
        let related = self.related_by_reason(caller, asked, reason).await?;
        let mut indexed = indexed(search, caller.tenant(), related)?;
        if !sees_all {
            indexed.agent = own;
        } else {
            let sight = self.store.sight(caller.identity()).await?;
            (indexed.agents, indexed.queues) = (sight.agents, sight.queues);
        }
        Ok(Some(indexed))
    }

    async fn recording(
        &self,
        caller: &Caller,
        recording: RecordingId,
        Wanted { format, download }: Wanted,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        let found = self.ledger_row(caller, recording).await?;
        let path = path_in_ledger(&found.recording, caller.tenant())?;
        let Opened { file, sha256: moved } = self.open_recording(&found, &path, format).await?;
        let stored = match format {
            AudioFormat::Wav => sha256_of_wav(&found).or(moved.as_ref()),
            AudioFormat::Mp3 | AudioFormat::Opus => moved.as_ref(),
        };
        if let Some(stamp) = self.stamp_of(caller, download).await? {
            let rendering = self.in_clear(file, &path).await?;
            let copy = Copied { recording, format, stored: stored.cloned(), line: stamp.line() };
            return self.copy(caller, copy, rendering, method).await;
        }
        if *method == Method::GET {
            let subject = format!("{recording} {}", format.extension());
            self.store.note(caller.tenant(), &caller.by(), "recording.fetch", &subject).await?;
        }
        let meta = file.metadata().map_err(|e| Problem::internal(format!("{path}: {e}")))?;
        let etag = match stored {
            Some(sha256) => format!("\"{sha256}\""),
            None => format!("\"{:x}-{:x}-{:x}\"", meta.ino(), meta.len(), meta.mtime_nsec()),
        };
        let rendering = self.in_clear(file, &path).await?;
        answer(rendering, &etag, recording, format, method, headers)
    }

    /// An open file, with the keys where it is sealed.
    async fn in_clear(&self, file: std::fs::File, path: &str) -> Result<Rendering, Problem> {
        let keys = self.recording_keys.clone();
        let open = move || {
            let keys = Keys::read(&keys).ok();
            Rendering::open(file, keys.as_ref().map(|keys| &*keys.ring))
        };
        let opened = tokio::task::spawn_blocking(open).await;
        opened
            .map_err(|e| Problem::internal(e.to_string()))?
            .map_err(|e| Problem::internal(format!("{path}: {e}")))
    }

    /// A recording in this form, in clear, wherever it lies.
    async fn rendering(&self, found: &Indexed, format: AudioFormat) -> Result<Rendering, Problem> {
        let path = path_in_ledger(&found.recording, found.recording.tenant_id)?;
        let opened = self.open_recording(found, &path, format).await?;
        self.in_clear(opened.file, &path).await
    }

    /// A recording as it was made, in clear, wherever it lies.
    pub(super) async fn original(&self, found: &Indexed) -> Result<Rendering, Problem> {
        self.rendering(found, AudioFormat::Wav).await
    }

    pub(super) async fn ledger_row(
        &self,
        caller: &Caller,
        recording: RecordingId,
    ) -> Result<Indexed, Problem> {
        let found = self.warehouse.recording(caller.tenant(), recording).await?;
        let is_message = self.hears_message(caller, recording).await?;
        let is_theirs = match &found {
            Some(found) => is_message || self.is_theirs(caller, &found.recording).await?,
            None => is_message,
        };
        match found {
            Some(found) if is_theirs => {
                refuse_deleted(&found)?;
                return Ok(found);
            }
            // A colleague's recording is as good as none: only what no ledger knows may be on its way.
            Some(_) => {}
            None => self.refuse_unfinished(caller, recording).await?,
        }
        Err(Problem::not_found("There is no such recording."))
    }

    /// Whether `caller` is heard in a recording, or may hear it because of its queue or of who is.
    async fn is_theirs(&self, caller: &Caller, of: &Recording) -> Result<bool, Problem> {
        let heard = self.warehouse.heard_in(of.recording_id).await?;
        if caller.agent().is_some_and(|own| heard.contains(&own)) {
            return Ok(true);
        }
        if !caller.may(Permission::CallsRead) {
            return Ok(false);
        }
        let sight = self.store.sight(caller.identity()).await?;
        let of_agent = heard.into_iter().any(|agent| sight.has(Some(agent), None));
        Ok(of_agent || sight.has(None, of.queue_id))
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
        let agent = live.as_ref().ok().and_then(Option::as_ref).and_then(|of| of.agent);
        let queue = live.as_ref().ok().and_then(Option::as_ref).and_then(|of| of.queue);
        let own = agent.is_some() && agent == caller.agent();
        let is_theirs =
            own || caller.may(Permission::CallsRead) && self.sees(caller, agent, queue).await?;
        match live {
            Ok(Some(_)) if is_theirs => Err(Problem::conflict(
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
            ["wav_tmp", "wav", "wav.sealed_tmp", "wav.sealed"].into_iter().any(|extension| {
                let path = format!("{tenant}/{day}/{recording}.{extension}");
                beneath(&self.recordings, &path).is_ok()
            })
        })
    }

    /// Opens the file, wherever it lies; an MP3 or Opus is made first where it is missing.
    async fn open_recording(
        &self,
        found: &Indexed,
        wav: &str,
        format: AudioFormat,
    ) -> Result<Opened, Problem> {
        match self.open_here(wav, format).await? {
            Some(file) => Ok(Opened { file, sha256: None }),
            None => self.open_moved(found, wav, format).await,
        }
    }

    /// The file on this box; `None` when the recording is not here.
    async fn open_here(
        &self,
        wav: &str,
        format: AudioFormat,
    ) -> Result<Option<std::fs::File>, Problem> {
        let here = |path: &str| match beneath(&self.recordings, path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Problem::internal(format!("open {path}: {error}"))),
        };
        let Some(form) = format.encoded() else { return here(wav) };
        let path = form.beside(wav).ok_or_else(|| Problem::internal(wav))?;
        if let Some(file) = here(&path)? {
            return Ok(Some(file));
        }
        if here(wav)?.is_none() {
            return Ok(None);
        }
        match self.work.run(Job::Encode { wav: wav.to_owned(), form, cached: false }).await {
            // It moved a moment ago.
            Err(problem) if problem.status == 404 => Ok(None),
            Err(problem) => Err(problem.into()),
            Ok(_) => here(&path),
        }
    }
}

/// The hash of the WAV as it is stored.
fn sha256_of_wav(found: &Indexed) -> Option<&String> {
    match &found.repair {
        Some(Repair::Shortened { sha256, .. }) => Some(sha256),
        _ => found.recording.sha256.as_ref(),
    }
}

/// 410 for a recording that was deleted.
pub(super) fn refuse_deleted(found: &Indexed) -> Result<(), Problem> {
    let Some(deleted) = &found.deleted else { return Ok(()) };
    let day = deleted.at.day_text();
    let message = match deleted.reason {
        Reason::Retention => {
            format!("This recording was deleted on {day}: its time of keeping was over.")
        }
        Reason::Erasure => format!("This recording was deleted on {day}: its erasure was ordered."),
    };
    Err(Problem::new(StatusCode::GONE, "deleted", message))
}

/// The path of a row, proven to lie in the tenant's own folder.
fn path_in_ledger(row: &Recording, tenant: TenantId) -> Result<String, Problem> {
    let Some(path) = &row.path else {
        let reason = row.reason.as_deref().unwrap_or("it was not recorded");
        return Err(Problem::not_found(format!("There is no file: {reason}.")));
    };
    if !path.starts_with(&format!("{tenant}/")) || Form::Mp3.beside(path).is_none() {
        return Err(Problem::internal(format!("the ledger has the path {path:?}")));
    }
    Ok(path.clone())
}

fn answer(
    rendering: Rendering,
    etag: &str,
    recording: RecordingId,
    format: AudioFormat,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let what = Download {
        length: rendering.clear_bytes(),
        etag,
        name: &format!("{recording}.{}", format.extension()),
        media_type: format.media_type(),
    };
    download::answer(rendering, &what, method, headers)
}
