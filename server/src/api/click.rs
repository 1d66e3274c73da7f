//! Click-to-dial: a number on a screen becomes a call of an agent. Whether it may be made is the
//! switch's to say; whether somebody called there a moment ago is asked here.

use super::calls::is_number;
use super::extract::Body;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::rows::rows;
use super::{Api, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::order::Action;
use desk::{Permission, when};
use serde::{Deserialize, Serialize};
use terms::control::{Answer, Ask, DialFirst, DialOrder};
use terms::{AgentId, CallId, OrderId, PhoneNumber, Timestamp};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use warehouse::query::literal;

/// A call to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCall {
    /// Whose call it is; left out, one's own. That of somebody else needs `calls.control`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    agent: Option<AgentId>,
    /// Whom to call: a short number or an outside number.
    to: String,
    /// Who rings first, `agent` or `customer`; the agent when left out.
    #[serde(default)]
    #[schema(value_type = String)]
    first: DialFirst,
    /// The number of the tenant that the other side is to see; left out, what the trunk's rule says.
    #[serde(default)]
    caller_number: Option<String>,
    /// The order that it is about: the call is noted there.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    order: Option<OrderId>,
    /// Also where this number was called a moment ago.
    #[serde(default)]
    confirm: bool,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
struct Dialled {
    /// The call; none where it is to be confirmed first.
    #[schema(value_type = Option<String>)]
    call: Option<CallId>,
    /// Somebody called this number within `calls.called_again`.
    recent: Option<RecentCall>,
}

/// The last call to the same number.
#[derive(Serialize, ToSchema)]
struct RecentCall {
    /// Began then.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who called there.
    #[schema(value_type = Option<String>)]
    agent: Option<AgentId>,
    /// It goes on.
    live: bool,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::CallsControlOwn, routes!(dial)))
}

/// Call a number: one side rings, and the other once it has answered. Where the number was called a
/// moment ago the answer is 200 and says by whom; `confirm` goes on. 409 says why nobody rings.
#[utoipa::path(post, path = "/api/v1/calls", tag = "calls", request_body = NewCall, responses((status = 201, body = Dialled), (status = 200, description = "To be confirmed", body = Dialled)))]
async fn dial(
    State(api): State<Shared>,
    caller: Caller,
    Body(new): Body<NewCall>,
) -> Result<(StatusCode, Json<Dialled>), Problem> {
    let agent = api.calls_for(&caller, &new).await?;
    let recent = api.recent_call(&caller, &new.to).await?;
    if recent.is_some() && !new.confirm {
        return Ok((StatusCode::OK, Json(Dialled { call: None, recent })));
    }
    if caller.agent() != Some(agent) {
        let subject = format!("{agent}: {}", new.to);
        api.store.note(caller.tenant(), &caller.by(), "call.dial", &subject).await?;
    }
    let order = DialOrder {
        tenant: caller.tenant(),
        by: caller.user(),
        agent,
        target: new.to.clone(),
        first: new.first,
        caller_number: new.caller_number,
    };
    let call = match api.calls.ask(Ask::Dial(Box::new(order))).await {
        Answer::Call(call) => call,
        Answer::Refused(why) => return Err(Problem::conflict(why)),
        other => return Err(Problem::internal(format!("the switch answered {other:?}"))),
    };
    if let Some(order) = new.order {
        api.note_call(&caller, order, call, &new.to).await;
    }
    Ok((StatusCode::CREATED, Json(Dialled { call: Some(call), recent })))
}

impl Api {
    /// Looks at what was asked for. Whose call it will be.
    async fn calls_for(&self, caller: &Caller, new: &NewCall) -> Result<AgentId, Problem> {
        if !is_number(&new.to) {
            return Err(Problem::invalid("to", "a short number or an outside number is needed"));
        }
        if new.caller_number.as_ref().is_some_and(|number| !is_number(number)) {
            return Err(Problem::invalid("caller_number", "a telephone number is needed"));
        }
        let agent = match new.agent.filter(|agent| Some(*agent) != caller.agent()) {
            Some(other) => {
                caller.must(Permission::CallsControl)?;
                self.must_see(caller, other).await?;
                self.store.agent(caller.tenant(), other).await?;
                other
            }
            None => {
                let why = "you have no phone as an agent";
                caller.agent().ok_or_else(|| Problem::conflict(why))?
            }
        };
        if let Some(order) = new.order {
            caller.must(Permission::OrdersWrite)?;
            self.store.order(caller.tenant(), order).await?;
        }
        Ok(agent)
    }

    /// The last call of anybody to this number, where it was a moment ago.
    async fn recent_call(&self, caller: &Caller, to: &str) -> Result<Option<RecentCall>, Problem> {
        if self.limits.called_again.is_zero() {
            return Ok(None);
        }
        let country = self.store.tenant(caller.tenant()).await?.profile.country;
        let called = PhoneNumber::parse(to, &country).normal;
        // A switch that is not there says so when it is asked for the call.
        if let Ok(live) = self.live_state(caller).await {
            let same = |shown: &str| PhoneNumber::parse(shown, &country).normal == called;
            let live = live.calls.into_iter().filter(|call| same(&call.called));
            if let Some(live) = live.max_by_key(|call| call.started_at) {
                let (at, agent) = (live.started_at, live.agent);
                return Ok(Some(RecentCall { at, agent, live: true }));
            }
        }
        let since = Timestamp(caller.now().0 - self.limits.called_again.as_micros() as i64);
        let sql = format!(
            "SELECT c.started_at, l.agent_id FROM calls c LEFT JOIN legs l \
             ON l.call_id = c.call_id AND l.role = 'agent' \
             WHERE c.direction = 'outbound' AND c.called = {} AND c.started_at >= {} \
             AND c.outcome <> 'refused' ORDER BY c.started_at DESC, l.started_at LIMIT 1",
            literal::text(&called),
            literal::instant(since)
        );
        let found = rows(&self.unmasked_session(caller).await?, &sql).await?.pop();
        Ok(found.and_then(|row| {
            let at = when::parse(row["started_at"].as_str()?)?;
            let agent = row["agent_id"].as_str().and_then(|agent| agent.parse().ok());
            Some(RecentCall { at, agent, live: false })
        }))
    }

    /// The call is made: an order that cannot be written to any more does not undo it.
    async fn note_call(&self, caller: &Caller, order: OrderId, call: CallId, to: &str) {
        let (tenant, by, note) = (caller.tenant(), caller.by(), format!("tel:{to} #{call}"));
        let noted = self.store.step_order(tenant, &by, order, None, &Action::Note, &note).await;
        if let Err(error) = noted {
            tracing::warn!(%order, %call, %error, "the call is not noted in its order");
        }
    }
}
