//! One party: its dialog, its voice, its agent. A leg is opened and closed in one place each, so the
//! books balance: for every `LegStarted` one `LegEnded`, for every port one release.

use super::timers::Timer;
use super::tones::Tones;
use super::{Call, cause};
use crate::sdp::Local;
use crate::sip::user_agent::{Command as Sipc, Destination};
use crate::switch::Cx;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use terms::event::{Kind, Party, Role};
use terms::media::{Codec, Command, Place, Port, Quality, Remote};
use terms::{AgentId, Category, LegId, PlaybackId, QueueId, TrunkId};

/// How far the dialog is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Sip {
    /// Our INVITE is not out yet.
    Idle,
    /// INVITE sent or received.
    Trying,
    /// 200 sent or received.
    Answered,
    /// Over.
    Gone,
}

/// How far the voice is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Voice {
    /// No port was asked for.
    None,
    /// A port is awaited.
    Opening,
    /// A port is ours.
    Open(Box<Local>),
    /// It is being given back.
    Releasing,
}

/// By which way a phone sends its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum DigitsBy {
    /// RFC 4733.
    Rtp,
    /// SIP INFO.
    Info,
}

/// How a leg is on an open line of an agent: both ends are ours, and only they hear each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Wire {
    /// It is called there.
    Called,
    /// It is the line's end of this leg, and no party.
    End(LegId),
}

/// Whom to invite once the port is there.
#[derive(Clone, Debug)]
pub(super) struct Invitation {
    pub to: Destination,
    pub from_user: String,
    pub from_name: String,
    /// Another trunk is left.
    pub other_way: bool,
    /// Not at the phone that has the dialog of this leg.
    pub not_at: Option<LegId>,
    /// At the phone of somebody else.
    pub at_desk: bool,
    /// What kind of line the call comes from.
    pub category: Option<Category>,
    pub headers: Vec<(String, String)>,
}

/// A party.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Leg {
    pub role: Role,
    pub agent: Option<AgentId>,
    pub trunk: Option<TrunkId>,
    pub address: String,
    pub incoming: bool,
    pub sip: Sip,
    pub voice: Voice,
    /// The port that its voice needs.
    pub port: Port,
    /// Their first offer.
    #[serde(skip)]
    pub offer: Option<String>,
    /// Our answer to it and what it agrees, until it is sent.
    #[serde(skip)]
    pub prepared: Option<(String, Option<Remote>)>,
    #[serde(skip)]
    pub invitation: Option<Invitation>,
    /// Our offer is out and their answer has not come.
    pub owes_answer: bool,
    pub source: SocketAddr,
    /// Its signalling comes over TLS.
    pub encrypted: bool,
    pub nat: bool,
    pub rang: bool,
    /// It is on an open line.
    pub wire: Option<Wire>,
    /// What it was last agreed to speak.
    pub codec: Option<Codec>,
    /// It may live on another media core than the call: it came in later.
    pub apart: bool,
    pub playing: Option<PlaybackId>,
    pub digits_by: Option<DigitsBy>,
    /// What its far end is listened to for. It ends with the process.
    #[serde(skip)]
    pub tones: Tones,
    /// The agent is taken for this leg and must be given back.
    pub engaged: bool,
    /// In or after a conversation: its end is a `Released`.
    pub talked: bool,
    pub wrap_up: Option<(QueueId, Duration)>,
    pub ended: Option<(u8, Party)>,
    /// What the log calls it, where it came from another call, in which its own name has ended.
    pub known_as: Option<LegId>,
}

impl Leg {
    pub fn new(role: Role, agent: Option<AgentId>, address: String) -> Self {
        Leg {
            role,
            agent,
            trunk: None,
            address,
            incoming: false,
            sip: Sip::Idle,
            voice: Voice::None,
            port: Port::Own,
            offer: None,
            prepared: None,
            invitation: None,
            owes_answer: false,
            source: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
            encrypted: false,
            nat: false,
            rang: false,
            wire: None,
            codec: None,
            apart: false,
            playing: None,
            digits_by: None,
            tones: Tones::default(),
            engaged: false,
            talked: false,
            wrap_up: None,
            ended: None,
            known_as: None,
        }
    }

    pub fn is_open(&self) -> bool {
        matches!(self.voice, Voice::Open(_))
    }

    pub fn is_alive(&self) -> bool {
        self.ended.is_none()
    }

    /// A phone in a page: what it sends does not rest on hold, it is silence then.
    pub fn is_browser(&self) -> bool {
        self.port == Port::Shared
    }

    /// No party, but what an open line hears of one: the log does not tell of it.
    pub fn is_line_end(&self) -> bool {
        matches!(self.wire, Some(Wire::End(_)))
    }

    pub fn local(&mut self) -> Option<&mut Local> {
        match &mut self.voice {
            Voice::Open(local) => Some(local),
            Voice::None | Voice::Opening | Voice::Releasing => None,
        }
    }
}

/// How the dialog of a leg ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bye {
    /// They ended it, or it never was.
    Gone,
    /// We end it: CANCEL, BYE or a refusal by the cause.
    Hangup,
    /// We refuse it with this status.
    Reject { status: u16, retry_after_s: Option<u32>, warning: Option<&'static str> },
}

impl Call {
    /// A new outgoing leg. Its INVITE goes out when media has a port: the shared one where an agent
    /// has a browser among their phones, because one offer cannot be both WebRTC and what other
    /// phones read.
    pub(super) fn open_leg(&mut self, cx: &mut Cx, mut leg: Leg, place: Place) -> LegId {
        let id = LegId(cx.id());
        if let Some(Invitation { to: Destination::Agent(tenant, agent), at_desk, not_at, .. }) =
            &mut leg.invitation
        {
            // They may be at the phone of somebody else.
            let phone = cx.acd(*tenant).map_or(*agent, |acd| acd.phone_of(*agent));
            // A page that is lost is looked for in pages.
            if not_at.is_none() && cx.world.lines.take((*tenant, *agent), phone, id) {
                leg.wire = Some(Wire::Called);
            }
            *at_desk = phone != *agent;
            *agent = phone;
            let browser = cx.world.has_browser((*tenant, phone), *at_desk);
            if browser && leg.wire.is_none() && cx.world.config.certificate.is_some() {
                leg.port = Port::Shared;
            }
        }
        let started = Kind::LegStarted {
            role: leg.role,
            agent: leg.agent,
            address: leg.address.clone(),
            trunk: leg.trunk,
        };
        self.legs.insert(id, leg);
        cx.world.legs.insert(id, self.id);
        self.log(cx, Some(id), started);
        self.open_voice(cx, id, place);
        id
    }

    pub(super) fn open_voice(&mut self, cx: &mut Cx, id: LegId, place: Place) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.voice = Voice::Opening;
            leg.apart = place != Place::WithContact;
            let (contact, tenant, port) = (self.contact, self.tenant, leg.port);
            cx.media(Command::Open { leg: id, contact, tenant, place, port });
        }
    }

    /// Ends a leg, whatever its state: dialog, conversation, agent, trunk and port.
    pub(super) fn close_leg(&mut self, cx: &mut Cx, id: LegId, cause: u8, by: Party, bye: Bye) {
        self.early_over(cx, id);
        // Who asked to pick up was offered nothing: whatever ends it, their phone was not the one.
        let noted = if self.is_picking(id) { cause::ELSEWHERE } else { cause };
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.is_alive()) else { return };
        leg.ended = Some((noted, by));
        leg.playing = None;
        match goodbye(id, leg, cause, bye) {
            Some(command) => cx.sip(command),
            None => cx.world.lines.let_go(id, cause),
        }
        let called = (!leg.incoming && leg.trunk.is_some()).then(|| leg.address.clone());
        leg.sip = Sip::Gone;
        let (agent, talked, engaged) = (leg.agent, leg.talked, leg.engaged);
        let (wrap_up, trunk) = (leg.wrap_up, leg.trunk.take());
        let opened = matches!(leg.voice, Voice::Opening | Voice::Open(_));
        if opened {
            leg.voice = Voice::Releasing;
        }
        if let Some(agent) = agent.filter(|_| talked) {
            self.log(cx, Some(id), Kind::Released { agent, by });
        }
        if let Some(called) = called {
            self.note_call_ended(cx, &called, cause);
        }
        let (now, call) = (cx.now, self.id);
        if let Some(tenant) = cx.world.tenants.get_mut(&self.tenant) {
            if let Some(agent) = agent.filter(|_| engaged) {
                tenant.acd.release(now, agent, call, wrap_up);
            }
            if let Some(trunk) = trunk {
                tenant.trunks.give(trunk);
            }
        }
        if opened {
            cx.media(Command::Release { leg: id });
            let until = cx.now.moment + cx.world.config.release_max;
            self.timers.set(Timer::Release(id), until);
        } else {
            self.finish_leg(cx, id, None);
        }
        self.rings_no_more(cx, id, cause);
        self.place_is_gone(cx, id, cause);
    }

    /// Media has given the port back, or never had one.
    pub(super) fn finish_leg(&mut self, cx: &mut Cx, id: LegId, quality: Option<Quality>) {
        let Some((cause, by)) = self.legs.get(&id).and_then(|leg| leg.ended) else {
            // Media closed a leg by itself: it is of no use any more.
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.voice = Voice::None;
                self.drop_leg(cx, id, cause::TEMPORARY_FAILURE);
            }
            return;
        };
        let leg = self.legs.remove(&id);
        let is_party = leg.as_ref().is_none_or(|leg| !leg.is_line_end());
        let name = leg.and_then(|leg| leg.known_as).unwrap_or(id);
        cx.world.legs.remove(&id);
        self.timers.clear(Timer::Release(id));
        self.timers.clear(Timer::Tones(id));
        if is_party {
            self.log(cx, Some(name), Kind::LegEnded { cause, by, quality });
        }
        self.try_finish(cx);
    }

    pub(super) fn agent_of(&self, id: LegId) -> Option<AgentId> {
        self.legs.get(&id)?.agent
    }
}

fn goodbye(id: LegId, leg: &Leg, cause: u8, bye: Bye) -> Option<Sipc> {
    match (leg.sip, bye) {
        (Sip::Idle | Sip::Gone, _) | (_, Bye::Gone) => None,
        (Sip::Trying, Bye::Reject { status, retry_after_s, warning }) if leg.incoming => {
            Some(Sipc::Reject { leg: id, status, cause, retry_after_s, warning })
        }
        (Sip::Trying, _) if leg.incoming => {
            let status = status_of(cause);
            Some(Sipc::Reject { leg: id, status, cause, retry_after_s: None, warning: None })
        }
        (Sip::Trying | Sip::Answered, _) => Some(Sipc::Hangup { leg: id, cause }),
    }
}

/// The SIP status of a cause, RFC 3398 §8.2.6.1.
fn status_of(cause: u8) -> u16 {
    match cause {
        cause::UNALLOCATED => 404,
        cause::BUSY => 486,
        cause::NO_ANSWER => 480,
        cause::REJECTED => 403,
        cause::INCOMPATIBLE => 488,
        cause::NO_CIRCUIT | cause::TEMPORARY_FAILURE | cause::CONGESTION | cause::NO_RESOURCE => {
            503
        }
        cause::TIMER_EXPIRED => 504,
        _ => 480,
    }
}
