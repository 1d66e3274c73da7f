//! An assignment on a large floor: a contact comes into one of 1,000 queues, is offered to one of
//! 10,000 agents, answered and released. Each agent serves ten queues; the queues have all strategies,
//! every third has levels of agents.

use signaling::acd::{Arrival, Distributor, Output};
use signaling::switch::Now;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;
use terms::control::AgentAction;
use terms::routing::{
    Agent, CallingRight, InQueue, Matching, PhoneSettings, Plan, Queue, Seat, Strategy, Target,
};
use terms::{AgentId, CallId, Moment, QueueId, TenantId, Timestamp, VisitId};

const AGENTS: u64 = 10_000;
const QUEUES: u64 = 1_000;
/// Agents of a queue; each serves as many queues as this times `QUEUES / AGENTS`.
const OF_QUEUE: u64 = 100;

/// A floor is made once: that takes far longer than what is timed.
static FLOOR: LazyLock<Mutex<Floor>> = LazyLock::new(|| Mutex::new(Floor::new()));

struct Floor {
    acd: Distributor,
    now: Now,
    contacts: u64,
}

/// So many assignments, one after the other.
pub fn assign(times: u64) {
    let mut floor = FLOOR.lock().expect("an assignment does not panic");
    for _ in 0..times {
        floor.assign();
    }
}

impl Floor {
    fn new() -> Self {
        let now = Now { moment: Moment::from_secs(1), wall: Timestamp::from_secs(1_795_406_400) };
        let mut plan = Plan::empty(TenantId(1), "floor");
        plan.agents = (0..AGENTS).map(agent).collect();
        plan.queues = (0..QUEUES).map(queue).collect();
        let mut acd = Distributor::new(7);
        acd.apply(now, &plan);
        for n in 0..AGENTS {
            acd.act(now, AgentId(n), AgentAction::SignIn).expect("an agent of the plan signs in");
        }
        while acd.poll_output().is_some() {}
        Floor { acd, now, contacts: 0 }
    }

    fn assign(&mut self) {
        self.contacts += 1;
        let (visit, call) = (VisitId(self.contacts), CallId(self.contacts));
        let queue = QueueId(self.contacts % QUEUES);
        let since = self.now.moment;
        let arrival = Arrival {
            visit,
            call,
            queue,
            priority: 0,
            since,
            personal: None,
            callback: None,
            undecided: false,
        };
        self.acd.enqueue(self.now, arrival).expect("the queue is in the plan");
        let agent = self.offered().expect("somebody is free");
        self.now.moment += Duration::from_secs(1);
        self.acd.answered(self.now, visit, agent);
        self.acd.release(self.now, agent, call, None);
        self.offered();
    }

    /// Takes all outputs; whom the last offer went to.
    fn offered(&mut self) -> Option<AgentId> {
        let mut offered = None;
        while let Some(output) = self.acd.poll_output() {
            if let Output::Offer { agent, .. } = output {
                offered = Some(agent);
            }
        }
        offered
    }
}

fn agent(n: u64) -> Agent {
    Agent {
        id: AgentId(n),
        number: n.to_string(),
        name: String::new(),
        sip_user: n.to_string(),
        ha1_md5: String::new(),
        ha1_sha256: String::new(),
        codes: Vec::new(),
        pickup_any: false,
        calling: CallingRight::default(),
        phone: PhoneSettings::default(),
        ringing: Default::default(),
        sign_in_pin: String::new(),
        skills: Vec::new(),
    }
}

fn queue(n: u64) -> Queue {
    let agents = (0..OF_QUEUE).map(|seat| AgentId((n * AGENTS / QUEUES + seat) % AGENTS));
    let level =
        |(n, agent): (usize, AgentId)| Seat { level: 1 + n as u32 % 3, ..Seat::usual(agent) };
    let seats = agents.clone().enumerate().filter(|_| n.is_multiple_of(3)).map(level).collect();
    Queue {
        id: QueueId(n),
        name: n.to_string(),
        strategy: Strategy::ALL[n as usize % Strategy::ALL.len()],
        agents: agents.collect(),
        priority: 0,
        waiting_max: 100,
        wait_max_s: 300,
        overflow: Target::Hangup,
        ring_max_s: 15,
        wrap_up_s: 0,
        music: String::new(),
        announce_every_s: 0,
        record: false,
        survey: false,
        service_level_s: 20,
        matching: Matching { seats, widen_every_s: 20, ..Matching::default() },
        in_queue: InQueue::default(),
    }
}
