//! Offer and answer for a leg: texts in and out of [`crate::sdp`]. Only this file knows that module.

use crate::sdp::{self, Description, Local, Refused};
use std::net::SocketAddr;
use terms::media::{Codec, Remote};

/// Our description of a leg whose port is open.
pub(super) fn local(
    rtp: SocketAddr,
    media_ip: Option<std::net::IpAddr>,
    session: u64,
    codecs: &[Codec],
) -> Local {
    let reached = SocketAddr::new(media_ip.unwrap_or(rtp.ip()), rtp.port());
    Local { codecs: codecs.to_vec(), ..Local::new(reached, session) }
}

/// Our offer.
pub(super) fn offer(local: &Local) -> String {
    sdp::offer(local)
}

/// Our answer to their offer, and what is agreed by it.
pub(super) fn answer(
    local: &Local,
    text: &str,
    source: SocketAddr,
    nat: bool,
) -> Result<(String, Remote), Refused> {
    sdp::answer(local, &Description::parse(text)?, source.ip(), nat)
}

/// What their answer to our offer agreed.
pub(super) fn accept(
    local: &Local,
    text: &str,
    source: SocketAddr,
    nat: bool,
) -> Result<Remote, Refused> {
    sdp::accept(local, &Description::parse(text)?, source.ip(), nat)
}
