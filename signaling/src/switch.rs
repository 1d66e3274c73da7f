//! Routes inputs to the machines and merges their outputs. Knows who gets what; decides nothing.

use crate::sip::user_agent;
use std::time::Duration;
use terms::{CallId, Moment, Timestamp, control, event, media};

/// Both clocks, read once per input at the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// For durations.
    pub moment: Moment,
    /// For what is written down.
    pub wall: Timestamp,
}

/// What the switch is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// From the SIP core.
    Sip(user_agent::Event),
    /// From mediacore.
    Media(media::Event),
    /// From the API.
    Ask(control::Request),
    /// An HTTP step's request ended.
    Http(HttpDone),
    /// `next_timeout` is reached.
    Timeout,
}

/// What the switch wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// To the SIP core.
    Sip(user_agent::Command),
    /// To mediacore.
    Media(media::Command),
    /// To the event log; `seq` is given by its writer.
    Log(event::Entry),
    /// To the API.
    Answer(control::Response),
    /// An HTTP step's request; exactly one [`HttpDone`] answers it.
    Http(HttpAsk),
}

/// A request of an HTTP step.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpAsk {
    /// Names the answer.
    pub id: u64,
    /// For the log.
    pub call: CallId,
    /// `GET` or `POST`.
    pub method: String,
    /// Variables are already filled in, percent-encoded.
    pub url: String,
    /// JSON body of a POST.
    pub body: Option<serde_json::Value>,
    /// The edge gives up after this long.
    pub timeout: Duration,
}

/// The end of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpDone {
    /// Of the request.
    pub id: u64,
    /// Status and JSON body, or why it failed.
    pub result: Result<(u16, serde_json::Value), String>,
}
