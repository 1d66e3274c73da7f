//! Answers that come batch by batch, so that nobody holds a whole one. What is wrong with a question
//! may be told after some of its rows.

use super::shown;
use crate::answer::plain_text;
use crate::query::{Session, refusal};
use crate::wire::{Kind, Parameter};
use crate::{SqlError, SqlFault};
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use std::sync::Arc;
use tokio::time::Instant;

/// Why an answer ends before its last row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The question cannot be answered.
    #[error("{0}")]
    Refused(SqlError),
    /// There are more rows than this.
    #[error("the answer has more than {0} rows")]
    TooMany(usize),
    /// Files are not what was written.
    #[error("damaged files are left out of the answer: {}", .0.join(", "))]
    Damaged(Vec<String>),
}

impl From<SqlError> for Stopped {
    fn from(error: SqlError) -> Self {
        Stopped::Refused(error)
    }
}

/// An answer on its way.
pub struct Flow {
    session: Session,
    sql: String,
    schema: SchemaRef,
    /// What is still to come.
    rows: Option<SendableRecordBatchStream>,
    told: usize,
    until: Instant,
}

impl Session {
    /// The types of the parameters of `sql`, and the columns of its answer: those of [`Flow::schema`]
    /// when it is asked with such parameters. `kinds` are the types that the client says of them.
    ///
    /// # Errors
    /// See [`SqlFault`].
    pub async fn outline(
        &self,
        sql: &str,
        kinds: &[Option<Kind>],
    ) -> Result<(Vec<Kind>, SchemaRef), SqlError> {
        let (parameters, schema) = self.about(sql, kinds).await?;
        Ok((parameters, told(&schema)))
    }

    /// Begins to answer one SELECT, WITH, VALUES or EXPLAIN with parameters. The limits hold for the
    /// whole answer, its time until the last row was taken.
    ///
    /// # Errors
    /// [`Stopped::Refused`], see [`SqlFault`].
    pub async fn flow(self, sql: String, parameters: &[Parameter]) -> Result<Flow, Stopped> {
        let until = Instant::now() + self.limits.time_max;
        let statement = self.understood(&sql)?;
        let plan = match self.plan_of(&sql, statement, parameters).await? {
            Ok(plan) => plan,
            Err(empty) => {
                let schema = told(&empty.schema);
                return Ok(Flow { session: self, sql, schema, rows: None, told: 0, until });
            }
        };
        match tokio::time::timeout_at(until, self.rows(plan)).await {
            Ok(Ok(rows)) => {
                let schema = told(&rows.schema());
                Ok(Flow { session: self, sql, schema, rows: Some(rows), told: 0, until })
            }
            Ok(Err(error)) => Err(broken(&self, &sql, error).await),
            Err(_) => Err(self.late().into()),
        }
    }
}

impl Flow {
    /// Names and types of the columns. Text is always Utf8, and every column may be NULL.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The next rows; `None` behind the last.
    ///
    /// # Errors
    /// See [`Stopped`]; nothing comes behind it.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, Stopped> {
        let Some(mut rows) = self.rows.take() else { return Ok(None) };
        // Rows that are there already count as well: who takes them slowly holds a place.
        if Instant::now() >= self.until {
            return Err(self.session.late().into());
        }
        let Ok(read) = tokio::time::timeout_at(self.until, rows.next()).await else {
            return Err(self.session.late().into());
        };
        let batch = match read {
            Some(Ok(batch)) => batch,
            Some(Err(error)) => return Err(broken(&self.session, &self.sql, error).await),
            None => {
                let damaged = self.session.snapshot.left_out();
                return if damaged.is_empty() { Ok(None) } else { Err(Stopped::Damaged(damaged)) };
            }
        };
        self.told += batch.num_rows();
        if self.told > self.session.limits.rows_max {
            return Err(Stopped::TooMany(self.session.limits.rows_max));
        }
        let batch = plain_text::batch(&self.schema, &batch).map_err(|error| {
            let mut refused = SqlError::new(SqlFault::Execution, "a column cannot be told as text");
            refused.detail = error.to_string();
            refused
        })?;
        self.rows = Some(rows);
        Ok(Some(batch))
    }
}

/// The columns under the names that clients see. All may be NULL: about that, a plan and the question
/// that runs need not agree.
fn told(schema: &Schema) -> SchemaRef {
    let plain = plain_text::schema(schema);
    let field =
        |field: &Arc<Field>| Field::new(shown(field.name()), field.data_type().clone(), true);
    Arc::new(Schema::new(plain.fields().iter().map(field).collect::<Vec<_>>()))
}

async fn broken(session: &Session, sql: &str, error: DataFusionError) -> Stopped {
    if refusal::may_be_damage(&error) && session.leave_out_damaged(sql).await {
        return Stopped::Damaged(session.snapshot.left_out());
    }
    Stopped::Refused(refusal::explain(error, sql, session))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Scope, Warehouse};
    use terms::TenantId;
    use terms::record::Row;

    struct Asked {
        _dir: tempfile::TempDir,
        warehouse: Warehouse,
    }

    fn rows() -> Vec<Row> {
        crate::stories::fold(&crate::stories::day(5, 3, 60))
    }

    async fn asked() -> Asked {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path().join("warehouse")).await.unwrap();
        warehouse.stage_rows("test", 1, &rows()).await.unwrap();
        Asked { _dir: dir, warehouse }
    }

    impl Asked {
        async fn session(&self, tenant: u64, limits: Limits) -> Session {
            let scope = Scope::of(TenantId(tenant));
            let session = Session::open(&self.warehouse, scope, limits).await.unwrap();
            session.for_postgres("sql_1").unwrap()
        }

        async fn rows(&self, tenant: u64, sql: &str) -> Result<(SchemaRef, usize), Stopped> {
            let session = self.session(tenant, Limits::default()).await;
            let mut flow = session.flow(sql.to_owned(), &[]).await?;
            let mut count = 0;
            while let Some(batch) = flow.next().await? {
                assert_eq!(batch.schema(), flow.schema());
                count += batch.num_rows();
            }
            Ok((flow.schema(), count))
        }
    }

    #[tokio::test]
    async fn an_answer_in_batches_has_the_rows_and_the_columns_that_were_told_before() {
        let asked = asked().await;
        let session = asked.session(1, Limits::default()).await;
        for sql in [
            "SELECT * FROM calls",
            "SELECT count(*), count(*), max(started_at) FROM calls",
            "SELECT outcome, COUNT(*) AS n FROM calls GROUP BY outcome ORDER BY n DESC",
            "SELECT date_trunc('hour', started_at) AS hour, caller FROM calls LIMIT 3",
            "SELECT 1 AS one, NULL AS nothing, 'x' AS text WHERE false",
            "SELECT tgname FROM pg_catalog.pg_trigger",
        ] {
            let (schema, count) = asked.rows(1, sql).await.unwrap();
            assert_eq!(session.outline(sql, &[]).await.unwrap().1, schema, "{sql}");
            assert_eq!(session.ask(sql, &[]).await.unwrap().rows(), count, "{sql}");
        }
        let names = asked.rows(1, "SELECT count(*), count(*) FROM calls").await.unwrap().0;
        let names: Vec<_> = names.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["count", "count"]);
    }

    #[tokio::test]
    async fn an_answer_in_batches_has_no_row_of_somebody_else() {
        let asked = asked().await;
        let all = rows();
        let mut seen = 0;
        for tenant in 1..=4 {
            let is_theirs =
                |row: &&Row| matches!(row, Row::Call(call) if call.tenant_id == TenantId(tenant));
            let theirs = all.iter().filter(is_theirs).count();
            let sql = format!("SELECT call_id FROM calls WHERE tenant_id = {tenant} OR true");
            assert_eq!(asked.rows(tenant, &sql).await.unwrap().1, theirs, "{tenant}");
            seen += theirs;
        }
        let calls = all.iter().filter(|row| row.table() == "calls").count();
        assert!(seen > 0 && seen == calls, "{seen} of {calls}");
    }

    #[tokio::test]
    async fn an_answer_in_batches_ends_at_its_limits() {
        let asked = asked().await;
        let few = Limits { rows_max: 2, ..Limits::default() };
        let sql = "SELECT call_id FROM calls".to_owned();
        let mut flow = asked.session(1, few).await.flow(sql.clone(), &[]).await.unwrap();
        let stopped = loop {
            match flow.next().await {
                Ok(Some(batch)) => assert!(batch.num_rows() <= 2),
                Ok(None) => panic!("there are more rows than two"),
                Err(stopped) => break stopped,
            }
        };
        assert_eq!(stopped, Stopped::TooMany(2));

        let session = asked.session(1, Limits::default()).await;
        let mut flow = session.flow(sql, &[]).await.unwrap();
        flow.until = Instant::now();
        let Err(Stopped::Refused(error)) = flow.next().await else { panic!("its time is over") };
        assert_eq!(error.fault, SqlFault::TimedOut);
        assert_eq!(flow.next().await.unwrap().map(|batch| batch.num_rows()), None);
    }

    #[tokio::test]
    async fn a_question_that_changes_something_has_no_batch() {
        let asked = asked().await;
        let Err(Stopped::Refused(error)) = asked.rows(1, "DELETE FROM calls").await else {
            panic!("it was begun")
        };
        assert_eq!(error.fault, SqlFault::Forbidden);
    }
}
