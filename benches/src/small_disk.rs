//! A disk that can be full: a small tmpfs over a folder, where this user may mount one.

use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set to 1 it says that no tmpfs can be mounted here; a test then does without one. Where it is not
/// set, a test that wants a small disk and gets none has failed.
pub const NO_MOUNT: &str = "SWITCHGRID_NO_MOUNT";

/// A small disk; it goes away with this value.
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Puts a disk of `mib` over `folder`; none where this user may not mount.
    pub fn over(folder: &Path, mib: u32) -> Option<SmallDisk> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"]).arg(folder);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then(|| SmallDisk { folder: folder.to_owned() })
    }

    /// Whether [`NO_MOUNT`] says that there can be none.
    pub fn is_impossible() -> bool {
        std::env::var(NO_MOUNT).is_ok_and(|told| told == "1")
    }

    /// Takes all the space that is left.
    ///
    /// # Errors
    /// When the disk does not become full.
    pub fn fill(&self) -> Result<()> {
        let mut filler = File::create(self.filler()).context("begin to fill the disk")?;
        let pages = std::iter::repeat_with(|| filler.write_all(&[1; 4096])).take(1 << 16);
        let error =
            pages.filter_map(Result::err).next().context("the disk does not become full")?;
        ensure!(error.kind() == ErrorKind::StorageFull, "fill the disk: {error}");
        Ok(())
    }

    /// Gives the space back.
    ///
    /// # Errors
    /// When it was not taken.
    pub fn free(&self) -> Result<()> {
        std::fs::remove_file(self.filler()).context("free the disk")
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazy: what is under test may still hold files there.
        let unmounted = Command::new("umount").arg("-l").arg(&self.folder).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.folder.display());
        }
    }
}
