//! A small SIP side of our own: enough for callers and agents' phones, and written apart from the
//! server's, so that one mistake cannot hide in both. RFC 3261, RFC 3264, RFC 3515, over UDP.

pub mod digest;
pub mod message;
pub mod phone;
pub mod sdp;
