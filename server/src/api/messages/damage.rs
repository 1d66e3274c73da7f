//! What an answer lacks because files are damaged.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[(
    "Files of the warehouse are damaged, and what is in them is left out: {}",
    "以下数据文件已损坏，其中的内容未列出：{}",
)];
