//! Trunks that connect to us over TLS and are known by their certificate alone.

use super::*;
use crate::sip::shown::ByCertificate;
use crate::sip::trunk::TrunkKey;
use terms::TrunkId;
use terms::routing::InboundDigest;

const KEY: TrunkKey = (TENANT, TrunkId(1));
const TLS: u16 = 2;
/// An address that no plan names.
const ELSEWHERE: &str = "198.51.100.44:40111";

fn known_by_certificate() -> Plan {
    let mut plan = plan();
    let trunk = &mut plan.trunks[0];
    trunk.sources = Vec::new();
    trunk.certificate_names = vec!["sbc.carrier.example".into()];
    plan
}

fn bench(plan: &Plan) -> Bench {
    let mut bench = Bench::with(browsers::listen);
    bench.core.set_plan(bench.now(), plan);
    bench
}

/// Somebody connects and shows this.
fn shows(bench: &mut Bench, connection: u64, from: &str, shown: Result<Vec<TrunkKey>, String>) {
    bench.core.handle_certificate(TLS, ConnectionId(connection), peer(from), shown);
}

/// An INVITE over a connection; true where it is a call of the trunk, false where it has to prove more.
fn calls(bench: &mut Bench, connection: u64, from: &str) -> bool {
    let call = bench.request("INVITE", "95105688", "", SDP);
    let call = call.replace("SIP/2.0/UDP 198.51.100.7:5060", &format!("SIP/2.0/TLS {from}"));
    let now = bench.now();
    bench.core.handle_stream(now, TLS, ConnectionId(connection), peer(from), call.as_bytes());
    let incoming = bench.events().iter().any(|event| matches!(event, Event::Incoming(_)));
    let challenged = bench.sent().iter().any(|sent| sent.start().contains("401"));
    assert_ne!(incoming, challenged, "one or the other");
    incoming
}

#[test]
fn who_shows_the_certificate_of_a_trunk_is_it_from_wherever_they_come() {
    let plan = known_by_certificate();
    let mut bench = bench(&plan);
    let (names, ca) = (vec!["sbc.carrier.example".to_owned()], String::new());
    let wanted = [ByCertificate { trunk: KEY, names, ca }];
    assert_eq!(bench.core.trunks_by_certificate(TENANT), wanted);
    shows(&mut bench, 7, ELSEWHERE, Ok(vec![KEY]));
    assert!(calls(&mut bench, 7, ELSEWHERE));
    assert_eq!(bench.counter("trunk_certificates_shown"), 1);
    assert!(!calls(&mut bench, 8, ELSEWHERE), "another connection has shown nothing");
}

#[test]
fn a_certificate_that_is_nobodys_is_counted_and_makes_no_trunk() {
    let mut bench = bench(&known_by_certificate());
    shows(&mut bench, 7, ELSEWHERE, Err("no trunk lists a name of it".into()));
    assert!(!calls(&mut bench, 7, ELSEWHERE));
    assert_eq!(bench.counter("trunk_certificates_refused"), 1);
}

#[test]
fn a_trunk_that_is_known_by_its_certificate_is_not_known_by_its_address() {
    let mut plan = known_by_certificate();
    plan.trunks[0].sources = vec!["203.0.113.0/24".into()];
    let mut bench = bench(&plan);
    let invite = bench.request("INVITE", "95105688", "", SDP);
    bench.receive(carrier(), invite);
    assert!(bench.one().start().contains("401"), "a datagram shows nothing");
    assert!(!calls(&mut bench, 7, "203.0.113.5:40111"));
    shows(&mut bench, 8, ELSEWHERE, Ok(vec![KEY]));
    assert!(!calls(&mut bench, 8, ELSEWHERE), "it has to come from there as well");
    shows(&mut bench, 9, "203.0.113.5:40112", Ok(vec![KEY]));
    assert!(calls(&mut bench, 9, "203.0.113.5:40112"));
}

#[test]
fn a_password_without_the_certificate_is_not_enough() {
    let mut plan = known_by_certificate();
    let parts: [&[u8]; 3] = [b"gw", plan.realm.as_bytes(), b"secret"];
    let (ha1_md5, ha1_sha256) = (Algorithm::Md5.hash(&parts), Algorithm::Sha256.hash(&parts));
    plan.trunks[0].inbound_digest = Some(InboundDigest { user: "gw".into(), ha1_md5, ha1_sha256 });
    let mut bench = bench(&plan);
    shows(&mut bench, 8, ELSEWHERE, Ok(vec![KEY]));
    for (connection, taken) in [(7, false), (8, true)] {
        let plain = bench.request("INVITE", "95105688", "", SDP);
        let plain =
            plain.replace("SIP/2.0/UDP 198.51.100.7:5060", &format!("SIP/2.0/TLS {ELSEWHERE}"));
        let (now, id) = (bench.now(), ConnectionId(connection));
        bench.core.handle_stream(now, TLS, id, peer(ELSEWHERE), plain.as_bytes());
        let challenge = bench.one();
        let again = authorize_as(&challenge, &plain, "INVITE", ("gw", "secret"), 1);
        bench.core.handle_stream(now, TLS, id, peer(ELSEWHERE), again.as_bytes());
        let incoming = bench.events().iter().any(|event| matches!(event, Event::Incoming(_)));
        assert_eq!(incoming, taken, "{connection}");
        bench.sent();
    }
}

#[test]
fn what_was_shown_ends_with_the_name_that_it_was_shown_for() {
    let mut plan = known_by_certificate();
    let mut bench = bench(&plan);
    shows(&mut bench, 7, ELSEWHERE, Ok(vec![KEY]));
    bench.core.set_plan(bench.now(), &plan);
    assert!(bench.sent().is_empty(), "nothing has changed for it");
    plan.trunks[0].certificate_names = vec!["other.example".into()];
    bench.core.set_plan(bench.now(), &plan);
    let closed = bench.one();
    assert!(closed.close && closed.connection == Some(ConnectionId(7)));
    assert!(!calls(&mut bench, 7, ELSEWHERE), "what was under way counts no more");
    shows(&mut bench, 8, ELSEWHERE, Ok(vec![(TENANT, TrunkId(2))]));
    assert!(!calls(&mut bench, 8, ELSEWHERE), "there is no such trunk any more");
}
