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

#[cfg(test)]
mod tests {
    use crate::derive::Fold;
    use terms::event::{ENTRY_VERSION, Entry, Kind, TextReceived, Written};
    use terms::record::Row;
    use terms::{PhoneNumber, TenantId, TextId, Timestamp, TrunkId};

    #[test]
    fn a_text_is_an_event_with_what_it_says_and_of_no_call() {
        let (from, to) = (PhoneNumber::parse("10086", "86"), PhoneNumber::parse("95105688", "86"));
        let (id, trunk, text) = (TextId(7), TrunkId(1), Written("hello".into()));
        let entry = Entry {
            v: ENTRY_VERSION,
            seq: 1,
            at: Timestamp(5),
            tenant: TenantId(1),
            contact: None,
            call: None,
            leg: None,
            kind: Kind::TextReceived(TextReceived { id, trunk, from, to, text }),
        };
        let (mut fold, mut rows) = (Fold::new(), Vec::new());
        fold.apply(&entry, &mut rows);
        assert_eq!((rows.len(), fold.strays()), (1, 0));
        let Some(Row::Event(event)) = rows.first() else { panic!("{rows:?}") };
        assert_eq!((event.kind.as_str(), event.call_id), ("text_received", None));
        assert!(event.detail.contains("\"text\":\"hello\""), "{}", event.detail);
    }
}
