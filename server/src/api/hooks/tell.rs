//! Tells hooks of events, from the one event log. A hook is told of the events of a call one after the
//! other, in the order of the log, and of the next when it has acknowledged the one before with a
//! status of 2xx: what belongs to a call never overtakes. Several calls go beside one another, and so
//! does what belongs to none ([`Lanes`]). What fails is sent again after growing pauses; a hook that
//! fails to take an event for too long is paused, says so, and goes on where it stood when somebody
//! resumes it.
//!
//! How far each hook is stands in the store, and what it acknowledged beyond that, so a restart repeats
//! at most the events that were being sent. Nothing is queued: whoever is behind reads the log.

mod lanes;

use crate::api::live;
use crate::api::live::feed::{Feed, Subscription};
use crate::outward::Place;
use desk::Store;
use desk::hook::{Attempt, Line, delivery_id};
use desk::signer::Signer;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use lanes::Lanes;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use terms::event::Entry;
use terms::{HookId, Timestamp};
use tokio::task::JoinHandle;

/// Pause after the log or the store did not answer.
const RETRY: Duration = Duration::from_secs(1);
/// Events of one hook that are sent at a time, each of another call.
const AT_ONCE: usize = 8;
/// Entries after which the place in the log is noted although none of them was for the hook.
const PASSED_MAX: u64 = 10_000;
/// Longest text of a problem that is kept.
const PROBLEM_CHARS_MAX: usize = 300;

/// How hooks are told.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Private addresses that may be told.
    pub allowed: Vec<IpAddr>,
    /// A hook that failed for so long is paused.
    pub failing_max: Duration,
    /// Longest wait for an answer.
    pub answer_max: Duration,
    /// The first pause after a failure; each further one is twice as long.
    pub pause_first: Duration,
    /// The longest pause.
    pub pause_max: Duration,
    /// How often the list of hooks is looked at.
    pub look_every: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Terms {
            allowed: Vec::new(),
            failing_max: Duration::from_secs(8 * 3_600),
            answer_max: Duration::from_secs(10),
            pause_first: Duration::from_secs(1),
            pause_max: Duration::from_secs(5 * 60),
            look_every: Duration::from_secs(1),
        }
    }
}

/// The wall clock.
pub type Wall = fn() -> Timestamp;

/// Hooks that are being told, ended when this is dropped.
#[derive(Default)]
struct Told(HashMap<HookId, (i64, JoinHandle<()>)>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.values().for_each(|(_, task)| task.abort());
    }
}

/// Tells the hooks of all tenants until the process ends. A hook that a person changed begins anew,
/// as it is now.
pub async fn run(store: Store, events: Arc<Feed>, terms: Terms, wall: Wall) {
    let mut told = Told::default();
    loop {
        match store.hook_lines().await {
            Ok(lines) => {
                told.0.retain(|hook, (version, task)| {
                    let same = |line: &Line| line.hook == *hook && line.version == *version;
                    let goes_on = lines.iter().any(same);
                    if !goes_on {
                        task.abort();
                    }
                    goes_on
                });
                for line in lines {
                    let (hook, version) = (line.hook, line.version);
                    told.0.entry(hook).or_insert_with(|| {
                        let (store, events, terms) = (store.clone(), events.clone(), terms.clone());
                        let teller = Teller::new(store, terms, wall, line);
                        (version, tokio::spawn(teller.follow(events)))
                    });
                }
            }
            Err(error) => tracing::error!(%error, "hooks are not told of events"),
        }
        tokio::time::sleep(terms.look_every).await;
    }
}

/// Tells one hook.
struct Teller {
    store: Store,
    terms: Terms,
    wall: Wall,
    line: Line,
    lanes: Lanes,
    sender: Arc<Sender>,
    /// Events that fail, and since when.
    failing: BTreeMap<u64, Timestamp>,
    /// Since when the oldest event failed before this process.
    carried: Option<Timestamp>,
}

/// An event on its way.
struct Event {
    entry: Arc<Entry>,
    kind: String,
    body: String,
    /// Before the next attempt, where this one fails.
    pause: Duration,
}

/// An attempt: the status, where there was an answer, and why it failed.
type Tried = (Event, Option<u16>, Option<String>);

impl Teller {
    fn new(store: Store, terms: Terms, wall: Wall, line: Line) -> Teller {
        let sender = Sender {
            hook: line.hook,
            url: line.url.clone(),
            signer: line.signer.clone(),
            terms: terms.clone(),
            wall,
            client: Mutex::default(),
        };
        Teller {
            lanes: Lanes::new(line.through, line.told.clone()),
            carried: line.failing_since,
            sender: Arc::new(sender),
            failing: BTreeMap::new(),
            store,
            terms,
            wall,
            line,
        }
    }

    /// Follows the log until the hook is paused.
    async fn follow(mut self, events: Arc<Feed>) {
        let mut subscription = self.begin(&events);
        let mut sent = FuturesUnordered::new();
        loop {
            while sent.len() < AT_ONCE
                && let Some(entry) = self.lanes.begin_next()
            {
                let (kind, body) = (kind_of(&entry), live::text(&entry));
                let event = Event { entry, kind, body, pause: self.terms.pause_first };
                sent.push(self.sender.clone().attempt(event, Duration::ZERO));
            }
            tokio::select! {
                entries = subscription.next(), if self.lanes.has_room() => match entries {
                    Ok(entries) => self.on_read(entries).await,
                    Err(error) => {
                        tracing::error!(%error, "a hook is not told: the log cannot be read");
                        tokio::time::sleep(RETRY).await;
                    }
                },
                Some(tried) = sent.next() => match self.on_tried(tried).await {
                    Outcome::Told => {}
                    Outcome::Again(event, pause) => {
                        sent.push(self.sender.clone().attempt(event, pause));
                    }
                    Outcome::Paused => return,
                },
            }
        }
    }

    /// Where the hook stood, or where the log begins now.
    fn begin(&self, events: &Arc<Feed>) -> Subscription {
        let next = self.line.through + 1;
        let first = events.left_from(next);
        if first > next {
            let hook = self.line.hook;
            tracing::warn!(%hook, next, first, "a hook misses what the log has no more");
        }
        events.subscribe(Some(first))
    }

    async fn on_read(&mut self, entries: Vec<Arc<Entry>>) {
        for entry in entries {
            let is_for = self.is_for(&entry);
            self.lanes.on_read(entry, is_for);
        }
        let through = self.lanes.through();
        if through >= self.line.through + PASSED_MAX {
            self.pass(through).await;
        }
    }

    fn is_for(&self, entry: &Entry) -> bool {
        let kinds = &self.line.kinds;
        entry.tenant == self.line.tenant && (kinds.is_empty() || kinds.contains(&kind_of(entry)))
    }

    async fn pass(&mut self, seq: u64) {
        match self.store.pass_hook(&self.line, seq).await {
            Ok(()) => self.line.through = seq,
            Err(error) => tracing::error!(%error, "how far a hook is cannot be noted"),
        }
    }

    /// What follows from an attempt.
    async fn on_tried(&mut self, (event, status, problem): Tried) -> Outcome {
        let (at, seq) = ((self.wall)(), event.entry.seq);
        let problem: Option<String> =
            problem.map(|problem| problem.chars().take(PROBLEM_CHARS_MAX).collect());
        let is_oldest = self.lanes.is_oldest(seq);
        let since = match &problem {
            None => {
                self.failing.remove(&seq);
                self.carried = self.carried.filter(|_| !is_oldest);
                self.lanes.on_told(&event.entry);
                at
            }
            Some(_) => {
                let carried = self.carried.filter(|_| is_oldest);
                *self.failing.entry(seq).or_insert_with(|| carried.unwrap_or(at))
            }
        };
        let attempt = Attempt {
            seq,
            kind: &event.kind,
            call: event.entry.call,
            at,
            status,
            problem: problem.as_deref(),
            through: self.lanes.through(),
            failing_since: self.failing.values().min().copied(),
        };
        self.note(&attempt).await;
        self.line.through = attempt.through;
        if problem.is_none() {
            return Outcome::Told;
        }
        if at >= since + self.terms.failing_max {
            self.give_up(at).await;
            return Outcome::Paused;
        }
        let pause = event.pause;
        Outcome::Again(Event { pause: (pause * 2).min(self.terms.pause_max), ..event }, pause)
    }

    /// Until it is written: what was acknowledged must not be sent again after a restart.
    async fn note(&self, attempt: &Attempt<'_>) {
        while let Err(error) = self.store.note_attempt(&self.line, attempt).await {
            tracing::error!(%error, "a delivery cannot be noted");
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn give_up(&self, at: Timestamp) {
        let hook = self.line.hook;
        tracing::warn!(%hook, "a hook has failed for too long and is paused");
        while let Err(error) = self.store.pause_hook(&self.line, at).await {
            tracing::error!(%error, "a hook cannot be paused");
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// What follows from an attempt.
enum Outcome {
    /// It was acknowledged.
    Told,
    /// It is sent again after this pause.
    Again(Event, Duration),
    /// The hook is told of nothing more.
    Paused,
}

/// Sends events to one hook.
struct Sender {
    hook: HookId,
    url: String,
    signer: Signer,
    terms: Terms,
    wall: Wall,
    /// What connects to this place.
    client: Mutex<Option<(Place, reqwest::Client)>>,
}

impl Sender {
    /// One attempt, after a pause. An address may hold what only its owner should know, so no sentence
    /// has it.
    async fn attempt(self: Arc<Self>, event: Event, pause: Duration) -> Tried {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let sent = tokio::time::timeout(self.terms.answer_max, self.post(&event)).await;
        let (status, problem) = match sent {
            Ok(Ok(status)) if (200..300).contains(&status) => (Some(status), None),
            Ok(Ok(status)) => (Some(status), Some(format!("it answered {status}"))),
            Ok(Err(why)) => (None, Some(why)),
            Err(_) => (None, Some(format!("no answer within {:?}", self.terms.answer_max))),
        };
        (event, status, problem)
    }

    async fn post(&self, event: &Event) -> Result<u16, String> {
        let seconds = (self.wall)().0.div_euclid(1_000_000);
        let signature = self.signer.header(seconds, &[event.body.as_bytes()]);
        let url = reqwest::Url::parse(&self.url).map_err(|error| error.to_string())?;
        let client = self.client(&url).await?;
        let answer = client
            .post(url)
            .header("content-type", "application/json")
            .header("switchgrid-delivery", delivery_id(self.hook, event.entry.seq))
            .header("switchgrid-event", &event.kind)
            .header("switchgrid-signature", signature)
            .body(event.body.clone())
            .send()
            .await
            .map_err(|error| because(&error.without_url()))?;
        // Nothing of its body matters, and it may be long.
        Ok(answer.status().as_u16())
    }

    /// A connection is used again as long as the name leads to the same.
    async fn client(&self, url: &reqwest::Url) -> Result<reqwest::Client, String> {
        let place = Place::of(url, &self.terms.allowed, "hooks.allowed").await;
        let place = place.map_err(|refusal| refusal.to_string())?.sorted();
        let mut known = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, client)) = &*known
            && *of == place
        {
            return Ok(client.clone());
        }
        let client = place.client().build().map_err(|error| because(&error))?;
        *known = Some((place, client.clone()));
        Ok(client)
    }
}

/// What an error says with all that it says is behind it.
fn because(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut behind = std::error::Error::source(error);
    while let Some(source) = behind {
        text.push_str(": ");
        text.push_str(&source.to_string());
        behind = source.source();
    }
    text
}

/// The word of an event in `type`.
fn kind_of(entry: &Entry) -> String {
    let kind = serde_json::to_value(&entry.kind).expect("an entry is always valid JSON");
    kind["type"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use desk::By;
    use desk::bootstrap::Defaults;
    use desk::hook::HookDraft;
    use terms::CallId;
    use terms::event::{ENTRY_VERSION, Kind, Party};

    const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

    /// Tells the only hook of a new store, always at noon.
    async fn teller(folder: &tempfile::TempDir) -> Teller {
        let store = Store::open(folder.path().join("desk.db").to_str().unwrap()).await.unwrap();
        let defaults = Defaults::with_flow(serde_json::json!({"start": "hello", "steps": {}}));
        let tenant = store.bootstrap(&defaults, NOON).await.unwrap().unwrap().tenant;
        let draft = HookDraft {
            name: "crm".into(),
            url: "https://crm.example/events".into(),
            kinds: Vec::new(),
            enabled: true,
        };
        store.create_hook(tenant, &By::system("test", NOON), &draft, 0).await.unwrap();
        let line = store.hook_lines().await.unwrap().remove(0);
        Teller::new(store, Terms::default(), || NOON, line)
    }

    /// The first event of the log, which is being sent for the first time.
    fn first_event(teller: &mut Teller) -> Event {
        let entry = Entry {
            v: ENTRY_VERSION,
            seq: 1,
            at: NOON,
            tenant: teller.line.tenant,
            contact: None,
            call: Some(CallId(5)),
            leg: None,
            kind: Kind::Held { by: Party::Agent },
        };
        teller.lanes.on_read(Arc::new(entry), true);
        let entry = teller.lanes.begin_next().expect("it is for the hook");
        let (kind, body) = (kind_of(&entry), live::text(&entry));
        Event { entry, kind, body, pause: teller.terms.pause_first }
    }

    #[tokio::test]
    async fn pauses_between_attempts_double_up_to_the_longest() {
        let folder = tempfile::tempdir().unwrap();
        let mut teller = teller(&folder).await;
        let mut event = first_event(&mut teller);
        let mut pauses = Vec::new();
        for _ in 0..11 {
            let tried = (event, Some(503), Some("it answered 503".to_owned()));
            let Outcome::Again(again, pause) = teller.on_tried(tried).await else {
                panic!("it is sent again")
            };
            pauses.push(pause.as_secs());
            event = again;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }
}
