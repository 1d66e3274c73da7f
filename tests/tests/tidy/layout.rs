//! Holds the form in which live calls outlive their process. Records have no names, so another build may
//! read them only where all of their types are the same: their definitions stand in a file beside this
//! one, under the number of the form, and a definition that differs there wants another number.

use std::collections::BTreeSet;
use std::fs;
use tests::tree::{Text, root, texts};

const FROZEN: &str = "tests/tests/tidy/live-state.layout";
/// Where the number of the form is.
const LIVE: &str = "signaling/src/edge/live.rs";
const NUMBER: &str = "const VERSION: u32 = ";

/// What is written and read as a whole: by file and name.
const KEPT: &[(&str, &str)] = &[
    (LIVE, "Frame"),
    ("signaling/src/kept.rs", "Change"),
    ("signaling/src/call/keep.rs", "Kept"),
    ("signaling/src/conference.rs", "Conference"),
    ("signaling/src/conference/doors.rs", "Door"),
    ("signaling/src/acd/keep.rs", "KeptAgent"),
    ("signaling/src/switch/traces.rs", "Trace"),
    ("signaling/src/switch/leases.rs", "KeptLease"),
    ("signaling/src/calling/guard.rs", "Guard"),
    ("signaling/src/acd/resume.rs", "KeptLeaver"),
    ("signaling/src/acd/personal.rs", "KeptLast"),
    ("signaling/src/sip/keep.rs", "Kept"),
    ("signaling/src/sip/registrar.rs", "Binding"),
    ("signaling/src/sip/lamps.rs", "Watch"),
    ("signaling/src/sip/health.rs", "KeptDown"),
    ("mediacore/src/slot.rs", "Kept"),
];

/// A type as it stands in the source, without comments and without who may see it.
struct Definition<'a> {
    path: &'a str,
    name: &'a str,
    text: String,
    /// Other types in it, and more.
    names: Vec<&'a str>,
}

#[test]
fn what_outlives_the_process_has_the_form_of_its_number() {
    let files: Vec<Text> = texts().into_iter().filter(|file| is_source(&file.path)).collect();
    let live = files.iter().find(|file| file.path == LIVE).expect("the file is there");
    let number = live.text.lines().find_map(|line| line.strip_prefix(NUMBER)).expect("a number");
    let now = format!("version {}\n{}", number.trim_end_matches(';'), form(&files, KEPT));
    let path = root().join(FROZEN);
    let frozen = fs::read_to_string(&path).unwrap_or_default();
    let is_counted_up = now.lines().next() != frozen.lines().next();
    if std::env::var_os("UPDATE").is_some() && is_counted_up {
        fs::write(&path, &now).expect("the tree can be written");
        return;
    }
    let other = now.lines().zip(frozen.lines()).find(|(now, frozen)| now != frozen);
    assert!(
        now == frozen,
        "live state has another form, from here on: {other:?}\nCount VERSION of {LIVE} up, so that \
         no build reads what another kept in another form, and write {FROZEN} with UPDATE=1"
    );
}

#[test]
fn another_field_is_another_form_and_another_comment_is_not() {
    let source = "/// A call.\n#[derive(Debug, Serialize)]\nstruct Call {\n    at: At,\n}\n\n\
                  #[derive(Serialize)]\nenum At {\n    Home,\n    Away(Place),\n}\n\n\
                  #[derive(Serialize)]\npub(crate) struct Place([u8; PLACE_MAX]);\n\n\
                  pub const PLACE_MAX: usize = 4;\n\n\
                  #[derive(Serialize)]\nstruct Home;\n";
    let of = |text: &str| {
        let file = Text { path: "a.rs".to_owned(), text: text.to_owned() };
        form(&[file], &[("a.rs", "Call")])
    };
    let whole = of(source);
    let wanted = "\nenum At {\nHome,\nAway(Place),\n}\n\nstruct Call {\nat: At,\n}\n\n\
                  const PLACE_MAX: usize = 4;\n\nstruct Place([u8; PLACE_MAX]);\n";
    assert_eq!(whole, wanted, "what a variant is called is no type");
    for (now, then) in [
        ("[u8;", "[u16;"),
        ("usize = 4", "usize = 5"),
        ("Home,", "Gone,\n    Home,"),
        ("at: At", "on: At"),
    ] {
        assert_ne!(of(&source.replace(now, then)), whole, "{now}");
    }
    let told = source.replace("pub(crate) ", "").replace("A call", "Some call");
    assert_eq!(of(&told.replace("(Debug, ", "(Clone, ")), whole);
}

fn is_source(path: &str) -> bool {
    let room = path.starts_with("signaling/src/") || path.starts_with("terms/src/");
    let of_tests = path.contains("/tests/") || path.contains("/rig") || path.ends_with("tests.rs");
    path.ends_with(".rs") && (room || path == "mediacore/src/slot.rs") && !of_tests
}

/// All types that are reached from these, in the order of their names.
fn form(files: &[Text], kept: &[(&str, &str)]) -> String {
    let all: Vec<Definition> = files.iter().flat_map(definitions).collect();
    for (path, name) in kept {
        let found = all.iter().any(|of| of.path == *path && of.name == *name);
        assert!(found, "{path} has no {name} that is written: what is kept now?");
    }
    let mut todo: Vec<(&str, &str)> = kept.to_vec();
    let mut reached = BTreeSet::new();
    while let Some((path, name)) = todo.pop() {
        for at in meant(&all, path, name) {
            if reached.insert(at) {
                let of = &all[at];
                todo.extend(of.names.iter().map(|name| (of.path, *name)));
            }
        }
    }
    let told: BTreeSet<_> = reached.iter().map(|&at| (all[at].name, &all[at].text)).collect();
    told.iter().map(|(_, text)| format!("\n{text}\n")).collect()
}

/// What a name may mean in a file: the types of that name in it, else all of that name.
fn meant(all: &[Definition], path: &str, name: &str) -> Vec<usize> {
    let called: Vec<usize> = (0..all.len()).filter(|&at| all[at].name == name).collect();
    let beside: Vec<usize> = called.iter().copied().filter(|&at| all[at].path == path).collect();
    if beside.is_empty() { called } else { beside }
}

fn definitions(file: &Text) -> Vec<Definition<'_>> {
    let lines: Vec<&str> = file.text.split('\n').collect();
    (0..lines.len()).filter_map(|at| definition(&file.path, &lines, at)).collect()
}

/// The one that begins in this line: a type that is written, another name for one, how one is written,
/// or a number that says how long a list is.
fn definition<'a>(path: &'a str, lines: &[&'a str], at: usize) -> Option<Definition<'a>> {
    let (kind, name) = opening(lines[at])?;
    let begin = lines[..at].iter().rposition(|line| !leads_in(line)).map_or(0, |before| before + 1);
    let attributes = &lines[begin..at];
    let is_type = kind == "struct" || kind == "enum";
    if is_type && !attributes.iter().any(|line| line.contains("erialize")) {
        return None;
    }
    let attributes = attributes.iter().filter(|line| line.starts_with("#[serde"));
    let body = lines[at..=end(kind, lines, at)].iter().filter(|line| is_told(line));
    let told: Vec<&str> = attributes.chain(body).copied().collect();
    let text: Vec<&str> = told.iter().map(|line| unpublic(line.trim())).collect();
    let names = told.iter().flat_map(|&line| names(kind, line)).collect();
    Some(Definition { path, name, text: text.join("\n"), names })
}

/// Kind and name of what begins in a line.
fn opening(line: &str) -> Option<(&str, &str)> {
    if line.starts_with("impl") {
        let (_, of) = line.rsplit_once(" for ").filter(|_| line.contains("erialize"))?;
        return Some(("impl", word(of)));
    }
    if line.starts_with(' ') {
        return None;
    }
    let mut words = unpublic(line).split_whitespace();
    let kind = words.next().filter(|kind| ["struct", "enum", "type", "const"].contains(kind))?;
    Some((kind, word(words.next()?)))
}

/// Attributes and documentation of what comes next.
fn leads_in(line: &str) -> bool {
    ["#[", "///", " ", ")]"].iter().any(|begin| line.starts_with(begin))
}

/// The line in which it ends.
fn end(kind: &str, lines: &[&str], at: usize) -> usize {
    let ends = |n: &usize| {
        let line = lines[*n];
        let at_once = *n == at && line.ends_with([';', '}']);
        let below = *n > at && line.starts_with(['}', ')']);
        at_once || below || (["type", "const"].contains(&kind) && line.ends_with(';'))
    };
    (at..lines.len()).find(ends).unwrap_or(lines.len() - 1)
}

/// Neither a comment nor an attribute that says nothing of how it is written.
fn is_told(line: &str) -> bool {
    let line = line.trim();
    !line.starts_with("//") && (!line.starts_with("#[") || line.starts_with("#[serde"))
}

/// Words of a line that may be types. The first of a variant is its own name.
fn names<'a>(kind: &str, line: &'a str) -> Vec<&'a str> {
    let is_variant = kind == "enum" && line.starts_with("    ") && !line.starts_with("     ");
    let words = line.split(|c: char| !is_of_word(c)).filter(|word| !word.is_empty());
    let types = words.skip(usize::from(is_variant));
    types.filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase())).collect()
}

fn unpublic(line: &str) -> &str {
    match line.strip_prefix("pub ") {
        Some(rest) => rest,
        None if line.starts_with("pub(") => line.split_once(") ").map_or(line, |(_, rest)| rest),
        None => line,
    }
}

fn word(text: &str) -> &str {
    text.split(|c: char| !is_of_word(c)).next().unwrap_or_default()
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
