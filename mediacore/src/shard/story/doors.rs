//! Who may speak, who is told, and what the limits refuse.

use super::*;

#[test]
fn strangers_before_and_after_the_first_packet_change_nothing() {
    let mut world = World::new();
    world.pair(1);
    let attacker: SocketAddr = ([203, 0, 113, 66], 4_000).into();
    let idx = world.phones[0].idx;
    for n in 0..100_u16 {
        let mut forged = world.phones[0].packet(8, false, &[0x2A; 160]);
        forged[3] = n as u8;
        let verdict = world.deliver(idx, attacker, forged);
        assert_eq!(verdict, Verdict::Drop(Reason::Strange));
        if n >= 50 {
            world.speak(0, 20, 100);
            world.speak(1, 20, 100);
        }
        world.run(20);
    }
    assert_eq!(world.phones[1].heard.len(), 50);
    assert!(world.phones[1].heard.iter().all(|heard| !heard.payload.contains(&0x2A)));
    assert_eq!(world.phones[0].heard.len(), 50);
    assert_eq!(world.release(0).packets_strange, 100);
}

#[test]
fn a_nat_source_is_learned_and_its_first_packets_are_played() {
    let mut world = World::new();
    world.pair(1);
    let leg = world.phones[0].leg;
    let behind: SocketAddr = ([198, 51, 100, 9], 61_000).into();
    let mut agreed = remote(([192, 168, 1, 5], 4_000).into(), Codec::Pcma);
    (agreed.nat, agreed.signalling) = (true, behind.ip());
    world.command(Command::Connect { leg, remote: Box::new(agreed) });
    world.phones[0].address = behind;
    for n in 1..=10 {
        world.speak(0, 20, n * 100);
        world.run(20);
    }
    assert_eq!(world.phones[1].heard.len(), 10, "held packets are played");
    assert_seamless(&world.phones[1].sequence());
    assert!(world.events.contains(&Event::Learned { leg, source: behind }));
    world.speak(1, 20, 5);
    assert_eq!(world.phones[0].heard.len(), 1, "audio goes to the learned source");
    assert_eq!(world.release(0).packets_lost, 0);
}

#[test]
fn an_attack_on_a_leg_behind_a_nat_injects_nothing_bleeds_nothing_and_leaves_no_gap() {
    const FORGED: [u8; 160] = [0x2A; 160];
    let mut world = World::new();
    world.pair(1);
    let (leg, idx) = (world.phones[0].leg, world.phones[0].idx);
    let behind: SocketAddr = ([198, 51, 100, 9], 61_000).into();
    let mut agreed = remote(([192, 168, 1, 5], 4_000).into(), Codec::Pcma);
    (agreed.nat, agreed.signalling) = (true, behind.ip());
    world.command(Command::Connect { leg, remote: Box::new(agreed) });
    world.phones[0].address = behind;
    let elsewhere: SocketAddr = ([203, 0, 113, 66], 4_000).into();
    // Somebody else behind the same address translation.
    let neighbour: SocketAddr = ([198, 51, 100, 9], 61_002).into();
    let mut strange = 0;
    for n in 0..150_u16 {
        let mut own_stream = world.phones[0].packet(8, false, &FORGED);
        own_stream[2..4].copy_from_slice(&n.to_be_bytes());
        own_stream[11] = 66;
        let stolen_stream = world.phones[0].packet(8, true, &FORGED);
        let mut attacks = vec![(elsewhere, own_stream), (elsewhere, stolen_stream.clone())];
        if n > 30 {
            attacks.push((neighbour, stolen_stream));
        }
        for (from, bytes) in attacks {
            assert_eq!(world.deliver(idx, from, bytes), Verdict::Drop(Reason::Strange));
            strange += 1;
        }
        if n >= 25 {
            world.speak(0, 20, 100);
        }
        if n > 30 {
            world.speak(1, 20, 100);
        }
        world.run(20);
    }
    // Where else a packet went would have stopped the story: packets go to phones.
    assert_eq!((world.phones[1].heard.len(), world.phones[0].heard.len()), (125, 119));
    for phone in &world.phones {
        assert!(phone.heard.iter().all(|heard| !heard.payload.contains(&FORGED[0])));
        let gap = phone.heard.windows(2).map(|pair| pair[1].at_ms - pair[0].at_ms).max();
        assert!(gap.is_some_and(|ms| ms <= 200), "{gap:?} ms");
    }
    assert_eq!(world.release(0).packets_strange, strange);
}

#[test]
fn the_kernel_filters_an_accepted_source_until_it_falls_silent() {
    let mut world = World::new();
    let behind: SocketAddr = ([10, 0, 0, 1], 4_000).into();
    world.add(Codec::Pcma, 1, |remote| remote.nat = true);
    for _ in 0..70 {
        world.speak(0, 20, 1);
        world.run(20);
    }
    assert_eq!(world.filters, [(LegIdx(0), Some(behind))]);
    world.run(1_000);
    assert_eq!(world.filters.last(), Some(&(LegIdx(0), None)));
}

#[test]
fn reports_go_to_every_leg_and_a_goodbye_at_the_end() {
    let mut world = World::new();
    world.pair(1);
    for _ in 0..1_000 {
        world.speak(0, 20, 1);
        world.run(20);
    }
    let reports = world.phones[1].reports.len();
    assert!((2..=8).contains(&reports), "{reports} reports in 20 s");
    let mut sender = false;
    for report in &world.phones[1].reports {
        let read = rtcp::parse(report, |item| {
            sender |= matches!(item, rtcp::Item::SenderReport { .. });
        });
        assert_eq!(read, Ok(()));
    }
    assert!(sender, "we send to this phone, so it gets sender reports");
    world.release(1);
    let mut goodbye = false;
    let last = world.phones[1].reports.last().unwrap();
    rtcp::parse(last, |item| goodbye |= matches!(item, rtcp::Item::Goodbye(_))).unwrap();
    assert!(goodbye);
}

#[test]
fn a_round_trip_is_read_from_their_report_and_forged_ones_are_not() {
    let mut world = World::new();
    world.pair(1);
    for _ in 0..500 {
        world.speak(0, 20, 1);
        world.run(20);
    }
    let ours = world.phones[1].heard[0].header.ssrc;
    let epoch = world.shard.config.epoch;
    let sent = rtcp::Ntp::at(epoch, Moment::from_millis(world.now_ms - 80)).middle();
    let mut report = vec![0x81, 201, 0, 7, 0, 0, 0, 9];
    report.extend(ours.0.to_be_bytes());
    report.extend([0; 12]);
    report.extend(sent.to_be_bytes());
    report.extend([0; 4]);
    let (idx, address) = (world.phones[1].idx, world.phones[1].address);
    let now = world.now();
    let attacker: SocketAddr = ([203, 0, 113, 66], 1).into();
    world.shard.handle_rtcp(now, idx, attacker, &mut report);
    assert_eq!(world.shard.leg(idx).unwrap().round_trip_us, 0);
    world.shard.handle_rtcp(now, idx, address, &mut report);
    let round_trip_us = world.release(1).round_trip_us;
    assert!((79_000..81_000).contains(&round_trip_us), "{round_trip_us}");
}

/// ITU-T G.107: what is said arrives half a round trip later, and a conversation is worse for it.
#[test]
fn half_of_a_round_trip_is_delay_and_costs_of_the_score() {
    let heard = |round_trip_us: u32| {
        let mut world = World::new();
        world.pair(1);
        for _ in 0..100 {
            world.speak(0, 20, 1);
            world.run(20);
        }
        let idx = world.phones[0].idx;
        world.shard.leg_mut(idx).unwrap().round_trip_us = round_trip_us;
        world.release(0)
    };
    let (near, far) = (heard(0), heard(600_000));
    assert_eq!(far.delay_ms - near.delay_ms, 300);
    assert!(near.r_factor > far.r_factor + 10.0, "{} and {}", near.r_factor, far.r_factor);
    assert!(near.mos > far.mos + 0.4, "{} and {}", near.mos, far.mos);
    let listening = [&near, &far].map(|quality| quality.mos_listening.to_bits());
    assert_eq!(listening[0], listening[1], "who only listens does not notice");
}

#[test]
fn silence_is_told_as_it_grows_and_not_on_hold() {
    let mut world = World::new();
    world.add(Codec::Pcma, 1, |_| {});
    world.add(Codec::Pcma, 1, |remote| remote.may_receive = false);
    world.speak(0, 20, 1);
    world.run(65_000);
    let told: Vec<u32> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Silent { leg: LegId(1), ms, paused: false } => Some(*ms),
            Event::Silent { .. } => panic!("the second phone is not expected to speak"),
            _ => None,
        })
        .collect();
    assert_eq!(told, [5_000, 10_000, 30_000, 60_000]);
}

#[test]
fn who_is_heard_again_after_a_silence_is_told_of_once() {
    let mut world = World::new();
    world.add(Codec::Pcma, 1, |_| {});
    let heard = |world: &World| {
        let again = |event: &&Event| matches!(event, Event::Heard { leg: LegId(1) });
        world.events.iter().filter(again).count()
    };
    world.speak(0, 20, 1);
    world.run(4_000);
    world.speak(0, 20, 1);
    assert_eq!(heard(&world), 0, "nobody was told that it was silent");
    world.run(6_000);
    for _ in 0..3 {
        world.speak(0, 20, 1);
        world.run(20);
    }
    assert_eq!(heard(&world), 1);
}

#[test]
fn a_leg_that_wants_no_audio_gets_none() {
    let mut world = World::new();
    world.pair(1);
    let n = world.add(Codec::Pcma, 1, |remote| remote.may_send = false);
    world.play(n, 1, Source::Beep { ms: 200 }, false);
    world.run(300);
    assert!(world.phones[n].heard.is_empty());
    let finished = |event: &Event| matches!(event, Event::PlayDone { end: PlayEnd::Finished, .. });
    assert!(world.events.iter().any(finished), "the playback ends all the same");
}

#[test]
fn limits_refuse_and_the_books_balance() {
    let mut world = World::new();
    world.shard.config.legs_max = 3;
    for _ in 0..3 {
        world.add(Codec::Pcma, 1, |_| {});
    }
    let (leg, contact, tenant) = (LegId(50), ContactId(1), TenantId(1));
    world.command(Command::Open { leg, contact, tenant, place: Place::default(), port: Port::Own });
    let Some(Event::OpenFailed { leg: LegId(50), reason }) = world.events.last() else {
        panic!("{:?}", world.events.last());
    };
    assert!(reason.contains("3 legs") && reason.contains("rtp.legs_max"), "{reason}");
    for phone in 0..3 {
        world.join(phone, 1);
    }
    for phone in 0..3 {
        world.release(phone);
    }
    // Late commands change nothing.
    world.command(Command::Release { leg: LegId(1) });
    world.command(Command::Hold { leg: LegId(1) });
    world.run(100);
    let stats = world.shard.stats();
    assert_eq!((stats.legs_opened, stats.legs_closed), (3, 3));
    assert_eq!((world.shard.legs(), world.shard.rooms()), (0, 0));
}
