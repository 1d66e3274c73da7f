//! Explains: one definition per report, run to a table, printed in every form.
//!
//! ```text
//!  catalogue ──► Report ──► run(session, report, params) ──► ReportTable
//!                                                               │ render(table, format, language)
//!              pdf · png · xlsx · html · txt · csv · json ◄─────┘
//! ```
//!
//! **Every form shows the same numbers**: all of them print the cells of one [`ReportTable`], the
//! text forms through one function, [`cell_text`].
//! **A total is never an average of averages**: a ratio keeps its numerator and its denominator,
//! and its total is the sum of the one over the sum of the other.
//! **Every row names what is behind it**: a [`Condition`] lists its contacts or orders.
//! **Every number opens what it counts**: a [`Number`] says which of them, or which others.
//!
//! The formulas are those of the trade and are printed on every page that uses them.

pub mod catalogue;
mod cell;
mod definition;
pub mod found;
pub mod given;
mod interval;
mod level;
mod mark;
mod messages;
mod narrow;
mod number;
pub mod own;
mod paper;
pub mod period;
mod ran;
mod rates;
pub mod render;
mod run;
mod table;
mod window;

pub use catalogue::{catalogue, find};
pub use cell::{cell_text, csv_text};
pub use definition::{
    Chart, Column, Formula, Kind, Order, Parameter, Pie, Report, Source, Summary, Total,
};
pub use given::{Given, Refused};
pub use level::{LevelFormula, Thresholds, UnknownFormula};
pub use mark::Mark;
pub use messages::{Language, UnknownLanguage, Words};
pub use narrow::{Narrowed, Narrowing};
pub use number::{Counted, Number};
pub use paper::{Orientation, Paper, Size, UnknownPaper};
pub use period::{Period, PeriodError};
pub use ran::{Ran, Stored};
pub use rates::Rates;
pub use render::{
    Format, Loaded, Progress, Rendered, UnknownFormat, load_fonts, render, render_into,
};
pub use run::{
    AgentName, Asked, Error, Fields, Names, Opened, Params, Wrong, check_own, count, count_own,
    numbers_of, open, open_number, run, run_own,
};
pub use table::{Cell, Condition, ReportTable, Row, RowKind};
pub use window::Window;
