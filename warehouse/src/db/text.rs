//! A query that is put together from parts.

use super::{Db, dialect};
use sqlx::any::AnyArguments;
use sqlx::query::{Query, QueryScalar};
use sqlx::{Any, Arguments, Encode, Type};
use std::borrow::Cow;
use std::fmt::{Display, Write as _};

/// A parameter without a name.
const MARK: &str = "?";

/// Text and parameters, which count as they come. [`sqlx::QueryBuilder`] writes `?` for them, which
/// PostgreSQL does not know; SQLite goes through all names for each parameter that has one, so that the
/// names of thousands take longer than the rows.
pub(crate) struct Text {
    text: String,
    arguments: AnyArguments,
    /// Where parameters stand in the text, in their order.
    places: Vec<usize>,
}

impl Text {
    /// Begins with `text`.
    pub fn new(text: &str) -> Self {
        Text { text: text.to_owned(), arguments: AnyArguments::default(), places: Vec::new() }
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
        self.places.push(self.text.len());
        self.push(MARK)
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
        let text = dialect::sql(db, &self.written(dialect::names_parameters(db)));
        sqlx::query_with(text, self.arguments)
    }

    /// The same for the one number of each row.
    pub fn numbers(self, db: &Db) -> QueryScalar<'static, Any, i64, AnyArguments> {
        let text = dialect::sql(db, &self.written(dialect::names_parameters(db)));
        sqlx::query_scalar_with(text, self.arguments)
    }

    /// The text, with `$1`, `$2` … for the parameters or with a mark for each.
    fn written(&self, names: bool) -> Cow<'_, str> {
        if !names {
            return Cow::Borrowed(&self.text);
        }
        let mut numbered = String::with_capacity(self.text.len() + self.places.len() * 5);
        let mut from = 0;
        for (at, &place) in self.places.iter().enumerate() {
            numbered.push_str(&self.text[from..place]);
            let _ = write!(numbered, "${}", at + 1);
            from = place + MARK.len();
        }
        numbered.push_str(&self.text[from..]);
        Cow::Owned(numbered)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_numbers_for_postgresql_and_no_names_for_sqlite() {
        let mut text = Text::new("INSERT INTO t (a, b) ");
        text.push_rows(&[(1_i64, "?"), (2, "$9")], |cells, (number, word)| {
            cells.bind(*number).bind((*word).to_owned());
        });
        text.push(" ON CONFLICT (a) DO NOTHING");
        let end = " ON CONFLICT (a) DO NOTHING";
        assert_eq!(text.written(false), format!("INSERT INTO t (a, b) VALUES (?, ?), (?, ?){end}"));
        let numbered = format!("INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4){end}");
        assert_eq!(text.written(true), numbered);
    }
}
