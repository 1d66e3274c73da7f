//! Questions in SQL, run in the worker over the tenant's rows; and sealing on demand.

use super::Shared;
use super::extract::Body;
use super::forms::file;
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::rows::any_rows;
use crate::work::jobs::{Job, JobScope, SqlFormat};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use desk::Permission;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A question.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// One SELECT, WITH, VALUES or EXPLAIN over the tables of the warehouse.
    sql: String,
    /// `json`, `csv` or `arrow`; json when left out.
    #[serde(default)]
    format: AnswerForm,
    /// Most rows; the configuration's limit holds as well.
    #[serde(default)]
    rows_max: Option<u32>,
}

/// Form of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum AnswerForm {
    /// `{"rows": [{…}], "truncated": false}`.
    #[default]
    Json,
    /// RFC 4180 with a header line.
    Csv,
    /// Arrow IPC stream.
    Arrow,
}

/// How an answer in JSON looks.
struct Rows;

impl PartialSchema for Rows {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .property("rows", any_rows())
            .required("rows")
            .property("truncated", ObjectBuilder::new().schema_type(Type::Boolean))
            .required("truncated")
            .into()
    }
}

impl ToSchema for Rows {
    fn name() -> Cow<'static, str> {
        "SqlRows".into()
    }
}

/// What sealing did.
#[derive(Serialize, ToSchema)]
struct Sealed {
    /// Rows that went into files.
    rows: u64,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(guard.may(Permission::SqlRun, routes!(ask)))
        .routes(guard.may(Permission::WarehouseSeal, routes!(seal)))
}

/// Ask in SQL. It only reads, and only the organisation's own rows.
#[utoipa::path(
    post, path = "/api/v1/sql", tag = "sql", request_body = Question,
    responses(
        (status = 200, description = "The rows; `X-Truncated: true` when there were more", content(
            (Rows = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.arrow.stream"),
        )),
        (status = 400, description = "Not SQL, or not allowed", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn ask(
    State(api): State<Shared>,
    caller: Caller,
    Body(question): Body<Question>,
) -> Result<Response, Problem> {
    let time_zone = api.store.tenant(caller.tenant()).await?.profile.time_zone;
    let sight = api.store.sight(caller.identity()).await?;
    let audit = caller.may(Permission::AuditRead);
    let scope = JobScope::seen(caller.tenant(), sight, audit, time_zone);
    let format = match question.format {
        AnswerForm::Json => SqlFormat::Json,
        AnswerForm::Csv => SqlFormat::Csv,
        AnswerForm::Arrow => SqlFormat::Arrow,
    };
    api.store.note(caller.tenant(), &caller.by(), "sql.ask", &question.sql).await?;
    let job = Job::Sql { scope, sql: question.sql, format, rows_max: question.rows_max };
    let done = api.work.run(job).await?;
    let body = match format {
        SqlFormat::Json => as_object(done.body, done.truncated),
        SqlFormat::Csv | SqlFormat::Arrow => done.body,
    };
    Ok(file(done.content_type, None, done.truncated, body))
}

/// The worker answers a list of rows, or the whole object already.
fn as_object(body: Vec<u8>, truncated: bool) -> Vec<u8> {
    if body.first() != Some(&b'[') {
        return body;
    }
    let mut object = b"{\"rows\":".to_vec();
    object.extend_from_slice(&body);
    object.extend_from_slice(format!(",\"truncated\":{truncated}}}").as_bytes());
    object
}

/// Write what is staged into files now.
#[utoipa::path(post, path = "/api/v1/warehouse/seal", tag = "sql", responses((status = 200, body = Sealed)))]
async fn seal(State(api): State<Shared>, caller: Caller) -> Result<Json<Sealed>, Problem> {
    api.store.note(caller.tenant(), &caller.by(), "warehouse.seal", "").await?;
    let message = "The warehouse could not be sealed; its rows stay staged and can be read.";
    let rows = (api.seal)().await.map_err(|why| Problem::unavailable(message, why))?;
    Ok(Json(Sealed { rows }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_an_object_once() {
        let object = as_object(b"[{\"n\":1}]".to_vec(), true);
        assert_eq!(object, b"{\"rows\":[{\"n\":1}],\"truncated\":true}");
        assert_eq!(as_object(object.clone(), true), object);
    }
}
