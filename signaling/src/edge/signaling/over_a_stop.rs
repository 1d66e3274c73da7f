//! Files of the data folder that one process leaves to the next at an orderly stop. They are read once:
//! after a kill they would be old. Who may read them is the owner alone.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What the process before has left, which is there no longer then; nothing where it left nothing.
pub(super) fn take<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    std::fs::remove_file(path)?;
    Ok(Some(serde_json::from_slice(&bytes)?))
}

/// Leaves it to the next process.
pub(super) fn leave<T: Serialize>(path: &Path, kept: &T) -> io::Result<()> {
    let partial = path.with_extension("part");
    let mut file =
        File::options().create(true).truncate(true).write(true).mode(0o600).open(&partial)?;
    file.write_all(&serde_json::to_vec(kept)?)?;
    file.sync_all()?;
    std::fs::rename(&partial, path)
}
