//! What a report is: one definition that the screen, every printed form, the API's schema and the
//! help text are made from. The definitions themselves stand in `catalogue/`.

use crate::messages::{Language, Words};
use crate::narrow::Narrowing;
use crate::number::Number;
use crate::render::Format;
use crate::run::{Error, Fields};
use crate::table::Condition;
use crate::window::Window;
use serde::Serialize;
use std::borrow::Cow;

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Words.
    Text,
    /// How many.
    Count,
    /// How long, `h:mm:ss`.
    Duration,
    /// A share, `85.7%`.
    Percent,
    /// A mean counted in hundredths, `4.21`.
    Decimal,
    /// When, in the report's zone.
    Time,
}

/// Where a column's cells come from: fields of the report's SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The field as it is.
    Field(&'static str),
    /// One field over another; both are kept, so that totals divide sums.
    Ratio {
        /// Above the line.
        numerator: &'static str,
        /// Below the line.
        denominator: &'static str,
    },
    /// A stored word such as `abandoned`, told in the reader's language.
    Word(&'static str),
    /// The work number of the agent whose id the field holds.
    AgentNumber(&'static str),
    /// The name of the agent whose id the field holds.
    AgentName(&'static str),
    /// The name of the queue whose id the field holds.
    QueueName(&'static str),
    /// The name of the trunk whose id the field holds.
    TrunkName(&'static str),
    /// The name of the flow whose id the field holds.
    FlowName(&'static str),
    /// The name of the team whose id the field holds; none is told as no team.
    TeamName(&'static str),
    /// The name of the area whose id the field holds.
    AreaName(&'static str),
    /// The name of the field worker whose id the field holds.
    WorkerName(&'static str),
    /// An hour of the day, 0–23, as `09:00–10:00`.
    Hour(&'static str),
    /// A half-hour of the day, 0–47, as `09:30–10:00`.
    HalfHour(&'static str),
    /// A day, counted from 1970-01-01, as `2026-11-23`.
    Day(&'static str),
    /// The name of a week, month or year, as a period is written: `2026-W47`, `2026-11`, `2026`.
    Interval(&'static str),
    /// A department's name; empty is told as unassigned.
    Department(&'static str),
}

impl Source {
    /// The column says which interval a row is about.
    pub(crate) fn is_interval(self) -> bool {
        use Source::{Day, HalfHour, Hour, Interval};
        matches!(self, Day(_) | HalfHour(_) | Hour(_) | Interval(_))
    }
}

/// What stands in the total row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Total {
    /// Nothing.
    None,
    /// The sum; of a ratio the sum of numerators over the sum of denominators.
    Sum,
    /// The greatest.
    Max,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name in API and CSV schema.
    pub id: &'static str,
    /// Its header.
    pub header: Words,
    /// What its cells are.
    pub kind: Kind,
    /// Where they come from.
    pub source: Source,
    /// What stands below them.
    pub total: Total,
}

/// A chart. Colours are `#rrggbb`, given by column so that good stays green on every page.
#[derive(Clone, Copy, Debug)]
pub enum Chart {
    /// Horizontal bars, one a row or, where the report has subtotals, one a group; the columns
    /// stand one after the other in each bar.
    Bar {
        /// What it shows.
        title: Words,
        /// Column that names the bars.
        label: &'static str,
        /// Columns and their colours.
        series: &'static [(&'static str, &'static str)],
    },
    /// Lines from row to row, one a column, for rows that follow each other, such as days.
    Line {
        /// What it shows.
        title: Words,
        /// Column that names the rows.
        label: &'static str,
        /// Columns and their colours.
        series: &'static [(&'static str, &'static str)],
    },
    /// Slices of a ring.
    Pie {
        /// What it shows.
        title: Words,
        /// Where the slices come from.
        pie: Pie,
    },
    /// A field of squares, the darker the greater: hours across and days down, or weekdays. Rows that
    /// meet in one square are put together by the rule of the column's total.
    Heat {
        /// What it shows.
        title: Words,
        /// Column that names the lines of squares.
        row: &'static str,
        /// Column that names the squares of a line.
        column: &'static str,
        /// Column that is drawn.
        value: &'static str,
    },
    /// Horizontal bars that count rows by the text of a column.
    CountBar {
        /// What it shows.
        title: Words,
        /// The column.
        column: &'static str,
    },
}

/// Where the slices of a pie come from.
#[derive(Clone, Copy, Debug)]
pub enum Pie {
    /// The totals of columns, and their colours.
    Totals(&'static [(&'static str, &'static str)]),
    /// The number of rows by the text of a column.
    CountBy(&'static str),
}

/// A line that says how a number is made.
#[derive(Clone, Copy, Debug)]
pub struct Formula {
    /// Of which number.
    pub name: Words,
    /// How.
    pub text: Words,
}

/// Something a report is asked with.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name in the API.
    pub id: &'static str,
    /// What people call it.
    pub name: Words,
    /// What may be given.
    pub help: Words,
    /// What holds when nothing is given; `None` when something must be.
    pub default: Option<&'static str>,
}

/// In which order rows stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As the SQL gives them.
    Sql,
    /// By the text of the first column (numbers by value), equal ones as the SQL gives them.
    FirstColumn,
}

/// One report.
pub struct Report {
    /// Its name in addresses and commands.
    pub id: &'static str,
    /// Its title.
    pub title: Words,
    /// What it shows and for whom, a sentence or two.
    pub help: Words,
    /// What it is asked with.
    pub parameters: &'static [Parameter],
    /// By what it may be narrowed; [`Report::asked_with`] has the parameters for that too.
    pub narrows: &'static [Narrowing],
    /// The SQL for a window of time.
    pub sql: fn(&Window) -> String,
    /// What is behind a row.
    pub behind: fn(&Window, &Fields) -> Result<Condition, Error>,
    /// The columns whose numbers open, each by what it counts.
    pub numbers: &'static [Number],
    /// Its columns in order.
    pub columns: &'static [Column],
    /// Columns whose totals stand out on top of the page.
    pub figures: &'static [&'static str],
    /// Its charts.
    pub charts: &'static [Chart],
    /// How its numbers are made.
    pub formulas: &'static [Formula],
    /// Rows with equal text in the first column get a subtotal.
    pub subtotals: bool,
    /// In which order its rows stand.
    pub order: Order,
}

/// A report's definition for people and programs that ask what there is.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Its name in addresses and commands.
    pub id: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What it shows.
    pub help: &'static str,
    /// What it is asked with.
    pub parameters: Vec<ParameterSummary>,
    /// Its columns.
    pub columns: Vec<ColumnSummary>,
    /// How its numbers are made.
    pub formulas: Vec<String>,
    /// The forms it comes in.
    pub formats: Vec<&'static str>,
}

/// A parameter of a [`Summary`].
#[derive(Clone, Debug, Serialize)]
pub struct ParameterSummary {
    /// Its name in the API.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// What may be given.
    pub help: &'static str,
    /// What holds when nothing is given.
    pub default: Option<Cow<'static, str>>,
}

/// A column of a [`Summary`].
#[derive(Clone, Debug, Serialize)]
pub struct ColumnSummary {
    /// Its name.
    pub id: &'static str,
    /// Its header.
    pub header: &'static str,
    /// What its cells are.
    pub kind: Kind,
    /// Its numbers open.
    pub opens: bool,
}

impl Report {
    /// Where the column `id` stands.
    ///
    /// # Panics
    /// When the report has no such column: definitions are written, not computed.
    pub fn position(&self, id: &str) -> usize {
        self.columns
            .iter()
            .position(|column| column.id == id)
            .unwrap_or_else(|| panic!("report {} has no column {id}", self.id))
    }

    /// Its definition for those who ask what there is.
    pub fn summary(&self, language: Language) -> Summary {
        Summary {
            id: self.id,
            title: self.title.get(language),
            help: self.help.get(language),
            parameters: self
                .asked_with()
                .map(|parameter| ParameterSummary {
                    id: parameter.id,
                    name: parameter.name.get(language),
                    help: parameter.help.get(language),
                    default: parameter.default.map(Cow::Borrowed),
                })
                .collect(),
            columns: self
                .columns
                .iter()
                .map(|column| ColumnSummary {
                    id: column.id,
                    header: column.header.get(language),
                    kind: column.kind,
                    opens: self.opens(column.id),
                })
                .collect(),
            formulas: self.formulas.iter().map(|formula| formula.line(language)).collect(),
            formats: Format::ALL.iter().map(|format| format.extension()).collect(),
        }
    }
}

impl Formula {
    /// `满意率 = 满意 ÷ 有效评价`.
    pub fn line(&self, language: Language) -> String {
        format!("{} = {}", self.name.get(language), self.text.get(language))
    }
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Report").field("id", &self.id).finish_non_exhaustive()
    }
}
