//! What is said of people who are to be forgotten, and of what is hidden of them.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    ("a person's number of at least six digits is needed", "需要至少六位数字的个人号码"),
    ("a whole mail address such as {} is needed", "需要形如 {} 的完整邮件地址"),
    ("a number or a mail address is needed", "需要号码或邮件地址"),
    ("an erasure needs a reason", "删除个人资料需要填写理由"),
    ("this is a number of the tenant's own", "这是本租户自己的号码"),
    ("the reason is kept: leave the number out of it", "理由会被保存：其中不要写出号码"),
    ("the reason is kept: leave the mail address out of it", "理由会被保存：其中不要写出邮件地址"),
    (
        "a number that is hidden from you cannot be saved; leave it as it is",
        "对您隐藏的号码不能保存，请保持原样",
    ),
    (
        "a mail address that is hidden from you cannot be saved; leave it as it is",
        "对您隐藏的邮件地址不能保存，请保持原样",
    ),
    ("numbers are hidden from you and cannot be searched for", "号码对您隐藏，不能按号码搜索"),
    (
        "Telephone numbers are hidden from you, and this file shows them.",
        "电话号码对您隐藏，而此文件会显示号码。",
    ),
];
