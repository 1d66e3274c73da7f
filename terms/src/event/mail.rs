//! Mails that flows have sent. Whoever calls may have said where one goes and what it says.

use crate::event::Written;
use crate::id::MailId;
use crate::mail::MailAddress;
use serde::{Deserialize, Serialize};

/// Longest subject of a mail that a flow sends.
pub const SUBJECT_CHARS_MAX: usize = 200;

/// A step of a flow has a mail sent, later: the business store, which follows the log, sends it once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailAsked {
    /// Its name.
    pub id: MailId,
    /// To whom: one address and nothing else ([`is_receiver`]).
    pub address: String,
    /// What it is about ([`is_subject`]).
    pub subject: String,
    /// What it says.
    pub text: Written,
    /// The document of the tenant that goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// One plain address in ASCII, without a name, quotes or comments: nothing that could be a second address
/// or a header.
pub fn is_receiver(address: &str) -> bool {
    let is_plain = address.bytes().all(|byte| byte.is_ascii_graphic());
    is_plain && MailAddress::parse(address).is_some()
}

/// One line of [`SUBJECT_CHARS_MAX`] characters at most, in which something is written.
pub fn is_subject(subject: &str) -> bool {
    let is_line = !subject.trim().is_empty() && !subject.chars().any(char::is_control);
    is_line && subject.chars().count() <= SUBJECT_CHARS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use serde_json::json;

    #[test]
    fn a_receiver_is_one_address_and_no_header() {
        for good in ["zhang.wei@example.com", "A+b@mail.example.com"] {
            assert!(is_receiver(good), "{good}");
        }
        let long = format!("{}@example.com", "x".repeat(65));
        for bad in [
            "",
            "zhang",
            "@example.com",
            "zhang@",
            "a@example.com,b@example.com",
            "a@example.com b@example.com",
            "a@example.com\r\nBcc: b@example.com",
            " a@example.com",
            "Zhang <a@example.com>",
            "\"a b\"@example.com",
            "a@b@example.com",
            "张@example.com",
            "a..b@example.com",
            long.as_str(),
        ] {
            assert!(!is_receiver(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_subject_is_one_line_with_something_in_it() {
        assert!(is_subject("您的快件") && is_subject(&"x".repeat(200)));
        for bad in ["", " ", "a\nBcc: b@example.com", "a\tb", &"x".repeat(201)] {
            assert!(!is_subject(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_mail_is_written_with_all_that_sends_it() {
        let asked = MailAsked {
            id: MailId(7),
            address: "zhang@example.com".into(),
            subject: "your parcel".into(),
            text: Written("on its way".into()),
            document: None,
        };
        let kind = Kind::MailAsked(asked.clone());
        let mut expected = json!({"type": "mail_asked", "id": "7", "address": "zhang@example.com",
            "subject": "your parcel", "text": "on its way"});
        assert_eq!(serde_json::to_value(&kind).unwrap(), expected);
        let with = Kind::MailAsked(MailAsked { document: Some("price-list".into()), ..asked });
        expected["document"] = json!("price-list");
        assert_eq!(serde_json::from_value::<Kind>(expected).unwrap(), with);
    }
}
