//! MP3 and Opus beside the WAV: read from end to end, and compared with the length of the
//! recording. A damaged one is made again: over the old file where its WAV is good, else after the
//! old one was moved aside, because it may hold what the WAV has not. What lies in the second tier
//! alone is looked at and left.

use super::{Report, Shelf, beneath};
use crate::tier::cache::Part;
use crate::work::encode::{Form, Rates, make};
use mediacore::edge::keys::Keys;
use mediacore::edge::storage::verify::{Fault, check_encoded, quarantine};
use mediacore::record::sealed::ENDING;
use std::path::Path;
use warehouse::recordings::{Indexed, Repair};

/// A file that is damaged or as long as another recording.
pub(super) struct Bad {
    /// Of the WAV, beneath the recordings.
    wav: String,
    is_wav_good: bool,
    form: Form,
    path: String,
    fault: Fault,
}

impl Bad {
    /// For people.
    pub(super) fn told(&self) -> String {
        format!("{}: {}", self.path, self.fault)
    }
}

/// Looks at what there is beside the WAV of this path, and counts it.
pub(super) async fn look(
    found: &Indexed,
    wav: &str,
    wav_fault: Option<&Fault>,
    shelf: &Shelf,
    keys: Option<&Keys>,
    report: &mut Report,
) -> Result<Vec<Bad>, anyhow::Error> {
    let mut bad = Vec::new();
    for form in Form::ALL {
        let Some(path) = form.beside(wav) else { continue };
        let Some(file) = beneath(&shelf.here, &path) else { continue };
        let in_tier = found.moved.as_ref().is_some_and(|moved| moved.file(&path).is_some());
        // What kept the WAV from us keeps this from us too, and is told once.
        let is_out_of_reach = matches!(wav_fault, Some(Fault::Unreadable(_)));
        if !file.exists() && (!in_tier || is_out_of_reach) {
            continue;
        }
        report.forms.files += 1;
        if path.ends_with(ENDING) && keys.is_none() {
            report.forms.unopened += 1;
            continue;
        }
        let fault = match shelf.fetch(&file, &path, found.moved.as_ref()).await {
            Err(fault) => Some(fault),
            Ok(fetched) => {
                let (lengths, keys) = (lengths_ms(found), keys.cloned());
                let work = move || {
                    let file = fetched.as_ref().map_or(&*file, Part::path);
                    check_encoded(file, form.encoding(), &lengths, keys.as_ref())
                };
                tokio::task::spawn_blocking(work).await?
            }
        };
        match fault {
            // It was deleted while we looked.
            Some(Fault::Missing) if !in_tier => report.forms.files -= 1,
            None => report.forms.good += 1,
            Some(fault) => {
                report.fault(&found.recording, &path, &fault);
                let wav = wav.to_owned();
                bad.push(Bad { wav, is_wav_good: wav_fault.is_none(), form, path, fault });
            }
        }
    }
    Ok(bad)
}

/// How long a file may be: it was made before or after the WAV was cut short.
fn lengths_ms(found: &Indexed) -> Vec<i64> {
    let mut lengths = vec![i64::from(found.recording.duration_ms)];
    if let Some(Repair::Shortened { duration_ms, .. }) = &found.repair {
        lengths.push(*duration_ms);
    }
    lengths
}

/// What is needed to make one again.
pub(super) struct Workshop<'a> {
    pub(super) store: &'a Path,
    pub(super) rates: Rates,
    pub(super) keys: &'a Keys,
}

impl Workshop<'_> {
    /// Says how many are not faults any more.
    pub(super) fn make_again(
        &self,
        bad: Vec<Bad>,
        report: &mut Report,
    ) -> Result<usize, anyhow::Error> {
        let mut saved = 0;
        for bad in bad {
            if let Some(word) = self.one_again(&bad)? {
                saved += 1;
                report.repair(&bad.path, word);
            }
        }
        Ok(saved)
    }

    /// What was done; `None` when nothing could be.
    fn one_again(&self, bad: &Bad) -> Result<Option<&'static str>, anyhow::Error> {
        let (source, target) = (self.store.join(&bad.wav), self.store.join(&bad.path));
        // What the disk does not give may come back, and what lies elsewhere is not ours to cut.
        if !target.exists() || matches!(bad.fault, Fault::Unreadable(_)) {
            return Ok(None);
        }
        let is_aside = !(bad.is_wav_good && source.exists());
        if is_aside {
            quarantine(self.store, &bad.path)?;
        }
        let made = source.exists() && self.make(bad, &source, &target);
        Ok(match (made, is_aside) {
            (true, _) => Some("encoded"),
            (false, true) => Some("quarantined"),
            (false, false) => None,
        })
    }

    /// True when there is a whole one now.
    fn make(&self, bad: &Bad, source: &Path, target: &Path) -> bool {
        match make(source, target, bad.form, self.rates, Some(&*self.keys.ring)) {
            Ok(()) => check_encoded(target, bad.form.encoding(), &[], Some(self.keys)).is_none(),
            Err(error) => {
                eprintln!("{}: {:#}", bad.path, anyhow::Error::from(error));
                false
            }
        }
    }
}
