//! The edge: the only place in this room that knows sockets, files, threads and clocks.
//!
//! One thread owns the SIP core, the switch and the event log ([`signaling`]); [`net`] moves bytes,
//! [`doors`] those that come over TLS ([`tls`]) and WebSocket ([`websocket`]) on a thread of their own,
//! on which [`dial`] opens those to trunks;
//! [`journal`] writes what happened, [`plans`] keeps the last plan of each tenant.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[doc(hidden)]
pub mod alone;
pub mod clock;
pub mod dial;
pub mod doors;
pub mod journal;
pub mod live;
mod names;
pub mod net;
mod peers;
pub mod plans;
mod pulse;
mod refusals;
pub mod signaling;
pub mod tls;
pub mod websocket;
