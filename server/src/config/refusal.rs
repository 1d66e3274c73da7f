//! Why a configuration cannot be used, in words for whoever wrote it: file, line, key, what is wrong
//! and what would be right. The parser speaks of Rust's types; nothing of that reaches a person.

use super::keys;
use std::path::{Path, PathBuf};

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{}: cannot read the configuration: {source}", .file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file says something that cannot be.
    #[error("{}:{line}: {key}: {problem}", .file.display())]
    Bad {
        /// Which file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// `section.key`, as far as it can be told.
        key: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The values are fine one by one, but the machine or another key forbids them.
    #[error("{key}: {problem}")]
    Refused {
        /// `section.key`.
        key: String,
        /// What is wrong and what would be right.
        problem: String,
    },
}

/// What the parser said about byte `at` of `text`.
pub(super) fn bad(text: &str, file: &Path, at: usize, problem: &str) -> Error {
    let before = &text[..at.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let this_line = text.lines().nth(line - 1).unwrap_or("");
    let section = text
        .lines()
        .take(line)
        .filter_map(|l| l.trim().strip_prefix('[')?.trim_start_matches('[').split(']').next())
        .last()
        .unwrap_or("");
    let name = this_line.split('=').next().unwrap_or("").trim().trim_matches(['[', ']', '{', ' ']);
    let key = match (section, name) {
        ("", name) => name.to_owned(),
        (section, name) if section == name || name.is_empty() => section.to_owned(),
        (section, name) => format!("{section}.{name}"),
    };
    let nearest = if problem.starts_with("unknown field") { nearest(&key) } else { None };
    let problem = match nearest {
        Some(nearest) => format!("{}; did you mean {nearest}?", plainly(problem)),
        None => plainly(problem),
    };
    Error::Bad { file: file.to_owned(), line, key, problem }
}

/// The parser's words without the names of Rust's types.
fn plainly(problem: &str) -> String {
    if let Some(named) = problem.strip_prefix("unknown ") {
        return named
            .replacen("field", "there is no key", 1)
            .replacen("variant", "there is no value", 1)
            .replace(", expected one of ", "; there are ")
            .replace(", expected ", "; there is ");
    }
    if let Some(name) = problem.strip_prefix("missing field ") {
        return format!("the key {name} is missing");
    }
    let words = [
        ("invalid type: ", "this is "),
        ("invalid value: ", "this is "),
        ("integer `", "the number `"),
        ("floating point `", "the number `"),
        ("expected a boolean", "true or false is needed"),
        ("expected u16", "a whole number from 0 to 65535 is needed"),
        ("expected u32", "a whole number from 0 to 4294967295 is needed"),
        ("expected a string", "a text in quotes is needed"),
        ("expected path string", "a path in quotes is needed"),
        ("expected a sequence", "a list in square brackets is needed"),
    ];
    // A section that is no table: the parser names the struct behind it.
    if let Some((found, _)) = problem.split_once(", expected struct ") {
        return format!("{}, a section of keys is needed", plainly(found));
    }
    words.iter().fold(problem.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
}

/// Byte offset of `section.key` in `text`, or of `section.list[n].key`, whose tables are counted from 0.
pub(super) fn find_key(text: &str, key: &str) -> Option<usize> {
    if let Some((list, rest)) = key.split_once('[') {
        let (index, name) = rest.split_once("].")?;
        return find_entry(text, list, index.parse().ok()?, name);
    }
    let (section, name) = key.split_once('.')?;
    let mut inside = false;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if let Some(header) = trimmed.strip_prefix('[') {
            inside = header.trim_end_matches(']').trim() == section;
        } else if inside && trimmed.split('=').next().is_some_and(|n| n.trim() == name) {
            return Some(at);
        }
        at += line.len();
    }
    None
}

/// The key in the table of that number under `[[list]]`; the whole list where it stands in one line.
fn find_entry(text: &str, list: &str, index: usize, name: &str) -> Option<usize> {
    let (mut tables, mut inside, mut at) = (0, false, 0);
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if let Some(header) = trimmed.strip_prefix("[[") {
            let is_of_list = header.split(']').next().is_some_and(|said| said.trim() == list);
            tables += usize::from(is_of_list);
            inside = is_of_list && tables == index + 1;
        } else if trimmed.starts_with('[') {
            inside = false;
        } else if inside && trimmed.split('=').next().is_some_and(|n| n.trim() == name) {
            return Some(at);
        }
        at += line.len();
    }
    find_key(text, list)
}

/// The known key that differs least from `key`, if it is near.
fn nearest(key: &str) -> Option<String> {
    keys()
        .iter()
        .map(|known| format!("{}.{}", known.section, known.name))
        .map(|known| (edits(key, &known), known))
        .min()
        .filter(|(edits, _)| *edits <= 4)
        .map(|(_, known)| known)
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = usize::from(ca != *cb);
            let next = (row[j] + 1).min(row[j + 1] + 1).min(diagonal + cost);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use std::path::Path;

    fn problem(text: &str) -> String {
        Config::parse(text, Path::new("switchgrid.toml")).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_named_with_file_line_and_the_nearest_one() {
        let text = problem("[http]\nbody_max = \"2MiB\"\n\n[sip]\ndialog_max = 7\n");
        assert!(text.starts_with("switchgrid.toml:5: sip.dialog_max: there is no key"), "{text}");
        assert!(text.contains("did you mean sip.dialogs_max?"), "{text}");
    }

    #[test]
    fn a_wrong_unit_says_what_would_be_right() {
        let text = problem("[sql]\ntime_max = \"30 parsecs\"\n");
        assert!(text.starts_with("switchgrid.toml:2: sql.time_max:"), "{text}");
        assert!(text.contains("\"30s\""), "{text}");
        let text = problem("[recording]\nbacklog_max = \"64MB\"\n");
        assert!(text.contains("MiB"), "{text}");
        let text = problem("[rtp]\nports = \"20001-20000\"\n");
        assert!(text.contains("20000-32766"), "{text}");
    }

    #[test]
    fn a_number_without_its_unit_says_which_units_there_are() {
        let text = problem("[sql]\ntime_max = 30\n");
        assert!(text.contains("\"30\" is no time") && text.contains("\"30s\""), "{text}");
        let text = problem("[recording]\nbacklog_max = 0.5\n");
        assert!(text.contains("\"0.5\" is no size") && text.contains("MiB"), "{text}");
    }

    #[test]
    fn no_name_of_a_rust_type_reaches_a_person() {
        for (written, said) in [
            ("[sql]\nrows_max = \"30\"\n", "a whole number from 0 to 4294967295 is needed"),
            ("[sql]\nrows_max = -3\n", "this is the number `-3`, a whole number from 0"),
            ("[rtp]\nshards = true\n", "a whole number from 0 to 65535 is needed"),
            ("[server]\nlog_json = 1\n", "true or false is needed"),
            ("[server]\nlog = \"loud\"\n", "there is no value `loud`; there are `error`, `warn`"),
            ("[server]\ndata = 7\n", "a path in quotes is needed"),
            ("[first]\ntenant = 7\n", "a text in quotes is needed"),
            ("[sip]\ndigest = \"MD5\"\n", "a list in square brackets is needed"),
            ("[sip]\ndigest = [\"SHA\"]\n", "there is no value `SHA`; there is `SHA-256` or `MD5`"),
            ("[server]\nlog = \"info\n", "server.log: invalid basic string, expected `\"`"),
            ("sip = 7\n", "sip: this is the number `7`, a section of keys is needed"),
        ] {
            let text = problem(written);
            assert!(text.contains(said), "{written}: {text}");
        }
    }

    #[test]
    fn keys_that_exclude_each_other_are_found_on_their_line() {
        let text = problem("[sip]\nudp = \"0.0.0.0:20010\"\n");
        assert!(text.starts_with("switchgrid.toml:2: sip.udp: port 20010 lies inside"), "{text}");
    }
}
