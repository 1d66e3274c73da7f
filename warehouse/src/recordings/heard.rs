//! Who is heard in a recording: every agent whose leg talked in its call while it ran, not the first
//! alone. A conversation that was passed on is found by each of them, and by who leads each of them.
//!
//! A leg's row comes when the leg ends, a recording's when its file is whole: whichever comes later
//! finds the other. Legs are remembered for that as long as calls that ended are.

use super::INSERT_ROWS;
use super::fill::{batches, of_table, staged};
use crate::db::{self, Db, Text};
use crate::derive::REMEMBERED_MS_MAX;
use crate::{Error, Warehouse, manifest};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use terms::record::{Leg, Row};
use terms::{AgentId, RecordingId, Timestamp, id};

/// No column has the name of one of `recording`: a search joins the two.
pub(crate) const SCHEMA: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS recording_agent (
        recording_id INTEGER NOT NULL, heard INTEGER NOT NULL, whose INTEGER NOT NULL,
        began INTEGER NOT NULL, PRIMARY KEY (recording_id, heard)) STRICT",
    "CREATE INDEX IF NOT EXISTS recording_agent_by_time
        ON recording_agent (whose, heard, began, recording_id)",
    "CREATE TABLE IF NOT EXISTS agent_leg (
        of_call INTEGER NOT NULL, leg INTEGER NOT NULL, of_tenant INTEGER NOT NULL,
        of_agent INTEGER NOT NULL, answered_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,
        PRIMARY KEY (of_call, leg)) STRICT",
];

/// Says in `meta` that who is heard is known of every recording.
const FILLED: &str = "recording_agents";
const ACTION: &str = "note who is heard";

/// An agent's leg that talked.
struct Talked {
    tenant: i64,
    call: i64,
    leg: i64,
    agent: i64,
    answered_at: i64,
    ended_at: i64,
}

impl Talked {
    fn of_row(row: &Row) -> Option<Talked> {
        let Row::Leg(leg) = row else { return None };
        let (agent, answered_at) = (leg.agent_id?, leg.answered_at?);
        (leg.talk_ms > 0).then_some(Talked {
            tenant: leg.tenant_id.0 as i64,
            call: leg.call_id.0 as i64,
            leg: leg.leg_id.0 as i64,
            agent: agent.0 as i64,
            answered_at: answered_at.0,
            ended_at: leg.ended_at.0,
        })
    }
}

impl Warehouse {
    /// The agents who are heard in a recording.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn heard_in(&self, recording: RecordingId) -> Result<Vec<AgentId>, Error> {
        let mut tx = self.read("find who is heard").await?;
        let found: Vec<i64> = sqlx::query_scalar(
            "SELECT heard FROM recording_agent WHERE recording_id = $1 ORDER BY heard",
        )
        .bind(recording.0 as i64)
        .fetch_all(&mut *tx)
        .await
        .map_err(Error::database("find who is heard"))?;
        Ok(found.into_iter().map(|agent| AgentId(agent as u64)).collect())
    }
}

/// Notes who is heard, as far as staged rows tell it with what is known.
pub(super) async fn note(db: &mut Db, rows: &[Row]) -> Result<(), Error> {
    let legs: Vec<Talked> = rows.iter().filter_map(Talked::of_row).collect();
    let recordings: Vec<i64> = rows
        .iter()
        .filter_map(|row| match row {
            Row::Recording(recording) => Some(recording.recording_id.0 as i64),
            _ => None,
        })
        .collect();
    remember(db, &legs).await?;
    of_legs(db, &legs).await?;
    of_recordings(db, &recordings).await
}

/// Keeps legs for recordings that are still to come, and forgets old ones. A call's id holds when it
/// began.
async fn remember(db: &mut Db, legs: &[Talked]) -> Result<(), Error> {
    for chunk in legs.chunks(INSERT_ROWS) {
        let mut query = Text::new(
            "INSERT INTO agent_leg (of_call, leg, of_tenant, of_agent, answered_at, ended_at) ",
        );
        query.push_rows(chunk, |values, leg| {
            values.bind(leg.call).bind(leg.leg).bind(leg.tenant);
            values.bind(leg.agent).bind(leg.answered_at).bind(leg.ended_at);
        });
        query.push(" ON CONFLICT (of_call, leg) DO NOTHING");
        query.query(db).execute(&mut *db).await.map_err(Error::database(ACTION))?;
    }
    let Some(latest) = legs.iter().map(|leg| leg.call).max() else { return Ok(()) };
    let began = id::created_at(latest as u64);
    let oldest = id::least_at(Timestamp(began.0 - REMEMBERED_MS_MAX * 1000));
    sqlx::query("DELETE FROM agent_leg WHERE of_call < $1")
        .bind(oldest as i64)
        .execute(db)
        .await
        .map_err(Error::database(ACTION))?;
    Ok(())
}

/// The recordings that are known of the calls of legs.
async fn of_legs(db: &mut Db, legs: &[Talked]) -> Result<(), Error> {
    for chunk in legs.chunks(INSERT_ROWS) {
        let mut query =
            Text::new("WITH talked (of_call, of_tenant, of_agent, answered_at, ended_at) AS (");
        query.push_rows(chunk, |values, leg| {
            values.bind(leg.call).bind(leg.tenant).bind(leg.agent);
            values.bind(leg.answered_at).bind(leg.ended_at);
        });
        // The words `CROSS JOIN` have SQLite begin with the legs.
        query.push(
            ") INSERT INTO recording_agent (recording_id, heard, whose, began) \
             SELECT DISTINCT id, of_agent, tenant, started_at FROM talked CROSS JOIN recording \
             WHERE tenant = of_tenant AND call = of_call AND ended_at > started_at \
             AND answered_at < started_at + duration_ms * 1000 ON CONFLICT DO NOTHING",
        );
        query.query(db).execute(&mut *db).await.map_err(Error::database(ACTION))?;
    }
    Ok(())
}

/// The first agent of recordings, and whose legs are remembered of their calls.
async fn of_recordings(db: &mut Db, recordings: &[i64]) -> Result<(), Error> {
    if recordings.is_empty() {
        return Ok(());
    }
    let ids = serde_json::to_string(recordings).expect("numbers are valid JSON");
    for statement in [
        "INSERT INTO recording_agent (recording_id, heard, whose, began) \
         SELECT id, agent, tenant, started_at FROM recording \
         WHERE id IN (SELECT value FROM json_each($1)) AND agent IS NOT NULL \
         ON CONFLICT DO NOTHING",
        "INSERT INTO recording_agent (recording_id, heard, whose, began) \
         SELECT DISTINCT id, of_agent, tenant, started_at FROM recording CROSS JOIN agent_leg \
         WHERE id IN (SELECT value FROM json_each($1)) \
         AND of_call = call AND of_tenant = tenant AND ended_at > started_at \
         AND answered_at < started_at + duration_ms * 1000 ON CONFLICT DO NOTHING",
    ] {
        sqlx::query(db::sql(db, statement))
            .bind(ids.clone())
            .execute(&mut *db)
            .await
            .map_err(Error::database(ACTION))?;
    }
    Ok(())
}

/// Finds out who is heard in every recording of a warehouse that does not know it: from the index, the
/// staged legs and the files. It happens once, at the start of the writer.
pub(super) async fn fill(warehouse: &Warehouse) -> Result<(), Error> {
    let mut tx = warehouse.write(ACTION).await?;
    let filled: Option<i64> = sqlx::query_scalar("SELECT value FROM meta WHERE name = $1")
        .bind(FILLED)
        .fetch_optional(&mut *tx)
        .await
        .map_err(Error::database(ACTION))?;
    if filled.is_some() {
        return Ok(());
    }
    let first = sqlx::query(
        "INSERT INTO recording_agent (recording_id, heard, whose, began) \
         SELECT id, agent, tenant, started_at FROM recording WHERE agent IS NOT NULL \
         ON CONFLICT DO NOTHING",
    );
    first.execute(&mut *tx).await.map_err(Error::database(ACTION))?;
    let rows =
        staged(&mut tx, "SELECT seq, crc, blob FROM stage WHERE tbl = 'legs' ORDER BY seq").await?;
    let legs: Vec<Talked> = rows.iter().filter_map(Talked::of_row).collect();
    remember(&mut tx, &legs).await?;
    of_legs(&mut tx, &legs).await?;
    let any: Option<i64> = sqlx::query_scalar("SELECT id FROM recording LIMIT 1")
        .fetch_optional(&mut *tx)
        .await
        .map_err(Error::database(ACTION))?;
    let mut files = manifest::in_state(&mut tx, "hot").await?;
    files.extend(manifest::in_state(&mut tx, "published").await?);
    let newest = of_table::<Leg>(&files).map(|entry| entry.at_max).max().unwrap_or_default();
    for entry in of_table::<Leg>(&files) {
        // Their calls may go on: a recording of theirs is still to come.
        let is_late = entry.at_max >= newest - REMEMBERED_MS_MAX * 1000;
        if any.is_none() && !is_late {
            continue;
        }
        for batch in batches::<Leg>(warehouse, entry).await? {
            let legs = talked(&batch);
            if is_late {
                remember(&mut tx, &legs).await?;
            }
            of_legs(&mut tx, &legs).await?;
        }
    }
    sqlx::query("INSERT INTO meta (name, value) VALUES ($1, 1)")
        .bind(FILLED)
        .execute(&mut *tx)
        .await
        .map_err(Error::database(ACTION))?;
    db::commit(tx, ACTION).await
}

/// Forgets that who is heard is known of every recording: the next opening finds it out.
pub(crate) async fn unfill(db: &mut Db) -> Result<(), Error> {
    sqlx::query("DELETE FROM meta WHERE name = $1")
        .bind(FILLED)
        .execute(db)
        .await
        .map_err(Error::database(ACTION))?;
    Ok(())
}

/// The same as [`Talked::of_row`] of the rows of a file, column by column: a file has millions.
fn talked(batch: &RecordBatch) -> Vec<Talked> {
    let number = |name| batch.column_by_name(name).map(|of| of.as_primitive::<Int64Type>());
    let time =
        |name| batch.column_by_name(name).map(|of| of.as_primitive::<TimestampMicrosecondType>());
    let talk = batch.column_by_name("talk_ms").map(|of| of.as_primitive::<Int32Type>());
    let (Some(tenant), Some(call), Some(leg), Some(agent), Some(talk)) =
        (number("tenant_id"), number("call_id"), number("leg_id"), number("agent_id"), talk)
    else {
        return Vec::new();
    };
    let (Some(answered), Some(ended)) = (time("answered_at"), time("ended_at")) else {
        return Vec::new();
    };
    let rows = (0..batch.num_rows())
        .filter(|row| agent.is_valid(*row) && answered.is_valid(*row) && talk.value(*row) > 0);
    let of = |row: usize| Talked {
        tenant: tenant.value(row),
        call: call.value(row),
        leg: leg.value(row),
        agent: agent.value(row),
        answered_at: answered.value(row),
        ended_at: ended.value(row),
    };
    rows.map(of).collect()
}
