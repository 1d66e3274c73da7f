//! A mouth and an ear on one RTP port, for a call that SIPp signals: a steady tone out, and
//! everything that comes in, with its time. It speaks to whoever speaks to it (RFC 4961).

use mediacore::g711::{self, Law};
use mediacore::rtp;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use terms::media::{PayloadType, RtpTime, SeqNo, Ssrc};

const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: usize = 160;
const PCMA: PayloadType = PayloadType(8);
const EVENTS: PayloadType = PayloadType(101);
/// Packets of one key: it is down for 100 ms, then its end is said three times (RFC 4733 §2.5.1.4).
const KEY_PACKETS: u8 = 8;
const KEY_ENDS: u8 = 3;
/// No key is pressed.
const NO_KEY: u8 = u8::MAX;
/// Packets of one key that is heard as two tones: 120 ms.
const TONES_PACKETS: u8 = 6;
/// Hz of the rows and the columns of the keys (ITU-T Q.23).
const ROWS_HZ: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS_HZ: [f64; 3] = [1_209.0, 1_336.0, 1_477.0];

/// A voice that speaks and listens.
pub struct Voice {
    port: u16,
    shared: Arc<Shared>,
    thread: JoinHandle<Vec<Frame>>,
}

struct Shared {
    stop: AtomicBool,
    heard: AtomicBool,
    key: AtomicU8,
    /// A key that is heard instead of the tone.
    tones: AtomicU8,
    /// Who is spoken to before anybody was heard; 0 is nobody.
    to: AtomicU16,
}

/// Audio that came in one packet.
struct Frame {
    at: Instant,
    samples: Vec<i16>,
}

/// All that a voice has heard.
pub struct Heard(Vec<Frame>);

impl Heard {
    /// Everything, as one piece of 8 kHz.
    pub fn all(&self) -> Vec<i16> {
        self.0.iter().flat_map(|frame| frame.samples.iter().copied()).collect()
    }

    /// What came between two moments, as one piece of 8 kHz.
    pub fn between(&self, from: Instant, to: Instant) -> Vec<i16> {
        let frames = self.0.iter().filter(|frame| (from..to).contains(&frame.at));
        frames.flat_map(|frame| frame.samples.iter().copied()).collect()
    }
}

impl Voice {
    /// Starts to listen; the tone of `hz` begins when somebody is heard.
    ///
    /// # Panics
    /// When there is no port.
    pub fn start(hz: f64) -> Self {
        Voice::start_at(hz, Ipv4Addr::LOCALHOST.into())
    }

    /// The same at another address of this machine.
    ///
    /// # Panics
    /// When there is no port.
    pub fn start_at(hz: f64, ip: IpAddr) -> Self {
        Voice::begin(hz, None, ip)
    }

    /// The tone sounds so long and pauses so long, again and again: a line is busy.
    ///
    /// # Panics
    /// When there is no port.
    pub fn interrupted(hz: f64, on_ms: u32, off_ms: u32) -> Self {
        Voice::begin(hz, Some((on_ms * 8, off_ms * 8)), Ipv4Addr::LOCALHOST.into())
    }

    fn begin(hz: f64, rhythm: Option<(u32, u32)>, ip: IpAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).expect("a port");
        socket.set_read_timeout(Some(Duration::from_millis(5))).expect("a socket has timeouts");
        let port = socket.local_addr().expect("a bound socket").port();
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            heard: AtomicBool::new(false),
            key: AtomicU8::new(NO_KEY),
            tones: AtomicU8::new(NO_KEY),
            to: AtomicU16::new(0),
        });
        let theirs = shared.clone();
        let thread = std::thread::spawn(move || Mouth::new(socket, hz, rhythm).run(&theirs));
        Voice { port, shared, thread }
    }

    /// The port to name in the SDP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// True once anything was heard.
    pub fn has_heard(&self) -> bool {
        self.shared.heard.load(Ordering::Acquire)
    }

    /// Presses a key, 0 to 9.
    pub fn press(&self, key: u8) {
        self.shared.key.store(key, Ordering::Release);
    }

    /// Presses a key, 0 to 9, on a line that knows tones alone.
    pub fn sounds(&self, key: u8) {
        self.shared.tones.store(key, Ordering::Release);
    }

    /// Speaks to this port of the same machine, whether it was heard or not.
    pub fn speaks_to(&self, port: u16) {
        self.shared.to.store(port, Ordering::Release);
    }

    /// Ends and gives what was heard.
    ///
    /// # Panics
    /// When the thread did.
    pub fn finish(self) -> Heard {
        self.shared.stop.store(true, Ordering::Release);
        Heard(self.thread.join().expect("the voice does not panic"))
    }
}

/// The thread's side.
struct Mouth {
    socket: UdpSocket,
    hz: f64,
    /// Samples of the tone and of the pause after it.
    rhythm: Option<(u32, u32)>,
    peer: Option<SocketAddr>,
    seq: u16,
    samples_sent: u32,
    key: Option<Key>,
    /// A key that is heard, and how many packets more of it.
    tones: Option<(u8, u8)>,
}

/// A key that is down.
struct Key {
    number: u8,
    sent: u8,
    time: RtpTime,
}

impl Mouth {
    fn new(socket: UdpSocket, hz: f64, rhythm: Option<(u32, u32)>) -> Self {
        Mouth { socket, hz, rhythm, peer: None, seq: 0, samples_sent: 0, key: None, tones: None }
    }

    fn run(mut self, shared: &Shared) -> Vec<Frame> {
        let mut heard = Vec::new();
        let mut next = Instant::now();
        while !shared.stop.load(Ordering::Acquire) {
            if let Some(frame) = self.listen() {
                heard.push(frame);
                shared.heard.store(true, Ordering::Release);
            }
            if Instant::now() >= next {
                next += FRAME;
                let key = shared.key.swap(NO_KEY, Ordering::AcqRel);
                if key != NO_KEY {
                    self.key = Some(Key { number: key, sent: 0, time: RtpTime(self.samples_sent) });
                }
                let tones = shared.tones.swap(NO_KEY, Ordering::AcqRel);
                if tones != NO_KEY {
                    self.tones = Some((tones, TONES_PACKETS));
                }
                let to = shared.to.load(Ordering::Acquire);
                if to > 0 && self.peer.is_none() {
                    self.peer = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, to)));
                }
                self.speak();
            }
        }
        heard
    }

    fn listen(&mut self) -> Option<Frame> {
        let mut buffer = [0; 2048];
        let (length, from) = self.socket.recv_from(&mut buffer).ok()?;
        let packet = rtp::parse(&buffer[..length]).ok()?;
        self.peer = Some(from);
        (packet.header.payload_type == PCMA).then(|| Frame {
            at: Instant::now(),
            samples: buffer[packet.payload()].iter().map(|o| g711::decode(Law::A, *o)).collect(),
        })
    }

    fn speak(&mut self) {
        let Some(peer) = self.peer else { return };
        let datagram = match self.key.take() {
            Some(key) if key.sent < KEY_PACKETS => self.key_packet(key),
            _ => self.tone_packet(),
        };
        self.tones = self.tones.and_then(|(key, left)| Some((key, left.checked_sub(1)?)));
        self.seq = self.seq.wrapping_add(1);
        self.samples_sent += FRAME_SAMPLES as u32;
        // A box that is being killed takes nothing; the test is about that.
        let _ = self.socket.send_to(&datagram, peer);
    }

    fn tone_packet(&self) -> Vec<u8> {
        let mut datagram = self.header(PCMA, RtpTime(self.samples_sent), false);
        datagram.extend(
            (0..FRAME_SAMPLES as u32)
                .map(|n| g711::encode(Law::A, self.sample(self.samples_sent + n))),
        );
        datagram
    }

    fn sample(&self, n: u32) -> i16 {
        match self.tones {
            Some((key, 1..)) => {
                let at = usize::from(key.wrapping_sub(1));
                let (row, column) = if key == 0 { (3, 1) } else { (at / 3, at % 3) };
                tone(ROWS_HZ[row], n) + tone(COLUMNS_HZ[column], n)
            }
            _ if self.rhythm.is_some_and(|(on, off)| n % (on + off) >= on) => 0,
            _ => tone(self.hz, n),
        }
    }

    fn key_packet(&mut self, mut key: Key) -> Vec<u8> {
        let down = key.sent.min(KEY_PACKETS - KEY_ENDS);
        let end = key.sent >= KEY_PACKETS - KEY_ENDS;
        let duration = (u16::from(down) + 1) * FRAME_SAMPLES as u16;
        let mut datagram = self.header(EVENTS, key.time, key.sent == 0);
        datagram.extend([key.number, u8::from(end) << 7 | 10]);
        datagram.extend(duration.to_be_bytes());
        key.sent += 1;
        self.key = Some(key);
        datagram
    }

    fn header(&self, payload_type: PayloadType, time: RtpTime, marker: bool) -> Vec<u8> {
        let mut bytes = vec![0; rtp::HEADER_BYTES];
        let ssrc = Ssrc(u32::from(self.socket.local_addr().map_or(1, |own| own.port())));
        let header = rtp::Header { payload_type, marker, seq: SeqNo(self.seq), time, ssrc };
        rtp::write(&header, &mut bytes);
        bytes
    }
}

/// A sample of a tone at 8 kHz, by its number.
pub(super) fn tone(hz: f64, n: u32) -> i16 {
    let turns = f64::from(n) / 8000.0 * hz;
    ((turns * 2.0 * std::f64::consts::PI).sin() * 8000.0) as i16
}
