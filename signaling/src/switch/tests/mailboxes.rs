//! Messages for one agent: who is asked for one, whose it is, and what driving does.

use super::*;
use serde_json::json;
use terms::event::{Forwarding, InItem, InMailbox, ItemTold, Mailbox as Happened};
use terms::item::Channel;
use terms::routing::{Mailbox, MailboxTakes, Plan, Target};
use terms::{ItemId, QueueId, RecordingId, TenantId, UserId};

/// An entry as words.
pub(super) fn word(Happened { agent, what }: &Happened) -> String {
    match what {
        InMailbox::Left { .. } => format!("message for {agent}"),
        InMailbox::Heard { recording, by } => format!("{by} heard {recording} of {agent}"),
        InMailbox::Driving { on: true } => format!("{agent} drives"),
        InMailbox::Driving { on: false } => format!("{agent} drives no longer"),
    }
}

/// The demo plan with these mailboxes.
fn plan_with(mailboxes: Vec<Mailbox>) -> Plan {
    let mut plan = demo_plan();
    plan.mailboxes = mailboxes;
    plan
}

fn taking(agent: AgentId, takes: MailboxTakes) -> Mailbox {
    Mailbox { takes, ..Mailbox::of(agent) }
}

/// The caller says something for half a minute and presses `#`.
fn speaks(rig: &mut Rig, caller: LegId) {
    rig.wait(secs(30));
    rig.presses(caller, "#");
    rig.wait(secs(5));
}

/// For whom the only message that was recorded is, and whether it is one.
fn recorded(rig: &Rig) -> Vec<(Option<AgentId>, Option<QueueId>, bool)> {
    let of = |kind: &Kind| match kind {
        Kind::Recorded { agent, queue, message, .. } => Some((*agent, *queue, *message)),
        _ => None,
    };
    rig.log.iter().filter_map(|entry| of(&entry.kind)).collect()
}

fn has_told(rig: &Rig, word: &str) -> bool {
    told(rig).iter().any(|told| told == word)
}

#[test]
fn who_is_busy_silent_or_not_there_is_left_a_message_where_their_mailbox_asks() {
    use MailboxTakes::{Always, Busy, Missed, NoAnswer, Off};
    for (takes, busy, silent) in [
        (Off, false, false),
        (Busy, true, false),
        (NoAnswer, false, true),
        (Missed, true, true),
        (Always, true, true),
    ] {
        for (way, asked) in [("declines", busy), ("not disturbed", busy), ("silent", silent)] {
            let mut rig = Rig::new(plan_with(vec![taking(A1, takes)]));
            match way {
                "declines" => {
                    rig.phones.insert(A1, Phone::Refuses(486));
                }
                "silent" => {
                    rig.phones.insert(A1, Phone::Rings);
                }
                _ => {
                    let quiet = AgentAction::DoNotDisturb { on: true };
                    assert_eq!(act(&mut rig, A1, quiet), Answer::Done);
                }
            }
            let caller = rig.customer_dials("95105601");
            rig.wait(secs(75));
            assert_eq!(phase(&mut rig) == "voicemail", asked, "{takes:?}: {way}");
            if asked {
                speaks(&mut rig, caller);
                assert!(has_told(&rig, "message for 1"), "{takes:?}: {way}: {:#?}", told(&rig));
                assert_eq!(recorded(&rig), [(Some(A1), None, true)]);
                assert_eq!(outcome(&rig).0, Outcome::Voicemail);
            }
            for leg in rig.legs() {
                rig.hangs_up(leg);
            }
            balanced(&mut rig);
        }
    }
}

#[test]
fn the_own_greeting_is_heard_and_a_conversation_is_no_message() {
    let greeting = "away".to_owned();
    let mailbox = Mailbox { greeting, ..taking(A1, MailboxTakes::Always) };
    let mut rig = Rig::new(plan_with(vec![mailbox, taking(A2, MailboxTakes::Missed)]));
    let caller = rig.customer_dials("95105601");
    rig.wait(secs(2));
    assert_eq!(heard(&rig, caller), ["away", "Beep { ms: 500 }"]);
    assert_eq!(rig.leg_of(A1), None, "no phone rings");
    rig.hangs_up(caller);
    rig.wait(secs(5));
    sign_in(&mut rig, A1);
    let other = rig.agent_dials(A1, "1002");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking", "who answers has no message");
    rig.hangs_up(other);
    balanced(&mut rig);
}

#[test]
fn who_forwards_gets_the_message_where_nobody_is_reached_there() {
    let mut rig = Rig::new(plan_with(vec![taking(A1, MailboxTakes::Missed)]));
    let forwarding = Forwarding { always: Some("1002".into()), ..Forwarding::default() };
    assert_eq!(act(&mut rig, A1, AgentAction::Forward(forwarding)), Answer::Done);
    rig.phones.insert(A2, Phone::Refuses(486));
    let caller = rig.customer_dials("95105601");
    rig.wait(secs(10));
    assert_eq!(phase(&mut rig), "voicemail");
    speaks(&mut rig, caller);
    let told = told(&rig);
    let at = |word: &str| told.iter().position(|told| told == word);
    assert!(at("1 forwarded to 1002: Always") < at("message for 1"), "{told:#?}");
    balanced(&mut rig);
}

#[test]
fn who_is_passed_on_to_somebody_away_leaves_them_a_message_and_the_agent_is_free() {
    let mut rig = Rig::new(plan_with(vec![taking(A3, MailboxTakes::Always)]));
    sign_in(&mut rig, A1);
    let customer = talking(&mut rig);
    let from = rig.leg_of(A1).expect("agent 1 talks");
    rig.refers(from, "1003");
    rig.wait(secs(3));
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A1)), ("voicemail", None));
    speaks(&mut rig, customer);
    assert!(has_told(&rig, "message for 3"), "{:#?}", told(&rig));
    balanced(&mut rig);
}

#[test]
fn a_flow_takes_a_message_for_an_agent() {
    let mut plan = demo_plan();
    plan.flows[0].document = json!({"format": 1, "start": "a", "steps": {
        "a": {"kind": "voicemail", "agent": "2"}}});
    let mut rig = Rig::new(plan);
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(10));
    assert_eq!(phase(&mut rig), "voicemail");
    speaks(&mut rig, caller);
    assert!(has_told(&rig, "message for 2"), "{:#?}", told(&rig));
    assert_eq!(recorded(&rig), [(Some(A2), None, true)]);
    balanced(&mut rig);
}

#[test]
fn a_message_goes_on_over_a_kill_and_stays_the_agents() {
    let mut rig = Rig::new(plan_with(vec![taking(A1, MailboxTakes::Always)]));
    let caller = rig.customer_dials("95105601");
    rig.wait(secs(20));
    rig.kill(&[]);
    rig.wait(secs(10));
    assert!(has_told(&rig, "message for 1"), "{:#?}", told(&rig));
    rig.hangs_up(caller);
    balanced(&mut rig);
}

#[test]
fn who_drives_answers_at_once_with_a_message_until_they_say_that_they_arrived() {
    let mut rig = Rig::new(plan_with(vec![taking(A1, MailboxTakes::Off)]));
    sign_in(&mut rig, A1);
    let forwarding = Forwarding { always: Some("1002".into()), ..Forwarding::default() };
    assert_eq!(act(&mut rig, A1, AgentAction::Forward(forwarding)), Answer::Done);
    let code = rig.agent_dials(A1, "*76");
    rig.wait(secs(10));
    assert_eq!(heard(&rig, code), ["forwarding_on"]);
    let waiting = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "waiting", "queues offer them nothing");
    rig.hangs_up(waiting);
    rig.wait(secs(2));
    // A plan that was on its way takes nothing back.
    let mut plan = plan_with(vec![taking(A1, MailboxTakes::Off)]);
    plan.version = 2;
    assert_eq!(rig.ask(Ask::Plan(Box::new(plan.clone()))), Answer::Done);
    let caller = rig.customer_dials("95105601");
    rig.wait(secs(2));
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A1)), ("voicemail", None));
    assert!(!has_told(&rig, "1 forwarded to 1002: Always"));
    speaks(&mut rig, caller);
    assert!(has_told(&rig, "message for 1"), "{:#?}", told(&rig));
    let off = Happened { agent: A1, what: InMailbox::Driving { on: false } };
    assert_eq!(rig.ask(Ask::Mailbox(TENANT, off)), Answer::Done);
    let caller = rig.customer_dials("95105601");
    rig.wait(secs(5));
    assert!(has_told(&rig, "1 forwarded to 1002: Always"), "{:#?}", told(&rig));
    rig.hangs_up(caller);
    rig.wait(secs(2));
    // What the plan says counts once nothing later was said.
    (plan.version, plan.mailboxes[0].driving) = (3, false);
    assert_eq!(rig.ask(Ask::Plan(Box::new(plan.clone()))), Answer::Done);
    (plan.version, plan.mailboxes[0].driving) = (4, true);
    assert_eq!(rig.ask(Ask::Plan(Box::new(plan))), Answer::Done);
    let caller = rig.customer_dials("95105601");
    rig.wait(secs(2));
    assert_eq!(phase(&mut rig), "voicemail");
    rig.hangs_up(caller);
    balanced(&mut rig);
}

#[test]
fn that_a_message_for_an_agent_was_heard_is_written_down() {
    let mut rig = rig_with(&[]);
    let what = InMailbox::Heard { recording: RecordingId(7), by: UserId(5) };
    let heard = Ask::Mailbox(TENANT, Happened { agent: A1, what });
    assert_eq!(rig.ask(heard), Answer::Done);
    let what = InMailbox::Left { recording: RecordingId(7) };
    let forged = Ask::Mailbox(TENANT, Happened { agent: A1, what });
    assert!(matches!(rig.ask(forged), Answer::Refused(_)));
    assert_eq!(told(&rig), ["5 heard 7 of 1"]);
}

#[test]
fn what_is_done_to_an_item_is_written_down_of_a_tenant_that_is_there() {
    let mut rig = rig_with(&[]);
    let item = ItemTold {
        item: ItemId(5),
        step: 1,
        channel: Channel::Email,
        queue: QueueId(1),
        agent: None,
        by: None,
        action: InItem::Create,
    };
    assert_eq!(rig.ask(Ask::Item(TENANT, item)), Answer::Done);
    assert!(matches!(rig.ask(Ask::Item(TenantId(99), item)), Answer::Refused(_)));
    assert_eq!(told(&rig), ["item 5 Create"]);
}

#[test]
fn a_number_may_lead_to_who_is_out() {
    let mut plan = plan_with(vec![taking(A1, MailboxTakes::Always)]);
    plan.numbers[0].target = Target::Agent(A1);
    let mut rig = Rig::new(plan);
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(2));
    assert_eq!(phase(&mut rig), "voicemail");
    rig.hangs_up(caller);
    balanced(&mut rig);
}
