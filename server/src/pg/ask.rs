//! A question on its way to the `work` child: by whom, and whether they still may; then its rows, or
//! why there are none.

use super::Door;
use super::message::refused;
use crate::doors::Outcome;
use crate::work::jobs::{Job, JobScope, Problem};
use crate::work::wire::{Refusal, Want, WireHead, WireJob};
use desk::user::Identity;
use desk::{By, Permission, Store};
use std::net::IpAddr;
use std::sync::Arc;
use terms::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use warehouse::wire::{Kind, WireColumn};

/// Columns of an answer, as in PostgreSQL: the protocol counts them in two bytes.
const COLUMNS_MAX: usize = 1_664;
/// Answers that all connections hold together, in KiB: 1 GiB, twice the longest one.
pub const HELD_KIB_MAX: usize = 1 << 20;

/// Who asks.
#[derive(Debug)]
pub struct Asker {
    /// The token that was proved.
    pub token: i64,
    /// The name at the door.
    pub user: String,
    /// From where.
    pub source: IpAddr,
}

/// What came back.
#[derive(Debug)]
pub struct Answered {
    /// The types of the parameters, where that was asked.
    pub parameters: Vec<Kind>,
    /// The columns.
    pub columns: Vec<WireColumn>,
    /// The rows.
    pub rows: Rows,
}

/// `DataRow` messages, of which some may have been sent.
#[derive(Debug, Default)]
pub struct Rows {
    answer: Arc<Answer>,
    at: usize,
    end: usize,
}

/// What the worker wrote, with the room that it takes of all connections' together.
#[derive(Debug, Default)]
struct Answer {
    bytes: Vec<u8>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Rows {
    fn new(bytes: Vec<u8>, room: Option<OwnedSemaphorePermit>) -> Self {
        Rows { at: 0, end: bytes.len(), answer: Arc::new(Answer { bytes, _room: room }) }
    }

    /// The next rows, at most `most` of them, and how many they are; all where `most` is zero.
    pub fn next(&mut self, most: usize) -> (&[u8], usize) {
        let (start, count) = self.pass(most);
        (&self.answer.bytes[start..self.at], count)
    }

    /// The same as rows of their own.
    pub fn part(&mut self, most: usize) -> (Rows, usize) {
        let (at, count) = self.pass(most);
        (Rows { answer: self.answer.clone(), at, end: self.at }, count)
    }

    /// Passes over them: where they begin, and how many they are.
    fn pass(&mut self, most: usize) -> (usize, usize) {
        let (start, mut count) = (self.at, 0);
        let bytes = &self.answer.bytes[..self.end];
        while let Some(head) = bytes.get(self.at..self.at + 5) {
            if most > 0 && count == most {
                break;
            }
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
            self.at = (self.at + 1 + length).min(self.end);
            count += 1;
        }
        (start, count)
    }

    /// All bytes that were not sent, whatever they are.
    pub fn into_bytes(self) -> Vec<u8> {
        self.answer.bytes[self.at..self.end].to_vec()
    }

    /// True when all were sent.
    pub fn is_done(&self) -> bool {
        self.at >= self.end
    }
}

impl Door {
    /// Answers one question, unless `cancelled` comes first. What is asked for rows is written down
    /// before it is answered.
    pub(super) async fn ask(
        &self,
        asker: &Asker,
        sql: &str,
        want: Want,
        cancelled: &Notify,
    ) -> Result<Answered, Refusal> {
        let (began, is_rows) = (self.clock.moment(), matches!(want, Want::Rows { .. }));
        let answered = tokio::select! {
            answered = self.answer(asker, sql, want) => answered,
            () = cancelled.notified() => Err(stopped_as_asked()),
        };
        let outcome = match &answered {
            Ok(_) => Outcome::Answered,
            Err(refusal) => Outcome::of(refusal),
        };
        // One that was only described is counted when its rows are asked for.
        if is_rows || outcome != Outcome::Answered {
            self.counts.asked(outcome, self.clock.moment() - began);
        }
        answered
    }

    async fn answer(&self, asker: &Asker, sql: &str, want: Want) -> Result<Answered, Refusal> {
        let at = self.clock.wall();
        let identity = still_good(&self.store, asker.token, at).await?;
        if matches!(want, Want::Rows { .. }) {
            note(&self.store, &identity, asker.source, at, sql).await?;
        }
        let scope = scope(&self.store, &identity).await?;
        let (user, sql) = (asker.user.clone(), sql.to_owned());
        let job = Job::Wire(Box::new(WireJob { scope, user, sql, want }));
        let done = self.work.run(job).await.map_err(|problem| failed(&problem))?;
        let room = self.room(done.body.len())?;
        let answered = read(done.body, Some(room))?;
        if answered.columns.len() > COLUMNS_MAX {
            let count = answered.columns.len();
            let text = format!("the answer has {count} columns; {COLUMNS_MAX} are allowed");
            return Err(refused("54011", text));
        }
        Ok(answered)
    }

    /// Room for an answer of so many bytes, as long as somebody holds it.
    fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        self.held.clone().try_acquire_many_owned(kib).map_err(|_| {
            let mib = HELD_KIB_MAX >> 10;
            let text = format!(
                "{mib} MiB of answers are held for clients; fetch or close cursors, or try again"
            );
            refused("53200", text)
        })
    }
}

/// Its asker wanted it to end.
pub fn stopped_as_asked() -> Refusal {
    refused("57014", "stopped because it was asked to be")
}

/// Who holds a token for SQL, as long as it is good and their role allows to ask.
pub(crate) async fn still_good(
    store: &Store,
    token: i64,
    at: Timestamp,
) -> Result<Identity, Refusal> {
    let found = store.sql_identity(token, at).await.map_err(unreachable)?;
    found
        .filter(|identity| identity.role.allows(Permission::SqlRun))
        .ok_or_else(|| refused("28000", "the token is expired or taken back; sign in again"))
}

/// Writes down that somebody asks.
pub(crate) async fn note(
    store: &Store,
    who: &Identity,
    source: IpAddr,
    at: Timestamp,
    sql: &str,
) -> Result<(), Refusal> {
    let by = By { user: Some(who.user), source: source.to_string(), at };
    store.note(who.tenant, &by, "sql.ask", sql).await.map_err(unreachable)
}

/// Whose rows somebody sees.
pub(crate) async fn scope(store: &Store, who: &Identity) -> Result<JobScope, Refusal> {
    let tenant = store.tenant(who.tenant).await.map_err(unreachable)?;
    let sight = store.sight(who).await.map_err(unreachable)?;
    let audit = who.role.allows(Permission::AuditRead);
    Ok(JobScope::seen(who.tenant, sight, audit, tenant.profile.time_zone))
}

/// The store does not answer.
pub(crate) fn unreachable(error: desk::Error) -> Refusal {
    tracing::error!(%error, "a question in SQL could not be checked");
    refused("57P03", "this cannot be answered right now; try again")
}

/// The worker's answer: a line that says what it is, and the rows behind it.
pub(crate) fn read(
    mut body: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
) -> Result<Answered, Refusal> {
    let broken = || refused("XX000", "the worker's answer cannot be read");
    let end = body.iter().position(|byte| *byte == b'\n').ok_or_else(broken)?;
    let head: WireHead = serde_json::from_slice(&body[..end]).map_err(|_| broken())?;
    match head {
        WireHead::Refused(refusal) => Err(refusal),
        WireHead::Columns { parameters, columns } => {
            let bytes = body.split_off(end + 1);
            Ok(Answered { parameters, columns, rows: Rows::new(bytes, room) })
        }
    }
}

/// Why the worker did not answer at all: too many ask, or it ended.
pub(crate) fn failed(problem: &Problem) -> Refusal {
    tracing::warn!(detail = problem.detail, "a question in SQL was not answered");
    let code = match (problem.status, problem.kind.as_str()) {
        (503, "busy") => "53300",
        (503, "ended") => "53200",
        (413, _) => "54000",
        (503, _) => "57P03",
        _ => "58000",
    };
    refused(code, problem.message.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_given_by_the_piece() {
        let row = b"D\0\0\0\x06\0\0";
        let mut rows = Rows::new(row.repeat(3), None);
        assert_eq!(rows.next(2).1, 2);
        assert!(!rows.is_done());
        assert_eq!(rows.next(0), (row.as_slice(), 1));
        assert!(rows.is_done());
        assert_eq!(rows.next(5), (&[][..], 0));
    }

    #[test]
    fn a_part_of_rows_ends_where_the_rest_begins() {
        let row = b"D\0\0\0\x06\0\0";
        let mut rows = Rows::new(row.repeat(5), None);
        let (mut part, count) = rows.part(3);
        assert_eq!((count, part.next(2).1, part.next(0).1), (3, 2, 1));
        assert!(part.is_done() && !rows.is_done());
        assert_eq!(rows.next(0).1, 2);
        assert_eq!(rows.part(1).1, 0);
    }

    #[test]
    fn a_worker_that_has_no_place_says_so_by_its_code() {
        let busy = Problem::new(503, "busy", "Too many questions.", "");
        assert_eq!(failed(&busy).code, "53300");
        assert_eq!(failed(&Problem::ended("unexpected end of file")).code, "53200");
        assert_eq!(failed(&Problem::unavailable("it is starting")).code, "57P03");
        assert_eq!(read(b"{}".to_vec(), None).unwrap_err().code, "XX000");
    }
}
