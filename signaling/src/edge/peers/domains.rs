//! The domains that a certificate names (RFC 5922 §7.1): each DNS name of its subjectAltName, and the
//! host of each of its SIP URIs that has no user. Read from its DER by hand, since nothing else asks for
//! them; whatever does not read as a certificate names nothing.

/// subjectAltName, 2.5.29.17.
const ALT_NAME: &[u8] = &[0x55, 0x1D, 0x11];
/// Tags of DER (X.690 §8.1.2), and of `Extensions` and `GeneralName` (RFC 5280 §4.1 and §4.2.1.6).
const SEQUENCE: u8 = 0x30;
const OBJECT: u8 = 0x06;
const OCTETS: u8 = 0x04;
const EXTENSIONS: u8 = 0xA3;
const DNS: u8 = 0x82;
const URI: u8 = 0x86;
/// Longest name (RFC 1035 §2.3.4).
const NAME_BYTES_MAX: usize = 253;
/// Most names that are looked at.
const NAMES_MAX: usize = 100;

/// All of them, in small letters.
pub(super) fn of(certificate: &[u8]) -> Vec<String> {
    alt_names(certificate).unwrap_or_default()
}

fn alt_names(certificate: &[u8]) -> Option<Vec<String>> {
    let (whole, _) = value(certificate, SEQUENCE)?;
    let (signed, _) = value(whole, SEQUENCE)?;
    let extensions = Elements(signed).find(|(tag, _)| *tag == EXTENSIONS)?.1;
    let (list, _) = value(extensions, SEQUENCE)?;
    let names = Elements(list).find_map(|(_, extension)| {
        let (object, rest) = value(extension, OBJECT)?;
        let found = Elements(rest).find(|(tag, _)| *tag == OCTETS)?.1;
        (object == ALT_NAME).then_some(found)
    })?;
    let (names, _) = value(names, SEQUENCE)?;
    let domains = Elements(names).take(NAMES_MAX).filter_map(|(tag, name)| domain(tag, name));
    Some(domains.collect())
}

fn domain(tag: u8, name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
    let name = match tag {
        DNS => name,
        URI => {
            let host = name.strip_prefix("sip:")?;
            let host = host.split([';', '?', ':']).next()?;
            // A user is one of its people, and not the domain.
            (!host.contains('@') && !name.contains('@')).then(|| host.to_owned())?
        }
        _ => return None,
    };
    // It may go to the log.
    let is_plain = name.bytes().all(|byte| byte.is_ascii_graphic());
    (is_plain && (1..=NAME_BYTES_MAX).contains(&name.len())).then_some(name)
}

/// The elements of this text, as far as they can be read: tag and value.
struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, value, rest) = element(self.0)?;
        self.0 = rest;
        Some((tag, value))
    }
}

/// The value of the first element, where it has this tag, and what follows it.
fn value(text: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, value, rest) = element(text)?;
    (found == tag).then_some((value, rest))
}

/// Tag, value and what follows. Lengths above 65,535 are those of no certificate.
fn element(text: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = text.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, SanType};

    fn certificate(names: Vec<SanType>) -> Vec<u8> {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.subject_alt_names = names;
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn domains_are_dns_names_and_hosts_of_sip_uris_without_a_user() {
        let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
        let uri = |name: &str| SanType::URI(name.try_into().unwrap());
        let der = certificate(vec![
            dns("SBC.carrier.example"),
            dns("two\nlines.example"),
            dns(&"a".repeat(NAME_BYTES_MAX + 1)),
            uri("sip:carrier.example"),
            uri("sip:other.example:5061;transport=tls"),
            uri("sip:alice@people.example"),
            uri("sips:secure.example"),
            uri("https://web.example"),
            SanType::Rfc822Name("a@mail.example".try_into().unwrap()),
            SanType::IpAddress("192.0.2.1".parse().unwrap()),
        ]);
        assert_eq!(of(&der), ["sbc.carrier.example", "carrier.example", "other.example"]);
        assert!(of(&certificate(Vec::new())).is_empty());
    }

    #[test]
    fn what_is_cut_off_or_no_certificate_names_nothing_and_breaks_nothing() {
        let der = certificate(vec![SanType::DnsName("carrier.example".try_into().unwrap())]);
        for length in 0..der.len() {
            assert!(of(&der[..length]).is_empty(), "{length}");
        }
        for at in 0..der.len() {
            let mut wrong = der.clone();
            wrong[at] = 0xFF;
            let _ = of(&wrong);
        }
        assert!(of(&[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]).is_empty());
    }
}
