//! Logs written by hand and the rows that a person would make of them.

use crate::derive::Fold;
use crate::stories::*;
use std::collections::BTreeMap;
use terms::event::{
    Activity, Calling, CallingLimit, Direction, FlowOut, InCalling, InParking, Kind, OfferEnd,
    Outcome, Parking, Party, Role, Satisfaction, Supervised, SupervisionEnd, SupervisionMode,
    TransferKind,
};
use terms::record::{AgentSpan, Call, Leg, QueueVisit, Recording, Row, Survey};
use terms::{AgentId, LegId, QueueId, SurveyId, Timestamp, TrunkId, UserId, VisitId};

macro_rules! pick {
    ($rows:expr, $kind:ident) => {
        $rows
            .iter()
            .filter_map(|row| match row {
                Row::$kind(row) => Some(row),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
}

mod agreed;
mod areas;
mod heard;
mod region;
mod stepped;
mod told;

fn calls(rows: &[Row]) -> Vec<&Call> {
    pick!(rows, Call)
}
fn legs(rows: &[Row]) -> Vec<&Leg> {
    pick!(rows, Leg)
}
fn visits(rows: &[Row]) -> Vec<&QueueVisit> {
    pick!(rows, QueueVisit)
}
fn spans(rows: &[Row]) -> Vec<&AgentSpan> {
    pick!(rows, AgentSpan)
}
fn surveys(rows: &[Row]) -> Vec<&Survey> {
    pick!(rows, Survey)
}
fn recordings(rows: &[Row]) -> Vec<&Recording> {
    pick!(rows, Recording)
}

/// Call 100, customer leg 101, in queue 1 from second 10.
fn queued(s: &mut Script) {
    s.call(0.0, 100, call_started("13800138000"))
        .leg(0.0, 100, 101, leg_started(Role::Customer, None))
        .leg(1.0, 100, 101, Kind::LegAnswered)
        .call(1.0, 100, Kind::IvrIn { flow: terms::FlowId(7), version: 3 })
        .call(10.0, 100, enqueued(500, 1));
}

/// Agent 11 on leg 102 talks from second 20.
fn talking(s: &mut Script) {
    queued(s);
    s.call(12.0, 100, offered(500, 1, 11))
        .leg(12.0, 100, 102, leg_started(Role::Agent, Some(11)))
        .leg(13.0, 100, 102, Kind::LegRinging)
        .leg(20.0, 100, 102, Kind::LegAnswered)
        .leg(20.0, 100, 102, answered(Some(500), Some(1), 11));
}

fn end(s: &mut Script, at: f64, outcome: Outcome, by: Party) {
    s.leg(at, 100, 101, leg_ended(by)).call(at, 100, call_ended(outcome, by));
}

#[test]
fn an_answered_call_has_its_times_split() {
    let mut s = Script::new(1);
    talking(&mut s);
    s.leg(30.0, 100, 101, Kind::Held { by: Party::Agent })
        .leg(45.5, 100, 101, Kind::Resumed)
        .leg(60.0, 100, 102, Kind::Released { agent: AgentId(11), by: Party::Agent })
        .leg(60.0, 100, 102, leg_ended(Party::Agent));
    end(&mut s, 65.0, Outcome::Answered, Party::System);
    let rows = s.rows();

    let call = calls(&rows)[0];
    assert_eq!((call.ivr_ms, call.wait_ms), (9_000, 10_000));
    assert_eq!((call.talk_ms, call.hold_ms), (24_500, 15_500));
    assert_eq!((call.duration_ms, call.agents, call.transfers), (65_000, 1, 0));
    assert_eq!((call.agent_id, call.last_agent_id), (Some(AgentId(11)), Some(AgentId(11))));
    assert_eq!(call.answered_at, Some(Timestamp(BEGIN.0 + 1_000_000)));
    assert_eq!((call.caller.as_str(), call.outcome.as_str()), ("+8613800138000", "answered"));

    let agent = *legs(&rows).iter().find(|leg| leg.role == "agent").unwrap();
    assert_eq!((agent.ring_ms, agent.talk_ms, agent.hold_ms), (7_000, 24_500, 15_500));
    assert_eq!((agent.queue_id, agent.mos), (Some(QueueId(1)), Some(4.25)));
    let customer = *legs(&rows).iter().find(|leg| leg.role == "customer").unwrap();
    assert_eq!((customer.talk_ms, customer.hold_ms), (24_500, 15_500));

    let visit = visits(&rows)[0];
    assert_eq!((visit.outcome.as_str(), visit.wait_ms, visit.ring_ms), ("answered", 10_000, 8_000));
    assert_eq!((visit.offers, visit.offers_unanswered), (1, 0));
    assert_eq!(pick!(rows, Event).len(), s.entries.len(), "every entry is a row of events");
}

#[test]
fn offers_without_an_answer_are_counted_but_not_withdrawn_ones() {
    let mut s = Script::new(1);
    queued(&mut s);
    let ended = |agent, end| Kind::OfferEnded {
        visit: VisitId(500),
        queue: QueueId(1),
        agent: AgentId(agent),
        end,
    };
    s.call(11.0, 100, offered(500, 1, 11))
        .call(26.0, 100, ended(11, OfferEnd::NoAnswer))
        .call(27.0, 100, offered(500, 1, 12))
        .call(28.0, 100, ended(12, OfferEnd::Declined))
        .call(29.0, 100, offered(500, 1, 13))
        .call(32.5, 100, ended(13, OfferEnd::Withdrawn))
        .call(32.5, 100, Kind::Abandoned { visit: VisitId(500), queue: QueueId(1) });
    end(&mut s, 33.0, Outcome::Abandoned, Party::Customer);
    let rows = s.rows();
    let visit = visits(&rows)[0];
    assert_eq!((visit.offers, visit.offers_unanswered, visit.ring_ms), (3, 2, 3_500));
    assert_eq!((visit.outcome.as_str(), visit.agent_id), ("abandoned", None));
    let call = calls(&rows)[0];
    assert_eq!((call.outcome.as_str(), call.talk_ms, call.wait_ms), ("abandoned", 0, 22_500));
}

#[test]
fn a_call_that_rang_at_several_is_whose_who_answered_and_no_refusal_of_the_others() {
    let mut s = Script::new(1);
    queued(&mut s);
    let ended = |agent, end| Kind::OfferEnded {
        visit: VisitId(500),
        queue: QueueId(1),
        agent: AgentId(agent),
        end,
    };
    for (leg, agent) in [(102, 11), (103, 12), (104, 13)] {
        s.call(11.0, 100, offered(500, 1, agent));
        s.leg(11.0, 100, leg, leg_started(Role::Agent, Some(agent)));
    }
    s.call(12.0, 100, ended(11, OfferEnd::Declined))
        .leg(12.0, 100, 102, leg_ended(Party::Agent))
        .leg(15.0, 100, 103, Kind::LegAnswered)
        .call(15.0, 100, ended(13, OfferEnd::Withdrawn))
        .leg(15.0, 100, 104, leg_ended(Party::System))
        .leg(15.0, 100, 103, answered(Some(500), Some(1), 12))
        .leg(45.0, 100, 103, Kind::Released { agent: AgentId(12), by: Party::Customer })
        .leg(45.0, 100, 103, leg_ended(Party::Customer));
    end(&mut s, 45.0, Outcome::Answered, Party::Customer);
    let rows = s.rows();
    let stay = visits(&rows)[0];
    assert_eq!((stay.offers, stay.offers_unanswered, stay.ring_ms), (3, 1, 4_000));
    assert_eq!((stay.outcome.as_str(), stay.agent_id), ("answered", Some(AgentId(12))));
    let leg = |agent| *legs(&rows).iter().find(|leg| leg.agent_id == Some(AgentId(agent))).unwrap();
    for agent in [11, 12, 13] {
        assert_eq!(leg(agent).queue_id, Some(QueueId(1)), "agent {agent}");
    }
    assert_eq!((leg(12).talk_ms, leg(13).talk_ms), (30_000, 0));
}

#[test]
fn a_call_that_was_picked_up_is_the_pickers_and_the_offer_no_refusal() {
    let mut s = Script::new(1);
    queued(&mut s);
    let (visit, queue, agent) = (VisitId(500), QueueId(1), AgentId(11));
    let end_of_offer = Kind::OfferEnded { visit, queue, agent, end: OfferEnd::PickedUp };
    s.call(11.0, 100, offered(500, 1, 11))
        .leg(11.0, 100, 102, leg_started(Role::Agent, Some(11)))
        .leg(13.0, 100, 103, leg_started(Role::Agent, Some(12)))
        .call(13.0, 100, end_of_offer)
        .leg(13.0, 100, 102, leg_ended(Party::System))
        .leg(13.0, 100, 103, Kind::PickedUp { agent: AgentId(12), from: agent })
        .leg(13.0, 100, 103, Kind::LegAnswered)
        .leg(13.0, 100, 103, answered(Some(500), Some(1), 12))
        .leg(43.0, 100, 103, Kind::Released { agent: AgentId(12), by: Party::Customer })
        .leg(43.0, 100, 103, leg_ended(Party::Customer));
    end(&mut s, 43.0, Outcome::Answered, Party::Customer);
    let rows = s.rows();
    let stay = visits(&rows)[0];
    assert_eq!((stay.offers, stay.offers_unanswered, stay.ring_ms), (1, 0, 2_000));
    assert_eq!((stay.outcome.as_str(), stay.agent_id), ("answered", Some(AgentId(12))));
    let call = calls(&rows)[0];
    assert_eq!((call.agent_id, call.agents, call.talk_ms), (Some(AgentId(12)), 1, 30_000));
    let leg = |agent| *legs(&rows).iter().find(|leg| leg.agent_id == Some(AgentId(agent))).unwrap();
    assert_eq!((leg(11).talk_ms, leg(12).talk_ms), (0, 30_000));
    assert_eq!((leg(11).queue_id, leg(12).queue_id), (Some(QueueId(1)), Some(QueueId(1))));
}

#[test]
fn an_attended_transfer_holds_the_customer_while_the_agents_talk() {
    let mut s = Script::new(1);
    talking(&mut s);
    let kind = TransferKind::Attended;
    s.leg(30.0, 100, 101, Kind::Held { by: Party::Agent })
        .leg(31.0, 100, 103, leg_started(Role::Agent, Some(12)))
        .leg(35.0, 100, 103, Kind::LegAnswered)
        .leg(35.0, 100, 103, answered(None, None, 12))
        .leg(40.0, 100, 102, Kind::Transferred { kind, agent: AgentId(11), target: "8002".into() })
        .leg(40.0, 100, 102, Kind::Released { agent: AgentId(11), by: Party::Agent })
        .leg(40.0, 100, 102, leg_ended(Party::Agent))
        .leg(70.0, 100, 103, Kind::Released { agent: AgentId(12), by: Party::Customer })
        .leg(70.0, 100, 103, leg_ended(Party::Customer));
    end(&mut s, 70.0, Outcome::Answered, Party::Customer);
    let rows = s.rows();
    let leg = |agent| *legs(&rows).iter().find(|leg| leg.agent_id == Some(AgentId(agent))).unwrap();
    assert_eq!((leg(11).talk_ms, leg(11).hold_ms), (10_000, 10_000));
    assert_eq!((leg(12).talk_ms, leg(12).hold_ms), (35_000, 0), "who is consulted talks");
    let call = calls(&rows)[0];
    assert_eq!((call.talk_ms, call.hold_ms), (40_000, 10_000), "the one who held is gone");
    assert_eq!((call.transfers, call.agents), (1, 2));
    assert_eq!((call.agent_id, call.last_agent_id), (Some(AgentId(11)), Some(AgentId(12))));
}

/// Agent 11 passes the customer on at 30 s to leg 103 and hangs up at 31 s.
fn passed_on(s: &mut Script, role: Role, agent: Option<u64>) {
    talking(s);
    let kind = TransferKind::Blind;
    s.leg(30.0, 100, 102, Kind::Transferred { kind, agent: AgentId(11), target: "8002".into() })
        .leg(30.0, 100, 101, Kind::Held { by: Party::Agent })
        .leg(30.0, 100, 103, leg_started(role, agent))
        .leg(31.0, 100, 102, Kind::Released { agent: AgentId(11), by: Party::Agent })
        .leg(31.0, 100, 102, leg_ended(Party::Agent));
}

#[test]
fn a_blind_transfer_holds_until_it_is_answered_though_its_agent_has_hung_up() {
    let mut s = Script::new(1);
    passed_on(&mut s, Role::Agent, Some(12));
    s.leg(40.0, 100, 103, Kind::LegAnswered)
        .leg(40.0, 100, 101, Kind::Resumed)
        .leg(40.0, 100, 103, answered(None, None, 12))
        .leg(70.0, 100, 103, Kind::Released { agent: AgentId(12), by: Party::Customer })
        .leg(70.0, 100, 103, leg_ended(Party::Customer));
    end(&mut s, 70.0, Outcome::Answered, Party::Customer);
    let rows = s.rows();
    let call = calls(&rows)[0];
    assert_eq!((call.talk_ms, call.hold_ms, call.outside_ms), (40_000, 10_000, Some(0)));
    let leg = |role| *legs(&rows).iter().find(|leg| leg.role == role).unwrap();
    assert_eq!((leg("customer").talk_ms, leg("customer").hold_ms), (40_000, 10_000));
    assert_eq!((leg("agent").talk_ms, leg("agent").hold_ms), (10_000, 1_000), "until they left");
}

#[test]
fn a_blind_transfer_that_nobody_answers_holds_until_the_customer_gives_up() {
    let mut s = Script::new(1);
    passed_on(&mut s, Role::Agent, Some(12));
    s.leg(45.0, 100, 101, Kind::Resumed).leg(45.0, 100, 103, leg_ended(Party::Customer));
    end(&mut s, 45.2, Outcome::Answered, Party::Customer);
    let rows = s.rows();
    let call = calls(&rows)[0];
    assert_eq!((call.talk_ms, call.hold_ms, call.duration_ms), (10_000, 15_000, 45_200));
}

#[test]
fn who_is_parked_is_on_hold_until_somebody_takes_them() {
    let mut s = Script::new(1);
    talking(&mut s);
    let parking = |what| Kind::Parking(Parking { slot: 3, what });
    s.leg(30.0, 100, 102, parking(InParking::Parked { by: AgentId(11) }))
        .leg(30.0, 100, 101, Kind::Held { by: Party::Agent })
        .leg(30.0, 100, 102, Kind::Released { agent: AgentId(11), by: Party::Agent })
        .leg(30.0, 100, 102, leg_ended(Party::Agent))
        .leg(45.0, 100, 103, leg_started(Role::Agent, Some(12)))
        .leg(45.0, 100, 103, parking(InParking::Taken { by: AgentId(12) }))
        .leg(45.0, 100, 101, Kind::Resumed)
        .leg(45.0, 100, 103, Kind::LegAnswered)
        .leg(45.0, 100, 103, answered(None, Some(1), 12))
        .leg(70.0, 100, 103, Kind::Released { agent: AgentId(12), by: Party::Customer })
        .leg(70.0, 100, 103, leg_ended(Party::Customer));
    end(&mut s, 70.0, Outcome::Answered, Party::Customer);
    let rows = s.rows();
    let call = calls(&rows)[0];
    assert_eq!((call.talk_ms, call.hold_ms, call.transfers), (35_000, 15_000, 0));
    assert_eq!((call.agent_id, call.last_agent_id), (Some(AgentId(11)), Some(AgentId(12))));
    let leg = |agent| *legs(&rows).iter().find(|leg| leg.agent_id == Some(AgentId(agent))).unwrap();
    assert_eq!((leg(11).talk_ms, leg(12).talk_ms), (10_000, 25_000));
}

#[test]
fn talk_with_somebody_outside_is_the_calls_and_not_the_agents() {
    let mut s = Script::new(1);
    passed_on(&mut s, Role::Outside, None);
    s.leg(40.0, 100, 103, Kind::LegAnswered).leg(40.0, 100, 101, Kind::Resumed).leg(
        65.0,
        100,
        103,
        leg_ended(Party::Customer),
    );
    end(&mut s, 65.0, Outcome::Answered, Party::Customer);
    let rows = s.rows();
    let call = calls(&rows)[0];
    assert_eq!((call.talk_ms, call.hold_ms, call.outside_ms), (35_000, 10_000, Some(25_000)));
    assert_eq!((call.agents, call.last_agent_id), (1, Some(AgentId(11))));
    let talks: BTreeMap<_, _> =
        legs(&rows).iter().map(|leg| (leg.role.as_str(), (leg.talk_ms, leg.hold_ms))).collect();
    assert_eq!(talks["agent"], (10_000, 1_000));
    assert_eq!(talks["outside"], (25_000, 0));
    assert_eq!(talks["customer"], (35_000, 10_000));
}

#[test]
fn each_attempt_over_a_trunk_is_a_leg_that_names_it() {
    let mut s = Script::new(1);
    passed_on(&mut s, Role::Outside, None);
    let over = |trunk| Kind::LegStarted {
        role: Role::Outside,
        agent: None,
        address: "013811112222".into(),
        trunk: Some(TrunkId(trunk)),
    };
    s.leg(31.0, 100, 104, over(2))
        .leg(31.5, 100, 104, leg_ended(Party::Outside))
        .leg(31.5, 100, 105, over(3))
        .leg(33.0, 100, 105, leg_ended(Party::Outside))
        .leg(45.0, 100, 103, leg_ended(Party::Customer));
    end(&mut s, 45.2, Outcome::Answered, Party::Customer);
    let rows = s.rows();
    let trunks: BTreeMap<_, _> =
        legs(&rows).iter().map(|leg| (leg.leg_id.0, leg.trunk_id)).collect();
    assert_eq!((trunks[&104], trunks[&105]), (Some(TrunkId(2)), Some(TrunkId(3))));
    assert_eq!(trunks[&101], Some(TrunkId(1)), "an older program said it of the call");
    assert_eq!((trunks[&102], trunks[&103]), (None, None));
}

#[test]
fn colleagues_who_call_each_other_both_talk() {
    let mut s = Script::new(1);
    let internal = |mut kind| {
        if let Kind::CallStarted { direction, category, .. } = &mut kind {
            (*direction, *category) = (Direction::Internal, None);
        }
        kind
    };
    let by = Party::Agent;
    s.call(0.0, 100, internal(call_started("1001")))
        .leg(0.0, 100, 101, leg_started(Role::Agent, Some(11)))
        .leg(0.0, 100, 102, leg_started(Role::Agent, Some(12)))
        .leg(5.0, 100, 102, Kind::LegAnswered)
        .leg(5.0, 100, 101, Kind::LegAnswered)
        .leg(5.0, 100, 102, answered(None, None, 12))
        .leg(20.0, 100, 101, Kind::Held { by })
        .leg(21.0, 100, 103, leg_started(Role::Agent, Some(13)))
        .leg(22.0, 100, 102, Kind::Released { agent: AgentId(12), by })
        .leg(30.0, 100, 103, Kind::LegAnswered)
        .leg(30.0, 100, 101, Kind::Resumed)
        .leg(30.0, 100, 103, answered(None, None, 13))
        .leg(31.0, 100, 102, leg_ended(by))
        .leg(50.0, 100, 101, Kind::Released { agent: AgentId(11), by })
        .leg(50.0, 100, 103, Kind::Released { agent: AgentId(13), by })
        .leg(50.5, 100, 103, leg_ended(by));
    end(&mut s, 51.0, Outcome::Answered, by);
    let rows = s.rows();
    let call = calls(&rows)[0];
    assert_eq!((call.talk_ms, call.hold_ms, call.agents), (35_000, 10_000, 2));
    let talks: BTreeMap<_, _> =
        legs(&rows).iter().map(|leg| (leg.leg_id.0, (leg.talk_ms, leg.hold_ms))).collect();
    assert_eq!(talks[&101], (35_000, 10_000), "who called");
    assert_eq!(talks[&102], (15_000, 2_000), "who passed them on");
    assert_eq!(talks[&103], (20_000, 0));
}

/// User 13 supervises agent 11 on leg 103, from second 30 on.
fn supervised(s: &mut Script, supervisor: Option<AgentId>) -> Supervised {
    talking(s);
    let of = Supervised { by: UserId(13), supervisor, agent: AgentId(11) };
    s.leg(25.0, 100, 103, leg_started(Role::Supervisor, supervisor.map(|agent| agent.0)))
        .leg(30.0, 100, 103, Kind::LegAnswered)
        .leg(30.0, 100, 103, Kind::SupervisionStarted { of, mode: SupervisionMode::Listen })
        .leg(35.0, 100, 103, Kind::SupervisionChanged { of, mode: SupervisionMode::Barge });
    of
}

#[test]
fn who_only_supervises_is_no_party_of_the_call() {
    let mut s = Script::new(1);
    let of = supervised(&mut s, Some(AgentId(13)));
    let end_of_it = SupervisionEnd::ConversationOver;
    s.leg(60.0, 100, 103, Kind::SupervisionEnded { of, end: end_of_it })
        .leg(60.0, 100, 103, leg_ended(Party::System))
        .leg(60.0, 100, 102, Kind::Released { agent: AgentId(11), by: Party::Customer })
        .leg(60.0, 100, 102, leg_ended(Party::Customer));
    end(&mut s, 60.0, Outcome::Answered, Party::Customer);
    let rows = s.rows();
    let call = calls(&rows)[0];
    assert_eq!((call.talk_ms, call.agents, call.last_agent_id), (40_000, 1, Some(AgentId(11))));
    assert_eq!(call.outside_ms, Some(0));
    let leg = *legs(&rows).iter().find(|leg| leg.role == "supervisor").unwrap();
    assert_eq!((leg.talk_ms, leg.agent_id), (0, Some(AgentId(13))));
}

#[test]
fn who_takes_over_talks_from_then_on_at_whatever_phone() {
    for supervisor in [Some(AgentId(13)), None] {
        let mut s = Script::new(1);
        let of = supervised(&mut s, supervisor);
        s.leg(50.0, 100, 103, Kind::SupervisionEnded { of, end: SupervisionEnd::TakenOver });
        if supervisor.is_some() {
            s.leg(50.0, 100, 103, answered(None, Some(1), 13));
        }
        s.leg(50.0, 100, 102, Kind::Released { agent: AgentId(11), by: Party::System })
            .leg(50.0, 100, 102, leg_ended(Party::System))
            .leg(55.0, 100, 101, Kind::Held { by: Party::Agent })
            .leg(58.0, 100, 101, Kind::Resumed)
            .leg(70.0, 100, 103, leg_ended(Party::Customer));
        end(&mut s, 70.0, Outcome::Answered, Party::Customer);
        let rows = s.rows();
        let call = calls(&rows)[0];
        assert_eq!((call.talk_ms, call.hold_ms), (47_000, 3_000), "{supervisor:?}");
        assert_eq!(call.agents, 1 + i32::from(supervisor.is_some()));
        let leg = *legs(&rows).iter().find(|leg| leg.role == "supervisor").unwrap();
        assert_eq!((leg.talk_ms, leg.hold_ms), (17_000, 3_000), "{supervisor:?}");
    }
}

#[test]
fn a_blind_transfer_to_a_queue_is_a_second_stay() {
    let mut s = Script::new(1);
    talking(&mut s);
    let kind = TransferKind::Blind;
    s.leg(30.0, 100, 102, Kind::Transferred { kind, agent: AgentId(11), target: "q2".into() })
        .leg(30.0, 100, 102, Kind::Released { agent: AgentId(11), by: Party::Agent })
        .leg(30.0, 100, 102, leg_ended(Party::Agent))
        .call(30.0, 100, enqueued(501, 2))
        .call(33.0, 100, offered(501, 2, 12))
        .leg(33.0, 100, 103, leg_started(Role::Agent, Some(12)))
        .leg(36.0, 100, 103, answered(Some(501), Some(2), 12))
        .leg(50.0, 100, 103, leg_ended(Party::Customer));
    end(&mut s, 50.0, Outcome::Answered, Party::Customer);
    let rows = s.rows();
    let waits: Vec<_> = visits(&rows).iter().map(|v| (v.queue_id.0, v.wait_ms)).collect();
    assert_eq!(waits, [(1, 10_000), (2, 6_000)]);
    let call = calls(&rows)[0];
    assert_eq!((call.wait_ms, call.talk_ms), (16_000, 24_000));
    assert_eq!((call.queue_id, call.ivr_ms), (Some(QueueId(2)), 9_000));
}

/// Agent 11 asked somebody in, the customer left them at 30 s, and at 40 s agent 11 passes the
/// other on into a queue, where agent 13 answers at 46 s.
fn left_and_passed_on(role: Role, agent: Option<u64>) -> Vec<Row> {
    let mut s = Script::new(1);
    talking(&mut s);
    s.leg(25.0, 100, 103, leg_started(role, agent)).leg(25.0, 100, 103, Kind::LegAnswered);
    if let Some(agent) = agent {
        s.leg(25.0, 100, 103, answered(None, None, agent));
    }
    s.leg(30.0, 100, 101, leg_ended(Party::Customer));
    let kind = TransferKind::Blind;
    s.leg(40.0, 100, 102, Kind::Transferred { kind, agent: AgentId(11), target: "q2".into() })
        .leg(40.0, 100, 102, Kind::Released { agent: AgentId(11), by: Party::Agent })
        .leg(40.0, 100, 102, leg_ended(Party::Agent))
        .leg(40.0, 100, 103, enqueued(501, 2))
        .leg(41.0, 100, 104, leg_started(Role::Agent, Some(13)))
        .leg(46.0, 100, 104, answered(Some(501), Some(2), 13))
        .leg(66.0, 100, 103, leg_ended(Party::Agent))
        .leg(66.0, 100, 104, leg_ended(Party::Agent));
    end(&mut s, 66.0, Outcome::Answered, Party::Agent);
    s.rows()
}

#[test]
fn who_was_left_of_a_conversation_talks_to_nobody_while_they_wait_in_a_queue() {
    for (role, agent, outside) in
        [(Role::Agent, Some(12), 0), (Role::Outside, None, 15_000 + 20_000)]
    {
        let rows = left_and_passed_on(role, agent);
        let call = calls(&rows)[0];
        assert_eq!(
            (call.talk_ms, call.hold_ms),
            (20_000 + 20_000, 0),
            "from 20 to 40, from 46 to 66"
        );
        assert_eq!(call.outside_ms, Some(outside));
        let waited = legs(&rows).iter().find(|leg| leg.leg_id == LegId(103)).unwrap().talk_ms;
        assert_eq!(waited, 15_000 + 20_000);
    }
}

#[test]
fn a_voicemail_is_a_stay_that_flowed_out_and_a_recording_without_agent() {
    let mut s = Script::new(1);
    queued(&mut s);
    let (visit, queue, reason) = (VisitId(500), QueueId(1), FlowOut::Voicemail);
    let recording = terms::RecordingId(900);
    s.call(40.0, 100, Kind::FlowedOut { visit, queue, reason }).call(
        60.0,
        100,
        Kind::VoicemailLeft { queue, recording, caller: String::new() },
    );
    end(&mut s, 60.0, Outcome::Voicemail, Party::Customer);
    s.call(61.0, 100, recorded(1, 100, 900, None));
    let rows = s.rows();
    assert_eq!(visits(&rows)[0].flow_out_reason.as_deref(), Some("voicemail"));
    assert_eq!(calls(&rows)[0].recording_id, Some(recording));
    assert_eq!(recordings(&rows)[0].kind, "voicemail");
}

#[test]
fn a_recording_after_the_end_knows_its_call() {
    let mut s = Script::new(1);
    talking(&mut s);
    end(&mut s, 60.0, Outcome::Answered, Party::Customer);
    s.push(3_600.0, None, None, recorded(1, 100, 900, Some(11)));
    s.push(3_601.0, None, None, recorded(1, 999, 901, Some(11)));
    let rows = s.rows();
    let known = recordings(&rows)[0];
    assert_eq!((known.call_started_at, known.caller.as_str()), (BEGIN, "+8613800138000"));
    let forgotten = recordings(&rows)[1];
    assert_eq!((forgotten.call_started_at, forgotten.caller.as_str()), (BEGIN, ""));
}

#[test]
fn an_answer_that_crosses_the_hang_up_counts() {
    let (survey, agent, queue) = (SurveyId(700), AgentId(11), Some(QueueId(1)));
    let story = |late: f64| {
        let mut s = Script::new(1);
        talking(&mut s);
        s.call(50.0, 100, Kind::SurveyAsked { survey, agent, queue });
        end(&mut s, 52.0, Outcome::Answered, Party::Customer);
        let answer = Some(Satisfaction::Satisfied);
        s.call(52.0 + late, 100, Kind::SurveyAnswered { survey, agent, queue, answer });
        s.rows()
    };
    let (crossed, late) = (story(0.1), story(61.0));
    assert_eq!(surveys(&crossed)[0].answer.as_deref(), Some("satisfied"));
    assert_eq!(surveys(&crossed).len(), 1);
    assert_eq!(surveys(&late)[0].answer, None, "after a minute it is unanswered");
    assert_eq!(surveys(&late).len(), 1, "and stays one row");
}

#[test]
fn a_survey_in_the_call_reaches_the_calls_row() {
    let (survey, agent, queue) = (SurveyId(700), AgentId(11), Some(QueueId(1)));
    let mut s = Script::new(1);
    talking(&mut s);
    let answer = Some(Satisfaction::Dissatisfied);
    s.call(50.0, 100, Kind::SurveyAsked { survey, agent, queue }).call(
        54.0,
        100,
        Kind::SurveyAnswered { survey, agent, queue, answer },
    );
    end(&mut s, 55.0, Outcome::Answered, Party::System);
    let rows = s.rows();
    assert_eq!(calls(&rows)[0].satisfaction.as_deref(), Some("dissatisfied"));
    let row = surveys(&rows)[0];
    assert_eq!(row.ended_at.millis_since(row.asked_at), 4_000);
}

#[test]
fn agent_time_is_cut_at_every_change_and_dispositions_belong_to_the_wrap_up() {
    let mut s = Script::new(1);
    let change = |activity, reason: Option<&str>| Kind::AgentChanged {
        agent: AgentId(11),
        activity,
        reason: reason.map(str::to_owned),
        queue: None,
        skill_set: None,
    };
    s.push(0.0, None, None, change(Activity::Idle, None))
        .push(5.0, None, None, change(Activity::Idle, None))
        .push(10.0, Some(100), None, change(Activity::Talking, None))
        .push(70.0, Some(100), None, change(Activity::WrapUp, None))
        .push(85.0, None, None, change(Activity::Idle, Some("complaint")))
        .push(90.0, None, None, change(Activity::Break, Some("lunch")))
        .push(95.0, None, None, change(Activity::SignedOut, None));
    let rows = s.rows();
    let seen: Vec<_> = spans(&rows)
        .iter()
        .map(|span| (span.activity.as_str(), span.duration_ms, span.reason.as_deref()))
        .collect();
    assert_eq!(
        seen,
        [
            ("idle", 10_000, None),
            ("talking", 60_000, None),
            ("wrap_up", 15_000, Some("complaint")),
            ("idle", 5_000, None),
            ("break", 5_000, Some("lunch")),
        ]
    );
}

#[test]
fn a_start_interrupts_what_was_open_at_the_last_sign_of_life() {
    let mut s = Script::new(1);
    s.agent(0.0, None, 11, Activity::Idle);
    talking(&mut s);
    let started = Kind::Started { program: "0.1.0".into(), kept: Vec::new() };
    s.push(9_000.0, None, None, started);
    let rows = s.rows();
    let call = calls(&rows)[0];
    assert_eq!((call.outcome.as_str(), call.hangup_by.as_str()), ("interrupted", "system"));
    assert_eq!((call.duration_ms, call.talk_ms), (20_000, 0));
    assert_eq!(legs(&rows).len(), 2);
    assert_eq!(spans(&rows)[0].duration_ms, 20_000);
}

#[test]
fn a_start_that_kept_a_call_leaves_it_open_until_its_own_end() {
    let mut s = Script::new(1);
    s.agent(0.0, None, 11, Activity::Idle);
    talking(&mut s);
    let started =
        Kind::Started { program: "0.1.0".into(), kept: vec![terms::CallId(100), terms::CallId(7)] };
    s.push(21.0, None, None, started);
    let rows = s.rows();
    assert!(calls(&rows).is_empty(), "nothing ended");
    assert_eq!(spans(&rows)[0].duration_ms, 20_000, "what the agent did until then");
    end(&mut s, 40.0, Outcome::Answered, Party::Customer);
    let rows = s.rows();
    let call = calls(&rows)[0];
    assert_eq!((call.outcome.as_str(), call.duration_ms), ("answered", 40_000));
}

#[test]
fn a_stay_that_nobody_closed_is_closed_with_its_call() {
    let mut s = Script::new(1);
    queued(&mut s);
    end(&mut s, 15.0, Outcome::Failed, Party::System);
    let rows = s.rows();
    let visit = visits(&rows)[0];
    assert_eq!(visit.outcome, "flowed_out");
    assert_eq!(visit.flow_out_reason.as_deref(), Some("forced"));
}

#[test]
fn entries_of_a_call_that_never_started_make_no_rows_but_events() {
    let mut s = Script::new(1);
    s.call(1.0, 100, enqueued(500, 1)).call(2.0, 100, call_ended(Outcome::Failed, Party::System));
    let (mut fold, mut rows) = (Fold::new(), Vec::new());
    s.entries.iter().for_each(|entry| fold.apply(entry, &mut rows));
    assert_eq!((rows.len(), fold.strays()), (2, 2));
}

#[test]
fn a_bar_is_an_event_of_no_call_and_belongs_to_none() {
    let mut s = Script::new(1);
    let what = InCalling::Barred { limit: CallingLimit::Length };
    s.push(1.0, None, None, Kind::Calling(Calling { agent: AgentId(11), what }));
    let mut fold = Fold::new();
    let mut rows = Vec::new();
    s.entries.iter().for_each(|entry| fold.apply(entry, &mut rows));
    assert_eq!((rows.len(), fold.strays()), (1, 0));
    let Some(Row::Event(event)) = rows.first() else { panic!("{rows:?}") };
    assert_eq!(event.kind, "calling");
    assert!(event.detail.contains("length"), "{}", event.detail);
}

#[test]
fn the_books_balance_over_a_day() {
    for seed in 0..20 {
        let entries = day(seed, 3, 60);
        let rows = fold(&entries);
        let offered = entries.iter().filter(|e| matches!(e.kind, Kind::Enqueued { .. })).count();
        let count = |outcome: &str| visits(&rows).iter().filter(|v| v.outcome == outcome).count();
        assert_eq!(
            offered,
            count("answered") + count("abandoned") + count("flowed_out") + count("callback_queued"),
            "seed {seed}"
        );
        let opened = entries.iter().filter(|e| matches!(e.kind, Kind::LegStarted { .. })).count();
        assert_eq!(opened, legs(&rows).len(), "seed {seed}");
        for call in calls(&rows) {
            let parts = call.ivr_ms + call.wait_ms + call.talk_ms + call.hold_ms;
            assert!(parts <= call.duration_ms, "seed {seed}: {call:?}");
        }
    }
}

#[test]
fn reading_again_from_the_oldest_open_thing_makes_the_same_rows() {
    for seed in 0..20 {
        let entries = day(seed, 2, 30);
        let whole = fold(&entries);
        for cut in (1..entries.len()).step_by(entries.len() / 7) {
            let mut first = Fold::new();
            let (mut before, mut ended) = (Vec::new(), Vec::new());
            for entry in &entries[..cut] {
                first.apply(entry, &mut before);
                ended.extend(first.take_newly_ended());
            }
            let from = first.open_from().map_or(cut, |seq| seq as usize - 1);
            let mut second = Fold::new();
            ended.into_iter().for_each(|ended| second.remember(ended));
            let mut after = Vec::new();
            for (at, entry) in entries.iter().enumerate().skip(from) {
                let mut finished = Vec::new();
                second.apply(entry, &mut finished);
                if at >= cut {
                    after.append(&mut finished);
                }
            }
            assert_eq!([before, after].concat(), whole, "seed {seed}, cut at {cut}");
        }
    }
}
