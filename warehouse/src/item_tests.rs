//! Items: pieces of work that were no calls, in a store from before there were any, in the sight of
//! who asks, and without the person who asked to be forgotten.

use crate::age::Stays;
use crate::stories::{BEGIN, order};
use crate::{Limits, Scope, Session, Warehouse};
use terms::record::{Item, Row};
use terms::{AgentId, ItemId, MailAddress, Person, QueueId, Subscriber, TenantId, Timestamp};

const OURS: TenantId = TenantId(1);
const THEIRS: TenantId = TenantId(2);

/// An item of a queue that an agent did an hour after it came.
fn item(tenant: TenantId, id: u64, queue: u64, agent: Option<u64>, address: &str) -> Item {
    let after = |minutes: i64| Timestamp(BEGIN.0 + minutes * 60_000_000);
    Item {
        tenant_id: tenant,
        item_id: ItemId(id),
        channel: "email".into(),
        queue_id: QueueId(queue),
        agent_id: agent.map(AgentId),
        address: (!address.is_empty()).then(|| address.to_owned()),
        priority: 0,
        received_at: BEGIN,
        taken_at: agent.map(|_| after(50)),
        done_at: after(60),
        wait_ms: if agent.is_some() { 3_000_000 } else { 3_600_000 },
        work_ms: if agent.is_some() { 600_000 } else { 0 },
        offers: 1,
        unanswered: 0,
        outcome: if agent.is_some() { "done" } else { "closed" }.into(),
        disposition: None,
        order_id: None,
    }
}

async fn filled(warehouse: &Warehouse, position: i64, items: impl IntoIterator<Item = Item>) {
    let rows: Vec<Row> = items.into_iter().map(Row::Item).collect();
    assert!(warehouse.stage_rows("desk", position, &rows).await.unwrap());
}

async fn told(warehouse: &Warehouse, scope: Scope, sql: &str) -> Vec<String> {
    let session = Session::open(warehouse, scope, Limits::default()).await.unwrap();
    let answer = session.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    answer.to_csv().lines().skip(1).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_store_from_before_items_has_their_table_and_takes_their_rows() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    warehouse.stage_rows("desk", 1, &[order(1, 1, 7, 1, 11)]).await.unwrap();
    warehouse.publish_all().await.unwrap();
    warehouse.close().await;

    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let count = "SELECT COUNT(*) FROM items";
    assert_eq!(told(&warehouse, Scope::of(OURS), count).await, ["0"]);
    filled(&warehouse, 2, [item(OURS, 1, 10, Some(11), "zhang@example.com")]).await;
    assert_eq!(told(&warehouse, Scope::of(OURS), count).await, ["1"], "staged");
    warehouse.seal().await.unwrap();
    assert_eq!(told(&warehouse, Scope::of(OURS), count).await, ["1"], "sealed");
    warehouse.publish_all().await.unwrap();
    warehouse.close().await;

    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let sql = "SELECT channel, queue_id, agent_id, address, wait_ms, work_ms, outcome, order_id \
               FROM items";
    let whole = ["email,10,11,zhang@example.com,3000000,600000,done,"];
    assert_eq!(told(&warehouse, Scope::of(OURS), sql).await, whole);
    assert_eq!(warehouse.verify().await.unwrap().faults, Vec::<String>::new());
    assert_eq!(told(&warehouse, Scope::of(OURS), "SELECT COUNT(*) FROM orders").await, ["1"]);
}

#[tokio::test]
async fn an_item_is_seen_by_who_sees_its_queue_or_its_agent() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let items = [
        item(OURS, 1, 10, Some(11), ""),
        item(OURS, 2, 10, None, ""),
        item(OURS, 3, 20, Some(12), ""),
        item(OURS, 4, 20, None, ""),
        item(THEIRS, 5, 10, Some(11), ""),
    ];
    filled(&warehouse, 1, items).await;
    let (queues, agents) = (Some(vec![QueueId(10)]), Some(vec![AgentId(12)]));
    let whole = Scope::of(OURS);
    for (scope, seen) in [
        (whole.clone(), &["1", "2", "3", "4"][..]),
        (Scope { queues: queues.clone(), ..whole.clone() }, &["1", "2"][..]),
        (Scope { agents: agents.clone(), ..whole.clone() }, &["3"][..]),
        (Scope { queues, agents, ..whole.clone() }, &["1", "2", "3"][..]),
        (Scope { queues: Some(Vec::new()), ..whole }, &[][..]),
        (Scope::of(THEIRS), &["5"][..]),
    ] {
        let sql = "SELECT item_id FROM items ORDER BY item_id";
        assert_eq!(told(&warehouse, scope.clone(), sql).await, seen, "{scope:?}");
    }
}

#[tokio::test]
async fn whom_an_item_is_from_is_hidden_where_numbers_are() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let items = [
        item(OURS, 1, 10, None, "zhang.wei@example.com"),
        item(OURS, 2, 10, None, "+8613800138000"),
        item(OURS, 3, 10, None, "13800138000@139.com"),
        item(OURS, 4, 10, None, ""),
    ];
    filled(&warehouse, 1, items).await;
    let scope = Scope { mask_numbers: true, ..Scope::of(OURS) };
    assert_eq!(
        told(&warehouse, scope.clone(), "SELECT address FROM items ORDER BY item_id").await,
        ["z***@example.com", "'+86138****8000", "1***@139.com", ""]
    );
    let said = Item { disposition: Some("rang 13800138000".into()), ..item(OURS, 5, 10, None, "") };
    filled(&warehouse, 2, [said]).await;
    let sql = "SELECT disposition FROM items WHERE item_id = 5";
    assert_eq!(
        told(&warehouse, scope.clone(), sql).await,
        ["rang 138****8000"],
        "an agent wrote it"
    );
    // What is hidden is not found by guessing it either.
    let guess = "SELECT COUNT(*) FROM items WHERE address LIKE '%wei%' OR address LIKE '%0013%'";
    assert_eq!(told(&warehouse, scope, guess).await, ["0"]);
}

#[tokio::test]
async fn an_item_of_a_person_who_was_forgotten_stays_without_whom_it_is_from() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let items = [
        item(OURS, 1, 10, Some(11), "+8613800138000"),
        item(OURS, 2, 10, Some(11), "13800138000@139.com"),
        item(OURS, 3, 10, Some(11), "+8613900139000"),
        item(THEIRS, 4, 10, Some(11), "+8613800138000"),
    ];
    filled(&warehouse, 1, items).await;
    let person = Person::by_number("138 0013 8000", "86").expect("a number");
    let erased = warehouse.erase_person(OURS, &person).await.unwrap();
    assert_eq!((erased.rows, erased.days_waiting), (2, 0));
    let sql = "SELECT item_id, address FROM items ORDER BY item_id";
    let left = ["1,", "2,", "3,'+8613900139000"];
    assert_eq!(told(&warehouse, Scope::of(OURS), sql).await, left);
    assert_eq!(told(&warehouse, Scope::of(THEIRS), sql).await, ["4,'+8613800138000"]);
}

#[tokio::test]
async fn an_item_of_who_is_forgotten_by_a_mail_address_says_nobody_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let items = [
        item(OURS, 1, 10, Some(11), "Zhang.Wei@example.com"),
        item(OURS, 2, 10, Some(11), "li.zhang.wei@example.com"),
        item(OURS, 3, 10, Some(11), "zhang.wei@example.com.cn"),
        item(THEIRS, 4, 10, Some(11), "zhang.wei@example.com"),
        item(OURS, 5, 10, Some(11), "+8613800138000"),
    ];
    // One of them in a file, the others staged.
    let [first, others @ ..] = items;
    filled(&warehouse, 1, [first]).await;
    warehouse.publish_all().await.unwrap();
    filled(&warehouse, 2, others).await;
    let person = Person::by_mail("zhang.WEI@Example.com").expect("an address");
    let erased = warehouse.erase_person(OURS, &person).await.unwrap();
    assert_eq!((erased.rows, erased.days_waiting), (1, 0));
    let sql = "SELECT item_id, address FROM items ORDER BY item_id";
    let left =
        ["1,", "2,li.zhang.wei@example.com", "3,zhang.wei@example.com.cn", "5,'+8613800138000"];
    assert_eq!(told(&warehouse, Scope::of(OURS), sql).await, left);
    assert_eq!(told(&warehouse, Scope::of(THEIRS), sql).await, ["4,zhang.wei@example.com"]);

    let (number, mail) =
        (Subscriber::parse("13800138000", "86"), MailAddress::parse("o'neil@a.cn"));
    let person = Person::new(number, mail).expect("somebody");
    let soon = warehouse.erase_person(OURS, &person).await.unwrap();
    assert_eq!((soon.rows, soon.days_waiting), (0, 1), "the day was rewritten a moment ago");
    let later = Timestamp(crate::store::now().0 + 2 * crate::sweep::RETIRED_MS * 1000);
    crate::sweep::retired(&warehouse, later).await.unwrap();
    filled(&warehouse, 3, [item(OURS, 6, 10, None, "O'Neil@a.cn")]).await;
    assert_eq!(warehouse.erase_person(OURS, &person).await.unwrap().rows, 2, "by either of both");
    assert_eq!(told(&warehouse, Scope::of(OURS), sql).await[3..], ["5,", "6,"]);
}

#[tokio::test]
async fn a_row_that_nobody_can_read_goes_with_who_is_forgotten_by_a_mail_address() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let items = [item(OURS, 1, 10, None, "Zhang@example.com"), item(OURS, 2, 10, None, "li@a.cn")];
    filled(&warehouse, 1, items).await;
    let mut tx = warehouse.write("test").await.unwrap();
    sqlx::query("UPDATE stage SET crc = 0").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    warehouse.seal().await.unwrap();
    let unread = async || warehouse.stats().await.unwrap().quarantined_rows;
    assert_eq!(unread().await, 2);
    let person = Person::by_mail("zhang@EXAMPLE.com").expect("an address");
    warehouse.erase_person(OURS, &person).await.unwrap();
    assert_eq!(unread().await, 1);
}

#[tokio::test]
async fn items_go_by_the_day_on_which_they_ended() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = Warehouse::open(dir.path()).await.unwrap();
    let day = |days: i64| Timestamp(BEGIN.0 + days * 86_400_000_000);
    // It waited for three days.
    let old = Item { done_at: day(3), ..item(OURS, 1, 10, None, "") };
    let new = Item { received_at: day(4), done_at: day(5), ..item(OURS, 2, 10, None, "") };
    filled(&warehouse, 1, [old, new]).await;
    warehouse.publish_all().await.unwrap();
    let stays = Stays::default();
    for (until, left) in [(day(3), &["1", "2"][..]), (day(5), &["2"][..]), (day(6), &[][..])] {
        for day in warehouse.days_over(OURS, "items", until, &stays).await.unwrap() {
            warehouse.age_day(OURS, ("items", &day), &stays).await.unwrap();
        }
        let sql = "SELECT item_id FROM items ORDER BY item_id";
        assert_eq!(told(&warehouse, Scope::of(OURS), sql).await, left);
    }
}
