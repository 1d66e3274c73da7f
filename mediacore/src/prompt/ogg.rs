//! Ogg Opus files (RFC 3533, RFC 7845), decoded by libopus straight to 8 kHz: one stream of up to
//! eight channels, as people and our own recordings make them. Page checksums are proven; what the
//! head says of delay, gain and length is kept to the sample, so that parts follow without a gap.

use super::funnel::Funnel;
use super::{CHANNELS_MAX, Error, RATE_HZ};
use crate::ogg_opus::crc;
use std::time::Duration;

/// Bytes of a page's head before its segment table (RFC 3533 §6).
const PAGE_HEAD_BYTES: usize = 27;
/// Of its flags: the page begins inside a packet.
const CONTINUED: u8 = 1;
/// Of its flags: the last page.
const LAST: u8 = 4;
/// Bytes of one packet of audio at most: 120 ms of eight streams (RFC 7845 §6).
const PACKET_BYTES_MAX: usize = 8 * 61_440;
/// Samples of one packet at most, 120 ms.
const PACKET_SAMPLES_MAX: usize = RATE_HZ as usize * 120 / 1_000;
/// Granules (48 kHz) for each of our samples.
const GRANULES: u64 = 48_000 / RATE_HZ as u64;
/// No packet ends on the page.
const NO_GRANULE: u64 = u64::MAX;

struct Page<'a> {
    flags: u8,
    granule: u64,
    serial: u32,
    segments: &'a [u8],
    body: &'a [u8],
}

/// The page in front of `bytes`, and what follows it.
fn page(bytes: &[u8]) -> Result<(Page<'_>, &[u8]), String> {
    let cut = || "the file ends inside it".to_owned();
    if !bytes.starts_with(b"OggS") {
        return Err("it does not begin with OggS".to_owned());
    }
    let head = bytes.get(..PAGE_HEAD_BYTES).ok_or_else(cut)?;
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let end = PAGE_HEAD_BYTES + usize::from(head[26]);
    let segments = bytes.get(PAGE_HEAD_BYTES..end).ok_or_else(cut)?;
    let length: usize = segments.iter().map(|&segment| usize::from(segment)).sum();
    let body = bytes.get(end..end + length).ok_or_else(cut)?;
    let whole = [&head[..22], &[0; 4], &bytes[26..end + length]].concat();
    if crc(&whole) != word(22) {
        return Err("its checksum is wrong".to_owned());
    }
    let granule = u64::from(word(6)) | u64::from(word(10)) << 32;
    Ok((Page { flags: head[5], granule, serial: word(14), segments, body }, &bytes[end + length..]))
}

/// What the first packet says (RFC 7845 §5.1).
struct Head {
    channels: usize,
    pre_skip: u64,
    gain: f32,
    streams: u8,
    coupled: u8,
    mapping: Vec<u8>,
}

impl Head {
    fn parse(packet: &[u8]) -> Result<Head, Error> {
        let other = |what: &str| Error::Kind(what.to_owned());
        match packet {
            [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', ..] => {}
            [1, b'v', b'o', b'r', b'b', b'i', b's', ..] => return Err(other("Ogg Vorbis")),
            [0x7F, b'F', b'L', b'A', b'C', ..] => return Err(other("Ogg FLAC")),
            [b'S', b'p', b'e', b'e', b'x', ..] => return Err(other("Ogg Speex")),
            _ => return Err(other("Ogg without Opus in it")),
        }
        let damaged = |detail: &str| Error::Damaged {
            part: "Ogg page",
            number: 1,
            at_ms: 0,
            detail: detail.to_owned(),
        };
        let [
            version,
            channels,
            skip_low,
            skip_high,
            _,
            _,
            _,
            _,
            gain_low,
            gain_high,
            family,
            rest @ ..,
        ] = &packet[8..]
        else {
            return Err(damaged("the OpusHead is too short"));
        };
        if version >> 4 != 0 {
            return Err(damaged("the OpusHead is of a newer version"));
        }
        if !(1..=CHANNELS_MAX).contains(&u16::from(*channels)) || (*family == 0 && *channels > 2) {
            return Err(damaged("1 or 2 channels are right, with a channel mapping up to 8"));
        }
        let count = usize::from(*channels);
        let (streams, coupled, mapping) = match (family, rest) {
            (0, _) => (1, channels - 1, vec![0, 1][..count].to_vec()),
            (_, [streams, coupled, mapping @ ..]) if mapping.len() >= count => {
                (*streams, *coupled, mapping[..count].to_vec())
            }
            _ => return Err(damaged("the channel mapping is too short")),
        };
        if !(1..=CHANNELS_MAX).contains(&u16::from(streams)) || coupled > streams {
            return Err(damaged("1 to 8 streams are right"));
        }
        let gain = f32::from(i16::from_le_bytes([*gain_low, *gain_high])) / 256.0;
        Ok(Head {
            channels: count,
            pre_skip: u64::from(u16::from_le_bytes([*skip_low, *skip_high])),
            gain: 10_f32.powf(gain / 20.0),
            streams,
            coupled,
            mapping,
        })
    }
}

/// Packets become samples.
struct Stream {
    head: Head,
    decoder: opus::MSDecoder,
    pcm: Vec<f32>,
    samples: Vec<f32>,
    length_max: Duration,
    /// Packets of audio so far.
    packets: u64,
    /// Granule position of the first sample, once a page has said it.
    begins: Option<u64>,
}

impl Stream {
    fn new(head: Head, length_max: Duration) -> Result<Stream, Error> {
        let Head { streams, coupled, .. } = head;
        let decoder = opus::MSDecoder::new(RATE_HZ, streams, coupled, &head.mapping);
        let decoder = decoder.map_err(|error| Error::Damaged {
            part: "Ogg page",
            number: 1,
            at_ms: 0,
            detail: format!("its channel mapping: {error}"),
        })?;
        let pcm = vec![0.0; PACKET_SAMPLES_MAX * head.channels];
        let samples = Vec::new();
        Ok(Stream { head, decoder, pcm, samples, length_max, packets: 0, begins: None })
    }

    fn packet(&mut self, packet: &[u8]) -> Result<(), Error> {
        self.packets += 1;
        let at_ms = self.samples.len() as u64 * 1_000 / u64::from(RATE_HZ);
        let damaged = |detail: String| Error::Damaged {
            part: "Opus packet",
            number: self.packets,
            at_ms,
            detail,
        };
        if packet.is_empty() {
            return Err(damaged("it is empty".to_owned()));
        }
        let decoded = self.decoder.decode_float(packet, &mut self.pcm, false);
        let frames = decoded.map_err(|error| damaged(error.to_string()))?;
        // What is left out in front counts apart: it is never played.
        let skipped = (self.head.pre_skip / GRANULES) as usize;
        let most = self.length_max.as_millis().saturating_mul(u128::from(RATE_HZ)) / 1_000;
        if (self.samples.len() + frames) as u128 > most + (skipped + PACKET_SAMPLES_MAX) as u128 {
            return Err(Error::Long { max: self.length_max });
        }
        let (gain, channels) = (self.head.gain, self.head.channels);
        let frames = self.pcm[..frames * channels].chunks_exact(channels);
        self.samples.extend(frames.map(|f| f.iter().sum::<f32>() / channels as f32 * gain));
        Ok(())
    }

    /// Without the delay in front and what the last page cuts off (RFC 7845 §4.2 and §4.4).
    fn finish(self, end: Option<u64>) -> Result<Vec<i16>, Error> {
        let skipped = (self.head.pre_skip / GRANULES) as usize;
        let mut length = self.samples.len().saturating_sub(skipped);
        if let (Some(begins), Some(end)) = (self.begins, end) {
            let said = end.saturating_sub(begins).saturating_sub(self.head.pre_skip) / GRANULES;
            length = length.min(usize::try_from(said).unwrap_or(usize::MAX));
        }
        let mut funnel = Funnel::new(RATE_HZ, self.length_max)?;
        for &sample in self.samples.iter().skip(skipped).take(length) {
            funnel.push(sample)?;
        }
        funnel.finish()
    }
}

/// Makes the checksums of whole pages right again. For fuzzing: without it damage ends at them.
pub(crate) fn mend(file: &mut [u8]) {
    let mut at = 0;
    while file.len() >= at + PAGE_HEAD_BYTES && file[at..].starts_with(b"OggS") {
        let table = at + PAGE_HEAD_BYTES..at + PAGE_HEAD_BYTES + usize::from(file[at + 26]);
        let Some(segments) = file.get(table.clone()) else { return };
        let end = table.end + segments.iter().map(|&s| usize::from(s)).sum::<usize>();
        let Some(page) = file.get_mut(at..end) else { return };
        page[22..26].fill(0);
        let sum = crc(page);
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        at = end;
    }
}

/// Reads an Ogg Opus file as samples at 8 kHz.
///
/// # Errors
/// What is damaged, of another kind or too long.
pub fn decode(bytes: &[u8], length_max: Duration) -> Result<Vec<i16>, Error> {
    let mut stream: Option<Stream> = None;
    let (mut rest, mut number, mut serial) = (bytes, 0_u64, None);
    let mut packet: Vec<u8> = Vec::new();
    let (mut is_open, mut is_tagged, mut end) = (false, false, None);
    while !rest.is_empty() {
        number += 1;
        let at_ms = stream.as_ref().map_or(0, |s| s.samples.len() as u64 * 1_000 / 8_000);
        let damaged = |detail: String| Error::Damaged { part: "Ogg page", number, at_ms, detail };
        let (page, after) = page(rest).map_err(damaged)?;
        rest = after;
        if *serial.get_or_insert(page.serial) != page.serial {
            // Another stream beside ours: a picture, a text.
            continue;
        }
        if (page.flags & CONTINUED != 0) != is_open {
            return Err(damaged("a page before it is missing".to_owned()));
        }
        let before = stream.as_ref().map_or(0, |stream| stream.samples.len() as u64);
        let mut body = page.body;
        for &segment in page.segments {
            let (part, left) = body.split_at(usize::from(segment));
            body = left;
            // The tags are not kept, only passed.
            if is_tagged || stream.is_none() {
                packet.extend_from_slice(part);
            }
            if packet.len() > PACKET_BYTES_MAX {
                return Err(damaged(format!("a packet has more than {PACKET_BYTES_MAX} bytes")));
            }
            is_open = segment == 255;
            if is_open {
                continue;
            }
            match &mut stream {
                None => stream = Some(Stream::new(Head::parse(&packet)?, length_max)?),
                Some(_) if !is_tagged => is_tagged = true,
                Some(stream) => stream.packet(&packet)?,
            }
            packet.clear();
        }
        let Some(stream) = &mut stream else { continue };
        let after = stream.samples.len() as u64;
        if stream.begins.is_none() && after > before && page.granule != NO_GRANULE {
            // Where the stream was cut out of a longer one, it does not begin at zero; a last page
            // says its end instead.
            let played = after * GRANULES;
            let first = if page.flags & LAST != 0 { 0 } else { page.granule };
            stream.begins = Some(first.saturating_sub(played));
        }
        if page.flags & LAST != 0 {
            end = Some(page.granule);
            break;
        }
    }
    stream.ok_or(Error::Empty)?.finish(end.filter(|&end| end != NO_GRANULE))
}
