//! The tables of counts.

use super::counts::{Counts, Key, Measure, Place, What};
use terms::record::ColumnType;

/// All of them.
pub static KINDS: [Counts; 6] = [QUEUES, CALLS, LEGS, AGENTS, SURVEYS, QUALITY];

const QUEUES: Counts = Counts {
    name: "queue_intervals",
    doc: "Stays in queues by quarter-hour.",
    version: 1,
    source: "queue_visits",
    place: Place::At("entered_at"),
    place_doc: "The quarter-hour in which they entered.",
    keys: &[id("queue_id", false, "The queue.")],
    // The thresholds are those of `THRESHOLDS_S`.
    measures: &[
        rows("offered", "Stays."),
        those("answered", "outcome = 'answered'", "Of those, answered."),
        those(
            "answered_20s",
            "outcome = 'answered' AND wait_ms <= 20000",
            "Of those, within 20 seconds.",
        ),
        those("abandoned", "outcome = 'abandoned'", "Given up."),
        those(
            "abandoned_20s",
            "outcome = 'abandoned' AND wait_ms <= 20000",
            "Of those, within 20 seconds.",
        ),
        those(
            "abandoned_5s",
            "outcome = 'abandoned' AND wait_ms <= 5000",
            "Of those, within 5 seconds.",
        ),
        those("flowed_out", "outcome = 'flowed_out'", "Flowed out."),
        those("callback_queued", "outcome = 'callback_queued'", "Left for a callback."),
        sum(
            "answered_wait_ms",
            "CASE WHEN outcome = 'answered' THEN CAST(wait_ms AS BIGINT) ELSE 0 END",
            "Waiting of those who were answered.",
        ),
        Measure { name: "wait_ms_max", what: What::Greatest("wait_ms"), doc: "The longest stay." },
    ],
    sums: &[("queue_hours", "hour"), ("queue_days", "day")],
};

const CALLS: Counts = Counts {
    name: "call_intervals",
    doc: "Calls by quarter-hour.",
    version: 1,
    source: "calls",
    place: Place::At("started_at"),
    place_doc: "The quarter-hour in which they began.",
    keys: &[
        word("direction", false, "`inbound`, `outbound` or `internal`."),
        id("trunk_id", true, "The trunk that they came in on."),
        // Whom we call are people: their numbers stay with the calls.
        Key {
            name: "called",
            sql: "CASE WHEN direction = 'inbound' THEN called END",
            kind: ColumnType::Text,
            nullable: true,
            doc: "The number of ours that was dialled; NULL of calls that did not come in.",
        },
        word("outcome", false, "What became of them, as in `calls`."),
    ],
    measures: &[
        rows("calls", "Calls."),
        those(
            "connected",
            "answered_at IS NOT NULL",
            "Of those, answered by us, announcements too.",
        ),
        those("by_agents", "agent_id IS NOT NULL", "Of those, answered by an agent."),
        those("recorded", "recording_id IS NOT NULL", "Of those, with a recording."),
        sum("duration_ms", "CAST(duration_ms AS BIGINT)", "From start to end."),
        sum("ivr_ms", "CAST(ivr_ms AS BIGINT)", "In flows before the first queue or agent."),
        sum("wait_ms", "CAST(wait_ms AS BIGINT)", "In queues, ringing included."),
        sum("talk_ms", "CAST(talk_ms AS BIGINT)", "In conversation, hold not included."),
        sum("hold_ms", "CAST(hold_ms AS BIGINT)", "On hold."),
        sum("transfers", "CAST(transfers AS BIGINT)", "Times passed on."),
    ],
    sums: &[("call_hours", "hour"), ("call_days", "day")],
};

const LEGS: Counts = Counts {
    name: "leg_intervals",
    doc: "Legs by quarter-hour: what agents were offered and took, what lines carried.",
    version: 2,
    source: "legs",
    place: Place::At("started_at"),
    place_doc: "The quarter-hour in which they began.",
    keys: &[
        word("role", false, "`customer`, `agent`, `outside` or `supervisor`."),
        id("agent_id", true, "The agent."),
        id("queue_id", true, "The queue whose offer they were."),
        id("trunk_id", true, "The trunk that they went over; NULL for phones inside."),
        word("call_direction", true, "Direction of their calls; NULL where the legs do not tell."),
        id("call_queue_id", true, "The queue that their calls had come into last."),
    ],
    measures: &[
        rows("legs", "Legs."),
        those(
            "answered",
            "answered_at IS NOT NULL",
            "Of those, answered: contacts that were handled.",
        ),
        those(
            "offered",
            "answered_at IS NOT NULL OR hangup_cause <> 26",
            "Legs but for those that stopped ringing because a colleague had the call, cause 26.",
        ),
        those(
            "busy",
            "answered_at IS NULL AND hangup_cause = 17",
            "Not answered because it was busy, ITU-T Q.850 cause 17.",
        ),
        those(
            "no_answer",
            "answered_at IS NULL AND hangup_cause IN (18, 19)",
            "Not answered in time, causes 18 and 19.",
        ),
        sum("ring_ms", "CAST(ring_ms AS BIGINT)", "Ringing."),
        sum("talk_ms", "CAST(talk_ms AS BIGINT)", "In conversation, hold not included."),
        sum("hold_ms", "CAST(hold_ms AS BIGINT)", "On hold."),
        sum(
            "taken_us",
            "CAST(ended_at AS BIGINT) - CAST(started_at AS BIGINT)",
            "From start to end, in microseconds.",
        ),
        sum(
            "connected_ms",
            "CASE WHEN answered_at IS NULL THEN 0 \
             ELSE (CAST(ended_at AS BIGINT) - CAST(answered_at AS BIGINT)) / 1000 END",
            "From answer to end, the whole milliseconds of each.",
        ),
    ],
    sums: &[("leg_hours", "hour"), ("leg_days", "day")],
};

const AGENTS: Counts = Counts {
    name: "agent_intervals",
    doc: "Time of agents by quarter-hour.",
    version: 1,
    source: "agent_spans",
    place: Place::Through("started_at", "ended_at"),
    place_doc: "The quarter-hour in which it was spent: a stretch is cut at each.",
    keys: &[
        id("agent_id", false, "The agent."),
        word("activity", false, "What the agent did, as in `agent_spans`."),
        word("reason", true, "Reason of a break; disposition of a wrap-up."),
        id("queue_id", true, "The queue whose call it was about."),
    ],
    measures: &[
        those(
            "began",
            "CAST(started_at AS BIGINT) / 900000000 = nth",
            "Stretches that began in it.",
        ),
        sum(
            "spent_us",
            "GREATEST(0, LEAST(CAST(ended_at AS BIGINT), (nth + 1) * 900000000) \
             - GREATEST(CAST(started_at AS BIGINT), nth * 900000000))",
            "Time in microseconds.",
        ),
    ],
    sums: &[("agent_hours", "hour"), ("agent_days", "day")],
};

const SURVEYS: Counts = Counts {
    name: "survey_intervals",
    doc: "Satisfaction questions by quarter-hour.",
    version: 1,
    source: "surveys",
    place: Place::At("asked_at"),
    place_doc: "The quarter-hour in which they were asked.",
    keys: &[id("agent_id", false, "About whom."), id("queue_id", true, "From which queue.")],
    measures: &[
        rows("asked", "Questions."),
        those("answered", "answer IS NOT NULL", "Of those, answered."),
        those("satisfied", "answer = 'satisfied'", "Answered `satisfied`."),
        those("neutral", "answer = 'neutral'", "Answered `neutral`."),
        those("dissatisfied", "answer = 'dissatisfied'", "Answered `dissatisfied`."),
    ],
    sums: &[("survey_hours", "hour"), ("survey_days", "day")],
};

const QUALITY: Counts = Counts {
    name: "quality_intervals",
    doc: "How legs sounded by quarter-hour.",
    version: 1,
    source: "quality",
    place: Place::At("call_started_at"),
    place_doc: "The quarter-hour in which their calls began.",
    keys: &[
        word("role", false, "`customer`, `agent` or `outside`."),
        word("codec", false, "Codec, as in `quality`."),
        id("trunk_id", true, "The trunk that they went over; NULL for phones inside."),
    ],
    measures: &[
        rows("legs", "Legs."),
        those("scored", "mos_cq IS NOT NULL", "Of those, with a score."),
        those("mos_below_403", "mos_cq < 4.03", "Of those, with a MOS-CQ below 4.03: not good."),
        those("mos_below_360", "mos_cq < 3.6", "Of those, with a MOS-CQ below 3.60: low."),
        sum(
            "mos_sum",
            "COALESCE(CAST(ROUND(mos_cq * 10000) AS BIGINT), 0)",
            "Their MOS-CQ in ten-thousandths, together.",
        ),
        sum("packets_expected", "packets_expected", "RTP packets that were sent to us."),
        sum("packets_received", "packets_received", "Of those, received."),
        sum("packets_lost", "packets_lost", "Of those, not received."),
        sum("packets_late", "packets_late", "Received too late to be heard, or too early."),
        sum(
            "jitter_us_packets",
            "CAST(jitter_us AS BIGINT) * packets_received",
            "Jitter in microseconds times packets received.",
        ),
    ],
    sums: &[("quality_hours", "hour"), ("quality_days", "day")],
};

const fn id(name: &'static str, nullable: bool, doc: &'static str) -> Key {
    Key { name, sql: name, kind: ColumnType::Int64, nullable, doc }
}

const fn word(name: &'static str, nullable: bool, doc: &'static str) -> Key {
    Key { name, sql: name, kind: ColumnType::Text, nullable, doc }
}

const fn rows(name: &'static str, doc: &'static str) -> Measure {
    Measure { name, what: What::Rows, doc }
}

const fn those(name: &'static str, condition: &'static str, doc: &'static str) -> Measure {
    Measure { name, what: What::Where(condition), doc }
}

const fn sum(name: &'static str, number: &'static str, doc: &'static str) -> Measure {
    Measure { name, what: What::Sum(number), doc }
}
