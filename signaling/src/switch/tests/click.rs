//! Click-to-dial: who rings first, what the agent may have called, and what is left when nobody
//! answers.

use super::*;
use crate::sip::user_agent::{Command as Sipc, Destination, Event as SipEvent};
use crate::switch::Input;
use terms::UserId;
use terms::control::{DialFirst, DialOrder};
use terms::event::Activity;
use terms::routing::{Plan, Trunk};

const MOBILE: &str = "013811112222";
const ABROAD: &str = "00442071234567";

/// Agent 1 is signed in at a phone that is registered.
fn ready(plan: Plan) -> Rig {
    let mut rig = Rig::new(plan);
    registers(&mut rig, A1);
    sign_in(&mut rig, A1);
    rig
}

fn registers(rig: &mut Rig, agent: AgentId) {
    let registered = SipEvent::Registered { tenant: TENANT, agent, registered: true };
    rig.feed(Input::Sip(registered));
}

fn order(target: &str, first: DialFirst) -> DialOrder {
    DialOrder {
        tenant: TENANT,
        by: UserId(A1.0),
        agent: A1,
        target: target.to_owned(),
        first,
        caller_number: None,
    }
}

fn asks(rig: &mut Rig, order: DialOrder) -> Answer {
    rig.ask(Ask::Dial(Box::new(order)))
}

/// The call that was made.
fn clicks(rig: &mut Rig, target: &str, first: DialFirst) -> CallId {
    match asks(rig, order(target, first)) {
        Answer::Call(call) => call,
        other => panic!("no call was made: {other:?}"),
    }
}

fn refused(why: &str) -> Answer {
    Answer::Refused(why.to_owned())
}

/// Who was rung: the agent by number, or what was dialled outside, and the number that was shown.
fn rung(rig: &Rig) -> Vec<(String, String)> {
    let rung = rig.sip.iter().filter_map(|command| match command {
        Sipc::Invite(invite) => Some(match &invite.to {
            Destination::Agent(_, agent) => (agent.to_string(), invite.from_user.clone()),
            Destination::Trunk(_, _, number) => (number.clone(), invite.from_user.clone()),
        }),
        _ => None,
    });
    rung.collect()
}

fn pair(to: &str, from: &str) -> (String, String) {
    (to.to_owned(), from.to_owned())
}

fn activity(rig: &mut Rig) -> Activity {
    rig.state().agents[0].activity
}

#[test]
fn an_agents_phone_rings_and_then_the_customer_is_called_in_one_call() {
    let mut rig = ready(demo_plan());
    let call = clicks(&mut rig, MOBILE, DialFirst::Agent);
    assert_eq!((phase(&mut rig).as_str(), activity(&mut rig)), ("ringing", Activity::Ringing));
    assert_eq!(rig.state().calls[0].agent, Some(A1));
    rig.wait(secs(2));
    assert_eq!(rung(&rig), [pair("1", MOBILE)], "nobody else rings before the agent answers");
    rig.wait(secs(2));
    let agent = rig.leg_of(A1).expect("the agent answered");
    assert_eq!(heard(&rig, agent), ["Ringback"]);
    assert_eq!(rung(&rig), [pair("1", MOBILE), pair(MOBILE, "95105688")]);
    rig.wait(secs(3));
    assert_eq!((only_call(&mut rig), phase(&mut rig).as_str()), (call, "talking"));
    assert_eq!(activity(&mut rig), Activity::Talking);
    rig.hangs_up(agent);
    balanced(&mut rig);
    let told = told(&rig);
    for word in ["call Outbound", "leg Agent", "leg Customer", "answered 1", "released 1 by Agent"]
    {
        assert!(told.contains(&word.to_owned()), "{word}: {told:#?}");
    }
    assert_eq!(told.iter().filter(|word| word.starts_with("call ")).count(), 1);
    assert!(told.iter().any(|word| word.starts_with("recorded")), "by the rules: {told:#?}");
    assert_eq!(outcome(&rig), (Outcome::Answered, 16, Party::Agent));
}

#[test]
fn a_customer_is_called_first_and_waits_for_the_agent_who_is_taken_meanwhile() {
    let mut rig = ready(demo_plan());
    clicks(&mut rig, MOBILE, DialFirst::Customer);
    rig.wait(secs(2));
    assert_eq!(rung(&rig), [pair(MOBILE, "95105688")]);
    rig.customer_dials("95105600");
    rig.wait(secs(2));
    assert_eq!(rung(&rig).last(), Some(&pair("1", MOBILE)), "no caller of the queue comes between");
    rig.wait(secs(3));
    let live = rig.state().calls.into_iter().find(|call| call.phase == "talking");
    assert_eq!(live.and_then(|call| call.agent), Some(A1));
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
    let told = told(&rig);
    let at = |word: &str| told.iter().position(|other| other == word).expect("it is told");
    assert!(at("leg Customer") < at("leg Agent"), "{told:#?}");
    assert!(told.contains(&"answered 1".to_owned()), "{told:#?}");
}

#[test]
fn what_an_agent_has_no_right_to_is_refused_counted_and_written_down() {
    let mut rig = ready(demo_plan());
    let why = "there is no right to call numbers of this class";
    for first in [DialFirst::Agent, DialFirst::Customer] {
        assert_eq!(asks(&mut rig, order(ABROAD, first)), refused(why));
    }
    assert_eq!((rung(&rig).len(), rig.switch.calls()), (0, 0));
    let word = format!("1 not to {ABROAD}: International Dial NoRight");
    assert!(told(&rig).contains(&word), "{:#?}", told(&rig));
    assert_eq!(outcome(&rig), (Outcome::Refused, 21, Party::System));
    for _ in 0..3 {
        asks(&mut rig, order(ABROAD, DialFirst::Agent));
    }
    let barred = "calling out is barred until an administrator lifts it";
    assert_eq!(asks(&mut rig, order(MOBILE, DialFirst::Agent)), refused(barred), "by the guard");
    assert_eq!(activity(&mut rig), Activity::Idle);
    balanced(&mut rig);
}

#[test]
fn who_cannot_take_the_call_is_told_why_and_nobody_rings() {
    let mut rig = Rig::new(demo_plan());
    let one = |rig: &mut Rig| asks(rig, order(MOBILE, DialFirst::Agent));
    assert_eq!(one(&mut rig), refused("the agent has not signed in"));
    sign_in(&mut rig, A1);
    assert_eq!(one(&mut rig), refused("the phone is not registered"));
    registers(&mut rig, A1);
    for (target, why) in [
        ("1001", "nobody calls themselves"),
        ("77", "nothing answers that number"),
        ("95105688", "only an agent or a number outside can be called from a screen"),
    ] {
        assert_eq!(asks(&mut rig, order(target, DialFirst::Agent)), refused(why), "{target}");
    }
    let stranger = DialOrder { agent: AgentId(99), ..order(MOBILE, DialFirst::Agent) };
    assert_eq!(asks(&mut rig, stranger), refused("there is no such agent"));
    act(&mut rig, A1, AgentAction::DoNotDisturb { on: true });
    let other = DialOrder { by: UserId(77), ..order(MOBILE, DialFirst::Agent) };
    assert_eq!(asks(&mut rig, other), refused("the agent is not to be disturbed"));
    assert_eq!(rung(&rig), []);
    clicks(&mut rig, MOBILE, DialFirst::Agent);
    assert_eq!(one(&mut rig), refused("the agent has another call"), "their own wish rings");
    rig.wait(secs(8));
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

#[test]
fn a_customer_whom_nobody_takes_hears_so_and_an_agent_who_does_not_answer_costs_nothing() {
    let mut rig = ready(demo_plan());
    rig.phones.insert(A1, Phone::Rings);
    clicks(&mut rig, MOBILE, DialFirst::Agent);
    rig.wait(secs(50));
    assert_eq!(rung(&rig), [pair("1", MOBILE)], "the customer was never called");
    assert_eq!(
        (outcome(&rig), activity(&mut rig)),
        ((Outcome::Failed, 19, Party::System), Activity::Idle)
    );
    clicks(&mut rig, MOBILE, DialFirst::Customer);
    rig.wait(secs(4));
    let customer = *rig.legs().first().expect("the customer waits");
    rig.wait(secs(46));
    let heard = heard(&rig, customer);
    assert_eq!(heard, ["Ringback", "busy"]);
    rig.outside = Phone::Refuses(486);
    clicks(&mut rig, MOBILE, DialFirst::Customer);
    rig.wait(secs(1));
    assert_eq!(activity(&mut rig), Activity::Idle, "free again when the customer is engaged");
    balanced(&mut rig);
    assert_eq!(rung(&rig).iter().filter(|(to, _)| to == "1").count(), 2);
}

#[test]
fn a_customer_who_leaves_before_the_agent_answers_frees_the_agent() {
    let mut rig = ready(demo_plan());
    rig.phones.insert(A1, Phone::Rings);
    clicks(&mut rig, MOBILE, DialFirst::Customer);
    rig.wait(secs(4));
    let agent = rig.leg_of(A1).expect("the agent rings");
    let customer = rig.legs().into_iter().find(|&leg| leg != agent).expect("and one waits");
    rig.hangs_up(customer);
    rig.wait(secs(1));
    assert_eq!((rig.switch.calls(), activity(&mut rig)), (0, Activity::Idle));
    balanced(&mut rig);
}

#[test]
fn the_next_trunk_is_called_where_the_first_cannot() {
    let mut plan = demo_plan();
    let first = plan.trunks[0].clone();
    let second = terms::TrunkId(2);
    plan.trunks.push(Trunk { id: second, name: "other".into(), order: 1, ..first });
    let mut rig = ready(plan);
    rig.over.insert(crate::switch::rig::TRUNK, Phone::Refuses(503));
    clicks(&mut rig, MOBILE, DialFirst::Customer);
    rig.wait(secs(8));
    assert_eq!(phase(&mut rig), "talking");
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

#[test]
fn a_number_of_the_tenant_is_shown_when_it_is_asked_for_and_no_other() {
    let mut rig = ready(demo_plan());
    let with = |number: &str| {
        let caller_number = Some(number.to_owned());
        DialOrder { caller_number, ..order(MOBILE, DialFirst::Customer) }
    };
    assert_eq!(asks(&mut rig, with("110")), refused("no trunk may show that number"));
    assert_eq!(asks(&mut rig, with("95105602")), refused("no trunk may show that number"));
    assert!(matches!(asks(&mut rig, with("95105600")), Answer::Call(_)));
    rig.wait(secs(8));
    assert_eq!(rung(&rig)[0], pair(MOBILE, "95105600"));
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

#[test]
fn a_click_to_where_no_trunk_leads_counts_as_it_would_over_one() {
    let mut plan = demo_plan();
    plan.trunks[0].prefixes = vec!["01".to_owned()];
    let mut rig = ready(plan);
    let click = |rig: &mut Rig, target: &str| asks(rig, order(target, DialFirst::Agent));
    for _ in 0..12 {
        assert_eq!(click(&mut rig, "77"), refused("nothing answers that number"));
    }
    let no_right = refused("there is no right to call numbers of this class");
    for _ in 1..=5 {
        assert_eq!(click(&mut rig, ABROAD), no_right);
    }
    let barred = refused("calling out is barred until an administrator lifts it");
    for target in [ABROAD, MOBILE, "5555"] {
        assert_eq!(click(&mut rig, target), barred, "{target}");
    }
    let told = told(&rig);
    let word = format!("1 not to {ABROAD}: International Dial NoRight");
    assert_eq!(told.iter().filter(|told| **told == word).count(), 5, "{told:#?}");
    assert_eq!(rung(&rig), []);
    balanced(&mut rig);
}

#[test]
fn a_call_that_rang_when_the_process_was_killed_ends_and_its_agent_is_free() {
    for first in [DialFirst::Agent, DialFirst::Customer] {
        let mut rig = ready(demo_plan());
        clicks(&mut rig, MOBILE, first);
        rig.wait(secs(1));
        rig.kill(&[]);
        assert_eq!(rig.state().agents[0].call, None, "{first:?}");
        balanced(&mut rig);
        assert_eq!(outcome(&rig).0, Outcome::Interrupted, "{first:?}");
    }
}
