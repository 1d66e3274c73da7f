//! What agents may call outside and forward calls to, and what a stolen extension comes to.

use super::*;
use crate::sip::user_agent::{Command as Sipc, Destination};
use crate::switch::{Config, OutLimits};
use serde_json::json;
use std::collections::BTreeSet;
use terms::control::SupervisorPhone;
use terms::event::{CallingLimit, Forwarding, SupervisionMode};
use terms::routing::{Bar, CallingRight, Flow, NumberClass, PhoneSettings, Plan};
use terms::{FlowId, UserId};

const ABROAD: &str = "00442071234567";
const MOBILE: &str = "013811112222";

/// The tenant of the stories, whose agent 1 has these rights.
fn plan_with(dial: NumberClass, forward: NumberClass) -> Plan {
    let mut plan = demo_plan();
    let (dial, forward) = (Some(dial), Some(forward));
    plan.agents[0].calling = CallingRight { dial, forward, ..CallingRight::default() };
    plan
}

fn abroad() -> Plan {
    plan_with(NumberClass::Premium, NumberClass::Premium)
}

/// The same tenant, whose trunk takes numbers of the country alone.
fn at_home(mut plan: Plan) -> Plan {
    plan.trunks[0].prefixes = vec!["01".to_owned()];
    plan
}

fn uses(rig: &mut Rig, plan: Plan) {
    assert_eq!(rig.ask(Ask::Plan(Box::new(plan))), Answer::Done);
}

/// The plan with the bar of agent 1 as it is from now on.
fn bar(rig: &mut Rig, mut plan: Plan, barred: bool) {
    plan.version += 1 + rig.state().plan_version;
    plan.agents[0].calling.bar = Bar { barred, at: rig.now.wall };
    uses(rig, plan);
}

/// Numbers that were called over a trunk.
fn called(rig: &Rig) -> Vec<String> {
    let numbers = rig.sip.iter().filter_map(|command| match command {
        Sipc::Invite(invite) => match &invite.to {
            Destination::Trunk(_, _, number) => Some(number.clone()),
            Destination::Agent(..) => None,
        },
        _ => None,
    });
    numbers.collect()
}

fn refusal(rig: &Rig, of: LegId) -> Option<(u16, Option<&'static str>)> {
    rig.sip.iter().find_map(|command| match command {
        Sipc::Reject { leg, status, warning, .. } if *leg == of => Some((*status, *warning)),
        _ => None,
    })
}

/// An agent dials, and whoever answers is hung up on after three seconds.
fn dials(rig: &mut Rig, agent: AgentId, number: &str) -> Option<u16> {
    let leg = rig.agent_dials(agent, number);
    rig.wait(secs(3));
    rig.hangs_up(leg);
    rig.wait(secs(1));
    refusal(rig, leg).map(|(status, _)| status)
}

fn barred_for(rig: &Rig) -> Vec<CallingLimit> {
    let limits = rig.log.iter().filter_map(|entry| match &entry.kind {
        Kind::Calling(Calling { agent, what: InCalling::Barred { limit } }) if *agent == A1 => {
            Some(*limit)
        }
        _ => None,
    });
    limits.collect()
}

fn is_shown_barred(rig: &mut Rig, agent: AgentId) -> bool {
    let agents = rig.state().agents;
    agents.iter().find(|live| live.agent == agent).expect("in the plan").barred
}

fn all_hang_up(rig: &mut Rig) {
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(rig);
}

#[test]
fn nobody_calls_abroad_who_was_not_allowed_to_and_the_answer_says_why() {
    let mut rig = rig_with(&[]);
    let leg = rig.agent_dials(A1, ABROAD);
    rig.wait(secs(1));
    let why = "there is no right to call numbers of this class";
    assert_eq!(refusal(&rig, leg), Some((403, Some(why))));
    assert_eq!(outcome(&rig), (Outcome::Refused, 21, Party::System));
    let word = format!("1 not to {ABROAD}: International Dial NoRight");
    assert!(told(&rig).contains(&word), "{:#?}", told(&rig));
    assert_eq!(dials(&mut rig, A1, "16800123"), Some(403), "a number with a price of its own");
    assert_eq!(called(&rig), [] as [&str; 0]);
    assert_eq!(dials(&mut rig, A1, MOBILE), None, "the country is allowed");
    assert_eq!(called(&rig), [MOBILE]);
    balanced(&mut rig);
}

#[test]
fn a_right_of_ones_own_comes_before_the_tenants() {
    let mut rig = Rig::new(abroad());
    assert_eq!((dials(&mut rig, A1, ABROAD), dials(&mut rig, A2, ABROAD)), (None, Some(403)));
    let mut plan = plan_with(NumberClass::Internal, NumberClass::Internal);
    plan.version = 2;
    plan.calling.dial = NumberClass::International;
    uses(&mut rig, plan);
    assert_eq!((dials(&mut rig, A1, MOBILE), dials(&mut rig, A2, ABROAD)), (Some(403), None));
    assert_eq!(dials(&mut rig, A1, "1002"), None, "colleagues are no right");
    assert_eq!(dials(&mut rig, A1, "119"), None, "nobody needs a right to call for help");
    assert_eq!(called(&rig), [ABROAD, ABROAD, "119"]);
    balanced(&mut rig);
}

#[test]
fn a_caller_is_passed_on_and_somebody_asked_in_within_ones_right_alone() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let from = rig.leg_of(A1).expect("agent 1 talks");
    rig.refers(from, ABROAD);
    rig.wait(secs(1));
    assert!(
        rig.sip.iter().any(|c| matches!(c, Sipc::RejectRefer { status: 403, .. })),
        "{:?}",
        rig.sip
    );
    let no_right = Answer::Refused("there is no right to call numbers of this class".into());
    let target = || ABROAD.to_owned();
    let by = UserId(77);
    let phone = SupervisorPhone::Number(target());
    for action in [
        CallAction::Transfer { target: target() },
        CallAction::Invite { target: target() },
        CallAction::ForceTransfer { by, target: target() },
        CallAction::Supervise { by, phone, mode: SupervisionMode::Listen },
    ] {
        assert_eq!(call_act(&mut rig, action.clone()), no_right, "{action:?}");
    }
    assert_eq!((called(&rig).len(), phase(&mut rig).as_str()), (0, "talking"));
    let invited = CallAction::Invite { target: MOBILE.to_owned() };
    assert_eq!(call_act(&mut rig, invited), Answer::Done);
    rig.hangs_up(customer);
    all_hang_up(&mut rig);
}

#[test]
fn a_flow_has_the_tenants_right_and_goes_on_at_its_error_where_it_has_none() {
    let mut plan = demo_plan();
    let document = json!({"format": 1, "start": "go", "steps": {
        "go": {"kind": "transfer", "target": ABROAD, "on": {"error": "sorry"}},
        "sorry": {"kind": "hangup", "prompts": ["goodbye"]}}});
    plan.flows = vec![Flow { id: FlowId(1), name: "hotline".into(), version: 2, document }];
    let mut rig = Rig::new(plan.clone());
    let customer = rig.customer_dials("95105688");
    rig.wait(secs(5));
    assert_eq!(heard(&rig, customer), ["goodbye"]);
    assert_eq!(called(&rig), [] as [&str; 0]);
    plan.version = 2;
    plan.calling.dial = NumberClass::International;
    uses(&mut rig, plan);
    rig.customer_dials("95105688");
    rig.wait(secs(1));
    assert_eq!(called(&rig), [ABROAD]);
    all_hang_up(&mut rig);
}

#[test]
fn forwarding_is_refused_when_it_is_set_and_again_when_it_is_followed() {
    let mut rig = rig_with(&[]);
    let to = |number: &str| Forwarding { always: Some(number.into()), ..Forwarding::default() };
    let set = |rig: &mut Rig, number| act(rig, A1, AgentAction::Forward(to(number)));
    let no_right = Answer::Refused("there is no right to call numbers of this class".into());
    assert_eq!(set(&mut rig, ABROAD), no_right);
    let code = rig.agent_dials(A1, &format!("*72{ABROAD}"));
    rig.wait(secs(5));
    assert_eq!(heard(&rig, code), ["number_unknown"]);
    // Who may dial a number may not forward to it for that.
    let mut plan = plan_with(NumberClass::Premium, NumberClass::National);
    plan.version = 2;
    uses(&mut rig, plan);
    assert_eq!(set(&mut rig, ABROAD), no_right);
    let mut plan = abroad();
    plan.version = 3;
    uses(&mut rig, plan);
    assert_eq!(set(&mut rig, ABROAD), Answer::Done);
    let mut plan = demo_plan();
    plan.version = 4;
    uses(&mut rig, plan);
    rig.customer_dials("95105601");
    rig.wait(secs(5));
    let told = told(&rig);
    assert!(
        told.contains(&format!("1 not to {ABROAD}: International Forward NoRight")),
        "{told:?}"
    );
    assert!(told.contains(&"answered 1".into()), "as if nothing were set: {told:#?}");
    assert_eq!(called(&rig), [] as [&str; 0]);
    all_hang_up(&mut rig);
}

#[test]
fn a_stolen_extension_without_a_right_is_stopped_at_its_fifth_call() {
    let mut rig = rig_with(&[]);
    for n in 0..8 {
        rig.agent_dials(A1, &format!("0088213{n:06}"));
        rig.wait(secs(20));
    }
    assert_eq!(called(&rig), [] as [&str; 0]);
    assert_eq!(barred_for(&rig), [CallingLimit::Refused], "once");
    let barred = rig.log.iter().position(|entry| {
        let what = |calling: &Calling| matches!(calling.what, InCalling::Barred { .. });
        matches!(&entry.kind, Kind::Calling(calling) if what(calling))
    });
    let before = &rig.log[..barred.expect("it is told")];
    let calls = before.iter().filter(|e| matches!(e.kind, Kind::CallStarted { .. })).count();
    assert_eq!(calls, 5);
    assert_eq!(dials(&mut rig, A1, MOBILE), Some(403), "nor anywhere else");
    assert!(is_shown_barred(&mut rig, A1) && !is_shown_barred(&mut rig, A2));
    balanced(&mut rig);
}

#[test]
fn a_thief_is_counted_and_told_the_same_where_no_trunk_leads_abroad() {
    let mut rig = Rig::new(at_home(demo_plan()));
    let leg = rig.agent_dials(A1, ABROAD);
    rig.wait(secs(1));
    let why = "there is no right to call numbers of this class";
    assert_eq!(refusal(&rig, leg), Some((403, Some(why))));
    assert_eq!(outcome(&rig), (Outcome::Refused, 21, Party::System));
    let word = format!("1 not to {ABROAD}: International Dial NoRight");
    assert!(told(&rig).contains(&word), "{:#?}", told(&rig));
    for _ in 2..=4 {
        assert_eq!(dials(&mut rig, A1, ABROAD), Some(403));
    }
    assert_eq!(barred_for(&rig), []);
    assert_eq!(dials(&mut rig, A1, ABROAD), Some(403));
    assert_eq!(barred_for(&rig), [CallingLimit::Refused], "the fifth");
    assert_eq!(dials(&mut rig, A1, "5555"), Some(403), "barred, whoever is there");
    assert_eq!(dials(&mut rig, A2, "5555"), Some(404), "nobody is, and they have the right");
    assert_eq!(dials(&mut rig, A1, "119"), Some(404), "for help nobody needs a right");
    assert_eq!(called(&rig), [] as [&str; 0]);
    balanced(&mut rig);
}

#[test]
fn what_no_trunk_takes_of_what_they_may_call_counts_nothing() {
    let mut rig = Rig::new(at_home(abroad()));
    for _ in 0..12 {
        assert_eq!(dials(&mut rig, A1, ABROAD), Some(404));
    }
    assert_eq!((called(&rig).len(), barred_for(&rig)), (0, vec![]), "no call was made");
    balanced(&mut rig);
}

#[test]
fn who_passes_on_asks_in_or_consults_learns_nothing_of_the_trunks_either() {
    let mut rig = Rig::new(at_home(demo_plan()));
    sign_in(&mut rig, A1);
    let customer = talking(&mut rig);
    let from = rig.leg_of(A1).expect("agent 1 talks");
    rig.refers(from, ABROAD);
    let last = rig.sip.last();
    assert!(matches!(last, Some(Sipc::RejectRefer { status: 403, .. })), "{last:?}");
    let no_right = Answer::Refused("there is no right to call numbers of this class".into());
    let target = || ABROAD.to_owned();
    for action in [
        CallAction::Transfer { target: target() },
        CallAction::Invite { target: target() },
        CallAction::Consult { target: target() },
    ] {
        assert_eq!(call_act(&mut rig, action.clone()), no_right, "{action:?}");
    }
    assert_eq!((barred_for(&rig), phase(&mut rig).as_str()), (vec![], "talking"));
    let second = rig.agent_dials(A1, ABROAD);
    rig.wait(secs(1));
    assert_eq!(refusal(&rig, second).map(|(status, _)| status), Some(403));
    assert_eq!(barred_for(&rig), [CallingLimit::Refused], "each way was counted");
    assert_eq!(called(&rig), [] as [&str; 0]);
    rig.hangs_up(customer);
    all_hang_up(&mut rig);
}

#[test]
fn a_stolen_extension_with_every_right_is_stopped_within_a_minute() {
    let mut rig = Rig::new(abroad());
    let begun = rig.now.moment;
    let mut stopped = None;
    for n in 0..40 {
        // It hangs up at once and dials the next, as their programs do.
        let leg = rig.agent_dials(A1, &format!("0088213{n:06}"));
        rig.wait(secs(2));
        rig.hangs_up(leg);
        if refusal(&rig, leg).is_some() {
            stopped.get_or_insert(rig.now.moment - begun);
        }
    }
    assert!(stopped.is_some_and(|after| after <= secs(60)), "{stopped:?}");
    assert_eq!(barred_for(&rig), [CallingLimit::PerMinute]);
    assert_eq!(called(&rig).len(), 10);
    balanced(&mut rig);
}

#[test]
fn a_stolen_extension_that_forwards_itself_and_is_called_is_stopped_and_its_calls_end() {
    let mut rig = Rig::new(abroad());
    let code = rig.agent_dials(A1, "*720088213000001");
    rig.wait(secs(5));
    assert_eq!(heard(&rig, code), ["forwarding_on"]);
    let begun = rig.now.moment;
    for _ in 0..6 {
        rig.customer_dials("95105601");
        rig.wait(secs(5));
    }
    assert!(rig.now.moment - begun <= secs(60));
    assert_eq!(barred_for(&rig), [CallingLimit::AtOnce]);
    assert_eq!(called(&rig).len(), 5);
    let cut = rig.log.iter().filter(|e| matches!(e.kind, Kind::CallEnded { cause: 21, .. }));
    assert_eq!(cut.count(), 5, "what went on ends: {:#?}", told(&rig));
    rig.customer_dials("95105601");
    rig.wait(secs(5));
    assert_eq!(called(&rig).len(), 5, "nothing more goes there");
    assert!(told(&rig).contains(&"answered 1".into()), "they are reached at their own phone");
    let forwards = Forwarding { always: Some(MOBILE.into()), ..Forwarding::default() };
    let refused = act(&mut rig, A1, AgentAction::Forward(forwards));
    let why = "calling out is barred until an administrator lifts it".to_owned();
    assert_eq!(refused, Answer::Refused(why), "nor anywhere else");
    all_hang_up(&mut rig);
}

#[test]
fn one_dear_call_that_never_ends_ends_when_the_hour_is_used_up() {
    let out = OutLimits { length_per_hour_max: secs(600), ..OutLimits::default() };
    let config = Config { out, ..Config::default() };
    let mut rig = Rig::with(abroad(), config);
    rig.agent_dials(A1, ABROAD);
    rig.wait(secs(599));
    assert_eq!(phase(&mut rig), "talking");
    rig.wait(secs(2));
    assert_eq!((rig.switch.calls(), barred_for(&rig)), (0, vec![CallingLimit::Length]));
    balanced(&mut rig);
}

#[test]
fn calls_within_the_country_go_on_when_their_agent_is_barred() {
    let mut rig = Rig::new(demo_plan());
    let forwards = Forwarding { always: Some(MOBILE.into()), ..Forwarding::default() };
    assert_eq!(act(&mut rig, A1, AgentAction::Forward(forwards)), Answer::Done);
    for _ in 0..6 {
        rig.customer_dials("95105601");
        rig.wait(secs(5));
    }
    assert_eq!(barred_for(&rig), [CallingLimit::AtOnce]);
    assert_eq!(rig.state().calls.len(), 6, "five customers talk, the sixth reached the phone");
    all_hang_up(&mut rig);
}

#[test]
fn a_bar_is_on_calling_out_alone_and_ends_when_the_plan_says_so_later() {
    let mut rig = rig_with(&[A1]);
    bar(&mut rig, demo_plan(), true);
    assert!(is_shown_barred(&mut rig, A1));
    let leg = rig.agent_dials(A1, MOBILE);
    rig.wait(secs(1));
    let why = "calling out is barred until an administrator lifts it";
    assert_eq!(refusal(&rig, leg), Some((403, Some(why))));
    assert_eq!(dials(&mut rig, A1, "1002"), None, "colleagues");
    assert_eq!(dials(&mut rig, A1, "110"), None, "help");
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking", "they receive calls as ever");
    rig.hangs_up(customer);
    rig.wait(secs(20));
    bar(&mut rig, demo_plan(), false);
    assert!(!is_shown_barred(&mut rig, A1));
    assert_eq!(dials(&mut rig, A1, MOBILE), None);
    assert_eq!(called(&rig), ["110", MOBILE]);
    balanced(&mut rig);
}

#[test]
fn a_kill_begins_no_count_of_the_guard_anew() {
    let mut rig = rig_with(&[]);
    for _ in 0..4 {
        assert_eq!(dials(&mut rig, A1, ABROAD), Some(403));
    }
    rig.kill(&[]);
    assert_eq!(barred_for(&rig), []);
    assert_eq!(dials(&mut rig, A1, ABROAD), Some(403));
    assert_eq!(barred_for(&rig), [CallingLimit::Refused], "the fifth, whichever process counted");
    balanced(&mut rig);
}

#[test]
fn calls_that_outlive_a_kill_count_on_and_those_that_do_not_are_over() {
    for lost in [false, true] {
        let mut rig = Rig::new(demo_plan());
        let forwards = Forwarding { always: Some(MOBILE.into()), ..Forwarding::default() };
        assert_eq!(act(&mut rig, A1, AgentAction::Forward(forwards)), Answer::Done);
        let mut customers = Vec::new();
        for _ in 0..5 {
            customers.push(rig.customer_dials("95105601"));
            rig.wait(secs(5));
        }
        assert_eq!(called(&rig).len(), 5);
        customers.truncate(usize::from(lost));
        rig.kill(&customers);
        rig.wait(secs(1));
        rig.customer_dials("95105601");
        rig.wait(secs(5));
        let barred = if lost { Vec::new() } else { vec![CallingLimit::AtOnce] };
        assert_eq!(barred_for(&rig), barred, "lost {lost}");
        all_hang_up(&mut rig);
    }
}

#[test]
fn a_plan_that_was_on_its_way_lifts_no_bar_and_a_new_process_learns_it() {
    let mut rig = rig_with(&[]);
    for n in 0..5 {
        rig.agent_dials(A1, &format!("0088213{n:06}"));
        rig.wait(secs(1));
    }
    let mut plan = demo_plan();
    plan.version = 2;
    uses(&mut rig, plan);
    assert!(is_shown_barred(&mut rig, A1), "the plan knows of none");
    bar(&mut rig, demo_plan(), true);
    rig.kill(&[]);
    assert_eq!(dials(&mut rig, A1, MOBILE), Some(403));
    balanced(&mut rig);
}

/// What was written down for the business store, of agent 1.
fn written(rig: &Rig) -> Vec<(bool, Option<String>)> {
    let set = rig.log.iter().filter_map(|entry| match &entry.kind {
        Kind::Calling(Calling { agent, what: InCalling::Set { do_not_disturb, forwarding } })
            if *agent == A1 =>
        {
            Some((*do_not_disturb, forwarding.always.clone()))
        }
        _ => None,
    });
    set.collect()
}

#[test]
fn what_is_set_by_code_and_by_screen_is_written_down_once_each() {
    let mut rig = rig_with(&[A1]);
    for code in ["*78", "*78", "*721002"] {
        rig.agent_dials(A1, code);
        rig.wait(secs(5));
    }
    assert_eq!(act(&mut rig, A1, AgentAction::Ready), Answer::Done);
    assert_eq!(act(&mut rig, A1, AgentAction::Break { reason: "lunch".into() }), Answer::Done);
    let to = |to: Option<&str>| to.map(str::to_owned);
    let expected = [(true, to(None)), (true, to(Some("1002"))), (false, to(Some("1002")))];
    assert_eq!(written(&rig), expected, "ready ends do not disturb too, a break changes nothing");
    balanced(&mut rig);
}

#[test]
fn after_a_kill_what_was_set_last_counts_and_not_what_the_store_knew_before() {
    let mut rig = rig_with(&[]);
    let before = rig.now.wall;
    rig.wait(secs(10));
    assert_eq!(act(&mut rig, A1, AgentAction::DoNotDisturb { on: true }), Answer::Done);
    rig.kill(&[]);
    let mut plan = demo_plan();
    plan.version = 2;
    let forwarding = Forwarding { always: Some("1002".into()), ..Forwarding::default() };
    plan.agents[0].phone = PhoneSettings { do_not_disturb: false, forwarding, at: before };
    uses(&mut rig, plan);
    let live = rig.state().agents.remove(0);
    assert_eq!((live.do_not_disturb, live.forwarding.always), (true, None));
}

#[test]
fn a_new_process_has_what_the_plan_says_of_phones_and_keeps_what_was_set_later() {
    let always = |to: &str| Forwarding { always: Some(to.into()), ..Forwarding::default() };
    let mut plan = demo_plan();
    let at = rig_with(&[]).now.wall;
    plan.agents[0].phone = PhoneSettings { do_not_disturb: true, forwarding: always("1002"), at };
    let mut rig = Rig::new(plan.clone());
    let now = |rig: &mut Rig| {
        let live = rig.state().agents.remove(0);
        (live.do_not_disturb, live.forwarding.always)
    };
    assert_eq!(now(&mut rig), (true, Some("1002".into())), "as after an orderly stop");
    rig.wait(secs(1));
    assert_eq!(act(&mut rig, A1, AgentAction::DoNotDisturb { on: false }), Answer::Done);
    plan.version = 2;
    uses(&mut rig, plan.clone());
    assert!(!now(&mut rig).0, "the plan is from before");
    plan.version = 3;
    rig.wait(secs(1));
    let at = rig.now.wall;
    plan.agents[0].phone = PhoneSettings { do_not_disturb: true, forwarding: always("1003"), at };
    uses(&mut rig, plan);
    assert_eq!(now(&mut rig), (true, Some("1003".into())));
    let kinds: BTreeSet<bool> = written(&rig).into_iter().map(|(on, _)| on).collect();
    assert_eq!(kinds, BTreeSet::from([false]), "what a plan says is written down already");
}

#[test]
fn who_dials_what_they_may_not_hears_why_where_the_tenant_wants_it_so() {
    let mut plan = demo_plan();
    plan.calling.announce = true;
    let mut rig = Rig::new(plan.clone());
    sign_in(&mut rig, A1);
    let leg = rig.agent_dials(A1, ABROAD);
    rig.wait(secs(1));
    assert_eq!((refusal(&rig, leg), heard(&rig, leg)), (None, vec!["call_not_allowed".to_owned()]));
    rig.wait(secs(5));
    assert_eq!(outcome(&rig), (Outcome::Refused, 21, Party::System));
    let word = format!("1 not to {ABROAD}: International Dial NoRight");
    assert!(told(&rig).contains(&word), "{:#?}", told(&rig));
    assert_eq!(states(&rig, A1), ["Idle"], "it is no conversation");
    bar(&mut rig, plan, true);
    let leg = rig.agent_dials(A1, MOBILE);
    rig.wait(secs(5));
    assert_eq!(heard(&rig, leg), ["call_barred"]);
    assert_eq!(called(&rig), [] as [&str; 0]);
    assert_eq!(dials(&mut rig, A1, "1002"), None, "colleagues");
    balanced(&mut rig);
}

#[test]
fn calls_that_a_meeting_makes_count_for_the_extension_of_who_asked_for_them() {
    let out = OutLimits { at_once_max: 1, ..OutLimits::default() };
    let mut rig = Rig::with(demo_plan(), Config { out, ..Config::default() });
    let chair = rig.agent_dials(A1, "8101");
    rig.wait(secs(1));
    rig.presses(chair, "815471#");
    rig.wait(secs(1));
    rig.presses(chair, "*4013811112222#");
    rig.wait(secs(1));
    assert_eq!((called(&rig), barred_for(&rig)), (vec![MOBILE.to_owned()], vec![]));
    rig.presses(chair, "*4013811113333#");
    rig.wait(secs(1));
    assert_eq!(called(&rig), [MOBILE], "one at a time");
    assert_eq!(barred_for(&rig), [CallingLimit::AtOnce]);
    rig.presses(chair, "*4013811114444#");
    assert_eq!(called(&rig), [MOBILE], "barred");
    assert_eq!(barred_for(&rig).len(), 1);
    all_hang_up(&mut rig);
}

#[test]
fn a_call_of_a_meeting_that_ended_or_was_never_made_does_not_count_on() {
    let out = OutLimits { at_once_max: 1, ..OutLimits::default() };
    let mut rig = Rig::with(demo_plan(), Config { out, ..Config::default() });
    let target = MOBILE.to_owned();
    let action = terms::control::ConferenceAction::DialOut { target, chair: false };
    let (tenant, conference, by) = (TENANT, terms::ConferenceId(2), UserId(A1.0));
    rig.outside = Phone::Refuses(486);
    for _ in 0..3 {
        let action = action.clone();
        let asked = Ask::Conference { tenant, conference, by, action };
        assert_eq!(rig.ask(asked), Answer::Done);
        rig.wait(secs(5));
    }
    assert_eq!((called(&rig).len(), barred_for(&rig)), (3, vec![]));
    balanced(&mut rig);
}
