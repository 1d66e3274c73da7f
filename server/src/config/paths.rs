//! Where files are that keys name, or that lie in the data folder.

use super::Config;
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
        let mut hasher = std::hash::DefaultHasher::new();
        std::hash::Hash::hash(&data, &mut hasher);
        let name = format!("switchgrid-{:016x}", std::hash::Hasher::finish(&hasher));
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
