//! Offer, answer and what follows from both, RFC 3264 §5–§8.

use super::parse::{Audio, Description, Direction};
use super::{DTMF_TYPE, Local, Refused};
use std::net::IpAddr;
use terms::media::{Codec, PayloadType, Payloads, Remote};

/// Our offer: every codec that we speak and DTMF.
pub fn offer(local: &Local) -> String {
    let codecs: Vec<_> = local.codecs.iter().map(|&codec| (codec, codec.static_type())).collect();
    let mut text = head(local);
    text.push_str(&audio_lines(local, "RTP/AVP", &codecs, Some(DTMF_TYPE), None, local.direction));
    text
}

/// Our answer to `offer`, and what was agreed. `signalling` is where the offer's message came from,
/// `nat` what the SIP layer saw.
///
/// # Errors
/// When no stream of the offer can be used: the call gets 488.
pub fn answer(
    local: &Local,
    offer: &Description,
    signalling: IpAddr,
    nat: bool,
) -> Result<(String, Remote), Refused> {
    let audio = offer.audio()?;
    let &(codec, number) = audio
        .codecs
        .iter()
        .find(|(codec, _)| local.codecs.contains(codec))
        .ok_or(Refused::NoCodec)?;
    // The numbers of the offer are repeated (RFC 3264 §6.1), so both directions share them.
    let payloads = Payloads { codec, audio: number, dtmf: audio.dtmf };
    let direction = Direction::of(
        local.direction.sends() && audio.listens(),
        local.direction.receives() && audio.direction.sends(),
    );
    let mut text = head(local);
    for (line, offered) in offer.lines.iter().enumerate() {
        if line == audio.line {
            let codecs = [(codec, number)];
            let (dtmf, noise) = (audio.dtmf, audio.noise);
            text += &audio_lines(local, &offered.proto, &codecs, dtmf, noise, direction);
        } else {
            text += &format!("m={} 0 {} {}\r\n", offered.media, offered.proto, offered.fmt);
        }
    }
    Ok((text, remote(audio, payloads, payloads, signalling, nat)))
}

/// What their answer to our [`offer`] agreed.
///
/// # Errors
/// When it has no usable stream, or a codec that was not offered.
pub fn accept(
    local: &Local,
    answer: &Description,
    signalling: IpAddr,
    nat: bool,
) -> Result<Remote, Refused> {
    let audio = answer.audio()?;
    let &(codec, number) = audio
        .codecs
        .iter()
        .find(|(codec, _)| local.codecs.contains(codec))
        .ok_or(Refused::NoCodec)?;
    let send = Payloads { codec, audio: number, dtmf: audio.dtmf };
    let dtmf = audio.dtmf.map(|_| DTMF_TYPE);
    let receive = Payloads { codec, audio: codec.static_type(), dtmf };
    Ok(remote(audio, send, receive, signalling, nat))
}

fn remote(
    audio: &Audio,
    send: Payloads,
    receive: Payloads,
    signalling: IpAddr,
    nat: bool,
) -> Remote {
    Remote {
        rtp: audio.rtp,
        rtcp: audio.rtcp,
        send,
        receive,
        ptime_ms: audio.ptime_ms,
        may_send: audio.listens(),
        may_receive: audio.direction.sends(),
        nat: nat || is_behind_nat(audio.rtp.ip(), signalling),
        signalling,
    }
}

/// A private address that signals from a public one is a NAT's inside. Two addresses of the same
/// kind are a media server beside its signalling, but for a peer on this machine: what it sends to
/// our loopback address comes from loopback, whatever its description says (baresip does this).
fn is_behind_nat(media: IpAddr, signalling: IpAddr) -> bool {
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

fn head(local: &Local) -> String {
    let ip = local.rtp.ip();
    let (family, session, version) = (family(ip), local.session, local.version);
    format!(
        "v=0\r\no=- {session} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n"
    )
}

fn audio_lines(
    local: &Local,
    proto: &str,
    codecs: &[(Codec, PayloadType)],
    dtmf: Option<PayloadType>,
    noise: Option<PayloadType>,
    direction: Direction,
) -> String {
    let extras = noise.iter().chain(dtmf.iter());
    let numbers: Vec<String> =
        codecs.iter().map(|(_, number)| number).chain(extras).map(|n| n.0.to_string()).collect();
    let mut text = format!("m=audio {} {proto} {}\r\n", local.rtp.port(), numbers.join(" "));
    for (codec, number) in codecs {
        text += &format!("a=rtpmap:{} {}/8000\r\n", number.0, codec.name());
    }
    if let Some(noise) = noise {
        text += &format!("a=rtpmap:{} CN/8000\r\n", noise.0);
    }
    if let Some(dtmf) = dtmf {
        let number = dtmf.0;
        text += &format!("a=rtpmap:{number} telephone-event/8000\r\na=fmtp:{number} 0-15\r\n");
    }
    text + &format!("a=ptime:{}\r\na={}\r\n", local.ptime_ms, direction.name())
}
