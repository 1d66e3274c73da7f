//! One call, from the first INVITE to the last BYE. This file holds its state and says who gets
//! which event; each verb has a file of its own:
//!
//! [`incoming`] number lookup and refusals · `answer` media, then 200 · `flow` the IVR · `queue`
//! waiting and announcements · `offer` an agent rings · `auto_answer` their phone answers by itself ·
//! `dial` anybody else rings · `early` what they
//! let be heard before they answer · `connect` both hear each other · `digits` keys from a screen ·
//! `hearing` a fax machine calls · `fax` both go over to T.38 · `hold` · `transfer_blind` · `consult`
//! somebody is asked first · `transfer_attended` two calls of a phone become one · `interject`
//! something is said into the conversation · `invite_party` one more comes in, any may leave ·
//! `conference` the PIN, a member's keys, whom a meeting calls · `click` a screen has a call made ·
//! `supervise` listen, whisper, barge in · `take_over` · `force` · `release` who left and what follows ·
//! `survey` · `voicemail` · `record` · `feature_code` · `identify` by a PIN, at
//! any phone · `outside` who may
//! call there · `forward` to where an agent wants it · `history`
//! what the trunk is told of it · `pickup` a colleague takes what rings · `park`
//! anybody takes who waits on a slot · `replace` somebody goes on at another phone · `lost` a page comes
//! back · `tones` a network refuses in sound alone · `join`
//! somebody comes in from their own · `callback` the customer is called and keeps their place ·
//! `line` an agent keeps theirs open · `hunt` the people of an area are called · `send_fax` a machine
//! of ours calls another · `send_text` and `send_mail` a flow has somebody read something ·
//! `lease` a number that stands for somebody · `mailbox` a message for one agent ·
//! `trace_back` who calls back reaches who called them ·
//! `bot` a program speaks with the caller · `keep` outlives the process · `end` every leg closed, one
//! `CallEnded`.
//!
//! The *anchor* is the party that the call is about: the caller, or after a transfer by the caller
//! the one who stays. Whatever happens, each leg that began ends, and the call ends exactly once.

mod announcing;
mod answer;
mod ask;
mod auto_answer;
mod bot;
mod callback;
mod charging;
mod click;
mod conference;
mod connect;
mod consult;
mod dial;
mod digits;
mod document;
mod early;
mod end;
mod fax;
mod feature_code;
mod flow;
mod force;
mod forward;
mod hearing;
mod history;
mod hold;
mod hunt;
mod identify;
mod incoming;
mod interject;
mod invite_party;
mod join;
mod keep;
mod lease;
mod leg;
mod line;
mod live;
mod lost;
mod mailbox;
mod media;
mod offer;
mod outside;
mod park;
mod pickup;
mod queue;
mod record;
mod region;
mod release;
mod replace;
mod reroute;
mod send_fax;
mod send_mail;
mod send_text;
mod site;
mod supervise;
mod survey;
mod take_over;
mod talk;
mod timers;
mod tones;
mod trace_back;
mod transfer_attended;
mod transfer_blind;
mod voicemail;

pub(crate) use callback::{AskedBack, call_back};
pub(crate) use click::click;
pub(crate) use conference::{Summons, summon};
pub(crate) use feature_code::FeatureCode;
pub(crate) use forward::check_forwarding;
pub(crate) use incoming::incoming;
pub(crate) use keep::{Kept, Waking};
pub(crate) use line::ring_line;
pub(crate) use outside::why_not;
pub(crate) use send_fax::send_fax;
pub(crate) use transfer_attended::Half;

use crate::sip::user_agent::{Charging, Command as Sipc, Event as SipEvent};
use crate::switch::{Compiled, Cx, HttpDone, Now};
use dial::{Dial, Dialable};
use flow::Flowing;
use leg::{Leg, Sip};
use queue::Waiting;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use supervise::Supervision;
use survey::Survey;
use talk::Talk;
use terms::event::{Direction, ENTRY_VERSION, Entry, ForwardWhen, Kind, Party, Role};
use terms::media::{Command, Event as MediaEvent, PlayEnd, Playback, Seek, Source};
use terms::routing::{Queue, Target};
use terms::{
    AgentId, CallId, Category, ConferenceId, ContactId, FaxId, LegId, Moment, PhoneNumber,
    PlaybackId, TenantId,
};
use timers::{Timer, Timers};
use voicemail::{Message, MessageFor};

/// Reports come every 5 s, give or take half of that (RFC 3550 §6.3.1).
const REPORTS_MS_MAX: u32 = 10_000;

/// Hangup causes that we name, ITU-T Q.850 §2.2.7.
pub(crate) mod cause {
    pub const UNALLOCATED: u8 = 1;
    pub const NORMAL: u8 = 16;
    pub const BUSY: u8 = 17;
    pub const NO_ANSWER: u8 = 19;
    pub const REJECTED: u8 = 21;
    pub const EXCHANGE_ROUTING: u8 = 25;
    /// Another phone has the call.
    pub const ELSEWHERE: u8 = 26;
    pub const INCOMPLETE: u8 = 28;
    pub const NO_CIRCUIT: u8 = 34;
    pub const TEMPORARY_FAILURE: u8 = 41;
    pub const CONGESTION: u8 = 42;
    pub const NO_RESOURCE: u8 = 47;
    pub const INCOMPATIBLE: u8 = 88;
    pub const TIMER_EXPIRED: u8 = 102;
}

/// Where a call goes next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    /// A target of the plan.
    To(Target),
    /// Somebody who was dialled.
    Dial(Dialable),
    /// These prompts, then the end.
    Say(Vec<&'static str>),
    /// They may not: this prompt says so.
    TurnAway(String),
    /// This prompt of an emergency plan, then a target of the plan.
    Announce { prompt: String, target: Target },
    /// Where a leased number leads them.
    Leased(lease::LeaseStep),
    /// They call an agent back.
    Returning(trace_back::Returning),
    /// They leave a message for this agent.
    Message(AgentId),
    /// Somebody signs in at the phone.
    Identify(feature_code::Newcomer),
    /// An agent keeps their line open.
    Line,
}

/// What the call is doing, in the order of its life.
#[derive(Debug)]
enum Phase {
    /// A port for the caller's voice is awaited.
    Opening { next: Next },
    /// 200 is out, the ACK is awaited.
    Answering { next: Next },
    /// In a flow.
    Ivr,
    /// In a queue, an agent may ring.
    Waiting(Waiting),
    /// Somebody else rings.
    Dialling(Dial),
    /// A conversation.
    Talking(Talk),
    /// Waits for somebody to take them.
    Parked(park::Parked),
    /// The satisfaction question.
    Survey(Survey),
    /// Leaves a message.
    Message(Message),
    /// A fax machine of ours has the caller.
    Faxing(FaxId),
    /// Asked for the PIN of a conference, or whether they come.
    Knocking(conference::Knock),
    /// In a conference.
    Conferring(conference::Attendance),
    /// Called by a conference: rings.
    Summoning(conference::Summoning),
    /// Made from a screen: one side rings.
    Clicking(click::Clicking),
    /// Hears what an emergency plan says first.
    Announcing { target: Target },
    /// Keys in the code of a leased number.
    Coding(lease::Coding),
    /// Keys in the PIN with which an agent signs in.
    Identifying(identify::Identifying),
    /// An agent's line, open between calls and in them.
    Line(line::Line),
    /// Hears a last prompt.
    Farewell { cause: u8 },
    /// Legs are being closed.
    Ending,
}

/// What has happened so far, for the outcome.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Story {
    answered: bool,
    message: bool,
    abandoned: bool,
    refused: bool,
    /// Could not be brought to anybody.
    stranded: bool,
    heard: bool,
    /// Flows that it has entered.
    flows: u32,
    interrupted: bool,
    /// What the caller said last of being recorded.
    consent: Option<bool>,
    /// A flow has somebody else faxed something.
    fax_asked: bool,
    /// A flow has a text sent.
    text_asked: bool,
    /// A flow has a mail sent.
    mail_asked: bool,
}

/// A call.
#[derive(Debug)]
pub(crate) struct Call {
    pub id: CallId,
    pub contact: ContactId,
    pub tenant: TenantId,
    /// When the switch wakes it; kept by the switch.
    pub listed: Option<Moment>,
    plan: Arc<Compiled>,
    direction: Direction,
    caller: PhoneNumber,
    called: PhoneNumber,
    started: Now,
    anchor: LegId,
    legs: BTreeMap<LegId, Leg>,
    phase: Phase,
    flow: Option<Box<Flowing>>,
    hearing: hearing::Hearing,
    fax: fax::Fax,
    /// The last queue.
    queue: Option<Arc<Queue>>,
    /// When it first entered that queue.
    queued_since: Option<Moment>,
    /// The last agent who answered.
    agent: Option<AgentId>,
    recording: Option<record::Recording>,
    /// Somebody listens in, or their phone rings for it; only while there is a conversation.
    supervision: Option<Supervision>,
    /// Something is being said into the conversation.
    interjection: Option<interject::Interjection>,
    /// A colleague is about to take what rings.
    picking: Option<pickup::Picking>,
    /// Somebody is about to go on in a new dialog.
    replacing: Option<replace::Replacing>,
    announcing: Option<record::Announcing>,
    story: Story,
    ending: Option<(u8, Party)>,
    /// Who ended the conversation, when something follows it.
    released_by: Option<Party>,
    timers: Timers,
    hops: u8,
    /// Who forwarded it and why, until somebody answers.
    forwarded: Vec<(AgentId, ForwardWhen)>,
    /// Times that it had been forwarded before it came to us, as its trunk tells.
    diverted: u8,
    /// Servers that it may still pass, as its trunk tells; none where it began here.
    servers_left: Option<u8>,
    /// What kind of line it comes from, as its trunk tells.
    category: Option<Category>,
    /// By what it is charged, as its trunk tells.
    charging: Option<Charging>,
    /// The language that its flow chose, in place of the plan's.
    language: Option<String>,
    /// The number that who asked for the call wants the outside to see.
    wanted: Option<PhoneNumber>,
    over: bool,
    /// The conference that they are in, or called to.
    conference: Option<ConferenceId>,
    /// It calls a customer back.
    callback: Option<callback::Callback>,
    /// The people of an area are called.
    hunt: Option<Box<hunt::Hunt>>,
    /// It goes by a lease of the number that was called.
    lease: Option<lease::ByLease>,
    /// Whose phone it came from, whoever is signed in there.
    phone: Option<AgentId>,
}

impl Call {
    /// Something came from the SIP core about one of our legs.
    pub fn on_sip(&mut self, cx: &mut Cx, id: LegId, event: SipEvent) {
        if self.legs.get(&id).is_none_or(|leg| leg.sip == Sip::Gone) {
            return;
        }
        match event {
            SipEvent::Progress { status, early, .. } => {
                self.on_provisional(cx, id, status, early.as_deref());
            }
            SipEvent::Answered { sdp, source, encrypted, nat, .. } => {
                // Of a leg on an open line nobody signals from anywhere.
                let called = |leg: &&mut Leg| !leg.incoming && leg.wire.is_none();
                if let Some(leg) = self.legs.get_mut(&id).filter(called) {
                    (leg.source, leg.encrypted, leg.nat) = (source, encrypted, nat);
                }
                self.tell_where(cx, id);
                self.on_answered(cx, id, &sdp);
            }
            SipEvent::Failed { status, cause, .. } => self.on_failed(cx, id, status, cause),
            SipEvent::Acked { sdp, .. } => self.on_acked(cx, id, sdp.as_deref()),
            SipEvent::Ended { cause, .. } if self.outlives_dialog(cx, id, cause) => {}
            SipEvent::Ended { cause, .. } => self.leg_gone(cx, id, cause),
            SipEvent::Offer { sdp, source, .. } => {
                if let Some(leg) = self.legs.get_mut(&id) {
                    leg.source = source;
                }
                self.tell_where(cx, id);
                self.on_offer(cx, id, sdp.as_deref());
            }
            SipEvent::OfferAccepted { sdp, .. } => self.on_offer_accepted(cx, id, &sdp),
            SipEvent::OfferRejected { status, .. } => self.fax_refused(cx, id, status),
            SipEvent::Refer { target, replaces, .. } => self.on_refer(cx, id, &target, replaces),
            SipEvent::Digit { digit, .. } => self.on_digit(cx, id, digit, leg::DigitsBy::Info),
            SipEvent::Incoming(_)
            | SipEvent::Registered { .. }
            | SipEvent::Browser { .. }
            | SipEvent::AppsAlone { .. }
            | SipEvent::TextCame(_)
            | SipEvent::TextDone { .. }
            | SipEvent::Trunk { .. } => {}
        }
    }

    /// Something came from media about one of our legs.
    pub fn on_media(&mut self, cx: &mut Cx, id: LegId, event: MediaEvent) {
        match event {
            MediaEvent::Opened { rtp, .. } => self.on_opened(cx, id, rtp),
            MediaEvent::OpenFailed { .. } => self.on_open_failed(cx, id),
            MediaEvent::Digit { digit, .. } => self.on_digit(cx, id, digit, leg::DigitsBy::Rtp),
            MediaEvent::PlayDone { playback, end, .. } => self.on_play_done(cx, id, playback, &end),
            MediaEvent::Silent { ms, paused, .. } => self.on_silent(cx, id, (ms, paused)),
            MediaEvent::Heard { .. } => self.heard_again(cx, id),
            // Nothing will ever be heard of it.
            MediaEvent::Failed { .. } => self.drop_leg(cx, id, cause::TEMPORARY_FAILURE),
            MediaEvent::Released { quality, .. } => self.finish_leg(cx, id, Some(quality)),
            MediaEvent::Progress { tone, .. } => self.on_progress(cx, id, tone),
            MediaEvent::FaxDone { outcome, .. } => self.document_done(cx, &outcome),
            // What was measured is asked for by the API, and the switch gathers it. Where a command
            // crossed the end of its leg, that end is told for itself.
            MediaEvent::Unknown { .. }
            | MediaEvent::Learned { .. }
            | MediaEvent::Recorded(_)
            | MediaEvent::Measured { .. } => {}
        }
    }

    /// The request of an HTTP step, or for a decision, ended.
    pub fn on_http(&mut self, cx: &mut Cx, done: HttpDone) {
        if let Some(done) = self.decided(cx, done) {
            self.flow_http(cx, done);
        }
    }

    /// A timer of ours is due.
    pub fn on_timeout(&mut self, cx: &mut Cx) {
        for timer in self.timers.take_due(cx.now.moment) {
            match timer {
                Timer::Ack => self.ack_late(cx),
                Timer::Flow => self.flow_timeout(cx),
                Timer::Announce => self.announce(cx),
                Timer::Notice => self.notice(cx),
                Timer::Typing => self.typed_too_long(cx),
                Timer::Callback => self.look(cx),
                Timer::Decision => self.decided_too_late(cx),
                Timer::Ring => self.rang_too_long(cx),
                Timer::Asked => self.guest_rang_too_long(cx),
                Timer::Parked => self.parked_too_long(cx),
                Timer::Return => self.lost_too_long(cx),
                Timer::Supervisor => self.supervisor_rang_too_long(cx),
                Timer::SurveyKey => self.survey_timeout(cx),
                Timer::ConferenceKey => self.knock_timeout(cx),
                Timer::Code => self.code_timeout(cx),
                Timer::Pin => self.pin_timeout(cx),
                Timer::Message => self.finish_message(cx),
                Timer::Farewell if matches!(self.phase, Phase::Announcing { .. }) => {
                    self.announcement_over(cx);
                }
                Timer::Farewell => self.farewell_over(cx),
                Timer::CallMax => self.end(cx, cause::TIMER_EXPIRED, Party::System),
                Timer::RecordingPart => self.next_part(cx),
                Timer::RecordingMax => self.stop_recording(cx),
                Timer::RecordingBeep => self.beep(cx),
                Timer::T38 => self.ask_for_t38(cx),
                Timer::Release(leg) => self.finish_leg(cx, leg, None),
                Timer::Tones(leg) => self.stop_listening_to(cx, leg),
            }
        }
    }

    /// When [`Call::on_timeout`] is due.
    pub fn next_timeout(&self) -> Option<Moment> {
        self.timers.next()
    }

    /// Nothing follows.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Legs are being closed.
    pub fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    fn on_digit(&mut self, cx: &mut Cx, id: LegId, digit: char, by: leg::DigitsBy) {
        // A phone that sends a key both ways is believed in the way it used first.
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if *leg.digits_by.get_or_insert(by) != by {
            return;
        }
        let asks = matches!(
            self.phase,
            Phase::Waiting(_) | Phase::Survey(_) | Phase::Knocking(_) | Phase::Message(_)
        );
        if asks && id == self.anchor && self.flow_swallows(cx, digit) {
            return;
        }
        match &self.phase {
            _ if self.is_supervisor(id) => self.supervisor_digit(cx, digit),
            Phase::Ivr if id == self.anchor => self.flow_digit(cx, digit),
            Phase::Waiting(_) if id == self.anchor => self.waiting_digit(cx, digit),
            Phase::Survey(_) if id == self.anchor => self.survey_digit(cx, digit),
            Phase::Knocking(_) => self.knock_digit(cx, digit),
            Phase::Conferring(_) => self.conference_digit(cx, digit),
            Phase::Coding(_) if id == self.anchor => self.code_digit(cx, digit),
            Phase::Identifying(_) => self.pin_digit(cx, digit),
            Phase::Line(_) => self.line_digit(cx, id, digit, by == leg::DigitsBy::Info),
            Phase::Message(message) if id == self.anchor && message.ends_at(digit) => {
                self.finish_message(cx);
            }
            // RFC 4733 passes through the room; INFO ends at us and goes on as RFC 4733.
            Phase::Talking(talk) if by == leg::DigitsBy::Info => {
                let leg = talk.listener(self.anchor, id);
                cx.media(Command::SendDigits { leg, digits: digit.to_string() });
            }
            _ => {}
        }
    }

    fn on_play_done(&mut self, cx: &mut Cx, id: LegId, playback: PlaybackId, end: &PlayEnd) {
        if self.interjection_over(cx, playback) {
            return;
        }
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.playing == Some(playback)) else {
            return;
        };
        leg.playing = None;
        self.announced(cx, id, Some(end));
        if id != self.anchor {
            return self.tone_over(cx, id);
        }
        match &self.phase {
            Phase::Ivr => self.flow_play_done(cx, end),
            Phase::Waiting(_) => self.play_music(cx, end),
            Phase::Survey(_) => self.survey_said(cx, end),
            Phase::Message(_) => self.start_message(cx, end),
            Phase::Announcing { .. } => self.announcement_over(cx),
            Phase::Farewell { .. } => self.farewell_over(cx),
            Phase::Knocking(_) => self.knock_asked(cx, end),
            Phase::Conferring(_) => self.conference_music(cx, end),
            Phase::Coding(_) => self.code_asked(cx),
            Phase::Identifying(_) => self.pin_asked(cx),
            Phase::Line(_) => self.line_played(cx),
            Phase::Opening { .. }
            | Phase::Answering { .. }
            | Phase::Dialling(_)
            | Phase::Talking(_)
            | Phase::Parked(_)
            | Phase::Summoning(_)
            | Phase::Clicking(_)
            | Phase::Faxing(_)
            | Phase::Ending => {}
        }
    }

    fn on_silent(&mut self, cx: &mut Cx, id: LegId, (ms, paused): (u32, bool)) {
        let may_report = paused && ms < REPORTS_MS_MAX;
        if (!may_report && self.page_is_silent(cx, id)) || self.line_is_silent(id) {
            return;
        }
        let held = match &self.phase {
            Phase::Talking(talk) => talk.hold.is_held(),
            Phase::Parked(_) => true,
            _ => false,
        };
        // When nothing comes of a browser its page is gone, and nobody is left to resume.
        let may_rest = held && !self.legs.get(&id).is_some_and(Leg::is_browser);
        // Who receives a page is silent as long as it lasts; T.30 has its own patience.
        let faxes = matches!(self.phase, Phase::Faxing(_));
        let only_hears = self.only_listens(id) || self.hears_early(id);
        let may_be_silent = may_rest || faxes || only_hears || self.is_muted(cx);
        if u128::from(ms) < cx.world.config.silence_max.as_millis() || may_be_silent {
            return;
        }
        // Who said that they pause is asked, and is gone where they do not answer.
        if paused && self.legs.get(&id).is_some_and(|leg| leg.sip == Sip::Answered) {
            return cx.sip(Sipc::Probe { leg: id });
        }
        self.drop_leg(cx, id, cause::TIMER_EXPIRED);
    }

    /// Sends the anchor to the next place, answering it first where there is something to hear.
    fn go_to(&mut self, cx: &mut Cx, next: Next) {
        if !self.may_hop(cx) {
            return;
        }
        let target = match next {
            Next::Dial(to) => return self.dial(cx, to, dial::Why::Direct),
            Next::Returning(returning) => return self.trace_back(cx, returning),
            _ if !self.anchor_answered() && !rings_first(&next) => return self.answer(cx, next),
            Next::Say(prompts) => return self.farewell(cx, &prompts, cause::NORMAL),
            Next::TurnAway(prompt) => {
                self.story.refused = true;
                return self.farewell(cx, &[prompt.as_str()], cause::REJECTED);
            }
            Next::Announce { prompt, target } => {
                return self.announce_emergency(cx, &prompt, target);
            }
            Next::Leased(step) => return self.go_by_lease(cx, step),
            Next::Message(agent) => return self.take_message(cx, MessageFor::Agent(agent)),
            Next::Identify(newcomer) => return self.identify(cx, newcomer),
            Next::Line => return self.open_line(cx),
            Next::To(target) => target,
        };
        match target {
            Target::Flow(flow) => self.start_flow(cx, flow),
            Target::Queue(queue) => {
                if !self.enqueue(cx, queue, 0, None) {
                    self.strand(cx);
                }
            }
            Target::Agent(agent) => self.dial(cx, Dialable::Agent(agent), dial::Why::Direct),
            Target::Number(digits) => self.go_to_number(cx, &digits),
            Target::Site(site) => self.go_to_site(cx, site),
            Target::Voicemail(queue) => self.take_message(cx, MessageFor::Queue(queue)),
            Target::Conference(room) => self.knock(cx, room),
            Target::Hangup => self.farewell(cx, &["goodbye"], cause::NORMAL),
        }
    }

    fn go_to_number(&mut self, cx: &mut Cx, digits: &str) {
        match self.resolve(digits) {
            Some(next) => self.go_to(cx, next),
            None => self.nothing_there(cx),
        }
    }

    /// There is nothing to bring the caller to.
    fn strand(&mut self, cx: &mut Cx) {
        self.story.stranded = true;
        self.farewell(cx, &["goodbye"], cause::TEMPORARY_FAILURE);
    }

    /// Plays prompts, then ends.
    fn farewell(&mut self, cx: &mut Cx, prompts: &[&str], cause: u8) {
        let language = self.language();
        let sources: Vec<Source> =
            prompts.iter().map(|name| crate::ivr::prompt::prompt(language, name)).collect();
        self.phase = Phase::Farewell { cause };
        let until = cx.now.moment + cx.world.config.announcement_max;
        self.timers.set(Timer::Farewell, until);
        if sources.is_empty() || !self.play(cx, self.anchor, sources, false, false) {
            self.farewell_over(cx);
        }
    }

    fn farewell_over(&mut self, cx: &mut Cx) {
        if let Phase::Farewell { cause } = self.phase {
            self.end(cx, cause, Party::System);
        }
    }

    /// False when the leg cannot hear anything.
    fn play(
        &mut self,
        cx: &mut Cx,
        id: LegId,
        sources: Vec<Source>,
        looped: bool,
        interruptible: bool,
    ) -> bool {
        let order = Playback { looped, interruptible, ..Playback::once(PlaybackId(0), sources) };
        self.play_order(cx, id, order)
    }

    /// The same with every choice that media knows; its name is given here.
    fn play_order(&mut self, cx: &mut Cx, id: LegId, order: Playback) -> bool {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.is_open()) else { return false };
        let (name, tenant) = (PlaybackId(cx.id()), Some(self.tenant));
        leg.playing = Some(name);
        let playback = Playback { id: name, tenant, ..order };
        cx.media(Command::Play { leg: id, playback });
        self.announced(cx, id, None);
        true
    }

    /// Moves in what the leg hears.
    fn seek(&mut self, cx: &mut Cx, id: LegId, to: Seek) {
        if let Some(playback) = self.legs.get(&id).and_then(|leg| leg.playing) {
            cx.media(Command::Seek { leg: id, playback, to });
        }
    }

    fn stop_play(&mut self, cx: &mut Cx, id: LegId) {
        if let Some(leg) = self.legs.get_mut(&id)
            && let Some(playback) = leg.playing.take()
        {
            cx.media(Command::StopPlay { leg: id, playback });
            self.announced(cx, id, None);
        }
    }

    fn log(&self, cx: &mut Cx, leg: Option<LegId>, kind: Kind) {
        let named = |id: LegId| self.legs.get(&id).and_then(|leg| leg.known_as).unwrap_or(id);
        let leg = leg.map(named);
        cx.world.log(Entry {
            v: ENTRY_VERSION,
            seq: 0,
            at: cx.now.wall,
            tenant: self.tenant,
            contact: Some(self.contact),
            call: Some(self.id),
            leg,
            kind,
        });
    }

    /// The language that the call is in.
    fn language(&self) -> &str {
        self.language.as_deref().unwrap_or(&self.plan.plan.language)
    }

    fn anchor_answered(&self) -> bool {
        self.legs.get(&self.anchor).is_some_and(|leg| leg.sip == Sip::Answered)
    }

    fn party(&self, id: LegId) -> Party {
        match self.legs.get(&id).map(|leg| leg.role) {
            Some(Role::Customer) => Party::Customer,
            // A supervisor is one of ours.
            Some(Role::Agent | Role::Supervisor) => Party::Agent,
            Some(Role::Outside) => Party::Outside,
            None => Party::System,
        }
    }
}

/// The called phone rings before the caller is answered.
fn rings_first(next: &Next) -> bool {
    match next {
        Next::Dial(_)
        | Next::To(Target::Agent(_) | Target::Number(_) | Target::Site(_))
        | Next::Leased(lease::LeaseStep::Reach(_))
        | Next::Returning(_) => true,
        Next::Say(_)
        | Next::TurnAway(_)
        | Next::Announce { .. }
        | Next::Leased(_)
        | Next::Message(_)
        | Next::Identify(_)
        | Next::Line
        | Next::To(_) => false,
    }
}
