//! What the tables are, as the file of SQLite says it: their columns, their keys, and which of them
//! refer to which. Both databases have the same ones.

use super::super::Change;
use super::DOING;
use crate::error::During;
use crate::sql::{self, DbRow, Query, Value};
use crate::{Error, Result};
use sqlx::AssertSqlSafe;
use std::collections::BTreeSet;

/// A table.
pub(super) struct Table {
    pub(super) name: String,
    columns: Vec<Column>,
    /// Which columns are its key, in their order there.
    key: Vec<usize>,
    /// Which columns name a row of the table itself.
    own: Vec<usize>,
    /// The other tables of which it names rows.
    needs: BTreeSet<String>,
}

struct Column {
    name: String,
    kind: Kind,
}

/// Of which kind a value is.
#[derive(Clone, Copy)]
enum Kind {
    Number,
    Text,
    Flag,
}

/// A row's reference to another row of its table.
pub(super) struct Own {
    key: Vec<Value>,
    column: usize,
    value: Value,
}

/// All tables of the file on the other side of `on`, those first to which others refer.
pub(super) async fn all(on: &mut Change) -> Result<Vec<Table>> {
    let select = "SELECT name FROM sqlite_master WHERE type = 'table'
         AND substr(name, 1, 7) <> 'sqlite_' AND name <> '_sqlx_migrations' ORDER BY name";
    let names: Vec<String> = sql::query_scalar(select).fetch_all(on.on()).await.during(DOING)?;
    let mut tables = Vec::new();
    for name in names {
        tables.push(read(on, name).await?);
    }
    in_order(tables)
}

async fn read(on: &mut Change, name: String) -> Result<Table> {
    let select = "SELECT name, type AS kind, pk FROM pragma_table_info($1) ORDER BY cid";
    let rows = sql::query(select).bind(&name).fetch_all(on.on()).await.during(DOING)?;
    let (mut columns, mut key) = (Vec::new(), Vec::new());
    for (at, row) in rows.iter().enumerate() {
        let column = Column { name: row.get("name"), kind: Kind::of(row.get("kind"))? };
        columns.push(column);
        let place: i64 = row.get("pk");
        if place > 0 {
            key.push((place, at));
        }
    }
    key.sort_unstable();
    let select = "SELECT \"table\" AS target, \"from\" AS origin FROM pragma_foreign_key_list($1)";
    let references = sql::query(select).bind(&name).fetch_all(on.on()).await.during(DOING)?;
    let (mut own, mut needs) = (Vec::new(), BTreeSet::new());
    for reference in &references {
        let (target, origin): (String, String) = (reference.get("target"), reference.get("origin"));
        if target == name {
            own.extend(columns.iter().position(|column| column.name == origin));
        } else {
            needs.insert(target);
        }
    }
    Ok(Table { name, columns, key: key.into_iter().map(|(_, at)| at).collect(), own, needs })
}

/// Each behind those to which it refers.
fn in_order(mut waiting: Vec<Table>) -> Result<Vec<Table>> {
    let (mut ordered, mut there) = (Vec::new(), BTreeSet::new());
    while !waiting.is_empty() {
        let (ready, rest): (Vec<Table>, Vec<Table>) =
            waiting.into_iter().partition(|table| table.needs.is_subset(&there));
        if ready.is_empty() {
            return Err(stored("its tables refer to each other in a circle"));
        }
        there.extend(ready.iter().map(|table| table.name.clone()));
        ordered.extend(ready);
        waiting = rest;
    }
    Ok(ordered)
}

fn stored(problem: &str) -> Error {
    Error::Stored { doing: DOING, what: "table", problem: problem.to_owned() }
}

impl Kind {
    fn of(declared: &str) -> Result<Self> {
        match declared {
            "BIGINT" | "INTEGER" => Ok(Kind::Number),
            "TEXT" => Ok(Kind::Text),
            "BOOLEAN" => Ok(Kind::Flag),
            other => Err(stored(&format!("a column is of the type {other}"))),
        }
    }

    fn none(self) -> Value {
        match self {
            Kind::Number => Value::Number(None),
            Kind::Text => Value::Text(None),
            Kind::Flag => Value::Flag(None),
        }
    }
}

/// A number, where the value is one.
fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => *number,
        Value::Text(_) | Value::Flag(_) => None,
    }
}

fn quoted<'a>(columns: impl IntoIterator<Item = &'a Column>) -> String {
    let names: Vec<String> =
        columns.into_iter().map(|column| format!("\"{}\"", column.name)).collect();
    names.join(", ")
}

/// `$n, $n+1, …`, so many.
fn parameters(from: usize, count: usize) -> String {
    let names: Vec<String> = (from..from + count).map(|number| format!("${number}")).collect();
    names.join(", ")
}

impl Table {
    fn key_columns(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().map(|at| &self.columns[*at])
    }

    /// How many rows it has.
    pub(super) async fn count(&self, on: &mut Change) -> Result<u64> {
        let select = AssertSqlSafe(format!("SELECT count(*) FROM \"{}\"", self.name));
        let rows: i64 = sql::query_scalar(select).fetch_one(on.on()).await.during(DOING)?;
        Ok(rows as u64)
    }

    /// The first `limit` rows behind the key `after`, in the order of the key.
    pub(super) fn select(&self, after: Option<&[Value]>, limit: usize) -> Query {
        let (columns, key) = (quoted(&self.columns), quoted(self.key_columns()));
        let behind = after.map_or_else(String::new, |after| {
            format!("WHERE ({key}) > ({}) ", parameters(1, after.len()))
        });
        let text =
            format!("SELECT {columns} FROM \"{}\" {behind}ORDER BY {key} LIMIT {limit}", self.name);
        let after = after.unwrap_or_default().iter().cloned();
        after.fold(sql::query(AssertSqlSafe(text)), Query::bind)
    }

    /// The values of a row.
    pub(super) fn values(&self, row: &DbRow) -> Vec<Value> {
        let value = |column: &Column| match column.kind {
            Kind::Number => Value::from(row.get::<Option<i64>>(&column.name)),
            Kind::Text => Value::from(row.get::<Option<String>>(&column.name)),
            Kind::Flag => Value::from(row.get::<Option<bool>>(&column.name)),
        };
        self.columns.iter().map(value).collect()
    }

    /// The key of a row.
    pub(super) fn key_of(&self, row: &[Value]) -> Vec<Value> {
        self.key.iter().map(|at| row[*at].clone()).collect()
    }

    /// Whether a row of it may refer to another one.
    pub(super) fn names_itself(&self) -> bool {
        !self.own.is_empty()
    }

    /// The rows, each behind those to which it refers; and those that go round in a circle, or refer to
    /// one that does.
    pub(super) fn ordered(&self, rows: Vec<Vec<Value>>) -> (Vec<Vec<Value>>, Vec<Vec<Value>>) {
        let (mut ordered, mut waiting) = (Vec::new(), rows);
        let mut known = BTreeSet::new();
        loop {
            let is_ready = |row: &Vec<Value>| {
                self.own.iter().all(|at| number(&row[*at]).is_none_or(|id| known.contains(&id)))
            };
            let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_ready);
            if ready.is_empty() {
                return (ordered, rest);
            }
            let keys = ready.iter().flat_map(|row| self.key.iter().map(move |at| &row[*at]));
            known.extend(keys.filter_map(number));
            ordered.extend(ready);
            waiting = rest;
        }
    }

    /// Takes what a row says of other rows of its table out of it.
    pub(super) fn take_own(&self, row: &mut [Value]) -> Vec<Own> {
        let key = self.key_of(row);
        let mut taken = Vec::new();
        for &column in &self.own {
            let none = self.columns[column].kind.none();
            let value = std::mem::replace(&mut row[column], none.clone());
            if value != none {
                taken.push(Own { key: key.clone(), column, value });
            }
        }
        taken
    }

    /// Puts rows there.
    pub(super) fn insert(&self, rows: &[Vec<Value>]) -> Query {
        let width = self.columns.len();
        let cells: Vec<String> = (0..rows.len())
            .map(|row| format!("({})", parameters(row * width + 1, width)))
            .collect();
        let text = format!(
            "INSERT INTO \"{}\" ({}) VALUES {}",
            self.name,
            quoted(&self.columns),
            cells.join(", ")
        );
        let values = rows.iter().flatten().cloned();
        values.fold(sql::query(AssertSqlSafe(text)), Query::bind)
    }
}

impl Own {
    /// Says it again, once all rows of the table are there.
    pub(super) fn update(self, table: &Table) -> Query {
        let text = format!(
            "UPDATE \"{}\" SET \"{}\" = $1 WHERE ({}) = ({})",
            table.name,
            table.columns[self.column].name,
            quoted(table.key_columns()),
            parameters(2, self.key.len())
        );
        let query = sql::query(AssertSqlSafe(text)).bind(self.value);
        self.key.into_iter().fold(query, Query::bind)
    }
}
