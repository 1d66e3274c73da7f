//! What a switch holds: memory and open files of its processes, and what its own counters say lives.

use crate::api::Api;
use crate::server::Server;
use anyhow::{Context, Result, ensure};
use benches::procstat;
use std::time::Duration;

/// The word in the command line of the process that has the calls.
pub const CALLS: &str = "calls";
/// Looks at what is left, and the time between two.
const LOOKS: u32 = 20;
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Nothing of these is left where nobody telephones, no phone is registered and nobody follows.
pub const GAUGES: [(&str, &str); 11] = [
    ("switchgrid_calls", "calls"),
    ("switchgrid_legs", "legs"),
    ("switchgrid_recordings_open", "open recordings"),
    ("switchgrid_queue_waiting", "waiting contacts"),
    ("switchgrid_sip_legs_live", "SIP dialogs"),
    ("switchgrid_sip_transactions_live", "SIP transactions and their timers"),
    ("switchgrid_rtp_legs", "media legs and their ports"),
    ("switchgrid_rtp_rooms", "rooms"),
    ("switchgrid_recorder_recordings", "recordings in the recorder"),
    ("switchgrid_storage_renders_waiting", "recordings that wait to be made files"),
    ("switchgrid_live_sockets", "followers"),
];

/// Memory in the middle of calls, in MB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Of all processes.
    pub whole: f64,
    /// Of the one that has the calls.
    pub calls: f64,
}

impl Memory {
    /// As it is.
    ///
    /// # Errors
    /// When a process is gone.
    pub fn of(server: &Server) -> Result<Memory> {
        let mb = |word| procstat::usage(server.pid(), word).map(|of| of.memory_bytes as f64 / 1e6);
        Ok(Memory { whole: mb("")?, calls: mb(CALLS)? })
    }
}

/// What is left when all is quiet.
#[derive(Debug)]
pub struct Left {
    /// Files and sockets that all processes have open.
    pub files: usize,
    /// Those of the process that has the calls.
    pub files_of_calls: usize,
    /// In the order of [`GAUGES`].
    pub lives: Vec<f64>,
}

impl Left {
    /// The least of some looks: what is there for a moment is nothing that stays.
    ///
    /// # Errors
    /// When a process is gone or the interface does not answer.
    pub async fn of(server: &Server, admin: &Api) -> Result<Left> {
        let mut left = Left::now(server, admin).await?;
        for _ in 1..LOOKS {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = Left::now(server, admin).await?;
            left.files = left.files.min(now.files);
            left.files_of_calls = left.files_of_calls.min(now.files_of_calls);
            for (least, lives) in left.lives.iter_mut().zip(now.lives) {
                *least = least.min(lives);
            }
        }
        Ok(left)
    }

    async fn now(server: &Server, admin: &Api) -> Result<Left> {
        let text = admin.file("/metrics").await?;
        let text = String::from_utf8(text).context("metrics are text")?;
        Ok(Left {
            files: procstat::open_files(server.pid(), "")?,
            files_of_calls: procstat::open_files(server.pid(), CALLS)?,
            lives: GAUGES
                .iter()
                .map(|(name, _)| gauge(&text, name))
                .collect::<Result<Vec<f64>>>()?,
        })
    }
}

/// The sum of a gauge over its labels. One that is not told, or is called otherwise by now, is no zero.
fn gauge(text: &str, name: &str) -> Result<f64> {
    let of_name = |line: &&str| line.split(['{', ' ']).next() == Some(name);
    let mut lines = text.lines().filter(of_name).peekable();
    ensure!(lines.peek().is_some(), "the metrics do not tell {name}");
    let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
    Ok(lines.filter_map(value).sum())
}

/// How steeply something grows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// More for each call.
    pub each: f64,
    /// How far off that may be: its standard error.
    pub error: f64,
}

/// The straight line through points, the first of each a number of calls, by least squares; none
/// through fewer than three.
pub fn slope(points: &[(f64, f64)]) -> Option<Slope> {
    let count = points.len() as f64;
    if points.len() < 3 {
        return None;
    }
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let wide: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let each = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / wide;
    let off = |point: &(f64, f64)| (point.1 - y - each * (point.0 - x)).powi(2);
    let off = points.iter().map(off).sum::<f64>() / (count - 2.0);
    (wide > 0.0).then_some(Slope { each, error: (off / wide).sqrt() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_is_found_and_what_goes_up_and_down_around_it_makes_it_unsure() {
        let straight: Vec<(f64, f64)> = (0..10).map(|n| (f64::from(n), f64::from(2 * n))).collect();
        assert_eq!(slope(&straight), Some(Slope { each: 2.0, error: 0.0 }));
        let shaken = |(at, &(x, y)): (usize, &(f64, f64))| {
            (x, y + if at.is_multiple_of(2) { 5.0 } else { -5.0 })
        };
        let shaken: Vec<(f64, f64)> = straight.iter().enumerate().map(shaken).collect();
        let found = slope(&shaken).unwrap();
        assert!((found.each - 2.0).abs() < 2.0 * found.error && found.error > 0.3, "{found:?}");
        assert_eq!(slope(&straight[..2]), None);
        assert_eq!(slope(&[(1.0, 1.0); 5]), None, "no call came between them");
    }

    #[test]
    fn a_gauge_is_summed_over_its_labels_and_no_other_name_counts() {
        let text = "# TYPE switchgrid_rtp_legs gauge\nswitchgrid_rtp_legs{shard=\"0\"} 3\n\
                    switchgrid_rtp_legs{shard=\"1\"} 4\nswitchgrid_rtp_legs_opened_total 99\n";
        assert_eq!(gauge(text, "switchgrid_rtp_legs").unwrap(), 7.0);
        assert!(gauge(text, "switchgrid_calls").is_err(), "nobody said that there are none");
    }
}
