//! Random operations on calls: bytes become dials, keys, hang-ups, holds, transfers, sign-ins and
//! waiting, pages that are lost and come back; afterwards everybody hangs up and the books must balance.

use super::{Phone, Rig, TENANT, demo_plan, page_or_phone, t38};
use crate::sip::digest::Algorithm;
use crate::sip::user_agent::{Command as Sipc, Event as SipEvent};
use crate::switch::{Config, Input};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use terms::control::{
    AgentAction, Ask, Asker, CallAction, ConferenceAction, DialFirst, DialOrder, RecordingOrder,
    SupervisorPhone,
};
use terms::event::{Forwarding, SupervisionMode};
use terms::media::{Event, Fingerprint};
use terms::routing::{
    Area, CallFirst, Callback, Decision, Exclusion, Flow, Number, Plan, RecordingRule,
    RecordingScope, RecordingThen, RecordingWhen, Standing, Strategy, Target, Worker,
};
use terms::{
    AgentId, AreaId, CallId, ConferenceId, FlowId, LegId, NumberId, QueueId, RecordingRuleId,
    UserId, WorkerId,
};

/// Calls the people of an area.
const GRID: &str = "95105604";
/// Longest list of operations that is run.
const OPS_MAX: usize = 20_000;

/// Runs operations read from `bytes`, two bytes each.
///
/// # Panics
/// When the books do not balance afterwards, or a peer was told nonsense.
pub fn run_ops(bytes: &[u8]) -> Rig {
    let certificate = Some(Fingerprint([0xC5; 32]));
    let config = Config { certificate, ..Config::default() };
    let mut rig = Rig::with(plan_with_callbacks(bytes), config);
    rig.describe = page_or_phone;
    for (n, op) in bytes.chunks_exact(2).take(OPS_MAX).enumerate() {
        step(&mut rig, op[0], op[1]);
        assert!(rig.books.errors.is_empty(), "operation {n} {op:?}: {:?}", rig.books.errors);
    }
    rig.ports = true;
    settle(&mut rig);
    let wrong = rig.books.imbalance();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(rig.switch.calls(), 0, "no call is left");
    rig
}

/// An area with two workers outside and one at an extension, with a team and a queue, behind a number
/// of its own.
fn with_an_area(mut plan: Plan) -> Plan {
    let worker = |id: u64, phone: &str, substitute: u64| Worker {
        id: WorkerId(id),
        name: format!("worker {id}"),
        phone: phone.to_owned(),
        bound: true,
        substitute: Some(WorkerId(substitute)),
        absence: None,
    };
    let area = Area {
        id: AreaId(1),
        code: "1".into(),
        name: "north".into(),
        number: GRID.to_owned(),
        workers: vec![WorkerId(1), WorkerId(3)],
        team: Some(QueueId(2)),
        queue: QueueId(1),
        ring_s: 20,
        callers: Vec::new(),
        addresses: Vec::new(),
    };
    plan.grid.areas = vec![area];
    plan.grid.workers =
        vec![worker(1, "13800000001", 2), worker(2, "1003", 1), worker(3, "13800000003", 1)];
    let document = json!({"format": 1, "start": "area", "steps": {
        "area": {"kind": "area", "by": "called", "unknown": "bye", "on": {"released": "bye"}},
        "bye": {"kind": "hangup"}}});
    plan.flows.push(Flow { id: FlowId(2), name: "grid".into(), version: 1, document });
    let (id, target) = (NumberId(9), Target::Flow(FlowId(2)));
    plan.numbers.push(Number { id, digits: GRID.to_owned(), target });
    plan
}

/// Callers of queue 1 are called back with key 5, in either way, and ring at one or at all; a program
/// that never answers may be asked about those of queue 2. Or they ring at one more after the other, go
/// with the last agent, overflow from queue to queue, and step aside with 7. Calls may wait at phones,
/// which may answer by themselves, and agents sign in at those of others by the PIN 4711.
fn plan_with_callbacks(bytes: &[u8]) -> Plan {
    let first = match bytes.first() {
        Some(byte) if byte & 1 == 1 => CallFirst::Customer,
        _ => CallFirst::Agent,
    };
    let (key, tries_max, pause_s, age_max_s) = ('5', 2, 20, 120);
    let callback = Callback { key, first, tries_max, pause_s, age_max_s, ..Callback::default() };
    let mut plan = with_an_area(demo_plan());
    plan.queues[0].in_queue.callback = Some(callback);
    if bytes.get(1).is_some_and(|byte| byte & 1 == 1) {
        plan.queues[0].strategy = Strategy::RingAll;
    }
    if bytes.get(1).is_some_and(|byte| byte & 2 == 2) {
        let url = "http://crm.example/decide".to_owned();
        let decision = Decision { url, timeout_ms: 1_000, wait_s: 20 };
        plan.queues[1].matching.decision = Some(decision);
    }
    if bytes.get(1).is_some_and(|byte| byte & 4 == 4) {
        plan.queues[0].strategy = Strategy::Progressive;
        plan.queues[0].matching.ring_more_every_s = 3;
        let there = vec![Standing::Idle, Standing::Busy, Standing::WrapUp];
        plan.queues[0].matching.doors.stays_while = there;
        plan.queues[0].overflow = Target::Queue(QueueId(2));
        leads_aside(&mut plan.flows[0].document);
    }
    let realm = plan.realm.clone();
    for agent in &mut plan.agents {
        let parts: [&[u8]; 3] = [agent.number.as_bytes(), realm.as_bytes(), b"4711"];
        agent.sign_in_pin = Algorithm::Sha256.hash(&parts);
        agent.ringing.call_waiting = bytes.get(2).is_some_and(|byte| byte & 1 == 1);
        agent.ringing.auto_answer = bytes.get(3).is_some_and(|byte| byte & 1 == 1);
    }
    plan
}

/// Who waits may walk through the flow again.
fn leads_aside(document: &mut Value) {
    let start = document["start"].clone();
    let steps = document["steps"].as_object_mut().expect("a flow has steps");
    for step in steps.values_mut().filter(|step| step["kind"] == "enqueue") {
        step["asides"] = json!({"7": start});
    }
}

/// An agent who has two lines joins whom they talk with.
fn joins_lines(rig: &mut Rig) {
    let answered = rig.dialogs.iter().filter(|(_, dialog)| dialog.answered);
    let lines: Vec<(AgentId, LegId)> =
        answered.filter_map(|(&leg, dialog)| Some((dialog.agent?, leg))).collect();
    let other = |one: &(AgentId, LegId)| {
        let same = lines.iter().find(|two| two.0 == one.0 && two.1 != one.1)?;
        Some((one.1, same.1))
    };
    if let Some((by, named)) = lines.iter().find_map(other) {
        rig.refers_replacing(by, named);
    }
}

/// Everybody hangs up and everything that waits for time gets it.
fn settle(rig: &mut Rig) {
    for _ in 0..3 {
        for leg in rig.legs() {
            rig.hangs_up(leg);
        }
        rig.wait(Duration::from_secs(200));
    }
}

fn step(rig: &mut Rig, op: u8, with: u8) {
    let agent = AgentId(u64::from(with % 3) + 1);
    match op % 24 {
        0..=2 => {
            let called = ["95105688", "95105600", "95105601", "95105602", GRID];
            rig.customer_dials(called[usize::from(with) % called.len()]);
        }
        18 if with >= 0xC0 => {
            let number = ["*418001", "*418002", "*418003", "*418009"];
            let leg = rig.agent_dials(agent, number[usize::from(with / 3) % number.len()]);
            rig.wait(Duration::from_secs(3));
            rig.presses(leg, if with.is_multiple_of(5) { "4712#" } else { "4711#" });
        }
        18 => {
            let leg = match with % 4 {
                0 => rig.agent_dials(agent, "8101"),
                1 => rig.agent_dials(agent, "8102"),
                2 => rig.agent_dials(agent, "8103"),
                _ => rig.customer_dials("95105603"),
            };
            rig.wait(Duration::from_millis(100));
            let typed = ["4711#", "815471#", "2580#", "#", "9999#", ""];
            rig.presses(leg, typed[usize::from(with / 4) % typed.len()]);
        }
        19 => with_leg(rig, with, |rig, leg| {
            let keys = ["*6", "*1", "*5", "*2", "*9", "1", "2", "*41002#"];
            rig.presses(leg, keys[usize::from(with / 8) % keys.len()]);
        }),
        20 => with_conference(rig, with),
        3 => {
            let called = [
                "1001",
                "1002",
                "013800138000",
                "95105600",
                "*41",
                "*42",
                "*43",
                "*44",
                "*46",
                "*8",
                "*81001",
                "*45",
                "*451",
            ];
            rig.agent_dials(agent, called[usize::from(with / 3) % called.len()]);
        }
        4 => act(rig, agent, AgentAction::SignIn),
        5 => act(rig, agent, AgentAction::Ready),
        6 => {
            let action = match with / 3 % 6 {
                0 => AgentAction::SignOut,
                4 => AgentAction::DoNotDisturb { on: with & 1 == 0 },
                5 => AgentAction::Forward(forwarding(with)),
                1 => AgentAction::Break { reason: "lunch".into() },
                _ => AgentAction::EndWrapUp { disposition: Some("sold".into()) },
            };
            act(rig, agent, action);
        }
        7 | 8 => with_leg(rig, with, |rig, leg| rig.hangs_up(leg)),
        9 => with_leg(rig, with, |rig, leg| {
            let key = b"0123456789*#"[usize::from(with) % 12];
            rig.presses(leg, &char::from(key).to_string());
        }),
        10 if with >= 0xE0 => with_leg(rig, with, fax),
        10 => with_leg(rig, with, |rig, leg| {
            let ways = ["sendrecv", "sendonly", "inactive", "zero", "recvonly"];
            let way = ways.get(usize::from(with) % 6).copied();
            rig.reinvites(leg, way);
        }),
        11 if with >= 0xF0 => joins_lines(rig),
        11 => with_leg(rig, with, |rig, leg| {
            let to = [
                "1001",
                "1002",
                "1003",
                "queue:1",
                "queue:2",
                "queue:9",
                "13811111111",
                "95105688",
            ];
            rig.refers(leg, to[usize::from(with / 8) % to.len()]);
        }),
        12 => {
            let phone = match with / 3 % 5 {
                0 => Phone::Rings,
                1 => Phone::Refuses(486),
                2 => Phone::Refuses(480),
                _ => Phone::Answers(Duration::from_secs(u64::from(with / 16))),
            };
            rig.phones.insert(agent, phone);
        }
        13 => {
            let answers = Phone::Answers(Duration::from_secs(2));
            let outside = [answers, Phone::Rings, Phone::Refuses(503), Phone::Silent];
            rig.outside = outside[usize::from(with % 4)];
        }
        14 => with_call(rig, with),
        15 => rig.ports = !with.is_multiple_of(4),
        16 => {
            let registered = (with / 3).is_multiple_of(2);
            let (tenant, phones, browsers) = (TENANT, registered, !registered);
            let event = match with.is_multiple_of(5) {
                true => SipEvent::AppsAlone { tenant, agent, phones, browsers },
                false => SipEvent::Registered { tenant, agent, registered },
            };
            rig.feed(crate::switch::Input::Sip(event));
        }
        17 => change_plan(rig, with),
        21 if with & 4 != 0 => click(rig, agent, with),
        21 => {
            let from = (with & 8 != 0).then(|| AgentId(u64::from(with / 16 % 3) + 1));
            rig.ask(Ask::PickUp { tenant: TENANT, by: agent, from });
        }
        23 if with < 64 => {
            let lost = rig.legs().into_iter().filter(|leg| (leg.0 ^ u64::from(with)) % 8 == 0);
            let lost: Vec<LegId> = lost.collect();
            rig.kill(&lost);
        }
        23 if with < 128 => page(rig, agent, with),
        _ => rig.wait(Duration::from_millis(u64::from(with) * u64::from(with))),
    }
}

/// An agent's page comes or goes, a leg falls silent or is heard again, or a page asks for its own
/// conversation.
fn page(rig: &mut Rig, agent: AgentId, with: u8) {
    let browser = |present| Input::Sip(SipEvent::Browser { tenant: TENANT, agent, present });
    match with / 3 % 8 {
        0..=2 => rig.feed(browser(true)),
        3 => rig.feed(browser(false)),
        4 | 5 => with_leg(rig, with, |rig, leg| {
            rig.feed(Input::Media(Event::Silent { leg, ms: 5_000, paused: false }));
        }),
        6 => with_leg(rig, with, |rig, leg| rig.feed(Input::Media(Event::Heard { leg }))),
        _ => _ = rig.agent_dials(agent, "*47"),
    }
}

/// A screen has a call made, to whom it can be made and to whom not.
fn click(rig: &mut Rig, agent: AgentId, with: u8) {
    let to = ["013800000000", "1001", "00442071234567", "95105688"];
    let first = if with & 8 == 0 { DialFirst::Agent } else { DialFirst::Customer };
    rig.ask(Ask::Dial(Box::new(DialOrder {
        tenant: TENANT,
        by: UserId(agent.0),
        agent,
        target: to[usize::from(with / 16) % to.len()].to_owned(),
        first,
        caller_number: (with & 128 != 0).then(|| "95105600".to_owned()),
    })));
}

/// A party asks for a fax, or answers what it was asked or not.
fn fax(rig: &mut Rig, leg: LegId) {
    use crate::sip::user_agent::Event as E;
    if rig.dialogs.get(&leg).is_none_or(|dialog| !dialog.answered) {
        return;
    }
    let was_asked =
        rig.sip.iter().filter(|command| matches!(command, Sipc::Reoffer { .. })).count();
    let sdp = t38("192.0.2.7", 4_006);
    match (was_asked + rig.sip.len()) % 4 {
        0 | 1 => rig.reinvites_with(leg, sdp),
        2 => rig.feed(crate::switch::Input::Sip(E::OfferAccepted { leg, sdp })),
        _ => rig.feed(crate::switch::Input::Sip(E::OfferRejected { leg, status: 488 })),
    }
}

fn act(rig: &mut Rig, agent: AgentId, action: AgentAction) {
    rig.ask(Ask::Agent { tenant: TENANT, agent, action });
}

fn with_leg(rig: &mut Rig, with: u8, then: impl FnOnce(&mut Rig, LegId)) {
    let legs = rig.legs();
    if !legs.is_empty() {
        then(rig, legs[usize::from(with) % legs.len()]);
    }
}

fn with_call(rig: &mut Rig, with: u8) {
    let calls = rig.state().calls;
    if calls.is_empty() {
        return;
    }
    let call = calls[usize::from(with) % calls.len()].call;
    let by = UserId(3);
    let record = |order| CallAction::Record { order, by: Asker { user: UserId(9), any: true } };
    let action = match with / 8 {
        0 => CallAction::Hangup,
        1 => CallAction::Hold,
        2 => CallAction::Resume,
        3 => CallAction::Transfer { target: "queue:2".into() },
        4 => CallAction::Transfer { target: "1003".into() },
        5 => CallAction::Invite { target: "1002".into() },
        6 => CallAction::Invite { target: "1003".into() },
        7 | 8 => CallAction::Invite { target: "013811111111".into() },
        9 => CallAction::Supervise { by, phone: own_phone(3), mode: SupervisionMode::Listen },
        10 => CallAction::Supervise { by, phone: own_phone(2), mode: SupervisionMode::Whisper },
        11 => CallAction::Supervise { by, phone: own_phone(1), mode: SupervisionMode::Barge },
        12 => {
            let phone = SupervisorPhone::Number("013822222222".into());
            CallAction::Supervise { by, phone, mode: SupervisionMode::Barge }
        }
        13 => CallAction::ChangeSupervision { by, mode: SupervisionMode::Whisper },
        14 => CallAction::EndSupervision,
        15 | 16 => CallAction::TakeOver { by },
        17 => CallAction::ForceTransfer { by, target: "1003".into() },
        18 => CallAction::ForceRelease { by },
        19 => record(RecordingOrder::Start),
        20 => record(RecordingOrder::Stop),
        21 => record(RecordingOrder::Pause),
        22 => record(RecordingOrder::Resume),
        23 => CallAction::Consult { target: "1003".into() },
        24 => CallAction::CompleteConsultation,
        25 => CallAction::EndConsultation,
        26 => CallAction::JoinConsultation,
        27 => CallAction::Park { slot: None },
        28 => CallAction::Park { slot: Some(1) },
        29 => CallAction::Consent { given: false, own: true, by },
        30 => CallAction::Consent { given: true, own: true, by },
        _ => CallAction::Transfer { target: "013800000000".into() },
    };
    rig.ask(Ask::Call { tenant: TENANT, call, action });
}

fn with_conference(rig: &mut Rig, with: u8) {
    let conference = ConferenceId(u64::from(with % 3) + 1);
    let live = rig.state().conferences;
    let members = live.iter().filter(|live| live.conference == conference);
    let members: Vec<CallId> =
        members.flat_map(|live| live.members.iter().map(|member| member.call)).collect();
    let member = members.get(usize::from(with) % members.len().max(1));
    let member = member.copied().unwrap_or(CallId(7));
    let dial = |target: &str| {
        let target = target.to_owned();
        ConferenceAction::DialOut { target, chair: with & 0x40 != 0 }
    };
    let action = match with / 3 % 12 {
        0 => ConferenceAction::Mute { member },
        1 => ConferenceAction::Unmute { member },
        2 => ConferenceAction::MuteAll,
        3 => ConferenceAction::UnmuteAll,
        4 => ConferenceAction::Remove { member },
        5 => ConferenceAction::Lock,
        6 => ConferenceAction::Unlock,
        7 => ConferenceAction::End,
        8 => dial("1002"),
        9 => dial("1003"),
        10 => dial("95105600"),
        _ => dial("013811111111"),
    };
    rig.ask(Ask::Conference { tenant: TENANT, conference, by: UserId(9), action });
}

fn forwarding(with: u8) -> Forwarding {
    let targets = ["1001", "1002", "1003", "queue:2", "013811111111", "95105602", "95105688"];
    let target = |n: u8| {
        let n = usize::from(with / 18) + usize::from(n);
        targets.get(n % (targets.len() + 1)).map(|&target| target.to_owned())
    };
    Forwarding { always: target(1), busy: target(2), no_answer: target(4), no_answer_s: 10 }
}

fn own_phone(agent: u64) -> SupervisorPhone {
    SupervisorPhone::Agent(AgentId(agent))
}

/// A new plan while people talk: a queue or an agent goes and comes back, and what is recorded
/// changes.
fn change_plan(rig: &mut Rig, with: u8) {
    let mut plan = with_an_area(demo_plan());
    plan.version = rig.state().plan_version + 1;
    match with % 4 {
        0 => plan.queues.truncate(1),
        1 => plan.agents.truncate(2),
        2 => plan.queues[0].agents = vec![AgentId(3)],
        _ => {}
    }
    if with.is_multiple_of(4) {
        // Numbers and flows of queue 1 stay; nothing refers to queue 2.
        plan.queues[0].waiting_max = 1;
    }
    if with & 0x40 != 0 {
        plan.recording_rules = vec![recording_rule(with)];
    }
    if with & 0x20 != 0 {
        Arc::make_mut(&mut plan.recording_exclusions).insert(Exclusion::Agent(AgentId(2)));
    }
    rig.ask(Ask::Plan(Box::new(plan)));
}

fn recording_rule(with: u8) -> RecordingRule {
    let scope = if with & 0x10 != 0 { RecordingScope::Call } else { RecordingScope::Conversation };
    let announced = with & 0x08 != 0 && scope == RecordingScope::Conversation;
    let announce = if announced { "recorded".to_owned() } else { String::new() };
    let (max_s, beep) = (u32::from(with % 16), with & 0x04 != 0);
    let then = RecordingThen { scope, announce, max_s, beep, ..RecordingThen::default() };
    RecordingRule {
        id: RecordingRuleId(1),
        name: "it".into(),
        when: RecordingWhen::default(),
        then,
    }
}
