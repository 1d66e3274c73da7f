//! Busy lamps: a phone watches a colleague's extension.

use super::*;
use crate::sip::user_agent::{Destination, Invite};

const COLLEAGUE: AgentId = AgentId(8);
const LEG: LegId = LegId(900);
const CONTACT: &str = "Contact: <sip:1002@198.51.100.8:5060>\r\n";

/// The colleague's phone.
pub(super) fn desk() -> SocketAddr {
    peer("198.51.100.8:5060")
}

/// The usual plan with a colleague, who is 8002 to people and 1002 to the registrar.
pub(super) fn two() -> Plan {
    let mut plan = plan();
    let parts: [&[u8]; 3] = [b"1002", plan.realm.as_bytes(), b"secret"];
    let colleague = Agent {
        id: COLLEAGUE,
        number: "8002".into(),
        name: "李<四>".into(),
        sip_user: "1002".into(),
        ha1_md5: Algorithm::Md5.hash(&parts),
        ha1_sha256: Algorithm::Sha256.hash(&parts),
        ..plan.agents[0].clone()
    };
    plan.agents.push(colleague);
    plan
}

/// Two agents whose phones are registered.
pub(super) fn office(change: impl FnOnce(&mut Config)) -> Bench {
    let mut bench = Bench::with(change);
    bench.core.set_plan(bench.now(), &two());
    bench.register(phone(), "sip:1001@198.51.100.7:5060");
    let contact = "Contact: <sip:1002@198.51.100.8:5060>;expires=600\r\n";
    let plain = bench.request("REGISTER", "1002", "", "");
    let plain = plain.replace("Contact: <sip:a@198.51.100.7:5060>\r\n", contact);
    let plain = plain.replace("sip:1001@", "sip:1002@");
    let registered = prove(&mut bench, desk(), "1002", "REGISTER", &plain);
    assert_eq!(registered[0].start(), "SIP/2.0 200 OK", "{}", registered[0].text);
    bench.events();
    bench
}

/// Sends a request, is asked for the password, and says it; what comes then.
pub(super) fn prove(
    bench: &mut Bench,
    from: SocketAddr,
    user: &str,
    method: &str,
    request: &str,
) -> Vec<Sent> {
    bench.receive(from, request);
    let again = with_password(&bench.one(), user, method, request);
    bench.receive(from, again);
    bench.sent()
}

/// The request again with this user's password.
fn with_password(challenge: &Sent, user: &str, method: &str, request: &str) -> String {
    assert_eq!(challenge.start(), "SIP/2.0 401 Unauthorized", "{}", challenge.text);
    let value = challenge.header("WWW-Authenticate");
    let digest = Digest::parse(value.as_bytes()).unwrap();
    let credential =
        Credential { user: user.into(), password: "secret".into(), realm: String::new() };
    let uri = "sip:192.0.2.1";
    let value = crate::sip::digest::respond(&credential, &digest, method, uri, 1, "c").unwrap();
    let line = format!("Authorization: {value}\r\nMax-Forwards");
    request.replace("branch=z9hG4bK", "branch=z9hG4bKp").replace("Max-Forwards", &line)
}

/// 1001's phone subscribes; what comes.
pub(super) fn subscribe(bench: &mut Bench, to: &str, more: &str) -> Vec<Sent> {
    let request = bench.request("SUBSCRIBE", to, more, "");
    prove(bench, phone(), "1001", "SUBSCRIBE", &request)
}

/// A subscription: our 200, whose NOTIFY was answered.
fn watching(bench: &mut Bench) -> Sent {
    let mut sent = subscribe(bench, "8002", "Event: dialog\r\nExpires: 600\r\n");
    assert_eq!(sent.len(), 2);
    answered(bench, &sent[1], "200 OK");
    sent.remove(0)
}

pub(super) fn answered(bench: &mut Bench, notify: &Sent, status: &str) {
    assert_eq!(notify.start(), "NOTIFY sip:a@198.51.100.7:5060 SIP/2.0");
    bench.receive(phone(), notify.answer(status, "", "", ""));
}

/// A request in the dialog that this 200 began.
pub(super) fn within(ok: &Sent, method: &str, seq: u32, more: &str) -> String {
    format!(
        "{method} sip:switchgrid@192.0.2.1:5060 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKw{seq};rport\r\nMax-Forwards: 70\r\n\
         From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {seq} {method}\r\n\
         Contact: <sip:a@198.51.100.7:5060>\r\n{more}Content-Length: 0\r\n\r\n",
        ok.header("From"),
        ok.header("To"),
        ok.header("Call-ID")
    )
}

/// Rings the colleague; our INVITE comes first.
pub(super) fn ring(bench: &mut Bench) -> Vec<Sent> {
    bench.command(Command::Invite(Box::new(Invite {
        leg: LEG,
        to: Destination::Agent(TENANT, COLLEAGUE),
        from_user: "13800138000".into(),
        from_name: "王五".into(),
        sdp: SDP.into(),
        elsewhere: Vec::new(),
        browser: false,
        other_way: false,
        not_at: None,
        at_desk: false,
        category: None,
        headers: Vec::new(),
    })));
    bench.sent()
}

/// The one NOTIFY among what was sent.
pub(super) fn notify(sent: &[Sent]) -> &Sent {
    let mut notifies = sent.iter().filter(|sent| sent.start().starts_with("NOTIFY "));
    let first = notifies.next().expect("a NOTIFY");
    assert!(notifies.next().is_none(), "one at a time");
    first
}

#[test]
fn a_lamp_shows_every_state_of_a_colleagues_call_and_never_who_calls() {
    let mut bench = office(|_| {});
    let sent = subscribe(&mut bench, "8002", "Event: dialog;id=k3\r\nExpires: 600\r\n");
    let [ok, first] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((ok.start(), ok.header("Expires").as_str()), ("SIP/2.0 200 OK", "600"));
    assert_eq!(ok.header("Contact"), "<sip:switchgrid@192.0.2.1:5060>");
    assert_eq!(first.header("To"), ok.header("From"), "in the dialog that the 200 began");
    assert_eq!(first.header("From"), ok.header("To"));
    assert_eq!(first.header("Event"), "dialog;id=k3");
    assert_eq!(first.header("Subscription-State"), "active;expires=600");
    assert_eq!(first.header("Content-Type"), "application/dialog-info+xml");
    let body = first.text.split("\r\n\r\n").nth(1).expect("a body");
    assert_eq!(
        body,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
         <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"0\" \
         state=\"full\" entity=\"sip:1002@192.0.2.1:5060\">\r\n</dialog-info>\r\n"
    );
    answered(&mut bench, first, "200 OK");
    let call = |state: &str| {
        format!(
            "direction=\"recipient\"><state>{state}</state><local>\
             <identity display=\"李&lt;四&gt;\">sip:1002@192.0.2.1:5060</identity></local></dialog>"
        )
    };
    let told = |bench: &mut Bench, sent: &[Sent], version: u32, state: &str| {
        let notify = notify(sent);
        assert!(notify.has(&format!("version=\"{version}\" state=\"full\"")), "{}", notify.text);
        assert!(notify.has("<dialog id=\"900\" "), "{state}: {}", notify.text);
        assert!(notify.has(&call(state)), "{state}: {}", notify.text);
        let named = notify.has("call-id=\"pickup-900\" local-tag=\"rings\" remote-tag=");
        let has_name = matches!(state, "early" | "confirmed");
        assert_eq!(named, has_name, "what rings may be taken: {}", notify.text);
        assert!(!notify.has("13800138000") && !notify.has("王五"), "{}", notify.text);
        answered(bench, notify, "200 OK");
    };
    let sent = ring(&mut bench);
    told(&mut bench, &sent, 1, "trying");
    let invite = &sent[0];
    bench.receive(desk(), invite.answer("180 Ringing", "t", "", ""));
    let ringing = bench.sent();
    told(&mut bench, &ringing, 2, "early");
    bench.receive(desk(), invite.answer("180 Ringing", "t", "", ""));
    assert!(bench.sent().is_empty(), "nothing is new");
    bench.receive(desk(), invite.answer("200 OK", "t", CONTACT, SDP));
    let talking = bench.sent();
    told(&mut bench, &talking, 3, "confirmed");
    bench.command(Command::Hangup { leg: LEG, cause: 16 });
    let over = bench.sent();
    told(&mut bench, &over, 4, "terminated");
    assert_eq!(bench.counter("lamps_live"), 1);
}

#[test]
fn what_a_colleague_dials_is_shown_as_theirs() {
    let mut bench = office(|_| {});
    watching(&mut bench);
    let invite = bench.request("INVITE", "13900139000", "", SDP).replace("sip:1001@", "sip:1002@");
    let sent = prove(&mut bench, desk(), "1002", "INVITE", &invite);
    let shown = notify(&sent);
    assert!(shown.has("direction=\"initiator\"><state>trying</state>"), "{}", shown.text);
    assert!(!shown.has("13900139000"), "{}", shown.text);
}

#[test]
fn what_changes_while_a_notify_waits_for_its_answer_is_said_by_the_next_one() {
    let mut bench = office(|_| {});
    watching(&mut bench);
    let sent = ring(&mut bench);
    bench.receive(desk(), sent[0].answer("180 Ringing", "t", "", ""));
    bench.receive(desk(), sent[0].answer("200 OK", "t", CONTACT, SDP));
    let meanwhile = bench.starts();
    assert!(meanwhile.iter().all(|start| start.starts_with("ACK ")), "{meanwhile:?}");
    answered(&mut bench, notify(&sent), "200 OK");
    let next = bench.one();
    assert!(next.has("<state>confirmed</state>") && next.has("version=\"2\""), "{}", next.text);
    answered(&mut bench, &next, "200 OK");
    assert!(bench.sent().is_empty());
}

#[test]
fn a_subscription_that_cannot_be_is_refused_with_what_would_be_right() {
    let mut bench = office(|config| {
        config.lamps.of_phone_max = 1;
        config.lamps.lamps_max = 1;
    });
    for event in ["", "Event: winfo\r\n", "Event: dialogue\r\n", "Event: dialog;id=a b\r\n"] {
        let request = bench.request("SUBSCRIBE", "8002", event, "");
        bench.receive(phone(), request);
        let refused = bench.one();
        assert_eq!(refused.start(), "SIP/2.0 489 Bad Event", "{event}");
        assert_eq!(refused.header("Allow-Events"), "dialog, message-summary, presence, refer, reg");
    }
    let dialog = "Event: dialog\r\n";
    for (to, more, status) in [
        ("13800138000", "", "404"),
        ("8003", "", "404"),
        ("8002", "Expires: 59\r\n", "423"),
        ("8002", "Expires: 60\r\n", "200"),
        ("1001", "", "403"),
    ] {
        let sent = subscribe(&mut bench, to, &format!("{dialog}{more}"));
        assert!(sent[0].start().contains(status), "{to} {more}: {}", sent[0].start());
        if status == "423" {
            assert_eq!(sent[0].header("Min-Expires"), "60");
        }
    }
    let request = bench.request("SUBSCRIBE", "1001", dialog, "");
    let request = request.replace("198.51.100.7:5060", "198.51.100.8:5060");
    let sent = prove(&mut bench, desk(), "1002", "SUBSCRIBE", &request);
    assert!(sent[0].start().contains("503"), "of all: {}", sent[0].start());
    let elsewhere = bench.request("SUBSCRIBE", "8002", dialog, "");
    let sent = prove(&mut bench, peer("198.51.100.9:5060"), "1001", "SUBSCRIBE", &elsewhere);
    assert!(sent[0].start().contains("403"), "no phone is registered there");
    let trunks = bench.request("SUBSCRIBE", "8002", dialog, "");
    let trunks = trunks.replace("198.51.100.7:5060", "203.0.113.5:5060");
    bench.receive(carrier(), trunks);
    assert!(bench.one().start().contains("403"), "a trunk watches nobody");
    assert_eq!(bench.counter("lamps_live"), 1);
}

#[test]
fn a_phone_that_subscribes_anew_takes_the_place_of_its_subscription_of_before() {
    let mut bench = office(|config| config.lamps.of_phone_max = 1);
    let before = watching(&mut bench);
    let again = watching(&mut bench);
    assert_ne!(before.header("Call-ID"), again.header("Call-ID"));
    assert_eq!(bench.counter("lamps_live"), 1);
    let refresh = within(&before, "SUBSCRIBE", 9, "Event: dialog\r\n");
    bench.receive(phone(), refresh);
    assert!(bench.one().start().contains("481"), "the old one is not known any more");
}

#[test]
fn a_subscription_is_refreshed_with_the_password_and_ends_with_no_life() {
    let mut bench = office(|_| {});
    let ok = watching(&mut bench);
    let wrong = within(&ok, "SUBSCRIBE", 2, "Event: presence\r\n");
    bench.receive(phone(), wrong);
    assert!(bench.one().start().contains("481"), "it is about something else");
    let theirs = within(&ok, "SUBSCRIBE", 3, "Event: dialog\r\n");
    let foreign = prove(&mut bench, desk(), "1002", "SUBSCRIBE", &theirs);
    assert!(foreign[0].start().contains("403"), "{}", foreign[0].start());
    let refresh = within(&ok, "SUBSCRIBE", 4, "Event: dialog\r\nExpires: 99999\r\n");
    let sent = prove(&mut bench, phone(), "1001", "SUBSCRIBE", &refresh);
    assert_eq!(sent[0].header("Expires"), "3600", "cut");
    assert_eq!(sent[1].header("Subscription-State"), "active;expires=3600");
    assert!(sent[1].has("version=\"1\""), "{}", sent[1].text);
    answered(&mut bench, &sent[1], "200 OK");
    let late = within(&ok, "SUBSCRIBE", 3, "Event: dialog\r\nExpires: 0\r\n");
    let late = late.replace("z9hG4bKw3", "z9hG4bKlate");
    let sent = prove(&mut bench, phone(), "1001", "SUBSCRIBE", &late);
    assert!(sent[0].start().contains("500"), "overtaken: {}", sent[0].start());
    let end = within(&ok, "SUBSCRIBE", 5, "Event: dialog\r\nExpires: 0\r\n");
    let sent = prove(&mut bench, phone(), "1001", "SUBSCRIBE", &end);
    assert_eq!((sent[0].start(), sent[0].header("Expires").as_str()), ("SIP/2.0 200 OK", "0"));
    assert_eq!(sent[1].header("Subscription-State"), "terminated;reason=timeout");
    assert_eq!(bench.counter("lamps_live"), 0);
    answered(&mut bench, &sent[1], "200 OK");
    let rings = ring(&mut bench);
    assert!(rings.iter().all(|sent| sent.start().starts_with("INVITE ")), "nobody is told");
}

#[test]
fn a_notify_that_nobody_takes_ends_the_subscription() {
    for status in ["481 Call/Transaction Does Not Exist", "408 Request Timeout"] {
        let mut bench = office(|_| {});
        let sent = subscribe(&mut bench, "8002", "Event: dialog\r\n");
        answered(&mut bench, &sent[1], status);
        assert_eq!(bench.counter("lamps_live"), 0, "{status}");
    }
    let mut bench = office(|_| {});
    let sent = subscribe(&mut bench, "8002", "Event: dialog\r\n");
    answered(&mut bench, &sent[1], "500 Server Internal Error");
    assert_eq!(bench.counter("lamps_live"), 1, "it is busy, and there");
    let sent = ring(&mut bench);
    notify(&sent);
    bench.pass(Duration::from_secs(33));
    assert_eq!(bench.counter("lamps_live"), 0, "64·T1 without an answer");
}

#[test]
fn a_subscription_ends_with_its_time() {
    let mut bench = office(|_| {});
    let sent = subscribe(&mut bench, "8002", "Event: dialog\r\nExpires: 60\r\n");
    answered(&mut bench, &sent[1], "200 OK");
    assert!(bench.pass(Duration::from_secs(59)).is_empty());
    let sent = bench.pass(Duration::from_secs(1));
    let [(_, last)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(last.header("Subscription-State"), "terminated;reason=timeout");
    assert_eq!(bench.counter("lamps_live"), 0);
}

#[test]
fn a_subscription_ends_with_the_registration_of_its_phone() {
    let mut bench = office(|_| {});
    let sent = subscribe(&mut bench, "8002", "Event: dialog\r\n");
    answered(&mut bench, &sent[1], "200 OK");
    let gone = "Contact: <sip:1001@198.51.100.7:5060>;expires=0\r\n";
    let plain = bench.request("REGISTER", "1001", "", "");
    let plain = plain.replace("Contact: <sip:a@198.51.100.7:5060>\r\n", gone);
    let sent = prove(&mut bench, phone(), "1001", "REGISTER", &plain);
    assert_eq!(notify(&sent).header("Subscription-State"), "terminated;reason=timeout");
    assert_eq!(bench.counter("lamps_live"), 0);

    let mut bench = office(|_| {});
    let sent = subscribe(&mut bench, "8002", "Event: dialog\r\n");
    answered(&mut bench, &sent[1], "200 OK");
    let sent = bench.pass(Duration::from_secs(601));
    assert!(sent.iter().any(|(_, sent)| sent.has("terminated;reason=timeout")), "by time");
    assert_eq!(bench.counter("lamps_live"), 0);
}

#[test]
fn what_is_watched_over_a_connection_ends_with_it() {
    let mut bench = office(|_| {});
    let connection = ConnectionId(5);
    let over = |bench: &mut Bench, method: &str, user: &str, more: &str| {
        let request = bench.request(method, user, more, "").replace("SIP/2.0/UDP", "SIP/2.0/TCP");
        bench.core.handle_stream(bench.now(), 1, connection, phone(), request.as_bytes());
        let again = with_password(&bench.one(), "1001", method, &request);
        bench.core.handle_stream(bench.now(), 1, connection, phone(), again.as_bytes());
        bench.sent()
    };
    let registered = over(&mut bench, "REGISTER", "1001", "");
    assert_eq!(registered[0].start(), "SIP/2.0 200 OK", "{}", registered[0].text);
    let sent = over(&mut bench, "SUBSCRIBE", "8002", "Event: dialog\r\n");
    assert_eq!(sent[0].start(), "SIP/2.0 200 OK", "{}", sent[0].text);
    assert_eq!(notify(&sent).connection, Some(connection));
    assert_eq!(bench.counter("lamps_live"), 1);
    bench.core.handle_closed(bench.now(), connection);
    assert_eq!(bench.counter("lamps_live"), 0);
}

#[test]
fn a_lamp_goes_on_after_a_kill_and_its_numbers_only_rise() {
    let mut bench = office(|config| config.keeps = true);
    let ok = watching(&mut bench);
    let records = bench.core.take_changes();
    let mut next = Bench::with(|config| config.keeps = true);
    (next.ms, next.branch) = (bench.ms + 400, bench.branch);
    next.core.set_plan(next.now(), &two());
    let now = next.now();
    next.core.restore(now, &records);
    let first = next.one();
    assert_eq!(first.header("Call-ID"), ok.header("Call-ID"));
    assert_eq!(first.header("Subscription-State"), "active;expires=599");
    let number: u32 = first.header("CSeq").split(' ').next().unwrap().parse().unwrap();
    assert!(number > 1_000, "{}", first.text);
    assert!(first.has("version=\"10"), "{}", first.text);
    answered(&mut next, &first, "200 OK");
    let rings = ring(&mut next);
    answered(&mut next, notify(&rings), "200 OK");
    let refresh = within(&ok, "SUBSCRIBE", 2, "Event: dialog\r\n");
    let sent = prove(&mut next, phone(), "1001", "SUBSCRIBE", &refresh);
    assert_eq!(sent[0].start(), "SIP/2.0 200 OK");
    assert_eq!(next.counter("lamps_live"), 1);
}

#[test]
fn a_colleague_who_leaves_the_plan_is_watched_no_more() {
    let mut bench = office(|_| {});
    watching(&mut bench);
    bench.core.set_plan(bench.now(), &plan());
    let last = bench.one();
    assert_eq!(last.header("Subscription-State"), "terminated;reason=noresource");
    assert_eq!(bench.counter("lamps_live"), 0);
}

#[test]
fn what_rings_is_taken_by_the_name_that_its_lamp_says_and_by_its_dialog() {
    let mut bench = office(|_| {});
    watching(&mut bench);
    let sent = ring(&mut bench);
    answered(&mut bench, notify(&sent), "200 OK");
    let rings = &sent[0];
    bench.receive(desk(), rings.answer("180 Ringing", "t", "", ""));
    let early = bench.sent();
    let tag =
        notify(&early).text.split("remote-tag=\"").nth(1).and_then(|rest| rest.split('"').next());
    let named = format!("pickup-900;to-tag={};from-tag=rings", tag.expect("it has a name"));
    let from = rings.header("From");
    let ours = from.split(";tag=").nth(1).expect("our tag");
    let dialog = format!("{};to-tag={ours};from-tag=t", rings.header("Call-ID"));
    bench.events();
    for (what, expected) in [
        (named.clone(), Some(LEG)),
        (format!("{named};early-only"), Some(LEG)),
        (dialog.clone(), Some(LEG)),
        (named.replace("to-tag=", "to-tag=x"), None),
        (named.replace("=rings", "=ring"), None),
        (named.replace("pickup-900", "pickup-901"), None),
        (named.replace("pickup-900", "pickup-"), None),
        (dialog.replace("from-tag=t", "from-tag=u"), None),
    ] {
        let lines = format!("Replaces: {what}\r\n");
        let request = bench.request("INVITE", "1002", &lines, SDP);
        let sent = prove(&mut bench, phone(), "1001", "INVITE", &request);
        let replaces = match &bench.events()[..] {
            [Event::Incoming(incoming)] => incoming.replaces,
            _ => None,
        };
        assert_eq!(replaces, expected, "{what}");
        let refused = sent.iter().any(|sent| sent.start().contains(" 481 "));
        assert_eq!(refused, expected.is_none(), "{what}");
    }
}

#[test]
fn a_conversation_is_joined_by_the_name_that_its_lamp_says_and_by_no_other() {
    let mut bench = office(|_| {});
    watching(&mut bench);
    let sent = ring(&mut bench);
    answered(&mut bench, notify(&sent), "200 OK");
    bench.receive(desk(), sent[0].answer("200 OK", "t", CONTACT, SDP));
    let talks = bench.sent();
    let tag = notify(&talks).text.split("remote-tag=\"").nth(1);
    let tag = tag.and_then(|rest| rest.split('"').next()).expect("it has a name");
    let named = format!("Join: pickup-900;to-tag={tag};from-tag=rings\r\n");
    bench.events();
    for (lines, expected, status) in [
        (named.clone(), Some(LEG), "100"),
        (named.replace("to-tag=", "to-tag=x"), None, "481"),
        (format!("{named}Replaces: pickup-900;to-tag={tag};from-tag=rings\r\n"), None, "400"),
    ] {
        let request = bench.request("INVITE", "1002", &lines, SDP);
        let sent = prove(&mut bench, phone(), "1001", "INVITE", &request);
        let join = match &bench.events()[..] {
            [Event::Incoming(incoming)] => incoming.join,
            _ => None,
        };
        assert_eq!(join, expected, "{lines}");
        assert!(sent.iter().any(|sent| sent.start().contains(status)), "{lines}: {sent:?}");
    }
    let outside = bench.request("INVITE", "95105688", &named, SDP);
    bench.receive(carrier(), outside.replace("198.51.100.7:5060", "203.0.113.5:5060"));
    assert!(bench.sent().iter().any(|sent| sent.start().contains("403")), "from outside nobody");
}
