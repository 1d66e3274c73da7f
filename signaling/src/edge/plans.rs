//! The last plan of each tenant, on disk: a box without its database still answers calls.
//!
//! One file per tenant, `<folder>/<tenant>.json`, written whole, synced and renamed. Passwords of
//! trunks are in it, so only the owner may read it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use terms::TenantId;
use terms::routing::{Delta, PLAN_VERSION, Plan};

/// Plans in memory and on disk.
pub struct Plans {
    folder: PathBuf,
    plans: BTreeMap<TenantId, Plan>,
}

impl Plans {
    /// Reads what is there. A file that cannot be used is named in the log and left alone.
    ///
    /// # Errors
    /// When the folder cannot be made or listed.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let mut plans = BTreeMap::new();
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
                    plans.insert(plan.tenant, plan);
                }
                Err(why) => tracing::error!(file = %path.display(), %why, "a kept plan is no use"),
            }
        }
        Ok(Plans { folder, plans })
    }

    /// All plans.
    pub fn all(&self) -> impl Iterator<Item = &Plan> {
        self.plans.values()
    }

    /// Replaces a tenant's plan.
    pub fn put(&mut self, plan: Plan) {
        if let Err(error) = self.write(&plan) {
            tracing::error!(tenant = %plan.tenant, %error, "the plan could not be kept on disk");
        }
        self.plans.insert(plan.tenant, plan);
    }

    /// Applies a change; the plan after it, or `None` when it is not the next change.
    pub fn apply(&mut self, delta: Delta) -> Option<Plan> {
        let mut plan = self.plans.get(&delta.tenant)?.clone();
        plan.apply(delta).then_some(plan)
    }

    fn write(&self, plan: &Plan) -> io::Result<()> {
        let path = self.folder.join(format!("{}.json", plan.tenant));
        let partial = path.with_extension("part");
        let mut file =
            File::options().create(true).truncate(true).write(true).mode(0o600).open(&partial)?;
        file.write_all(&serde_json::to_vec(plan)?)?;
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
    use terms::routing::{BlockedCaller, Change};

    #[test]
    fn a_plan_survives_a_restart_and_changes_apply_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut plans = Plans::open(folder.path().join("plans")).unwrap();
        plans.put(Plan::empty(TenantId(7), "gas"));
        let block = |version| Delta {
            version,
            tenant: TenantId(7),
            change: Change::Block(BlockedCaller::always("+8613800138000")),
        };
        assert!(plans.apply(block(2)).is_none(), "a gap is refused");
        let next = plans.apply(block(1)).unwrap();
        plans.put(next);
        std::fs::write(folder.path().join("plans/8.json"), b"{").unwrap();
        std::fs::write(folder.path().join("plans/7.part"), b"{").unwrap();

        let again = Plans::open(folder.path().join("plans")).unwrap();
        let kept: Vec<_> = again.all().map(|plan| (plan.tenant, plan.version)).collect();
        assert_eq!(kept, [(TenantId(7), 1)]);
        assert!(!folder.path().join("plans/7.part").exists(), "what was half written goes");
    }
}
