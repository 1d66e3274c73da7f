//! Prompts of a tenant's own: brought as a file or as a text that is spoken, listened to, taken away.
//! Running calls hear them as soon as the answer is out, because they travel with the plan.
//!
//! Promise: files come from strangers. One is read up to its limit, decoded away from everything that
//! answers, and kept only when it can be played; names are no paths. The file lies on disk, whole,
//! before a row names it, and goes after the row ([`files`]). What a flow, a queue or a recording rule
//! still needs is not taken away ([`audible`]).

pub mod audible;
mod files;
mod recorded;

use super::extract::{Body, Names, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared};
use crate::open::beneath;
use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use desk::Permission;
use desk::prompt::{NewPrompt, Prompt, PromptFormat, PromptName, PromptRoom};
use desk::secret::hex;
use futures::StreamExt;
use mediacore::prompt::{self, Kind, Limits};
use mediacore::speech::{self, Engine};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::Arc;
use terms::RecordingId;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::io::ReaderStream;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Prompts that are taken in at a time. Each holds its file and its samples in memory.
pub const UPLOADS_MAX: usize = 4;

/// Finds what speaks texts, or says why nothing does. Called where waiting is allowed.
pub type FindEngine = Arc<dyn Fn() -> Result<Box<dyn Engine>, String> + Send + Sync>;

/// What the API works on prompts with.
pub struct Prompts {
    /// Folder of the tenants' own.
    pub own: PathBuf,
    /// Folders of the box's.
    pub folders: Vec<PathBuf>,
    /// Of one prompt.
    pub limits: Limits,
    /// Of one tenant.
    pub room: PromptRoom,
    /// Who speaks.
    pub engine: FindEngine,
    /// The box's language.
    pub language: &'static str,
    uploads: Semaphore,
    /// Held while a prompt comes or goes, and while a flow is checked and published: neither a flow
    /// nor a row may come to name what just goes.
    pub(super) gate: Mutex<()>,
}

impl Prompts {
    /// As the box is configured.
    pub fn new(config: &crate::config::Config, engine: FindEngine) -> Self {
        Prompts {
            own: crate::prompts::own_folder(&config.server.data),
            folders: crate::prompts::folders(config),
            limits: crate::prompts::limits(config),
            room: PromptRoom {
                prompts_max: config.rtp.own_prompts_max,
                length_ms_max: config.rtp.own_prompts_length_max.0.as_millis() as u64,
            },
            engine,
            language: config.first.language.as_str(),
            uploads: Semaphore::new(UPLOADS_MAX),
            gate: Mutex::default(),
        }
    }

    /// Removes what a kill left behind. Nothing may come or go meanwhile: at the start.
    pub async fn tidy(&self, store: &desk::Store) {
        files::tidy(&self.own, store).await;
    }
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// The last prompt of the page before, `<language>/<name>`.
    #[serde(default)]
    after: Option<String>,
    /// Prompts on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

/// A text or a message in place of a file.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Spoken {
    /// What is said, at most 500 characters.
    #[serde(default)]
    text: Option<String>,
    /// The recording of a message that you may hear: what its caller said.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    recording: Option<RecordingId>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RoutingRead, routes!(list)))
        .routes(guard.may(Permission::RoutingRead, routes!(fetch)))
        .routes(guard.may(Permission::RoutingWrite, routes!(put)))
        .routes(guard.may(Permission::RoutingWrite, routes!(remove)))
}

/// The prompts of your own, by language and name.
#[utoipa::path(get, path = "/api/v1/prompts", tag = "prompts", params(Page), responses((status = 200, body = Vec<Prompt>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(Page { after, limit }): Params<Page>,
) -> Result<Json<Vec<Prompt>>, Problem> {
    let after = match &after {
        None => None,
        Some(after) => {
            let (language, name) = after.split_once('/').unwrap_or((after, ""));
            Some(PromptName::new(language, name)?)
        }
    };
    let limit = super::rows::page_limit(limit);
    Ok(Json(api.store.prompts(caller.tenant(), after.as_ref(), limit).await?))
}

/// Listen to a prompt of your own: the file as it was brought.
#[utoipa::path(
    get, path = "/api/v1/prompts/{language}/{name}", tag = "prompts",
    params(
        ("language" = String, Path, description = "A language tag such as zh-CN, or music"),
        ("name" = String, Path, description = "The prompt's name"),
    ),
    responses((status = 200, description = "The file", content((Vec<u8> = "audio/wav"), (Vec<u8> = "audio/mpeg"), (Vec<u8> = "audio/ogg"))))
)]
async fn fetch(
    State(api): State<Shared>,
    caller: Caller,
    Names(language, name): Names,
) -> Result<Response, Problem> {
    let name = existing(&language, &name)?;
    let prompt = api.store.prompt(caller.tenant(), &name).await?;
    let path = format!("{}/{}", caller.tenant(), prompt.sha256);
    let file = beneath(&api.prompts.own, &path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Problem::not_found("The file of this prompt is not on this box any more.")
        }
        _ => Problem::internal(format!("open the prompt {path}: {error}")),
    })?;
    let file = tokio::fs::File::from_std(file);
    let file_name = format!("{}.{}", name.name(), prompt.format.as_str());
    let disposition = format!("attachment; filename=\"{file_name}\"");
    let etag = format!("\"{}\"", prompt.sha256);
    let mut response = axum::body::Body::from_stream(ReaderStream::new(file)).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, media_type(prompt.format)),
        (header::CONTENT_DISPOSITION, disposition.as_str()),
        (header::ETAG, etag.as_str()),
        (header::CACHE_CONTROL, "private, no-cache"),
    ] {
        let value = HeaderValue::from_str(value).expect("names and hex are header text");
        headers.insert(name, value);
    }
    headers.insert(header::CONTENT_LENGTH, prompt.bytes.into());
    Ok(response)
}

const fn media_type(format: PromptFormat) -> &'static str {
    match format {
        PromptFormat::Wav => "audio/wav",
        PromptFormat::Mp3 => "audio/mpeg",
        PromptFormat::Opus => "audio/ogg",
    }
}

/// Bring a prompt, or another in its place.
///
/// The body is the file (WAV, MP3 or Ogg Opus, told by its bytes), or JSON with a text that is
/// spoken, `{"text": "…"}`, or with a message that was left by telephone, `{"recording": "…"}`. Whoever calls from now on hears it; what plays already goes on.
#[utoipa::path(
    put, path = "/api/v1/prompts/{language}/{name}", tag = "prompts",
    params(
        ("language" = String, Path, description = "A language tag such as zh-CN, or music for what has none"),
        ("name" = String, Path, description = "1-48 of a-z, 0-9, _ and -; one that the box has too is heard in its place"),
    ),
    request_body(content((Vec<u8> = "audio/wav"), (Vec<u8> = "audio/mpeg"), (Vec<u8> = "audio/ogg"), (Spoken = "application/json"))),
    responses(
        (status = 200, description = "It took the place of one", body = Prompt),
        (status = 201, description = "It is new", body = Prompt),
        (status = 400, description = "It is damaged, or has nothing to hear", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "You have too many, or nothing speaks here", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "It is too large or too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "It is another kind of file", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn put(
    State(api): State<Shared>,
    caller: Caller,
    Names(language, name): Names,
    request: Request,
) -> Result<(StatusCode, Json<Prompt>), Problem> {
    let name = PromptName::new(&language, &name)?;
    let busy = "Other prompts are being uploaded; try again in a moment.";
    let _turn = api.prompts.uploads.try_acquire().map_err(|_| Problem::unavailable(busy, ""))?;
    let (bytes, text) = if is_json(request.headers()) {
        let Body(Spoken { text, recording }) = Body::<Spoken>::from_request(request, &api).await?;
        match (text, recording) {
            (Some(text), None) => {
                let text = text.trim().to_owned();
                (api.spoken(&name, &text).await?, Some(text))
            }
            (None, Some(recording)) => (api.said(&caller, recording).await?, None),
            (Some(_), Some(_)) | (None, None) => {
                return Err(Problem::invalid("text", "Either a text or a recording is needed."));
            }
        }
    } else {
        (body(request, &api.prompts.limits).await?, None)
    };
    let limits = api.prompts.limits;
    let examining = tokio::task::spawn_blocking(move || examine(bytes, &limits));
    let file = examining.await.map_err(|panic| {
        tracing::error!(%panic, tenant = %caller.tenant(), %name, "a prompt was not decoded");
        of_file(StatusCode::BAD_REQUEST, "invalid", "it cannot be decoded")
    })??;
    let new = NewPrompt {
        name,
        format: file.format,
        bytes: file.bytes.len() as u64,
        length_ms: file.length_ms,
        sha256: file.sha256,
        text,
    };
    let (prompt, is_new) = api.take_in(&caller, new, file.bytes).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(prompt)))
}

/// Take a prompt away: calls hear the box's in its place. Refused while a flow, a queue or a
/// recording rule would have nothing to play then.
#[utoipa::path(
    delete, path = "/api/v1/prompts/{language}/{name}", tag = "prompts",
    params(
        ("language" = String, Path, description = "A language tag such as zh-CN, or music"),
        ("name" = String, Path, description = "The prompt's name"),
    ),
    responses(
        (status = 204),
        (status = 409, description = "It is in use", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn remove(
    State(api): State<Shared>,
    caller: Caller,
    Names(language, name): Names,
) -> Result<StatusCode, Problem> {
    let name = existing(&language, &name)?;
    let tenant = caller.tenant();
    let _gate = api.prompts.gate.lock().await;
    api.store.prompt(tenant, &name).await?;
    let plan = api.store.compile_plan(tenant).await?;
    // In the place of the tenant's own there may be one of the box's.
    let mut rest = plan.clone();
    rest.prompts.retain(|own| own.name != name.to_string());
    let users = api.audible(&rest).await?.lost_without(&name, &plan);
    if !users.is_empty() {
        let message =
            format!("This prompt is in use: {}; name another there first.", users.join(", "));
        return Err(Problem::conflict(message).with_errors(users));
    }
    api.store.remove_prompt(tenant, &caller.by(), &name).await?;
    files::drop_unnamed(&api.prompts.own, &api.store, tenant).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The name in the address of something that is there. Whatever is no name names nothing: 404.
fn existing(language: &str, name: &str) -> Result<PromptName, Problem> {
    PromptName::new(language, name).map_err(|_| Problem::not_found("There is no such prompt."))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// Reads a file's bytes, and not one more than it may have.
async fn body(request: Request, limits: &Limits) -> Result<Vec<u8>, Problem> {
    let told = request.headers().get(header::CONTENT_LENGTH);
    let told = told.and_then(|value| value.to_str().ok()?.parse::<u64>().ok()).unwrap_or(0);
    let too_large = |bytes| refused(&prompt::Error::Bytes { bytes, max: limits.bytes_max });
    if told > limits.bytes_max {
        return Err(too_large(told));
    }
    let mut pieces = request.into_body().into_data_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Problem::invalid("body", "The body cannot be read."))?;
        let length = (bytes.len() + piece.len()) as u64;
        if length > limits.bytes_max {
            return Err(too_large(length));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// A file that can be played.
#[derive(Debug)]
struct Playable {
    bytes: Vec<u8>,
    format: PromptFormat,
    length_ms: u64,
    sha256: String,
}

/// Decodes a file from its first to its last byte, as the call path will.
fn examine(bytes: Vec<u8>, limits: &Limits) -> Result<Playable, Problem> {
    let samples = prompt::decode(&bytes, limits).map_err(|error| refused(&error))?;
    if samples.is_empty() {
        return Err(refused(&prompt::Error::Empty));
    }
    let format = match Kind::of(&bytes).map_err(|error| refused(&error))? {
        Kind::Wav => PromptFormat::Wav,
        Kind::Mp3 => PromptFormat::Mp3,
        Kind::Opus => PromptFormat::Opus,
    };
    let length_ms = samples.len() as u64 * 1_000 / u64::from(prompt::RATE_HZ);
    let sha256 = hex(&Sha256::digest(&bytes));
    Ok(Playable { bytes, format, length_ms, sha256 })
}

/// Why a file is not taken, with the key of the limit where it is one.
fn refused(error: &prompt::Error) -> Problem {
    use prompt::Error;
    let (status, kind) = match error {
        Error::Bytes { .. } | Error::Long { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        Error::Kind(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type"),
        Error::Empty
        | Error::NoChunk(_)
        | Error::Format { .. }
        | Error::Damaged { .. }
        | Error::Resample(_) => (StatusCode::BAD_REQUEST, "invalid"),
    };
    let why = match error {
        Error::Bytes { bytes, max } => {
            format!("{bytes} bytes; a prompt has at most {max} (rtp.prompt_bytes_max)")
        }
        Error::Long { max } => {
            format!("a prompt is at most {} s long (rtp.prompt_length_max)", max.as_secs_f64())
        }
        other => other.to_string(),
    };
    of_file(status, kind, &why)
}

fn of_file(status: StatusCode, kind: &str, why: &str) -> Problem {
    let mut problem = Problem::new(status, kind, format!("file: {why}"));
    problem.field = Some("file".into());
    problem
}

impl Api {
    /// A text as a file.
    async fn spoken(&self, name: &PromptName, text: &str) -> Result<Vec<u8>, Problem> {
        let of_text = |why: speech::Unspoken| Problem::invalid("text", format!("text: {why}"));
        speech::check(name.language(), text).map_err(of_text)?;
        let utterance = speech::utterance(name.language(), text).map_err(of_text)?;
        let find = self.prompts.engine.clone();
        let speaking = tokio::task::spawn_blocking(move || {
            let mut engine = find()
                .map_err(|why| Problem::conflict(format!("Texts cannot be spoken here: {why}")))?;
            mediacore::edge::speech::speak(engine.as_mut(), &utterance)
                .map_err(|why| Problem::unavailable("The text could not be spoken.", why))
        });
        speaking.await.map_err(|panic| Problem::internal(panic.to_string()))?
    }

    /// Keeps a file and the row that names it.
    async fn take_in(
        &self,
        caller: &Caller,
        new: NewPrompt,
        bytes: Vec<u8>,
    ) -> Result<(Prompt, bool), Problem> {
        let _gate = self.prompts.gate.lock().await;
        let tenant = caller.tenant();
        let kept = files::keep(&self.prompts.own, tenant, &new.sha256, bytes).await;
        kept.map_err(|error| {
            let message = "The prompt could not be kept; nothing was changed.";
            Problem::unavailable(message, format!("keep the prompt {}: {error}", new.name))
        })?;
        let put = self.store.put_prompt(tenant, &caller.by(), &new, self.prompts.room).await;
        // The file of before, or this one, where there was no room for it.
        files::drop_unnamed(&self.prompts.own, &self.store, tenant).await;
        Ok(put?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_refusal_has_its_status_and_names_the_key_of_its_limit() {
        use prompt::Error;
        let damaged =
            Error::Damaged { part: "MP3 frame", number: 3, at_ms: 72, detail: "no data".into() };
        let format = Error::Format { tag: 2, bits: 4, channels: 1, rate_hz: 8_000 };
        for (error, status, says) in [
            (
                Error::Bytes { bytes: 11, max: 10 },
                413,
                "11 bytes; a prompt has at most 10 (rtp.prompt_bytes_max)",
            ),
            (
                Error::Long { max: Duration::from_secs(3) },
                413,
                "at most 3 s long (rtp.prompt_length_max)",
            ),
            (Error::Kind("FLAC".into()), 415, "it is FLAC; WAV, MP3"),
            (Error::Empty, 400, "no audio is in it"),
            (Error::NoChunk("fmt "), 400, "\"fmt \" chunk"),
            (format, 400, "4000 to 192000 Hz is"),
            (damaged, 400, "MP3 frame 3, 72 ms into it, is damaged"),
            (Error::Resample("x".into()), 400, "it cannot be resampled: x"),
        ] {
            let problem = refused(&error);
            assert_eq!(problem.status, status, "{error}");
            assert!(problem.message.starts_with("file: "), "{}", problem.message);
            assert!(problem.message.contains(says), "{}", problem.message);
            let chinese = crate::api::messages::in_chinese(&problem.message);
            assert!(chinese.is_some_and(|text| text.starts_with("file：")), "{}", problem.message);
        }
    }
}
