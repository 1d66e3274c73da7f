//! Counters and gauges of the call path, for Prometheus.

use super::Switch;
use crate::conference::Conference;
use std::collections::BTreeMap;
use terms::control::Metric;

impl Switch {
    pub(super) fn metrics(&self) -> Vec<Metric> {
        let mut metrics = vec![
            metric("switchgrid_calls", &[], self.calls.len() as f64),
            metric("switchgrid_calls_max", &[], self.world.config.calls_max as f64),
            metric("switchgrid_calls_total", &[], self.world.calls_begun as f64),
            metric("switchgrid_srtp_keys_in_clear_total", &[], self.world.keys_in_clear as f64),
            metric("switchgrid_legs", &[], self.world.legs.len() as f64),
            metric("switchgrid_recordings_open", &[], self.world.recordings.len() as f64),
            metric("switchgrid_trunk_reroutes_total", &[], self.world.reroutes as f64),
        ];
        let members: usize = self.world.conferences.values().map(Conference::len).sum();
        let meetings = self.world.conferences.len();
        metrics.push(metric("switchgrid_conferences", &[], meetings as f64));
        metrics.push(metric("switchgrid_conference_members", &[], members as f64));
        for (tenant, state) in &self.world.tenants {
            let tenant = tenant.to_string();
            for queue in state.acd.queues() {
                let labels = [("tenant", tenant.clone()), ("queue", queue.queue.to_string())];
                metrics.push(metric("switchgrid_queue_waiting", &labels, queue.waiting.into()));
                metrics.push(metric("switchgrid_queue_agents_idle", &labels, queue.idle.into()));
            }
            for trunk in &state.plan.plan.trunks {
                let labels = [("tenant", tenant.clone()), ("trunk", trunk.id.to_string())];
                let (calls, up) =
                    (state.trunks.calls_on(trunk.id), !state.trunks.is_down(trunk.id));
                metrics.push(metric("switchgrid_trunk_calls", &labels, calls.into()));
                metrics.push(metric("switchgrid_trunk_up", &labels, u32::from(up).into()));
            }
            let mut agents: BTreeMap<String, u32> = BTreeMap::new();
            for agent in state.acd.agents() {
                *agents.entry(format!("{:?}", agent.activity).to_lowercase()).or_default() += 1;
            }
            for (activity, count) in agents {
                let labels = [("tenant", tenant.clone()), ("activity", activity)];
                metrics.push(metric("switchgrid_agents", &labels, count.into()));
            }
        }
        for (tenant, leases) in &self.world.leases {
            let labels = [("tenant", tenant.to_string())];
            let pauses = leases.pauses() as f64;
            metrics.push(metric("switchgrid_lease_code_pauses_total", &labels, pauses));
        }
        metrics
    }
}

fn metric(name: &str, labels: &[(&str, String)], value: f64) -> Metric {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    Metric { name: name.to_owned(), labels, value }
}
