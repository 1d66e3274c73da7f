//! The files that slots of legs are mapped from, one for each media core.
//!
//! They belong into a folder in memory (`/dev/shm`): keys never reach a disk, no packet waits for
//! one, and after a restart of the machine, when no call can be going on, they are gone. The folder
//! is ours alone (mode 0700) and so is each file (0600); a folder of somebody else is refused. All
//! pages are reserved at the start, so that a full file system refuses the start of keeping and never
//! ends a core in the middle of a call; they are left out of core dumps.

use super::clock;
use crate::slot::{Memory, SLOT_BYTES, Slots};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Names this start of the machine; the monotonic clock counts from it.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Why legs are not kept.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {}: {source}", .path.display())]
pub struct Error {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error { doing, path: path.to_owned(), source }
}

/// A mapped file.
struct Mapped {
    words: *mut AtomicU64,
    len: usize,
}

// SAFETY: the mapping is plain memory that lives as long as this value, and is only ever used as
// atomic words.
unsafe impl Send for Mapped {}
// SAFETY: as above.
unsafe impl Sync for Mapped {}

impl Memory for Mapped {
    fn words(&self) -> &[AtomicU64] {
        // SAFETY: `words` points to `len` words that are mapped, aligned to a page, initialised by
        // the kernel, and unmapped only when this value is dropped.
        unsafe { std::slice::from_raw_parts(self.words, self.len) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: exactly what mmap gave; nobody holds a slice of it any more.
        unsafe { libc::munmap(self.words.cast(), self.len * 8) };
    }
}

impl Mapped {
    fn new(file: &File, bytes: usize) -> io::Result<Self> {
        // SAFETY: a new shared mapping of an open file that is `bytes` long; the result is checked.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the range was just mapped. Where the advice is not taken, a core dump has keys.
        unsafe { libc::madvise(start, bytes, libc::MADV_DONTDUMP) };
        Ok(Mapped { words: start.cast(), len: bytes / 8 })
    }
}

/// Makes the folder ours and forgets the files of cores that there are no longer.
///
/// # Errors
/// When it cannot be made, or belongs to somebody else.
pub fn prepare(folder: &Path, shards: u16) -> Result<(), Error> {
    own(folder)?;
    remove(folder, shards)
}

/// Makes the folder, and sees that it is ours alone.
///
/// # Errors
/// When it cannot be made, or belongs to somebody else.
pub fn own(folder: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(failed("make the folder", folder))?;
    let found = fs::symlink_metadata(folder).map_err(failed("look at the folder", folder))?;
    // SAFETY: geteuid has no memory effects and never fails.
    let own = unsafe { libc::geteuid() };
    if !found.is_dir() || found.uid() != own || found.mode() & 0o077 != 0 {
        let why = io::Error::other("it is not a folder of ours alone (mode 0700)");
        return Err(failed("keep live calls in", folder)(why));
    }
    Ok(())
}

/// Removes the files of all cores from this number on.
///
/// # Errors
/// When one that is there cannot be removed.
pub fn remove(folder: &Path, first: u16) -> Result<(), Error> {
    for shard in first..super::engine::SHARDS_MAX {
        let path = path_of(folder, shard);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &path)(error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn path_of(folder: &Path, shard: u16) -> PathBuf {
    folder.join(format!("media-{shard}.slots"))
}

/// Maps the slots of a core.
///
/// # Errors
/// When the file cannot be made, or there is no room for it.
pub fn open(folder: &Path, shard: u16, slots: usize) -> Result<Slots, Error> {
    let path = path_of(folder, shard);
    let bytes = Slots::words(slots) * 8;
    debug_assert!(bytes.is_multiple_of(SLOT_BYTES));
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&path)
        .map_err(failed("open", &path))?;
    let found = file.metadata().map_err(failed("look at", &path))?;
    if found.len() != bytes as u64 {
        // Another number of legs: a new configuration, under which nothing is restored.
        file.set_len(0).map_err(failed("empty", &path))?;
        file.set_len(bytes as u64).map_err(failed("lengthen", &path))?;
    }
    // SAFETY: no pointers are passed; the descriptor is open.
    let reserved = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, bytes as libc::off_t) };
    if reserved != 0 {
        return Err(failed("reserve", &path)(io::Error::from_raw_os_error(reserved)));
    }
    let memory = Mapped::new(&file, bytes).map_err(failed("map", &path))?;
    let boot = fs::read_to_string(BOOT_ID).map_err(failed("read", Path::new(BOOT_ID)))?;
    let boot = boot.trim().replace('-', "");
    let boot = u128::from_str_radix(&boot, 16).map_err(io::Error::other);
    let boot = boot.map_err(failed("read", Path::new(BOOT_ID)))?;
    Ok(Slots::take(Arc::new(memory), boot, clock::now()).0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn slots_are_ours_alone_and_outlive_who_wrote_them() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("live");
        prepare(&folder, 1).unwrap();
        let slots = open(&folder, 0, 3).unwrap();
        let file = fs::metadata(path_of(&folder, 0)).unwrap();
        assert_eq!((file.mode() & 0o777, file.len()), (0o600, 4 * SLOT_BYTES as u64));
        assert_eq!(slots.len(), 3);
        slots.reported(2, 7);
        drop(slots);
        assert!(fs::read(path_of(&folder, 0)).unwrap()[3 * SLOT_BYTES..].contains(&7));
        open(&folder, 0, 3).unwrap();
        assert!(fs::read(path_of(&folder, 0)).unwrap()[3 * SLOT_BYTES..].contains(&7), "kept");
        open(&folder, 0, 5).unwrap();
        let other = fs::read(path_of(&folder, 0)).unwrap();
        assert!(other[SLOT_BYTES..].iter().all(|&octet| octet == 0), "another size is emptied");
        open(&folder, 4, 1).unwrap();
        prepare(&folder, 4).unwrap();
        assert!(!path_of(&folder, 4).exists(), "a core that is not there any more");
    }

    #[test]
    fn a_folder_that_others_may_read_and_a_link_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(prepare(folder.path(), 1).unwrap_err().to_string().contains("ours alone"));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert!(prepare(&link, 1).is_err());
        std::os::unix::fs::symlink("elsewhere", path_of(folder.path(), 0)).unwrap();
        assert!(open(folder.path(), 0, 1).is_err(), "not through a link");
    }
}
