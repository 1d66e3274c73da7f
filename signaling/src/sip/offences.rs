//! What counts towards a ban, and whom none is for: trunks, who is on the list of an interface that has
//! one, and who is named as never banned.

use super::bans::{Kept, Offence};
use super::core::UserAgent;
use super::flow::{Flow, ListenerId};
use super::message::{Message, Method, Name};
use super::send::user_of;
use super::session::called;
use crate::switch::Now;
use std::net::{IpAddr, SocketAddr};
use terms::control::Ban;

/// What scanners call themselves in User-Agent, in small letters.
const TOOLS: &[&str] = &[
    "friendly-scanner",
    "sipvicious",
    "sip-scan",
    "sipcli",
    "siparmyknife",
    "sivus",
    "sundayddr",
    "pplsip",
];

impl UserAgent {
    /// Whether what comes this way is dropped, or its connection closed.
    pub(super) fn turned_away(&mut self, now: Now, flow: &Flow) -> bool {
        let away = self.is_banned(now, flow);
        if away {
            self.count("dropped_banned");
        }
        away
    }

    fn is_banned(&mut self, now: Now, flow: &Flow) -> bool {
        let connected = flow.transport.is_reliable();
        self.bans.turn_away(now, flow.remote.ip(), connected) && !self.is_spared(flow)
    }

    /// Somebody connects to a listener who is banned: the connection is closed at once.
    pub fn refuses_connection(
        &mut self,
        now: Now,
        listener: ListenerId,
        source: SocketAddr,
    ) -> bool {
        let Some(of) = self.config.listeners.get(usize::from(listener)) else { return false };
        let flow = Flow { transport: of.transport, ..Flow::udp(listener, source) };
        self.turned_away(now, &flow)
    }

    fn is_spared(&self, flow: &Flow) -> bool {
        let ip = flow.remote.ip();
        let connection = flow.connection.and_then(|id| self.connections.get(&id));
        self.allowed.has_list(flow.transport)
            || self.bans.spare(ip)
            || self.trunks.at(ip).next().is_some()
            || self.trunks.is_called_at(ip)
            || connection.is_some_and(|own| own.trunk.is_some() || !own.shown.is_empty())
    }

    /// This counts against its source. True where that is banned now, and its connection closed.
    pub(super) fn offended(&mut self, now: Now, flow: &Flow, offence: Offence) -> bool {
        if self.bans.are_off() || self.is_spared(flow) {
            return false;
        }
        self.bans.note(now, flow.remote.ip(), flow.transport.is_reliable(), offence);
        let is_banned = self.is_banned(now, flow);
        if is_banned && flow.connection.is_some() {
            self.close(*flow);
        }
        is_banned
    }

    /// Looks at a request that belongs to no dialog, before anything is done about it. True where its
    /// source is banned now.
    pub(super) fn looks_about(&mut self, now: Now, flow: &Flow, request: &Message) -> bool {
        if self.bans.are_off() {
            return false;
        }
        if let Some(tool) = tool_of(request) {
            return self.offended(now, flow, Offence::Scanner(tool));
        }
        let name = match request.method() {
            Method::Register => user_of(request.to()),
            Method::Invite | Method::Message | Method::Options | Method::Subscribe => {
                called(request)
            }
            _ => return false,
        };
        if name.is_empty() || self.credentials(request).is_some() {
            return false;
        }
        self.offended(now, flow, Offence::Name(&name))
    }

    /// The bans in force, the latest first.
    pub fn bans(&self, now: Now) -> Vec<Ban> {
        self.bans.list(now)
    }

    /// What is known of sources, for the process after an orderly stop.
    pub fn keep_bans(&self, now: Now) -> Kept {
        self.bans.keep(now)
    }

    /// Takes up what the process before kept, before anything comes in.
    pub fn restore_bans(&mut self, now: Now, kept: Kept) {
        self.bans.restore(now, kept);
    }

    /// Lifts the ban of a source and forgets what it did; gives back the ban, where one was in force.
    pub fn lift_ban(&mut self, now: Now, address: IpAddr) -> Option<Ban> {
        self.bans.lift(now, address)
    }
}

/// The tool that a request says it was made with.
fn tool_of(request: &Message) -> Option<&'static str> {
    let said = request.first(Name::UserAgent)?.to_ascii_lowercase();
    let says = |tool: &&str| said.windows(tool.len()).any(|part| part == tool.as_bytes());
    TOOLS.iter().copied().find(|tool| says(tool))
}
