//! Offer, answer and what follows from both, RFC 3264 §5–§8.

use super::parse::{Audio, Description, Direction};
use super::security::Keying;
use super::{DTMF_TYPE, Local, Refused, webrtc};
use std::fmt::Write;
use std::net::IpAddr;
use terms::media::{Codec, PayloadType, Payloads, Port, Remote, Wishes};

/// Our offer: every codec that we speak, DTMF, and keys as the leg's security wants.
pub fn offer(local: &Local) -> String {
    let codecs: Vec<_> = local.codecs.iter().map(|&codec| (codec, codec.payload_type())).collect();
    let mut clocks: Vec<u32> = vec![8_000];
    for codec in &local.codecs {
        if !clocks.contains(&codec.clock_hz()) {
            clocks.push(codec.clock_hz());
        }
    }
    let events: Vec<_> = clocks.into_iter().map(|hz| (hz, event_type(hz))).collect();
    let offered = local.security.offer(local.port);
    let bundled = Some(OUR_MID).filter(|_| local.port == Port::Shared);
    let mut text = head(local, bundled);
    let direction = local.direction;
    text += &audio_lines(local, offered.profile.name(), &codecs, &events, None, direction);
    offered.crypto.iter().for_each(|line| line.write(&mut text));
    if let Some(certificate) = offered.certificate {
        text += &webrtc::handshake_lines(certificate, None);
    }
    // Others are asked for one port once they have asked themselves (RFC 5761 §5.1.1).
    let one_port = offered.certificate.is_some() || local.one_port;
    text += if one_port { "a=rtcp-mux\r\n" } else { "" };
    text += &shared_lines(local, bundled);
    text + XR_LINE
}

/// The name of the only stream of our offers.
const OUR_MID: &str = "0";

/// What a stream on the shared port says beside its handshake.
fn shared_lines(local: &Local, mid: Option<&str>) -> String {
    let mut text = mid.map(|mid| format!("a=mid:{mid}\r\n")).unwrap_or_default();
    if let (Port::Shared, Some(ours)) = (local.port, local.security.ice()) {
        text += &webrtc::ice_lines(local, &ours.ufrag, &ours.pwd);
        // A page gets its track within a stream that has a name.
        text += "a=msid:switchgrid audio\r\n";
    }
    text
}

/// The extended reports that we make and like to hear, RFC 3611 §5.1. An answer has it where the
/// offer has one.
const XR_LINE: &str = "a=rtcp-xr:voip-metrics rcvr-rtt=all\r\n";

/// Our number of `telephone-event` with a clock.
const fn event_type(hz: u32) -> PayloadType {
    match hz {
        48_000 => PayloadType(110),
        16_000 => PayloadType(109),
        _ => DTMF_TYPE,
    }
}

/// The codec of an offer that we like best. The two laws of G.711 are one to us, because a table
/// turns them into each other: between them the offer's order decides.
fn choose(local: &Local, audio: &Audio) -> Option<(Codec, PayloadType)> {
    let place = |wanted: fn(Codec) -> bool| local.codecs.iter().position(|&codec| wanted(codec));
    let rank = |codec: Codec| match codec.is_g711() {
        true => place(Codec::is_g711),
        false => local.codecs.iter().position(|&ours| ours == codec),
    };
    let known = audio.codecs.iter().filter(|(codec, _)| local.codecs.contains(codec));
    known.min_by_key(|(codec, _)| rank(*codec)).copied()
}

/// The streams in which there is a codec of ours; all of them where there is none, so that whoever
/// chooses says what else is wrong.
fn spoken<'a>(local: &Local, audios: &'a [Audio]) -> Vec<&'a Audio> {
    let spoken: Vec<&Audio> =
        audios.iter().filter(|audio| choose(local, audio).is_some()).collect();
    if spoken.is_empty() { audios.iter().collect() } else { spoken }
}

/// Our answer to `offer`, and what was agreed. `signalling` is where the offer's message came from,
/// `nat` what the SIP layer saw.
///
/// # Errors
/// When no stream of the offer can be used: the call gets 488.
pub fn answer(
    local: &mut Local,
    offer: &Description,
    signalling: IpAddr,
    nat: bool,
) -> Result<(String, Remote), Refused> {
    let audio = local.security.choose(local.port, &spoken(local, offer.audios()?))?;
    let (codec, number) = choose(local, audio).ok_or(Refused::NoCodec)?;
    let keys = local.security.answer(local.port, audio)?;
    // The numbers of the offer are repeated (RFC 3264 §6.1), so both directions share them.
    let events = audio.events_for(codec);
    let send = payloads(codec, number, events, audio.wishes_for(number));
    let receive = Payloads { wishes: OUR_WISHES, ..send };
    let direction = Direction::of(
        local.direction.sends() && audio.listens(),
        local.direction.receives() && audio.direction.sends(),
    );
    let numbers = [Some(number), events.map(|(_, number)| number)];
    let apart = numbers.into_iter().flatten().any(reads_as_rtcp);
    let one_port = audio.rtcp_mux && (!apart || matches!(keys, Keying::Dtls(_)));
    let named = audio.mid.as_ref().filter(|_| local.port == Port::Shared);
    let mid = named.map(|(mid, _)| mid.as_str());
    let bundled = named.filter(|(_, bundled)| *bundled);
    let mut text = head(local, bundled.map(|(mid, _)| mid.as_str()));
    for (line, offered) in offer.lines.iter().enumerate() {
        if line == audio.line {
            let codecs = [(codec, number)];
            let noise = audio.noise.filter(|_| codec.clock_hz() == 8_000);
            let events: Vec<_> = events.into_iter().collect();
            text += &audio_lines(local, &offered.proto, &codecs, &events, noise, direction);
            text += if audio.xr.is_some() { XR_LINE } else { "" };
            match (&keys, local.security.certificate()) {
                (Keying::Sdes(line, _), _) => line.write(&mut text),
                (Keying::Dtls(_), Some((certificate, role))) => {
                    text += &webrtc::handshake_lines(certificate, role);
                }
                (Keying::Dtls(_), None) | (Keying::None, _) => {}
            }
            text += if one_port { "a=rtcp-mux\r\n" } else { "" };
            text += &shared_lines(local, mid);
        } else {
            text += &format!("m={} 0 {} {}\r\n", offered.media, offered.proto, offered.fmt);
            let mid = offered.mid.as_ref().filter(|_| local.port == Port::Shared);
            text += &mid.map(|mid| format!("a=mid:{mid}\r\n")).unwrap_or_default();
        }
    }
    local.one_port = one_port;
    let theirs = remote(audio, send, receive, keys, signalling, nat);
    Ok((text, Remote { rtcp_mux: one_port, ..theirs }))
}

/// With a marker these numbers would be taken for RTCP on one port, RFC 5761 §4.
fn reads_as_rtcp(number: PayloadType) -> bool {
    (64..=95).contains(&number.0)
}

/// What their answer to our [`offer`] agreed.
///
/// # Errors
/// When it has no usable stream, a codec that was not offered, or no keys where they are required.
pub fn accept(
    local: &mut Local,
    answer: &Description,
    signalling: IpAddr,
    nat: bool,
) -> Result<Remote, Refused> {
    let audio = &answer.audios()?[0];
    let &(codec, number) = audio
        .codecs
        .iter()
        .find(|(codec, _)| local.codecs.contains(codec))
        .ok_or(Refused::NoCodec)?;
    let events = audio.events_for(codec);
    let send = payloads(codec, number, events, audio.wishes_for(number));
    let ours = events.map(|(hz, _)| (hz, event_type(hz)));
    let receive = payloads(codec, codec.payload_type(), ours, OUR_WISHES);
    let keys = local.security.accept(local.port, audio)?;
    let theirs = remote(audio, send, receive, keys, signalling, nat);
    let one_port = theirs.rtcp_mux || (audio.rtcp_mux && local.one_port);
    local.one_port = one_port;
    Ok(Remote { rtcp_mux: one_port, ..theirs })
}

/// What we ask of what they send: copies of lost frames cost us nothing to hear.
const OUR_WISHES: Wishes = Wishes { fec: true, dtx: false, bitrate_max: 0 };

fn payloads(
    codec: Codec,
    number: PayloadType,
    events: Option<(u32, PayloadType)>,
    wishes: Wishes,
) -> Payloads {
    let dtmf_hz = events.map_or(codec.clock_hz(), |(hz, _)| hz);
    let dtmf = events.map(|(_, number)| number);
    Payloads { codec, audio: number, dtmf, dtmf_hz, wishes }
}

fn remote(
    audio: &Audio,
    send: Payloads,
    receive: Payloads,
    keys: Keying,
    signalling: IpAddr,
    nat: bool,
) -> Remote {
    let (srtp, agreed) = match keys {
        Keying::None => (None, None),
        Keying::Sdes(_, srtp) => (Some(srtp), None),
        Keying::Dtls(agreed) => (None, Some(agreed)),
    };
    let (dtls, ice) = agreed.map(|agreed| (agreed.dtls, agreed.ice)).unzip();
    let ice = ice.flatten();
    Remote {
        rtp: audio.rtp,
        rtcp: audio.rtcp,
        send,
        receive,
        ptime_ms: audio.ptime_ms,
        may_send: audio.listens(),
        may_receive: audio.direction.sends(),
        nat: ice.is_none() && (nat || is_behind_nat(audio.rtp.ip(), signalling)),
        signalling,
        xr: audio.xr.unwrap_or_default(),
        srtp,
        // What was not offered cannot be agreed (RFC 5761 §5.1.1): a first offer of ours asks for
        // one port with a handshake only.
        rtcp_mux: audio.rtcp_mux && dtls.is_some(),
        dtls,
        ice,
    }
}

/// A private address that signals from a public one is a NAT's inside. Two addresses of the same
/// kind are a media server beside its signalling, but for a peer on this machine: what it sends to
/// our loopback address comes from loopback, whatever its description says (baresip does this).
pub(super) fn is_behind_nat(media: IpAddr, signalling: IpAddr) -> bool {
    // A socket of both families says IPv4 in a form of its own.
    let (media, signalling) = (media.to_canonical(), signalling.to_canonical());
    let is_here = signalling.is_loopback() && !media.is_loopback();
    let is_inside = is_private(media) && !is_private(signalling);
    media != signalling && !media.is_unspecified() && (is_here || is_inside)
}

/// RFC 1918, RFC 6598 (carrier NAT), RFC 4193, loopback and link-local.
pub(crate) fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

fn family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "IP4" } else { "IP6" }
}

pub(super) fn head(local: &Local, bundled: Option<&str>) -> String {
    let ip = local.rtp.ip();
    let (family, session, version) = (family(ip), local.session, local.version);
    format!(
        "v=0\r\no=- {session} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n"
    ) + &webrtc::session_lines(local.port == Port::Shared, bundled)
}

/// Most descriptions are shorter.
const AUDIO_BYTES: usize = 512;

fn audio_lines(
    local: &Local,
    proto: &str,
    codecs: &[(Codec, PayloadType)],
    events: &[(u32, PayloadType)],
    noise: Option<PayloadType>,
    direction: Direction,
) -> String {
    let extras = noise.iter().chain(events.iter().map(|(_, number)| number));
    let mut text = String::with_capacity(AUDIO_BYTES);
    // Writing to a text cannot fail.
    let _ = write!(text, "m=audio {} {proto}", local.rtp.port());
    for number in codecs.iter().map(|(_, number)| number).chain(extras) {
        let _ = write!(text, " {}", number.0);
    }
    text += "\r\n";
    for (codec, number) in codecs {
        let _ = write!(text, "a=rtpmap:{} {}/{}", number.0, codec.name(), codec.clock_hz());
        text += if codec.channels() == 2 { "/2\r\n" } else { "\r\n" };
        let parameters = match codec {
            Codec::Opus => "useinbandfec=1;stereo=0;sprop-stereo=0",
            // Our encoder never rests (RFC 4856 §2.1.9): left out, it would mean that it does.
            Codec::G729 => "annexb=no",
            Codec::Pcma | Codec::Pcmu | Codec::G722 | Codec::L16 | Codec::L16Narrow => continue,
        };
        let _ = write!(text, "a=fmtp:{} {parameters}\r\n", number.0);
    }
    if let Some(noise) = noise {
        let _ = write!(text, "a=rtpmap:{} CN/8000\r\n", noise.0);
    }
    for (hz, number) in events {
        let number = number.0;
        let _ = write!(text, "a=rtpmap:{number} telephone-event/{hz}\r\n");
        let _ = write!(text, "a=fmtp:{number} 0-15\r\n");
    }
    // 640 octets of L16 are as much as media takes in one packet.
    if codecs.iter().any(|(codec, _)| matches!(codec, Codec::L16 | Codec::L16Narrow)) {
        text += "a=maxptime:20\r\n";
    }
    let _ = write!(text, "a=ptime:{}\r\na={}\r\n", local.ptime_ms, direction.name());
    text
}
