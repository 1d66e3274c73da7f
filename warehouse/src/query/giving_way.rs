//! A question that takes too long is stopped where it gives way to others. DataFusion lets the leaves
//! of a plan do so (`EnsureCooperative`): a join makes millions of rows out of two leaves that were
//! read long ago, and nobody would ever be asked again. So every operator that can make many rows of
//! few gives way as well.

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use std::sync::Arc;

/// Wraps what makes many rows of few, after all other rules.
#[derive(Debug)]
pub struct GivingWay;

impl PhysicalOptimizerRule for GivingWay {
    fn name(&self) -> &'static str {
        "giving_way"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _options: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let wrapped = plan.transform_up(|node| {
            if multiplies(node.as_ref()) {
                return Ok(Transformed::yes(Arc::new(CooperativeExec::new(node)) as _));
            }
            Ok(Transformed::no(node))
        })?;
        Ok(wrapped.data)
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// True unless an operator says that it hands on as many rows as it takes, or fewer.
fn multiplies(node: &dyn ExecutionPlan) -> bool {
    use CardinalityEffect::{Equal, LowerEqual};
    !node.children().is_empty() && !matches!(node.cardinality_effect(), Equal | LowerEqual)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::execution::SessionStateBuilder;
    use datafusion::physical_plan::displayable;
    use datafusion::prelude::SessionContext;

    async fn plan(sql: &str) -> String {
        let state = SessionStateBuilder::new_with_default_features()
            .with_physical_optimizer_rule(Arc::new(GivingWay))
            .build();
        let frame = SessionContext::new_with_state(state).sql(sql).await.expect("a question");
        let plan = frame.create_physical_plan().await.expect("a plan");
        displayable(plan.as_ref()).indent(false).to_string()
    }

    /// The operators of a plan, the outermost first.
    fn names(plan: &str) -> Vec<&str> {
        plan.lines().filter_map(|line| line.trim().split([':', ' ']).next()).collect()
    }

    #[tokio::test]
    async fn every_join_gives_way() {
        let text = plan(
            "WITH n(x) AS (VALUES (1), (2)) SELECT sum(a.x + b.x * c.x) \
             FROM n a CROSS JOIN n b JOIN n c ON a.x < c.x",
        )
        .await;
        let names = names(&text);
        let is_join = |name: &str| name.ends_with("JoinExec");
        assert_eq!(names.iter().filter(|name| is_join(name)).count(), 2, "{text}");
        let free = names.windows(2).filter(|pair| is_join(pair[1]) && pair[0] != "CooperativeExec");
        assert_eq!(free.count(), 0, "{text}");
    }

    #[tokio::test]
    async fn what_makes_no_more_rows_is_left_as_it_is() {
        let text = plan("SELECT x + 1 FROM (VALUES (1), (2)) n(x) WHERE x > 1").await;
        let wrapped = names(&text).iter().filter(|name| **name == "CooperativeExec").count();
        assert!(wrapped <= 1, "{text}");
    }
}
