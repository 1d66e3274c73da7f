//! Parameters: each `$1` of a text becomes a literal of its type. The value is put into the tree, not
//! into the text, so that nothing in it is read as SQL.

use super::refused;
use crate::query::literal;
use crate::wire::{Kind, Parameter};
use crate::{SqlError, SqlFault};
use datafusion::sql::sqlparser::ast::{Expr, Query, Value, VisitMut, VisitorMut};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use std::ops::ControlFlow;

/// Most parameters of one text.
const PARAMETERS_MAX: usize = 1_000;

/// How many parameters a query has: the highest number.
pub fn count(query: &mut Query) -> Result<usize, SqlError> {
    let mut count = Count(0);
    match query.visit(&mut count) {
        ControlFlow::Break(error) => Err(*error),
        ControlFlow::Continue(()) => Ok(count.0),
    }
}

/// Puts the values in.
pub fn bind(query: &mut Query, parameters: &[Parameter]) -> Result<(), SqlError> {
    match query.visit(&mut Bind(parameters)) {
        ControlFlow::Break(error) => Err(*error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// The number of `$7`.
fn number(expr: &Expr) -> Option<Result<usize, SqlError>> {
    let Expr::Value(value) = expr else { return None };
    let Value::Placeholder(name) = &value.value else { return None };
    let number = name.strip_prefix('$').and_then(|number| number.parse().ok());
    Some(number.filter(|number| (1..=PARAMETERS_MAX).contains(number)).ok_or_else(|| {
        refused(SqlFault::Syntax, format!("{name} is no parameter; there are $1 to $1000"))
    }))
}

struct Count(usize);

impl VisitorMut for Count {
    type Break = Box<SqlError>;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Box<SqlError>> {
        match number(expr) {
            Some(Ok(number)) => self.0 = self.0.max(number),
            Some(Err(error)) => return ControlFlow::Break(Box::new(error)),
            None => {}
        }
        ControlFlow::Continue(())
    }
}

struct Bind<'a>(&'a [Parameter]);

impl VisitorMut for Bind<'_> {
    type Break = Box<SqlError>;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Box<SqlError>> {
        let made = match number(expr) {
            Some(Ok(number)) => match self.0.get(number - 1) {
                Some(parameter) => literal_of(parameter),
                None => {
                    let text = format!("there is no value for the parameter ${number}");
                    Err(refused(SqlFault::Syntax, text))
                }
            },
            Some(Err(error)) => Err(error),
            None => return ControlFlow::Continue(()),
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

/// A value as a piece of a tree.
fn literal_of(parameter: &Parameter) -> Result<Expr, SqlError> {
    let Some(text) = &parameter.text else {
        let kind = parameter.kind.map_or("TEXT", sql_name);
        return expression(&format!("CAST(NULL AS {kind})"));
    };
    let wrong = |what: &str| {
        refused(SqlFault::Execution, format!("\"{text}\" is no value of the type {what}"))
    };
    match parameter.kind {
        None | Some(Kind::Text) => {
            Ok(Expr::Value(Value::SingleQuotedString(text.clone()).with_empty_span()))
        }
        Some(kind @ (Kind::Int2 | Kind::Int4 | Kind::Int8)) => {
            let number: i64 = text.trim().parse().map_err(|_| wrong(kind.name()))?;
            expression(&format!("CAST({number} AS {})", sql_name(kind)))
        }
        Some(kind @ (Kind::Float4 | Kind::Float8 | Kind::Numeric)) => {
            let number: f64 = text.trim().parse().map_err(|_| wrong(kind.name()))?;
            expression(&format!("CAST('{number}' AS {})", sql_name(kind)))
        }
        Some(Kind::Bool) => match text.trim().to_lowercase().as_str() {
            "t" | "true" | "on" | "yes" | "1" => expression("TRUE"),
            "f" | "false" | "off" | "no" | "0" => expression("FALSE"),
            _ => Err(wrong("boolean")),
        },
        Some(kind @ (Kind::Date | Kind::Time | Kind::Timestamp | Kind::TimestampTz)) => {
            expression(&format!("CAST({} AS {})", literal::text(text), sql_name(kind)))
        }
        Some(Kind::Bytes) => Err(wrong("bytea, which no column has; send text")),
    }
}

fn expression(text: &str) -> Result<Expr, SqlError> {
    Parser::new(&PostgreSqlDialect {})
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_expr())
        .map_err(|error| refused(SqlFault::Syntax, error.to_string()))
}

/// A type as DataFusion reads it.
fn sql_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "BOOLEAN",
        Kind::Int2 => "SMALLINT",
        Kind::Int4 => "INTEGER",
        Kind::Int8 => "BIGINT",
        Kind::Float4 => "REAL",
        Kind::Float8 | Kind::Numeric => "DOUBLE PRECISION",
        Kind::Text => "TEXT",
        Kind::Bytes => "BYTEA",
        Kind::Date => "DATE",
        Kind::Time => "TIME",
        Kind::Timestamp => "TIMESTAMP",
        Kind::TimestampTz => "TIMESTAMP WITH TIME ZONE",
    }
}
