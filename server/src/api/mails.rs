//! Mails that flows have sent, and what came of them. They are no person's own: who sees the calls of all
//! sees them. How one is sent is [`sending`]'s; that one is to be sent comes with the event log
//! ([`super::calling::follow`]).

pub mod sending;

use super::Shared;
use super::extract::{Id, Params};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::rows::page_limit;
use axum::Json;
use axum::extract::State;
use desk::Permission;
use desk::mails::OutgoingMail;
use serde::Deserialize;
use terms::MailId;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct MailPage {
    /// The last mail of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    before: Option<MailId>,
    /// Mails on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::CallsRead, routes!(list)))
        .routes(guard.may(Permission::CallsRead, routes!(one)))
}

/// Mails that flows have sent or will send, the latest first.
#[utoipa::path(get, path = "/api/v1/mails", tag = "mails", params(MailPage), responses((status = 200, body = Vec<OutgoingMail>)))]
pub(in crate::api) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(MailPage { before, limit }): Params<MailPage>,
) -> Result<Json<Vec<OutgoingMail>>, Problem> {
    api.must_see_all(&caller).await?;
    Ok(Json(api.store.mails(caller.tenant(), before, page_limit(limit)).await?))
}

/// One of them.
#[utoipa::path(
    get, path = "/api/v1/mails/{id}", tag = "mails",
    params(("id" = String, Path, description = "The id that its event says")),
    responses((status = 200, body = OutgoingMail))
)]
async fn one(
    State(api): State<Shared>,
    caller: Caller,
    Id(mail): Id<MailId>,
) -> Result<Json<OutgoingMail>, Problem> {
    api.must_see_all(&caller).await?;
    Ok(Json(api.store.mail(caller.tenant(), mail).await?))
}
