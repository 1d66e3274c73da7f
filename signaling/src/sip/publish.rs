//! PUBLISH of presence (RFC 3903): a phone says of its own agent whether they can be reached and what
//! they do. It has proven whose it is, and does it from where it is registered. The last word of an
//! agent counts, whichever phone says it; it ends with its time, and a stopped process forgets it.

use super::core::UserAgent;
use super::flow::Flow;
use super::header;
use super::message::{Message, Name};
use super::presence::{Published, State};
use super::receive::Proof;
use super::registrar::Who;
use super::send::Reply;
use super::uri::Uri;
use crate::switch::Now;
use std::time::Duration;

/// What can be published.
const EVENT: &str = "presence";
const CONTENT: &str = "application/pidf+xml";

impl UserAgent {
    pub(super) fn on_publish(&mut self, now: Now, flow: Flow, request: &Message) {
        let event = request.first(Name::Event).and_then(|value| value.split(|&b| b == b';').next());
        if event.map(header::trim) != Some(EVENT.as_bytes()) {
            let must = [("Allow-Events", EVENT.to_owned())];
            return self.reply(now, flow, request, &Reply::with(489, &must));
        }
        let who = match self.prove(now, flow, request) {
            Proof::Agent(who) => who,
            Proof::Trunk(_) => return self.reply(now, flow, request, &Reply::plain(403)),
            Proof::None => return,
        };
        let tag = self.token();
        let Some(tx) = self.start_server(now, flow, request, &tag) else { return };
        match self.published(flow, request, who) {
            Err(415) => {
                self.respond(now, tx, 415, &[("Accept", CONTENT)], None);
            }
            Err(status) => self.refuse_watch(now, tx, status),
            Ok((state, lives_s)) => {
                let tag = self.token();
                let lives = Duration::from_secs(u64::from(lives_s));
                match state.filter(|_| lives_s > 0) {
                    Some(state) => {
                        let (tag, expires_at) = (tag.clone(), now.moment + lives);
                        let published = Published { tag, state, expires_at };
                        self.lamps.publications.insert(who, published);
                    }
                    None => self.lamps.publications.remove(who),
                }
                self.lamps.presence_changed(who);
                self.arm_lamps();
                let expires = lives_s.to_string();
                let extra = [("SIP-ETag", tag.as_str()), ("Expires", expires.as_str())];
                self.respond(now, tx, 200, &extra, None);
            }
        }
    }

    /// What is published from now on and for how many seconds, or the status that refuses it: 403 for
    /// somebody else, 412 for a publication that is over (§6), 415 for another kind of document.
    fn published(
        &self,
        flow: Flow,
        request: &Message,
        who: Who,
    ) -> Result<(Option<State>, u32), u16> {
        self.registered_behind_nat(who, flow).ok_or(403_u16)?;
        let uri = Uri::parse(request.uri()).ok_or(404_u16)?;
        let tenant = self.tenants.get(&who.0).ok_or(403_u16)?;
        if tenant.extensions.get(&uri.user_text()) != Some(&who.1) {
            return Err(403);
        }
        let lives_s = self.life_of(request)?;
        let before = self.lamps.publications.get(who);
        let named = request.other("SIP-If-Match");
        if let Some(named) = named
            && before.is_none_or(|before| before.tag.as_bytes() != header::trim(named))
        {
            return Err(412);
        }
        if request.body().is_empty() {
            // It lives on as it is, or ends; without a name there is nothing that could.
            let state = before.map(|before| before.state);
            return if named.is_some() { Ok((state, lives_s)) } else { Err(400) };
        }
        if request.content_type().as_deref() != Some(CONTENT) {
            return Err(415);
        }
        let state = State::parse(request.body()).ok_or(400_u16)?;
        Ok((Some(state), lives_s))
    }
}
