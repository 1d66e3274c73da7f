//! How a row of a list reads in a file: names for ids, one text for what is several fields, and of an
//! address on the network no more than the server, because the rest of it may hold a token.

use crate::api::Api;
use crate::api::guard::Caller;
use crate::api::problem::Problem;
use crate::first::Named;
use reports::found::Listed;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use terms::number::masked_within;

type Fields = Map<String, Value>;

/// Names by ids.
#[derive(Default)]
pub(super) struct Names {
    agents: BTreeMap<String, String>,
    queues: BTreeMap<String, String>,
    users: BTreeMap<String, String>,
    teams: BTreeMap<String, String>,
    trunks: BTreeMap<String, String>,
    flows: BTreeMap<String, String>,
    workers: BTreeMap<String, String>,
    saved: BTreeMap<String, String>,
}

impl Api {
    pub(super) async fn names(&self, caller: &Caller) -> Result<Names, Problem> {
        let tenant = caller.tenant();
        let Named { agents, queues, trunks, flows, teams, workers, .. } =
            crate::first::names(&self.store, tenant).await?;
        let users = self.store.users(tenant).await?;
        let saved = self.store.saved_reports(tenant).await?;
        let hides = caller.hides_numbers();
        Ok(Names {
            agents: by_id(hides, agents.into_iter().map(|(id, _, name)| (id, name))),
            queues: by_id(hides, queues),
            users: by_id(hides, users.into_iter().map(|user| (user.id, user.name))),
            teams: by_id(hides, teams),
            trunks: by_id(hides, trunks),
            flows: by_id(hides, flows),
            workers: by_id(hides, workers),
            saved: by_id(hides, saved.into_iter().map(|saved| (saved.id, saved.draft.name))),
        })
    }
}

/// A name that is a number would pass for the id in whose place it stands, so that it is hidden here.
fn by_id<Id: ToString>(
    hides: bool,
    named: impl IntoIterator<Item = (Id, String)>,
) -> BTreeMap<String, String> {
    let shown = |name: String| if hides { masked_within(&name) } else { name };
    named.into_iter().map(|(id, name)| (id.to_string(), shown(name))).collect()
}

impl Names {
    /// Makes of a row what a file shows.
    pub(super) fn show(&self, of: Listed, row: &mut Value) {
        if let Value::String(name) = row {
            *row = json!({ "name": name });
        }
        let Value::Object(fields) = row else { return };
        self.name(of, fields);
        shape(of, fields);
    }

    /// Puts names where ids stand.
    fn name(&self, of: Listed, fields: &mut Fields) {
        for (field, value) in fields.iter_mut() {
            if let Value::Object(inner) = value {
                self.name(of, inner);
            } else if let Some(names) = self.of(of, field) {
                named(names, value);
            }
        }
    }

    /// Whose ids stand in a field.
    fn of(&self, of: Listed, field: &str) -> Option<&BTreeMap<String, String>> {
        match (of, field) {
            (Listed::ReturnVisits, "agent") => Some(&self.users),
            (Listed::Areas, "team") | (Listed::Numbers, "voicemail") => Some(&self.queues),
            (Listed::Schedules, "saved_report") => Some(&self.saved),
            (Listed::TrunksLive, "id") => Some(&self.trunks),
            // An account of a phone, and one of a database.
            (Listed::AgentsAuthCodes | Listed::Connectors, "user") => None,
            (_, "agent" | "agent_id" | "agents") => Some(&self.agents),
            (_, "queue" | "queue_id" | "queues") => Some(&self.queues),
            (_, "user" | "assignee" | "by" | "owner" | "on_duty") => Some(&self.users),
            (_, "team") => Some(&self.teams),
            (_, "trunk") => Some(&self.trunks),
            (_, "flow") => Some(&self.flows),
            (_, "workers") => Some(&self.workers),
            (_, field) => field.ends_with("_by").then_some(&self.users),
        }
    }
}

/// An id without a name stays an id: what it was of is gone.
fn named(names: &BTreeMap<String, String>, value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| named(names, value)),
        Value::String(id) => {
            if let Some(name) = names.get(id.as_str()) {
                id.clone_from(name);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
    }
}

/// Puts into one text what the API tells in several fields.
fn shape(of: Listed, fields: &mut Fields) {
    match of {
        Listed::Agents => {
            texts(fields, "skills", |skill| format!("{} {}", word(skill, "name"), skill["level"]));
            let live = fields.remove("live").unwrap_or_default();
            for field in ["activity", "since"] {
                fields.insert(field.to_owned(), live[field].clone());
            }
        }
        Listed::ConferencesLive => {
            texts(fields, "members", |member| word(member, "number").to_owned());
        }
        Listed::Connectors => keep_server(fields, "address"),
        Listed::EmergencyLog => {
            let points = fields.get("points").and_then(Value::as_array);
            let points = points.map(Vec::as_slice).unwrap_or_default();
            let done = points.iter().filter(|point| point["ticked_at"].is_string()).count();
            let told = format!("{done} / {}", points.len());
            fields.insert("points".to_owned(), Value::String(told));
        }
        Listed::FlowsStatistics => {
            texts(fields, "exits", |way| format!("{} {}", word(way, "exit"), way["times"]));
        }
        Listed::Hooks => keep_server(fields, "url"),
        Listed::Hours => texts(fields, "windows", |window| {
            let time = |field: &str| {
                let minutes = window[field].as_u64().unwrap_or_default();
                format!("{:02}:{:02}", minutes / 60, minutes % 60)
            };
            format!("{} {}–{}", window["weekday"], time("from_minute"), time("to_minute"))
        }),
        Listed::Numbers => {
            let (kind, which) = match fields.remove("target") {
                Some(Value::Object(target)) => target.into_iter().next().unwrap_or_default(),
                Some(Value::String(kind)) => (kind, Value::Null),
                _ => return,
            };
            fields.insert("target_kind".to_owned(), Value::String(kind));
            fields.insert("target".to_owned(), which);
        }
        Listed::Prompts => {
            let length_s = fields.get("length_s").and_then(Value::as_f64).unwrap_or_default();
            fields.insert("length_ms".to_owned(), json!((length_s * 1_000.0).round() as i64));
        }
        Listed::Sites => texts(fields, "ranges", |range| {
            let prefix = word(range, "prefix");
            let digits = range["digits"].as_u64().unwrap_or_default() as usize;
            format!("{prefix}{}", "x".repeat(digits.saturating_sub(prefix.len())))
        }),
        _ => {}
    }
}

fn word<'a>(of: &'a Value, field: &str) -> &'a str {
    of[field].as_str().unwrap_or_default()
}

/// Makes a text of each entry of a field.
fn texts(fields: &mut Fields, field: &str, text: impl Fn(&Value) -> String) {
    if let Some(Value::Array(entries)) = fields.get_mut(field) {
        entries.iter_mut().for_each(|entry| *entry = Value::String(text(entry)));
    }
}

fn keep_server(fields: &mut Fields, field: &str) {
    if let Some(Value::String(address)) = fields.get_mut(field) {
        *address = server(address);
    }
}

/// `https://host:8443` of an address, without who signs in there and what is asked for; a file's stays.
fn server(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("1".to_owned(), name.to_owned())])
    }

    fn names() -> Names {
        Names {
            agents: one("agent"),
            queues: one("queue"),
            users: one("user"),
            flows: one("flow"),
            ..Names::default()
        }
    }

    fn shown(of: Listed, mut row: Value) -> Value {
        names().show(of, &mut row);
        row
    }

    #[test]
    fn an_id_becomes_a_name_in_its_own_kind_alone() {
        let row = json!({"agent": "1", "queues": ["1", "2"], "created_by": "1", "number": "1"});
        let named = json!({"agent": "agent", "queues": ["queue", "2"], "created_by": "user", "number": "1"});
        assert_eq!(shown(Listed::Shifts, row), named);
        assert_eq!(shown(Listed::ReturnVisits, json!({"agent": "1"})), json!({"agent": "user"}));
        assert_eq!(shown(Listed::Areas, json!({"team": "1"})), json!({"team": "queue"}));
        let phone = shown(Listed::AgentsAuthCodes, json!({"user": "1", "created_by": "1"}));
        assert_eq!(phone, json!({"user": "1", "created_by": "user"}));
        let rule = shown(Listed::RecordingRules, json!({"when": {"agents": ["1"]}}));
        assert_eq!(rule, json!({"when": {"agents": ["agent"]}}));
    }

    #[test]
    fn a_name_that_is_a_number_is_hidden_like_one() {
        let named = || [(1, "13800138000".to_owned()), (2, "王芳".to_owned())];
        assert_eq!(by_id(true, named())["1"], "138****8000");
        assert_eq!(by_id(true, named())["2"], "王芳");
        assert_eq!(by_id(false, named())["1"], "13800138000");
    }

    #[test]
    fn what_is_several_fields_is_one_text() {
        let target = |target: Value| {
            let row = shown(Listed::Numbers, json!({ "target": target }));
            (row["target_kind"].clone(), row["target"].clone())
        };
        assert_eq!(target(json!({"flow": "1"})), (json!("flow"), json!("flow")));
        assert_eq!(target(json!({"voicemail": "1"})), (json!("voicemail"), json!("queue")));
        assert_eq!(target(json!("hangup")), (json!("hangup"), Value::Null));
        let window = json!({"weekday": 1, "from_minute": 510, "to_minute": 1080});
        let hours = shown(Listed::Hours, json!({"windows": [window]}));
        assert_eq!(hours["windows"], json!(["1 08:30–18:00"]));
        let sites = shown(Listed::Sites, json!({"ranges": [{"prefix": "82", "digits": 4}]}));
        assert_eq!(sites["ranges"], json!(["82xx"]));
        let live = json!({"activity": "idle", "since": "2026-11-23T04:00:00Z", "barred": true});
        let skills = json!([{"name": "english", "level": 5}]);
        let agent = shown(Listed::Agents, json!({"live": live, "skills": skills}));
        assert_eq!((&agent["activity"], &agent["skills"]), (&json!("idle"), &json!(["english 5"])));
        let away = shown(Listed::Agents, json!({"live": null}));
        assert_eq!(away["activity"], Value::Null);
        let points = json!([{"text": "a", "ticked_at": "2026-11-23T04:00:00Z"}, {"text": "b"}]);
        let occasion = shown(Listed::EmergencyLog, json!({ "points": points }));
        assert_eq!(occasion["points"], "1 / 2");
        assert_eq!(shown(Listed::OrderFields, json!("valve")), json!({"name": "valve"}));
    }

    #[test]
    fn of_an_address_on_the_network_a_file_shows_the_server_alone() {
        for (address, shown) in [
            ("https://hook.example/in/secret?token=1", "https://hook.example"),
            (
                "postgres://me:pass@db.example:5432/gas?sslmode=require",
                "postgres://db.example:5432",
            ),
            ("wss://bot.example#x", "wss://bot.example"),
            ("sqlite:gas/meters.db", "sqlite:gas/meters.db"),
        ] {
            assert_eq!(server(address), shown);
        }
    }
}
