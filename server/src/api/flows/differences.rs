//! What two documents of a flow differ in, step by step and field by field.

use crate::api::Shared;
use crate::api::extract::{Id, Params};
use crate::api::guard::{Caller, Guard};
use crate::api::problem::Problem;
use axum::Json;
use axum::extract::State;
use desk::Permission;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use terms::FlowId;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Fields that are told; of more it is only said that there are some.
const FIELDS_MAX: usize = 1_000;
/// Fields within fields that are told one by one: a row of a table has a name of three parts.
const DEPTH_MAX: usize = 3;

/// Which two documents.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Between {
    /// The earlier version; left out, the one that answers calls.
    from: Option<u32>,
    /// The later version; left out, the draft.
    to: Option<u32>,
}

/// What changed between two documents.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
struct Differences {
    /// The earlier version; none where nothing was published before.
    from: Option<u32>,
    /// The later version; none for the draft.
    to: Option<u32>,
    /// Fields of the flow itself.
    flow: Vec<FieldChange>,
    /// Steps, by name.
    steps: Vec<StepChange>,
    /// More fields changed than are told.
    is_cut: bool,
}

/// A step that is not the same.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct StepChange {
    /// Its name.
    step: String,
    /// What became of it.
    change: Fate,
    /// Its fields.
    fields: Vec<FieldChange>,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Fate {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another.
    Changed,
}

/// A field that is not the same.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct FieldChange {
    /// Its name, with dots where it stands within others: `on.timeout`.
    field: String,
    /// Before; none where it was not there.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// After; none where it is gone.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
}

/// How much may still be told.
struct Room {
    left: usize,
    is_cut: bool,
}

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::RoutingRead, routes!(differences)))
}

/// What changed between two versions, or since the one that answers calls.
#[utoipa::path(get, path = "/api/v1/flows/{id}/differences", tag = "flows", params(("id" = String, Path, description = "The flow's id"), Between), responses((status = 200, body = Differences)))]
async fn differences(
    State(api): State<Shared>,
    caller: Caller,
    Id(flow): Id<FlowId>,
    Params(Between { from, to }): Params<Between>,
) -> Result<Json<Differences>, Problem> {
    let tenant = caller.tenant();
    let stored = api.store.flow(tenant, flow).await?;
    let from = from.or(stored.published_version);
    let before = match from {
        Some(version) => api.store.flow_version(tenant, flow, version).await?.document,
        None => Value::Null,
    };
    let after = match to {
        Some(version) => api.store.flow_version(tenant, flow, version).await?.document,
        None => stored.draft,
    };
    Ok(Json(Differences { from, to, ..compare(&before, &after) }))
}

fn compare(before: &Value, after: &Value) -> Differences {
    let mut room = Room { left: FIELDS_MAX, is_cut: false };
    let mut flow = Vec::new();
    for name in names(before, after).into_iter().filter(|name| *name != "steps") {
        fields(name, DEPTH_MAX, (before.get(name), after.get(name)), &mut flow, &mut room);
    }
    let (before, after) = (&before["steps"], &after["steps"]);
    let mut steps = Vec::new();
    for step in names(before, after) {
        let (old, new) = (before.get(step), after.get(step));
        if old == new {
            continue;
        }
        let change = match (old, new) {
            (None, _) => Fate::Added,
            (_, None) => Fate::Removed,
            (Some(_), Some(_)) => Fate::Changed,
        };
        let mut changes = Vec::new();
        let (old, new) = (old.unwrap_or(&Value::Null), new.unwrap_or(&Value::Null));
        for name in names(old, new) {
            let pair = (old.get(name), new.get(name));
            fields(name, DEPTH_MAX - 1, pair, &mut changes, &mut room);
        }
        steps.push(StepChange { step: step.to_owned(), change, fields: changes });
    }
    Differences { flow, steps, is_cut: room.is_cut, ..Differences::default() }
}

/// The fields of both, by name.
fn names<'v>(before: &'v Value, after: &'v Value) -> BTreeSet<&'v str> {
    let objects = [before.as_object(), after.as_object()].into_iter().flatten();
    objects.flat_map(|fields| fields.keys().map(String::as_str)).collect()
}

/// Tells what differs in the field `name`; of an object on both sides, field by field.
fn fields(
    name: &str,
    depth: usize,
    (before, after): (Option<&Value>, Option<&Value>),
    told: &mut Vec<FieldChange>,
    room: &mut Room,
) {
    if before == after {
        return;
    }
    if let (Some(old @ Value::Object(_)), Some(new @ Value::Object(_))) = (before, after)
        && depth > 1
    {
        for inner in names(old, new) {
            let path = format!("{name}.{inner}");
            fields(&path, depth - 1, (old.get(inner), new.get(inner)), told, room);
        }
        return;
    }
    let Some(left) = room.left.checked_sub(1) else {
        room.is_cut = true;
        return;
    };
    room.left = left;
    told.push(FieldChange {
        field: name.to_owned(),
        before: before.cloned(),
        after: after.cloned(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn change(field: &str, before: Value, after: Value) -> FieldChange {
        let some = |value: Value| (!value.is_null()).then_some(value);
        FieldChange { field: field.to_owned(), before: some(before), after: some(after) }
    }

    #[test]
    fn steps_and_fields_that_differ_are_told_and_nothing_else() {
        let before = json!({"format": 1, "start": "a", "tables": {"z": {"31": {"fee": "9"}}},
            "steps": {
                "a": {"kind": "menu", "keys": {"1": "b", "2": "c"}, "on": {"timeout": "b"}},
                "b": {"kind": "hangup"}, "c": {"kind": "hangup"}}});
        let after = json!({"format": 1, "start": "d", "tables": {"z": {"31": {"fee": "8"}}},
            "steps": {
                "a": {"kind": "menu", "keys": {"1": "d", "2": "c"}, "on": {"timeout": "b"}},
                "b": {"kind": "hangup"}, "d": {"kind": "hangup"}}});
        let told = compare(&before, &after);
        assert_eq!(
            told.flow,
            [
                change("start", json!("a"), json!("d")),
                change("tables.z.31", json!({"fee": "9"}), json!({"fee": "8"})),
            ]
        );
        let steps: Vec<(&str, Fate)> =
            told.steps.iter().map(|step| (step.step.as_str(), step.change)).collect();
        assert_eq!(steps, [("a", Fate::Changed), ("c", Fate::Removed), ("d", Fate::Added)]);
        assert_eq!(told.steps[0].fields, [change("keys.1", json!("b"), json!("d"))]);
        assert_eq!(told.steps[2].fields, [change("kind", Value::Null, json!("hangup"))]);
        assert_eq!(compare(&before, &before), Differences::default());
    }

    #[test]
    fn whatever_the_documents_are_the_list_has_an_end() {
        let many: serde_json::Map<String, Value> =
            (0..FIELDS_MAX + 5).map(|n| (format!("f{n}"), json!(n))).collect();
        let told = compare(&Value::Null, &Value::Object(many));
        assert_eq!((told.flow.len(), told.is_cut), (FIELDS_MAX, true));
        for odd in [json!([1]), json!({"steps": [1]}), json!({"steps": {"a": 5}}), json!("x")] {
            let told = compare(&odd, &json!({"steps": {"a": {"kind": "hangup"}}}));
            assert_eq!(told.steps.len(), 1, "{odd}");
        }
    }
}
