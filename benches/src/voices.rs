//! What customers and agents sound like: the tree's own sample prompts, so that a recording of the
//! load tool is pleasant to listen to.

use crate::media::g711::Law;
use crate::media::stamp::Carrier;
use crate::media::wav::Wav;

/// Customers speak English, the way the voice menu would.
pub fn customer(law: Law) -> Carrier {
    carrier(
        &[
            include_bytes!("../../prompts/en/test.wav"),
            include_bytes!("../../prompts/en/voicemail.wav"),
            include_bytes!("../../prompts/en/hours.wav"),
        ],
        law,
    )
}

/// Agents speak Chinese.
pub fn agent(law: Law) -> Carrier {
    carrier(
        &[
            include_bytes!("../../prompts/zh-CN/test.wav"),
            include_bytes!("../../prompts/zh-CN/hours.wav"),
            include_bytes!("../../prompts/zh-CN/goodbye.wav"),
        ],
        law,
    )
}

fn carrier(files: &[&[u8]], law: Law) -> Carrier {
    let speech = files.iter().flat_map(|file| {
        let wav = Wav::parse(file).expect("a sample prompt is a WAV file");
        wav.channels.into_iter().next().expect("a WAV file has a channel")
    });
    Carrier::new(&speech.collect::<Vec<u8>>(), law)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::stamp::{SAMPLES, Stamp};

    #[test]
    fn both_voices_carry_stamps_in_both_laws() {
        for law in [Law::A, Law::Mu] {
            for voice in [customer(law), agent(law)] {
                let stamp = Stamp { speaker: 1, counter: 40, sent_us: 9 };
                let mut frame = [0; SAMPLES];
                stamp.write(&voice, &mut frame);
                assert_eq!(Stamp::read(&frame), Some(stamp));
                let loud = frame.iter().any(|code| law.decode(*code).unsigned_abs() > 1000);
                assert!(loud, "half a second in, somebody speaks");
            }
        }
    }
}
