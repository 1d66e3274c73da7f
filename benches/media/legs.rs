//! Calls whose legs are encrypted or transcoded, over real sockets: what a packet costs, how many
//! calls a core takes, and what is lost. Such packets carry no stamps, so a loss is what the phones
//! sent and the box did not receive, and what the box sent and the phones did not receive.

use crate::pages::{self, Door};
use crate::spoken;
use crate::system::{self, Kind};
use anyhow::{Context, Result};
use benches::awake::Awake;
use benches::media::phrase;
use benches::procstat;
use mediacore::dtls::Identity;
use mediacore::edge::identity;
use mediacore::rtp::{self, HEADER_BYTES, Header};
use mediacore::shard::TRANSMIT_MAX;
use mediacore::srtp::Session;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};
use terms::media::{Fingerprint, PayloadType, RtpTime, SeqNo, Ssrc};

/// Packets of a voice before it repeats.
const CYCLE: usize = 50;
/// The parties speak in so many groups, a millisecond apart.
const GROUPS: usize = 20;
const MILLISECOND: Duration = Duration::from_millis(1);
/// Before the measurement.
const SETTLE: Duration = Duration::from_secs(2);
/// The last packets are on their way for less than this.
const ECHO: Duration = Duration::from_millis(500);
/// Where the machine stood still they are for longer: so often it is looked whether more has come.
const LOOKS_MAX: usize = 10;
/// What the box counted is told within this.
const TOLD: Duration = Duration::from_millis(300);

/// What came of a kind of call.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// CPU for each packet that is forwarded, recording included, µs.
    pub us_per_packet: f64,
    /// Calls that would fill a core.
    pub calls_per_core: f64,
    /// Packets that did not arrive, both ways.
    pub lost: u64,
    /// Recorded frames that are not on disk.
    pub frames_missing: u64,
}

/// A phone.
struct Party {
    socket: UdpSocket,
    to: SocketAddr,
    called: bool,
    audio: PayloadType,
    /// Of its clock, in a packet.
    ticks: u32,
    ssrc: Ssrc,
    frame: u32,
    session: Option<Session>,
}

/// All of them, and what they say.
struct Phones {
    parties: Vec<Party>,
    voices: [Vec<Vec<u8>>; 2],
    sent: u64,
    received: u64,
}

/// So many calls of a kind for so long on a core.
///
/// # Errors
/// What kept it from running.
pub fn run(kind: Kind, calls: u32, time: Duration, core: usize) -> Result<Line> {
    let folder = tempfile::tempdir_in(std::env::current_exe()?.parent().context("a folder")?)?;
    let mut system = system::start(kind, core, folder.path())
        .with_context(|| format!("start {}", kind.name()))?;
    let _awake = Awake::start(core).context("keep the core awake")?;
    let mut phones = Phones::gather(kind, calls)?;
    let pairs = phones.pairs()?;
    if kind == Kind::Webrtc {
        let identity = identity::generate().map_err(anyhow::Error::msg);
        let identity = Arc::new(identity.context("make a certificate")?);
        let opened = system.open_pages(&pairs, identity.fingerprint());
        let (to, print) = opened.context("open the calls")?;
        phones.call(&to);
        phones.arrive(&identity, print)?;
    } else {
        phones.call(&system.open(&pairs).context("open the calls")?);
    }
    phones.speak(SETTLE);
    let (before, sent) = (cpu(system.pid())?, phones.sent);
    let began = Instant::now();
    phones.speak(time);
    let (spent, took) = ((cpu(system.pid())? - before).as_secs_f64(), began.elapsed());
    let packets = phones.sent - sent;
    phones.hush(&mut *system)?;
    let ending = system.end_calls().context("end the calls")?;
    std::thread::sleep(TOLD);
    phones.listen(0..phones.parties.len());
    let counts = system.counts()?;
    Ok(Line {
        us_per_packet: spent * 1e6 / packets.max(1) as f64,
        calls_per_core: f64::from(calls) * took.as_secs_f64() / spent.max(1e-9),
        lost: lost((phones.sent, counts.packets_in), (counts.packets_out, phones.received)),
        frames_missing: ending.frames_missing,
    })
}

fn cpu(pid: u32) -> Result<Duration> {
    Ok(procstat::threads(pid, "")?.values().sum())
}

/// What was sent and not received, one way and the other.
fn lost((sent, box_received): (u64, u64), (box_sent, received): (u64, u64)) -> u64 {
    sent.saturating_sub(box_received) + box_sent.saturating_sub(received)
}

impl Phones {
    fn gather(kind: Kind, calls: u32) -> Result<Phones> {
        let party = |n: u32| -> Result<Party> {
            let called = n % 2 == 1;
            let socket = UdpSocket::bind("127.0.0.1:0").context("bind a phone's socket")?;
            socket.set_nonblocking(true)?;
            Ok(Party {
                to: socket.local_addr()?,
                socket,
                called,
                audio: spoken::payloads(kind, called).audio,
                ticks: spoken::codec(kind, called).clock_hz() / 50,
                ssrc: Ssrc(n + 1),
                frame: 0,
                session: spoken::session(kind),
            })
        };
        Ok(Phones {
            parties: (0..2 * calls).map(party).collect::<Result<_>>()?,
            voices: [false, true].map(|called| phrase::packets(spoken::codec(kind, called), CYCLE)),
            sent: 0,
            received: 0,
        })
    }

    fn pairs(&self) -> Result<Vec<system::Pair>> {
        let at = |party: &Party| party.socket.local_addr().context("where a phone listens");
        let pair = |pair: &[Party]| -> Result<system::Pair> { Ok((at(&pair[0])?, at(&pair[1])?)) };
        self.parties.chunks_exact(2).map(pair).collect()
    }

    /// To where the box listens.
    fn call(&mut self, to: &[system::Pair]) {
        for (pair, parties) in to.iter().zip(self.parties.chunks_exact_mut(2)) {
            (parties[0].to, parties[1].to) = *pair;
        }
    }

    /// The callers are pages: they get their keys.
    fn arrive(&mut self, identity: &Arc<Identity>, print: Fingerprint) -> Result<()> {
        let callers = self.parties.iter().step_by(2);
        // Calls are counted from one.
        let doors: Vec<Door> =
            (1..).zip(callers).map(|(n, page)| (n, &page.socket, page.to)).collect();
        let (sessions, heard) = pages::arrive(&doors, identity, print)?;
        self.received += heard;
        for (page, session) in self.parties.iter_mut().step_by(2).zip(sessions) {
            page.session = Some(session);
        }
        Ok(())
    }

    /// All speak for so long, each a packet every 20 ms.
    fn speak(&mut self, time: Duration) {
        let began = Instant::now();
        let (mut turn, per_group) = (0, self.parties.len().div_ceil(GROUPS));
        loop {
            let at = MILLISECOND * turn as u32;
            if at >= time {
                return;
            }
            std::thread::sleep((began + at).saturating_duration_since(Instant::now()));
            let group = turn % GROUPS;
            let of = |group: usize| {
                let from = (group * per_group).min(self.parties.len());
                from..(from + per_group).min(self.parties.len())
            };
            let (says, hears) = (of(group), of((group + GROUPS / 2) % GROUPS));
            for n in says {
                self.say(n);
            }
            self.listen(hears);
            turn += 1;
        }
    }

    /// Nobody speaks until what was said has come to the box.
    fn hush(&mut self, system: &mut dyn system::System) -> Result<()> {
        let mut came = None;
        for _ in 0..LOOKS_MAX {
            std::thread::sleep(ECHO);
            self.listen(0..self.parties.len());
            let now = system.counts()?.packets_in;
            if came.replace(now) == Some(now) {
                break;
            }
        }
        Ok(())
    }

    fn say(&mut self, n: usize) {
        let party = &mut self.parties[n];
        let voice = &self.voices[usize::from(party.called)];
        let payload = &voice[party.frame as usize % CYCLE];
        let mut packet = [0; TRANSMIT_MAX];
        let header = Header {
            payload_type: party.audio,
            marker: false,
            seq: SeqNo(party.frame as u16),
            time: RtpTime(party.frame.wrapping_mul(party.ticks)),
            ssrc: party.ssrc,
        };
        rtp::write(&header, &mut packet);
        let mut len = HEADER_BYTES + payload.len();
        packet[HEADER_BYTES..len].copy_from_slice(payload);
        if let Some(session) = &mut party.session {
            len = session.protect(&mut packet, len).expect("each packet is a new one");
        }
        party.frame += 1;
        // What the kernel does not take is lost, and counts as that.
        let _ = party.socket.send_to(&packet[..len], party.to);
        self.sent += 1;
    }

    fn listen(&mut self, parties: std::ops::Range<usize>) {
        let mut buffer = [0; TRANSMIT_MAX];
        for party in &self.parties[parties] {
            while let Ok(length) = party.socket.recv(&mut buffer) {
                self.received += u64::from(is_audio(&buffer[..length]));
            }
        }
    }
}

/// RTP, and no report for a neighbour that listens one port below (RFC 5761, section 4).
fn is_audio(packet: &[u8]) -> bool {
    packet.len() >= HEADER_BYTES && packet[0] >> 6 == 2 && !(192..=223).contains(&packet[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_lost_on_either_way() {
        assert_eq!(lost((100, 100), (100, 100)), 0);
        assert_eq!(lost((100, 98), (97, 96)), 3);
    }

    #[test]
    fn reports_are_no_audio() {
        let mut packet = [0_u8; 20];
        (packet[0], packet[1]) = (0x80, 8);
        assert!(is_audio(&packet) && !is_audio(&packet[..4]));
        packet[1] = 200;
        assert!(!is_audio(&packet));
    }

    #[test]
    fn parties_of_a_call_speak_what_its_kind_says() {
        let mut phones = Phones::gather(Kind::Opus, 2).unwrap();
        assert_eq!((phones.parties.len(), phones.pairs().unwrap().len()), (4, 2));
        assert_eq!((phones.parties[0].ticks, phones.parties[1].ticks), (960, 160));
        let ears = UdpSocket::bind("127.0.0.1:0").unwrap();
        phones.parties.iter_mut().for_each(|party| party.to = ears.local_addr().unwrap());
        (0..4).for_each(|n| phones.say(n));
        assert_eq!(phones.sent, 4);
        let mut buffer = [0; TRANSMIT_MAX];
        let length = ears.recv(&mut buffer).unwrap();
        assert!(is_audio(&buffer[..length]));
    }
}
