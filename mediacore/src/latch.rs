//! Where audio may come from (RTP bleed, CVE-2017-14099 and its kin).
//!
//! Packets from the signalled address pass at once. Another source is learned only where a NAT is
//! declared, only from the IP of the signalling, and only after [`PROBATION`] consecutive packets
//! of one SSRC and an offered payload type; those are held and then played. A new answer,
//! [`UNEXPECTED_SILENCE`] or ECONNREFUSED dissolves what was learned and probation begins again.
//! Strangers are counted and change nothing. On a leg that speaks ICE nothing is learned here: the
//! source is the way that was proven and nominated.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use terms::Moment;
use terms::media::{Remote, Ssrc};

use crate::rtp::Header;

/// Consecutive packets that make a source.
pub const PROBATION: usize = 4;
/// A learned source that is silent for this long may be replaced.
pub const UNEXPECTED_SILENCE: Duration = Duration::from_millis(300);
/// A candidate that is silent for this long begins again.
const CANDIDATE_MAX: Duration = Duration::from_secs(1);
/// Sources on probation at a time: somebody behind the same NAT who sends from ever new ports does
/// not push the phone out, up to 800 of them a second.
const CANDIDATES_MAX: usize = 16;

/// What may happen to a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passage {
    /// From the accepted source.
    Accepted,
    /// From a candidate on probation; kept.
    Held,
    /// The source is learned with this packet; these were held before it, oldest first.
    Learned(Vec<Vec<u8>>),
    /// From somewhere else; counted.
    Strange,
}

#[derive(Clone, Debug)]
struct Candidate {
    source: SocketAddr,
    ssrc: Ssrc,
    next_seq: u16,
    heard_at: Moment,
    held: Vec<Vec<u8>>,
}

/// The door of one leg.
#[derive(Clone, Debug)]
pub struct Latch {
    signalled: SocketAddr,
    /// The IP that may be learned from, where a NAT is declared.
    nat_from: Option<IpAddr>,
    source: Option<SocketAddr>,
    heard_at: Moment,
    /// At most [`CANDIDATES_MAX`].
    candidates: Vec<Candidate>,
}

/// Where nobody is.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// One form for IPv4 however it came.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Latch {
    /// A door after an answer. Where ICE finds the way, what the description says is none.
    pub fn new(remote: &Remote) -> Self {
        let signalled = if remote.ice.is_some() { NOWHERE } else { canonical(remote.rtp) };
        Latch {
            signalled,
            nat_from: remote.nat.then(|| remote.signalling.to_canonical()),
            source: None,
            heard_at: Moment::default(),
            candidates: Vec::new(),
        }
    }

    /// Decides about one packet. `offered` says that its payload type is one of the answer's.
    pub fn check(
        &mut self,
        now: Moment,
        from: SocketAddr,
        header: &Header,
        offered: bool,
        bytes: &[u8],
    ) -> Passage {
        let from = canonical(from);
        if self.source == Some(from) {
            self.heard_at = now;
            return Passage::Accepted;
        }
        self.expire(now);
        if from == self.signalled && self.source.is_none() {
            self.accept(now, from);
            return Passage::Accepted;
        }
        if !offered || self.source.is_some() || self.nat_from != Some(from.ip()) {
            return Passage::Strange;
        }
        self.probe(now, from, header, bytes)
    }

    /// A door that had accepted this source before: it goes on where it may be learned at all.
    pub fn resume(&mut self, now: Moment, source: SocketAddr) {
        let source = canonical(source);
        if source == self.signalled || self.nat_from == Some(source.ip()) {
            self.accept(now, source);
        }
    }

    /// Whether [`Latch::check`] could let a packet of this source in: a stranger's need not be
    /// decrypted to be refused.
    pub fn may_pass(&self, from: SocketAddr) -> bool {
        let from = canonical(from);
        self.source == Some(from) || self.signalled == from || self.nat_from == Some(from.ip())
    }

    /// ICE has proven who is there: the only source from now on.
    pub fn nominate(&mut self, now: Moment, source: SocketAddr) {
        self.accept(now, canonical(source));
    }

    fn accept(&mut self, now: Moment, source: SocketAddr) {
        self.source = Some(source);
        self.heard_at = now;
        self.candidates.clear();
    }

    fn probe(&mut self, now: Moment, from: SocketAddr, header: &Header, bytes: &[u8]) -> Passage {
        let place = self.place_of(from);
        let candidate = &mut self.candidates[place];
        let continues = candidate.ssrc == header.ssrc
            && candidate.next_seq == header.seq.0
            && now - candidate.heard_at < CANDIDATE_MAX;
        if !continues {
            candidate.held.clear();
            candidate.ssrc = header.ssrc;
        }
        candidate.next_seq = header.seq.0.wrapping_add(1);
        candidate.heard_at = now;
        if candidate.held.len() + 1 < PROBATION {
            candidate.held.push(bytes.to_vec());
            return Passage::Held;
        }
        let held = std::mem::take(&mut candidate.held);
        self.accept(now, from);
        Passage::Learned(held)
    }

    /// Where this source stands among the candidates. A new one takes the place of the one that has
    /// come least far, of those the one that was silent longest.
    fn place_of(&mut self, source: SocketAddr) -> usize {
        if let Some(place) = self.candidates.iter().position(|other| other.source == source) {
            return place;
        }
        let (ssrc, heard_at) = (Ssrc(0), Moment::default());
        let fresh = Candidate { source, ssrc, next_seq: 0, heard_at, held: Vec::new() };
        if self.candidates.len() < CANDIDATES_MAX {
            self.candidates.push(fresh);
            return self.candidates.len() - 1;
        }
        let rank = |place: &usize| {
            let candidate = &self.candidates[*place];
            (candidate.held.len(), candidate.heard_at)
        };
        let place = (0..CANDIDATES_MAX).min_by_key(rank).expect("there are some");
        self.candidates[place] = fresh;
        place
    }

    /// Dissolves a lock that is silent; only where another source could be learned.
    fn expire(&mut self, now: Moment) {
        if self.nat_from.is_some() && now - self.heard_at >= UNEXPECTED_SILENCE {
            self.dissolve();
        }
    }

    /// Forgets the source: the peer answered ECONNREFUSED.
    pub fn dissolve(&mut self) {
        self.source = None;
    }

    /// The source that is accepted now.
    pub fn source(&self) -> Option<SocketAddr> {
        self.source
    }

    /// Where RTP goes: the accepted source, and before there is one the signalled address.
    pub fn target(&self) -> SocketAddr {
        self.source.unwrap_or(self.signalled)
    }

    /// Whether another source than the signalled one was learned.
    pub fn is_learned(&self) -> bool {
        self.source.is_some_and(|source| source != self.signalled)
    }

    /// The source the kernel may filter for, as long as it keeps speaking.
    pub fn filter(&self, now: Moment) -> Option<SocketAddr> {
        match self.nat_from {
            Some(_) if now - self.heard_at >= UNEXPECTED_SILENCE => None,
            _ => self.source,
        }
    }

    /// RTCP passes from the IP of the accepted source, before that from the signalled one.
    pub fn takes_rtcp_from(&self, from: SocketAddr) -> bool {
        canonical(from).ip() == self.target().ip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::media::{Codec, PayloadType, Payloads, RtpTime, SeqNo};

    const PEER: &str = "10.0.0.5:4000";
    const BEHIND_NAT: &str = "203.0.113.9:31000";
    const ATTACKER: &str = "198.51.100.66:4000";

    fn latch(nat: bool) -> Latch {
        let payloads = Payloads::of(Codec::Pcma);
        let signalling = "203.0.113.9".parse().unwrap();
        let peer = Remote::at(PEER.parse().unwrap(), payloads);
        Latch::new(&Remote { nat, signalling, ..peer })
    }

    fn try_from(latch: &mut Latch, ms: u64, from: &str, ssrc: u32, seq: u16) -> Passage {
        let header = Header {
            payload_type: PayloadType(8),
            marker: false,
            seq: SeqNo(seq),
            time: RtpTime(0),
            ssrc: Ssrc(ssrc),
        };
        latch.check(Moment::from_millis(ms), from.parse().unwrap(), &header, true, &[seq as u8])
    }

    #[test]
    fn the_signalled_address_passes_at_once_and_no_other() {
        let mut door = latch(false);
        for seq in 0..50 {
            assert_eq!(try_from(&mut door, 0, ATTACKER, 6, seq), Passage::Strange);
        }
        assert_eq!(try_from(&mut door, 1, PEER, 1, 0), Passage::Accepted);
        assert_eq!(try_from(&mut door, 60_000, ATTACKER, 1, 1), Passage::Strange);
        assert_eq!(door.target(), PEER.parse().unwrap());
    }

    #[test]
    fn a_nat_source_is_learned_after_four_in_a_row_and_nothing_is_lost() {
        let mut door = latch(true);
        for seq in [65_533_u16, 65_534, 65_535] {
            assert_eq!(try_from(&mut door, 0, BEHIND_NAT, 1, seq), Passage::Held);
        }
        let held = vec![vec![0xFD], vec![0xFE], vec![0xFF]];
        assert_eq!(try_from(&mut door, 60, BEHIND_NAT, 1, 0), Passage::Learned(held));
        assert_eq!(try_from(&mut door, 80, BEHIND_NAT, 1, 1), Passage::Accepted);
        assert!(door.is_learned());
        assert_eq!(try_from(&mut door, 90, PEER, 2, 0), Passage::Strange);
    }

    #[test]
    fn gaps_and_other_sources_restart_probation() {
        let mut door = latch(true);
        for seq in [1, 2, 3, 5, 6, 7] {
            assert_eq!(try_from(&mut door, 0, BEHIND_NAT, 1, seq), Passage::Held);
        }
        assert_eq!(try_from(&mut door, 0, BEHIND_NAT, 2, 8), Passage::Held);
        assert_eq!(try_from(&mut door, 0, ATTACKER, 2, 9), Passage::Strange);
        assert_eq!(try_from(&mut door, 0, BEHIND_NAT, 2, 9), Passage::Held);
        assert_eq!(door.source(), None);
    }

    #[test]
    fn ever_new_ports_of_the_same_nat_do_not_push_a_candidate_out() {
        let mut door = latch(true);
        for seq in 0..3 {
            assert_eq!(try_from(&mut door, 20 * u64::from(seq), BEHIND_NAT, 1, seq), Passage::Held);
            for port in 0..CANDIDATES_MAX as u16 - 1 {
                let from = format!("203.0.113.9:{}", 1_000 + 100 * seq + port);
                assert_eq!(try_from(&mut door, 20 * u64::from(seq), &from, 6, 7), Passage::Held);
            }
            assert!(door.candidates.len() <= CANDIDATES_MAX);
        }
        assert!(matches!(try_from(&mut door, 60, BEHIND_NAT, 1, 3), Passage::Learned(_)));
        assert!(door.candidates.is_empty());
    }

    #[test]
    fn silence_dissolves_a_learned_source_and_probation_repeats() {
        let mut door = latch(true);
        for seq in 0..4 {
            try_from(&mut door, 0, BEHIND_NAT, 1, seq);
        }
        let moved = "203.0.113.9:31002";
        assert_eq!(try_from(&mut door, 299, moved, 1, 4), Passage::Strange);
        for seq in 5..8 {
            assert_eq!(try_from(&mut door, 300, moved, 1, seq), Passage::Held);
        }
        assert!(matches!(try_from(&mut door, 360, moved, 1, 8), Passage::Learned(_)));
    }

    #[test]
    fn an_unoffered_payload_type_is_never_learned() {
        let mut door = latch(true);
        let header = Header {
            payload_type: PayloadType(96),
            marker: false,
            seq: SeqNo(1),
            time: RtpTime(0),
            ssrc: Ssrc(1),
        };
        let from = BEHIND_NAT.parse().unwrap();
        assert_eq!(door.check(Moment(0), from, &header, false, &[]), Passage::Strange);
    }

    #[test]
    fn rtcp_passes_from_the_ip_of_the_source_only() {
        let mut door = latch(false);
        assert!(door.takes_rtcp_from("10.0.0.5:9".parse().unwrap()));
        assert!(!door.takes_rtcp_from(ATTACKER.parse().unwrap()));
        try_from(&mut door, 0, PEER, 1, 0);
        assert!(door.takes_rtcp_from("[::ffff:10.0.0.5]:4001".parse().unwrap()));
    }
}
