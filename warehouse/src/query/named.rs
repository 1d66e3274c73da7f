//! Questions with parameters that have names, `:from`. A value is put into the tree, not into the
//! text, so that nothing in it is read as SQL; it is a literal of [`literal`](super::literal). What
//! the guard says of a text without parameters it says of this one.

use super::guard::{self, position};
use super::names::nearest;
use super::{Session, plain_text, refusal};
use crate::{Answer, SqlError, SqlFault};
use arrow::datatypes::SchemaRef;
use datafusion::functions_aggregate::count::count_all;
use datafusion::logical_expr::{self, LogicalPlanBuilder};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Expr, Statement, Value, VisitMut, VisitorMut};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use std::ops::ControlFlow;

/// The name of a parameter without its colon, and its value as a literal.
pub type Named = (&'static str, String);

impl Session {
    /// Runs one SELECT, WITH or VALUES with parameters of the names of `values`.
    ///
    /// # Errors
    /// See [`SqlFault`]; an unknown parameter is [`SqlFault::Syntax`].
    pub async fn query_named(&self, sql: &str, values: &[Named]) -> Result<Answer, SqlError> {
        let statement = self.bound(sql, values)?;
        self.within_time(sql, self.run(sql, statement)).await
    }

    /// Counts the rows of such a question, however many they are: the answer is one number.
    ///
    /// # Errors
    /// See [`SqlFault`]; an unknown parameter is [`SqlFault::Syntax`].
    pub async fn count_named(&self, sql: &str, values: &[Named]) -> Result<Answer, SqlError> {
        let statement = self.bound(sql, values)?;
        let counted = async {
            let rows = self.context.state().statement_to_plan(statement).await?;
            let alone = Vec::<logical_expr::Expr>::new();
            let count = LogicalPlanBuilder::from(rows).aggregate(alone, [count_all()])?.build()?;
            self.answer(sql, self.read_only(count)?).await
        };
        self.within_time(sql, counted).await
    }

    /// Names and types of the columns of a question, planned and not asked. Text is always Utf8.
    ///
    /// # Errors
    /// See [`SqlFault`]; an unknown parameter is [`SqlFault::Syntax`].
    pub async fn columns_named(&self, sql: &str, values: &[Named]) -> Result<SchemaRef, SqlError> {
        let statement = self.bound(sql, values)?;
        let explained = |error| refusal::explain(error, sql, self);
        let plan = self.context.state().statement_to_plan(statement).await.map_err(explained)?;
        let plan = self.read_only(plan).map_err(explained)?;
        let checked = self.context.state().optimize(&plan).map_err(explained)?;
        Ok(plain_text::schema(checked.schema().as_arrow()))
    }

    /// The tree of a text that passed the guard, with the values in it.
    fn bound(&self, sql: &str, values: &[Named]) -> Result<Parsed, SqlError> {
        let mut statement = guard::parse(sql)?;
        let query = match &mut statement {
            Parsed::Statement(inner) => match inner.as_mut() {
                Statement::Query(query) => Some(query),
                _ => None,
            },
            _ => None,
        };
        let Some(query) = query else {
            let text = "only SELECT, WITH and VALUES are answered here";
            return Err(SqlError::new(SqlFault::Forbidden, text));
        };
        if let ControlFlow::Break(error) = query.visit(&mut Bind(values)) {
            return Err(*error);
        }
        guard::allow(&statement, &self.tables, None)?;
        Ok(statement)
    }
}

struct Bind<'a>(&'a [Named]);

impl VisitorMut for Bind<'_> {
    type Break = Box<SqlError>;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Box<SqlError>> {
        let Expr::Value(value) = &*expr else { return ControlFlow::Continue(()) };
        let Value::Placeholder(word) = &value.value else { return ControlFlow::Continue(()) };
        let made = match self.value(word) {
            Some(literal) => expression(literal),
            None => {
                let mut error = self.unknown(word);
                error.position = position(value.span);
                Err(error)
            }
        };
        match made {
            Ok(made) => {
                *expr = made;
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }
}

impl Bind<'_> {
    fn value(&self, word: &str) -> Option<&str> {
        let name = word.strip_prefix(':')?.to_lowercase();
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, literal)| literal.as_str())
    }

    fn unknown(&self, word: &str) -> SqlError {
        let near = nearest(word.trim_start_matches(':'), self.0.iter().map(|(known, _)| *known));
        let all: Vec<String> = self.0.iter().map(|(known, _)| format!(":{known}")).collect();
        let text = match near.first() {
            Some(near) => format!("there is no parameter \"{word}\"; did you mean \":{near}\"?"),
            None => format!("there is no parameter \"{word}\"; there are {}", all.join(", ")),
        };
        let mut error = SqlError::new(SqlFault::Syntax, text);
        error.word = Some(word.to_owned());
        error.nearest = near;
        error
    }
}

fn expression(literal: &str) -> Result<Expr, SqlError> {
    Parser::new(&PostgreSqlDialect {})
        .try_with_sql(literal)
        .and_then(|mut parser| parser.parse_expr())
        .map_err(|error| SqlError::new(SqlFault::Syntax, error.to_string()))
}

#[cfg(test)]
mod tests {
    use crate::query::literal;
    use crate::store_tests::session;
    use crate::stories::{day, fold};
    use crate::{Position, SqlFault, Warehouse};
    use arrow::datatypes::DataType;
    use terms::Timestamp;

    #[tokio::test]
    async fn a_value_is_bound_where_its_name_stands_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        warehouse.stage_rows("test", 1, &fold(&day(5, 1, 10))).await.unwrap();
        let session = session(&warehouse, 1).await;
        let hostile = [
            ("from", literal::instant(Timestamp(0))),
            ("word", literal::text("x' OR 1 = 1; --")),
            ("queue", literal::id(None)),
        ];
        let sql = "SELECT :WORD AS said, ':word' AS kept, COUNT(*) AS calls FROM calls
                   WHERE started_at >= :from AND (:queue IS NULL OR queue_id = :queue)";
        let answer = session.query_named(sql, &hostile).await.unwrap().to_csv();
        assert!(answer.contains("x' OR 1 = 1; --,:word,"), "{answer}");

        let schema = session.columns_named(sql, &hostile).await.unwrap();
        let columns: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(columns, ["said", "kept", "calls"]);
        assert_eq!(schema.field(2).data_type(), &DataType::Int64);

        let wrong = session.query_named("SELECT 1 AS one,\n :form AS two", &hostile).await;
        let wrong = wrong.unwrap_err();
        assert_eq!(wrong.fault, SqlFault::Syntax);
        assert_eq!(wrong.message, "there is no parameter \":form\"; did you mean \":from\"?");
        assert_eq!(wrong.position, Some(Position { line: 2, column: 2 }));
        let foreign = session.columns_named("SELECT * FROM desk.users", &hostile).await;
        assert_eq!(foreign.unwrap_err().fault, SqlFault::UnknownTable);
        let write = session.columns_named("DELETE FROM calls", &hostile).await;
        assert_eq!(write.unwrap_err().fault, SqlFault::Forbidden);
    }
}
