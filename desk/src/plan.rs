//! Compiling a tenant's business data into the plan that the call path works by.
//!
//! The version rises in the transaction of every change that concerns the call path, so equal
//! versions mean equal plans. Wait on [`Store::plan_changes`], or look at
//! [`Store::plan_versions`] from time to time: another process may have changed something.

use crate::error::During;
use crate::sql;
use crate::store::id;
use crate::{Result, Store};
use std::collections::HashSet;
use std::sync::Arc;
use terms::routing::{self, AllowedCaller, BlockedCaller, NumberRules, PLAN_VERSION, Plan, Target};
use terms::{AgentId, TenantId};

impl Store {
    /// The version of every tenant's plan.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn plan_versions(&self) -> Result<Vec<(TenantId, u64)>> {
        Ok(sql::query("SELECT id, plan_version FROM tenants ORDER BY id LIMIT 1000")
            .fetch_all(self.reader())
            .await
            .during("read plan versions")?
            .iter()
            .map(|row| (TenantId(id(row, "id")), id(row, "plan_version")))
            .collect())
    }

    /// A tenant's plan as of now.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub async fn compile_plan(&self, tenant: TenantId) -> Result<Plan> {
        // A change between two reads raises the version: then the whole is read again, so that a
        // plan never mixes two states. Changes are rare; ten in a row do not happen.
        for _ in 0..10 {
            let before = self.plan_version(tenant).await?;
            let plan = self.read_plan(tenant, before).await?;
            if self.plan_version(tenant).await? == before {
                return Ok(plan);
            }
        }
        Err(crate::Error::Busy("the tenant's data changes faster than it can be read"))
    }

    /// The version of a tenant's plan.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub async fn plan_version(&self, tenant: TenantId) -> Result<u64> {
        sql::query("SELECT plan_version FROM tenants WHERE id = $1")
            .bind(tenant.0 as i64)
            .fetch_optional(self.reader())
            .await
            .during("read a plan version")?
            .map(|row| id(&row, "plan_version"))
            .ok_or_else(|| crate::Error::not_found("tenant", tenant))
    }

    async fn read_plan(&self, tenant: TenantId, version: u64) -> Result<Plan> {
        let profile = self.tenant(tenant).await?.profile;
        let agents = self.agents_with_phones(tenant).await?;
        // Somebody who may not sign in any more keeps the membership, but serves no queue.
        let may_serve: HashSet<AgentId> = agents.iter().map(|(agent, _)| agent.id).collect();
        let mut queues: Vec<_> = self.queues(tenant).await?.into_iter().map(queue).collect();
        for queue in &mut queues {
            queue.agents.retain(|agent| may_serve.contains(agent));
            queue.matching.seats.retain(|seat| may_serve.contains(&seat.agent));
        }
        let numbers = self.numbers(tenant).await?;
        let mut codes = self.auth_codes_for_plan(tenant).await?;
        Ok(Plan {
            format: PLAN_VERSION,
            version,
            tenant,
            name: profile.name,
            time_zone: profile.time_zone,
            country: profile.country,
            realm: profile.realm,
            language: profile.language,
            number_rules: numbers
                .iter()
                .filter(|n| !n.rules.is_empty())
                .map(|n| NumberRules { number: n.id, rules: n.rules.clone() })
                .collect(),
            numbers: numbers
                .into_iter()
                .map(|n| routing::Number { id: n.id, digits: n.digits, target: n.target })
                .collect(),
            flows: self.published_flows(tenant).await?,
            hours: self.hours(tenant).await?,
            queues,
            agents: agents
                .into_iter()
                .map(|(agent, phone)| routing::Agent {
                    id: agent.id,
                    number: agent.number,
                    name: agent.name,
                    sip_user: agent.sip_user,
                    ha1_md5: phone.ha1_md5,
                    ha1_sha256: phone.ha1_sha256,
                    codes: codes.remove(&agent.id).unwrap_or_default(),
                    pickup_any: agent.pickup_any,
                    skills: agent.skills.into_iter().map(routing::Skill::from).collect(),
                    calling: routing::CallingRight {
                        dial: agent.calling.dial,
                        forward: agent.calling.forward,
                        join: agent.calling.join,
                        sites: agent.calling.sites,
                        parked: agent.calling.parked,
                        bar: phone.bar,
                    },
                    phone: phone.settings,
                    ringing: agent.ringing.into(),
                    sign_in_pin: phone.sign_in_pin,
                })
                .collect(),
            trunks: self.trunks_for_plan(tenant).await?,
            blocked: self.blocked(tenant).await?.into_iter().map(BlockedCaller::from).collect(),
            allowed: self.allowed(tenant).await?.into_iter().map(AllowedCaller::from).collect(),
            known_callers: self.known_callers_for_plan(tenant).await?,
            recording_rules: self.recording_rules_for_plan(tenant).await?,
            recording_exclusions: Arc::new(self.exclusions_for_plan(tenant).await?),
            conferences: self.conferences_for_plan(tenant).await?,
            prompts: self.prompts_for_plan(tenant).await?,
            calling: self.calling_rules(tenant).await?.into(),
            messages: self.messages_for_plan(tenant).await?,
            grid: self.grid_for_plan(tenant).await?,
            connectors: self.connectors_for_plan(tenant).await?,
            emergency: self.emergencies_for_plan(tenant).await?,
            trace_back: self.trace_back(tenant).await?.into(),
            parking: self.park_rules(tenant).await?.into(),
            regions: Arc::new(self.regions(tenant).await?),
            mailboxes: self.mailboxes_for_plan(tenant).await?,
            sites: self.sites_for_plan(tenant).await?,
            skill_sets: self.skill_sets_for_plan(tenant).await?,
        })
    }
}

/// The prompt of a queue's music. `music` alone, which is what a queue begins with, is the box's.
fn music(name: &str) -> String {
    let name = if matches!(name, "" | "music") { "wait" } else { name };
    format!("{}/{name}", routing::NO_LANGUAGE)
}

fn queue(queue: crate::queue::Queue) -> routing::Queue {
    let settings = queue.settings;
    routing::Queue {
        id: queue.id,
        name: queue.name,
        strategy: settings.strategy,
        agents: queue.agents,
        priority: settings.priority,
        waiting_max: settings.waiting_max,
        wait_max_s: settings.wait_max_s,
        overflow: settings.overflow.unwrap_or(Target::Voicemail(queue.id)),
        ring_max_s: settings.ring_max_s,
        wrap_up_s: settings.wrap_up_s,
        music: music(&settings.music),
        announce_every_s: settings.announce_every_s,
        record: settings.record,
        survey: settings.survey,
        service_level_s: settings.service_level_s,
        matching: routing::Matching {
            seats: queue.seats.iter().map(seat).collect(),
            needs: settings.needs.into_iter().map(routing::Need::from).collect(),
            skill_choice: settings.skill_choice,
            ring_more_every_s: settings.ring_more_every_s,
            widen_every_s: settings.widen_every_s,
            priority_step_s: settings.priority_step_s,
            vip_priority: settings.vip_priority,
            resume_s: settings.resume_s,
            own_agent_s: settings.own_agent_s,
            last_agent_s: settings.last_agent_s,
            wrap_up_mandatory: settings.wrap_up_mandatory,
            decision: settings.decision.map(routing::Decision::from),
            expression: settings.expression,
            doors: routing::Doors {
                joins_while: settings.joins_while,
                stays_while: settings.stays_while,
                hours: settings.hours,
                out_of_hours: settings.out_of_hours,
                overflow_chain: settings
                    .overflow_chain
                    .into_iter()
                    .map(routing::Onward::from)
                    .collect(),
            },
            auto_answer: settings.auto_answer,
        },
        in_queue: routing::InQueue {
            callback: settings.callback.map(routing::Callback::from),
            playlist: settings.playlist.iter().map(|piece| music(piece)).collect(),
            shuffled: settings.shuffled,
            notices: settings.notices,
            notice_every_s: settings.notice_every_s,
        },
    }
}

fn seat(seat: &crate::queue::Seat) -> routing::Seat {
    routing::Seat { agent: seat.agent, weight: seat.weight, level: seat.level }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn music_is_named_with_its_folder() {
        let named = ["", "music", "wait", "summer"].map(music);
        assert_eq!(named, ["music/wait", "music/wait", "music/wait", "music/summer"]);
    }
}
