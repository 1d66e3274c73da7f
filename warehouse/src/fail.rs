//! Named failpoints as the errors that a disk or a database would give. Every one is in
//! [`COMMIT_STEPS`], [`REWRITE_STEPS`], [`ROLLUP_STEPS`], [`AGE_STEPS`] or [`MANIFEST_STEPS`], so that
//! the crash tests end the process there.

use crate::Error;
use std::io;
use std::path::Path;
use std::time::Duration;
use terms::failpoint::{
    AGE_STEPS, COMMIT_STEPS, Fault, MANIFEST_STEPS, REWRITE_STEPS, ROLLUP_STEPS, pass,
};

/// Passes `point` before a file operation, on a thread that may wait.
pub fn file(point: &str, action: &'static str, path: &Path) -> Result<(), Error> {
    let stall = fault(point).map_err(Error::file(action, path))?;
    std::thread::sleep(stall);
    Ok(())
}

/// Passes `point` before a statement. A stall holds up its task alone, as a slow database does.
pub async fn database(point: &str, action: &'static str) -> Result<(), Error> {
    let stall = fault(point).map_err(sqlx::Error::Io).map_err(Error::database(action))?;
    if !stall.is_zero() {
        tokio::time::sleep(stall).await;
    }
    Ok(())
}

/// Passes `point` before a request to an object store. A stall holds up its task alone.
pub async fn request(point: &str) -> io::Result<()> {
    let stall = fault(point)?;
    if !stall.is_zero() {
        tokio::time::sleep(stall).await;
    }
    Ok(())
}

/// How long the operation is to wait, or how it fails.
fn fault(point: &str) -> io::Result<Duration> {
    let lists = [COMMIT_STEPS, REWRITE_STEPS, ROLLUP_STEPS, AGE_STEPS, MANIFEST_STEPS];
    let known = lists.iter().any(|steps| steps.contains(&point));
    debug_assert!(known, "{point} is missing among the named steps");
    match pass(point) {
        None => Ok(Duration::ZERO),
        Some(Fault::StallMs(ms)) => Ok(Duration::from_millis(ms)),
        Some(Fault::NoSpace) => Err(io::ErrorKind::StorageFull.into()),
        Some(Fault::Short) => Err(io::ErrorKind::WriteZero.into()),
        Some(Fault::Eio | Fault::Kill) => Err(io::Error::other("input/output error")),
    }
}
