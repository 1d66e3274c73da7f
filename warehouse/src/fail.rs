//! Named failpoints as the errors that a disk or a database would give. Every one is in
//! [`COMMIT_STEPS`], so that the crash tests end the process there.

use crate::Error;
use std::io;
use std::path::Path;
use std::time::Duration;
use terms::failpoint::{COMMIT_STEPS, Fault, pass};

/// Passes `point` before a file operation.
pub fn file(point: &str, action: &'static str, path: &Path) -> Result<(), Error> {
    fault(point).map_err(Error::file(action, path))
}

/// Passes `point` before a statement.
pub fn database(point: &str, action: &'static str) -> Result<(), Error> {
    fault(point).map_err(sqlx::Error::Io).map_err(Error::database(action))
}

fn fault(point: &str) -> io::Result<()> {
    debug_assert!(COMMIT_STEPS.contains(&point), "{point} is missing in COMMIT_STEPS");
    match pass(point) {
        None => Ok(()),
        Some(Fault::StallMs(ms)) => {
            std::thread::sleep(Duration::from_millis(ms));
            Ok(())
        }
        Some(Fault::NoSpace) => Err(io::ErrorKind::StorageFull.into()),
        Some(Fault::Short) => Err(io::ErrorKind::WriteZero.into()),
        Some(Fault::Eio | Fault::Kill) => Err(io::Error::other("input/output error")),
    }
}
