//! `order`: the state of an order that the tenant keeps here, by the digits of its number or by the
//! number that the caller calls from. Who asks learns its stage and its deadline, and nothing of what
//! it is about; by its number, only who ordered it, unless the step says otherwise. Whoever keeps the
//! orders may be away: the call goes on at `error` then.

use super::{Kind, yes};
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Found, Input, OrderQuery, Run};
use crate::ivr::template::Escape;
use crate::ivr::{CONNECTOR_MS_MAX, DIGITS_MAX};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Variables, each with the column of the answer that it gets.
const COLUMNS: [(&str, &str); 5] = [
    ("order_number", "number"),
    ("order_kind", "kind"),
    ("order_stage", "stage"),
    ("order_deadline", "deadline"),
    ("order_overdue", "overdue"),
];
/// Stages with what a caller hears, in Chinese and in English.
const STAGES: [(&str, &str, &str); 5] = [
    ("open", "等待处理", "waiting to be taken up"),
    ("in_progress", "正在处理", "being worked on"),
    ("done", "已处理完毕", "done"),
    ("suspended", "暂时挂起", "suspended for a while"),
    ("returned", "已退回", "returned"),
];

/// Tells of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Its number, with variables: only digits are read. Empty is the latest order of the caller.
    #[serde(default)]
    pub number: String,
    /// It is told only to whose it is, by the number that they call from.
    #[serde(default = "yes")]
    pub own: bool,
    /// Longest wait.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u32,
    /// There is one; the variables `order_number`, `order_kind`, `order_stage`, `order_stage_text`,
    /// `order_deadline` and `order_overdue` say which and how it is.
    pub found: String,
    /// There is none, or it is somebody else's.
    pub none: String,
    /// `error`: nobody knows, or not in time; `hangup`.
    #[serde(default)]
    pub on: On,
}

fn timeout_ms() -> u32 {
    3_000
}

impl Order {
    fn take(&self, run: &mut Run, cx: &Cx, found: &Found) {
        let column = |name: &str| found.first.get(name).map_or("", String::as_str);
        for (variable, name) in COLUMNS {
            run.variables.set(variable, column(name));
        }
        let text = stage_text(&run.language(cx), column("stage"));
        run.variables.set("order_stage_text", text);
        if found.rows > 0 {
            run.exit("found", Some(&self.found));
        } else {
            run.exit("none", Some(&self.none));
        }
    }
}

/// What is said of a stage; nothing of one that is not known.
fn stage_text(language: &str, stage: &str) -> &'static str {
    let known = STAGES.iter().find(|(word, ..)| *word == stage);
    known.map_or(
        "",
        |&(_, chinese, english)| {
            if language.starts_with("zh") { chinese } else { english }
        },
    )
}

impl Kind for Order {
    const KIND: &'static str = "order";
    const NEEDS: &'static [&'static str] = &["error"];
    const MAY: &'static [&'static str] = &["hangup"];

    fn on_edges(&self) -> &On {
        &self.on
    }
    fn ways(&self) -> Vec<(String, &str)> {
        vec![("found".to_owned(), &self.found), ("none".to_owned(), &self.none)]
    }
    fn check(&self, report: &mut Report) {
        report.template("number", &self.number);
        report.range("timeout_ms", self.timeout_ms, 100, CONNECTOR_MS_MAX);
    }
    fn enter(&self, run: &mut Run, cx: &Cx) {
        let typed = run.variables.expand(&self.number, Escape::None);
        let digits = typed.chars().filter(char::is_ascii_digit);
        let number: String = digits.take(DIGITS_MAX.into()).collect();
        if number.is_empty() && !typed.trim().is_empty() {
            return self.take(run, cx, &Found::default());
        }
        let timeout = Duration::from_millis(self.timeout_ms.into());
        run.ask_order(cx, OrderQuery { number, own: self.own, timeout });
    }
    fn handle(&self, run: &mut Run, cx: &Cx, input: &Input) {
        match run.queried(cx, input) {
            Some(Ok(found)) => self.take(run, cx, &found),
            Some(Err(_)) => run.exit("error", self.on.get("error")),
            None => {}
        }
    }
}
