//! Questions about what PostgreSQL has and the warehouse has not, such as triggers and indexes: they
//! have no rows, whatever else they say. Clients ask them in words that the engine does not know.

use super::Catalogue;
use super::names::shown;
use crate::Answer;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::sql::sqlparser::ast::{
    Expr, JoinOperator, ObjectName, Query, SelectItem, SetExpr, SetOperator, TableFactor,
    TableWithJoins,
};
use std::sync::Arc;

/// True where the rows of a query can only come from tables that have none.
pub fn is_empty(query: &Query, known: &Catalogue) -> bool {
    body(&query.body, known)
}

/// The answer to such a query: the heads of its columns.
pub fn answer(query: &Query, known: &Catalogue) -> Option<Answer> {
    if !is_empty(query, known) {
        return None;
    }
    let fields: Vec<Field> =
        heads(&query.body).into_iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    Some(Answer {
        schema: Arc::new(Schema::new(fields)),
        batches: Vec::new(),
        truncated: false,
        left_out: Vec::new(),
    })
}

fn body(body: &SetExpr, known: &Catalogue) -> bool {
    match body {
        SetExpr::Select(select) => select.from.iter().any(|table| table_is_empty(table, known)),
        SetExpr::Query(query) => is_empty(query, known),
        SetExpr::SetOperation { op: SetOperator::Union, left, right, .. } => {
            self::body(left, known) && self::body(right, known)
        }
        SetExpr::SetOperation { left, .. } => self::body(left, known),
        _ => false,
    }
}

/// Comma and inner joins need a row of each side, a left join one of its left.
fn table_is_empty(table: &TableWithJoins, known: &Catalogue) -> bool {
    let mut is_empty = factor(&table.relation, known);
    for join in &table.joins {
        match &join.join_operator {
            JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_) => {
                is_empty |= factor(&join.relation, known);
            }
            JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => {}
            _ => return false,
        }
    }
    is_empty
}

fn factor(factor: &TableFactor, known: &Catalogue) -> bool {
    match factor {
        TableFactor::Table { name, args: None, .. } => relation(name, known),
        // `pg_show_all_settings()` and its like.
        TableFactor::Table { name, args: Some(_), .. } => last(name).starts_with("pg_"),
        TableFactor::Derived { subquery, .. } => is_empty(subquery, known),
        TableFactor::NestedJoin { table_with_joins, .. } => table_is_empty(table_with_joins, known),
        _ => false,
    }
}

/// A table of PostgreSQL without rows, or one that we never heard of.
fn relation(name: &ObjectName, known: &Catalogue) -> bool {
    let full = name.to_string().to_lowercase().replace('"', "");
    if known.names.contains(&full) {
        return known.empty.contains(&full);
    }
    full.starts_with("pg_catalog.")
        || full.starts_with("information_schema.")
        || (full.starts_with("pg_") && !full.contains('.'))
}

fn last(name: &ObjectName) -> String {
    let last = name.0.last().and_then(|part| part.as_ident());
    last.map(|name| name.value.to_lowercase()).unwrap_or_default()
}

/// The names of the columns, as far as the text has them.
fn heads(body: &SetExpr) -> Vec<String> {
    match body {
        SetExpr::Select(select) => select.projection.iter().filter_map(head).collect(),
        SetExpr::Query(query) => heads(&query.body),
        SetExpr::SetOperation { left, .. } => heads(left),
        _ => Vec::new(),
    }
}

fn head(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(shown(&alias.value).to_owned()),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.value.clone()),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
            parts.last().map(|name| name.value.clone())
        }
        SelectItem::UnnamedExpr(_) => Some("?column?".to_owned()),
        _ => None,
    }
}
