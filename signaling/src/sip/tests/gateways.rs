//! What lines of a home network and gateways to older networks say otherwise than phones do.

use super::trunks::invite;
use super::*;
use crate::sip::user_agent::Charging;
use terms::routing::CallerRule;
use terms::{Category, TrunkId};

const NUMBER: &str = "+862087654321";

/// A core with a line of a home network that is about to register.
fn line() -> Bench {
    let mut bench = Bench::new();
    let mut plan = plan();
    plan.trunks[0].register = true;
    plan.trunks[0].outbound = Some(Credential {
        user: "460001@ims.example".into(),
        password: "p".into(),
        realm: String::new(),
    });
    bench.core.set_plan(bench.now(), &plan);
    bench
}

#[test]
fn a_line_of_a_home_network_registers_its_number_with_its_private_name() {
    let mut bench = line();
    let (_, first) = bench.pass(Duration::from_millis(1)).remove(0);
    assert_eq!(first.start(), "REGISTER sip:ims.example SIP/2.0");
    assert_eq!(first.to, Host::Address(carrier()), "it goes to the proxy all the same");
    assert_eq!(first.header("To"), format!("<sip:{NUMBER}@ims.example>"));
    assert!(first.has("Supported: path\r\n"));
    let challenge = "WWW-Authenticate: Digest realm=\"ims.example\",nonce=\"n\",qop=\"auth\"\r\n";
    bench.receive(carrier(), first.answer("401 Proof", "t", challenge, ""));
    let proof = bench.one().header("Authorization");
    assert!(proof.contains("username=\"460001@ims.example\""), "{proof}");
    assert!(proof.contains("uri=\"sip:ims.example\""), "{proof}");
}

#[test]
fn calls_of_a_registered_line_take_the_way_that_its_registrar_named() {
    let mut bench = line();
    let (_, register) = bench.pass(Duration::from_millis(1)).remove(0);
    let routes = "Service-Route: <sip:orig@s1.ims.example;lr>,\r\n <sip:s2.ims.example;lr>\r\n";
    bench.receive(carrier(), register.answer("200 OK", "t", routes, ""));
    bench.command(invite(901));
    let sent = bench.one();
    assert_eq!(sent.start(), "INVITE sip:13900139000@ims.example;user=phone SIP/2.0");
    assert_eq!(sent.to, Host::Address(carrier()));
    let way = "Route: <sip:orig@s1.ims.example;lr>\r\nRoute: <sip:s2.ims.example;lr>\r\n";
    assert!(sent.has(way), "{}", sent.text);
    assert!(sent.header("From").contains("<sip:95105688@ims.example>"), "{}", sent.text);
    assert_eq!(sent.header("P-Preferred-Identity"), "<sip:95105688@ims.example>");

    bench.receive(carrier(), sent.answer("180 Ringing", "t", "", ""));
    bench.command(Command::Hangup { leg: LegId(901), cause: 16 });
    assert!(bench.one().has(way), "CANCEL takes the same way (RFC 3261 §9.1)");
}

#[test]
fn a_registration_without_a_way_leaves_calls_as_they_were() {
    let mut bench = line();
    let (_, register) = bench.pass(Duration::from_millis(1)).remove(0);
    let strict = "Service-Route: <sip:s1.ims.example>\r\n";
    bench.receive(carrier(), register.answer("200 OK", "t", strict, ""));
    bench.command(invite(901));
    let sent = bench.one();
    assert!(!sent.has("\r\nRoute: "), "{}", sent.text);
}

/// A core whose trunk is trusted, or is not.
fn trusts(trusted: bool) -> Bench {
    let mut bench = Bench::new();
    let mut plan = plan();
    plan.trunks[0].trusted = trusted;
    bench.core.set_plan(bench.now(), &plan);
    bench
}

/// What the switch hears of a call of a trusted trunk to this user, with more headers.
fn heard(user: &str, more: &str) -> (String, String) {
    let mut bench = trusts(true);
    let call = bench.request("INVITE", user, more, SDP);
    bench.receive(carrier(), &call);
    let events = bench.events();
    let [Event::Incoming(incoming)] = &events[..] else { panic!("{events:?}") };
    (incoming.called.clone(), incoming.caller.normal.clone())
}

#[test]
fn who_calls_our_contact_says_the_number_besides() {
    let party = "P-Called-Party-ID: <tel:+862087654321>\r\n";
    assert_eq!(heard("switchgrid", party).0, NUMBER);
    assert_eq!(heard("95105688", party).0, "95105688", "what is asked for comes first");
    let mut bench = Bench::new();
    let call = bench.request("INVITE", "switchgrid", "", SDP);
    let call = call.replace("To: <sip:switchgrid@192.0.2.1>", "To: <sip:95105688@ims.example>");
    bench.receive(carrier(), &call);
    let events = bench.events();
    let [Event::Incoming(incoming)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(incoming.called, "95105688");
}

#[test]
fn of_two_tenants_behind_one_proxy_the_one_whose_number_is_meant_is_called() {
    let mut bench = Bench::new();
    let mut other = Plan::empty(TenantId(2), "other");
    let (id, digits, target) = (NumberId(1), NUMBER.to_owned(), Target::Hangup);
    other.numbers.push(Number { id, digits, target });
    other.trunks.push(crate::sip::trunk::plan_for_tests(&["203.0.113.0/24"]));
    bench.core.set_plan(bench.now(), &other);
    for (number, tenant) in [(NUMBER, TenantId(2)), ("95105688", TENANT)] {
        let party = format!("P-Called-Party-ID: <sip:{number}@ims.example>\r\n");
        let call = bench.request("INVITE", "switchgrid", &party, SDP);
        bench.receive(carrier(), &call);
        let events = bench.events();
        let [Event::Incoming(incoming)] = &events[..] else { panic!("{events:?}") };
        assert_eq!((incoming.tenant, incoming.called.as_str()), (tenant, number));
    }
}

#[test]
fn the_number_among_asserted_identities_is_who_calls() {
    for (asserted, caller) in [
        ("<sip:li.si@ims.example>, <tel:+8613800138000>", "+8613800138000"),
        ("<tel:+86-138-0013-8000>", "+8613800138000"),
        ("<sip:+8613800138000;cpc=ordinary@ims.example;user=phone>", "+8613800138000"),
        ("<sip:li.si@ims.example>", "li.si"),
        ("<sip:li.si@a>, <sip:wang@a>, <tel:110>", "li.si"),
    ] {
        let more = format!("P-Asserted-Identity: {asserted}\r\n");
        assert_eq!(heard("95105688", &more).1, caller, "{asserted}");
    }
    let private = "P-Asserted-Identity: <tel:+8613800138000>\r\nPrivacy: user;id\r\n";
    assert_eq!(heard("95105688", private).1, "anonymous");
}

#[test]
fn what_is_asserted_is_believed_of_a_trusted_trunk_alone_and_a_wish_for_privacy_of_any() {
    let caller = |trusted: bool, more: &str| {
        let mut bench = trusts(trusted);
        let call = bench.request("INVITE", "95105688", &format!("{more}\r\n"), SDP);
        bench.receive(carrier(), &call);
        let events = bench.events();
        let [Event::Incoming(incoming)] = &events[..] else { panic!("{events:?}") };
        (incoming.caller.normal.clone(), incoming.caller_name.clone(), incoming.category)
    };
    let asserted = "P-Asserted-Identity: \"Li\" <sip:+8613800138000;cpc=payphone@gw;user=phone>";
    let named = |number: &str, name: &str, category| (number.to_owned(), name.to_owned(), category);
    let payphone = Some(Category::Payphone);
    assert_eq!(caller(true, asserted), named("+8613800138000", "Li", payphone));
    assert_eq!(caller(false, asserted), named("1001", "A", None));
    assert_eq!(caller(false, "Remote-Party-ID: <tel:13800138000>"), named("1001", "A", None));
    for wish in [
        format!("{asserted}\r\nPrivacy: id"),
        "Remote-Party-ID: <tel:13800138000>;privacy=full".to_owned(),
    ] {
        let (number, name, _) = caller(false, &wish);
        assert_eq!((number.as_str(), name.as_str()), ("anonymous", ""), "{wish}");
    }
}

#[test]
fn by_what_a_call_is_charged_is_taken_from_a_trusted_trunk_and_only_where_it_can_be_passed_on() {
    let charged = |trusted: bool, more: &str| {
        let mut bench = trusts(trusted);
        let call = bench.request("INVITE", "95105688", more, SDP);
        bench.receive(carrier(), &call);
        let events = bench.events();
        let [Event::Incoming(incoming)] = &events[..] else { panic!("{events:?}") };
        incoming.charging.clone()
    };
    let vector =
        "P-Charging-Vector: icid-value=\"a7 b\";icid-generated-at=192.0.2.9;orig-ioi=home\r\n";
    let places = "P-Charging-Function-Addresses: ccf=192.0.2.50; ecf=192.0.2.51\r\n";
    let of = |addresses: Option<&str>| {
        Some(Charging { icid: "a7 b".into(), addresses: addresses.map(str::to_owned) })
    };
    assert_eq!(charged(true, vector), of(None));
    let both = format!("{vector}{places}");
    assert_eq!(charged(true, &both), of(Some("ccf=192.0.2.50; ecf=192.0.2.51")));
    assert_eq!(charged(false, &both), None);
    assert_eq!(charged(true, places), None);
    let long = format!("P-Charging-Vector: icid-value={}\r\n", "x".repeat(129));
    for bad in ["icid-value=\"a\\\"b\"", "icid-value=\"\"", "icid=1"] {
        assert_eq!(charged(true, &format!("P-Charging-Vector: {bad}\r\n")), None, "{bad:?}");
    }
    assert_eq!(charged(true, &long), None);
}

#[test]
fn a_withheld_number_is_in_no_line_for_a_trunk_that_is_not_trusted() {
    for trusted in [false, true] {
        let mut bench = Bench::new();
        let mut plan = plan();
        plan.trunks[0].trusted = trusted;
        plan.trunks[0].caller_rule = CallerRule::Withheld;
        bench.core.set_plan(bench.now(), &plan);
        let Command::Invite(mut call) = invite(901) else { panic!("an INVITE") };
        call.from_name = "Li".into();
        call.headers = vec![
            ("Diversion".into(), "<sip:95105688@h>;reason=user-busy".into()),
            ("History-Info".into(), "<sip:95105688@h>;index=1".into()),
            ("X-Call".into(), "7".into()),
        ];
        bench.command(Command::Invite(call));
        let sent = bench.one();
        let from = sent.header("From");
        assert!(from.starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="), "{from}");
        assert_eq!(sent.header("Privacy"), if trusted { "id;history" } else { "id" });
        let before = "Diversion: <sip:95105688@h>;reason=user-busy;privacy=full\r\n";
        assert_eq!(sent.has(before), trusted, "{}", sent.text);
        assert!(sent.has("X-Call: 7\r\n"));
        assert_eq!(sent.has("P-Asserted-Identity: <sip:95105688@192.0.2.1:5060>\r\n"), trusted);
        assert_eq!(sent.has("95105688"), trusted, "{}", sent.text);
        bench.receive(carrier(), sent.answer("180 Ringing", "t", "", ""));
        bench.command(Command::Hangup { leg: LegId(901), cause: 16 });
        assert!(!bench.one().has("95105688"), "nor in what follows");
    }
}

#[test]
fn what_gateways_said_before_there_was_a_standard_is_who_calls_where_nothing_else_is() {
    for (more, caller) in [
        (
            "Remote-Party-ID: \"Li\" <sip:+8613800138000@gw>;party=calling;privacy=off",
            "+8613800138000",
        ),
        ("Remote-Party-ID: <tel:13800138000>", "+8613800138000"),
        ("Remote-Party-ID: <sip:13800138000@gw>;party=calling;privacy=full", "anonymous"),
        ("Remote-Party-ID: <sip:13800138000@gw>;party=called", "1001"),
        ("Remote-Party-ID: <sip:110@gw>\r\nP-Asserted-Identity: <tel:120>", "120"),
    ] {
        assert_eq!(heard("95105688", &format!("{more}\r\n")).1, caller, "{more}");
    }
}

#[test]
fn a_description_that_came_before_the_answer_alone_is_that_of_its_sender() {
    let contact = "Contact: <sip:x@203.0.113.5>\r\n";
    for (tag, answered) in [("t", true), ("other", false)] {
        let mut bench = Bench::new();
        bench.command(invite(901));
        let sent = bench.one();
        bench.receive(carrier(), sent.answer("183 Session Progress", "t", contact, SDP));
        bench.receive(carrier(), sent.answer("200 OK", tag, contact, ""));
        let last = bench.events().pop().expect("it was answered");
        match last {
            Event::Answered { sdp, .. } => assert!(answered && sdp == SDP, "{tag}"),
            other => {
                let refused = Event::Failed { leg: LegId(901), status: 488, cause: 88 };
                assert!(!answered && other == refused, "{tag}: {other:?}");
            }
        }
    }
}

#[test]
fn a_trunk_whose_plan_is_another_forgets_the_way() {
    let mut bench = line();
    let (_, register) = bench.pass(Duration::from_millis(1)).remove(0);
    let route = "Service-Route: <sip:s1.ims.example;lr>\r\n";
    bench.receive(carrier(), register.answer("200 OK", "t", route, ""));
    let mut plan = plan();
    plan.trunks[0].calls_max = 7;
    bench.core.set_plan(bench.now(), &plan);
    let trunk = bench.core.trunks.get((TENANT, TrunkId(1))).expect("it is there");
    assert!(trunk.registrations.routes(None).is_empty());
}

#[test]
fn a_gateway_says_what_kind_of_line_a_call_comes_from() {
    for (more, expected) in [
        ("", None),
        ("P-Asserted-Identity: <tel:+8613800138000;cpc=payphone>", Some(Category::Payphone)),
        ("P-Asserted-Identity: <sip:+86138;cpc=Operator@gw;user=phone>", Some(Category::Operator)),
        ("P-Asserted-Identity: <sip:+86138@gw;cpc=mobile-vplmn>", Some(Category::MobileVplmn)),
        ("P-Asserted-Identity: <sip:+86138@gw>;cpc=test", Some(Category::Test)),
        ("P-Asserted-Identity: <tel:+8613800138000;cpc=pay%00>", Some(Category::Unknown)),
        ("P-Asserted-Identity: <tel:+8613800138000>", None),
    ] {
        let mut bench = trusts(true);
        let call = bench.request("INVITE", "95105688", format!("{more}\r\n").trim_start(), SDP);
        bench.receive(carrier(), &call);
        let events = bench.events();
        let [Event::Incoming(incoming)] = &events[..] else { panic!("{events:?}") };
        assert_eq!(incoming.category, expected, "{more}");
    }
}
