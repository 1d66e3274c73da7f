//! From the words of PostgreSQL to those of the engine: its functions about itself, its types of
//! names (`'calls'::regclass`), its operators with a schema. What we put in is made of our own words
//! and of pieces of the text's tree; whatever comes out is looked at by the guard.

mod function;

use super::empty::is_empty;
use super::{Catalogue, settings};
use crate::query::literal;
use crate::wire::Kind;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectName, ObjectNamePart, Query, SelectItem, SetExpr, TableFactor, Value, VisitMut,
    VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// The schema of the tables in which PostgreSQL describes itself.
pub const PG_CATALOG: &str = "pg_catalog";
/// Longest piece of SQL that is read as the number of a table.
const OID_BYTES_MAX: usize = 1_024;

/// Turns a query into what the engine reads.
pub fn rewrite(query: &mut Query, known: &Catalogue, tables: &BTreeMap<String, Vec<String>>) {
    let _ = query.visit(&mut Relations { known, tables });
    let _ = query.visit(&mut Words { known });
}

/// A piece of SQL as a tree.
fn expression(text: &str) -> Option<Expr> {
    Parser::new(&PostgreSqlDialect {}).try_with_sql(text).ok()?.parse_expr().ok()
}

type Step = ControlFlow<std::convert::Infallible>;

/// `pg_class` is `pg_catalog.pg_class`, unless it is one of ours.
struct Relations<'a> {
    known: &'a Catalogue,
    tables: &'a BTreeMap<String, Vec<String>>,
}

impl VisitorMut for Relations<'_> {
    type Break = std::convert::Infallible;

    fn pre_visit_relation(&mut self, name: &mut ObjectName) -> Step {
        let [ObjectNamePart::Identifier(only)] = name.0.as_slice() else {
            return ControlFlow::Continue(());
        };
        let table = only.value.to_lowercase();
        let is_described = self.known.names.contains(&format!("{PG_CATALOG}.{table}"));
        if is_described && !self.tables.contains_key(&table) {
            let parts = [Ident::new(PG_CATALOG), Ident::new(table)];
            name.0 = parts.map(ObjectNamePart::Identifier).to_vec();
        }
        ControlFlow::Continue(())
    }

    /// `pg_get_keywords()` is a table as well.
    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> Step {
        if let TableFactor::Table { name, args: args @ Some(_), .. } = factor
            && matches!(
                name.to_string().to_lowercase().as_str(),
                "pg_get_keywords" | "pg_catalog.pg_get_keywords"
            )
        {
            *args = None;
            let parts = [Ident::new(PG_CATALOG), Ident::new("pg_get_keywords")];
            name.0 = parts.map(ObjectNamePart::Identifier).to_vec();
        }
        ControlFlow::Continue(())
    }
}

struct Words<'a> {
    known: &'a Catalogue,
}

impl VisitorMut for Words<'_> {
    type Break = std::convert::Infallible;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> Step {
        let made = match &*expr {
            Expr::Subquery(query) if is_empty(query, self.known) => expression("NULL"),
            Expr::Exists { subquery, negated } if is_empty(subquery, self.known) => {
                expression(if *negated { "TRUE" } else { "FALSE" })
            }
            Expr::InSubquery { subquery, negated, .. } if is_empty(subquery, self.known) => {
                expression(if *negated { "TRUE" } else { "FALSE" })
            }
            // Which schemas stand in the path, asked with functions that make tables.
            Expr::InSubquery { expr, subquery, negated }
                if subquery.to_string().contains("search_path") =>
            {
                let not = if *negated { "NOT " } else { "" };
                expression(&format!("{expr} {not}IN ('public')"))
            }
            Expr::Function(function) => match &function.args {
                FunctionArguments::Subquery(query) if is_empty(query, self.known) => {
                    expression("NULL")
                }
                _ => None,
            },
            _ => None,
        };
        if let Some(made) = made {
            *expr = made;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> Step {
        let made = match expr {
            Expr::Collate { expr, .. } => Some((**expr).clone()),
            Expr::Subquery(query) => {
                say_one_row(query);
                None
            }
            Expr::BinaryOp { op, left, right } => {
                let plain = match &*op {
                    BinaryOperator::PGCustomBinaryOperator(parts) => parts.last(),
                    _ => None,
                };
                if let Some(plain) = plain.and_then(|word| operator(word)) {
                    *op = plain;
                }
                if matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq) {
                    if names_function(left) {
                        make_text(right);
                    } else if names_function(right) {
                        make_text(left);
                    }
                }
                None
            }
            Expr::Cast { expr, data_type, .. } => {
                cast(expr, &data_type.to_string().to_lowercase(), self.known)
            }
            Expr::Function(function) => self.function(function),
            Expr::Identifier(name) if name.quote_style.is_none() => {
                let is_word = name.value.eq_ignore_ascii_case("current_schema");
                is_word.then(|| expression("'public'")).flatten()
            }
            _ => None,
        };
        if let Some(made) = made {
            *expr = made;
        }
        ControlFlow::Continue(())
    }
}

impl Words<'_> {
    fn function(&self, function: &mut Function) -> Option<Expr> {
        let is_theirs = match function.name.0.as_slice() {
            [schema, _] => schema.to_string().eq_ignore_ascii_case(PG_CATALOG),
            _ => false,
        };
        if is_theirs {
            function.name.0.remove(0);
        }
        let [name] = function.name.0.as_slice() else { return None };
        let name = name.as_ident()?.value.to_lowercase();
        let args: Vec<String> = match &function.args {
            FunctionArguments::None => Vec::new(),
            FunctionArguments::List(list) => {
                list.args.iter().map(argument).collect::<Option<_>>()?
            }
            FunctionArguments::Subquery(_) => return None,
        };
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        expression(&function::meaning(&name, &args, self.known)?)
    }
}

/// `(SELECT … FROM pg_class c WHERE c.oid = t.typrelid)` has one row at most: the engine believes it
/// of an aggregate alone.
fn say_one_row(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let is_one = match (select.from.as_slice(), &select.selection) {
        ([table], Some(selection)) if table.joins.is_empty() => {
            alias(&table.relation).is_some_and(|alias| is_by_oid(selection, alias))
        }
        _ => false,
    };
    if is_one
        && let [SelectItem::UnnamedExpr(expr)] = select.projection.as_mut_slice()
        && !matches!(expr, Expr::Function(_))
        && let Some(one) = expression(&format!("max({expr})"))
    {
        *expr = one;
    }
}

fn alias(table: &TableFactor) -> Option<&str> {
    match table {
        TableFactor::Table { alias: Some(alias), .. } => Some(&alias.name.value),
        _ => None,
    }
}

/// `alias.oid = …`, or the other way round.
fn is_by_oid(selection: &Expr, alias: &str) -> bool {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = selection else { return false };
    let is_oid = |side: &Expr| match side {
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, column] => {
                table.value.eq_ignore_ascii_case(alias) && column.value.eq_ignore_ascii_case("oid")
            }
            _ => false,
        },
        _ => false,
    };
    is_oid(left) || is_oid(right)
}

/// A column of `pg_type` that names a function: for PostgreSQL the number of one and its name at
/// once, for us the name.
fn names_function(expr: &Expr) -> bool {
    let name = match expr {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(parts) => parts.last(),
        _ => None,
    };
    name.is_some_and(|name| {
        let name = name.value.to_lowercase();
        matches!(name.as_str(), "typinput" | "typoutput" | "typreceive" | "typsend")
    })
}

/// A number that is compared with a name is compared as text.
fn make_text(expr: &mut Expr) {
    if let Some(text) = expression(&format!("CAST({expr} AS TEXT)")) {
        *expr = text;
    }
}

fn argument(arg: &FunctionArg) -> Option<String> {
    match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.to_string()),
        _ => None,
    }
}

/// `OPERATOR(pg_catalog.~)` and its like.
fn operator(word: &str) -> Option<BinaryOperator> {
    Some(match word {
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "=" => BinaryOperator::Eq,
        "<>" | "!=" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        ">" => BinaryOperator::Gt,
        "<=" => BinaryOperator::LtEq,
        ">=" => BinaryOperator::GtEq,
        "||" => BinaryOperator::StringConcat,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        _ => return None,
    })
}

/// A cast to a type that the engine does not have.
fn cast(expr: &Expr, to: &str, known: &Catalogue) -> Option<Expr> {
    let plain = to.trim_start_matches("pg_catalog.").replace('"', "");
    let text = match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.as_str()),
            _ => None,
        },
        _ => None,
    };
    if let Some(of) = plain.strip_suffix("[]") {
        let list = text.and_then(|text| expression(&list_of(text, of)?));
        return list.or_else(|| to.contains("pg_catalog").then(|| expr.clone()));
    }
    let wanted = match (plain.as_str(), text) {
        ("regclass", Some(name)) => return expression(&oid_of(name, known)),
        ("regclass", None) => return expression(&name_of(&expr.to_string(), known)?),
        ("regtype", Some(name)) => return expression(&type_of(name)),
        ("regtype", None) => return expression(&function::type_name(&expr.to_string())),
        ("regnamespace", None) => return expression("'public'"),
        ("oid" | "xid" | "cid" | "regnamespace", _) => "BIGINT",
        (
            "regproc" | "regprocedure" | "regrole" | "name" | "information_schema.sql_identifier",
            _,
        ) => "TEXT",
        // PostgreSQL's one-letter type is quoted; `char` alone is another.
        ("char", _) if to.contains('"') => "TEXT",
        ("text" | "varchar" | "bpchar", _) if to.contains("pg_catalog") => "TEXT",
        ("int2", _) if to.contains("pg_catalog") => "SMALLINT",
        ("int4", _) if to.contains("pg_catalog") => "INTEGER",
        ("int8", _) if to.contains("pg_catalog") => "BIGINT",
        ("bool", _) if to.contains("pg_catalog") => "BOOLEAN",
        ("float8", _) if to.contains("pg_catalog") => "DOUBLE PRECISION",
        _ => return None,
    };
    expression(&format!("CAST({expr} AS {wanted})"))
}

/// `'{a,b}'` as a list; `None` where there is nothing in it, or quotes.
fn list_of(text: &str, of: &str) -> Option<String> {
    let inside = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    if inside.is_empty() || inside.contains(['"', '\\', '{']) {
        return None;
    }
    let is_number = matches!(of, "int2" | "smallint" | "int4" | "int" | "integer" | "oid")
        || matches!(of, "int8" | "bigint");
    let parts = inside.split(',').map(|part| {
        let text = || literal::text(part.trim());
        let number = || part.trim().parse::<i64>().ok().map(|number| number.to_string());
        if is_number { number() } else { Some(text()) }
    });
    Some(format!("make_array({})", parts.collect::<Option<Vec<_>>>()?.join(", ")))
}

/// The number of a table by its name, which may have a schema and quotes.
fn oid_of(name: &str, known: &Catalogue) -> String {
    let name = name.rsplit('.').next().unwrap_or(name).replace('"', "");
    let system = match name.as_str() {
        "pg_class" => Some(1_259),
        "pg_namespace" => Some(2_615),
        "pg_type" => Some(1_247),
        "pg_proc" => Some(1_255),
        "pg_database" => Some(1_262),
        "pg_attribute" => Some(1_249),
        "pg_constraint" => Some(2_606),
        _ => None,
    };
    let ours = known.tables.iter().find(|(_, table)| *table == name).map(|(oid, _)| *oid);
    match system.or(ours) {
        Some(oid) => format!("CAST({oid} AS BIGINT)"),
        None => "CAST(NULL AS BIGINT)".to_owned(),
    }
}

/// The name of a table by its number, which stands in it twice: of a long one there is none, or a name
/// of a name of a name would be as long as nobody has memory for.
fn name_of(oid: &str, known: &Catalogue) -> Option<String> {
    if oid.len() > OID_BYTES_MAX {
        return None;
    }
    let mut text = format!("CASE CAST({oid} AS BIGINT)");
    for (number, name) in &known.tables {
        text.push_str(&format!(" WHEN {number} THEN {}", literal::text(name)));
    }
    text.push_str(&format!(" ELSE CAST({oid} AS TEXT) END"));
    Some(text)
}

fn type_of(name: &str) -> String {
    let name = name.rsplit('.').next().unwrap_or(name).replace('"', "").to_lowercase();
    let kind = Kind::ALL.into_iter().find(|kind| kind.short_name() == name || kind.name() == name);
    let oid = kind.map_or_else(|| "NULL".to_owned(), |kind| kind.oid().to_string());
    format!("CAST({oid} AS BIGINT)")
}

/// The setting of a name in quotes.
fn setting_of(name: &str) -> String {
    let name = name.trim_matches('\'');
    settings::setting(name).map_or_else(|| "CAST(NULL AS TEXT)".to_owned(), literal::text)
}
