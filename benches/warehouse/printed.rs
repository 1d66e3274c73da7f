//! What large reports take in their forms: a list of two hundred pages as PDF, a million rows as a
//! workbook. Both are made of rows that are there, without a question to the warehouse.

use crate::figures::{Figures, Limit};
use crate::ours::memory;
use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;
use reports::catalogue::CALLS;
use reports::{
    Cell, Format, Language, Period, Progress, ReportTable, Row, RowKind, Words, render_into,
};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::time::Instant;
use terms::Timestamp;

/// Rows that fill more than two hundred pages.
const PAGES_ROWS: i64 = 7_200;
const PAGES: usize = 200;
const PAGES_S_MAX: f64 = 5.0;
const PAGES_MB_MAX: f64 = 300.0;
const WORKBOOK_ROWS: i64 = 1_000_000;
const WORKBOOK_S_MAX: f64 = 30.0;
/// A workbook holds a row at a time; above its rows it takes no more for a million than for ten
/// thousand.
const WORKBOOK_MIB_MAX: f64 = 64.0;
const MIB: f64 = (1 << 20) as f64;
const MB: f64 = 1e6;

static ANSWERED: Words = Words { zh: "已接听", en: "answered" };
static ABANDONED: Words = Words { zh: "放弃", en: "abandoned" };

/// Prints both.
///
/// # Errors
/// When a form cannot be made, or a figure cannot be kept.
pub fn printed(figures: &mut Figures) -> Result<()> {
    pages(figures)?;
    workbook(figures)
}

/// The process holds what the one that prints reports does: the rows and the file.
fn pages(figures: &mut Figures) -> Result<()> {
    let table = calls(PAGES_ROWS)?;
    let before = memory("VmRSS:")? as f64 / MIB;
    figures.line("reports: memory before the PDF", before, "MiB", Limit::None)?;
    let mut pdf: Vec<u8> = Vec::new();
    forget_peak()?;
    let begin = Instant::now();
    render_into(&table, Format::Pdf, Language::ZhCn, &mut pdf, &mut |_| ())?;
    let took = begin.elapsed().as_secs_f64();
    let peak = memory("VmHWM:")? as f64 / MB;
    let pages = pages_of(&pdf).context("the PDF does not say how many pages it has")?;
    ensure!(pages >= PAGES, "{pages} pages are fewer than {PAGES}");
    figures.line("reports: pages of the PDF", pages as f64, "", Limit::None)?;
    // Of two hundred of them: a longer file may take longer.
    let share = PAGES as f64 / pages as f64;
    figures.line("reports: 200-page PDF", took * share, "s", Limit::Most(PAGES_S_MAX))?;
    let what = "reports: 200-page PDF, memory of the process at most";
    figures.line(what, peak, "MB", Limit::Most(PAGES_MB_MAX))?;
    figures.line("reports: 200-page PDF, its size", pdf.len() as f64 / MIB, "MiB", Limit::None)
}

fn workbook(figures: &mut Figures) -> Result<()> {
    let table = calls(WORKBOOK_ROWS)?;
    let mut file = BufWriter::new(tempfile::tempfile()?);
    let bar = ProgressBar::new(WORKBOOK_ROWS as u64);
    let mut progress = |Progress { rows, .. }: Progress| bar.set_position(rows as u64);
    forget_peak()?;
    let before = memory("VmRSS:")?;
    let begin = Instant::now();
    render_into(&table, Format::Xlsx, Language::ZhCn, &mut file, &mut progress)?;
    let file: File = flushed(file)?;
    let took = begin.elapsed().as_secs_f64();
    let above = memory("VmHWM:")?.saturating_sub(before) as f64 / MIB;
    bar.finish_and_clear();
    figures.line("reports: million-row workbook", took, "s", Limit::Most(WORKBOOK_S_MAX))?;
    let what = "reports: million-row workbook, memory above its rows";
    figures.line(what, above, "MiB", Limit::Most(WORKBOOK_MIB_MAX))?;
    let size = file.metadata()?.len() as f64 / MIB;
    figures.line("reports: million-row workbook, its size", size, "MiB", Limit::None)
}

fn flushed(mut file: BufWriter<File>) -> Result<File> {
    file.flush()?;
    Ok(file.into_inner().map_err(std::io::IntoInnerError::into_error)?)
}

/// The kernel forgets the peak of before (proc(5), clear_refs).
fn forget_peak() -> Result<()> {
    fs::write("/proc/self/clear_refs", "5").context("reset the peak of memory")
}

/// The greatest `/Count` of a PDF, which is that of the root of its pages.
fn pages_of(pdf: &[u8]) -> Option<usize> {
    const COUNT: &[u8] = b"/Count ";
    let counts = pdf.windows(COUNT.len()).enumerate().filter(|(_, part)| *part == COUNT);
    let number = |(at, _): (usize, &[u8])| {
        let digits = pdf[at + COUNT.len()..].iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0_usize, |number, digit| {
            number.saturating_mul(10).saturating_add(usize::from(digit - b'0'))
        })
    };
    counts.map(number).max()
}

/// A call list, the newest first, as many a minute as a hotline has.
fn calls(count: i64) -> Result<ReportTable> {
    let now = Timestamp::from_secs(1_796_088_600);
    let queues = ["报修", "投诉", "咨询", "开户", "缴费"];
    let agents = ["王芳", "李建国", "张敏", "陈晓东", "欧阳雪", "刘洋", "赵静"];
    let row = |n: i64| {
        let pick = |names: &[&str], step: i64| {
            Cell::text(names[(n * step).rem_euclid(names.len() as i64) as usize])
        };
        let is_answered = n % 9 != 0;
        let cells = vec![
            Cell::Time(Timestamp(now.0 - 90_000_000_000 - n * 7_300_000)),
            Cell::text("呼入"),
            Cell::text(&format!("+86{}", 13_800_000_000 + n * 7_919 % 99_999_999)),
            Cell::text("02188880000"),
            pick(&queues, 3),
            pick(&agents, 5),
            Cell::Word(if is_answered { &ANSWERED } else { &ABANDONED }),
            Cell::Duration(n % 97 * 1_000),
            Cell::Duration(if is_answered { 20_000 + n % 311 * 1_000 } else { 0 }),
            Cell::Duration(n % 13 * 1_000),
            Cell::Empty,
            Cell::text(&(1_000_000 + n).to_string()),
        ];
        Row { kind: RowKind::Data, cells, behind: None, provisional: false }
    };
    let period = Period::parse("2026-11", "Asia/Shanghai", now)?;
    Ok(ReportTable::new(&CALLS, "江城燃气热线", period, now, (0..count).map(row).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_the_pages_has_the_greatest_count() {
        let pdf = b"<</Type/Pages/Count 8>> <</Type/Pages/Count 213/Kids[]>> <</Count 5>>";
        assert_eq!(pages_of(pdf), Some(213));
        assert_eq!(pages_of(b"no pages"), None);
    }
}
