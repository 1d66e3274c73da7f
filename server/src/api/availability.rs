//! How long the processes of the box ran in a period, as its supervisor wrote it down.

use super::Shared;
use super::extract::Params;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use crate::blocking::blocking;
use crate::uptime;
use axum::Json;
use axum::extract::State;
use desk::{Permission, when};
use serde::{Deserialize, Serialize};
use terms::Timestamp;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Which period.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Period {
    /// From then on.
    #[serde(with = "when")]
    #[param(value_type = String, format = DateTime)]
    from: Timestamp,
    /// Until before then; left out, or later than that, until this moment.
    #[serde(default, with = "when::option")]
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// How long a process of the box ran in a period.
#[derive(Serialize, ToSchema)]
pub(super) struct ProcessAvailability {
    /// Which: `calls`, `api` or `work`.
    process: String,
    /// It ran, in ms.
    up_ms: i64,
    /// It did not, and nobody had asked for that; a box without power counts.
    down_ms: i64,
    /// It did not because the box was stopped.
    stopped_ms: i64,
    /// Ends in the period that nobody asked for.
    ends: u64,
    /// The longest of `down_ms` in one piece.
    longest_down_ms: i64,
    /// Of the time that is not `stopped_ms`, the share in which it ran, 0 to 1; none where nothing of
    /// the period is known.
    availability: Option<f64>,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::MetricsRead, routes!(list)))
}

/// How long each process of the box ran in a period. Before the first start that is known of one
/// nothing is counted.
#[utoipa::path(get, path = "/api/v1/availability", tag = "health", params(Period), responses((status = 200, body = Vec<ProcessAvailability>)))]
pub(super) async fn list(
    State(api): State<Shared>,
    caller: Caller,
    Params(Period { from, to }): Params<Period>,
) -> Result<Json<Vec<ProcessAvailability>>, Problem> {
    let until = to.map_or(caller.now(), |to| to.min(caller.now()));
    if from >= until {
        return Err(Problem::invalid("from", "the period begins when it is over"));
    }
    let data = api.data.clone();
    let changes = blocking(move || uptime::read(&data)).await;
    let changes = changes.map_err(|error| Problem::internal(format!("read uptime: {error}")))?;
    let shown = uptime::ran(&changes, from, until).into_iter().map(|ran| {
        let counted = ran.up_ms + ran.down_ms;
        ProcessAvailability {
            availability: (counted > 0).then(|| ran.up_ms as f64 / counted as f64),
            process: ran.process,
            up_ms: ran.up_ms,
            down_ms: ran.down_ms,
            stopped_ms: ran.stopped_ms,
            ends: ran.ends,
            longest_down_ms: ran.longest_down_ms,
        }
    });
    Ok(Json(shown.collect()))
}
