//! Something is said into a conversation.

use crate::control::PlayTo;
use crate::id::UserId;
use serde::{Deserialize, Serialize};

/// A prompt or a text is said into a conversation while it goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interjected {
    /// Who had it said.
    pub by: UserId,
    /// The prompt, without its language; none for a text, which may be about a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Who hears it.
    pub to: PlayTo,
    /// Nobody hears the parties until it is over.
    pub apart: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use serde_json::json;

    #[test]
    fn what_is_said_is_written_with_who_had_it_said_and_a_text_without_its_words() {
        let of = |prompt: Option<&str>| {
            let prompt = prompt.map(str::to_owned);
            Kind::Interjected(Interjected { by: UserId(7), prompt, to: PlayTo::Both, apart: false })
        };
        for (kind, expected) in [
            (
                of(Some("terms")),
                json!({"type": "interjected", "by": "7", "prompt": "terms", "to": "both",
                    "apart": false}),
            ),
            (of(None), json!({"type": "interjected", "by": "7", "to": "both", "apart": false})),
        ] {
            let written = serde_json::to_value(&kind).unwrap();
            assert_eq!(written, expected);
            assert_eq!(serde_json::from_value::<Kind>(written).unwrap(), kind);
        }
    }
}
