//! Browsers on the shared port, and phones that make their keys by a handshake on a port of their
//! own. The browser is another implementation of WebRTC: a full ICE agent that begins a handshake
//! and speaks RTP, in the same virtual time.

mod kept;
mod phones;
mod strangers;

use super::*;
use crate::dtls::{HANDSHAKE_MAX, Handshake, Identity, Output};
use crate::edge::clock::origin;
use crate::record::block::Entry;
use std::collections::VecDeque;
use std::time::Instant;
use str0m::config::{DtlsVersion, Fingerprint as Print};
use str0m::format::{Codec as Format, FormatParams};
use str0m::ice::IceCreds;
use str0m::media::{Frequency, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpWrite, Ssrc as Source32};
use str0m::{Candidate, Input, Output as Said, Rtc};
use terms::media::{Dtls, DtlsRole, Failure, Fingerprint, Ice};

const OPUS: u8 = 111;
const PCMA: u8 = 8;
const EVENT_48: u8 = 110;
const EVENT_8: u8 = 101;

/// What is at the other end of a leg.
#[allow(clippy::large_enum_variant, reason = "a story has a handful of them")]
enum End {
    Browser(Box<Rtc>, Mid),
    /// A handshake, and the keys that it made.
    Phone(Box<Handshake>, Option<Session>),
}

/// A party that makes its keys by a handshake.
pub(super) struct Far {
    pub(super) address: SocketAddr,
    pub(super) door: LegIdx,
    pub(super) inbox: Vec<Vec<u8>>,
    outbox: VecDeque<Vec<u8>>,
    leg: LegId,
    end: End,
    ssrc: u32,
    seq: u64,
    time: u32,
    heard: Vec<(Header, Vec<u8>)>,
    /// First octets of what came.
    kinds: Vec<u8>,
    reports: usize,
    /// Of so many datagrams one is lost, each way; zero loses none.
    loses: usize,
    carried: usize,
}

fn instant(now: Moment) -> Instant {
    origin() + Duration::from_nanos(now.0)
}

fn identity() -> Arc<Identity> {
    let certificate = dimpl::certificate::generate_self_signed_certificate();
    Arc::new(Identity::new(certificate.expect("P-256 is there"), origin()).expect("it is fine"))
}

/// The other side's view of a role.
fn turned(role: DtlsRole) -> DtlsRole {
    match role {
        DtlsRole::Client => DtlsRole::Server,
        DtlsRole::Server => DtlsRole::Client,
    }
}

fn print_of(fingerprint: Fingerprint) -> Print {
    Print { hash_func: "sha-256".into(), bytes: fingerprint.0.to_vec() }
}

impl Far {
    fn new(address: SocketAddr, door: LegIdx, leg: LegId, end: End) -> Self {
        Far {
            address,
            door,
            inbox: Vec::new(),
            outbox: VecDeque::new(),
            leg,
            end,
            ssrc: 7_000 + leg.0 as u32,
            seq: 100,
            time: 0,
            heard: Vec::new(),
            kinds: Vec::new(),
            reports: 0,
            loses: 0,
            carried: 0,
        }
    }

    fn loses_this_one(&mut self) -> bool {
        self.carried += 1;
        self.loses != 0 && self.carried.is_multiple_of(self.loses)
    }

    /// Takes what came, lets time pass, and puts what it sends into its outbox.
    fn turn(&mut self, now: Moment, server: SocketAddr) {
        for bytes in std::mem::take(&mut self.inbox) {
            self.kinds.push(bytes[0]);
            if !self.loses_this_one() {
                self.take(now, server, bytes);
            }
        }
        match &mut self.end {
            End::Browser(rtc, _) => {
                rtc.handle_input(Input::Timeout(instant(now))).expect("time passes");
                loop {
                    match rtc.poll_output().expect("it is alive") {
                        Said::Timeout(_) => break,
                        Said::Transmit(sent) => self.outbox.push_back(sent.contents.to_vec()),
                        Said::Event(str0m::Event::RtpPacket(packet)) => {
                            let header = Header {
                                payload_type: PayloadType(*packet.header.payload_type),
                                marker: packet.header.marker,
                                seq: SeqNo(packet.header.sequence_number),
                                time: RtpTime(packet.header.timestamp),
                                ssrc: Ssrc(*packet.header.ssrc),
                            };
                            self.heard.push((header, packet.payload.to_vec()));
                        }
                        Said::Event(_) => {}
                    }
                }
            }
            End::Phone(handshake, session) => {
                if handshake.next_timeout().is_some_and(|at| at <= now) {
                    handshake.handle_timeout(now);
                }
                let mut buffer = [0; TRANSMIT_MAX];
                while let Some(output) = handshake.poll(&mut buffer) {
                    match output {
                        Output::Send(len) => self.outbox.push_back(buffer[..len].to_vec()),
                        Output::Keys(keys) => *session = Some(Session::new(*keys)),
                        Output::Failed(_) => {}
                    }
                }
            }
        }
    }

    fn take(&mut self, now: Moment, server: SocketAddr, mut bytes: Vec<u8>) {
        let is_report = bytes[0] >= 128 && (192..=223).contains(&bytes[1]);
        self.reports += usize::from(is_report);
        match &mut self.end {
            End::Browser(rtc, _) => {
                let datagram = Receive::new(Protocol::Udp, server, self.address, &bytes);
                let input = Input::Receive(instant(now), datagram.expect("it is a datagram"));
                assert!(rtc.accepts(&input), "the browser knows what this is");
                rtc.handle_input(input).expect("the browser takes it");
            }
            End::Phone(handshake, _) if (20..=63).contains(&bytes[0]) => {
                handshake.handle_packet(now, &bytes);
            }
            End::Phone(_, session) => {
                let session = session.as_mut().expect("audio comes after the keys");
                if is_report {
                    session.unprotect_rtcp(&mut bytes).expect("a report under the keys");
                    return;
                }
                let len = session.unprotect(&mut bytes).expect("audio under the keys");
                let packet = rtp::parse(&bytes[..len]).expect("it is RTP");
                self.heard.push((packet.header, bytes[packet.payload()].to_vec()));
            }
        }
    }

    fn write(&mut self, now: Moment, payload_type: u8, marker: bool, payload: &[u8]) {
        match &mut self.end {
            End::Browser(rtc, mid) => {
                let (ssrc, mid) = (Source32::from(self.ssrc), *mid);
                let pt = Pt::from(payload_type);
                let write =
                    RtpWrite::new(pt, self.seq.into(), self.time, instant(now), payload.to_vec());
                let mut api = rtc.direct_api();
                api.declare_stream_tx(ssrc, None, mid, None);
                let stream = api.stream_tx(&ssrc).expect("it was just declared");
                stream.write_rtp(write.marker(marker));
            }
            End::Phone(_, session) => {
                let header = Header {
                    payload_type: PayloadType(payload_type),
                    marker,
                    seq: SeqNo(self.seq as u16),
                    time: RtpTime(self.time),
                    ssrc: Ssrc(self.ssrc),
                };
                let mut bytes = vec![0; HEADER_BYTES + payload.len() + ROOM_BYTES];
                rtp::write(&header, &mut bytes);
                let len = HEADER_BYTES + payload.len();
                bytes[HEADER_BYTES..len].copy_from_slice(payload);
                let session = session.as_mut().expect("it speaks under its keys");
                let len = session.protect(&mut bytes, len).expect("its numbers rise");
                bytes.truncate(len);
                self.outbox.push_back(bytes);
            }
        }
        self.seq += 1;
    }

    fn levels(&self) -> Vec<u8> {
        self.heard.iter().map(|(_, payload)| payload[0]).collect()
    }
}

impl World {
    /// A world that has a certificate.
    fn secured() -> Self {
        let mut world = World::new();
        world.shard.config.identity = Some(identity());
        world
    }

    fn our_print(&self) -> Fingerprint {
        self.shard.config.identity.as_ref().expect("this world has one").fingerprint()
    }

    /// Carries datagrams between the shard and those ends until nothing moves.
    pub(super) fn carry(&mut self) {
        for n in 0..self.fars.len() {
            for _ in 0..50 {
                let (now, door) = (self.now(), self.fars[n].door);
                let shared = door == self.shard.shared_door();
                let port = if shared { SHARED_PORT } else { 20_000 + door.0 as u16 * 2 };
                let far = &mut self.fars[n];
                far.turn(now, ([127, 0, 0, 1], port).into());
                let from = far.address;
                let Some(bytes) = far.outbox.pop_front() else { break };
                if !far.loses_this_one() {
                    self.deliver(door, from, bytes);
                }
            }
        }
    }

    fn open_far(&mut self, port: Port) -> (LegId, LegIdx, SocketAddr) {
        let n = self.fars.len() as u64;
        let (leg, contact, tenant) = (LegId(100 + n), ContactId(1), TenantId(1));
        self.command(Command::Open { leg, contact, tenant, place: Place::default(), port });
        let idx = self.shard.index_of(leg).expect("the leg was just opened");
        (leg, idx, ([198, 51, 100, n as u8 + 1], 50_000).into())
    }

    /// A browser that was answered; it begins to look for us at once.
    fn browser(&mut self, codec: Codec, version: DtlsVersion) -> usize {
        self.browser_as(DtlsRole::Server, codec, version)
    }

    /// The same, with this role of ours.
    fn browser_as(&mut self, role: DtlsRole, codec: Codec, version: DtlsVersion) -> usize {
        let (leg, idx, address) = self.open_far(Port::Shared);
        let builder = Rtc::builder().clear_codecs().set_rtp_mode(true).set_dtls_version(version);
        let provider = Arc::new(str0m::crypto::from_feature_flags());
        let mut builder = builder.set_crypto_provider(provider);
        let formats = [
            (OPUS, Format::Opus, Frequency::FORTY_EIGHT_KHZ, Some(2)),
            (PCMA, Format::PCMA, Frequency::EIGHT_KHZ, None),
            (EVENT_48, Format::Tele, Frequency::FORTY_EIGHT_KHZ, None),
            (EVENT_8, Format::Tele, Frequency::EIGHT_KHZ, None),
        ];
        for (number, format, hz, channels) in formats {
            let (number, params) = (Pt::from(number), FormatParams::default());
            builder.codec_config().add_config(number, None, format, hz, channels, params);
        }
        let mut rtc = builder.build(instant(self.now()));
        rtc.add_local_candidate(Candidate::host(address, "udp").expect("it is an address"));
        let server = SocketAddr::from(([127, 0, 0, 1], SHARED_PORT));
        rtc.add_remote_candidate(Candidate::host(server, "udp").expect("it is an address"));
        let ice = Ice {
            ufrag: format!("leg{}", leg.0),
            pwd: "0123456789abcdefghijklmn".into(),
            peer_ufrag: rtc.direct_api().local_ice_credentials().ufrag,
        };
        let ours = self.our_print();
        let mid: Mid = "aud".into();
        let mut api = rtc.direct_api();
        let theirs = api.local_dtls_fingerprint().bytes.clone().try_into();
        let theirs = Fingerprint(theirs.expect("it is SHA-256"));
        api.set_remote_ice_credentials(IceCreds {
            ufrag: ice.ufrag.clone(),
            pass: ice.pwd.clone(),
        });
        api.set_remote_fingerprint(print_of(ours));
        api.set_ice_controlling(true);
        api.declare_media(mid, MediaKind::Audio);
        let our_ssrc = self.shard.leg(idx).expect("it is open").stream.ssrc().0;
        api.expect_stream_rx(Source32::from(our_ssrc), None, mid, None);
        api.start_dtls(role == DtlsRole::Server).expect("it begins, or waits");
        let end = End::Browser(Box::new(rtc), mid);
        self.fars.push(Far::new(address, self.shard.shared_door(), leg, end));
        let dtls = Dtls { role, fingerprints: vec![theirs] };
        let remote = browsers_remote(codec, dtls, ice);
        self.command(Command::Connect { leg, remote: Box::new(remote) });
        self.fars.len() - 1
    }

    fn says(&mut self, far: usize, payload_type: u8, level: i16) {
        let now = self.now();
        let payload = [g711::encode(Law::A, level); 160];
        self.fars[far].write(now, payload_type, false, &payload);
        self.fars[far].time = self.fars[far].time.wrapping_add(160);
        self.carry();
    }

    /// Presses a key for 160 ms under this number and clock.
    fn far_presses(&mut self, far: usize, payload_type: u8, key: u8, ticks: u16) {
        for n in 0..8_u16 {
            let event = DigitEvent { code: key, end: n >= 5, duration: ticks * (n.min(5) + 1) };
            let now = self.now();
            self.fars[far].write(now, payload_type, n == 0, &event.write());
            self.carry();
            self.run(20);
        }
        self.fars[far].time = self.fars[far].time.wrapping_add(u32::from(ticks) * 8);
    }

    fn far_joins(&mut self, far: usize) {
        self.command(Command::Join { leg: self.fars[far].leg, room: RoomId(1) });
    }

    /// Whether the shard has keys for a leg.
    fn is_secured(&self, far: usize) -> bool {
        let idx = self.shard.index_of(self.fars[far].leg);
        idx.and_then(|idx| self.shard.leg(idx)).is_some_and(|leg| leg.srtp.is_some())
    }

    fn failures(&self) -> Vec<Failure> {
        let why = |event: &Event| match event {
            Event::Failed { why, .. } => Some(*why),
            _ => None,
        };
        self.events.iter().filter_map(why).collect()
    }
}

fn browsers_remote(codec: Codec, dtls: Dtls, ice: Ice) -> Remote {
    let event = if codec == Codec::Opus { EVENT_48 } else { EVENT_8 };
    let payloads = Payloads::of(codec).with_dtmf(PayloadType(event));
    let nowhere = "0.0.0.0:9".parse().expect("it is an address");
    Remote { dtls: Some(dtls), ice: Some(ice), rtcp_mux: true, ..Remote::at(nowhere, payloads) }
}

#[test]
fn a_browser_finds_its_leg_makes_keys_and_talks_with_a_plain_phone() {
    for (role, version) in [
        (DtlsRole::Server, DtlsVersion::Dtls12),
        (DtlsRole::Server, DtlsVersion::Dtls13),
        (DtlsRole::Server, DtlsVersion::Auto),
        (DtlsRole::Client, DtlsVersion::Dtls12),
        (DtlsRole::Client, DtlsVersion::Auto),
    ] {
        let mut world = World::secured();
        world.add(Codec::Pcma, 1, |_| {});
        world.join(0, 1);
        let browser = world.browser_as(role, Codec::Pcma, version);
        world.far_joins(browser);
        world.run(2_000);
        assert!(
            world.is_secured(browser),
            "{role:?}, {version:?}: {:?}",
            world.fars[browser].kinds
        );
        for n in 0..100 {
            world.says(browser, PCMA, n * 100);
            let verdict = world.speak(0, 20, -n * 100);
            let shared = world.shard.shared_door();
            assert!(matches!(verdict, Verdict::Forward { to, .. } if to == shared), "{verdict:?}");
            world.run(20);
        }
        let said = |sign: i16| -> Vec<u8> {
            (0..100).map(|n| g711::encode(Law::A, sign * n * 100)).collect()
        };
        let heard: Vec<u8> = world.phones[0].heard.iter().map(|h| h.payload[0]).collect();
        assert_eq!(heard, said(1), "{version:?}");
        assert_eq!(world.fars[browser].levels(), said(-1), "{version:?}");
        // Reports come where the audio does, and are read there.
        world.run(10_000);
        assert!(world.fars[browser].reports > 0 && world.shard.stats().reports_in > 0);
        assert!(world.shard.stats().checks > 0);
        let quality = world.shard.leg(world.shard.index_of(LegId(100)).unwrap()).unwrap();
        assert!(quality.far.reports > 0, "the browser told what it heard");
        assert_eq!(world.shard.stats().dropped, [0; REASONS], "{version:?}");
        assert_eq!(world.failures(), []);
    }
}

#[test]
fn opus_of_two_browsers_is_relayed_as_it_is_on_one_port() {
    let mut world = World::secured();
    let (one, other) = (
        world.browser(Codec::Opus, DtlsVersion::Auto),
        world.browser(Codec::Opus, DtlsVersion::Auto),
    );
    world.far_joins(one);
    world.far_joins(other);
    world.run(2_000);
    let packets: Vec<Vec<u8>> = (0..50).map(|n| vec![0x78, n, n ^ 0x55, 7]).collect();
    for packet in &packets {
        for far in [one, other] {
            let now = world.now();
            world.fars[far].write(now, OPUS, false, packet);
            world.fars[far].time += 960;
        }
        world.carry();
        world.run(20);
    }
    for far in [one, other] {
        let heard: Vec<&[u8]> = world.fars[far].heard.iter().map(|(_, p)| &p[..]).collect();
        assert_eq!(heard, packets);
    }
    assert_eq!(world.shard.stats().packets_forwarded, 100);
    assert_eq!(world.shard.shared_sizes(), (2, 2));
    for far in [one, other] {
        world.command(Command::Release { leg: world.fars[far].leg });
    }
    assert_eq!((world.shard.legs(), world.shard.shared_sizes()), (0, (0, 0)), "nothing is left");
}

#[test]
fn telephone_events_come_from_a_browser_and_go_to_one() {
    for (codec, number, ticks) in [(Codec::Opus, EVENT_48, 960), (Codec::Pcma, EVENT_8, 160)] {
        let mut world = World::secured();
        let browser = world.browser(codec, DtlsVersion::Auto);
        world.run(2_000);
        world.far_presses(browser, number, 5, ticks);
        world.far_presses(browser, number, 11, ticks);
        world.run(200);
        assert_eq!(world.digits(), "5#", "{codec:?}: once each");
        let leg = world.fars[browser].leg;
        world.command(Command::SendDigits { leg, digits: "7".into() });
        world.run(500);
        let events: Vec<&Vec<u8>> = world.fars[browser]
            .heard
            .iter()
            .filter(|(header, _)| header.payload_type == PayloadType(number))
            .map(|(_, payload)| payload)
            .collect();
        assert!(events.len() > 3 && events.iter().all(|event| event[0] == 7), "{codec:?}");
    }
}

#[test]
fn a_browser_is_recorded_and_mixed_like_everybody() {
    let mut world = World::secured();
    world.add(Codec::Pcma, 1, |_| {});
    world.join(0, 1);
    let browser = world.browser(Codec::Pcma, DtlsVersion::Auto);
    world.far_joins(browser);
    world.run(2_000);
    let start = RecordStart {
        terms: RecordTerms::default(),
        recording: RecordingId(5),
        tenant: TenantId(1),
        contact: ContactId(1),
        call: CallId(1),
        started_at: Timestamp(0),
        parties: vec![
            (world.phones[0].leg, Side::Customer),
            (world.fars[browser].leg, Side::Other),
        ],
    };
    world.command(Command::RecordStart(start));
    for _ in 0..25 {
        world.says(browser, PCMA, 2_000);
        world.speak(0, 20, 1_000);
        world.run(20);
    }
    world.command(Command::RecordStop { recording: RecordingId(5) });
    world.run(1_000);
    let mut frames = Vec::new();
    for block in &world.blocks {
        for located in block.entries() {
            if let Entry::Audio(audio) = located.entry {
                frames.extend(audio.frames().map(|frame| frame.payload[0]));
            }
        }
    }
    let of = |level: i16| frames.iter().filter(|&&f| f == g711::encode(Law::A, level)).count();
    assert_eq!((frames.len(), of(2_000), of(1_000)), (50, 25, 25));

    // A third party: all three are mixed.
    world.add(Codec::Pcma, 1, |_| {});
    world.join(1, 1);
    for _ in 0..50 {
        world.says(browser, PCMA, 2_000);
        world.speak(0, 20, 1_000);
        world.speak(1, 20, 4_000);
        world.run(20);
    }
    let near = |heard: i16, sum: i16| (heard - sum).abs() < 200;
    let last = world.fars[browser].heard.last().expect("it hears").1[159];
    assert!(near(g711::decode(Law::A, last), 5_000), "the browser hears the others");
    assert!(near(world.phones[0].last_level(), 6_000) && near(world.phones[1].last_level(), 3_000));
}

#[test]
fn nothing_leaves_in_clear_and_a_prompt_waits_for_the_keys() {
    let mut world = World::secured();
    world.add(Codec::Pcma, 1, |_| {});
    world.join(0, 1);
    let browser = world.browser(Codec::Pcma, DtlsVersion::Auto);
    let source = terms::media::Source::Prompt("welcome".into());
    let playback = Playback::once(PlaybackId(1), vec![source]);
    world.command(Command::Play { leg: world.fars[browser].leg, playback });
    let mut asked = 0;
    while !world.is_secured(browser) {
        asked += 1;
        assert!(asked < 5_000, "keys come in time");
        world.speak(0, 20, 100);
        world.run(1);
        let kinds = &world.fars[browser].kinds;
        let secured = world.is_secured(browser);
        assert!(secured || kinds.iter().all(|kind| *kind < 64), "only checks and handshake");
    }
    world.run(3_000);
    assert_eq!(world.fars[browser].heard.len(), 50, "the prompt is heard from its beginning");
}

#[test]
fn a_handshake_survives_the_loss_of_every_third_datagram() {
    for version in [DtlsVersion::Dtls12, DtlsVersion::Dtls13] {
        for loses in [3, 4, 5] {
            let mut world = World::secured();
            let browser = world.browser(Codec::Pcma, version);
            world.fars[browser].loses = loses;
            world.run(HANDSHAKE_MAX.as_millis() as u64 - 1);
            assert!(world.is_secured(browser), "{version:?}, one of {loses}");
            assert_eq!(world.failures(), []);
        }
    }
}

#[test]
fn who_never_comes_and_who_is_somebody_else_ends_the_leg_with_a_reason() {
    let limit = HANDSHAKE_MAX.as_millis() as u64;
    // Nobody asks.
    let mut world = World::secured();
    let browser = world.browser(Codec::Pcma, DtlsVersion::Auto);
    world.fars.clear();
    world.run(limit - 1);
    assert_eq!(world.failures(), []);
    world.run(1);
    assert_eq!(world.failures(), [Failure::Unreached]);
    assert_eq!(browser, 0);

    // Somebody else's certificate.
    let mut world = World::secured();
    let browser = world.browser(Codec::Pcma, DtlsVersion::Auto);
    let idx = world.shard.index_of(world.fars[browser].leg).unwrap();
    let agreed = world.shard.leg(idx).unwrap().agreed.as_ref().unwrap().remote.clone();
    let other = Dtls { role: DtlsRole::Server, fingerprints: vec![Fingerprint([9; 32])] };
    let remote = Remote { dtls: Some(other), ..agreed };
    world.command(Command::Connect { leg: world.fars[browser].leg, remote: Box::new(remote) });
    world.run(5_000);
    assert_eq!(world.failures(), [Failure::WrongCertificate]);
    assert!(!world.is_secured(browser));
    world.fars.clear();
    world.run(60_000);
    assert_eq!(world.failures().len(), 1, "it is said once");

    // It asks, and never begins the handshake.
    let mut world = World::secured();
    let browser = world.browser(Codec::Pcma, DtlsVersion::Auto);
    for _ in 0..limit {
        world.fars[browser].outbox.retain(|bytes| bytes[0] < 4);
        world.now_ms += 1;
        world.shard.tick(world.now());
        world.drain();
        let (now, from, door) =
            (world.now(), world.fars[browser].address, world.shard.shared_door());
        world.fars[browser].turn(now, ([127, 0, 0, 1], SHARED_PORT).into());
        while let Some(bytes) = world.fars[browser].outbox.pop_front() {
            if bytes[0] < 4 {
                world.deliver(door, from, bytes);
            }
        }
    }
    assert_eq!(world.failures(), [Failure::NoHandshake]);

    // A box without a certificate says so at once.
    let mut world = World::secured();
    world.browser(Codec::Pcma, DtlsVersion::Auto);
    world.shard.config.identity = None;
    let leg = LegId(200);
    let (contact, tenant) = (ContactId(1), TenantId(1));
    let open = Command::Open { leg, contact, tenant, place: Place::default(), port: Port::Own };
    world.command(open);
    let dtls = Dtls { role: DtlsRole::Server, fingerprints: vec![Fingerprint([9; 32])] };
    let plain = super::remote(([10, 0, 0, 9], 4_000).into(), Codec::Pcma);
    world.command(Command::Connect { leg, remote: Box::new(Remote { dtls: Some(dtls), ..plain }) });
    assert_eq!(world.failures(), [Failure::NoCertificate]);
}

#[test]
fn a_re_invite_and_the_wrap_of_the_numbers_change_no_key() {
    let mut world = World::secured();
    world.add(Codec::Pcma, 65_500, |_| {});
    world.join(0, 1);
    let browser = world.browser(Codec::Pcma, DtlsVersion::Auto);
    world.fars[browser].seq = 65_500;
    world.far_joins(browser);
    world.run(2_000);
    let idx = world.shard.index_of(world.fars[browser].leg).unwrap();
    let agreed = world.shard.leg(idx).unwrap().agreed.as_ref().unwrap().remote.clone();
    let records = world.shard.stats().handshakes_in;
    for round in 1..=4 {
        for _ in 0..20 {
            world.says(browser, PCMA, 500);
            world.speak(0, 20, 500);
            world.run(20);
        }
        assert_eq!(world.phones[0].heard.len(), round * 20);
        assert_eq!(world.fars[browser].heard.len(), round * 20);
        // Hold and resume, then an ICE restart with a new name of ours.
        let mut remote = agreed.clone();
        if round == 2 {
            let ice = remote.ice.as_mut().expect("it is a browser");
            (ice.ufrag, ice.pwd) = ("restarted".into(), "nopqrstuvwxyz0123456789".into());
        }
        world.command(Command::Connect { leg: world.fars[browser].leg, remote: Box::new(remote) });
    }
    assert!(world.fars[browser].seq > 65_536, "its numbers have wrapped");
    assert_eq!(world.shard.stats().handshakes_in, records, "no handshake again");
    assert_eq!(world.dropped(Reason::Unauthenticated), 0);
}
