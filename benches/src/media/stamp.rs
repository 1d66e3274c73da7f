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

/// CRC-32/ISO-HDLC, bit by bit, over sixteen bytes: the server's crate is not asked.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ 0xedb8_8320 & (crc & 1).wrapping_neg();
        }
    }
    !crc
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
        let bytes = self.bytes();
        for (n, (sample, code)) in out.iter_mut().zip(carrier.frame(self.counter)).enumerate() {
            let bit = bytes[n / 8] >> (7 - n % 8) & 1;
            *sample = code & !1 | bit;
        }
    }

    /// Reads the stamp of a frame. None when these 160 samples are something else.
    pub fn read(samples: &[u8]) -> Option<Stamp> {
        let samples = samples.get(..SAMPLES)?;
        // Most frames that are not stamped fail on the first sixteen bits.
        let head = samples[..16].iter().fold(0u16, |bits, code| bits << 1 | u16::from(code & 1));
        if head != MAGIC {
            return None;
        }
        let mut bytes = [0u8; 20];
        for (byte, eight) in bytes.iter_mut().zip(samples.chunks_exact(8)) {
            *byte = eight.iter().fold(0, |bits, code| bits << 1 | code & 1);
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
