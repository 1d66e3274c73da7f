//! What files look like, measured: the days of a million calls in files of one form after another, what
//! they take on disk, how long they take to be written, and how long questions take that lean on what
//! differs. What was chosen is `docs/decisions/60-what-a-file-looks-like.md`.
//!
//! The days are as full as those of a year with twenty times the calls: a file of a day has row groups,
//! which one of a year with a million calls has not.

use crate::figures::{Figures, Limit, median};
use crate::fill::{self, Days};
use crate::ours::Ours;
use crate::questions::{self, Question};
use crate::shape::{DAYS, days};
use anyhow::{Context, Result};
use comfy_table::{Table, presets};
use std::fs;
use std::path::Path;
use warehouse::{Form, Limits, RowOrder};

/// The year is so many times as full.
const TIMES: u64 = 20;
/// 2026-11-01: the questions ask about that month, and about a day of it.
const FIRST: u64 = 304;
const ORDERS: [RowOrder; 3] = [RowOrder::TenantTime, RowOrder::Time, RowOrder::TenantNumberTime];
const GROUP_ROWS: [usize; 3] = [262_144, 65_536, 1_048_576];
const BLOOMS: [Option<f64>; 3] = [Some(0.01), Some(0.05), None];
const LEVELS: [i32; 4] = [3, 1, 6, 9];
/// What is asked: by number, lists, and what reads much.
const ASKED: [&str; 8] = [
    "a call by its number",
    "the calls of a caller",
    "the recording of a call",
    "an agent's calls of a day",
    "numbers that end so, in a month",
    "who called most in a year",
    "agents with the longest calls on average, of a month",
    "loss by codec and trunk, of a year",
];

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Calls, about.
    pub calls: u64,
    /// What chance is made from.
    pub seed: u64,
    /// Times that each question is asked.
    pub runs: usize,
    /// Every choice with every other, not each alone beside what the product does.
    pub every: bool,
}

/// What one form costs.
struct Cost {
    form: Form,
    call_bytes: f64,
    write_s: f64,
    /// Of each question, in ms.
    asked: Vec<f64>,
}

/// Measures the forms and prints a table, a line each.
///
/// # Errors
/// When files cannot be written or read, or a question is refused.
pub async fn layout(
    root: &Path,
    scale: Scale,
    limits: Limits,
    figures: &mut Figures,
) -> Result<()> {
    let of = chosen(scale);
    println!("{} calls of {} days", of.calls(), of.days.end - of.days.start);
    let folder = root.join("layout");
    let mut costs = Vec::new();
    for form in forms(scale.every) {
        let cost = measured(&folder, &of, form, (scale.runs, limits)).await?;
        kept(&cost, figures)?;
        costs.push(cost);
    }
    println!("{}", table(&costs));
    Ok(())
}

/// Days of November with about so many calls together.
fn chosen(scale: Scale) -> Days {
    let (seed, year) = (scale.seed, scale.calls * TIMES);
    let (of, mut calls, mut end) = (days(year), 0, FIRST);
    while end < DAYS && calls < scale.calls {
        calls += of[end as usize];
        end += 1;
    }
    Days { seed, year, days: FIRST..end }
}

/// The form of the product first. Then each other choice alone, or all of them with each other.
fn forms(every: bool) -> Vec<Form> {
    let usual = Form::default();
    let mut forms = vec![usual];
    if every {
        for order in ORDERS {
            for row_group_rows in GROUP_ROWS {
                for bloom_false in BLOOMS {
                    let of = |zstd| Form { order, row_group_rows, bloom_false, zstd };
                    forms.extend(LEVELS.map(of));
                }
            }
        }
    } else {
        forms.extend(ORDERS.map(|order| Form { order, ..usual }));
        forms.extend(GROUP_ROWS.map(|row_group_rows| Form { row_group_rows, ..usual }));
        forms.extend(BLOOMS.map(|bloom_false| Form { bloom_false, ..usual }));
        forms.extend(LEVELS.map(|zstd| Form { zstd, ..usual }));
    }
    let mut kept: Vec<Form> = Vec::new();
    for form in forms {
        if !kept.contains(&form) {
            kept.push(form);
        }
    }
    kept
}

async fn measured(
    folder: &Path,
    of: &Days,
    form: Form,
    (runs, limits): (usize, Limits),
) -> Result<Cost> {
    empty(folder)?;
    let written = fill::fill_days(folder, of.clone(), form).await?;
    let (bytes, _) = fill::size(folder).await?;
    let mut ours = Ours::open(folder, limits).await?;
    let questions = questions::all(&crate::subject(&mut ours).await?)?;
    let mut asked = Vec::new();
    for name in ASKED {
        asked.push(time(&mut ours, &questions, name, runs).await?);
    }
    drop(ours);
    empty(folder)?;
    let (call_bytes, write_s) = (bytes as f64 / of.calls() as f64, written.took.as_secs_f64());
    Ok(Cost { form, call_bytes, write_s, asked })
}

fn empty(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| folder.display().to_string())
        }
        _ => Ok(()),
    }
}

async fn time(ours: &mut Ours, questions: &[Question], name: &str, runs: usize) -> Result<f64> {
    let sql = crate::text(questions, name)?;
    let mut times = Vec::new();
    for _ in 0..runs {
        times.push(ours.time(sql).await?.0);
    }
    Ok(median(&mut times))
}

fn kept(cost: &Cost, figures: &mut Figures) -> Result<()> {
    let name = format!("layout: {}", words(cost.form).join(", "));
    figures.line(&format!("{name}: bytes of a call"), cost.call_bytes, "B", Limit::None)?;
    figures.line(&format!("{name}: written in"), cost.write_s, "s", Limit::None)?;
    for (asked, ms) in ASKED.iter().zip(&cost.asked) {
        figures.line(&format!("{name}: {asked}"), *ms, "ms", Limit::None)?;
    }
    Ok(())
}

/// A form for people: order, rows of a group, Bloom filters, packing.
fn words(form: Form) -> [String; 4] {
    let order = match form.order {
        RowOrder::TenantTime => "tenant, time",
        RowOrder::Time => "time",
        RowOrder::TenantNumberTime => "tenant, number, time",
    };
    let bloom = form.bloom_false.map_or_else(|| "none".to_owned(), |wrong| wrong.to_string());
    let (groups, zstd) = (form.row_group_rows.to_string(), form.zstd.to_string());
    [
        format!("by {order}"),
        format!("groups of {groups}"),
        format!("bloom {bloom}"),
        format!("zstd {zstd}"),
    ]
}

fn table(costs: &[Cost]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    let heads = ["order", "rows of a group", "Bloom filters", "packing", "B a call", "write, s"];
    let asked = ASKED.iter().map(|name| format!("{name}, ms"));
    table.set_header(heads.iter().map(|head| (*head).to_owned()).chain(asked));
    for cost in costs {
        let numbers = [cost.call_bytes, cost.write_s].into_iter().chain(cost.asked.iter().copied());
        let numbers = numbers.map(|number| format!("{number:.1}"));
        table.add_row(words(cost.form).into_iter().chain(numbers));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_is_tried_once_and_that_of_the_product_first() {
        let (alone, every) = (forms(false), forms(true));
        assert_eq!((alone.len(), every.len()), (1 + 2 + 2 + 2 + 3, 3 * 3 * 3 * 4));
        for forms in [&alone, &every] {
            assert_eq!(forms[0], Form::default());
            assert_eq!(forms.iter().filter(|form| **form == Form::default()).count(), 1);
        }
        assert!(alone.iter().all(|form| every.contains(form)));
    }

    #[test]
    fn the_days_are_those_that_are_asked_about_and_as_full_as_a_large_years() {
        let scale = Scale { calls: 1_000_000, seed: 42, runs: 1, every: false };
        let of = chosen(scale);
        assert_eq!(crate::shape::begin_of(of.days.start).day_text(), "2026-11-01");
        assert!((1_000_000..1_080_000).contains(&of.calls()), "{}", of.calls());
        let last = crate::shape::begin_of(of.days.end - 1).day_text();
        assert!(last.as_str() > "2026-11-11" && last.as_str() < "2026-12-01", "{last}");
    }

    #[test]
    fn what_is_asked_is_among_the_questions() {
        let caller = "+8613000001234".to_owned();
        let subject = questions::Subject { call: 7, caller, agent: 10_001 };
        let all = questions::all(&subject).unwrap();
        assert!(ASKED.iter().all(|name| crate::text(&all, name).is_ok()));
    }
}
