//! A supervisor in the simulated world, from the packets to the rows: who hears whom, what is on the
//! recording, and whose call it is in the end.

use super::voice_of;
use std::time::Duration;
use terms::control::{CallAction, SupervisorPhone};
use terms::event::SupervisionMode::{Barge, Listen, Whisper};
use terms::record::{Leg, Row};
use terms::{AgentId, UserId};
use tests::rig::handset::{Handset, pair_of};
use tests::rig::plan::HOTLINE;
use tests::rig::{Behaviour, Habit, Weather, World, minutes, seconds};

const AGENT: AgentId = AgentId(1);
const LEADER: AgentId = AgentId(3);

fn handset(world: &World, tag: u16) -> &Handset {
    world.handsets.iter().find(|set| set.tag == tag).expect("it was used")
}

/// Agent 3 listens from the 14th second on, whispers from the 26th and barges in from the 38th.
fn supervised(seed: u64) -> World {
    let mut world = World::quiet(seed, Weather::calm());
    world.sign_in(&[1]);
    world.habit(1, Habit::answers());
    world.habit(3, Habit::answers());
    let by = UserId(LEADER.0);
    let phone = SupervisorPhone::Agent(LEADER);
    let mut at = |second, action| world.controls(seconds(second), AGENT, action);
    at(12, CallAction::Supervise { by, phone, mode: Listen });
    at(26, CallAction::ChangeSupervision { by, mode: Whisper });
    at(38, CallAction::ChangeSupervision { by, mode: Barge });
    world
}

fn legs(world: &World) -> Vec<&Leg> {
    let rows = world.center.rows.iter();
    rows.filter_map(|row| match row {
        Row::Leg(leg) => Some(leg),
        _ => None,
    })
    .collect()
}

#[test]
fn a_supervisor_listens_coaches_barges_in_and_takes_over() {
    let mut world = supervised(21);
    let by = UserId(LEADER.0);
    world.controls(seconds(50), AGENT, CallAction::TakeOver { by });
    let caller = world.calls(seconds(1), HOTLINE, Behaviour::talks(seconds(80)));
    world.run_for(minutes(3));
    let (agent, leader) = (world.voices_of(1)[0], world.voices_of(3)[0]);
    let customer = voice_of(&world, caller);

    // Undisturbed until the supervisor barges in: packet by packet what the agent said.
    let first = handset(&world, customer).heard[0];
    let (from, to) = first.counters;
    assert_eq!((first.tag, to - from + 1), (agent, first.packets), "{first:?}");
    assert!(first.to - first.from > Duration::from_secs(30), "{first:?}");
    let pairs = |of: u16| handset(&world, of).pairs.clone();
    let seconds_of = |of: u16, one: u16, two: u16| {
        assert_eq!(pairs(of).len(), 1, "{of}: nobody hears themselves");
        pairs(of).get(&pair_of(one, two)).map_or(0, |&packets| packets / 50)
    };
    assert!((10..=12).contains(&seconds_of(customer, agent, leader)), "barge");
    assert!((22..=24).contains(&seconds_of(agent, customer, leader)), "whisper and barge");
    assert!((34..=36).contains(&seconds_of(leader, customer, agent)), "until the take over");
    for (who, other) in [(customer, leader), (leader, customer)] {
        let last = handset(&world, who).heard.last().expect("the two go on");
        assert_eq!((last.tag, last.packets > 900), (other, true), "{last:?}");
    }

    let totals = world.close_and_balance();
    assert_eq!((totals.calls, totals.answered, totals.recordings), (1, 1, 1));
    assert_eq!((totals.supervisions, totals.take_overs), (1, 1));
    let (left, right) = world.center.disk.rendered[0].voices();
    assert_eq!(left.keys().copied().collect::<Vec<_>>(), [customer]);
    // 400 cells a second. The agent alone is on the right until the supervisor barges in, whispers
    // included; then both, whose cells are nobody's; then the supervisor alone.
    assert!((12_000..15_600).contains(&right[&agent]), "{right:?}");
    assert!(right[&leader] > 9_000, "{right:?}");

    let call = world.center.rows.iter().find_map(|row| match row {
        Row::Call(call) => Some(call),
        _ => None,
    });
    let call = call.expect("one call");
    assert_eq!((call.agent_id, call.last_agent_id), (Some(AGENT), Some(LEADER)));
    assert_eq!((call.agents, call.transfers, call.hold_ms), (2, 0, 0));
    let legs = legs(&world);
    let talk = |role: &str| legs.iter().find(|leg| leg.role == role).map(|leg| leg.talk_ms);
    let (theirs, after) = (talk("agent").expect("one"), talk("supervisor").expect("one"));
    assert!((after + theirs - call.talk_ms).abs() <= 20, "{theirs} and {after} of {call:?}");
}

#[test]
fn a_supervisor_who_only_listens_leaves_no_trace_in_talk_and_recording() {
    let mut world = World::quiet(22, Weather::calm());
    world.sign_in(&[1]);
    world.habit(1, Habit::answers());
    world.habit(3, Habit { talk: Some(seconds(15)), ..Habit::answers() });
    let (by, phone) = (UserId(LEADER.0), SupervisorPhone::Agent(LEADER));
    world.controls(seconds(12), AGENT, CallAction::Supervise { by, phone, mode: Listen });
    let caller = world.calls(seconds(1), HOTLINE, Behaviour::talks(seconds(40)));
    world.run_for(minutes(2));
    let (agent, leader) = (world.voices_of(1)[0], world.voices_of(3)[0]);
    let customer = voice_of(&world, caller);
    for (who, other) in [(customer, agent), (agent, customer)] {
        let set = handset(&world, who);
        assert_eq!(set.heard.len(), 1, "{:?}", set.heard);
        let (from, to) = set.heard[0].counters;
        assert_eq!((set.heard[0].tag, to - from + 1), (other, set.heard[0].packets));
        assert!(set.pairs.is_empty());
    }
    assert!(handset(&world, leader).pairs[&pair_of(customer, agent)] > 600);
    let totals = world.close_and_balance();
    assert_eq!((totals.supervisions, totals.take_overs, totals.recordings), (1, 0, 1));
    let (left, right) = world.center.disk.rendered[0].voices();
    assert_eq!((left.len(), right.len()), (1, 1), "{left:?} {right:?}");
    assert!(left[&customer] > 14_000 && right[&agent] > 14_000);
    let supervisor = legs(&world).into_iter().find(|leg| leg.role == "supervisor");
    let supervisor = supervisor.expect("the leg is in the books");
    assert_eq!((supervisor.agent_id, supervisor.talk_ms), (Some(LEADER), 0));
}
