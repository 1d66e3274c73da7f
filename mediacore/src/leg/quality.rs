//! What a leg heard and said, summed up for its record, for a live view and for its peer.

use super::{Leg, Route, sum};
use crate::burst::Loss;
use crate::emodel::{self, Robustness};
use crate::jitter::Jitter;
use crate::record::Recorder;
use crate::slot::Figures;
use terms::media::{Codec, MosBand, Quality, Ssrc, VoipMetrics};

/// Delay that neither jitter nor round trip show: packet time and playout at the phone.
const BASE_DELAY_MS: f64 = 40.0;

/// The figures of a leg until now.
pub fn quality(leg: &Leg, recorder: &Recorder) -> Quality {
    let (loss, score) = (leg.receive.loss(), score(leg));
    let tracks = leg.tracks.iter();
    let recorder_frames_lost =
        tracks.map(|&(_, track)| recorder.frames_lost_of(track)).sum::<u64>();
    let (epochs, epoch_list) = leg.receive.epochs();
    let before = leg.counts.playout_before;
    Quality {
        packets_received: leg.receive.received(),
        packets_expected: leg.receive.expected(),
        packets_lost: leg.receive.lost(),
        packets_late: late(leg),
        packets_sent: sent(leg),
        packets_strange: leg.counts.strange,
        packets_dropped: leg.counts.malformed
            + leg.counts.unknown
            + leg.counts.unauthenticated
            + leg.counts.replayed,
        jitter_us: leg.receive.jitter_us(),
        round_trip_us: leg.round_trip_us,
        mos: score.map_or(0.0, |score| score.mos as f32),
        codec: codec(leg),
        packets_duplicate: leg.receive.duplicates(),
        packets_reordered: leg.receive.reordered(),
        packets_unheard: loss.unheard,
        loss_runs: loss.runs,
        bursts: loss.bursts,
        burst_packets: loss.burst_packets,
        burst_unheard: loss.burst_unheard,
        packet_us: leg.receive.packet_us(),
        playout: mixed(leg).map_or(before, |jitter| sum(before, jitter.playout())),
        concealed_ms: leg.counts.concealed_ms_before + mixed(leg).map_or(0, Jitter::concealed_ms),
        jitter_us_max: leg.receive.jitter_us_max(),
        delay_ms: delay_ms(leg) as u32,
        r_factor: score.map_or(0.0, |score| score.rating as f32),
        mos_listening: score.map_or(0.0, |score| score.mos_listening as f32),
        epochs,
        epoch_list,
        recorder_frames_lost: leg.counts.recorder_frames_lost + recorder_frames_lost,
        far: leg.far,
        fax: leg.fax.as_ref().map(|fax| fax.counts),
    }
}

/// Of the figures of a leg until now those that outlive the process.
pub fn figures(leg: &Leg) -> Figures {
    let cut = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let counts = &leg.counts;
    let dropped = counts.malformed + counts.unknown + counts.unauthenticated + counts.replayed;
    let newest = leg.receive.newest();
    Figures {
        received: cut(leg.receive.received()),
        expected: cut(leg.receive.expected()),
        sent: cut(sent(leg)),
        late: cut(late(leg)),
        strange: cut(counts.strange),
        dropped: cut(dropped),
        duplicates: cut(leg.receive.duplicates()),
        reordered: cut(leg.receive.reordered()),
        concealed_ms: cut(counts.concealed_ms_before + mixed(leg).map_or(0, Jitter::concealed_ms)),
        jitter_us_max: leg.receive.jitter_us_max(),
        packet_us: leg.receive.packet_us(),
        newest: newest.map_or((Ssrc(0), 0), |(ssrc, seq)| (ssrc, seq.0)),
        deaf_ms: cut(leg.receive.deaf().as_millis() as u64),
        loss: leg.receive.loss(),
    }
}

/// What the E-model says.
#[derive(Clone, Copy)]
struct Score {
    rating: f64,
    mos: f64,
    mos_listening: f64,
}

/// `None` when nothing was received.
fn score(leg: &Leg) -> Option<Score> {
    if leg.receive.received() == 0 {
        return None;
    }
    let robustness = Robustness::of(codec(leg)?);
    let loss = leg.receive.loss();
    let rate = |delay_ms| emodel::rating(robustness, loss.percent(), loss.burst_ratio(), delay_ms);
    let rating = rate(delay_ms(leg));
    Some(Score { rating, mos: emodel::mos(rating), mos_listening: emodel::mos(rate(0.0)) })
}

fn codec(leg: &Leg) -> Option<Codec> {
    leg.agreed.as_ref().map(|agreed| agreed.remote.receive.codec)
}

/// The buffer that the other parties hear it through. What came too late, or was made up, only for
/// somebody who listens in was in time for them.
fn mixed(leg: &Leg) -> Option<&Jitter> {
    leg.jitter.as_ref().filter(|_| leg.route == Route::Mix)
}

fn sent(leg: &Leg) -> u64 {
    leg.counts.sent_before + leg.stream.packets()
}

fn late(leg: &Leg) -> u64 {
    leg.counts.late_before + mixed(leg).map_or(0, Jitter::late)
}

/// From mouth to ear: the phone, half the round trip, and a jitter buffer of twice the jitter.
fn delay_ms(leg: &Leg) -> f64 {
    let way_ms = f64::from(leg.round_trip_us) / 2_000.0;
    BASE_DELAY_MS + way_ms + 2.0 * f64::from(leg.receive.jitter_us()) / 1_000.0
}

/// How we hear the peer, as RFC 3611 §4.7 tells it; `None` before anything came.
pub fn voip_metrics(leg: &Leg) -> Option<(Ssrc, VoipMetrics)> {
    let (about, score) = (leg.receive.ssrc()?, score(leg)?);
    let loss = leg.receive.loss();
    let (nominal, most) = mixed(leg).map_or((0, 0), Jitter::delay_ms);
    let packets = |mean: f64| half(mean * f64::from(leg.receive.packet_us()) / 1_000.0);
    let expected = leg.receive.expected();
    let voip = VoipMetrics {
        loss_rate: in_256ths(leg.receive.lost(), expected),
        discard_rate: in_256ths(late(leg), expected),
        burst_density: (loss.burst_density() * 256.0).min(255.0) as u8,
        gap_density: (loss.gap_density() * 256.0).min(255.0) as u8,
        burst_ms: packets(Loss::burst_mean(&loss)),
        gap_ms: packets(Loss::gap_mean(&loss)),
        round_trip_ms: half(f64::from(leg.round_trip_us) / 1_000.0),
        end_system_ms: half(f64::from(nominal)),
        r_factor: Some(score.rating.round() as u8),
        mos_lq: Some((score.mos_listening * 10.0).round() as u8),
        mos_cq: Some((score.mos * 10.0).round() as u8),
        jitter_buffer_ms: (half(f64::from(nominal)), half(f64::from(most))),
    };
    Some((about, voip))
}

fn in_256ths(part: u64, whole: u64) -> u8 {
    (part * 256).checked_div(whole).unwrap_or(0).min(255) as u8
}

fn half(value: f64) -> u16 {
    value.clamp(0.0, f64::from(u16::MAX)) as u16
}

/// What the legs of a shard heard that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QualityTotals {
    /// Legs by [`MosBand::ALL`].
    pub legs: [u64; MosBand::ALL.len()],
    /// Packets that the sequence numbers say were sent.
    pub expected: u64,
    /// Of those, not received.
    pub lost: u64,
    /// Received too late to be heard.
    pub late: u64,
    /// Audio made up, in ms.
    pub concealed_ms: u64,
}

impl QualityTotals {
    /// A leg has ended.
    pub fn add(&mut self, quality: &Quality) {
        self.legs[MosBand::of(quality) as usize] += 1;
        self.expected += quality.packets_expected;
        self.lost += quality.packets_lost;
        self.late += quality.packets_late;
        self.concealed_ms += quality.concealed_ms;
    }
}
