//! Files that were fetched back from the second tier, and what was made of them, laid out as the
//! recordings are. Promise: what has a name here is whole; the folder stays below its size, but for
//! the file that was asked for last; what was not used for the longest time goes first.
//!
//! When a file was used stands in its access time, which is set with every use: it is right under
//! any mount option, survives a restart, and is shared with the commands that fetch beside the box.

use super::Error;
use crate::blocking::blocking;
use crate::open::beneath;
use std::fs::{self, DirBuilder, File, FileTimes};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// Where downloads lie until they are whole; what a crash leaves there goes as the rest does.
const PARTS: &str = "parts";

/// The folder.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    bytes_max: u64,
    parts: AtomicU64,
}

/// A file being written; it goes unless it is [kept](Cache::keep).
#[derive(Debug)]
pub struct Part(PathBuf);

impl Part {
    /// Where to write it.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After it was kept there is none of this name.
        let _ = fs::remove_file(&self.0);
    }
}

impl Cache {
    /// A cache in `folder`, which is made when the first file comes.
    pub fn new(folder: PathBuf, bytes_max: u64) -> Cache {
        Cache { folder, bytes_max, parts: AtomicU64::new(0) }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of this path, when it is here and as long as it should be.
    ///
    /// # Errors
    /// What the disk says.
    pub fn open(&self, path: &str, bytes: Option<u64>) -> Result<Option<File>, Error> {
        let file = match beneath(&self.folder, path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::disk("open", &self.folder.join(path))(error)),
        };
        let there = file.metadata().map_err(Error::disk("look at", &self.folder.join(path)))?.len();
        if bytes.is_some_and(|bytes| bytes != there) {
            return Ok(None);
        }
        // Where that is refused it goes earlier than it should.
        let _ = file.set_times(FileTimes::new().set_accessed(SystemTime::now()));
        Ok(Some(file))
    }

    /// A new file to write to.
    ///
    /// # Errors
    /// What the disk says.
    pub fn part(&self) -> Result<Part, Error> {
        let folder = self.folder.join(PARTS);
        make(&folder).map_err(Error::disk("make", &folder))?;
        // Commands beside the box write here too.
        let number = self.parts.fetch_add(1, Ordering::Relaxed);
        Ok(Part(folder.join(format!("{}-{number}", std::process::id()))))
    }

    /// Gives a whole and synced file its name, and lets others go for it.
    ///
    /// # Errors
    /// What the disk says; the file is gone then.
    pub async fn keep(&self, part: Part, path: &str) -> Result<File, Error> {
        let (folder, bytes_max) = (self.folder.clone(), self.bytes_max);
        let target = folder.join(path);
        let work = move || {
            let kept = File::open(part.path())?;
            // Another's eviction may remove the empty folder between the two steps.
            let rename = || {
                target.parent().map_or(Ok(()), make)?;
                fs::rename(part.path(), &target)
            };
            match rename() {
                Err(error) if error.kind() == ErrorKind::NotFound => rename()?,
                renamed => renamed?,
            }
            evict(&folder, bytes_max, &target);
            Ok(kept)
        };
        blocking(work).await.map_err(Error::disk("keep", &self.folder.join(path)))
    }

    /// Lets others go for a file that was made here.
    pub async fn made(&self, path: &str) {
        let (folder, bytes_max, target) =
            (self.folder.clone(), self.bytes_max, self.folder.join(path));
        // What cannot be removed now is looked at again with the next file.
        let _ = tokio::task::spawn_blocking(move || evict(&folder, bytes_max, &target)).await;
    }

    /// Removes a file that nobody may hear any more.
    ///
    /// # Errors
    /// What the disk says.
    pub fn forget(&self, path: &str) -> Result<(), Error> {
        match fs::remove_file(self.folder.join(path)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Error::disk("remove", &self.folder.join(path))(error))
            }
            _ => Ok(()),
        }
    }
}

fn make(folder: &Path) -> io::Result<()> {
    // What people said is nobody else's.
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// A file of the cache.
struct Entry {
    used: SystemTime,
    bytes: u64,
    path: PathBuf,
}

/// Removes what was not used for the longest time until the rest fits. `newest` stays.
fn evict(folder: &Path, bytes_max: u64, newest: &Path) {
    let mut entries = Vec::new();
    list(folder, &mut entries);
    for path in leaving(entries, bytes_max, newest) {
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(file = %path.display(), %error, "stays in the cache of recordings");
        }
        // Refused while anything is in it.
        let _ = path.parent().map(fs::remove_dir);
    }
}

/// Which files go.
fn leaving(mut entries: Vec<Entry>, bytes_max: u64, newest: &Path) -> Vec<PathBuf> {
    let mut bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
    entries.sort_by_key(|entry| entry.used);
    let mut gone = Vec::new();
    for entry in entries {
        if bytes <= bytes_max {
            break;
        }
        if entry.path != newest {
            bytes -= entry.bytes;
            gone.push(entry.path);
        }
    }
    gone
}

/// All files beneath `folder`; what vanishes meanwhile is none.
fn list(folder: &Path, into: &mut Vec<Entry>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() {
            list(&entry.path(), into);
        } else {
            let times = [meta.accessed(), meta.modified()];
            let used = times.into_iter().flatten().max().unwrap_or(SystemTime::UNIX_EPOCH);
            into.push(Entry { used, bytes: meta.len(), path: entry.path() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn put(cache: &Cache, path: &str, bytes: usize) {
        let part = cache.part().unwrap();
        fs::write(part.path(), vec![7; bytes]).unwrap();
        cache.keep(part, path).await.unwrap();
    }

    /// Makes a file look as if it was used so many seconds ago.
    fn age(cache: &Cache, path: &str, seconds: u64) {
        let then = SystemTime::now() - Duration::from_secs(seconds);
        let times = FileTimes::new().set_accessed(then).set_modified(then);
        File::open(cache.folder().join(path)).unwrap().set_times(times).unwrap();
    }

    fn is_there(cache: &Cache, path: &str) -> bool {
        cache.folder().join(path).exists()
    }

    #[tokio::test]
    async fn what_was_not_used_for_the_longest_time_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"), 250);
        put(&cache, "1/a/1.wav", 100).await;
        put(&cache, "1/b/2.wav", 100).await;
        age(&cache, "1/a/1.wav", 60);
        age(&cache, "1/b/2.wav", 30);
        // The older one is heard again.
        assert!(cache.open("1/a/1.wav", Some(100)).unwrap().is_some());
        put(&cache, "1/a/3.wav", 100).await;
        assert!(is_there(&cache, "1/a/1.wav") && is_there(&cache, "1/a/3.wav"));
        assert!(!is_there(&cache, "1/b/2.wav") && !is_there(&cache, "1/b"));
        // One that is larger than the cache stays as long as it is the newest.
        age(&cache, "1/a/1.wav", 20);
        put(&cache, "1/a/4.wav", 1_000).await;
        assert!(is_there(&cache, "1/a/4.wav") && !is_there(&cache, "1/a/3.wav"));
        age(&cache, "1/a/4.wav", 10);
        put(&cache, "1/a/5.wav", 10).await;
        assert!(is_there(&cache, "1/a/5.wav") && !is_there(&cache, "1/a/4.wav"));
    }

    #[tokio::test]
    async fn a_part_that_is_not_kept_is_gone_and_a_file_of_another_length_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"), 1 << 20);
        assert!(cache.open("1/a/1.wav", None).unwrap().is_none(), "not even the folder is there");
        let part = cache.part().unwrap();
        fs::write(part.path(), "half").unwrap();
        let lay = part.path().to_owned();
        drop(part);
        assert!(!lay.exists());
        put(&cache, "1/a/1.wav", 10).await;
        assert!(cache.open("1/a/1.wav", Some(11)).unwrap().is_none());
        assert!(cache.open("1/a/1.wav", Some(10)).unwrap().is_some());
        cache.forget("1/a/1.wav").unwrap();
        cache.forget("1/a/1.wav").unwrap();
        assert!(cache.open("1/a/1.wav", None).unwrap().is_none());
    }

    #[test]
    fn nothing_outside_the_folder_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), "x").unwrap();
        fs::create_dir(folder.path().join("cache")).unwrap();
        let cache = Cache::new(folder.path().join("cache"), 1);
        assert!(!matches!(cache.open("../secret", None), Ok(Some(_))));
    }
}
