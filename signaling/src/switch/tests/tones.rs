//! What the far end of a call says in tones, where its trunk is listened to.

use super::*;
use crate::sip::user_agent::{Command as Sipc, Destination, Early, Event as SipEvent, Invite};
use crate::switch::Input;
use crate::switch::rig::sdp;
use terms::control::{ConferenceAction, DialFirst, DialOrder};
use terms::media::{Command, Event as MediaEvent, Progress, TonePlan, Watch};
use terms::routing::{EarlyMedia, Listening, Machines, Plan, Trunk};
use terms::{ConferenceId, TrunkId, UserId};

const NUMBER: &str = "013811112222";
const CHINA: Watch = Watch { tones: Some(TonePlan::China), fax: false, answerer: false };
const TONES: Listening = Listening { tones: Some(TonePlan::China), machines: Machines::Ignore };

fn machines(machines: Machines) -> Listening {
    Listening { tones: None, machines }
}

/// Two trunks for the same numbers, one after the other.
fn plan_of(listening: Listening) -> Plan {
    let mut plan = demo_plan();
    let like = plan.trunks.remove(0);
    let trunk = |id: u32| Trunk {
        id: TrunkId(id.into()),
        name: format!("trunk {id}"),
        order: id,
        listening,
        ..like.clone()
    };
    plan.trunks = [1, 2].map(trunk).to_vec();
    plan
}

/// Agent 1 is there; the first trunk says nothing by itself.
fn rig_of(plan: Plan) -> Rig {
    let mut rig = Rig::new(plan);
    let registered = SipEvent::Registered { tenant: TENANT, agent: A1, registered: true };
    rig.feed(Input::Sip(registered));
    sign_in(&mut rig, A1);
    rig.over.insert(TrunkId(1), Phone::Silent);
    rig
}

/// What went out over trunks, in time.
fn invites(rig: &Rig) -> Vec<(u64, &Invite)> {
    let over = rig.sip.iter().filter_map(|command| match command {
        Sipc::Invite(invite) => match invite.to {
            Destination::Trunk(_, trunk, _) => Some((trunk.0, &**invite)),
            Destination::Agent(..) => None,
        },
        _ => None,
    });
    over.collect()
}

fn called(rig: &Rig) -> Vec<u64> {
    invites(rig).into_iter().map(|(trunk, _)| trunk).collect()
}

/// The leg of the last call over a trunk.
fn far(rig: &Rig) -> LegId {
    invites(rig).last().expect("it goes out").1.leg
}

fn describes(rig: &mut Rig, leg: LegId) {
    let (sdp, source) = (sdp("sendrecv"), rig.called_at);
    let early = Some(Box::new(Early { sdp, source, encrypted: false, nat: false }));
    rig.feed(Input::Sip(SipEvent::Progress { leg, status: 183, early }));
}

fn says(rig: &mut Rig, leg: LegId, tone: Progress) {
    rig.feed(Input::Media(MediaEvent::Progress { leg, tone }));
    rig.wait(secs(1));
}

/// What a leg was listened to for, in time.
fn watched(rig: &Rig, of: LegId) -> Vec<Watch> {
    let what = |command: &Command| match command {
        Command::Watch { leg, what } if *leg == of => Some(*what),
        _ => None,
    };
    rig.media.iter().filter_map(what).collect()
}

fn refusal(rig: &Rig, caller: LegId) -> Option<(u16, u8)> {
    rig.sip.iter().rev().find_map(|command| match command {
        Sipc::Reject { leg, status, cause, .. } if *leg == caller => Some((*status, *cause)),
        _ => None,
    })
}

/// A call of agent 1 over the first trunk, whose network speaks before the answer.
fn early(rig: &mut Rig) -> (LegId, LegId) {
    let agent = rig.agent_dials(A1, NUMBER);
    rig.wait(secs(1));
    let leg = far(rig);
    describes(rig, leg);
    (agent, leg)
}

#[test]
fn a_network_that_refuses_in_tones_before_the_answer_has_refused() {
    for (tone, expected) in [(Progress::Busy, (486, 17)), (Progress::SpecialInformation, (404, 1))]
    {
        let mut rig = rig_of(plan_of(TONES));
        let (agent, leg) = early(&mut rig);
        assert_eq!(watched(&rig, leg), [CHINA], "once");
        says(&mut rig, leg, tone);
        assert_eq!((called(&rig), refusal(&rig, agent)), (vec![1], Some(expected)), "{tone:?}");
        balanced(&mut rig);
        let told = told(&rig);
        assert!(told.contains(&format!("heard {tone:?}")), "{told:#?}");
        assert!(told.contains(&format!("leg ended {} by Customer", expected.1)), "{told:#?}");
    }
}

#[test]
fn congestion_before_the_answer_goes_on_over_another_trunk_unless_it_rang() {
    for rang in [None, Some(false), Some(true)] {
        let mut rig = rig_of(plan_of(TONES));
        let (agent, leg) = early(&mut rig);
        match rang {
            Some(true) => {
                rig.feed(Input::Sip(SipEvent::Progress { leg, status: 180, early: None }));
            }
            Some(false) => says(&mut rig, leg, Progress::Ringback),
            None => {}
        }
        says(&mut rig, leg, Progress::Congestion);
        if rang.is_some() {
            assert_eq!((called(&rig), refusal(&rig, agent)), (vec![1], Some((503, 42))));
        } else {
            rig.wait(secs(5));
            assert_eq!((called(&rig), phase(&mut rig).as_str()), (vec![1, 2], "talking"));
            rig.hangs_up(agent);
        }
        balanced(&mut rig);
    }
}

#[test]
fn early_media_that_nobody_hears_is_listened_to_all_the_same() {
    let mut plan = plan_of(TONES);
    plan.trunks[0].early_media = EarlyMedia::None;
    let mut rig = rig_of(plan);
    let (agent, leg) = early(&mut rig);
    let connected =
        |command: &&Command| matches!(command, Command::Connect { leg: of, .. } if *of == leg);
    assert_eq!(rig.media.iter().filter(connected).count(), 1);
    describes(&mut rig, leg);
    assert_eq!(rig.media.iter().filter(connected).count(), 1, "networks repeat it");
    let joins = |command: &Command| matches!(command, Command::Join { leg: of, .. } if *of == leg);
    assert!(!rig.media.iter().any(joins));
    says(&mut rig, leg, Progress::Busy);
    assert_eq!(refusal(&rig, agent), Some((486, 17)));
    balanced(&mut rig);
}

#[test]
fn a_gateway_that_answers_and_says_busy_ends_the_call_within_a_minute_and_not_later() {
    for late in [false, true] {
        let mut rig = rig_of(plan_of(TONES));
        rig.over.insert(TrunkId(1), Phone::Answers(secs(1)));
        let agent = rig.agent_dials(A1, NUMBER);
        rig.wait(secs(3));
        let leg = far(&rig);
        assert_eq!((phase(&mut rig).as_str(), watched(&rig, leg)), ("talking", vec![CHINA]));
        if late {
            rig.wait(secs(60));
            assert_eq!(watched(&rig, leg), [CHINA, Watch::default()]);
        }
        says(&mut rig, leg, Progress::Busy);
        if late {
            assert_eq!(phase(&mut rig), "talking");
            rig.hangs_up(agent);
        }
        balanced(&mut rig);
        let (_, cause, by) = outcome(&rig);
        let expected = if late { (16, Party::Agent) } else { (17, Party::Customer) };
        assert_eq!((cause, by), expected);
    }
}

#[test]
fn a_trunk_that_is_not_listened_to_is_not_believed_either() {
    let mut rig = rig_of(plan_of(Listening::default()));
    let (agent, leg) = early(&mut rig);
    says(&mut rig, leg, Progress::Busy);
    assert_eq!((watched(&rig, leg), refusal(&rig, agent)), (vec![], None));
    rig.hangs_up(agent);
    balanced(&mut rig);
}

fn click_order() -> DialOrder {
    DialOrder {
        tenant: TENANT,
        by: UserId(A1.0),
        agent: A1,
        target: NUMBER.to_owned(),
        first: DialFirst::Customer,
        caller_number: None,
    }
}

/// A screen has a customer called, who answers while the phone of agent 1 rings.
fn clicked(listening: Listening) -> (Rig, LegId) {
    let mut rig = rig_of(plan_of(listening));
    rig.over.insert(TrunkId(1), Phone::Answers(secs(1)));
    rig.phones.insert(A1, Phone::Rings);
    let answer = rig.ask(Ask::Dial(Box::new(click_order())));
    assert!(matches!(answer, Answer::Call(_)), "{answer:?}");
    rig.wait(secs(3));
    let leg = far(&rig);
    (rig, leg)
}

#[test]
fn a_machine_that_answers_before_the_agent_is_told_and_ends_the_call_where_the_trunk_says_so() {
    let answerer = Watch { answerer: true, ..Watch::default() };
    for (what, ends) in [(Machines::Tell, false), (Machines::End, true)] {
        for tone in [Progress::Machine, Progress::Beep] {
            let (mut rig, leg) = clicked(machines(what));
            assert_eq!(watched(&rig, leg), [answerer]);
            says(&mut rig, leg, Progress::Human);
            assert_eq!(rig.legs().len(), 2, "a person waits for the agent");
            says(&mut rig, leg, tone);
            assert_eq!(rig.legs().is_empty(), ends, "{what:?}, {tone:?}");
            if !ends {
                rig.hangs_up(leg);
            }
            balanced(&mut rig);
            let told = told(&rig);
            assert!(told.contains(&format!("heard {tone:?}")), "{told:#?}");
            assert_eq!(outcome(&rig).1, if ends { 19 } else { 16 });
        }
    }
    let (mut rig, leg) = clicked(machines(Machines::Ignore));
    assert_eq!(watched(&rig, leg), []);
    rig.hangs_up(leg);
    balanced(&mut rig);
}

#[test]
fn whom_a_meeting_calls_is_not_waited_for_when_their_line_is_busy_in_tones() {
    for answers in [false, true] {
        let mut rig = rig_of(plan_of(TONES));
        if answers {
            rig.over.insert(TrunkId(1), Phone::Answers(secs(1)));
        }
        let chair = rig.agent_dials(A1, "8101");
        rig.wait(secs(1));
        rig.presses(chair, "815471#");
        let (conference, by) = (ConferenceId(1), UserId(9));
        let action = ConferenceAction::DialOut { target: NUMBER.to_owned(), chair: false };
        let asked = rig.ask(Ask::Conference { tenant: TENANT, conference, by, action });
        assert_eq!(asked, Answer::Done);
        rig.wait(secs(2));
        let leg = far(&rig);
        if !answers {
            describes(&mut rig, leg);
        }
        says(&mut rig, leg, Progress::Busy);
        assert_eq!(rig.legs(), [chair], "answers {answers}");
        rig.hangs_up(chair);
        balanced(&mut rig);
    }
}

#[test]
fn machines_are_listened_for_from_the_answer_on() {
    let listening = Listening { machines: Machines::End, ..TONES };
    let mut rig = rig_of(plan_of(listening));
    let answer = rig.ask(Ask::Dial(Box::new(click_order())));
    assert!(matches!(answer, Answer::Call(_)), "{answer:?}");
    rig.wait(secs(1));
    let leg = far(&rig);
    describes(&mut rig, leg);
    assert_eq!(watched(&rig, leg), [CHINA], "the network may speak for long");
    let (sdp, source) = (sdp("sendrecv"), rig.called_at);
    rig.feed(Input::Sip(SipEvent::Answered { leg, sdp, source, encrypted: false, nat: false }));
    assert_eq!(watched(&rig, leg), [CHINA, Watch { answerer: true, ..CHINA }]);
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

#[test]
fn an_agents_own_call_listens_for_no_machine() {
    let mut rig = rig_of(plan_of(machines(Machines::End)));
    rig.over.insert(TrunkId(1), Phone::Answers(secs(1)));
    let agent = rig.agent_dials(A1, NUMBER);
    rig.wait(secs(3));
    assert_eq!(watched(&rig, far(&rig)), [], "the agent hears it");
    rig.hangs_up(agent);
    balanced(&mut rig);
}
