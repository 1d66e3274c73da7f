//! Calls to the outside: as many as sixteen E1 carry at once, and those that a full queue sends there.

use super::*;
use terms::RecordingRuleId;
use terms::control::RecordingNow;
use terms::media::Command;
use terms::routing::{Agent, RecordingRule, RecordingThen, RecordingWhen, Target};

/// Channels of sixteen E1 with thirty each.
const CALLS: u64 = 480;
/// How often everybody calls.
const ROUNDS: usize = 2;

#[test]
fn four_hundred_and_eighty_calls_out_are_held_at_once_recorded_and_none_is_lost() {
    let mut plan = demo_plan();
    let usual = plan.agents[0].clone();
    let agent = |id| Agent {
        id: AgentId(id),
        number: format!("{}", 8_000 + id),
        sip_user: format!("{}", 1_000 + id),
        ..usual.clone()
    };
    plan.agents = (1..=CALLS).map(agent).collect();
    (plan.trunks[0].calls_max, plan.trunks[0].calls_per_s_max) = (CALLS as u32, CALLS as u32);
    plan.recording_rules = vec![RecordingRule {
        id: RecordingRuleId(1),
        name: "all".into(),
        when: RecordingWhen::default(),
        then: RecordingThen::default(),
    }];
    let mut rig = Rig::new(plan);
    for id in 1..=CALLS {
        sign_in(&mut rig, AgentId(id));
    }
    for _ in 0..ROUNDS {
        let legs: Vec<LegId> =
            (1..=CALLS).map(|id| rig.agent_dials(AgentId(id), &format!("0138{id:08}"))).collect();
        for wait in [10, 600] {
            rig.wait(secs(wait));
            let calls = rig.state().calls;
            assert_eq!(calls.len() as u64, CALLS, "after {wait} s");
            let held = calls
                .iter()
                .filter(|call| call.phase == "talking" && call.recording == RecordingNow::On);
            assert_eq!(held.count() as u64, CALLS, "after {wait} s");
        }
        for leg in legs {
            rig.hangs_up(leg);
        }
        rig.wait(secs(5));
    }
    let all = CALLS as usize * ROUNDS;
    let answered = rig.log.iter().filter(|entry| {
        matches!(entry.kind, Kind::CallEnded { outcome: Outcome::Answered, cause: 16, .. })
    });
    assert_eq!(answered.count(), all);
    let starts = rig.media.iter().filter(|command| matches!(command, Command::RecordStart(_)));
    assert_eq!(starts.count(), all);
    balanced(&mut rig);
}

#[test]
fn who_finds_a_full_queue_is_with_a_mobile_outside_recorded_and_reported() {
    let mut plan = demo_plan();
    plan.queues[0].waiting_max = 0;
    plan.queues[0].overflow = Target::Number("013811112222".into());
    let mut rig = Rig::new(plan);
    let caller = rig.customer_dials("95105600");
    rig.wait(secs(10));
    assert_eq!(phase(&mut rig), "talking", "{:#?}", told(&rig));
    assert_eq!(rig.state().calls[0].recording, RecordingNow::On);
    let told_so = told(&rig);
    for word in ["flowed out Overflow", "leg Outside"] {
        assert!(told_so.iter().any(|told| told.starts_with(word)), "{word}: {told_so:#?}");
    }
    rig.wait(secs(30));
    rig.hangs_up(caller);
    rig.wait(secs(1));
    assert!(told(&rig).contains(&"recorded Recorded".to_owned()), "{:#?}", told(&rig));
    balanced(&mut rig);
}
