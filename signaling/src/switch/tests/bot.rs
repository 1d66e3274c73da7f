//! Flows that let a bot speak with the caller.

use super::*;
use crate::ivr::run::{Fault, Parting};
use crate::switch::{BotDone, Input};
use serde_json::json;
use std::collections::BTreeMap;
use terms::RecordingRuleId;
use terms::media::{Command, Side};
use terms::routing::{
    Connector, Database, Plan, RecordingRule, RecordingScope, RecordingThen, RecordingWhen,
};

fn plan() -> Plan {
    let mut plan = demo_plan();
    plan.flows[0].document = json!({"format": 1, "start": "talk", "steps": {
        "talk": {"kind": "bot", "connector": "assistant", "tell": {"who": "${caller}"},
            "set": ["account"], "timeout_s": 60, "outcomes": {"paid": "paid"}, "done": "other",
            "on": {"error": "badly", "timeout": "late", "hangup": "gone"}},
        "paid": {"kind": "play", "prompts": ["number:${account}"], "next": "bye"},
        "other": {"kind": "play", "prompts": ["thanks"], "next": "bye"},
        "badly": {"kind": "play", "prompts": ["invalid"], "next": "bye"},
        "late": {"kind": "play", "prompts": ["wait"], "next": "bye"},
        "gone": {"kind": "webhook", "event": "left", "next": "bye"},
        "bye": {"kind": "hangup"}}});
    plan.connectors = vec![Connector {
        name: "assistant".into(),
        database: Database::parse("wss://bot.example/voice").expect("it is a bot"),
        user: String::new(),
        password: "hunter2".into(),
        writes: false,
        timeout_ms: 3_000,
        rows_max: 1,
    }];
    plan
}

/// By which edge the talk was left.
fn exit(rig: &Rig) -> Option<String> {
    rig.log.iter().find_map(|entry| match &entry.kind {
        Kind::IvrStep { kind, exit, .. } if kind == "bot" => Some(exit.clone()),
        _ => None,
    })
}

fn done(rig: &mut Rig, id: u64, result: Result<Parting, Fault>) {
    rig.feed(Input::Bot(BotDone { id, result }));
}

fn parting(outcome: &str, set: &[(&str, &str)]) -> Parting {
    let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Parting { outcome: outcome.into(), transfer: "queue:7".into(), set: set.collect() }
}

/// What media was told about bots.
fn commands(rig: &Rig) -> Vec<Command> {
    let about =
        |command: &&Command| matches!(command, Command::BotKey { .. } | Command::BotStop { .. });
    rig.media.iter().filter(about).cloned().collect()
}

#[test]
fn a_bot_is_told_what_the_flow_says_and_the_keys_and_sets_what_it_may() {
    let mut rig = Rig::new(plan());
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(1));
    let [ask] = rig.talks.as_slice() else { panic!("{:?}", rig.talks) };
    let who = BTreeMap::from([("who".to_owned(), "+8613800138000".to_owned())]);
    assert_eq!((ask.tenant, ask.leg, &ask.talk.tell), (TENANT, caller, &who));
    assert_eq!((ask.talk.timeout, ask.talk.wide, ask.talk.big_endian), (secs(60), false, false));
    assert!(!format!("{ask:?}").contains("hunter2"));
    let id = ask.id;
    rig.presses(caller, "4");
    rig.wait(secs(1));
    let four = Command::BotKey { leg: caller, key: '4' };
    assert_eq!(commands(&rig), std::slice::from_ref(&four));
    done(&mut rig, id, Ok(parting("paid", &[("account", "7"), ("caller", "<b>")])));
    done(&mut rig, id, Ok(parting("other", &[("account", "8")])));
    assert_eq!(commands(&rig), [four, Command::BotStop { leg: caller }]);
    assert_eq!(heard(&rig, caller), ["digits/7"]);
    assert_eq!(exit(&rig).as_deref(), Some("paid"));
    rig.wait(secs(20));
    assert_eq!(rig.talks.len(), 1);
    balanced(&mut rig);
}

#[test]
fn what_comes_out_otherwise_what_fails_and_what_takes_too_long_have_ways_of_their_own() {
    for (answer, way, prompt) in [
        (Some(Ok(parting("else", &[]))), "done", "thanks"),
        (Some(Err(Fault::Failed("it hung up".into()))), "error", "invalid"),
        (Some(Err(Fault::Late)), "timeout", "wait"),
        (None, "timeout", "wait"),
    ] {
        let mut rig = Rig::new(plan());
        let caller = rig.customer_dials("95105688");
        rig.wait(secs(1));
        let id = rig.talks[0].id;
        match answer {
            Some(answer) => done(&mut rig, id, answer),
            None => rig.wait(secs(60)),
        }
        assert_eq!(exit(&rig).as_deref(), Some(way));
        assert_eq!(heard(&rig, caller), [prompt], "{way}");
        assert_eq!(commands(&rig), [Command::BotStop { leg: caller }], "{way}");
        // Whatever comes now changes nothing.
        done(&mut rig, id, Ok(parting("paid", &[])));
        rig.wait(secs(20));
        balanced(&mut rig);
    }
}

#[test]
fn who_hangs_up_on_a_bot_leaves_the_step_by_its_way() {
    let mut rig = Rig::new(plan());
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(1));
    let id = rig.talks[0].id;
    rig.hangs_up(caller);
    rig.wait(secs(1));
    done(&mut rig, id, Err(Fault::Failed("the caller is gone".into())));
    assert_eq!(exit(&rig).as_deref(), Some("hangup"));
    assert!(told(&rig).contains(&"told left {}".to_owned()), "{:#?}", told(&rig));
    rig.wait(secs(10));
    balanced(&mut rig);
}

#[test]
fn a_rule_that_keeps_the_whole_call_keeps_what_the_bot_says() {
    for scope in [RecordingScope::Call, RecordingScope::Conversation] {
        let mut plan = plan();
        plan.recording_rules = vec![RecordingRule {
            id: RecordingRuleId(1),
            name: "all of it".into(),
            when: RecordingWhen::default(),
            then: RecordingThen { scope, ..RecordingThen::default() },
        }];
        let mut rig = Rig::new(plan);
        rig.customer_dials("95105688");
        rig.wait(secs(1));
        let (id, voice) = (rig.talks[0].id, rig.talks[0].voice);
        assert_eq!(voice.is_some(), scope == RecordingScope::Call);
        done(&mut rig, id, Ok(parting("else", &[])));
        let parties = rig.media.iter().filter_map(|command| match command {
            Command::RecordJoin { leg, side, .. } => Some((*leg, Some(*side))),
            Command::RecordLeave { leg, .. } => Some((*leg, None)),
            _ => None,
        });
        let expected: Vec<_> =
            voice.iter().flat_map(|&voice| [(voice, Some(Side::Other)), (voice, None)]).collect();
        assert_eq!(parties.collect::<Vec<_>>(), expected, "it comes and goes");
        rig.wait(secs(20));
        balanced(&mut rig);
    }
}

#[test]
fn after_a_kill_the_flow_begins_anew_and_another_talk_with_it() {
    let mut rig = Rig::new(plan());
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(1));
    rig.kill(&[]);
    rig.wait(secs(1));
    assert_eq!(rig.talks.len(), 2, "the talk of before is over: {:?}", rig.talks);
    assert_eq!(rig.talks[1].leg, caller);
    let id = rig.talks[1].id;
    done(&mut rig, id, Ok(parting("else", &[])));
    assert_eq!(exit(&rig).as_deref(), Some("done"));
    rig.wait(secs(20));
    balanced(&mut rig);
}

#[test]
fn a_plan_whose_flow_names_no_bot_of_the_tenant_is_refused() {
    let mut rig = Rig::new(demo_plan());
    let mut database = plan();
    database.version = 2;
    database.connectors[0].database = Database::parse("sqlite:a.db").expect("a file");
    for wrong in [database.clone(), Plan { connectors: Vec::new(), ..database }] {
        let Answer::Refused(why) = rig.ask(Ask::Plan(Box::new(wrong))) else { panic!("no bot") };
        assert!(why.contains("there is no bot \"assistant\""), "{why}");
    }
}
