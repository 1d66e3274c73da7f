//! Sentences about other sites of the tenant.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    ("there is no right to call other sites", "无权呼叫其他分部"),
    ("there is no such site", "没有此分部"),
    ("a site needs a number, short numbers, or both", "分部需要自己的号码、短号，或两者都要"),
    ("entry {}: another entry has some of these numbers", "第 {} 项：与另一项的号码重叠"),
    (
        "entry {}: a prefix of digits alone is needed, and {}-{} digits with it",
        "第 {} 项：前缀只能是数字，连同前缀共 {}-{} 位",
    ),
    ("entry {}: {} is an emergency number", "第 {} 项：{} 是紧急号码"),
    ("this trunk leads to the site \"{}\"", "该中继已通往分部“{}”"),
    ("the site \"{}\" has some of the numbers that begin {}", "分部“{}”已有以 {} 开头的部分号码"),
    (
        "{} is an agent, a published number or a conference here",
        "{} 是本处的座席、已发布号码或会议室",
    ),
    ("{} is a short number of the site \"{}\"", "{} 是分部“{}”的短号"),
    ("a number leads to this site", "有号码指向该分部"),
    ("the flow \"{}\" leads there", "流程“{}”指向该分部"),
    ("there is no site {} with a number of its own", "没有编号为 {} 且有自己号码的分部"),
];
