//! Causes and digits between two gateways to older networks.

use super::*;
use crate::sip::user_agent::{Command as Sipc, Destination, Event as SipEvent};
use crate::switch::Input;
use terms::NumberId;
use terms::routing::{Number, Target};

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
