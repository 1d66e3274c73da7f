//! MP3 beside the WAV, at the lowest priority.

use super::jobs::{Done, Problem};
use std::path::{Component, Path};

/// Encodes `wav`, relative to `recordings`, unless its MP3 is already there.
///
/// # Errors
/// 400 for a path that leaves the folder, 404 without a WAV, 500 when encoding fails.
pub async fn encode(recordings: &Path, wav: &str, kbit: u32) -> Result<Done, Problem> {
    let relative = Path::new(wav);
    let stays = relative.components().all(|part| matches!(part, Component::Normal(_)))
        && relative.extension().is_some_and(|extension| extension == "wav");
    if !stays {
        return Err(Problem::new(400, "path", "This is no recording.", wav.to_owned()));
    }
    let source = recordings.join(relative);
    let target = source.with_extension("mp3");
    let done = || Done { content_type: "audio/mpeg".into(), truncated: false, body: Vec::new() };
    if target.exists() {
        return Ok(done());
    }
    if !source.exists() {
        return Err(Problem::new(404, "missing", "There is no such recording.", wav.to_owned()));
    }
    let encoding = tokio::task::spawn_blocking(move || {
        let kbit = u16::try_from(kbit).unwrap_or(32);
        let options = mediacore::mp3::Mp3Options { kbit, stereo: true };
        mediacore::mp3::encode_wav_to_mp3(&source, &target, options, &mut |_| {})
    });
    match encoding.await {
        Ok(Ok(_)) => Ok(done()),
        Ok(Err(error)) => Err(failed(&error.to_string())),
        Err(panic) => Err(failed(&panic.to_string())),
    }
}

fn failed(detail: &str) -> Problem {
    Problem::new(500, "encoding", "The recording could not be encoded.", detail)
}
