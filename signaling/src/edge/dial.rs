//! Connections over TLS that we open, to trunks. The trunk's host is asked for by name (SNI), and its
//! certificate has to be for that name, whichever server its services lead to, in date, and of an
//! authority that is trusted: those of the trunk where some are named, those of the system where none
//! are. Whoever cannot show one is not spoken to, and nothing goes there in clear instead. A trunk that
//! asks who we are is shown the certificate that it names.

use super::names::{self, NameServers};
use super::net::{Link, To, talk};
use super::pulse::ANSWER_MAX;
use super::tls;
use crate::sip::flow::Host;
use crate::sip::servers::Named;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{AlertDescription, CertificateError, ClientConfig};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use terms::control::{LineFault, LineProblem};
use terms::routing::ClientCertificate;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long name, connection and handshake may take together.
const DIAL_MAX: Duration = Duration::from_secs(10);
/// How long one address may take before the next one of the same name is tried.
const ADDRESS_MAX: Duration = Duration::from_secs(3);
/// So many addresses of a name are tried.
const ADDRESSES_MAX: usize = 3;

/// Whom to call, and whom to believe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where, and whose name the certificate has to bear.
    pub host: Host,
    /// The name whose services say where its servers are; none where the port is said.
    pub named: Option<Named>,
    /// Certificates of authorities as PEM; empty is the system's.
    pub ca: String,
    /// What is shown to a peer that asks.
    pub certificate: Option<ClientCertificate>,
}

/// One connection's life, from the first name that is looked up; to the server, where each of the
/// trunk's has one.
pub(super) async fn speak(target: Arc<Target>, to: To, servers: NameServers, mut link: Link) {
    let opened = timeout(DIAL_MAX, open(&target, to.1, &servers)).await;
    match opened.unwrap_or_else(|_| Err(problem(LineFault::Unreachable, "no answer in time"))) {
        Ok((stream, peer)) => {
            link.peer = peer;
            if link.dialled(to.0).await {
                let (read, write) = tokio::io::split(stream);
                let ended = talk(read, write, &mut link).await;
                if let Some(problem) = ended.as_ref().and_then(refused_later) {
                    link.refused(to, problem).await;
                }
                link.closed().await;
            }
        }
        Err(problem) => link.not_dialled(to, problem).await,
    }
}

async fn open(
    target: &Target,
    at: Option<SocketAddr>,
    servers: &[SocketAddr],
) -> Result<(TlsStream<TcpStream>, SocketAddr), LineProblem> {
    let config = config(target)?;
    let (name, stream) = match &target.host {
        Host::Address(address) => (ServerName::from(address.ip()), connect(&[*address]).await),
        Host::Name(name, port) => {
            let server = ServerName::try_from(name.clone())
                .map_err(|_| problem(LineFault::Unreachable, &format!("{name} is no host name")))?;
            let addresses: io::Result<Vec<SocketAddr>> = match (at, &target.named) {
                (Some(at), _) => Ok(vec![at]),
                (None, Some(named)) => Ok(names::in_turn(named, servers).await),
                (None, None) => names::hosts((name.as_str(), *port), servers).await,
            };
            let stream = match addresses {
                Ok(addresses) => connect(&addresses).await,
                Err(error) => Err(error),
            };
            (server, stream)
        }
    };
    let unreachable = |error: io::Error| problem(LineFault::Unreachable, &error.to_string());
    let stream = stream.map_err(unreachable)?;
    let peer = stream.peer_addr().map_err(unreachable)?;
    let connector = TlsConnector::from(Arc::new(config));
    let secured = connector.connect(name, stream).await.map_err(|error| refused(&error))?;
    Ok((secured, peer))
}

fn config(target: &Target) -> Result<ClientConfig, LineProblem> {
    let roots =
        tls::authorities(&target.ca).map_err(|error| problem(LineFault::Authorities, &error))?;
    let own = target.certificate.as_ref().map(|own| tls::own(&own.chain, &own.key));
    let own = own.transpose().map_err(|error| problem(LineFault::OwnCertificate, &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| problem(LineFault::Handshake, &error.to_string()))?;
    let builder = builder.with_root_certificates(roots);
    Ok(match own {
        Some(own) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own))),
        None => builder.with_no_client_auth(),
    })
}

/// The first of these addresses that takes us (RFC 3263 §4.3): one that refuses, or says nothing for
/// too long, is passed over.
pub(super) async fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses.iter().take(ADDRESSES_MAX) {
        match timeout(ADDRESS_MAX, TcpStream::connect(address)).await {
            Ok(Ok(stream)) if is_with_itself(&stream)? => {
                last = io::Error::from(io::ErrorKind::ConnectionRefused);
            }
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                give_up_early(&stream)?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::from(io::ErrorKind::TimedOut),
        }
    }
    Err(last)
}

/// Where nobody listens at a port of this machine, the kernel may choose that very port for the calling
/// side: the connection is open and hears its own words (RFC 9293 §3.5, simultaneous open).
fn is_with_itself(stream: &TcpStream) -> io::Result<bool> {
    Ok(stream.local_addr()? == stream.peer_addr()?)
}

/// What was written and is not confirmed for so long ends the connection, also of peers that do not
/// answer empty lines.
fn give_up_early(stream: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(ANSWER_MAX))
}

/// The peer refuses who we are after all: one that speaks TLS 1.3 looks at our certificate when the
/// handshake is over for us.
fn refused_later(error: &io::Error) -> Option<LineProblem> {
    let said = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match said {
        Some(rustls::Error::AlertReceived(alert)) if is_about_us(*alert) => Some(refused(error)),
        _ => None,
    }
}

/// What is wrong with a certificate, or with the handshake.
fn refused(error: &io::Error) -> LineProblem {
    let said = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let fault = match said {
        Some(rustls::Error::InvalidCertificate(wrong)) => match wrong {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                LineFault::CertificateName
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => LineFault::CertificateExpired,
            // A name that we trust, under another's signature, is no better than an unknown name.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                LineFault::CertificateIssuer
            }
            _ => LineFault::Certificate,
        },
        Some(rustls::Error::AlertReceived(alert)) if is_about_us(*alert) => {
            LineFault::OwnCertificate
        }
        _ => LineFault::Handshake,
    };
    problem(fault, &error.to_string())
}

/// The peer does not take our certificate, or wants one (RFC 8446 §6.2).
fn is_about_us(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired
    )
}

fn problem(fault: LineFault, detail: &str) -> LineProblem {
    LineProblem { fault, detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
    use rustls::ServerConfig;
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A certificate of its own authority, as PEM too.
    struct Made {
        pem: String,
        config: ServerConfig,
    }

    fn made(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Made {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        Made { pem: certificate.pem(), config }
    }

    /// Dials a peer that shows `shown`, by `name` or by its address, and trusts `ca`.
    fn dials(shown: ServerConfig, name: Option<&str>, ca: &str) -> Result<Vec<u8>, LineFault> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(shown));
            let peer = tokio::spawn(async move {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let asked = stream.get_ref().1.server_name().unwrap_or("nobody").to_owned();
                stream.write_all(asked.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            });
            let host = match name {
                Some(name) => Host::Name(name.to_owned(), address.port()),
                None => Host::Address(address),
            };
            let target = Target { host, named: None, ca: ca.to_owned(), certificate: None };
            let opened = open(&target, None, &[]).await;
            let heard = match opened {
                Ok((mut stream, reached)) => {
                    assert_eq!(reached, address);
                    let mut heard = Vec::new();
                    stream.read_to_end(&mut heard).await.unwrap();
                    Ok(heard)
                }
                Err(problem) => {
                    assert!(!problem.detail.is_empty(), "{problem:?}");
                    Err(problem.fault)
                }
            };
            peer.await.unwrap();
            heard
        })
    }

    #[tokio::test]
    async fn a_connection_that_hears_its_own_words_is_none() {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let own = socket.local_addr().unwrap();
        assert!(is_with_itself(&socket.connect(own).await.unwrap()).unwrap());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        assert!(!is_with_itself(&connect(&[to]).await.unwrap()).unwrap());
    }

    #[test]
    fn a_trunk_that_shows_the_right_certificate_is_asked_for_by_its_name() {
        let right = made(&["localhost"], |_| {});
        assert_eq!(dials(right.config, Some("localhost"), &right.pem), Ok(b"localhost".to_vec()));
        let by_address = made(&["127.0.0.1"], |_| {});
        assert_eq!(dials(by_address.config, None, &by_address.pem), Ok(b"nobody".to_vec()));
    }

    #[test]
    fn a_certificate_for_another_name_is_refused() {
        let other = made(&["pbx.example"], |_| {});
        let refused = Err(LineFault::CertificateName);
        assert_eq!(dials(other.config.clone(), Some("localhost"), &other.pem), refused);
        assert_eq!(dials(other.config, None, &other.pem), refused, "nor by the address alone");
    }

    #[test]
    fn a_certificate_out_of_its_time_is_refused() {
        let old = made(&["localhost"], |params| {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        });
        let refused = Err(LineFault::CertificateExpired);
        assert_eq!(dials(old.config, Some("localhost"), &old.pem), refused);
        let early = made(&["localhost"], |params| {
            params.not_before = date_time_ymd(3000, 1, 1);
            params.not_after = date_time_ymd(3001, 1, 1);
        });
        assert_eq!(dials(early.config, Some("localhost"), &early.pem), refused);
    }

    #[test]
    fn a_certificate_of_an_unknown_authority_is_refused() {
        let shown = made(&["localhost"], |_| {});
        let refused = Err(LineFault::CertificateIssuer);
        let another_name = made(&["localhost"], |params| {
            params.distinguished_name.push(DnType::OrganizationName, "another authority");
        });
        let same_name = made(&["localhost"], |_| {});
        for trusted in [another_name, same_name] {
            assert_eq!(dials(shown.config.clone(), Some("localhost"), &trusted.pem), refused);
        }
        // Nor is it one that the system trusts, where it trusts any.
        let by_the_system = dials(shown.config, Some("localhost"), "");
        let either = [LineFault::CertificateIssuer, LineFault::Authorities];
        assert!(by_the_system.is_err_and(|fault| either.contains(&fault)));
    }

    #[test]
    fn where_one_address_of_a_name_refuses_the_next_one_is_called() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let open = listener.local_addr().unwrap();
            // Nobody listens on the port of TCPMUX, and no connection leaves from it.
            let closed: SocketAddr = "127.0.0.1:1".parse().unwrap();
            let stream = connect(&[closed, open]).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), open);
            let given_up = socket2::SockRef::from(&stream).tcp_user_timeout().unwrap();
            assert_eq!(given_up, Some(ANSWER_MAX), "when it takes nothing more");
            let refused = connect(&[closed]).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
            let nowhere = connect(&[]).await.unwrap_err();
            assert_eq!(nowhere.kind(), io::ErrorKind::AddrNotAvailable);
        });
    }

    #[test]
    fn a_trunk_that_asks_is_shown_our_certificate_and_a_wrong_key_is_found_before() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let pair = |name: &str| {
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            let key = KeyPair::generate().unwrap();
            (params.self_signed(&key).unwrap(), key)
        };
        let ((theirs, their_key), (ours, our_key)) = (pair("localhost"), pair("pbx.example"));
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ours.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let asks = rustls::server::WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots),
            provider.clone(),
        );
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(their_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(asks.build().unwrap())
            .with_single_cert(vec![theirs.der().clone()], private)
            .unwrap();
        let shown = |certificate: Option<ClientCertificate>| {
            let (acceptor, ca) =
                (tokio_rustls::TlsAcceptor::from(Arc::new(config.clone())), theirs.pem());
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let host = Host::Name("localhost".into(), listener.local_addr().unwrap().port());
                let peer = tokio::spawn(async move {
                    let (stream, _) = listener.accept().await.unwrap();
                    let stream = acceptor.accept(stream).await.ok()?;
                    let chain = stream.get_ref().1.peer_certificates()?;
                    Some(chain[0].clone())
                });
                let target = Target { host, named: None, ca, certificate };
                // A refusal may come when the handshake is over for us.
                let opened = open(&target, None, &[]).await;
                let shown = peer.await.unwrap();
                drop(opened);
                shown
            })
        };
        let own = ClientCertificate { chain: ours.pem(), key: our_key.serialize_pem() };
        assert_eq!(shown(Some(own.clone())), Some(ours.der().clone()));
        assert_eq!(shown(None), None, "it wants one");
        let (other, other_key) = pair("pbx.example");
        let foreign = ClientCertificate { chain: other.pem(), key: other_key.serialize_pem() };
        assert_eq!(shown(Some(foreign.clone())), None, "of an authority that it does not know");
        let mixed = ClientCertificate { key: foreign.key, ..own };
        let target = Target {
            host: Host::Name("localhost".into(), 1),
            named: None,
            ca: theirs.pem(),
            certificate: Some(mixed),
        };
        let problem = config_of(&target);
        assert_eq!(problem.fault, LineFault::OwnCertificate, "{problem:?}");
    }

    fn config_of(target: &Target) -> LineProblem {
        config(target).map(drop).unwrap_err()
    }

    #[test]
    fn an_alert_about_our_certificate_is_told_from_others() {
        for (alert, fault) in [
            (AlertDescription::UnknownCA, LineFault::OwnCertificate),
            (AlertDescription::CertificateRequired, LineFault::OwnCertificate),
            (AlertDescription::HandshakeFailure, LineFault::Handshake),
        ] {
            let said = rustls::Error::AlertReceived(alert);
            let said = io::Error::new(io::ErrorKind::InvalidData, said);
            assert_eq!(refused(&said).fault, fault);
            let later = (fault == LineFault::OwnCertificate).then_some(fault);
            assert_eq!(refused_later(&said).map(|problem| problem.fault), later);
        }
    }

    #[test]
    fn who_speaks_no_tls_and_who_is_not_there_are_told_apart() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let right = made(&["localhost"], |_| {});
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (host, ca) = (Host::Address(address), right.pem);
            let target = Target { host, named: None, ca, certificate: None };
            let peer = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.write_all(b"SIP/2.0 400 Bad Request\r\n\r\n").await;
            });
            let problem = open(&target, None, &[]).await.map(drop).unwrap_err();
            assert_eq!(problem.fault, LineFault::Handshake, "{problem:?}");
            peer.await.unwrap();
            let problem = open(&target, None, &[]).await.map(drop).unwrap_err();
            assert_eq!(problem.fault, LineFault::Unreachable, "{problem:?}");
            let broken = Target { ca: "no certificate".into(), ..target };
            let problem = open(&broken, None, &[]).await.map(drop).unwrap_err();
            assert_eq!(problem.fault, LineFault::Authorities, "{problem:?}");
        });
    }
}
