//! Counters and gauges of the call path, by their Prometheus names.

use mediacore::edge::engine::Engine;
use mediacore::edge::storage::StorageStats;
use terms::control::Metric;
use terms::media::MosBand;

/// Everything that media and storage count, and the texts that were spoken in another language than
/// that of their call.
pub fn metrics(
    engine: Option<&Engine>,
    storage: Option<&StorageStats>,
    spoken_elsewhere: u64,
) -> Vec<Metric> {
    let mut metrics = Vec::new();
    let mut add = |name: &str, labels: &[(&str, &str)], value: f64| {
        metrics.push(Metric {
            name: format!("switchgrid_{name}"),
            labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            value,
        });
    };
    let shards = engine.map(|engine| engine.stats().shards).unwrap_or_default();
    for (index, shard) in shards.iter().enumerate() {
        let number = index.to_string();
        let labels = [("shard", number.as_str())];
        add("rtp_legs", &labels, shard.legs as f64);
        add("rtp_rooms", &labels, shard.rooms as f64);
        add("rtp_packets_received_total", &labels, shard.packets.packets_in as f64);
        add("rtp_packets_sent_total", &labels, shard.packets.packets_out as f64);
        add("rtp_packets_forwarded_total", &labels, shard.packets.packets_forwarded as f64);
        add("rtp_legs_opened_total", &labels, shard.packets.legs_opened as f64);
        add("rtp_legs_closed_total", &labels, shard.packets.legs_closed as f64);
        add("rtp_legs_restored_total", &labels, shard.packets.legs_restored as f64);
        add("rtp_legs_unclaimed_total", &labels, shard.packets.legs_unclaimed as f64);
        add("rtp_legs_unkept_total", &labels, shard.packets.slots_short as f64);
        add("fax_frames_late_total", &labels, shard.packets.fax_frames_late as f64);
        add("bot_frames_lost_total", &labels, shard.packets.bot_frames_lost as f64);
        add("webrtc_checks_total", &labels, shard.packets.checks as f64);
        add("dtls_records_received_total", &labels, shard.packets.handshakes_in as f64);
        add("dtls_records_sent_total", &labels, shard.packets.handshakes_out as f64);
        add("rtp_cpu_seconds_total", &labels, shard.cpu.as_secs_f64());
        add("recorder_recordings", &labels, shard.recordings as f64);
        add("recorder_frames_total", &labels, shard.recorder.frames as f64);
        add("recorder_frames_lost_total", &labels, shard.recorder.frames_lost as f64);
        for (band, count) in MosBand::ALL.iter().zip(shard.packets.quality.legs) {
            let labels = [("shard", number.as_str()), ("mos", band.name())];
            add("rtp_legs_ended_total", &labels, count as f64);
        }
        let heard = shard.packets.quality;
        add("rtp_packets_expected_total", &labels, heard.expected as f64);
        add("rtp_packets_lost_total", &labels, heard.lost as f64);
        add("rtp_packets_late_total", &labels, heard.late as f64);
        add("rtp_concealed_seconds_total", &labels, heard.concealed_ms as f64 / 1_000.0);
        for (reason, count) in mediacore::shard::Reason::ALL.iter().zip(shard.packets.dropped) {
            let labels = [("shard", number.as_str()), ("reason", reason.name())];
            add("rtp_packets_dropped_total", &labels, count as f64);
        }
    }
    add("speech_other_language_total", &[], spoken_elsewhere as f64);
    if let Some(engine) = engine {
        add("rtp_legs_lost_in_kill", &[], engine.legs_lost() as f64);
        add("rtp_commands_unknown_total", &[], engine.stats().commands_unknown as f64);
    }
    if let Some(storage) = storage {
        add("storage_bytes_total", &[], storage.bytes as f64);
        add("storage_backlog_bytes", &[], storage.backlog_bytes as f64);
        add("storage_frames_lost_total", &[], storage.frames_lost as f64);
        add("storage_failures_total", &[], storage.failures as f64);
        add("storage_renders_waiting", &[], storage.renders_waiting as f64);
        add("storage_ledgers_total", &[], storage.ledgers as f64);
        add("storage_segments", &[], storage.segments as f64);
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_another_language_are_counted_under_their_name() {
        let told = metrics(None, None, 3);
        let named = told.iter().find(|m| m.name == "switchgrid_speech_other_language_total");
        assert_eq!(named.map(|metric| metric.value), Some(3.0));
    }
}
