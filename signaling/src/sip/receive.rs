//! What comes in: read, checked, told apart from its repetitions, and handed to the verb that it
//! is about. Every method but OPTIONS and what belongs to a dialog has to prove where it comes
//! from (threat T11).

use super::bans::Offence;
use super::core::{Account, UserAgent};
use super::digest::{Checked, Found};
use super::flow::{Flow, ListenerId, Transport};
use super::header;
use super::message::{Message, Method, Name};
use super::parse::Carrier;
use super::registrar::{FLOW_TIMER_S, Who, is_kept};
use super::send::Reply;
use super::session::{ALLOW, SUPPORTED, called};
use super::subscribe::ALLOW_EVENTS;
use super::transaction::Key;
use super::trunk::{RETRY_AFTER_S, TrunkKey};
use super::user_agent::Event;
use super::write::reply_lines;
use crate::reach::Network;
use crate::switch::Now;
use std::net::{IpAddr, SocketAddr};

/// Status line, Content-Length and the empty line of a 401.
const EMPTY_401_BYTES: usize = 52;
/// Longest user name of credentials that is looked at where passwords are wrong.
const USER_BYTES_MAX: usize = 128;

/// What a request proved.
pub(super) enum Proof {
    /// An agent's password.
    Agent(Who),
    /// A trunk, by its address or by its password.
    Trunk(TrunkKey),
    /// Nothing; the challenge went out, or the source is blocked.
    None,
}

impl UserAgent {
    /// A datagram came, and has waited too long to be read: a new call in it is refused, because its
    /// caller has asked again or given up by now, and so is every copy of it. Everything else is as it
    /// was.
    pub fn handle_late_datagram(
        &mut self,
        now: Now,
        listener: ListenerId,
        source: SocketAddr,
        bytes: &[u8],
    ) {
        self.late.is_now = true;
        self.handle_datagram(now, listener, source, bytes);
        self.late.is_now = false;
    }

    /// A source that has shown who it is since this was asked last (true), or that was forgotten.
    pub fn poll_known(&mut self) -> Option<(IpAddr, bool)> {
        self.sources.next_change()
    }

    /// The networks of all trunks.
    pub fn trunk_networks(&self) -> Vec<Network> {
        self.trunks.networks()
    }

    /// By a password, or because it answers or goes on with what nobody else knows the names of.
    pub(super) fn know_source(&mut self, now: Now, source: IpAddr) {
        self.sources.know(now.moment, source);
        self.unproven.know(now.moment, source);
        // They are those that `sources` tells of.
        while self.unproven.next_change().is_some() {}
    }

    pub(super) fn on_bytes(&mut self, now: Now, flow: Flow, bytes: &[u8], carrier: Carrier) {
        let message = match Message::parse(bytes, carrier) {
            Ok(message) => message,
            Err(_) => {
                self.count("unreadable");
                // What trunks and phones answer is nobody's offence.
                if !bytes.starts_with(b"SIP/") {
                    self.offended(now, &flow, Offence::Malformed);
                }
                return;
            }
        };
        if let Err(fault) = message.validate() {
            self.count("malformed");
            if message.is_request() && self.offended(now, &flow, Offence::Malformed) {
                return;
            }
            return self.refuse_broken(now, flow, &message, fault);
        }
        if let Some(quirk) = message.quirk() {
            self.count(quirk);
        }
        if message.is_request() {
            self.count("requests");
            self.on_request(now, flow, &message);
        } else {
            self.count("responses");
            self.on_response(now, flow, &message);
        }
        self.settle_lamps(now);
    }

    fn on_request(&mut self, now: Now, flow: Flow, request: &Message) {
        let method = request.method();
        let Some(key) = Key::of(request, None) else { return };
        let known = self.server_keys.get(&key).copied();
        if method == Method::Ack {
            return self.on_ack(now, flow, request, known);
        }
        if let Some(tx) = known.and_then(|id| self.servers.get(&id)) {
            let (hop, last) = (tx.hop.clone(), tx.machine.on_repeated());
            self.count("requests_again");
            if let Some(bytes) = last {
                self.transmit(hop, bytes, None);
            }
            return;
        }
        if method == Method::Cancel {
            return self.on_cancel(now, flow, request);
        }
        let in_dialog = request.to_tag().is_some();
        let most = self.config.transactions_max * if in_dialog { 2 } else { 1 };
        if self.servers.len() + self.clients.len() >= most {
            self.count("refused_overload");
            return self.reply_busy(now, flow, request);
        }
        match request.to_tag() {
            Some(tag) => self.on_in_dialog(now, flow, request, tag),
            None => self.on_out_of_dialog(now, flow, request),
        }
    }

    pub(super) fn reply_busy(&mut self, now: Now, flow: Flow, request: &Message) {
        let after = [("Retry-After", RETRY_AFTER_S.to_string())];
        self.reply(now, flow, request, &Reply::with(503, &after));
    }

    /// It waited too long to be read, or is a copy of one that did.
    fn is_too_late(&mut self, now: Now, invite: &Message) -> bool {
        let Some(key) = Key::of(invite, None) else { return self.late.is_now };
        let kept_for = self.config.timing.give_up();
        let was_refused = self.late.was_refused(now.moment, kept_for, &key);
        if self.late.is_now && !was_refused {
            self.late.refuse(now.moment, key);
        }
        self.late.is_now || was_refused
    }

    fn on_in_dialog(&mut self, now: Now, flow: Flow, request: &Message, tag: &[u8]) {
        let tag = String::from_utf8_lossy(tag);
        if let Some(watch) = self.lamps.named(&tag, request) {
            return self.on_resubscribe(now, flow, request, watch);
        }
        let found = self.tags.get(&*tag).copied();
        let leg = found.filter(|id| {
            let dialog = self.legs.get(id).and_then(|leg| leg.dialog.as_ref());
            dialog.is_some_and(|dialog| dialog.is_of(request))
        });
        let Some(leg) = leg else {
            if self.on_early(now, flow, &tag, request) {
                return;
            }
            return self.reply(now, flow, request, &Reply::plain(481));
        };
        let Some(tx) = self.start_server(now, flow, request, "") else { return };
        self.know_source(now, flow.remote.ip());
        self.touch(leg);
        let number = request.cseq().map_or(0, |cseq| cseq.number);
        let fresh = self
            .legs
            .get_mut(&leg)
            .and_then(|leg| leg.dialog.as_mut())
            .is_some_and(|dialog| dialog.on_remote_seq(number));
        // An older request overtook: 500 (RFC 3261 §12.2.2).
        if !fresh {
            self.respond(now, tx, 500, &[], None);
            return;
        }
        if let Some(unsupported) = unsupported(request) {
            self.respond(now, tx, 420, &[("Unsupported", &unsupported)], None);
            return;
        }
        match request.method() {
            Method::Invite => self.on_reinvite(now, flow, leg, tx, request),
            Method::Bye => self.on_bye(now, leg, tx, request),
            Method::Update => self.on_update(now, flow, leg, tx, request),
            Method::Prack => self.on_prack(now, leg, tx, request),
            Method::Info => self.on_info(now, leg, tx, request),
            Method::Refer => self.on_refer(now, leg, tx, request),
            Method::Options => self.on_options(now, tx),
            Method::Notify => {
                self.respond(now, tx, 481, &[], None);
            }
            Method::Subscribe => {
                self.respond(now, tx, 489, &[("Allow-Events", ALLOW_EVENTS)], None);
            }
            method => {
                self.respond(now, tx, not_ours(method), &[("Allow", ALLOW)], None);
            }
        }
        self.on_flow(now, leg, flow);
    }

    fn on_out_of_dialog(&mut self, now: Now, flow: Flow, request: &Message) {
        if self.looks_about(now, &flow, request) {
            return;
        }
        if let Some(unsupported) = unsupported(request) {
            let must = [("Unsupported", unsupported)];
            return self.reply(now, flow, request, &Reply::with(420, &must));
        }
        match request.method() {
            Method::Invite if self.is_too_late(now, request) => {
                self.count("refused_late");
                self.reply_busy(now, flow, request);
            }
            Method::Invite => self.on_invite(now, flow, request),
            // Nothing but an INVITE replaces a dialog (RFC 3891 §3).
            _ if request.first(Name::Replaces).is_some() => {
                self.reply(now, flow, request, &Reply::plain(400));
            }
            Method::Register => self.on_register(now, flow, request),
            Method::Options => {
                let nice = [
                    ("Allow", self.allow_to(flow, request)),
                    ("Accept", "application/sdp".to_owned()),
                    ("Supported", SUPPORTED.join(", ")),
                ];
                self.reply(now, flow, request, &Reply { nice: &nice, ..Reply::plain(200) });
            }
            Method::Bye | Method::Info | Method::Update | Method::Prack | Method::Notify => {
                self.reply(now, flow, request, &Reply::plain(481));
            }
            Method::Subscribe => self.on_subscribe(now, flow, request),
            Method::Message => self.on_text(now, flow, request),
            Method::Publish => self.on_publish(now, flow, request),
            Method::Refer => self.reply(now, flow, request, &Reply::plain(403)),
            method => {
                let must = [("Allow", ALLOW.to_owned())];
                self.reply(now, flow, request, &Reply::with(not_ours(method), &must));
            }
        }
    }

    /// Finds out whose request this is, or challenges it. A source that belongs to a trunk needs
    /// no password, except where a phone registered from exactly there.
    pub(super) fn prove(&mut self, now: Now, flow: Flow, request: &Message) -> Proof {
        let source = flow.remote.ip();
        let trunk = self.trunk_at(flow, request);
        let Some(credentials) = self.credentials(request) else {
            let is_phone = self.registrar.owner_of(&flow).is_some();
            return match trunk {
                Some((key, false)) if !is_phone && request.method() != Method::Register => {
                    Proof::Trunk(key)
                }
                _ => self.challenge(now, flow, request, false),
            };
        };
        let accounts = &self.accounts;
        let realms: Vec<&str> = self.tenants.values().map(|t| t.realm.as_str()).collect();
        let ours = self.config.realm.as_str();
        let find = |realm: &[u8], user: &[u8]| match accounts.find(realm, user) {
            Some((account, ha1)) => Found::User(account, ha1),
            None if realm == ours.as_bytes() || realms.iter().any(|r| r.as_bytes() == realm) => {
                Found::NoUser
            }
            None => Found::NoRealm,
        };
        let method = request.method_bytes();
        let user = header::Digest::parse(credentials).and_then(|digest| digest.get("username"));
        let user = header::text(user.unwrap_or_default(), USER_BYTES_MAX);
        let checked = self.authenticator.check(now.moment, source, method, credentials, find);
        match checked {
            Checked::Good(Account::Agent(tenant, agent)) => {
                self.bans.on_proven(now.moment, source, &user);
                self.know_source(now, source);
                Proof::Agent((tenant, agent))
            }
            Checked::Good(Account::Trunk(key)) => {
                self.bans.on_proven(now.moment, source, &user);
                self.know_source(now, source);
                self.prove_trunk(now, flow, request, key)
            }
            Checked::Stale => self.challenge(now, flow, request, true),
            Checked::Wrong => {
                self.count("auth_wrong");
                if self.offended(now, &flow, Offence::Password(&user)) {
                    return Proof::None;
                }
                self.challenge(now, flow, request, false)
            }
            Checked::Missing => self.challenge(now, flow, request, false),
            Checked::Blocked => {
                self.count("auth_blocked");
                self.offended(now, &flow, Offence::Guess(&user));
                Proof::None
            }
        }
    }

    /// A trunk's password counts from the trunk's addresses only, where it has some, and where it is known
    /// by its certificate with that alone.
    fn prove_trunk(&mut self, now: Now, flow: Flow, request: &Message, key: TrunkKey) -> Proof {
        let (ip, shown) = (flow.remote.ip(), self.shown_by(&flow));
        let at_home = self.trunks.get(key).is_some_and(|trunk| {
            let from_there = trunk.plan.sources.is_empty() || trunk.holds(ip);
            from_there && (trunk.plan.certificate_names.is_empty() || shown.contains(&key))
        });
        if at_home { Proof::Trunk(key) } else { self.challenge(now, flow, request, false) }
    }

    /// The trunk that this source belongs to by its address or its certificate, the one whose tenant owns the dialled number first;
    /// and whether it has to prove more. What comes over WebSocket is a page that somebody opened on
    /// that machine, and never the trunk.
    pub(super) fn trunk_at(&self, flow: Flow, request: &Message) -> Option<(TrunkKey, bool)> {
        if flow.transport.is_websocket() {
            return None;
        }
        // Over a connection that we opened to it speaks the trunk whose certificate we have seen.
        let ours = flow.connection.and_then(|connection| self.connections.get(&connection)?.trunk);
        if let Some((key, trunk)) = ours.and_then(|key| Some((key, self.trunks.get(key)?))) {
            return Some((key, trunk.plan.inbound_digest.is_some()));
        }
        let dialled = called(request);
        let owns = |key: TrunkKey| {
            self.tenants.get(&key.0).is_some_and(|tenant| {
                let number = terms::PhoneNumber::parse(&dialled, &tenant.country);
                tenant.numbers.contains(&number.normal) || tenant.numbers.contains(&dialled)
            })
        };
        let mut first = None;
        for (key, trunk) in self.trunks.known(flow.remote.ip(), self.shown_by(&flow)) {
            let found = (key, trunk.plan.inbound_digest.is_some());
            if owns(key) {
                return Some(found);
            }
            first.get_or_insert(found);
        }
        first
    }

    /// The first Digest credentials for a realm of ours.
    pub(super) fn credentials<'a>(&self, request: &Message<'a>) -> Option<&'a [u8]> {
        let ours = |value: &&[u8]| {
            let realm = header::Digest::parse(value).and_then(|digest| digest.get("realm"));
            realm.is_some_and(|realm| {
                realm == self.config.realm.as_bytes()
                    || self.tenants.values().any(|tenant| tenant.realm.as_bytes() == realm)
            })
        };
        request.all(Name::Authorization).find(ours)
    }

    /// 401 with the listener's algorithms. Keeps nothing. A datagram too short to be answered with
    /// all of them gets the last one, which every phone knows.
    fn challenge(&mut self, now: Now, flow: Flow, request: &Message, stale: bool) -> Proof {
        if self.authenticator.is_blocked(now.moment, flow.remote.ip()) {
            self.count("auth_blocked");
            return Proof::None;
        }
        self.count("auth_challenges");
        let realm = self.realm_for(request);
        let listener = &self.config.listeners[usize::from(flow.listener)];
        let algorithms = listener.digest.clone();
        let mut challenges: Vec<(&str, String)> = algorithms
            .into_iter()
            .map(|algorithm| {
                let source = flow.remote.ip();
                let value =
                    self.authenticator.challenge(now.moment, source, &realm, algorithm, stale);
                ("WWW-Authenticate", value)
            })
            .collect();
        if flow.transport == Transport::Udp {
            let repeated = reply_lines(request, &flow, &self.stateless_tag(request)).len();
            let added: usize = challenges.iter().map(|(name, v)| name.len() + v.len() + 4).sum();
            if repeated + added + EMPTY_401_BYTES > request.bytes().len() {
                challenges.drain(..challenges.len().saturating_sub(1));
            }
        }
        self.reply(now, flow, request, &Reply::with(401, &challenges));
        Proof::None
    }

    fn realm_for(&self, request: &Message) -> String {
        let host = super::uri::Uri::parse(request.uri()).and_then(|uri| uri.host_text());
        let named = self.tenants.values().find(|tenant| Some(tenant.realm.as_str()) == host);
        named.map_or_else(|| self.config.realm.clone(), |tenant| tenant.realm.clone())
    }

    fn on_register(&mut self, now: Now, flow: Flow, request: &Message) {
        let who = match self.prove(now, flow, request) {
            Proof::Agent(who) => who,
            Proof::Trunk(_) => return self.reply(now, flow, request, &Reply::plain(403)),
            Proof::None => return,
        };
        let tag = self.token();
        let Some(tx) = self.start_server(now, flow, request, &tag) else { return };
        let user = super::send::user_of(request.to());
        let own = self.tenants.get(&who.0).and_then(|tenant| tenant.agents.get(&who.1));
        if own.is_none_or(|(sip_user, _)| *sip_user != user) {
            self.count("register_foreign");
            self.respond(now, tx, 403, &[], None);
            return;
        }
        let limits = self.config.registrations;
        let proof = self.credentials(request).and_then(header::Digest::parse);
        let named = proof.and_then(|digest| digest.get("username")).unwrap_or_default();
        let is_new = self.registrar.bindings(who).iter().all(|binding| binding.flow != flow);
        match self.registrar.register(now.moment, (who, named), request, flow, &limits) {
            Err(fault) => {
                let min = limits.expires_min_s.to_string();
                let extra = [("Min-Expires", min.as_str())];
                let extra = if fault.status == 423 { &extra[..] } else { &[] };
                self.respond(now, tx, fault.status, extra, None);
            }
            Ok(done) => {
                let contacts: Vec<String> = done
                    .contacts
                    .iter()
                    .map(|contact| String::from_utf8_lossy(contact).into_owned())
                    .collect();
                let mut lines: Vec<(&str, &str)> =
                    contacts.iter().map(|contact| ("Contact", contact.as_str())).collect();
                let flow_timer = FLOW_TIMER_S.to_string();
                if !lines.is_empty() && is_kept(&flow, request) {
                    lines.extend([("Require", "outbound"), ("Flow-Timer", flow_timer.as_str())]);
                }
                self.respond(now, tx, 200, &lines, None);
                self.count("registered");
                self.tell_browsers();
                self.note_contacts();
                self.prune_lamps(now, Some(who));
                if is_new && flow.transport.is_reliable() {
                    self.rebind(now, who, flow, request, &done.before);
                    self.ring_expected(now, who);
                }
                if let Some(registered) = done.turned {
                    let (tenant, agent) = who;
                    self.lamps.presence_changed(who);
                    self.emit(Event::Registered { tenant, agent, registered });
                }
            }
        }
        self.arm_registrar();
    }
}

/// A method that we know and do not offer is not allowed, one that we never heard of is not
/// implemented (RFC 3261 §8.2.1 and §21.5.2).
fn not_ours(method: Method) -> u16 {
    if method == Method::Other { 501 } else { 405 }
}

/// Required extensions that we do not have, as a list for Unsupported.
fn unsupported(request: &Message) -> Option<String> {
    let missing: Vec<String> = request
        .list(Name::Require)
        .filter(|item| !SUPPORTED.iter().any(|tag| item.eq_ignore_ascii_case(tag.as_bytes())))
        .map(|item| header::text(item, 64))
        .collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}
