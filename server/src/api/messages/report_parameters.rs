//! What is said of the parameters of reports, and of what an organisation's reports go by.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    ("a whole number from {} to {} is needed", "需要 {} 至 {} 的整数"),
    (
        "\"{}\" is not an id: a whole number below 2^63 is needed",
        "“{}”不是编号：需要小于 2^63 的整数",
    ),
    (
        "\"{}\" is not a time zone: write an IANA name such as {} or UTC",
        "“{}”不是时区：请写 IANA 名称，例如 {} 或 UTC",
    ),
    ("default, f1, f2, f3 or f4 is needed", "需要 default、f1、f2、f3 或 f4"),
    (
        "this report is not narrowed by agent or team, but by queue",
        "此报表不支持按坐席或班组筛选，可按队列（queue）筛选",
    ),
    (
        "this report is not narrowed by queue, but by agent and team",
        "此报表不支持按队列筛选，可按坐席（agent）或班组（team）筛选",
    ),
    (
        "this report is narrowed by neither queue nor agent nor team",
        "此报表不支持按队列、坐席或班组筛选",
    ),
    ("this report is asked with one id", "此报表只接受一个编号"),
    ("at most {} ids are taken", "最多接受 {} 个编号"),
    ("there is no such team", "没有此班组"),
    (
        "This report has no such row, or nothing is behind it; ask for the report anew.",
        "此报表没有这一行，或其后没有明细；请重新查询报表。",
    ),
    ("The column \"{}\" does not open; there are {}.", "“{}”列不能展开明细；可以展开的列有 {}。"),
    (
        "The numbers of this report open with their row alone.",
        "此报表的数字不能单独展开，请展开整行。",
    ),
    ("the id of a column is needed", "需要列的标识"),
    ("the key of a row is needed, as the report has it", "需要报表中该行的 key"),
    ("a time that is over is needed, as RFC 3339", "需要已过去的时间，按 RFC 3339 书写"),
    ("a time from 00:00 to 23:59 is needed", "需要 00:00 至 23:59 的时间"),
];
