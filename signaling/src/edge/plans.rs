//! The last plan of each tenant, on disk: a box without its database still answers calls.
//!
//! One file per tenant, `<folder>/<tenant>.json`, written whole, synced and renamed. Passwords of
//! trunks are in it, so only the owner may read it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use terms::TenantId;
use terms::routing::{PLAN_VERSION, Plan};

/// Plans on disk. Whoever uses them has them in memory: they may be long.
pub struct Plans {
    folder: PathBuf,
    /// What was there at the start, until it is taken.
    found: BTreeMap<TenantId, Plan>,
}

impl Plans {
    /// Reads what is there. A file that cannot be used is named in the log and left alone.
    ///
    /// # Errors
    /// When the folder cannot be made or listed.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let mut found = BTreeMap::new();
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            // The plan that a process died over: nobody reads it, and who is in it may be forgotten.
            if path.extension().is_some_and(|extension| extension == "part") {
                std::fs::remove_file(&path)?;
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            match read(&path) {
                Ok(plan) => {
                    found.insert(plan.tenant, plan);
                }
                Err(why) => tracing::error!(file = %path.display(), %why, "a kept plan is no use"),
            }
        }
        Ok(Plans { folder, found })
    }

    /// All plans that were there at the start, by tenant; none the next time.
    pub fn take_found(&mut self) -> Vec<Plan> {
        std::mem::take(&mut self.found).into_values().collect()
    }

    /// Replaces a tenant's plan.
    pub fn put(&self, plan: &Plan) {
        if let Err(error) = self.write(plan) {
            tracing::error!(tenant = %plan.tenant, %error, "the plan could not be kept on disk");
        }
    }

    fn write(&self, plan: &Plan) -> io::Result<()> {
        let path = self.folder.join(format!("{}.json", plan.tenant));
        let partial = path.with_extension("part");
        let file =
            File::options().create(true).truncate(true).write(true).mode(0o600).open(&partial)?;
        let mut text = BufWriter::new(&file);
        serde_json::to_writer(&mut text, plan)?;
        text.flush()?;
        file.sync_all()?;
        std::fs::rename(&partial, &path)?;
        File::open(&self.folder)?.sync_all()
    }
}

fn read(path: &Path) -> Result<Plan, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let plan: Plan = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if plan.format > PLAN_VERSION {
        return Err(format!("format {} was written by a newer program", plan.format));
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_plan_survives_a_restart_and_is_held_by_who_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        let plans = Plans::open(folder.path().join("plans")).unwrap();
        let mut plan = Plan::empty(TenantId(7), "gas");
        plans.put(&plan);
        plan.version = 1;
        plans.put(&plan);
        std::fs::write(folder.path().join("plans/8.json"), b"{").unwrap();
        std::fs::write(folder.path().join("plans/7.part"), b"{").unwrap();

        let mut again = Plans::open(folder.path().join("plans")).unwrap();
        assert_eq!(again.take_found(), [plan]);
        assert!(again.take_found().is_empty(), "it is theirs");
        assert!(!folder.path().join("plans/7.part").exists(), "what was half written goes");
    }
}
