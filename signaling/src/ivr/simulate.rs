//! Tries a flow without a telephone: a script of keys and silences in, a transcript of what would
//! be heard and where the call goes out.

mod replay;
mod waiting;

pub use replay::{Past, Replayed, replay};

use super::flow::{Flow, Library};
use super::run::{
    Agreed, Cx, Effect, Fax, FaxTo, Hand, Input, Left, Load, MailTo, OrderQuery, Query, Record,
    Run, Talk, TextTo, Told, stand_in, stand_in_bot, stand_in_load,
};
use super::step::AreaBy;
use super::{Known, check, wording};
use crate::switch::Now;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use terms::media::{Seek, Source};
use terms::region::Regions;
use terms::routing::{Hours, Queue};
use terms::{FlowId, Moment, QueueId, Timestamp};

/// Lines of one transcript; a longer one is cut.
pub const LINES_MAX: usize = 10_000;
/// Path of what stands in for who keeps the orders.
const ORDERS: &str = "orders";
/// Longest wait in a queue that one act is, in seconds.
pub const WAITS_S_MAX: u64 = 86_400;

/// What the caller and the world do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Press a key.
    Digit(char),
    /// Listen to the end and press nothing until the flow's patience is over.
    Silence,
    /// The asked server or database answers, or fails; the bot has done.
    Http(Result<(u16, serde_json::Value), String>),
    /// What is said cannot be: a prompt is missing, or no voice speaks.
    Unheard,
    /// So long passes in the queue.
    Waits(Duration),
    /// An agent of the queue answers.
    Answered,
    /// They ask the queue to call them back.
    CalledBack,
    /// The queue sends them to its overflow.
    FlowsOut,
    /// The machine that got the call gives it back by this edge.
    Back(String),
    /// Hang up.
    Hangup,
}

/// Where and when the call takes place.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// When.
    pub at: Timestamp,
    /// IANA zone.
    pub time_zone: String,
    /// Language of prompts.
    pub language: String,
    /// Opening hours.
    pub hours: Vec<Hours>,
    /// The tenant's queues: how long one waits there, where they send whom, whom they call back.
    pub queues: Vec<Queue>,
    /// Who calls.
    pub caller: String,
    /// What they dialled.
    pub called: String,
    /// Variables that are there from the start, besides the box's.
    pub variables: BTreeMap<String, String>,
    /// The tenant's published flows.
    pub flows: Library,
    /// Servers that answer by themselves.
    pub mocks: Vec<Mock>,
    /// Where numbers are at home that have no area code.
    pub regions: Arc<Regions>,
}

/// What a server answers in a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Mock {
    /// Requests whose path begins so are answered, whatever their host; `sql:<connector>` stands in
    /// for a database, whose rows are a list of objects in `body`; `bot:<connector>` for a bot, whose
    /// `body` is `{"says": […], "outcome": …, "transfer": …, "set": {…}}`; `queue:<id>` for a queue,
    /// whose `body` is `{"waiting": …, "free": …, "agents": …, "wait_s": …}`; `orders` for who keeps
    /// the orders, whose `body` is one with `number`, `kind`, `stage`, `deadline` and `overdue`, or an
    /// empty list.
    pub path: String,
    /// The status.
    pub status: u16,
    /// The JSON.
    pub body: serde_json::Value,
}

impl Default for Scene {
    fn default() -> Self {
        Scene {
            at: Timestamp::from_secs(1_800_000_000),
            time_zone: "Asia/Shanghai".to_owned(),
            language: "zh-CN".to_owned(),
            hours: Vec::new(),
            queues: Vec::new(),
            caller: "+8613800138000".to_owned(),
            called: "95105688".to_owned(),
            variables: BTreeMap::new(),
            flows: Library::new(),
            mocks: Vec::new(),
            regions: Arc::default(),
        }
    }
}

/// What would happen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    /// One thing a line: `hear zh-CN/welcome`, `press 1`, `step menu → 1`, `goes to queue 7`.
    pub lines: Vec<String>,
    /// Where the call ended up; `None` when the script ended first.
    pub end: Option<Hand>,
    /// The queue whose agent talks to the caller there.
    pub answered: Option<QueueId>,
    /// Requests that were made.
    pub requests: Vec<String>,
    /// The steps in turn, with what was heard in each.
    pub steps: Vec<Walked>,
    /// Variables at the end.
    pub variables: BTreeMap<String, String>,
}

/// A step that the call went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walked {
    /// The called flow and its version; none in the one that is tried.
    pub of: Option<(FlowId, u32)>,
    /// Its name.
    pub step: String,
    /// Its kind.
    pub kind: &'static str,
    /// The edge; none where the call still is.
    pub exit: Option<String>,
    /// What was entered, masked where it is secret.
    pub digits: Option<String>,
    /// What was heard, as text: one entry for each time that something was said.
    pub heard: Vec<String>,
}

impl Transcript {
    fn line(&mut self, text: String) {
        if self.lines.len() < LINES_MAX {
            self.lines.push(text);
        }
    }
}

/// Reads a script such as `1 silence 13800# 90s hangup`: keys one by one, words as they are.
pub fn script(text: &str) -> Vec<Act> {
    text.split_whitespace()
        .flat_map(|word| match word {
            "silence" => vec![Act::Silence],
            "unheard" => vec![Act::Unheard],
            "answered" => vec![Act::Answered],
            "called_back" => vec![Act::CalledBack],
            "flows_out" => vec![Act::FlowsOut],
            "hangup" => vec![Act::Hangup],
            word => seconds(word).map_or_else(|| keys(word), |time| vec![Act::Waits(time)]),
        })
        .collect()
}

fn keys(word: &str) -> Vec<Act> {
    word.chars().filter(|c| "0123456789*#ABCD".contains(*c)).map(Act::Digit).collect()
}

/// `90s`; a longer time than a day is a day, and no keys.
fn seconds(word: &str) -> Option<Duration> {
    let seconds: u64 = word.strip_suffix('s')?.parse().ok()?;
    Some(Duration::from_secs(seconds.min(WAITS_S_MAX)))
}

/// The flows that `document` calls, and those that they call, out of the published ones. One that
/// cannot be read is left out.
pub fn library(document: &serde_json::Value, published: &[terms::routing::Flow]) -> Library {
    let mut library = Library::new();
    let mut open = vec![document];
    while let Some(document) = open.pop() {
        let steps = document["steps"].as_object();
        let called = steps.into_iter().flat_map(|steps| steps.values());
        let called = called.filter(|step| step["kind"] == "subflow");
        for id in called.filter_map(|step| step["flow"].as_str()?.parse::<FlowId>().ok()) {
            let flow = published.iter().find(|flow| flow.id == id);
            if let Some(flow) = flow.filter(|_| !library.contains_key(&id))
                && let Ok(checked) = check(&flow.document, &Known::anything())
            {
                library.insert(id, (flow.version, Arc::new(checked)));
                open.push(&flow.document);
            }
        }
    }
    library
}

/// Walks `flow` with `acts`. When the script is over and the flow still waits for the caller, the
/// caller stays silent.
pub fn simulate(flow: Flow, scene: &Scene, acts: Vec<Act>) -> Transcript {
    let mut walk = Walk::new(scene);
    let mut run = walk.start(Arc::new(flow));
    let mut acts = VecDeque::from(acts);
    while !run.is_over() && !walk.over {
        match acts.pop_front() {
            Some(act) => walk.act(&mut run, act),
            None if walk.told.end.is_some() => break,
            None if walk.told.lines.len() >= LINES_MAX => break,
            None => walk.act(&mut run, Act::Silence),
        }
    }
    walk.finish(&run)
}

struct Walk<'a> {
    scene: &'a Scene,
    zone: chrono_tz::Tz,
    now: Now,
    told: Transcript,
    /// In the step where the call is.
    heard: Vec<String>,
    playing: bool,
    /// The queue that they wait in, or where a place is kept for them.
    stay: Option<waiting::Stay>,
    /// Nothing more comes of the call.
    over: bool,
}

impl<'a> Walk<'a> {
    fn new(scene: &'a Scene) -> Self {
        Walk {
            scene,
            zone: super::hours::zone(&scene.time_zone),
            now: Now { moment: Moment::from_secs(1), wall: scene.at },
            told: Transcript::default(),
            heard: Vec::new(),
            playing: false,
            stay: None,
            over: false,
        }
    }

    fn start(&mut self, flow: Arc<Flow>) -> Run {
        let scene = self.scene;
        let region = scene.regions.region(&scene.caller, &scene.language).unwrap_or_default();
        let mut given = vec![
            ("worker", ""),
            ("category", ""),
            ("caller_vip", "no"),
            ("caller_class", ""),
            ("caller_province", region.province.as_str()),
            ("caller_city", region.city.as_str()),
        ];
        given.extend(scene.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        given.extend([
            ("caller", scene.caller.as_str()),
            ("called", scene.called.as_str()),
            ("language", scene.language.as_str()),
            ("fax", "no"),
        ]);
        let mut run = Run::start(flow, &self.cx(), &given, "0/1");
        self.drain(&mut run);
        run
    }

    fn cx(&self) -> Cx<'_> {
        let Scene { hours, language, flows, .. } = self.scene;
        Cx { now: self.now, hours, zone: self.zone, language, flows }
    }

    fn finish(mut self, run: &Run) -> Transcript {
        if !run.is_over() {
            let left = Left {
                of: run.of(),
                step: run.step().to_owned(),
                kind: run.kind(),
                entered_at: self.now.wall,
                exit: String::new(),
                digits: None,
            };
            self.walked(left, None);
        }
        let variables = run.variables.iter();
        self.told.variables =
            variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        self.told
    }

    fn walked(&mut self, left: Left, exit: Option<String>) {
        let heard = std::mem::take(&mut self.heard);
        if self.told.steps.len() < LINES_MAX {
            let Left { of, step, kind, digits, .. } = left;
            self.told.steps.push(Walked { of, step, kind, exit, digits, heard });
        }
    }

    fn act(&mut self, run: &mut Run, act: Act) {
        match act {
            Act::Digit(digit) => {
                self.told.line(format!("press {digit}"));
                if self.is_waiting() {
                    return self.key_in_queue(run, digit);
                }
                self.feed(run, Input::Digit(digit));
            }
            Act::Silence => self.silence(run),
            Act::Unheard => self.unheard(run),
            Act::Http(result) if matches!(run.kind(), "sql" | "order") => {
                self.feed(run, Input::Sql(stand_in(result)));
            }
            Act::Http(result) if run.kind() == "bot" => {
                self.bot_leaves(run, result);
                self.drain(run);
            }
            Act::Http(result) => self.feed(run, Input::Http(result)),
            Act::Waits(time) => self.pass(time),
            Act::Answered => self.is_answered(),
            Act::CalledBack => self.asks_back(run),
            Act::FlowsOut => self.flows_out(),
            Act::Back(edge) => {
                if run.follow(&self.cx(), &edge) {
                    self.stay = None;
                    self.told.line(format!("back by {edge}"));
                    (self.told.end, self.told.answered) = (None, None);
                }
                self.drain(run);
            }
            Act::Hangup => {
                self.told.line("hang up".to_owned());
                self.stay = None;
                run.left("hangup");
                run.caller_gone(&self.cx());
                self.drain(run);
            }
        }
    }

    /// What is said is not heard, where something is.
    fn unheard(&mut self, run: &mut Run) {
        if std::mem::take(&mut self.playing) {
            self.told.line("it cannot be heard".to_owned());
            self.feed(run, Input::Unheard);
        }
    }

    /// Lets the prompt end, then the flow's patience.
    fn silence(&mut self, run: &mut Run) {
        if self.playing {
            self.playing = false;
            return self.feed(run, Input::PlayDone);
        }
        if let Some(at) = run.next_timeout() {
            let passed = at - self.now.moment;
            self.now = Now { moment: at.max(self.now.moment), wall: self.now.wall + passed };
            self.told.line("silence".to_owned());
        }
        self.feed(run, Input::Timeout);
    }

    /// A database is asked: what stands in for it answers at once.
    fn query(&mut self, run: &mut Run, query: &Query) {
        let Query { connector, statement, values, .. } = query;
        self.told.line(format!("ask the database {connector}: {statement} {values:?}"));
        let path = format!("sql:{connector}");
        let mock = self.scene.mocks.iter().find(|mock| mock.path == path);
        self.told.requests.push(path);
        if let Some(Mock { status, body, .. }) = mock {
            run.handle(&self.cx(), Input::Sql(stand_in(Ok((*status, body.clone())))));
        }
    }

    /// An order is asked for: what stands in for who keeps them answers at once.
    fn look_up_order(&mut self, run: &mut Run, query: &OrderQuery) {
        self.told.line(match query.number.as_str() {
            "" => "ask for the latest order of the caller".to_owned(),
            number => format!("ask for the order {number}"),
        });
        let mock = self.scene.mocks.iter().find(|mock| mock.path == ORDERS);
        self.told.requests.push(ORDERS.to_owned());
        if let Some(Mock { status, body, .. }) = mock {
            run.handle(&self.cx(), Input::Sql(stand_in(Ok((*status, body.clone())))));
        }
    }

    /// A queue is looked at: without anything that stands in for it, nobody waits and nobody is there.
    fn look(&mut self, run: &mut Run, queue: QueueId) {
        let path = format!("queue:{queue}");
        let mock = self.scene.mocks.iter().find(|mock| mock.path == path);
        let load = match mock {
            None => Some(Load::default()),
            Some(Mock { status: 200..=299, body, .. }) => Some(stand_in_load(body)),
            Some(_) => None,
        };
        self.told.requests.push(path);
        run.handle(&self.cx(), Input::Load(load));
    }

    /// A bot has the caller: what stands in for it says its texts and is done.
    fn talk(&mut self, run: &mut Run, talk: &Talk) {
        let Talk { connector, tell, .. } = talk;
        let tell: Vec<String> =
            tell.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        self.told.line(format!("speak with the bot {connector}{}", tell.concat()));
        let path = format!("bot:{connector}");
        let mock = self.scene.mocks.iter().find(|mock| mock.path == path);
        self.told.requests.push(path);
        if let Some(Mock { status, body, .. }) = mock {
            self.bot_leaves(run, Ok((*status, body.clone())));
        }
    }

    fn bot_leaves(&mut self, run: &mut Run, answer: Result<(u16, serde_json::Value), String>) {
        let (parting, says) = stand_in_bot(answer);
        for text in says {
            self.told.line(format!("hear the bot say \"{text}\""));
            self.heard.push(text);
        }
        run.handle(&self.cx(), Input::Bot(parting));
    }

    fn feed(&mut self, run: &mut Run, input: Input) {
        run.handle(&self.cx(), input);
        self.drain(run);
    }

    fn drain(&mut self, run: &mut Run) {
        while let Some(effect) = run.poll_effect() {
            match effect {
                Effect::Play { sources, manner } => {
                    self.playing = true;
                    if manner.times > 1 {
                        self.told.line(format!("hear {} times", manner.times));
                    }
                    if manner.start_ms > 0 {
                        self.told.line(format!("hear from {} ms on", manner.start_ms));
                    }
                    self.heard.push(wording::text(&sources));
                    for source in sources {
                        self.told.line(heard(source));
                    }
                }
                Effect::StopPlay => self.playing = false,
                Effect::Seek(Seek::By { ms }) => self.told.line(format!("go {ms} ms on")),
                Effect::Seek(Seek::To { ms }) => self.told.line(format!("go to {ms} ms")),
                Effect::Language(language) => {
                    self.told.line(format!("go on in {language}"));
                }
                Effect::Http { method, url, .. } => {
                    self.told.line(format!("ask {method} {url}"));
                    let mock = self.scene.mocks.iter().find(|mock| mock.answers(&url));
                    self.told.requests.push(url);
                    if let Some(Mock { status, body, .. }) = mock {
                        run.handle(&self.cx(), Input::Http(Ok((*status, body.clone()))));
                    }
                }
                Effect::Sql(query) => self.query(run, &query),
                Effect::Order(query) => self.look_up_order(run, &query),
                Effect::Load(queue) => self.look(run, queue),
                Effect::Bot(talk) => self.talk(run, &talk),
                Effect::BotKey(_) | Effect::BotStop => {}
                Effect::Tell(Told { event, data, .. }) => {
                    let data: Vec<String> =
                        data.iter().map(|(name, value)| format!(" {name}={value}")).collect();
                    self.told.line(format!("tell {event}{}", data.concat()));
                }
                Effect::Consent(Agreed { given, .. }) => {
                    let word = if given { "agrees" } else { "does not agree" };
                    self.told.line(format!("{word} to be recorded"));
                }
                Effect::Left(left) => {
                    let within = left.of.map_or(String::new(), |(flow, _)| format!("{flow}/"));
                    self.told.line(format!("step {within}{} → {}", left.step, left.exit));
                    let exit = Some(left.exit.clone());
                    self.walked(left, exit);
                }
                Effect::Hand(hand) => self.handed(run, hand),
            }
        }
    }

    /// The flow gives the call away.
    fn handed(&mut self, run: &mut Run, hand: Hand) {
        if let Hand::Record(Record { sources, .. }) = &hand {
            self.heard.push(wording::text(sources));
            for source in sources {
                self.told.line(heard(source.clone()));
            }
        }
        if let Hand::Enqueue { queue, priority } = hand
            && self.is_back(queue, priority)
        {
            return;
        }
        self.gives_up_place();
        if let Hand::Enqueue { queue, .. } = hand {
            if self.dissuades(run, queue) {
                return;
            }
            self.enters_queue(queue);
        }
        self.told.line(goes(&hand));
        self.told.end = Some(hand);
    }
}

impl Mock {
    fn answers(&self, url: &str) -> bool {
        let behind = url.split_once("://").map_or(url, |(_, behind)| behind);
        behind.find('/').is_some_and(|at| behind[at..].starts_with(&self.path))
    }
}

/// The line of a transcript that says where the call goes.
fn goes(hand: &Hand) -> String {
    match hand {
        Hand::Enqueue { queue, .. } => format!("goes to queue {queue}"),
        Hand::Area { by: AreaBy::Address, code } => {
            format!("goes to the people of the area of the address {code}")
        }
        Hand::Area { code, .. } if !code.is_empty() => {
            format!("goes to the people of area {code}")
        }
        Hand::Area { by, .. } => {
            format!("goes to the people of the area of the {}", by.whose())
        }
        Hand::Voicemail { queue } => format!("leaves a message for queue {queue}"),
        Hand::Message { agent } => format!("leaves a message for agent {agent}"),
        Hand::Record(Record { queue, .. }) => {
            format!("says something for queue {queue}")
        }
        Hand::Callback { queue, number } if number.is_empty() => {
            format!("is called back for queue {queue}")
        }
        Hand::Callback { queue, number } => {
            format!("is called back for queue {queue} at {number}")
        }
        Hand::Survey => "is asked for satisfaction".to_owned(),
        Hand::Fax(Fax { document: None, .. }) => "sends a fax".to_owned(),
        Hand::Fax(Fax { document: Some(name), .. }) => {
            format!("gets the fax {name}")
        }
        Hand::FaxTo(FaxTo { number, document, .. }) => {
            format!("has the fax {document} sent to {number}")
        }
        Hand::Text(TextTo { number, text, .. }) if number.is_empty() => {
            format!("is sent the text \"{text}\"")
        }
        Hand::Text(TextTo { number, text, .. }) => {
            format!("has the text \"{text}\" sent to {number}")
        }
        Hand::Mail(MailTo { address, subject, text, document }) => {
            let with = document.as_ref().map(|name| format!(" with {name}")).unwrap_or_default();
            format!("has the mail \"{subject}\" sent to {address}{with}: \"{text}\"")
        }
        Hand::Transfer { target } => format!("is transferred to {target}"),
        Hand::Hangup { cause } => format!("ends with cause {cause}"),
    }
}

/// The line of a transcript that says what is heard.
fn heard(source: Source) -> String {
    match source {
        Source::Prompt(name) => format!("hear {name}"),
        Source::Speech { text, .. } => format!("hear \"{text}\" spoken"),
        Source::Ringback => "hear ringback".to_owned(),
        Source::Busy => "hear the busy tone".to_owned(),
        Source::Reminder { ms } => format!("hear a soft beep of {ms} ms"),
        Source::Beep { ms } => format!("hear a beep of {ms} ms"),
        Source::Arrival => "hear that somebody comes".to_owned(),
        Source::Departure => "hear that somebody leaves".to_owned(),
        Source::Silence { ms } => format!("hear nothing for {ms} ms"),
    }
}

#[cfg(test)]
mod tests;
