//! Sentences about leases of numbers, and about who calls back.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    ("a lease ends after it begins, and after now", "租约的结束时间须晚于开始时间和当前时间"),
    ("a lease ends within 366 days", "租约最长 366 天"),
    ("a lease of two needs the number of the other", "双方租约需要另一方的号码"),
    ("only a lease of two has another", "只有双方租约才有另一方"),
    ("a code of 2-8 digits is needed", "需要 2-8 位数字的分机码"),
    ("only a lease with a code has one", "只有带分机码的租约才有分机码"),
    ("A and B have two numbers", "A 与 B 的号码不能相同"),
    ("a number outside is needed, such as 13800138000", "需要外部号码，如 13800138000"),
    ("a published number of the tenant is needed", "需要本租户公布的号码"),
    (
        "this is a number of the tenant: calls would lead back here",
        "这是本租户的号码：来电会绕回此处",
    ),
    ("lease {} has this number at that time", "该时段内此号码已被租约 {} 占用"),
    ("this lease is over already", "该租约已结束"),
    ("published numbers of the tenant are needed", "需要本租户公布的号码"),
    (
        "They called back: agent {} had called them and was not to be had.",
        "客户回拨：曾致电客户的座席 {} 当时无法接听。",
    ),
    (
        "They called back: agent {} had called them and was waited for.",
        "客户回拨：等候曾致电客户的座席 {}。",
    ),
    (
        "They called back: agent {}, who had called them, came first.",
        "客户回拨：优先转接曾致电客户的座席 {}。",
    ),
];
