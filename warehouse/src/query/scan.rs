//! A table of a session: stock Parquet scans over the files of the snapshot beside the staged rows,
//! under the wall of [`super::scoped`].

use crate::manifest::Entry;
use crate::query::scoped::{Rule, ScopedExec};
use crate::query::snapshot::Snapshot;
use crate::query::sought;
use crate::schema::Layout;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DFSchema, Result, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;
use datafusion::prelude::{col, lit};
use std::sync::Arc;

/// Where the files of a session are: nothing else can be read.
pub const STORE: &str = "warehouse://files/";

/// The table.
#[derive(Debug)]
pub struct ScopedTable {
    layout: Arc<Layout>,
    snapshot: Arc<Snapshot>,
    rule: Rule,
}

impl ScopedTable {
    /// The rows of `snapshot` that pass `rule`.
    pub fn new(layout: Arc<Layout>, snapshot: Arc<Snapshot>, rule: Rule) -> Self {
        ScopedTable { layout, snapshot, rule }
    }

    async fn files(
        &self,
        state: &dyn Session,
        needed: &[usize],
        filters: &[Expr],
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let files = self.snapshot.files(self.layout.table.name);
        if files.is_empty() {
            return Ok(None);
        }
        let asked: Vec<&Expr> =
            filters.iter().filter(|filter| prunes(&self.rule, filter)).collect();
        let url = ObjectStoreUrl::parse(STORE)?;
        let runtime = state.runtime_env();
        let footers = runtime.cache_manager.get_file_metadata_cache();
        let reader = CachedParquetFileReaderFactory::new(runtime.object_store(&url)?, footers);
        let sought = sought::sought(&self.layout, &asked);
        let files = sought::narrowed(self.snapshot.known(), &reader, files, &sought).await;
        if files.is_empty() {
            return Ok(None);
        }
        let mut source = ParquetSource::new(Arc::clone(&self.layout.schema))
            .with_parquet_file_reader_factory(Arc::new(reader))
            .with_pushdown_filters(false)
            .with_enable_page_index(true)
            .with_bloom_filter_on_read(true);
        let ours = col("tenant_id").eq(lit(self.rule.tenant()));
        let asked = asked.into_iter().map(unqualified);
        if let Some(prune) = conjunction(std::iter::once(ours).chain(asked)) {
            let schema = DFSchema::try_from(Arc::clone(&self.layout.schema))?;
            source = source.with_predicate(state.create_physical_expr(prune, &schema)?);
        }
        let groups = self.groups(&files, state.config().target_partitions());
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(Some(needed.to_vec()))?
            .build();
        Ok(Some(DataSourceExec::from_data_source(config)))
    }

    /// The files in turns, the newest first: who asks for the newest rows has them after a file or two, and
    /// their bound rules out the others.
    fn groups(&self, files: &[Arc<Entry>], partitions: usize) -> Vec<FileGroup> {
        let mut files: Vec<&Arc<Entry>> = files.iter().collect();
        files.sort_by(|a, b| (b.at_max, &b.path).cmp(&(a.at_max, &a.path)));
        let mut groups = vec![Vec::new(); partitions.clamp(1, files.len().max(1))];
        let count = groups.len();
        for (nth, entry) in files.into_iter().enumerate() {
            groups[nth % count].push(self.file(entry));
        }
        groups.into_iter().map(FileGroup::new).collect()
    }

    /// A file with what the manifest knows of it: it may be ruled out without being opened.
    fn file(&self, entry: &Entry) -> PartitionedFile {
        let time = |at: i64| ScalarValue::TimestampMicrosecond(Some(at), Some("UTC".into()));
        let int = |id: i64| ScalarValue::Int64(Some(id));
        let range = |min: ScalarValue, max: ScalarValue| ColumnStatistics {
            min_value: Precision::Exact(min),
            max_value: Precision::Exact(max),
            ..ColumnStatistics::new_unknown()
        };
        let mut columns = Statistics::unknown_column(&self.layout.schema);
        columns[0] = range(int(entry.tenant_min), int(entry.tenant_max));
        columns[self.layout.day] = range(time(entry.at_min), time(entry.at_max));
        let statistics = Statistics {
            num_rows: Precision::Exact(entry.rows as usize),
            total_byte_size: Precision::Absent,
            column_statistics: columns,
        };
        self.snapshot.known().file(entry).with_statistics(Arc::new(statistics))
    }

    fn staged(&self, needed: &[usize]) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(batch) = self.snapshot.staged(&self.layout)? else { return Ok(None) };
        memory(&self.layout.schema, vec![batch], needed).map(Some)
    }
}

fn memory(
    schema: &SchemaRef,
    batches: Vec<RecordBatch>,
    needed: &[usize],
) -> Result<Arc<dyn ExecutionPlan>> {
    let projection = Some(needed.to_vec());
    Ok(MemorySourceConfig::try_new_exec(&[batches], Arc::clone(schema), projection)?)
}

/// True when the filter can rule out whole files and row groups: a plain comparison of a column that
/// is shown as it is stored.
pub fn prunes(rule: &Rule, filter: &Expr) -> bool {
    let column = |expr: &Expr| matches!(expr, Expr::Column(c) if !rule.masks(c.name()));
    let literal = |expr: &Expr| matches!(expr, Expr::Literal(..));
    match filter {
        Expr::BinaryExpr(binary) => match binary.op {
            Operator::And | Operator::Or => {
                prunes(rule, &binary.left) && prunes(rule, &binary.right)
            }
            Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq => {
                column(&binary.left) && literal(&binary.right)
                    || literal(&binary.left) && column(&binary.right)
            }
            _ => false,
        },
        Expr::Between(between) => {
            column(&between.expr) && literal(&between.low) && literal(&between.high)
        }
        Expr::InList(list) => column(&list.expr) && list.list.iter().all(literal),
        Expr::IsNull(expr) | Expr::IsNotNull(expr) => column(expr),
        _ => false,
    }
}

/// The wanted columns and those that the rule looks at, in the table's order.
pub fn needed(layout: &Layout, rule: &Rule, projection: Option<&Vec<usize>>) -> Vec<usize> {
    let ruled = rule.columns();
    let wanted = |at: &usize| projection.is_none_or(|wanted| wanted.contains(at));
    let is_ruled = |at: &usize| ruled.contains(&layout.schema.field(*at).name().as_str());
    (0..layout.schema.fields().len()).filter(|at| wanted(at) || is_ruled(at)).collect()
}

/// The filter with bare column names, as the files have them.
pub fn unqualified(filter: &Expr) -> Expr {
    use datafusion::common::tree_node::{Transformed, TreeNode};
    let bare = filter.clone().transform(|expr| {
        Ok(match expr {
            Expr::Column(column) => {
                Transformed::yes(Expr::Column(datafusion::common::Column::from_name(column.name)))
            }
            other => Transformed::no(other),
        })
    });
    bare.expect("renaming columns cannot fail").data
}

#[async_trait]
impl TableProvider for ScopedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.layout.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // Never exact: what a reader asked is answered above the wall; below it only prunes.
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
        let needed = needed(&self.layout, &self.rule, projection);
        let parts = [self.files(state, &needed, filters).await?, self.staged(&needed)?];
        let mut parts: Vec<_> = parts.into_iter().flatten().collect();
        let input = match parts.len() {
            0 => memory(&self.layout.schema, Vec::new(), &needed)?,
            1 => parts.remove(0),
            _ => UnionExec::try_new(parts)?,
        };
        let shown = match projection {
            Some(wanted) => Arc::new(self.layout.schema.project(wanted)?),
            None => Arc::clone(&self.layout.schema),
        };
        debug_assert!(shown.fields().iter().all(|field| field.data_type() != &DataType::Utf8View));
        Ok(Arc::new(ScopedExec::new(input, self.rule.clone(), shown)))
    }
}

#[cfg(test)]
mod tests;
