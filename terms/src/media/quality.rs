//! What a leg heard and said, measured: the figures of its record and of a live view.
//!
//! Counters are stored and never rates, so that the figures of many legs add up. What the far end
//! reports about our stream stands apart in [`FarQuality`]: it is their word, not our measurement.

use super::{Codec, FaxQuality, Ssrc};
use serde::{Deserialize, Serialize};

/// What a leg heard and said, RFC 3550 §6.4 and A.3, RFC 3611 §4.7 and ITU-T G.107.
///
/// A counter that is mostly zero is left out of JSON while it is: two of these stand in the log for
/// each call.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Quality {
    /// RTP packets received from the accepted source.
    pub packets_received: u64,
    /// Packets that the sequence numbers say were sent.
    pub packets_expected: u64,
    /// Expected less received, never below zero.
    #[serde(skip_serializing_if = "is_usual")]
    pub packets_lost: u64,
    /// Came, but too late to be mixed: lost to who listens.
    #[serde(skip_serializing_if = "is_usual")]
    pub packets_late: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// From a source that was not accepted.
    #[serde(skip_serializing_if = "is_usual")]
    pub packets_strange: u64,
    /// Malformed, or of an unknown payload type.
    #[serde(skip_serializing_if = "is_usual")]
    pub packets_dropped: u64,
    /// Interarrival jitter in microseconds at the end, RFC 3550 A.8.
    pub jitter_us: u32,
    /// Round trip from RTCP in microseconds, zero when unknown.
    #[serde(skip_serializing_if = "is_usual")]
    pub round_trip_us: u32,
    /// E-model estimate 1.0–4.5 of a conversation (MOS-CQ), zero when nothing was received.
    pub mos: f32,
    /// What it received; none before offer and answer, and in entries of an older program.
    #[serde(skip_serializing_if = "is_usual")]
    pub codec: Option<Codec>,
    /// Of those sent, the sequence numbers came twice or more.
    #[serde(skip_serializing_if = "is_usual")]
    pub packets_duplicate: u64,
    /// Came after a packet with a higher number.
    #[serde(skip_serializing_if = "is_usual")]
    pub packets_reordered: u64,
    /// Packets lost or late: what the next four figures are made of.
    #[serde(skip_serializing_if = "is_usual")]
    pub packets_unheard: u64,
    /// Stretches of unheard packets without a heard one between them.
    #[serde(skip_serializing_if = "is_usual")]
    pub loss_runs: u64,
    /// Bursts by RFC 3611 §4.7.2: from an unheard packet to the last one before 16 heard in a row,
    /// of two unheard at least.
    #[serde(skip_serializing_if = "is_usual")]
    pub bursts: u64,
    /// Packets in bursts, heard ones included.
    #[serde(skip_serializing_if = "is_usual")]
    pub burst_packets: u64,
    /// Of those, unheard.
    #[serde(skip_serializing_if = "is_usual")]
    pub burst_unheard: u64,
    /// Packet time in microseconds, as the sender keeps it.
    pub packet_us: u32,
    /// Audio that was made up in place of unheard packets, in ms; relayed audio is concealed by
    /// the phone.
    #[serde(skip_serializing_if = "is_usual")]
    pub concealed_ms: u64,
    /// What else its jitter buffer did.
    #[serde(skip_serializing_if = "is_usual")]
    pub playout: Playout,
    /// The greatest jitter that it had, in microseconds.
    pub jitter_us_max: u32,
    /// Estimate of the way from mouth to ear in ms, of which the E-model knows.
    pub delay_ms: u32,
    /// Transmission rating R, ITU-T G.107, 0–93.2; zero when nothing was received.
    pub r_factor: f32,
    /// E-model estimate 1.0–4.5 of listening, without delay (MOS-LQ); zero when nothing was
    /// received.
    pub mos_listening: f32,
    /// Sources that it heard one after the other; the list of them may be shorter.
    pub epochs: u32,
    /// The first of these sources, in order.
    #[serde(skip_serializing_if = "is_usual")]
    pub epoch_list: Vec<SsrcEpoch>,
    /// Frames that the recorder could not hand to storage.
    #[serde(skip_serializing_if = "is_usual")]
    pub recorder_frames_lost: u64,
    /// What the far end says about what we sent.
    #[serde(skip_serializing_if = "is_usual")]
    pub far: FarQuality,
    /// Its T.38, where it carried any. The figures above are those of the audio.
    #[serde(skip_serializing_if = "is_usual")]
    pub fax: Option<FaxQuality>,
}

fn is_usual<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What the jitter buffer of a leg did. All zero on a leg that was only ever relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Playout {
    /// The delay it aims at, in ms; the last one where the buffer is gone.
    pub target_ms: u32,
    /// Audio left out to catch up, in ms.
    pub accelerated_ms: u64,
    /// Time by which it was drawn out to wait, in ms; what was made up meanwhile is concealed too.
    pub expanded_ms: u64,
}

/// One source of a leg, from its first packet to the next source's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SsrcEpoch {
    /// Who spoke.
    pub ssrc: Ssrc,
    /// From here on, in ms since the leg was opened.
    pub from_ms: u64,
    /// Packets received.
    pub received: u64,
    /// Packets lost.
    pub lost: u64,
}

/// The far end's reports about our stream: their receiver reports (RFC 3550 §6.4.1) and, where
/// they send them, their VoIP metrics.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct FarQuality {
    /// Reports about our stream.
    pub reports: u64,
    /// Packets of ours that they miss.
    pub packets_lost: u64,
    /// Interarrival jitter in microseconds, as they last said.
    pub jitter_us: u32,
    /// Their VoIP metrics, as they last said.
    #[serde(default)]
    pub voip: Option<VoipMetrics>,
}

/// A VoIP Metrics block as it stands on the wire, RFC 3611 §4.7. Shares are in 256ths; `None` is
/// the wire's "unavailable".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VoipMetrics {
    /// Share of packets lost.
    pub loss_rate: u8,
    /// Share of packets discarded as too late or too early.
    pub discard_rate: u8,
    /// Share of packets in bursts that were lost or discarded.
    pub burst_density: u8,
    /// The same between bursts.
    pub gap_density: u8,
    /// Mean length of a burst in ms.
    pub burst_ms: u16,
    /// Mean length of what lies between bursts in ms.
    pub gap_ms: u16,
    /// Round trip in ms; zero when unknown.
    pub round_trip_ms: u16,
    /// Delay within the reporting end in ms; zero when unknown.
    pub end_system_ms: u16,
    /// Transmission rating 0–100.
    pub r_factor: Option<u8>,
    /// Listening quality in tenths, 10–50.
    pub mos_lq: Option<u8>,
    /// Conversational quality in tenths, 10–50.
    pub mos_cq: Option<u8>,
    /// Playout delay of the jitter buffer in ms now, and at most until now.
    pub jitter_buffer_ms: (u16, u16),
}

/// How satisfied people are with a leg, ITU-T G.107 Annex B: R of 80, 70 and 60 are the borders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MosBand {
    /// From 4.03: people are satisfied.
    Good,
    /// From 3.60: some are dissatisfied.
    Fair,
    /// From 3.10: many are.
    Poor,
    /// Below: nearly all are.
    Bad,
    /// Nothing was received.
    None,
}

impl MosBand {
    /// All of them, the best first.
    pub const ALL: [MosBand; 5] =
        [MosBand::Good, MosBand::Fair, MosBand::Poor, MosBand::Bad, MosBand::None];

    /// The band of a leg.
    pub fn of(quality: &Quality) -> MosBand {
        match quality.mos {
            _ if quality.packets_received == 0 => MosBand::None,
            mos if mos >= 4.03 => MosBand::Good,
            mos if mos >= 3.60 => MosBand::Fair,
            mos if mos >= 3.10 => MosBand::Poor,
            _ => MosBand::Bad,
        }
    }

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            MosBand::Good => "good",
            MosBand::Fair => "fair",
            MosBand::Poor => "poor",
            MosBand::Bad => "bad",
            MosBand::None => "none",
        }
    }
}

impl Quality {
    /// Whether any audio passed: such a leg has a row.
    pub fn has_media(&self) -> bool {
        self.packets_received > 0 || self.packets_sent > 0
    }

    /// Mean length of a burst in ms; zero without bursts.
    pub fn burst_ms(&self) -> u64 {
        let us = self.burst_packets * u64::from(self.packet_us);
        us.checked_div(self.bursts).unwrap_or(0) / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_an_older_program_is_read_with_zeros_for_what_it_did_not_measure() {
        let old = r#"{"packets_received":10,"packets_expected":12,"packets_lost":2,
            "packets_late":0,"packets_sent":9,"packets_strange":0,"packets_dropped":0,
            "jitter_us":300,"round_trip_us":0,"mos":4.1}"#;
        let read: Quality = serde_json::from_str(old).unwrap();
        let expected = Quality {
            packets_received: 10,
            packets_expected: 12,
            packets_lost: 2,
            packets_sent: 9,
            jitter_us: 300,
            mos: 4.1,
            ..Quality::default()
        };
        assert_eq!(read, expected);
        assert_eq!((read.codec, read.epochs, read.far.voip), (None, 0, None));
    }

    #[test]
    fn a_band_needs_something_that_was_heard() {
        let heard = |mos| Quality { packets_received: 1, mos, ..Quality::default() };
        let bands = [4.41, 4.03, 3.6, 3.1, 3.09].map(|mos| MosBand::of(&heard(mos)));
        use MosBand::{Bad, Fair, Good, Poor};
        assert_eq!(bands, [Good, Good, Fair, Poor, Bad]);
        assert_eq!(MosBand::of(&Quality::default()), MosBand::None);
    }
}
