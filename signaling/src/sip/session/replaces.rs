//! INVITE with Replaces (RFC 3891): whoever has a dialog with us goes on in a new one. A phone takes
//! the place of another phone of its agent, and what comes over a trunk the place of what came or went
//! over it. A dialog of anybody else is replaced by nobody.
//!
//! What we ring at a phone of the same tenant may be taken before it answers, by its dialog or by the
//! name that those who watch the phone are told ([`crate::sip::lamps`]). Whether whoever asks may pick
//! up there is for the switch to say.

use super::Stage;
use super::call_out::Branch;
use crate::sip::core::UserAgent;
use crate::sip::header;
use crate::sip::lamps::{PICKUP, RINGS, Shown};
use crate::sip::message::{Message, Name};
use crate::sip::registrar::Who;
use crate::sip::trunk::TrunkKey;
use std::collections::BTreeMap;
use terms::LegId;

impl UserAgent {
    /// The leg whose place this INVITE of `trunk` or `phone` is to take; none where it names none.
    ///
    /// # Errors
    /// The status that refuses it (RFC 3891 §3): 400 for two dialogs at once, 481 for one that is not
    /// ours or that we have not answered, 403 for somebody else's, 486 for one that was to be replaced
    /// only before it is answered, 603 for one that is over.
    pub(super) fn replaced(
        &self,
        request: &Message,
        trunk: Option<TrunkKey>,
        phone: Option<Who>,
    ) -> Result<Option<LegId>, u16> {
        let mut named = request.all(Name::Replaces);
        let Some(dialog) = named.next() else { return Ok(None) };
        if named.next().is_some() || request.other("Join").is_some() {
            return Err(400);
        }
        let Some(leg) = self.leg_named(dialog) else {
            return self.ringing_replaced(dialog, phone).map(Some);
        };
        let state = self.legs.get(&leg).ok_or(481_u16)?;
        match state.stage {
            _ if (state.trunk, state.phone) != (trunk, phone) => Err(403),
            Stage::Incoming | Stage::Outgoing => Err(481),
            Stage::Closing(_) => Err(603),
            Stage::Confirmed if is_early_only(dialog) => Err(486),
            Stage::Confirmed => Ok(Some(leg)),
        }
    }

    fn ringing_replaced(&self, dialog: &[u8], phone: Option<Who>) -> Result<LegId, u16> {
        let leg = self.ringing_named(dialog).ok_or(481_u16)?;
        let rings_at = self.legs.get(&leg).and_then(|state| state.phone);
        let is_ours = |who: &Who| rings_at.is_some_and(|at| at.0 == who.0);
        phone.filter(is_ours).map(|_| leg).ok_or(403)
    }

    /// The leg that we ring and this names. Those that ring are looked through one by one: only who has
    /// proven who they are asks.
    fn ringing_named(&self, dialog: &[u8]) -> Option<LegId> {
        if let Some(leg) = self.shown_named(dialog) {
            let rings = self.legs.get(&leg).is_some_and(|leg| leg.stage == Stage::Outgoing);
            return rings.then_some(leg);
        }
        let (call_id, ours, theirs) = parts(dialog);
        let is_it = |branch: &&Branch| branch.is_early(call_id, ours, theirs);
        self.branches.values().find(is_it)?.leg
    }

    /// The leg that those who watch its phone know by this name.
    fn shown_named(&self, dialog: &[u8]) -> Option<LegId> {
        let (call_id, ours, theirs) = parts(dialog);
        let number = call_id.strip_prefix(PICKUP.as_bytes())?;
        let leg = LegId(std::str::from_utf8(number).ok()?.parse().ok()?);
        let tag = self.legs.get(&leg)?.pickup.as_ref()?;
        (tag.as_bytes() == ours && theirs == RINGS.as_bytes()).then_some(leg)
    }

    /// The leg whose conversation this INVITE of `phone` is to come into (Join, RFC 3911); none where it
    /// names none.
    ///
    /// # Errors
    /// The status that refuses it (§4): 481 for a dialog that is not ours or not answered, 403 for who is
    /// no phone of the same tenant, 603 for one that is over.
    pub(super) fn joined(
        &self,
        request: &Message,
        phone: Option<Who>,
    ) -> Result<Option<LegId>, u16> {
        let Some(dialog) = request.other("Join") else { return Ok(None) };
        let leg = self.leg_named(dialog).or_else(|| self.shown_named(dialog)).ok_or(481_u16)?;
        let state = self.legs.get(&leg).ok_or(481_u16)?;
        let of_trunk = state.trunk.map(|trunk| trunk.0);
        let tenant = state.phone.map(|who| who.0).or(of_trunk);
        match state.stage {
            _ if phone.is_none_or(|who| Some(who.0) != tenant) => Err(403),
            Stage::Incoming | Stage::Outgoing => Err(481),
            Stage::Closing(_) => Err(603),
            Stage::Confirmed => Ok(Some(leg)),
        }
    }

    /// By which tags those of these legs that ring may be taken, and those that talk be joined.
    pub(in crate::sip) fn pickup_names(
        &self,
        calls: &BTreeMap<LegId, Shown>,
    ) -> BTreeMap<LegId, String> {
        let named = |leg: &LegId| {
            let state = self.legs.get(leg)?;
            let shown = match state.stage {
                Stage::Outgoing => state.early,
                Stage::Confirmed => true,
                Stage::Incoming | Stage::Closing(_) => false,
            };
            Some((*leg, state.pickup.clone().filter(|_| shown)?))
        };
        calls.keys().filter_map(named).collect()
    }

    /// The leg whose dialog a Replaces value names: our tag is their `to-tag`.
    pub(super) fn leg_named(&self, dialog: &[u8]) -> Option<LegId> {
        let call_id = dialog.split(|&b| b == b';').next().map(header::trim).unwrap_or_default();
        let tag = |name| header::param(dialog, name).unwrap_or_default();
        let leg = self.tags.get(&*String::from_utf8_lossy(tag("to-tag"))).copied()?;
        let known = self.legs.get(&leg)?.dialog.as_ref()?;
        let is_it = known.call_id[..] == *call_id && known.remote_tag[..] == *tag("from-tag");
        is_it.then_some(leg)
    }
}

/// Only a dialog that is not answered yet is meant (RFC 3891 §7.1).
pub(super) fn is_early_only(dialog: &[u8]) -> bool {
    header::param(dialog, "early-only").is_some()
}

/// Call-ID, our tag and theirs of a value of Replaces or Join.
fn parts(dialog: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let call_id = dialog.split(|&b| b == b';').next().map(header::trim).unwrap_or_default();
    let tag = |name| header::param(dialog, name).unwrap_or_default();
    (call_id, tag("to-tag"), tag("from-tag"))
}
