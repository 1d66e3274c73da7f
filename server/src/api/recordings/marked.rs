//! A copy of a recording that says within it who fetched it and when. The stored file, sealed or not,
//! stays as it is: the copy has a beginning of its own, and what follows is read from the file. The
//! audit table has the hash of both, so that a copy that turns up is known again.

use super::AudioFormat;
use crate::api::Api;
use crate::api::download::{self, Download};
use crate::api::guard::Caller;
use crate::api::problem::Problem;
use crate::api::watermark::Stamp;
use axum::http::{HeaderValue, Method};
use axum::response::Response;
use desk::secret::hex;
use mediacore::edge::rendering::Rendering;
use mediacore::mark::{self, START_BYTES};
use sha2::{Digest, Sha256};
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use terms::RecordingId;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// The header with the hash of the stored file.
const STORED: &str = "x-stored-sha256";

/// A copy that is read once.
pub(super) struct Marked {
    start: Cursor<Vec<u8>>,
    /// Bytes of the file that the beginning stands for.
    replaced: u64,
    rest: Rendering,
}

impl Marked {
    /// A copy with `line` in it. A file whose beginning is another than we write is copied without.
    pub(super) fn new(
        mut file: Rendering,
        format: AudioFormat,
        line: Option<&str>,
    ) -> io::Result<Marked> {
        let bytes = file.clear_bytes();
        let mut start = Vec::new();
        file.by_ref().take(START_BYTES as u64).read_to_end(&mut start)?;
        let marked = line.and_then(|line| match format {
            AudioFormat::Wav => mark::wav(&start, bytes, line),
            AudioFormat::Mp3 => mark::mp3(&start, line),
            AudioFormat::Opus => mark::opus(&start, line),
        });
        if line.is_some() && marked.is_none() {
            tracing::warn!(bytes, "a recording begins with nothing that a mark fits into");
        }
        let (start, replaced) =
            marked.map_or((Vec::new(), 0), |marked| (marked.bytes, marked.replaced as u64));
        let mut copy = Marked { start: Cursor::new(start), replaced, rest: file };
        copy.rewind()?;
        Ok(copy)
    }

    /// How long it is.
    pub(super) fn length(&self) -> u64 {
        self.start.get_ref().len() as u64 + self.rest.clear_bytes() - self.replaced
    }

    /// Its hash.
    fn sha256(&mut self) -> io::Result<String> {
        let (mut hash, mut chunk) = (Sha256::new(), vec![0; CHUNK_BYTES]);
        loop {
            let got = self.read(&mut chunk)?;
            if got == 0 {
                break;
            }
            hash.update(&chunk[..got]);
        }
        self.rewind()?;
        Ok(hex(&hash.finalize()))
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.start.set_position(0);
        self.rest.seek(SeekFrom::Start(self.replaced)).map(|_| ())
    }
}

impl Read for Marked {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.start.read(out)? {
            0 => self.rest.read(out),
            got => Ok(got),
        }
    }
}

/// What is copied, and what is said of it.
pub(super) struct Copied {
    pub recording: RecordingId,
    pub format: AudioFormat,
    /// The hash of the stored file, where it is known.
    pub stored: Option<String>,
    /// Who fetches it.
    pub line: String,
}

impl Api {
    /// What a copy to keep says; nothing for what is only listened to.
    pub(super) async fn stamp_of(
        &self,
        caller: &Caller,
        download: bool,
    ) -> Result<Option<Stamp>, Problem> {
        if download { self.stamp(caller).await } else { Ok(None) }
    }

    /// The copy as an answer.
    pub(super) async fn copy(
        &self,
        caller: &Caller,
        Copied { recording, format, stored, line }: Copied,
        file: Rendering,
        method: &Method,
    ) -> Result<Response, Problem> {
        let made = tokio::task::spawn_blocking(move || {
            let mut copy = Marked::new(file, format, Some(line.as_str()))?;
            let sha256 = copy.sha256()?;
            io::Result::Ok((copy, sha256))
        });
        let failed = |error: &dyn std::error::Error| {
            Problem::internal(format!("copy recording {recording}: {error}"))
        };
        let made = made.await.map_err(|error| failed(&error))?;
        let (copy, sha256) = made.map_err(|error| failed(&error))?;
        if *method == Method::GET {
            let kept = stored.as_deref().unwrap_or("unknown");
            let subject =
                format!("{recording} {}, stored {kept}, sent {sha256}", format.extension());
            self.store.note(caller.tenant(), &caller.by(), "recording.download", &subject).await?;
        }
        let what = Download {
            length: copy.length(),
            etag: &format!("\"{sha256}\""),
            name: &format!("{recording}.{}", format.extension()),
            media_type: format.media_type(),
        };
        let mut response = download::whole(copy, &what, method);
        if let Some(Ok(stored)) = stored.as_deref().map(HeaderValue::from_str) {
            response.headers_mut().insert(STORED, stored);
        }
        Ok(response)
    }
}
