//! What agents set about calls to their phones: do not disturb, and where calls are forwarded to.

use super::*;
use crate::sip::user_agent::{Command as Sipc, Destination};
use terms::control::LiveAgent;
use terms::event::Forwarding;

fn not_disturbed(rig: &mut Rig, agent: AgentId, on: bool) {
    assert_eq!(act(rig, agent, AgentAction::DoNotDisturb { on }), Answer::Done);
}

fn live(rig: &mut Rig, agent: AgentId) -> LiveAgent {
    let agents = rig.state().agents;
    agents.into_iter().find(|live| live.agent == agent).expect("in the plan")
}

fn refused_with(rig: &Rig, of: LegId) -> Option<u16> {
    rig.sip.iter().find_map(|command| match command {
        Sipc::Reject { leg, status, .. } if *leg == of => Some(*status),
        _ => None,
    })
}

#[test]
fn who_wants_no_calls_is_offered_none_until_they_do() {
    let mut rig = rig_with(&[A1]);
    let code = rig.agent_dials(A1, "*78");
    rig.wait(secs(5));
    assert_eq!(heard(&rig, code), ["do_not_disturb_on"]);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "waiting");
    assert_eq!(states(&rig, A1), ["Idle", "Break do_not_disturb"]);
    assert!(live(&mut rig, A1).do_not_disturb);
    assert_eq!(rig.state().queues[0].agents_idle, 0);
    let code = rig.agent_dials(A1, "*79");
    rig.wait(secs(10));
    assert_eq!(heard(&rig, code), ["do_not_disturb_off"]);
    assert_eq!(phase(&mut rig), "talking");
    assert!(!live(&mut rig, A1).do_not_disturb);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn their_extension_is_unavailable_to_callers_and_colleagues() {
    let mut rig = rig_with(&[A2]);
    not_disturbed(&mut rig, A1, true);
    for leg in [rig.customer_dials("95105601"), rig.agent_dials(A2, "1001")] {
        rig.wait(secs(1));
        assert_eq!(refused_with(&rig, leg), Some(480));
        assert_eq!(rig.leg_of(A1), None);
    }
    assert_eq!(outcome(&rig), (Outcome::Failed, 17, Party::System));
    let signed_out = live(&mut rig, A1);
    assert_eq!(signed_out.activity, terms::event::Activity::SignedOut);
    assert!(signed_out.do_not_disturb, "whether they are signed in or not");
    not_disturbed(&mut rig, A1, false);
    let leg = rig.customer_dials("95105601");
    rig.wait(secs(5));
    assert_eq!((phase(&mut rig).as_str(), refused_with(&rig, leg)), ("talking", None));
    rig.hangs_up(leg);
    balanced(&mut rig);
}

#[test]
fn a_caller_who_rings_in_that_moment_goes_to_somebody_else_and_nothing_is_left_of_it() {
    let mut rig = rig_with(&[A1, A2]);
    rig.phones.insert(A1, Phone::Rings);
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(2));
    not_disturbed(&mut rig, A1, true);
    rig.wait(secs(5));
    let told = told(&rig);
    assert!(told.contains(&"offer to 1 ended Declined".into()), "{told:#?}");
    assert!(told.contains(&"answered 2".into()), "{told:#?}");
    not_disturbed(&mut rig, A1, false);
    assert_eq!(states(&rig, A1), ["Idle", "Ringing", "Break do_not_disturb", "Idle"]);
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn who_says_that_they_are_ready_may_be_disturbed_again() {
    let mut rig = rig_with(&[A1]);
    not_disturbed(&mut rig, A1, true);
    assert_eq!(act(&mut rig, A1, AgentAction::Ready), Answer::Done);
    assert!(!live(&mut rig, A1).do_not_disturb);
    assert_eq!(states(&rig, A1), ["Idle", "Break do_not_disturb", "Idle"]);
}

#[test]
fn it_is_kept_when_the_process_is_killed() {
    let mut rig = rig_with(&[A1]);
    not_disturbed(&mut rig, A1, true);
    rig.customer_dials("95105600");
    rig.wait(secs(5));
    rig.kill(&[]);
    rig.wait(secs(5));
    assert!(live(&mut rig, A1).do_not_disturb);
    assert_eq!(phase(&mut rig), "waiting");
    not_disturbed(&mut rig, A1, false);
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

fn forwards(rig: &mut Rig, agent: AgentId, forwarding: Forwarding) -> Answer {
    act(rig, agent, AgentAction::Forward(forwarding))
}

/// Forwards all calls of an agent.
fn always(rig: &mut Rig, agent: AgentId, to: &str) {
    let forwarding = Forwarding { always: Some(to.into()), ..Forwarding::default() };
    assert_eq!(forwards(rig, agent, forwarding), Answer::Done);
}

fn has_told(rig: &Rig, word: &str) -> bool {
    told(rig).iter().any(|told| told == word)
}

/// The last INVITE to a trunk: number, caller as shown, Diversion.
fn went_out(rig: &Rig) -> (String, String, Option<String>) {
    let mut invites = rig.sip.iter().rev().filter_map(|command| match command {
        Sipc::Invite(invite) => Some(invite),
        _ => None,
    });
    invites
        .find_map(|invite| {
            let Destination::Trunk(_, _, number) = &invite.to else { return None };
            let mut headers = invite.headers.iter();
            let diversion = headers.find(|(name, _)| name == "Diversion");
            let diversion = diversion.map(|(_, value)| value.clone());
            Some((number.clone(), invite.from_user.clone(), diversion))
        })
        .expect("a call went out")
}

fn all_hang_up(rig: &mut Rig) {
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(rig);
}

#[test]
fn all_calls_go_to_a_colleague_and_the_own_phone_is_silent() {
    let mut rig = rig_with(&[]);
    always(&mut rig, A1, "1002");
    rig.phones.insert(A2, Phone::Rings);
    rig.customer_dials("95105601");
    rig.wait(secs(2));
    assert!(has_told(&rig, "1 forwarded to 1002: Always"), "{:#?}", told(&rig));
    assert_eq!((rig.leg_of(A1), rig.leg_of(A2).is_some()), (None, true));
    all_hang_up(&mut rig);
    assert_eq!(forwards(&mut rig, A1, Forwarding::default()), Answer::Done);
    rig.customer_dials("95105601");
    rig.wait(secs(5));
    assert!(has_told(&rig, "answered 1"), "no longer: {:#?}", told(&rig));
    all_hang_up(&mut rig);
}

#[test]
fn who_is_busy_declines_or_wants_no_calls_sends_them_to_a_queue() {
    for busy in ["talks", "declines", "not disturbed"] {
        let mut rig = rig_with(&[]);
        let busy_to = Forwarding { busy: Some("queue:2".into()), ..Forwarding::default() };
        assert_eq!(forwards(&mut rig, A1, busy_to), Answer::Done);
        match busy {
            "talks" => {
                rig.customer_dials("95105601");
                rig.wait(secs(5));
                assert!(!has_told(&rig, "1 forwarded to queue:2: Busy"), "not yet");
            }
            "declines" => {
                rig.phones.insert(A1, Phone::Refuses(486));
            }
            _ => not_disturbed(&mut rig, A1, true),
        }
        let customer = rig.customer_dials("95105601");
        rig.wait(secs(3));
        assert!(has_told(&rig, "1 forwarded to queue:2: Busy"), "{busy}: {:#?}", told(&rig));
        assert!(has_told(&rig, "enqueued 2 at 1"), "{busy}: {:#?}", told(&rig));
        assert_eq!(heard(&rig, customer).first().map(String::as_str), Some("queue"), "{busy}");
        all_hang_up(&mut rig);
    }
}

#[test]
fn what_nobody_answers_goes_outside_under_a_number_of_the_tenant() {
    let mut rig = rig_with(&[]);
    rig.phones.insert(A1, Phone::Rings);
    let no_answer = Some("013811112222".to_owned());
    let forwarding = Forwarding { no_answer, no_answer_s: 8, ..Forwarding::default() };
    assert_eq!(forwards(&mut rig, A1, forwarding), Answer::Done);
    rig.customer_dials("95105601");
    rig.wait(secs(7));
    assert!(rig.leg_of(A1).is_some() && !has_told(&rig, "leg Outside"), "it rings 8 seconds");
    rig.wait(secs(2));
    assert_eq!(rig.leg_of(A1), None);
    assert!(has_told(&rig, "1 forwarded to 013811112222: NoAnswer"), "{:#?}", told(&rig));
    let diversion = "<sip:95105688@192.0.2.1:5060>;reason=no-answer;counter=1".to_owned();
    assert_eq!(went_out(&rig), ("013811112222".into(), "95105688".into(), Some(diversion)));
    let told_so = rig.sip.iter().rev().find_map(|command| match command {
        Sipc::Invite(invite) => invite.headers.iter().find(|(name, _)| name == "History-Info"),
        _ => None,
    });
    assert_eq!(
        told_so.map(|(_, value)| value.as_str()),
        Some(
            "<sip:95105688@192.0.2.1:5060>;index=1, \
             <sip:013811112222@192.0.2.1:5060;cause=408>;index=1.1;mp=1"
        ),
        "and nothing of who calls"
    );
    rig.wait(secs(3));
    assert_eq!(phase(&mut rig), "talking");
    all_hang_up(&mut rig);
    // What an agent dials was forwarded by nobody.
    rig.agent_dials(A2, "013811113333");
    rig.wait(secs(1));
    assert_eq!(went_out(&rig), ("013811113333".into(), "95105688".into(), None));
    all_hang_up(&mut rig);
}

#[test]
fn a_phone_that_is_not_there_is_one_that_nobody_answers() {
    let mut rig = rig_with(&[]);
    rig.phones.insert(A1, Phone::Refuses(480));
    let no_answer = Some("1002".to_owned());
    let forwarding = Forwarding { no_answer, no_answer_s: 60, ..Forwarding::default() };
    assert_eq!(forwards(&mut rig, A1, forwarding), Answer::Done);
    rig.customer_dials("95105601");
    rig.wait(secs(5));
    assert!(has_told(&rig, "answered 2"), "at once: {:#?}", told(&rig));
    all_hang_up(&mut rig);
}

#[test]
fn agents_who_forward_to_each_other_make_no_circle() {
    let mut rig = rig_with(&[]);
    for (agent, to) in [(A1, "1002"), (A2, "1003"), (A3, "1001")] {
        always(&mut rig, agent, to);
    }
    rig.customer_dials("95105601");
    rig.wait(secs(5));
    let forwarded = told(&rig).into_iter().filter(|word| word.contains("forwarded")).count();
    assert_eq!((forwarded, has_told(&rig, "answered 3")), (2, true), "{:#?}", told(&rig));
    all_hang_up(&mut rig);
}

#[test]
fn a_call_that_was_forwarded_too_often_before_it_came_is_not_forwarded_again() {
    for (before, forwarded) in [(4, true), (5, false), (200, false)] {
        let mut rig = rig_with(&[]);
        rig.diverted = before;
        always(&mut rig, A1, "013811112222");
        rig.customer_dials("95105601");
        rig.wait(secs(5));
        let is_told = has_told(&rig, "1 forwarded to 013811112222: Always");
        assert_eq!((is_told, has_told(&rig, "answered 1")), (forwarded, !forwarded), "{before}");
        if forwarded {
            assert!(went_out(&rig).2.is_some_and(|header| header.ends_with(";counter=5")));
        }
        all_hang_up(&mut rig);
    }
}

#[test]
fn a_target_that_leads_nowhere_is_refused_and_nothing_changes() {
    let mut rig = rig_with(&[]);
    always(&mut rig, A1, "1002");
    for (to, why) in [
        ("1001", "nobody forwards calls to themselves"),
        ("95105601", "nobody forwards calls to themselves"),
        ("queue:9", "there is no such queue"),
        ("queue:x", "there is no such queue"),
        ("95555", "nothing answers that number"),
        ("sip:1002@evil.example", "nothing answers that number"),
    ] {
        let busy = Forwarding { busy: Some(to.into()), ..Forwarding::default() };
        assert_eq!(forwards(&mut rig, A1, busy), Answer::Refused(why.into()), "{to}");
    }
    for seconds in [0, 4, 121] {
        let no_answer = Some("1002".to_owned());
        let forwarding = Forwarding { no_answer, no_answer_s: seconds, ..Forwarding::default() };
        let why = "a phone rings 5 to 120 seconds before a call is forwarded".to_owned();
        assert_eq!(forwards(&mut rig, A1, forwarding), Answer::Refused(why), "{seconds}");
    }
    let kept = Forwarding { always: Some("1002".into()), ..Forwarding::default() };
    assert_eq!(live(&mut rig, A1).forwarding, kept);
}

#[test]
fn forwarding_is_set_and_taken_back_by_codes_one_by_one() {
    let mut rig = rig_with(&[]);
    let dials = |rig: &mut Rig, code: &str| {
        let leg = rig.agent_dials(A1, code);
        rig.wait(secs(5));
        heard(rig, leg)
    };
    for code in ["*721002", "*901003", "*92013811112222"] {
        assert_eq!(dials(&mut rig, code), ["forwarding_on"], "{code}");
    }
    let set = Forwarding {
        always: Some("1002".into()),
        busy: Some("1003".into()),
        no_answer: Some("013811112222".into()),
        no_answer_s: 20,
    };
    assert_eq!(live(&mut rig, A1).forwarding, set);
    for code in ["*7295555", "*721001"] {
        assert_eq!(dials(&mut rig, code), ["number_unknown"], "{code}");
    }
    assert_eq!(dials(&mut rig, "*73"), ["forwarding_off"]);
    assert_eq!(live(&mut rig, A1).forwarding, Forwarding { always: None, ..set.clone() });
    for code in ["*91", "*93"] {
        assert_eq!(dials(&mut rig, code), ["forwarding_off"], "{code}");
    }
    assert_eq!(
        live(&mut rig, A1).forwarding,
        Forwarding { no_answer_s: 20, ..Forwarding::default() }
    );
    balanced(&mut rig);
}

#[test]
fn a_caller_who_is_passed_on_is_forwarded_too_and_the_agent_is_free() {
    let mut rig = rig_with(&[A1]);
    always(&mut rig, A3, "queue:2");
    let customer = talking(&mut rig);
    let from = rig.leg_of(A1).expect("agent 1 talks");
    rig.refers(from, "1003");
    rig.wait(secs(1));
    let told = told(&rig);
    let at = |word: &str| told.iter().position(|told| told == word);
    assert!(at("3 forwarded to queue:2: Always") < at("resumed"), "{told:#?}");
    assert!(at("resumed").is_some() && at("enqueued 2 at 1").is_some(), "{told:#?}");
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A1)), ("waiting", None));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn where_calls_go_is_kept_when_the_process_is_killed() {
    let mut rig = rig_with(&[]);
    always(&mut rig, A1, "1002");
    rig.wait(secs(1));
    rig.kill(&[]);
    rig.customer_dials("95105601");
    rig.wait(secs(5));
    assert!(has_told(&rig, "answered 2"), "{:#?}", told(&rig));
    all_hang_up(&mut rig);
}

#[test]
fn a_conversation_at_a_mobile_to_which_an_agent_forwards_is_recorded_with_both() {
    let mut rig = rig_with(&[]);
    let always = Some("013811112222".to_owned());
    let forwarding = Forwarding { always, ..Forwarding::default() };
    assert_eq!(forwards(&mut rig, A1, forwarding), Answer::Done);
    let customer = rig.customer_dials("95105601");
    rig.wait(secs(10));
    assert_eq!(phase(&mut rig), "talking");
    let starts: Vec<_> = rig
        .media
        .iter()
        .filter_map(|command| match command {
            terms::media::Command::RecordStart(start) => Some(start.clone()),
            _ => None,
        })
        .collect();
    let [start] = &starts[..] else { panic!("{starts:?}") };
    let parties: Vec<LegId> = start.parties.iter().map(|party| party.0).collect();
    assert_eq!(parties.len(), 2);
    assert!(parties.contains(&customer), "{parties:?}");
    assert!(rig.leg_of(A1).is_none(), "the other is the mobile");
    rig.wait(secs(20));
    all_hang_up(&mut rig);
    assert!(has_told(&rig, "recorded Recorded"), "{:#?}", told(&rig));
}
