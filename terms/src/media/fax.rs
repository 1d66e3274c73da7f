//! A leg whose port carries a fax as packets: T.38 over UDPTL (ITU-T T.38 Annex D), agreed by offer
//! and answer, passed on unchanged from one party to the other. And a fax that ends here: a document
//! that we send or receive ourselves, in the sound of the leg (ITU-T T.30) or as such packets.

use crate::id::{FaxId, QueueId, TenantId};
use crate::number::PhoneNumber;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// Longest UDPTL datagram that is passed on, in bytes; a longer one is dropped and counted. It fits
/// the receive buffers of mediacore, and signaling tells no peer that it may send more.
pub const FAX_DATAGRAM_BYTES_MAX: u16 = 640;

/// Whether a call may go over to T.38.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum T38Policy {
    /// An offer of it is refused with 488; the fax goes on as audio.
    Off,
    /// Between two trunks it passes from party to party, and a machine of ours takes it.
    #[default]
    Pass,
}

/// Whether a trunk carries T.38.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrunkT38 {
    /// As the box says ([`T38Policy`]).
    #[default]
    Allow,
    /// It is offered none, and what it offers is refused with 488; the call goes on as it was, a
    /// fax of ours in sound.
    Refuse,
}

/// What offer and answer agreed for a leg that carries T.38 over UDPTL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaxRemote {
    /// Where our datagrams go.
    pub udptl: SocketAddr,
    /// A NAT is declared or was detected: the source may be learned, and only from `signalling`.
    pub nat: bool,
    /// Where the leg's signalling comes from.
    pub signalling: IpAddr,
    /// The fax ends here, with the machine of ours that has the leg; `None` passes it on.
    #[serde(default)]
    pub machine: Option<FaxTerms>,
}

/// What a machine of ours and the other side agreed about their T.38.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaxTerms {
    /// Bits per second of a page, at most.
    pub bit_rate_max: u32,
    /// Longest UDPTL datagram that they take, in bytes.
    pub datagram_bytes_max: u16,
    /// Each datagram repeats packets that went before (`t38UDPRedundancy`).
    pub repeats: bool,
}

/// The UDPTL of one leg, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaxQuality {
    /// Datagrams received from the accepted source.
    pub received: u64,
    /// Datagrams sent to it.
    pub sent: u64,
    /// Numbers that were jumped over and did not come later. UDPTL repeats what was lost, so a page
    /// may be whole all the same.
    pub missing: u64,
    /// Dropped: not UDPTL, too long, or nobody to pass it on to.
    pub dropped: u64,
}

/// Longest name of a document, in characters.
pub const FAX_NAME_CHARS_MAX: usize = 64;
/// Longest station id, in characters: ITU-T T.30 §5.3.6.2.4 has room for so many.
pub const FAX_STATION_CHARS_MAX: usize = 20;

/// Which way a document goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaxWay {
    /// We take what a machine sends.
    Receive,
    /// We send.
    Send {
        /// The name of a document of the tenant.
        document: String,
    },
}

/// What a leg's fax machine is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaxOrder {
    /// Its name.
    pub fax: FaxId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Which way.
    pub way: FaxWay,
    /// What the other machine shows of us: digits, `+` and spaces.
    pub station: String,
    /// Error correction, where the other machine knows it.
    pub ecm: bool,
}

/// How a fax ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaxOutcome {
    /// Its name.
    pub fax: FaxId,
    /// Whether both machines say that every page is there.
    pub complete: bool,
    /// Pages that were confirmed.
    pub pages: u32,
    /// With error correction.
    pub ecm: bool,
    /// Bits per second of the last page.
    pub bit_rate: u32,
    /// What the other machine calls itself.
    pub station: String,
    /// In words, for people.
    pub text: String,
    /// What was received, relative to the folder of faxes: `<tenant>/<fax>.tif`. It may be there
    /// although a later page failed.
    pub path: Option<String>,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256 in hex.
    pub sha256: Option<String>,
    /// Nobody answered a call of ours, and this is why, ITU-T Q.850 §2.2.7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreached: Option<u8>,
}

impl FaxOutcome {
    /// Nothing went over, and this is why.
    pub fn failed(fax: FaxId, text: impl Into<String>) -> Self {
        FaxOutcome { fax, text: text.into(), ..FaxOutcome::default() }
    }
}

/// A fax that is received is handed out as work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaxWork {
    /// The queue that hands it out.
    pub queue: QueueId,
    /// Who called.
    pub caller: PhoneNumber,
}

/// Whether a document may have this name: it becomes that of a file.
pub fn is_fax_name(name: &str) -> bool {
    let may = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    (1..=FAX_NAME_CHARS_MAX).contains(&name.len()) && name.chars().all(may)
}

/// Whether machines may be told this station id.
pub fn is_fax_station(station: &str) -> bool {
    let may = |c: char| c.is_ascii_digit() || c == '+' || c == ' ';
    station.len() <= FAX_STATION_CHARS_MAX && station.chars().all(may)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path() {
        for good in ["a", "price-list_2", &"x".repeat(64)] {
            assert!(is_fax_name(good), "{good}");
        }
        for bad in ["", "..", "a/b", "a.tif", "A", "preis-ä", &"x".repeat(65)] {
            assert!(!is_fax_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_station_is_what_the_wire_has_letters_for() {
        assert!(is_fax_station("") && is_fax_station("+86 10 6552 9988"));
        assert!(!is_fax_station("Switchgrid") && !is_fax_station("123456789012345678901"));
    }
}
