//! The studio: makes speech and reads prompts while calls go on, on a thread of its own.
//!
//! A [`Command::Play`] or [`Command::Interject`] with a text that was not spoken yet waits here
//! until it is; everything else passes. One that no voice reads in the call's language is spoken in
//! the tenant's, then in the box's. Prompts of the tenants' own are read here as their plans name them
//! ([`own`]).
//! Promise: the media path only ever sees prompts that lie ready; a text that cannot be made
//! is played as missing, so that every playback has its end; a leg that is released or hears
//! something else takes its waiting playback with it.

pub mod own;

use super::prompts::{self, Skipped};
use super::speech::Cache;
use crate::prompt::{Limits, PromptStore};
use crate::speech::{self, Engine};
use own::{Own, ReadOwn, Shelf};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use terms::media::{Command, Playback, Source};
use terms::{LegId, PlaybackId, TenantId};

/// Playbacks and questions that wait.
pub const JOBS_MAX: usize = 256;
/// Texts that lie ready; beyond it the one that was made first is forgotten, and made again from
/// its file when it is played.
pub const TEXTS_MAX: usize = 2_000;
/// Languages of tenants that the log says once each to be spoken in another; of more only the counter
/// says it.
const TOLD_MAX: usize = 1_000;

/// What the studio works with.
pub struct StudioConfig {
    /// Folders of prompts, the later before the earlier.
    pub folders: Vec<PathBuf>,
    /// Of one prompt.
    pub limits: Limits,
    /// Who speaks, and where it is kept; or why nobody does.
    pub speech: Result<(Box<dyn Engine>, Cache), String>,
    /// The box's language: what can be read neither in a call's language nor in its tenant's is
    /// spoken in this one.
    pub language: String,
    /// Prompts of the tenants' own that are in the store already.
    pub own: Vec<ReadOwn>,
}

/// What reading the folders again brought.
#[derive(Debug)]
pub struct Reloaded {
    /// How many prompts there are.
    pub prompts: usize,
    /// Files that were left out.
    pub skipped: Vec<Skipped>,
}

enum Job {
    /// A playback that waits for its texts.
    Play(Command),
    Prepare(Vec<(String, String)>),
    Reload(mpsc::Sender<Result<Reloaded, prompts::Error>>),
    /// Something stands on the shelf.
    Stock,
}

/// Where results go: new prompts to all cores, a playback that waited to its leg.
pub struct Outlets {
    /// Gives the cores these prompts. False when they do not take them now.
    pub renew: Box<dyn Fn(&PromptStore) -> bool + Send>,
    /// Hands a command on.
    pub send: Box<dyn Fn(Command) + Send>,
}

#[derive(Default)]
struct Shared {
    store: Mutex<PromptStore>,
    /// The playback of a leg that waits.
    waiting: Mutex<HashMap<LegId, PlaybackId>>,
    shelf: Mutex<Shelf>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The running studio. It ends with its last handle.
pub struct Studio {
    jobs: mpsc::SyncSender<Job>,
    shared: Arc<Shared>,
    speechless: Option<String>,
    language: String,
    spoken_elsewhere: AtomicU64,
    told: Mutex<BTreeSet<(Option<TenantId>, String)>>,
}

impl Studio {
    /// Starts the thread over the prompts that were loaded.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        mut config: StudioConfig,
        store: PromptStore,
        outlets: Outlets,
    ) -> std::io::Result<Studio> {
        let (jobs, waiting) = mpsc::sync_channel(JOBS_MAX);
        let shelf = Mutex::new(Shelf::new(std::mem::take(&mut config.own)));
        let shared = Shared { store: Mutex::new(store), shelf, ..Shared::default() };
        let shared = Arc::new(shared);
        let speechless = config.speech.as_ref().err().cloned();
        let language = config.language.clone();
        let bench = Bench {
            config,
            outlets,
            shared: Arc::clone(&shared),
            ahead: VecDeque::new(),
            made: VecDeque::new(),
        };
        std::thread::Builder::new()
            .name("studio".to_owned())
            .spawn(move || bench.work(&waiting))?;
        let (spoken_elsewhere, told) = (AtomicU64::new(0), Mutex::default());
        Ok(Studio { jobs, shared, speechless, language, spoken_elsewhere, told })
    }

    /// Why texts cannot be spoken; `None` when they can.
    pub fn speechless(&self) -> Option<&str> {
        self.speechless.as_deref()
    }

    /// How many texts were spoken in another language than that of their call.
    pub fn spoken_elsewhere(&self) -> u64 {
        self.spoken_elsewhere.load(Ordering::Relaxed)
    }

    /// Lets a command through, unless it waits for a text to be spoken.
    pub fn pass(&self, mut command: Command) -> Option<Command> {
        let mut waiting = lock(&self.shared.waiting);
        if let Some((leg, playback)) = played(&mut command) {
            waiting.remove(&leg);
            if self.speechless.is_some() || texts(playback).next().is_none() {
                return Some(command);
            }
            *playback = self.in_a_voice(playback.clone());
            if self.is_ready(playback) {
                return Some(command);
            }
            waiting.insert(leg, playback.id);
            return match self.jobs.try_send(Job::Play(command)) {
                Ok(()) => None,
                Err(mpsc::TrySendError::Full(job) | mpsc::TrySendError::Disconnected(job)) => {
                    waiting.remove(&leg);
                    let Job::Play(command) = job else { return None };
                    Some(command)
                }
            };
        }
        match command {
            Command::StopInterject { playback, .. }
                if waiting.values().any(|waits| *waits == playback) =>
            {
                waiting.retain(|_, waits| *waits != playback);
                None
            }
            Command::StopPlay { leg, playback } if waiting.get(&leg) == Some(&playback) => {
                waiting.remove(&leg);
                None
            }
            Command::Release { leg } => {
                waiting.remove(&leg);
                Some(Command::Release { leg })
            }
            other => Some(other),
        }
    }

    /// A text that cannot be read in the call's language is spoken in the tenant's, where it can be
    /// read in that, else in the box's.
    fn in_a_voice(&self, mut playback: Playback) -> Playback {
        if texts(&playback).next().is_none() {
            return playback;
        }
        let store = lock(&self.shared.store).clone();
        let tenant = playback.tenant;
        let own = tenant.and_then(|tenant| store.own(tenant)).map(|own| own.language.as_str());
        for source in &mut playback.sources {
            let Source::Speech { language, text } = source else { continue };
            if store.speech(language, text).is_some() {
                continue;
            }
            let all = [Some(language.as_str()), own, Some(self.language.as_str())];
            let voice = speech::readable(text, all.into_iter().flatten()).map(str::to_owned);
            if let Some(voice) = voice.filter(|voice| voice.as_str() != language.as_str()) {
                self.spoken_elsewhere.fetch_add(1, Ordering::Relaxed);
                self.tell_once(tenant, language, &voice);
                *language = voice;
            }
        }
        playback
    }

    fn tell_once(&self, tenant: Option<TenantId>, language: &str, voice: &str) {
        let mut told = lock(&self.told);
        if told.len() < TOLD_MAX && told.insert((tenant, language.to_owned())) {
            let of = tenant.map(|tenant| tenant.to_string()).unwrap_or_default();
            tracing::warn!(
                tenant = of,
                language,
                voice,
                "a text that cannot be read in the call's language is spoken in another"
            );
        }
    }

    fn is_ready(&self, playback: &Playback) -> bool {
        let texts = texts(playback).collect::<Vec<_>>();
        if texts.is_empty() {
            return true;
        }
        let store = lock(&self.shared.store);
        texts.iter().all(|(language, text)| store.speech(language, text).is_some())
    }

    /// Speaks these texts (language and text) when nothing else waits, so that they are ready when
    /// a call comes. False when too much waits already: they are made when they are played.
    pub fn prepare(&self, texts: Vec<(String, String)>) -> bool {
        self.jobs.try_send(Job::Prepare(texts)).is_ok()
    }

    /// Reads what a tenant has of its own, gives it to the cores, and then does `then`; at once where
    /// they have it. What is done for one tenant is done in this order. `then` must not wait.
    pub fn stock(&self, own: Own, then: impl FnOnce() + Send + 'static) {
        if lock(&self.shared.shelf).want(own, Box::new(then)) {
            // A thread that has too much to do looks at the shelf after each thing that it does.
            let _ = self.jobs.try_send(Job::Stock);
        }
    }

    /// Reads the folders again, gives the cores what is there now, and waits for it.
    ///
    /// # Errors
    /// When a folder cannot be read; `None` when too much waits already.
    pub fn reload(&self) -> Option<Result<Reloaded, prompts::Error>> {
        let (tell, told) = mpsc::channel();
        self.jobs.try_send(Job::Reload(tell)).ok()?;
        told.recv().ok()
    }
}

/// What a command plays, and under which name it waits: a leg's own playback, or what a voice says.
fn played(command: &mut Command) -> Option<(LegId, &mut Playback)> {
    match command {
        Command::Play { leg, playback } => Some((*leg, playback)),
        Command::Interject(order) => Some((order.voice, &mut order.playback)),
        _ => None,
    }
}

/// The texts of a playback.
fn texts(playback: &Playback) -> impl Iterator<Item = (&str, &str)> {
    playback.sources.iter().filter_map(|source| match source {
        Source::Speech { language, text } => Some((language.as_str(), text.as_str())),
        Source::Prompt(_)
        | Source::Ringback
        | Source::Busy
        | Source::Beep { .. }
        | Source::Reminder { .. }
        | Source::Silence { .. }
        | Source::Arrival
        | Source::Departure => None,
    })
}

/// What the thread has.
struct Bench {
    config: StudioConfig,
    outlets: Outlets,
    shared: Arc<Shared>,
    /// Texts to be made when nothing else waits.
    ahead: VecDeque<(String, String)>,
    /// Texts that lie ready, the oldest first.
    made: VecDeque<(String, String)>,
}

impl Bench {
    fn work(mut self, jobs: &mpsc::Receiver<Job>) {
        loop {
            let job = match self.ahead.is_empty() {
                true => jobs.recv().map_err(|_| mpsc::TryRecvError::Disconnected),
                false => jobs.try_recv(),
            };
            match job {
                Ok(Job::Play(command)) => self.play(command),
                Ok(Job::Prepare(texts)) => {
                    self.ahead.extend(texts);
                    self.ahead.truncate(TEXTS_MAX);
                }
                Ok(Job::Reload(tell)) => {
                    // Who asked may have gone.
                    let _ = tell.send(self.reload());
                }
                Ok(Job::Stock) => {}
                Err(mpsc::TryRecvError::Empty) => {
                    let Some((language, text)) = self.ahead.pop_front() else { continue };
                    if self.speak(&language, &text) {
                        self.renew();
                    }
                }
                Err(mpsc::TryRecvError::Disconnected) => return,
            }
            self.stock();
        }
    }

    /// Reads the sets that wait.
    fn stock(&self) {
        loop {
            let Some((own, before)) = lock(&self.shared.shelf).next() else { return };
            let read = own::read(&own, before.as_ref(), &self.config.limits);
            for file in &read.skipped {
                let (path, reason) = (file.path.display(), &file.reason);
                tracing::warn!(tenant = %own.tenant, file = %path, %reason, "prompt left out");
            }
            {
                let mut store = lock(&self.shared.store);
                *store = store.with_own(own.tenant, read.prompts.clone());
            }
            self.renew();
            lock(&self.shared.shelf).done(read);
        }
    }

    fn play(&mut self, mut command: Command) {
        let Some((leg, playback)) = played(&mut command) else { return };
        let id = playback.id;
        let is_wanted = |shared: &Shared| lock(&shared.waiting).get(&leg) == Some(&id);
        if !is_wanted(&self.shared) {
            return;
        }
        let mut is_new = false;
        for (language, text) in texts(playback) {
            is_new |= self.speak(language, text);
        }
        if is_new {
            self.renew();
        }
        // It may have been stopped meanwhile.
        let mut waiting = lock(&self.shared.waiting);
        if waiting.get(&leg) == Some(&id) {
            waiting.remove(&leg);
            (self.outlets.send)(command);
        }
    }

    /// Makes a text ready. False when it was, or cannot be made.
    fn speak(&mut self, language: &str, text: &str) -> bool {
        let store = lock(&self.shared.store).clone();
        if store.speech(language, text).is_some() {
            return false;
        }
        let Ok((engine, cache)) = &mut self.config.speech else { return false };
        let spoken = speech::utterance(language, text)
            .map_err(|error| error.to_string())
            .and_then(|utterance| cache.speak(engine.as_mut(), &utterance));
        match spoken {
            Ok(prompt) => {
                let mut store = store.with_speech(language, text, prompt);
                self.made.push_back((language.to_owned(), text.to_owned()));
                if self.made.len() > TEXTS_MAX
                    && let Some((language, text)) = self.made.pop_front()
                {
                    store = store.without_speech(&language, &text);
                }
                *lock(&self.shared.store) = store;
                true
            }
            Err(reason) => {
                // The text may hold what a caller said: only its length is told.
                let chars = text.chars().count();
                tracing::warn!(language, chars, %reason, "a text was not spoken");
                false
            }
        }
    }

    fn reload(&self) -> Result<Reloaded, prompts::Error> {
        let (files, skipped) = prompts::load(&self.config.folders, &self.config.limits)?;
        let prompts = files.len();
        {
            let mut store = lock(&self.shared.store);
            *store = store.with_prompts_of(&files);
        }
        self.renew();
        Ok(Reloaded { prompts, skipped })
    }

    fn renew(&self) {
        let store = lock(&self.shared.store).clone();
        if !(self.outlets.renew)(&store) {
            tracing::warn!("the media cores did not take new prompts: too much waits for them");
        }
    }
}

#[cfg(test)]
mod tests;
