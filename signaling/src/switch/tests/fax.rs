//! Two trunks and a fax: who is offered what, who is refused, and when media changes.

mod machine;

use super::*;
use crate::sip::user_agent::{Command as Sipc, Event as SipEvent, Origin};
use crate::switch::rig::{TRUNK, sdp, t38};
use crate::switch::{Config, Input, Output};
use std::net::SocketAddr;
use terms::media::{Command, FaxRemote, SrtpPolicy, T38Policy, TrunkT38};
use terms::routing::{Number, Plan, Target, Trunk};
use terms::{NumberId, TrunkId};

/// The tenant of the stories, with a number that leads outside again.
fn plan() -> Plan {
    let mut plan = demo_plan();
    let target = Target::Number("013811112222".into());
    plan.numbers.push(Number { id: NumberId(9), digits: "95105603".into(), target });
    plan
}

/// The same, but calls that come in by the trunk of the stories go out by another one.
fn plan_of_two(comes: TrunkT38, goes: TrunkT38) -> Plan {
    let mut plan = plan();
    plan.trunks[0].t38 = comes;
    let (id, prefixes) = (TrunkId(77), vec!["0138".to_owned()]);
    let other = Trunk { id, prefixes, t38: goes, name: "far".into(), ..plan.trunks[0].clone() };
    plan.trunks.push(other);
    plan
}

/// A caller outside talks to somebody outside.
fn pair_with(config: Config) -> (Rig, LegId, LegId) {
    pair_of(plan(), config)
}

fn pair_of(plan: Plan, config: Config) -> (Rig, LegId, LegId) {
    let mut rig = Rig::with(plan, config);
    let caller = rig.customer_dials("95105603");
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    let called = rig.legs().into_iter().find(|&leg| leg != caller).expect("there are two");
    (rig, caller, called)
}

fn pair() -> (Rig, LegId, LegId) {
    pair_with(Config::default())
}

fn accepts(rig: &mut Rig, leg: LegId, sdp: String) {
    rig.feed(Input::Sip(SipEvent::OfferAccepted { leg, sdp }));
}

fn refuses(rig: &mut Rig, leg: LegId, status: u16) {
    rig.feed(Input::Sip(SipEvent::OfferRejected { leg, status }));
}

/// What the SIP core was asked since, as words: the leg, what, and the `m=` lines.
fn asked(rig: &Rig, from: usize) -> Vec<(LegId, String)> {
    let lines = |sdp: &str| -> String {
        let lines = sdp.lines().filter(|line| line.starts_with("m="));
        // The port is ours, whichever it is.
        let words = lines.map(|line| {
            let mut words = line.split(' ');
            let media = words.next().unwrap_or_default().trim_start_matches("m=").to_owned();
            if words.next() == Some("0") { format!("no {media}") } else { media }
        });
        words.collect::<Vec<_>>().join("+")
    };
    let word = |command: &Sipc| match command {
        Sipc::Reoffer { leg, sdp } => Some((*leg, format!("offer {}", lines(sdp)))),
        Sipc::AcceptOffer { leg, sdp } => Some((*leg, format!("answer {}", lines(sdp)))),
        Sipc::RejectOffer { leg, status } => Some((*leg, status.to_string())),
        Sipc::Hangup { leg, .. } => Some((*leg, "bye".into())),
        _ => None,
    };
    rig.sip[from..].iter().filter_map(word).collect()
}

/// What media was told since that matters to a fax.
fn told_media(rig: &Rig, from: usize) -> Vec<(LegId, &'static str)> {
    let word = |command: &Command| match command {
        Command::Fax { leg, .. } => Some((*leg, "fax")),
        Command::Connect { leg, .. } => Some((*leg, "audio")),
        Command::Modem { leg } => Some((*leg, "modem")),
        _ => None,
    };
    rig.media[from..].iter().filter_map(word).collect()
}

fn remotes(rig: &Rig) -> Vec<(LegId, SocketAddr)> {
    let of = |command: &Command| match command {
        Command::Fax { leg, remote: FaxRemote { udptl, .. } } => Some((*leg, *udptl)),
        _ => None,
    };
    rig.media.iter().filter_map(of).collect()
}

fn said(leg: LegId, what: &str) -> (LegId, String) {
    (leg, what.to_owned())
}

fn faxes(rig: &Rig) -> Vec<(Option<LegId>, String)> {
    let of = |entry: &terms::event::Entry| match entry.kind {
        Kind::FaxStarted | Kind::FaxEnded => Some((entry.leg, word(&entry.kind)?)),
        _ => None,
    };
    rig.log.iter().filter_map(of).collect()
}

/// `by` asks and the other takes it.
fn goes_over(rig: &mut Rig, by: LegId, of: LegId) {
    rig.reinvites_with(by, t38("192.0.2.7", 4_006));
    accepts(rig, of, t38("192.0.2.8", 4_008));
}

#[test]
fn either_party_takes_the_call_to_fax_and_back_and_both_know_before_media_does() {
    for caller_asks in [true, false] {
        let (mut rig, caller, called) = pair();
        let (by, of) = if caller_asks { (caller, called) } else { (called, caller) };
        let (sip, media) = (rig.sip.len(), rig.media.len());
        rig.reinvites_with(by, t38("192.0.2.7", 4_006));
        assert_eq!(asked(&rig, sip), [said(of, "offer image")]);
        let Sipc::Reoffer { sdp: offer, .. } = &rig.sip[sip] else { panic!("an offer is out") };
        assert!(offer.contains("c=IN IP4 203.0.113.1\r\n"), "our address: {offer}");
        assert!(offer.contains("a=T38FaxRateManagement:transferredTCF\r\n"), "{offer}");
        assert!(offer.contains(" 2 IN IP4"), "the version of our description goes up: {offer}");
        assert_eq!(told_media(&rig, media), [], "the other has not answered");

        // By hand, to see what comes after what.
        let slower = t38("192.0.2.8", 4_008).replace("MaxBitRate:14400", "MaxBitRate:9600");
        let answer = SipEvent::OfferAccepted { leg: of, sdp: slower };
        rig.switch.handle_input(rig.now, Input::Sip(answer));
        let outputs: Vec<Output> = std::iter::from_fn(|| rig.switch.poll_output()).collect();
        let place = |wanted: &dyn Fn(&Output) -> bool| outputs.iter().position(wanted).unwrap();
        let answered = |output: &Output| {
            matches!(output, Output::Sip(Sipc::AcceptOffer { leg, sdp })
                if *leg == by && sdp.contains("m=image") && sdp.contains("MaxBitRate:9600"))
        };
        let changes = |output: &Output| matches!(output, Output::Media(Command::Fax { .. }));
        assert!(place(&answered) < place(&changes), "{outputs:#?}");
        assert_eq!(outputs.iter().filter(|&output| changes(output)).count(), 2);
        for output in outputs {
            match output {
                Output::Media(command) => rig.media.push(command),
                Output::Log(entry) => {
                    rig.books.note(&entry);
                    rig.log.push(*entry);
                }
                _ => {}
            }
        }
        let addresses = [(by, "192.0.2.7:4006"), (of, "192.0.2.8:4008")];
        assert_eq!(remotes(&rig), addresses.map(|(leg, at)| (leg, at.parse().unwrap())));

        // The one who did not ask wants to talk again.
        let (sip, media) = (rig.sip.len(), rig.media.len());
        rig.reinvites(of, Some("sendrecv"));
        assert_eq!(asked(&rig, sip), [said(by, "offer audio")]);
        assert_eq!(told_media(&rig, media), []);
        accepts(&mut rig, by, sdp("sendrecv"));
        assert_eq!(asked(&rig, sip)[1..], [said(of, "answer audio")]);
        assert_eq!(told_media(&rig, media), [(of, "audio"), (by, "audio")]);
        let times = [(Some(by), "fax started".to_owned()), (Some(of), "fax ended".to_owned())];
        assert_eq!(faxes(&rig), times);
        rig.hangs_up(caller);
        balanced(&mut rig);
        assert_eq!(faxes(&rig).len(), 2, "it ended before the call did");
    }
}

#[test]
fn who_refuses_a_fax_keeps_the_call_as_it_was() {
    for (status, told) in [(488, 488), (415, 488), (606, 488), (500, 488), (491, 491)] {
        let (mut rig, caller, called) = pair();
        let (sip, media) = (rig.sip.len(), rig.media.len());
        rig.reinvites_with(caller, t38("192.0.2.7", 4_006));
        refuses(&mut rig, called, status);
        assert_eq!(asked(&rig, sip)[1..], [said(caller, &told.to_string())]);
        assert_eq!(told_media(&rig, media), [(caller, "modem")], "its sound is left as it is");
        assert_eq!(phase(&mut rig), "talking");
        // Nothing is left behind: the next one passes.
        goes_over(&mut rig, called, caller);
        assert_eq!(faxes(&rig), [(Some(called), "fax started".to_owned())]);
        rig.hangs_up(called);
        balanced(&mut rig);
        assert_eq!(faxes(&rig)[1..], [(None, "fax ended".to_owned())]);
    }
}

#[test]
fn an_answer_without_the_fax_brings_the_audio_back() {
    let (mut rig, caller, called) = pair();
    let (sip, media) = (rig.sip.len(), rig.media.len());
    rig.reinvites_with(caller, t38("192.0.2.7", 4_006));
    accepts(&mut rig, called, t38("192.0.2.8", 0));
    let then = [said(called, "offer image"), said(caller, "488"), said(called, "offer audio")];
    assert_eq!(asked(&rig, sip), then);
    accepts(&mut rig, called, sdp("sendrecv"));
    assert_eq!(told_media(&rig, media), [(caller, "modem"), (called, "audio")]);
    assert_eq!(faxes(&rig), []);
}

#[test]
fn audio_that_the_other_refuses_leaves_the_fax() {
    let (mut rig, caller, called) = pair();
    goes_over(&mut rig, caller, called);
    let (sip, media) = (rig.sip.len(), rig.media.len());
    rig.reinvites(caller, Some("sendrecv"));
    refuses(&mut rig, called, 488);
    assert_eq!(asked(&rig, sip), [said(called, "offer audio"), said(caller, "488")]);
    rig.reinvites(caller, Some("sendrecv"));
    accepts(&mut rig, called, "v=0\r\n".into());
    let again = [said(called, "offer audio"), said(caller, "488"), said(called, "offer image")];
    assert_eq!(asked(&rig, sip)[2..], again);
    // What we could not answer is not asked for.
    let opaque =
        sdp("sendrecv").replace("RTP/AVP 8 101", "RTP/AVP 18").replace("8 PCMA", "18 G729");
    rig.reinvites_with(called, opaque);
    assert_eq!(asked(&rig, sip)[5..], [said(called, "488")]);
    assert_eq!(told_media(&rig, media), []);
    assert_eq!(faxes(&rig).len(), 1);
}

/// A gateway may leave its audio beside the fax. What we do not speak cannot run on.
#[test]
fn a_fax_beside_audio_goes_over_only_where_the_audio_is_not_spoken_here() {
    for (number, goes_over) in [("18", true), ("8", false)] {
        let (mut rig, caller, called) = pair();
        let sip = rig.sip.len();
        let audio = format!("m=audio 4000 RTP/AVP {number}\r\nm=image");
        rig.reinvites_with(caller, t38("192.0.2.7", 4_006).replacen("m=image", &audio, 1));
        let asked = asked(&rig, sip);
        assert_eq!(asked.contains(&said(called, "offer image")), goes_over, "{asked:?}");
    }
}

#[test]
fn crossing_offers_give_way() {
    let (mut rig, caller, called) = pair();
    let sip = rig.sip.len();
    rig.reinvites_with(caller, t38("192.0.2.7", 4_006));
    // Theirs came while ours waits for its next try.
    rig.reinvites_with(called, t38("192.0.2.8", 4_008));
    rig.reinvites(called, Some("sendrecv"));
    assert_eq!(asked(&rig, sip)[1..], [said(called, "491"), said(called, "491")]);
    accepts(&mut rig, called, t38("192.0.2.8", 4_008));
    assert_eq!(asked(&rig, sip)[3..], [said(caller, "answer image")]);
    assert_eq!(faxes(&rig).len(), 1);
}

#[test]
fn a_refresh_and_a_moved_machine_do_not_bother_the_other() {
    let (mut rig, caller, called) = pair();
    goes_over(&mut rig, caller, called);
    let (sip, media) = (rig.sip.len(), rig.media.len());
    rig.reinvites_with(caller, t38("192.0.2.7", 4_006));
    assert_eq!(told_media(&rig, media), [], "nothing changed");
    rig.reinvites_with(caller, t38("192.0.2.7", 4_016));
    assert_eq!(told_media(&rig, media), [(caller, "fax")]);
    assert_eq!(remotes(&rig).last(), Some(&(caller, "192.0.2.7:4016".parse().unwrap())));
    assert_eq!(asked(&rig, sip), [said(caller, "answer image"), said(caller, "answer image")]);
    // Without an offer of theirs ours says what the other said.
    let source = rig.source_of(called);
    rig.feed(Input::Sip(SipEvent::Offer { leg: called, sdp: None, source }));
    assert_eq!(asked(&rig, sip)[2..], [said(called, "answer image")]);
    let acked = SipEvent::Acked { leg: called, sdp: Some(t38("192.0.2.8", 4_018)) };
    rig.feed(Input::Sip(acked));
    assert_eq!(remotes(&rig).last(), Some(&(called, "192.0.2.8:4018".parse().unwrap())));
    assert_eq!(rig.legs().len(), 2);
}

#[test]
fn who_hangs_up_in_between_ends_the_call() {
    for of_asker in [true, false] {
        let (mut rig, caller, called) = pair();
        rig.reinvites_with(caller, t38("192.0.2.7", 4_006));
        rig.hangs_up(if of_asker { caller } else { called });
        balanced(&mut rig);
        assert_eq!(faxes(&rig), []);
    }
}

#[test]
fn who_can_never_fax_is_refused() {
    // An agent's phone, whoever asks.
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    for leg in [customer, agent] {
        let sip = rig.sip.len();
        rig.reinvites_with(leg, t38("192.0.2.7", 4_006));
        assert_eq!(asked(&rig, sip), [said(leg, "488")]);
    }
    // Nobody to fax to.
    let mut rig = rig_with(&[]);
    let waiting = rig.customer_dials("95105600");
    rig.wait(secs(5));
    let sip = rig.sip.len();
    rig.reinvites_with(waiting, t38("192.0.2.7", 4_006));
    assert_eq!(asked(&rig, sip), [said(waiting, "488")]);
    // The owner does not want it.
    let off = Config { t38: T38Policy::Off, ..Config::default() };
    let (mut rig, caller, _) = pair_with(off);
    let (sip, media) = (rig.sip.len(), rig.media.len());
    rig.reinvites_with(caller, t38("192.0.2.7", 4_006));
    assert_eq!(asked(&rig, sip), [said(caller, "488")]);
    assert_eq!(told_media(&rig, media), [(caller, "modem")]);
}

#[test]
fn a_trunk_that_refuses_t38_is_refused_and_never_asked_and_the_call_goes_on() {
    use TrunkT38::{Allow, Refuse};
    for (comes, goes) in [(Refuse, Allow), (Allow, Refuse), (Refuse, Refuse)] {
        let (mut rig, caller, called) = pair_of(plan_of_two(comes, goes), Config::default());
        // Before a kill of the process and after it.
        for _ in 0..2 {
            for leg in [caller, called] {
                let (sip, media) = (rig.sip.len(), rig.media.len());
                rig.reinvites_with(leg, t38("192.0.2.7", 4_006));
                assert_eq!(asked(&rig, sip), [said(leg, "488")], "{comes:?}, {goes:?}");
                assert_eq!(told_media(&rig, media), [(leg, "modem")]);
                assert_eq!(phase(&mut rig), "talking");
            }
            rig.kill(&[]);
        }
        rig.hangs_up(caller);
        balanced(&mut rig);
        assert_eq!(faxes(&rig), []);
    }
    let (mut rig, caller, called) = pair_of(plan_of_two(Allow, Allow), Config::default());
    goes_over(&mut rig, called, caller);
    assert_eq!(faxes(&rig), [(Some(called), "fax started".to_owned())]);
}

#[test]
fn who_came_in_later_may_be_on_another_core_and_does_not_fax() {
    let mut rig = rig_with(&[A1]);
    let customer = talking(&mut rig);
    let agent = rig.leg_of(A1).expect("agent 1 talks");
    let target = "013811112222".to_owned();
    assert_eq!(call_act(&mut rig, CallAction::Invite { target }), Answer::Done);
    rig.wait(secs(5));
    let guest = rig.legs().into_iter().find(|leg| ![customer, agent].contains(leg));
    let guest = guest.expect("a third came");
    for two in [false, true] {
        if two {
            rig.hangs_up(agent);
            assert_eq!(rig.legs().len(), 2);
        }
        for leg in [customer, guest] {
            let sip = rig.sip.len();
            rig.reinvites_with(leg, t38("192.0.2.7", 4_006));
            assert_eq!(asked(&rig, sip), [said(leg, "488")], "two of them: {two}");
        }
    }
}

#[test]
fn an_encrypted_call_does_not_become_a_fax_in_clear() {
    let mut plan = plan();
    plan.trunks[0].srtp = SrtpPolicy::Optional;
    let mut rig = Rig::new(plan);
    let key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";
    let offer = format!("{}{key}\r\n", sdp("sendrecv").replace("RTP/AVP", "RTP/SAVP"));
    let caller = rig.dials_with(Origin::Trunk(TRUNK), "13800138000", "95105603", Some(offer));
    rig.wait(secs(5));
    assert_eq!(phase(&mut rig), "talking");
    let called = rig.legs().into_iter().find(|&leg| leg != caller).expect("there are two");
    for leg in [caller, called] {
        let sip = rig.sip.len();
        rig.reinvites_with(leg, t38("192.0.2.7", 4_006));
        assert_eq!(asked(&rig, sip), [said(leg, "488")]);
    }
}
