//! Legs: one INVITE dialog each, and what is under way in it. The state stands here, the verbs are
//! in the files below, one each.

mod adrift;
mod answer;
mod bye;
mod call_out;
mod cancel;
mod early;
mod forks;
mod info;
mod invite;
mod keep;
mod light;
mod options;
mod prack;
mod rebind;
mod refer;
mod refresh;
mod reinvite;
mod replaces;
mod session_timer;
mod sip_i;
mod update;
mod ways;

pub(super) use bye::Farewell;
pub(super) use call_out::Branch;
pub(super) use invite::{called, trunk_caller};
pub(super) use keep::{KeptDialog, Ringing};
pub(super) use options::Probes;
pub(super) use sip_i::{Answering, finish};

use super::core::UserAgent;
use super::dialog::Dialog;
use super::flow::{Flow, Hop};
use super::lamps::WatchId;
use super::message::Message;
use super::registrar::Who;
use super::timers::Waiting;
use super::transaction::earliest;
use super::trunk::TrunkKey;
use super::user_agent::Event;
use super::write::Builder;
use crate::switch::Now;
use adrift::{Adrift, Expected};
use answer::Answered;
use forks::RAck;
use prack::Reliable;
use refer::Refer;
use refresh::Refreshing;
use reinvite::Offering;
use session_timer::SessionTimer;
use std::net::SocketAddr;
use terms::{LegId, Moment, TextId};

/// Methods that we understand.
pub(super) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, UPDATE, PRACK, REFER, SUBSCRIBE, PUBLISH";
/// Extensions that we announce. Provisional answers are reliable where a peer wants it; we require it of
/// trunks that are set to it. A phone that registers over several connections is called over one.
pub(super) const SUPPORTED: &[&str] = &["timer", "replaces", "join", "100rel", "outbound"];

/// Q.850 causes that the core gives by itself.
pub(super) mod cause {
    pub(crate) const NORMAL: u8 = 16;
    pub(crate) const SUBSCRIBER_ABSENT: u8 = 20;
    pub(crate) const NO_ROUTE: u8 = 3;
    pub(crate) const CONGESTION: u8 = 42;
    pub(crate) const NOT_ACCEPTABLE: u8 = 88;
    pub(crate) const TIMER_EXPIRY: u8 = 102;
    pub(crate) const PROTOCOL: u8 = 111;
}

/// Who gets the answers to a request of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// An outgoing call's branch.
    Branch(u64),
    /// Our PRACK in one, and what it acknowledges.
    Prack(u64, RAck),
    /// Our re-INVITE.
    Reinvite(LegId),
    /// Our UPDATE that keeps the session alive.
    Refresh(LegId),
    /// Our OPTIONS that asks whether somebody is there.
    Probe(LegId),
    /// NOTIFY of a transfer.
    Notify(LegId),
    /// NOTIFY to a lamp.
    Lamp(WatchId),
    /// A trunk's REGISTER, at which of its servers where it has one at each.
    Register(TrunkKey, Option<SocketAddr>),
    /// OPTIONS to a trunk, to the server of it that is there.
    Health(TrunkKey, Option<SocketAddr>),
    /// Our BYE.
    Bye,
    /// A text on its way out.
    Text(TextId),
    /// Nobody: CANCEL, a PRACK or BYE with credentials, what was asked over a way that is gone. A challenge
    /// to these is never answered.
    Nobody,
}

/// How far a leg is, in the order of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Their INVITE waits for our answer.
    Incoming,
    /// Our INVITE waits for theirs.
    Outgoing,
    /// There is a dialog.
    Confirmed,
    /// The switch has let go of it; it waits for an ACK to say BYE.
    Closing(u8),
}

/// One leg.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) stage: Stage,
    /// Counts for this trunk's limits.
    trunk: Option<TrunkKey>,
    /// ISUP goes beside its descriptions.
    isup: bool,
    /// Whose phone it is, where it is an agent's.
    phone: Option<Who>,
    /// None while outgoing.
    pub(super) dialog: Option<Dialog>,
    /// Where its requests go.
    hop: Hop,
    /// Where its messages come from.
    flow: Flow,
    nat: bool,
    /// Their INVITE or re-INVITE that waits for our final answer.
    invite: Option<u64>,
    /// Its CSeq number, which its ACK repeats whatever came after it.
    invite_seq: u32,
    /// Their INVITE or re-INVITE had no offer.
    late: bool,
    /// Their UPDATE that waits for our answer.
    update: Option<u64>,
    /// Of an outgoing leg: the branch that it came in, the tag of who said it, and what it describes.
    update_early: Option<(u64, Box<[u8]>, String)>,
    /// Our 200, repeated until its ACK comes.
    answered: Option<Answered>,
    reliable: Option<Reliable>,
    offering: Offering,
    refer: Option<Refer>,
    /// REFERs so far: the second and later ones are named in NOTIFY.
    refers: u32,
    session_timer: Option<SessionTimer>,
    refreshing: Refreshing,
    /// What we said last, for refreshing.
    local_sdp: Option<String>,
    /// They understand UPDATE.
    takes_update: bool,
    /// It rings, before there is a dialog.
    early: bool,
    /// Of an incoming leg: tells copies of its INVITE.
    merge_key: Option<Box<[u8]>>,
    /// Of a leg of a phone of ours: the tag by which a colleague names it.
    pickup: Option<String>,
    /// Of an outgoing leg.
    branches: Vec<u64>,
    /// The best refusal so far of an outgoing leg.
    refusal: Option<(u16, u8)>,
    /// Of an outgoing leg: nothing was heard yet, and nothing is waited for after this.
    silent_until: Option<Moment>,
    /// Of a leg of before a kill: its phone has no connection.
    adrift: Option<Adrift>,
    /// Of an outgoing leg: the phone that it is for has none.
    expected: Option<Expected>,
}

impl Leg {
    fn new(stage: Stage, flow: Flow, hop: Hop) -> Self {
        Leg {
            stage,
            trunk: None,
            isup: false,
            phone: None,
            dialog: None,
            hop,
            flow,
            nat: false,
            invite: None,
            invite_seq: 0,
            late: false,
            update: None,
            update_early: None,
            answered: None,
            reliable: None,
            offering: Offering::default(),
            refer: None,
            refers: 0,
            session_timer: None,
            refreshing: Refreshing::default(),
            local_sdp: None,
            takes_update: false,
            early: false,
            merge_key: None,
            pickup: None,
            branches: Vec::new(),
            refusal: None,
            silent_until: None,
            adrift: None,
            expected: None,
        }
    }

    fn next_timeout(&self) -> Option<Moment> {
        let answered = self.answered.as_ref();
        let answered = answered.map(|answered| answered.repeat.at.min(answered.ends_at));
        let reliable = self.reliable.as_ref();
        let reliable = reliable.and_then(|r| r.ends_at.map(|ends_at| r.repeat.at.min(ends_at)));
        // It begins with the answer.
        let timer = self.session_timer.as_ref().filter(|_| self.stage != Stage::Incoming);
        let timer = timer.map(|timer| timer.at);
        let due = self.adrift.as_ref().and_then(|adrift| adrift.due_until);
        let expected = self.expected.as_ref().map(|expected| expected.until);
        let (retry, silent) = (self.offering.retry_at, self.silent_until);
        let waits = [answered, reliable, timer, retry, silent, due, expected];
        waits.into_iter().fold(None, earliest)
    }

    /// We began it: the Call-ID is ours.
    fn is_outgoing(&self) -> bool {
        self.merge_key.is_none()
    }

    /// An offer of either side is under way.
    fn is_negotiating(&self) -> bool {
        self.invite.is_some()
            || self.update.is_some()
            || self.answered.is_some()
            || self.offering.is_open()
    }
}

impl UserAgent {
    fn arm_leg(&mut self, leg: LegId) {
        let at = self.legs.get(&leg).and_then(Leg::next_timeout);
        self.timers.set(Waiting::Leg(leg), at);
    }

    pub(super) fn on_leg_timeout(&mut self, now: Now, leg: LegId) {
        self.repeat_answer(now, leg);
        self.repeat_reliable(now, leg);
        self.retry_offer(now, leg);
        self.on_session_timer(now, leg);
        self.give_up_silent(now, leg);
        self.give_up_adrift(now, leg);
        self.give_up_expected(now, leg);
        self.touch(leg);
        self.arm_leg(leg);
    }

    /// Forgets a leg: its tag, its timers, its place on a trunk.
    fn release(&mut self, leg: LegId) -> Option<Leg> {
        let gone = self.legs.remove(&leg)?;
        self.touch(leg);
        if let Some(who) = gone.phone {
            self.lamps.set(who, leg, None);
        }
        if let Some(dialog) = &gone.dialog {
            self.tags.remove(&dialog.local_tag);
        }
        if let Some(trunk) = gone.trunk {
            self.trunks.leave(trunk);
        }
        if let Some(key) = &gone.merge_key {
            self.merging.remove(key);
        }
        self.timers.set(Waiting::Leg(leg), None);
        Some(gone)
    }

    /// Forgets a leg and tells the switch, unless it let go before.
    fn end(&mut self, leg: LegId, cause: u8) -> Option<Leg> {
        let gone = self.release(leg)?;
        if !matches!(gone.stage, Stage::Closing(_)) {
            self.emit(Event::Ended { leg, cause });
        }
        Some(gone)
    }

    /// Sends a request in a leg's dialog.
    fn request(
        &mut self,
        now: Now,
        leg: LegId,
        method: &str,
        owner: Owner,
        build: impl FnOnce(&mut Builder),
        body: (&str, impl AsRef<[u8]>),
    ) -> Option<u64> {
        self.touch(leg);
        let branch = format!("z9hG4bK{}", self.token());
        let state = self.legs.get(&leg)?;
        let hop = state.hop.clone();
        let seen = self.seen(&hop, Some(state.flow.remote));
        let dialog = self.legs.get_mut(&leg)?.dialog.as_mut()?;
        let mut builder = dialog.request(method, &seen.via(&branch), None);
        self.dialog_headers(&mut builder, &seen);
        build(&mut builder);
        match builder.finish(body.0, body.1.as_ref()) {
            Ok(bytes) => Some(self.start_client(now, hop, &branch, bytes, owner)),
            Err(error) => {
                tracing::error!(%error, %leg, method, "a request was not built");
                None
            }
        }
    }

    /// A response to a request of ours that is not a repetition.
    pub(super) fn on_owned_response(
        &mut self,
        now: Now,
        flow: Flow,
        tx: u64,
        owner: Owner,
        response: &Message,
    ) {
        if let Owner::Reinvite(leg) | Owner::Refresh(leg) = owner {
            self.touch(leg);
            self.on_flow(now, leg, flow);
        }
        match owner {
            Owner::Branch(branch) => self.on_branch_response(now, flow, branch, response),
            Owner::Prack(branch, rack) => {
                self.on_prack_response(now, flow, (branch, rack), response);
            }
            Owner::Reinvite(leg) => self.on_reinvite_response(now, leg, tx, response),
            Owner::Refresh(leg) => self.on_refresh_response(now, leg, response),
            Owner::Probe(leg) => self.on_probe_response(now, leg, response.status()),
            Owner::Notify(leg) => self.on_notify_response(leg, response.status()),
            Owner::Lamp(id) => self.on_lamp_response(id, response.status()),
            Owner::Register(key, server) => self.on_register_response(now, key, server, response),
            Owner::Health(key, server) => {
                self.on_health_response(now, key, server, response.status());
            }
            Owner::Bye => self.on_bye_response(now, tx, response),
            Owner::Text(id) => self.on_text_response(now, id, response),
            Owner::Nobody => {}
        }
    }

    /// A request of ours stayed without answer.
    pub(super) fn on_owned_failed(&mut self, now: Now, owner: Owner, status: u16) {
        match owner {
            Owner::Branch(branch) if self.rings_next_flow(now, branch) => {}
            Owner::Branch(branch) => self.on_branch_failed(now, branch, status, None),
            Owner::Reinvite(leg) => self.on_reinvite_failed(now, leg, status),
            Owner::Refresh(leg) => self.on_refresh_failed(now, leg, status),
            Owner::Probe(leg) => self.on_nobody_there(now, leg),
            Owner::Notify(leg) => self.on_notify_response(leg, status),
            Owner::Lamp(id) => self.on_lamp_failed(id),
            Owner::Register(key, server) => self.on_register_failed(now, key, server),
            Owner::Health(key, server) => self.on_health_failed(now, key, server),
            Owner::Text(id) => self.on_text_failed(now, id, status),
            Owner::Prack(..) | Owner::Bye | Owner::Nobody => {}
        }
    }

    /// The transaction is over: nothing more will come for its owner.
    pub(super) fn on_owned_over(&mut self, owner: Owner) {
        if let Owner::Branch(branch) = owner {
            self.drop_branch(branch);
        }
    }
}

/// Q.850 cause of a SIP status, RFC 3398 §8.2.6.1.
pub(super) fn cause_of(status: u16) -> u8 {
    match status {
        404 | 484 | 485 | 604 => match status {
            484 => 28,
            _ => 1,
        },
        401 | 402 | 403 | 407 | 603 | 607 => 21,
        405 => 63,
        406 | 415 | 501 => 79,
        408 | 504 => 102,
        410 => 22,
        413 | 414 | 416 | 420 | 421 | 423 | 505 | 513 => 127,
        480 => 18,
        482 | 483 => 25,
        486 | 600 => 17,
        487 => 16,
        488 | 606 => 88,
        502 => 38,
        _ => 41,
    }
}

/// The refusal that says a Q.850 cause, RFC 3398 §7.2.4.1.
fn status_of(cause: u8) -> u16 {
    match cause {
        1..=3 => 404,
        17 => 486,
        21 => 403,
        22 => 410,
        27 => 502,
        28 => 484,
        34 | 38 | 41 | 42 | 47 => 503,
        65 | 70 | 88 => 488,
        102 => 504,
        _ => 480,
    }
}

/// `Q.850;cause=16`. A phone that is told of an answer elsewhere lists no missed call; some read the
/// SIP form alone (RFC 3326 §3.1).
fn reason(cause: u8) -> String {
    match cause {
        26 => "SIP;cause=200;text=\"Call completed elsewhere\", Q.850;cause=26".to_owned(),
        _ => format!("Q.850;cause={cause}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_and_refusals_agree() {
        for (status, cause) in [(486, 17), (404, 1), (503, 41), (488, 88), (480, 18)] {
            assert_eq!((cause_of(status), status_of(cause)), (cause, status));
        }
    }

    /// RFC 3398 §8.2.6.1 and §7.2.4.1: more digits are wanted, and nobody says that there is no such
    /// number.
    #[test]
    fn a_number_that_is_too_short_is_incomplete_both_ways_and_not_unknown() {
        assert_eq!((cause_of(484), status_of(28)), (28, 484));
        assert_eq!([404, 485, 604].map(cause_of), [1; 3]);
    }
}
