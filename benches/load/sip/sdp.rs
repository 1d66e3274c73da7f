//! The few lines of a session description that a telephone needs. RFC 8866, RFC 3264, RFC 4733.

use benches::media::g711::Law;
use std::net::{IpAddr, SocketAddr};

/// Our number for `telephone-event/8000`.
pub const DTMF: u8 = 101;

/// Who may send audio, as seen by the one who writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Both.
    SendRecv,
    /// We only: the other party is on hold.
    SendOnly,
    /// They only.
    RecvOnly,
    /// Nobody.
    Inactive,
}

impl Direction {
    fn word(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// What the other party answers, RFC 3264 §6.1.
    pub fn answered(self) -> Direction {
        match self {
            Direction::SendOnly => Direction::RecvOnly,
            Direction::RecvOnly => Direction::SendOnly,
            same => same,
        }
    }

    /// The one who wrote this listens.
    pub fn hears(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }
}

/// What a description says about its one audio stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audio {
    /// Where RTP goes.
    pub rtp: SocketAddr,
    /// The first codec that we know.
    pub law: Law,
    /// The number of `telephone-event`.
    pub dtmf: Option<u8>,
    /// Who may send.
    pub direction: Direction,
}

/// A description with one codec.
pub fn write(rtp: SocketAddr, law: Law, direction: Direction, version: u32) -> String {
    let (ip, port) = (rtp.ip(), rtp.port());
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    let (number, name) = (law.payload_type(), law.name());
    let direction = direction.word();
    format!(
        "v=0\r\no=load {port} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {number} {DTMF}\r\n\
         a=rtpmap:{number} {name}/8000\r\na=rtpmap:{DTMF} telephone-event/8000\r\n\
         a=fmtp:{DTMF} 0-15\r\na=ptime:20\r\na={direction}\r\n"
    )
}

/// Reads a description. None when it has no audio that we can speak.
pub fn parse(text: &str) -> Option<Audio> {
    let mut session_ip = None;
    let mut audio: Option<(u16, Vec<u8>)> = None;
    let mut media_ip = None;
    let mut direction = Direction::SendRecv;
    let mut dtmf = None;
    for line in text.lines().map(str::trim_end) {
        let in_audio = audio.is_some();
        if line.starts_with("m=") && in_audio {
            break;
        } else if let Some(rest) = line.strip_prefix("m=audio ") {
            let mut words = rest.split_whitespace();
            let port = words.next()?.parse().ok()?;
            audio = Some((port, words.skip(1).filter_map(|word| word.parse().ok()).collect()));
        } else if let Some(rest) = line.strip_prefix("c=IN ") {
            let ip: Option<IpAddr> = rest.split_whitespace().nth(1).and_then(|ip| ip.parse().ok());
            *(if in_audio { &mut media_ip } else { &mut session_ip }) = ip;
        } else if let Some(rest) = line.strip_prefix("a=rtpmap:") {
            let (number, name) = rest.split_once(' ')?;
            if name.to_ascii_lowercase().starts_with("telephone-event/8000") {
                dtmf = number.parse().ok();
            }
        } else if let Some(word) = line.strip_prefix("a=") {
            direction = match word {
                "sendonly" => Direction::SendOnly,
                "recvonly" => Direction::RecvOnly,
                "inactive" => Direction::Inactive,
                "sendrecv" => Direction::SendRecv,
                _ => direction,
            };
        }
    }
    let (port, numbers) = audio?;
    let law = numbers.into_iter().find_map(Law::from_payload_type)?;
    let ip = media_ip.or(session_ip)?;
    Some(Audio { rtp: SocketAddr::new(ip, port), law, dtmf, direction })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_write_we_read() {
        let rtp = "127.0.0.1:20000".parse().unwrap();
        let text = write(rtp, Law::A, Direction::SendOnly, 3);
        let expected = Audio { rtp, law: Law::A, dtmf: Some(DTMF), direction: Direction::SendOnly };
        assert_eq!(parse(&text), Some(expected));
    }

    #[test]
    fn the_media_line_s_own_address_and_numbers_win() {
        let text = "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 96 0 97\r\n\
            c=IN IP4 127.0.0.2\r\na=rtpmap:97 telephone-event/8000\r\nm=video 1 RTP/AVP 8\r\n\
            a=inactive\r\n";
        let audio = parse(text).unwrap();
        assert_eq!(audio.rtp, "127.0.0.2:4000".parse().unwrap());
        assert_eq!((audio.law, audio.dtmf), (Law::Mu, Some(97)));
        assert_eq!(audio.direction, Direction::SendRecv);
    }

    #[test]
    fn hold_is_answered_from_the_other_side() {
        assert_eq!(Direction::SendOnly.answered(), Direction::RecvOnly);
        assert_eq!(Direction::Inactive.answered(), Direction::Inactive);
        assert!(!Direction::SendOnly.hears());
    }
}
