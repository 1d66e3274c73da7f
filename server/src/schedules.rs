//! Scheduled reports: planned, made and delivered, in the process of the API.
//!
//! ```text
//!  note_due ─► claim ─► data complete? ─► render ─► write, sync, rename ─► note_run_made
//!                                                                             │ each target
//!                     end_run ◄─ note_delivery ◄─ send ◄─ note_sending ◄──────┘
//! ```
//!
//! A process that dies anywhere in between leaves a row whose lease ends, at the latest when the next
//! one begins; that goes on from what the row says. A file is made again under the same name. A
//! delivery that was being sent is sent again where that leaves the receiver with one (a place of its
//! own, or a key that the receiver knows); a mail is not, and is told as uncertain. **Nobody has a
//! report twice.**
//!
//! The period of a run comes from its due time. It is complete when everything that began in it is in
//! the warehouse ([`watermark`]); until then the run waits.

pub mod directory;
pub mod files;
pub mod mail;
pub mod outcome;
pub mod pack;
#[cfg(test)]
mod tests;
pub mod watermark;
pub mod webhook;

use crate::api::links::WorkLink;
use crate::config::{self, Config};
use crate::tier::Tier;
use crate::work::given;
use crate::work::jobs::{Done, Job, JobScope, Problem, ReportJob};
use crate::work::printing::Printed;
use desk::Store;
use desk::schedule::pack::Part;
use desk::schedule::run::{Delivery, DeliveryState, Lease, Run, RunFile, RunState};
use desk::schedule::target::Target;
use desk::schedule::{Planned, ScheduleDraft};
use desk::team::Sight;
use files::Files;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use mail::Mailer;
use outcome::{ATTEMPTS_MAX, Outcome, pause};
use reports::catalogue::COST_PER_CONTACT;
use reports::{Mark, Orientation, Paper, Refused, Size};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use terms::{TenantId, Timestamp};
use watermark::Watermark;
use webhook::{Post, Webhooks};

/// Pause after a start: calls come first.
const AFTER_START: Duration = Duration::from_secs(10);
/// How often is looked for what is due.
const EVERY: Duration = Duration::from_secs(5);
/// How often is looked whether the data of a period are complete.
const DATA_EVERY: Duration = Duration::from_secs(60);
/// A run whose data are not complete so long after it was due has failed.
const DATA_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Deliveries of one run that are under way at the same time.
const BESIDE_MAX: usize = 4;
/// Runs of one tenant that are worked on before the next tenant's turn.
const TURN_MAX: usize = 4;

/// How often a run that is being made says how far its file is; a test does not wait so long.
const PROGRESS_EVERY: Duration = Duration::from_millis(if cfg!(test) { 10 } else { 2_000 });

/// Plans, makes and delivers.
pub struct Schedules {
    store: Store,
    work: Arc<dyn WorkLink>,
    watermark: Arc<dyn Watermark>,
    tier: Option<Arc<Tier>>,
    files: Files,
    directories: Vec<PathBuf>,
    webhooks: Webhooks,
    mailer: Option<Mailer>,
    /// Where people and programs reach this box.
    link: String,
    keep: Duration,
    /// This process among those that may hold a lease.
    holder: i64,
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] desk::Error),
    /// A point of fault.
    #[error("stopped at {0}")]
    Stopped(String),
}

impl Schedules {
    /// With what the configuration names.
    ///
    /// # Errors
    /// [`config::Error::Refused`] for a mail server that cannot be used.
    pub fn open(
        config: &Config,
        store: Store,
        work: Arc<dyn WorkLink>,
        watermark: Arc<dyn Watermark>,
        tier: Option<Arc<Tier>>,
    ) -> Result<Schedules, config::Error> {
        let mut holder = [0; 8];
        getrandom::fill(&mut holder).expect("the kernel has random bytes");
        Ok(Schedules {
            store,
            work,
            watermark,
            tier,
            files: Files::new(config.report_runs_dir()),
            directories: config.schedules.directories.clone(),
            webhooks: Webhooks::new(config.schedules.webhook_allowed.clone()),
            mailer: Mailer::open(config)?,
            link: config.schedules.link.clone(),
            keep: config.schedules.keep.0,
            holder: i64::from_ne_bytes(holder),
        })
    }

    /// Rounds until the process ends.
    pub async fn keep_on(&self, wall: impl Fn() -> Timestamp) {
        tokio::time::sleep(AFTER_START).await;
        while let Err(error) = self.begin().await {
            tracing::error!(%error, "scheduled reports wait");
            tokio::time::sleep(EVERY).await;
        }
        loop {
            if let Err(error) = self.round(&wall).await {
                tracing::error!(%error, "scheduled reports wait");
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Takes over what the process before left: the lock on the data folder says that it has ended.
    ///
    /// # Errors
    /// The store's.
    pub async fn begin(&self) -> Result<(), Error> {
        for tenant in self.store.tenants().await? {
            self.store.end_leases(tenant.id).await?;
        }
        Ok(())
    }

    /// Plans what is due, works on what waits, and forgets what is old.
    ///
    /// # Errors
    /// See [`Error`]; what was done stays done.
    pub async fn round(&self, wall: impl Fn() -> Timestamp) -> Result<(), Error> {
        for tenant in self.store.tenants().await? {
            match self.round_of(tenant.id, &wall).await {
                // What one tenant has stored does not hold up the others.
                Err(Error::Store(error)) => {
                    tracing::error!(tenant = %tenant.id, %error, "scheduled reports wait");
                }
                result => result?,
            }
        }
        Ok(())
    }

    async fn round_of(&self, tenant: TenantId, wall: impl Fn() -> Timestamp) -> Result<(), Error> {
        self.plan(tenant, wall()).await?;
        for _ in 0..TURN_MAX {
            let claimed = self.store.claim_run(tenant, self.holder, wall()).await?;
            let Some(lease) = claimed else { break };
            self.work_on(&lease, &wall).await?;
        }
        self.forget(tenant, wall()).await
    }

    async fn plan(&self, tenant: TenantId, now: Timestamp) -> Result<(), Error> {
        for mut planned in self.store.schedules_to_plan(tenant).await? {
            let dues = planned.planner.handle_time(now);
            if !dues.is_empty() {
                let through = planned.planner.through();
                self.store.note_due(tenant, &planned, &dues, through).await?;
                told(tenant, &planned, dues.len());
            }
        }
        Ok(())
    }

    async fn work_on(&self, lease: &Lease, wall: impl Fn() -> Timestamp) -> Result<(), Error> {
        step("schedule.claimed").await?;
        let mut run = self.store.report_run(lease.tenant, lease.run).await?;
        if run.state == RunState::Waiting {
            match self.make(lease, &run, wall()).await? {
                Some((file, more)) => (run.file, run.more_files) = (Some(file), more),
                None => return Ok(()),
            }
        }
        self.deliver_all(lease, &run, &wall).await?;
        let run = self.store.report_run(lease.tenant, lease.run).await?;
        let waiting = run.deliveries.iter().filter(|one| !one.is_over());
        match waiting.map(|one| one.next_at).min() {
            Some(next_at) => self.store.postpone_run(lease, next_at, "", false).await?,
            None => {
                step("schedule.end").await?;
                let all = run.deliveries.iter().all(|one| one.state == DeliveryState::Delivered);
                let state = if all { RunState::Done } else { RunState::Partly };
                self.store.end_run(lease, state, "", wall()).await?;
            }
        }
        Ok(())
    }

    /// Makes the files of a run, or lets it wait, or ends it.
    async fn make(
        &self,
        lease: &Lease,
        run: &Run,
        now: Timestamp,
    ) -> Result<Option<(RunFile, Vec<RunFile>)>, Error> {
        if let Err(why) = self.is_complete(lease.tenant, run, now).await {
            let waited = now.millis_since(run.due_at);
            let too_long = u128::try_from(waited).is_ok_and(|ms| ms > DATA_MAX.as_millis());
            match too_long {
                true => self.store.end_run(lease, RunState::Failed, &why, now).await?,
                false => self.store.postpone_run(lease, now + DATA_EVERY, &why, false).await?,
            }
            return Ok(None);
        }
        let mut made = Vec::new();
        for (place, part) in pack::parts(run).into_iter().enumerate() {
            let name = Files::name(run, place, &part);
            match self.make_part(lease, run, part, name, now).await? {
                Ok(file) => made.push(file),
                Err((why, ours)) => {
                    self.discard(lease.tenant, &made).await;
                    self.again(lease, run, now, &why, ours).await?;
                    return Ok(None);
                }
            }
        }
        step("schedule.made").await?;
        let file = made.remove(0);
        self.store.note_run_made(lease, &file, &made).await?;
        step("schedule.noted").await?;
        Ok(Some((file, made)))
    }

    /// Takes away what was made of a run that is not made whole: no row names it yet.
    async fn discard(&self, tenant: TenantId, made: &[RunFile]) {
        for file in made {
            if let Err(error) = self.files.remove(tenant, &file.name).await {
                tracing::error!(%tenant, file = %file.name, %error, "a report stays that no run has");
            }
        }
    }

    /// Makes one file of a run; else says why not, and whether it may go better the next time.
    async fn make_part(
        &self,
        lease: &Lease,
        run: &Run,
        part: Part,
        name: String,
        now: Timestamp,
    ) -> Result<Result<RunFile, (String, bool)>, Error> {
        let tenant = lease.tenant;
        if self.is_ownerless(tenant, run).await? {
            let why =
                "the owner of this schedule may not sign in any more; save it as somebody else";
            return Ok(Err((why.to_owned(), false)));
        }
        // As over the API: half of a cost would be taken for the whole.
        if part.report == COST_PER_CONTACT.id && self.sight(tenant, run).await?.agents.is_some() {
            let why = "the owner of this schedule does not see all calls that a cost is made of";
            return Ok(Err((why.to_owned(), false)));
        }
        let job = match self.job(tenant, run, part, now).await? {
            Ok(job) => job,
            Err(refused) => return Ok(Err((refused.to_string(), false))),
        };
        let done = match self.done(lease, job).await? {
            Ok(done) => done,
            Err(problem) => {
                let ours = problem.status >= 500 || problem.status == 408;
                return Ok(Err((problem.to_string(), ours)));
            }
        };
        let (bytes, content_type) = (done.body.len() as u64, done.content_type);
        let written = self.files.write(tenant, &name, done.body).await;
        step("schedule.write").await?;
        let kept = match written {
            Ok(()) => self.files.keep(tenant, &name).await,
            Err(error) => Err(error),
        };
        step("schedule.rename").await?;
        Ok(match kept {
            Ok(()) => Ok(RunFile { name, bytes, content_type }),
            Err(error) => Err((format!("write {name}: {error}"), true)),
        })
    }

    /// What the worker makes; the run says meanwhile how far that is.
    async fn done(&self, lease: &Lease, job: Job) -> Result<Result<Done, Problem>, Error> {
        let mut making = self.work.run(job);
        loop {
            match tokio::time::timeout(PROGRESS_EVERY, &mut making).await {
                Ok(done) => return Ok(done),
                Err(_) => self.tell_progress(lease).await?,
            }
        }
    }

    /// Has the run say how many rows are in its file. A worker that does not say it is left alone, and a
    /// store that cannot note it does not take from the worker what is nearly made.
    async fn tell_progress(&self, lease: &Lease) -> Result<(), Error> {
        let asked = self.work.run(Job::Printed { key: lease.run.0 });
        let answered = tokio::time::timeout(PROGRESS_EVERY, asked).await;
        let Ok(Ok(Done { body, .. })) = answered else { return Ok(()) };
        let Ok(Some(Printed { rows, of })) = serde_json::from_slice(&body) else { return Ok(()) };
        let told = format!("{rows} of {of} rows are in its file");
        match self.store.note_run_progress(lease, &told).await {
            Err(error) if error.is_ours() => {
                tracing::warn!(tenant = %lease.tenant, %error, "how far a report is stays unsaid");
                Ok(())
            }
            noted => Ok(noted?),
        }
    }

    /// Whether everything that began in the periods of a run is in the warehouse; else why not.
    async fn is_complete(&self, tenant: TenantId, run: &Run, now: Timestamp) -> Result<(), String> {
        let settings = self.store.report_settings(tenant).await;
        let begins = settings.map_err(|error| error.to_string())?.day_begins_minute();
        for part in pack::parts(run) {
            let zone = pack::zone(run, &part);
            let period = reports::Period::parse_by(&part.period, zone, begins, run.due_at);
            let until = period.map_err(|error| error.to_string())?.to;
            self.watermark.reaches(tenant, until, now).await?;
        }
        Ok(())
    }

    /// Whether the owner of a run's schedule sees nothing any more.
    async fn is_ownerless(&self, tenant: TenantId, run: &Run) -> Result<bool, Error> {
        match run.work.owner {
            Some(owner) => Ok(self.store.user(tenant, owner).await?.disabled_at.is_some()),
            None => Ok(false),
        }
    }

    /// What the owner of a run's schedule sees now.
    async fn sight(&self, tenant: TenantId, run: &Run) -> Result<Sight, Error> {
        match run.work.owner {
            Some(owner) => Ok(self.store.sight_of(tenant, owner).await?),
            None => Ok(Sight::WHOLE),
        }
    }

    /// What the worker is to make of one report of a run; refused where it was asked with what the
    /// report does not look at any more.
    async fn job(
        &self,
        tenant: TenantId,
        run: &Run,
        part: Part,
        now: Timestamp,
    ) -> Result<Result<Job, Refused>, Error> {
        let tenant_name = self.store.tenant(tenant).await?.profile.name;
        let mark = self.mark(tenant, run, &tenant_name, now).await?;
        let named = crate::first::names(&self.store, tenant).await?;
        let sight = self.sight(tenant, run).await?;
        // One that is gone is told by the worker, as a report that is not there.
        let own = crate::work::own_report::find(&self.store, tenant, &part.report).await?;
        let given = part.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let read = match given::read(&part.report, own.as_ref(), given) {
            Ok(given) => given::placed(&self.store, tenant, given).await?,
            refused => refused,
        };
        let given = match read {
            Ok(given) => given,
            Err(refused) => return Ok(Err(refused)),
        };
        let paper = paper(&part);
        let scope = JobScope::seen(tenant, sight, false, run.work.time_zone.clone());
        Ok(Ok(Job::Report(Box::new(ReportJob {
            format: part.format,
            language: part.language,
            tenant_name,
            given,
            own,
            mark,
            paper,
            key: Some(run.id.0),
            ..ReportJob::of(named, scope, (part.report, part.period), now)
        }))))
    }

    /// What the file of a run says, where the tenant wants it: of which schedule it is, and when it was
    /// made.
    async fn mark(
        &self,
        tenant: TenantId,
        run: &Run,
        tenant_name: &str,
        now: Timestamp,
    ) -> Result<Option<Mark>, Error> {
        if !self.store.watermark(tenant).await?.delivered {
            return Ok(None);
        }
        // A zone that is none is told by the worker.
        Ok(Mark::new(&run.work.name, tenant_name, now, &run.work.time_zone).ok())
    }

    /// An attempt to make a run failed; `ours` may go better the next time.
    async fn again(
        &self,
        lease: &Lease,
        run: &Run,
        now: Timestamp,
        why: &str,
        ours: bool,
    ) -> Result<(), Error> {
        let attempts = run.attempts + 1;
        if ours && attempts < ATTEMPTS_MAX {
            self.store.postpone_run(lease, now + pause(attempts), why, true).await?;
        } else {
            self.store.end_run(lease, RunState::Failed, why, now).await?;
        }
        Ok(())
    }

    /// Attempts what is due of a run's deliveries beside one another: a receiver that is slow holds up
    /// none but those beyond [`BESIDE_MAX`]. One that fails ends no other; the first failure is told.
    async fn deliver_all(
        &self,
        lease: &Lease,
        run: &Run,
        wall: &impl Fn() -> Timestamp,
    ) -> Result<(), Error> {
        let mut waiting = run.deliveries.iter();
        let mut under_way = FuturesUnordered::new();
        let mut result = Ok(());
        loop {
            while under_way.len() < BESIDE_MAX
                && let Some(delivery) = waiting.next()
            {
                under_way.push(self.deliver(lease, run, delivery, wall));
            }
            match under_way.next().await {
                Some(ended) => result = result.and(ended),
                None => return result,
            }
        }
    }

    async fn deliver(
        &self,
        lease: &Lease,
        run: &Run,
        delivery: &Delivery,
        wall: impl Fn() -> Timestamp,
    ) -> Result<(), Error> {
        let place = delivery.place;
        if delivery.is_over() || delivery.next_at > wall() {
            return Ok(());
        }
        // It was being sent when the process ended: the receiver may have it.
        if delivery.state == DeliveryState::Sending && !delivery.target.may_repeat() {
            let why = "the process ended while it was being sent";
            let state = DeliveryState::Uncertain;
            self.store.note_delivery(lease, place, state, why, wall()).await?;
            return Ok(());
        }
        self.store.note_sending(lease, place, wall()).await?;
        step("schedule.sending").await?;
        let outcome = self.send(lease.tenant, run, delivery, wall()).await?;
        step("schedule.sent").await?;
        let attempts = delivery.attempts + 1;
        let now = wall();
        let (state, why, at) = match outcome {
            Outcome::Delivered => (DeliveryState::Delivered, String::new(), now),
            Outcome::Again(why) if attempts < ATTEMPTS_MAX => {
                (DeliveryState::Waiting, why, now + pause(attempts))
            }
            Outcome::Again(why) | Outcome::Failed(why) => (DeliveryState::Failed, why, now),
            Outcome::Uncertain(why) => (DeliveryState::Uncertain, why, now),
        };
        if state != DeliveryState::Delivered {
            let (run, kind, state) = (run.id, delivery.target.kind(), state.as_str());
            tracing::warn!(tenant = %lease.tenant, %run, kind, state, why, "a report is not delivered");
        }
        self.store.note_delivery(lease, place, state, &why, at).await?;
        step("schedule.delivered").await
    }

    /// One attempt at one delivery.
    async fn send(
        &self,
        tenant: TenantId,
        run: &Run,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<Outcome, Error> {
        let Some(file) = &run.file else {
            return Ok(Outcome::Failed("the run has no file".to_owned()));
        };
        Ok(match &delivery.target {
            Target::Directory { root, path } => {
                self.to_folder(tenant, run, (root.as_str(), path.as_str()), delivery.place).await?
            }
            Target::S3 {} => self.to_store(tenant, run).await?,
            Target::Webhook { url } => {
                match self.store.webhook_secret(tenant, run.schedule).await? {
                    None => Outcome::Failed("the schedule has no secret any more".to_owned()),
                    Some(secret) => {
                        let (secret, key) = (secret.expose(), delivery.key.as_str());
                        let post = Post { url, secret, key, file, now };
                        self.to_webhook(tenant, run, file, post).await
                    }
                }
            }
            Target::Mail { to } => match &self.mailer {
                None => Outcome::Failed("there is no mail server (schedules.smtp_host)".to_owned()),
                Some(mailer) if mailer.is_linked(pack::bytes(run)) => {
                    mailer.send(run, to, &delivery.key, None).await
                }
                Some(mailer) => match self.read_all(tenant, run).await {
                    Ok(read) => mailer.send(run, to, &delivery.key, Some(read)).await,
                    Err(outcome) => outcome,
                },
            },
        })
    }

    /// Takes away what is older than is kept: the file first, so that no file is without its row.
    async fn forget(&self, tenant: TenantId, now: Timestamp) -> Result<(), Error> {
        let keep = i64::try_from(self.keep.as_micros()).unwrap_or(i64::MAX);
        let before = Timestamp(now.0.saturating_sub(keep));
        for run in self.store.old_runs(tenant, before).await? {
            match self.remove_files(tenant, &run).await {
                Ok(()) => self.store.forget_run(tenant, run.id).await?,
                Err(error) => {
                    tracing::error!(%tenant, run = %run.id, %error, "an old report stays");
                }
            }
        }
        Ok(())
    }

    async fn remove_files(&self, tenant: TenantId, run: &Run) -> std::io::Result<()> {
        for file in pack::files(run) {
            self.files.remove(tenant, &file.name).await?;
        }
        Ok(())
    }

    /// Reads the file of a run.
    ///
    /// # Errors
    /// The disk's.
    pub async fn read(&self, tenant: TenantId, file: &RunFile) -> std::io::Result<Vec<u8>> {
        self.files.read(tenant, file).await
    }

    /// Whether this box has a mail server.
    pub fn has_mail_server(&self) -> bool {
        self.mailer.is_some()
    }

    /// Refuses targets that this box has not.
    ///
    /// # Errors
    /// What is missing, for the person.
    pub fn check(&self, draft: &ScheduleDraft) -> Result<(), String> {
        for target in &draft.targets {
            match target {
                Target::Directory { root, .. } => {
                    if !self.directories.iter().any(|folder| folder.as_os_str() == root.as_str()) {
                        return Err("root has to be a folder of schedules.directories".to_owned());
                    }
                }
                Target::S3 {} if self.tier.is_none() => {
                    return Err("this box has no object store (tier.bucket)".to_owned());
                }
                Target::Mail { .. } if self.mailer.is_none() => {
                    return Err("this box has no mail server (schedules.smtp_host)".to_owned());
                }
                Target::S3 {} | Target::Mail { .. } | Target::Webhook { .. } => {}
            }
        }
        Ok(())
    }
}

/// What a report was saved with; it was checked then.
fn paper(part: &Part) -> Paper {
    let size = part.paper.as_ref().and_then(|said| said.parse::<Size>().ok());
    let orientation = part.orientation.as_ref().and_then(|said| said.parse::<Orientation>().ok());
    Paper { size: size.unwrap_or_default(), orientation: orientation.unwrap_or_default() }
}

fn told(tenant: TenantId, planned: &Planned, runs: usize) {
    tracing::info!(%tenant, schedule = %planned.schedule.id, runs, "reports are due");
}

async fn step(name: &str) -> Result<(), Error> {
    crate::tier::point(name).await.map_err(|error| Error::Stopped(error.to_string()))
}
