//! Callers who are not let in: what becomes of their calls, and until when.

use super::super::rig::TRUNK;
use super::*;
use crate::sip::user_agent::{Command as Sipc, Origin};
use terms::QueueId;
use terms::routing::{AllowedCaller, BlockedCaller, KnownCaller, Plan, Target, Treatment};

const CALLER: &str = "+8613900000000";

fn plan(treatment: Treatment) -> Plan {
    let mut plan = demo_plan();
    plan.blocked = vec![BlockedCaller { number: CALLER.into(), until: None, treatment }];
    plan
}

fn calls(rig: &mut Rig) -> LegId {
    rig.dials(Origin::Trunk(TRUNK), CALLER, "95105600", true)
}

fn refusal(rig: &Rig, of: LegId) -> Option<u16> {
    rig.sip.iter().find_map(|command| match command {
        Sipc::Reject { leg, status, .. } if *leg == of => Some(*status),
        _ => None,
    })
}

#[test]
fn each_treatment_is_given_and_none_of_them_reaches_a_queue() {
    let announcement = Treatment::Announcement("caller_blocked".into());
    for (treatment, status, cause) in [
        (Treatment::HangUp, Some(603), 21),
        (Treatment::Busy, Some(486), 17),
        (announcement, None, 21),
    ] {
        let mut rig = Rig::new(plan(treatment.clone()));
        sign_in(&mut rig, A1);
        let leg = calls(&mut rig);
        rig.wait(secs(1));
        let prompts: &[&str] = if status.is_none() { &["caller_blocked"] } else { &[] };
        assert_eq!(heard(&rig, leg), prompts, "{treatment:?}");
        rig.wait(secs(10));
        assert_eq!(refusal(&rig, leg), status, "{treatment:?}");
        assert_eq!(outcome(&rig), (Outcome::Refused, cause, Party::System), "{treatment:?}");
        assert!(!told(&rig).iter().any(|word| word.starts_with("enqueued")), "{treatment:?}");
        balanced(&mut rig);
    }
}

#[test]
fn who_is_blocked_for_so_long_is_let_in_afterwards() {
    let mut plan = plan(Treatment::Busy);
    let mut rig = Rig::new(plan.clone());
    plan.version += 1;
    plan.blocked[0].until = Some(rig.now.wall + secs(60));
    assert_eq!(rig.ask(Ask::Plan(Box::new(plan))), Answer::Done);
    let leg = calls(&mut rig);
    assert_eq!(refusal(&rig, leg), Some(486));
    rig.wait(secs(61));
    let leg = calls(&mut rig);
    rig.wait(secs(2));
    assert_eq!((refusal(&rig, leg), phase(&mut rig)), (None, "waiting".to_owned()));
    rig.hangs_up(leg);
    balanced(&mut rig);
}

#[test]
fn the_white_list_and_a_vip_come_before_the_black_one() {
    for vip in [true, false] {
        let mut plan = plan(Treatment::HangUp);
        if vip {
            let number = CALLER.to_owned();
            plan.known_callers = vec![KnownCaller { number, vip, ..KnownCaller::default() }];
        } else {
            plan.allowed = vec![AllowedCaller { number: "+86139*".into(), target: None }];
        }
        let mut rig = Rig::new(plan);
        let leg = calls(&mut rig);
        rig.wait(secs(2));
        assert_eq!((refusal(&rig, leg), phase(&mut rig)), (None, "waiting".to_owned()));
        rig.hangs_up(leg);
        balanced(&mut rig);
    }
}

#[test]
fn who_is_listed_with_a_target_goes_there_past_the_flow_but_only_over_a_published_number() {
    let mut plan = demo_plan();
    let target = Some(Target::Queue(QueueId(2)));
    plan.allowed = vec![AllowedCaller { number: CALLER.into(), target }];
    plan.blocked = Vec::new();
    let mut rig = Rig::new(plan);
    let leg = rig.dials(Origin::Trunk(TRUNK), CALLER, "95105688", true);
    rig.wait(secs(2));
    assert!(told(&rig).contains(&"enqueued 2 at 1".to_owned()), "{:#?}", told(&rig));
    assert!(!told(&rig).contains(&"ivr".to_owned()));
    rig.hangs_up(leg);
    let leg = rig.dials(Origin::Trunk(TRUNK), CALLER, "95109999", true);
    assert_eq!(refusal(&rig, leg), Some(404));
    let other = rig.customer_dials("95105688");
    rig.wait(secs(2));
    assert!(told(&rig).contains(&"ivr".to_owned()), "others hear the flow");
    rig.hangs_up(other);
    balanced(&mut rig);
}
