//! The books: what was planned, what the callers saw, what the warehouse says, and whether each
//! recording holds every sample of both sides.

use super::Ended;
use super::office::{Office, timestamp};
use super::plan::{self, Kind, ORDERS, ORDERS_OVERDUE};
use crate::api::{Row, number, text};
use anyhow::{Context, Result};
use benches::media::g711::Law;
use benches::media::stamp::Carrier;
use benches::media::wav::{self, Wav};
use benches::voices;
use comfy_table::{Table, presets};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Records and recordings follow the end of a call by a moment.
const SETTLE_TRIES: usize = 100;
const SETTLE_EVERY: Duration = Duration::from_millis(200);
/// Frames of a conversation that may fall outside of its recording at either end.
const EDGE_FRAMES: u64 = 25;

struct Line {
    what: &'static str,
    planned: i64,
    /// None where callers cannot see it.
    callers: Option<i64>,
    warehouse: i64,
}

impl Line {
    fn agrees(&self) -> bool {
        self.callers.unwrap_or(self.planned) == self.planned && self.warehouse == self.planned
    }
}

/// See the module.
pub struct Books {
    since: String,
    by_outcome: BTreeMap<String, i64>,
    calls: Vec<Row>,
    facts: BTreeMap<&'static str, i64>,
    lines: Vec<Line>,
    mistakes: Vec<String>,
    kept: Vec<PathBuf>,
}

impl Books {
    /// Reads the warehouse, once every call of the demonstration is in it.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn open(office: &Office, since: SystemTime) -> Result<Books> {
        let since = timestamp(since).to_string();
        let mut books = Books {
            since,
            by_outcome: BTreeMap::new(),
            calls: Vec::new(),
            facts: BTreeMap::new(),
            lines: Vec::new(),
            mistakes: Vec::new(),
            kept: Vec::new(),
        };
        for _ in 0..SETTLE_TRIES {
            books.read_calls(office).await?;
            let recorded = books.calls.iter().filter(|row| text(row, "recording_id").is_some());
            if books.calls.len() >= 60 && recorded.count() as i64 >= plan::count(has_voice) {
                break;
            }
            tokio::time::sleep(SETTLE_EVERY).await;
        }
        books.read_facts(office).await?;
        Ok(books)
    }

    async fn read_calls(&mut self, office: &Office) -> Result<()> {
        self.calls = office
            .sql(&format!(
                "SELECT c.caller, c.outcome, c.transfers, c.recording_id AS named, \
                 r.recording_id, r.state, r.frames_missing \
                 FROM calls c LEFT JOIN recordings r ON r.call_id = c.call_id \
                 WHERE c.direction = 'inbound' AND c.started_at >= '{}' ORDER BY c.started_at",
                self.since
            ))
            .await?;
        self.by_outcome.clear();
        for row in &self.calls {
            *self.by_outcome.entry(text(row, "outcome").unwrap_or_default()).or_default() += 1;
        }
        Ok(())
    }

    async fn read_facts(&mut self, office: &Office) -> Result<()> {
        let since = &self.since;
        let questions = [
            (
                "offered",
                format!("SELECT count(*) AS n FROM queue_visits WHERE entered_at >= '{since}'"),
            ),
            (
                "visits answered",
                format!(
                    "SELECT count(*) AS n FROM queue_visits WHERE entered_at >= '{since}' \
                     AND outcome = 'answered'"
                ),
            ),
            ("surveys", format!("SELECT count(*) AS n FROM surveys WHERE asked_at >= '{since}'")),
            ("satisfied", survey(since, "satisfied")),
            ("neutral", survey(since, "neutral")),
            ("dissatisfied", survey(since, "dissatisfied")),
            (
                "orders",
                format!(
                    "SELECT count(DISTINCT order_id) AS n FROM orders WHERE created_at >= '{since}'"
                ),
            ),
            (
                "overdue",
                format!(
                    "SELECT count(DISTINCT order_id) AS n FROM orders \
                     WHERE created_at >= '{since}' AND deadline_at < now() AND closed_at IS NULL"
                ),
            ),
        ];
        for (name, question) in questions {
            let rows = office.sql(&question).await?;
            let n = rows.first().and_then(|row| number(row, "n"));
            self.facts.insert(name, n.with_context(|| format!("count {name}"))?);
        }
        Ok(())
    }

    /// Fills the table.
    pub fn compare_calls(&mut self, ended: &[Ended]) {
        let content = |wanted: &dyn Fn(Kind) -> bool| {
            let good = ended.iter().filter(|call| wanted(call.kind) && is_content(call));
            good.count() as i64
        };
        let sum = |column: &str| self.calls.iter().filter_map(|row| number(row, column)).sum();
        let outcome = |name: &str| self.by_outcome.get(name).copied().unwrap_or(0);
        let fact = |name: &str| self.facts.get(name).copied().unwrap_or(0);
        let mut lines = Vec::new();
        for (what, name) in [
            ("answered by an agent", "answered"),
            ("abandoned in the queue", "abandoned"),
            ("left a message", "voicemail"),
            ("ended in the voice menu", "ivr_only"),
        ] {
            let is = |kind: Kind| kind.outcome() == name;
            let (planned, callers) = (plan::count(is), Some(content(&is)));
            lines.push(Line { what, planned, callers, warehouse: outcome(name) });
        }
        let all = |_: Kind| true;
        let passed = |kind: Kind| matches!(kind, Kind::IsPassedOn(_));
        let queued = |kind: Kind| matches!(kind.outcome(), "answered" | "abandoned");
        let rated = |key: char| plan::count(|kind| kind.rating() == Some(key));
        let asked = plan::count(|kind| kind.wants_agent() && kind != Kind::HangsUpFirst);
        let mut line = |what, planned, callers, warehouse| {
            lines.push(Line { what, planned, callers, warehouse });
        };
        line("calls", plan::count(all), Some(content(&all)), self.calls.len() as i64);
        line("passed on", plan::count(passed), Some(content(&passed)), sum("transfers"));
        line("offered to the queue", plan::count(queued), None, fact("offered"));
        line("asked for satisfaction", asked, None, fact("surveys"));
        line("满意", rated('1'), None, fact("satisfied"));
        line("一般", rated('2'), None, fact("neutral"));
        line("不满意", rated('3'), None, fact("dissatisfied"));
        let named = self.calls.iter().filter(|row| {
            text(row, "named").is_some() && text(row, "named") == text(row, "recording_id")
        });
        let complete = self.calls.iter().filter(|row| {
            text(row, "state").as_deref() == Some("recorded")
                && number(row, "frames_missing") == Some(0)
        });
        let voices = plan::count(has_voice);
        line("recorded without a gap", voices, None, complete.count() as i64);
        line("calls that name their recording", voices, None, named.count() as i64);
        line("orders", ORDERS as i64, None, fact("orders"));
        line("orders overdue", ORDERS_OVERDUE as i64, None, fact("overdue"));
        self.lines = lines;
        for call in ended.iter().filter(|call| !is_content(call)) {
            let report = &call.report;
            self.mistakes.push(format!(
                "caller {} ({:?}): {} · {:?}",
                report.id,
                call.kind,
                report.failed.clone().unwrap_or_else(|| format!("status {}", report.status)),
                report.heard
            ));
        }
    }

    /// Fetches every recording and checks each sample that it must hold.
    ///
    /// # Errors
    /// When one cannot be fetched.
    pub async fn check_recordings(
        &mut self,
        office: &Office,
        ended: &[Ended],
        folder: &Path,
    ) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        let voices = [voices::customer(Law::A), voices::agent(Law::A)];
        let (mut good, mut planned) = (0, 0);
        for call in ended.iter().filter(|call| has_voice(call.kind)) {
            planned += 1;
            match self.check_recording(office, call, &voices, folder).await {
                Ok(()) => good += 1,
                Err(error) => {
                    self.mistakes
                        .push(format!("recording of caller {}: {error:#}", call.report.id));
                }
            }
        }
        let what = "recordings, every sample right";
        self.lines.push(Line { what, planned, callers: None, warehouse: good });
        Ok(())
    }

    async fn check_recording(
        &mut self,
        office: &Office,
        call: &Ended,
        voices: &[Carrier; 2],
        folder: &Path,
    ) -> Result<()> {
        let ending = format!("{:04}", call.report.id);
        let own = |row: &&Row| text(row, "caller").is_some_and(|caller| caller.ends_with(&ending));
        let row = self.calls.iter().find(own).context("the call is not in the warehouse")?;
        let id = text(row, "recording_id").context("the call has no recording")?;
        let bytes = office.recording(&id, "wav").await?;
        check_sides(&Wav::parse(&bytes)?, call, voices)?;
        // One to listen to: a caller who was passed on, so that three voices are in it.
        if matches!(call.kind, Kind::IsPassedOn(_)) && self.kept.is_empty() {
            for (format, bytes) in [("wav", bytes), ("mp3", office.recording(&id, "mp3").await?)] {
                let file = folder.join(format!("recording.{format}"));
                std::fs::write(&file, bytes)?;
                self.kept.push(file);
            }
        }
        Ok(())
    }

    /// Prints the table and what is wrong.
    pub fn print(&self) {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(["", "planned", "callers saw", "warehouse", ""]);
        for line in &self.lines {
            let mark = if line.agrees() { "ok" } else { "DIFFERS" };
            let seen = line.callers.map_or_else(|| "–".to_owned(), |seen| seen.to_string());
            let (planned, warehouse) = (line.planned.to_string(), line.warehouse.to_string());
            table.add_row([line.what, &planned, &seen, &warehouse, mark]);
        }
        println!("{table}");
        for mistake in &self.mistakes {
            println!("  {mistake}");
        }
    }

    /// Files that were kept.
    pub fn kept(&self) -> impl Iterator<Item = &PathBuf> {
        self.kept.iter()
    }

    /// Every number is the planned one.
    pub fn balance(&self) -> bool {
        self.mistakes.is_empty() && self.lines.iter().all(Line::agrees)
    }
}

fn survey(since: &str, answer: &str) -> String {
    format!("SELECT count(*) AS n FROM surveys WHERE asked_at >= '{since}' AND answer = '{answer}'")
}

fn has_voice(kind: Kind) -> bool {
    kind.wants_agent() || kind == Kind::LeavesMessage
}

/// The call ended as its caller meant it to, and no frame of the agents was lost or changed.
fn is_content(call: &Ended) -> bool {
    let report = &call.report;
    let agents = match call.kind {
        Kind::IsPassedOn(_) => 2,
        kind => usize::from(kind.wants_agent()),
    };
    report.status == 200
        && report.failed.is_none()
        && report.agents.len() == agents
        && report.heard.frames_lost == 0
        && report.heard.frames_damaged == 0
}

/// The customer is on the left alone, the agents are on the right alone, and nothing is missing.
fn check_sides(wav: &Wav, call: &Ended, voices: &[Carrier; 2]) -> Result<()> {
    use anyhow::ensure;
    let left = wav.channels.first().context("no channel")?;
    let customer = wav::check(left, &voices[0]);
    let speakers: Vec<u32> = customer.speakers.keys().copied().collect();
    ensure!(speakers == [call.report.id], "on the left speak {speakers:?}");
    ensure!(
        (customer.lost, customer.damaged, customer.disordered) == (0, 0, 0),
        "left: {customer:?}"
    );
    let spoken: u64 = customer.speakers.values().sum();
    ensure!(wav.milliseconds() >= spoken * 20, "{} ms hold {spoken} frames", wav.milliseconds());
    let Some(right) = wav.channels.get(1).filter(|_| call.kind.wants_agent()) else {
        return Ok(());
    };
    let agents = wav::check(right, &voices[1]);
    let heard: std::collections::BTreeSet<u32> = call.report.agents.iter().copied().collect();
    ensure!(
        agents.speakers.keys().copied().collect::<std::collections::BTreeSet<_>>() == heard,
        "on the right speak {:?}, the caller heard {heard:?}",
        agents.speakers.keys()
    );
    ensure!((agents.damaged, agents.disordered) == (0, 0), "right: {agents:?}");
    let frames: u64 = agents.speakers.values().sum();
    ensure!(
        frames + EDGE_FRAMES >= call.report.heard.frames,
        "the right side holds {frames} frames, the caller heard {}",
        call.report.heard.frames
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Report;
    use benches::media::rtp::Heard;
    use benches::media::stamp::{SAMPLES, Stamp};

    fn call(kind: Kind) -> Ended {
        let heard = Heard { frames: 30, ..Heard::default() };
        let report = Report { id: 5, status: 200, agents: vec![9], heard, ..Report::default() };
        Ended { kind, report }
    }

    fn speech(speaker: u32, carrier: &Carrier, counters: std::ops::Range<u32>) -> Vec<u8> {
        let frame = |counter| {
            let mut frame = [0; SAMPLES];
            Stamp { speaker, counter, sent_us: 1 }.write(carrier, &mut frame);
            frame
        };
        counters.flat_map(frame).collect()
    }

    #[test]
    fn a_recording_with_swapped_or_missing_voices_is_found() {
        let voices = [voices::customer(Law::A), voices::agent(Law::A)];
        let wav =
            |left: Vec<u8>, right: Vec<u8>| Wav { rate_hz: 8000, channels: vec![left, right] };
        let (left, right) = (speech(5, &voices[0], 0..30), speech(9, &voices[1], 0..30));
        let check = |wav: &Wav| check_sides(wav, &call(Kind::RatesNot), &voices);
        check(&wav(left.clone(), right.clone())).unwrap();
        let swapped = check(&wav(right.clone(), left.clone())).unwrap_err().to_string();
        assert!(swapped.contains("on the left speak [9]"), "{swapped}");
        let mut hole = left.clone();
        hole[SAMPLES * 3..SAMPLES * 4].fill(0xd5);
        assert!(check(&wav(hole, right.clone())).is_err());
        assert!(check(&wav(left, right[..SAMPLES * 3].to_vec())).is_err());
    }

    #[test]
    fn a_line_agrees_only_when_all_three_do() {
        let line = |callers, warehouse| Line { what: "calls", planned: 60, callers, warehouse };
        assert!(line(Some(60), 60).agrees() && line(None, 60).agrees());
        assert!(!line(Some(59), 60).agrees() && !line(Some(60), 61).agrees());
    }

    #[test]
    fn a_lost_frame_makes_a_caller_discontent() {
        let mut ended = call(Kind::RatesNot);
        assert!(is_content(&ended));
        ended.report.heard.frames_lost = 1;
        assert!(!is_content(&ended));
        assert!(!is_content(&call(Kind::AsksHours)), "nobody should have answered");
    }
}
