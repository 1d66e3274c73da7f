//! The API over a plain TCP socket, for programs that speak no HTTP: a line of JSON asks, a line of
//! JSON answers, in turn. What is asked goes through the same router as everything else, token,
//! permission and lockout included (docs/how-to/integrate.md).
//!
//! ```text
//! → {"id": 1, "token": "sgt_…", "path": "/api/v1/calls?limit=1"}
//! ← {"id": 1, "status": 200, "body": {"calls": […], "next": null}}
//! → {"id": 2, "method": "POST", "path": "/api/v1/orders", "body": {…}, "key": "crm-4711"}
//! ← {"id": 2, "status": 201, "body": {…}}
//! ```
//!
//! A token holds for the lines after it, too. The line is not encrypted: `http.socket` is off unless
//! somebody sets it.

use super::idempotency;
use super::problem::Problem;
use crate::link::read_line_of;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// Connections at a time; one more is closed at once.
const CONNECTIONS_MAX: usize = 100;
/// A connection on which nobody asks for so long is closed.
const SILENCE_MAX: Duration = Duration::from_secs(600);
/// What a line may have beside the body.
const BESIDE_BYTES_MAX: usize = 16 << 10;
/// Longest answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Pause before the next connection when one could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a line asks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Given back with the answer, whatever it is.
    #[serde(default)]
    id: Value,
    /// Whose; the one of an earlier line where it is left out.
    #[serde(default)]
    token: Option<String>,
    /// `GET` where it is left out.
    #[serde(default)]
    method: Option<String>,
    /// Such as `/api/v1/calls?limit=1`.
    path: String,
    /// What is sent.
    #[serde(default)]
    body: Option<Value>,
    /// Carried out once under this key.
    #[serde(default)]
    key: Option<String>,
    /// `zh-CN` tells problems in Chinese.
    #[serde(default)]
    language: Option<String>,
}

/// What a line answers.
#[derive(Serialize)]
struct Answered {
    id: Value,
    status: u16,
    /// Nothing where there is none.
    body: Value,
}

/// Answers until the process ends. `body_max` is the longest body of a request.
pub async fn serve(listener: TcpListener, router: Router, body_max: usize) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(taken) => taken,
            // No file descriptor is free: some will be when others have ended.
            Err(error) => {
                tracing::error!(%error, "a connection to the socket was not taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = room.clone().try_acquire_owned() else {
            drop(stream);
            continue;
        };
        let router = router.clone();
        tokio::spawn(async move {
            if let Err(error) = converse(stream, from, &router, body_max).await {
                tracing::debug!(%from, %error, "a connection to the socket ended");
            }
            drop(place);
        });
    }
}

async fn converse(
    stream: TcpStream,
    from: SocketAddr,
    router: &Router,
    body_max: usize,
) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let (mut lines, mut token) = (BufReader::new(read), None);
    loop {
        let mut line = Vec::new();
        let reading = read_line_of(body_max + BESIDE_BYTES_MAX, &mut lines, &mut line);
        let answer = match tokio::time::timeout(SILENCE_MAX, reading).await {
            Ok(Ok(true)) => answered(&line, from, router, &mut token).await,
            Ok(Ok(false)) | Err(_) => return Ok(()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                // Where the line ends nobody knows: it is told, and the connection closed.
                let told = told(Value::Null, super::extract::too_large()).await;
                return send(&mut write, &told).await;
            }
            Ok(Err(error)) => return Err(error),
        };
        send(&mut write, &answer).await?;
    }
}

async fn send(write: &mut (impl AsyncWriteExt + Unpin), answer: &Answered) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    write.write_all(&line).await
}

async fn answered(
    line: &[u8],
    from: SocketAddr,
    router: &Router,
    token: &mut Option<String>,
) -> Answered {
    let asked: Asked = match serde_json::from_slice(line) {
        Ok(asked) => asked,
        Err(error) => {
            let message = format!("line: one line of JSON with a path is needed: {error}");
            return told(Value::Null, Problem::invalid("line", message)).await;
        }
    };
    if asked.token.is_some() {
        token.clone_from(&asked.token);
    }
    let id = asked.id.clone();
    match request(asked, from, token.as_deref()) {
        Ok(request) => {
            let response = router.clone().oneshot(request).await;
            told(id, response.expect("a router has an answer for everything")).await
        }
        Err(problem) => told(id, problem).await,
    }
}

fn request(asked: Asked, from: SocketAddr, token: Option<&str>) -> Result<Request<Body>, Problem> {
    let mut request =
        Request::builder().method(asked.method.as_deref().unwrap_or("GET")).uri(&asked.path);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if let Some(key) = asked.key {
        request = request.header(idempotency::KEY, key);
    }
    if let Some(language) = asked.language {
        request = request.header(header::ACCEPT_LANGUAGE, language);
    }
    if asked.body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let body = asked.body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let request = request.extension(ConnectInfo(from)).body(body);
    request.map_err(|_| {
        let message =
            "path: a method, an address such as /api/v1/calls and printable words are needed";
        Problem::invalid("path", message)
    })
}

/// An answer of the router as a line. What is no JSON does not fit into one.
async fn told(id: Value, response: impl IntoResponse) -> Answered {
    let response = response.into_response();
    let status = response.status().as_u16();
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        kind.starts_with(b"application/json") || kind.starts_with(b"application/problem+json")
    });
    let body = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
    let body = body.ok().and_then(|bytes| match bytes.is_empty() {
        true => Some(Value::Null),
        false => is_json.then(|| serde_json::from_slice(&bytes).ok())?,
    });
    match body {
        Some(body) => Answered { id, status, body },
        None => {
            let message = "This answer is no JSON, or too long for a line; ask over HTTP.";
            let problem = Problem::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", message);
            let body = serde_json::to_value(&problem).expect("a problem is always valid JSON");
            Answered { id, status: problem.status, body }
        }
    }
}
