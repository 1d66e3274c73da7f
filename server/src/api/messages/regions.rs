//! Sentences about where numbers are at home.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    ("lines such as 1380013,北京,北京 are needed", "需要形如“1380013,北京,北京”的行"),
    ("at most {} prefixes are kept", "最多 {} 个号段"),
    ("a table is text in UTF-8", "表格须为 UTF-8 文本"),
    (
        "line {}: two or three fields are needed: prefix,province,city",
        "第 {} 行：需要两或三个字段：prefix,province,city（号段、省、市）",
    ),
    (
        "line {}: this prefix stands in an earlier line already",
        "第 {} 行：此号段已在前面的行中出现",
    ),
    (
        "line {}: a province is needed; a country may stand in its place",
        "第 {} 行：缺少省份（可填国家）",
    ),
    (
        "line {}: a name has at most 32 characters, and no quotation marks",
        "第 {} 行：名称最多 32 个字符，且不含引号",
    ),
    (
        "line {}: the prefix has to begin with + and the country code",
        "第 {} 行：号段须以 + 和国家代码开头",
    ),
    (
        "line {}: a prefix is 1-15 digits, the country code included, with or without + before them",
        "第 {} 行：号段为 1 至 15 位数字（含国家代码），前面可带 +",
    ),
];
