//! The tables as SQLite says what they are; PostgreSQL has the same ones.

use super::ACTION;
use crate::Error;
use crate::db::{Cells, Db, DbRow, Text};
use sqlx::Row as _;

/// A table.
pub(super) struct Table {
    pub(super) name: String,
    columns: Vec<(String, Kind)>,
    /// Which columns are its key, in their order there.
    key: Vec<usize>,
}

/// Of which kind a value is.
#[derive(Clone, Copy)]
enum Kind {
    Number,
    Text,
    Bytes,
}

/// A value.
#[derive(Clone)]
pub(super) enum Cell {
    Number(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// All tables of the file behind `db`.
pub(super) async fn all(db: &mut Db) -> Result<Vec<Table>, Error> {
    let select = "SELECT name FROM sqlite_master WHERE type = 'table' \
                  AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name";
    let names: Vec<String> =
        sqlx::query_scalar(select).fetch_all(&mut *db).await.map_err(Error::database(ACTION))?;
    let mut tables = Vec::new();
    for name in names {
        let select = "SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid";
        let found: Vec<(String, String, i64)> = sqlx::query_as(select)
            .bind(&name)
            .fetch_all(&mut *db)
            .await
            .map_err(Error::database(ACTION))?;
        tables.push(Table::of(name, found)?);
    }
    Ok(tables)
}

impl Table {
    fn of(name: String, found: Vec<(String, String, i64)>) -> Result<Self, Error> {
        let (mut columns, mut key) = (Vec::new(), Vec::new());
        for (at, (column, declared, place)) in found.into_iter().enumerate() {
            let kind = match declared.as_str() {
                "INTEGER" => Kind::Number,
                "TEXT" => Kind::Text,
                "BLOB" => Kind::Bytes,
                other => {
                    return Err(Error::Manifest(format!("{name}.{column} has the type {other}")));
                }
            };
            columns.push((column, kind));
            if place > 0 {
                key.push((place, at));
            }
        }
        key.sort_unstable();
        Ok(Table { name, columns, key: key.into_iter().map(|(_, at)| at).collect() })
    }

    /// Which rows are moved: the mark and the number of changes are the database's own.
    fn kept(&self) -> &'static str {
        if self.name == "meta" { "name NOT IN ('mark', 'listing')" } else { "1 = 1" }
    }

    fn names(&self, which: impl Iterator<Item = usize>) -> String {
        let names: Vec<String> = which.map(|at| format!("\"{}\"", self.columns[at].0)).collect();
        names.join(", ")
    }

    /// How many rows are moved.
    pub(super) async fn count(&self, db: &mut Db) -> Result<u64, Error> {
        let text =
            Text::new(&format!("SELECT COUNT(*) FROM \"{}\" WHERE {}", self.name, self.kept()));
        let rows = text.numbers(db).fetch_one(&mut *db).await.map_err(Error::database(ACTION))?;
        Ok(rows as u64)
    }

    /// The first `limit` rows behind the key `after`, in the order of the key.
    pub(super) async fn page(
        &self,
        db: &mut Db,
        after: Option<&[Cell]>,
        limit: usize,
    ) -> Result<Vec<Vec<Cell>>, Error> {
        let (columns, key) =
            (self.names(0..self.columns.len()), self.names(self.key.iter().copied()));
        let mut text =
            Text::new(&format!("SELECT {columns} FROM \"{}\" WHERE {}", self.name, self.kept()));
        if let Some(after) = after {
            text.push(format_args!(" AND ({key}) > "));
            text.push_row(after, bind);
        }
        text.push(format_args!(" ORDER BY {key} LIMIT {limit}"));
        let rows = text.query(db).fetch_all(&mut *db).await.map_err(Error::database(ACTION))?;
        rows.iter().map(|row| self.cells(row)).collect()
    }

    fn cells(&self, row: &DbRow) -> Result<Vec<Cell>, Error> {
        let cell = |(at, (_, kind)): (usize, &(String, Kind))| {
            let found = match kind {
                Kind::Number => row.try_get(at).map(Cell::Number),
                Kind::Text => row.try_get(at).map(Cell::Text),
                Kind::Bytes => row.try_get(at).map(Cell::Bytes),
            };
            found.map_err(Error::database(ACTION))
        };
        self.columns.iter().enumerate().map(cell).collect()
    }

    /// The key of a row.
    pub(super) fn key_of(&self, row: &[Cell]) -> Vec<Cell> {
        self.key.iter().map(|at| row[*at].clone()).collect()
    }

    /// Puts rows there.
    pub(super) async fn insert(&self, db: &mut Db, rows: &[Vec<Cell>]) -> Result<(), Error> {
        let columns = self.names(0..self.columns.len());
        let mut text = Text::new(&format!("INSERT INTO \"{}\" ({columns}) ", self.name));
        text.push_rows(rows, |cells, row| bind(cells, row));
        text.query(db).execute(&mut *db).await.map_err(Error::database(ACTION))?;
        Ok(())
    }
}

fn bind(cells: &mut Cells, row: &[Cell]) {
    for cell in row {
        match cell {
            Cell::Number(number) => cells.bind(*number),
            Cell::Text(text) => cells.bind(text.clone()),
            Cell::Bytes(bytes) => cells.bind(bytes.clone()),
        };
    }
}
