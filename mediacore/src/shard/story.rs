//! Stories of a whole shard in virtual time: no sockets, no clock, every millisecond ours.

use super::*;
use crate::dtmf::Event as DigitEvent;
use crate::prompt::Prompt;
use crate::rtp::{self, HEADER_BYTES, Header};
use crate::{g711, rtcp};
use terms::media::{
    Codec, Command, PayloadType, Payloads, PlayEnd, Playback, Quality, RecordStart, Remote,
    RtpTime, SeqNo, Side, Source, Ssrc,
};
use terms::{CallId, ContactId, PlaybackId, TenantId};

/// One packet that a phone got.
#[derive(Clone, Debug)]
struct Heard {
    at_ms: u64,
    header: Header,
    payload: Vec<u8>,
}

/// One phone.
struct Phone {
    leg: LegId,
    idx: LegIdx,
    address: SocketAddr,
    codec: Codec,
    ssrc: Ssrc,
    seq: u16,
    time: u32,
    heard: Vec<Heard>,
    reports: Vec<Vec<u8>>,
}

impl Phone {
    fn packet(&self, payload_type: u8, marker: bool, payload: &[u8]) -> Vec<u8> {
        let header = Header {
            payload_type: PayloadType(payload_type),
            marker,
            seq: SeqNo(self.seq),
            time: RtpTime(self.time),
            ssrc: self.ssrc,
        };
        let mut bytes = vec![0; HEADER_BYTES + payload.len()];
        rtp::write(&header, &mut bytes);
        bytes[HEADER_BYTES..].copy_from_slice(payload);
        bytes
    }

    /// The next packet of `ptime_ms` at one level.
    fn speech(&mut self, ptime_ms: u32, level: i16) -> Vec<u8> {
        let payload = vec![g711::encode(self.codec, level); ptime_ms as usize * 8];
        let bytes = self.packet(self.codec.static_type().0, false, &payload);
        self.seq = self.seq.wrapping_add(1);
        self.time = self.time.wrapping_add(ptime_ms * 8);
        bytes
    }

    fn last_level(&self) -> i16 {
        let heard = self.heard.last().expect("something was heard");
        g711::decode(self.codec, *heard.payload.last().expect("frames are not empty"))
    }

    fn sequence(&self) -> Vec<Header> {
        self.heard.iter().map(|heard| heard.header).collect()
    }
}

struct World {
    shard: Shard,
    now_ms: u64,
    phones: Vec<Phone>,
    events: Vec<Event>,
    filters: Vec<(LegIdx, Option<SocketAddr>)>,
}

fn remote(address: SocketAddr, codec: Codec) -> Remote {
    let payloads = Payloads { codec, audio: codec.static_type(), dtmf: Some(PayloadType(101)) };
    Remote {
        rtp: address,
        rtcp: None,
        send: payloads,
        receive: payloads,
        ptime_ms: 20,
        may_send: true,
        may_receive: true,
        nat: false,
        signalling: address.ip(),
    }
}

impl World {
    fn new() -> Self {
        let welcome = Prompt::from_samples(&[5_000; 8_000]);
        let config = Config { seed: 42, ..Config::default() };
        World {
            shard: Shard::new(config, PromptStore::new([("welcome".into(), welcome)])),
            now_ms: 1_000,
            phones: Vec::new(),
            events: Vec::new(),
            filters: Vec::new(),
        }
    }

    fn now(&self) -> Moment {
        Moment::from_millis(self.now_ms)
    }

    /// Opens and connects a phone; `change` alters what it agreed to.
    fn add(&mut self, codec: Codec, first_seq: u16, change: impl FnOnce(&mut Remote)) -> usize {
        let n = self.phones.len();
        let leg = LegId(n as u64 + 1);
        let (contact, tenant) = (ContactId(1), TenantId(1));
        self.command(Command::Open { leg, contact, tenant });
        let idx = self.shard.index_of(leg).expect("the leg was just opened");
        let address: SocketAddr = ([10, 0, 0, n as u8 + 1], 4_000).into();
        self.phones.push(Phone {
            leg,
            idx,
            address,
            codec,
            ssrc: Ssrc(100 + n as u32),
            seq: first_seq,
            time: u32::MAX - 1_000,
            heard: Vec::new(),
            reports: Vec::new(),
        });
        let mut remote = remote(address, codec);
        change(&mut remote);
        self.command(Command::Connect { leg, remote });
        n
    }

    fn pair(&mut self, first_seq: u16) {
        for _ in 0..2 {
            let n = self.add(Codec::Pcma, first_seq, |_| {});
            self.join(n, 1);
        }
    }

    fn command(&mut self, command: Command) {
        self.shard.handle_command(self.now(), command);
        self.drain();
    }

    fn join(&mut self, phone: usize, room: u64) {
        self.command(Command::Join { leg: self.phones[phone].leg, room: RoomId(room) });
    }

    fn play(&mut self, phone: usize, id: u64, source: Source, looped: bool) {
        let playback =
            Playback { id: PlaybackId(id), sources: vec![source], looped, interruptible: true };
        self.command(Command::Play { leg: self.phones[phone].leg, playback });
    }

    fn deliver(&mut self, idx: LegIdx, from: SocketAddr, mut bytes: Vec<u8>) -> Verdict {
        let verdict = self.shard.handle_packet(self.now(), idx, from, &mut bytes);
        // What was queued before leaves before.
        self.drain();
        if let Verdict::Forward { to, address, range } = &verdict {
            self.arrive(*to, *address, &bytes[range.clone()]);
        }
        verdict
    }

    fn send(&mut self, phone: usize, bytes: Vec<u8>) -> Verdict {
        let (idx, from) = (self.phones[phone].idx, self.phones[phone].address);
        self.deliver(idx, from, bytes)
    }

    fn speak(&mut self, phone: usize, ptime_ms: u32, level: i16) -> Verdict {
        let bytes = self.phones[phone].speech(ptime_ms, level);
        self.send(phone, bytes)
    }

    fn press(&mut self, phone: usize, key: u8) {
        for n in 0..8_u16 {
            let event = DigitEvent { code: key, end: n >= 5, duration: 160 * (n.min(5) + 1) };
            let bytes = self.phones[phone].packet(101, n == 0, &event.write());
            self.phones[phone].seq = self.phones[phone].seq.wrapping_add(1);
            self.send(phone, bytes);
            self.run(20);
        }
        self.phones[phone].time = self.phones[phone].time.wrapping_add(160 * 8);
    }

    fn arrive(&mut self, from: LegIdx, to: SocketAddr, bytes: &[u8]) {
        let at_ms = self.now_ms;
        let phone = self.phones.iter_mut().find(|phone| phone.address == to);
        let phone = phone.expect("packets go to phones");
        assert_eq!(phone.idx, from, "from the socket of its own leg");
        let packet = rtp::parse(bytes).expect("we send well-formed packets");
        let payload = bytes[packet.payload()].to_vec();
        phone.heard.push(Heard { at_ms, header: packet.header, payload });
    }

    fn drain(&mut self) {
        let mut buffer = [0; TRANSMIT_MAX];
        while let Some(transmit) = self.shard.poll_transmit(&mut buffer) {
            let bytes = &buffer[..transmit.len];
            match transmit.channel {
                Channel::Rtp => self.arrive(transmit.leg, transmit.to, bytes),
                Channel::Rtcp => {
                    let of = |phone: &&mut Phone| phone.idx == transmit.leg;
                    let phone = self.phones.iter_mut().find(of).expect("reports go to phones");
                    phone.reports.push(bytes.to_vec());
                }
            }
        }
        while let Some(order) = self.shard.poll_port() {
            match order {
                PortOrder::Reserve(leg) => {
                    let port = 20_000 + leg.0 as u16 * 2;
                    self.shard.port_reserved(leg, Ok(([127, 0, 0, 1], port).into()));
                }
                PortOrder::Filter(leg, source) => self.filters.push((leg, source)),
                PortOrder::Close(_) => {}
            }
        }
        while let Some(event) = self.shard.poll_event() {
            self.events.push(event);
        }
        while self.shard.poll_block().is_some() {}
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now_ms += 1;
            self.shard.tick(self.now());
            self.drain();
        }
    }

    fn digits(&self) -> String {
        let digit = |event: &Event| match event {
            Event::Digit { digit, .. } => Some(*digit),
            _ => None,
        };
        self.events.iter().filter_map(digit).collect()
    }

    fn release(&mut self, phone: usize) -> Quality {
        self.command(Command::Release { leg: self.phones[phone].leg });
        let released = self.events.iter().rev().find_map(|event| match event {
            Event::Released { leg, quality } if *leg == self.phones[phone].leg => {
                Some(quality.clone())
            }
            _ => None,
        });
        released.expect("a released leg says so")
    }
}

fn assert_seamless(headers: &[Header]) {
    for pair in headers.windows(2) {
        assert_eq!(pair[1].seq.distance(pair[0].seq), 1, "{pair:?}");
        assert_eq!(pair[1].ssrc, pair[0].ssrc);
        assert!(pair[1].time.distance(pair[0].time) >= 0, "{pair:?}");
    }
}

#[test]
fn two_parties_hear_each_other_from_every_awkward_sequence() {
    for first in [0, 32_767, 65_535] {
        let mut world = World::new();
        world.pair(first);
        for n in 0..200_i16 {
            assert!(matches!(world.speak(0, 20, n * 10), Verdict::Forward { .. }));
            world.speak(1, 20, -n * 10);
            world.run(20);
        }
        for phone in &world.phones {
            assert_eq!(phone.heard.len(), 200);
            assert_seamless(&phone.sequence());
            let steps = phone
                .heard
                .windows(2)
                .map(|pair| pair[1].header.time.distance(pair[0].header.time));
            assert!(steps.into_iter().all(|step| step == 160));
        }
        let quality = world.release(0);
        assert_eq!((quality.packets_received, quality.packets_lost), (200, 0));
        assert!(quality.mos > 4.2, "{}", quality.mos);
    }
}

#[test]
fn every_packet_time_is_relayed_as_it_comes() {
    for ptime_ms in [10, 20, 30, 40, 60] {
        let mut world = World::new();
        world.pair(5);
        for _ in 0..50 {
            world.speak(0, ptime_ms, 900);
            world.run(u64::from(ptime_ms));
        }
        let heard = &world.phones[1].heard;
        assert_eq!(heard.len(), 50);
        assert!(heard.iter().all(|packet| packet.payload.len() == ptime_ms as usize * 8));
    }
}

#[test]
fn loss_and_reordering_pass_through_and_duplicates_do_not() {
    let mut world = World::new();
    world.pair(65_530);
    let packets: Vec<Vec<u8>> = (0..12).map(|n| world.phones[0].speech(20, n * 100)).collect();
    for n in [0, 1, 3, 2, 2, 5, 6, 6, 7, 9, 8, 10] {
        world.send(0, packets[n].clone());
        world.run(20);
    }
    let first = world.phones[1].heard[0].header.seq;
    let order: Vec<i16> =
        world.phones[1].heard.iter().map(|heard| heard.header.seq.distance(first)).collect();
    assert_eq!(order, [0, 1, 3, 2, 5, 6, 7, 9, 8, 10]);
    let quality = world.release(0);
    assert_eq!((quality.packets_received, quality.packets_lost), (10, 1));
    assert_eq!(world.shard.stats().dropped[Reason::Duplicate as usize], 2);
}

#[test]
fn a_source_that_changes_its_ssrc_goes_on_in_the_same_stream() {
    let mut world = World::new();
    world.pair(100);
    for n in 0..20 {
        if n == 10 {
            let phone = &mut world.phones[0];
            (phone.ssrc, phone.seq, phone.time) = (Ssrc(0xABCD), 40_000, 7);
        }
        world.speak(0, 20, 300);
        world.run(20);
    }
    let headers = world.phones[1].sequence();
    assert_eq!(headers.len(), 20);
    assert_seamless(&headers);
    assert_eq!(headers[10].time.distance(headers[9].time), 160);
    assert_eq!(world.release(0).packets_lost, 0);
}

#[test]
fn parties_of_different_laws_are_transcoded() {
    let mut world = World::new();
    for codec in [Codec::Pcma, Codec::Pcmu] {
        let n = world.add(codec, 1, |_| {});
        world.join(n, 1);
    }
    world.speak(0, 20, 10_000);
    world.speak(1, 20, -10_000);
    assert_eq!(world.phones[1].heard[0].header.payload_type, PayloadType(0));
    assert!((world.phones[1].last_level() - 10_000).abs() < 400);
    assert!((world.phones[0].last_level() + 10_000).abs() < 400);
}

#[test]
fn payload_numbers_are_those_of_each_side() {
    let mut world = World::new();
    world.pair(1);
    let n = world.add(Codec::Pcma, 1, |remote| {
        remote.send.audio = PayloadType(98);
        remote.receive.audio = PayloadType(97);
        remote.send.dtmf = Some(PayloadType(110));
    });
    world.command(Command::Leave { leg: world.phones[1].leg });
    world.join(n, 1);
    world.speak(0, 20, 50);
    world.press(0, 3);
    let numbers: Vec<u8> =
        world.phones[n].heard.iter().map(|heard| heard.header.payload_type.0).collect();
    assert_eq!(numbers[0], 98);
    assert!(numbers[1..].iter().all(|&number| number == 110));
    assert!(matches!(world.speak(n, 20, 50), Verdict::Drop(Reason::UnknownPayload)));
}

#[test]
fn a_stream_has_no_seam_from_prompt_over_relay_to_mix() {
    let mut world = World::new();
    world.add(Codec::Pcma, 7, |_| {});
    world.play(0, 1, Source::Prompt("welcome".into()), false);
    world.run(400);
    world.command(Command::StopPlay { leg: LegId(1), playback: PlaybackId(1) });
    for _ in 0..2 {
        let n = world.add(Codec::Pcma, 65_500, |_| {});
        world.phones[n].time = 77_000;
    }
    world.join(0, 1);
    world.join(1, 1);
    for _ in 0..20 {
        world.speak(1, 20, 2_000);
        world.run(20);
    }
    world.join(2, 1);
    for _ in 0..20 {
        world.speak(1, 20, 2_000);
        world.speak(2, 20, 1_000);
        world.run(20);
    }
    let headers = world.phones[0].sequence();
    assert!(headers.len() >= 58, "{}", headers.len());
    assert_seamless(&headers);
    let (first, last) = (&world.phones[0].heard[0], world.phones[0].heard.last().unwrap());
    let ticks = i64::from(last.header.time.distance(first.header.time));
    let clock = (last.at_ms - first.at_ms) as i64 * 8;
    assert!((ticks - clock).abs() <= 320, "{ticks} ticks in {clock}");
    assert!((world.phones[0].last_level() - 3_000).abs() < 150);
}

#[test]
fn three_parties_of_every_packet_time_are_mixed_without_a_hole() {
    let mut world = World::new();
    let ptimes = [10_u32, 20, 60];
    let levels = [1_000_i16, 2_000, 4_000];
    for (n, &ptime_ms) in ptimes.iter().enumerate() {
        let n = world.add(Codec::Pcma, n as u16, |remote| remote.ptime_ms = ptime_ms as u8);
        world.join(n, 1);
    }
    for ms in 0..1_200_u32 {
        for (n, &ptime_ms) in ptimes.iter().enumerate() {
            if ms % ptime_ms == 0 {
                world.speak(n, ptime_ms, levels[n]);
            }
        }
        world.run(1);
    }
    for (n, phone) in world.phones.iter().enumerate() {
        assert_seamless(&phone.sequence());
        let settled: Vec<&Heard> = phone.heard.iter().filter(|heard| heard.at_ms > 1_400).collect();
        assert!(!settled.is_empty());
        for heard in settled {
            assert_eq!(heard.payload.len(), ptimes[n] as usize * 8);
            for &octet in &heard.payload {
                let others = 7_000 - i32::from(levels[n]);
                let got = i32::from(g711::decode(Codec::Pcma, octet));
                assert!((got - others).abs() < 200, "phone {n} at {}: {got}", heard.at_ms);
            }
        }
    }
}

#[test]
fn a_party_on_hold_neither_hears_nor_is_heard_and_hears_music() {
    let mut world = World::new();
    world.pair(1);
    world.command(Command::Hold { leg: LegId(1) });
    world.play(0, 5, Source::Ringback, true);
    for _ in 0..10 {
        world.speak(0, 20, 3_000);
        world.speak(1, 20, 3_000);
        world.run(20);
    }
    assert!(world.phones[1].heard.is_empty());
    assert_eq!(world.phones[0].heard.len(), 11, "one frame at once, then one every 20 ms");
    world.command(Command::StopPlay { leg: LegId(1), playback: PlaybackId(5) });
    world.command(Command::Resume { leg: LegId(1) });
    world.speak(0, 20, 3_000);
    world.speak(1, 20, 3_000);
    assert_eq!(world.phones[1].heard.len(), 1);
    assert!((world.phones[0].last_level() - 3_000).abs() < 100);
    assert_seamless(&world.phones[0].sequence());
}

#[test]
fn a_recording_goes_on_through_hold() {
    let mut world = World::new();
    world.pair(1);
    world.command(Command::RecordStart(RecordStart {
        recording: RecordingId(1),
        tenant: TenantId(1),
        contact: ContactId(1),
        call: CallId(1),
        started_at: Timestamp(0),
        parties: vec![(LegId(1), Side::Customer), (LegId(2), Side::Other)],
    }));
    world.command(Command::Hold { leg: LegId(1) });
    for _ in 0..10 {
        world.speak(0, 20, 3_000);
        world.speak(1, 20, 3_000);
        world.run(20);
    }
    world.press(0, 1);
    assert_eq!(world.shard.recorder_stats().frames, 20, "audio is recorded, digits are not");
    world.command(Command::RecordLeave { recording: RecordingId(1), leg: LegId(2) });
    world.speak(0, 20, 1);
    world.speak(1, 20, 1);
    assert_eq!(world.shard.recorder_stats().frames, 21);
    world.command(Command::RecordStop { recording: RecordingId(1) });
    world.speak(0, 20, 1);
    assert_eq!(world.shard.recorder_stats().frames, 21);
}

#[test]
fn a_digit_stops_the_prompt_and_is_told_once() {
    let mut world = World::new();
    world.add(Codec::Pcmu, 65_533, |_| {});
    world.play(0, 3, Source::Prompt("welcome".into()), false);
    world.run(200);
    world.press(0, 9);
    world.press(0, 9);
    world.run(500);
    assert_eq!(world.digits(), "99");
    let done: Vec<&Event> =
        world.events.iter().filter(|event| matches!(event, Event::PlayDone { .. })).collect();
    let leg = LegId(1);
    let end = PlayEnd::Interrupted;
    assert_eq!(done, [&Event::PlayDone { leg, playback: PlaybackId(3), end }]);
    assert!(world.phones[0].heard.len() <= 11);
}

#[test]
fn a_prompt_plays_to_its_end_and_a_missing_one_is_named() {
    let mut world = World::new();
    world.add(Codec::Pcma, 1, |_| {});
    world.play(0, 1, Source::Prompt("welcome".into()), false);
    world.run(1_100);
    assert_eq!(world.phones[0].heard.len(), 50);
    world.play(0, 2, Source::Prompt("nowhere".into()), false);
    world.play(0, 3, Source::Busy, true);
    world.play(0, 4, Source::Beep { ms: 100 }, false);
    world.run(200);
    let ends: Vec<(u64, PlayEnd)> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::PlayDone { playback, end, .. } => Some((playback.0, end.clone())),
            _ => None,
        })
        .collect();
    let expected = [
        (1, PlayEnd::Finished),
        (2, PlayEnd::Missing("nowhere".into())),
        (3, PlayEnd::Stopped),
        (4, PlayEnd::Finished),
    ];
    assert_eq!(ends, expected);
    assert_seamless(&world.phones[0].sequence());
}

#[test]
fn sent_digits_arrive_as_events_in_the_same_stream() {
    let mut world = World::new();
    world.pair(1);
    for _ in 0..5 {
        world.speak(1, 20, 500);
        world.run(20);
    }
    world.command(Command::SendDigits { leg: LegId(1), digits: "4*".into() });
    for _ in 0..40 {
        world.speak(1, 20, 500);
        world.run(20);
    }
    let heard = &world.phones[0].heard;
    assert_seamless(&world.phones[0].sequence());
    let events: Vec<(u8, bool, RtpTime)> = heard
        .iter()
        .filter(|heard| heard.header.payload_type == PayloadType(101))
        .map(|heard| (heard.payload[0], heard.header.marker, heard.header.time))
        .collect();
    assert_eq!(events.iter().filter(|&&(_, marker, _)| marker).count(), 2);
    assert_eq!((events[0].0, events.last().unwrap().0), (4, 10));
    let times: std::collections::BTreeSet<u32> = events.iter().map(|e| e.2.0).collect();
    assert_eq!(times.len(), 2, "one timestamp for each digit");
    assert_eq!(heard.last().unwrap().header.payload_type, PayloadType(8), "audio goes on");
}

#[test]
fn comfort_noise_and_unknown_numbers_are_tolerated_and_leave_no_hole() {
    let mut world = World::new();
    world.pair(1);
    for n in 0..30 {
        if n % 3 == 2 {
            let number = if n % 2 == 0 { 13 } else { 77 };
            let bytes = world.phones[0].packet(number, false, &[60]);
            world.phones[0].seq += 1;
            world.phones[0].time += 160;
            world.send(0, bytes);
        } else {
            world.speak(0, 20, 600);
        }
        world.run(20);
    }
    assert_eq!(world.phones[1].heard.len(), 20);
    assert_seamless(&world.phones[1].sequence());
    assert_eq!(world.release(0).packets_dropped, 5);
}

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
    world.command(Command::Connect { leg, remote: agreed });
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
    world.shard.handle_rtcp(now, idx, attacker, &report);
    assert_eq!(world.shard.leg(idx).unwrap().round_trip_us, 0);
    world.shard.handle_rtcp(now, idx, address, &report);
    let round_trip_us = world.release(1).round_trip_us;
    assert!((79_000..81_000).contains(&round_trip_us), "{round_trip_us}");
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
            Event::Silent { leg: LegId(1), ms } => Some(*ms),
            Event::Silent { .. } => panic!("the second phone is not expected to speak"),
            _ => None,
        })
        .collect();
    assert_eq!(told, [5_000, 10_000, 30_000, 60_000]);
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
fn halves_of_a_room_on_two_shards_hear_each_other() {
    let mut worlds = [World::new(), World::new()];
    let levels = [[1_000_i16, 2_000], [4_000, 8_000]];
    for (here, world) in worlds.iter_mut().enumerate() {
        world.shard.open_bridge(Moment::from_millis(1_000), RoomId(1), FarShard(1 - here as u16));
        world.pair(1);
    }
    for _ in 0..60 {
        for here in 0..2 {
            for (phone, &level) in levels[here].iter().enumerate() {
                worlds[here].speak(phone, 20, level);
            }
            worlds[here].run(20);
            while let Some((far, room, frame)) = worlds[here].shard.poll_frame() {
                let far = usize::from(far.0);
                worlds[far].shard.handle_frame(room, FarShard(here as u16), &frame);
            }
        }
    }
    for here in 0..2 {
        for (phone, &level) in levels[here].iter().enumerate() {
            let others = 15_000 - i32::from(level);
            let heard = i32::from(worlds[here].phones[phone].last_level());
            assert!((heard - others).abs() < 600, "shard {here} phone {phone}: {heard}");
        }
    }
}

#[test]
fn a_far_party_is_recorded_through_its_tap() {
    let (mut here, mut there) = (World::new(), World::new());
    here.add(Codec::Pcma, 1, |_| {});
    there.add(Codec::Pcma, 1, |_| {});
    let start = RecordStart {
        recording: RecordingId(1),
        tenant: TenantId(1),
        contact: ContactId(1),
        call: CallId(1),
        started_at: Timestamp(0),
        parties: vec![(LegId(1), Side::Customer), (LegId(77), Side::Other)],
    };
    here.command(Command::RecordStart(start));
    there.shard.set_taps(LegId(1), 1);
    for _ in 0..5 {
        there.speak(0, 20, 9);
        while let Some(mut tap) = there.shard.poll_tap() {
            assert_eq!(tap.payload().len(), 160);
            tap.leg = LegId(77);
            here.shard.handle_tap(&tap);
        }
    }
    assert_eq!(here.shard.recorder_stats().frames, 5);
}

#[test]
fn limits_refuse_and_the_books_balance() {
    let mut world = World::new();
    world.shard.config.legs_max = 3;
    for _ in 0..3 {
        world.add(Codec::Pcma, 1, |_| {});
    }
    let (leg, contact, tenant) = (LegId(50), ContactId(1), TenantId(1));
    world.command(Command::Open { leg, contact, tenant });
    assert!(matches!(world.events.last(), Some(Event::OpenFailed { leg: LegId(50), .. })));
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

#[test]
fn a_relayed_packet_allocates_nothing_in_the_shard() {
    let mut world = World::new();
    world.pair(1);
    let packets: Vec<Vec<u8>> = (0..2_000).map(|_| world.phones[0].speech(20, 5)).collect();
    let (idx, from) = (world.phones[0].idx, world.phones[0].address);
    let capacities = |shard: &Shard| {
        (shard.bytes.capacity(), shard.transmits.capacity(), shard.events.capacity())
    };
    let before = capacities(&world.shard);
    for mut packet in packets {
        world.now_ms += 1;
        let verdict = world.shard.handle_packet(world.now(), idx, from, &mut packet);
        assert!(matches!(verdict, Verdict::Forward { .. }));
    }
    assert_eq!(capacities(&world.shard), before);
}
