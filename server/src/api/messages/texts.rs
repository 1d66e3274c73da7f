//! What is said of texts and mails that are to be sent.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    ("a text has 1-4096 bytes, without control characters", "短信为 1-4096 字节，不含控制字符"),
    ("a text is sent to a number outside", "短信只能发往外线号码"),
    ("a text is sent to no emergency service", "短信不能发往紧急服务号码"),
    ("There is no such mail.", "没有此邮件。"),
    ("this number does not lead over that trunk", "此号码不经该中继呼出"),
];
