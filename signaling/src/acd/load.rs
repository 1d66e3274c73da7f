//! How busy a queue is, as flows see it.

use super::Distributor;
use crate::ivr::run::Load;
use terms::QueueId;

impl Distributor {
    /// How busy a queue is; none where the plan has no such queue.
    pub fn load(&self, id: QueueId) -> Option<Load> {
        let queue = self.queues.get(&id).filter(|queue| queue.open)?;
        Some(Load {
            waiting: queue.len(),
            free: queue.free.len() as u32,
            agents: self.signed_in(queue),
            wait: self.newcomers_wait(id),
        })
    }
}
