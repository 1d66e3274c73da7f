//! The rows of the warehouse. Each table is declared once, here and in `desk`: name, version, columns
//! with a line of documentation each. The warehouse makes its Parquet schema from
//! [`Record::columns`], and `docs/formats/warehouse.md` is written from the same lines.
//!
//! Times are microseconds UTC, durations whole milliseconds. Counters are stored, never percentages.

mod cell;
#[macro_use]
mod declare;
mod desk;
mod raw;
mod table;

pub use cell::{Cell, Column, ColumnType, Value};
pub use desk::{Audit, Emergency, Item, Order, OrderStep, ReturnVisit, Shift, TeamMember};
pub use table::Record;

use crate::id::*;
use crate::time::Timestamp;
use raw::Raw;
use serde::{Deserialize, Serialize};

records! {
    /// Everything that happened, one row an entry of the event log.
    Event = "events" version 1, id seq, day at {
        /// Whose it is.
        tenant_id: TenantId,
        /// Sequence number in the log, rising without gaps.
        seq: i64,
        /// When it happened.
        at: Timestamp,
        /// The contact.
        contact_id: Option<ContactId>,
        /// The call.
        call_id: Option<CallId>,
        /// The leg.
        leg_id: Option<LegId>,
        /// What happened, such as `enqueued` or `answered`.
        kind: String,
        /// The rest of the entry as JSON.
        detail: String,
    }

    /// One row a finished call.
    Call = "calls" version 4, id call_id, day started_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// The call.
        call_id: CallId,
        /// The contact it belongs to.
        contact_id: ContactId,
        /// `inbound`, `outbound` or `internal`.
        direction: String,
        /// First INVITE.
        started_at: Timestamp,
        /// We answered the caller; NULL when never.
        answered_at: Option<Timestamp>,
        /// The call ended.
        ended_at: Timestamp,
        /// From start to end.
        duration_ms: i32,
        /// The caller, normalised.
        caller: String,
        /// The caller, as received.
        caller_received: String,
        /// The dialled number, normalised.
        called: String,
        /// The trunk it came in on.
        trunk_id: Option<TrunkId>,
        /// The first flow.
        flow_id: Option<FlowId>,
        /// The last queue.
        queue_id: Option<QueueId>,
        /// The first agent who answered.
        agent_id: Option<AgentId>,
        /// The last agent who answered.
        last_agent_id: Option<AgentId>,
        /// `answered`, `abandoned`, `voicemail`, `ivr_only`, `refused`, `failed` or `interrupted`.
        outcome: String,
        /// Hangup cause, ITU-T Q.850.
        hangup_cause: i32,
        /// Who ended it: `customer`, `agent`, `outside` or `system`.
        hangup_by: String,
        /// In flows before the first queue or agent.
        ivr_ms: i32,
        /// In queues, all stays together.
        wait_ms: i32,
        /// In conversation with agents or people outside, hold not included; whose share it was is in `legs`. Together with `hold_ms` it is as long as the conversation's recordings.
        talk_ms: i32,
        /// On hold by an agent; in a blind transfer until it ends, whoever hung up before.
        hold_ms: i32,
        /// Times passed on.
        transfers: i32,
        /// Agents who answered.
        agents: i32,
        /// First recording.
        recording_id: Option<RecordingId>,
        /// `satisfied`, `neutral` or `dissatisfied`; NULL when not asked or not answered.
        satisfaction: Option<String>,
        /// The SIP Call-ID, as received.
        sip_call_id: String,
        /// The peer's User-Agent, as received.
        user_agent: String,
        /// Of `talk_ms`, with people outside; NULL in rows of version 1, whose `talk_ms` has none.
        outside_ms: Option<i32>,
        /// The conference room that it came into; NULL for none, and in rows of versions 1 and 2.
        conference_id: Option<ConferenceId>,
        /// The meeting there, which its members share.
        meeting_id: Option<MeetingId>,
        /// The province where the number outside is at home; NULL where that is not known, and in rows of versions 1 to 3.
        province: Option<String>,
        /// The city; NULL in the same way, and where the province alone is known.
        city: Option<String>,
    }

    /// One row a finished leg.
    Leg = "legs" version 3, id leg_id, day call_started_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// The leg.
        leg_id: LegId,
        /// Its call.
        call_id: CallId,
        /// Its contact.
        contact_id: ContactId,
        /// Start of the call: the row's day.
        call_started_at: Timestamp,
        /// `customer`, `agent`, `outside` or `supervisor`.
        role: String,
        /// The agent.
        agent_id: Option<AgentId>,
        /// The queue whose offer it was.
        queue_id: Option<QueueId>,
        /// Number or SIP address.
        address: String,
        /// INVITE received or sent.
        started_at: Timestamp,
        /// First ringing.
        ringing_at: Option<Timestamp>,
        /// Answered.
        answered_at: Option<Timestamp>,
        /// Ended.
        ended_at: Timestamp,
        /// Ringing time, the whole of it when never answered.
        ring_ms: i32,
        /// Conversation, hold not included.
        talk_ms: i32,
        /// On hold.
        hold_ms: i32,
        /// Hangup cause, ITU-T Q.850.
        hangup_cause: i32,
        /// Who ended it.
        hangup_by: String,
        /// RTP packets received.
        packets_received: i64,
        /// RTP packets lost on the way to us.
        packets_lost: i64,
        /// Interarrival jitter in microseconds, RFC 3550 A.8.
        jitter_us: i32,
        /// E-model estimate, ITU-T G.107; NULL without audio.
        mos: Option<f64>,
        /// The trunk that it went over; NULL for phones inside, and in rows of version 1.
        trunk_id: Option<TrunkId>,
        /// Direction of its call, as in `calls`; NULL in rows of versions 1 and 2.
        call_direction: Option<String>,
        /// The queue that its call had come into last when it ended; NULL for none, and in rows of versions 1 and 2.
        call_queue_id: Option<QueueId>,
    }

    /// One row a finished stay of a contact in a queue.
    QueueVisit = "queue_visits" version 1, id visit_id, day call_started_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// The stay.
        visit_id: VisitId,
        /// Its call.
        call_id: CallId,
        /// Its contact.
        contact_id: ContactId,
        /// Start of the call: the row's day.
        call_started_at: Timestamp,
        /// The queue.
        queue_id: QueueId,
        /// Put into the queue: the row's interval in reports.
        entered_at: Timestamp,
        /// Left it.
        left_at: Timestamp,
        /// From entering to leaving.
        wait_ms: i32,
        /// Of that, the last offer's ringing.
        ring_ms: i32,
        /// `answered`, `abandoned`, `flowed_out` or `callback_queued`.
        outcome: String,
        /// `overflow`, `max_wait`, `exit_key`, `voicemail`, `forced`, `no_agents` or `closed`.
        flow_out_reason: Option<String>,
        /// The agent who answered.
        agent_id: Option<AgentId>,
        /// Priority.
        priority: i32,
        /// Place at entry, 1 is next.
        position: i32,
        /// Offers made.
        offers: i32,
        /// Offers that no agent answered (non-response), declined ones included.
        offers_unanswered: i32,
    }

    /// One row a finished stretch of an agent in one state.
    AgentSpan = "agent_spans" version 2, id span_id, day started_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// The stretch: sequence number of the entry that began it.
        span_id: SpanId,
        /// The agent.
        agent_id: AgentId,
        /// `break`, `idle`, `ringing`, `talking`, `holding` or `wrap_up`. Signed-out time has no row.
        activity: String,
        /// Reason of a break; disposition of a wrap-up.
        reason: Option<String>,
        /// Began.
        started_at: Timestamp,
        /// Ended.
        ended_at: Timestamp,
        /// Its length.
        duration_ms: i32,
        /// The call it is about.
        call_id: Option<CallId>,
        /// The queue whose call it is.
        queue_id: Option<QueueId>,
        /// The skill set that they chose when they signed in; NULL for none, and in rows of version 1.
        skill_set_id: Option<SkillSetId>,
    }

    /// One row a step that a call went through in a flow.
    IvrStep = "ivr_steps" version 1, id seq, day call_started_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// Sequence number of the entry.
        seq: i64,
        /// Its call.
        call_id: CallId,
        /// Its contact.
        contact_id: ContactId,
        /// Start of the call: the row's day.
        call_started_at: Timestamp,
        /// The flow.
        flow_id: FlowId,
        /// Its version.
        flow_version: i32,
        /// The step's name.
        step: String,
        /// The step's kind.
        kind: String,
        /// Entered.
        entered_at: Timestamp,
        /// Left.
        left_at: Timestamp,
        /// The edge it left by.
        exit: String,
        /// Digits collected, masked where the flow says so.
        digits: Option<String>,
    }

    /// One row a satisfaction question, answered or not.
    Survey = "surveys" version 1, id survey_id, day call_started_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// The question.
        survey_id: SurveyId,
        /// Its call.
        call_id: CallId,
        /// Its contact.
        contact_id: ContactId,
        /// Start of the call: the row's day.
        call_started_at: Timestamp,
        /// About whom.
        agent_id: AgentId,
        /// From which queue.
        queue_id: Option<QueueId>,
        /// Asked.
        asked_at: Timestamp,
        /// Answered or given up.
        ended_at: Timestamp,
        /// `satisfied`, `neutral` or `dissatisfied`; NULL when nothing valid was pressed.
        answer: Option<String>,
    }

    /// One row each time that a caller said whether they agree to be recorded.
    Consent = "consents" version 1, id seq, day call_started_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// Sequence number of the entry.
        seq: i64,
        /// Its call.
        call_id: CallId,
        /// Its contact.
        contact_id: ContactId,
        /// Start of the call: the row's day.
        call_started_at: Timestamp,
        /// When it was said; what was said last in a call is good.
        said_at: Timestamp,
        /// The customer's number, normalised.
        caller: String,
        /// They agree.
        given: bool,
        /// How: `flow` by a step, `agent` told to the call's agent, `order` noted by somebody else.
        way: String,
        /// The flow, where it was said in one.
        flow_id: Option<FlowId>,
        /// Its step.
        step: Option<String>,
        /// Who noted it, where a person did.
        user_id: Option<UserId>,
    }

    /// One row each of those of an area (grid) who was tried for a caller, once that was over.
    AreaTry = "area_tries" version 1, id seq, day call_started_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// Sequence number of the entry.
        seq: i64,
        /// Its call.
        call_id: CallId,
        /// Its contact.
        contact_id: ContactId,
        /// Start of the call: the row's day.
        call_started_at: Timestamp,
        /// When it was over.
        ended_at: Timestamp,
        /// The area.
        area_id: AreaId,
        /// Who was tried: `worker`, `team`, `queue` or `voicemail`.
        hop: String,
        /// The field worker.
        worker_id: Option<WorkerId>,
        /// For whom they stand in.
        stands_in_id: Option<WorkerId>,
        /// The queue of the team, the one behind the area, or that of the message.
        queue_id: Option<QueueId>,
        /// How it ended, such as `answered`, `no_answer`, `absent` or `message`.
        outcome: String,
    }

    /// One row a recording: the ledger.
    Recording = "recordings" version 2, id recording_id, day call_started_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// The recording.
        recording_id: RecordingId,
        /// Its call.
        call_id: CallId,
        /// Its contact.
        contact_id: ContactId,
        /// Start of the call: the row's day.
        call_started_at: Timestamp,
        /// First sample.
        started_at: Timestamp,
        /// Length of the file.
        duration_ms: i32,
        /// `conversation` or `voicemail`.
        kind: String,
        /// The first agent on it.
        agent_id: Option<AgentId>,
        /// The queue.
        queue_id: Option<QueueId>,
        /// The customer's number, normalised.
        caller: String,
        /// `recorded`, `partial`, `refused` or `repaired`.
        state: String,
        /// Frames of 20 ms handed to the recorder over all tracks.
        frames_expected: i64,
        /// Of those, not on disk.
        frames_missing: i64,
        /// WAV relative to the recordings directory.
        path: Option<String>,
        /// Its size in bytes.
        bytes: i64,
        /// Its SHA-256 in hex.
        sha256: Option<String>,
        /// Why refused, partial or cut, and what is missing before it.
        reason: Option<String>,
        /// Of `duration_ms`, silence because it was paused; NULL in rows of version 1.
        paused_ms: Option<i32>,
        /// When it was paused and resumed and who asked for it, as JSON: `kind`, `at_ms`, `by`; NULL in rows of version 1.
        marks: Option<String>,
        /// Forms made unasked beside the WAV: `both`, `wav`, `mp3` or `opus`; NULL in rows of version 1.
        format: Option<String>,
    }

    /// One row a finished leg that carried audio or a fax: how it heard and was heard, measured.
    Quality = "quality" version 2, id leg_id, day call_started_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// The leg.
        leg_id: LegId,
        /// Its call.
        call_id: CallId,
        /// Its contact.
        contact_id: ContactId,
        /// Start of the call: the row's day.
        call_started_at: Timestamp,
        /// `customer`, `agent` or `outside`.
        role: String,
        /// The agent.
        agent_id: Option<AgentId>,
        /// The trunk that it went over; NULL for phones inside.
        trunk_id: Option<TrunkId>,
        /// Codec that it spoke to us, as `a=rtpmap` names it; the last one of several.
        codec: String,
        /// RTP packets received.
        packets_received: i64,
        /// RTP packets that the sequence numbers say were sent.
        packets_expected: i64,
        /// Of those expected, not received (RFC 3550 A.3).
        packets_lost: i64,
        /// Received too late to be heard, or too early for the buffer.
        packets_late: i64,
        /// Received twice or more.
        packets_duplicate: i64,
        /// Received after a packet with a higher number.
        packets_reordered: i64,
        /// RTP packets sent to the party.
        packets_sent: i64,
        /// Audio made up for packets that were not there; relayed audio the phone conceals.
        concealed_ms: i64,
        /// Interarrival jitter in microseconds at the end, RFC 3550 A.8.
        jitter_us: i32,
        /// The greatest that it was.
        jitter_us_max: i32,
        /// Round trip from RTCP in microseconds; NULL when the peer sent no reports.
        round_trip_us: Option<i32>,
        /// Estimate of the way from mouth to ear.
        delay_ms: i32,
        /// Bursts of loss, RFC 3611 §4.7.2 with Gmin 16; late packets count as lost.
        bursts: i64,
        /// Packets in bursts.
        burst_packets: i64,
        /// Of those, lost or late: over `burst_packets` it is the burst density.
        burst_lost: i64,
        /// Mean length of a burst; NULL without bursts.
        burst_ms: Option<i32>,
        /// Transmission rating R, ITU-T G.107; NULL when nothing was received.
        r_factor: Option<f64>,
        /// Conversational quality (MOS-CQ) from R with delay; NULL when nothing was received.
        mos_cq: Option<f64>,
        /// Listening quality (MOS-LQ) without delay; NULL when nothing was received.
        mos_lq: Option<f64>,
        /// Packets of ours that the far end misses; NULL without reports.
        far_packets_lost: Option<i64>,
        /// Jitter in microseconds that the far end has; NULL without reports.
        far_jitter_us: Option<i32>,
        /// The far end's R, from its extended reports; NULL without them.
        far_r_factor: Option<i32>,
        /// The far end's MOS-CQ, from its extended reports; NULL without them.
        far_mos_cq: Option<f64>,
        /// The far end's MOS-LQ, from its extended reports; NULL without them.
        far_mos_lq: Option<f64>,
        /// Share of our packets that the far end discarded; NULL without extended reports.
        far_discarded: Option<f64>,
        /// Sources (SSRC) that spoke one after the other.
        ssrc_epochs: i32,
        /// Frames that the recorder could not hand to storage; what the disk lost is in `recordings`.
        recorder_frames_lost: i64,
        /// Datagrams of T.38 received; NULL where it carried none, and in rows of version 1.
        fax_received: Option<i64>,
        /// Datagrams of T.38 sent to it; NULL as `fax_received`.
        fax_sent: Option<i64>,
        /// Numbers of datagrams that did not come; a page may be whole all the same. NULL likewise.
        fax_missing: Option<i64>,
        /// What it sent meanwhile that was no T.38, or had nobody to go to; NULL likewise.
        fax_dropped: Option<i64>,
    }

    /// One row a fax of ours, sent or received, also where it failed.
    Fax = "faxes" version 1, id fax_id, day call_started_at {
        /// Whose it is.
        tenant_id: TenantId,
        /// The fax.
        fax_id: FaxId,
        /// Its call.
        call_id: CallId,
        /// Its contact.
        contact_id: ContactId,
        /// Start of the call: the row's day.
        call_started_at: Timestamp,
        /// Its machine was done.
        ended_at: Timestamp,
        /// The customer's number, normalised.
        caller: String,
        /// The document that was sent; NULL where one was received.
        document: Option<String>,
        /// Both machines say that every page is there.
        complete: bool,
        /// Pages that were confirmed.
        pages: i32,
        /// With error correction.
        ecm: bool,
        /// Bits per second of the last page.
        bit_rate: i32,
        /// What the other machine calls itself.
        station: String,
        /// How it went, in words.
        text: String,
        /// What was received, relative to the directory of faxes.
        path: Option<String>,
        /// Its size in bytes.
        bytes: i64,
        /// Its SHA-256 in hex.
        sha256: Option<String>,
    }

    /// One row a recording or received fax that was deleted: its files are gone, its own row stays.
    RecordingDeletion = "recording_deletions" version 1, id recording_id, day call_started_at {
        /// Whose it was.
        tenant_id: TenantId,
        /// The recording, or the fax.
        recording_id: RecordingId,
        /// Its call.
        call_id: CallId,
        /// Its contact.
        contact_id: ContactId,
        /// Start of the call: the row's day.
        call_started_at: Timestamp,
        /// The first agent on it.
        agent_id: Option<AgentId>,
        /// The queue.
        queue_id: Option<QueueId>,
        /// Deleted.
        deleted_at: Timestamp,
        /// `retention` or `erasure`.
        reason: String,
        /// Which rule, or what the person said who asked for it.
        detail: String,
    }
}

rows! {
    Event,
    Call,
    Leg,
    QueueVisit,
    AgentSpan,
    IvrStep,
    Survey,
    Consent,
    AreaTry,
    Recording,
    Quality,
    Fax,
    RecordingDeletion,
    Shift,
    ReturnVisit,
    Emergency,
    TeamMember,
    Audit,
    Order,
    OrderStep,
    Item,
}

#[cfg(test)]
mod tests;
