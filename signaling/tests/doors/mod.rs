//! TLS and WebSocket on real sockets: who is let in, a page that registers and is hung up on, and
//! those who send too much, read too little or say nothing at all.

use crate::bench::Bench;
use futures::{SinkExt, StreamExt};
use rustls::pki_types::{CertificateDer, ServerName};
use signaling::edge::doors;
use signaling::edge::tls::Files;
use signaling::edge::websocket::Rules;
use signaling::sip::digest::Algorithm;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use terms::control::{Answer, Ask};
use terms::event::Outcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::Response;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// How long an answer may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

/// A box that listens for WebSocket in clear.
fn open_to_pages(rules: Rules) -> (Bench, SocketAddr) {
    let doors = doors::Config { ws: vec![HERE], rules, ..doors::Config::default() };
    let bench = Bench::start_with(&[Algorithm::Sha256, Algorithm::Md5], doors, 1_000);
    let ws = bench.addresses()[2];
    (bench, ws)
}

type Socket = WebSocketStream<TcpStream>;

/// Upgrades, or says with what status that was refused.
async fn upgrade(
    to: SocketAddr,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<(Socket, Response<Option<Vec<u8>>>), u16> {
    let mut request = format!("ws://{to}{path}").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match client_async(request, TcpStream::connect(to).await.unwrap()).await {
        Ok(upgraded) => Ok(upgraded),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

async fn page(to: SocketAddr) -> Socket {
    upgrade(to, "/", &[("Sec-WebSocket-Protocol", "sip")]).await.expect("it is let in").0
}

async fn send(socket: &mut Socket, text: &str) {
    socket.send(Message::text(text)).await.expect("it is written");
}

/// The next SIP message.
async fn receive(socket: &mut Socket) -> String {
    loop {
        let message = timeout(SOON, socket.next()).await.expect("something comes");
        match message.expect("the socket is open").expect("and whole") {
            Message::Text(text) => return text.to_string(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn header<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("{name} in {text}"))
}

/// A request of the page of agent 1001.
fn request(method: &str, user: &str, n: u32, more: &str, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:{user}@pbx.example SIP/2.0\r\n\
         Via: SIP/2.0/WS 8fx2.invalid;branch=z9hG4bK{method}{n}\r\nMax-Forwards: 69\r\n\
         From: <sip:1001@pbx.example>;tag=page\r\nTo: <sip:{user}@pbx.example>\r\n\
         Call-ID: {method}@8fx2.invalid\r\nCSeq: {n} {method}\r\n\
         Contact: <sip:q1@8fx2.invalid;transport=ws>;expires=600\r\n{more}{kind}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The credentials that answer a challenge, by MD5, which has to be all that is asked for.
fn credentials(challenge: &str, method: &str) -> String {
    let value = header(challenge, "WWW-Authenticate");
    assert!(value.contains("MD5"), "{challenge}");
    assert_eq!(challenge.matches("WWW-Authenticate").count(), 1, "{challenge}");
    let part = |name: &str| {
        let from = value.find(&format!("{name}=\"")).expect("it is said") + name.len() + 2;
        value[from..].split('"').next().unwrap().to_owned()
    };
    let (realm, nonce, uri) = (part("realm"), part("nonce"), "sip:pbx.example");
    let hash = |parts: &[&str]| {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        Algorithm::Md5.hash(&parts)
    };
    let (ha1, ha2) = (hash(&["1001", &realm, "secret"]), hash(&[method, uri]));
    let response = hash(&[&ha1, &nonce, "00000001", "c", "auth", &ha2]);
    format!(
        "Authorization: Digest username=\"1001\", realm=\"{realm}\", nonce=\"{nonce}\", \
         uri=\"{uri}\", response=\"{response}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\"\r\n"
    )
}

/// Asks with and without credentials; what came to the second.
async fn ask(socket: &mut Socket, method: &str, user: &str, body: &str) -> String {
    send(socket, &request(method, user, 1, "", body)).await;
    let challenge = receive(socket).await;
    assert!(challenge.starts_with("SIP/2.0 401"), "{challenge}");
    send(socket, &request(method, user, 2, &credentials(&challenge, method), body)).await;
    receive(socket).await
}

fn metric(bench: &Bench, name: &str) -> f64 {
    let Answer::Metrics(metrics) = bench.ask(Ask::Metrics) else { panic!("no metrics") };
    metrics.iter().find(|metric| metric.name == name).map_or(0.0, |metric| metric.value)
}

#[test]
fn an_upgrade_needs_the_sub_protocol_and_an_origin_that_is_ours() {
    let rules = Rules { origins: vec!["https://desk.example".into()], path: "/sip".into() };
    let (bench, ws) = open_to_pages(rules);
    let sip = ("Sec-WebSocket-Protocol", "sip");
    wait(async {
        for (path, headers, status) in [
            ("/sip", vec![], 400),
            ("/sip", vec![("Sec-WebSocket-Protocol", "chat")], 400),
            ("/sip", vec![sip, ("Origin", "https://evil.example")], 403),
            ("/sip", vec![sip, ("Origin", "null")], 403),
            ("/other", vec![sip], 404),
        ] {
            let refused = upgrade(ws, path, &headers).await.map(drop);
            assert_eq!(refused, Err(status), "{path} {headers:?}");
        }
        let own = format!("http://{}", ws.ip());
        for headers in
            [vec![sip], vec![sip, ("Origin", "https://desk.example")], vec![sip, ("Origin", &own)]]
        {
            let (_, response) = upgrade(ws, "/sip", &headers).await.expect("it is let in");
            assert_eq!(response.headers()["sec-websocket-protocol"], "sip");
        }
    });
    bench.wait(|| metric(&bench, "switchgrid_sip_handshakes_failed_total") == 5.0);
}

#[test]
fn a_page_registers_calls_and_is_gone_with_its_socket() {
    let (bench, ws) = open_to_pages(Rules::default());
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
               m=audio 4000 RTP/AVP 8\r\n";
    wait(async {
        let mut socket = page(ws).await;
        let done = ask(&mut socket, "REGISTER", "1001", "").await;
        assert!(done.starts_with("SIP/2.0 200"), "{done}");
        assert!(bench.is_registered());
        send(&mut socket, "\r\n\r\n").await;
        assert_eq!(receive(&mut socket).await, "\r\n", "a keep-alive is answered");

        let mut answer = ask(&mut socket, "INVITE", "95105688", sdp).await;
        while answer.starts_with("SIP/2.0 1") {
            answer = receive(&mut socket).await;
        }
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
        assert!(header(&answer, "Contact").ends_with(";transport=ws>"), "{answer}");
        let to = format!("To: {}\r\n", header(&answer, "To"));
        let ack = request("ACK", "95105688", 2, "", "");
        let ack = ack.replace("To: <sip:95105688@pbx.example>\r\n", &to);
        send(&mut socket, &ack.replace("ACK@", "INVITE@")).await;
        let bye = loop {
            let text = receive(&mut socket).await;
            if text.starts_with("BYE ") {
                break text;
            }
            assert!(text.starts_with("SIP/2.0 200"), "{text}");
        };
        assert!(bye.starts_with("BYE sip:q1@8fx2.invalid;transport=ws SIP/2.0\r\n"), "{bye}");
        let mut ok = "SIP/2.0 200 OK\r\n".to_owned();
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            ok += &format!("{name}: {}\r\n", header(&bye, name));
        }
        send(&mut socket, &format!("{ok}Content-Length: 0\r\n\r\n")).await;
        bench.wait(|| bench.ended() == [Outcome::IvrOnly]);
        assert!(bench.is_registered());
        socket.close(None).await.unwrap();
        bench.wait(|| !bench.is_registered());
    });
}

#[test]
fn a_message_that_is_too_large_closes_its_socket_alone() {
    let (bench, ws) = open_to_pages(Rules::default());
    wait(async {
        let mut other = page(ws).await;
        for size in [70_000, 1 << 20] {
            let mut socket = page(ws).await;
            // Its end may not be taken any more.
            let _ = socket.send(Message::text("x".repeat(size))).await;
            let closed = loop {
                match timeout(SOON, socket.next()).await.expect("it is closed") {
                    Some(Ok(Message::Close(frame))) => break frame.map(|frame| frame.code),
                    Some(Ok(_)) => {}
                    // What it had not read yet makes a reset of the goodbye.
                    Some(Err(_)) | None => break Some(CloseCode::Size),
                }
            };
            assert_eq!(closed, Some(CloseCode::Size), "{size}");
        }
        send(&mut other, &request("OPTIONS", "95105688", 1, "", "")).await;
        assert!(receive(&mut other).await.starts_with("SIP/2.0 200"));
    });
    bench.wait(|| metric(&bench, "switchgrid_sip_connections_live") == 0.0);
}

#[test]
fn who_reads_nothing_is_let_go_and_others_are_answered_meanwhile() {
    let (bench, ws) = open_to_pages(Rules::default());
    wait(async {
        let connecting = TcpSocket::new_v4().unwrap();
        connecting.set_recv_buffer_size(4_096).unwrap();
        connecting.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let stream = connecting.connect(ws).await.unwrap();
        let mut request = format!("ws://{ws}/").into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", "sip".parse().unwrap());
        let (mut deaf, _) = client_async(request, stream).await.unwrap();
        // Their headers come back in the answer, so a few hundred fill what the kernel holds.
        let long = format!("Route: <sip:{}@a.example;lr>\r\n", "r".repeat(100));
        let asking = async {
            for n in 0..400 {
                let text = self::request("OPTIONS", "95105688", n, &long, "");
                let text = text.replace("tag=page", &format!("tag={}", "t".repeat(30_000)));
                if deaf.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
        };
        let asked = timeout(Duration::from_secs(30), asking);
        let watching = async {
            let mut socket = page(ws).await;
            let mut slowest = Duration::ZERO;
            for n in 0..100 {
                let began = Instant::now();
                send(&mut socket, &self::request("OPTIONS", "95105688", n, "", "")).await;
                assert!(receive(&mut socket).await.starts_with("SIP/2.0 200"));
                slowest = slowest.max(began.elapsed());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            slowest
        };
        let (_, slowest) = tokio::join!(asked, watching);
        assert!(slowest < Duration::from_secs(2), "{slowest:?}");
        bench.wait(|| metric(&bench, "switchgrid_sip_connections_live") == 0.0);
        drop(deaf);
    });
}

struct Certified {
    bench: Bench,
    tls: SocketAddr,
    wss: SocketAddr,
    root: CertificateDer<'static>,
}

/// A box with a certificate of its own making.
fn certified() -> Certified {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files =
        Files { certificate: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let doors = doors::Config {
        tls: vec![HERE],
        wss: vec![HERE],
        certificate: Some(files),
        ..doors::Config::default()
    };
    let bench = Bench::start_with(&[Algorithm::Md5], doors, 1_000);
    let (tls, wss) = (bench.addresses()[2], bench.addresses()[3]);
    Certified { bench, tls, wss, root: made.cert.der().clone() }
}

/// TLS to an address, by a peer that trusts this certificate.
async fn secure(
    stream: TcpStream,
    root: &CertificateDer<'static>,
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[test]
fn a_phone_registers_over_tls_and_a_page_is_let_in_over_it() {
    let Certified { bench, tls, wss, root } = certified();
    wait(async {
        let mut phone = secure(TcpStream::connect(tls).await.unwrap(), &root).await.unwrap();
        let mut asks = async |text: String| {
            phone.write_all(text.replace("SIP/2.0/WS", "SIP/2.0/TLS").as_bytes()).await.unwrap();
            let mut buffer = vec![0; 4_000];
            let length = timeout(SOON, phone.read(&mut buffer)).await.expect("soon").unwrap();
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        };
        let challenge = asks(request("REGISTER", "1001", 1, "", "")).await;
        let more = credentials(&challenge, "REGISTER");
        let done = asks(request("REGISTER", "1001", 2, &more, "")).await;
        assert!(done.starts_with("SIP/2.0 200"), "{done}");
        assert!(bench.is_registered());

        let stream = secure(TcpStream::connect(wss).await.unwrap(), &root).await.unwrap();
        let mut request = format!("wss://localhost:{}/", wss.port()).into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", "sip".parse().unwrap());
        let (mut socket, _) = client_async(request, stream).await.unwrap();
        socket.send(Message::text("\r\n\r\n")).await.unwrap();
        let pong = timeout(SOON, socket.next()).await.expect("soon").unwrap().unwrap();
        assert_eq!(pong, Message::text("\r\n"));
    });
    bench.wait(|| !bench.is_registered());
}

#[test]
fn who_begins_no_handshake_is_counted_and_keeps_nobody_out() {
    let Certified { bench, tls, root, .. } = certified();
    wait(async {
        let mut plain = TcpStream::connect(tls).await.unwrap();
        plain.write_all(bench.options("TLS", "plain").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(SOON, plain.read_to_end(&mut answer)).await.expect("it is closed");
        assert!(!answer.starts_with(b"SIP/2.0"), "an alert of TLS at most");
        bench.wait(|| metric(&bench, "switchgrid_sip_handshakes_failed_total") == 1.0);

        // The places of one source are taken by some who say nothing: one more is closed at once.
        let silent = async || {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.5:0".parse().unwrap()).unwrap();
            socket.connect(tls).await.unwrap()
        };
        let mut held = Vec::new();
        for _ in 0..128 {
            held.push(silent().await);
        }
        let mut one_more = silent().await;
        let closed = timeout(Duration::from_secs(5), one_more.read(&mut [0; 1])).await;
        assert!(matches!(closed, Ok(Ok(0) | Err(_))), "{closed:?}");
        let good = secure(TcpStream::connect(tls).await.unwrap(), &root).await;
        assert!(good.is_ok(), "others find their place");
        // And those who go on saying nothing are let go.
        for mut stream in held {
            let closed = timeout(SOON, stream.read(&mut [0; 1])).await;
            assert!(matches!(closed, Ok(Ok(0) | Err(_))), "{closed:?}");
        }
    });
}

#[test]
fn an_address_has_so_many_connections_and_no_more() {
    let bench = Bench::start_with(&[Algorithm::Md5], doors::Config::default(), 3);
    let connect = || {
        let stream = std::net::TcpStream::connect(bench.tcp).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
    };
    let answers = |stream: &mut std::net::TcpStream| {
        let _ = stream.write_all(bench.options("TCP", "many").as_bytes());
        stream.read(&mut [0; 2_000]).is_ok_and(|length| length > 0)
    };
    let mut three: Vec<_> = (0..3).map(|_| connect()).collect();
    assert!(three.iter_mut().all(answers));
    assert!(!answers(&mut connect()), "the fourth is closed");
    drop(three.pop());
    bench.wait(|| answers(&mut connect()));
}
