//! File operations of a segment log in their blocking form, and the failpoints that both forms
//! pass: `storage.open`, `storage.write`, `storage.sync`.

use crate::record::log::{Op, Outcome};
use crate::record::segment::{HeaderError, SEGMENT_HEADER_BYTES, SegmentHeader};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use terms::failpoint::{Fault, pass};

/// What a failpoint asks of the operation behind it.
pub(crate) enum Gate {
    /// Nothing.
    Go,
    /// Take this much longer.
    Stall(Duration),
    /// Do half, then fail.
    Short,
    /// Fail.
    Fail(io::Error),
}

/// Passes a failpoint.
pub(crate) fn gate(name: &str) -> Gate {
    match pass(name) {
        None | Some(Fault::Kill) => Gate::Go,
        Some(Fault::StallMs(ms)) => Gate::Stall(Duration::from_millis(ms)),
        Some(Fault::Short) => Gate::Short,
        Some(Fault::Eio) => Gate::Fail(io::Error::from_raw_os_error(libc::EIO)),
        Some(Fault::NoSpace) => Gate::Fail(io::Error::from_raw_os_error(libc::ENOSPC)),
    }
}

/// The same for an operation that can only be done or fail.
pub(crate) fn pass_gate(name: &str) -> io::Result<()> {
    match gate(name) {
        Gate::Go => Ok(()),
        Gate::Stall(time) => {
            std::thread::sleep(time);
            Ok(())
        }
        Gate::Short => Err(io::ErrorKind::WriteZero.into()),
        Gate::Fail(error) => Err(error),
    }
}

/// An operation with the bytes that it writes, sealed.
#[derive(Debug)]
pub(crate) struct Job {
    /// What to do.
    pub(crate) op: Op,
    /// A segment's header or a block; empty for everything else.
    pub(crate) bytes: Vec<u8>,
}

/// What a failure means for the log.
pub(crate) fn classify(result: &io::Result<()>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(error) => match error.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT) => Outcome::NoSpace,
            _ => Outcome::Failed,
        },
    }
}

/// Makes a name in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Reads the beginning of a segment file.
pub(crate) fn header_of(path: &Path) -> io::Result<Result<SegmentHeader, HeaderError>> {
    let mut start = Vec::new();
    File::open(path)?.take(SEGMENT_HEADER_BYTES as u64).read_to_end(&mut start)?;
    Ok(SegmentHeader::read(&start))
}

/// The open segment of one shard.
pub(crate) struct SegmentFile {
    directory: PathBuf,
    open: Option<File>,
}

impl SegmentFile {
    /// Nothing is open.
    pub(crate) fn new(directory: PathBuf) -> SegmentFile {
        SegmentFile { directory, open: None }
    }

    /// Does it, however long it takes.
    pub(crate) fn perform(&mut self, job: &Job) -> io::Result<()> {
        match &job.op {
            Op::Open(header) => self.create(header, &job.bytes),
            Op::Write { offset, .. } => self.write(*offset, &job.bytes),
            Op::Sync(_) => {
                pass_gate("storage.sync")?;
                self.file()?.sync_data()
            }
            Op::Close(_) => {
                self.open = None;
                Ok(())
            }
        }
    }

    fn file(&self) -> io::Result<&File> {
        self.open.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn create(&mut self, header: &SegmentHeader, bytes: &[u8]) -> io::Result<()> {
        pass_gate("storage.open")?;
        let path = self.directory.join(header.id.file_name());
        let mut created = File::options().write(true).create_new(true).open(&path)?;
        let written = created
            .write_all(bytes)
            .and_then(|()| created.sync_all())
            .and_then(|()| sync_directory(&self.directory));
        if written.is_err() {
            // It holds nothing; if it cannot be removed, the next start does it.
            let _ = fs::remove_file(&path);
            return written;
        }
        self.open = Some(created);
        Ok(())
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match gate("storage.write") {
            Gate::Go => {}
            Gate::Stall(time) => std::thread::sleep(time),
            Gate::Short => {
                self.file()?.write_all_at(&bytes[..bytes.len() / 2], offset)?;
                return Err(io::ErrorKind::WriteZero.into());
            }
            Gate::Fail(error) => return Err(error),
        }
        self.file()?.write_all_at(bytes, offset)
    }
}
