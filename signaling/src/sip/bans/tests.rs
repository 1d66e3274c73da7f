//! Bans in virtual time.

use super::*;

fn limits() -> Limits {
    Limits { after: 10, ..Limits::default() }
}

fn bans() -> Bans {
    Bans::new(limits())
}

fn at(seconds: u64) -> Now {
    let wall = Timestamp::from_secs(1_790_000_000) + Duration::from_secs(seconds);
    Now { moment: Moment::from_secs(100_000 + seconds), wall }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn thief() -> IpAddr {
    ip("198.51.100.66")
}

/// So many wrong passwords, each for another name.
fn guesses(bans: &mut Bans, now: Now, from: IpAddr, count: u32) {
    for n in 0..count {
        bans.note(now, from, false, Offence::Password(&format!("10{n:02}")));
    }
}

#[test]
fn ten_wrong_passwords_ban_their_source_and_no_other_until_the_ban_is_over() {
    let mut bans = bans();
    guesses(&mut bans, at(0), thief(), 9);
    assert!(!bans.turn_away(at(0), thief(), false));
    bans.note(at(1), thief(), false, Offence::Password("admin\u{1b}[31m"));
    for connected in [false, true] {
        assert!(bans.turn_away(at(1), thief(), connected), "it had our nonce: it is who it says");
        assert!(bans.turn_away(at(600), thief(), connected));
        assert!(!bans.turn_away(at(601), thief(), connected));
    }
    assert!(!bans.turn_away(at(1), ip("198.51.100.67"), false));
    let list = bans.list(at(1));
    let [ban] = &list[..] else { panic!("{list:?}") };
    assert_eq!((ban.address, ban.why, ban.times), (thief(), BanReason::Passwords, 1));
    assert_eq!((ban.since, ban.until), (at(1).wall, at(601).wall));
    assert!(!ban.claimed && ban.named.starts_with("admin"));
    assert_eq!((bans.begun(), bans.list(at(601)).len()), (1, 0));
}

#[test]
fn each_further_ban_is_longer_until_a_day_of_peace() {
    let mut bans = bans();
    let mut now = 0;
    for (length, times) in [(600, 1), (7_200, 2), (86_400, 3), (86_400, 4)] {
        guesses(&mut bans, at(now), thief(), 10);
        assert_eq!(bans.list(at(now))[0].times, times);
        assert!(bans.turn_away(at(now + length - 1), thief(), false), "{length}");
        assert!(!bans.turn_away(at(now + length), thief(), false), "{length}");
        now += length;
    }
    now += 86_400;
    guesses(&mut bans, at(now), thief(), 10);
    assert!(!bans.turn_away(at(now + 600), thief(), false), "the first again");
}

#[test]
fn failures_count_within_their_time_alone() {
    let mut bans = bans();
    for round in 0..50 {
        guesses(&mut bans, at(round * 600), thief(), 9);
    }
    assert_eq!(bans.begun(), 0);
}

#[test]
fn what_is_only_claimed_bans_datagrams_for_the_first_time_and_never_longer() {
    let mut bans = bans();
    for round in 0..5 {
        let now = round * 1_000;
        for _ in 0..10 {
            bans.note(at(now), thief(), false, Offence::Malformed);
        }
        assert!(bans.turn_away(at(now + 599), thief(), false));
        assert!(!bans.turn_away(at(now), thief(), true), "whoever is there may connect");
        assert!(!bans.turn_away(at(now + 600), thief(), false), "round {round}");
    }
    // Over a connection it is no claim.
    for _ in 0..10 {
        bans.note(at(9_000), thief(), true, Offence::Scanner("sipvicious"));
    }
    assert!(bans.turn_away(at(9_000), thief(), true));
    assert_eq!(bans.list(at(9_000))[0].why, BanReason::Scanner);
}

#[test]
fn who_spoofs_a_phone_that_is_known_has_it_not_banned() {
    let mut bans = bans();
    let phone = ip("192.0.2.7");
    bans.on_proven(at(0).moment, phone, "1001");
    for n in 0..1_000 {
        bans.note(at(1), phone, false, Offence::Malformed);
        bans.note(at(1), phone, false, Offence::Scanner("friendly-scanner"));
        bans.note(at(1), phone, false, Offence::Name(&n.to_string()));
        bans.note(at(1), phone, false, Offence::Guess(&n.to_string()));
    }
    assert!(!bans.turn_away(at(20), phone, false));
    assert_eq!((bans.begun(), bans.len()), (0, 0), "nor is anything kept of it");
    // A day after it was heard last it is a stranger.
    for _ in 0..10 {
        bans.note(at(86_401), phone, false, Offence::Malformed);
    }
    assert!(bans.turn_away(at(86_401), phone, false));
}

#[test]
fn a_phone_with_an_old_password_does_not_cost_its_office_the_calls_and_a_guesser_does() {
    let mut bans = bans();
    let office = ip("192.0.2.7");
    bans.on_proven(at(0).moment, office, "1001");
    for second in 0..500 {
        bans.note(at(second), office, false, Offence::Password("1009"));
    }
    assert!(!bans.turn_away(at(500), office, false));
    for n in 0..9 {
        bans.note(at(500), office, false, Offence::Password(&format!("20{n:02}")));
        bans.on_proven(at(500).moment, office, "1001");
    }
    assert!(bans.turn_away(at(500), office, false), "one's own password forgives no guesses");
}

#[test]
fn whoever_finds_their_password_is_forgiven_their_slips() {
    let mut bans = bans();
    for _ in 0..9 {
        bans.note(at(0), thief(), false, Offence::Password("1001"));
    }
    bans.on_proven(at(1).moment, thief(), "1001");
    bans.note(at(2), thief(), false, Offence::Password("1001"));
    assert!(!bans.turn_away(at(2), thief(), false));
}

#[test]
fn who_asks_for_many_names_has_ten_seconds_to_prove_one() {
    let mut bans = bans();
    let (office, scanner) = (ip("192.0.2.7"), thief());
    for n in 0..50 {
        bans.note(at(0), office, false, Offence::Name(&format!("10{n:02}")));
        bans.note(at(0), scanner, false, Offence::Name(&format!("10{n:02}")));
    }
    bans.on_proven(at(1).moment, office, "1001");
    assert!(!bans.turn_away(at(9), scanner, false));
    assert!(bans.turn_away(at(10), scanner, false));
    assert!(!bans.turn_away(at(10), office, false), "phones after a power cut");
    assert_eq!(bans.list(at(10))[0].why, BanReason::Names);
    // One name, however often it is asked for, is a phone that does not know its password.
    let lost = ip("192.0.2.8");
    for second in 0..100 {
        bans.note(at(second), lost, false, Offence::Name("1001"));
    }
    assert!(!bans.turn_away(at(200), lost, false));
}

#[test]
fn a_password_ends_a_ban_that_was_only_claimed() {
    let mut bans = bans();
    for _ in 0..10 {
        bans.note(at(0), thief(), false, Offence::Malformed);
    }
    assert!(bans.turn_away(at(1), thief(), false));
    bans.on_proven(at(2).moment, thief(), "1001");
    assert!(!bans.turn_away(at(2), thief(), false));
}

#[test]
fn a_customer_of_ipv6_is_one_source_and_a_ban_is_lifted_by_any_address_of_it() {
    let mut bans = bans();
    for n in 0..10 {
        bans.note(at(0), ip(&format!("2001:db8::{n:x}")), false, Offence::Password("1001"));
    }
    assert!(bans.turn_away(at(0), ip("2001:db8::ffff"), false));
    assert!(!bans.turn_away(at(0), ip("2001:db8:0:1::1"), false));
    assert_eq!(bans.lift(at(1), ip("2001:db8:0:1::1")), None);
    let lifted = bans.lift(at(1), ip("2001:db8::7")).expect("it was banned");
    assert_eq!(lifted.address, ip("2001:db8::"));
    assert!(!bans.turn_away(at(1), ip("2001:db8::ffff"), false));
    assert_eq!(bans.lift(at(1), ip("2001:db8::7")), None, "once");
}

#[test]
fn a_flood_of_sources_has_a_limit_and_the_worst_stay() {
    let mut bans = bans();
    guesses(&mut bans, at(0), thief(), 10);
    for n in 0..3 * SOURCES_MAX as u32 {
        let second = u64::from(n / 5_000);
        bans.note(at(second), IpAddr::V4((0x0b00_0000 + n).into()), false, Offence::Malformed);
    }
    assert!(bans.len() <= SOURCES_MAX);
    assert!(bans.turn_away(at(10), thief(), false), "it made no room for strangers");
    let newest = IpAddr::V4((0x0b00_0000 + 3 * SOURCES_MAX as u32 - 1).into());
    for _ in 0..9 {
        bans.note(at(10), newest, false, Offence::Malformed);
    }
    assert!(bans.turn_away(at(10), newest, false), "who came last is remembered");
    for n in 0..2 * KNOWN_MAX as u32 {
        bans.know(at(20).moment, IpAddr::V4((0x2b00_0000 + n).into()));
    }
    assert!(bans.known.len() <= KNOWN_MAX);
}

#[test]
fn bans_and_who_is_known_last_over_a_stop_and_no_longer_than_without_one() {
    let mut before = bans();
    let (phone, spoofed) = (ip("192.0.2.7"), ip("192.0.2.8"));
    before.on_proven(at(0).moment, phone, "1001");
    guesses(&mut before, at(100), thief(), 10);
    for _ in 0..10 {
        before.note(at(100), spoofed, false, Offence::Malformed);
    }
    let kept = before.keep(at(200));
    let text = serde_json::to_string(&kept).unwrap();
    // The monotonic clock of another start is another one.
    let other = |seconds: u64| Now { moment: Moment::from_secs(900_000 + seconds), ..at(seconds) };
    let mut after = bans();
    after.restore(other(300), serde_json::from_str(&text).unwrap());
    assert_eq!(after.list(other(300)), before.list(at(300)));
    assert!(after.turn_away(other(699), thief(), true));
    assert!(after.turn_away(other(699), spoofed, false));
    assert!(!after.turn_away(other(699), spoofed, true), "it is still only claimed");
    assert!(!after.turn_away(other(700), thief(), true));
    guesses(&mut after, other(700), thief(), 10);
    assert!(after.turn_away(other(700 + 7_199), thief(), true), "the second, not the first");
    for second in [301, 86_399] {
        (0..10).for_each(|_| after.note(other(second), phone, false, Offence::Malformed));
        assert!(!after.turn_away(other(second), phone, false), "{second}");
    }
    (0..10).for_each(|_| after.note(other(86_400), phone, false, Offence::Malformed));
    assert!(after.turn_away(other(86_400), phone, false), "its day is over");
    let mut late = bans();
    late.restore(other(90_000), kept);
    assert_eq!((late.len(), late.known.len()), (0, 0));
}

#[test]
fn bans_that_are_off_ban_nobody() {
    let mut bans = Bans::new(Limits::default());
    guesses(&mut bans, at(0), thief(), 1_000);
    assert!(!bans.turn_away(at(0), thief(), false));
    assert_eq!(bans.len(), 0);
}
