//! Agents who sign in with a part of their skills and queues, by code and from a screen.

use super::sign_in::{PIN, keys_in};
use super::*;
use std::collections::BTreeSet;
use terms::control::LiveAgent;
use terms::routing::{Number, Plan, SkillSet, Target};
use terms::{NumberId, QueueId, SkillSetId};

const SECOND: SkillSetId = SkillSetId(1);

/// Agent 2 may choose queue 2 alone, by the number 3; `95105604` leads there.
fn plan() -> Plan {
    let mut plan = super::sign_in::plan();
    let (id, digits) = (NumberId(90), "95105604".to_owned());
    plan.numbers.push(Number { id, digits, target: Target::Queue(QueueId(2)) });
    plan.skill_sets = vec![SkillSet {
        id: SECOND,
        number: 3,
        skills: BTreeSet::new(),
        queues: BTreeSet::from([QueueId(2)]),
        agents: BTreeSet::from([A2]),
    }];
    plan
}

fn live(rig: &mut Rig, agent: AgentId) -> LiveAgent {
    let agents = rig.state().agents;
    agents.into_iter().find(|live| live.agent == agent).expect("in the plan")
}

/// The skill sets that the log tells with the states of agent 2.
fn logged(rig: &Rig) -> Vec<Option<SkillSetId>> {
    rig.log
        .iter()
        .filter_map(|entry| match entry.kind {
            Kind::AgentChanged { agent, skill_set, .. } if agent == A2 => Some(skill_set),
            _ => None,
        })
        .collect()
}

#[test]
fn who_dials_the_code_with_a_skill_set_serves_that_part_over_a_kill_until_they_sign_in_anew() {
    let mut rig = Rig::new(plan());
    assert_eq!(keys_in(&mut rig, A2, "*41*3", ""), ["signed_in"]);
    assert_eq!((states(&rig, A2), logged(&rig)), (vec!["Idle".into()], vec![Some(SECOND)]));
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "waiting", "that queue is not among it");
    rig.kill(&[]);
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "waiting", "nor after a kill");
    assert_eq!(live(&mut rig, A2).skill_set, Some(SECOND));
    let other = rig.customer_dials("95105604");
    rig.wait(secs(5));
    assert!(told(&rig).contains(&"answered 2".into()), "{:#?}", told(&rig));
    rig.hangs_up(other);
    rig.wait(secs(1));
    assert_eq!(keys_in(&mut rig, A2, "*41", ""), ["signed_in"]);
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking", "all their queues again");
    assert_eq!(live(&mut rig, A2).skill_set, None);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_skill_set_of_somebody_else_or_of_nobody_signs_nobody_in() {
    let mut rig = Rig::new(plan());
    assert_eq!(keys_in(&mut rig, A1, "*41*3", ""), ["invalid"], "it is not theirs");
    assert_eq!(keys_in(&mut rig, A2, "*41*9", ""), ["invalid"], "there is none");
    let refused = Answer::Refused("this skill set is not given to the agent".into());
    for (agent, set) in [(A1, SECOND), (A2, SkillSetId(9))] {
        assert_eq!(act(&mut rig, agent, AgentAction::SignInWith(set)), refused);
    }
    assert_eq!((states(&rig, A1).len(), states(&rig, A2).len()), (0, 0));
    balanced(&mut rig);
}

#[test]
fn at_the_phone_of_a_colleague_a_skill_set_goes_with_the_number() {
    let mut rig = Rig::new(plan());
    assert_eq!(keys_in(&mut rig, A3, "*418001*3", PIN), ["sign_in_pin", "invalid"]);
    assert_eq!(live(&mut rig, A1).at, None, "the set is not theirs");
    assert_eq!(act(&mut rig, A2, AgentAction::SignInWith(SECOND)), Answer::Done);
    assert_eq!(act(&mut rig, A2, AgentAction::SignOut), Answer::Done);
    assert_eq!(keys_in(&mut rig, A3, "*418002", PIN), ["sign_in_pin", "signed_in"]);
    let before = live(&mut rig, A2);
    assert_eq!((before.at, before.skill_set), (Some(A3), None), "what they chose before is over");
    assert_eq!(logged(&rig), [Some(SECOND), None, None]);
    assert_eq!(keys_in(&mut rig, A3, "*418002*3", PIN), ["sign_in_pin", "signed_in"]);
    let live = live(&mut rig, A2);
    assert_eq!((live.at, live.skill_set), (Some(A3), Some(SECOND)));
    balanced(&mut rig);
}
