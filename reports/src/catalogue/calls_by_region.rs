//! Where callers are at home: inbound calls by province and city of the number outside.
//!
//! The region stands in the call's row as the area code or the tenant's table of prefixes told it when
//! the call began.

use super::colour::{GOOD, PAUSE};
use super::{PERIOD, ZONE, average, count, duration, share, text};
use crate::definition::{Chart, Column, Formula, Order, Pie, Report, Source, Total};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;
use warehouse::query::literal;

/// Inbound calls by region. A call belongs to the time at which it began.
pub static CALLS_BY_REGION: Report = Report {
    id: "calls_by_region",
    title: words("来电归属地统计", "Calls by region"),
    help: words(
        "按主叫号码归属地（省、市）统计呼入通话；按通话开始时间归入统计期。",
        "Inbound calls by the province and city where the caller's number is at home, counted when the call began.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[Narrowing::queues(&["calls"])],
    sql,
    behind,
    numbers: &[
        Number::all("calls"),
        Number::only("offered", OFFERED),
        Number::only("answered", ANSWERED),
        Number::only("not_answered", NOT_ANSWERED),
    ],
    columns: &[
        text("province", words("省份", "Province"), Source::Word("told_province")),
        text("city", words("城市", "City"), Source::Word("told_city")),
        count("calls", words("来电", "Calls")),
        Column {
            total: Total::None,
            ..share("of_all", words("占比", "Of all"), "calls", "all_calls")
        },
        count("offered", words("请求人工", "Offered")),
        count("answered", words("人工接听", "Answered")),
        count("not_answered", words("未接听", "Not answered")),
        share("answer_rate", words("接听率", "Answer rate"), "answered", "offered"),
        duration("talk_ms", words("通话时长", "Talk")),
        average("talk_mean", words("平均通话", "Mean talk"), "talk_ms", "answered"),
    ],
    figures: &["calls", "offered", "answered", "answer_rate", "talk_ms"],
    charts: &[
        Chart::Bar {
            title: words("各省来电", "Calls by province"),
            label: "province",
            series: &[("answered", GOOD), ("not_answered", PAUSE)],
        },
        Chart::Pie {
            title: words("接听与未接听", "Answered and not answered"),
            pie: Pie::Totals(&[("answered", GOOD), ("not_answered", PAUSE)]),
        },
    ],
    formulas: &[
        Formula {
            name: words("占比", "Of all"),
            text: words("该地区的来电 ÷ 全部来电", "calls of the region ÷ all calls"),
        },
        Formula {
            name: words("请求人工", "Offered"),
            text: words(
                "进入队列或由坐席接听的来电",
                "calls that came into a queue or that an agent answered",
            ),
        },
        Formula {
            name: words("未接听", "Not answered"),
            text: words("请求人工 − 人工接听", "offered − answered"),
        },
        Formula {
            name: words("接听率", "Answer rate"),
            text: words("人工接听 ÷ 请求人工", "answered ÷ offered"),
        },
        Formula {
            name: words("平均通话", "Mean talk"),
            text: words("通话时长 ÷ 人工接听", "talk ÷ answered"),
        },
    ],
    subtotals: true,
    order: Order::FirstColumn,
};

/// What has no region gets a word for it.
const PROVINCE: &str = "COALESCE(province, 'no_region')";
const CITY: &str = "COALESCE(city, 'no_region')";

const ANSWERED: &str = "outcome = 'answered' AND agent_id IS NOT NULL";

/// Who asked for a person.
const OFFERED: &str = "queue_id IS NOT NULL OR (outcome = 'answered' AND agent_id IS NOT NULL)";
const NOT_ANSWERED: &str = "queue_id IS NOT NULL AND (outcome <> 'answered' OR agent_id IS NULL)";

fn sql(window: &Window) -> String {
    let in_period = window.holds("started_at");
    format!(
        "WITH came AS (
             SELECT {PROVINCE} AS told_province, {CITY} AS told_city,
                    CASE WHEN {OFFERED} THEN 1 ELSE 0 END AS offered,
                    CASE WHEN {ANSWERED} THEN 1 ELSE 0 END AS answered,
                    CASE WHEN {ANSWERED} THEN CAST(talk_ms AS BIGINT) ELSE 0 END AS talk_ms
             FROM calls
             WHERE direction = 'inbound' AND {in_period}
         ),
         counted AS (
             SELECT told_province, told_city, COUNT(*) AS calls, SUM(offered) AS offered,
                    SUM(answered) AS answered, SUM(offered - answered) AS not_answered,
                    SUM(talk_ms) AS talk_ms
             FROM came
             GROUP BY told_province, told_city
         )
         SELECT *, SUM(calls) OVER () AS all_calls
         FROM counted
         ORDER BY told_province, calls DESC, told_city"
    )
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let told = |field| row.text(field).map(|told| literal::text(&told.unwrap_or_default()));
    let (province, city) = (told("told_province")?, told("told_city")?);
    let in_period = window.holds("started_at");
    let predicate = format!(
        "direction = 'inbound' AND {in_period} AND {PROVINCE} = {province} AND {CITY} = {city}"
    );
    Ok(Condition { table: "calls", key: "contact_id", predicate })
}
