//! Text messages over trunks: SMS, as a gateway passes them on by SIP (RFC 3428).

use crate::id::{TextId, TrunkId, UserId};
use crate::number::PhoneNumber;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest text that comes or goes, in bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 4_096;

/// What somebody wrote. Its debug form says how long it is and no word of it, so that none stands in a
/// log of the program.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Written(pub String);

impl Written {
    /// What came from outside: what is no UTF-8 becomes `U+FFFD`, line ends become `\n`, and every other
    /// control character but a tabulator a blank. A database takes the result, and a terminal is not
    /// steered by it.
    pub fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
        let defused = |c: char| if c.is_control() && !is_layout(c) { ' ' } else { c };
        Written(text.chars().map(defused).collect())
    }

    /// Whether it may be sent: somebody wrote something, not more than [`TEXT_BYTES_MAX`], and what is
    /// read of it is the same.
    pub fn is_sendable(&self) -> bool {
        let text = &self.0;
        !text.trim().is_empty()
            && text.len() <= TEXT_BYTES_MAX
            && !text.chars().any(|c| c.is_control() && !is_layout(c))
    }
}

fn is_layout(c: char) -> bool {
    matches!(c, '\n' | '\t')
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Written({} bytes)", self.0.len())
    }
}

/// A text came in over a trunk, and its sender was told that we have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextReceived {
    /// Its name.
    pub id: TextId,
    /// Over which.
    pub trunk: TrunkId,
    /// Who sent it, as the trunk says.
    pub from: PhoneNumber,
    /// To which number.
    pub to: PhoneNumber,
    /// What it says.
    pub text: Written,
}

/// A step of a flow has a text sent to a number outside. [`TextSent`] says what came of it, unless the
/// process ends first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextAsked {
    /// Its name.
    pub id: TextId,
    /// To whom.
    pub to: PhoneNumber,
    /// What it says.
    pub text: Written,
}

/// A text went out, or did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextSent {
    /// Its name.
    pub id: TextId,
    /// Who asked for it; nobody where a flow did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// Over which trunk it went, or was tried last; none where no trunk was free for it.
    pub trunk: Option<TrunkId>,
    /// The number that was shown; empty where it was tried over no trunk.
    pub from: String,
    /// To whom.
    pub to: PhoneNumber,
    /// What it says.
    pub text: Written,
    /// What came of it.
    pub result: TextResult,
    /// The last answer of the trunk, a status of SIP.
    pub status: Option<u16>,
}

/// What came of a text that was to go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextResult {
    /// The trunk took it. Whether it reached a telephone is the network's to know.
    Taken,
    /// The trunk did not take it.
    Refused,
    /// The trunk did not answer: it may have been sent.
    Unanswered,
    /// No trunk that the number leads over is there for it.
    NoTrunk,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use serde_json::json;

    #[test]
    fn a_hostile_text_is_read_without_what_could_steer_or_break_anything() {
        for (bytes, read) in [
            (&b"caf\xc3\xa9\r\nat 3\ttoday\r"[..], "café\nat 3\ttoday\n"),
            (b"\x1b[2J\0\x07bell\x7f", " [2J  bell "),
            (b"half \xe4\xb8", "half \u{fffd}"),
            ("c1 \u{9b}31m".as_bytes(), "c1  31m"),
            ("验证码 😀".as_bytes(), "验证码 😀"),
            (b"", ""),
        ] {
            assert_eq!(Written::read(bytes).0, read);
        }
    }

    #[test]
    fn what_is_empty_too_long_or_has_controls_is_not_sent() {
        let is = |text: &str| Written(text.to_owned()).is_sendable();
        assert!(is("ok") && is("两行\n\t缩进") && is(&"x".repeat(TEXT_BYTES_MAX)));
        for text in ["", " \n", "a\0", "a\rb", "\u{1b}[1m", "\u{85}"] {
            assert!(!is(text), "{text:?}");
        }
        assert!(!is(&"x".repeat(TEXT_BYTES_MAX + 1)));
    }

    #[test]
    fn no_word_of_a_text_stands_in_its_debug_form() {
        let text = Written("secret".to_owned());
        assert_eq!(format!("{text:?}"), "Written(6 bytes)");
    }

    #[test]
    fn a_text_is_written_with_what_it_says_and_what_came_of_it() {
        let to = PhoneNumber::parse("13800138000", "86");
        let kind = Kind::TextSent(TextSent {
            id: TextId(7),
            by: Some(UserId(3)),
            trunk: Some(TrunkId(2)),
            from: "95105688".into(),
            to: to.clone(),
            text: Written("hello".into()),
            result: TextResult::Taken,
            status: Some(202),
        });
        let written = serde_json::to_value(&kind).unwrap();
        let expected = json!({"type": "text_sent", "id": "7", "by": "3", "trunk": "2",
            "from": "95105688", "to": to, "text": "hello", "result": "taken", "status": 202});
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_value::<Kind>(written).unwrap(), kind);
    }

    #[test]
    fn a_text_of_a_flow_is_asked_for_and_sent_by_nobody() {
        let (id, to) = (TextId(7), PhoneNumber::parse("13800138000", "86"));
        let text = Written("hello".into());
        let asked = Kind::TextAsked(TextAsked { id, to: to.clone(), text: text.clone() });
        let written = serde_json::to_value(&asked).unwrap();
        let expected = json!({"type": "text_asked", "id": "7", "to": to, "text": "hello"});
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_value::<Kind>(written).unwrap(), asked);
        let (from, status) = (String::new(), None);
        let result = TextResult::NoTrunk;
        let sent = TextSent { id, by: None, trunk: None, from, to, text, result, status };
        let written = serde_json::to_value(Kind::TextSent(sent.clone())).unwrap();
        assert_eq!(written.get("by"), None);
        assert_eq!(serde_json::from_value::<Kind>(written).unwrap(), Kind::TextSent(sent));
    }
}
