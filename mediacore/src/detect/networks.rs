//! What networks sound like while a call is set up, as a table.
//!
//! | plan | source |
//! |---|---|
//! | China | GB/T 3380 (formerly GB 3380-82) |
//! | ITU | ITU-T E.180 with the values recommended for new networks; most of Europe |
//! | US | Precise tone plan, ANSI T1.401 |

use terms::media::{Progress, TonePlan};

/// What a tone is made of, in Hz.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Made {
    /// One frequency.
    Of(f32),
    /// Two at once.
    Both(f32, f32),
}

/// The rhythm of one tone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rhythm {
    /// What it means.
    pub means: Progress,
    /// Of what it is made.
    pub made: Made,
    /// How long it sounds.
    pub on_ms: u32,
    /// How long it pauses.
    pub off_ms: u32,
}

const fn rhythm(means: Progress, made: Made, on_ms: u32, off_ms: u32) -> Rhythm {
    Rhythm { means, made, on_ms, off_ms }
}

const CHINA: Made = Made::Of(450.0);
const ITU: Made = Made::Of(425.0);
const US_RING: Made = Made::Both(440.0, 480.0);
const US_BUSY: Made = Made::Both(480.0, 620.0);

/// The tones of a network.
pub const fn rhythms(plan: TonePlan) -> [Rhythm; 3] {
    match plan {
        TonePlan::China => [
            rhythm(Progress::Ringback, CHINA, 1_000, 4_000),
            rhythm(Progress::Busy, CHINA, 350, 350),
            rhythm(Progress::Congestion, CHINA, 700, 700),
        ],
        TonePlan::Itu => [
            rhythm(Progress::Ringback, ITU, 1_000, 4_000),
            rhythm(Progress::Busy, ITU, 500, 500),
            rhythm(Progress::Congestion, ITU, 250, 250),
        ],
        TonePlan::Us => [
            rhythm(Progress::Ringback, US_RING, 2_000, 4_000),
            rhythm(Progress::Busy, US_BUSY, 500, 500),
            rhythm(Progress::Congestion, US_BUSY, 250, 250),
        ],
    }
}
