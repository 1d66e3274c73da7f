//! Sample flows as data: a courier, a gas company, cable television, the post. Each is a document
//! with places for what a tenant has of its own, and answers of a server that stand in for the
//! tenant's until there is one.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use terms::QueueId;

static PACKS: LazyLock<Vec<Pack>> = LazyLock::new(|| {
    let texts = [
        include_str!("packs/courier.json"),
        include_str!("packs/gas.json"),
        include_str!("packs/cable_tv.json"),
        include_str!("packs/post.json"),
    ];
    let read = |text: &&str| serde_json::from_str(text).expect("the packs that we ship are right");
    texts.iter().map(read).collect()
});

/// All packs.
pub fn packs() -> &'static [Pack] {
    &PACKS
}

/// A sample flow.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// Its name for programs.
    pub id: String,
    /// Its name for people, by language.
    pub title: BTreeMap<String, String>,
    /// What it does, by language.
    pub about: BTreeMap<String, String>,
    /// What it needs of the tenant.
    pub needs: Vec<Need>,
    /// Answers for trials.
    pub servers: Vec<Server>,
    /// The document, with places for what it needs.
    pub flow: Value,
}

/// What a pack needs of the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// A queue: callers wait there, and its people get messages.
    Queue,
    /// Opening hours.
    Hours,
    /// The address of a server, without a `/` at the end.
    Server,
}

impl Need {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Need::Queue => "queue",
            Need::Hours => "hours",
            Need::Server => "server",
        }
    }
}

/// What a server answers in a trial.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Requests whose path begins so.
    pub path: String,
    /// The status.
    pub status: u16,
    /// The JSON.
    pub body: Value,
}

/// What a tenant has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// A queue.
    pub queue: QueueId,
    /// Name of opening hours.
    pub hours: String,
    /// Address of a server, such as `https://billing.example`.
    pub server: String,
}

impl Pack {
    /// The document with what the tenant has in its places. It still has to pass the checker.
    pub fn document(&self, own: &Own) -> Value {
        filled(&self.flow, own)
    }
}

/// Fills the places in every text of `value`. What is put in is never read again.
fn filled(value: &Value, own: &Own) -> Value {
    match value {
        Value::String(text) => Value::String(match text.as_str() {
            "@QUEUE" => own.queue.to_string(),
            "@HOURS" => own.hours.clone(),
            text => match text.strip_prefix("@SERVER") {
                Some(path) => format!("{}{path}", own.server.trim_end_matches('/')),
                None => text.to_owned(),
            },
        }),
        Value::Array(items) => items.iter().map(|item| filled(item, own)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), filled(value, own)));
            Value::Object(fields.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests;
