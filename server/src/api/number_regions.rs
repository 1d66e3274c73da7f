//! Where numbers are at home: the tenant's table of prefixes beside the area codes that the box knows.

use super::Shared;
use super::extract::{Params, too_large};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::StringRejection;
use axum::http::StatusCode;
use desk::Permission;
use serde::{Deserialize, Serialize};
use terms::{PhoneNumber, Region};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Whose home is asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// A number, however it is written.
    #[serde(default)]
    number: Option<String>,
}

/// The tenant's table.
#[derive(Serialize, ToSchema)]
struct NumberRegions {
    /// Prefixes in it.
    prefixes: usize,
    /// Where the number that was asked for is at home; none where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<NumberRegion>,
}

/// Where a number is at home.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct NumberRegion {
    /// The province, or what the table has in its place.
    province: String,
    /// The city; empty where it is not known.
    city: String,
}

impl From<Region> for NumberRegion {
    fn from(Region { province, city }: Region) -> Self {
        NumberRegion { province, city }
    }
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::RoutingRead, routes!(get)))
        .routes(guard.may(Permission::RoutingWrite, routes!(load)))
        .routes(guard.may(Permission::RoutingWrite, routes!(forget)))
}

/// How many prefixes the tenant has loaded, and where a number is at home.
#[utoipa::path(get, path = "/api/v1/number-regions", tag = "routing", params(Asked), responses((status = 200, body = NumberRegions)))]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Params(Asked { number }): Params<Asked>,
) -> Result<Json<NumberRegions>, Problem> {
    let regions = api.store.regions(caller.tenant()).await?;
    let profile = api.store.tenant(caller.tenant()).await?.profile;
    let region = number.and_then(|number| {
        let number = PhoneNumber::parse(&number, &profile.country);
        regions.region(&number.normal, &profile.language)
    });
    let region = region.map(NumberRegion::from);
    Ok(Json(NumberRegions { prefixes: regions.0.len(), region }))
}

/// Add lines of `prefix,province,city` to the tenant's table; a prefix that is named again is
/// replaced. With one wrong line nothing is loaded.
#[utoipa::path(post, path = "/api/v1/number-regions", tag = "routing", request_body(content = String, content_type = "text/csv"), responses((status = 200, body = NumberRegions)))]
async fn load(
    State(api): State<Shared>,
    caller: Caller,
    table: Result<String, StringRejection>,
) -> Result<Json<NumberRegions>, Problem> {
    let table = table.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => Problem::invalid("csv", "csv: a table is text in UTF-8"),
    })?;
    let all = api.store.load_regions(caller.tenant(), &caller.by(), &table).await?;
    Ok(Json(NumberRegions { prefixes: all.0.len(), region: None }))
}

/// Forget the tenant's table: area codes alone tell where a number is at home.
#[utoipa::path(delete, path = "/api/v1/number-regions", tag = "routing", responses((status = 204)))]
async fn forget(State(api): State<Shared>, caller: Caller) -> Result<StatusCode, Problem> {
    api.store.forget_regions(caller.tenant(), &caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}
