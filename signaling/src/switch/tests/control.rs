use super::*;
use crate::sip::user_agent::Command as Sipc;
use crate::switch::Input;
use crate::switch::rig::TRUNK;
use serde_json::json;
use terms::control::LiveRecording;
use terms::routing::{BlockedCaller, Change, Delta, Flow, NumberRule, NumberRules, Target};
use terms::{FlowId, QueueId, TenantId};

fn flow(version: u32, document: serde_json::Value) -> Change {
    Change::Flow(Flow { id: FlowId(1), name: "hotline".into(), version, document })
}

fn change(rig: &mut Rig, change: Change) -> Answer {
    let version = rig.state().plan_version + 1;
    rig.ask(Ask::Delta(Box::new(Delta { version, tenant: TENANT, change })))
}

#[test]
fn a_published_flow_serves_new_calls_while_running_calls_stay_on_theirs() {
    let mut rig = rig_with(&[]);
    let old = rig.customer_dials("95105688");
    rig.wait(secs(1));
    let document = json!({"format": 1, "start": "a",
        "steps": {"a": {"kind": "hangup", "prompts": ["hours"]}}});
    assert_eq!(change(&mut rig, flow(2, document)), Answer::Done);
    let new = rig.customer_dials("95105688");
    rig.wait(secs(3));
    assert_eq!(heard(&rig, new), ["hours"]);
    assert_eq!(heard(&rig, old), ["welcome", "menu"]);
    rig.hangs_up(old);
    balanced(&mut rig);
}

#[test]
fn a_step_is_added_taken_out_and_bypassed_while_calls_go_on() {
    let mut rig = rig_with(&[]);
    let play =
        |prompt: &str, next: &str| json!({"kind": "play", "prompts": [prompt], "next": next});
    let steps = json!({"a": play("welcome", "b"), "b": play("hours", "c"), "c": play("thanks", "z"),
        "z": {"kind": "hangup"}});
    let whole = json!({"format": 1, "start": "a", "steps": steps});
    let mut bypassed = whole.clone();
    bypassed["bypass"] = json!({"b": "c"});
    let mut without = whole.clone();
    without["steps"] = json!({"a": play("welcome", "c"), "c": play("thanks", "z"),
        "z": {"kind": "hangup"}});
    let versions = [
        (&whole, vec!["welcome", "hours", "thanks"]),
        (&bypassed, vec!["welcome", "thanks"]),
        (&without, vec!["welcome", "thanks"]),
        (&whole, vec!["welcome", "hours", "thanks"]),
    ];
    for (version, (document, prompts)) in (2..).zip(versions) {
        assert_eq!(change(&mut rig, flow(version, document.clone())), Answer::Done);
        let leg = rig.customer_dials("95105688");
        rig.wait(secs(30));
        assert_eq!(heard(&rig, leg), prompts, "version {version}");
    }
    let left = rig.log.iter().filter_map(|entry| match &entry.kind {
        Kind::IvrStep { version: 3, step, exit, .. } => Some((step.as_str(), exit.as_str())),
        _ => None,
    });
    assert_eq!(left.take(3).collect::<Vec<_>>(), [("a", "next"), ("b", "bypass"), ("c", "next")]);
    balanced(&mut rig);
}

#[test]
fn a_fax_machine_is_heard_and_the_flow_branches() {
    use terms::media::{Command, Event, Progress, Watch};
    let mut rig = rig_with(&[]);
    let document = json!({"format": 1, "start": "greet", "steps": {
        "greet": {"kind": "play", "prompts": ["welcome"], "next": "who"},
        "who": {"kind": "branch", "else": "person", "cases": [
            {"if": {"left": "${fax}", "op": "equals", "right": "yes"}, "go": "fax"}]},
        "fax": {"kind": "hangup", "prompts": ["goodbye"]},
        "person": {"kind": "hangup", "prompts": ["hours"]}}});
    assert_eq!(change(&mut rig, flow(2, document)), Answer::Done);
    let fax = rig.customer_dials("95105688");
    rig.wait(secs(1));
    let what = Watch { fax: true, ..Watch::default() };
    assert!(rig.media.contains(&Command::Watch { leg: fax, what }), "somebody listens");
    let tone = Progress::FaxCalling;
    rig.feed(crate::switch::Input::Media(Event::Progress { leg: fax, tone }));
    let person = rig.customer_dials("95105688");
    rig.wait(secs(5));
    assert_eq!(heard(&rig, fax), ["welcome", "goodbye"]);
    assert_eq!(heard(&rig, person), ["welcome", "hours"]);
    let told: Vec<_> = rig
        .log
        .iter()
        .filter(|entry| matches!(entry.kind, Kind::ProgressHeard { .. }))
        .map(|entry| (entry.leg, entry.kind.clone()))
        .collect();
    assert_eq!(told, [(Some(fax), Kind::ProgressHeard { tone })]);
    balanced(&mut rig);
}

#[test]
fn a_flow_plays_twice_from_a_place_on_and_keys_move_in_it() {
    use terms::media::{Command, Seek, Source};
    let mut rig = rig_with(&[]);
    let document = json!({"format": 1, "start": "a", "steps": {
        "a": {"kind": "play", "prompts": ["welcome", "number:23", "say:您好"], "times": 2,
            "start_ms": 500, "keys": "#", "seek": {"4": -5000}, "next": "z"},
        "z": {"kind": "hangup"}}});
    assert_eq!(change(&mut rig, flow(2, document)), Answer::Done);
    let customer = rig.customer_dials("95105688");
    rig.wait(secs(1));
    rig.presses(customer, "54");
    assert_eq!(phase(&mut rig), "ivr", "neither 5 nor 4 skips it");
    let ordered: Vec<&Command> = rig
        .media
        .iter()
        .filter(|command| matches!(command, Command::Play { .. } | Command::Seek { .. }))
        .collect();
    let [Command::Play { leg, playback }, Command::Seek { leg: moved, playback: id, to }] =
        ordered[..]
    else {
        panic!("{ordered:#?}")
    };
    let prompt = |name: &str| Source::Prompt(format!("zh-CN/{name}"));
    let text = "您好".to_owned();
    assert_eq!(
        playback.sources,
        [
            prompt("welcome"),
            prompt("digits/2"),
            prompt("digits/10"),
            prompt("digits/3"),
            Source::Speech { language: "zh-CN".to_owned(), text },
        ]
    );
    assert_eq!((playback.times, playback.start_ms, playback.looped), (2, 500, false));
    assert!(playback.interruptible && playback.stop_keys.contains('#'));
    assert!(!playback.stop_keys.contains('4') && !playback.stop_keys.contains('5'));
    assert_eq!((moved, id, *to), (leg, &playback.id, Seek::By { ms: -5000 }));
    rig.presses(customer, "#");
    rig.wait(secs(3));
    balanced(&mut rig);
}

#[test]
fn nobody_listens_for_fax_machines_once_people_talk() {
    use terms::media::{Command, Watch};
    let mut rig = rig_with(&[A1]);
    let customer = rig.customer_dials("95105688");
    rig.wait(secs(3));
    rig.presses(customer, "1");
    rig.wait(secs(10));
    let watches: Vec<Watch> = rig
        .media
        .iter()
        .filter_map(|command| match command {
            Command::Watch { leg, what } if *leg == customer => Some(*what),
            _ => None,
        })
        .collect();
    assert_eq!(watches, [Watch { fax: true, ..Watch::default() }, Watch::default()]);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_flow_with_a_missing_edge_is_refused_with_the_step_and_nothing_changes() {
    let mut rig = rig_with(&[]);
    let document = json!({"format": 1, "start": "a", "steps": {
        "a": {"kind": "play", "prompts": ["hours"], "next": "nowhere"}}});
    let Answer::Refused(why) = change(&mut rig, flow(2, document)) else { panic!("it was taken") };
    assert!(why.contains("step \"a\"") && why.contains("nowhere"), "{why}");
    assert_eq!(rig.state().plan_version, 1);
}

#[test]
fn deltas_follow_each_other_and_block_callers() {
    let mut rig = rig_with(&[]);
    assert_eq!(change(&mut rig, Change::Block(BlockedCaller::always("13800138000"))), Answer::Done);
    rig.customer_dials("95105688");
    assert!(matches!(rig.sip.last(), Some(Sipc::Reject { status: 603, .. })));
    let version = rig.state().plan_version;
    let late = Delta { version, tenant: TENANT, change: Change::Unblock("13800138000".into()) };
    assert!(matches!(rig.ask(Ask::Delta(Box::new(late))), Answer::Refused(_)));
    let mut older = demo_plan();
    older.version = 0;
    assert!(matches!(rig.ask(Ask::Plan(Box::new(older))), Answer::Refused(_)));
    let mut newer = demo_plan();
    newer.format += 1;
    assert!(matches!(rig.ask(Ask::Plan(Box::new(newer))), Answer::Refused(_)));
}

#[test]
fn nobody_reaches_into_another_tenant() {
    let mut rig = rig_with(&[A1]);
    talking(&mut rig);
    let call = only_call(&mut rig);
    let tenant = TenantId(2);
    for ask in [
        Ask::Call { tenant, call, action: CallAction::Hangup },
        Ask::Agent { tenant, agent: A1, action: AgentAction::SignOut },
        Ask::State { tenant },
    ] {
        assert!(matches!(rig.ask(ask), Answer::Refused(_)));
    }
    assert_eq!(phase(&mut rig), "talking");
}

#[test]
fn a_queue_that_is_removed_sends_its_callers_on() {
    let mut rig = rig_with(&[]);
    rig.customer_dials("95105600");
    rig.wait(secs(3));
    let mut plan = demo_plan();
    plan.version = 2;
    plan.flows.clear();
    plan.queues.remove(0);
    assert_eq!(rig.ask(Ask::Plan(Box::new(plan))), Answer::Done);
    assert!(told(&rig).contains(&"flowed out Forced".into()));
    balanced(&mut rig);
}

#[test]
fn a_drain_lets_calls_end_and_takes_no_new_ones() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let id = rig.ask_later(Ask::Drain { within_s: 60 });
    rig.customer_dials("95105688");
    assert!(matches!(
        rig.sip.last(),
        Some(Sipc::Reject { status: 503, retry_after_s: Some(_), .. })
    ));
    rig.wait(secs(10));
    assert!(!rig.answers.iter().any(|answer| answer.id == id));
    rig.hangs_up(customer);
    rig.wait(secs(1));
    assert!(rig.answers.iter().any(|answer| answer.id == id && answer.body == Answer::Done));
    balanced(&mut rig);
}

#[test]
fn a_drain_whose_time_is_up_ends_what_is_left() {
    let mut rig = rig_with(&[A1]);
    talking(&mut rig);
    rig.customer_dials("95105600");
    let id = rig.ask_later(Ask::Drain { within_s: 5 });
    rig.wait(secs(6));
    assert!(rig.answers.iter().any(|answer| answer.id == id));
    assert_eq!(rig.switch.calls(), 0);
    let interrupted = told(&rig).iter().filter(|w| w.starts_with("ended Interrupted")).count();
    assert_eq!(interrupted, 2);
    assert!(told(&rig).contains(&"flowed out Forced".into()));
    balanced(&mut rig);
}

#[test]
fn an_http_step_asks_once_and_goes_on_with_the_answer() {
    let mut plan = demo_plan();
    plan.flows[0].document = json!({"format": 1, "start": "look", "steps": {
        "look": {"kind": "http", "url": "http://crm/c?n=${caller}", "map": {"go": "/to"},
            "next": "choose", "on": {"error": "bye", "timeout": "bye"}},
        "choose": {"kind": "branch", "cases": [
            {"if": {"left": "${go}", "op": "equals", "right": "agent"}, "go": "agent"}],
            "else": "bye"},
        "agent": {"kind": "transfer", "target": "1001", "on": {"error": "queue"}},
        "queue": {"kind": "enqueue", "queue": "1", "on": {"error": "bye", "released": "ask"}},
        "ask": {"kind": "survey", "next": "bye", "on": {"timeout": "bye"}},
        "bye": {"kind": "hangup", "prompts": ["goodbye"]}}});
    let mut rig = Rig::new(plan);
    rig.phones.insert(A1, Phone::Rings);
    let customer = rig.customer_dials("95105688");
    rig.wait(secs(1));
    assert_eq!(rig.requests.len(), 1);
    assert_eq!(rig.requests[0].url, "http://crm/c?n=%2B8613800138000");
    let id = rig.requests[0].id;
    rig.http_done(id, Ok((200, json!({"to": "agent"}))));
    rig.http_done(id, Ok((200, json!({"to": "agent"}))));
    assert_eq!(phase(&mut rig), "ringing");
    rig.wait(secs(50));
    assert_eq!(phase(&mut rig), "waiting", "nobody answered there: the error edge");
    rig.phones.insert(A1, Phone::Answers(secs(1)));
    sign_in(&mut rig, A1);
    rig.wait(secs(5));
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    rig.hangs_up(agent);
    rig.wait(secs(3));
    rig.presses(customer, "3");
    rig.wait(secs(5));
    assert!(told(&rig).contains(&"survey answered Some(Dissatisfied)".into()));
    assert_eq!(heard(&rig, customer).last().map(String::as_str), Some("goodbye"));
    balanced(&mut rig);
    let steps: Vec<String> = rig
        .log
        .iter()
        .filter_map(|entry| match &entry.kind {
            Kind::IvrStep { step, exit, .. } => Some(format!("{step} {exit}")),
            _ => None,
        })
        .collect();
    assert_eq!(
        steps,
        ["look next", "choose case 0", "agent error", "queue enqueued", "ask next", "bye hangup"]
    );
}

#[test]
fn an_agent_is_shown_what_the_flow_learned_and_nothing_else() {
    let mut plan = demo_plan();
    plan.flows[0].document = json!({"format": 1, "start": "ask", "show": ["business", "account"],
        "variables": {"business": "报修", "other": "x"}, "steps": {
        "ask": {"kind": "collect", "prompts": [], "variable": "account", "digits_max": 3,
            "next": "queue", "on": {"timeout": "queue", "invalid": "queue"}},
        "queue": {"kind": "enqueue", "queue": "1", "on": {"error": "bye"}},
        "bye": {"kind": "hangup"}}});
    let mut rig = Rig::new(plan);
    let customer = rig.customer_dials("95105688");
    rig.wait(secs(1));
    let shown = |rig: &mut Rig| {
        let data = rig.state().calls[0].data.clone();
        data.into_iter().collect::<Vec<(String, String)>>()
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(shown(&mut rig), [pair("business", "报修")], "the account is not known yet");
    for digit in ["4", "7", "1"] {
        rig.presses(customer, digit);
    }
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "waiting");
    assert_eq!(shown(&mut rig), [pair("account", "471"), pair("business", "报修")]);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn who_is_given_a_call_has_its_id_its_contact_and_what_the_flow_learned() {
    let mut plan = demo_plan();
    plan.flows[0].document = json!({"format": 1, "start": "queue", "show": ["business"],
        "variables": {"business": "报修"}, "steps": {
        "queue": {"kind": "enqueue", "queue": "1", "on": {"error": "bye"}},
        "bye": {"kind": "hangup"}}});
    let mut rig = Rig::new(plan);
    sign_in(&mut rig, A1);
    let customer = rig.customer_dials("95105688");
    rig.wait(secs(5));
    let before = rig.state().calls.pop().expect("a call");
    assert_eq!((before.phase.as_str(), before.agent), ("talking", Some(A1)));
    sign_in(&mut rig, A3);
    let target = "1003".to_owned();
    assert_eq!(call_act(&mut rig, CallAction::Transfer { target }), Answer::Done);
    rig.wait(secs(10));
    let after = rig.state().calls.pop().expect("a call");
    assert_eq!((after.phase.as_str(), after.agent), ("talking", Some(A3)));
    assert_eq!((after.call, after.contact), (before.call, before.contact));
    assert_eq!((after.caller, after.data), (before.caller, before.data));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn the_steps_of_a_called_flow_are_noted_under_that_flow() {
    let mut plan = demo_plan();
    plan.flows[0].document = json!({"format": 1, "start": "pay", "steps": {
        "pay": {"kind": "subflow", "flow": "2", "results": {"paid": "bye"}, "next": "queue",
            "on": {"error": "queue"}},
        "queue": {"kind": "enqueue", "queue": "1", "on": {"error": "bye"}},
        "bye": {"kind": "hangup"}}});
    plan.flows.push(terms::routing::Flow {
        id: terms::FlowId(2),
        name: "pay".into(),
        version: 5,
        document: json!({"format": 1, "start": "ask", "steps": {
            "ask": {"kind": "menu", "prompts": ["menu"], "keys": {"1": "paid"},
                "on": {"timeout": "back", "invalid": "back"}},
            "paid": {"kind": "return", "result": "paid"}, "back": {"kind": "return"}}}),
    });
    let mut rig = Rig::new(plan);
    let customer = rig.customer_dials("95105688");
    rig.wait(secs(1));
    rig.presses(customer, "1");
    rig.wait(secs(1));
    let steps: Vec<(u64, u32, &str)> = rig
        .log
        .iter()
        .filter_map(|entry| match &entry.kind {
            Kind::IvrStep { flow, version, step, .. } => Some((flow.0, *version, step.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(steps, [(1, 1, "pay"), (2, 5, "ask"), (2, 5, "paid"), (1, 1, "bye")]);
    balanced(&mut rig);
}

#[test]
fn a_number_goes_another_way_over_one_trunk_and_the_usual_way_from_inside() {
    let mut plan = demo_plan();
    let number = plan.numbers.iter().find(|n| n.digits == "95105600").expect("queue 1").id;
    let rule = |trunk, target| NumberRule { trunk, hours: None, closed: false, target };
    plan.number_rules = vec![NumberRules {
        number,
        rules: vec![
            rule(Some(terms::TrunkId(TRUNK.0 + 1)), Target::Hangup),
            rule(Some(TRUNK), Target::Flow(FlowId(1))),
        ],
    }];
    let mut rig = Rig::new(plan);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(1));
    assert_eq!(heard(&rig, customer).first().map(String::as_str), Some("welcome"), "the flow");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn numbers_in_circles_end_the_call() {
    let mut plan = demo_plan();
    plan.queues[0].wait_max_s = 0;
    plan.queues[0].overflow = Target::Queue(QueueId(2));
    plan.queues[1].wait_max_s = 0;
    plan.queues[1].overflow = Target::Queue(QueueId(1));
    let mut rig = Rig::new(plan);
    rig.customer_dials("95105600");
    rig.wait(secs(1));
    assert_eq!(outcome(&rig), (Outcome::Failed, 25, Party::System));
    balanced(&mut rig);
}

#[test]
fn events_about_strangers_change_nothing() {
    let mut rig = rig_with(&[]);
    let leg = LegId(99);
    use crate::sip::user_agent::Event as E;
    for event in [
        E::Ended { leg, cause: 16 },
        E::Acked { leg, sdp: None },
        E::Refer { leg, target: "1001".into(), replaces: None },
        E::Failed { leg, status: 486, cause: 17 },
    ] {
        rig.feed(Input::Sip(event));
    }
    rig.http_done(7, Err("nobody asked".into()));
    assert!(rig.sip.is_empty() && rig.log.is_empty());
}

#[test]
fn the_same_seed_gives_the_same_log() {
    let story = || {
        let mut rig = rig_with(&[A1]);
        let customer = talking(&mut rig);
        rig.hangs_up(customer);
        rig.wait(secs(20));
        (rig.log.clone(), rig.sip.clone(), rig.media.clone())
    };
    assert_eq!(story(), story());
}

#[test]
fn the_metrics_count_what_is_there() {
    let mut rig = rig_with(&[A1]);
    talking(&mut rig);
    let Answer::Metrics(metrics) = rig.ask(Ask::Metrics) else { panic!("no metrics") };
    let value = |name: &str| metrics.iter().find(|metric| metric.name == name).map(|m| m.value);
    assert_eq!(value("switchgrid_calls"), Some(1.0));
    assert_eq!(value("switchgrid_legs"), Some(2.0));
}

#[test]
fn a_recording_is_known_from_its_start_until_its_ledger_has_come() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let recording = rig.log.iter().find_map(|entry| match entry.kind {
        Kind::RecordingStarted { recording, .. } => Some(recording),
        _ => None,
    });
    let recording = recording.expect("the queue is recorded");
    let live = LiveRecording { agent: Some(A1), queue: Some(QueueId(1)) };
    let known = |rig: &mut Rig, tenant| rig.ask(Ask::Recording { tenant, recording });
    assert_eq!(known(&mut rig, TENANT), Answer::Recording(Some(live.clone())));
    assert_eq!(known(&mut rig, TenantId(2)), Answer::Recording(None), "it is not theirs to know");
    rig.hangs_up(customer);
    assert_eq!(known(&mut rig, TENANT), Answer::Recording(Some(live)), "its file is being made");
    rig.wait(secs(1));
    assert!(told(&rig).iter().any(|word| word.starts_with("recorded")));
    assert_eq!(known(&mut rig, TENANT), Answer::Recording(None));
    balanced(&mut rig);
}

#[test]
fn keys_from_the_screen_reach_the_customer_and_nothing_else_is_a_key() {
    let mut rig = rig_with(&[A1]);
    let send = |digits: &str| CallAction::SendDigits { digits: digits.to_owned() };
    let customer = rig.customer_dials("95105600");
    let early = Answer::Refused("there is no conversation to send keys into".into());
    assert_eq!(call_act(&mut rig, send("1")), early);
    rig.wait(secs(5));
    assert_eq!(call_act(&mut rig, send("12#A")), Answer::Done);
    let sent = |rig: &Rig| {
        let sent = rig.media.iter().filter_map(|command| match command {
            terms::media::Command::SendDigits { leg, digits } => Some((*leg, digits.clone())),
            _ => None,
        });
        sent.collect::<Vec<_>>()
    };
    assert_eq!(sent(&rig), [(customer, "12#A".to_owned())]);
    for bad in ["", "12x", "1 2", &"1".repeat(65)] {
        let why = "1 to 64 keys of 0-9, *, # and A-D can be sent".to_owned();
        assert_eq!(call_act(&mut rig, send(bad)), Answer::Refused(why), "{bad}");
    }
    assert_eq!(call_act(&mut rig, CallAction::Hold), Answer::Done);
    let held = Answer::Refused("the other party is on hold".into());
    assert_eq!(call_act(&mut rig, send("1")), held);
    assert_eq!(sent(&rig).len(), 1);
    assert!(!format!("{:?}", rig.log).contains("12#A"), "it may be a PIN");
    rig.hangs_up(customer);
    balanced(&mut rig);
}
