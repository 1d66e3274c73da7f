//! Whatever happens in whatever order, the books balance.

use super::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

const AGENTS: u64 = 6;

impl ItemDesk {
    /// What must hold after every step.
    ///
    /// # Panics
    /// Where it does not.
    pub(super) fn audit(&self) {
        for (&id, worker) in &self.workers {
            self.audit_worker(id, worker);
        }
        for (&id, item) in &self.items {
            let stands = self
                .places
                .get(&item.queue)
                .is_some_and(|place| place.lane(item.channel).stages_of(id) == [item.stage]);
            assert_eq!(stands, item.state == State::Waiting, "{id}: {item:?}");
            let is_offered = matches!(item.state, State::Offered { .. });
            let has_deadline = self.timers.iter().any(|(_, timer)| *timer == Timer::Offer(id));
            assert_eq!(is_offered, has_deadline, "{id}: {item:?}");
        }
        let standing: u32 = Channel::ALL
            .iter()
            .flat_map(|&channel| self.places.values().map(move |place| place.lane(channel).len()))
            .sum();
        let waiting = self.items.values().filter(|item| item.state == State::Waiting).count();
        assert_eq!(standing as usize, waiting, "each waiting item stands once");
        self.audit_matches();
    }

    fn audit_worker(&self, id: AgentId, worker: &Worker) {
        for channel in Channel::ALL {
            let has = |item: &&Item| {
                let of = match item.state {
                    State::Waiting => None,
                    State::Offered { agent, .. } | State::Taken { agent } => Some(agent),
                };
                item.channel == channel && of == Some(id)
            };
            let open = self.items.values().filter(has).count();
            assert_eq!(worker.open[channel.index()] as usize, open, "{id} {channel:?}");
        }
        for offered in &worker.offers {
            let item = &self.items[offered];
            assert!(matches!(item.state, State::Offered { agent, .. } if agent == id));
            assert!(worker.is_there(self.rules.while_talking.contains(&item.channel)));
        }
    }

    /// No agent who may have an item stands idle beside one that reaches them.
    fn audit_matches(&self) {
        for (id, item) in self.items.iter().filter(|(_, item)| item.state == State::Waiting) {
            let place = &self.places[&item.queue];
            for (&agent, worker) in &self.workers {
                let Some(ring) = place.ring_of.get(&agent) else { continue };
                let capacity = self.rules.capacity(agent, item.channel);
                let may = worker.is_there(self.rules.while_talking.contains(&item.channel))
                    && worker.answers()
                    && worker.share(item.channel, capacity).is_some()
                    && place.reaches(*ring, item.stage)
                    && !item.passed.contains_key(&agent);
                assert!(!may, "{agent} could have {id}: {item:?}");
            }
        }
    }
}

fn random_queue(rng: &mut SmallRng, id: u64) -> routing::Queue {
    let mine: Vec<AgentId> = (1..=AGENTS).filter(|_| rng.random_bool(0.6)).map(AgentId).collect();
    let seats = mine
        .iter()
        .map(|&agent| Seat { agent, weight: 1, level: rng.random_range(1..4) })
        .collect();
    let until_s = [None, Some(0), Some(40)][rng.random_range(0..3)];
    let needs = vec![routing::Need { skill: "gas".into(), level: 2, until_s, excluded: false }];
    let matching = Matching {
        seats,
        needs,
        widen_every_s: rng.random_range(0..3) * 20,
        priority_step_s: rng.random_range(0..2) * 30,
        ..Matching::default()
    };
    let priority = rng.random_range(0..3);
    routing::Queue { matching, priority, ..queue(QueueId(id), &mine) }
}

fn random_plan(rng: &mut SmallRng) -> Plan {
    let queues = rng.random_range(1..4);
    plan(AGENTS, (1..=queues).map(|id| random_queue(rng, id)).collect())
}

fn random_rules(rng: &mut SmallRng) -> ItemRules {
    let mut channel = |odds: f64| -> Vec<Channel> {
        Channel::ALL.into_iter().filter(|_| rng.random_bool(odds)).collect()
    };
    let (some, while_talking) = (channel(0.5), channel(0.3));
    let capacity = some.into_iter().map(|channel| (channel, rng.random_range(0..4))).collect();
    ItemRules {
        capacity,
        own: [(A, [(Channel::Email, rng.random_range(0..3))].into())].into(),
        while_talking: while_talking.into_iter().collect(),
        offer_s: [(QUEUE, rng.random_range(10..90))].into(),
    }
}

/// One thing that may happen.
fn happens(desk: &mut ItemDesk, rng: &mut SmallRng, now: Now, last: &mut u64) {
    use Activity::{Break, Holding, Idle, Ringing, SignedOut, Talking, WrapUp};
    let item = ItemId(rng.random_range(1..=(*last).max(1)));
    let agent = AgentId(rng.random_range(1..=AGENTS));
    match rng.random_range(0..20) {
        0..5 => {
            *last += 1;
            let received = now.wall.0 - rng.random_range(0..100) * 1_000_000;
            desk.arrive(
                now,
                Arrival {
                    item: ItemId(*last),
                    queue: QueueId(rng.random_range(1..5)),
                    channel: Channel::ALL[rng.random_range(0..CHANNELS)],
                    priority: rng.random_range(-1..2),
                    received_at: Timestamp(received),
                    taken_by: rng.random_bool(0.1).then_some(agent),
                },
            );
        }
        5..10 => {
            let all = [Idle, Idle, Idle, Ringing, Talking, Holding, WrapUp, Break, SignedOut];
            desk.set_activity(now, agent, all[rng.random_range(0..all.len())], None);
        }
        10..13 => {
            // Whether they may is what is tried.
            let _ = desk.take(now, item, agent);
        }
        13 => desk.decline(now, item, agent),
        14 => desk.release(now, item),
        15 => desk.transfer(now, item, QueueId(rng.random_range(1..5))),
        16 => {
            let _ = desk.give(now, item, agent);
        }
        17 => desk.end(now, item),
        18 => desk.set_rules(now, random_rules(rng)),
        _ => desk.apply(now, &random_plan(rng)),
    }
}

#[test]
fn whatever_happens_no_item_is_lost_none_is_at_two_agents_and_nobody_waits_for_a_free_agent() {
    for seed in 0..60 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut desk = ItemDesk::new();
        desk.apply(at(0), &random_plan(&mut rng));
        let (mut second, mut last) = (0, 0);
        let mut offered: BTreeMap<ItemId, AgentId> = BTreeMap::new();
        for _ in 0..400 {
            second += rng.random_range(0..8);
            let before: BTreeMap<ItemId, Timestamp> =
                desk.items.iter().map(|(id, item)| (*id, item.received_at)).collect();
            desk.handle_timeout(at(second));
            happens(&mut desk, &mut rng, at(second), &mut last);
            for (id, item) in &desk.items {
                let age = before.get(id).copied().unwrap_or(item.received_at);
                assert_eq!(age, item.received_at, "seed {seed}: {id} keeps its age");
            }
            while let Some(output) = desk.poll_output() {
                match output {
                    Output::Offered { item, agent, why, .. } => {
                        assert!(why.open < why.capacity, "seed {seed}: {agent} has enough");
                        offered.insert(item, agent);
                    }
                    Output::Returned { item, agent, .. } => {
                        assert_eq!(offered.remove(&item), Some(agent), "seed {seed}: {item}");
                    }
                }
            }
            desk.audit();
        }
        assert!(last > 50, "seed {seed}: something came in");
    }
}
