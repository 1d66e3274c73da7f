//! Numbers that stand for somebody: who reaches whom, what both sides see, and what is said to those who
//! reach nobody.

use super::super::rig::TRUNK;
use super::*;
use crate::sip::user_agent::{Command as Sipc, Destination, Event as SipEvent, Invite, Origin};
use crate::switch::Input;
use terms::media::Command;
use terms::routing::{CallerRule, Emergency, Lease, LeaseChanges, LeaseKind, Plan, Trunk};
use terms::{FlowId, LeaseId, TrunkId};

/// A number of the tenant that its trunk may show.
const X: &str = "95105600";
const A: &str = "13811110001";
const B: &str = "13811110002";
const OTHER: &str = "13811110003";

fn lease(rig: &Rig, kind: LeaseKind) -> Lease {
    Lease {
        id: LeaseId(1),
        version: 1,
        kind,
        number: X.into(),
        a: A.into(),
        b: (kind == LeaseKind::Axb).then(|| B.into()),
        code: (kind == LeaseKind::Axe).then(|| "4711".into()),
        from: rig.now.wall,
        until: rig.now.wall + secs(3_600),
        record: false,
    }
}

fn gives(rig: &mut Rig, leases: Vec<Lease>) {
    let changes = LeaseChanges { tenant: TENANT, since: None, version: 1, leases };
    assert_eq!(rig.ask(Ask::Leases(Box::new(changes))), Answer::Done);
}

/// A world with one lease of this kind.
fn leased(kind: LeaseKind) -> Rig {
    leased_with(demo_plan(), kind)
}

fn leased_with(plan: Plan, kind: LeaseKind) -> Rig {
    let mut rig = Rig::new(plan);
    let lease = lease(&rig, kind);
    gives(&mut rig, vec![lease]);
    rig
}

fn calls(rig: &mut Rig, caller: &str) -> LegId {
    rig.dials(Origin::Trunk(TRUNK), caller, X, true)
}

/// Who was called outside, in time.
fn invites(rig: &Rig) -> Vec<(String, &Invite)> {
    let commands = rig.sip.iter().filter_map(|command| match command {
        Sipc::Invite(invite) => match &invite.to {
            Destination::Trunk(_, _, digits) => Some((digits.clone(), &**invite)),
            Destination::Agent(..) => None,
        },
        _ => None,
    });
    commands.collect()
}

fn called(rig: &Rig) -> Vec<String> {
    invites(rig).into_iter().map(|(digits, _)| digits).collect()
}

/// Hangs up, and lets everything come to its end.
fn ends(rig: &mut Rig, leg: LegId) {
    rig.hangs_up(leg);
    rig.wait(secs(10));
}

/// They call, and hear this and nothing else; nobody is called.
fn is_told(rig: &mut Rig, caller: &str, prompt: &str) {
    let before = called(rig).len();
    let leg = calls(rig, caller);
    rig.wait(secs(10));
    assert_eq!(heard(rig, leg), [prompt], "{caller}");
    assert_eq!(called(rig).len(), before, "{caller} reaches nobody");
    assert_eq!(outcome(rig), (Outcome::Refused, 21, Party::System));
}

#[test]
fn each_of_two_reaches_the_other_and_sees_the_leased_number() {
    let mut rig = leased(LeaseKind::Axb);
    for (caller, other) in [(A, B), (B, A)] {
        let leg = calls(&mut rig, caller);
        rig.wait(secs(5));
        assert_eq!(phase(&mut rig), "talking");
        let (to, invite) = invites(&rig).pop().expect("the other side is called");
        assert_eq!((to.as_str(), invite.from_user.as_str()), (other, X));
        assert!(told(&rig).contains(&"lease Some(1): Called".to_owned()), "{:#?}", told(&rig));
        ends(&mut rig, leg);
        assert_eq!(outcome(&rig), (Outcome::Answered, 16, Party::Customer));
    }
    balanced(&mut rig);
}

#[test]
fn no_side_learns_the_others_number_whatever_the_trunk_shows_else() {
    for rule in [CallerRule::Dialled, CallerRule::Caller, CallerRule::Fixed] {
        let mut plan = demo_plan();
        plan.trunks[0].caller_rule = rule;
        let mut rig = leased_with(plan, LeaseKind::Axb);
        for (caller, other) in [(A, B), (B, A)] {
            let leg = calls(&mut rig, caller);
            rig.wait(secs(5));
            let (to, invite) = invites(&rig).pop().expect("the other side is called");
            assert_eq!(to, other);
            // Name, identity, diversion and description: all that goes out with the INVITE.
            let all = format!("{invite:?}");
            assert!(!all.contains(&caller[2..]), "{rule:?}: {all}");
            assert!(invite.from_name.is_empty() && invite.headers.is_empty(), "{all}");
            let back = rig.sip.iter().filter(|command| match command {
                Sipc::Answer { leg: of, .. } | Sipc::Progress { leg: of, .. } => *of == leg,
                _ => false,
            });
            let back = format!("{:?}", back.collect::<Vec<_>>());
            assert!(!back.contains(&other[2..]), "{rule:?}: {back}");
            ends(&mut rig, leg);
        }
        balanced(&mut rig);
    }
    // A trunk that may not show it shows no other in its place.
    let mut plan = demo_plan();
    plan.trunks[0].caller_numbers.clear();
    let mut rig = leased_with(plan, LeaseKind::Axb);
    is_told(&mut rig, A, "lease_unreachable");
    balanced(&mut rig);
}

#[test]
fn a_plan_that_takes_the_number_off_a_trunk_while_another_is_tried_shows_no_other() {
    let mut plan = demo_plan();
    let second =
        Trunk { id: TrunkId(2), name: "second".into(), order: 1, ..plan.trunks[0].clone() };
    plan.trunks.push(second);
    let mut rig = leased_with(plan.clone(), LeaseKind::Axb);
    rig.over.insert(TRUNK, Phone::Silent);
    let caller = calls(&mut rig, A);
    rig.wait(secs(1));
    assert_eq!(called(&rig), [B]);
    plan.version += 1;
    plan.trunks[1].caller_numbers.clear();
    assert_eq!(rig.ask(Ask::Plan(Box::new(plan))), Answer::Done);
    let leg = invites(&rig)[0].1.leg;
    rig.feed(Input::Sip(SipEvent::Failed { leg, status: 503, cause: 41 }));
    rig.wait(secs(10));
    assert_eq!(called(&rig), [B], "the second trunk would show its own number");
    assert_eq!(heard(&rig, caller), ["lease_unreachable"]);
    balanced(&mut rig);
}

/// In force for all numbers.
fn storm(flow: Option<FlowId>) -> Emergency {
    let (numbers, announcement) = (Vec::new(), Some("storm_notice".into()));
    Emergency { name: "storm".into(), numbers, flow, announcement }
}

#[test]
fn an_emergency_plan_with_a_flow_goes_before_a_lease() {
    let mut plan = demo_plan();
    plan.emergency = vec![storm(Some(FlowId(1)))];
    let mut rig = leased_with(plan, LeaseKind::Axb);
    let leg = calls(&mut rig, A);
    rig.wait(secs(3));
    assert_eq!(heard(&rig, leg), ["storm_notice", "welcome"]);
    assert_eq!(called(&rig), Vec::<String>::new());
    ends(&mut rig, leg);
    balanced(&mut rig);
}

#[test]
fn an_emergency_plan_that_only_announces_takes_no_leased_number_away() {
    let mut plan = demo_plan();
    plan.emergency = vec![storm(None)];
    let mut rig = leased_with(plan, LeaseKind::Axb);
    let leg = calls(&mut rig, A);
    rig.wait(secs(5));
    assert_eq!((phase(&mut rig).as_str(), called(&rig)), ("talking", vec![B.to_owned()]));
    ends(&mut rig, leg);
    balanced(&mut rig);
}

#[test]
fn anybody_else_is_refused_in_words() {
    let mut rig = leased(LeaseKind::Axb);
    is_told(&mut rig, OTHER, "lease_stranger");
    is_told(&mut rig, "anonymous", "lease_stranger");
    let refused = "lease Some(1): Refused(Stranger)".to_owned();
    assert_eq!(told(&rig).iter().filter(|word| **word == refused).count(), 2);
    balanced(&mut rig);
}

#[test]
fn a_lease_begins_and_ends_by_the_clock() {
    let mut rig = Rig::new(demo_plan());
    let from = rig.now.wall + secs(60);
    let later = Lease { from, ..lease(&rig, LeaseKind::Axb) };
    gives(&mut rig, vec![later]);
    let leg = calls(&mut rig, A);
    rig.wait(secs(1));
    assert_eq!(heard(&rig, leg), ["queue"], "it is the queue's until then");
    ends(&mut rig, leg);
    rig.wait(secs(60));
    let leg = calls(&mut rig, A);
    rig.wait(secs(5));
    assert_eq!(called(&rig), [B]);
    ends(&mut rig, leg);
    rig.wait(secs(3_600));
    is_told(&mut rig, A, "lease_over");
    let leg = calls(&mut rig, OTHER);
    rig.wait(secs(1));
    assert_eq!(heard(&rig, leg), ["queue"], "others reach what answers the number");
    ends(&mut rig, leg);
    balanced(&mut rig);
}

#[test]
fn who_is_busy_or_does_not_answer_is_told_in_words() {
    for (phone, prompt, cause) in [
        (Phone::Refuses(486), "lease_busy", 17),
        (Phone::Rings, "lease_no_answer", 19),
        (Phone::Refuses(503), "lease_unreachable", 41),
    ] {
        let mut rig = leased(LeaseKind::Axb);
        rig.outside = phone;
        let leg = calls(&mut rig, A);
        rig.wait(secs(60));
        assert_eq!(heard(&rig, leg), [prompt], "{phone:?}");
        assert_eq!(outcome(&rig), (Outcome::Failed, cause, Party::System), "{phone:?}");
        balanced(&mut rig);
    }
}

#[test]
fn whoever_calls_reaches_a_and_a_reaches_who_called_last_even_after_a_kill() {
    let mut rig = leased(LeaseKind::Ax);
    is_told(&mut rig, A, "lease_nobody");
    for caller in [B, OTHER] {
        let leg = calls(&mut rig, caller);
        rig.wait(secs(5));
        let (to, invite) = invites(&rig).pop().expect("A is called");
        assert_eq!((to.as_str(), invite.from_user.as_str()), (A, X));
        ends(&mut rig, leg);
    }
    rig.kill(&[]);
    let leg = calls(&mut rig, A);
    rig.wait(secs(5));
    let (to, invite) = invites(&rig).pop().expect("the last caller is called");
    assert_eq!((to.as_str(), invite.from_user.as_str()), (OTHER, X));
    ends(&mut rig, leg);
    balanced(&mut rig);
}

#[test]
fn a_code_says_whom_and_a_wrong_one_is_asked_again() {
    let mut rig = leased(LeaseKind::Axe);
    let leg = calls(&mut rig, OTHER);
    rig.wait(secs(3));
    rig.presses(leg, "12#");
    rig.wait(secs(5));
    assert_eq!(heard(&rig, leg), ["lease_code", "invalid", "lease_code"]);
    assert_eq!(called(&rig), Vec::<String>::new());
    rig.presses(leg, "99*4711#");
    rig.wait(secs(5));
    let (to, invite) = invites(&rig).pop().expect("A is called");
    assert_eq!((to.as_str(), invite.from_user.as_str()), (A, X));
    assert_eq!(phase(&mut rig), "talking");
    ends(&mut rig, leg);
    balanced(&mut rig);
}

#[test]
fn who_guesses_codes_is_heard_no_more_for_a_while() {
    let mut rig = leased(LeaseKind::Axe);
    for _ in 0..2 {
        let leg = calls(&mut rig, OTHER);
        rig.wait(secs(3));
        rig.presses(leg, "11#22#33#");
        rig.wait(secs(10));
        assert_eq!(heard(&rig, leg).last().map(String::as_str), Some("lease_stranger"));
        assert_eq!(outcome(&rig), (Outcome::Refused, 21, Party::System));
    }
    let leg = calls(&mut rig, OTHER);
    rig.wait(secs(3));
    rig.presses(leg, "4711#");
    rig.wait(secs(10));
    assert_eq!(called(&rig), Vec::<String>::new(), "the right one comes too late");
    rig.wait(secs(900));
    let leg = calls(&mut rig, OTHER);
    rig.wait(secs(3));
    rig.presses(leg, "4711#");
    rig.wait(secs(5));
    assert_eq!(called(&rig), [A]);
    ends(&mut rig, leg);
    balanced(&mut rig);
}

#[test]
fn who_forges_callers_guesses_codes_of_a_number_only_so_often() {
    let mut rig = leased(LeaseKind::Axe);
    // Three of each caller: sixty in less than a quarter of an hour.
    for n in 1..=20 {
        let leg = calls(&mut rig, &format!("139{n:08}"));
        rig.wait(secs(3));
        rig.presses(leg, "11#22#33#");
        rig.wait(secs(10));
    }
    let paused = told(&rig).into_iter().filter(|word| word == "lease Some(1): Paused").count();
    assert_eq!(paused, 1);
    let leg = calls(&mut rig, OTHER);
    rig.wait(secs(3));
    rig.presses(leg, "4711#");
    rig.wait(secs(10));
    assert_eq!(called(&rig), Vec::<String>::new(), "nobody's code is heard");
    assert_eq!(heard(&rig, leg).last().map(String::as_str), Some("lease_stranger"));
    let Answer::Metrics(metrics) = rig.ask(Ask::Metrics) else { panic!("metrics") };
    let name = "switchgrid_lease_code_pauses_total";
    let of = metrics.iter().find(|metric| metric.name == name).expect("it is counted");
    assert!((of.value - 1.0).abs() < f64::EPSILON);
    // Who has a code and tries it meanwhile guesses nothing.
    rig.wait(secs(700));
    for _ in 0..6 {
        let leg = calls(&mut rig, OTHER);
        rig.wait(secs(3));
        rig.presses(leg, "4711#");
        rig.wait(secs(10));
    }
    assert_eq!(called(&rig), Vec::<String>::new(), "still nobody's");
    rig.wait(secs(150));
    let leg = calls(&mut rig, OTHER);
    rig.wait(secs(3));
    rig.presses(leg, "4711#");
    rig.wait(secs(5));
    assert_eq!(called(&rig), [A]);
    ends(&mut rig, leg);
    balanced(&mut rig);
}

#[test]
fn who_reached_somebody_by_a_code_does_so_too_while_others_guess() {
    let mut rig = leased(LeaseKind::Axe);
    let reaches = |rig: &mut Rig, caller: &str| {
        let before = called(rig).len();
        let leg = calls(rig, caller);
        rig.wait(secs(3));
        rig.presses(leg, "4711#");
        rig.wait(secs(10));
        ends(rig, leg);
        called(rig).len() > before
    };
    assert!(reaches(&mut rig, OTHER), "before anybody guesses");
    for n in 1..=20 {
        let leg = calls(&mut rig, &format!("139{n:08}"));
        rig.wait(secs(3));
        rig.presses(leg, "11#22#33#");
        rig.wait(secs(10));
    }
    assert!(!reaches(&mut rig, B), "the number is paused");
    assert!(reaches(&mut rig, OTHER), "but not for who has the code");
    rig.kill(&[]);
    assert!(!reaches(&mut rig, B) && reaches(&mut rig, OTHER), "whichever process counts");
    // Who has it may not guess another.
    let leg = calls(&mut rig, OTHER);
    rig.wait(secs(3));
    rig.presses(leg, "11#");
    rig.wait(secs(10));
    assert_eq!(heard(&rig, leg), ["lease_code", "lease_stranger"]);
    balanced(&mut rig);
}

#[test]
fn who_keys_in_nothing_is_asked_three_times_and_after_a_kill_again() {
    let mut rig = leased(LeaseKind::Axe);
    let leg = calls(&mut rig, OTHER);
    rig.wait(secs(3));
    rig.kill(&[]);
    rig.wait(secs(60));
    let asked = heard(&rig, leg).into_iter().filter(|prompt| prompt == "lease_code").count();
    assert_eq!(asked, 4, "once before the kill, three times after it");
    assert_eq!(rig.switch.calls(), 0);
    balanced(&mut rig);
}

#[test]
fn a_lease_says_whether_its_conversations_are_recorded() {
    for record in [false, true] {
        let mut rig = Rig::new(demo_plan());
        let lease = Lease { record, ..lease(&rig, LeaseKind::Axb) };
        gives(&mut rig, vec![lease]);
        let leg = calls(&mut rig, A);
        rig.wait(secs(8));
        ends(&mut rig, leg);
        let begun = rig.media.iter().any(|command| matches!(command, Command::RecordStart(_)));
        assert_eq!(begun, record);
        let rows = told(&rig).into_iter().filter(|word| word.starts_with("recorded")).count();
        assert_eq!(rows, 1, "a row in the ledger either way");
        balanced(&mut rig);
    }
}

#[test]
fn a_lease_that_calls_like_a_thief_is_stopped() {
    let mut rig = leased(LeaseKind::Axb);
    for _ in 0..10 {
        let leg = calls(&mut rig, A);
        rig.wait(secs(1));
        rig.hangs_up(leg);
        rig.wait(secs(1));
    }
    assert_eq!(called(&rig).len(), 10);
    is_told(&mut rig, A, "lease_unreachable");
    let refused = "lease Some(1): Refused(TooMany)".to_owned();
    assert!(told(&rig).contains(&refused), "{:#?}", told(&rig));
    rig.wait(secs(60));
    let leg = calls(&mut rig, A);
    rig.wait(secs(5));
    assert_eq!(called(&rig).len(), 11, "a minute later it may again");
    ends(&mut rig, leg);
    balanced(&mut rig);
}

#[test]
fn a_call_that_comes_back_and_a_blocked_caller_go_nowhere() {
    let mut rig = leased(LeaseKind::Axb);
    calls(&mut rig, X);
    rig.wait(secs(1));
    assert!(matches!(rig.sip.last(), Some(Sipc::Reject { status: 482, .. })), "{:?}", rig.sip);
    rig.diverted = 1;
    calls(&mut rig, A);
    rig.wait(secs(1));
    assert!(matches!(rig.sip.last(), Some(Sipc::Reject { status: 482, .. })), "{:?}", rig.sip);
    rig.diverted = 0;
    calls(&mut rig, "13900000000");
    rig.wait(secs(1));
    assert!(matches!(rig.sip.last(), Some(Sipc::Reject { status: 603, .. })), "{:?}", rig.sip);
    assert_eq!(called(&rig), Vec::<String>::new());
    balanced(&mut rig);
}
