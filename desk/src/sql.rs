//! One set of queries for two databases: SQLite and PostgreSQL read the same text with `$1`
//! parameters, and what differs between their drivers is said here once.
//!
//! Parameters are of three kinds, because the tables have no others: whole numbers (BIGINT), texts
//! (TEXT) and yes or no (BOOLEAN). A missing one says of which kind it is, as PostgreSQL asks.

use sqlx::postgres::{PgPool, PgRow};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{
    AssertSqlSafe, Decode, PgConnection, Postgres, Result, Row as _, SqlSafeStr, SqlStr, Sqlite,
    SqliteConnection, Type,
};

/// Where a statement runs: at any reader, or at the one writer within its change.
pub(crate) enum On<'c> {
    /// Any connection to the file.
    SqlitePool(&'c SqlitePool),
    /// A change in the file.
    Sqlite(&'c mut SqliteConnection),
    /// Any connection to the server.
    PostgresPool(&'c PgPool),
    /// A change at the server.
    Postgres(&'c mut PgConnection),
}

/// What a parameter stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// BIGINT.
    Number(Option<i64>),
    /// TEXT.
    Text(Option<String>),
    /// BOOLEAN.
    Flag(Option<bool>),
}

/// Types that a parameter may have.
macro_rules! values {
    ($($type:ty => $kind:ident($from:expr);)+) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Value {
                Value::$kind(Some($from(value)))
            }
        }
        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Value {
                Value::$kind(value.map($from))
            }
        }
    )+};
}

values! {
    i64 => Number(i64::from);
    bool => Flag(bool::from);
    String => Text(without_nul);
    &String => Text(without_nul);
    &str => Text(without_nul);
}

impl From<&Option<String>> for Value {
    fn from(value: &Option<String>) -> Value {
        value.as_deref().into()
    }
}

/// PostgreSQL knows no text with NUL in it, and none is ever kept: who asks for one finds nothing.
fn without_nul(text: impl Into<String>) -> String {
    let text = text.into();
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// A statement with its parameters.
pub(crate) struct Query {
    sql: SqlStr,
    values: Vec<Value>,
}

/// A statement that has no parameters yet.
pub(crate) fn query(sql: impl SqlSafeStr) -> Query {
    Query { sql: sql.into_sql_str(), values: Vec::new() }
}

/// The same for one column of which nothing else is wanted.
pub(crate) fn query_scalar(sql: impl SqlSafeStr) -> Scalar {
    Scalar(query(sql))
}

/// The statement for one database, its parameters bound.
macro_rules! bound {
    ($database:ty, $query:expr) => {
        $query.values.into_iter().fold(sqlx::query::<$database>($query.sql), |query, value| {
            match value {
                Value::Number(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
                Value::Flag(flag) => query.bind(flag),
            }
        })
    };
}

/// Runs a statement where it is to run and gives back what `$sqlite` or `$postgres` makes of it.
macro_rules! run {
    ($query:expr, $on:expr, $method:ident, $sqlite:expr, $postgres:expr) => {
        match $on {
            On::SqlitePool(on) => bound!(Sqlite, $query).$method(on).await.map($sqlite),
            On::Sqlite(on) => bound!(Sqlite, $query).$method(on).await.map($sqlite),
            On::PostgresPool(on) => bound!(Postgres, $query).$method(on).await.map($postgres),
            On::Postgres(on) => bound!(Postgres, $query).$method(on).await.map($postgres),
        }
    };
}

impl Query {
    /// The next parameter.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Runs it for what it does.
    pub(crate) async fn execute(self, on: On<'_>) -> Result<Done> {
        run!(self, on, execute, |done| Done(done.rows_affected()), |done| Done(
            done.rows_affected()
        ))
    }

    /// All rows that it finds.
    pub(crate) async fn fetch_all(self, on: On<'_>) -> Result<Vec<DbRow>> {
        run!(self, on, fetch_all, |rows| rows.into_iter().map(DbRow::Sqlite).collect(), |rows| rows
            .into_iter()
            .map(DbRow::Postgres)
            .collect())
    }

    /// The first row that it finds, if there is one.
    pub(crate) async fn fetch_optional(self, on: On<'_>) -> Result<Option<DbRow>> {
        run!(self, on, fetch_optional, |row| row.map(DbRow::Sqlite), |row| row.map(DbRow::Postgres))
    }

    /// The row that is always there.
    pub(crate) async fn fetch_one(self, on: On<'_>) -> Result<DbRow> {
        run!(self, on, fetch_one, DbRow::Sqlite, DbRow::Postgres)
    }
}

/// A statement of whose rows the first column is wanted.
pub(crate) struct Scalar(Query);

impl Scalar {
    /// The next parameter.
    pub(crate) fn bind(self, value: impl Into<Value>) -> Self {
        Scalar(self.0.bind(value))
    }

    /// Of all rows.
    pub(crate) async fn fetch_all<T: for<'r> Column<'r>>(self, on: On<'_>) -> Result<Vec<T>> {
        self.0.fetch_all(on).await?.iter().map(DbRow::first).collect()
    }

    /// Of the first row, if there is one.
    pub(crate) async fn fetch_optional<T: for<'r> Column<'r>>(
        self,
        on: On<'_>,
    ) -> Result<Option<T>> {
        self.0.fetch_optional(on).await?.as_ref().map(DbRow::first).transpose()
    }

    /// Of the row that is always there.
    pub(crate) async fn fetch_one<T: for<'r> Column<'r>>(self, on: On<'_>) -> Result<T> {
        self.0.fetch_one(on).await?.first()
    }
}

/// What a statement did.
pub(crate) struct Done(u64);

impl Done {
    /// Rows that it made, changed or took away.
    pub(crate) fn rows_affected(&self) -> u64 {
        self.0
    }
}

/// A row of either database.
pub(crate) enum DbRow {
    /// Of the file.
    Sqlite(SqliteRow),
    /// Of the server.
    Postgres(PgRow),
}

/// A type that both databases give for a column.
pub(crate) trait Column<'r>:
    Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>
{
}

impl<'r, T> Column<'r> for T where
    T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>
{
}

impl DbRow {
    /// The column of this name.
    ///
    /// # Panics
    /// When the statement selects no such column, or one of another type.
    pub(crate) fn get<'r, T: Column<'r>>(&'r self, column: &str) -> T {
        match self {
            DbRow::Sqlite(row) => row.get(column),
            DbRow::Postgres(row) => row.get(column),
        }
    }

    fn first<'r, T: Column<'r>>(&'r self) -> Result<T> {
        match self {
            DbRow::Sqlite(row) => row.try_get(0),
            DbRow::Postgres(row) => row.try_get(0),
        }
    }
}

/// A statement that is put together from what is asked for.
pub(crate) struct Builder {
    text: String,
    values: Vec<Value>,
}

impl Builder {
    /// Begins with `text`.
    pub(crate) fn new(text: &str) -> Self {
        Builder { text: text.to_owned(), values: Vec::new() }
    }

    /// Goes on with `text`, which is never what somebody sent.
    pub(crate) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Goes on with a parameter.
    pub(crate) fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
        self
    }

    /// The statement.
    pub(crate) fn build(self) -> Query {
        Query { sql: AssertSqlSafe(self.text).into_sql_str(), values: self.values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_put_together_with_its_parameters_counted() {
        let mut builder = Builder::new("SELECT id FROM orders WHERE tenant_id = ");
        builder.push_bind(7).push(" AND kind = ").push_bind("x").push(" LIMIT ").push_bind(1);
        let query = builder.build();
        assert_eq!(
            query.sql.as_str(),
            "SELECT id FROM orders WHERE tenant_id = $1 AND kind = $2 LIMIT $3"
        );
        assert_eq!(query.values, [7.into(), "x".into(), Value::Number(Some(1))]);
    }

    #[test]
    fn a_missing_parameter_says_of_which_kind_it_is() {
        assert_eq!(Value::from(None::<i64>), Value::Number(None));
        assert_eq!(Value::from(None::<&str>), Value::Text(None));
        assert_eq!(Value::from("a\0b"), Value::Text(Some("a\u{fffd}b".into())));
        assert_eq!(Value::from(Some(true)), Value::Flag(Some(true)));
    }
}
