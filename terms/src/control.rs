//! What the `api` child asks of the `calls` child over the local socket, and what it hears back.
//! Frames are one JSON text a line. A request that cannot be done is refused at once.

mod agent_action;
mod ban;
mod callback;
mod conference;
mod dial;
mod play;

pub use agent_action::AgentAction;
pub use ban::{Ban, BanReason};
pub use callback::LiveCallback;
pub use conference::{LiveConference, LiveMember};
pub use dial::{DialFirst, DialOrder, FaxCall, NO_MORE_CALLS};
pub use play::{PlayOrder, PlayTo, PlayWhat};

use crate::event::{Activity, Forwarding, ItemTold, Mailbox, Role, Supervised, SupervisionMode};
use crate::id::{
    AgentId, CallId, ConferenceId, ContactId, LegId, QueueId, RecordingId, SkillSetId, TenantId,
    TrunkId, UserId,
};
use crate::media::Quality;
use crate::routing::{Delta, LeaseChanges, Plan};
use crate::subscriber::Subscriber;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A numbered request; the answer carries the number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the sender.
    pub id: u64,
    /// What.
    pub body: Ask,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Use this plan from now on.
    Plan(Box<Plan>),
    /// Apply this change to the plan.
    Delta(Box<Delta>),
    /// Leases of numbers are so from now on.
    Leases(Box<LeaseChanges>),
    /// Remember no call out to, and none by a lease of, this person.
    Forget(TenantId, Subscriber),
    /// Change an agent's state.
    Agent {
        /// Whose.
        tenant: TenantId,
        /// Who.
        agent: AgentId,
        /// What they want.
        action: AgentAction,
    },
    /// Do something to a live call.
    Call {
        /// Whose.
        tenant: TenantId,
        /// Which.
        call: CallId,
        /// What.
        action: CallAction,
    },
    /// Ring an agent's phone; when it is answered, it has the call that rings at a colleague's.
    PickUp {
        /// Whose.
        tenant: TenantId,
        /// Who picks up.
        by: AgentId,
        /// At whose phone it rings; none for whoever of the team rings longest.
        from: Option<AgentId>,
    },
    /// Ring an agent's phone; when it is answered, it has the caller who is parked there.
    TakeParked {
        /// Whose.
        tenant: TenantId,
        /// Who takes them.
        by: AgentId,
        /// Where.
        slot: u8,
    },
    /// Make a call: one side rings, and the other once it has answered. Answered by [`Answer::Call`].
    Dial(Box<DialOrder>),
    /// Call a number and send a fax to the machine there. Answered by [`Answer::Call`]; how it went is
    /// in the event log, whatever happens.
    Fax(Box<FaxCall>),
    /// Do something in a conference.
    Conference {
        /// Whose.
        tenant: TenantId,
        /// Which.
        conference: ConferenceId,
        /// Who asks for it.
        by: UserId,
        /// What.
        action: ConferenceAction,
    },
    /// The live state of a tenant.
    State {
        /// Whose.
        tenant: TenantId,
    },
    /// Whether a recording runs, or waits for its file.
    Recording {
        /// Whose.
        tenant: TenantId,
        /// Which.
        recording: RecordingId,
    },
    /// Somebody has heard a message that was left for the people of a queue.
    Heard {
        /// Whose.
        tenant: TenantId,
        /// For whose people.
        queue: QueueId,
        /// The message.
        recording: RecordingId,
        /// Who.
        by: UserId,
    },
    /// This happened to an agent's mailbox.
    Mailbox(TenantId, Mailbox),
    /// This was done to an item, which is no call.
    Item(TenantId, ItemTold),
    /// How the legs of a live call hear and are heard until now.
    Quality {
        /// Whose.
        tenant: TenantId,
        /// Which.
        call: CallId,
    },
    /// Sources that are not listened to. Answered by [`Answer::Bans`].
    Bans,
    /// Listen to this source again. Answered by [`Answer::Bans`] with the ban that this ended.
    LiftBan(IpAddr),
    /// Counters and gauges of the call path.
    Metrics,
    /// Take no new calls; answered when the last one has ended or `within_s` is over.
    Drain {
        /// Longest wait in seconds.
        within_s: u32,
    },
}

/// What is to happen to a live call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallAction {
    /// End it.
    Hangup,
    /// Pass the customer on without asking first.
    Transfer {
        /// A short number, an outside number, or `queue:<id>`.
        target: String,
    },
    /// Ask one more party into the conversation; it goes on meanwhile.
    Invite {
        /// A short number or an outside number.
        target: String,
    },
    /// Talk with somebody else first; the customer waits with music.
    Consult {
        /// A short number, an outside number, or `queue:<id>`.
        target: String,
    },
    /// Pass the customer on to who is consulted.
    CompleteConsultation,
    /// Let go who is consulted and go on with the customer.
    EndConsultation,
    /// The customer, the agent and who is consulted talk together.
    JoinConsultation,
    /// Park the customer until somebody takes them.
    Park {
        /// Where; none for the first slot that is free.
        slot: Option<u8>,
    },
    /// Put the customer on hold.
    Hold,
    /// End of hold.
    Resume,
    /// Send keys to the party that the agent talks with, as if pressed on the agent's phone.
    SendDigits {
        /// 0-9, *, # and A-D.
        digits: String,
    },
    /// Ring a supervisor's phone and, when it is answered, bring it into the conversation.
    Supervise {
        /// Who supervises.
        by: UserId,
        /// Where they are rung.
        phone: SupervisorPhone,
        /// How they take part.
        mode: SupervisionMode,
    },
    /// Take part otherwise from now on.
    ChangeSupervision {
        /// Who: the one who supervises.
        by: UserId,
        /// How.
        mode: SupervisionMode,
    },
    /// The supervisor leaves, or does not come; the conversation goes on.
    EndSupervision,
    /// The supervisor stays with the customer, and the agent is released.
    TakeOver {
        /// Who: the one who supervises.
        by: UserId,
    },
    /// 强转: a supervisor passes the customer of somebody else's call on.
    ForceTransfer {
        /// Who.
        by: UserId,
        /// A short number, an outside number, or `queue:<id>`.
        target: String,
    },
    /// 强拆: a supervisor ends somebody else's call.
    ForceRelease {
        /// Who.
        by: UserId,
    },
    /// Nobody is called back any more: for a callback that waits, named by its call.
    CancelCallback {
        /// Who.
        by: UserId,
    },
    /// Say something into the conversation while it goes on.
    Play(Box<PlayOrder>),
    /// Say no more of it.
    StopPlay,
    /// Do something to the recording of the conversation.
    Record {
        /// What.
        order: RecordingOrder,
        /// Who wants it.
        by: Asker,
    },
    /// The caller has said whether they agree to be recorded.
    Consent {
        /// They agree.
        given: bool,
        /// Whoever notes it is the agent of the call; else somebody with the right over it.
        own: bool,
        /// Who notes it.
        by: UserId,
    },
}

/// What is to happen in a conference. Members are named by their calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConferenceAction {
    /// Nobody hears this member, until it is undone from a screen or by a chairperson.
    Mute {
        /// Whom.
        member: CallId,
    },
    /// The member is heard again.
    Unmute {
        /// Whom.
        member: CallId,
    },
    /// Nobody hears guests, those who come included.
    MuteAll,
    /// All are heard again.
    UnmuteAll,
    /// Take a member out, or stop calling them.
    Remove {
        /// Whom.
        member: CallId,
    },
    /// Nobody but chairpersons gets in from now on.
    Lock,
    /// Others may come again.
    Unlock,
    /// Call somebody, and ask them to come in. Where no meeting is going on, one begins.
    DialOut {
        /// A short number or an outside number.
        target: String,
        /// They come as a chairperson.
        chair: bool,
    },
    /// The meeting is over for everybody.
    End,
}

/// Where a supervisor is rung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupervisorPhone {
    /// Their own phone as an agent.
    Agent(AgentId),
    /// A short number or an outside number.
    Number(String),
}

/// What is to happen to the recording of a live conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingOrder {
    /// Begin it, where none runs.
    Start,
    /// End it; the conversation goes on.
    Stop,
    /// Keep nothing of what is said until `Resume`.
    Pause,
    /// Keep what is said again.
    Resume,
}

/// Who wants something of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asker {
    /// The person, for the marks.
    pub user: UserId,
    /// May act on every call, whatever its rule says to agents.
    pub any: bool,
}

/// A numbered answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The request's number.
    pub id: u64,
    /// What came of it.
    pub body: Answer,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Done.
    Done,
    /// Done: this call was made.
    Call(CallId),
    /// Not done, with a sentence for people.
    Refused(String),
    /// The live state.
    State(LiveState),
    /// About whom the recording is; `None` when the tenant has none of this id that runs or waits
    /// for its file.
    Recording(Option<LiveRecording>),
    /// What the legs of a live call that have a port heard and said until now.
    Quality(Vec<LegQuality>),
    /// Bans, the latest first.
    Bans(Vec<Ban>),
    /// Counters and gauges.
    Metrics(Vec<Metric>),
}

/// One sample in Prometheus' terms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// `switchgrid_rtp_packets_received_total`.
    pub name: String,
    /// Label pairs.
    pub labels: Vec<(String, String)>,
    /// The value.
    pub value: f64,
}

/// What is going on in a tenant right now.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct LiveState {
    /// Version of the plan in use.
    pub plan_version: u64,
    /// Queues with the contacts that wait.
    pub queues: Vec<LiveQueue>,
    /// Agents.
    pub agents: Vec<LiveAgent>,
    /// Calls.
    pub calls: Vec<LiveCall>,
    /// Conferences in which somebody is, or is called to come.
    #[serde(default)]
    pub conferences: Vec<LiveConference>,
    /// Trunks.
    #[serde(default)]
    pub trunks: Vec<LiveTrunk>,
    /// Customers who wait to be called back, those who asked first before the others.
    #[serde(default)]
    pub callbacks: Vec<LiveCallback>,
}

/// A trunk right now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveTrunk {
    /// Which.
    pub trunk: TrunkId,
    /// Calls over it, both directions.
    pub calls: u32,
    /// Our registration there counts; `None` where none is wanted.
    pub registered: Option<bool>,
    /// Why the last connection over TLS did not come about; `None` after one that did.
    pub problem: Option<LineProblem>,
    /// Why no calls go out over it, and since when; `None` where they do.
    #[serde(default)]
    pub down: Option<TrunkDown>,
}

/// No calls go out over a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkDown {
    /// Why, as it is now.
    pub fault: TrunkFault,
    /// Since when it is down, for whichever reason.
    pub since: Timestamp,
}

/// What keeps calls from going out over a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrunkFault {
    /// It does not answer OPTIONS.
    Silent,
    /// It answers OPTIONS with 503.
    Unavailable,
    /// It answered a call with 503 and said in Retry-After for how long it wants no more.
    Overloaded,
    /// Our registration there failed.
    Registration,
    /// No connection over TLS comes about.
    Line,
}

/// Why there is no connection to a trunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineProblem {
    /// Of which kind.
    pub fault: LineFault,
    /// What was said about it.
    pub detail: String,
}

/// What keeps a connection over TLS from coming about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineFault {
    /// Its name is unknown, or nobody answers there.
    Unreachable,
    /// Its certificate is for other names.
    CertificateName,
    /// Its certificate is too old, or not valid yet.
    CertificateExpired,
    /// Its certificate is of an authority that we do not trust.
    CertificateIssuer,
    /// Its certificate is wrong in another way.
    Certificate,
    /// The authorities that its certificate is to be checked against cannot be read.
    Authorities,
    /// The certificate that we are to show cannot be used, or it does not take it.
    OwnCertificate,
    /// The handshake failed otherwise.
    Handshake,
}

/// A queue right now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveQueue {
    /// Which.
    pub queue: QueueId,
    /// Contacts waiting, ringing ones included.
    pub waiting: u32,
    /// The oldest began to wait then.
    pub oldest: Option<Timestamp>,
    /// Agents signed in who serve it.
    pub agents_signed_in: u32,
    /// Of those, free.
    pub agents_idle: u32,
}

/// An agent right now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveAgent {
    /// Who.
    pub agent: AgentId,
    /// Their state.
    pub activity: Activity,
    /// Reason of a break.
    pub reason: Option<String>,
    /// In it since.
    pub since: Timestamp,
    /// Their call.
    pub call: Option<CallId>,
    /// Their phone is registered.
    pub registered: bool,
    /// Nobody may ring there.
    #[serde(default)]
    pub do_not_disturb: bool,
    /// Where calls to their extension go.
    #[serde(default)]
    pub forwarding: Forwarding,
    /// They are kept from calling out.
    #[serde(default)]
    pub barred: bool,
    /// At whose phone they are signed in, where it is not their own.
    #[serde(default)]
    pub at: Option<AgentId>,
    /// The skill set that they chose when they signed in.
    #[serde(default)]
    pub skill_set: Option<SkillSetId>,
    /// The call that is their open line.
    #[serde(default)]
    pub line: Option<CallId>,
}

/// A recording that runs, or waits for its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveRecording {
    /// The agent it began with.
    pub agent: Option<AgentId>,
    /// The queue that the call came through.
    pub queue: Option<QueueId>,
}

/// What a leg of a live call heard and said until now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegQuality {
    /// Which.
    pub leg: LegId,
    /// Who.
    pub role: Role,
    /// The agent.
    pub agent: Option<AgentId>,
    /// Its figures.
    pub quality: Quality,
}

/// A call right now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveCall {
    /// Which.
    pub call: CallId,
    /// Of which contact.
    pub contact: ContactId,
    /// Who calls, as shown.
    pub caller: String,
    /// What was dialled.
    pub called: String,
    /// Began then.
    pub started_at: Timestamp,
    /// `ivr`, `waiting`, `ringing`, `talking`, `holding`, `consulting`, `parked`, `survey`,
    /// `voicemail`, `fax`, `conference`.
    pub phase: String,
    /// The queue.
    pub queue: Option<QueueId>,
    /// The agent. None while it rings at several.
    pub agent: Option<AgentId>,
    /// The agents at whose phones it rings for a queue.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rung: Vec<AgentId>,
    /// Its parties' legs. A supervisor who listens in is none.
    pub legs: Vec<LegId>,
    /// Who supervises it: not for the eyes of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervision: Option<LiveSupervision>,
    /// Whether it is being recorded.
    #[serde(default)]
    pub recording: RecordingNow,
    /// The slot on which the caller is parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<u8>,
    /// What its flow learned and shows to people, by variable.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, String>,
    /// Where the number outside is at home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<crate::Region>,
}

/// A supervision right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSupervision {
    /// Who, and whom.
    pub of: Supervised,
    /// How.
    pub mode: SupervisionMode,
    /// The supervisor's leg.
    pub leg: LegId,
    /// They answered; until then their phone rings.
    pub joined: bool,
}

/// Whether a call is being recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingNow {
    /// It is not.
    #[default]
    Off,
    /// It is.
    On,
    /// It would be, but somebody paused it.
    Paused,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_as_an_older_program_tells_it_is_supervised_by_nobody() {
        let older = r#"{"call":"1","contact":"2","caller":"138","called":"95","started_at":0,
            "phase":"talking","queue":null,"agent":"3","legs":["4"]}"#;
        let call: LiveCall = serde_json::from_str(older).expect("it is read");
        assert_eq!((call.agent, call.supervision), (Some(AgentId(3)), None));
        let told = serde_json::to_value(&call).expect("it is JSON");
        assert!(told.get("supervision").is_none(), "{told}");
    }

    #[test]
    fn a_call_that_is_wanted_and_the_one_that_was_made_cross_the_socket() {
        let order = DialOrder {
            tenant: TenantId(1),
            by: UserId(2),
            agent: AgentId(2),
            target: "013800138000".into(),
            first: DialFirst::Customer,
            caller_number: Some("95105688".into()),
        };
        let ask = Ask::Dial(Box::new(order));
        let text = serde_json::to_string(&ask).expect("it is JSON");
        assert_eq!(serde_json::from_str::<Ask>(&text).expect("it is read"), ask);
        let text = serde_json::to_string(&Answer::Call(CallId(9))).expect("it is JSON");
        assert_eq!(
            serde_json::from_str::<Answer>(&text).expect("it is read"),
            Answer::Call(CallId(9))
        );
    }

    #[test]
    fn what_a_supervisor_asks_for_crosses_the_socket() {
        let (by, mode) = (UserId(3), SupervisionMode::Whisper);
        let phone = SupervisorPhone::Number("1003".into());
        for action in [
            CallAction::Supervise { by, phone, mode },
            CallAction::ChangeSupervision { by, mode },
            CallAction::EndSupervision,
            CallAction::TakeOver { by },
            CallAction::ForceTransfer { by, target: "queue:7".into() },
            CallAction::ForceRelease { by },
            CallAction::CancelCallback { by },
            CallAction::StopPlay,
            CallAction::Consent { given: false, own: true, by },
        ] {
            let text = serde_json::to_string(&action).expect("it is JSON");
            assert_eq!(serde_json::from_str::<CallAction>(&text).expect("it is read"), action);
        }
    }
}
