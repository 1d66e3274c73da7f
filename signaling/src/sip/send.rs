//! Transactions at work: starting ours, answering theirs, their timers, and answers that leave no
//! state behind.

use super::core::UserAgent;
use super::flow::{Flow, Hop, Host, Transmit, Transport};
use super::header::NameAddr;
use super::message::{Fault, Message, Name};
use super::session::{Answering, Farewell, Owner, finish};
use super::timers::Waiting;
use super::transaction::{Client, Due, Heard, InviteClient, InviteServer, Key, Server};
use super::uri::Uri;
use super::write::{Builder, reply_lines, reply_port, unfold};
use crate::switch::Now;
use std::net::SocketAddr;
use std::sync::Arc;
use terms::{LegId, Moment};

/// A request longer than this goes over TCP where the peer has a connection to us (RFC 3261
/// §18.1.1); else it is sent anyway.
pub(super) const DATAGRAM_BYTES_MAX: usize = 1300;

#[derive(Debug)]
pub(super) enum ClientMachine {
    Invite(InviteClient),
    Other(Client),
}

impl ClientMachine {
    fn on_response(&mut self, now: Moment, status: u16) -> Heard {
        match self {
            ClientMachine::Invite(machine) => machine.on_response(now, status),
            ClientMachine::Other(machine) => machine.on_response(now, status),
        }
    }
    fn on_timeout(&mut self, now: Moment) -> Option<Due> {
        match self {
            ClientMachine::Invite(machine) => machine.on_timeout(now),
            ClientMachine::Other(machine) => machine.on_timeout(now),
        }
    }
    fn next_timeout(&self) -> Option<Moment> {
        match self {
            ClientMachine::Invite(machine) => machine.next_timeout(),
            ClientMachine::Other(machine) => machine.next_timeout(),
        }
    }
    /// They have it for all that is known: they said so, or it was sent more than once.
    fn may_be_there(&self) -> bool {
        match self {
            ClientMachine::Invite(_) => false,
            ClientMachine::Other(machine) => machine.may_be_there(),
        }
    }
}

/// A request of ours.
#[derive(Debug)]
pub(super) struct ClientTx {
    pub(super) machine: ClientMachine,
    pub(super) owner: Owner,
    pub(super) hop: Hop,
    /// Of a BYE that may be said once more.
    pub(super) farewell: Option<Box<Farewell>>,
    key: String,
}

#[derive(Debug)]
pub(super) enum ServerMachine {
    Invite(InviteServer),
    Other(Server),
}

impl ServerMachine {
    pub(super) fn is_pending(&self) -> bool {
        match self {
            ServerMachine::Invite(machine) => machine.is_pending(),
            ServerMachine::Other(machine) => machine.is_pending(),
        }
    }
    fn on_respond(&mut self, now: Moment, status: u16, bytes: Arc<[u8]>) -> bool {
        match self {
            ServerMachine::Invite(machine) => machine.on_respond(now, status, bytes),
            ServerMachine::Other(machine) => machine.on_respond(now, status, bytes),
        }
    }
    pub(super) fn on_repeated(&self) -> Option<Arc<[u8]>> {
        match self {
            ServerMachine::Invite(machine) => machine.on_repeated(),
            ServerMachine::Other(machine) => machine.on_repeated(),
        }
    }
    fn on_timeout(&mut self, now: Moment) -> Option<Due> {
        match self {
            ServerMachine::Invite(machine) => machine.on_timeout(now),
            ServerMachine::Other(machine) => machine.on_timeout(now),
        }
    }
    fn next_timeout(&self) -> Option<Moment> {
        match self {
            ServerMachine::Invite(machine) => machine.next_timeout(),
            ServerMachine::Other(machine) => machine.next_timeout(),
        }
    }
}

/// A request of theirs.
#[derive(Debug)]
pub(super) struct ServerTx {
    pub(super) machine: ServerMachine,
    pub(super) hop: Hop,
    /// The lines that every response repeats, To with our tag.
    lines: Vec<u8>,
    /// Record-Route lines for answers that begin a dialog.
    routes: Vec<u8>,
    pub(super) leg: Option<LegId>,
    /// What of ISUP its answers have.
    pub(super) isup: Option<Answering>,
    key: Key,
}

/// An answer that leaves no state behind.
pub(super) struct Reply<'a> {
    pub(super) status: u16,
    /// Instead of the usual one.
    pub(super) phrase: Option<&'a str>,
    pub(super) must: &'a [(&'a str, String)],
    /// Left out where the answer would grow longer than the question.
    pub(super) nice: &'a [(&'a str, String)],
}

impl<'a> Reply<'a> {
    pub(super) const fn plain(status: u16) -> Self {
        Reply { status, phrase: None, must: &[], nice: &[] }
    }
    pub(super) const fn with(status: u16, must: &'a [(&'a str, String)]) -> Self {
        Reply { status, phrase: None, must, nice: &[] }
    }
}

impl UserAgent {
    pub(super) fn transmit(
        &mut self,
        hop: impl Into<Hop>,
        bytes: Arc<[u8]>,
        transaction: Option<u64>,
    ) {
        self.push_transmit(Transmit { hop: hop.into(), bytes, transaction, close: false });
    }

    /// Sends a request of ours and keeps it until it is answered. `branch` is the one in its Via.
    pub(super) fn start_client(
        &mut self,
        now: Now,
        hop: Hop,
        branch: &str,
        request: Vec<u8>,
        owner: Owner,
    ) -> u64 {
        let method_end = request.iter().position(|&b| b == b' ').unwrap_or(0);
        let method = String::from_utf8_lossy(&request[..method_end]).into_owned();
        let request: Arc<[u8]> = request.into();
        let (reliable, timing) = (hop.transport.is_reliable(), self.config.timing);
        let machine = if method == "INVITE" {
            let invite = InviteClient::new(now.moment, request.clone(), reliable, timing);
            ClientMachine::Invite(invite)
        } else {
            ClientMachine::Other(Client::new(now.moment, request.clone(), reliable, timing))
        };
        let id = self.number();
        let key = format!("{branch} {method}");
        self.client_keys.insert(key.clone(), id);
        if let Some(connection) = hop.connection.and_then(|c| self.connections.get_mut(&c)) {
            connection.clients.insert(id);
        }
        self.transmit(hop.clone(), request, Some(id));
        let farewell = None;
        self.clients.insert(id, ClientTx { machine, owner, hop, farewell, key });
        self.arm_client(id);
        id
    }

    fn arm_client(&mut self, id: u64) {
        let at = self.clients.get(&id).and_then(|tx| tx.machine.next_timeout());
        self.timers.set(Waiting::Client(id), at);
    }

    fn drop_client(&mut self, id: u64) -> Option<ClientTx> {
        let tx = self.clients.remove(&id)?;
        self.client_keys.remove(&tx.key);
        self.timers.set(Waiting::Client(id), None);
        if let Some(connection) = tx.hop.connection.and_then(|c| self.connections.get_mut(&c)) {
            connection.clients.remove(&id);
        }
        Some(tx)
    }

    /// A response came (RFC 3261 §17.1.3).
    pub(super) fn on_response(&mut self, now: Now, flow: Flow, response: &Message) {
        // What answers us has our own Via and no other (RFC 3261 §8.1.3.3, RFC 4475 §3.3.10).
        if response.list(Name::Via).nth(1).is_some() {
            return self.count("responses_stray");
        }
        let branch = response.via().and_then(|via| via.branch()).unwrap_or_default();
        let method = response.cseq().map_or(&b""[..], |cseq| cseq.method);
        let key =
            format!("{} {}", String::from_utf8_lossy(branch), String::from_utf8_lossy(method));
        let Some(&id) = self.client_keys.get(&key) else {
            return self.count("responses_stray");
        };
        self.know_source(now, flow.remote.ip());
        let Some(tx) = self.clients.get_mut(&id) else { return };
        let heard = tx.machine.on_response(now.moment, response.status());
        let (owner, hop) = (tx.owner, tx.hop.clone());
        match heard {
            Heard::Absorb => {}
            Heard::AckAgain => self.ack_refusal_again(id, hop),
            Heard::PassAndAck => {
                self.ack_refusal(id, hop, response);
                self.on_owned_response(now, flow, id, owner, response);
            }
            Heard::Pass => self.on_owned_response(now, flow, id, owner, response),
        }
        self.arm_client(id);
    }

    fn ack_refusal(&mut self, id: u64, hop: Hop, response: &Message) {
        let Some(ClientTx { machine: ClientMachine::Invite(machine), .. }) =
            self.clients.get_mut(&id)
        else {
            return;
        };
        let request = machine.request();
        let Some(ack) = follow_up(&request, "ACK", response.first(Name::To), &[]) else { return };
        let ack: Arc<[u8]> = ack.into();
        machine.set_ack(ack.clone());
        self.transmit(hop, ack, None);
    }

    fn ack_refusal_again(&mut self, id: u64, hop: Hop) {
        let ack = match self.clients.get(&id).map(|tx| &tx.machine) {
            Some(ClientMachine::Invite(machine)) => machine.ack(),
            _ => None,
        };
        if let Some(ack) = ack {
            self.transmit(hop, ack, None);
        }
    }

    pub(super) fn on_client_timeout(&mut self, now: Now, id: u64) {
        let Some(tx) = self.clients.get_mut(&id) else { return };
        match tx.machine.on_timeout(now.moment) {
            Some(Due::Send(bytes)) => {
                let hop = tx.hop.clone();
                self.count("requests_repeated");
                self.transmit(hop, bytes, Some(id));
                self.arm_client(id);
            }
            Some(Due::TimedOut) => self.fail_client(now, id, 408),
            Some(Due::Over) => {
                if let Some(tx) = self.drop_client(id) {
                    self.on_owned_over(tx.owner);
                }
            }
            None => self.arm_client(id),
        }
    }

    /// A request of ours could not be sent, or was `sent` over a connection that is gone: as if 503 had
    /// come. Of a text that they may have nothing is known: it is not to be sent again.
    pub(super) fn on_client_cut_off(&mut self, now: Now, id: u64, sent: bool) {
        let is_there = self.clients.get(&id).is_some_and(|tx| {
            matches!(tx.owner, Owner::Text(_)) && (sent || tx.machine.may_be_there())
        });
        self.on_client_failed(now, id, if is_there { 408 } else { 503 });
    }

    /// No answer will come: as if `status` had come.
    fn on_client_failed(&mut self, now: Now, id: u64, status: u16) {
        let answered = match self.clients.get(&id).map(|tx| &tx.machine) {
            Some(ClientMachine::Invite(machine)) => !machine.is_pending(),
            Some(ClientMachine::Other(_)) => false,
            None => return,
        };
        // An ACK that could not be sent changes nothing for an INVITE that is answered.
        if !answered {
            self.fail_client(now, id, status);
        }
    }

    fn fail_client(&mut self, now: Now, id: u64, status: u16) {
        if let Some(tx) = self.drop_client(id) {
            self.server_failed(now, &tx.hop);
            self.on_owned_failed(now, tx.owner, status);
            self.on_owned_over(tx.owner);
        }
    }

    /// Starts the transaction of a request of theirs.
    pub(super) fn start_server(
        &mut self,
        now: Now,
        flow: Flow,
        request: &Message,
        tag: &str,
    ) -> Option<u64> {
        let key = Key::of(request, None)?;
        let (reliable, timing) = (flow.transport.is_reliable(), self.config.timing);
        let machine = if request.method_bytes() == b"INVITE" {
            ServerMachine::Invite(InviteServer::new(reliable, timing))
        } else {
            ServerMachine::Other(Server::new(now.moment, reliable, timing))
        };
        let mut routes = Builder::response(200);
        for route in request.all(Name::RecordRoute) {
            routes.copied(Name::RecordRoute, route);
        }
        let id = self.number();
        let tx = ServerTx {
            machine,
            hop: reply_hop(request, flow),
            lines: reply_lines(request, &flow, tag),
            routes: routes.into_lines().unwrap_or_default(),
            leg: None,
            isup: None,
            key: key.clone(),
        };
        self.server_keys.insert(key, id);
        self.servers.insert(id, Box::new(tx));
        self.arm_server(id);
        Some(id)
    }

    fn arm_server(&mut self, id: u64) {
        let at = self.servers.get(&id).and_then(|tx| tx.machine.next_timeout());
        self.timers.set(Waiting::Server(id), at);
    }

    pub(super) fn on_server_timeout(&mut self, now: Now, id: u64) {
        let Some(tx) = self.servers.get_mut(&id) else { return };
        match tx.machine.on_timeout(now.moment) {
            Some(Due::Send(bytes)) => {
                let hop = tx.hop.clone();
                self.transmit(hop, bytes, None);
                self.arm_server(id);
            }
            Some(Due::TimedOut | Due::Over) => self.drop_server(id),
            None => self.arm_server(id),
        }
    }

    fn drop_server(&mut self, id: u64) {
        if let Some(tx) = self.servers.remove(&id) {
            self.server_keys.remove(&tx.key);
            self.timers.set(Waiting::Server(id), None);
        }
    }

    /// Answers a request of theirs; the octets, for a 2xx that the dialog repeats. `None` when a
    /// final answer was sent before.
    pub(super) fn respond(
        &mut self,
        now: Now,
        id: u64,
        status: u16,
        extra: &[(&str, &str)],
        sdp: Option<&str>,
    ) -> Option<Arc<[u8]>> {
        let tx = self.servers.get(&id)?;
        let mut builder = Builder::response(status);
        builder.lines(&tx.lines);
        if matches!(tx.machine, ServerMachine::Invite(_)) && (101..300).contains(&status) {
            builder.lines(&tx.routes);
            self.dialog_headers(&mut builder, &self.seen(&tx.hop, None));
        }
        for (name, value) in extra {
            builder.header(name, value);
        }
        let isup = tx.isup.and_then(|answering| answering.message(status, extra));
        let built = finish(builder, sdp.unwrap_or_default(), isup);
        let bytes: Arc<[u8]> = match built {
            Ok(bytes) => bytes.into(),
            Err(error) => {
                tracing::error!(%error, "an answer was not built");
                return None;
            }
        };
        let tx = self.servers.get_mut(&id)?;
        if !tx.machine.on_respond(now.moment, status, bytes.clone()) {
            return None;
        }
        tx.isup = tx.isup.map(|answering| answering.after(status));
        if status >= 200 {
            // Nothing but this answer is said again; half a minute is long for what nobody needs.
            (tx.lines, tx.routes) = (Vec::new(), Vec::new());
        }
        let hop = tx.hop.clone();
        self.transmit(hop, bytes.clone(), None);
        self.arm_server(id);
        Some(bytes)
    }

    /// Answers and keeps nothing. Unproven sources get so many answers a second and no more, and
    /// over UDP nothing that they can do without makes the answer longer than the question
    /// (threat T16).
    pub(super) fn reply(&mut self, now: Now, flow: Flow, request: &Message, reply: &Reply) {
        if request.method_bytes() == b"ACK" || request.via().is_none() {
            return;
        }
        if !self.unproven.take(now.moment, flow.remote.ip()) {
            return self.count("answers_withheld");
        }
        let mut builder = match reply.phrase {
            Some(phrase) => Builder::response_with(reply.status, phrase),
            None => Builder::response(reply.status),
        };
        builder.lines(&reply_lines(request, &flow, &self.stateless_tag(request)));
        for (name, value) in reply.must {
            builder.header(name, value);
        }
        for (name, value) in reply.nice {
            let mut longer = builder.clone();
            longer.header(name, value);
            let room = request.bytes().len();
            if longer.clone().end().is_ok_and(|bytes| bytes.len() <= room) {
                builder = longer;
            }
        }
        match builder.end() {
            Ok(bytes) => self.transmit(reply_hop(request, flow), bytes.into(), None),
            Err(_) => self.count("answers_unbuilt"),
        }
    }

    pub(super) fn refuse_broken(&mut self, now: Now, flow: Flow, request: &Message, fault: Fault) {
        if request.is_request() {
            let phrase = Some(fault.reason);
            self.reply(now, flow, request, &Reply { phrase, ..Reply::plain(fault.status) });
        }
    }

    /// Where a request to `uri` goes. `flow` is where the peer's messages come from: behind a NAT
    /// it is the only way, and a connection that is open is used again (RFC 5923). A browser has no
    /// other way at all.
    pub(super) fn hop_to(&self, uri: &[u8], flow: Flow, nat: bool) -> Hop {
        let fallback = Hop::from(flow);
        let Some(uri) = Uri::parse(uri) else { return fallback };
        if nat || flow.transport.is_websocket() {
            return fallback;
        }
        let host = match (uri.address(), uri.host_text()) {
            (Some(address), _) => Host::Address(address),
            (None, Some(name)) if !name.is_empty() => {
                Host::Name(name.to_owned(), uri.port_or_default())
            }
            _ => return fallback,
        };
        let same_peer = uri.ip().is_none_or(|ip| ip == flow.remote.ip().to_canonical());
        if flow.transport.is_reliable() && same_peer {
            return Hop { host, ..fallback };
        }
        let transport = uri.transport();
        // Over TLS and WebSocket the peer connects: the way that it came by is the best there is.
        if !matches!(transport, Transport::Udp | Transport::Tcp) {
            return fallback;
        }
        let known = match &host {
            Host::Address(address) => Some(*address),
            Host::Name(..) => None,
        };
        let listener = self.listener_for(transport, known);
        Hop { listener, transport, host, connection: None, trunk: None }
    }

    /// A connection from this peer, for requests that are too long for a datagram.
    pub(super) fn stream_to(&self, hop: &Hop) -> Option<Hop> {
        let Host::Address(address) = hop.host else { return None };
        let ip = address.ip().to_canonical();
        let same =
            |flow: &Flow| flow.transport == Transport::Tcp && flow.remote.ip().to_canonical() == ip;
        let open = self.connections.values().find(|connection| same(&connection.flow))?;
        Some(Hop::from(open.flow).of(hop.trunk))
    }
}

/// Where the answer to a request goes: RFC 3261 §18.2.2, RFC 3581 §4.
pub(super) fn reply_hop(request: &Message, flow: Flow) -> Hop {
    let port = reply_port(request, &flow);
    let address = SocketAddr::new(flow.remote.ip(), port);
    Hop { host: Host::Address(address), ..Hop::from(flow) }
}

/// ACK of a refusal or CANCEL: both repeat the INVITE's URI, Via, Route, From, Call-ID and CSeq
/// number (RFC 3261 §9.1 and §17.1.1.3).
pub(super) fn follow_up(
    invite: &[u8],
    method: &str,
    to: Option<&[u8]>,
    extra: &[(&str, &str)],
) -> Option<Vec<u8>> {
    let invite = Message::parse(invite, super::parse::Carrier::Datagram).ok()?;
    let mut builder = Builder::request(method, invite.uri());
    builder.copied(Name::Via, invite.first(Name::Via)?);
    for route in invite.all(Name::Route) {
        builder.copied(Name::Route, route);
    }
    builder.header("Max-Forwards", "70");
    builder.copied(Name::From, invite.first(Name::From)?);
    builder.echoed("To", unfold(to.or(invite.first(Name::To))?));
    builder.copied(Name::CallId, invite.call_id());
    builder.header("CSeq", format!("{} {method}", invite.cseq()?.number));
    for (name, value) in extra {
        builder.header(name, value);
    }
    builder.end().ok()
}

/// The user of a name-addr header as text.
pub(super) fn user_of(value: Option<NameAddr>) -> String {
    value.and_then(|address| address.parsed_uri()).map(|uri| uri.user_text()).unwrap_or_default()
}
