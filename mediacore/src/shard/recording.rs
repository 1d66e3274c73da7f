//! Which leg stands in which recording. The recorder of this shard keeps the tracks; a party whose
//! leg lives on another shard sends its payload over as a [`Tap`].

use super::Shard;
use crate::codec::PAYLOAD_OCTETS_MAX;
use crate::leg::LegIdx;
use crate::record::TrackIdx;
use crate::rtp::Header;
use terms::media::{Codec, Command, RecordStart, Side};
use terms::{LegId, Moment, RecordingId};

/// Octets of a tapped payload at most.
pub const TAP_OCTETS_MAX: usize = PAYLOAD_OCTETS_MAX;

/// A recording of this shard.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// Parties whose legs live here.
    here: Vec<LegId>,
    /// Parties whose legs live on another shard.
    far: Vec<(LegId, TrackIdx)>,
}

impl Recorded {
    /// Tracks of who is no leg of this shard.
    pub fn tracks_of(&self, voice: LegId) -> impl Iterator<Item = TrackIdx> + '_ {
        self.far.iter().filter(move |(leg, _)| *leg == voice).map(|&(_, track)| track)
    }
}

/// One payload of a leg that is recorded on another shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tap {
    /// The leg.
    pub leg: LegId,
    /// When it came.
    pub arrived: Moment,
    /// Its codec.
    pub codec: Codec,
    /// Its header.
    pub header: Header,
    /// Cores whose recordings want it, one bit each.
    pub cores: u64,
    len: u16,
    octets: [u8; TAP_OCTETS_MAX],
}

impl Tap {
    /// The payload as it was received.
    pub fn payload(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }
}

impl Shard {
    pub(super) fn record_start(&mut self, now: Moment, start: &RecordStart) {
        let tracks = self.recorder.start(now, start);
        if tracks.is_empty() && !start.parties.is_empty() {
            tracing::warn!(recording = start.recording.0, "the recorder is at its limit");
            return;
        }
        self.recordings.entry(start.recording).or_default();
        for (leg, track) in tracks {
            self.record_leg(now, start.recording, leg, track);
        }
    }

    pub(super) fn record_join(
        &mut self,
        now: Moment,
        recording: RecordingId,
        leg: LegId,
        side: Side,
    ) {
        if !self.recordings.contains_key(&recording) {
            return;
        }
        if let Some(track) = self.recorder.join(now, recording, leg, side) {
            self.record_leg(now, recording, leg, track);
        }
    }

    fn record_leg(&mut self, now: Moment, recording: RecordingId, leg: LegId, track: TrackIdx) {
        let idx = self.index_of(leg);
        let recorded = self.recordings.entry(recording).or_default();
        let Some(idx) = idx else {
            if recorded.far.iter().all(|&(far, _)| far != leg) {
                recorded.far.push((leg, track));
            }
            return;
        };
        if !recorded.here.contains(&leg) {
            recorded.here.push(leg);
            let standing = self.leg_mut(idx).expect("named legs stand");
            standing.tracks.push((recording, track));
            if standing.is_fax() {
                self.recorder.mark_fax(now, recording, true);
            }
        }
    }

    pub(super) fn record_leave(&mut self, now: Moment, recording: RecordingId, leg: LegId) {
        self.end_track(recording, leg);
        self.recorder.leave(now, recording, leg);
        if let Some(recorded) = self.recordings.get_mut(&recording) {
            recorded.here.retain(|&here| here != leg);
            recorded.far.retain(|&(far, _)| far != leg);
        }
    }

    /// A leg stands in a recording no longer; what its track lost until now is the leg's figure.
    fn end_track(&mut self, recording: RecordingId, leg: LegId) {
        let Some(idx) = self.index_of(leg) else { return };
        let Some(leg) = self.legs[idx.index()].leg.as_deref_mut() else { return };
        for (_, track) in leg.tracks.extract_if(.., |&mut (standing, _)| standing == recording) {
            leg.counts.recorder_frames_lost += self.recorder.frames_lost_of(track);
        }
    }

    pub(super) fn record_stop(&mut self, now: Moment, recording: RecordingId) {
        if let Some(recorded) = self.recordings.remove(&recording) {
            recorded.here.into_iter().for_each(|leg| self.end_track(recording, leg));
        }
        self.recorder.stop(now, recording);
    }

    pub(super) fn leave_recordings(&mut self, now: Moment, idx: LegIdx) {
        let Some(leg) = self.leg(idx) else { return };
        let id = leg.id;
        for recording in leg.tracks.iter().map(|&(recording, _)| recording).collect::<Vec<_>>() {
            self.end_track(recording, id);
            self.recorder.leave(now, recording, id);
            if let Some(recorded) = self.recordings.get_mut(&recording) {
                recorded.here.retain(|&here| here != id);
            }
        }
    }

    /// The shards, one bit each, whose recordings want what this leg says.
    pub fn set_taps(&mut self, leg: LegId, taps: u64) {
        if let Some(leg) = self.index_of(leg).and_then(|idx| self.leg_mut(idx)) {
            leg.taps = taps;
        }
    }

    /// Ends every recording and every leg: the core ends.
    pub fn close_all(&mut self, now: Moment) {
        let recordings: Vec<RecordingId> = self.recordings.keys().copied().collect();
        for recording in recordings {
            self.record_stop(now, recording);
        }
        let legs: Vec<LegId> = self.names.keys().copied().collect();
        for leg in legs {
            self.handle_command(now, Command::Release { leg });
        }
    }

    pub(super) fn tap(
        &mut self,
        now: Moment,
        idx: LegIdx,
        codec: Codec,
        header: &Header,
        payload: &[u8],
    ) {
        let Some(leg) = self.leg(idx) else { return };
        let mut tap = Tap {
            leg: leg.id,
            arrived: now,
            codec,
            header: *header,
            cores: leg.taps,
            len: payload.len().min(TAP_OCTETS_MAX) as u16,
            octets: [0; TAP_OCTETS_MAX],
        };
        tap.octets[..usize::from(tap.len)].copy_from_slice(&payload[..usize::from(tap.len)]);
        self.taps.push_back(tap);
    }

    /// A payload of a leg on another shard, for a recording of this one.
    pub fn handle_tap(&mut self, tap: &Tap) {
        for recorded in self.recordings.values() {
            for &(_, track) in recorded.far.iter().filter(|&&(leg, _)| leg == tap.leg) {
                let Header { time, seq, ssrc, .. } = tap.header;
                let payload = tap.payload();
                self.recorder.frame(tap.arrived, track, tap.codec, time, seq, ssrc, payload);
            }
        }
    }
}
