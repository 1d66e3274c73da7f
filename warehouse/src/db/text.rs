//! A query that is put together from parts.

use super::{Db, dialect};
use sqlx::any::AnyArguments;
use sqlx::query::{Query, QueryScalar};
use sqlx::{Any, Arguments, AssertSqlSafe, Encode, Type};
use std::fmt::{Display, Write as _};

/// Text and parameters, which are numbered as they come. [`sqlx::QueryBuilder`] writes `?` for them,
/// which PostgreSQL does not know.
pub(crate) struct Text {
    text: String,
    arguments: AnyArguments,
}

impl Text {
    /// Begins with `text`.
    pub fn new(text: &str) -> Self {
        Text { text: text.to_owned(), arguments: AnyArguments::default() }
    }

    /// Adds text that no caller has written.
    pub fn push(&mut self, text: impl Display) -> &mut Self {
        let _ = write!(self.text, "{text}");
        self
    }

    /// Adds a parameter.
    pub fn push_bind<'q, T>(&mut self, value: T) -> &mut Self
    where
        T: Encode<'q, Any> + Type<Any>,
    {
        self.arguments.add(value).expect("numbers, texts and bytes can always be sent");
        let number = self.arguments.len();
        self.push(format_args!("${number}"))
    }

    /// Adds the parameters of one row in brackets; `cells` adds them, with commas between them.
    pub fn push_row<R: ?Sized>(
        &mut self,
        row: &R,
        cells: impl FnOnce(&mut Cells, &R),
    ) -> &mut Self {
        self.push("(");
        cells(&mut Cells { text: self, first: true }, row);
        self.push(")")
    }

    /// Adds one of `rows` after the other: `VALUES (…), (…)`. `cells` adds the parameters of one, with
    /// commas between them.
    pub fn push_rows<R>(&mut self, rows: &[R], mut cells: impl FnMut(&mut Cells, &R)) -> &mut Self {
        self.push("VALUES ");
        for (at, row) in rows.iter().enumerate() {
            self.push(if at == 0 { "" } else { ", " });
            self.push_row(row, &mut cells);
        }
        self
    }

    /// The query in the words of the database behind `db`.
    pub fn query(self, db: &Db) -> Query<'static, Any, AnyArguments> {
        sqlx::query_with(dialect::sql(db, &self.text), self.arguments)
    }

    /// The same for the one number of each row.
    pub fn numbers(self, db: &Db) -> QueryScalar<'static, Any, i64, AnyArguments> {
        let text: AssertSqlSafe<String> = dialect::sql(db, &self.text);
        sqlx::query_scalar_with(text, self.arguments)
    }
}

/// The parameters of a row.
pub(crate) struct Cells<'a> {
    text: &'a mut Text,
    first: bool,
}

impl Cells<'_> {
    /// Adds one.
    pub fn bind<'q, T>(&mut self, value: T) -> &mut Self
    where
        T: Encode<'q, Any> + Type<Any>,
    {
        if !self.first {
            self.text.push(", ");
        }
        self.first = false;
        self.text.push_bind(value);
        self
    }
}
