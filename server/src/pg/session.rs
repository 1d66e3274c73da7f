//! A connection that is signed in: reads messages, keeps whether a transaction is open, and answers
//! simple questions. Those in parts are in [`super::extended`].

use super::Door;
use super::ask::{Answered, Asker, Rows};
use super::cancel::Registered;
use super::message::{
    Body, MESSAGE_BYTES_MAX, TooLong, Wire, put_columns, put_refusal, put_text, refused,
};
use super::parts::{Parts, Prepared, not_prepared};
use super::statement::{self, Inner, Statement};
use crate::doors::Connected;
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
    _connected: Connected,
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
            _connected: door.counts.connected(),
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
        loop {
            let (letter, body) = match self.wire.read(MESSAGE_BYTES_MAX).await {
                Ok(Some(message)) => message,
                Ok(None) => return Ok(()),
                Err(error) if TooLong::is(&error) => {
                    return self.end(&refused("54000", error.to_string())).await;
                }
                Err(error) => return Err(error),
            };
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
                b'F' => Err(refused("0A000", "functions are called by SELECT here").into()),
                // The rest of a copy that was refused, as PostgreSQL takes it.
                b'd' | b'c' | b'f' => Ok(()),
                b'P' | b'B' | b'D' | b'E' | b'C' => self.part(letter, &body).await,
                // Whatever follows would be misread.
                other => return self.end(&unknown(other)).await,
            };
            let is_simple = matches!(letter, b'Q' | b'F');
            match done {
                Ok(()) => {}
                Err(Trouble::Gone(error)) => return Err(error),
                Err(Trouble::Refused(refusal, position)) => {
                    if refusal.code == "28000" {
                        return self.end(&refusal).await;
                    }
                    self.refuse(&refusal, "ERROR", position);
                    skips = !is_simple;
                }
            }
            if is_simple {
                self.parts.synced(self.transaction);
                self.ready().await?;
            } else {
                self.wire.flush_much().await?;
            }
        }
    }

    /// Says why the connection ends.
    async fn end(&mut self, refusal: &Refusal) -> io::Result<()> {
        self.refuse(refusal, "FATAL", None);
        self.wire.flush().await
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
        // What has no name is forgotten, as in PostgreSQL.
        self.parts.forget("");
        self.parts.close("");
        let statements = statement::split(text);
        if statements.is_empty() {
            self.wire.put(b'I', |_| {});
        }
        let (mut counted, mut before) = (0, 0);
        for (start, sql) in statements {
            // Each character is counted once, however many statements there are.
            before += text[counted..start].chars().count();
            counted = start;
            // What stands behind a refused one is not looked at.
            self.statement(sql, before).await?;
            self.wire.flush_much().await?;
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
            Statement::Fetch(fetch) => self.fetch(fetch).await,
            Statement::Deallocate(name) => self.deallocate(name.as_deref()).map_err(Trouble::from),
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
        self.rows(&mut rows, 0, None).await?;
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
            | Statement::Close(_)
            | Statement::Deallocate(_) => {}
        }
    }

    /// Forgets what was prepared under a name, or all.
    pub(super) fn deallocate(&mut self, name: Option<&str>) -> Result<(), Refusal> {
        match name {
            Some(name) if !self.parts.forget(name) => return Err(not_prepared(name)),
            Some(_) => self.tag("DEALLOCATE"),
            None => {
                self.parts.forget_all();
                self.tag("DEALLOCATE ALL");
            }
        }
        Ok(())
    }

    /// Sends rows, at most `most`, and then that they are all, by `tag` or by their number, or that
    /// there are more.
    pub(super) async fn rows(
        &mut self,
        rows: &mut Rows,
        most: usize,
        tag: Option<&str>,
    ) -> io::Result<()> {
        let (bytes, count) = rows.next(most);
        self.door.counts.sent(count as u64);
        self.wire.send(bytes).await?;
        if rows.is_done() {
            match tag {
                Some(tag) => self.tag(tag),
                None => self.tag(&format!("SELECT {count}")),
            }
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
fn unknown(letter: u8) -> Refusal {
    let letter = char::from(letter).escape_default();
    refused("08P01", format!("a message of the kind \"{letter}\" is none of PostgreSQL's clients"))
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
