//! A machine of ours goes over to T.38: who asks, what is said of it, and who goes on in sound.

use super::*;
use serde_json::{Value, json};
use terms::FaxId;
use terms::media::{Event, FaxOrder, FaxOutcome, FaxTerms};

/// What a gateway of today offers, beside an audio line that is switched off.
const MODERN: &str = "v=0\r\no=- 1 2 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
     m=audio 0 RTP/AVP 8\r\nm=image 4006 udptl t38\r\na=T38FaxVersion:3\r\n\
     a=T38MaxBitRate:33600\r\na=T38FaxFillBitRemoval\r\na=T38FaxTranscodingMMR\r\n\
     a=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxBuffer:1800\r\n\
     a=T38FaxMaxDatagram:250\r\na=T38FaxUdpEC:t38UDPFEC\r\n";

/// A caller whom a flow gives to a machine of ours; they hear `thanks` afterwards.
fn faxing_by(trunk: TrunkT38, config: Config, step: Value) -> (Rig, LegId) {
    let mut plan = demo_plan();
    plan.trunks[0].t38 = trunk;
    let mut fax = json!({"kind": "fax", "next": "well", "on": {"error": "well"}});
    fax.as_object_mut().unwrap().extend(step.as_object().unwrap().clone());
    plan.flows[0].document = json!({"format": 1, "start": "fax", "steps": {
        "fax": fax,
        "well": {"kind": "play", "prompts": ["thanks"], "next": "bye"},
        "bye": {"kind": "hangup"}}});
    let mut rig = Rig::with(plan, config);
    let caller = rig.customer_dials("95105688");
    rig.wait(secs(1));
    assert_eq!(phase(&mut rig), "fax");
    (rig, caller)
}

/// Their machine sends and ours was called; its tone is being heard.
fn answering() -> (Rig, LegId) {
    faxing_by(TrunkT38::Allow, Config::default(), json!({}))
}

/// The same, and we have asked for T.38.
fn receiving() -> (Rig, LegId) {
    let (mut rig, caller) = answering();
    rig.wait(secs(2));
    (rig, caller)
}

/// Ours sends, as one that calls does.
fn sending() -> (Rig, LegId) {
    faxing_by(TrunkT38::Allow, Config::default(), json!({"send": "price-list"}))
}

fn order(rig: &Rig) -> FaxOrder {
    let mut orders = rig.media.iter().filter_map(|command| match command {
        Command::FaxStart { order, .. } => Some(order.clone()),
        _ => None,
    });
    let order = orders.next().expect("a machine has the leg");
    assert_eq!(orders.next(), None, "it is begun once");
    order
}

/// The machine is done.
fn ends(rig: &mut Rig, leg: LegId) -> FaxId {
    let fax = order(rig).fax;
    done(rig, leg, fax);
    fax
}

fn done(rig: &mut Rig, leg: LegId, fax: FaxId) {
    let outcome = FaxOutcome { fax, complete: true, pages: 3, ..FaxOutcome::default() };
    rig.feed(Input::Media(Event::FaxDone { leg, outcome }));
}

/// What media was told of T.38 with a machine.
fn agreed(rig: &Rig) -> Vec<(LegId, SocketAddr, FaxTerms)> {
    let of = |command: &Command| match command {
        Command::Fax { leg, remote } => {
            Some((*leg, remote.udptl, remote.machine.expect("it ends here")))
        }
        _ => None,
    };
    rig.media.iter().filter_map(of).collect()
}

/// The fax of the last description that we have sent, from its `m=` line on.
fn said_of_fax(rig: &Rig) -> String {
    let sdp = rig.sip.iter().rev().find_map(|command| match command {
        Sipc::Reoffer { sdp, .. } | Sipc::AcceptOffer { sdp, .. } => Some(sdp.clone()),
        _ => None,
    });
    let sdp = sdp.expect("we have said something");
    let (_, image) = sdp.split_once("m=image ").unwrap_or_else(|| panic!("no fax: {sdp}"));
    let (port, rest) = image.split_once(' ').expect("a port");
    assert_ne!(port, "0");
    rest.to_owned()
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

const TERMS: FaxTerms = FaxTerms { bit_rate_max: 14_400, datagram_bytes_max: 400, repeats: true };

#[test]
fn a_machine_that_was_called_asks_for_t38_and_goes_back_to_audio_when_it_is_done() {
    let (mut rig, caller) = answering();
    assert_eq!(asked(&rig, 0), [], "its tone comes first: their gateway knows of no fax yet");
    rig.wait(secs(2));
    assert_eq!(asked(&rig, 0), [said(caller, "offer image")]);
    assert_eq!(
        said_of_fax(&rig),
        "udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n\
         a=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxBuffer:2000\r\n\
         a=T38FaxMaxDatagram:640\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
    );
    assert_eq!((agreed(&rig), faxes(&rig)), (Vec::new(), Vec::new()), "it speaks sound meanwhile");
    accepts(&mut rig, caller, t38("192.0.2.7", 4_006));
    assert_eq!(agreed(&rig), [(caller, at("192.0.2.7:4006"), TERMS)]);
    assert_eq!(faxes(&rig), [(Some(caller), "fax started".to_owned())]);
    assert_eq!(phase(&mut rig), "fax");
    let (sip, media) = (rig.sip.len(), rig.media.len());
    ends(&mut rig, caller);
    assert_eq!(asked(&rig, sip), [said(caller, "offer audio")]);
    assert_eq!(faxes(&rig)[1..], [(None, "fax ended".to_owned())]);
    accepts(&mut rig, caller, sdp("sendrecv"));
    assert_eq!(told_media(&rig, media), [(caller, "audio")]);
    assert_eq!(heard(&rig, caller).len(), 1, "the flow goes on");
    rig.wait(secs(20));
    balanced(&mut rig);
    assert_eq!(faxes(&rig).len(), 2);
}

#[test]
fn who_refuses_t38_has_the_fax_in_sound_and_may_ask_for_it_later() {
    for status in [488, 606, 415, 491, 503] {
        let (mut rig, caller) = receiving();
        refuses(&mut rig, caller, status);
        rig.wait(secs(60));
        assert_eq!((phase(&mut rig), agreed(&rig)), ("fax".to_owned(), Vec::new()));
        let sip = rig.sip.len();
        rig.reinvites_with(caller, t38("192.0.2.7", 4_006));
        assert_eq!(asked(&rig, sip), [said(caller, "answer image")]);
        assert_eq!(agreed(&rig), [(caller, at("192.0.2.7:4006"), TERMS)]);
        ends(&mut rig, caller);
        rig.wait(secs(20));
        balanced(&mut rig);
    }
    // Or answers with a fax on no port: it hears us again.
    let (mut rig, caller) = receiving();
    let sip = rig.sip.len();
    accepts(&mut rig, caller, t38("192.0.2.7", 0));
    assert_eq!(asked(&rig, sip), [said(caller, "offer audio")]);
    let media = rig.media.len();
    accepts(&mut rig, caller, sdp("sendrecv"));
    assert_eq!((told_media(&rig, media), faxes(&rig)), (vec![(caller, "audio")], Vec::new()));
    assert_eq!(phase(&mut rig), "fax");
}

#[test]
fn the_gateway_of_who_was_called_asks_and_is_answered_what_our_machine_speaks() {
    let (mut rig, caller) = sending();
    rig.wait(secs(10));
    assert_eq!(asked(&rig, 0), [], "who calls does not ask");
    rig.reinvites_with(caller, MODERN.to_owned());
    assert_eq!(asked(&rig, 0), [said(caller, "answer no audio+image")]);
    assert_eq!(
        said_of_fax(&rig),
        "udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n\
         a=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxBuffer:2000\r\n\
         a=T38FaxMaxDatagram:640\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
    );
    let terms = FaxTerms { datagram_bytes_max: 250, ..TERMS };
    assert_eq!(agreed(&rig), [(caller, at("192.0.2.7:4006"), terms)]);
    assert_eq!(faxes(&rig), [(Some(caller), "fax started".to_owned())]);
    // They hang up as soon as they have the last page; its outcome comes later.
    rig.hangs_up(caller);
    rig.wait(secs(5));
    assert_eq!(faxes(&rig)[1..], [(None, "fax ended".to_owned())]);
    let fax = ends(&mut rig, caller);
    let noted = rig.log.iter().filter_map(|entry| match &entry.kind {
        Kind::FaxDone { outcome, .. } => Some(outcome.fax),
        _ => None,
    });
    assert_eq!(noted.collect::<Vec<_>>(), [fax]);
    balanced(&mut rig);
}

#[test]
fn whose_gateway_asks_before_we_do_is_answered_and_not_asked() {
    let (mut rig, caller) = answering();
    rig.reinvites_with(caller, t38("192.0.2.7", 4_006));
    rig.wait(secs(10));
    assert_eq!(asked(&rig, 0), [said(caller, "answer image")]);
    assert_eq!(agreed(&rig), [(caller, at("192.0.2.7:4006"), TERMS)]);
    // Nor is who was done before we asked.
    let (mut rig, caller) = answering();
    ends(&mut rig, caller);
    rig.wait(secs(20));
    assert_eq!(asked(&rig, 0).iter().filter(|(_, word)| word != "bye").count(), 0);
    balanced(&mut rig);
}

#[test]
fn a_slower_gateway_that_corrects_nothing_is_spoken_to_by_its_terms() {
    let (mut rig, caller) = sending();
    let bare = t38("192.0.2.7", 4_006)
        .replace("MaxBitRate:14400", "MaxBitRate:9600")
        .replace("a=T38FaxMaxDatagram:400\r\n", "")
        .replace("t38UDPRedundancy", "t38UDPNoEC");
    rig.reinvites_with(caller, bare);
    let answer = said_of_fax(&rig);
    assert!(answer.contains("MaxBitRate:9600") && answer.contains("t38UDPNoEC"), "{answer}");
    let terms = FaxTerms { bit_rate_max: 9_600, repeats: false, ..TERMS };
    assert_eq!(agreed(&rig), [(caller, at("192.0.2.7:4006"), terms)]);
    // Who wants the training checked by each side for itself has asked for something else.
    let (mut rig, caller) = sending();
    let media = rig.media.len();
    let local = t38("192.0.2.7", 4_006).replace("transferredTCF", "localTCF");
    rig.reinvites_with(caller, local);
    assert_eq!(asked(&rig, 0), [said(caller, "488")]);
    assert_eq!(told_media(&rig, media), [(caller, "modem")]);
    assert_eq!(phase(&mut rig), "fax");
}

#[test]
fn a_trunk_and_a_box_that_refuse_t38_neither_ask_nor_take_it() {
    let off = Config { t38: T38Policy::Off, ..Config::default() };
    for (trunk, config) in [(TrunkT38::Refuse, Config::default()), (TrunkT38::Allow, off)] {
        for step in [json!({}), json!({"send": "price-list"})] {
            let (mut rig, caller) = faxing_by(trunk, config.clone(), step);
            rig.wait(secs(10));
            assert_eq!(asked(&rig, 0), []);
            rig.reinvites_with(caller, t38("192.0.2.7", 4_006));
            assert_eq!(asked(&rig, 0), [said(caller, "488")]);
            assert_eq!((agreed(&rig), faxes(&rig)), (Vec::new(), Vec::new()));
            ends(&mut rig, caller);
            assert_eq!(heard(&rig, caller).len(), 1, "it went on in sound");
            rig.wait(secs(20));
            balanced(&mut rig);
        }
    }
}

#[test]
fn a_refresh_and_a_gateway_that_moves_are_answered_and_nothing_begins_anew() {
    let (mut rig, caller) = sending();
    for port in [4_006, 4_006, 4_016] {
        rig.reinvites_with(caller, t38("192.0.2.7", port));
    }
    let addresses: Vec<_> = agreed(&rig).into_iter().map(|(_, udptl, _)| udptl).collect();
    assert_eq!(addresses, [at("192.0.2.7:4006"), at("192.0.2.7:4016")]);
    // Without an offer of theirs ours says it again.
    let source = rig.source_of(caller);
    rig.feed(Input::Sip(SipEvent::Offer { leg: caller, sdp: None, source }));
    let sdp = Some(t38("192.0.2.7", 4_018));
    rig.feed(Input::Sip(SipEvent::Acked { leg: caller, sdp }));
    assert_eq!(asked(&rig, 0), vec![said(caller, "answer image"); 4]);
    assert_eq!(agreed(&rig).last(), Some(&(caller, at("192.0.2.7:4018"), TERMS)));
    assert_eq!(faxes(&rig).len(), 1);
    assert_eq!(order(&rig).tenant, TENANT);
}

#[test]
fn who_goes_back_to_audio_by_themselves_is_answered_and_the_flow_hears_how_it_went() {
    let (mut rig, caller) = receiving();
    accepts(&mut rig, caller, t38("192.0.2.7", 4_006));
    let (sip, media) = (rig.sip.len(), rig.media.len());
    // What we could not answer changes nothing.
    let opaque = sdp("sendrecv").replace("RTP/AVP 8 101", "RTP/AVP 99").replace("8 PCMA", "99 AMR");
    rig.reinvites_with(caller, opaque);
    assert_eq!((asked(&rig, sip), faxes(&rig).len()), (vec![said(caller, "488")], 1));
    rig.reinvites(caller, Some("sendrecv"));
    assert_eq!(asked(&rig, sip)[1..], [said(caller, "answer audio")]);
    assert_eq!(told_media(&rig, media), [(caller, "audio")]);
    assert_eq!(faxes(&rig)[1..], [(Some(caller), "fax ended".to_owned())]);
    assert_eq!(phase(&mut rig), "fax", "until the machine says how it went");
    ends(&mut rig, caller);
    assert_eq!(asked(&rig, sip).len(), 2, "there is audio already");
    assert_eq!(heard(&rig, caller).len(), 1);
    rig.wait(secs(20));
    balanced(&mut rig);
}

#[test]
fn offers_that_cross_ours_give_way_and_an_answer_that_comes_late_brings_audio_back() {
    let (mut rig, caller) = receiving();
    let sip = rig.sip.len();
    rig.reinvites_with(caller, t38("192.0.2.7", 4_006));
    rig.reinvites(caller, Some("sendrecv"));
    assert_eq!(asked(&rig, sip), [said(caller, "491"), said(caller, "491")]);
    // The fax went over in sound meanwhile.
    ends(&mut rig, caller);
    accepts(&mut rig, caller, t38("192.0.2.7", 4_006));
    assert_eq!(asked(&rig, sip)[2..], [said(caller, "offer audio")]);
    assert_eq!((agreed(&rig), faxes(&rig)), (Vec::new(), Vec::new()));
    accepts(&mut rig, caller, sdp("sendrecv"));
    rig.wait(secs(20));
    balanced(&mut rig);
}

#[test]
fn a_fax_as_packets_does_not_outlive_the_process_either() {
    let (mut rig, caller) = receiving();
    let fax = order(&rig).fax;
    accepts(&mut rig, caller, t38("192.0.2.7", 4_006));
    rig.kill(&[]);
    rig.wait(secs(5));
    assert_eq!(outcome(&rig).0, Outcome::Interrupted);
    done(&mut rig, caller, fax);
    assert!(!rig.log.iter().any(|entry| matches!(entry.kind, Kind::FaxDone { .. })));
    balanced(&mut rig);
}
