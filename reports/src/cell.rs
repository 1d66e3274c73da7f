//! How a cell reads as text. All text forms (PDF, PNG, HTML, TXT, CSV, JSON) come through here, so that
//! they cannot disagree; the workbook holds the same values as numbers.

use crate::definition::Kind;
use crate::messages::Language;
use crate::table::Cell;
use chrono::DateTime;
use chrono_tz::Tz;
use terms::Timestamp;

/// Stands where there is nothing to show or to divide by.
pub(crate) const NOTHING: &str = "—";

/// The cell as people read it.
pub fn cell_text(cell: &Cell, kind: Kind, zone: Tz, language: Language) -> String {
    match cell {
        Cell::Empty => NOTHING.to_owned(),
        Cell::Count(count) => grouped(*count),
        _ => plain_text(cell, kind, zone, language).unwrap_or_else(|| NOTHING.to_owned()),
    }
}

/// The cell for a comma-separated file: like [`cell_text`], but counts without separators and
/// nothing where there is nothing. A text that a spreadsheet would take for a formula begins
/// with `'`.
pub fn csv_text(cell: &Cell, kind: Kind, zone: Tz, language: Language) -> String {
    let text = plain_text(cell, kind, zone, language).unwrap_or_default();
    match cell {
        Cell::Text(_) if warehouse::answer::is_formula(&text) => format!("'{text}"),
        _ => text,
    }
}

fn plain_text(cell: &Cell, kind: Kind, zone: Tz, language: Language) -> Option<String> {
    match cell {
        Cell::Empty => None,
        Cell::Text(text) => Some(text.clone()),
        Cell::Word(words) => Some(words.get(language).to_owned()),
        Cell::Count(count) => Some(count.to_string()),
        Cell::Duration(ms) => Some(duration_text(rounded_secs(*ms, 1)?)),
        Cell::Ratio { numerator, denominator } if kind == Kind::Percent => {
            percent_text(*numerator, *denominator)
        }
        Cell::Ratio { numerator, denominator } if kind == Kind::Decimal => {
            let hundredths = mean(*numerator, *denominator)?;
            Some(format!("{}.{:02}", hundredths / 100, hundredths % 100))
        }
        Cell::Ratio { numerator, denominator } => {
            Some(duration_text(rounded_secs(*numerator, *denominator)?))
        }
        Cell::Time(at) => Some(time_text(*at, zone)),
    }
}

/// Whole seconds of `ms / count`, halves up; nothing when there is nothing to divide by.
pub(crate) fn rounded_secs(ms: i64, count: i64) -> Option<i64> {
    (count > 0).then(|| rounded(i128::from(ms), i128::from(count) * 1000))
}

/// The whole hundredths of a mean of counts that are not below zero; nothing when there is nothing
/// to divide by.
pub(crate) fn mean(hundredths: i64, count: i64) -> Option<i64> {
    (count > 0).then(|| rounded(i128::from(hundredths.max(0)), i128::from(count)))
}

/// `a / b`, halves up, for `b` above zero.
fn rounded(a: i128, b: i128) -> i64 {
    (2 * a + b).div_euclid(2 * b) as i64
}

/// `85.7%`.
fn percent_text(numerator: i64, denominator: i64) -> Option<String> {
    if denominator <= 0 {
        return None;
    }
    let tenths = rounded(i128::from(numerator) * 1000, i128::from(denominator));
    Some(format!("{}.{}%", tenths / 10, tenths % 10))
}

/// `1:02:03`; hours go on above 24.
pub(crate) fn duration_text(secs: i64) -> String {
    let sign = if secs < 0 { "-" } else { "" };
    let secs = secs.abs();
    format!("{sign}{}:{:02}:{:02}", secs / 3600, secs / 60 % 60, secs % 60)
}

/// `2026-11-23 13:20:00` in `zone`.
pub(crate) fn time_text(at: Timestamp, zone: Tz) -> String {
    local(at, zone).format("%Y-%m-%d %H:%M:%S").to_string()
}

pub(crate) fn local(at: Timestamp, zone: Tz) -> DateTime<Tz> {
    DateTime::from_timestamp_micros(at.0).unwrap_or_default().with_timezone(&zone)
}

/// `12,345`.
pub(crate) fn grouped(count: i64) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if count < 0 {
        out.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cell: Cell, kind: Kind) -> String {
        cell_text(&cell, kind, chrono_tz::Asia::Shanghai, Language::ZhCn)
    }

    #[test]
    fn numbers_read_as_in_a_ledger() {
        assert_eq!(text(Cell::Count(1_234_567), Kind::Count), "1,234,567");
        assert_eq!(text(Cell::Count(-1_000), Kind::Count), "-1,000");
        assert_eq!(text(Cell::Count(999), Kind::Count), "999");
        assert_eq!(text(Cell::Duration(3_723_499), Kind::Duration), "1:02:03");
        assert_eq!(text(Cell::Duration(3_723_500), Kind::Duration), "1:02:04");
        assert_eq!(text(Cell::Duration(360_000_000), Kind::Duration), "100:00:00");
        assert_eq!(text(Cell::Empty, Kind::Count), "—");
    }

    #[test]
    fn a_share_rounds_half_up_and_nothing_divides_by_zero() {
        let share = |numerator, denominator| Cell::Ratio { numerator, denominator };
        assert_eq!(text(share(6, 7), Kind::Percent), "85.7%");
        assert_eq!(text(share(1, 16), Kind::Percent), "6.3%");
        assert_eq!(text(share(7, 7), Kind::Percent), "100.0%");
        assert_eq!(text(share(0, 0), Kind::Percent), "—");
        assert_eq!(text(share(181_000, 2), Kind::Duration), "0:01:31");
        assert_eq!(text(share(0, 0), Kind::Duration), "—");
        assert_eq!(text(share(1_263, 3), Kind::Decimal), "4.21");
        assert_eq!(text(share(7, 2), Kind::Decimal), "0.04");
        assert_eq!(text(share(0, 0), Kind::Decimal), "—");
    }

    #[test]
    fn a_time_is_told_in_the_zone() {
        let at = Cell::Time(Timestamp::from_secs(1_795_411_200));
        assert_eq!(text(at, Kind::Time), "2026-11-23 13:20:00");
    }

    #[test]
    fn a_formula_in_a_name_stays_text_in_a_spreadsheet() {
        let csv =
            |text: &str| csv_text(&Cell::text(text), Kind::Text, chrono_tz::UTC, Language::En);
        assert_eq!(csv("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
        assert_eq!(csv("\t=1+1"), "' =1+1");
        assert_eq!(csv("＝1+1"), "'＝1+1");
        assert_eq!(csv("+8613800138000"), "'+8613800138000");
        assert_eq!(csv("王芳"), "王芳");
        let count = csv_text(&Cell::Count(-1234), Kind::Count, chrono_tz::UTC, Language::En);
        assert_eq!(count, "-1234");
    }
}
