//! Reading the warehouse for the API's own lists. Columns and sort orders come from enums; what a
//! person typed becomes a quoted literal and nothing else.

use super::Api;
use super::guard::Caller;
use super::problem::Problem;
use desk::Permission;
use serde_json::Value;
use std::borrow::Cow;
use std::time::Duration;
use terms::Timestamp;
use terms::record::{self, ColumnType, Record};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use warehouse::{Limits, Scope, Session};

/// Rows of one page.
pub const PAGE_MAX: u32 = 500;
/// What the API's own questions may use; a person's SQL and reports run in the worker.
const LIMITS: Limits =
    Limits { rows_max: 10_000, time_max: Duration::from_secs(20), memory_max: 128 << 20 };
/// Longest text of a filter.
const FILTER_CHARS_MAX: usize = 64;

/// The schema of a table's rows in answers, from the table's own declaration.
fn schema_of<R: Record>() -> RefOr<Schema> {
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
    object.into()
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
    RecordingRow of Recording;
    SurveyRow of Survey;
}

/// Rows of any shape in a schema.
pub(super) fn any_rows() -> RefOr<Schema> {
    ArrayBuilder::new().items(ObjectBuilder::new()).into()
}

impl Api {
    /// A session over what `caller` may see: everything of the tenant, or only their own calls.
    pub(super) async fn session(&self, caller: &Caller) -> Result<Session, Problem> {
        let mut scope = Scope::of(caller.tenant());
        scope.time_zone = self.store.tenant(caller.tenant()).await?.profile.time_zone;
        if !caller.may(Permission::CallsRead) {
            scope.agents = Some(caller.agent().into_iter().collect());
        }
        Ok(Session::open(&self.warehouse, scope, LIMITS).await?)
    }

    /// A session over everything of the tenant, for details of what `caller` was shown already.
    pub(super) async fn tenant_session(&self, caller: &Caller) -> Result<Session, Problem> {
        let mut scope = Scope::of(caller.tenant());
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

/// The conditions of a WHERE.
#[derive(Default)]
pub(super) struct Conditions(Vec<String>);

impl Conditions {
    /// `column` holds exactly `text`.
    pub(super) fn is(&mut self, column: &'static str, text: &str) -> Result<(), Problem> {
        self.0.push(format!("{column} = {}", literal(column, text)?));
        Ok(())
    }

    /// `column` holds `text` somewhere.
    pub(super) fn contains(&mut self, column: &'static str, text: &str) -> Result<(), Problem> {
        self.0.push(format!("strpos({column}, {}) > 0", literal(column, text)?));
        Ok(())
    }

    /// `column` is `id`.
    pub(super) fn id(&mut self, column: &'static str, id: u64) {
        self.0.push(format!("{column} = {id}"));
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
            self.0.push(format!("{column} >= {}", instant(from)));
        }
        if let Some(to) = to {
            self.0.push(format!("{column} < {}", instant(to)));
        }
    }

    /// `WHERE …`, or nothing.
    pub(super) fn sql(&self) -> String {
        if self.0.is_empty() { String::new() } else { format!(" WHERE {}", self.0.join(" AND ")) }
    }
}

/// A point in time of the warehouse's own column type.
pub(super) fn instant(at: Timestamp) -> String {
    format!("arrow_cast({}, 'Timestamp(Microsecond, Some(\"UTC\"))')", at.0)
}

/// A text in quotes. Standard SQL strings have one special character, the quote itself.
fn literal(field: &str, text: &str) -> Result<String, Problem> {
    if text.chars().count() > FILTER_CHARS_MAX || text.chars().any(char::is_control) {
        let message = format!("{field}: at most {FILTER_CHARS_MAX} printable characters are taken");
        return Err(Problem::invalid(field, message));
    }
    Ok(format!("'{}'", text.replace('\'', "''")))
}

/// Where a page ended: the sort column's value and the id, opaque to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) key: i64,
    pub(super) id: u64,
}

impl Cursor {
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
        assert_eq!(literal("caller", "O'Neil' OR '1'='1").unwrap(), "'O''Neil'' OR ''1''=''1'");
        assert_eq!(literal("caller", "\\' --").unwrap(), "'\\'' --'");
        assert!(literal("caller", "a\0b").is_err());
        assert!(literal("caller", &"x".repeat(65)).is_err());
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
    fn a_schema_has_the_tables_columns() {
        let schema = serde_json::to_value(CallRow::schema()).unwrap();
        assert_eq!(schema["properties"]["call_id"]["type"], "string");
        assert_eq!(schema["properties"]["started_at"]["format"], "date-time");
        assert!(schema["properties"]["tenant_id"].is_null());
    }
}
