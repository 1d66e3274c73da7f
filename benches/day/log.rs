//! The event log as the product writes it: numbered entries, frames, files of some size, synced
//! when the day is over.

use anyhow::{Context, Result};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use terms::event::{Entry, write_frame};

/// A file ends after so many bytes.
const FILE_BYTES_MAX: usize = 64 << 20;
/// What is written at a time.
const PIECE_BYTES: usize = 1 << 20;

/// The log, open for writing.
pub struct Log {
    folder: PathBuf,
    file: Option<(File, usize)>,
    frames: Vec<u8>,
    seq: u64,
}

impl Log {
    /// A log in an empty folder.
    pub fn new(folder: &Path) -> Log {
        Log { folder: folder.to_owned(), file: None, frames: Vec::new(), seq: 0 }
    }

    /// Gives the entry its number and writes it; the entry as it stands there.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn write(&mut self, mut entry: Entry) -> Result<Entry> {
        if self.file.as_ref().is_some_and(|(_, bytes)| *bytes >= FILE_BYTES_MAX) {
            self.close()?;
        }
        self.seq += 1;
        entry.seq = self.seq;
        if self.file.is_none() {
            let name = format!("events-{:020}.log", self.seq);
            let path = self.folder.join(name);
            let file = File::create(&path).with_context(|| path.display().to_string())?;
            self.file = Some((file, 0));
        }
        write_frame(&entry, &mut self.frames);
        if self.frames.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(entry)
    }

    fn flush(&mut self) -> Result<()> {
        if let Some((file, bytes)) = &mut self.file {
            file.write_all(&self.frames).context("write the event log")?;
            *bytes += self.frames.len();
            self.frames.clear();
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        self.flush()?;
        if let Some((file, _)) = self.file.take() {
            file.sync_all().context("sync the event log")?;
        }
        Ok(())
    }

    /// Makes it durable; how many entries it has.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn end(mut self) -> Result<u64> {
        self.close()?;
        Ok(self.seq)
    }
}
