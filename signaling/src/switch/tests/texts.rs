//! Texts over trunks: whom one may be sent to and by whose right, over which trunk it goes, and that what
//! came of it is noted once.

use super::*;
use crate::sip::user_agent::{Event as SipEvent, TextCame, TextOut};
use crate::switch::{Input, Output};
use terms::control::{NO_MORE_CALLS, Request, TextOrder};
use terms::event::{CallingLimit, Entry, TextReceived, TextResult, TextSent, Written};
use terms::routing::{CallerRule, Plan, Trunk};
use terms::{PhoneNumber, TextId, TrunkId, UserId};

const MOBILE: &str = "13800138000";
const ABROAD: &str = "00442071234567";
/// Somebody with no extension.
const CLERK: UserId = UserId(7_000);
const FIRST: TrunkId = TrunkId(1);
const SECOND: TrunkId = TrunkId(2);

/// Two trunks for the same numbers, the second one after the first.
fn two() -> Plan {
    let mut plan = demo_plan();
    let like = plan.trunks[0].clone();
    plan.trunks.push(Trunk { id: SECOND, name: "gsm".into(), order: 1, ..like });
    plan
}

fn order(by: UserId, target: &str) -> TextOrder {
    let (target, text) = (target.to_owned(), Written("hello".into()));
    TextOrder { tenant: TENANT, by, target, text, trunk: None }
}

/// What the switch wants then: texts to the SIP core, and entries.
fn feed(rig: &mut Rig, input: Input) -> (Vec<TextOut>, Vec<Entry>, Vec<Answer>) {
    rig.switch.handle_input(rig.now, input);
    let (mut texts, mut entries, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(output) = rig.switch.poll_output() {
        match output {
            Output::TextGoes(text) => texts.push(*text),
            Output::Log(entry) => entries.push(*entry),
            Output::Answer(answer) => answers.push(answer.body),
            other => panic!("{other:?}"),
        }
    }
    (texts, entries, answers)
}

fn asks(rig: &mut Rig, order: TextOrder) -> (Vec<TextOut>, Vec<Entry>, Answer) {
    let body = Ask::Text(Box::new(order));
    let (texts, entries, mut answers) = feed(rig, Input::Ask(Request { id: 9, body }));
    assert_eq!(answers.len(), 1, "{answers:?}");
    (texts, entries, answers.remove(0))
}

/// One that goes out.
fn sends(rig: &mut Rig, order: TextOrder) -> TextOut {
    match asks(rig, order) {
        (texts, entries, Answer::Text(id)) if entries.is_empty() && texts.len() == 1 => {
            assert_eq!(texts[0].id, id);
            texts[0].clone()
        }
        other => panic!("no text goes out: {other:?}"),
    }
}

fn refused(rig: &mut Rig, order: TextOrder) -> String {
    match asks(rig, order) {
        (texts, _, Answer::Refused(why)) if texts.is_empty() => why,
        other => panic!("it is not refused: {other:?}"),
    }
}

/// The trunk says its last word.
fn says(rig: &mut Rig, id: TextId, status: u16) -> (Vec<TextOut>, Vec<Entry>) {
    let (texts, entries, _) = feed(rig, Input::Sip(SipEvent::TextDone { id, status }));
    (texts, entries)
}

fn sent(entries: &[Entry]) -> &TextSent {
    match entries {
        [Entry { kind: Kind::TextSent(sent), call: None, .. }] => sent,
        other => panic!("{other:?}"),
    }
}

fn down(rig: &mut Rig, trunk: TrunkId, down: bool) {
    feed(rig, Input::Sip(SipEvent::Trunk { tenant: TENANT, trunk, down, rests: false }));
}

#[test]
fn a_text_that_came_in_is_given_to_the_log_with_the_name_of_its_answer() {
    let mut rig = Rig::new(demo_plan());
    let (from, to) = (PhoneNumber::parse(MOBILE, "86"), PhoneNumber::parse("95105688", "86"));
    let text = Written("hello".into());
    let came = || TextCame {
        tx: 77,
        tenant: TENANT,
        trunk: FIRST,
        from: from.clone(),
        to: to.clone(),
        text: text.clone(),
    };
    let mut ids = Vec::new();
    for _ in 0..2 {
        rig.switch.handle_input(rig.now, Input::Sip(SipEvent::TextCame(Box::new(came()))));
        let entry = match rig.switch.poll_output() {
            Some(Output::TextCame { tx: 77, entry }) => *entry,
            other => panic!("{other:?}"),
        };
        assert_eq!((entry.tenant, entry.at, entry.call), (TENANT, rig.now.wall, None));
        let TextReceived { id, trunk, from: f, to: t, text: said } = match entry.kind {
            Kind::TextReceived(received) => received,
            other => panic!("{other:?}"),
        };
        assert_eq!((trunk, &f, &t, &said), (FIRST, &from, &to, &text));
        ids.push(id);
        assert_eq!(rig.switch.poll_output(), None);
    }
    assert_ne!(ids[0], ids[1], "each has a name of its own");
}

#[test]
fn a_text_goes_over_the_trunk_of_a_call_shows_its_number_and_is_noted_once() {
    let mut rig = Rig::new(two());
    let out = sends(&mut rig, order(CLERK, MOBILE));
    assert_eq!(
        (out.trunk, out.number.as_str(), out.from_user.as_str()),
        (FIRST, MOBILE, "95105688")
    );
    assert_eq!(out.text.0, "hello");
    let (texts, entries) = says(&mut rig, out.id, 202);
    assert!(texts.is_empty());
    let done = sent(&entries);
    assert_eq!((done.id, done.by, done.trunk), (out.id, Some(CLERK), Some(FIRST)));
    assert_eq!((done.from.as_str(), done.to.normal.as_str()), ("95105688", "+8613800138000"));
    assert_eq!((done.result, done.status, &done.text), (TextResult::Taken, Some(202), &out.text));
    assert_eq!(says(&mut rig, out.id, 200), (vec![], vec![]), "it is over");
}

#[test]
fn another_trunk_is_tried_where_nothing_was_taken_and_none_where_something_may_have_been() {
    for (status, result) in [(408, TextResult::Unanswered), (486, TextResult::Refused)] {
        let mut rig = Rig::new(two());
        let out = sends(&mut rig, order(CLERK, MOBILE));
        let (texts, entries) = says(&mut rig, out.id, status);
        assert!(texts.is_empty(), "{status}");
        assert_eq!((sent(&entries).result, sent(&entries).status), (result, Some(status)));
    }
    let mut rig = Rig::new(two());
    let out = sends(&mut rig, order(CLERK, MOBILE));
    let (texts, entries) = says(&mut rig, out.id, 405);
    assert!(entries.is_empty());
    assert_eq!((texts[0].trunk, texts[0].id, texts.len()), (SECOND, out.id, 1));
    let (texts, entries) = says(&mut rig, out.id, 503);
    assert!(texts.is_empty());
    let done = sent(&entries);
    assert_eq!((done.trunk, done.result), (Some(SECOND), TextResult::Refused));
}

#[test]
fn a_trunk_that_is_down_gets_no_text_and_one_that_is_named_gets_it_or_nobody_does() {
    let mut rig = Rig::new(two());
    down(&mut rig, FIRST, true);
    let out = sends(&mut rig, order(CLERK, MOBILE));
    assert_eq!(out.trunk, SECOND);
    says(&mut rig, out.id, 200);
    let named = TextOrder { trunk: Some(SECOND), ..order(CLERK, MOBILE) };
    down(&mut rig, FIRST, false);
    let out = sends(&mut rig, named.clone());
    assert_eq!(out.trunk, SECOND);
    let (texts, entries) = says(&mut rig, out.id, 503);
    assert!(texts.is_empty(), "and no other");
    assert_eq!(sent(&entries).result, TextResult::Refused);
    down(&mut rig, SECOND, true);
    assert_eq!(sends(&mut rig, named.clone()).trunk, SECOND, "one in a while tries");
    let (texts, entries, answer) = asks(&mut rig, named);
    assert!(texts.is_empty() && matches!(answer, Answer::Text(_)));
    let done = sent(&entries);
    assert_eq!((done.result, done.trunk, done.status), (TextResult::NoTrunk, None, None));
    let foreign = TextOrder { trunk: Some(TrunkId(9)), ..order(CLERK, MOBILE) };
    assert_eq!(refused(&mut rig, foreign), "this number does not lead over that trunk");
}

#[test]
fn a_text_goes_to_numbers_outside_alone_and_by_the_right_of_who_asks() {
    let mut rig = Rig::new(demo_plan());
    let right = "there is no right to call numbers of this class";
    for (target, why) in [
        (ABROAD, right),
        ("1001", "a text is sent to a number outside"),
        ("95105688", "a text is sent to a number outside"),
        ("77", "nothing answers that number"),
        ("sip:1@evil.example", "nothing answers that number"),
        ("119", "a text is sent to no emergency service"),
    ] {
        assert_eq!(refused(&mut rig, order(CLERK, target)), why, "{target}");
    }
    for text in ["", "a\0b", &"x".repeat(4_097)] {
        let order = TextOrder { text: Written(text.into()), ..order(CLERK, MOBILE) };
        let why = "a text has 1-4096 bytes, without control characters";
        assert_eq!(refused(&mut rig, order), why);
    }
    let nobody = TextOrder { tenant: terms::TenantId(9), ..order(CLERK, MOBILE) };
    assert_eq!(refused(&mut rig, nobody), "tenant 9 has no plan yet");
    rig.ask(Ask::Drain { within_s: 60 });
    assert_eq!(refused(&mut rig, order(CLERK, MOBILE)), NO_MORE_CALLS);
}

#[test]
fn texts_of_an_extension_count_as_its_calls_do_and_bar_it() {
    let mut rig = Rig::new(demo_plan());
    let agent = UserId(A1.0);
    for n in 0..10 {
        let out = sends(&mut rig, order(agent, &format!("1380013800{n}")));
        says(&mut rig, out.id, 200);
    }
    let (texts, entries, answer) = asks(&mut rig, order(agent, MOBILE));
    let why = "calling out is barred until an administrator lifts it";
    assert!(texts.is_empty() && answer == Answer::Refused(why.to_owned()), "{answer:?}");
    let whats: Vec<&InCalling> = entries
        .iter()
        .filter_map(|entry| match &entry.kind {
            Kind::Calling(Calling { agent: A1, what }) => Some(what),
            _ => None,
        })
        .collect();
    assert!(matches!(
        whats[..],
        [InCalling::Refused { .. }, InCalling::Barred { limit: CallingLimit::PerMinute }]
    ));
    assert_eq!(refused(&mut rig, order(agent, MOBILE)), why);
    sends(&mut rig, order(UserId(A2.0), MOBILE));
}

#[test]
fn texts_that_an_extension_has_no_right_to_are_written_down_and_bar_it() {
    let mut rig = Rig::new(demo_plan());
    let agent = UserId(A1.0);
    let mut limits = Vec::new();
    for _ in 0..5 {
        let (texts, entries, answer) = asks(&mut rig, order(agent, ABROAD));
        assert!(texts.is_empty() && matches!(answer, Answer::Refused(_)));
        for entry in entries {
            match entry.kind {
                Kind::Calling(Calling { what: InCalling::Refused { number, .. }, .. }) => {
                    assert_eq!(number, ABROAD);
                }
                Kind::Calling(Calling { what: InCalling::Barred { limit }, .. }) => {
                    limits.push(limit);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(limits, [CallingLimit::Refused]);
}

#[test]
fn who_has_no_right_to_a_number_learns_nothing_of_the_trunks() {
    let mut plan = two();
    plan.trunks.iter_mut().for_each(|trunk| trunk.prefixes = vec!["1".into()]);
    let mut rig = Rig::new(plan);
    let right = "there is no right to call numbers of this class";
    let named = TextOrder { trunk: Some(TrunkId(9)), ..order(UserId(A1.0), ABROAD) };
    for order in [order(UserId(A1.0), ABROAD), named] {
        let (texts, entries, answer) = asks(&mut rig, order);
        assert!(texts.is_empty() && answer == Answer::Refused(right.to_owned()), "{answer:?}");
        assert_eq!(entries.len(), 1, "it counts: {entries:?}");
    }
    // What leads nowhere and would be theirs to call counts nothing.
    for _ in 0..11 {
        let order = order(UserId(A2.0), "02087654321");
        assert_eq!(refused(&mut rig, order), "nothing answers that number");
    }
    sends(&mut rig, order(UserId(A2.0), MOBILE));
}

#[test]
fn a_trunk_that_may_show_no_number_of_ours_is_passed_over() {
    let mut plan = two();
    plan.trunks[0].caller_rule = CallerRule::Fixed;
    plan.trunks[0].caller_number = "13900000001".into();
    plan.trunks[0].caller_numbers.clear();
    plan.trunks[1].caller_number = "95105600".into();
    let mut rig = Rig::new(plan);
    let out = sends(&mut rig, order(CLERK, MOBILE));
    assert_eq!((out.trunk, out.from_user.as_str()), (SECOND, "95105600"));
}

#[test]
fn an_orderly_stop_waits_for_what_comes_of_a_text_and_not_longer_than_it_may() {
    for is_answered in [true, false] {
        let mut rig = Rig::new(demo_plan());
        let out = sends(&mut rig, order(CLERK, MOBILE));
        let stop = rig.ask_later(Ask::Drain { within_s: 60 });
        let has_stopped = |rig: &Rig| rig.answers.iter().any(|answer| answer.id == stop);
        rig.wait(secs(20));
        assert!(!has_stopped(&rig));
        if is_answered {
            rig.feed(Input::Sip(SipEvent::TextDone { id: out.id, status: 200 }));
        } else {
            rig.wait(secs(41));
        }
        assert!(has_stopped(&rig));
    }
}
