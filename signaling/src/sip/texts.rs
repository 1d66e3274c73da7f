//! Texts over trunks: MESSAGE outside of a dialog (RFC 3428), as a gateway passes the SMS of its cards on.
//! One comes in from whoever may call in without being a phone, and is answered with 200 once the switch
//! has written it down; its copies get the same answer from its transaction. One goes out with the names
//! and the credentials that a call over that trunk has.
//!
//! A text that is on its way ends with the process: whether it arrived is not known then.

use super::core::UserAgent;
use super::dialog::Dialog;
use super::flow::{Flow, Hop, Host, Transport};
use super::header;
use super::message::{Message, Name};
use super::receive::Proof;
use super::send::{DATAGRAM_BYTES_MAX, Reply, user_of};
use super::session::{ALLOW, Owner, called, trunk_caller};
use super::trunk::{NOBODY, RETRY_AFTER_S, Trunk, TrunkKey};
use super::uri::escape_user;
use super::user_agent::{Event, TextCame, TextOut};
use super::write::Injection;
use crate::switch::Now;
use std::net::SocketAddr;
use terms::event::{TEXT_BYTES_MAX, Written};
use terms::{PhoneNumber, TextId};

/// Texts that are on their way out, of all tenants.
const GOING_MAX: usize = 1_000;
/// What can be read.
const CONTENT: &str = "text/plain";
/// What is sent.
const CONTENT_SENT: &str = "text/plain;charset=UTF-8";

/// A text on its way out.
#[derive(Debug)]
pub(super) struct Going {
    key: TrunkKey,
    /// Names and counters: a try with credentials has the same ones and the next number.
    dialog: Dialog,
    hop: Hop,
    number: String,
    from_user: String,
    text: Written,
    challenged: bool,
    /// Servers of the trunk that took nothing.
    asked: Vec<SocketAddr>,
    /// The transaction that is under way.
    tx: u64,
}

impl UserAgent {
    /// What we understand of who asks from here: texts are taken from trunks alone.
    pub(super) fn allow_to(&self, flow: Flow, request: &Message) -> String {
        let is_phone = self.registrar.owner_of(&flow).is_some();
        match self.trunk_at(flow, request).filter(|_| !is_phone) {
            Some(_) => format!("{ALLOW}, MESSAGE"),
            None => ALLOW.to_owned(),
        }
    }

    pub(super) fn on_text(&mut self, now: Now, flow: Flow, request: &Message) {
        let key = match self.prove(now, flow, request) {
            Proof::Trunk(key) => key,
            Proof::Agent(_) => {
                let must = [("Allow", ALLOW.to_owned())];
                return self.reply(now, flow, request, &Reply::with(405, &must));
            }
            Proof::None => return,
        };
        let has_room = self.trunks.get_mut(key).is_some_and(|trunk| trunk.takes_text(now.moment));
        if self.draining || !has_room {
            self.count("texts_refused_busy");
            return self.reply_busy(now, flow, request);
        }
        let tag = self.token();
        let Some(tx) = self.start_server(now, flow, request, &tag) else { return };
        match read(request, flow.transport) {
            Ok(text) => {
                self.count("texts_in");
                let came = self.text_said(request, key, tx, text);
                self.emit(Event::TextCame(Box::new(came)));
            }
            Err((status, extra)) => {
                self.count("texts_refused");
                self.respond(now, tx, status, extra, None);
            }
        }
    }

    fn text_said(&self, request: &Message, key: TrunkKey, tx: u64, text: Written) -> TextCame {
        let country = self.tenants.get(&key.0).map_or("", |tenant| tenant.country.as_str());
        let believed = self.trunks.get(key).is_some_and(|trunk| trunk.plan.trusted);
        let (from, _) = trunk_caller(request, believed);
        let to = Some(called(request)).filter(|user| !user.is_empty());
        let to = to.unwrap_or_else(|| user_of(request.to()));
        TextCame {
            tx,
            tenant: key.0,
            trunk: key.1,
            from: PhoneNumber::parse(&from, country),
            to: PhoneNumber::parse(&to, country),
            text,
        }
    }

    /// The text of this transaction is written down, or could not be: then its sender may try again.
    pub fn handle_text_kept(&mut self, now: Now, tx: u64, is_kept: bool) {
        if is_kept {
            self.respond(now, tx, 200, &[], None);
        } else {
            self.count("texts_lost");
            let after = RETRY_AFTER_S.to_string();
            self.respond(now, tx, 503, &[("Retry-After", &after)], None);
        }
    }

    /// The switch wants a text sent. What came of it is said once ([`Event::TextDone`]).
    pub fn handle_text(&mut self, now: Now, out: TextOut) {
        let id = out.id;
        let busy = self.servers.len() + self.clients.len() >= self.config.transactions_max;
        let started = match busy || self.texts.len() >= GOING_MAX {
            true => Err(503),
            false => self.start_text(now, out),
        };
        match started {
            Ok(()) => self.send_text_or_end(now, id, None),
            Err(status) => self.tell_text(id, status),
        }
    }

    fn start_text(&mut self, now: Now, out: TextOut) -> Result<(), u16> {
        let TextOut { id, tenant, trunk, number, from_user, text } = out;
        let key = (tenant, trunk);
        let entry = self.trunks.get_mut(key).ok_or(404_u16)?;
        let proxy = entry.proxy.clone().ok_or(404_u16)?;
        if !entry.takes_text(now.moment) {
            return Err(503);
        }
        entry.servers.draw(now.moment, &mut self.rng);
        let hop = self.hop_of(&proxy, key);
        let dialog = self.text_dialog(key, &hop, &number, &from_user).ok_or(404_u16)?;
        let (challenged, asked) = (false, Vec::new());
        let going = Going { key, dialog, hop, number, from_user, text, challenged, asked, tx: 0 };
        self.texts.insert(id, going);
        Ok(())
    }

    /// The names of a text on this way.
    fn text_dialog(
        &mut self,
        key: TrunkKey,
        hop: &Hop,
        number: &str,
        from_user: &str,
    ) -> Option<Dialog> {
        let (call_id, tag) = (format!("{}{}", self.token(), self.token()), self.token());
        let entry = self.trunks.get(key)?;
        let target = entry.uri_of(number)?.into_bytes();
        let domain = entry.own_domain();
        let domain = domain.unwrap_or_else(|| self.seen(hop, None).address.to_string());
        let local = match entry.withholds() {
            true => NOBODY.to_owned(),
            false => format!("<sip:{}@{domain}>", escape_user(from_user)),
        };
        let remote = [b"<", &target[..], b">"].concat();
        let routes = entry.registrations.routes(server_of(hop));
        let dialog = Dialog::outgoing(call_id, tag, local.into_bytes(), remote, target, 0);
        Some(dialog.through(routes))
    }

    /// This server of the trunk took nothing: the text goes to the next one, as if nothing had been asked
    /// before. False where there is none.
    fn text_to_next_server(&mut self, now: Now, id: TextId) -> bool {
        let Some(going) = self.texts.get_mut(&id) else { return false };
        going.asked.extend(server_of(&going.hop));
        let (key, before) = (going.key, going.tx);
        let (number, from_user) = (going.number.clone(), going.from_user.clone());
        let next = self.trunks.get(key).and_then(|trunk| trunk.servers.after(&going.asked));
        let Some(server) = next else { return false };
        let hop = self.hop_at(key, server);
        let Some(dialog) = self.text_dialog(key, &hop, &number, &from_user) else { return false };
        if let Some(going) = self.texts.get_mut(&id) {
            (going.dialog, going.hop, going.challenged) = (dialog, hop, false);
        }
        if let Some(refused) = self.clients.get_mut(&before) {
            // It ends by itself; the text lives on in the next one.
            refused.owner = Owner::Nobody;
        }
        self.count("trunk_servers_passed_over");
        self.send_text_or_end(now, id, None);
        true
    }

    fn send_text_or_end(&mut self, now: Now, id: TextId, authorization: Option<(&str, &str)>) {
        if let Err(status) = self.send_text(now, id, authorization) {
            self.text_done(id, status);
        }
    }

    /// Sends it, with the next number; the status that says why it is not.
    fn send_text(
        &mut self,
        now: Now,
        id: TextId,
        authorization: Option<(&str, &str)>,
    ) -> Result<(), u16> {
        let branch = format!("z9hG4bK{}", self.token());
        let unbuilt = |error: Injection| {
            tracing::error!(%error, text = %id, "a MESSAGE was not built");
            400_u16
        };
        let hop = self.texts.get(&id).ok_or(404_u16)?.hop.clone();
        let bytes = self.text_request(id, &hop, &branch, authorization).map_err(unbuilt)?;
        // RFC 3428 §8: what is longer needs a way that minds congestion.
        let too_long = bytes.len() > DATAGRAM_BYTES_MAX && hop.transport == Transport::Udp;
        let (hop, bytes) = match too_long {
            false => (hop, bytes),
            true => {
                let hop = self.stream_to(&hop).ok_or(413_u16)?;
                let again = self.text_request(id, &hop, &branch, authorization);
                (hop, again.map_err(unbuilt)?)
            }
        };
        let tx = self.start_client(now, hop, &branch, bytes, Owner::Text(id));
        if let Some(going) = self.texts.get_mut(&id) {
            going.tx = tx;
        }
        Ok(())
    }

    fn text_request(
        &mut self,
        id: TextId,
        hop: &Hop,
        branch: &str,
        authorization: Option<(&str, &str)>,
    ) -> Result<Vec<u8>, Injection> {
        let seen = self.seen(hop, None);
        let Some(going) = self.texts.get_mut(&id) else { return Ok(Vec::new()) };
        let mut builder = going.dialog.request("MESSAGE", &seen.via(branch), None);
        builder.header("User-Agent", &self.config.user_agent);
        if let Some((name, value)) = authorization {
            builder.header(name, value);
        }
        let identity = |trunk: &Trunk| trunk.identity(&going.from_user, &seen.address.to_string());
        let identity = self.trunks.get(going.key).map(identity);
        for (name, value) in identity.unwrap_or_default() {
            builder.header(name, value);
        }
        builder.finish(CONTENT_SENT, going.text.0.as_bytes())
    }

    pub(super) fn on_text_response(&mut self, now: Now, id: TextId, response: &Message) {
        let Some(key) = self.texts.get(&id).map(|going| going.key) else { return };
        self.on_trunk_heard(now, key, response.status());
        match response.status() {
            100..200 => {}
            401 | 407 if self.answer_text_challenge(now, id, response) => {}
            status @ (500 | 502 | 503) => self.text_refused(now, id, status),
            status => self.text_done(id, status),
        }
    }

    /// A server cannot: another one may. What else is said is of the receiver, or of the text.
    fn text_refused(&mut self, now: Now, id: TextId, status: u16) {
        let hop = self.texts.get(&id).map(|going| going.hop.clone());
        if let Some(hop) = hop.filter(|_| status == 503) {
            self.server_failed(now, &hop);
        }
        if !self.text_to_next_server(now, id) {
            self.text_done(id, status);
        }
    }

    /// No answer will come. 503 is of a text that never left; of any other nobody knows whether they have
    /// it, and nothing is sent twice.
    pub(super) fn on_text_failed(&mut self, now: Now, id: TextId, status: u16) {
        if status != 503 || !self.text_to_next_server(now, id) {
            self.text_done(id, status);
        }
    }

    /// The trunk asked who we are: say it once.
    fn answer_text_challenge(&mut self, now: Now, id: TextId, response: &Message) -> bool {
        let cnonce = self.token();
        let Some(going) = self.texts.get_mut(&id) else { return false };
        if std::mem::replace(&mut going.challenged, true) {
            return false;
        }
        let (key, tx) = (going.key, going.tx);
        let uri = String::from_utf8_lossy(&going.dialog.target).into_owned();
        let Some((name, value)) = self.authorize(key, response, "MESSAGE", &uri, &cnonce) else {
            return false;
        };
        if let Some(refused) = self.clients.get_mut(&tx) {
            // It ends by itself; the text lives on in the next one.
            refused.owner = Owner::Nobody;
        }
        self.send_text_or_end(now, id, Some((name, &value)));
        true
    }

    /// No answer will come, or this one is the last.
    fn text_done(&mut self, id: TextId, status: u16) {
        if self.texts.remove(&id).is_some() {
            self.tell_text(id, status);
        }
    }

    fn tell_text(&mut self, id: TextId, status: u16) {
        self.count(if (200..300).contains(&status) { "texts_out" } else { "texts_out_failed" });
        self.emit(Event::TextDone { id, status });
    }
}

/// The server that a way leads to, where its address is known.
fn server_of(hop: &Hop) -> Option<SocketAddr> {
    match hop.host {
        Host::Address(address) => Some(address),
        Host::Name(..) => None,
    }
}

/// A refusal: its status, and what goes with it.
type Refusal = (u16, &'static [(&'static str, &'static str)]);

/// What a MESSAGE says, or what it is refused with. A body without a type is taken as what bodies of
/// texts are.
fn read(request: &Message, transport: Transport) -> Result<Written, Refusal> {
    const TOO_LONG: Refusal = (413, &[]);
    const ENCODED: Refusal = (415, &[("Accept-Encoding", "identity")]);
    const UNREADABLE: Refusal = (415, &[("Accept", CONTENT)]);
    let most = if transport == Transport::Udp { DATAGRAM_BYTES_MAX } else { TEXT_BYTES_MAX };
    if request.body().len() > most {
        return Err(TOO_LONG);
    }
    let coding = request.first(Name::ContentEncoding).map(header::trim);
    if coding.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        return Err(ENCODED);
    }
    if request.content_type().is_some_and(|kind| kind != CONTENT) {
        return Err(UNREADABLE);
    }
    let parts = request.parts().map_err(|_| UNREADABLE)?;
    let known: [&[u8]; 3] = [b"utf-8", b"utf8", b"us-ascii"];
    let is_known = |charset: &[u8]| known.iter().any(|known| charset.eq_ignore_ascii_case(known));
    let is_read = |part: &super::multipart::Part| {
        part.is_plain() && part.param("charset").is_none_or(is_known)
    };
    match parts.iter().all(is_read) {
        true => Ok(Written::read(request.body())),
        false => Err(UNREADABLE),
    }
}
