//! A phone in a browser: the words of JsSIP over secure WebSocket, and another maker's WebRTC. It
//! registers, takes what comes, says a tone and keeps what it hears.

use super::voice::tone;
use futures::{SinkExt, StreamExt};
use mediacore::g711::{self, Law};
use rustls::pki_types::{CertificateDer, ServerName};
use signaling::sip::digest::Algorithm;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use str0m::change::SdpOffer;
use str0m::media::{Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpWrite, Ssrc};
use str0m::{Candidate, Input, Output, Rtc};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: u32 = 160;
const PCMA: u8 = 8;
/// How often sound is looked after.
const TURN: Duration = Duration::from_millis(5);
/// How soon it connects again.
const AGAIN: Duration = Duration::from_millis(300);
/// What a browser makes of random letters.
const HOST: &str = "3fk7u2.invalid";

/// Who it is, and whom it trusts.
#[derive(Clone, Debug)]
pub struct Login {
    /// The listener of secure WebSocket.
    pub wss: SocketAddr,
    /// The box's certificate, for `localhost`.
    pub certificate: CertificateDer<'static>,
    /// SIP user.
    pub user: String,
    /// Password.
    pub password: String,
}

/// A page that is open.
pub struct Page {
    close: oneshot::Sender<()>,
    said: Arc<Mutex<Vec<String>>>,
    thread: JoinHandle<Vec<i16>>,
}

impl Page {
    /// Opens the page; it registers by itself. Its tone has `hz`.
    ///
    /// # Panics
    /// When there is no thread.
    pub fn open(login: Login, hz: u32) -> Self {
        let (close, closed) = oneshot::channel();
        let said = Arc::<Mutex<Vec<String>>>::default();
        let noted = said.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(live(login, hz, noted, closed))
        });
        Page { close, said, thread }
    }

    /// The first lines of all messages, in order: `> ` before its own.
    ///
    /// # Panics
    /// When the page's thread did.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().expect("no panic while held").clone()
    }

    /// The page is closed, as a person closes it: nothing is said any more. What it heard, at 8 kHz.
    ///
    /// # Panics
    /// When the page's thread did.
    pub fn close(self) -> Vec<i16> {
        // A page whose socket broke has closed itself.
        let _ = self.close.send(());
        self.thread.join().expect("the page does not panic")
    }
}

type Socket = WebSocketStream<TlsStream<TcpStream>>;
type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn connect(login: &Login) -> Result<Socket, Failure> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(login.certificate.clone())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost")?;
    let stream = TcpStream::connect(login.wss).await?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, stream).await?;
    let url = format!("wss://localhost:{}/", login.wss.port());
    let mut request = url.into_client_request()?;
    let origin = format!("https://localhost:{}", login.wss.port());
    for (name, value) in [("Sec-WebSocket-Protocol", "sip"), ("Origin", origin.as_str())] {
        request.headers_mut().insert(name, value.parse()?);
    }
    Ok(tokio_tungstenite::client_async(request, stream).await?.0)
}

/// The sound of the page, which goes on whatever becomes of its socket.
#[derive(Default)]
struct Stage {
    sound: Option<Sound>,
    heard: Vec<i16>,
}

async fn live(
    login: Login,
    hz: u32,
    said: Arc<Mutex<Vec<String>>>,
    closed: oneshot::Receiver<()>,
) -> Vec<i16> {
    let stage = Arc::<Mutex<Stage>>::default();
    let playing = stage.clone();
    let sound = tokio::spawn(async move {
        let mut turns = tokio::time::interval(TURN);
        loop {
            turns.tick().await;
            let Stage { sound, heard } = &mut *playing.lock().expect("no panic while held");
            if let Some(sound) = sound {
                sound.turn(heard);
            }
        }
    });
    let socket = connect(&login).await.expect("the box lets its own pages in");
    let phone = Phone { login, hz, said, socket, stage: stage.clone(), registers: 0, asked: 0 };
    tokio::select! {
        _ = closed => {}
        () = phone.live() => {}
    }
    assert!(!sound.is_finished(), "the sound does not panic");
    sound.abort();
    std::mem::take(&mut stage.lock().expect("no panic while held").heard)
}

struct Phone {
    login: Login,
    hz: u32,
    said: Arc<Mutex<Vec<String>>>,
    socket: Socket,
    stage: Arc<Mutex<Stage>>,
    registers: u32,
    /// Times that it was asked for a password over this socket.
    asked: u32,
}

impl Phone {
    /// Registers, and again over the next socket when one breaks.
    async fn live(mut self) {
        loop {
            self.asked = 0;
            self.register("").await;
            while let Some(Ok(message)) = self.socket.next().await {
                if let Message::Text(text) = message {
                    self.take(&text).await;
                }
            }
            self.socket = loop {
                tokio::time::sleep(AGAIN).await;
                if let Ok(socket) = connect(&self.login).await {
                    break socket;
                }
            };
        }
    }

    async fn send(&mut self, text: String) {
        self.note("> ", &text);
        // A box that is being killed takes nothing.
        let _ = self.socket.send(Message::text(text)).await;
    }

    fn note(&self, direction: &str, text: &str) {
        let line = text.lines().next().unwrap_or_default();
        self.said.lock().expect("no panic while held").push(format!("{direction}{line}"));
    }

    async fn register(&mut self, authorization: &str) {
        self.registers += 1;
        let (user, n) = (&self.login.user, self.registers);
        let text = format!(
            "REGISTER sip:localhost SIP/2.0\r\nVia: SIP/2.0/WSS {HOST};branch=z9hG4bKr{n}\r\n\
             Max-Forwards: 69\r\nTo: <sip:{user}@localhost>\r\nFrom: <sip:{user}@localhost>;tag=reg\r\n\
             Call-ID: reg@{HOST}\r\nCSeq: {n} REGISTER\r\n{authorization}\
             Contact: {};+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:6b2f1c6e>\";expires=600\r\n\
             Supported: path,gruu,outbound\r\nContent-Length: 0\r\n\r\n",
            contact("")
        );
        self.send(text).await;
    }

    async fn take(&mut self, text: &str) {
        self.note("< ", text);
        let start = text.lines().next().unwrap_or_default();
        let is_register = header(text, "CSeq").ends_with("REGISTER");
        match start.split(' ').next().unwrap_or_default() {
            "SIP/2.0" if start.contains(" 401 ") && is_register && self.asked == 0 => {
                self.asked += 1;
                let authorization = credentials(&self.login, header(text, "WWW-Authenticate"));
                self.register(&authorization).await;
            }
            "SIP/2.0" | "ACK" => {}
            "INVITE" => self.answer(text).await,
            "BYE" => {
                self.send(reply(text, "200 OK", "")).await;
                self.stage.lock().expect("no panic while held").sound = None;
            }
            _ => self.send(reply(text, "200 OK", "")).await,
        }
    }

    async fn answer(&mut self, invite: &str) {
        self.send(reply(invite, "180 Ringing", "")).await;
        let (_, offer) = invite.split_once("\r\n\r\n").expect("an INVITE has an offer");
        let (sound, answer) = Sound::answer(offer, self.hz);
        self.stage.lock().expect("no panic while held").sound = Some(sound);
        self.send(reply(invite, "200 OK", &answer)).await;
    }
}

/// JsSIP says `;ob` in dialogs and not in registrations.
fn contact(more: &str) -> String {
    format!("<sip:8ju2c0@{HOST};transport=ws{more}>")
}

fn header<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("{name} in {text}"))
}

fn reply(request: &str, status: &str, sdp: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        text += &format!("{name}: {}\r\n", header(request, name));
    }
    let to = header(request, "To");
    let tag = if to.contains(";tag=") { "" } else { ";tag=page" };
    text += &format!("To: {to}{tag}\r\nContact: {}\r\n", contact(";ob"));
    if !sdp.is_empty() {
        text += "Content-Type: application/sdp\r\n";
    }
    text + &format!("Content-Length: {}\r\n\r\n{sdp}", sdp.len())
}

/// Like JsSIP it looks at one challenge alone, the last, and knows MD5.
fn credentials(login: &Login, challenge: &str) -> String {
    assert!(challenge.contains("algorithm=MD5"), "{challenge}");
    let part = |name: &str| {
        let from = challenge.find(&format!("{name}=\"")).expect("it is said") + name.len() + 2;
        challenge[from..].split('"').next().expect("a first part").to_owned()
    };
    let (realm, nonce, uri) = (part("realm"), part("nonce"), "sip:localhost");
    let hash = |parts: &[&str]| {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        Algorithm::Md5.hash(&parts)
    };
    let user = &login.user;
    let (ha1, ha2) = (hash(&[user, &realm, &login.password]), hash(&["REGISTER", uri]));
    let response = hash(&[&ha1, &nonce, "00000001", "c", "auth", &ha2]);
    format!(
        "Authorization: Digest algorithm=MD5, username=\"{user}\", realm=\"{realm}\", \
         nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", qop=auth, cnonce=\"c\", \
         nc=00000001\r\n"
    )
}

/// One conversation's sound: a full ICE agent on a socket of its own.
struct Sound {
    rtc: Rtc,
    socket: UdpSocket,
    mid: Option<Mid>,
    hz: u32,
    /// Packets that were said.
    said: u32,
    next: Instant,
}

impl Sound {
    /// The answer to an offer.
    fn answer(offer: &str, hz: u32) -> (Self, String) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_nonblocking(true).expect("a socket may not block");
        let provider = Arc::new(str0m::crypto::from_feature_flags());
        let builder = Rtc::builder().clear_codecs().enable_pcma(true, false).set_rtp_mode(true);
        let mut rtc = builder.set_crypto_provider(provider).build(Instant::now());
        let here = socket.local_addr().expect("a bound socket");
        rtc.add_local_candidate(Candidate::host(here, "udp").expect("an address"));
        let offer = SdpOffer::from_sdp_string(offer).expect("a browser reads our offer");
        let answer = rtc.sdp_api().accept_offer(offer).expect("a browser takes our offer");
        let sound = Sound { rtc, socket, mid: None, hz, said: 0, next: Instant::now() };
        (sound, answer.to_sdp_string())
    }

    /// Takes what came, says what is due.
    fn turn(&mut self, heard: &mut Vec<i16>) {
        let mut bytes = [0; 2_000];
        let here = self.socket.local_addr().expect("a bound socket");
        while let Ok((length, from)) = self.socket.recv_from(&mut bytes) {
            self.expect(&bytes[..length]);
            let Ok(received) = Receive::new(Protocol::Udp, from, here, &bytes[..length]) else {
                continue;
            };
            let input = Input::Receive(Instant::now(), received);
            self.rtc.handle_input(input).expect("it is alive");
            self.drain(heard);
        }
        self.rtc.handle_input(Input::Timeout(Instant::now())).expect("it is alive");
        self.drain(heard);
        if self.said == 0 {
            self.next = Instant::now();
        }
        while self.rtc.is_connected() && self.next <= Instant::now() {
            self.next += FRAME;
            self.speak();
            self.drain(heard);
        }
    }

    /// The source of our audio is not described: it is told here, as a browser guesses it.
    fn expect(&mut self, bytes: &[u8]) {
        let is_audio =
            bytes.len() > 12 && (128..=191).contains(&bytes[0]) && !(192..=223).contains(&bytes[1]);
        if let Some(mid) = self.mid.filter(|_| is_audio) {
            let source = bytes[8..12].try_into().map(u32::from_be_bytes).expect("four octets");
            self.rtc.direct_api().expect_stream_rx(Ssrc::from(source), None, mid, None);
        }
    }

    fn drain(&mut self, heard: &mut Vec<i16>) {
        loop {
            match self.rtc.poll_output().expect("it is alive") {
                Output::Timeout(_) => break,
                Output::Transmit(sent) => {
                    // A port that is closed hears nothing, and ICE finds out.
                    let _ = self.socket.send_to(&sent.contents, sent.destination);
                }
                Output::Event(str0m::Event::MediaAdded(added)) => self.mid = Some(added.mid),
                Output::Event(str0m::Event::RtpPacket(packet)) => {
                    if *packet.header.payload_type == PCMA {
                        heard.extend(packet.payload.iter().map(|o| g711::decode(Law::A, *o)));
                    }
                }
                Output::Event(_) => {}
            }
        }
    }

    fn speak(&mut self) {
        let Some(mid) = self.mid else { return };
        let from = self.said * FRAME_SAMPLES;
        let payload: Vec<u8> = (from..from + FRAME_SAMPLES)
            .map(|n| g711::encode(Law::A, tone(f64::from(self.hz), n)))
            .collect();
        let (seq, now) = (u64::from(self.said), Instant::now());
        let write = RtpWrite::new(Pt::from(PCMA), seq.into(), from, now, payload);
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, None).expect("we agreed to send");
        stream.write_rtp(write);
        self.said += 1;
    }
}
