//! One box a data folder. The lock is the kernel's (flock) and every child of a box holds it too: it
//! is free as soon as the last process of a box has ended, however it ended, and never before.
//!
//! The pid file beside it is for people and programs that want to end a box; it decides nothing,
//! because the number of a box that was killed may be another program's by now.

use crate::config::{Config, Error};
use std::fs::{File, TryLockError};
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// What the children of a killed supervisor may take beyond the drain time: the API seals last.
const ENDING_MAX: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A data folder that is ours.
pub struct FolderLock(File);

impl FolderLock {
    /// Takes the folder and notes who has it. Children of a supervisor that was killed are ending:
    /// they are waited for.
    ///
    /// # Errors
    /// [`Error::Refused`] when another box works there.
    pub async fn take(config: &Config) -> Result<Self, Error> {
        Self::take_within(config, config.server.drain_max.0 + ENDING_MAX).await
    }

    async fn take_within(config: &Config, ending_max: Duration) -> Result<Self, Error> {
        let pid = config.server.data.join("run/switchgrid.pid");
        let file = open(config)?;
        let until = Instant::now() + ending_max;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(failed(config, &error)),
                Err(TryLockError::WouldBlock) => {}
            }
            let holder = std::fs::read_to_string(&pid).unwrap_or_default();
            let holder = holder.trim();
            if is_serving(holder, &config.server.data) || Instant::now() >= until {
                return Err(in_use(config, holder));
            }
            if !told {
                tracing::info!(holder, "waits for the children of a box that was killed");
                told = true;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        std::fs::write(&pid, std::process::id().to_string())
            .map_err(|error| failed(config, &error))?;
        Ok(FolderLock(file))
    }

    /// To be kept open by the children.
    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// A data folder that no box may work on as long as this lives: a command changes what it stands on.
pub struct Held {
    _file: File,
}

impl Held {
    /// Takes the folder; who has it is not noted, because no box does.
    ///
    /// # Errors
    /// [`Error::Refused`] with the process that works there.
    pub fn take(config: &Config) -> Result<Self, Error> {
        let run = config.server.data.join("run");
        std::fs::create_dir_all(run).map_err(|error| failed(config, &error))?;
        take_now(config).map(|_file| Held { _file })
    }
}

/// Says whether a box works there, and takes nothing.
///
/// # Errors
/// [`Error::Refused`] with the process that does.
pub fn check_free(config: &Config) -> Result<(), Error> {
    take_now(config).map(drop)
}

fn take_now(config: &Config) -> Result<File, Error> {
    let file = open(config)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => Err(failed(config, &error)),
        Err(TryLockError::WouldBlock) => {
            let pid = config.server.data.join("run/switchgrid.pid");
            Err(in_use(config, std::fs::read_to_string(pid).unwrap_or_default().trim()))
        }
    }
}

fn open(config: &Config) -> Result<File, Error> {
    let path = config.server.data.join("run/switchgrid.lock");
    let file = File::options().create(true).truncate(false).write(true).open(path);
    file.map_err(|error| failed(config, &error))
}

fn failed(config: &Config, error: &std::io::Error) -> Error {
    refused(format!("{} cannot be locked ({error})", config.server.data.display()))
}

fn in_use(config: &Config, holder: &str) -> Error {
    refused(format!(
        "{} is in use by process {holder}; end it or name another folder",
        config.server.data.display()
    ))
}

fn refused(problem: String) -> Error {
    Error::Refused { key: "server.data".into(), problem }
}

/// Whether the process with this number is a supervisor that lives and works in this folder: the
/// number of a killed one may be that of another box's by now.
fn is_serving(pid: &str, data: &Path) -> bool {
    if pid.parse::<u32>().is_err() {
        return false;
    }
    let process = Path::new("/proc").join(pid);
    let command = std::fs::read(process.join("cmdline")).unwrap_or_default();
    command.split(|byte| *byte == 0).any(|word| word == b"serve") && has_open(&process, data)
}

fn has_open(process: &Path, data: &Path) -> bool {
    let Ok(lock) = data.join("run/switchgrid.lock").canonicalize() else { return false };
    // Whose files we may not see may well work here.
    let Ok(files) = std::fs::read_dir(process.join("fd")) else { return process.exists() };
    files.flatten().any(|file| std::fs::read_link(file.path()).is_ok_and(|path| path == lock))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(data: &Path) -> Config {
        let mut config = Config::default();
        config.server.data = data.to_owned();
        std::fs::create_dir_all(data.join("run")).unwrap();
        config
    }

    #[tokio::test]
    async fn a_number_that_a_killed_box_left_does_not_stand_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let pid = folder.path().join("run/switchgrid.pid");
        std::fs::write(&pid, "1").unwrap();
        let lock = FolderLock::take(&config).await.unwrap();
        assert_eq!(std::fs::read_to_string(&pid).unwrap(), std::process::id().to_string());
        drop(lock);
        check_free(&config).unwrap();
        drop(FolderLock::take(&config).await.unwrap());
    }

    #[tokio::test]
    async fn a_folder_that_stays_locked_is_refused_with_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let _held = FolderLock::take(&config).await.unwrap();
        // This test is no `serve`, so the second one waits for it as for a child that is ending.
        let second = FolderLock::take_within(&config, Duration::from_millis(50)).await;
        assert!(check_free(&config).is_err());
        let error = second.err().expect("one box a folder");
        let text = error.to_string();
        assert!(text.starts_with("server.data: "), "{text}");
        assert!(text.contains(&format!("in use by process {}", std::process::id())), "{text}");
    }
}
