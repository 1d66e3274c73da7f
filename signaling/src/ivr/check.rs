//! Proves a flow before anybody hears it. A document with a problem is refused with the step's name
//! and what would be right; one without becomes a [`Flow`].

mod sent;
mod tables;

use super::flow::{FLOW_FORMAT, Flow};
use super::prompt::{self, Entry};
use super::spoken::Way;
use super::step::{OUTSIDE_NUMBER, Step, is_outside_number};
use super::template::{is_sound, is_variable, names};
use super::{
    LIST_MAX, NAME_CHARS_MAX, PROMPTS_MAX, SHOW_MAX, STEPS_MAX, STEPS_TAKEN_DEFAULT,
    STEPS_TAKEN_MAX, VARIABLES_MAX,
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use terms::media::{
    FAX_NAME_CHARS_MAX, FAX_STATION_CHARS_MAX, SPEECH_CHARS_MAX, is_fax_name, is_fax_station,
};
use terms::{AgentId, ConferenceId, FlowId, QueueId, SiteId, TrunkId};

/// What a flow may refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Queues of the tenant.
    pub queues: BTreeSet<QueueId>,
    /// Agents of the tenant.
    pub agents: BTreeSet<AgentId>,
    /// Flows of the tenant, for `flow:<id>` targets.
    pub flows: BTreeSet<FlowId>,
    /// Conference rooms of the tenant, for `conference:<id>` targets.
    pub conferences: BTreeSet<ConferenceId>,
    /// Sites of the tenant that have a number, for `site:<id>` targets.
    pub sites: BTreeSet<SiteId>,
    /// Trunks of the tenant; `None` when they are not known here: a flow outlives the trunk that it names.
    pub trunks: Option<BTreeSet<TrunkId>>,
    /// Names of opening hours.
    pub hours: BTreeSet<String>,
    /// Databases that flows may ask, and whether they may change something there.
    pub connectors: BTreeMap<String, bool>,
    /// Bots that flows may let speak.
    pub bots: BTreeSet<String>,
    /// Names of prompts without language; `None` when they are not known here.
    pub prompts: Option<BTreeSet<String>>,
    /// Languages that there is something to hear in; `None` when they are not known here.
    pub languages: Option<BTreeSet<String>>,
    /// Why texts cannot be spoken here; `None` when they can, or when that is not known.
    pub speechless: Option<String>,
    /// Why no fax can be sent or received here; `None` when one can, or when that is not known.
    pub faxless: Option<String>,
    /// Why no mail can be sent here; `None` when one can, or when that is not known.
    pub mailless: Option<String>,
    /// Documents that can go with one; `None` when they are not known here: a flow outlives them.
    pub documents: Option<BTreeSet<String>>,
    /// Every reference is taken as good.
    pub everything: bool,
}

impl Known {
    /// What `plan` knows.
    pub fn of(plan: &terms::routing::Plan) -> Self {
        let databases = plan.connectors.iter().filter(|of| !of.database.is_bot());
        let doors = plan.sites.iter().filter(|site| !site.number.is_empty());
        let bots = plan.connectors.iter().filter(|of| of.database.is_bot());
        Known {
            queues: plan.queues.iter().map(|queue| queue.id).collect(),
            agents: plan.agents.iter().map(|agent| agent.id).collect(),
            flows: plan.flows.iter().map(|flow| flow.id).collect(),
            conferences: plan.conferences.iter().map(|room| room.id).collect(),
            sites: doors.map(|site| site.id).collect(),
            trunks: None,
            hours: plan.hours.iter().map(|hours| hours.name.clone()).collect(),
            connectors: databases.map(|of| (of.name.clone(), of.writes)).collect(),
            bots: bots.map(|of| of.name.clone()).collect(),
            prompts: None,
            languages: None,
            speechless: None,
            faxless: None,
            mailless: None,
            documents: None,
            everything: false,
        }
    }

    /// Every reference is taken as good; the rest is checked all the same.
    pub fn anything() -> Self {
        Known { everything: true, ..Known::default() }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The step; empty when it is about the whole flow.
    pub step: String,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub right: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.step.as_str() {
            "" => write!(f, "the flow: {}; right is {}", self.what, self.right),
            step => write!(f, "step \"{step}\": {}; right is {}", self.what, self.right),
        }
    }
}

/// Collects problems of one step.
pub(crate) struct Report<'a> {
    known: &'a Known,
    /// Columns of the flow's own tables.
    tables: BTreeMap<String, BTreeSet<String>>,
    step: String,
    problems: Vec<Problem>,
}

/// Reads and proves `document`.
///
/// # Errors
/// Every problem found, each with its step.
pub fn check(document: &Value, known: &Known) -> Result<Flow, Vec<Problem>> {
    let mut report =
        Report { known, tables: BTreeMap::new(), step: String::new(), problems: Vec::new() };
    let flow = read(document, &mut report);
    if report.problems.is_empty()
        && let Some(flow) = &flow
    {
        check_bypass(flow, &mut report);
        check_edges(flow, &mut report);
        check_show(flow, &mut report);
    }
    match flow {
        Some(flow) if report.problems.is_empty() => Ok(flow),
        _ => Err(report.problems),
    }
}

fn read(document: &Value, report: &mut Report) -> Option<Flow> {
    let Some(fields) = document.as_object() else {
        report.add("not a JSON object", "{\"format\": 1, \"start\": …, \"steps\": {…}}");
        return None;
    };
    for field in fields.keys() {
        let known = [
            "format",
            "name",
            "start",
            "variables",
            "show",
            "tables",
            "steps_max",
            "bypass",
            "steps",
        ];
        report.unless(known.contains(&field.as_str()), || {
            (format!("unknown field \"{}\"", clip(field)), known.join(", "))
        });
    }
    let format = fields.get("format").and_then(Value::as_u64);
    report.unless(format == Some(FLOW_FORMAT.into()), || {
        ("format is missing or of another version".to_owned(), format!("\"format\": {FLOW_FORMAT}"))
    });
    let steps_max = match fields.get("steps_max") {
        None => STEPS_TAKEN_DEFAULT,
        Some(value) => value.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
    };
    report.range("steps_max", steps_max, 1, STEPS_TAKEN_MAX);
    let tables = tables::read(fields, report);
    let flow = Flow {
        name: text(fields, "name", report, true)?,
        start: text(fields, "start", report, false)?,
        variables: variables(fields, report),
        steps_max,
        show: show(fields, report),
        tables,
        bypass: bypass(fields, report),
        steps: steps(fields, report)?,
    };
    Some(flow)
}

fn text(fields: &Map<String, Value>, name: &str, report: &mut Report, may: bool) -> Option<String> {
    match fields.get(name) {
        None if may => Some(String::new()),
        Some(Value::String(text)) if text.len() <= 4 * NAME_CHARS_MAX => Some(text.clone()),
        _ => {
            report.add(&format!("\"{name}\" is missing or not a short text"), "a text");
            None
        }
    }
}

fn variables(fields: &Map<String, Value>, report: &mut Report) -> BTreeMap<String, String> {
    let Some(value) = fields.get("variables") else { return BTreeMap::new() };
    match serde_json::from_value::<BTreeMap<String, String>>(value.clone()) {
        Ok(variables) => {
            report.range("variables", variables.len() as u32, 0, VARIABLES_MAX as u32 / 2);
            for name in variables.keys() {
                report.variable("variables", name);
            }
            variables
        }
        Err(_) => {
            report.add("\"variables\" is not an object of texts", "{\"vip\": \"no\"}");
            BTreeMap::new()
        }
    }
}

fn show(fields: &Map<String, Value>, report: &mut Report) -> Vec<String> {
    let Some(value) = fields.get("show") else { return Vec::new() };
    let Ok(names) = serde_json::from_value::<Vec<String>>(value.clone()) else {
        report.add("\"show\" is not a list of variables", "[\"business\", \"account\"]");
        return Vec::new();
    };
    report.range("show", names.len() as u32, 0, SHOW_MAX as u32);
    for name in &names {
        report.variable("show", name);
    }
    names
}

fn bypass(fields: &Map<String, Value>, report: &mut Report) -> BTreeMap<String, String> {
    let Some(value) = fields.get("bypass") else { return BTreeMap::new() };
    serde_json::from_value(value.clone()).unwrap_or_else(|_| {
        report.add("\"bypass\" is not an object of steps", "{\"<step>\": \"<step instead>\"}");
        BTreeMap::new()
    })
}

/// What is left out is there, and so is what comes instead, and nobody goes in circles.
fn check_bypass(flow: &Flow, report: &mut Report) {
    report.step = String::new();
    for (name, to) in &flow.bypass {
        for step in [name, to] {
            report.unless(flow.steps.contains_key(step), || {
                (format!("bypass has \"{}\", which does not exist", clip(step)), list(flow))
            });
        }
        let mut next = Some(to);
        for _ in &flow.bypass {
            next = next.and_then(|to| flow.bypass.get(to));
        }
        report.unless(next.is_none(), || {
            let what = format!("bypass of \"{}\" goes in a circle", clip(name));
            (what, "a step that is not left out in the end".to_owned())
        });
    }
}

/// What a caller enters in secret is nobody's to see.
fn check_show(flow: &Flow, report: &mut Report) {
    report.step = String::new();
    let secret = flow.steps.values().filter_map(|step| match step {
        Step::Collect(collect) if collect.secret => Some(collect.variable.as_str()),
        _ => None,
    });
    for name in secret.filter(|name| flow.show.iter().any(|shown| shown == name)) {
        let what = format!("show has \"{name}\", which is entered in secret");
        report.add(&what, "a variable that others may see");
    }
}

fn steps(fields: &Map<String, Value>, report: &mut Report) -> Option<BTreeMap<String, Step>> {
    let Some(written) = fields.get("steps").and_then(Value::as_object) else {
        report.add("\"steps\" is missing or not an object", "steps by name");
        return None;
    };
    report.range("steps", written.len() as u32, 1, STEPS_MAX as u32);
    let mut steps = BTreeMap::new();
    for (name, value) in written.iter().take(STEPS_MAX) {
        report.step = clip(name);
        report.unless(!name.is_empty() && name.chars().count() <= NAME_CHARS_MAX, || {
            ("its name".to_owned(), format!("1 to {NAME_CHARS_MAX} characters"))
        });
        match serde_json::from_value::<Step>(value.clone()) {
            Ok(step) => {
                step.check(report);
                check_on(&step, report);
                steps.insert(name.clone(), step);
            }
            Err(error) => {
                report.add(
                    &clip_to(&error.to_string(), 400),
                    "the fields of docs/formats/ivr-flow.md",
                );
            }
        }
    }
    report.step = String::new();
    Some(steps)
}

fn check_on(step: &Step, report: &mut Report) {
    for edge in step.on_needs() {
        report.unless(step.on_edges().get(edge).is_some(), || {
            (
                format!("the edge on.{edge} is missing"),
                format!("\"on\": {{\"{edge}\": \"<step>\"}}"),
            )
        });
    }
    for (edge, _) in step.on_edges().edges() {
        let used = step.on_needs().contains(&edge) || step.on_may().contains(&edge);
        report.unless(used, || {
            let allowed = [step.on_needs(), step.on_may()].concat().join(", ");
            let right = if allowed.is_empty() { "no edges".to_owned() } else { allowed };
            (format!("a {} step never takes on.{edge}", step.kind()), right)
        });
    }
}

/// Every edge leads to a step, and every step is led to.
fn check_edges(flow: &Flow, report: &mut Report) {
    let exists = |name: &str| flow.steps.contains_key(name);
    report.unless(exists(&flow.start), || {
        (format!("it starts at \"{}\", which does not exist", clip(&flow.start)), list(flow))
    });
    for (name, step) in &flow.steps {
        report.step = name.clone();
        for (edge, to) in step.edges() {
            report.unless(exists(to), || {
                (format!("{edge} leads to \"{}\", which does not exist", clip(to)), list(flow))
            });
        }
    }
    let reached = reached(flow);
    for name in flow.steps.keys().filter(|name| !reached.contains(name.as_str())) {
        report.step = name.clone();
        report.add("nothing leads here", "an edge from another step, or no such step");
    }
}

fn reached(flow: &Flow) -> BTreeSet<&str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![flow.start.as_str()];
    while let Some(name) = open.pop() {
        if let Some(step) = flow.steps.get(name)
            && reached.insert(name)
        {
            open.extend(step.edges().into_iter().map(|(_, to)| to));
            open.extend(flow.bypass.get(name).map(String::as_str));
        }
    }
    reached
}

fn list(flow: &Flow) -> String {
    let names: Vec<&str> = flow.steps.keys().take(12).map(String::as_str).collect();
    format!("one of {}", names.join(", "))
}

fn clip(text: &str) -> String {
    clip_to(text, NAME_CHARS_MAX)
}

fn clip_to(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

impl Report<'_> {
    pub(crate) fn add(&mut self, what: &str, right: &str) {
        // A document of a thousand problems is told by its first hundred.
        if self.problems.len() < 100 {
            self.problems.push(Problem {
                step: self.step.clone(),
                what: what.to_owned(),
                right: right.to_owned(),
            });
        }
    }

    pub(crate) fn unless(&mut self, good: bool, problem: impl FnOnce() -> (String, String)) {
        if !good {
            let (what, right) = problem();
            self.add(&what, &right);
        }
    }

    pub(crate) fn range(&mut self, field: &str, value: u32, min: u32, max: u32) {
        self.unless((min..=max).contains(&value), || {
            (format!("{field} is {value}"), format!("{min} to {max}"))
        });
    }

    pub(crate) fn prompts(&mut self, field: &str, prompts: &[String]) {
        self.range(field, prompts.len() as u32, 0, PROMPTS_MAX as u32);
        for name in prompts.iter().take(LIST_MAX) {
            let name = match Entry::of(name) {
                Entry::Name(name) => name,
                Entry::Value(way, value) => {
                    self.value(field, way, value);
                    continue;
                }
                Entry::Text(text) => {
                    self.speech(field, text);
                    continue;
                }
                Entry::Unknown(word) => {
                    let known: Vec<&str> = Way::ALL.iter().map(|(word, _)| *word).collect();
                    let right = format!("{} or say before the colon", known.join(", "));
                    self.add(&format!("{field} has \"{}:\"", clip(word)), &right);
                    continue;
                }
            };
            self.unless(prompt::is_name(name), || {
                (format!("{field} has \"{}\"", clip(name)), "letters, digits, - _ and /".to_owned())
            });
            let missing = match &self.known.prompts {
                Some(known) => !known.contains(name),
                None => false,
            };
            self.unless(!missing, || {
                let what = format!("the prompt \"{}\" does not exist", clip(name));
                (what, "one of the box's or of your own, in the language of the call".to_owned())
            });
        }
    }

    /// A value that is said: one without variables must be what it should be.
    fn value(&mut self, field: &str, way: Way, value: &str) {
        self.template(field, value);
        // Digits of a value that has none were always heard as nothing.
        let is_literal = names(value).next().is_none() && way != Way::Digits;
        self.unless(!is_literal || way.takes(value.trim()), || {
            (format!("{field} has the value \"{}\"", clip(value)), way.right().to_owned())
        });
    }

    fn speech(&mut self, field: &str, text: &str) {
        self.template(field, text);
        let chars = text.trim().chars().count();
        self.unless((1..=SPEECH_CHARS_MAX).contains(&chars), || {
            (
                format!("{field} has a text of {chars} characters to say"),
                format!("1 to {SPEECH_CHARS_MAX}"),
            )
        });
        if let Some(why) = &self.known.speechless {
            let what =
                format!("{field}: \"{}\" cannot be spoken: {}", clip(text), clip_to(why, 400));
            self.add(&what, "a prompt, or an engine for speech");
        }
    }

    /// What a fax step says: the document that it sends, if it does, and who we are.
    pub(crate) fn fax(&mut self, send: Option<&str>, station: &str) {
        if let Some(name) = send {
            self.template("send", name);
            self.unless(names(name).next().is_some() || is_fax_name(name), || {
                (
                    format!("send is \"{}\", which is no name of a document", clip(name)),
                    format!("1 to {FAX_NAME_CHARS_MAX} of a-z, 0-9, - and _"),
                )
            });
        }
        self.unless(is_fax_station(station), || {
            (
                format!("station is \"{}\"", clip(station)),
                format!("up to {FAX_STATION_CHARS_MAX} digits, + and spaces"),
            )
        });
        if let Some(why) = &self.known.faxless {
            let what = format!("a fax cannot be sent or received: {}", clip_to(why, 400));
            self.add(&what, "no such step, or what is missing");
        }
    }

    /// The other machine that gets a fax.
    pub(crate) fn fax_to(&mut self, send: Option<&str>, to: &str) {
        self.template("to", to);
        self.unless(send.is_some() || to.is_empty(), || {
            ("to names who gets a fax, and send names none".to_owned(), "both of them".to_owned())
        });
        let plain = to.is_empty() || names(to).next().is_some() || is_outside_number(to);
        self.unless(plain, || (format!("to is \"{}\"", clip(to)), OUTSIDE_NUMBER.to_owned()));
    }

    /// The queue that hands out what is received.
    pub(crate) fn fax_queue(&mut self, send: Option<&str>, queue: Option<QueueId>) {
        let Some(queue) = queue else { return };
        self.queue("queue", queue);
        self.unless(send.is_none(), || {
            ("queue is for what is received, and send sends".to_owned(), "one of them".to_owned())
        });
    }

    pub(crate) fn template(&mut self, field: &str, text: &str) {
        self.unless(is_sound(text) && text.len() <= 4_096, || {
            (format!("{} is a broken template", clip(field)), "text with ${variable}".to_owned())
        });
    }

    pub(crate) fn variable(&mut self, field: &str, name: &str) {
        self.unless(is_variable(name), || {
            (
                format!("{field} names the variable \"{}\"", clip(name)),
                "a letter, then letters, digits and _".to_owned(),
            )
        });
    }

    pub(crate) fn language(&mut self, field: &str, language: &str) {
        self.unless(terms::routing::is_language(language), || {
            (
                format!("{field} is \"{}\"", clip(language)),
                "a language such as zh-CN or en".to_owned(),
            )
        });
        if let Some(known) = &self.known.languages {
            self.unless(known.contains(language), || {
                let known: Vec<&str> = known.iter().take(12).map(String::as_str).collect();
                (
                    format!("{field}: there is no prompt in \"{}\"", clip(language)),
                    format!("one of {}", known.join(", ")),
                )
            });
        }
    }

    pub(crate) fn queue(&mut self, field: &str, queue: QueueId) {
        self.unless(self.known.everything || self.known.queues.contains(&queue), || {
            let known: Vec<String> =
                self.known.queues.iter().take(12).map(ToString::to_string).collect();
            (format!("{field}: there is no queue {queue}"), format!("one of {}", known.join(", ")))
        });
    }

    pub(crate) fn agent(&mut self, field: &str, agent: AgentId) {
        self.unless(self.known.everything || self.known.agents.contains(&agent), || {
            (format!("{field}: there is no agent {agent}"), "the id of an agent".to_owned())
        });
    }

    pub(crate) fn hours(&mut self, field: &str, name: &str) {
        self.unless(self.known.everything || self.known.hours.contains(name), || {
            let known: Vec<&str> = self.known.hours.iter().take(12).map(String::as_str).collect();
            (
                format!("{field}: there are no opening hours \"{}\"", clip(name)),
                format!("one of {}", known.join(", ")),
            )
        });
    }

    /// A database, and whether it may be written to.
    pub(crate) fn connector(&mut self, field: &str, name: &str, write: bool) {
        if self.known.everything {
            return;
        }
        let known: Vec<&str> = self.known.connectors.keys().take(12).map(String::as_str).collect();
        let right = format!("one of {}", known.join(", "));
        match self.known.connectors.get(name) {
            None => {
                self.add(&format!("{field}: there is no database \"{}\"", clip(name)), &right);
            }
            Some(false) if write => {
                let what = format!("{field}: the database \"{}\" is only read", clip(name));
                self.add(&what, "a step that reads, or a connector with \"writes\": true");
            }
            Some(_) => {}
        }
    }

    /// A bot.
    pub(crate) fn bot(&mut self, field: &str, name: &str) {
        if self.known.everything || self.known.bots.contains(name) {
            return;
        }
        let known: Vec<&str> = self.known.bots.iter().take(12).map(String::as_str).collect();
        let right = match known.as_slice() {
            [] => "a connector to a bot, which an administrator makes".to_owned(),
            known => format!("one of {}", known.join(", ")),
        };
        self.add(&format!("{field}: there is no bot \"{}\"", clip(name)), &right);
    }

    pub(crate) fn flow(&mut self, field: &str, id: &str) {
        let flow = id.parse::<FlowId>().ok();
        let known = flow.is_some_and(|id| self.known.everything || self.known.flows.contains(&id));
        self.unless(known, || {
            (
                format!("{field}: there is no flow \"{}\"", clip(id)),
                "the id of a published flow".to_owned(),
            )
        });
    }

    pub(crate) fn target(&mut self, field: &str, target: &str) {
        if let Some(id) = target.strip_prefix("queue:") {
            match id.parse() {
                Ok(queue) => self.queue(field, queue),
                Err(_) => self.add(&format!("{field} \"{}\"", clip(target)), "queue:<id>"),
            }
        } else if let Some(id) = target.strip_prefix("flow:") {
            self.flow(field, id);
        } else if let Some(id) = target.strip_prefix("conference:") {
            let room = id.parse::<ConferenceId>().ok();
            let known = room
                .is_some_and(|id| self.known.everything || self.known.conferences.contains(&id));
            self.unless(known, || {
                let what = format!("{field}: there is no conference \"{}\"", clip(id));
                (what, "conference:<id>".to_owned())
            });
        } else if let Some(id) = target.strip_prefix("site:") {
            let site = id.parse::<SiteId>().ok();
            let known =
                site.is_some_and(|id| self.known.everything || self.known.sites.contains(&id));
            self.unless(known, || {
                let what = format!("{field}: there is no site \"{}\" with a number", clip(id));
                (what, "site:<id>".to_owned())
            });
        } else {
            let plain = names(target).next().is_some()
                || (!target.is_empty() && target.chars().all(terms::number::is_dialable));
            self.unless(plain, || {
                (
                    format!("{field} \"{}\"", clip(target)),
                    "a number, queue:<id>, flow:<id>, conference:<id> or site:<id>".to_owned(),
                )
            });
        }
    }
}

#[cfg(test)]
mod tests;
