//! Hooks from the outside: a receiver that fails, is slow and comes back, over real HTTP.

use super::rig::{NOON, Rig};
use crate::api::hooks::tell::{self, Terms};
use crate::first::wall;
use crate::logging::kept::Kept;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::post;
use desk::Role;
use desk::secret::Secret;
use desk::signer::Signer;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use terms::event::{ENTRY_VERSION, Entry, Kind, Party};
use terms::{AgentId, CallId, TenantId};
use tokio::task::JoinHandle;

const URI: &str = "/api/v1/hooks";
const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What the receiver does with the next event; afterwards it takes all.
#[derive(Clone, Copy)]
enum Next {
    Answer(u16),
    Hang,
}

/// Delivery, signature, body and whether it was taken.
type Came = (String, String, String, bool);

/// A program that is told of events.
#[derive(Clone, Default)]
struct Receiver {
    next: Arc<Mutex<VecDeque<Next>>>,
    /// In the order they came.
    came: Arc<Mutex<Vec<Came>>>,
    /// Events of this call are not taken.
    refuses: Arc<Mutex<Option<&'static str>>>,
}

impl Receiver {
    /// Listens, and says where.
    async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().route("/events", post(take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}/events?token=of-the-crm-99")
    }

    fn taken(&self) -> Vec<Value> {
        let came = self.came.lock().unwrap();
        let taken = came.iter().filter(|(.., taken)| *taken);
        taken.map(|(_, _, body, _)| serde_json::from_str(body).unwrap()).collect()
    }

    /// In the order of the log: what belongs to several calls comes in any order.
    fn seqs(&self) -> Vec<u64> {
        let taken = self.taken();
        let mut seqs: Vec<u64> = taken.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
        seqs.sort_unstable();
        seqs
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> StatusCode {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let event: Value = serde_json::from_str(&body).unwrap();
    let next = match *receiver.refuses.lock().unwrap() {
        Some(call) if event["call"] == call => Some(Next::Answer(503)),
        _ => receiver.next.lock().unwrap().pop_front(),
    };
    let came =
        (header("switchgrid-delivery"), header("switchgrid-signature"), body, next.is_none());
    receiver.came.lock().unwrap().push(came);
    match next {
        Some(Next::Answer(status)) => StatusCode::from_u16(status).unwrap(),
        Some(Next::Hang) => std::future::pending().await,
        None => StatusCode::NO_CONTENT,
    }
}

fn terms() -> Terms {
    Terms {
        allowed: vec![HOME],
        answer_max: Duration::from_millis(300),
        pause_first: Duration::from_millis(2),
        pause_max: Duration::from_millis(8),
        look_every: Duration::from_millis(5),
        ..Terms::default()
    }
}

fn tells(rig: &Rig, terms: Terms) -> JoinHandle<()> {
    tokio::spawn(tell::run(rig.store.clone(), rig.feed.clone(), terms, wall))
}

/// The switch writes this into the event log: events of two calls in turn.
fn write(rig: &Rig, tenant: TenantId, seqs: std::ops::RangeInclusive<u64>) {
    write_of(rig, tenant, seqs, 2);
}

/// Of so many calls in turn.
fn write_of(rig: &Rig, tenant: TenantId, seqs: std::ops::RangeInclusive<u64>, calls: u64) {
    let entry = |seq: u64| {
        let kind = match seq % 3 {
            0 => Kind::Released { agent: AgentId(2), by: Party::Agent },
            _ => Kind::Held { by: Party::Agent },
        };
        let (contact, leg) = (None, None);
        let call = Some(CallId(100 + seq % calls));
        Entry { v: ENTRY_VERSION, seq, at: NOON, tenant, contact, call, leg, kind }
    };
    rig.write_log(&seqs.map(entry).collect::<Vec<_>>());
}

/// Makes a hook: its address and its secret.
async fn make(rig: &Rig, token: &str, url: &str, kinds: Value) -> (String, String) {
    let draft = json!({"name": "crm", "url": url, "kinds": kinds});
    let made = rig.post(URI, token, draft).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let made = made.json();
    let uri = format!("{URI}/{}", made["id"].as_str().unwrap());
    (uri, made["secret"].as_str().unwrap().to_owned())
}

/// Asks until it is so.
async fn until(rig: &Rig, uri: &str, token: &str, so: impl Fn(&Value) -> bool) -> Value {
    let asked = async {
        loop {
            let found = rig.get(uri, token).await.json();
            if so(&found) {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.expect("it is so in time")
}

/// So many events have arrived, and it is noted.
async fn arrived(rig: &Rig, uri: &str, token: &str, count: usize) -> Vec<Value> {
    let all = |found: &Value| {
        let found = found.as_array().unwrap();
        found.len() == count && found.iter().all(|delivery| delivery["delivered"] == true)
    };
    let found = until(rig, &format!("{uri}/deliveries"), token, all).await;
    found.as_array().unwrap().clone()
}

#[tokio::test]
async fn a_receiver_that_fails_is_slow_and_comes_back_is_told_of_all_in_order() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let receiver = Receiver::default();
    let first = [Next::Answer(500), Next::Answer(302), Next::Hang];
    receiver.next.lock().unwrap().extend(first);
    let (uri, secret) = make(&rig, &token, &receiver.listen().await, json!([])).await;
    write(&rig, rig.tenant(), 1..=6);
    tokio::spawn(rig.feed.clone().follow(1));
    let _telling = tells(&rig, terms());
    let deliveries = arrived(&rig, &uri, &token, 6).await;
    assert_eq!(receiver.seqs(), [1, 2, 3, 4, 5, 6]);
    for call in ["100", "101"] {
        let taken = receiver.taken();
        let of_call = taken.iter().filter(|event| event["call"] == call);
        let seqs: Vec<u64> = of_call.map(|event| event["seq"].as_u64().unwrap()).collect();
        assert!(seqs.len() == 3 && seqs.is_sorted(), "call {call}: {seqs:?}");
    }
    assert_eq!(receiver.taken()[0]["at"], "2026-11-23T04:00:00.000Z");
    let hook = uri.rsplit('/').next().unwrap();
    let came = receiver.came.lock().unwrap().clone();
    let refused = came.iter().filter(|(.., taken)| !*taken).map(|came| came.0.as_str());
    let firsts = [format!("{hook}-1"), format!("{hook}-2")];
    let refused: Vec<&str> = refused.collect();
    assert!(refused.len() == 3 && refused.iter().all(|id| firsts.iter().any(|first| first == id)));
    let signer = Signer::new(&Secret::new(secret));
    for (delivery, signature, body, _) in &came {
        let seconds = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1="));
        let (seconds, hex) = seconds.expect("both parts");
        assert_eq!(hex, signer.sign(seconds.parse().unwrap(), &[body.as_bytes()]), "{delivery}");
    }
    let [.., second, first] = &deliveries[..] else { panic!("{deliveries:?}") };
    assert_eq!((&first["id"], &second["id"]), (&json!(firsts[0]), &json!(firsts[1])));
    let attempts = [first, second].map(|of| of["attempts"].as_u64().unwrap());
    assert_eq!(attempts.iter().sum::<u64>(), 5, "one name at every attempt");
    assert_eq!((&first["status"], &first["kind"]), (&json!(204), &json!("held")));
    let hook = rig.get(&uri, &token).await.json();
    assert_eq!((&hook["failing_since"], &hook["problem"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_restart_repeats_nothing_that_was_acknowledged() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let receiver = Receiver::default();
    let (uri, _) = make(&rig, &token, &receiver.listen().await, json!([])).await;
    write(&rig, rig.tenant(), 1..=3);
    tokio::spawn(rig.feed.clone().follow(1));
    let telling = tells(&rig, terms());
    arrived(&rig, &uri, &token, 3).await;
    telling.abort();
    assert!(telling.await.is_err(), "ended");
    write(&rig, rig.tenant(), 4..=5);
    let _telling = tells(&rig, terms());
    arrived(&rig, &uri, &token, 5).await;
    assert_eq!(receiver.came.lock().unwrap().len(), 5);
    assert_eq!(receiver.seqs(), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_call_whose_events_are_not_taken_delays_no_other_and_a_restart_repeats_none() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let receiver = Receiver::default();
    *receiver.refuses.lock().unwrap() = Some("100");
    let (uri, _) = make(&rig, &token, &receiver.listen().await, json!([])).await;
    write(&rig, rig.tenant(), 1..=6);
    tokio::spawn(rig.feed.clone().follow(1));
    let telling = tells(&rig, terms());
    let three = |found: &Value| {
        let found = found.as_array().unwrap();
        found.iter().filter(|delivery| delivery["delivered"] == true).count() == 3
    };
    until(&rig, &format!("{uri}/deliveries"), &token, three).await;
    assert_eq!(receiver.seqs(), [1, 3, 5], "those of the other call");
    let failing = |hook: &Value| hook["problem"] == "it answered 503";
    until(&rig, &uri, &token, failing).await;
    telling.abort();
    assert!(telling.await.is_err(), "ended");

    *receiver.refuses.lock().unwrap() = None;
    let _telling = tells(&rig, terms());
    arrived(&rig, &uri, &token, 6).await;
    assert_eq!(receiver.seqs(), [1, 2, 3, 4, 5, 6], "each once");
    let last: Vec<u64> =
        receiver.taken()[3..].iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(last, [2, 4, 6], "in turn");
    let hook = rig.get(&uri, &token).await.json();
    assert_eq!((&hook["failing_since"], &hook["problem"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_hook_that_fails_for_long_is_paused_says_so_and_goes_on_when_it_is_resumed() {
    let _second = tracing::Dispatch::new(Kept::default().log("trace", false));
    let kept = Kept::default();
    let _log = tracing::subscriber::set_default(kept.log("info", false));
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let receiver = Receiver::default();
    receiver.next.lock().unwrap().extend([Next::Answer(503), Next::Answer(400)]);
    let (uri, secret) = make(&rig, &token, &receiver.listen().await, json!([])).await;
    write_of(&rig, rig.tenant(), 1..=2, 1);
    tokio::spawn(rig.feed.clone().follow(1));
    let _telling = tells(&rig, Terms { failing_max: Duration::ZERO, ..terms() });
    let paused = |hook: &Value| !hook["paused_at"].is_null();
    let hook = until(&rig, &uri, &token, paused).await;
    assert_eq!(hook["problem"], "it answered 503");
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    assert!(rows.iter().any(|row| row.action == "hook.paused" && row.source == "hooks"));
    assert_eq!(receiver.came.lock().unwrap().len(), 1, "nothing more is sent");

    let resume = format!("{uri}/resume");
    let got = rig.post(&resume, &token, json!({})).await;
    assert_eq!((got.status, got.json()["paused_at"].is_null()), (StatusCode::OK, true), "{got:?}");
    let hook = until(&rig, &uri, &token, paused).await;
    assert_eq!(hook["problem"], "it answered 400", "the same event again, from where it stood");
    assert_eq!(receiver.seqs(), [] as [u64; 0]);
    let got = rig.post(&resume, &token, json!({"skip": true})).await;
    assert_eq!(got.status, StatusCode::OK, "{got:?}");
    let last = |found: &Value| found[0]["delivered"] == true;
    until(&rig, &format!("{uri}/deliveries"), &token, last).await;
    assert_eq!(receiver.seqs(), [2], "without the one that it does not take");

    let log = kept.text();
    assert!(log.contains("a hook has failed for too long"), "the log was kept: {log}");
    for secret in [secret.as_str(), "of-the-crm-99"] {
        assert!(!log.contains(secret), "a secret stands in the log");
    }
}

#[tokio::test]
async fn a_hook_hears_of_what_it_asked_for_of_its_own_tenant_and_reaches_nothing_inside() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let receiver = Receiver::default();
    let url = receiver.listen().await;
    let (uri, _) = make(&rig, &token, &url, json!(["released"])).await;
    write(&rig, TenantId(2), 1..=3);
    write(&rig, rig.tenant(), 4..=9);
    tokio::spawn(rig.feed.clone().follow(1));
    let telling = tells(&rig, terms());
    arrived(&rig, &uri, &token, 2).await;
    assert_eq!(receiver.seqs(), [6, 9]);
    assert!(receiver.taken().iter().all(|event| event["kind"]["type"] == "released"));
    telling.abort();
    assert!(telling.await.is_err(), "ended");
    // Without a word in the configuration nothing of this machine and its neighbours is told.
    write(&rig, rig.tenant(), 10..=12);
    let _telling = tells(&rig, Terms { allowed: Vec::new(), ..terms() });
    let failing = |hook: &Value| !hook["failing_since"].is_null();
    let hook = until(&rig, &uri, &token, failing).await;
    let problem = hook["problem"].as_str().unwrap();
    assert!(problem.contains("127.0.0.1 is inside; name it in hooks.allowed"), "{problem}");
    assert_eq!(receiver.seqs(), [6, 9]);
}

#[tokio::test]
async fn administrators_alone_make_hooks_and_a_secret_is_shown_once() {
    let rig = Rig::new().await;
    let draft = json!({"name": "crm", "url": "https://crm.example/events"});
    for role in [Role::Agent, Role::Supervisor, Role::Manager] {
        let token = rig.token(role).await;
        assert_eq!(rig.get(URI, &token).await.status, StatusCode::FORBIDDEN, "{role:?}");
        let got = rig.post(URI, &token, draft.clone()).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{role:?}");
    }
    let token = rig.token(Role::Administrator).await;
    for (bad, field) in [
        (json!({"name": "", "url": "https://crm.example/"}), "name"),
        (json!({"name": "x", "url": "ftp://crm.example/"}), "url"),
        (json!({"name": "x", "url": "http://u:p@crm.example/"}), "url"),
        (json!({"name": "x", "url": "http://crm.example/", "kinds": ["rings"]}), "kinds"),
    ] {
        let got = rig.post(URI, &token, bad.clone()).await;
        assert_eq!((got.status, &got.json()["field"]), (StatusCode::BAD_REQUEST, &json!(field)));
    }
    let (uri, secret) = make(&rig, &token, "https://crm.example/events", json!([])).await;
    for uri in [URI, &uri, &format!("{uri}/deliveries")] {
        let got = rig.get(uri, &token).await;
        assert_eq!(got.status, StatusCode::OK);
        assert!(!String::from_utf8_lossy(&got.body).contains(&secret), "{uri}");
    }
    let off = json!({"name": "crm", "url": "https://crm.example/v2", "enabled": false});
    let got = rig.ask(Method::PUT, &uri, &token, Some(off)).await;
    assert_eq!((got.status, &got.json()["enabled"]), (StatusCode::OK, &json!(false)));
    assert_eq!(rig.store.hook_lines().await.unwrap().len(), 0);
    let got = rig.post(&format!("{uri}/secret"), &token, json!({})).await;
    assert_ne!(got.json()["secret"], json!(secret));
    let (_, foreign) = rig.other_tenant().await;
    for method in [Method::GET, Method::DELETE] {
        let got = rig.ask(method, &uri, &foreign, None).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND);
    }
    let got = rig.ask(Method::DELETE, &uri, &token, None).await;
    assert_eq!(got.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get(URI, &token).await.json(), json!([]));
}
