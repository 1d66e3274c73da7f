//! Calls that went through a flow, walked through its draft: which of them would have gone another
//! way. Nobody is called and no server is asked.

use super::wrong_flow;
use crate::api::Shared;
use crate::api::extract::{Body, Id};
use crate::api::guard::{Caller, Guard};
use crate::api::problem::Problem;
use crate::api::rows::{Conditions, incomplete, rows};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use desk::{Permission, when};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signaling::ivr::Flow;
use signaling::ivr::check::check as check_flow;
use signaling::ivr::simulate::{Past, Replayed, Scene, library, replay};
use std::sync::Arc;
use terms::{FlowId, Timestamp};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The period when nothing else is asked for.
const USUAL_US: i64 = 86_400 * 1_000_000;
/// Steps that are read, the latest calls first; calls beyond are left out.
const STEPS_MAX: usize = 5_000;
/// Calls that are told one by one.
const EXAMPLES_MAX: usize = 50;

/// Which calls, and through what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Replay {
    /// The graph; left out, the draft as it is stored.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    document: Option<Value>,
    /// Calls that started at or after; a day ago when left out.
    #[serde(default, with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Calls that started before.
    #[serde(default, with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// What became of the calls.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
struct ReplayedCalls {
    /// Calls that were walked.
    calls: u32,
    /// They would go the same way.
    same: u32,
    /// They would go another way.
    differ: u32,
    /// As far as the log knows they would go the same way; it does not know enough of a step.
    unknown: u32,
    /// Calls that would go another way, and where; the first of them.
    examples: Vec<ReplayedCall>,
    /// Says which damaged files no call was read of; none where all were.
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<String>,
}

/// A call that would go another way.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct ReplayedCall {
    /// The call.
    call: String,
    /// The step that it went through; none where it was over.
    before: Option<ReplayedStep>,
    /// The step that it would go through instead; none where it would be over.
    after: Option<ReplayedStep>,
}

/// A step and its edge.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct ReplayedStep {
    /// Its name.
    step: String,
    /// The edge; none where the call would still be there.
    exit: Option<String>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::CallsRead, routes!(replay_calls)))
}

/// Walk the calls of yesterday through the draft, with what their callers pressed then.
#[utoipa::path(post, path = "/api/v1/flows/{id}/replay", tag = "flows", params(("id" = String, Path, description = "The flow's id")), request_body = Replay, responses((status = 200, body = ReplayedCalls)))]
async fn replay_calls(
    State(api): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Id(flow): Id<FlowId>,
    Body(Replay { document, from, to }): Body<Replay>,
) -> Result<Json<ReplayedCalls>, Problem> {
    let stored = api.store.flow(caller.tenant(), flow).await?.draft;
    let document = document.unwrap_or(stored);
    let checked = check_flow(&document, &api.known(&caller, &document).await?)
        .map_err(|problems| wrong_flow(problems.iter().map(ToString::to_string).collect()))?;
    let mut conditions = Conditions::default();
    conditions.id("s.flow_id", Some(flow.0));
    let from = from.unwrap_or(Timestamp(caller.now().0 - USUAL_US));
    conditions.between("s.call_started_at", Some(from), to);
    let sql = format!(
        "SELECT s.call_id, s.step, s.\"exit\", s.digits, s.entered_at, c.caller, c.called \
         FROM ivr_steps s JOIN calls c ON s.call_id = c.call_id{} \
         ORDER BY s.call_id DESC, s.seq LIMIT {STEPS_MAX}",
        conditions.sql()
    );
    let session = api.session(&caller).await?;
    let mut steps = rows(&session, &sql).await?;
    let incomplete = incomplete(&[&session], &headers);
    drop(session);
    if steps.len() == STEPS_MAX {
        // The last call may not be there to its end.
        let last = steps.last().map(|row| row["call_id"].clone());
        steps.retain(|row| Some(&row["call_id"]) != last.as_ref());
    }
    let plan = api.store.compile_plan(caller.tenant()).await?;
    let done = tokio::task::spawn_blocking(move || {
        let scene = Scene {
            flows: library(&document, &plan.flows),
            time_zone: plan.time_zone,
            language: plan.language,
            hours: plan.hours,
            regions: plan.regions,
            ..Scene::default()
        };
        walk_all(&Arc::new(checked), &scene, &steps)
    });
    let done = done.await.map_err(|panic| Problem::internal(panic.to_string()))?;
    Ok(Json(ReplayedCalls { incomplete, ..done }))
}

/// Walks each call, whose steps come one after the other.
fn walk_all(flow: &Arc<Flow>, usual: &Scene, steps: &[Value]) -> ReplayedCalls {
    let mut told = ReplayedCalls::default();
    for call in steps.chunk_by(|one, next| one["call_id"] == next["call_id"]) {
        let Some(first) = call.first() else { continue };
        let text = |name: &str| first[name].as_str().unwrap_or_default().to_owned();
        let scene = Scene {
            at: when::parse(&text("entered_at")).unwrap_or(usual.at),
            caller: text("caller"),
            called: text("called"),
            ..usual.clone()
        };
        told.calls += 1;
        match replay(flow, &scene, &call.iter().map(past).collect::<Vec<_>>()) {
            Replayed::Same => told.same += 1,
            Replayed::Unknown { .. } => told.unknown += 1,
            Replayed::Differs { before, after } => {
                told.differ += 1;
                if told.examples.len() < EXAMPLES_MAX {
                    let before = before.map(|(step, exit)| ReplayedStep { step, exit: Some(exit) });
                    let after = after.map(|(step, exit)| ReplayedStep { step, exit });
                    told.examples.push(ReplayedCall { call: text("call_id"), before, after });
                }
            }
        }
    }
    told
}

fn past(row: &Value) -> Past {
    let text = |name: &str| row[name].as_str().map(str::to_owned);
    Past {
        step: text("step").unwrap_or_default(),
        exit: text("exit").unwrap_or_default(),
        digits: text("digits"),
    }
}
