//! Flows tried without a telephone: as a transcript of a script, or step by step with what would be
//! heard in words.

use super::wrong_flow;
use crate::api::Shared;
use crate::api::extract::{Body, Id};
use crate::api::guard::{Caller, Guard};
use crate::api::problem::Problem;
use axum::Json;
use axum::extract::State;
use desk::Permission;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signaling::ivr::check::check as check_flow;
use signaling::ivr::run::Hand;
use signaling::ivr::simulate::{
    Act, Mock, Scene, Transcript, WAITS_S_MAX, Walked, library, script, simulate,
};
use signaling::ivr::step::AreaBy;
use std::collections::BTreeMap;
use std::time::Duration;
use terms::{AgentId, FlowId, QueueId};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest script of a trial, and longest entry of keys.
const SCRIPT_CHARS_MAX: usize = 1_000;
/// Inputs, servers and variables of a simulation, each.
const INPUTS_MAX: usize = 200;

/// A trial without a telephone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Trial {
    /// The graph; left out, the draft as it is stored.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    document: Option<Value>,
    /// Keys, silences and what else happens: `1 silence 13800# 90s answered hangup`.
    script: String,
    /// Who calls.
    #[serde(default)]
    caller: Option<String>,
    /// When.
    #[serde(default, with = "desk::when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<terms::Timestamp>,
}

/// What would happen.
#[derive(Serialize, ToSchema)]
struct Told {
    /// One thing a line: what is heard, pressed, asked and where the call goes.
    lines: Vec<String>,
    /// Where the call ended up; none when the script ended first.
    end: Option<TrialEnd>,
}

/// Where a trial ended up.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum TrialEnd {
    /// In a queue.
    Queue {
        /// Which.
        #[schema(value_type = String)]
        queue: QueueId,
        /// Added to the queue's own.
        priority: i32,
    },
    /// With an agent.
    Agent {
        /// Of this queue.
        #[schema(value_type = String)]
        queue: QueueId,
    },
    /// With the people of an area.
    Area {
        /// How it is found: `code`, `called`, `caller` or `address`.
        #[schema(value_type = String)]
        by: AreaBy,
        /// Its code, or the address; empty where it is found by a number.
        code: String,
    },
    /// At a message.
    Voicemail {
        /// For the people of this queue.
        #[schema(value_type = String)]
        queue: QueueId,
    },
    /// At a message for one agent.
    Message {
        /// For whom.
        #[schema(value_type = String)]
        agent: AgentId,
    },
    /// Says something after a tone; the flow goes on.
    Record {
        /// For the people of this queue.
        #[schema(value_type = String)]
        queue: QueueId,
    },
    /// On the line, to be called back later; the flow goes on.
    Callback {
        /// By the people of this queue.
        #[schema(value_type = String)]
        queue: QueueId,
        /// At this number; empty is the caller's.
        number: String,
    },
    /// At the satisfaction question.
    Survey,
    /// With a fax machine of ours.
    Fax {
        /// What it sends; none where it receives.
        document: Option<String>,
    },
    /// On the line, while somebody else will be faxed something; the flow goes on.
    FaxTo {
        /// Whom.
        number: String,
        /// What.
        document: String,
    },
    /// On the line, while a text is sent; the flow goes on.
    Text {
        /// To whom; empty is the caller.
        number: String,
        /// What it says.
        text: String,
    },
    /// On the line, while a mail will be sent; the flow goes on.
    Mail {
        /// To whom.
        address: String,
        /// What it is about.
        subject: String,
        /// What it says.
        text: String,
        /// The document that goes with it.
        document: Option<String>,
    },
    /// With somebody else.
    Transfer {
        /// Who, as the flow says it.
        target: String,
    },
    /// It was ended.
    Hangup {
        /// Hangup cause, ITU-T Q.850.
        cause: u8,
    },
}

impl TrialEnd {
    fn of(told: &Transcript) -> Option<TrialEnd> {
        let answered = told.answered.map(|queue| TrialEnd::Agent { queue });
        answered.or_else(|| told.end.clone().map(TrialEnd::from))
    }
}

impl From<Hand> for TrialEnd {
    fn from(hand: Hand) -> Self {
        match hand {
            Hand::Enqueue { queue, priority } => TrialEnd::Queue { queue, priority },
            Hand::Area { by, code } => TrialEnd::Area { by, code },
            Hand::Voicemail { queue } => TrialEnd::Voicemail { queue },
            Hand::Message { agent } => TrialEnd::Message { agent },
            Hand::Record(record) => TrialEnd::Record { queue: record.queue },
            Hand::Callback { queue, number } => TrialEnd::Callback { queue, number },
            Hand::Survey => TrialEnd::Survey,
            Hand::Fax(fax) => TrialEnd::Fax { document: fax.document },
            Hand::FaxTo(fax) => TrialEnd::FaxTo { number: fax.number, document: fax.document },
            Hand::Text(text) => TrialEnd::Text { number: text.number, text: text.text },
            Hand::Mail(mail) => TrialEnd::Mail {
                address: mail.address,
                subject: mail.subject,
                text: mail.text,
                document: mail.document,
            },
            Hand::Transfer { target } => TrialEnd::Transfer { target },
            Hand::Hangup { cause } => TrialEnd::Hangup { cause },
        }
    }
}

/// A call through a flow, told beforehand.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Simulation {
    /// The graph; left out, the draft as it is stored.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    document: Option<Value>,
    /// A published version in its place.
    #[serde(default)]
    version: Option<u32>,
    /// What the caller and the world do, one after the other. When the list is over the caller is
    /// silent.
    #[serde(default)]
    inputs: Vec<SimulatedInput>,
    /// Servers that answer by themselves.
    #[serde(default)]
    servers: Vec<SimulatedServer>,
    /// Variables that are there from the start.
    #[serde(default)]
    variables: BTreeMap<String, String>,
    /// Who calls.
    #[serde(default)]
    caller: Option<String>,
    /// What they dialled.
    #[serde(default)]
    called: Option<String>,
    /// When.
    #[serde(default, with = "desk::when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<terms::Timestamp>,
}

/// One thing that happens.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum SimulatedInput {
    /// Keys, one by one: 0-9, *, #, A-D.
    Keys(String),
    /// Words as in a script: `silence 1 90s answered hangup`.
    Text(String),
    /// The caller listens to the end, or says nothing until the flow's patience is over.
    Silence,
    /// The asked server answers.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The JSON.
        #[serde(default)]
        #[schema(value_type = Object)]
        body: Value,
    },
    /// The asked server cannot be reached.
    Failure,
    /// What is said cannot be heard: a prompt is missing, or no voice speaks.
    Unheard,
    /// So many seconds pass in the queue, a day at most; who waits too long there goes to its overflow.
    WaitsS(u32),
    /// An agent of the queue answers.
    Answered,
    /// They ask the queue to call them back.
    CalledBack,
    /// The queue sends them to its overflow.
    FlowsOut,
    /// The queue, the agent or the survey that got the call gives it back by this edge.
    Back(String),
    /// The caller hangs up.
    Hangup,
}

/// A server that answers by itself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SimulatedServer {
    /// Requests whose path begins so, whatever their host; `sql:<connector>` stands in for a database,
    /// `bot:<connector>` for a bot, whose `body` is what it says and how it leaves: `says`, `outcome`,
    /// `transfer`, `set`; `queue:<id>` for a queue, whose `body` says `waiting`, `free`, `agents` and
    /// `wait_s`; `orders` for who keeps the orders, whose `body` says `number`, `kind`, `stage`,
    /// `deadline` and `overdue` of one, or is an empty list.
    path: String,
    /// The HTTP status.
    #[serde(default = "ok")]
    status: u16,
    /// The JSON; of a database a list of rows.
    #[serde(default)]
    #[schema(value_type = Object)]
    body: Value,
}

const fn ok() -> u16 {
    200
}

/// What would happen.
#[derive(Serialize, ToSchema)]
struct Simulated {
    /// The steps in turn.
    steps: Vec<SimulatedStep>,
    /// All that is heard, as text, one entry for each time that something is said.
    heard: Vec<String>,
    /// One thing a line, as a script tells it: also what happens in queues, which is no step.
    lines: Vec<String>,
    /// Addresses that were asked.
    requests: Vec<String>,
    /// Variables at the end: what an agent's page would show.
    variables: BTreeMap<String, String>,
    /// Where the call ended up; none when the inputs ended first.
    end: Option<TrialEnd>,
}

/// A step that the call would go through.
#[derive(Serialize, ToSchema)]
struct SimulatedStep {
    /// The flow that was called; none in the one that is simulated.
    #[schema(value_type = Option<String>)]
    flow: Option<FlowId>,
    /// Its name.
    step: String,
    /// Its kind.
    kind: String,
    /// The edge; none where the call still is.
    exit: Option<String>,
    /// What was entered, masked where it is secret.
    digits: Option<String>,
    /// What is heard there, as text.
    heard: Vec<String>,
}

impl From<Walked> for SimulatedStep {
    fn from(walked: Walked) -> Self {
        SimulatedStep {
            flow: walked.of.map(|(flow, _)| flow),
            step: walked.step,
            kind: walked.kind.to_owned(),
            exit: walked.exit,
            digits: walked.digits,
            heard: walked.heard,
        }
    }
}

impl From<Transcript> for Simulated {
    fn from(told: Transcript) -> Self {
        Simulated {
            end: TrialEnd::of(&told),
            heard: told.steps.iter().flat_map(|step| step.heard.iter().cloned()).collect(),
            steps: told.steps.into_iter().map(SimulatedStep::from).collect(),
            requests: told.requests,
            variables: told.variables,
            lines: told.lines,
        }
    }
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RoutingRead, routes!(try_out)))
        .routes(guard.may(Permission::RoutingRead, routes!(simulate_call)))
}

/// Try a flow without a telephone.
#[utoipa::path(post, path = "/api/v1/flows/{id}/try", tag = "flows", params(("id" = String, Path, description = "The flow's id")), request_body = Trial, responses((status = 200, body = Told)))]
async fn try_out(
    State(api): State<Shared>,
    caller: Caller,
    Id(flow): Id<FlowId>,
    Body(trial): Body<Trial>,
) -> Result<Json<Told>, Problem> {
    too_long("script", &trial.script)?;
    let stored = api.store.flow(caller.tenant(), flow).await?.draft;
    let document = trial.document.unwrap_or(stored);
    let scene = Scene { caller: trial.caller.unwrap_or_default(), ..Scene::default() };
    let told = walk(&api, &caller, document, trial.at, scene, script(&trial.script)).await?;
    let end = TrialEnd::of(&told);
    Ok(Json(Told { lines: told.lines, end }))
}

/// Simulate a call: the steps that it would take, what would be heard, and where it would go.
#[utoipa::path(post, path = "/api/v1/flows/{id}/simulate", tag = "flows", params(("id" = String, Path, description = "The flow's id")), request_body = Simulation, responses((status = 200, body = Simulated)))]
async fn simulate_call(
    State(api): State<Shared>,
    caller: Caller,
    Id(flow): Id<FlowId>,
    Body(simulation): Body<Simulation>,
) -> Result<Json<Simulated>, Problem> {
    let acts = acts(&simulation.inputs)?;
    for (field, count) in
        [("servers", simulation.servers.len()), ("variables", simulation.variables.len())]
    {
        few(field, count)?;
    }
    let stored = api.store.flow(caller.tenant(), flow).await?.draft;
    let document = match (simulation.document, simulation.version) {
        (Some(document), _) => document,
        (None, None) => stored,
        (None, Some(version)) => {
            api.store.flow_version(caller.tenant(), flow, version).await?.document
        }
    };
    let mock = |server: SimulatedServer| Mock {
        path: server.path,
        status: server.status,
        body: server.body,
    };
    let usual = Scene::default();
    let scene = Scene {
        caller: simulation.caller.unwrap_or_default(),
        called: simulation.called.unwrap_or(usual.called),
        variables: simulation.variables,
        mocks: simulation.servers.into_iter().map(mock).collect(),
        ..Scene::default()
    };
    let told = walk(&api, &caller, document, simulation.at, scene, acts).await?;
    Ok(Json(told.into()))
}

/// Checks `document` and walks it where and when the tenant is.
async fn walk(
    api: &Shared,
    caller: &Caller,
    document: Value,
    at: Option<terms::Timestamp>,
    scene: Scene,
    acts: Vec<Act>,
) -> Result<Transcript, Problem> {
    let flow = check_flow(&document, &api.known(caller, &document).await?)
        .map_err(|problems| wrong_flow(problems.iter().map(ToString::to_string).collect()))?;
    let plan = api.store.compile_plan(caller.tenant()).await?;
    let at = at.unwrap_or(caller.now());
    // A flow may loop for thousands of steps: that is computing, not waiting.
    let told = tokio::task::spawn_blocking(move || {
        let scene = Scene {
            at,
            flows: library(&document, &plan.flows),
            time_zone: plan.time_zone,
            language: plan.language,
            hours: plan.hours,
            queues: plan.queues,
            regions: plan.regions,
            ..scene
        };
        simulate(flow, &scene, acts)
    });
    told.await.map_err(|panic| Problem::internal(panic.to_string()))
}

fn acts(inputs: &[SimulatedInput]) -> Result<Vec<Act>, Problem> {
    few("inputs", inputs.len())?;
    let mut acts = Vec::new();
    for input in inputs {
        match input {
            SimulatedInput::Keys(keys) => {
                too_long("inputs", keys)?;
                if !keys.chars().all(|c| "0123456789*#ABCD".contains(c)) {
                    return Err(Problem::invalid("inputs", "keys are 0-9, *, # and A-D"));
                }
                acts.extend(keys.chars().map(Act::Digit));
            }
            SimulatedInput::Text(text) => {
                too_long("inputs", text)?;
                acts.extend(script(text));
            }
            SimulatedInput::Silence => acts.push(Act::Silence),
            SimulatedInput::Answer { status, body } => {
                acts.push(Act::Http(Ok((*status, body.clone()))));
            }
            SimulatedInput::Failure => acts.push(Act::Http(Err("refused".to_owned()))),
            SimulatedInput::Unheard => acts.push(Act::Unheard),
            SimulatedInput::WaitsS(seconds) if u64::from(*seconds) > WAITS_S_MAX => {
                let message = format!("a wait has at most {WAITS_S_MAX} seconds");
                return Err(Problem::invalid("inputs", message));
            }
            SimulatedInput::WaitsS(seconds) => {
                acts.push(Act::Waits(Duration::from_secs((*seconds).into())));
            }
            SimulatedInput::Answered => acts.push(Act::Answered),
            SimulatedInput::CalledBack => acts.push(Act::CalledBack),
            SimulatedInput::FlowsOut => acts.push(Act::FlowsOut),
            SimulatedInput::Back(edge) => acts.push(Act::Back(edge.clone())),
            SimulatedInput::Hangup => acts.push(Act::Hangup),
        }
    }
    Ok(acts)
}

fn too_long(field: &str, text: &str) -> Result<(), Problem> {
    if text.len() > SCRIPT_CHARS_MAX {
        let message = format!("a script has at most {SCRIPT_CHARS_MAX} characters");
        return Err(Problem::invalid(field, message));
    }
    Ok(())
}

fn few(field: &str, count: usize) -> Result<(), Problem> {
    if count > INPUTS_MAX {
        let message = format!("at most {INPUTS_MAX} entries are kept");
        return Err(Problem::invalid(field, message));
    }
    Ok(())
}
