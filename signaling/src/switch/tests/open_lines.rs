//! Agents who keep their line open between calls.

use super::guests::{recorded, room_of};
use super::*;
use crate::sip::user_agent::{Command as Sipc, Event as SipEvent};
use crate::switch::Input;
use std::net::SocketAddr;
use terms::media::{Command, Event};
use terms::routing::Plan;

const OPENED: &str = "Beep { ms: 200 }";
const TONE: &str = "Beep { ms: 400 }";
const SILENCE: &str = "Silence { ms: 10000 }";

/// Agent 1 is signed in and has opened their line, which is returned.
fn open(rig: &mut Rig) -> LegId {
    let line = rig.agent_dials(A1, "*46");
    rig.wait(secs(5));
    assert!(told(rig).contains(&"line of 1 opened".into()), "{:#?}", told(rig));
    line
}

fn world(plan: Plan, agents: &[AgentId]) -> (Rig, LegId) {
    let mut rig = Rig::new(plan);
    for &agent in agents {
        sign_in(&mut rig, agent);
    }
    let line = open(&mut rig);
    (rig, line)
}

/// A customer, and agent 1 on their line in the tone that tells of them.
fn in_the_tone() -> (Rig, LegId, LegId) {
    let (mut rig, line) = world(demo_plan(), &[A1]);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "ringing");
    assert_eq!(last_heard(&rig, line), TONE);
    (rig, line, customer)
}

/// The same, once they talk.
fn on_the_line() -> (Rig, LegId, LegId) {
    let (mut rig, line, customer) = in_the_tone();
    rig.wait(secs(3));
    assert_eq!(phase(&mut rig), "talking");
    (rig, line, customer)
}

fn last_heard(rig: &Rig, of: LegId) -> String {
    heard(rig, of).last().cloned().unwrap_or_default()
}

/// Phones that were rung.
fn rung(rig: &Rig) -> usize {
    rig.sip.iter().filter(|command| matches!(command, Sipc::Invite(_))).count()
}

/// Legs that send to a port of ours, and to which.
fn inside(rig: &Rig) -> Vec<(LegId, SocketAddr)> {
    let ours = rig.media.iter().filter_map(|command| match command {
        Command::Connect { leg, remote } => Some((*leg, remote.rtp)),
        _ => None,
    });
    ours.filter(|(_, to)| to.ip().to_string() == "203.0.113.1").collect()
}

fn is_open(rig: &mut Rig) -> bool {
    rig.state().agents.iter().any(|live| live.agent == A1 && live.line.is_some())
}

fn state_of(rig: &Rig) -> String {
    states(rig, A1).last().cloned().unwrap_or_default()
}

#[test]
fn an_open_line_is_told_of_a_caller_by_a_tone_and_stays_for_the_next_one() {
    let (mut rig, line) = world(demo_plan(), &[A1]);
    assert_eq!(heard(&rig, line), [OPENED, SILENCE]);
    assert_eq!((states(&rig, A1), is_open(&mut rig)), (vec!["Idle".to_owned()], true));
    assert!(rig.state().calls.is_empty(), "a line is no conversation");
    for n in 1..=2 {
        let customer = rig.customer_dials("95105600");
        rig.wait(secs(1));
        assert_eq!((phase(&mut rig).as_str(), state_of(&rig).as_str()), ("ringing", "Ringing"));
        assert_eq!((last_heard(&rig, line).as_str(), room_of(&rig, line)), (TONE, None));
        rig.wait(secs(3));
        assert_eq!((phase(&mut rig).as_str(), state_of(&rig).as_str()), ("talking", "Talking"));
        let [.., (end, _), (leg, _)] = inside(&rig)[..] else { panic!("{:?}", inside(&rig)) };
        assert_eq!(inside(&rig).len(), 2 * n);
        assert_eq!(room_of(&rig, leg), room_of(&rig, customer));
        assert_eq!(room_of(&rig, end), room_of(&rig, line));
        assert!(room_of(&rig, line).is_some() && room_of(&rig, line) != room_of(&rig, customer));
        assert_eq!((rung(&rig), rig.legs().len()), (0, 2), "no phone rang");
        rig.hangs_up(customer);
        rig.wait(secs(60));
        assert_eq!((rig.legs(), last_heard(&rig, line).as_str()), (vec![line], SILENCE));
        assert_eq!((room_of(&rig, line), state_of(&rig).as_str()), (None, "Idle"));
    }
    rig.hangs_up(line);
    assert!(told(&rig).contains(&"line of 1 closed".into()) && !is_open(&mut rig));
    assert_eq!(state_of(&rig), "Idle", "they are there, and are rung from now on");
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!((phase(&mut rig).as_str(), rung(&rig)), ("talking", 1));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn the_two_ends_send_to_each_other_what_the_phone_speaks() {
    let (mut rig, _, customer) = on_the_line();
    let remotes = rig.media.iter().filter_map(|command| match command {
        Command::Connect { leg, remote } => Some((*leg, remote)),
        _ => None,
    });
    let ends: Vec<_> = inside(&rig).into_iter().map(|(leg, _)| leg).collect();
    let of_both: Vec<_> = remotes.filter(|(leg, _)| ends.contains(leg)).collect();
    let [(_, one), (_, other)] = of_both[..] else { panic!("{of_both:?}") };
    assert_ne!(one.rtp, other.rtp);
    assert_eq!(one.send.codec, other.send.codec);
    assert_eq!(one.send.codec, terms::media::Codec::Pcma, "what the phone speaks is relayed");
    assert!(one.srtp.is_none() && !one.nat && !other.nat);
    rig.hangs_up(customer);
    all_hang_up(&mut rig);
}

fn all_hang_up(rig: &mut Rig) {
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(rig);
}

#[test]
fn a_line_is_no_leg_of_the_conversation_and_on_no_recording() {
    let (mut rig, line, customer) = on_the_line();
    let parties: Vec<LegId> = recorded(&rig).into_iter().map(|(leg, _)| leg).collect();
    assert!(parties.contains(&customer) && !parties.contains(&line), "{parties:?}");
    assert_eq!(parties.len(), 2);
    let starts = |c: &&Command| matches!(c, Command::RecordStart(_));
    assert_eq!(rig.media.iter().filter(starts).count(), 1);
    rig.hangs_up(customer);
    all_hang_up(&mut rig);
    let legs = told(&rig).iter().filter(|word| word.starts_with("leg A")).count();
    assert_eq!(legs, 2, "the line's and the conversation's: {:#?}", told(&rig));
    assert!(!told(&rig).contains(&"leg Outside".into()));
    assert!(told(&rig).contains(&"ended IvrOnly 16 by Agent".into()), "{:#?}", told(&rig));
}

#[test]
fn a_caller_who_hangs_up_in_the_tone_leaves_the_line_open_and_the_agent_ready() {
    let (mut rig, line, customer) = in_the_tone();
    rig.hangs_up(customer);
    rig.wait(secs(5));
    assert_eq!((rig.legs(), last_heard(&rig, line).as_str()), (vec![line], SILENCE));
    assert_eq!(states(&rig, A1), ["Idle", "Ringing", "Idle"]);
    assert_eq!(told(&rig).iter().filter(|word| *word == "abandoned").count(), 1);
    all_hang_up(&mut rig);
}

#[test]
fn who_hangs_up_the_line_on_the_tone_has_declined_and_the_caller_waits() {
    let (mut rig, line, customer) = in_the_tone();
    rig.hangs_up(line);
    assert_eq!((phase(&mut rig).as_str(), is_open(&mut rig)), ("waiting", false));
    assert_eq!(state_of(&rig), "Break declined");
    rig.wait(secs(3));
    assert_eq!(room_of(&rig, customer), None);
    all_hang_up(&mut rig);
}

#[test]
fn who_hangs_up_the_line_in_a_conversation_hangs_up_both() {
    let (mut rig, line, _) = on_the_line();
    rig.hangs_up(line);
    let told = told(&rig);
    assert!(told.contains(&"released 1 by Agent".into()), "{told:#?}");
    assert!(told.contains(&"survey".into()), "what follows is what follows any hang-up");
    assert!(told.contains(&"line of 1 closed".into()) && !is_open(&mut rig));
    all_hang_up(&mut rig);
}

#[test]
fn three_stars_hang_up_the_conversation_and_not_the_line() {
    let (mut rig, line, _) = on_the_line();
    rig.presses(line, "**1*");
    assert_eq!(phase(&mut rig), "talking");
    rig.presses(line, "**");
    assert_eq!((phase(&mut rig).as_str(), is_open(&mut rig)), ("survey", true));
    assert!(told(&rig).contains(&"released 1 by Agent".into()), "{:#?}", told(&rig));
    assert_eq!(last_heard(&rig, line), SILENCE);
    all_hang_up(&mut rig);
}

#[test]
fn three_stars_in_the_tone_decline() {
    let (mut rig, line, _) = in_the_tone();
    for _ in 0..3 {
        rig.feed(Input::Media(Event::Digit { leg: line, digit: '*', duration_ms: 100 }));
    }
    assert_eq!((phase(&mut rig).as_str(), is_open(&mut rig)), ("waiting", true));
    assert_eq!(state_of(&rig), "Break declined");
    assert_eq!(last_heard(&rig, line), SILENCE);
    all_hang_up(&mut rig);
}

#[test]
fn a_key_by_info_goes_on_to_the_conversation() {
    let (mut rig, line, _) = on_the_line();
    rig.feed(Input::Sip(SipEvent::Digit { leg: line, digit: '5', duration_ms: 100 }));
    let (end, _) = inside(&rig)[0];
    let sent = |c: &Command| matches!(c, Command::SendDigits { leg, digits } if *leg == end && digits == "5");
    assert!(rig.media.iter().any(sent));
    all_hang_up(&mut rig);
}

#[test]
fn the_hold_of_the_phone_is_that_of_the_conversation() {
    let (mut rig, line, customer) = on_the_line();
    rig.reinvites(line, Some("sendonly"));
    assert_eq!((phase(&mut rig).as_str(), state_of(&rig).as_str()), ("holding", "Holding"));
    assert_eq!(last_heard(&rig, customer), "music/hold");
    rig.reinvites(line, Some("sendrecv"));
    assert_eq!((phase(&mut rig).as_str(), state_of(&rig).as_str()), ("talking", "Talking"));
    all_hang_up(&mut rig);
}

#[test]
fn a_line_on_hold_is_not_listened_to_and_the_phone_rings() {
    let (mut rig, line) = world(demo_plan(), &[A1]);
    rig.reinvites(line, Some("sendonly"));
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!((phase(&mut rig).as_str(), rung(&rig)), ("talking", 1));
    rig.hangs_up(customer);
    rig.wait(secs(60));
    rig.reinvites(line, Some("sendrecv"));
    rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!((phase(&mut rig).as_str(), rung(&rig)), ("talking", 1));
    all_hang_up(&mut rig);
}

#[test]
fn a_break_keeps_the_line_and_signing_out_ends_it_after_the_conversation() {
    let (mut rig, line, customer) = on_the_line();
    act(&mut rig, A1, AgentAction::Break { reason: "lunch".into() });
    rig.hangs_up(customer);
    rig.wait(secs(60));
    assert_eq!((rig.legs(), state_of(&rig).as_str()), (vec![line], "Break lunch"));
    act(&mut rig, A1, AgentAction::Ready);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    act(&mut rig, A1, AgentAction::SignOut);
    assert_eq!((phase(&mut rig).as_str(), is_open(&mut rig)), ("talking", true));
    rig.hangs_up(customer);
    rig.wait(secs(60));
    assert!(rig.legs().is_empty() && !is_open(&mut rig));
    assert_eq!(state_of(&rig), "SignedOut");
    balanced(&mut rig);
}

#[test]
fn who_has_not_signed_in_or_talks_opens_no_line() {
    let mut rig = Rig::new(demo_plan());
    let line = rig.agent_dials(A1, "*46");
    rig.wait(secs(5));
    assert_eq!((heard(&rig, line), rig.legs().len()), (vec!["invalid".to_owned()], 0));
    sign_in(&mut rig, A1);
    rig.customer_dials("95105600");
    rig.wait(secs(5));
    let line = rig.agent_dials(A1, "*46");
    let refused = |c: &Sipc| matches!(c, Sipc::Reject { leg, status: 486, .. } if *leg == line);
    assert!(rig.sip.iter().any(refused));
    assert!(!told(&rig).contains(&"line of 1 opened".into()));
    all_hang_up(&mut rig);
}

#[test]
fn a_new_line_takes_the_place_of_one_whose_phone_is_forgotten() {
    let (mut rig, old) = world(demo_plan(), &[A1]);
    let line = rig.agent_dials(A1, "*46");
    rig.wait(secs(5));
    assert_eq!((rig.legs(), is_open(&mut rig)), (vec![line], true));
    assert_ne!(line, old);
    rig.customer_dials("95105600");
    rig.wait(secs(1));
    assert_eq!(last_heard(&rig, line), TONE);
    all_hang_up(&mut rig);
}

#[test]
fn a_colleague_is_told_by_the_tone_too_and_a_second_caller_rings_the_phone() {
    let mut plan = demo_plan();
    plan.agents[0].ringing.call_waiting = true;
    let (mut rig, line) = world(plan, &[A1, A2]);
    rig.agent_dials(A2, "1001");
    rig.wait(secs(1));
    assert_eq!((phase(&mut rig).as_str(), last_heard(&rig, line).as_str()), ("ringing", TONE));
    rig.wait(secs(3));
    assert_eq!((phase(&mut rig).as_str(), rung(&rig)), ("talking", 0));
    rig.customer_dials("95105601");
    rig.wait(secs(1));
    assert_eq!(rung(&rig), 1, "one call at a time is on a line");
    all_hang_up(&mut rig);
}

#[test]
fn where_there_is_no_port_for_it_the_agent_was_not_reached_and_the_line_stays() {
    let (mut rig, line) = world(demo_plan(), &[A1]);
    let opens = |rig: &Rig| rig.media.iter().filter(|c| matches!(c, Command::Open { .. })).count();
    let before = opens(&rig);
    let customer = rig.customer_dials("95105600");
    while opens(&rig) < before + 2 {
        rig.wait(Duration::from_millis(1));
    }
    rig.ports = false;
    rig.wait(secs(1));
    rig.ports = true;
    assert_eq!(
        (phase(&mut rig).as_str(), state_of(&rig).as_str()),
        ("waiting", "Break unreachable")
    );
    assert!(rig.legs().contains(&line) && rig.legs().contains(&customer) && is_open(&mut rig));
    all_hang_up(&mut rig);
}

#[test]
fn a_conversation_on_a_line_outlives_a_kill_and_so_does_the_line() {
    for agent_ends in [true, false] {
        let (mut rig, line, customer) = on_the_line();
        rig.kill(&[]);
        assert_eq!((phase(&mut rig).as_str(), is_open(&mut rig)), ("talking", true));
        let (end, _) = inside(&rig)[0];
        let joined = |of: LegId| {
            let joins = |c: &&Command| matches!(c, Command::Join { leg, .. } if *leg == of);
            rig.media.iter().filter(joins).count()
        };
        assert_eq!((joined(line), joined(end), joined(customer)), (2, 2, 2));
        rig.wait(secs(60));
        if agent_ends {
            rig.presses(line, "***");
        } else {
            rig.hangs_up(customer);
        }
        rig.wait(secs(60));
        let by = if agent_ends { "Agent" } else { "Customer" };
        assert!(told(&rig).contains(&format!("released 1 by {by}")), "{:#?}", told(&rig));
        assert!(is_open(&mut rig));
        rig.customer_dials("95105600");
        rig.wait(secs(5));
        assert_eq!((phase(&mut rig).as_str(), rung(&rig)), ("talking", 0));
        all_hang_up(&mut rig);
    }
}

#[test]
fn a_process_killed_in_the_tone_tells_of_the_caller_again() {
    let (mut rig, line, customer) = in_the_tone();
    rig.kill(&[]);
    assert!(is_open(&mut rig));
    rig.wait(secs(1));
    assert_eq!((phase(&mut rig).as_str(), last_heard(&rig, line).as_str()), ("ringing", TONE));
    rig.wait(secs(3));
    assert_eq!((phase(&mut rig).as_str(), rung(&rig)), ("talking", 0));
    rig.hangs_up(customer);
    all_hang_up(&mut rig);
}

#[test]
fn what_does_not_come_back_of_a_line_from_a_kill_takes_the_conversation_from_it() {
    // The phone's own leg, the line's end, and that of the conversation.
    for lost in 0..3 {
        let (mut rig, line, customer) = on_the_line();
        let [(end, _), (leg, _)] = inside(&rig)[..] else { panic!("{:?}", inside(&rig)) };
        rig.kill(&[[line, end, leg][lost]]);
        rig.wait(secs(1));
        assert_eq!(is_open(&mut rig), lost > 0, "{lost}");
        assert!(room_of(&rig, leg).is_none() || !rig.legs().contains(&customer), "{lost}");
        if lost < 2 {
            assert!(told(&rig).contains(&"released 1 by Agent".into()), "{:#?}", told(&rig));
        } else {
            assert!(!rig.legs().contains(&customer));
        }
        if lost > 0 {
            assert_eq!(last_heard(&rig, line), SILENCE);
        }
        all_hang_up(&mut rig);
    }
}

#[test]
fn the_next_caller_in_line_comes_to_the_line_at_once() {
    let mut plan = demo_plan();
    plan.queues[0].wrap_up_s = 0;
    let (mut rig, line) = world(plan, &[A1]);
    let first = rig.customer_dials("95105600");
    let second = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!((room_of(&rig, first).is_some(), room_of(&rig, second)), (true, None));
    rig.hangs_up(first);
    rig.wait(secs(1));
    assert_eq!((last_heard(&rig, line).as_str(), rung(&rig)), (TONE, 0));
    rig.wait(secs(3));
    assert!(room_of(&rig, second).is_some());
    all_hang_up(&mut rig);
}

#[test]
fn a_screen_has_the_phone_rung_once_and_hangs_the_line_up() {
    let mut rig = rig_with(&[A1]);
    let why = "the phone is not registered".to_owned();
    assert_eq!(act(&mut rig, A1, AgentAction::OpenLine), Answer::Refused(why));
    let (tenant, agent, registered) = (TENANT, A1, true);
    rig.feed(Input::Sip(SipEvent::Registered { tenant, agent, registered }));
    assert_eq!(act(&mut rig, A1, AgentAction::OpenLine), Answer::Done);
    rig.wait(secs(1));
    assert_eq!((rung(&rig), is_open(&mut rig)), (1, false), "it rings");
    rig.wait(secs(5));
    let line = rig.leg_of(A1).expect("it was answered");
    assert_eq!((heard(&rig, line), is_open(&mut rig)), (vec![OPENED.into(), SILENCE.into()], true));
    let why = "the line is open already".to_owned();
    assert_eq!(act(&mut rig, A1, AgentAction::OpenLine), Answer::Refused(why));
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!((phase(&mut rig).as_str(), rung(&rig)), ("talking", 1));
    rig.hangs_up(customer);
    rig.wait(secs(60));
    assert_eq!(act(&mut rig, A1, AgentAction::CloseLine), Answer::Done);
    rig.wait(secs(1));
    assert!(rig.legs().is_empty() && !is_open(&mut rig));
    let why = "no line is open".to_owned();
    assert_eq!(act(&mut rig, A1, AgentAction::CloseLine), Answer::Refused(why));
    balanced(&mut rig);
}

#[test]
fn a_phone_that_does_not_answer_opens_no_line_and_the_agent_is_free() {
    let mut rig = rig_with(&[A1]);
    let (tenant, agent, registered) = (TENANT, A1, true);
    rig.feed(Input::Sip(SipEvent::Registered { tenant, agent, registered }));
    rig.phones.insert(A1, Phone::Rings);
    assert_eq!(act(&mut rig, A1, AgentAction::OpenLine), Answer::Done);
    rig.wait(secs(200));
    assert!(rig.legs().is_empty() && !is_open(&mut rig));
    assert!(!told(&rig).iter().any(|word| word.starts_with("line of")), "{:#?}", told(&rig));
    rig.phones.insert(A1, Phone::Answers(secs(1)));
    rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    all_hang_up(&mut rig);
}

#[test]
fn a_box_that_stops_waits_for_the_conversation_and_not_for_the_line() {
    let (mut rig, _, customer) = on_the_line();
    let request = rig.ask_later(Ask::Drain { within_s: 3_600 });
    rig.wait(secs(60));
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(customer);
    rig.wait(secs(5));
    assert!(rig.answers.iter().any(|answer| answer.id == request), "{:#?}", told(&rig));
    assert!(!told(&rig).iter().any(|word| word.starts_with("ended Interrupted")));
    balanced(&mut rig);
}
