//! Trunks that we call over TLS: which way a request goes, what is said over it, and what becomes of
//! those who waited for a connection.

use super::*;
use crate::kept::Change;
use crate::sip::flow::Transmit;
use crate::sip::servers::{Named, Secured, Server};
use crate::sip::trunk::TrunkKey;
use crate::sip::user_agent::{Destination, Invite};
use terms::TrunkId;
use terms::control::{LineFault, LineProblem, TrunkFault};

const LEG: LegId = LegId(900);
const KEY: TrunkKey = (TENANT, TrunkId(1));
const TLS: u16 = 2;
/// Where the name of the trunk leads to.
const REACHED: &str = "203.0.113.77:5061";

fn secured() -> Plan {
    let mut plan = plan();
    let trunk = &mut plan.trunks[0];
    trunk.proxy = "sip:carrier.example.com;transport=tls".into();
    trunk.sources = Vec::new();
    trunk.ca = "a text".into();
    plan
}

fn bench() -> Bench {
    let mut bench = Bench::with(|config| {
        browsers::listen(config);
        config.keeps = true;
    });
    bench.core.set_plan(bench.now(), &secured());
    bench
}

fn invite(leg: u64) -> Command {
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

fn next(bench: &mut Bench) -> (Transmit, String) {
    let transmit = bench.core.poll_transmit().expect("something is sent");
    let text = String::from_utf8_lossy(&transmit.bytes).into_owned();
    (transmit, text)
}

fn as_sent(transmit: &Transmit, text: &str) -> Sent {
    Sent {
        to: transmit.hop.host.clone(),
        connection: transmit.hop.connection,
        transaction: transmit.transaction,
        close: transmit.close,
        text: text.to_owned(),
    }
}

fn connected(bench: &mut Bench, connection: u64, waiting: &[u64]) {
    let (now, id) = (bench.now(), ConnectionId(connection));
    bench.core.handle_dialled(now, TLS, id, peer(REACHED), KEY, waiting);
}

fn says(bench: &mut Bench, connection: u64, text: &str) {
    let (now, id) = (bench.now(), ConnectionId(connection));
    bench.core.handle_stream(now, TLS, id, peer(REACHED), text.as_bytes());
}

const CONTACT: &str = "Contact: <sip:x@203.0.113.77:5061;transport=tls>\r\n";

/// A call out over connection 5, answered.
fn talking(bench: &mut Bench) {
    bench.command(invite(900));
    let (transmit, text) = next(bench);
    connected(bench, 5, &[transmit.transaction.expect("a transaction")]);
    let answer = as_sent(&transmit, &text).answer("200 OK", "t", CONTACT, SDP);
    says(bench, 5, &answer);
    let answered = matches!(bench.events()[..], [Event::Answered { encrypted: true, .. }]);
    assert!(answered, "the keys in the description were nobody else's");
}

#[test]
fn a_call_to_a_secured_trunk_goes_over_tls_and_in_no_other_way() {
    let mut bench = bench();
    let targets = bench.core.secured_trunks(TENANT);
    let name = Host::Name("carrier.example.com".into(), 5061);
    let (host, ca) = (name.clone(), "a text".to_owned());
    assert_eq!(targets, [Secured { trunk: KEY, host, ca, certificate: None }]);
    bench.command(invite(900));
    let (transmit, text) = next(&mut bench);
    assert_eq!((transmit.hop.transport, transmit.hop.trunk), (Transport::Tls, Some(KEY)));
    assert_eq!((&transmit.hop.host, transmit.hop.connection), (&name, None));
    assert!(text.contains("Via: SIP/2.0/TLS 192.0.2.1:5061;branch="), "{text}");
    assert!(text.contains("Contact: <sip:switchgrid@192.0.2.1:5061;transport=tls>\r\n"), "{text}");
    bench.pass(Duration::from_secs(5));
    assert!(bench.sent().is_empty(), "nothing is repeated on a stream");
}

#[test]
fn what_follows_goes_over_the_connection_that_is_open_and_over_a_new_one_after_a_kill() {
    let mut bench = bench();
    talking(&mut bench);
    let (ack, text) = next(&mut bench);
    assert!(text.starts_with("ACK ") && text.contains("Via: SIP/2.0/TLS "), "{text}");
    assert_eq!((ack.hop.connection, ack.hop.trunk), (Some(ConnectionId(5)), Some(KEY)));
    bench.command(invite(901));
    assert_eq!(next(&mut bench).0.hop.connection, Some(ConnectionId(5)), "it is used again");

    let kept: Vec<Change> =
        bench.core.take_changes().into_iter().filter(|change| change.value.is_some()).collect();
    let mut after = self::bench();
    let now = after.now();
    after.core.restore(now, &kept);
    after.sent();
    after.command(Command::Hangup { leg: LEG, cause: 16 });
    let (bye, text) = next(&mut after);
    assert!(text.starts_with("BYE "), "{text}");
    assert_eq!((bye.hop.transport, bye.hop.connection), (Transport::Tls, None));
    assert_eq!(bye.hop.trunk, Some(KEY), "so that the same certificate is asked for");
}

#[test]
fn a_call_that_waits_for_a_connection_fails_when_there_is_none_and_the_trunk_says_why() {
    let mut bench = bench();
    bench.command(invite(900));
    let id = next(&mut bench).0.transaction.expect("a transaction");
    let fault = LineFault::CertificateName;
    let problem = LineProblem { fault, detail: "it is for another".into() };
    let now = bench.now();
    bench.core.handle_not_dialled(now, (KEY, None), problem.clone());
    bench.core.handle_unsent(now, id);
    let failed = Event::Failed { leg: LEG, status: 503, cause: 41 };
    let trunk = TrunkId(1);
    let down = |down| Event::Trunk { tenant: TENANT, trunk, down, rests: false };
    assert_eq!(bench.events(), [down(true), failed]);
    let live = bench.core.live_trunks(TENANT);
    assert_eq!((live[0].trunk, live[0].problem.clone()), (TrunkId(1), Some(problem)));
    assert_eq!(live[0].down.map(|down| down.fault), Some(TrunkFault::Line));
    connected(&mut bench, 6, &[]);
    let live = bench.core.live_trunks(TENANT);
    assert_eq!((live[0].problem.clone(), live[0].down), (None, None));
    assert_eq!(bench.events(), [down(false)]);
}

#[test]
fn a_call_fails_with_the_connection_that_it_waits_on() {
    let mut bench = bench();
    bench.command(invite(900));
    let id = next(&mut bench).0.transaction.expect("a transaction");
    connected(&mut bench, 5, &[id]);
    let now = bench.now();
    bench.core.handle_closed(now, ConnectionId(5));
    assert_eq!(bench.events(), [Event::Failed { leg: LEG, status: 503, cause: 41 }]);
    bench.command(invite(901));
    assert_eq!(next(&mut bench).0.hop.connection, None, "the next one waits for a new one");
}

#[test]
fn who_calls_over_our_connection_is_the_trunk_and_nobody_else_is() {
    let mut bench = bench();
    connected(&mut bench, 5, &[]);
    let call = bench.request("INVITE", "95105688", "", SDP);
    let call = call.replace("SIP/2.0/UDP 198.51.100.7:5060", &format!("SIP/2.0/TLS {REACHED}"));
    says(&mut bench, 5, &call);
    match &bench.events()[..] {
        [Event::Incoming(incoming)] => assert!(incoming.encrypted && incoming.tenant == TENANT),
        other => panic!("{other:?}"),
    }
    bench.sent();
    let stranger = call.replace("z9hG4bKt", "z9hG4bKs");
    let now = bench.now();
    bench.core.handle_stream(now, TLS, ConnectionId(6), peer(REACHED), stranger.as_bytes());
    assert!(bench.one().start().contains("401"), "it connected to us, and has shown nothing");
    assert!(bench.events().is_empty());
}

#[test]
fn a_registration_is_made_again_when_its_connection_is_gone() {
    let mut bench = bench();
    let mut plan = secured();
    plan.trunks[0].register = true;
    plan.trunks[0].outbound =
        Some(Credential { user: "gw".into(), password: "p".into(), realm: String::new() });
    bench.core.set_plan(bench.now(), &plan);
    let now = bench.now();
    bench.core.handle_timeout(now);
    let (register, text) = next(&mut bench);
    assert!(text.starts_with("REGISTER ") && register.hop.trunk == Some(KEY), "{text}");
    connected(&mut bench, 5, &[register.transaction.expect("a transaction")]);
    let contact = "Contact: <sip:switchgrid@192.0.2.1:5061;transport=tls>;expires=600\r\n";
    says(&mut bench, 5, &as_sent(&register, &text).answer("200 OK", "t", contact, ""));
    assert_eq!(bench.core.live_trunks(TENANT)[0].registered, Some(true));
    let now = bench.now();
    bench.core.handle_closed(now, ConnectionId(5));
    assert_eq!(bench.core.live_trunks(TENANT)[0].registered, Some(false));
    let again = bench.pass(Duration::from_secs(6));
    assert_eq!(again.len(), 1, "after a pause");
    assert!(again[0].1.start().starts_with("REGISTER ") && again[0].1.connection.is_none());
}

#[test]
fn a_trunk_that_refuses_our_certificate_says_so_until_it_speaks() {
    let mut bench = bench();
    bench.command(invite(900));
    let id = next(&mut bench).0.transaction.expect("a transaction");
    connected(&mut bench, 5, &[id]);
    assert_eq!(bench.core.live_trunks(TENANT)[0].down, None, "the handshake is over for us");
    let refused = || LineProblem { fault: LineFault::OwnCertificate, detail: "unknown CA".into() };
    let now = bench.now();
    bench.core.handle_not_dialled(now, (KEY, None), refused());
    bench.core.handle_closed(now, ConnectionId(5));
    let faults = |bench: &Bench| {
        let live = bench.core.live_trunks(TENANT).remove(0);
        (live.problem.map(|problem| problem.fault), live.down.map(|down| down.fault))
    };
    let as_it_is = (Some(LineFault::OwnCertificate), Some(TrunkFault::Line));
    assert_eq!(faults(&bench), as_it_is);
    connected(&mut bench, 6, &[]);
    assert_eq!(faults(&bench), as_it_is, "it may refuse us again");
    says(&mut bench, 6, "\r\n");
    assert_eq!(faults(&bench), (None, None), "it talks with us");
}

/// The servers of a trunk that is registered at each of them over TLS.
const FIRST: &str = "203.0.113.77:5061";
const SECOND: &str = "203.0.113.78:5061";

/// The REGISTER to each of them, with the connection that it was written to.
fn registered_at_each() -> (Bench, Vec<(Transmit, String)>) {
    let mut bench = bench();
    let mut plan = secured();
    let trunk = &mut plan.trunks[0];
    (trunk.register, trunk.register_each) = (true, true);
    trunk.outbound =
        Some(Credential { user: "gw".into(), password: "p".into(), realm: String::new() });
    bench.core.set_plan(bench.now(), &plan);
    let name = "carrier.example.com".to_owned();
    let named = Named { name, port: None, transport: Some(Transport::Tls) };
    assert_eq!(bench.core.named_trunks(TENANT), [(KEY, named)]);
    assert!(bench.pass(Duration::from_secs(1)).is_empty(), "its servers are not known yet");
    let server = |address, priority| Server {
        address: peer(address),
        transport: Transport::Tls,
        priority,
        weight: 0,
    };
    let now = bench.now();
    bench.core.handle_located(now, KEY, vec![server(SECOND, 20), server(FIRST, 10)]);
    bench.core.handle_timeout(now);
    let registers = vec![next(&mut bench), next(&mut bench)];
    assert!(bench.core.poll_transmit().is_none());
    (bench, registers)
}

#[test]
fn over_tls_each_server_has_a_connection_and_a_registration_of_its_own() {
    let (mut bench, registers) = registered_at_each();
    for (n, (register, text)) in registers.iter().enumerate() {
        let at = [FIRST, SECOND][n];
        assert_eq!(register.hop.host, Host::Address(peer(at)));
        assert!(text.starts_with("REGISTER sip:carrier.example.com "), "{text}");
        let (now, id) = (bench.now(), ConnectionId(5 + n as u64));
        let waiting = [register.transaction.expect("a transaction")];
        bench.core.handle_dialled(now, TLS, id, peer(at), KEY, &waiting);
        let contact = "Contact: <sip:switchgrid@192.0.2.1:5061;transport=tls>;expires=600\r\n";
        let granted = as_sent(register, text).answer("200 OK", "t", contact, "");
        bench.core.handle_stream(now, TLS, id, peer(at), granted.as_bytes());
    }
    assert_eq!(bench.core.live_trunks(TENANT)[0].registered, Some(true));
    bench.command(invite(900));
    let first = next(&mut bench).0;
    assert_eq!(first.hop.connection, Some(ConnectionId(5)), "the lowest priority");

    let now = bench.now();
    bench.core.handle_closed(now, ConnectionId(5));
    let after: Vec<Sent> = bench.sent();
    let moved = after.iter().find(|sent| sent.start().starts_with("INVITE "));
    let moved = moved.expect("the call goes to the other server");
    assert_eq!(moved.connection, Some(ConnectionId(6)));
    let live = bench.core.live_trunks(TENANT).remove(0);
    assert_eq!((live.registered, live.down), (Some(true), None), "one that counts is enough");
    let again = bench.pass(Duration::from_secs(6));
    let again: Vec<&Sent> = again.iter().map(|(_, sent)| sent).collect();
    let asked = again.iter().filter(|sent| sent.start().starts_with("REGISTER "));
    let to: Vec<&Host> = asked.map(|sent| &sent.to).collect();
    assert_eq!(to, [&Host::Address(peer(FIRST))], "the lost one alone is made again");
}

#[test]
fn a_server_over_tls_that_cannot_be_reached_is_passed_over_while_another_is_there() {
    let (mut bench, _) = registered_at_each();
    let fault = LineFault::Unreachable;
    let problem = || LineProblem { fault, detail: "refused".into() };
    let now = bench.now();
    bench.core.handle_not_dialled(now, (KEY, Some(peer(FIRST))), problem());
    let down = |bench: &Bench| bench.core.live_trunks(TENANT)[0].down.map(|down| down.fault);
    assert_eq!(down(&bench), None);
    bench.command(invite(900));
    assert_eq!(next(&mut bench).0.hop.host, Host::Address(peer(SECOND)));
    bench.core.handle_not_dialled(now, (KEY, Some(peer(SECOND))), problem());
    assert_eq!(down(&bench), Some(TrunkFault::Line), "none of them is there");
}
