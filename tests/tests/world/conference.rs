//! Meetings in the simulated world, from the packets to the rows: who comes in with which PIN, who
//! hears whom, who is locked out, what is recorded, and a call process that is killed in the middle.

use super::{days, voice_of};
use terms::control::ConferenceAction;
use terms::event::{InConference, Kind};
use terms::record::{Call, Row};
use tests::rig::audit::Totals;
use tests::rig::handset::{Handset, pair_of};
use tests::rig::plan::{CHAIR_PIN, GUEST, GUEST_PIN, MEETING, ROOM_NUMBER};
use tests::rig::{Behaviour, Weather, World, minutes, seconds};

/// Packets in a second.
const PACKETS: u32 = 50;

fn handset(world: &World, tag: u16) -> &Handset {
    world.handsets.iter().find(|set| set.tag == tag).expect("it was used")
}

fn mixed(world: &World, of: u16, one: u16, two: u16) -> u32 {
    handset(world, of).pairs.get(&pair_of(one, two)).copied().unwrap_or_default() / PACKETS
}

/// Seconds in which a voice was heard alone.
fn alone(world: &World, of: u16, voice: u16) -> u32 {
    let heard = handset(world, of).heard.iter().filter(|heard| heard.tag == voice);
    heard.map(|heard| heard.packets).sum::<u32>() / PACKETS
}

fn calls(world: &World) -> Vec<&Call> {
    let rows = world.center.rows.iter();
    rows.filter_map(|row| match row {
        Row::Call(call) => Some(call),
        _ => None,
    })
    .collect()
}

/// Agent 1 in the chair from the 6th second, one guest from the 12th and another from the 17th on. The
/// room is locked from the 25th to the 34th, the first guest is muted from the 35th to the 55th, the
/// second leaves in the 74th, and the chairperson ends it in the 85th.
#[test]
fn a_meeting_is_locked_muted_left_and_ended_and_a_kill_in_the_middle_takes_nobody_out() {
    for kill in [false, true] {
        let mut world = World::quiet(31, Weather::calm());
        world.run_for(seconds(3));
        let keys = [(4, CHAIR_PIN), (24, "*1"), (33, "*1"), (84, "*9")];
        world.attends(seconds(1), 1, ROOM_NUMBER, &keys, seconds(200));
        // A wrong PIN first; the right one opens.
        let guest = Behaviour::attends("0000#4711#", seconds(200));
        let first = world.calls(seconds(8), MEETING, guest);
        let guest = Behaviour::attends(GUEST_PIN, seconds(60));
        let second = world.calls(seconds(14), MEETING, guest.clone());
        let late = world.calls(seconds(26), MEETING, guest.clone());
        let guesses = Behaviour::attends("1111#2222#3333#", seconds(60));
        let guesser = world.calls(seconds(30), MEETING, guesses);
        for second in [35, 55] {
            world.types(seconds(second), first, "*6");
        }
        if kill {
            world.dies(seconds(45));
        }
        world.run_for(minutes(3));

        let chair = world.voices_of(1)[0];
        let [first, second, late, guesser] =
            [first, second, late, guesser].map(|caller| voice_of(&world, caller));
        let told = format!("killed: {kill}, chair {chair}, guests {first} and {second}");
        let pairs = |of: u16, one: u16, two: u16| mixed(&world, of, one, two);
        assert!((50..=58).contains(&pairs(first, chair, second)), "{told}: heard all the time");
        assert!((30..=38).contains(&pairs(chair, first, second)), "{told}: but for the mute");
        assert!((30..=38).contains(&pairs(second, first, chair)), "{told}: but for the mute");
        assert!((16..=21).contains(&alone(&world, second, chair)), "{told}: while it lasted");
        for outside in [late, guesser] {
            let set = handset(&world, outside);
            assert!(set.heard.is_empty() && set.pairs.is_empty(), "{told}: {outside} hears nobody");
        }
        for (inside, other) in [(chair, first), (first, second), (second, chair)] {
            let of_both = pair_of(inside, other);
            let echo = [inside, other].map(|tag| handset(&world, tag).pairs.contains_key(&of_both));
            assert_eq!(echo, [false; 2], "{told}: nobody hears themselves");
        }

        let totals = world.close_and_balance();
        let expected = (5, 1, 3, if kill { 2 } else { 1 });
        let found = (totals.calls, totals.meetings, totals.members, totals.recordings);
        assert_eq!(found, expected, "{told}");
        let (mut left, mut right) = (0, 0);
        for file in &world.center.disk.rendered {
            let (customers, others) = file.voices();
            assert!(!customers.contains_key(&chair) && others.keys().all(|&tag| tag == chair));
            left += customers.get(&second).copied().unwrap_or_default();
            right += others.get(&chair).copied().unwrap_or_default();
        }
        // 400 cells a second: the second guest alone while the first is muted, the chairperson always.
        assert!((6_000..9_200).contains(&left), "{told}: {left}");
        assert!((24_000..31_000).contains(&right), "{told}: {right}");
        let met: Vec<_> = calls(&world).into_iter().filter_map(|call| call.meeting_id).collect();
        assert!(met.len() == 3 && met.iter().all(|&meeting| meeting == met[0]), "{told}: {met:?}");
    }
}

#[test]
fn somebody_whom_the_meeting_calls_is_heard_once_they_say_that_they_come() {
    let mut world = World::quiet(32, Weather::calm());
    world.run_for(seconds(3));
    let guest = Behaviour::attends(GUEST_PIN, seconds(60));
    let caller = world.calls(seconds(1), MEETING, guest);
    let dial_out = ConferenceAction::DialOut { target: GUEST.to_owned(), chair: false };
    world.confers(seconds(10), dial_out);
    world.run_for(minutes(2));
    let caller = voice_of(&world, caller);
    let called = world.handsets.iter().find(|set| set.tag != caller).expect("they were rung").tag;
    // They answer after two seconds, come in after four, and hang up after thirty.
    for (who, other) in [(caller, called), (called, caller)] {
        assert!((25..=28).contains(&alone(&world, who, other)), "{who} hears {other}");
    }
    let totals = world.close_and_balance();
    assert_eq!((totals.calls, totals.meetings, totals.members, totals.recordings), (2, 1, 2, 1));
    let told: Vec<&InConference> = world
        .center
        .entries
        .iter()
        .filter_map(|entry| match &entry.kind {
            Kind::Conference { what, .. } => Some(what),
            _ => None,
        })
        .collect();
    assert!(matches!(told[1], InConference::Invited { target, .. } if target == GUEST), "{told:?}");
    assert_eq!(told.len(), 5, "one came, one was called and came, both left: {told:?}");
}

/// A whole day in which the call process is killed while some confer.
fn killed(seed: u64) -> Totals {
    let mut world = World::seed(seed);
    world.dies_in_a_meeting();
    world.run_until(minutes(30));
    assert_eq!(world.center.kills.len(), 1, "seed {seed}");
    world.close_and_balance()
}

#[test]
fn days_in_which_the_call_process_is_killed_while_people_confer_balance() {
    let days = days(40..46, killed);
    let sum = |of: fn(&Totals) -> usize| days.iter().map(of).sum::<usize>();
    assert!(sum(|day| day.calls) >= 180, "{days:?}");
    assert!(sum(|day| day.answered) > 20, "{days:?}");
    assert!(sum(|day| day.members) > 15, "{days:?}");
}
