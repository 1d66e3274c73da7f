//! Forgetting one person: their recordings and faxes are deleted, then what the business store and the
//! warehouse know of them goes. What is left are bytes: replaced files, which go in ten minutes, and
//! files of the event log, which go past their time (`warehouse.log_keep`); the erasure has ended when
//! neither names the person any more. Every step may be repeated: an attempt that stops half-way is made
//! again.

use super::{Deletion, Erased, Error};
use crate::api::child::{carry_outbox, carry_trail};
use crate::blocking::blocking;
use desk::Store;
use desk::erasure::{ErasureState, Open, Reached};
use desk::hold::HoldKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use terms::{ContactId, FaxId, Person, RecordingId, TenantId, Timestamp};
use warehouse::Warehouse;
use warehouse::erase::traces::log_files;

/// Pause between attempts: as long as replaced files are kept.
const EVERY: Duration = Duration::from_secs(600);
/// Longest time that a text is on its way, over one trunk after the other.
const TEXT_MAX: Duration = Duration::from_secs(300);

/// The holds in force that cover something of the person.
///
/// # Errors
/// When it cannot be told: then nothing may be erased.
pub async fn holds_on(
    store: &Store,
    warehouse: &Warehouse,
    tenant: TenantId,
    person: &Person,
) -> Result<Vec<i64>, Error> {
    let holds = store.holds_in_force(tenant).await?;
    if holds.is_empty() {
        return Ok(Vec::new());
    }
    let theirs = warehouse.theirs(tenant, person).await?;
    let covers = |kind: HoldKind, value: &str| match kind {
        HoldKind::Recording => {
            value.parse::<RecordingId>().is_ok_and(|id| theirs.recordings.contains(&id))
        }
        HoldKind::Fax => value.parse::<FaxId>().is_ok_and(|id| theirs.faxes.contains(&id)),
        HoldKind::Contact => {
            value.parse::<ContactId>().is_ok_and(|id| theirs.contacts.contains(&id))
        }
        HoldKind::Number => person.is_in(value),
    };
    Ok(holds.iter().filter(|hold| covers(hold.kind, &hold.value)).map(|hold| hold.id).collect())
}

/// `3, 4`.
pub fn listed(holds: &[i64]) -> String {
    holds.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}

/// What stands beside recordings and faxes that an erasure deleted.
fn detail(id: i64) -> String {
    format!("erasure {id}")
}

/// How many plans of a tenant in `folder` name the person. A switch that is away reads its plan when it
/// starts, is told the next one at once, and keeps that in its place.
async fn kept_plans(folder: PathBuf, tenant: TenantId, person: Person) -> Result<usize, Error> {
    let names = move |name: String| match std::fs::read(folder.join(name)) {
        Ok(bytes) => Ok(usize::from(person.is_in_bytes(&bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    };
    let both = move || Ok(names(format!("{tenant}.json"))? + names(format!("{tenant}.part"))?);
    blocking(both).await.map_err(Error::Plans)
}

/// What calls that are away have left of callers goes as a whole where it names the person: the next
/// process would know them again. It is no more than a convenience.
///
/// # Errors
/// When a file cannot be read or removed.
pub async fn drop_callers(data: &Path, person: Person) -> Result<(), Error> {
    let files = ["callers.json", "callers.part"].map(|name| data.join(name));
    let unless_gone = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    };
    let drop_both = move || -> std::io::Result<()> {
        for file in &files {
            match std::fs::read(file) {
                Ok(bytes) if person.is_in_bytes(&bytes) => {
                    std::fs::remove_file(file).or_else(unless_gone)?;
                }
                Ok(_) => {}
                Err(error) => unless_gone(error)?,
            }
        }
        Ok(())
    };
    blocking(drop_both).await.map_err(Error::Callers)
}

impl Deletion {
    /// An erasure was asked for: it is begun at once.
    pub fn wake(&self) {
        self.wish.notify_one();
    }

    /// Attempts until the process ends.
    pub async fn keep_erasing(&self, data: &Path, wall: impl Fn() -> Timestamp) {
        loop {
            if let Err(error) = self.erase_persons(data, &wall).await {
                tracing::error!(%error, "erasures go on in ten minutes");
            }
            tokio::select! {
                () = self.wish.notified() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Attempts every erasure that is under way; `data` is the folder of the box.
    ///
    /// # Errors
    /// See [`Error`]; the others are attempted all the same, and this one the next time.
    pub async fn erase_persons(
        &self,
        data: &Path,
        wall: impl Fn() -> Timestamp,
    ) -> Result<(), Error> {
        let mut first: Result<(), Error> = Ok(());
        for tenant in self.store.tenants().await? {
            let open = match self.store.open_erasures(tenant.id).await {
                Ok(open) => open,
                // What keeps one tenant's wishes from being read keeps no other's.
                Err(error) => {
                    first = first.and(Err(error.into()));
                    continue;
                }
            };
            for open in open {
                let done = self.attempt(tenant.id, &open, data, &wall).await;
                first = first.and(done);
            }
        }
        first
    }

    async fn attempt(
        &self,
        tenant: TenantId,
        open: &Open,
        data: &Path,
        wall: &impl Fn() -> Timestamp,
    ) -> Result<(), Error> {
        let Some(person) = &open.person else {
            let problem = "whom it is about cannot be read any more: ask for it again";
            tracing::error!(%tenant, erasure = open.id, "the person of an erasure cannot be read");
            let state = ErasureState::Unreadable;
            return Ok(self.store.end_erasure(tenant, open.id, state, problem, wall()).await?);
        };
        match open.erased {
            None => {
                self.forget(tenant, open.id, person, wall).await?;
                drop_callers(data, person.clone()).await
            }
            Some(erased) => {
                drop_callers(data, person.clone()).await?;
                self.clear(tenant, open.id, person, (erased, data), wall).await
            }
        }
    }

    /// Takes out all that can be asked for.
    async fn forget(
        &self,
        tenant: TenantId,
        id: i64,
        person: &Person,
        wall: &impl Fn() -> Timestamp,
    ) -> Result<(), Error> {
        let now = wall();
        let Some(mut reached) = self.forget_files(tenant, id, person, now).await? else {
            let held = holds_on(&self.store, &self.warehouse, tenant, person).await?;
            return self.refuse(tenant, id, &held, now).await;
        };
        // A hold that was answered is respected: none is set from here on.
        let _gate = self.gate.lock().await;
        let held = holds_on(&self.store, &self.warehouse, tenant, person).await?;
        if !held.is_empty() {
            return self.refuse(tenant, id, &held, now).await;
        }
        let days_waiting = match self.forget_rows(tenant, person, &mut reached).await {
            Ok(days_waiting) => days_waiting,
            // What went before is gone, and not found by the next attempt.
            Err(error) => {
                let problem = "it did not come to its end, and is tried again in ten minutes";
                self.store.note_reached(tenant, id, reached, None, problem).await?;
                return Err(error);
            }
        };
        let (both, problem) = match days_waiting {
            // What somebody made meanwhile, such as a report, may still tell of them.
            0 => (Some((wall(), self.warehouse.clock())), String::new()),
            days => (None, format!("{days} days were rewritten a moment ago")),
        };
        self.store.note_reached(tenant, id, reached, both, &problem).await?;
        tracing::info!(%tenant, erasure = id, rows = reached.rows, "a person was erased");
        Ok(())
    }

    /// Takes the person out of the rows of both stores, counting in `reached`; how many days of the
    /// warehouse have to wait.
    async fn forget_rows(
        &self,
        tenant: TenantId,
        person: &Person,
        reached: &mut Reached,
    ) -> Result<u64, Error> {
        // What another reading took before the number was made unreadable is staged too late then.
        while carry_outbox(&self.store, &self.warehouse).await? > 0 {}
        while carry_trail(&self.store, &self.warehouse).await? > 0 {}
        reached.entries = self.store.forget_person(tenant, person).await?;
        self.store.write_anew().await?;
        let erased = self.warehouse.erase_person(tenant, person).await?;
        reached.rows = erased.rows;
        Ok(erased.days_waiting)
    }

    /// Deletes recordings and faxes; `None` where a hold keeps one.
    async fn forget_files(
        &self,
        tenant: TenantId,
        id: i64,
        person: &Person,
        now: Timestamp,
    ) -> Result<Option<Reached>, Error> {
        let mut reached = Reached::default();
        if !holds_on(&self.store, &self.warehouse, tenant, person).await?.is_empty() {
            return Ok(None);
        }
        let detail = detail(id);
        for recording in self.warehouse.recordings_of(tenant, person).await? {
            let found = self.warehouse.recording(tenant, recording).await?;
            let Some(found) = found.filter(|found| found.deleted.is_none()) else { continue };
            if self.erase(&found.recording, &detail, now).await? == Erased::Held {
                return Ok(None);
            }
            reached.recordings += 1;
        }
        for fax in self.warehouse.faxes_of(tenant, person).await? {
            if self.erase_fax(&fax, &detail, now).await? == Erased::Held {
                return Ok(None);
            }
            reached.faxes += 1;
        }
        Ok(Some(reached))
    }

    async fn refuse(
        &self,
        tenant: TenantId,
        id: i64,
        held: &[i64],
        now: Timestamp,
    ) -> Result<(), Error> {
        let problem = format!("legal holds: {}", listed(held));
        let ended = self.store.end_erasure(tenant, id, ErasureState::Held, &problem, now);
        Ok(ended.await?)
    }

    /// Ends the erasure when no file has bytes of the person any more.
    async fn clear(
        &self,
        tenant: TenantId,
        id: i64,
        person: &Person,
        ((at, until), data): ((Timestamp, Timestamp), &Path),
        wall: &impl Fn() -> Timestamp,
    ) -> Result<(), Error> {
        // A call that went on meanwhile has its rows now, and so has a text that was on its way.
        let wrote = self.store.texted_before(tenant, person, at + TEXT_MAX).await?;
        if wrote || self.warehouse.called_before(tenant, person, at).await? {
            return self.forget(tenant, id, person, wall).await;
        }
        let kept = self.warehouse.files_kept(until).await?;
        let logs = log_files(data.join("events"), tenant, person, at).await?;
        let plans = kept_plans(data.join("plans"), tenant, person.clone()).await?;
        // What could not be removed is tried again in each round of retention.
        let left = self.warehouse.deleted_left(tenant, &detail(id)).await?;
        let reports = self.reports_of(tenant, id, person, at).await?;
        let reached = Reached { report_files: reports.removed, ..Reached::default() };
        if kept + logs + plans > 0 || left > 0 || reports.under_way > 0 {
            let problem = format!(
                "there are still {kept} replaced files, {logs} of the event log, {left} of \
                 recordings and faxes, {plans} plans of calls, and {} of reports under way",
                reports.under_way
            );
            let both = Some((at, until));
            return Ok(self.store.note_reached(tenant, id, reached, both, &problem).await?);
        }
        self.store.note_reached(tenant, id, reached, Some((at, until)), "").await?;
        Ok(self.store.end_erasure(tenant, id, ErasureState::Done, "", wall()).await?)
    }
}
