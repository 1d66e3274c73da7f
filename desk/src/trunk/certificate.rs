//! What the settings of a trunk say of certificates: whom it is believed to be signed by, what it is
//! shown, and by which names it is known where it connects to us.

use super::Settings;
use crate::{Error, Result};

/// Longest list of authorities: some twenty certificates.
const CA_BYTES_MAX: usize = 64 * 1024;
/// Most names by which one trunk is known.
const NAMES_MAX: usize = 32;
/// Longest host name and longest part of it (RFC 1035 §2.3.4).
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

impl Settings {
    pub(super) fn check_security(&self, over_tls: bool) -> Result<()> {
        self.check_names()?;
        // Who connects to us is checked against the same authorities as who is called.
        let is_checked = over_tls || !self.certificate_names.is_empty();
        let own = (over_tls, "certificate", &self.certificate);
        for (of_use, field, pem) in [(is_checked, "ca", &self.ca), own] {
            if pem.is_empty() {
                continue;
            }
            if !of_use {
                let problem = "certificates are of use with transport=tls in proxy alone";
                return Err(Error::invalid(field, problem));
            }
            let is_pem = pem.contains("-----BEGIN CERTIFICATE-----");
            if !is_pem || pem.len() > CA_BYTES_MAX {
                let problem = "PEM text with sections BEGIN CERTIFICATE is needed, at most 64 KiB";
                return Err(Error::invalid(field, problem));
            }
        }
        Ok(())
    }

    fn check_names(&self) -> Result<()> {
        if self.certificate_names.len() > NAMES_MAX {
            return Err(Error::invalid("certificate_names", "at most 32 names are kept"));
        }
        if !self.certificate_names.iter().all(|name| is_domain(name)) {
            let problem = "whole names such as sbc.carrier.example are needed, without * and port";
            return Err(Error::invalid("certificate_names", problem));
        }
        Ok(())
    }
}

/// A whole name: nothing of a certificate stands for several (RFC 5922 §7.2).
fn is_domain(name: &str) -> bool {
    let is_label = |label: &str| {
        let of = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(of)
    };
    // An address is no domain, and nobody's certificate names one as such.
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    name.len() <= NAME_BYTES_MAX
        && name.split('.').all(is_label)
        && !name.rsplit('.').next().is_some_and(is_number)
}

/// The names as they are compared.
pub(super) fn names(kept: &[String]) -> Vec<String> {
    kept.iter().map(|name| name.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_certificates_and_belong_to_tls() {
        let field = |proxy: &str, ca: &str| {
            let (proxy, ca) = (proxy.to_owned(), ca.to_owned());
            match (Settings { proxy, ca, ..Settings::default() }).check() {
                Ok(()) => None,
                Err(Error::Invalid { field, .. }) => Some(field),
                Err(other) => panic!("{other}"),
            }
        };
        let (tls, pem) = ("sip:a.example;transport=tls", "-----BEGIN CERTIFICATE-----\nAAAA\n");
        assert_eq!(field(tls, pem), None);
        assert_eq!(field("sip:a.example", pem), Some("ca"), "nothing is checked in clear");
        assert_eq!(field(tls, "/etc/ssl/ca.pem"), Some("ca"), "the text, not where it lies");
        assert_eq!(field(tls, &pem.repeat(4_000)), Some("ca"));
        let own = |proxy: &str, certificate: &str| {
            let (proxy, certificate) = (proxy.to_owned(), certificate.to_owned());
            Settings { proxy, certificate, ..Settings::default() }.check()
        };
        assert!(own(tls, pem).is_ok());
        for (proxy, certificate) in [("sip:a.example", pem), (tls, "/etc/ssl/own.pem")] {
            let refused = own(proxy, certificate).unwrap_err();
            let is_it = matches!(refused, Error::Invalid { field: "certificate", .. });
            assert!(is_it, "{proxy} {certificate}: {refused}");
        }
    }

    #[test]
    fn names_of_certificates_are_whole_domains_and_make_authorities_of_use_without_a_proxy() {
        let check = |names: &[&str], ca: &str| {
            let certificate_names = names.iter().map(|name| (*name).to_owned()).collect();
            Settings { certificate_names, ca: ca.to_owned(), ..Settings::default() }.check()
        };
        let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert!(check(&["sbc.carrier.example", "SBC2.carrier.example"], pem).is_ok());
        assert!(check(&["localhost"], "").is_ok());
        for wrong in
            ["*.carrier.example", "", "a..b", "sip:a.example", "a.example:5061", "192.0.2.1"]
        {
            let refused = check(&[wrong], "").unwrap_err();
            let is_it = matches!(refused, Error::Invalid { field: "certificate_names", .. });
            assert!(is_it, "{wrong}: {refused}");
        }
        let many = vec!["a.example"; NAMES_MAX + 1];
        assert!(check(&many[1..], "").is_ok() && check(&many, "").is_err());
        assert_eq!(names(&["SBC.Carrier.example".to_owned()]), ["sbc.carrier.example"]);
    }
}
