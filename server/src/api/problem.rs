//! Errors as RFC 9457 `application/problem+json`, with two texts: `message` for the person who
//! asked, `detail` for whoever reads the log. What failed inside never leaves the box.

use super::messages;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::time::Duration;
use terms::number::masked_within;
use utoipa::ToSchema;

/// Seconds after which somebody who was told 503 may try again.
const RETRY_AFTER_S: u32 = 5;

/// What went wrong. Boxed texts keep it small: it is the error of nearly every function here.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem for programs: `urn:switchgrid:problem:<kind>`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: Box<str>,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// A sentence for the person who asked, in Chinese where `Accept-Language` prefers it.
    #[schema(value_type = String)]
    pub message: Box<str>,
    /// The field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub field: Option<Box<str>>,
    /// One line each, where several things are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<String>,
    /// For the log only.
    #[serde(skip)]
    detail: Box<str>,
    #[serde(skip)]
    retry_after_s: Option<u32>,
    /// What was asked for may have been done all the same.
    #[serde(skip)]
    pub(super) is_unsure: bool,
}

impl Problem {
    /// A problem of `status`; `kind` is a word that programs can compare.
    pub fn new(status: StatusCode, kind: &str, message: impl Into<Box<str>>) -> Self {
        Problem {
            kind: format!("urn:switchgrid:problem:{kind}").into(),
            title: status.canonical_reason().unwrap_or("Problem"),
            status: status.as_u16(),
            message: message.into(),
            field: None,
            errors: Vec::new(),
            detail: Box::default(),
            retry_after_s: None,
            is_unsure: false,
        }
    }

    /// 400.
    pub fn invalid(field: &str, message: impl Into<Box<str>>) -> Self {
        let mut problem = Problem::new(StatusCode::BAD_REQUEST, "invalid", message);
        problem.field = Some(field.into());
        problem
    }

    /// 401.
    pub fn unauthorized(message: &str) -> Self {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    /// 403.
    pub fn forbidden() -> Self {
        Problem::new(StatusCode::FORBIDDEN, "forbidden", "Your role does not allow this.")
    }

    /// 404.
    pub fn not_found(message: impl Into<Box<str>>) -> Self {
        Problem::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// 405.
    pub fn method_not_allowed() -> Self {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Problem::new(status, "method_not_allowed", "This address does not take this method.")
    }

    /// 409.
    pub fn conflict(message: impl Into<Box<str>>) -> Self {
        Problem::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// 429.
    pub fn too_many(message: &str, wait: Duration) -> Self {
        Problem {
            retry_after_s: Some(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).max(1)),
            ..Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many", message)
        }
    }

    /// 503, with the time after which it may be tried again.
    pub fn unavailable(message: &str, detail: impl Into<Box<str>>) -> Self {
        Problem {
            detail: detail.into(),
            retry_after_s: Some(RETRY_AFTER_S),
            ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
        }
    }

    /// 503: a database is away or held; `detail` goes to the log.
    pub fn away(detail: impl Into<Box<str>>) -> Self {
        Problem::unavailable("The database does not answer right now; try again.", detail)
    }

    /// 503: the database went away while the change was made for good, and it may be there. Whoever
    /// asks again may have it twice, so no time is given after which to try.
    pub fn unsure(detail: impl Into<Box<str>>) -> Self {
        let message = "The database went away meanwhile, and whether this was done is not known; look \
                       before you try again.";
        Problem {
            detail: detail.into(),
            is_unsure: true,
            ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unsure", message)
        }
    }

    /// 500; `detail` goes to the log.
    pub fn internal(detail: impl Into<Box<str>>) -> Self {
        let message = "Something went wrong on our side; it has been written to the log.";
        Problem {
            detail: detail.into(),
            ..Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
        }
    }

    /// With the middle of every telephone number in its texts hidden.
    #[must_use]
    pub(super) fn masked(self) -> Self {
        let errors = self.errors.iter().map(|line| masked_within(line)).collect();
        let field = self.field.as_deref().map(|field| masked_within(field).into());
        Problem { message: masked_within(&self.message).into(), field, errors, ..self }
    }

    /// With one line for each thing that is wrong.
    #[must_use]
    pub fn with_errors(self, errors: Vec<String>) -> Self {
        Problem { errors, ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if self.status >= 500 {
            tracing::error!(status = self.status, detail = ?self.detail, "{}", self.kind);
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).expect("a problem is always valid JSON");
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let value = HeaderValue::from_static("Bearer realm=\"switchgrid\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Tells the problem in `response`, if it is one, in Chinese where the catalogue has it.
pub fn tell_in_chinese(response: &mut Response) {
    let told = response.extensions_mut().remove::<Problem>().and_then(|problem| {
        let message = messages::in_chinese(&problem.message)?.into();
        Some(Problem { message, ..problem })
    });
    if let Some(problem) = told {
        let body = serde_json::to_vec(&problem).expect("a problem is always valid JSON");
        *response.body_mut() = body.into();
        response.headers_mut().remove(header::CONTENT_LENGTH);
        let language = HeaderValue::from_static("zh-CN");
        response.headers_mut().insert(header::CONTENT_LANGUAGE, language);
    }
}

impl From<desk::Error> for Problem {
    fn from(error: desk::Error) -> Self {
        use desk::Error;
        match error {
            Error::NotFound { what, .. } => Problem::not_found(format!("There is no such {what}.")),
            Error::Invalid { field, problem } => {
                Problem::invalid(field, format!("{field}: {problem}"))
            }
            Error::Taken { .. } => {
                Problem::conflict("Another one has this name, number or login already.")
            }
            Error::InUse { .. } => Problem::conflict(
                "Something else still refers to it, or what it refers to is gone.",
            ),
            Error::Refused(message) => Problem::conflict(message),
            Error::Busy(message) => Problem::unavailable(message, ""),
            Error::Database { .. } if error.is_passing() => Problem::away(error.to_string()),
            Error::Unsure { .. } => Problem::unsure(error.to_string()),
            Error::Database { .. } | Error::Open { .. } | Error::Stored { .. } => {
                Problem::internal(error.to_string())
            }
        }
    }
}

impl From<crate::work::jobs::Problem> for Problem {
    fn from(problem: crate::work::jobs::Problem) -> Self {
        let status = StatusCode::from_u16(problem.status)
            .ok()
            .filter(|status| status.is_client_error() || status.is_server_error())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // What takes too much takes it the next time too, and five seconds are too early for a place.
        let is_passing = status == StatusCode::SERVICE_UNAVAILABLE
            && !matches!(problem.kind.as_str(), "ended" | "busy" | "late");
        Problem {
            detail: problem.detail.into(),
            retry_after_s: is_passing.then_some(RETRY_AFTER_S),
            ..Problem::new(status, &problem.kind, problem.message)
        }
    }
}

impl From<warehouse::Error> for Problem {
    fn from(error: warehouse::Error) -> Self {
        Problem::unavailable("The call records cannot be read right now.", error.to_string())
    }
}

impl From<crate::evidence::Error> for Problem {
    fn from(error: crate::evidence::Error) -> Self {
        use crate::evidence::Error;
        match error {
            Error::Store(error) => error.into(),
            Error::Sql(error) => error.into(),
            Error::TooMany { .. } => {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", error.to_string())
            }
        }
    }
}

impl From<super::deletion::Error> for Problem {
    fn from(error: super::deletion::Error) -> Self {
        use super::deletion::Error;
        match error {
            Error::Store(error) => error.into(),
            Error::Warehouse(error) => error.into(),
            Error::Work(problem) => problem.into(),
            Error::Faxes(error) => Problem::internal(format!("list faxes: {error}")),
            Error::Reports(_) | Error::Plans(_) | Error::Callers(_) => {
                Problem::internal(error.to_string())
            }
        }
    }
}

/// For questions that we wrote ourselves: a person's own SQL runs in the worker.
impl From<warehouse::SqlError> for Problem {
    fn from(error: warehouse::SqlError) -> Self {
        match error.fault {
            warehouse::SqlFault::TimedOut | warehouse::SqlFault::OutOfMemory => {
                let message = "There is too much to look through; choose a shorter period.";
                // The same would take too long the next time too.
                Problem { retry_after_s: None, ..Problem::unavailable(message, error.detail) }
            }
            warehouse::SqlFault::Warehouse => {
                Problem::unavailable("The call records cannot be read right now.", error.detail)
            }
            _ => Problem::internal(format!("{}: {}", error.message, error.detail)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What whoever asked gets: the status, and when to try again.
    fn told(problem: Problem) -> (u16, Option<String>) {
        let response = problem.into_response();
        let again = response.headers().get(header::RETRY_AFTER);
        let again = again.map(|value| value.to_str().expect("digits").to_owned());
        (response.status().as_u16(), again)
    }

    fn desk_failed(source: sqlx::Error) -> Problem {
        desk::Error::Database { doing: "read", source }.into()
    }

    #[test]
    fn a_database_that_is_away_is_told_with_the_time_to_try_again() {
        let later = (503, Some("5".to_owned()));
        let reset = || sqlx::Error::Io(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        assert_eq!(told(desk_failed(sqlx::Error::PoolTimedOut)), later);
        assert_eq!(told(desk_failed(reset())), later);
        assert_eq!(told(desk::Error::Busy("too many people sign in at once").into()), later);
        let error = warehouse::Error::Database { action: "read", source: reset() };
        assert_eq!(told(warehouse::SqlError::from(error).into()), later);
        let error = warehouse::Error::Database { action: "read", source: reset() };
        assert_eq!(told(error.into()), later);
        assert_eq!(told(no_worker().into()), later);
    }

    #[test]
    fn what_may_have_been_done_is_not_asked_for_again() {
        let source = sqlx::Error::WorkerCrashed;
        let problem = Problem::from(desk::Error::Unsure { doing: "make a queue", source });
        assert!(problem.is_unsure);
        assert_eq!(told(problem), (503, None));
        assert!(!desk_failed(sqlx::Error::PoolTimedOut).is_unsure);
    }

    #[test]
    fn what_fails_again_the_next_time_has_no_such_time() {
        assert_eq!(told(desk_failed(sqlx::Error::RowNotFound)), (500, None));
        let mut slow = warehouse::SqlError::from(warehouse::Error::Session("x".to_owned()));
        slow.fault = warehouse::SqlFault::TimedOut;
        assert_eq!(told(slow.into()), (503, None));
        let broken = crate::work::jobs::Problem { status: 500, ..no_worker() };
        assert_eq!(told(broken.into()), (500, None));
        for kind in ["ended", "busy", "late"] {
            let problem = crate::work::jobs::Problem { kind: kind.to_owned(), ..no_worker() };
            assert_eq!(told(problem.into()), (503, None), "{kind}");
        }
    }

    fn no_worker() -> crate::work::jobs::Problem {
        crate::work::jobs::Problem::unavailable("no worker")
    }
}
