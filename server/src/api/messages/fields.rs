//! What is said of fields that a body does not take.

use super::Sentence;

/// English and Chinese.
pub(super) const SENTENCES: &[Sentence] = &[
    ("a wait has at most {} seconds", "等待最长 {} 秒"),
    ("The body takes no field {}; nearest: {}.", "请求内容没有字段 {}；相近的字段：{}。"),
    ("The body takes no field {}; it takes {}.", "请求内容没有字段 {}；可用的字段：{}。"),
];
