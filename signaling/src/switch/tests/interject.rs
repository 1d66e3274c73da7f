//! Something is said into a conversation while it goes on.

use super::*;
use terms::UserId;
use terms::control::{PlayOrder, PlayTo, PlayWhat};
use terms::media::{Audience, Command, Interject, Side};

fn says(rig: &mut Rig, to: PlayTo, apart: bool) -> Answer {
    let what = PlayWhat::Prompt("terms".into());
    call_act(rig, CallAction::Play(Box::new(PlayOrder { what, to, apart, by: UserId(7) })))
}

fn said(rig: &Rig) -> Vec<Interject> {
    let of = |command: &Command| match command {
        Command::Interject(order) => Some((**order).clone()),
        _ => None,
    };
    rig.media.iter().filter_map(of).collect()
}

fn stopped(rig: &Rig) -> usize {
    rig.media.iter().filter(|command| matches!(command, Command::StopInterject { .. })).count()
}

/// Whether a voice came into the recording and left it, in this order.
fn on_record(rig: &Rig, voice: LegId) -> Vec<Option<Side>> {
    let of = |command: &Command| match command {
        Command::RecordJoin { leg, side, .. } if *leg == voice => Some(Some(*side)),
        Command::RecordLeave { leg, .. } if *leg == voice => Some(None),
        _ => None,
    };
    rig.media.iter().filter_map(of).collect()
}

fn audiences(rig: &Rig, of: LegId) -> Vec<Audience> {
    let about = |command: &Command| match command {
        Command::Audience { leg, audience } if *leg == of => Some(*audience),
        _ => None,
    };
    rig.media.iter().filter_map(about).collect()
}

fn refused(why: &str) -> Answer {
    Answer::Refused(why.to_owned())
}

#[test]
fn what_is_said_is_heard_by_whom_it_is_for_and_stands_in_the_recording_until_it_is_over() {
    for to in [PlayTo::Both, PlayTo::Agent, PlayTo::Customer] {
        let mut rig = rig_with(&[A1]);
        let customer = talking(&mut rig);
        let agent = rig.leg_of(A1).expect("agent 1 talks");
        assert_eq!(says(&mut rig, to, false), Answer::Done);
        assert_eq!(says(&mut rig, to, false), refused("something is said into this call already"));
        let [order] = &said(&rig)[..] else { panic!("{:?}", said(&rig)) };
        let by_whom = told(&rig).into_iter().filter(|word| word.starts_with("said"));
        let expected = format!("said to {to:?} by 7: Some(\"terms\")");
        assert_eq!(by_whom.collect::<Vec<_>>(), [expected], "once: the second was refused");
        let only = match to {
            PlayTo::Both => None,
            PlayTo::Agent => Some(agent),
            PlayTo::Customer => Some(customer),
        };
        assert_eq!((order.only, order.playback.tenant), (only, Some(TENANT)));
        assert_eq!(on_record(&rig, order.voice), [Some(Side::Other)]);
        assert!(audiences(&rig, customer).is_empty() && audiences(&rig, agent).is_empty());
        rig.wait(secs(30));
        assert_eq!(on_record(&rig, order.voice), [Some(Side::Other), None]);
        assert_eq!((stopped(&rig), phase(&mut rig).as_str()), (0, "talking"));
        assert_eq!(says(&mut rig, to, false), Answer::Done, "the next one");
        assert_eq!(call_act(&mut rig, CallAction::StopPlay), Answer::Done);
        assert_eq!(stopped(&rig), 1);
        let nothing = refused("nothing is said into this call");
        assert_eq!(call_act(&mut rig, CallAction::StopPlay), nothing);
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}

#[test]
fn who_is_kept_apart_hears_the_other_one_again_however_it_ends() {
    for end in ["over", "stopped", "held", "killed"] {
        let mut rig = rig_with(&[A1]);
        let customer = talking(&mut rig);
        let agent = rig.leg_of(A1).expect("agent 1 talks");
        assert_eq!(says(&mut rig, PlayTo::Both, true), Answer::Done);
        rig.wait(Duration::from_millis(500));
        for leg in [customer, agent] {
            assert_eq!(audiences(&rig, leg), [Audience::Nobody], "{end}");
        }
        match end {
            "stopped" => assert_eq!(call_act(&mut rig, CallAction::StopPlay), Answer::Done),
            "held" => assert_eq!(call_act(&mut rig, CallAction::Hold), Answer::Done),
            "killed" => rig.kill(&[]),
            _ => {}
        }
        rig.wait(secs(20));
        for leg in [customer, agent] {
            assert_eq!(audiences(&rig, leg).last(), Some(&Audience::Everyone), "{end}");
        }
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}

#[test]
fn nothing_is_said_where_nobody_talks_or_somebody_waits() {
    let mut rig = rig_with(&[]);
    let waiting = rig.customer_dials("95105600");
    rig.wait(secs(5));
    let nobody = refused("there is no conversation to say something into");
    assert_eq!(says(&mut rig, PlayTo::Both, false), nobody);
    rig.hangs_up(waiting);
    rig.wait(secs(5));
    sign_in(&mut rig, A1);
    let customer = talking(&mut rig);
    assert_eq!(call_act(&mut rig, CallAction::Hold), Answer::Done);
    assert_eq!(says(&mut rig, PlayTo::Both, false), refused("the other party is on hold"));
    assert!(said(&rig).is_empty());
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_conversation_that_ends_takes_with_it_what_was_said_into_it() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    assert_eq!(says(&mut rig, PlayTo::Agent, true), Answer::Done);
    rig.hangs_up(customer);
    rig.wait(secs(20));
    assert_eq!(rig.switch.calls(), 0);
    balanced(&mut rig);
}
