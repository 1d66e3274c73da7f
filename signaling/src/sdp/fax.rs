//! Fax over IP in a description: `m=image <port> udptl t38` with the attributes of ITU-T T.38 Annex D
//! and RFC 3362. What one party says of its fax machine is said to the other with our address and
//! port; or a machine of ours answers for itself ([`T38::of_machine`]).
//!
//! Gateways write the attributes in many ways: names in any case, with and without `Fax`, flags with
//! `:0` and `:1`, "transferedTCF". What can be meant is understood and written as the standard does.
//! Attributes that we do not know are left out, so that no peer speaks through us to another.

use super::negotiate::{head, is_behind_nat};
use super::parse::{Description, ip};
use super::{Local, Refused};
use std::net::{IpAddr, SocketAddr};
use terms::media::{FAX_DATAGRAM_BYTES_MAX, FaxRemote, FaxTerms};

/// Versions of T.38 are single digits; a greater one is taken for this.
const VERSION_MAX: u32 = 9;
/// V.34 is the fastest fax, in bits per second.
const BITRATE_MAX: u32 = 33_600;
/// Buffers above this are said to be so large.
const BUFFER_BYTES_MAX: u32 = 65_535;
/// The fastest modem that a machine of ours speaks as packets (V.17), in bits per second.
const MACHINE_BITRATE_MAX: u32 = 14_400;
/// What a machine of ours says of its buffer: packets are taken as they come.
const MACHINE_BUFFER_BYTES: u32 = 2_000;
/// Who does not say how long a datagram may be takes this.
const DATAGRAM_BYTES_USUAL: u32 = 400;

/// Who checks the training of the modems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateManagement {
    /// Each gateway for itself (`localTCF`), over TCP.
    Local,
    /// The fax machines, end to end (`transferredTCF`).
    Transferred,
}

/// How lost datagrams are made good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCorrection {
    /// Not at all.
    None,
    /// By parity, `t38UDPFEC`.
    Fec,
    /// By repeating what went before, `t38UDPRedundancy`.
    Redundancy,
}

/// What a party says of its T.38. Every number is bounded, whatever was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct T38 {
    /// `T38FaxVersion`.
    pub version: Option<u32>,
    /// `T38MaxBitRate`, bits per second.
    pub bitrate_max: Option<u32>,
    /// `T38FaxFillBitRemoval`.
    pub fill_bit_removal: bool,
    /// `T38FaxTranscodingMMR`.
    pub transcodes_mmr: bool,
    /// `T38FaxTranscodingJBIG`.
    pub transcodes_jbig: bool,
    /// `T38FaxRateManagement`.
    pub rate_management: Option<RateManagement>,
    /// `T38FaxMaxBuffer`, bytes.
    pub buffer_bytes_max: Option<u32>,
    /// `T38FaxMaxDatagram`, bytes; at most what we pass on.
    pub datagram_bytes_max: Option<u32>,
    /// `T38FaxUdpEC`.
    pub error_correction: Option<ErrorCorrection>,
}

/// The fax stream of a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Which `m=` line it is, from 0.
    pub(super) line: usize,
    /// Where they receive UDPTL.
    pub udptl: SocketAddr,
    /// What they say of it.
    pub t38: T38,
}

impl Image {
    /// What media needs to know. `signalling` is where the message came from, `nat` what the SIP
    /// layer saw.
    pub fn remote(&self, signalling: IpAddr, nat: bool) -> FaxRemote {
        let nat = nat || is_behind_nat(self.udptl.ip(), signalling);
        FaxRemote { udptl: self.udptl, nat, signalling, machine: None }
    }
}

/// The first `m=image` line that can be used: UDPTL, T.38, and a place to send to.
pub(super) fn image(session: &sdp_types::Session) -> Option<Image> {
    session.medias.iter().enumerate().find_map(|(line, media)| {
        let is_t38 = media.media.eq_ignore_ascii_case("image")
            && media.proto.eq_ignore_ascii_case("udptl")
            && media.fmt.split_whitespace().any(|word| word.eq_ignore_ascii_case("t38"));
        let address = media.connections.first().or(session.connection.as_ref())?;
        let ip = ip(&address.connection_address).filter(|ip| !ip.is_unspecified())?;
        let udptl = SocketAddr::new(ip, media.port);
        (is_t38 && media.port != 0).then(|| Image { line, udptl, t38: T38::read(media) })
    })
}

impl T38 {
    /// What a machine of ours says when it asks.
    pub fn of_machine() -> Self {
        T38 {
            version: Some(0),
            bitrate_max: Some(MACHINE_BITRATE_MAX),
            rate_management: Some(RateManagement::Transferred),
            buffer_bytes_max: Some(MACHINE_BUFFER_BYTES),
            datagram_bytes_max: Some(FAX_DATAGRAM_BYTES_MAX.into()),
            error_correction: Some(ErrorCorrection::Redundancy),
            ..T38::default()
        }
    }

    /// What a machine of ours answers to this. `None` where it cannot: it checks no training by
    /// itself. Who asks for parity gets repetition, which goes with it (ITU-T T.38 D.2.3).
    pub fn answer_of_machine(&self) -> Option<Self> {
        if self.rate_management == Some(RateManagement::Local) {
            return None;
        }
        let bare = self.error_correction == Some(ErrorCorrection::None);
        let error_correction =
            Some(if bare { ErrorCorrection::None } else { ErrorCorrection::Redundancy });
        let bitrate_max = Some(self.terms().bit_rate_max);
        Some(T38 { bitrate_max, error_correction, ..T38::of_machine() })
    }

    /// What media needs to know for a machine of ours that speaks with who says this.
    pub fn terms(&self) -> FaxTerms {
        let bytes = self.datagram_bytes_max.unwrap_or(DATAGRAM_BYTES_USUAL);
        FaxTerms {
            bit_rate_max: self
                .bitrate_max
                .map_or(MACHINE_BITRATE_MAX, |rate| rate.min(MACHINE_BITRATE_MAX)),
            datagram_bytes_max: u16::try_from(bytes).unwrap_or(FAX_DATAGRAM_BYTES_MAX),
            repeats: self.error_correction != Some(ErrorCorrection::None),
        }
    }

    fn read(media: &sdp_types::Media) -> Self {
        let mut t38 = T38::default();
        // The first word on a thing counts, as with every attribute.
        for attribute in media.attributes.iter().rev() {
            let value = attribute.value.as_deref().map(str::trim);
            t38.note(&attribute.attribute.to_ascii_lowercase(), value);
        }
        t38
    }

    fn note(&mut self, name: &str, value: Option<&str>) {
        let Some(name) = name.trim().strip_prefix("t38") else { return };
        let text = value.unwrap_or_default().to_ascii_lowercase();
        let number = || text.parse::<u64>().ok().map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let size = |most: u32| number().filter(|&bytes| bytes > 0).map(|bytes| bytes.min(most));
        // A flag means yes by standing there; many gateways give it a value.
        let flag = !matches!(text.as_str(), "0" | "no" | "off" | "false");
        match name.strip_prefix("fax").unwrap_or(name) {
            "version" => self.version = number().map(|version| version.min(VERSION_MAX)),
            "maxbitrate" => self.bitrate_max = size(BITRATE_MAX),
            "fillbitremoval" => self.fill_bit_removal = flag,
            "transcodingmmr" => self.transcodes_mmr = flag,
            "transcodingjbig" => self.transcodes_jbig = flag,
            "ratemanagement" => self.rate_management = rate_management(&text),
            "maxbuffer" | "maxbuffersize" => self.buffer_bytes_max = size(BUFFER_BYTES_MAX),
            "maxdatagram" => self.datagram_bytes_max = size(FAX_DATAGRAM_BYTES_MAX.into()),
            "udpec" => self.error_correction = error_correction(&text),
            _ => {}
        }
    }

    /// As the standard writes it; a flag that is not set is not there.
    fn write(&self, text: &mut String) {
        let number = |value: Option<u32>| value.map(|value| value.to_string());
        let valued = |name: &str, value: Option<String>| {
            value.map_or(String::new(), |value| format!("a=T38{name}:{value}\r\n"))
        };
        let flag = |name: &str, is_set| match is_set {
            true => format!("a=T38{name}\r\n"),
            false => String::new(),
        };
        *text += &valued("FaxVersion", number(self.version));
        *text += &valued("MaxBitRate", number(self.bitrate_max));
        *text += &flag("FaxFillBitRemoval", self.fill_bit_removal);
        *text += &flag("FaxTranscodingMMR", self.transcodes_mmr);
        *text += &flag("FaxTranscodingJBIG", self.transcodes_jbig);
        let management = self.rate_management.map(|management| management.name().to_owned());
        *text += &valued("FaxRateManagement", management);
        *text += &valued("FaxMaxBuffer", number(self.buffer_bytes_max));
        *text += &valued("FaxMaxDatagram", number(self.datagram_bytes_max));
        let correction = self.error_correction.map(|correction| correction.name().to_owned());
        *text += &valued("FaxUdpEC", correction);
    }
}

impl RateManagement {
    const fn name(self) -> &'static str {
        match self {
            RateManagement::Local => "localTCF",
            RateManagement::Transferred => "transferredTCF",
        }
    }
}

fn rate_management(text: &str) -> Option<RateManagement> {
    match text {
        "localtcf" => Some(RateManagement::Local),
        "transferredtcf" | "transferedtcf" | "transfertcf" => Some(RateManagement::Transferred),
        _ => None,
    }
}

impl ErrorCorrection {
    const fn name(self) -> &'static str {
        match self {
            ErrorCorrection::None => "t38UDPNoEC",
            ErrorCorrection::Fec => "t38UDPFEC",
            ErrorCorrection::Redundancy => "t38UDPRedundancy",
        }
    }
}

fn error_correction(text: &str) -> Option<ErrorCorrection> {
    match text.strip_prefix("t38").unwrap_or(text) {
        "udpnoec" | "noec" | "none" => Some(ErrorCorrection::None),
        "udpfec" | "fec" => Some(ErrorCorrection::Fec),
        "udpredundancy" | "redundancy" => Some(ErrorCorrection::Redundancy),
        _ => None,
    }
}

/// Our offer of T.38 to one party, for what the other said. It takes the place of the audio line
/// (RFC 3264 §8.3.3).
pub fn offer(local: &Local, t38: &T38) -> String {
    head(local, None) + &image_lines(local, "udptl", t38)
}

/// Our answer to an offer of T.38, with what the other party said.
///
/// # Errors
/// When the offer has no T.38 that can be used.
pub fn answer(local: &Local, offer: &Description, t38: &T38) -> Result<String, Refused> {
    let image = offer.image().ok_or(Refused::NoFax)?;
    let mut text = head(local, None);
    for (line, offered) in offer.lines.iter().enumerate() {
        if line == image.line {
            text += &image_lines(local, &offered.proto, t38);
        } else {
            text += &format!("m={} 0 {} {}\r\n", offered.media, offered.proto, offered.fmt);
        }
    }
    Ok(text)
}

fn image_lines(local: &Local, proto: &str, t38: &T38) -> String {
    let mut text = format!("m=image {} {proto} t38\r\n", local.rtp.port());
    t38.write(&mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_of_ours_answers_no_more_than_was_offered_and_no_more_than_it_speaks() {
        let answer = |offered: T38| offered.answer_of_machine();
        assert_eq!(answer(T38::default()), Some(T38::of_machine()), "all are optional");
        let rich = T38 {
            version: Some(3),
            bitrate_max: Some(33_600),
            fill_bit_removal: true,
            transcodes_mmr: true,
            transcodes_jbig: true,
            error_correction: Some(ErrorCorrection::Fec),
            ..T38::of_machine()
        };
        assert_eq!(answer(rich), Some(T38::of_machine()));
        let slow = T38 { bitrate_max: Some(7_200), ..T38::of_machine() };
        assert_eq!(answer(slow), Some(slow));
        let bare = T38 { error_correction: Some(ErrorCorrection::None), ..T38::of_machine() };
        assert_eq!(answer(bare), Some(bare));
        let local = T38 { rate_management: Some(RateManagement::Local), ..T38::of_machine() };
        assert_eq!(answer(local), None);
    }

    #[test]
    fn media_is_told_what_the_other_side_takes() {
        let terms = |bit_rate_max, datagram_bytes_max, repeats| FaxTerms {
            bit_rate_max,
            datagram_bytes_max,
            repeats,
        };
        assert_eq!(T38::default().terms(), terms(14_400, 400, true));
        let small = T38 {
            bitrate_max: Some(9_600),
            datagram_bytes_max: Some(72),
            error_correction: Some(ErrorCorrection::None),
            ..T38::default()
        };
        assert_eq!(small.terms(), terms(9_600, 72, false));
    }
}
