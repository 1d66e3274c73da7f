//! Areas and their field workers: who is called, in which order, under which number, and that nobody
//! is lost.

use super::*;
use crate::sip::user_agent::{Command as Sipc, Destination, Invite, Origin};
use serde_json::json;
use terms::control::RecordingNow;
use terms::event::{Forwarding, Hop, HopEnd, Hunt, InHunt};
use terms::routing::{Absence, Area, CallerRule, FieldGrid, Flow, Plan, Target, Trunk, Worker};
use terms::{AreaId, FlowId, QueueId, Timestamp, TrunkId, WorkerId};

const FIRST: TrunkId = TrunkId(1);
const SECOND: TrunkId = TrunkId(2);

/// What happened in a hunt, as a word.
pub(super) fn word(hunt: &Hunt) -> String {
    let who = match hunt.hop {
        Hop::Worker { worker, stands_in: None } => format!("worker {worker}"),
        Hop::Worker { worker, stands_in: Some(other) } => format!("worker {worker} for {other}"),
        Hop::Team { queue } => format!("team {queue}"),
        Hop::Queue { queue } => format!("area queue {queue}"),
        Hop::Voicemail { queue } => format!("voicemail {queue}"),
    };
    match &hunt.what {
        InHunt::Began => format!("{who} is tried"),
        InHunt::Ended { end } => format!("{who}: {end:?}"),
        InHunt::Lost { caller } => format!("{caller} is lost"),
    }
}

/// How it ended with each who was tried or passed over.
fn ends(rig: &Rig) -> Vec<String> {
    let hunts = rig.log.iter().filter_map(|entry| match &entry.kind {
        Kind::Hunt(hunt) if matches!(hunt.what, InHunt::Ended { .. }) => Some(word(hunt)),
        _ => None,
    });
    hunts.collect()
}

fn worker(id: u64, phone: &str, substitute: Option<u64>) -> Worker {
    Worker {
        id: WorkerId(id),
        name: format!("worker {id}"),
        phone: phone.to_owned(),
        bound: true,
        substitute: substitute.map(WorkerId),
        absence: None,
    }
}

/// The hotline leads into area 020: worker 1 (over trunk 1), for them worker 2 (over trunk 2), then
/// queue 1.
fn plan() -> Plan {
    let mut plan = demo_plan();
    plan.flows[0].document = json!({"format": 1, "start": "area", "steps": {
        "area": {"kind": "area", "by": "code", "code": "020", "unknown": "nobody"},
        "nobody": {"kind": "hangup", "prompts": ["invalid"]}}});
    plan.trunks[0].prefixes = vec!["0".into(), "138".into()];
    let second = Trunk { id: SECOND, prefixes: vec!["139".into()], ..plan.trunks[0].clone() };
    plan.trunks.push(second);
    plan.grid = FieldGrid {
        areas: vec![Area {
            id: AreaId(7),
            code: "020".into(),
            name: "north".into(),
            number: String::new(),
            workers: vec![WorkerId(1)],
            team: None,
            queue: QueueId(1),
            ring_s: 20,
            callers: Vec::new(),
            addresses: Vec::new(),
        }],
        workers: vec![worker(1, "13800000001", Some(2)), worker(2, "13900000002", None)],
    };
    plan
}

/// A worker is on leave for so many seconds from the beginning of every story on.
fn on_leave(plan: &mut Plan, worker: usize, secs: i64) {
    let from = Rig::new(demo_plan()).now.wall;
    let until = Some(Timestamp(from.0 + secs * 1_000_000));
    plan.grid.workers[worker].absence = Some(Absence { from, until });
}

/// What went out over trunks, in time: the dialled digits and the number that was shown.
fn called(rig: &Rig) -> Vec<(String, String)> {
    let of = |invite: &Invite| match &invite.to {
        Destination::Trunk(_, _, digits) => Some((digits.clone(), invite.from_user.clone())),
        Destination::Agent(..) => None,
    };
    let commands = rig.sip.iter();
    let invites = commands.filter_map(|command| match command {
        Sipc::Invite(invite) => of(invite),
        _ => None,
    });
    invites.collect()
}

fn phones(rig: &Rig) -> Vec<String> {
    called(rig).into_iter().map(|(digits, _)| digits).collect()
}

#[test]
fn the_worker_of_an_area_is_called_under_the_published_number_and_recorded() {
    let mut rig = Rig::new(plan());
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(2));
    assert_eq!(phase(&mut rig), "ringing");
    assert_eq!(heard(&rig, caller), ["Ringback"]);
    rig.wait(secs(3));
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(called(&rig), [("13800000001".to_owned(), "95105688".to_owned())]);
    rig.wait(secs(30));
    rig.hangs_up(caller);
    rig.wait(secs(1));
    assert_eq!(ends(&rig), ["worker 1: Answered"]);
    assert_eq!(outcome(&rig).0, Outcome::Answered);
    assert!(told(&rig).contains(&"recorded Recorded".to_owned()), "{:#?}", told(&rig));
    balanced(&mut rig);
}

#[test]
fn who_is_on_leave_is_not_called_and_their_substitute_is_until_the_leave_ends() {
    let mut plan = plan();
    on_leave(&mut plan, 0, 60);
    let mut rig = Rig::new(plan);
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(ends(&rig), ["worker 1: Absent", "worker 2 for 1: Answered"]);
    rig.hangs_up(caller);
    rig.wait(secs(60));
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(5));
    assert_eq!(phones(&rig), ["13900000002", "13800000001"], "the same number was dialled");
    assert_eq!(ends(&rig).last().map(String::as_str), Some("worker 1: Answered"));
    rig.hangs_up(caller);
    balanced(&mut rig);
}

#[test]
fn a_busy_worker_and_a_silent_substitute_lead_to_the_queue_and_an_agent() {
    let mut rig = Rig::new(plan());
    sign_in(&mut rig, A1);
    rig.over.insert(FIRST, Phone::Refuses(486));
    rig.over.insert(SECOND, Phone::Rings);
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(15));
    assert_eq!(phones(&rig), ["13800000001", "13900000002"]);
    assert_eq!(ends(&rig), ["worker 1: Busy"], "the substitute still rings");
    rig.wait(secs(15));
    assert_eq!(phase(&mut rig), "talking");
    let all = ["worker 1: Busy", "worker 2 for 1: NoAnswer", "area queue 1: Answered"];
    assert_eq!(ends(&rig), all);
    assert!(told(&rig).contains(&"answered 1".to_owned()));
    rig.hangs_up(caller);
    balanced(&mut rig);
}

#[test]
fn whom_nobody_answers_is_asked_for_a_message_in_the_end() {
    let mut plan = plan();
    plan.grid.areas[0].team = Some(QueueId(2));
    plan.grid.workers[1].bound = false;
    let mut rig = Rig::new(plan);
    rig.over.insert(FIRST, Phone::Refuses(503));
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(60));
    assert_eq!(phase(&mut rig), "waiting", "in the team's queue");
    rig.wait(secs(240));
    assert_eq!(phase(&mut rig), "voicemail");
    let all = [
        "worker 1: Failed",
        "worker 2 for 1: Unbound",
        "team 2: FlowedOut",
        "area queue 1: FlowedOut",
        "voicemail 1: Message",
    ];
    assert_eq!(ends(&rig), all, "each with its reason, once");
    assert_eq!(phones(&rig), ["13800000001"], "no unbound phone is called");
    let lost = told(&rig).into_iter().filter(|word| word.contains("is lost"));
    assert_eq!(lost.collect::<Vec<_>>(), ["+8613800138000 is lost"], "somebody calls them back");
    rig.hangs_up(caller);
    rig.wait(secs(1));
    assert_eq!(outcome(&rig).0, Outcome::Voicemail);
    balanced(&mut rig);
}

#[test]
fn a_caller_who_hangs_up_ends_the_hunt_and_nobody_else_is_called() {
    let mut rig = Rig::new(plan());
    rig.over.insert(FIRST, Phone::Rings);
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(5));
    rig.hangs_up(caller);
    rig.wait(secs(60));
    assert_eq!(phones(&rig), ["13800000001"]);
    assert_eq!(ends(&rig), ["worker 1: CallerLeft"]);
    let is_hung_up = |command: &&Sipc| matches!(command, Sipc::Hangup { .. });
    assert_eq!(rig.sip.iter().filter(is_hung_up).count(), 1, "the worker's phone stops ringing");
    balanced(&mut rig);
}

#[test]
fn a_worker_sees_the_areas_number_whatever_the_trunks_rule_and_never_a_foreign_one() {
    for rule in [CallerRule::Dialled, CallerRule::Caller, CallerRule::Fixed] {
        for (own, shown) in [("95105600", "95105600"), ("110", "95105688"), ("", "95105688")] {
            let mut plan = plan();
            plan.trunks[0].caller_rule = rule;
            plan.grid.areas[0].number = own.to_owned();
            let mut rig = Rig::new(plan);
            let caller = rig.customer_dials("95105688");
            rig.wait(secs(5));
            assert_eq!(called(&rig)[0].1, shown, "{rule:?} {own}");
            rig.hangs_up(caller);
            balanced(&mut rig);
        }
    }
}

#[test]
fn an_area_is_found_by_the_dialled_number_and_by_the_callers() {
    for (by, own, callers) in [("called", "95105688", vec![]), ("caller", "", vec!["+86138*"])] {
        let mut plan = plan();
        plan.flows[0].document["steps"]["area"] =
            json!({"kind": "area", "by": by, "unknown": "nobody"});
        plan.grid.areas[0].number = own.to_owned();
        plan.grid.areas[0].callers = callers.into_iter().map(str::to_owned).collect();
        let mut rig = Rig::new(plan);
        let caller = rig.customer_dials("95105688");
        rig.wait(secs(5));
        assert_eq!(ends(&rig), ["worker 1: Answered"], "{by}");
        rig.hangs_up(caller);
        balanced(&mut rig);
    }
    let mut plan = plan();
    plan.flows[0].document["steps"]["area"]["code"] = json!("021");
    let mut rig = Rig::new(plan);
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(1));
    assert_eq!(heard(&rig, caller), ["invalid"]);
    assert_eq!((ends(&rig).len(), phones(&rig).len()), (0, 0));
    balanced(&mut rig);
}

/// The flow says thanks to worker 2 before it looks for people.
fn greets_worker_2() -> Plan {
    let mut plan = plan();
    let document = &mut plan.flows[0].document;
    document["start"] = json!("who");
    document["steps"]["who"] = json!({"kind": "branch", "else": "area", "cases": [
        {"if": {"left": "${worker}", "op": "equals", "right": "worker 2"}, "go": "greet"}]});
    document["steps"]["greet"] = json!({"kind": "play", "prompts": ["thanks"], "next": "area"});
    plan
}

fn is_greeted(rig: &Rig, leg: LegId) -> bool {
    heard(rig, leg).contains(&"thanks".to_owned())
}

#[test]
fn a_worker_who_calls_is_known_to_the_flow_and_not_rung_themselves() {
    let mut rig = Rig::new(greets_worker_2());
    rig.over.insert(FIRST, Phone::Refuses(486));
    let own = rig.dials(Origin::Trunk(FIRST), "13900000002", "95105688", true);
    rig.wait(secs(10));
    assert!(is_greeted(&rig, own));
    assert_eq!(ends(&rig), ["worker 1: Busy", "worker 2 for 1: Caller"]);
    rig.hangs_up(own);
    rig.wait(secs(1));
    let customer = rig.dials(Origin::Trunk(FIRST), "13700000000", "95105688", true);
    rig.wait(secs(1));
    assert!(!is_greeted(&rig, customer));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn an_extension_is_its_workers_from_inside_and_a_stranger_who_shows_it_is_a_stranger() {
    let mut plan = greets_worker_2();
    plan.grid.workers[1].phone = "1002".into();
    let mut rig = Rig::new(plan);
    sign_in(&mut rig, A2);
    let stranger = rig.dials(Origin::Trunk(FIRST), "1002", "95105688", true);
    rig.wait(secs(1));
    assert!(!is_greeted(&rig, stranger));
    rig.hangs_up(stranger);
    let own = rig.agent_dials(A2, "95105688");
    rig.wait(secs(1));
    assert!(is_greeted(&rig, own));
    rig.hangs_up(own);
    balanced(&mut rig);
}

/// Who calls from a worker's phone is asked for a number and connected with it; nobody else is.
fn calls_through() -> Plan {
    let mut plan = plan();
    plan.flows[0].document = json!({"format": 1, "start": "who", "steps": {
        "who": {"kind": "branch", "else": "ask", "cases": [
            {"if": {"left": "${worker}", "op": "is_empty", "right": ""}, "go": "refuse"}]},
        "ask": {"kind": "collect", "prompts": ["menu"], "variable": "number", "digits_min": 3,
            "digits_max": 20, "terminator": "#", "next": "through",
            "on": {"timeout": "refuse", "invalid": "refuse"}},
        "through": {"kind": "transfer", "target": "${number}", "on": {"error": "refuse"}},
        "refuse": {"kind": "hangup", "cause": 21}}});
    plan
}

#[test]
fn a_worker_calls_through_under_the_published_number_and_an_unbound_phone_is_refused() {
    let mut plan = calls_through();
    plan.grid.workers[0].bound = false;
    let mut rig = Rig::new(plan);
    let own = rig.dials(Origin::Trunk(FIRST), "13900000002", "95105688", true);
    rig.wait(secs(1));
    rig.presses(own, "13811112222#");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(called(&rig), [("13811112222".to_owned(), "95105688".to_owned())]);
    rig.hangs_up(own);
    rig.wait(secs(1));
    for stranger in ["13800000001", "13700000000"] {
        rig.dials(Origin::Trunk(FIRST), stranger, "95105688", true);
        rig.wait(secs(5));
        assert_eq!((outcome(&rig).1, outcome(&rig).2), (21, Party::System), "{stranger}");
    }
    assert_eq!(phones(&rig).len(), 1, "nobody was called for them");
    let refused = rig.log.iter().filter(|entry| {
        matches!(&entry.kind, Kind::IvrStep { step, exit, .. } if step == "who" && exit != "else")
    });
    assert_eq!(refused.count(), 2, "and both are in the log");
    balanced(&mut rig);
}

#[test]
fn an_extension_rings_itself_wherever_it_is_forwarded() {
    let mut plan = plan();
    plan.grid.workers[0].phone = "1001".into();
    let mut rig = Rig::new(plan);
    sign_in(&mut rig, A1);
    let set = Forwarding { always: Some("1002".into()), ..Forwarding::default() };
    assert_eq!(act(&mut rig, A1, AgentAction::Forward(set)), Answer::Done);
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(5));
    assert_eq!(ends(&rig), ["worker 1: Answered"]);
    assert!(!told(&rig).iter().any(|word| word.contains("forwarded")), "{:#?}", told(&rig));
    rig.hangs_up(caller);
    balanced(&mut rig);
}

#[test]
fn a_number_that_the_tenant_may_not_call_or_that_leads_nowhere_is_passed_over() {
    let mut plan = plan();
    plan.grid.workers[0].phone = "0016505550100".into();
    plan.grid.workers[1].phone = "95105600".into();
    let mut rig = Rig::new(plan);
    sign_in(&mut rig, A1);
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(5));
    let all = ["worker 1: NoRight", "worker 2 for 1: NoWay", "area queue 1: Answered"];
    assert_eq!(ends(&rig), all);
    assert_eq!(phones(&rig).len(), 0);
    rig.hangs_up(caller);
    balanced(&mut rig);
}

#[test]
fn what_is_changed_counts_for_the_next_call_to_the_same_number() {
    let mut rig = Rig::new(plan());
    let mut changed = plan();
    changed.version = 2;
    changed.grid.workers[0].bound = false;
    assert_eq!(rig.ask(Ask::Plan(Box::new(changed))), Answer::Done);
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(5));
    assert_eq!(ends(&rig), ["worker 1: Unbound", "worker 2 for 1: Answered"]);
    rig.hangs_up(caller);
    balanced(&mut rig);
}

#[test]
fn a_hunt_goes_on_behind_its_queue_after_a_kill() {
    let mut plan = plan();
    plan.grid.areas[0].team = Some(QueueId(2));
    plan.grid.areas[0].workers = Vec::new();
    let mut rig = Rig::new(plan);
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(10));
    assert_eq!(phase(&mut rig), "waiting");
    rig.kill(&[]);
    rig.wait(secs(125));
    assert_eq!(ends(&rig), ["team 2: FlowedOut"], "and not to where the team's queue sends others");
    assert_eq!(phase(&mut rig), "waiting");
    rig.hangs_up(caller);
    rig.wait(secs(1));
    assert_eq!(ends(&rig)[1..], ["area queue 1: CallerLeft"]);
    balanced(&mut rig);
}

#[test]
fn an_end_is_told_by_what_the_phone_or_the_network_said() {
    for (status, expected) in
        [(486, HopEnd::Busy), (600, HopEnd::Busy), (500, HopEnd::Failed), (503, HopEnd::Failed)]
    {
        let mut rig = Rig::new(plan());
        rig.over.insert(FIRST, Phone::Refuses(status));
        let caller = rig.customer_dials("95105688");
        rig.wait(secs(1));
        assert_eq!(ends(&rig), [format!("worker 1: {expected:?}")], "{status}");
        rig.hangs_up(caller);
        balanced(&mut rig);
    }
}

#[test]
fn an_address_that_the_flow_knows_leads_to_the_worker_of_its_area() {
    for (address, reached) in [("广州市越秀区 花园路7号", true), ("深圳市", false)] {
        let mut plan = plan();
        plan.grid.areas[0].addresses = vec!["广州市越秀区*".into()];
        plan.flows[0].document = json!({"format": 1, "start": "area",
            "variables": {"address": address}, "steps": {
            "area": {"kind": "area", "by": "address", "address": "${address}", "unknown": "nobody"},
            "nobody": {"kind": "hangup", "prompts": ["invalid"]}}});
        let mut rig = Rig::new(plan);
        let caller = rig.customer_dials("95105688");
        rig.wait(secs(5));
        assert_eq!(heard(&rig, caller).contains(&"invalid".to_owned()), !reached, "{address}");
        assert_eq!(phones(&rig).len(), usize::from(reached), "{address}");
        rig.hangs_up(caller);
        balanced(&mut rig);
    }
}

#[test]
fn who_finds_all_agents_busy_says_what_it_is_about_and_is_with_the_worker_of_the_area() {
    let mut plan = plan();
    plan.queues[0].waiting_max = 0;
    plan.queues[0].overflow = Target::Flow(FlowId(2));
    let document = json!({"format": 1, "start": "say", "steps": {
        "say": {"kind": "record", "queue": "1", "prompts": ["voicemail"], "next": "area",
            "on": {"error": "area", "timeout": "area"}},
        "area": {"kind": "area", "by": "code", "code": "020", "unknown": "nobody"},
        "nobody": {"kind": "hangup", "prompts": ["invalid"]}}});
    plan.flows.push(Flow { id: FlowId(2), name: "taken in".into(), version: 1, document });
    let mut rig = Rig::new(plan);
    sign_in(&mut rig, A1);
    rig.customer_dials("95105600");
    rig.wait(secs(5));
    let second = rig.dials(Origin::Trunk(FIRST), "13811112222", "95105600", true);
    rig.wait(secs(8));
    assert_eq!(rig.state().calls[1].phase, "voicemail", "{:#?}", told(&rig));
    rig.presses(second, "#");
    rig.wait(secs(8));
    let call = rig.state().calls[1].clone();
    assert_eq!((call.phase.as_str(), call.recording), ("talking", RecordingNow::On));
    assert_eq!(phones(&rig), ["13800000001"]);
    assert_eq!(ends(&rig), ["worker 1: Answered"]);
    assert!(told(&rig).contains(&"message left".to_owned()));
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}
