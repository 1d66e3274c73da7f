//! A page is lost in a conversation and comes back: loaded anew, or when its network is there again.

use super::guests::{recorded, room_of};
use super::replaces::{hung_up, rejected, times};
use super::sign_in::{PIN, keys_in, plan};
use super::*;
use crate::sip::user_agent::{Command as Sipc, Event as SipEvent, Invite, Origin};
use crate::switch::rig::page_or_phone;
use crate::switch::{Config, Input};
use terms::media::{Command, Event, Fingerprint, Side};

/// Longest wait for a page, as configured.
const WAIT_S: u64 = 60;

/// Agent 1 talks in a page; the customer's leg and the page's.
fn talks_in_a_page(config: Config) -> (Rig, LegId, LegId) {
    let config = Config { certificate: Some(Fingerprint([0xC5; 32])), ..config };
    let mut rig = Rig::with(demo_plan(), config);
    rig.describe = page_or_phone;
    sign_in(&mut rig, A1);
    page(&mut rig, A1, true);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    // The only page is the one that talks: no other one is called.
    rig.phones.insert(A1, Phone::Refuses(480));
    (rig, customer, agent)
}

fn page(rig: &mut Rig, agent: AgentId, present: bool) {
    rig.feed(Input::Sip(SipEvent::Browser { tenant: TENANT, agent, present }));
}

fn silent(rig: &mut Rig, leg: LegId, ms: u32) {
    rig.feed(Input::Media(Event::Silent { leg, ms, paused: false }));
    rig.wait(secs(1));
}

/// The page of before is gone, and nothing comes of its leg.
fn loses_its_page(rig: &mut Rig, leg: LegId) {
    page(rig, A1, false);
    silent(rig, leg, 5_000);
}

/// The next page registers, and answers what rings there.
fn comes_back(rig: &mut Rig) {
    rig.phones.insert(A1, Phone::Answers(secs(1)));
    page(rig, A1, true);
    rig.wait(secs(3));
}

fn offered(rig: &Rig, lost: LegId) -> Vec<&Invite> {
    let invites = rig.sip.iter().filter_map(|command| match command {
        Sipc::Invite(invite) if invite.not_at == Some(lost) => Some(&**invite),
        _ => None,
    });
    invites.collect()
}

#[test]
fn a_page_that_is_loaded_anew_has_its_conversation_back_on_one_recording_and_one_record() {
    let (mut rig, customer, old) = talks_in_a_page(Config::default());
    loses_its_page(&mut rig, old);
    assert_eq!(phase(&mut rig), "holding");
    assert!(rig.media.contains(&Command::Hold { leg: customer }));
    assert_eq!(heard(&rig, customer).last().map(String::as_str), Some("music/hold"));
    rig.wait(secs(20));
    assert!(offered(&rig, old).is_empty(), "there is no page that could be called");

    comes_back(&mut rig);
    let new = match offered(&rig, old)[..] {
        [invite] => {
            let says = |name: &str| invite.headers.iter().any(|header| header.0 == name);
            assert!(invite.browser && says("Answer-Mode") && says("Call-Info"), "{invite:?}");
            assert!(says("X-Call"), "a page knows its conversation");
            invite.leg
        }
        ref other => panic!("{other:?}"),
    };
    assert_eq!((phase(&mut rig).as_str(), hung_up(&rig, old)), ("talking", true));
    assert_eq!(room_of(&rig, new), room_of(&rig, customer));
    assert_eq!(recorded(&rig), [(customer, Side::Customer), (new, Side::Other)]);
    assert!(rig.media.contains(&Command::Resume { leg: customer }));
    assert_eq!(states(&rig, A1).last().map(String::as_str), Some("Talking"));
    assert!(!states(&rig, A1).contains(&"WrapUp".into()), "as busy as before");
    rig.wait(secs(2 * WAIT_S));
    assert_eq!(phase(&mut rig), "talking", "nobody is waited for any more");

    rig.hangs_up(customer);
    balanced(&mut rig);
    assert_eq!((times(&rig, "call "), times(&rig, "ended ")), (1, 1), "{:#?}", told(&rig));
    assert_eq!((times(&rig, "held by System"), times(&rig, "resumed")), (1, 1));
    assert_eq!(times(&rig, "recorded Recorded"), 1, "one recording");
    let measured = |wanted: LegId| {
        rig.log.iter().any(|entry| {
            let ended = matches!(entry.kind, Kind::LegEnded { quality: Some(_), .. });
            ended && entry.leg == Some(wanted)
        })
    };
    assert!(measured(old) && measured(new), "both legs have their quality");
}

#[test]
fn whoever_is_heard_again_talks_on_and_what_rang_meanwhile_stops() {
    let (mut rig, customer, old) = talks_in_a_page(Config::default());
    rig.phones.insert(A1, Phone::Rings);
    silent(&mut rig, old, 5_000);
    assert_eq!(phase(&mut rig), "holding");
    let rings = offered(&rig, old)[0].leg;
    rig.feed(Input::Media(Event::Heard { leg: old }));
    assert_eq!((phase(&mut rig).as_str(), hung_up(&rig, rings)), ("talking", true));
    rig.feed(Input::Media(Event::Heard { leg: old }));
    rig.wait(secs(2 * WAIT_S));
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A1)), ("talking", Some(old)));
    assert_eq!((times(&rig, "held by System"), times(&rig, "resumed")), (1, 1));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

/// Comfort noise came of it, and its reports are up to 7.5 s apart.
#[test]
fn a_page_that_pauses_is_lost_when_it_does_not_report_either() {
    let (mut rig, customer, page) = talks_in_a_page(Config::default());
    for (ms, expected) in [(5_000, "talking"), (10_000, "holding")] {
        rig.feed(Input::Media(Event::Silent { leg: page, ms, paused: true }));
        rig.wait(secs(1));
        assert_eq!(phase(&mut rig), expected);
    }
    rig.feed(Input::Media(Event::Heard { leg: page }));
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn where_nobody_comes_back_the_call_ends_when_the_time_is_over() {
    let (mut rig, _, old) = talks_in_a_page(Config::default());
    silent(&mut rig, old, 5_000);
    silent(&mut rig, old, 30_000);
    rig.wait(secs(WAIT_S - 3));
    assert_eq!(phase(&mut rig), "holding", "it has a time of its own");
    rig.wait(secs(2));
    assert_eq!(outcome(&rig), (Outcome::Answered, 102, Party::System));
    balanced(&mut rig);

    let config = Config { return_max: Duration::ZERO, ..Config::default() };
    let (mut rig, _, old) = talks_in_a_page(config);
    silent(&mut rig, old, 5_000);
    assert_eq!(phase(&mut rig), "talking", "nobody is waited for");
    silent(&mut rig, old, 30_000);
    assert_eq!(outcome(&rig), (Outcome::Answered, 102, Party::System));
    balanced(&mut rig);
}

#[test]
fn a_page_asks_for_its_own_conversation_with_a_code_and_for_nobody_elses() {
    let (mut rig, customer, old) = talks_in_a_page(Config::default());
    sign_in(&mut rig, A2);
    rig.phones.insert(A1, Phone::Rings);
    silent(&mut rig, old, 5_000);
    let rings = offered(&rig, old)[0].leg;

    let other = rig.agent_dials(A2, "*47");
    rig.wait(secs(1));
    assert_eq!(heard(&rig, other), ["nothing_to_pick_up"], "it is not theirs");
    let stranger = rig.customer_dials("*47");
    rig.wait(secs(5));
    assert!(rejected(&rig, stranger).is_some(), "from outside it is no code");
    assert_eq!((phase(&mut rig).as_str(), hung_up(&rig, old)), ("holding", false));

    let new = rig.agent_dials(A1, "*47");
    rig.wait(secs(1));
    assert!(hung_up(&rig, rings) && hung_up(&rig, old), "one leg has the place");
    assert_eq!(phase(&mut rig), "talking");
    assert_eq!(room_of(&rig, new), room_of(&rig, customer));
    rig.hangs_up(customer);
    balanced(&mut rig);
    assert_eq!(times(&rig, "recorded Recorded"), 1);
}

#[test]
fn a_page_that_knows_better_asks_before_its_silence_is_told() {
    let (mut rig, customer, old) = talks_in_a_page(Config::default());
    let second = rig.agent_dials(A1, "*47");
    rig.wait(secs(1));
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A1)), ("talking", Some(second)));
    let third = rig.replaces(Origin::Agent(A1), second);
    rig.wait(secs(1));
    assert_eq!((phase(&mut rig).as_str(), rig.leg_of(A1)), ("talking", Some(third)));
    assert!(hung_up(&rig, old) && hung_up(&rig, second));
    assert_eq!((times(&rig, "held"), times(&rig, "call ")), (0, 1), "nobody was held");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn another_page_that_comes_is_called_beside_what_rings() {
    let (mut rig, customer, old) = talks_in_a_page(Config::default());
    rig.phones.insert(A1, Phone::Rings);
    silent(&mut rig, old, 5_000);
    let first = offered(&rig, old)[0].leg;
    comes_back(&mut rig);
    assert_eq!((offered(&rig, old).len(), hung_up(&rig, first)), (2, true));
    assert_eq!(phase(&mut rig), "talking");
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_session_that_nobody_refreshes_is_waited_for_while_its_page_is_lost() {
    let (mut rig, customer, old) = talks_in_a_page(Config::default());
    loses_its_page(&mut rig, old);
    let over = |leg, cause| Input::Sip(SipEvent::Ended { leg, cause });
    rig.feed(over(old, 102));
    rig.feed(Input::Media(Event::Heard { leg: old }));
    assert_eq!(phase(&mut rig), "holding", "its page cannot hang up any more: it is called");
    comes_back(&mut rig);
    assert_eq!((phase(&mut rig).as_str(), hung_up(&rig, old)), ("talking", false));
    rig.hangs_up(customer);
    balanced(&mut rig);

    for (lost, cause) in [(true, 16), (false, 102)] {
        let (mut rig, _, old) = talks_in_a_page(Config::default());
        if lost {
            loses_its_page(&mut rig, old);
        }
        rig.feed(over(old, cause));
        assert_ne!(phase(&mut rig), "holding", "who hangs up is gone, lost or not: {cause}");
    }
}

#[test]
fn three_go_on_talking_while_one_of_them_is_lost() {
    let (mut rig, customer, old) = talks_in_a_page(Config::default());
    sign_in(&mut rig, A3);
    let target = "1003".into();
    assert_eq!(call_act(&mut rig, CallAction::Invite { target }), Answer::Done);
    rig.wait(secs(5));
    loses_its_page(&mut rig, old);
    assert_eq!((phase(&mut rig).as_str(), times(&rig, "held by System")), ("talking", 0));
    comes_back(&mut rig);
    let new = offered(&rig, old)[0].leg;
    assert_eq!(room_of(&rig, new), room_of(&rig, customer));
    assert_eq!(rig.legs().len(), 3);
    for leg in rig.legs() {
        rig.hangs_up(leg);
    }
    balanced(&mut rig);
}

#[test]
fn who_waited_for_a_lost_page_at_a_kill_hears_it_again_unless_it_is_silent_still() {
    let (mut rig, customer, old) = talks_in_a_page(Config::default());
    loses_its_page(&mut rig, old);
    rig.kill(&[]);
    assert_eq!(phase(&mut rig), "talking");
    assert!(rig.media.contains(&Command::Resume { leg: customer }));
    silent(&mut rig, old, 5_000);
    assert_eq!(phase(&mut rig), "holding");
    comes_back(&mut rig);
    assert_eq!((phase(&mut rig).as_str(), hung_up(&rig, old)), ("talking", true));
    rig.hangs_up(customer);
    balanced(&mut rig);
}

#[test]
fn a_guest_who_loses_the_page_of_a_colleague_has_their_conversation_back_there() {
    let config = Config { certificate: Some(Fingerprint([0xC5; 32])), ..Config::default() };
    let mut rig = Rig::with(plan(), config);
    rig.describe = page_or_phone;
    keys_in(&mut rig, A3, "*418001", PIN);
    page(&mut rig, A3, true);
    let customer = talking(&mut rig);
    let old = rig.leg_of(A3).expect("agent 1 talks there");
    rig.phones.insert(A3, Phone::Refuses(480));
    page(&mut rig, A3, false);
    silent(&mut rig, old, 5_000);
    assert_eq!((phase(&mut rig).as_str(), offered(&rig, old).len()), ("holding", 0));

    rig.phones.insert(A3, Phone::Answers(secs(1)));
    page(&mut rig, A3, true);
    rig.wait(secs(3));
    assert_eq!(offered(&rig, old).len(), 1);
    assert_eq!((phase(&mut rig).as_str(), hung_up(&rig, old)), ("talking", true));
    let new = rig.leg_of(A3).expect("agent 1 talks there again");
    assert_eq!(room_of(&rig, new), room_of(&rig, customer));
    rig.hangs_up(customer);
    balanced(&mut rig);
}
