//! All reports. A new one is a new file here and a line in [`catalogue`]; screen, forms, API
//! schema and help text follow from it.

mod abandoned_calls;
mod adherence;
mod area_traffic;
mod area_workers;
mod audit;
mod breaks;
mod busy_hours;
mod call_reasons;
mod calls;
mod calls_by_region;
mod calls_of;
mod capacity;
mod cost_per_contact;
mod first_contact;
mod first_visit;
mod items;
mod items_by;
mod ivr_containment;
mod ivr_path;
mod order_handling;
mod order_kinds;
mod order_list;
mod orders_over_time;
mod overdue_by_assignee;
mod overdue_by_kind;
mod overdue_orders;
mod quality;
mod queue_summary;
mod recording_log;
mod repeat_callers;
mod repeat_orders;
mod return_visits;
mod satisfaction;
mod satisfaction_by_area;
mod satisfaction_by_queue;
mod satisfaction_by_team;
mod satisfaction_list;
mod service_level;
mod spans;
mod staffing;
mod stages;
mod system;
mod teams;
mod time_sheet;
mod time_sheet_by_team;
mod transfer_hold;
mod trunk_usage;
mod workload;
mod workload_by_team;

pub use abandoned_calls::ABANDONED_CALLS;
pub use adherence::ADHERENCE;
pub use area_traffic::AREA_TRAFFIC;
pub use area_workers::AREA_WORKERS;
pub use audit::AUDIT;
pub use breaks::BREAKS;
pub use busy_hours::BUSY_HOURS;
pub use call_reasons::CALL_REASONS;
pub use calls::CALLS;
pub use calls_by_region::CALLS_BY_REGION;
pub use capacity::CAPACITY;
pub use cost_per_contact::COST_PER_CONTACT;
pub use first_contact::FIRST_CONTACT;
pub use first_visit::FIRST_VISIT;
pub use items::ITEMS;
pub use items_by::{ITEMS_BY_AGENT, ITEMS_BY_DAY, ITEMS_BY_HOUR};
pub use ivr_containment::IVR_CONTAINMENT;
pub use ivr_path::IVR_PATH;
pub use order_handling::ORDER_HANDLING;
pub use order_kinds::ORDER_KINDS;
pub use order_list::ORDER_LIST;
pub use orders_over_time::{ORDERS_BY_MONTH, ORDERS_BY_WEEK, ORDERS_BY_YEAR};
pub use overdue_by_assignee::OVERDUE_BY_ASSIGNEE;
pub use overdue_by_kind::OVERDUE_BY_KIND;
pub use overdue_orders::OVERDUE_ORDERS;
pub use quality::QUALITY;
pub use queue_summary::QUEUE_SUMMARY;
pub use recording_log::RECORDING_LOG;
pub use repeat_callers::REPEAT_CALLERS;
pub use repeat_orders::REPEAT_ORDERS;
pub use return_visits::RETURN_VISITS;
pub use satisfaction::SATISFACTION;
pub use satisfaction_by_area::SATISFACTION_BY_AREA;
pub use satisfaction_by_queue::SATISFACTION_BY_QUEUE;
pub use satisfaction_by_team::SATISFACTION_BY_TEAM;
pub use satisfaction_list::SATISFACTION_LIST;
pub use service_level::SERVICE_LEVELS;
pub use staffing::STAFFING;
pub use stages::STAGES_BY_DAY;
pub use system::SYSTEM;
pub use time_sheet::TIME_SHEET;
pub use time_sheet_by_team::TIME_SHEET_BY_TEAM;
pub use transfer_hold::TRANSFER_HOLD;
pub use trunk_usage::TRUNK_USAGE;
pub use workload::WORKLOAD;
pub use workload_by_team::WORKLOAD_BY_TEAM;

use crate::definition::{Column, Kind, Parameter, Report, Source, Total};
use crate::messages::{Words, words};

/// All reports, in the order in which people are shown them.
pub fn catalogue() -> &'static [&'static Report] {
    static ALL: &[&Report] = &[
        &SATISFACTION,
        &SATISFACTION_BY_TEAM,
        &SATISFACTION_BY_QUEUE,
        &SATISFACTION_BY_AREA,
        &RETURN_VISITS,
        &WORKLOAD,
        &WORKLOAD_BY_TEAM,
        &TIME_SHEET,
        &TIME_SHEET_BY_TEAM,
        &ADHERENCE,
        &BREAKS,
        &AREA_TRAFFIC,
        &AREA_WORKERS,
        &OVERDUE_ORDERS,
        &OVERDUE_BY_KIND,
        &OVERDUE_BY_ASSIGNEE,
        &ORDER_KINDS,
        &ORDER_HANDLING,
        &REPEAT_ORDERS,
        &FIRST_VISIT,
        &ORDERS_BY_WEEK,
        &ORDERS_BY_MONTH,
        &ORDERS_BY_YEAR,
        &STAGES_BY_DAY,
        &QUEUE_SUMMARY,
        &SERVICE_LEVELS,
        &ABANDONED_CALLS,
        &BUSY_HOURS,
        &STAFFING,
        &ITEMS,
        &ITEMS_BY_AGENT,
        &ITEMS_BY_DAY,
        &ITEMS_BY_HOUR,
        &IVR_CONTAINMENT,
        &IVR_PATH,
        &CALL_REASONS,
        &CALLS_BY_REGION,
        &FIRST_CONTACT,
        &REPEAT_CALLERS,
        &TRANSFER_HOLD,
        &TRUNK_USAGE,
        &CAPACITY,
        &SYSTEM,
        &COST_PER_CONTACT,
        &QUALITY,
        &CALLS,
        &RECORDING_LOG,
        &SATISFACTION_LIST,
        &ORDER_LIST,
        &AUDIT,
    ];
    ALL
}

/// The report `id`.
pub fn find(id: &str) -> Option<&'static Report> {
    catalogue().iter().find(|report| report.id == id).copied()
}

/// Colours with one meaning on every page. Each has a lightness of its own, so that they are told
/// apart in grey, and by who does not see red and green.
mod colour {
    pub const GOOD: &str = "#2f9e6e";
    pub const FAIR: &str = "#e7ae2a";
    pub const BAD: &str = "#9d2737";
    pub const WORSE: &str = "#4b1133";
    pub const WORK: &str = "#164275";
    pub const HOLD: &str = "#7ea6d8";
    pub const AFTER: &str = "#8063a7";
    pub const FREE: &str = "#b6dccc";
    pub const PAUSE: &str = "#e8eaed";
}

pub(crate) const PERIOD: Parameter = Parameter {
    id: "period",
    name: words("统计期", "Period"),
    help: words(
        "日 2026-11-23、周 2026-W47、月 2026-11、年 2026、日期范围 2026-11-01..2026-11-15、today 或 yesterday",
        "a day 2026-11-23, a week 2026-W47, a month 2026-11, a year 2026, a range of days \
         2026-11-01..2026-11-15, today or yesterday",
    ),
    default: None,
};

pub(crate) const ZONE: Parameter = Parameter {
    id: "zone",
    name: words("时区", "Time zone"),
    help: words("IANA 名称，如 Asia/Shanghai", "an IANA name such as Asia/Shanghai"),
    default: Some("Asia/Shanghai"),
};

const SERVICE_LEVEL: Parameter = Parameter {
    id: "service_level_s",
    name: words("服务水平阈值（秒）", "Service level threshold (seconds)"),
    help: words("在此秒数内接听算及时", "answered within this many seconds is in time"),
    default: Some("20"),
};

const SHORT_ABANDON: Parameter = Parameter {
    id: "short_abandon_s",
    name: words("短放弃阈值（秒）", "Short abandon threshold (seconds)"),
    help: words(
        "在此秒数内放弃不计入服务水平",
        "abandoned within this many seconds is left out of the service level",
    ),
    default: Some("5"),
};

const SERVICE_LEVEL_FORMULA: Parameter = Parameter {
    id: "service_level_formula",
    name: words("服务水平算法", "Service level formula"),
    help: words(
        "default、f1、f2、f3 或 f4，以此算法的服务水平为准",
        "default, f1, f2, f3 or f4: the service level by this formula stands first",
    ),
    default: Some("default"),
};

const REPEAT_DAYS: Parameter = Parameter {
    id: "repeat_days",
    name: words("重复来电天数", "Days of a repeat"),
    help: words(
        "在此天数内因同一事由再次来电算未解决",
        "who calls again for the same reason within this many days has not been helped",
    ),
    default: Some("7"),
};

const ITEM_TARGET: Parameter = Parameter {
    id: "item_target_s",
    name: words("任务时限（秒）", "Target of items (seconds)"),
    help: words(
        "到达后在此秒数内办结算及时",
        "done within this many seconds after it came is in time",
    ),
    default: Some("14400"),
};

/// The customer's number of a row `call` of `calls`: who calls us, or whom we call.
fn customer(call: &str) -> String {
    format!("CASE WHEN {call}.direction = 'outbound' THEN {call}.called ELSE {call}.caller END")
}

/// `number` tells who it is: it was not withheld, as `terms::PhoneNumber::is_withheld` sees it.
fn is_known(number: &str) -> String {
    format!("LOWER({number}) NOT IN ('', 'anonymous', 'unavailable')")
}

/// A column of text.
const fn text(id: &'static str, header: Words, source: Source) -> Column {
    Column { id, header, kind: Kind::Text, source, total: Total::None }
}

/// A column that counts; its field has its name.
const fn count(id: &'static str, header: Words) -> Column {
    Column { id, header, kind: Kind::Count, source: Source::Field(id), total: Total::Sum }
}

/// A column of times; its field has its name.
const fn time(id: &'static str, header: Words) -> Column {
    Column { id, header, kind: Kind::Time, source: Source::Field(id), total: Total::None }
}

/// A column of durations; its field has its name.
const fn duration(id: &'static str, header: Words) -> Column {
    Column { id, header, kind: Kind::Duration, source: Source::Field(id), total: Total::Sum }
}

/// A column of shares.
const fn share(
    id: &'static str,
    header: Words,
    numerator: &'static str,
    denominator: &'static str,
) -> Column {
    let source = Source::Ratio { numerator, denominator };
    Column { id, header, kind: Kind::Percent, source, total: Total::Sum }
}

/// A column of average durations.
const fn average(
    id: &'static str,
    header: Words,
    numerator: &'static str,
    denominator: &'static str,
) -> Column {
    let source = Source::Ratio { numerator, denominator };
    Column { id, header, kind: Kind::Duration, source, total: Total::Sum }
}

/// A column of means, counted in hundredths.
const fn decimal(
    id: &'static str,
    header: Words,
    numerator: &'static str,
    denominator: &'static str,
) -> Column {
    let source = Source::Ratio { numerator, denominator };
    Column { id, header, kind: Kind::Decimal, source, total: Total::Sum }
}

/// The columns that name a row, and after them those that its report shares with others.
const fn beside<const N: usize>(names: &[Column], shared: &[Column]) -> [Column; N] {
    assert!(names.len() + shared.len() == N, "as many columns as there are");
    let mut columns = [names[0]; N];
    let mut at = 1;
    while at < N {
        columns[at] = if at < names.len() { names[at] } else { shared[at - names.len()] };
        at += 1;
    }
    columns
}

const AGENT_NUMBER: Column =
    text("agent_number", words("工号", "No."), Source::AgentNumber("agent_id"));
const AGENT_NAME: Column =
    text("agent_name", words("坐席", "Agent"), Source::AgentName("agent_id"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Chart, Pie};
    use crate::messages::Language;

    fn named_columns(report: &Report) -> Vec<&'static str> {
        let mut names = report.figures.to_vec();
        for chart in report.charts {
            match chart {
                Chart::Bar { label, series, .. } | Chart::Line { label, series, .. } => {
                    names.push(label);
                    names.extend(series.iter().map(|(id, _)| id));
                }
                Chart::Pie { pie: Pie::Totals(series), .. } => {
                    names.extend(series.iter().map(|(id, _)| id));
                }
                Chart::Heat { row, column, value, .. } => names.extend([*row, *column, *value]),
                Chart::Pie { pie: Pie::CountBy(column), .. } | Chart::CountBar { column, .. } => {
                    names.push(column);
                }
            }
        }
        names
    }

    #[test]
    fn every_definition_names_only_its_own_columns() {
        for report in catalogue() {
            for name in named_columns(report) {
                assert!(report.columns.iter().any(|c| c.id == name), "{}: {name}", report.id);
            }
        }
    }

    #[test]
    fn every_report_has_a_bar_a_pie_and_a_line_for_every_share() {
        for report in catalogue() {
            let has = |wanted: fn(&Chart) -> bool| report.charts.iter().any(wanted);
            assert!(has(|chart| matches!(chart, Chart::Bar { .. } | Chart::CountBar { .. })));
            assert!(has(|chart| matches!(chart, Chart::Pie { .. })));
            for column in report.columns.iter().filter(|c| c.kind == Kind::Percent) {
                let explained = report.formulas.iter().any(|f| f.name == column.header);
                assert!(explained, "{}: {} has no formula", report.id, column.id);
            }
        }
    }

    #[test]
    fn a_report_is_found_by_its_id_and_tells_what_it_is() {
        let summary = find("satisfaction").expect("it is there").summary(Language::En);
        let json = serde_json::to_value(&summary).expect("plain data");
        assert_eq!(json["parameters"][0]["id"], "period");
        assert_eq!(json["formats"].as_array().map(Vec::len), Some(7));
        assert!(find("none").is_none());
    }

    #[test]
    fn no_text_holds_a_character_that_the_font_lacks() {
        for report in catalogue() {
            for language in [Language::ZhCn, Language::En] {
                let summary = report.summary(language);
                let text = serde_json::to_string(&summary).expect("plain data");
                assert_eq!(crate::render::missing_glyphs(&text), "", "{}", report.id);
            }
        }
    }
}
