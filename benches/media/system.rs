//! The systems under test, as the bench sees them: a process that is told where both parties of each
//! call listen and answers where they should send.

use crate::rtpengine::Rtpengine;
use crate::server::Child;
use anyhow::Result;
use std::fmt;
use std::path::{Path, PathBuf};
use terms::media::Fingerprint;

pub use benches::media::crowd::Pair;

/// Which system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Ours on io_uring, recording.
    Ours,
    /// rtpengine in user space, recording to pcap.
    RtpengineRecording,
    /// rtpengine in user space.
    Rtpengine,
    /// Ours on epoll, recording.
    Epoll,
    /// Ours on io_uring, not recording.
    OursPlain,
    /// Sockets connected in pairs, received and sent by io_uring, and nothing else.
    Bare,
    /// Ours, recording, with SRTP on both sides.
    Srtp,
    /// Ours, recording, G.722 to G.711.
    G722,
    /// Ours, recording, Opus to G.711.
    Opus,
    /// Ours, recording, G.729 to G.711.
    G729,
    /// Ours, recording, Opus of a page in a browser to G.711.
    Webrtc,
}

impl Kind {
    /// Those that carry the same plain G.711.
    pub const ALL: [Kind; 6] = [
        Kind::Ours,
        Kind::RtpengineRecording,
        Kind::Rtpengine,
        Kind::Epoll,
        Kind::OursPlain,
        Kind::Bare,
    ];

    /// Those whose legs are encrypted or transcoded.
    pub const LEGS: [Kind; 5] = [Kind::Srtp, Kind::Webrtc, Kind::G722, Kind::Opus, Kind::G729];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ours => "switchgrid io_uring, recording",
            Kind::RtpengineRecording => "rtpengine, recording",
            Kind::Rtpengine => "rtpengine",
            Kind::Epoll => "switchgrid epoll, recording",
            Kind::OursPlain => "switchgrid io_uring",
            Kind::Bare => "bare loop",
            Kind::Srtp => "switchgrid, SRTP on both sides, recording",
            Kind::G722 => "switchgrid, G.722 to G.711, recording",
            Kind::Opus => "switchgrid, Opus to G.711, recording",
            Kind::G729 => "switchgrid, G.729 to G.711, recording",
            Kind::Webrtc => "switchgrid, Opus of a page (WebRTC) to G.711, recording",
        }
    }

    /// Whether calls are recorded.
    pub fn records(self) -> bool {
        match self {
            Kind::Ours | Kind::Epoll | Kind::RtpengineRecording => true,
            Kind::Srtp | Kind::G722 | Kind::Opus | Kind::G729 | Kind::Webrtc => true,
            Kind::Rtpengine | Kind::OursPlain | Kind::Bare => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = clap::ValueEnum::to_possible_value(self).expect("no variant is skipped");
        f.write_str(value.get_name())
    }
}

/// What is known when all calls have ended.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Ending {
    /// Frames handed to the recorder.
    pub frames_expected: u64,
    /// Of those, not on disk.
    pub frames_missing: u64,
    /// Rendered files.
    pub files: Vec<PathBuf>,
    /// CPU time of rendering them.
    pub render_cpu_us: u64,
}

/// What our engine holds and has moved, at most 100 ms ago.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Open legs.
    pub legs: usize,
    /// Rooms.
    pub rooms: usize,
    /// Recordings that run.
    pub recordings: usize,
    /// RTP packets received.
    pub packets_in: u64,
    /// RTP packets sent.
    pub packets_out: u64,
    /// Receives that found no free buffer.
    pub buffers_short: u64,
    /// Receive buffers that were filled and not given back.
    pub buffers_out: u64,
}

/// A running system.
pub trait System {
    /// Its process.
    fn pid(&self) -> u32;
    /// Opens calls: where their parties listen, to where they should send.
    ///
    /// # Errors
    /// What was refused.
    fn open(&mut self, calls: &[Pair]) -> Result<Vec<Pair>>;
    /// The same for callers who are pages and show the certificate `pages`; and which one the system
    /// shows.
    ///
    /// # Errors
    /// What was refused, or when pages do not come here.
    fn open_pages(&mut self, _: &[Pair], _: Fingerprint) -> Result<(Vec<Pair>, Fingerprint)> {
        anyhow::bail!("no pages come here")
    }
    /// Ends all calls.
    ///
    /// # Errors
    /// What went wrong.
    fn end_calls(&mut self) -> Result<Ending>;
    /// What it counted.
    ///
    /// # Errors
    /// When it has ended, or is not ours.
    fn counts(&mut self) -> Result<Counts> {
        anyhow::bail!("only our engine is asked what it counted")
    }
}

/// Starts a system on a core, with a folder of its own for recordings.
///
/// # Errors
/// What kept it from starting.
pub fn start(kind: Kind, core: usize, folder: &Path) -> Result<Box<dyn System>> {
    match kind {
        Kind::Rtpengine | Kind::RtpengineRecording => {
            Ok(Box::new(Rtpengine::start(kind.records(), core, folder)?))
        }
        _ => Ok(Box::new(Child::start(kind, core, folder)?)),
    }
}
