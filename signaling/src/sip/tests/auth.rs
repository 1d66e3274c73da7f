//! Who may do what: challenges, replays, other people's names, sources that guess.

use super::calls_out::to_agent;
use super::*;
use crate::sip::user_agent::{Invite, Origin};

#[test]
fn a_phone_registers_refreshes_and_leaves() {
    let mut bench = Bench::new();
    bench.register(phone(), "sip:1001@198.51.100.7:5070");
    let registered = |registered| Event::Registered { tenant: TENANT, agent: AGENT, registered };
    assert_eq!(bench.events(), [registered(true)]);
    bench.pass(Duration::from_secs(601));
    assert_eq!(bench.events(), [registered(false)]);
}

#[test]
fn both_algorithms_are_offered_where_they_fit_and_md5_where_they_do_not() {
    let mut bench = Bench::new();
    let long = bench.request("REGISTER", "1001", &format!("X: {}\r\n", "y".repeat(400)), "");
    bench.receive(phone(), &long);
    let challenge = bench.one();
    assert_eq!(challenge.text.matches("WWW-Authenticate").count(), 2);
    assert!(challenge.text.len() <= long.len(), "no reflection (threat T16)");
    let at = |token| challenge.text.find(token).unwrap();
    assert!(at("algorithm=SHA-256") < at("algorithm=MD5"), "the preferred one first");
    let short = bench.request("REGISTER", "1001", "", "");
    bench.receive(phone(), &short);
    let challenge = bench.one();
    assert!(challenge.has("algorithm=MD5") && !challenge.has("SHA-256"));
}

#[test]
fn an_unproven_source_gets_few_answers() {
    let mut bench = Bench::with(|config| config.challenges_per_s_max = 20);
    for _ in 0..500 {
        let request = bench.request("REGISTER", "1001", "", "");
        bench.receive(phone(), request);
    }
    assert_eq!(bench.sent().len(), 20);
    assert_eq!(bench.counter("answers_withheld"), 480);
    assert_eq!(bench.counter("transactions_live"), 0);
}

#[test]
fn a_replayed_register_is_challenged_as_stale() {
    let mut bench = Bench::new();
    let plain = bench.request("REGISTER", "1001", "", "");
    bench.receive(phone(), &plain);
    let challenge = bench.one();
    let good = authorize(&challenge, &plain, "REGISTER", "secret", 1);
    bench.receive(phone(), &good);
    assert!(bench.one().start().contains("200"));
    let thief = peer("198.51.100.99:5060");
    bench.receive(thief, good.replace("branch=z9hG4bK", "branch=z9hG4bKnew"));
    let stale = bench.one();
    assert!(stale.start().contains("401") && stale.has("stale=true"));
}

#[test]
fn a_wrong_password_and_an_unknown_user_look_the_same() {
    let mut bench = Bench::new();
    let plain = bench.request("REGISTER", "1001", "", "");
    bench.receive(phone(), &plain);
    let challenge = bench.one();
    let wrong = authorize(&challenge, &plain, "REGISTER", "guess", 1);
    let unknown = wrong.replace("username=\"1001\"", "username=\"9999\"");
    let unknown = unknown.replace("branch=z9hG4bK", "branch=z9hG4bKu");
    bench.receive(phone(), wrong);
    bench.receive(phone(), unknown);
    let shape = |sent: &Sent| {
        let nonce = Digest::parse(sent.header("WWW-Authenticate").as_bytes())
            .and_then(|d| d.get("nonce").map(<[u8]>::to_vec))
            .unwrap();
        let text = sent.text.replace(&String::from_utf8(nonce).unwrap(), "N");
        let skip = |line: &&str| !line.starts_with("Via") && !line.starts_with("To");
        text.lines().filter(skip).collect::<Vec<_>>().join("\n")
    };
    let answers = bench.sent();
    assert_eq!(shape(&answers[0]), shape(&answers[1]));
    assert!(!answers[0].has("stale"));
}

#[test]
fn credentials_for_a_realm_that_was_never_offered_leave_nothing() {
    let mut bench = Bench::new();
    for method in ["REGISTER", "INVITE"] {
        for nc in 0..100 {
            let plain = bench.request(method, "1001", "", if nc % 2 == 0 { "" } else { SDP });
            let foreign = format!(
                "Authorization: Digest username=\"1001\",realm=\"elsewhere{nc}\",nonce=\"{nc:040}\",\
                 uri=\"sip:x\",response=\"{nc:032}\",algorithm=MD5,qop=auth,nc=00000001,cnonce=\"c\"\r\n\
                 Max-Forwards"
            );
            bench.receive(phone(), plain.replace("Max-Forwards", &foreign));
            let challenge = bench.one();
            assert_eq!(challenge.start(), "SIP/2.0 401 Unauthorized");
            assert!(challenge.header("WWW-Authenticate").contains("realm=\"switchgrid\""));
        }
    }
    assert!(bench.events().is_empty());
    assert_eq!((bench.counter("transactions_live"), bench.counter("auth_wrong")), (0, 0));
    // It was no guess at a password of ours, so the source is not blocked for it.
    bench.register(phone(), "sip:1001@198.51.100.7:5070");
}

#[test]
fn before_a_password_an_answer_is_hardly_longer_than_its_question() {
    let mut bench = Bench::new();
    let methods = "INVITE REGISTER OPTIONS MESSAGE PUBLISH SUBSCRIBE REFER BYE NOTIFY INFO FOO";
    // What every phone says, and nothing at all: then the challenge itself weighs more.
    let usual = "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO\r\n\
                 Supported: replaces, timer, outbound\r\nUser-Agent: Example Phone 1.2.3\r\n";
    for (more, factor) in [(usual, 1.0), ("", 1.5), ("Require: gruu\r\n", 1.0)] {
        for method in methods.split(' ') {
            let request = bench.request(method, "1001", more, "");
            bench.receive(phone(), &request);
            let answer = bench.one();
            let share = answer.text.len() as f64 / request.len() as f64;
            assert!(share <= factor, "{share} for {request}: {}", answer.text);
        }
    }
}

#[test]
fn a_source_that_guesses_is_dropped_and_others_are_not() {
    let mut bench = Bench::new();
    let plain = bench.request("REGISTER", "1001", "", "");
    bench.receive(phone(), &plain);
    let challenge = bench.one();
    for nc in 1..=9 {
        bench.receive(phone(), authorize(&challenge, &plain, "REGISTER", "guess", nc));
        assert!(bench.one().start().contains("401"));
    }
    bench.receive(phone(), authorize(&challenge, &plain, "REGISTER", "guess", 10));
    assert!(bench.sent().is_empty(), "the tenth was one too many");
    bench.receive(phone(), authorize(&challenge, &plain, "REGISTER", "secret", 20));
    assert!(bench.sent().is_empty(), "blocked");
    bench.register(peer("198.51.100.8:5060"), "sip:1001@198.51.100.8:5070");
    bench.pass(Duration::from_secs(301));
    bench.register(phone(), "sip:1001@198.51.100.7:5070");
}

#[test]
fn an_agents_call_carries_the_name_of_its_password() {
    let mut bench = Bench::new();
    let spoofed = bench.request(
        "INVITE",
        "13900139000",
        "P-Asserted-Identity: <sip:boss@192.0.2.1>\r\nP-Asserted-Identity : <sip:x@y>\r\n",
        SDP,
    );
    let spoofed = spoofed.replace("<sip:1001@192.0.2.1>;tag", "\"Boss\" <sip:2000@192.0.2.1>;tag");
    let spoofed = spoofed.replace("\"A\" \"Boss\"", "\"Boss\"");
    bench.receive(phone(), &spoofed);
    let challenge = bench.one();
    assert!(challenge.start().contains("401"));
    bench.receive(phone(), authorize(&challenge, &spoofed, "INVITE", "secret", 1));
    let events = bench.events();
    let [Event::Incoming(call)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(call.origin, Origin::Agent(AGENT));
    assert_eq!((call.caller.normal.as_str(), call.caller_name.as_str()), ("1001", "王芳"));
    assert_eq!(call.called, "13900139000");
}

#[test]
fn a_phone_inside_the_trunks_network_is_still_asked_for_its_password() {
    let mut bench = Bench::new();
    let inside = peer("203.0.113.9:5060");
    bench.register(inside, "sip:1001@203.0.113.9:5060");
    bench.events();
    let invite = bench.request("INVITE", "*45", "", SDP);
    bench.receive(inside, &invite);
    assert!(bench.one().start().contains("401"));
    bench.receive(peer("203.0.113.10:5060"), invite.replace("z9hG4bKt", "z9hG4bKx"));
    assert!(matches!(&bench.events()[..], [Event::Incoming(call)] if call.called == "*45"));
}

#[test]
fn an_agent_registers_its_own_name_only() {
    let mut bench = Bench::new();
    let plain = bench.request("REGISTER", "1002", "", "");
    bench.receive(phone(), &plain);
    let challenge = bench.one();
    bench.receive(phone(), authorize(&challenge, &plain, "REGISTER", "secret", 1));
    assert!(bench.one().start().contains("403"));
    assert!(bench.events().is_empty());
}

#[test]
fn nothing_else_gets_in_without_a_password() {
    let mut bench = Bench::new();
    for (method, status) in [
        ("INVITE", "401"),
        ("REGISTER", "401"),
        ("MESSAGE", "401"),
        ("PUBLISH", "489"),
        ("SUBSCRIBE", "489"),
        ("REFER", "403"),
        ("BYE", "481"),
        ("NOTIFY", "481"),
        ("INFO", "481"),
        ("FOO", "501"),
        ("OPTIONS", "200"),
    ] {
        let request = bench.request(method, "1001", "", "");
        bench.receive(phone(), request);
        let answer = bench.one();
        assert!(answer.start().contains(status), "{method}: {}", answer.start());
    }
    assert!(bench.events().is_empty());
    assert_eq!(bench.counter("transactions_live"), 0);
}

#[test]
fn an_agent_that_leaves_the_plan_loses_its_phone() {
    let mut bench = Bench::new();
    bench.register(phone(), "sip:1001@198.51.100.7:5070");
    bench.events();
    let mut without = plan();
    without.agents.clear();
    bench.core.set_plan(bench.now(), &without);
    assert!(matches!(bench.events()[..], [Event::Registered { registered: false, .. }]));
    let plain = bench.request("REGISTER", "1001", "", "");
    bench.receive(phone(), &plain);
    let challenge = bench.one();
    bench.receive(phone(), authorize(&challenge, &plain, "REGISTER", "secret", 1));
    assert!(bench.one().start().contains("401"));
}

/// The usual plan, whose agent has a code for an app.
fn with_a_code() -> terms::routing::Plan {
    let mut plan = plan();
    let parts: [&[u8]; 3] = [b"1001-app", plan.realm.as_bytes(), b"code"];
    plan.agents[0].codes.push(terms::routing::AuthCode {
        user: "1001-app".into(),
        ha1_md5: Algorithm::Md5.hash(&parts),
        ha1_sha256: Algorithm::Sha256.hash(&parts),
    });
    plan
}

fn registered() -> Event {
    Event::Registered { tenant: TENANT, agent: AGENT, registered: true }
}

/// Only apps are there, or the desk phone is again.
fn alone(phones: bool) -> Event {
    Event::AppsAlone { tenant: TENANT, agent: AGENT, phones, browsers: false }
}

/// A REGISTER of 1001 from here, proven as this user.
fn register_as(bench: &mut Bench, from: SocketAddr, user: &str, password: &str) -> Sent {
    let plain = bench.request("REGISTER", "1001", "", "");
    let plain = plain.replace("198.51.100.7:5060", &from.to_string());
    bench.receive(from, &plain);
    let challenge = bench.one();
    let again = authorize_as(&challenge, &plain, "REGISTER", (user, password), 1);
    bench.receive(from, again);
    bench.one()
}

#[test]
fn a_phone_registers_by_its_short_number_and_an_app_by_a_code_that_can_be_taken_back() {
    let mut bench = Bench::new();
    bench.core.set_plan(bench.now(), &with_a_code());
    let app = peer("198.51.100.9:5062");
    let wrong = register_as(&mut bench, app, "1001-app", "secret");
    assert!(wrong.start().contains("401"), "the short number's password is no code");
    let done = register_as(&mut bench, app, "1001-app", "code");
    assert_eq!(done.start(), "SIP/2.0 200 OK", "{}", done.text);
    assert_eq!(bench.events(), [alone(true), registered()]);
    let desk = register_as(&mut bench, phone(), "1001", "secret");
    assert_eq!(desk.start(), "SIP/2.0 200 OK", "{}", desk.text);
    assert_eq!(bench.events(), [alone(false)]);
    assert!(desk.has(&app.to_string()) && desk.has(&phone().to_string()), "{}", desk.text);

    bench.core.set_plan(bench.now(), &plan());
    assert!(bench.events().is_empty(), "the desk phone is still there");
    let refused = register_as(&mut bench, app, "1001-app", "code");
    assert!(refused.start().contains("401"), "{}", refused.text);
    let left = register_as(&mut bench, phone(), "1001", "secret");
    assert!(!left.has(&app.to_string()), "it went with its code: {}", left.text);

    bench.core.set_plan(bench.now(), &with_a_code());
    assert_eq!(register_as(&mut bench, app, "1001-app", "code").start(), "SIP/2.0 200 OK");
}

#[test]
fn a_call_tells_whether_it_comes_by_the_short_number_or_by_a_code() {
    for (user, password, by_code) in [("1001", "secret", false), ("1001-app", "code", true)] {
        let mut bench = Bench::new();
        bench.core.set_plan(bench.now(), &with_a_code());
        let plain = bench.request("INVITE", "13900139000", "", SDP);
        bench.receive(phone(), &plain);
        let challenge = bench.one();
        bench.receive(phone(), authorize_as(&challenge, &plain, "INVITE", (user, password), 1));
        let events = bench.events();
        let [Event::Incoming(call)] = &events[..] else { panic!("{events:?}") };
        assert_eq!((call.origin, call.by_code), (Origin::Agent(AGENT), by_code));
        assert_eq!(call.caller.normal, "1001");
    }
}

#[test]
fn who_is_at_the_desk_of_another_rings_there_and_at_nothing_that_a_code_registered() {
    let mut bench = Bench::new();
    bench.core.set_plan(bench.now(), &with_a_code());
    let rings = |bench: &mut Bench, leg: u64, at_desk: bool| {
        let Command::Invite(invite) = to_agent() else { unreachable!() };
        let invite = Invite { leg: LegId(leg), at_desk, ..*invite };
        bench.command(Command::Invite(Box::new(invite)));
        bench.sent().into_iter().map(|sent| sent.to).collect::<Vec<_>>()
    };
    let app = peer("198.51.100.9:5062");
    register_as(&mut bench, app, "1001-app", "code");
    assert_eq!(bench.events(), [alone(true), registered()]);
    assert!(rings(&mut bench, 901, true).is_empty());
    let nobody = Event::Failed { leg: LegId(901), status: 480, cause: 20 };
    assert_eq!(bench.events(), [nobody]);
    assert_eq!(rings(&mut bench, 902, false), [Host::Address(app)]);

    register_as(&mut bench, phone(), "1001", "secret");
    assert_eq!(bench.events(), [alone(false)]);
    assert_eq!(rings(&mut bench, 903, true), [Host::Address(phone())]);
    let both = [Host::Address(app), Host::Address(phone())];
    assert_eq!(rings(&mut bench, 904, false), both, "the owner has them all");
}
