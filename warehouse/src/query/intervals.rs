//! The table of [`crate::rollup`]: the counts that are kept, and those of all other rows, counted while
//! somebody waits. What a file is counted by is decided for the whole snapshot, so that no stay is in
//! an answer twice.

use crate::Scope;
use crate::query::scan::ScopedTable;
use crate::query::scoped::{Rule, ScopedExec};
use crate::query::snapshot::Snapshot;
use crate::rollup::{SOURCE, layout, sql};
use crate::schema::layout_of;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;
use datafusion::prelude::SessionContext;
use std::sync::Arc;

/// The table.
#[derive(Debug)]
pub struct Intervals {
    kept: ScopedTable,
    others: Arc<Snapshot>,
    scope: Scope,
}

impl Intervals {
    /// The counts of a snapshot.
    pub fn new(snapshot: &Snapshot, scope: Scope) -> Self {
        let (kept, others) = snapshot.counted();
        let rule = Rule::whole_tenant(&scope);
        let kept = ScopedTable::new(Arc::clone(layout()), Arc::new(kept), rule);
        Intervals { kept, others: Arc::new(others), scope }
    }

    /// The counts of the rows that have none.
    async fn plan(&self) -> Result<LogicalPlan> {
        let rule = Rule::whole_tenant(&self.scope);
        let rows = ScopedTable::new(Arc::clone(layout_of(SOURCE)), Arc::clone(&self.others), rule);
        let context = SessionContext::new();
        context.register_table(SOURCE, Arc::new(rows))?;
        Ok(context.sql(&sql(SOURCE)).await?.into_unoptimized_plan())
    }
}

#[async_trait]
impl TableProvider for Intervals {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&layout().schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        self.kept.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let kept = self.kept.scan(state, None, filters, None).await?;
        let others = state.create_physical_plan(&self.plan().await?).await?;
        let all = UnionExec::try_new(vec![kept, others])?;
        let shown = match projection {
            Some(wanted) => Arc::new(layout().schema.project(wanted)?),
            None => Arc::clone(&layout().schema),
        };
        Ok(Arc::new(ScopedExec::new(all, Rule::new(layout(), &self.scope), shown)))
    }
}
