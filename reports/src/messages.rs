//! The words that all reports share, in both languages. What belongs to one report (its title,
//! headers and formulas) stands in that report's definition.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A language that reports speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Language {
    /// Chinese, simplified.
    #[default]
    #[serde(rename = "zh-CN")]
    ZhCn,
    /// English.
    #[serde(rename = "en")]
    En,
}

/// A language tag that no report speaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no reports in language \"{0}\": use zh-CN or en")]
pub struct UnknownLanguage(pub String);

impl Language {
    /// Its IETF tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Language::ZhCn => "zh-CN",
            Language::En => "en",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.tag())
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        match text.to_ascii_lowercase().as_str() {
            "zh-cn" | "zh" | "zh-hans" | "zh-hans-cn" => Ok(Language::ZhCn),
            "en" | "en-us" | "en-gb" => Ok(Language::En),
            _ => Err(UnknownLanguage(text.chars().take(40).collect())),
        }
    }
}

/// One text in every language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Words {
    /// Chinese, simplified.
    pub zh: &'static str,
    /// English.
    pub en: &'static str,
}

/// One text in every language.
pub const fn words(zh: &'static str, en: &'static str) -> Words {
    Words { zh, en }
}

impl Words {
    /// The text in `language`.
    pub const fn get(&self, language: Language) -> &'static str {
        match language {
            Language::ZhCn => self.zh,
            Language::En => self.en,
        }
    }
}

pub(crate) const TOTAL: Words = words("合计", "Total");
pub(crate) const SUBTOTAL: Words = words("小计", "Subtotal");
pub(crate) const OTHERS: Words = words("其他", "Others");
pub(crate) const TENANT: Words = words("单位", "Organisation");
pub(crate) const PERIOD: Words = words("统计期", "Period");
pub(crate) const GENERATED: Words = words("生成时间", "Generated");
pub(crate) const FETCHED: Words = words("取用人", "Fetched by");
pub(crate) const DAY_BEGINS: Words = words("，每日 {time} 起", ", days from {time}");
pub(crate) const ZONE: Words = words("时区", "Time zone");
pub(crate) const ROWS: Words = words("记录数", "Records");
pub(crate) const FIGURES: Words = words("关键指标", "Key figures");
pub(crate) const FORMULAS: Words = words("计算公式", "Formulas");
pub(crate) const NOTES: Words = words("说明", "Notes");
pub(crate) const NO_ROWS: Words =
    words("统计期内没有数据。", "There is nothing to show for this period.");
pub(crate) const PROVISIONAL: Words = words(
    "统计期尚未结束，数字为暂定值。",
    "The period has not ended yet: the numbers are provisional.",
);
pub(crate) const INTERVAL_PROVISIONAL: Words = words(
    "带 * 的时段尚未结束，其数字为暂定值；其余时段的数字不再变化，补到的数据除外。",
    "An interval with * has not ended yet: its numbers are provisional. Those of the others stand, \
     but for data that come late.",
);
pub(crate) const NOT_COMPLETE: Words = words(
    "行数超过上限，只含前面的部分；请缩短统计期。",
    "There are more rows than the limit allows, the rest is left out: choose a shorter period.",
);
pub(crate) const LEFT_OUT: Words = words(
    "以下数据文件已损坏，其中的数据未计入：",
    "These files of the warehouse are damaged, and what is in them is not counted: ",
);
pub(crate) const PRINT_CUT: Words = words(
    "共 {all} 行，页面形式只印前 {n} 行，全部数据见 Excel 或 CSV。",
    "Of {all} rows page forms print the first {n} only; the workbook and CSV hold all of them.",
);
pub(crate) const PAGES_CUT: Words = words(
    "图片只含前 {n} 页，全部页面见 PDF。",
    "The image holds the first {n} pages only; the PDF holds all of them.",
);
pub(crate) const GLYPHS_MISSING: Words = words(
    "内嵌字体没有这些字，页面上以方框代替：",
    "The embedded font lacks these characters, boxes stand in their place: ",
);
pub(crate) const SUMMARY_SHEET: Words = words("摘要", "Summary");
pub(crate) const DATA_SHEET: Words = words("数据", "Data");
pub(crate) const CHART_DATA: Words = words("图表数据", "Chart data");
pub(crate) const PAGE: Words = words("第 {p} 页 / 共 {n} 页", "Page {p} of {n}");
pub(crate) const DAYS: Words = words("{n} 天", "{n} days");
pub(crate) const DAY: Words = words("1 天", "1 day");
pub(crate) const HOURS_OVER_DAYS: Words = words(
    "时段为一天中的小时，各天同一小时合计。",
    "An hour is an hour of the day, the same hour of all days together.",
);
pub(crate) const TO: Words = words("至", "to");
pub(crate) const NO_DEPARTMENT: Words = words("（未分派）", "(unassigned)");
pub(crate) const NO_QUEUE: Words = words("（无队列）", "(no queue)");
pub(crate) const NO_TEAM: Words = words("（无班组）", "(no team)");

/// Words that the warehouse stores in English and people read in their language.
const STORED: &[(&str, Words)] = &[
    ("customer", words("客户", "customer")),
    ("agent", words("坐席", "agent")),
    ("outside", words("外部", "outside")),
    ("inbound", words("呼入", "inbound")),
    ("outbound", words("呼出", "outbound")),
    ("internal", words("内部", "internal")),
    ("answered", words("已接听", "answered")),
    ("abandoned", words("放弃", "abandoned")),
    ("short_abandoned", words("短放弃", "short abandon")),
    ("voicemail", words("留言", "voicemail")),
    ("ivr_only", words("自助", "IVR only")),
    ("refused", words("拒绝", "refused")),
    ("failed", words("失败", "failed")),
    ("interrupted", words("中断", "interrupted")),
    ("satisfied", words("满意", "satisfied")),
    ("neutral", words("一般", "neutral")),
    ("dissatisfied", words("不满意", "dissatisfied")),
    ("unreached", words("无人接听", "not reached")),
    ("no_answer", words("未评价", "no answer")),
    ("conversation", words("通话", "conversation")),
    ("recorded", words("已录音", "recorded")),
    ("partial", words("部分缺失", "partial")),
    ("not_recorded", words("未录音", "not recorded")),
    ("repaired", words("已修复", "repaired")),
    ("play", words("放音", "play")),
    ("menu", words("菜单", "menu")),
    ("collect", words("收号", "collect")),
    ("branch", words("条件", "branch")),
    ("hours", words("时段", "hours")),
    ("load", words("队列负荷", "load")),
    ("bypass", words("绕过", "bypass")),
    ("set", words("赋值", "set")),
    ("language", words("语言", "language")),
    ("http", words("接口", "http")),
    ("enqueue", words("排队", "enqueue")),
    ("fax", words("传真", "fax")),
    ("email", words("邮件", "e-mail")),
    ("sms", words("短信", "SMS")),
    ("web", words("网页", "web")),
    ("message", words("留言", "message")),
    ("survey", words("评价", "survey")),
    ("transfer", words("转接", "transfer")),
    ("hangup", words("挂断", "hangup")),
    ("no_reason", words("未说明", "no reason")),
    ("did_not_answer", words("未接来电", "did not answer")),
    ("declined", words("拒接来电", "declined")),
    ("do_not_disturb", words("免打扰", "do not disturb")),
    ("unreachable", words("话机不可达", "phone unreachable")),
    ("no_region", words("归属地不详", "unknown region")),
    ("no_area", words("（无片区）", "(no area)")),
    ("monday", words("星期一", "Monday")),
    ("tuesday", words("星期二", "Tuesday")),
    ("wednesday", words("星期三", "Wednesday")),
    ("thursday", words("星期四", "Thursday")),
    ("friday", words("星期五", "Friday")),
    ("saturday", words("星期六", "Saturday")),
    ("sunday", words("星期日", "Sunday")),
    ("warned", words("预警", "warned")),
    ("overdue_open", words("超时未结", "overdue, open")),
    ("overdue_closed", words("超时办结", "closed late")),
    ("handover", words("交接", "handover")),
    ("incident", words("事件", "incident")),
    ("remark", words("备注", "remark")),
    ("supervisor", words("班长", "supervisor")),
    ("manager", words("经理", "manager")),
    ("administrator", words("管理员", "administrator")),
    ("signed_out", words("签出", "signed out")),
    ("break", words("示忙", "on a break")),
    ("idle", words("空闲", "idle")),
    ("ringing", words("振铃", "ringing")),
    ("talking", words("通话中", "talking")),
    ("holding", words("保持中", "holding")),
    ("wrap_up", words("话后处理", "wrap-up")),
];

/// What people call the stored word `text`.
pub(crate) fn stored(text: &str) -> Option<&'static Words> {
    STORED.iter().find(|(stored, _)| *stored == text).map(|(_, words)| words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_known_by_its_tag() {
        assert_eq!("zh-CN".parse(), Ok(Language::ZhCn));
        assert_eq!("EN".parse(), Ok(Language::En));
        let error = "fr".parse::<Language>().unwrap_err();
        assert_eq!(error.to_string(), "no reports in language \"fr\": use zh-CN or en");
    }
}
