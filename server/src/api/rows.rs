//! Reading the warehouse for the API's own lists. Columns and sort orders come from enums; what a
//! person typed becomes a quoted literal and nothing else.

use super::guard::Caller;
use super::problem::Problem;
use super::{Api, messages};
use axum::http::{HeaderMap, HeaderValue};
use desk::{Permission, when};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;
use terms::Timestamp;
use terms::number::like;
use terms::record::{self, ColumnType, Record};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use warehouse::query::literal;
use warehouse::{Limits, Scope, Session};

/// Rows of a page when nothing else is asked for.
const PAGE: u32 = 100;
/// Most rows of a page.
pub(super) const PAGE_MAX: u32 = 500;
/// What the API's own questions may use; a person's SQL and reports run in the worker.
const LIMITS: Limits =
    Limits { rows_max: 10_000, time_max: Duration::from_secs(20), memory_max: 128 << 20 };
/// Longest text of a filter.
const FILTER_CHARS_MAX: usize = 64;

/// The schema of a table's rows in answers, from the table's own declaration.
fn schema_of<R: Record>() -> RefOr<Schema> {
    columns_of::<R>().into()
}

/// The same, to be added to.
pub(super) fn columns_of<R: Record>() -> ObjectBuilder {
    let mut object = ObjectBuilder::new().description(Some(R::DOC.trim()));
    for column in R::columns().into_iter().filter(|column| column.name != "tenant_id") {
        let (kind, format) = match column.kind {
            ColumnType::Int64 if column.name.ends_with("_id") => (Type::String, None),
            ColumnType::Int64 => (Type::Integer, Some(KnownFormat::Int64)),
            ColumnType::Int32 => (Type::Integer, Some(KnownFormat::Int32)),
            ColumnType::Float64 => (Type::Number, Some(KnownFormat::Double)),
            ColumnType::Text => (Type::String, None),
            ColumnType::Bool => (Type::Boolean, None),
            ColumnType::Time => (Type::String, Some(KnownFormat::DateTime)),
        };
        let kind = if column.nullable {
            SchemaType::Array(vec![kind, Type::Null])
        } else {
            SchemaType::Type(kind)
        };
        let property = ObjectBuilder::new()
            .schema_type(kind)
            .format(format.map(SchemaFormat::KnownFormat))
            .description(Some(column.doc));
        object = object.property(column.name, property);
    }
    object
}

macro_rules! row_schemas {
    ($($row:ident of $record:ident;)+) => {$(
        /// Stands for a row of this table in the document.
        pub(super) struct $row;

        impl PartialSchema for $row {
            fn schema() -> RefOr<Schema> {
                schema_of::<record::$record>()
            }
        }

        impl ToSchema for $row {
            fn name() -> Cow<'static, str> {
                stringify!($row).into()
            }
        }
    )+};
}

row_schemas! {
    CallRow of Call;
    LegRow of Leg;
    QueueVisitRow of QueueVisit;
    IvrStepRow of IvrStep;
    ConsentRow of Consent;
    RecordingRow of Recording;
    SurveyRow of Survey;
}

/// Rows of any shape in a schema.
pub(super) fn any_rows() -> RefOr<Schema> {
    ArrayBuilder::new().items(ObjectBuilder::new()).into()
}

impl Api {
    /// A session over what `caller` may see: everything of the tenant, what is of the agents of
    /// their teams or of their queues, or only their own calls.
    pub(super) async fn session(&self, caller: &Caller) -> Result<Session, Problem> {
        let mut scope = Scope::of(caller.tenant());
        scope.time_zone = self.store.tenant(caller.tenant()).await?.profile.time_zone;
        if !caller.may(Permission::CallsRead) {
            scope.agents = Some(caller.agent().into_iter().collect());
        } else {
            let sight = self.store.sight(caller.identity()).await?;
            (scope.agents, scope.queues) = (sight.agents, sight.queues);
        }
        scope.mask_numbers = caller.hides_numbers();
        Ok(Session::open(&self.warehouse, scope, LIMITS).await?)
    }

    /// Whether `caller` sees of the calls of others those of some queues.
    pub(super) async fn is_limited_to_queues(&self, caller: &Caller) -> Result<bool, Problem> {
        Ok(self.store.sight(caller.identity()).await?.queues.is_some())
    }

    /// A session over everything of the tenant, for details of what `caller` was shown already.
    pub(super) async fn tenant_session(&self, caller: &Caller) -> Result<Session, Problem> {
        self.whole_session(caller, caller.hides_numbers()).await
    }

    /// The same with every number, for questions of ours whose answers hold none.
    pub(super) async fn unmasked_session(&self, caller: &Caller) -> Result<Session, Problem> {
        self.whole_session(caller, false).await
    }

    async fn whole_session(&self, caller: &Caller, masked: bool) -> Result<Session, Problem> {
        let mut scope = Scope::of(caller.tenant());
        scope.mask_numbers = masked;
        scope.time_zone = self.store.tenant(caller.tenant()).await?.profile.time_zone;
        Ok(Session::open(&self.warehouse, scope, LIMITS).await?)
    }
}

/// The rows of a question that we wrote, without the column that says whose they are.
pub(super) async fn rows(session: &Session, sql: &str) -> Result<Vec<Value>, Problem> {
    let text = session.query(sql).await?.to_json().to_string();
    let rows = match serde_json::from_str(&text) {
        Ok(Value::Array(rows)) => rows,
        other => return Err(Problem::internal(format!("an answer without rows: {other:?}"))),
    };
    let shown = rows.into_iter().map(|mut row| {
        if let Value::Object(fields) = &mut row {
            fields.remove("tenant_id");
        }
        row
    });
    Ok(shown.collect())
}

/// A sentence for people where answers of `sessions` lack what is in damaged files, in the language of
/// `Accept-Language`.
pub(super) fn incomplete(sessions: &[&Session], headers: &HeaderMap) -> Option<String> {
    let files: BTreeSet<String> = sessions.iter().flat_map(|session| session.left_out()).collect();
    if files.is_empty() {
        return None;
    }
    let files: Vec<String> = files.into_iter().collect();
    let text = format!(
        "Files of the warehouse are damaged, and what is in them is left out: {}",
        files.join(", ")
    );
    let chinese = messages::in_chinese(&text).filter(|_| messages::prefers_chinese(headers));
    Some(chinese.unwrap_or(text))
}

/// What tells in the headers of a list that it lacks what is in damaged files: `x-truncated`, as where a
/// file is not whole, and in `x-left-out` which those are.
pub(super) fn left_out(session: &Session) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let files = session.left_out();
    if !files.is_empty() {
        headers.insert("x-truncated", HeaderValue::from_static("true"));
        // Names of ours are letters and digits.
        if let Ok(files) = HeaderValue::try_from(files.join(", ")) {
            headers.insert("x-left-out", files);
        }
    }
    headers
}

/// The conditions of a WHERE.
#[derive(Default)]
pub(super) struct Conditions(Vec<String>);

impl Conditions {
    /// `column` holds exactly `text`.
    pub(super) fn is(&mut self, column: &'static str, text: &str) -> Result<(), Problem> {
        self.0.push(format!("{column} = {}", quoted(column, text)?));
        Ok(())
    }

    /// `column` holds `text` somewhere.
    pub(super) fn contains(
        &mut self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<(), Problem> {
        if let Some(text) = text {
            self.0.push(format!("strpos({column}, {}) > 0", quoted(column, text)?));
        }
        Ok(())
    }

    /// `column`, a telephone number, holds `text` somewhere; with `*` or `?` in it, it is that as a
    /// whole.
    pub(super) fn number(
        &mut self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<(), Problem> {
        let Some(pattern) = text.and_then(like) else { return self.contains(column, text) };
        filter(column, text.unwrap_or_default())?;
        self.0.push(format!("{column} LIKE {}", literal::text(&pattern)));
        Ok(())
    }

    /// `column` is `id`.
    pub(super) fn id(&mut self, column: &'static str, id: Option<u64>) {
        if let Some(id) = id {
            self.0.push(format!("{column} = {id}"));
        }
    }

    /// `column`, in milliseconds, is at least so many seconds.
    pub(super) fn seconds_min(&mut self, column: &'static str, seconds: Option<u32>) {
        if let Some(seconds) = seconds {
            self.0.push(format!("{column} >= {}", u64::from(seconds) * 1000));
        }
    }

    /// `column`, in milliseconds, is at most so many seconds.
    pub(super) fn seconds_max(&mut self, column: &'static str, seconds: Option<u32>) {
        if let Some(seconds) = seconds {
            self.0.push(format!("{column} <= {}", u64::from(seconds) * 1000));
        }
    }

    /// A condition without anything that a person typed.
    pub(super) fn own(&mut self, condition: String) {
        self.0.push(condition);
    }

    /// `column` lies in the period.
    pub(super) fn between(
        &mut self,
        column: &'static str,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) {
        if let Some(from) = from {
            self.0.push(format!("{column} >= {}", literal::instant(from)));
        }
        if let Some(to) = to {
            self.0.push(format!("{column} < {}", literal::instant(to)));
        }
    }

    /// `WHERE …`, or nothing.
    pub(super) fn sql(&self) -> String {
        if self.0.is_empty() { String::new() } else { format!(" WHERE {}", self.0.join(" AND ")) }
    }
}

/// How many rows a page gets, of those asked for.
pub(super) fn page_limit(asked: Option<u32>) -> u32 {
    asked.unwrap_or(PAGE).clamp(1, PAGE_MAX)
}

/// A page of `limit` rows, of those that were read for it: one more than it shows tells whether there is
/// a next one. With it comes where that begins, which `at` reads from the last row.
pub(super) fn page_of<T, At: Into<Option<Cursor>>>(
    mut rows: Vec<T>,
    limit: usize,
    at: impl FnOnce(&T) -> At,
) -> (Vec<T>, Option<String>) {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more);
    let next: Option<Cursor> = last.and_then(|last| at(last).into());
    let next = next.map(|next| next.to_string());
    (rows, next)
}

/// One page of a list.
pub(super) struct Page {
    pub(super) rows: Vec<Value>,
    /// The next page begins after it; none at the end.
    pub(super) next: Option<String>,
}

impl Page {
    /// The first rows of `table` in that order that meet the conditions. `cursor` reads from a row where it stands in the order.
    pub(super) async fn read(
        session: &Session,
        table: &'static str,
        conditions: &Conditions,
        order_by: &'static str,
        limit: Option<u32>,
        cursor: impl Fn(&Value) -> Option<Cursor>,
    ) -> Result<Self, Problem> {
        let limit = page_limit(limit) as usize;
        // One more than shown tells whether there is a next page.
        let sql = format!(
            "SELECT * FROM {table}{} ORDER BY {order_by} LIMIT {}",
            conditions.sql(),
            limit + 1
        );
        let (rows, next) = page_of(rows(session, &sql).await?, limit, cursor);
        Ok(Page { rows, next })
    }
}

/// A person's text as a literal.
fn quoted(field: &str, text: &str) -> Result<String, Problem> {
    filter(field, text).map(literal::text)
}

/// A person's text, as long as a filter may be.
pub(super) fn filter<'a>(field: &str, text: &'a str) -> Result<&'a str, Problem> {
    if text.chars().count() > FILTER_CHARS_MAX || text.chars().any(char::is_control) {
        let message = format!("{field}: at most {FILTER_CHARS_MAX} printable characters are taken");
        return Err(Problem::invalid(field, message));
    }
    Ok(text)
}

/// Where a page ended: the sort column's value and the id, opaque to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) key: i64,
    pub(super) id: u64,
}

impl Cursor {
    /// Where `row` stands in a list by `time`, ids among equals.
    pub(super) fn by_time(row: &Value, time: &str, id: &str) -> Option<Self> {
        Some(Cursor {
            key: when::parse(row[time].as_str()?)?.0,
            id: row[id].as_str()?.parse().ok()?,
        })
    }

    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        text.split_once('.')
            .and_then(|(key, id)| Some(Cursor { key: key.parse().ok()?, id: id.parse().ok()? }))
            .filter(|cursor| i64::try_from(cursor.id).is_ok())
            .ok_or_else(|| {
                Problem::invalid("cursor", "give back the `next` of the page before as it was")
            })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}.{}", self.key, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_cannot_be_left() {
        assert_eq!(quoted("caller", "O'Neil' OR '1'='1").unwrap(), "'O''Neil'' OR ''1''=''1'");
        assert!(quoted("caller", "a\0b").is_err());
        assert!(quoted("caller", &"x".repeat(65)).is_err());
    }

    #[test]
    fn a_cursor_survives_and_nothing_else_is_one() {
        let cursor = Cursor { key: -5, id: 7 };
        assert_eq!(Cursor::parse(&cursor.to_string()).unwrap(), cursor);
        for text in
            ["", "1", "1.", "x.1", "1.1; DROP TABLE calls", "1.-1", "1.18446744073709551615"]
        {
            assert!(Cursor::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_page_says_where_the_next_one_begins_where_there_is_one() {
        let at = |row: &u64| Cursor { key: 9, id: *row };
        assert_eq!(page_of(vec![1, 2, 3], 2, at), (vec![1, 2], Some("9.2".to_owned())));
        assert_eq!(page_of(vec![1, 2], 2, at), (vec![1, 2], None));
        assert_eq!(page_of(Vec::new(), 2, at), (Vec::new(), None));
        assert_eq!(page_of(vec![1, 2, 3], 2, |_| None::<Cursor>), (vec![1, 2], None));
    }

    #[test]
    fn a_schema_has_the_tables_columns() {
        let schema = serde_json::to_value(CallRow::schema()).unwrap();
        assert_eq!(schema["properties"]["call_id"]["type"], "string");
        assert_eq!(schema["properties"]["started_at"]["format"], "date-time");
        assert!(schema["properties"]["tenant_id"].is_null());
    }
}
