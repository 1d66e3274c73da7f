//! Holds the picture: which room leans on which, that documents name only what exists, and a few
//! habits of `docs/map.md` that a machine can check. Each message says what would be right.

#[path = "tidy/layout.rs"]
mod layout;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use tests::tree::{Text, root, texts};

/// Who may lean on whom. A room that is missing here is a new room: draw it first.
const ARROWS: &[(&str, &[&str])] = &[
    ("terms", &[]),
    ("mediacore", &["terms"]),
    ("signaling", &["terms"]),
    ("warehouse", &["terms"]),
    ("desk", &["terms"]),
    ("reports", &["terms", "warehouse"]),
    ("server", &["terms", "mediacore", "signaling", "warehouse", "desk", "reports"]),
    ("tests", TOOLS_TOO),
    ("benches", ANY_ROOM),
];
const ANY_ROOM: &[&str] =
    &["terms", "mediacore", "signaling", "warehouse", "desk", "reports", "server"];
/// The tests share the proxy, the disk and the stamped audio of the measuring programs.
const TOOLS_TOO: &[&str] =
    &["terms", "mediacore", "signaling", "warehouse", "desk", "reports", "server", "benches"];

/// What a call must never wait for, neither at run time nor at build time.
const HEAVY: &[&str] =
    &["datafusion", "arrow", "parquet", "object_store", "typst", "sqlx", "axum", "reqwest"];
const LIGHT_ROOMS: &[&str] = &["terms", "mediacore", "signaling"];

const LINES_MAX: usize = 700;
/// Files that are longer, and why splitting them would hide something.
const LONG_FILES: &[(&str, &str)] = &[];

/// Rooms whose core is pure, and the folders in them that are not core.
const CORES: &[(&str, &[&str])] =
    &[("terms", &[]), ("mediacore", &["src/uring", "src/edge"]), ("signaling", &["src/edge"])];
/// What a core asks for as an argument instead.
const IMPURE: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "thread::spawn",
    "thread::sleep",
    "std::fs::",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "tokio::",
    "from_os_rng",
    "rand::rng()",
];

/// The dependencies as they are built here: what other systems need was never fetched.
fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args(["--filter-platform", &host()])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8(output.stdout).expect("rustc speaks UTF-8");
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc knows its host").to_owned()
}

/// Package name by id, and the ids that each id needs to build and run (not to be tested).
struct Graph {
    names: BTreeMap<String, String>,
    needs: BTreeMap<String, Vec<String>>,
    rooms: BTreeMap<String, String>,
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn graph() -> Graph {
    let metadata = metadata();
    let names: BTreeMap<String, String> = list(&metadata["packages"])
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let needed = |dep: &&Value| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
    let needs = list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| {
            let deps = list(&node["deps"]).iter().filter(needed).map(|dep| text(&dep["pkg"]));
            (text(&node["id"]), deps.collect())
        })
        .collect();
    let rooms = list(&metadata["workspace_members"])
        .iter()
        .map(|id| (names[&text(id)].clone(), text(id)))
        .collect();
    Graph { names, needs, rooms }
}

impl Graph {
    fn reach(&self, room: &str) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut ahead = vec![self.rooms[room].clone()];
        while let Some(id) = ahead.pop() {
            if seen.insert(id.clone()) {
                ahead.extend(self.needs[&id].iter().cloned());
            }
        }
        seen.iter().map(|id| self.names[id].clone()).collect()
    }
}

fn complain(what: &str, mistakes: Vec<String>) {
    assert!(mistakes.is_empty(), "{what}:\n  {}\n", mistakes.join("\n  "));
}

#[test]
fn rooms_lean_only_on_the_rooms_below_them() {
    let graph = graph();
    let mut mistakes = Vec::new();
    for (room, id) in &graph.rooms {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| name == room) else {
            mistakes.push(format!("{room} is not in the picture: draw its arrows in tidy.rs"));
            continue;
        };
        for needed in &graph.needs[id] {
            let name = &graph.names[needed];
            if graph.rooms.contains_key(name) && !allowed.contains(&name.as_str()) {
                mistakes.push(format!("{room} leans on {name}; allowed are {allowed:?}"));
            }
        }
    }
    assert_eq!(graph.rooms.len(), ARROWS.len(), "a room of the picture is missing");
    complain("arrows", mistakes);
}

#[test]
fn the_call_path_never_compiles_heavy_dependencies() {
    let graph = graph();
    let mut mistakes = Vec::new();
    for room in LIGHT_ROOMS {
        let reach = graph.reach(room);
        for heavy in HEAVY.iter().filter(|heavy| reach.contains(**heavy)) {
            mistakes.push(format!("{room} reaches {heavy}; see `cargo tree -p {room} -i {heavy}`"));
        }
    }
    complain("heavy dependencies live high", mistakes);
    assert!(graph.reach("warehouse").contains("datafusion"), "the check itself sees dependencies");
}

#[test]
fn every_dependency_earns_its_place_with_a_sentence() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let page = std::fs::read_to_string(root().join("docs/decisions/dependencies.md"))
        .expect("docs/decisions/dependencies.md");
    let rooms: Vec<&str> = ARROWS.iter().map(|(room, _)| *room).collect();
    let section = manifest.split("[workspace.dependencies]").nth(1).expect("the list of versions");
    let listed: BTreeSet<&str> = section
        .split("\n[")
        .next()
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.trim())
        .filter(|name| !name.starts_with('#') && !rooms.contains(name))
        .collect();
    let explained: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("- `")?.split_once("`: "))
        .filter(|(_, sentence)| sentence.len() > 20 && sentence.ends_with('.'))
        .map(|(name, _)| name)
        .collect();
    assert!(listed.len() > 10, "the list of versions was read");
    let missing = listed.difference(&explained).map(|name| format!("{name} has no sentence"));
    let stale = explained.difference(&listed).map(|name| format!("{name} is not used any more"));
    complain("docs/decisions/dependencies.md", missing.chain(stale).collect());
}

#[test]
fn a_file_tells_one_story_in_at_most_700_lines() {
    let long: Vec<String> = texts()
        .iter()
        .filter(|file| file.path.ends_with(".rs") || !file.path.contains('.'))
        .filter(|file| !LONG_FILES.iter().any(|(path, _)| *path == file.path))
        .map(|file| (file.text.lines().count(), &file.path))
        .filter(|(lines, _)| *lines > LINES_MAX)
        .map(|(lines, path)| format!("{path} has {lines} lines"))
        .collect();
    complain("split these, or say in tidy.rs why not", long);
    for (path, why) in LONG_FILES {
        assert!(root().join(path).exists() && why.len() > 20, "{path}: stale or without a reason");
    }
}

#[test]
fn every_source_file_opens_with_what_it_is() {
    let silent: Vec<String> = texts()
        .iter()
        .filter(|file| file.path.ends_with(".rs"))
        .filter(|file| !file.text.trim_start().starts_with("//! "))
        // A module's own tests are introduced by the module.
        .filter(|file| !file.path.contains("/src/") || !file.path.contains("/tests/"))
        .map(|file| file.path.clone())
        .collect();
    complain("these begin without a module comment (`//! …`)", silent);
}

/// Words that mark unfinished work, and places that exist on one machine only. Put together here,
/// so that this file does not trip over itself.
fn banned() -> Vec<String> {
    let halves = [
        ("todo", "!("),
        ("unimplemented", "!("),
        ("TO", "DO"),
        ("FIX", "ME"),
        ("XX", "X"),
        ("for ", "now,"),
        ("#[ig", "nore"),
        ("//! Place", "holder"),
        ("\"/wo", "rk/"),
        (" /wo", "rk/"),
        ("`/wo", "rk/"),
        ("/ro", "ot/"),
        ("/ho", "me/"),
        ("cra", "tes.io"),
        ("py", "pi.org"),
    ];
    halves.iter().map(|(first, second)| format!("{first}{second}")).collect()
}

#[test]
fn nothing_is_left_unfinished_and_no_machine_is_named() {
    let banned = banned();
    let mut mistakes = Vec::new();
    for file in texts() {
        for (number, line) in file.text.lines().enumerate() {
            for word in banned.iter().filter(|word| line.contains(word.as_str())) {
                mistakes.push(format!("{}:{} has {word:?}", file.path, number + 1));
            }
        }
    }
    complain("finish or remove these", mistakes);
}

#[test]
fn cores_know_no_clock_no_socket_no_file_and_no_thread() {
    let mut mistakes = Vec::new();
    let texts = texts();
    for (room, edges) in CORES {
        let edges: Vec<String> = edges.iter().map(|edge| format!("{room}/{edge}")).collect();
        let core = texts
            .iter()
            .filter(|file| file.path.starts_with(&format!("{room}/src/")))
            .filter(|file| !edges.iter().any(|edge| file.path.starts_with(edge.as_str())));
        for file in core {
            mistakes.extend(impurities(file));
        }
    }
    complain("time, randomness and the world come into a core as arguments", mistakes);
}

fn impurities(file: &Text) -> Vec<String> {
    let code = file.product_part().lines().enumerate();
    code.filter(|(_, line)| !line.trim_start().starts_with("//"))
        .flat_map(|(number, line)| {
            let found = IMPURE.iter().filter(move |word| line.contains(**word));
            found.map(move |word| format!("{}:{} uses {word}", file.path, number + 1))
        })
        .collect()
}

#[test]
fn each_core_has_a_clippy_toml_that_forbids_the_clock() {
    let mut mistakes = Vec::new();
    for (room, _) in CORES.iter().filter(|(room, _)| *room != "terms") {
        let path = format!("{room}/clippy.toml");
        let rules = std::fs::read_to_string(root().join(&path)).unwrap_or_default();
        for method in
            ["std::time::Instant::now", "std::time::SystemTime::now", "std::thread::spawn"]
        {
            if !rules.contains(method) {
                mistakes.push(format!("{path} does not name {method}"));
            }
        }
    }
    complain("disallowed-methods", mistakes);
}

#[test]
fn documents_name_only_what_exists() {
    let texts = texts();
    let targets = make_targets(&texts);
    let server: String = texts
        .iter()
        .filter(|file| file.path == "server/src/cli.rs")
        .map(|file| file.text.as_str())
        .collect();
    let tops: BTreeSet<&str> =
        texts.iter().filter_map(|file| file.path.split_once('/')).map(|(top, _)| top).collect();
    let mut mistakes = Vec::new();
    for page in texts.iter().filter(|file| file.path.ends_with(".md")) {
        for link in links(&page.text) {
            let folder = page.path.strip_suffix(page.name()).unwrap_or_default();
            if !root().join(folder).join(link).exists() {
                mistakes.push(format!("{} links to {link}", page.path));
            }
        }
        for name in quoted(&page.text) {
            if let Some(wrong) = missing(name, &tops, &targets, &server) {
                mistakes.push(format!("{} names {wrong}", page.path));
            }
        }
    }
    complain("these do not exist", mistakes);
}

/// Documents whose promises are tests, and whether every row of their tables names one.
const PROMISES: &[(&str, bool)] = &[("docs/threats.md", true), ("docs/acceptance.md", false)];

#[test]
fn every_test_that_a_promise_names_exists() {
    let texts = texts();
    let tests: Vec<Vec<String>> = texts.iter().flat_map(test_paths).collect();
    assert!(tests.len() > 500, "{} tests were found", tests.len());
    let is_file =
        |stem: &str| texts.iter().any(|file| file.name().strip_suffix(".rs") == Some(stem));
    let mut mistakes = Vec::new();
    for (page, every_row) in PROMISES {
        let text = std::fs::read_to_string(root().join(page)).expect("the page is there");
        for line in text.lines() {
            let names: Vec<&str> = quoted(line).into_iter().filter(|name| is_test(name)).collect();
            // The header of a table and the line below it promise nothing.
            let is_row =
                line.starts_with("| ") && !line.contains("---") && !line.contains("| test");
            if *every_row && is_row && names.is_empty() {
                mistakes.push(format!("{page} has a row without a test: {line}"));
            }
            let missing = names.iter().filter(|name| !is_file(name) && !exists(name, &tests));
            mistakes.extend(missing.map(|name| format!("{page} names the test {name}")));
        }
    }
    complain("these do not exist", mistakes);
}

/// `crate::module::a_sentence_of_words`, or the sentence alone.
fn is_test(name: &str) -> bool {
    let last = name.rsplit("::").next().unwrap_or_default();
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.split("::").all(|part| !part.is_empty() && part.chars().all(word))
        && last.matches('_').count() >= if name.contains("::") { 1 } else { 2 }
}

/// The parts of `name` stand in this order in the path of a test, and the last one is its own name.
fn exists(name: &str, tests: &[Vec<String>]) -> bool {
    tests.iter().any(|test| {
        let mut parts = test.iter();
        test.last().is_some_and(|own| name.rsplit("::").next() == Some(own))
            && name.split("::").all(|part| parts.any(|other| other == part))
    })
}

/// Room, modules and name of every test in a file.
fn test_paths(file: &Text) -> Vec<Vec<String>> {
    let Some(path) = file.path.strip_suffix(".rs") else { return Vec::new() };
    let modules: Vec<String> = path.split('/').map(str::to_owned).collect();
    let lines: Vec<&str> = file.text.lines().collect();
    let name_at = |at: usize| {
        let line = lines[at].trim_start();
        let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
        let marked = lines[at.saturating_sub(3)..at].iter().any(|before| {
            let before = before.trim_start();
            before.starts_with("#[test]") || before.starts_with("#[tokio::test")
        });
        marked.then(|| name.split('(').next().unwrap_or_default().to_owned())
    };
    let told = (0..lines.len()).filter_map(|at| told_story(&lines, at));
    (0..lines.len())
        .filter_map(name_at)
        .chain(told)
        .map(|name| modules.iter().cloned().chain([name]).collect())
        .collect()
}

/// A name inside of `stories! { … }`, which makes a test of it on each loop.
fn told_story(lines: &[&str], at: usize) -> Option<String> {
    let name = lines[at].strip_prefix("    ")?.strip_suffix(',')?;
    let head = lines[..at].iter().rev().find(|line| !line.starts_with(' '))?;
    (head.trim() == "stories! {").then(|| name.to_owned())
}

/// How a program could be started, or a text be given to a shell.
const STARTS: &[&str] =
    &["Command::new(", "posix_spawn", "libc::system", "libc::exec", "\"/bin/sh"];

/// The first starts this very program again, and so does the third, once for each fax: what it is for
/// goes to its standard input. The second runs the speech engine: its arguments are fixed, and a text
/// goes to its standard input (`an_engine_is_told_words_and_nothing_else`).
const STARTERS: [&str; 4] = [
    "server/src/serve/child.rs",
    "server/src/work/draw.rs",
    "mediacore/src/edge/speech.rs",
    "mediacore/src/edge/fax.rs",
];

#[test]
fn only_the_supervisor_speech_and_fax_start_a_program_and_nothing_a_shell() {
    let rooms = ["terms", "mediacore", "signaling", "warehouse", "desk", "reports", "server"];
    let mut mistakes = Vec::new();
    let mut found = 0;
    for file in texts().iter().filter(|file| file.path.ends_with(".rs")) {
        let product = rooms.iter().any(|room| file.path.starts_with(&format!("{room}/src/")));
        let only_tests = ["/story", "tests/", "tests.rs"];
        if !product || only_tests.iter().any(|part| file.path.contains(part)) {
            continue;
        }
        for word in STARTS.iter().filter(|word| file.product_part().contains(**word)) {
            found += 1;
            if !STARTERS.contains(&file.path.as_str()) {
                mistakes.push(format!("{} has {word:?}", file.path));
            }
        }
    }
    assert_eq!(found - mistakes.len(), STARTERS.len(), "each of them starts something");
    complain("nothing of a caller may ever reach a command line", mistakes);
}

#[test]
fn arithmetic_on_strangers_bytes_is_checked_in_release_too() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let missing: Vec<String> = LIGHT_ROOMS
        .iter()
        .map(|room| format!("[profile.release.package.{room}]\noverflow-checks = true"))
        .filter(|section| !manifest.contains(section))
        .collect();
    complain("Cargo.toml lacks", missing);
}

#[test]
fn every_schema_of_the_api_has_a_name_of_its_own() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in texts().iter().filter(|file| file.path.ends_with(".rs")) {
        for name in schemas(&file.text) {
            places.entry(name).or_default().push(file.path.clone());
        }
    }
    assert!(places.len() > 150, "{}", places.len());
    let shared: Vec<String> = places
        .iter()
        .filter(|(_, files)| files.len() > 1)
        .map(|(name, files)| format!("{name}: {}", files.join(", ")))
        .collect();
    complain("one schema would stand for two types: say `#[schema(as = …)]`", shared);
}

/// The names under which the document of the API knows the types that a file derives.
fn schemas(text: &str) -> Vec<String> {
    let (mut is_schema, mut named, mut names) = (false, None, Vec::new());
    for line in text.lines().map(str::trim) {
        is_schema |= line.starts_with("#[derive(") && line.contains("ToSchema");
        if let Some((_, rest)) = line.split_once("schema(as = ") {
            named = Some(word(rest));
        }
        let item = line.split_once("struct ").or_else(|| line.split_once("enum "));
        let item = item.filter(|(before, _)| before.is_empty() || before.starts_with("pub"));
        if let Some((_, rest)) = item {
            let name = named.take().unwrap_or_else(|| word(rest));
            names.extend(Some(name).filter(|name| is_schema && !name.is_empty()));
            is_schema = false;
        }
    }
    names
}

/// The letters and digits that a text begins with.
fn word(text: &str) -> String {
    text.chars().take_while(char::is_ascii_alphanumeric).collect()
}

fn make_targets(texts: &[Text]) -> BTreeSet<String> {
    let makefile = texts.iter().find(|file| file.path == "Makefile").expect("a Makefile");
    let lines = makefile.text.lines().filter(|line| !line.starts_with(['\t', '.', '#']));
    lines.filter_map(|line| line.split_once(':')).map(|(target, _)| target.to_owned()).collect()
}

/// Targets of Markdown links inside the tree.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link.split('#').next().unwrap_or_default())
        .filter(|link| !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:"))
        .collect()
}

/// What stands in `backticks` on one line, outside of code blocks.
fn quoted(text: &str) -> Vec<&str> {
    let mut inside_block = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside_block = !inside_block;
        } else if !inside_block {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    found
}

/// The name, when it is one that should exist and does not: a path below a folder of ours, a
/// target of the Makefile, a command of `switchgrid`.
fn missing<'a>(
    name: &'a str,
    tops: &BTreeSet<&str>,
    targets: &BTreeSet<String>,
    server: &str,
) -> Option<&'a str> {
    let words: Vec<&str> = name.split_whitespace().collect();
    let known = match words.as_slice() {
        ["make", target, ..] => targets.contains(*target),
        ["switchgrid", command, ..] if command.chars().all(|c| c.is_ascii_lowercase()) => {
            let variant = format!("{}{}", command[..1].to_ascii_uppercase(), &command[1..]);
            ["(", " {", ",\n"].iter().any(|end| server.contains(&format!("    {variant}{end}")))
        }
        [path, ..] => {
            let path = path.trim_end_matches(['/', ',', '.']);
            let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            let ours = path.split_once('/').is_some_and(|(top, _)| tops.contains(top));
            // `benches/load` may be named without its suffix, as modules are.
            !(plain && ours)
                || root().join(path).exists()
                || root().join(format!("{path}.rs")).exists()
        }
        [] => true,
    };
    (!known).then_some(name)
}

#[test]
fn the_tree_itself_is_found() {
    let texts = texts();
    for path in ["Makefile", "scripts/setup", "terms/src/lib.rs", ".ci/run", "NOTICE"] {
        assert!(texts.iter().any(|file| file.path == path), "{path} was not read");
    }
    assert!(texts.iter().all(|file| !file.path.starts_with("target/")));
}
