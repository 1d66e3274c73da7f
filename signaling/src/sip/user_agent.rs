//! What the switch asks of the SIP core and what it hears back. One leg is one dialog, so a
//! [`LegId`] names both. The core owns transactions, retransmissions, ACK, PRACK, CSeq, routes,
//! authentication and timers; the switch owns meaning.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use terms::event::Written;
use terms::{AgentId, Category, LegId, PhoneNumber, TenantId, TextId, TrunkId};

/// Servers that a request may pass on its way, RFC 3261 §8.1.1.6.
pub(crate) const SERVERS_USUAL: u8 = 70;

/// Whom to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// An agent's registered phones, all of them at once; the first answer wins.
    Agent(TenantId, AgentId),
    /// A number through a trunk.
    Trunk(TenantId, TrunkId, String),
}

/// An outgoing call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// The new leg.
    pub leg: LegId,
    /// Whom.
    pub to: Destination,
    /// Caller number that the callee sees, already allowed for this tenant.
    pub from_user: String,
    /// Caller name that the callee sees; may hold any text, the core quotes it.
    pub from_name: String,
    /// Our offer.
    pub sdp: String,
    /// The same offer for peers that are told another address for their audio, by this address.
    pub elsewhere: Vec<(IpAddr, String)>,
    /// The offer is WebRTC: of an agent's phones browsers ring, and no others; else others ring, and
    /// no browsers.
    pub browser: bool,
    /// There is another way: one on which nothing at all is heard is given up early.
    pub other_way: bool,
    /// The phone that has the dialog of this leg is not rung: it is the one that was lost.
    pub not_at: Option<LegId>,
    /// Somebody else is at the agent's phone: only what registered by the agent's own number rings, and
    /// nothing that did by a code.
    pub at_desk: bool,
    /// What kind of line the call comes from, for a trunk that is told so.
    pub category: Option<Category>,
    /// More headers (name, value) such as `X-Call`; the core refuses CR and LF. Max-Forwards among them
    /// takes the place of the usual one.
    pub headers: Vec<(String, String)>,
}

impl Invite {
    /// Servers that it may pass on its way.
    pub(crate) fn servers_max(&self) -> u8 {
        let said = self.headers.iter().find(|(name, _)| name == "Max-Forwards");
        said.and_then(|(_, value)| value.parse().ok()).unwrap_or(SERVERS_USUAL)
    }

    /// The offer for a peer that is told this address.
    pub(crate) fn sdp_at(&self, told: Option<IpAddr>) -> &str {
        let other = self.elsewhere.iter().find(|(address, _)| Some(*address) == told);
        other.map_or(&self.sdp, |(_, sdp)| sdp)
    }
}

/// What the switch asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Provisional answer to an incoming INVITE: 180, or 183 with a description.
    Progress {
        /// The incoming leg.
        leg: LegId,
        /// 180–183.
        status: u16,
        /// Early media. Where their INVITE had no offer it is our offer, which goes out where they
        /// acknowledge it, and nowhere else; the 200 that follows waits for their answer to it.
        sdp: Option<String>,
    },
    /// 200 to an incoming INVITE. With a late offer `sdp` is our offer.
    Answer {
        /// The incoming leg.
        leg: LegId,
        /// Our description.
        sdp: String,
    },
    /// Final refusal of an incoming INVITE. The leg is gone afterwards.
    Reject {
        /// The incoming leg.
        leg: LegId,
        /// 300–699.
        status: u16,
        /// ITU-T Q.850 cause for the Reason header, which a gateway passes on as it is; 0 says none.
        cause: u8,
        /// Seconds for Retry-After, with 503.
        retry_after_s: Option<u32>,
        /// Why, for who reads the answer (Warning, RFC 3261 §20.43). Letters, spaces and `;` alone.
        warning: Option<&'static str>,
    },
    /// Call somebody.
    Invite(Box<Invite>),
    /// End the leg whatever its state: CANCEL, BYE or a refusal. Answered by nothing.
    Hangup {
        /// The leg.
        leg: LegId,
        /// ITU-T Q.850 cause for the Reason header.
        cause: u8,
    },
    /// re-INVITE with a new offer.
    Reoffer {
        /// The leg.
        leg: LegId,
        /// Our offer.
        sdp: String,
    },
    /// OPTIONS: is the other end of the dialog there? Without an answer, or where it knows of no such
    /// dialog, the leg ends; else nothing follows.
    Probe {
        /// The leg.
        leg: LegId,
    },
    /// 200 to their re-INVITE or UPDATE.
    AcceptOffer {
        /// The leg.
        leg: LegId,
        /// Our answer (our offer, when theirs had none).
        sdp: String,
    },
    /// Refuse their re-INVITE or UPDATE; the dialog goes on as before.
    RejectOffer {
        /// The leg.
        leg: LegId,
        /// 488 or 491.
        status: u16,
    },
    /// 202 to their REFER, with NOTIFY 100 at once.
    AcceptRefer {
        /// The leg.
        leg: LegId,
    },
    /// Refuse their REFER.
    RejectRefer {
        /// The leg.
        leg: LegId,
        /// 400–699.
        status: u16,
    },
    /// NOTIFY with `message/sipfrag` how the transfer goes; a final status ends the subscription.
    ReferProgress {
        /// The leg.
        leg: LegId,
        /// 100–699.
        status: u16,
    },
}

impl Command {
    /// Which leg it is about.
    pub fn leg(&self) -> LegId {
        match self {
            Command::Progress { leg, .. }
            | Command::Answer { leg, .. }
            | Command::Reject { leg, .. }
            | Command::Hangup { leg, .. }
            | Command::Reoffer { leg, .. }
            | Command::Probe { leg }
            | Command::AcceptOffer { leg, .. }
            | Command::RejectOffer { leg, .. }
            | Command::AcceptRefer { leg }
            | Command::RejectRefer { leg, .. }
            | Command::ReferProgress { leg, .. } => *leg,
            Command::Invite(invite) => invite.leg,
        }
    }
}

/// An incoming call that passed authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// The new leg, named by the core.
    pub leg: LegId,
    /// Whose call.
    pub tenant: TenantId,
    /// Who: proven by digest, or the trunk by its address.
    pub origin: Origin,
    /// An agent was proven by one of their codes, and not by their short number.
    pub by_code: bool,
    /// User part of the request URI, as dialled.
    pub called: String,
    /// Caller's number: from the digest user for agents, from P-Asserted-Identity (trusted trunks)
    /// or From otherwise.
    pub caller: PhoneNumber,
    /// Display name, hostile text.
    pub caller_name: String,
    /// Call-ID as received, hostile text, at most 256 bytes.
    pub call_id: String,
    /// User-Agent as received, hostile text, at most 256 bytes.
    pub user_agent: String,
    /// Their offer; none is a late offer.
    pub sdp: Option<String>,
    /// Where it came from.
    pub source: SocketAddr,
    /// The signalling came over TLS.
    pub encrypted: bool,
    /// The Via or Contact address differs from the source: a NAT stands between.
    pub nat: bool,
    /// How often it was forwarded on its way, as a trunk tells (Diversion, RFC 5806).
    pub diverted: u8,
    /// Servers that it may still pass on its way (Max-Forwards); 70 where it does not say.
    pub servers_left: u8,
    /// What kind of line it comes from, as a trunk tells (`cpc`, or ISUP of a trunk that speaks it).
    pub category: Option<Category>,
    /// By what it is charged, as a trusted trunk tells.
    pub charging: Option<Charging>,
    /// The leg whose place it is to take (Replaces, RFC 3891): one of the same phone's agent, or of the
    /// same trunk.
    pub replaces: Option<LegId>,
    /// The leg whose conversation it is to come into (Join, RFC 3911): one of the same tenant.
    pub join: Option<LegId>,
}

/// By what a call is charged in the network that it comes from, RFC 7315.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charging {
    /// What all its accounts have in common (`icid-value` of P-Charging-Vector, §4.6): 1 to 128 bytes of
    /// printable ASCII without quotes and backslashes.
    pub icid: String,
    /// Where that network keeps them (P-Charging-Function-Addresses, §4.5): at most 512 bytes of
    /// printable ASCII.
    pub addresses: Option<String>,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An agent's phone.
    Agent(AgentId),
    /// The public network.
    Trunk(TrunkId),
}

/// A text that came in over a trunk (RFC 3428). It is answered once it is written down
/// ([`handle_text_kept`](super::UserAgent::handle_text_kept)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextCame {
    /// Names the answer.
    pub tx: u64,
    /// Whose.
    pub tenant: TenantId,
    /// Over which trunk.
    pub trunk: TrunkId,
    /// Who sent it: from P-Asserted-Identity of trusted trunks, or From otherwise.
    pub from: PhoneNumber,
    /// To which number.
    pub to: PhoneNumber,
    /// What it says.
    pub text: Written,
}

/// A text that is to go out over a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextOut {
    /// Its name, chosen by who asks.
    pub id: TextId,
    /// Whose.
    pub tenant: TenantId,
    /// Over which trunk.
    pub trunk: TrunkId,
    /// To which number, as it is dialled there.
    pub number: String,
    /// The number that is shown, already allowed for this tenant.
    pub from_user: String,
    /// What it says.
    pub text: Written,
}

/// What a provisional answer describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Early {
    /// Their answer, as it will be given again.
    pub sdp: String,
    /// Where it came from.
    pub source: SocketAddr,
    /// It came over TLS.
    pub encrypted: bool,
    /// A NAT stands between.
    pub nat: bool,
}

/// What the switch hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A new call.
    Incoming(Box<Incoming>),
    /// Our INVITE got a provisional answer: 180–183.
    Progress {
        /// The leg.
        leg: LegId,
        /// The status.
        status: u16,
        /// Early media.
        early: Option<Box<Early>>,
    },
    /// Our INVITE was answered; ACK is on its way.
    Answered {
        /// The leg.
        leg: LegId,
        /// Their answer.
        sdp: String,
        /// Where the answer came from.
        source: SocketAddr,
        /// It came over TLS.
        encrypted: bool,
        /// A NAT stands between.
        nat: bool,
    },
    /// Our INVITE failed or timed out. The leg is gone.
    Failed {
        /// The leg.
        leg: LegId,
        /// The status; 408 when nothing came, 480 when nobody is registered.
        status: u16,
        /// ITU-T Q.850 cause, from Reason or by RFC 3398 §7.2.6.
        cause: u8,
    },
    /// The ACK of our 200 came; with a late offer it carries their answer.
    Acked {
        /// The leg.
        leg: LegId,
        /// Their answer to our late offer.
        sdp: Option<String>,
    },
    /// CANCEL, BYE, or the dialog died (no ACK within 64·T1, session timer). The leg is gone.
    Ended {
        /// The leg.
        leg: LegId,
        /// ITU-T Q.850 cause.
        cause: u8,
    },
    /// Their re-INVITE or UPDATE; answer with `AcceptOffer` or `RejectOffer`.
    Offer {
        /// The leg.
        leg: LegId,
        /// Their offer; none asks for ours.
        sdp: Option<String>,
        /// Where it came from.
        source: SocketAddr,
    },
    /// Our re-INVITE was answered.
    OfferAccepted {
        /// The leg.
        leg: LegId,
        /// Their answer.
        sdp: String,
    },
    /// Our re-INVITE failed; the dialog goes on as before.
    OfferRejected {
        /// The leg.
        leg: LegId,
        /// The status.
        status: u16,
    },
    /// They want the other party to go to `target` (blind transfer), or to take their place in
    /// another dialog (attended transfer).
    Refer {
        /// The leg that asks.
        leg: LegId,
        /// User part of Refer-To.
        target: String,
        /// The leg whose dialog Replaces names. Whose it is, is not known yet.
        replaces: Option<LegId>,
    },
    /// A digit by INFO (application/dtmf-relay or application/dtmf).
    Digit {
        /// The leg.
        leg: LegId,
        /// `0-9 * # A-D`.
        digit: char,
        /// How long.
        duration_ms: u32,
    },
    /// An agent's phone registered, or its last binding went away.
    Registered {
        /// Whose.
        tenant: TenantId,
        /// Who.
        agent: AgentId,
        /// At least one binding is alive.
        registered: bool,
    },
    /// A browser has come to be among an agent's phones, the first or another one, or none is any more.
    /// Said before `Registered`.
    Browser {
        /// Whose.
        tenant: TenantId,
        /// Who.
        agent: AgentId,
        /// At least one phone is in a browser.
        present: bool,
    },
    /// Of an agent's phones only those are there that registered by a code, or another one is again, or
    /// the agent is in no plan any more. Said before a phone is `Registered`, and only where it changes.
    AppsAlone {
        /// Whose.
        tenant: TenantId,
        /// Who.
        agent: AgentId,
        /// None of their phones registered by the agent's own number.
        phones: bool,
        /// There are browsers among them, and none of these did.
        browsers: bool,
    },
    /// A text came in.
    TextCame(Box<TextCame>),
    /// A text that was to go out has its last answer.
    TextDone {
        /// Which.
        id: TextId,
        /// The status; 408 when nothing came and they may have it, 503 when it could not be sent.
        status: u16,
    },
    /// No calls can go out over a trunk from now on, or they can again.
    Trunk {
        /// Whose.
        tenant: TenantId,
        /// Which.
        trunk: TrunkId,
        /// It is down.
        down: bool,
        /// It asked to be left alone (Retry-After): not even one call is tried.
        rests: bool,
    },
}
