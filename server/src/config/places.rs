//! Where folders and files are whose place is a key, or follows from the data folder.

use super::Config;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

impl Config {
    /// File of the keys that seal recordings.
    pub fn recording_keys(&self) -> PathBuf {
        if self.recording.keys.as_os_str().is_empty() {
            self.server.data.join("recording.keys")
        } else {
            self.recording.keys.clone()
        }
    }

    /// Where live calls are kept; `None` where they are not. Two boxes on one machine have two data
    /// folders and so two of these.
    pub fn live_dir(&self) -> Option<PathBuf> {
        let live = &self.calls.live;
        if live.as_os_str() == "off" {
            return None;
        }
        if !live.as_os_str().is_empty() {
            return Some(live.clone());
        }
        let data = self.server.data.canonicalize().unwrap_or_else(|_| self.server.data.clone());
        let name = format!("switchgrid-{:016x}", fnv(data.as_os_str().as_bytes()));
        Some(Path::new("/dev/shm").join(name))
    }

    /// Folder of finished recordings.
    pub fn recordings_dir(&self) -> PathBuf {
        if self.recording.path.as_os_str().is_empty() {
            self.server.data.join("recordings")
        } else {
            self.recording.path.clone()
        }
    }
}

/// FNV-1a. The hashes of the standard library may be others in another build, which would not find what
/// this one kept.
fn fnv(octets: &[u8]) -> u64 {
    let mix = |hash: u64, octet: &u8| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
    octets.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_live_calls_has_the_same_name_in_every_build() {
        assert_eq!(fnv(b"foobar"), 0x8594_4171_f739_67e8, "as its authors have it");
        let mut config = Config::default();
        config.server.data = "/nowhere/data".into();
        let name = |config: &Config| config.live_dir().expect("calls are kept");
        let expected = format!("/dev/shm/switchgrid-{:016x}", fnv(b"/nowhere/data"));
        assert_eq!(name(&config), Path::new(&expected));
        config.server.data = "/nowhere/other".into();
        assert_ne!(name(&config), Path::new(&expected), "each box has its own");
    }
}
