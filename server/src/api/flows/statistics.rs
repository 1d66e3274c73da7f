//! How calls went through a flow, step by step: counted from the warehouse's table of steps.

use crate::api::Shared;
use crate::api::extract::{Id, Params};
use crate::api::guard::{Caller, Guard};
use crate::api::problem::Problem;
use crate::api::rows::{Conditions, left_out, rows};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use desk::{Permission, when};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use terms::{FlowId, Timestamp};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The period when nothing else is asked for.
const USUAL_US: i64 = 30 * 86_400 * 1_000_000;
/// Steps with their edges that are told.
const EDGES_MAX: usize = 5_000;

/// Which calls are counted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Counted {
    /// Calls that started at or after; 30 days ago when left out.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Calls that started before.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// One version only.
    #[serde(default)]
    version: Option<u32>,
}

/// How calls went through one step.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(in crate::api) struct StepStatistics {
    /// Its name.
    step: String,
    /// Its kind.
    kind: String,
    /// Times that a call left it.
    times: u64,
    /// Mean time in it, in ms.
    mean_ms: u64,
    /// By which edge.
    exits: Vec<ExitStatistics>,
}

/// How often a step was left by one edge.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(in crate::api) struct ExitStatistics {
    /// The edge: `next`, a key, `timeout`, `hangup`.
    exit: String,
    /// Times.
    times: u64,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::CallsRead, routes!(statistics)))
}

/// How often each step was taken, by which edge calls left it, and how long they stayed.
#[utoipa::path(get, path = "/api/v1/flows/{id}/statistics", tag = "flows", params(("id" = String, Path, description = "The flow's id"), Counted), responses((status = 200, body = Vec<StepStatistics>, headers(("x-left-out" = String, description = "Damaged files of the warehouse, of which nothing is counted; then `x-truncated` is there too")))))]
pub(in crate::api) async fn statistics(
    State(api): State<Shared>,
    caller: Caller,
    Id(flow): Id<FlowId>,
    Params(Counted { from, to, version }): Params<Counted>,
) -> Result<(HeaderMap, Json<Vec<StepStatistics>>), Problem> {
    api.store.flow(caller.tenant(), flow).await?;
    let mut conditions = Conditions::default();
    conditions.id("flow_id", Some(flow.0));
    conditions.id("flow_version", version.map(u64::from));
    let from = from.unwrap_or(Timestamp(caller.now().0 - USUAL_US));
    conditions.between("call_started_at", Some(from), to);
    let sql = format!(
        "SELECT step, kind, \"exit\", COUNT(*) AS times, \
         SUM(CAST(left_at AS BIGINT) - CAST(entered_at AS BIGINT)) / 1000 AS spent_ms \
         FROM ivr_steps{} GROUP BY step, kind, \"exit\" ORDER BY step, kind, \"exit\" \
         LIMIT {EDGES_MAX}",
        conditions.sql()
    );
    let session = api.session(&caller).await?;
    let counted = steps(&rows(&session, &sql).await?);
    Ok((left_out(&session), Json(counted)))
}

/// Puts the edges of each step together; they come one after the other.
fn steps(rows: &[Value]) -> Vec<StepStatistics> {
    let mut steps: Vec<(StepStatistics, u64)> = Vec::new();
    for row in rows {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let count = |name: &str| row[name].as_u64().unwrap_or_default();
        let (step, kind) = (text("step"), text("kind"));
        if steps.last().is_none_or(|(last, _)| last.step != step || last.kind != kind) {
            let new = StepStatistics { step, kind, times: 0, mean_ms: 0, exits: Vec::new() };
            steps.push((new, 0));
        }
        if let Some((last, spent_ms)) = steps.last_mut() {
            last.times += count("times");
            *spent_ms += count("spent_ms");
            last.exits.push(ExitStatistics { exit: text("exit"), times: count("times") });
        }
    }
    let mean = |(step, spent_ms): (StepStatistics, u64)| StepStatistics {
        mean_ms: spent_ms / step.times.max(1),
        ..step
    };
    steps.into_iter().map(mean).collect()
}
