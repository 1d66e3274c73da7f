//! SUBSCRIBE to the calls of a colleague's phone and our NOTIFYs, RFC 6665 with the event package
//! `dialog` (RFC 4235), to their `presence` (RFC 3856), to where they are registered, `reg` (RFC 3680),
//! and to one's own messages, `message-summary` (RFC 3842). Whoever subscribes has proven who they are
//! and does it from where a phone of theirs is registered; the subscription ends with that
//! registration.

use super::core::UserAgent;
use super::dialog::Dialog;
use super::flow::Flow;
use super::header;
use super::lamps::{self, Package, Watch, WatchId};
use super::message::{Message, Method, Name};
use super::parse::is_token;
use super::presence;
use super::receive::Proof;
use super::registrar::Who;
use super::send::Reply;
use super::session::Owner;
use super::timers::Waiting;
use super::trunk::RETRY_AFTER_S;
use super::uri::{Uri, escape_user};
use super::write::unfold;
use crate::switch::Now;
use std::time::Duration;

/// What can be subscribed to. To `refer` subscribes a REFER alone.
pub(super) const ALLOW_EVENTS: &str = "dialog, message-summary, presence, refer, reg";
/// Longest id of an Event header that is given back.
const ID_BYTES_MAX: usize = 64;

impl UserAgent {
    /// SUBSCRIBE outside of a dialog: a phone wants to watch an extension.
    pub(super) fn on_subscribe(&mut self, now: Now, flow: Flow, request: &Message) {
        let Some((package, event)) = event_of(request) else {
            let must = [("Allow-Events", ALLOW_EVENTS.to_owned())];
            return self.reply(now, flow, request, &Reply::with(489, &must));
        };
        let who = match self.prove(now, flow, request) {
            Proof::Agent(who) => who,
            Proof::Trunk(_) => return self.reply(now, flow, request, &Reply::plain(403)),
            Proof::None => return,
        };
        let tag = self.token();
        let Some(tx) = self.start_server(now, flow, request, &tag) else { return };
        match self.watch(now, flow, request, who, &tag, (package, event)) {
            Err(status) => self.refuse_watch(now, tx, status),
            Ok((watch, lives_s)) => {
                let id = (who, self.number());
                self.count("lamps_subscribed");
                self.lamps.insert(id, watch);
                self.accept_watch(now, tx, request, id, lives_s);
            }
        }
    }

    /// The new subscription and its life in seconds, or the status that refuses it.
    fn watch(
        &mut self,
        now: Now,
        flow: Flow,
        request: &Message,
        who: Who,
        tag: &str,
        (package, event): (Package, String),
    ) -> Result<(Watch, u32), u16> {
        let nat = self.registered_behind_nat(who, flow).ok_or(403_u16)?;
        let uri = Uri::parse(request.uri()).ok_or(404_u16)?;
        let tenant = self.tenants.get(&who.0).ok_or(403_u16)?;
        let watched = *tenant.extensions.get(&uri.user_text()).ok_or(404_u16)?;
        // How many messages wait for somebody is nobody else's business.
        if package == Package::Messages && watched != who.1 {
            return Err(403);
        }
        let lives_s = self.life_of(request)?;
        // A phone that was started anew does not know of its subscriptions of before.
        let same = self.lamps.of(Some(who)).find(|(_, watch)| {
            watch.flow == flow && watch.watched == watched && watch.event == event
        });
        if let Some(id) = same.map(|(id, _)| id) {
            self.lamps.remove(id);
        }
        let limits = self.config.lamps;
        let of_phone = self.lamps.of(Some(who)).filter(|(_, watch)| watch.flow == flow).count();
        if of_phone >= limits.of_phone_max {
            return Err(403);
        }
        if self.lamps.len() >= limits.lamps_max {
            return Err(503);
        }
        let dialog = Dialog::from_request(request, tag, 0).ok_or(400_u16)?;
        let hop = self.hop_to(dialog.next_hop(), flow, nat && !dialog.has_routes());
        let expires_at = now.moment + Duration::from_secs(u64::from(lives_s));
        Ok((Watch::new(watched, dialog, hop, flow, event, expires_at), lives_s))
    }

    /// Whether a NAT stands before this agent's phone; `None` where none is registered there.
    pub(super) fn registered_behind_nat(&self, who: Who, flow: Flow) -> Option<bool> {
        let bindings = self.registrar.bindings(who);
        bindings.iter().find(|binding| binding.flow == flow).map(|binding| binding.nat)
    }

    /// Zero asks what there is, once, or ends the subscription (RFC 6665 §4.4.3).
    pub(super) fn life_of(&self, request: &Message) -> Result<u32, u16> {
        let limits = self.config.lamps;
        match request.number(Name::Expires) {
            None => Ok(limits.expires_max_s),
            Some(asked) if asked > 0 && asked < limits.expires_min_s => Err(423),
            Some(asked) => Ok(asked.min(limits.expires_max_s)),
        }
    }

    /// A request in the dialog of a subscription: it is refreshed or ended.
    pub(super) fn on_resubscribe(&mut self, now: Now, flow: Flow, request: &Message, id: WatchId) {
        let event = event_of(request);
        let named = event.map(|(_, event)| event);
        let is_it = self.lamps.get(id).is_some_and(|watch| named.as_ref() == Some(&watch.event));
        if request.method() != Method::Subscribe || !is_it {
            return self.reply(now, flow, request, &Reply::plain(481));
        }
        match self.prove(now, flow, request) {
            Proof::Agent(who) if who == id.0 => {}
            Proof::Agent(_) | Proof::Trunk(_) => {
                return self.reply(now, flow, request, &Reply::plain(403));
            }
            Proof::None => return,
        }
        let Some(tx) = self.start_server(now, flow, request, "") else { return };
        let refreshed = match self.registered_behind_nat(id.0, flow) {
            Some(nat) => self.life_of(request).map(|lives_s| (nat, lives_s)),
            None => Err(403),
        };
        let number = request.cseq().map_or(0, |cseq| cseq.number);
        let Some(watch) = self.lamps.get_mut(id) else { return };
        // An older request overtook: 500 (RFC 3261 §12.2.2).
        if !watch.dialog.on_remote_seq(number) {
            return self.refuse_watch(now, tx, 500);
        }
        match refreshed {
            Err(status) => self.refuse_watch(now, tx, status),
            Ok((nat, lives_s)) => {
                watch.dialog.refresh_target(request);
                let dialog = watch.dialog.clone();
                let hop = self.hop_to(dialog.next_hop(), flow, nat && !dialog.has_routes());
                if let Some(watch) = self.lamps.get_mut(id) {
                    (watch.flow, watch.hop) = (flow, hop);
                }
                let expires_at = now.moment + Duration::from_secs(u64::from(lives_s));
                self.lamps.refresh(id, expires_at);
                self.accept_watch(now, tx, request, id, lives_s);
            }
        }
    }

    pub(super) fn refuse_watch(&mut self, now: Now, tx: u64, status: u16) {
        self.count("lamps_refused");
        let min = self.config.lamps.expires_min_s.to_string();
        let after = RETRY_AFTER_S.to_string();
        let extra = match status {
            423 => vec![("Min-Expires", min.as_str())],
            503 => vec![("Retry-After", after.as_str())],
            _ => Vec::new(),
        };
        self.respond(now, tx, status, &extra, None);
    }

    /// 200, and a NOTIFY at once: with no life it is the last one.
    fn accept_watch(&mut self, now: Now, tx: u64, request: &Message, id: WatchId, lives_s: u32) {
        let Some(watch) = self.lamps.get(id) else { return };
        let contact = self.seen(&watch.hop, Some(watch.flow.remote)).contact();
        let expires = lives_s.to_string();
        let routes: Vec<String> = request
            .list(Name::RecordRoute)
            .map(|route| String::from_utf8_lossy(&unfold(route)).into_owned())
            .collect();
        let mut extra = vec![("Contact", contact.as_str()), ("Expires", expires.as_str())];
        extra.extend(routes.iter().map(|route| ("Record-Route", route.as_str())));
        self.respond(now, tx, 200, &extra, None);
        if lives_s == 0 {
            self.end_watch(now, id, "timeout");
        }
        self.arm_lamps();
    }

    /// What phones watched before a restart, where they are still registered; they are told how it is.
    pub(super) fn restore_lamps(&mut self, now: Now, who: Who, kept: Vec<(u64, Watch)>) {
        for (number, mut watch) in kept {
            let is_there = self.registered_behind_nat(who, watch.flow).is_some();
            if is_there && watch.expires_at > now.moment {
                self.numbered = self.numbered.max(number);
                watch.go_on();
                self.lamps.insert((who, number), watch);
                self.count("lamps_restored");
            }
        }
        self.arm_lamps();
    }

    pub(super) fn arm_lamps(&mut self) {
        self.timers.set(Waiting::Lamps, self.lamps.next_timeout());
    }

    pub(super) fn on_lamps_timeout(&mut self, now: Now) {
        while let Some(id) = self.lamps.expired(now.moment) {
            self.end_watch(now, id, "timeout");
        }
        while let Some(who) = self.lamps.publications.take_over(now.moment) {
            self.lamps.presence_changed(who);
        }
        self.arm_lamps();
    }

    /// Tells those who watch what changed in this step.
    pub(super) fn settle_lamps(&mut self, now: Now) {
        while let Some(id) = self.lamps.take_due() {
            if self.lamps.get_mut(id).is_some_and(Watch::begin)
                && let Some(watch) = self.lamps.get(id)
            {
                let left_s = watch.expires_at.since(now.moment).as_secs();
                let state = format!("active;expires={left_s}");
                self.notify_watch(now, id, &state, Owner::Lamp(id));
            }
        }
    }

    /// The last NOTIFY (RFC 6665 §4.1.3), and the subscription is over.
    fn end_watch(&mut self, now: Now, id: WatchId, reason: &str) {
        let state = format!("terminated;reason={reason}");
        self.notify_watch(now, id, &state, Owner::Nobody);
        self.lamps.remove(id);
    }

    fn notify_watch(&mut self, now: Now, id: WatchId, state: &str, owner: Owner) {
        let branch = format!("z9hG4bK{}", self.token());
        let Some(watch) = self.lamps.get(id) else { return };
        let (hop, event, watched) = (watch.hop.clone(), watch.event.clone(), watch.watched);
        let seen = self.seen(&hop, Some(watch.flow.remote));
        let tenant = id.0.0;
        let agent = self.tenants.get(&tenant).and_then(|tenant| tenant.agents.get(&watched));
        let agent = agent.cloned();
        let calls = self.lamps.calls((tenant, watched));
        let names = self.pickup_names(&calls);
        let talks = self.lamps.talks((tenant, watched));
        let said = self.lamps.publications.get((tenant, watched)).map(|said| said.state);
        let messages = self.tenants.get(&tenant).and_then(|tenant| tenant.messages.get(&watched));
        let messages = messages.copied().unwrap_or_default();
        let bindings = self.registrar.bindings((tenant, watched));
        let Some(watch) = self.lamps.get_mut(id) else { return };
        let content = watch.package().content();
        // Of who has left the plan there is nothing to say.
        let body = agent.map_or_else(String::new, |(user, name)| {
            let entity = format!("sip:{}@{}", escape_user(&user), seen.address);
            match watch.package() {
                Package::Dialog => watch.document(&entity, &name, calls, &names),
                Package::Messages => lamps::summary(&entity, messages),
                Package::Presence => presence::document(&entity, !bindings.is_empty(), talks, said),
                Package::Registrations => watch.reginfo(&entity, now.moment, bindings),
            }
        });
        let mut builder = watch.dialog.request("NOTIFY", &seen.via(&branch), None);
        self.dialog_headers(&mut builder, &seen);
        builder.header("Event", &event).header("Subscription-State", state);
        match builder.finish(content, body.as_bytes()) {
            Ok(bytes) => {
                self.count("lamps_told");
                self.start_client(now, hop, &branch, bytes, owner);
            }
            Err(error) => tracing::error!(%error, "a NOTIFY was not built"),
        }
    }

    /// A phone that does not know the subscription has none (RFC 6665 §4.2.2, RFC 5057 §5.1); with
    /// whatever else it says it goes on.
    pub(super) fn on_lamp_response(&mut self, id: WatchId, status: u16) {
        match status {
            ..200 => {}
            404 | 405 | 408 | 410 | 416 | 481 | 489 | 501 | 604 => self.on_lamp_failed(id),
            _ => {
                let Some(watch) = self.lamps.get_mut(id) else { return };
                if status >= 300 {
                    watch.refused();
                }
                if watch.answered() {
                    self.lamps.mark(id);
                }
            }
        }
    }

    /// No answer to a NOTIFY came, or it could not be sent: nobody is there.
    pub(super) fn on_lamp_failed(&mut self, id: WatchId) {
        if self.lamps.remove(id).is_some() {
            self.count("lamps_lost");
        }
    }

    /// Those who watch where an agent is registered are to be told what changed.
    pub(super) fn note_contacts(&mut self) {
        for (who, left) in self.registrar.take_news() {
            self.lamps.contacts_changed(who, self.registrar.bindings(who), &left);
        }
    }

    /// Ends what phones watch that are registered no more, and where there is nobody to be watched
    /// any more; of one agent's phones or of all.
    pub(super) fn prune_lamps(&mut self, now: Now, who: Option<Who>) {
        let why = |(id, watch): (WatchId, &Watch)| {
            if self.registered_behind_nat(id.0, watch.flow).is_none() {
                return Some((id, "timeout"));
            }
            let tenant = self.tenants.get(&id.0.0);
            let is_there = tenant.is_some_and(|tenant| tenant.agents.contains_key(&watch.watched));
            (!is_there).then_some((id, "noresource"))
        };
        let gone: Vec<(WatchId, &str)> = self.lamps.of(who).filter_map(why).collect();
        for (id, reason) in gone {
            self.end_watch(now, id, reason);
        }
    }
}

/// Our Event header for this request: the package that we have, with the id that theirs names.
fn event_of(request: &Message) -> Option<(Package, String)> {
    let value = request.first(Name::Event)?;
    let word = value.split(|&b| b == b';').next().map(header::trim)?;
    let package = Package::ALL.into_iter().find(|known| word == known.text().as_bytes())?;
    let text = package.text();
    let Some(id) = header::param(value, "id") else { return Some((package, text.to_owned())) };
    let fits = is_token(id) && id.len() <= ID_BYTES_MAX;
    fits.then(|| (package, format!("{text};id={}", String::from_utf8_lossy(id))))
}
