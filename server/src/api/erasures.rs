//! People who ask to be forgotten: asked for here, done by [`super::deletion::persons`].

use super::Shared;
use super::deletion::persons::{holds_on, listed};
use super::extract::{Body, Id, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use desk::Permission;
use desk::erasure::Erasure;
use serde::Deserialize;
use terms::control::{Ask, CallAction};
use terms::{MailAddress, Person, Subscriber};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Who is to be forgotten: by their number, their mail address, or both.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewErasure {
    /// Their whole number, however it is written.
    #[serde(default)]
    number: Option<String>,
    /// Their whole mail address, in small letters or great ones.
    #[serde(default)]
    mail_address: Option<String>,
    /// Who asked for it, and when: one line, without the number and the mail address.
    reason: String,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// The smallest number of the page before.
    #[serde(default)]
    before: Option<i64>,
    /// Erasures on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::PersonsErase, routes!(list)))
        .routes(guard.may(Permission::PersonsErase, routes!(ask)))
        .routes(guard.may(Permission::PersonsErase, routes!(one)))
}

/// Erasures, the latest first.
#[utoipa::path(get, path = "/api/v1/erasures", tag = "recordings", params(Page), responses((status = 200, body = Vec<Erasure>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(Page { before, limit }): Params<Page>,
) -> Result<Json<Vec<Erasure>>, Problem> {
    let limit = super::rows::page_limit(limit);
    Ok(Json(api.store.erasures(caller.tenant(), before, limit).await?))
}

/// How far an erasure has come.
#[utoipa::path(get, path = "/api/v1/erasures/{id}", tag = "recordings", params(("id" = i64, Path, description = "The erasure's number")), responses((status = 200, body = Erasure)))]
async fn one(
    State(api): State<Shared>,
    caller: Caller,
    Id(id): Id<i64>,
) -> Result<Json<Erasure>, Problem> {
    Ok(Json(api.store.erasure(caller.tenant(), id).await?))
}

/// Have everything forgotten that tells of one person: recordings, messages, faxes, what rows say of
/// them, their card, the words of their orders and items, their place on lists of callers. Counts stay.
#[utoipa::path(
    post, path = "/api/v1/erasures", tag = "recordings", request_body = NewErasure,
    responses(
        (status = 202, description = "It is being done; ask for it again at `location`", body = Erasure),
        (status = 409, description = "Legal holds keep something of the person", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn ask(
    State(api): State<Shared>,
    caller: Caller,
    Body(new): Body<NewErasure>,
) -> Result<Response, Problem> {
    let tenant = caller.tenant();
    let person = person(&new, &api.store.tenant(tenant).await?.profile.country)?;
    // No hold is set between the look and the wish.
    let pause = api.deletion.pause().await;
    let held = holds_on(&api.store, &api.warehouse, tenant, &person).await?;
    if !held.is_empty() {
        let holds = listed(&held);
        let message =
            format!("Legal holds keep something of this person and must be lifted first: {holds}.");
        return Err(Problem::conflict(message));
    }
    let asked = api.store.ask_erasure(tenant, &caller.by(), &person, &new.reason).await?;
    drop(pause);
    if let Some(number) = person.number() {
        cancel_callbacks(&api, &caller, number).await;
        // One that is not there is asked for nothing: what it remembers goes with its time.
        let _ = api.calls.ask(Ask::Forget(tenant, number.clone())).await;
    }
    api.deletion.wake();
    let mut response = (StatusCode::ACCEPTED, Json(&asked)).into_response();
    let place = format!("/api/v1/erasures/{}", asked.id);
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// Whose number and mail address these are, as people write them.
fn person(new: &NewErasure, country: &str) -> Result<Person, Problem> {
    let number = new.number.as_deref().map(|text| {
        Subscriber::parse(text, country).ok_or_else(|| {
            Problem::invalid("number", "number: a person's number of at least six digits is needed")
        })
    });
    let mail = new.mail_address.as_deref().map(|text| {
        MailAddress::parse(text).ok_or_else(|| {
            let message = "mail_address: a whole mail address such as zhang@example.com is needed";
            Problem::invalid("mail_address", message)
        })
    });
    Person::new(number.transpose()?, mail.transpose()?)
        .ok_or_else(|| Problem::invalid("number", "number: a number or a mail address is needed"))
}

/// Nobody calls back who asked to be forgotten. A switch that is not there calls nobody.
async fn cancel_callbacks(api: &Shared, caller: &Caller, number: &Subscriber) {
    let Ok(mut state) = api.live_state(caller).await else { return };
    state.callbacks.retain(|live| number.is_in(&live.number));
    for live in state.callbacks {
        let action = CallAction::CancelCallback { by: caller.user() };
        let _ =
            api.calls.ask(Ask::Call { tenant: caller.tenant(), call: live.callback, action }).await;
    }
}
