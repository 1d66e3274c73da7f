//! The view `orders_latest`: of every order the highest version. The latest is found among all
//! versions of the tenant and only then limited to the reader's agents: an order that was handed to
//! another team does not show up as it was before.

use crate::Scope;
use crate::query::scan::ScopedTable;
use crate::query::scoped::{Rule, ScopedExec};
use crate::query::snapshot::Snapshot;
use crate::schema::layout_of;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use std::sync::Arc;

/// The view.
#[derive(Debug)]
pub struct Latest {
    snapshot: Arc<Snapshot>,
    scope: Scope,
}

impl Latest {
    /// The view of a snapshot.
    pub fn new(snapshot: Arc<Snapshot>, scope: Scope) -> Self {
        Latest { snapshot, scope }
    }

    /// The highest versions of the whole tenant.
    async fn plan(&self) -> Result<LogicalPlan> {
        let rule = Rule::whole_tenant(&self.scope);
        let all = ScopedTable::new(Arc::clone(layout_of("orders")), self.snapshot.clone(), rule);
        let context = SessionContext::new();
        context.register_table("orders", Arc::new(all))?;
        let frame = context
            .sql(
                "SELECT * EXCEPT (newer) FROM (SELECT *, row_number() OVER \
                 (PARTITION BY order_id ORDER BY version DESC, version_id DESC) AS newer \
                 FROM orders) WHERE newer = 1",
            )
            .await?;
        Ok(frame.into_unoptimized_plan())
    }
}

#[async_trait]
impl TableProvider for Latest {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&layout_of("orders").schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = state.create_physical_plan(&self.plan().await?).await?;
        let layout = layout_of("orders");
        let shown = match projection {
            Some(wanted) => Arc::new(layout.schema.project(wanted)?),
            None => Arc::clone(&layout.schema),
        };
        Ok(Arc::new(ScopedExec::new(input, Rule::new(layout, &self.scope), shown)))
    }
}
