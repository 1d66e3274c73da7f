//! What a leg needs to go on when its process was killed, in memory that outlives the process.
//!
//! A shard has one slot for each leg, at the leg's own place. The memory comes from the edge (a
//! mapped file) or from a test; here it is words that are stored and loaded, so that nothing on a
//! packet's way waits for anybody. A slot has three parts:
//!
//! - What changes with commands ([`Kept`]): addresses, agreement with keys, room. Written as a whole,
//!   between an odd and an even version, with a checksum: a process that is killed while it writes
//!   leaves a slot that [`Slots::find`] calls torn.
//! - What changes with packets ([`Going`]): where the stream is. Two words a packet, four on an
//!   encrypted leg, each stored at once and before the packet leaves, so that what was sent is never
//!   ahead of what stands here.
//! - What is for the record alone ([`Figures`]): what was heard and said. Written once a second.
//!
//! Keys stand in it. A slot is overwritten with zeros when its leg is released.
//!
//! ```text
//! header, 2,176 bytes: magic · slots · boot (two words) · last sign of life, ns · zeros
//! slot,   2,176 bytes: version · checksum and length · going (six words) · kept, as JSON
//!                      · figures (sixteen words)
//! ```

use crate::burst::Loss;
use crc32fast::Hasher;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Duration;
use terms::media::{Audience, Port, Remote, RtpTime, Srtp, Ssrc};
use terms::{LegId, Moment, RoomId};

/// Bytes of a slot, and of the header.
pub const SLOT_BYTES: usize = 2_176;
const SLOT_WORDS: usize = SLOT_BYTES / 8;
/// A memory without a sign of life for this long is not restored: the phones have given up.
pub const SILENT_MAX: Duration = Duration::from_secs(60);
/// "sgslots" and the version of this form.
const MAGIC: u64 = u64::from_be_bytes(*b"sgslots\x02");

/// Places in the header.
mod head {
    pub const MAGIC: usize = 0;
    pub const SLOTS: usize = 1;
    pub const BOOT: usize = 2;
    pub const ALIVE: usize = 4;
}

/// Places in a slot.
mod place {
    pub const VERSION: usize = 0;
    /// Checksum above, length below.
    pub const CHECK: usize = 1;
    /// Index of the newest packet sent: roll-over counter and sequence number.
    pub const SENT: usize = 2;
    /// Its timestamp above, when it was sent in ms below.
    pub const TIME: usize = 3;
    pub const REPORTS: usize = 4;
    /// Index of the newest packet that was authentic.
    pub const HEARD: usize = 5;
    /// Its source above, the newest report's index below.
    pub const HEARD_FROM: usize = 6;
    pub const KEPT: usize = 8;
    /// Two figures in a word.
    pub const FIGURES: usize = 256;
}

/// Octets of JSON in a slot.
const KEPT_BYTES: usize = (place::FIGURES - place::KEPT) * 8;
/// Figures of a leg.
const FIGURES: usize = 20;

/// Memory of a shard's slots: `1 + slots` times [`SLOT_BYTES`].
pub trait Memory: Send + Sync {
    /// All of it.
    fn words(&self) -> &[AtomicU64];
}

impl Memory for Vec<AtomicU64> {
    fn words(&self) -> &[AtomicU64] {
        self
    }
}

/// What of a leg changes with commands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The leg.
    pub leg: LegId,
    /// Our RTP address, as the phone was told.
    pub local: SocketAddr,
    /// Whose port that is.
    #[serde(default)]
    pub port: Port,
    /// The source of what we send.
    pub ssrc: Ssrc,
    /// What offer and answer agreed; it has the keys of a description.
    pub remote: Option<Remote>,
    /// Keys of a handshake, once they were made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Srtp>,
    /// Where its audio really comes from.
    pub source: Option<SocketAddr>,
    /// Its room.
    pub room: Option<RoomId>,
    /// In the room but deaf and dumb.
    pub held: bool,
    /// Who hears it.
    pub audience: Audience,
    /// Its digits are heard by nobody else.
    #[serde(default)]
    pub digits_kept: bool,
}

/// What of a leg changes with packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Going {
    /// Index of the newest packet sent: roll-over counter, where there are keys, and sequence number.
    pub sent: u64,
    /// Its timestamp.
    pub time: RtpTime,
    /// When it was sent, in ms of the monotonic clock; zero is never.
    pub sent_ms: u32,
    /// Encrypted reports sent.
    pub reports: u32,
    /// Source and index of the newest packet that was authentic.
    pub heard: Option<(Ssrc, u64)>,
    /// Index of the newest report that was.
    pub heard_report: u32,
}

/// What a leg heard and said until now. A figure that is too great stays at the greatest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Packets received.
    pub received: u32,
    /// Packets that the numbers say were sent.
    pub expected: u32,
    /// Packets sent.
    pub sent: u32,
    /// Too late for the mix.
    pub late: u32,
    /// From a source that was not accepted.
    pub strange: u32,
    /// Not taken for other reasons.
    pub dropped: u32,
    /// Came twice or more.
    pub duplicates: u32,
    /// Came after one with a higher number.
    pub reordered: u32,
    /// Audio made up, in ms.
    pub concealed_ms: u32,
    /// The greatest jitter, in µs.
    pub jitter_us_max: u32,
    /// Packet time in µs.
    pub packet_us: u32,
    /// Source and number of the newest packet received; both zero where there was none.
    pub newest: (Ssrc, u16),
    /// For how long after that packet nobody listened, in ms.
    pub deaf_ms: u32,
    /// What was heard and what not.
    pub loss: Loss,
}

impl Figures {
    fn words(&self) -> [u32; FIGURES] {
        let cut = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let Figures { received, expected, sent, late, strange, dropped, .. } = *self;
        let Figures { duplicates, reordered, concealed_ms, jitter_us_max, packet_us, .. } = *self;
        let (Ssrc(ssrc), seq) = self.newest;
        let Loss { packets, unheard, runs, bursts, burst_packets, burst_unheard } = self.loss;
        let [packets, unheard, runs] = [packets, unheard, runs].map(cut);
        let [bursts, burst_packets, burst_unheard] =
            [bursts, burst_packets, burst_unheard].map(cut);
        [
            received,
            expected,
            sent,
            late,
            strange,
            dropped,
            duplicates,
            reordered,
            concealed_ms,
            jitter_us_max,
            packet_us,
            ssrc,
            u32::from(seq),
            self.deaf_ms,
            packets,
            unheard,
            runs,
            bursts,
            burst_packets,
            burst_unheard,
        ]
    }

    fn of(words: [u32; FIGURES]) -> Self {
        let [received, expected, sent, late, strange, dropped, rest @ ..] = words;
        let [duplicates, reordered, concealed_ms, jitter_us_max, packet_us, rest @ ..] = rest;
        let [ssrc, seq, deaf_ms, rest @ ..] = rest;
        let [packets, unheard, runs, bursts, burst_packets, burst_unheard] = rest.map(u64::from);
        Figures {
            received,
            expected,
            sent,
            late,
            strange,
            dropped,
            duplicates,
            reordered,
            concealed_ms,
            jitter_us_max,
            packet_us,
            newest: (Ssrc(ssrc), seq as u16),
            deaf_ms,
            loss: Loss { packets, unheard, runs, bursts, burst_packets, burst_unheard },
        }
    }
}

/// What stands in a slot.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Nothing.
    Empty,
    /// A leg that goes on.
    Leg(Box<Kept>, Going),
    /// Something that was not written to its end, or not by this version.
    Torn,
}

/// The slots of a shard; by default there are none, and everything here does nothing.
#[derive(Clone, Default)]
pub struct Slots {
    memory: Option<Arc<dyn Memory>>,
    /// Somebody else wrote it, and what they wrote may be restored.
    taken: bool,
}

impl Slots {
    /// Words that so many slots need.
    pub const fn words(slots: usize) -> usize {
        (slots + 1) * SLOT_WORDS
    }

    /// Takes memory as it is. False beside it when what stands there is not to be restored: it is
    /// another form, of another start of the machine, or older than [`SILENT_MAX`]. It is empty then.
    pub fn take(memory: Arc<dyn Memory>, boot: u128, now: Moment) -> (Self, bool) {
        let words = memory.words();
        if words.len() < SLOT_WORDS {
            return (Slots::default(), false);
        }
        let slots = (words.len() / SLOT_WORDS - 1) as u64;
        let load = |at: usize| words[at].load(Ordering::Acquire);
        let (boot_high, boot_low) = ((boot >> 64) as u64, boot as u64);
        let is_ours = load(head::MAGIC) == MAGIC
            && load(head::SLOTS) == slots
            && (load(head::BOOT), load(head::BOOT + 1)) == (boot_high, boot_low);
        let is_fresh = now - Moment(load(head::ALIVE)) <= SILENT_MAX;
        let taken = is_ours && is_fresh;
        if !taken {
            // Fresh memory is zeros. The magic goes last, so that half of it is never taken for that.
            if load(head::MAGIC) != 0 {
                words.iter().rev().for_each(|word| word.store(0, Ordering::Release));
            }
            words[head::SLOTS].store(slots, Ordering::Relaxed);
            words[head::BOOT].store(boot_high, Ordering::Relaxed);
            words[head::BOOT + 1].store(boot_low, Ordering::Relaxed);
            words[head::ALIVE].store(now.0, Ordering::Relaxed);
            words[head::MAGIC].store(MAGIC, Ordering::Release);
        }
        (Slots { memory: Some(memory), taken }, taken)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.memory.as_ref().map_or(0, |memory| memory.words().len() / SLOT_WORDS - 1)
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.memory.is_none()
    }

    /// Whether it was written by a process before this one: fresh memory need not be looked through.
    pub fn is_taken(&self) -> bool {
        self.taken
    }

    /// The shard lives.
    pub fn alive(&self, now: Moment) {
        if let Some(memory) = &self.memory {
            memory.words()[head::ALIVE].store(now.0, Ordering::Relaxed);
        }
    }

    /// When it last lived.
    pub fn last_alive(&self) -> Option<Moment> {
        let memory = self.memory.as_ref()?;
        Some(Moment(memory.words()[head::ALIVE].load(Ordering::Relaxed)))
    }

    /// Writes what a leg has heard and said.
    pub fn figure(&self, index: usize, figures: &Figures) {
        let Some(slot) = self.slot(index) else { return };
        for (word, pair) in slot[place::FIGURES..].iter().zip(figures.words().chunks_exact(2)) {
            word.store(u64::from(pair[0]) << 32 | u64::from(pair[1]), Ordering::Relaxed);
        }
    }

    /// What a leg had heard and said.
    pub fn figures(&self, index: usize) -> Figures {
        let mut words = [0; FIGURES];
        if let Some(slot) = self.slot(index) {
            for (pair, word) in words.chunks_exact_mut(2).zip(&slot[place::FIGURES..]) {
                let word = word.load(Ordering::Relaxed);
                (pair[0], pair[1]) = ((word >> 32) as u32, word as u32);
            }
        }
        Figures::of(words)
    }

    fn slot(&self, index: usize) -> Option<&[AtomicU64]> {
        let start = index.checked_add(1)?.checked_mul(SLOT_WORDS)?;
        self.memory.as_ref()?.words().get(start..start.checked_add(SLOT_WORDS)?)
    }

    fn store(&self, index: usize, place: usize, value: u64) {
        if let Some(slot) = self.slot(index) {
            slot[place].store(value, Ordering::Relaxed);
        }
    }

    /// Writes what changes with commands. False when it does not fit or there is no such slot: the
    /// slot is empty then.
    pub fn keep(&self, index: usize, kept: &Kept) -> bool {
        let Some(slot) = self.slot(index) else { return false };
        let mut bytes = [0; KEPT_BYTES];
        let mut rest = &mut bytes[..];
        let written = serde_json::to_writer(&mut rest, kept).map(|()| KEPT_BYTES - rest.len());
        let Ok(len) = written else {
            wipe(&mut bytes);
            self.clear(index);
            return false;
        };
        let version = begin(slot);
        slot[place::CHECK].store(check(&bytes[..len]), Ordering::Relaxed);
        let words = bytes.chunks_exact(8).take(len.div_ceil(8));
        for (word, octets) in slot[place::KEPT..].iter().zip(words) {
            let octets = octets.try_into().expect("chunks are of eight");
            word.store(u64::from_ne_bytes(octets), Ordering::Relaxed);
        }
        slot[place::VERSION].store(version + 1, Ordering::Release);
        wipe(&mut bytes);
        true
    }

    /// The leg is gone: zeros everywhere.
    pub fn clear(&self, index: usize) {
        let Some(slot) = self.slot(index) else { return };
        if slot[place::VERSION].load(Ordering::Relaxed) == 0 {
            return;
        }
        begin(slot);
        slot[1..].iter().for_each(|word| word.store(0, Ordering::Relaxed));
        slot[place::VERSION].store(0, Ordering::Release);
    }

    /// A packet is about to leave: its index, its timestamp and the moment of that.
    pub fn sent(&self, index: usize, sent: u64, time: RtpTime, sent_at: Option<Moment>) {
        let Some(slot) = self.slot(index) else { return };
        let sent_ms = sent_at.map_or(0, ms);
        slot[place::SENT].store(sent, Ordering::Relaxed);
        slot[place::TIME].store(u64::from(time.0) << 32 | u64::from(sent_ms), Ordering::Relaxed);
    }

    /// An encrypted report is about to leave; so many have.
    pub fn reported(&self, index: usize, reports: u32) {
        self.store(index, place::REPORTS, u64::from(reports));
    }

    /// A packet was authentic: source and index of the newest, and the newest report's index. `None`
    /// under a key that nothing came under.
    pub fn heard(&self, index: usize, heard: Option<((Ssrc, u64), u32)>) {
        let Some(slot) = self.slot(index) else { return };
        let ((ssrc, newest), report) = heard.unwrap_or_default();
        let from = u64::from(ssrc.0) << 32 | u64::from(report);
        slot[place::HEARD].store(newest, Ordering::Relaxed);
        slot[place::HEARD_FROM].store(from, Ordering::Relaxed);
    }

    /// A packet of this leg leaves soon.
    pub fn expect(&self, index: usize) {
        if let Some(slot) = self.slot(index) {
            crate::shard::ahead::fetch(&slot[place::SENT]);
        }
    }

    /// What stands in a slot.
    pub fn find(&self, index: usize) -> Found {
        let Some(slot) = self.slot(index) else { return Found::Empty };
        let load = |place: usize| slot[place].load(Ordering::Relaxed);
        let version = slot[place::VERSION].load(Ordering::Acquire);
        if version == 0 {
            return Found::Empty;
        }
        let mut bytes = [0; KEPT_BYTES];
        for (octets, word) in bytes.chunks_exact_mut(8).zip(&slot[place::KEPT..]) {
            octets.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        let check_word = load(place::CHECK);
        let whole = bytes.get(..check_word as u32 as usize).filter(|_| version.is_multiple_of(2));
        let whole = whole.filter(|whole| check(whole) == check_word);
        let kept = whole.and_then(|whole| serde_json::from_slice::<Kept>(whole).ok());
        wipe(&mut bytes);
        let Some(kept) = kept else { return Found::Torn };
        let (time, from) = (load(place::TIME), load(place::HEARD_FROM));
        let source = Ssrc((from >> 32) as u32);
        let going = Going {
            sent: load(place::SENT) & ((1 << 48) - 1),
            time: RtpTime((time >> 32) as u32),
            sent_ms: time as u32,
            reports: load(place::REPORTS) as u32,
            heard: (from != 0).then(|| (source, load(place::HEARD) & ((1 << 48) - 1))),
            heard_report: from as u32,
        };
        Found::Leg(Box::new(kept), going)
    }
}

/// The moment that a count of milliseconds meant, not after `now`; `None` for never.
pub fn moment_of(sent_ms: u32, now: Moment) -> Option<Moment> {
    let ago = ms(now).wrapping_sub(sent_ms);
    (sent_ms != 0).then(|| Moment(now.0.saturating_sub(u64::from(ago) * 1_000_000)))
}

/// Milliseconds, wrapping after 49 days; never zero.
fn ms(at: Moment) -> u32 {
    (at.as_millis() as u32).max(1)
}

/// Marks a slot as being written; its version, odd now.
fn begin(slot: &[AtomicU64]) -> u64 {
    let version = slot[place::VERSION].load(Ordering::Relaxed) | 1;
    slot[place::VERSION].store(version, Ordering::Relaxed);
    // What follows is not seen before the mark.
    fence(Ordering::Release);
    version
}

fn check(bytes: &[u8]) -> u64 {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    u64::from(hasher.finalize()) << 32 | bytes.len() as u64
}

/// Keys do not stay on the stack.
fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    // Not left out as a store that nobody reads.
    std::hint::black_box(bytes);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use terms::media::{
        Codec, Dtls, DtlsRole, Fingerprint, Ice, PayloadType, Payloads, SrtpKey, SrtpSuite,
    };

    pub fn memory(slots: usize) -> Arc<Vec<AtomicU64>> {
        Arc::new((0..Slots::words(slots)).map(|_| AtomicU64::new(0)).collect())
    }

    /// Another process's view of the same bytes.
    pub fn copy(memory: &[AtomicU64]) -> Arc<Vec<AtomicU64>> {
        let load = |word: &AtomicU64| AtomicU64::new(word.load(Ordering::SeqCst));
        Arc::new(memory.iter().map(load).collect())
    }

    fn kept() -> Kept {
        let payloads = Payloads::of(Codec::Opus).with_dtmf(PayloadType(101));
        let mut remote =
            Remote::at("[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535".parse().unwrap(), payloads);
        let key = SrtpKey::new([255; 32], [255; 14]);
        let keys = Srtp { suite: SrtpSuite::AesCm128HmacSha1Tag80, send: key, receive: key };
        remote.rtcp = Some(remote.rtp);
        // A browser: keys of a handshake are as long as those of a description.
        let fingerprints = vec![Fingerprint([255; 32]); 2];
        remote.dtls = Some(Dtls { role: DtlsRole::Server, fingerprints });
        let word = |chars: usize| "x".repeat(chars);
        remote.ice = Some(Ice { ufrag: word(12), pwd: word(24), peer_ufrag: word(256) });
        remote.rtcp_mux = true;
        Kept {
            leg: LegId(u64::MAX >> 1),
            local: remote.rtp,
            port: Port::Shared,
            ssrc: Ssrc(u32::MAX),
            keys: Some(keys),
            source: Some(remote.rtp),
            remote: Some(remote),
            room: Some(RoomId(u64::MAX >> 1)),
            held: false,
            audience: Audience::Only(LegId(u64::MAX >> 1)),
            digits_kept: true,
        }
    }

    #[test]
    fn the_longest_leg_fits_and_comes_back_and_nothing_stays_of_a_released_one() {
        let memory = memory(2);
        let (slots, taken) = Slots::take(memory.clone(), 7, Moment::from_secs(1));
        assert!(!taken, "fresh memory has nothing to restore");
        assert!(slots.keep(1, &kept()) && !slots.keep(2, &kept()));
        slots.sent(1, 1 << 16 | 6, RtpTime(169), Some(Moment::from_secs(2)));
        slots.reported(1, 3);
        slots.heard(1, Some(((Ssrc(8), 2 << 16), 4)));
        let (again, taken) = Slots::take(copy(&memory), 7, Moment::from_secs(3));
        let Found::Leg(found, going) = again.find(1) else { panic!("a whole slot is a leg") };
        assert_eq!((taken, *found, again.find(0)), (true, kept(), Found::Empty));
        let heard = Some((Ssrc(8), 2 << 16));
        let (sent, time) = (1 << 16 | 6, RtpTime(169));
        let wanted = Going { sent, time, sent_ms: 2_000, reports: 3, heard, heard_report: 4 };
        assert_eq!(going, wanted);
        slots.clear(1);
        assert!(memory[SLOT_WORDS..].iter().all(|word| word.load(Ordering::SeqCst) == 0));
    }

    #[test]
    fn every_figure_comes_back_in_its_own_place() {
        let memory = memory(1);
        let (slots, _) = Slots::take(memory.clone(), 7, Moment::from_secs(1));
        slots.keep(0, &kept());
        let words: [u32; FIGURES] = std::array::from_fn(|n| n as u32 + 1);
        let figures = Figures::of(words);
        assert_eq!(figures.words(), words);
        slots.figure(0, &figures);
        let (again, _) = Slots::take(copy(&memory), 7, Moment::from_secs(1));
        assert_eq!(again.figures(0), figures);
        assert!(matches!(again.find(0), Found::Leg(kept_again, _) if *kept_again == kept()));
        slots.clear(0);
        assert_eq!(slots.figures(0), Figures::default());
    }

    #[test]
    fn another_boot_another_size_and_a_long_silence_are_not_restored() {
        let memory = memory(1);
        let (slots, _) = Slots::take(memory.clone(), 7, Moment::from_secs(1));
        slots.keep(0, &kept());
        slots.alive(Moment::from_secs(10));
        let taken = |boot, secs| Slots::take(copy(&memory), boot, Moment::from_secs(secs)).1;
        assert!(taken(7, 70) && !taken(8, 70) && !taken(7, 71));
        let (emptied, _) = Slots::take(copy(&memory), 8, Moment::from_secs(11));
        assert_eq!(emptied.find(0), Found::Empty);
        memory[head::SLOTS].store(2, Ordering::SeqCst);
        assert!(!taken(7, 11));
    }

    #[test]
    fn a_slot_that_was_not_written_to_its_end_is_torn() {
        let memory = memory(1);
        let (slots, _) = Slots::take(memory.clone(), 7, Moment::from_secs(1));
        slots.keep(0, &kept());
        let slot =
            |memory: &[AtomicU64], place: usize| memory[SLOT_WORDS + place].load(Ordering::SeqCst);
        let len = slot(&memory, place::CHECK) as u32 as usize;
        for place in (0..2).chain(place::KEPT..place::KEPT + len.div_ceil(8)) {
            // As if the kill came before this word, or it was damaged.
            let torn = copy(&memory);
            let value = slot(&torn, place) ^ 1;
            torn[SLOT_WORDS + place].store(value, Ordering::SeqCst);
            let (slots, _) = Slots::take(torn, 7, Moment::from_secs(1));
            assert_eq!(slots.find(0), Found::Torn, "word {place}");
        }
    }

    #[test]
    fn a_moment_survives_the_wrap_of_its_milliseconds() {
        let now = Moment::from_millis((1 << 32) + 40);
        assert_eq!(moment_of(u32::MAX, now), Some(Moment::from_millis((1 << 32) - 1)));
        assert_eq!(moment_of(0, now), None);
    }
}
