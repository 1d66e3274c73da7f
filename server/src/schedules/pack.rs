//! Runs that make several reports: what each is, what its file is called, and how all files go to one
//! target.
//!
//! A run is made when all its files are there, and before that it is not delivered: one of them that
//! cannot be made lets all wait, or ends the run. A process that dies between two files makes them
//! again under the same names; one that dies between two deliveries of one target puts the files
//! there again, where they are once.

use super::outcome::Outcome;
use super::webhook::{Post, Webhooks};
use super::{Error, Schedules, directory, step};
use crate::blocking::blocking;
use crate::schedules::files::Files;
use desk::schedule::pack::Part;
use desk::schedule::run::{Run, RunFile};
use serde_json::json;
use terms::TenantId;

/// All reports of a run, the first one first.
pub(super) fn parts(run: &Run) -> Vec<Part> {
    let work = &run.work;
    let first = Part {
        report: work.report.clone(),
        period: work.period.clone(),
        format: work.format.clone(),
        language: work.language.clone(),
        parameters: work.parameters.clone(),
        paper: work.paper.clone(),
        orientation: work.orientation.clone(),
    };
    std::iter::once(first).chain(work.more.iter().cloned()).collect()
}

/// Whose days one report of a run is about.
pub(super) fn zone<'a>(run: &'a Run, part: &'a Part) -> &'a str {
    part.parameters.get("zone").map_or(&run.work.time_zone, |zone| zone.as_str())
}

/// All files of a run, the first one first.
pub fn files(run: &Run) -> impl Iterator<Item = &RunFile> {
    run.file.iter().chain(&run.more_files)
}

/// How long all files of a run are together.
pub(super) fn bytes(run: &Run) -> u64 {
    files(run).map(|file| file.bytes).fold(0, u64::saturating_add)
}

/// What a webhook is told of a run with several files: each with where it is fetched.
pub(super) fn list(run: &Run, link: &str) -> Vec<u8> {
    let file = |(place, file): (usize, &RunFile)| {
        json!({
            "name": file.name, "bytes": file.bytes, "content_type": file.content_type,
            "link": format!("{link}/api/v1/report-runs/{}/files/{place}", run.id),
        })
    };
    let files: Vec<_> = files(run).enumerate().map(file).collect();
    json!({"run": run.id, "name": run.work.name, "files": files}).to_string().into_bytes()
}

impl Schedules {
    /// Puts all files of a run into a folder.
    pub(super) async fn to_folder(
        &self,
        tenant: TenantId,
        run: &Run,
        (root, below): (&str, &str),
        place: u32,
    ) -> Result<Outcome, Error> {
        for file in files(run) {
            let from = self.files.folder().join(Files::path(tenant, &file.name));
            let (roots, name) = (self.directories.clone(), file.name.clone());
            let (root, below) = (root.to_owned(), below.to_owned());
            let put = blocking(move || {
                let folder = (root.as_str(), below.as_str());
                Ok(directory::put(&roots, tenant, folder, &from, (name.as_str(), place)))
            });
            match put.await.unwrap_or_else(|error| Outcome::Again(error.to_string())) {
                Outcome::Delivered => step("schedule.part").await?,
                other => return Ok(other),
            }
        }
        Ok(Outcome::Delivered)
    }

    /// Puts all files of a run into the object store.
    pub(super) async fn to_store(&self, tenant: TenantId, run: &Run) -> Result<Outcome, Error> {
        let Some(tier) = &self.tier else {
            return Ok(Outcome::Failed("there is no object store (tier.bucket)".to_owned()));
        };
        for file in files(run) {
            let path = Files::path(tenant, &file.name);
            if let Err(error) = tier.put(self.files.folder(), &path, None).await {
                return Ok(Outcome::Again(error.to_string()));
            }
            step("schedule.part").await?;
        }
        Ok(Outcome::Delivered)
    }

    /// Posts the file of a run, or the list of its files where there are several.
    pub(super) async fn to_webhook(
        &self,
        tenant: TenantId,
        run: &Run,
        file: &RunFile,
        post: Post<'_>,
    ) -> Outcome {
        let webhooks: &Webhooks = &self.webhooks;
        if !run.more_files.is_empty() {
            let body = list(run, &self.link);
            let name = format!("run-{}.json", run.id);
            let content_type = "application/json".to_owned();
            let told = RunFile { name, bytes: body.len() as u64, content_type };
            return webhooks.send(Post { file: &told, ..post }, body).await;
        }
        match self.files.read(tenant, file).await {
            Ok(body) => webhooks.send(post, body).await,
            Err(error) => Outcome::Failed(format!("read {}: {error}", file.name)),
        }
    }

    /// Reads all files of a run for a mail.
    pub(super) async fn read_all(
        &self,
        tenant: TenantId,
        run: &Run,
    ) -> Result<Vec<Vec<u8>>, Outcome> {
        let mut read = Vec::new();
        for file in files(run) {
            let bytes = self.files.read(tenant, file).await;
            let why =
                |error: std::io::Error| Outcome::Failed(format!("read {}: {error}", file.name));
            read.push(bytes.map_err(why)?);
        }
        Ok(read)
    }
}
