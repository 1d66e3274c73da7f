//! What signaling asks of mediacore and what mediacore answers. The same pair can cross a wire to
//! another box, so every value here is plain data.
//!
//! Order per leg: `Open` → `Opened` → `Connect` (again after every offer/answer) → `Audience`,
//! `Join`, `Play`, `Hold`, `Record` in any order → `Release` → `Released`. A command for a leg that is gone changes
//! nothing and is answered with `Unknown`; a second `Release` is not: hang-ups cross on the wire.

mod codec;
mod dtls;
mod fax;
mod playback;
mod quality;
mod recording;
mod srtp;
mod watch;

pub use codec::Codec;
pub use dtls::{Dtls, DtlsRole, Failure, Fingerprint, Ice, Port};
pub use fax::{
    FAX_DATAGRAM_BYTES_MAX, FAX_NAME_CHARS_MAX, FAX_STATION_CHARS_MAX, FaxOrder, FaxOutcome,
    FaxQuality, FaxRemote, FaxTerms, FaxWay, FaxWork, T38Policy, TrunkT38, is_fax_name,
    is_fax_station,
};
pub use playback::{Interject, Keys, PlayEnd, Playback, SPEECH_CHARS_MAX, Seek, Source};
pub use quality::{FarQuality, MosBand, Playout, Quality, SsrcEpoch, VoipMetrics};
pub use recording::{Before, Ledger, Mark, MarkKind, RecordFormat, RecordTerms, RecordingState};
pub use srtp::{KEY_BYTES_MAX, SALT_BYTES_MAX, Srtp, SrtpKey, SrtpPolicy, SrtpSuite};
pub use watch::{Progress, TonePlan, Watch};

use crate::id::{CallId, ContactId, LegId, PlaybackId, RecordingId, RoomId, TenantId, UserId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// RTP synchronisation source, RFC 3550 §5.1.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub struct Ssrc(pub u32);

/// RTP sequence number, RFC 3550 §5.1; wraps at 65,536.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct SeqNo(pub u16);

impl SeqNo {
    /// Signed distance from `earlier`, in packets, wrap included.
    pub fn distance(self, earlier: SeqNo) -> i16 {
        self.0.wrapping_sub(earlier.0) as i16
    }
}

/// RTP timestamp in ticks of the codec's clock, RFC 3550 §5.1; wraps at 2^32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct RtpTime(pub u32);

impl RtpTime {
    /// Signed distance from `earlier`, in ticks, wrap included.
    pub fn distance(self, earlier: RtpTime) -> i32 {
        self.0.wrapping_sub(earlier.0) as i32
    }
}

/// RTP payload type, 0–127, RFC 3551.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PayloadType(pub u8);

/// What a peer asked of what we send it, in `a=fmtp`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wishes {
    /// Opus: repeat each frame coarsely in the next (`useinbandfec=1`).
    #[serde(default)]
    pub fec: bool,
    /// Opus: send nothing while nobody speaks (`usedtx=1`).
    #[serde(default)]
    pub dtx: bool,
    /// Opus: bits per second at most (`maxaveragebitrate`); zero is no limit.
    #[serde(default)]
    pub bitrate_max: u32,
}

/// Payload numbers of one direction of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payloads {
    /// The audio codec.
    pub codec: Codec,
    /// Its number on this leg.
    pub audio: PayloadType,
    /// `telephone-event` (RFC 4733), where it was agreed.
    pub dtmf: Option<PayloadType>,
    /// Its clock: that of the codec (RFC 4733 §2.1), or 8,000 from phones that know no other.
    pub dtmf_hz: u32,
    /// What the one who receives them asked for.
    pub wishes: Wishes,
}

impl Payloads {
    /// Those of a codec under its own number, without events and wishes.
    pub const fn of(codec: Codec) -> Self {
        Payloads {
            codec,
            audio: codec.payload_type(),
            dtmf: None,
            dtmf_hz: codec.clock_hz(),
            wishes: Wishes { fec: false, dtx: false, bitrate_max: 0 },
        }
    }

    /// The same with events under this number.
    pub const fn with_dtmf(self, number: PayloadType) -> Self {
        Payloads { dtmf: Some(number), ..self }
    }
}

/// What offer and answer agreed for one leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// Where our RTP goes.
    pub rtp: SocketAddr,
    /// Where our RTCP goes; `None` is the RTP port plus one.
    pub rtcp: Option<SocketAddr>,
    /// The numbers we put on packets (from their description).
    pub send: Payloads,
    /// The numbers we accept (from ours).
    pub receive: Payloads,
    /// Their packet time in ms, 10–60.
    pub ptime_ms: u8,
    /// We may send audio (they are not `sendonly` or `inactive`).
    pub may_send: bool,
    /// They may send audio (they are not `recvonly` or `inactive`).
    pub may_receive: bool,
    /// A NAT is declared or was detected: the source may be learned after probation, and only from
    /// `signalling`.
    pub nat: bool,
    /// Where the leg's signalling comes from.
    pub signalling: IpAddr,
    /// Which extended reports they want from us.
    #[serde(default)]
    pub xr: ExtendedReports,
    /// Keys of the description (SDES). Without them and without a handshake it is plain RTP.
    #[serde(default)]
    pub srtp: Option<Srtp>,
    /// The handshake that makes its keys, in place of those above.
    #[serde(default)]
    pub dtls: Option<Dtls>,
    /// Where it is comes from ICE, not from `rtp`.
    #[serde(default)]
    pub ice: Option<Ice>,
    /// RTCP goes the way of RTP, RFC 5761.
    #[serde(default)]
    pub rtcp_mux: bool,
}

/// Blocks of extended reports (RTCP XR) that a peer asked for in `a=rtcp-xr`, RFC 3611 §5.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendedReports {
    /// VoIP Metrics, §4.7.
    #[serde(default)]
    pub voip_metrics: bool,
    /// Receiver Reference Time and DLRR, §4.4 and §4.5: the round trip of who only listens.
    #[serde(default)]
    pub receiver_round_trip: bool,
}

impl Remote {
    /// A plain peer at `rtp`: both ways, 20 ms packets, the same numbers both ways, no NAT,
    /// signalling from the same address.
    pub fn at(rtp: SocketAddr, payloads: Payloads) -> Self {
        Remote {
            rtp,
            rtcp: None,
            send: payloads,
            receive: payloads,
            ptime_ms: 20,
            may_send: true,
            may_receive: true,
            nat: false,
            signalling: rtp.ip(),
            xr: ExtendedReports::default(),
            srtp: None,
            dtls: None,
            ice: None,
            rtcp_mux: false,
        }
    }
}

/// On which side of the stereo file a party stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Side {
    /// Left: the customer.
    Customer,
    /// Right: agents, field workers and all others, mixed.
    Other,
}

/// The beginning of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordStart {
    /// Its name.
    pub recording: RecordingId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The contact it belongs to.
    pub contact: ContactId,
    /// The call it belongs to.
    pub call: CallId,
    /// Wall clock of the first sample.
    pub started_at: Timestamp,
    /// Parties from the start.
    pub parties: Vec<(LegId, Side)>,
    /// What its rule asks of it.
    #[serde(default)]
    pub terms: RecordTerms,
}

/// Who in its room hears a leg. Everybody hears all whose audience they are part of.
///
/// Listening in is [`Audience::Nobody`], coaching an agent [`Audience::Only`] that agent's leg,
/// barging in [`Audience::Everyone`], and mute is [`Audience::Nobody`] again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// All others in the room.
    #[default]
    Everyone,
    /// No one: what others hear is what they would hear without this leg, to the bit.
    Nobody,
    /// This one leg, on whatever shard it is.
    Only(LegId),
}

/// On which shard a leg is opened. It stays there for its whole life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Place {
    /// Where the contact's legs are: a call between two never crosses shards.
    #[default]
    WithContact,
    /// Where the fewest legs are; with its contact's where that is one of them. For who comes into
    /// a conversation that runs: its voice is mixed, not relayed, and a bridge carries it.
    LeastLoaded,
}

/// What signaling asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Reserve a port pair, or a place on the shared port.
    Open {
        /// The leg.
        leg: LegId,
        /// Picks the shard, as `place` says.
        contact: ContactId,
        /// Whose call it is.
        tenant: TenantId,
        /// On which shard.
        place: Place,
        /// On which port.
        #[serde(default)]
        port: Port,
    },
    /// Set or replace what offer and answer agreed.
    Connect {
        /// The leg.
        leg: LegId,
        /// The agreement.
        remote: Box<Remote>,
    },
    /// The leg's port carries T.38 over UDPTL from now on, until the next `Connect`: between two such
    /// legs of one room, unchanged, or with its own machine. Audio is neither heard nor made.
    Fax {
        /// The leg.
        leg: LegId,
        /// The agreement.
        remote: FaxRemote,
    },
    /// What the leg says is a modem's until it ends: where it is mixed or converted nothing is left
    /// out, drawn out or made up any more.
    Modem {
        /// The leg.
        leg: LegId,
    },
    /// A fax machine of ours has the leg from now on: it leaves its room, and what plays there stops.
    /// `FaxDone` follows, even when the leg is released first.
    FaxStart {
        /// The leg.
        leg: LegId,
        /// What the machine is to do.
        order: FaxOrder,
    },
    /// The machine hangs up, if one has the leg.
    FaxStop {
        /// The leg.
        leg: LegId,
    },
    /// A key of the leg is told to its bot, if one has it.
    BotKey {
        /// The leg.
        leg: LegId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        key: char,
    },
    /// The bot loses the leg, if one has it.
    BotStop {
        /// The leg.
        leg: LegId,
    },
    /// Hear and be heard in a room; leaves the room the leg was in. A room begins with its first
    /// leg and ends with its last.
    Join {
        /// The leg.
        leg: LegId,
        /// The room.
        room: RoomId,
    },
    /// Who hears the leg from now on, in this room and the next; [`Audience::Everyone`] until it is
    /// said. Said before `Join`, nobody else ever hears it.
    Audience {
        /// The leg.
        leg: LegId,
        /// Who.
        audience: Audience,
    },
    /// Whether the leg's digits are heard here alone, in this room and the next: they are told, and the
    /// other of two is neither passed their events nor given them anew, nor hears their tone. Digits
    /// are passed on until it is said.
    KeepDigits {
        /// The leg.
        leg: LegId,
        /// They are.
        kept: bool,
    },
    /// Leave the room, if in one.
    Leave {
        /// The leg.
        leg: LegId,
    },
    /// Stay in the room but neither hear it nor be heard in it. Recording goes on.
    Hold {
        /// The leg.
        leg: LegId,
    },
    /// End of hold.
    Resume {
        /// The leg.
        leg: LegId,
    },
    /// Play to the leg; replaces what plays there. While a playback runs the leg hears it instead
    /// of its room; the room hears the leg all the same.
    Play {
        /// The leg.
        leg: LegId,
        /// What and how.
        playback: Playback,
    },
    /// Mix this into what everybody in the room hears, on every core that it is on; replaces what is
    /// announced there. Their voices go on below it, and it stands on no recording. Nobody is told
    /// when it ends. A room that is gone, or a prompt that is missing, changes nothing.
    Announce {
        /// The room.
        room: RoomId,
        /// Played one after the other, once; cut after a minute.
        sources: Vec<Source>,
    },
    /// Mix this into what everybody in the room hears, or one of them, on every core that it is on;
    /// replaces what is announced there. Voices go on below it. Recordings that its voice stands in
    /// (`RecordJoin`) have it. Each core of the room tells its end by `PlayDone`.
    Interject(Box<Interject>),
    /// Say no more of it; nobody is told.
    StopInterject {
        /// A leg of the room.
        leg: LegId,
        /// The room.
        room: RoomId,
        /// Which.
        playback: PlaybackId,
    },
    /// Stop that playback if it still runs.
    StopPlay {
        /// The leg.
        leg: LegId,
        /// Which.
        playback: PlaybackId,
    },
    /// Go on playing from another place, if that playback still runs. Before the beginning is the
    /// beginning; what is asked to go on behind its end is finished.
    Seek {
        /// The leg.
        leg: LegId,
        /// Which.
        playback: PlaybackId,
        /// Where to.
        to: Seek,
    },
    /// Send digits, one after the other: as RFC 4733 events, or as tones where none were agreed.
    SendDigits {
        /// The leg.
        leg: LegId,
        /// `0-9 * # A-D`.
        digits: String,
    },
    /// Listen to the leg for this from now on; replaces what was listened for.
    Watch {
        /// The leg.
        leg: LegId,
        /// For what.
        what: Watch,
    },
    /// Begin a recording.
    RecordStart(RecordStart),
    /// One more party (a transfer, a conference).
    RecordJoin {
        /// The recording.
        recording: RecordingId,
        /// The party.
        leg: LegId,
        /// Its side.
        side: Side,
    },
    /// A party leaves; the recording goes on.
    RecordLeave {
        /// The recording.
        recording: RecordingId,
        /// The party.
        leg: LegId,
    },
    /// Keep nothing of what is said from now on; the file goes on in silence.
    RecordPause {
        /// The recording.
        recording: RecordingId,
        /// Who asked for it.
        by: UserId,
    },
    /// Keep what is said again.
    RecordResume {
        /// The recording.
        recording: RecordingId,
        /// Who asked for it.
        by: UserId,
    },
    /// The conversation is over: render the file and write the ledger.
    RecordStop {
        /// The recording.
        recording: RecordingId,
    },
    /// Tell what the leg heard and said until now.
    Measure {
        /// The leg.
        leg: LegId,
    },
    /// Close ports, leave rooms and recordings.
    Release {
        /// The leg.
        leg: LegId,
    },
}

impl Command {
    /// The leg that the command is about, where there is one.
    pub fn leg(&self) -> Option<LegId> {
        use Command as C;
        match self {
            C::Open { leg, .. }
            | C::Connect { leg, .. }
            | C::Fax { leg, .. }
            | C::Modem { leg }
            | C::FaxStart { leg, .. }
            | C::FaxStop { leg }
            | C::BotKey { leg, .. }
            | C::BotStop { leg }
            | C::Join { leg, .. }
            | C::Audience { leg, .. }
            | C::KeepDigits { leg, .. }
            | C::Leave { leg }
            | C::Hold { leg }
            | C::Resume { leg }
            | C::Play { leg, .. }
            | C::StopPlay { leg, .. }
            | C::StopInterject { leg, .. }
            | C::Seek { leg, .. }
            | C::SendDigits { leg, .. }
            | C::Watch { leg, .. }
            | C::RecordJoin { leg, .. }
            | C::RecordLeave { leg, .. }
            | C::Measure { leg }
            | C::Release { leg } => Some(*leg),
            C::RecordStart(start) => start.parties.first().map(|&(leg, _)| leg),
            C::Interject(order) => Some(order.leg),
            C::Announce { .. }
            | C::RecordPause { .. }
            | C::RecordResume { .. }
            | C::RecordStop { .. } => None,
        }
    }
}

/// What mediacore answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The port is reserved.
    Opened {
        /// The leg.
        leg: LegId,
        /// Our RTP address; RTCP is one port higher.
        rtp: SocketAddr,
    },
    /// No port, or a limit is reached.
    OpenFailed {
        /// The leg.
        leg: LegId,
        /// For the log.
        reason: String,
    },
    /// Something was asked of a leg that is not there, or not any more.
    Unknown {
        /// The leg.
        leg: LegId,
    },
    /// A complete digit, once per key press; heard in the audio where no events were agreed.
    Digit {
        /// The leg.
        leg: LegId,
        /// `0-9 * # A-D`.
        digit: char,
        /// How long it was held.
        duration_ms: u32,
    },
    /// A playback ended.
    PlayDone {
        /// The leg.
        leg: LegId,
        /// Which.
        playback: PlaybackId,
        /// Why.
        end: PlayEnd,
    },
    /// Nothing came for this long while it was expected; repeated as it grows (5 s, 10 s, 30 s, …).
    Silent {
        /// The leg.
        leg: LegId,
        /// How long.
        ms: u32,
        /// It said that it would pause, by comfort noise; then its reports count as well as RTP.
        paused: bool,
    },
    /// RTP came again after a silence that was told.
    Heard {
        /// The leg.
        leg: LegId,
    },
    /// The leg cannot be heard any more, and never will be: it waits to be released.
    Failed {
        /// The leg.
        leg: LegId,
        /// Why.
        why: Failure,
    },
    /// The source was learned after probation.
    Learned {
        /// The leg.
        leg: LegId,
        /// The new source.
        source: SocketAddr,
    },
    /// What was watched for was heard. Each kind is told once for a `Watch`; what the network says
    /// is told again once it said something else.
    Progress {
        /// The leg.
        leg: LegId,
        /// What.
        tone: Progress,
    },
    /// A fax of ours has ended.
    FaxDone {
        /// The leg; it may be gone.
        leg: LegId,
        /// How.
        outcome: FaxOutcome,
    },
    /// A recording is on disk, or will never be.
    Recorded(Ledger),
    /// What the leg heard and said until now: the answer to `Measure`.
    Measured {
        /// The leg.
        leg: LegId,
        /// Until now.
        quality: Quality,
    },
    /// The leg is closed.
    Released {
        /// The leg.
        leg: LegId,
        /// What it heard and said.
        quality: Quality,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_survive_the_wrap() {
        assert_eq!(SeqNo(2).distance(SeqNo(65_534)), 4);
        assert_eq!(SeqNo(65_534).distance(SeqNo(2)), -4);
        assert_eq!(RtpTime(160).distance(RtpTime(u32::MAX - 159)), 320);
    }
}
