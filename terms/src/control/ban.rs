//! A source of SIP that is not listened to for a while.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A ban that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Who: an IPv4 address, or the first address of a /64 of IPv6.
    pub address: IpAddr,
    /// What for.
    pub why: BanReason,
    /// The last that was guessed, asked for or said, hostile text, at most 64 characters.
    pub named: String,
    /// Since then.
    pub since: Timestamp,
    /// Until then.
    pub until: Timestamp,
    /// The address is only what datagrams claimed: those alone are dropped, connections are taken.
    pub claimed: bool,
    /// Bans of this source without a day of peace between them, this one counted.
    pub times: u32,
}

/// What a source is banned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BanReason {
    /// Wrong passwords.
    Passwords,
    /// Many names or numbers asked for, and no password known to any.
    Names,
    /// Messages that break the rules of SIP.
    Malformed,
    /// What it calls itself is a tool for scanning.
    Scanner,
}
