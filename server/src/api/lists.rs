//! Lists of the API as files: the same rows in the same order, in every form that reports have. A list
//! is read by its own handler, page after page, so that whoever fetches it sees what they see there
//! and nothing else. Each file is a row of the audit table.
//!
//! What a file shows of a list is one table of `reports::found`: a field that has no column there, as
//! every secret, is in no file.

mod pages;
mod shown;

use super::Shared;
use super::extract::{Names, Params};
use super::forms::{AnyForm, Found, form, refuse_longer};
use super::guard::{Caller, Guard};
use super::problem::Problem;
use axum::extract::{RawQuery, State};
use axum::http::Uri;
use axum::response::Response;
use desk::Permission;
pub(super) use pages::needs;
use pages::{Paged, is_within, page_of, page_rows, paged};
use reports::found::{FoundList, Listed};
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Write;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What a list is asked for to have its next page; a file has no pages.
const PAGING: [&str; 4] = ["limit", "cursor", "before", "after"];

pub(super) fn routes(guard: &Guard) -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(guard.may(Permission::ReportsRead, routes!(get)))
}

/// Fetch a list as a file, to be printed or opened in Excel: any list of the API by who may see it, with
/// the conditions of that list behind `?`. Its name is its address with `-` for `/`: `shifts`,
/// `trunks-live`. What belongs to one thing is asked for without it in the name and with it behind
/// `?`: `hooks-deliveries` with `of=7`. Calls and orders have addresses of their own.
#[utoipa::path(
    get, path = "/api/v1/lists/{name}/{format}", tag = "reports",
    params(
        ("name" = String, Path, description = "The list's name, as in its address"),
        ("format" = String, Path, description = "`pdf`, `xlsx`, `html`, `txt`, `png`, `csv` or `json`"),
        ("of" = Option<String>, Query, description = "What the list belongs to, its id or name; of lists that belong to one thing"),
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
    let Whole { mut rows, incomplete } =
        read(&api, &caller, of, query.as_deref().unwrap_or_default()).await?;
    let names = api.names(&caller).await?;
    rows.iter_mut().for_each(|row| names.show(of, row));
    let found = Found {
        list: FoundList::Rows { of, rows },
        what: of.name(),
        action: "list.export",
        from: None,
        to: None,
        incomplete,
    };
    api.listed(&caller, format, found).await
}

/// A list that belongs to one thing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Within {
    /// Its id or its name.
    of: String,
}

/// What a list belongs to, where it belongs to one thing, and the conditions that it is asked with.
fn asked(of: Listed, query: &str) -> Result<(String, String), Problem> {
    let pairs = query.split('&').filter(|pair| !PAGING.contains(&name_of(pair)));
    let names_it = |pair: &&str| is_within(of) && name_of(pair) == "of";
    let (within, conditions): (Vec<&str>, Vec<&str>) = pairs.partition(names_it);
    let within = if is_within(of) {
        let Params(Within { of }) = Params::of(&address(&within.join("&"))?)?;
        of
    } else {
        String::new()
    };
    Ok((within, conditions.join("&")))
}

fn name_of(pair: &str) -> &str {
    pair.split('=').next().unwrap_or_default()
}

fn address(query: &str) -> Result<Uri, Problem> {
    Uri::try_from(format!("/?{query}"))
        .map_err(|_| Problem::invalid("query", "the part after ? cannot be read"))
}

/// All rows of a list.
struct Whole {
    rows: Vec<Value>,
    /// It lacks what is in damaged files of the warehouse.
    incomplete: bool,
}

/// All pages of a list.
async fn read(api: &Shared, caller: &Caller, of: Listed, query: &str) -> Result<Whole, Problem> {
    let (within, asked) = asked(of, query)?;
    let most = page_rows(of);
    let mut whole = Whole { rows: Vec::new(), incomplete: false };
    let mut next = None::<String>;
    loop {
        let after = next.as_deref().map(encoded);
        let page = match (paged(of), after) {
            (Paged::Whole | Paged::Asked, _) => asked.clone(),
            (Paged::Cursor(_) | Paged::Last(..), None) => format!("{asked}&limit={most}"),
            (Paged::Cursor(_), Some(after)) => format!("{asked}&limit={most}&cursor={after}"),
            (Paged::Last(key, _), Some(after)) => format!("{asked}&limit={most}&{key}={after}"),
        };
        let (answer, incomplete) = page_of(api, caller, of, &within, &address(&page)?).await?;
        let (found, after) = taken(paged(of), most, answer);
        whole.rows.extend(found);
        whole.incomplete |= incomplete;
        refuse_longer(whole.rows.len())?;
        match after {
            Some(after) => next = Some(after),
            None => return Ok(whole),
        }
    }
}

/// A value behind `?`: whatever may mean something else there in percent.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' => out.push(byte.into()),
            _ => write!(out, "%{byte:02X}").expect("a string takes text"),
        }
    }
    out
}

/// The rows of an answer of at most `most`, and where the next page begins.
fn taken(paged: Paged, most: u32, mut answer: Value) -> (Vec<Value>, Option<String>) {
    let array = |value: Value| match value {
        Value::Array(rows) => rows,
        _ => Vec::new(),
    };
    match paged {
        Paged::Whole | Paged::Asked => (array(answer), None),
        Paged::Cursor(field) => {
            let next = answer["next"].as_str().map(str::to_owned);
            (array(answer[field].take()), next)
        }
        Paged::Last(_, fields) => {
            let rows = array(answer);
            let is_full = rows.len() >= most as usize;
            let next = rows.last().filter(|_| is_full).map(|last| {
                let part = |field: &&str| match &last[*field] {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                fields.iter().map(part).collect::<Vec<String>>().join("/")
            });
            (rows, next)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_that_is_full_names_where_the_next_one_begins() {
        let row = |id: u32| json!({"id": id});
        let by_id = Paged::Last("before", &["id"]);
        let full: Vec<Value> = (0..500).map(row).collect();
        let (rows, next) = taken(by_id, 500, Value::Array(full));
        assert_eq!((rows.len(), next.as_deref()), (500, Some("499")));
        let (rows, next) = taken(by_id, 500, json!([{"id": "7"}]));
        assert_eq!((rows.len(), next), (1, None));
        let answer = json!({"shifts": [{"id": 1}], "next": "5.1"});
        let (rows, next) = taken(Paged::Cursor("shifts"), 500, answer);
        assert_eq!((rows, next.as_deref()), (vec![json!({"id": 1})], Some("5.1")));
        let by_name = Paged::Last("after", &["language", "name"]);
        let (_, next) = taken(by_name, 1, json!([{"language": "zh-CN", "name": "busy"}]));
        assert_eq!(next.as_deref(), Some("zh-CN/busy"));
    }

    #[test]
    fn where_a_page_begins_means_the_same_in_an_address() {
        assert_eq!(encoded("zh-CN/busy_1"), "zh-CN%2Fbusy_1");
        assert_eq!(encoded("number:+86138&x=队"), "number%3A%2B86138%26x%3D%E9%98%9F");
    }

    #[test]
    fn what_a_list_belongs_to_is_no_condition_of_it() {
        let read = |of, query| asked(of, query).ok();
        let both = |one: &str, other: &str| Some((one.to_owned(), other.to_owned()));
        let of = Listed::FlowsStatistics;
        assert_eq!(read(of, "of=7&version=2&limit=1"), both("7", "version=2"));
        assert_eq!(read(of, "version=2"), None);
        assert_eq!(read(of, "of=7&of=8"), None);
        assert_eq!(read(Listed::EmergencyDuty, "of=%E5%81%9C%20x"), both("停 x", ""));
        assert_eq!(read(Listed::Queues, "of=7"), both("", "of=7"), "which it refuses");
    }
}
