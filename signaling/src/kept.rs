//! Live state that outlives the process: which records there are, and how they are written.
//!
//! A record is one call, one meeting, one door at which somebody guessed, one agent, one dialog, one
//! agent's phones or what these watch, one call out that may be called back, one lease of a number, one
//! trunk that is down, what one agent called outside, one caller who may come back to their place or
//! who talked with an agent last, in the form of `postcard`: some fifteen are
//! written for each call, and as JSON they cost a third of it. Whoever owns it says after each step
//! what has changed ([`Change`]); the edge writes all changes of a step as one piece, before the
//! packets of the step leave. Records hold keys of audio and what people are called: they are kept in
//! memory, and nobody else may read them.
//!
//! The form has no names: only a program with the same types can read a record, and no field of a
//! record may be left out where it is empty (`skip_serializing_if`), because what follows would be read
//! as it. A change to any of these types is another form, which has a number (`edge/live.rs`).

use serde::{Deserialize, Serialize, Serializer};
use std::sync::Arc;
use terms::{AgentId, CallId, ConferenceId, LeaseId, LegId, TenantId, TrunkId};

/// Most records are shorter.
const RECORD_BYTES: usize = 1_024;

/// Names a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// A call of the switch.
    Call(CallId),
    /// The meeting in a conference room.
    Conference(TenantId, ConferenceId),
    /// An agent of a distributor.
    Agent(TenantId, AgentId),
    /// A leg of the SIP core.
    Leg(LegId),
    /// Where an agent's phones are.
    Phones(TenantId, AgentId),
    /// Wrong PINs at the door of a conference room.
    Door(TenantId, ConferenceId),
    /// Which colleagues an agent's phones watch.
    Lamps(TenantId, AgentId),
    /// A call out that may be called back, by the order of its last news.
    Trace(TenantId, u64),
    /// A lease of a number.
    Lease(TenantId, LeaseId),
    /// A trunk that is down.
    Trunk(TenantId, TrunkId),
    /// What an agent's extension called outside, as the guard counts it.
    Guard(TenantId, AgentId),
    /// A caller who left a queue and may come back to their place, by the order of leaving.
    Left(TenantId, u64),
    /// Whom a caller talked with last, by the order of their conversations.
    Last(TenantId, u64),
}

/// A record is new or different, or (without a value) there is none any more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change {
    /// Which.
    pub key: Key,
    /// From now on.
    pub value: Option<Record>,
}

/// What is kept of one thing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<u8>")]
pub struct Record(Arc<[u8]>);

impl From<Vec<u8>> for Record {
    fn from(octets: Vec<u8>) -> Self {
        Record(octets.into())
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

impl Record {
    /// In octets.
    pub fn length(&self) -> usize {
        self.0.len()
    }
}

impl Change {
    /// A record as it is now; nothing where there is none.
    pub(crate) fn of<T: Serialize>(key: Key, value: Option<&T>) -> Self {
        let value = value.map(|value| {
            let octets = postcard::to_extend(value, Vec::with_capacity(RECORD_BYTES));
            Record::from(octets.expect("records have lists of known lengths alone"))
        });
        Change { key, value }
    }

    /// What was kept, in the form of this program; a record of another form is passed over.
    pub(crate) fn read<T: for<'de> Deserialize<'de>>(&self) -> Option<T> {
        let read = postcard::from_bytes(&self.value.as_ref()?.0);
        read.inspect_err(|error| tracing::error!(key = ?self.key, %error, "not restored")).ok()
    }
}

/// Octets of the wire: written in one piece, read like any list of them.
pub(crate) mod octets {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(octets: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(octets)
    }

    pub fn deserialize<'de, D: Deserializer<'de>, T: From<Vec<u8>>>(
        from: D,
    ) -> Result<T, D::Error> {
        Ok(Vec::deserialize(from)?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wire {
        #[serde(with = "octets")]
        one: Box<[u8]>,
        many: Vec<Vec<u8>>,
    }

    #[test]
    fn octets_of_any_kind_come_back() {
        let all: Vec<u8> = (0..=255).collect();
        let wire = Wire { one: all.clone().into(), many: vec![all, b"sip:a@b".to_vec(), vec![]] };
        let change = Change::of(Key::Leg(LegId(7)), Some(&wire));
        let octets = postcard::to_allocvec(&change).unwrap();
        assert!(octets.len() < 2 * 256 + 50, "{octets:?}");
        let again: Change = postcard::from_bytes(&octets).unwrap();
        assert_eq!((again.key, again.read::<Wire>()), (Key::Leg(LegId(7)), Some(wire)));
        assert!(again.read::<String>().is_none());
    }
}
