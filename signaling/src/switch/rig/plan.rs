//! The tenant of the stories: a hotline with a flow, two queues, three agents and a trunk.

use super::{Rig, TENANT, TRUNK};
use terms::media::{SrtpPolicy, TrunkT38};
use terms::routing::{
    Agent, BlockedCaller, CallerRule, Conference, EarlyMedia, Flow, InQueue, Listening, Matching,
    Number, Pin, Plan, Queue, Strategy, Target, Trunk,
};
use terms::{AgentId, ConferenceId, FlowId, NumberId, QueueId};

/// Agents 1–3 with short numbers 1001–1003. `95105688` is the default flow into queue 1, `95105600`
/// is queue 1 itself, `95105601` rings agent 1, `95105602` takes a message. Queue 1 has everything
/// (survey, recording, wrap-up of 10 s, overflow to voicemail); queue 2 is second choice, round
/// robin, without survey.
///
/// `95105603` leads into conference 1 (room 8101, PIN 4711 for guests and 815471 for the chairperson,
/// four members, recorded); conference 2 (room 8102) has no PIN, mutes who comes, waits for nobody;
/// conference 3 (room 8103, PIN 2580 of the chairperson only) waits for the chairperson and ends
/// with them.
pub fn demo_plan() -> Plan {
    let mut plan = Plan::empty(TENANT, "demo");
    plan.version = 1;
    plan.agents = (1..=3).map(agent).collect();
    plan.queues = vec![service(), second()];
    plan.flows = vec![Flow {
        id: FlowId(1),
        name: "hotline".into(),
        version: 1,
        document: crate::ivr::default_flow(QueueId(1)),
    }];
    plan.numbers = [
        ("95105688", Target::Flow(FlowId(1))),
        ("95105600", Target::Queue(QueueId(1))),
        ("95105601", Target::Agent(AgentId(1))),
        ("95105602", Target::Voicemail(QueueId(1))),
        ("95105603", Target::Conference(ConferenceId(1))),
    ]
    .into_iter()
    .enumerate()
    .map(|(n, (digits, target))| Number { id: NumberId(n as u64), digits: digits.into(), target })
    .collect();
    plan.trunks = vec![Trunk {
        id: TRUNK,
        name: "city".into(),
        sources: vec!["192.0.2.0/24".into()],
        proxy: "sip:192.0.2.1:5060".into(),
        outbound: None,
        register: false,
        register_each: false,
        register_expires_s: 300,
        inbound_digest: None,
        caller_number: "95105688".into(),
        caller_numbers: vec!["95105600".into()],
        calls_max: 100,
        calls_per_s_max: 100,
        prefixes: vec!["0".into(), "1".into()],
        codecs: Vec::new(),
        srtp: SrtpPolicy::Off,
        t38: TrunkT38::Allow,
        advertise: None,
        ca: String::new(),
        certificate: None,
        certificate_names: Vec::new(),
        order: 0,
        weight: 0,
        options_every_s: 0,
        caller_rule: CallerRule::Dialled,
        trusted: false,
        early_media: EarlyMedia::Pass,
        listening: Listening::default(),
        sip_i: false,
        requires_prack: false,
    }];
    plan.conferences = conferences();
    plan.blocked = vec![BlockedCaller::always("+8613900000000")];
    plan
}

impl Rig {
    /// Whether an agent's phone may have one more call, which it shows as one that waits.
    pub(super) fn lets_wait(&self, agent: Option<AgentId>) -> bool {
        let settings = agent.and_then(|agent| self.plan.agent(agent));
        let allowed = settings.is_some_and(|agent| agent.ringing.call_waiting);
        let mut dialogs = self.dialogs.values().filter(|dialog| dialog.agent == agent);
        allowed && dialogs.any(|dialog| dialog.answered)
    }
}

fn conferences() -> Vec<Conference> {
    let room = |id: u64| Conference {
        number: format!("{}", 8_100 + id),
        ..Conference::new(ConferenceId(id), &format!("room {id}"))
    };
    vec![
        Conference {
            guest_pin: Pin("4711".into()),
            chair_pin: Pin("815471".into()),
            members_max: 4,
            record: true,
            ..room(1)
        },
        Conference { muted_on_entry: true, ..room(2) },
        Conference {
            chair_pin: Pin("2580".into()),
            wait_for_chair: true,
            ends_with_chair: true,
            ..room(3)
        },
    ]
}

fn agent(id: u64) -> Agent {
    Agent {
        id: AgentId(id),
        number: format!("800{id}"),
        name: format!("agent {id}"),
        sip_user: format!("{}", 1_000 + id),
        ha1_md5: String::new(),
        ha1_sha256: String::new(),
        codes: Vec::new(),
        pickup_any: false,
        skills: Vec::new(),
        calling: Default::default(),
        phone: Default::default(),
        ringing: Default::default(),
        sign_in_pin: String::new(),
    }
}

fn service() -> Queue {
    Queue {
        id: QueueId(1),
        name: "service".into(),
        strategy: Strategy::LongestIdle,
        agents: vec![AgentId(1), AgentId(2)],
        priority: 0,
        waiting_max: 5,
        wait_max_s: 120,
        overflow: Target::Voicemail(QueueId(1)),
        ring_max_s: 15,
        wrap_up_s: 10,
        music: "music/wait".into(),
        announce_every_s: 20,
        record: true,
        survey: true,
        service_level_s: 20,
        matching: Matching::default(),
        in_queue: InQueue::default(),
    }
}

fn second() -> Queue {
    Queue {
        id: QueueId(2),
        name: "second".into(),
        strategy: Strategy::RoundRobin,
        agents: vec![AgentId(2), AgentId(3)],
        priority: 5,
        overflow: Target::Hangup,
        survey: false,
        record: false,
        wrap_up_s: 0,
        ..service()
    }
}
