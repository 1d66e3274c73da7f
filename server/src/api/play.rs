//! Something is said into a live call: a prompt or a text, by its agent or by who may control the
//! calls of others and sees this one. Who had what said to whom is a row of the audit table first.

use super::agents::done;
use super::extract::{Body, Id};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::{Api, Shared};
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::CallId;
use terms::control::{Ask, CallAction, PlayOrder, PlayTo, PlayWhat};
use terms::media::SPEECH_CHARS_MAX;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Who hears something that is said into a call.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Hearers {
    /// Both who talk.
    #[default]
    Both,
    /// The agent alone.
    Agent,
    /// The other one alone.
    Customer,
}

impl Hearers {
    /// Whom, and the word for it in the audit table.
    fn to(self) -> (PlayTo, &'static str) {
        match self {
            Hearers::Both => (PlayTo::Both, "both"),
            Hearers::Agent => (PlayTo::Agent, "agent"),
            Hearers::Customer => (PlayTo::Customer, "customer"),
        }
    }
}

/// What is to be said into a call: a prompt or a text.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SaidIntoCall {
    /// The prompt, without its language.
    #[serde(default)]
    prompt: Option<String>,
    /// The text, in the language of the call.
    #[serde(default)]
    text: Option<String>,
    /// Who hears it; left out, both.
    #[serde(default)]
    to: Hearers,
    /// Nobody hears the two until it is over; else it is mixed with what they say.
    #[serde(default)]
    apart: bool,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::CallsControlOwn, routes!(begin, end)))
}

/// Say something into a conversation while it goes on. One's own, or, with `calls.control`, any.
///
/// It is cut after a minute. The recording of the conversation has it.
#[utoipa::path(post, path = "/api/v1/calls/{id}/play", tag = "calls", params(("id" = String, Path, description = "The call's id")), request_body = SaidIntoCall, responses((status = 204)))]
async fn begin(
    State(api): State<Shared>,
    caller: Caller,
    Id(call): Id<CallId>,
    Body(said): Body<SaidIntoCall>,
) -> Result<StatusCode, Problem> {
    let SaidIntoCall { prompt, text, to, apart } = said;
    let what = match (prompt, text) {
        (Some(name), None) => PlayWhat::Prompt(api.heard_prompt(&caller, name).await?),
        (None, Some(text)) => PlayWhat::Text(api.spoken_text(text)?),
        (Some(_), Some(_)) | (None, None) => {
            return Err(Problem::invalid("prompt", "either a prompt or a text is needed"));
        }
    };
    let (to, word) = to.to();
    let said = match &what {
        PlayWhat::Prompt(name) => name.as_str(),
        // What it says may be about a person.
        PlayWhat::Text(_) => "a text",
    };
    let subject = format!("{call} to {word}: {said}");
    let order = PlayOrder { what, to, apart, by: caller.user() };
    api.plays(&caller, call, ("call.play", subject), CallAction::Play(Box::new(order))).await
}

/// Say no more of it.
#[utoipa::path(delete, path = "/api/v1/calls/{id}/play", tag = "calls", params(("id" = String, Path, description = "The call's id")), responses((status = 204)))]
async fn end(
    State(api): State<Shared>,
    caller: Caller,
    Id(call): Id<CallId>,
) -> Result<StatusCode, Problem> {
    let told = ("call.play.stop", call.to_string());
    api.plays(&caller, call, told, CallAction::StopPlay).await
}

impl Api {
    async fn plays(
        &self,
        caller: &Caller,
        call: CallId,
        (name, subject): (&'static str, String),
        action: CallAction,
    ) -> Result<StatusCode, Problem> {
        if !self.is_live_call_of(caller, call).await? {
            caller.must(Permission::CallsControl)?;
        }
        let tenant = caller.tenant();
        self.store.note(tenant, &caller.by(), name, &subject).await?;
        done(self.calls.ask(Ask::Call { tenant, call, action }).await)
    }

    /// A prompt that there is in the tenant's language.
    async fn heard_prompt(&self, caller: &Caller, name: String) -> Result<String, Problem> {
        let plan = self.store.compile_plan(caller.tenant()).await?;
        let languages = BTreeSet::from([plan.language.as_str()]);
        if self.audible(&plan).await?.names(&languages).contains(&name) {
            return Ok(name);
        }
        let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
        let problem = format!("the prompt \"{name}\" does not exist in {}", plan.language);
        Err(Problem::invalid("prompt", problem))
    }

    /// A text that a voice can say here.
    fn spoken_text(&self, text: String) -> Result<String, Problem> {
        if self.speechless.is_some() {
            return Err(Problem::invalid("text", "no text can be spoken on this box"));
        }
        let chars = text.chars().count();
        if !(1..=SPEECH_CHARS_MAX).contains(&chars) || text.chars().any(char::is_control) {
            let problem = format!("a text of 1 to {SPEECH_CHARS_MAX} characters is needed");
            return Err(Problem::invalid("text", problem));
        }
        Ok(text)
    }
}
