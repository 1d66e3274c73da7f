//! The index of recordings: one row of `warehouse.db` a recording, beside the Parquet files that
//! hold the same row for everybody. It finds one recording among millions by id, call, agent, queue,
//! number and time, gives pages whose cost does not depend on how far back they lie, and knows what
//! the files cannot say, because they never change: that a recording was deleted or repaired.
//!
//! A row enters in the transaction that stages it, so the index holds exactly what the warehouse
//! holds. Which SQL index answers is chosen here by name, not by the planner's guess: a search reads
//! the rows of its page, or one index from its start to the page's end, never the table.

mod delete;
mod fill;
mod heard;
mod moved;
#[cfg(test)]
mod tests;

pub use delete::{Deleted, Doomed, OfQueues, Reason};
pub use moved::{Moved, Stage, Stored};

pub(crate) use fill::{fill, row, unfill};
pub(crate) use heard::{SCHEMA as HEARD, unfill as unfill_heard};
pub(crate) use moved::{forget_places, prepare};

use crate::db::{self, Db, DbRow, Text};
use crate::{Error, Warehouse};
use serde_json::{Map, Value as Json};
use sqlx::Row as _;
use terms::number::like;
use terms::record::{Record, Recording, Row, Value};
use terms::{AgentId, CallId, QueueId, RecordingId, TenantId, Timestamp};

/// Rows of one INSERT: ten columns each; SQLite takes at most 32,766 values, PostgreSQL 65,535.
const INSERT_ROWS: usize = 500;
/// Recordings of one beginning of a number that are sorted; with more of them, the newest ones are
/// found sooner by time.
const SORTED_MAX: usize = 10_000;

/// The tables of the index. `kept` is 1 while there is a file; `removed` is 1 when the files of a
/// deleted recording are gone.
pub(crate) const SCHEMA: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS recording (
        id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, call INTEGER NOT NULL, agent INTEGER,
        queue INTEGER, started_at INTEGER NOT NULL, duration_ms INTEGER NOT NULL,
        caller TEXT NOT NULL, kept INTEGER NOT NULL, deleted_at INTEGER, deleted_reason TEXT,
        deleted_detail TEXT, removed INTEGER NOT NULL DEFAULT 0, repair TEXT,
        row BLOB NOT NULL) STRICT",
    // Caller and length stand in it so that a search for them reads the index alone.
    "CREATE INDEX IF NOT EXISTS recording_by_time
        ON recording (tenant, started_at, id, duration_ms, caller)",
    "CREATE INDEX IF NOT EXISTS recording_by_call ON recording (tenant, call, started_at, id)",
    // Of the first agent alone; `recording_agent` knows all.
    "DROP INDEX IF EXISTS recording_by_agent",
    "CREATE INDEX IF NOT EXISTS recording_by_queue ON recording (tenant, queue, started_at, id)",
    "CREATE INDEX IF NOT EXISTS recording_by_caller ON recording (tenant, caller, started_at, id)",
    "CREATE INDEX IF NOT EXISTS recording_kept
        ON recording (tenant, started_at, id, queue) WHERE kept = 1",
    "CREATE INDEX IF NOT EXISTS recording_to_remove
        ON recording (deleted_at) WHERE deleted_at IS NOT NULL AND removed = 0",
];

/// Start and id of a recording, in its row and in that of an agent who is heard in it.
const OF_RECORDING: (&str, &str) = ("started_at", "id");
const OF_AGENT: (&str, &str) = ("began", "recording_id");
/// That an agent is heard in it; the agent and a bracket follow. The sign has SQLite look at the one or
/// two who are heard, and not for each of fifty agents in each of a year's recordings.
const HEARD_IN: &str = "EXISTS (SELECT 1 FROM recording_agent WHERE recording_id = id AND +heard";

/// What is known of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Indexed {
    /// Its row.
    pub recording: Recording,
    /// It was deleted.
    pub deleted: Option<Deleted>,
    /// Its file was damaged, and this became of it.
    pub repair: Option<Repair>,
    /// Its files are on their way to the object store, or lie there.
    pub moved: Option<Moved>,
}

/// What became of a damaged file: its size, length and hash are not those of its row any more.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repair {
    /// It got a header that says how long it is now.
    Shortened {
        /// Its size.
        bytes: u64,
        /// Its SHA-256 in hex.
        sha256: String,
        /// Its length in ms.
        duration_ms: i64,
    },
    /// It was moved aside, to this path beneath the recordings; nothing could be saved.
    Quarantined {
        /// Where it lies.
        path: String,
    },
    /// It was not there, and nothing could be saved.
    Lost,
}

/// What to find. Fields combine.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Whose.
    pub tenant: TenantId,
    /// Began at or after.
    pub from: Option<Timestamp>,
    /// Began before.
    pub to: Option<Timestamp>,
    /// The customer's number, or a part of it; with `*` or `?` the whole number
    /// ([`terms::number::like`]). A beginning with `+` is looked up.
    pub caller: Option<String>,
    /// The customer's number as it is stored, whole.
    pub number: Option<String>,
    /// An agent who is heard in it.
    pub agent: Option<AgentId>,
    /// One of these agents is heard in it.
    pub agents: Option<Vec<AgentId>>,
    /// It was of one of these queues. With `agents` a recording of either is found.
    pub queues: Option<Vec<QueueId>>,
    /// The queue.
    pub queue: Option<QueueId>,
    /// The call.
    pub call: Option<CallId>,
    /// One of these calls.
    pub calls: Option<Vec<CallId>>,
    /// At least so long.
    pub duration_ms_min: Option<u64>,
    /// At most so long.
    pub duration_ms_max: Option<u64>,
    /// Only those of which there is a file.
    pub kept: bool,
    /// Where the last page ended: start and id of its last recording.
    pub before: Option<(Timestamp, RecordingId)>,
}

impl Warehouse {
    /// One recording of a tenant.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recording(
        &self,
        tenant: TenantId,
        recording: RecordingId,
    ) -> Result<Option<Indexed>, Error> {
        let mut tx = self.read("find a recording").await?;
        let row = sqlx::query("SELECT * FROM recording WHERE id = $1 AND tenant = $2")
            .bind(recording.0 as i64)
            .bind(tenant.0 as i64)
            .fetch_optional(&mut *tx)
            .await
            .map_err(Error::database("find a recording"))?;
        row.as_ref().map(indexed).transpose()
    }

    /// The latest recordings that match, the latest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recordings(&self, search: &Search, limit: usize) -> Result<Vec<Indexed>, Error> {
        let mut tx = self.read("find recordings").await?;
        let few = few_of_number(&mut tx, search).await?;
        let mut query = Text::new("");
        select(&mut query, search, few.as_deref(), limit);
        let rows = query.query(&tx).fetch_all(&mut *tx).await;
        rows.map_err(Error::database("find recordings"))?.iter().map(indexed).collect()
    }

    /// How many recordings match, pages aside.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recordings_matching(&self, search: &Search) -> Result<u64, Error> {
        let mut tx = self.read("count recordings").await?;
        let few = few_of_number(&mut tx, search).await?;
        let mut query = Text::new("SELECT COUNT(*)");
        matching(&mut query, search, few.as_deref());
        let count: i64 = query
            .numbers(&tx)
            .fetch_one(&mut *tx)
            .await
            .map_err(Error::database("count recordings"))?;
        Ok(count as u64)
    }

    /// Recordings of all tenants in the order of their ids, from `after` on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn all_recordings(
        &self,
        after: RecordingId,
        limit: u32,
    ) -> Result<Vec<Indexed>, Error> {
        let mut tx = self.read("read recordings").await?;
        let rows = sqlx::query("SELECT * FROM recording WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(after.0 as i64)
            .bind(i64::from(limit))
            .fetch_all(&mut *tx)
            .await
            .map_err(Error::database("read recordings"))?;
        rows.iter().map(indexed).collect()
    }

    /// Those of some ids that there are, whosever they are.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn known_recordings(&self, ids: &[RecordingId]) -> Result<Vec<Indexed>, Error> {
        let mut tx = self.read("read recordings").await?;
        let ids: Vec<i64> = ids.iter().map(|id| id.0 as i64).collect();
        let rows = sqlx::query(db::sql(
            &tx,
            "SELECT * FROM recording WHERE id IN (SELECT value FROM json_each($1)) ORDER BY id",
        ))
        .bind(serde_json::to_string(&ids).expect("numbers are valid JSON"))
        .fetch_all(&mut *tx)
        .await
        .map_err(Error::database("read recordings"))?;
        rows.iter().map(indexed).collect()
    }

    /// How many recordings there are, of all tenants.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recordings_count(&self) -> Result<u64, Error> {
        let mut tx = self.read("count recordings").await?;
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM recording")
            .fetch_one(&mut *tx)
            .await
            .map_err(Error::database("count recordings"))?;
        Ok(count as u64)
    }

    /// Notes what became of a damaged file, so that it is not damage the next time.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn note_repair(&self, recording: RecordingId, repair: &Repair) -> Result<(), Error> {
        let mut tx = self.write("note a repair").await?;
        sqlx::query("UPDATE recording SET repair = $2 WHERE id = $1")
            .bind(recording.0 as i64)
            .bind(serde_json::to_string(repair).expect("a repair is always valid JSON"))
            .execute(&mut *tx)
            .await
            .map_err(Error::database("note a repair"))?;
        db::commit(tx, "note a repair").await
    }
}

/// Puts the recordings among staged rows into the index.
pub(crate) async fn note(db: &mut Db, rows: &[Row]) -> Result<(), Error> {
    let recordings: Vec<&Recording> = rows
        .iter()
        .filter_map(|row| match row {
            Row::Recording(recording) => Some(recording),
            _ => None,
        })
        .collect();
    insert(db, &recordings).await?;
    heard::note(db, rows).await
}

/// A recording that is there already stays as it is: it may have been deleted.
async fn insert(db: &mut Db, recordings: &[&Recording]) -> Result<(), Error> {
    for chunk in recordings.chunks(INSERT_ROWS) {
        let mut query = Text::new(
            "INSERT INTO recording \
             (id, tenant, call, agent, queue, started_at, duration_ms, caller, kept, row) ",
        );
        query.push_rows(chunk, |values, of| {
            values
                .bind(of.recording_id.0 as i64)
                .bind(of.tenant_id.0 as i64)
                .bind(of.call_id.0 as i64)
                .bind(of.agent_id.map(|agent| agent.0 as i64))
                .bind(of.queue_id.map(|queue| queue.0 as i64))
                .bind(of.started_at.0)
                .bind(i64::from(of.duration_ms))
                .bind(of.caller.clone())
                .bind(i64::from(of.path.is_some()))
                .bind(serde_json::to_vec(of).expect("a row is always valid JSON"));
        });
        query.push(" ON CONFLICT (id) DO NOTHING");
        query.query(db).execute(&mut *db).await.map_err(Error::database("index recordings"))?;
    }
    Ok(())
}

fn indexed(row: &DbRow) -> Result<Indexed, Error> {
    let id: i64 = row.get("id");
    let damaged = |why: String| Error::Damaged { what: format!("recording {id}"), why };
    let parse = |text: &str| serde_json::from_str(text).map_err(|e| damaged(e.to_string()));
    let repair: Option<String> = row.get("repair");
    Ok(Indexed {
        recording: serde_json::from_slice(row.get("row")).map_err(|e| damaged(e.to_string()))?,
        deleted: Deleted::of_row(row).map_err(damaged)?,
        repair: repair.as_deref().map(parse).transpose()?,
        moved: Moved::of_row(row).map_err(damaged)?,
    })
}

/// The recordings of a number's beginning, when they are few enough to be sorted.
async fn few_of_number(db: &mut Db, search: &Search) -> Result<Option<Vec<i64>>, Error> {
    let Some(text) = search.caller.as_deref() else { return Ok(None) };
    let prefix = text.split(['*', '?']).next().unwrap_or_default();
    let is_narrower = search.call.is_some() || search.calls.is_some() || search.number.is_some();
    if !prefix.starts_with('+') || is_narrower {
        return Ok(None);
    }
    let mut query =
        Text::new("SELECT id FROM recording INDEXED BY recording_by_caller WHERE tenant = ");
    query.push_bind(search.tenant.0 as i64);
    query.push(" AND caller >= ").push_bind(prefix.to_owned());
    // No number holds a letter: `~` is after every digit.
    query.push(" AND caller < ").push_bind(format!("{prefix}~"));
    if let Some(pattern) = like(text) {
        query.push(" AND caller LIKE ").push_bind(pattern).push(" ESCAPE '\\'");
    }
    times(&mut query, search, OF_RECORDING);
    query.push(" LIMIT ").push_bind(SORTED_MAX as i64 + 1);
    let ids: Vec<i64> =
        query.numbers(db).fetch_all(db).await.map_err(Error::database("find a number"))?;
    Ok((ids.len() <= SORTED_MAX).then_some(ids))
}

fn select(query: &mut Text, search: &Search, few: Option<&[i64]>, limit: usize) {
    query.push("SELECT recording.*");
    matching(query, search, few);
    let (at, id) = match leading_agent(search, few) {
        Some(_) => OF_AGENT,
        None => OF_RECORDING,
    };
    query.push(format_args!(" ORDER BY {at} DESC, {id} DESC LIMIT "));
    query.push_bind(limit as i64);
}

/// The agent whose recordings are gone through, where nothing rules out more.
fn leading_agent(search: &Search, few: Option<&[i64]>) -> Option<AgentId> {
    let is_narrower =
        few.is_some() || search.call.is_some() || search.calls.is_some() || search.number.is_some();
    search.agent.filter(|_| !is_narrower)
}

/// `FROM … WHERE …` of a search.
fn matching(query: &mut Text, search: &Search, few: Option<&[i64]>) {
    query.push(" FROM ");
    let leading = leading_agent(search, few);
    match (few, leading) {
        (Some(ids), _) => {
            query.push("recording WHERE id IN (SELECT value FROM json_each(");
            query.push_bind(serde_json::to_string(ids).expect("numbers are valid JSON"));
            query.push(")) AND tenant = ").push_bind(search.tenant.0 as i64);
        }
        (None, Some(agent)) => {
            // The words `CROSS JOIN` have SQLite begin with the agent.
            query.push("recording_agent INDEXED BY recording_agent_by_time CROSS JOIN recording");
            query.push(" WHERE id = recording_id AND whose = ").push_bind(search.tenant.0 as i64);
            query.push(" AND heard = ").push_bind(agent.0 as i64);
        }
        (None, None) => {
            query.push("recording INDEXED BY ").push(index_of(search));
            query.push(" WHERE tenant = ").push_bind(search.tenant.0 as i64);
        }
    }
    if let Some(call) = search.call {
        query.push(" AND call = ").push_bind(call.0 as i64);
    }
    if let Some(calls) = &search.calls {
        let calls: Vec<i64> = calls.iter().map(|call| call.0 as i64).collect();
        query.push(" AND call IN (SELECT value FROM json_each(");
        query.push_bind(serde_json::to_string(&calls).expect("numbers are valid JSON")).push("))");
    }
    if let Some(number) = &search.number {
        query.push(" AND caller = ").push_bind(number.clone());
    }
    if let (Some(agent), None) = (search.agent, leading) {
        query.push(" AND ").push(HEARD_IN).push(" = ").push_bind(agent.0 as i64).push(")");
    }
    of_either(query, search);
    if let Some(queue) = search.queue {
        query.push(" AND queue = ").push_bind(queue.0 as i64);
    }
    if let Some(least) = search.duration_ms_min {
        let least = i64::try_from(least).unwrap_or(i64::MAX);
        query.push(" AND duration_ms >= ").push_bind(least);
    }
    if let Some(most) = search.duration_ms_max {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        query.push(" AND duration_ms <= ").push_bind(most);
    }
    if search.kept {
        query.push(" AND kept = 1");
    }
    if let (Some(text), None) = (&search.caller, few) {
        match like(text) {
            Some(pattern) => {
                query.push(" AND caller LIKE ").push_bind(pattern).push(" ESCAPE '\\'")
            }
            None => query.push(" AND instr(caller, ").push_bind(text.clone()).push(") > 0"),
        };
    }
    times(query, search, if leading.is_some() { OF_AGENT } else { OF_RECORDING });
}

/// The recordings of the agents or queues that are asked for together.
fn of_either(query: &mut Text, search: &Search) {
    let agents = search.agents.as_ref().map(|agents| agents.iter().map(|id| id.0 as i64).collect());
    let queues = search.queues.as_ref().map(|queues| queues.iter().map(|id| id.0 as i64).collect());
    let wanted: [(&str, Option<Vec<i64>>, &str); 2] =
        [(HEARD_IN, agents, ")))"), ("queue", queues, "))")];
    let mut before = " AND (";
    for (of, ids, end) in wanted {
        let Some(ids) = ids else { continue };
        query.push(before).push(of).push(" IN (SELECT value FROM json_each(");
        query.push_bind(serde_json::to_string(&ids).expect("numbers are valid JSON")).push(end);
        before = " OR ";
    }
    if before == " OR " {
        query.push(")");
    }
}

/// The index whose order is the list's and that rules out the most.
fn index_of(search: &Search) -> &'static str {
    match search {
        Search { call: Some(_), .. } | Search { calls: Some(_), .. } => "recording_by_call",
        Search { number: Some(_), .. } => "recording_by_caller",
        Search { queue: Some(_), .. } => "recording_by_queue",
        _ => "recording_by_time",
    }
}

/// The times of a search, by the columns that hold start and id.
fn times(query: &mut Text, search: &Search, (at, id): (&str, &str)) {
    if let Some(from) = search.from {
        query.push(format_args!(" AND {at} >= ")).push_bind(from.0);
    }
    if let Some(to) = search.to {
        query.push(format_args!(" AND {at} < ")).push_bind(to.0);
    }
    if let Some((last_at, last)) = search.before {
        query.push(format_args!(" AND ({at}, {id}) < (")).push_bind(last_at.0);
        query.push(", ").push_bind(last.0 as i64).push(")");
    }
}

/// A row as [`crate::Answer::to_json`] gives it: ids are strings, times RFC 3339 in UTC.
pub fn to_json(row: &impl Record, columns: &[terms::record::Column]) -> Map<String, Json> {
    let cell = |name: &str, value: Value| match value {
        Value::Int64(Some(id)) if name.ends_with("_id") => Json::from(id.to_string()),
        Value::Int64(number) => number.into(),
        Value::Int32(number) => number.into(),
        Value::Float64(number) => number.into(),
        Value::Text(text) => text.into(),
        Value::Bool(is) => is.into(),
        Value::Time(at) => at.map(|at| at.to_string()).into(),
    };
    let named = columns.iter().zip(row.values());
    named.map(|(column, value)| (column.name.to_owned(), cell(column.name, value))).collect()
}
