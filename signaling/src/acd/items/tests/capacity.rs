//! How many items an agent has at a time.

use super::*;

fn rules(capacity: &[(Channel, u32)]) -> ItemRules {
    ItemRules { capacity: capacity.iter().copied().collect(), ..ItemRules::default() }
}

#[test]
fn an_agent_has_no_more_of_a_channel_than_they_may_and_each_channel_counts_for_itself() {
    let mut desk = alone();
    for id in 1..6 {
        desk.arrive(at(id), mail(id, id));
    }
    assert_eq!(said(&mut desk), ["1 to 1", "2 to 1", "3 to 1"]);
    desk.arrive(at(6), Arrival { channel: Channel::Fax, ..mail(6, 6) });
    desk.arrive(at(6), Arrival { channel: Channel::Fax, ..mail(7, 6) });
    assert_eq!(said(&mut desk), ["6 to 1"]);
    desk.take(at(7), ItemId(1), A).expect("it is theirs");
    assert_eq!(desk.take(at(7), ItemId(4), A), Err(Refusal::Full));
    assert_eq!(desk.may_give(ItemId(4), A), Err(Refusal::Full));
    assert_eq!(said(&mut desk), [""; 0], "taken counts like offered");
    desk.end(at(8), ItemId(1));
    assert_eq!(said(&mut desk), ["4 to 1"]);
}

#[test]
fn who_has_the_smallest_share_of_their_capacity_is_next() {
    let mut desk = desk();
    let own = [(A, [(Channel::Email, 2)].into()), (B, [(Channel::Email, 4)].into())].into();
    desk.set_rules(at(0), ItemRules { own, ..ItemRules::default() });
    for id in 1..7 {
        desk.arrive(at(id), mail(id, id));
    }
    let order = ["1 to 1", "2 to 2", "3 to 2", "4 to 1", "5 to 2", "6 to 2"];
    assert_eq!(said(&mut desk), order, "of equal shares who was handed one longest ago");
}

#[test]
fn nobody_is_offered_a_channel_of_which_they_may_have_none() {
    let mut desk = alone();
    desk.set_rules(at(0), rules(&[(Channel::Email, 0)]));
    desk.arrive(at(1), mail(1, 1));
    assert_eq!(said(&mut desk), [""; 0]);
    desk.set_rules(at(2), rules(&[(Channel::Email, 1)]));
    assert_eq!(said(&mut desk), ["1 to 1"]);
    desk.set_rules(at(3), rules(&[(Channel::Email, 0)]));
    assert_eq!(said(&mut desk), [""; 0], "what they have they keep");
    desk.take(at(4), ItemId(1), A).expect("it was offered");
}

#[test]
fn who_talks_is_offered_what_the_tenant_wants_offered_then() {
    let mut desk = alone();
    let while_talking = [Channel::Web].into();
    desk.set_rules(at(0), ItemRules { while_talking, ..ItemRules::default() });
    desk.set_activity(at(1), A, Activity::Talking, None);
    desk.arrive(at(2), mail(1, 2));
    desk.arrive(at(2), Arrival { channel: Channel::Web, ..mail(2, 2) });
    assert_eq!(said(&mut desk), ["2 to 1"]);
    desk.set_rules(at(3), ItemRules::default());
    assert_eq!(said(&mut desk), ["2 back: Withdrawn"]);
    desk.set_activity(at(4), A, Activity::Break, None);
    desk.set_rules(at(5), ItemRules { while_talking: [Channel::Web].into(), ..rules(&[]) });
    assert_eq!(said(&mut desk), [""; 0], "a break is a break");
}

#[test]
fn the_queue_says_how_long_an_offer_stands() {
    let mut desk = alone();
    desk.set_rules(at(0), ItemRules { offer_s: [(QUEUE, 20)].into(), ..ItemRules::default() });
    desk.arrive(at(1), mail(1, 1));
    assert_eq!(desk.next_timeout(), Some(at(21).moment));
}

#[test]
fn a_thousand_agents_and_ten_thousand_items_are_handed_out_and_counted_right() {
    const AGENTS: u64 = 1_000;
    let everybody: Vec<AgentId> = (1..=AGENTS).map(AgentId).collect();
    let queues = (1..=20).map(|id| queue(QueueId(id), &everybody)).collect();
    let mut desk = ItemDesk::new();
    for id in 1..=10_000 {
        desk.arrive(at(0), Arrival { queue: QueueId(id % 20 + 1), ..mail(id, 0) });
    }
    desk.apply(at(1), &plan(AGENTS, queues));
    for &agent in &everybody {
        desk.set_activity(at(2), agent, Activity::Idle, None);
    }
    let offers = std::iter::from_fn(|| desk.poll_output()).count();
    assert_eq!(offers, 3_000);
    desk.audit();
    for id in 1..=100 {
        desk.end(at(3), ItemId(id));
    }
    assert_eq!(std::iter::from_fn(|| desk.poll_output()).count(), 100);
    desk.audit();
}
