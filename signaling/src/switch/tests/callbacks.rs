//! Callers who are called back: they keep their place, pass nobody, and are rung by one call alone.

use super::super::rig::TRUNK;
use super::*;
use crate::sip::user_agent::{Command as Sipc, Destination, Early, Event as SipEvent, Origin};
use crate::switch::Input;
use crate::switch::rig::sdp;
use terms::UserId;
use terms::control::LiveCallback;
use terms::event::Direction;
use terms::media::{Event as MediaEvent, Progress, TonePlan};
use terms::routing::{CallFirst, Callback, Hours, Plan, Window};

const FIRST: &str = "13800138000";
const SECOND: &str = "13800138001";
const THIRD: &str = "13800138002";

/// The demo plan, whose queue 1 calls back with key 5.
fn plan_with(change: impl FnOnce(&mut Callback)) -> Plan {
    let mut plan = demo_plan();
    let mut callback = Callback { key: '5', pause_s: 30, age_max_s: 1_200, ..Callback::default() };
    change(&mut callback);
    plan.queues[0].in_queue.callback = Some(callback);
    plan.queues[0].wait_max_s = 1_200;
    plan
}

fn first(first: CallFirst) -> Rig {
    Rig::new(plan_with(|callback| callback.first = first))
}

fn rings(rig: &mut Rig, caller: &str) -> LegId {
    let leg = rig.dials(Origin::Trunk(TRUNK), caller, "95105600", true);
    rig.wait(secs(5));
    leg
}

/// Somebody rings, asks to be called back, and hears that they will be.
fn asks_back(rig: &mut Rig, caller: &str) -> LegId {
    let leg = rings(rig, caller);
    rig.presses(leg, "5");
    rig.wait(secs(3));
    assert!(heard(rig, leg).contains(&"callback_taken".to_owned()), "{:?}", heard(rig, leg));
    leg
}

fn callbacks(rig: &mut Rig) -> Vec<LiveCallback> {
    rig.state().callbacks
}

/// The numbers of customers whom agents answered, in order.
fn order(rig: &Rig) -> Vec<String> {
    let number = |of: Option<CallId>| {
        let mut started = rig.log.iter().filter(|entry| entry.call == of);
        started.find_map(|entry| match &entry.kind {
            Kind::CallStarted { direction: Direction::Outbound, called, .. } => {
                Some(called.normal.trim_start_matches("+86").to_owned())
            }
            Kind::CallStarted { caller, .. } => {
                Some(caller.normal.trim_start_matches("+86").to_owned())
            }
            _ => None,
        })
    };
    let answers = rig.log.iter().filter(|entry| matches!(entry.kind, Kind::Answered { .. }));
    answers.filter_map(|entry| number(entry.call)).collect()
}

/// What was dialled outside, and the number that was shown.
fn dialled(rig: &Rig) -> Vec<(String, String)> {
    let outside = rig.sip.iter().filter_map(|command| match command {
        Sipc::Invite(invite) => match &invite.to {
            Destination::Trunk(_, _, digits) => Some((digits.clone(), invite.from_user.clone())),
            Destination::Agent(..) => None,
        },
        _ => None,
    });
    outside.collect()
}

/// What became of callbacks, in order.
fn story(rig: &Rig) -> Vec<String> {
    let of = |kind: &Kind| matches!(kind, Kind::Callback(_));
    rig.log.iter().filter(|entry| of(&entry.kind)).filter_map(|entry| word(&entry.kind)).collect()
}

/// The leg that is dialled outside last, whose network says before its answer that the line is busy.
fn is_busy_in_tones(rig: &mut Rig) {
    let leg = rig.sip.iter().rev().find_map(|command| match command {
        Sipc::Invite(invite) if matches!(invite.to, Destination::Trunk(..)) => Some(invite.leg),
        _ => None,
    });
    let leg = leg.expect("somebody is dialled");
    let (sdp, source) = (sdp("sendrecv"), rig.called_at);
    let early = Some(Box::new(Early { sdp, source, encrypted: false, nat: false }));
    rig.feed(Input::Sip(SipEvent::Progress { leg, status: 183, early }));
    rig.feed(Input::Media(MediaEvent::Progress { leg, tone: Progress::Busy }));
    rig.wait(secs(1));
}

#[test]
fn who_is_busy_in_tones_alone_is_unreached_and_tried_again() {
    for mode in [CallFirst::Agent, CallFirst::Customer] {
        let mut plan = plan_with(|callback| (callback.first, callback.tries_max) = (mode, 2));
        plan.trunks[0].listening.tones = Some(TonePlan::China);
        let mut rig = Rig::new(plan);
        rig.outside = Phone::Silent;
        asks_back(&mut rig, FIRST);
        sign_in(&mut rig, A1);
        rig.wait(secs(10));
        is_busy_in_tones(&mut rig);
        assert_eq!(story(&rig)[1..], ["tried 1", "unreached 1 by 17"], "{mode:?}");
        rig.wait(secs(50));
        assert_eq!(dialled(&rig).len(), 2, "{mode:?}: after the pause");
        is_busy_in_tones(&mut rig);
        let expected = ["tried 2", "unreached 2 by 17", "callback GivenUp"];
        assert_eq!(story(&rig)[3..], expected, "{mode:?}");
        all_leave(&mut rig);
        balanced(&mut rig);
    }
}

fn all_leave(rig: &mut Rig) {
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    rig.wait(secs(20));
}

#[test]
fn an_agent_accepts_and_the_customer_is_dialled_under_the_number_that_they_called() {
    let mut rig = first(CallFirst::Agent);
    let asked = asks_back(&mut rig, FIRST);
    assert!(!rig.legs().contains(&asked), "the line is free again");
    let state = rig.state();
    assert_eq!((state.calls.len(), state.queues[0].waiting), (0, 1), "a place without a caller");
    assert_eq!(state.callbacks[0].position, Some(1));
    assert_eq!(state.callbacks[0].number, "+8613800138000");
    sign_in(&mut rig, A1);
    rig.wait(secs(2));
    assert_eq!(dialled(&rig), [], "the agent has not accepted yet");
    rig.wait(secs(8));
    assert_eq!(dialled(&rig), [(FIRST.to_owned(), "95105600".to_owned())]);
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(order(&rig), [FIRST]);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    rig.hangs_up(agent);
    rig.wait(secs(15));
    let told = told(&rig);
    assert!(told.contains(&"survey".to_owned()), "a conversation of the queue's: {told:#?}");
    assert!(states(&rig, A1).contains(&"WrapUp".to_owned()));
    assert_eq!(
        story(&rig),
        ["+8613800138000 asked back, Agent first", "tried 1", "callback Reached"]
    );
    assert_eq!(callbacks(&mut rig), []);
    all_leave(&mut rig);
    balanced(&mut rig);
}

#[test]
fn nobody_jumps_the_queue_by_asking_to_be_called_back() {
    for mode in [CallFirst::Agent, CallFirst::Customer] {
        let mut rig = first(mode);
        rings(&mut rig, FIRST);
        asks_back(&mut rig, SECOND);
        rings(&mut rig, THIRD);
        let queue = rig.state().queues[0].clone();
        assert_eq!(queue.waiting, 3, "{mode:?}: the place is kept");
        assert_eq!(callbacks(&mut rig)[0].position, Some(2), "{mode:?}");
        sign_in(&mut rig, A1);
        rig.wait(secs(10));
        assert_eq!(order(&rig), [FIRST], "{mode:?}: who stood before them goes first");
        if mode == CallFirst::Customer {
            assert_eq!(dialled(&rig).len(), 1, "they are the next, and dialled in time");
        }
        for _ in 0..2 {
            let agent = rig.leg_of(A1).expect("agent 1 talks");
            rig.hangs_up(agent);
            rig.wait(secs(30));
        }
        assert_eq!(order(&rig), [FIRST, SECOND, THIRD], "{mode:?}: and nobody passes them");
        all_leave(&mut rig);
        balanced(&mut rig);
    }
}

#[test]
fn who_asks_after_others_have_come_keeps_the_time_that_they_waited() {
    for mode in [CallFirst::Agent, CallFirst::Customer] {
        let mut rig = first(mode);
        let asks = rings(&mut rig, FIRST);
        rings(&mut rig, SECOND);
        rig.presses(asks, "5");
        rig.wait(secs(3));
        assert_eq!(callbacks(&mut rig)[0].position, Some(1), "{mode:?}");
        sign_in(&mut rig, A1);
        rig.wait(secs(10));
        if mode == CallFirst::Agent {
            assert_eq!(order(&rig), [FIRST], "they came first");
        }
        all_leave(&mut rig);
        balanced(&mut rig);
    }
}

#[test]
fn a_customer_is_dialled_only_shortly_before_their_turn() {
    let mut rig = first(CallFirst::Customer);
    sign_in(&mut rig, A1);
    rings(&mut rig, THIRD);
    let before = rings(&mut rig, FIRST);
    asks_back(&mut rig, SECOND);
    rig.wait(secs(60));
    assert_eq!(dialled(&rig), [], "some minutes are left with one more before them");
    rig.hangs_up(before);
    rig.wait(secs(10));
    assert_eq!(dialled(&rig).len(), 1);
    let told = told(&rig);
    assert_eq!(told.last().map(String::as_str), Some("enqueued 1 at 1"), "{told:#?}");
    all_leave(&mut rig);
    balanced(&mut rig);
}

#[test]
fn a_customer_who_rings_again_has_the_place_and_is_not_dialled_twice() {
    for mode in [CallFirst::Agent, CallFirst::Customer] {
        let mut rig = first(mode);
        rig.outside = Phone::Rings;
        asks_back(&mut rig, FIRST);
        rings(&mut rig, SECOND);
        sign_in(&mut rig, A2);
        if mode == CallFirst::Customer {
            // The agent takes who is on the line, and the customer is dialled meanwhile.
            rig.wait(secs(10));
        }
        rig.wait(secs(5));
        assert_eq!(dialled(&rig).len(), 1, "{mode:?}: their phone rings");
        let again = rings(&mut rig, FIRST);
        assert_eq!(story(&rig).last().map(String::as_str), Some("callback CameBack"), "{mode:?}");
        assert_eq!(callbacks(&mut rig), []);
        let places: Vec<String> =
            told(&rig).into_iter().filter(|word| word.starts_with("enqueued")).collect();
        assert_eq!(places.last().map(String::as_str), Some("enqueued 1 at 1"), "{mode:?}");
        rig.wait(secs(200));
        assert_eq!(dialled(&rig).len(), 1, "{mode:?}: and nobody dials them again");
        if mode == CallFirst::Agent {
            assert_eq!(order(&rig), [FIRST], "the agent who waited for them has them");
        }
        rig.hangs_up(again);
        all_leave(&mut rig);
        balanced(&mut rig);
    }
}

/// They ring in and hear the flow.
fn hears_the_flow(rig: &mut Rig, caller: &str) -> LegId {
    let leg = rig.dials(Origin::Trunk(TRUNK), caller, "95105688", true);
    rig.wait(secs(1));
    assert_eq!(heard(rig, leg), ["welcome"]);
    leg
}

#[test]
fn a_customer_who_hears_a_flow_is_called_back_when_they_have_left_and_no_sooner() {
    for mode in [CallFirst::Agent, CallFirst::Customer] {
        let mut rig = first(mode);
        asks_back(&mut rig, FIRST);
        let inside = hears_the_flow(&mut rig, FIRST);
        sign_in(&mut rig, A1);
        rig.wait(secs(6));
        assert_eq!((dialled(&rig), rig.leg_of(A1)), (Vec::new(), None), "{mode:?}");
        assert_eq!(callbacks(&mut rig)[0].position, Some(1), "{mode:?}: the place is kept");
        rig.hangs_up(inside);
        rig.wait(secs(15));
        assert_eq!(order(&rig), [FIRST], "{mode:?}");
        assert_eq!(dialled(&rig).len(), 1, "{mode:?}");
        all_leave(&mut rig);
        balanced(&mut rig);
    }
}

#[test]
fn an_agent_who_accepts_while_the_customer_hears_a_flow_is_let_go_and_the_place_is_kept() {
    let mut rig = first(CallFirst::Agent);
    asks_back(&mut rig, FIRST);
    sign_in(&mut rig, A1);
    rig.wait(secs(1));
    assert!(rig.leg_of(A1).is_some(), "their phone rings");
    let inside = hears_the_flow(&mut rig, FIRST);
    rig.wait(secs(4));
    assert_eq!((dialled(&rig), rig.leg_of(A1)), (Vec::new(), None));
    let waits = callbacks(&mut rig).remove(0);
    assert_eq!((waits.position, waits.tries), (Some(1), 0), "it was no try");
    rig.hangs_up(inside);
    rig.wait(secs(30));
    assert_eq!((order(&rig), dialled(&rig).len()), (vec![FIRST.to_owned()], 1));
    all_leave(&mut rig);
    balanced(&mut rig);
}

#[test]
fn after_a_kill_who_is_still_on_the_line_is_not_called_and_who_is_gone_is() {
    for lost in [false, true] {
        let mut rig = first(CallFirst::Agent);
        asks_back(&mut rig, FIRST);
        let inside = hears_the_flow(&mut rig, FIRST);
        let legs = if lost { vec![inside] } else { Vec::new() };
        rig.kill(&legs);
        sign_in(&mut rig, A1);
        rig.wait(secs(5));
        assert_eq!(dialled(&rig).len(), usize::from(lost), "lost {lost}");
        rig.hangs_up(inside);
        rig.wait(secs(15));
        assert_eq!((order(&rig), dialled(&rig).len()), (vec![FIRST.to_owned()], 1), "lost {lost}");
        all_leave(&mut rig);
        balanced(&mut rig);
    }
}

/// Nobody who is on the line waits for a phone that rings.
#[test]
fn an_agent_takes_who_is_on_the_line_while_a_customer_is_dialled_who_is_the_next_then() {
    let mut rig = first(CallFirst::Customer);
    rig.outside = Phone::Answers(secs(20));
    asks_back(&mut rig, FIRST);
    rings(&mut rig, SECOND);
    rings(&mut rig, THIRD);
    sign_in(&mut rig, A1);
    rig.wait(secs(10));
    assert_eq!((order(&rig), dialled(&rig).len()), (vec![SECOND.to_owned()], 1));
    rig.wait(secs(20));
    assert_eq!(callbacks(&mut rig), [], "the customer is on the line");
    for expected in [FIRST, THIRD] {
        let agent = rig.leg_of(A1).expect("agent 1 talks");
        rig.hangs_up(agent);
        rig.wait(secs(30));
        assert_eq!(order(&rig).last().map(String::as_str), Some(expected));
    }
    all_leave(&mut rig);
    balanced(&mut rig);
}

#[test]
fn a_customer_who_is_not_reached_is_tried_after_a_pause_and_given_up_in_the_end() {
    for mode in [CallFirst::Agent, CallFirst::Customer] {
        let mut rig = Rig::new(plan_with(|callback| {
            (callback.first, callback.tries_max) = (mode, 2);
        }));
        rig.outside = Phone::Refuses(486);
        asks_back(&mut rig, FIRST);
        sign_in(&mut rig, A1);
        rig.wait(secs(10));
        assert_eq!(dialled(&rig).len(), 1, "{mode:?}");
        let waits = callbacks(&mut rig).remove(0);
        assert_eq!((waits.tries, waits.position), (1, Some(1)), "{mode:?}: the place is kept");
        assert!(waits.not_before.is_some());
        rig.wait(secs(15));
        assert_eq!(dialled(&rig).len(), 1, "{mode:?}: not before the pause is over");
        rig.wait(secs(300));
        assert_eq!(dialled(&rig).len(), 2, "{mode:?}: as often as the queue says");
        assert_eq!(
            story(&rig)[1..],
            ["tried 1", "unreached 1 by 17", "tried 2", "unreached 2 by 17", "callback GivenUp"],
            "{mode:?}"
        );
        assert_eq!(rig.state().queues[0].waiting, 0);
        assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Idle"), "{mode:?}");
        balanced(&mut rig);
    }
}

#[test]
fn an_agent_who_hangs_up_while_the_customer_is_rung_stops_that_and_the_place_is_kept() {
    let mut rig = first(CallFirst::Agent);
    rig.outside = Phone::Rings;
    asks_back(&mut rig, FIRST);
    sign_in(&mut rig, A1);
    rig.wait(secs(5));
    let agent = rig.leg_of(A1).expect("agent 1 has accepted");
    rig.hangs_up(agent);
    rig.wait(secs(1));
    assert_eq!(rig.legs(), [], "the customer's phone is silent");
    assert_eq!(callbacks(&mut rig)[0].position, Some(1));
    rig.outside = Phone::Answers(secs(3));
    rig.wait(secs(60));
    assert_eq!(order(&rig), [FIRST]);
    all_leave(&mut rig);
    balanced(&mut rig);
}

#[test]
fn callbacks_outlive_a_killed_process_waiting_and_ringing() {
    for mode in [CallFirst::Agent, CallFirst::Customer] {
        let mut rig = first(mode);
        asks_back(&mut rig, FIRST);
        rig.kill(&[]);
        let kept = callbacks(&mut rig);
        assert_eq!((kept.len(), kept[0].position), (1, Some(1)), "{mode:?}");
        rig.outside = Phone::Rings;
        sign_in(&mut rig, A1);
        rig.wait(secs(10));
        assert_eq!(dialled(&rig).len(), 1, "{mode:?}: their phone rings");
        rig.kill(&[]);
        assert_eq!(rig.legs(), [], "{mode:?}: and no longer");
        assert_eq!(callbacks(&mut rig)[0].tries, 1, "{mode:?}");
        rig.outside = Phone::Answers(secs(3));
        rig.wait(secs(60));
        assert_eq!(order(&rig), [FIRST], "{mode:?}: {:#?}", told(&rig));
        assert_eq!(dialled(&rig).len(), 2);
        all_leave(&mut rig);
        balanced(&mut rig);
    }
}

#[test]
fn another_number_is_taken_only_where_it_is_allowed_and_may_be_called() {
    let mut rig = Rig::new(plan_with(|callback| callback.other_number = true));
    let leg = rings(&mut rig, FIRST);
    rig.presses(leg, "500442071234567#");
    assert!(heard(&rig, leg).contains(&"callback_not_possible".to_owned()), "abroad is not");
    assert_eq!(callbacks(&mut rig), []);
    rig.presses(leg, "513911111111#");
    rig.wait(secs(3));
    assert_eq!(callbacks(&mut rig)[0].number, "+8613911111111");
    let own = rings(&mut rig, SECOND);
    rig.presses(own, "5#");
    rig.wait(secs(3));
    assert_eq!(callbacks(&mut rig)[1].number, "+8613800138001");
    rig.wait(secs(1_200));
    assert!(story(&rig).ends_with(&["callback TooOld".to_owned()]), "{:#?}", story(&rig));
    assert_eq!(rig.state().queues[0].waiting, 0);
    balanced(&mut rig);
}

#[test]
fn who_hides_their_number_waits_on_and_so_does_who_types_none() {
    let mut rig = Rig::new(plan_with(|callback| callback.other_number = true));
    let leg = rings(&mut rig, "anonymous");
    rig.presses(leg, "5#");
    assert!(heard(&rig, leg).contains(&"callback_not_possible".to_owned()));
    rig.presses(leg, "5");
    assert_eq!(heard(&rig, leg).last().map(String::as_str), Some("callback_number"));
    rig.wait(secs(25));
    assert_eq!(heard(&rig, leg).last().map(String::as_str), Some("music/wait"));
    assert_eq!(phase(&mut rig), "waiting");
    assert_eq!(callbacks(&mut rig), []);
    all_leave(&mut rig);
    balanced(&mut rig);
}

#[test]
fn nobody_is_dialled_outside_of_the_hours() {
    let mut plan = plan_with(|callback| {
        (callback.hours, callback.age_max_s) = (Some("calls".into()), 7_200);
    });
    // It is Monday, 10:00.
    let windows = vec![Window { weekday: 1, from_minute: 660, to_minute: 720 }];
    let (closed, open) = (Vec::new(), Vec::new());
    plan.hours = vec![Hours { name: "calls".into(), windows, closed, open }];
    let mut rig = Rig::new(plan);
    asks_back(&mut rig, FIRST);
    sign_in(&mut rig, A1);
    rig.wait(secs(3_500));
    assert_eq!(dialled(&rig), [], "it is not eleven yet");
    rig.wait(secs(200));
    assert_eq!(order(&rig), [FIRST]);
    all_leave(&mut rig);
    balanced(&mut rig);
}

#[test]
fn a_supervisor_takes_a_callback_off_once() {
    let mut rig = first(CallFirst::Agent);
    asks_back(&mut rig, FIRST);
    let call = callbacks(&mut rig)[0].callback;
    let cancel =
        || Ask::Call { tenant: TENANT, call, action: CallAction::CancelCallback { by: UserId(7) } };
    assert_eq!(rig.ask(cancel()), Answer::Done);
    assert_eq!(story(&rig).last().map(String::as_str), Some("callback Cancelled"));
    assert!(matches!(rig.ask(cancel()), Answer::Refused(_)));
    sign_in(&mut rig, A1);
    rig.wait(secs(60));
    assert_eq!(dialled(&rig), []);
    balanced(&mut rig);
}

#[test]
fn a_box_that_stops_does_not_wait_for_callbacks() {
    let mut rig = first(CallFirst::Agent);
    asks_back(&mut rig, FIRST);
    let drained = rig.ask_later(Ask::Drain { within_s: 600 });
    assert!(rig.answers.iter().any(|answer| answer.id == drained), "at once");
    assert_eq!(story(&rig).last().map(String::as_str), Some("callback Interrupted"));
    balanced(&mut rig);
}

#[test]
fn a_waiting_caller_is_told_how_to_be_called_back() {
    let mut rig = first(CallFirst::Agent);
    let leg = rings(&mut rig, FIRST);
    rig.wait(secs(20));
    let heard = heard(&rig, leg);
    let at = heard.iter().position(|name| name == "callback_offer").expect("it is said");
    assert_eq!(heard[at + 1], "digits/5");
    all_leave(&mut rig);
    balanced(&mut rig);
}
