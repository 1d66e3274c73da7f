//! RTCP on the port of the audio (RFC 5761), with phones that have no handshake.

use super::encrypted::keys;
use super::*;
use crate::udptl::datagram;
use terms::media::{FarQuality, FaxRemote, Srtp, SrtpSuite};

/// The second octets of RTCP are these payload types of a marked RTP packet (RFC 5761 §4).
const REPORT_TYPES: std::ops::RangeInclusive<u8> = 64..=95;

/// A receiver report about our stream to a phone: 3 lost, a jitter of 40 ticks.
fn report(world: &World, phone: usize) -> Vec<u8> {
    let ours = world.shard.leg(world.phones[phone].idx).unwrap().stream.ssrc();
    let mut block = vec![0x81, 201, 0, 7, 0, 0, 0, 9];
    block.extend(ours.0.to_be_bytes());
    block.extend([0, 0, 0, 3, 0, 0, 0, 99, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 0]);
    block
}

fn far(world: &World, phone: usize) -> FarQuality {
    world.shard.leg(world.phones[phone].idx).unwrap().far
}

/// A phone with one port for both, and one with two, in a room.
fn one_port_and_two() -> World {
    let mut world = World::new();
    for rtcp_mux in [true, false] {
        let phone = world.add(Codec::Pcma, 65_530, |remote| remote.rtcp_mux = rtcp_mux);
        world.join(phone, 1);
    }
    world
}

#[test]
fn reports_come_and_go_where_the_audio_does_or_on_a_port_of_their_own_as_agreed() {
    let mut world = one_port_and_two();
    for _ in 0..1_000 {
        (0..2).for_each(|phone| _ = world.speak(phone, 20, 700));
        world.run(20);
    }
    let is_report = |heard: &&Heard| REPORT_TYPES.contains(&heard.header.payload_type.0);
    let reports = |phone: usize| world.phones[phone].heard.iter().filter(is_report).count();
    assert!(reports(0) >= 2 && world.phones[0].reports.is_empty(), "on the one port");
    assert!(reports(1) == 0 && world.phones[1].reports.len() >= 2, "on the port above");
    let told = [reports(0), 0];

    for phone in 0..2 {
        let bytes = report(&world, phone);
        world.send(phone, bytes);
    }
    let heard = far(&world, 0);
    assert_eq!((heard.reports, heard.packets_lost, heard.jitter_us), (1, 3, 5_000));
    assert_eq!(far(&world, 1), FarQuality::default(), "a report on the wrong port says nothing");
    for (phone, told) in told.into_iter().enumerate() {
        let audio = world.phones[phone].heard.len() - told;
        let quality = world.release(phone);
        assert_eq!((audio, quality.packets_lost, quality.packets_received), (1_000, 0, 1_000));
        assert_eq!(quality.packets_dropped, phone as u64);
    }
}

#[test]
fn a_report_of_a_stranger_on_the_one_port_changes_nothing() {
    let mut world = one_port_and_two();
    world.speak(0, 20, 700);
    let bytes = report(&world, 0);
    let (idx, stranger) = (world.phones[0].idx, "203.0.113.66:4000".parse().unwrap());
    assert_eq!(world.deliver(idx, stranger, bytes.clone()), Verdict::Consumed);
    assert_eq!(far(&world, 0), FarQuality::default());
    assert_eq!(world.dropped(Reason::Strange), 1);
    let mut cut = bytes;
    cut.truncate(11);
    assert_eq!(world.send(0, cut), Verdict::Consumed);
    assert_eq!(far(&world, 0), FarQuality::default());
    assert_eq!(world.dropped(Reason::Malformed), 1);
    let quality = world.release(0);
    assert_eq!((quality.packets_received, quality.packets_strange), (1, 1));
}

#[test]
fn on_an_encrypted_leg_the_one_port_takes_sealed_reports_alone() {
    for suite in SrtpSuite::ALL {
        let mut world = one_port_and_two();
        let agreed = keys(suite, 2);
        let (leg, address) = (world.phones[0].leg, world.phones[0].address);
        let plain = remote(address, Codec::Pcma);
        let remote = Remote { rtcp_mux: true, srtp: Some(agreed.clone()), ..plain };
        world.command(Command::Connect { leg, remote: Box::new(remote) });
        let theirs = Srtp { suite, send: agreed.receive, receive: agreed.send };
        world.phones[0].srtp = Some(Session::new(theirs));
        world.speak(0, 20, 700);
        let (idx, mut bytes) = (world.phones[0].idx, report(&world, 0));
        world.deliver(idx, address, bytes.clone());
        assert_eq!(far(&world, 0), FarQuality::default(), "{suite:?}");
        let len = bytes.len();
        bytes.resize(len + ROOM_BYTES, 0);
        let session = world.phones[0].srtp.as_mut().unwrap();
        let len = session.protect_rtcp(&mut bytes, len).unwrap();
        bytes.truncate(len);
        assert_eq!(world.deliver(idx, address, bytes), Verdict::Consumed);
        assert_eq!(far(&world, 0).packets_lost, 3, "{suite:?}");
    }
}

#[test]
fn a_fax_on_the_one_port_passes_whatever_its_numbers_look_like() {
    let mut world = one_port_and_two();
    for phone in 0..2 {
        let Phone { leg, address, .. } = world.phones[phone];
        world.phones[phone].datagrams = Some(Vec::new());
        let remote =
            FaxRemote { udptl: address, nat: false, signalling: address.ip(), machine: None };
        world.command(Command::Fax { leg, remote });
    }
    // The second octet of a number is that of a report, the first that of a handshake or of RTP.
    let numbers = [0x14C8_u16, 0x16C8, 0x80C8, 0x80C9, 0x81CA];
    let sent: Vec<Vec<u8>> = numbers.iter().map(|&n| datagram(n, &[0xC0; 30], &[])).collect();
    for bytes in &sent {
        let verdict = world.send(0, bytes.clone());
        assert!(matches!(verdict, Verdict::Forward { .. }), "{verdict:?}");
    }
    assert_eq!(world.phones[1].datagrams.as_ref(), Some(&sent));
}
