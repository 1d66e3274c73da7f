//! Files of the tenants' own prompts: `<folder>/<tenant>/<SHA-256>`. One is written whole, synced and
//! renamed before a row names it; a kill in between leaves a file that nobody names, and the next
//! start removes it.

use crate::blocking::blocking;
use crate::whole;
use desk::Store;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;
use terms::TenantId;

/// Puts a file there, so that it lies there after a power cut. One that is there is the same.
pub(super) async fn keep(
    own: &Path,
    tenant: TenantId,
    sha256: &str,
    bytes: Vec<u8>,
) -> io::Result<()> {
    let (folder, name) = (own.join(tenant.to_string()), sha256.to_owned());
    blocking(move || write(&folder, &name, &bytes)).await
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let path = folder.join(name);
    if path.metadata().is_ok_and(|there| there.len() == bytes.len() as u64) {
        return Ok(());
    }
    if !folder.is_dir() {
        std::fs::create_dir_all(folder)?;
        for made in [folder.parent(), folder.parent().and_then(Path::parent)].into_iter().flatten()
        {
            File::open(made)?.sync_all()?;
        }
    }
    whole::put(&path, &path.with_extension("part"), bytes)
}

/// Removes files of this tenant that no row names. What cannot be removed stays until the next time.
pub(super) async fn drop_unnamed(own: &Path, store: &Store, tenant: TenantId) {
    let named = match store.prompt_files(tenant).await {
        Ok(named) => named,
        Err(error) => return tracing::warn!(%tenant, %error, "files of prompts are not tidied"),
    };
    let folder = own.join(tenant.to_string());
    if let Err(error) = blocking(move || remove_all_but(&folder, &named)).await {
        tracing::warn!(%tenant, %error, "files of prompts are not tidied");
    }
}

fn remove_all_but(folder: &Path, named: &BTreeSet<String>) -> io::Result<()> {
    let entries = match folder.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let is_named = entry.file_name().to_str().is_some_and(|name| named.contains(name));
        if !is_named && entry.file_type()?.is_file() {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The same for all tenants.
pub(super) async fn tidy(own: &Path, store: &Store) {
    let tenants = match store.plan_versions().await {
        Ok(tenants) => tenants,
        Err(error) => return tracing::warn!(%error, "files of prompts are not tidied"),
    };
    for (tenant, _) in tenants {
        drop_unnamed(own, store, tenant).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = folder.read_dir().unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_whole_or_not_there_and_what_nobody_names_goes() {
        let own = tempfile::tempdir().unwrap();
        let folder = own.path().join("own/7");
        write(&folder, "aa", b"one").unwrap();
        write(&folder, "bb", b"two").unwrap();
        // What a kill leaves: a part, and a torn file of the right name.
        std::fs::write(folder.join("cc.part"), b"th").unwrap();
        std::fs::write(folder.join("aa"), b"o").unwrap();
        write(&folder, "aa", b"one").unwrap();
        assert_eq!(std::fs::read(folder.join("aa")).unwrap(), b"one");
        remove_all_but(&folder, &BTreeSet::from(["aa".to_owned()])).unwrap();
        assert_eq!(names(&folder), ["aa"]);
        remove_all_but(&own.path().join("nowhere"), &BTreeSet::new()).unwrap();
        // A folder that cannot be: nothing is left behind.
        std::fs::write(own.path().join("file"), b"").unwrap();
        assert!(write(&own.path().join("file/7"), "aa", b"one").is_err());
    }
}
