//! What somebody has done themselves in a period: their states with the time that they took, and the
//! conversations that they had. Each sees their own, whatever else they may see.

use super::Shared;
use super::extract::Params;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::rows::{Conditions, incomplete, rows};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use desk::{Permission, when};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use terms::{AgentId, Timestamp};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Which period.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Worked {
    /// What began at or after.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// What began before.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// What an agent has done.
#[derive(Serialize, ToSchema)]
struct OwnWork {
    /// Who.
    #[schema(value_type = String)]
    agent: AgentId,
    /// Stretches that have ended, by `activity` and `reason`: how many `times`, and `ms` in all.
    #[schema(value_type = Vec<Object>)]
    states: Vec<Value>,
    /// Calls in which they talked, by `direction`: how many `calls`, `talk_ms` and `hold_ms` in all.
    #[schema(value_type = Vec<Object>)]
    conversations: Vec<Value>,
    /// Says which damaged files nothing is counted of; none where all are.
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<String>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::CallsOwn, routes!(get)))
}

/// What one has done oneself as an agent. The calls one by one are at `GET /api/v1/calls`.
#[utoipa::path(get, path = "/api/v1/work/own", tag = "agents", params(Worked), responses((status = 200, body = OwnWork)))]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Params(Worked { from, to }): Params<Worked>,
) -> Result<Json<OwnWork>, Problem> {
    let why = "you have no phone as an agent";
    let agent = caller.agent().ok_or_else(|| Problem::conflict(why))?;
    let session = api.tenant_session(&caller).await?;
    let of = |column: &'static str, at: &'static str| {
        let mut conditions = Conditions::default();
        conditions.id(column, Some(agent.0));
        conditions.between(at, from, to);
        conditions.sql()
    };
    let states = format!(
        "SELECT activity, reason, count(*) AS times, sum(duration_ms) AS ms FROM agent_spans{} \
         GROUP BY activity, reason ORDER BY activity, reason",
        of("agent_id", "started_at")
    );
    let conversations = format!(
        "SELECT direction, count(DISTINCT l.call_id) AS calls, \
         sum(l.talk_ms) AS talk_ms, sum(l.hold_ms) AS hold_ms \
         FROM legs l JOIN calls c ON l.call_id = c.call_id{} AND l.talk_ms + l.hold_ms > 0 \
         GROUP BY direction ORDER BY direction",
        of("l.agent_id", "l.call_started_at")
    );
    let states = rows(&session, &states).await?;
    let conversations = rows(&session, &conversations).await?;
    let incomplete = incomplete(&[&session], &headers);
    Ok(Json(OwnWork { agent, states, conversations, incomplete }))
}
