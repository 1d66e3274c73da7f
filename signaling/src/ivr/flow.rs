//! A flow as it runs: the typed form of the JSON document. [`super::check`] makes it, and only a
//! document without problems becomes one, so every edge leads to a step that exists.

use super::KEY_CHARS_MAX;
use super::step::{Match, Step};
use std::collections::BTreeMap;
use std::sync::Arc;
use terms::FlowId;

/// Version of the document's format; a newer one is refused.
pub const FLOW_FORMAT: u32 = 1;

/// Rows by key, each a text by column.
pub type Table = BTreeMap<String, BTreeMap<String, String>>;

/// The row of `table` that `key` finds, with its own key.
pub fn look_up(table: &Table, key: &str, way: Match) -> Option<(String, BTreeMap<String, String>)> {
    let row = |key: &str| table.get_key_value(key).map(|(key, row)| (key.clone(), row.clone()));
    match way {
        Match::Exact => row(key),
        Match::LongestPrefix => {
            let ends = key.char_indices().map(|(at, c)| at + c.len_utf8());
            let ends: Vec<usize> = ends.take(KEY_CHARS_MAX).collect();
            ends.into_iter().rev().find_map(|end| row(&key[..end]))
        }
    }
}

/// Published flows by id, each with its version: what a step `subflow` finds.
pub type Library = BTreeMap<FlowId, (u32, Arc<Flow>)>;

/// A checked flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// Its name, for people.
    pub name: String,
    /// The first step.
    pub start: String,
    /// Variables that exist from the start.
    pub variables: BTreeMap<String, String>,
    /// Steps that one call may take.
    pub steps_max: u32,
    /// Variables that people are shown while the call goes on.
    pub show: Vec<String>,
    /// What steps look up, by name.
    pub tables: BTreeMap<String, Table>,
    /// Steps that are left out for a time, each with the step that calls take instead.
    pub bypass: BTreeMap<String, String>,
    /// The steps by name.
    pub steps: BTreeMap<String, Step>,
}

/// Edges that a step takes when things do not go as planned.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct On {
    /// It could not be done.
    pub error: Option<String>,
    /// Nothing came in time.
    pub timeout: Option<String>,
    /// Something came that was not asked for.
    pub invalid: Option<String>,
    /// The caller hung up: only steps that need no caller follow.
    pub hangup: Option<String>,
    /// The agent released first and the caller is still there.
    pub released: Option<String>,
}

impl On {
    /// The edge of that name.
    pub fn get(&self, edge: &str) -> Option<&str> {
        match edge {
            "error" => self.error.as_deref(),
            "timeout" => self.timeout.as_deref(),
            "invalid" => self.invalid.as_deref(),
            "hangup" => self.hangup.as_deref(),
            "released" => self.released.as_deref(),
            _ => None,
        }
    }

    /// The edges that are there, by name.
    pub fn edges(&self) -> impl Iterator<Item = (&'static str, &str)> {
        ["error", "timeout", "invalid", "hangup", "released"]
            .into_iter()
            .filter_map(|edge| Some((edge, self.get(edge)?)))
    }
}
