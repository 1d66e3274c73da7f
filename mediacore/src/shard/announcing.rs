//! Announcements in a room: mixed in for everybody there, whoever else speaks.

use super::Shard;
use crate::room::Announcement;
use terms::media::Source;
use terms::{Moment, RoomId};

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
}
