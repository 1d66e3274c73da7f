//! Trunks that are known by their certificates where they connect to us over TLS (RFC 5922): whoever
//! connects is asked for one and need not have any. It is of a trunk when it names, whole and as a
//! domain, what the trunk's plan says, is in date, and is signed by an authority that the trunk's plan
//! believes. Everybody else is a stranger who may still prove themselves by a password, as a phone does
//! that shows its maker's certificate.

mod domains;

use super::tls;
use crate::sip::shown::ByCertificate;
use crate::sip::trunk::TrunkKey;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme,
};
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock};
use terms::TenantId;

/// Addresses whose certificate was told to the log as nobody's; beyond it they are counted only.
const TOLD_MAX: usize = 1_000;

/// The trunks that a certificate is of, or why it is of none.
pub type Shown = Result<Vec<TrunkKey>, String>;

/// A trunk that is known so.
#[derive(Debug)]
struct Known {
    of: ByCertificate,
    /// Whom its plan believes, read when they are first asked for: a stranger who shows its name costs
    /// no more than any other.
    roots: OnceLock<Result<Arc<RootCertStore>, String>>,
}

impl Known {
    fn new(of: ByCertificate) -> Arc<Self> {
        Arc::new(Known { of, roots: OnceLock::new() })
    }

    fn vouches(
        &self,
        own: &CertificateDer,
        above: &[CertificateDer],
        now: UnixTime,
    ) -> Result<(), String> {
        let roots = self.roots.get_or_init(|| tls::authorities(&self.of.ca).map(Arc::new));
        vouched(own, above, roots.as_ref().map_err(String::clone)?, now)
    }
}

/// All that are known so.
#[derive(Debug, Default)]
pub(super) struct Peers {
    wanted: Mutex<Arc<Vec<Arc<Known>>>>,
    told: Mutex<HashSet<IpAddr>>,
}

impl Peers {
    /// Those of a tenant from now on.
    pub fn set(&self, tenant: TenantId, wanted: Vec<ByCertificate>) {
        let mut all = self.wanted.lock().expect("no panic while held");
        let others = all.iter().filter(|known| known.of.trunk.0 != tenant).cloned();
        let of_all = others.chain(wanted.into_iter().map(Known::new)).collect();
        *all = Arc::new(of_all);
    }

    /// There is a trunk that is known so.
    pub fn has_any(&self) -> bool {
        !self.wanted.lock().expect("no panic while held").is_empty()
    }

    /// Whose certificate this is: the peer's own first, then those above it.
    pub fn judge(&self, chain: &[CertificateDer], now: UnixTime) -> Shown {
        let wanted = self.wanted.lock().expect("no panic while held").clone();
        let Some((own, above)) = chain.split_first() else {
            return Err("there is none in what was shown".to_owned());
        };
        let named = domains::of(own);
        if named.is_empty() {
            return Err("it names no domain (subjectAltName)".to_owned());
        }
        let fits = |known: &&Arc<Known>| known.of.names.iter().any(|name| named.contains(name));
        let (mut trunks, mut why) = (Vec::new(), None);
        for known in wanted.iter().filter(fits) {
            match known.vouches(own, above, now) {
                Ok(()) => trunks.push(known.of.trunk),
                Err(problem) => why = Some(problem),
            }
        }
        match why {
            _ if !trunks.is_empty() => Ok(trunks),
            Some(problem) => Err(format!("{problem}; it is for {}", shown(&named))),
            None => Err(format!("no trunk lists a name of it; it is for {}", shown(&named))),
        }
    }

    /// Tells the log of certificates that are nobody's, once of each address.
    pub fn tell(&self, peer: IpAddr, shown: &Shown) {
        let Err(why) = shown else { return };
        let mut told = self.told.lock().expect("no panic while held");
        if told.len() < TOLD_MAX && told.insert(peer) {
            tracing::warn!(%peer, %why, "a certificate is refused: whoever shows it is no trunk");
        }
    }
}

/// The names for the log: what a stranger writes there has an end.
fn shown(named: &[String]) -> String {
    let first: Vec<&str> = named.iter().take(4).map(String::as_str).collect();
    first.join(", ")
}

/// Whether this certificate is in date and signed by one of these authorities. It may be made for
/// servers alone: public authorities make no others for those who are called as well.
fn vouched(
    own: &CertificateDer,
    above: &[CertificateDer],
    roots: &Arc<RootCertStore>,
    now: UnixTime,
) -> Result<(), String> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let judged = match as_client(own, above, roots, &provider, now) {
        Err(rustls::Error::InvalidCertificate(
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. },
        )) => as_server(own, above, roots, &provider, now),
        other => other,
    };
    judged.map_err(|error| error.to_string())
}

fn as_client(
    own: &CertificateDer,
    above: &[CertificateDer],
    roots: &Arc<RootCertStore>,
    provider: &CryptoProvider,
    now: UnixTime,
) -> Result<(), rustls::Error> {
    let provider = Arc::new(provider.clone());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider)
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    verifier.verify_client_cert(own, above, now).map(drop)
}

fn as_server(
    own: &CertificateDer,
    above: &[CertificateDer],
    roots: &RootCertStore,
    provider: &CryptoProvider,
    now: UnixTime,
) -> Result<(), rustls::Error> {
    let parsed = ParsedCertificate::try_from(own)?;
    let algorithms = provider.signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(&parsed, roots, above, now, algorithms)
}

/// The same way in, where whoever connects is asked for a certificate.
///
/// # Errors
/// When the library knows no version of TLS.
pub(super) fn asking(config: &ServerConfig) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let asks = Arc::new(Asks { algorithms: provider.signature_verification_algorithms });
    Ok(ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(asks)
        .with_cert_resolver(config.cert_resolver.clone()))
}

/// Takes whichever certificate the peer has the key of: whose it is, is judged afterwards.
#[derive(Debug)]
struct Asks {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Asks {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _own: &CertificateDer<'_>,
        _above: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, own, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, own, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
    use std::time::Duration;
    use terms::TrunkId;

    fn key(trunk: u64) -> TrunkKey {
        (TenantId(1), TrunkId(trunk))
    }

    fn made(
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> (CertificateDer<'static>, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        (made.der().clone(), made.pem())
    }

    fn of(trunk: u64, names: &[&str], ca: &str) -> ByCertificate {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        ByCertificate { trunk: key(trunk), names, ca: ca.to_owned() }
    }

    /// A day in 2026.
    fn now() -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(1_780_000_000))
    }

    #[test]
    fn a_certificate_is_of_the_trunks_that_list_a_name_of_it_and_believe_who_signed_it() {
        let (own, pem) = made(&["SBC.carrier.example", "carrier.example"], |_| {});
        let (_, other) = made(&["carrier.example"], |_| {});
        let peers = Peers::default();
        assert!(!peers.has_any());
        let tenant = TenantId(1);
        peers.set(
            tenant,
            vec![
                of(1, &["sbc.carrier.example"], &pem),
                of(2, &["sbc.carrier.example"], &other),
                of(3, &["else.example"], &pem),
                of(4, &["a.example", "carrier.example"], &pem),
            ],
        );
        peers.set(TenantId(2), Vec::new());
        assert!(peers.has_any());
        assert_eq!(peers.judge(std::slice::from_ref(&own), now()), Ok(vec![key(1), key(4)]));
        peers.set(tenant, vec![of(2, &["carrier.example"], &other)]);
        let refused = peers.judge(std::slice::from_ref(&own), now()).unwrap_err();
        assert!(refused.contains("it is for sbc.carrier.example"), "{refused}");
        peers.set(tenant, vec![of(3, &["else.example"], &pem)]);
        let refused = peers.judge(&[own], now()).unwrap_err();
        assert!(refused.starts_with("no trunk lists a name of it"), "{refused}");
        assert!(peers.judge(&[], now()).is_err());
    }

    #[test]
    fn nothing_of_a_certificate_stands_for_several_names_and_one_without_names_is_nobodys() {
        let peers = Peers::default();
        let (star, pem) = made(&["*.carrier.example"], |_| {});
        peers.set(TenantId(1), vec![of(1, &["sbc.carrier.example"], &pem)]);
        assert!(peers.judge(&[star], now()).unwrap_err().starts_with("no trunk lists"));
        let (bare, pem) = made(&[], |_| {});
        peers.set(TenantId(1), vec![of(1, &["sbc.carrier.example"], &pem)]);
        assert!(peers.judge(&[bare], now()).unwrap_err().contains("names no domain"));
        let broken = CertificateDer::from(b"no certificate".to_vec());
        assert!(peers.judge(&[broken], now()).is_err());
    }

    #[test]
    fn one_that_is_out_of_its_time_is_refused_and_one_for_servers_alone_is_not() {
        let peers = Peers::default();
        let name = &["sbc.carrier.example"];
        let (old, pem) = made(name, |params| {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        });
        peers.set(TenantId(1), vec![of(1, name, &pem)]);
        let refused = peers.judge(&[old], now()).unwrap_err();
        assert!(refused.contains("expired"), "{refused}");
        for (purpose, taken) in [
            (ExtendedKeyUsagePurpose::ServerAuth, true),
            (ExtendedKeyUsagePurpose::ClientAuth, true),
            (ExtendedKeyUsagePurpose::CodeSigning, false),
        ] {
            let (own, pem) = made(name, |params| params.extended_key_usages = vec![purpose]);
            peers.set(TenantId(1), vec![of(1, name, &pem)]);
            assert_eq!(peers.judge(&[own], now()).is_ok(), taken);
        }
    }
}
