//! Somebody who writes one order after the other, as a program of a user does: each under a key of
//! its own, sent again when it is told to come back, and looked for where nobody knows what became
//! of it.

use crate::api::{Api, Told, items};
use anyhow::{Result, bail};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Between two orders.
const EVERY: Duration = Duration::from_millis(200);
/// Where an answer does not say when to come back.
const PAUSE: Duration = Duration::from_secs(1);
/// One that could not be written for so long is given up: a store is away for an hour at most.
const WRITE_MAX: Duration = Duration::from_secs(3_700);
const KIND: &str = "complaint";

/// Who writes.
pub struct Writer {
    stop: Arc<AtomicBool>,
    writing: JoinHandle<Result<Written>>,
}

/// What was written.
#[derive(Default)]
pub struct Written {
    /// Orders that the box has taken.
    pub orders: u32,
    /// From the first try of one until it was taken, at most.
    pub late: Duration,
    /// Times that it was told to come back.
    pub refused: u32,
    /// Answers that speak of a lock.
    pub locked: u32,
    /// Failures of the box that say nothing of coming back.
    pub otherwise: Vec<String>,
}

impl Writer {
    /// Begins to write.
    pub fn begin(admin: &Api) -> Writer {
        let stop = Arc::new(AtomicBool::new(false));
        let writing = tokio::spawn(write(admin.clone(), Arc::clone(&stop)));
        Writer { stop, writing }
    }

    /// Writes no further one, once the one that is being written is.
    ///
    /// # Errors
    /// What kept one from being written.
    pub async fn end(self) -> Result<Written> {
        self.stop.store(true, Ordering::Relaxed);
        self.writing.await?
    }
}

async fn write(admin: Api, stop: Arc<AtomicBool>) -> Result<Written> {
    let mut written = Written::default();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        write_one(&admin, &title(written.orders + 1), &mut written).await?;
        written.orders += 1;
        written.late = written.late.max(began.elapsed());
        tokio::time::sleep(EVERY).await;
    }
    Ok(written)
}

async fn write_one(admin: &Api, title: &str, written: &mut Written) -> Result<()> {
    let order = json!({"kind": KIND, "title": title});
    let (began, mut keys) = (Instant::now(), 0);
    while began.elapsed() < WRITE_MAX {
        let key = format!("{title}-{keys}");
        let told = admin.told("/api/v1/orders", &order, Some(&key)).await?;
        written.locked += u32::from(told.text.contains("database is locked"));
        match told.status {
            201 => return Ok(()),
            409 if told.text.contains("still being carried out") => {
                tokio::time::sleep(PAUSE).await;
            }
            // Nobody knows whether it was carried out.
            409 => {
                if is_there(admin, title).await? {
                    return Ok(());
                }
                keys += 1;
            }
            503 => {
                written.refused += 1;
                tokio::time::sleep(pause(&told)).await;
            }
            status @ 500.. => {
                written.otherwise.push(format!("{title}: {status} {}", told.text));
                tokio::time::sleep(PAUSE).await;
            }
            status => bail!("the order {title} was answered {status} {}", told.text),
        }
    }
    bail!("the order {title} could not be written for {WRITE_MAX:?}")
}

fn pause(told: &Told) -> Duration {
    told.retry_after.map_or(PAUSE, Duration::from_secs)
}

async fn is_there(admin: &Api, title: &str) -> Result<bool> {
    let mut page = admin.get(&format!("/api/v1/orders?q={title}")).await?;
    Ok(!items(page["orders"].take())?.is_empty())
}

/// As many digits for each, so that their order is that of the numbers.
fn title(n: u32) -> String {
    format!("order-{n:06}")
}

/// Of the orders from the first to the `wanted`th, by the titles that are there in the order of
/// their making: how many are missing, how many are there once more, and how many come behind one that
/// was written later.
pub fn compared(wanted: u32, titles: &[String]) -> (usize, usize, usize) {
    let mut sorted = titles.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let missing = (1..=wanted).filter(|n| sorted.binary_search(&title(*n)).is_err()).count();
    let late = titles.windows(2).filter(|pair| pair[0] > pair[1]).count();
    (missing, titles.len() - sorted.len(), late)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_that_are_missing_twice_or_late_are_counted() {
        let titles = |numbers: &[u32]| numbers.iter().map(|n| title(*n)).collect::<Vec<_>>();
        assert_eq!(compared(12, &titles(&(1..=12).collect::<Vec<_>>())), (0, 0, 0));
        assert_eq!(compared(5, &titles(&[1, 2, 2, 5, 4])), (1, 1, 1));
        assert_eq!(compared(2, &[]), (2, 0, 0));
    }

    #[test]
    fn one_comes_back_when_the_box_says() {
        let told = |retry_after| Told { status: 503, retry_after, text: String::new() };
        assert_eq!(pause(&told(Some(5))), Duration::from_secs(5));
        assert_eq!(pause(&told(None)), PAUSE);
    }
}
