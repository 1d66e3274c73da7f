//! What handlers take from requests, with problems instead of bare texts when it cannot be read.

use super::fields;
use super::problem::Problem;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::str::FromStr;
use utoipa::ToSchema;

/// A JSON body. A field that it does not have is refused.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + ToSchema> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        read::<S, T, ()>(request, state).await.map(Body)
    }
}

/// A JSON body that takes the place of what an `Answer` showed. What the answer has besides is passed
/// over: who changes one thing may send back the rest as it came.
pub struct Returned<T, Answer>(pub T, pub PhantomData<Answer>);

impl<S, T, Answer> FromRequest<S> for Returned<T, Answer>
where
    S: Send + Sync,
    T: DeserializeOwned + ToSchema,
    Answer: ToSchema,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = read::<S, T, Answer>(request, state).await?;
        Ok(Returned(body, PhantomData))
    }
}

async fn read<S, T, Answer>(request: Request, state: &S) -> Result<T, Problem>
where
    S: Send + Sync,
    T: DeserializeOwned + ToSchema,
    Answer: ToSchema,
{
    let (parts, body) = request.into_parts();
    let whole = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await;
    let whole = whole.map_err(|error| body_problem(error.status(), &error.body_text()))?;
    fields::check::<T, Answer>(&whole)?;
    let request = Request::from_parts(parts, axum::body::Body::from(whole));
    match axum::Json::<T>::from_request(request, state).await {
        Ok(axum::Json(body)) => Ok(body),
        Err(error) => Err(body_problem(error.status(), &error.body_text())),
    }
}

fn body_problem(status: StatusCode, said: &str) -> Problem {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media_type",
            "Send JSON: Content-Type: application/json.",
        ),
        _ => Problem::invalid("body", unreadable("body", said)),
    }
}

/// The body is longer than is taken.
pub(super) fn too_large() -> Problem {
    let message = "The body is longer than this server takes.";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
}

/// The parameters after `?`.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> Params<T> {
    /// Those of an address.
    pub(super) fn of(uri: &Uri) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::try_from_uri(uri) {
            Ok(axum::extract::Query(params)) => Ok(Params(params)),
            Err(QueryRejection::FailedToDeserializeQueryString(error)) => {
                Err(Problem::invalid("query", unreadable("part after ?", &error.body_text())))
            }
            Err(_) => Err(Problem::invalid("query", "the part after ? cannot be read")),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Params::of(&parts.uri)
    }
}

/// The one id in an address. Whatever is no id names nothing: 404.
pub struct Id<T>(pub T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let nothing = || Problem::not_found("There is nothing with this id.");
        let Path(text) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|_| nothing())?;
        text.parse().map(Id).map_err(|_| nothing())
    }
}

/// The two names in an address. What cannot be read names nothing: 404.
pub struct Names(pub String, pub String);

impl<S: Send + Sync> FromRequestParts<S> for Names {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let names = Path::<(String, String)>::from_request_parts(parts, state).await;
        let nothing = |_| Problem::not_found("There is nothing at this address.");
        names.map(|Path((first, second))| Names(first, second)).map_err(nothing)
    }
}

/// A sentence for people around what the parser says about its own work.
fn unreadable(what: &str, said: &str) -> String {
    let said = said.strip_prefix("Failed to ").and_then(|said| said.split_once(": "));
    printable(&match said {
        Some((_, why)) => {
            let why = why.replace("invalid digit found in string", "a whole number is needed");
            format!("The {what} cannot be read: {why}")
        }
        None => format!("The {what} cannot be read."),
    })
}

/// What a parser says may quote what was sent: one line, printable, short.
pub(super) fn printable(text: &str) -> String {
    text.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_parser_does_is_no_part_of_the_sentence() {
        let said = "Failed to deserialize the JSON body into the target type: missing field \
                    `login` at line 1 column 2";
        let sentence = "The body cannot be read: missing field `login` at line 1 column 2";
        assert_eq!(unreadable("body", said), sentence);
        let said = "Failed to parse the request body as JSON: {\0: expected value";
        assert_eq!(unreadable("body", said), "The body cannot be read: { : expected value");
        let said = "Failed to deserialize query string: limit: invalid digit found in string";
        let sentence = "The part after ? cannot be read: limit: a whole number is needed";
        assert_eq!(unreadable("part after ?", said), sentence);
        assert_eq!(unreadable("body", "odd"), "The body cannot be read.");
    }
}
