//! The latest versions of what is kept in versions: the view `orders_latest`, of every order the highest
//! version, and as functions the same as it was known at a time, `orders_known(at)` and
//! `return_visits_known(at)`, in microseconds since 1970. The latest is found among all versions of the
//! tenant and only then limited to the reader's agents: an order that was handed to another team does
//! not show up as it was before.
//!
//! A version is the latest where there is no newer one. So what is asked may narrow the versions
//! that are looked at and never those that they are held against, and nothing is sorted: of every
//! version three numbers are kept, and the wanted columns stream past them.

use crate::Scope;
use crate::query::ORDERS_LATEST;
use crate::query::scan::{ScopedTable, needed, prunes, unqualified};
use crate::query::scoped::{Rule, ScopedExec};
use crate::query::snapshot::Snapshot;
use crate::schema::{Layout, layout_of};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{DataFusionError, JoinType, Result, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{SessionContext, col, lit};
use std::sync::Arc;

/// A table with a row for every version.
#[derive(Clone, Copy, Debug)]
struct Versions {
    table: &'static str,
    /// What all versions of one thing have alike.
    of: &'static str,
    /// The column that rises from one to the next.
    version: &'static str,
    /// The function that tells the latest as it was known at a time.
    known: &'static str,
}

const ORDERS: Versions =
    Versions { table: "orders", of: "order_id", version: "version", known: "orders_known" };
const RETURN_VISITS: Versions = Versions {
    table: "return_visits",
    of: "visit_id",
    version: "version_id",
    known: "return_visits_known",
};

/// Adds the view and the functions.
pub fn register(context: &SessionContext, snapshot: &Arc<Snapshot>, scope: &Scope) -> Result<()> {
    let latest = Latest::new(ORDERS, Arc::clone(snapshot), scope.clone(), None);
    context.register_table(ORDERS_LATEST, Arc::new(latest))?;
    for versions in [ORDERS, RETURN_VISITS] {
        let known = Known { versions, snapshot: Arc::clone(snapshot), scope: scope.clone() };
        context.register_udtf(versions.known, Arc::new(known));
    }
    Ok(())
}

/// Whether a function is one of these.
pub fn is_known(function: &str) -> bool {
    [ORDERS, RETURN_VISITS].iter().any(|versions| versions.known == function)
}

/// One of the functions.
#[derive(Debug)]
struct Known {
    versions: Versions,
    snapshot: Arc<Snapshot>,
    scope: Scope,
}

impl TableFunctionImpl for Known {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let [Expr::Literal(ScalarValue::Int64(Some(at)), _)] = args.exprs() else {
            let name = self.versions.known;
            let text = format!("{name} takes one time, in microseconds since 1970");
            return Err(DataFusionError::Plan(text));
        };
        let (snapshot, scope) = (Arc::clone(&self.snapshot), self.scope.clone());
        Ok(Arc::new(Latest::new(self.versions, snapshot, scope, Some(*at))))
    }
}

/// The latest versions.
#[derive(Debug)]
struct Latest {
    versions: Versions,
    snapshot: Arc<Snapshot>,
    scope: Scope,
    rule: Rule,
    /// Of those that were made until then, in microseconds since 1970; of all where it is `None`.
    until: Option<i64>,
}

impl Latest {
    fn new(versions: Versions, snapshot: Arc<Snapshot>, scope: Scope, until: Option<i64>) -> Self {
        let rule = Rule::new(layout_of(versions.table), &scope);
        Latest { versions, snapshot, scope, rule, until }
    }

    fn layout(&self) -> &'static Arc<Layout> {
        layout_of(self.versions.table)
    }

    /// Some columns of the latest versions of the whole tenant, of those that pass `filters`.
    async fn plan(&self, columns: &[usize], filters: &[Expr]) -> Result<LogicalPlan> {
        let Versions { table, of, version, .. } = self.versions;
        let layout = self.layout();
        let rule = Rule::whole_tenant(&self.scope);
        let all = ScopedTable::new(Arc::clone(layout), Arc::clone(&self.snapshot), rule);
        let context = SessionContext::new();
        context.register_table(table, Arc::new(all))?;
        let (mut asked, mut newer) = (context.table(table).await?, context.table(table).await?);
        if let Some(until) = self.until {
            let until = ScalarValue::TimestampMicrosecond(Some(until), Some("UTC".into()));
            let was_known = col("changed_at").lt_eq(lit(until));
            asked = asked.filter(was_known.clone())?;
            newer = newer.filter(was_known)?;
        }
        for filter in filters {
            asked = asked.filter(unqualified(filter))?;
            if filter.column_refs().iter().all(|column| column.name() == of) {
                newer = newer.filter(unqualified(filter))?;
            }
        }
        let newer = newer.select([
            col(of).alias("newer_of"),
            col(version).alias("newer"),
            col("version_id").alias("newer_id"),
        ])?;
        let (more, same) = (col("newer").gt(col(version)), col("newer").eq(col(version)));
        let is_newer = more.or(same.and(col("newer_id").gt(col("version_id"))));
        let kept = JoinType::RightAnti;
        let latest = newer.join(asked, kept, &["newer_of"], &[of], Some(is_newer))?;
        let names: Vec<&str> =
            columns.iter().map(|at| layout.schema.field(*at).name().as_str()).collect();
        Ok(latest.select_columns(&names)?.into_unoptimized_plan())
    }
}

#[async_trait]
impl TableProvider for Latest {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.layout().schema)
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
        let layout = self.layout();
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
    async fn what_was_the_latest_at_a_time_is_found_among_all_that_was_made_until_then() {
        let mut rng = StdRng::seed_from_u64(8);
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let rows = versions(&mut rng);
        warehouse.stage_rows("desk", 1, &rows[..30]).await.unwrap();
        warehouse.publish_all().await.unwrap();
        warehouse.stage_rows("desk", 2, &rows[30..]).await.unwrap();

        let whole = session(&warehouse, 1).await;
        let scope = Scope { agents: Some(vec![AgentId(11)]), ..Scope::of(TenantId(1)) };
        let team = Session::open(&warehouse, scope, Limits::default()).await.unwrap();
        for version in [0, 10, 31, 60] {
            let at = crate::stories::BEGIN.0 + version * 1_000_000;
            let until = literal::instant(terms::Timestamp(at));
            let of_then = format!("FROM orders WHERE changed_at <= {until}) AS placed");
            let sorted = SORTED.replace("FROM orders) AS placed", &of_then);
            let known = format!("orders_known({at}) AS known");
            for asked in ["true", "order_id = 7", "version <= 3 AND progress = 'open'"] {
                let expected = answer(&whole, &sorted, asked).await;
                assert_eq!(answer(&whole, &known, asked).await, expected, "{version}: {asked}");
                let ours = format!("({asked}) AND assignee_id = 11");
                let expected = answer(&whole, &sorted, &ours).await;
                assert_eq!(answer(&team, &known, asked).await, expected, "{version}: {asked}");
            }
        }
    }

    #[tokio::test]
    async fn a_time_is_a_number_and_nothing_that_is_read_first() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let session = session(&warehouse, 1).await;
        for asked in ["", "'now'", "1, 2", "NULL", "(SELECT MAX(version_id) FROM orders)"] {
            for known in ["orders_known", "return_visits_known"] {
                let sql = format!("SELECT 1 FROM {known}({asked}) AS known");
                assert!(session.query(&sql).await.is_err(), "{sql} was answered");
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
