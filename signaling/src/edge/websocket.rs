//! SIP over WebSocket, RFC 7118: who is let in, and one connection's life.
//!
//! The upgrade is refused without the sub-protocol `sip` (400), at another path (404) and for a page
//! of a foreign origin (403). Afterwards each message of the socket is one SIP message. A browser
//! that is silent is asked with a ping and let go when it does not answer, one that reads nothing
//! after a few seconds: no more waits for it than a queue of a known length.

use super::net::{Link, WRITE_MAX};
use crate::sip::message::MESSAGE_BYTES_MAX;
use futures::{SinkExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// The sub-protocol of SIP, RFC 7118 §4.1.
const PROTOCOL: &str = "sip";
/// A browser that is silent for so long is asked, and has as long again to answer.
const PING_EVERY: Duration = Duration::from_secs(30);
/// Pings and pongs between two of ours. Nobody needs more than a few.
const CONTROLS_MAX: u32 = 100;
/// How long a goodbye may take.
const CLOSE_MAX: Duration = Duration::from_secs(1);
/// Read at a time.
const READ_BYTES: usize = 8 << 10;
/// What the socket itself may hold back: a message, its frame and a pong.
const WRITE_BYTES_MAX: usize = MESSAGE_BYTES_MAX + (4 << 10);

/// Who is let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Origins of pages on other hosts, as browsers write them: `https://desk.example.com`.
    pub origins: Vec<String>,
    /// The one path that is served; empty serves all.
    pub path: String,
}

impl Rules {
    /// Why this upgrade is refused.
    fn refusal(&self, request: &Request) -> Option<(StatusCode, &'static str)> {
        if !self.path.is_empty() && request.uri().path() != self.path {
            return Some((StatusCode::NOT_FOUND, "SIP over WebSocket is at another path"));
        }
        if !speaks_sip(request.headers()) {
            let why = "the sub-protocol \"sip\" is needed in Sec-WebSocket-Protocol";
            return Some((StatusCode::BAD_REQUEST, why));
        }
        if !self.takes_origin(request.headers()) {
            return Some((StatusCode::FORBIDDEN, "pages of this origin may not connect"));
        }
        None
    }

    /// A browser always says whose page it shows. Who says nothing is no browser, and no page can
    /// speak in its name.
    fn takes_origin(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let Ok(origin) = origin.to_str() else { return false };
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let own = origin.split_once("://").map(|(_, rest)| without_port(rest));
        let is_ours = own
            .zip(host.map(without_port))
            .is_some_and(|(own, host)| !own.is_empty() && own.eq_ignore_ascii_case(host));
        is_ours || self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }
}

fn speaks_sip(headers: &HeaderMap) -> bool {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let mut words = offered.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    words.any(|word| word.trim() == PROTOCOL)
}

/// `host` of `host:port`; an IPv6 address keeps its brackets.
fn without_port(text: &str) -> &str {
    let from = text.rfind(']').unwrap_or(0);
    text[from..].find(':').map_or(text, |at| &text[..from + at])
}

/// Answers the upgrade.
///
/// # Errors
/// When it is refused or is none; who was refused has been told why.
pub async fn upgrade<S>(stream: S, rules: Arc<Rules>) -> Result<WebSocketStream<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    #[expect(clippy::result_large_err, reason = "the crate asks for this type")]
    let judge = move |request: &Request, mut response: Response| match rules.refusal(request) {
        Some((status, why)) => Err(refused(status, why)),
        None => {
            let protocol = HeaderValue::from_static(PROTOCOL);
            response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
            Ok(response)
        }
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    tokio_tungstenite::accept_hdr_async_with_config(stream, judge, Some(config)).await
}

fn refused(status: StatusCode, why: &'static str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(why.to_owned()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(why.len()));
    response
}

/// One connection's life.
pub async fn converse<S>(mut socket: WebSocketStream<S>, mut link: Link)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let code = speak(&mut socket, &mut link).await;
    let frame = CloseFrame { code, reason: "".into() };
    // Who reads nothing is not waited for.
    let _ = timeout(CLOSE_MAX, socket.close(Some(frame))).await;
    link.closed().await;
}

/// Until one of both has enough; says why.
async fn speak<S>(socket: &mut WebSocketStream<S>, link: &mut Link) -> CloseCode
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut until = Instant::now() + PING_EVERY;
    let mut asked = false;
    let mut controls = 0;
    loop {
        tokio::select! {
            got = timeout_at(until, socket.next()) => {
                let message = match got {
                    Ok(Some(Ok(message))) => message,
                    Ok(Some(Err(error))) => return code_of(&error),
                    Ok(None) => return CloseCode::Normal,
                    Err(_) if asked => return CloseCode::Away,
                    Err(_) => {
                        (asked, controls) = (true, 0);
                        until = Instant::now() + PING_EVERY;
                        if !write(socket, Message::Ping(Default::default())).await {
                            return CloseCode::Away;
                        }
                        continue;
                    }
                };
                asked = false;
                until = Instant::now() + PING_EVERY;
                match message {
                    Message::Text(_) | Message::Binary(_) => {
                        controls = 0;
                        if !link.hand_message(message.into_data().to_vec()).await {
                            return CloseCode::Restart;
                        }
                    }
                    Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => controls += 1,
                    // The next reading sends the answer, and says that it is over.
                    Message::Close(_) => {}
                }
                if controls > CONTROLS_MAX {
                    return CloseCode::Policy;
                }
            }
            bytes = link.writes.recv() => {
                let Some(bytes) = bytes else { return CloseCode::Normal };
                // A header may hold Latin-1, which is no text for a WebSocket.
                let message = match std::str::from_utf8(&bytes) {
                    Ok(text) => Message::text(text),
                    Err(_) => Message::binary(bytes.to_vec()),
                };
                if !write(socket, message).await || link.is_too_slow() {
                    return CloseCode::Away;
                }
            }
        }
    }
}

async fn write<S>(socket: &mut WebSocketStream<S>, message: Message) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    matches!(timeout(WRITE_MAX, socket.send(message)).await, Ok(Ok(())))
}

fn code_of(error: &Error) -> CloseCode {
    match error {
        Error::Capacity(_) => CloseCode::Size,
        Error::Utf8(_) => CloseCode::Invalid,
        Error::Protocol(_) => CloseCode::Protocol,
        _ => CloseCode::Normal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().uri(path).header("Host", "pbx.example:7443");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn status(rules: &Rules, path: &str, headers: &[(&str, &str)]) -> u16 {
        rules.refusal(&request(path, headers)).map_or(101, |(status, _)| status.as_u16())
    }

    #[test]
    fn sip_has_to_be_among_the_sub_protocols() {
        let rules = Rules::default();
        for (offered, expected) in
            [("sip", 101), ("chat, sip", 101), ("sips", 400), ("SIP", 400), ("chat", 400)]
        {
            let headers = [("Sec-WebSocket-Protocol", offered)];
            assert_eq!(status(&rules, "/", &headers), expected, "{offered}");
        }
        assert_eq!(status(&rules, "/", &[]), 400);
    }

    #[test]
    fn pages_of_the_same_host_come_in_and_others_by_name_only() {
        let none = Rules::default();
        let some = Rules { origins: vec!["https://desk.example".into()], ..Rules::default() };
        for (origin, without, with) in [
            ("https://pbx.example", 101, 101),
            ("https://PBX.example:8443", 101, 101),
            ("https://desk.example", 403, 101),
            ("https://desk.example:444", 403, 403),
            ("http://desk.example", 403, 403),
            ("https://pbx.example.evil.example", 403, 403),
            ("https://evil.example/pbx.example", 403, 403),
            ("null", 403, 403),
            ("", 403, 403),
            ("https://", 403, 403),
        ] {
            let headers = [("Sec-WebSocket-Protocol", "sip"), ("Origin", origin)];
            assert_eq!(status(&none, "/", &headers), without, "{origin}");
            assert_eq!(status(&some, "/", &headers), with, "{origin}");
        }
    }

    #[test]
    fn one_path_is_served_where_one_is_named() {
        let rules = Rules { path: "/sip".into(), ..Rules::default() };
        let headers = [("Sec-WebSocket-Protocol", "sip")];
        assert_eq!(status(&rules, "/sip", &headers), 101);
        assert_eq!(status(&rules, "/sip?x=y", &headers), 101);
        assert_eq!(status(&rules, "/", &headers), 404);
        assert_eq!(status(&Rules::default(), "/anything", &headers), 101);
    }

    #[test]
    fn a_host_is_read_without_its_port() {
        for (text, host) in
            [("a.b:1", "a.b"), ("a.b", "a.b"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]")]
        {
            assert_eq!(without_port(text), host);
        }
    }
}
