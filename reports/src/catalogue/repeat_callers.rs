//! Who called more than once in the period: the numbers, most calls first.

use super::colour::{BAD, GOOD};
use super::{PERIOD, ZONE, count, is_known, text, time};
use crate::definition::{Chart, Formula, Order, Pie, Report, Source};
use crate::messages::words;
use crate::narrow::Narrowing;
use crate::number::Number;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;
use warehouse::query::literal;

const ANSWERED_OR_NOT: &[(&str, &str)] = &[("answered", GOOD), ("unanswered", BAD)];

/// Repeated callers. A call belongs to the time at which it began.
pub static REPEAT_CALLERS: Report = Report {
    id: "repeat_callers",
    title: words("重复来电号码", "Repeated callers"),
    help: words(
        "统计期内来电两次及以上的号码，来电最多的在前；号码隐藏的来电不计。",
        "Numbers that called twice or more in the period, most calls first. Withheld numbers are left out.",
    ),
    parameters: &[PERIOD, ZONE],
    narrows: &[Narrowing::queues(&["calls"])],
    sql,
    behind,
    numbers: &[
        Number::all("calls"),
        Number::only("answered", "outcome = 'answered'"),
        Number::only("unanswered", "outcome <> 'answered'"),
        Number::only("abandoned", "outcome = 'abandoned'"),
    ],
    columns: &[
        text("caller", words("客户号码", "Customer"), Source::Field("caller")),
        count("calls", words("来电", "Calls")),
        count("answered", words("接听", "Answered")),
        count("unanswered", words("未接听", "Unanswered")),
        count("abandoned", words("其中放弃", "Abandoned")),
        time("first_at", words("首次来电", "First")),
        time("last_at", words("最近来电", "Last")),
    ],
    figures: &["calls", "answered", "unanswered"],
    charts: &[
        Chart::Bar {
            title: words("各号码来电", "Calls by number"),
            label: "caller",
            series: ANSWERED_OR_NOT,
        },
        Chart::Pie { title: words("来电构成", "All calls"), pie: Pie::Totals(ANSWERED_OR_NOT) },
    ],
    formulas: &[Formula {
        name: words("来电", "Calls"),
        text: words("接听 + 未接听", "answered + unanswered"),
    }],
    subtotals: false,
    order: Order::Sql,
};

fn sql(window: &Window) -> String {
    let (in_period, known) = (window.holds("started_at"), is_known("caller"));
    let counted = |condition: &str| format!("SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)");
    let (answered, unanswered) =
        (counted("outcome = 'answered'"), counted("outcome <> 'answered'"));
    let abandoned = counted("outcome = 'abandoned'");
    format!(
        "SELECT caller, COUNT(*) AS calls, {answered} AS answered, {unanswered} AS unanswered,
                {abandoned} AS abandoned, MIN(started_at) AS first_at, MAX(started_at) AS last_at
         FROM calls
         WHERE direction = 'inbound' AND {known} AND {in_period}
         GROUP BY caller
         HAVING COUNT(*) >= 2
         ORDER BY calls DESC, last_at DESC, caller"
    )
}

fn behind(window: &Window, row: &Fields) -> Result<Condition, Error> {
    let caller = literal::text(&row.text("caller")?.unwrap_or_default());
    let in_period = window.holds("started_at");
    let predicate = format!("direction = 'inbound' AND caller = {caller} AND {in_period}");
    Ok(Condition { table: "calls", key: "contact_id", predicate })
}
