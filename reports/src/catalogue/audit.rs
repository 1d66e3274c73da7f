//! Audit: who did what, when, from where, on what. For those only who may read the audit table: to
//! everybody else the table of the warehouse has no rows.

use super::{PERIOD, ZONE, text, time};
use crate::definition::{Chart, Formula, Order, Parameter, Pie, Report, Source};
use crate::messages::words;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;
use warehouse::query::literal;

const USER: Parameter = Parameter {
    id: "user",
    name: words("人员", "Person"),
    help: words("用户编号；缺省为所有人员", "a user's id; everybody when left out"),
    default: Some("*"),
};

const ACTION: Parameter = Parameter {
    id: "action",
    name: words("操作", "Action"),
    help: words(
        "如 recording.fetch，或 recording 表示其全部操作；缺省为所有操作",
        "such as recording.fetch, or recording for all of its kind; everything when left out",
    ),
    default: Some("*"),
};

/// Who did what, the latest first.
pub static AUDIT: Report = Report {
    id: "audit",
    title: words("操作审计", "Audit"),
    help: words(
        "统计期内谁在何时、从何处、对什么做了什么，最新的在前；系统自身所为没有人员。须有审计权限。",
        "Who did what in the period, when, from where and on what, the latest first; what the box did itself has nobody. It needs the right to read the audit.",
    ),
    parameters: &[PERIOD, ZONE, USER, ACTION],
    narrows: &[],
    sql,
    behind,
    numbers: &[],
    columns: &[
        time("done_at", words("时间", "When")),
        text("login", words("人员", "Who"), Source::Field("login")),
        text("action", words("操作", "Action"), Source::Field("action")),
        text("subject", words("对象", "On what"), Source::Field("subject")),
        text("source", words("来源", "From where"), Source::Field("source")),
    ],
    figures: &[],
    charts: &[
        Chart::CountBar { title: words("各操作次数", "By action"), column: "action" },
        Chart::Pie { title: words("各人员次数", "By person"), pie: Pie::CountBy("login") },
    ],
    formulas: &[Formula {
        name: words("条件", "Conditions"),
        text: words(
            "人员 {user}，操作 {action}（* 为全部）",
            "person {user}, action {action} (* is all)",
        ),
    }],
    subtotals: false,
    order: Order::Sql,
};

fn sql(window: &Window) -> String {
    let mut conditions = window.holds("done_at");
    if let Some(user) = window.user {
        conditions += &format!(" AND user_id = {user}");
    }
    if let Some(action) = &window.action {
        let (whole, kind) = (literal::text(action), literal::text(&format!("{action}.")));
        conditions += &format!(" AND (action = {whole} OR strpos(action, {kind}) = 1)");
    }
    format!(
        "SELECT audit_id, done_at, login, action, subject, source
         FROM audit
         WHERE {conditions}
         ORDER BY done_at DESC, audit_id DESC"
    )
}

fn behind(_: &Window, row: &Fields) -> Result<Condition, Error> {
    let entry = row.int("audit_id")?.unwrap_or(0);
    Ok(Condition { table: "audit", key: "audit_id", predicate: format!("audit_id = {entry}") })
}
