//! Calls as a house has them, and all rows that they leave: who rang, what the flow did, how long
//! they waited, who answered, what was recorded, measured and asked afterwards, and which orders came
//! of it. Everything follows from the seed and the day.

use crate::shape::{self, Tenant, begin_of};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;
use terms::record::{
    AgentSpan, Call, IvrStep, Leg, Order, Quality, QueueVisit, Recording, RecordingDeletion, Row,
    Survey,
};
use terms::{
    AgentId, CallId, ContactId, CustomerId, FlowId, IdGen, LegId, OrderId, QueueId, RecordingId,
    SpanId, SurveyId, TenantId, Timestamp, TrunkId, VisitId,
};

/// The last hour in which calls begin: all their rows are of the same day.
const HOUR_MAX: i64 = 22;
/// Orders that are not closed by then are open: 2027-01-01T00:00:00Z.
pub const NOW: Timestamp = Timestamp(shape::BEGIN.0 + shape::DAYS as i64 * shape::DAY_US);

/// Makes the rows of one day.
pub struct Maker {
    rng: StdRng,
    ids: IdGen,
    day: u64,
    tenants: Vec<Tenant>,
}

/// What happened in a call.
struct Plot {
    house: Tenant,
    call: CallId,
    contact: ContactId,
    direction: &'static str,
    outcome: &'static str,
    customer: u64,
    number: String,
    trunk: Option<TrunkId>,
    flow: Option<FlowId>,
    queue: Option<QueueId>,
    agent: Option<AgentId>,
    at: Timestamp,
    ivr_ms: i32,
    wait_ms: i32,
    ring_ms: i32,
    talk_ms: i32,
    hold_ms: i32,
    wrap_up_ms: i32,
    transfers: i32,
    recording: Option<RecordingId>,
    asked: bool,
    satisfaction: Option<&'static str>,
}

impl Plot {
    fn after(&self, ms: i32) -> Timestamp {
        self.at + Duration::from_millis(ms as u64)
    }

    fn entered_at(&self) -> Timestamp {
        self.after(self.ivr_ms)
    }

    fn left_at(&self) -> Timestamp {
        self.after(self.ivr_ms + self.wait_ms)
    }

    fn is_answered(&self) -> bool {
        self.outcome == "answered"
    }

    fn duration_ms(&self) -> i32 {
        self.ivr_ms + self.wait_ms + self.talk_ms + self.hold_ms
    }

    fn ended_at(&self) -> Timestamp {
        self.after(self.duration_ms())
    }

    fn hangup(&self) -> (i32, &'static str) {
        match self.outcome {
            "refused" => (21, "system"),
            "failed" => (17, "outside"),
            _ if self.call.0.is_multiple_of(3) => (16, "agent"),
            _ => (16, "customer"),
        }
    }
}

impl Maker {
    /// The rows of `day` of a year with `count` calls.
    pub fn new(seed: u64, day: u64, count: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(day));
        Maker { rng, ids: IdGen::new(1), day, tenants: shape::tenants(count) }
    }

    /// When the day's calls begin, in order.
    pub fn starts(&mut self, calls: u64) -> Vec<Timestamp> {
        let begin = begin_of(self.day);
        let mut starts: Vec<Timestamp> = (0..calls)
            .map(|_| {
                let hour = shape::hour(self.rng.random_range(0..1_000_000)).min(HOUR_MAX);
                let within_ms = self.rng.random_range(0..3_600_000_i64);
                Timestamp(begin.0 + (hour * 3_600_000 + within_ms) * 1000)
            })
            .collect();
        starts.sort();
        starts
    }

    /// The breaks of the day's agents. They come after the calls: numbers rise with the time.
    pub fn breaks(&mut self, rows: &mut Vec<Row>) {
        let begin = begin_of(self.day);
        for house in self.tenants.clone() {
            for agent in 0..house.agents {
                for hour in [2, 4, 7] {
                    let late = self.rng.random_range(0..3_600_000);
                    let at = begin + Duration::from_millis(hour * 3_600_000 + late);
                    let length = self.skewed(120_000, 3_000_000);
                    let reason = ["meal", "rest", "training"][self.rng.random_range(0..3)];
                    let (span, agent) = (SpanId(self.id(at)), agent_of(house.id, agent));
                    let state = ("break", Some(reason.to_owned()));
                    rows.push(self::span((house.id, agent), span, state, (at, length)));
                }
            }
        }
    }

    /// The rows of one call that begins `at`.
    pub fn call(&mut self, at: Timestamp, rows: &mut Vec<Row>) {
        let plot = self.plot(at);
        rows.push(call(&plot));
        self.legs(&plot, rows);
        if plot.queue.is_some() {
            rows.push(self.visit(&plot));
        }
        if plot.flow.is_some() {
            self.steps(&plot, rows);
        }
        if plot.is_answered() && plot.agent.is_some() {
            self.spans(&plot, rows);
            self.afterwards(&plot, rows);
        }
    }

    fn id(&mut self, at: Timestamp) -> u64 {
        self.ids.next(at)
    }

    /// From `low` up to `high`, mostly small.
    fn skewed(&mut self, low: i32, high: i32) -> i32 {
        let part: f64 = self.rng.random();
        low + (f64::from(high - low) * part * part * part) as i32
    }

    fn percent(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    fn plot(&mut self, at: Timestamp) -> Plot {
        let house = self.tenants[shape::tenant_of(self.rng.random_range(0..90_000))];
        let direction = match self.rng.random_range(0..100) {
            0..78 => "inbound",
            78..96 => "outbound",
            _ => "internal",
        };
        let outcome = match (direction, self.rng.random_range(0..100)) {
            ("inbound", 0..72) => "answered",
            ("inbound", 72..83) => "abandoned",
            ("inbound", 83..95) => "ivr_only",
            ("inbound", 95..98) => "voicemail",
            ("inbound", _) => "refused",
            (_, 0..68) => "answered",
            _ => "failed",
        };
        let customer = self.rng.random_range(0..house.customers);
        let (inbound, answered) = (direction == "inbound", outcome == "answered");
        let queued = inbound && matches!(outcome, "answered" | "abandoned" | "voicemail");
        let talks = answered || outcome == "voicemail";
        let (queue, agent) =
            (self.rng.random_range(0..house.queues), self.rng.random_range(0..house.agents));
        let wait_ms = if queued { self.skewed(1_000, 240_000) } else { self.skewed(500, 30_000) };
        let held = answered && self.percent(18);
        let recorded = answered && self.percent(85);
        let asked = inbound && answered && self.percent(60);
        let given = asked && self.percent(55);
        let (call, contact) = (self.id(at), self.id(at));
        let answers = ["satisfied", "satisfied", "satisfied", "satisfied", "neutral"];
        Plot {
            house,
            call: CallId(call),
            contact: ContactId(contact),
            direction,
            outcome,
            customer,
            number: format!("+861{:010}", 3_000_000_000 + house.id.0 * 500_000_000 + customer),
            trunk: (direction != "internal").then(|| TrunkId(1 + call % 3)),
            flow: inbound.then(|| FlowId(house.id.0 * 10 + queue % 3)),
            queue: queued.then(|| QueueId(house.id.0 * 100 + queue)),
            agent: (answered || !inbound).then(|| agent_of(house.id, agent)),
            at,
            ivr_ms: if inbound { self.skewed(4_000, 90_000) } else { 0 },
            wait_ms: if outcome == "ivr_only" || outcome == "refused" { 0 } else { wait_ms },
            ring_ms: self.skewed(1_500, 20_000).min(wait_ms),
            talk_ms: if talks { self.skewed(15_000, 900_000) } else { 0 },
            hold_ms: if held { self.skewed(5_000, 180_000) } else { 0 },
            wrap_up_ms: self.skewed(3_000, 180_000),
            transfers: i32::from(answered && self.percent(7)),
            recording: recorded.then(|| RecordingId(self.id(at))),
            asked,
            satisfaction: given.then(|| match self.rng.random_range(0..6) {
                5 => "dissatisfied",
                place => answers[place],
            }),
        }
    }

    fn legs(&mut self, plot: &Plot, rows: &mut Vec<Row>) {
        let talked = plot.is_answered() || plot.outcome == "voicemail";
        let mut roles = vec![("customer", None, plot.at, plot.trunk)];
        if plot.agent.is_some() {
            let rings = Timestamp(plot.left_at().0 - i64::from(plot.ring_ms) * 1000);
            roles.push(("agent", plot.agent, rings, None));
        }
        for (role, agent, started_at, trunk) in roles {
            let leg = LegId(self.id(plot.at));
            let inbound_customer = role == "customer" && plot.direction == "inbound";
            let answered_at = match inbound_customer {
                true => (plot.outcome != "refused").then_some(plot.at),
                false => plot.is_answered().then(|| plot.left_at()),
            };
            let (hangup_cause, by) = plot.hangup();
            let received = i64::from(plot.talk_ms / 20);
            let lost = received * i64::from(self.skewed(0, 60)) / 1000;
            let mos: i32 = self.rng.random_range(330..441);
            rows.push(Row::Leg(Leg {
                tenant_id: plot.house.id,
                leg_id: leg,
                call_id: plot.call,
                contact_id: plot.contact,
                call_started_at: plot.at,
                role: role.to_owned(),
                agent_id: agent,
                queue_id: agent.and(plot.queue),
                address: match agent {
                    Some(agent) => format!("sip:{agent}@phones"),
                    None => plot.number.clone(),
                },
                started_at,
                ringing_at: agent.map(|_| started_at),
                answered_at,
                ended_at: plot.ended_at(),
                ring_ms: agent.map_or(0, |_| plot.ring_ms),
                talk_ms: plot.talk_ms,
                hold_ms: plot.hold_ms,
                hangup_cause,
                hangup_by: by.to_owned(),
                packets_received: received - lost,
                packets_lost: lost,
                jitter_us: self.skewed(200, 20_000),
                mos: talked.then(|| f64::from(mos) / 100.0),
                trunk_id: trunk,
                call_direction: Some(plot.direction.to_owned()),
                call_queue_id: plot.queue,
            }));
            if talked {
                let heard = (received, lost, f64::from(mos) / 100.0);
                rows.push(self.quality(plot, (leg, role, agent, trunk), heard));
            }
        }
    }

    fn quality(
        &mut self,
        plot: &Plot,
        (leg, role, agent, trunk): (LegId, &str, Option<AgentId>, Option<TrunkId>),
        (received, lost, mos): (i64, i64, f64),
    ) -> Row {
        let codec = if trunk.is_some() { "PCMA" } else { ["opus", "G722"][(leg.0 % 2) as usize] };
        let jitter = self.skewed(200, 20_000);
        Row::Quality(Quality {
            tenant_id: plot.house.id,
            leg_id: leg,
            call_id: plot.call,
            contact_id: plot.contact,
            call_started_at: plot.at,
            role: role.to_owned(),
            agent_id: agent,
            trunk_id: trunk,
            codec: codec.to_owned(),
            packets_received: received - lost,
            packets_expected: received,
            packets_lost: lost,
            packets_late: lost / 3,
            packets_duplicate: 0,
            packets_reordered: lost / 5,
            packets_sent: received,
            concealed_ms: lost * 20,
            jitter_us: jitter,
            jitter_us_max: jitter * 2,
            round_trip_us: agent.is_some().then(|| self.skewed(2_000, 180_000)),
            delay_ms: 40 + jitter / 500,
            bursts: lost / 8,
            burst_packets: lost / 4,
            burst_lost: lost / 6,
            burst_ms: (lost >= 8).then_some(80),
            r_factor: Some(mos * 20.0),
            mos_cq: Some(mos),
            mos_lq: Some(mos + 0.05),
            far_packets_lost: agent.is_some().then_some(lost / 2),
            far_jitter_us: agent.is_some().then_some(jitter / 2),
            far_r_factor: None,
            far_mos_cq: None,
            far_mos_lq: None,
            far_discarded: None,
            ssrc_epochs: 1,
            recorder_frames_lost: 0,
            fax_received: None,
            fax_sent: None,
            fax_missing: None,
            fax_dropped: None,
        })
    }

    fn visit(&mut self, plot: &Plot) -> Row {
        let flowed = plot.outcome == "voicemail";
        Row::QueueVisit(QueueVisit {
            tenant_id: plot.house.id,
            visit_id: VisitId(self.id(plot.at)),
            call_id: plot.call,
            contact_id: plot.contact,
            call_started_at: plot.at,
            queue_id: plot.queue.unwrap_or_default(),
            entered_at: plot.entered_at(),
            left_at: plot.left_at(),
            wait_ms: plot.wait_ms,
            ring_ms: plot.ring_ms,
            outcome: if flowed { "flowed_out" } else { plot.outcome }.to_owned(),
            flow_out_reason: flowed.then(|| "voicemail".to_owned()),
            agent_id: plot.agent,
            priority: i32::from(self.percent(4)),
            position: 1 + self.skewed(0, 30),
            offers: i32::from(plot.is_answered()) + i32::from(self.percent(12)),
            offers_unanswered: i32::from(self.percent(12)),
        })
    }

    fn steps(&mut self, plot: &Plot, rows: &mut Vec<Row>) {
        let flow = plot.flow.unwrap_or_default();
        let key = self.rng.random_range(1..5).to_string();
        let halfway = plot.after(plot.ivr_ms / 2);
        let last = match plot.queue {
            Some(_) => ("queue", "enqueue", "queued", None),
            None => ("goodbye", "play", "done", None),
        };
        let menu = ("menu", "collect", "digit", Some(key));
        for ((step, kind, exit, digits), entered_at, left_at) in
            [(menu, plot.at, halfway), (last, halfway, plot.entered_at())]
        {
            rows.push(Row::IvrStep(IvrStep {
                tenant_id: plot.house.id,
                seq: self.id(plot.at) as i64,
                call_id: plot.call,
                contact_id: plot.contact,
                call_started_at: plot.at,
                flow_id: flow,
                flow_version: 1 + (self.day / 60) as i32,
                step: step.to_owned(),
                kind: kind.to_owned(),
                entered_at,
                left_at,
                exit: exit.to_owned(),
                digits,
            }));
        }
    }

    /// What the agent's state was before, in and after the call.
    fn spans(&mut self, plot: &Plot, rows: &mut Vec<Row>) {
        let Some(agent) = plot.agent else { return };
        let idle_ms = self.skewed(1_000, 600_000);
        let idle_at = (plot.at.0 - i64::from(idle_ms) * 1000).max(begin_of(self.day).0);
        let idle_ms = ((plot.at.0 - idle_at) / 1000) as i32;
        let rings = Timestamp(plot.left_at().0 - i64::from(plot.ring_ms) * 1000);
        let held_at = plot.left_at() + Duration::from_millis(plot.talk_ms as u64);
        let reason = ["bill", "repair", "moving", "complaint", "new_contract", "other"]
            [self.rng.random_range(0..6)];
        let stretches = [
            ("idle", None, Timestamp(idle_at), idle_ms),
            ("ringing", None, rings, plot.ring_ms),
            ("talking", None, plot.left_at(), plot.talk_ms),
            ("holding", None, held_at, plot.hold_ms),
            ("wrap_up", Some(reason.to_owned()), plot.ended_at(), plot.wrap_up_ms),
        ];
        for (activity, reason, at, length) in stretches {
            if length == 0 {
                continue;
            }
            let id = SpanId(self.id(plot.at));
            let mut row = span((plot.house.id, agent), id, (activity, reason), (at, length));
            if let (Row::AgentSpan(span), true) = (&mut row, activity != "idle") {
                (span.call_id, span.queue_id) = (Some(plot.call), plot.queue);
            }
            rows.push(row);
        }
    }

    /// Recording, survey and order.
    fn afterwards(&mut self, plot: &Plot, rows: &mut Vec<Row>) {
        if let Some(recording) = plot.recording {
            rows.push(self.recording(plot, recording));
            if self.percent(2) {
                rows.push(deletion(plot, recording));
            }
        }
        if plot.asked {
            rows.push(Row::Survey(Survey {
                tenant_id: plot.house.id,
                survey_id: SurveyId(self.id(plot.at)),
                call_id: plot.call,
                contact_id: plot.contact,
                call_started_at: plot.at,
                agent_id: plot.agent.unwrap_or_default(),
                queue_id: plot.queue,
                asked_at: plot.ended_at(),
                ended_at: plot.ended_at() + Duration::from_secs(8),
                answer: plot.satisfaction.map(str::to_owned),
            }));
        }
        if plot.direction == "inbound" && self.percent(5) {
            self.order(plot, rows);
        }
    }

    fn recording(&mut self, plot: &Plot, recording: RecordingId) -> Row {
        let ms = plot.talk_ms + plot.hold_ms;
        let frames = i64::from(ms / 10);
        let missing = if self.percent(1) { self.rng.random_range(1..50).min(frames) } else { 0 };
        let (high, low): (u128, u128) = (self.rng.random(), self.rng.random());
        let day = plot.at.day_text();
        Row::Recording(Recording {
            tenant_id: plot.house.id,
            recording_id: recording,
            call_id: plot.call,
            contact_id: plot.contact,
            call_started_at: plot.at,
            started_at: plot.left_at(),
            duration_ms: ms,
            kind: "conversation".to_owned(),
            agent_id: plot.agent,
            queue_id: plot.queue,
            caller: plot.number.clone(),
            state: if missing > 0 { "partial" } else { "recorded" }.to_owned(),
            frames_expected: frames,
            frames_missing: missing,
            path: Some(format!("{}/{day}/{recording}.wav", plot.house.id)),
            bytes: 58 + i64::from(ms) * 16,
            sha256: Some(format!("{high:032x}{low:032x}")),
            reason: (missing > 0).then(|| "the disk was late".to_owned()),
            paused_ms: Some(0),
            marks: None,
            format: Some("both".to_owned()),
        })
    }

    /// An order and its later versions.
    fn order(&mut self, plot: &Plot, rows: &mut Vec<Row>) {
        let created_at = plot.ended_at();
        let order = OrderId(self.id(plot.at));
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let closes = created_at + Duration::from_secs(self.skewed(3_600, 900_000) as u64);
        let taken = created_at + Duration::from_secs(self.skewed(300, 3_600) as u64);
        let closed = (closes < NOW && self.percent(92)).then_some(closes);
        let kind = ["repair", "complaint", "question", "installation"][self.rng.random_range(0..4)];
        let department =
            ["north", "south", "east", "west", "network", ""][self.rng.random_range(0..6)];
        let versions = [
            (Some(created_at), "open", None),
            ((taken < NOW).then_some(taken), "in_progress", None),
            (closed, "done", closed),
        ];
        for (version, (changed_at, progress, closed_at)) in versions.into_iter().enumerate() {
            let Some(changed_at) = changed_at else { continue };
            rows.push(Row::Order(Order {
                tenant_id: plot.house.id,
                version_id: self.id(plot.at) as i64,
                order_id: order,
                version: version as i32 + 1,
                changed_at,
                created_at,
                number: format!("W{}-{}", self.day, order.0 % 1_000_000),
                kind: kind.to_owned(),
                department: department.to_owned(),
                area: format!("grid {}", plot.customer % 200),
                title: format!("{kind} at grid {}", plot.customer % 200),
                assignee_id: (version > 0).then_some(plot.agent).flatten(),
                deadline_at: Some(created_at + hours(72)),
                warn_at: Some(created_at + hours(48)),
                progress: progress.to_owned(),
                closed_at,
                call_id: Some(plot.call),
                customer_id: Some(CustomerId(plot.customer + 1)),
                customer_number: plot.number.clone(),
            }));
        }
    }
}

/// The agent of a place in a tenant's house.
fn agent_of(tenant: TenantId, place: u64) -> AgentId {
    AgentId(tenant.0 * 10_000 + place)
}

fn span(
    (tenant, agent): (TenantId, AgentId),
    id: SpanId,
    (activity, reason): (&str, Option<String>),
    (at, length_ms): (Timestamp, i32),
) -> Row {
    Row::AgentSpan(AgentSpan {
        tenant_id: tenant,
        span_id: id,
        agent_id: agent,
        activity: activity.to_owned(),
        reason,
        started_at: at,
        ended_at: at + Duration::from_millis(length_ms as u64),
        duration_ms: length_ms,
        call_id: None,
        queue_id: None,
        skill_set_id: None,
    })
}

fn call(plot: &Plot) -> Row {
    let hotline = "95105688".to_owned();
    let (caller, called) = match plot.direction {
        "inbound" => (plot.number.clone(), hotline),
        _ => (hotline, plot.number.clone()),
    };
    let answered_at = match plot.direction {
        "inbound" => (plot.outcome != "refused").then_some(plot.at),
        _ => plot.is_answered().then(|| plot.left_at()),
    };
    let (hangup_cause, by) = plot.hangup();
    let answers = plot.is_answered().then_some(plot.agent).flatten();
    Row::Call(Call {
        tenant_id: plot.house.id,
        call_id: plot.call,
        contact_id: plot.contact,
        direction: plot.direction.to_owned(),
        started_at: plot.at,
        answered_at,
        ended_at: plot.ended_at(),
        duration_ms: plot.duration_ms(),
        caller_received: caller.trim_start_matches("+86").to_owned(),
        caller,
        called,
        trunk_id: plot.trunk,
        flow_id: plot.flow,
        queue_id: plot.queue,
        agent_id: answers,
        last_agent_id: answers,
        outcome: plot.outcome.to_owned(),
        hangup_cause,
        hangup_by: by.to_owned(),
        ivr_ms: plot.ivr_ms,
        wait_ms: if plot.queue.is_some() { plot.wait_ms } else { 0 },
        talk_ms: if plot.is_answered() { plot.talk_ms } else { 0 },
        hold_ms: plot.hold_ms,
        transfers: plot.transfers,
        agents: i32::from(answers.is_some()) + plot.transfers,
        recording_id: plot.recording,
        satisfaction: plot.satisfaction.map(str::to_owned),
        sip_call_id: format!("{:x}@carrier", plot.call.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        user_agent: "carrier/4.2".to_owned(),
        outside_ms: Some(0),
        conference_id: None,
        meeting_id: None,
        province: None,
        city: None,
    })
}

fn deletion(plot: &Plot, recording: RecordingId) -> Row {
    Row::RecordingDeletion(RecordingDeletion {
        tenant_id: plot.house.id,
        recording_id: recording,
        call_id: plot.call,
        contact_id: plot.contact,
        call_started_at: plot.at,
        agent_id: plot.agent,
        queue_id: plot.queue,
        deleted_at: plot.ended_at() + Duration::from_secs(90 * 86_400),
        reason: "retention".to_owned(),
        detail: "kept for 90 days".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(seed: u64) -> Vec<Row> {
        let mut maker = Maker::new(seed, 40, 1_000_000);
        let mut rows = Vec::new();
        for at in maker.starts(2_000) {
            maker.call(at, &mut rows);
        }
        maker.breaks(&mut rows);
        rows
    }

    #[test]
    fn the_same_seed_makes_the_same_rows_of_the_same_day() {
        let rows = day(7);
        assert_eq!(rows, day(7));
        assert_ne!(rows, day(8));
        let days: std::collections::BTreeSet<String> =
            rows.iter().map(|row| row.day_of().day_text()).collect();
        assert_eq!(days.into_iter().collect::<Vec<_>>(), ["2026-02-10"]);
    }

    #[test]
    fn every_row_has_a_number_of_its_own_in_its_table() {
        let rows = day(7);
        let ids: std::collections::BTreeSet<(&str, u64)> =
            rows.iter().map(|row| (row.table(), row.id())).collect();
        assert_eq!(ids.len(), rows.len());
        assert_eq!(rows.iter().filter(|row| matches!(row, Row::Call(_))).count(), 2_000);
    }
}
