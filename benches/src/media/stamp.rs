//! A stamped frame: 20 ms of G.711 that carries who says it.
//!
//! The audio is real speech, so that a person can listen to a recording. Its least significant
//! bits, one a sample, are replaced by 160 bits:
//!
//! ```text
//!  0        16       48        80          128      160
//!  ┌────────┬────────┬─────────┬───────────┬────────┐
//!  │ magic  │ speaker│ counter │ sent at µs│ crc 32 │   big endian, crc over the 128 bits before
//!  └────────┴────────┴─────────┴───────────┴────────┘
//! ```
//!
//! The seven bits above come from a carrier at the place that the counter says, so whoever reads
//! the stamp knows what every one of the 160 samples must be.

use crate::media::g711::Law;
use std::sync::Arc;

/// Samples of a frame: 20 ms at 8 kHz.
pub const SAMPLES: usize = 160;
const MAGIC: u16 = 0x5747;

/// What a frame says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Who speaks.
    pub speaker: u32,
    /// Frames before this one.
    pub counter: u32,
    /// When it was sent, in microseconds of the sender's clock; 48 bits.
    pub sent_us: u64,
}

/// What the samples sound like.
#[derive(Clone)]
pub struct Carrier(Arc<[u8]>);

impl Carrier {
    /// From A-law speech; `law` is what goes on the line.
    pub fn new(a_law: &[u8], law: Law) -> Carrier {
        let frames = (a_law.len() / SAMPLES).max(1);
        let silence = Law::A.encode(0);
        let code = |n: usize| law.encode(Law::A.decode(*a_law.get(n).unwrap_or(&silence)));
        Carrier((0..frames * SAMPLES).map(code).collect())
    }

    fn frame(&self, counter: u32) -> &[u8] {
        let frames = self.0.len() / SAMPLES;
        let at = (counter as usize % frames) * SAMPLES;
        &self.0[at..at + SAMPLES]
    }
}

/// What each octet does to the checksum.
const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let (mut crc, mut bit) = (octet as u32, 0);
        while bit < 8 {
            crc = crc >> 1 ^ 0xedb8_8320 & (crc & 1).wrapping_neg();
            bit += 1;
        }
        table[octet] = crc;
        octet += 1;
    }
    table
};

/// CRC-32/ISO-HDLC over sixteen bytes: the server's crate is not asked.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| crc >> 8 ^ CRC_TABLE[usize::from(crc as u8 ^ byte)];
    !bytes.iter().fold(u32::MAX, step)
}

/// The lowest bit of each of eight samples.
const LOWEST: u64 = 0x0101_0101_0101_0101;

/// The bits of an octet, the first on top, as the lowest bits of eight samples.
fn spread(octet: u8) -> u64 {
    // Each sample gets the octet and keeps one bit of it; what is not zero becomes one.
    let kept = (u64::from(octet) * LOWEST) & 0x8040_2010_0804_0201;
    (kept + 0x7F7F_7F7F_7F7F_7F7F) >> 7 & LOWEST
}

/// The lowest bits of eight samples as one octet, the first on top.
fn gather(samples: u64) -> u8 {
    ((samples & LOWEST).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

/// Eight samples, the first on top.
fn eight(samples: &[u8]) -> u64 {
    u64::from_be_bytes(samples.try_into().expect("eight samples"))
}

impl Stamp {
    fn bytes(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..2].copy_from_slice(&MAGIC.to_be_bytes());
        bytes[2..6].copy_from_slice(&self.speaker.to_be_bytes());
        bytes[6..10].copy_from_slice(&self.counter.to_be_bytes());
        bytes[10..16].copy_from_slice(&self.sent_us.to_be_bytes()[2..]);
        let crc = crc32(&bytes[..16]);
        bytes[16..].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// Writes the frame into `out`.
    pub fn write(self, carrier: &Carrier, out: &mut [u8; SAMPLES]) {
        let (bytes, frame) = (self.bytes(), carrier.frame(self.counter));
        let parts = out.chunks_exact_mut(8).zip(frame.chunks_exact(8)).zip(bytes);
        for ((out, codes), octet) in parts {
            let samples = eight(codes) & !LOWEST | spread(octet);
            out.copy_from_slice(&samples.to_be_bytes());
        }
    }

    /// Reads the stamp of a frame. None when these 160 samples are something else.
    pub fn read(samples: &[u8]) -> Option<Stamp> {
        let samples = samples.get(..SAMPLES)?;
        // Most frames that are not stamped fail on the first sixteen bits.
        let head = [gather(eight(&samples[..8])), gather(eight(&samples[8..16]))];
        if u16::from_be_bytes(head) != MAGIC {
            return None;
        }
        let mut bytes = [0u8; 20];
        for (byte, samples) in bytes.iter_mut().zip(samples.chunks_exact(8)) {
            *byte = gather(eight(samples));
        }
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        let mut sent = [0; 8];
        sent[2..].copy_from_slice(&bytes[10..16]);
        (crc32(&bytes[..16]) == word(16)).then(|| Stamp {
            speaker: word(2),
            counter: word(6),
            sent_us: u64::from_be_bytes(sent),
        })
    }

    /// Samples of this frame that are not what they must be.
    pub fn damaged(self, carrier: &Carrier, samples: &[u8]) -> usize {
        let mut expected = [0; SAMPLES];
        self.write(carrier, &mut expected);
        if expected == *samples {
            return 0;
        }
        expected.iter().zip(samples).filter(|(expected, heard)| expected != heard).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carrier() -> Carrier {
        let speech: Vec<u8> = (0..1000u32).map(|n| (n * 37 % 251) as u8).collect();
        Carrier::new(&speech, Law::A)
    }

    #[test]
    fn what_is_stamped_is_read() {
        let stamp = Stamp { speaker: 77, counter: 123_456, sent_us: (1 << 48) - 1 };
        let mut frame = [0; SAMPLES];
        stamp.write(&carrier(), &mut frame);
        assert_eq!(Stamp::read(&frame), Some(stamp));
        assert_eq!(stamp.damaged(&carrier(), &frame), 0);
    }

    #[test]
    fn one_changed_sample_is_seen() {
        let stamp = Stamp { speaker: 1, counter: 2, sent_us: 3 };
        let mut frame = [0; SAMPLES];
        stamp.write(&carrier(), &mut frame);
        let mut louder = frame;
        louder[90] ^= 0x40;
        assert_eq!(stamp.damaged(&carrier(), &louder), 1);
        frame[90] ^= 1;
        assert_eq!(Stamp::read(&frame), None, "the checksum covers the stamp's own bits");
    }

    #[test]
    fn speech_and_silence_are_no_stamps() {
        assert_eq!(Stamp::read(&[0xd5; SAMPLES]), None);
        assert_eq!(Stamp::read(&[0; SAMPLES - 1]), None);
    }

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
