//! Browsers over loopback sockets: all of them on the one port of their core.

use super::*;
use std::collections::HashMap;
use str0m::config::Fingerprint as Print;
use str0m::ice::IceCreds;
use str0m::media::{MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpWrite, Ssrc as Source32};
use str0m::{Candidate, Input as In, Output as Said, Rtc};
use terms::media::{Dtls, DtlsRole, Ice};

const PCMA: u8 = 8;

/// A full ICE agent on a socket of its own.
struct Browser {
    rtc: Rtc,
    socket: UdpSocket,
    mid: Mid,
    ssrc: Source32,
    seq: u64,
    /// First octets of what was heard, and how often.
    heard: HashMap<u8, usize>,
    server: SocketAddr,
}

impl Browser {
    /// Answered, and on its way.
    fn new(server: &mut Server, leg: u64, contact: u64) -> Self {
        let at = server.open_on(Port::Shared, leg, contact);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let provider = Arc::new(str0m::crypto::from_feature_flags());
        let builder = Rtc::builder().clear_codecs().enable_pcma(true, false).set_rtp_mode(true);
        let mut rtc = builder.set_crypto_provider(provider).build(Instant::now());
        let here = socket.local_addr().unwrap();
        rtc.add_local_candidate(Candidate::host(here, "udp").unwrap());
        rtc.add_remote_candidate(Candidate::host(at, "udp").unwrap());
        let mut api = rtc.direct_api();
        let ice = Ice {
            ufrag: format!("name-of-{leg}"),
            pwd: format!("password-of-leg-number-{leg}"),
            peer_ufrag: api.local_ice_credentials().ufrag,
        };
        let theirs = api.local_dtls_fingerprint().bytes.clone().try_into().unwrap();
        api.set_remote_ice_credentials(IceCreds {
            ufrag: ice.ufrag.clone(),
            pass: ice.pwd.clone(),
        });
        let ours = server.certificate.0.to_vec();
        api.set_remote_fingerprint(Print { hash_func: "sha-256".into(), bytes: ours });
        api.set_ice_controlling(true);
        let mid: Mid = "aud".into();
        api.declare_media(mid, MediaKind::Audio);
        let ssrc = Source32::from(leg as u32);
        api.declare_stream_tx(ssrc, None, mid, None);
        api.start_dtls(true).unwrap();
        let dtls = Dtls { role: DtlsRole::Server, fingerprints: vec![Fingerprint(theirs)] };
        let nowhere = "0.0.0.0:9".parse().unwrap();
        let remote = Remote {
            dtls: Some(dtls),
            ice: Some(ice),
            rtcp_mux: true,
            ..Remote::at(nowhere, Payloads::of(Codec::Pcma))
        };
        server.send(Command::Connect { leg: LegId(leg), remote });
        Browser { rtc, socket, mid, ssrc, seq: 100, heard: HashMap::new(), server: at }
    }

    /// Sends and receives what there is.
    fn turn(&mut self) {
        let mut bytes = [0; 2_000];
        while let Ok((len, from)) = self.socket.recv_from(&mut bytes) {
            // The source of our audio is not described: it is told here, as a browser guesses it.
            if (128..=191).contains(&bytes[0]) && !(192..=223).contains(&bytes[1]) {
                let ssrc = u32::from_be_bytes(bytes[8..12].try_into().unwrap());
                let mut api = self.rtc.direct_api();
                api.expect_stream_rx(Source32::from(ssrc), None, self.mid, None);
            }
            let here = self.socket.local_addr().unwrap();
            let received = Receive::new(Protocol::Udp, from, here, &bytes[..len]).unwrap();
            self.rtc.handle_input(In::Receive(Instant::now(), received)).unwrap();
            self.drain();
        }
        self.rtc.handle_input(In::Timeout(Instant::now())).unwrap();
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Said::Timeout(_) => break,
                Said::Transmit(sent) => {
                    assert_eq!(sent.destination, self.server);
                    self.socket.send_to(&sent.contents, sent.destination).unwrap();
                }
                Said::Event(str0m::Event::RtpPacket(packet)) => {
                    *self.heard.entry(packet.payload[0]).or_default() += 1;
                }
                Said::Event(_) => {}
            }
        }
    }

    fn speak(&mut self, level: i16) {
        if !self.rtc.is_connected() {
            return;
        }
        let payload = vec![g711::encode(Law::A, level); 160];
        let (pt, time) = (Pt::from(PCMA), self.seq as u32 * 160);
        let write = RtpWrite::new(pt, self.seq.into(), time, Instant::now(), payload);
        self.rtc.direct_api().stream_tx(&self.ssrc).unwrap().write_rtp(write);
        self.seq += 1;
        self.turn();
    }

    fn heard(&self, level: i16) -> usize {
        self.heard.get(&g711::encode(Law::A, level)).copied().unwrap_or(0)
    }
}

#[test]
fn browsers_on_one_port_talk_with_each_other_and_with_a_plain_phone() {
    on_both(|backend| {
        let mut server = Server::start(backend, 1);
        let mut browsers: Vec<Browser> =
            (1..=3).map(|leg| Browser::new(&mut server, leg, 5)).collect();
        assert!(browsers.iter().all(|browser| browser.server == browsers[0].server));
        let mut phone = server.call(4, 5);
        phone.socket.set_nonblocking(true).unwrap();
        for (leg, room) in [(1, 1), (2, 1), (3, 2), (4, 2)] {
            server.send(Command::Join { leg: LegId(leg), room: RoomId(room) });
        }
        let level = |n: usize| 1_000 * (n as i16 + 1);
        let (end, mut by_phone) = (Instant::now() + PATIENCE, 0);
        let enough = |browsers: &[Browser], by_phone: usize| {
            browsers[0].heard(level(1)) >= 50
                && browsers[1].heard(level(0)) >= 50
                && browsers[2].heard(level(3)) >= 50
                && by_phone >= 50
        };
        while !enough(&browsers, by_phone) {
            let heard: Vec<_> = browsers.iter().map(|browser| &browser.heard).collect();
            assert!(Instant::now() < end, "who heard whom: {heard:?}, {by_phone}");
            for (n, browser) in browsers.iter_mut().enumerate() {
                browser.turn();
                browser.speak(level(n));
            }
            phone.speak(level(3));
            let mut bytes = [0; 1_500];
            while let Ok(len) = phone.socket.recv(&mut bytes) {
                by_phone += usize::from(bytes[len - 1] == g711::encode(Law::A, level(2)));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(browsers.iter().all(|browser| browser.heard.len() == 1), "and nobody else");
        std::thread::sleep(Duration::from_millis(250));
        let stats = server.engine.stats();
        assert_eq!(stats.legs(), 4);
        assert!(stats.shards[0].packets.checks >= 3);
        for leg in 1..=4 {
            server.send(Command::Release { leg: LegId(leg) });
        }
        for _ in 0..4 {
            server.event(|event| matches!(event, Event::Released { .. }).then_some(()));
        }
        // The port stays for the next.
        assert_eq!(server.open_on(Port::Shared, 9, 5), browsers[0].server);
        server.engine.stop();
    });
}
