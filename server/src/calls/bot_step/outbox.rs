//! What waits to be sent to a bot: a line with a limit, from which the oldest sound is left out.
//! Words wait behind what was before them and make sound give way; there are few of them.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;

/// Messages that wait: a second of sound, and keys among it.
const WAITING_MAX: usize = 64;

/// The line.
#[derive(Default)]
pub struct Outbox {
    waiting: Mutex<VecDeque<Message>>,
    more: Notify,
    lost: AtomicU64,
    left: AtomicBool,
}

impl Outbox {
    /// Behind all that waits. What is put while nothing but other words wait finds no room, as keys
    /// of one who presses them faster than the bot reads.
    pub fn put(&self, message: Message) {
        let mut waiting = self.waiting.lock().expect("no panic while held");
        if waiting.len() >= WAITING_MAX {
            self.lost.fetch_add(1, Ordering::Relaxed);
            let Some(oldest) = waiting.iter().position(Message::is_binary) else { return };
            waiting.remove(oldest);
        }
        waiting.push_back(message);
        self.more.notify_one();
    }

    /// The next one, once there is one.
    pub async fn next(&self) -> Message {
        loop {
            let first = self.waiting.lock().expect("no panic while held").pop_front();
            match first {
                Some(message) => return message,
                None => self.more.notified().await,
            }
        }
    }

    /// The bot has said its last word: it need not take anything more.
    pub fn leave(&self) {
        self.left.store(true, Ordering::Release);
    }

    /// Whether it has.
    pub fn is_left(&self) -> bool {
        self.left.load(Ordering::Acquire)
    }

    /// What was left out so far.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_sound_makes_room_and_words_stay() {
        let outbox = Outbox::default();
        outbox.put(Message::text("start"));
        for n in 0..=255_u8 {
            outbox.put(Message::binary(vec![n]));
        }
        assert_eq!(outbox.lost(), 256 + 1 - WAITING_MAX as u64);
        assert_eq!(outbox.next().await, Message::text("start"));
        let first = 256 - (WAITING_MAX - 1);
        assert_eq!(outbox.next().await, Message::binary(vec![first as u8]));
        for _ in 0..200 {
            outbox.put(Message::text("key"));
        }
        let mut left = 0;
        while left < WAITING_MAX {
            outbox.next().await;
            left += 1;
        }
        assert!(outbox.waiting.lock().unwrap().is_empty(), "no more than the limit");
    }
}
