//! Stories of a whole shard in virtual time: no sockets, no clock, every millisecond ours.

mod bots;
mod codecs;
mod conference;
mod documents;
mod doors;
mod encrypted;
mod fax;
mod hearing;
mod held;
mod interject;
mod mux;
mod network;
mod packets;
mod pauses;
mod quality;
mod relay;
mod restore;
mod rooms;
mod speech;
mod spray;
mod supervision;
mod webrtc;

use super::*;
use crate::dtmf::Event as DigitEvent;
use crate::g711::{self, Law};
use crate::prompt::Prompt;
use crate::rtcp;
use crate::rtp::{self, HEADER_BYTES, Header};
use crate::srtp::{ROOM_BYTES, Session};
use terms::media::{
    Codec, Command, PayloadType, Payloads, Place, PlayEnd, Playback, Port, Quality, RecordStart,
    RecordTerms, Remote, RtpTime, Seek, SeqNo, Side, Source, Ssrc,
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
    /// Its side of the keys.
    srtp: Option<Session>,
    /// What it got as it came, once it is a fax machine.
    datagrams: Option<Vec<Vec<u8>>>,
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
        let payload = vec![g711::encode(law_of(self.codec), level); ptime_ms as usize * 8];
        let bytes = self.packet(self.codec.payload_type().0, false, &payload);
        self.seq = self.seq.wrapping_add(1);
        self.time = self.time.wrapping_add(ptime_ms * 8);
        bytes
    }

    /// What it puts on the wire.
    fn sealed(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        if let Some(session) = &mut self.srtp {
            let len = bytes.len();
            bytes.resize(len + ROOM_BYTES, 0);
            let len = session.protect(&mut bytes, len).expect("phones number their packets");
            bytes.truncate(len);
        }
        bytes
    }

    fn last_level(&self) -> i16 {
        let heard = self.heard.last().expect("something was heard");
        g711::decode(law_of(self.codec), *heard.payload.last().expect("frames are not empty"))
    }

    fn sequence(&self) -> Vec<Header> {
        self.heard.iter().map(|heard| heard.header).collect()
    }
}

fn law_of(codec: Codec) -> Law {
    Law::of(codec).expect("phones that speak levels speak G.711")
}

/// The port of all WebRTC legs.
const SHARED_PORT: u16 = 19_998;

struct World {
    shard: Shard,
    now_ms: u64,
    phones: Vec<Phone>,
    events: Vec<Event>,
    filters: Vec<(LegIdx, Option<SocketAddr>)>,
    blocks: Vec<Block>,
    /// Browsers, and phones that make their keys by a handshake.
    fars: Vec<webrtc::Far>,
}

fn remote(address: SocketAddr, codec: Codec) -> Remote {
    let payloads = Payloads::of(codec).with_dtmf(PayloadType(101));
    Remote::at(address, payloads)
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
            blocks: Vec::new(),
            fars: Vec::new(),
        }
    }

    fn now(&self) -> Moment {
        Moment::from_millis(self.now_ms)
    }

    /// Opens and connects a phone; `change` alters what it agreed to.
    fn add(&mut self, codec: Codec, first_seq: u16, change: impl FnOnce(&mut Remote)) -> usize {
        let leg = LegId(self.phones.len() as u64 + 1);
        self.add_as(leg, codec, first_seq, change)
    }

    /// The same under a name of its own.
    fn add_as(
        &mut self,
        leg: LegId,
        codec: Codec,
        first_seq: u16,
        change: impl FnOnce(&mut Remote),
    ) -> usize {
        let n = self.phones.len();
        let (contact, tenant) = (ContactId(1), TenantId(1));
        self.command(Command::Open {
            leg,
            contact,
            tenant,
            place: Place::default(),
            port: Port::Own,
        });
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
            srtp: None,
            datagrams: None,
        });
        let mut remote = remote(address, codec);
        change(&mut remote);
        self.command(Command::Connect { leg, remote: Box::new(remote) });
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
        let playback = Playback {
            looped,
            interruptible: true,
            ..Playback::once(PlaybackId(id), vec![source])
        };
        self.command(Command::Play { leg: self.phones[phone].leg, playback });
    }

    fn dropped(&self, reason: Reason) -> u64 {
        self.shard.stats().dropped[reason as usize]
    }

    fn deliver(&mut self, idx: LegIdx, from: SocketAddr, mut bytes: Vec<u8>) -> Verdict {
        let len = bytes.len();
        bytes.resize(len + ROOM_BYTES, 0);
        let verdict = self.shard.handle_packet(self.now(), idx, from, &mut bytes, len);
        // What was queued before leaves before.
        self.drain();
        if let Verdict::Forward { to, address, range } = &verdict {
            self.arrive(*to, *address, &bytes[range.clone()]);
        }
        verdict
    }

    fn send(&mut self, phone: usize, bytes: Vec<u8>) -> Verdict {
        let (idx, from) = (self.phones[phone].idx, self.phones[phone].address);
        let bytes = self.phones[phone].sealed(bytes);
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
        if let Some(far) = self.fars.iter_mut().find(|far| far.address == to) {
            assert_eq!(far.door, from, "from the socket of its port");
            return far.inbox.push(bytes.to_vec());
        }
        let phone = self.phones.iter_mut().find(|phone| phone.address == to);
        let phone = phone.expect("packets go to phones");
        assert_eq!(phone.idx, from, "from the socket of its own leg");
        if let Some(datagrams) = &mut phone.datagrams {
            return datagrams.push(bytes.to_vec());
        }
        let mut bytes = bytes.to_vec();
        if let Some(session) = &mut phone.srtp {
            let len = session.unprotect(&mut bytes).expect("we send under the agreed key");
            bytes.truncate(len);
        }
        let bytes = &bytes[..];
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
                PortOrder::Share(leg) => {
                    let shared = Ok(([127, 0, 0, 1], SHARED_PORT).into());
                    self.shard.port_reserved(leg, shared);
                }
                PortOrder::Filter(leg, source) => self.filters.push((leg, source)),
                PortOrder::Close(_) => {}
            }
        }
        while let Some(event) = self.shard.poll_event() {
            self.events.push(event);
        }
        self.blocks.extend(std::iter::from_fn(|| self.shard.poll_block()));
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now_ms += 1;
            self.shard.tick(self.now());
            self.drain();
            self.carry();
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
