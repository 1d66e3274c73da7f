//! Runs of schedules: durable rows, one for each schedule and due time, with a lease, attempts and
//! the deliveries of the file.
//!
//! - **Whoever holds the lease alone may write.** Each change names the holder; one whose lease went
//!   to another changes nothing any more.
//! - **`sending` is written before anything is sent.** A delivery that is found in it after a crash
//!   may have happened: it is made again only where that does no harm
//!   ([`Target::may_repeat`](super::target::Target::may_repeat)), with the same key.

use super::pack::{self, Part};
use super::planner::Due;
use super::target::Target;
use super::{Planned, Schedule};
use crate::audit::By;
use crate::error::During;
use crate::secret::{hex, random};
use crate::sql;
use crate::store::{DbRow, Write, document, id, time, time_opt};
use crate::text::text_enum;
use crate::{Error, Result, Store, when};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use terms::{ReportRunId, ScheduleId, TenantId, Timestamp, UserId};
use utoipa::ToSchema;

/// Runs of one page of the list.
pub const RUNS_MAX: u32 = 200;
/// How long a lease holds; each delivery begins it anew.
pub const LEASE_US: i64 = 15 * 60 * 1_000_000;
/// Longest reason that is kept.
const PROBLEM_CHARS_MAX: usize = 300;

text_enum! {
    /// Where a run stands, in the order of its life.
    RunState, "state of a run" {
        /// For the data of its period, or for its next attempt.
        Waiting = "waiting",
        /// The file is there; its deliveries go on.
        Made = "made",
        /// Delivered everywhere.
        Done = "done",
        /// Some delivery failed or is uncertain.
        Partly = "partly",
        /// There is no file.
        Failed = "failed",
        /// It was due while nothing ran here, and is not made.
        Missed = "missed",
    }
}

text_enum! {
    /// Where a delivery stands.
    DeliveryState, "state of a delivery" {
        /// For its next attempt.
        Waiting = "waiting",
        /// It is being sent.
        Sending = "sending",
        /// The receiver has it.
        Delivered = "delivered",
        /// The receiver does not have it, and it is not tried again.
        Failed = "failed",
        /// The receiver may have it: it is not sent again, so that nobody has it twice.
        Uncertain = "uncertain",
    }
}

/// What a run makes, as it was when the run became due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReportWork)]
pub struct Work {
    /// The schedule's name.
    pub name: String,
    /// Which report of the catalogue.
    pub report: String,
    /// Which days: `2026-11-22`, `2026-W47`, `2026-10`.
    pub period: String,
    /// In which form.
    pub format: String,
    /// In which language.
    pub language: String,
    /// What it is asked with besides.
    #[serde(default)]
    #[schema(required = false)]
    pub parameters: BTreeMap<String, String>,
    /// `a4` or `a3`; a4 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<String>,
    /// `portrait`, `landscape` or `automatic`, which is meant when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<String>,
    /// Whose days, an IANA name, where no parameter says otherwise.
    pub time_zone: String,
    /// Somebody asked for it now.
    pub manual: bool,
    /// What it makes besides.
    #[serde(default)]
    pub more: Vec<Part>,
    /// Whose sight its reports have; none for all that there is.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = false)]
    pub owner: Option<UserId>,
}

/// The file of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunFile {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its media type.
    pub content_type: String,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReportRun)]
pub struct Run {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ReportRunId,
    /// Of which schedule, which may be gone.
    #[schema(value_type = String)]
    pub schedule: ScheduleId,
    /// When it was due.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
    /// What it makes.
    #[serde(flatten)]
    pub work: Work,
    /// Where it stands.
    pub state: RunState,
    /// Attempts to make it that failed.
    pub attempts: u32,
    /// When it is looked at again.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub next_at: Timestamp,
    /// Its file.
    pub file: Option<RunFile>,
    /// The files of what it makes besides, in the order of `more`.
    pub more_files: Vec<RunFile>,
    /// When it ended.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Why it waits or failed.
    pub problem: String,
    /// Where its file goes.
    pub deliveries: Vec<Delivery>,
}

/// A delivery of a run's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReportDelivery)]
pub struct Delivery {
    /// Its place among the deliveries of the run.
    pub place: u32,
    /// Where the file goes.
    pub target: Target,
    /// The same at every attempt: receivers drop what they have.
    pub key: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts that were begun.
    pub attempts: u32,
    /// When it is tried next.
    #[serde(with = "when")]
    #[schema(value_type = String, format = DateTime)]
    pub next_at: Timestamp,
    /// When it ended.
    #[serde(with = "when::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Why it waits, failed or is uncertain.
    pub problem: String,
}

impl Delivery {
    /// Nothing happens to it any more.
    pub fn is_over(&self) -> bool {
        match self.state {
            DeliveryState::Waiting | DeliveryState::Sending => false,
            DeliveryState::Delivered | DeliveryState::Failed | DeliveryState::Uncertain => true,
        }
    }
}

/// The right to work on a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Whose run.
    pub tenant: TenantId,
    /// Which.
    pub run: ReportRunId,
    /// Who, a number of the process's own.
    pub holder: i64,
}

const SELECT: &str = "SELECT id, schedule_id, due_at, document, state, attempts, next_at, file,
     more_files, ended_at, problem FROM report_runs";

fn of(row: &DbRow) -> Result<Run> {
    let doing = "read runs";
    let file: Option<&str> = row.get("file");
    let file = file.map(serde_json::from_str).transpose().map_err(|error| Error::Stored {
        doing,
        what: "file of a run",
        problem: error.to_string(),
    })?;
    Ok(Run {
        id: ReportRunId(id(row, "id")),
        schedule: ScheduleId(id(row, "schedule_id")),
        due_at: time(row, "due_at"),
        work: document(row, "document", doing, "run")?,
        state: RunState::stored(doing, row.get("state"))?,
        attempts: count(row, "attempts"),
        next_at: time(row, "next_at"),
        file,
        more_files: document(row, "more_files", doing, "files of a run")?,
        ended_at: time_opt(row, "ended_at"),
        problem: row.get("problem"),
        deliveries: Vec::new(),
    })
}

fn delivery(row: &DbRow) -> Result<Delivery> {
    let doing = "read deliveries";
    Ok(Delivery {
        place: count(row, "place"),
        target: document(row, "target", doing, "target")?,
        key: row.get("idempotency_key"),
        state: DeliveryState::stored(doing, row.get("state"))?,
        attempts: count(row, "attempts"),
        next_at: time(row, "next_at"),
        ended_at: time_opt(row, "ended_at"),
        problem: row.get("problem"),
    })
}

fn count(row: &DbRow, column: &str) -> u32 {
    u32::try_from(row.get::<i64>(column)).unwrap_or(u32::MAX)
}

/// One line of a reason, cut to length.
fn reason(text: &str) -> String {
    text.chars().take(PROBLEM_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Puts a run that is due, with its deliveries. One of this due time that is there already stays.
pub(super) async fn insert(
    write: &mut Write,
    tenant: TenantId,
    of: &Planned,
    due: Due,
) -> Result<()> {
    put(write, tenant, of, due, false).await.map(drop)
}

async fn put(
    write: &mut Write,
    tenant: TenantId,
    of: &Planned,
    due: Due,
    manual: bool,
) -> Result<ReportRunId> {
    let doing = write.doing;
    let run = ReportRunId(write.next_id("report_run").await? as u64);
    let Part { report, period, format, language, parameters, paper, orientation } =
        Part::of(&of.saved, of, due.at);
    let work = Work {
        name: of.schedule.draft.name.clone(),
        report,
        period,
        format,
        language,
        parameters,
        paper,
        orientation,
        time_zone: of.time_zone.clone(),
        manual,
        more: of.more.iter().map(|saved| Part::of(saved, of, due.at)).collect(),
        owner: of.schedule.owner,
    };
    let state = if due.missed { RunState::Missed } else { RunState::Waiting };
    let done = sql::query(
        "INSERT INTO report_runs
         (id, tenant_id, schedule_id, due_at, document, state, next_at, ended_at)
         VALUES ($1, $2, $3, $4, $5, $6, $4, $7) ON CONFLICT (schedule_id, due_at) DO NOTHING",
    )
    .bind(run.0 as i64)
    .bind(tenant.0 as i64)
    .bind(of.schedule.id.0 as i64)
    .bind(due.at.0)
    .bind(serde_json::to_string(&work).expect("a run is always valid JSON"))
    .bind(state.as_str())
    .bind(due.missed.then_some(due.at.0))
    .execute(write.db())
    .await
    .during(doing)?;
    if done.rows_affected() > 0 && !due.missed {
        put_deliveries(write, tenant, run, due.at, &of.schedule).await?;
    }
    Ok(run)
}

async fn put_deliveries(
    write: &mut Write,
    tenant: TenantId,
    run: ReportRunId,
    at: Timestamp,
    schedule: &Schedule,
) -> Result<()> {
    let doing = write.doing;
    for (place, target) in (0_i64..).zip(&schedule.draft.targets) {
        sql::query(
            "INSERT INTO report_deliveries
             (run_id, tenant_id, place, target, idempotency_key, state, next_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(run.0 as i64)
        .bind(tenant.0 as i64)
        .bind(place)
        .bind(serde_json::to_string(target).expect("a target is always valid JSON"))
        .bind(hex(&random::<16>()))
        .bind(DeliveryState::Waiting.as_str())
        .bind(at.0)
        .execute(write.db())
        .await
        .during(doing)?;
    }
    Ok(())
}

impl Store {
    /// Makes a run that is due now, whether the schedule is on or off.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn run_schedule(
        &self,
        tenant: TenantId,
        by: &By,
        schedule: ScheduleId,
    ) -> Result<Run> {
        let schedule = self.schedule(tenant, schedule).await?;
        let saved = self.saved_reports(tenant).await?;
        let more = pack::further(&schedule.draft, &saved)?;
        let saved = saved.into_iter().find(|saved| saved.id == schedule.draft.saved_report);
        let saved =
            saved.ok_or_else(|| Error::not_found("saved report", schedule.draft.saved_report))?;
        let (time_zone, rule) = self.rule(tenant, &schedule.draft).await?;
        let planner = super::planner::Planner::new(rule, by.at);
        let subject = schedule.draft.name.clone();
        let day_begins_min = self.report_settings(tenant).await?.day_begins_minute();
        let of = Planned { schedule, saved, more, time_zone, day_begins_min, planner };
        let mut write = self.write("run a schedule").await?;
        let run = put(&mut write, tenant, &of, Due { at: by.at, missed: false }, true).await?;
        write.audit(tenant, by, "schedule.run", subject).await?;
        write.commit().await?;
        self.report_run(tenant, run).await
    }

    /// The latest runs of a tenant, or of one of its schedules, before `before`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn report_runs(
        &self,
        tenant: TenantId,
        schedule: Option<ScheduleId>,
        before: Option<ReportRunId>,
        limit: u32,
    ) -> Result<Vec<Run>> {
        let sql = format!(
            "{SELECT} WHERE tenant_id = $1 AND ($2 IS NULL OR schedule_id = $2)
             AND ($3 IS NULL OR id < $3) ORDER BY id DESC LIMIT $4"
        );
        let rows = sql::query(sqlx::AssertSqlSafe(sql))
            .bind(tenant.0 as i64)
            .bind(schedule.map(|id| id.0 as i64))
            .bind(before.map(|id| id.0 as i64))
            .bind(i64::from(limit.clamp(1, RUNS_MAX)))
            .fetch_all(self.reader())
            .await
            .during("list runs")?;
        let mut runs = rows.iter().map(of).collect::<Result<Vec<Run>>>()?;
        for run in &mut runs {
            run.deliveries = self.deliveries(tenant, run.id).await?;
        }
        Ok(runs)
    }

    /// One run.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn report_run(&self, tenant: TenantId, run: ReportRunId) -> Result<Run> {
        let row =
            sql::query(sqlx::AssertSqlSafe(format!("{SELECT} WHERE tenant_id = $1 AND id = $2")))
                .bind(tenant.0 as i64)
                .bind(run.0 as i64)
                .fetch_optional(self.reader())
                .await
                .during("read a run")?;
        let mut found = of(&row.ok_or_else(|| Error::not_found("run", run))?)?;
        found.deliveries = self.deliveries(tenant, run).await?;
        Ok(found)
    }

    async fn deliveries(&self, tenant: TenantId, run: ReportRunId) -> Result<Vec<Delivery>> {
        sql::query(
            "SELECT place, target, idempotency_key, state, attempts, next_at, ended_at, problem
             FROM report_deliveries WHERE tenant_id = $1 AND run_id = $2 ORDER BY place LIMIT 100",
        )
        .bind(tenant.0 as i64)
        .bind(run.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("read deliveries")?
        .iter()
        .map(delivery)
        .collect()
    }

    /// Takes the run of a tenant that has waited longest for `now`, when there is one that nobody
    /// holds.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn claim_run(
        &self,
        tenant: TenantId,
        holder: i64,
        now: Timestamp,
    ) -> Result<Option<Lease>> {
        let mut write = self.write("take a run").await?;
        let doing = write.doing;
        let found: Option<i64> = sql::query_scalar(
            "UPDATE report_runs SET lease_holder = $2, lease_until = $3 WHERE id = (
                 SELECT id FROM report_runs WHERE tenant_id = $1 AND state IN ('waiting', 'made')
                 AND next_at <= $4 AND lease_until <= $4 ORDER BY next_at, id LIMIT 1)
             AND tenant_id = $1 RETURNING id",
        )
        .bind(tenant.0 as i64)
        .bind(holder)
        .bind(now.0 + LEASE_US)
        .bind(now.0)
        .fetch_optional(write.db())
        .await
        .during(doing)?;
        write.commit().await?;
        Ok(found.map(|id| Lease { tenant, run: ReportRunId(id as u64), holder }))
    }

    /// Ends every lease of a tenant: for a process that begins, and knows that it is the only one.
    /// Whoever held one writes nothing any more.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end_leases(&self, tenant: TenantId) -> Result<()> {
        let mut write = self.write("end leases").await?;
        sql::query(
            "UPDATE report_runs SET lease_holder = 0, lease_until = 0
             WHERE tenant_id = $1 AND lease_until > 0",
        )
        .bind(tenant.0 as i64)
        .execute(write.db())
        .await
        .during("end leases")?;
        write.commit().await
    }

    /// Lets a run wait until `next_at`; `failed` counts as an attempt.
    ///
    /// # Errors
    /// [`Error::Refused`] when the lease is another's.
    pub async fn postpone_run(
        &self,
        lease: &Lease,
        next_at: Timestamp,
        problem: &str,
        failed: bool,
    ) -> Result<()> {
        let mut write = self.write("let a run wait").await?;
        let sql = "UPDATE report_runs SET next_at = $4, problem = $5, attempts = attempts + $6,
             lease_until = 0 WHERE tenant_id = $1 AND id = $2 AND lease_holder = $3";
        let query = sql::query(sql)
            .bind(lease.tenant.0 as i64)
            .bind(lease.run.0 as i64)
            .bind(lease.holder)
            .bind(next_at.0)
            .bind(reason(problem))
            .bind(i64::from(failed));
        let done = query.execute(write.db()).await.during("let a run wait")?;
        held(lease, done.rows_affected())?;
        write.commit().await
    }

    /// Says how far the file of a run is, in the place of why it waits.
    ///
    /// # Errors
    /// [`Error::Refused`] when the lease is another's.
    pub async fn note_run_progress(&self, lease: &Lease, told: &str) -> Result<()> {
        let mut write = self.write("say how far a run is").await?;
        let sql = "UPDATE report_runs SET problem = $4
             WHERE tenant_id = $1 AND id = $2 AND lease_holder = $3";
        let query = sql::query(sql)
            .bind(lease.tenant.0 as i64)
            .bind(lease.run.0 as i64)
            .bind(lease.holder)
            .bind(reason(told));
        let done = query.execute(write.db()).await.during("say how far a run is")?;
        held(lease, done.rows_affected())?;
        write.commit().await
    }

    /// The files of a run are there, whole and synced: `file`, and those of what it makes besides.
    ///
    /// # Errors
    /// [`Error::Refused`] when the lease is another's.
    pub async fn note_run_made(
        &self,
        lease: &Lease,
        file: &RunFile,
        more: &[RunFile],
    ) -> Result<()> {
        let mut write = self.write("note the file of a run").await?;
        let sql = "UPDATE report_runs SET state = $4, file = $5, more_files = $6, problem = ''
             WHERE tenant_id = $1 AND id = $2 AND lease_holder = $3";
        let query = sql::query(sql)
            .bind(lease.tenant.0 as i64)
            .bind(lease.run.0 as i64)
            .bind(lease.holder)
            .bind(RunState::Made.as_str())
            .bind(serde_json::to_string(file).expect("a file is always valid JSON"))
            .bind(serde_json::to_string(more).expect("files are always valid JSON"));
        let done = query.execute(write.db()).await.during("note the file of a run")?;
        held(lease, done.rows_affected())?;
        write.commit().await
    }

    /// A run is over: without a file, or with what its deliveries say.
    ///
    /// # Errors
    /// [`Error::Refused`] when the lease is another's.
    pub async fn end_run(
        &self,
        lease: &Lease,
        state: RunState,
        problem: &str,
        now: Timestamp,
    ) -> Result<()> {
        let mut write = self.write("end a run").await?;
        let sql = "UPDATE report_runs SET state = $4, problem = $5, ended_at = $6, lease_until = 0
             WHERE tenant_id = $1 AND id = $2 AND lease_holder = $3";
        let query = sql::query(sql)
            .bind(lease.tenant.0 as i64)
            .bind(lease.run.0 as i64)
            .bind(lease.holder)
            .bind(state.as_str())
            .bind(reason(problem))
            .bind(now.0);
        let done = query.execute(write.db()).await.during("end a run")?;
        held(lease, done.rows_affected())?;
        let subject = format!("run {} {}", lease.run, state.as_str());
        write.audit(lease.tenant, &By::system("schedule", now), "schedule.end", subject).await?;
        write.commit().await
    }

    /// Says that a delivery begins, before anything is sent, and begins the lease anew.
    ///
    /// # Errors
    /// [`Error::Refused`] when the lease is another's.
    pub async fn note_sending(&self, lease: &Lease, place: u32, now: Timestamp) -> Result<()> {
        let mut write = self.write("begin a delivery").await?;
        let sql = "UPDATE report_runs SET lease_until = $4
             WHERE tenant_id = $1 AND id = $2 AND lease_holder = $3";
        let query = sql::query(sql)
            .bind(lease.tenant.0 as i64)
            .bind(lease.run.0 as i64)
            .bind(lease.holder)
            .bind(now.0 + LEASE_US);
        let done = query.execute(write.db()).await.during("begin a delivery")?;
        held(lease, done.rows_affected())?;
        sql::query(
            "UPDATE report_deliveries SET state = $4, attempts = attempts + 1
             WHERE tenant_id = $1 AND run_id = $2 AND place = $3",
        )
        .bind(lease.tenant.0 as i64)
        .bind(lease.run.0 as i64)
        .bind(i64::from(place))
        .bind(DeliveryState::Sending.as_str())
        .execute(write.db())
        .await
        .during("begin a delivery")?;
        write.commit().await
    }

    /// What came of a delivery: it waits until `at`, or ended then.
    ///
    /// # Errors
    /// [`Error::Refused`] when the lease is another's.
    pub async fn note_delivery(
        &self,
        lease: &Lease,
        place: u32,
        state: DeliveryState,
        problem: &str,
        at: Timestamp,
    ) -> Result<()> {
        let mut write = self.write("note a delivery").await?;
        let ended = (state != DeliveryState::Waiting).then_some(at.0);
        let done = sql::query(
            "UPDATE report_deliveries SET state = $5, problem = $6, next_at = $7, ended_at = $8
             WHERE tenant_id = $1 AND run_id = $2 AND place = $4 AND EXISTS (
                 SELECT 1 FROM report_runs WHERE tenant_id = $1 AND id = $2 AND lease_holder = $3)",
        )
        .bind(lease.tenant.0 as i64)
        .bind(lease.run.0 as i64)
        .bind(lease.holder)
        .bind(i64::from(place))
        .bind(state.as_str())
        .bind(reason(problem))
        .bind(at.0)
        .bind(ended)
        .execute(write.db())
        .await
        .during("note a delivery")?;
        held(lease, done.rows_affected())?;
        write.commit().await
    }

    /// Runs that ended before `before`, the oldest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn old_runs(&self, tenant: TenantId, before: Timestamp) -> Result<Vec<Run>> {
        let sql = format!("{SELECT} WHERE tenant_id = $1 AND ended_at < $2 ORDER BY id LIMIT 100");
        let rows = sql::query(sqlx::AssertSqlSafe(sql))
            .bind(tenant.0 as i64)
            .bind(before.0)
            .fetch_all(self.reader())
            .await;
        rows.during("list old runs")?.iter().map(of).collect()
    }

    /// Forgets a run whose file is gone.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn forget_run(&self, tenant: TenantId, run: ReportRunId) -> Result<()> {
        let mut write = self.write("forget a run").await?;
        sql::query("DELETE FROM report_runs WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.0 as i64)
            .bind(run.0 as i64)
            .execute(write.db())
            .await
            .during("forget a run")?;
        write.commit().await
    }
}

fn held(lease: &Lease, rows: u64) -> Result<()> {
    match rows {
        0 => Err(Error::Refused(format!("run {} is held by another", lease.run))),
        _ => Ok(()),
    }
}
