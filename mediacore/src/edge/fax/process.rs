//! The process of one fax: what it is for, then frames of 20 ms on its input; one answered for each on
//! its output, and a line of JSON at the end. Nothing of it stands on a command line.
//!
//! ```text
//! in:  a line of JSON: a [`Task`]                                   once
//!      'a' and 320 bytes, 160 samples of 16 bits, little-endian     again and again, or the end
//! out: 'a' and 320 bytes of the same kind                           for each of them, or instead
//!      'r' and a line of JSON: a [`Report`]                         once, and nothing after it
//! ```
//!
//! Once T.38 is agreed it speaks packets in place of samples:
//!
//! ```text
//! in:  't' and a line of JSON: [`FaxTerms`]                         once, instead of an 'a'
//!      'p', number u16, length u16, so many octets                  any number, not answered
//!      'b'                                                          every 20 ms, or the end
//! out: 'p', copies u8, length u16, so many octets                   any number, then
//!      'b'                                                          for each 'b'; or the report
//! ```
//!
//! T.30 begins anew then, with the same file: gateways change over when they hear the first signal
//! of a machine, before there is a page. Where pages were confirmed already, those are what there
//! is.
//!
//! It reads and writes the one file that it is told, and can do little else ([`super::confine`]).

use super::spandsp::{Pages, Session, Terminal};
use crate::shard::documents::{FRAME_SAMPLES, FaxFrame, FaxHeard};
use crate::udptl::stream::PACKET_BYTES_MAX;
use serde::{Deserialize, Serialize};
use std::ffi::{CStr, CString};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use terms::media::{FaxTerms, SeqNo};

/// Octets of a frame.
pub const FRAME_BYTES: usize = FRAME_SAMPLES * 2;
/// Before a frame of audio.
pub const AUDIO: u8 = b'a';
/// Before the terms of T.38.
const AGREED: u8 = b't';
/// Before a packet.
pub const PACKET: u8 = b'p';
/// Alone: 20 ms have passed, and what was said meanwhile stands before the answer.
pub const BEAT: u8 = b'b';
/// Before the report.
pub const REPORT: u8 = b'r';
/// What is still said when all is over, so that the end of the last signal has left: 200 ms.
const TAIL_FRAMES: u32 = 10;
/// Longest line of a task, or of terms.
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
    let report = match serve_task(&mut input, &mut output) {
        Ok(report) => report,
        Err(Ended::Unable(text)) => Report { text, ..Report::default() },
        Err(Ended::Line(error)) => return Err(error),
    };
    output.write_all(&[REPORT])?;
    serde_json::to_writer(&mut output, &report)?;
    output.write_all(b"\n")?;
    output.flush()
}

/// Why there is no report of the machine's own.
enum Ended {
    /// It cannot be begun, in words.
    Unable(String),
    /// Nobody listens.
    Line(io::Error),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Ended::Line(error)
    }
}

fn serve_task(input: &mut impl Read, output: &mut impl Write) -> Result<Report, Ended> {
    let task: Task = serde_json::from_slice(&read_line(input)?).map_err(io::Error::from)?;
    let path = path_of(&task)?;
    let session = Session::new(task.pages(&path), &task.station, task.ecm);
    let session = session.map_err(Ended::Unable)?;
    match talk(session, input, output)? {
        Over::Done(report) => Ok(report),
        Over::Agreed(terms) => {
            let terminal = Terminal::new(task.pages(&path), &task.station, task.ecm, &terms);
            Ok(talk_packets(terminal.map_err(Ended::Unable)?, input, output)?)
        }
    }
}

fn read_line(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let (mut line, mut octet) = (Vec::new(), [0]);
    while octet != [b'\n'] && line.len() < TASK_BYTES_MAX {
        input.read_exact(&mut octet)?;
        line.extend(octet);
    }
    Ok(line)
}

fn path_of(task: &Task) -> Result<CString, Ended> {
    let path = task.file.as_os_str().as_bytes();
    if path.len() > PATH_BYTES_MAX {
        return Err(Ended::Unable(format!("a path of {} bytes is too long", path.len())));
    }
    CString::new(path).map_err(|_| Ended::Unable("a path with a zero".to_owned()))
}

impl Task {
    fn pages<'a>(&self, path: &'a CStr) -> Pages<'a> {
        if self.sends { Pages::Send(path) } else { Pages::Receive(path) }
    }
}

/// What became of a machine that spoke in sound.
enum Over {
    Done(Report),
    /// It is to speak T.38, and its file is closed.
    Agreed(FaxTerms),
}

fn talk(mut session: Session, input: &mut impl Read, output: &mut impl Write) -> io::Result<Over> {
    let mut tail = TAIL_FRAMES;
    loop {
        let mut samples = match read_heard(input)? {
            Some(FaxHeard::Sound(samples)) => samples,
            Some(FaxHeard::Agreed(terms)) if !session.is_over() && session.pages() == 0 => {
                return Ok(Over::Agreed(terms));
            }
            Some(FaxHeard::Agreed(_) | FaxHeard::Packet(..) | FaxHeard::Beat) | None => {
                session.hang_up();
                break;
            }
        };
        if session.is_over() {
            if tail == 0 {
                break;
            }
            tail -= 1;
        }
        session.hear(&mut samples);
        session.say(&mut samples);
        let mut answer = [AUDIO; 1 + FRAME_BYTES];
        answer[1..].copy_from_slice(&octets(&samples));
        output.write_all(&answer)?;
        output.flush()?;
    }
    Ok(Over::Done(session.end()))
}

fn talk_packets(
    mut terminal: Terminal,
    input: &mut impl Read,
    output: &mut impl Write,
) -> io::Result<Report> {
    let mut tail = TAIL_FRAMES;
    loop {
        match read_heard(input)? {
            Some(FaxHeard::Packet(seq, octets)) => {
                terminal.hear(seq, &octets);
                continue;
            }
            Some(FaxHeard::Beat) => {}
            Some(FaxHeard::Sound(_) | FaxHeard::Agreed(_)) | None => {
                terminal.hang_up();
                break;
            }
        }
        if terminal.is_over() {
            if tail == 0 {
                break;
            }
            tail -= 1;
        }
        let mut answer = Vec::new();
        for packet in terminal.say(FRAME_SAMPLES) {
            answer.extend([PACKET, packet.copies]);
            answer.extend(length(&packet.octets));
            answer.extend(packet.octets);
        }
        answer.push(BEAT);
        output.write_all(&answer)?;
        output.flush()?;
    }
    Ok(terminal.end())
}

/// Before so many octets.
fn length(octets: &[u8]) -> [u8; 2] {
    u16::try_from(octets.len()).unwrap_or(u16::MAX).to_be_bytes()
}

/// What a machine hears, as it stands on the line.
pub(super) fn heard(heard: &FaxHeard) -> io::Result<Vec<u8>> {
    Ok(match heard {
        FaxHeard::Sound(samples) => [&[AUDIO][..], &octets(samples)].concat(),
        FaxHeard::Agreed(terms) => {
            [&[AGREED][..], &serde_json::to_vec(terms)?[..], &b"\n"[..]].concat()
        }
        FaxHeard::Packet(seq, octets) => {
            let head = [&[PACKET][..], &seq.0.to_be_bytes(), &length(octets)].concat();
            [&head[..], &octets[..]].concat()
        }
        FaxHeard::Beat => vec![BEAT],
    })
}

/// The next of it; `None` is the end of the line, wherever it was cut.
fn read_heard(input: &mut impl Read) -> io::Result<Option<FaxHeard>> {
    match read_one(input) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        read => read.map(Some),
    }
}

fn read_one(input: &mut impl Read) -> io::Result<FaxHeard> {
    let mut kind = [0];
    input.read_exact(&mut kind)?;
    match kind[0] {
        AUDIO => {
            let mut bytes = [0; FRAME_BYTES];
            input.read_exact(&mut bytes)?;
            Ok(FaxHeard::Sound(samples(&bytes)))
        }
        AGREED => Ok(FaxHeard::Agreed(serde_json::from_slice(&read_line(input)?)?)),
        PACKET => {
            let mut seq = [0; 2];
            input.read_exact(&mut seq)?;
            Ok(FaxHeard::Packet(SeqNo(u16::from_be_bytes(seq)), read_packet(input)?))
        }
        BEAT => Ok(FaxHeard::Beat),
        other => Err(io::Error::other(format!("it is told byte {other}"))),
    }
}

/// A packet with its length before it.
pub(super) fn read_packet(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut len = [0; 2];
    input.read_exact(&mut len)?;
    let len = usize::from(u16::from_be_bytes(len));
    if len == 0 || len > PACKET_BYTES_MAX {
        return Err(io::Error::other(format!("a packet of {len} bytes")));
    }
    let mut octets = vec![0; len];
    input.read_exact(&mut octets)?;
    Ok(octets)
}

/// A frame as it stands on the wire.
pub fn samples(bytes: &[u8; FRAME_BYTES]) -> FaxFrame {
    std::array::from_fn(|n| i16::from_le_bytes([bytes[2 * n], bytes[2 * n + 1]]))
}

/// The same back.
pub fn octets(samples: &FaxFrame) -> [u8; FRAME_BYTES] {
    std::array::from_fn(|n| samples[n / 2].to_le_bytes()[n % 2])
}
