//! Where a backup lies: a folder, with the hash of each file beside it, or a bucket.

use crate::config::Config;
use crate::s3::Access;
use crate::tier::cache::Cache;
use crate::tier::{Error, Tier};
use anyhow::Context;
use desk::secret::hex;
use object_store::path::Path as ObjectPath;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use warehouse::recordings::Stored;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Where a backup lies.
pub(super) enum Vault {
    /// In a folder.
    Folder(PathBuf),
    /// In a bucket.
    Bucket(Box<Tier>),
}

impl Vault {
    /// The folder, or the bucket of `s3://bucket/folder`. Nothing is asked yet.
    pub(super) fn open(config: &Config, place: &str) -> Result<Vault, anyhow::Error> {
        let Some(rest) = place.strip_prefix("s3://") else {
            return Ok(Vault::Folder(PathBuf::from(place)));
        };
        let parts = rest.trim_end_matches('/').split_once('/');
        let (bucket, prefix) = parts
            .filter(|(bucket, prefix)| !bucket.is_empty() && !prefix.is_empty())
            .context("a bucket with a folder in it is needed, such as s3://backups/box-1")?;
        let secret = config.tier_secret()?.context(
            "a bucket is asked with the access of [tier] in switchgrid.toml, which names none",
        )?;
        let tier = &config.tier;
        anyhow::ensure!(
            bucket != tier.bucket.0
                || ObjectPath::from(prefix) != ObjectPath::from(tier.prefix.0.as_str()),
            "{place} is the second tier itself; a backup needs another place"
        );
        let access = Access {
            bucket,
            endpoint: &tier.endpoint,
            region: &tier.region,
            access_key: &tier.access_key,
            secret: &secret,
            allow_http: tier.allow_http,
        };
        let cache = Cache::new(config.tier_cache_dir(), tier.cache_max.0);
        let store = Arc::new(access.client("tier.endpoint")?);
        Ok(Vault::Bucket(Box::new(Tier::over(store, prefix, cache))))
    }

    /// Whether a file is there as it should be: by what is said of it, or read again.
    pub(super) async fn holds(&self, stored: &Stored, reread: bool) -> Result<bool, anyhow::Error> {
        match self {
            Vault::Folder(folder) => {
                let file = folder.join(&stored.path);
                let noted = std::fs::read_to_string(beside(&file)).unwrap_or_default();
                let length = std::fs::metadata(&file).map(|meta| meta.len()).ok();
                let is_said = noted == line(stored) && length == Some(stored.bytes);
                Ok(is_said && (!reread || hash(&file)? == stored.sha256))
            }
            Vault::Bucket(tier) => {
                let found = match reread {
                    true => tier.verify(stored).await,
                    false => tier.holds(stored).await.map(drop),
                };
                match found {
                    Ok(()) => Ok(true),
                    Err(Error::Missing(_) | Error::Changed { .. }) => Ok(false),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// Copies a file from beneath `here` and reads it back.
    pub(super) async fn put(&self, here: &Path, stored: &Stored) -> Result<(), anyhow::Error> {
        let from = here.join(&stored.path);
        let found = hash(&from).with_context(|| format!("read {}", from.display()))?;
        anyhow::ensure!(
            found == stored.sha256,
            "{} is not what was recorded; `switchgrid recording verify` tells more",
            stored.path
        );
        match self {
            Vault::Folder(folder) => {
                let to = folder.join(&stored.path);
                let written = || format!("write {}", to.display());
                let day = to.parent().context("a recording lies in a folder")?;
                std::fs::create_dir_all(day).with_context(written)?;
                copy(&from, &with(&to, "_tmp"), stored).with_context(written)?;
                name(&with(&to, "_tmp"), &to)?;
                let note = with(&beside(&to), "_tmp");
                let mut file = File::create(&note).with_context(written)?;
                file.write_all(line(stored).as_bytes()).with_context(written)?;
                file.sync_all().with_context(written)?;
                name(&note, &beside(&to))
            }
            Vault::Bucket(tier) => {
                let expected = Some((stored.bytes, stored.sha256.as_str()));
                let sent = tier.put(here, &stored.path, expected).await;
                if let Err(Error::Changed { .. }) = sent {
                    // The file here is right: what lies there says so of itself and is not.
                    tier.delete(std::slice::from_ref(&stored.path)).await?;
                    tier.put(here, &stored.path, expected).await?;
                    return Ok(());
                }
                sent?;
                Ok(())
            }
        }
    }

    /// Writes a file of the backup to `to`, or fails; `to` may hold a part then.
    pub(super) async fn fetch(&self, stored: &Stored, to: &Path) -> Result<(), anyhow::Error> {
        match self {
            Vault::Folder(folder) => {
                let from = folder.join(&stored.path);
                copy(&from, to, stored).with_context(|| format!("copy {}", from.display()))
            }
            Vault::Bucket(tier) => {
                tier.download(&stored.path, Some(stored), to).await?;
                Ok(())
            }
        }
    }

    /// Removes files that were deleted; those that are not there are as good as removed.
    pub(super) async fn forget(&self, paths: &[String]) -> Result<(), anyhow::Error> {
        match self {
            Vault::Folder(folder) => {
                for file in paths.iter().map(|path| folder.join(path)) {
                    remove(&file)?;
                    remove(&beside(&file))?;
                }
                Ok(())
            }
            Vault::Bucket(tier) => Ok(tier.delete(paths).await?),
        }
    }
}

/// Gives a file its name, for good.
pub(super) fn name(part: &Path, to: &Path) -> Result<(), anyhow::Error> {
    let named = || format!("name {}", to.display());
    std::fs::rename(part, to).with_context(named)?;
    let folder = to.parent().context("a file lies in a folder")?;
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(named)
}

fn remove(file: &Path) -> Result<(), anyhow::Error> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", file.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Copies, syncs, and reads the copy again.
fn copy(from: &Path, to: &Path, stored: &Stored) -> Result<(), anyhow::Error> {
    let (mut source, mut copy) = (File::open(from)?, File::create(to)?);
    io::copy(&mut source, &mut copy)?;
    copy.sync_all()?;
    anyhow::ensure!(hash(to)? == stored.sha256, "the copy is not what was recorded");
    Ok(())
}

fn hash(file: &Path) -> io::Result<String> {
    let (mut file, mut hash) = (File::open(file)?, Sha256::new());
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let got = file.read(&mut chunk)?;
        if got == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&chunk[..got]);
    }
}

fn with(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.to_owned().into_os_string();
    name.push(ending);
    PathBuf::from(name)
}

/// Where the hash of a file stands.
fn beside(file: &Path) -> PathBuf {
    with(file, ".sha256")
}

/// What stands there, as `sha256sum --check` reads it.
fn line(stored: &Stored) -> String {
    let name = stored.path.rsplit('/').next().unwrap_or_default();
    format!("{}  {name}\n", stored.sha256)
}
