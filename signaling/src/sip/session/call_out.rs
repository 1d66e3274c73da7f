//! Our INVITE: to all phones of an agent at once or through a trunk (RFC 3261 §13.2). Each try is a
//! branch with a dialog of its own. The first answer wins; every other 2xx, forked ones included,
//! is acknowledged and ended with BYE, because its sender would ring or talk on otherwise.

use super::forks::Fork;
use super::session_timer::Wanted;
use super::ways::Way;
use super::{Leg, Owner, Stage, cause, cause_of, sip_i};
use crate::sip::core::UserAgent;
use crate::sip::dialog::Dialog;
use crate::sip::digest;
use crate::sip::flow::{Flow, Hop, Host, Seen, Transport};
use crate::sip::header;
use crate::sip::message::{Message, Name};
use crate::sip::send::DATAGRAM_BYTES_MAX;
use crate::sip::trunk::{NOBODY, Trunk, TrunkKey};
use crate::sip::uri::escape_user;
use crate::sip::user_agent::{Destination, Early, Event, Invite};
use crate::sip::write::{Builder, Injection, quoted};
use crate::switch::Now;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use terms::LegId;

/// Most different 2xx to one INVITE that are acknowledged.
pub(super) const FORKS_MAX: usize = 8;
/// Bytes of an INVITE without its description and extra headers, for choosing the transport.
const HEAD_BYTES: usize = 750;

/// One try of an outgoing leg.
#[derive(Debug)]
pub(in crate::sip) struct Branch {
    /// None once the leg is gone or another branch has won.
    pub(super) leg: Option<LegId>,
    pub(super) dialog: Dialog,
    pub(super) hop: Hop,
    pub(super) nat: bool,
    pub(super) trunk: Option<TrunkKey>,
    /// Another flow of the phone that is called.
    next: Option<Box<Way>>,
    /// What was asked for, until it is answered.
    invite: Option<Arc<Invite>>,
    /// The transaction that is under way.
    pub(super) tx: u64,
    pub(super) via_branch: String,
    /// No final response yet.
    pub(super) pending: bool,
    pub(super) wants_cancel: Option<u8>,
    pub(super) cancelled: bool,
    pub(super) challenged: bool,
    pub(super) session: Wanted,
    /// The tag of the phone that rings.
    pub(super) rings: Option<Box<[u8]>>,
    /// The last description before the answer, and the tag of who said it.
    pub(super) early: Option<(Box<[u8]>, String)>,
    /// Who has said something reliably before the answer.
    pub(super) forks: Vec<Fork>,
    /// Answers that were acknowledged: their repetitions get the same ACK.
    acks: Vec<Acknowledged>,
}

impl Branch {
    /// A try of before a restart, of no leg: it is taken back for this cause.
    pub(super) fn orphan(
        dialog: Dialog,
        hop: Hop,
        via_branch: String,
        tx: u64,
        cause: u8,
    ) -> Branch {
        Branch {
            leg: None,
            dialog,
            hop,
            nat: false,
            trunk: None,
            next: None,
            invite: None,
            tx,
            via_branch,
            pending: true,
            wants_cancel: Some(cause),
            cancelled: false,
            // What is taken back is not asked for again with a password.
            challenged: true,
            session: Wanted::default(),
            rings: None,
            early: None,
            forks: Vec::new(),
            acks: Vec::new(),
        }
    }

    /// It has its final response: what only the INVITE needed goes. The leg that was waiting for it.
    fn settle(&mut self) -> Option<LegId> {
        (self.pending, self.invite, self.via_branch) = (false, None, String::new());
        self.early = None;
        self.leg.take()
    }

    /// It rings, and is the dialog that these name: our tag, and that of the phone.
    pub(super) fn is_early(&self, call_id: &[u8], ours: &[u8], theirs: &[u8]) -> bool {
        self.pending
            && self.rings.as_deref() == Some(theirs)
            && self.dialog.local_tag.as_bytes() == ours
            && self.dialog.call_id[..] == *call_id
    }

    /// What an answer describes. Some gateways do so before it alone, against RFC 3261 §13.2.1.
    fn described(&self, response: &Message) -> Option<String> {
        let same =
            |(tag, _): &&(Box<[u8]>, String)| response.to_tag().unwrap_or_default() == &tag[..];
        let early = || self.early.as_ref().filter(same).map(|(_, sdp)| sdp.clone());
        response.sdp().or_else(early)
    }
}

/// A 2xx that was acknowledged.
#[derive(Debug)]
struct Acknowledged {
    tag: Box<[u8]>,
    hop: Hop,
    ack: Arc<[u8]>,
}

impl UserAgent {
    pub(in crate::sip) fn invite(&mut self, now: Now, invite: Invite) {
        let leg = invite.leg;
        if self.legs.len() >= self.config.dialogs_max || self.legs.contains_key(&leg) {
            return self.emit(Event::Failed { leg, status: 503, cause: cause::CONGESTION });
        }
        let (ways, trunk) = match self.ways(now, &invite) {
            Ok(ways) => ways,
            Err(_) if self.expects_phone(&invite) => return self.expect_phone(now, invite),
            Err((status, cause)) => return self.emit(Event::Failed { leg, status, cause }),
        };
        let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let (flow, hop) = match ways.first() {
            Some(way) => (Flow::udp(way.hop.listener, nobody), way.hop.clone()),
            None => return,
        };
        let mut state = Leg::new(Stage::Outgoing, flow, hop);
        (state.trunk, state.isup) = (trunk, self.speaks_isup(trunk));
        state.phone = match invite.to {
            Destination::Agent(tenant, agent) => Some((tenant, agent)),
            Destination::Trunk(..) => None,
        };
        state.pickup = state.phone.map(|_| self.token());
        let other_server = ways.first().is_some_and(|way| self.has_other_server(&way.hop));
        let other = invite.other_way || other_server;
        state.silent_until = other.then(|| now.moment + self.config.silence_max);
        self.legs.insert(leg, state);
        self.light(leg);
        self.arm_leg(leg);
        self.count("calls_out");
        self.ring(now, leg, invite, ways);
    }

    /// Calls all of them for a leg.
    pub(super) fn ring(&mut self, now: Now, leg: LegId, invite: Invite, ways: Vec<Way>) {
        if let (Some(state), Some(way)) = (self.legs.get_mut(&leg), ways.first()) {
            state.hop = way.hop.clone();
        }
        let invite = Arc::new(invite);
        for way in ways {
            if let Err(error) = self.open_branch(now, leg, &invite, way) {
                tracing::error!(%error, %leg, "an INVITE was not built");
            }
        }
        if self.legs.get(&leg).is_some_and(|leg| leg.branches.is_empty()) {
            self.release(leg);
            self.emit(Event::Failed { leg, status: 400, cause: cause::PROTOCOL });
        }
    }

    fn open_branch(
        &mut self,
        now: Now,
        leg: LegId,
        invite: &Arc<Invite>,
        way: Way,
    ) -> Result<(), Injection> {
        let trunk = way.trunk.and_then(|key| self.trunks.get(key));
        let server = match way.hop.host {
            Host::Address(address) => Some(address),
            Host::Name(..) => None,
        };
        let routes = trunk.map(|trunk| trunk.registrations.routes(server)).unwrap_or_default();
        let withheld = trunk.is_some_and(Trunk::withholds);
        let reliable = trunk.is_some_and(|trunk| trunk.plan.requires_prack);
        let extra: usize = invite.headers.iter().map(|(n, v)| n.len() + v.len() + 4).sum();
        let isup = trunk.map_or(0, |trunk| if trunk.plan.sip_i { sip_i::BYTES } else { 0 });
        let extra = extra + isup + routes.iter().map(Vec::len).sum::<usize>();
        let long = HEAD_BYTES + invite.sdp.len() + extra > DATAGRAM_BYTES_MAX;
        let stream = (long && way.hop.transport == Transport::Udp)
            .then(|| self.stream_to(&way.hop))
            .flatten();
        let hop = stream.unwrap_or(way.hop);
        let domain = way.domain.unwrap_or_else(|| self.seen(&hop, None).address.to_string());
        let user = escape_user(&invite.from_user);
        let name = if invite.from_name.is_empty() {
            String::new()
        } else {
            format!("{} ", quoted(&invite.from_name))
        };
        let local = match withheld {
            true => NOBODY.to_owned(),
            false => format!("{name}<sip:{user}@{domain}>"),
        };
        let remote = [b"<", &way.target[..], b">"].concat();
        let call_id = format!("{}{}", self.token(), self.token());
        let tag = self.token();
        let dialog = Dialog::outgoing(call_id, tag, local.into_bytes(), remote, way.target, 0)
            .through(routes);
        let id = self.number();
        let branch = Branch {
            leg: Some(leg),
            dialog,
            hop,
            nat: way.nat,
            trunk: way.trunk,
            next: way.next,
            invite: Some(invite.clone()),
            tx: 0,
            via_branch: String::new(),
            pending: true,
            wants_cancel: None,
            cancelled: false,
            challenged: false,
            session: Wanted::new(self.config.session_expires_s, reliable),
            rings: None,
            early: None,
            forks: Vec::new(),
            acks: Vec::new(),
        };
        self.early_tags.insert(branch.dialog.local_tag.clone(), id);
        self.branches.insert(id, branch);
        if let Err(error) = self.send_invite(now, id, None) {
            self.drop_branch(id);
            return Err(error);
        }
        if let Some(state) = self.legs.get_mut(&leg) {
            state.branches.push(id);
        }
        Ok(())
    }

    /// Sends the branch's INVITE with the next CSeq.
    pub(super) fn send_invite(
        &mut self,
        now: Now,
        id: u64,
        authorization: Option<(&str, &str)>,
    ) -> Result<(), Injection> {
        let via_branch = format!("z9hG4bK{}", self.token());
        let Some(branch) = self.branches.get(&id) else { return Ok(()) };
        let (hop, Some(invite)) = (branch.hop.clone(), branch.invite.clone()) else {
            return Ok(());
        };
        let (seen, media) = (self.seen(&hop, None), self.media_told(&hop));
        let trunk = branch.trunk.and_then(|key| self.trunks.get(key));
        let host = seen.address.to_string();
        let identity = trunk.map(|trunk| trunk.identity(&invite.from_user, &host));
        let hides = trunk.is_some_and(Trunk::hides);
        let withholds = trunk.is_some_and(Trunk::withholds);
        let isup = branch.trunk.and_then(|key| self.address_for(key, &invite));
        let Some(branch) = self.branches.get_mut(&id) else { return Ok(()) };
        branch.forks.clear();
        let session = branch.session.headers();
        let (via, servers) = (seen.via(&via_branch), invite.servers_max());
        let mut builder = branch.dialog.request_within("INVITE", &via, None, servers);
        self.dialog_headers(&mut builder, &seen);
        for (name, value) in &session {
            builder.header(name, value);
        }
        if let Some((name, value)) = authorization {
            builder.header(name, value);
        }
        let tells_history = invite.headers.iter().any(|(name, _)| name == "History-Info");
        for (name, mut value) in identity.unwrap_or_default() {
            if name == "Privacy" && tells_history && !hides {
                // `id` is of who calls alone (RFC 7044 §10.1).
                value.push_str(";history");
            }
            builder.header(name, value);
        }
        extra_headers(&mut builder, &invite, hides, withholds);
        let bytes = sip_i::finish(builder, invite.sdp_at(media), isup)?;
        let tx = self.start_client(now, hop, &via_branch, bytes, Owner::Branch(id));
        if let Some(branch) = self.branches.get_mut(&id) {
            branch.tx = tx;
            branch.via_branch = via_branch;
            if let Some(leg) = branch.leg {
                self.touch(leg);
            }
        }
        Ok(())
    }

    pub(super) fn on_branch_response(&mut self, now: Now, flow: Flow, id: u64, response: &Message) {
        self.on_branch_heard(id);
        let trunk = self.branches.get(&id).and_then(|branch| branch.trunk);
        if let Some(key) = trunk {
            self.on_trunk_heard(now, key, response.status());
        }
        match response.status() {
            100..200 => self.on_branch_progress(now, flow, id, response),
            200..300 => self.on_branch_answer(now, flow, id, response),
            401 | 407 if self.answer_challenge(now, id, response) => {}
            422 if self.ask_longer(now, id, response) => {}
            408 | 430 if self.rings_next_flow(now, id) => {}
            status => {
                if let Some(key) = trunk {
                    self.on_trunk_refused(now, key, response);
                    // It cannot, or what lies behind it is silent: its other servers may do better.
                    if matches!(status, 408 | 503) {
                        self.branch_server_failed(now, id);
                    }
                }
                let cause = self.cause_said(response, trunk);
                self.on_branch_failed(now, id, status, cause);
            }
        }
    }

    /// Whatever it says, it is there.
    fn on_branch_heard(&mut self, id: u64) {
        if let Some(leg) = self.branches.get(&id).and_then(|branch| branch.leg)
            && let Some(state) = self.legs.get_mut(&leg)
            && state.silent_until.take().is_some()
        {
            self.arm_leg(leg);
        }
    }

    /// Nothing was heard for too long: the leg fails. What is said later is taken back, so that nobody
    /// rings for a call that goes another way.
    pub(super) fn give_up_silent(&mut self, now: Now, leg: LegId) {
        let due = |state: &Leg| state.silent_until.is_some_and(|until| until <= now.moment);
        if self.legs.get(&leg).is_some_and(due) {
            let branch = self.legs.get(&leg).and_then(|state| state.branches.first().copied());
            if let Some(id) = branch {
                self.branch_server_failed(now, id);
                if self.calls_next_server(now, id) {
                    return self.cancel_branch(now, id, cause::NORMAL);
                }
            }
            let invite = branch.and_then(|id| self.branches.get(&id)?.invite.clone());
            if invite.is_some_and(|invite| !invite.other_way) {
                // There is nowhere else to go: it has as long as any call.
                if let Some(state) = self.legs.get_mut(&leg) {
                    state.silent_until = None;
                }
                return self.arm_leg(leg);
            }
            self.count("trunks_silent");
            self.drop_outgoing(now, leg, None);
            self.emit(Event::Failed { leg, status: 408, cause: cause::TIMER_EXPIRY });
        }
    }

    fn on_branch_progress(&mut self, now: Now, flow: Flow, id: u64, response: &Message) {
        let trunk = self.branches.get(&id).and_then(|branch| branch.trunk);
        let status = match response.status() {
            183 if self.says_ringing(response, trunk) => 180,
            status => status,
        };
        let Some(branch) = self.branches.get_mut(&id) else { return };
        if branch.wants_cancel.is_some() {
            return self.send_cancel(now, id);
        }
        if !self.is_in_order(now, flow, id, response) {
            return;
        }
        let Some(branch) = self.branches.get_mut(&id) else { return };
        let early = response.sdp().map(|sdp| {
            branch.early = Some((response.to_tag().unwrap_or_default().into(), sdp.clone()));
            let nat = branch.nat || has_private_contact(response, &flow);
            let encrypted = flow.transport.is_encrypted();
            Box::new(Early { sdp, source: flow.remote, encrypted, nat })
        });
        if let (Some(leg), 180..=183) = (branch.leg, status) {
            branch.rings = response.to_tag().map(Into::into);
            if let Some(state) = self.legs.get_mut(&leg) {
                state.early = true;
            }
            self.light(leg);
            self.emit(Event::Progress { leg, status, early });
        }
    }

    fn on_branch_answer(&mut self, now: Now, flow: Flow, id: u64, response: &Message) {
        let tag: Box<[u8]> = response.to_tag().unwrap_or_default().into();
        let Some(branch) = self.branches.get(&id) else { return };
        if let Some(seen) = branch.acks.iter().find(|seen| seen.tag == tag) {
            let (hop, ack) = (seen.hop.clone(), seen.ack.clone());
            return self.transmit(hop, ack, None);
        }
        if branch.acks.len() >= FORKS_MAX {
            return self.count("forks_unanswered");
        }
        let mut dialog = branch.dialog.with_response(response);
        let seq = branch.seq_toward(&tag);
        let nat = branch.nat || has_private_contact(response, &flow);
        let hop =
            self.hop_to(dialog.next_hop(), flow, nat && !dialog.has_routes()).of(branch.trunk);
        let seen = self.seen(&hop, Some(flow.remote));
        self.acknowledge(id, tag, &mut dialog, &hop, seen);
        dialog.local_seq = dialog.local_seq.max(seq);
        let offered = self.offered(id);
        let Some(branch) = self.branches.get_mut(&id) else { return };
        let sdp = branch.described(response);
        let winner = branch.settle();
        match (winner, sdp) {
            (Some(leg), Some(sdp)) => {
                self.win(now, leg, dialog, hop, flow, nat, response, sdp);
                self.keep_offered(leg, offered);
            }
            (Some(leg), None) => {
                self.bye_stray(now, dialog, hop, seen);
                self.drop_outgoing(now, leg, Some(id));
                self.emit(Event::Failed { leg, status: 488, cause: cause::NOT_ACCEPTABLE });
            }
            // Another answer was first, or the switch let go: the race of CANCEL and 200.
            (None, _) => {
                self.count("answers_too_late");
                self.bye_stray(now, dialog, hop, seen);
            }
        }
    }

    /// How the INVITE of a branch describes us.
    fn offered(&self, id: u64) -> Option<String> {
        let branch = self.branches.get(&id)?;
        let told = self.media_told(&branch.hop);
        branch.invite.as_ref().map(|invite| invite.sdp_at(told).to_owned())
    }

    /// Who knows no UPDATE is refreshed by saying this once more.
    fn keep_offered(&mut self, leg: LegId, offered: Option<String>) {
        let state = self.legs.get_mut(&leg).filter(|state| state.session_timer.is_some());
        if let Some(state) = state.filter(|state| state.local_sdp.is_none()) {
            state.local_sdp = offered;
        }
    }

    fn acknowledge(&mut self, id: u64, tag: Box<[u8]>, dialog: &mut Dialog, hop: &Hop, seen: Seen) {
        let via = seen.via(&format!("z9hG4bK{}", self.token()));
        let seq = dialog.local_seq;
        let Ok(ack) = dialog.request("ACK", &via, Some(seq)).end() else { return };
        let ack: Arc<[u8]> = ack.into();
        self.transmit(hop.clone(), ack.clone(), None);
        if let Some(branch) = self.branches.get_mut(&id) {
            branch.acks.push(Acknowledged { tag, hop: hop.clone(), ack });
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a dialog is born with all of them")]
    fn win(
        &mut self,
        now: Now,
        leg: LegId,
        dialog: Dialog,
        hop: Hop,
        flow: Flow,
        nat: bool,
        response: &Message,
        sdp: String,
    ) {
        let Some(state) = self.legs.get_mut(&leg) else {
            let seen = self.seen(&hop, Some(flow.remote));
            return self.bye_stray(now, dialog, hop, seen);
        };
        let losers = std::mem::take(&mut state.branches);
        self.tags.insert(dialog.local_tag.clone(), leg);
        state.stage = Stage::Confirmed;
        state.dialog = Some(dialog);
        (state.hop, state.flow, state.nat) = (hop, flow, nat);
        state.takes_update = response.lists(Name::Allow, "UPDATE");
        state.session_timer = super::session_timer::granted(now.moment, response);
        for loser in losers {
            // 26: answered elsewhere, RFC 3326 and ITU-T Q.850 "non-selected user clearing".
            self.cancel_branch(now, loser, 26);
        }
        self.touch(leg);
        self.light(leg);
        self.arm_leg(leg);
        let encrypted = flow.transport.is_encrypted();
        self.emit(Event::Answered { leg, sdp, source: flow.remote, encrypted, nat });
    }

    /// A dialog that nobody wants.
    fn bye_stray(&mut self, now: Now, mut dialog: Dialog, hop: Hop, seen: Seen) {
        let via_branch = format!("z9hG4bK{}", self.token());
        if let Ok(bye) = dialog.request("BYE", &seen.via(&via_branch), None).end() {
            self.start_client(now, hop, &via_branch, bye, Owner::Nobody);
        }
    }

    /// The trunk asked who we are: say it once, when realm and trunk are the right ones.
    fn answer_challenge(&mut self, now: Now, id: u64, response: &Message) -> bool {
        let cnonce = self.token();
        let Some(branch) = self.branches.get(&id) else { return false };
        let (Some(key), false, true) = (branch.trunk, branch.challenged, branch.leg.is_some())
        else {
            return false;
        };
        let uri = String::from_utf8_lossy(&branch.dialog.target).into_owned();
        let Some(value) = self.authorize(key, response, "INVITE", &uri, &cnonce) else {
            return false;
        };
        if let Some(tx) = self.branches.get_mut(&id).map(|branch| {
            branch.challenged = true;
            branch.tx
        }) && let Some(tx) = self.clients.get_mut(&tx)
        {
            // The refused transaction ends by itself; the branch lives on in the next one.
            tx.owner = Owner::Nobody;
        }
        self.send_invite(now, id, Some((value.0, &value.1))).is_ok()
    }

    /// Credentials of a trunk for a 401 or 407 of its own, as header name and value.
    pub(in crate::sip) fn authorize(
        &mut self,
        key: TrunkKey,
        response: &Message,
        method: &str,
        uri: &str,
        cnonce: &str,
    ) -> Option<(&'static str, String)> {
        let (asks, answers) = match response.status() {
            401 => (Name::WwwAuthenticate, Name::Authorization),
            _ => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
        };
        let trunk = self.trunks.get_mut(key)?;
        response.all(asks).find_map(|value| {
            let challenge = header::Digest::parse(value)?;
            let credential = trunk.credential_for(&challenge)?;
            let value = digest::respond(credential, &challenge, method, uri, 1, cnonce)?;
            Some((answers.text(), value))
        })
    }

    fn branch_server_failed(&mut self, now: Now, id: u64) {
        if let Some(hop) = self.branches.get(&id).map(|branch| branch.hop.clone()) {
            self.server_failed(now, &hop);
        }
    }

    /// The trunk has a server besides: the call goes there, as if nothing had been asked before (RFC
    /// 3263 §4.3). What is said later of the first one is taken back. False where nothing else is left
    /// to try, or the callee was reached.
    fn calls_next_server(&mut self, now: Now, id: u64) -> bool {
        let Some(branch) = self.branches.get(&id) else { return false };
        let (Some(leg), Some(key), Some(invite)) =
            (branch.leg, branch.trunk, branch.invite.clone())
        else {
            return false;
        };
        let early = self.legs.get(&leg).is_none_or(|state| state.early);
        if early || !self.server_rests(&branch.hop) || !self.has_other_server(&branch.hop) {
            return false;
        }
        let Destination::Trunk(_, _, number) = &invite.to else { return false };
        let Some(trunk) = self.trunks.get(key) else { return false };
        let Some(proxy) = trunk.proxy.clone() else { return false };
        let domain = trunk.own_domain();
        let way = self.way_over(key, &proxy, number, domain);
        let silent_until = Some(now.moment + self.config.silence_max);
        let Some(state) = self.legs.get_mut(&leg) else { return false };
        state.branches.retain(|&other| other != id);
        (state.hop, state.silent_until) = (way.hop.clone(), silent_until);
        self.count("trunk_servers_passed_over");
        let opened = self.open_branch(now, leg, &invite, way).is_ok();
        self.arm_leg(leg);
        opened
    }

    /// This way to the phone is dead: the INVITE goes over the next of its flows (RFC 5626 §5.3). False
    /// where there is none.
    pub(super) fn rings_next_flow(&mut self, now: Now, id: u64) -> bool {
        let Some(branch) = self.branches.get_mut(&id) else { return false };
        let (Some(leg), Some(invite), Some(way)) =
            (branch.leg, branch.invite.clone(), branch.next.take())
        else {
            return false;
        };
        let hop = way.hop.clone();
        if self.open_branch(now, leg, &invite, *way).is_err() {
            return false;
        }
        if let Some(branch) = self.branches.get_mut(&id) {
            branch.settle();
        }
        if let Some(state) = self.legs.get_mut(&leg) {
            state.branches.retain(|&other| other != id);
            state.hop = hop;
        }
        self.count("flows_passed_over");
        true
    }

    pub(super) fn on_branch_failed(&mut self, now: Now, id: u64, status: u16, reason: Option<u8>) {
        if self.calls_next_server(now, id) {
            if let Some(branch) = self.branches.get_mut(&id) {
                branch.settle();
            }
            return;
        }
        let Some(leg) = self.branches.get_mut(&id).and_then(Branch::settle) else { return };
        let Some(state) = self.legs.get_mut(&leg) else { return };
        state.branches.retain(|&other| other != id);
        let refusal = (status, reason.unwrap_or_else(|| cause_of(status)));
        let best = state.refusal.map_or(refusal, |before| better(before, refusal));
        state.refusal = Some(best);
        // 6xx speaks for all phones (RFC 3261 §21.6).
        if state.branches.is_empty() || status >= 600 {
            self.drop_outgoing(now, leg, Some(id));
            self.emit(Event::Failed { leg, status: best.0, cause: best.1 });
        }
    }

    fn drop_outgoing(&mut self, now: Now, leg: LegId, but: Option<u64>) {
        let gone = self.release(leg);
        for branch in gone.map(|gone| gone.branches).unwrap_or_default() {
            if Some(branch) != but {
                self.cancel_branch(now, branch, cause::NORMAL);
            }
        }
    }
}

/// Headers that the switch adds; those that carry the protocol stay ours. Who was called before is shown
/// as the caller: nothing is said of them to whom the caller is hidden from, and where the callee alone
/// is not to know, the network is asked to keep it from them (RFC 5806 §4).
fn extra_headers(builder: &mut Builder, invite: &Invite, hides: bool, withholds: bool) {
    let tells = |name: &str| ["Diversion", "History-Info"].contains(&name);
    for (name, value) in invite.headers.iter().filter(|(name, _)| !hides || !tells(name)) {
        if !matches!(Name::from_bytes(name.as_bytes()), Name::Other | Name::Diversion) {
            continue;
        }
        let privacy = if withholds && name == "Diversion" { ";privacy=full" } else { "" };
        builder.header(name, format!("{value}{privacy}"));
    }
}

/// 6xx first, then what a person said (4xx other than timeouts), then the rest.
fn better(a: (u16, u8), b: (u16, u8)) -> (u16, u8) {
    let rank = |status: u16| match status {
        600.. => 0,
        486 => 1,
        408 | 480 | 487 => 3,
        400..500 => 2,
        _ => 4,
    };
    if rank(b.0) < rank(a.0) { b } else { a }
}

/// A private Contact that answers from a public address: a NAT.
pub(super) fn has_private_contact(response: &Message, flow: &Flow) -> bool {
    let source = flow.remote.ip().to_canonical();
    let contact = response.contact().and_then(|contact| contact.parsed_uri()?.ip());
    response.occurrences(Name::RecordRoute) == 0
        && contact.is_some_and(|said| {
            said.to_canonical() != source && (crate::sdp::is_private(said) || said.is_unspecified())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_refusal_is_what_a_person_said() {
        assert_eq!(better((408, 102), (486, 17)), (486, 17));
        assert_eq!(better((486, 17), (503, 41)), (486, 17));
        assert_eq!(better((486, 17), (603, 21)), (603, 21));
    }
}
