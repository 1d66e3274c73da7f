//! Lists of the API as files: the same rows in the same order, in every form that reports have. A list
//! is read by its own handler, page after page, so that whoever fetches it sees what they see there
//! and nothing else. Each file is a row of the audit table.

use super::extract::{Names, Params};
use super::forms::{AnyForm, Found, form, refuse_longer};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use super::rows::PAGE_MAX;
use super::{
    Api, Shared, agents, audit, callbacks, customers, mailboxes, numbers, recordings,
    return_visits, shift_log, shifts, users, voicemails, workers,
};
use crate::first::Named;
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::Uri;
use axum::response::Response;
use desk::Permission;
use reports::found::{FoundList, Listed};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What a list is asked for to have its next page; a file has no pages.
const PAGING: [&str; 4] = ["limit", "cursor", "before", "after"];

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::ReportsRead, routes!(get)))
}

/// Fetch a list as a file, to be printed or opened in Excel: `agents`, `agent-messages`, `allowed`,
/// `audit`, `blocked`, `callbacks`, `customers`, `recordings`, `return-visits`, `shift-log`, `shifts`,
/// `users`, `voicemails` or `workers`, each by who may see it, with the conditions of that list behind
/// `?`.
#[utoipa::path(
    get, path = "/api/v1/lists/{name}/{format}", tag = "reports",
    params(
        ("name" = String, Path, description = "The list's name, as in its address"),
        ("format" = String, Path, description = "`pdf`, `xlsx`, `html`, `txt`, `png`, `csv` or `json`"),
    ),
    responses(AnyForm)
)]
async fn get(
    State(api): State<Shared>,
    caller: Caller,
    Names(name, format): Names,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let nothing = |()| Problem::not_found("There is nothing at this address.");
    let of = name.parse::<Listed>().map_err(nothing)?;
    let format = form(&format)?;
    caller.must(needs(of))?;
    let mut rows = read(&api, &caller, of, query.as_deref().unwrap_or_default()).await?;
    let people = api.people(&caller).await?;
    rows.iter_mut().for_each(|row| people.name(of, row));
    let found = Found {
        list: FoundList::Rows { of, rows },
        what: of.name(),
        action: "list.export",
        from: None,
        to: None,
        incomplete: false,
    };
    api.listed(&caller, format, found).await
}

/// What who fetches a list must be allowed besides: what its own address asks for.
fn needs(of: Listed) -> Permission {
    match of {
        Listed::Agents | Listed::Shifts => Permission::FloorRead,
        Listed::AgentMessages | Listed::Recordings | Listed::Voicemails => Permission::CallsOwn,
        Listed::Allowed | Listed::Blocked | Listed::Workers => Permission::RoutingRead,
        Listed::Audit => Permission::AuditRead,
        Listed::Callbacks => Permission::CallsRead,
        Listed::Customers => Permission::CustomersRead,
        Listed::ReturnVisits => Permission::OrdersRead,
        Listed::ShiftLog => Permission::AgentStateOwn,
        Listed::Users => Permission::UsersRead,
    }
}

/// How a list comes in pages.
#[derive(Clone, Copy)]
enum Paged {
    /// Not: it is whole.
    Whole,
    /// Its rows stand in this field, and `next` is the cursor of the next page.
    Cursor(&'static str),
    /// The next page is asked for with the last id, in this parameter.
    Id(&'static str),
}

fn paged(of: Listed) -> Paged {
    match of {
        Listed::Agents
        | Listed::AgentMessages
        | Listed::Allowed
        | Listed::Blocked
        | Listed::Callbacks
        | Listed::Users
        | Listed::Voicemails
        | Listed::Workers => Paged::Whole,
        Listed::Audit => Paged::Id("before"),
        Listed::Customers => Paged::Id("after"),
        Listed::Recordings => Paged::Cursor("recordings"),
        Listed::ReturnVisits => Paged::Cursor("return_visits"),
        Listed::ShiftLog => Paged::Cursor("entries"),
        Listed::Shifts => Paged::Cursor("shifts"),
    }
}

/// All pages of a list.
async fn read(
    api: &Shared,
    caller: &Caller,
    of: Listed,
    query: &str,
) -> Result<Vec<Value>, Problem> {
    let is_paging = |pair: &str| PAGING.contains(&pair.split('=').next().unwrap_or_default());
    let asked: Vec<&str> = query.split('&').filter(|pair| !is_paging(pair)).collect();
    let asked = asked.join("&");
    let (mut rows, mut next) = (Vec::new(), None::<String>);
    loop {
        let after = next.as_deref();
        let page = match (paged(of), after) {
            (Paged::Whole, _) => asked.clone(),
            (Paged::Cursor(_) | Paged::Id(_), None) => format!("{asked}&limit={PAGE_MAX}"),
            (Paged::Cursor(_), Some(after)) => format!("{asked}&limit={PAGE_MAX}&cursor={after}"),
            (Paged::Id(key), Some(after)) => format!("{asked}&limit={PAGE_MAX}&{key}={after}"),
        };
        let uri = Uri::try_from(format!("/?{page}"))
            .map_err(|_| Problem::invalid("query", "the part after ? cannot be read"))?;
        let answer = page_of(api, caller, of, &uri).await?;
        let (found, after) = taken(paged(of), answer);
        rows.extend(found);
        refuse_longer(rows.len())?;
        match after {
            Some(after) => next = Some(after),
            None => return Ok(rows),
        }
    }
}

/// The rows of an answer, and where the next page begins.
fn taken(paged: Paged, mut answer: Value) -> (Vec<Value>, Option<String>) {
    let array = |value: Value| match value {
        Value::Array(rows) => rows,
        _ => Vec::new(),
    };
    match paged {
        Paged::Whole => (array(answer), None),
        Paged::Cursor(field) => {
            let next = answer["next"].as_str().map(str::to_owned);
            (array(answer[field].take()), next)
        }
        Paged::Id(_) => {
            let rows = array(answer);
            let is_full = rows.len() >= PAGE_MAX as usize;
            let next = rows.last().filter(|_| is_full).map(|last| match &last["id"] {
                Value::String(id) => id.clone(),
                id => id.to_string(),
            });
            (rows, next)
        }
    }
}

/// A list without conditions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unconditional {}

/// One page, by the list's own handler.
async fn page_of(api: &Shared, caller: &Caller, of: Listed, uri: &Uri) -> Result<Value, Problem> {
    let (state, caller) = (State(api.clone()), caller.clone());
    if let Paged::Whole = paged(of) {
        let Params(Unconditional {}) = Params::of(uri)?;
    }
    match of {
        Listed::Agents => told(agents::list(state, caller).await),
        Listed::AgentMessages => told(mailboxes::list(state, caller).await),
        Listed::Allowed => told(numbers::list_allowed(state, caller).await),
        Listed::Audit => told(audit::list(state, caller, Params::of(uri)?).await),
        Listed::Blocked => told(numbers::list_blocked(state, caller).await),
        Listed::Callbacks => told(callbacks::list(state, caller).await),
        Listed::Customers => told(customers::list(state, caller, Params::of(uri)?).await),
        Listed::Recordings => told(recordings::list(state, caller, Params::of(uri)?).await),
        Listed::ReturnVisits => told(return_visits::list(state, caller, Params::of(uri)?).await),
        Listed::ShiftLog => told(shift_log::list(state, caller, Params::of(uri)?).await),
        Listed::Shifts => told(shifts::list(state, caller, Params::of(uri)?).await),
        Listed::Users => told(users::list(state, caller).await),
        Listed::Voicemails => told(voicemails::list(state, caller).await),
        Listed::Workers => told(workers::list(state, caller).await),
    }
}

fn told<T: Serialize>(answer: Result<Json<T>, Problem>) -> Result<Value, Problem> {
    let Json(answer) = answer?;
    serde_json::to_value(answer).map_err(|error| Problem::internal(error.to_string()))
}

/// Names by ids.
struct People {
    agents: BTreeMap<String, String>,
    queues: BTreeMap<String, String>,
    users: BTreeMap<String, String>,
}

impl Api {
    async fn people(&self, caller: &Caller) -> Result<People, Problem> {
        let Named { agents, queues, .. } =
            crate::first::names(&self.store, caller.tenant()).await?;
        let users = self.store.users(caller.tenant()).await?;
        Ok(People {
            agents: agents.into_iter().map(|(id, _, name)| (id.to_string(), name)).collect(),
            queues: queues.into_iter().map(|(id, name)| (id.to_string(), name)).collect(),
            users: users.into_iter().map(|user| (user.id.to_string(), user.name)).collect(),
        })
    }
}

impl People {
    /// Puts names where ids stand in a row, and what an agent does beside the agent.
    fn name(&self, of: Listed, row: &mut Value) {
        let Value::Object(fields) = row else { return };
        if let Some(Value::Object(live)) = fields.remove("live") {
            for field in ["activity", "since"] {
                fields.insert(field.to_owned(), live.get(field).cloned().unwrap_or_default());
            }
        }
        for (field, value) in fields.iter_mut() {
            let names = match (of, field.as_str()) {
                (Listed::ReturnVisits, "agent") => &self.users,
                (_, "agent" | "agent_id") => &self.agents,
                (_, "queue" | "queue_id" | "queues") => &self.queues,
                (_, "user" | "created_by" | "planned_by" | "heard_by") => &self.users,
                _ => continue,
            };
            named(names, value);
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_that_is_full_names_where_the_next_one_begins() {
        let row = |id: u32| json!({"id": id});
        let full: Vec<Value> = (0..PAGE_MAX).map(row).collect();
        let (rows, next) = taken(Paged::Id("before"), Value::Array(full));
        assert_eq!((rows.len(), next.as_deref()), (PAGE_MAX as usize, Some("499")));
        let (rows, next) = taken(Paged::Id("before"), json!([{"id": "7"}]));
        assert_eq!((rows.len(), next), (1, None));
        let answer = json!({"shifts": [{"id": 1}], "next": "5.1"});
        let (rows, next) = taken(Paged::Cursor("shifts"), answer);
        assert_eq!((rows, next.as_deref()), (vec![json!({"id": 1})], Some("5.1")));
    }

    #[test]
    fn an_id_becomes_a_name_in_its_own_kind_alone() {
        let one = |name: &str| BTreeMap::from([("1".to_owned(), name.to_owned())]);
        let people = People { agents: one("agent"), queues: one("queue"), users: one("user") };
        let mut row = json!({"agent": "1", "queues": ["1", "2"], "created_by": "1", "number": "1"});
        people.name(Listed::Shifts, &mut row);
        let named = json!({"agent": "agent", "queues": ["queue", "2"], "created_by": "user", "number": "1"});
        assert_eq!(row, named);
        let mut row = json!({"agent": "1", "live": null});
        people.name(Listed::ReturnVisits, &mut row);
        assert_eq!(row, json!({"agent": "user"}));
    }
}
