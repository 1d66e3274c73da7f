//! Keys that are held: what is made anew for the other party begins with the key, lasts as long and
//! ends with it, whatever is lost and whoever leaves.

use super::codecs::Mouth;
use super::hearing::without_events;
use super::*;
use crate::detect::keys::{Detector, Found};
use crate::dtmf::{Receiver, SEGMENT_TICKS};
use crate::tone::keys::Keypad;

/// A phone holds a key in packets of 20 ms on its own clock; what `arrives` leaves of them comes.
fn hold(
    world: &mut World,
    phone: usize,
    code: u8,
    held_ms: u32,
    arrives: impl Fn(DigitEvent) -> bool,
) {
    let ticks_per_ms = world.phones[phone].codec.clock_hz() / 1_000;
    let began = world.phones[phone].time;
    let mut base = 0;
    let say = |world: &mut World, base: u32, event: DigitEvent, first: bool| {
        world.phones[phone].time = began.wrapping_add(base);
        let bytes = world.phones[phone].packet(101, first, &event.write());
        world.phones[phone].seq = world.phones[phone].seq.wrapping_add(1);
        if arrives(event) {
            world.send(phone, bytes);
        }
    };
    let packets = held_ms.div_ceil(20);
    for n in 1..=packets + 2 {
        let ticks = (n * 20).min(held_ms) * ticks_per_ms;
        if ticks - base > SEGMENT_TICKS {
            say(world, base, DigitEvent { code, end: false, duration: u16::MAX }, false);
            base += SEGMENT_TICKS;
        }
        let event = DigitEvent { code, end: n >= packets, duration: (ticks - base) as u16 };
        say(world, base, event, n == 1);
        world.run(20);
    }
    world.phones[phone].time = began.wrapping_add((packets + 2) * 20 * ticks_per_ms);
}

/// The sound of a key that is held, and silence around it.
fn sound(key: char, held_ms: u32) -> Vec<i16> {
    let mut keypad = Keypad::default();
    keypad.press(key);
    keypad.let_go(held_ms);
    let (mut said, mut frame) = (vec![0; 800], [0; 160]);
    while keypad.fill(&mut frame) {
        said.extend(frame);
    }
    said.extend([0; 1_600]);
    said
}

fn say(world: &mut World, phone: usize, said: Vec<i16>) {
    let frames = said.len() / 160;
    let mut mouth = Mouth::new(world, phone, said);
    for _ in 0..frames {
        mouth.say(world);
        world.run(20);
    }
}

/// Digits that a phone got as events, how long each lasts, and how many packets ended them.
fn events(world: &World, phone: usize) -> (Vec<(char, u32)>, usize) {
    events_at(world, phone, world.phones[phone].codec.clock_hz())
}

/// The same where events count on a clock of their own.
fn events_at(world: &World, phone: usize, hz: u32) -> (Vec<(char, u32)>, usize) {
    let phone = &world.phones[phone];
    let mut receiver = Receiver::default();
    receiver.set_clock(hz, phone.codec.clock_hz());
    let (mut digits, mut ends) = (Vec::new(), 0);
    let is_event = |heard: &&Heard| heard.header.payload_type == PayloadType(101);
    for heard in phone.heard.iter().filter(is_event) {
        let header = heard.header;
        let event = DigitEvent::parse(&heard.payload).expect("an event");
        ends += usize::from(event.end);
        let now = Moment::from_millis(heard.at_ms);
        let step = receiver.note(now, header.ssrc, header.time, header.marker, event);
        digits.extend(step.digits.iter().flatten().map(|digit| (digit.key, digit.duration_ms)));
    }
    assert_eq!(receiver.end(), None, "each is ended");
    (digits, ends)
}

/// Digits that a phone of 8 kHz hears as tones, and how long each sounds.
fn tones(world: &World, phone: usize) -> Vec<(char, u32)> {
    let mut found = Vec::new();
    let mut samples = super::codecs::ear(world, phone, 0);
    samples.extend([0; 800]);
    Detector::default().hear(&samples, |heard| {
        if let Found::Released { key, duration_ms } = heard {
            found.push((key, duration_ms));
        }
    });
    found
}

/// What was told of the presses of a leg.
fn told(world: &World) -> Vec<(char, u32)> {
    let digit = |event: &Event| match event {
        Event::Digit { digit, duration_ms, .. } => Some((*digit, *duration_ms)),
        _ => None,
    };
    world.events.iter().filter_map(digit).collect()
}

fn pair(one: Codec, two: Codec, change: impl Fn(usize, &mut Remote)) -> World {
    let mut world = World::new();
    for (n, codec) in [one, two].into_iter().enumerate() {
        world.add(codec, 65_500, |remote| change(n, remote));
        world.join(n, 1);
    }
    world
}

fn near(told: &[(char, u32)], expected: &[(char, u32)], ms: u32) -> bool {
    let is_near =
        |(one, two): (&(char, u32), &(char, u32))| one.0 == two.0 && one.1.abs_diff(two.1) <= ms;
    told.len() == expected.len() && told.iter().zip(expected).all(is_near)
}

#[test]
fn a_press_lasts_as_long_on_the_clock_of_the_other() {
    for (one, two) in [(Codec::Pcma, Codec::Opus), (Codec::Opus, Codec::Pcma)] {
        for held_ms in [40, 500, 2_000, 10_000] {
            let mut world = pair(one, two, |_, _| {});
            hold(&mut world, 0, 5, held_ms, |_| true);
            world.run(200);
            let whole = vec![('5', held_ms)];
            assert_eq!(told(&world), whole, "{one:?} to {two:?}");
            assert_eq!(events(&world, 1), (whole, 3), "{one:?} to {two:?}");
            assert_seamless(&world.phones[1].sequence());
        }
    }
}

#[test]
fn a_long_press_is_as_long_where_only_the_clocks_of_events_differ() {
    // At 48 kHz both are longer than a segment, at 8 kHz the second one alone.
    for held_ms in [2_000, 10_000] {
        let mut world = pair(Codec::Opus, Codec::Opus, |n, remote| {
            if n == 1 {
                remote.send.dtmf_hz = 8_000;
            }
        });
        hold(&mut world, 0, 5, held_ms, |_| true);
        world.run(200);
        let whole = vec![('5', held_ms)];
        assert_eq!(told(&world), whole);
        assert_eq!(events_at(&world, 1, 8_000), (whole, 3));
        assert_seamless(&world.phones[1].sequence());
    }
}

#[test]
fn a_press_begins_for_the_other_before_it_ends() {
    let mut world = pair(Codec::Pcma, Codec::Opus, |_, _| {});
    let event = DigitEvent { code: 3, end: false, duration: 160 };
    let bytes = world.phones[0].packet(101, true, &event.write());
    world.send(0, bytes);
    world.run(5);
    let last = world.phones[1].heard.last().expect("it is heard at once");
    assert!(last.header.payload_type == PayloadType(101) && last.header.marker);
    assert_eq!(told(&world), []);
}

#[test]
fn a_press_whose_end_is_lost_lasts_as_long_as_it_was_heard() {
    let mut world = pair(Codec::Pcma, Codec::Opus, |_, _| {});
    hold(&mut world, 0, 9, 500, |event| !event.end);
    world.run(500);
    assert_eq!((told(&world), events(&world, 1)), (vec![('9', 480)], (vec![('9', 480)], 3)));
    // As a tone it sounds until nothing has come for a while.
    let mut world = pair(Codec::Pcma, Codec::Pcma, |n, remote| {
        if n == 1 {
            without_events(remote);
        }
    });
    hold(&mut world, 0, 9, 500, |event| !event.end);
    world.run(1_000);
    assert!(near(&tones(&world, 1), &[('9', 600)], 120), "{:?}", tones(&world, 1));
}

#[test]
fn two_quick_presses_of_one_key_are_two() {
    for lost in [false, true] {
        let mut world = pair(Codec::Pcma, Codec::Opus, |_, _| {});
        hold(&mut world, 0, 1, 60, |event| !(lost && event.end));
        hold(&mut world, 0, 1, 80, |_| true);
        world.run(500);
        let first = if lost { 40 } else { 60 };
        let both = vec![('1', first), ('1', 80)];
        assert_eq!((told(&world), events(&world, 1)), (both.clone(), (both, 6)), "lost {lost}");
    }
}

#[test]
fn a_tone_is_an_event_of_its_length() {
    for held_ms in [60, 500, 2_000, 10_000] {
        let mut world = pair(Codec::Pcma, Codec::Opus, |n, remote| {
            if n == 0 {
                without_events(remote);
            }
        });
        say(&mut world, 0, sound('4', held_ms));
        world.run(300);
        let (digits, ends) = events(&world, 1);
        assert!(near(&digits, &[('4', held_ms)], 40), "{held_ms} ms: {digits:?}");
        assert_eq!(ends, 3);
    }
}

#[test]
fn an_event_is_a_tone_of_its_length() {
    for held_ms in [40, 500, 2_000, 10_000] {
        let mut world = pair(Codec::Pcma, Codec::Pcma, |n, remote| {
            if n == 1 {
                without_events(remote);
            }
        });
        hold(&mut world, 0, 8, held_ms, |_| true);
        world.run(500);
        let heard = tones(&world, 1);
        assert!(near(&heard, &[('8', held_ms)], 40), "{held_ms} ms: {heard:?}");
    }
}

#[test]
fn a_press_ends_with_its_leg_and_with_the_room() {
    for leaves in [false, true] {
        let mut world = pair(Codec::Pcma, Codec::Opus, |_, _| {});
        let event = DigitEvent { code: 2, end: false, duration: 160 };
        let bytes = world.phones[0].packet(101, true, &event.write());
        world.send(0, bytes);
        world.run(100);
        if leaves {
            world.command(Command::Leave { leg: LegId(1) });
        } else {
            world.release(0);
        }
        world.run(200);
        assert_eq!(events(&world, 1), (vec![('2', 40)], 3), "leaves {leaves}");
    }
}

/// Packets of a press, one each 2 ms, each of which says that it has lasted 8 s longer.
fn lie(world: &mut World, packets: u32, ends: bool) {
    for n in 1..=packets {
        let event = DigitEvent { code: 5, end: ends && n == packets, duration: u16::MAX };
        let bytes = world.phones[0].packet(101, n == 1, &event.write());
        world.phones[0].seq = world.phones[0].seq.wrapping_add(1);
        world.phones[0].time = world.phones[0].time.wrapping_add(SEGMENT_TICKS);
        world.send(0, bytes);
        world.run(2);
    }
}

fn pair_that_translates(knows_events: bool) -> World {
    let hearer = if knows_events { Codec::Opus } else { Codec::Pcma };
    pair(Codec::Pcma, hearer, |n, remote| {
        if n == 1 && !knows_events {
            without_events(remote);
        }
    })
}

#[test]
fn a_press_is_no_longer_than_time_allows_whatever_its_packets_say() {
    for knows_events in [true, false] {
        let mut world = pair_that_translates(knows_events);
        lie(&mut world, 50, true);
        world.run(3_000);
        // A second before its first packet, 98 ms until its last and a second for what was late.
        assert_eq!(told(&world), [('5', 2_098)]);
        if knows_events {
            assert_eq!(events(&world, 1), (vec![('5', 2_098)], 3));
        } else {
            assert!(near(&tones(&world, 1), &[('5', 2_098)], 40), "{:?}", tones(&world, 1));
        }
    }
}

#[test]
fn a_press_ends_at_once_with_who_leaves_whatever_its_packets_said() {
    for knows_events in [true, false] {
        let mut world = pair_that_translates(knows_events);
        lie(&mut world, 50, false);
        world.command(Command::Leave { leg: LegId(1) });
        world.run(300);
        if knows_events {
            let (digits, ends) = events(&world, 1);
            assert!(near(&digits, &[('5', 110)], 20) && ends == 3, "{digits:?}, {ends} ends");
        } else {
            assert!(near(&tones(&world, 1), &[('5', 120)], 40), "{:?}", tones(&world, 1));
        }
    }
}

#[test]
fn digits_of_a_command_last_100_milliseconds() {
    let mut world = World::new();
    world.add(Codec::Opus, 1, |_| {});
    world.command(Command::SendDigits { leg: LegId(1), digits: "12".into() });
    world.run(600);
    assert_eq!(events(&world, 0), (vec![('1', 100), ('2', 100)], 6));
}
