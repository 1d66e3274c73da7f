//! What espeak-ng says, decoded; and engines that misbehave.

use super::*;
use crate::g711::{self, Law};
use crate::speech::utterance;
use std::os::unix::fs::PermissionsExt;

fn samples(prompt: &Prompt) -> Vec<i16> {
    prompt.octets(Law::Mu).iter().map(|&octet| g711::decode(Law::Mu, octet)).collect()
}

/// The dominant pitch in Hz of each 60 ms that has a voice in it: by autocorrelation,
/// 60–300 Hz.
fn pitches(samples: &[i16]) -> Vec<f64> {
    let mut pitches = Vec::new();
    for window in samples.chunks_exact(480) {
        let energy: f64 = window.iter().map(|&s| f64::from(s).powi(2)).sum();
        if (energy / 480.0).sqrt() < 1_500.0 {
            continue;
        }
        let alike = |lag: usize| -> f64 {
            let pairs = window.iter().zip(&window[lag..]);
            pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>() / (480 - lag) as f64
        };
        let best = (26..=133).max_by(|&a, &b| alike(a).total_cmp(&alike(b)));
        pitches.push(8_000.0 / best.expect("some lag") as f64);
    }
    pitches
}

fn espeak() -> Espeak {
    Espeak::find().expect("`scripts/setup --tests` installs espeak-ng")
}

fn spoken(language: &str, text: &str) -> Vec<i16> {
    let file = espeak().speak(&utterance(language, text).unwrap()).unwrap();
    prompt::decode(&file, &LIMITS).unwrap()
}

#[test]
fn a_text_is_heard_for_as_long_as_it_takes_to_say() {
    for (language, short, long) in [
        ("zh-CN", "您好", "您好，您的快递今天下午送到，请保持电话畅通。"),
        ("en", "Hello", "Hello, your parcel arrives this afternoon, please answer the phone."),
    ] {
        let (short, long) = (spoken(language, short), spoken(language, long));
        let seconds = |samples: &[i16]| samples.len() as f64 / 8_000.0;
        assert!((0.3..1.5).contains(&seconds(&short)), "{language}: {} s", seconds(&short));
        assert!((3.0..9.0).contains(&seconds(&long)), "{language}: {} s", seconds(&long));
        let voiced = pitches(&long).len() as f64 * 0.06;
        assert!(voiced > seconds(&long) / 4.0, "{language}: {voiced} s of voice");
    }
    assert_ne!(spoken("en", "one"), spoken("en", "two"));
}

#[test]
fn mandarin_has_its_tones() {
    // The first tone is level, the fourth falls: 妈 and 骂 differ in nothing else.
    let slope = |text: &str| {
        let pitches = pitches(&spoken("zh-CN", text));
        assert!(pitches.len() >= 3, "{text}: {pitches:?}");
        pitches.last().unwrap() / pitches.iter().copied().fold(0.0, f64::max)
    };
    let (level, falling) = (slope("妈"), slope("骂"));
    assert!(level > 0.97, "妈 goes from 1 to {level:.2}");
    assert!(falling < 0.94, "骂 goes from 1 to {falling:.2}");
    // Pinyin that is read as English says the digit: much longer.
    assert!(spoken("zh-CN", "快递").len() < 10_000);
}

#[test]
fn what_was_made_once_is_read_back_and_what_is_damaged_is_made_again() {
    struct Counts(Espeak, usize);
    impl Engine for Counts {
        fn name(&self) -> &str {
            self.0.name()
        }
        fn speak(&mut self, utterance: &Utterance) -> Result<Vec<u8>, String> {
            self.1 += 1;
            self.0.speak(utterance)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let mut engine = Counts(espeak(), 0);
    let mut cache = Cache::open(folder.path(), 1 << 30).unwrap();
    let hello = utterance("en", "Hello").unwrap();
    let first = cache.speak(&mut engine, &hello).unwrap();
    assert_eq!(cache.speak(&mut engine, &hello).unwrap(), first);
    let mut cache = Cache::open(folder.path(), 1 << 30).unwrap();
    assert_eq!(cache.speak(&mut engine, &hello).unwrap(), first);
    assert_eq!(engine.1, 1, "made once, also for the next start");
    let peak = samples(&first).iter().map(|s| s.unsigned_abs()).max().unwrap();
    assert!((22_000..24_500).contains(&peak), "3 dB below full scale: {peak}");

    // The same word in the other voice is another file.
    cache.speak(&mut engine, &Utterance { voice: Voice::Mandarin, ..hello.clone() }).unwrap();
    assert_eq!((engine.1, cache.files().unwrap().len()), (2, 2));
    for (_, _, file) in cache.files().unwrap() {
        fs::write(file, b"RIFF").unwrap();
    }
    assert_eq!(cache.speak(&mut engine, &hello).unwrap(), first);
    assert_eq!(engine.1, 3);
}

/// An engine that says every text as so many samples.
struct Beeps {
    name: &'static str,
    samples: usize,
}

impl Engine for Beeps {
    fn name(&self) -> &str {
        self.name
    }
    fn speak(&mut self, _: &Utterance) -> Result<Vec<u8>, String> {
        let format = wav::Format { tag: wav::TAG_PCM, channels: 1, rate_hz: 8_000 };
        let mut file = format.header(self.samples as u64);
        file.resize(file.len() + self.samples * 2, 7);
        Ok(file)
    }
}

#[test]
fn a_full_cache_forgets_the_oldest() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = Cache::open(folder.path(), 10_000).unwrap();
    let mut beeps = Beeps { name: "beeps", samples: 1_000 };
    let text = |n: u64| Utterance { voice: Voice::English, words: format!("text {n}") };
    let file = |n: u64| folder.path().join(key("beeps", &text(n))).with_extension("wav");
    for n in 0..20 {
        cache.speak(&mut beeps, &text(n)).unwrap();
        let kept: u64 = cache.files().unwrap().iter().map(|(_, bytes, _)| bytes).sum();
        assert!(kept <= 10_000, "{kept} bytes after {n}");
        assert!(file(n).exists(), "the newest stays: {n}");
        // Long ago and a second apart, so that the next one is newer on every disk.
        let made = fs::File::options().write(true).open(file(n)).unwrap();
        made.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(n)).unwrap();
    }
    let kept: Vec<u64> = (0..20).filter(|&n| file(n).exists()).collect();
    assert_eq!(kept, [16, 17, 18, 19]);
    assert_eq!(Cache::open(folder.path(), 10_000).unwrap().bytes, cache.bytes);
}

#[test]
fn what_one_engine_said_is_not_taken_for_anothers() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = Cache::open(folder.path(), 1 << 30).unwrap();
    let hello = utterance("en", "Hello").unwrap();
    for _ in 0..2 {
        for (name, length) in [("quick 1", 1_000), ("slow 1", 2_000), ("slow 2", 3_000)] {
            let said = cache.speak(&mut Beeps { name, samples: length }, &hello).unwrap();
            assert_eq!(samples(&said).len(), length, "{name}");
        }
    }
    assert_eq!(cache.files().unwrap().len(), 3);
}

/// An engine that is a shell script.
fn script(folder: &Path, name: &str, body: &str) -> Espeak {
    let program = folder.join(name);
    let text = format!("#!/bin/sh\nif [ \"$1\" = --version ]; then echo v 9; exit; fi\n{body}\n");
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    Espeak::at(&program).unwrap()
}

#[test]
fn an_engine_that_misbehaves_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let hello = utterance("en", "Hello").unwrap();
    for (name, body, what) in [
        ("silent", "cat >/dev/null", "wrote nothing"),
        ("failing", "exit 3", "exit status: 3"),
        ("flood", "exec cat /dev/zero", "more than 8388608 bytes"),
    ] {
        let error = script(folder.path(), name, body).speak(&hello).unwrap_err();
        assert!(error.contains(what), "{name}: {error}");
    }
    let mut command = Command::new("sleep");
    command.arg("60");
    let error = run(command, "", 10, Duration::from_millis(50)).unwrap_err();
    assert_eq!(error, "it took more than 0.05 s");
    let error = Espeak::at(Path::new("no-such-program")).unwrap_err();
    assert!(error.contains("install espeak-ng"), "{error}");
}

#[test]
fn an_engine_is_told_words_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    let body = format!("{{ cat; echo; echo \"$@\"; env; }} > {}\necho x", told.display());
    let mut engine = script(folder.path(), "spy", &body);
    let words = utterance("en", "$(touch /tmp/x) `id`; -f /etc/passwd").unwrap();
    engine.speak(&words).unwrap();
    let told = fs::read_to_string(told).unwrap();
    let mut lines = told.lines();
    assert_eq!(lines.next(), Some(&words.words[..]), "on its input");
    assert_eq!(
        lines.next(),
        Some("-v en -s 150 -b 1 -z --stdin --stdout"),
        "and no word of it here"
    );
    let names: Vec<&str> = lines.filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert!(
        names.iter().all(|name| ["PATH", "LC_ALL", "PWD", "_", "SHLVL", "OLDPWD"].contains(name)),
        "{names:?}"
    );
}
