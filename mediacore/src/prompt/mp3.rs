//! MP3 files, decoded by symphonia: MPEG-1, 2 and 2.5 layer III, 8 to 48 kHz, with or without ID3
//! tags. The encoder's delay is left out where the file says how long it is (the LAME tag), so that
//! parts of a sentence follow each other without a gap.

use super::Error;
use super::funnel::Funnel;
use std::io::Cursor;
use std::time::Duration;
use symphonia_bundle_mp3::{MpaDecoder, MpaReader};
use symphonia_core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia_core::formats::{FormatOptions, FormatReader};
use symphonia_core::io::{MediaSourceStream, MediaSourceStreamOptions, ReadOnlySource};

/// Frames that may be damaged in every hundred, and this many besides: a file that was cut begins
/// with frames whose first part is gone.
const DAMAGED_PERCENT_MAX: u64 = 2;
const DAMAGED_BESIDES: u64 = 2;

/// Reads an MP3 file as samples at 8 kHz.
///
/// # Errors
/// What is damaged or too long.
pub fn decode(bytes: &[u8], length_max: Duration) -> Result<Vec<i16>, Error> {
    let audio = without_tags(bytes);
    let unreadable =
        |detail: String| Error::Damaged { part: "MP3 frame", number: 1, at_ms: 0, detail };
    // Not seekable: a length guessed from the first frame would cut files of variable bit rate.
    let source = ReadOnlySource::new(Cursor::new(audio));
    let stream = MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default());
    let mut reader = MpaReader::try_new(stream, FormatOptions::default())
        .map_err(|error| unreadable(said(&error)))?;
    let params = reader.tracks().first().and_then(|track| track.codec_params.as_ref());
    let params = params.and_then(|params| params.audio()).ok_or(Error::Empty)?.clone();
    let rate_hz = params.sample_rate.ok_or(Error::Empty)?;
    let mut decoder = MpaDecoder::try_new(&params, &AudioDecoderOptions::default())
        .map_err(|_| Error::Kind("MPEG audio of layer I or II".to_owned()))?;

    let mut funnel = Funnel::new(rate_hz, length_max)?;
    let (mut frames, mut damaged) = (0_u64, 0_u64);
    let mut samples: Vec<f32> = Vec::new();
    loop {
        let failed = match reader.next_packet() {
            Ok(None) => break,
            Ok(Some(packet)) => match decoder.decode(&packet) {
                Ok(decoded) => {
                    let channels = decoded.num_planes();
                    decoded.copy_to_vec_interleaved(&mut samples);
                    for frame in samples.chunks_exact(channels.max(1)) {
                        funnel.push(frame.iter().sum::<f32>() / channels.max(1) as f32)?;
                    }
                    None
                }
                Err(error) => Some(said(&error)),
            },
            Err(error) => Some(said(&error)),
        };
        frames += 1;
        let Some(detail) = failed else { continue };
        damaged += 1;
        if damaged > DAMAGED_BESIDES + frames * DAMAGED_PERCENT_MAX / 100 {
            let at_ms = funnel.taken_ms();
            return Err(Error::Damaged { part: "MP3 frame", number: frames, at_ms, detail });
        }
    }
    funnel.finish()
}

fn said(error: &symphonia_core::errors::Error) -> String {
    error.to_string().chars().take(200).collect()
}

/// The file without the ID3v2 tags in front (their pictures may look like frames) and the ID3v1
/// tag at its end.
fn without_tags(mut bytes: &[u8]) -> &[u8] {
    // The length has seven bits a byte (ID3v2.4 §3.1); a footer repeats the ten bytes of the head.
    while let [b'I', b'D', b'3', _, _, flags, a, b, c, d, ..] = *bytes {
        let length = [a, b, c, d].iter().fold(0, |sum, &part| sum << 7 | usize::from(part & 0x7F));
        let footer = usize::from(flags & 0x10 != 0) * 10;
        bytes = bytes.get(10 + length + footer..).unwrap_or_default();
    }
    match bytes.len().checked_sub(128) {
        Some(at) if bytes[at..].starts_with(b"TAG") => &bytes[..at],
        _ => bytes,
    }
}
