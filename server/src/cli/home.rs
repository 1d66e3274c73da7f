//! The box that a command works on. Commands never make one: a folder without a box, or a tenant
//! that does not exist, is a slip of the hand and is said so before anything is read or written.

use crate::config::Config;
use crate::first;
use anyhow::Context;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use desk::Store;
use desk::tenant::Profile;
use terms::{TenantId, Timestamp};
#[cfg(feature = "ballista")]
use warehouse::query::cluster::Cluster;
use warehouse::{Limits, Scope, Session};

/// A box, seen by one of its tenants.
pub struct Home {
    /// Whose eyes.
    pub tenant: TenantId,
    /// Their name, time zone and language.
    pub profile: Profile,
    /// The business.
    pub store: Store,
}

impl Home {
    /// The box in the data folder of `config`.
    ///
    /// # Errors
    /// When there is none, or none of its tenants is `tenant`.
    pub async fn open(config: &Config, tenant: TenantId) -> Result<Self, anyhow::Error> {
        let data = &config.server.data;
        anyhow::ensure!(
            config.store().has_box(),
            "{} holds no box; start one with `switchgrid serve`, or name its folder with --data",
            data.display()
        );
        let store = first::open_store(config).await?;
        let tenants = store.tenants().await?;
        let known: Vec<String> = tenants.iter().map(|tenant| tenant.id.to_string()).collect();
        let found = tenants.into_iter().find(|known| known.id == tenant);
        let profile = found
            .with_context(|| {
                format!("there is no tenant {tenant}; there are {}", known.join(", "))
            })?
            .profile;
        Ok(Home { tenant, profile, store })
    }

    /// A session over the tenant's rows of the warehouse.
    ///
    /// # Errors
    /// When the warehouse cannot be read.
    pub async fn session(&self, config: &Config, limits: Limits) -> Result<Session, anyhow::Error> {
        let warehouse = first::read_warehouse(config).await?;
        Ok(Session::open(&warehouse, self.scope(), limits).await?)
    }

    /// The same, with questions that the cluster of the scheduler at `scheduler` answers from the
    /// published files.
    ///
    /// # Errors
    /// When that is no address or nobody is there, or the warehouse cannot be read.
    #[cfg(feature = "ballista")]
    pub async fn session_on(
        &self,
        scheduler: &str,
        config: &Config,
        limits: Limits,
    ) -> Result<Session, anyhow::Error> {
        let cluster = Cluster::connect(scheduler.parse()?).await?;
        let warehouse = first::read_warehouse(config).await?;
        Ok(Session::open_on(cluster, &warehouse, self.scope(), limits).await?)
    }

    /// The same in a program that knows no clusters.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(feature = "ballista"))]
    pub async fn session_on(
        &self,
        _scheduler: &str,
        _config: &Config,
        _limits: Limits,
    ) -> Result<Session, anyhow::Error> {
        anyhow::bail!("this program was built without clusters; build it with the feature ballista")
    }

    /// All rows of the tenant.
    fn scope(&self) -> Scope {
        Scope { time_zone: self.profile.time_zone.clone(), audit: true, ..Scope::of(self.tenant) }
    }

    /// A time by the tenant's clock, `2026-11-23 13:20:00.000 +08:00`.
    pub fn local(&self, at: Timestamp) -> String {
        local(&self.profile.time_zone, at)
    }
}

fn local(zone: &str, at: Timestamp) -> String {
    // A stored zone was checked when it was written.
    let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
    let utc = DateTime::<Utc>::from_timestamp_micros(at.0).unwrap_or_default();
    utc.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S%.3f %:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(data: &std::path::Path) -> Config {
        let mut config = Config::default();
        config.server.data = data.to_owned();
        config
    }

    #[tokio::test]
    async fn a_folder_without_a_box_is_told_and_stays_empty() {
        let folder = tempfile::tempdir().unwrap();
        let error = Home::open(&config(folder.path()), TenantId(1)).await.err().unwrap();
        assert!(error.to_string().contains("holds no box; start one"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_tenant_that_does_not_exist_is_told_with_those_that_do() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        first::bootstrap(&config, None).await.unwrap();
        let error = Home::open(&config, TenantId(99)).await.err().unwrap();
        assert_eq!(error.to_string(), "there is no tenant 99; there are 1");
        let home = Home::open(&config, TenantId(1)).await.unwrap();
        assert_eq!(home.profile.time_zone, "Asia/Shanghai");
        home.session(&config, Limits::default()).await.unwrap();
    }

    #[test]
    fn times_are_those_of_the_tenants_clock() {
        let at = desk::when::parse("2026-11-23T05:20:00Z").unwrap();
        assert_eq!(local("Asia/Shanghai", at), "2026-11-23 13:20:00.000 +08:00");
    }
}
