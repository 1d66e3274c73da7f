//! The lamp for waiting messages: a phone watches how many wait for its agent (RFC 3842).

use super::lamps::{answered, office, subscribe, two};
use super::*;
use terms::routing::QueueMessages;

const EVENT: &str = "Event: message-summary\r\nExpires: 600\r\n";

/// The usual two agents; the first one serves a queue for which so many messages were left.
fn with_messages(waiting: u32, heard: u32) -> Plan {
    let mut plan = two();
    let mut queue = crate::switch::rig::demo_plan().queues.remove(0);
    queue.agents = vec![AGENT];
    plan.messages = vec![QueueMessages { queue: queue.id, waiting, heard }];
    plan.queues = vec![queue];
    plan
}

#[test]
fn a_phone_is_told_of_each_message_and_its_lamp_goes_out_when_all_are_heard() {
    let mut bench = office(|_| {});
    let sent = subscribe(&mut bench, "1001", EVENT);
    let [ok, notify] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((ok.start(), ok.header("Expires").as_str()), ("SIP/2.0 200 OK", "600"));
    assert_eq!(notify.header("Event"), "message-summary");
    assert_eq!(notify.header("Content-Type"), "application/simple-message-summary");
    assert!(notify.has("Messages-Waiting: no\r\n") && notify.has("Voice-Message: 0/0\r\n"));
    answered(&mut bench, notify, "200 OK");
    for ((waiting, heard), word) in
        [((1, 0), "yes"), ((2, 0), "yes"), ((1, 1), "yes"), ((0, 2), "no")]
    {
        bench.core.set_plan(bench.now(), &with_messages(waiting, heard));
        let told = bench.one();
        let summary = format!(
            "\r\n\r\nMessages-Waiting: {word}\r\nMessage-Account: sip:1001@192.0.2.1:5060\r\n\
             Voice-Message: {waiting}/{heard}\r\n"
        );
        assert!(told.text.ends_with(&summary), "{}", told.text);
        answered(&mut bench, &told, "200 OK");
        bench.core.set_plan(bench.now(), &with_messages(waiting, heard));
        assert!(bench.sent().is_empty(), "nothing new, nothing said");
    }
}

#[test]
fn a_message_for_the_agent_alone_lights_the_lamp_too() {
    let mut bench = office(|_| {});
    let sent = subscribe(&mut bench, "1001", EVENT);
    answered(&mut bench, &sent[1], "200 OK");
    let mut plan = with_messages(2, 1);
    let (waiting, heard) = (1, 4);
    plan.mailboxes =
        vec![terms::routing::Mailbox { waiting, heard, ..terms::routing::Mailbox::of(AGENT) }];
    bench.core.set_plan(bench.now(), &plan);
    let told = bench.one();
    assert!(told.has("Messages-Waiting: yes\r\n"), "{}", told.text);
    assert!(told.has("Voice-Message: 3/5\r\n"), "{}", told.text);
}

#[test]
fn nobody_watches_the_messages_of_somebody_else() {
    let mut bench = office(|_| {});
    let sent = subscribe(&mut bench, "8002", EVENT);
    let starts: Vec<&str> = sent.iter().map(Sent::start).collect();
    assert_eq!(starts, ["SIP/2.0 403 Forbidden"]);
}

#[test]
fn a_call_is_no_message_and_a_message_no_call() {
    let mut bench = office(|_| {});
    for event in [EVENT, "Event: dialog\r\nExpires: 600\r\n"] {
        let sent = subscribe(&mut bench, "1001", event);
        answered(&mut bench, &sent[1], "200 OK");
    }
    bench.core.set_plan(bench.now(), &with_messages(1, 0));
    let told = bench.one();
    assert_eq!(told.header("Event"), "message-summary");
    answered(&mut bench, &told, "200 OK");
    bench.command(super::calls_out::to_agent());
    let events: Vec<String> = bench
        .sent()
        .iter()
        .filter(|sent| sent.start().starts_with("NOTIFY"))
        .map(|notify| notify.header("Event"))
        .collect();
    assert_eq!(events, ["dialog"]);
}
