//! What fuzzers call: any bytes in, no panic out.

use crate::codec::noise::{Description, Generator};
use crate::codec::{Decoder, Encoder, PAYLOAD_OCTETS_MAX, ticks};
use crate::detect::ear::{Ear, Heard};
use crate::dtmf::{self, Event, Receiver};
use crate::encode::Encode;
use crate::jitter::{Jitter, Limits};
use crate::leg::LegIdx;
use crate::mp3::{self, Mp3Options};
use crate::ogg_opus;
use crate::prompt;
use crate::prompt::PromptStore;
use crate::record::wav::Format;
use crate::rtcp::xr::Extended;
use crate::rtcp::{self, COMPOUND_MAX, Compound, Item};
use crate::rtp::{self, HEADER_BYTES};
use crate::shard::documents::{FaxHeard, FaxOut};
use crate::shard::{Config, Shard, TRANSMIT_MAX};
use crate::slot::{Found, SLOT_BYTES, Slots};
use crate::srtp::{ROOM_BYTES, Refused, Session};
use crate::stun;
use crate::tiff;
use crate::udptl::{self, stream::Inbox, stream::Outbox};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use terms::media::{
    Codec, Command, FAX_DATAGRAM_BYTES_MAX, FaxRemote, FaxTerms, PayloadType, Payloads, Place,
    Port, Remote, RtpTime, Srtp, SrtpKey, SrtpSuite, Ssrc, TonePlan, Watch, Wishes,
};
use terms::{ContactId, LegId, Moment, RoomId, TenantId};

/// A datagram of extended reports is not longer.
const XR_BYTES_MAX: usize = 1_400;
/// A longer file only repeats what a short one shows.
const PROMPT_BYTES_MAX: usize = 64 * 1024;

/// Reads a datagram as RTP and rewrites it in place; what was rewritten must read back.
pub fn fuzz_rtp(bytes: &[u8]) {
    let Ok(packet) = rtp::parse(bytes) else { return };
    let mut copy = bytes.to_vec();
    let range = rtp::rewrite(&mut copy, &packet, &packet.header);
    let again = rtp::parse(&copy[range.clone()]).expect("a rewritten packet is well-formed");
    assert_eq!(again.header, packet.header);
    assert_eq!(range.len(), HEADER_BYTES + packet.payload_len());
}

/// Reads a datagram as UDPTL: it ends where its last part does, and nowhere else. What it carries
/// is heard once, and can be said again.
pub fn fuzz_udptl(bytes: &[u8]) {
    let mut inbox = Inbox::default();
    let Ok((seq, primary)) = udptl::read(bytes, |_| {}) else {
        assert!(inbox.take(bytes).is_empty());
        return;
    };
    assert!(bytes.len() <= usize::from(FAX_DATAGRAM_BYTES_MAX));
    assert!(udptl::parse(&bytes[..bytes.len() - 1]).is_err(), "its end was read");
    assert!(udptl::parse(&[bytes, &[0]].concat()).is_err(), "and nothing behind it");
    assert_eq!(inbox.take(bytes).last(), Some(&(seq, primary.to_vec())));
    assert!(inbox.take(bytes).is_empty(), "a second time it brings nothing");
    let terms = FaxTerms { bit_rate_max: 14_400, datagram_bytes_max: 640, repeats: true };
    let again = Outbox::new(&terms).datagram(primary);
    let again = udptl::read(&again, |_| {}).map(|(_, packet)| packet.to_vec());
    assert_eq!(again.as_deref(), Ok(primary));
}

/// Reads a file as the pages of a fax: what it finds lies in the file.
pub fn fuzz_tiff(bytes: &[u8]) {
    let Ok(pages) = tiff::pages(bytes) else { return };
    assert!((1..=tiff::PAGES_MAX).contains(&pages.len()));
    let strips = pages.iter().flat_map(|page| &page.strips);
    assert!(strips.map(|strip| strip.bytes.len()).sum::<usize>() <= bytes.len(), "no row twice");
    for page in pages {
        let rows: u64 = page.strips.iter().map(|strip| u64::from(strip.rows)).sum();
        assert_eq!(rows, u64::from(page.height), "every row is in a strip");
        assert!(page.strips.iter().all(|strip| strip.bytes.len() <= bytes.len()));
    }
}

/// Reads a datagram as a check of ICE; nobody who does not know the password signs one.
pub fn fuzz_stun(bytes: &[u8]) {
    let Ok(check) = stun::Request::parse(bytes) else { return };
    assert!(!check.is_signed_with("not what a fuzzer knows"));
    let from = SocketAddr::from(([192, 0, 2, 1], 32_853));
    let mut out = [0; stun::ANSWER_BYTES_MAX];
    let len = check.answer(from, "ours", &mut out);
    assert!(stun::Request::parse(&out[..len]).is_err(), "an answer is no request");
}

/// Reads a datagram as RTCP.
pub fn fuzz_rtcp(bytes: &[u8]) {
    let mut items = 0_usize;
    let read = rtcp::parse(bytes, |_| items += 1);
    assert!(read.is_err() || bytes.len() >= 4, "nothing is no compound");
    assert!(items <= bytes.len() / 4, "every item takes at least a word");
}

/// Reads a datagram as the blocks of an extended report; what it says is written and read again.
pub fn fuzz_rtcp_xr(bytes: &[u8]) {
    let mut compound = vec![0x80, 201, 0, 1, 0, 0, 0, 7];
    let blocks = &bytes[..bytes.len().min(XR_BYTES_MAX) / 4 * 4];
    compound.extend([0x80, 207]);
    compound.extend((blocks.len() as u16 / 4 + 1).to_be_bytes());
    compound.extend([0, 0, 0, 9]);
    compound.extend(blocks);
    let mut items = Vec::new();
    if rtcp::parse(&compound, |item| items.push(item)).is_err() {
        return;
    }
    for item in items {
        let Item::Voip(about, voip) = item else { continue };
        assert!(voip.r_factor.is_none_or(|r| r <= 100));
        assert!(voip.mos_cq.is_none_or(|mos| (10..=50).contains(&mos)));
        let extended = Extended { voip: Some((about, voip)), ..Extended::default() };
        let again = Compound { extended, ..Compound::empty(Ssrc(1), "box") };
        let mut out = [0; COMPOUND_MAX];
        let len = rtcp::write(&again, Moment(0), &mut out);
        let mut read = None;
        rtcp::parse(&out[..len], |item| read = Some(item)).expect("what we write is well-formed");
        assert_eq!(read, Some(item));
    }
}

/// Opens pieces of bytes as SRTP and SRTCP: the suite in the first byte, then pieces of length, what
/// to do, and octets. A piece comes as it is, or was protected by the peer and may have been changed
/// on its way: what was changed is refused, and what is opened is what was sent, once.
pub fn fuzz_srtp(bytes: &[u8]) {
    let Some((&which, mut rest)) = bytes.split_first() else { return };
    let suite = SrtpSuite::ALL[usize::from(which) % SrtpSuite::ALL.len()];
    let (one, two) = (SrtpKey::new([1; 32], [2; 14]), SrtpKey::new([3; 32], [4; 14]));
    let mut ours = Session::new(Srtp { suite, send: one, receive: two });
    let mut theirs = Session::new(Srtp { suite, send: two, receive: one });
    while let [len, what, tail @ ..] = rest {
        let (piece, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = tail;
        let mut buffer = [piece, &[0; ROOM_BYTES]].concat();
        let is_report = what & 1 != 0;
        let open = |session: &mut Session, bytes: &mut [u8]| match is_report {
            true => session.unprotect_rtcp(bytes),
            false => session.unprotect(bytes),
        };
        if what & 2 == 0 {
            assert!(open(&mut ours, &mut buffer[..piece.len()]).is_err(), "nobody made it");
            continue;
        }
        let protected = match is_report {
            true => theirs.protect_rtcp(&mut buffer, piece.len()),
            false => theirs.protect(&mut buffer, piece.len()),
        };
        let Ok(sent) = protected else { continue };
        buffer.truncate(sent);
        let at = usize::from(what >> 3) * 7 % sent;
        if what & 4 != 0 {
            buffer[at] ^= 1;
            assert!(open(&mut ours, &mut buffer).is_err(), "octet {at} was changed");
            continue;
        }
        let mut again = buffer.clone();
        if let Ok(len) = open(&mut ours, &mut buffer) {
            assert_eq!(&buffer[..len], piece);
            assert_eq!(open(&mut ours, &mut again), Err(Refused::Replayed));
        }
    }
}

/// Reads bytes as the slot of a leg: whatever they are, it is a leg that can be written again, or
/// none.
pub fn fuzz_slot(bytes: &[u8]) {
    let memory: Arc<Vec<AtomicU64>> =
        Arc::new((0..Slots::words(1)).map(|_| AtomicU64::new(0)).collect());
    let (slots, _) = Slots::take(memory.clone(), 0, Moment(0));
    for (word, octets) in memory[SLOT_BYTES / 8..].iter().zip(bytes.chunks_exact(8)) {
        let octets = octets.try_into().expect("chunks are of eight");
        word.store(u64::from_le_bytes(octets), Ordering::Relaxed);
    }
    if let Found::Leg(kept, _) = slots.find(0) {
        assert!(slots.keep(0, &kept), "what was read is written");
    }
}

/// Reads bytes as telephone-event packets: six bytes each of time, flags and payload.
pub fn fuzz_dtmf_event(bytes: &[u8]) {
    let mut receiver = Receiver::default();
    for (n, packet) in (0_u64..).zip(bytes.chunks_exact(6)) {
        let now = Moment::from_millis(n * u64::from(packet[0]));
        let time = RtpTime(u32::from(packet[0]) << 8 | u32::from(packet[1] >> 1));
        let Some(event) = Event::parse(&packet[2..]) else { continue };
        let step = receiver.note(now, Ssrc(1), time, packet[1] & 1 != 0, event);
        for digit in step.digits.iter().flatten().copied().chain(receiver.handle_timeout(now)) {
            assert!(dtmf::code(digit.key).is_some(), "only keys come out");
        }
    }
}

/// Reads bytes as a file of any kind and makes a prompt of it.
pub fn fuzz_prompt(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(PROMPT_BYTES_MAX)];
    let limits = prompt::Limits { length_max: Duration::from_secs(10), ..Default::default() };
    if let Ok(samples) = prompt::decode(bytes, &limits) {
        assert!((1..=10 * 8_000).contains(&samples.len()));
    }
}

/// Damages a good file and reads it: which file in the first byte, then pieces of place (two
/// bytes) and change. The checksums of an Ogg file's pages are made right again where the first
/// byte asks for it, so that the damage reaches what lies behind them.
pub fn fuzz_damaged_prompt(bytes: &[u8]) {
    let Some((&which, changes)) = bytes.split_first() else { return };
    let mut file = PROMPT_FILES[usize::from(which & 0x7F) % PROMPT_FILES.len()].clone();
    for change in changes.chunks_exact(3).take(200) {
        let at = usize::from(change[0]) << 8 | usize::from(change[1]);
        let at = at % file.len();
        file[at] ^= change[2];
    }
    if which & 0x80 != 0 {
        crate::prompt::ogg::mend(&mut file);
    }
    fuzz_prompt(&file);
}

/// Damages a file of ours and looks whether it is whole: which file in the first byte, then pieces
/// of place (two bytes) and change. One changed byte is always found.
pub fn fuzz_damaged_rendering(bytes: &[u8]) {
    let Some((&which, changes)) = bytes.split_first() else { return };
    let is_mp3 = which & 1 == 0;
    let whole = &PROMPT_FILES[if is_mp3 { 0 } else { 3 }];
    let mut file = whole.clone();
    for change in changes.chunks_exact(3).take(200) {
        let at = usize::from(change[0]) << 8 | usize::from(change[1]);
        let at = at % file.len();
        file[at] ^= change[2];
    }
    let mut from = &file[..];
    let found = if is_mp3 { mp3::check(&mut from) } else { ogg_opus::check(&mut from) };
    let found = found.expect("memory can be read");
    let second = Ok(1_000..=1_000);
    match file.iter().zip(whole).filter(|(is, was)| is != was).count() {
        0 => assert_eq!(found, second),
        1 => assert_ne!(found, second, "a changed byte was not found"),
        _ => {}
    }
}

/// A second of a tone and its octave, as MP3 and Opus.
static PROMPT_FILES: LazyLock<[Vec<u8>; 4]> = LazyLock::new(|| {
    let stereo = |n: i32| {
        let turn = f64::from(n) * 0.31;
        [(turn.sin() * 9_000.0) as i16, ((turn * 2.0).cos() * 7_000.0) as i16]
    };
    let (narrow, wide) = (Format { channels: 2, ..Format::stereo_8k(None) }, 44_100);
    let samples: Vec<i16> = (0..8_000).flat_map(stereo).collect();
    let mono: Vec<i16> = samples.iter().step_by(2).copied().collect();
    let encoded = |encoder: &mut dyn Encode, samples: &[i16]| {
        let mut file = Vec::new();
        encoder.encode(samples, &mut file).expect("samples are encoded");
        let head = encoder.finish(&mut file).expect("a file is finished");
        file[..head.len()].copy_from_slice(&head);
        file
    };
    let mp3 = |stereo, format| {
        mp3::Encoder::new(Mp3Options { kbit: 32, stereo }, format).expect("a format of MP3")
    };
    let opus = |format| ogg_opus::Encoder::new(32, format).expect("a format of Opus");
    let one = Format { channels: 1, ..narrow };
    [
        encoded(&mut mp3(false, one), &mono),
        encoded(&mut mp3(true, Format { rate_hz: wide, ..narrow }), &samples),
        encoded(&mut opus(one), &mono),
        encoded(&mut opus(narrow), &samples),
    ]
});

/// Feeds a decoder: the codec in the first byte, then pieces of length, what to do, and octets.
/// What comes out is encoded again, as a transcoding would.
pub fn fuzz_codec(bytes: &[u8]) {
    let Some((&which, mut rest)) = bytes.split_first() else { return };
    let codec = Codec::ALL[usize::from(which) % Codec::ALL.len()];
    let wishes = Wishes { fec: which & 0x40 != 0, dtx: which & 0x80 != 0, bitrate_max: 0 };
    let (mut decoder, mut encoder) = (Decoder::new(codec), Encoder::new(codec, wishes));
    let frame = decoder.rate().samples(20);
    let (mut out, mut again) = (Vec::new(), Vec::new());
    while let [len, what, tail @ ..] = rest {
        let (payload, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = tail;
        out.clear();
        match what % 4 {
            0 | 1 => {
                let decoded = decoder.decode(payload, &mut out);
                assert!(decoded.is_ok() || out.is_empty(), "an error brings no samples");
                let lasts = ticks(codec, payload) as usize * decoder.rate().samples(1)
                    / (codec.clock_hz() / 1_000) as usize;
                assert!(decoded.is_err() || out.len() == lasts, "{codec:?}: as long as it says");
            }
            2 => {
                decoder.recover(payload, frame, &mut out);
            }
            _ => decoder.conceal(usize::from(*len) * 2, &mut out),
        }
        for samples in out.chunks_exact(frame) {
            again.clear();
            encoder.encode(samples, &mut again);
            assert!(again.len() <= PAYLOAD_OCTETS_MAX);
        }
    }
}

/// Sounds comfort noise that anybody may describe (RFC 3389).
pub fn fuzz_comfort_noise(bytes: &[u8]) {
    let Some(description) = Description::parse(bytes) else { return };
    let (mut written, mut out) = (Vec::new(), Vec::new());
    description.write(&mut written);
    let again = Description::parse(&written).expect("what we write is a description");
    assert_eq!(again.level, description.level);
    Generator::new(description, 1).fill(800, &mut out);
    assert_eq!(out.len(), 800);
}

/// Lets an ear hear packets: the codec in the first byte, what is watched for in the second, then
/// pieces of length, how far the timestamp steps, and octets.
pub fn fuzz_ear(bytes: &[u8]) {
    let [which, what, rest @ ..] = bytes else { return };
    let mut rest = rest;
    let codec = Codec::ALL[usize::from(*which) % Codec::ALL.len()];
    let plans = [None, Some(TonePlan::China), Some(TonePlan::Itu), Some(TonePlan::Us)];
    let what =
        Watch { tones: plans[usize::from(what % 4)], fax: what & 4 != 0, answerer: what & 8 != 0 };
    let Some(mut ear) = Ear::new(codec, which & 0x80 != 0, what) else { return };
    let (mut now, mut time, mut down) = (Moment(0), RtpTime(0), None);
    while let [len, step, tail @ ..] = rest {
        let (payload, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = tail;
        now += Duration::from_millis(u64::from(step % 32));
        // Backwards, in order, with a hole, or somewhere else.
        let step = match step >> 6 {
            0 => 0,
            1 => u32::from(*step) * 16,
            2 => (u32::from(*step) * 8).wrapping_neg(),
            _ => u32::from(*step) << 20,
        };
        time = RtpTime(time.0.wrapping_add(ticks(codec, payload)).wrapping_add(step));
        ear.hear(now, (Ssrc(1), time), payload, |heard| match heard {
            Heard::Pressed(key) => {
                assert_eq!(down.replace(key), None, "one key at a time");
            }
            Heard::Digit(digit) => {
                assert_eq!(down.take(), Some(digit.key), "what ends was down");
                assert!(digit.duration_ms >= 30 && dtmf::code(digit.key).is_some());
            }
            Heard::Progress(_) => assert!(!what.is_idle(), "only what is watched for"),
        });
        if let Some(digit) = ear.handle_timeout(now) {
            assert_eq!(down.take(), Some(digit.key));
        }
        assert_eq!(ear.key(), down);
    }
}

/// Drives a jitter buffer: the codec in the first byte, then pieces of length, operation, and
/// octets.
pub fn fuzz_jitter(bytes: &[u8]) {
    let Some((&which, mut rest)) = bytes.split_first() else { return };
    let codec = Codec::ALL[usize::from(which) % Codec::ALL.len()];
    let limits = Limits { ms_min: u32::from(which >> 4) * 10, ms_max: 200 };
    let mut jitter = Jitter::new(codec, limits);
    let frame = jitter.rate().samples(20);
    let (mut now, mut time, mut taken_ms) = (Moment::from_secs(1), RtpTime(u32::MAX - 9_000), 0);
    while let [len, how, tail @ ..] = rest {
        let (payload, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = tail;
        let step = u32::from(how >> 3);
        match how % 8 {
            0..=2 => {
                jitter.put(now, time, payload);
            }
            3 => {
                jitter.put_noise(now, time, payload);
            }
            4 => time = RtpTime(time.0.wrapping_sub(step * codec.clock_hz() / 50)),
            5 => time = RtpTime(time.0.wrapping_add(step << 24)),
            6 => jitter.restart(),
            _ => now += Duration::from_millis(u64::from(step) * 16),
        }
        time = RtpTime(time.0.wrapping_add(codec.clock_hz() / 50));
        let taken = jitter.take(now);
        assert!(taken.is_none_or(|taken| taken.samples().len() == frame));
        (now, taken_ms) = (now + Duration::from_millis(20), taken_ms + 20);
        assert!((limits.ms_min..=limits.ms_max).contains(&jitter.playout().target_ms));
        let made_up = jitter.concealed_ms();
        assert!(made_up <= taken_ms + 1_000, "{made_up} ms in {taken_ms} ms");
    }
}

/// Gives a shard with two joined legs a series of datagrams: length, then leg, channel and source
/// in one byte, then the bytes. One of them may be encrypted, and both may carry T.38.
pub fn fuzz_packets(bytes: &[u8]) {
    let sources: [SocketAddr; 2] = [([10, 0, 0, 1], 4_000).into(), ([10, 0, 0, 2], 4_000).into()];
    let mut shard = Shard::new(Config::default(), PromptStore::default());
    let is_encrypted = bytes.first().is_some_and(|byte| byte & 2 != 0);
    let key = SrtpKey::new([1; 32], [2; 14]);
    let keys = Srtp { suite: SrtpSuite::AeadAes128Gcm, send: key, receive: key };
    // The first byte says whether both speak the same codec: relayed, or converted.
    let other =
        if bytes.first().is_some_and(|byte| byte & 1 == 0) { Codec::Pcma } else { Codec::Opus };
    for ((leg, rtp), codec) in (0_u32..).zip(sources).zip([Codec::Pcma, other]) {
        let id = LegId(u64::from(leg) + 1);
        let (contact, tenant) = (ContactId(1), TenantId(1));
        let (place, port) = (Place::default(), Port::Own);
        shard.handle_command(Moment(0), Command::Open { leg: id, contact, tenant, place, port });
        shard.port_reserved(LegIdx(leg), Ok(([127, 0, 0, 1], 20_000).into()));
        // The second bit: both know events, or the first speaks tones.
        let has_events = leg == 1 || bytes.first().is_some_and(|byte| byte & 2 == 0);
        let dtmf = has_events.then_some(PayloadType(101));
        let payloads = Payloads { dtmf, ..Payloads::of(codec) };
        let signalling = sources[0].ip();
        let srtp = Some(&keys).filter(|_| is_encrypted && leg == 0).cloned();
        let remote = Remote { nat: leg == 1, signalling, srtp, ..Remote::at(rtp, payloads) };
        shard.handle_command(Moment(0), Command::Connect { leg: id, remote: Box::new(remote) });
        shard.handle_command(Moment(0), Command::Join { leg: id, room: RoomId(1) });
        if bytes.first().is_some_and(|byte| byte & 64 != 0) {
            // With its machine, or from one to the other.
            let terms =
                FaxTerms { bit_rate_max: 14_400, datagram_bytes_max: 400, repeats: leg == 0 };
            let machine = bytes.first().is_some_and(|byte| byte & 128 != 0).then_some(terms);
            let remote = FaxRemote { udptl: rtp, nat: leg == 1, signalling, machine };
            if machine.is_some() {
                shard.start_fax(Moment(0), id);
            }
            shard.handle_command(Moment(0), Command::Fax { leg: id, remote });
        }
    }
    let (mut rest, mut now) = (bytes, Moment(0));
    let mut buffer = [0; TRANSMIT_MAX];
    while let [len, how, tail @ ..] = rest {
        let (datagram, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = tail;
        now = Moment(now.0 + u64::from(how >> 3) * 5_000_000);
        let (leg, from) = (LegIdx(u32::from(how & 1)), sources[usize::from(how >> 1 & 1)]);
        if how & 4 == 0 {
            let mut buffer = [datagram, &[0; ROOM_BYTES]].concat();
            shard.handle_packet(now, leg, from, &mut buffer, datagram.len());
        } else {
            shard.handle_rtcp(now, leg, from, &mut datagram.to_vec());
        }
        shard.tick(now);
        while let Some(out) = shard.poll_fax() {
            // What a machine hears it says again.
            if let FaxOut::Heard(leg, FaxHeard::Packet(_, octets)) = out {
                shard.say_packet(leg, &octets, 1);
            }
        }
        while shard.poll_transmit(&mut buffer).is_some() {}
        while shard.poll_event().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    /// Random bytes that begin like the format, so that more than the first check is reached.
    fn with_random_tails(seed: u64, beginnings: &[&[u8]], target: fn(&[u8])) {
        let mut rng = SmallRng::seed_from_u64(seed);
        for n in 0..4_000 {
            let mut bytes = beginnings[n % beginnings.len()].to_vec();
            let keep = bytes.len();
            bytes.resize(keep + rng.random_range(0..300), 0);
            rng.fill(&mut bytes[keep..]);
            if n % 2 == 0 && !bytes.is_empty() {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
            target(&bytes);
        }
    }

    #[test]
    fn random_datagrams_panic_nothing() {
        with_random_tails(1, &[&[], &[0x80, 8], &[0xBF, 0x88], &[0x90, 101]], fuzz_rtp);
        with_random_tails(2, &[&[], &[0x81, 200, 0, 12], &[0x9F, 201, 0, 1]], fuzz_rtcp);
        with_random_tails(8, &[&[], &[7, 0, 0, 8], &[4, 0, 0, 2], &[5, 0, 0, 3]], fuzz_rtcp_xr);
        let datagrams: &[&[u8]] =
            &[&[], &[0, 1, 1, 6, 0, 0], &[0, 2, 0x80, 90], &[0, 3, 1, 6, 0x80, 1]];
        with_random_tails(10, datagrams, fuzz_udptl);
        with_random_tails(11, &[&[70, 8, 0, 1, 1, 6], &[70, 1, 0, 1, 1, 6, 0, 0]], fuzz_packets);
        let check = b"\0\x01\0\x24\x21\x12\xa4\x42abcdefghijkl\0\x06\0\x03a:b\0\0\x08\0\x14";
        with_random_tails(14, &[&[], &check[..20], check], fuzz_stun);
        with_random_tails(3, &[&[]], fuzz_dtmf_event);
        with_random_tails(4, &[&[60, 8, 0x80, 8], &[20, 12, 0x81, 200, 0, 4]], fuzz_packets);
        with_random_tails(9, &[&[62, 8, 0x80, 8], &[22, 12, 0x81, 200, 0, 4]], fuzz_packets);
    }

    #[test]
    fn random_datagrams_open_no_session() {
        let beginnings: &[&[u8]] = &[
            &[],
            &[0, 60, 2, 0x80, 8],
            &[1, 60, 0x4E, 0x92, 8],
            &[2, 40, 3, 0x81, 200],
            &[3, 90, 0],
        ];
        with_random_tails(8, beginnings, fuzz_srtp);
    }

    #[test]
    fn random_payloads_panic_no_codec() {
        let beginnings: &[&[u8]] =
            &[&[0, 160, 0], &[2, 80, 0], &[0xC3, 40, 0, 0x78], &[3, 60, 2, 0x0B], &[4, 200, 1]];
        with_random_tails(6, beginnings, fuzz_codec);
        with_random_tails(7, &[&[], &[40], &[40, 200, 100, 255]], fuzz_comfort_noise);
    }

    #[test]
    fn random_packets_panic_no_ear_and_no_jitter_buffer() {
        let beginnings: &[&[u8]] = &[&[0, 15], &[1, 13], &[2, 14, 160, 0], &[0x83, 15], &[4, 1]];
        with_random_tails(8, beginnings, fuzz_ear);
        with_random_tails(9, &[&[0], &[0x41], &[0x22, 160, 0], &[3, 60, 0, 0x0B]], fuzz_jitter);
    }

    #[test]
    fn random_files_panic_no_reader_of_faxes() {
        let file = tiff::write(&[(64, &[0xA5; 80]), (8, &[1; 3])]);
        let beginnings: &[&[u8]] =
            &[b"II*\0", b"MM\0*\0\0\0\x08\0\x05", &file[..120], &file[..300]];
        with_random_tails(10, beginnings, fuzz_tiff);
        fuzz_tiff(&file);
    }

    #[test]
    fn random_and_damaged_files_panic_no_prompt_reader() {
        let header = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x40\0\0\0";
        let beginnings: &[&[u8]] = &[
            &[],
            header,
            &header[..40],
            &header[..12],
            b"OggS\0\x02",
            b"ID3\x04\0\0\0\0\0\x05",
            b"\xFF\xFB\x90\x00",
            b"\xFF\xE3\x18\xC4",
        ];
        with_random_tails(5, beginnings, fuzz_prompt);
        let files: &[&[u8]] = &[&[0], &[1], &[2], &[0x82], &[3], &[0x83], &[0x83, 0, 9]];
        with_random_tails(6, files, fuzz_damaged_prompt);
    }
}
