//! A machine of ours that speaks T.38: its packets leave at once, in the datagrams that [`Outbox`]
//! makes, and what comes is taken apart here ([`Inbox`]), so that the library in C sees packets
//! alone. The grid of its sound goes on as a beat, by which it knows the time.
//!
//! It begins where its sound ended: T.30 starts anew by packets, as gateways expect that change
//! when they hear the first signal of a machine. What it spoke in sound is not gone back to; when
//! audio is agreed again it hangs up.

use super::{FaxHeard, FaxOut};
use crate::leg::LegIdx;
use crate::shard::fax::is_reachable;
use crate::shard::{Channel, Shard};
use crate::udptl::Door;
use crate::udptl::stream::{Inbox, Outbox};
use terms::media::FaxTerms;
use terms::{LegId, Moment};

/// Copies of a datagram, at most.
const COPIES_MAX: u8 = 4;

/// The two ways of a machine that speaks T.38.
#[derive(Debug)]
pub(super) struct Packets {
    inbox: Inbox,
    outbox: Outbox,
}

impl Shard {
    /// The machine of a leg, if one has it, speaks T.38 from now on, or goes on by other terms.
    pub(in crate::shard) fn speak_packets(&mut self, idx: LegIdx, terms: &FaxTerms) {
        let Some(leg) = self.leg_mut(idx) else { return };
        let id = leg.id;
        let Some(machine) = &mut leg.machine else { return };
        if let Some(packets) = &mut machine.packets {
            return packets.outbox.agree(terms);
        }
        let (inbox, outbox) = (Inbox::default(), Outbox::new(terms));
        machine.packets = Some(Box::new(Packets { inbox, outbox }));
        machine.waiting.clear();
        self.faxes.push_back(FaxOut::Heard(id, FaxHeard::Agreed(*terms)));
    }

    /// Audio was agreed again: a machine that spoke T.38 hangs up.
    pub(in crate::shard) fn end_packets(&mut self, idx: LegIdx) {
        let machine = self.leg(idx).and_then(|leg| leg.machine.as_ref());
        if machine.is_some_and(|machine| machine.packets.is_some()) {
            self.stop_fax(idx);
        }
    }

    /// A well-formed datagram of the accepted source. False where it is no machine of ours that
    /// hears it.
    pub(in crate::shard) fn hear_packets(
        &mut self,
        now: Moment,
        idx: LegIdx,
        datagram: &[u8],
    ) -> bool {
        let Some(leg) = self.leg_mut(idx) else { return false };
        let machine = leg.machine.as_mut();
        let Some(packets) = machine.and_then(|machine| machine.packets.as_mut()) else {
            return false;
        };
        let came = packets.inbox.take(datagram);
        leg.on_heard(now);
        let id = leg.id;
        let heard = |(seq, octets)| FaxOut::Heard(id, FaxHeard::Packet(seq, octets));
        self.faxes.extend(came.into_iter().map(heard));
        true
    }

    /// What the machine of a leg says next, as a packet of T.38.
    pub fn say_packet(&mut self, id: LegId, octets: &[u8], copies: u8) {
        let Some(idx) = self.index_of(id) else { return };
        let Some(leg) = self.leg_mut(idx) else { return };
        let Some(to) = leg.fax_door().map(Door::target) else { return };
        let machine = leg.machine.as_mut();
        let Some(packets) = machine.and_then(|machine| machine.packets.as_mut()) else { return };
        let datagram = packets.outbox.datagram(octets);
        if !is_reachable(to) {
            return;
        }
        let copies = copies.clamp(1, COPIES_MAX);
        leg.fax.get_or_insert_default().counts.sent += u64::from(copies);
        for _ in 0..copies {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(&datagram);
            self.queue(idx, Channel::Rtp, to, start, datagram.len());
        }
    }
}
