//! Which recordings are to be encoded: every new one, and those of the last days that lack a form.
//! They wait here and go to the worker one by one, so that a peak of calls is encoded after it.
//! What cannot be made, because the disk is full or for another reason, is tried again for a day.

use super::links::WorkLink;
use super::live::feed::Feed;
use crate::work::encode::Form;
use crate::work::jobs::Job;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use terms::RecordingId;
use terms::event::{Entry, Kind};
use terms::media::{Ledger, RecordFormat};
use terms::record::Recording;
use tokio::sync::Notify;
use warehouse::Warehouse;

/// Pause after the log or the worker did not answer, and after a file could not be made once.
const RETRY: Duration = Duration::from_secs(1);
/// Longest pause of a file that could not be made.
const PAUSE_MAX: Duration = Duration::from_secs(600);
/// So often it is tried again: for a day.
const RETRIES_MAX: u32 = 150;
/// Days back that are searched for recordings without a form at start.
const DAYS: usize = 3;
/// Rows asked for at a time.
const PAGE: usize = 1_000;
/// Recordings that wait for the encoder; more are made when they are fetched.
const WAITING_MAX: usize = 100_000;

/// What waits for the encoder.
#[derive(Debug)]
pub struct Backlog {
    line: Mutex<Line>,
    came: Notify,
    /// Pause after a first failure; each further one doubles it.
    pause: Duration,
}

impl Default for Backlog {
    fn default() -> Self {
        Backlog::pausing(RETRY)
    }
}

impl Backlog {
    /// One that tries again after this pause, and later after longer ones.
    pub(super) fn pausing(pause: Duration) -> Self {
        Backlog { line: Mutex::default(), came: Notify::new(), pause }
    }

    /// How many files wait, the one under way and those included that are tried again.
    pub fn len(&self) -> usize {
        self.line().len()
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().expect("no panic while held")
    }

    pub(super) fn push(&self, wav: &str, forms: &[Form]) {
        let mut line = self.line();
        for form in forms {
            line.push(wav, *form);
        }
        self.came.notify_one();
    }

    /// The one whose turn it is; it stays in line until it is [done](Self::done) or
    /// [failed](Self::failed).
    async fn first(&self) -> (String, Form) {
        loop {
            let turn = self.line().turn(Instant::now());
            match turn {
                Turn::Now(wav, form) => return (wav, form),
                Turn::At(then) => {
                    let _ = tokio::time::timeout_at(then.into(), self.came.notified()).await;
                }
                Turn::Nobody => self.came.notified().await,
            }
        }
    }

    fn done(&self) {
        self.line().done();
    }

    /// False when it has failed too often and is not tried again.
    fn failed(&self) -> bool {
        self.line().failed(Instant::now(), self.pause)
    }
}

/// A file to be made.
#[derive(Clone, Debug)]
struct Waiting {
    wav: String,
    form: Form,
    failed: u32,
}

/// Who comes when. What failed stands aside until its pause is over, so that one file which cannot
/// be made holds up no other.
#[derive(Debug, Default)]
struct Line {
    next: VecDeque<Waiting>,
    /// By the moment when they come back; the number keeps two of one moment apart.
    aside: BTreeMap<(Instant, u64), Waiting>,
    counted: u64,
}

/// Whose turn it is.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Now(String, Form),
    /// Nobody's before then.
    At(Instant),
    Nobody,
}

impl Line {
    fn len(&self) -> usize {
        self.next.len() + self.aside.len()
    }

    fn push(&mut self, wav: &str, form: Form) {
        if self.len() < WAITING_MAX {
            self.next.push_back(Waiting { wav: wav.to_owned(), form, failed: 0 });
        }
    }

    fn turn(&mut self, now: Instant) -> Turn {
        while let Some(back) = self.aside.first_entry() {
            if back.key().0 > now {
                break;
            }
            self.next.push_back(back.remove());
        }
        match (self.next.front(), self.aside.first_key_value()) {
            (Some(first), _) => Turn::Now(first.wav.clone(), first.form),
            (None, Some(((then, _), _))) => Turn::At(*then),
            (None, None) => Turn::Nobody,
        }
    }

    fn done(&mut self) {
        self.next.pop_front();
    }

    fn failed(&mut self, now: Instant, pause: Duration) -> bool {
        let Some(mut first) = self.next.pop_front() else { return true };
        first.failed += 1;
        if first.failed > RETRIES_MAX {
            return false;
        }
        let pause = pause.saturating_mul(1 << (first.failed - 1).min(16)).min(PAUSE_MAX);
        self.counted += 1;
        self.aside.insert((now + pause, self.counted), first);
        true
    }
}

/// Encodes into `forms` until the process ends.
pub async fn run(
    worker: Arc<dyn WorkLink>,
    warehouse: Arc<Warehouse>,
    events: Arc<Feed>,
    recordings: PathBuf,
    forms: Vec<Form>,
    backlog: Arc<Backlog>,
) {
    let (lacking, unasked) = (backlog.clone(), forms.clone());
    tokio::spawn(async move {
        let found = find_lacking(&warehouse, &recordings, &unasked, &lacking).await;
        if let Err(error) = found {
            tracing::error!(%error, "recordings that lack a form are made when they are fetched");
        }
    });
    let heard = backlog.clone();
    tokio::spawn(async move {
        let mut subscription = events.subscribe(None);
        loop {
            match subscription.next().await {
                Ok(entries) => {
                    entries.iter().filter_map(|entry| ledger_of(entry)).for_each(|ledger| {
                        if let Some(wav) = &ledger.path {
                            heard.push(wav, &wanted(ledger.format, &forms));
                        }
                    })
                }
                Err(error) => {
                    tracing::error!(%error, "new recordings are not seen");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    });
    encode_all(&*worker, &backlog).await;
}

/// Has the worker make what waits, one after the other, and never ends.
pub(super) async fn encode_all(worker: &dyn WorkLink, backlog: &Backlog) {
    loop {
        let (wav, form) = backlog.first().await;
        match worker.run(Job::Encode { wav: wav.clone(), form, cached: false }).await {
            Ok(_) => backlog.done(),
            // The worker starts; one that ended over this job is another matter.
            Err(problem) if problem.kind == "unavailable" => tokio::time::sleep(RETRY).await,
            // It was deleted meanwhile, or is no recording.
            Err(problem) if matches!(problem.status, 400 | 404) => backlog.done(),
            // The disk may be full: it is made when there is room again.
            Err(problem) if backlog.failed() => {
                tracing::warn!(%wav, ?form, problem = %problem.detail, "not encoded yet");
            }
            Err(problem) => {
                tracing::error!(%wav, ?form, problem = %problem.detail, "not encoded");
            }
        }
    }
}

/// The row that an entry tells of.
fn ledger_of(entry: &Entry) -> Option<&Ledger> {
    match &entry.kind {
        Kind::Recorded { ledger, .. } => Some(ledger),
        _ => None,
    }
}

/// What a recording of this format is encoded into, where the box makes `unasked` of every one.
fn wanted(format: RecordFormat, unasked: &[Form]) -> Vec<Form> {
    match format {
        RecordFormat::Both => unasked.to_vec(),
        RecordFormat::Mp3 => vec![Form::Mp3],
        RecordFormat::Opus => vec![Form::Opus],
        RecordFormat::Wav => Vec::new(),
    }
}

/// Puts into line what was not made before the process ended: of the last days, and as the row of
/// each says. One whose row is on its way is taken for one of no rule.
///
/// # Errors
/// When the index cannot be read; what was found until then is in line.
pub(super) async fn find_lacking(
    warehouse: &Warehouse,
    recordings: &Path,
    unasked: &[Form],
    backlog: &Backlog,
) -> Result<(), warehouse::Error> {
    let folder = recordings.to_owned();
    let days = tokio::task::spawn_blocking(move || last_days(&folder)).await.unwrap_or_default();
    for day in days {
        let folder = recordings.to_owned();
        let look = move || lacking_forms(&folder, &day);
        let lacking = tokio::task::spawn_blocking(look).await.unwrap_or_default();
        for page in lacking.chunks(PAGE) {
            let ids: Vec<RecordingId> = page.iter().filter_map(|(wav, _)| id_of(wav)).collect();
            let known = warehouse.known_recordings(&ids).await?;
            let formats: BTreeMap<RecordingId, RecordFormat> = known
                .iter()
                .map(|row| (row.recording.recording_id, format_of(&row.recording)))
                .collect();
            for (wav, lacks) in page {
                let format = id_of(wav).and_then(|id| formats.get(&id)).copied();
                let mut forms = wanted(format.unwrap_or_default(), unasked);
                forms.retain(|form| lacks.contains(form));
                backlog.push(wav, &forms);
            }
        }
    }
    Ok(())
}

/// The recording that a file is named after.
fn id_of(wav: &str) -> Option<RecordingId> {
    wav.rsplit('/').next()?.split('.').next()?.parse().ok()
}

/// What a row says; rows of the first version say nothing.
fn format_of(row: &Recording) -> RecordFormat {
    let word = row.format.as_deref().map(serde_json::Value::from);
    word.and_then(|word| serde_json::from_value(word).ok()).unwrap_or_default()
}

/// The folders of each tenant's last days, the latest first.
fn last_days(recordings: &Path) -> Vec<PathBuf> {
    let of_tenant = |tenant: PathBuf| list(&tenant).into_iter().rev().take(DAYS);
    list(recordings).into_iter().flat_map(of_tenant).collect()
}

/// WAV files of a day, relative to the recordings folder, and the forms that each has not.
fn lacking_forms(recordings: &Path, day: &Path) -> Vec<(String, Vec<Form>)> {
    let of_file = |file: PathBuf| {
        let wav = file.strip_prefix(recordings).ok()?.to_string_lossy().into_owned();
        let is_missing =
            |form: &Form| form.beside(&wav).is_some_and(|made| !recordings.join(made).exists());
        let lacks: Vec<Form> = Form::ALL.into_iter().filter(is_missing).collect();
        (!lacks.is_empty()).then_some((wav, lacks))
    };
    list(day).into_iter().filter_map(of_file).collect()
}

/// What lies in a folder, by name.
fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::jobs::{Done, Problem};
    use futures::future::BoxFuture;

    #[test]
    fn recordings_of_the_last_days_without_a_form_are_found() {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "1/2026-11-20/1.wav",
            "1/2026-11-21/2.wav",
            "1/2026-11-22/3.wav",
            "1/2026-11-22/3.mp3",
            "1/2026-11-23/4.wav.sealed",
            "1/2026-11-23/4.opus.sealed",
            "1/2026-11-23/5.wav_tmp",
        ] {
            let file = folder.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let days = last_days(folder.path()).into_iter();
        let found: Vec<_> = days.flat_map(|day| lacking_forms(folder.path(), &day)).collect();
        let of = |wav: &str, forms: &[Form]| (wav.to_owned(), forms.to_vec());
        assert_eq!(
            found,
            [
                of("1/2026-11-23/4.wav.sealed", &[Form::Mp3]),
                of("1/2026-11-22/3.wav", &[Form::Opus]),
                of("1/2026-11-21/2.wav", &Form::ALL),
            ]
        );
    }

    #[tokio::test]
    async fn what_waits_goes_in_order_and_stays_in_line_until_it_is_done() {
        let backlog = Backlog::default();
        backlog.push("a", &[Form::Mp3, Form::Opus]);
        backlog.push("b", &[Form::Mp3]);
        assert_eq!(backlog.first().await, ("a".to_owned(), Form::Mp3));
        assert_eq!(backlog.first().await, ("a".to_owned(), Form::Mp3), "tried again");
        assert_eq!(backlog.len(), 3);
        for expected in [("a", Form::Mp3), ("a", Form::Opus), ("b", Form::Mp3)] {
            assert_eq!(backlog.first().await, (expected.0.to_owned(), expected.1));
            backlog.done();
        }
        assert!(backlog.is_empty());
    }

    #[test]
    fn what_failed_stands_aside_longer_and_longer_and_holds_up_nobody() {
        let began = Instant::now();
        let at = |seconds: u64| began + Duration::from_secs(seconds);
        let now = |wav: &str| Turn::Now(wav.to_owned(), Form::Mp3);
        let mut line = Line::default();
        line.push("full", Form::Mp3);
        line.push("next", Form::Mp3);
        assert_eq!(line.turn(at(0)), now("full"));
        assert!(line.failed(at(0), RETRY));
        assert_eq!((line.turn(at(0)), line.len()), (now("next"), 2));
        line.done();
        let (mut clock, mut pauses) = (0, Vec::new());
        loop {
            let Turn::At(then) = line.turn(at(clock)) else { panic!("it stands aside") };
            pauses.push((then - at(clock)).as_secs());
            clock += (then - at(clock)).as_secs();
            assert_eq!((line.turn(at(clock)), line.len()), (now("full"), 1));
            if !line.failed(at(clock), RETRY) {
                break;
            }
        }
        assert_eq!(pauses[..12], [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
        assert_eq!((pauses.len(), clock / 3600), (RETRIES_MAX as usize, 23));
        assert_eq!((line.turn(at(clock)), line.len()), (Turn::Nobody, 0));
    }

    /// A disk that is full for so many jobs.
    struct Disk {
        full_for: Mutex<u32>,
        asked: Mutex<Vec<String>>,
    }

    impl WorkLink for Disk {
        fn run(&self, job: Job) -> BoxFuture<'_, Result<Done, Problem>> {
            let Job::Encode { wav, .. } = job else { panic!("nothing else is asked") };
            self.asked.lock().unwrap().push(wav);
            let mut full_for = self.full_for.lock().unwrap();
            let is_full = *full_for > 0;
            *full_for = full_for.saturating_sub(1);
            let answer = match is_full {
                true => Err(Problem::new(500, "encoding", "", "write: No space left on device")),
                false => {
                    Ok(Done { content_type: String::new(), truncated: false, body: Vec::new() })
                }
            };
            Box::pin(async move { answer })
        }
    }

    /// Takes too long over one file.
    struct Slow(Mutex<Vec<String>>);

    impl WorkLink for Slow {
        fn run(&self, job: Job) -> BoxFuture<'_, Result<Done, Problem>> {
            let Job::Encode { wav, .. } = job else { panic!("nothing else is asked") };
            let answer = match wav.as_str() {
                "long" => Err(Problem::late()),
                _ => Ok(Done { content_type: String::new(), truncated: false, body: Vec::new() }),
            };
            self.0.lock().unwrap().push(wav);
            Box::pin(async move { answer })
        }
    }

    #[tokio::test]
    async fn a_file_that_takes_too_long_holds_up_no_other() {
        let (slow, backlog) = (Slow(Mutex::default()), Backlog::default());
        for wav in ["long", "next"] {
            backlog.push(wav, &[Form::Mp3]);
        }
        tokio::select! {
            biased;
            () = encode_all(&slow, &backlog) => unreachable!("it never ends"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(*slow.0.lock().unwrap(), ["long", "next"]);
        assert_eq!(backlog.len(), 1, "it stands aside");
    }

    #[tokio::test]
    async fn a_full_disk_loses_no_mp3() {
        let disk = Arc::new(Disk { full_for: Mutex::new(5), asked: Mutex::default() });
        let backlog = Arc::new(Backlog::pausing(Duration::from_millis(1)));
        for wav in ["a", "b", "c"] {
            backlog.push(wav, &[Form::Mp3]);
        }
        let (worker, of_worker) = (disk.clone(), backlog.clone());
        let encoding = tokio::spawn(async move { encode_all(&*worker, &of_worker).await });
        for _ in 0..10_000 {
            if backlog.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        encoding.abort();
        assert!(backlog.is_empty(), "{backlog:?}");
        let asked = disk.asked.lock().unwrap();
        assert_eq!(asked.len(), 5 + 3, "five refusals and each file once: {asked:?}");
        assert_eq!(asked[..3], ["a", "b", "c"]);
    }
}
