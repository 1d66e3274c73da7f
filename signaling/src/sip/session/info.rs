//! Digits by INFO: `application/dtmf-relay` (Cisco's form, which most phones took over) and
//! `application/dtmf`, both ways of RFC 6086's predecessors. An empty INFO is a keep-alive.

use crate::sip::core::UserAgent;
use crate::sip::message::Message;
use crate::sip::user_agent::Event;
use crate::switch::Now;
use terms::LegId;

/// When the phone does not say.
const DURATION_MS: u32 = 160;
/// A digit is not held longer than this.
const DURATION_MS_MAX: u32 = 10_000;

impl UserAgent {
    pub(in crate::sip) fn on_info(&mut self, now: Now, leg: LegId, tx: u64, request: &Message) {
        if self.takes_isup(leg, request) {
            self.respond(now, tx, 200, &[], None);
            return;
        }
        let kind = request.content_type().unwrap_or_default();
        let body = String::from_utf8_lossy(request.body());
        let (known, digit) = match kind.as_str() {
            "application/dtmf-relay" => (true, relay(&body)),
            "application/dtmf" => (true, signal(body.trim()).map(|digit| (digit, DURATION_MS))),
            _ => (body.is_empty(), None),
        };
        let status = match (known, digit.is_some() || body.is_empty()) {
            (false, _) => 415,
            (true, true) => 200,
            (true, false) => 400,
        };
        let accept = [("Accept", "application/dtmf-relay, application/dtmf")];
        let extra = if status == 415 { &accept[..] } else { &[] };
        self.respond(now, tx, status, extra, None);
        if let Some((digit, duration_ms)) = digit {
            self.emit(Event::Digit { leg, digit, duration_ms });
        }
    }
}

/// `Signal=5` and `Duration=160` on lines of their own.
fn relay(body: &str) -> Option<(char, u32)> {
    let field = |name: &str| {
        body.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let duration = field("Duration").and_then(|value| value.parse().ok()).unwrap_or(DURATION_MS);
    Some((signal(field("Signal")?)?, duration.clamp(1, DURATION_MS_MAX)))
}

/// A digit, or its event number (10 is `*`, 11 is `#`).
fn signal(text: &str) -> Option<char> {
    let mut chars = text.chars();
    match (chars.next()?.to_ascii_uppercase(), chars.next()) {
        (digit @ ('0'..='9' | '*' | '#' | 'A'..='D'), None) => Some(digit),
        _ => match text {
            "10" => Some('*'),
            "11" => Some('#'),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_in_every_form() {
        assert_eq!(relay("Signal=5\r\nDuration=250\r\n"), Some(('5', 250)));
        assert_eq!(relay("Signal= #\r\n"), Some(('#', DURATION_MS)));
        assert_eq!(relay("Signal=10\nDuration=99999999"), Some(('*', DURATION_MS_MAX)));
        assert_eq!(relay("Signal=a\nDuration=-4"), Some(('A', DURATION_MS)));
        assert_eq!(relay("Signal=55"), None);
        assert_eq!(relay("Duration=100"), None);
    }
}
