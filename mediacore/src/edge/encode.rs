//! From a WAV to another rendering, file to file, by whichever encoder. Promise: the rendering
//! stands under its name only when it is whole; the memory does not grow with the length; from a
//! sealed WAV comes a sealed rendering, and nothing in clear touches the disk.

#![allow(clippy::disallowed_methods)]

use super::rendering::{Rendering, SealFor, Writer};
use crate::encode::{Encode, Error, read_full};
use crate::record::seal::Keyring;
use crate::record::wav::{self, Format};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use terms::failpoint::{Fault, pass};

/// Bytes of WAV encoded at a time.
const PIECE_BYTES: usize = 64 * 1024;
/// The data chunk begins within this many bytes.
const HEADER_BYTES_MAX: u64 = 64 * 1024;

/// Encodes the WAV `from` to `to`, by way of `<to>_tmp`. `encoder` makes the encoder for the WAV's
/// format; `ring` opens a sealed WAV and seals what comes of it. `progress` hears the part that is
/// done, 0 to 1.
///
/// # Errors
/// [`Error`]; nothing is left then.
pub fn encode_wav<E: Encode>(
    from: &Path,
    to: &Path,
    ring: Option<&Keyring>,
    encoder: impl FnOnce(Format) -> Result<E, Error>,
    progress: &mut dyn FnMut(f64),
) -> Result<(), Error> {
    let wav_file = File::open(from).map_err(file("open", from))?;
    let mut wav_file = Rendering::open(wav_file, ring).map_err(file("open", from))?;
    let mut start = Vec::new();
    Read::by_ref(&mut wav_file)
        .take(HEADER_BYTES_MAX)
        .read_to_end(&mut start)
        .map_err(file("read", from))?;
    let layout = wav::layout(&start, wav_file.clear_bytes())
        .map_err(|source| Error::Wav { path: from.to_owned(), source })?;
    wav_file.seek(SeekFrom::Start(layout.data_at)).map_err(file("read", from))?;
    let mut encoder = encoder(layout.format)?;
    let seal = wav_file.sealed_for().zip(ring).map(|(tenant, ring)| SealFor { ring, tenant });
    let mut made = Writer::create(to, seal).map_err(file("create", to))?;
    let mut data = wav_file.take(layout.data_bytes);
    let (mut bytes, mut samples, mut out) = (vec![0; PIECE_BYTES], Vec::new(), Vec::new());
    let mut done = 0;
    loop {
        // No sample is split between two pieces.
        let got = read_full(&mut data, &mut bytes).map_err(file("read", from))?;
        if got == 0 {
            break;
        }
        samples.clear();
        layout.format.decode(&bytes[..got], &mut samples);
        encoder.encode(&samples, &mut out)?;
        write(&mut made, &out).map_err(file("write", to))?;
        out.clear();
        done += got as u64;
        progress(done as f64 / layout.data_bytes as f64);
    }
    let start = encoder.finish(&mut out)?;
    write(&mut made, &out).map_err(file("write", to))?;
    made.finish(&start).map_err(file("finish", to))
}

fn write(to: &mut Writer, bytes: &[u8]) -> io::Result<()> {
    match pass("encode.write") {
        Some(Fault::Eio) => Err(io::Error::from_raw_os_error(libc::EIO)),
        Some(Fault::NoSpace | Fault::Short) => Err(io::Error::from_raw_os_error(libc::ENOSPC)),
        Some(Fault::StallMs(_) | Fault::Kill) | None => to.write(bytes),
    }
}

fn file(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { doing, path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711::{self, Law};
    use crate::mp3::{self, Mp3Options};
    use crate::ogg_opus;
    use std::fs;
    use std::sync::Mutex;
    use terms::TenantId;

    /// Failpoints are the whole process's: one test at a time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    /// Ten seconds: 440 Hz left, silence right.
    fn sample_wav(law: Option<Law>) -> Vec<u8> {
        let format = Format::stereo_8k(law);
        let mut bytes = format.header(80_000);
        for n in 0..80_000 {
            let angle = f64::from(n) * 440.0 * std::f64::consts::TAU / 8000.0;
            let left = (angle.sin() * 12_000.0) as i16;
            match law {
                Some(law) => bytes.extend([g711::encode(law, left), g711::silence(law)]),
                None => bytes.extend([left.to_le_bytes(), [0; 2]].concat()),
            }
        }
        bytes
    }

    fn mp3(
        from: &Path,
        to: &Path,
        options: Mp3Options,
        progress: &mut dyn FnMut(f64),
    ) -> Result<(), Error> {
        encode_wav(from, to, None, |format| mp3::Encoder::new(options, format), progress)
    }

    /// Lengths of the frames of an MPEG-2.5 layer III stream at 8 kHz.
    fn frames(mp3: &[u8]) -> usize {
        let (mut at, mut count) = (0, 0);
        while at + 4 <= mp3.len() {
            assert_eq!((mp3[at], mp3[at + 1] & 0xFE), (0xFF, 0xE2), "frame {count} at {at}");
            let kbit = [0, 8, 16, 24, 32, 40, 48, 56, 64][usize::from(mp3[at + 2] >> 4)];
            let padding = usize::from(mp3[at + 2] >> 1 & 1);
            at += 72 * kbit * 1000 / 8000 + padding;
            count += 1;
        }
        count
    }

    #[test]
    fn every_law_becomes_a_whole_mp3_of_the_right_length() {
        let _alone = ONE_AT_A_TIME.lock();
        let dir = tempfile::tempdir().unwrap();
        let (wav_path, mp3_path) = (dir.path().join("a.wav"), dir.path().join("a.mp3"));
        for law in [None, Some(Law::A), Some(Law::Mu)] {
            for stereo in [true, false] {
                fs::write(&wav_path, sample_wav(law)).unwrap();
                let mut heard = Vec::new();
                let options = Mp3Options { kbit: 32, stereo };
                mp3(&wav_path, &mp3_path, options, &mut |part| heard.push(part)).unwrap();
                let mp3 = fs::read(&mp3_path).unwrap();
                // 576 samples a frame: 10 s and the encoder's delay of 1105 samples, or the end
                // would be cut off, and the Info frame.
                assert!((142..=144).contains(&frames(&mp3)), "{} frames", frames(&mp3));
                assert!((40_000..42_000).contains(&mp3.len()), "{} bytes", mp3.len());
                assert!(mp3[..64].windows(4).any(|four| four == b"Info"), "no Info frame");
                assert!(heard.is_sorted() && heard.last() == Some(&1.0));
                let channel_mode = mp3[3] >> 6;
                assert_eq!(channel_mode, if stereo { 0 } else { 3 });
            }
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no temporary file stays");
    }

    #[test]
    fn what_is_no_wav_gives_an_error_and_no_file() {
        let _alone = ONE_AT_A_TIME.lock();
        let dir = tempfile::tempdir().unwrap();
        let (wav_path, mp3_path) = (dir.path().join("a.wav"), dir.path().join("a.mp3"));
        let encode = |options| mp3(&wav_path, &mp3_path, options, &mut |_| {}).unwrap_err();
        assert!(matches!(encode(Mp3Options::default()), Error::File { doing: "open", .. }));
        fs::write(&wav_path, b"RIFFxxxxMP3 ").unwrap();
        assert!(matches!(encode(Mp3Options::default()), Error::Wav { .. }));
        fs::write(&wav_path, sample_wav(None)).unwrap();
        let odd = Mp3Options { kbit: 33, stereo: true };
        assert!(encode(odd).to_string().contains("8, 16, 24"));
        assert!(!mp3_path.exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_full_disk_leaves_neither_half_a_file_nor_a_name() {
        let _alone = ONE_AT_A_TIME.lock();
        let dir = tempfile::tempdir().unwrap();
        let (wav_path, mp3_path) = (dir.path().join("a.wav"), dir.path().join("a.mp3"));
        fs::write(&wav_path, sample_wav(None)).unwrap();
        terms::failpoint::arm("encode.write", Fault::NoSpace, 0);
        let error = mp3(&wav_path, &mp3_path, Mp3Options::default(), &mut |_| {});
        terms::failpoint::disarm("encode.write");
        assert!(error.unwrap_err().to_string().starts_with("write "));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    /// Sealed to sealed: what opens is the file that would have been made in clear.
    #[test]
    fn a_sealed_wav_becomes_sealed_renderings_of_the_same_sound() {
        let _alone = ONE_AT_A_TIME.lock();
        let dir = tempfile::tempdir().unwrap();
        let ring = Keyring::of(&[7; 32]);
        let path = |name: &str| dir.path().join(name);
        let wav = sample_wav(Some(Law::A));
        fs::write(path("a.wav"), &wav).unwrap();
        let seal = SealFor { ring: &ring, tenant: TenantId(5) };
        let mut sealed = Writer::create(&path("a.wav.sealed"), Some(seal)).unwrap();
        sealed.write(&wav).unwrap();
        sealed.finish(&[]).unwrap();
        for (from, mp3_to, opus_to) in
            [("a.wav", "a.mp3", "a.opus"), ("a.wav.sealed", "b.mp3", "b.opus")]
        {
            let mp3 = |format| mp3::Encoder::new(Mp3Options::default(), format);
            encode_wav(&path(from), &path(mp3_to), Some(&ring), mp3, &mut |_| {}).unwrap();
            let opus = |format| ogg_opus::Encoder::new(24, format);
            encode_wav(&path(from), &path(opus_to), Some(&ring), opus, &mut |_| {}).unwrap();
        }
        for ending in ["mp3", "opus"] {
            let clear = fs::read(path("a").with_extension(ending)).unwrap();
            let open = File::open(path("b").with_extension(ending)).unwrap();
            let mut opened = Rendering::open(open, Some(&ring)).unwrap();
            assert_eq!(opened.sealed_for(), Some(TenantId(5)));
            let mut bytes = Vec::new();
            opened.read_to_end(&mut bytes).unwrap();
            assert!(bytes == clear, "{ending}");
        }
        let none = |format| ogg_opus::Encoder::new(24, format);
        let refused = encode_wav(&path("a.wav.sealed"), &path("c"), None, none, &mut |_| {});
        assert!(refused.is_err() && !path("c").exists());
    }
}
