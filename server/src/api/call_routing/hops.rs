//! Whom of an area a call was tried at, and how each of those ended, from the event log's rows.

use crate::api::messages;
use serde::Serialize;
use serde_json::Value;
use terms::event::{Hop, HopEnd, Hunt, InHunt};
use terms::{AreaId, QueueId, WorkerId};
use utoipa::ToSchema;

/// One of an area who was tried, or passed over.
#[derive(Serialize, ToSchema)]
pub(super) struct RoutedHop {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Value,
    /// The area.
    #[schema(value_type = String)]
    area: AreaId,
    /// `worker`, `substitute`, `team`, `queue` or `voicemail`.
    hop: &'static str,
    /// The field worker.
    #[schema(value_type = Option<String>)]
    worker: Option<WorkerId>,
    /// The queue.
    #[schema(value_type = Option<String>)]
    queue: Option<QueueId>,
    /// `answered`, `absent`, `unbound`, `caller` (it is they who call), `called_already`, `no_right`,
    /// `no_way`, `busy`, `no_answer`, `refused`, `failed`, `flowed_out`, `gone`, `message`, `caller_left`
    /// or `over`; none while it goes on.
    end: Option<&'static str>,
    /// The same for people, in the language of `Accept-Language` (Chinese or English).
    explanation: String,
}

impl RoutedHop {
    fn new(at: Value, Hunt { area, hop, .. }: Hunt) -> Self {
        let (word, worker, queue) = match hop {
            Hop::Worker { worker, stands_in: None } => ("worker", Some(worker), None),
            Hop::Worker { worker, stands_in: Some(_) } => ("substitute", Some(worker), None),
            Hop::Team { queue } => ("team", None, Some(queue)),
            Hop::Queue { queue } => ("queue", None, Some(queue)),
            Hop::Voicemail { queue } => ("voicemail", None, Some(queue)),
        };
        let (end, explanation) = (None, String::new());
        RoutedHop { at, area, hop: word, worker, queue, end, explanation }
    }
}

/// A hop as the log tells it: what began, when, and how it ended.
struct Told {
    hunt: Hunt,
    at: Value,
    end: Option<HopEnd>,
}

/// The hops that these rows of the event log tell of; other rows are passed over.
pub(super) fn hops(told: &[Value], in_chinese: bool) -> Vec<RoutedHop> {
    let mut hops: Vec<Told> = Vec::new();
    for row in told.iter().filter(|row| row["kind"] == "hunt") {
        let text = row["detail"].as_str().unwrap_or_default();
        let Ok(hunt) = serde_json::from_str::<Hunt>(text) else { continue };
        let (at, end) = match hunt.what {
            InHunt::Began => (row["at"].clone(), None),
            InHunt::Ended { end } => (row["at"].clone(), Some(end)),
            InHunt::Lost { .. } => continue,
        };
        let is_it = |one: &&mut Told| {
            let same = (one.hunt.area, one.hunt.hop) == (hunt.area, hunt.hop);
            same && one.end.is_none() && end.is_some()
        };
        let begun = hops.iter_mut().rev().find(is_it);
        match begun {
            Some(begun) => begun.end = end,
            None => hops.push(Told { hunt, at, end }),
        }
    }
    hops.into_iter().map(|told| told.routed(in_chinese)).collect()
}

impl Told {
    fn routed(self, in_chinese: bool) -> RoutedHop {
        let sentence = sentence(self.hunt.hop, self.end);
        let explanation = match in_chinese {
            true => messages::in_chinese(&sentence).unwrap_or(sentence),
            false => sentence,
        };
        let end = self.end.map(HopEnd::as_str);
        RoutedHop { end, explanation, ..RoutedHop::new(self.at, self.hunt) }
    }
}

/// In English; the Chinese stands in the catalogue of sentences.
fn sentence(hop: Hop, end: Option<HopEnd>) -> String {
    let who = match hop {
        Hop::Worker { stands_in: None, .. } => "worker",
        Hop::Worker { stands_in: Some(_), .. } => "substitute",
        Hop::Team { .. } => "team queue",
        Hop::Queue { .. } => "area queue",
        Hop::Voicemail { .. } => "voicemail",
    };
    match end {
        None => format!("The {who} is being tried."),
        Some(HopEnd::Answered) => format!("The {who} answered."),
        Some(HopEnd::Absent) => format!("The {who} is away."),
        Some(HopEnd::Unbound) => format!("The {who} has no phone bound."),
        Some(HopEnd::Caller) => format!("The {who} is who calls."),
        Some(HopEnd::CalledAlready) => format!("The phone of the {who} rang already."),
        Some(HopEnd::NoRight) => format!("The phone of the {who} may not be called."),
        Some(HopEnd::NoWay) => format!("Nothing leads to the phone of the {who}."),
        Some(HopEnd::Busy) => format!("The {who} was busy."),
        Some(HopEnd::NoAnswer) => format!("The {who} did not answer in time."),
        Some(HopEnd::Refused) => format!("The {who} declined."),
        Some(HopEnd::Failed) => format!("No trunk reached the {who}."),
        Some(HopEnd::FlowedOut) => format!("Nobody of the {who} was free in time."),
        Some(HopEnd::Gone) => format!("The {who} does not exist any more."),
        Some(HopEnd::Message) => "The caller was asked for a message.".to_owned(),
        Some(HopEnd::CallerLeft) => format!("The caller hung up while the {who} was tried."),
        Some(HopEnd::Over) => format!("The call ended while the {who} was tried."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(hop: &Value, what: &Value) -> Value {
        let detail = json!({"area": "7", "hop": hop, "what": what}).to_string();
        json!({"at": "2026-11-23T04:00:00Z", "kind": "hunt", "detail": detail})
    }

    #[test]
    fn each_who_was_tried_has_their_end_and_who_was_passed_over_has_a_row_too() {
        let worker = json!({"worker": {"worker": "3", "stands_in": null}});
        let other = json!({"worker": {"worker": "4", "stands_in": "3"}});
        let queue = json!({"queue": {"queue": "1"}});
        let ended = |end: &str| json!({"ended": {"end": end}});
        let other_kind = json!({"at": "", "kind": "offered", "detail": "{}"});
        let told = [
            row(&worker, &json!("began")),
            other_kind,
            row(&worker, &ended("busy")),
            row(&other, &ended("absent")),
            row(&queue, &json!("began")),
        ];
        let hops = hops(&told, false);
        let words: Vec<_> = hops.iter().map(|hop| (hop.hop, hop.end)).collect();
        let expected = [("worker", Some("busy")), ("substitute", Some("absent")), ("queue", None)];
        assert_eq!(words, expected);
        let (workers, queues): (Vec<_>, Vec<_>) =
            hops.iter().map(|hop| (hop.worker.map(|w| w.0), hop.queue.map(|q| q.0))).unzip();
        assert_eq!((workers, queues), (vec![Some(3), Some(4), None], vec![None, None, Some(1)]));
        assert_eq!(hops[0].explanation, "The worker was busy.");
    }

    #[test]
    fn every_end_is_explained_in_both_languages() {
        use HopEnd as E;
        let ends = [
            E::Answered,
            E::Absent,
            E::Unbound,
            E::Caller,
            E::CalledAlready,
            E::NoRight,
            E::NoWay,
            E::Busy,
            E::NoAnswer,
            E::Refused,
            E::Failed,
            E::FlowedOut,
            E::Gone,
            E::Message,
            E::CallerLeft,
            E::Over,
        ];
        let substitute = Hop::Worker { worker: WorkerId(4), stands_in: Some(WorkerId(3)) };
        for end in ends.map(Some).into_iter().chain([None]) {
            for hop in [substitute, Hop::Team { queue: QueueId(1) }] {
                let english = sentence(hop, end);
                let chinese = messages::in_chinese(&english).expect("it is in the catalogue");
                let told_who = end == Some(E::Message)
                    || chinese.contains("替班网格员")
                    || chinese.contains("班组队列");
                assert!(told_who && !chinese.contains("substitute"), "{english}: {chinese}");
            }
        }
    }
}
