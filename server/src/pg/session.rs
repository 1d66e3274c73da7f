//! A connection that is signed in: reads messages, keeps whether a transaction is open, and answers
//! simple questions. Those in parts are in [`super::extended`].

use super::Door;
use super::ask::{Answered, Asker, Rows};
use super::cancel::Registered;
use super::message::{
    Body, MESSAGE_BYTES_MAX, Wire, malformed, put_columns, put_refusal, put_text, refused,
};
use super::parts::{Parts, Prepared};
use super::statement::{self, Inner, Statement};
use crate::work::wire::{Refusal, Want};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use warehouse::wire::{Kind, WireColumn};

/// Why a message was not carried out.
pub enum Trouble {
    /// The client is gone.
    Gone(io::Error),
    /// It cannot be, and the connection stays. Where in the text, in characters from 1.
    Refused(Refusal, Option<usize>),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Gone(error)
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Trouble::Refused(refusal, None)
    }
}

impl Trouble {
    /// A refusal of `sql`, before which so many characters stand in the client's text.
    pub fn of(refusal: Refusal, sql: &str, before: usize) -> Self {
        let position = position(sql, refusal.place).map(|position| before + position);
        Trouble::Refused(refusal, position)
    }

    /// The same of a text that the client did not send just now.
    pub fn without_place(self) -> Self {
        match self {
            Trouble::Refused(refusal, _) => Trouble::Refused(refusal, None),
            gone @ Trouble::Gone(_) => gone,
        }
    }

    /// A refusal of a question inside of `text`, before which so many characters stand.
    pub fn inside(refusal: Refusal, question: &Inner, text: &str, before: usize) -> Self {
        match question.start {
            Some(start) => {
                let before = before + text[..start].chars().count();
                Trouble::of(refusal, &question.sql, before)
            }
            None => refusal.into(),
        }
    }
}

/// Whether a transaction is open, in the protocol's letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// None is.
    None,
    /// One is.
    Open,
    /// One is, and something in it was refused: all else is, until it ends.
    Failed,
}

/// A connection.
pub struct Session {
    pub(super) door: Arc<Door>,
    pub(super) wire: Wire,
    pub(super) asker: Asker,
    pub(super) registered: Registered,
    pub(super) transaction: Transaction,
    pub(super) parts: Parts,
    _place: OwnedSemaphorePermit,
}

impl Session {
    /// Of somebody who proved `token` as `user`.
    pub fn new(
        door: Arc<Door>,
        wire: Wire,
        registered: Registered,
        place: OwnedSemaphorePermit,
        (token, user, source): (i64, String, IpAddr),
    ) -> Self {
        Session {
            door,
            wire,
            asker: Asker { token, user, source },
            registered,
            transaction: Transaction::None,
            parts: Parts::default(),
            _place: place,
        }
    }

    /// Until the client leaves.
    pub async fn run(mut self) {
        if let Err(error) = self.talk().await {
            tracing::debug!(%error, user = self.asker.user, "a connection for SQL ended");
        }
    }

    async fn talk(&mut self) -> io::Result<()> {
        self.ready().await?;
        // After a refusal the parts of a question are not looked at until the client says that it
        // has heard of it.
        let mut skips = false;
        while let Some((letter, body)) = self.wire.read(MESSAGE_BYTES_MAX).await? {
            let done = match letter {
                b'X' => return Ok(()),
                b'S' => {
                    skips = false;
                    self.parts.synced(self.transaction);
                    self.ready().await?;
                    continue;
                }
                _ if skips => continue,
                b'H' => self.wire.flush().await.map_err(Trouble::from),
                b'Q' => self.simple(&body).await,
                _ => self.part(letter, &body).await,
            };
            let is_simple = letter == b'Q';
            match done {
                Ok(()) => {}
                Err(Trouble::Gone(error)) => return Err(error),
                Err(Trouble::Refused(refusal, position)) => {
                    let is_fatal = refusal.code == "28000";
                    let severity = if is_fatal { "FATAL" } else { "ERROR" };
                    self.refuse(&refusal, severity, position);
                    if is_fatal {
                        return self.wire.flush().await;
                    }
                    skips = !is_simple;
                }
            }
            if is_simple {
                self.ready().await?;
            } else {
                self.wire.flush_much().await?;
            }
        }
        Ok(())
    }

    /// `ReadyForQuery`.
    async fn ready(&mut self) -> io::Result<()> {
        let letter = match self.transaction {
            Transaction::None => b'I',
            Transaction::Open => b'T',
            Transaction::Failed => b'E',
        };
        self.wire.put(b'Z', |out| out.push(letter));
        self.wire.flush().await
    }

    /// `ErrorResponse`; a transaction that is open has failed.
    fn refuse(&mut self, refusal: &Refusal, severity: &str, position: Option<usize>) {
        if self.transaction == Transaction::Open {
            self.transaction = Transaction::Failed;
        }
        self.wire.put(b'E', |out| put_refusal(out, severity, refusal, position));
    }

    /// `Query`: one text with any number of statements.
    async fn simple(&mut self, body: &[u8]) -> Result<(), Trouble> {
        let text = Body(body).text()?;
        let statements = statement::split(text);
        if statements.is_empty() {
            self.wire.put(b'I', |_| {});
        }
        for (start, sql) in statements {
            // What stands behind a refused one is not looked at.
            self.statement(sql, text[..start].chars().count()).await?;
        }
        Ok(())
    }

    async fn statement(&mut self, sql: &str, before: usize) -> Result<(), Trouble> {
        let kind = statement::kind(sql)?;
        self.usable(&kind)?;
        match &kind {
            Statement::Question => self.question(sql, before).await,
            Statement::Copy(copying) => self.copy(copying, sql, before).await,
            Statement::Declare(declaration) => {
                let question = &declaration.question;
                let described = self.described(question, sql, before, Vec::new()).await?;
                let question = Arc::new(described);
                self.declare(declaration, question, Vec::new()).map_err(Trouble::from)
            }
            Statement::Fetch(fetch) => self.fetch(fetch, &[], None).await,
            Statement::Close(name) => self.close_cursor(name.as_deref()).map_err(Trouble::from),
            _ => {
                self.local(&kind, true);
                Ok(())
            }
        }
    }

    /// What a question inside of `text` is about.
    pub(super) async fn described(
        &mut self,
        question: &Inner,
        text: &str,
        before: usize,
        kinds: Vec<Option<Kind>>,
    ) -> Result<Prepared, Trouble> {
        let want = Want::Description { kinds };
        let cancelled = &self.registered.cancelled;
        let about = self.door.ask(&self.asker, &question.sql, want, cancelled).await;
        let about = about.map_err(|refusal| Trouble::inside(refusal, question, text, before))?;
        Ok(Prepared {
            sql: question.sql.clone(),
            kind: Statement::Question,
            parameters: about.parameters,
            columns: about.columns,
            question: None,
        })
    }

    async fn question(&mut self, sql: &str, before: usize) -> Result<(), Trouble> {
        let want = Want::Rows { parameters: Vec::new(), binary: Vec::new() };
        let cancelled = &self.registered.cancelled;
        let answered = self.door.ask(&self.asker, sql, want, cancelled).await;
        let answered = answered.map_err(|refusal| Trouble::of(refusal, sql, before))?;
        let Answered { columns, mut rows, .. } = answered;
        self.wire.put(b'T', |out| put_columns(out, &columns, &[]));
        self.rows(&mut rows, 0).await?;
        Ok(())
    }

    /// After a refusal in a transaction only its end is taken.
    pub(super) fn usable(&self, kind: &Statement) -> Result<(), Refusal> {
        let ends = matches!(kind, Statement::End(_) | Statement::Nothing)
            || *kind == Statement::Done("ROLLBACK");
        if self.transaction == Transaction::Failed && !ends {
            let text = "the transaction has failed; nothing is answered until it ends";
            return Err(refused("25P02", text));
        }
        Ok(())
    }

    /// A statement that asks nothing of the warehouse. `heads` sends the head of its one column, too.
    pub(super) fn local(&mut self, kind: &Statement, heads: bool) {
        match kind {
            Statement::Nothing => self.wire.put(b'I', |_| {}),
            Statement::Begin(tag) => {
                self.transaction = Transaction::Open;
                self.tag(tag);
            }
            Statement::End(tag) => {
                // What has failed is rolled back, whatever was said.
                let failed = self.transaction == Transaction::Failed;
                self.transaction = Transaction::None;
                self.parts.ended(!failed && *tag == "COMMIT");
                self.tag(if failed { "ROLLBACK" } else { tag });
            }
            Statement::Done(tag) => {
                if *tag == "ROLLBACK" && self.transaction == Transaction::Failed {
                    self.transaction = Transaction::Open;
                }
                self.tag(tag);
            }
            Statement::Show(name, value) => {
                if heads {
                    let columns = [shown(name)];
                    self.wire.put(b'T', |out| put_columns(out, &columns, &[]));
                }
                self.wire.put(b'D', |out| {
                    out.extend_from_slice(&1_u16.to_be_bytes());
                    out.extend_from_slice(&(value.len() as u32).to_be_bytes());
                    out.extend_from_slice(value.as_bytes());
                });
                self.tag("SHOW");
            }
            Statement::Discard => {
                self.parts.discard();
                self.tag("DISCARD ALL");
            }
            // These do more than answer at once.
            Statement::Question
            | Statement::Copy(_)
            | Statement::Declare(_)
            | Statement::Fetch(_)
            | Statement::Close(_) => {}
        }
    }

    /// Sends rows, at most `most`, and then that they are all or that there are more.
    pub(super) async fn rows(&mut self, rows: &mut Rows, most: usize) -> io::Result<()> {
        let (bytes, count) = rows.next(most);
        self.wire.send(bytes).await?;
        if rows.is_done() {
            self.tag(&format!("SELECT {count}"));
        } else {
            self.wire.put(b's', |_| {});
        }
        Ok(())
    }

    /// `CommandComplete`.
    pub(super) fn tag(&mut self, tag: &str) {
        self.wire.put(b'C', |out| put_text(out, tag));
    }
}

/// The one column of a setting.
pub fn shown(name: &str) -> WireColumn {
    WireColumn { name: name.to_owned(), kind: Kind::Text }
}

/// Where a place stands in a text, in characters from 1.
fn position(text: &str, place: Option<(u32, u32)>) -> Option<usize> {
    let (line, column) = place?;
    let before = text.split_inclusive('\n').take(line.checked_sub(1)? as usize);
    Some(before.map(|line| line.chars().count()).sum::<usize>() + column as usize)
}

/// What a letter means that no client sends.
pub fn unknown(letter: u8) -> Refusal {
    tracing::debug!(letter = %char::from(letter).escape_default(), "a message of no kind");
    malformed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_number_of_characters() {
        assert_eq!(position("SELECT 王芳 x", Some((1, 8))), Some(8));
        assert_eq!(position("SELECT\n  coler", Some((2, 3))), Some(10));
        assert_eq!(position("SELECT", None), None);
        assert_eq!(position("SELECT", Some((0, 1))), None);
    }

    #[test]
    fn a_place_in_a_question_inside_of_a_statement_is_one_of_the_whole_text() {
        let refusal = Refusal { place: Some((1, 8)), ..refused("42703", "no") };
        let text = "COPY /* 王 */ (SELECT x) TO STDOUT";
        let inner = |start| Inner { sql: "SELECT x".to_owned(), start };
        let place = |start| match Trouble::inside(refusal.clone(), &inner(start), text, 10) {
            Trouble::Refused(_, place) => place,
            Trouble::Gone(error) => panic!("{error}"),
        };
        assert_eq!(place(text.find("SELECT")), Some(10 + 14 + 8));
        assert_eq!(place(None), None, "the client did not write it");
    }
}
