//! Orders by type, and how long they took.

use super::orders_over_time::order;
use super::{lines, shanghai, store};
use reports::Cell;
use reports::catalogue::ORDER_KINDS;
use terms::record::{Order, Row};

#[tokio::test]
async fn issues_are_counted_by_type_with_the_time_they_took() {
    let of = |kind: &str, made: Order| Row::Order(Order { kind: kind.to_owned(), ..made });
    let first = order(5, ["2026-11-05 08:00:00", "", ""]);
    let renamed = Order {
        version_id: 51,
        version: 2,
        changed_at: shanghai("2026-11-06 08:00:00"),
        ..first.clone()
    };
    let rows = vec![
        // A day to the second, a second more, and open.
        of("报修", order(1, ["2026-11-01 00:00:00", "", "2026-11-02 00:00:00"])),
        of("报修", order(2, ["2026-11-02 08:00:00", "", "2026-11-03 08:00:01"])),
        of("报修", order(3, ["2026-11-03 08:00:00", "", ""])),
        of("投诉", order(4, ["2026-11-04 08:00:00", "", "2026-11-04 09:30:00"])),
        // Its latest type counts.
        of("报修", first),
        of("投诉'", renamed),
        of("报修", order(6, ["2026-10-31 23:59:59", "", ""])),
    ];
    let store = store(rows).await;
    let table = store.run(&ORDER_KINDS, "2026-11", "Asia/Shanghai", "2026-12-24 12:00:00").await;
    assert_eq!(
        lines(&table),
        [
            "报修 3 60.0% 2 1 1 33.3% 24:00:01 24:00:01",
            "投诉 1 20.0% 1 0 1 100.0% 1:30:00 1:30:00",
            "投诉' 1 20.0% 0 1 0 0.0% — —",
            "— 5 — 3 2 2 40.0% 16:30:00 24:00:01",
        ]
    );
    for row in table.data_rows() {
        let Cell::Count(created) = row.cells[1] else { panic!("a count") };
        assert_eq!(store.behind(row).await as i64, created);
    }
}
