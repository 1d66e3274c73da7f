//! Renderings on disk, in clear or sealed ([`crate::record::sealed`]). Promise: a reader sees the
//! same bytes either way and reads no more of the file than the chunks that it asks for; a writer
//! leaves nothing under the name before it is whole and durable.

#![allow(clippy::disallowed_methods)]

use crate::record::seal::{Keyring, SALT_BYTES};
use crate::record::sealed::{
    ENDING, Error, FileKey, HEADER_BYTES, Place, SEALED_CHUNK_BYTES, Sealing, chunks, clear_bytes,
    is_sealed, place_of,
};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use terms::TenantId;

/// A rendering that is read.
pub struct Rendering {
    file: File,
    /// In clear.
    bytes: u64,
    at: u64,
    sealed: Option<Sealed>,
}

struct Sealed {
    key: FileKey,
    tenant: TenantId,
    chunks: u64,
    /// The chunk that was read last, in clear.
    open: Option<(u64, Vec<u8>)>,
}

impl Rendering {
    /// Reads an open file, whichever it is. Without keys a sealed one is refused.
    ///
    /// # Errors
    /// What the disk says; `InvalidData` with [`Error`] for a sealed file that does not open.
    pub fn open(file: File, ring: Option<&Keyring>) -> io::Result<Rendering> {
        let disk_bytes = file.metadata()?.len();
        let mut start = [0; HEADER_BYTES];
        let got = read_at_most(&file, &mut start, 0)?;
        if !is_sealed(&start[..got]) {
            return Ok(Rendering { file, bytes: disk_bytes, at: 0, sealed: None });
        }
        let ring = ring.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the file is sealed, and no keys are here",
            )
        })?;
        let (key, header) = FileKey::open(ring, &start[..got]).map_err(invalid)?;
        let (chunks, bytes) =
            chunks(disk_bytes).zip(clear_bytes(disk_bytes)).ok_or_else(|| invalid(Error::Torn))?;
        let sealed = Sealed { key, tenant: header.tenant, chunks, open: None };
        Ok(Rendering { file, bytes, at: 0, sealed: Some(sealed) })
    }

    /// How long it is in clear.
    pub fn clear_bytes(&self) -> u64 {
        self.bytes
    }

    /// Whose it is, when it is sealed.
    pub fn sealed_for(&self) -> Option<TenantId> {
        self.sealed.as_ref().map(|sealed| sealed.tenant)
    }
}

impl Sealed {
    fn chunk(&mut self, file: &File, number: u64) -> io::Result<&[u8]> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            let mut chunk = self.open.take().map(|(_, chunk)| chunk).unwrap_or_default();
            chunk.resize(SEALED_CHUNK_BYTES, 0);
            let got = read_at_most(file, &mut chunk, place_of(number))?;
            chunk.truncate(got);
            let place = Place { number, last: number + 1 == self.chunks };
            self.key.unseal(place, &mut chunk).map_err(invalid)?;
            self.open = Some((number, chunk));
        }
        Ok(&self.open.as_ref().expect("it was just read").1)
    }
}

impl Read for Rendering {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.bytes.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = out.len().min(left);
        let got = match &mut self.sealed {
            _ if wanted == 0 => 0,
            None => self.file.read_at(&mut out[..wanted], self.at)?,
            Some(sealed) => {
                let size = crate::record::sealed::CHUNK_BYTES as u64;
                let chunk = sealed.chunk(&self.file, self.at / size)?;
                let part = chunk.get((self.at % size) as usize..).unwrap_or_default();
                let count = wanted.min(part.len());
                out[..count].copy_from_slice(&part[..count]);
                count
            }
        };
        self.at += got as u64;
        Ok(got)
    }
}

impl Seek for Rendering {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// How a new rendering is sealed.
#[derive(Clone, Copy)]
pub struct SealFor<'a> {
    /// With the current key of these.
    pub ring: &'a Keyring,
    /// For whom.
    pub tenant: TenantId,
}

/// A rendering that is written: under `<path>_tmp` until it is whole.
pub struct Writer {
    path: PathBuf,
    part: PathBuf,
    file: File,
    at: u64,
    sealing: Option<Sealing>,
}

impl Writer {
    /// Begins the file that shall be called `path`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn create(path: &Path, seal: Option<SealFor>) -> io::Result<Writer> {
        let part = beside(path, "_tmp");
        let file = File::create(&part)?;
        let mut writer = Writer { path: path.to_owned(), part, file, at: 0, sealing: None };
        if let Some(SealFor { ring, tenant }) = seal {
            let (sealing, header) = Sealing::new(ring, tenant, salt()?, true);
            writer.put(&header)?;
            writer.sealing = Some(sealing);
        }
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// More of it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Writer { file, sealing, .. } = self;
        match sealing {
            Some(sealing) => sealing.push(bytes, &mut |at, sealed| file.write_all_at(sealed, at)),
            None => self.put(bytes),
        }
    }

    /// Replaces the beginning by `start`, syncs the file, gives it its name and syncs the folder.
    ///
    /// # Errors
    /// What the disk says.
    pub fn finish(mut self, start: &[u8]) -> io::Result<()> {
        let file = &self.file;
        match self.sealing.take() {
            Some(sealing) => {
                sealing.finish(start, &mut |at, sealed| file.write_all_at(sealed, at))?;
            }
            None => file.write_all_at(start, 0)?,
        }
        file.sync_all()?;
        fs::rename(&self.part, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // After `finish` there is none of this name; before it, what is left is of no use.
        let _ = fs::remove_file(&self.part);
    }
}

/// The name that a file has when it is sealed.
pub fn sealed_name(path: &Path) -> PathBuf {
    beside(path, ENDING)
}

pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Sixteen random bytes.
pub(crate) fn salt() -> io::Result<[u8; SALT_BYTES]> {
    let mut salt = [0; SALT_BYTES];
    let refused = |_| io::Error::other("the system gives no random bytes");
    aws_lc_rs::rand::fill(&mut salt).map(|()| salt).map_err(refused)
}

fn invalid(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn read_at_most(file: &File, out: &mut [u8], from: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < out.len() {
        match file.read_at(&mut out[filled..], from + filled as u64)? {
            0 => break,
            got => filled += got,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sealed::CHUNK_BYTES;

    const TENANT: TenantId = TenantId(5);

    fn clear(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|n| (n * 31 % 251) as u8).collect()
    }

    fn write(path: &Path, clear: &[u8], start: &[u8], seal: Option<SealFor>) {
        let mut writer = Writer::create(path, seal).unwrap();
        clear.chunks(10_007).for_each(|piece| writer.write(piece).unwrap());
        writer.finish(start).unwrap();
    }

    fn open(path: &Path, ring: &Keyring) -> io::Result<Rendering> {
        Rendering::open(File::open(path)?, Some(ring))
    }

    #[test]
    fn what_is_written_is_read_whole_and_in_parts_sealed_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let (path, ring) = (dir.path().join("a.mp3"), Keyring::of(&[7; 32]));
        for bytes in [0, 1, 100, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 200_000] {
            for seal in [None, Some(SealFor { ring: &ring, tenant: TENANT })] {
                let mut expected = clear(bytes);
                let start = clear(bytes.min(40)).iter().map(|b| b ^ 0xFF).collect::<Vec<_>>();
                write(&path, &expected, &start, seal);
                expected[..start.len()].copy_from_slice(&start);
                let mut reader = open(&path, &ring).unwrap();
                assert_eq!(reader.sealed_for(), seal.map(|_| TENANT));
                assert_eq!(reader.clear_bytes(), bytes as u64);
                let mut all = Vec::new();
                reader.read_to_end(&mut all).unwrap();
                assert!(all == expected, "{bytes} bytes");
                for (from, count) in [(0, 1), (bytes / 2, 70_000), (bytes.saturating_sub(3), 9)] {
                    let mut part = Vec::new();
                    reader.seek(SeekFrom::Start(from as u64)).unwrap();
                    reader.by_ref().take(count).read_to_end(&mut part).unwrap();
                    let end = (from + count as usize).min(bytes);
                    assert!(part == expected[from..end], "{from}..{end} of {bytes}");
                }
            }
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_sealed_file_tells_nothing_and_shows_every_change_and_cut() {
        let dir = tempfile::tempdir().unwrap();
        let (path, ring) = (dir.path().join("a.wav.sealed"), Keyring::of(&[7; 32]));
        let expected = clear(3 * CHUNK_BYTES + 500);
        let seal = Some(SealFor { ring: &ring, tenant: TENANT });
        write(&path, &expected, &[], seal);
        let sealed = fs::read(&path).unwrap();
        assert!(!sealed.windows(16).any(|part| part == &expected[..16]));
        let read = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            let mut all = Vec::new();
            open(&path, &ring)?.read_to_end(&mut all).map(|_| all)
        };
        assert!(read(&sealed).unwrap() == expected);
        let places = [0, 9, 20, HEADER_BYTES, HEADER_BYTES + 70_000, sealed.len() - 1];
        for at in places {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            let refused = read(&changed);
            // Without its first four bytes it is no sealed file, and no recording either.
            assert!(at < 4 || refused.is_err(), "byte {at}");
        }
        for end in [40, HEADER_BYTES, HEADER_BYTES + 2 * SEALED_CHUNK_BYTES, sealed.len() - 1] {
            assert!(read(&sealed[..end]).is_err(), "cut at {end}");
        }
        let other = Keyring::of(&[8; 32]);
        fs::write(&path, &sealed).unwrap();
        let refused = open(&path, &other).err().unwrap().to_string();
        assert!(refused.contains("is not among the recording keys"), "{refused}");
        let refused = Rendering::open(File::open(&path).unwrap(), None).err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    }

    /// A range costs the chunks that it touches: the rest may be damaged.
    #[test]
    fn a_part_is_read_without_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let (path, ring) = (dir.path().join("a"), Keyring::of(&[7; 32]));
        let expected = clear(4 * CHUNK_BYTES);
        write(&path, &expected, &[], Some(SealFor { ring: &ring, tenant: TENANT }));
        let mut sealed = fs::read(&path).unwrap();
        for chunk in [0, 1, 3] {
            sealed[HEADER_BYTES + chunk * SEALED_CHUNK_BYTES] ^= 1;
        }
        fs::write(&path, sealed).unwrap();
        let mut reader = open(&path, &ring).unwrap();
        reader.seek(SeekFrom::Start(2 * CHUNK_BYTES as u64)).unwrap();
        let mut part = vec![0; CHUNK_BYTES];
        reader.read_exact(&mut part).unwrap();
        assert!(part == expected[2 * CHUNK_BYTES..3 * CHUNK_BYTES]);
        assert!(reader.read(&mut part).is_err());
    }

    #[test]
    fn a_writer_that_does_not_finish_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(&dir.path().join("a.mp3"), None).unwrap();
        writer.write(b"half").unwrap();
        drop(writer);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
