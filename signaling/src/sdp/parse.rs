//! From text to what a call needs to know about it. `sdp-types` reads the lines; this file reads
//! the audio stream out of them and forgives what phones do (RFC 3264 §5, RFC 4566, RFC 3551).

use super::crypto::{self, Crypto};
use super::fax::{self, Image};
use super::webrtc::{self, Candidate, Handshake};
use super::{DESCRIPTION_BYTES_MAX, MEDIA_MAX, Refused};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use terms::media::{Codec, ExtendedReports, Fingerprint, PayloadType, Port, SrtpPolicy, Wishes};

/// Which way audio may flow, from the describer's point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// The describer sends only: hold with music.
    SendOnly,
    /// The describer listens only.
    RecvOnly,
    /// Silence both ways: hold.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    pub const fn name(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }
    /// The describer sends.
    pub const fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }
    /// The describer listens.
    pub const fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }
    /// From both halves.
    pub const fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }
    fn from_name(name: &str) -> Option<Self> {
        use Direction as D;
        [D::SendRecv, D::SendOnly, D::RecvOnly, D::Inactive].into_iter().find(|d| d.name() == name)
    }
}

/// The audio stream of a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audio {
    /// Which `m=` line it is, from 0.
    pub line: usize,
    /// Where they receive RTP. An unspecified address is the old form of hold.
    pub rtp: SocketAddr,
    /// Where they receive RTCP, when not one port higher.
    pub rtcp: Option<SocketAddr>,
    /// What they may do.
    pub direction: Direction,
    /// Codecs that we know, in their order, with their numbers.
    pub codecs: Vec<(Codec, PayloadType)>,
    /// `telephone-event` with its clocks.
    pub events: Vec<(u32, PayloadType)>,
    /// Comfort noise, RFC 3389.
    pub noise: Option<PayloadType>,
    /// What they ask of what we send, by number.
    pub wishes: Vec<(PayloadType, Wishes)>,
    /// The packet time they want, 10–60 ms.
    pub ptime_ms: u8,
    /// The extended reports they want; `None` when they do not speak of any.
    pub xr: Option<ExtendedReports>,
    /// It is encrypted: `RTP/SAVP`, or a handshake.
    pub is_secure: bool,
    /// Their keys that we can use, in their order.
    pub crypto: Vec<Crypto>,
    /// The handshake that makes its keys.
    pub handshake: Option<Handshake>,
    /// What they say about ICE.
    pub candidate: Option<Candidate>,
    /// RTCP goes the way of RTP.
    pub rtcp_mux: bool,
    /// The name of the stream, and whether it is gathered with others on one port.
    pub mid: Option<(String, bool)>,
}

impl Audio {
    /// The events to go with a codec: those of its clock (RFC 4733 §2.1), else those that every
    /// phone knows, else any.
    pub fn events_for(&self, codec: Codec) -> Option<(u32, PayloadType)> {
        let of_clock = |wanted| self.events.iter().find(|&&(hz, _)| hz == wanted).copied();
        of_clock(codec.clock_hz())
            .or_else(|| of_clock(8_000))
            .or_else(|| self.events.first().copied())
    }

    /// What they ask of what we send under a number.
    pub fn wishes_for(&self, number: PayloadType) -> Wishes {
        let found = self.wishes.iter().find(|(wished, _)| *wished == number);
        found.map(|(_, wishes)| *wishes).unwrap_or_default()
    }

    /// They listen, and at an address that exists or that ICE will find.
    pub fn listens(&self) -> bool {
        let is_somewhere = !self.rtp.ip().is_unspecified() || self.is_webrtc();
        self.direction.receives() && is_somewhere
    }

    /// A handshake and ICE: what browsers speak.
    pub fn is_webrtc(&self) -> bool {
        self.handshake.is_some() && self.candidate.is_some()
    }
}

/// One `m=` line, as an answer must repeat it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) media: String,
    pub(super) proto: String,
    pub(super) fmt: String,
    pub(super) mid: Option<String>,
}

/// A peer's session description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub(super) lines: Vec<Line>,
    audios: Result<Vec<Audio>, Refused>,
    image: Option<Image>,
}

impl Description {
    /// Reads `text`.
    ///
    /// # Errors
    /// When it is no description at all; one without usable audio is read and says so later.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        if text.len() > DESCRIPTION_BYTES_MAX {
            return Err(Refused::TooLarge(text.len()));
        }
        let session = sdp_types::Session::parse(text.as_bytes())
            .map_err(|error| Refused::Malformed(printable(&error.to_string())))?;
        if session.medias.len() > MEDIA_MAX {
            return Err(Refused::TooLarge(session.medias.len()));
        }
        let lines = session
            .medias
            .iter()
            .map(|m| Line {
                media: m.media.clone(),
                proto: m.proto.clone(),
                fmt: m.fmt.clone(),
                mid: webrtc::mid(m),
            })
            .collect();
        Ok(Description { lines, audios: audios(&session), image: fax::image(&session) })
    }

    /// The first audio stream that can be used.
    ///
    /// # Errors
    /// When there is none.
    pub fn audio(&self) -> Result<&Audio, Refused> {
        self.audios().map(|audios| &audios[0])
    }

    /// The first fax stream that can be used.
    pub fn image(&self) -> Option<&Image> {
        self.image.as_ref()
    }

    /// They want fax, and no audio in a codec that is `spoken`: what a gateway says once it has heard a
    /// fax machine.
    pub fn is_fax(&self, spoken: &[Codec]) -> bool {
        let speaks = |audio: &Audio| audio.codecs.iter().any(|(codec, _)| spoken.contains(codec));
        self.image.is_some() && !self.audios().is_ok_and(|audios| audios.iter().any(speaks))
    }

    /// The port that the leg of an offer needs: who speaks WebRTC shares one.
    pub fn port(&self) -> Port {
        let is_webrtc = self.audios().is_ok_and(|audios| audios.iter().any(Audio::is_webrtc));
        if is_webrtc { Port::Shared } else { Port::Own }
    }

    /// All audio streams that can be used, at least one.
    pub(super) fn audios(&self) -> Result<&[Audio], Refused> {
        self.audios.as_deref().map_err(Clone::clone)
    }
}

/// Error texts quote hostile input; they end in logs.
fn printable(text: &str) -> String {
    text.chars().take(120).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn audios(session: &sdp_types::Session) -> Result<Vec<Audio>, Refused> {
    let (mut audios, mut reason) = (Vec::new(), Refused::NoAudio);
    for (line, media) in session.medias.iter().enumerate() {
        let is = |proto: &str| media.proto.eq_ignore_ascii_case(proto);
        let by_handshake = is("UDP/TLS/RTP/SAVP") || is("UDP/TLS/RTP/SAVPF");
        // Some write RTP/SAVPF and mean a handshake (RFC 8829 §5.1.2).
        let feedback = is("RTP/SAVPF") && webrtc::handshake(session, media).is_some();
        let known = is("RTP/AVP") || is("RTP/AVPF") || is("RTP/SAVP") || by_handshake || feedback;
        if !media.media.eq_ignore_ascii_case("audio") || !known || media.port == 0 {
            continue;
        }
        match stream(session, media, line) {
            Ok(audio)
                if audio.is_secure && audio.crypto.is_empty() && audio.handshake.is_none() =>
            {
                reason = Refused::NoKeys;
            }
            Ok(audio) => audios.push(audio),
            Err(why) => reason = why,
        }
    }
    if audios.is_empty() { Err(reason) } else { Ok(audios) }
}

fn stream(
    session: &sdp_types::Session,
    media: &sdp_types::Media,
    line: usize,
) -> Result<Audio, Refused> {
    let address = media.connections.first().or(session.connection.as_ref());
    let text = address.map_or("", |c| c.connection_address.as_str());
    let ip = ip(text).ok_or_else(|| Refused::NoAddress(printable(text)))?;
    let payloads = Payloads::read(media);
    if payloads.codecs.is_empty() {
        return Err(Refused::NoCodec);
    }
    let has = |proto: &str| media.proto.eq_ignore_ascii_case(proto);
    let is_secure = !has("RTP/AVP") && !has("RTP/AVPF");
    // RTP/SAVP has its keys in the description where it has any there.
    let crypto = if has("RTP/SAVP") || !is_secure { crypto::lines(media) } else { Vec::new() };
    let handshake = webrtc::handshake(session, media).filter(|_| is_secure && crypto.is_empty());
    let bundled = |mid: String| {
        let bundled = webrtc::is_bundled(session, &mid);
        (mid, bundled)
    };
    Ok(Audio {
        line,
        rtp: SocketAddr::new(ip, media.port),
        rtcp: rtcp(media, ip),
        direction: direction(session, media),
        codecs: payloads.codecs,
        events: payloads.events,
        noise: payloads.noise,
        wishes: payloads.wishes,
        ptime_ms: ptime(media),
        xr: xr(session, media),
        is_secure,
        crypto,
        handshake,
        candidate: webrtc::candidate(session, media),
        rtcp_mux: webrtc::rtcp_mux(media),
        mid: webrtc::mid(media).map(bundled),
    })
}

/// `c=` may carry a TTL or a count after the address.
pub(super) fn ip(text: &str) -> Option<IpAddr> {
    let ip: IpAddr = text.split('/').next()?.trim().parse().ok()?;
    // Multicast would turn one caller into many receivers.
    (!ip.is_multicast() && ip != IpAddr::V4(Ipv4Addr::BROADCAST)).then_some(ip)
}

/// `a=rtcp:<port> [IN IP4 <address>]`, RFC 3605.
fn rtcp(media: &sdp_types::Media, rtp: IpAddr) -> Option<SocketAddr> {
    let value = media.get_first_attribute_value("rtcp")??;
    let mut words = value.split_whitespace();
    let port = words.next()?.parse().ok().filter(|&port| port != 0)?;
    let ip = words.nth(2).map_or(Some(rtp), ip)?;
    Some(SocketAddr::new(ip, port))
}

/// The media line's word wins over the session's (RFC 8866 §6.7).
fn direction(session: &sdp_types::Session, media: &sdp_types::Media) -> Direction {
    let find = |list: &[sdp_types::Attribute]| {
        list.iter().find_map(|a| Direction::from_name(&a.attribute.to_ascii_lowercase()))
    };
    find(&media.attributes).or_else(|| find(&session.attributes)).unwrap_or_default()
}

/// `a=ptime` and `a=maxptime`, in steps of 10 ms inside 10–60.
fn ptime(media: &sdp_types::Media) -> u8 {
    let read = |name: &'static str| {
        let value = media.get_first_attribute_value(name)??;
        value.trim().split('.').next()?.parse::<u32>().ok().filter(|&ms| ms > 0)
    };
    let wanted = read("ptime").unwrap_or(20);
    let most = read("maxptime").unwrap_or(60);
    let ms = wanted.min(most).clamp(10, 60);
    (ms / 10 * 10) as u8
}

/// `a=rtcp-xr`, RFC 3611 §5.1; the media line's word wins over the session's. Formats that we do not
/// make are passed over.
fn xr(session: &sdp_types::Session, media: &sdp_types::Media) -> Option<ExtendedReports> {
    let find = |list: &[sdp_types::Attribute]| {
        let found = list.iter().find(|a| a.attribute.eq_ignore_ascii_case("rtcp-xr"))?;
        let formats = found.value.as_deref().unwrap_or_default().split_whitespace();
        let names = formats.map(|format| format.split('=').next().unwrap_or(format));
        Some(names.fold(ExtendedReports::default(), |wanted, name| ExtendedReports {
            voip_metrics: wanted.voip_metrics || name.eq_ignore_ascii_case("voip-metrics"),
            receiver_round_trip: wanted.receiver_round_trip
                || name.eq_ignore_ascii_case("rcvr-rtt"),
        }))
    };
    find(&media.attributes).or_else(|| find(&session.attributes))
}

struct Payloads {
    codecs: Vec<(Codec, PayloadType)>,
    events: Vec<(u32, PayloadType)>,
    noise: Option<PayloadType>,
    wishes: Vec<(PayloadType, Wishes)>,
}

impl Payloads {
    fn read(media: &sdp_types::Media) -> Self {
        let mut found =
            Payloads { codecs: Vec::new(), events: Vec::new(), noise: None, wishes: Vec::new() };
        let maps: Vec<(u8, &str)> = media
            .attributes
            .iter()
            .filter(|a| a.attribute.eq_ignore_ascii_case("rtpmap"))
            .filter_map(|a| a.value.as_deref()?.trim().split_once(' '))
            .filter_map(|(number, map)| Some((number.parse().ok()?, map.trim())))
            .collect();
        for number in media.fmt.split_whitespace().filter_map(|word| word.parse::<u8>().ok()) {
            // Above 127 there is no bit left.
            if number > 127 {
                continue;
            }
            let map = maps.iter().find(|(mapped, _)| *mapped == number).map(|(_, map)| *map);
            found.note(PayloadType(number), map.unwrap_or(static_map(number)));
        }
        let wishes = |&(codec, number): &(Codec, PayloadType)| match codec {
            Codec::Opus => Some((number, opus_wishes(fmtp(media, number)?))),
            // With or without `annexb`: we send no description of silence, and take any.
            Codec::Pcma
            | Codec::Pcmu
            | Codec::G722
            | Codec::L16
            | Codec::L16Narrow
            | Codec::G729 => None,
        };
        found.wishes = found.codecs.iter().filter_map(wishes).collect();
        found
    }

    fn note(&mut self, number: PayloadType, map: &str) {
        let mut parts = map.split('/');
        let name = parts.next().unwrap_or_default().to_ascii_uppercase();
        let clock = parts.next().unwrap_or_default();
        let channels = parts.next().unwrap_or("1");
        let plain = without_annex(&name);
        let codec = Codec::ALL.into_iter().find(|codec| {
            codec.name().eq_ignore_ascii_case(plain)
                && clock == codec.clock_hz().to_string()
                && channels == codec.channels().to_string()
        });
        if let Some(codec) = codec {
            if !self.has(codec) {
                self.codecs.push((codec, number));
            }
            return;
        }
        match (name.as_str(), clock.parse()) {
            ("TELEPHONE-EVENT", Ok(hz @ (8_000 | 16_000 | 48_000)))
                if channels == "1" && self.events.iter().all(|&(known, _)| known != hz) =>
            {
                self.events.push((hz, number));
            }
            ("CN", Ok(8_000)) if channels == "1" && self.noise.is_none() => {
                self.noise = Some(number);
            }
            _ => {}
        }
    }

    fn has(&self, codec: Codec) -> bool {
        self.codecs.iter().any(|(known, _)| *known == codec)
    }
}

/// Some phones name the annexes of G.729 that they know: the frames are the same. Those of Annexes D
/// and E are not, and RFC 3551 gives them names of their own.
fn without_annex(name: &str) -> &str {
    match name {
        "G729A" | "G729B" | "G729AB" => "G729",
        other => other,
    }
}

/// The parameters of a number in `a=fmtp`.
fn fmtp(media: &sdp_types::Media, number: PayloadType) -> Option<&str> {
    let values = media.attributes.iter().filter(|a| a.attribute.eq_ignore_ascii_case("fmtp"));
    let mut parts = values.filter_map(|a| a.value.as_deref()?.trim().split_once(' '));
    parts.find(|(mapped, _)| mapped.parse() == Ok(number.0)).map(|(_, text)| text)
}

/// RFC 7587 §6.1. Mono is all we send, so `stereo` changes nothing.
fn opus_wishes(text: &str) -> Wishes {
    let value = |wanted: &str| {
        let mut pairs = text.split(';').filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
        found.and_then(|(_, value)| value.trim().parse::<u32>().ok())
    };
    Wishes {
        fec: value("useinbandfec") == Some(1),
        dtx: value("usedtx") == Some(1),
        bitrate_max: value("maxaveragebitrate").unwrap_or(0),
    }
}

/// RFC 3551 §6: these need no `a=rtpmap`.
fn static_map(number: u8) -> &'static str {
    match number {
        0 => "PCMU/8000",
        8 => "PCMA/8000",
        9 => "G722/8000",
        13 => "CN/8000",
        18 => "G729/8000",
        _ => "",
    }
}

/// Feeds arbitrary bytes to the reader and to an answer; for fuzzing.
pub fn fuzz_description(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(description) = Description::parse(&text) else { return };
    let ours = SocketAddr::from(([192, 0, 2, 1], 20_000));
    let certificate = Some(Fingerprint([3; 32]));
    let security = super::Security::new(SrtpPolicy::Optional, [7; 32], certificate);
    let (codecs, port) = (Codec::ALL.to_vec(), description.port());
    let mut local = super::Local { codecs, security, port, ..super::Local::new(ours, 1) };
    let source = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
    if let Ok((answer, remote)) = super::answer(&mut local, &description, source, false) {
        assert!((10..=60).contains(&remote.ptime_ms));
        assert_eq!(remote.send.codec, remote.receive.codec);
        assert_eq!(remote.srtp.is_some(), answer.contains("a=crypto:"));
        assert_eq!(remote.dtls.is_some(), answer.contains("a=fingerprint:"));
        assert_eq!(remote.ice.is_some(), port == Port::Shared);
        let read = Description::parse(&answer).expect("our own answer is a description");
        assert_eq!(read.lines.len(), description.lines.len());
    }
    if let Some(image) = description.image() {
        let answer = fax::answer(&local, &description, &image.t38).expect("there is a fax stream");
        let read = Description::parse(&answer).expect("our own answer is a description");
        let ours = read.image().expect("our own answer has a fax stream");
        assert_eq!((ours.t38, ours.line), (image.t38, image.line), "nothing is lost on the way");
        assert_eq!(read.lines.len(), description.lines.len());
    }
}
