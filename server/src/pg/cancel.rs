//! Requests to end a question that runs: they come on a connection of their own and name the first
//! one by number and secret, which were told at its sign-in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// The running connections.
#[derive(Debug, Default)]
pub struct Cancels(Mutex<HashMap<i32, (u32, Arc<Notify>)>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub struct Registered {
    all: Arc<Cancels>,
    /// Its number.
    pub number: i32,
    /// Its secret.
    pub secret: u32,
    /// Told when its question is to end.
    pub cancelled: Arc<Notify>,
}

impl Cancels {
    /// A new connection with a number that no other has.
    pub fn register(self: &Arc<Self>) -> Registered {
        let cancelled = Arc::new(Notify::new());
        let mut all = self.0.lock().expect("no panic while held");
        let number = loop {
            let number = random().cast_signed() & i32::MAX;
            if !all.contains_key(&number) {
                break number;
            }
        };
        let secret = random();
        all.insert(number, (secret, cancelled.clone()));
        drop(all);
        Registered { all: self.clone(), number, secret, cancelled }
    }

    /// Ends what runs on this connection; nothing where the secret is wrong or nothing runs.
    pub fn cancel(&self, number: i32, secret: u32) {
        let all = self.0.lock().expect("no panic while held");
        if let Some((known, cancelled)) = all.get(&number)
            && *known == secret
        {
            cancelled.notify_waiters();
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.all.0.lock().expect("no panic while held").remove(&self.number);
    }
}

fn random() -> u32 {
    getrandom::u32().expect("the kernel has random bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_who_knows_the_secret_ends_a_question() {
        let cancels = Arc::new(Cancels::default());
        let one = cancels.register();
        let mut waiting = Box::pin(one.cancelled.notified());
        waiting.as_mut().enable();
        cancels.cancel(one.number, one.secret ^ 1);
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        cancels.cancel(one.number, one.secret);
        assert!(futures::poll!(waiting.as_mut()).is_ready());
        let (number, secret) = (one.number, one.secret);
        drop(waiting);
        drop(one);
        cancels.cancel(number, secret);
        assert!(cancels.0.lock().unwrap().is_empty());
    }
}
