//! Trunks: limits, inbound passwords, outbound credentials and registration.

use super::*;
use crate::sip::user_agent::{Destination, Invite};
use terms::TrunkId;
use terms::routing::InboundDigest;

pub(super) fn invite(leg: u64) -> Command {
    Command::Invite(Box::new(Invite {
        leg: LegId(leg),
        to: Destination::Trunk(TENANT, TrunkId(1), "13900139000".into()),
        from_user: "95105688".into(),
        from_name: String::new(),
        sdp: SDP.into(),
        elsewhere: Vec::new(),
        browser: false,
        other_way: false,
        not_at: None,
        at_desk: false,
        category: None,
        headers: Vec::new(),
    }))
}

pub(super) fn with_credentials(realm: &str) -> Bench {
    let mut bench = Bench::new();
    let mut plan = plan();
    plan.trunks[0].outbound =
        Some(Credential { user: "gw".into(), password: "hunter2".into(), realm: realm.into() });
    bench.core.set_plan(bench.now(), &plan);
    bench
}

pub(super) const CHALLENGE: &str =
    "Proxy-Authenticate: Digest realm=\"carrier\",nonce=\"abc\",qop=\"auth\"\r\n";

#[test]
fn a_trunk_over_its_limits_gets_503_and_calls_give_their_place_back() {
    let mut bench = Bench::new();
    let mut plan = plan();
    plan.trunks[0].calls_max = 1;
    bench.core.set_plan(bench.now(), &plan);
    let call = bench.call();
    let second = bench.request("INVITE", "95105688", "", SDP);
    bench.receive(carrier(), second);
    let refused = bench.one();
    assert!(refused.start().contains("503") && refused.has("Retry-After: 5\r\n"));
    bench.command(invite(901));
    let failed = Event::Failed { leg: LegId(901), status: 503, cause: 42 };
    assert_eq!(bench.events(), [failed]);
    bench.command(Command::Reject {
        leg: call.leg,
        status: 486,
        cause: 17,
        retry_after_s: None,
        warning: None,
    });
    bench.sent();
    bench.ms += 1000;
    bench.command(invite(902));
    assert!(bench.one().start().starts_with("INVITE "));
}

#[test]
fn a_trunk_with_an_inbound_password_has_to_say_it() {
    let mut bench = Bench::new();
    let mut plan = plan();
    let parts: [&[u8]; 3] = [b"1001", b"switchgrid", b"other"];
    plan.agents.clear();
    plan.trunks[0].inbound_digest = Some(InboundDigest {
        user: "1001".into(),
        ha1_md5: Algorithm::Md5.hash(&parts),
        ha1_sha256: Algorithm::Sha256.hash(&parts),
    });
    bench.core.set_plan(bench.now(), &plan);
    let call = bench.request("INVITE", "95105688", "", SDP);
    bench.receive(carrier(), &call);
    let challenge = bench.one();
    let good = authorize(&challenge, &call, "INVITE", "other", 1);
    bench.receive(phone(), good.replace("z9hG4bKa", "z9hG4bKb"));
    assert!(bench.one().start().contains("401"), "the password counts from its own network only");
    let challenge = {
        let again = call.replace("z9hG4bKt", "z9hG4bKc");
        bench.receive(carrier(), again);
        bench.one()
    };
    bench.receive(carrier(), authorize(&challenge, &call, "INVITE", "other", 1));
    assert!(matches!(bench.events()[..], [Event::Incoming(_)]));
}

#[test]
fn our_call_answers_its_trunks_challenge_once() {
    let mut bench = with_credentials("");
    bench.command(invite(901));
    let first = bench.one();
    assert!(first.header("From").contains("sip:95105688@203.0.113.5:5060"));
    bench.receive(carrier(), first.answer("407 Proof", "t", CHALLENGE, ""));
    let sent = bench.sent();
    assert!(sent[0].start().starts_with("ACK "));
    let second = &sent[1];
    assert!(second.start().starts_with("INVITE ") && second.has("CSeq: 2 INVITE"));
    let proof = second.header("Proxy-Authorization");
    assert!(proof.contains("username=\"gw\"") && !proof.contains("hunter2"));
    assert_ne!(second.header("Via"), first.header("Via"));
    assert_eq!(second.header("Call-ID"), first.header("Call-ID"));
    bench.pass(Duration::from_secs(33));
    bench.receive(carrier(), second.answer("407 Again", "t", CHALLENGE, ""));
    assert!(bench.events().iter().all(|event| matches!(event, Event::Failed { .. })));
}

#[test]
fn a_challenged_call_goes_on_after_the_refused_try_is_over() {
    let mut bench = with_credentials("carrier");
    bench.command(invite(901));
    let first = bench.one();
    bench.receive(carrier(), first.answer("407 Proof", "t", CHALLENGE, ""));
    let second = bench.sent().remove(1);
    bench.receive(carrier(), second.answer("180 Ringing", "t", "", ""));
    bench.pass(Duration::from_secs(40));
    let contact = "Contact: <sip:x@203.0.113.5>\r\n";
    bench.receive(carrier(), second.answer("200 OK", "t", contact, SDP));
    assert!(matches!(
        bench.events()[..],
        [Event::Progress { .. }, Event::Answered { leg: LegId(901), .. }]
    ));
}

#[test]
fn another_realm_never_sees_our_password() {
    let mut bench = with_credentials("carrier");
    bench.command(invite(901));
    let first = bench.one();
    let evil = CHALLENGE.replace("carrier", "evil");
    bench.receive(carrier(), first.answer("407 Proof", "t", &evil, ""));
    assert!(bench.one().start().starts_with("ACK "));
    assert_eq!(bench.events(), [Event::Failed { leg: LegId(901), status: 407, cause: 21 }]);
}

#[test]
fn a_bye_that_its_trunk_asks_about_is_said_once_more_with_credentials() {
    for (realm, at) in
        [("carrier", "203.0.113.5"), ("evil", "203.0.113.5"), ("carrier", "198.51.100.9")]
    {
        let mut bench = with_credentials("carrier");
        bench.command(invite(901));
        let contact = format!("Contact: <sip:x@{at}>\r\n");
        let answer = bench.one().answer("200 OK", "t", &contact, SDP);
        bench.receive(carrier(), answer);
        assert!(bench.one().start().starts_with("ACK "));
        bench.events();
        bench.command(Command::Hangup { leg: LegId(901), cause: 16 });
        let bye = bench.one();
        let challenge = CHALLENGE.replace("carrier", realm);
        assert_eq!(bye.to, Host::Address(peer(&format!("{at}:5060"))));
        bench.receive(carrier(), bye.answer("407 Proof", "", &challenge, ""));
        if (realm, at) != ("carrier", "203.0.113.5") {
            assert!(bench.sent().is_empty(), "another realm gets nothing, nor does a callee");
            continue;
        }
        let again = bench.one();
        assert_eq!(again.start(), bye.start());
        assert_eq!([bye.header("CSeq"), again.header("CSeq")], ["2 BYE", "3 BYE"]);
        for same in ["Call-ID", "From", "To", "Reason"] {
            assert_eq!(again.header(same), bye.header(same));
        }
        assert_ne!(again.header("Via"), bye.header("Via"));
        let proof = again.header("Proxy-Authorization");
        assert!(proof.contains("username=\"gw\"") && proof.contains("uri=\"sip:x@203.0.113.5\""));
        assert!(!bye.has("Proxy-Authorization") && !proof.contains("hunter2"));
        bench.receive(carrier(), again.answer("407 Proof", "", &challenge, ""));
        assert!(bench.sent().is_empty(), "once");
        assert!(bench.pass(Duration::from_secs(60)).is_empty());
    }
}

#[test]
fn a_challenged_bye_of_who_called_gets_no_credentials() {
    let mut bench = with_credentials("carrier");
    let call = bench.talk();
    bench.command(Command::Hangup { leg: call.leg, cause: 16 });
    let bye = bench.one();
    bench.receive(carrier(), bye.answer("407 Proof", "t", CHALLENGE, ""));
    assert!(bench.sent().is_empty());
    assert!(bench.pass(Duration::from_secs(60)).is_empty());
}

#[test]
fn a_trunk_is_kept_registered() {
    let mut bench = Bench::new();
    let mut plan = plan();
    plan.trunks[0].register = true;
    plan.trunks[0].register_expires_s = 60;
    plan.trunks[0].outbound =
        Some(Credential { user: "gw".into(), password: "p".into(), realm: String::new() });
    bench.core.set_plan(bench.now(), &plan);
    let sent = bench.pass(Duration::from_millis(1));
    let (_, first) = &sent[0];
    assert_eq!(first.start(), "REGISTER sip:203.0.113.5:5060 SIP/2.0");
    assert_eq!(first.header("Expires"), "60");
    let challenge = CHALLENGE.replace("Proxy-Authenticate", "WWW-Authenticate");
    bench.receive(carrier(), first.answer("401 Proof", "t", &challenge, ""));
    let second = bench.one();
    assert!(second.has("Authorization: Digest username=\"gw\"") && second.has("CSeq: 2 REGISTER"));
    bench.receive(carrier(), second.answer("423 Brief", "t", "Min-Expires: 120\r\n", ""));
    let third = bench.one();
    assert_eq!(third.header("Expires"), "120");
    let contact = "Contact: <sip:switchgrid@192.0.2.1:5060>;expires=100\r\n";
    bench.receive(carrier(), third.answer("200 OK", "t", contact, ""));
    assert!(bench.core.trunks.get((TENANT, TrunkId(1))).unwrap().registrations.is_registered());
    assert!(bench.pass(Duration::from_secs(79)).is_empty());
    let again = bench.pass(Duration::from_secs(2));
    assert!(again[0].1.has("CSeq: 4 REGISTER"), "at four fifths of its life");
    bench.receive(carrier(), again[0].1.answer("500 Down", "t", "", ""));
    let (at, retry) = bench.pass(Duration::from_secs(6)).remove(0);
    assert!(retry.start().starts_with("REGISTER ") && at > 0);
}
