//! The files of scheduled reports on this box, `reports/<tenant>/<report>-<period>-<run>.<form>`,
//! of further reports of a run `…-<run>-<place>.<form>`,
//! beneath their folder. A file is there whole and synced, or not at all.

use crate::blocking::blocking;
use desk::schedule::pack::Part;
use desk::schedule::run::{Run, RunFile};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use terms::TenantId;

/// Where the files of runs lie.
#[derive(Clone, Debug)]
pub struct Files(PathBuf);

impl Files {
    /// In this folder, which is made when it is needed.
    pub fn new(folder: PathBuf) -> Files {
        Files(folder)
    }

    /// The folder that [`Files::path`] is relative to.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// The name of the file of a run's report at `place`, from 0: no two runs and no two reports of
    /// a run have the same.
    pub fn name(run: &Run, place: usize, part: &Part) -> String {
        let Part { report, period, format, .. } = part;
        let name = match place {
            0 => format!("{report}-{period}-{}.{format}", run.id),
            _ => format!("{report}-{period}-{}-{}.{format}", run.id, place + 1),
        };
        let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        name.chars().map(|c| if safe(c) { c } else { '_' }).collect()
    }

    /// Where a run's file lies, relative to the folder.
    pub fn path(tenant: TenantId, name: &str) -> String {
        format!("reports/{tenant}/{name}")
    }

    fn whole(&self, tenant: TenantId, name: &str) -> PathBuf {
        self.0.join(Files::path(tenant, name))
    }

    /// Writes a file beside its place and syncs it. Then [`Files::keep`] puts it there.
    ///
    /// # Errors
    /// The disk's.
    pub async fn write(&self, tenant: TenantId, name: &str, bytes: Vec<u8>) -> io::Result<()> {
        let path = part(&self.whole(tenant, name));
        blocking(move || {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut file = File::create(&path)?;
            file.write_all(&bytes)?;
            file.sync_all()
        })
        .await
    }

    /// Puts a file that was written into its place, for good.
    ///
    /// # Errors
    /// The disk's.
    pub async fn keep(&self, tenant: TenantId, name: &str) -> io::Result<()> {
        let path = self.whole(tenant, name);
        blocking(move || {
            fs::rename(part(&path), &path)?;
            sync_folder_of(&path)
        })
        .await
    }

    /// Reads the file of a run, whole.
    ///
    /// # Errors
    /// The disk's, and when it is not as long as it was.
    pub async fn read(&self, tenant: TenantId, file: &RunFile) -> io::Result<Vec<u8>> {
        let path = self.whole(tenant, &file.name);
        let bytes = blocking(move || fs::read(path)).await?;
        match bytes.len() as u64 == file.bytes {
            true => Ok(bytes),
            false => Err(io::Error::other("it is not as long as it was written")),
        }
    }

    /// Removes a file; one that is not there is as good as removed.
    ///
    /// # Errors
    /// The disk's.
    pub async fn remove(&self, tenant: TenantId, name: &str) -> io::Result<()> {
        let path = self.whole(tenant, name);
        blocking(move || match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await
    }
}

fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("_tmp");
    PathBuf::from(name)
}

/// What was renamed there is there after a power cut too.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
