//! The names of columns that have none in the text: those that PostgreSQL gives, `count` for
//! `count(*)` and `?column?` for `1 + 1`. The engine wants each name once, so that a second one gets
//! a mark and a number, which [`shown`] takes off again.

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, VisitMut, VisitorMut,
};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Stands between a name and its number.
const MARK: char = '\u{1}';

/// The name that is told of a column.
pub fn shown(name: &str) -> &str {
    name.split(MARK).next().unwrap_or(name)
}

/// Names every column that has no name.
pub fn name(query: &mut Query) {
    let _ = query.visit(&mut Names);
}

struct Names;

impl VisitorMut for Names {
    type Break = std::convert::Infallible;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        // Whoever is only named keeps that name before all others.
        let mut taken: BTreeSet<String> = select.projection.iter().filter_map(said).collect();
        let wildcards: Vec<String> = select.projection.iter().filter_map(wildcard).collect();
        let mut texts = BTreeSet::new();
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(expr) = item else { continue };
            let base = match plain(expr) {
                // A column that stands there once has its name already.
                Some(_) if texts.insert(expr.to_string()) && !is_among(expr, &wildcards) => {
                    continue;
                }
                Some(name) => name.to_owned(),
                None => given(expr),
            };
            let (mut alias, mut number) = (base.clone(), 0);
            while !taken.insert(alias.clone()) {
                number += 1;
                alias = format!("{base}{MARK}{number}");
            }
            let expr = expr.clone();
            *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', alias) };
        }
        ControlFlow::Continue(())
    }
}

/// Whose columns a wildcard stands for; empty for all.
fn wildcard(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::Wildcard(_) => Some(String::new()),
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
            Some(name.to_string())
        }
        _ => None,
    }
}

/// True when a wildcard of the same list has the column, too.
fn is_among(expr: &Expr, wildcards: &[String]) -> bool {
    let text = expr.to_string();
    let of = text.rsplit_once('.').map_or("", |(table, _)| table);
    wildcards.iter().any(|wildcard| wildcard.is_empty() || wildcard == of)
}

/// The name that the text says.
fn said(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        SelectItem::UnnamedExpr(expr) => plain(expr).map(str::to_owned),
        _ => None,
    }
}

/// The name of a column that is only named.
fn plain(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Identifier(name) => Some(&name.value),
        Expr::CompoundIdentifier(parts) => parts.last().map(|name| name.value.as_str()),
        _ => None,
    }
}

/// The name that PostgreSQL gives.
fn given(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
            plain(expr).unwrap_or_default().to_owned()
        }
        Expr::Function(function) => {
            let name = function.name.0.last().and_then(|part| part.as_ident());
            name.map_or_else(|| "?column?".to_owned(), |name| name.value.to_lowercase())
        }
        Expr::Cast { expr, .. } | Expr::Nested(expr) | Expr::Collate { expr, .. } => given(expr),
        Expr::Case { .. } => "case".to_owned(),
        Expr::Exists { .. } => "exists".to_owned(),
        Expr::Extract { .. } => "extract".to_owned(),
        Expr::Array(_) => "array".to_owned(),
        _ => "?column?".to_owned(),
    }
}
