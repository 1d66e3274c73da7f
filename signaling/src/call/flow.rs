//! The call in an IVR flow: the interpreter decides, the call plays, asks and hands on.

use super::hearing::FAX;
use super::queue::Aside;
use super::timers::Timer;
use super::voicemail::MessageFor;
use super::{Call, Next, Phase, dial};
use crate::ivr::run::{self, Effect, Hand, Input, Manner, Run, Told};
use crate::switch::{Compiled, Cx, HttpAsk, HttpDone};
use std::sync::Arc;
use terms::event::{Kind, Party};
use terms::media::{Command, PlayEnd, Playback};
use terms::routing::Target;
use terms::{Category, FlowId, LegId, PlaybackId, QueueId};

/// A run and what surrounds it.
#[derive(Debug)]
pub(super) struct Flowing {
    pub flow: FlowId,
    pub version: u32,
    pub run: Run,
    /// The request that is awaited; answers to older ones are dropped.
    request: Option<u64>,
    /// The voice of the bot that has the caller, in the recording.
    pub bot: Option<LegId>,
    /// The place in a queue that is kept while the caller walks through other steps.
    pub aside: Option<Box<Aside>>,
    /// The queue that a step named last: an overflow may have led on from there.
    pub line: Option<QueueId>,
}

fn run_cx<'a>(plan: &'a Compiled, language: Option<&'a str>, cx: &Cx) -> run::Cx<'a> {
    let terms::routing::Plan { hours, language: tenants, .. } = &plan.plan;
    let language = language.unwrap_or(tenants);
    run::Cx { now: cx.now, hours, zone: plan.zone, language, flows: plan.flows() }
}

impl Call {
    /// The call enters a flow, in the version that was live when the call began.
    pub(super) fn start_flow(&mut self, cx: &mut Cx, id: FlowId) {
        self.leave_aside(cx);
        let Some((version, flow)) = self.plan.flow(id) else {
            return self.strand(cx);
        };
        self.story.heard = true;
        self.story.flows += 1;
        self.log(cx, Some(self.anchor), Kind::IvrIn { flow: id, version });
        let (call, contact) = (self.id.to_string(), self.contact.to_string());
        let worker = self.worker_who_calls();
        let region = self.region().unwrap_or_default();
        let plan = Arc::clone(&self.plan);
        let known = plan.known_caller(self.customer());
        let given = [
            ("caller", self.caller.normal.as_str()),
            ("called", self.called.normal.as_str()),
            ("call", &call),
            ("contact", &contact),
            ("language", self.language()),
            (FAX, self.hearing.fax()),
            ("worker", &worker),
            ("caller_province", &region.province),
            ("caller_city", &region.city),
            ("caller_vip", if known.is_some_and(|known| known.vip) { "yes" } else { "no" }),
            ("caller_class", known.map_or("", |known| known.class.as_str())),
            ("category", self.category.map_or("", Category::text)),
        ];
        let walk = format!("{call}/{}", self.story.flows);
        let around = run_cx(&self.plan, self.language.as_deref(), cx);
        let run = Run::start(flow, &around, &given, &walk);
        let (request, bot, aside, line) = (None, None, None, None);
        self.flow = Some(Box::new(Flowing { flow: id, version, run, request, bot, aside, line }));
        self.phase = Phase::Ivr;
        self.listen_for_fax(cx);
        self.pump_flow(cx);
    }

    pub(super) fn flow_digit(&mut self, cx: &mut Cx, digit: char) {
        self.feed_flow(cx, Input::Digit(digit));
    }

    /// The key ends an entry of the flow that was complete without it.
    pub(super) fn flow_swallows(&mut self, cx: &Cx, digit: char) -> bool {
        let now = cx.now.moment;
        self.flow.as_mut().is_some_and(|flowing| flowing.run.swallows(now, digit))
    }

    pub(super) fn flow_play_done(&mut self, cx: &mut Cx, end: &PlayEnd) {
        let unheard = matches!(end, PlayEnd::Missing(_));
        self.feed_flow(cx, if unheard { Input::Unheard } else { Input::PlayDone });
    }

    /// Whether the call is with a step of one of these kinds that has a way for what fails there.
    pub(super) fn step_catches(&self, kinds: &[&str]) -> bool {
        self.flow.as_ref().is_some_and(|flowing| flowing.run.catches(kinds))
    }

    pub(super) fn flow_timeout(&mut self, cx: &mut Cx) {
        self.feed_flow(cx, Input::Timeout);
    }

    pub(super) fn flow_http(&mut self, cx: &mut Cx, done: HttpDone) {
        if self.takes_request(done.id) {
            self.feed_flow(cx, Input::Http(done.result));
        }
    }

    /// The flow waits for the answer to this request, and no other.
    pub(super) fn await_request(&mut self, id: u64) {
        if let Some(flowing) = &mut self.flow {
            flowing.request = Some(id);
        }
    }

    /// True once for the request that is awaited; answers to older ones are dropped.
    pub(super) fn takes_request(&mut self, id: u64) -> bool {
        self.flow
            .as_mut()
            .is_some_and(|flowing| flowing.request.take_if(|own| *own == id).is_some())
    }

    /// The call comes back to its flow by `edge`. False when the flow does not want it.
    pub(super) fn follow_flow(&mut self, cx: &mut Cx, edge: &str) -> bool {
        let Some(flowing) = &mut self.flow else { return false };
        let follows = flowing.run.follow(&run_cx(&self.plan, self.language.as_deref(), cx), edge);
        if follows {
            self.phase = Phase::Ivr;
            self.pump_flow(cx);
        }
        follows
    }

    /// The step that gave the call away is left for good.
    pub(super) fn left_flow(&mut self, cx: &mut Cx, exit: &str) {
        if let Some(flowing) = &mut self.flow {
            flowing.run.left(exit);
            self.pump_flow(cx);
        }
    }

    /// The caller hung up: the flow may still note it somewhere.
    pub(super) fn flow_caller_gone(&mut self, cx: &mut Cx) {
        let Some(flowing) = &mut self.flow else { return };
        flowing.run.caller_gone(&run_cx(&self.plan, self.language.as_deref(), cx));
        self.pump_flow(cx);
    }

    pub(super) fn feed_flow(&mut self, cx: &mut Cx, input: Input) {
        let Some(flowing) = &mut self.flow else { return };
        flowing.run.handle(&run_cx(&self.plan, self.language.as_deref(), cx), input);
        self.pump_flow(cx);
    }

    fn pump_flow(&mut self, cx: &mut Cx) {
        while let Some(effect) = self.flow.as_mut().and_then(|flowing| flowing.run.poll_effect()) {
            self.do_effect(cx, effect);
        }
        let next = self.flow.as_ref().and_then(|flowing| flowing.run.next_timeout());
        self.timers.set_or_clear(Timer::Flow, next);
        if self.flow.as_ref().is_some_and(|flowing| flowing.run.is_over()) {
            self.try_finish(cx);
        }
    }

    fn do_effect(&mut self, cx: &mut Cx, effect: Effect) {
        let live = self.ending.is_none();
        match effect {
            Effect::Play { sources, manner } if live => {
                let Manner { interruptible, times, start_ms, stop_keys } = manner;
                let once = Playback::once(PlaybackId(0), sources);
                let order = Playback { interruptible, times, start_ms, stop_keys, ..once };
                if !self.play_order(cx, self.anchor, order) {
                    self.feed_flow(cx, Input::PlayDone);
                }
            }
            Effect::Seek(to) if live => self.seek(cx, self.anchor, to),
            Effect::StopPlay if live => self.stop_play(cx, self.anchor),
            Effect::Hand(hand) if live => self.hand(cx, hand),
            Effect::Bot(talk) if live => self.speak_with_bot(cx, talk),
            Effect::BotKey(key) if live => cx.media(Command::BotKey { leg: self.anchor, key }),
            Effect::BotStop if live => self.take_from_bot(cx),
            Effect::Play { .. }
            | Effect::Seek(_)
            | Effect::StopPlay
            | Effect::Bot(_)
            | Effect::BotKey(_)
            | Effect::BotStop
            | Effect::Hand(_) => {}
            Effect::Language(language) => self.language = Some(language),
            Effect::Http { method, url, body, timeout } => {
                let call = self.id;
                let id = cx.http(call, |id| HttpAsk { id, call, method, url, body, timeout });
                self.await_request(id);
            }
            Effect::Sql(query) => self.ask_database(cx, query),
            Effect::Order(query) => self.ask_order(cx, query),
            Effect::Load(queue) => {
                let load = cx.acd(self.tenant).and_then(|acd| acd.load(queue));
                self.feed_flow(cx, Input::Load(load));
            }
            Effect::Tell(Told { of, event, data }) => {
                let Some(flowing) = &self.flow else { return };
                let (flow, version) = of.unwrap_or((flowing.flow, flowing.version));
                let kind = Kind::FlowTold { flow, version, event, data };
                self.log(cx, Some(self.anchor), kind);
            }
            Effect::Consent(agreed) => self.flow_learns_consent(cx, agreed),
            Effect::Left(left) => {
                let Some(flowing) = &self.flow else { return };
                let (flow, version) = left.of.unwrap_or((flowing.flow, flowing.version));
                let kind = Kind::IvrStep {
                    flow,
                    version,
                    step: left.step,
                    kind: left.kind.to_owned(),
                    entered_at: left.entered_at,
                    exit: left.exit,
                    digits: left.digits,
                };
                self.log(cx, Some(self.anchor), kind);
            }
        }
    }

    /// A step gives the call to another machine; what cannot be done comes back by `error`.
    fn hand(&mut self, cx: &mut Cx, hand: Hand) {
        if let Hand::Enqueue { queue, .. } = &hand
            && self.back_in_line(cx, *queue)
        {
            return;
        }
        self.leave_aside(cx);
        if !self.may_hop(cx) {
            return;
        }
        match hand {
            Hand::Enqueue { queue, priority } => {
                if self.turned_to_refused(cx, queue) || self.dissuade(cx, queue) {
                    return;
                }
                if let Some(flowing) = &mut self.flow {
                    flowing.line = Some(queue);
                }
                if !self.enqueue(cx, queue, priority, None) && !self.follow_flow(cx, "error") {
                    self.strand(cx);
                }
            }
            Hand::Area { by, code } => self.hunt_area(cx, by, &code),
            Hand::Voicemail { queue } => self.message_by_flow(cx, MessageFor::Queue(queue)),
            Hand::Message { agent } => self.message_by_flow(cx, MessageFor::Agent(agent)),
            Hand::Record(record) => self.record_for_flow(cx, record),
            Hand::Callback { queue, number } => {
                let done = self.flow_asks_back(cx, queue, &number);
                self.follow_done(cx, done);
            }
            Hand::Survey => self.ask_survey(cx, true),
            Hand::Fax(fax) => self.start_document(cx, fax),
            Hand::FaxTo(fax) => {
                let done = self.flow_asks_fax(cx, fax);
                self.follow_done(cx, done);
            }
            Hand::Mail(mail) => {
                let done = self.flow_asks_mail(cx, mail);
                self.follow_done(cx, done);
            }
            Hand::Text(text) => {
                let done = self.flow_sends_text(cx, text);
                self.follow_done(cx, done);
            }
            Hand::Transfer { target } => self.hand_to(cx, &target),
            Hand::Hangup { cause } => self.end(cx, cause, Party::System),
        }
    }

    /// The flow goes on at once, where what it wanted is done and where it is not.
    fn follow_done(&mut self, cx: &mut Cx, done: bool) {
        if !self.follow_flow(cx, if done { "next" } else { "error" }) {
            self.strand(cx);
        }
    }

    fn hand_to(&mut self, cx: &mut Cx, target: &str) {
        if let Some(flow) = target.strip_prefix("flow:").and_then(|id| id.parse().ok()) {
            self.left_flow(cx, "transferred");
            return self.start_flow(cx, flow);
        }
        if let Some(queue) = target.strip_prefix("queue:").and_then(|id| id.parse().ok()) {
            if !self.enqueue(cx, queue, 0, None) && !self.follow_flow(cx, "error") {
                self.strand(cx);
            }
            return;
        }
        let room = target.strip_prefix("conference:").and_then(|id| id.parse().ok());
        let next = match room {
            Some(room) => Some(Next::To(Target::Conference(room))),
            None => self.resolve(target),
        };
        match next {
            // A flow may dial what a stranger typed: it has the tenant's right and no more.
            // Where it names a site, who wrote it chose that.
            Some(Next::Dial(to))
                if target.starts_with("site:") || self.screen_may_call(cx, None, &to).is_ok() =>
            {
                self.dial(cx, to, dial::Why::Flow);
            }
            Some(Next::To(Target::Queue(queue))) if self.enqueue(cx, queue, 0, None) => {}
            Some(
                next @ Next::To(
                    Target::Flow(_) | Target::Voicemail(_) | Target::Conference(_) | Target::Hangup,
                ),
            ) => {
                self.left_flow(cx, "transferred");
                self.go_to(cx, next);
            }
            Some(
                Next::Dial(_)
                | Next::To(_)
                | Next::Say(_)
                | Next::TurnAway(_)
                | Next::Announce { .. }
                | Next::Leased(_)
                | Next::Identify(_)
                | Next::Line
                | Next::Message(_)
                | Next::Returning(_),
            )
            | None => {
                if !self.follow_flow(cx, "error") {
                    self.strand(cx);
                }
            }
        }
    }
}
