//! The distributor alone: order, fairness, and a long random walk in which nothing may break.

mod claim;
mod decide;
mod doors;
mod order;
mod personal;
mod phone;
mod progressive;
mod ring_all;
mod rings;
mod second;
mod skill_sets;
mod strategies;
mod wrap_up;

use super::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use terms::TenantId;
use terms::control::AgentAction;
use terms::event::ChosenBy;
use terms::routing::{
    self, Doors, InQueue, Matching, Need, Plan, Seat, Skill, SkillChoice, Standing, Strategy,
    Target,
};

fn at(secs: u64) -> Now {
    let wall = Timestamp::from_secs(1_800_000_000 + secs as i64);
    Now { moment: Moment::from_secs(1_000 + secs), wall }
}

fn queue(id: u64, agents: &[u64], priority: i32) -> routing::Queue {
    routing::Queue {
        id: QueueId(id),
        name: format!("q{id}"),
        strategy: if id.is_multiple_of(2) { Strategy::RoundRobin } else { Strategy::LongestIdle },
        agents: agents.iter().map(|&agent| AgentId(agent)).collect(),
        priority,
        waiting_max: 50,
        wait_max_s: 300,
        overflow: Target::Hangup,
        ring_max_s: 15,
        wrap_up_s: 10,
        music: String::new(),
        announce_every_s: 0,
        record: false,
        survey: false,
        service_level_s: 20,
        matching: Matching::default(),
        in_queue: InQueue::default(),
    }
}

fn plan(agents: u64, queues: Vec<routing::Queue>) -> Plan {
    let mut plan = Plan::empty(TenantId(1), "t");
    plan.agents = (1..=agents)
        .map(|id| routing::Agent {
            id: AgentId(id),
            number: id.to_string(),
            name: String::new(),
            sip_user: id.to_string(),
            ha1_md5: String::new(),
            ha1_sha256: String::new(),
            codes: Vec::new(),
            pickup_any: false,
            skills: vec![Skill { name: "gas".into(), level: id as u32 % 4 }],
            calling: Default::default(),
            phone: Default::default(),
            ringing: Default::default(),
            sign_in_pin: String::new(),
        })
        .collect();
    plan.queues = queues;
    let all: Vec<u64> = (1..=agents).collect();
    plan.skill_sets = vec![set(1, &["water"], &[], &all), set(2, &[], &[1, 3], &all)];
    plan
}

fn set(id: u64, skills: &[&str], queues: &[u64], agents: &[u64]) -> SkillSet {
    SkillSet {
        id: SkillSetId(id),
        number: id as u32,
        skills: skills.iter().map(|&skill| skill.to_owned()).collect(),
        queues: queues.iter().map(|&queue| QueueId(queue)).collect(),
        agents: agents.iter().map(|&agent| AgentId(agent)).collect(),
    }
}

fn ready(agents: u64, queues: Vec<routing::Queue>) -> Distributor {
    let mut acd = Distributor::new(7);
    acd.apply(at(0), &plan(agents, queues));
    for agent in 1..=agents {
        acd.act(at(0), AgentId(agent), AgentAction::SignIn).expect("a known agent signs in");
    }
    acd
}

fn arrives(acd: &mut Distributor, now: Now, n: u64, queue: u64) -> Entered {
    comes(acd, now, n, queue, 0)
}

/// A contact with a priority of its own.
fn comes(acd: &mut Distributor, now: Now, n: u64, queue: u64, priority: i32) -> Entered {
    let arrival = Arrival {
        visit: VisitId(n),
        call: CallId(n),
        queue: QueueId(queue),
        priority,
        since: now.moment,
        personal: None,
        callback: None,
        undecided: false,
    };
    acd.enqueue(now, arrival).expect("the queue exists")
}

fn offers(acd: &mut Distributor) -> Vec<(u64, u64)> {
    std::iter::from_fn(|| acd.poll_output())
        .filter_map(|output| match output {
            Output::Offer { visit, agent, .. } => Some((visit.0, agent.0)),
            _ => None,
        })
        .collect()
}

#[test]
fn priority_goes_before_age_and_age_decides_among_equals() {
    let mut acd = ready(1, vec![queue(1, &[1], 0), queue(3, &[1], 9)]);
    arrives(&mut acd, at(1), 1, 1);
    assert_eq!(offers(&mut acd), [(1, 1)]);
    acd.answered(at(2), VisitId(1), AgentId(1));
    arrives(&mut acd, at(3), 2, 1);
    arrives(&mut acd, at(4), 3, 1);
    arrives(&mut acd, at(5), 4, 3);
    assert_eq!(offers(&mut acd), []);
    let mut order = Vec::new();
    for (second, call) in [(10, 1), (20, 4), (30, 2)] {
        acd.release(at(second), AgentId(1), CallId(call), None);
        let (visit, agent) = offers(&mut acd)[0];
        acd.answered(at(second + 1), VisitId(visit), AgentId(agent));
        order.push(visit);
    }
    assert_eq!(order, [4, 2, 3]);
}

#[test]
fn calls_are_spread_evenly() {
    for id in [1, 2] {
        let agents: Vec<u64> = (1..=7).collect();
        let mut acd = ready(7, vec![queue(id, &agents, 0)]);
        let mut taken: BTreeMap<u64, u32> = BTreeMap::new();
        for n in 1..=700 {
            let now = at(n * 20);
            arrives(&mut acd, now, n, id);
            let (_, agent) = offers(&mut acd)[0];
            *taken.entry(agent).or_default() += 1;
            acd.answered(now, VisitId(n), AgentId(agent));
            let length = Duration::from_secs(1 + n % 13);
            acd.release(
                Now { moment: now.moment + length, wall: now.wall },
                AgentId(agent),
                CallId(n),
                None,
            );
        }
        assert!(taken.values().all(|&calls| calls == 100), "queue {id}: {taken:?}");
    }
}

#[test]
fn a_withdrawn_offer_does_not_cost_the_agent_their_turn() {
    let mut acd = ready(2, vec![queue(1, &[1, 2], 0)]);
    arrives(&mut acd, at(1), 1, 1);
    assert_eq!(offers(&mut acd), [(1, 1)]);
    assert_eq!(acd.leave(at(2), VisitId(1)), [AgentId(1)]);
    arrives(&mut acd, at(3), 2, 1);
    assert_eq!(offers(&mut acd), [(2, 1)], "agent 1 is still idle longest");
}

#[test]
fn an_offer_ends_at_its_deadline_and_a_late_answer_is_not_taken() {
    let mut acd = ready(1, vec![queue(1, &[1], 0)]);
    arrives(&mut acd, at(1), 1, 1);
    assert_eq!(acd.next_timeout(), Some(at(16).moment));
    acd.handle_timeout(at(16));
    assert!(!acd.answered(at(16), VisitId(1), AgentId(1)));
    assert_eq!(acd.position(VisitId(1)), Some(1));
    acd.audit().expect("all is well");
}

#[test]
fn the_estimate_follows_what_was_seen() {
    let mut acd = ready(2, vec![queue(1, &[1, 2], 0)]);
    let first = acd.estimated_wait(QueueId(1), 4);
    assert_eq!(first, Some(Duration::from_secs(360)));
    for n in 1..=40 {
        arrives(&mut acd, at(n * 100), n, 1);
        let (_, agent) = offers(&mut acd)[0];
        acd.answered(at(n * 100), VisitId(n), AgentId(agent));
        acd.release(at(n * 100 + 20), AgentId(agent), CallId(n), None);
    }
    let seen = acd.estimated_wait(QueueId(1), 4).expect("agents are signed in");
    assert!((40..=44).contains(&seen.as_secs()), "{seen:?}");
    for agent in [1, 2] {
        acd.act(at(9_000), AgentId(agent), AgentAction::SignOut).expect("they may leave");
    }
    assert_eq!(acd.estimated_wait(QueueId(1), 4), None, "without agents nobody knows");
}

#[test]
fn an_offer_that_a_colleague_picks_up_leaves_the_agent_as_they_were() {
    let mut acd = ready(2, vec![queue(1, &[1], 0)]);
    arrives(&mut acd, at(1), 1, 1);
    assert_eq!(offers(&mut acd), [(1, 1)]);
    acd.engage(at(2), AgentId(2), CallId(1), None, false).expect("agent 2 is free");
    arrives(&mut acd, at(2), 2, 1);
    assert!(acd.picked_up(at(3), VisitId(1), AgentId(1), AgentId(2)));
    assert_eq!(offers(&mut acd), [(2, 1)], "agent 1 takes the next one at once");
    let view = |id| acd.agents().find(|view| view.agent == AgentId(id)).expect("in the plan");
    assert_eq!((view(2).activity, view(2).call), (Activity::Talking, Some(CallId(1))));
    assert_eq!(acd.position(VisitId(1)), None, "the stay is over");
    acd.audit().expect("all is well");
}

/// A random day. `talking` is what the calls believe; the distributor must agree.
struct Day {
    acd: Distributor,
    rng: SmallRng,
    second: u64,
    visits: u64,
    offers: BTreeSet<(VisitId, AgentId)>,
    talking: BTreeMap<AgentId, CallId>,
    counts: [u64; 4],
    /// Visits that rang at more than one agent.
    rung_together: u64,
    /// Who hears something else, and when they would have had to leave.
    aside: Vec<(VisitId, Moment)>,
}

const AGENTS: u64 = 12;

impl Day {
    fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let queues = (1..=5).map(|id| Self::queue(&mut rng, seed, id)).collect();
        let acd = ready(AGENTS, queues);
        let (offers, talking) = (BTreeSet::new(), BTreeMap::new());
        let (counts, rung_together, aside) = ([0; 4], 0, Vec::new());
        Day { acd, rng, second: 1, visits: 0, offers, talking, counts, rung_together, aside }
    }

    /// Three days in a row have all strategies.
    fn queue(rng: &mut SmallRng, seed: u64, id: u64) -> routing::Queue {
        let mine: Vec<u64> = (1..=AGENTS).filter(|_| rng.random_bool(0.4)).collect();
        let strategies = Strategy::ALL.len() as u64;
        let strategy = Strategy::ALL[((seed * 5 + id) % strategies) as usize];
        let seats = mine
            .iter()
            .map(|&agent| Seat {
                agent: AgentId(agent),
                weight: rng.random_range(0..4),
                level: rng.random_range(1..4),
            })
            .collect();
        let priority_step_s = rng.random_range(0..2) * 30;
        let widen_every_s = rng.random_range(0..3) * 10;
        let until_s = [None, Some(0), Some(15), Some(30)][rng.random_range(0..4)];
        let excluded = rng.random_bool(0.3);
        let needs = vec![Need { skill: "gas".into(), level: 2, until_s, excluded }];
        // Now and then nobody has a score: the agent's calls are what it is divided by.
        let expression = Some("skill('gas') + waited_ms / agent_calls - agent_weight".to_owned());
        let there = [Standing::Idle, Standing::Busy, Standing::WrapUp];
        let mut rule = || if rng.random_bool(0.2) { there.to_vec() } else { Vec::new() };
        let doors = Doors { joins_while: rule(), stays_while: rule(), ..Doors::default() };
        let choices = [SkillChoice::All, SkillChoice::BestAvailable, SkillChoice::Disregard];
        let skill_choice = choices[rng.random_range(0..3)];
        let ring_more_every_s = rng.random_range(0..8);
        let matching = Matching {
            seats,
            doors,
            skill_choice,
            ring_more_every_s,
            needs,
            widen_every_s,
            priority_step_s,
            expression,
            ..Matching::default()
        };
        routing::Queue { strategy, matching, ..queue(id, &mine, (id % 3) as i32) }
    }

    fn step(&mut self) {
        let now = at(self.second);
        let agent = AgentId(self.rng.random_range(1..=AGENTS));
        let any = self.pick_visit();
        let offered = self.pick_offer();
        match self.rng.random_range(0..21) {
            0..=4 => {
                self.visits += 1;
                self.counts[0] += 1;
                let queue = self.rng.random_range(1..=5);
                let own = self.rng.random_range(-1..3);
                let wait = Duration::from_secs(20);
                let personal = Personal { agent, wait, by: ChosenBy::LastAgent };
                let arrival = Arrival {
                    visit: VisitId(self.visits),
                    call: CallId(self.visits),
                    queue: QueueId(queue),
                    priority: own,
                    since: now.moment,
                    personal: self.rng.random_bool(0.3).then_some(personal),
                    callback: self.rng.random_bool(0.2).then_some(Duration::from_secs(100)),
                    undecided: self.rng.random_bool(0.1),
                };
                let entered = self.acd.enqueue(now, arrival).expect("the queue exists");
                if let Entered::Full { .. } | Entered::Unstaffed { .. } = entered {
                    self.counts[3] += 1;
                }
            }
            5 | 6 if let Some((visit, agent)) = offered => {
                assert!(self.acd.answered(now, visit, agent), "the offer is theirs");
                for (_, other) in self.take_rung(visit) {
                    assert!(!self.acd.answered(now, visit, other), "nobody answers second");
                }
                let before = self.talking.insert(agent, CallId(visit.0));
                assert_eq!(before, None, "{agent} has two calls");
                self.counts[1] += 1;
            }
            7 if let Some((visit, rung)) = offered => {
                let ends = [OfferEnd::NoAnswer, OfferEnd::Declined, OfferEnd::Unreachable];
                self.offers.remove(&(visit, rung));
                self.acd.offer_failed(now, visit, rung, ends[self.rng.random_range(0..3)]);
            }
            8 if let Some(visit) = any => {
                let left: BTreeSet<_> = self.acd.leave(now, visit).into_iter().collect();
                let rung = self.take_rung(visit);
                let rung: BTreeSet<_> = rung.into_iter().map(|(_, agent)| agent).collect();
                assert_eq!(left, rung);
                self.counts[2] += 1;
            }
            9 | 10 => {
                if let Some(call) = self.talking.remove(&agent) {
                    let wrap_up = (QueueId(1), Duration::from_secs(self.rng.random_range(0..20)));
                    self.acd.release(now, agent, call, Some(wrap_up));
                }
            }
            11 | 12 => {
                let actions = [
                    AgentAction::SignIn,
                    AgentAction::SignIn,
                    AgentAction::SignInWith(SkillSetId(1)),
                    AgentAction::SignInWith(SkillSetId(2)),
                    AgentAction::SignOut,
                    AgentAction::Ready,
                    AgentAction::Break { reason: "tea".into() },
                    AgentAction::EndWrapUp { disposition: None },
                    AgentAction::DoNotDisturb { on: true },
                    AgentAction::DoNotDisturb { on: false },
                ];
                let action = actions[self.rng.random_range(0..actions.len())].clone();
                let _ = self.acd.act(now, agent, action);
            }
            13 => self.acd.registered(now, agent, self.rng.random_bool(0.8)),
            14 if let Some(visit) = any => self.acd.present(now, visit, None),
            15 if let Some(visit) = any => self.acd.absent(visit),
            16 if let Some((visit, from)) = offered => self.picks_up(now, agent, visit, from),
            17 if let Some(visit) = any => {
                let (own, wait) = (self.rng.random_range(-2..5), Duration::from_secs(15));
                let personal = Personal { agent, wait, by: ChosenBy::Decision };
                let personal = self.rng.random_bool(0.5).then_some(personal);
                self.acd.decide(now, visit, own, personal);
            }
            18 => match (self.aside.pop(), any) {
                (Some((visit, leave_at)), _) => self.acd.step_back(now, visit, leave_at),
                (None, Some(visit)) => {
                    let leave_at = self.acd.step_aside(now, visit);
                    self.aside.extend(leave_at.map(|at| (visit, at)));
                }
                (None, None) => {}
            },
            _ => {
                self.second += self.rng.random_range(0..10);
                self.acd.handle_timeout(at(self.second));
            }
        }
        self.take_outputs();
        self.acd.audit().unwrap_or_else(|why| panic!("{why}"));
    }

    /// Who is free of calls takes what rings at another; at the wrong phone nothing is taken.
    fn picks_up(&mut self, now: Now, agent: AgentId, visit: VisitId, from: AgentId) {
        let call = CallId(visit.0);
        if agent == from || self.acd.engage(now, agent, call, None, false).is_err() {
            return;
        }
        assert!(!self.acd.picked_up(now, visit, agent, agent), "it does not ring there");
        assert!(self.acd.picked_up(now, visit, from, agent), "it rings there");
        assert!(!self.acd.picked_up(now, visit, from, agent), "nobody has it twice");
        self.take_rung(visit);
        self.talking.insert(agent, call);
        self.counts[1] += 1;
    }

    /// Nobody rings for this visit any more. Who did.
    fn take_rung(&mut self, visit: VisitId) -> BTreeSet<(VisitId, AgentId)> {
        let rung: BTreeSet<_> =
            self.offers.iter().copied().filter(|(of, _)| *of == visit).collect();
        self.offers = &self.offers - &rung;
        rung
    }

    fn pick_visit(&mut self) -> Option<VisitId> {
        let visits: Vec<VisitId> = self.acd.visits.keys().copied().collect();
        (!visits.is_empty()).then(|| visits[self.rng.random_range(0..visits.len())])
    }

    fn pick_offer(&mut self) -> Option<(VisitId, AgentId)> {
        let offers: Vec<_> = self.offers.iter().copied().collect();
        (!offers.is_empty()).then(|| offers[self.rng.random_range(0..offers.len())])
    }

    fn take_outputs(&mut self) {
        while let Some(output) = self.acd.poll_output() {
            match output {
                Output::Offer { visit, agent, .. } => {
                    let is_new = self.offers.insert((visit, agent));
                    assert!(is_new, "{visit} rings twice at {agent}");
                    let agents = self.offers.iter().filter(|(of, _)| *of == visit).count();
                    let queue = self.acd.visits.get(&visit).map(|visit| visit.queue);
                    let strategy = queue.map(|queue| self.acd.queues[&queue].settings.strategy);
                    let several =
                        matches!(strategy, Some(Strategy::RingAll | Strategy::Progressive));
                    assert!(agents == 1 || several, "{visit} rings at {agents} agents");
                    self.rung_together += u64::from(agents == 2);
                    self.check_order(visit, agent);
                }
                Output::OfferEnded { visit, agent, .. } => {
                    assert!(self.offers.remove(&(visit, agent)), "{visit} rang at {agent}");
                }
                Output::FlowOut { .. } => self.counts[3] += 1,
                Output::Claimed { .. } | Output::ClaimOver { .. } | Output::AgentChanged(_) => {}
            }
        }
    }

    /// Nobody who still waits, and whom this agent could take, comes before the one who rings.
    fn check_order(&self, rung: VisitId, agent: AgentId) {
        let Some(mine) = self.acd.visits.get(&rung) else { return };
        let serves = &self.acd.agents[&agent].queues;
        for (id, visit) in &self.acd.visits {
            let queue = &self.acd.queues[&visit.queue];
            let reaches = match visit.awaited {
                Some(awaited) => awaited.agent == agent,
                None => serves.contains(&visit.queue) && queue.free.reaches(visit.stage, agent),
            };
            if visit.offer.is_none() && !visit.absent && reaches {
                assert!(
                    mine.key.rank() <= visit.key.rank(),
                    "{rung} rings at {agent} before {id}: {:?} {:?}",
                    mine.key,
                    visit.key
                );
            }
        }
    }
}

#[test]
fn a_long_random_day_breaks_nothing() {
    let mut rung_together = 0;
    for seed in 0..20 {
        let mut day = Day::new(seed);
        for _ in 0..4_000 {
            day.step();
        }
        let waiting = day.acd.waiting() as u64;
        let [offered, answered, abandoned, flowed_out] = day.counts;
        assert_eq!(offered, answered + abandoned + flowed_out + waiting, "seed {seed}");
        assert!(answered > 40, "seed {seed}: {answered} answers, nothing happened");
        rung_together += day.rung_together;
        end_of_day(&mut day);
    }
    assert!(rung_together > 0, "nothing rang at several");
}

/// Everybody hangs up; an hour later nobody rings and nobody wraps up.
fn end_of_day(day: &mut Day) {
    for (agent, call) in std::mem::take(&mut day.talking) {
        let wrap_up = Some((QueueId(1), Duration::from_secs(30)));
        day.acd.release(at(day.second), agent, call, wrap_up);
    }
    while let Some(visit) = day.pick_visit() {
        day.acd.leave(at(day.second), visit);
        day.take_outputs();
        day.offers.retain(|(visit, _)| day.acd.visits.contains_key(visit));
    }
    day.acd.handle_timeout(at(day.second + 3_600));
    assert_eq!(day.acd.next_timeout(), None);
    for agent in day.acd.agents() {
        let quiet =
            matches!(agent.activity, Activity::SignedOut | Activity::Break | Activity::Idle);
        assert!(quiet && agent.call.is_none(), "{agent:?}");
    }
}

#[test]
fn a_plan_that_changes_while_people_wait_keeps_them() {
    let mut acd = ready(2, vec![queue(1, &[1], 0), queue(2, &[2], 0)]);
    arrives(&mut acd, at(1), 1, 1);
    arrives(&mut acd, at(2), 2, 1);
    assert_eq!(offers(&mut acd), [(1, 1)]);
    acd.apply(at(3), &plan(2, vec![queue(1, &[1, 2], 0), queue(2, &[2], 0)]));
    assert_eq!(offers(&mut acd), [(2, 2)], "agent 2 serves queue 1 now");
    acd.audit().expect("all is well");
    acd.apply(at(4), &plan(1, vec![queue(1, &[1], 0)]));
    let ended = std::iter::from_fn(|| acd.poll_output())
        .any(|output| matches!(output, Output::OfferEnded { agent: AgentId(2), .. }));
    assert!(ended, "agent 2 is gone");
    assert_eq!(acd.position(VisitId(2)), Some(2));
    acd.audit().expect("all is well");
}
