//! The searches of the encoder by the weighted error: delays (§3.4, §3.7, §A.3.4, §A.3.7), pulses
//! (§3.8) and gains (§3.9).

use super::excitation::Excitation;
use super::filter::{convolved, dot};
use super::frame::{DELAY_MAX, DELAY_MIN, Delay};
use super::gain::{self, Gains};
use super::pulses::Pulses;
use super::{FRAME_SAMPLES, SUBFRAME, Subframe};

/// Weighted speech that the search for the delay of a frame looks at.
pub const LOOKED_AT: usize = DELAY_MAX + FRAME_SAMPLES;

/// The delay at which weighted speech resembles its past best; a shorter one of which it is a
/// multiple is preferred, §A.3.4.
pub fn open_loop(weighted: &[f32; LOOKED_AT]) -> usize {
    // Every second sample is enough to tell the ranges apart.
    let [even, odd] = decimated(weighted);
    let now: [f32; SUBFRAME] = std::array::from_fn(|n| weighted[DELAY_MAX + 2 * n]);
    let past = |delay: usize| {
        let from = DELAY_MAX - delay;
        let samples = if from.is_multiple_of(2) { &even } else { &odd };
        &samples[from / 2..][..SUBFRAME]
    };
    let best = |delays: &mut dyn Iterator<Item = usize>| {
        let mut best = (DELAY_MIN, f32::MIN);
        for delay in delays {
            let correlation = dot(&now, past(delay));
            if correlation > best.1 {
                best = (delay, correlation);
            }
        }
        best
    };
    let short = best(&mut (20..40));
    let middle = best(&mut (40..80));
    let rough = best(&mut (80..=DELAY_MAX).step_by(2)).0;
    let long = best(&mut (rough - 1..=(rough + 1).min(DELAY_MAX)));

    let normal = |(delay, correlation): (usize, f32)| {
        let energy = dot(past(delay), past(delay));
        (delay, correlation / (energy + 0.01).sqrt())
    };
    let (mut short, mut middle, long) = (normal(short), normal(middle), normal(long));
    let multiple =
        |of: usize, times: usize, long: usize, near: usize| (times * of).abs_diff(long) < near;
    if multiple(middle.0, 2, long.0, 5) {
        middle.1 += 0.25 * long.1;
    }
    if multiple(middle.0, 3, long.0, 7) {
        middle.1 += 0.25 * long.1;
    }
    if multiple(short.0, 2, middle.0, 5) {
        short.1 += 0.2 * middle.1;
    }
    if multiple(short.0, 3, middle.0, 7) {
        short.1 += 0.2 * middle.1;
    }
    let shorter = if short.1 < middle.1 { middle } else { short };
    if shorter.1 < long.1 { long.0 } else { shorter.0 }
}

/// Samples with even and with odd places.
fn decimated(samples: &[f32; LOOKED_AT]) -> [[f32; LOOKED_AT / 2 + 1]; 2] {
    let at = |n: usize| samples.get(n).copied().unwrap_or_default();
    [0, 1].map(|first| std::array::from_fn(|n| at(2 * n + first)))
}

/// A delay, the past at it, and that past as it is heard: weighted.
pub struct Repeated {
    pub delay: Delay,
    pub samples: Subframe,
    pub heard: Subframe,
}

/// The delay whose past, scaled, comes nearest to `wanted`: whole samples of a range first, then
/// the thirds around the best. `tellable` says which thirds have a code.
pub fn closed_loop(
    excitation: &mut Excitation,
    response: &Subframe,
    wanted: &Subframe,
    range: std::ops::RangeInclusive<usize>,
    tellable: impl Fn(Delay) -> bool,
) -> Repeated {
    let whole = best_whole(excitation, response, wanted, range);
    let mut best: Option<(f32, Repeated)> = None;
    // The whole one comes first: of equals it stays.
    for thirds in [0, -1, 1, -2, 2] {
        let delay = Delay { thirds: (3 * whole).saturating_add_signed(thirds) };
        if !tellable(delay) {
            continue;
        }
        let samples = excitation.repeated(delay);
        let heard = convolved(&samples, response);
        let score = resemblance(wanted, &heard);
        if best.as_ref().is_none_or(|(least, _)| score > *least) {
            best = Some((score, Repeated { delay, samples, heard }));
        }
    }
    best.expect("a whole delay of the range has a code").1
}

fn best_whole(
    excitation: &Excitation,
    response: &Subframe,
    wanted: &Subframe,
    range: std::ops::RangeInclusive<usize>,
) -> usize {
    let mut best = (f32::MIN, *range.start());
    let mut heard: Option<Subframe> = None;
    for delay in range {
        let samples = excitation.at(delay);
        // One sample further back: all moves on by one, and a new first one comes in.
        let filtered = match heard {
            None => convolved(&std::array::from_fn(|n| samples[n]), response),
            Some(before) => std::array::from_fn(|n| {
                samples[0] * response[n] + if n > 0 { before[n - 1] } else { 0.0 }
            }),
        };
        let score = resemblance(wanted, &filtered);
        if score > best.0 {
            best = (score, delay);
        }
        heard = Some(filtered);
    }
    best.1
}

/// How well `heard` resembles what is wanted, whatever its gain.
fn resemblance(wanted: &Subframe, heard: &Subframe) -> f32 {
    dot(wanted, heard) / (dot(heard, heard) + 0.01).sqrt()
}

/// Places of three tracks, and of the last, which is two.
const TRACKS: [[usize; 8]; 3] = [places(0), places(1), places(2)];
const LAST: [usize; 16] = both(places(3), places(4));

const fn places(first: usize) -> [usize; 8] {
    let mut places = [0; 8];
    let mut n = 0;
    while n < 8 {
        places[n] = first + 5 * n;
        n += 1;
    }
    places
}

const fn both(a: [usize; 8], b: [usize; 8]) -> [usize; 16] {
    let mut places = [0; 16];
    let mut n = 0;
    while n < 8 {
        places[n] = a[n];
        places[n + 8] = b[n];
        n += 1;
    }
    places
}

/// The four pulses whose answer, scaled, comes nearest to `wanted`. Signs are those of the
/// correlation, §3.8.1; of places every combination is tried, the last track's sixteen at once.
pub fn pulses(wanted: &Subframe, response: &Subframe) -> Pulses {
    let correlation: Subframe =
        std::array::from_fn(|n| dot(&wanted[n..], &response[..SUBFRAME - n]));
    let sign = correlation.map(|value| if value < 0.0 { -1.0 } else { 1.0 });
    let size = correlation.map(f32::abs);
    let energy = energies(response, &sign);

    let last_size = LAST.map(|d| size[d]);
    let row = |a: usize| LAST.map(|d| energy[a][d]);
    let last_rows: [[[f32; 16]; 8]; 3] = [0, 1, 2].map(|track| TRACKS[track].map(row));
    let last_own = LAST.map(|d| 0.5 * energy[d][d]);

    let mut best = Best { square: 0.0, energy: 1.0, places: [0, 1, 2, 3] };
    for (a, from_a) in TRACKS[0].into_iter().zip(&last_rows[0]) {
        for (b, from_b) in TRACKS[1].into_iter().zip(&last_rows[1]) {
            let two = size[a] + size[b];
            let of_two = 0.5 * (energy[a][a] + energy[b][b]) + energy[a][b];
            let rows: [f32; 16] =
                std::array::from_fn(|n| from_a[n] + from_b[n] + last_own[n] + of_two);
            for (c, from_c) in TRACKS[2].into_iter().zip(&last_rows[2]) {
                let three = two + size[c];
                let of_three = 0.5 * energy[c][c] + energy[a][c] + energy[b][c];
                best.consider([a, b, c], three, &last_size, |n| rows[n] + from_c[n] + of_three);
            }
        }
    }
    Pulses { places: best.places, signs: best.places.map(|place| sign[place]) }
}

/// The best of the pulses so far: its square over its energy is the largest.
struct Best {
    square: f32,
    energy: f32,
    places: [usize; 4],
}

impl Best {
    fn consider(
        &mut self,
        [a, b, c]: [usize; 3],
        three: f32,
        last: &[f32; 16],
        energy: impl Fn(usize) -> f32,
    ) {
        // Two products instead of a division: a square over its energy is larger than the best's.
        let squares: [f32; 16] = std::array::from_fn(|n| (three + last[n]) * (three + last[n]));
        let energies: [f32; 16] = std::array::from_fn(energy);
        let gains: [f32; 16] =
            std::array::from_fn(|n| squares[n] * self.energy - self.square * energies[n]);
        if !gains.iter().fold(false, |any, &gain| any | (gain > 0.0)) {
            return;
        }
        for n in 0..16 {
            if squares[n] * self.energy > self.square * energies[n] {
                (self.square, self.energy) = (squares[n], energies[n].max(1e-6));
                self.places = [a, b, c, LAST[n]];
            }
        }
    }
}

/// What each two pulses of their signs have in common: the correlations of the response.
fn energies(response: &Subframe, sign: &Subframe) -> [Subframe; SUBFRAME] {
    let mut energy = [[0.0; SUBFRAME]; SUBFRAME];
    for apart in 0..SUBFRAME {
        let mut sum = 0.0;
        for n in 0..SUBFRAME - apart {
            sum += response[n] * response[n + apart];
            let later = SUBFRAME - 1 - n;
            let earlier = later - apart;
            let value = sum * sign[earlier] * sign[later];
            energy[earlier][later] = value;
            energy[later][earlier] = value;
        }
    }
    energy
}

/// The two indices whose gains leave the least error, and those gains. `expected` is the gain of
/// the pulses that the past lets expect; the pitch gain stays below `pitch_max`.
pub fn gains(
    wanted: &Subframe,
    repeated: &Subframe,
    pulses: &Subframe,
    expected: f32,
    pitch_max: f32,
) -> (usize, usize, Gains) {
    let [yy, zz, xy, xz, yz] = [
        dot(repeated, repeated),
        dot(pulses, pulses),
        dot(wanted, repeated),
        dot(wanted, pulses),
        dot(repeated, pulses),
    ];
    let mut best = (f32::MAX, (0, 0, Gains::default()));
    for first in 0..8 {
        for second in 0..16 {
            let told = gain::told(first, second);
            let (p, c) = (told.pitch, told.code * expected);
            let error = p * p * yy + c * c * zz + 2.0 * (p * c * yz - p * xy - c * xz);
            if error < best.0 && told.pitch < pitch_max {
                best = (error, (first, second, told));
            }
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pulses_that_made_a_sound_are_found() {
        let mut response = [0.0; SUBFRAME];
        (0..SUBFRAME).for_each(|n| response[n] = 0.5_f32.powi(n as i32));
        let made = Pulses { places: [15, 1, 27, 39], signs: [1.0, -1.0, -1.0, 1.0] };
        let wanted = convolved(&made.code(SUBFRAME, 0.0), &response).map(|sample| 300.0 * sample);
        assert_eq!(pulses(&wanted, &response), made);
    }

    #[test]
    fn the_delay_of_a_voice_is_found_and_not_its_double() {
        for delay in 22..140 {
            let weighted = std::array::from_fn(|n| {
                // One pulse is in the frame, at 160, and one a delay before.
                let after = ((n + 8 * delay - 160) % delay) as f32;
                1_000.0 * (-after / 8.0).exp() * (0.8 * after).cos()
            });
            let found = open_loop(&weighted);
            assert!(found.abs_diff(delay) <= 2, "{found} for {delay}");
        }
    }

    #[test]
    fn gains_that_can_be_told_are_told() {
        let repeated: Subframe = std::array::from_fn(|n| (n as f32).sin() * 100.0);
        let pulses: Subframe = std::array::from_fn(|n| (n as f32 * 2.3).cos());
        for (first, second) in [(0, 0), (3, 7), (7, 14), (5, 2)] {
            let told = gain::told(first, second);
            let wanted =
                std::array::from_fn(|n| told.pitch * repeated[n] + told.code * 40.0 * pulses[n]);
            let (a, b, found) = gains(&wanted, &repeated, &pulses, 40.0, 2.0);
            assert_eq!((a, b, found), (first, second, told));
        }
    }
}
