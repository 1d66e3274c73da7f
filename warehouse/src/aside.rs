//! Files that no answer reads any more and that nobody has decided to throw away: damaged ones whose
//! place others took, and published ones that the manifest does not name. They lie below `_aside`
//! under their own paths. An erasure removes all of them: one person cannot be taken out of what is
//! damaged, and nothing tells of whom the others are.

use crate::{Error, file};
use std::io::ErrorKind;
use std::path::Path;

/// Where they lie; readers of Parquet pass over names that begin like this.
pub const FOLDER: &str = "_aside";

/// Gives files a second name below [`FOLDER`]: the first one goes its way. One that is gone has none.
///
/// # Errors
/// See [`Error`].
pub fn keep(dir: &Path, paths: &[String]) -> Result<(), Error> {
    for path in paths {
        let (from, to) = (dir.join(path), dir.join(FOLDER).join(path));
        if !from.exists() {
            continue;
        }
        file::make_folder(to.parent().expect("a file lies in a folder"))?;
        match std::fs::hard_link(&from, &to) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(Error::file("link", to)(error));
            }
            _ => tracing::warn!(file = %path, "lies aside"),
        }
    }
    Ok(())
}

/// Moves a copy of the file `path` below [`FOLDER`]. One that is gone has none.
///
/// # Errors
/// See [`Error`].
pub fn bring(copy: &Path, dir: &Path, path: &str) -> Result<(), Error> {
    if !copy.exists() {
        return Ok(());
    }
    let to = dir.join(FOLDER).join(path);
    let folder = to.parent().expect("a file lies in a folder");
    file::make_folder(folder)?;
    std::fs::rename(copy, &to).map_err(Error::file("move aside", &to))?;
    tracing::warn!(file = %path, "lies aside");
    file::sync_folder(folder)
}

/// Moves a file below [`FOLDER`].
///
/// # Errors
/// See [`Error`].
pub fn take(dir: &Path, path: &str) -> Result<(), Error> {
    keep(dir, &[path.to_owned()])?;
    crate::publish::remove(&dir.join(path))
}

/// Moves a file below [`FOLDER`], under another path.
///
/// # Errors
/// See [`Error`].
pub fn take_as(dir: &Path, path: &str, name: &str) -> Result<(), Error> {
    let (from, to) = (dir.join(path), dir.join(FOLDER).join(name));
    file::make_folder(to.parent().expect("a file lies in a folder"))?;
    std::fs::rename(&from, &to).map_err(Error::file("move aside", &from))?;
    tracing::warn!(file = %path, "lies aside");
    Ok(())
}

/// Moves files below [`FOLDER`], in the place of what lies there under their names. A power cut brings
/// none of them back: beside what took their place an old manifest would count again.
///
/// # Errors
/// See [`Error`].
pub fn replace(dir: &Path, paths: &[String]) -> Result<(), Error> {
    let mut replaced = false;
    for path in paths {
        let (from, to) = (dir.join(path), dir.join(FOLDER).join(path));
        if from.exists() {
            file::make_folder(&dir.join(FOLDER))?;
            std::fs::rename(&from, &to).map_err(Error::file("move aside", &from))?;
            replaced = true;
        }
    }
    if replaced {
        file::sync_folder(&dir.join(FOLDER))?;
        file::sync_folder(dir)?;
    }
    Ok(())
}

/// The paths of what lies there, relative to the warehouse as they were.
///
/// # Errors
/// See [`Error`].
pub fn list(dir: &Path) -> Result<Vec<String>, Error> {
    let folder = dir.join(FOLDER);
    let found = file::walk(&folder)?;
    let relative = |path: &Path| Some(path.strip_prefix(&folder).ok()?.to_str()?.to_owned());
    Ok(found.iter().filter_map(|path| relative(path)).collect())
}

/// Removes all of it.
///
/// # Errors
/// See [`Error`].
pub fn clear(dir: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(dir.join(FOLDER)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::file("remove", dir.join(FOLDER))(error))
        }
        _ => Ok(()),
    }
}
