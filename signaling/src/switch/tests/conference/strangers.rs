//! Rooms are their tenant's: another one's callers, screens and flows do not reach them, whatever
//! number they name.

use super::*;
use terms::TenantId;

const OTHERS: TenantId = TenantId(2);

/// The other tenant has a room with the same id and number, and another PIN.
fn two_tenants() -> Rig {
    let mut rig = rig_with(&[]);
    let mut plan = demo_plan();
    plan.tenant = OTHERS;
    plan.conferences.truncate(1);
    plan.conferences[0].chair_pin = terms::routing::Pin("999999".into());
    assert_eq!(rig.ask(Ask::Plan(Box::new(plan))), Answer::Done);
    rig
}

fn others_ask(rig: &mut Rig, conference: u64, action: ConferenceAction) -> Answer {
    let (conference, by) = (ConferenceId(conference), UserId(9));
    rig.ask(Ask::Conference { tenant: OTHERS, conference, by, action })
}

#[test]
fn a_screen_of_another_tenant_does_nothing_in_our_meeting_and_does_not_see_it() {
    use ConferenceAction as A;
    let mut rig = two_tenants();
    let chair = agent(&mut rig, A1, "8101", CHAIR_PIN);
    let guest = customer(&mut rig, "13800138000", GUEST_PIN);
    let member = live(&mut rig).members[1].call;
    let before = (live(&mut rig), audiences(&rig, guest));
    for action in [A::Mute { member }, A::Remove { member }, A::MuteAll, A::Lock, A::End] {
        assert_eq!(refusal(others_ask(&mut rig, 1, action)), "nobody is in this conference");
    }
    let target = "1002".to_owned();
    let out = A::DialOut { target, chair: true };
    assert_eq!(refusal(others_ask(&mut rig, 2, out)), "there is no such conference");
    assert_eq!((live(&mut rig), audiences(&rig, guest)), before);
    match rig.ask(Ask::State { tenant: OTHERS }) {
        Answer::State(state) => assert!(state.conferences.is_empty()),
        other => panic!("{other:?}"),
    }
    // The PIN of a room with the same number opens nothing here.
    let second = agent(&mut rig, A2, "8101", "999999#");
    assert_eq!(room_of(&rig, second), None);
    let _ = chair;
    everybody_hangs_up(&mut rig);
}
