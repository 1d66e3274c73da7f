//! How a [`Timestamp`] looks in JSON for people and programs: RFC 3339 in UTC. Whole microseconds
//! are read too.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};
use terms::Timestamp;

/// Reads RFC 3339 text, with any offset.
pub fn parse(text: &str) -> Option<Timestamp> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| Timestamp(at.timestamp_micros()))
}

/// For `#[serde(with = "when")]`.
///
/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Either {
    Text(String),
    Micros(i64),
}

/// For `#[serde(with = "when")]`.
///
/// # Errors
/// When the text is no time.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    match Either::deserialize(deserializer)? {
        Either::Micros(micros) => Ok(Timestamp(micros)),
        Either::Text(text) => parse(&text).ok_or_else(|| {
            D::Error::custom("a time such as 2026-11-23T05:20:00Z (RFC 3339) is needed")
        }),
    }
}

/// For optional times.
pub mod option {
    use super::{Either, Timestamp};
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    /// For `#[serde(with = "when::option")]`.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.collect_str(at),
            None => serializer.serialize_none(),
        }
    }

    /// For `#[serde(with = "when::option")]`.
    ///
    /// # Errors
    /// When the text is no time.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        match Option::<Either>::deserialize(deserializer)? {
            None => Ok(None),
            Some(Either::Micros(micros)) => Ok(Some(Timestamp(micros))),
            Some(Either::Text(text)) => super::parse(&text).map(Some).ok_or_else(|| {
                D::Error::custom("a time such as 2026-11-23T05:20:00Z (RFC 3339) is needed")
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_offset_is_the_same_instant() {
        assert_eq!(parse("2026-11-23T13:20:00+08:00"), parse("2026-11-23T05:20:00Z"));
        assert_eq!(parse("yesterday"), None);
    }
}
