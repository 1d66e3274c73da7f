//! Work that waits for the disk, away from the event loop.

use std::io;

/// Runs work with files on a thread that may wait.
///
/// # Errors
/// The work's; one that panicked is an error, too.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
