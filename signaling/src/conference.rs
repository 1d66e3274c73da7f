//! One meeting in a conference room: who is there, who is heard, who hears music because nobody
//! else is there yet, who is called to come, and what is recorded. From who comes first to who
//! leaves last; each verb has a file of its own:
//!
//! `enter` come, go, wait for others · `floor` who is heard · `lock` · `remove` take out, end ·
//! `invite` whom we call · `record` · `live` what a screen shows · `keep` outlives the process ·
//! [`doors`] wrong PINs, counted.
//!
//! A member is a call of their own, which ends by its own rules. The meeting says who is in the
//! room and gives media its orders about it; what a member hears alone (prompts, music, the end) it
//! leaves to their call, by an [`Order`]. Calls tell the meeting when they come and go, so that a
//! member who is gone is in no list.

pub(crate) mod doors;
mod enter;
mod floor;
mod invite;
mod keep;
mod live;
mod lock;
mod record;
mod remove;

pub(crate) use enter::{Entrant, Refusal};
pub(crate) use invite::Invitee;

use crate::switch::Cx;
use record::Recording;
use serde::{Deserialize, Serialize};
use terms::event::{ConferenceEnd, ENTRY_VERSION, Entry, InConference, Kind, Meeting};
use terms::media::{Audience, Side, Source};
use terms::routing;
use terms::{
    AgentId, CallId, ConferenceId, ContactId, LegId, MeetingId, Moment, RoomId, TenantId, Timestamp,
};

/// Where a meeting is: one at a time in each room of each tenant.
pub(crate) type Key = (TenantId, ConferenceId);

/// What a member's call does for its meeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// They hear why they wait, then music.
    Wait(Alone),
    /// They are in the room: the music ends.
    Join,
    /// They hear these prompts, and nothing else meanwhile.
    Say(Vec<&'static str>),
    /// They are in the meeting no more: they hear why, and the call ends.
    Dismiss(ConferenceEnd),
}

/// Why somebody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Alone {
    /// Nobody else is there.
    First,
    /// No chairperson is.
    NoChair,
}

/// Where a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stand {
    /// Was told nothing yet.
    New,
    Waiting(Alone),
    Inside,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Member {
    call: CallId,
    leg: LegId,
    number: String,
    agent: Option<AgentId>,
    chair: bool,
    since: Timestamp,
    /// They muted themselves, or the room did when they came: they alone undo it.
    muted: bool,
    /// A chairperson or somebody at a screen muted them: only those undo it.
    hushed: bool,
    /// Their phone has put us on hold: its music is not for the others.
    away: bool,
    stand: Stand,
    /// On which side they are recorded, where they are.
    side: Option<Side>,
}

impl Member {
    /// For the log.
    fn who(&self) -> Option<(CallId, Option<LegId>)> {
        Some((self.call, Some(self.leg)))
    }

    fn is_heard(&self) -> bool {
        !self.is_muted() && !self.away
    }

    fn is_muted(&self) -> bool {
        self.muted || self.hushed
    }

    fn audience(&self) -> Audience {
        if self.is_heard() { Audience::Everyone } else { Audience::Nobody }
    }
}

/// Somebody who is called to come, and has not yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Called {
    call: CallId,
    number: String,
    agent: Option<AgentId>,
    chair: bool,
}

/// A meeting.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Conference {
    tenant: TenantId,
    of: Meeting,
    /// Its recording belongs to it, and the calls that it makes.
    contact: ContactId,
    room: RoomId,
    /// As the plan said when the meeting began.
    settings: routing::Conference,
    started: Timestamp,
    /// In the order they came.
    members: Vec<Member>,
    called: Vec<Called>,
    locked: bool,
    /// Guests are muted, those who come included.
    hushed: bool,
    /// Members hear each other.
    #[serde(skip)]
    open: bool,
    /// Restored, and its members come back one by one: until all are there nobody is put anywhere.
    #[serde(skip, default = "keep::asleep")]
    asleep: bool,
    recording: Recording,
}

impl Conference {
    /// A meeting begins in a room where none is going on; nobody is there yet. A caller who begins
    /// it lends it their `contact`.
    fn new(
        cx: &mut Cx,
        tenant: TenantId,
        settings: &routing::Conference,
        contact: ContactId,
    ) -> Self {
        Conference {
            tenant,
            of: Meeting { conference: settings.id, meeting: MeetingId(cx.id()) },
            contact,
            room: RoomId(cx.id()),
            settings: settings.clone(),
            started: cx.now.wall,
            members: Vec::new(),
            called: Vec::new(),
            locked: false,
            hushed: false,
            open: false,
            asleep: false,
            recording: Recording::default(),
        }
    }

    /// Nobody is there, and nobody will come.
    fn is_over(&self) -> bool {
        self.members.is_empty() && self.called.is_empty()
    }

    /// When [`Conference::on_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Moment> {
        self.recording.next_timeout()
    }

    /// Something of ours is due.
    pub fn on_timeout(&mut self, cx: &mut Cx) {
        self.recording_timeout(cx);
    }

    /// Calls that are in it or on their way to it.
    pub fn calls(&self) -> impl Iterator<Item = CallId> + '_ {
        let members = self.members.iter().map(|member| member.call);
        members.chain(self.called.iter().map(|called| called.call))
    }

    fn member(&self, call: CallId) -> Option<&Member> {
        self.members.iter().find(|member| member.call == call)
    }

    fn order(&self, cx: &mut Cx, call: CallId, order: Order) {
        cx.world.orders.push_back((call, order));
    }

    fn say(&self, cx: &mut Cx, call: CallId, prompt: &'static str) {
        self.order(cx, call, Order::Say(vec![prompt]));
    }

    /// Everybody in the room hears this beside the voices.
    fn announce(&self, cx: &mut Cx, source: Source) {
        if self.open {
            let sources = vec![source];
            cx.media(terms::media::Command::Announce { room: self.room, sources });
        }
    }

    fn log(&self, cx: &mut Cx, who: Option<(CallId, Option<LegId>)>, what: InConference) {
        self.log_kind(cx, who, Kind::Conference { of: self.of, what });
    }

    fn log_kind(&self, cx: &mut Cx, who: Option<(CallId, Option<LegId>)>, kind: Kind) {
        cx.world.log(Entry {
            v: ENTRY_VERSION,
            seq: 0,
            at: cx.now.wall,
            tenant: self.tenant,
            contact: Some(self.contact),
            call: who.map(|who| who.0),
            leg: who.and_then(|who| who.1),
            kind,
        });
    }
}

impl Cx<'_> {
    /// The meeting of `key` does something; `None` where none is going on. It ends when nobody is
    /// left.
    pub fn confer<R>(
        &mut self,
        key: Key,
        act: impl FnOnce(&mut Conference, &mut Cx) -> R,
    ) -> Option<R> {
        let mut conference = self.world.conferences.remove(&key)?;
        let result = act(&mut conference, self);
        self.world.conferences_touched.insert(key);
        if !conference.is_over() {
            self.world.conferences.insert(key, conference);
        }
        Some(result)
    }

    /// The same, in a meeting that begins where none is going on.
    pub fn convene<R>(
        &mut self,
        tenant: TenantId,
        settings: &routing::Conference,
        contact: ContactId,
        act: impl FnOnce(&mut Conference, &mut Cx) -> R,
    ) -> R {
        let key = (tenant, settings.id);
        if !self.world.conferences.contains_key(&key) {
            let conference = Conference::new(self, tenant, settings, contact);
            self.world.conferences.insert(key, conference);
        }
        self.confer(key, act).expect("it was just put there")
    }
}
