//! Playbacks that wait for speech, with an engine that is slow and fails when it is asked to.

use super::*;
use crate::prompt::Prompt;
use crate::record::wav;
use crate::speech::Utterance;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;
use terms::TenantId;

const PATIENCE: Duration = Duration::from_secs(5);

/// Speaks one text for each word that it is given, and says when it begins one.
struct Slow(Receiver<()>, Sender<()>);

impl Engine for Slow {
    fn name(&self) -> &str {
        "slow"
    }
    fn speak(&mut self, utterance: &Utterance) -> Result<Vec<u8>, String> {
        // Most tests do not listen.
        let _ = self.1.send(());
        self.0.recv_timeout(PATIENCE).map_err(|_| "nobody lets it".to_owned())?;
        if utterance.words.starts_with("fail") {
            return Err("asked to".to_owned());
        }
        let format = wav::Format { tag: wav::TAG_PCM, channels: 1, rate_hz: 8_000 };
        let mut file = format.header(800);
        file.extend([1; 1_600]);
        Ok(file)
    }
}

enum Seen {
    Renewed(PromptStore),
    Sent(Box<Command>),
}

struct World {
    studio: Studio,
    go: Sender<()>,
    begun: Receiver<()>,
    seen: Receiver<Seen>,
    _folder: tempfile::TempDir,
}

impl World {
    fn new(folders: Vec<PathBuf>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (go, gone) = mpsc::channel();
        let (begins, begun) = mpsc::channel();
        let (tell, seen) = mpsc::channel();
        let told = tell.clone();
        let outlets = Outlets {
            renew: Box::new(move |store| tell.send(Seen::Renewed(store.clone())).is_ok()),
            send: Box::new(move |command| told.send(Seen::Sent(Box::new(command))).unwrap()),
        };
        let cache = Cache::open(folder.path(), 1 << 20).unwrap();
        let speech: Result<(Box<dyn Engine>, Cache), String> =
            Ok((Box::new(Slow(gone, begins)), cache));
        let config = StudioConfig {
            folders,
            limits: Limits::default(),
            speech,
            language: "en".to_owned(),
            own: Vec::new(),
        };
        let store = PromptStore::new([("en/hi".into(), Prompt::from_samples(&[1]))]);
        let studio = Studio::start(config, store, outlets).unwrap();
        World { studio, go, begun, seen, _folder: folder }
    }

    fn renewed(&self) -> PromptStore {
        match self.seen.recv_timeout(PATIENCE).unwrap() {
            Seen::Renewed(store) => store,
            Seen::Sent(command) => panic!("{command:?}"),
        }
    }

    fn sent(&self) -> Command {
        match self.seen.recv_timeout(PATIENCE).unwrap() {
            Seen::Sent(command) => *command,
            Seen::Renewed(_) => panic!("prompts"),
        }
    }
}

fn play(leg: u64, id: u64, text: &str) -> Command {
    let speech = Source::Speech { language: "en".into(), text: text.into() };
    let sources = vec![Source::Prompt("en/hi".into()), speech];
    Command::Play { leg: LegId(leg), playback: Playback::once(PlaybackId(id), sources) }
}

#[test]
fn a_text_is_made_before_it_is_played_and_once() {
    let world = World::new(Vec::new());
    let other = Command::Hold { leg: LegId(1) };
    assert_eq!(world.studio.pass(other.clone()), Some(other));
    assert_eq!(world.studio.pass(play(1, 1, "one")), None, "it waits");
    world.go.send(()).unwrap();
    let store = world.renewed();
    assert_eq!(store.speech("en", "one").unwrap().octets(crate::g711::Law::A).len(), 800);
    assert!(store.get("en/hi").is_some(), "the prompts are still there");
    assert_eq!(world.sent(), play(1, 1, "one"), "after the cores have the text");
    let again = play(2, 2, "one");
    assert_eq!(world.studio.pass(again.clone()), Some(again), "now it passes");
}

#[test]
fn what_is_said_into_a_talk_waits_for_its_text_too_and_is_stopped_while_it_does() {
    let world = World::new(Vec::new());
    let says = |voice: u64, text: &str| {
        let Command::Play { playback, .. } = play(1, voice, text) else { panic!("it plays") };
        let (leg, room, voice) = (LegId(1), terms::RoomId(1), LegId(voice));
        let order = terms::media::Interject { leg, room, playback, voice, only: None };
        Command::Interject(Box::new(order))
    };
    assert_eq!(world.studio.pass(says(900, "one")), None, "it waits");
    assert_eq!(world.studio.pass(says(901, "two")), None);
    let (leg, room) = (LegId(1), terms::RoomId(1));
    let stop = |playback| Command::StopInterject { leg, room, playback: PlaybackId(playback) };
    assert_eq!(world.studio.pass(stop(901)), None, "what has not begun is not stopped in media");
    assert_eq!(world.studio.pass(stop(77)), Some(stop(77)), "another one's stop passes");
    world.go.send(()).unwrap();
    assert!(world.renewed().speech("en", "one").is_some());
    assert_eq!(world.sent(), says(900, "one"), "after the cores have the text");
    assert_eq!(world.studio.pass(says(902, "one")), Some(says(902, "one")), "now it passes");
}

#[test]
fn who_is_gone_or_hears_something_else_is_not_played_to() {
    let world = World::new(Vec::new());
    for leg in 1..=4 {
        assert_eq!(world.studio.pass(play(leg, leg, &format!("text {leg}"))), None);
    }
    let stop = Command::StopPlay { leg: LegId(2), playback: PlaybackId(2) };
    assert_eq!(world.studio.pass(stop), None, "what has not begun is not stopped in media");
    let release = Command::Release { leg: LegId(3) };
    assert_eq!(world.studio.pass(release.clone()), Some(release));
    let sources = vec![Source::Prompt("en/hi".into())];
    let instead = Playback::once(PlaybackId(9), sources);
    let instead = Command::Play { leg: LegId(4), playback: instead };
    assert_eq!(world.studio.pass(instead.clone()), Some(instead));
    let late = Command::StopPlay { leg: LegId(1), playback: PlaybackId(77) };
    assert_eq!(world.studio.pass(late.clone()), Some(late), "another one's stop passes");
    world.go.send(()).unwrap();
    world.renewed();
    assert_eq!(world.sent(), play(1, 1, "text 1"));
    // The others are not even made: the next text is the next that is heard.
    assert_eq!(world.studio.pass(play(5, 5, "text 5")), None);
    world.go.send(()).unwrap();
    assert!(world.renewed().speech("en", "text 5").is_some());
    assert_eq!(world.sent(), play(5, 5, "text 5"));
}

#[test]
fn a_text_that_cannot_be_made_is_played_as_missing() {
    let world = World::new(Vec::new());
    assert_eq!(world.studio.pass(play(1, 1, "fail please")), None);
    world.go.send(()).unwrap();
    assert_eq!(world.sent(), play(1, 1, "fail please"), "media says that it is missing");

    let outlets = Outlets { renew: Box::new(|_| true), send: Box::new(|_| {}) };
    let speech = Err("espeak-ng does not run: install espeak-ng".to_owned());
    let (folders, own) = (Vec::new(), Vec::new());
    let language = "en".to_owned();
    let config = StudioConfig { folders, limits: Limits::default(), speech, language, own };
    let silent = Studio::start(config, PromptStore::default(), outlets).unwrap();
    assert!(silent.speechless().unwrap().contains("install"));
    assert_eq!(silent.pass(play(1, 1, "x")), Some(play(1, 1, "x")), "nobody waits for nothing");
}

#[test]
fn beyond_the_line_of_waiting_a_text_is_played_as_missing() {
    let world = World::new(Vec::new());
    // The first is in the making, the line behind it fills.
    let passed = (0..JOBS_MAX as u64 + 20)
        .filter(|&n| world.studio.pass(play(n, n, &format!("text {n}"))).is_some())
        .count();
    assert!((19..=20).contains(&passed), "{passed} were sent on at once");
    // Its end is that of the test: nothing more is made.
    for n in 0..JOBS_MAX as u64 + 20 {
        world.studio.pass(Command::Release { leg: LegId(n) });
    }
}

#[test]
fn texts_of_a_plan_are_ready_before_a_call_and_give_way_to_calls() {
    let world = World::new(Vec::new());
    let ahead = ["one", "two", "three"].map(|text| ("en".to_owned(), text.to_owned()));
    assert!(world.studio.prepare(ahead.to_vec()));
    world.go.send(()).unwrap();
    assert!(world.renewed().speech("en", "one").is_some());
    assert_eq!(world.studio.pass(play(1, 1, "now")), None);
    for _ in 0..3 {
        world.go.send(()).unwrap();
    }
    // "two" may have begun when the call came; "three" had not.
    let mut order = Vec::new();
    for _ in 0..4 {
        match world.seen.recv_timeout(PATIENCE).unwrap() {
            Seen::Sent(_) => order.push("sent"),
            Seen::Renewed(store) if store.speech("en", "three").is_some() => order.push("three"),
            Seen::Renewed(_) => {}
        }
    }
    assert_eq!(order, ["sent", "three"]);
}

#[test]
fn a_file_that_was_put_into_the_folder_is_there_after_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(vec![folder.path().to_owned()]);
    assert_eq!(world.studio.pass(play(1, 1, "one")), None);
    world.go.send(()).unwrap();
    world.renewed();
    world.sent();
    let format = wav::Format { tag: wav::TAG_PCM, channels: 1, rate_hz: 8_000 };
    let file = [format.header(3), vec![0; 6]].concat();
    std::fs::write(folder.path().join("new.wav"), file).unwrap();
    std::fs::write(folder.path().join("bad.mp3"), "no").unwrap();
    let reloaded = world.studio.reload().unwrap().unwrap();
    assert_eq!((reloaded.prompts, reloaded.skipped.len()), (1, 1));
    let store = world.renewed();
    assert!(store.get("new").is_some() && store.get("en/hi").is_none());
    assert!(store.speech("en", "one").is_some(), "texts are kept");
}

fn wav(samples: usize) -> Vec<u8> {
    let format = wav::Format { tag: wav::TAG_PCM, channels: 1, rate_hz: 8_000 };
    let mut file = format.header(samples as u64);
    file.extend([1].repeat(samples * 2));
    file
}

/// How long the tenant's `zh-CN/hi` is.
fn own_hi(store: &PromptStore) -> Option<usize> {
    let own = store.own(TenantId(7))?;
    Some(own.prompts.get("zh-CN/hi")?.octets(crate::g711::Law::A).len())
}

#[test]
fn a_tenants_prompts_lie_ready_before_its_plan_counts_and_nothing_overtakes() {
    let world = World::new(Vec::new());
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let own = |path: &std::path::Path| Own {
        tenant: TenantId(7),
        language: "zh-CN".into(),
        files: [("zh-CN/hi".to_owned(), path.to_owned())].into(),
    };
    let (tell, told) = mpsc::channel();
    let then = |plan: u32| {
        let tell = tell.clone();
        move || tell.send(plan).unwrap()
    };
    let first = file("first", &wav(100));
    world.studio.stock(own(&first), then(1));
    let store = world.renewed();
    assert_eq!(own_hi(&store), Some(100));
    assert_eq!(told.recv_timeout(PATIENCE), Ok(1));
    // The same set again: nothing is read, and nobody waits. The file may even be gone.
    std::fs::remove_file(&first).unwrap();
    world.studio.stock(own(&first), then(2));
    assert_eq!(told.try_recv(), Ok(2));

    // The studio is busy with a text; two plans come meanwhile, the later without a new prompt.
    assert_eq!(world.studio.pass(play(1, 1, "one")), None);
    world.begun.recv_timeout(PATIENCE).unwrap();
    let second = file("second", &wav(200));
    world.studio.stock(own(&second), then(3));
    world.studio.stock(own(&second), then(4));
    assert!(told.try_recv().is_err(), "neither counts before it can be heard");
    world.go.send(()).unwrap();
    world.renewed();
    world.sent();
    assert_eq!(own_hi(&world.renewed()), Some(200));
    let order = [told.recv_timeout(PATIENCE), told.recv_timeout(PATIENCE)];
    assert_eq!(order, [Ok(3), Ok(4)]);

    // A file that is not played is left out, is no reason to keep a plan back, and is tried again.
    let bad = file("bad", b"RIFF\0\0\0\0WAVEfmt ");
    for plan in [5, 6] {
        world.studio.stock(own(&bad), then(plan));
        assert_eq!(own_hi(&world.renewed()), None);
        assert_eq!(told.recv_timeout(PATIENCE), Ok(plan));
    }
}

fn says(leg: u64, tenant: u64, language: &str, text: &str) -> Command {
    let speech = Source::Speech { language: language.into(), text: text.into() };
    let playback = Playback::once(PlaybackId(leg), vec![speech]);
    Command::Play {
        leg: LegId(leg),
        playback: Playback { tenant: Some(TenantId(tenant)), ..playback },
    }
}

#[test]
fn a_text_that_nobody_reads_in_the_calls_language_is_spoken_in_the_tenants_then_in_the_boxs() {
    let world = World::new(Vec::new());
    for (tenant, language) in [(7, "zh-CN"), (8, "fr")] {
        let own =
            Own { tenant: TenantId(tenant), language: language.into(), files: BTreeMap::new() };
        world.studio.stock(own, || {});
        world.renewed();
    }
    // The call's language, whose call it is, the text; what it is spoken in, and how often by then
    // that was another than the call's.
    let spoken = [
        ("fr", 7, "bonjour", "zh-CN", 1),
        ("en", 7, "您好", "zh-CN", 2),
        ("fr", 8, "merci", "en", 3),
        ("fr", 9, "adieu", "en", 4),
        ("en", 7, "hello", "en", 4),
    ];
    for (n, (language, tenant, text, voice, elsewhere)) in (1..).zip(spoken) {
        assert_eq!(world.studio.pass(says(n, tenant, language, text)), None, "{text} waits");
        world.go.send(()).unwrap();
        assert!(world.renewed().speech(voice, text).is_some(), "{text} is made in {voice}");
        assert_eq!(world.sent(), says(n, tenant, voice, text));
        assert_eq!(world.studio.spoken_elsewhere(), elsewhere, "{text}");
    }
    // What was made once is not made again, and counts again.
    let again = world.studio.pass(says(20, 7, "fr", "bonjour"));
    assert_eq!(again, Some(says(20, 7, "zh-CN", "bonjour")));
    assert_eq!(world.studio.spoken_elsewhere(), 5);
    // Nobody reads it: it is played as missing, in the language it was meant in.
    assert_eq!(world.studio.pass(says(21, 7, "fr", "\u{1F600}")), None);
    assert_eq!(world.sent(), says(21, 7, "fr", "\u{1F600}"));
    let told = lock(&world.studio.told).clone();
    let told: Vec<_> = told.iter().map(|(tenant, of)| (tenant.unwrap().0, of.as_str())).collect();
    assert_eq!(told, [(7, "en"), (7, "fr"), (8, "fr"), (9, "fr")], "each was said once");
}
