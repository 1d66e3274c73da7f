//! The port that the WebRTC legs of a shard share. A check of ICE names its leg and proves that it
//! may; it opens a way, and everything else that comes that way is the leg's. What comes from
//! anywhere else is counted and forgotten, before any cipher runs.

use super::{Channel, Reason, Shard, Verdict};
use crate::ice::Ways;
use crate::latch::canonical;
use crate::leg::LegIdx;
use crate::stun::{ANSWER_BYTES_MAX, Request};
use std::collections::HashMap;
use std::net::SocketAddr;
use terms::Moment;
use terms::media::{Event, Failure};

/// Whose is what comes to the shared port. A leg has one name and at most
/// [`WAYS_MAX`](crate::ice::WAYS_MAX) ways.
#[derive(Debug, Default)]
pub(super) struct Shared {
    names: HashMap<String, LegIdx>,
    ways: HashMap<SocketAddr, LegIdx>,
}

impl Shard {
    /// The place of the shared sockets among those of the legs: the one after the last.
    pub fn shared_door(&self) -> LegIdx {
        LegIdx(u32::try_from(self.config.legs_max).unwrap_or(u32::MAX))
    }

    /// Takes what is no audio: checks, records of a handshake, reports that come where audio does
    /// (RFC 7983). Whose the rest is.
    pub(super) fn sort(
        &mut self,
        now: Moment,
        door: LegIdx,
        from: SocketAddr,
        bytes: &mut [u8],
    ) -> Result<LegIdx, Verdict> {
        let first = bytes.first().copied().unwrap_or(u8::MAX);
        let idx = if door != self.shared_door() {
            door
        } else if first < 4 {
            return Err(self.on_check(now, from, bytes));
        } else {
            let way = self.shared.ways.get(&canonical(from)).copied();
            way.ok_or_else(|| self.drop_packet(Reason::Strange))?
        };
        let Some(leg) = self.leg(idx).filter(|leg| leg.is_multiplexed()) else { return Ok(idx) };
        match (first, bytes.get(1).copied()) {
            (20..=63, _) => Err(self.on_record(now, idx, from, bytes)),
            // The numbers of RTCP, RFC 5761 §4.
            (128..=191, Some(192..=223)) if leg.has_rtcp_mux() => {
                self.handle_rtcp(now, idx, from, bytes);
                Err(Verdict::Consumed)
            }
            _ => Ok(idx),
        }
    }

    /// Somebody asks whether they reach us.
    fn on_check(&mut self, now: Moment, from: SocketAddr, bytes: &[u8]) -> Verdict {
        let from = canonical(from);
        let Ok(request) = Request::parse(bytes) else {
            return self.drop_packet(Reason::Malformed);
        };
        let named = self.shared.names.get(request.ufrag).copied();
        let slot = named.and_then(|idx| Some((idx, self.legs.get_mut(idx.index())?)));
        let Some((idx, leg)) = slot.and_then(|(idx, slot)| Some((idx, slot.leg.as_deref_mut()?)))
        else {
            return self.drop_packet(Reason::Strange);
        };
        let Some(ways) = &mut leg.ways else { return self.drop_packet(Reason::NotConnected) };
        let is_theirs = request.peer_ufrag == ways.agreed.peer_ufrag;
        if !is_theirs || !request.is_signed_with(&ways.agreed.pwd) {
            leg.counts.unauthenticated += 1;
            return self.drop_packet(Reason::Unauthenticated);
        }
        // The way of one leg is not taken over by another, whose party may have forged the source.
        if self.shared.ways.get(&from).is_some_and(|&owner| owner != idx) {
            leg.counts.strange += 1;
            return self.drop_packet(Reason::Strange);
        }
        let mut answer = [0; ANSWER_BYTES_MAX];
        let len = request.answer(from, &ways.agreed.pwd, &mut answer);
        let opened = ways.on_check(from, request.nominates);
        if let Some(latch) = leg.latch.as_mut().filter(|_| opened.carries) {
            latch.nominate(now, from);
        }
        if let Some(closed) = opened.closed {
            self.shared.ways.remove(&closed);
        }
        self.shared.ways.insert(from, idx);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&answer[..len]);
        self.stats.checks += 1;
        self.queue_at(self.shared_door(), Channel::Rtp, from, start, len);
        if opened.carries {
            self.keep(idx);
            self.start_handshake(now, idx);
        }
        Verdict::Consumed
    }

    /// The way that carried the audio of a leg before a kill does so again.
    pub(super) fn reopen_way(&mut self, now: Moment, idx: LegIdx, way: SocketAddr) {
        let way = canonical(way);
        let is_taken = self.shared.ways.contains_key(&way);
        let Some(leg) = self.leg_mut(idx).filter(|_| !is_taken) else { return };
        let (Some(ways), Some(latch)) = (&mut leg.ways, &mut leg.latch) else { return };
        ways.on_check(way, true);
        latch.nominate(now, way);
        self.shared.ways.insert(way, idx);
        self.start_handshake(now, idx);
    }

    /// Gives a leg the name that was agreed for it.
    pub(super) fn agree_ways(&mut self, idx: LegIdx) {
        let shared = self.shared_door();
        let Some(leg) = self.legs.get_mut(idx.index()).and_then(|slot| slot.leg.as_deref_mut())
        else {
            return;
        };
        let agreed = leg.agreed.as_ref().and_then(|agreed| agreed.remote.ice.clone());
        let Some(ice) = agreed.filter(|_| leg.door == shared) else {
            return self.close_ways(idx);
        };
        if self.shared.names.get(&ice.ufrag).is_some_and(|&owner| owner != idx) {
            // Names are random and long: this is no accident of ours.
            let leg = leg.id;
            self.events.push_back(Event::Failed { leg, why: Failure::Unreached });
            return self.close_ways(idx);
        }
        if let Some(ways) = &leg.ways {
            self.shared.names.remove(&ways.agreed.ufrag);
        }
        self.shared.names.insert(ice.ufrag.clone(), idx);
        match &mut leg.ways {
            Some(ways) => ways.agree(ice),
            none => *none = Some(Box::new(Ways::new(ice))),
        }
    }

    /// Forgets name and ways of a leg.
    pub(super) fn close_ways(&mut self, idx: LegIdx) {
        let Some(ways) = self.leg_mut(idx).and_then(|leg| leg.ways.take()) else { return };
        self.shared.names.remove(&ways.agreed.ufrag);
        for way in ways.open() {
            self.shared.ways.remove(way);
        }
    }

    /// Names and ways that are known, for tests of their limits.
    #[cfg(test)]
    pub(super) fn shared_sizes(&self) -> (usize, usize) {
        (self.shared.names.len(), self.shared.ways.len())
    }
}
