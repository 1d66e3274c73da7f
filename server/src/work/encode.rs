//! MP3 and Opus beside the WAV, at the lowest priority. A sealed WAV gets sealed ones.

use super::behind::behind_the_rest;
use super::jobs::{Done, Problem};
use crate::config::Config;
use mediacore::edge::encode::encode_wav;
use mediacore::edge::keys::Keys;
use mediacore::encode::{Encoding, Error};
use mediacore::mp3::{self, Mp3Options};
use mediacore::ogg_opus;
use mediacore::record::seal::Keyring;
use mediacore::record::sealed::ENDING;
use serde::{Deserialize, Serialize};
use std::path::{Component, Path};
use tokio::sync::OwnedSemaphorePermit;

/// A form that is encoded from the WAV.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// MPEG layer III.
    Mp3,
    /// Ogg Opus.
    Opus,
}

/// Bit rates of both.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Of MP3, in kbit/s over both channels.
    pub mp3_kbit: u32,
    /// Of Opus, in kbit/s over both channels.
    pub opus_kbit: u32,
}

impl Rates {
    /// As configured.
    pub fn of(config: &Config) -> Rates {
        let recording = &config.recording;
        Rates { mp3_kbit: recording.mp3_kbit, opus_kbit: recording.opus_kbit }
    }
}

impl Form {
    /// Both.
    pub const ALL: [Form; 2] = [Form::Mp3, Form::Opus];

    /// What its file ends in.
    pub fn extension(self) -> &'static str {
        match self {
            Form::Mp3 => "mp3",
            Form::Opus => "opus",
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Form::Mp3 => "audio/mpeg",
            Form::Opus => "audio/ogg; codecs=opus",
        }
    }

    /// Its encoder.
    pub fn encoding(self) -> Encoding {
        match self {
            Form::Mp3 => Encoding::Mp3,
            Form::Opus => Encoding::Opus,
        }
    }

    /// Where it lies, beside `wav`: `7.wav.sealed` has `7.mp3.sealed`. `None` for what is no WAV.
    pub fn beside(self, wav: &str) -> Option<String> {
        let (clear, ending) = match wav.strip_suffix(ENDING) {
            Some(clear) => (clear, ENDING),
            None => (wav, ""),
        };
        Some(format!("{}.{}{ending}", clear.strip_suffix(".wav")?, self.extension()))
    }
}

/// Encodes `wav`, relative to `recordings`, unless it is done already. `turn` is given back once no
/// thread writes any more, which may be after whoever asked has given up.
///
/// # Errors
/// 400 for a path that leaves the folder, 404 without a WAV, 500 when encoding fails.
pub async fn encode(
    recordings: &Path,
    wav: &str,
    form: Form,
    rates: Rates,
    keys: Option<Keys>,
    turn: Option<OwnedSemaphorePermit>,
) -> Result<Done, Problem> {
    let stays = Path::new(wav).components().all(|part| matches!(part, Component::Normal(_)));
    let Some(target) = form.beside(wav).filter(|_| stays) else {
        return Err(Problem::new(400, "path", "This is no recording.", wav.to_owned()));
    };
    let (source, target) = (recordings.join(wav), recordings.join(target));
    let content_type = form.media_type().to_owned();
    let done = || Done { content_type, truncated: false, body: Vec::new() };
    if target.exists() {
        return Ok(done());
    }
    if !source.exists() {
        return Err(Problem::new(404, "missing", "There is no such recording.", wav.to_owned()));
    }
    let encoding = behind_the_rest("encode", move || {
        let _turn = turn;
        make(&source, &target, form, rates, keys.as_ref().map(|keys| &*keys.ring))
    });
    match encoding.await {
        Ok(Ok(())) => Ok(done()),
        Ok(Err(error)) => Err(failed(&told(&error))),
        Err(error) => Err(failed(&error)),
    }
}

/// Makes one file from another; one that has the name already is replaced when the new one is
/// whole.
///
/// # Errors
/// [`Error`]; what was there stays then.
pub fn make(
    source: &Path,
    target: &Path,
    form: Form,
    rates: Rates,
    ring: Option<&Keyring>,
) -> Result<(), Error> {
    match form {
        Form::Mp3 => {
            let kbit = u16::try_from(rates.mp3_kbit).unwrap_or(32);
            let options = Mp3Options { kbit, stereo: true };
            let encoder = |format| mp3::Encoder::new(options, format);
            encode_wav(source, target, ring, encoder, &mut |_| {})
        }
        Form::Opus => {
            let kbit = u16::try_from(rates.opus_kbit).unwrap_or(24);
            let encoder = |format| ogg_opus::Encoder::new(kbit, format);
            encode_wav(source, target, ring, encoder, &mut |_| {})
        }
    }
}

/// The error and what it comes from.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn failed(detail: &str) -> Problem {
    Problem::new(500, "encoding", "The recording could not be encoded.", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::sync::Semaphore;

    #[tokio::test]
    async fn the_turn_of_who_gave_up_ends_with_the_thread_that_writes() {
        let folder = tempfile::tempdir().unwrap();
        // A pipe: whoever opens it waits for somebody who writes.
        let wav = folder.path().join("7.wav");
        let path = CString::new(wav.as_os_str().as_bytes()).unwrap();
        // SAFETY: mkfifo reads a text that ends with NUL and keeps nothing of it.
        assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
        let turns = Arc::new(Semaphore::new(1));
        let turn = turns.clone().acquire_owned().await.unwrap();
        let rates = Rates { mp3_kbit: 32, opus_kbit: 24 };
        let asked = encode(folder.path(), "7.wav", Form::Mp3, rates, None, Some(turn));
        assert!(tokio::time::timeout(Duration::from_millis(20), asked).await.is_err());
        assert_eq!(turns.available_permits(), 0, "the thread goes on");
        drop(std::fs::OpenOptions::new().write(true).open(&wav).unwrap());
        let _next = turns.acquire().await.unwrap();
    }

    #[test]
    fn a_rendering_lies_beside_its_wav_and_is_sealed_where_it_is() {
        assert_eq!(Form::Mp3.beside("1/d/7.wav").as_deref(), Some("1/d/7.mp3"));
        assert_eq!(Form::Opus.beside("1/d/7.wav.sealed").as_deref(), Some("1/d/7.opus.sealed"));
        for none in ["1/d/7.mp3", "1/d/7", "7.sealed", ""] {
            assert_eq!(Form::Mp3.beside(none), None, "{none}");
        }
    }
}
