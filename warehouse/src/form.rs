//! What a file looks like inside: in which order its rows lie, how many make a row group, how hard they
//! are packed, and what is kept for those who look for one of them. Any engine can read it: zstd, plain
//! types, microseconds UTC, page index, statistics.
//!
//! The product writes [`Form::default`]. Others are for measuring what was chosen
//! (`switchgrid-warehouse --layout`, `docs/decisions/60-what-a-file-looks-like.md`).

use crate::schema::Layout;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

/// Numbers and ids that people look up one by one.
pub const BLOOM_COLUMNS: [&str; 6] =
    ["call_id", "contact_id", "caller", "called", "customer_number", "order_id"];
/// Whose rows lie together in [`RowOrder::TenantNumberTime`], the first that a table has.
const NUMBER_COLUMNS: [&str; 3] = ["caller", "customer_number", "call_id"];
/// Rows of a row group: one day still splits over the cores that read it.
const ROW_GROUP_ROWS: usize = 262_144;
/// How often a Bloom filter says that a file may hold what it does not. A year has 365 files, and each
/// that is opened in vain takes longer than all that were not.
const BLOOM_FALSE: f64 = 0.01;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Form {
    /// In which order rows lie.
    pub order: RowOrder,
    /// The most rows of a row group.
    pub row_group_rows: usize,
    /// How often a Bloom filter of what people look up is wrong; `None` writes none.
    pub bloom_false: Option<f64>,
    /// Level of zstd, 1 to 22.
    pub zstd: i32,
}

/// In which order rows lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowOrder {
    /// One tenant's rows together, as they happened.
    TenantTime,
    /// As they happened, whoever's they are.
    Time,
    /// One tenant's rows together, and of those one person's.
    TenantNumberTime,
}

impl RowOrder {
    /// The columns that rows are sorted by.
    pub(crate) fn columns(self, layout: &Layout) -> Vec<usize> {
        match self {
            RowOrder::TenantTime => vec![0, layout.day, layout.id],
            RowOrder::Time => vec![layout.day, layout.id],
            RowOrder::TenantNumberTime => {
                let mut found = NUMBER_COLUMNS.iter().map(|name| layout.schema.index_of(name));
                let number = found.find_map(Result::ok).filter(|number| *number != layout.id);
                let first = std::iter::once(0).chain(number);
                first.chain([layout.day, layout.id]).collect()
            }
        }
    }
}

impl Default for Form {
    fn default() -> Self {
        Form {
            order: RowOrder::TenantTime,
            row_group_rows: ROW_GROUP_ROWS,
            bloom_false: Some(BLOOM_FALSE),
            zstd: 3,
        }
    }
}

impl Form {
    /// How `rows` rows of a table are written.
    pub(crate) fn properties(self, layout: &Layout, rows: usize) -> WriterProperties {
        let order = self.order.columns(layout).into_iter().map(|column| SortingColumn {
            column_idx: column as i32,
            descending: false,
            nulls_first: false,
        });
        let level = ZstdLevel::try_new(self.zstd).expect("a form has a level of zstd");
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_max_row_group_row_count(Some(self.row_group_rows))
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_created_by(concat!("switchgrid ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_sorting_columns(Some(order.collect()));
        let rows = rows.clamp(1, self.row_group_rows) as u64;
        for column in &layout.table.columns {
            let path = ColumnPath::from(column.name);
            // Ids hardly repeat: a dictionary would be a second copy.
            if column.name.ends_with("_id") && column.name != "tenant_id" || column.name == "seq" {
                properties = properties.set_column_dictionary_enabled(path.clone(), false);
            }
            if let Some(wrong) = self.bloom_false.filter(|_| BLOOM_COLUMNS.contains(&column.name)) {
                properties = properties
                    .set_column_bloom_filter_enabled(path.clone(), true)
                    .set_column_bloom_filter_fpp(path.clone(), wrong)
                    .set_column_bloom_filter_max_ndv(path, rows);
            }
        }
        properties.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::STEPS;
    use crate::schema::{self, layout_of};
    use crate::stories::order;
    use crate::{Limits, Load, Scope, Session, Warehouse, file};
    use parquet::file::properties::ReaderProperties;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::file::serialized_reader::ReadOptionsBuilder;
    use std::fs::File;
    use std::path::Path;
    use terms::TenantId;
    use terms::record::{Order, Row};

    const ROWS: i64 = 9;

    /// Orders of two tenants, whose customers' numbers fall while time rises.
    fn orders() -> Vec<Row> {
        let with_number = |id: i64| match order(1 + (id % 2) as u64, id, id as u64, 1, 11) {
            Row::Order(of) => {
                let customer_number = format!("+86138{:08}", ROWS - id);
                let created_at = of.created_at + std::time::Duration::from_secs(id as u64);
                Row::Order(Order { customer_number, created_at, ..of })
            }
            other => other,
        };
        (0..ROWS).map(with_number).collect()
    }

    fn opened(path: &Path) -> SerializedFileReader<File> {
        let options = ReadOptionsBuilder::new().with_reader_properties(
            ReaderProperties::builder().set_read_bloom_filter(true).build(),
        );
        let file = File::open(path).unwrap();
        SerializedFileReader::new_with_options(file, options.build()).unwrap()
    }

    /// The rows of a warehouse whose orders are in this form, and its one file.
    async fn read_in(form: Form) -> (String, Vec<i64>, SerializedFileReader<File>) {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let mut load = Load::new(&warehouse).in_form(form);
        load.push(orders()).unwrap();
        load.finish().await.unwrap();
        assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
        let scope = Scope::of(TenantId(1));
        let session = Session::open(&warehouse, scope, Limits::default()).await.unwrap();
        let asked = session.query("SELECT * FROM orders ORDER BY order_id").await.unwrap();
        let path = file::walk(&dir.path().join("orders")).unwrap().remove(0);
        let batches = file::read(layout_of("orders"), &path).unwrap();
        let at = layout_of("orders").id;
        let ids = batches.iter().flat_map(|batch| {
            use arrow::array::AsArray;
            let ids = batch.column(at).as_primitive::<arrow::datatypes::Int64Type>();
            ids.values().to_vec()
        });
        (asked.to_csv(), ids.collect(), opened(&path))
    }

    #[tokio::test]
    async fn rows_are_the_same_in_every_form_and_lie_as_it_says() {
        let usual = Form::default();
        let (rows, ids, file) = read_in(usual).await;
        assert_eq!(rows.lines().count(), 1 + 5);
        assert_eq!((ids, file.num_row_groups()), (vec![0, 2, 4, 6, 8, 1, 3, 5, 7], 1));
        let column = layout_of("orders").schema.index_of("customer_number").unwrap();
        assert!(file.get_row_group(0).unwrap().get_column_bloom_filter(column).is_some());
        for (form, order, groups) in [
            (Form { order: RowOrder::Time, ..usual }, vec![0, 1, 2, 3, 4, 5, 6, 7, 8], 1),
            (
                Form { order: RowOrder::TenantNumberTime, ..usual },
                vec![8, 6, 4, 2, 0, 7, 5, 3, 1],
                1,
            ),
            (Form { row_group_rows: 4, ..usual }, vec![0, 2, 4, 6, 8, 1, 3, 5, 7], 3),
            (Form { zstd: 9, ..usual }, vec![0, 2, 4, 6, 8, 1, 3, 5, 7], 1),
        ] {
            let (found, ids, file) = read_in(form).await;
            assert_eq!(found, rows, "{form:?}");
            assert_eq!((ids, file.num_row_groups()), (order, groups), "{form:?}");
        }
        let (found, _, file) = read_in(Form { bloom_false: None, ..usual }).await;
        assert_eq!(found, rows);
        assert!(file.get_row_group(0).unwrap().get_column_bloom_filter(column).is_none());
    }

    #[test]
    fn a_bloom_filter_is_seldom_wrong() {
        const KINDS: i64 = 40_000;
        let number = |kind: i64| format!("+86138{kind:08}");
        let rows = (0..KINDS).map(|kind| {
            let mut row = order(1, kind, 1, 1, 11);
            let Row::Order(of) = &mut row else { unreachable!("an order") };
            of.customer_number = number(kind);
            row
        });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.parquet");
        let layout = layout_of("orders");
        let rows = schema::batch(layout, &rows.collect::<Vec<_>>()).unwrap();
        file::write(layout, &rows, &path, STEPS).unwrap();
        let reader = opened(&path);
        let column = layout.schema.index_of("customer_number").unwrap();
        let group = reader.get_row_group(0).unwrap();
        let filter = group.get_column_bloom_filter(column).expect("there is a filter");
        let held = |kind: &i64| filter.check(&number(*kind).as_str());
        assert_eq!((0..KINDS).filter(held).count() as i64, KINDS);
        let wrong = (KINDS..2 * KINDS).filter(held).count() as f64;
        assert!(wrong / KINDS as f64 <= 1.3 * BLOOM_FALSE, "{wrong} of {KINDS}");
    }
}
