//! Another site of the tenant behind a trunk: who calls it and how, what it sees, whom it reaches here,
//! and what does not go in a circle.

use super::*;
use crate::sip::user_agent::{Command as Sipc, Destination, Invite, Origin};
use crate::switch::rig::TRUNK;
use serde_json::json;
use terms::event::Forwarding;
use terms::routing::{Flow, Number, Plan, Site, SiteRange, Target, Trunk};
use terms::{FlowId, NumberId, SiteId, TrunkId};

const SITE: SiteId = SiteId(3);
const SITE_TRUNK: TrunkId = TrunkId(2);
/// A phone there.
const PHONE: &str = "8205";
/// The site itself, there and as we publish it.
const DOOR: &str = "95105700";
const PUBLISHED: &str = "95105605";
const NO_SITES: &str = "there is no right to call other sites";

/// The tenant of the stories with a site that everybody may call and that reaches extensions.
fn plan() -> Plan {
    let mut plan = demo_plan();
    let city = plan.trunks[0].clone();
    let (name, prefixes) = ("north".to_owned(), Vec::new());
    plan.trunks.push(Trunk { id: SITE_TRUNK, name, prefixes, trusted: true, ..city });
    plan.sites = vec![Site {
        id: SITE,
        name: "north".into(),
        trunk: SITE_TRUNK,
        number: DOOR.into(),
        ranges: vec![SiteRange { prefix: "82".into(), digits: 4 }],
        inward: true,
    }];
    let (id, digits, target) = (NumberId(9), PUBLISHED.to_owned(), Target::Site(SITE));
    plan.numbers.push(Number { id, digits, target });
    plan.calling.sites = true;
    plan
}

fn rig_of(plan: Plan) -> Rig {
    let mut rig = Rig::new(plan);
    for agent in [A1, A2] {
        sign_in(&mut rig, agent);
    }
    rig
}

/// Calls over trunks: which, whom, and all of it.
fn invites(rig: &Rig) -> Vec<(TrunkId, &str, &Invite)> {
    let invites = rig.sip.iter().filter_map(|command| match command {
        Sipc::Invite(invite) => match &invite.to {
            Destination::Trunk(_, trunk, number) => Some((*trunk, number.as_str(), &**invite)),
            Destination::Agent(..) => None,
        },
        _ => None,
    });
    invites.collect()
}

/// Whom the last call over a trunk was for.
fn called(rig: &Rig) -> Option<(TrunkId, &str)> {
    invites(rig).last().map(|&(trunk, number, _)| (trunk, number))
}

fn refusal(rig: &Rig, of: LegId) -> Option<u16> {
    rig.sip.iter().find_map(|command| match command {
        Sipc::Reject { leg, status, .. } if *leg == of => Some(*status),
        _ => None,
    })
}

fn from_site(rig: &mut Rig, called: &str) -> LegId {
    let leg = rig.dials(Origin::Trunk(SITE_TRUNK), PHONE, called, true);
    rig.wait(secs(5));
    leg
}

fn all_hang_up(rig: &mut Rig) {
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(rig);
}

#[test]
fn a_short_number_leads_to_its_site_which_sees_the_extension_where_it_is_trusted() {
    for (trusted, shown) in [(true, ("1001", "agent 1")), (false, ("95105688", ""))] {
        let mut plan = plan();
        plan.trunks[1].trusted = trusted;
        let mut rig = rig_of(plan);
        let agent = rig.agent_dials(A1, PHONE);
        rig.wait(secs(5));
        assert_eq!(phase(&mut rig), "talking", "{:#?}", told(&rig));
        let all = invites(&rig);
        let [(trunk, number, invite)] = all[..] else { panic!("{all:?}") };
        assert_eq!((trunk, number), (SITE_TRUNK, PHONE));
        assert_eq!((invite.from_user.as_str(), invite.from_name.as_str()), shown);
        assert!(invite.headers.contains(&("Max-Forwards".into(), "9".into())));
        rig.hangs_up(agent);
        balanced(&mut rig);
    }
    // What is longer or begins otherwise is no number of it.
    for other in ["82055", "8305"] {
        let mut rig = rig_of(plan());
        let agent = rig.agent_dials(A1, other);
        rig.wait(secs(1));
        assert_eq!(refusal(&rig, agent), Some(404), "{other}");
        balanced(&mut rig);
    }
}

#[test]
fn calls_to_a_site_are_none_outside_but_its_trunk_counts_them() {
    let mut full = plan();
    full.trunks[1].calls_max = 1;
    let mut rig = rig_of(full);
    for n in 0..12 {
        let agent = rig.agent_dials(A1, PHONE);
        rig.wait(secs(3));
        assert_eq!(refusal(&rig, agent), None, "call {n} within a minute");
        rig.hangs_up(agent);
        rig.wait(secs(1));
    }
    let first = rig.agent_dials(A1, PHONE);
    rig.wait(secs(3));
    let second = rig.agent_dials(A2, PHONE);
    rig.wait(secs(3));
    assert_eq!((refusal(&rig, first), refusal(&rig, second)), (None, Some(503)));
    all_hang_up(&mut rig);
}

#[test]
fn who_has_no_right_to_sites_is_told_so_and_is_not_barred_for_it() {
    let mut plan = plan();
    plan.calling.sites = false;
    plan.agents[1].calling.sites = Some(true);
    let mut rig = rig_of(plan.clone());
    for _ in 0..6 {
        let agent = rig.agent_dials(A1, PHONE);
        rig.wait(secs(1));
        assert_eq!(refusal(&rig, agent), Some(403));
    }
    let warned = rig.sip.iter().any(
        |command| matches!(command, Sipc::Reject { warning: Some(why), .. } if *why == NO_SITES),
    );
    assert!(warned, "{:?}", rig.sip);
    let word = format!("1 not to {PHONE}: Internal Dial NoSites");
    assert!(told(&rig).contains(&word), "{:#?}", told(&rig));
    assert_eq!(invites(&rig).len(), 0);
    let outside = rig.agent_dials(A1, "013811112222");
    rig.wait(secs(3));
    assert_eq!(refusal(&rig, outside), None, "nobody is barred for it");
    rig.hangs_up(outside);
    rig.wait(secs(1));
    let other = rig.agent_dials(A2, PHONE);
    rig.wait(secs(3));
    assert_eq!(called(&rig), Some((SITE_TRUNK, PHONE)), "a right of their own");
    rig.hangs_up(other);
    balanced(&mut rig);

    // An own right may be less than the tenant's, whichever way leads there.
    plan.calling.sites = true;
    plan.agents[0].calling.sites = Some(false);
    let mut rig = Rig::new(plan);
    sign_in(&mut rig, A1);
    let no = Answer::Refused(NO_SITES.into());
    let always = Forwarding { always: Some("site:3".into()), ..Forwarding::default() };
    assert_eq!(act(&mut rig, A1, AgentAction::Forward(always)), no);
    talking(&mut rig);
    for target in [PHONE, "site:3", PUBLISHED] {
        let target = || target.to_owned();
        for action in [
            CallAction::Transfer { target: target() },
            CallAction::Consult { target: target() },
            CallAction::Invite { target: target() },
        ] {
            assert_eq!(call_act(&mut rig, action.clone()), no, "{action:?}");
        }
    }
    all_hang_up(&mut rig);
}

#[test]
fn a_key_leads_to_a_site_and_what_a_caller_types_needs_the_tenants_right() {
    let document = json!({"format": 1, "start": "ask", "steps": {
        "ask": {"kind": "menu", "prompts": ["menu"], "keys": {"1": "north", "2": "phone"},
            "on": {"timeout": "bye", "invalid": "bye"}},
        "north": {"kind": "transfer", "target": "site:3", "on": {"error": "bye"}},
        "phone": {"kind": "transfer", "target": PHONE, "on": {"error": "bye"}},
        "bye": {"kind": "hangup"}}});
    let mut plan = plan();
    plan.flows = vec![Flow { id: FlowId(1), name: "hotline".into(), version: 1, document }];
    for (key, may, expected) in
        [("1", false, Some(DOOR)), ("2", true, Some(PHONE)), ("2", false, None)]
    {
        plan.calling.sites = may;
        let mut rig = rig_of(plan.clone());
        let caller = rig.customer_dials("95105688");
        rig.wait(secs(1));
        rig.presses(caller, key);
        rig.wait(secs(5));
        assert_eq!(called(&rig), expected.map(|number| (SITE_TRUNK, number)), "{key} {may}");
        all_hang_up(&mut rig);
    }
    // A flow cannot lead to a site that is not there.
    let version = plan.version + 1;
    let without = Plan { sites: Vec::new(), version, ..plan.clone() };
    let mut rig = rig_of(plan);
    assert!(matches!(rig.ask(Ask::Plan(Box::new(without))), Answer::Refused(_)));
}

#[test]
fn a_published_number_a_full_queue_and_a_forwarding_lead_to_a_site() {
    let mut plan = plan();
    plan.queues[0].waiting_max = 0;
    plan.queues[0].overflow = Target::Site(SITE);
    for (number, forwarded) in [(PUBLISHED, false), ("95105600", false), ("95105601", true)] {
        let mut rig = Rig::new(plan.clone());
        let always = Forwarding { always: Some("site:3".into()), ..Forwarding::default() };
        if forwarded {
            assert_eq!(act(&mut rig, A1, AgentAction::Forward(always)), Answer::Done);
        }
        rig.customer_dials(number);
        rig.wait(secs(10));
        assert_eq!(called(&rig), Some((SITE_TRUNK, DOOR)), "{number}: {:#?}", told(&rig));
        assert_eq!(phase(&mut rig), "talking", "{number}");
        let shown = &invites(&rig)[0].2.from_user;
        assert!(shown.ends_with("13800138000"), "who calls is seen there: {shown}");
        all_hang_up(&mut rig);
    }
}

#[test]
fn a_caller_is_passed_on_to_a_site_from_the_phone_and_from_the_screen() {
    for (target, by_phone) in [(PHONE, true), (PHONE, false), ("site:3", false)] {
        let mut rig = rig_of(plan());
        let customer = talking(&mut rig);
        let agent = only_call_agent(&rig);
        match by_phone {
            true => {
                let from = rig.leg_of(agent).expect("the agent talks");
                rig.refers(from, target);
            }
            false => {
                let action = CallAction::Transfer { target: target.into() };
                assert_eq!(call_act(&mut rig, action), Answer::Done);
            }
        }
        rig.wait(secs(5));
        assert_eq!(phase(&mut rig), "talking", "{target}: {:#?}", told(&rig));
        let number = if target == PHONE { PHONE } else { DOOR };
        assert_eq!(called(&rig), Some((SITE_TRUNK, number)));
        assert_eq!(rig.leg_of(agent), None, "the agent is out");
        rig.hangs_up(customer);
        balanced(&mut rig);
    }
}

fn only_call_agent(rig: &Rig) -> AgentId {
    [A1, A2].into_iter().find(|&agent| rig.leg_of(agent).is_some()).expect("somebody answered")
}

#[test]
fn somebody_at_a_site_is_asked_first_and_then_has_the_caller() {
    let mut rig = rig_of(plan());
    let customer = talking(&mut rig);
    let agent = only_call_agent(&rig);
    assert_eq!(call_act(&mut rig, CallAction::Consult { target: PHONE.into() }), Answer::Done);
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "consulting", "{:#?}", told(&rig));
    assert_eq!(call_act(&mut rig, CallAction::CompleteConsultation), Answer::Done);
    rig.wait(secs(1));
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(agent)), ("talking", None));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_site_reaches_extensions_where_it_may_and_the_outside_never_does() {
    let mut rig = rig_of(plan());
    from_site(&mut rig, "1002");
    assert_eq!(phase(&mut rig), "talking", "{:#?}", told(&rig));
    assert!(rig.leg_of(A2).is_some());
    all_hang_up(&mut rig);

    let mut closed = plan();
    closed.sites[0].inward = false;
    for (plan, trunk, called) in [
        (plan(), SITE_TRUNK, "1999"),
        (plan(), SITE_TRUNK, "013811112222"),
        (plan(), TRUNK, "1002"),
        (closed, SITE_TRUNK, "1002"),
    ] {
        let mut rig = rig_of(plan);
        let leg = rig.dials(Origin::Trunk(trunk), PHONE, called, true);
        rig.wait(secs(1));
        assert_eq!(refusal(&rig, leg), Some(404), "{called} over {trunk}");
        balanced(&mut rig);
    }
}

#[test]
fn what_comes_from_a_site_goes_back_there_by_a_person_alone() {
    let mut rig = rig_of(plan());
    let leg = from_site(&mut rig, PUBLISHED);
    assert_eq!((refusal(&rig, leg), invites(&rig).len()), (Some(482), 0), "by a number");
    balanced(&mut rig);

    let mut rig = rig_of(plan());
    let always = Forwarding { always: Some("8206".into()), ..Forwarding::default() };
    assert_eq!(act(&mut rig, A1, AgentAction::Forward(always)), Answer::Done);
    let leg = from_site(&mut rig, "1001");
    assert_eq!((refusal(&rig, leg), invites(&rig).len()), (Some(482), 0), "by a forwarding");
    balanced(&mut rig);

    let mut rig = rig_of(plan());
    from_site(&mut rig, "1001");
    let from = rig.leg_of(A1).expect("agent 1 talks");
    rig.refers(from, "8206");
    rig.wait(secs(5));
    assert_eq!(called(&rig), Some((SITE_TRUNK, "8206")), "by a person");
    assert_eq!(phase(&mut rig), "talking");
    all_hang_up(&mut rig);
}

#[test]
fn a_call_that_has_passed_too_many_servers_goes_to_no_site() {
    for (passed, expected) in [(67, None), (69, Some(483))] {
        let mut rig = rig_of(plan());
        rig.diverted = passed;
        let leg = rig.customer_dials(PUBLISHED);
        rig.wait(secs(5));
        assert_eq!(refusal(&rig, leg), expected, "{passed}");
        if expected.is_none() {
            let all = invites(&rig);
            assert!(all[0].2.headers.contains(&("Max-Forwards".into(), "2".into())));
        }
        all_hang_up(&mut rig);
    }
}
