//! The certificate of TLS and of WebSocket over TLS, read from two PEM files, and read again when
//! they change: a certificate that is renewed every few weeks restarts nothing.

use super::peers;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Where certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The server's certificate and those above it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why the files cannot be used: what is wrong with which, and what would be right.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The certificate.
    #[error("{0}")]
    Certificate(String),
    /// The key.
    #[error("{0}")]
    Key(String),
}

/// Reads both files.
///
/// # Errors
/// When one of them cannot be read, holds something else, or they do not belong together.
pub fn read(files: &Files) -> Result<ServerConfig, Error> {
    config(files, certificates(&files.certificate)?)
}

fn config(files: &Files, chain: Vec<CertificateDer<'static>>) -> Result<ServerConfig, Error> {
    let key = private_key(&files.key)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Certificate(format!("TLS cannot be used: {error}")))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| unfit(files, &error))
}

/// Whom to believe: the authorities in this PEM text, or those of the system where it is empty.
///
/// # Errors
/// When there is none among them, or one cannot be read.
pub fn authorities(pem: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    if pem.trim().is_empty() {
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if roots.is_empty() {
            return Err("the system knows no authorities; install ca-certificates, or name the \
                        trunk's own"
                .to_owned());
        }
        return Ok(roots);
    }
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let added = certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
        added.map_err(|error| format!("a certificate cannot be read: {error}"))?;
    }
    if roots.is_empty() {
        return Err("a section BEGIN CERTIFICATE is needed".to_owned());
    }
    Ok(roots)
}

/// A certificate that we show to peers who ask for one: it first, then those above it, and its key, each
/// as PEM text.
///
/// # Errors
/// When one of them cannot be read, or they do not belong together.
pub fn own(chain: &str, key: &str) -> Result<CertifiedKey, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
    let read = read.map_err(|error| format!("a certificate cannot be read: {error}"))?;
    if read.is_empty() {
        return Err("a section BEGIN CERTIFICATE is needed".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|_| "a section BEGIN PRIVATE KEY without a password is needed".to_owned())?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    CertifiedKey::from_der(read, key, &provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "the key is not the one of the certificate".to_owned()
        }
        other => other.to_string(),
    })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let shown = file.display();
    let wrong = |error: pem::Error| {
        Error::Certificate(format!(
            "cannot read {shown}: {error}; a PEM file is needed, the server's certificate first and \
             those above it behind"
        ))
    };
    let read = CertificateDer::pem_file_iter(file).map_err(wrong)?;
    let chain: Vec<_> = read.collect::<Result<_, _>>().map_err(wrong)?;
    if chain.is_empty() {
        let problem =
            format!("{shown} holds no certificate; a section BEGIN CERTIFICATE is needed");
        return Err(Error::Certificate(problem));
    }
    Ok(chain)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let shown = file.display();
    PrivateKeyDer::from_pem_file(file).map_err(|error| {
        Error::Key(match error {
            pem::Error::NoItemsFound => format!(
                "{shown} holds no private key; a section BEGIN PRIVATE KEY without a password is \
                 needed"
            ),
            other => format!("cannot read {shown}: {other}; a PEM file of a private key is needed"),
        })
    })
}

fn unfit(files: &Files, error: &rustls::Error) -> Error {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Error::Key(format!(
            "the key in {key} is not the one of the certificate in {certificate}; name the key that \
             the certificate was made for"
        )),
        rustls::Error::InvalidCertificate(_) => Error::Certificate(format!(
            "the first certificate in {certificate} cannot be read ({error}); the server's own \
             certificate is needed there"
        )),
        _ => Error::Key(format!(
            "the key in {key} cannot be used ({error}); an ECDSA, Ed25519 or RSA key is needed"
        )),
    }
}

/// The certificate that is shown now.
#[derive(Debug)]
pub struct Certificate {
    files: Files,
    shown: Mutex<Shown>,
}

#[derive(Debug)]
struct Shown {
    config: Arc<ServerConfig>,
    /// The same, and who connects is asked for theirs.
    asks: Arc<ServerConfig>,
    /// The server's own certificate (DER).
    own: Arc<[u8]>,
    /// When the files were written that it came from.
    written: [Option<SystemTime>; 2],
}

impl Shown {
    fn read(files: &Files, written: [Option<SystemTime>; 2]) -> Result<Self, Error> {
        let chain = certificates(&files.certificate)?;
        let own = chain.first().map_or_else(Arc::default, |own| Arc::from(&own[..]));
        let config = Arc::new(config(files, chain)?);
        let asks = peers::asking(&config)
            .map_err(|error| Error::Certificate(format!("TLS cannot be used: {error}")))?;
        Ok(Shown { config, asks: Arc::new(asks), own, written })
    }
}

impl Certificate {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// See [`read`].
    pub fn open(files: Files) -> Result<Self, Error> {
        let shown = Shown::read(&files, written(&files))?;
        Ok(Certificate { files, shown: Mutex::new(shown) })
    }

    /// For the next handshake.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.shown.lock().expect("no panic while held").config.clone())
    }

    /// The same for those who are asked for their certificate.
    pub(super) fn acceptor_that_asks(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.shown.lock().expect("no panic while held").asks.clone())
    }

    /// The same, and the certificate (DER) that this handshake shows.
    pub fn acceptor_and_own(&self) -> (TlsAcceptor, Arc<[u8]>) {
        let shown = self.shown.lock().expect("no panic while held");
        (TlsAcceptor::from(shown.config.clone()), shown.own.clone())
    }

    /// The same for clients that want to hear this protocol by name (ALPN, RFC 7301), such as `h2`.
    pub fn acceptor_for(&self, protocol: &str) -> TlsAcceptor {
        let shown = self.shown.lock().expect("no panic while held").config.clone();
        let mut config = ServerConfig::clone(&shown);
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// Reads the files again where they were written since. What cannot be used changes nothing:
    /// whoever renews writes one file after the other.
    pub fn renew(&self) {
        let mut shown = self.shown.lock().expect("no panic while held");
        let written = written(&self.files);
        if written == shown.written {
            return;
        }
        match Shown::read(&self.files, written) {
            Ok(new) => {
                *shown = new;
                tracing::info!("the new certificate is shown from now on");
            }
            Err(error) => tracing::error!(%error, "the certificate stays as it was"),
        }
    }

    /// Looks from time to time.
    pub async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.renew();
        }
    }
}

fn written(files: &Files) -> [Option<SystemTime>; 2] {
    [&files.certificate, &files.key].map(|file| fs::metadata(file).and_then(|m| m.modified()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pair {
        certificate: String,
        key: String,
    }

    fn pair() -> Pair {
        let made = rcgen::generate_simple_self_signed(vec!["pbx.example".to_owned()]).unwrap();
        Pair { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    fn files(folder: &Path, certificate: &str, key: &str) -> Files {
        let files = Files { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
        fs::write(&files.certificate, certificate).unwrap();
        fs::write(&files.key, key).unwrap();
        files
    }

    #[test]
    fn authorities_are_read_from_text_and_broken_ones_are_named() {
        let (one, two) = (pair(), pair());
        let both = format!("{}{}", one.certificate, two.certificate);
        assert_eq!(authorities(&both).unwrap().len(), 2);
        let problem = |pem: &str| authorities(pem).map(|roots| roots.len()).unwrap_err();
        assert!(problem("hello").contains("BEGIN CERTIFICATE is needed"));
        assert!(problem(&one.key).contains("BEGIN CERTIFICATE is needed"));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(problem(broken).contains("cannot be read"));
    }

    #[test]
    fn a_certificate_of_ours_and_its_key_have_to_belong_together() {
        let (one, two) = (pair(), pair());
        let problem = |chain: &str, key: &str| own(chain, key).map(drop).unwrap_err();
        assert!(own(&one.certificate, &one.key).is_ok());
        assert!(problem(&one.certificate, &two.key).contains("not the one of the certificate"));
        assert!(problem(&one.key, &one.key).contains("BEGIN CERTIFICATE is needed"));
        let bare = problem(&one.certificate, &one.certificate);
        assert!(bare.contains("BEGIN PRIVATE KEY"), "{bare}");
    }

    #[test]
    fn what_is_wrong_with_which_file_is_said_with_what_would_be_right() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (pair(), pair());
        let problem = |certificate: &str, key: &str| {
            read(&files(folder.path(), certificate, key)).map(drop).unwrap_err()
        };
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (certificate, key, is_key, said) in [
            (one.certificate.as_str(), two.key.as_str(), true, "not the one of the certificate"),
            ("", &one.key, false, "holds no certificate; a section BEGIN CERTIFICATE"),
            (&one.key, &one.key, false, "holds no certificate"),
            (broken, &one.key, false, "the first certificate in"),
            (&one.certificate, "", true, "holds no private key; a section BEGIN PRIVATE KEY"),
            (&one.certificate, &one.certificate, true, "holds no private key"),
        ] {
            let error = problem(certificate, key);
            assert!(error.to_string().contains(said), "{error}");
            assert_eq!(matches!(error, Error::Key(_)), is_key, "{error}");
        }
        let mut missing = files(folder.path(), &one.certificate, &one.key);
        assert!(read(&missing).is_ok());
        missing.key = folder.path().join("nowhere.pem");
        let error = read(&missing).map(drop).unwrap_err().to_string();
        assert!(error.contains("nowhere.pem") && error.contains("is needed"), "{error}");
    }

    #[test]
    fn a_protocol_is_named_to_those_alone_who_want_to_hear_it() {
        let folder = tempfile::tempdir().unwrap();
        let one = pair();
        let files = files(folder.path(), &one.certificate, &one.key);
        let certificate = Certificate::open(files).unwrap();
        assert_eq!(certificate.acceptor_for("h2").config().alpn_protocols, [b"h2".to_vec()]);
        assert!(certificate.acceptor().config().alpn_protocols.is_empty());
    }

    #[test]
    fn a_renewed_certificate_is_shown_and_a_half_written_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (pair(), pair());
        let files = files(folder.path(), &old.certificate, &old.key);
        let later = |file: &Path, ahead: u64| {
            let at = SystemTime::now() + Duration::from_secs(ahead);
            fs::File::options().append(true).open(file).unwrap().set_modified(at).unwrap();
        };
        let certificate = Certificate::open(files.clone()).unwrap();
        let shown = || Arc::as_ptr(&certificate.shown.lock().unwrap().config);
        let first = shown();
        certificate.renew();
        assert_eq!(shown(), first, "nothing was written");
        fs::write(&files.certificate, &new.certificate).unwrap();
        later(&files.certificate, 10);
        certificate.renew();
        assert_eq!(shown(), first, "the key is still the old one");
        let own = || certificate.acceptor_and_own().1;
        let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        assert_eq!(*own(), *der(&old.certificate));
        fs::write(&files.key, &new.key).unwrap();
        later(&files.key, 20);
        certificate.renew();
        assert_ne!(shown(), first);
        assert_eq!(*own(), *der(&new.certificate));
    }
}
