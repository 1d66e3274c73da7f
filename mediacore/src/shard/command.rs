//! Commands: legs open and close, rooms fill and empty, playbacks and digits begin.

use super::{Alarm, PortOrder, RoomSlot, Shard, Slot};
use crate::leg::{Leg, LegIdx, quality};
use crate::play::{Player, Refused};
use crate::room::matrix::Seat;
use crate::room::{Bridge, FarShard, FarVoices, Room};
use crate::stream::Stream;
use rand::Rng;
use std::net::SocketAddr;
use terms::media::{Command, Event, PlayEnd, Playback, Port, Remote, RtpTime, Seek, SeqNo, Ssrc};
use terms::{LegId, Moment, PlaybackId, RoomId};

impl Shard {
    /// Does what signaling asks. A command for a leg that is gone changes nothing.
    pub fn handle_command(&mut self, now: Moment, command: Command) {
        use Command as C;
        match command {
            C::Open { leg, port, .. } => return self.open(now, leg, port),
            C::RecordStart(start) => return self.record_start(now, &start),
            C::RecordJoin { recording, leg, side } => {
                return self.record_join(now, recording, leg, side);
            }
            C::RecordLeave { recording, leg } => return self.record_leave(now, recording, leg),
            C::RecordPause { recording, by } => return self.recorder.pause(now, recording, by),
            C::RecordResume { recording, by } => return self.recorder.resume(now, recording, by),
            C::RecordStop { recording } => return self.record_stop(now, recording),
            C::Announce { room, sources } => return self.announce(now, room, sources),
            C::Interject(order) => return self.interject(now, &order),
            C::StopInterject { room, playback, .. } => {
                return self.stop_interject(now, room, playback);
            }
            C::FaxStart { leg, .. } => return self.start_fax(now, leg),
            C::Connect { .. }
            | C::Fax { .. }
            | C::Modem { .. }
            | C::FaxStop { .. }
            | C::BotKey { .. }
            | C::BotStop { .. }
            | C::Join { .. }
            | C::Audience { .. }
            | C::KeepDigits { .. }
            | C::Leave { .. }
            | C::Hold { .. }
            | C::Resume { .. }
            | C::Play { .. }
            | C::StopPlay { .. }
            | C::Seek { .. }
            | C::SendDigits { .. }
            | C::Measure { .. }
            | C::Watch { .. }
            | C::Release { .. } => {}
        }
        let Some(idx) = command.leg().and_then(|leg| self.index_of(leg)) else { return };
        self.claim(idx);
        let changes = !matches!(command, C::Play { .. } | C::StopPlay { .. } | C::Measure { .. });
        match command {
            C::Connect { remote, .. } => self.connect(now, idx, *remote),
            C::Fax { remote, .. } => self.fax(now, idx, &remote),
            C::Modem { .. } => self.become_modem(now, idx),
            C::FaxStop { .. } => self.stop_fax(idx),
            C::BotKey { key, .. } => self.tell_bot(idx, key),
            C::BotStop { .. } => self.stop_bot(idx),
            C::Join { room, .. } => self.join(now, idx, room),
            C::Audience { audience, .. } => self.set_audience(now, idx, audience),
            C::KeepDigits { kept, .. } => self.keep_digits(now, idx, kept),
            C::Leave { .. } => self.leave(now, idx),
            C::Hold { .. } => self.set_held(now, idx, true),
            C::Resume { .. } => self.set_held(now, idx, false),
            C::Play { playback, .. } => self.play(now, idx, &playback),
            C::StopPlay { playback, .. } => self.stop_play(idx, Some(playback), PlayEnd::Stopped),
            C::Seek { playback, to, .. } => self.seek(idx, playback, to),
            C::SendDigits { digits, .. } => self.send_digits(now, idx, &digits),
            C::Measure { leg } => self.measure(leg, idx),
            C::Watch { what, .. } => self.watch(now, idx, what),
            C::Release { .. } => self.release(now, idx),
            C::Open { .. }
            | C::FaxStart { .. }
            | C::Announce { .. }
            | C::Interject(_)
            | C::StopInterject { .. }
            | C::RecordStart(_)
            | C::RecordJoin { .. }
            | C::RecordLeave { .. }
            | C::RecordPause { .. }
            | C::RecordResume { .. }
            | C::RecordStop { .. } => {}
        }
        if changes {
            self.keep(idx);
        }
    }

    fn open(&mut self, now: Moment, id: LegId, port: Port) {
        let refusal = if self.names.contains_key(&id) {
            Some(format!("open leg {id}: it is open already"))
        } else if self.names.len() >= self.config.legs_max {
            Some(format!("open leg {id}: {} legs are open (rtp.legs_max)", self.names.len()))
        } else {
            None
        };
        if let Some(reason) = refusal {
            self.events.push_back(Event::OpenFailed { leg: id, reason });
            return;
        }
        let (ssrc, seq, time) = (self.rng.random(), self.rng.random::<u16>(), self.rng.random());
        // In the lower half, so that packets lost at the beginning hide no wrap from an encrypted
        // phone (RFC 3711 §3.3.1).
        let seq = seq & 0x7FFF;
        let stream = Stream::new(Ssrc(ssrc), SeqNo(seq), RtpTime(time));
        let index = self.legs_free.pop().unwrap_or_else(|| {
            self.legs.push(Slot { generation: 0, leg: None });
            (self.legs.len() - 1) as u32
        });
        let (door, order) = match port {
            Port::Own => (LegIdx(index), PortOrder::Reserve(LegIdx(index))),
            Port::Shared => (self.shared_door(), PortOrder::Share(LegIdx(index))),
        };
        self.seat(LegIdx(index), Box::new(Leg::new(now, id, door, stream)));
        self.ports.push_back(order);
    }

    /// Gives a new leg its place.
    pub(super) fn seat(&mut self, idx: LegIdx, leg: Box<Leg>) {
        self.names.insert(leg.id, idx);
        self.legs[idx.index()].leg = Some(leg);
        self.stats.legs_opened += 1;
    }

    /// The edge's answer to [`PortOrder::Reserve`] and [`PortOrder::Share`].
    pub fn port_reserved(&mut self, idx: LegIdx, local: Result<SocketAddr, String>) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let id = leg.id;
        match local {
            Ok(rtp) => {
                leg.local = Some(rtp);
                self.keep(idx);
                self.events.push_back(Event::Opened { leg: id, rtp });
            }
            Err(reason) => {
                self.free(idx, id);
                self.events.push_back(Event::OpenFailed { leg: id, reason });
            }
        }
    }

    pub(super) fn connect(&mut self, now: Moment, idx: LegIdx, remote: Remote) {
        self.end_fax(now, idx);
        let leg = self.leg_mut(idx).expect("looked up by the caller");
        let first = leg.agreed.is_none();
        leg.connect(now, remote);
        let plays = leg.is_busy();
        self.agree_ways(idx);
        self.secure(now, idx);
        self.open_ear(now, idx);
        self.set_filter(idx, None);
        if first {
            self.schedule_report(now, idx);
            self.watch_silence(now, idx);
        }
        if plays {
            self.start_frames(now, idx);
        }
        if let Some(room) = self.leg(idx).and_then(|leg| leg.room) {
            self.arrange(now, room);
        }
    }

    pub(super) fn join(&mut self, now: Moment, idx: LegIdx, id: RoomId) {
        let leg = self.leg(idx).expect("looked up by the caller");
        if leg.room.is_some() && leg.room == self.room_names.get(&id).copied() {
            return;
        }
        self.stop_fax(idx);
        self.stop_bot(idx);
        self.leave(now, idx);
        let Some(room) = self.room_or_new(id) else {
            tracing::warn!(room = id.0, "a leg stays outside: too many rooms (rtp.rooms_max)");
            return;
        };
        let standing = self.rooms[room as usize].room.as_mut().expect("a room was just made");
        if standing.members.len() >= self.config.room_legs_max {
            tracing::warn!(room = id.0, "a leg stays outside: the room is full (rtp.parties_max)");
            return;
        }
        standing.members.push(idx);
        let leg = self.leg_mut(idx).expect("looked up by the caller");
        leg.room = Some(room);
        leg.held = false;
        self.arrange(now, room);
    }

    /// The room of that name; `None` when there is none and one more would be too many.
    fn room_or_new(&mut self, id: RoomId) -> Option<u32> {
        let is_one_more = !self.room_names.contains_key(&id);
        if is_one_more && self.room_names.len() >= self.config.rooms_max {
            return None;
        }
        Some(self.room_begun(id))
    }

    /// The room of that name, which begins where there is none.
    fn room_begun(&mut self, id: RoomId) -> u32 {
        if let Some(&room) = self.room_names.get(&id) {
            return room;
        }
        let index = self.rooms_free.pop().unwrap_or_else(|| {
            self.rooms.push(RoomSlot { generation: 0, room: None });
            (self.rooms.len() - 1) as u32
        });
        self.rooms[index as usize].room = Some(Room::new(id));
        self.room_names.insert(id, index);
        index
    }

    pub(super) fn leave(&mut self, now: Moment, idx: LegIdx) {
        let leg = self.leg_mut(idx).expect("looked up by the caller");
        leg.held = false;
        leg.treated = false;
        self.set_digits_to(idx, None);
        let leg = self.leg_mut(idx).expect("looked up by the caller");
        let Some(room) = leg.room.take() else { return };
        self.set_seat(idx, Seat::EMPTY);
        let standing = self.rooms[room as usize].room.as_mut().expect("members keep a room alive");
        standing.members.retain(|&member| member != idx);
        self.close_if_empty(room);
        self.arrange(now, room);
    }

    fn close_if_empty(&mut self, room: u32) {
        let slot = &mut self.rooms[room as usize];
        let empty = |room: &Room| room.members.is_empty() && room.bridges.is_empty();
        if let Some(ended) = slot.room.take_if(|room| empty(room)) {
            slot.generation = slot.generation.wrapping_add(1);
            self.room_names.remove(&ended.id);
            self.rooms_free.push(room);
        }
    }

    /// The half of a room on another shard hears ours from now on, and has these voices. A bridge is
    /// told once, so the half here begins although there may be too many rooms for another leg.
    pub fn open_bridge(&mut self, now: Moment, id: RoomId, far: FarShard, voices: FarVoices) {
        let index = self.room_begun(id);
        let room = self.rooms[index as usize].room.as_mut().expect("a room was just made");
        match room.bridges.iter_mut().find(|bridge| bridge.far == far) {
            Some(bridge) => bridge.set_voices(voices),
            None => room.bridges.push(Bridge::new(far, voices)),
        }
        self.arrange(now, index);
    }

    /// The half of a room on another shard has ended.
    pub fn close_bridge(&mut self, now: Moment, id: RoomId, far: FarShard) {
        let Some(&index) = self.room_names.get(&id) else { return };
        let room = self.rooms[index as usize].room.as_mut().expect("named rooms stand");
        room.bridges.retain(|bridge| bridge.far != far);
        self.close_if_empty(index);
        self.arrange(now, index);
    }

    pub(super) fn set_held(&mut self, now: Moment, idx: LegIdx, held: bool) {
        let leg = self.leg_mut(idx).expect("looked up by the caller");
        let Some(room) = leg.room else { return };
        leg.held = held;
        self.arrange(now, room);
    }

    fn play(&mut self, now: Moment, idx: LegIdx, playback: &Playback) {
        if self.leg(idx).is_some_and(|leg| leg.machine.is_some()) {
            // A modem bears nothing beside it.
            return self.play_done(idx, playback.id, PlayEnd::Stopped);
        }
        // What plays follows a talk with a bot.
        self.stop_bot(idx);
        self.stop_play(idx, None, PlayEnd::Stopped);
        let player = match Player::new(playback, &self.prompts) {
            Ok(player) if player.is_finished() => {
                return self.play_done(idx, playback.id, PlayEnd::Finished);
            }
            Ok(player) => player,
            Err(Refused::Missing(name)) => {
                return self.play_done(idx, playback.id, PlayEnd::Missing(name));
            }
        };
        self.leg_mut(idx).expect("looked up by the caller").player = Some(player);
        self.start_frames(now, idx);
    }

    /// Moves in what plays, if it is still `wanted`.
    fn seek(&mut self, idx: LegIdx, wanted: PlaybackId, to: Seek) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let Some(player) = leg.player.as_mut().filter(|player| player.id() == wanted) else {
            return;
        };
        player.seek(to);
        if player.is_finished() {
            self.stop_play(idx, Some(wanted), PlayEnd::Finished);
        }
    }

    /// Stops what plays, or only `wanted`.
    pub(super) fn stop_play(&mut self, idx: LegIdx, wanted: Option<PlaybackId>, end: PlayEnd) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let stopped = leg.player.take_if(|player| wanted.is_none_or(|id| player.id() == id));
        if let Some(player) = stopped {
            self.play_done(idx, player.id(), end);
        }
    }

    pub(super) fn play_done(&mut self, idx: LegIdx, playback: PlaybackId, end: PlayEnd) {
        if let Some(leg) = self.leg(idx) {
            let leg = leg.id;
            self.events.push_back(Event::PlayDone { leg, playback, end });
        }
    }

    pub(super) fn send_digits(&mut self, now: Moment, idx: LegIdx, digits: &str) {
        let leg = self.leg_mut(idx).expect("looked up by the caller");
        let Some(agreed) = &leg.agreed else { return };
        let taken = match agreed.remote.send.dtmf {
            Some(_) => leg.sender.push(digits),
            None => leg.keypad.push(digits),
        };
        if taken > 0 {
            self.start_frames(now, idx);
        }
    }

    pub(super) fn release(&mut self, now: Moment, idx: LegIdx) {
        if let Some(digit) = self.leg_mut(idx).and_then(|leg| leg.digits.end()) {
            self.tell_digit(now, idx, digit);
        }
        let sounded = self.leg_mut(idx).and_then(|leg| leg.ear.as_mut()?.end());
        if let Some(digit) = sounded {
            self.tell_digit(now, idx, digit);
        }
        self.stop_play(idx, None, PlayEnd::Stopped);
        self.stop_fax(idx);
        self.stop_bot(idx);
        self.leave(now, idx);
        self.leave_recordings(now, idx);
        self.say_goodbye(now, idx);
        self.close_handshake(now, idx);
        self.close_ways(idx);
        let leg = self.leg(idx).expect("looked up by the caller");
        let (id, quality) = (leg.id, quality::quality(leg, &self.recorder));
        let has_own_port = leg.door == idx;
        self.stats.quality.add(&quality);
        if has_own_port {
            self.ports.push_back(PortOrder::Close(idx));
        }
        self.free(idx, id);
        self.events.push_back(Event::Released { leg: id, quality });
    }

    fn measure(&mut self, id: LegId, idx: LegIdx) {
        let leg = self.leg(idx).expect("looked up by the caller");
        let quality = quality::quality(leg, &self.recorder);
        self.events.push_back(Event::Measured { leg: id, quality });
    }

    fn free(&mut self, idx: LegIdx, id: LegId) {
        self.slots.clear(idx.index());
        let slot = &mut self.legs[idx.index()];
        slot.leg = None;
        slot.generation = slot.generation.wrapping_add(1);
        self.legs_free.push(idx.0);
        self.names.remove(&id);
        self.stats.legs_closed += 1;
    }

    pub(super) fn set_filter(&mut self, idx: LegIdx, filter: Option<SocketAddr>) {
        let Some(leg) = self.leg_mut(idx) else { return };
        if leg.filter != filter && leg.door == idx {
            leg.filter = filter;
            self.ports.push_back(PortOrder::Filter(idx, filter));
        }
    }

    pub(super) fn watch_silence(&mut self, now: Moment, idx: LegIdx) {
        self.set_alarm(idx, now + super::report::SILENCES[0], Alarm::Silence);
    }
}
