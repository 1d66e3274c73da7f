//! Items in text, in both languages.

use crate::{golden, ratio, table, text, text_form};
use reports::catalogue::ITEMS;
use reports::{Cell, Format, Language, ReportTable, Words};

static MAIL: Words = Words { zh: "邮件", en: "e-mail" };
static SHORT: Words = Words { zh: "短信", en: "SMS" };

/// What ended in time, late and without an answer; minutes waited in all, at the longest and worked;
/// offers that nobody took.
fn row(
    queue: &str,
    channel: &'static Words,
    ends: [i64; 3],
    minutes: [i64; 3],
    n: i64,
) -> Vec<Cell> {
    let [in_time, late, closed] = ends;
    let [waited, longest, worked] = minutes.map(|minutes| minutes * 60_000);
    let (done, ended) = (in_time + late, in_time + late + closed);
    let mut row = vec![text(queue), Cell::Word(channel)];
    row.extend([ended, done, in_time, late, closed].map(Cell::Count));
    row.extend([ratio(in_time, ended), ratio(waited, ended)]);
    row.extend([Cell::Duration(longest), ratio(worked, done), Cell::Count(n)]);
    row
}

fn items() -> ReportTable {
    table(
        &ITEMS,
        "2026-11",
        vec![
            row("报修", &MAIL, [812, 61, 9], [52_920, 1_530, 7_857], 44),
            row("报修", &SHORT, [1_204, 12, 0], [9_728, 95, 3_648], 8),
            row("投诉", &MAIL, [96, 38, 21], [40_300, 4_330, 4_288], 31),
        ],
    )
}

#[test]
fn items_read_as_expected() {
    golden("items.zh.txt", &text_form(&items(), Format::Txt, Language::ZhCn));
    golden("items.en.txt", &text_form(&items(), Format::Txt, Language::En));
}
