//! What the API asks. Everything is answered at once, except a drain.

use super::world::Tenant;
use super::{Compiled, Cx, Drain, Now, Output, Switch};
use crate::acd::Distributor;
use crate::call::{Call, check_forwarding, click, send_fax};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use terms::control::{
    AgentAction, Answer, Ask, CallAction, DialOrder, FaxCall, LiveAgent, LiveQueue, LiveRecording,
    LiveState, NO_MORE_CALLS, Request, Response,
};
use terms::event::{ENTRY_VERSION, Entry, Kind};
use terms::routing::{Delta, Plan};
use terms::{AgentId, CallId, RecordingId, TenantId};

impl Switch {
    pub(super) fn on_ask(&mut self, now: Now, request: Request) {
        let Request { id, body } = request;
        let answer = match body {
            Ask::Plan(plan) => Some(done(self.use_plan(now, *plan))),
            Ask::Delta(delta) => Some(done(self.use_delta(now, *delta))),
            Ask::Leases(changes) => Some(done(self.use_leases(now, *changes))),
            Ask::Forget(tenant, person) => {
                self.forget_person(tenant, &person);
                Some(Answer::Done)
            }
            Ask::Agent { tenant, agent, action } => {
                Some(done(self.agent_acts(now, tenant, agent, action)))
            }
            Ask::Call { tenant, call, action } => {
                Some(done(self.call_acts(now, tenant, call, &action)))
            }
            Ask::PickUp { tenant, by, from } => Some(done(self.asks_pickup(now, tenant, by, from))),
            Ask::TakeParked { tenant, by, slot } => {
                Some(done(self.asks_parked(now, tenant, by, slot)))
            }
            Ask::Dial(order) => Some(match self.clicks(now, &order) {
                Ok(call) => Answer::Call(call),
                Err(why) => Answer::Refused(why),
            }),
            Ask::Fax(order) => Some(match self.faxes(now, &order) {
                Ok(call) => Answer::Call(call),
                Err(why) => Answer::Refused(why),
            }),
            Ask::Text(order) => Some(match self.sends_text(now, *order) {
                Ok(text) => Answer::Text(text),
                Err(why) => Answer::Refused(why),
            }),
            Ask::Conference { tenant, conference, by, action } => {
                Some(done(self.conference_acts(now, (tenant, conference), by, action)))
            }
            Ask::State { tenant } => Some(self.state(tenant)),
            Ask::Recording { tenant, recording } => Some(self.recording(tenant, recording)),
            Ask::Heard { tenant, queue, recording, by } => {
                let kind = Kind::VoicemailHeard { queue, recording, by };
                Some(done(self.heard(now, tenant, kind)))
            }
            Ask::Mailbox(tenant, of) => Some(done(self.mailbox(now, tenant, of))),
            Ask::Item(tenant, told) => Some(done(self.heard(now, tenant, Kind::Item(told)))),
            Ask::Quality { tenant, call } => self.ask_quality(now, id, tenant, call),
            // The edge answers for the core of SIP; here nobody is banned.
            Ask::Bans | Ask::LiftBan(_) => Some(Answer::Bans(Vec::new())),
            Ask::Metrics => Some(Answer::Metrics(self.metrics())),
            Ask::Drain { within_s } => self.start_drain(now, id, within_s),
        };
        if let Some(body) = answer {
            self.world.outputs.push_back(Output::Answer(Response { id, body }));
        }
    }

    fn use_plan(&mut self, now: Now, plan: Plan) -> Result<(), String> {
        let id = plan.tenant;
        let before = self.world.tenants.get(&id).map(|tenant| Arc::clone(&tenant.plan));
        if let Some(before) = before.as_ref().filter(|before| before.plan.version > plan.version) {
            return Err(format!(
                "the plan has version {}, version {} is in use",
                plan.version, before.plan.version
            ));
        }
        let compiled = Arc::new(Compiled::compile(plan, before.as_deref())?);
        let seed = self.world.draw();
        let tenant = self.world.tenants.entry(id).or_insert_with(|| Tenant {
            plan: Arc::clone(&compiled),
            acd: Distributor::new(seed),
            trunks: super::trunks::Usage::default(),
            set_at: BTreeMap::new(),
            driving: BTreeMap::new(),
            callbacks: BTreeMap::new(),
            traces: super::traces::Traces::default(),
        });
        tenant.plan = Arc::clone(&compiled);
        tenant.acd.apply(now, &compiled.plan);
        self.world.learn(now, &compiled.plan);
        self.world.learn_who_drives(&compiled.plan);
        Ok(())
    }

    /// A tenant's plan as it is now.
    pub(crate) fn plan(&self, tenant: TenantId) -> Option<Arc<Compiled>> {
        self.world.tenants.get(&tenant).map(|tenant| Arc::clone(&tenant.plan))
    }

    /// What somebody did that is about no call is written down.
    pub(super) fn heard(&mut self, now: Now, tenant: TenantId, kind: Kind) -> Result<(), String> {
        if !self.world.tenants.contains_key(&tenant) {
            return Err("there is no such tenant".to_owned());
        }
        let (v, at) = (ENTRY_VERSION, now.wall);
        let (contact, call, leg) = (None, None, None);
        self.world.log(Entry { v, seq: 0, at, tenant, contact, call, leg, kind });
        Ok(())
    }

    fn use_delta(&mut self, now: Now, delta: Delta) -> Result<(), String> {
        let Some(tenant) = self.world.tenants.get(&delta.tenant) else {
            return Err(format!("tenant {} has no plan yet: send a whole one", delta.tenant));
        };
        let (version, wanted) = (tenant.plan.plan.version, delta.version);
        let mut plan = tenant.plan.plan.clone();
        if !plan.apply(delta) {
            return Err(format!(
                "change {wanted} does not follow version {version}: send a whole plan"
            ));
        }
        self.use_plan(now, plan)
    }

    fn agent_acts(
        &mut self,
        now: Now,
        tenant: TenantId,
        agent: AgentId,
        action: AgentAction,
    ) -> Result<(), String> {
        let key = (tenant, agent);
        let tenant = self.world.tenants.get(&tenant).ok_or("there is no such tenant")?;
        if let AgentAction::Forward(forwarding) = &action {
            let barred = self.world.calls_out.is_barred(key);
            check_forwarding(&tenant.plan, agent, forwarding, barred)?;
        }
        match action {
            AgentAction::OpenLine => self.opens_line(now, key),
            AgentAction::CloseLine => self.closes_line(now, key),
            action => self.world.act(now, key, action),
        }
    }

    fn call_acts(
        &mut self,
        now: Now,
        tenant: TenantId,
        id: CallId,
        action: &CallAction,
    ) -> Result<(), String> {
        let call =
            self.calls.get_mut(&id).filter(|call| call.tenant == tenant && !call.is_ending());
        let call = call.ok_or_else(|| format!("there is no live call {id}"))?;
        let result = call.act(&mut Cx { now, world: &mut self.world }, action);
        self.after(now, id);
        result
    }

    /// Makes the call that a screen wants.
    fn clicks(&mut self, now: Now, order: &DialOrder) -> Result<CallId, String> {
        if self.drain.is_some() || self.calls.len() >= self.world.config.calls_max {
            return Err(NO_MORE_CALLS.to_owned());
        }
        let mut cx = Cx { now, world: &mut self.world };
        let (call, result) = click(&mut cx, order)?;
        cx.world.calls_begun += 1;
        let id = call.id;
        self.calls.insert(id, Box::new(call));
        self.after(now, id);
        result.map(|()| id).map_err(str::to_owned)
    }

    /// Makes the call that sends a fax.
    fn faxes(&mut self, now: Now, order: &FaxCall) -> Result<CallId, String> {
        if self.drain.is_some() || self.calls.len() >= self.world.config.calls_max {
            return Err(NO_MORE_CALLS.to_owned());
        }
        let call = send_fax(&mut Cx { now, world: &mut self.world }, order)?;
        self.world.calls_begun += 1;
        let id = call.id;
        self.calls.insert(id, Box::new(call));
        self.after(now, id);
        Ok(id)
    }

    fn state(&self, id: TenantId) -> Answer {
        let Some(tenant) = self.world.tenants.get(&id) else {
            return Answer::Refused(format!("tenant {id} has no plan yet"));
        };
        Answer::State(LiveState {
            plan_version: tenant.plan.plan.version,
            queues: tenant
                .acd
                .queues()
                .map(|view| LiveQueue {
                    queue: view.queue,
                    waiting: view.waiting,
                    oldest: view.oldest,
                    agents_signed_in: view.signed_in,
                    agents_idle: view.idle,
                })
                .collect(),
            agents: tenant
                .acd
                .agents()
                .map(|view| LiveAgent {
                    agent: view.agent,
                    activity: view.activity,
                    reason: view.reason,
                    since: view.since,
                    call: view.call,
                    registered: view.registered,
                    do_not_disturb: view.do_not_disturb,
                    forwarding: view.forwarding,
                    barred: self.world.calls_out.is_barred((id, view.agent)),
                    at: view.at,
                    skill_set: view.skill_set,
                    line: self.world.lines.of((id, view.agent)),
                })
                .collect(),
            calls: self
                .calls
                .values()
                .filter(|call| call.tenant == id && !call.is_ending())
                .filter(|call| !call.is_idle_callback() && !call.is_line())
                .map(|call| call.live())
                .collect(),
            callbacks: self
                .calls
                .values()
                .filter(|call| call.tenant == id)
                .filter_map(|call| call.live_callback(&tenant.acd))
                .collect(),
            conferences: self.live_conferences(id),
            // The SIP core knows them; the edge asks it.
            trunks: Vec::new(),
        })
    }

    /// A recording is ours to know from its start until its ledger has come.
    fn recording(&self, tenant: TenantId, recording: RecordingId) -> Answer {
        let of = self.world.recordings.get(&recording).filter(|of| of.tenant == tenant);
        Answer::Recording(of.map(|of| LiveRecording { agent: of.agent, queue: of.queue }))
    }

    /// No new calls from now on.
    fn start_drain(&mut self, now: Now, request: u64, within_s: u32) -> Option<Answer> {
        if self.drain.is_some() {
            return Some(Answer::Refused("the box is already draining".to_owned()));
        }
        let until = now.moment + Duration::from_secs(within_s.into());
        self.drain = Some(Drain { request: Some(request), until, forced: false });
        None
    }

    /// Answers the drain when the last call has ended and of every text is known what came of it. When
    /// time is up, what is left is ended by us, so that every call still gets its record.
    pub(super) fn settle_drain(&mut self, now: Now) {
        let Some(mut drain) = self.drain else { return };
        let idle = |call: &Call| call.is_idle_callback() || call.is_idle_line();
        if !self.calls.is_empty() && self.calls.values().all(|call| idle(call)) {
            // Nobody talks, and an orderly stop leaves nothing to the next process.
            let left: Vec<CallId> = self.calls.keys().copied().collect();
            for id in left {
                self.with_call(now, id, Call::end_idle);
            }
        }
        if !drain.forced && now.moment >= drain.until && !self.calls.is_empty() {
            drain.forced = true;
            self.drain = Some(drain);
            let left: Vec<CallId> = self.calls.keys().copied().collect();
            for id in left {
                self.with_call(now, id, Call::interrupt);
            }
            self.settle(now);
            return;
        }
        let texts_done = self.world.texts.is_empty() || now.moment >= drain.until;
        if self.calls.is_empty()
            && texts_done
            && let Some(id) = drain.request.take()
        {
            self.world.outputs.push_back(Output::Answer(Response { id, body: Answer::Done }));
            self.drain = Some(Drain { forced: true, ..drain });
        }
    }
}

fn done(result: Result<(), String>) -> Answer {
    match result {
        Ok(()) => Answer::Done,
        Err(why) => Answer::Refused(why),
    }
}
