//! What is known of one person leaves the warehouse: their number wherever it stands, and what their
//! calls and orders say of them in words and keys. The rows themselves stay, so that counts of calls
//! are what they were. Every day that holds something is rewritten ([`crate::rewrite`]); staged rows
//! are published before, and the database is written anew, because SQLite leaves bytes of deleted rows
//! in its file. The replaced files go ten minutes later, when no session reads them; from then on no
//! byte of the folder holds the number.
//!
//! The voice of a recording is a file of its own and is deleted before
//! ([`Warehouse::delete_recordings`]); the event log forgets within a week.

pub mod traces;

use crate::rewrite::{Change, rewrite};
use crate::schema::{Layout, layouts};
use crate::{
    Answer, Error, Limits, Scope, Session, SqlError, Warehouse, aside, manifest, publish, rollup,
    seal,
};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use terms::record::{Call, ColumnType, Record};
use terms::{RecordingId, TenantId, Timestamp};

/// Fewer digits would be in the numbers of others.
const DIGITS_MIN: usize = 6;
/// Calls that are looked for in one question.
const CALLS_EACH: usize = 1_000;
/// Columns that tell of the person in the rows of their calls and orders.
const TELLING: [&str; 4] = ["detail", "digits", "sip_call_id", "title"];
/// Texts that we made: a number that stands in them is chance.
const OURS: [&str; 2] = ["path", "sha256"];
/// Tables whose rows tell of a call that is theirs.
const OF_CALLS: [&str; 2] = ["events", "ivr_steps"];
/// Every file is looked at: that takes its time.
const LIMITS: Limits =
    Limits { rows_max: 10_000_000, time_max: Duration::from_secs(3_600), memory_max: 512 << 20 };

/// The digits that every form of a person's number has in it: without country code and leading zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digits(String);

impl Digits {
    /// Reads what somebody wrote; blanks, hyphens and brackets do not count. `None` where it is no
    /// number, or too short to be one person's.
    pub fn parse(text: &str) -> Option<Digits> {
        let digits: String = text.chars().filter(|c| !" -()".contains(*c)).collect();
        let good = digits.len() >= DIGITS_MIN && digits.bytes().all(|byte| byte.is_ascii_digit());
        good.then_some(Digits(digits))
    }

    /// Those of a normalised number of a tenant whose country has this code. `None` where they are too
    /// few.
    pub fn of_normal(normal: &str, country: &str) -> Option<Digits> {
        Digits::parse(match normal.strip_prefix('+') {
            Some(rest) => rest.strip_prefix(country).unwrap_or(rest),
            None => normal.trim_start_matches('0'),
        })
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an erasure did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Rows of files that told of the person and do no more.
    pub rows: u64,
    /// Days that were rewritten a moment ago for another reason: erase again in ten minutes.
    pub days_waiting: u64,
}

impl Warehouse {
    /// The recordings of a tenant with a file whose customer has this number: they are to be deleted
    /// before it is erased, because nothing tells afterwards whose they were.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recordings_of_number(
        &self,
        tenant: TenantId,
        digits: &Digits,
    ) -> Result<Vec<RecordingId>, Error> {
        let mut tx = self.read("find recordings of a number").await?;
        let ids: Vec<i64> = sqlx::query_scalar(
            "SELECT id FROM recording WHERE tenant = $1 AND kept = 1 AND instr(caller, $2) > 0 \
             ORDER BY id",
        )
        .bind(tenant.0 as i64)
        .bind(&digits.0)
        .fetch_all(&mut *tx)
        .await
        .map_err(Error::database("find recordings of a number"))?;
        Ok(ids.into_iter().map(|id| RecordingId(id as u64)).collect())
    }

    /// Takes everything out that tells of the person with this number.
    ///
    /// # Errors
    /// See [`Error`]; what was rewritten before stays so, and it can be asked for again.
    pub async fn erase_number(&self, tenant: TenantId, digits: &Digits) -> Result<Erased, Error> {
        let _one = self.upkeep().await;
        seal::all(self).await?;
        publish::files(self, |_| true).await?;
        let session =
            Session::open(self, Scope { audit: true, ..Scope::of(tenant) }, LIMITS).await?;
        let calls = Arc::new(calls(&session, digits).await.map_err(unanswered)?);
        let days = days(&session, digits, &calls).await.map_err(unanswered)?;
        drop(session);
        let (rows, mut done) = (Arc::new(AtomicU64::new(0)), Erased::default());
        for (table, day) in days {
            let mut tx = self.read("list files of a day").await?;
            let files = manifest::published_of(&mut tx, (table, &day), tenant.0 as i64).await?;
            drop(tx);
            let person = Person { tenant: tenant.0 as i64, digits: digits.0.clone() };
            let (calls, rows) = (Arc::clone(&calls), Arc::clone(&rows));
            let layout = &layouts()[table];
            let change: Change =
                Arc::new(move |batch: &RecordBatch| blanked(layout, &person, &calls, batch, &rows));
            if rewrite(self, &files, Some(change)).await?.is_none() {
                done.days_waiting += 1;
            }
        }
        rollup::catch_up(self).await?;
        erase_indexed(self, tenant, digits).await?;
        aside::clear(self.dir())?;
        self.write_anew().await?;
        done.rows = rows.load(Ordering::Relaxed);
        Ok(done)
    }
}

struct Person {
    tenant: i64,
    digits: String,
}

fn unanswered(error: SqlError) -> Error {
    Error::Session(error.to_string())
}

/// The calls that the person made or got.
async fn calls(session: &Session, digits: &Digits) -> Result<BTreeSet<i64>, SqlError> {
    let sql = format!("SELECT DISTINCT call_id FROM calls WHERE {}", calls_of(digits));
    Ok(numbers(&session.query(&sql).await?))
}

/// The condition of rows of `calls` that are theirs.
fn calls_of(digits: &Digits) -> String {
    mentions(Call::TABLE, digits).unwrap_or_else(|| "FALSE".to_owned())
}

/// The tables and days that tell of them.
async fn days(
    session: &Session,
    digits: &Digits,
    calls: &BTreeSet<i64>,
) -> Result<BTreeSet<(&'static str, String)>, SqlError> {
    let mut conditions: Vec<(&'static str, String)> = Vec::new();
    for table in layouts().keys() {
        conditions.extend(mentions(table, digits).map(|mentions| (*table, mentions)));
    }
    let calls: Vec<String> = calls.iter().map(i64::to_string).collect();
    for some in calls.chunks(CALLS_EACH) {
        let list = some.join(", ");
        conditions.extend(OF_CALLS.map(|table| (table, format!("call_id IN ({list})"))));
    }
    let mut days = BTreeSet::new();
    for (table, condition) in conditions {
        let layout = &layouts()[table];
        let at = layout.table.columns[layout.day].name;
        let sql = format!(
            "SELECT DISTINCT CAST({at} AS BIGINT) / 86400000000 AS day FROM {table} \
             WHERE {condition}"
        );
        let found = numbers(&session.query(&sql).await?);
        let text = |day: i64| Timestamp(day * 86_400_000_000).day_text();
        days.extend(found.into_iter().map(|day| (table, text(day))));
    }
    Ok(days)
}

/// A row of the table has the digits in one of its texts; `None` where it has no texts.
fn mentions(table: &str, digits: &Digits) -> Option<String> {
    let columns = &layouts().get(table)?.table.columns;
    let texts = columns.iter().filter(|column| column.kind == ColumnType::Text);
    let texts = texts.filter(|column| !OURS.contains(&column.name));
    let like: Vec<String> =
        texts.map(|column| format!("{} LIKE '%{}%'", column.name, digits.0)).collect();
    (!like.is_empty()).then(|| like.join(" OR "))
}

fn numbers(answer: &Answer) -> BTreeSet<i64> {
    let column =
        |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
    answer.batches.iter().flat_map(column).collect()
}

/// The rows without what tells of the person; `count` grows by the rows that did.
fn blanked(
    layout: &Layout,
    person: &Person,
    calls: &BTreeSet<i64>,
    batch: &RecordBatch,
    count: &AtomicU64,
) -> Result<RecordBatch, ArrowError> {
    let tenants = batch.column(0).as_primitive::<Int64Type>();
    let of_call = batch.column_by_name("call_id").filter(|_| OF_CALLS.contains(&layout.table.name));
    let of_call = of_call.map(|column| column.as_primitive::<Int64Type>());
    let texts: BTreeMap<usize, &StringArray> = (0..batch.num_columns())
        .filter(|at| batch.column(*at).data_type() == &DataType::Utf8)
        .filter(|at| !OURS.contains(&layout.table.columns[*at].name))
        .map(|at| (at, batch.column(at).as_string::<i32>()))
        .collect();
    let says = |text: &StringArray, row: usize| {
        text.is_valid(row) && text.value(row).contains(&person.digits)
    };
    let theirs: Vec<bool> = (0..batch.num_rows())
        .map(|row| {
            let in_call =
                of_call.is_some_and(|of| of.is_valid(row) && calls.contains(&of.value(row)));
            tenants.value(row) == person.tenant
                && (in_call || texts.values().any(|text| says(text, row)))
        })
        .collect();
    count.fetch_add(theirs.iter().filter(|theirs| **theirs).count() as u64, Ordering::Relaxed);
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    for (at, text) in &texts {
        let column = &layout.table.columns[*at];
        let empty = match column.name {
            "detail" => Some("{}"),
            _ => (!column.nullable).then_some(""),
        };
        let telling = TELLING.contains(&column.name);
        let cell = |row: usize| match theirs[row] && (telling || says(text, row)) {
            true => empty,
            false => text.is_valid(row).then(|| text.value(row)),
        };
        columns[*at] = Arc::new((0..batch.num_rows()).map(cell).collect::<StringArray>());
    }
    RecordBatch::try_new(batch.schema(), columns)
}

/// Takes the number out of the indexes, and rows away that were put aside because nobody can read
/// them.
async fn erase_indexed(
    warehouse: &Warehouse,
    tenant: TenantId,
    digits: &Digits,
) -> Result<(), Error> {
    let mut tx = warehouse.write("erase a number").await?;
    for statement in [
        "UPDATE recording SET caller = '', \
         row = CAST(json_set(CAST(row AS TEXT), '$.caller', '') AS BLOB) \
         WHERE tenant = $1 AND instr(caller, $2) > 0",
        "UPDATE fax SET row = CAST(json_set(CAST(row AS TEXT), '$.caller', '', '$.station', '', \
         '$.text', '') AS BLOB) WHERE tenant = $1 AND instr(CAST(row AS TEXT), $2) > 0",
        "UPDATE ended SET caller = '' WHERE tenant = $1 AND instr(caller, $2) > 0",
        "DELETE FROM quarantine WHERE tenant = $1 AND instr(CAST(blob AS TEXT), $2) > 0",
    ] {
        sqlx::query(statement)
            .bind(tenant.0 as i64)
            .bind(&digits.0)
            .execute(&mut *tx)
            .await
            .map_err(Error::database("erase a number"))?;
    }
    tx.commit().await.map_err(Error::database("erase a number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stories::{day, fold};
    use crate::{file, sweep};
    use std::path::Path;
    use terms::record::Row;

    /// What of the folder holds the digits: raw bytes of every file, and every text of every row.
    fn told(dir: &Path, digits: &str) -> Vec<String> {
        let mut found = Vec::new();
        for path in file::walk(dir).unwrap() {
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(digits.len()).any(|some| some == digits.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
        for (table, layout) in layouts() {
            let folders = [dir.to_owned(), dir.join("_hot"), dir.join(crate::rewrite::OLD)];
            for path in folders.iter().flat_map(|of| file::walk(&of.join(table)).unwrap()) {
                for batch in file::read(layout, &path).unwrap() {
                    let texts = batch.columns().iter().filter_map(|of| of.as_string_opt::<i32>());
                    if texts.flatten().flatten().any(|text| text.contains(digits)) {
                        found.push(path.display().to_string());
                    }
                }
            }
        }
        found
    }

    async fn answer(warehouse: &Warehouse, sql: &str) -> String {
        let session = Session::open(warehouse, Scope::of(TenantId(1)), LIMITS).await.unwrap();
        session.query(sql).await.unwrap().to_csv()
    }

    #[tokio::test]
    async fn no_byte_tells_of_a_person_who_was_erased_and_the_counts_stay() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let rows = fold(&day(42, 1, 20));
        let callers: Vec<String> = rows
            .iter()
            .filter_map(|row| match row {
                Row::Call(call) => Some(call.caller.trim_start_matches("+86").to_owned()),
                _ => None,
            })
            .collect();
        let (person, other) = (&callers[0], &callers[1]);
        // Some of it staged, some hot, some published.
        let third = rows.len() / 3;
        warehouse.stage_rows("test", 1, &rows[..third]).await.unwrap();
        warehouse.publish_all().await.unwrap();
        warehouse.stage_rows("test", 2, &rows[third..2 * third]).await.unwrap();
        warehouse.seal().await.unwrap();
        warehouse.stage_rows("test", 3, &rows[2 * third..]).await.unwrap();
        assert!(!told(dir.path(), person).is_empty(), "there is something to erase");
        let counts = "SELECT outcome, COUNT(*) AS n, SUM(talk_ms) AS ms FROM calls \
                      GROUP BY outcome ORDER BY outcome";
        let before = answer(&warehouse, counts).await;

        let digits = Digits::parse(person).expect("a number");
        let erased = warehouse.erase_number(TenantId(1), &digits).await.unwrap();
        assert!(erased.rows > 1 && erased.days_waiting == 0, "{erased:?}");
        let later = Timestamp(crate::store::now().0 + 2 * sweep::RETIRED_MS * 1000);
        sweep::retired(&warehouse, later).await.unwrap();

        assert_eq!(told(dir.path(), person), Vec::<String>::new());
        assert!(!told(dir.path(), other).is_empty(), "somebody else's is there");
        assert_eq!(answer(&warehouse, counts).await, before);
        assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
        let again = warehouse.erase_number(TenantId(1), &digits).await.unwrap();
        assert_eq!(again.rows, 0);
    }

    #[tokio::test]
    async fn another_tenants_rows_of_the_same_number_stay() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let order = |tenant| crate::stories::order(tenant, tenant as i64, 7, 1, 11);
        warehouse.stage_rows("desk", 1, &[order(1), order(2)]).await.unwrap();
        let digits = Digits::parse("138 0013 8000").expect("a number");
        assert_eq!(warehouse.erase_number(TenantId(1), &digits).await.unwrap().rows, 1);
        let sql = "SELECT customer_number, title FROM orders";
        assert_eq!(answer(&warehouse, sql).await, "customer_number,title\r\n,\r\n");
        let session = Session::open(&warehouse, Scope::of(TenantId(2)), LIMITS).await.unwrap();
        let theirs = session.query(sql).await.unwrap().to_csv();
        assert!(theirs.contains("+8613800138000"), "{theirs}");
    }

    #[test]
    fn digits_are_enough_to_be_one_persons() {
        assert_eq!(Digits::parse("(010) 8888-1234"), Some(Digits("01088881234".to_owned())));
        for bad in ["", "12345", "+8613800138000", "138%0013", "abc123456"] {
            assert_eq!(Digits::parse(bad), None, "{bad}");
        }
        for (normal, digits) in [
            ("+8613800138000", Some("13800138000")),
            ("+862087654321", Some("2087654321")),
            ("+442071234567", Some("442071234567")),
            ("01088881234", Some("1088881234")),
            ("95105", None),
            ("withheld", None),
        ] {
            let found = Digits::of_normal(normal, "86");
            assert_eq!(found.as_ref().map(Digits::as_str), digits, "{normal}");
        }
    }
}
