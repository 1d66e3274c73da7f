//! Several trunks for one number: which is called first, which after it, and which not at all.

use super::*;
use crate::sip::user_agent::{Command as Sipc, Destination, Event as SipEvent, Invite};
use crate::switch::Input;
use std::collections::BTreeMap;
use terms::control::Metric;
use terms::media::Codec;
use terms::routing::{CallerRule, Number, Plan, Target, Trunk};
use terms::{NumberId, TrunkId};

const NUMBER: &str = "013811112222";
const FIRST: TrunkId = TrunkId(1);
const SECOND: TrunkId = TrunkId(2);

/// Trunks for the same numbers, numbered from 1, in these orders.
fn plan_of(orders: &[u32]) -> Plan {
    let mut plan = demo_plan();
    let like = plan.trunks.remove(0);
    let trunk = |(id, &order): (u64, &u32)| Trunk {
        id: TrunkId(id),
        name: format!("trunk {id}"),
        order,
        ..like.clone()
    };
    plan.trunks = (1..).zip(orders).map(trunk).collect();
    plan
}

fn rig_of(plan: Plan) -> Rig {
    let mut rig = Rig::new(plan);
    for agent in [A1, A2, A3] {
        sign_in(&mut rig, agent);
    }
    rig
}

/// What went out over trunks, in time.
fn invites(rig: &Rig) -> Vec<(u64, &Invite)> {
    let commands = rig.sip.iter();
    let over = commands.filter_map(|command| match command {
        Sipc::Invite(invite) => match invite.to {
            Destination::Trunk(_, trunk, _) => Some((trunk.0, &**invite)),
            Destination::Agent(..) => None,
        },
        _ => None,
    });
    over.collect()
}

fn called(rig: &Rig) -> Vec<u64> {
    invites(rig).into_iter().map(|(trunk, _)| trunk).collect()
}

/// The leg of the last call out.
fn last(rig: &Rig) -> LegId {
    invites(rig).last().expect("somebody was called").1.leg
}

fn fails(rig: &mut Rig, leg: LegId, status: u16, cause: u8) {
    rig.feed(Input::Sip(SipEvent::Failed { leg, status, cause }));
    rig.wait(secs(1));
}

fn down(rig: &mut Rig, trunk: TrunkId, down: bool) {
    rests(rig, trunk, down, false);
}

/// The same; it may have asked to be left alone.
fn rests(rig: &mut Rig, trunk: TrunkId, down: bool, rests: bool) {
    rig.feed(Input::Sip(SipEvent::Trunk { tenant: TENANT, trunk, down, rests }));
}

fn metric(rig: &mut Rig, name: &str, trunk: Option<u64>) -> f64 {
    let Answer::Metrics(metrics) = rig.ask(Ask::Metrics) else { panic!("no metrics") };
    let of = |metric: &&Metric| {
        let label = metric.labels.iter().find(|(key, _)| key == "trunk");
        metric.name == name && label.map(|(_, value)| value.clone()) == trunk.map(|t| t.to_string())
    };
    metrics.iter().find(of).expect("it is counted").value
}

#[test]
fn the_lowest_order_is_called_first_and_the_next_one_when_it_cannot() {
    let mut rig = rig_of(plan_of(&[2, 1]));
    rig.over.insert(SECOND, Phone::Refuses(503));
    let agent = rig.agent_dials(A1, NUMBER);
    rig.wait(secs(5));
    assert_eq!(called(&rig), [2, 1]);
    assert_eq!(phase(&mut rig), "talking");
    let told = told(&rig);
    let count = |word: &str| told.iter().filter(|said| *said == word).count();
    let over = |entry: &terms::event::Entry| match entry.kind {
        Kind::LegStarted { trunk, .. } => Some(trunk),
        _ => None,
    };
    let trunks: Vec<_> = rig.log.iter().filter_map(over).collect();
    assert_eq!(trunks, [None, Some(SECOND), Some(FIRST)], "the agent, and two attempts");
    assert_eq!(count("leg Customer"), 2, "each attempt is a leg: {told:#?}");
    assert_eq!(count("leg ended 41 by Customer"), 1, "with its cause: {told:#?}");
    assert_eq!(metric(&mut rig, "switchgrid_trunk_reroutes_total", None), 1.0);
    rig.hangs_up(agent);
    balanced(&mut rig);
}

#[test]
fn equals_share_the_calls_by_weight() {
    let mut plan = plan_of(&[1, 1, 2]);
    (plan.trunks[0].weight, plan.trunks[1].weight) = (3, 1);
    let mut rig = rig_of(plan);
    for _ in 0..100 {
        let agent = rig.agent_dials(A1, NUMBER);
        rig.wait(secs(4));
        rig.hangs_up(agent);
        rig.wait(secs(2));
    }
    let mut counts = BTreeMap::new();
    for trunk in called(&rig) {
        *counts.entry(trunk).or_insert(0) += 1;
    }
    assert_eq!(counts.values().sum::<i32>(), 100, "one trunk a call");
    assert!((60..=90).contains(&counts[&1]), "three of four: {counts:?}");
    assert!(!counts.contains_key(&3), "the next order waits: {counts:?}");
    balanced(&mut rig);
}

#[test]
fn a_trunk_that_is_full_or_down_is_not_called() {
    let mut plan = plan_of(&[1, 2]);
    plan.trunks[0].calls_max = 1;
    let mut rig = rig_of(plan);
    for agent in [A1, A2] {
        rig.agent_dials(agent, NUMBER);
        rig.wait(secs(5));
    }
    assert_eq!(called(&rig), [1, 2], "the first is full");
    assert_eq!(metric(&mut rig, "switchgrid_trunk_calls", Some(1)), 1.0);
    down(&mut rig, SECOND, true);
    assert_eq!(metric(&mut rig, "switchgrid_trunk_up", Some(2)), 0.0);
    rig.agent_dials(A3, NUMBER);
    rig.wait(secs(1));
    assert_eq!(called(&rig), [1, 2], "the second is down");
    assert!(
        matches!(rig.sip.last(), Some(Sipc::Reject { status: 503, .. })),
        "{:?}",
        rig.sip.last()
    );
    down(&mut rig, SECOND, false);
    assert_eq!(metric(&mut rig, "switchgrid_trunk_up", Some(2)), 1.0);
    rig.agent_dials(A3, NUMBER);
    rig.wait(secs(5));
    assert_eq!(called(&rig), [1, 2, 2], "it is there again");
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

#[test]
fn where_all_trunks_are_down_one_call_in_a_while_tries_one_of_them() {
    let mut rig = rig_of(plan_of(&[1, 2]));
    rests(&mut rig, FIRST, true, true);
    down(&mut rig, SECOND, true);
    rig.outside = Phone::Refuses(503);
    let dials = |rig: &mut Rig| {
        rig.agent_dials(A1, NUMBER);
        rig.wait(secs(1));
        called(rig)
    };
    assert_eq!(dials(&mut rig), [2], "the first one asked for a rest");
    assert!(invites(&rig)[0].1.other_way, "it is not waited for as long as one that is there");
    assert_eq!(dials(&mut rig), [2], "the next call fails at once");
    assert!(matches!(rig.sip.last(), Some(Sipc::Reject { status: 503, .. })));
    rig.wait(secs(9));
    assert_eq!(dials(&mut rig), [2, 2], "and a later one tries again");
    rests(&mut rig, FIRST, true, false);
    assert_eq!(dials(&mut rig), [2, 2, 1], "its rest is over");
    rig.wait(secs(20));
    down(&mut rig, SECOND, false);
    rig.outside = Phone::Answers(secs(3));
    assert_eq!(dials(&mut rig), [2, 2, 1, 2], "whoever is there goes first");
    rig.wait(secs(5));
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

#[test]
fn a_call_still_comes_in_over_a_trunk_that_is_down() {
    let mut rig = rig_of(plan_of(&[1]));
    down(&mut rig, FIRST, true);
    let customer = talking(&mut rig);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn so_many_trunks_are_called_and_no_more_and_the_last_one_says_why() {
    let mut rig = rig_of(plan_of(&[1, 2, 3, 4]));
    rig.outside = Phone::Refuses(502);
    rig.agent_dials(A1, NUMBER);
    rig.wait(secs(2));
    assert_eq!(called(&rig), [1, 2, 3]);
    let others: Vec<bool> = invites(&rig).iter().map(|(_, invite)| invite.other_way).collect();
    assert_eq!(others, [true, true, false], "silence of the last one is waited for");
    assert!(
        matches!(rig.sip.last(), Some(Sipc::Reject { status: 502, .. })),
        "{:?}",
        rig.sip.last()
    );
    assert_eq!(outcome(&rig).0, Outcome::Failed);
    balanced(&mut rig);
}

#[test]
fn whom_we_reached_is_not_called_over_another_trunk() {
    for status in [486, 603, 404] {
        let mut rig = rig_of(plan_of(&[1, 2]));
        rig.outside = Phone::Refuses(status);
        rig.agent_dials(A1, NUMBER);
        rig.wait(secs(2));
        assert_eq!(called(&rig), [1], "{status}");
        balanced(&mut rig);
    }
    let mut rig = rig_of(plan_of(&[1, 2]));
    rig.over.insert(FIRST, Phone::Rings);
    rig.agent_dials(A1, NUMBER);
    rig.wait(secs(3));
    let leg = last(&rig);
    fails(&mut rig, leg, 503, 41);
    assert_eq!(called(&rig), [1], "it rang already");
    balanced(&mut rig);
}

#[test]
fn a_silent_trunk_takes_nothing_of_the_callees_time() {
    let mut rig = rig_of(plan_of(&[1, 2]));
    rig.over.insert(FIRST, Phone::Silent);
    rig.over.insert(SECOND, Phone::Rings);
    rig.agent_dials(A1, NUMBER);
    rig.wait(secs(32));
    let leg = last(&rig);
    fails(&mut rig, leg, 408, 102);
    assert_eq!(called(&rig), [1, 2]);
    rig.wait(secs(40));
    assert_eq!(phase(&mut rig), "ringing", "it rings for as long as ever");
    rig.wait(secs(10));
    assert_eq!(rig.switch.calls(), 0);
    balanced(&mut rig);
}

#[test]
fn nobody_is_called_for_a_caller_who_has_gone() {
    let mut rig = rig_of(plan_of(&[1, 2]));
    rig.over.insert(FIRST, Phone::Silent);
    let agent = rig.agent_dials(A1, NUMBER);
    rig.wait(secs(3));
    let leg = last(&rig);
    rig.hangs_up(agent);
    fails(&mut rig, leg, 503, 41);
    assert_eq!(called(&rig), [1]);
    balanced(&mut rig);
}

#[test]
fn a_guest_is_called_over_the_next_trunk_too() {
    let mut rig = rig_of(plan_of(&[1, 2]));
    rig.over.insert(FIRST, Phone::Refuses(503));
    let customer = talking(&mut rig);
    assert_eq!(call_act(&mut rig, CallAction::Invite { target: NUMBER.into() }), Answer::Done);
    rig.wait(secs(5));
    assert_eq!(called(&rig), [1, 2]);
    assert_eq!(rig.legs().len(), 3, "they talk");
    rig.hangs_up(customer);
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

/// A phone that speaks PCMU alone.
fn in_pcmu(_: &str) -> String {
    "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
     m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        .to_owned()
}

#[test]
fn a_trunk_is_offered_its_own_codecs_alone_and_no_other_is_taken_from_it() {
    let mut plan = plan_of(&[1, 2]);
    plan.trunks[0].codecs = vec![Codec::Pcmu];
    let mut rig = rig_of(plan.clone());
    rig.describe = in_pcmu;
    let agent = rig.agent_dials(A1, NUMBER);
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    let offer = invites(&rig)[0].1.sdp.clone();
    assert!(
        offer.contains("PCMU/8000") && !offer.contains("PCMA") && !offer.contains("G722"),
        "{offer}"
    );
    rig.hangs_up(agent);
    balanced(&mut rig);
    // Who answers with what was not offered is hung up on, and nobody else is called.
    let mut rig = rig_of(plan.clone());
    rig.agent_dials(A1, NUMBER);
    rig.wait(secs(5));
    assert_eq!(called(&rig), [1], "an answer is an answer");
    assert_eq!(outcome(&rig).1, 88);
    balanced(&mut rig);
    // Of a caller over it nothing else is taken.
    let mut rig = rig_of(plan);
    rig.customer_dials("95105688");
    rig.wait(secs(1));
    assert!(
        matches!(rig.sip.last(), Some(Sipc::Reject { status: 488, .. })),
        "{:?}",
        rig.sip.last()
    );
    balanced(&mut rig);
}

/// A carrier that speaks G.729 alone.
fn in_g729(_: &str) -> String {
    "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
     m=audio 4000 RTP/AVP 18\r\na=fmtp:18 annexb=no\r\n"
        .to_owned()
}

#[test]
fn a_carrier_of_g729_alone_is_talked_with_where_its_trunk_names_it_and_refused_elsewhere() {
    for named in [false, true] {
        let mut plan = plan_of(&[1]);
        if named {
            plan.trunks[0].codecs = vec![Codec::G729];
        }
        let mut rig = rig_of(plan);
        rig.describe = in_g729;
        let agent = rig.agent_dials(A1, NUMBER);
        rig.wait(secs(5));
        let offer = invites(&rig)[0].1.sdp.clone();
        let says = |text: &str| offer.contains(text);
        assert_eq!(says("a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n"), named, "{offer}");
        assert_eq!(says("PCMA"), !named, "{offer}");
        if named {
            assert_eq!(phase(&mut rig), "talking");
            rig.hangs_up(agent);
        } else {
            assert_eq!(outcome(&rig).1, 88, "it answered with what was not offered");
        }
        balanced(&mut rig);
    }
}

#[test]
fn each_trunk_shows_the_number_that_its_rule_says() {
    let mut plan = plan_of(&[1, 2]);
    let digits = "95105604".to_owned();
    plan.numbers.push(Number {
        id: NumberId(9),
        digits: digits.clone(),
        target: Target::Agent(A1),
    });
    for trunk in &mut plan.trunks {
        trunk.caller_numbers.push(digits.clone());
    }
    plan.trunks[0].caller_rule = CallerRule::Caller;
    plan.trunks[1].caller_rule = CallerRule::Fixed;
    let mut rig = rig_of(plan);
    rig.over.insert(FIRST, Phone::Refuses(503));
    let agent = rig.agent_dials(A1, NUMBER);
    rig.wait(secs(5));
    let shown: Vec<&str> = invites(&rig).iter().map(|(_, invite)| &*invite.from_user).collect();
    assert_eq!(shown, ["95105604", "95105688"]);
    rig.hangs_up(agent);
    balanced(&mut rig);
}
