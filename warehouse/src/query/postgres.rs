//! Questions of clients of PostgreSQL: with parameters, described before they are asked, over our
//! tables and over those in which PostgreSQL describes itself.
//!
//! A text goes another way than the one of [`Session::query`] only until it has passed the guard:
//! its tree is turned into what DataFusion reads (`rewrite`), its columns get the names that
//! PostgreSQL gives them (`names`), its parameters become literals (`bind`). The tables of
//! `catalogue` hold nothing but the declaration of the warehouse.

mod bind;
mod catalogue;
mod empty;
mod flow;
mod names;
mod rewrite;
mod settings;

pub use flow::{Flow, Stopped};
pub use names::shown;
pub use settings::{DATABASE, SETTINGS, setting};

use crate::query::{CATALOGUE, Session, guard, prepare, refusal};
use crate::wire::{self, Description, Kind, Parameter};
use crate::{Answer, Error, SqlError, SqlFault};
use arrow::datatypes::SchemaRef;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::common::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Query, Statement};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What a session for clients of PostgreSQL knows besides.
#[derive(Debug)]
pub(super) struct Catalogue {
    /// Its tables, as `pg_catalog.pg_class`.
    pub names: BTreeSet<String>,
    /// Those of them without rows.
    pub empty: BTreeSet<String>,
    /// Our tables by number.
    pub tables: Vec<(i64, String)>,
    /// Who asks, by the name at the door.
    pub user: String,
}

impl Session {
    /// The same session for clients of PostgreSQL, who sign in as `user`.
    ///
    /// # Errors
    /// When the engine refuses the tables.
    pub fn for_postgres(mut self, user: &str) -> Result<Self, Error> {
        let made = catalogue::make(&self.tables, user).map_err(prepare)?;
        let whole = self.context.catalog(CATALOGUE).ok_or_else(|| {
            Error::Session(format!("there is no catalogue \"{CATALOGUE}\" in the engine"))
        })?;
        let mut known = Catalogue {
            names: BTreeSet::new(),
            empty: BTreeSet::new(),
            tables: catalogue::numbered(&self.tables),
            user: user.to_owned(),
        };
        for (schema, tables) in made {
            let provider = MemorySchemaProvider::new();
            for table in tables {
                let name = format!("{schema}.{}", table.name);
                if table.is_empty {
                    known.empty.insert(name.clone());
                }
                known.names.insert(name);
                let added = provider.register_table(table.name.to_owned(), table.provider);
                added.map_err(prepare)?;
            }
            whole.register_schema(schema, Arc::new(provider)).map_err(prepare)?;
        }
        self.catalogue = Some(known);
        Ok(self)
    }

    /// What `sql` is about. `kinds` are the types that the client says of its parameters.
    ///
    /// # Errors
    /// See [`SqlFault`].
    pub async fn describe(
        &self,
        sql: &str,
        kinds: &[Option<Kind>],
    ) -> Result<Description, SqlError> {
        let (parameters, schema) = self.about(sql, kinds).await?;
        Ok(Description { parameters, columns: wire::columns_of(&schema) })
    }

    /// The types of the parameters of a text, and the columns of its answer.
    async fn about(
        &self,
        sql: &str,
        kinds: &[Option<Kind>],
    ) -> Result<(Vec<Kind>, SchemaRef), SqlError> {
        let statement = self.understood(sql)?;
        let parameters = self.parameters(&statement, kinds).await?;
        let nulls: Vec<Parameter> =
            parameters.iter().map(|kind| Parameter { kind: Some(*kind), text: None }).collect();
        let plan = match self.plan_of(sql, statement, &nulls).await? {
            Ok(plan) => plan,
            Err(empty) => return Ok((parameters, empty.schema)),
        };
        let checked = self.context.state().optimize(&plan);
        let checked = checked.map_err(|error| refusal::explain(error, sql, self))?;
        Ok((parameters, crate::answer::plain_text::schema(checked.schema().as_arrow())))
    }

    /// Runs one SELECT, WITH, VALUES or EXPLAIN with parameters.
    ///
    /// # Errors
    /// See [`SqlFault`].
    pub async fn ask(&self, sql: &str, parameters: &[Parameter]) -> Result<Answer, SqlError> {
        let statement = self.understood(sql)?;
        match self.plan_of(sql, statement, parameters).await? {
            Ok(plan) => self.within_time(sql, self.answer(sql, plan)).await,
            Err(empty) => Ok(empty),
        }
    }

    /// The tree of a text as DataFusion reads it.
    fn understood(&self, sql: &str) -> Result<Parsed, SqlError> {
        let mut statement = guard::parse(sql)?;
        if let (Some(query), Some(known)) = (query_of(&mut statement), &self.catalogue) {
            rewrite::rewrite(query, known, &self.tables);
            names::name(query);
        }
        Ok(statement)
    }

    /// The type of each parameter: as the client says, as the text demands, or text.
    async fn parameters(
        &self,
        statement: &Parsed,
        kinds: &[Option<Kind>],
    ) -> Result<Vec<Kind>, SqlError> {
        let mut statement = statement.clone();
        let Some(query) = query_of(&mut statement) else { return Ok(Vec::new()) };
        let count = bind::count(query)?;
        let said = |at: usize| kinds.get(at).copied().flatten();
        let mut found = HashMap::new();
        let open = (0..count).any(|at| said(at).is_none());
        // What does not pass, or cannot be planned yet, says nothing of its parameters.
        if open && guard::allow(&statement, &self.tables, self.described()).is_ok() {
            let plan = self.planned(statement).await;
            found = plan.and_then(|plan| plan.get_parameter_types()).unwrap_or_default();
        }
        let demanded = |at: usize| {
            let kind = found.get(&format!("${}", at + 1)).cloned().flatten();
            kind.map(|kind| Kind::of(&kind))
        };
        Ok((0..count).map(|at| said(at).or_else(|| demanded(at)).unwrap_or(Kind::Text)).collect())
    }

    /// The plan of a text that passed, or the answer to a question about what PostgreSQL has and we
    /// do not: no rows.
    async fn plan_of(
        &self,
        sql: &str,
        mut statement: Parsed,
        parameters: &[Parameter],
    ) -> Result<Result<LogicalPlan, Answer>, SqlError> {
        let mut nothing = None;
        if let Some(query) = query_of(&mut statement) {
            bind::bind(query, parameters)?;
            nothing = self.catalogue.as_ref().and_then(|known| empty::answer(query, known));
        }
        let planned = match guard::allow(&statement, &self.tables, self.described()) {
            Ok(()) => self.planned(statement).await.map_err(|e| refusal::explain(e, sql, self)),
            Err(error) => Err(error),
        };
        match (planned, nothing) {
            (Ok(plan), _) => Ok(Ok(plan)),
            (Err(_), Some(empty)) => Ok(Err(empty)),
            (Err(error), None) => Err(error),
        }
    }

    /// The tables of the catalogue.
    fn described(&self) -> Option<&BTreeSet<String>> {
        self.catalogue.as_ref().map(|known| &known.names)
    }

    async fn planned(&self, statement: Parsed) -> Result<LogicalPlan, DataFusionError> {
        self.read_only(self.context.state().statement_to_plan(statement).await?)
    }
}

/// The query inside of a statement.
fn query_of(statement: &mut Parsed) -> Option<&mut Query> {
    match statement {
        Parsed::Statement(statement) => match statement.as_mut() {
            Statement::Query(query) => Some(query.as_mut()),
            _ => None,
        },
        Parsed::Explain(explain) => query_of(&mut explain.statement),
        _ => None,
    }
}

/// A refusal that does not come from the engine.
fn refused(fault: SqlFault, message: impl Into<String>) -> SqlError {
    SqlError::new(fault, message)
}

#[cfg(test)]
mod tests;
