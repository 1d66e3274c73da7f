//! The keys of `[rtp]` and the limits of `[recording]`: what media can work with.

use super::{Config, Error, refused};

/// Prompts that a tenant may ever have of its own: a plan names them all.
const OWN_PROMPTS_MAX: u32 = 10_000;
/// Conversations, recordings and recorded parties of a media thread that a limit may allow: each has
/// a place in its memory.
const PLACES_MAX: u32 = 1_000_000;
/// Faxes that a limit may allow: signaling awaits so many outcomes.
const FAXES_MAX: u32 = 1_000;

impl Config {
    pub(super) fn check_media(&self) -> Result<(), Error> {
        if self.rtp.shards == 0 || self.rtp.shards > 64 {
            return refused("rtp.shards", format!("{} is outside 1-64", self.rtp.shards));
        }
        if self.rtp.dscp > 63 {
            return refused("rtp.dscp", format!("{} is outside 0-63", self.rtp.dscp));
        }
        let buffers = self.rtp.buffers;
        if !buffers.is_power_of_two() || !(64..=32_768).contains(&buffers) {
            let problem = format!("{buffers} is no power of two from 64 to 32768");
            return refused("rtp.buffers", problem);
        }
        let jitter = (self.rtp.jitter_ms_min, self.rtp.jitter_ms_max);
        if jitter.0 > jitter.1 || jitter.1 > 400 {
            let problem = format!(
                "{} does not fit a least delay of {} ms; use {1}-400, or a smaller rtp.jitter_ms_min",
                jitter.1, jitter.0
            );
            return refused("rtp.jitter_ms_max", problem);
        }
        if self.rtp.own_prompts_max > OWN_PROMPTS_MAX {
            let most = OWN_PROMPTS_MAX;
            let problem = format!("{} is above {most}", self.rtp.own_prompts_max);
            return refused("rtp.own_prompts_max", problem);
        }
        for (key, value, most) in [
            ("rtp.legs_max", self.rtp.legs_max, u32::MAX),
            ("rtp.parties_max", self.rtp.parties_max, u32::MAX),
            ("rtp.speakers_max", self.rtp.speakers_max, u32::MAX),
            ("rtp.rooms_max", self.rtp.rooms_max, PLACES_MAX),
            ("rtp.faxes_max", self.rtp.faxes_max, FAXES_MAX),
            ("recording.recordings_max", self.recording.recordings_max, PLACES_MAX),
            ("recording.tracks_max", self.recording.tracks_max, PLACES_MAX),
        ] {
            if value == 0 {
                return refused(key, "0 would let nothing through; use at least 1".into());
            }
            if value > most {
                return refused(key, format!("{value} is above {most}"));
            }
        }
        Ok(())
    }
}
