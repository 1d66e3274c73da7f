//! What the door keeps for clients between their requests: tickets for answers, questions that are
//! prepared, and questions that run. Each is named by random bytes and belongs to the token that made
//! it; to all others it does not exist.

use crate::pg::refused;
use crate::work::wire::Refusal;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use terms::Moment;
use tokio::sync::Notify;
use warehouse::wire::{Kind, Parameter};

/// Longest question.
pub const SQL_BYTES_MAX: usize = 256 << 10;
/// How long an answer may be fetched.
const TICKET_LIFETIME: Duration = Duration::from_secs(300);
/// How long a prepared question stays that nobody uses.
const PREPARED_LIFETIME: Duration = Duration::from_secs(3_600);
/// Tickets of one token.
const TICKETS_MAX: usize = 64;
/// Prepared questions of one token.
const PREPARED_MAX: usize = 100;
/// Bytes of all texts and values that are kept.
const BYTES_MAX: usize = 64 << 20;
/// What a question takes beside its text.
const OVERHEAD_BYTES: usize = 512;

/// A name of something that is kept.
pub type Handle = [u8; 16];

/// A question with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The text.
    pub sql: String,
    /// The values of its parameters.
    pub parameters: Vec<Parameter>,
}

impl Question {
    fn bytes(&self) -> usize {
        let values = self.parameters.iter().map(|value| value.text.as_ref().map_or(0, String::len));
        OVERHEAD_BYTES
            + self.sql.len()
            + values.map(|bytes| bytes + size_of::<Parameter>()).sum::<usize>()
    }
}

/// A question that is prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The text and the values that were bound last.
    pub question: Question,
    /// The types that the text demands of its parameters.
    pub kinds: Vec<Kind>,
}

#[derive(Debug)]
struct Kept<T> {
    owner: i64,
    until: Moment,
    what: T,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Held(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    tickets: HashMap<Handle, Kept<Question>>,
    prepared: HashMap<Handle, Kept<Prepared>>,
    running: HashMap<Handle, (i64, Arc<Notify>)>,
}

/// A question that runs, until it is dropped.
#[derive(Debug)]
pub struct Running {
    held: Arc<Mutex<Inner>>,
    handle: Handle,
    /// Told when it is to end.
    pub cancelled: Arc<Notify>,
}

impl Held {
    /// Keeps a question whose answer is to be fetched; names it.
    pub fn ticket(&self, owner: i64, question: Question, now: Moment) -> Result<Handle, Refusal> {
        let mut inner = self.inner(now);
        let mine = inner.tickets.iter().filter(|(_, kept)| kept.owner == owner);
        if mine.clone().count() >= TICKETS_MAX {
            let oldest = mine.min_by_key(|(_, kept)| kept.until).map(|(handle, _)| *handle);
            if let Some(oldest) = oldest {
                inner.tickets.remove(&oldest);
            }
        }
        inner.has_room(question.bytes())?;
        let handle = random();
        let until = now + TICKET_LIFETIME;
        inner.tickets.insert(handle, Kept { owner, until, what: question });
        Ok(handle)
    }

    /// Takes a question whose answer is fetched now.
    pub fn redeem(
        &self,
        owner: i64,
        handle: &[u8],
        now: Moment,
    ) -> Result<(Question, Running), Refusal> {
        let mut inner = self.inner(now);
        let handle = named(handle);
        let mine =
            |handle: &Handle| inner.tickets.get(handle).is_some_and(|kept| kept.owner == owner);
        let handle = handle.filter(mine).ok_or_else(unknown_ticket)?;
        let kept = inner.tickets.remove(&handle).ok_or_else(unknown_ticket)?;
        let cancelled = Arc::new(Notify::new());
        inner.running.insert(handle, (owner, cancelled.clone()));
        Ok((kept.what, Running { held: self.0.clone(), handle, cancelled }))
    }

    /// Ends a question that runs, or forgets one that has not begun. False where there is none.
    pub fn cancel(&self, owner: i64, handle: &[u8], now: Moment) -> bool {
        let mut inner = self.inner(now);
        let Some(handle) = named(handle) else { return false };
        if inner.tickets.get(&handle).is_some_and(|kept| kept.owner == owner) {
            inner.tickets.remove(&handle);
            return true;
        }
        match inner.running.get(&handle) {
            Some((theirs, cancelled)) if *theirs == owner => {
                cancelled.notify_one();
                true
            }
            _ => false,
        }
    }

    /// Keeps a prepared question; names it.
    pub fn prepare(&self, owner: i64, prepared: Prepared, now: Moment) -> Result<Handle, Refusal> {
        let mut inner = self.inner(now);
        let mine = inner.prepared.values().filter(|kept| kept.owner == owner).count();
        if mine >= PREPARED_MAX {
            let text = format!("{PREPARED_MAX} questions are prepared; close some first");
            return Err(refused("54000", text));
        }
        inner.has_room(prepared.question.bytes())?;
        let handle = random();
        let until = now + PREPARED_LIFETIME;
        inner.prepared.insert(handle, Kept { owner, until, what: prepared });
        Ok(handle)
    }

    /// A prepared question.
    pub fn prepared(&self, owner: i64, handle: &[u8], now: Moment) -> Result<Prepared, Refusal> {
        let mut inner = self.inner(now);
        let kept = inner.mine(owner, handle).ok_or_else(unknown_prepared)?;
        kept.until = now + PREPARED_LIFETIME;
        Ok(kept.what.clone())
    }

    /// Gives a prepared question other values.
    pub fn bind(
        &self,
        owner: i64,
        handle: &[u8],
        parameters: Vec<Parameter>,
        now: Moment,
    ) -> Result<(), Refusal> {
        let mut inner = self.inner(now);
        let kept = inner.mine(owner, handle).ok_or_else(unknown_prepared)?;
        let sql = kept.what.question.sql.clone();
        let question = Question { sql, parameters };
        let bytes = question.bytes();
        kept.what.question.parameters.clear();
        inner.has_room(bytes)?;
        let kept = inner.mine(owner, handle).ok_or_else(unknown_prepared)?;
        kept.what.question = question;
        kept.until = now + PREPARED_LIFETIME;
        Ok(())
    }

    /// Forgets a prepared question; nothing where there is none.
    pub fn close(&self, owner: i64, handle: &[u8], now: Moment) {
        let mut inner = self.inner(now);
        if inner.mine(owner, handle).is_some()
            && let Some(handle) = named(handle)
        {
            inner.prepared.remove(&handle);
        }
    }

    /// What is kept, without what is too old.
    fn inner(&self, now: Moment) -> MutexGuard<'_, Inner> {
        let mut inner = self.0.lock().expect("no panic while held");
        inner.tickets.retain(|_, kept| kept.until > now);
        inner.prepared.retain(|_, kept| kept.until > now);
        inner
    }
}

impl Inner {
    fn mine(&mut self, owner: i64, handle: &[u8]) -> Option<&mut Kept<Prepared>> {
        let kept = self.prepared.get_mut(&named(handle)?)?;
        (kept.owner == owner).then_some(kept)
    }

    fn has_room(&self, bytes: usize) -> Result<(), Refusal> {
        let tickets = self.tickets.values().map(|kept| kept.what.bytes());
        let prepared = self.prepared.values().map(|kept| kept.what.question.bytes());
        if tickets.chain(prepared).sum::<usize>() + bytes > BYTES_MAX {
            let text = "too many questions are prepared or wait to be fetched; try again later";
            return Err(refused("53300", text));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.held.lock().expect("no panic while held").running.remove(&self.handle);
    }
}

fn named(handle: &[u8]) -> Option<Handle> {
    handle.try_into().ok()
}

fn random() -> Handle {
    let mut handle = Handle::default();
    getrandom::fill(&mut handle).expect("the kernel has random bytes");
    handle
}

fn unknown_ticket() -> Refusal {
    let text = format!(
        "there is no such ticket of yours; it is good once and for {} minutes",
        TICKET_LIFETIME.as_secs() / 60
    );
    refused("26000", text)
}

fn unknown_prepared() -> Refusal {
    refused("26000", "there is no such prepared question of yours; prepare it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(0);

    fn question(sql: &str) -> Question {
        Question { sql: sql.to_owned(), parameters: Vec::new() }
    }

    fn prepared(sql: &str) -> Prepared {
        Prepared { question: question(sql), kinds: Vec::new() }
    }

    #[test]
    fn a_ticket_is_good_once_for_its_maker_and_for_a_while() {
        let held = Held::default();
        let handle = held.ticket(1, question("SELECT 1"), NOW).unwrap();
        assert_eq!(held.redeem(2, &handle, NOW).unwrap_err().code, "26000", "of somebody else");
        let (taken, _running) = held.redeem(1, &handle, NOW).unwrap();
        assert_eq!(taken.sql, "SELECT 1");
        assert!(held.redeem(1, &handle, NOW).is_err(), "a second time");
        let handle = held.ticket(1, question("SELECT 1"), NOW).unwrap();
        assert!(held.redeem(1, &handle, NOW + TICKET_LIFETIME).is_err(), "too late");
        assert!(held.redeem(1, b"garbage", NOW).is_err());
    }

    #[test]
    fn the_oldest_ticket_makes_room_for_its_makers_next() {
        let held = Held::default();
        let theirs = held.ticket(2, question("SELECT 2"), NOW).unwrap();
        let mut handles = Vec::new();
        for at in 0..=TICKETS_MAX as u64 {
            handles.push(held.ticket(1, question("SELECT 1"), Moment(at)).unwrap());
        }
        assert!(held.redeem(1, &handles[0], NOW).is_err());
        assert!(held.redeem(1, &handles[1], NOW).is_ok());
        assert!(held.redeem(2, &theirs, NOW).is_ok());
    }

    #[test]
    fn what_is_prepared_belongs_to_its_maker_and_has_limits() {
        let held = Held::default();
        let handle = held.prepare(1, prepared("SELECT $1"), NOW).unwrap();
        assert!(held.prepared(2, &handle, NOW).is_err());
        let value = Parameter { kind: Some(Kind::Int8), text: Some("7".to_owned()) };
        assert!(held.bind(2, &handle, vec![value.clone()], NOW).is_err());
        held.bind(1, &handle, vec![value.clone()], NOW).unwrap();
        assert_eq!(held.prepared(1, &handle, NOW).unwrap().question.parameters, [value]);
        held.close(2, &handle, NOW);
        assert!(held.prepared(1, &handle, NOW).is_ok(), "nobody else closes it");
        for _ in 1..PREPARED_MAX {
            held.prepare(1, prepared("SELECT 1"), NOW).unwrap();
        }
        assert_eq!(held.prepare(1, prepared("SELECT 1"), NOW).unwrap_err().code, "54000");
        held.close(1, &handle, NOW);
        held.prepare(1, prepared("SELECT 1"), NOW).unwrap();
        assert!(held.prepare(1, prepared("SELECT 1"), NOW + PREPARED_LIFETIME).is_ok(), "all old");
    }

    #[test]
    fn all_texts_together_have_a_limit() {
        let held = Held::default();
        let long = "x".repeat(SQL_BYTES_MAX);
        let refusal = (0..)
            .find_map(|owner| held.prepare(owner, prepared(&long), NOW).err())
            .expect("there is an end");
        assert_eq!(refusal.code, "53300");
        assert_eq!(held.ticket(-1, question(&long), NOW).unwrap_err().code, "53300");
    }

    #[tokio::test]
    async fn only_its_maker_ends_a_question() {
        let held = Held::default();
        let handle = held.ticket(1, question("SELECT 1"), NOW).unwrap();
        let (_, running) = held.redeem(1, &handle, NOW).unwrap();
        assert!(!held.cancel(2, &handle, NOW));
        assert!(futures::poll!(Box::pin(running.cancelled.notified())).is_pending());
        assert!(held.cancel(1, &handle, NOW));
        assert!(futures::poll!(Box::pin(running.cancelled.notified())).is_ready());
        drop(running);
        assert!(!held.cancel(1, &handle, NOW), "it is over");
        let waits = held.ticket(1, question("SELECT 1"), NOW).unwrap();
        assert!(held.cancel(1, &waits, NOW));
        assert!(held.redeem(1, &waits, NOW).is_err(), "it was forgotten");
    }
}
