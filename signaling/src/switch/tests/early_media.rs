//! What a trunk lets be heard before it answers.

use super::*;
use crate::sip::user_agent::{Command as Sipc, Destination, Early, Event as SipEvent};
use crate::switch::rig::sdp;
use crate::switch::{Config, Input};
use terms::media::{Audience, Command, Event as MediaEvent};
use terms::routing::{EarlyMedia, Number, Target};
use terms::{NumberId, RoomId};

/// A published number that leads outside.
const THROUGH: &str = "95105677";

fn rig_through(early_media: EarlyMedia) -> Rig {
    let mut plan = demo_plan();
    let (digits, target) = (THROUGH.to_owned(), Target::Number("013811112222".into()));
    plan.numbers.push(Number { id: NumberId(9), digits, target });
    plan.trunks[0].early_media = early_media;
    let mut rig = Rig::new(plan);
    rig.outside = Phone::Silent;
    rig
}

/// The leg of the last call over a trunk.
fn far(rig: &Rig) -> LegId {
    let over = |command: &Sipc| match command {
        Sipc::Invite(invite) if matches!(invite.to, Destination::Trunk(..)) => Some(invite.leg),
        _ => None,
    };
    rig.sip.iter().rev().find_map(over).expect("it goes out")
}

fn describes(rig: &mut Rig, leg: LegId, status: u16) {
    let (sdp, source) = (sdp("sendrecv"), rig.called_at);
    let early = Some(Box::new(Early { sdp, source, encrypted: false, nat: false }));
    rig.feed(Input::Sip(SipEvent::Progress { leg, status, early }));
}

fn answers(rig: &mut Rig, leg: LegId) {
    let (sdp, source) = (sdp("sendrecv"), rig.called_at);
    rig.feed(Input::Sip(SipEvent::Answered { leg, sdp, source, encrypted: false, nat: false }));
}

/// What this caller was told before their answer, and whether with a description.
fn progress(rig: &Rig, caller: LegId) -> Vec<(u16, bool)> {
    let of = |command: &Sipc| match command {
        Sipc::Progress { leg, status, sdp } if *leg == caller => Some((*status, sdp.is_some())),
        _ => None,
    };
    rig.sip.iter().filter_map(of).collect()
}

/// The descriptions that this caller was given.
fn given(rig: &Rig, caller: LegId) -> Vec<String> {
    let of = |command: &Sipc| match command {
        Sipc::Progress { leg, sdp: Some(sdp), .. } | Sipc::Answer { leg, sdp }
            if *leg == caller =>
        {
            Some(sdp.clone())
        }
        _ => None,
    };
    rig.sip.iter().filter_map(of).collect()
}

/// In which room a leg is.
fn room(rig: &Rig, of: LegId) -> Option<RoomId> {
    let now = |command: &Command| match command {
        Command::Join { leg, room } if *leg == of => Some(Some(*room)),
        Command::Leave { leg } if *leg == of => Some(None),
        _ => None,
    };
    rig.media.iter().rev().find_map(now).flatten()
}

/// Whether the others in its room hear the leg and its keys.
fn is_heard(rig: &Rig, of: LegId) -> (bool, bool) {
    let voice = rig.media.iter().rev().find_map(|command| match command {
        Command::Audience { leg, audience } if *leg == of => Some(*audience),
        _ => None,
    });
    let kept = rig.media.iter().rev().find_map(|command| match command {
        Command::KeepDigits { leg, kept } if *leg == of => Some(*kept),
        _ => None,
    });
    (voice.unwrap_or_default() == Audience::Everyone, !kept.unwrap_or_default())
}

fn refusal(rig: &Rig, caller: LegId) -> Option<(u16, u8)> {
    rig.sip.iter().rev().find_map(|command| match command {
        Sipc::Reject { leg, status, cause, .. } if *leg == caller => Some((*status, *cause)),
        _ => None,
    })
}

#[test]
fn a_caller_hears_the_network_before_the_answer_and_is_not_heard_until_it() {
    let mut rig = rig_through(EarlyMedia::Pass);
    let caller = rig.customer_dials(THROUGH);
    rig.wait(secs(1));
    let leg = far(&rig);
    describes(&mut rig, leg, 183);
    assert_eq!(progress(&rig, caller), [(183, true)], "no 180 beside it");
    assert!(room(&rig, leg).is_some() && room(&rig, leg) == room(&rig, caller));
    assert_eq!(is_heard(&rig, caller), (false, false), "nothing goes out for nothing");
    assert_eq!(is_heard(&rig, leg), (true, true));
    // Networks repeat it, and ring after it.
    let asked = rig.media.len();
    describes(&mut rig, leg, 183);
    rig.feed(Input::Sip(SipEvent::Progress { leg, status: 180, early: None }));
    assert_eq!((progress(&rig, caller).len(), rig.media.len()), (1, asked));

    answers(&mut rig, leg);
    let given = given(&rig, caller);
    assert_eq!(given.len(), 2);
    assert_eq!(given[0], given[1], "the answer is the one of before (RFC 3261 §13.2.1)");
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "talking");
    assert!(room(&rig, leg).is_some() && room(&rig, leg) == room(&rig, caller));
    assert_eq!(is_heard(&rig, caller), (true, true));
    rig.hangs_up(caller);
    balanced(&mut rig);
}

#[test]
fn what_a_caller_offers_before_the_answer_is_what_the_answer_says() {
    let mut rig = rig_through(EarlyMedia::Pass);
    let caller = rig.customer_dials(THROUGH);
    rig.wait(secs(1));
    let leg = far(&rig);
    describes(&mut rig, leg, 183);
    let moved = sdp("sendrecv").replace("m=audio 4000", "m=audio 4400");
    let source = rig.called_at;
    rig.feed(Input::Sip(SipEvent::Offer { leg: caller, sdp: Some(moved), source }));
    let accepted = rig.sip.iter().rev().find_map(|command| match command {
        Sipc::AcceptOffer { leg, sdp } if *leg == caller => Some(sdp.clone()),
        _ => None,
    });
    let accepted = accepted.expect("an offer like the first one is accepted");

    answers(&mut rig, leg);
    rig.wait(secs(1));
    let given = given(&rig, caller);
    assert_eq!(given.len(), 2);
    assert_eq!((given[1] == accepted, given[1] == given[0]), (true, false));
    let goes_to = rig.media.iter().rev().find_map(|command| match command {
        Command::Connect { leg, remote } if *leg == caller => Some(remote.rtp.port()),
        _ => None,
    });
    assert_eq!(goes_to, Some(4400), "their voice stays where they moved it");
    rig.hangs_up(caller);
    balanced(&mut rig);
}

#[test]
fn what_the_network_says_of_a_number_ends_with_its_refusal() {
    let mut rig = rig_through(EarlyMedia::Pass);
    let caller = rig.customer_dials(THROUGH);
    rig.wait(secs(1));
    let leg = far(&rig);
    describes(&mut rig, leg, 183);
    // Who only hears says nothing, and is not taken for gone.
    for silent in [caller, leg] {
        rig.feed(Input::Media(MediaEvent::Silent { leg: silent, ms: 600_000, paused: false }));
    }
    rig.wait(secs(10));
    assert_eq!(refusal(&rig, caller), None);
    rig.feed(Input::Sip(SipEvent::Failed { leg, status: 404, cause: 1 }));
    rig.wait(secs(1));
    assert_eq!(refusal(&rig, caller), Some((404, 1)));
    assert!(!rig.media.iter().any(|command| matches!(command, Command::RecordStart(_))));
    balanced(&mut rig);
}

/// Nothing has come of a leg for longer than anybody is waited for.
fn is_silent(rig: &mut Rig, leg: LegId) {
    rig.feed(Input::Media(MediaEvent::Silent { leg, ms: 600_000, paused: false }));
    rig.wait(secs(1));
}

#[test]
fn neither_who_hears_the_network_nor_the_network_is_taken_for_gone() {
    for of_the_network in [false, true] {
        let mut rig = rig_through(EarlyMedia::Pass);
        let caller = rig.customer_dials(THROUGH);
        rig.wait(secs(1));
        let leg = far(&rig);
        describes(&mut rig, leg, 183);
        is_silent(&mut rig, if of_the_network { leg } else { caller });
        assert_eq!((phase(&mut rig).as_str(), refusal(&rig, caller)), ("ringing", None));
        answers(&mut rig, leg);
        rig.wait(secs(1));
        assert_eq!(phase(&mut rig), "talking");
        // Who is answered talks, or is gone.
        is_silent(&mut rig, caller);
        assert_eq!(outcome(&rig).1, 102);
        balanced(&mut rig);
    }
}

#[test]
fn who_is_asked_in_is_not_taken_for_gone_before_they_answer() {
    let mut rig = rig_with(&[A1]);
    rig.outside = Phone::Silent;
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    let target = "013811112222".to_owned();
    assert_eq!(call_act(&mut rig, CallAction::Invite { target }), Answer::Done);
    rig.wait(secs(1));
    let leg = far(&rig);
    describes(&mut rig, leg, 183);
    is_silent(&mut rig, leg);
    answers(&mut rig, leg);
    rig.wait(secs(1));
    let now = [agent, customer, leg].map(|of| audience(&rig, of));
    assert_eq!(now, [Audience::Everyone; 3], "all hear all");
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

#[test]
fn it_lasts_as_long_as_a_phone_may_ring() {
    let mut rig = rig_through(EarlyMedia::Pass);
    let caller = rig.customer_dials(THROUGH);
    rig.wait(secs(1));
    let leg = far(&rig);
    describes(&mut rig, leg, 183);
    rig.wait(Config::default().ring_max);
    assert_eq!(refusal(&rig, caller), Some((480, 19)));
    balanced(&mut rig);
}

#[test]
fn who_was_answered_hears_it_in_place_of_our_ring_tone() {
    let mut rig = rig_with(&[A1]);
    rig.outside = Phone::Silent;
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    rig.refers(agent, "013811112222");
    rig.wait(secs(1));
    let leg = far(&rig);
    describes(&mut rig, leg, 183);
    let stopped = |c: &Command| matches!(c, Command::StopPlay { leg, .. } if *leg == customer);
    assert!(rig.media.iter().any(stopped), "our ring tone stops");
    assert!(room(&rig, leg).is_some() && room(&rig, leg) == room(&rig, customer));
    assert_eq!(is_heard(&rig, customer), (false, false));
    assert!(progress(&rig, customer).is_empty(), "they were answered long ago");
    rig.feed(Input::Sip(SipEvent::Failed { leg, status: 486, cause: 17 }));
    rig.wait(secs(1));
    assert_eq!(is_heard(&rig, customer), (true, true));
    assert_ne!(room(&rig, customer), room(&rig, leg));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

/// Whom a leg is heard by, as media was told last.
fn audience(rig: &Rig, of: LegId) -> Audience {
    let last = |command: &Command| match command {
        Command::Audience { leg, audience } if *leg == of => Some(*audience),
        _ => None,
    };
    rig.media.iter().rev().find_map(last).unwrap_or_default()
}

#[test]
fn an_agent_hears_the_network_of_who_is_consulted_while_the_customer_hears_music() {
    for answered in [true, false] {
        let mut rig = rig_with(&[A1]);
        rig.outside = Phone::Silent;
        let customer = talking(&mut rig);
        let agent = rig.leg_of(A1).expect("agent 1 talks");
        let target = "013811112222".to_owned();
        assert_eq!(call_act(&mut rig, CallAction::Consult { target }), Answer::Done);
        rig.wait(secs(1));
        let leg = far(&rig);
        describes(&mut rig, leg, 183);
        let stopped = |c: &Command| matches!(c, Command::StopPlay { leg, .. } if *leg == agent);
        assert!(rig.media.iter().any(stopped), "our ring tone stops");
        assert!(room(&rig, leg).is_some() && room(&rig, leg) == room(&rig, agent));
        assert_eq!(
            (audience(&rig, agent), audience(&rig, leg)),
            (Audience::Nobody, Audience::Only(agent))
        );
        let held = |c: &Command| matches!(c, Command::Hold { leg } if *leg == customer);
        assert!(rig.media.iter().any(held), "they neither hear nor are heard");
        match answered {
            true => answers(&mut rig, leg),
            false => rig.feed(Input::Sip(SipEvent::Failed { leg, status: 404, cause: 1 })),
        }
        rig.wait(secs(1));
        assert_eq!(audience(&rig, agent), Audience::Everyone);
        assert_eq!(is_heard(&rig, agent), (true, true));
        assert!(!answered || room(&rig, leg) == room(&rig, agent));
        for leg in rig.legs() {
            rig.hangs_up(leg);
        }
        balanced(&mut rig);
    }
}

#[test]
fn of_who_is_asked_in_the_agent_alone_hears_the_network_and_the_two_talk_on() {
    let mut rig = rig_with(&[A1]);
    rig.outside = Phone::Silent;
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    let target = "013811112222".to_owned();
    assert_eq!(call_act(&mut rig, CallAction::Invite { target }), Answer::Done);
    rig.wait(secs(1));
    let leg = far(&rig);
    describes(&mut rig, leg, 183);
    assert_eq!(room(&rig, leg), room(&rig, agent));
    let now = [agent, customer, leg].map(|of| audience(&rig, of));
    let only = Audience::Only;
    assert_eq!(now, [only(customer), only(agent), only(agent)], "and nobody is heard over there");
    answers(&mut rig, leg);
    rig.wait(secs(1));
    let now = [agent, customer, leg].map(|of| audience(&rig, of));
    assert_eq!(now, [Audience::Everyone; 3], "all hear all");
    assert_eq!((room(&rig, leg), room(&rig, customer)), (room(&rig, agent), room(&rig, agent)));
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

#[test]
fn after_a_kill_those_who_heard_the_network_are_heard_again_with_their_keys() {
    for action in [
        CallAction::Invite { target: "013811112222".to_owned() },
        CallAction::Consult { target: "013811112222".to_owned() },
    ] {
        let mut rig = rig_with(&[A1]);
        rig.outside = Phone::Silent;
        let customer = talking(&mut rig);
        let agent = rig.leg_of(A1).expect("agent 1 talks");
        assert_eq!(call_act(&mut rig, action), Answer::Done);
        rig.wait(secs(1));
        let leg = far(&rig);
        describes(&mut rig, leg, 183);
        assert_eq!(is_heard(&rig, agent), (false, false));
        rig.kill(&[]);
        for of in [agent, customer] {
            assert_eq!(is_heard(&rig, of), (true, true), "media keeps what it was told");
        }
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}

#[test]
fn a_second_line_is_told_the_description_of_who_is_consulted() {
    let mut rig = rig_with(&[A1]);
    rig.outside = Phone::Silent;
    talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    rig.reinvites(agent, Some("sendonly"));
    let second = rig.agent_dials(A1, "013811112222");
    rig.wait(secs(1));
    let leg = far(&rig);
    describes(&mut rig, leg, 183);
    assert_eq!(progress(&rig, second), [(183, true)], "no 180 beside it");
    assert!(room(&rig, leg).is_some() && room(&rig, leg) == room(&rig, second));
    assert_eq!(is_heard(&rig, second), (false, false));
    answers(&mut rig, leg);
    rig.wait(secs(1));
    assert_eq!(given(&rig, second).len(), 2, "the answer follows");
    assert_eq!(is_heard(&rig, second), (true, true));
    assert!(room(&rig, leg).is_some() && room(&rig, leg) == room(&rig, second));
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

#[test]
fn a_trunk_may_be_set_to_ringing_or_to_nothing() {
    for (early_media, status, expected) in [
        (EarlyMedia::Ring, 183, vec![(180_u16, false)]),
        (EarlyMedia::Ring, 180, vec![(180, false)]),
        (EarlyMedia::None, 183, vec![]),
        (EarlyMedia::None, 180, vec![(180, false)]),
    ] {
        let mut rig = rig_through(early_media);
        let caller = rig.customer_dials(THROUGH);
        rig.wait(secs(1));
        let leg = far(&rig);
        describes(&mut rig, leg, status);
        assert_eq!(progress(&rig, caller), expected, "{early_media:?} {status}");
        assert_eq!(room(&rig, caller), None);
        rig.feed(Input::Sip(SipEvent::Progress { leg, status: 180, early: None }));
        assert_eq!(progress(&rig, caller), [(180, false)], "a phone that rings is heard of once");
        rig.hangs_up(caller);
        balanced(&mut rig);
    }
}

#[test]
fn who_made_no_offer_hears_ringing() {
    let mut rig = rig_through(EarlyMedia::Pass);
    let trunk = crate::sip::user_agent::Origin::Trunk(crate::switch::rig::TRUNK);
    let caller = rig.dials(trunk, "13800138000", THROUGH, false);
    rig.wait(secs(1));
    let leg = far(&rig);
    describes(&mut rig, leg, 183);
    // With an offer of ours, for who has 18x acknowledged.
    assert_eq!(progress(&rig, caller), [(180, true)]);
    answers(&mut rig, leg);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(caller);
    balanced(&mut rig);
}
