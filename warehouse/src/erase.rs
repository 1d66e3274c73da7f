//! What is known of one person leaves the warehouse: their number and mail address wherever these stand,
//! and what their calls and orders say of them in words and keys. The rows themselves stay, so that
//! counts of calls are what they were. Every day that holds something is rewritten ([`crate::rewrite`]);
//! staged rows are published before, and the database is written anew, because it leaves bytes of deleted
//! rows in its files. The replaced files go ten minutes later, when no session reads them; from then on no
//! byte of the folder holds number or address.
//!
//! The voice of a recording is a file of its own and is deleted before
//! ([`Warehouse::delete_recordings`]); the event log forgets within a week.

pub mod traces;

use crate::rewrite::{Change, rewrite};
use crate::schema::{Layout, layouts};
use crate::{
    Answer, Error, Limits, Scope, Session, SqlError, SqlFault, Warehouse, aside, db, manifest,
    publish, rollup, seal,
};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use terms::record::{Call, ColumnType, Record};
use terms::{Person, RecordingId, TenantId, Timestamp};

/// Calls that are looked for in one question.
const CALLS_EACH: usize = 1_000;
/// Columns that tell of the person in the rows of their calls and orders.
const TELLING: [&str; 5] = ["detail", "digits", "note", "sip_call_id", "title"];
/// Texts that we made: a number that stands in them is chance.
const OURS: [&str; 2] = ["path", "sha256"];
/// Tables whose rows tell of a call that is theirs.
const OF_CALLS: [&str; 2] = ["events", "ivr_steps"];
/// Every file is looked at: that takes its time.
const LIMITS: Limits =
    Limits { rows_max: 10_000_000, time_max: Duration::from_secs(3_600), memory_max: 512 << 20 };

/// What an erasure did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Rows of files that told of the person and do no more.
    pub rows: u64,
    /// Days that were rewritten a moment ago for another reason: erase again in ten minutes.
    pub days_waiting: u64,
}

impl Warehouse {
    /// The recordings of a tenant with a file whose customer has the person's number: they are to be
    /// deleted before it is erased, because nothing tells afterwards whose they were.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recordings_of(
        &self,
        tenant: TenantId,
        person: &Person,
    ) -> Result<Vec<RecordingId>, Error> {
        let Some(number) = person.number() else { return Ok(Vec::new()) };
        let mut tx = self.read("find recordings of a number").await?;
        let found: Vec<(i64, String)> = sqlx::query_as(db::sql(
            &tx,
            "SELECT id, caller FROM recording WHERE tenant = $1 AND kept = 1 \
             AND instr(caller, $2) > 0 \
             ORDER BY id",
        ))
        .bind(tenant.0 as i64)
        .bind(number.core())
        .fetch_all(&mut *tx)
        .await
        .map_err(Error::database("find recordings of a number"))?;
        let theirs = found.into_iter().filter(|(_, caller)| number.is_in(caller));
        Ok(theirs.map(|(id, _)| RecordingId(id as u64)).collect())
    }

    /// Takes everything out that tells of the person.
    ///
    /// # Errors
    /// See [`Error`]; what was rewritten before stays so, and it can be asked for again.
    pub async fn erase_person(&self, tenant: TenantId, person: &Person) -> Result<Erased, Error> {
        let _one = self.upkeep().await;
        seal::all(self).await?;
        publish::files(self, |_| true).await?;
        let session =
            Session::open(self, Scope { audit: true, ..Scope::of(tenant) }, LIMITS).await?;
        let calls = Arc::new(calls(&session, person).await.map_err(unanswered)?);
        let days = days(&session, person, &calls).await.map_err(unanswered)?;
        drop(session);
        let (rows, mut done) = (Arc::new(AtomicU64::new(0)), Erased::default());
        for (table, day) in days {
            let mut tx = self.read("list files of a day").await?;
            let files = manifest::published_of(&mut tx, (table, &day), tenant.0 as i64).await?;
            drop(tx);
            let (of, person) = (tenant.0 as i64, person.clone());
            let (calls, rows) = (Arc::clone(&calls), Arc::clone(&rows));
            let layout = &layouts()[table];
            let change: Change = Arc::new(move |batch: &RecordBatch| {
                blanked(layout, (of, &person), &calls, batch, &rows)
            });
            if rewrite(self, &files, Some(change)).await?.is_none() {
                done.days_waiting += 1;
            }
        }
        rollup::catch_up(self).await?;
        erase_indexed(self, tenant, person).await?;
        aside::clear(self.dir())?;
        self.write_anew().await?;
        done.rows = rows.load(Ordering::Relaxed);
        Ok(done)
    }
}

fn unanswered(error: SqlError) -> Error {
    Error::Session(error.to_string())
}

/// The calls that the person made or got.
async fn calls(session: &Session, person: &Person) -> Result<BTreeSet<i64>, SqlError> {
    of_calls(session, person, ("call_id", "TRUE")).await
}

/// What a column of whole numbers says in rows of `calls` that are the person's and meet a condition.
async fn of_calls(
    session: &Session,
    person: &Person,
    (column, condition): (&str, &str),
) -> Result<BTreeSet<i64>, SqlError> {
    let texts = texts_of(Call::TABLE).join(", ");
    let Some(mentions) = mentions(Call::TABLE, person) else { return Ok(BTreeSet::new()) };
    let sql = format!("SELECT {column}, {texts} FROM calls WHERE ({mentions}) AND {condition}");
    let failed = |error: ArrowError| SqlError::new(SqlFault::Execution, error.to_string());
    let mut found = BTreeSet::new();
    for batch in &session.query(&sql).await?.batches {
        let values = batch.column(0).as_primitive::<Int64Type>();
        let mut texts = Vec::new();
        for column in &batch.columns()[1..] {
            texts.push(cast(column, &DataType::Utf8).map_err(failed)?);
        }
        let texts: Vec<&StringArray> = texts.iter().map(|text| text.as_string::<i32>()).collect();
        let theirs =
            (0..batch.num_rows()).filter(|row| texts.iter().any(|text| says(text, *row, person)));
        found.extend(theirs.map(|row| values.value(row)));
    }
    Ok(found)
}

/// Whether number or address stands in this text, whole.
fn says(text: &StringArray, row: usize, person: &Person) -> bool {
    text.is_valid(row) && person.is_in(text.value(row))
}

/// The tables and days that may tell of them.
async fn days(
    session: &Session,
    person: &Person,
    calls: &BTreeSet<i64>,
) -> Result<BTreeSet<(&'static str, String)>, SqlError> {
    let mut conditions: Vec<(&'static str, String)> = Vec::new();
    for table in layouts().keys() {
        conditions.extend(mentions(table, person).map(|mentions| (*table, mentions)));
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

/// The texts of a table that people and networks wrote.
fn texts_of(table: &str) -> Vec<&'static str> {
    let columns = layouts().get(table).into_iter().flat_map(|layout| &layout.table.columns);
    let texts = columns.filter(|column| column.kind == ColumnType::Text);
    texts.map(|column| column.name).filter(|name| !OURS.contains(name)).collect()
}

/// A row of the table has the person's digits in one of its texts, in groups maybe, or their mail
/// address, or more that have these within; `None` where it has no texts.
fn mentions(table: &str, person: &Person) -> Option<String> {
    let names = texts_of(table);
    let number = person.number().map(|number| format!("LIKE '{}'", number.pattern()));
    // The pattern of an address has no quotes.
    let mail = person.mail().map(|mail| format!("ILIKE '{}'", mail.pattern()));
    let texts: Vec<String> = number
        .iter()
        .chain(&mail)
        .flat_map(|like| names.iter().map(move |name| format!("{name} {like}")))
        .collect();
    (!texts.is_empty()).then(|| texts.join(" OR "))
}

fn numbers(answer: &Answer) -> BTreeSet<i64> {
    let column =
        |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
    answer.batches.iter().flat_map(column).collect()
}

/// The rows without what tells of the person; `count` grows by the rows that did.
fn blanked(
    layout: &Layout,
    (tenant, person): (i64, &Person),
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
    let says = |text: &StringArray, row: usize| says(text, row, person);
    let theirs: Vec<bool> = (0..batch.num_rows())
        .map(|row| {
            let in_call =
                of_call.is_some_and(|of| of.is_valid(row) && calls.contains(&of.value(row)));
            tenants.value(row) == tenant && (in_call || texts.values().any(|text| says(text, row)))
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

/// An index that names callers: its rows of a tenant in which the person may stand, what changes one, and
/// the cells that are emptied where one of them names them.
struct Indexed {
    find: &'static str,
    change: &'static str,
    cells: &'static [&'static str],
}

/// Indexes whose rows are kept as JSON.
const ROWS: [Indexed; 2] = [
    Indexed {
        find: "SELECT id, row FROM recording WHERE tenant = $1 AND caller LIKE $2",
        change: "UPDATE recording SET caller = '', row = $2 WHERE id = $1",
        cells: &["caller"],
    },
    Indexed {
        find: "SELECT id, row FROM fax WHERE tenant = $1 AND CAST(row AS TEXT) LIKE $2",
        change: "UPDATE fax SET row = $2 WHERE id = $1",
        cells: &["caller", "station", "text"],
    },
];

/// Takes the person out of the indexes, and rows away that were put aside because nobody can read
/// them.
async fn erase_indexed(
    warehouse: &Warehouse,
    tenant: TenantId,
    person: &Person,
) -> Result<(), Error> {
    let action = "erase a person";
    let mut tx = warehouse.write(action).await?;
    let patterns = person.byte_patterns();
    for index in ROWS {
        for pattern in &patterns {
            let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(db::sql(&tx, index.find))
                .bind(tenant.0 as i64)
                .bind(pattern.as_str())
                .fetch_all(&mut *tx)
                .await
                .map_err(Error::database(action))?;
            for (id, row) in rows {
                let Some(row) = emptied(&row, index.cells, person)? else { continue };
                sqlx::query(index.change)
                    .bind(id)
                    .bind(row)
                    .execute(&mut *tx)
                    .await
                    .map_err(Error::database(action))?;
            }
        }
    }
    if let Some(number) = person.number() {
        let ended: Vec<(i64, String)> = sqlx::query_as(db::sql(
            &tx,
            "SELECT call, caller FROM ended WHERE tenant = $1 AND instr(caller, $2) > 0",
        ))
        .bind(tenant.0 as i64)
        .bind(number.core())
        .fetch_all(&mut *tx)
        .await
        .map_err(Error::database(action))?;
        for (call, _) in ended.iter().filter(|(_, caller)| number.is_in(caller)) {
            sqlx::query("UPDATE ended SET caller = '' WHERE call = $1")
                .bind(*call)
                .execute(&mut *tx)
                .await
                .map_err(Error::database(action))?;
        }
    }
    for pattern in &patterns {
        let unread: Vec<(i64, Vec<u8>)> = sqlx::query_as(db::sql(
            &tx,
            "SELECT seq, blob FROM quarantine WHERE tenant = $1 AND CAST(blob AS TEXT) LIKE $2",
        ))
        .bind(tenant.0 as i64)
        .bind(pattern.as_str())
        .fetch_all(&mut *tx)
        .await
        .map_err(Error::database(action))?;
        for (seq, _) in unread.iter().filter(|(_, blob)| person.is_in_bytes(blob)) {
            sqlx::query("DELETE FROM quarantine WHERE seq = $1")
                .bind(*seq)
                .execute(&mut *tx)
                .await
                .map_err(Error::database(action))?;
        }
    }
    db::commit(tx, action).await
}

/// A row of an index with empty texts in some of its cells, when one of these names the person.
fn emptied(row: &[u8], cells: &[&str], person: &Person) -> Result<Option<Vec<u8>>, Error> {
    let damaged = |why: String| Error::Damaged { what: "a row of an index".to_owned(), why };
    let mut row: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(row).map_err(|error| damaged(error.to_string()))?;
    let names =
        |cell: &&str| row.get(*cell).and_then(|of| of.as_str()).is_some_and(|of| person.is_in(of));
    if !cells.iter().any(names) {
        return Ok(None);
    }
    for cell in cells {
        row.insert((*cell).to_owned(), "".into());
    }
    serde_json::to_vec(&row).map(Some).map_err(|error| damaged(error.to_string()))
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

        let digits = Person::by_number(person, "86").expect("a number");
        let erased = warehouse.erase_person(TenantId(1), &digits).await.unwrap();
        assert!(erased.rows > 1 && erased.days_waiting == 0, "{erased:?}");
        let later = Timestamp(crate::store::now().0 + 2 * sweep::RETIRED_MS * 1000);
        sweep::retired(&warehouse, later).await.unwrap();

        assert_eq!(told(dir.path(), person), Vec::<String>::new());
        assert!(!told(dir.path(), other).is_empty(), "somebody else's is there");
        assert_eq!(answer(&warehouse, counts).await, before);
        assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
        let again = warehouse.erase_person(TenantId(1), &digits).await.unwrap();
        assert_eq!(again.rows, 0);
    }

    #[tokio::test]
    async fn what_was_pressed_in_calls_of_theirs_goes_although_it_names_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let rows = fold(&day(42, 1, 20));
        let caller = rows.iter().find_map(|row| match row {
            Row::Call(call) => Some(call.caller.clone()),
            _ => None,
        });
        warehouse.stage_rows("test", 1, &rows).await.unwrap();
        let nobodys = "(SELECT call_id FROM calls WHERE caller = '')";
        let counted = async |condition: &str| {
            let sql = format!("SELECT COUNT(*) AS n FROM {condition}");
            answer(&warehouse, &sql.replace("$nobodys", nobodys)).await
        };
        assert_eq!(counted("ivr_steps WHERE call_id IN $nobodys").await, "n\r\n0\r\n");
        let person = Person::by_number(&caller.expect("somebody called"), "86").unwrap();
        warehouse.erase_person(TenantId(1), &person).await.unwrap();
        assert_ne!(counted("ivr_steps WHERE call_id IN $nobodys").await, "n\r\n0\r\n");
        for none in [
            "ivr_steps WHERE call_id IN $nobodys AND digits IS NOT NULL",
            "events WHERE call_id IN $nobodys AND detail <> '{}'",
            "ivr_steps WHERE call_id NOT IN $nobodys AND digits IS NULL",
        ] {
            assert_eq!(counted(none).await, "n\r\n0\r\n", "{none}");
        }
    }

    #[tokio::test]
    async fn another_tenants_rows_of_the_same_number_stay() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let order = |tenant| crate::stories::order(tenant, tenant as i64, 7, 1, 11);
        warehouse.stage_rows("desk", 1, &[order(1), order(2)]).await.unwrap();
        let digits = Person::by_number("138 0013 8000", "86").expect("a number");
        assert_eq!(warehouse.erase_person(TenantId(1), &digits).await.unwrap().rows, 1);
        let sql = "SELECT customer_number, title FROM orders";
        assert_eq!(answer(&warehouse, sql).await, "customer_number,title\r\n,\r\n");
        let session = Session::open(&warehouse, Scope::of(TenantId(2)), LIMITS).await.unwrap();
        let theirs = session.query(sql).await.unwrap().to_csv();
        assert!(theirs.contains("+8613800138000"), "{theirs}");
    }

    #[tokio::test]
    async fn what_was_noted_in_steps_of_their_orders_goes_though_it_names_no_number() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let step = |version_id, number: &str| {
            Row::OrderStep(terms::record::OrderStep {
                tenant_id: TenantId(1),
                version_id,
                order_id: terms::OrderId(7),
                done_at: crate::stories::BEGIN,
                action: "note".to_owned(),
                progress_before: Some("open".to_owned()),
                progress_after: "open".to_owned(),
                agent_id: None,
                assignee_id: None,
                note: "Mrs Zhang rang".to_owned(),
                call_id: None,
                customer_number: number.to_owned(),
            })
        };
        let rows = [step(1, "+8613800138000"), step(2, "+8613900139000")];
        warehouse.stage_rows("desk", 1, &rows).await.unwrap();
        let person = Person::by_number("13800138000", "86").expect("a number");
        assert_eq!(warehouse.erase_person(TenantId(1), &person).await.unwrap().rows, 1);
        let sql = "SELECT action, note, customer_number FROM order_steps ORDER BY version_id";
        let left = answer(&warehouse, sql).await;
        let heads = "action,note,customer_number";
        let expected = format!("{heads}\r\nnote,,\r\nnote,Mrs Zhang rang,'+8613900139000\r\n");
        assert_eq!(left, expected);
    }

    #[tokio::test]
    async fn rows_of_a_number_that_only_has_theirs_within_stay() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let order = |id: u64, number: &str| match crate::stories::order(1, id as i64, id, 1, 11) {
            Row::Order(order) => {
                Row::Order(terms::record::Order { customer_number: number.to_owned(), ..order })
            }
            other => other,
        };
        let rows = [order(1, "+862087654321"), order(2, "+8612087654321"), order(3, "02087654321")];
        warehouse.stage_rows("desk", 1, &rows).await.unwrap();
        let person = Person::by_number("020 8765 4321", "86").expect("a number");
        assert_eq!(warehouse.erase_person(TenantId(1), &person).await.unwrap().rows, 2);
        let sql = "SELECT customer_number FROM orders ORDER BY order_id";
        let left = answer(&warehouse, sql).await;
        assert_eq!(left, "customer_number\r\n\r\n'+8612087654321\r\n\r\n");
    }

    #[tokio::test]
    async fn a_number_that_somebody_wrote_in_groups_goes_too() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let order = |id: u64, title: &str| match crate::stories::order(1, id as i64, id, 1, 11) {
            Row::Order(order) => Row::Order(terms::record::Order {
                customer_number: String::new(),
                title: title.to_owned(),
                ..order
            }),
            other => other,
        };
        let rows = [
            order(1, "call 138 0013-8000 back"),
            order(2, "call +86 138-0013-8000"),
            order(3, "call 138 0013 80001"),
            order(4, "call +44 138 0013 8000"),
        ];
        warehouse.stage_rows("desk", 1, &rows).await.unwrap();
        let person = Person::by_number("13800138000", "86").expect("a number");
        assert_eq!(warehouse.erase_person(TenantId(1), &person).await.unwrap().rows, 2);
        let left = answer(&warehouse, "SELECT title FROM orders ORDER BY order_id").await;
        assert_eq!(left, "title\r\n\r\n\r\ncall 138 0013 80001\r\ncall +44 138 0013 8000\r\n");
    }
}
