//! Short calls that follow one another, and what came of each.

use crate::field::{Field, News, Report};
use crate::kill::order;
use crate::load;
use crate::own;
use crate::server::Server;
use crate::sip::digest::Credential;
use anyhow::{Context, Result};
use benches::media::wire::Choice;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Between two new calls: twenty a second.
const EVERY: Duration = Duration::from_millis(50);
/// Two people talk for so long.
const TALK: Duration = Duration::from_secs(2);
/// Calls that should have ended are waited for this long.
const STRAGGLERS: Duration = Duration::from_secs(3);

/// Calls that come in.
pub struct Talk {
    field: Field,
    due: Instant,
    book: Book,
}

/// What came of them.
#[derive(Default)]
pub struct Book {
    /// Calls that were placed; their numbers begin with one.
    pub placed: u32,
    ended: BTreeMap<u32, Ended>,
}

struct Ended {
    at: Instant,
    setup: Duration,
    /// What was wrong with it.
    why: Option<String>,
}

impl Talk {
    /// Registers the phones of those who will answer.
    ///
    /// # Errors
    /// When one is refused.
    pub async fn begin(server: &Server, agents: &[Credential], wire: Choice) -> Result<Talk> {
        let mut field = Field::start(own::speakers(server, wire))?;
        load::register(&mut field, agents).await?;
        Ok(Talk { field, due: Instant::now(), book: Book::default() })
    }

    /// Calls go on coming in for so long: which ones.
    ///
    /// # Errors
    /// When the field ends before.
    pub async fn on(&mut self, time: Duration) -> Result<Range<u32>> {
        let first = self.book.placed + 1;
        let end = Instant::now() + time;
        // What was not placed while nobody asked is not made up for.
        self.due = self.due.max(Instant::now());
        while self.due < end {
            self.listen(self.due).await?;
            self.book.placed += 1;
            self.field.place(order(self.book.placed, TALK));
            self.due += EVERY;
        }
        self.listen(end).await?;
        Ok(first..self.book.placed + 1)
    }

    /// Waits for the last ones.
    ///
    /// # Errors
    /// When the field ends before.
    pub async fn end(mut self) -> Result<Book> {
        self.listen(Instant::now() + TALK + STRAGGLERS).await?;
        self.field.clear();
        self.listen(Instant::now() + Duration::from_millis(500)).await?;
        let field = self.field;
        tokio::task::spawn_blocking(move || field.stop()).await??;
        Ok(self.book)
    }

    async fn listen(&mut self, until: Instant) -> Result<()> {
        while let Ok(news) = timeout_at(until, self.field.news()).await {
            match news.context("the field ended")? {
                News::Ended(report) => self.book.add(&report, Instant::now()),
                News::AgentFree { .. } | News::Registered { .. } => {}
            }
        }
        Ok(())
    }
}

impl Book {
    fn add(&mut self, report: &Report, at: Instant) {
        let why = match (&report.failed, report.status) {
            (Some(why), _) => Some(why.clone()),
            (None, 200) if report.agents.is_empty() => Some("nobody was heard".to_owned()),
            (None, 200) => None,
            (None, status) => Some(format!("refused with {status}")),
        };
        self.ended.insert(report.id, Ended { at, setup: report.setup, why });
    }

    /// Why calls came to nothing, one entry a call.
    pub fn lost(&self) -> Vec<String> {
        let lost = |id: u32| match self.ended.get(&id) {
            Some(ended) => ended.why.clone(),
            None => Some("it never ended".to_owned()),
        };
        (1..=self.placed).filter_map(lost).collect()
    }

    /// A share of these calls was answered within this, in ms.
    pub fn setup_ms(&self, calls: &[Range<u32>], share: f64) -> f64 {
        let ids = calls.iter().cloned().flatten();
        let ended = ids.filter_map(|id| self.ended.get(&id)).filter(|ended| ended.why.is_none());
        let mut times: Vec<Duration> = ended.map(|ended| ended.setup).collect();
        times.sort_unstable();
        let last = times.len().saturating_sub(1);
        let at = (share * last as f64).round() as usize;
        times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }

    /// How long the row of a call was missing at most, by how many rows there were at some instants.
    pub fn latest_row(&self, seen: &[(Instant, u32)]) -> Duration {
        let good = self.ended.values().filter(|ended| ended.why.is_none());
        let mut ends: Vec<Instant> = good.map(|ended| ended.at).collect();
        ends.sort_unstable();
        // Rows come in the order in which calls ended: this one is the first without.
        let missing = |(at, rows): &(Instant, u32)| {
            let end = ends.get(*rows as usize)?;
            at.checked_duration_since(*end)
        };
        seen.iter().filter_map(missing).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(id: u32, setup_ms: u64) -> Report {
        let setup = Duration::from_millis(setup_ms);
        Report { id, status: 200, agents: vec![7], setup, ..Report::default() }
    }

    #[test]
    fn a_call_is_lost_that_failed_was_refused_heard_nobody_or_never_ended() {
        let (mut book, now) = (Book { placed: 5, ..Book::default() }, Instant::now());
        book.add(&report(1, 210), now);
        book.add(&Report { status: 503, ..report(2, 0) }, now);
        book.add(&Report { agents: Vec::new(), ..report(3, 0) }, now);
        book.add(&Report { failed: Some("Stay".into()), ..report(4, 0) }, now);
        let lost = book.lost();
        assert_eq!(lost, ["refused with 503", "nobody was heard", "Stay", "it never ended"]);
        let all = 1..6;
        let ms = book.setup_ms(std::slice::from_ref(&all), 0.99);
        assert_eq!(ms, 210.0, "of the one that was answered");
    }

    #[test]
    fn set_up_is_measured_of_those_calls_alone_that_are_asked_for() {
        let (mut book, now) = (Book { placed: 200, ..Book::default() }, Instant::now());
        (1..=200).for_each(|id| book.add(&report(id, u64::from(id)), now));
        assert_eq!(book.setup_ms(&[1..51, 51..101], 1.0), 100.0);
        assert_eq!(book.setup_ms(&[1..11, 191..201], 0.0), 1.0);
        assert_eq!(book.setup_ms(&[1..11, 191..201], 1.0), 200.0);
        assert_eq!(book.setup_ms(&[], 0.99), 0.0);
    }

    #[test]
    fn a_row_is_late_from_the_end_of_its_call_until_it_was_last_missed() {
        let (mut book, now) = (Book::default(), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        (1..=3).for_each(|id| book.add(&report(id, 0), at(u64::from(id))));
        assert_eq!(book.latest_row(&[(at(1), 0), (at(4), 3)]), Duration::ZERO);
        let seen = [(at(2), 1), (at(9), 1), (at(10), 3), (at(11), 4)];
        assert_eq!(
            book.latest_row(&seen),
            Duration::from_secs(7),
            "the second at the ninth second"
        );
        assert_eq!(book.latest_row(&[]), Duration::ZERO);
    }
}
