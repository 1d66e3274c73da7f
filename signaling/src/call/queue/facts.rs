//! What the strategy `expression` may know of a contact: where it comes from, and what its flow learned.

use crate::call::Call;
use crate::switch::Cx;
use terms::VisitId;
use terms::routing::{Queue, Strategy};

impl Call {
    /// Tells the distributor, where the queue asks for it.
    pub(in crate::call) fn introduce(&self, cx: &mut Cx, visit: VisitId, queue: &Queue) {
        if queue.strategy != Strategy::Expression {
            return;
        }
        let flow = self.flow.as_ref().map(|flowing| flowing.run.variables().clone());
        let (mut facts, region) = (flow.unwrap_or_default(), self.region().unwrap_or_default());
        let known = self.plan.known_caller(self.customer());
        let class = known.map_or(String::new(), |known| known.class.clone());
        for (name, value) in [
            ("caller", self.customer().normal.as_str()),
            ("called", self.called.normal.as_str()),
            ("caller_province", region.province.as_str()),
            ("caller_city", region.city.as_str()),
            ("caller_class", class.as_str()),
            ("language", self.language()),
        ] {
            facts.set(name, value);
        }
        if let Some(acd) = cx.acd(self.tenant) {
            acd.introduce(visit, facts);
        }
    }
}
