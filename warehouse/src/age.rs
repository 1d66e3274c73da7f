//! Rows go when their time is over: a tenant's rows of a table's day that nothing holds. A file with
//! nothing but such rows leaves the manifest in one transaction and lies retired for ten minutes, as a
//! replaced one does; a file that others share, or that holds what must stay, is rewritten
//! ([`crate::rewrite`]). Whenever the process dies, a day is as it was or without those rows: nothing
//! that is wanted goes with them, and nothing comes back. Counts of quarter-hours are sums of the
//! rows that are there ([`crate::rollup`]), so they go with them.
//!
//! Named steps: `age.retire`, `age.done`.

use crate::rewrite::{Change, rewrite};
use crate::schema::{Layout, layouts};
use crate::store::now;
use crate::{Error, Limits, Scope, Session, Warehouse, db, fail, file, manifest, rebuild, rollup};
use arrow::array::{Array, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use terms::{ContactId, FaxId, RecordingId, Subscriber, TenantId, Timestamp};

/// Ids or numbers of one question.
const EACH: usize = 500;
/// Numbers of one question, each of which is looked for twice: an OR is a level of its tree.
const NUMBERS_EACH: usize = 100;
/// Every call is looked at: that takes its time.
const LIMITS: Limits =
    Limits { rows_max: 10_000_000, time_max: Duration::from_secs(3_600), memory_max: 512 << 20 };

/// Files that were looked at and have nothing more to give, for a tenant and for what was held then.
pub const SCHEMA: &[&str] = &["CREATE TABLE IF NOT EXISTS aged (
        path TEXT NOT NULL, tenant INTEGER NOT NULL, stays TEXT NOT NULL,
        PRIMARY KEY (path, tenant)) STRICT"];

/// What somebody holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// Recordings, with all of their contacts.
    pub recordings: BTreeSet<RecordingId>,
    /// Faxes, with all of their contacts.
    pub faxes: BTreeSet<FaxId>,
    /// Contacts.
    pub contacts: BTreeSet<ContactId>,
    /// Persons, by their numbers.
    pub numbers: BTreeSet<Subscriber>,
}

/// The rows that stay whatever their age: what belongs to a contact that is held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stays {
    recordings: BTreeSet<i64>,
    faxes: BTreeSet<i64>,
    contacts: BTreeSet<i64>,
    calls: BTreeSet<i64>,
    numbers: BTreeSet<Subscriber>,
}

/// What became of a table's day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aged {
    /// Rows that went.
    pub rows: u64,
    /// Rows that a hold keeps.
    pub held: u64,
    /// Days that were rewritten a moment ago for another reason: they go in the next round.
    pub days_waiting: u64,
}

impl Aged {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Aged) -> Aged {
        Aged {
            rows: self.rows + other.rows,
            held: self.held + other.held,
            days_waiting: self.days_waiting + other.days_waiting,
        }
    }
}

impl Stays {
    /// Nothing is held.
    pub fn is_empty(&self) -> bool {
        *self == Stays::default()
    }

    /// Tells one from another, in hex.
    fn fingerprint(&self) -> String {
        let digest = Sha256::digest(format!("{self:?}"));
        digest.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl Warehouse {
    /// Which rows of a tenant stay because of what is held.
    ///
    /// # Errors
    /// See [`Error`]: then nothing may go.
    pub async fn held_rows(&self, tenant: TenantId, holds: &Holds) -> Result<Stays, Error> {
        let mut stays = Stays {
            recordings: holds.recordings.iter().map(|id| id.0 as i64).collect(),
            faxes: holds.faxes.iter().map(|id| id.0 as i64).collect(),
            contacts: holds.contacts.iter().map(|id| id.0 as i64).collect(),
            calls: BTreeSet::new(),
            numbers: holds.numbers.clone(),
        };
        for id in &holds.recordings {
            let found = self.recording(tenant, *id).await?;
            stays.contacts.extend(found.map(|found| found.recording.contact_id.0 as i64));
        }
        for id in &holds.faxes {
            let row = self.fax(tenant, *id).await?.and_then(|found| found.row);
            stays.contacts.extend(row.map(|row| row.contact_id.0 as i64));
        }
        if !stays.is_empty() {
            self.add_calls(tenant, &mut stays).await?;
        }
        Ok(stays)
    }

    /// Adds the calls of the contacts and numbers, and the contacts of those calls.
    async fn add_calls(&self, tenant: TenantId, stays: &mut Stays) -> Result<(), Error> {
        let session = Session::open(self, Scope::of(tenant), LIMITS).await?;
        let contacts: Vec<String> = stays.contacts.iter().map(i64::to_string).collect();
        let mut conditions: Vec<(String, Vec<Subscriber>)> = contacts
            .chunks(EACH)
            .map(|some| (format!("contact_id IN ({})", some.join(", ")), Vec::new()))
            .collect();
        let numbers: Vec<Subscriber> = stays.numbers.iter().cloned().collect();
        conditions.extend(numbers.chunks(NUMBERS_EACH).map(|some| {
            let like = |number: &Subscriber| {
                let like = number.pattern();
                format!("caller LIKE '{like}' OR called LIKE '{like}'")
            };
            (some.iter().map(like).collect::<Vec<_>>().join(" OR "), some.to_vec())
        }));
        for (condition, numbers) in conditions {
            let sql =
                format!("SELECT call_id, contact_id, caller, called FROM calls WHERE {condition}");
            let answer = session.query(&sql).await;
            let answer = answer.map_err(|error| Error::Session(error.to_string()))?;
            for batch in &answer.batches {
                let held = held_calls(batch, &numbers);
                let held = held.map_err(|error| Error::Session(error.to_string()))?;
                stays.calls.extend(held.iter().map(|(call, _)| call));
                stays.contacts.extend(held.iter().map(|(_, contact)| contact));
            }
        }
        Ok(())
    }

    /// The days of a table before the UTC day of `until` that may hold rows of a tenant which are to
    /// go, the oldest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn days_over(
        &self,
        tenant: TenantId,
        table: &str,
        until: Timestamp,
        stays: &Stays,
    ) -> Result<Vec<String>, Error> {
        let mut tx = self.read("list days that are over").await?;
        sqlx::query_scalar(
            "SELECT DISTINCT day FROM file WHERE state = 'published' AND tbl = $1 AND day < $2 \
             AND tenant_min <= $3 AND tenant_max >= $3 AND path NOT IN \
             (SELECT path FROM aged WHERE tenant = $3 AND stays = $4) ORDER BY day",
        )
        .bind(table)
        .bind(until.day_text())
        .bind(tenant.0 as i64)
        .bind(stays.fingerprint())
        .fetch_all(&mut *tx)
        .await
        .map_err(Error::database("list days that are over"))
    }

    /// Takes the tenant's rows out of a table's day, but for those that stay.
    ///
    /// # Errors
    /// See [`Error`]; the day is as it was then, or without the rows.
    pub async fn age_day(
        &self,
        tenant: TenantId,
        (table, day): (&str, &str),
        stays: &Stays,
    ) -> Result<Aged, Error> {
        let _one = self.upkeep().await;
        // A table that this program does not know was written by a newer one: it stays as it is.
        let Some(layout) = layouts().get(table) else { return Ok(Aged::default()) };
        let mut tx = self.read("list files of a day").await?;
        let files = manifest::published_of(&mut tx, (table, day), tenant.0 as i64).await?;
        drop(tx);
        let whose = Arc::new((tenant.0 as i64, stays.clone()));
        let plan = plan(self, layout, &whose, files).await?;
        let mut aged = Aged { rows: 0, held: plan.held, days_waiting: 0 };
        if !plan.shared.is_empty() || !plan.whole.is_empty() {
            rebuild::note_over(self, tenant, (table, day)).await?;
        }
        if !plan.shared.is_empty() {
            // Before the others are retired: a day with retired files is not rewritten.
            let change: Change = Arc::new(move |batch: &RecordBatch| {
                let (staying, _) = staying(&whose, batch);
                filter_record_batch(batch, &staying)
            });
            match rewrite(self, &plan.shared, Some(change)).await? {
                Some(_) => aged.rows += plan.rows_shared,
                None => aged.days_waiting = 1,
            }
        }
        if !plan.whole.is_empty() {
            retire(self, &plan.whole).await?;
            aged.rows += plan.rows_whole;
        }
        note(self, tenant, &plan.done, &stays.fingerprint()).await?;
        if rollup::of_source(table).is_some() && aged.rows > 0 {
            rollup::catch_up(self).await?;
        }
        Ok(aged)
    }
}

/// What is to become of which file.
#[derive(Default)]
struct Plan {
    /// All of it goes.
    whole: Vec<manifest::Entry>,
    /// Some of it goes.
    shared: Vec<manifest::Entry>,
    /// Nothing of it goes.
    done: Vec<manifest::Entry>,
    rows_whole: u64,
    rows_shared: u64,
    held: u64,
}

/// Whose rows go, and which of them stay.
type Whose = (i64, Stays);

/// Looks into the files that are not the tenant's alone or may hold what stays. A damaged one is told
/// and stays where it is.
async fn plan(
    warehouse: &Warehouse,
    layout: &'static Layout,
    whose: &Arc<Whose>,
    files: Vec<manifest::Entry>,
) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    for entry in files {
        let is_alone = (entry.tenant_min, entry.tenant_max) == (whose.0, whose.0);
        if is_alone && whose.1.is_empty() {
            plan.rows_whole += entry.rows as u64;
            plan.whole.push(entry);
            continue;
        }
        let near = warehouse.shelf().near(vec![entry.path.clone()]).await?;
        let (one, whose) = (entry.clone(), Arc::clone(whose));
        let look = move || {
            let (batches, read) = file::read_whole(layout, &near, &[one]);
            (!read.is_empty()).then(|| look(&whose, &batches))
        };
        let found = tokio::task::spawn_blocking(look).await.expect("reading does not panic");
        let Some(Found { going, held }) = found else { continue };
        plan.held += held;
        match going {
            0 => plan.done.push(entry),
            all if all == entry.rows as u64 => {
                plan.rows_whole += all;
                plan.whole.push(entry);
            }
            some => {
                plan.rows_shared += some;
                plan.shared.push(entry);
            }
        }
    }
    Ok(plan)
}

/// Rows of a file.
struct Found {
    going: u64,
    held: u64,
}

/// Call and contact of the rows that name one of these, whole; of all where none is given.
fn held_calls(batch: &RecordBatch, numbers: &[Subscriber]) -> Result<Vec<(i64, i64)>, ArrowError> {
    let ids = |at: usize| batch.column(at).as_primitive::<Int64Type>();
    let texts = [cast(batch.column(2), &DataType::Utf8)?, cast(batch.column(3), &DataType::Utf8)?];
    let texts = texts.each_ref().map(|text| text.as_string::<i32>());
    let names = |row: usize| {
        let says = |text: &&StringArray| {
            text.is_valid(row) && numbers.iter().any(|number| number.is_in(text.value(row)))
        };
        texts.iter().any(says)
    };
    let rows = (0..batch.num_rows()).filter(|row| numbers.is_empty() || names(*row));
    Ok(rows.map(|row| (ids(0).value(row), ids(1).value(row))).collect())
}

fn look(whose: &Whose, batches: &[RecordBatch]) -> Found {
    let mut found = Found { going: 0, held: 0 };
    for batch in batches {
        let (staying, held) = staying(whose, batch);
        found.going += (batch.num_rows() - staying.true_count()) as u64;
        found.held += held;
    }
    found
}

/// Which rows stay: those of other tenants, and those that are held, which are counted.
fn staying((tenant, stays): &Whose, batch: &RecordBatch) -> (BooleanArray, u64) {
    let tenants = batch.column(0).as_primitive::<Int64Type>();
    let ids: Vec<(&Int64Array, &BTreeSet<i64>)> = [
        ("contact_id", &stays.contacts),
        ("call_id", &stays.calls),
        ("recording_id", &stays.recordings),
        ("fax_id", &stays.faxes),
    ]
    .into_iter()
    .filter_map(|(name, held)| {
        Some((batch.column_by_name(name)?.as_primitive_opt::<Int64Type>()?, held))
    })
    .collect();
    let texts: Vec<&StringArray> =
        batch.columns().iter().filter_map(|column| column.as_string_opt::<i32>()).collect();
    let names = |row: usize, number: &Subscriber| {
        texts.iter().any(|text| text.is_valid(row) && number.is_in(text.value(row)))
    };
    let mut count = 0;
    let staying: Vec<bool> = (0..batch.num_rows())
        .map(|row| {
            if tenants.value(row) != *tenant {
                return true;
            }
            let held =
                ids.iter().any(|(of, held)| of.is_valid(row) && held.contains(&of.value(row)))
                    || stays.numbers.iter().any(|number| names(row, number));
            count += u64::from(held);
            held
        })
        .collect();
    (BooleanArray::from(staying), count)
}

/// Takes files out of the manifest; they lie a while for sessions that still read them.
async fn retire(warehouse: &Warehouse, files: &[manifest::Entry]) -> Result<(), Error> {
    let paths: Vec<String> = files.iter().map(|entry| entry.path.clone()).collect();
    fail::database("age.retire", "drop rows").await?;
    let mut tx = warehouse.write("drop rows").await?;
    manifest::retire(&mut tx, &paths, now()).await?;
    db::commit(tx, "drop rows").await?;
    fail::database("age.done", "drop rows").await
}

/// Remembers files that need not be looked at again, and forgets those that are gone.
async fn note(
    warehouse: &Warehouse,
    tenant: TenantId,
    files: &[manifest::Entry],
    stays: &str,
) -> Result<(), Error> {
    let error = "remember files without rows that are over";
    let mut tx = warehouse.write(error).await?;
    sqlx::query("DELETE FROM aged WHERE path NOT IN (SELECT path FROM file)")
        .execute(&mut *tx)
        .await
        .map_err(Error::database(error))?;
    for entry in files {
        sqlx::query(
            "INSERT INTO aged (path, tenant, stays) VALUES ($1, $2, $3) \
             ON CONFLICT (path, tenant) DO UPDATE SET stays = excluded.stays",
        )
        .bind(&entry.path)
        .bind(tenant.0 as i64)
        .bind(stays)
        .execute(&mut *tx)
        .await
        .map_err(Error::database(error))?;
    }
    db::commit(tx, error).await
}

#[cfg(test)]
mod tests;
