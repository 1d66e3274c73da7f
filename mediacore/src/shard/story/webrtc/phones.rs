//! Phones that make their keys by a handshake on the port of their leg, without ICE.

use super::*;

impl World {
    /// A phone on its own port; `role` is ours.
    pub(super) fn secure_phone(
        &mut self,
        role: DtlsRole,
        change: impl FnOnce(&mut Remote),
    ) -> usize {
        let (leg, idx, address) = self.open_far(Port::Own);
        let theirs = identity();
        let agreed = Dtls { role: turned(role), fingerprints: vec![self.our_print()] };
        let mut handshake = Handshake::new(self.now(), Arc::clone(&theirs), agreed);
        handshake.start(self.now());
        let end = End::Phone(Box::new(handshake), None);
        self.fars.push(Far::new(address, idx, leg, end));
        let dtls = Some(Dtls { role, fingerprints: vec![theirs.fingerprint()] });
        let plain = remote(address, Codec::Pcma);
        let mut remote = Remote { dtls, rtcp_mux: true, ..plain };
        change(&mut remote);
        self.command(Command::Connect { leg, remote: Box::new(remote) });
        self.fars.len() - 1
    }

    /// The phone begins again with another certificate, as a re-INVITE says.
    pub(super) fn begin_again(&mut self, far: usize, role: DtlsRole) {
        let theirs = identity();
        let agreed = Dtls { role: turned(role), fingerprints: vec![self.our_print()] };
        let mut handshake = Handshake::new(self.now(), Arc::clone(&theirs), agreed);
        handshake.start(self.now());
        self.fars[far].end = End::Phone(Box::new(handshake), None);
        let (leg, address) = (self.fars[far].leg, self.fars[far].address);
        let dtls = Some(Dtls { role, fingerprints: vec![theirs.fingerprint()] });
        let remote = Remote { dtls, rtcp_mux: true, ..remote(address, Codec::Pcma) };
        self.command(Command::Connect { leg, remote: Box::new(remote) });
    }
}

#[test]
fn a_phone_without_ice_makes_keys_whoever_begins_and_is_heard() {
    for role in [DtlsRole::Server, DtlsRole::Client] {
        let mut world = World::secured();
        world.add(Codec::Pcma, 1, |_| {});
        world.join(0, 1);
        let phone = world.secure_phone(role, |_| {});
        world.far_joins(phone);
        world.run(1_000);
        assert!(world.is_secured(phone), "{role:?}");
        for n in 0..50 {
            world.says(phone, PCMA, n * 100);
            world.speak(0, 20, -n * 100);
            world.run(20);
        }
        let said =
            |sign: i16| (0..50).map(|n| g711::encode(Law::A, sign * n * 100)).collect::<Vec<_>>();
        assert_eq!(world.fars[phone].levels(), said(-1), "{role:?}");
        let heard: Vec<u8> = world.phones[0].heard.iter().map(|h| h.payload[0]).collect();
        assert_eq!(heard, said(1), "{role:?}");
        world.run(10_000);
        assert!(world.fars[phone].reports > 0, "reports come where the audio does");
        assert_eq!(world.shard.stats().dropped, [0; REASONS]);
    }
}

#[test]
fn a_phone_behind_a_nat_is_answered_where_it_is_and_learned_as_ever() {
    let mut world = World::secured();
    world.add(Codec::Pcma, 1, |_| {});
    world.join(0, 1);
    let phone = world.secure_phone(DtlsRole::Server, |remote| {
        (remote.signalling, remote.nat) = (remote.rtp.ip(), true);
        remote.rtp = "192.168.1.20:4000".parse().unwrap();
    });
    world.far_joins(phone);
    world.run(1_000);
    assert!(world.is_secured(phone));
    for _ in 0..20 {
        world.says(phone, PCMA, 300);
        world.run(20);
    }
    assert_eq!(world.phones[0].heard.len(), 20, "the packets of probation too");
    let learned = world.events.iter().any(|event| matches!(event, Event::Learned { .. }));
    assert!(learned);
}

#[test]
fn without_one_port_for_both_there_are_no_reports() {
    let mut world = World::secured();
    let phone = world.secure_phone(DtlsRole::Server, |remote| remote.rtcp_mux = false);
    world.run(30_000);
    assert!(world.is_secured(phone));
    assert_eq!((world.fars[phone].reports, world.shard.stats().reports_out), (0, 0));
}

#[test]
fn plain_audio_is_not_taken_on_a_leg_that_waits_for_its_keys() {
    let mut world = World::secured();
    let phone = world.secure_phone(DtlsRole::Server, |_| {});
    let (door, from) = (world.fars[phone].door, world.fars[phone].address);
    let mut plain = world.fars[phone].plain_packet();
    let verdict = world.deliver(door, from, plain.clone());
    assert_eq!(verdict, Verdict::Drop(Reason::NotConnected));
    plain[1] = 200;
    let before = world.dropped(Reason::NotConnected);
    world.deliver(door, from, plain);
    assert_eq!(world.dropped(Reason::NotConnected), before + 1, "nor a report");
}

#[test]
fn another_certificate_is_another_association_and_its_keys_replace_the_old_ones() {
    let mut world = World::secured();
    world.add(Codec::Pcma, 1, |_| {});
    world.join(0, 1);
    let phone = world.secure_phone(DtlsRole::Server, |_| {});
    world.far_joins(phone);
    world.run(1_000);
    world.says(phone, PCMA, 300);
    let End::Phone(_, old) = &mut world.fars[phone].end else { panic!("it is a phone") };
    let mut old = old.take().expect("it has keys");
    world.begin_again(phone, DtlsRole::Server);
    world.run(1_000);
    for _ in 0..5 {
        world.says(phone, PCMA, 400);
        world.run(20);
    }
    assert_eq!(world.phones[0].heard.len(), 6);
    // What is sent under the old keys is nothing now.
    let mut late = world.fars[phone].plain_packet();
    let len = late.len();
    late.resize(len + ROOM_BYTES, 0);
    let len = old.protect(&mut late, len).unwrap();
    let (door, from) = (world.fars[phone].door, world.fars[phone].address);
    let verdict = world.deliver(door, from, late[..len].to_vec());
    assert_eq!(verdict, Verdict::Drop(Reason::Unauthenticated));
}

#[test]
fn strangers_neither_begin_nor_disturb_a_handshake() {
    let mut world = World::secured();
    let phone = world.secure_phone(DtlsRole::Server, |_| {});
    let stranger: SocketAddr = "203.0.113.66:9".parse().unwrap();
    let door = world.fars[phone].door;
    for n in 0..200_u16 {
        let mut record = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, n as u8, 0, 40];
        record.resize(13 + 40, n as u8);
        let verdict = world.deliver(door, stranger, record);
        assert_eq!(verdict, Verdict::Drop(Reason::Strange));
    }
    // From the right address too, as one who forges it would.
    let from = world.fars[phone].address;
    for n in 0..200_u16 {
        let kind = [20, 21, 22, 23, 25, 63][usize::from(n) % 6];
        let mut record = vec![kind, 254, 253, 0, 0, 0, 0, 0, 0, 0, n as u8, 0, 40];
        record.resize(13 + 40, (n * 7) as u8);
        world.deliver(door, from, record);
    }
    world.run(3_000);
    assert!(world.is_secured(phone), "{:?}", world.failures());
    // After the keys nothing of it counts any more.
    for n in 0..200_u16 {
        let record = vec![21, 254, 253, 0, 0, 0, 0, 0, 0, 0, n as u8, 0, 2, 2, 40];
        world.deliver(door, from, record);
    }
    world.run(100);
    world.says(phone, PCMA, 300);
    let leg = world.shard.leg(door).unwrap();
    assert_eq!(leg.receive.received(), 1);
    assert_eq!(world.failures(), []);
}
