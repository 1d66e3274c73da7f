//! A program of the tenant says of callers what they are worth and whom they wait for first.

use super::*;
use terms::routing::{Decision, KnownCaller, Plan};

/// A program is asked about callers of queue 1 and has two seconds.
fn plan() -> Plan {
    let mut plan = demo_plan();
    let url = "https://crm.example/decide".to_owned();
    plan.queues[0].matching.decision = Some(Decision { url, timeout_ms: 2_000, wait_s: 30 });
    plan
}

fn world(agents: &[AgentId]) -> Rig {
    let mut rig = Rig::new(plan());
    for &agent in agents {
        sign_in(&mut rig, agent);
    }
    rig
}

fn answers(rig: &mut Rig, status: u16, body: serde_json::Value) {
    let id = rig.requests.last().expect("the program was asked").id;
    rig.http_done(id, Ok((status, body)));
}

fn decisions(rig: &Rig) -> Vec<String> {
    let decided = |word: &String| word.contains(" with ");
    told(rig).into_iter().filter(decided).collect()
}

fn offered(rig: &Rig) -> Vec<String> {
    told(rig).into_iter().filter(|word| word.starts_with("offered")).collect()
}

#[test]
fn a_program_is_asked_once_and_names_who_is_to_have_the_caller() {
    let mut rig = world(&[A1, A2]);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(1));
    assert_eq!(offered(&rig), Vec::<String>::new(), "nobody rings before it has answered");
    assert_eq!(rig.requests.len(), 1);
    let asked = rig.requests[0].clone();
    assert_eq!((asked.method.as_str(), asked.timeout), ("POST", secs(2)));
    let body = asked.body.expect("it is told about whom");
    assert_eq!(body["caller"], "+8613800138000");
    assert_eq!(body["queue"], "1");
    assert_eq!(body["position"], 1);
    assert_eq!(body["waiting"], 1);
    answers(&mut rig, 200, serde_json::json!({"agent": "2", "priority": 3}));
    assert_eq!(offered(&rig), ["offered 2"], "agent 1 is idle as long and would be first");
    assert_eq!(decisions(&rig), ["Answered: Some(AgentId(2)) with 3"]);
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn without_an_answer_in_time_or_with_one_that_is_none_it_is_as_if_nobody_was_asked() {
    for late in [true, false] {
        let mut plan = plan();
        let number = "+8613800138000".to_owned();
        plan.known_callers =
            vec![KnownCaller { number, agent: Some(A2), ..KnownCaller::default() }];
        plan.queues[0].matching.own_agent_s = 30;
        let mut rig = Rig::new(plan);
        for agent in [A1, A2] {
            sign_in(&mut rig, agent);
        }
        let customer = rig.customer_dials("95105600");
        rig.wait(secs(1));
        if late {
            rig.wait(secs(2));
        } else {
            answers(&mut rig, 200, serde_json::json!({"agent": ["2"]}));
        }
        let end = if late { "Late" } else { "Failed" };
        assert_eq!(decisions(&rig), [format!("{end}: None with 0")]);
        assert_eq!(offered(&rig), ["offered 2"], "the customer's own agent");
        if late {
            answers(&mut rig, 200, serde_json::json!({"agent": "1"}));
            assert_eq!(decisions(&rig).len(), 1, "nobody listens any more");
        }
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}

#[test]
fn who_hangs_up_or_is_of_a_killed_process_waits_for_no_answer() {
    let mut rig = world(&[A1]);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(1));
    rig.hangs_up(customer);
    answers(&mut rig, 200, serde_json::json!({"agent": "1"}));
    rig.wait(secs(5));
    assert_eq!((offered(&rig).len(), decisions(&rig).len()), (0, 0));

    let customer = rig.customer_dials("95105600");
    rig.wait(secs(1));
    rig.kill(&[]);
    rig.wait(secs(1));
    assert_eq!(offered(&rig), ["offered 1"], "as if nobody was asked");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(customer);
    balanced(&mut rig);
}
