//! A file that is not here any more, from the second tier by way of its cache. The download goes on
//! when the one who asked gives up: the next who asks finds it.

use super::AudioFormat;
use crate::api::Api;
use crate::api::problem::Problem;
use crate::tier::{Error, Tier};
use crate::work::jobs::Job;
use std::fs::File;
use std::sync::Arc;
use terms::RecordingId;
use warehouse::Warehouse;
use warehouse::recordings::{Indexed, Stored};

const AWAY: &str =
    "This recording lies in the object store, which does not answer right now; try again later.";
const GONE: &str = "The file of this recording is not on this box any more.";
const NOWHERE: &str =
    "The file of this recording is neither on this box nor in the object store any more.";

/// A file, and its hash where it is known.
pub(super) struct Opened {
    pub file: File,
    pub sha256: Option<String>,
}

impl Api {
    /// Fetches the file of a recording whose WAV is not here; a form that was never sent is made
    /// from it.
    pub(super) async fn open_moved(
        &self,
        found: &Indexed,
        wav: &str,
        format: AudioFormat,
    ) -> Result<Opened, Problem> {
        let Some(tier) = &self.tier else {
            return Err(match found.moved {
                None => Problem::not_found(GONE),
                Some(_) => Problem::unavailable(AWAY, "there is no [tier] in switchgrid.toml"),
            });
        };
        let stored = |path: &str| found.moved.as_ref().and_then(|moved| moved.file(path)).cloned();
        let Some(form) = format.encoded() else {
            return self.fetch_moved(tier, found, wav, stored(wav)).await;
        };
        let path = form.beside(wav).ok_or_else(|| Problem::internal(wav))?;
        if let Some(stored) = stored(&path) {
            return self.fetch_moved(tier, found, &path, Some(stored)).await;
        }
        let made = |tier: &Tier| tier.cache().open(&path, None).map_err(|e| told(&e));
        if let Some(file) = made(tier)? {
            return Ok(Opened { file, sha256: None });
        }
        self.fetch_moved(tier, found, wav, stored(wav)).await?;
        self.work.run(Job::Encode { wav: wav.to_owned(), form, cached: true }).await?;
        let file = made(tier)?.ok_or_else(|| Problem::internal(format!("{path} was not kept")))?;
        tier.cache().made(&path).await;
        refuse_if_deleted(&self.warehouse, tier, found, &path).await?;
        Ok(Opened { file, sha256: None })
    }

    async fn fetch_moved(
        &self,
        tier: &Arc<Tier>,
        found: &Indexed,
        path: &str,
        stored: Option<Stored>,
    ) -> Result<Opened, Problem> {
        let (tier, warehouse) = (tier.clone(), self.warehouse.clone());
        let (found, path) = (found.clone(), path.to_owned());
        // A task of its own: a request that ends early takes no half download with it.
        let fetching = tokio::spawn(async move {
            let fetched = tier.fetch(&path, stored.as_ref()).await;
            let file = fetched.map_err(|error| match error {
                Error::Missing(_) if found.moved.is_none() => Problem::not_found(GONE),
                error => told(&error),
            })?;
            refuse_if_deleted(&warehouse, &tier, &found, &path).await?;
            Ok(Opened { file, sha256: stored.map(|stored| stored.sha256) })
        });
        fetching.await.map_err(|error| Problem::internal(error.to_string()))?
    }
}

/// A deletion removes what lies in the cache. What came there after it goes here: nobody hears it,
/// and it does not stay.
async fn refuse_if_deleted(
    warehouse: &Warehouse,
    tier: &Tier,
    found: &Indexed,
    path: &str,
) -> Result<(), Problem> {
    let id: RecordingId = found.recording.recording_id;
    let Some(now) = warehouse.recording(found.recording.tenant_id, id).await? else {
        return Ok(());
    };
    if now.deleted.is_some() {
        tier.cache().forget(path).map_err(|error| told(&error))?;
    }
    super::refuse_deleted(&now)
}

fn told(error: &Error) -> Problem {
    match error {
        Error::Away { .. } => Problem::unavailable(AWAY, error.to_string()),
        Error::Missing(path) => {
            tracing::error!(path, "the object store does not hold what was moved there");
            Problem::not_found(NOWHERE)
        }
        Error::Changed { .. } | Error::Disk { .. } => Problem::internal(error.to_string()),
    }
}
