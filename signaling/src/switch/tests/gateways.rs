//! Causes and digits between two gateways to older networks.

use super::*;
use crate::sip::user_agent::{Charging, Command as Sipc, Destination, Event as SipEvent};
use crate::switch::Input;
use crate::switch::rig::TRUNK;
use terms::routing::{Number, Target};
use terms::{Category, NumberId};

/// A published number that leads outside.
const THROUGH: &str = "95105677";

#[test]
fn the_callers_gateway_is_told_the_cause_that_the_far_one_gave() {
    for (status, cause) in [(480, 19), (404, 1), (486, 17), (403, 21), (484, 28), (410, 22)] {
        let mut plan = demo_plan();
        let (digits, target) = (THROUGH.to_owned(), Target::Number("013811112222".into()));
        plan.numbers.push(Number { id: NumberId(9), digits, target });
        let mut rig = Rig::new(plan);
        rig.outside = Phone::Rings;
        let caller = rig.customer_dials(THROUGH);
        rig.wait(secs(3));
        let out = rig.sip.iter().rev().find_map(|command| match command {
            Sipc::Invite(invite) if matches!(invite.to, Destination::Trunk(..)) => Some(invite.leg),
            _ => None,
        });
        let leg = out.expect("it goes out");
        rig.feed(Input::Sip(SipEvent::Failed { leg, status, cause }));
        rig.wait(secs(1));
        let said = rig.sip.iter().rev().find_map(|command| match command {
            Sipc::Reject { leg, status, cause, .. } if *leg == caller => Some((*status, *cause)),
            _ => None,
        });
        assert_eq!(said, Some((status, cause)));
        balanced(&mut rig);
    }
}

#[test]
fn what_kind_of_line_a_call_comes_from_goes_with_it_when_it_is_passed_on_outside() {
    for category in [Some(Category::Payphone), None] {
        let mut plan = demo_plan();
        let (digits, target) = (THROUGH.to_owned(), Target::Number("013811112222".into()));
        plan.numbers.push(Number { id: NumberId(9), digits, target });
        let mut rig = Rig::new(plan);
        rig.outside = Phone::Rings;
        rig.category = category;
        rig.customer_dials(THROUGH);
        rig.wait(secs(1));
        let said = rig.sip.iter().rev().find_map(|command| match command {
            Sipc::Invite(invite) if matches!(invite.to, Destination::Trunk(..)) => {
                Some(invite.category)
            }
            _ => None,
        });
        assert_eq!(said, Some(category));
        for leg in rig.legs() {
            rig.hangs_up(leg);
        }
        balanced(&mut rig);
    }
}

#[test]
fn a_trusted_trunk_is_told_by_what_a_call_is_charged_and_only_its_own_network_where() {
    let vector = ("P-Charging-Vector".to_owned(), "icid-value=\"a7\"".to_owned());
    let places = ("P-Charging-Function-Addresses".to_owned(), "ccf=192.0.2.50".to_owned());
    for (trusted, same) in [(true, true), (true, false), (false, true)] {
        let mut plan = demo_plan();
        let (digits, target) = (THROUGH.to_owned(), Target::Number("013811112222".into()));
        plan.numbers.push(Number { id: NumberId(9), digits, target });
        let mut out = plan.trunks[0].clone();
        (out.trusted, out.prefixes) = (trusted, vec!["0".into()]);
        if same {
            plan.trunks[0] = out;
        } else {
            plan.trunks[0].prefixes.clear();
            out.id = terms::TrunkId(2);
            plan.trunks.push(out);
        }
        let mut rig = Rig::new(plan);
        rig.outside = Phone::Rings;
        let addresses = Some("ccf=192.0.2.50".to_owned());
        rig.charging = Some(Charging { icid: "a7".into(), addresses });
        rig.customer_dials(THROUGH);
        rig.wait(secs(1));
        let out = rig.sip.iter().rev().find_map(|command| match command {
            Sipc::Invite(invite) if matches!(invite.to, Destination::Trunk(..)) => {
                Some(invite.headers.clone())
            }
            _ => None,
        });
        let mut expected = Vec::new();
        expected.extend(trusted.then(|| vector.clone()));
        expected.extend((trusted && same).then(|| places.clone()));
        assert_eq!(out.expect("it goes out"), expected, "{trusted} {same}");
        for leg in rig.legs() {
            rig.hangs_up(leg);
        }
        balanced(&mut rig);
    }
}

/// What was said of the charging of each call that went out over a trunk.
fn charged(rig: &Rig) -> Vec<String> {
    let invites = rig.sip.iter().filter_map(|command| match command {
        Sipc::Invite(invite) if matches!(invite.to, Destination::Trunk(..)) => Some(invite),
        _ => None,
    });
    let vector = |(name, _): &&(String, String)| name == "P-Charging-Vector";
    let said = |headers: &[(String, String)]| {
        headers.iter().find(vector).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    invites.map(|invite| said(&invite.headers)).collect()
}

#[test]
fn a_call_that_begins_here_gets_an_identity_of_its_own_for_a_trusted_trunk() {
    let mut plan = demo_plan();
    plan.trunks[0].trusted = true;
    let mut other = plan.trunks[0].clone();
    (other.id, other.order) = (terms::TrunkId(2), 1);
    plan.trunks.push(other);
    let mut rig = Rig::new(plan);
    rig.over.insert(TRUNK, Phone::Refuses(503));
    sign_in(&mut rig, A1);
    for _ in 0..2 {
        let caller = rig.agent_dials(A1, "013811112222");
        rig.wait(secs(5));
        rig.hangs_up(caller);
        rig.wait(secs(1));
    }
    let said = charged(&rig);
    assert_eq!(said.len(), 4, "two attempts each: {said:?}");
    for value in &said {
        let digits = value.strip_prefix("icid-value=\"").and_then(|rest| rest.strip_suffix('"'));
        let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(digits.is_some_and(|digits| digits.len() == 32 && is_hex(digits)), "{value}");
    }
    assert_eq!((&said[0], &said[2]), (&said[1], &said[3]), "the same over the next trunk");
    assert_ne!(said[0], said[2], "each call has its own");
    balanced(&mut rig);
}

#[test]
fn digits_that_begin_a_published_number_want_more_and_others_lead_nowhere() {
    let mut rig = Rig::new(demo_plan());
    for (digits, expected) in [
        ("9", (484, 28)),
        ("9510560", (484, 28)),
        ("95105699", (404, 1)),
        ("951056000", (404, 1)),
        ("", (404, 1)),
    ] {
        let caller = rig.customer_dials(digits);
        rig.wait(secs(1));
        let said = rig.sip.iter().rev().find_map(|command| match command {
            Sipc::Reject { leg, status, cause, .. } if *leg == caller => Some((*status, *cause)),
            _ => None,
        });
        assert_eq!(said, Some(expected), "{digits:?}");
    }
    balanced(&mut rig);
}
