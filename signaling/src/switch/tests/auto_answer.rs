//! Phones that answer by themselves what queues offer, and the tone before anybody is heard.

use super::guests::room_of;
use super::*;
use crate::sip::user_agent::{Command as Sipc, Event as SipEvent, Invite};
use crate::switch::Input;
use terms::media::{Command, Event, Failure};
use terms::routing::{CallFirst, Callback, Plan, Strategy};

const TONE: &str = "Beep { ms: 400 }";

/// Agent 1's phone answers by itself.
fn plan() -> Plan {
    let mut plan = demo_plan();
    plan.agents[0].ringing.auto_answer = true;
    plan
}

/// Signed in, with phones that answer after a second.
fn world(plan: Plan, agents: &[AgentId]) -> Rig {
    let mut rig = Rig::new(plan);
    for &agent in agents {
        rig.phones.insert(agent, Phone::Answers(secs(1)));
        sign_in(&mut rig, agent);
    }
    rig
}

/// The customer and agent 1's leg, in which the tone is heard.
fn tone(rig: &mut Rig) -> (LegId, LegId) {
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(2));
    let agent = rig.leg_of(A1).expect("agent 1's phone has answered");
    assert_eq!(heard(rig, agent), [TONE]);
    (customer, agent)
}

fn last_invite(rig: &Rig) -> &Invite {
    let mut invites = rig.sip.iter().filter_map(|command| match command {
        Sipc::Invite(invite) => Some(&**invite),
        _ => None,
    });
    invites.next_back().expect("a phone was rung")
}

/// What an INVITE says of answering by itself.
fn told_to_answer(invite: &Invite) -> Vec<&str> {
    let names = ["Answer-Mode", "Call-Info", "Alert-Info"];
    let headers = invite.headers.iter().filter(|(name, _)| names.contains(&name.as_str()));
    headers.map(|(_, value)| value.as_str()).collect()
}

#[test]
fn an_offer_tells_the_phone_to_answer_by_itself_where_the_agent_or_the_queue_is_set_so() {
    for (agent, queue) in [(false, false), (true, false), (false, true)] {
        let mut plan = demo_plan();
        plan.agents[0].ringing.auto_answer = agent;
        plan.queues[0].matching.auto_answer = queue;
        let mut rig = world(plan, &[A1]);
        let customer = rig.customer_dials("95105600");
        rig.wait(secs(6));
        assert_eq!(phase(&mut rig), "talking");
        let expected: &[&str] = match agent || queue {
            true => &[
                "Auto",
                "<sip:back@switchgrid.invalid>;answer-after=0",
                "<http://switchgrid.invalid>;info=alert-autoanswer;delay=0",
            ],
            false => &[],
        };
        assert_eq!(told_to_answer(last_invite(&rig)), expected, "{agent} {queue}");
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}

#[test]
fn a_colleague_and_a_number_of_ones_own_ring_as_ever() {
    let mut plan = plan();
    plan.queues[0].matching.auto_answer = true;
    let mut rig = world(plan, &[A1, A2]);
    for by in [None, Some(A2)] {
        let leg = match by {
            None => rig.customer_dials("95105601"),
            Some(agent) => rig.agent_dials(agent, "1001"),
        };
        rig.wait(secs(2));
        assert_eq!(phase(&mut rig), "talking", "no tone goes first");
        assert!(told_to_answer(last_invite(&rig)).is_empty());
        rig.hangs_up(leg);
        rig.wait(secs(1));
    }
    balanced(&mut rig);
}

#[test]
fn the_agent_hears_a_tone_and_only_then_the_caller_hears_them() {
    let mut rig = world(plan(), &[A1]);
    let (customer, agent) = tone(&mut rig);
    assert_eq!(phase(&mut rig), "ringing");
    assert_eq!((room_of(&rig, customer), room_of(&rig, agent)), (None, None));
    assert_eq!(states(&rig, A1), ["Idle", "Ringing"]);
    assert!(!told(&rig).contains(&"answered 1".into()));
    rig.wait(secs(2));
    assert_eq!(phase(&mut rig), "talking");
    assert!(room_of(&rig, agent).is_some());
    assert_eq!(room_of(&rig, customer), room_of(&rig, agent));
    let at = |what: &dyn Fn(&Command) -> bool| rig.media.iter().position(what);
    let played = at(&|c| matches!(c, Command::Play { leg, .. } if *leg == agent));
    let joined = at(&|c| matches!(c, Command::Join { leg, .. } if *leg == agent));
    assert!(played.is_some() && played < joined, "{played:?} {joined:?}");
    assert_eq!(states(&rig, A1), ["Idle", "Ringing", "Talking"]);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn an_agent_who_hangs_up_on_the_tone_has_declined_and_the_caller_waits_on() {
    let mut rig = world(plan(), &[A1]);
    let (customer, agent) = tone(&mut rig);
    rig.hangs_up(agent);
    assert_eq!(phase(&mut rig), "waiting");
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Break declined"));
    assert!(told(&rig).contains(&"offer to 1 ended Declined".into()), "{:#?}", told(&rig));
    rig.wait(secs(5));
    assert_eq!(room_of(&rig, customer), None);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_phone_that_we_fail_in_the_tone_was_not_reached_and_its_agent_has_declined_nobody() {
    let mut rig = world(plan(), &[A1]);
    let (customer, agent) = tone(&mut rig);
    rig.feed(Input::Media(Event::Failed { leg: agent, why: Failure::Unreached }));
    assert_eq!(phase(&mut rig), "waiting");
    let told = told(&rig);
    assert!(told.contains(&"offer to 1 ended Unreachable".into()), "{told:#?}");
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Break unreachable"));
    let (tenant, agent, registered) = (TENANT, A1, true);
    rig.feed(Input::Sip(SipEvent::Registered { tenant, agent, registered }));
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking", "they are ready again by themselves");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_caller_who_hangs_up_in_the_tone_has_abandoned_and_the_agent_is_ready_again() {
    let mut rig = world(plan(), &[A1]);
    let (customer, agent) = tone(&mut rig);
    rig.hangs_up(customer);
    rig.wait(secs(5));
    assert!(!rig.legs().contains(&agent), "the phone is hung up");
    assert_eq!(states(&rig, A1), ["Idle", "Ringing", "Idle"]);
    assert_eq!(told(&rig).iter().filter(|word| *word == "abandoned").count(), 1);
    balanced(&mut rig);
}

#[test]
fn of_two_phones_that_answer_by_themselves_one_has_the_caller() {
    let mut plan = plan();
    plan.queues[0].strategy = Strategy::RingAll;
    plan.queues[0].matching.auto_answer = true;
    let mut rig = world(plan, &[A1, A2]);
    let (customer, agent) = tone(&mut rig);
    let other = rig.leg_of(A2).expect("agent 2's phone has answered too");
    assert_eq!(heard(&rig, other), [TONE]);
    rig.wait(secs(3));
    assert_eq!(phase(&mut rig), "talking");
    let left: Vec<LegId> = [agent, other].into_iter().filter(|l| rig.legs().contains(l)).collect();
    assert_eq!(left.len(), 1, "the other is hung up");
    assert_eq!(room_of(&rig, left[0]), room_of(&rig, customer));
    let answered = told(&rig).iter().filter(|word| word.starts_with("answered")).count();
    assert_eq!(answered, 1);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_process_killed_in_the_tone_rings_the_phone_again_and_the_tone_goes_first_again() {
    let mut rig = world(plan(), &[A1]);
    let (customer, agent) = tone(&mut rig);
    rig.kill(&[]);
    assert!(!rig.legs().contains(&agent), "the phone is hung up");
    rig.wait(secs(2));
    let again = rig.leg_of(A1).expect("it rings again and answers");
    assert_ne!(again, agent);
    assert_eq!((heard(&rig, again), phase(&mut rig)), (vec![TONE.to_owned()], "ringing".into()));
    rig.wait(secs(2));
    assert_eq!(room_of(&rig, customer), room_of(&rig, again));
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn who_is_called_back_is_dialled_after_the_tone() {
    let mut plan = plan();
    let callback = Callback { key: '5', first: CallFirst::Agent, ..Callback::default() };
    plan.queues[0].in_queue.callback = Some(callback);
    let mut rig = Rig::new(plan);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    rig.presses(customer, "5");
    rig.wait(secs(20));
    rig.phones.insert(A1, Phone::Answers(secs(1)));
    sign_in(&mut rig, A1);
    rig.wait(secs(2));
    let agent = rig.leg_of(A1).expect("agent 1's phone has answered");
    assert_eq!(heard(&rig, agent), [TONE]);
    assert_eq!(rig.legs(), [agent], "nobody is dialled yet");
    rig.wait(secs(10));
    assert_eq!(phase(&mut rig), "talking");
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}
