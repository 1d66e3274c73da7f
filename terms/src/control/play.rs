//! Something that is said into a conversation.

use crate::id::UserId;
use serde::{Deserialize, Serialize};

/// What is said, to whom, and whether they hear each other meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayOrder {
    /// What.
    pub what: PlayWhat,
    /// To whom.
    pub to: PlayTo,
    /// Nobody hears the parties until it is over.
    pub apart: bool,
    /// Who asks for it.
    pub by: UserId,
}

/// What is said, in the language of the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlayWhat {
    /// A prompt, without its language.
    Prompt(String),
    /// A text for the voice.
    Text(String),
}

/// Who hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlayTo {
    /// Both who talk.
    Both,
    /// The agent alone.
    Agent,
    /// The other one alone.
    Customer,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::CallAction;

    #[test]
    fn what_is_to_be_said_crosses_the_socket() {
        let what = PlayWhat::Prompt("terms".into());
        let order = PlayOrder { what, to: PlayTo::Customer, apart: true, by: UserId(7) };
        let action = CallAction::Play(Box::new(order));
        let text = serde_json::to_string(&action).expect("it is JSON");
        assert_eq!(serde_json::from_str::<CallAction>(&text).expect("it is read"), action);
    }
}
