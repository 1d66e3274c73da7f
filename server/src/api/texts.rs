//! Text messages over trunks: SMS, where a gateway passes them on. Whoever may call out may have one sent,
//! by the same right and under the same guard, and sees what came of it; what came in is there for who
//! sees the calls of all. How a text went comes with the event log ([`super::calling::follow`]).

use super::calls::is_number;
use super::extract::{Body, Id, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::rows::page_limit;
use super::{Api, Shared};
use crate::link::NotThere;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::texts::{TextDirection, TextMessage, TextState, Whose};
use serde::Deserialize;
use terms::control::{Answer, Ask, TextOrder};
use terms::event::Written;
use terms::{PhoneNumber, TextId, TrunkId, UserId};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A text to be sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewText {
    /// An outside number.
    number: String,
    /// What it says: 1-4,096 bytes of UTF-8; over a trunk that is reached by UDP, 600 to 850.
    text: String,
    /// Over this trunk, which the number leads over; left out, over the first of these that takes it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    trunk: Option<TrunkId>,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct TextPage {
    /// The last text of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    before: Option<TextId>,
    /// Texts on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

/// A text that can be sent.
pub(super) struct Wanted {
    number: String,
    /// What it says.
    pub(super) text: Written,
    trunk: Option<TrunkId>,
}

impl Wanted {
    /// To this number, over this trunk or any that it leads over.
    ///
    /// # Errors
    /// Where a field cannot be so.
    pub(super) fn checked(
        number: String,
        text: &str,
        trunk: Option<TrunkId>,
    ) -> Result<Wanted, Problem> {
        if !is_number(&number) {
            return Err(Problem::invalid("number", "an outside number is needed"));
        }
        let text = Written(text.replace("\r\n", "\n"));
        if !text.is_sendable() {
            let message = "a text has 1-4096 bytes, without control characters";
            return Err(Problem::invalid("text", message));
        }
        Ok(Wanted { number, text, trunk })
    }
}

/// What the switch says of a text that it is to send.
pub(super) enum Asked {
    /// It is on its way.
    Going(TextMessage),
    /// It is not sent, and this is why.
    Refused(String),
    /// The switch did not answer; it may be on its way.
    Unsure(String),
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::CallsControlOwn, routes!(send)))
        .routes(guard.may(Permission::CallsOwn, routes!(list)))
        .routes(guard.may(Permission::CallsOwn, routes!(one)))
}

/// Have a text sent, by your right to call out; it counts for your extension as a call does. The answer
/// says that it is on its way: what came of it is told by its id, and by the event `text_sent`. 409 says
/// why nobody gets it.
#[utoipa::path(
    post, path = "/api/v1/texts", tag = "texts", request_body = NewText,
    responses(
        (status = 201, description = "It is on its way", body = TextMessage),
        (status = 400, description = "A field cannot be so", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not sent", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn send(
    State(api): State<Shared>,
    caller: Caller,
    Body(new): Body<NewText>,
) -> Result<(StatusCode, Json<TextMessage>), Problem> {
    let wanted = Wanted::checked(new.number, &new.text, new.trunk)?;
    match api.ask_text(&caller, wanted).await? {
        Asked::Going(sending) => Ok((StatusCode::CREATED, Json(sending))),
        Asked::Refused(why) | Asked::Unsure(why) => Err(Problem::conflict(why)),
    }
}

/// Texts that came and went, the latest first: all of them for who sees the calls of everybody, those that
/// their agents had sent for who is limited to teams, and one's own for others.
#[utoipa::path(get, path = "/api/v1/texts", tag = "texts", params(TextPage), responses((status = 200, body = Vec<TextMessage>)))]
pub(in crate::api) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(TextPage { before, limit }): Params<TextPage>,
) -> Result<Json<Vec<TextMessage>>, Problem> {
    let whose = api.texts_seen(&caller).await?;
    Ok(Json(api.store.texts(caller.tenant(), &whose, before, page_limit(limit)).await?))
}

/// One of them.
#[utoipa::path(
    get, path = "/api/v1/texts/{id}", tag = "texts",
    params(("id" = String, Path, description = "The id that it was given when it was asked for, or that its event says")),
    responses((status = 200, body = TextMessage))
)]
async fn one(
    State(api): State<Shared>,
    caller: Caller,
    Id(text): Id<TextId>,
) -> Result<Json<TextMessage>, Problem> {
    let whose = api.texts_seen(&caller).await?;
    Ok(Json(api.store.text(caller.tenant(), &whose, text).await?))
}

impl Api {
    /// Has a text sent by the right of `caller`; that they asked for it is a row of the audit table.
    pub(super) async fn ask_text(
        &self,
        caller: &Caller,
        Wanted { number: target, text, trunk }: Wanted,
    ) -> Result<Asked, Problem> {
        let (tenant, by) = (caller.tenant(), caller.user());
        let country = self.store.tenant(tenant).await?.profile.country;
        let number = PhoneNumber::parse(&target, &country).normal;
        self.store.note(tenant, &caller.by(), "text.send", &number).await?;
        let order = TextOrder { tenant, by, target, text: text.clone(), trunk };
        let id = match self.calls.deliver(Ask::Text(Box::new(order))).await {
            Ok(Answer::Text(id)) => id,
            Ok(Answer::Refused(why)) => return Ok(Asked::Refused(why)),
            Ok(other) => return Err(Problem::internal(format!("the switch answered {other:?}"))),
            Err(NotThere(why)) => return Ok(Asked::Unsure(why)),
        };
        let sending = TextMessage {
            id,
            direction: TextDirection::Out,
            trunk: None,
            number,
            own_number: String::new(),
            text: text.0,
            asked_by: Some(by),
            at: caller.now(),
            state: TextState::Sending,
            status: None,
            ended_at: None,
        };
        // It is on its way whatever the store says, and the log will say what came of it.
        if let Err(error) = self.store.add_text(tenant, &sending).await {
            tracing::warn!(text = %id, %error, "that a text is on its way is not noted");
        }
        Ok(Asked::Going(sending))
    }

    async fn texts_seen(&self, caller: &Caller) -> Result<Whose, Problem> {
        if !caller.may(Permission::CallsRead) {
            return Ok(Whose::SentBy(vec![caller.user()]));
        }
        // A person and their extension have one id.
        let agents = self.store.sight(caller.identity()).await?.agents;
        let people = |agent: terms::AgentId| UserId(agent.0);
        Ok(agents.map_or(Whose::All, |agents| {
            Whose::SentBy(agents.into_iter().map(people).chain([caller.user()]).collect())
        }))
    }
}
