//! Reports that a tenant defines: an SQL text with parameters that have names, and what its columns
//! are. They come out in the forms of the catalogue, because a definition becomes a [`Report`].
//!
//! A [`Report`] is plain data that lives as long as the process. What tenants define is put on a
//! [`Shelf`]: each text once, and of each tenant no more than the shelf takes, so that whoever
//! changes a definition for ever fills their own part and nobody else's.

use crate::catalogue::{PERIOD, ZONE};
use crate::definition::{
    Chart, Column, Formula, Kind, Order, Parameter, Pie, Report, Source, Total,
};
use crate::messages::{Words, words};
use crate::render::PALETTE;
use crate::run::{Error, Fields};
use crate::table::{Condition, clean};
use crate::window::Window;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use terms::TenantId;

/// Columns whose totals stand on top of the page.
const FIGURES_MAX: usize = 6;

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Text {
    /// Chinese, simplified.
    pub zh: String,
    /// English.
    pub en: String,
}

/// What the cells of a described column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Words.
    Text,
    /// How many.
    Count,
    /// How long, from milliseconds.
    Duration,
    /// A share.
    Percent,
    /// A mean, from hundredths.
    Decimal,
    /// When.
    Time,
    /// The name of the agent whose id the field holds.
    Agent,
    /// The name of the queue whose id the field holds.
    Queue,
    /// The name of the team whose id the field holds.
    Team,
    /// A day.
    Day,
}

/// A column as its author describes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Described {
    /// Its name in JSON.
    pub id: String,
    /// Its header.
    pub header: Text,
    /// What its cells are.
    pub what: What,
    /// The field of the answer that it shows.
    pub field: String,
    /// The field that it is divided by; a percent and a decimal have one.
    pub over: Option<String>,
    /// What stands below its cells.
    pub total: Total,
}

/// The chart of a report.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Picture {
    /// None.
    None,
    /// A bar a row, its columns one after the other in each.
    Bar {
        /// Column that names the bars.
        label: String,
        /// Columns.
        series: Vec<String>,
    },
    /// A line a column, from row to row.
    Line {
        /// Column that names the rows.
        label: String,
        /// Columns.
        series: Vec<String>,
    },
    /// The totals of columns as slices.
    Pie {
        /// Columns.
        series: Vec<String>,
    },
    /// A field of squares, the darker the greater.
    Heat {
        /// Column that names the lines of squares.
        row: String,
        /// Column that names the squares of a line.
        column: String,
        /// Column that is drawn.
        value: String,
    },
}

/// What is behind a row of the answer: rows of a table that say the same as the row in some columns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Behind {
    /// The table.
    pub table: String,
    /// Its column that names the matter: `contact_id`, `call_id` or `order_id`.
    pub key: String,
    /// Fields of the answer that are columns of the table too, and equal there.
    pub by: Vec<String>,
    /// Its column of the time that lies in the period.
    pub at: Option<String>,
    /// What else holds of its rows, in SQL.
    pub only: Option<String>,
}

/// A definition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Definition {
    /// Its name in addresses.
    pub id: String,
    /// Its title.
    pub title: Text,
    /// What it shows.
    pub help: Text,
    /// The question, with `:from`, `:until`, `:queue` and `:agent`.
    pub sql: String,
    /// The columns of its answer.
    pub columns: Vec<Described>,
    /// Its chart.
    pub picture: Picture,
    /// What is behind its rows, where that is known.
    pub behind: Option<Behind>,
}

impl Definition {
    /// The question has the parameter `name`.
    pub fn asks(&self, name: &str) -> bool {
        self.sql.to_lowercase().contains(&format!(":{name}"))
    }

    /// Bytes that it holds on a shelf, as itself and as a report.
    fn bytes(&self) -> usize {
        let of = |text: &Text| text.zh.len() + text.en.len();
        let columns = self.columns.iter().map(|column| {
            let over = column.over.as_ref().map_or(0, String::len);
            size_of::<Column>() + column.id.len() + of(&column.header) + column.field.len() + over
        });
        let behind = self.behind.as_ref().map_or(0, |behind| {
            let by = behind.by.iter().map(String::len).sum::<usize>();
            by + behind.only.as_ref().map_or(0, String::len) + size_of::<Behind>()
        });
        behind
            + 2 * (size_of::<Report>() + self.id.len() + of(&self.title) + of(&self.help))
            + self.sql.len()
            + 2 * columns.sum::<usize>()
    }
}

/// Where the reports that tenants define are kept.
#[derive(Debug)]
pub struct Shelf {
    kept: Mutex<HashMap<TenantId, Kept>>,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Kept {
    bytes: usize,
    reports: HashMap<Definition, &'static Report>,
}

/// The tenant's part of the shelf is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("definitions of this tenant fill their {0} bytes until the process begins anew")]
pub struct Full(pub usize);

impl Shelf {
    /// A shelf that takes `bytes_max` of each tenant.
    pub fn new(bytes_max: usize) -> Self {
        Shelf { kept: Mutex::default(), bytes_max }
    }

    /// The report that `definition` is.
    ///
    /// # Errors
    /// [`Full`] when it was not asked for before and has no room.
    pub fn report(
        &self,
        tenant: TenantId,
        definition: &Definition,
    ) -> Result<&'static Report, Full> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.entry(tenant).or_default();
        if let Some(&report) = kept.reports.get(definition) {
            return Ok(report);
        }
        let bytes = kept.bytes + definition.bytes();
        if bytes > self.bytes_max {
            return Err(Full(self.bytes_max));
        }
        let report = made(definition);
        kept.bytes = bytes;
        kept.reports.insert(definition.clone(), report);
        Ok(report)
    }
}

fn text(text: &str) -> &'static str {
    clean(text).leak()
}

fn told(text_of: &Text) -> Words {
    words(text(&text_of.zh), text(&text_of.en))
}

fn made(definition: &Definition) -> &'static Report {
    let columns: &[Column] = definition.columns.iter().map(column).collect::<Vec<_>>().leak();
    let sums = columns.iter().filter(|column| column.total == Total::Sum);
    let figures: Vec<&str> = sums.map(|column| column.id).take(FIGURES_MAX).collect();
    let title = told(&definition.title);
    Box::leak(Box::new(Report {
        id: text(&definition.id),
        title,
        help: told(&definition.help),
        parameters: parameters(definition).leak(),
        narrows: &[],
        sql: asked_by_name,
        behind: unknown_behind,
        numbers: &[],
        columns,
        figures: figures.leak(),
        charts: chart(title, columns, &definition.picture).leak(),
        formulas: columns.iter().filter_map(formula).collect::<Vec<_>>().leak(),
        subtotals: false,
        order: Order::Sql,
    }))
}

fn column(described: &Described) -> Column {
    let field = text(&described.field);
    let (kind, source) = match described.what {
        What::Text => (Kind::Text, Source::Field(field)),
        What::Count => (Kind::Count, Source::Field(field)),
        What::Duration => (Kind::Duration, Source::Field(field)),
        What::Percent => (Kind::Percent, Source::Field(field)),
        What::Decimal => (Kind::Decimal, Source::Field(field)),
        What::Time => (Kind::Time, Source::Field(field)),
        What::Agent => (Kind::Text, Source::AgentName(field)),
        What::Queue => (Kind::Text, Source::QueueName(field)),
        What::Team => (Kind::Text, Source::TeamName(field)),
        What::Day => (Kind::Text, Source::Day(field)),
    };
    let source = match &described.over {
        Some(over) => Source::Ratio { numerator: field, denominator: text(over) },
        None => source,
    };
    let header = told(&described.header);
    Column { id: text(&described.id), header, kind, source, total: described.total }
}

fn parameters(definition: &Definition) -> Vec<Parameter> {
    let asked = [QUEUE, AGENT].into_iter().filter(|parameter| definition.asks(parameter.id));
    [PERIOD, ZONE].into_iter().chain(asked).collect()
}

/// How a column that divides is made of the fields of the answer.
fn formula(column: &Column) -> Option<Formula> {
    let Source::Ratio { numerator, denominator } = column.source else { return None };
    let line: &'static str = format!("{numerator} ÷ {denominator}").leak();
    Some(Formula { name: column.header, text: words(line, line) })
}

/// The chart, of those columns that it names and that are there.
fn chart(title: Words, columns: &[Column], picture: &Picture) -> Vec<Chart> {
    let id = |name: &String| columns.iter().map(|column| column.id).find(|id| id == name);
    let coloured = |series: &[String]| -> &'static [(&'static str, &'static str)] {
        series.iter().filter_map(id).zip(PALETTE).collect::<Vec<_>>().leak()
    };
    match picture {
        Picture::None => Vec::new(),
        Picture::Bar { label, series } => id(label)
            .map(|label| Chart::Bar { title, label, series: coloured(series) })
            .into_iter()
            .collect(),
        Picture::Line { label, series } => id(label)
            .map(|label| Chart::Line { title, label, series: coloured(series) })
            .into_iter()
            .collect(),
        Picture::Heat { row, column, value } => match (id(row), id(column), id(value)) {
            (Some(row), Some(column), Some(value)) => {
                vec![Chart::Heat { title, row, column, value }]
            }
            _ => Vec::new(),
        },
        Picture::Pie { series } => vec![Chart::Pie { title, pie: Pie::Totals(coloured(series)) }],
    }
}

/// The question of a definition has its parameters in it: [`run_own`](crate::run_own) binds them.
fn asked_by_name(_: &Window) -> String {
    String::new()
}

/// What is behind the rows of a free question says its definition: [`run_own`](crate::run_own) asks it.
fn unknown_behind(_: &Window, _: &Fields) -> Result<Condition, Error> {
    Ok(Condition { table: "calls", key: "contact_id", predicate: "FALSE".to_owned() })
}

pub(crate) const QUEUE: Parameter = Parameter {
    id: "queue",
    name: words("队列", "Queue"),
    help: words("只统计此编号的队列", "only the queue with this id"),
    default: Some("*"),
};

pub(crate) const AGENT: Parameter = Parameter {
    id: "agent",
    name: words("坐席", "Agent"),
    help: words("只统计此编号的坐席", "only the agent with this id"),
    default: Some("*"),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::Language;
    use crate::{Format, Period, ReportTable, render};
    use terms::Timestamp;

    fn definition(sql: &str) -> Definition {
        let name = |zh: &str, en: &str| Text { zh: zh.to_owned(), en: en.to_owned() };
        let described = |id: &str, what, over: Option<&str>, total| Described {
            id: id.to_owned(),
            header: name(id, id),
            what,
            field: id.to_owned(),
            over: over.map(str::to_owned),
            total,
        };
        Definition {
            id: "own.calls".to_owned(),
            title: name("来电", "Calls\u{202e}"),
            help: Text::default(),
            sql: sql.to_owned(),
            columns: vec![
                described("queue_id", What::Queue, None, Total::None),
                described("calls", What::Count, None, Total::Sum),
                described("answered", What::Percent, Some("calls"), Total::Sum),
            ],
            picture: Picture::Bar {
                label: "queue_id".to_owned(),
                series: vec!["calls".to_owned(), "gone".to_owned()],
            },
            behind: None,
        }
    }

    #[test]
    fn a_definition_becomes_a_report_that_is_kept_once() {
        let shelf = Shelf::new(1 << 20);
        let asked = definition("SELECT 1 WHERE queue_id = :queue");
        let report = shelf.report(TenantId(1), &asked).unwrap();
        let summary = report.summary(Language::En);
        assert_eq!(summary.title, "Calls ");
        assert_eq!(summary.formulas, ["answered = answered ÷ calls"]);
        let parameters: Vec<_> = summary.parameters.iter().map(|one| one.id).collect();
        assert_eq!(parameters, ["period", "zone", "queue"]);
        assert_eq!(report.figures, ["calls", "answered"]);
        let [Chart::Bar { series, .. }] = report.charts else { panic!("{:?}", report.charts) };
        assert_eq!(series.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ["calls"]);
        let again = shelf.report(TenantId(1), &asked).unwrap();
        assert!(std::ptr::eq(report, again));
    }

    #[test]
    fn a_header_that_its_author_made_a_formula_is_text_in_a_spreadsheet() {
        let mut asked = definition("SELECT 1");
        let formula = "=HYPERLINK(1)".to_owned();
        asked.columns[1].header = Text { zh: formula.clone(), en: formula };
        let report = Shelf::new(1 << 20).report(TenantId(1), &asked).unwrap();
        let now = Timestamp::from_secs(1_796_088_600);
        let period = Period::parse("2026-11-22", "Asia/Shanghai", now).unwrap();
        let table = ReportTable::new(report, "tenant", period, now, Vec::new());
        let made = render(&table, Format::Csv, Language::En).unwrap();
        let text = String::from_utf8(made.bytes).unwrap();
        assert_eq!(text.lines().next(), Some("\u{feff}queue_id,'=HYPERLINK(1),answered"));
    }

    #[test]
    fn whoever_changes_a_definition_for_ever_fills_their_own_part_alone() {
        let shelf = Shelf::new(16 << 10);
        let kept = (0..1_000)
            .take_while(|n| shelf.report(TenantId(1), &definition(&format!("SELECT {n}"))).is_ok())
            .count();
        assert!((1..100).contains(&kept), "{kept}");
        assert!(shelf.report(TenantId(1), &definition("SELECT 0")).is_ok(), "it is there");
        let more = definition("SELECT 1000");
        assert_eq!(shelf.report(TenantId(1), &more).unwrap_err(), Full(16 << 10));
        assert!(shelf.report(TenantId(2), &more).is_ok());
    }
}
