//! What the worker does, one variant a kind of job, and how a job fails.

use super::draw::{self, Draw};
use super::encode::{Form, Rates};
use super::flow::FlowJob;
use super::found::FoundJob;
use super::moving::{self, Claims, Freed, Sent, done};
use super::opened::OpenJob;
use super::own_report::{CheckJob, OwnReport, SHELF_BYTES_MAX};
use super::printing::{Heard, Printing};
use super::watch::Watch;
use super::wire::WireJob;
use crate::config::Config;
use crate::first::Named;
use crate::tier::Tier;
use desk::report_setting::ReportSettings;
use desk::team::Sight;
use mediacore::edge::keys::Keys;
use reports::own::Shelf;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use terms::{AgentId, AreaId, FlowId, QueueId, TeamId, TenantId, Timestamp, TrunkId, WorkerId};
use tokio::sync::Semaphore;
use warehouse::recordings::Stored;
use warehouse::{Limits, Scope, Session, Warehouse};

/// Whose rows a job reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobScope {
    /// The tenant.
    pub tenant: TenantId,
    /// Only rows of these queues; `None` is no limit.
    pub queues: Option<Vec<QueueId>>,
    /// Only rows of these agents; `None` is no limit.
    pub agents: Option<Vec<AgentId>>,
    /// Show telephone numbers with their middle hidden.
    pub mask_numbers: bool,
    /// Show who did what.
    pub audit: bool,
    /// IANA zone of dates.
    pub time_zone: String,
}

impl JobScope {
    /// The rows of a tenant that somebody sees.
    pub fn seen(tenant: TenantId, sight: Sight, audit: bool, time_zone: String) -> Self {
        let Sight { agents, queues, mask_numbers } = sight;
        JobScope { tenant, queues, agents, mask_numbers, audit, time_zone }
    }
}

impl From<JobScope> for Scope {
    fn from(scope: JobScope) -> Scope {
        Scope {
            tenant: scope.tenant,
            queues: scope.queues,
            agents: scope.agents,
            mask_numbers: scope.mask_numbers,
            audit: scope.audit,
            time_zone: scope.time_zone,
            only: Vec::new(),
        }
    }
}

/// Form of a SQL answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SqlFormat {
    /// A list of objects, one a row.
    Json,
    /// RFC 4180 with a header line.
    Csv,
    /// Arrow IPC stream.
    Arrow,
}

/// A report to render.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportJob {
    /// Whose rows.
    pub scope: JobScope,
    /// Which report of the catalogue, or the name of `own`.
    pub report: String,
    /// `today`, `2026-11`, `2026-11-01..2026-11-15` and so on.
    pub period: String,
    /// `pdf`, `xlsx`, `html`, `txt`, `png`, `csv` or `json`.
    pub format: String,
    /// `zh-CN` or `en`.
    pub language: String,
    /// The tenant's name on the page.
    pub tenant_name: String,
    /// The moment that overdue and provisional are judged at.
    pub now: Timestamp,
    /// Agents as (id, number, name).
    pub agents: Vec<(AgentId, String, String)>,
    /// Queues as (id, name).
    pub queues: Vec<(QueueId, String)>,
    /// Trunks as (id, name).
    pub trunks: Vec<(TrunkId, String)>,
    /// Flows as (id, name).
    pub flows: Vec<(FlowId, String)>,
    /// Teams as (id, name).
    pub teams: Vec<(TeamId, String)>,
    /// Areas as (id, name).
    pub areas: Vec<(AreaId, String)>,
    /// Field workers as (id, name).
    pub workers: Vec<(WorkerId, String)>,
    /// What it is asked with besides.
    pub given: reports::Given,
    /// What holds for what was not given.
    pub settings: ReportSettings,
    /// What agents and trunks cost, where that is set.
    pub rates: Option<desk::rates::Rates>,
    /// The most lines that all trunks together have.
    pub lines_max: u64,
    /// The definition, of a report that the tenant defined.
    pub own: Option<OwnReport>,
    /// Who fetches it, where it is to say so.
    pub mark: Option<reports::Mark>,
    /// What its pages are set on.
    #[serde(default)]
    pub paper: reports::Paper,
    /// By what it is asked meanwhile how far it is ([`Job::Printed`]), where somebody will.
    #[serde(default)]
    pub key: Option<u64>,
}

impl ReportJob {
    /// A report on a period in `scope`, by what its tenant has and how that is called. Its form, its
    /// language and what it is asked with besides are still to be said.
    pub fn of(
        named: Named,
        scope: JobScope,
        (report, period): (String, String),
        now: Timestamp,
    ) -> Self {
        let Named {
            agents,
            queues,
            trunks,
            flows,
            teams,
            areas,
            workers,
            rates,
            lines_max,
            settings,
        } = named;
        ReportJob {
            scope,
            report,
            period,
            format: String::new(),
            language: String::new(),
            tenant_name: String::new(),
            now,
            agents,
            queues,
            trunks,
            flows,
            teams,
            areas,
            workers,
            given: reports::Given::default(),
            settings,
            rates,
            lines_max,
            own: None,
            mark: None,
            paper: reports::Paper::default(),
            key: None,
        }
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Job {
    /// Answer a question in SQL.
    Sql {
        /// Whose rows.
        scope: JobScope,
        /// The question.
        sql: String,
        /// Form of the answer.
        format: SqlFormat,
        /// Most rows; the configuration's limit holds as well.
        rows_max: Option<u32>,
    },
    /// Answer a client of PostgreSQL.
    Wire(Box<WireJob>),
    /// Answer a client of Flight SQL, piece by piece.
    Flow(Box<FlowJob>),
    /// Render a report.
    Report(Box<ReportJob>),
    /// Say how far the form of a report is. Answered by
    /// [`Printed`](super::printing::Printed), or null.
    Printed {
        /// The key of its job.
        key: u64,
    },
    /// List what is behind a row of a report.
    OpenRow(Box<OpenJob>),
    /// Print a list of what was found.
    Found(Box<FoundJob>),
    /// Check the definition of a report.
    CheckReport(Box<CheckJob>),
    /// Encode a WAV into another form beside it.
    Encode {
        /// `<tenant>/<day>/<recording>.wav`, relative to the recordings folder.
        wav: String,
        /// Which form.
        form: Form,
        /// The WAV was fetched back from the second tier; its folder is that of the cache.
        cached: bool,
    },
    /// Remove every rendering of deleted recordings.
    Remove {
        /// `<tenant>/<day>/<recording>.wav`, relative to the recordings folder.
        wavs: Vec<String>,
        /// Those of them that may lie in the second tier.
        moved: BTreeSet<String>,
    },
    /// Remove deleted faxes.
    RemoveFaxes {
        /// `<tenant>/<fax>.tif`, relative to the folder of faxes.
        files: Vec<String>,
    },
    /// Draw a PDF that is to be faxed. Answered by a TIFF.
    DrawFax {
        /// `<tenant>/documents/<name>`, relative to the folder of faxes.
        pdf: String,
    },
    /// Send every rendering of a recording to the second tier and read it back.
    Send {
        /// `<tenant>/<day>/<recording>.wav`, relative to the recordings folder.
        wav: String,
        /// What its row says of the WAV.
        bytes: u64,
        /// The same.
        sha256: Option<String>,
    },
    /// Remove the local files of a recording that lies in the second tier.
    Free {
        /// `<tenant>/<day>/<recording>.wav`, relative to the recordings folder.
        wav: String,
        /// What lies there.
        stored: Vec<Stored>,
    },
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// Media type of the bytes.
    pub content_type: String,
    /// Rows were cut at a limit.
    pub truncated: bool,
    /// The answer.
    pub body: Vec<u8>,
}

/// Why a job failed, for the person and for the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}{}{detail}", if detail.is_empty() { "" } else { " " })]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// A word that programs can compare.
    pub kind: String,
    /// For the person.
    pub message: String,
    /// For the log.
    pub detail: String,
}

impl Problem {
    /// A problem of this status.
    pub fn new(
        status: u16,
        kind: &str,
        message: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Problem { status, kind: kind.into(), message: message.into(), detail: detail.into() }
    }

    /// The worker is not there.
    pub fn unavailable(detail: &str) -> Self {
        Problem::new(503, "unavailable", "This cannot be answered right now; try again.", detail)
    }

    /// The worker took the job and did not end with it in time; an encoding goes on.
    pub fn late() -> Self {
        let message = "This took too long and was stopped; ask for less.";
        Problem::new(503, "late", message, "the worker took too long")
    }

    /// The worker took the job and closed without an answer: a question that takes too much memory, or
    /// cannot be stopped, ends it; and beyond its places it takes none.
    pub fn ended(detail: &str) -> Self {
        Problem::new(503, "ended", "The worker ended or is full; ask for less.", detail)
    }

    /// The answer is too long to hand over.
    pub fn too_large(bytes: u64) -> Self {
        let message = "The answer is too large; ask for fewer rows or a shorter period.";
        Problem::new(413, "too_large", message, format!("{bytes} bytes"))
    }
}

/// Where jobs are done.
pub struct Bench {
    pub(super) warehouse: Warehouse,
    pub(super) data: PathBuf,
    recordings: PathBuf,
    faxes: PathBuf,
    pub(super) limits: Limits,
    pub(super) report_rows_max: usize,
    pub(super) watch: Arc<Watch>,
    pub(super) shelf: Shelf,
    pub(super) printing: Printing,
    pub(super) heard: Option<Heard>,
    keys: PathBuf,
    rates: Rates,
    turns: Arc<Semaphore>,
    encode_turn: Arc<Semaphore>,
    remove_turn: Semaphore,
    move_turn: Semaphore,
    draw_turn: Semaphore,
    draw: Draw,
    tier: Option<Arc<Tier>>,
    claims: Claims,
}

impl Bench {
    /// Opens the warehouse for reading.
    ///
    /// # Errors
    /// When the warehouse cannot be opened.
    pub async fn open(config: Config) -> Result<Self, anyhow::Error> {
        for problem in reports::load_fonts(&config.fonts_dir()).problems {
            tracing::warn!(%problem, "a font is left out");
        }
        Ok(Bench {
            warehouse: crate::first::read_warehouse(&config).await?,
            data: config.server.data.clone(),
            recordings: config.recordings_dir(),
            faxes: crate::fax::folder(&config),
            limits: Limits {
                rows_max: config.sql.rows_max as usize,
                time_max: config.sql.time_max.0,
                memory_max: config.sql.memory_max.0 as usize,
            },
            report_rows_max: config.sql.report_rows_max as usize,
            watch: Watch::new(config.sql.time_max.0),
            shelf: Shelf::new(SHELF_BYTES_MAX),
            printing: Printing::default(),
            heard: None,
            keys: config.recording_keys(),
            rates: Rates::of(&config),
            turns: Arc::new(Semaphore::new(config.sql.jobs_max as usize)),
            encode_turn: Arc::new(Semaphore::new(1)),
            remove_turn: Semaphore::new(1),
            move_turn: Semaphore::new(1),
            draw_turn: Semaphore::new(1),
            draw: draw::by_process(&config),
            tier: None,
            claims: Claims::default(),
        })
    }

    /// Watches over its questions on a thread of its own, and ends the process over one that cannot be
    /// stopped.
    pub fn watch(&self) {
        let watch = self.watch.clone();
        std::thread::spawn(move || watch.keep_on());
    }

    /// The same with a second tier.
    #[must_use]
    pub fn with_tier(self, tier: Option<Arc<Tier>>) -> Self {
        Bench { tier, ..self }
    }

    /// The same with somebody who hears how far its reports are.
    #[must_use]
    pub fn heard_by(self, heard: Heard) -> Self {
        Bench { heard: Some(heard), ..self }
    }

    /// The same with another hand that draws what is to be faxed.
    #[must_use]
    pub fn drawing(self, draw: Draw) -> Self {
        Bench { draw, ..self }
    }

    /// Does one job when its turn comes. One that is answered in pieces is not done here.
    ///
    /// # Errors
    /// The job's problem.
    pub async fn run(&self, job: Job) -> Result<Done, Problem> {
        match job {
            Job::Sql { scope, sql, format, rows_max } => {
                let _turn = self.turn().await?;
                let _watched = self.watch.begin(Instant::now());
                self.sql(scope, &sql, format, rows_max).await
            }
            Job::Wire(job) => {
                let _turn = self.turn().await?;
                let _watched = self.watch.begin(Instant::now());
                self.wire(*job).await
            }
            Job::Flow(_) => {
                let message = "This question is answered in pieces.";
                Err(Problem::new(400, "flow", message, "asked for at once"))
            }
            Job::Report(job) => {
                let _turn = self.turn().await?;
                self.report(*job).await
            }
            Job::Printed { key } => Ok(done(&self.printing.at(key))),
            Job::OpenRow(job) => {
                let _turn = self.turn().await?;
                self.open_row(*job).await
            }
            Job::Found(job) => {
                let _turn = self.turn().await?;
                self.found(*job).await
            }
            Job::CheckReport(job) => {
                let _turn = self.turn().await?;
                let _watched = self.watch.begin(Instant::now());
                self.check_own(*job).await
            }
            Job::Encode { wav, form, cached } => {
                let turn = self.encode_turn.clone().acquire_owned().await;
                let turn = turn.expect("the semaphore is never closed");
                // Only sealed recordings need them; without them those are refused.
                let keys = Keys::read(&self.keys).ok();
                let folder: &Path = match cached {
                    true => self.tier()?.cache().folder(),
                    false => &self.recordings,
                };
                super::encode::encode(folder, &wav, form, self.rates, keys, Some(turn)).await
            }
            Job::Remove { wavs, moved } => {
                let _turn =
                    self.remove_turn.acquire().await.expect("the semaphore is never closed");
                let (folder, tier) = (self.recordings.clone(), self.tier.as_deref());
                super::remove::run(folder, tier, &self.claims, wavs, &moved).await
            }
            Job::RemoveFaxes { files } => {
                let _turn =
                    self.remove_turn.acquire().await.expect("the semaphore is never closed");
                super::remove::run_faxes(self.faxes.clone(), files).await
            }
            Job::DrawFax { pdf } => {
                let _turn = self.draw_turn.acquire().await.expect("the semaphore is never closed");
                draw::run(&self.faxes, &pdf, &self.draw).await
            }
            Job::Send { wav, bytes, sha256 } => {
                let _turn = self.move_turn.acquire().await.expect("the semaphore is never closed");
                let Some(_claim) = self.claims.take(&wav) else { return Ok(done(&Sent::Busy)) };
                let row = (bytes, sha256.as_deref());
                moving::send(&self.recordings, self.tier()?, &wav, row).await
            }
            Job::Free { wav, stored } => {
                // While nothing is encoded, so that no form appears between the look and the end.
                let _turn =
                    self.encode_turn.acquire().await.expect("the semaphore is never closed");
                let Some(_claim) = self.claims.take(&wav) else { return Ok(done(&Freed::Busy)) };
                moving::free(&self.recordings, self.tier()?, &wav, &stored).await
            }
        }
    }

    fn tier(&self) -> Result<&Tier, Problem> {
        self.tier.as_deref().ok_or_else(|| Problem::unavailable("there is no second tier"))
    }

    /// Waits for a free place, but not longer than one question may take.
    pub(super) async fn turn(&self) -> Result<tokio::sync::OwnedSemaphorePermit, Problem> {
        let patience = self.limits.time_max.max(Duration::from_secs(1));
        match tokio::time::timeout(patience, self.turns.clone().acquire_owned()).await {
            Ok(permit) => Ok(permit.expect("the semaphore is never closed")),
            Err(_) => {
                let message = "Too many questions and reports are running; try again in a minute.";
                Err(Problem::new(503, "busy", message, "no free place"))
            }
        }
    }

    pub(super) async fn session(&self, scope: Scope, limits: Limits) -> Result<Session, Problem> {
        Session::open(&self.warehouse, scope, limits).await.map_err(|error| {
            Problem::new(503, "warehouse", "The warehouse cannot be read.", error.to_string())
        })
    }

    async fn sql(
        &self,
        scope: JobScope,
        sql: &str,
        format: SqlFormat,
        rows_max: Option<u32>,
    ) -> Result<Done, Problem> {
        let mut limits = self.limits;
        if let Some(rows) = rows_max {
            limits.rows_max = limits.rows_max.min(rows as usize);
        }
        let session = self.session(scope.into(), limits).await?;
        let answer = session.query(sql).await.map_err(sql_problem)?;
        // Whatever the form, an answer without the rows of a damaged file is not whole.
        let truncated = answer.truncated || !answer.left_out.is_empty();
        let (content_type, body) = match format {
            SqlFormat::Json if !answer.left_out.is_empty() => {
                let left_out = serde_json::json!(answer.left_out);
                let rows = answer.to_json();
                let body =
                    format!("{{\"rows\":{rows},\"truncated\":true,\"left_out\":{left_out}}}");
                ("application/json", body.into_bytes())
            }
            SqlFormat::Json => ("application/json", answer.to_json().into_bytes()),
            SqlFormat::Csv => ("text/csv; charset=utf-8", answer.to_csv().into_bytes()),
            SqlFormat::Arrow => ("application/vnd.apache.arrow.stream", answer.to_ipc()),
        };
        Ok(Done { content_type: content_type.into(), truncated, body })
    }
}

/// A fault of the question is the asker's (400), a limit is 408 or 413, the rest is ours.
pub(super) fn sql_problem(error: warehouse::SqlError) -> Problem {
    use warehouse::SqlFault;
    let status = match error.fault {
        SqlFault::TimedOut => 408,
        SqlFault::OutOfMemory => 413,
        SqlFault::Warehouse => 503,
        _ => 400,
    };
    let message = error.to_string();
    Problem::new(status, "sql", message, error.detail)
}

#[cfg(test)]
mod tests;
