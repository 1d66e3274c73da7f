//! Leases alone: changes, ends, whom a number reaches.

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const X: &str = "95105600";

fn lease(id: u64, version: u64, kind: LeaseKind) -> Lease {
    Lease {
        id: LeaseId(id),
        version,
        kind,
        number: X.into(),
        a: "13800138001".into(),
        b: (kind == LeaseKind::Axb).then(|| "13800138002".into()),
        code: (kind == LeaseKind::Axe).then(|| format!("{id}00")),
        from: NOW,
        until: NOW + Duration::from_secs(3_600),
        record: false,
    }
}

fn changes(since: Option<u64>, version: u64, leases: Vec<Lease>) -> LeaseChanges {
    LeaseChanges { tenant: TenantId(1), since, version, leases }
}

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text, "86")
}

fn found(leases: &Leases, caller: &str, after_s: u64) -> Option<Found> {
    let at = NOW + Duration::from_secs(after_s);
    leases.find(&number(X), (&number(caller), "86"), at, false)
}

fn reached(leases: &Leases, caller: &str) -> Option<String> {
    match found(leases, caller, 1) {
        Some(Found::Reaches(binding)) => Some(binding.to),
        _ => None,
    }
}

#[test]
fn changes_follow_each_other_and_a_gap_is_refused() {
    let mut leases = Leases::default();
    let one = vec![lease(1, 5, LeaseKind::Axb)];
    assert!(leases.apply(NOW, changes(Some(4), 5, one.clone())).is_err(), "nothing is known");
    leases.apply(NOW, changes(None, 5, one)).expect("all of them");
    assert_eq!(reached(&leases, "13800138001").as_deref(), Some("13800138002"));
    let ended = Lease { until: NOW, version: 6, ..lease(1, 6, LeaseKind::Axb) };
    leases.apply(NOW, changes(Some(5), 6, vec![ended])).expect("the next one");
    assert_eq!(reached(&leases, "13800138001"), None);
    assert!(leases.apply(NOW, changes(Some(7), 8, vec![])).is_err());
    leases.apply(NOW, changes(None, 9, vec![])).expect("all of them: there is none");
    assert_eq!(found(&leases, "13800138001", 1), None);
}

#[test]
fn a_lease_ends_by_itself_and_its_parties_are_told_for_a_day() {
    let mut leases = Leases::default();
    leases.apply(NOW, changes(None, 1, vec![lease(1, 1, LeaseKind::Axb)])).expect("one");
    let over = Found::Refused(Some(LeaseId(1)), LeaseRefusal::Over);
    assert_eq!(found(&leases, "13800138002", 3_600), Some(over));
    assert_eq!(found(&leases, "13800138009", 3_600), None, "others reach what answers it");
    assert_eq!(found(&leases, "13800138002", 3_600 + 86_400), None);
    let later = NOW + Duration::from_secs(3_600 + 86_400);
    leases.apply(later, changes(Some(1), 1, vec![])).expect("nothing new");
    assert!(leases.by_id.is_empty() && leases.by_number.is_empty() && leases.ends.is_empty());
    let forgotten = leases.take_changes(TenantId(1));
    assert!(forgotten.iter().all(|change| change.value.is_none()), "its record goes too");
}

#[test]
fn a_call_that_comes_back_goes_nowhere() {
    let mut leases = Leases::default();
    leases.apply(NOW, changes(None, 1, vec![lease(1, 1, LeaseKind::Ax)])).expect("one");
    assert_eq!(found(&leases, X, 1), Some(Found::Loop), "somebody forwards what we called");
    let forwarded = leases.find(&number(X), (&number("13800138001"), "86"), NOW, true);
    assert_eq!(forwarded, Some(Found::Loop));
    let stranger = leases.find(&number(X), (&number("13800138009"), "86"), NOW, true);
    assert!(matches!(stranger, Some(Found::Reaches(_))), "who forwards to us is a caller");
}

#[test]
fn many_share_a_number_by_their_codes_and_who_guesses_is_heard_no_more() {
    let mut leases = Leases::default();
    let both = vec![lease(1, 1, LeaseKind::Axe), lease(2, 2, LeaseKind::Axe)];
    leases.apply(NOW, changes(None, 2, both)).expect("two");
    assert_eq!(found(&leases, "13800138009", 1), Some(Found::Code));
    let by = |code| leases.by_code(&number(X), code, NOW).map(|binding| binding.lease.0);
    assert_eq!((by("100"), by("200"), by("300")), (Some(1), Some(2), None));

    let (who, within) = (number("13800138009"), Duration::from_secs(900));
    let at = Moment::from_secs;
    for n in 0..3 {
        leases.note_guess(at(n), &who, within);
    }
    assert!(leases.guesses_too_often(at(3), &who, (3, within)));
    assert!(!leases.guesses_too_often(at(3), &number("13800138008"), (3, within)));
    assert!(!leases.guesses_too_often(at(900), &who, (3, within)), "a quarter of an hour later");
}

#[test]
fn a_calls_last_caller_and_its_version_outlive_the_process() {
    let mut leases = Leases::default();
    leases.apply(NOW, changes(None, 3, vec![lease(1, 3, LeaseKind::Ax)])).expect("one");
    assert_eq!(
        found(&leases, "13800138001", 1),
        Some(Found::Refused(Some(LeaseId(1)), LeaseRefusal::NobodyCalled))
    );
    leases.note_caller(LeaseId(1), &number("13800138009"), "86");
    leases.note_caller(LeaseId(1), &number("anonymous"), "86");
    leases.note_caller(LeaseId(1), &number("13800138001"), "86");
    let mut again = Leases::default();
    for change in leases.take_changes(TenantId(1)) {
        again.restore(change.read().expect("what was written is read"));
    }
    assert_eq!(reached(&again, "13800138001").as_deref(), Some("13800138009"));
    again.apply(NOW, changes(Some(3), 3, vec![])).expect("nothing is missing");
}

#[test]
fn what_was_counted_of_a_lease_goes_with_it_when_all_are_told_anew() {
    let mut leases = Leases::default();
    let both = vec![lease(1, 1, LeaseKind::Axe), lease(2, 2, LeaseKind::Axe)];
    leases.apply(NOW, changes(None, 2, both)).expect("two");
    for n in [1, 2] {
        let call = (CallId(n), "13800138001", false);
        let counted = leases.count(Moment::from_secs(1), &Limits::default(), LeaseId(n), call);
        counted.expect("one call is never too much");
    }
    leases.apply(NOW, changes(None, 3, vec![lease(2, 2, LeaseKind::Axe)])).expect("one");
    let both = vec![lease(1, 4, LeaseKind::Axe), lease(2, 4, LeaseKind::Axe)];
    leases.apply(NOW, changes(None, 4, both)).expect("two again");
    assert_eq!([1, 2].map(|id| leases.by_id[&LeaseId(id)].guard.live_calls().count()), [0, 1]);
}

#[test]
fn what_was_called_by_a_lease_counts_on_in_the_next_process() {
    let mut leases = Leases::default();
    leases.apply(NOW, changes(None, 1, vec![lease(1, 1, LeaseKind::Ax)])).expect("one");
    let limits = Limits { at_once_max: 2, ..Limits::default() };
    let counts = |leases: &mut Leases, call: u64| {
        let call = (CallId(call), "13800138001", false);
        leases.count(Moment::from_secs(1), &limits, LeaseId(1), call)
    };
    assert_eq!([1, 2].map(|call| counts(&mut leases, call)), [Ok(()), Ok(())]);
    let mut again = Leases::default();
    for change in leases.take_changes(TenantId(1)) {
        again.restore(change.read().expect("what was written is read"));
    }
    assert_eq!(counts(&mut again, 3), Err(LeaseRefusal::TooMany));
    again.end_lost(Moment::from_secs(2), |call| call == CallId(2));
    assert_eq!(counts(&mut again, 3), Ok(()), "one did not come back");
    assert_eq!(counts(&mut again, 4), Err(LeaseRefusal::TooMany));
}

#[test]
fn who_is_forgotten_called_nobody_in_what_outlives_the_process_too() {
    let mut leases = Leases::default();
    leases.apply(NOW, changes(None, 1, vec![lease(1, 1, LeaseKind::Ax)])).expect("one");
    leases.note_caller(LeaseId(1), &number("+8613800138009"), "86");
    leases.take_changes(TenantId(1));
    // Another's number, which ends as theirs does, is another's.
    for other in ["13800138008", "3800138009"] {
        leases.forget_caller(&Subscriber::parse(other, "86").expect("a number"));
    }
    assert_eq!(reached(&leases, "13800138001").as_deref(), Some("+8613800138009"));
    leases.forget_caller(&Subscriber::parse("13800138009", "86").expect("a number"));
    let mut again = Leases::default();
    for change in leases.take_changes(TenantId(1)) {
        again.restore(change.read().expect("what was written is read"));
    }
    for leases in [&leases, &again] {
        let nobody = Found::Refused(Some(LeaseId(1)), LeaseRefusal::NobodyCalled);
        assert_eq!(found(leases, "13800138001", 1), Some(nobody));
    }
}

#[test]
fn who_keyed_in_a_code_is_remembered_up_to_a_bound_until_the_code_or_the_person_is_gone() {
    let mut leases = Leases::default();
    leases.apply(NOW, changes(None, 1, vec![lease(1, 1, LeaseKind::Axe)])).expect("one");
    let (id, who) = (LeaseId(1), |n: usize| number(&format!("1380013900{n}")));
    let known = |leases: &Leases| -> Vec<usize> {
        (0..9).filter(|&n| leases.has_proven(id, &who(n))).collect()
    };
    for n in [0, 1, 2, 3, 0, 4] {
        leases.note_proven(id, &who(n));
    }
    leases.note_proven(id, &number("anonymous"));
    assert!(!leases.has_proven(id, &number("anonymous")), "that is anybody");
    assert_eq!(known(&leases), [0, 2, 3, 4], "who keyed it in longest ago is forgotten");
    leases.forget_caller(&Subscriber::parse("13800139003", "86").expect("a number"));
    let mut again = Leases::default();
    for change in leases.take_changes(TenantId(1)) {
        again.restore(change.read().expect("what was written is read"));
    }
    assert_eq!((known(&leases), known(&again)), (vec![0, 2, 4], vec![0, 2, 4]));
    // The same again forgives nobody and forgets nobody; another code does.
    again.apply(NOW, changes(Some(1), 2, vec![lease(1, 2, LeaseKind::Axe)])).expect("the same");
    assert_eq!(known(&again), [0, 2, 4]);
    let other = Lease { code: Some("999".into()), ..lease(1, 3, LeaseKind::Axe) };
    again.apply(NOW, changes(Some(2), 3, vec![other])).expect("another");
    assert_eq!(known(&again), [] as [usize; 0]);
}

#[test]
fn wrong_codes_of_a_number_are_counted_whoever_keys_them_in_and_the_count_outlives_the_process() {
    let mut leases = Leases::default();
    let both = vec![lease(1, 1, LeaseKind::Axe), lease(2, 2, LeaseKind::Axe)];
    leases.apply(NOW, changes(None, 2, both)).expect("two");
    let (x, limit, at) = (number(X), (3, Duration::from_secs(900)), Moment::from_secs);
    assert_eq!(leases.note_wrong(at(0), &number("95105601"), limit), None, "it is nobody's");
    let noted = (0..3).map(|n| leases.note_wrong(at(n), &x, limit)).collect::<Vec<_>>();
    assert_eq!(noted, [None, None, Some(LeaseId(1))]);
    assert!(leases.is_paused(at(3), &x, limit) && leases.pauses() == 1);
    assert!(!leases.is_paused(at(3), &number("95105601"), limit));
    // A change of the lease, and all of them told anew, forgive nothing.
    leases.apply(NOW, changes(Some(2), 3, vec![lease(1, 3, LeaseKind::Axe)])).expect("one");
    let both = vec![lease(1, 4, LeaseKind::Axe), lease(2, 4, LeaseKind::Axe)];
    leases.apply(NOW, changes(None, 4, both)).expect("all");
    let mut again = Leases::default();
    for change in leases.take_changes(TenantId(1)) {
        again.restore(change.read().expect("what was written is read"));
    }
    for leases in [&leases, &again] {
        assert!(leases.is_paused(at(901), &x, limit), "from the last one on");
        assert!(!leases.is_paused(at(902), &x, limit), "it is over");
    }
    assert_eq!(again.note_wrong(at(902), &x, limit), None, "counted from the beginning");
}
