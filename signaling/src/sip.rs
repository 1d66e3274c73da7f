//! The SIP core: bytes and time in, bytes and [`user_agent`] events out. RFC 3261 with RFC 6026.
//!
//! [`message`] indexes what came in, [`transaction`] keeps it from happening twice, [`dialog`] knows
//! whom it belongs to, [`session`] has one verb per file, [`core`] is the machine that the edge
//! drives: [`UserAgent`].

mod accounts;
mod allowed;
pub mod bans;
pub(crate) mod bucket;
pub mod core;
mod dialog;
pub mod digest;
pub mod flow;
pub mod frame;
pub mod header;
mod health;
mod keep;
pub mod lamps;
mod late;
mod lines;
pub mod message;
pub mod multipart;
mod offences;
pub mod parse;
mod presence;
mod publish;
mod receive;
mod reginfo;
pub mod registrar;
mod registration;
mod send;
pub mod servers;
mod session;
pub mod shown;
mod subscribe;
mod texts;
mod timers;
pub mod transaction;
pub(crate) mod trunk;
pub mod uri;
pub mod user_agent;
mod validate;
pub mod write;

#[cfg(test)]
mod tests;

pub use self::core::{Config, Listener, UserAgent};
pub use frame::fuzz_stream;
pub use header::fuzz_digest_header;
pub use multipart::fuzz_multipart;

/// Feeds arbitrary bytes to the parser and to every view; for fuzzing.
pub fn fuzz_message(bytes: &[u8]) {
    use message::{Message, Name};
    let Ok(message) = Message::parse(bytes, parse::Carrier::Datagram) else { return };
    let valid = message.validate().is_ok();
    let _ = (message.quirk(), message.sdp(), message.contact(), message.number(Name::Expires));
    for name in [Name::Via, Name::Contact, Name::Route, Name::Supported] {
        assert!(message.list(name).all(|item| item.len() <= bytes.len()));
    }
    if valid {
        let flow = flow::Flow::udp(0, ([192, 0, 2, 9], 5060).into());
        let mut reply = write::Builder::response(200);
        reply.lines(&write::reply_lines(&message, &flow, "tag"));
        let reply = reply.end().expect("a valid message's lines can be repeated");
        let read = Message::parse(&reply, parse::Carrier::Datagram).expect("our own reply is SIP");
        assert_eq!(read.call_id(), message.call_id());
    }
}
