//! Tells hooks of events, from the one event log. A hook is told of one event after the other, in the
//! order of the log, and of the next when it has acknowledged the one before with a status of 2xx:
//! what belongs to a call never overtakes. What fails is sent again after growing pauses; a hook that
//! failed for too long is paused, says so, and goes on where it stood when somebody resumes it.
//!
//! How far each hook is stands in the store, so a restart repeats at most the event that was not
//! acknowledged. Nothing is queued: whoever is behind reads the log.

use crate::api::live;
use crate::api::live::feed::{Feed, Subscription};
use crate::outward::Place;
use desk::Store;
use desk::hook::{Attempt, Line, delivery_id};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use terms::event::Entry;
use terms::{HookId, Timestamp};
use tokio::task::JoinHandle;

/// Pause after the log or the store did not answer.
const RETRY: Duration = Duration::from_secs(1);
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
                        let teller = Teller { store, terms, wall, line, client: None };
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
    /// What connects to this place.
    client: Option<(Place, reqwest::Client)>,
}

impl Teller {
    /// Follows the log until the hook is paused.
    async fn follow(mut self, events: Arc<Feed>) {
        let mut subscription = self.begin(&events);
        loop {
            let entries = match subscription.next().await {
                Ok(entries) => entries,
                Err(error) => {
                    tracing::error!(%error, "a hook is not told: the log cannot be read");
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
            };
            for entry in entries {
                if self.is_for(&entry) {
                    if !self.tell(&entry).await {
                        return;
                    }
                    self.line.through = entry.seq;
                } else if entry.seq >= self.line.through + PASSED_MAX {
                    self.pass(entry.seq).await;
                }
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

    /// Sends an event until it is acknowledged. False when the hook is paused.
    async fn tell(&mut self, entry: &Entry) -> bool {
        let (kind, body) = (kind_of(entry), live::text(entry));
        let mut pause = self.terms.pause_first;
        loop {
            let (status, problem) = self.send(entry.seq, &kind, &body).await;
            let at = (self.wall)();
            let problem: Option<String> =
                problem.map(|problem| problem.chars().take(PROBLEM_CHARS_MAX).collect());
            let attempt = Attempt {
                seq: entry.seq,
                kind: &kind,
                call: entry.call,
                at,
                status,
                problem: problem.as_deref(),
            };
            self.note(&attempt).await;
            if problem.is_none() {
                self.line.failing_since = None;
                return true;
            }
            let since = *self.line.failing_since.get_or_insert(at);
            if at >= since + self.terms.failing_max {
                self.give_up(at).await;
                return false;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(self.terms.pause_max);
        }
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

    /// One attempt: the status, where there was an answer, and why it failed. An address may hold
    /// what only its owner should know, so no sentence has it.
    async fn send(&mut self, seq: u64, kind: &str, body: &str) -> (Option<u16>, Option<String>) {
        let sent = tokio::time::timeout(self.terms.answer_max, self.post(seq, kind, body)).await;
        match sent {
            Ok(Ok(status)) if (200..300).contains(&status) => (Some(status), None),
            Ok(Ok(status)) => (Some(status), Some(format!("it answered {status}"))),
            Ok(Err(why)) => (None, Some(why)),
            Err(_) => (None, Some(format!("no answer within {:?}", self.terms.answer_max))),
        }
    }

    async fn post(&mut self, seq: u64, kind: &str, body: &str) -> Result<u16, String> {
        let seconds = (self.wall)().0.div_euclid(1_000_000);
        let signature = self.line.signer.header(seconds, &[body.as_bytes()]);
        let url = reqwest::Url::parse(&self.line.url).map_err(|error| error.to_string())?;
        let client = self.client(&url).await?;
        let answer = client
            .post(url)
            .header("content-type", "application/json")
            .header("switchgrid-delivery", delivery_id(self.line.hook, seq))
            .header("switchgrid-event", kind)
            .header("switchgrid-signature", signature)
            .body(body.to_owned())
            .send()
            .await
            .map_err(|error| because(&error.without_url()))?;
        // Nothing of its body matters, and it may be long.
        Ok(answer.status().as_u16())
    }

    /// A connection is used again as long as the name leads to the same.
    async fn client(&mut self, url: &reqwest::Url) -> Result<reqwest::Client, String> {
        let place = Place::of(url, &self.terms.allowed, "hooks.allowed").await;
        let place = place.map_err(|refusal| refusal.to_string())?.sorted();
        if let Some((known, client)) = &self.client
            && *known == place
        {
            return Ok(client.clone());
        }
        let client = place.client().build().map_err(|error| because(&error))?;
        self.client = Some((place, client.clone()));
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
