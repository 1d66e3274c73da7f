//! Items as a person tells them: who is offered what, and what becomes of it.

mod capacity;
mod random;

use super::*;
use terms::routing::{self, InQueue, Matching, Seat, Skill, Strategy, Target};
use terms::{TenantId, Timestamp};

const NOON: i64 = 1_795_406_400;
const QUEUE: QueueId = QueueId(1);
const OTHER: QueueId = QueueId(2);
const A: AgentId = AgentId(1);
const B: AgentId = AgentId(2);

fn at(second: u64) -> Now {
    let wall = Timestamp::from_secs(NOON + second as i64);
    Now { moment: Moment::from_secs(1_000 + second), wall }
}

fn queue(id: QueueId, agents: &[AgentId]) -> routing::Queue {
    routing::Queue {
        id,
        name: format!("q{id}"),
        strategy: Strategy::LongestIdle,
        agents: agents.to_vec(),
        priority: 0,
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
            skills: vec![Skill { name: "gas".into(), level: id as u32 }],
            calling: Default::default(),
            phone: Default::default(),
            ringing: Default::default(),
            sign_in_pin: String::new(),
        })
        .collect();
    plan.queues = queues;
    plan
}

fn mail(id: u64, second: u64) -> Arrival {
    Arrival {
        item: ItemId(id),
        queue: QUEUE,
        channel: Channel::Email,
        priority: 0,
        received_at: at(second).wall,
        taken_by: None,
    }
}

/// A desk with two agents in queue 1, both signed in; agent 2 alone in queue 2.
fn desk() -> ItemDesk {
    let mut desk = ItemDesk::new();
    desk.apply(at(0), &plan(2, vec![queue(QUEUE, &[A, B]), queue(OTHER, &[B])]));
    for agent in [A, B] {
        desk.set_activity(at(0), agent, Activity::Idle, None);
    }
    desk
}

/// The same, with agent 1 alone signed in.
fn alone() -> ItemDesk {
    let mut desk = desk();
    desk.set_activity(at(0), B, Activity::SignedOut, None);
    desk
}

/// What the desk wanted: `1 to 2` is an offer, `1 back: Unanswered` its end.
fn said(desk: &mut ItemDesk) -> Vec<String> {
    let all = std::iter::from_fn(|| desk.poll_output()).map(|output| match output {
        Output::Offered { item, agent, .. } => format!("{item} to {agent}"),
        Output::Returned { item, back, .. } => format!("{item} back: {back:?}"),
    });
    let all = all.collect();
    desk.audit();
    all
}

#[test]
fn an_item_goes_to_who_was_handed_one_longest_ago_and_says_why() {
    let mut desk = desk();
    desk.arrive(at(1), mail(1, 0));
    let offered = desk.poll_output();
    let why = Why { ring: Some(1), candidates: 2, open: 0, capacity: 3, waited_s: 1 };
    let until = at(61).wall;
    assert_eq!(offered, Some(Output::Offered { item: ItemId(1), agent: A, until, why }));
    desk.arrive(at(2), mail(2, 2));
    assert_eq!(said(&mut desk), ["2 to 2"], "who has less of their capacity");
    for item in [1, 2] {
        let agent = AgentId(item);
        desk.take(at(3), ItemId(item), agent).expect("it is theirs to take");
        desk.end(at(4 + item), ItemId(item));
    }
    desk.arrive(at(10), mail(3, 10));
    assert_eq!(said(&mut desk), ["3 to 1"], "both have nothing; 1 was handed one first");
}

#[test]
fn who_was_handed_one_longer_ago_is_next_whoever_has_the_smaller_number() {
    let mut desk = desk();
    desk.set_activity(at(0), A, Activity::Break, None);
    for (item, agent, second) in [(1, B, 1), (2, A, 4)] {
        desk.arrive(at(second), mail(item, second));
        assert_eq!(said(&mut desk), [format!("{item} to {agent}")]);
        desk.take(at(second + 1), ItemId(item), agent).expect("it is theirs to take");
        desk.end(at(second + 2), ItemId(item));
        desk.set_activity(at(second + 2), A, Activity::Idle, None);
    }
    desk.arrive(at(10), mail(3, 10));
    assert_eq!(said(&mut desk), ["3 to 2"]);
}

#[test]
fn agents_who_are_learned_of_together_share_what_waits() {
    let mut desk = ItemDesk::new();
    desk.apply(at(0), &plan(2, vec![queue(QUEUE, &[A, B])]));
    for id in 1..=4 {
        desk.arrive(at(0), mail(id, id));
    }
    desk.set_activities(at(5), [A, B].map(|agent| (agent, Activity::Idle, None)));
    assert_eq!(said(&mut desk), ["1 to 1", "2 to 2", "3 to 1", "4 to 2"]);
}

#[test]
fn nobody_is_offered_an_item_on_a_break_signed_out_or_with_a_call() {
    use Activity::{Break, Holding, Idle, Ringing, SignedOut, Talking, WrapUp};
    let mut desk = alone();
    for activity in [SignedOut, Break, Ringing, Talking, Holding, WrapUp] {
        desk.set_activity(at(1), A, activity, None);
        desk.arrive(at(2), mail(1, 2));
        assert_eq!(said(&mut desk), [""; 0], "{activity:?}");
        desk.end(at(2), ItemId(1));
    }
    desk.arrive(at(3), mail(1, 3));
    desk.set_activity(at(4), A, Idle, None);
    assert_eq!(said(&mut desk), ["1 to 1"]);
}

#[test]
fn an_offer_goes_back_where_the_agent_has_a_call_and_that_is_no_fault_of_theirs() {
    let mut desk = alone();
    desk.arrive(at(1), mail(1, 1));
    desk.set_activity(at(2), A, Activity::Ringing, None);
    assert_eq!(said(&mut desk), ["1 to 1", "1 back: Withdrawn"]);
    desk.set_activity(at(3), A, Activity::Idle, None);
    assert_eq!(said(&mut desk), ["1 to 1"], "they are not passed over");
    desk.take(at(4), ItemId(1), A).expect("it is theirs");
    desk.set_activity(at(5), A, Activity::Talking, None);
    desk.set_activity(at(6), A, Activity::SignedOut, None);
    assert_eq!(said(&mut desk), [""; 0], "what is taken stays theirs");
    assert_eq!(desk.open(A, Channel::Email).0, 1);
}

#[test]
fn items_wait_by_priority_and_then_by_age_whatever_order_they_came_in() {
    let mut desk = alone();
    desk.set_activity(at(0), A, Activity::Break, None);
    desk.arrive(at(10), mail(1, 9));
    desk.arrive(at(10), mail(2, 5));
    desk.arrive(at(10), Arrival { priority: 1, ..mail(3, 10) });
    let waiting = Waiting { items: 3, first: Some(at(10).wall) };
    assert_eq!(desk.waiting(QUEUE, Channel::Email), waiting);
    desk.set_activity(at(11), A, Activity::Idle, None);
    assert_eq!(said(&mut desk), ["3 to 1", "2 to 1", "1 to 1"]);
    assert_eq!(desk.waiting(QUEUE, Channel::Email), Waiting::default());
}

#[test]
fn of_two_queues_the_first_item_of_both_goes_first() {
    let mut desk = desk();
    for agent in [A, B] {
        desk.set_activity(at(0), agent, Activity::Break, None);
    }
    desk.arrive(at(3), Arrival { queue: OTHER, ..mail(1, 2) });
    desk.arrive(at(3), mail(2, 1));
    desk.arrive(at(3), mail(3, 3));
    desk.set_activity(at(4), B, Activity::Idle, None);
    assert_eq!(said(&mut desk), ["2 to 2", "1 to 2", "3 to 2"]);
}

#[test]
fn an_unanswered_offer_goes_back_to_its_place_and_its_agent_is_passed_over() {
    let mut desk = desk();
    desk.arrive(at(0), mail(1, 0));
    assert_eq!(said(&mut desk), ["1 to 1"]);
    assert_eq!(desk.next_timeout(), Some(at(60).moment));
    desk.handle_timeout(at(59));
    assert_eq!(said(&mut desk), [""; 0]);
    desk.handle_timeout(at(60));
    assert_eq!(said(&mut desk), ["1 back: Unanswered", "1 to 2"], "the next one has it");
    desk.handle_timeout(at(120));
    assert_eq!(said(&mut desk), ["1 back: Unanswered"]);
    let waiting = desk.waiting(QUEUE, Channel::Email);
    assert_eq!(waiting.first, Some(at(0).wall), "it keeps its age");
    desk.handle_timeout(at(359));
    assert_eq!(said(&mut desk), [""; 0]);
    desk.handle_timeout(at(360));
    assert_eq!(said(&mut desk), ["1 to 1"], "the while is over");
}

#[test]
fn who_declines_is_passed_over_for_that_item_alone() {
    let mut desk = alone();
    desk.arrive(at(0), mail(1, 0));
    said(&mut desk);
    desk.decline(at(1), ItemId(1), B);
    desk.decline(at(1), ItemId(1), A);
    desk.decline(at(1), ItemId(1), A);
    assert_eq!(said(&mut desk), [""; 0]);
    desk.arrive(at(2), mail(2, 2));
    assert_eq!(said(&mut desk), ["2 to 1"]);
    desk.set_activity(at(3), B, Activity::Idle, None);
    assert_eq!(said(&mut desk), ["1 to 2"]);
}

#[test]
fn after_three_unanswered_offers_in_a_row_an_agent_is_offered_none_until_they_take_one_or_come_anew()
 {
    let unanswered = |desk: &mut ItemDesk, ids: std::ops::Range<u64>, from: u64| {
        for (n, id) in ids.enumerate() {
            let second = from + n as u64 * 60;
            desk.arrive(at(second), mail(id, second));
            assert_eq!(said(desk), [format!("{id} to 1")]);
            desk.handle_timeout(at(second + 60));
            assert_eq!(said(desk), [format!("{id} back: Unanswered")]);
        }
    };
    let mut desk = alone();
    unanswered(&mut desk, 1..4, 0);
    desk.arrive(at(200), mail(4, 200));
    assert_eq!(said(&mut desk), [""; 0]);
    desk.take(at(201), ItemId(4), A).expect("one that waits in their queue");
    desk.arrive(at(202), mail(5, 202));
    assert_eq!(said(&mut desk), ["5 to 1"], "whoever takes one is there");

    let mut desk = alone();
    unanswered(&mut desk, 1..4, 0);
    desk.set_activity(at(190), A, Activity::Break, None);
    desk.set_activity(at(191), A, Activity::Idle, None);
    desk.arrive(at(192), mail(4, 192));
    assert_eq!(said(&mut desk), [""; 0], "a break is no new sitting");
    desk.set_activity(at(193), A, Activity::SignedOut, None);
    desk.set_activity(at(194), A, Activity::Idle, None);
    assert_eq!(said(&mut desk), ["4 to 1"]);

    let mut desk = alone();
    unanswered(&mut desk, 1..3, 0);
    desk.arrive(at(120), mail(3, 120));
    said(&mut desk);
    desk.decline(at(121), ItemId(3), A);
    unanswered(&mut desk, 4..5, 122);
    desk.arrive(at(183), mail(5, 183));
    assert_eq!(said(&mut desk), ["5 to 1"], "they were not in a row");
}

#[test]
fn an_item_reaches_agents_of_a_further_level_after_their_wait() {
    let seats = vec![Seat { level: 2, ..Seat::usual(B) }];
    let matching = Matching { seats, widen_every_s: 30, ..Matching::default() };
    let mut desk = ItemDesk::new();
    let queue = routing::Queue { matching, ..queue(QUEUE, &[A, B]) };
    desk.apply(at(0), &plan(2, vec![queue]));
    desk.set_activity(at(0), B, Activity::Idle, None);
    desk.arrive(at(0), mail(1, 0));
    desk.handle_timeout(at(29));
    assert_eq!(said(&mut desk), [""; 0]);
    desk.handle_timeout(at(30));
    assert_eq!(said(&mut desk), ["1 to 2"]);
    desk.set_activity(at(31), A, Activity::Idle, None);
    for id in 2..6 {
        desk.arrive(at(40), mail(id, 0));
    }
    let said = said(&mut desk);
    assert_eq!(said, ["2 to 1", "3 to 1", "4 to 1", "5 to 2"], "the nearest first, while they may");
}

#[test]
fn who_lacks_a_needed_skill_is_offered_nothing_of_the_queue() {
    let needs =
        vec![routing::Need { skill: "gas".into(), level: 2, until_s: None, excluded: false }];
    let matching = Matching { needs, ..Matching::default() };
    let mut desk = ItemDesk::new();
    desk.apply(at(0), &plan(2, vec![routing::Queue { matching, ..queue(QUEUE, &[A, B]) }]));
    desk.set_activity(at(0), A, Activity::Idle, None);
    desk.arrive(at(1), mail(1, 1));
    assert_eq!(said(&mut desk), [""; 0]);
    assert_eq!(desk.take(at(1), ItemId(1), A), Err(Refusal::NotTheirs));
    desk.set_activity(at(2), B, Activity::Idle, None);
    assert_eq!(said(&mut desk), ["1 to 2"]);
}

#[test]
fn a_skill_set_leaves_out_queues_of_the_sitting() {
    let mut plan = plan(2, vec![queue(QUEUE, &[A, B]), queue(OTHER, &[B])]);
    let set = SkillSet {
        id: SkillSetId(7),
        number: 1,
        skills: BTreeSet::new(),
        queues: [OTHER].into(),
        agents: [B].into(),
    };
    plan.skill_sets = vec![set];
    let mut desk = ItemDesk::new();
    desk.apply(at(0), &plan);
    desk.set_activity(at(0), B, Activity::Idle, Some(SkillSetId(7)));
    desk.arrive(at(1), mail(1, 1));
    assert_eq!(said(&mut desk), [""; 0]);
    desk.arrive(at(1), Arrival { queue: OTHER, ..mail(2, 1) });
    assert_eq!(said(&mut desk), ["2 to 2"]);
    desk.set_activity(at(2), B, Activity::SignedOut, None);
    desk.set_activity(at(3), B, Activity::Idle, None);
    assert_eq!(said(&mut desk), ["2 back: Withdrawn", "1 to 2", "2 to 2"]);
}

#[test]
fn an_item_that_is_released_or_transferred_keeps_its_age() {
    let mut desk = alone();
    desk.arrive(at(0), mail(1, 0));
    desk.take(at(1), ItemId(1), A).expect("it is theirs");
    said(&mut desk);
    desk.arrive(at(2), mail(2, 2));
    desk.set_activity(at(3), A, Activity::Break, None);
    desk.release(at(4), ItemId(1));
    desk.release(at(4), ItemId(1));
    assert_eq!(said(&mut desk), ["2 to 1", "2 back: Withdrawn"]);
    assert_eq!(desk.waiting(QUEUE, Channel::Email).first, Some(at(0).wall));
    desk.transfer(at(5), ItemId(1), OTHER);
    assert_eq!(desk.waiting(OTHER, Channel::Email).first, Some(at(0).wall));
    desk.set_activity(at(6), B, Activity::Idle, None);
    assert_eq!(said(&mut desk), ["1 to 2", "2 to 2"], "by age, over queues");
}

#[test]
fn a_person_gives_an_item_to_an_agent_of_any_queue_who_is_there_and_may_have_one_more() {
    let mut desk = desk();
    desk.arrive(at(0), Arrival { queue: OTHER, ..mail(1, 0) });
    assert_eq!(said(&mut desk), ["1 to 2"]);
    desk.give(at(1), ItemId(1), A).expect("they are there");
    let why = match desk.poll_output() {
        Some(Output::Offered { agent: A, why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!((why.ring, why.open), (None, 0));
    desk.handle_timeout(at(61));
    assert_eq!(said(&mut desk), ["1 back: Unanswered", "1 to 2"]);
    desk.set_activity(at(62), A, Activity::Break, None);
    assert_eq!(desk.give(at(62), ItemId(1), A), Err(Refusal::Away));
    assert_eq!(desk.give(at(62), ItemId(9), A), Err(Refusal::Gone));
    assert_eq!(desk.take(at(62), ItemId(1), A), Err(Refusal::Others));
}

#[test]
fn what_was_taken_before_a_start_is_its_agents_and_the_rest_is_offered_anew() {
    let mut desk = ItemDesk::new();
    desk.arrive(at(0), Arrival { taken_by: Some(A), ..mail(1, 0) });
    desk.arrive(at(0), mail(2, 0));
    desk.apply(at(1), &plan(2, vec![queue(QUEUE, &[A])]));
    assert_eq!(said(&mut desk), [""; 0]);
    desk.set_activity(at(2), A, Activity::Idle, None);
    assert_eq!(said(&mut desk), ["2 to 1"]);
    assert_eq!(desk.open(A, Channel::Email), (2, 3));
    desk.arrive(at(3), mail(2, 0));
    assert_eq!(said(&mut desk), [""; 0], "it is known");
}

#[test]
fn items_of_a_queue_that_is_gone_wait_for_somebody_to_transfer_them() {
    let mut desk = alone();
    desk.arrive(at(0), mail(1, 0));
    desk.arrive(at(0), Arrival { queue: QueueId(9), ..mail(2, 0) });
    desk.apply(at(1), &plan(2, vec![queue(OTHER, &[A, B])]));
    said(&mut desk);
    desk.handle_timeout(at(60));
    assert_eq!(said(&mut desk), ["1 back: Unanswered"]);
    desk.transfer(at(61), ItemId(1), OTHER);
    desk.transfer(at(61), ItemId(2), OTHER);
    assert_eq!(said(&mut desk), ["1 to 1", "2 to 1"], "what was said in the other queue is over");
}
