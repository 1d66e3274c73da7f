//! Which recordings are to be encoded: every new one, and those of the last days that lack a form.
//! They wait here and go to the worker one by one, so that a peak of calls is encoded after it.

use super::live::feed::Feed;
use crate::work;
use crate::work::encode::Form;
use crate::work::jobs::Job;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use terms::event::{Entry, Kind};
use terms::media::{Ledger, RecordFormat};
use tokio::sync::Notify;

/// Pause after the log or the worker did not answer.
const RETRY: Duration = Duration::from_secs(1);
/// Days back that are searched for recordings without a form at start.
const DAYS: usize = 3;
/// Recordings that wait for the encoder; more are made when they are fetched.
const WAITING_MAX: usize = 100_000;

/// What waits for the encoder.
#[derive(Debug, Default)]
pub struct Backlog {
    waiting: Mutex<VecDeque<(String, Form)>>,
    came: Notify,
}

impl Backlog {
    /// How many files wait, the one under way included.
    pub fn len(&self) -> usize {
        self.waiting().len()
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<(String, Form)>> {
        self.waiting.lock().expect("no panic while held")
    }

    fn push(&self, wav: &str, forms: &[Form]) {
        let mut waiting = self.waiting();
        for form in forms {
            if waiting.len() < WAITING_MAX {
                waiting.push_back((wav.to_owned(), *form));
            }
        }
        self.came.notify_one();
    }

    /// The one that waits longest; it stays in line until it is [done](Self::done).
    async fn first(&self) -> (String, Form) {
        loop {
            let first = self.waiting().front().cloned();
            match first {
                Some(first) => return first,
                None => self.came.notified().await,
            }
        }
    }

    fn done(&self) {
        self.waiting().pop_front();
    }
}

/// Encodes into `forms` until the process ends.
pub async fn run(
    worker: Arc<work::Client>,
    events: Arc<Feed>,
    recordings: PathBuf,
    forms: Vec<Form>,
    backlog: Arc<Backlog>,
) {
    let (lacking, of_lacking) = (backlog.clone(), forms.clone());
    tokio::task::spawn_blocking(move || {
        lacking_forms(&recordings, &of_lacking, &mut |wav, form| lacking.push(wav, &[form]));
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
    loop {
        let (wav, form) = backlog.first().await;
        match worker.run(&Job::Encode { wav: wav.clone(), form, cached: false }).await {
            Err(problem) if problem.status == 503 => tokio::time::sleep(RETRY).await,
            // It was deleted meanwhile.
            Err(problem) if problem.status == 404 => backlog.done(),
            Err(problem) => {
                tracing::error!(%wav, ?form, problem = %problem.detail, "not encoded");
                backlog.done();
            }
            Ok(_) => backlog.done(),
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
        RecordFormat::Wav => Vec::new(),
    }
}

/// WAV files of the last days without a form, relative to the recordings folder.
fn lacking_forms(recordings: &Path, forms: &[Form], found: &mut dyn FnMut(&str, Form)) {
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    for tenant in list(recordings) {
        for day in list(&tenant).into_iter().rev().take(DAYS) {
            for file in list(&day) {
                let Ok(wav) = file.strip_prefix(recordings) else { continue };
                let wav = wav.to_string_lossy();
                for &form in forms {
                    if form.beside(&wav).is_some_and(|made| !recordings.join(made).exists()) {
                        found(&wav, form);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut found = Vec::new();
        lacking_forms(folder.path(), &[Form::Mp3, Form::Opus], &mut |wav, form| {
            found.push(format!("{wav} {form:?}"));
        });
        assert_eq!(
            found,
            [
                "1/2026-11-23/4.wav.sealed Mp3",
                "1/2026-11-22/3.wav Opus",
                "1/2026-11-21/2.wav Mp3",
                "1/2026-11-21/2.wav Opus",
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
}
