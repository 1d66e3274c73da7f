//! Walks one call through a flow. Pure: [`Run::handle`] takes a time and an input, effects come
//! out of [`Run::poll_effect`]. A run takes a limited number of steps, so it always ends.
//!
//! Some steps hand the call to another machine (a queue, a message, an agent); the run then rests
//! until [`Run::follow`] says by which edge the call came back.

mod hand;
mod load;
mod nested;
mod order;
mod query;
mod talk;

pub use hand::{Agreed, Fax, FaxTo, Hand, Left, MailTo, Record, TextTo, Told};
pub use load::Load;
pub(crate) use load::stand_in as stand_in_load;
pub(crate) use nested::Back;
pub use order::OrderQuery;
pub(crate) use query::stand_in;
pub use query::{Fault, Found, Query};
pub(crate) use talk::stand_in as stand_in_bot;
pub use talk::{Parting, Talk};

use super::SHOWN_CHARS_MAX;
use super::collect::{Collect, Entered, Rules};
use super::flow::{Flow, Library};
use super::prompt::prompts;
use super::step::Step;
use super::template::{Escape, Variables};
use crate::switch::Now;
use chrono_tz::Tz;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use terms::media::{Keys, Seek, Source};
use terms::routing::Hours;
use terms::{FlowId, Moment, QueueId, Timestamp};

/// Hangup cause of a flow that runs in circles: temporary failure, Q.850.
const LOOP_CAUSE: u8 = 41;
/// The edge gives up on a request by itself; this much later we do.
const FETCH_GRACE: Duration = Duration::from_secs(2);

/// What surrounds a run.
#[derive(Clone, Copy, Debug)]
pub struct Cx<'a> {
    /// Both clocks.
    pub now: Now,
    /// The tenant's opening hours.
    pub hours: &'a [Hours],
    /// The tenant's zone.
    pub zone: Tz,
    /// Language of prompts.
    pub language: &'a str,
    /// The tenant's published flows.
    pub flows: &'a Library,
}

/// What a run is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// What was said is over.
    PlayDone,
    /// What was to be said cannot be: a prompt is missing, or no voice speaks.
    Unheard,
    /// A key.
    Digit(char),
    /// [`Run::next_timeout`] is reached.
    Timeout,
    /// The request ended: status and JSON, or why it failed.
    Http(Result<(u16, serde_json::Value), String>),
    /// The database answered, or did not.
    Sql(Result<Found, Fault>),
    /// The bot has left the caller, or was lost.
    Bot(Result<Parting, Fault>),
    /// How busy the queue is; none where there is no such queue.
    Load(Option<Load>),
}

/// How something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Stops at a key.
    pub interruptible: bool,
    /// How many times.
    pub times: u16,
    /// From where on, in ms.
    pub start_ms: u32,
    /// At which keys it stops.
    pub stop_keys: Keys,
}

impl Manner {
    /// Once, from the beginning, stopped by any key or by none.
    pub const fn once(interruptible: bool) -> Self {
        Manner { interruptible, times: 1, start_ms: 0, stop_keys: Keys::ALL }
    }
}

/// What a run wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Say this.
    Play {
        /// One after the other.
        sources: Vec<Source>,
        /// And how.
        manner: Manner,
    },
    /// Go on with what is said from another place.
    Seek(Seek),
    /// Stop what is said.
    StopPlay,
    /// The call is in this language from now on.
    Language(String),
    /// Ask another server.
    Http {
        /// `GET` or `POST`.
        method: String,
        /// Complete.
        url: String,
        /// JSON of a POST.
        body: Option<serde_json::Value>,
        /// Longest wait.
        timeout: Duration,
    },
    /// Ask a database.
    Sql(Query),
    /// Ask for the state of an order; the answer comes as that of a database.
    Order(OrderQuery),
    /// Say how busy a queue is, at once.
    Load(QueueId),
    /// Let a bot speak with the caller.
    Bot(Talk),
    /// Tell it of a key.
    BotKey(char),
    /// Take the caller from it.
    BotStop,
    /// Tell programs of the tenant.
    Tell(Told),
    /// The caller agrees to be recorded, or does not.
    Consent(Agreed),
    /// A step was left.
    Left(Left),
    /// The call goes to another machine.
    Hand(Hand),
}

/// How a request ended.
pub(crate) enum Answer {
    /// With a status.
    Came(u16, serde_json::Value),
    /// Not at all.
    Failed,
    /// Not in time.
    Late,
}

/// What the run does in its step.
#[derive(Clone, Debug, PartialEq)]
enum Doing {
    /// Talks; any key or the end of the talk goes on.
    Saying,
    /// Waits for digits.
    Asking { collect: Collect, attempt: u8, saying: bool, interruptible: bool },
    /// Waits for a server.
    Fetching { left: u8, asked: Moment, until: Moment },
    /// Has a bot speak with the caller.
    Talking { until: Moment },
    /// Rests: another machine has the call.
    Handed,
    /// Nothing more.
    Over,
}

/// One call in one version of one flow.
#[derive(Clone, Debug)]
pub struct Run {
    flow: Arc<Flow>,
    /// Which it is, where it was called by another.
    of: Option<(FlowId, u32)>,
    /// Flows that wait for this one, the innermost last.
    callers: Vec<nested::Frame>,
    /// Of the first flow: those that it calls do not get more.
    steps_max: u32,
    /// What the first flow shows of its variables.
    show: Vec<String>,
    step: String,
    entered_at: Timestamp,
    doing: Doing,
    digits: Option<String>,
    next: Option<String>,
    is_left: bool,
    /// The key that skipped a prompt: the answer where the next step asks.
    key_ahead: Option<char>,
    /// The terminator of an entry that was complete without it, and until when it may come.
    spare: Option<(char, Moment)>,
    taken: u32,
    asked: query::Asked,
    caller_gone: bool,
    /// The language that a step chose.
    language: Option<String>,
    effects: VecDeque<Effect>,
    /// The call's variables.
    pub variables: Variables,
}

impl Run {
    /// A call at the start of `flow`, with the box's variables such as `caller`. `walk` names it: the
    /// same where a flow begins anew after a kill, and of no other walk.
    pub fn start(flow: Arc<Flow>, cx: &Cx, given: &[(&str, &str)], walk: &str) -> Self {
        let mut variables = Variables::default();
        for (name, value) in &flow.variables {
            variables.set(name, value);
        }
        for (name, value) in given {
            variables.set(name, value);
        }
        let mut run = Run {
            step: String::new(),
            entered_at: cx.now.wall,
            doing: Doing::Handed,
            digits: None,
            next: Some(flow.start.clone()),
            is_left: false,
            key_ahead: None,
            spare: None,
            taken: 0,
            asked: query::Asked::of(walk),
            caller_gone: false,
            language: None,
            effects: VecDeque::new(),
            variables,
            of: None,
            callers: Vec::new(),
            steps_max: flow.steps_max,
            show: flow.show.clone(),
            flow,
        };
        run.walk(cx);
        run
    }

    /// Something happened. Late and repeated inputs change nothing.
    pub fn handle(&mut self, cx: &Cx, input: Input) {
        if matches!(self.doing, Doing::Handed | Doing::Over) {
            return;
        }
        if let Input::Digit(key) = input
            && self.swallows(cx.now.moment, key)
        {
            return;
        }
        self.give(cx, &input);
        // From media the key comes when it is let go, and what it stopped is over by then; a key by
        // INFO stops and answers at once. Either way the caller need not hear what they know.
        if let Some(key) = self.key_ahead.take()
            && matches!(self.doing, Doing::Asking { .. })
        {
            self.give(cx, &Input::Digit(key));
        }
    }

    /// True for the terminator of an entry that was complete by its length: it is a key of nothing that
    /// follows. Only the first key after the entry may be it.
    pub fn swallows(&mut self, now: Moment, key: char) -> bool {
        self.spare.take().is_some_and(|(spare, until)| key == spare && now <= until)
    }

    fn give(&mut self, cx: &Cx, input: &Input) {
        let flow = Arc::clone(&self.flow);
        let step = &flow.steps[&self.step];
        // Where a step has no way for it, it goes on as though it had been heard.
        let forgiven = *input == Input::Unheard && step.on_edges().error.is_none();
        let heard = Input::PlayDone;
        step.handle(self, cx, if forgiven { &heard } else { input });
        self.walk(cx);
    }

    /// The caller hung up. Only steps that need no caller follow, from the `hangup` edge on.
    pub fn caller_gone(&mut self, cx: &Cx) {
        if self.caller_gone || self.doing == Doing::Over {
            return;
        }
        self.caller_gone = true;
        let flow = Arc::clone(&self.flow);
        let step = &flow.steps[&self.step];
        if matches!(self.doing, Doing::Fetching { .. }) && step.on_edges().hangup.is_none() {
            // What was asked of another server is still worth its answer.
            return;
        }
        let to = step.on_edges().hangup.as_deref();
        if self.doing == Doing::Handed {
            self.next = to.map(str::to_owned);
            self.doing = Doing::Over;
        } else {
            self.exit("hangup", to);
        }
        if self.next.is_none() {
            self.hang_up_in_callers();
        }
        self.walk(cx);
    }

    /// The machine that got the call has it for good: the step is left.
    pub fn left(&mut self, exit: &str) {
        if self.doing == Doing::Handed && !self.is_left {
            self.note_left(exit);
            self.is_left = true;
        }
    }

    /// The call came back by `edge`. False when the step has no such edge; nothing changes then.
    pub fn follow(&mut self, cx: &Cx, edge: &str) -> bool {
        if self.doing != Doing::Handed {
            return false;
        }
        let flow = Arc::clone(&self.flow);
        let step = &flow.steps[&self.step];
        let ways = step.ways();
        let own = ways.iter().find(|(name, _)| name == edge).map(|&(_, to)| to);
        let Some(to) = own.or_else(|| step.on_edges().get(edge)) else { return false };
        if !self.is_left {
            self.note_left(edge);
        }
        self.next = Some(to.to_owned());
        self.doing = Doing::Over;
        self.walk(cx);
        true
    }

    /// Whether the step that gave the call away has this edge of its own.
    pub fn leads(&self, edge: &str) -> bool {
        let step = &self.flow.steps[&self.step];
        self.doing == Doing::Handed && step.ways().iter().any(|(name, _)| name == edge)
    }

    /// Whether the step that gave the call away is of one of these kinds and has a way for what fails.
    pub fn catches(&self, kinds: &[&str]) -> bool {
        let step = &self.flow.steps[&self.step];
        let has_way = kinds.contains(&step.kind()) && step.on_edges().error.is_some();
        self.doing == Doing::Handed && has_way
    }

    /// The longest estimated wait with which the step that gives the call away puts it into its queue.
    pub fn estimate_max(&self) -> Option<Duration> {
        match &self.flow.steps[&self.step] {
            Step::Enqueue(step) => {
                step.estimate_max_s.map(|seconds| Duration::from_secs(seconds.into()))
            }
            _ => None,
        }
    }

    /// The next effect.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Input::Timeout`] is due.
    pub fn next_timeout(&self) -> Option<Moment> {
        match &self.doing {
            Doing::Asking { collect, .. } => collect.next_timeout(),
            Doing::Fetching { until, .. } | Doing::Talking { until } => Some(*until),
            Doing::Saying | Doing::Handed | Doing::Over => None,
        }
    }

    /// Nothing more comes from this run.
    pub fn is_over(&self) -> bool {
        self.doing == Doing::Over
    }

    /// The step where the call is.
    pub fn step(&self) -> &str {
        &self.step
    }

    /// What people are shown of the call's variables; those without a value are left out.
    pub fn shown(&self) -> BTreeMap<String, String> {
        let values = self.show.iter().map(|name| {
            let value = self.variables.get(name).chars().take(SHOWN_CHARS_MAX);
            (name.clone(), value.collect::<String>())
        });
        values.filter(|(_, value)| !value.is_empty()).collect()
    }

    /// What the flow knows by now.
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    /// The kind of that step.
    pub fn kind(&self) -> &'static str {
        self.flow.steps[&self.step].kind()
    }

    /// The flow that was called and where the call is; none in the call's own.
    pub fn of(&self) -> Option<(FlowId, u32)> {
        self.of
    }

    /// Enters steps until one waits for something. The loop guard ends a flow that never does.
    fn walk(&mut self, cx: &Cx) {
        while let Some(name) = self.next.take() {
            let flow = Arc::clone(&self.flow);
            let step = &flow.steps[&name];
            let instead = flow.bypass.get(&name).map(String::as_str);
            if self.caller_gone && instead.is_none() && step.needs_caller() {
                self.doing = Doing::Over;
                return;
            }
            self.step = name;
            self.entered_at = cx.now.wall;
            self.digits = None;
            self.is_left = false;
            self.taken += 1;
            if self.taken > self.steps_max {
                self.note_left("loop");
                self.hand(Hand::Hangup { cause: LOOP_CAUSE });
                return;
            }
            match instead {
                Some(to) => self.exit("bypass", Some(to)),
                None => step.enter(self, cx),
            }
        }
    }

    fn note_left(&mut self, exit: &str) {
        let kind = self.kind();
        let left = Left {
            of: self.of,
            step: self.step.clone(),
            kind,
            entered_at: self.entered_at,
            exit: exit.to_owned(),
            digits: self.digits.take(),
        };
        self.effects.push_back(Effect::Left(left));
    }
}

/// What steps do to their run.
impl Run {
    /// Leaves the step; without a step to go to the run is over.
    pub(crate) fn exit(&mut self, edge: &str, to: Option<&str>) {
        self.note_left(edge);
        self.next = to.map(str::to_owned);
        self.doing = Doing::Over;
    }

    /// Says something; `PlayDone` follows.
    pub(crate) fn say(&mut self, sources: Vec<Source>, manner: Manner) {
        self.effects.push_back(Effect::Play { sources, manner });
        self.doing = Doing::Saying;
    }

    /// Goes back or forward in what is said.
    pub(crate) fn seek(&mut self, by_ms: i32) {
        self.effects.push_back(Effect::Seek(Seek::By { ms: by_ms }));
    }

    /// The key is for the next step, if that asks.
    pub(crate) fn pass_key(&mut self, key: char) {
        self.key_ahead = Some(key);
    }

    /// Stops what is said: keys by INFO do not pass through media, which stops by itself.
    pub(crate) fn hush(&mut self) {
        self.effects.push_back(Effect::StopPlay);
    }

    /// Tells programs of the tenant.
    pub(crate) fn tell(&mut self, event: String, data: BTreeMap<String, String>) {
        self.effects.push_back(Effect::Tell(Told { of: self.of, event, data }));
    }

    /// The caller agrees to be recorded, or does not.
    pub(crate) fn agree(&mut self, given: bool) {
        let (of, step) = (self.of, self.step.clone());
        self.effects.push_back(Effect::Consent(Agreed { of, step, given }));
    }

    /// Gives the call away and rests. Ending the call is for good.
    pub(crate) fn hand(&mut self, hand: Hand) {
        self.doing = if matches!(hand, Hand::Hangup { .. }) { Doing::Over } else { Doing::Handed };
        if !self.caller_gone {
            self.effects.push_back(Effect::Hand(hand));
        }
    }

    /// Says something and waits for digits.
    pub(crate) fn ask(
        &mut self,
        cx: &Cx,
        sources: Vec<Source>,
        rules: Rules,
        interruptible: bool,
        attempt: u8,
    ) {
        let mut collect = Collect::new(rules);
        let saying = !sources.is_empty();
        if saying {
            let manner = Manner::once(interruptible);
            self.effects.push_back(Effect::Play { sources, manner });
        } else {
            collect.start(cx.now.moment);
        }
        self.doing = Doing::Asking { collect, attempt, saying, interruptible };
    }

    /// What the input makes of the digits: an entry and which attempt it was.
    pub(crate) fn asked(&mut self, cx: &Cx, input: &Input) -> Option<(Entered, u8)> {
        let now = cx.now.moment;
        let Doing::Asking { collect, attempt, saying, interruptible } = &mut self.doing else {
            return None;
        };
        let entered = match input {
            Input::Digit(_) if *saying && !*interruptible => None,
            Input::Digit(digit) => {
                if std::mem::take(saying) {
                    self.effects.push_back(Effect::StopPlay);
                }
                let entered = collect.on_digit(now, *digit);
                self.spare = collect.spare(now);
                entered
            }
            Input::PlayDone => {
                *saying = false;
                collect.start(now);
                None
            }
            Input::Timeout => collect.on_timeout(now),
            Input::Unheard | Input::Http(_) | Input::Sql(_) | Input::Bot(_) | Input::Load(_) => {
                None
            }
        };
        Some((entered?, *attempt))
    }

    /// Asks another server.
    pub(crate) fn fetch(
        &mut self,
        cx: &Cx,
        method: String,
        url: String,
        body: Option<serde_json::Value>,
        timeout: Duration,
        left: u8,
    ) {
        let asked = cx.now.moment;
        self.doing = Doing::Fetching { left, asked, until: asked + timeout + FETCH_GRACE };
        self.effects.push_back(Effect::Http { method, url, body, timeout });
    }

    /// What the input makes of the request: how it ended and how many repeats are left.
    pub(crate) fn fetched(
        &self,
        cx: &Cx,
        input: &Input,
        timeout: Duration,
    ) -> Option<(Answer, u8)> {
        let Doing::Fetching { left, asked, until } = &self.doing else { return None };
        let answer = match input {
            Input::Http(Ok((status, body))) => Answer::Came(*status, body.clone()),
            // The edge says why in words; whether it was the clock, the clock says.
            Input::Http(Err(_)) if cx.now.moment - *asked >= timeout => Answer::Late,
            Input::Http(Err(_)) => Answer::Failed,
            Input::Timeout if cx.now.moment >= *until => Answer::Late,
            Input::Timeout
            | Input::PlayDone
            | Input::Unheard
            | Input::Digit(_)
            | Input::Sql(_)
            | Input::Bot(_)
            | Input::Load(_) => return None,
        };
        Some((answer, *left))
    }

    /// Digits for the log.
    pub(crate) fn note_digits(&mut self, digits: &str, secret: bool) {
        self.digits = Some(if secret { "*".repeat(digits.len()) } else { digits.to_owned() });
    }

    /// The call goes on in this language.
    pub(crate) fn speak_in(&mut self, language: &str) {
        self.variables.set("language", language);
        self.language = Some(language.to_owned());
        self.effects.push_back(Effect::Language(language.to_owned()));
    }

    /// A list of prompts with its variables, as the call hears it in its language.
    pub(crate) fn prompts(&self, cx: &Cx, entries: &[String]) -> Vec<Source> {
        let language = self.language.as_deref().unwrap_or(cx.language);
        let entries: Vec<String> =
            entries.iter().map(|text| self.variables.expand(text, Escape::None)).collect();
        prompts(&Cx { language, ..*cx }, &entries)
    }
}
