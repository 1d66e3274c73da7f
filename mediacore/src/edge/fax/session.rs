//! One fax from here: its folder, its process, the frames to it and back, and the document that is
//! left when it ends. Runs on a thread of its own and may wait, though never long.

use super::process::{
    self, AUDIO, BEAT, FILE_BYTES_MAX, FRAME_BYTES, PACKET, REPORT, Report, Task,
};
use super::{Config, FILE};
use crate::shard::documents::{FaxHeard, FaxSaid};
use crate::tiff;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use terms::media::{FaxOrder, FaxOutcome, FaxWay, is_fax_name, is_fax_station};

/// A frame may take this long to be answered; the slowest is the first, when the process starts.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// A fax may take this long.
const FRAMES_MAX: u32 = 60 * 60 * 50;
/// Packets that are said in 20 ms, at most: at 14,400 bit/s it is one.
const PACKETS_MAX: usize = 64;
/// A report is a line of JSON.
const REPORT_BYTES_MAX: usize = 4_096;

/// Goes through the whole fax.
pub(super) fn run(
    config: &Config,
    order: &FaxOrder,
    heard: &Receiver<FaxHeard>,
    said: rtrb::Producer<FaxSaid>,
) -> FaxOutcome {
    let folder = config.folder.join("part").join(order.fax.to_string());
    let outcome = attempt(config, order, &folder, (heard, said));
    if let Err(error) = fs::remove_dir_all(&folder) {
        tracing::debug!(folder = %folder.display(), %error, "the folder of a fax stays");
    }
    outcome.unwrap_or_else(|text| FaxOutcome::failed(order.fax, text))
}

fn attempt(
    config: &Config,
    order: &FaxOrder,
    folder: &Path,
    (heard, said): (&Receiver<FaxHeard>, rtrb::Producer<FaxSaid>),
) -> Result<FaxOutcome, String> {
    if !is_fax_station(&order.station) {
        return Err(format!("{:?} is no station id", order.station));
    }
    let failed = |what: &str, error: &io::Error| format!("{what}: {error}");
    make(folder).map_err(|error| failed("make its folder", &error))?;
    let file = folder.join(FILE);
    let sends = match &order.way {
        FaxWay::Send { document } => {
            take_document(config, order, document, &file)?;
            true
        }
        FaxWay::Receive => false,
    };
    let (line, theirs) = UnixStream::pair().map_err(|error| failed("make its line", &error))?;
    for set in [UnixStream::set_read_timeout, UnixStream::set_write_timeout] {
        set(&line, Some(ANSWER_MAX)).map_err(|error| failed("limit its line", &error))?;
    }
    let task = Task { sends, file: file.clone(), station: order.station.clone(), ecm: order.ecm };
    let child = (config.launch)(folder, theirs);
    let mut child = child.map_err(|error| failed("start its process", &error))?;
    let report = talk(&line, &task, heard, said);
    let ended = child.as_mut().map(end);
    let report = report.map_err(|error| match ended {
        Some(ended) => format!("the fax process failed: {error}; it ended with {ended}"),
        None => format!("the fax process failed: {error}"),
    });
    if sends { Ok(sent(order, report?)) } else { received(config, order, &file, report) }
}

/// A copy of the document: what becomes of the original meanwhile changes nothing.
fn take_document(
    config: &Config,
    order: &FaxOrder,
    document: &str,
    file: &Path,
) -> Result<(), String> {
    if !is_fax_name(document) {
        return Err(format!("{document:?} is no name of a document"));
    }
    let path = documents(&config.folder, order.tenant).join(document).with_extension("tif");
    let copied = fs::copy(&path, file);
    copied.map(|_| ()).map_err(|error| format!("the document {document} cannot be read: {error}"))
}

/// Where a tenant's documents lie that can be sent.
pub fn documents(folder: &Path, tenant: terms::TenantId) -> PathBuf {
    folder.join(tenant.to_string()).join("documents")
}

/// Frame for frame, until the machine reports or the line is gone.
fn talk(
    line: &UnixStream,
    task: &Task,
    heard: &Receiver<FaxHeard>,
    mut said: rtrb::Producer<FaxSaid>,
) -> io::Result<Report> {
    tell(line, &[serde_json::to_vec(task)?, b"\n".to_vec()].concat())?;
    let mut frames = 0;
    while frames < FRAMES_MAX {
        let Ok(hears) = heard.recv() else { break };
        tell(line, &process::heard(&hears)?)?;
        // The others are not answered.
        if matches!(hears, FaxHeard::Sound(_) | FaxHeard::Beat) {
            frames += 1;
            if let Some(report) = take(line, &mut said)? {
                return Ok(report);
            }
        }
    }
    line.shutdown(Shutdown::Write)?;
    match answer(line, ANSWER_MAX)? {
        Answer::Report(report) => Ok(report),
        Answer::Said(_) | Answer::Beat => Err(io::Error::other("it spoke without being asked")),
    }
}

/// What the machine says to a frame; the report when it is done.
fn take(line: &UnixStream, said: &mut rtrb::Producer<FaxSaid>) -> io::Result<Option<Report>> {
    for _ in 0..PACKETS_MAX {
        let says = match answer(line, ANSWER_MAX)? {
            Answer::Report(report) => return Ok(Some(report)),
            Answer::Beat => return Ok(None),
            Answer::Said(says) => says,
        };
        let is_last = matches!(says, FaxSaid::Sound(_));
        // A core that does not take it has closed the line.
        let _ = said.push(says);
        if is_last {
            return Ok(None);
        }
    }
    Err(io::Error::other("it speaks without end"))
}

/// A process that is gone may have reported before.
fn tell(mut line: &UnixStream, bytes: &[u8]) -> io::Result<()> {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    line.write_all(bytes).or_else(|error| match error.kind() {
        BrokenPipe | ConnectionReset => Ok(()),
        _ => Err(error),
    })
}

#[expect(clippy::large_enum_variant, reason = "nearly all are frames")]
pub(super) enum Answer {
    Said(FaxSaid),
    Beat,
    Report(Report),
}

/// The next answer, whole in `patience` and a little more: a process that trickles is one that
/// hangs.
pub(super) fn answer(line: &UnixStream, patience: Duration) -> io::Result<Answer> {
    let by = Instant::now() + patience;
    let mut octet = [0];
    read_by(line, &mut octet, by)?;
    match octet[0] {
        AUDIO => {
            let mut bytes = [0; FRAME_BYTES];
            read_by(line, &mut bytes, by)?;
            Ok(Answer::Said(FaxSaid::Sound(process::samples(&bytes))))
        }
        PACKET => {
            let mut copies = [0];
            read_by(line, &mut copies, by)?;
            let octets = process::read_packet(&mut By { line, by })?;
            Ok(Answer::Said(FaxSaid::Packet { octets, copies: copies[0] }))
        }
        BEAT => Ok(Answer::Beat),
        REPORT => {
            let mut bytes = Vec::new();
            while octet != [b'\n'] && bytes.len() < REPORT_BYTES_MAX {
                read_by(line, &mut octet, by)?;
                bytes.extend(octet);
            }
            Ok(Answer::Report(serde_json::from_slice(&bytes)?))
        }
        other => Err(io::Error::other(format!("it answered with byte {other}"))),
    }
}

/// Reads that have one limit together.
struct By<'a> {
    line: &'a UnixStream,
    by: Instant,
}

impl Read for By<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        read_by(self.line, bytes, self.by)?;
        Ok(bytes.len())
    }
}

/// Each read has the line's own limit; all of them together have this one.
fn read_by(mut line: &UnixStream, bytes: &mut [u8], by: Instant) -> io::Result<()> {
    use io::ErrorKind::{Interrupted, TimedOut, UnexpectedEof};
    let mut done = 0;
    while done < bytes.len() {
        if Instant::now() > by {
            return Err(TimedOut.into());
        }
        match line.read(&mut bytes[done..]) {
            Ok(0) => return Err(UnexpectedEof.into()),
            Ok(read) => done += read,
            Err(error) if error.kind() == Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Ends a process that has reported, or will not: its file is closed before its report. How it
/// ended.
fn end(child: &mut Child) -> String {
    // It may be gone already.
    let _ = child.kill();
    child.wait().map_or_else(|error| error.to_string(), |status| status.to_string())
}

fn sent(order: &FaxOrder, report: Report) -> FaxOutcome {
    let Report { complete, pages, ecm, bit_rate, station, text } = report;
    let fax = order.fax;
    FaxOutcome { fax, complete, pages, ecm, bit_rate, station, text, ..FaxOutcome::default() }
}

/// The pages that came are kept, also where the fax broke off after them.
fn received(
    config: &Config,
    order: &FaxOrder,
    file: &Path,
    report: Result<Report, String>,
) -> Result<FaxOutcome, String> {
    let report = report?;
    let mut outcome = sent(order, report);
    if outcome.pages == 0 {
        outcome.complete = false;
        return Ok(outcome);
    }
    let bytes = read(file).map_err(|error| format!("read what came: {error}"))?;
    let pages = tiff::pages(&bytes).map_err(|error| format!("what came is no fax: {error}"))?;
    if (pages.len() as u64) < u64::from(outcome.pages) {
        return Err(format!("of {} pages {} are in the file", outcome.pages, pages.len()));
    }
    let path = format!("{}/{}.tif", order.tenant, order.fax);
    keep(file, &config.folder.join(&path)).map_err(|error| format!("keep it: {error}"))?;
    outcome.path = Some(path);
    outcome.bytes = bytes.len() as u64;
    outcome.sha256 =
        Some(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect());
    Ok(outcome)
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    // The process may have left something else under this name: no link is followed, no pipe waited
    // for.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let opened = fs::File::options().read(true).custom_flags(flags).open(file)?;
    let is = opened.metadata()?;
    // A second name would be that of another file of the box, given to whoever asks for this fax.
    if !is.is_file() || is.nlink() != 1 {
        return Err(io::Error::other("it is no file of its own"));
    }
    let mut bytes = Vec::new();
    opened.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// On disk, whole, under its name; only the box's own user reads it.
fn keep(file: &Path, path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    if !folder.is_dir() {
        make(folder)?;
        // Its name is on disk before there is an entry of the log that speaks of what lies in it.
        let above = [folder.parent(), folder.parent().and_then(Path::parent)];
        for made in above.into_iter().flatten() {
            fs::File::open(made)?.sync_all()?;
        }
    }
    let kept = fs::File::open(file)?;
    kept.set_permissions(fs::Permissions::from_mode(0o600))?;
    kept.sync_all()?;
    fs::rename(file, path)?;
    fs::File::open(folder)?.sync_all()
}

fn make(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
