//! What a connection has prepared and opened, by the client's names; the unnamed ones are named "".
//! How much of it there may be is limited.

use super::ask::Rows;
use super::message::refused;
use super::session::Transaction;
use super::statement::Statement;
use super::words::clipped;
use crate::work::wire::Refusal;
use std::collections::HashMap;
use std::sync::Arc;
use warehouse::wire::{Kind, Parameter, WireColumn};

/// Statements that one connection may have prepared.
const PREPARED_MAX: usize = 500;
/// Longest text of one of them: as long as a question may be.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// What all of them may take, with their columns.
const PREPARED_BYTES_MAX: usize = 16 << 20;
/// Longest name of one of them, of a portal and of a cursor.
const NAME_BYTES_MAX: usize = 256;
/// Portals of one connection, cursors among them, each of which may hold an answer.
const PORTALS_MAX: usize = 8;

/// All of a connection.
#[derive(Debug, Default)]
pub struct Parts {
    prepared: HashMap<String, Arc<Prepared>>,
    portals: HashMap<String, Portal>,
}

/// A statement that was read.
#[derive(Debug)]
pub struct Prepared {
    /// Its text.
    pub sql: String,
    /// What it is.
    pub kind: Statement,
    /// The types of its parameters.
    pub parameters: Vec<Kind>,
    /// The columns of its rows.
    pub columns: Vec<WireColumn>,
    /// The question of the cursor that it declares.
    pub question: Option<Arc<Prepared>>,
}

impl Prepared {
    /// About what it takes. What a statement was read into repeats its text.
    fn bytes(&self) -> usize {
        let columns = self.columns.iter().map(|column| size_of::<WireColumn>() + column.name.len());
        let question = self.question.as_ref().map_or(0, |question| question.bytes());
        size_of::<Self>()
            + 2 * self.sql.len()
            + self.parameters.len() * size_of::<Kind>()
            + columns.sum::<usize>()
            + question
    }
}

/// A statement with its values, carried out as far as was asked for.
#[derive(Debug)]
pub struct Portal {
    /// The statement.
    pub prepared: Arc<Prepared>,
    /// Its values.
    pub parameters: Vec<Parameter>,
    /// Which columns are told in binary.
    pub binary: Vec<bool>,
    /// Once it was begun.
    pub rows: Option<Rows>,
    /// What is said behind the last of them, where it is not how many were sent at last.
    pub tag: Option<String>,
    /// Until when it is open.
    pub lasts: Lasts,
}

/// Until when a portal is open, unless it is closed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// To the end of the transaction.
    Transaction,
    /// To the end of the connection, when the transaction is not rolled back.
    HeldOnceCommitted,
    /// To the end of the connection.
    Held,
}

impl Parts {
    /// Portals last until the end of the transaction.
    pub fn synced(&mut self, transaction: Transaction) {
        if transaction == Transaction::None {
            self.portals.retain(|_, portal| portal.lasts == Lasts::Held);
        }
    }

    /// The transaction ends.
    pub fn ended(&mut self, is_committed: bool) {
        for portal in self.portals.values_mut() {
            if is_committed && portal.lasts == Lasts::HeldOnceCommitted {
                portal.lasts = Lasts::Held;
            }
        }
        self.synced(Transaction::None);
    }

    /// Forgets all.
    pub fn discard(&mut self) {
        self.prepared.clear();
        self.portals.clear();
    }

    /// What was prepared under a name.
    pub fn prepared(&self, name: &str) -> Result<Arc<Prepared>, Refusal> {
        let found = self.prepared.get(name).cloned();
        found.ok_or_else(|| not_prepared(name))
    }

    /// Keeps what was prepared.
    pub fn keep(&mut self, name: &str, prepared: Prepared) -> Result<(), Refusal> {
        check_name(name)?;
        if !name.is_empty() && self.prepared.contains_key(name) {
            return Err(refused("42P05", format!("\"{name}\" is prepared already")));
        }
        if prepared.sql.len() > TEXT_BYTES_MAX {
            let text = format!("{TEXT_BYTES_MAX} bytes of a statement can be prepared");
            return Err(refused("54000", text));
        }
        if self.prepared.len() >= PREPARED_MAX && !self.prepared.contains_key(name) {
            let text = format!("{PREPARED_MAX} statements are prepared; close some first");
            return Err(refused("54000", text));
        }
        // The unnamed one makes room for its successor.
        let others = self.prepared.iter().filter(|(other, _)| *other != name);
        let bytes: usize = others.map(|(_, other)| other.bytes()).sum();
        if bytes + prepared.bytes() > PREPARED_BYTES_MAX {
            let mib = PREPARED_BYTES_MAX >> 20;
            let text = format!("{mib} MiB of statements are prepared; close some first");
            return Err(refused("54000", text));
        }
        self.prepared.insert(name.to_owned(), Arc::new(prepared));
        Ok(())
    }

    /// Forgets what was prepared under a name; false where there is nothing.
    pub fn forget(&mut self, name: &str) -> bool {
        self.prepared.remove(name).is_some()
    }

    /// Forgets all that was prepared.
    pub fn forget_all(&mut self) {
        self.prepared.clear();
    }

    /// Opens a portal.
    pub fn open(&mut self, name: &str, portal: Portal) -> Result<(), Refusal> {
        check_name(name)?;
        if !name.is_empty() && self.portals.contains_key(name) {
            return Err(refused("42P03", format!("\"{name}\" is open already")));
        }
        if self.portals.len() >= PORTALS_MAX && !self.portals.contains_key(name) {
            let text = format!("{PORTALS_MAX} portals and cursors are open; close some first");
            return Err(refused("54000", text));
        }
        self.portals.insert(name.to_owned(), portal);
        Ok(())
    }

    /// An open portal.
    pub fn portal(&self, name: &str) -> Result<&Portal, Refusal> {
        self.portals.get(name).ok_or_else(|| not_open(name))
    }

    /// One whose rows can be fetched.
    pub fn cursor(&self, name: &str) -> Result<&Portal, Refusal> {
        let portal = self.portal(name)?;
        let is_cursor = portal.prepared.kind == Statement::Question;
        is_cursor.then_some(portal).ok_or_else(|| not_open(name))
    }

    /// How the rows of a portal are told: those of a cursor as they were first asked for.
    pub fn told(&self, portal: &Portal) -> Vec<bool> {
        let cursor = match &portal.prepared.kind {
            Statement::Fetch(fetch) => self.cursor(&fetch.name).ok(),
            _ => None,
        };
        let set = cursor.filter(|cursor| cursor.rows.is_some() || !cursor.binary.is_empty());
        set.unwrap_or(portal).binary.clone()
    }

    /// Takes a portal out while it works.
    pub fn take(&mut self, name: &str) -> Result<Portal, Refusal> {
        self.portals.remove(name).ok_or_else(|| not_open(name))
    }

    /// Puts it back. Rows that were all sent are not held any longer.
    pub fn put_back(&mut self, name: &str, mut portal: Portal) {
        if portal.rows.as_ref().is_some_and(Rows::is_done) {
            portal.rows = Some(Rows::default());
        }
        self.portals.insert(name.to_owned(), portal);
    }

    /// Closes a portal, where it is open.
    pub fn close(&mut self, name: &str) {
        self.portals.remove(name);
    }

    /// Closes all of them.
    pub fn close_all(&mut self) {
        self.portals.clear();
    }
}

/// There is no such portal.
pub fn not_open(name: &str) -> Refusal {
    refused("34000", format!("no cursor or portal \"{}\" is open", clipped(name)))
}

/// There is no such statement.
pub fn not_prepared(name: &str) -> Refusal {
    refused("26000", format!("nothing is prepared as \"{}\"", clipped(name)))
}

fn check_name(name: &str) -> Result<(), Refusal> {
    if name.len() > NAME_BYTES_MAX {
        let text = format!("a name of {} bytes; {NAME_BYTES_MAX} are allowed", name.len());
        return Err(refused("42622", text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(kind: Statement) -> Prepared {
        let (sql, parameters, columns) = ("SELECT 1".into(), Vec::new(), Vec::new());
        Prepared { sql, kind, parameters, columns, question: None }
    }

    fn portal(kind: Statement, lasts: Lasts) -> Portal {
        let prepared = Arc::new(prepared(kind));
        let (parameters, binary) = (Vec::new(), Vec::new());
        Portal { prepared, parameters, binary, rows: None, tag: None, lasts }
    }

    fn question(lasts: Lasts) -> Portal {
        portal(Statement::Question, lasts)
    }

    #[test]
    fn what_a_client_prepares_has_a_limit() {
        let mut parts = Parts::default();
        for number in 0..PREPARED_MAX {
            parts.keep(&number.to_string(), prepared(Statement::Question)).unwrap();
        }
        let one_more = parts.keep("one more", prepared(Statement::Question));
        assert_eq!(one_more.unwrap_err().code, "54000");
        let again = parts.keep("7", prepared(Statement::Question));
        assert_eq!(again.unwrap_err().code, "42P05");
        assert_eq!(parts.prepared("none").unwrap_err().code, "26000");
        let sql = " ".repeat(TEXT_BYTES_MAX + 1);
        let long = Prepared { sql, ..prepared(Statement::Nothing) };
        assert_eq!(parts.keep("", long).unwrap_err().code, "54000");
        parts.discard();
        assert_eq!(parts.prepared("7").unwrap_err().code, "26000");
    }

    #[test]
    fn what_is_prepared_has_a_limit_in_bytes_and_its_names_have_one() {
        let mut parts = Parts::default();
        let sql = "x".repeat(TEXT_BYTES_MAX);
        let long = || Prepared { sql: sql.clone(), ..prepared(Statement::Question) };
        let many = PREPARED_BYTES_MAX / (2 * TEXT_BYTES_MAX);
        let refusal = (0..many).find_map(|at| parts.keep(&at.to_string(), long()).err());
        assert_eq!(refusal.map(|refusal| refusal.code).as_deref(), Some("54000"));
        let columns = vec![WireColumn { name: "n".repeat(1 << 20), kind: Kind::Text }; 17];
        let wide = Prepared { columns, ..prepared(Statement::Question) };
        parts.forget_all();
        assert_eq!(parts.keep("", wide).unwrap_err().code, "54000", "columns count too");
        for _ in 0..many {
            parts.keep("", long()).expect("the unnamed one makes room for the next");
        }
        let name = "n".repeat(NAME_BYTES_MAX + 1);
        assert_eq!(parts.keep(&name, prepared(Statement::Question)).unwrap_err().code, "42622");
        assert_eq!(parts.open(&name, question(Lasts::Held)).unwrap_err().code, "42622");
        let told = parts.prepared(&name).unwrap_err().message;
        assert!(told.len() < NAME_BYTES_MAX, "{told}");
    }

    #[test]
    fn rows_that_were_all_sent_are_not_held() {
        let mut parts = Parts::default();
        let room = Arc::new(tokio::sync::Semaphore::new(2));
        let taken = room.clone().try_acquire_many_owned(2).unwrap();
        let mut portal = question(Lasts::Held);
        let body = b"{\"Columns\":{\"parameters\":[],\"columns\":[]}}\nD\0\0\0\x06\0\0";
        let mut rows = super::super::ask::read(body.to_vec(), Some(taken)).unwrap().rows;
        let (part, _) = rows.part(0);
        portal.rows = Some(rows);
        parts.put_back("c", portal);
        assert_eq!(room.available_permits(), 0, "a part of them is not sent yet");
        drop(part);
        assert_eq!(room.available_permits(), 2);
        assert!(parts.cursor("c").unwrap().rows.as_ref().is_some_and(Rows::is_done));
    }

    #[test]
    fn portals_have_a_limit_and_end_with_the_transaction() {
        let mut parts = Parts::default();
        for number in 0..PORTALS_MAX {
            parts.open(&number.to_string(), question(Lasts::Transaction)).unwrap();
        }
        let one_more = parts.open("one more", question(Lasts::Transaction));
        assert_eq!(one_more.unwrap_err().code, "54000");
        parts.synced(Transaction::Open);
        assert!(parts.portal("0").is_ok());
        parts.synced(Transaction::None);
        assert_eq!(parts.portal("0").unwrap_err().code, "34000");
    }

    #[test]
    fn a_cursor_that_is_held_outlives_its_transaction_unless_that_is_rolled_back() {
        let mut parts = Parts::default();
        parts.open("gone", question(Lasts::Transaction)).unwrap();
        parts.open("held", question(Lasts::HeldOnceCommitted)).unwrap();
        parts.ended(true);
        assert!(parts.cursor("gone").is_err() && parts.cursor("held").is_ok());
        parts.open("new", question(Lasts::HeldOnceCommitted)).unwrap();
        parts.ended(false);
        assert!(parts.cursor("new").is_err() && parts.cursor("held").is_ok());
        parts.synced(Transaction::None);
        assert!(parts.cursor("held").is_ok());
        parts.close_all();
        assert!(parts.cursor("held").is_err());
    }

    #[test]
    fn the_rows_of_a_cursor_are_told_as_they_were_first_asked_for() {
        let mut parts = Parts::default();
        let fetch = super::super::cursor::fetch("FETCH c").unwrap();
        let mut fetching = portal(Statement::Fetch(fetch), Lasts::Transaction);
        fetching.binary = vec![true];
        parts.open("c", question(Lasts::Transaction)).unwrap();
        assert_eq!(parts.told(&fetching), [true], "nothing was fetched");
        parts.close("c");
        let mut begun = question(Lasts::Transaction);
        begun.rows = Some(Rows::default());
        parts.open("c", begun).unwrap();
        assert_eq!(parts.told(&fetching), Vec::<bool>::new());
        assert!(parts.open("f", fetching).is_ok());
        assert_eq!(parts.cursor("f").unwrap_err().code, "34000", "it is no question");
    }
}
