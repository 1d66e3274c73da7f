//! The lists of the manifest as sessions read them. They are thousands of lines and most are the same
//! a moment later, so a process keeps what it has read. The database counts the changes of both lists
//! itself, whoever makes them: a list is read again where that number is another one.

use crate::db::{self, Db};
use crate::manifest::{self, Entry};
use crate::store::now;
use crate::{Error, rollup};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use terms::TenantId;

/// Tenants whose lists a process keeps. Each has some 500 bytes a file.
const TENANTS_MAX: usize = 16;

/// What a tenant's sessions may read.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Files that may hold rows of the tenant, by their table; oldest rows first.
    pub files: BTreeMap<String, Vec<Arc<Entry>>>,
    /// Counts of published files, by the path of the file.
    pub counts: BTreeMap<String, Arc<Entry>>,
}

impl Listing {
    async fn read(db: &mut Db, tenant: TenantId) -> Result<Self, Error> {
        let mut listing = Listing::default();
        for entry in manifest::readable(db, tenant.0 as i64).await? {
            listing.files.entry(entry.tbl.clone()).or_default().push(Arc::new(entry));
        }
        let counts = rollup::readable(db).await?.into_iter();
        listing.counts = counts.map(|(source, entry)| (source, Arc::new(entry))).collect();
        Ok(listing)
    }
}

/// The lists that were read last, each with the number of changes of its moment.
#[derive(Debug, Default)]
pub struct Listings {
    kept: Mutex<BTreeMap<TenantId, (i64, Arc<Listing>)>>,
}

impl Listings {
    /// The list of the moment that the transaction `db` sees.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn read(&self, db: &mut Db, tenant: TenantId) -> Result<Arc<Listing>, Error> {
        // A database that nobody has written to since the program before this one counts nothing.
        let Some(changes) = changes(db).await? else {
            return Listing::read(db, tenant).await.map(Arc::new);
        };
        if let Some(known) = self.known(tenant, changes) {
            return Ok(known);
        }
        let listing = Arc::new(Listing::read(db, tenant).await?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= TENANTS_MAX && !kept.contains_key(&tenant) {
            kept.clear();
        }
        kept.insert(tenant, (changes, Arc::clone(&listing)));
        Ok(listing)
    }

    fn known(&self, tenant: TenantId, now: i64) -> Option<Arc<Listing>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (changes, listing) = kept.get(&tenant)?;
        (*changes == now).then(|| Arc::clone(listing))
    }
}

/// The number of changes, where they are counted.
async fn changes(db: &mut Db) -> Result<Option<i64>, Error> {
    sqlx::query_scalar("SELECT value FROM meta WHERE name = 'listing'")
        .fetch_optional(db)
        .await
        .map_err(Error::database("look for changes of the manifest"))
}

/// Has the changes counted from now on. The first number is the time in microseconds: a database that
/// takes the place of another never comes to a number of that one.
///
/// # Errors
/// See [`Error`].
pub async fn watch(db: &mut Db) -> Result<(), Error> {
    let failed = || Error::database("count changes of the manifest");
    sqlx::query("INSERT INTO meta (name, value) VALUES ('listing', $1) ON CONFLICT DO NOTHING")
        .bind(now().0)
        .execute(&mut *db)
        .await
        .map_err(failed())?;
    for statement in db::counting_changes(db) {
        sqlx::query(*statement).execute(&mut *db).await.map_err(failed())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Warehouse;
    use crate::stories::order;
    use terms::Timestamp;

    async fn listed(warehouse: &Warehouse, tenant: u64) -> Arc<Listing> {
        let mut tx = warehouse.read("a test").await.unwrap();
        warehouse.listings().read(&mut tx, TenantId(tenant)).await.unwrap()
    }

    /// What a process reads that has read nothing before.
    async fn afresh(warehouse: &Warehouse, tenant: u64) -> Arc<Listing> {
        let mut tx = warehouse.read("a test").await.unwrap();
        Arc::new(Listing::read(&mut tx, TenantId(tenant)).await.unwrap())
    }

    fn paths(listing: Arc<Listing>) -> Vec<(String, String)> {
        let files = listing.files.values().flatten();
        let files = files.map(|entry| (entry.path.clone(), entry.state.clone()));
        let counts = listing.counts.values().map(|entry| (entry.path.clone(), String::new()));
        files.chain(counts).collect()
    }

    #[tokio::test]
    async fn a_list_is_read_once_until_it_changes_whoever_changes_it() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let reader = Warehouse::open_reader(dir.path()).await.unwrap();
        let mut before = listed(&reader, 1).await;
        for round in 1..=4_u64 {
            let version = round as i64;
            let rows = [order(1, version, round, 1, 11), order(2, 100 + version, round, 1, 11)];
            warehouse.stage_rows("desk", version, &rows).await.unwrap();
            let staged = listed(&reader, 1).await;
            assert!(Arc::ptr_eq(&before, &staged), "staging changes no file");
            warehouse.seal().await.unwrap();
            let sealed = listed(&reader, 1).await;
            assert!(!Arc::ptr_eq(&staged, &sealed), "a sealed file is seen");
            assert_eq!(paths(Arc::clone(&sealed)), paths(afresh(&reader, 1).await));
            assert!(Arc::ptr_eq(&sealed, &listed(&reader, 1).await), "and read once");
            warehouse.publish_all().await.unwrap();
            let published = listed(&reader, 1).await;
            assert_eq!(paths(Arc::clone(&published)), paths(afresh(&reader, 1).await));
            assert_eq!(paths(listed(&reader, 2).await), paths(afresh(&reader, 2).await));
            before = published;
        }
        let later = Timestamp(now().0 + 3 * 86_400_000_000);
        warehouse.tend(later).await.unwrap();
        assert_eq!(paths(listed(&reader, 1).await), paths(afresh(&reader, 1).await));
    }

    #[tokio::test]
    async fn lists_of_so_many_tenants_are_kept_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        for tenant in 1..=3 * TENANTS_MAX as u64 {
            listed(&warehouse, tenant).await;
            assert!(warehouse.listings().kept.lock().unwrap().len() <= TENANTS_MAX);
        }
    }

    #[tokio::test]
    async fn where_nobody_counts_changes_every_session_reads_the_list() {
        let dir = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(dir.path()).await.unwrap();
        let mut tx = warehouse.write("a test").await.unwrap();
        sqlx::query("DELETE FROM meta WHERE name = 'listing'").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let before = listed(&warehouse, 1).await;
        warehouse.stage_rows("desk", 1, &[order(1, 1, 1, 1, 11)]).await.unwrap();
        warehouse.seal().await.unwrap();
        let after = listed(&warehouse, 1).await;
        assert_eq!((before.files.len(), after.files.len()), (0, 1));
    }
}
