//! A process that is killed at any packet, and the shard that goes on from its slots: who hears whom,
//! under which numbers and keys, and what is refused.

use super::encrypted::{key, keys};
use super::*;
use crate::shard::keeping::{ALIVE_EVERY, CLAIM_MAX, SENT_AHEAD};
use crate::slot::tests::{copy, memory};
use crate::slot::{SLOT_BYTES, Slots};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use terms::media::{Audience, SrtpSuite};

const BOOT: u128 = 7;
/// From the kill until the next process has the ports.
const GAP_MS: u64 = 700;

/// A world whose legs are kept, and the memory they are kept in.
fn kept_world() -> (World, Arc<Vec<AtomicU64>>) {
    World::new().kept()
}

impl World {
    /// The same, before anything is opened.
    pub(super) fn kept(mut self) -> (World, Arc<Vec<AtomicU64>>) {
        let memory = memory(8);
        let (slots, _) = Slots::take(memory.clone(), BOOT, self.now());
        let identity = self.shard.config.identity.take();
        self.shard = World::new().shard.with_slots(slots);
        self.shard.config.identity = identity;
        (self, memory)
    }

    /// The process ends here, without a word, and another begins; how many slots were torn.
    pub(super) fn kill(&mut self, memory: &mut Arc<Vec<AtomicU64>>) -> usize {
        self.shard.slots().alive(self.now());
        *memory = copy(memory);
        self.now_ms += GAP_MS;
        let identity = self.shard.config.identity.clone();
        let config = Config { seed: 43, identity, ..Config::default() };
        let (slots, taken) = Slots::take(memory.clone(), BOOT, self.now());
        assert!(taken, "what a killed process left is restored");
        self.shard = Shard::new(config, PromptStore::default()).with_slots(slots);
        let (kept, torn) = self.shard.find_kept();
        for (idx, kept, going) in kept {
            self.shard.restore(self.now(), idx, &kept, &going);
        }
        self.drain();
        torn
    }

    /// Every leg has its turn to write its figures.
    fn note_figures(&self) {
        (0..10).for_each(|turn| self.shard.alive(self.now() + ALIVE_EVERY * turn));
    }

    /// Phones go on while nobody listens.
    fn speak_into_the_void(&mut self) {
        for phone in &mut self.phones {
            for _ in 0..GAP_MS / 20 {
                let bytes = phone.speech(20, 0);
                phone.sealed(bytes);
            }
        }
    }
}

/// One step over the kill, by numbers and by the clock, and none elsewhere.
fn assert_one_step(headers: &[Header], kill: usize) {
    for (n, pair) in headers.windows(2).enumerate() {
        assert_eq!(pair[1].ssrc, pair[0].ssrc, "one source for the whole call");
        let (step, walk) = (pair[1].seq.distance(pair[0].seq), pair[1].time.distance(pair[0].time));
        if n + 1 == kill {
            assert_eq!(step, SENT_AHEAD as i16 + 1);
            assert!((160..=160 * 60).contains(&walk) && pair[1].marker, "{pair:?}");
        } else {
            assert_eq!((step, walk), (1, 160), "{pair:?}");
        }
    }
}

#[test]
fn both_hear_on_after_a_kill_at_any_packet_under_the_same_source_and_keys() {
    let suites = SrtpSuite::ALL.into_iter().map(Some).chain([None]);
    for (suite, kill) in suites.flat_map(|suite| [1, 2, 7, 40].map(|kill| (suite, kill))) {
        let (mut world, mut memory) = kept_world();
        world.pair(65_520);
        if let Some(suite) = suite {
            world.agree(0, &keys(suite, 1));
            world.agree(1, &keys(suite, 2));
        }
        for n in 0..100 {
            if n == kill {
                assert_eq!(world.kill(&mut memory), 0);
                world.speak_into_the_void();
            }
            for phone in [0, 1] {
                // What leaves is opened by the phone's own session, which refuses an index that
                // came before: none is used twice.
                let verdict = world.speak(phone, 20, n * 100);
                assert!(matches!(verdict, Verdict::Forward { .. }), "{suite:?} {n}: {verdict:?}");
            }
            world.run(20);
        }
        for phone in &world.phones {
            let said: Vec<u8> = (0..100).map(|n| g711::encode(Law::A, n * 100)).collect();
            let heard: Vec<u8> = phone.heard.iter().map(|heard| heard.payload[0]).collect();
            assert_eq!(heard, said, "{suite:?}, killed before {kill}");
            assert_one_step(&phone.sequence(), kill as usize);
        }
        assert_eq!(world.shard.stats().legs_restored, 2);
    }
}

#[test]
fn the_counters_of_keys_go_on_over_wraps_new_keys_and_a_second_kill() {
    let suite = SrtpSuite::AeadAes128Gcm;
    let (mut world, mut memory) = kept_world();
    world.pair(65_000);
    world.agree(0, &keys(suite, 1));
    world.agree(1, &keys(suite, 2));
    let talk = |world: &mut World, packets: usize| {
        for _ in 0..packets {
            for phone in [0, 1] {
                let verdict = world.speak(phone, 20, 5);
                assert!(
                    matches!(verdict, Verdict::Forward { .. }),
                    "{phone}, {packets}: {verdict:?}"
                );
            }
            world.now_ms += 20;
        }
    };
    // Over the wrap of what the phones send and, from the lower half, of what we send.
    talk(&mut world, 70_000);
    world.kill(&mut memory);
    talk(&mut world, 3);
    world.kill(&mut memory);
    world.kill(&mut memory);
    talk(&mut world, 3);
    // Under a new key everything counts from zero again; the kill comes before its first packet.
    world.agree(0, &terms::media::Srtp { suite, send: key(8), receive: key(9) });
    world.kill(&mut memory);
    talk(&mut world, 3);
    assert_eq!(world.shard.stats().dropped, [0; REASONS]);
}

#[test]
fn what_came_before_the_kill_is_refused_after_it() {
    let (mut world, mut memory) = kept_world();
    world.pair(10);
    world.agree(0, &keys(SrtpSuite::AesCm128HmacSha1Tag80, 1));
    let packet = world.phones[0].speech(20, 5);
    let wire = world.phones[0].sealed(packet);
    let (idx, from) = (world.phones[0].idx, world.phones[0].address);
    assert!(matches!(world.deliver(idx, from, wire.clone()), Verdict::Forward { .. }));
    world.kill(&mut memory);
    assert_eq!(world.deliver(idx, from, wire), Verdict::Drop(Reason::Replayed));
    assert!(matches!(world.speak(0, 20, 6), Verdict::Forward { .. }));
}

#[test]
fn a_torn_slot_loses_its_own_leg_and_no_other() {
    let (mut world, mut memory) = kept_world();
    world.pair(1);
    world.pair(1);
    // Killed in the middle of writing.
    memory[(1 + 1) * SLOT_BYTES / 8].fetch_or(1, Ordering::SeqCst);
    assert_eq!(world.kill(&mut memory), 1);
    assert_eq!(world.shard.legs(), 3);
    assert_eq!(world.speak(1, 20, 5), Verdict::Drop(Reason::NotConnected));
    // Its place and its slot are free for another.
    let fresh = world.add(Codec::Pcma, 1, |_| {});
    assert_eq!(world.phones[fresh].idx, LegIdx(1));
    world.kill(&mut memory);
    assert_eq!(world.shard.legs(), 4);
}

#[test]
fn nothing_of_a_released_leg_is_left() {
    let (mut world, mut memory) = kept_world();
    world.pair(1);
    world.agree(1, &keys(SrtpSuite::AeadAes256Gcm, 2));
    world.speak(0, 20, 5);
    world.release(0);
    world.release(1);
    assert!(memory[SLOT_BYTES / 8..].iter().all(|word| word.load(Ordering::SeqCst) == 0));
    world.kill(&mut memory);
    assert_eq!(world.shard.legs(), 0);
}

#[test]
fn a_restored_leg_that_nobody_claims_is_released_and_a_claimed_one_stays() {
    let (mut world, mut memory) = kept_world();
    world.pair(1);
    world.kill(&mut memory);
    let (claimed, other) = (world.phones[0].leg, world.phones[1].leg);
    world.command(Command::Audience { leg: claimed, audience: Audience::Everyone });
    let claim_ms = CLAIM_MAX.as_millis() as u64;
    world.run(claim_ms - 1);
    assert_eq!(world.shard.legs(), 2);
    world.run(1);
    assert_eq!((world.shard.legs(), world.shard.stats().legs_unclaimed), (1, 1));
    assert!(world.events.iter().any(|e| matches!(e, Event::Released { leg, .. } if *leg == other)));
    assert!(world.shard.index_of(claimed).is_some());
}

#[test]
fn a_listener_stays_unheard_and_a_held_party_deaf() {
    let (mut world, mut memory) = kept_world();
    world.pair(1);
    let listener = world.add(Codec::Pcma, 1, |_| {});
    let leg = world.phones[listener].leg;
    world.command(Command::Audience { leg, audience: Audience::Nobody });
    world.join(listener, 1);
    world.kill(&mut memory);
    for n in 0..50 {
        world.speak(listener, 20, 20_000);
        world.speak(0, 20, n);
        world.speak(1, 20, n);
        world.run(20);
    }
    assert_eq!(world.phones[0].heard.len(), 50, "relayed, without the listener");
    let loudest = |heard: &Heard| g711::decode(Law::A, heard.payload[0]);
    assert!(world.phones[0].heard.iter().all(|heard| loudest(heard) < 1_000));
    assert!(world.phones[listener].heard.len() > 40, "the listener hears the mix");

    world.command(Command::Hold { leg: world.phones[0].leg });
    world.kill(&mut memory);
    let before = [0, 1].map(|phone: usize| world.phones[phone].heard.len());
    for _ in 0..10 {
        world.speak(0, 20, 100);
        world.speak(1, 20, 100);
        world.run(20);
    }
    assert_eq!(world.phones[0].heard.len(), before[0], "held");
    world.command(Command::Resume { leg: world.phones[0].leg });
    world.speak(1, 20, 100);
    assert_eq!(world.phones[0].heard.len(), before[0] + 1);
}

#[test]
fn kept_digits_stay_here_after_a_kill() {
    let (mut world, mut memory) = kept_world();
    world.pair(1);
    world.command(Command::KeepDigits { leg: world.phones[0].leg, kept: true });
    world.kill(&mut memory);
    world.press(0, 6);
    world.press(1, 7);
    assert_eq!(world.digits(), "67");
    let events = |phone: usize| {
        let is_event = |heard: &&Heard| heard.header.payload_type == PayloadType(101);
        world.phones[phone].heard.iter().filter(is_event).count()
    };
    assert!(events(1) == 0 && events(0) > 0, "{} and {}", events(1), events(0));
}

#[test]
fn a_source_behind_a_nat_goes_on_without_probation_and_a_stranger_does_not_begin() {
    let (mut world, mut memory) = kept_world();
    world.pair(1);
    let leg = world.phones[0].leg;
    let behind: SocketAddr = ([198, 51, 100, 9], 61_000).into();
    let mut agreed = remote(([192, 168, 1, 5], 4_000).into(), Codec::Pcma);
    (agreed.nat, agreed.signalling) = (true, behind.ip());
    world.command(Command::Connect { leg, remote: Box::new(agreed) });
    world.phones[0].address = behind;
    for _ in 0..6 {
        let _ = world.speak(0, 20, 5);
    }
    world.kill(&mut memory);
    let stranger = ([198, 51, 100, 10], 61_000).into();
    let (idx, forged) = (world.phones[0].idx, world.phones[0].packet(8, false, &[0; 160]));
    assert_eq!(world.deliver(idx, stranger, forged), Verdict::Drop(Reason::Strange));
    assert!(matches!(world.speak(0, 20, 5), Verdict::Forward { .. }), "heard at once");
    world.speak(1, 20, 5);
    assert_eq!(world.phones[0].heard.len(), 1, "and spoken to where it really is");
}

#[test]
fn what_is_made_here_goes_on_after_what_was_made_before() {
    let (mut world, mut memory) = kept_world();
    world.pair(1);
    world.agree(0, &keys(SrtpSuite::AeadAes128Gcm, 1));
    let third = world.add(Codec::Pcmu, 1, |_| {});
    world.join(third, 1);
    world.run(500);
    let before = world.phones[0].heard.len();
    world.kill(&mut memory);
    world.run(500);
    let heard = world.phones[0].sequence();
    assert!(before > 20 && heard.len() - before > 20, "{before} and {}", heard.len());
    let step = heard[before].seq.distance(heard[before - 1].seq);
    assert_eq!(step, SENT_AHEAD as i16 + 1);
    let walk = heard[before].time.distance(heard[before - 1].time) as u64;
    assert!((GAP_MS * 8..(GAP_MS + 60) * 8).contains(&walk), "{walk}");
}

#[test]
fn a_legs_figures_count_on_over_kills_with_what_was_missed_in_between() {
    let missed = GAP_MS / 20;
    // Packets since the figures were written, and kills.
    for (since, kills) in [(0, 1), (10, 1), (10, 2)] {
        let (mut world, mut memory) = kept_world();
        world.pair(65_520);
        let talk = |world: &mut World, packets: u64| {
            for _ in 0..packets {
                world.speak(0, 20, 5);
                world.speak(1, 20, 5);
                world.run(20);
            }
        };
        talk(&mut world, 40);
        world.note_figures();
        talk(&mut world, since);
        for _ in 0..kills {
            world.kill(&mut memory);
            world.speak_into_the_void();
        }
        talk(&mut world, 60);
        let quality = world.release(0);
        let received = 40 + since + 60;
        assert_eq!(
            (quality.packets_received, quality.packets_expected, quality.packets_lost),
            (received, received + missed * kills, missed * kills),
            "{since} packets later, {kills} kills"
        );
        assert_eq!(quality.packets_unheard, missed * kills);
        assert_eq!((quality.loss_runs, quality.bursts), (1, 1), "one hole");
        assert_eq!(quality.packets_sent, 40 + 60, "those of the last second are not counted");
    }
}

#[test]
fn what_a_leg_lost_before_a_kill_is_in_its_figures_and_its_score_after_it() {
    let heard = |is_killed: bool| {
        let (mut world, mut memory) = kept_world();
        world.pair(65_520);
        for n in 0..120 {
            let bytes = world.phones[0].speech(20, 5);
            // Five in a row are lost, and one by itself.
            if !matches!(n, 20..=24 | 50) {
                world.send(0, bytes);
            }
            world.run(20);
            if is_killed && n == 79 {
                world.note_figures();
                world.kill(&mut memory);
            }
        }
        world.release(0)
    };
    let (whole, killed) = (heard(false), heard(true));
    for quality in [&whole, &killed] {
        assert_eq!((quality.packets_expected, quality.packets_lost), (120, 6));
        assert_eq!((quality.packets_unheard, quality.loss_runs, quality.bursts), (6, 2, 1));
        assert_eq!((quality.burst_packets, quality.burst_unheard), (5, 5));
    }
    assert_eq!((killed.mos, killed.r_factor), (whole.mos, whole.r_factor));
}

#[test]
fn a_report_after_a_kill_counts_packets_and_octets_of_the_same_time() {
    let (mut world, mut memory) = kept_world();
    world.pair(1);
    let talk = |world: &mut World, packets: u32| {
        for _ in 0..packets {
            world.speak(1, 20, 5);
            world.run(20);
        }
    };
    talk(&mut world, 40);
    world.note_figures();
    world.kill(&mut memory);
    talk(&mut world, 60);
    assert_eq!(world.release(0).packets_sent, 40 + 60, "the record counts on");
    let report = world.phones[0].reports.last().expect("a leg that ends says so");
    let word = |at: usize| u32::from_be_bytes(report[at..at + 4].try_into().unwrap());
    assert_eq!((report[1], word(20), word(24)), (200, 60, 60 * 160), "a sender report");
}

#[test]
fn a_party_who_said_nothing_over_the_kill_has_lost_nothing() {
    let (mut world, mut memory) = kept_world();
    world.pair(1);
    for _ in 0..20 {
        world.speak(0, 20, 5);
        world.run(20);
    }
    world.note_figures();
    world.kill(&mut memory);
    for _ in 0..20 {
        world.speak(0, 20, 5);
        world.run(20);
    }
    let quality = world.release(0);
    assert_eq!((quality.packets_received, quality.packets_lost), (40, 0));
    let silent = world.release(1);
    assert_eq!((silent.packets_received, silent.packets_expected), (0, 0));
}
