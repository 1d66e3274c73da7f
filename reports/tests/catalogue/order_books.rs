//! On random orders, reports on steps, visits and repeated orders agree with the rows themselves and
//! with the reports that count the same orders. A failure names its seed.

use super::reconciled::{Books, SEEDS, of, opens, total, totals};
use super::{shanghai, store};
use reports::catalogue::{FIRST_VISIT, ORDER_HANDLING, ORDERS_BY_WEEK, REPEAT_ORDERS};
use std::collections::{BTreeMap, BTreeSet};
use terms::Timestamp;
use terms::record::{Order, OrderStep, Row};

const PERIOD: &str = "2026-10-28..2026-12-05";
const DAY_US: i64 = 86_400_000_000;
/// Steps, and the columns that count them.
const COLUMNS: [(&str, &[&str]); 7] = [
    ("assign", &["assigned", "reassigned"]),
    ("give_back", &["given_back"]),
    ("suspend", &["suspended"]),
    ("extend", &["extended"]),
    ("urge", &["urged"]),
    ("finish", &["finished"]),
    ("reopen", &["reopened"]),
];

fn is_in_period(at: Timestamp) -> bool {
    (shanghai("2026-10-28 00:00:00")..shanghai("2026-12-06 00:00:00")).contains(&at)
}

fn steps(rows: &[Row]) -> Vec<&OrderStep> {
    rows.iter()
        .filter_map(|row| match row {
            Row::OrderStep(step) => Some(step),
            _ => None,
        })
        .collect()
}

/// The first version of each order: the later ones differ in who has it alone.
fn orders(rows: &[Row]) -> Vec<&Order> {
    rows.iter()
        .filter_map(|row| match row {
            Row::Order(order) if order.version == 1 => Some(order),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn the_steps_of_orders_are_those_of_the_rows() {
    for seed in 0..SEEDS {
        let rows = Books::made(seed);
        let mut by_action: BTreeMap<String, i64> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for step in steps(&rows).into_iter().filter(|step| is_in_period(step.done_at)) {
            *by_action.entry(step.action.clone()).or_default() += 1;
            if !["arrive", "note"].contains(&step.action.as_str()) {
                seen.insert(step.order_id);
            }
        }
        let store = store(rows).await;
        let handling = of(&store, &ORDER_HANDLING, PERIOD).await;
        for (action, columns) in COLUMNS {
            assert!(by_action[action] > 5, "seed {seed}: {action} is done");
            assert_eq!(totals(&handling, columns), by_action[action], "seed {seed}: {action}");
        }
        assert_eq!(total(&handling, "orders"), seen.len() as i64, "seed {seed}");
        opens(&store, &handling, "orders", seed).await;
    }
}

#[tokio::test]
async fn visits_are_those_of_the_orders_that_the_weeks_close() {
    let mut further = 0;
    for seed in 0..SEEDS {
        let rows = Books::made(seed);
        let closed: BTreeSet<_> = orders(&rows)
            .into_iter()
            .filter(|order| order.closed_at.is_some_and(is_in_period))
            .map(|order| order.order_id)
            .collect();
        let mut visits: BTreeMap<_, (i64, i64)> = BTreeMap::new();
        for step in steps(&rows).into_iter().filter(|step| closed.contains(&step.order_id)) {
            let (arrivals, reopenings) = visits.entry(step.order_id).or_default();
            *arrivals += i64::from(step.action == "arrive");
            *reopenings += i64::from(step.action == "reopen");
        }
        let arrivals: i64 = visits.values().map(|(arrivals, _)| arrivals).sum();
        let first = visits.values().filter(|visits| **visits == (1, 0)).count() as i64;
        assert!(first > 0, "seed {seed}");
        further += arrivals - first;

        let store = store(rows).await;
        let table = of(&store, &FIRST_VISIT, PERIOD).await;
        assert_eq!(total(&table, "visits"), arrivals, "seed {seed}");
        assert_eq!(total(&table, "first"), first, "seed {seed}");
        assert_eq!(total(&table, "closed"), closed.len() as i64, "seed {seed}");
        let weeks = of(&store, &ORDERS_BY_WEEK, PERIOD).await;
        assert_eq!(total(&table, "closed"), total(&weeks, "closed"), "seed {seed}");
        let parts = totals(&table, &["first", "again", "unvisited"]);
        assert_eq!(total(&table, "closed"), parts, "seed {seed}");
        opens(&store, &table, "closed", seed).await;
    }
    assert!(further > 0, "some orders took more than one visit");
}

#[tokio::test]
async fn repeated_and_second_orders_are_those_that_a_look_at_each_pair_finds() {
    let mut seconds = 0;
    for seed in 0..SEEDS {
        let rows = Books::made(seed);
        let (mut repeated, mut second) = (0, 0);
        for order in orders(&rows).into_iter().filter(|order| is_in_period(order.created_at)) {
            let made = (order.created_at, order.order_id);
            let before = orders(&rows).into_iter().filter(|other| {
                other.customer_id.is_some()
                    && other.customer_id == order.customer_id
                    && other.kind == order.kind
                    && (other.created_at, other.order_id) < made
            });
            let ends: Vec<Option<Timestamp>> = before.map(|other| other.closed_at).collect();
            let is_open = |end: &Option<Timestamp>| end.is_none_or(|end| end > order.created_at);
            let is_near = |end: &Option<Timestamp>| {
                end.is_some_and(|end| end.0 >= order.created_at.0 - 7 * DAY_US)
            };
            if ends.iter().any(is_open) {
                repeated += 1;
            } else if ends.iter().any(is_near) {
                second += 1;
            }
        }
        assert!(repeated > 5, "seed {seed}: {repeated} repeated");
        seconds += second;

        let store = store(rows).await;
        let table = of(&store, &REPEAT_ORDERS, PERIOD).await;
        assert_eq!(total(&table, "repeated"), repeated, "seed {seed}");
        assert_eq!(total(&table, "second_time"), second, "seed {seed}");
        let weeks = of(&store, &ORDERS_BY_WEEK, PERIOD).await;
        assert_eq!(total(&table, "created"), total(&weeks, "created"), "seed {seed}");
        let parts = totals(&table, &["first", "repeated", "second_time"]);
        assert_eq!(total(&table, "created"), parts, "seed {seed}");
        opens(&store, &table, "again", seed).await;
    }
    assert!(seconds > 0, "some came again after the end of the first");
}
