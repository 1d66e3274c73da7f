//! Two machines on one line, each the very loop that its process runs; and processes that misbehave.

mod t38;

use super::process::{self, AUDIO, FRAME_BYTES, REPORT, Report, Task};
use super::session;
use super::*;
use crate::shard::documents::{FRAME_SAMPLES, FaxHeard, FaxSaid};
use crate::tiff;
use std::ffi::{CString, c_char, c_int, c_void};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use terms::media::FaxWay;
use terms::{FaxId, TenantId};

/// Octets of a row that every machine knows.
const ROW: usize = 216;
/// Rows of a page: a hand's breadth, so that a fax takes seconds.
const ROWS: usize = 100;

/// Three pages that differ: text-like strokes, with a frame around.
pub fn pages() -> Vec<Vec<u8>> {
    let octet = |page: usize, row: usize, at: usize| -> u8 {
        if row == 0 || row == ROWS - 1 {
            0xFF
        } else if at == 0 {
            0x80
        } else if at == ROW - 1 {
            0x01
        } else if (at >> page) % 3 == row / 8 % 3 {
            0x3C_u8.rotate_left((row + page) as u32)
        } else {
            0
        }
    };
    let page = |page| (0..ROWS * ROW).map(move |n| octet(page, n / ROW, n % ROW)).collect();
    (0..3).map(page).collect()
}

/// The same as a document.
pub fn document() -> Vec<u8> {
    let pages = pages();
    let pages: Vec<(u32, &[u8])> =
        pages.iter().map(|rows| (ROW as u32 * 8, rows.as_slice())).collect();
    tiff::write(&pages)
}

/// The pixels of each page, by libtiff, which comes with the library.
pub fn pixels(file: &Path) -> Vec<Vec<u8>> {
    type Open = unsafe extern "C" fn(*const c_char, *const c_char) -> *mut c_void;
    type Row = unsafe extern "C" fn(*mut c_void, *mut u8, u32, u16) -> c_int;
    type Next = unsafe extern "C" fn(*mut c_void) -> c_int;
    let bytes = std::fs::read(file).unwrap();
    let read = tiff::pages(&bytes).unwrap();
    let path = CString::new(file.as_os_str().as_bytes()).unwrap();
    // SAFETY: these are the functions of libtiff 4 by their own headers; a row of a fax page is as
    // long as the buffer says.
    unsafe {
        let opened = libc::dlopen(c"libtiff.so.6".as_ptr(), libc::RTLD_NOW);
        let opened = if opened.is_null() {
            libc::dlopen(c"libtiff.so.5".as_ptr(), libc::RTLD_NOW)
        } else {
            opened
        };
        assert!(
            !opened.is_null(),
            "`scripts/setup --tests` installs libspandsp2 and with it libtiff"
        );
        let find = |name: &std::ffi::CStr| libc::dlsym(opened, name.as_ptr());
        let open = std::mem::transmute::<*mut c_void, Open>(find(c"TIFFOpen"));
        let row = std::mem::transmute::<*mut c_void, Row>(find(c"TIFFReadScanline"));
        let next = std::mem::transmute::<*mut c_void, Next>(find(c"TIFFReadDirectory"));
        let tiff = open(path.as_ptr(), c"r".as_ptr());
        assert!(!tiff.is_null(), "libtiff reads it");
        let mut all = Vec::new();
        for page in &read {
            let bytes = page.width.div_ceil(8) as usize;
            let mut rows = vec![0; bytes * page.height as usize];
            for n in 0..page.height {
                let at = rows.as_mut_ptr().add(n as usize * bytes);
                // A row that cannot be read stays as far as it was.
                row(tiff, at, n, 0);
            }
            all.push(rows);
            next(tiff);
        }
        all
    }
}

/// Machines on threads of this process: each ends with its line.
pub fn threads() -> Launch {
    Arc::new(|_: &Path, line: UnixStream| -> io::Result<Option<Child>> {
        let output = line.try_clone()?;
        std::thread::spawn(move || process::serve(line, output));
        Ok(None)
    })
}

/// One end of a line to such a machine.
struct Machine(UnixStream);

impl Machine {
    fn start(sends: bool, file: &Path, ecm: bool) -> Self {
        let station = if sends { "+86 10 1111" } else { "+86 10 2222" }.to_owned();
        let (mut line, theirs) = UnixStream::pair().unwrap();
        threads()(Path::new("."), theirs).unwrap();
        let task = Task { sends, file: file.to_owned(), station, ecm };
        line.write_all(serde_json::to_string(&task).unwrap().as_bytes()).unwrap();
        line.write_all(b"\n").unwrap();
        Machine(line)
    }

    /// What it answers to a frame: another, or how it ended.
    fn answer(&mut self, frame: &[u8; FRAME_BYTES]) -> Result<[u8; FRAME_BYTES], Report> {
        self.0.write_all(&[&[AUDIO][..], frame].concat()).unwrap();
        let (mut kind, mut bytes) = ([0], [0; FRAME_BYTES]);
        self.0.read_exact(&mut kind).unwrap();
        if kind[0] == REPORT {
            let mut line = String::new();
            self.0.read_to_string(&mut line).unwrap();
            return Err(serde_json::from_str(&line).unwrap());
        }
        assert_eq!(kind[0], AUDIO);
        self.0.read_exact(&mut bytes).unwrap();
        Ok(bytes)
    }
}

/// Both until both have ended; `spoil` may change what the receiver hears.
fn connect(
    mut one: Machine,
    mut two: Machine,
    mut spoil: impl FnMut(usize, &mut [u8; FRAME_BYTES]),
) -> (Report, Report) {
    let (mut says, mut answers) = ([0; FRAME_BYTES], [0; FRAME_BYTES]);
    let (mut first, mut second) = (None, None);
    for n in 0..50 * 300 {
        spoil(n, &mut says);
        let heard = (says, answers);
        if second.is_none() {
            answers = two.answer(&heard.0).unwrap_or_else(|report| {
                second = Some(report);
                [0; FRAME_BYTES]
            });
        }
        if first.is_none() {
            says = one.answer(&heard.1).unwrap_or_else(|report| {
                first = Some(report);
                [0; FRAME_BYTES]
            });
        }
        if let (Some(first), Some(second)) = (&first, &second) {
            return (first.clone(), second.clone());
        }
    }
    panic!("no end in five minutes of sound: {first:?} {second:?}");
}

#[test]
fn three_pages_go_over_pixel_by_pixel_with_error_correction_and_without() {
    spandsp::check().expect("`scripts/setup --tests` installs libspandsp2");
    for ecm in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from.tif"), dir.path().join("to.tif"));
        std::fs::write(&from, document()).unwrap();
        let machines = (Machine::start(true, &from, ecm), Machine::start(false, &to, ecm));
        let (sent, received) = connect(machines.0, machines.1, |_, _| {});
        for report in [&sent, &received] {
            assert!(report.complete, "{report:?}");
            assert_eq!((report.pages, report.ecm, report.bit_rate), (3, ecm, 14_400));
        }
        assert_eq!((&*sent.station, &*received.station), ("+86 10 2222", "+86 10 1111"));
        assert_eq!(pixels(&to), pages(), "every pixel, ecm {ecm}");
    }
}

#[test]
fn error_correction_repeats_what_the_line_spoiled() {
    for ecm in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from.tif"), dir.path().join("to.tif"));
        std::fs::write(&from, document()).unwrap();
        let machines = (Machine::start(true, &from, ecm), Machine::start(false, &to, ecm));
        // 60 ms of silence in the midst of the first page, which goes over from 11.6 s to 15.9 s.
        let (sent, received) = connect(machines.0, machines.1, |n, says| {
            if (640..643).contains(&n) {
                says.fill(0);
            }
        });
        let is_whole = sent.complete && received.complete && pixels(&to) == pages();
        assert_eq!(is_whole, ecm, "{sent:?} {received:?}");
    }
}

fn order(way: FaxWay) -> FaxOrder {
    FaxOrder { fax: FaxId(7), tenant: TenantId(3), way, station: "+1 555".into(), ecm: true }
}

/// A fax whose caller hears nothing and is gone after so many frames.
fn attempt(launch: Launch, order: &FaxOrder, frames: usize) -> (FaxOutcome, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { launch, folder: dir.path().to_owned(), faxes_max: 1 };
    let (tell, heard) = sync_channel(frames.max(1));
    (0..frames).for_each(|_| tell.send(FaxHeard::Sound([0; FRAME_SAMPLES])).unwrap());
    drop(tell);
    let (says, _said) = rtrb::RingBuffer::new(FRAMES_MAX);
    (session::run(&config, order, &heard, says), dir)
}

#[test]
fn who_hangs_up_leaves_an_outcome_and_no_file() {
    let (outcome, dir) = attempt(threads(), &order(FaxWay::Receive), 100);
    assert!(!outcome.complete && outcome.pages == 0 && outcome.path.is_none(), "{outcome:?}");
    assert_eq!((outcome.fax, &*outcome.text), (FaxId(7), "The call dropped prematurely"));
    let left: Vec<_> = walk(dir.path());
    assert!(left.is_empty(), "{left:?}");
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let inside = |path: PathBuf| if path.is_dir() { walk(&path) } else { vec![path] };
    entries.flat_map(inside).collect()
}

#[test]
fn the_process_is_told_what_was_ordered() {
    for ecm in [true, false] {
        let (tell, told) = sync_channel(1);
        let launch = move |_: &Path, mut line: UnixStream| -> io::Result<Option<Child>> {
            let report = serde_json::to_string(&Report::default())?;
            line.write_all(format!("r{report}\n").as_bytes())?;
            tell.send(line).unwrap();
            Ok(None)
        };
        let order = FaxOrder { ecm, ..order(FaxWay::Receive) };
        let (outcome, _) = attempt(Arc::new(launch), &order, 1);
        assert_eq!((outcome.pages, &*outcome.text), (0, ""), "it reports at once");
        let mut task = String::new();
        BufReader::new(told.try_recv().unwrap()).read_line(&mut task).unwrap();
        let task: Task = serde_json::from_str(&task).unwrap();
        assert_eq!((task.sends, &*task.station, task.ecm), (false, "+1 555", ecm));
    }
}

/// A program that has nothing to do with faxes.
fn foreign(name: &'static str) -> Launch {
    Arc::new(move |_: &Path, line: UnixStream| -> io::Result<Option<Child>> {
        let mut command = Command::new(name);
        command.stdin(Stdio::from(OwnedFd::from(line.try_clone()?)));
        command.stdout(Stdio::from(OwnedFd::from(line))).stderr(Stdio::null());
        command.spawn().map(Some)
    })
}

#[test]
fn a_process_that_dies_or_talks_nonsense_costs_its_fax_and_says_so() {
    for (program, word) in [("true", "ended with"), ("yes", "byte 121"), ("cat", "byte 123")] {
        let (outcome, dir) = attempt(foreign(program), &order(FaxWay::Receive), 10);
        assert!(!outcome.complete && outcome.path.is_none());
        assert!(outcome.text.starts_with("the fax process failed"), "{program}: {}", outcome.text);
        assert!(outcome.text.contains(word), "{program}: {}", outcome.text);
        assert!(walk(dir.path()).is_empty());
    }
    let (outcome, _) = attempt(foreign("no-such-program"), &order(FaxWay::Receive), 1);
    assert!(outcome.text.starts_with("start its process"), "{}", outcome.text);
}

#[test]
fn a_process_that_answers_an_octet_at_a_time_is_one_that_hangs() {
    for kind in [AUDIO, REPORT] {
        let (line, mut theirs) = UnixStream::pair().unwrap();
        line.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        // It never comes to the end of a frame or of a line, and its own end stays open.
        let trickling = std::thread::spawn(move || {
            let mut octet = kind;
            for _ in 0..FRAME_BYTES - 20 {
                if theirs.write_all(&[octet]).is_err() {
                    return;
                }
                octet = b' ';
                std::thread::sleep(Duration::from_millis(10));
            }
            // Until the other end is gone.
            let _ = theirs.read(&mut [0]);
        });
        let answered = session::answer(&line, Duration::from_millis(100));
        assert_eq!(answered.err().map(|error| error.kind()), Some(io::ErrorKind::TimedOut));
        drop(line);
        trickling.join().unwrap();
    }
}

/// A process that leaves something under the name of what came, and tells of so many pages.
fn leaving(leave: impl Fn(&Path) -> io::Result<()> + Send + Sync + 'static, pages: u32) -> Launch {
    Arc::new(move |folder: &Path, mut line: UnixStream| -> io::Result<Option<Child>> {
        leave(&folder.join(FILE))?;
        let report = Report { complete: true, pages, ..Report::default() };
        let report = serde_json::to_string(&report)?;
        line.write_all(format!("r{report}\n").as_bytes())?;
        Ok(None)
    })
}

#[test]
fn a_file_with_fewer_pages_than_were_told_is_refused_and_not_kept() {
    for (told, text) in [(3, ""), (4, "of 4 pages 3 are in the file")] {
        let launch = leaving(|at| std::fs::write(at, document()), told);
        let (outcome, dir) = attempt(launch, &order(FaxWay::Receive), 10);
        assert_eq!((outcome.complete, &*outcome.text), (text.is_empty(), text));
        assert_eq!(outcome.path.is_some(), text.is_empty(), "{outcome:?}");
        assert_eq!(walk(dir.path()).len(), usize::from(text.is_empty()));
    }
}

/// How a process leaves a file of the box under the name of what came.
type Leave = fn(&Path, &Path) -> io::Result<()>;

#[test]
fn a_file_that_has_another_name_is_not_taken_for_what_came() {
    let copy: Leave = |of, at| std::fs::copy(of, at).map(|_| ());
    let second_name: Leave = |of, at| std::fs::hard_link(of, at);
    let link: Leave = |of, at| std::os::unix::fs::symlink(of, at);
    let elsewhere = tempfile::tempdir().unwrap();
    let of_another = elsewhere.path().join("9.tif");
    std::fs::write(&of_another, document()).unwrap();
    for (leave, is_taken) in [(copy, true), (second_name, false), (link, false)] {
        let of = of_another.clone();
        let launch = leaving(move |at| leave(&of, at), 3);
        let (outcome, dir) = attempt(launch, &order(FaxWay::Receive), 10);
        assert_eq!(outcome.path.is_some(), is_taken, "{outcome:?}");
        assert!(of_another.exists());
        let left = walk(dir.path());
        assert_eq!(left.len(), usize::from(is_taken), "{left:?}");
        for file in left {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        }
    }
}

#[test]
fn what_cannot_be_sent_is_refused_with_its_name() {
    let send = |document: &str| order(FaxWay::Send { document: document.into() });
    for (order, word) in [
        (send("missing"), "the document missing cannot be read"),
        (send("../secret"), "is no name of a document"),
        (FaxOrder { station: "Fax!".into(), ..order(FaxWay::Receive) }, "is no station id"),
    ] {
        let (outcome, _) = attempt(threads(), &order, 1);
        assert!(outcome.text.contains(word), "{}", outcome.text);
    }
}

#[test]
fn as_many_faxes_as_the_limit_are_under_way_and_the_next_is_refused_until_one_ends() {
    let dir = tempfile::tempdir().unwrap();
    let documents = documents(dir.path(), TenantId(3));
    std::fs::create_dir_all(&documents).unwrap();
    std::fs::write(documents.join("news.tif"), document()).unwrap();
    // Machines that answer every frame with silence and never hang up.
    let (starts, started) = mpsc::channel();
    let starts = std::sync::Mutex::new(starts);
    let launch: Launch = Arc::new(move |_: &Path, line: UnixStream| -> io::Result<Option<Child>> {
        starts.lock().unwrap().send(()).unwrap();
        std::thread::spawn(move || {
            let mut line = BufReader::new(line);
            let _ = line.read_line(&mut String::new());
            // A frame is answered as it comes.
            let mut frame = [0; 1 + FRAME_BYTES];
            while line.read_exact(&mut frame).is_ok() {
                if line.get_mut().write_all(&frame).is_err() {
                    break;
                }
            }
        });
        Ok(None)
    });
    let most = 60;
    let config = Config { launch, folder: dir.path().to_owned(), faxes_max: most };
    let (tell, told) = mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    let exchange = Exchange::new(Some(config), move |_, event| {
        let _ = tell.lock().unwrap().send(event);
    });
    let send = |n: u64| {
        let way = FaxWay::Send { document: "news".into() };
        exchange.connect(LegId(n), Some(0), &FaxOrder { fax: FaxId(n), ..order(way) })
    };
    let mut lines: Vec<Line> = (1..=most as u64).map(|n| send(n).expect("one of sixty")).collect();
    (0..most).for_each(|_| started.recv_timeout(Duration::from_secs(30)).expect("it begins"));

    assert!(send(100).is_none());
    let outcome = FaxOutcome::failed(FaxId(100), "60 faxes are under way (rtp.faxes_max)");
    assert_eq!(told.try_recv().unwrap(), Event::FaxDone { leg: LegId(100), outcome });
    // Each of the sixty is held all the same: what it hears is answered.
    for line in &mut lines {
        assert!(line.hears(FaxHeard::Sound([7; FRAME_SAMPLES])));
        let by = std::time::Instant::now() + Duration::from_secs(30);
        let said = loop {
            match line.said() {
                Some(said) => break said,
                None => assert!(std::time::Instant::now() < by, "it says nothing"),
            }
            std::thread::yield_now();
        };
        assert_eq!(said, FaxSaid::Sound([7; FRAME_SAMPLES]));
    }
    assert!(told.try_recv().is_err(), "none of them has ended");

    // One hangs up; its place is free before its outcome is told.
    drop(lines.pop());
    let ended = told.recv_timeout(Duration::from_secs(30)).expect("it ends");
    assert!(matches!(ended, Event::FaxDone { leg: LegId(60), .. }), "{ended:?}");
    assert!(send(101).is_some());
}

#[test]
fn without_machines_every_order_has_its_outcome_at_once() {
    let (tell, told) = mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    let exchange = Exchange::new(None, move |core, event| {
        tell.lock().unwrap().send((core, event)).unwrap();
    });
    assert!(exchange.connect(LegId(4), Some(2), &order(FaxWay::Receive)).is_none());
    let outcome = FaxOutcome::failed(FaxId(7), "this box has no fax machine");
    assert_eq!(told.try_recv().unwrap(), (2, Event::FaxDone { leg: LegId(4), outcome }));
}
