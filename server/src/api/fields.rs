//! The fields of a JSON body: which there are, its schema says. A parser passes over what it does not
//! know where a struct is flattened into another one and where a step has no fields, and a slip in the
//! name of a setting would change nothing without a word. Such a body is refused here, with the name
//! that was probably meant.

use super::extract::printable;
use super::problem::Problem;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{Object, RefOr, Schema};

/// What was sent, by name.
type Sent<'a> = BTreeMap<String, &'a RawValue>;
/// A schema that another one refers to, with its name.
type Part = (String, RefOr<Schema>);

/// Refuses a body with a field that neither `T` nor an `Answer` has.
///
/// # Errors
/// 400, with the name.
pub(super) fn check<T: ToSchema, Answer: ToSchema>(body: &[u8]) -> Result<(), Problem> {
    // What is no object, the parser refuses.
    let Ok(sent) = serde_json::from_slice::<Sent<'_>>(body) else { return Ok(()) };
    let Some(known) = fields::<T>(&sent) else { return Ok(()) };
    let is_known = |name: &String| known.contains(name);
    if sent.keys().all(is_known) {
        return Ok(());
    }
    let answered = fields::<Answer>(&sent).unwrap_or_default();
    match sent.keys().find(|&name| !is_known(name) && !answered.contains(name)) {
        Some(unknown) => Err(refused(unknown, &known)),
        None => Ok(()),
    }
}

fn refused(unknown: &str, known: &BTreeSet<String>) -> Problem {
    let unknown = printable(unknown);
    let near = warehouse::query::nearest(&unknown, known.iter().map(String::as_str));
    let near: Vec<String> = near.iter().map(|name| quoted(name)).collect();
    let (told, names) = match near.is_empty() {
        false => ("nearest:", near),
        true => ("it takes", known.iter().map(|name| quoted(name)).collect()),
    };
    let names = names.join(", ");
    let message = format!("The body takes no field {}; {told} {names}.", quoted(&unknown));
    Problem::invalid(&unknown, message)
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// The fields of `T` where it is sent like this; `None` where it may have any, and where its own
/// parser refuses others.
fn fields<T: ToSchema>(sent: &Sent<'_>) -> Option<BTreeSet<String>> {
    let schema = T::schema();
    if let RefOr::T(Schema::Object(object)) = &schema
        && let Some(AdditionalProperties::FreeForm(false)) = object.additional_properties.as_deref()
    {
        return None;
    }
    let mut parts = Vec::new();
    T::schemas(&mut parts);
    let mut names = BTreeSet::new();
    gather(&schema, &parts, sent, &mut names).then_some(names)
}

/// Adds the fields of a schema; false where it may have any.
fn gather(
    schema: &RefOr<Schema>,
    parts: &[Part],
    sent: &Sent<'_>,
    names: &mut BTreeSet<String>,
) -> bool {
    match schema {
        RefOr::Ref(to) => {
            let name = to.ref_location.rsplit('/').next().unwrap_or_default();
            let part = parts.iter().find(|(part, _)| part == name);
            part.is_some_and(|(_, part)| gather(part, parts, sent, names))
        }
        RefOr::T(Schema::Object(object)) => {
            names.extend(object.properties.keys().cloned());
            !object.properties.is_empty() && is_closed(object)
        }
        RefOr::T(Schema::AllOf(all)) => {
            all.items.iter().all(|item| gather(item, parts, sent, names))
        }
        RefOr::T(Schema::OneOf(one)) => {
            let mut meant = one.items.iter().filter(|item| is_meant(item, sent)).peekable();
            meant.peek().is_some() && meant.all(|item| gather(item, parts, sent, names))
        }
        RefOr::T(_) => false,
    }
}

fn is_closed(object: &Object) -> bool {
    matches!(
        object.additional_properties.as_deref(),
        None | Some(AdditionalProperties::FreeForm(false))
    )
}

/// Whether what was sent is this one of several: the word that tells them apart is the same.
fn is_meant(item: &RefOr<Schema>, sent: &Sent<'_>) -> bool {
    let RefOr::T(Schema::Object(object)) = item else { return true };
    object.properties.iter().all(|(name, property)| {
        let RefOr::T(Schema::Object(property)) = property else { return true };
        let Some([word]) = property.enum_values.as_deref() else { return true };
        let said = sent.get(name).and_then(|value| serde_json::from_str(value.get()).ok());
        said.is_some_and(|said: Value| said == *word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use desk::order::Action;
    use desk::queue::{Queue, QueueDraft, Seat};

    fn said<T: ToSchema, Answer: ToSchema>(body: &str) -> Option<String> {
        check::<T, Answer>(body.as_bytes()).err().map(|problem| problem.message.into())
    }

    #[test]
    fn a_field_that_there_is_not_is_told_with_the_nearest_or_with_all_there_are() {
        assert_eq!(said::<QueueDraft, ()>(r#"{"name": "gas", "wrap_up_s": 5}"#), None);
        let near = r#"The body takes no field "wrapup_s"; nearest: "wrap_up_s"."#;
        assert_eq!(said::<QueueDraft, ()>(r#"{"wrapup_s": 5}"#).as_deref(), Some(near));
        let far = said::<QueueDraft, ()>(r#"{"xylophones": {}}"#).expect("it is refused");
        let begins = r#"The body takes no field "xylophones"; it takes "announce_every_s", "#;
        assert!(far.starts_with(begins) && far.contains(r#""name", "#), "{far}");
    }

    #[test]
    fn what_an_answer_has_besides_is_passed_over_where_it_comes_back() {
        let sent = r#"{"id": "7", "name": "gas", "agents": [], "wrap_up_s": 5}"#;
        assert_eq!(said::<QueueDraft, Queue>(sent), None);
        assert!(said::<QueueDraft, ()>(sent).is_some());
        let near = r#"The body takes no field "nmae"; nearest: "name"."#;
        let sent = r#"{"id": "7", "nmae": "gas"}"#;
        assert_eq!(said::<QueueDraft, Queue>(sent).as_deref(), Some(near));
    }

    #[test]
    fn each_of_several_steps_has_its_own_fields() {
        assert_eq!(said::<Action, ()>(r#"{"action": "assign", "department": "north"}"#), None);
        let sent = r#"{"action": "start", "department": "north"}"#;
        let far = r#"The body takes no field "department"; it takes "action"."#;
        assert_eq!(said::<Action, ()>(sent).as_deref(), Some(far));
        let sent = r#"{"action": "dance", "department": "north"}"#;
        assert_eq!(said::<Action, ()>(sent), None, "its parser says which actions there are");
    }

    #[test]
    fn what_its_own_parser_refuses_and_what_is_no_object_is_left_to_it() {
        assert_eq!(said::<Seat, ()>(r#"{"agnet": "7"}"#), None);
        assert_eq!(said::<QueueDraft, ()>("[1]"), None);
        assert_eq!(said::<QueueDraft, ()>("{\"xylophones\""), None);
        assert_eq!(said::<Vec<String>, ()>(r#"{"xylophones": 1}"#), None);
    }
}
