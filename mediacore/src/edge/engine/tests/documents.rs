//! Two legs of one engine fax each other a document over real sockets.

use super::*;
use crate::edge::fax;
use crate::edge::fax::tests::{document, pages, pixels, threads};
use terms::FaxId;
use terms::media::{FaxOrder, FaxOutcome, FaxRemote, FaxTerms, FaxWay};

/// Half a minute of sound, and time for a loaded machine.
const FAX_MAX: Duration = Duration::from_secs(120);

#[test]
fn a_document_goes_from_leg_to_leg_pixel_by_pixel() {
    goes_over(None);
}

#[test]
fn a_document_goes_from_leg_to_leg_as_packets_pixel_by_pixel() {
    goes_over(Some(FaxTerms { bit_rate_max: 14_400, datagram_bytes_max: 400, repeats: true }));
}

/// In sound, or by packets once both have begun.
fn goes_over(packets: Option<FaxTerms>) {
    on_both(|backend| {
        let dir = tempfile::tempdir().unwrap();
        let documents = fax::documents(dir.path(), TenantId(1));
        std::fs::create_dir_all(&documents).unwrap();
        std::fs::write(documents.join("news.tif"), document()).unwrap();
        let (tell, events) = mpsc::channel();
        let machines =
            fax::Config { launch: threads(), folder: dir.path().to_owned(), faxes_max: 2 };
        let config = EngineConfig {
            backend,
            buffers: 1_024,
            fax: Some(machines),
            ..EngineConfig::default()
        };
        let engine = Engine::start(config, move |shard, event| {
            let _ = tell.send((shard, event));
        })
        .expect("loopback is always there");
        let mut server = Server { engine, events, early: Vec::new(), certificate: NO_CERTIFICATE };
        let doors = [server.open(1, 5), server.open(2, 5)];
        for (leg, other) in [(1, doors[1]), (2, doors[0])] {
            let remote = Remote::at(other, Payloads::of(Codec::Pcma));
            server.send(Command::Connect { leg: LegId(leg), remote: Box::new(remote) });
        }
        let order = |fax: u64, way| FaxOrder {
            fax: FaxId(fax),
            tenant: TenantId(1),
            way,
            station: format!("+86 10 {fax}"),
            ecm: true,
        };
        let send = FaxWay::Send { document: "news".into() };
        server.send(Command::FaxStart { leg: LegId(2), order: order(22, FaxWay::Receive) });
        server.send(Command::FaxStart { leg: LegId(1), order: order(11, send) });
        for (leg, udptl) in [(1, doors[1]), (2, doors[0])].into_iter().filter(|_| packets.is_some())
        {
            let (leg, signalling) = (LegId(leg), udptl.ip());
            let remote = FaxRemote { udptl, nat: false, signalling, machine: packets };
            server.send(Command::Fax { leg, remote });
        }
        let outcomes = [outcome(&server, 1), outcome(&server, 2)];
        let mut outcomes = outcomes.into_iter().collect::<Vec<_>>();
        outcomes.sort_by_key(|outcome| outcome.fax);
        for outcome in &outcomes {
            assert!(outcome.complete, "{outcome:?}");
            assert_eq!((outcome.pages, outcome.ecm, outcome.bit_rate), (3, true, 14_400));
        }
        let [sent, received] = &outcomes[..] else { panic!("two ends") };
        assert_eq!((&*sent.station, &*received.station), ("+86 10 22", "+86 10 11"));
        assert_eq!((sent.path.as_deref(), received.path.as_deref()), (None, Some("1/22.tif")));
        let file = dir.path().join("1/22.tif");
        assert_eq!(std::fs::metadata(&file).unwrap().len(), received.bytes);
        assert_eq!(pixels(&file), pages());
        server.release(&[1, 2]);
    });
}

/// How the next fax ended; both end at nearly the same time, in either order.
fn outcome(server: &Server, number: u8) -> FaxOutcome {
    let end = Instant::now() + FAX_MAX;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let (_, event) = server.events.recv_timeout(left).expect("every fax has an end");
        match event {
            Event::FaxDone { outcome, .. } => return outcome,
            other => eprintln!("before end {number}: {other:?}"),
        }
    }
}
