//! An MP3 of ours read again, from its first frame to its last. Promise: a file that was cut
//! anywhere is found. A changed byte is found where the file has an Info frame, which carries a
//! checksum of itself and one of all sound (LAME's "music CRC", lame/libmp3lame/VbrTag.c); at
//! bit rates whose frames have no room for it (below 24 kbit/s at 8 kHz, 40 kbit/s at 16 kHz) it is
//! found where it breaks the chain of frames.

use crate::encode::{Checked, Damage, read_full};
use std::io::{self, Read};

/// Samples a channel of a frame of MPEG-2 and MPEG-2.5.
const FRAME_SAMPLES: u64 = 576;
const HEADER_BYTES: usize = 4;
/// The encoder's delay and the least and the most that it adds at the end, in samples.
const DELAY: u64 = 576;
const PADDING_MIN: u64 = 576;
const PADDING_MAX: u64 = 1151;
/// Places within the Info frame, from its word on.
const FRAMES_AT: usize = 8;
const DELAYS_AT: usize = 141;
const MUSIC_CRC_AT: usize = 152;
const INFO_CRC_AT: usize = 154;
const INFO_BYTES: usize = 156;
const KBIT: [usize; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

/// Reads a file and says how long it is; without an Info frame that is a range of a frame.
///
/// # Errors
/// What `from` says.
pub fn check(from: &mut impl Read) -> io::Result<Checked> {
    let (mut frame, mut at, mut frames, mut music) = (Vec::new(), 0_u64, 0_u64, 0_u16);
    let (mut info, mut rate_hz, mut sound_at) = (None, 0, 0);
    loop {
        frame.resize(HEADER_BYTES, 0);
        match read_full(from, &mut frame)? {
            0 => break,
            HEADER_BYTES => {}
            _ => return Ok(Err(Damage::Cut { at })),
        }
        let Some(header) = Header::of(&frame) else { return Ok(Err(Damage::Lost { at })) };
        frame.resize(header.bytes, 0);
        if read_full(from, &mut frame[HEADER_BYTES..])? < header.bytes - HEADER_BYTES {
            return Ok(Err(Damage::Cut { at }));
        }
        if at == 0 {
            rate_hz = header.rate_hz;
            info = Info::of(&frame[HEADER_BYTES + header.side_bytes..]);
            if let Some(info) = &info {
                let (before, after) = frame.split_at(header.info_crc_at());
                let is_blank = after[2..].iter().all(|&byte| byte == 0);
                if crc16(0, before) != info.crc || !is_blank {
                    return Ok(Err(Damage::Checksum { at }));
                }
                sound_at = header.bytes as u64;
            }
        }
        if at >= sound_at {
            frames += 1;
            music = crc16(music, &frame);
        }
        at += header.bytes as u64;
    }
    if frames == 0 {
        return Ok(Err(Damage::Cut { at }));
    }
    let ms = |left_out: u64| {
        let samples = (frames * FRAME_SAMPLES).saturating_sub(left_out);
        (samples * 1000 / u64::from(rate_hz)) as i64
    };
    let Some(info) = info else {
        return Ok(Ok(ms(DELAY + PADDING_MAX)..=ms(DELAY + PADDING_MIN)));
    };
    if frames != info.frames {
        return Ok(Err(Damage::Cut { at }));
    }
    if music != info.music_crc {
        return Ok(Err(Damage::Checksum { at: sound_at }));
    }
    let exact = ms(info.left_out);
    Ok(Ok(exact..=exact))
}

/// What the first four bytes of a frame say.
struct Header {
    /// Of the whole frame.
    bytes: usize,
    rate_hz: u32,
    /// Of the side information after the header.
    side_bytes: usize,
}

impl Header {
    /// `None` for what is no header of layer III in MPEG-2 or MPEG-2.5 without a checksum.
    fn of(head: &[u8]) -> Option<Header> {
        if head[0] != 0xFF || head[1] & 0xE7 != 0xE3 {
            return None;
        }
        let rates = match head[1] >> 3 & 3 {
            0 => [11_025, 12_000, 8_000],
            2 => [22_050, 24_000, 16_000],
            _ => return None,
        };
        let rate_hz: u32 = *rates.get(usize::from(head[2] >> 2 & 3))?;
        let kbit = *KBIT.get(usize::from(head[2] >> 4)).filter(|&&kbit| kbit > 0)?;
        let padding = usize::from(head[2] >> 1 & 1);
        let is_mono = head[3] >> 6 == 3;
        Some(Header {
            bytes: 72 * kbit * 1000 / rate_hz as usize + padding,
            rate_hz,
            side_bytes: if is_mono { 9 } else { 17 },
        })
    }

    fn info_crc_at(&self) -> usize {
        HEADER_BYTES + self.side_bytes + INFO_CRC_AT
    }
}

/// What the Info frame says.
struct Info {
    /// Of the sound, itself not counted.
    frames: u64,
    /// Samples of delay and padding.
    left_out: u64,
    music_crc: u16,
    /// Of all that stands before it; nothing comes after it.
    crc: u16,
}

impl Info {
    /// From the end of the side information on; `None` when it is a frame of sound.
    fn of(rest: &[u8]) -> Option<Info> {
        let tag = rest.get(..INFO_BYTES).filter(|tag| tag.starts_with(b"Info"))?;
        let u16_at = |at: usize| u16::from_be_bytes([tag[at], tag[at + 1]]);
        let frames = u32::from(u16_at(FRAMES_AT)) << 16 | u32::from(u16_at(FRAMES_AT + 2));
        let delay = u64::from(u16_at(DELAYS_AT) >> 4);
        let padding = u64::from(u16_at(DELAYS_AT + 1) & 0xFFF);
        Some(Info {
            frames: u64::from(frames),
            left_out: delay + padding,
            music_crc: u16_at(MUSIC_CRC_AT),
            crc: u16_at(INFO_CRC_AT),
        })
    }
}

/// CRC-16 as LAME has it: 0x8005, least significant bit first, from zero.
fn crc16(crc: u16, bytes: &[u8]) -> u16 {
    const TABLE: [u16; 256] = table();
    let step = |crc: u16, byte: &u8| crc >> 8 ^ TABLE[usize::from(crc as u8 ^ byte)];
    bytes.iter().fold(crc, step)
}

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut value, mut bit) = (byte as u16, 0);
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0xA001 } else { value >> 1 };
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
    use crate::codec::Rate;
    use crate::encode::Encode;
    use crate::mp3::{Encoder, Mp3Options};
    use crate::record::wav::Format;

    /// Two sides of a saw of so many samples, as the recorder's encoder makes it.
    fn encoded(format: Format, kbit: u16, samples: usize) -> Vec<u8> {
        let mut encoder = Encoder::new(Mp3Options { kbit, stereo: true }, format).unwrap();
        let sound: Vec<i16> = (0..samples * 2).map(|n| (n % 997) as i16 * 15).collect();
        let mut out = Vec::new();
        for piece in sound.chunks(4_000) {
            encoder.encode(piece, &mut out).unwrap();
        }
        let start = encoder.finish(&mut out).unwrap();
        out[..start.len()].copy_from_slice(&start);
        out
    }

    fn checked(file: &[u8]) -> Checked {
        check(&mut &*file).unwrap()
    }

    #[test]
    fn the_checksum_is_the_one_that_lame_writes() {
        // The check value of CRC-16/ARC in the catalogue of Ross Williams.
        assert_eq!(crc16(0, b"123456789"), 0xBB3D);
    }

    #[test]
    fn a_whole_file_lasts_as_long_as_its_samples() {
        let narrow = Format::stereo_8k(None);
        let wide = Format::stereo(None, Rate::Wide);
        for (format, kbit) in [(narrow, 32), (narrow, 24), (narrow, 64), (wide, 64)] {
            for samples in [8_000, 12_345, 57_600, 80_000] {
                let ms = (samples * 1000 / format.rate_hz as usize) as i64;
                assert_eq!(checked(&encoded(format, kbit, samples)), Ok(ms..=ms), "{kbit}");
            }
        }
    }

    #[test]
    fn without_an_info_frame_the_length_is_known_to_a_frame() {
        let narrow = Format::stereo_8k(None);
        let wide = Format::stereo(None, Rate::Wide);
        for (format, kbit) in [(narrow, 16), (wide, 32)] {
            for samples in [8_000, 12_345, 57_600, 80_000] {
                let file = encoded(format, kbit, samples);
                assert!(!file[..64].windows(4).any(|four| four == b"Info"));
                let ms = (samples * 1000 / format.rate_hz as usize) as i64;
                let found = checked(&file).unwrap();
                assert!(found.contains(&ms), "{ms} of {found:?}");
                let frame = 72 * usize::from(kbit) * 1000 / format.rate_hz as usize;
                let shorter = checked(&file[..file.len() - frame]).unwrap();
                assert!(!shorter.contains(&ms), "a frame less: {ms} of {shorter:?}");
            }
        }
    }

    #[test]
    fn wideband_that_lame_makes_narrow_is_as_long_to_a_millisecond() {
        let wide = Format::stereo(None, Rate::Wide);
        for kbit in [8, 16, 24] {
            for samples in [8_000, 12_345, 57_600, 80_000] {
                let ms = (samples / 16) as i64;
                let found = checked(&encoded(wide, kbit, samples)).unwrap();
                let near = found.start() - 1..=found.end() + 1;
                assert!(near.contains(&ms), "{kbit} kbit/s: {ms} of {found:?}");
            }
        }
    }

    #[test]
    fn every_changed_byte_is_found_and_every_cut() {
        let file = encoded(Format::stereo_8k(None), 32, 8_000);
        let whole = checked(&file).unwrap();
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 0x10;
            // Where the word "Info" is lost the frame counts as sound: then it lasts longer.
            assert!(checked(&changed) != Ok(whole.clone()), "byte {at} of {}", file.len());
        }
        for bytes in 0..file.len() {
            assert!(matches!(checked(&file[..bytes]), Err(Damage::Cut { .. })), "{bytes} bytes");
        }
    }
}
