//! The tables of [`crate::rollup`]: the counts that are kept, and those of all other rows, counted while
//! somebody waits. What a file is counted by is decided for the whole snapshot, so that no row is in
//! an answer twice. A reader sees the counts of the rows that the reader may see: where the counts do
//! not tell apart what the scope does, the rows within it are counted, and what is kept is not read.

use crate::Scope;
use crate::query::columns;
use crate::query::scan::{ScopedTable, needed};
use crate::query::scoped::{Rule, ScopedExec};
use crate::query::snapshot::Snapshot;
use crate::rollup::{Counts, KINDS};
use crate::schema::layout_of;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::ViewTable;
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;
use datafusion::prelude::SessionContext;
use futures::FutureExt;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// The counts of quarter-hours, and their sums by hour and by day of the reader's zone.
pub fn register(
    context: &SessionContext,
    snapshot: &Arc<Snapshot>,
    scope: &Scope,
    tables: &mut BTreeMap<String, Vec<String>>,
) -> Result<()> {
    let zone = scope.time_zone.replace('\'', "");
    let local = format!("arrow_cast(from_at, 'Timestamp(Microsecond, Some(\"{zone}\"))')");
    for counts in &KINDS {
        let made = Arc::new(Intervals::new(counts, snapshot, scope.clone()));
        context.register_table(counts.name, Arc::<Intervals>::clone(&made))?;
        let columns = columns(counts.layout());
        for (name, unit) in counts.sums {
            let slot = format!("date_trunc('{unit}', {local})");
            let sums = Sums { of: Arc::clone(&made), slot, planned: OnceLock::new() };
            context.register_table(*name, Arc::new(sums))?;
            tables.insert((*name).to_owned(), columns.clone());
        }
        tables.insert(counts.name.to_owned(), columns);
    }
    Ok(())
}

/// Whether the counts of rows of `table`, where there are any, tell apart what `scope` does.
pub fn are_kept(table: &str, scope: &Scope) -> bool {
    KINDS.iter().filter(|counts| counts.source == table).all(|counts| tell(counts, scope))
}

/// Whether counts tell apart what `scope` does.
fn tell(counts: &Counts, scope: &Scope) -> bool {
    Rule::holds_for_counts(layout_of(counts.source), counts.layout(), scope)
}

/// One of the tables.
#[derive(Debug)]
struct Intervals {
    counts: &'static Counts,
    /// What is kept; `None` where the reader sees no whole counts.
    kept: Option<ScopedTable>,
    others: Arc<Snapshot>,
    scope: Scope,
}

impl Intervals {
    /// The counts of a snapshot.
    fn new(counts: &'static Counts, snapshot: &Arc<Snapshot>, scope: Scope) -> Self {
        let layout = counts.layout();
        if !tell(counts, &scope) {
            return Intervals { counts, kept: None, others: Arc::clone(snapshot), scope };
        }
        let (kept, others) = snapshot.counted(counts);
        let rule = Rule::new(layout, &scope);
        let kept = ScopedTable::new(Arc::clone(layout), Arc::new(kept), rule);
        Intervals { counts, kept: Some(kept), others: Arc::new(others), scope }
    }

    /// These columns of the counts of the rows that have none, of those that the reader may see.
    async fn plan(&self, shown: &[usize]) -> Result<LogicalPlan> {
        let source = layout_of(self.counts.source);
        let rule = Rule::new(source, &self.scope);
        let rows = ScopedTable::new(Arc::clone(source), Arc::clone(&self.others), rule);
        let context = SessionContext::new();
        context.register_table(self.counts.source, Arc::new(rows))?;
        let counted = context.sql(&self.counts.sql(self.counts.source)).await?;
        let columns = &self.counts.layout().table.columns;
        let names: Vec<&str> = shown.iter().map(|at| columns[*at].name).collect();
        Ok(counted.select_columns(&names)?.into_unoptimized_plan())
    }
}

#[async_trait]
impl TableProvider for Intervals {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.counts.layout().schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        match &self.kept {
            Some(kept) => kept.supports_filters_pushdown(filters),
            None => Ok(vec![TableProviderFilterPushDown::Unsupported; filters.len()]),
        }
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        // A column that nobody asks for is not read: there are more counts than hours.
        let wall = Rule::whole_tenant(&self.scope);
        let columns = needed(self.counts.layout(), &wall, projection);
        let others = state.create_physical_plan(&self.plan(&columns).await?).await?;
        let all = match &self.kept {
            Some(kept) => {
                let kept = kept.scan(state, Some(&columns), filters, None).await?;
                UnionExec::try_new(vec![kept, others])?
            }
            None => others,
        };
        let shown = match projection {
            Some(wanted) => Arc::new(self.counts.layout().schema.project(wanted)?),
            None => self.schema(),
        };
        // The scope has done its work below, where the rows still tell whose they are.
        Ok(Arc::new(ScopedExec::new(all, wall, shown)))
    }
}

/// A view of one of the tables: its sums by hour or by day. It is planned when somebody asks for it:
/// most sessions ask for none of them, and a person waits while one is opened.
#[derive(Debug)]
struct Sums {
    of: Arc<Intervals>,
    /// The hour or the day of a quarter-hour, in SQL.
    slot: String,
    /// The view, or why it cannot be.
    planned: OnceLock<Result<ViewTable, String>>,
}

impl Sums {
    fn view(&self) -> Result<&ViewTable> {
        let planned = self.planned.get_or_init(|| self.plan().map_err(|error| error.to_string()));
        planned.as_ref().map_err(|error| DataFusionError::Plan(error.clone()))
    }

    fn plan(&self) -> Result<ViewTable> {
        let (context, name) = (SessionContext::new(), self.of.counts.name);
        context.register_table(name, Arc::<Intervals>::clone(&self.of))?;
        let sql = self.of.counts.summed(name, &self.slot);
        // The only table is in memory: nothing is waited for.
        let waits = || DataFusionError::Internal(format!("the plan over {name} waits"));
        let summed = context.sql(&sql).now_or_never().ok_or_else(waits)??;
        Ok(ViewTable::new(summed.into_unoptimized_plan(), None))
    }
}

#[async_trait]
impl TableProvider for Sums {
    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        self.view().ok()?.get_logical_plan()
    }

    fn schema(&self) -> SchemaRef {
        self.view().map_or_else(|_| self.of.schema(), ViewTable::schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        self.view()?.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.view()?.scan(state, projection, filters, limit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stories::{day, fold};
    use crate::{Limits, Only, Warehouse};
    use datafusion::physical_plan::displayable;
    use terms::TenantId;

    #[test]
    fn counts_are_kept_of_what_they_tell_apart() {
        let asked = |table, columns, counted: &str| {
            let only = vec![Only { table, columns, ids: vec![7] }];
            are_kept(counted, &Scope { only, ..Scope::of(TenantId(1)) })
        };
        assert!(asked("legs", &["queue_id"], "legs"));
        assert!(asked("agent_spans", &["agent_id"], "agent_spans"));
        assert!(asked("quality", &["agent_id"], "legs"), "another table");
        assert!(!asked("quality", &["agent_id"], "quality"));
        assert!(!asked("calls", &["queue_id"], "calls"));
        assert!(asked("shifts", &["agent_id"], "shifts"), "there are no counts of these");
    }

    #[tokio::test]
    async fn columns_of_counts_that_nobody_asks_for_are_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        warehouse.stage_rows("test", 1, &fold(&day(5, 1, 20))).await.unwrap();
        warehouse.publish_all().await.unwrap();
        let (scope, limits) = (Scope::of(TenantId(1)), Limits::default());
        let session = crate::Session::open(&warehouse, scope, limits).await.unwrap();
        let sql = "SELECT role, SUM(legs) AS legs FROM leg_intervals GROUP BY role";
        let plan = session.context.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        let shown = displayable(plan.as_ref()).indent(false).to_string();
        assert!(shown.contains("projection=[tenant_id, role, legs]"), "{shown}");
        assert!(!shown.contains("taken_us"), "{shown}");
    }

    #[tokio::test]
    async fn a_view_is_planned_when_somebody_asks_for_it_and_no_sooner() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let (scope, limits) = (Scope::of(TenantId(1)), Limits::default());
        let session = crate::Session::open(&warehouse, scope, limits).await.unwrap();
        let mut planned = Vec::new();
        for asked in [None, Some("SELECT count(*) AS n FROM call_hours")] {
            if let Some(sql) = asked {
                session.query(sql).await.unwrap();
            }
            for name in KINDS.iter().flat_map(|counts| counts.sums).map(|(name, _)| *name) {
                let table = session.context.table_provider(name).await.unwrap();
                let sums = table.downcast_ref::<Sums>().unwrap();
                planned.extend(sums.planned.get().map(|_| (asked.is_some(), name)));
            }
        }
        assert_eq!(planned, [(true, "call_hours")]);
    }
}
