//! Where the files of a warehouse lie: all of them in its folder, or the published ones in a bucket
//! ([`Bucket`]) under the same names. Sealed files, counts, and what is being written are in the folder
//! either way; their names begin with `_`.
//!
//! What works on whole files has them near: those of a bucket are copied to `_near` for as long as it
//! takes. A file that the bucket does not have is not there; a bucket that does not answer is an error,
//! because nothing may be concluded from it.

use crate::bucket::Bucket;
use crate::db::Db;
use crate::file::{self, Steps};
use crate::manifest::Entry;
use crate::rewrite::old_path;
use crate::{Error, aside, publish};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::OnceCell;

/// Says in the folder which bucket its published files are in.
const MARK: &str = "warehouse.bucket";
/// Says in the bucket which folder's they are.
const OWNER: &str = "_warehouse";
/// Where copies lie for a while.
const NEAR: &str = "_near";

/// Where the files are.
#[derive(Clone, Debug)]
pub struct Shelf {
    dir: PathBuf,
    bucket: Option<Owned>,
}

/// A bucket, and the word by which it and the folder know each other.
#[derive(Clone, Debug)]
struct Owned {
    bucket: Bucket,
    word: Option<String>,
    is_ours: Arc<OnceCell<()>>,
    /// Replaced files may still have their first names there.
    leaves_over: Arc<AtomicBool>,
}

/// What [`MARK`] holds.
struct Mark {
    name: String,
    word: String,
}

impl Shelf {
    /// The files of the warehouse in `dir`. A warehouse that has published nothing yet may begin with
    /// a bucket, or with another: who writes marks the folder. The bucket is not asked.
    ///
    /// # Errors
    /// [`Error::Files`] when the published files are elsewhere.
    pub async fn open(
        dir: &Path,
        bucket: Option<Bucket>,
        is_written: bool,
        db: &mut Db,
    ) -> Result<Self, Error> {
        let mark = Mark::read(dir)?;
        let there = mark.as_ref().map(|mark| mark.name.as_str());
        let wanted = bucket.as_ref().map(Bucket::name);
        if there != wanted && has_published(db).await? {
            let is_in = there.unwrap_or("the folder itself");
            let instead = wanted
                .map_or_else(|| "no bucket is set".to_owned(), |wanted| format!("{wanted} is set"));
            let dir = dir.display();
            return Err(Error::Files(format!(
                "{dir} has its published files in {is_in}, and {instead}"
            )));
        }
        let is_known = there == wanted;
        let Some(bucket) = bucket else {
            if !is_known && is_written {
                publish::remove(&dir.join(MARK))?;
            }
            return Ok(Shelf { dir: dir.to_owned(), bucket: None });
        };
        let word = match mark.filter(|_| is_known) {
            Some(mark) => Some(mark.word),
            None if is_written => {
                let mark = Mark::new(dir, &bucket);
                mark.write(dir)?;
                Some(mark.word)
            }
            None => None,
        };
        Ok(Shelf { dir: dir.to_owned(), bucket: Some(Owned::new(bucket, word)) })
    }

    /// The files of a folder whose database is lost.
    ///
    /// # Errors
    /// As [`Shelf::open`].
    pub fn unnamed(dir: &Path, bucket: Option<Bucket>) -> Result<Self, Error> {
        let dir = dir.to_owned();
        match (Mark::read(&dir)?, bucket) {
            (None, _) => Ok(Shelf { dir, bucket: None }),
            (Some(mark), Some(bucket)) if mark.name == bucket.name() => {
                Ok(Shelf { dir, bucket: Some(Owned::new(bucket, Some(mark.word))) })
            }
            (Some(mark), _) => Err(Error::Files(format!(
                "{} has its published files in {}: set that bucket",
                dir.display(),
                mark.name
            ))),
        }
    }

    /// The bucket of the published files, where they are in one.
    pub fn bucket(&self) -> Option<&Bucket> {
        self.bucket.as_ref().map(|owned| &owned.bucket)
    }

    /// The bucket, where a file of this name is in it.
    fn bucket_of(&self, path: &str) -> Option<&Bucket> {
        self.bucket().filter(|_| !path.starts_with('_'))
    }

    /// The bucket for who writes into it.
    ///
    /// # Errors
    /// [`Error::Files`] when it holds the files of another warehouse.
    pub async fn ours(&self) -> Result<Option<&Bucket>, Error> {
        let Some(owned) = &self.bucket else { return Ok(None) };
        owned.is_ours.get_or_try_init(|| owned.meet()).await?;
        Ok(Some(&owned.bucket))
    }

    /// Brings a file that was written at `tmp` to its place. In a bucket it is read back.
    ///
    /// # Errors
    /// See [`Error`]. Where [`Error::is_away`] holds, it may have come there nevertheless.
    pub async fn place(&self, tmp: PathBuf, entry: &Entry, steps: Steps) -> Result<(), Error> {
        let path = &entry.path;
        let Some(bucket) = self.ours().await? else {
            let to = self.dir.join(path);
            let work = move || file::place(&tmp, &to, steps);
            return tokio::task::spawn_blocking(work).await.expect("placing does not panic");
        };
        bucket.pass(steps.rename, "send", path).await?;
        bucket.send(&tmp, path).await?;
        bucket.pass(steps.dirsync, "read back", path).await?;
        if bucket.digest(path).await? != (entry.sha256.clone(), entry.bytes) {
            let why = "the bucket gives back something else than was sent".to_owned();
            return Err(Error::Damaged { what: path.clone(), why });
        }
        publish::remove(&tmp)
    }

    /// SHA-256 in hex, and the size, of a file.
    ///
    /// # Errors
    /// See [`Error`]; one that is not there is one.
    pub async fn digest(&self, path: &str) -> Result<(String, i64), Error> {
        if let Some(bucket) = self.bucket_of(path) {
            return bucket.digest(path).await;
        }
        let path = self.dir.join(path);
        let work = move || file::digest(&path);
        tokio::task::spawn_blocking(work).await.expect("reading does not panic")
    }

    /// Whether a file is what was written.
    ///
    /// # Errors
    /// While the bucket does not say.
    pub async fn is_whole(&self, entry: &Entry) -> Result<bool, Error> {
        match self.digest(&entry.path).await {
            Ok(found) => Ok(found == (entry.sha256.clone(), entry.bytes)),
            Err(error) if error.is_away() => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// Whether a file is in its place.
    ///
    /// # Errors
    /// While the bucket does not say.
    pub async fn is_there(&self, path: &str) -> Result<bool, Error> {
        match self.bucket_of(path) {
            Some(bucket) => bucket.holds(path).await,
            None => Ok(self.dir.join(path).exists()),
        }
    }

    /// Whether a file is in its place, or where replaced ones lie.
    ///
    /// # Errors
    /// While the bucket does not say.
    pub async fn is_kept(&self, path: &str) -> Result<bool, Error> {
        let old = old_path(path);
        match self.bucket_of(path) {
            Some(bucket) => Ok(bucket.holds(path).await? || bucket.holds(&old).await?),
            None => Ok(self.dir.join(path).exists() || self.dir.join(old).exists()),
        }
    }

    /// Removes a file that may be gone already.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remove(&self, path: &str) -> Result<(), Error> {
        match self.bucket_of(path) {
            Some(_) => match self.ours().await? {
                Some(bucket) => bucket.remove(path).await,
                None => Ok(()),
            },
            None => publish::remove(&self.dir.join(path)),
        }
    }

    /// Removes a retired file from the bucket, where it is in it, by both of its names.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn let_go(&self, path: &str) -> Result<(), Error> {
        if self.bucket_of(path).is_none() {
            return Ok(());
        }
        let Some(bucket) = self.ours().await? else { return Ok(()) };
        bucket.remove(path).await?;
        bucket.remove(&old_path(path)).await
    }

    /// Whether replaced files may still have their first names in the bucket: after a start, and after
    /// one could not be removed.
    pub fn leaves_over(&self) -> bool {
        self.bucket.as_ref().is_some_and(|owned| owned.leaves_over.load(Ordering::Relaxed))
    }

    /// Notes whether replaced files may still have their first names in the bucket.
    pub fn set_leaves_over(&self, to: bool) {
        if let Some(owned) = &self.bucket {
            owned.leaves_over.store(to, Ordering::Relaxed);
        }
    }

    /// The names of the objects below a folder; none where there is no bucket.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list(&self, folder: &str) -> Result<Vec<String>, Error> {
        match self.bucket() {
            Some(bucket) => bucket.list(folder).await,
            None => Ok(Vec::new()),
        }
    }

    /// Gives files a second name below [`aside::FOLDER`] of the folder. One that is gone has none.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn keep_aside(&self, paths: &[String]) -> Result<(), Error> {
        if self.bucket().is_none() {
            return aside::keep(&self.dir, paths);
        }
        let (ours, published): (Vec<String>, Vec<String>) =
            paths.iter().cloned().partition(|path| path.starts_with('_'));
        aside::keep(&self.dir, &ours)?;
        let near = self.near(published.clone()).await?;
        for path in &published {
            aside::bring(&near.path(path), &self.dir, path)?;
        }
        Ok(())
    }

    /// Moves a file below [`aside::FOLDER`] of the folder.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn take_aside(&self, path: &str) -> Result<(), Error> {
        self.keep_aside(&[path.to_owned()]).await?;
        self.remove(path).await
    }

    /// The folder alone: for files that are in no bucket.
    pub fn here(&self) -> Near {
        Near { dir: self.dir.clone(), copies: None }
    }

    /// Files of the manifest on the local disk. One that the bucket does not have is missing there too;
    /// one that was replaced a while ago is read where it lies now.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn near(&self, mut paths: Vec<String>) -> Result<Near, Error> {
        let mut near = self.here();
        let Some(bucket) = self.bucket() else { return Ok(near) };
        paths.retain(|path| !path.starts_with('_'));
        if paths.is_empty() {
            return Ok(near);
        }
        near.copies = Some(Copies::new(&self.dir)?);
        for path in &paths {
            let to = near.path(path);
            file::make_folder(to.parent().expect("a file lies in a folder"))?;
            if !bucket.fetch(path, &to).await? {
                bucket.fetch(&old_path(path), &to).await?;
            }
        }
        Ok(near)
    }

    /// The same for entries.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn near_all(&self, entries: &[Entry]) -> Result<Near, Error> {
        self.near(entries.iter().map(|entry| entry.path.clone()).collect()).await
    }
}

impl Owned {
    fn new(bucket: Bucket, word: Option<String>) -> Owned {
        let leaves_over = Arc::new(AtomicBool::new(true));
        Owned { bucket, word, is_ours: Arc::default(), leaves_over }
    }

    /// Folder and bucket have the same word; a bucket without one gets ours. Of several that begin in
    /// one bucket the first has it.
    async fn meet(&self) -> Result<(), Error> {
        let Some(word) = &self.word else { return Err(Error::ReadOnly("the bucket")) };
        let mut found = self.bucket.text(OWNER).await?;
        if found.is_none() {
            self.bucket.keeps_to_conditions(&format!("{OWNER}-{word}")).await?;
            // Who comes second reads whose it is; so does who was not told that it came first.
            self.bucket.claim(OWNER, &format!("{word}\n")).await?;
            found = self.bucket.text(OWNER).await?;
        }
        if found.is_some_and(|found| found.trim() == word) {
            return Ok(());
        }
        let name = self.bucket.name();
        Err(Error::Files(format!(
            "{name} has the files of another warehouse; name a prefix that is empty"
        )))
    }
}

impl Mark {
    fn new(dir: &Path, bucket: &Bucket) -> Mark {
        // It has to differ from those of other folders, and need not be a secret.
        let made = format!("{}\n{}\n{}", dir.display(), std::process::id(), crate::store::now().0);
        let digest = Sha256::digest(made);
        let word = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Mark { name: bucket.name().to_owned(), word }
    }

    fn read(dir: &Path) -> Result<Option<Mark>, Error> {
        let path = dir.join(MARK);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file("read", path)(error)),
        };
        let Some((name, word)) = text.trim_end().split_once('\n') else {
            let why = "it holds no bucket and its word".to_owned();
            return Err(Error::Damaged { what: path.display().to_string(), why });
        };
        Ok(Some(Mark { name: name.to_owned(), word: word.to_owned() }))
    }

    fn write(&self, dir: &Path) -> Result<(), Error> {
        let (tmp, path) = (dir.join("warehouse.bucket.new"), dir.join(MARK));
        let written = || -> std::io::Result<()> {
            let mut file = File::create(&tmp)?;
            writeln!(file, "{}\n{}", self.name, self.word)?;
            file.sync_all()?;
            std::fs::rename(&tmp, &path)
        };
        written().map_err(Error::file("write", &path))?;
        file::sync_folder(dir)
    }
}

/// Whether the folder's published files are in a bucket.
pub fn is_marked(dir: &Path) -> bool {
    dir.join(MARK).exists()
}

/// Whether the manifest names a file that is not ours alone.
async fn has_published(db: &mut Db) -> Result<bool, Error> {
    let files: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM file WHERE substr(path, 1, 1) <> '_'")
            .fetch_one(db)
            .await
            .map_err(Error::database("count published files"))?;
    Ok(files > 0)
}

/// Files on the local disk, for as long as this lives.
#[derive(Debug)]
pub struct Near {
    dir: PathBuf,
    copies: Option<Copies>,
}

impl Near {
    /// Where a file of the manifest is.
    pub fn path(&self, path: &str) -> PathBuf {
        match &self.copies {
            Some(copies) if !path.starts_with('_') => copies.folder.join(path),
            _ => self.dir.join(path),
        }
    }
}

/// A folder of copies that goes when it is dropped.
#[derive(Debug)]
struct Copies {
    folder: PathBuf,
    /// Held as long as they are needed; the kernel lets go of it when the process ends.
    _lock: File,
}

impl Copies {
    fn new(dir: &Path) -> Result<Copies, Error> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = dir.join(NEAR).join(format!("{}-{number}", std::process::id()));
        file::make_folder(&folder)?;
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(Error::file("create", &path))?;
        lock.lock().map_err(Error::file("lock", &path))?;
        Ok(Copies { folder, _lock: lock })
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        // What stays is removed at the next start of the one who writes.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Removes copies of processes that are gone.
///
/// # Errors
/// See [`Error`].
pub fn forget_copies(dir: &Path) -> Result<(), Error> {
    let entries = match std::fs::read_dir(dir.join(NEAR)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::file("list", dir.join(NEAR))(error)),
    };
    for entry in entries {
        let folder = entry.map_err(Error::file("list", dir.join(NEAR)))?.path();
        let is_free = File::open(folder.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_free {
            std::fs::remove_dir_all(&folder).map_err(Error::file("remove", &folder))?;
        }
    }
    Ok(())
}
