//! What a leg is listened to for, and what was heard.

use serde::{Deserialize, Serialize};

/// The tones of a country's network, for [`Watch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TonePlan {
    /// GB/T 3380: 450 Hz.
    China,
    /// ITU-T E.180 as most of Europe does it: 425 Hz.
    Itu,
    /// Precise tone plan of North America: pairs of 350, 440, 480 and 620 Hz.
    Us,
}

/// What to listen for in what a leg says. Nothing is listened for by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Watch {
    /// Ringback, busy and congestion of this network, and the special information tones, which are
    /// the same everywhere.
    pub tones: Option<TonePlan>,
    /// The calls of fax machines (ITU-T T.30).
    pub fax: bool,
    /// Whether a person or a machine speaks first, and the beep after the machine's text.
    pub answerer: bool,
}

impl Watch {
    /// Nothing is listened for.
    pub fn is_idle(self) -> bool {
        self == Watch::default()
    }
}

/// What was heard while a leg was watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// It rings at the other end.
    Ringback,
    /// The called line is busy.
    Busy,
    /// The network is: congestion, reorder.
    Congestion,
    /// The three special information tones before an announcement (ITU-T E.180).
    SpecialInformation,
    /// A fax machine calls: CNG, 1,100 Hz.
    FaxCalling,
    /// A fax machine or modem answers: CED, 2,100 Hz.
    FaxAnswering,
    /// An answering machine asks for a message.
    Beep,
    /// A short word and silence: a person, probably.
    Human,
    /// A long text: a machine, probably.
    Machine,
}
