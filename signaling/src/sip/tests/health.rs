//! OPTIONS to trunks, and what else takes one down and brings it back.

use super::trunks::invite;
use super::*;
use crate::sip::user_agent::Invite;
use std::collections::BTreeSet;
use terms::TrunkId;
use terms::control::TrunkFault;
use terms::routing::Trunk;

/// So many trunks that are asked so often.
fn asking(every_s: u32, trunks: u64) -> Plan {
    let mut plan = plan();
    let like = plan.trunks.remove(0);
    let trunk = |id| Trunk { id: TrunkId(id), options_every_s: every_s, ..like.clone() };
    plan.trunks = (1..=trunks).map(trunk).collect();
    plan
}

/// A core with them.
fn watched(every_s: u32, trunks: u64) -> Bench {
    let mut bench = Bench::new();
    bench.core.set_plan(bench.now(), &asking(every_s, trunks));
    bench
}

/// A core that says what is to be kept.
fn keeping(plan: &Plan) -> Bench {
    let mut bench = Bench::with(|config| config.keeps = true);
    bench.core.set_plan(bench.now(), plan);
    bench
}

/// The process is killed, and another goes on with this plan.
fn killed(mut bench: Bench, plan: &Plan) -> Bench {
    let records = bench.core.take_changes();
    let mut next = keeping(plan);
    (next.ms, next.branch) = (bench.ms + 400, bench.branch);
    let now = next.now();
    next.core.restore(now, &records);
    next
}

fn fault(bench: &Bench) -> Option<TrunkFault> {
    bench.core.live_trunks(TENANT)[0].down.map(|down| down.fault)
}

/// What the switch was told since.
fn told(bench: &mut Bench) -> Vec<bool> {
    let down = |event| match event {
        Event::Trunk { down, .. } => Some(down),
        _ => None,
    };
    bench.events().into_iter().filter_map(down).collect()
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The next OPTIONS, or the next copy of the one that waits.
fn asked(bench: &mut Bench) -> Sent {
    for _ in 0..100 {
        if let Some((_, sent)) = bench.pass(secs(1)).into_iter().next() {
            assert_eq!(sent.start(), "OPTIONS sip:203.0.113.5:5060 SIP/2.0");
            return sent;
        }
    }
    panic!("nothing is asked");
}

#[test]
fn a_trunk_that_is_silent_twice_is_down_until_it_answers() {
    let mut bench = watched(30, 1);
    let first = asked(&mut bench);
    assert!(first.header("From").starts_with("<sip:switchgrid@192.0.2.1:5060>;tag="));
    bench.receive(carrier(), first.answer("200 OK", "t", "", ""));
    bench.pass(secs(1));
    assert!(bench.pass(secs(26)).is_empty(), "the interval is kept");
    let second = asked(&mut bench);
    assert_eq!(second.header("CSeq"), "2 OPTIONS");
    assert_eq!(second.header("Call-ID"), first.header("Call-ID"));
    bench.pass(secs(40));
    assert_eq!((told(&mut bench), fault(&bench)), (Vec::new(), None), "one may be lost");
    bench.pass(secs(30));
    assert_eq!((told(&mut bench), fault(&bench)), (vec![true], Some(TrunkFault::Silent)));
    let since = bench.core.live_trunks(TENANT)[0].down.map(|down| down.since);
    bench.pass(secs(60));
    assert!(told(&mut bench).is_empty(), "it is told once");
    assert_eq!(bench.core.live_trunks(TENANT)[0].down.map(|down| down.since), since);
    let again = asked(&mut bench);
    bench.receive(carrier(), again.answer("405 No", "t", "", ""));
    assert_eq!((told(&mut bench), fault(&bench)), (vec![false], None), "any answer is one");
    assert!(bench.counter("trunk_options_unanswered") >= 3);
}

#[test]
fn a_trunk_that_says_it_is_not_there_is_down_at_once() {
    let mut bench = watched(30, 1);
    let first = asked(&mut bench);
    bench.receive(carrier(), first.answer("503 Down", "t", "", ""));
    assert_eq!((told(&mut bench), fault(&bench)), (vec![true], Some(TrunkFault::Unavailable)));
    bench.pass(secs(10));
    let second = asked(&mut bench);
    bench.receive(carrier(), second.answer("200 OK", "t", "", ""));
    assert_eq!((told(&mut bench), fault(&bench)), (vec![false], None));
    // Whoever goes with the plan is not asked any more, and down no longer.
    bench.pass(secs(20));
    let third = asked(&mut bench);
    bench.receive(carrier(), third.answer("503 Down", "t", "", ""));
    let mut without = plan();
    without.trunks.clear();
    bench.core.set_plan(bench.now(), &without);
    assert_eq!(told(&mut bench), [true, false]);
    assert!(bench.pass(secs(200)).is_empty());
}

#[test]
fn a_trunk_that_was_down_before_a_kill_is_down_after_it_until_it_answers() {
    let plan = asking(30, 1);
    let mut bench = keeping(&plan);
    let first = asked(&mut bench);
    bench.receive(carrier(), first.answer("503 Down", "t", "", ""));
    let since = bench.core.live_trunks(TENANT)[0].down.map(|down| down.since);
    let mut next = killed(bench, &plan);
    assert_eq!((told(&mut next), fault(&next)), (vec![true], Some(TrunkFault::Unavailable)));
    assert_eq!(next.core.live_trunks(TENANT)[0].down.map(|down| down.since), since);
    let mut third = killed(next, &plan);
    assert_eq!((told(&mut third), fault(&third)), (vec![true], Some(TrunkFault::Unavailable)));
    let again = asked(&mut third);
    third.receive(carrier(), again.answer("200 OK", "t", "", ""));
    assert_eq!(told(&mut third), [false]);
    let mut last = killed(third, &plan);
    assert_eq!((told(&mut last), fault(&last)), (Vec::new(), None), "nothing is kept of it");
}

#[test]
fn a_rest_and_a_refused_registration_outlive_a_kill_and_a_rest_that_is_over_does_not() {
    for (later_ms, expected) in [(0, Some(TrunkFault::Overloaded)), (20_000, None)] {
        let plan = asking(0, 1);
        let mut bench = keeping(&plan);
        bench.command(invite(901));
        let sent = bench.one();
        bench.receive(carrier(), sent.answer("503 Full", "t", "Retry-After: 20\r\n", ""));
        bench.ms += later_ms;
        let next = killed(bench, &plan);
        assert_eq!(fault(&next), expected, "{later_ms}");
    }
    let mut plan = plan();
    plan.trunks[0].register = true;
    plan.trunks[0].outbound =
        Some(Credential { user: "gw".into(), password: "p".into(), realm: String::new() });
    let mut bench = keeping(&plan);
    let (_, first) = bench.pass(Duration::from_millis(1)).remove(0);
    bench.receive(carrier(), first.answer("403 No", "t", "", ""));
    let mut next = killed(bench, &plan);
    assert_eq!(fault(&next), Some(TrunkFault::Registration));
    let (_, second) = next.pass(Duration::from_millis(1)).remove(0);
    next.receive(carrier(), second.answer("200 OK", "t", "Expires: 600\r\n", ""));
    assert_eq!(fault(&next), None);
}

#[test]
fn whoever_speaks_to_a_call_is_there_whatever_options_came_to() {
    for (status, is_there) in
        [("503 No", false), ("408 No", false), ("100 Trying", true), ("486 Busy", true)]
    {
        let mut bench = watched(30, 1);
        let first = asked(&mut bench);
        bench.receive(carrier(), first.answer("503 Down", "t", "", ""));
        assert_eq!(told(&mut bench), [true]);
        bench.command(invite(901));
        let sent = bench.one();
        bench.receive(carrier(), sent.answer(status, "t", "", ""));
        assert_eq!(fault(&bench).is_none(), is_there, "{status}");
    }
}

#[test]
fn many_trunks_are_not_asked_at_once_and_0_asks_nothing() {
    let mut bench = watched(60, 200);
    let mut calls = BTreeSet::new();
    for second in 0..60 {
        let before = calls.len();
        let sent = bench.pass(secs(1));
        calls.extend(sent.iter().map(|(_, sent)| sent.header("Call-ID")));
        assert!(calls.len() - before <= 20, "second {second}: {} at once", calls.len() - before);
    }
    assert_eq!(calls.len(), 200, "each within the first interval");
    assert!(watched(0, 5).pass(secs(300)).is_empty());
}

#[test]
fn a_trunk_that_asks_for_time_is_given_it() {
    let mut bench = watched(0, 1);
    let mut refused = |leg: u64, status: &str, more: &str| {
        bench.command(invite(leg));
        let sent = bench.one();
        bench.receive(carrier(), sent.answer(status, "t", more, ""));
        bench.sent();
        (told(&mut bench), fault(&bench))
    };
    assert_eq!(refused(901, "503 Down", ""), (Vec::new(), None), "it may be this call alone");
    assert_eq!(refused(902, "486 Busy", "Retry-After: 60\r\n"), (Vec::new(), None));
    let overloaded = (vec![true], Some(TrunkFault::Overloaded));
    assert_eq!(refused(903, "503 Full", "Retry-After: 20 (soon);duration=5\r\n"), overloaded);
    bench.pass(secs(19));
    assert_eq!((told(&mut bench), fault(&bench)), (Vec::new(), Some(TrunkFault::Overloaded)));
    bench.pass(secs(2));
    assert_eq!((told(&mut bench), fault(&bench)), (vec![false], None));
}

#[test]
fn how_long_a_trunk_may_say_nothing_is_a_setting() {
    let mut bench = Bench::with(|config| config.silence_max = secs(2));
    let Command::Invite(call) = invite(901) else { panic!("it is an INVITE") };
    bench.command(Command::Invite(Box::new(Invite { other_way: true, ..*call })));
    bench.pass(Duration::from_millis(1_900));
    assert!(bench.events().is_empty());
    bench.pass(Duration::from_millis(200));
    assert_eq!(bench.events(), [Event::Failed { leg: LegId(901), status: 408, cause: 102 }]);
}

#[test]
fn a_trunk_that_says_nothing_is_given_up_early_where_another_is_left() {
    let way = |other_way| match invite(901) {
        Command::Invite(invite) => Command::Invite(Box::new(Invite { other_way, ..*invite })),
        other => other,
    };
    let failed = [Event::Failed { leg: LegId(901), status: 408, cause: 102 }];
    for (other_way, heard, gives_up) in
        [(true, "", true), (true, "100 Trying", false), (false, "", false)]
    {
        let mut bench = watched(0, 1);
        bench.command(way(other_way));
        let sent = bench.one();
        bench.pass(secs(5));
        if !heard.is_empty() {
            bench.receive(carrier(), sent.answer(heard, "t", "", ""));
        }
        assert!(bench.events().is_empty());
        bench.pass(secs(2));
        let events = bench.events();
        assert_eq!(events == failed, gives_up, "{other_way} {heard:?}: {events:?}");
        bench.receive(carrier(), sent.answer("180 Ringing", "t", "", ""));
        let taken_back = bench.starts().iter().any(|start| start.starts_with("CANCEL "));
        assert_eq!(taken_back, gives_up, "{other_way} {heard:?}: nobody rings in vain");
        assert_eq!(bench.counter("trunks_silent"), u64::from(gives_up));
    }
}

#[test]
fn the_switch_hears_that_a_trunk_is_down_before_the_call_fails() {
    let mut bench = watched(0, 1);
    bench.command(invite(901));
    let sent = bench.one();
    bench.receive(carrier(), sent.answer("503 Full", "t", "Retry-After: 20\r\n", ""));
    let down = Event::Trunk { tenant: TENANT, trunk: TrunkId(1), down: true, rests: true };
    let failed = Event::Failed { leg: LegId(901), status: 503, cause: 41 };
    assert_eq!(bench.events(), [down, failed], "so that it is not the next one either");
}

#[test]
fn a_trunk_that_refuses_our_registration_is_down_until_it_takes_it() {
    let mut bench = Bench::new();
    let mut plan = plan();
    plan.trunks[0].register = true;
    plan.trunks[0].outbound =
        Some(Credential { user: "gw".into(), password: "p".into(), realm: String::new() });
    bench.core.set_plan(bench.now(), &plan);
    let (_, first) = bench.pass(Duration::from_millis(1)).remove(0);
    assert_eq!(fault(&bench), None, "not yet registered is not down");
    bench.receive(carrier(), first.answer("403 No", "t", "", ""));
    assert_eq!((told(&mut bench), fault(&bench)), (vec![true], Some(TrunkFault::Registration)));
    let (_, second) = bench.pass(secs(6)).remove(0);
    bench.receive(carrier(), second.answer("200 OK", "t", "Expires: 600\r\n", ""));
    assert_eq!((told(&mut bench), fault(&bench)), (vec![false], None));
}
