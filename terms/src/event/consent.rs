//! Whether a caller agrees to be recorded, as they said it.

use crate::id::{FlowId, UserId};
use serde::{Deserialize, Serialize};

/// How somebody said whether they agree to be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentWay {
    /// A flow came to a step that says so, mostly behind a key.
    Flow,
    /// They told the agent of the call, who noted it.
    Agent,
    /// Somebody else with the right over the call noted it.
    Order,
}

/// A caller agrees to be recorded, or does not. What they said last is good for the rest of the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// They agree.
    pub given: bool,
    /// How it was said.
    pub way: ConsentWay,
    /// The flow, where it was said in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<FlowId>,
    /// Its step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Who noted it, where a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use serde_json::json;

    #[test]
    fn consent_is_written_with_how_it_was_said_and_by_whom_noted() {
        let step = Some("agree".to_owned());
        let by_key =
            Consent { given: true, way: ConsentWay::Flow, flow: Some(FlowId(4)), step, by: None };
        let told = Consent {
            given: false,
            way: ConsentWay::Agent,
            flow: None,
            step: None,
            by: Some(UserId(7)),
        };
        for (consent, expected) in [
            (
                by_key,
                json!({"type": "consented", "given": true, "way": "flow", "flow": "4",
                    "step": "agree"}),
            ),
            (told, json!({"type": "consented", "given": false, "way": "agent", "by": "7"})),
        ] {
            let kind = Kind::Consented(consent);
            let written = serde_json::to_value(&kind).unwrap();
            assert_eq!(written, expected);
            assert_eq!(serde_json::from_value::<Kind>(written).unwrap(), kind);
        }
    }
}
