//! A set of recordings as one zip, sent while it is made. What is found is counted first: a set that
//! is too large is refused with its number, and by whom it can be had. The audit row is written
//! before the first byte goes.

use super::marked::Marked;
use super::{AudioFormat, Search, sha256_of_wav};
use crate::api::extract::{Id, Params};
use crate::api::guard::{Caller, Guard};
use crate::api::problem::Problem;
use crate::api::{Api, Shared};
use crate::bundle::recordings::Set;
use crate::bundle::{Pipe, pipe};
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use desk::Permission;
use mediacore::edge::rendering::Rendering;
use std::fmt::Write as _;
use std::io::{self, BufWriter, Read, Write};
use std::str::FromStr;
use terms::Timestamp;
use terms::record::Recording;
use tokio::sync::mpsc::{self, Receiver, Sender};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warehouse::recordings;

/// Sets that are sent at a time.
pub(in crate::api) const EXPORTS_MAX: usize = 4;
/// Rows read at a time.
const PAGE: usize = 200;
/// Bytes that go to the reader at a time.
const CHUNK_BYTES: usize = 64 << 10;

impl FromStr for AudioFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "wav" => Ok(AudioFormat::Wav),
            "mp3" => Ok(AudioFormat::Mp3),
            "opus" => Ok(AudioFormat::Opus),
            _ => Err(()),
        }
    }
}

/// A part of the set on its way to the thread that writes it.
enum Piece {
    /// With the hash of the file that is kept, where it is known.
    Found(Box<Recording>, Box<Rendering>, Option<String>),
    Missing(Box<Recording>, Box<str>),
    /// Nothing is left out: without it the set is not finished.
    End,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::RecordingsExport, routes!(export)))
}

/// Fetch every recording that is found as one zip, with `index.csv` and `SHA256SUMS`.
///
/// It is sent while it is made; a connection that ends without the zip's end brought half of it. Where
/// the organisation wants it each recording says who fetched it and when; `stored_sha256` of the index
/// is then the hash of what is kept, `sha256` that of what is in the zip.
#[utoipa::path(
    get, path = "/api/v1/recordings/export/{format}", tag = "recordings",
    params(("format" = String, Path, description = "`wav`, `mp3` or `opus`"), Search),
    responses(
        (status = 200, description = "The set", content_type = "application/zip", body = Vec<u8>),
        (status = 413, description = "More recordings are found than one export may have (`export.recordings_max`)", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Other exports are running", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn export(
    State(api): State<Shared>,
    caller: Caller,
    Id(format): Id<AudioFormat>,
    Params(search): Params<Search>,
) -> Result<Response, Problem> {
    caller.must_see_numbers()?;
    for (field, is_set) in [("cursor", search.cursor.is_some()), ("limit", search.limit.is_some())]
    {
        if is_set {
            let message = format!("{field}: an export has no pages; leave it out");
            return Err(Problem::invalid(field, message));
        }
    }
    let found = api.search_of(&caller, &search).await?;
    let mut search = found.ok_or_else(Problem::forbidden)?;
    search.kept = true;
    let count = api.warehouse.recordings_matching(&search).await?;
    let most = api.limits.export_max;
    if count > u64::from(most) {
        let message = format!(
            "{count} recordings fit, an export has at most {most} (export.recordings_max); choose a \
             shorter period, or have them copied by `switchgrid recording export`."
        );
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message));
    }
    let turn = api.exports.clone().try_acquire_owned();
    let turn = turn.map_err(|_| {
        Problem::unavailable("Other exports are running; try again in a minute.", "")
    })?;
    let line = api.stamp(&caller).await?.map(|stamp| stamp.line());
    let subject = format!("{count} recordings {} {}", format.extension(), told(&search));
    api.store.note(caller.tenant(), &caller.by(), "recording.export", &subject).await?;

    let (to, body) = pipe();
    let (pieces, from) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || write(from, format, line.as_deref(), to));
    tokio::spawn(async move {
        if let Err(problem) = api.find_all(search, format, &pieces).await {
            tracing::error!(?problem, "an export ended before its end");
        }
        drop(turn);
    });
    let disposition = "attachment; filename=\"recordings.zip\"";
    let headers =
        [(header::CONTENT_TYPE, "application/zip"), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// The search as the audit table has it, its most telling part first.
fn told(search: &recordings::Search) -> String {
    let time = |at: Option<Timestamp>| at.map_or_else(|| "…".to_owned(), |at| at.to_string());
    let mut told = format!("from {} to {}", time(search.from), time(search.to));
    for (what, value) in [
        ("caller", search.caller.clone()),
        ("number", search.number.clone()),
        ("agent", search.agent.map(|id| id.to_string())),
        ("queue", search.queue.map(|id| id.to_string())),
        ("call", search.call.map(|id| id.to_string())),
        ("calls", search.calls.as_ref().map(|calls| calls.len().to_string())),
    ] {
        if let Some(value) = value {
            write!(told, " {what} {value}").expect("a string takes text");
        }
    }
    told
}

impl Api {
    /// Opens one file after the other. It ends early when nobody reads any more.
    async fn find_all(
        &self,
        mut search: recordings::Search,
        format: AudioFormat,
        pieces: &Sender<Piece>,
    ) -> Result<(), Problem> {
        loop {
            let page = self.warehouse.recordings(&search, PAGE).await?;
            let Some(last) = page.last().map(|last| &last.recording) else { break };
            search.before = Some((last.started_at, last.recording_id));
            for found in page {
                let rendering = self.rendering(&found, format).await;
                let stored = match format {
                    AudioFormat::Wav => sha256_of_wav(&found).cloned(),
                    AudioFormat::Mp3 | AudioFormat::Opus => None,
                };
                let of = Box::new(found.recording);
                let piece = match rendering {
                    Ok(rendering) => Piece::Found(of, Box::new(rendering), stored),
                    Err(problem) => Piece::Missing(of, problem.message),
                };
                if pieces.send(piece).await.is_err() {
                    return Ok(());
                }
            }
        }
        // A writer that has gone knows why.
        let _ = pieces.send(Piece::End).await;
        Ok(())
    }
}

/// Writes the set as its parts come. Whatever fails, the reader gets no end that looks good.
fn write(mut from: Receiver<Piece>, format: AudioFormat, line: Option<&str>, to: Pipe) {
    let refuser = to.refuser();
    let mut set = Set::new(BufWriter::with_capacity(CHUNK_BYTES, to));
    if let Err(error) = fill(&mut set, &mut from, format, line) {
        tracing::warn!(%error, "an export was not sent whole");
        // What is dropped half-way writes an end of its own: the refusal comes before it.
        refuser.refuse(error);
        return;
    }
    if let Err(error) = set.finish() {
        tracing::warn!(%error, "an export was not sent whole");
        refuser.refuse(error);
    }
}

fn fill(
    set: &mut Set<impl Write>,
    from: &mut Receiver<Piece>,
    format: AudioFormat,
    line: Option<&str>,
) -> io::Result<()> {
    loop {
        match from.blocking_recv() {
            Some(Piece::Found(of, rendering, stored)) => {
                let mut copy = Marked::new(*rendering, format, line)?;
                let file = (copy.length(), &mut copy as &mut dyn Read);
                set.add(&of, format.extension(), file, stored.as_deref())?;
            }
            Some(Piece::Missing(of, why)) => set.note_missing(&of, &why),
            Some(Piece::End) => return Ok(()),
            None => return Err(io::Error::other("the set was not read to its end")),
        }
    }
}
