//! Who shows which certificate, on real sockets: a carrier that connects to us and is known by its own,
//! and one that we connect to and that refuses ours once the connection is open.

use crate::bench::{self, Bench};
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use signaling::edge::doors;
use signaling::edge::tls::Files;
use signaling::sip::digest::Algorithm;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use terms::control::{Answer, Ask, LineFault, LiveTrunk, TrunkFault};
use terms::routing::{ClientCertificate, Credential};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// How long something may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// A certificate with its key, as DER and as PEM.
struct Pair {
    certificate: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Pair {
    /// For this name, and signed by itself under it.
    fn of(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let made = params.self_signed(&key).unwrap();
        Pair { certificate: made.der().clone(), pem: made.pem(), key }
    }

    fn private(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()))
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// What the box says to a call over TLS of somebody who shows this.
async fn called(bench: &Bench, box_own: &Pair, shows: Option<&Pair>, id: &str) -> String {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(box_own.certificate.clone()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match shows {
        Some(pair) => {
            config.with_client_auth_cert(vec![pair.certificate.clone()], pair.private()).unwrap()
        }
        None => config.with_no_client_auth(),
    };
    let stream = TcpStream::connect(bench.addresses()[2]).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, stream).await.expect("the box asks and insists not");
    stream.write_all(bench.invite("TLS", id).as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let mut heard = String::new();
    // A call is answered after its 100, a stranger is challenged at once.
    while !heard.contains("SIP/2.0 200") && !heard.contains("SIP/2.0 401") {
        let mut buffer = vec![0; 8_000];
        let length = timeout(SOON, stream.read(&mut buffer)).await.expect("soon").expect("open");
        assert!(length > 0, "it is open: {heard}");
        heard += &String::from_utf8_lossy(&buffer[..length]);
    }
    heard
}

fn metric(bench: &Bench, name: &str) -> f64 {
    let Answer::Metrics(metrics) = bench.ask(Ask::Metrics) else { panic!("no metrics") };
    metrics.iter().find(|metric| metric.name == name).map_or(0.0, |metric| metric.value)
}

#[test]
fn a_carrier_that_connects_is_known_by_its_certificate_and_by_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (own, carrier, other) =
        (Pair::of("localhost"), Pair::of("sbc.carrier.example"), Pair::of("else.example"));
    let forged = Pair::of("sbc.carrier.example");
    let files =
        Files { certificate: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
    std::fs::write(&files.certificate, &own.pem).unwrap();
    std::fs::write(&files.key, own.key.serialize_pem()).unwrap();
    let doors =
        doors::Config { tls: vec![HERE], certificate: Some(files), ..doors::Config::default() };
    let bench = Bench::start_with(&[Algorithm::Md5], doors, 1_000);
    let mut plan = bench::plan();
    plan.version = 2;
    plan.trunks[0].certificate_names = vec!["sbc.carrier.example".to_owned()];
    plan.trunks[0].ca.clone_from(&carrier.pem);
    assert_eq!(bench.ask(Ask::Plan(Box::new(plan))), Answer::Done);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let calls = |shows: Option<&Pair>, id: &str| {
        runtime.block_on(called(&bench, &own, shows, id)).contains("SIP/2.0 200")
    };
    // All of them come from the address that the plan names.
    assert!(calls(Some(&carrier), "the-carrier"));
    assert!(!calls(None, "without"));
    assert!(!calls(Some(&other), "another"));
    assert!(!calls(Some(&forged), "of-another-authority"));
    assert_eq!(metric(&bench, "switchgrid_sip_trunk_certificates_shown_total"), 1.0);
    assert_eq!(metric(&bench, "switchgrid_sip_trunk_certificates_refused_total"), 2.0);
}

fn trunk(bench: &Bench) -> LiveTrunk {
    match bench.ask(Ask::State { tenant: bench::TENANT }) {
        Answer::State(mut state) => state.trunks.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_carrier_that_refuses_our_certificate_once_the_connection_is_open_says_so_in_its_state() {
    let (theirs, ours, wanted) =
        (Pair::of("localhost"), Pair::of("pbx.example"), Pair::of("authority.example"));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(wanted.certificate).unwrap();
    let asks =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(asks.build().unwrap())
        .with_single_cert(vec![theirs.certificate.clone()], theirs.private())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Its end may not be waited for among tasks.
    let _bench = runtime.block_on(async {
        let listener = TcpListener::bind(HERE).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let bench = Bench::start_with(&[Algorithm::Md5], doors::Config::default(), 1_000);
        let mut plan = bench::plan();
        plan.version = 2;
        let trunk_plan = &mut plan.trunks[0];
        trunk_plan.proxy = format!("sip:localhost:{port};transport=tls");
        trunk_plan.ca.clone_from(&theirs.pem);
        trunk_plan.register = true;
        let (user, password) = ("us".to_owned(), "secret".to_owned());
        trunk_plan.outbound = Some(Credential { user, password, realm: String::new() });
        trunk_plan.certificate =
            Some(ClientCertificate { chain: ours.pem.clone(), key: ours.key.serialize_pem() });
        assert_eq!(bench.ask(Ask::Plan(Box::new(plan))), Answer::Done);
        let (stream, _) = timeout(SOON, listener.accept()).await.expect("soon").unwrap();
        assert!(acceptor.accept(stream).await.is_err(), "it knows another certificate");
        bench.wait(|| trunk(&bench).problem.is_some());
        let live = trunk(&bench);
        assert_eq!(live.problem.map(|problem| problem.fault), Some(LineFault::OwnCertificate));
        assert_eq!(live.down.map(|down| down.fault), Some(TrunkFault::Line));
        bench
    });
}
