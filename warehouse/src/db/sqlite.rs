//! The file in the directory.

use crate::Error;
use sqlx::any::AnyConnectOptions;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Its name.
pub(super) const FILE: &str = "warehouse.db";
/// How a connection that writes is set up: a commit is on disk when it returns, and a statement waits
/// for another process for so many ms. What is written goes from SQLite's log into its file after
/// 16,000 pages (64 MB): after the 1,000 that are usual each transaction of a busy hour would be
/// written twice at once. The pages of one transaction stay in memory, 32 MB of them.
pub(super) const WRITES: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; \
                                 PRAGMA synchronous = FULL; \
                                 PRAGMA wal_autocheckpoint = 16000; PRAGMA cache_size = -32768";
/// How a connection that reads is set up.
pub(super) const READS: &str = "PRAGMA busy_timeout = 10000; PRAGMA query_only = ON";

/// The address of the file, every byte of its path escaped: nothing in it is a part of the address.
///
/// # Errors
/// See [`Error`].
pub(super) fn options(dir: &Path, makes: bool) -> Result<AnyConnectOptions, Error> {
    let mut address = String::from("sqlite:");
    for byte in dir.join(FILE).as_os_str().as_bytes() {
        let _ = write!(address, "%{byte:02X}");
    }
    address.push_str(if makes { "?mode=rwc" } else { "?mode=rw" });
    address.parse().map_err(Error::database("open"))
}
