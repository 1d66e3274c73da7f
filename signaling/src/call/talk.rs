//! A conversation: who is in it, and who may come.

use super::consult::Consult;
use super::early::HeardEarly;
use super::hold::Hold;
use super::invite_party::Asked;
use serde::{Deserialize, Serialize};
use terms::{LegId, RoomId};

/// A conversation between the anchor and somebody, and those whom they asked in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Talk {
    pub partner: LegId,
    pub room: RoomId,
    pub hold: Hold,
    /// Rings, to come in.
    pub asked: Option<Asked>,
    /// Came in, in the order they did.
    pub guests: Vec<LegId>,
    /// An agent asks somebody while the other one waits.
    pub consult: Option<Consult>,
    /// The page of an agent of which nothing comes, and which may come back.
    pub lost: Option<LegId>,
    /// Who is consulted or asked in is heard before they answer. It ends with the process.
    #[serde(skip)]
    pub early: Option<Box<HeardEarly>>,
}

impl Talk {
    pub fn new(partner: LegId, room: RoomId) -> Self {
        Talk {
            partner,
            room,
            hold: Hold::default(),
            asked: None,
            guests: Vec::new(),
            consult: None,
            lost: None,
            early: None,
        }
    }

    /// Who is there beside the two who began.
    pub fn others(&self) -> impl Iterator<Item = LegId> + '_ {
        let consult = self.consult.as_ref().filter(|consult| consult.joined);
        let consulting = consult.into_iter().flat_map(|consult| [Some(consult.leg), consult.own]);
        self.guests.iter().copied().chain(consulting.flatten())
    }

    pub fn is_consulted(&self, leg: LegId) -> bool {
        self.consult.as_ref().is_some_and(|consult| consult.leg == leg)
    }

    /// The second line of a phone that consults.
    pub fn is_second(&self, leg: LegId) -> bool {
        self.consult.as_ref().is_some_and(|consult| consult.own == Some(leg))
    }

    /// Whom a key of `from` is for.
    pub fn listener(&self, anchor: LegId, from: LegId) -> LegId {
        match &self.consult {
            Some(consult) if consult.joined && consult.speaks() == from => consult.leg,
            Some(consult) if consult.leg == from => consult.speaks(),
            _ if from == anchor => self.partner,
            _ => anchor,
        }
    }
}
