use super::*;
use crate::sip::user_agent::Command as Sipc;
use terms::control::{LiveSupervision, SupervisorPhone};
use terms::event::SupervisionMode::{self, Barge, Listen, Whisper};
use terms::event::{Entry, SupervisionEnd};
use terms::media::{Audience, Command, Place, Side};
use terms::{QueueId, UserId};

/// Agent 3, who supervises.
const LEADER: UserId = UserId(3);

fn supervise(rig: &mut Rig, mode: SupervisionMode) -> Answer {
    call_act(rig, CallAction::Supervise { by: LEADER, phone: SupervisorPhone::Agent(A3), mode })
}

fn change(rig: &mut Rig, mode: SupervisionMode) -> Answer {
    call_act(rig, CallAction::ChangeSupervision { by: LEADER, mode })
}

fn why_not(answer: Answer) -> String {
    match answer {
        Answer::Refused(why) => why,
        other => panic!("it was done: {other:?}"),
    }
}

/// A customer, agent 1, and agent 3 who supervises.
fn supervised(rig: &mut Rig, mode: SupervisionMode) -> (LegId, LegId, LegId) {
    let customer = talking(rig);
    assert_eq!(supervise(rig, mode), Answer::Done);
    rig.wait(secs(5));
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    (customer, agent, rig.leg_of(A3).expect("agent 3 supervises"))
}

/// What media was told about who hears a leg, in order, and when it came in.
fn audiences(rig: &Rig, of: LegId) -> Vec<Option<Audience>> {
    let about = |command: &Command| match command {
        Command::Audience { leg, audience } if *leg == of => Some(Some(*audience)),
        Command::Join { leg, .. } if *leg == of => Some(None),
        _ => None,
    };
    rig.media.iter().filter_map(about).collect()
}

/// Who stands in the only recording, by side.
fn recorded(rig: &Rig) -> Vec<(LegId, Side)> {
    let mut parties = Vec::new();
    for command in &rig.media {
        match command {
            Command::RecordStart(start) => parties = start.parties.clone(),
            Command::RecordJoin { leg, side, .. } => parties.push((*leg, *side)),
            Command::RecordLeave { leg, .. } => parties.retain(|party| party.0 != *leg),
            Command::RecordStop { .. } => parties.clear(),
            _ => {}
        }
    }
    parties
}

fn supervision_words(rig: &Rig) -> Vec<String> {
    let words = told(rig);
    let about = |word: &String| word.starts_with("1 ") || word.starts_with("forced");
    words.into_iter().filter(about).collect()
}

#[test]
fn a_listener_comes_in_unheard_and_nothing_is_told_to_the_two() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    let (media, sip) = (rig.media.len(), rig.sip.len());
    assert_eq!(supervise(&mut rig, Listen), Answer::Done);
    rig.wait(secs(5));
    let leader = rig.leg_of(A3).expect("agent 3 supervises");
    assert_eq!(audiences(&rig, leader), [Some(Audience::Nobody), None], "said before it comes in");
    let opened = rig.media.iter().find_map(|command| match command {
        Command::Open { leg, place, .. } if *leg == leader => Some(*place),
        _ => None,
    });
    assert_eq!(opened, Some(Place::LeastLoaded));
    let theirs = |leg: Option<LegId>| leg.is_some_and(|leg| leg == customer || leg == agent);
    assert!(!rig.media[media..].iter().any(|command| theirs(command.leg())));
    let sent_to = |command: &Sipc| match command {
        Sipc::Invite(invite) => Some(invite.leg),
        other => panic!("only the supervisor's phone hears of it: {other:?}"),
    };
    assert!(!rig.sip[sip..].iter().any(|command| theirs(sent_to(command))));
    assert_eq!(recorded(&rig), [(customer, Side::Customer), (agent, Side::Other)]);
    assert_eq!(states(&rig, A3), ["Idle"], "and no list shows where agent 3 is");
    let call = rig.state().calls.remove(0);
    let of_two = |leg: &LegId| *leg == customer || *leg == agent;
    assert_eq!((call.agent, call.legs.len()), (Some(A1), 2));
    assert!(call.legs.iter().all(of_two), "{:?}", call.legs);
    let of = call.supervision.expect("a wallboard of supervisors shows it");
    assert!(matches!(of, LiveSupervision { mode: Listen, joined: true, leg, .. } if leg == leader));
    rig.hangs_up(leader);
    assert_eq!(phase(&mut rig), "talking", "leaving ends their leg only");
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert_eq!(supervision_words(&rig), ["1 supervised: Listen", "1 no longer: Left"]);
}

#[test]
fn the_log_says_who_listened_to_whom_in_which_call() {
    let mut rig = rig_with(&[A1, A3]);
    let (customer, _, leader) = supervised(&mut rig, Whisper);
    rig.hangs_up(customer);
    balanced(&mut rig);
    let about = |entry: &&Entry| matches!(entry.kind, Kind::SupervisionStarted { .. });
    let entry = rig.log.iter().find(about).expect("it is written down");
    assert!(entry.call.is_some() && entry.contact.is_some());
    assert_eq!(entry.leg, Some(leader));
    let json = serde_json::to_value(&entry.kind).expect("an entry is JSON");
    assert_eq!(
        json,
        serde_json::json!({"type": "supervision_started", "by": "3", "supervisor": "3",
            "agent": "1", "mode": "whisper"})
    );
    let back: Kind = serde_json::from_value(json).expect("and is read again");
    assert_eq!(back, entry.kind);
    assert_eq!(
        supervision_words(&rig).last().map(String::as_str),
        Some("1 no longer: ConversationOver"),
        "when the conversation ends, so does supervision"
    );
}

#[test]
fn the_mode_changes_on_the_screen_and_with_keys_and_the_recording_has_who_all_hear() {
    let mut rig = rig_with(&[A1, A3]);
    let (customer, agent, leader) = supervised(&mut rig, Listen);
    let only = Some(Audience::Only(agent));
    assert_eq!(change(&mut rig, Whisper), Answer::Done);
    assert_eq!(change(&mut rig, Whisper), Answer::Done);
    assert_eq!(audiences(&rig, leader).last(), Some(&only));
    assert_eq!(recorded(&rig).len(), 2, "a whisper is on no recording");
    rig.presses(leader, "6");
    assert_eq!(audiences(&rig, leader).last(), Some(&Some(Audience::Everyone)));
    assert_eq!(recorded(&rig)[2..], [(leader, Side::Other)]);
    rig.presses(leader, "745");
    assert_eq!(
        audiences(&rig, leader)[3..],
        [Some(Audience::Everyone), Some(Audience::Nobody), only]
    );
    assert_eq!(recorded(&rig).len(), 2);
    let digits = |command: &Command| matches!(command, Command::SendDigits { .. });
    assert!(!rig.media.iter().any(digits), "their keys are for us");
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert_eq!(
        supervision_words(&rig),
        [
            "1 supervised: Listen",
            "1 now: Whisper",
            "1 now: Barge",
            "1 now: Listen",
            "1 now: Whisper",
            "1 no longer: ConversationOver"
        ]
    );
}

#[test]
fn a_take_over_releases_the_agent_and_the_recording_goes_on() {
    for mode in [Listen, Whisper, Barge] {
        let mut rig = rig_with(&[A1, A3]);
        let (customer, agent, leader) = supervised(&mut rig, mode);
        assert_eq!(call_act(&mut rig, CallAction::Hold), Answer::Done);
        assert_eq!(call_act(&mut rig, CallAction::TakeOver { by: LEADER }), Answer::Done);
        assert_eq!(rig.leg_of(A1), None, "{agent} is released");
        assert_eq!(phase(&mut rig), "talking", "who waited is spoken to");
        assert_eq!(audiences(&rig, leader).iter().flatten().last(), Some(&Audience::Everyone));
        assert_eq!(recorded(&rig), [(customer, Side::Customer), (leader, Side::Other)]);
        assert_eq!(states(&rig, A1).last().map(String::as_str), Some("WrapUp"));
        assert_eq!(states(&rig, A3).last().map(String::as_str), Some("Talking"));
        rig.wait(secs(1));
        let call = rig.state().calls.remove(0);
        assert_eq!((call.agent, call.legs.len(), call.supervision), (Some(A3), 2, None));
        rig.wait(secs(10));
        rig.hangs_up(leader);
        rig.wait(secs(3));
        rig.presses(customer, "1");
        balanced(&mut rig);
        let parts = told(&rig).iter().filter(|word| word.starts_with("recorded")).count();
        assert_eq!(parts, 1, "one recording from the beginning to the end");
        assert!(states(&rig, A3).contains(&"WrapUp".to_owned()), "like any agent afterwards");
        let asked = rig.log.iter().find_map(|entry| match entry.kind {
            Kind::SurveyAsked { agent, .. } => Some(agent),
            _ => None,
        });
        assert_eq!(asked, Some(A3));
        let told = told(&rig);
        let from = told.iter().position(|word| word == "1 no longer: TakenOver").expect("told");
        assert_eq!(told[from + 1..from + 3], ["answered 3", "released 1 by System"]);
    }
}

#[test]
fn a_supervisor_at_a_phone_outside_listens_and_may_take_over() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let phone = SupervisorPhone::Number("013822222222".into());
    let ask = CallAction::Supervise { by: UserId(9), phone, mode: Listen };
    assert_eq!(call_act(&mut rig, ask), Answer::Done);
    rig.wait(secs(5));
    assert_eq!(rig.legs().len(), 3);
    assert_eq!(call_act(&mut rig, CallAction::TakeOver { by: UserId(9) }), Answer::Done);
    assert_eq!((rig.legs().len(), rig.leg_of(A1)), (2, None));
    rig.hangs_up(customer);
    balanced(&mut rig);
    let role = |entry: &Entry| match entry.kind {
        Kind::LegStarted { role, .. } => Some(role),
        _ => None,
    };
    let roles: Vec<_> = rig.log.iter().filter_map(role).collect();
    assert_eq!(roles.last(), Some(&terms::event::Role::Supervisor));
}

#[test]
fn who_does_not_answer_leaves_the_conversation_as_it_was() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    for phone in [Phone::Rings, Phone::Refuses(486), Phone::Refuses(503)] {
        rig.phones.insert(A3, phone);
        assert_eq!(supervise(&mut rig, Barge), Answer::Done);
        let early = call_act(&mut rig, CallAction::TakeOver { by: LEADER });
        assert!(why_not(early).contains("not answered yet"), "{phone:?}");
        rig.wait(secs(60));
        assert_eq!((phase(&mut rig).as_str(), rig.legs().len()), ("talking", 2), "{phone:?}");
    }
    rig.ports = false;
    assert_eq!(supervise(&mut rig, Listen), Answer::Done);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "talking", "no port for the supervisor");
    rig.ports = true;
    rig.phones.insert(A3, Phone::Rings);
    assert_eq!(supervise(&mut rig, Listen), Answer::Done);
    assert_eq!(call_act(&mut rig, CallAction::EndSupervision), Answer::Done);
    assert_eq!(rig.leg_of(A3), None, "the phone stops");
    assert_eq!(recorded(&rig).len(), 2);
    assert!(supervision_words(&rig).is_empty(), "nobody came");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn supervision_is_of_one_agents_part_and_ends_with_it() {
    // The agent hangs up, passes the customer on, or leaves the customer to a guest.
    for how in 0..3 {
        let mut rig = rig_with(&[A1, A2, A3]);
        let (customer, agent, _) = supervised(&mut rig, Barge);
        match how {
            0 => rig.hangs_up(agent),
            1 => rig.refers(agent, "1002"),
            _ => {
                let target = "013811112222".to_owned();
                assert_eq!(call_act(&mut rig, CallAction::Invite { target }), Answer::Done);
                rig.wait(secs(5));
                rig.hangs_up(agent);
            }
        }
        assert_eq!(rig.leg_of(A3), None, "{how}");
        rig.wait(secs(5));
        rig.hangs_up(customer);
        balanced(&mut rig);
        let last = supervision_words(&rig).pop();
        assert_eq!(last.as_deref(), Some("1 no longer: ConversationOver"), "{how}");
    }
}

#[test]
fn a_supervisors_phone_neither_holds_nor_moves_the_call_and_may_be_silent_while_it_listens() {
    let mut rig = rig_with(&[A1, A2, A3]);
    let (customer, _, leader) = supervised(&mut rig, Listen);
    rig.reinvites(leader, Some("sendonly"));
    assert_eq!(phase(&mut rig), "talking");
    rig.refers(leader, "1002");
    assert!(matches!(rig.sip.last(), Some(Sipc::RejectRefer { status: 403, .. })));
    let silent = |leg| {
        crate::switch::Input::Media(terms::media::Event::Silent { leg, ms: 60_000, paused: false })
    };
    rig.feed(silent(leader));
    assert_eq!(rig.leg_of(A3), Some(leader));
    assert_eq!(change(&mut rig, Barge), Answer::Done);
    rig.feed(silent(leader));
    assert_eq!((rig.leg_of(A3), phase(&mut rig).as_str()), (None, "talking"));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_supervisor_is_in_one_call_at_a_time_and_gets_no_other() {
    let mut rig = rig_with(&[A1, A2]);
    let first = rig.customer_dials("95105600");
    let second = rig.customer_dials("95105600");
    rig.wait(secs(5));
    let calls: Vec<CallId> = rig.state().calls.iter().map(|call| call.call).collect();
    let ask = |rig: &mut Rig, call: CallId| {
        let phone = SupervisorPhone::Agent(A3);
        let action = CallAction::Supervise { by: LEADER, phone, mode: Listen };
        rig.ask(Ask::Call { tenant: TENANT, call, action })
    };
    assert_eq!(ask(&mut rig, calls[0]), Answer::Done);
    rig.wait(secs(5));
    assert!(why_not(ask(&mut rig, calls[1])).contains("not free"));
    assert!(why_not(ask(&mut rig, calls[0])).contains("already"));
    sign_in(&mut rig, A3);
    let third = rig.customer_dials("95105600");
    rig.refers(rig.leg_of(A2).expect("agent 2 talks"), "queue:2");
    rig.wait(secs(1));
    assert!(!told(&rig).contains(&"offered 3".to_owned()), "agent 3 is not free to be offered");
    [first, second, third].into_iter().for_each(|leg| rig.hangs_up(leg));
    balanced(&mut rig);
}

#[test]
fn what_cannot_be_supervised_is_refused_with_a_sentence() {
    let mut rig = rig_with(&[A1, A2]);
    let customer = rig.customer_dials("95105600");
    assert!(why_not(supervise(&mut rig, Listen)).contains("no conversation"));
    rig.wait(secs(5));
    for action in [
        CallAction::ChangeSupervision { by: LEADER, mode: Barge },
        CallAction::EndSupervision,
        CallAction::TakeOver { by: LEADER },
    ] {
        assert_eq!(why_not(call_act(&mut rig, action)), "nobody supervises this call");
    }
    let own =
        CallAction::Supervise { by: UserId(1), phone: SupervisorPhone::Agent(A1), mode: Listen };
    assert!(why_not(call_act(&mut rig, own)).contains("a call that they are in"));
    let nowhere = SupervisorPhone::Number("5555".into());
    let nowhere = CallAction::Supervise { by: LEADER, phone: nowhere, mode: Listen };
    assert!(why_not(call_act(&mut rig, nowhere)).contains("nothing answers"));
    assert_eq!(supervise(&mut rig, Listen), Answer::Done);
    rig.wait(secs(5));
    for action in [
        CallAction::ChangeSupervision { by: UserId(4), mode: Barge },
        CallAction::TakeOver { by: UserId(4) },
    ] {
        assert_eq!(why_not(call_act(&mut rig, action)), "somebody else supervises this call");
    }
    assert_eq!(call_act(&mut rig, CallAction::EndSupervision), Answer::Done, "anybody may end it");
    rig.hangs_up(customer);
    balanced(&mut rig);
    let ended = rig.log.iter().find_map(|entry| match entry.kind {
        Kind::SupervisionEnded { end, .. } => Some(end),
        _ => None,
    });
    assert_eq!(ended, Some(SupervisionEnd::Left));
}

#[test]
fn a_supervisor_moves_a_call_that_talks_and_one_that_waits() {
    let mut rig = rig_with(&[A1, A3]);
    let customer = talking(&mut rig);
    let force = |target: &str| CallAction::ForceTransfer { by: LEADER, target: target.into() };
    assert!(why_not(call_act(&mut rig, force("5555"))).contains("nothing answers"));
    assert_eq!(supervise(&mut rig, Listen), Answer::Done);
    rig.wait(secs(5));
    assert_eq!(call_act(&mut rig, force("1003")), Answer::Done, "to the one who listens");
    rig.wait(secs(5));
    assert_eq!(rig.state().calls[0].agent, Some(A3));
    assert_eq!(call_act(&mut rig, force("queue:1")), Answer::Done, "agent 1 is in wrap-up there");
    assert_eq!(phase(&mut rig), "waiting");
    assert_eq!(act(&mut rig, A1, AgentAction::SignOut), Answer::Done);
    sign_in(&mut rig, A2);
    rig.phones.insert(A2, Phone::Rings);
    rig.wait(secs(2));
    assert!(why_not(call_act(&mut rig, force("1002"))).contains("not free"), "it rings there");
    let third = |rig: &Rig| rig.leg_of(A3).is_some();
    assert!(!third(&rig));
    rig.wait(secs(20));
    assert_eq!(call_act(&mut rig, force("1003")), Answer::Done, "out of the queue");
    rig.wait(secs(5));
    assert!(third(&rig) && phase(&mut rig) == "talking");
    rig.hangs_up(customer);
    balanced(&mut rig);
    let words = supervision_words(&rig);
    let forced: Vec<&String> = words.iter().filter(|word| word.starts_with("forced")).collect();
    assert_eq!(forced, ["forced Transfer 1003", "forced Transfer queue:1", "forced Transfer 1003"]);
    assert!(told(&rig).contains(&"flowed out Forced".to_owned()));
}

#[test]
fn a_supervisor_ends_a_call_as_if_the_agent_had_hung_up() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let ask = CallAction::ForceRelease { by: LEADER };
    assert_eq!(call_act(&mut rig, ask), Answer::Done);
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "survey");
    let entry = rig.log.iter().find_map(|entry| match &entry.kind {
        Kind::Forced { by, agent, .. } => Some((*by, *agent)),
        _ => None,
    });
    assert_eq!(entry, Some((LEADER, Some(A1))));
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Idle"));
    let queue = rig.log.iter().find_map(|entry| match entry.kind {
        Kind::SurveyAsked { queue, .. } => queue,
        _ => None,
    });
    assert_eq!(queue, Some(QueueId(1)));
}
