//! The SIP core: bytes and time in, bytes and [`user_agent`] events out. RFC 3261 with RFC 6026.

pub mod user_agent;
