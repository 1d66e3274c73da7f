//! What a caller can do and hears while they wait in a queue.

use serde::{Deserialize, Serialize};

/// What a caller can do and hears while they wait, beyond music and their place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InQueue {
    /// They may ask to be called back and keep their place.
    pub callback: Option<Callback>,
    /// Music: names of prompts, heard one after the other and from the first on again; none: the
    /// queue's one piece.
    pub playlist: Vec<String>,
    /// Each caller hears the pieces in an order of their own.
    pub shuffled: bool,
    /// What they hear between the music, one after the other: names of prompts without language.
    pub notices: Vec<String>,
    /// Seconds from one notice to the next; 0 is never.
    pub notice_every_s: u32,
}

/// Who is called first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallFirst {
    /// The agent, when it is the customer's turn; the customer is dialled when they have accepted.
    #[default]
    Agent,
    /// The customer, shortly before their turn; when they answer they stand where they stood.
    Customer,
}

/// How callers of a queue are called back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Callback {
    /// The key that a waiting caller presses.
    pub key: char,
    /// Who is called first.
    pub first: CallFirst,
    /// Customer first: the customer is dialled when the estimated wait of those before them is at
    /// most this many seconds.
    pub lead_s: u32,
    /// How often the customer is dialled at most.
    pub tries_max: u32,
    /// Seconds from one try to the next.
    pub pause_s: u32,
    /// Seconds from the wish to the last moment in which it is tried.
    pub age_max_s: u32,
    /// Opening hours within which customers are dialled; none is always.
    pub hours: Option<String>,
    /// The caller may name another number than the one that they call from.
    pub other_number: bool,
}

impl Default for Callback {
    fn default() -> Self {
        Callback {
            key: '1',
            first: CallFirst::Agent,
            lead_s: 30,
            tries_max: 3,
            pause_s: 300,
            age_max_s: 14_400,
            hours: None,
            other_number: false,
        }
    }
}
