//! The view `orders_latest`: of every order the highest version. The latest is found among all
//! versions of the tenant and only then limited to the reader's agents: an order that was handed to
//! another team does not show up as it was before.
//!
//! A version is the latest where the order has no newer one. So what is asked may narrow the versions
//! that are looked at and never those that they are held against, and nothing is sorted: of every
//! version three numbers are kept, and the wanted columns stream past them.

use crate::Scope;
use crate::query::scan::{ScopedTable, needed, prunes, unqualified};
use crate::query::scoped::{Rule, ScopedExec};
use crate::query::snapshot::Snapshot;
use crate::schema::layout_of;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{JoinType, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{SessionContext, col};
use std::sync::Arc;

const ORDERS: &str = "orders";
/// What all versions of an order have alike.
const ORDER: &str = "order_id";

/// The view.
#[derive(Debug)]
pub struct Latest {
    snapshot: Arc<Snapshot>,
    scope: Scope,
    rule: Rule,
}

impl Latest {
    /// The view of a snapshot.
    pub fn new(snapshot: Arc<Snapshot>, scope: Scope) -> Self {
        let rule = Rule::new(layout_of(ORDERS), &scope);
        Latest { snapshot, scope, rule }
    }

    /// Some columns of the highest versions of the whole tenant, of those that pass `filters`.
    async fn plan(&self, columns: &[usize], filters: &[Expr]) -> Result<LogicalPlan> {
        let layout = layout_of(ORDERS);
        let rule = Rule::whole_tenant(&self.scope);
        let all = ScopedTable::new(Arc::clone(layout), Arc::clone(&self.snapshot), rule);
        let context = SessionContext::new();
        context.register_table(ORDERS, Arc::new(all))?;
        let (mut asked, mut newer) = (context.table(ORDERS).await?, context.table(ORDERS).await?);
        for filter in filters {
            asked = asked.filter(unqualified(filter))?;
            if filter.column_refs().iter().all(|column| column.name() == ORDER) {
                newer = newer.filter(unqualified(filter))?;
            }
        }
        let newer = newer.select([
            col(ORDER).alias("newer_of"),
            col("version").alias("newer"),
            col("version_id").alias("newer_id"),
        ])?;
        let (more, same) = (col("newer").gt(col("version")), col("newer").eq(col("version")));
        let is_newer = more.or(same.and(col("newer_id").gt(col("version_id"))));
        let kept = JoinType::RightAnti;
        let latest = newer.join(asked, kept, &["newer_of"], &[ORDER], Some(is_newer))?;
        let names: Vec<&str> =
            columns.iter().map(|at| layout.schema.field(*at).name().as_str()).collect();
        Ok(latest.select_columns(&names)?.into_unoptimized_plan())
    }
}

#[async_trait]
impl TableProvider for Latest {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&layout_of(ORDERS).schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // What is looked at below the wall is a column that the reader sees as it is, and cannot fail.
        let support = |filter: &&Expr| match prunes(&self.rule, filter) {
            true => TableProviderFilterPushDown::Inexact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let layout = layout_of(ORDERS);
        let columns = needed(layout, &self.rule, projection);
        let input = state.create_physical_plan(&self.plan(&columns, filters).await?).await?;
        let shown = match projection {
            Some(wanted) => Arc::new(layout.schema.project(wanted)?),
            None => Arc::clone(&layout.schema),
        };
        Ok(Arc::new(ScopedExec::new(input, self.rule.clone(), shown)))
    }
}

#[cfg(test)]
mod tests {
    use crate::query::literal;
    use crate::store_tests::session;
    use crate::stories::order;
    use crate::{Limits, Scope, Session, Warehouse};
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use terms::record::Row;
    use terms::{AgentId, TenantId};

    /// What the view is, said by a sort of all versions.
    const SORTED: &str = "(SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY order_id \
                          ORDER BY version DESC, version_id DESC) AS newer FROM orders) AS placed \
                          WHERE newer = 1) AS latest";
    const COLUMNS: &str = "order_id, version, version_id, assignee_id, progress, number, title";

    /// Versions of some orders of two tenants, in any order; some numbers come up twice.
    fn versions(rng: &mut StdRng) -> Vec<Row> {
        let version = |id: i64| {
            let tenant = 1 + u64::from(rng.random_range(0..4) == 0);
            let (number, at) = (rng.random_range(1..12), rng.random_range(1..5));
            order(tenant, id, number, at, rng.random_range(11..14))
        };
        (1..=60).map(version).collect()
    }

    async fn answer(session: &Session, from: &str, asked: &str) -> String {
        let sql = format!("SELECT {COLUMNS} FROM {from} WHERE {asked} ORDER BY order_id");
        session.query(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}")).to_csv()
    }

    #[tokio::test]
    async fn the_latest_versions_are_those_that_a_sort_of_all_finds() {
        let mut rng = StdRng::seed_from_u64(7);
        for _ in 0..8 {
            let dir = tempfile::tempdir().unwrap();
            let warehouse = Warehouse::open(dir.path()).await.unwrap();
            let rows = versions(&mut rng);
            // Published, sealed and staged.
            warehouse.stage_rows("desk", 1, &rows[..25]).await.unwrap();
            warehouse.publish_all().await.unwrap();
            warehouse.stage_rows("desk", 2, &rows[25..40]).await.unwrap();
            warehouse.seal().await.unwrap();
            warehouse.stage_rows("desk", 3, &rows[40..]).await.unwrap();

            let whole = session(&warehouse, 1).await;
            let scope = Scope { agents: Some(vec![AgentId(11)]), ..Scope::of(TenantId(1)) };
            let team = Session::open(&warehouse, scope, Limits::default()).await.unwrap();
            let begin = literal::instant(crate::stories::BEGIN);
            let later = format!("changed_at > {begin}");
            for asked in [
                "true",
                "order_id = 7",
                "order_id IN (3, 4, 5) AND version < 4",
                "progress = 'open'",
                "version = 2",
                "version <= 3 AND assignee_id <> 12",
                "title LIKE 'ord%' AND version_id BETWEEN 20 AND 50",
                "closed_at IS NULL AND version < 3",
                later.as_str(),
            ] {
                let expected = answer(&whole, SORTED, asked).await;
                assert_eq!(answer(&whole, "orders_latest", asked).await, expected, "{asked}");
                let ours = format!("({asked}) AND assignee_id = 11");
                let expected = answer(&whole, SORTED, &ours).await;
                assert_eq!(answer(&team, "orders_latest", asked).await, expected, "{asked}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_not_shown_of_an_order_narrows_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let rows = [order(1, 1, 7, 1, 11), order(1, 2, 7, 2, 12), order(1, 3, 8, 1, 12)];
        warehouse.stage_rows("desk", 1, &rows).await.unwrap();
        let scope = Scope { mask_numbers: true, ..Scope::of(TenantId(1)) };
        let masked = Session::open(&warehouse, scope, Limits::default()).await.unwrap();
        let count = |number: &str| {
            format!("SELECT count(*) FROM orders_latest WHERE customer_number = '{number}'")
        };
        for (number, orders) in [("+8613800138000", "0"), ("+86138****8000", "2")] {
            let answer = masked.query(&count(number)).await.unwrap().to_csv();
            assert_eq!(answer.lines().nth(1), Some(orders), "{number}");
        }
    }
}
