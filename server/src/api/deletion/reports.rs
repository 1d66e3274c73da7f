//! Files of scheduled reports that lie on this box when a person is forgotten: one that names them goes;
//! one that cannot be looked into or read, and was due before they were forgotten, is named in the result. What
//! was delivered elsewhere is its receiver's.

use super::{Deletion, Error};
use crate::schedules::pack;
use desk::By;
use desk::schedule::run::{RUNS_MAX, Run, RunFile};
use std::io::ErrorKind;
use terms::{Person, ReportRunId, TenantId, Timestamp};

/// Forms whose bytes do not show what they say.
const CLOSED: [&str; 3] = ["pdf", "png", "xlsx"];
/// Runs that are named one by one.
const NAMED_MAX: usize = 20;

/// What was found of a person.
#[derive(Debug, Default)]
pub(super) struct Reports {
    /// Files that were removed.
    pub removed: u64,
    /// Files that name them and are being delivered.
    pub under_way: u64,
    /// Runs with a file that cannot be looked into.
    left: Vec<ReportRunId>,
}

impl Reports {
    /// `12, 11 and 3 more`.
    fn left(&self) -> String {
        let named: Vec<String> =
            self.left.iter().take(NAMED_MAX).map(ReportRunId::to_string).collect();
        match self.left.len().saturating_sub(NAMED_MAX) {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        }
    }
}

impl Deletion {
    /// Removes what names the person, who was forgotten at `at`, and notes what may.
    pub(super) async fn reports_of(
        &self,
        tenant: TenantId,
        id: i64,
        person: &Person,
        at: Timestamp,
    ) -> Result<Reports, Error> {
        let (mut found, mut before) = (Reports::default(), None);
        loop {
            let runs = self.store.report_runs(tenant, None, before, RUNS_MAX).await?;
            let Some(last) = runs.last() else { break };
            before = Some(last.id);
            for run in runs.iter().filter(|run| run.due_at <= at) {
                self.look_into(run, (tenant, at), person, &mut found).await?;
            }
        }
        let left = found.left();
        if self.store.erasure(tenant, id).await?.reports_left != left {
            self.store.note_reports_left(tenant, id, &left).await?;
        }
        Ok(found)
    }

    async fn look_into(
        &self,
        run: &Run,
        (tenant, at): (TenantId, Timestamp),
        person: &Person,
        found: &mut Reports,
    ) -> Result<(), Error> {
        for file in pack::files(run) {
            let Some(bytes) = self.bytes_of(tenant, file).await else { continue };
            let form = file.name.rsplit('.').next().unwrap_or_default();
            let Some(bytes) = bytes.filter(|_| !CLOSED.contains(&form)) else {
                if found.left.last() != Some(&run.id) {
                    found.left.push(run.id);
                }
                continue;
            };
            if person.is_in_bytes(&bytes) {
                if run.ended_at.is_none() {
                    found.under_way += 1;
                    continue;
                }
                self.reports.remove(tenant, &file.name).await.map_err(Error::Reports)?;
                found.removed += 1;
                let by = By::system("erasure", at);
                self.store.note(tenant, &by, "report.erase", &file.name).await?;
            }
        }
        Ok(())
    }

    /// `None` where it is not on this box any more, `Some(None)` where it cannot be read.
    async fn bytes_of(&self, tenant: TenantId, file: &RunFile) -> Option<Option<Vec<u8>>> {
        match self.reports.read(tenant, file).await {
            Ok(bytes) => Some(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(file = %file.name, %error, "a report cannot be looked into");
                Some(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_runs_are_named_and_the_rest_is_counted() {
        let left = |count: u64| Reports {
            left: (1..=count).map(ReportRunId).collect(),
            ..Reports::default()
        };
        assert_eq!(left(0).left(), "");
        assert_eq!(left(2).left(), "1, 2");
        assert!(left(23).left().ends_with("19, 20 and 3 more"), "{}", left(23).left());
    }
}
