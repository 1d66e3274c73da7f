//! What is remembered of callers over an orderly stop, in its file.

use crate::bench::{TENANT, plan};
use serde_json::{Value, json};
use signaling::edge::alone;
use signaling::switch::Now;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use terms::control::{Answer, Ask, Request};
use terms::event::Found;
use terms::{AgentId, CallId, Moment, QueueId, Timestamp};

const CUSTOMER: &str = "+8613811112222";
/// How long an answer may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// As a process left it that stopped just now.
fn left() -> Value {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is past 1970");
    let wall = Timestamp(i64::try_from(passed.as_micros()).expect("it is before 294000"));
    let at = Now { moment: Moment::from_secs(5_000), wall };
    let no_queue: Option<QueueId> = None;
    json!({"at": at, "tenants": [{"tenant": TENANT, "last": [], "left": [], "traces": [{
        "customer": CUSTOMER, "shown": "95105688", "agent": AgentId(1), "queue": no_queue,
        "call": CallId(7), "at": Moment::from_secs(4_990), "found": Found::Busy}]}]})
}

/// A process that begins and stops; it is told a plan where it has none.
fn runs(folder: &Path, with_plan: bool) {
    let (signaling, answers) = alone::start(alone::config(folder)).unwrap();
    if with_plan {
        let body = Ask::Plan(Box::new(plan()));
        signaling.handle().ask(Request { id: 7, body });
        assert_eq!(answers.recv_timeout(SOON).expect("an answer").body, Answer::Done);
    }
    assert!(!folder.join("callers.json").exists(), "it is read once");
    signaling.stop();
}

#[test]
fn whom_agents_called_is_taken_up_from_its_file_and_left_to_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("callers.json");
    runs(folder.path(), true);
    assert!(!file.exists(), "there is nothing to leave");
    std::fs::write(&file, left().to_string()).unwrap();
    for _ in 0..2 {
        runs(folder.path(), false);
        let text = std::fs::read_to_string(&file).expect("it is left to the next one");
        assert!(text.contains(CUSTOMER), "{text}");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "its owner alone reads it");
    }
    std::fs::write(&file, "{}").unwrap();
    runs(folder.path(), false);
    assert!(!file.exists(), "of another form, it is no use");
}
