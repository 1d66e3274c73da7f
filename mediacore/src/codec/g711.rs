//! G.711 A-law and µ-law by table, both ways and into each other.
//!
//! The tables are computed at compile time from the segment arithmetic of ITU-T G.711; a table of
//! 256 entries decodes, one of 8,192 (A-law, 13 bits) or 16,384 (µ-law, 14 bits) encodes.

use terms::media::Codec;

/// Which of the two laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// A-law, the telephone network outside North America and Japan.
    A,
    /// µ-law.
    Mu,
}

impl Law {
    /// The law of a codec that is one.
    pub const fn of(codec: Codec) -> Option<Law> {
        match codec {
            Codec::Pcma => Some(Law::A),
            Codec::Pcmu => Some(Law::Mu),
            Codec::G722 | Codec::Opus | Codec::L16 | Codec::L16Narrow | Codec::G729 => None,
        }
    }

    /// The other direction of [`Law::of`].
    pub const fn codec(self) -> Codec {
        match self {
            Law::A => Codec::Pcma,
            Law::Mu => Codec::Pcmu,
        }
    }
}

/// The A-law octet of a zero sample.
pub const ALAW_SILENCE: u8 = 0xD5;
/// The µ-law octet of a zero sample.
pub const ULAW_SILENCE: u8 = 0xFF;

const fn alaw_decoded(octet: u8) -> i16 {
    let octet = octet ^ 0x55;
    let mantissa = ((octet & 0x0F) as i16) << 4;
    let segment = (octet & 0x70) >> 4;
    let magnitude = match segment {
        0 => mantissa + 8,
        1 => mantissa + 0x108,
        _ => (mantissa + 0x108) << (segment - 1),
    };
    if octet & 0x80 != 0 { magnitude } else { -magnitude }
}

const fn ulaw_decoded(octet: u8) -> i16 {
    let octet = !octet;
    let magnitude = ((((octet & 0x0F) as i16) << 3) + 0x84) << ((octet & 0x70) >> 4);
    if octet & 0x80 != 0 { 0x84 - magnitude } else { magnitude - 0x84 }
}

/// From the upper 13 bits of a sample.
const fn alaw_encoded(value: i16) -> u8 {
    let (mask, magnitude) = if value >= 0 { (0xD5_u8, value) } else { (0x55, -value - 1) };
    let mut segment = 0;
    while segment < 8 && magnitude > (0x20 << segment) - 1 {
        segment += 1;
    }
    if segment >= 8 {
        return 0x7F ^ mask;
    }
    let shift = if segment < 2 { 1 } else { segment };
    ((segment as u8) << 4 | ((magnitude >> shift) & 0x0F) as u8) ^ mask
}

/// From a sample of 16 bits.
const fn ulaw_encoded(value: i32) -> u8 {
    const CLIP: i32 = 32_635;
    const BIAS: i32 = 0x84;
    let sign = if value < 0 { 0x80 } else { 0 };
    let plain = if value < 0 { -value } else { value };
    let magnitude = if plain > CLIP { CLIP + BIAS } else { plain + BIAS };
    let segment = 31 - magnitude.leading_zeros() as i32 - 7;
    let mantissa = (magnitude >> (segment + 3)) & 0x0F;
    !(sign | (segment << 4 | mantissa) as u8)
}

const fn decode_table(ulaw: bool) -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = if ulaw { ulaw_decoded(octet as u8) } else { alaw_decoded(octet as u8) };
        octet += 1;
    }
    table
}

const fn alaw_encode_table() -> [u8; 8192] {
    let mut table = [0; 8192];
    let mut index = 0;
    while index < 8192 {
        table[index] = alaw_encoded(((index << 3) as u16 as i16) >> 3);
        index += 1;
    }
    table
}

const fn ulaw_encode_table() -> [u8; 16_384] {
    let mut table = [0; 16_384];
    let mut index = 0;
    while index < 16_384 {
        // The middle of the four samples that share an entry.
        table[index] = ulaw_encoded(((index << 2) as u16 as i16) as i32 + 2);
        index += 1;
    }
    table
}

static ALAW_DECODE: [i16; 256] = decode_table(false);
static ULAW_DECODE: [i16; 256] = decode_table(true);
static ALAW_ENCODE: [u8; 8192] = alaw_encode_table();
static ULAW_ENCODE: [u8; 16_384] = ulaw_encode_table();
static ALAW_TO_ULAW: [u8; 256] = transcode_table(false);
static ULAW_TO_ALAW: [u8; 256] = transcode_table(true);

const fn transcode_table(from_ulaw: bool) -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = if from_ulaw {
            alaw_encoded(ulaw_decoded(octet as u8) >> 3)
        } else {
            ulaw_encoded(alaw_decoded(octet as u8) as i32)
        };
        octet += 1;
    }
    table
}

/// One octet to a sample.
pub fn decode(law: Law, octet: u8) -> i16 {
    match law {
        Law::A => ALAW_DECODE[usize::from(octet)],
        Law::Mu => ULAW_DECODE[usize::from(octet)],
    }
}

/// One sample to an octet.
pub fn encode(law: Law, sample: i16) -> u8 {
    match law {
        Law::A => ALAW_ENCODE[usize::from(sample as u16 >> 3)],
        Law::Mu => ULAW_ENCODE[usize::from(sample as u16 >> 2)],
    }
}

/// The octet of silence.
pub const fn silence(law: Law) -> u8 {
    match law {
        Law::A => ALAW_SILENCE,
        Law::Mu => ULAW_SILENCE,
    }
}

/// Samples to octets, as many as both slices hold.
pub fn encode_into(law: Law, samples: &[i16], octets: &mut [u8]) {
    for (octet, &sample) in octets.iter_mut().zip(samples) {
        *octet = encode(law, sample);
    }
}

/// Turns octets of one law into the other, in place; nothing happens between equal codecs.
pub fn transcode(from: Law, to: Law, octets: &mut [u8]) {
    let table = match (from, to) {
        (Law::A, Law::Mu) => &ALAW_TO_ULAW,
        (Law::Mu, Law::A) => &ULAW_TO_ALAW,
        (Law::A, Law::A) | (Law::Mu, Law::Mu) => return,
    };
    for octet in octets {
        *octet = table[usize::from(*octet)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_survives_decoding_and_encoding() {
        for octet in 0..=255_u8 {
            assert_eq!(encode(Law::A, decode(Law::A, octet)), octet);
            // µ-law has two zeros; minus zero comes back as plus zero.
            let expected = if octet == 0x7F { 0xFF } else { octet };
            assert_eq!(encode(Law::Mu, decode(Law::Mu, octet)), expected, "{octet:#x}");
        }
    }

    #[test]
    fn known_values_of_the_standard() {
        assert_eq!(decode(Law::Mu, 0x00), -32_124);
        assert_eq!(decode(Law::Mu, 0x80), 32_124);
        assert_eq!(decode(Law::A, 0x2A), -32_256);
        assert_eq!(decode(Law::A, 0xAA), 32_256);
        assert_eq!(encode(Law::A, 0), ALAW_SILENCE);
        assert_eq!(encode(Law::Mu, 0), ULAW_SILENCE);
        assert_eq!(encode(Law::A, i16::MIN), 0x2A);
        assert_eq!(encode(Law::Mu, i16::MAX), 0x80);
    }

    #[test]
    fn every_sample_stays_within_half_a_step_of_itself() {
        for sample in i16::MIN..=i16::MAX {
            for law in [Law::A, Law::Mu] {
                let back = i32::from(decode(law, encode(law, sample)));
                let error = (back - i32::from(sample)).abs();
                let step = (i32::from(sample).abs() / 16).max(16);
                assert!(error <= step, "{law:?} {sample} became {back}");
            }
        }
    }

    #[test]
    fn transcoding_equals_decoding_and_encoding() {
        for octet in 0..=255_u8 {
            let mut there = [octet];
            transcode(Law::A, Law::Mu, &mut there);
            let exact = i32::from(decode(Law::A, octet));
            let got = i32::from(decode(Law::Mu, there[0]));
            assert!((exact - got).abs() <= (exact.abs() / 16).max(16), "{exact} became {got}");
            let mut same = [octet];
            transcode(Law::Mu, Law::Mu, &mut same);
            assert_eq!(same, [octet]);
        }
    }
}
