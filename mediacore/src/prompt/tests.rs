//! Files of every kind play the same tone for the same time; damaged ones say where.

use super::*;
use crate::encode::Encode;
use crate::ogg_opus;
use crate::record::wav::Format;
use std::f32::consts::TAU;

const TAG_PCM: u16 = 1;

fn read(bytes: &[u8]) -> Result<Vec<i16>, Error> {
    decode(bytes, &Limits::default())
}

fn wav(tag: u16, bits: u16, channels: u16, rate_hz: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
    bytes.extend(tag.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate_hz.to_le_bytes());
    bytes.extend((rate_hz * u32::from(channels * bits / 8)).to_le_bytes());
    bytes.extend((channels * bits / 8).to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

/// One second of a 400 Hz tone at half level.
fn tone(rate_hz: u32) -> impl Iterator<Item = f32> {
    (0..rate_hz).map(move |n| 0.5 * (TAU * 400.0 * n as f32 / rate_hz as f32).sin())
}

fn pcm(rate_hz: u32) -> Vec<i16> {
    tone(rate_hz).map(|sample| (sample * 32_768.0) as i16).collect()
}

/// Level of 400 Hz in samples at 8 kHz, by one Fourier term.
fn level(samples: &[i16]) -> f32 {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (n, &sample) in samples.iter().enumerate() {
        let turn = TAU * 400.0 * n as f32 / 8_000.0;
        real += f32::from(sample) / 32_768.0 * turn.cos();
        imaginary += f32::from(sample) / 32_768.0 * turn.sin();
    }
    2.0 * real.hypot(imaginary) / samples.len() as f32
}

fn mp3(kbit: u16, rate_hz: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let options = crate::mp3::Mp3Options { kbit, stereo: channels == 2 };
    let format = Format { tag: TAG_PCM, channels, rate_hz };
    encoded(&mut crate::mp3::Encoder::new(options, format).unwrap(), samples)
}

fn opus(rate_hz: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let format = Format { tag: TAG_PCM, channels, rate_hz };
    encoded(&mut ogg_opus::Encoder::new(48, format).unwrap(), samples)
}

fn encoded(encoder: &mut dyn Encode, samples: &[i16]) -> Vec<u8> {
    let mut file = Vec::new();
    encoder.encode(samples, &mut file).unwrap();
    let head = encoder.finish(&mut file).unwrap();
    file[..head.len()].copy_from_slice(&head);
    file
}

#[test]
fn every_rate_plays_the_same_tone_for_the_same_time() {
    for rate_hz in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000] {
        let data: Vec<u8> = pcm(rate_hz).iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let samples = read(&wav(1, 16, 1, rate_hz, &data)).unwrap();
        assert_eq!(samples.len(), 8_000, "{rate_hz} Hz");
        let level = level(&samples[400..7_600]);
        assert!((level - 0.5).abs() < 0.02, "{rate_hz} Hz: level {level}");
    }
}

#[test]
fn a_resampled_tone_begins_when_the_file_does() {
    // Half silence, half tone: the resampler's delay must not move the border.
    let mut samples = vec![0; 24_000];
    samples.extend(pcm(48_000).drain(..24_000));
    let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let samples = read(&wav(1, 16, 1, 48_000, &data)).unwrap();
    assert_eq!(samples.len(), 8_000);
    assert!(samples[..3_950].iter().all(|sample| sample.abs() < 400));
    assert!(samples[4_000..4_050].iter().any(|sample| sample.abs() > 10_000));
}

#[test]
fn every_sample_format_plays_the_same_tone() {
    let pcm = pcm(8_000);
    let laws = |law| pcm.iter().map(|&s| g711::encode(law, s)).collect::<Vec<u8>>();
    let eight: Vec<u8> = pcm.iter().map(|&s| ((s >> 8) + 128) as u8).collect();
    let floats: Vec<u8> = tone(8_000).flat_map(f32::to_le_bytes).collect();
    let deep = |zeros: usize| {
        let widen = |s: &i16| [vec![0; zeros], s.to_le_bytes().to_vec()].concat();
        pcm.iter().flat_map(widen).collect::<Vec<u8>>()
    };
    let files = [
        wav(6, 8, 1, 8_000, &laws(Law::A)),
        wav(7, 8, 1, 8_000, &laws(Law::Mu)),
        wav(1, 8, 1, 8_000, &eight),
        wav(1, 24, 1, 8_000, &deep(1)),
        wav(1, 32, 1, 8_000, &deep(2)),
        wav(3, 32, 1, 8_000, &floats),
    ];
    for file in files {
        let level = level(&read(&file).unwrap());
        assert!((level - 0.5).abs() < 0.02, "level {level}");
    }
}

#[test]
fn an_mp3_plays_the_same_tone_for_the_same_time() {
    // MPEG-2.5, MPEG-2 and MPEG-1, each with the LAME tag that tells the encoder's delay.
    for (kbit, rate_hz) in [(32, 8_000), (64, 16_000), (64, 22_050), (64, 44_100), (64, 48_000)] {
        let samples = read(&mp3(kbit, rate_hz, 1, &pcm(rate_hz))).unwrap();
        assert_eq!(samples.len(), 8_000, "{rate_hz} Hz");
        let level = level(&samples[800..7_200]);
        assert!((level - 0.5).abs() < 0.05, "{rate_hz} Hz: level {level}");
    }
    // At low rates LAME has no room for the tag: the encoder's delay and the rest of the last frame
    // are heard as silence.
    let samples = read(&mp3(16, 8_000, 1, &pcm(8_000))).unwrap();
    assert_eq!(samples.len(), 16 * 576);

    let stereo: Vec<i16> = pcm(44_100).iter().flat_map(|&sample| [sample, 0]).collect();
    let samples = read(&mp3(64, 44_100, 2, &stereo)).unwrap();
    assert_eq!(samples.len(), 8_000);
    let level = level(&samples[800..7_200]);
    assert!((level - 0.25).abs() < 0.03, "the average of a tone and silence: {level}");
}

#[test]
fn an_opus_file_plays_the_same_tone_for_the_same_time() {
    for rate_hz in [8_000, 16_000, 48_000] {
        let samples = read(&opus(rate_hz, 1, &pcm(rate_hz))).unwrap();
        assert_eq!(samples.len(), 8_000, "{rate_hz} Hz");
        let level = level(&samples[800..7_200]);
        assert!((level - 0.5).abs() < 0.05, "{rate_hz} Hz: level {level}");
    }
    // Two uncoupled streams, as our own recordings have them.
    let stereo: Vec<i16> = pcm(16_000).iter().flat_map(|&sample| [0, sample]).collect();
    let samples = read(&opus(16_000, 2, &stereo)).unwrap();
    assert_eq!(samples.len(), 8_000);
    let level = level(&samples[800..7_200]);
    assert!((level - 0.25).abs() < 0.03, "the average of silence and a tone: {level}");
}

#[test]
fn tags_and_pictures_around_an_mp3_are_passed() {
    let plain = mp3(16, 8_000, 1, &pcm(8_000));
    // A picture full of what looks like the beginning of frames.
    let picture = [0xFF, 0xFB, 0x90, 0x00].repeat(500);
    let mut tagged = b"ID3\x04\0\0".to_vec();
    tagged.extend([0, 0, (picture.len() >> 7) as u8, (picture.len() & 0x7F) as u8]);
    tagged.extend(&picture);
    tagged.extend(&plain);
    tagged.extend(b"TAG");
    tagged.extend([0xFF; 125]);
    assert_eq!(read(&tagged), read(&plain));
}

#[test]
fn stereo_is_averaged() {
    let data: Vec<u8> = [1_000_i16, 3_000, -10, -30].iter().flat_map(|s| s.to_le_bytes()).collect();
    assert_eq!(read(&wav(1, 16, 2, 8_000, &data)).unwrap(), [2_000, -20]);
}

#[test]
fn another_kind_is_refused_with_its_name_and_the_kinds_that_are_played() {
    for (bytes, what) in [
        (&b"fLaC\0\0\0\x22"[..], "FLAC"),
        (b"\0\0\0\x20ftypM4A ", "MP4"),
        (b"FORM\0\0\0\0AIFF", "AIFF"),
        (b"RIFF\0\0\0\0AVI LIST", "not WAVE"),
        (b"\xFF\xF1\x50\x80", "AAC"),
        (b"\xFF\xFD\x50\x80", "layer I or II"),
        (b"hello", "begins with 68 65 6c 6c"),
    ] {
        let error = read(bytes).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains("WAV, MP3 (MPEG"), "{error}");
    }
    assert_eq!(read(b""), Err(Error::Empty));
}

#[test]
fn bad_wav_files_are_refused_with_a_reason() {
    assert_eq!(read(b"RIFF\0\0\0\0WAVE"), Err(Error::NoChunk("fmt ")));
    let error = read(&wav(85, 0, 2, 44_100, &[0; 8])).unwrap_err();
    assert!(matches!(error, Error::Format { tag: 85, .. }));
    assert!(read(&wav(1, 16, 1, 0, &[0; 8])).is_err());
    assert_eq!(read(&wav(1, 16, 1, 8_000, &[])), Err(Error::Empty));
    let good = wav(1, 16, 1, 8_000, &[0; 64]);
    for cut in 0..good.len() {
        let _ = read(&good[..cut]);
    }
}

#[test]
fn a_wrong_data_length_plays_what_is_there() {
    let mut file = wav(1, 16, 1, 8_000, &[1; 320]);
    let at = file.len() - 324;
    file[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(read(&file).unwrap().len(), 160);
}

#[test]
fn a_damaged_mp3_says_which_frame() {
    let mut file = mp3(16, 8_000, 1, &pcm(8_000).repeat(4));
    let middle = file.len() / 2;
    // The side information of every frame from the middle on: where its parts begin.
    for at in (middle..file.len() - 4).step_by(7) {
        if !(file[at..].starts_with(&[0xFF]) || file[at - 1] == 0xFF) {
            file[at] = !file[at];
        }
    }
    let error = read(&file).unwrap_err();
    let Error::Damaged { part: "MP3 frame", number, at_ms, .. } = &error else {
        panic!("{error}");
    };
    assert!((20..80).contains(number) && (1_000..3_500).contains(at_ms), "{error}");
    assert!(error.to_string().contains("the whole file is needed"));
}

#[test]
fn a_damaged_opus_file_says_which_page() {
    let good = opus(16_000, 1, &pcm(16_000).repeat(4));
    for (at, page) in [(30, 1), (good.len() - 9, 7)] {
        let mut file = good.clone();
        file[at] ^= 1;
        let error = read(&file).unwrap_err();
        let Error::Damaged { part: "Ogg page", number, detail, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!((*number, detail.as_str()), (page, "its checksum is wrong"));
    }
    let error = read(&good[..good.len() - 5]).unwrap_err().to_string();
    assert!(error.contains("the file ends inside it"), "{error}");
    // A page in the middle is gone: its packets are not missed silently where one spans the border,
    // and the end that the last page says is not reached.
    let error = read(&good[..60]).unwrap_err().to_string();
    assert!(error.contains("Ogg page 2"), "{error}");
}

#[test]
fn an_ogg_of_another_codec_is_named() {
    let mut page = b"OggS\0\x02\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x01\x1e".to_vec();
    page.extend(b"\x01vorbis");
    page.extend([0; 23]);
    let crc = ogg_opus::crc(&page);
    page[22..26].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(read(&page), Err(Error::Kind("Ogg Vorbis".to_owned())));
}

#[test]
fn a_file_too_large_or_too_long_is_refused_with_what_is_allowed() {
    let limits = Limits { bytes_max: 100_000, length_max: Duration::from_millis(900) };
    let second: Vec<u8> = pcm(8_000).iter().flat_map(|s| s.to_le_bytes()).collect();
    let large = wav(1, 16, 1, 8_000, &[0; 100_001]);
    let error = decode(&large, &limits).unwrap_err();
    assert_eq!(error.to_string(), "100057 bytes; a prompt has at most 100000");
    for file in
        [wav(1, 16, 1, 8_000, &second), mp3(32, 8_000, 1, &pcm(8_000)), opus(8_000, 1, &pcm(8_000))]
    {
        let error = decode(&file, &limits).unwrap_err();
        assert_eq!(error, Error::Long { max: limits.length_max });
        assert!(error.to_string().contains("more than 0.9 s"), "{error}");
        let exact = Limits { length_max: Duration::from_secs(1), ..limits };
        assert_eq!(decode(&file, &exact).unwrap().len(), 8_000, "exactly the limit is played");
    }
}

#[test]
fn names_do_not_leave_the_store() {
    assert!(is_name("zh-CN/welcome") && is_name("moh"));
    for bad in ["", "/etc/passwd", "../x", "a//b", "a/../b", "a\0b", ".hidden", "a/", "a b"] {
        assert!(!is_name(bad), "{bad:?}");
    }
}
