//! Ogg Opus from a recording's WAV: the Ogg container of RFC 3533 with Opus in it as RFC 7845 says,
//! encoded by libopus. Promise: the two sides stay apart, the file plays exactly as long as the WAV,
//! and every reader of `.opus` takes it.
//!
//! A call's sides have nothing in common, so each is a mono stream of its own: channel mapping
//! family 1 with two uncoupled streams (RFC 7845 §5.1.1.2), the first of a packet's two in the
//! self-delimiting form of RFC 6716, appendix B. Stereo coupling would let one side be heard on the
//! other at this bit rate.

mod check;

pub use check::check;

use crate::encode::{Encode, Error};
use crate::record::wav;
use opus::{Application, Bitrate, Channels, Signal};

/// Bits a second over all channels that are encoded.
pub const KBIT: std::ops::RangeInclusive<u16> = 12..=128;
/// Ticks of the granule position, whatever the rate of the WAV (RFC 7845 §4).
const GRANULE_HZ: u64 = 48_000;
/// A packet lasts 20 ms.
const PACKETS_PER_S: u32 = 50;
const PACKET_GRANULES: u64 = GRANULE_HZ / PACKETS_PER_S as u64;
/// Bytes of one stream's packet at most (RFC 6716 §3.4).
const PACKET_BYTES_MAX: usize = 1275;
/// A page holds a second, or as much as fits its segment table.
const PAGE_PACKETS_MAX: usize = PACKETS_PER_S as usize;
const PAGE_SEGMENTS_MAX: usize = 255;
/// Of 10. Nobody waits for it, and it has a core that nobody else wants.
const COMPLEXITY: i32 = 8;
/// One logical stream a file: any number names it.
const SERIAL: u32 = 1;
const FIRST_PAGE: u8 = 2;
const LAST_PAGE: u8 = 4;

/// Samples in, an `.opus` file out.
pub struct Encoder {
    streams: Vec<opus::Encoder>,
    /// Samples a channel of one packet.
    packet_samples: usize,
    rate_hz: u32,
    kbit: u16,
    /// Samples of the encoder's delay that a player leaves out, at 48 kHz.
    pre_skip: u16,
    /// Samples a channel that were given.
    samples: u64,
    /// Interleaved samples that do not fill a packet yet.
    waiting: Vec<i16>,
    page: Page,
    begun: bool,
}

impl Encoder {
    /// An encoder for samples of this format.
    ///
    /// # Errors
    /// [`Error::Opus`] for a bit rate outside [`KBIT`] or a rate that Opus has not.
    pub fn new(kbit: u16, format: wav::Format) -> Result<Encoder, Error> {
        let rate_hz = format.rate_hz;
        let refused = |detail: &str| Error::Opus { kbit, rate_hz, detail: detail.to_owned() };
        if !KBIT.contains(&kbit) {
            return Err(refused("12 to 128 kbit/s are needed"));
        }
        if ![8_000, 12_000, 16_000, 24_000, 48_000].contains(&rate_hz) {
            return Err(refused("8, 12, 16, 24 or 48 kHz are needed"));
        }
        let mut streams = Vec::new();
        for _ in 0..format.channels {
            let bits = i32::from(kbit) * 1000 / i32::from(format.channels);
            let stream = stream(rate_hz, bits).map_err(|error| refused(&error.to_string()))?;
            streams.push(stream);
        }
        let delay = streams[0].get_lookahead().map_err(|error| refused(&error.to_string()))?;
        let pre_skip = delay as u64 * GRANULE_HZ / u64::from(rate_hz);
        Ok(Encoder {
            streams,
            packet_samples: (rate_hz / PACKETS_PER_S) as usize,
            rate_hz,
            kbit,
            pre_skip: pre_skip as u16,
            samples: 0,
            waiting: Vec::new(),
            page: Page::default(),
            begun: false,
        })
    }

    /// The two header pages (RFC 7845 §5).
    fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let channels = self.streams.len() as u8;
        let mut head = b"OpusHead\x01".to_vec();
        head.push(channels);
        head.extend_from_slice(&self.pre_skip.to_le_bytes());
        head.extend_from_slice(&self.rate_hz.to_le_bytes());
        head.extend_from_slice(&0_i16.to_le_bytes());
        match channels {
            1 => head.push(0),
            // Family 1: two streams, none coupled, stream 0 is left and stream 1 is right.
            _ => head.extend_from_slice(&[1, 2, 0, 0, 1]),
        }
        self.page.add(&head);
        self.page.write(0, FIRST_PAGE, out);
        let mut tags = b"OpusTags".to_vec();
        let vendor = b"switchgrid";
        tags.extend_from_slice(&(vendor.len() as u32).to_le_bytes());
        tags.extend_from_slice(vendor);
        tags.extend_from_slice(&0_u32.to_le_bytes());
        self.page.add(&tags);
        self.page.write(0, 0, out);
    }

    /// Encodes one packet of interleaved samples onto the page.
    fn packet(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), Error> {
        let count = self.streams.len();
        let (mut packet, mut side) = (Vec::new(), Vec::new());
        for at in 0..count {
            side.clear();
            side.extend(samples.iter().skip(at).step_by(count));
            let made = self.streams[at].encode_vec(&side, PACKET_BYTES_MAX);
            let made = made.map_err(|error| self.failed(&error.to_string()))?;
            if at + 1 == count {
                packet.extend_from_slice(&made);
            } else {
                delimit(&made, &mut packet)
                    .ok_or_else(|| self.failed("a packet of many frames"))?;
            }
        }
        if !self.page.has_room(packet.len()) {
            self.page.write(self.page.granules, 0, out);
        }
        self.page.add(&packet);
        self.page.granules += PACKET_GRANULES;
        Ok(())
    }

    fn failed(&self, detail: &str) -> Error {
        Error::Opus { kbit: self.kbit, rate_hz: self.rate_hz, detail: detail.to_owned() }
    }
}

impl Encode for Encoder {
    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), Error> {
        self.begin(out);
        self.samples += (samples.len() / self.streams.len()) as u64;
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.extend_from_slice(samples);
        let length = self.packet_samples * self.streams.len();
        let whole = waiting.len() / length * length;
        for packet in waiting[..whole].chunks_exact(length) {
            self.packet(packet, out)?;
        }
        waiting.drain(..whole);
        self.waiting = waiting;
        Ok(())
    }

    /// Nothing at the beginning is replaced.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Vec<u8>, Error> {
        self.begin(out);
        let length = self.samples * GRANULE_HZ / u64::from(self.rate_hz);
        let end = u64::from(self.pre_skip) + length;
        // The encoder's delay pushes the end out: silence after it brings it in. One packet at
        // least, so that the file has a last page.
        let packet = self.packet_samples * self.streams.len();
        while self.page.granules < end.max(1) {
            let mut last = std::mem::take(&mut self.waiting);
            last.resize(packet, 0);
            self.packet(&last, out)?;
        }
        // A last granule position below the packets' end cuts the file there (RFC 7845 §4.4).
        self.page.write(end, LAST_PAGE, out);
        Ok(Vec::new())
    }
}

fn stream(rate_hz: u32, bits: i32) -> opus::Result<opus::Encoder> {
    let mut stream = opus::Encoder::new(rate_hz, Channels::Mono, Application::Audio)?;
    stream.set_bitrate(Bitrate::Bits(bits))?;
    stream.set_complexity(COMPLEXITY)?;
    stream.set_signal(Signal::Voice)?;
    // A recording is evidence: with discontinuous transmission a steady tone, a fax or music on
    // hold becomes noise after a second. Silence costs little without it.
    stream.set_dtx(false)?;
    Ok(stream)
}

/// A packet of one frame with its length after its first byte (RFC 6716, appendix B and §3.2.1);
/// `None` for one of several frames, which 20 ms never are.
fn delimit(packet: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (&toc, frame) = packet.split_first()?;
    (toc & 3 == 0).then_some(())?;
    out.push(toc);
    match frame.len() {
        short @ 0..=251 => out.push(short as u8),
        long => {
            let first = 252 + (long & 3);
            out.push(first as u8);
            out.push(((long - first) / 4) as u8);
        }
    }
    out.extend_from_slice(frame);
    Some(())
}

/// The page that fills.
#[derive(Default)]
struct Page {
    segments: Vec<u8>,
    body: Vec<u8>,
    packets: usize,
    /// Granule position at its end.
    granules: u64,
    sequence: u32,
}

impl Page {
    fn has_room(&self, bytes: usize) -> bool {
        self.packets < PAGE_PACKETS_MAX && self.segments.len() + bytes / 255 < PAGE_SEGMENTS_MAX
    }

    /// A packet in segments of 255 bytes; one that ends with a full segment has an empty one after.
    fn add(&mut self, packet: &[u8]) {
        self.segments.extend(std::iter::repeat_n(255, packet.len() / 255));
        self.segments.push((packet.len() % 255) as u8);
        self.body.extend_from_slice(packet);
        self.packets += 1;
    }

    /// Writes the page (RFC 3533 §6) and begins the next one.
    fn write(&mut self, granules: u64, kind: u8, out: &mut Vec<u8>) {
        let from = out.len();
        out.extend_from_slice(b"OggS\0");
        out.push(kind);
        out.extend_from_slice(&granules.to_le_bytes());
        out.extend_from_slice(&SERIAL.to_le_bytes());
        out.extend_from_slice(&self.sequence.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.push(self.segments.len() as u8);
        out.extend_from_slice(&self.segments);
        out.extend_from_slice(&self.body);
        let crc = crc(&out[from..]);
        out[from + 22..from + 26].copy_from_slice(&crc.to_le_bytes());
        self.segments.clear();
        self.body.clear();
        self.packets = 0;
        self.sequence += 1;
    }
}

/// CRC-32 of RFC 3533 §6: 0x04C11DB7, most significant bit first, from zero, not inverted.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    let step = |crc: u32, byte: &u8| crc << 8 ^ TABLE[usize::from((crc >> 24) as u8 ^ byte)];
    bytes.iter().fold(0, step)
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut value, mut bit) = ((byte as u32) << 24, 0);
        while bit < 8 {
            value = if value >> 31 == 1 { value << 1 ^ 0x04C1_1DB7 } else { value << 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::wav::Format;

    /// The pages of a file: kind, granule position, packets.
    fn pages(file: &[u8]) -> Vec<(u8, u64, Vec<Vec<u8>>)> {
        let (mut at, mut pages) = (0, Vec::new());
        while at < file.len() {
            let head = &file[at..];
            assert_eq!(&head[..5], b"OggS\0", "page {} at {at}", pages.len());
            let sequence = u32::from_le_bytes(head[18..22].try_into().unwrap());
            assert_eq!(sequence as usize, pages.len());
            let count = usize::from(head[26]);
            let (segments, mut body) = (&head[27..27 + count], &head[27 + count..]);
            let (mut packets, mut packet) = (Vec::new(), Vec::new());
            for &segment in segments {
                let (part, rest) = body.split_at(usize::from(segment));
                packet.extend_from_slice(part);
                body = rest;
                if segment < 255 {
                    packets.push(std::mem::take(&mut packet));
                }
            }
            let end = file.len() - body.len();
            let mut page = file[at..end].to_vec();
            let said = u32::from_le_bytes(page[22..26].try_into().unwrap());
            page[22..26].fill(0);
            assert_eq!(crc(&page), said);
            let granules = u64::from_le_bytes(head[6..14].try_into().unwrap());
            pages.push((head[5], granules, packets));
            at = end;
        }
        pages
    }

    fn encoded(format: Format, samples: &[i16], piece: usize) -> Vec<u8> {
        let mut encoder = Encoder::new(24, format).unwrap();
        let mut out = Vec::new();
        for piece in samples.chunks(piece) {
            encoder.encode(piece, &mut out).unwrap();
        }
        assert!(encoder.finish(&mut out).unwrap().is_empty());
        out
    }

    #[test]
    fn the_checksum_is_that_of_the_rfc() {
        // The polynomial itself, and the check value of this CRC in the catalogue of Ross Williams
        // (CRC-32/MPEG-2 without its first inversion: 0x89A1897F).
        assert_eq!(crc(&[0, 0, 0, 1]), 0x04C1_1DB7);
        assert_eq!(crc(b"123456789"), 0x89A1_897F);
    }

    #[test]
    fn a_file_is_as_long_as_its_samples_however_they_come() {
        for format in [Format::stereo_8k(None), Format::stereo(None, crate::codec::Rate::Wide)] {
            for samples in [0, 1, 159, 160, 8_000, 12_345] {
                let stereo: Vec<i16> = (0..samples * 2).map(|n| (n % 1000) as i16 * 9).collect();
                let file = encoded(format, &stereo, 2_000);
                assert_eq!(file, encoded(format, &stereo, 314), "pieces do not matter");
                let pages = pages(&file);
                assert_eq!((pages[0].0, &pages[0].2[0][..8]), (FIRST_PAGE, &b"OpusHead"[..]));
                assert_eq!(&pages[1].2[0][..8], b"OpusTags");
                let pre_skip = u16::from_le_bytes(pages[0].2[0][10..12].try_into().unwrap());
                let (kind, end, _) = pages.last().unwrap();
                let expected = samples as u64 * 48_000 / u64::from(format.rate_hz);
                assert_eq!((*kind, end - u64::from(pre_skip)), (LAST_PAGE, expected));
                let packets: usize = pages[2..].iter().map(|page| page.2.len()).sum();
                assert!(packets as u64 * PACKET_GRANULES >= *end);
                assert!(pages[2..].iter().all(|page| page.2.len() <= PAGE_PACKETS_MAX));
            }
        }
    }

    #[test]
    fn each_side_is_a_stream_of_its_own() {
        let tone = |n: i32| ((f64::from(n) * 0.3).sin() * 12_000.0) as i16;
        let samples: Vec<i16> = (0..16_000).flat_map(|n| [tone(n), 0]).collect();
        let file = encoded(Format::stereo(None, crate::codec::Rate::Wide), &samples, 5_000);
        let mut sides = [0, 1].map(|_| opus::Decoder::new(16_000, opus::Channels::Mono).unwrap());
        let mut energy = [0_f64; 2];
        for packet in pages(&file)[2..].iter().flat_map(|page| &page.2) {
            // The first stream says its length after its first byte.
            let long = usize::from(packet[1] >= 252);
            let bytes = usize::from(packet[1]) + long * 4 * usize::from(packet[2]);
            let from = 2 + long;
            let left = [&packet[..1], &packet[from..from + bytes]].concat();
            for (side, payload) in [&left[..], &packet[from + bytes..]].into_iter().enumerate() {
                let mut pcm = [0; 320];
                assert_eq!(sides[side].decode(payload, &mut pcm, false).unwrap(), 320);
                energy[side] += pcm.iter().map(|&s| f64::from(s) * f64::from(s)).sum::<f64>();
            }
        }
        assert!(energy[0] > 1e10, "the tone is there: {energy:?}");
        assert!(energy[1] < energy[0] * 1e-8, "and only on its side: {energy:?}");
    }

    #[test]
    fn a_steady_tone_stays_one() {
        let tone = |n: i32| ((f64::from(n) * 0.35).sin() * 8_000.0) as i16;
        let samples: Vec<i16> = (0..8_000 * 6).flat_map(|n| [0, tone(n)]).collect();
        let file = encoded(Format::stereo_8k(None), &samples, 8_000);
        let mut side = opus::Decoder::new(8_000, opus::Channels::Mono).unwrap();
        let mut quietest = f64::MAX;
        for (n, packet) in pages(&file)[2..].iter().flat_map(|page| &page.2).enumerate() {
            let long = usize::from(packet[1] >= 252);
            let bytes = usize::from(packet[1]) + long * 4 * usize::from(packet[2]);
            let mut pcm = [0; 160];
            assert_eq!(side.decode(&packet[2 + long + bytes..], &mut pcm, false).unwrap(), 160);
            let energy = pcm.iter().map(|&s| f64::from(s) * f64::from(s)).sum::<f64>();
            if (5..295).contains(&n) {
                quietest = quietest.min((energy / 160.0).sqrt());
            }
        }
        assert!(quietest > 4_000.0, "of 5,657 the quietest frame has {quietest}");
    }

    #[test]
    fn what_opus_has_not_is_refused_with_what_it_has() {
        let narrow = Format::stereo_8k(None);
        let refused = Encoder::new(8, narrow).err().unwrap().to_string();
        assert!(refused.contains("12 to 128 kbit/s"), "{refused}");
        let odd = Format { rate_hz: 44_100, ..narrow };
        let refused = Encoder::new(24, odd).err().unwrap().to_string();
        assert!(refused.contains("8, 12, 16, 24 or 48 kHz"), "{refused}");
    }

    #[test]
    fn a_long_frame_says_its_length_in_two_bytes() {
        for (bytes, head) in [
            (0, vec![8, 0]),
            (251, vec![8, 251]),
            (252, vec![8, 252, 0]),
            (1275, vec![8, 255, 255]),
        ] {
            let mut out = Vec::new();
            let packet = [vec![8], vec![1; bytes]].concat();
            delimit(&packet, &mut out).unwrap();
            assert_eq!(out[..head.len()], head);
            assert_eq!(out.len(), head.len() + bytes);
        }
        assert!(delimit(&[9, 1], &mut Vec::new()).is_none());
    }
}
