//! Live state that outlives the process: which records there are, and how they are written.
//!
//! A record is one call, one meeting, one agent, one dialog or one agent's phones, as JSON. Whoever owns it says
//! after each step what has changed ([`Change`]); the edge writes all changes of a step as one piece,
//! before the packets of the step leave. Records hold keys of audio and what people are called: they
//! are kept in memory, and nobody else may read them.

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use terms::{AgentId, CallId, ConferenceId, LegId, TenantId};

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
}

/// A record is new or different, or (without a value) there is none any more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change {
    /// Which.
    pub key: Key,
    /// From now on.
    pub value: Option<Box<RawValue>>,
}

impl Change {
    /// A record as it is now; nothing where there is none.
    pub(crate) fn of<T: Serialize>(key: Key, value: Option<&T>) -> Self {
        let value = value.map(|value| {
            to_raw_value(value).expect("live state has no maps that JSON could not hold")
        });
        Change { key, value }
    }

    /// What was kept, in the form of this program; a record of another form is passed over.
    pub(crate) fn read<T: for<'de> Deserialize<'de>>(&self) -> Option<T> {
        let read = serde_json::from_str(self.value.as_ref()?.get());
        read.inspect_err(|error| tracing::error!(key = ?self.key, %error, "not restored")).ok()
    }
}

/// Octets of the wire as text: one character each, so that what is ASCII stays readable and short.
pub(crate) mod octets {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn text(octets: &[u8]) -> String {
        octets.iter().map(|&octet| char::from(octet)).collect()
    }

    pub fn of<E: Error>(text: &str) -> Result<Vec<u8>, E> {
        text.chars().map(|c| u8::try_from(c).map_err(E::custom)).collect()
    }

    pub fn serialize<S: Serializer>(octets: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&text(octets))
    }

    pub fn deserialize<'de, D: Deserializer<'de>, T: From<Vec<u8>>>(
        from: D,
    ) -> Result<T, D::Error> {
        Ok(of::<D::Error>(&String::deserialize(from)?)?.into())
    }

    /// Several.
    pub mod list {
        use serde::{Deserialize, Deserializer, Serializer};

        pub fn serialize<S: Serializer>(list: &[Vec<u8>], to: S) -> Result<S::Ok, S::Error> {
            to.collect_seq(list.iter().map(|octets| super::text(octets)))
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Vec<u8>>, D::Error> {
            let list = Vec::<String>::deserialize(from)?;
            list.iter().map(|text| super::of::<D::Error>(text)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wire {
        #[serde(with = "octets")]
        one: Box<[u8]>,
        #[serde(with = "octets::list")]
        many: Vec<Vec<u8>>,
    }

    #[test]
    fn octets_of_any_kind_come_back() {
        let all: Vec<u8> = (0..=255).collect();
        let wire = Wire { one: all.clone().into(), many: vec![all, b"sip:a@b".to_vec(), vec![]] };
        let change = Change::of(Key::Leg(LegId(7)), Some(&wire));
        let text = serde_json::to_string(&change).unwrap();
        assert!(text.contains("sip:a@b") && text.contains("{\"leg\":\"7\"}"), "{text}");
        let again: Change = serde_json::from_str(&text).unwrap();
        assert_eq!((again.key, again.read::<Wire>()), (Key::Leg(LegId(7)), Some(wire)));
        assert!(again.read::<u8>().is_none());
    }
}
