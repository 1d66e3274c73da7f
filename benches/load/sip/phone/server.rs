//! Requests that we get: answered once, and the answer again when they are repeated.
//! RFC 3261 §8.2, §12.2.2, §13.3, §17.2.

use super::{AGENT, Event, LIFE, Leg, LegKey, Phone, State, T1, T2, Timer};
use crate::sip::message::{Message, Start, parameter, uri_of, user_of};
use crate::sip::sdp::{self, Direction};
use benches::media::g711::Law;
use std::cmp::Reverse;
use std::net::SocketAddr;
use std::time::Duration;
use terms::Moment;

impl Phone {
    pub(super) fn on_request(&mut self, now: Moment, from: SocketAddr, request: Message) {
        let repeated = self.answered.get(&memory(&request)).cloned();
        if let Some((to, bytes)) = repeated {
            self.retransmissions += 1;
            return self.transmit(to, bytes);
        }
        let leg = self.by_call_id.get(request.call_id()).copied();
        match (request.method(), leg) {
            ("ACK", leg) => self.on_ack(leg),
            ("INVITE", Some(leg)) => self.on_invite_again(now, leg, request),
            ("INVITE", None) => self.on_invite(now, from, request),
            ("CANCEL", Some(leg)) => self.on_cancel(now, leg, &request),
            ("BYE", Some(leg)) => {
                self.finish(now, from, &request, 200, "OK");
                self.forget(leg);
                self.tell(Event::Ended { leg });
            }
            ("NOTIFY", Some(leg)) => self.on_notify(now, from, leg, &request),
            ("OPTIONS" | "INFO" | "MESSAGE", _) => self.finish(now, from, &request, 200, "OK"),
            ("CANCEL" | "BYE" | "NOTIFY", None) => {
                self.finish(now, from, &request, 481, "Call/Transaction Does Not Exist");
            }
            _ => self.finish(now, from, &request, 405, "Method Not Allowed"),
        }
    }

    fn on_invite(&mut self, now: Moment, from: SocketAddr, request: Message) {
        let Start::Request { uri, .. } = &request.start else { return };
        let user = user_of(uri).to_owned();
        if parameter(request.header("To").unwrap_or_default(), "tag").is_some() {
            return self.finish(now, from, &request, 481, "Call/Transaction Does Not Exist");
        }
        if !self.everybody && !self.lines.get(&user).is_some_and(|line| line.wanted) {
            return self.finish(now, from, &request, 404, "Not Found");
        }
        let key = self.new_key();
        let caller = request.header("From").unwrap_or_default().to_owned();
        let mut routes: Vec<String> = Vec::new();
        routes.extend(request.all("Record-Route").map(str::to_owned));
        let leg = Leg {
            state: State::Ringing,
            call_id: request.call_id().to_owned(),
            local: format!("{};tag={}", request.header("To").unwrap_or_default(), self.token()),
            remote: caller.clone(),
            target: uri_of(request.header("Contact").unwrap_or_default()).to_owned(),
            routes,
            peer: from,
            cseq: 0,
            rtp: self.local,
            law: Law::A,
            direction: Direction::SendRecv,
            sdp_version: 1,
            credential: self.lines.get(&user).map(|line| line.credential.clone()),
            invite: Some(request.clone()),
            branch: String::new(),
            ack: None,
            answer: None,
            offering: false,
        };
        let audio = sdp::parse(&request.body);
        self.by_call_id.insert(leg.call_id.clone(), key);
        self.legs.insert(key, leg);
        let trying = Message::response(&request, 100, "Trying").write();
        self.transmit(from, trying);
        let caller = user_of(uri_of(&caller)).to_owned();
        self.tell(Event::Incoming { leg: key, user, caller, audio });
    }

    /// A new offer, or the first one again. Hold is answered from the other side.
    fn on_invite_again(&mut self, now: Moment, key: LegKey, request: Message) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let first = leg.invite.as_ref().and_then(Message::branch) == request.branch();
        if first && matches!(leg.state, State::Ringing | State::Accepted) {
            return;
        }
        if leg.offering {
            let (peer, pending) = (leg.peer, "Request Pending");
            return self.finish(now, peer, &request, 491, pending);
        }
        let audio = sdp::parse(&request.body);
        let direction = audio.as_ref().map_or(Direction::SendRecv, |audio| audio.direction);
        leg.direction = direction.answered();
        leg.sdp_version += 1;
        let body = sdp::write(leg.rtp, leg.law, leg.direction, leg.sdp_version);
        let bytes = self.respond_as(key, &request, 200, "OK", Some(body));
        self.remember(now, &request, bytes.clone());
        self.keep_answering(now, key, bytes);
        self.tell(Event::Offered { leg: key, audio });
    }

    fn on_ack(&mut self, leg: Option<LegKey>) {
        if let Some(leg) = leg.and_then(|key| self.legs.get_mut(&key)) {
            leg.answer = None;
            if leg.state == State::Accepted {
                leg.state = State::Up;
            }
        }
    }

    fn on_cancel(&mut self, now: Moment, key: LegKey, request: &Message) {
        let Some(peer) = self.legs.get(&key).map(|leg| leg.peer) else { return };
        self.finish(now, peer, request, 200, "OK");
        let Some(invite) = self.ringing(key).and_then(|leg| leg.invite.clone()) else { return };
        let bytes = self.respond_as(key, &invite, 487, "Request Terminated", None);
        self.remember(now, &invite, bytes);
        self.forget(key);
        self.tell(Event::Ended { leg: key });
    }

    /// `message/sipfrag` with the status of the call that our REFER began, RFC 3515 §2.4.5.
    fn on_notify(&mut self, now: Moment, from: SocketAddr, leg: LegKey, request: &Message) {
        self.finish(now, from, request, 200, "OK");
        let status = request.body.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
        if let Some(status) = status.and_then(|status| status.parse().ok()) {
            self.tell(Event::Refer { leg, status });
        }
    }

    /// Answers in a leg, with our tag and contact.
    pub(super) fn respond_as(
        &mut self,
        key: LegKey,
        request: &Message,
        status: u16,
        reason: &str,
        sdp: Option<String>,
    ) -> Vec<u8> {
        let Some(leg) = self.legs.get(&key) else { return Vec::new() };
        let mut response = Message::response(request, status, reason);
        for (name, value) in &mut response.headers {
            if name.eq_ignore_ascii_case("To") {
                value.clone_from(&leg.local);
            }
        }
        let peer = leg.peer;
        response = response.with("Contact", self.contact(&leg.local)).with("User-Agent", AGENT);
        if let Some(sdp) = sdp {
            response = response.with_body("application/sdp", sdp);
        }
        let bytes = response.write();
        self.transmit(peer, bytes.clone());
        bytes
    }

    /// Answers and remembers the answer.
    fn finish(
        &mut self,
        now: Moment,
        to: SocketAddr,
        request: &Message,
        status: u16,
        reason: &str,
    ) {
        let mut response = Message::response(request, status, reason);
        let tag = self.token();
        for (name, value) in &mut response.headers {
            if name.eq_ignore_ascii_case("To") && parameter(value, "tag").is_none() {
                *value += &format!(";tag={tag}");
            }
        }
        let bytes = response.with("User-Agent", AGENT).write();
        self.transmit(to, bytes.clone());
        self.remember_for(now, to, request, bytes);
    }

    pub(super) fn remember(&mut self, now: Moment, request: &Message, bytes: Vec<u8>) {
        let peer = self.by_call_id.get(request.call_id()).and_then(|key| self.legs.get(key));
        if let Some(peer) = peer.map(|leg| leg.peer) {
            self.remember_for(now, peer, request, bytes);
        }
    }

    fn remember_for(&mut self, now: Moment, to: SocketAddr, request: &Message, bytes: Vec<u8>) {
        let key = memory(request);
        self.timers.push(Reverse((now + LIFE, Timer::Forget(key.clone()))));
        self.answered.insert(key, (to, bytes));
    }

    /// A 200 is repeated until its ACK comes, RFC 3261 §13.3.1.4.
    pub(super) fn keep_answering(&mut self, now: Moment, key: LegKey, bytes: Vec<u8>) {
        if let Some(leg) = self.legs.get_mut(&key) {
            leg.answer = Some((bytes, now + LIFE, T1));
            self.timers.push(Reverse((now + T1, Timer::Answer(key))));
        }
    }

    pub(super) fn on_answer_time(&mut self, now: Moment, key: LegKey) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let Some((bytes, gives_up, interval)) = leg.answer.take() else { return };
        if now >= gives_up {
            self.hang_up(now, key);
            return self.tell(Event::Ended { leg: key });
        }
        let next: Duration = (interval * 2).min(T2);
        let peer = leg.peer;
        leg.answer = Some((bytes.clone(), gives_up, next));
        self.retransmissions += 1;
        self.transmit(peer, bytes);
        self.timers.push(Reverse((now + next, Timer::Answer(key))));
    }
}

fn memory(request: &Message) -> String {
    format!("{} {}", request.branch().unwrap_or_default(), request.method())
}
