//! The row that every entry gives, and the words of the log in rows.

use serde::Serialize;
use terms::event::Entry;
use terms::record::Event;

/// The entry itself as a row.
pub fn event_row(entry: &Entry) -> Event {
    let mut detail = serde_json::to_value(&entry.kind).expect("an entry is always valid JSON");
    let kind = detail
        .as_object_mut()
        .and_then(|fields| fields.remove("type"))
        .and_then(|kind| kind.as_str().map(str::to_owned))
        .expect("every kind is written with its type");
    Event {
        tenant_id: entry.tenant,
        seq: i64::try_from(entry.seq).unwrap_or(i64::MAX),
        at: entry.at,
        contact_id: entry.contact,
        call_id: entry.call,
        leg_id: entry.leg,
        kind,
        detail: detail.to_string(),
    }
}

/// The word that the log has for a plain enum, such as `no_answer`.
pub fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => panic!("a plain enum is written as one word, not as {other:?}"),
    }
}
