//! What the two databases would answer differently, were they only asked.

use super::place;
use desk::bootstrap::{Defaults, First};
use desk::customer::Card;
use desk::hours::HoursDraft;
use desk::order::query::OrderFilter;
use desk::order::write::NewOrder;
use desk::prompt::{NewPrompt, PromptFormat, PromptName, PromptRoom};
use desk::{By, Error, Store};
use serde_json::json;
use tempfile::TempDir;
use terms::id::IdGen;
use terms::routing::Window;
use terms::{CallId, Timestamp};

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);
/// Orders that each of two programs makes.
const MANY: i64 = 25;

async fn desk() -> (TempDir, Store, First) {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let first = store.bootstrap(&defaults, NOON).await.unwrap().expect("the store was empty");
    (folder, store, first)
}

fn by() -> By {
    By::system("test", NOON)
}

fn order(title: &str) -> NewOrder {
    NewOrder { kind: "报修".into(), title: title.into(), ..NewOrder::default() }
}

#[tokio::test]
async fn a_part_of_a_text_is_found_whatever_its_case() {
    let (_folder, store, first) = desk().await;
    let t = first.tenant;
    store.create_order(t, &by(), &order("Boiler A_1 leaks")).await.unwrap();
    store.create_order(t, &by(), &order("boiler AX1 leaks")).await.unwrap();
    let card = Card { name: "Dr. Grid".into(), ..Card::default() };
    store.put_customer(t, &by(), "13900139000", &card).await.unwrap();
    for (text, count) in [("BOILER", 2), ("a_1", 1), ("leaks%", 0), ("a\\", 0)] {
        let filter = OrderFilter { text: Some(text.into()), limit: 10, ..OrderFilter::default() };
        let found = store.orders(t, &filter, NOON).await.unwrap().orders;
        assert_eq!(found.len(), count, "{text}");
        let calls = store.calls_of_orders(t, (None, Some(text)), (None, None), 10).await.unwrap();
        assert!(calls.is_empty(), "no order came from a call");
    }
    for (text, count) in [("dr. gRID", 1), ("Dr_", 0)] {
        let found = store.customers(t, text, None, 10).await.unwrap();
        assert_eq!(found.len(), count, "{text}");
    }
}

#[tokio::test]
async fn calls_are_found_by_their_orders_between_two_instants() {
    let (_folder, store, first) = desk().await;
    let t = first.tenant;
    let at = |hours: i64| Timestamp(NOON.0 + hours * 3_600_000_000);
    let mut ids = IdGen::new(0);
    let calls = [0, 10, 20].map(|hours| CallId(ids.next(at(hours))));
    for (hours, call) in [0, 10, 20].into_iter().zip(calls) {
        let new = NewOrder { call: Some(call), ..order("leak") };
        store.create_order(t, &By::system("test", at(hours)), &new).await.unwrap();
    }
    let [first, second, third] = calls;
    for (from, to, expected) in [
        (None, None, vec![third, second, first]),
        (Some(at(5)), None, vec![third, second]),
        (None, Some(at(15)), vec![second, first]),
        (Some(at(5)), Some(at(15)), vec![second]),
        (None, Some(at(-2)), vec![]),
    ] {
        let found = store.calls_of_orders(t, (None, Some("leak")), (from, to), 10).await.unwrap();
        assert_eq!(found, expected, "{from:?} to {to:?}");
    }
}

#[tokio::test]
async fn lengths_of_prompts_are_added_up() {
    let (_folder, store, first) = desk().await;
    let room = PromptRoom { prompts_max: 10, length_ms_max: 5_000 };
    let put = async |name: &str, length_ms| {
        let name = PromptName::new("en", name).unwrap();
        let (format, sha256) = (PromptFormat::Wav, "0".repeat(64));
        let new = NewPrompt { name, format, bytes: 44, length_ms, sha256, text: None };
        store.put_prompt(first.tenant, &by(), &new, room).await.map(|(_, is_new)| is_new)
    };
    assert!(put("one", 3_000).await.unwrap());
    assert!(put("two", 2_000).await.unwrap());
    assert!(matches!(put("three", 1).await, Err(Error::Refused(_))));
    assert!(!put("two", 1_000).await.unwrap(), "in its own place");
    assert!(put("three", 1_000).await.unwrap());
}

#[tokio::test]
async fn names_are_listed_in_the_order_of_their_octets() {
    let (_folder, store, first) = desk().await;
    let t = first.tenant;
    let before = store.hours(t).await.unwrap().len();
    for name in ["漏水", "alpha", "Beta", "Ärger"] {
        let monday = Window { weekday: 1, from_minute: 0, to_minute: 60 };
        let draft =
            HoursDraft { name: name.into(), windows: vec![monday], closed: vec![], open: vec![] };
        store.put_hours(t, &by(), &draft).await.unwrap();
    }
    let names: Vec<String> =
        store.hours(t).await.unwrap().into_iter().map(|hours| hours.name).collect();
    assert_eq!(names.len(), before + 4);
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!(names, sorted);
}

#[tokio::test]
async fn a_text_with_nul_finds_nothing_and_breaks_nothing() {
    let (_folder, store, first) = desk().await;
    let (login, password) = &first.administrator;
    let forged = format!("{login}\0");
    assert!(store.sign_in(None, &forged, password.expose()).await.unwrap().is_none());
    assert!(store.sign_in(Some("\0"), login, password.expose()).await.unwrap().is_none());
    assert!(store.sign_in(None, login, password.expose()).await.unwrap().is_some());
    let filter = OrderFilter { kind: Some("\0".into()), limit: 10, ..OrderFilter::default() };
    assert!(store.orders(first.tenant, &filter, NOON).await.unwrap().orders.is_empty());
}

#[tokio::test]
async fn a_refused_change_leaves_the_store_ready_for_the_next_one() {
    let (_folder, store, first) = desk().await;
    let t = first.tenant;
    let profile = store.tenant(t).await.unwrap().profile;
    assert!(matches!(store.create_tenant(&by(), &profile).await, Err(desk::Error::Taken { .. })));
    let made = store.create_order(t, &by(), &order("after")).await.unwrap();
    assert_eq!(made.version, 1);
}

#[tokio::test]
async fn two_programs_hand_over_in_the_order_of_their_commits_and_without_a_gap() {
    let (folder, one, first) = desk().await;
    let two = place::open(folder.path()).await;
    let t = first.tenant;
    let make = async |store: &Store| {
        for _ in 0..MANY {
            store.create_order(t, &by(), &order("lamp")).await.unwrap();
        }
    };
    let watch = async {
        let mut seen: Vec<i64> = Vec::new();
        while seen.len() < 4 * MANY as usize {
            let after = seen.last().copied().unwrap_or(0);
            let fresh = one.read_after(after, 100).await.unwrap();
            seen.extend(fresh.into_iter().map(|entry| entry.position));
            tokio::task::yield_now().await;
        }
        seen
    };
    let (seen, (), ()) = tokio::join!(watch, make(&one), make(&two));
    // Each order is a version and a step.
    assert_eq!(seen, (1..=4 * MANY).collect::<Vec<_>>(), "nothing came in behind");
}
