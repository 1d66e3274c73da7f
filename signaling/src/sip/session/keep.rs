//! What of a leg outlives the process: its dialog, or the phones that ring for it.

use super::adrift::Adrift;
use super::call_out::Branch;
use super::session_timer::SessionTimer;
use super::{Leg, Owner, Stage};
use crate::kept::octets;
use crate::sip::core::UserAgent;
use crate::sip::dialog::Dialog;
use crate::sip::flow::{Flow, Hop, ListenerId};
use crate::sip::registrar::Who;
use crate::sip::send::ClientMachine;
use crate::sip::trunk::TrunkKey;
use crate::switch::Now;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use terms::LegId;

/// CSeq numbers that are skipped: the last request may have left and not been kept.
const SEQ_AHEAD: u32 = 8;
/// Why a phone that rang is told to stop, Q.850: temporary failure.
const CAUSE_STOPPED: u8 = 41;

/// A dialog as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::sip) struct KeptDialog {
    dialog: Dialog,
    trunk: Option<TrunkKey>,
    isup: bool,
    phone: Option<Who>,
    hop: Hop,
    flow: Flow,
    adrift: bool,
    nat: bool,
    refers: u32,
    session_timer: Option<SessionTimer>,
    local_sdp: Option<String>,
    takes_update: bool,
    merge_key: Option<Box<[u8]>>,
}

/// One phone that rings.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::sip) struct Ringing {
    dialog: Dialog,
    hop: Hop,
    via_branch: String,
    #[serde(with = "octets")]
    invite: Vec<u8>,
}

impl Leg {
    /// The dialog as it is now.
    pub(in crate::sip) fn keep(&self) -> Option<KeptDialog> {
        Some(KeptDialog {
            dialog: self.dialog.clone()?,
            trunk: self.trunk,
            isup: self.isup,
            phone: self.phone,
            hop: self.hop.clone(),
            flow: self.flow,
            adrift: self.adrift.is_some(),
            nat: self.nat,
            refers: self.refers,
            session_timer: self.session_timer.clone(),
            local_sdp: self.local_sdp.clone(),
            takes_update: self.takes_update,
            merge_key: self.merge_key.clone(),
        })
    }

    /// The leg in the next process.
    pub(in crate::sip) fn restore(kept: KeptDialog) -> Self {
        let mut dialog = kept.dialog;
        dialog.local_seq = dialog.local_seq.saturating_add(SEQ_AHEAD);
        let connected = kept.flow.connection.is_some() || kept.hop.connection.is_some();
        let adrift = kept.adrift || connected && kept.phone.is_some();
        let flow = Flow { connection: None, ..kept.flow };
        let hop = Hop { connection: None, ..kept.hop };
        Leg {
            trunk: kept.trunk,
            isup: kept.isup,
            phone: kept.phone,
            dialog: Some(dialog),
            nat: kept.nat,
            refers: kept.refers,
            session_timer: kept.session_timer,
            local_sdp: kept.local_sdp,
            takes_update: kept.takes_update,
            merge_key: kept.merge_key,
            adrift: adrift.then(Adrift::default),
            ..Leg::new(Stage::Confirmed, flow, hop)
        }
    }

    /// Where its requests leave from.
    pub(in crate::sip) fn listener(&self) -> ListenerId {
        self.hop.listener.max(self.flow.listener)
    }

    /// Where its messages come from.
    pub(in crate::sip) fn source(&self) -> IpAddr {
        self.flow.remote.ip()
    }
}

impl UserAgent {
    /// A leg of before goes on: its tag, its place on a trunk, its timer.
    pub(in crate::sip) fn adopt(&mut self, id: LegId, leg: Leg) {
        if let Some(dialog) = &leg.dialog {
            self.tags.insert(dialog.local_tag.clone(), id);
        }
        if let Some(trunk) = leg.trunk.and_then(|key| self.trunks.get_mut(key)) {
            trunk.restore();
        }
        self.merging.extend(leg.merge_key.clone());
        self.legs.insert(id, leg);
        self.light(id);
        self.arm_leg(id);
    }

    pub(in crate::sip) fn keep_ringing(&self, leg: &Leg) -> Vec<Ringing> {
        let of = |id: &u64| {
            let branch = self.branches.get(id).filter(|branch| branch.pending)?;
            match self.clients.get(&branch.tx).map(|tx| &tx.machine) {
                Some(ClientMachine::Invite(machine)) => Some(Ringing {
                    dialog: branch.dialog.clone(),
                    hop: branch.hop.clone(),
                    via_branch: branch.via_branch.clone(),
                    invite: machine.request().to_vec(),
                }),
                Some(ClientMachine::Other(_)) | None => None,
            }
        };
        leg.branches.iter().filter_map(of).collect()
    }

    /// Sends the INVITE once more under its branch, which a phone takes for a repetition, and takes
    /// it back with the first response: whatever the phone says is answered as RFC 3261 wants it.
    pub(in crate::sip) fn stop_ringing(&mut self, now: Now, ringing: Vec<Ringing>) {
        for Ringing { dialog, mut hop, via_branch, invite } in ringing {
            if usize::from(hop.listener) >= self.config.listeners.len() {
                continue;
            }
            hop.connection = None;
            let id = self.number();
            let owner = Owner::Branch(id);
            let tx = self.start_client(now, hop.clone(), &via_branch, invite, owner);
            self.branches.insert(id, Branch::orphan(dialog, hop, via_branch, tx, CAUSE_STOPPED));
        }
    }
}
