//! A disk that can be full: a small tmpfs over a folder, where this user may mount one.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small disk; it goes away with this value.
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Puts a disk of `mib` over `folder`; none where this user may not mount.
    pub fn over(folder: &Path, mib: u32) -> Option<Self> {
        let options = format!("size={mib}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder)
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then(|| SmallDisk { folder: folder.to_owned() })
    }

    /// Takes all the space that is left.
    ///
    /// # Panics
    /// When the disk does not become full.
    pub fn fill(&self) {
        let mut filler = std::fs::File::create(self.filler()).expect("a name still fits");
        let error = std::iter::repeat_with(|| filler.write_all(&[1; 4096]))
            .take(1 << 16)
            .find_map(Result::err)
            .expect("a small disk is full before 256 MiB");
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull, "{error}");
    }

    /// Gives the space back.
    ///
    /// # Panics
    /// When [`SmallDisk::fill`] did not take it.
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).expect("the disk was full");
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazy: the box that the test is about may still hold files there.
        let unmounted = Command::new("umount").arg("-l").arg(&self.folder).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.folder.display());
        }
    }
}
