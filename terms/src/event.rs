//! What happened, as one log. The call path appends [`Entry`]s; every record, report and live view
//! derives from them and can be computed again.
//!
//! # On disk
//! A log is a folder of files `events-<first sequence, 20 digits>.log`. A file is frames, back to back:
//!
//! ```text
//!  0        4        8                 8 + length
//!  ┌────────┬────────┬─────────────────┐
//!  │ length │ crc32  │ payload (JSON)  │   length: payload bytes, little endian, 1 .. 1 MiB
//!  └────────┴────────┴─────────────────┘   crc32: of the payload, little endian (CRC-32/ISO-HDLC)
//! ```
//!
//! A torn frame at the end of the last file is what a crash leaves; the reader stops there and the
//! writer truncates it away. A bad frame with a good one after it is damage and is reported.

mod callback;
mod calling;
mod conference;
mod consent;
mod consultation;
mod forward;
mod frame;
mod hunt;
mod interjection;
mod item;
mod lease;
mod mail;
mod mailbox;
mod offer;
mod parking;
mod supervision;
mod text;
mod trace_back;

pub use callback::{Callback, CallbackEnd, InCallback};
pub use calling::{Calling, CallingLimit, CallingRefusal, CallingWay, InCalling};
pub use conference::{ConferenceBy, ConferenceEnd, InConference, Meeting};
pub use consent::{Consent, ConsentWay};
pub use consultation::{Consultation, ConsultationEnd, InConsultation};
pub use forward::{ForwardWhen, Forwarding};
pub use frame::{FrameError, read_frame, write_frame};
pub use hunt::{Hop, HopEnd, Hunt, InHunt};
pub use interjection::Interjected;
pub use item::{InItem, ItemTold};
pub use lease::{InLease, LeaseRefusal, Leased};
pub use mail::{MailAsked, SUBJECT_CHARS_MAX, is_receiver, is_subject};
pub use mailbox::{InMailbox, Mailbox};
pub use offer::{Choice, ChosenBy, Decision, DecisionEnd, OfferEnd};
pub use parking::{InParking, Parking};
pub use supervision::{ForcedAct, Supervised, SupervisionEnd, SupervisionMode};
pub use text::{TEXT_BYTES_MAX, TextAsked, TextReceived, TextResult, TextSent, Written};
pub use trace_back::{Found, InTraceBack, TracedBack};

use crate::category::Category;
use crate::id::{
    AgentId, CallId, ContactId, FlowId, LegId, MeetingId, QueueId, RecordingId, SkillSetId,
    SurveyId, TenantId, TrunkId, UserId, VisitId,
};
use crate::media::{FaxOutcome, FaxWork, Ledger, Progress, Quality};
use crate::number::PhoneNumber;
use crate::region::Region;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Format version of [`Entry`].
pub const ENTRY_VERSION: u16 = 1;
/// Longest payload of a frame in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// Bytes before a payload.
pub const HEADER_BYTES: usize = 8;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// [`ENTRY_VERSION`] of the writer.
    pub v: u16,
    /// Rises by one; the log's writer gives it.
    pub seq: u64,
    /// Wall clock.
    pub at: Timestamp,
    /// Whose it is.
    pub tenant: TenantId,
    /// The contact, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    /// The call, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// The leg, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg: Option<LegId>,
    /// What happened.
    pub kind: Kind,
}

/// Which way a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From outside.
    Inbound,
    /// To the outside.
    Outbound,
    /// Between people of the tenant.
    Internal,
}

/// Who a leg is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The customer.
    Customer,
    /// An agent.
    Agent,
    /// Anybody else outside: a field worker, a transfer target.
    Outside,
    /// Somebody who supervises: no party of the conversation unless they take it over.
    Supervisor,
}

/// Who ended something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The customer.
    Customer,
    /// The agent.
    Agent,
    /// A third party.
    Outside,
    /// The box: a flow, a timer, a fault.
    System,
}

/// Why a contact left a queue other than by an answer or by hanging up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowOut {
    /// The queue was full.
    Overflow,
    /// Waited too long.
    MaxWait,
    /// Pressed an exit key.
    ExitKey,
    /// Left a message.
    Voicemail,
    /// A supervisor, a shutdown or a fault.
    Forced,
    /// No agent was there to come in or to stay for.
    NoAgents,
    /// Came outside of the queue's opening hours.
    Closed,
}

/// What an agent is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Not signed in.
    SignedOut,
    /// Chose a break (示忙), with a reason.
    Break,
    /// Ready and free (示闲).
    Idle,
    /// The phone rings.
    Ringing,
    /// In a conversation.
    Talking,
    /// The other party is on hold.
    Holding,
    /// After-call work.
    WrapUp,
}

/// What a caller thought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Satisfaction {
    /// 1 满意
    Satisfied,
    /// 2 一般
    Neutral,
    /// 3 不满意
    Dissatisfied,
}

/// What was transferred how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    /// Without asking first.
    Blind,
    /// After a consultation.
    Attended,
}

/// What happened. Kinds are in the order of a call's life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Kind {
    /// A call began. `call` and `contact` are set.
    CallStarted {
        /// Which way.
        direction: Direction,
        /// Who calls.
        caller: PhoneNumber,
        /// What was dialled.
        called: PhoneNumber,
        /// The trunk it came in on.
        trunk: Option<TrunkId>,
        /// The SIP Call-ID, as received.
        sip_call_id: String,
        /// The peer's User-Agent, as received.
        user_agent: String,
        /// Where the number outside is at home, where that is known; an older program said none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<Region>,
        /// The calling party's category, where its network says one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        category: Option<Category>,
    },
    /// A leg began. `leg` is set.
    LegStarted {
        /// Who.
        role: Role,
        /// Which agent.
        agent: Option<AgentId>,
        /// Their number or SIP address.
        address: String,
        /// The trunk that it goes over, for who is outside; an older program said none.
        #[serde(default)]
        trunk: Option<TrunkId>,
    },
    /// The leg rings.
    LegRinging,
    /// The leg was answered; for the customer: we answered.
    LegAnswered,
    /// A call to a leased number goes to the other side, or nowhere.
    Leased(Leased),
    /// The caller calls back: their agent comes first.
    TracedBack(TracedBack),
    /// The call reached a flow.
    IvrIn {
        /// The flow.
        flow: FlowId,
        /// Its version.
        version: u32,
    },
    /// The call left a step of a flow.
    IvrStep {
        /// The flow.
        flow: FlowId,
        /// Its version.
        version: u32,
        /// The step's name in the flow.
        step: String,
        /// The step's kind.
        kind: String,
        /// When the call entered it.
        entered_at: Timestamp,
        /// The edge it left by.
        exit: String,
        /// Digits it collected, `*` for each where the flow says they are secret.
        digits: Option<String>,
    },
    /// A step of a flow tells programs of the tenant something.
    FlowTold {
        /// The flow.
        flow: FlowId,
        /// Its version.
        version: u32,
        /// What it is about, as the flow calls it.
        event: String,
        /// Field to value.
        data: BTreeMap<String, String>,
    },
    /// Put into a queue.
    Enqueued {
        /// This stay.
        visit: VisitId,
        /// The queue.
        queue: QueueId,
        /// Higher goes first.
        priority: i32,
        /// Place at entry, 1 is next.
        position: u32,
    },
    /// A program of the tenant said what a contact in a queue is worth and whom it waits for first, or
    /// did not say it in time.
    Decided(Decision),
    /// An agent's phone is to ring.
    Offered {
        /// This stay.
        visit: VisitId,
        /// The queue.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
        /// Why they, and why this contact; an older program did not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        choice: Option<Choice>,
    },
    /// The offer ended without an answer.
    OfferEnded {
        /// This stay.
        visit: VisitId,
        /// The queue.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
        /// Why.
        end: OfferEnd,
    },
    /// A call to an agent's extension goes elsewhere.
    Forwarded {
        /// Whose extension.
        agent: AgentId,
        /// Where they want it.
        target: String,
        /// Why.
        when: ForwardWhen,
    },
    /// Somebody of an area is tried for the caller, or that is over.
    Hunt(Hunt),
    /// A colleague takes a call that rings at an agent's phone. `leg` is the colleague's; `Answered`
    /// follows.
    PickedUp {
        /// Who.
        agent: AgentId,
        /// At whose phone it rang.
        from: AgentId,
    },
    /// An agent answered: both parties hear each other. `leg` is the agent's.
    Answered {
        /// The stay that this ends; none for a direct call or a transfer to an agent.
        visit: Option<VisitId>,
        /// The queue it came from.
        queue: Option<QueueId>,
        /// The agent.
        agent: AgentId,
    },
    /// The customer hung up while queued.
    Abandoned {
        /// This stay.
        visit: VisitId,
        /// The queue.
        queue: QueueId,
    },
    /// Left the queue otherwise.
    FlowedOut {
        /// This stay.
        visit: VisitId,
        /// The queue.
        queue: QueueId,
        /// Why.
        reason: FlowOut,
    },
    /// The customer asked to be called back and keeps the place.
    CallbackQueued {
        /// This stay.
        visit: VisitId,
        /// The queue.
        queue: QueueId,
    },
    /// Something about a callback that was asked for. No `call` is set.
    Callback(Callback),
    /// A call progress tone, a fax machine or an answering machine was heard. `leg` is who said it.
    ProgressHeard {
        /// What.
        tone: Progress,
    },
    /// The parties went over from audio to T.38. `leg` is who asked for it.
    FaxStarted,
    /// They went back to audio, or the call ended. `leg` is who asked for it; nobody at the end.
    FaxEnded,
    /// A fax of ours was sent or received, or was not. It may come after the end of its call.
    FaxDone {
        /// The document that was sent; none where one was received.
        document: Option<String>,
        /// How it ended.
        outcome: FaxOutcome,
        /// Set where what was received is work of a queue.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        work: Option<FaxWork>,
    },
    /// A step of a flow has a document faxed to a number outside, later and in a call of its own.
    FaxAsked {
        /// The document.
        document: String,
        /// Whom to call.
        number: PhoneNumber,
        /// What the other machine shows of us; empty is the caller number.
        station: String,
    },
    /// A recording began; its row in the ledger follows once the conversation is over.
    RecordingStarted {
        /// The recording.
        recording: RecordingId,
        /// Who asked for it; nobody where a rule or the queue did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<UserId>,
    },
    /// Nothing is kept of what is said until it is resumed.
    RecordingPaused {
        /// The recording.
        recording: RecordingId,
        /// Who asked for it.
        by: UserId,
    },
    /// What is said is kept again.
    RecordingResumed {
        /// The recording.
        recording: RecordingId,
        /// Who asked for it.
        by: UserId,
    },
    /// Somebody ended the recording; the conversation goes on.
    RecordingStopped {
        /// The recording.
        recording: RecordingId,
        /// Who asked for it.
        by: UserId,
    },
    /// The caller agrees to be recorded, or does not.
    Consented(Consent),
    /// On hold. `leg` is the one who waits.
    Held {
        /// Who put it there.
        by: Party,
    },
    /// Hold ended.
    Resumed,
    /// An agent passed the call on. `leg` is the agent's.
    Transferred {
        /// How.
        kind: TransferKind,
        /// Who.
        agent: AgentId,
        /// What they dialled.
        target: String,
    },
    /// An agent asked one more party into the conversation. `leg` is the agent's. Whether and when
    /// they came is told by the leg that follows.
    Invited {
        /// Who.
        agent: AgentId,
        /// What they dialled.
        target: String,
    },
    /// Somebody wanted to come into this conversation from their phone (Join, RFC 3911) and was refused.
    /// No `call` is set where what they named is none.
    JoinRefused {
        /// Who; none for who calls from outside.
        agent: Option<AgentId>,
        /// With which status of SIP.
        status: u16,
    },
    /// An agent asks somebody else while the customer waits. `leg` is the agent's; that of
    /// who is consulted where they answer.
    Consultation(Consultation),
    /// A caller is parked, taken, or rings back. `leg` is the agent's who does it; where they ring
    /// back, the caller's.
    Parking(Parking),
    /// A prompt or a text is said into the conversation.
    Interjected(Interjected),
    /// A supervisor came into the conversation. `leg` is the supervisor's.
    SupervisionStarted {
        /// Who, and whom.
        #[serde(flatten)]
        of: Supervised,
        /// How.
        mode: SupervisionMode,
    },
    /// A supervisor hears and is heard otherwise from now on. `leg` is the supervisor's.
    SupervisionChanged {
        /// Who, and whom.
        #[serde(flatten)]
        of: Supervised,
        /// How.
        mode: SupervisionMode,
    },
    /// Supervision ended. `leg` is the supervisor's.
    SupervisionEnded {
        /// Who, and whom.
        #[serde(flatten)]
        of: Supervised,
        /// Why.
        end: SupervisionEnd,
    },
    /// Something happened in a conference. `leg` is the member's, where it is about one.
    Conference {
        /// Where.
        #[serde(flatten)]
        of: Meeting,
        /// What.
        what: InConference,
    },
    /// A supervisor did something to somebody else's call; what came of it follows. `leg` is the
    /// agent's, where one talked.
    Forced {
        /// Who.
        by: UserId,
        /// Whose conversation it was; none when the caller talked to nobody.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentId>,
        /// What.
        act: ForcedAct,
        /// Where the customer was passed on to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    },
    /// A conversation ended. `leg` is the agent's.
    Released {
        /// The agent.
        agent: AgentId,
        /// Who ended it.
        by: Party,
    },
    /// The caller was asked for satisfaction.
    SurveyAsked {
        /// The question.
        survey: SurveyId,
        /// About whom.
        agent: AgentId,
        /// From which queue.
        queue: Option<QueueId>,
    },
    /// The survey ended.
    SurveyAnswered {
        /// The question.
        survey: SurveyId,
        /// About whom.
        agent: AgentId,
        /// From which queue.
        queue: Option<QueueId>,
        /// The answer; none when the caller pressed nothing valid.
        answer: Option<Satisfaction>,
    },
    /// A message was left.
    VoicemailLeft {
        /// For whose people.
        queue: QueueId,
        /// The message.
        recording: RecordingId,
        /// Who left it, normalised; not in older logs.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        caller: String,
    },
    /// Somebody has heard a message. Of no call: that one has ended long ago.
    VoicemailHeard {
        /// For whose people it was left.
        queue: QueueId,
        /// The message.
        recording: RecordingId,
        /// Who.
        by: UserId,
    },
    /// A message was left for an agent, somebody has heard it, or the agent drives. `call` is set where
    /// a call is the cause.
    Mailbox(Mailbox),
    /// Something was done to an item.
    Item(ItemTold),
    /// A recording is on disk, or will never be.
    Recorded {
        /// Its row in the ledger.
        ledger: Ledger,
        /// The agent it began with; none for a message.
        agent: Option<AgentId>,
        /// The queue.
        queue: Option<QueueId>,
        /// The meeting whose it is, for a conference's.
        #[serde(default)]
        meeting: Option<MeetingId>,
        /// A message for the agent, and no conversation of theirs.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        message: bool,
    },
    /// A leg ended.
    LegEnded {
        /// Hangup cause, ITU-T Q.850 §2.2.7, 16 is normal.
        cause: u8,
        /// Who ended it.
        by: Party,
        /// What it heard and said, once media is closed.
        quality: Option<Quality>,
    },
    /// The call ended: nothing follows with its id but `Recorded` and surveys' corrections.
    CallEnded {
        /// How, as far as the call path saw.
        outcome: Outcome,
        /// Hangup cause, ITU-T Q.850 §2.2.7.
        cause: u8,
        /// Who ended it.
        by: Party,
    },
    /// An agent changed state. No `call` is set unless the state is about one.
    AgentChanged {
        /// The agent.
        agent: AgentId,
        /// Their state from now on.
        activity: Activity,
        /// Reason of a break, or the disposition when a wrap-up ends.
        reason: Option<String>,
        /// The queue whose call it is.
        queue: Option<QueueId>,
        /// The skill set that they chose when they signed in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skill_set: Option<SkillSetId>,
    },
    /// An agent's calls out, and calls to their phone.
    Calling(Calling),
    /// An agent keeps their line open from now on. `call` and `leg` are the line's.
    LineOpened {
        /// Who.
        agent: AgentId,
    },
    /// They do no longer.
    LineClosed {
        /// Who.
        agent: AgentId,
    },
    /// A text came in over a trunk. Of no call.
    TextReceived(TextReceived),
    /// A step of a flow has a text sent to a number outside.
    TextAsked(TextAsked),
    /// A text went out over a trunk, or did not. Of no call.
    TextSent(TextSent),
    /// A step of a flow has a mail sent, later.
    MailAsked(MailAsked),
    /// The call path started; calls that it did not restore ended.
    Started {
        /// Version of the program.
        program: String,
        /// Calls of before that it takes up: their own entries say how they go on and end.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        kept: Vec<CallId>,
    },
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Talked to an agent, or to others in a conference.
    Answered,
    /// Hung up while queued.
    Abandoned,
    /// Left a message.
    Voicemail,
    /// Ended in the IVR.
    IvrOnly,
    /// Refused: blocked, over a limit, no such number.
    Refused,
    /// Could not be connected.
    Failed,
    /// The box ended in the middle.
    Interrupted,
}
