//! Agents and their phones.

use super::{CallingRight, PhoneSettings, Skill};
use crate::id::AgentId;
use serde::{Deserialize, Serialize};

/// An agent and their phone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Their id.
    pub id: AgentId,
    /// The number shown on reports, 工号.
    pub number: String,
    /// Their name.
    pub name: String,
    /// SIP user of their phone, also their short number.
    pub sip_user: String,
    /// MD5 of `user:realm:password` in hex, RFC 7616 §3.4.2. Never the password.
    pub ha1_md5: String,
    /// SHA-256 of the same.
    pub ha1_sha256: String,
    /// Codes with which further phones and apps of theirs register, each under a name of its own.
    #[serde(default)]
    pub codes: Vec<AuthCode>,
    /// May pick up what rings at anybody's phone. Without it, at the phones of those who serve a
    /// queue together with them.
    #[serde(default)]
    pub pickup_any: bool,
    /// What they can do.
    #[serde(default)]
    pub skills: Vec<Skill>,
    /// What they may call outside.
    #[serde(default)]
    pub calling: CallingRight,
    /// What they set for their phone.
    #[serde(default)]
    pub phone: PhoneSettings,
    /// How it is rung.
    #[serde(default)]
    pub ringing: Ringing,
    /// SHA-256 of `number:realm:PIN` in hex, with which they sign in at the phones of others; empty where
    /// they may not. Never the PIN.
    #[serde(default)]
    pub sign_in_pin: String,
}

/// How an agent's phone is rung.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ringing {
    /// A call to them alone rings the phone while they are in another one, which shows it as one that
    /// waits. A queue never does.
    pub call_waiting: bool,
    /// The phone is told to answer what queues offer by itself.
    pub auto_answer: bool,
}

/// An authorisation code of a phone or an app: it registers the agent's short number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthCode {
    /// The name that goes with it, as the user of digest authentication.
    pub user: String,
    /// MD5 of `user:realm:code` in hex. Never the code.
    pub ha1_md5: String,
    /// SHA-256 of the same.
    pub ha1_sha256: String,
}
