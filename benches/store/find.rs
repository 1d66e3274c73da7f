//! What people look for among all recordings, each the way the API asks for it.

use crate::fill::{AGENTS, BEGIN, YEAR, recording};
use crate::{Figures, timed};
use anyhow::{Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::path::Path;
use std::time::Duration;
use terms::record::Recording;
use terms::{AgentId, IdGen, RecordingId, TenantId, Timestamp};
use warehouse::recordings::Search;
use warehouse::{Limits, Scope, Session, Warehouse};

/// What is looked for, of a recording that there is.
type Question = fn(&Recording) -> Search;

const TENANT: TenantId = TenantId(1);
/// Recordings on a page.
const PAGE: usize = 100;
/// Times that each question is asked, with another subject each.
const TIMES: usize = 50;
const DAY: Duration = Duration::from_secs(86_400);

pub async fn measure(folder: &Path, count: u64, figures: &mut Figures) -> Result<()> {
    let (warehouse, opening) = timed(Warehouse::open(folder)).await;
    let warehouse = warehouse?;
    figures.add("opening the store", opening.as_secs_f64() * 1000.0, "ms")?;
    let bytes = std::fs::metadata(folder.join("warehouse.db"))?.len();
    figures.add("index and manifest", bytes as f64 / f64::from(1 << 20), "MiB")?;
    let sample = sample(count);
    let mut rng = StdRng::seed_from_u64(7);
    let subjects: Vec<&Recording> =
        (0..TIMES).map(|_| &sample[rng.random_range(0..sample.len())]).collect();
    let mut times = Vec::new();
    for of in &subjects {
        let (found, time) = timed(warehouse.recording(TENANT, of.recording_id)).await;
        ensure!(found?.is_some_and(|found| found.recording == **of), "another one was found");
        times.push(time);
    }
    figures.times("by id", times)?;

    let questions: [(&str, Question); 3] = [
        ("by call", |of| Search { call: Some(of.call_id), ..all() }),
        ("by agent and day", |of| Search {
            agent: of.agent_id,
            from: Some(of.started_at),
            to: Some(of.started_at + DAY),
            ..all()
        }),
        ("by a number", |of| Search { caller: Some(of.caller.clone()), ..all() }),
    ];
    for (what, question) in questions {
        let mut times = Vec::new();
        for of in &subjects {
            let search = question(of);
            let (found, time) = timed(warehouse.recordings(&search, PAGE)).await;
            ensure!(!found?.is_empty(), "{what}: nothing was found");
            times.push(time);
        }
        figures.times(what, times)?;
    }

    let agent = AgentId(1 + AGENTS / 2);
    let at = |part: f64| Timestamp(BEGIN.0 + (YEAR.as_micros() as f64 * part) as i64);
    let before = |part| Some((at(part), RecordingId(u64::MAX >> 1)));
    // The 1,000th page of all begins 100,000 recordings before the newest.
    let deep = (1.0 - 100_000.0 / count as f64).max(0.5);
    let text = |text: &str| Some(text.to_owned());
    let fixed = [
        (
            "by the beginning of a number, a few thousand match",
            Search { caller: text("+861300"), ..all() },
        ),
        ("by the beginning of a number, all match", Search { caller: text("+861"), ..all() }),
        ("by the end of a number", Search { caller: text("13999"), ..all() }),
        ("by a part of a number that nobody has", Search { caller: text("00000000000"), ..all() }),
        ("longer than all", Search { duration_ms_min: Some(3_600_000), ..all() }),
        ("page 1 of all", Search { before: before(1.0), ..all() }),
        ("page 1,000 of all", Search { before: before(deep), ..all() }),
        ("the last page of all", Search { before: before(0.0001), ..all() }),
        ("page 1 of an agent", Search { agent: Some(agent), ..all() }),
        (
            "the middle page of an agent",
            Search { agent: Some(agent), before: before(0.5), ..all() },
        ),
    ];
    for (what, search) in fixed {
        let mut times = Vec::new();
        for _ in 0..5 {
            let (found, time) = timed(warehouse.recordings(&search, PAGE)).await;
            found?;
            times.push(time);
        }
        figures.times(what, times)?;
    }
    sql(&warehouse, &sample, figures).await
}

fn all() -> Search {
    Search { tenant: TENANT, ..Search::default() }
}

/// The same first page and one recording in SQL over the files: what the index is for.
async fn sql(warehouse: &Warehouse, sample: &[Recording], figures: &mut Figures) -> Result<()> {
    let session = Session::open(warehouse, Scope::of(TENANT), Limits::default()).await?;
    let one = sample[sample.len() / 2].recording_id;
    for (what, sql) in [
        (
            "in SQL over the files, by id",
            format!("SELECT * FROM recordings WHERE recording_id = {one}"),
        ),
        (
            "in SQL over the files, page 1",
            "SELECT * FROM recordings ORDER BY started_at DESC, recording_id DESC LIMIT 100"
                .to_owned(),
        ),
    ] {
        let (answer, time) = timed(session.query(&sql)).await;
        ensure!(answer?.rows() > 0, "{what}: nothing was found");
        figures.add(what, time.as_secs_f64() * 1000.0, "ms")?;
    }
    Ok(())
}

/// Some recordings of the tenant, spread over the year.
fn sample(count: u64) -> Vec<Recording> {
    let (mut ids, mut rng) = (IdGen::new(1), StdRng::seed_from_u64(42));
    let every = (count / 2_000).max(1);
    let all = (0..count).map(|at| (at, recording(at, count, &mut ids, &mut rng)));
    all.filter(|(at, of)| at % every == 1 && of.tenant_id == TENANT).map(|(_, of)| of).collect()
}
