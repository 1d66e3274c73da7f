//! One step: so many calls through one system, and the figures that come of it.

use crate::system::{self, Ending, Kind};
use anyhow::{Context, Result, ensure};
use benches::awake::{self, Awake};
use benches::media::crowd::{Crowd, speaker};
use benches::media::g711::Law;
use benches::media::wav::{self, Wav};
use benches::{procstat, voices};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Between the last call's first word and the measurement.
const SETTLE: Duration = Duration::from_secs(2);

/// What to do.
pub struct Plan {
    /// Which system.
    pub kind: Kind,
    /// Calls at a time.
    pub calls: u32,
    /// How long all are measured.
    pub seconds: u64,
    /// The system's core.
    pub server_core: usize,
    /// Recordings to read sample by sample.
    pub listen: usize,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Which system.
    pub kind: Kind,
    /// Calls at a time.
    pub calls: u32,
    /// CPU of the system for each packet that it forwards, µs.
    pub us_per_packet: f64,
    /// Of that, outside its media threads (storage), µs.
    pub us_storage: f64,
    /// Of it in the kernel, as its clock counts it, µs.
    pub us_kernel: f64,
    /// CPU of the phones for each packet that they send and receive, µs.
    pub us_phones: f64,
    /// Share of a core that the system used.
    pub cores: f64,
    /// Stamped frames that never arrived.
    pub lost: u64,
    /// Stamped frames with wrong samples.
    pub damaged: u64,
    /// Delay from one phone to the other, ms.
    pub p50_ms: f64,
    /// See `p50_ms`.
    pub p99_ms: f64,
    /// See `p50_ms`.
    pub p999_ms: f64,
    /// How late the phones sent at most, ms: the generator's own limit.
    pub late_ms: f64,
    /// Frames handed to the recorder.
    pub frames: u64,
    /// Of those, not on disk.
    pub frames_missing: u64,
    /// Files whose samples are not what was said.
    pub files_bad: u64,
    /// Growth of the system's memory for each call, kB.
    pub kb_per_call: f64,
    /// CPU of rendering files, for each packet that was forwarded, µs.
    pub us_render: f64,
}

impl Figures {
    /// Heads of [`Figures::cells`].
    pub const HEADS: [&str; 14] = [
        "system",
        "calls",
        "µs/packet",
        "of it storage",
        "of it kernel",
        "phones µs",
        "calls/core",
        "lost",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "recorded",
        "missing",
        "kB/call",
    ];

    /// Frames and files that are not as they were said.
    pub fn bad(&self) -> u64 {
        self.lost + self.damaged + self.frames_missing + self.files_bad
    }

    /// Calls that would fill a core.
    pub fn calls_per_core(&self) -> f64 {
        f64::from(self.calls) / self.cores.max(1e-9)
    }

    /// A table's row.
    pub fn cells(&self) -> [String; 14] {
        [
            self.kind.name().to_owned(),
            self.calls.to_string(),
            format!("{:.2}", self.us_per_packet),
            format!("{:.2}", self.us_storage),
            format!("{:.2}", self.us_kernel),
            format!("{:.2}", self.us_phones),
            format!("{:.0}", self.calls_per_core()),
            (self.lost + self.damaged).to_string(),
            format!("{:.2}", self.p50_ms),
            format!("{:.2}", self.p99_ms),
            format!("{:.2}", self.p999_ms),
            self.frames.to_string(),
            (self.frames_missing + self.files_bad).to_string(),
            format!("{:.1}", self.kb_per_call),
        ]
    }

    /// For the results file.
    pub fn named(&self) -> [(&'static str, f64, &'static str); 15] {
        [
            ("CPU per packet", self.us_per_packet, "µs"),
            ("CPU per packet, storage", self.us_storage, "µs"),
            ("CPU per packet, kernel", self.us_kernel, "µs"),
            ("CPU per packet, phones", self.us_phones, "µs"),
            ("CPU per packet, rendering", self.us_render, "µs"),
            ("calls per core", self.calls_per_core(), "calls"),
            ("packets lost", self.lost as f64, "packets"),
            ("packets damaged", self.damaged as f64, "packets"),
            ("delay added, p50", self.p50_ms, "ms"),
            ("delay added, p99", self.p99_ms, "ms"),
            ("delay added, p99.9", self.p999_ms, "ms"),
            ("phones late at most", self.late_ms, "ms"),
            ("frames recorded", self.frames as f64, "frames"),
            ("frames missing", self.frames_missing as f64, "frames"),
            ("memory per call", self.kb_per_call, "kB"),
        ]
    }

    /// The run in the middle by CPU per packet, with the losses of all and the longest time that the
    /// phones stood still in any.
    pub fn median(runs: &[Figures]) -> Figures {
        let mut sorted: Vec<&Figures> = runs.iter().collect();
        sorted.sort_by(|a, b| a.us_per_packet.total_cmp(&b.us_per_packet));
        let mut median = sorted[sorted.len() / 2].clone();
        median.lost = runs.iter().map(|run| run.lost).sum();
        median.damaged = runs.iter().map(|run| run.damaged).sum();
        median.frames_missing = runs.iter().map(|run| run.frames_missing).sum();
        median.files_bad = runs.iter().map(|run| run.files_bad).sum();
        median.late_ms = runs.iter().map(|run| run.late_ms).fold(0.0, f64::max);
        median
    }
}

impl Plan {
    /// Runs it.
    ///
    /// # Errors
    /// What kept it from running.
    pub fn run(&self) -> Result<Figures> {
        let folder = tempfile::tempdir_in(std::env::current_exe()?.parent().context("a folder")?)?;
        let mut system = system::start(self.kind, self.server_core, folder.path())
            .with_context(|| format!("start {}", self.kind.name()))?;
        let pid = system.pid();
        let idle = procstat::usage(pid, "")?;
        let _awake = Awake::start(self.server_core).context("keep the core awake")?;
        let crowd = Crowd::gather(self.calls)?;
        let to = system.open(&crowd.calls()).context("open the calls")?;
        crowd.speak(&to);
        std::thread::sleep(SETTLE);
        let quiet = procstat::usage(pid, "")?;
        let (before, own_before, began) = (procstat::threads(pid, "")?, own_cpu()?, Instant::now());
        self.wait(began);
        let (after, own, measured) = (procstat::threads(pid, "")?, own_cpu()?, began.elapsed());
        let busy = procstat::usage(pid, "")?;
        crowd.hush();
        let ending = system.end_calls().context("end the calls")?;
        let verdict = crowd.leave()?;
        let packets = f64::from(self.calls) * 100.0 * measured.as_secs_f64();
        let spent = |of: &dyn Fn(&str) -> bool| {
            let sum = |threads: &BTreeMap<String, Duration>| -> Duration {
                threads.iter().filter(|(name, _)| of(name)).map(|(_, cpu)| *cpu).sum()
            };
            sum(&after).saturating_sub(sum(&before)).as_secs_f64()
        };
        let all = spent(&|_| true);
        let by_clock = busy.cpu.saturating_sub(quiet.cpu).as_secs_f64().max(1e-9);
        let in_kernel = busy.kernel.saturating_sub(quiet.kernel).as_secs_f64() / by_clock;
        let us = |delay: f64| verdict.totals.delays.quantile_us(delay) as f64 / 1e3;
        Ok(Figures {
            kind: self.kind,
            calls: self.calls,
            us_per_packet: all * 1e6 / packets,
            us_storage: spent(&|name| name.starts_with("recording")) * 1e6 / packets,
            us_kernel: all * in_kernel * 1e6 / packets,
            us_phones: (own.saturating_sub(own_before).as_secs_f64() - all) * 1e6 / packets,
            cores: all / measured.as_secs_f64(),
            lost: verdict.lost(),
            damaged: verdict.damaged,
            p50_ms: us(0.5),
            p99_ms: us(0.99),
            p999_ms: us(0.999),
            late_ms: verdict.totals.late_us_max as f64 / 1e3,
            frames: ending.frames_expected,
            frames_missing: ending.frames_missing,
            files_bad: self.listen(folder.path(), &ending)?,
            kb_per_call: busy.memory_bytes.saturating_sub(idle.memory_bytes) as f64
                / 1e3
                / f64::from(self.calls),
            us_render: ending.render_cpu_us as f64 / verdict.said.max(1) as f64,
        })
    }

    fn wait(&self, began: Instant) {
        let style = ProgressStyle::with_template("{elapsed_precise} [{bar:40}] {msg}")
            .expect("the template is right")
            .progress_chars("=> ");
        let bar = ProgressBar::new(self.seconds * 10).with_style(style);
        bar.set_message(format!("{} calls, {}", self.calls, self.kind.name()));
        for tenth in 1..=self.seconds * 10 {
            let until = began + Duration::from_millis(tenth * 100);
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
            bar.inc(1);
        }
        bar.finish_and_clear();
    }

    /// Reads recordings sample by sample; how many are not what was said.
    fn listen(&self, folder: &Path, ending: &Ending) -> Result<u64> {
        let (customer, agent) = (voices::customer(Law::A), voices::agent(Law::A));
        let mut bad = 0;
        for file in ending.files.iter().take(self.listen) {
            let wav = Wav::parse(&std::fs::read(folder.join(file))?)?;
            ensure!(wav.channels.len() == 2, "{} is not stereo", file.display());
            let sides = [(&wav.channels[0], &customer), (&wav.channels[1], &agent)];
            let right = sides.iter().zip([false, true]).all(|((channel, carrier), called)| {
                let side = wav::check(channel, carrier);
                let own = |id: &u32| *id % 2 == speaker(0, called);
                let enough = side.speakers.values().sum::<u64>() >= self.seconds * 45;
                let clean = side.lost + side.damaged + side.disordered == 0;
                clean && enough && side.speakers.len() == 1 && side.speakers.keys().all(own)
            });
            bad += u64::from(!right);
        }
        Ok(bad)
    }
}

/// CPU of the phones and of the system under test, which is a child.
fn own_cpu() -> Result<Duration> {
    let threads = procstat::threads(std::process::id(), "")?;
    Ok(threads.iter().filter(|(name, _)| *name != awake::THREAD).map(|(_, cpu)| *cpu).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(us: f64, lost: u64) -> Figures {
        Figures {
            kind: Kind::Ours,
            calls: 100,
            us_per_packet: us,
            us_storage: 0.1,
            us_kernel: 0.5 * us,
            us_phones: 1.0,
            cores: us * 1e-6 * 100.0 * 100.0,
            lost,
            damaged: 0,
            p50_ms: 1.0,
            p99_ms: 2.0,
            p999_ms: 3.0,
            late_ms: 0.0,
            frames: 0,
            frames_missing: 0,
            files_bad: 0,
            kb_per_call: 0.0,
            us_render: 0.0,
        }
    }

    #[test]
    fn the_median_run_counts_and_every_loss() {
        let mut runs = [figures(9.0, 1), figures(4.0, 0), figures(5.0, 2)];
        runs[0].late_ms = 700.0;
        let median = Figures::median(&runs);
        assert_eq!((median.us_per_packet, median.lost, median.bad()), (5.0, 3, 3));
        assert!((median.late_ms - 700.0).abs() < 1e-6);
        assert!((median.calls_per_core() - 2000.0).abs() < 1e-6);
    }

    #[test]
    fn our_own_threads_used_some_time() {
        assert!(own_cpu().unwrap() > Duration::ZERO);
    }
}
