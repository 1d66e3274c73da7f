//! A statement for a business database. `:name` stands for the value of a variable, which is bound
//! and never written into the text: what callers type and what they call from is hostile.
//!
//! The grammar is that of the database. What is refused here would be a second statement, reach
//! another file (`ATTACH`), or hide where a text ends.

use super::template::is_variable;
use super::{LIST_MAX, STATEMENT_CHARS_MAX};

/// First words of statements that read, and of those that write.
const READS: &[&str] = &["select", "values", "with"];
const WRITES: &[&str] = &["insert", "update", "delete"];

/// A statement as the database gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// With `$1`, `$2` … in the places of the values.
    pub text: String,
    /// The variables whose values they are, in that order.
    pub names: Vec<String>,
    /// It begins with a word that writes. One that begins with `with` may do so all the same.
    pub writes: bool,
}

impl Statement {
    /// Reads a statement.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        if text.chars().count() > STATEMENT_CHARS_MAX {
            let what = "statement is too long".to_owned();
            return Err((what, format!("at most {STATEMENT_CHARS_MAX} characters")));
        }
        let words = text.trim_start();
        let first = words.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        let first = first.to_ascii_lowercase();
        let writes = WRITES.contains(&first.as_str());
        if !writes && !READS.contains(&first.as_str()) {
            let known = [READS, WRITES].concat().join(", ");
            return Err((format!("statement begins with \"{first}\""), format!("one of {known}")));
        }
        let (text, names) = bind(words.trim_end())?;
        Ok(Statement { text, names, writes })
    }
}

/// Puts `$1`, `$2` … in the places of `:name`, outside of quotes.
fn bind(statement: &str) -> Result<(String, Vec<String>), (String, String)> {
    let mut text = String::with_capacity(statement.len());
    let mut names: Vec<String> = Vec::new();
    let mut rest = statement;
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '\'' | '"' => quoted(rest, c)?,
            ':' if rest.starts_with("::") => 2,
            ':' => {
                let name = named(rest)?;
                let at = names.iter().position(|known| known == name).unwrap_or_else(|| {
                    names.push(name.to_owned());
                    names.len() - 1
                });
                text.push('$');
                text.push_str(&(at + 1).to_string());
                rest = &rest[1 + name.len()..];
                continue;
            }
            _ if foreign(rest) => {
                let two: String = rest.chars().take(2).collect();
                let right = "one statement, without comments, with :name for a value".to_owned();
                return Err((format!("statement has \"{}\"", two.trim()), right));
            }
            _ => c.len_utf8(),
        };
        text.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    if names.len() > LIST_MAX {
        return Err((format!("statement has {} values", names.len()), format!("0 to {LIST_MAX}")));
    }
    Ok((text, names))
}

/// What would end the statement, begin a comment, or stand for a value in another way.
fn foreign(rest: &str) -> bool {
    rest.starts_with([';', '$', '?', '\\', '\0'])
        || rest.starts_with("--")
        || rest.starts_with("/*")
}

/// Length of the quoted text at the beginning of `rest`; a doubled quote in it is text.
fn quoted(rest: &str, quote: char) -> Result<usize, (String, String)> {
    let inside = &rest[1..];
    let mut from = 0;
    while let Some(at) = inside[from..].find(quote).map(|at| at + from) {
        if !inside[at + 1..].starts_with(quote) {
            // A backslash escapes in some texts of PostgreSQL: where they end would be unsure.
            let sure = !inside[..at].contains(['\\', '\0']);
            let right = "a text without a backslash".to_owned();
            return sure.then_some(at + 2).ok_or(("statement has \"\\\"".to_owned(), right));
        }
        from = at + 2;
    }
    Err((
        format!("statement has an open {quote}"),
        "the same quote at the end of the text".to_owned(),
    ))
}

fn named(rest: &str) -> Result<&str, (String, String)> {
    let behind = &rest[1..];
    let end = behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let name = &behind[..end.unwrap_or(behind.len())];
    if is_variable(name) {
        return Ok(name);
    }
    let what: String = rest.chars().take(20).collect();
    Err((format!("statement has \"{what}\""), ":name for a value, ::type for a cast".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_in_their_places_and_never_written_into_the_text() {
        let read = Statement::parse(
            " select \"a:b\", ':no', x::text from t where n = :account::bigint and m = :caller \
             and ':''' <> :account ",
        );
        let Statement { text, names, writes } = read.unwrap();
        let bound = "select \"a:b\", ':no', x::text from t where n = $1::bigint and m = $2 and \
                     ':''' <> $1";
        assert_eq!(text, bound);
        assert_eq!(names, ["account", "caller"]);
        assert!(!writes);
        assert!(Statement::parse("UPDATE t SET n = :n").unwrap().writes);
        assert!(!Statement::parse("WITH x AS (SELECT 1) SELECT 2").unwrap().writes);
    }

    #[test]
    fn a_second_statement_another_file_and_a_hidden_end_are_refused() {
        for bad in [
            "",
            "drop table t",
            "attach 'desk.db' as d",
            "pragma writable_schema = 1",
            "vacuum into 'x'",
            "copy t to '/tmp/x'",
            "select 1; delete from t",
            "select 1 -- :n",
            "select 1 /* :n */",
            "select $1",
            "select ?",
            "select '${caller}' || ${caller}",
            "select E'\\'' || ';'",
            "select 'open",
            "select \"open",
            "select a[1:2]",
            "select :1",
            "select : n",
        ] {
            assert!(Statement::parse(bad).is_err(), "{bad}");
        }
        assert!(
            Statement::parse(&format!("select '{}'", "x".repeat(STATEMENT_CHARS_MAX))).is_err()
        );
        let many: Vec<String> = (0..=LIST_MAX).map(|n| format!(":v{n}")).collect();
        assert!(Statement::parse(&format!("select {}", many.join(", "))).is_err());
    }
}
