//! One party: its door, what it says, what it hears. The shard drives it; a leg knows no other leg.

pub mod fax;
pub mod outlet;
pub mod quality;

use crate::codec::g729::{FRAME_OCTETS, SID_OCTETS};
use crate::codec::{self, Converter};
use crate::detect::ear::Ear;
use crate::dtls::Handshake;
use crate::dtmf;
use crate::ice::Ways;
use crate::jitter::Jitter;
use crate::latch::Latch;
use crate::play::Player;
use crate::record::TrackIdx;
use crate::rtcp::LastReport;
use crate::shard::ahead::{LINE, fetch_at};
use crate::shard::bots::Talk;
use crate::shard::documents::Machine;
use crate::srtp::{self, Session};
use crate::stats::ReceiveStats;
use crate::stream::Stream;
use crate::tone::keys::Keypad;
use fax::Fax;
use outlet::Outlet;
use std::net::SocketAddr;
use terms::media::{Audience, Codec, FarQuality, PayloadType, Playout, Remote, Srtp, Ssrc, Watch};
use terms::{LegId, Moment, RecordingId};

/// Comfort noise, RFC 3389; its number is static.
const COMFORT_NOISE: PayloadType = PayloadType(13);

/// A leg by its place in the shard: dense, so that the edge can index sockets with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegIdx(pub u32);

impl LegIdx {
    /// As an index of a table.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where the audio of a leg goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Nobody listens.
    Nowhere,
    /// To the other of two, without decoding.
    Relay(LegIdx),
    /// Into the mix of the room.
    Mix,
}

/// What a payload number means on a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Audio of this codec.
    Audio(Codec),
    /// A telephone event.
    Digit,
    /// Comfort noise.
    ComfortNoise,
    /// Nothing we agreed on.
    Unknown,
}

/// What offer and answer agreed, checked: the packet time is one we make.
#[derive(Clone, Debug)]
pub struct Agreed {
    /// The agreement.
    pub remote: Remote,
    /// 10, 20, 30, 40, 50 or 60.
    pub ptime_ms: u8,
    /// They want audio and named a place for it.
    pub may_send: bool,
}

impl Agreed {
    /// Checks an agreement. An address of zeros is the old form of hold (RFC 3264 §8.4).
    pub fn new(remote: Remote) -> Self {
        let ptime_ms = codec::ptime_ms(remote.send.codec, remote.ptime_ms);
        let is_somewhere = !remote.rtp.ip().is_unspecified() && remote.rtp.port() != 0;
        let reachable = is_somewhere || remote.ice.is_some();
        Agreed { ptime_ms, may_send: remote.may_send && reachable, remote }
    }

    /// What a payload number means.
    pub fn kind(&self, payload_type: PayloadType) -> Kind {
        let receive = &self.remote.receive;
        if payload_type == receive.audio {
            Kind::Audio(receive.codec)
        } else if Some(payload_type) == receive.dtmf {
            Kind::Digit
        } else if payload_type == COMFORT_NOISE {
            Kind::ComfortNoise
        } else {
            Kind::Unknown
        }
    }

    /// Whether what comes from here can go there without being decoded.
    pub fn relays_to(&self, other: &Agreed) -> bool {
        codec::relays(self.remote.receive.codec, other.remote.send.codec)
    }

    /// Whether it speaks or hears more than telephone bandwidth.
    pub fn is_wideband(&self) -> bool {
        self.remote.receive.codec.is_wideband() || self.remote.send.codec.is_wideband()
    }
}

/// Packets that were not used, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// From a source that was not accepted.
    pub strange: u64,
    /// Not RTP.
    pub malformed: u64,
    /// A payload number nobody agreed on.
    pub unknown: u64,
    /// Seen before.
    pub duplicate: u64,
    /// On an encrypted leg: not authentic.
    pub unauthenticated: u64,
    /// On an encrypted leg: came before.
    pub replayed: u64,
    /// Comfort noise.
    pub comfort_noise: u64,
    /// Too late for the mix, in buffers that are gone.
    pub late_before: u64,
    /// Audio made up by these buffers, in ms.
    pub concealed_ms_before: u64,
    /// What else they did.
    pub playout_before: Playout,
    /// Packets sent by the process before. What a report counts begins anew with the process, packets
    /// and octets alike (RFC 3550 §6.4.1).
    pub sent_before: u64,
    /// Frames that recordings which it has left could not hand to storage.
    pub recorder_frames_lost: u64,
}

impl Counts {
    /// Keeps the figures of a buffer that ends.
    pub fn keep(&mut self, jitter: &Jitter) {
        self.late_before += jitter.late();
        self.concealed_ms_before += jitter.concealed_ms();
        self.playout_before = sum(self.playout_before, jitter.playout());
    }
}

/// Both together; the target is the later one's.
pub(crate) fn sum(before: Playout, now: Playout) -> Playout {
    Playout {
        target_ms: now.target_ms,
        accelerated_ms: before.accelerated_ms + now.accelerated_ms,
        expanded_ms: before.expanded_ms + now.expanded_ms,
    }
}

impl Counts {
    /// Counts a packet that was not opened.
    pub fn refuse(&mut self, refused: srtp::Refused) {
        match refused {
            srtp::Refused::Malformed => self.malformed += 1,
            srtp::Refused::Unauthenticated => self.unauthenticated += 1,
            srtp::Refused::Replayed => self.replayed += 1,
        }
    }
}

/// One party of a call. What every packet reads stands first and together, what is rarely needed last:
/// between two packets of a leg its memory has left the cache, and each line is waited for.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Leg {
    /// Whose sockets are its: its own, or those of the shared port.
    pub door: LegIdx,
    /// Where its audio goes.
    pub route: Route,
    /// For whom its digits are made anew.
    pub digits_to: Option<LegIdx>,
    /// Shards, one bit each, whose recordings want what it says.
    pub taps: u64,
    /// What the kernel filters for.
    pub filter: Option<SocketAddr>,
    /// When the agreement came.
    pub connected_at: Moment,
    /// When audio was last expected to begin or came.
    pub heard_at: Moment,
    /// Silences told since then.
    pub silences: usize,
    /// It was told that nothing comes, and nothing has come since.
    pub silence_told: bool,
    /// It said with its newest packet that it pauses.
    pub pauses: bool,
    /// A fax machine or a modem speaks: its sound is left as it is.
    pub modem: bool,
    /// Its audio is relayed, and decoded for others all the same.
    pub tapped: bool,
    /// Its digits are told, and heard by nobody else.
    pub digits_kept: bool,
    /// In the room but deaf and dumb.
    pub held: bool,
    /// What it says is mixed in a small room or searched for keys.
    pub treated: bool,
    /// It hears the mix of its room.
    pub hears_mix: bool,
    /// What encrypts it, where keys were agreed.
    pub srtp: Option<Box<Session>>,
    /// What makes its keys.
    pub handshake: Option<Box<Handshake>>,
    /// Its ways on the shared port.
    pub ways: Option<Box<Ways>>,
    /// Listens to it, where somebody wants to know.
    pub ear: Option<Box<Ear>>,
    /// What it carried as T.38, once it did.
    pub fax: Option<Box<Fax>>,
    /// A fax machine of ours, while one has it.
    pub machine: Option<Box<Machine>>,
    /// Recordings it stands in.
    pub tracks: Vec<(RecordingId, TrackIdx)>,
    /// Where its audio may come from.
    pub latch: Option<Latch>,
    /// What offer and answer agreed.
    pub agreed: Option<Agreed>,
    /// What came.
    pub receive: ReceiveStats,
    /// The stream toward the phone.
    pub stream: Stream,
    /// Digits that go as events.
    pub sender: dtmf::Sender,
    /// Digits that go as tones.
    pub keypad: Keypad,
    /// What plays.
    pub player: Option<Player>,
    /// Its name.
    pub id: LegId,
    /// Our RTP address, once reserved.
    pub local: Option<SocketAddr>,
    /// Where its RTCP really came from.
    pub rtcp_source: Option<SocketAddr>,
    /// What was not used.
    pub counts: Counts,
    /// Digits that come.
    pub digits: dtmf::Receiver,
    /// What it is watched for.
    pub watch: Watch,
    /// Until when the rest of a key's sound is kept from the mix.
    pub muted_until: Option<Moment>,
    /// When its next frame of prompt or digits goes out.
    pub frame_due: Option<Moment>,
    /// Its room, by place.
    pub room: Option<u32>,
    /// Who in its room hears it.
    pub audience: Audience,
    /// Its playout delay while it is decoded.
    pub jitter: Option<Jitter>,
    /// What it says, brought to the rate of its room.
    pub voice: Converter,
    /// What is made here for it to hear, once something was.
    pub outlet: Option<Outlet>,
    /// Their last sender report.
    pub last_report: Option<LastReport>,
    /// A receiver time of theirs that is not answered.
    pub last_receiver_time: Option<(Ssrc, LastReport)>,
    /// Round trip in microseconds.
    pub round_trip_us: u32,
    /// What they say about our stream.
    pub far: FarQuality,
    /// Packets sent when the last report was written.
    pub reported_packets: u64,
    /// It goes on from before a kill, and nobody has claimed it yet.
    pub unclaimed: bool,
    /// A bot, while one has it.
    pub bot: Option<Box<Talk>>,
}

impl Leg {
    /// A packet of this leg comes soon: asks for what stands before the figures of what came.
    pub fn expect(&self) {
        let start = std::ptr::from_ref(self).cast::<u8>();
        for at in (0..std::mem::offset_of!(Leg, receive)).step_by(LINE) {
            fetch_at(start.wrapping_add(at));
        }
    }

    /// A leg without a port.
    pub fn new(now: Moment, id: LegId, door: LegIdx, stream: Stream) -> Self {
        Leg {
            id,
            door,
            local: None,
            agreed: None,
            latch: None,
            srtp: None,
            handshake: None,
            ways: None,
            filter: None,
            rtcp_source: None,
            receive: ReceiveStats::new(now),
            counts: Counts::default(),
            digits: dtmf::Receiver::default(),
            sender: dtmf::Sender::default(),
            keypad: Keypad::default(),
            watch: Watch::default(),
            ear: None,
            digits_to: None,
            digits_kept: false,
            muted_until: None,
            stream,
            player: None,
            frame_due: None,
            fax: None,
            machine: None,
            modem: false,
            treated: false,
            room: None,
            held: false,
            audience: Audience::Everyone,
            route: Route::Nowhere,
            tapped: false,
            hears_mix: false,
            jitter: None,
            voice: Converter::default(),
            outlet: None,
            tracks: Vec::new(),
            taps: 0,
            last_report: None,
            last_receiver_time: None,
            round_trip_us: 0,
            far: FarQuality::default(),
            reported_packets: 0,
            heard_at: now,
            connected_at: now,
            silences: 0,
            silence_told: false,
            pauses: false,
            unclaimed: false,
            bot: None,
        }
    }

    /// Sets or replaces the agreement: the door closes and probation begins again. A direction
    /// whose key is the same goes on with its counters; keys of a handshake stay until there are
    /// others. The proven way of ICE stays too.
    pub fn connect(&mut self, now: Moment, remote: Remote) {
        let way = self.latch.as_ref().filter(|_| self.ways.is_some()).and_then(Latch::source);
        self.latch = Some(Latch::new(&remote));
        if let (Some(way), Some(latch), Some(_)) = (way, &mut self.latch, &remote.ice) {
            latch.nominate(now, way);
        }
        let before = self.agreed.as_ref().is_some_and(|agreed| agreed.remote.dtls.is_some());
        match (&mut self.srtp, &remote.srtp) {
            (_, None) if before && remote.dtls.is_some() => {}
            (Some(session), Some(agreed)) => session.rekey(agreed),
            (None, Some(agreed)) => self.srtp = Some(Box::new(Session::new(agreed.clone()))),
            (_, None) => self.srtp = None,
        }
        let (send, receive) = (remote.send, remote.receive);
        self.stream.set_clock(send.codec.clock_hz());
        self.sender.set_clock(send.dtmf_hz);
        self.digits.set_clock(receive.dtmf_hz, receive.codec.clock_hz());
        if let Some(jitter) = self.jitter.take_if(|jitter| jitter.codec() != receive.codec) {
            self.counts.keep(&jitter);
        }
        self.outlet.take_if(|outlet| !outlet.speaks(&send));
        self.agreed = Some(Agreed::new(remote));
        self.rtcp_source = None;
        self.connected_at = now;
        self.heard_at = now;
        self.silences = 0;
        if let Some(outlet) = &mut self.outlet {
            outlet.clear();
        }
    }

    /// Whether it hears something of its own instead of its room.
    pub fn is_busy(&self) -> bool {
        self.player.is_some()
            || self.sender.is_busy()
            || self.keypad.is_busy()
            || self.machine.is_some()
            || self.bot.is_some()
    }

    /// Whether the others do not hear its keys as it says them: they get them made anew, or not at
    /// all; a bot is told of them.
    pub fn hides_keys(&self) -> bool {
        self.digits_kept || self.digits_to.is_some() || self.bot.is_some()
    }

    /// Whether a key is down that the others do not hear as it is said: its sound, or what else comes
    /// with it, is kept from them.
    pub fn says_key(&self) -> bool {
        let tone = || self.ear.as_ref().is_some_and(|ear| ear.key().is_some());
        self.hides_keys() && !self.modem && (self.digits.next_timeout().is_some() || tone())
    }

    /// Where audio for it goes, when it wants any.
    pub fn target(&self) -> Option<SocketAddr> {
        // In place of a fax nothing is said.
        let wanted = self.agreed.as_ref().is_some_and(|agreed| agreed.may_send) && !self.is_fax();
        let latch = self.latch.as_ref().filter(|_| wanted && !self.awaits_keys())?;
        Some(latch.target()).filter(|to| to.port() != 0)
    }

    /// Its keys come by a handshake and have not come: nothing is sent, and nothing taken.
    pub fn awaits_keys(&self) -> bool {
        let by_handshake = |agreed: &Agreed| agreed.remote.dtls.is_some();
        self.srtp.is_none() && self.agreed.as_ref().is_some_and(by_handshake)
    }

    /// The keys that its handshake made; none while another is under way.
    pub fn made_keys(&self) -> Option<&Srtp> {
        let done = self.handshake.as_ref().is_some_and(|handshake| handshake.is_done());
        self.srtp.as_ref().filter(|_| done).map(|session| session.agreed())
    }

    /// STUN, handshake and RTCP may come where RTP does (RFC 7983). UDPTL has no numbers that could
    /// tell it from them.
    pub fn is_multiplexed(&self) -> bool {
        let by_agreement = |agreed: &Agreed| agreed.remote.dtls.is_some() || agreed.remote.rtcp_mux;
        self.agreed.as_ref().is_some_and(by_agreement) && !self.is_fax()
    }

    /// RTCP goes the way of RTP.
    pub fn has_rtcp_mux(&self) -> bool {
        self.agreed.as_ref().is_some_and(|agreed| agreed.remote.rtcp_mux)
    }

    /// Where its reports go.
    pub fn rtcp_target(&self) -> Option<SocketAddr> {
        let (agreed, latch) =
            (self.agreed.as_ref()?, self.latch.as_ref().filter(|_| !self.is_fax())?);
        if let Some(source) = self.rtcp_source.filter(|_| !self.is_multiplexed()) {
            return Some(source);
        }
        let rtp = latch.target();
        if rtp.ip().is_unspecified() || rtp.port() == 0 || self.awaits_keys() {
            return None;
        }
        if agreed.remote.rtcp_mux {
            return Some(rtp);
        }
        if agreed.remote.dtls.is_some() {
            // RTCP on a port of its own would need a handshake of its own: there are no reports.
            return None;
        }
        match agreed.remote.rtcp {
            Some(rtcp) if !latch.is_learned() => Some(rtcp),
            _ => Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?)),
        }
    }

    /// Notes whether its newest packet begins a pause. A key may be pressed in one.
    pub fn note_pause(&mut self, kind: Kind, payload: &[u8]) {
        match kind {
            Kind::Audio(codec) => self.pauses = begins_pause(codec, payload),
            Kind::ComfortNoise => self.pauses = true,
            Kind::Digit | Kind::Unknown => {}
        }
    }

    /// Notes that its source spoke.
    pub fn on_heard(&mut self, now: Moment) {
        self.heard_at = now;
        self.silences = 0;
    }
}

/// Audio that has its comfort noise within itself. The encoder of Opus calls a packet of two bytes at
/// most one that need not be sent (RFC 6716 §2.1.9).
fn begins_pause(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Opus => payload.len() <= 2,
        // A description of silence behind its frames, or alone (RFC 3551 §4.5.6).
        Codec::G729 => payload.len() % FRAME_OCTETS == SID_OCTETS,
        Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::L16 | Codec::L16Narrow => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::media::Payloads;

    #[test]
    fn any_packet_time_becomes_one_we_make() {
        let payloads = Payloads::of(Codec::Pcma);
        for (asked, made) in [(0, 10), (10, 10), (19, 10), (20, 20), (30, 30), (60, 60), (255, 60)]
        {
            let peer = Remote::at("10.0.0.1:4000".parse().unwrap(), payloads);
            let agreed = Agreed::new(Remote { ptime_ms: asked, ..peer });
            assert_eq!(agreed.ptime_ms, made, "asked {asked}");
        }
    }

    #[test]
    fn an_address_of_zeros_is_hold() {
        let payloads = Payloads::of(Codec::Pcmu);
        let signalling = "10.0.0.1".parse().unwrap();
        let nowhere = Remote::at("0.0.0.0:4000".parse().unwrap(), payloads);
        let agreed = Agreed::new(Remote { signalling, ..nowhere });
        assert!(!agreed.may_send);
    }
}
