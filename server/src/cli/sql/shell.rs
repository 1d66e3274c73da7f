//! What is typed becomes questions and commands: statements over several lines, each up to its `;`, and
//! lines that begin with `\`. Pure: lines in, commands out, and texts for people.

use std::ffi::OsString;
use std::path::PathBuf;
use unicode_width::UnicodeWidthStr;
use warehouse::SqlError;

/// Longest statement; what is longer was pasted by mistake.
pub const STATEMENT_BYTES_MAX: usize = 1 << 20;

/// What `\?` says.
pub const HELP: &str = "\
A question ends with ; and may take several lines.
  \\d          the tables
  \\d TABLE    the columns of one
  \\timing     say how long each question took, or no more
  \\r          forget what was typed of a question
  \\q          end
  \\?          this page";

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ask this.
    Ask(String),
    /// List the tables, or the columns of the one that is named.
    List(String),
    /// Change whether the time is told.
    Timing,
    /// Show what there is.
    Help,
    /// End.
    Quit,
    /// Tell the person that this cannot be.
    Problem(String),
}

/// What was typed of a statement that has not ended yet.
#[derive(Debug, Default)]
pub struct Shell {
    typed: String,
}

impl Shell {
    /// Takes one line, without its end.
    pub fn line(&mut self, line: &str) -> Vec<Command> {
        if line.trim() == "\\r" {
            self.clear();
            return Vec::new();
        }
        if !self.is_within() && line.trim_start().starts_with('\\') {
            return vec![command(line.trim())];
        }
        self.typed.push_str(line);
        self.typed.push('\n');
        let mut commands = Vec::new();
        while let Some(end) = end_of(&self.typed) {
            let rest = self.typed.split_off(end);
            let statement = std::mem::replace(&mut self.typed, rest);
            let statement = statement.trim().trim_end_matches(';').trim();
            if !is_blank(statement) {
                commands.push(Command::Ask(statement.to_owned()));
            }
        }
        if is_blank(&self.typed) {
            self.clear();
        }
        if self.typed.len() > STATEMENT_BYTES_MAX {
            self.clear();
            let problem = format!("a question has at most {STATEMENT_BYTES_MAX} bytes");
            commands.push(Command::Problem(problem));
        }
        commands
    }

    /// The rest, when no more lines come: a last question needs no `;`.
    pub fn end(&mut self) -> Option<Command> {
        let rest = std::mem::take(&mut self.typed);
        (!is_blank(&rest)).then(|| Command::Ask(rest.trim().to_owned()))
    }

    /// Forgets what was typed.
    pub fn clear(&mut self) {
        self.typed.clear();
    }

    /// A statement has begun and not ended.
    pub fn is_within(&self) -> bool {
        !self.typed.is_empty()
    }

    /// What stands before the next line.
    pub fn prompt(&self) -> &'static str {
        if self.is_within() { "        -> " } else { "switchgrid> " }
    }
}

fn command(line: &str) -> Command {
    if let Some(wanted) = super::tables::wanted(line) {
        return Command::List(wanted.to_owned());
    }
    match line.trim_end_matches(';').trim_end() {
        "\\q" | "\\quit" => Command::Quit,
        "\\?" | "\\h" | "\\help" => Command::Help,
        "\\timing" => Command::Timing,
        other => Command::Problem(format!("there is no command {other}; \\? lists them")),
    }
}

/// Nothing is asked: blanks and comments alone.
fn is_blank(text: &str) -> bool {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        rest = match (rest.strip_prefix("--"), rest.strip_prefix("/*")) {
            (Some(comment), _) => comment.split_once('\n').map_or("", |(_, rest)| rest),
            (_, Some(comment)) => match comment.split_once("*/") {
                Some((_, rest)) => rest,
                None => return false,
            },
            _ => return rest.is_empty(),
        };
    }
}

/// Where the first statement ends: behind a `;` that stands in no quotation and no comment.
fn end_of(text: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let rest = &text[at..];
        at += match next {
            ';' => return Some(at + 1),
            '\'' | '"' => 1 + rest[1..].find(next)? + 1,
            '-' if rest.starts_with("--") => rest.find('\n')?,
            '/' if rest.starts_with("/*") => comment(rest)?,
            '$' => dollars(rest)?,
            other => other.len_utf8(),
        };
    }
    None
}

/// Bytes of a comment that may hold others; `None` where it does not end.
fn comment(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0, 0);
    loop {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += rest.chars().next()?.len_utf8();
        }
    }
}

/// Bytes of a text between `$…$` and the same, or of the sign alone; `None` where it does not end.
fn dollars(text: &str) -> Option<usize> {
    let name = text[1..].find('$').map(|at| &text[..at + 2]);
    let is_mark = |mark: &&str| {
        mark[1..mark.len() - 1].chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    match name.filter(is_mark) {
        Some(mark) => Some(mark.len() + text[mark.len()..].find(mark)? + mark.len()),
        None => Some(1),
    }
}

/// An error as people read it: the sentence, the line that it is about with a mark below the place,
/// and the other names that are near.
pub fn told(sql: &str, error: &SqlError) -> String {
    let mut text = error.message.clone();
    let line = error.position.and_then(|at| {
        let line = sql.lines().nth((at.line as usize).checked_sub(1)?)?;
        let column = (at.column as usize).checked_sub(1)?;
        Some((at.line, super::clean(line), column))
    });
    if let Some((number, line, column)) = line {
        let head = format!("line {number}: ");
        let before: String = line.chars().take(column).collect();
        let indent = head.len() + before.width();
        text.push_str(&format!("\n{head}{line}\n{}^", " ".repeat(indent)));
    }
    if let [_, others @ ..] = error.nearest.as_slice()
        && !others.is_empty()
    {
        text.push_str(&format!("\nalso near: {}", others.join(", ")));
    }
    text
}

/// `1 row`, `12 rows`.
pub fn counted(rows: usize) -> String {
    if rows == 1 { "(1 row)".to_owned() } else { format!("({rows} rows)") }
}

/// Where the history is kept: the user's folder of state (XDG Base Directory Specification).
pub fn history(state: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let given = state.map(PathBuf::from).filter(|path| path.is_absolute());
    let usual = || Some(PathBuf::from(home.filter(|home| !home.is_empty())?).join(".local/state"));
    Some(given.or_else(usual)?.join("switchgrid/sql_history"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use warehouse::{Position, SqlFault};

    fn all(lines: &[&str]) -> Vec<Command> {
        let mut shell = Shell::default();
        let mut commands: Vec<Command> = lines.iter().flat_map(|line| shell.line(line)).collect();
        commands.extend(shell.end());
        commands
    }

    fn asked(text: &str) -> Command {
        Command::Ask(text.to_owned())
    }

    #[test]
    fn a_question_ends_with_its_semicolon_over_lines_and_several_on_one() {
        assert_eq!(all(&["SELECT 1", "  + 2;"]), [asked("SELECT 1\n  + 2")]);
        assert_eq!(all(&["SELECT 1; SELECT 2;"]), [asked("SELECT 1"), asked("SELECT 2")]);
        assert_eq!(all(&["SELECT 1; SELECT", "2"]), [asked("SELECT 1"), asked("SELECT\n2")]);
        assert_eq!(all(&["", " ; ;", "-- nothing", "/* nothing */"]), []);
    }

    #[test]
    fn a_semicolon_in_a_text_a_name_or_a_comment_ends_nothing() {
        for text in [
            "SELECT ';'",
            "SELECT 'it''s ;'",
            "SELECT 1 AS \"a;b\"",
            "SELECT 1 /* ; /* ; */ ; */ + 1",
            "SELECT $$;$$",
            "SELECT $x$ ; $$ ; $x$",
            "SELECT '数;据'",
        ] {
            assert_eq!(all(&[&format!("{text};")]), [asked(text)], "{text}");
        }
        assert_eq!(all(&["SELECT 1 -- ; not yet", "+ 1;"]), [asked("SELECT 1 -- ; not yet\n+ 1")]);
        let mut shell = Shell::default();
        assert_eq!(shell.line("SELECT 'open;"), []);
        assert!(shell.is_within() && shell.prompt().ends_with("-> "));
    }

    #[test]
    fn commands_stand_at_the_beginning_of_a_question_alone() {
        let list = |name: &str| Command::List(name.to_owned());
        assert_eq!(
            all(&["\\d", "\\d calls;", " \\timing", "\\?", "\\q"]),
            [list(""), list("calls"), Command::Timing, Command::Help, Command::Quit]
        );
        let unknown = all(&["\\drop"]);
        assert!(matches!(&unknown[..], [Command::Problem(text)] if text.contains("\\drop; \\?")));
        assert_eq!(all(&["SELECT 1", "\\q", ";"]), [asked("SELECT 1\n\\q")]);
        assert_eq!(all(&["SELEKT", "\\r", "SELECT 2;"]), [asked("SELECT 2")]);
    }

    #[test]
    fn what_is_pasted_by_mistake_is_refused_and_forgotten() {
        let mut shell = Shell::default();
        let told = shell.line(&"x".repeat(STATEMENT_BYTES_MAX + 1));
        assert!(matches!(&told[..], [Command::Problem(_)]), "{told:?}");
        assert!(!shell.is_within());
    }

    #[test]
    fn an_error_is_marked_below_its_place_also_behind_wide_characters() {
        let error = SqlError {
            fault: SqlFault::UnknownColumn,
            message: "there is no column \"calle\"; did you mean \"caller\"?".to_owned(),
            position: Some(Position { line: 2, column: 9 }),
            word: Some("calle".to_owned()),
            nearest: vec!["caller".to_owned(), "called".to_owned()],
            detail: String::new(),
        };
        let text = told("SELECT 1 AS x,\n  '数据', calle FROM calls", &error);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "there is no column \"calle\"; did you mean \"caller\"?");
        assert_eq!(lines[1], "line 2:   '数据', calle FROM calls");
        // Eight characters before the place, two of them two cells wide.
        assert_eq!(lines[2], format!("{}^", " ".repeat("line 2: ".len() + 10)));
        assert_eq!(lines[3], "also near: called");
        let nowhere = SqlError { position: None, nearest: Vec::new(), ..error };
        assert_eq!(told("SELECT 1", &nowhere), nowhere.message);
    }

    #[test]
    fn the_history_lies_in_the_folder_of_state_of_the_user() {
        let os = |text: &str| Some(OsString::from(text));
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(history(os("/s"), os("/h")), path("/s/switchgrid/sql_history"));
        assert_eq!(
            history(os("relative"), os("/h")),
            path("/h/.local/state/switchgrid/sql_history")
        );
        assert_eq!(history(None, os("")), None);
        assert_eq!(counted(1), "(1 row)");
    }
}
