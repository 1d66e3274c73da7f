//! Deleting received faxes, by the tenant's rule and one at a time. They go the way of recordings:
//! what is held is left out, the deletion is decided, then told to the audit table, then the worker
//! removes the file.
//!
//! Each round takes in the files that no row speaks of, which a kill between a fax and its entry in
//! the log leaves. Whose call such a one was nobody knows: it stays while anything of its tenant is
//! held that it may be of.

use super::{Deletion, Erased, Error, Swept};
use crate::blocking::blocking;
use crate::fax;
use crate::work::jobs::Job;
use crate::work::remove::BATCH_MAX;
use desk::By;
use desk::hold::Held;
use desk::retention::over_before;
use std::collections::BTreeSet;
use terms::{FaxId, TenantId, Timestamp};
use warehouse::faxes::{DoomedFax, Received};
use warehouse::recordings::Reason;

impl Deletion {
    /// Deletes the faxes of a tenant whose time is over.
    pub(super) async fn faxes_of(
        &self,
        tenant: TenantId,
        now: Timestamp,
        swept: &mut Swept,
    ) -> Result<(), Error> {
        let folder = self.faxes.clone();
        let list = move || fax::received(&folder, tenant);
        let there = blocking(list).await?;
        let adopted = self.warehouse.adopt_faxes(tenant, &there).await?;
        if adopted > 0 {
            tracing::info!(%tenant, adopted, "faxes that no entry of the log spoke of");
        }
        let days = self.store.retention(tenant).await?.days;
        let Some(until) = over_before(days, now) else { return Ok(()) };
        let mut after = (Timestamp(i64::MIN), FaxId(0));
        loop {
            let due = self.warehouse.faxes_due(tenant, until, after, BATCH_MAX as u32).await?;
            let Some(last) = due.last() else { return Ok(()) };
            after = (last.started_at, last.fax);
            let detail = format!("fax kept for {days} days");
            let why = (Reason::Retention, detail.as_str());
            let doomed = self.decide_faxes(tenant, &due, why, now, swept).await?;
            self.remove_faxes(&doomed, now, swept).await?;
        }
    }

    /// Decides on those that nothing holds.
    async fn decide_faxes(
        &self,
        tenant: TenantId,
        due: &[Received],
        why: (Reason, &str),
        now: Timestamp,
        swept: &mut Swept,
    ) -> Result<Vec<DoomedFax>, Error> {
        let _gate = self.gate.lock().await;
        let held = self.store.held(tenant).await?;
        let (keep, go): (Vec<&Received>, Vec<&Received>) =
            due.iter().partition(|found| is_held(&held, found));
        swept.held += keep.len() as u64;
        let ids: Vec<FaxId> = go.iter().map(|found| found.fax).collect();
        let doomed = self.warehouse.delete_faxes(tenant, &ids, why, now).await?;
        swept.deleted += doomed.len() as u64;
        Ok(doomed)
    }

    /// Deletes one fax because somebody asked for it, which the audit table knows already.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn erase_fax(
        &self,
        found: &Received,
        detail: &str,
        now: Timestamp,
    ) -> Result<Erased, Error> {
        let mut swept = Swept::default();
        let why = (Reason::Erasure, detail);
        let one = std::slice::from_ref(found);
        let doomed = self.decide_faxes(found.tenant, one, why, now, &mut swept).await?;
        if swept.held > 0 {
            return Ok(Erased::Held);
        }
        let removed = self.remove_faxes(&doomed, now, &mut swept).await;
        Ok(swept.erased(removed))
    }

    /// Removes what was decided earlier and is still there.
    pub(super) async fn finish_faxes(
        &self,
        now: Timestamp,
        swept: &mut Swept,
    ) -> Result<(), Error> {
        let mut tried = BTreeSet::new();
        loop {
            let mut left = self.warehouse.faxes_to_remove(BATCH_MAX as u32).await?;
            left.retain(|of| tried.insert(of.fax));
            // What fails stays at the head of the list until the next round.
            if left.is_empty() {
                return Ok(());
            }
            self.remove_faxes(&left, now, swept).await?;
        }
    }

    /// No file goes before the audit table knows of it.
    async fn remove_faxes(
        &self,
        doomed: &[DoomedFax],
        now: Timestamp,
        swept: &mut Swept,
    ) -> Result<(), Error> {
        if doomed.is_empty() {
            return Ok(());
        }
        let by = By::system("retention", now);
        let untold: Vec<&DoomedFax> = doomed.iter().filter(|of| !of.told).collect();
        for of in &untold {
            let subject = format!("{}: {}", of.fax, of.detail);
            self.store.note(of.tenant, &by, "fax.retention", &subject).await?;
        }
        let told: Vec<FaxId> = untold.iter().map(|of| of.fax).collect();
        self.warehouse.faxes_told(&told).await?;
        let files: Vec<String> = doomed.iter().map(DoomedFax::path).collect();
        let removed = self.ask(Job::RemoveFaxes { files: files.clone() }).await?;
        let all = doomed.iter().zip(&files).map(|(of, file)| (file.as_str(), of.fax));
        let gone = swept.count(&removed, all);
        self.warehouse.faxes_removed(&gone).await?;
        Ok(())
    }
}

/// Whether a hold keeps it.
fn is_held(held: &Held, found: &Received) -> bool {
    match &found.row {
        Some(row) => held.covers_fax(found.fax, row.contact_id, &row.caller),
        None => held.covers_unknown_fax(found.fax),
    }
}
