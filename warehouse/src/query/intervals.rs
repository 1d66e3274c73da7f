//! The tables of [`crate::rollup`]: the counts that are kept, and those of all other rows, counted while
//! somebody waits. What a file is counted by is decided for the whole snapshot, so that no row is in
//! an answer twice. A reader sees the counts of the rows that the reader may see: where the counts do
//! not tell apart what the scope does, the rows within it are counted, and what is kept is not read.

use crate::Scope;
use crate::query::columns;
use crate::query::scan::ScopedTable;
use crate::query::scoped::{Rule, ScopedExec};
use crate::query::snapshot::Snapshot;
use crate::rollup::{Counts, KINDS};
use crate::schema::layout_of;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::ViewTable;
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;
use datafusion::prelude::SessionContext;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The counts of quarter-hours, and their sums by hour and by day of the reader's zone.
pub async fn register(
    context: &SessionContext,
    snapshot: &Arc<Snapshot>,
    scope: &Scope,
    tables: &mut BTreeMap<String, Vec<String>>,
) -> Result<()> {
    let zone = scope.time_zone.replace('\'', "");
    let local = format!("arrow_cast(from_at, 'Timestamp(Microsecond, Some(\"{zone}\"))')");
    // A state is a copy of much; its tables are those of the context.
    let state = context.state();
    for counts in &KINDS {
        let made = Intervals::new(counts, snapshot, scope.clone());
        context.register_table(counts.name, Arc::new(made))?;
        let columns = columns(counts.layout());
        for (name, unit) in counts.sums {
            let slot = format!("date_trunc('{unit}', {local})");
            let plan = state.create_logical_plan(&counts.summed(counts.name, &slot)).await?;
            let view = ViewTable::new(plan, None);
            context.register_table(*name, Arc::new(view))?;
            tables.insert((*name).to_owned(), columns.clone());
        }
        tables.insert(counts.name.to_owned(), columns);
    }
    Ok(())
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
        if !Rule::holds_for_counts(layout_of(counts.source), layout, &scope) {
            return Intervals { counts, kept: None, others: Arc::clone(snapshot), scope };
        }
        let (kept, others) = snapshot.counted(counts);
        let rule = Rule::new(layout, &scope);
        let kept = ScopedTable::new(Arc::clone(layout), Arc::new(kept), rule);
        Intervals { counts, kept: Some(kept), others: Arc::new(others), scope }
    }

    /// The counts of the rows that have none, of those that the reader may see.
    async fn plan(&self) -> Result<LogicalPlan> {
        let source = layout_of(self.counts.source);
        let rule = Rule::new(source, &self.scope);
        let rows = ScopedTable::new(Arc::clone(source), Arc::clone(&self.others), rule);
        let context = SessionContext::new();
        context.register_table(self.counts.source, Arc::new(rows))?;
        let counted = context.sql(&self.counts.sql(self.counts.source)).await?;
        Ok(counted.into_unoptimized_plan())
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
        let others = state.create_physical_plan(&self.plan().await?).await?;
        let all = match &self.kept {
            Some(kept) => {
                let kept = kept.scan(state, None, filters, None).await?;
                UnionExec::try_new(vec![kept, others])?
            }
            None => others,
        };
        let shown = match projection {
            Some(wanted) => Arc::new(self.counts.layout().schema.project(wanted)?),
            None => self.schema(),
        };
        // The scope has done its work below, where the rows still tell whose they are.
        Ok(Arc::new(ScopedExec::new(all, Rule::whole_tenant(&self.scope), shown)))
    }
}
