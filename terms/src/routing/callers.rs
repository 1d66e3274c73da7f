//! Callers who are not let in, and those who always are.

use super::Target;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Stands for every caller who shows no number.
pub const WITHHELD: &str = "withheld";

/// A caller who is not let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct BlockedCaller {
    /// Their number, normalised; with `*` behind it every number that begins so; or [`WITHHELD`].
    pub number: String,
    /// They are let in from then on; none is never.
    pub until: Option<Timestamp>,
    /// What becomes of their calls.
    pub treatment: Treatment,
}

/// A caller who is let in whatever the list of blocked ones says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowedCaller {
    /// As [`BlockedCaller::number`].
    pub number: String,
    /// Where they go, whatever answers the number that they dialled.
    #[serde(default)]
    pub target: Option<Target>,
}

/// What becomes of a call that is not let in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// It is declined: 603.
    #[default]
    HangUp,
    /// The caller hears that the line is busy: 486.
    Busy,
    /// It is answered, and this prompt is played.
    Announcement(String),
}

/// A plan of an older program names the number alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(String),
    Whole {
        number: String,
        #[serde(default)]
        until: Option<Timestamp>,
        #[serde(default)]
        treatment: Treatment,
    },
}

impl From<Written> for BlockedCaller {
    fn from(written: Written) -> Self {
        match written {
            Written::Number(number) => BlockedCaller::always(&number),
            Written::Whole { number, until, treatment } => {
                BlockedCaller { number, until, treatment }
            }
        }
    }
}

impl BlockedCaller {
    /// Declined for ever.
    pub fn always(number: &str) -> Self {
        let (number, treatment) = (number.to_owned(), Treatment::default());
        BlockedCaller { number, until: None, treatment }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_caller_is_read_as_older_programs_wrote_them_and_as_this_one_does() {
        let old: BlockedCaller = serde_json::from_value(json!("+8613800138000")).unwrap();
        assert_eq!(old, BlockedCaller::always("+8613800138000"));
        let treatment = Treatment::Announcement("caller_blocked".into());
        let until = Some(Timestamp::from_secs(1_800_000_000));
        let caller = BlockedCaller { number: "+1*".into(), until, treatment };
        let written = serde_json::to_value(&caller).unwrap();
        assert_eq!(written["treatment"], json!({"announcement": "caller_blocked"}));
        assert_eq!(serde_json::from_value::<BlockedCaller>(written).unwrap(), caller);
    }
}
