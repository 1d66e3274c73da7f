//! Faxes that the box sends of its own accord: somebody asks for one, sees how it goes, and may take it
//! off while it waits. [`super::fax_sending`] has them sent.

use super::Shared;
use super::calls::is_number;
use super::extract::{Body, Id, Params};
use super::faxes::blocking;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::rows::page_limit;
use crate::open::beneath;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::Permission;
use desk::outgoing_fax::{FaxDraft, OutgoingFax};
use serde::Deserialize;
use terms::OutgoingFaxId;
use terms::media::{is_fax_name, is_fax_station};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct OutgoingFaxPage {
    /// The last fax of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    before: Option<OutgoingFaxId>,
    /// Faxes on the page, 1–500, 100 when left out.
    #[serde(default)]
    limit: Option<u32>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::CallsControl, routes!(send)))
        .routes(guard.may(Permission::CallsRead, routes!(list)))
        .routes(guard.may(Permission::CallsRead, routes!(one)))
        .routes(guard.may(Permission::CallsControl, routes!(cancel)))
}

/// Have a fax sent: its number is called by your right to call out, and again after a pause where it is
/// busy or nobody answers. What lies under the document's name when a machine answers is what goes over.
#[utoipa::path(
    post, path = "/api/v1/faxes/outgoing", tag = "faxes", request_body = FaxDraft,
    responses(
        (status = 201, description = "It waits for its turn", body = OutgoingFax),
        (status = 400, description = "A field cannot be so", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "This box sends no faxes, or too many wait", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn send(
    State(api): State<Shared>,
    caller: Caller,
    Body(draft): Body<FaxDraft>,
) -> Result<(StatusCode, Json<OutgoingFax>), Problem> {
    let tenant = caller.tenant();
    if !is_number(&draft.number) {
        return Err(Problem::invalid("number", "an outside number is needed"));
    }
    if draft.caller_number.as_ref().is_some_and(|number| !is_number(number)) {
        return Err(Problem::invalid("caller_number", "a telephone number is needed"));
    }
    if !is_fax_station(&draft.station) {
        let message = "digits, + and spaces are possible, at most 20";
        return Err(Problem::invalid("station", message));
    }
    if let Some(missing) = &api.faxless {
        return Err(Problem::conflict(format!("This box sends no faxes: {missing}")));
    }
    let (faxes, path) = (api.faxes.clone(), format!("{tenant}/documents/{}.tif", draft.document));
    let is_there =
        is_fax_name(&draft.document) && blocking(move || beneath(&faxes, &path).is_ok()).await?;
    if !is_there {
        return Err(Problem::invalid("document", "There is no such fax document."));
    }
    if let Some(order) = draft.order {
        caller.must(Permission::OrdersRead)?;
        api.store.order(tenant, order).await?;
    }
    if let Some(customer) = draft.customer {
        caller.must(Permission::CustomersRead)?;
        api.store.customer(tenant, customer).await?;
    }
    let added = api.store.add_outgoing_fax(tenant, &caller.by(), draft).await?;
    Ok((StatusCode::CREATED, Json(added)))
}

/// Faxes that are sent, were or will be, the latest first. For who sees every team.
#[utoipa::path(get, path = "/api/v1/faxes/outgoing", tag = "faxes", params(OutgoingFaxPage), responses((status = 200, body = Vec<OutgoingFax>)))]
pub(in crate::api) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(OutgoingFaxPage { before, limit }): Params<OutgoingFaxPage>,
) -> Result<Json<Vec<OutgoingFax>>, Problem> {
    api.must_see_all(&caller).await?;
    caller.must_see_numbers()?;
    Ok(Json(api.store.outgoing_faxes(caller.tenant(), before, page_limit(limit)).await?))
}

/// One of them.
#[utoipa::path(
    get, path = "/api/v1/faxes/outgoing/{id}", tag = "faxes",
    params(("id" = String, Path, description = "The id that it was given when it was asked for")),
    responses((status = 200, body = OutgoingFax))
)]
async fn one(
    State(api): State<Shared>,
    caller: Caller,
    Id(fax): Id<OutgoingFaxId>,
) -> Result<Json<OutgoingFax>, Problem> {
    api.must_see_all(&caller).await?;
    caller.must_see_numbers()?;
    Ok(Json(api.store.outgoing_fax(caller.tenant(), fax).await?))
}

/// Take one off while it waits.
#[utoipa::path(
    delete, path = "/api/v1/faxes/outgoing/{id}", tag = "faxes",
    params(("id" = String, Path, description = "The id that it was given when it was asked for")),
    responses(
        (status = 204),
        (status = 409, description = "It is being sent, or is over", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn cancel(
    State(api): State<Shared>,
    caller: Caller,
    Id(fax): Id<OutgoingFaxId>,
) -> Result<StatusCode, Problem> {
    api.must_see_all(&caller).await?;
    api.store.cancel_outgoing_fax(caller.tenant(), &caller.by(), fax).await?;
    Ok(StatusCode::NO_CONTENT)
}
