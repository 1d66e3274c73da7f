//! Which rows are provisional: those of an interval that had not ended when the report was run.
//! Yesterday's line of a month stands, today's does not.
//!
//! An hour is the same hour of all days of the period, so it has ended when it has on the last one.
//! Where a day begins later than midnight, the hours before that are those of the date after.

use crate::definition::{Report, Source};
use crate::period::Period;
use crate::run::{Error, Fields};
use terms::Timestamp;

/// True where the row's interval goes on at `now`. A report without intervals has no such rows; its
/// period says for all of them whether they stand.
pub(crate) fn is_provisional(
    report: &Report,
    period: &Period,
    now: Timestamp,
    fields: &Fields,
) -> Result<bool, Error> {
    if now >= period.to {
        return Ok(false);
    }
    for column in report.columns {
        if let Some(end) = end(column.source, period, now, fields)? {
            return Ok(now < end);
        }
    }
    Ok(false)
}

/// The first instant after the interval that a column names; `None` for a column that names none.
fn end(
    source: Source,
    period: &Period,
    now: Timestamp,
    fields: &Fields,
) -> Result<Option<Timestamp>, Error> {
    let begins = i64::from(period.day_begins_min);
    let on_last_day = |from: i64, to: i64| match from < begins {
        true => period.clock(period.last, 24 * 60 + to).min(period.to),
        false => period.clock(period.last, to),
    };
    Ok(match source {
        Source::Hour(field) => {
            fields.int(field)?.map(|hour| on_last_day(hour * 60, (hour + 1) * 60))
        }
        Source::HalfHour(field) => {
            fields.int(field)?.map(|half| on_last_day(half * 30, (half + 1) * 30))
        }
        Source::Day(field) => fields.int(field)?.and_then(|day| period.end_of_day(day)),
        Source::Interval(field) => fields.text(field)?.and_then(|label| {
            let begins = period.day_begins_min;
            let named = Period::parse_in(&label, period.zone, begins, now).ok()?;
            Some(named.to.min(period.to))
        }),
        Source::Field(_)
        | Source::Ratio { .. }
        | Source::Word(_)
        | Source::AgentNumber(_)
        | Source::AgentName(_)
        | Source::QueueName(_)
        | Source::TrunkName(_)
        | Source::FlowName(_)
        | Source::TeamName(_)
        | Source::AreaName(_)
        | Source::WorkerName(_)
        | Source::Department(_) => None,
    })
}
