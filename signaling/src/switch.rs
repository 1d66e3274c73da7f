//! Routes inputs to the machines and merges their outputs. Knows who gets what; decides nothing.
//!
//! [`Switch::handle_input`] takes both clocks and one input, [`Switch::poll_output`] gives what is
//! to be done, [`Switch::next_timeout`] says when it wants to be woken. The same inputs and the same
//! seed give the same outputs.

mod areas;
mod asks;
mod bot;
mod callbacks;
mod callers;
mod conferences;
mod config;
mod consult;
mod inside;
mod join;
mod keep;
mod leases;
mod lines;
mod lost;
mod mailbox;
mod metrics;
mod order;
mod park;
mod phones;
mod pickup;
mod plan;
mod quality;
mod remembered;
mod replace;
#[doc(hidden)]
pub mod rig;
mod settings;
mod sql;
#[cfg(test)]
mod tests;
mod texts;
mod traces;
mod transfer;
mod trunks;
mod world;

pub use crate::calling::Limits as OutLimits;
pub(crate) use areas::Stop;
pub use bot::{BotAsk, BotDone};
pub use config::Config;
pub(crate) use leases::{Binding, Found as LeaseFound};
pub(crate) use lines::{Key as LineKey, Lines};
pub use order::OrderAsk;
pub(crate) use plan::{Calling, Compiled, Dialled, is_dialable};
pub(crate) use remembered::Remembered;
pub use sql::{SqlAsk, SqlDone};
pub(crate) use texts::Texting;
pub(crate) use traces::Trace;
pub(crate) use world::{CallbackPlace, Cx, FaxOf, RecordingOf, World};

use crate::acd;
use crate::call::{self, Call};
use crate::conference::Conference;
use crate::sip::user_agent;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use terms::{AgentId, CallId, LegId, Moment, TenantId, Timestamp, control, event, media};

/// Both clocks, read once per input at the edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// For durations.
    pub moment: Moment,
    /// For what is written down.
    pub wall: Timestamp,
}

/// What keys of audio are made of: 32 bytes from the system's randomness, outside of tests. Nothing
/// shows them.
#[derive(Clone)]
pub struct Secret(pub [u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What the switch is told.
#[expect(
    clippy::large_enum_variant,
    reason = "an input is passed by value once; the edge keeps those that wait in boxes"
)]
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// From the SIP core.
    Sip(user_agent::Event),
    /// From mediacore.
    Media(media::Event),
    /// From the API.
    Ask(control::Request),
    /// An HTTP step's request ended.
    Http(HttpDone),
    /// A SQL step's question ended.
    Sql(SqlDone),
    /// A talk with a bot ended.
    Bot(BotDone),
    /// `next_timeout` is reached.
    Timeout,
}

/// What the switch wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// To the SIP core.
    Sip(user_agent::Command),
    /// To mediacore.
    Media(media::Command),
    /// To the event log; `seq` is given by its writer.
    Log(Box<event::Entry>),
    /// A text that came in, to the event log; then the SIP core is told whether it stands there.
    TextCame {
        /// Names the answer.
        tx: u64,
        /// What is written.
        entry: Box<event::Entry>,
    },
    /// A text that is to go out, to the SIP core.
    TextGoes(Box<user_agent::TextOut>),
    /// To the API.
    Answer(control::Response),
    /// An HTTP step's request; exactly one [`HttpDone`] answers it.
    Http(HttpAsk),
    /// A SQL step's question; exactly one [`SqlDone`] answers it.
    Sql(Box<SqlAsk>),
    /// A question of an order step; exactly one [`SqlDone`] answers it.
    Order(Box<OrderAsk>),
    /// A talk of a bot step; exactly one [`BotDone`] answers it.
    Bot(Box<BotAsk>),
}

/// A request of an HTTP step.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpAsk {
    /// Names the answer.
    pub id: u64,
    /// For the log.
    pub call: CallId,
    /// `GET` or `POST`.
    pub method: String,
    /// Variables are already filled in, percent-encoded.
    pub url: String,
    /// JSON body of a POST.
    pub body: Option<serde_json::Value>,
    /// The edge gives up after this long.
    pub timeout: Duration,
}

/// The end of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpDone {
    /// Of the request.
    pub id: u64,
    /// Status and JSON body, or why it failed.
    pub result: Result<(u16, serde_json::Value), String>,
}

/// All calls of all tenants of one signaling thread.
#[derive(Debug)]
pub struct Switch {
    world: World,
    /// In boxes: those that move when one comes or goes are large.
    calls: BTreeMap<CallId, Box<Call>>,
    timers: BTreeSet<(Moment, CallId)>,
    drain: Option<Drain>,
    /// Calls that changed, for those who keep them.
    touched: BTreeSet<CallId>,
    measuring: quality::Measuring,
}

/// The box takes no new calls and says when the last one has ended.
#[derive(Clone, Copy, Debug)]
struct Drain {
    /// Whom to answer; nobody once answered.
    request: Option<u64>,
    until: Moment,
    /// Time was up: what was left is being ended.
    forced: bool,
}

impl Switch {
    /// A switch without tenants; plans bring them. `seed` makes session ids, `secret` keys of audio.
    pub fn new(config: Config, seed: u64, secret: Secret) -> Self {
        Switch {
            world: World::new(config, seed, secret),
            calls: BTreeMap::new(),
            timers: BTreeSet::new(),
            drain: None,
            touched: BTreeSet::new(),
            measuring: quality::Measuring::default(),
        }
    }

    /// Something happened.
    pub fn handle_input(&mut self, now: Now, input: Input) {
        match input {
            Input::Sip(event) => self.on_sip(now, event),
            Input::Media(event) => self.on_media(now, event),
            Input::Ask(request) => self.on_ask(now, request),
            Input::Http(done) => self.on_http(now, done),
            Input::Sql(done) => self.on_sql(now, done),
            Input::Bot(done) => self.on_bot(now, done),
            Input::Timeout => self.on_timeout(now),
        }
        self.settle(now);
    }

    /// What is to be done, one after the other, until `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.world.outputs.pop_front()
    }

    /// When [`Input::Timeout`] is due.
    pub fn next_timeout(&self) -> Option<Moment> {
        let calls = self.timers.first().map(|&(at, _)| at);
        let queues = self.world.tenants.values().filter_map(|tenant| tenant.acd.next_timeout());
        let drain = self.drain.filter(|drain| !drain.forced).map(|drain| drain.until);
        let meetings = self.world.conferences.values().filter_map(Conference::next_timeout);
        let timeouts = queues.chain(calls).chain(drain).chain(meetings);
        let calling = self.world.calls_out.next_timeout();
        timeouts.chain(self.measuring.next_timeout()).chain(calling).min()
    }

    /// Calls that are alive.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    fn on_sip(&mut self, now: Now, event: user_agent::Event) {
        use user_agent::Event as E;
        match event {
            E::Incoming(incoming) => self.on_incoming(now, *incoming),
            E::Registered { tenant, agent, registered } => {
                if let Some(tenant) = self.world.tenants.get_mut(&tenant) {
                    tenant.acd.registered(now, agent, registered);
                }
            }
            E::Browser { tenant, agent, present: true } => {
                self.world.browsers.insert((tenant, agent));
                self.page_came(now, tenant, agent);
            }
            E::Browser { tenant, agent, present: false } => {
                self.world.browsers.remove(&(tenant, agent));
            }
            E::AppsAlone { tenant, agent, phones, browsers } => {
                self.apps_alone(now, (tenant, agent), phones, browsers);
            }
            E::TextCame(came) => self.text_came(now, *came),
            E::TextDone { id, status } => self.text_done(now, id, status),
            E::Trunk { tenant, trunk, down, rests } => {
                if let Some(tenant) = self.world.tenants.get_mut(&tenant) {
                    tenant.trunks.set_down(trunk, down, rests);
                }
            }
            E::Refer { leg, replaces: Some(named), .. } if self.joins_calls(now, leg, named) => {}
            other => {
                if let Some(leg) = leg_of(&other) {
                    self.with_leg(now, leg, |call, cx| call.on_sip(cx, leg, other));
                }
            }
        }
    }

    fn on_incoming(&mut self, now: Now, incoming: user_agent::Incoming) {
        let (incoming, phone) = self.by_who_is_there(incoming);
        if self.joins(now, &incoming)
            || self.replaces(now, &incoming)
            || self.dials_back(now, &incoming)
            || self.dials_pickup(now, &incoming)
            || self.dials_parked(now, &incoming)
            || self.dials_consultation(now, &incoming)
        {
            return;
        }
        let over = self.drain.is_some() || self.calls.len() >= self.world.config.calls_max;
        let mut cx = Cx { now, world: &mut self.world };
        cx.world.calls_begun += 1;
        let call = call::incoming(&mut cx, incoming, phone, over);
        let id = call.id;
        self.calls.insert(id, Box::new(call));
        self.rang_in(now, id);
        self.after(now, id);
    }

    fn on_media(&mut self, now: Now, event: media::Event) {
        use media::Event as E;
        let leg = match &event {
            E::Recorded(ledger) => return self.recorded(now, ledger),
            E::Measured { leg, quality } => return self.measured(*leg, quality),
            E::FaxDone { leg, outcome } => {
                // The call may have ended long ago.
                self.world.faxed(now, *leg, outcome);
                *leg
            }
            E::Opened { leg, .. }
            | E::OpenFailed { leg, .. }
            | E::Unknown { leg }
            | E::Digit { leg, .. }
            | E::PlayDone { leg, .. }
            | E::Silent { leg, .. }
            | E::Heard { leg }
            | E::Failed { leg, .. }
            | E::Learned { leg, .. }
            | E::Progress { leg, .. }
            | E::Released { leg, .. } => *leg,
        };
        self.with_leg(now, leg, |call, cx| call.on_media(cx, leg, event));
    }

    /// A recording is on disk, or never will be: the caller who speaks into it need not go on.
    fn recorded(&mut self, now: Now, ledger: &media::Ledger) {
        self.world.recorded(now, ledger.clone());
        if ledger.state == media::RecordingState::Refused {
            let recording = ledger.recording;
            self.with_call(now, ledger.call, |call, cx| call.recording_refused(cx, recording));
        }
    }

    fn on_http(&mut self, now: Now, done: HttpDone) {
        if let Some(id) = self.world.requests.remove(&done.id) {
            self.with_call(now, id, |call, cx| call.on_http(cx, done));
        }
    }

    fn on_timeout(&mut self, now: Now) {
        for tenant in self.world.tenants.values_mut() {
            tenant.acd.handle_timeout(now);
        }
        self.give_up_measuring(now);
        self.bars_timeout(now);
        self.conferences_timeout(now);
        self.settle(now);
        while let Some(&(at, id)) = self.timers.first() {
            if at > now.moment {
                break;
            }
            self.with_call(now, id, Call::on_timeout);
        }
    }

    /// A leg that is gone, or that was never ours, changes nothing: hang-ups cross on the wire.
    fn with_leg(&mut self, now: Now, leg: LegId, tell: impl FnOnce(&mut Call, &mut Cx)) {
        if let Some(&id) = self.world.legs.get(&leg) {
            self.with_call(now, id, tell);
        }
    }

    fn with_call(&mut self, now: Now, id: CallId, tell: impl FnOnce(&mut Call, &mut Cx)) {
        if let Some(call) = self.calls.get_mut(&id) {
            tell(call, &mut Cx { now, world: &mut self.world });
            self.after(now, id);
        }
    }

    /// Puts the call's timer where it belongs, and forgets a call that has ended.
    fn after(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.settle_interjection(&mut Cx { now, world: &mut self.world });
        if self.world.config.keeps {
            self.touched.insert(id);
        }
        let (over, tenant) = (call.is_over(), call.tenant);
        let due = call.next_timeout().filter(|_| !over);
        let next = due.map(|at| at.max(Moment(now.moment.0 + 1)));
        if call.listed != next {
            if let Some(old) = std::mem::replace(&mut call.listed, next) {
                self.timers.remove(&(old, id));
            }
            self.timers.extend(next.map(|at| (at, id)));
        }
        if over {
            self.calls.remove(&id);
            let limits = self.world.config.out;
            self.world.calls_out.ended(now, &limits, id);
            if let Some(leases) = self.world.leases.get_mut(&tenant) {
                leases.call_ended(now.moment, id);
            }
            self.rang_off(now, id);
        }
    }

    /// Tells the calls what distributors and meetings decided, until nobody has anything to say.
    fn settle(&mut self, now: Now) {
        self.settle_queues(now);
        while let Some((call, order)) = self.world.orders.pop_front() {
            self.with_call(now, call, |call, cx| call.on_order(cx, order));
            self.settle_queues(now);
        }
        self.settle_summons(now);
        self.settle_bars(now);
        self.settle_drain(now);
        if self.settle_lines(now) {
            self.settle(now);
        }
    }

    fn settle_distributors(&mut self, now: Now) {
        let tenants: Vec<TenantId> = self.world.tenants.keys().copied().collect();
        for tenant in tenants {
            while let Some(output) =
                self.world.tenants.get_mut(&tenant).and_then(|tenant| tenant.acd.poll_output())
            {
                // A line that is free again is free for who is offered next.
                self.settle_lines(now);
                self.on_distributor(now, tenant, output);
            }
        }
    }

    fn on_distributor(&mut self, now: Now, tenant: TenantId, output: acd::Output) {
        use acd::Output as O;
        match output {
            O::Offer { visit, call, agent, choice, .. } => {
                self.with_call(now, call, |call, cx| call.offer(cx, visit, agent, choice));
            }
            O::OfferEnded { visit, call, agent, end, .. } => {
                self.with_call(now, call, |call, cx| call.offer_ended(cx, visit, agent, end));
            }
            O::FlowOut { visit, call, reason } => {
                self.with_call(now, call, |call, cx| call.flow_out(cx, visit, reason));
            }
            O::Claimed { agent, call } => {
                if !self.calls.contains_key(&call) {
                    return self.give_back(now, tenant, agent, call);
                }
                self.with_call(now, call, |call, cx| call.claimed(cx, agent));
            }
            O::ClaimOver { agent, call } => {
                self.with_call(now, call, |call, cx| call.claim_over(cx, agent));
            }
            O::AgentChanged(changed) => {
                let (agent, activity) = (changed.agent, changed.activity);
                let contact = changed.call.and_then(|id| self.calls.get(&id)).map(|c| c.contact);
                self.world.log(event::Entry {
                    v: event::ENTRY_VERSION,
                    seq: 0,
                    at: now.wall,
                    tenant,
                    contact,
                    call: changed.call,
                    leg: None,
                    kind: event::Kind::AgentChanged {
                        agent: changed.agent,
                        activity: changed.activity,
                        reason: changed.reason,
                        queue: changed.queue,
                        skill_set: changed.skill_set,
                    },
                });
                self.line_follows(now, (tenant, agent), activity);
            }
        }
    }
}

impl Switch {
    /// An agent was reserved for a call that has ended meanwhile.
    fn give_back(&mut self, now: Now, tenant: TenantId, agent: AgentId, call: CallId) {
        if let Some(tenant) = self.world.tenants.get_mut(&tenant) {
            tenant.acd.release(now, agent, call, None);
        }
    }
}

fn leg_of(event: &user_agent::Event) -> Option<LegId> {
    use user_agent::Event as E;
    match event {
        E::Incoming(incoming) => Some(incoming.leg),
        E::Registered { .. }
        | E::Browser { .. }
        | E::AppsAlone { .. }
        | E::TextCame(_)
        | E::TextDone { .. }
        | E::Trunk { .. } => None,
        E::Progress { leg, .. }
        | E::Answered { leg, .. }
        | E::Failed { leg, .. }
        | E::Acked { leg, .. }
        | E::Ended { leg, .. }
        | E::Offer { leg, .. }
        | E::OfferAccepted { leg, .. }
        | E::OfferRejected { leg, .. }
        | E::Refer { leg, .. }
        | E::Digit { leg, .. } => Some(*leg),
    }
}

impl Switch {
    /// Looks for a state that must not be: see [`acd::Distributor::audit`], and what calls leave
    /// behind when the last one has ended.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn audit(&self) -> Result<(), String> {
        self.world.tenants.values().try_for_each(|tenant| tenant.acd.audit())?;
        self.audit_conferences()?;
        self.audit_slots()?;
        self.audit_callbacks()?;
        self.audit_lines()?;
        let on_trunks: u32 = self.world.tenants.values().map(|tenant| tenant.trunks.calls()).sum();
        let left = self.world.legs.len() + on_trunks as usize + self.timers.len();
        if self.calls.is_empty() && !self.world.inside.is_empty() {
            return Err("no call is left, but somebody is on the line".to_owned());
        }
        if self.calls.is_empty() && left > 0 {
            return Err(format!(
                "no call is left, but {} legs, {on_trunks} trunk calls and {} timers are",
                self.world.legs.len(),
                self.timers.len()
            ));
        }
        Ok(())
    }
}

/// Random operations on calls, read from `bytes`; for fuzzing.
///
/// # Panics
/// When the books do not balance.
pub fn fuzz_call_ops(bytes: &[u8]) {
    rig::run_ops(bytes);
}
