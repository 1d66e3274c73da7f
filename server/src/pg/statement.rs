//! Texts of clients: cut into statements, and those that are about the connection told from
//! questions. Nothing is written here, so that transactions and settings cost nothing.

use super::copying::{self, Copying};
use super::cursor::{self, Declaration, Fetch};
use super::message::refused;
use super::words::{Words, clipped};
use crate::work::wire::Refusal;
use warehouse::query::postgres::{SETTINGS, setting};

/// Settings beyond those with a value that clients set; what they set has no effect.
const TAKEN: [&str; 8] = [
    "session",
    "time",
    "row_security",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "jit",
    "geqo",
    "max_parallel_workers_per_gather",
];

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// Nothing but blanks and comments.
    Nothing,
    /// Begins a transaction; its tag.
    Begin(&'static str),
    /// Ends one; its tag.
    End(&'static str),
    /// Does nothing but say its tag.
    Done(&'static str),
    /// Shows a setting: its name and value.
    Show(String, String),
    /// A question to the warehouse.
    Question,
    /// One whose rows are sent as a file.
    Copy(Box<Copying>),
    /// One whose rows are fetched by the piece.
    Declare(Box<Declaration>),
    /// Takes such a piece.
    Fetch(Fetch),
    /// Ends a cursor, or all where none is named.
    Close(Option<String>),
    /// Forgets what was prepared under a name, or all where none is named.
    Deallocate(Option<String>),
    /// Forgets what was prepared and opened.
    Discard,
}

/// A question inside of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inner {
    /// The question.
    pub sql: String,
    /// The byte of the statement where it begins; `None` where it was made from it.
    pub start: Option<usize>,
}

/// The statements of a text, each with the byte where it begins.
pub fn split(text: &str) -> Vec<(usize, &str)> {
    let bytes = text.as_bytes();
    let (mut parts, mut start, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b';' => {
                parts.push((start, &text[start..at]));
                start = at + 1;
                at += 1;
            }
            _ => at = behind(text, at),
        }
    }
    parts.push((start, &text[start..]));
    parts.retain(|(_, part)| !without_comments(part).is_empty());
    parts
}

/// The byte behind the quote, comment or character at `at`.
pub(super) fn behind(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let ends = |open: usize, close: &str| {
        rest[open..].find(close).map_or(text.len(), |end| at + open + end + close.len())
    };
    let bytes = rest.as_bytes();
    match bytes[0] {
        // Two quotes in a text are read as two texts, which ends at the same place.
        b'"' => ends(1, "\""),
        b'\'' if is_escaped(text, at) => at + escaped(bytes),
        b'\'' => ends(1, "'"),
        b'-' if rest.starts_with("--") => ends(2, "\n"),
        b'/' if rest.starts_with("/*") => at + comment(bytes),
        b'$' => match dollar(rest) {
            Some(tag) => ends(tag.len(), tag),
            None => at + 1,
        },
        _ => at + rest.chars().next().map_or(1, char::len_utf8),
    }
}

/// `E'…'`, where a backslash takes the next character.
pub(super) fn is_escaped(text: &str, at: usize) -> bool {
    let mut before = text[..at].chars().rev();
    matches!(before.next(), Some('e' | 'E'))
        && !before.next().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// The bytes of a text with backslashes, from its first quote.
pub(super) fn escaped(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'\'' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Comments nest.
fn comment(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// `$$` or `$tag$` at the beginning.
fn dollar(rest: &str) -> Option<&str> {
    let end = rest[1..].find('$')? + 2;
    let tag = &rest[1..end - 1];
    let is_tag = tag.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !tag.starts_with(|c: char| c.is_ascii_digit());
    is_tag.then(|| &rest[..end])
}

/// A statement without what stands before its first word and behind its last.
fn without_comments(part: &str) -> &str {
    let mut rest = part.trim();
    while rest.starts_with("--") || rest.starts_with("/*") {
        rest = rest[behind(rest, 0)..].trim_start();
    }
    rest
}

/// What a statement is.
///
/// # Errors
/// For settings that nobody has, and for words that move data.
pub fn kind(part: &str) -> Result<Statement, Refusal> {
    let plain = without_comments(part);
    let words: Vec<String> = plain
        .split(|c: char| c.is_whitespace() || matches!(c, '=' | ',' | '(' | ')'))
        .filter(|word| !word.is_empty())
        .map(|word| word.trim_matches(['\'', '"', ';']).to_lowercase())
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Ok(match words.as_slice() {
        [] => Statement::Nothing,
        ["begin", ..] => Statement::Begin("BEGIN"),
        ["start", "transaction", ..] => Statement::Begin("START TRANSACTION"),
        ["commit" | "end", ..] => Statement::End("COMMIT"),
        ["rollback", "to", ..] => Statement::Done("ROLLBACK"),
        ["rollback" | "abort", ..] => Statement::End("ROLLBACK"),
        ["savepoint", ..] => Statement::Done("SAVEPOINT"),
        ["release", ..] => Statement::Done("RELEASE"),
        ["discard", "all"] => Statement::Discard,
        ["discard", "plans"] => Statement::Done("DISCARD PLANS"),
        ["discard", "sequences"] => Statement::Done("DISCARD SEQUENCES"),
        ["discard", "temp" | "temporary"] => Statement::Done("DISCARD TEMP"),
        ["deallocate", ..] => Statement::Deallocate(deallocated(part)?),
        ["reset", ..] => Statement::Done("RESET"),
        ["unlisten", ..] => Statement::Done("UNLISTEN"),
        ["set", words @ ..] => set(words)?,
        ["show", words @ ..] => show(words)?,
        ["copy", ..] => Statement::Copy(Box::new(copying::parse(part)?)),
        ["declare", ..] => Statement::Declare(Box::new(cursor::declaration(part)?)),
        ["fetch" | "move", ..] => Statement::Fetch(cursor::fetch(part)?),
        ["close", ..] => Statement::Close(cursor::closed(part)?),
        ["listen" | "notify" | "prepare" | "execute", ..] => {
            return Err(refused("0A000", format!("{} is not available here", words[0])));
        }
        _ => Statement::Question,
    })
}

/// Reads `DEALLOCATE [PREPARE] name` and `DEALLOCATE [PREPARE] ALL`.
fn deallocated(part: &str) -> Result<Option<String>, Refusal> {
    let mut words = Words::new(part);
    words.takes("deallocate");
    words.takes("prepare");
    let is_all = words.takes("all");
    let name = if is_all { None } else { words.name() };
    if name.is_none() && !is_all {
        return Err(words.unexpected("the name of a statement"));
    }
    cursor::ended(&mut words)?;
    Ok(name)
}

fn set(words: &[&str]) -> Result<Statement, Refusal> {
    let words = match words {
        ["session" | "local", rest @ ..] if rest.first() != Some(&"characteristics") => rest,
        all => all,
    };
    let name = words.first().copied().unwrap_or_default();
    let value = words.iter().skip(1).find(|word| **word != "to").copied().unwrap_or_default();
    match name {
        // One stays who one is.
        "transaction" => {}
        "authorization" | "role" if matches!(value, "default" | "none") => {}
        "client_encoding" | "names" if !is_utf8(value) => {
            return Err(refused("22023", "texts are UTF-8 here; set client_encoding to UTF8"));
        }
        "datestyle" if !value.starts_with("iso") => {
            return Err(refused("22023", "dates are told in the style ISO here"));
        }
        name if name == "names" || TAKEN.contains(&name) || setting(name).is_some() => {}
        name => return Err(unknown(name)),
    }
    Ok(Statement::Done("SET"))
}

fn is_utf8(value: &str) -> bool {
    matches!(value.replace(['-', '_'], "").as_str(), "utf8" | "unicode" | "default")
}

fn show(words: &[&str]) -> Result<Statement, Refusal> {
    let name = match words {
        ["transaction", "isolation", "level"] => "transaction_isolation",
        ["time", "zone"] => "timezone",
        [name] => *name,
        _ => return Err(unknown(&words.join(" "))),
    };
    let value = setting(name).ok_or_else(|| unknown(name))?;
    Ok(Statement::Show(name.to_owned(), value.to_owned()))
}

fn unknown(name: &str) -> Refusal {
    let names: Vec<&str> = SETTINGS.iter().map(|(name, _)| *name).collect();
    let hint = format!("There are: {}.", names.join(", "));
    let message = format!("there is no setting \"{}\" here", clipped(name));
    Refusal { hint: Some(hint), ..refused("42704", message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        split(text).into_iter().map(|(_, part)| part.trim()).collect()
    }

    #[test]
    fn a_text_is_cut_between_statements_only() {
        assert_eq!(parts("SELECT 1; SELECT 2;"), ["SELECT 1", "SELECT 2"]);
        assert_eq!(parts(" ; -- nothing; at all\n ; /* ; /* ; */ */"), Vec::<&str>::new());
        for one in [
            "SELECT ';', \";\", 'it''s;'",
            "SELECT E'\\';'",
            "SELECT $$;$$, $a$ ; $$ ; $a$",
            "SELECT 1 -- ;",
            "SELECT /* ; /* ; */ ; */ 1",
            "SELECT '王;芳' WHERE x = $1",
            "SELECT ';",
        ] {
            assert_eq!(parts(one), [one]);
        }
        assert_eq!(split("SET a=1;SELECT 2")[1].0, 8, "where the second one begins");
    }

    #[test]
    fn what_is_about_the_connection_is_told_from_questions() {
        for (text, known) in [
            ("BEGIN", Statement::Begin("BEGIN")),
            ("start transaction read only", Statement::Begin("START TRANSACTION")),
            ("/* x */ COMMIT", Statement::End("COMMIT")),
            ("ROLLBACK TO SAVEPOINT a", Statement::Done("ROLLBACK")),
            ("SET extra_float_digits = 3", Statement::Done("SET")),
            ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", Statement::Done("SET")),
            ("SET client_encoding TO 'UTF8'", Statement::Done("SET")),
            ("SET TIME ZONE 'UTC'", Statement::Done("SET")),
            ("SET application_name='psql'", Statement::Done("SET")),
            ("SHOW transaction isolation level", {
                Statement::Show("transaction_isolation".into(), "read committed".into())
            }),
            ("SET SESSION AUTHORIZATION DEFAULT", Statement::Done("SET")),
            ("DISCARD ALL", Statement::Discard),
            ("CLOSE ALL", Statement::Close(None)),
            ("DEALLOCATE \"S_1\"", Statement::Deallocate(Some("S_1".into()))),
            ("deallocate prepare ALL", Statement::Deallocate(None)),
            ("SELECT 1", Statement::Question),
            ("WITH a AS (SELECT 1) TABLE a", Statement::Question),
            ("DROP TABLE calls", Statement::Question),
            ("-- nothing", Statement::Nothing),
        ] {
            assert_eq!(kind(text).unwrap(), known, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_set_is_refused_with_what_can() {
        let refusal = kind("SET work_memory = 1").unwrap_err();
        assert_eq!(refusal.code, "42704");
        assert!(refusal.hint.unwrap().contains("search_path"));
        assert_eq!(kind("SET client_encoding = 'LATIN1'").unwrap_err().code, "22023");
        assert_eq!(kind("SHOW nothing").unwrap_err().code, "42704");
        assert_eq!(kind("SET ROLE postgres").unwrap_err().code, "42704");
        assert_eq!(kind("PREPARE a AS SELECT 1").unwrap_err().code, "0A000");
        assert_eq!(kind("DEALLOCATE").unwrap_err().code, "42601");
    }
}
