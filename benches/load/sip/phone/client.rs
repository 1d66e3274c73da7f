//! Requests that we send: built, repeated, answered. RFC 3261 §8.1, §12.2.1, §17.1.

use super::{AGENT, Client, EXPIRES, Event, Kind, LIFE, Leg, LegKey, Phone, State, T1, T2, Timer};
use crate::sip::digest;
use crate::sip::message::{Message, Start, uri_of};
use crate::sip::sdp::{self, Direction};
use std::cmp::Reverse;
use std::net::SocketAddr;
use terms::Moment;

/// One more than a challenge needs: a nonce may have become stale.
const ATTEMPTS_MAX: u8 = 3;

impl Phone {
    pub(super) fn refresh(&mut self, now: Moment, user: &str) {
        let branch = self.branch();
        let Some(line) = self.lines.get_mut(user) else { return };
        line.cseq += 1;
        let expires = if line.wanted { EXPIRES.as_secs() } else { 0 };
        let uri = format!("sip:{}", self.server.ip());
        let ours = format!("<sip:{user}@{}>", self.server.ip());
        let request = Message::request("REGISTER", &uri)
            .with("Via", via(self.local, &branch))
            .with("Max-Forwards", "70")
            .with("From", format!("{ours};tag={}", line.tag))
            .with("To", ours)
            .with("Call-ID", line.call_id.clone())
            .with("CSeq", format!("{} REGISTER", line.cseq))
            .with("Contact", format!("<sip:{user}@{}>", self.local))
            .with("Expires", expires.to_string())
            .with("User-Agent", AGENT);
        if line.wanted {
            // Half the time, so that one lost refresh does not lose the binding.
            self.timers.push(Reverse((now + EXPIRES / 2, Timer::Refresh(user.to_owned()))));
        }
        self.start(now, branch, request, self.server, Kind::Register(user.to_owned()), 1);
    }

    /// INVITE or re-INVITE with an offer.
    pub(super) fn offer(
        &mut self,
        now: Moment,
        key: LegKey,
        direction: Direction,
        kind: fn(LegKey, Direction) -> Kind,
    ) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        leg.offering = true;
        leg.sdp_version += 1;
        let body = sdp::write(leg.rtp, leg.law, direction, leg.sdp_version);
        let contact = self.contact(&self.legs[&key].local);
        let branch = self.request(now, key, "INVITE", kind(key, direction), |request| {
            request
                .with("Contact", contact)
                .with("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, NOTIFY, REFER, UPDATE")
                .with_body("application/sdp", body)
        });
        if let (Some(leg), Some(branch)) = (self.legs.get_mut(&key), branch) {
            leg.branch = branch;
        }
    }

    /// A request of a leg. Returns its branch.
    pub(super) fn request(
        &mut self,
        now: Moment,
        key: LegKey,
        method: &str,
        kind: Kind,
        finish: impl FnOnce(Message) -> Message,
    ) -> Option<String> {
        let branch = self.branch();
        let local = self.local;
        let leg = self.legs.get_mut(&key)?;
        leg.cseq += 1;
        let request = leg.request(method, leg.cseq, via(local, &branch));
        let (request, to) = (finish(request), leg.peer);
        self.start(now, branch.clone(), request, to, kind, 1);
        Some(branch)
    }

    fn start(
        &mut self,
        now: Moment,
        branch: String,
        request: Message,
        to: SocketAddr,
        kind: Kind,
        attempts: u8,
    ) {
        let bytes = request.write();
        self.transmit(to, bytes.clone());
        self.timers.push(Reverse((now + T1, Timer::Client(branch.clone()))));
        let gives_up = now + LIFE;
        let client = Client {
            request,
            bytes,
            to,
            kind,
            interval: T1,
            gives_up,
            provisional: false,
            attempts,
        };
        self.clients.insert(branch, client);
    }

    /// Timers A, B, E and F. An INVITE that rings is not repeated and not given up.
    pub(super) fn on_client_time(&mut self, now: Moment, branch: &str) {
        let Some(client) = self.clients.get_mut(branch) else { return };
        let invite = client.request.method() == "INVITE";
        if invite && client.provisional {
            return;
        }
        if now >= client.gives_up {
            let client = self.clients.remove(branch).expect("it was just looked at");
            return self.on_final(now, &client, None, 408);
        }
        client.interval *= 2;
        if !invite {
            client.interval = client.interval.min(T2);
        }
        let (to, bytes, next) = (client.to, client.bytes.clone(), now + client.interval);
        self.retransmissions += 1;
        self.transmit(to, bytes);
        self.timers.push(Reverse((next, Timer::Client(branch.to_owned()))));
    }

    pub(super) fn on_response(&mut self, now: Moment, response: &Message, status: u16) {
        let branch = response.branch().unwrap_or_default();
        let Some(client) = self.clients.get_mut(branch) else {
            return self.on_repeated_answer(response, status);
        };
        if response.method() != client.request.method() {
            return;
        }
        if status < 200 {
            client.provisional = true;
            let leg = match client.kind {
                Kind::Invite(leg) if status > 100 => leg,
                _ => return,
            };
            self.tell(Event::Ringing { leg });
            // A CANCEL may go out only after a provisional answer, RFC 3261 §9.1.
            if self.legs.get(&leg).is_some_and(Leg::is_cancelled) {
                self.send_cancel(now, leg);
            }
            return;
        }
        let client = self.clients.remove(branch).expect("it was just looked at");
        if status >= 300 && client.request.method() == "INVITE" {
            self.acknowledge_refusal(&client, response);
        }
        if !self.prove(now, &client, response) {
            self.on_final(now, &client, Some(response), status);
        }
    }

    /// Answers a challenge. False when there is none, or when we cannot.
    fn prove(&mut self, now: Moment, client: &Client, response: &Message) -> bool {
        let Start::Request { method, uri } = &client.request.start else { return false };
        let credential = match &client.kind {
            Kind::Register(user) => self.lines.get(user).map(|line| line.credential.clone()),
            Kind::Invite(leg) | Kind::Offer(leg, _) | Kind::Refer(leg) => {
                self.legs.get(leg).and_then(|leg| leg.credential.clone())
            }
            Kind::Quiet => None,
        };
        let cnonce = self.token();
        let Some(credential) = credential.filter(|_| client.attempts < ATTEMPTS_MAX) else {
            return false;
        };
        let Some((name, value)) = digest::answer(response, &credential, method, uri, &cnonce)
        else {
            return false;
        };
        let branch = self.branch();
        let cseq = match &client.kind {
            Kind::Register(user) => self.lines.get_mut(user).map(|line| &mut line.cseq),
            Kind::Invite(leg) | Kind::Offer(leg, _) | Kind::Refer(leg) => {
                self.legs.get_mut(leg).map(|leg| &mut leg.cseq)
            }
            Kind::Quiet => None,
        };
        let Some(cseq) = cseq else { return false };
        *cseq += 1;
        let mut again = client.request.clone();
        again.headers.retain(|(field, _)| field != name);
        for (field, old) in &mut again.headers {
            match field.as_str() {
                "Via" => *old = via(self.local, &branch),
                "CSeq" => *old = format!("{cseq} {method}"),
                _ => {}
            }
        }
        let kind = match &client.kind {
            Kind::Register(user) => Kind::Register(user.clone()),
            Kind::Invite(leg) => Kind::Invite(*leg),
            Kind::Offer(leg, direction) => Kind::Offer(*leg, *direction),
            Kind::Refer(leg) => Kind::Refer(*leg),
            Kind::Quiet => Kind::Quiet,
        };
        if let Kind::Invite(key) | Kind::Offer(key, _) = &kind
            && let Some(leg) = self.legs.get_mut(key)
        {
            leg.branch.clone_from(&branch);
        }
        self.start(now, branch, again.with(name, value), client.to, kind, client.attempts + 1);
        true
    }

    fn on_final(&mut self, now: Moment, client: &Client, response: Option<&Message>, status: u16) {
        match (&client.kind, response) {
            (Kind::Register(user), _) => {
                self.tell(Event::Registered { user: user.clone(), status });
            }
            (Kind::Invite(leg), Some(response)) if status < 300 => {
                self.on_call_answered(now, *leg, response);
            }
            (Kind::Invite(leg), _) => {
                let known = self.legs.contains_key(leg);
                self.forget(*leg);
                if known {
                    self.tell(Event::Failed { leg: *leg, status });
                }
            }
            (Kind::Offer(leg, direction), response) => {
                if let Some(response) = response.filter(|_| status < 300) {
                    self.acknowledge(*leg, response);
                }
                if let Some(leg) = self.legs.get_mut(leg) {
                    leg.offering = false;
                    leg.direction = if status < 300 { *direction } else { leg.direction };
                }
                self.tell(Event::OfferDone { leg: *leg, status });
            }
            (Kind::Refer(leg), _) => self.tell(Event::Refer { leg: *leg, status }),
            (Kind::Quiet, _) => {}
        }
    }

    fn on_call_answered(&mut self, now: Moment, key: LegKey, response: &Message) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let cancelled = leg.is_cancelled();
        (leg.state, leg.offering) = (State::Up, false);
        leg.remote = response.header("To").unwrap_or_default().to_owned();
        leg.target = uri_of(response.header("Contact").unwrap_or_default()).to_owned();
        leg.routes = response.all("Record-Route").map(str::to_owned).collect();
        leg.routes.reverse();
        self.acknowledge(key, response);
        if cancelled {
            // The answer crossed our CANCEL.
            self.hang_up(now, key);
            return self.tell(Event::Failed { leg: key, status: 487 });
        }
        self.tell(Event::Answered { leg: key, audio: sdp::parse(&response.body) });
    }

    /// The ACK of a 2xx is a request of its own, RFC 3261 §13.2.2.4.
    fn acknowledge(&mut self, key: LegKey, response: &Message) {
        let branch = self.branch();
        let local = self.local;
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let ack = leg.request("ACK", response.cseq(), via(local, &branch)).write();
        leg.ack = Some((response.cseq(), ack.clone()));
        let to = leg.peer;
        self.transmit(to, ack);
    }

    fn on_repeated_answer(&mut self, response: &Message, status: u16) {
        let leg = self.by_call_id.get(response.call_id()).and_then(|key| self.legs.get(key));
        let Some(leg) = leg.filter(|_| (200..300).contains(&status)) else { return };
        if let Some((cseq, ack)) = &leg.ack
            && *cseq == response.cseq()
            && response.method() == "INVITE"
        {
            let (to, ack) = (leg.peer, ack.clone());
            self.retransmissions += 1;
            self.transmit(to, ack);
        }
    }

    /// The ACK of a refusal belongs to the INVITE's transaction, RFC 3261 §17.1.1.3.
    fn acknowledge_refusal(&mut self, client: &Client, response: &Message) {
        let Start::Request { uri, .. } = &client.request.start else { return };
        let mut ack = Message::request("ACK", uri);
        for name in ["Via", "Max-Forwards", "From", "Call-ID"] {
            ack = ack.with(name, client.request.header(name).unwrap_or_default());
        }
        ack = ack
            .with("To", response.header("To").unwrap_or_default())
            .with("CSeq", format!("{} ACK", client.request.cseq()));
        self.transmit(client.to, ack.write());
    }

    pub(super) fn cancel(&mut self, now: Moment, key: LegKey) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        leg.state = State::Calling { cancelled: true };
        if self.clients.get(&self.legs[&key].branch).is_some_and(|client| client.provisional) {
            self.send_cancel(now, key);
        }
    }

    fn send_cancel(&mut self, now: Moment, key: LegKey) {
        let Some(client) = self.legs.get(&key).and_then(|leg| self.clients.get(&leg.branch)) else {
            return;
        };
        let Start::Request { uri, .. } = &client.request.start else { return };
        let mut cancel = Message::request("CANCEL", uri);
        for name in ["Via", "Max-Forwards", "From", "To", "Call-ID"] {
            cancel = cancel.with(name, client.request.header(name).unwrap_or_default());
        }
        let cancel = cancel.with("CSeq", format!("{} CANCEL", client.request.cseq()));
        // It shares the INVITE's branch, and its answer needs nobody: sent once more after T1.
        let (to, bytes) = (client.to, cancel.write());
        let id = format!("cancel-{}", self.token());
        self.start(now, id.clone(), cancel, to, Kind::Quiet, ATTEMPTS_MAX);
        if let Some(client) = self.clients.get_mut(&id) {
            client.bytes = bytes;
            client.gives_up = now + T1 * 2;
        }
    }

    pub(super) fn branch(&mut self) -> String {
        format!("z9hG4bK{}", self.token())
    }
}

impl Leg {
    pub(super) fn is_cancelled(&self) -> bool {
        self.state == State::Calling { cancelled: true }
    }

    fn request(&self, method: &str, cseq: u32, via: String) -> Message {
        let request = Message::request(method, &self.target)
            .with("Via", via)
            .with("Max-Forwards", "70")
            .with("From", self.local.clone())
            .with("To", self.remote.clone())
            .with("Call-ID", self.call_id.clone())
            .with("CSeq", format!("{cseq} {method}"))
            .with("User-Agent", AGENT);
        self.routes.iter().fold(request, |request, route| request.with("Route", route.clone()))
    }
}

fn via(local: SocketAddr, branch: &str) -> String {
    format!("SIP/2.0/UDP {local};branch={branch};rport")
}
