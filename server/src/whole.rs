//! Files that lie whole under their name or not at all, whenever the box is killed.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Puts a file to `path`, by way of `partial` in the same folder, so that it lies there after a power
/// cut. What a kill left at `partial` is written anew.
///
/// # Errors
/// The disk's; nothing is left at `partial` then, and `path` is as it was unless the folder alone
/// could not be synced.
pub fn put(path: &Path, partial: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = (|| {
        let mut file =
            File::options().create(true).truncate(true).write(true).mode(0o600).open(partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(partial, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    })();
    if written.is_err() {
        // Where the disk is full this makes room; the error that counts is told already.
        let _ = std::fs::remove_file(partial);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_the_place_of_one_before_or_leaves_it_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (path, partial) = (folder.path().join("a"), folder.path().join(".part"));
        std::fs::write(&partial, "what a kill left, which is longer").unwrap();
        put(&path, &partial, b"one").unwrap();
        put(&path, &partial, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert!(!partial.exists());
        // A folder stands where the file would be: nothing is left beside it.
        let taken = folder.path().join("taken");
        std::fs::create_dir_all(taken.join("full")).unwrap();
        assert!(put(&taken, &partial, b"three").is_err());
        assert!(!partial.exists() && taken.is_dir());
    }
}
