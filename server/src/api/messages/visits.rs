//! What is said of return visits.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    ("orders have no field \"{}\"", "工单没有字段“{}”"),
    ("at most {} fields are kept", "最多 {} 个字段"),
    ("a name without \":\" and \";\" is needed", "名称不能含“:”和“;”"),
    ("a time in the future is needed for the return visit", "回访期限须晚于当前时间"),
    ("this order is not done yet: nobody can be asked about it", "工单尚未办结，不能回访"),
    ("this order has a return visit that is not done yet", "该工单已有尚未完成的回访"),
    (
        "this return visit has a result: it can be revised, not withdrawn",
        "该回访已有结果，只能修改，不能撤回",
    ),
];
