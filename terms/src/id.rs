//! Typed ids: 63 bits, sortable by time, strings in JSON (JavaScript numbers end at 53 bits).
//!
//! Layout of a generated id, most significant first: 41 bits of milliseconds since 2024-01-01 UTC,
//! 10 bits of node, 12 bits of sequence. Ids of people, queues and numbers come from desk's store
//! and are small; both fit the same type.

use crate::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// 2024-01-01T00:00:00Z in milliseconds since 1970.
const EPOCH_MS: i64 = 1_704_067_200_000;

/// Makes ids of one node. Never repeats, even when the wall clock steps back: time only moves on.
#[derive(Debug)]
pub struct IdGen {
    node: u64,
    last_ms: u64,
    sequence: u64,
}

impl IdGen {
    /// A generator for `node`, 0–1023.
    ///
    /// # Panics
    /// When `node` is above 1023: two nodes with one number would make equal ids.
    pub fn new(node: u16) -> Self {
        assert!(node < 1024, "node {node} is outside 0-1023");
        IdGen { node: u64::from(node), last_ms: 0, sequence: 0 }
    }

    /// The next raw id; wrap it: `CallId(ids.next(now))`.
    pub fn next(&mut self, now: Timestamp) -> u64 {
        let ms = u64::try_from(now.0 / 1000 - EPOCH_MS).unwrap_or(0);
        if ms > self.last_ms {
            self.last_ms = ms;
            self.sequence = 0;
        } else {
            self.sequence += 1;
            if self.sequence > 0xFFF {
                self.last_ms += 1;
                self.sequence = 0;
            }
        }
        (self.last_ms & ((1 << 41) - 1)) << 22 | self.node << 12 | self.sequence
    }
}

/// Wall-clock time inside a generated id.
pub fn created_at(id: u64) -> Timestamp {
    Timestamp(((id >> 22) as i64 + EPOCH_MS) * 1000)
}

/// The least id that is generated at `at` or later; 0 before 2024.
pub fn least_at(at: Timestamp) -> u64 {
    let ms = at.0.div_euclid(1000).saturating_sub(EPOCH_MS).clamp(0, (1 << 41) - 1);
    (ms as u64) << 22
}

/// An id text that is not a whole number of at most 63 bits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not an id: a whole number below 2^63 is needed")]
pub struct BadId(pub String);

fn parse(text: &str) -> Result<u64, BadId> {
    text.parse().ok().and_then(fitting).ok_or_else(|| BadId(text.chars().take(40).collect()))
}

/// Databases and Parquet hold ids as signed 64-bit numbers.
fn fitting(id: u64) -> Option<u64> {
    (id <= i64::MAX as u64).then_some(id)
}

struct IdVisitor;

impl serde::de::Visitor<'_> for IdVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an id, as a string of digits or a whole number")
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<u64, E> {
        parse(text).map_err(E::custom)
    }
    fn visit_u64<E: serde::de::Error>(self, id: u64) -> Result<u64, E> {
        fitting(id).ok_or_else(|| E::custom(BadId(id.to_string())))
    }
    fn visit_i64<E: serde::de::Error>(self, id: i64) -> Result<u64, E> {
        u64::try_from(id).map_err(E::custom)
    }
}

macro_rules! ids {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                parse(text).map($name)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if !serializer.is_human_readable() {
                    return serializer.serialize_u64(self.0);
                }
                // Without the machinery of `fmt`: entries of the log are mostly ids.
                serializer.serialize_str(itoa::Buffer::new().format(self.0))
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if !deserializer.is_human_readable() {
                    return deserializer.deserialize_u64(IdVisitor).map($name);
                }
                deserializer.deserialize_any(IdVisitor).map($name)
            }
        }
    )+};
}

ids! {
    /// One organisation on the box.
    TenantId,
    /// One matter of one customer, across transfers and callbacks.
    ContactId,
    /// One telephone call of a contact.
    CallId,
    /// One party of a call.
    LegId,
    /// Legs that share a mix.
    RoomId,
    /// One play order on a leg.
    PlaybackId,
    /// Both sides of one conversation.
    RecordingId,
    /// One fax that we send or receive: of one that is tried again, one try.
    FaxId,
    /// A fax that the box is to send of its own accord, with all its tries.
    OutgoingFaxId,
    /// One stay of one contact in one queue.
    VisitId,
    /// A queue.
    QueueId,
    /// A person who answers calls; the same number as their user in desk.
    AgentId,
    /// A person who signs in.
    UserId,
    /// A published number.
    NumberId,
    /// An IVR flow, all versions of it.
    FlowId,
    /// A SIP trunk.
    TrunkId,
    /// A conference of the plan: its room number, its PINs, its rules.
    ConferenceId,
    /// One meeting in a conference, from who comes first to who leaves last.
    MeetingId,
    /// An area of the field grid.
    AreaId,
    /// A field worker.
    WorkerId,
    /// A work order.
    OrderId,
    /// A customer.
    CustomerId,
    /// A piece of work that is no call: a mail, a short message, a form of a web page.
    ItemId,
    /// One satisfaction question to one caller.
    SurveyId,
    /// One stretch of time an agent spent in one state.
    SpanId,
    /// A rule that says which conversations are recorded.
    RecordingRuleId,
    /// A program that is told of events over HTTP.
    HookId,
    /// A report with what it is asked with, kept under a name.
    SavedReportId,
    /// When a saved report is made, and where it goes.
    ScheduleId,
    /// One making of a scheduled report.
    ReportRunId,
    /// A team of agents, or a department that teams belong to.
    TeamId,
    /// A number that stands for somebody for a time.
    LeaseId,
    /// Another site of a tenant.
    SiteId,
    /// A part of their skills and queues that agents may choose when they sign in.
    SkillSetId,
    /// One text message that came or went.
    TextId,
    /// One mail that a flow has sent.
    MailId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_while_the_clock_steps_back() {
        let mut ids = IdGen::new(3);
        let late = ids.next(Timestamp::from_millis(EPOCH_MS + 5_000));
        let early = ids.next(Timestamp::from_millis(EPOCH_MS + 1_000));
        assert!(early > late);
        assert_eq!(created_at(late), Timestamp::from_millis(EPOCH_MS + 5_000));
    }

    #[test]
    fn the_least_id_of_an_instant_parts_those_before_from_those_after() {
        let at = Timestamp::from_millis(EPOCH_MS + 5_000);
        let before = IdGen::new(1023).next(Timestamp(at.0 - 1));
        let after = IdGen::new(0).next(at);
        assert!(before < least_at(at) && least_at(at) <= after);
        assert_eq!(least_at(Timestamp(0)), 0);
        assert!(least_at(Timestamp(i64::MAX)) <= i64::MAX as u64);
    }

    #[test]
    fn ten_thousand_ids_of_one_millisecond_differ() {
        let mut ids = IdGen::new(0);
        let now = Timestamp::from_millis(EPOCH_MS + 9);
        let mut made: Vec<u64> = (0..10_000).map(|_| ids.next(now)).collect();
        made.dedup();
        assert_eq!(made.len(), 10_000);
        assert!(made.is_sorted());
    }

    #[test]
    fn an_id_is_a_string_in_json_and_both_forms_are_read() {
        assert_eq!(serde_json::to_string(&CallId(7)).unwrap(), "\"7\"");
        assert_eq!(serde_json::from_str::<CallId>("\"7\"").unwrap(), CallId(7));
        assert_eq!(serde_json::from_str::<CallId>("7").unwrap(), CallId(7));
        assert!(serde_json::from_str::<CallId>("\"x\"").is_err());
        for too_large in ["18446744073709551615", "9223372036854775808"] {
            assert!(too_large.parse::<CallId>().is_err());
            assert!(serde_json::from_str::<CallId>(too_large).is_err(), "as a number");
        }
    }
}
