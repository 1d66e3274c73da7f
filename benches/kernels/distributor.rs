//! An assignment on a large floor: a contact comes into one of 1,000 queues, is offered to one of
//! 10,000 agents, answered and released. Each agent serves ten queues; the queues have all strategies,
//! every third has levels of agents.
//!
//! Floors that are harder: one that goes by skills, one where all agents talk and ten wait in each
//! queue, so that whoever is released has the first of a hundred, and one where each queue scores a
//! hundred free agents by the longest expression that there may be.

use signaling::acd::{Arrival, Distributor, Output};
use signaling::switch::Now;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;
use terms::control::AgentAction;
use terms::routing::{
    Agent, CallingRight, InQueue, Matching, Need, PhoneSettings, Plan, Queue, Seat, Skill,
    SkillChoice, Strategy, Target,
};
use terms::{AgentId, CallId, Moment, QueueId, TenantId, Timestamp, VisitId};

const AGENTS: u64 = 10_000;
const QUEUES: u64 = 1_000;
/// Agents of a queue; each serves as many queues as this times `QUEUES / AGENTS`.
const OF_QUEUE: u64 = 100;

/// Contacts that wait in each queue of a full floor.
const WAITING: u32 = 10;
/// From one assignment to the next on a full floor: nobody waits until they would go.
const FULL_PACE: Duration = Duration::from_millis(1);
/// As many parts as one may have, over skills, the agent's day and the contact.
const EXPRESSION: &str = "skill('gas') * 9 + skill('water') * 8 + skill('heat') * 7 \
    + skill('vip') * 6 + skill('mandarin') * 5 + skill('english') * 4 - agent_calls * 2 \
    + agent_idle_ms / 1000 - agent_busy_permille \
    + if(business = 'gas', agent_weight, priority) - min(waited_ms, 9)";
const SKILLS: [&str; 6] = ["gas", "water", "heat", "vip", "mandarin", "english"];

/// A floor is made once: that takes far longer than what is timed.
static USUAL: LazyLock<Mutex<Floor>> = LazyLock::new(|| Mutex::new(Floor::new(agent, queue)));
static SKILLED: LazyLock<Mutex<Floor>> = LazyLock::new(|| Mutex::new(Floor::new(skilled, needing)));
static SCORED: LazyLock<Mutex<Floor>> = LazyLock::new(|| Mutex::new(Floor::new(skilled, scoring)));
static FULL: LazyLock<Mutex<Floor>> = LazyLock::new(|| Mutex::new(Floor::full()));

struct Floor {
    acd: Distributor,
    now: Now,
    contacts: u64,
    /// Whom each agent of a full floor talks with.
    talking: Vec<CallId>,
    /// Agents who were released there.
    released: u64,
}

/// An agent whom a contact was offered to.
struct Offered {
    visit: VisitId,
    call: CallId,
    queue: QueueId,
    agent: AgentId,
}

/// So many assignments, one after the other.
pub fn assign(times: u64) {
    assign_on(&USUAL, Floor::assign, times);
}

/// The same where queues need skills.
pub fn assign_by_skills(times: u64) {
    assign_on(&SKILLED, Floor::assign, times);
}

/// The same where queues score their agents.
pub fn assign_by_expression(times: u64) {
    assign_on(&SCORED, Floor::assign, times);
}

/// The same where contacts wait for whoever is released.
pub fn assign_waiting(times: u64) {
    assign_on(&FULL, Floor::relieve, times);
}

fn assign_on(floor: &Mutex<Floor>, assign: fn(&mut Floor), times: u64) {
    let mut floor = floor.lock().expect("an assignment does not panic");
    for _ in 0..times {
        assign(&mut floor);
    }
}

impl Floor {
    fn new(agent: fn(u64) -> Agent, queue: fn(u64) -> Queue) -> Self {
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
        Floor { acd, now, contacts: 0, talking: Vec::new(), released: 0 }
    }

    /// Everybody talks, and contacts wait in each queue.
    fn full() -> Self {
        let mut floor = Floor::new(agent, queue);
        floor.talking = vec![CallId(0); AGENTS as usize];
        for queue in (0..QUEUES).map(QueueId) {
            while floor.acd.waiting_in(queue) < WAITING {
                floor.comes(queue);
                if let Some(offered) = floor.offered() {
                    floor.talks(&offered);
                }
            }
        }
        floor
    }

    /// A contact comes into a queue.
    fn comes(&mut self, queue: QueueId) {
        self.contacts += 1;
        let (visit, call) = (VisitId(self.contacts), CallId(self.contacts));
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
    }

    fn assign(&mut self) {
        self.comes(QueueId((self.contacts + 1) % QUEUES));
        let Offered { visit, call, agent, .. } = self.offered().expect("somebody is free");
        self.now.moment += Duration::from_secs(1);
        self.acd.answered(self.now, visit, agent);
        self.acd.release(self.now, agent, call, None);
        self.offered();
    }

    /// An agent is released and takes who waits longest for them; somebody else comes for that one.
    fn relieve(&mut self) {
        self.now.moment += FULL_PACE;
        self.acd.handle_timeout(self.now);
        let agent = self.released % AGENTS;
        self.released += 1;
        let call = self.talking[agent as usize];
        self.acd.release(self.now, AgentId(agent), call, None);
        let offered = self.offered().expect("contacts wait for whoever is released");
        self.talks(&offered);
        self.comes(offered.queue);
        self.offered();
    }

    fn talks(&mut self, offered: &Offered) {
        let &Offered { visit, call, agent, .. } = offered;
        self.acd.answered(self.now, visit, agent);
        self.talking[agent.0 as usize] = call;
    }

    /// Takes all outputs; whom the last offer went to.
    fn offered(&mut self) -> Option<Offered> {
        let mut offered = None;
        while let Some(output) = self.acd.poll_output() {
            if let Output::Offer { visit, call, queue, agent, .. } = output {
                offered = Some(Offered { visit, call, queue, agent });
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

/// Has some of the skills, each at a level of their own; every tenth is a trainee.
fn skilled(n: u64) -> Agent {
    let known = SKILLS.iter().zip(0..).filter(|&(_, at)| !(n + at).is_multiple_of(4));
    let level = |at: u64| 1 + ((n + at) % 5) as u32;
    let mut skills: Vec<Skill> =
        known.map(|(name, at)| Skill { name: (*name).to_owned(), level: level(at) }).collect();
    if n % 10 == 9 {
        skills.push(Skill { name: "trainee".to_owned(), level: 1 });
    }
    Agent { skills, ..agent(n) }
}

/// Needs one skill for good, one for a while and one at best, and no trainees; every other queue has
/// the best of them go first.
fn needing(n: u64) -> Queue {
    let need = |at: u64, level, until_s| Need {
        skill: SKILLS[((n + at) % 6) as usize].to_owned(),
        level,
        until_s,
        excluded: false,
    };
    let trainees = Need { skill: "trainee".to_owned(), level: 1, until_s: None, excluded: true };
    let needs = vec![need(0, 1, None), need(1, 3, Some(20)), need(2, 2, Some(0)), trainees];
    let skill_choice =
        if n.is_multiple_of(2) { SkillChoice::All } else { SkillChoice::BestAvailable };
    let mut queue = queue(n);
    queue.matching.needs = needs;
    queue.matching.skill_choice = skill_choice;
    queue
}

/// Scores all its agents, who are of one level.
fn scoring(n: u64) -> Queue {
    let matching = Matching { expression: Some(EXPRESSION.to_owned()), ..Matching::default() };
    Queue { strategy: Strategy::Expression, matching, ..queue(n) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expression_has_as_many_parts_as_one_may_have() {
        assert_eq!(signaling::acd::check_score(EXPRESSION), Ok(()));
        let longer = signaling::acd::check_score(&format!("-({EXPRESSION})"));
        assert!(longer.expect_err("one more part").contains("51 parts"));
    }

    #[test]
    fn on_a_full_floor_nobody_is_free_and_so_many_wait_whoever_is_released() {
        let mut floor = Floor::full();
        for _ in 0..100 {
            floor.relieve();
        }
        for queue in floor.acd.queues() {
            assert_eq!((queue.waiting, queue.idle), (WAITING, 0), "{queue:?}");
        }
    }
}
