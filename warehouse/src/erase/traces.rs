//! Where a person can still be found: what a hold may cover before they are erased, and what still has
//! bytes of them after it.

use super::{LIMITS, of_calls, unanswered};
use crate::log::list;
use crate::{Error, Scope, Session, Warehouse, manifest};
use std::collections::BTreeSet;
use std::path::PathBuf;
use terms::event::read_frame;
use terms::{ContactId, FaxId, Person, RecordingId, TenantId, Timestamp};

/// What is there of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Theirs {
    /// Their contacts.
    pub contacts: BTreeSet<ContactId>,
    /// Their recordings that have a file.
    pub recordings: BTreeSet<RecordingId>,
    /// Faxes that they sent.
    pub faxes: BTreeSet<FaxId>,
}

impl Warehouse {
    /// What is there of the person.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn theirs(&self, tenant: TenantId, person: &Person) -> Result<Theirs, Error> {
        let session = Session::open(self, Scope::of(tenant), LIMITS).await?;
        let of_theirs = of_calls(&session, person, ("contact_id", "TRUE")).await;
        let contacts = of_theirs.map_err(unanswered)?;
        let recordings = self.recordings_of(tenant, person).await?;
        let faxes = self.faxes_of(tenant, person).await?;
        let mut theirs = Theirs {
            contacts: contacts.into_iter().map(|id| ContactId(id as u64)).collect(),
            recordings: recordings.iter().copied().collect(),
            faxes: faxes.iter().map(|found| found.fax).collect(),
        };
        let of_faxes = faxes.iter().filter_map(|found| found.row.as_ref());
        theirs.contacts.extend(of_faxes.map(|row| row.contact_id));
        for id in recordings {
            let found = self.recording(tenant, id).await?;
            theirs.contacts.extend(found.map(|found| found.recording.contact_id));
        }
        Ok(theirs)
    }

    /// Whether there is a call of theirs that began before `until`: of one that went on while they were
    /// erased the rows come later.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn called_before(
        &self,
        tenant: TenantId,
        person: &Person,
        until: Timestamp,
    ) -> Result<bool, Error> {
        let session = Session::open(self, Scope::of(tenant), LIMITS).await?;
        let before = format!("CAST(started_at AS BIGINT) < {}", until.0);
        let found = of_calls(&session, person, ("call_id", &before)).await.map_err(unanswered)?;
        Ok(!found.is_empty())
    }

    /// How many files that were replaced up to `until`, by the clock of [`Warehouse::clock`], are
    /// still kept for sessions.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn files_kept(&self, until: Timestamp) -> Result<usize, Error> {
        let mut tx = self.read("look for kept files").await?;
        Ok(manifest::retired(&mut tx, until).await?.len())
    }

    /// How many recordings and faxes were deleted with this detail and still have a file.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn deleted_left(&self, tenant: TenantId, detail: &str) -> Result<i64, Error> {
        let mut tx = self.read("count files of what was deleted").await?;
        sqlx::query_scalar(
            "SELECT (SELECT COUNT(*) FROM recording WHERE deleted_at IS NOT NULL AND removed = 0 \
             AND tenant = $1 AND deleted_detail = $2) + (SELECT COUNT(*) FROM fax \
             WHERE deleted_at IS NOT NULL AND removed = 0 AND tenant = $1 AND deleted_detail = $2)",
        )
        .bind(tenant.0 as i64)
        .bind(detail)
        .fetch_one(&mut *tx)
        .await
        .map_err(Error::database("count files of what was deleted"))
    }

    /// The clock by which files are replaced.
    pub fn clock(&self) -> Timestamp {
        crate::store::now()
    }
}

/// How many files of the event log in `dir` have entries of a tenant up to `until` that name the person.
///
/// # Errors
/// When a file cannot be read.
pub async fn log_files(
    dir: PathBuf,
    tenant: TenantId,
    person: &Person,
    until: Timestamp,
) -> Result<usize, Error> {
    let person = person.clone();
    let work = move || {
        let mut found = 0;
        for (_, path) in list(&dir)? {
            let bytes = match std::fs::read(&path) {
                Ok(bytes) => bytes,
                // It went meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::file("read", &path)(error)),
            };
            found += usize::from(tells(&bytes, tenant, &person, until));
        }
        Ok(found)
    };
    tokio::task::spawn_blocking(work).await.expect("reading the log does not panic")
}

/// Whether a file of the log has such an entry. Where a frame is damaged, the bytes behind it count
/// whoever's they are.
fn tells(bytes: &[u8], tenant: TenantId, person: &Person, until: Timestamp) -> bool {
    let named = |bytes: &[u8]| person.is_in_bytes(bytes);
    let mut rest = bytes;
    // Most files have nothing of it: no entry is read then.
    if !named(rest) {
        return false;
    }
    loop {
        match read_frame(rest) {
            Ok(Some((entry, length))) => {
                let (frame, after) = rest.split_at(length);
                if entry.tenant == tenant && entry.at <= until && named(frame) {
                    return true;
                }
                rest = after;
            }
            Ok(None) => return false,
            Err(_) => return named(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stories::{Script, call_started, write_log};

    #[tokio::test]
    async fn a_file_of_the_log_tells_of_a_person_by_tenant_and_time() {
        let dir = tempfile::tempdir().unwrap();
        let mut script = Script::new(1);
        script.call(0.0, 1, call_started("13900139000")).call(60.0, 2, call_started("13800138000"));
        write_log(dir.path(), &script.entries);
        let at = script.entries[1].at;
        let digits = Person::by_number("13800138000", "86").unwrap();
        let files = async |tenant, until| {
            log_files(dir.path().to_owned(), TenantId(tenant), &digits, until).await.unwrap()
        };
        assert_eq!(files(1, at).await, 1);
        assert_eq!(files(2, at).await, 0, "another tenant's");
        assert_eq!(files(1, Timestamp(at.0 - 1)).await, 0, "they called again later");
        let missing = dir.path().join("none");
        assert_eq!(log_files(missing, TenantId(1), &digits, at).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_is_there_of_a_person_is_found_by_their_number() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let rows = crate::stories::fold(&crate::stories::day(42, 1, 20));
        warehouse.stage_rows("test", 1, &rows).await.unwrap();
        let recording = rows.iter().find_map(|row| match row {
            terms::record::Row::Recording(of) if of.path.is_some() => Some(of),
            _ => None,
        });
        let recording = recording.expect("some call was recorded");
        let digits = Person::by_number(&recording.caller, "86").unwrap();
        let theirs = warehouse.theirs(TenantId(1), &digits).await.unwrap();
        assert_eq!(theirs.contacts, [recording.contact_id].into());
        assert_eq!(theirs.recordings, [recording.recording_id].into());
        assert_eq!(warehouse.theirs(TenantId(2), &digits).await.unwrap(), Theirs::default());

        let began = recording.call_started_at;
        let before = async |until| {
            warehouse.called_before(TenantId(1), &digits, Timestamp(until)).await.unwrap()
        };
        assert!(!before(began.0).await && before(began.0 + 1).await);

        let why = (crate::recordings::Reason::Erasure, "erasure 7");
        let one = [recording.recording_id];
        warehouse.delete_recordings(TenantId(1), &one, why, Timestamp(5)).await.unwrap();
        let left = async |detail| warehouse.deleted_left(TenantId(1), detail).await.unwrap();
        assert_eq!((left("erasure 7").await, left("erasure 8").await), (1, 0));
        warehouse.recordings_removed(&one).await.unwrap();
        assert_eq!(left("erasure 7").await, 0);
    }
}
