//! Many rows of days that are over, straight into published files: what would be staged, sealed and
//! published one after the other is written once. The files and the way to disk are those of
//! publishing, so that a crash leaves each of them whole or not there; rows of other files are there
//! already. It is for filling a warehouse (a bench, an import), not for what happens now: rows that
//! are loaded twice are there twice.

use crate::schema::{self, layout_of};
use crate::store::now;
use crate::{Error, Form, Warehouse, db, file, publish};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use std::collections::BTreeMap;
use terms::record::Row;

/// Rows that were never staged have no numbers of the stage.
const NO_SEQS: (i64, i64) = (0, 0);

/// Rows on their way into files, one file a table and UTC day.
pub struct Load<'a> {
    warehouse: &'a Warehouse,
    form: Form,
    parts: BTreeMap<(&'static str, String), Vec<RecordBatch>>,
    faxes: Vec<Row>,
}

impl<'a> Load<'a> {
    /// An empty load into `warehouse`.
    pub fn new(warehouse: &'a Warehouse) -> Self {
        let form = Form::default();
        Load { warehouse, form, parts: BTreeMap::new(), faxes: Vec::new() }
    }

    /// Writes files of another form than the product does. A merge gives them the usual one.
    #[must_use]
    pub fn in_form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Adds rows; they take less room here than as a list. A file holds a million rows well.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn push(&mut self, rows: Vec<Row>) -> Result<(), Error> {
        let mut parts: BTreeMap<(&'static str, String), Vec<Row>> = BTreeMap::new();
        for row in rows {
            if matches!(row, Row::Fax(_)) {
                self.faxes.push(row.clone());
            }
            parts.entry((row.table(), row.day_of().day_text())).or_default().push(row);
        }
        for ((table, day), rows) in parts {
            let made = schema::batch(layout_of(table), &rows);
            let batch = made.map_err(|error| {
                Error::parquet("gather rows for", &self.warehouse.dir().join(table))(error.into())
            })?;
            self.parts.entry((table, day)).or_default().push(batch);
        }
        Ok(())
    }

    /// Writes the files. Returns how many rows. The index of recordings is made anew at the next
    /// opening for writing.
    ///
    /// # Errors
    /// See [`Error`]; files that were written before stay.
    pub async fn finish(self) -> Result<u64, Error> {
        let _one = self.warehouse.upkeep().await;
        let mut tx = self.warehouse.write("load rows").await?;
        crate::recordings::unfill(&mut tx).await?;
        crate::faxes::note(&mut tx, &self.faxes).await?;
        db::commit(tx, "load rows").await?;
        let mut rows = 0;
        for ((table, day), batches) in self.parts {
            rows += part(self.warehouse, self.form, (table, &day), batches).await?;
        }
        crate::rollup::catch_up(self.warehouse).await?;
        Ok(rows)
    }
}

async fn part(
    warehouse: &Warehouse,
    form: Form,
    (table, day): (&'static str, &str),
    batches: Vec<RecordBatch>,
) -> Result<u64, Error> {
    let layout = layout_of(table);
    let tmp = warehouse.tmp(&format!("load-{table}-{day}.parquet"));
    let to = tmp.clone();
    let work = move || {
        file::make_folder(to.parent().expect("_tmp is its folder"))?;
        let sorted = concat_batches(&layout.schema, &batches)
            .and_then(|batch| schema::sort_by(&form.order.columns(layout), &batch))
            .map_err(|error| Error::parquet("sort rows for", &to)(error.into()))?;
        file::write_in(form, (layout, &sorted), &to, publish::STEPS)
    };
    let written = tokio::task::spawn_blocking(work).await.expect("loading does not panic")?;
    let rows = written.rows as u64;
    let path = publish::path_of((table, day), NO_SEQS, &written);
    let names = (path, table, day);
    let entry = crate::manifest::Entry::new(names, NO_SEQS, "publishing", now(), written);
    publish::settle(warehouse, &entry, &[], tmp).await?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stories::order;
    use crate::{Limits, Scope, Session};
    use terms::TenantId;

    #[tokio::test]
    async fn loaded_rows_are_published_and_read_beside_staged_ones() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let mut load = Load::new(&warehouse);
        load.push((1..=5).map(|id| order(1, id, id as u64, 1, 11)).collect()).unwrap();
        load.push((6..=9).map(|id| order(1, id, id as u64, 1, 11)).collect()).unwrap();
        assert_eq!(load.finish().await.unwrap(), 9);
        warehouse.stage_rows("desk", 1, &[order(1, 10, 10, 1, 11)]).await.unwrap();

        let stats = warehouse.stats().await.unwrap();
        assert_eq!((stats.published_files, stats.published_rows, stats.staged_rows), (1, 9, 1));
        let (scope, limits) = (Scope::of(TenantId(1)), Limits::default());
        let session = Session::open(&warehouse, scope, limits).await.unwrap();
        let answer = session.query("SELECT order_id FROM orders").await.unwrap();
        assert_eq!(answer.rows(), 10);
        assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
        assert!(file::walk(&dir.path().join("_tmp")).unwrap().is_empty());
    }
}
