//! The process of one fax: what it is for, then frames of 20 ms on its input; one answered for each on
//! its output, and a line of JSON at the end. Nothing of it stands on a command line.
//!
//! ```text
//! in:  a line of JSON: a [`Task`]                                   once
//!      320 bytes, 160 samples of 16 bits, little-endian, 8 kHz      again and again, or the end
//! out: 'a' and 320 bytes of the same kind                           for each of them, or instead
//!      'r' and a line of JSON: a [`Report`]                         once, and nothing after it
//! ```
//!
//! It reads and writes the one file that it is told, and can do little else ([`super::confine`]).

use super::spandsp::{Pages, Session};
use crate::shard::documents::{FRAME_SAMPLES, FaxFrame};
use serde::{Deserialize, Serialize};
use std::ffi::CString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Octets of a frame.
pub const FRAME_BYTES: usize = FRAME_SAMPLES * 2;
/// Before a frame of audio.
pub const AUDIO: u8 = b'a';
/// Before the report.
pub const REPORT: u8 = b'r';
/// What is still said when all is over, so that the end of the last signal has left: 200 ms.
const TAIL_FRAMES: u32 = 10;
/// Longest line of a task.
const TASK_BYTES_MAX: usize = 8_192;
/// Longest path of a file, in bytes: the library copies no more.
const PATH_BYTES_MAX: usize = 255;

/// What it writes at most: some thousand pages.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// What the process is started for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// It sends the file; else it receives it.
    pub sends: bool,
    /// The file.
    pub file: PathBuf,
    /// What the other machine shows of us.
    pub station: String,
    /// Error correction, where the other machine knows it.
    pub ecm: bool,
}

/// How it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// All pages went over, and both machines know.
    pub complete: bool,
    /// Pages that were confirmed.
    pub pages: u32,
    /// With error correction.
    pub ecm: bool,
    /// Bits per second of the last page.
    pub bit_rate: u32,
    /// What the other machine calls itself.
    pub station: String,
    /// In words.
    pub text: String,
}

/// Speaks for one machine until it is done or its input ends. What cannot be begun is reported, too.
///
/// # Errors
/// When nobody listens.
pub fn serve(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let report = match begin(&read_task(&mut input)?) {
        Ok(session) => talk(session, &mut input, &mut output)?,
        Err(text) => Report { text, ..Report::default() },
    };
    output.write_all(&[REPORT])?;
    serde_json::to_writer(&mut output, &report)?;
    output.write_all(b"\n")?;
    output.flush()
}

fn read_task(input: &mut impl Read) -> io::Result<Task> {
    let (mut line, mut octet) = (Vec::new(), [0]);
    while octet != [b'\n'] && line.len() < TASK_BYTES_MAX {
        input.read_exact(&mut octet)?;
        line.extend(octet);
    }
    Ok(serde_json::from_slice(&line)?)
}

fn begin(task: &Task) -> Result<Session, String> {
    let path = task.file.as_os_str().as_bytes();
    if path.len() > PATH_BYTES_MAX {
        return Err(format!("a path of {} bytes is too long", path.len()));
    }
    let path = CString::new(path).map_err(|_| "a path with a zero".to_owned())?;
    let pages = if task.sends { Pages::Send(&path) } else { Pages::Receive(&path) };
    Session::new(pages, &task.station, task.ecm)
}

fn talk(
    mut session: Session,
    input: &mut impl Read,
    output: &mut impl Write,
) -> io::Result<Report> {
    let mut bytes = [0; FRAME_BYTES];
    let mut tail = TAIL_FRAMES;
    loop {
        match input.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                session.hang_up();
                break;
            }
            Err(error) => return Err(error),
        }
        if session.is_over() {
            if tail == 0 {
                break;
            }
            tail -= 1;
        }
        let mut samples = samples(&bytes);
        session.hear(&mut samples);
        session.say(&mut samples);
        let mut answer = [AUDIO; 1 + FRAME_BYTES];
        answer[1..].copy_from_slice(&octets(&samples));
        output.write_all(&answer)?;
        output.flush()?;
    }
    Ok(session.end())
}

/// A frame as it stands on the wire.
pub fn samples(bytes: &[u8; FRAME_BYTES]) -> FaxFrame {
    std::array::from_fn(|n| i16::from_le_bytes([bytes[2 * n], bytes[2 * n + 1]]))
}

/// The same back.
pub fn octets(samples: &FaxFrame) -> [u8; FRAME_BYTES] {
    std::array::from_fn(|n| samples[n / 2].to_le_bytes()[n % 2])
}
