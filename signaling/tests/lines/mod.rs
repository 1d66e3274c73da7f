//! Trunks over TLS on real sockets: a registration that is made and made again when its connection
//! breaks, calls in over it, and a trunk that shows a wrong certificate, to which nothing is said.

use crate::bench::{self, Bench};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use signaling::edge::doors;
use signaling::sip::digest::Algorithm;
use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use terms::control::{Answer, Ask, LineFault, LiveTrunk};
use terms::event::Outcome;
use terms::routing::Credential;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long something may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// A certificate for a name and its key.
fn made(name: &str) -> (CertificateDer<'static>, String, PrivateKeyDer<'static>) {
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    (certificate.der().clone(), certificate.pem(), private)
}

fn acceptor(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A box whose trunk is registered at `localhost` on this port, and believes this authority.
fn bench_with_trunk(port: u16, ca: &str) -> Bench {
    bench_registered(port, ca, false)
}

/// The same, at each server of the name or at whichever takes us.
fn bench_registered(port: u16, ca: &str, at_each: bool) -> Bench {
    let bench = Bench::start_with(&[Algorithm::Md5], doors::Config::default(), 1_000);
    let mut plan = bench::plan();
    plan.version = 2;
    let trunk = &mut plan.trunks[0];
    trunk.proxy = format!("sip:localhost:{port};transport=tls");
    trunk.sources = Vec::new();
    trunk.ca = ca.to_owned();
    (trunk.register, trunk.register_each) = (true, at_each);
    trunk.outbound =
        Some(Credential { user: "us".into(), password: "secret".into(), realm: String::new() });
    assert_eq!(bench.ask(Ask::Plan(Box::new(plan))), Answer::Done);
    bench
}

fn trunk(bench: &Bench) -> LiveTrunk {
    match bench.ask(Ask::State { tenant: bench::TENANT }) {
        Answer::State(mut state) => state.trunks.remove(0),
        other => panic!("{other:?}"),
    }
}

type Stream = TlsStream<tokio::net::TcpStream>;

/// The next message; they are short and come whole.
async fn receive(stream: &mut Stream) -> String {
    let mut buffer = vec![0; 8_000];
    let length = timeout(SOON, stream.read(&mut buffer)).await.expect("soon").expect("it is open");
    assert!(length > 0, "it is open");
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

async fn send(stream: &mut Stream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

fn header<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("{name} in {text}"))
}

/// An answer to a request of the box.
fn ok(request: &str) -> String {
    let mut text = "SIP/2.0 200 OK\r\n".to_owned();
    for name in ["Via", "From", "To", "Call-ID", "CSeq", "Contact"] {
        // A BYE has no Contact to be repeated.
        if request.contains(&format!("\r\n{name}: ")) {
            text += &format!("{name}: {}\r\n", header(request, name));
        }
    }
    text + "Content-Length: 0\r\n\r\n"
}

#[test]
fn a_trunk_over_tls_is_registered_calls_in_and_is_dialled_again_when_it_breaks() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (certificate, pem, key) = made("localhost");
    let acceptor = acceptor(certificate, key);
    // Its end may not be waited for among tasks.
    let _bench = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accept = async || {
            let (stream, _) = timeout(SOON, listener.accept()).await.expect("soon").unwrap();
            acceptor.accept(stream).await.expect("the box trusts this certificate")
        };
        let bench = bench_with_trunk(port, &pem);
        let mut line = accept().await;
        assert_eq!(line.get_ref().1.server_name(), Some("localhost"));
        let register = receive(&mut line).await;
        assert!(register.starts_with(&format!("REGISTER sip:localhost:{port} ")), "{register}");
        assert!(header(&register, "Via").starts_with("SIP/2.0/TLS "), "{register}");
        send(&mut line, &ok(&register)).await;
        bench.wait(|| trunk(&bench).registered == Some(true));

        // A call comes over it, from an address that the plan does not name.
        let invite = bench.invite("TLS", "over-the-line");
        send(&mut line, &invite).await;
        let mut heard = receive(&mut line).await;
        while !heard.contains("SIP/2.0 200 OK") {
            heard += &receive(&mut line).await;
        }
        assert!(heard.contains(";transport=tls>"), "{heard}");
        let answer = heard.split("\r\n\r\n").find(|part| part.contains("SIP/2.0 200 OK"));
        let to = header(answer.expect("an answer"), "To").to_owned();
        let plain = header(&invite, "To");
        let ack = bench.options("TLS", "over-the-line").replace("OPTIONS", "ACK");
        let ack = ack.replace("branch=z9hG4bKover", "branch=z9hG4bKack-over");
        send(&mut line, &ack.replace(&format!("To: {plain}"), &format!("To: {to}"))).await;
        // Our 200 may come once more before it.
        let bye = loop {
            let heard = receive(&mut line).await;
            if let Some(at) = heard.find("BYE ") {
                break heard[at..].to_owned();
            }
        };
        send(&mut line, &ok(&bye)).await;
        bench.wait(|| bench.ended() == [Outcome::IvrOnly]);

        drop(line);
        bench.wait(|| trunk(&bench).registered == Some(false));
        let mut again = accept().await;
        let register = receive(&mut again).await;
        assert!(register.starts_with("REGISTER "), "{register}");
        send(&mut again, &ok(&register)).await;
        bench.wait(|| trunk(&bench).registered == Some(true));
        assert_eq!(trunk(&bench).problem, None);
        bench
    });
}

#[test]
fn a_trunk_that_is_registered_at_each_server_has_a_connection_to_the_one_that_is_there() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (certificate, pem, key) = made("localhost");
    let acceptor = acceptor(certificate, key);
    // Its end may not be waited for among tasks.
    let _bench = runtime.block_on(async {
        // Nobody is at the other address of the name, where it has one.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let bench = bench_registered(port, &pem, true);
        for _ in 0..2 {
            let (stream, _) = timeout(SOON, listener.accept()).await.expect("soon").unwrap();
            let mut line = acceptor.accept(stream).await.expect("the box trusts this certificate");
            assert_eq!(
                line.get_ref().1.server_name(),
                Some("localhost"),
                "by its name all the same"
            );
            let register = receive(&mut line).await;
            assert!(register.starts_with(&format!("REGISTER sip:localhost:{port} ")), "{register}");
            send(&mut line, &ok(&register)).await;
            bench.wait(|| trunk(&bench).registered == Some(true));
            assert_eq!(trunk(&bench).down, None);
            drop(line);
            bench.wait(|| trunk(&bench).registered == Some(false));
        }
        bench
    });
}

#[test]
fn a_wrong_certificate_stands_in_the_trunks_state_and_nothing_is_said_to_who_shows_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (certificate, pem, key) = made("pbx.example");
    let acceptor = acceptor(certificate, key);
    // Its end may not be waited for among tasks.
    let _bench = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let bench = bench_with_trunk(port, &pem);
        let (stream, _) = timeout(SOON, listener.accept()).await.expect("soon").unwrap();
        let said = match acceptor.accept(stream).await {
            Ok(mut stream) => stream.read(&mut [0; 100]).await.unwrap_or(0),
            Err(_) => 0,
        };
        assert_eq!(said, 0, "the box has hung up");
        bench.wait(|| trunk(&bench).problem.is_some());
        let problem = trunk(&bench).problem.expect("it stands there");
        assert_eq!(problem.fault, LineFault::CertificateName);
        assert!(problem.detail.contains("localhost"), "{problem:?}");
        assert_eq!(trunk(&bench).registered, Some(false));
        bench
    });
}

#[test]
fn who_speaks_no_tls_hears_a_handshake_and_never_a_request() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_, pem, _) = made("localhost");
    let bench = bench_with_trunk(listener.local_addr().unwrap().port(), &pem);
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let mut begins = [0; 5];
    stream.read_exact(&mut begins).unwrap();
    assert_eq!(begins[..2], [22, 3], "a record of a handshake");
    drop(stream);
    bench.wait(|| trunk(&bench).problem.is_some());
    let fault = trunk(&bench).problem.expect("it stands there").fault;
    assert_eq!(fault, LineFault::Handshake);
}
