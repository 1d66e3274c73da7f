//! Announcements in a room: mixed in for everybody there, whoever else speaks; what is said into a
//! conversation is one that a recording may have.

use super::Shard;
use crate::play::Refused;
use crate::room::{Announcement, Spoken};
use terms::media::{Codec, Event, Interject, PlayEnd, Source};
use terms::{Moment, PlaybackId, RoomId};

impl Shard {
    /// Everybody in the room hears this from now on, until it is over. Two who are relayed to each
    /// other hear the mix meanwhile.
    pub(super) fn announce(&mut self, now: Moment, id: RoomId, sources: Vec<Source>) {
        let Some(&index) = self.room_names.get(&id) else { return };
        match Announcement::new(sources, &self.prompts) {
            Ok(announcement) => {
                let room = self.rooms[index as usize].room.as_mut().expect("named rooms stand");
                room.announcement = Some(announcement).filter(|it| !it.is_over());
                self.arrange(now, index);
            }
            Err(refused) => {
                tracing::warn!(room = id.0, ?refused, "nothing is announced: no such prompt");
            }
        }
    }

    /// Something is said into a conversation.
    pub(super) fn interject(&mut self, now: Moment, order: &Interject) {
        let Some(&index) = self.room_names.get(&order.room) else { return };
        let (leg, playback) = (order.leg, order.playback.id);
        let end = match Announcement::of_talk(order, &self.prompts) {
            Ok(said) if !said.is_over() => {
                let room = self.rooms[index as usize].room.as_mut().expect("named rooms stand");
                room.announcement = Some(said);
                return self.arrange(now, index);
            }
            Ok(_) => PlayEnd::Finished,
            Err(Refused::Missing(name)) => PlayEnd::Missing(name),
        };
        self.events.push_back(Event::PlayDone { leg, playback, end });
    }

    /// No more of it.
    pub(super) fn stop_interject(&mut self, now: Moment, id: RoomId, playback: PlaybackId) {
        let Some(&index) = self.room_names.get(&id) else { return };
        let room = self.rooms[index as usize].room.as_mut().expect("named rooms stand");
        let named = |said: &Announcement| said.told().is_some_and(|(_, id)| id == playback);
        if room.announcement.take_if(|said| named(said)).is_some() {
            self.arrange(now, index);
        }
    }

    /// What was said goes where its voice is recorded.
    pub(super) fn record_spoken(&mut self, at: Moment, spoken: &Spoken) {
        let Spoken { voice, time, seq, ssrc, octets } = spoken;
        for recorded in self.recordings.values() {
            for track in recorded.tracks_of(*voice) {
                self.recorder.frame(at, track, Codec::Pcma, *time, *seq, *ssrc, octets);
            }
        }
    }
}
