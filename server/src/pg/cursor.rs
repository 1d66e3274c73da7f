//! Cursors in SQL (PostgreSQL 16, "DECLARE", "FETCH", "MOVE", "CLOSE"): a portal with a name that is
//! read forwards, by the piece, as drivers do that cannot hold an answer. Its rows are asked for when
//! the first of them is fetched.

use super::ask::Rows;
use super::message::{put_columns, refused};
use super::parts::{Lasts, Portal, Prepared};
use super::session::{Session, Transaction, Trouble};
use super::statement::Inner;
use super::words::{Word, Words, clipped};
use crate::work::wire::Refusal;
use std::sync::Arc;
use warehouse::wire::Parameter;

/// `DECLARE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Its name.
    pub name: String,
    /// It outlives its transaction.
    pub hold: bool,
    /// Its rows are told in binary.
    pub binary: bool,
    /// What it asks.
    pub question: Inner,
}

/// `FETCH` and `MOVE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// The cursor.
    pub name: String,
    /// So many rows; 0 is all.
    pub most: usize,
    /// They are passed over.
    pub moves: bool,
}

/// Reads `DECLARE name [BINARY] [INSENSITIVE] [NO SCROLL] CURSOR [WITH HOLD] FOR question`.
///
/// # Errors
/// What is another form, or goes backwards.
pub fn declaration(part: &str) -> Result<Declaration, Refusal> {
    let mut words = Words::new(part);
    words.takes("declare");
    let name = words.name().ok_or_else(|| words.unexpected("a name for the cursor"))?;
    if name.is_empty() {
        return Err(refused("34000", "the name of a cursor is not empty"));
    }
    let mut binary = false;
    while !words.takes("cursor") {
        if words.takes("binary") {
            binary = true;
        } else if words.takes("scroll") {
            return Err(forwards());
        } else if !(words.takes("insensitive")
            || words.takes("asensitive")
            || (words.takes("no") && words.takes("scroll")))
        {
            return Err(words.unexpected("CURSOR"));
        }
    }
    let hold = words.takes("with");
    if hold || words.takes("without") {
        needed(&mut words, "hold")?;
    }
    needed(&mut words, "for")?;
    let (start, sql) = words.rest();
    let question = Inner { sql: sql.to_owned(), start: Some(start) };
    Ok(Declaration { name, hold, binary, question })
}

/// Reads `FETCH [NEXT | FORWARD] [number | ALL] [FROM | IN] name`, and `MOVE`.
///
/// # Errors
/// What is another form, or goes backwards.
pub fn fetch(part: &str) -> Result<Fetch, Refusal> {
    let mut words = Words::new(part);
    let moves = words.takes("move");
    if !moves {
        words.takes("fetch");
    }
    let mut most = None;
    let mut name = None;
    let is_next = words.takes("next");
    if !is_next {
        let is_forward = words.takes("forward");
        most = match words.word() {
            Some(Word::Plain(all)) if all == "all" => Some(0),
            Some(Word::Plain(number)) if number.starts_with(|c: char| c.is_ascii_digit()) => {
                // PostgreSQL tells the row where it stands again.
                let number = number.parse::<usize>().ok().filter(|number| *number > 0);
                Some(number.ok_or_else(forwards)?)
            }
            Some(Word::Plain(from)) if from == "from" || from == "in" => {
                name = words.name();
                None
            }
            Some(Word::Plain(other)) if !is_forward && is_backwards(&other) => {
                // `first` may be the name of a cursor, but not before another one.
                if words.word().is_some() {
                    return Err(forwards());
                }
                name = Some(other);
                None
            }
            Some(Word::Sign('-')) => return Err(forwards()),
            Some(Word::Plain(other) | Word::Named(other)) => {
                name = Some(other);
                None
            }
            _ => None,
        };
    }
    if name.is_none() {
        let _ = words.takes("from") || words.takes("in");
        name = words.name();
    }
    let name = name.ok_or_else(|| words.unexpected("the name of a cursor"))?;
    ended(&mut words)?;
    Ok(Fetch { name, most: most.unwrap_or(1), moves })
}

/// Reads `CLOSE name` and `CLOSE ALL`.
///
/// # Errors
/// What is another form.
pub fn closed(part: &str) -> Result<Option<String>, Refusal> {
    let mut words = Words::new(part);
    words.takes("close");
    if words.takes("all") {
        ended(&mut words)?;
        return Ok(None);
    }
    let name = words.name().ok_or_else(|| words.unexpected("the name of a cursor"))?;
    ended(&mut words)?;
    Ok(Some(name))
}

fn is_backwards(word: &str) -> bool {
    matches!(word, "prior" | "first" | "last" | "absolute" | "relative" | "backward")
}

fn forwards() -> Refusal {
    refused("0A000", "a cursor is read forwards here: FETCH FORWARD a number of rows, or ALL")
}

fn needed(words: &mut Words, word: &str) -> Result<(), Refusal> {
    if words.takes(word) { Ok(()) } else { Err(words.unexpected(&word.to_uppercase())) }
}

/// Checks that nothing else comes.
pub(super) fn ended(words: &mut Words) -> Result<(), Refusal> {
    let (_, rest) = words.rest();
    if rest.is_empty() {
        return Ok(());
    }
    Err(refused("42601", format!("\"{}\" is too much", clipped(rest))))
}

impl Session {
    /// Opens a cursor for a question that was described.
    pub(super) fn declare(
        &mut self,
        declaration: &Declaration,
        question: Arc<Prepared>,
        parameters: Vec<Parameter>,
    ) -> Result<(), Refusal> {
        let lasts = match (declaration.hold, self.transaction) {
            (false, Transaction::None) => {
                let text = "a cursor ends with its transaction: begin one, or declare it WITH HOLD";
                return Err(refused("25P01", text));
            }
            (false, _) => Lasts::Transaction,
            (true, Transaction::None) => Lasts::Held,
            (true, _) => Lasts::HeldOnceCommitted,
        };
        let binary = if declaration.binary { vec![true] } else { Vec::new() };
        let cursor =
            Portal { prepared: question, parameters, binary, rows: None, tag: None, lasts };
        self.parts.open(&declaration.name, cursor)?;
        self.tag("DECLARE CURSOR");
        Ok(())
    }

    /// Sends the next rows of a cursor with their head.
    pub(super) async fn fetch(&mut self, fetch: &Fetch) -> Result<(), Trouble> {
        let (mut rows, tag) = self.fetched(fetch, &[], None).await?;
        if fetch.moves {
            self.tag(&tag);
            return Ok(());
        }
        let cursor = self.parts.cursor(&fetch.name)?;
        let (columns, binary) = (&cursor.prepared.columns, &cursor.binary);
        self.wire.put(b'T', |out| put_columns(out, columns, binary));
        self.rows(&mut rows, 0, Some(&tag)).await?;
        Ok(())
    }

    /// Takes the next rows of a cursor, and what is said behind the last of them. `binary` is how the
    /// client wants them, which counts until the first were asked for; `told` the columns that it was
    /// told of, where it was.
    pub(super) async fn fetched(
        &mut self,
        fetch: &Fetch,
        binary: &[bool],
        told: Option<&Prepared>,
    ) -> Result<(Rows, String), Trouble> {
        let cursor = self.parts.cursor(&fetch.name)?;
        if !fetch.moves && told.is_some_and(|told| told.columns != cursor.prepared.columns) {
            return Err(refused("0A000", "the columns are others now; prepare it again").into());
        }
        // Taken out while it works: what is refused is gone.
        let mut cursor = self.parts.take(&fetch.name)?;
        let mut rows = match cursor.rows.take() {
            Some(rows) => rows,
            None => {
                if cursor.binary.is_empty() {
                    cursor.binary = binary.to_vec();
                }
                self.begin(&cursor).await.map_err(Trouble::without_place)?
            }
        };
        let (part, count) = rows.part(fetch.most);
        cursor.rows = Some(rows);
        self.parts.put_back(&fetch.name, cursor);
        let word = if fetch.moves { "MOVE" } else { "FETCH" };
        Ok((part, format!("{word} {count}")))
    }

    /// Ends a cursor, or all of them.
    pub(super) fn close_cursor(&mut self, name: Option<&str>) -> Result<(), Refusal> {
        match name {
            Some(name) => {
                self.parts.cursor(name)?;
                self.parts.close(name);
                self.tag("CLOSE CURSOR");
            }
            None => {
                self.parts.close_all();
                self.tag("CLOSE CURSOR ALL");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_is_read_with_its_question() {
        let read = declaration("DECLARE \"My c\" NO SCROLL CURSOR WITH HOLD FOR SELECT 1 -- x");
        let question = Inner { sql: "SELECT 1 -- x".to_owned(), start: Some(46) };
        let known = Declaration { name: "My c".to_owned(), hold: true, binary: false, question };
        assert_eq!(read.unwrap(), known);
        let read = declaration("declare C binary insensitive cursor without hold for table x");
        let read = read.unwrap();
        assert_eq!((read.name.as_str(), read.hold, read.binary), ("c", false, true));
        for (wrong, code) in [
            ("DECLARE c SCROLL CURSOR FOR SELECT 1", "0A000"),
            ("DECLARE c CURSOR SELECT 1", "42601"),
            ("DECLARE c CURSOR WITH FOR SELECT 1", "42601"),
            ("DECLARE c", "42601"),
            ("DECLARE 'c' CURSOR FOR SELECT 1", "42601"),
            ("DECLARE \"\" CURSOR FOR SELECT 1", "34000"),
        ] {
            assert_eq!(declaration(wrong).unwrap_err().code, code, "{wrong}");
        }
    }

    #[test]
    fn what_to_fetch_is_read_in_all_its_forms() {
        for (text, name, most) in [
            ("FETCH c", "c", 1),
            ("FETCH NEXT FROM c", "c", 1),
            ("FETCH FROM \"C\"", "C", 1),
            ("FETCH 10 c", "c", 10),
            ("FETCH 10 IN c", "c", 10),
            ("FETCH ALL FROM c", "c", 0),
            ("FETCH FORWARD c", "c", 1),
            ("FETCH FORWARD 7 FROM c", "c", 7),
            ("fetch forward all in c", "c", 0),
            ("FETCH first", "first", 1),
        ] {
            let known = Fetch { name: name.to_owned(), most, moves: false };
            assert_eq!(fetch(text).unwrap(), known, "{text}");
        }
        assert!(fetch("MOVE 3 c").unwrap().moves);
        for (wrong, code) in [
            ("FETCH PRIOR FROM c", "0A000"),
            ("FETCH ABSOLUTE 5 c", "0A000"),
            ("FETCH BACKWARD c", "0A000"),
            ("FETCH -1 c", "0A000"),
            ("FETCH 0 c", "0A000"),
            ("FETCH 99999999999999999999999 c", "0A000"),
            ("FETCH", "42601"),
            ("FETCH 5 FROM", "42601"),
            ("FETCH c d", "42601"),
        ] {
            assert_eq!(fetch(wrong).unwrap_err().code, code, "{wrong}");
        }
        assert_eq!(closed("CLOSE c").unwrap().as_deref(), Some("c"));
        assert_eq!(closed("close all").unwrap(), None);
        assert_eq!(closed("CLOSE c d").unwrap_err().code, "42601");
    }
}
