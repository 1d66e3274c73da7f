//! The wall between tenants: an operator directly above the files that lets through the rows of
//! one tenant, and of the queues and agents that the reader may see, with numbers masked. Of these it
//! lets through those that were asked for, where less was asked for than is seen.
//!
//! It is an operator of its own and not a filter expression, because the optimizer may move and
//! merge filters: `cast(caller AS int)` evaluated one step too early would tell a foreign number in
//! its error text. This operator takes no filter that anybody wrote, gives no statistics, and is simple
//! enough to be believed by reading. What it hands down are bounds that a sort or a join above has found
//! in rows that had passed, of columns that are shown as they are stored: below, these rule out whole
//! files and row groups, and no row.

#[cfg(feature = "ballista")]
mod sent;

use crate::Scope;
use crate::rollup;
use crate::schema::Layout;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions,
    StringArray,
};
use arrow::compute::filter_record_batch;
use arrow::compute::kernels::boolean::{and, or};
use arrow::compute::kernels::cmp::eq;
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use arrow::error::ArrowError;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::DynamicFilterPhysicalExpr;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::filter_pushdown::{
    ChildFilterDescription, ChildPushdownResult, FilterDescription, FilterPushdownPhase,
    FilterPushdownPropagation,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::StreamExt;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use terms::number::{masked, masked_address, masked_within};

/// Columns that name a queue.
const QUEUE_COLUMNS: [&str; 1] = ["queue_id"];
/// Columns that name an agent.
const AGENT_COLUMNS: [&str; 3] = ["agent_id", "last_agent_id", "assignee_id"];
/// The table of who did what, for those only who may read it.
const AUDIT: &str = "audit";
/// Columns that hold a telephone number, or an address of another kind.
const NUMBER_COLUMNS: [&str; 6] =
    ["caller", "caller_received", "called", "address", "customer_number", "station"];
/// Columns in which somebody, or another system, may have written one.
const PROSE_COLUMNS: [&str; 6] = ["title", "note", "subject", "sip_call_id", "text", "disposition"];
/// Columns of which nothing is shown where numbers are not: they may hold them anywhere.
const SECRET_COLUMNS: [&str; 2] = ["detail", "digits"];

/// Columns that a row is known by, each with the ids of which one is to stand in it: a row passes when
/// that is so of any of them.
type AnyOf = Vec<(&'static str, BTreeSet<i64>)>;

/// Which rows and what of them.
#[derive(Clone, Debug)]
pub struct Rule {
    tenant: i64,
    /// What is seen; `None` passes all.
    any_of: Option<AnyOf>,
    /// What is asked for: a row passes all of them.
    only: Vec<AnyOf>,
    mask_numbers: bool,
}

impl Rule {
    /// What `scope` means for a table.
    pub fn new(layout: &Layout, scope: &Scope) -> Self {
        let mut any_of = Vec::new();
        if let Some(queues) = &scope.queues {
            any_of.extend(known(layout, &QUEUE_COLUMNS, queues.iter().map(|queue| queue.0)));
        }
        if let Some(agents) = &scope.agents {
            any_of.extend(known(layout, &AGENT_COLUMNS, agents.iter().map(|agent| agent.0)));
        }
        let closed = layout.table.name == AUDIT && !scope.audit;
        let limited = closed || scope.queues.is_some() || scope.agents.is_some();
        let table = rollup::named(layout.table.name).map_or(layout.table.name, |of| of.source);
        let only = scope.only.iter().filter(|only| only.table == table);
        Rule {
            tenant: scope.tenant.0 as i64,
            any_of: limited.then_some(any_of),
            only: only.map(|only| known(layout, only.columns, only.ids.iter().copied())).collect(),
            mask_numbers: scope.mask_numbers,
        }
    }

    /// The tenant's rows as they are, for our own plans that end in another wall.
    pub fn whole_tenant(scope: &Scope) -> Self {
        let tenant = scope.tenant.0 as i64;
        Rule { tenant, any_of: None, only: Vec::new(), mask_numbers: false }
    }

    /// Whether what `scope` means for counts is what it means for the rows that they are of: the
    /// queues and agents by which rows are told apart are keys of the counts.
    pub fn holds_for_counts(rows: &Layout, counts: &Layout, scope: &Scope) -> bool {
        Rule::new(rows, scope).columns() == Rule::new(counts, scope).columns()
    }

    /// The tenant.
    pub fn tenant(&self) -> i64 {
        self.tenant
    }

    /// The columns that the rule looks at.
    pub fn columns(&self) -> Vec<&'static str> {
        let ids = self.any_of.iter().chain(&self.only).flatten().map(|(column, _)| *column);
        std::iter::once("tenant_id").chain(ids).collect()
    }

    /// True when what a reader sees of `column` is not what is stored.
    pub fn masks(&self, column: &str) -> bool {
        let masked = [&NUMBER_COLUMNS[..], &PROSE_COLUMNS, &SECRET_COLUMNS];
        self.mask_numbers && masked.iter().any(|columns| columns.contains(&column))
    }

    /// The rows that pass.
    fn filter(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let mut keep = eq(ids(batch, "tenant_id")?, &Int64Array::new_scalar(self.tenant))?;
        for any_of in self.any_of.iter().chain(&self.only) {
            keep = and(&keep, &passes(batch, any_of)?)?;
        }
        filter_record_batch(batch, &keep)
    }

    /// What a reader sees of a column.
    fn shown(&self, name: &str, column: &ArrayRef) -> ArrayRef {
        if !self.masks(name) || column.data_type() != &DataType::Utf8 {
            return Arc::clone(column);
        }
        let hide: fn(&str) -> String = match name {
            // The rest of an entry may hold numbers anywhere.
            "detail" => |_| "{}".to_owned(),
            "digits" => |digits| "*".repeat(digits.chars().count()),
            "address" => masked_address,
            _ if PROSE_COLUMNS.contains(&name) => masked_within,
            _ => masked,
        };
        let shown = column.as_string::<i32>().iter().map(|text| text.map(hide));
        Arc::new(shown.collect::<StringArray>())
    }
}

/// Those of `columns` that a table has, each with the ids. Of none of them no row passes.
fn known(layout: &Layout, columns: &[&'static str], ids: impl Iterator<Item = u64>) -> AnyOf {
    let ids: BTreeSet<i64> = ids.map(|id| id as i64).collect();
    let has = |column: &&&'static str| layout.table.columns.iter().any(|has| has.name == **column);
    columns.iter().filter(has).map(|column| (*column, ids.clone())).collect()
}

/// Which rows hold one of the ids in one of the columns.
fn passes(
    batch: &RecordBatch,
    any_of: &[(&'static str, BTreeSet<i64>)],
) -> Result<BooleanArray, ArrowError> {
    let mut allowed = BooleanArray::from(vec![false; batch.num_rows()]);
    for (column, wanted) in any_of {
        let listed = |id: Option<i64>| Some(id.is_some_and(|id| wanted.contains(&id)));
        let has: BooleanArray = ids(batch, column)?.iter().map(listed).collect();
        allowed = or(&allowed, &has)?;
    }
    Ok(allowed)
}

fn ids<'a>(batch: &'a RecordBatch, column: &str) -> Result<&'a Int64Array, ArrowError> {
    batch
        .column_by_name(column)
        .and_then(|column| column.as_primitive_opt::<Int64Type>())
        .ok_or_else(|| ArrowError::SchemaError(format!("no ids in column {column}")))
}

/// The operator.
#[derive(Debug)]
pub struct ScopedExec {
    input: Arc<dyn ExecutionPlan>,
    rule: Rule,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl ScopedExec {
    /// Rows of `input` that pass `rule`, with the columns of `schema` (found by name).
    pub fn new(input: Arc<dyn ExecutionPlan>, rule: Rule, schema: SchemaRef) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        ScopedExec { input, rule, schema, properties }
    }
}

fn pass(rule: &Rule, schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    let kept = rule.filter(batch)?;
    let columns = schema
        .fields()
        .iter()
        .map(|field| {
            let column = kept.column_by_name(field.name()).ok_or_else(|| {
                DataFusionError::Internal(format!("the scan has no column {}", field.name()))
            })?;
            Ok(rule.shown(field.name(), column))
        })
        .collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(kept.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

impl DisplayAs for ScopedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("ScopedExec")
    }
}

impl ExecutionPlan for ScopedExec {
    fn name(&self) -> &str {
        "ScopedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (children.pop(), children.is_empty()) else {
            return Err(DataFusionError::Internal("ScopedExec has one child".to_owned()));
        };
        Ok(Arc::new(ScopedExec::new(input, self.rule.clone(), Arc::clone(&self.schema))))
    }

    fn gather_filters_for_pushdown(
        &self,
        phase: FilterPushdownPhase,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterDescription> {
        let is_bound = |filter: &Arc<dyn PhysicalExpr>| {
            filter.downcast_ref::<DynamicFilterPhysicalExpr>().is_some()
        };
        if phase == FilterPushdownPhase::Pre || !filters.iter().all(is_bound) {
            return Ok(FilterDescription::all_unsupported(&filters, &self.children()));
        }
        let fields = self.schema.fields().iter().enumerate();
        let as_stored = fields.filter(|(_, field)| !self.rule.masks(field.name()));
        let as_stored = as_stored.map(|(at, _)| at).collect();
        let child = ChildFilterDescription::from_child_with_allowed_indices(
            &filters,
            as_stored,
            &self.input,
        )?;
        Ok(FilterDescription::new().with_child(child))
    }

    /// Whatever is done with a bound below, who found it keeps to it.
    fn handle_child_pushdown_result(
        &self,
        _: FilterPushdownPhase,
        result: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        Ok(FilterPushdownPropagation::all_unsupported(result))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (rule, schema) = (self.rule.clone(), Arc::clone(&self.schema));
        let rows = self.input.execute(partition, context)?;
        let passed = rows.map(move |batch| pass(&rule, &schema, &batch?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), passed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::layouts;
    use terms::TenantId;
    use terms::record::ColumnType;

    /// Texts that are words of ours, ids, names of things, or what a program says of itself.
    const HARMLESS: [&str; 37] = [
        "action",
        "activity",
        "answer",
        "area",
        "call_direction",
        "channel",
        "city",
        "codec",
        "department",
        "direction",
        "document",
        "exit",
        "flow_out_reason",
        "format",
        "hangup_by",
        "hop",
        "kind",
        "login",
        "marks",
        "name",
        "number",
        "outcome",
        "path",
        "progress",
        "province",
        "reason",
        "result",
        "role",
        "satisfaction",
        "sha256",
        "source",
        "state",
        "step",
        "user_agent",
        "way",
        "progress_before",
        "progress_after",
    ];

    #[test]
    fn of_every_text_it_is_decided_whether_it_may_hold_a_number() {
        let scope = Scope { mask_numbers: true, ..Scope::of(TenantId(1)) };
        for (table, layout) in layouts() {
            let rule = Rule::new(layout, &scope);
            for column in layout.table.columns.iter().filter(|of| of.kind == ColumnType::Text) {
                let is_harmless = HARMLESS.contains(&column.name);
                assert!(is_harmless != rule.masks(column.name), "{table}.{}", column.name);
            }
        }
    }
}
