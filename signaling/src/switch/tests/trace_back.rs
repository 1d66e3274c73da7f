//! Who calls back reaches the agent who called them: after an answer, after busy, within the time, and
//! never past who is not let in and when nobody works.

use super::super::rig::TRUNK;
use super::*;
use crate::sip::user_agent::{Command as Sipc, Event as SipEvent, Origin};
use crate::switch::Input;
use terms::control::{DialFirst, DialOrder};
use terms::routing::{BlockedCaller, Hours, NumberRule, NumberRules, Plan, Target, TraceBack};
use terms::{NumberId, QueueId, Subscriber, UserId};

/// As an agent dials them, and as they come.
const DIALLED: &str = "013811112222";
const CUSTOMER: &str = "13811112222";
/// What the trunk shows, and a flow answers.
const HOTLINE: &str = "95105688";

fn rig_of(plan: Plan) -> Rig {
    let mut rig = Rig::new(plan);
    sign_in(&mut rig, A1);
    rig
}

/// Agent 1 calls the customer, who does this.
fn calls_out(rig: &mut Rig, customer: Phone) {
    rig.outside = customer;
    let agent = rig.agent_dials(A1, DIALLED);
    rig.wait(secs(8));
    rig.hangs_up(agent);
    rig.wait(secs(5));
    assert_eq!(rig.switch.calls(), 0);
}

fn answers() -> Phone {
    Phone::Answers(secs(3))
}

fn calls_back(rig: &mut Rig) -> LegId {
    rig.dials(Origin::Trunk(TRUNK), CUSTOMER, HOTLINE, true)
}

/// What was said of who called back, and whether the flow had them.
fn traced(rig: &Rig) -> Vec<String> {
    told(rig).into_iter().filter(|word| word.starts_with("back to") || word == "ivr").collect()
}

#[test]
fn who_calls_back_reaches_the_agent_who_called_them_and_not_the_flow() {
    let mut rig = rig_of(demo_plan());
    calls_out(&mut rig, answers());
    let customer = calls_back(&mut rig);
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    assert!(rig.leg_of(A1).is_some());
    assert_eq!(traced(&rig), ["back to 1 (Answered): Rings"]);
    rig.hangs_up(customer);
    rig.wait(secs(2));
    assert_eq!(outcome(&rig), (Outcome::Answered, 16, Party::Customer));
    let other = rig.customer_dials(HOTLINE);
    rig.wait(secs(3));
    assert_eq!(traced(&rig).last().map(String::as_str), Some("ivr"), "others hear the flow");
    rig.hangs_up(other);
    balanced(&mut rig);
}

#[test]
fn a_conversation_that_is_longer_than_one_looks_back_is_called_back_too() {
    let mut plan = demo_plan();
    plan.trace_back.keep_s = 60;
    let mut rig = rig_of(plan);
    rig.outside = answers();
    let agent = rig.agent_dials(A1, DIALLED);
    rig.wait(secs(120));
    let other = rig.customer_dials(HOTLINE);
    rig.wait(secs(3));
    rig.hangs_up(other);
    rig.wait(secs(5));
    rig.hangs_up(agent);
    rig.wait(secs(5));
    let customer = calls_back(&mut rig);
    rig.wait(secs(5));
    let last = traced(&rig).pop();
    assert_eq!(last.as_deref(), Some("back to 1 (Answered): Rings"), "its end counts");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn who_was_forgotten_hears_the_flow() {
    let mut rig = rig_of(demo_plan());
    calls_out(&mut rig, answers());
    let forget = Ask::Forget(TENANT, Subscriber::parse(CUSTOMER, "86").expect("a number"));
    assert_eq!(rig.ask(forget), Answer::Done);
    let customer = calls_back(&mut rig);
    rig.wait(secs(3));
    assert_eq!(traced(&rig), ["ivr"]);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_call_out_that_found_busy_or_nobody_counts_too() {
    for (phone, found) in [(Phone::Refuses(486), "Busy"), (Phone::Rings, "NoAnswer")] {
        let mut rig = rig_of(demo_plan());
        calls_out(&mut rig, phone);
        let customer = calls_back(&mut rig);
        rig.wait(secs(5));
        assert_eq!(phase(&mut rig), "talking", "{phone:?}");
        assert_eq!(traced(&rig), [format!("back to 1 ({found}): Rings")]);
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}

#[test]
fn a_call_from_a_screen_is_called_back_too() {
    let mut rig = rig_of(demo_plan());
    rig.outside = Phone::Refuses(486);
    rig.feed(Input::Sip(SipEvent::Registered { tenant: TENANT, agent: A1, registered: true }));
    let order = DialOrder {
        tenant: TENANT,
        by: UserId(A1.0),
        agent: A1,
        target: DIALLED.to_owned(),
        first: DialFirst::Customer,
        caller_number: Some("95105600".to_owned()),
    };
    assert!(matches!(rig.ask(Ask::Dial(Box::new(order))), Answer::Call(_)));
    rig.wait(secs(5));
    let elsewhere = calls_back(&mut rig);
    rig.wait(secs(3));
    assert_eq!(traced(&rig), ["ivr"], "another number than the one that was shown");
    rig.hangs_up(elsewhere);
    let customer = rig.dials(Origin::Trunk(TRUNK), CUSTOMER, "95105600", true);
    rig.wait(secs(5));
    assert_eq!(traced(&rig).last().map(String::as_str), Some("back to 1 (Busy): Rings"));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn after_its_time_the_flow_answers_as_ever() {
    for (keep_s, wait_s, hears) in [(600, 590, false), (600, 601, true), (0, 1, true)] {
        let mut plan = demo_plan();
        plan.trace_back = TraceBack { keep_s, ..TraceBack::default() };
        let mut rig = rig_of(plan);
        calls_out(&mut rig, answers());
        rig.wait(secs(wait_s));
        let customer = calls_back(&mut rig);
        rig.wait(secs(3));
        assert_eq!(traced(&rig) == ["ivr"], hears, "{keep_s}, after {wait_s}: {:?}", traced(&rig));
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}

#[test]
fn an_agent_who_is_not_there_or_does_not_answer_leaves_them_to_the_flow() {
    let mut rig = rig_of(demo_plan());
    calls_out(&mut rig, answers());
    rig.phones.insert(A1, Phone::Rings);
    let customer = calls_back(&mut rig);
    rig.wait(secs(24));
    let rung = ["back to 1 (Answered): Rings", "back to 1 (Answered): Missed", "ivr"];
    assert_eq!(traced(&rig), rung);
    rig.hangs_up(customer);
    rig.wait(secs(5));

    assert_eq!(act(&mut rig, A1, AgentAction::SignOut), Answer::Done);
    let customer = calls_back(&mut rig);
    rig.wait(secs(3));
    assert_eq!(traced(&rig)[3..], ["back to 1 (Answered): Missed", "ivr"]);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

/// Agent 1 has called the customer, and talks with somebody of the queue now; one more waits there.
fn busy() -> (Rig, LegId, LegId) {
    let mut rig = rig_of(demo_plan());
    calls_out(&mut rig, answers());
    let talks = talking(&mut rig);
    let waits = rig.customer_dials("95105600");
    rig.wait(secs(3));
    (rig, talks, waits)
}

#[test]
fn a_busy_agent_is_waited_for_and_theirs_before_the_queues() {
    let (mut rig, talks, waits) = busy();
    let customer = calls_back(&mut rig);
    rig.wait(secs(2));
    let rings = |command: &Sipc| matches!(command, Sipc::Progress { leg, status: 180, .. } if *leg == customer);
    assert!(rig.sip.iter().any(rings), "they hear ringing meanwhile");
    rig.hangs_up(talks);
    rig.wait(secs(1));
    assert_eq!(act(&mut rig, A1, AgentAction::EndWrapUp { disposition: None }), Answer::Done);
    rig.wait(secs(5));
    assert_eq!(traced(&rig), ["back to 1 (Answered): Waits", "back to 1 (Answered): Rings"]);
    let offers = told(&rig).into_iter().filter(|word| word.starts_with("offered")).count();
    assert_eq!(offers, 1, "who waits in the queue waits on");
    rig.hangs_up(customer);
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking", "and is next");
    rig.hangs_up(waits);
    balanced(&mut rig);
}

#[test]
fn who_waited_long_enough_or_whose_agent_leaves_hears_the_flow() {
    for leaves in [false, true] {
        let (mut rig, talks, waits) = busy();
        let customer = calls_back(&mut rig);
        rig.wait(secs(2));
        if leaves {
            assert_eq!(act(&mut rig, A1, AgentAction::SignOut), Answer::Done);
            rig.wait(secs(2));
        } else {
            rig.wait(secs(20));
        }
        let missed = ["back to 1 (Answered): Waits", "back to 1 (Answered): Missed", "ivr"];
        assert_eq!(traced(&rig), missed, "{leaves}");
        for leg in [customer, talks, waits] {
            rig.hangs_up(leg);
        }
        balanced(&mut rig);
    }
}

#[test]
fn who_hangs_up_while_they_wait_takes_nobodys_time() {
    let (mut rig, talks, waits) = busy();
    let customer = calls_back(&mut rig);
    rig.wait(secs(2));
    rig.hangs_up(customer);
    rig.wait(secs(1));
    rig.hangs_up(talks);
    rig.wait(secs(15));
    assert_eq!(phase(&mut rig), "talking", "who waited in the queue has the agent");
    rig.hangs_up(waits);
    balanced(&mut rig);
}

#[test]
fn who_is_blocked_a_closed_hour_and_a_number_of_its_own_go_first() {
    let closed =
        Hours { name: "office".into(), windows: Vec::new(), closed: Vec::new(), open: Vec::new() };
    let rule = NumberRule {
        trunk: None,
        hours: Some("office".into()),
        closed: true,
        target: Target::Voicemail(QueueId(1)),
    };
    let by_hours = NumberRules { number: NumberId(0), rules: vec![rule] };
    let changes: [fn(&mut Plan, NumberRules, Hours); 3] = [
        |plan, _, _| plan.blocked.push(BlockedCaller::always(CUSTOMER)),
        |plan, rules, hours| (plan.number_rules, plan.hours) = (vec![rules], vec![hours]),
        |plan, _, _| plan.trace_back.not_at = vec![HOTLINE.into()],
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut plan = demo_plan();
        change(&mut plan, by_hours.clone(), closed.clone());
        let mut rig = rig_of(plan);
        calls_out(&mut rig, answers());
        let customer = calls_back(&mut rig);
        rig.wait(secs(2));
        assert!(rig.leg_of(A1).is_none(), "{n}: the agent does not ring");
        assert!(!traced(&rig).iter().any(|word| word.starts_with("back")), "{n}");
        let first = heard(&rig, customer).first().cloned();
        let first = first.as_deref();
        match n {
            0 => assert_eq!((first, outcome(&rig).0), (None, Outcome::Refused)),
            1 => assert_eq!(first, Some("voicemail")),
            _ => assert_eq!(traced(&rig), ["ivr"]),
        }
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}

#[test]
fn it_is_remembered_over_a_kill() {
    let mut rig = rig_of(demo_plan());
    calls_out(&mut rig, Phone::Refuses(486));
    rig.kill(&[]);
    let customer = calls_back(&mut rig);
    rig.wait(secs(5));
    assert_eq!(traced(&rig), ["back to 1 (Busy): Rings"]);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn it_is_remembered_over_an_orderly_stop_for_as_long_as_the_tenant_says() {
    for (pause, traced_to) in [(3_600, &["back to 1 (Busy): Rings"][..]), (7_300, &["ivr"][..])] {
        let mut rig = rig_of(demo_plan());
        calls_out(&mut rig, Phone::Refuses(486));
        rig.stop_orderly(secs(pause));
        sign_in(&mut rig, A1);
        let customer = calls_back(&mut rig);
        rig.wait(secs(5));
        assert_eq!(traced(&rig), traced_to, "{pause} s later");
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}
