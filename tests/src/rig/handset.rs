//! The audio half of a call on a phone: says a counter in G.711, presses keys by RFC 4733, and
//! notes whose counters it hears.
//!
//! Each 20 octets of what it says are `SGct`, its tag, its counter and its timbre: whoever finds them
//! in a packet or in a recording knows whose voice it is and which packet of it. Two voices in a mix
//! are the sum of two cells: their marks add up to one that nobody says, and their timbres to one that
//! only this pair has. (Their tags do not: 1 and 2 add up to the same octet as 1 and 3.)

use mediacore::dtmf;
use mediacore::g711::{self, Law};
use mediacore::rtp::{self, HEADER_BYTES, Header};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::ops::Range;
use terms::Moment;
use terms::media::{PayloadType, RtpTime, SeqNo, Ssrc};

/// Begins each cell of a voice.
const MARK: &[u8; 4] = b"SGct";
/// Octets of a cell.
const CELL: usize = 20;
/// Where in it the timbre is.
const TIMBRE: Range<usize> = 10..CELL;
/// Our payload numbers: PCMA and telephone-event.
const AUDIO: PayloadType = PayloadType(8);
const EVENTS: PayloadType = PayloadType(101);
/// Packets of a key press, the last three of them say that it ended.
const KEY_PACKETS: u16 = 8;

/// One stretch of one voice as it was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Whose voice.
    pub tag: u16,
    /// From then on.
    pub from: Moment,
    /// The last packet of it.
    pub to: Moment,
    /// The first and the last counter.
    pub counters: (u32, u32),
    /// How many packets.
    pub packets: u32,
}

/// The sum of the timbres of two voices.
pub type PairMark = [u8; TIMBRE.end - TIMBRE.start];

/// A handset.
#[derive(Clone, Debug)]
pub struct Handset {
    /// Where it receives.
    pub local: SocketAddr,
    /// Where it sends.
    pub remote: Option<SocketAddr>,
    /// Its voice.
    pub tag: u16,
    /// Its packet time.
    pub ptime_ms: u32,
    /// Off the hook.
    pub open: bool,
    /// Voices, in the order they were heard.
    pub heard: Vec<Heard>,
    /// Packets in which two voices were mixed, by pair.
    pub pairs: BTreeMap<PairMark, u32>,
    /// The last of those.
    pair_at: Option<Moment>,
    /// Packets of prompts, music and tones.
    pub others: u64,
    /// Packets said.
    pub said: u32,
    seq: u16,
    time: u32,
    keys: VecDeque<char>,
    pressing: Option<(u8, u16)>,
}

impl Handset {
    /// On the hook.
    pub fn new(local: SocketAddr, tag: u16, ptime_ms: u32) -> Self {
        Handset {
            local,
            remote: None,
            tag,
            ptime_ms,
            open: false,
            heard: Vec::new(),
            pairs: BTreeMap::new(),
            pair_at: None,
            others: 0,
            said: 0,
            seq: tag.wrapping_mul(977),
            time: u32::from(tag).wrapping_mul(7_919),
            keys: VecDeque::new(),
            pressing: None,
        }
    }

    /// These keys are pressed one after the other from now on.
    pub fn press(&mut self, keys: &str) {
        self.keys.extend(keys.chars());
    }

    /// The next packet.
    pub fn speak(&mut self) -> Vec<u8> {
        let ticks = self.ptime_ms * 8;
        if self.pressing.is_none()
            && let Some(code) = self.keys.pop_front().and_then(dtmf::code)
        {
            self.pressing = Some((code, 0));
        }
        self.said += 1;
        let Some((code, nth)) = self.pressing else {
            let payload = self.voice(ticks as usize);
            let bytes = self.packet(AUDIO, false, &payload);
            self.time = self.time.wrapping_add(ticks);
            return bytes;
        };
        let last_growing = KEY_PACKETS - 3;
        let duration = (ticks as u16) * (nth.min(last_growing) + 1);
        let event = dtmf::Event { code, end: nth >= last_growing, duration };
        let bytes = self.packet(EVENTS, nth == 0, &event.write());
        self.pressing = Some((code, nth + 1)).filter(|_| nth + 1 < KEY_PACKETS);
        if self.pressing.is_none() {
            self.time = self.time.wrapping_add(ticks * u32::from(KEY_PACKETS));
        }
        bytes
    }

    /// When a person was heard last, alone or in a mix of two.
    pub fn heard_people_at(&self) -> Option<Moment> {
        self.heard.last().map(|heard| heard.to).max(self.pair_at)
    }

    fn voice(&self, octets: usize) -> Vec<u8> {
        let mut cell = [0; CELL];
        cell[..4].copy_from_slice(MARK);
        cell[4..6].copy_from_slice(&self.tag.to_le_bytes());
        cell[6..TIMBRE.start].copy_from_slice(&self.said.to_le_bytes());
        cell[TIMBRE].copy_from_slice(&timbre(self.tag));
        cell.repeat(octets / CELL)
    }

    fn packet(&mut self, payload_type: PayloadType, marker: bool, payload: &[u8]) -> Vec<u8> {
        let (seq, time) = (SeqNo(self.seq), RtpTime(self.time));
        let ssrc = Ssrc(0x5153_0000 | u32::from(self.tag));
        self.seq = self.seq.wrapping_add(1);
        let mut bytes = vec![0; HEADER_BYTES + payload.len()];
        rtp::write(&Header { payload_type, marker, seq, time, ssrc }, &mut bytes);
        bytes[HEADER_BYTES..].copy_from_slice(payload);
        bytes
    }

    /// A packet came.
    ///
    /// # Panics
    /// When it is not RTP: the box sends nothing else here.
    pub fn hear(&mut self, now: Moment, bytes: &[u8]) {
        let packet = rtp::parse(bytes).expect("the box sends well-formed RTP");
        let payload = &bytes[packet.payload()];
        let Some((tag, counter)) = voice_in(payload) else {
            match pair_in(payload) {
                Some(pair) => {
                    *self.pairs.entry(pair).or_default() += 1;
                    self.pair_at = Some(now);
                }
                None => self.others += 1,
            }
            return;
        };
        match self.heard.last_mut().filter(|last| last.tag == tag) {
            Some(last) => {
                last.to = now;
                last.counters.0 = last.counters.0.min(counter);
                last.counters.1 = last.counters.1.max(counter);
                last.packets += 1;
            }
            None => self.heard.push(Heard {
                tag,
                from: now,
                to: now,
                counters: (counter, counter),
                packets: 1,
            }),
        }
    }
}

/// What the timbres of these two tags are in a mix.
pub fn pair_of(one: u16, other: u16) -> PairMark {
    sum(timbre(one), timbre(other))
}

/// Ten of the lowest sixteen levels of G.711, which a tag chooses. They are on the straight part of
/// its curve, where a sum of two tells how much it was.
fn timbre(tag: u16) -> PairMark {
    let hash = (u64::from(tag) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    std::array::from_fn(|nth| {
        let level = (hash >> (60 - 4 * nth)) as u8 & 0x0F;
        (level | 0x80) ^ 0x55
    })
}

/// As the mixer adds.
fn sum<const N: usize>(one: [u8; N], other: [u8; N]) -> [u8; N] {
    let level = |octet| g711::decode(Law::A, octet);
    std::array::from_fn(|at| g711::encode(Law::A, level(one[at]).saturating_add(level(other[at]))))
}

fn pair_in(payload: &[u8]) -> Option<PairMark> {
    let is_mixed = payload.starts_with(&sum(*MARK, *MARK));
    payload.get(TIMBRE)?.try_into().ok().filter(|_| is_mixed)
}

fn voice_in(payload: &[u8]) -> Option<(u16, u32)> {
    let rest = payload.strip_prefix(MARK)?;
    let (tag, rest) = rest.split_first_chunk::<2>()?;
    let (counter, _) = rest.split_first_chunk::<4>()?;
    Some((u16::from_le_bytes(*tag), u32::from_le_bytes(*counter)))
}

/// Cells of each voice in the octets of one channel of a recording.
pub fn voices_in(octets: &[u8]) -> BTreeMap<u16, u32> {
    let mut voices = BTreeMap::new();
    let mut at = 0;
    while at + CELL <= octets.len() {
        match voice_in(&octets[at..]) {
            Some((tag, _)) => {
                *voices.entry(tag).or_default() += 1;
                at += CELL;
            }
            None => at += 1,
        }
    }
    voices
}
