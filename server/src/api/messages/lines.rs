//! Sentences about lines that stay open.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    ("the line is open already", "线路已保持接通"),
    ("no line is open", "没有保持接通的线路"),
    (
        "a phone in a page keeps no line open: let it answer by itself",
        "网页话机不能保持线路：请改用自动应答",
    ),
];
