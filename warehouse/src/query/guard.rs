//! Reads the syntax tree of a query before anything else does: one statement that only reads, over
//! tables that exist. Deny by default: a form that is not listed here is refused.

use crate::query::names::nearest;
use crate::query::orders::is_known;
use crate::query::{CATALOGUE, SCHEMA};
use crate::{Position, SqlError, SqlFault};
use datafusion::sql::parser::{DFParserBuilder, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, ObjectNamePart,
    Query, Select, SetExpr, Spanned, Statement, TableFactor, Value, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Span, Token};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Longest text of a query in bytes.
pub const SQL_BYTES_MAX: usize = 64 << 10;
/// Deepest nesting of a query.
const DEPTH_MAX: usize = 50;
/// Operators one behind the other (`1 + 1 + 1`), and UNIONs of a query. For the parser they are no
/// nesting, but each is a level of the tree, and whoever copies it needs room on the stack for all.
const CHAIN_MAX: usize = 300;
/// Tables of one FROM: the plan of each join has the columns of all before it.
const TABLES_MAX: usize = 64;
/// EXPLAINs of a text, for each of which the parser calls itself.
const EXPLAINS_MAX: usize = 16;
const EXPLAIN: &[u8] = b"explain";
const ONLY: &str = "only SELECT, WITH, VALUES and EXPLAIN are answered here";
/// Longest result of `lpad` and `rpad`.
const PAD_MAX: u64 = 1_000;

/// Reads the one statement of `sql`.
pub fn parse(sql: &str) -> Result<Parsed, SqlError> {
    if sql.len() > SQL_BYTES_MAX {
        let text = format!("the text has {} bytes, {SQL_BYTES_MAX} are allowed", sql.len());
        return Err(SqlError::new(SqlFault::Forbidden, text));
    }
    let words = sql.as_bytes().windows(EXPLAIN.len());
    if words.filter(|word| word.eq_ignore_ascii_case(EXPLAIN)).count() > EXPLAINS_MAX {
        return Err(SqlError::new(SqlFault::Forbidden, "one EXPLAIN before a query is enough"));
    }
    let mut statements = DFParserBuilder::new(sql)
        .with_dialect(&PostgreSqlDialect {})
        .with_recursion_limit(DEPTH_MAX)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| syntax(&error.strip_backtrace()))?;
    let (Some(statement), true) = (statements.pop_front(), statements.is_empty()) else {
        return Err(SqlError::new(SqlFault::Forbidden, "exactly one statement is needed"));
    };
    check_depth(&statement)?;
    Ok(statement)
}

/// Looks how deep the tree is, before anything copies it.
fn check_depth(statement: &Parsed) -> Result<(), SqlError> {
    let inner = match statement {
        Parsed::Statement(inner) => inner,
        Parsed::Explain(explain) => return check_depth(&explain.statement),
        _ => return Err(SqlError::new(SqlFault::Forbidden, ONLY)),
    };
    match inner.visit(&mut Depth(0)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(why) => Err(SqlError::new(SqlFault::Forbidden, why)),
    }
}

/// How many expressions the one that is looked at lies within.
struct Depth(usize);

impl Depth {
    fn chain(length: usize) -> ControlFlow<String> {
        if length <= CHAIN_MAX {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(format!(
            "more than {CHAIN_MAX} operators or UNIONs stand one behind the other; IN (…), CASE or \
             VALUES take as many as there are"
        ))
    }
}

impl Visitor for Depth {
    type Break = String;

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<String> {
        self.0 += 1;
        Depth::chain(self.0)
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<String> {
        self.0 -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<String> {
        let tables: usize = select.from.iter().map(|from| 1 + from.joins.len()).sum();
        if tables <= TABLES_MAX {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(format!("more than {TABLES_MAX} tables are joined in one FROM"))
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<String> {
        let (mut unions, mut rest) = (0, vec![query.body.as_ref()]);
        while let Some(body) = rest.pop() {
            if let SetExpr::SetOperation { left, right, .. } = body {
                unions += 1;
                rest.extend([left.as_ref(), right.as_ref()]);
            }
        }
        Depth::chain(unions)
    }
}

/// Whether a text is one expression and nothing else: in brackets it is a whole, whatever stands around
/// them. One with a comment is none.
pub fn is_expression(text: &str) -> bool {
    let is_one = Parser::new(&PostgreSqlDialect {})
        .with_recursion_limit(DEPTH_MAX)
        .try_with_sql(text)
        .is_ok_and(|mut parser| {
            parser.parse_expr().is_ok() && parser.peek_token_ref().token == Token::EOF
        });
    is_one && !text.contains("--") && !text.contains("/*")
}

/// Checks a statement against the rules and the names of `tables`, and of `catalogue` where a
/// session has one: the tables in which it describes itself, as `pg_catalog.pg_class`.
pub fn allow(
    statement: &Parsed,
    tables: &BTreeMap<String, Vec<String>>,
    catalogue: Option<&BTreeSet<String>>,
) -> Result<(), SqlError> {
    let query = query_of(statement)?;
    let mut ctes = CteNames(BTreeSet::new());
    let _ = query.visit(&mut ctes);
    match query.visit(&mut Walk { tables, catalogue, ctes: ctes.0 }) {
        ControlFlow::Break(error) => Err(*error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// The query inside a SELECT, WITH, VALUES or EXPLAIN of one.
fn query_of(statement: &Parsed) -> Result<&Query, SqlError> {
    let refuse = |what: &str| Err(SqlError::new(SqlFault::Forbidden, what));
    match statement {
        Parsed::Statement(statement) => match statement.as_ref() {
            Statement::Query(query) => Ok(query),
            _ => refuse(ONLY),
        },
        Parsed::Explain(explain) => {
            let options = &explain.options;
            if options.analyze || options.verbose || options.format.is_some() {
                return refuse("only a plain EXPLAIN is answered here");
            }
            match explain.statement.as_ref() {
                Parsed::Statement(_) => query_of(&explain.statement),
                _ => refuse("only a query can be explained here"),
            }
        }
        _ => refuse(ONLY),
    }
}

/// The parser's complaint, with its place taken out of the text.
fn syntax(text: &str) -> SqlError {
    let text = text.trim_start_matches("SQL error: ").trim();
    let said = text
        .strip_prefix("ParserError(\"")
        .or_else(|| text.strip_prefix("TokenizerError(\""))
        .and_then(|rest| rest.strip_suffix("\")"))
        .unwrap_or(text);
    let (said, place) = match said.rsplit_once(" at Line: ") {
        Some((said, place)) => (said, Some(place)),
        None => (said, None),
    };
    let mut error = SqlError::new(SqlFault::Syntax, said.replace("\\\"", "\""));
    error.position = place.and_then(|place| {
        let (line, column) = place.split_once(", Column: ")?;
        Some(Position { line: line.parse().ok()?, column: column.parse().ok()? })
    });
    error.word = said.rsplit_once("found: ").map(|(_, word)| word.to_owned());
    error
}

/// Where a piece of the tree stands.
pub fn position(span: Span) -> Option<Position> {
    let (line, column) = (span.start.line.try_into().ok()?, span.start.column.try_into().ok()?);
    (line > 0).then_some(Position { line, column })
}

/// A name as SQL understands it: without quotes case does not matter.
fn normal(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

struct CteNames(BTreeSet<String>);

impl Visitor for CteNames {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let with = query.with.iter().flat_map(|with| &with.cte_tables);
        self.0.extend(with.map(|cte| normal(&cte.alias.name)));
        ControlFlow::Continue(())
    }
}

struct Walk<'a> {
    tables: &'a BTreeMap<String, Vec<String>>,
    catalogue: Option<&'a BTreeSet<String>>,
    ctes: BTreeSet<String>,
}

type Step = ControlFlow<Box<SqlError>>;

fn forbid(what: &str, at: Span) -> Step {
    let mut error = SqlError::new(SqlFault::Forbidden, what);
    error.position = position(at);
    ControlFlow::Break(Box::new(error))
}

impl Walk<'_> {
    fn body(&self, body: &SetExpr) -> Step {
        match body {
            SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => {
                ControlFlow::Continue(())
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left)?;
                self.body(right)
            }
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                forbid("rows cannot be changed here", body.span())
            }
            SetExpr::Table(_) => forbid("write SELECT * FROM the table", body.span()),
        }
    }

    /// The table that `name` means, or why there is none.
    fn relation(&self, name: &ObjectName) -> Step {
        let mut parts = Vec::new();
        for part in &name.0 {
            match part {
                ObjectNamePart::Identifier(ident) => parts.push(normal(ident)),
                _ => return forbid("a table is named, not computed", name.span()),
            }
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let known = match parts.as_slice() {
            [table] => self.tables.contains_key(*table) || self.ctes.contains(*table),
            [SCHEMA, table] | [CATALOGUE, SCHEMA, table] => self.tables.contains_key(*table),
            [schema, table] | [CATALOGUE, schema, table] => {
                let name = format!("{schema}.{table}");
                self.catalogue.is_some_and(|known| known.contains(&name))
            }
            _ => false,
        };
        if known {
            return ControlFlow::Continue(());
        }
        let word = parts.join(".");
        let last = parts.last().copied().unwrap_or_default();
        let near = nearest(last, self.tables.keys().map(String::as_str));
        let all = self.tables.keys().cloned().collect::<Vec<_>>().join(", ");
        let mut error = SqlError::new(
            SqlFault::UnknownTable,
            match near.first() {
                Some(near) => format!("there is no table \"{word}\"; did you mean \"{near}\"?"),
                None => format!("there is no table \"{word}\"; there are {all}"),
            },
        );
        error.position = position(name.span());
        error.word = Some(word);
        error.nearest = near;
        ControlFlow::Break(Box::new(error))
    }
}

impl Visitor for Walk<'_> {
    type Break = Box<SqlError>;

    fn pre_visit_statement(&mut self, statement: &Statement) -> Step {
        match statement {
            Statement::Query(_) => ControlFlow::Continue(()),
            other => forbid("only SELECT, WITH and VALUES are answered here", other.span()),
        }
    }

    fn pre_visit_query(&mut self, query: &Query) -> Step {
        if query.with.as_ref().is_some_and(|with| with.recursive) {
            return forbid("a WITH may not be RECURSIVE here", query.span());
        }
        let odd = !query.locks.is_empty()
            || query.for_clause.is_some()
            || query.settings.is_some()
            || query.format_clause.is_some()
            || !query.pipe_operators.is_empty();
        if odd {
            return forbid("a query cannot lock, set, format or pipe here", query.span());
        }
        self.body(&query.body)
    }

    fn pre_visit_select(&mut self, select: &Select) -> Step {
        match select.into {
            Some(_) => forbid("a query cannot make a table here", select.span()),
            None => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Step {
        match factor {
            TableFactor::Table { name, args: Some(_), .. } if is_ours(name) => {
                ControlFlow::Continue(())
            }
            TableFactor::Table { args: Some(_), .. } => {
                forbid("table functions are not available here", factor.span())
            }
            TableFactor::Table { name, .. } => self.relation(name),
            TableFactor::Derived { .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::UNNEST { .. } => ControlFlow::Continue(()),
            _ => forbid("this form of table is not available here", factor.span()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Step {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        let name = function.name.to_string().to_lowercase();
        if !matches!(name.trim_matches('"'), "lpad" | "rpad") {
            return ControlFlow::Continue(());
        }
        let FunctionArguments::List(list) = &function.args else {
            return ControlFlow::Continue(());
        };
        match list.args.get(1) {
            Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(length))))
                if is_small(&length.value) =>
            {
                ControlFlow::Continue(())
            }
            _ => forbid("the length to pad to is a number up to 1000", function.span()),
        }
    }
}

/// A function that gives rows of the reader's tables.
fn is_ours(function: &ObjectName) -> bool {
    matches!(
        function.0.as_slice(),
        [ObjectNamePart::Identifier(name)]
            if name.quote_style.is_none() && is_known(&name.value)
    )
}

fn is_small(length: &Value) -> bool {
    matches!(length, Value::Number(text, _) if text.parse::<u64>().is_ok_and(|n| n <= PAD_MAX))
}
