//! Delivery into a folder of the box: `<root>/<tenant>/<path>/<file>`, beneath a root of the
//! configuration alone. No link is followed on the way down, and a file is there whole or not at all.
//! The same delivery made twice leaves the same one file.

use super::files::sync_folder_of;
use super::outcome::Outcome;
use desk::schedule::target::folders;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use terms::TenantId;

/// Puts the file `from` into a folder under the name `name`. `place` is that of the delivery in its run:
/// two of one run go beside one another, into one folder too.
pub(super) fn put(
    roots: &[PathBuf],
    tenant: TenantId,
    (root, path): (&str, &str),
    from: &Path,
    (name, place): (&str, u32),
) -> Outcome {
    if !roots.iter().any(|allowed| allowed == Path::new(root)) {
        return Outcome::Failed(format!("{root} is not in schedules.directories"));
    }
    let Ok(below) = folders(path) else {
        return Outcome::Failed("the path leads elsewhere".to_owned());
    };
    let tenant = tenant.to_string();
    let below = std::iter::once(tenant.as_str()).chain(below);
    match descend(Path::new(root), below).and_then(|folder| copy(from, &folder, (name, place))) {
        Ok(()) => Outcome::Delivered,
        Err(error) => Outcome::Again(format!("{root}: {error}")),
    }
}

/// Goes down from the root, which has to be there, and makes what is missing below.
fn descend<'a>(root: &Path, below: impl Iterator<Item = &'a str>) -> io::Result<PathBuf> {
    let mut folder = root.canonicalize()?;
    for name in below {
        folder.push(name);
        match fs::create_dir(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        // Whoever may write there could have put a link that leads out.
        if !fs::symlink_metadata(&folder)?.is_dir() {
            return Err(io::Error::other(format!("{} is no folder", folder.display())));
        }
    }
    Ok(folder)
}

fn copy(from: &Path, folder: &Path, (name, place): (&str, u32)) -> io::Result<()> {
    let (to, part) = (folder.join(name), folder.join(format!(".{name}_{place}_tmp")));
    // A part that a crash left, or a link that lies in wait there.
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::options().write(true).create_new(true).open(&part)?;
    io::copy(&mut File::open(from)?, &mut file)?;
    file.sync_all()?;
    fs::rename(&part, &to)?;
    sync_folder_of(&to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_beneath_its_tenants_folder_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("out");
        fs::create_dir(&root).unwrap();
        let from = folder.path().join("file");
        fs::write(&from, "numbers").unwrap();
        let roots = [root.clone()];
        let text = root.to_str().unwrap();
        let put =
            |root: &str, path: &str| put(&roots, TenantId(7), (root, path), &from, ("a.pdf", 0));
        for _ in 0..2 {
            assert_eq!(put(text, "sales/daily"), Outcome::Delivered);
        }
        let to = root.join("7/sales/daily");
        assert_eq!(fs::read_to_string(to.join("a.pdf")).unwrap(), "numbers");
        assert_eq!(fs::read_dir(&to).unwrap().count(), 1, "no part stays");
        // Another delivery of the run is writing the same file there.
        let theirs = to.join(".a.pdf_1_tmp");
        fs::write(&theirs, "num").unwrap();
        assert_eq!(put(text, "sales/daily"), Outcome::Delivered);
        assert_eq!(fs::read_to_string(to.join("a.pdf")).unwrap(), "numbers");
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "num");
        assert!(matches!(put("/etc", ""), Outcome::Failed(_)));
        assert!(matches!(put(&format!("{text}/7"), ""), Outcome::Failed(_)));
        assert!(matches!(put(text, "../.."), Outcome::Failed(_)));
        // A link that was put there leads nowhere.
        std::os::unix::fs::symlink(folder.path(), root.join("7/link")).unwrap();
        assert!(matches!(put(text, "link"), Outcome::Again(_)));
        assert!(!folder.path().join("a.pdf").exists());
    }

    #[test]
    fn a_root_that_is_not_mounted_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("away");
        let outcome = put(
            std::slice::from_ref(&root),
            TenantId(7),
            (root.to_str().unwrap(), ""),
            folder.path(),
            ("a.pdf", 0),
        );
        assert!(matches!(outcome, Outcome::Again(_)), "{outcome:?}");
        assert!(!root.exists());
    }
}
