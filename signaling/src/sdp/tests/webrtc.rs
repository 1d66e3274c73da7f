//! Offers of browsers and of phones that make their keys by a handshake, in the forms in which they
//! write them, and offers and answers exchanged with another implementation of WebRTC.

use super::*;
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::media::{Direction as Flow, MediaKind};
use str0m::{Candidate, Rtc};
use terms::media::{DtlsRole, Fingerprint, Remote, SrtpPolicy};

const OURS: Fingerprint = Fingerprint([0xC5; 32]);
const THEIRS: &str = "6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:\
                      DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08";
const OTHER: &str = "00:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:\
                     DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08";

/// What Chrome writes, with a video stream beside, without lines that say nothing to us.
fn chrome() -> String {
    format!(
        "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
         a=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS stream\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\n\
         a=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:F7gI\r\na=ice-pwd:x9cml/YzichV2+XlhiMu8g01\r\n\
         a=ice-options:trickle\r\na=fingerprint:sha-256 {THEIRS}\r\na=setup:actpass\r\na=mid:0\r\n\
         a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendrecv\r\n\
         a=msid:stream track\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\n\
         a=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
         a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\n\
         a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n\
         a=ssrc:1001 cname:x\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:F7gI\r\n\
         a=ice-pwd:x9cml/YzichV2+XlhiMu8g01\r\na=fingerprint:sha-256 {THEIRS}\r\n\
         a=setup:actpass\r\na=mid:1\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n"
    )
}

/// What Firefox writes: certificate and options at the session, candidates in the offer.
fn firefox() -> String {
    format!(
        "v=0\r\no=mozilla...THIS_IS_SDPARTA-99.0 5115930144083302970 0 IN IP4 0.0.0.0\r\ns=-\r\n\
         t=0 0\r\na=fingerprint:sha-256 {THEIRS}\r\na=group:BUNDLE 0\r\na=ice-options:trickle\r\n\
         a=msid-semantic:WMS *\r\n\
         m=audio 52371 UDP/TLS/RTP/SAVPF 109 9 0 8 101\r\nc=IN IP4 192.168.7.9\r\n\
         a=candidate:0 1 UDP 2122252543 192.168.7.9 52371 typ host\r\n\
         a=candidate:2 1 TCP 2105524479 192.168.7.9 9 typ host tcptype active\r\na=sendrecv\r\n\
         a=end-of-candidates\r\na=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1\r\n\
         a=fmtp:101 0-15\r\na=ice-pwd:4f6a0b2b5d1c5f0e1a8f4e7c4c4b6b1a\r\na=ice-ufrag:1d0e8a57\r\n\
         a=mid:0\r\na=rtcp:52372 IN IP4 192.168.7.9\r\na=rtcp-mux\r\na=rtpmap:109 opus/48000/2\r\n\
         a=rtpmap:9 G722/8000/1\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000/1\r\na=setup:actpass\r\n"
    )
}

/// A desk phone that has no ICE.
fn phone(setup: &str, more: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
         m=audio 4000 UDP/TLS/RTP/SAVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=fingerprint:SHA-256 {}\r\n{setup}{more}",
        THEIRS.to_lowercase()
    )
}

fn with(policy: SrtpPolicy, port: Port) -> Local {
    let security = Security::new(policy, [7; 32], Some(OURS));
    Local { security, port, codecs: vec![Codec::Opus, Codec::Pcma, Codec::Pcmu], ..local() }
}

fn browser_leg() -> Local {
    with(SrtpPolicy::Off, Port::Shared)
}

fn take(ours: &mut Local, text: &str) -> Result<(String, Remote), Refused> {
    answer(ours, &Description::parse(text).unwrap(), source(), false)
}

fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("a={name}:")));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn a_browsers_offer_needs_the_shared_port_and_no_other_does() {
    let port = |text: &str| Description::parse(text).unwrap().port();
    assert_eq!((port(&chrome()), port(&firefox())), (Port::Shared, Port::Shared));
    assert_eq!(port(&phone("a=setup:actpass\r\n", "")), Port::Own);
    assert_eq!(port(&chrome().replace("sha-256", "sha-1")), Port::Own);
    // ICE beside plain audio is a phone that would like it; it can do without.
    assert_eq!(port(&chrome().replace("UDP/TLS/RTP/SAVPF", "RTP/AVP")), Port::Own);
}

#[test]
fn chrome_and_firefox_are_answered_with_a_handshake_ice_lite_and_one_port() {
    for (offer, ufrag, event) in [(chrome(), "F7gI", 110), (firefox(), "1d0e8a57", 101)] {
        let (text, remote) = take(&mut browser_leg(), &offer).unwrap();
        assert_eq!(remote.send.codec, Codec::Opus);
        assert_eq!(remote.send.dtmf, Some(PayloadType(event)));
        let dtls = remote.dtls.expect("a handshake is agreed");
        assert_eq!(dtls.role, DtlsRole::Server, "they know first when the way is open");
        assert_eq!(dtls.fingerprints, [Fingerprint::parse(THEIRS).unwrap()]);
        let ice = remote.ice.expect("ICE is agreed");
        assert_eq!(ice.peer_ufrag, ufrag);
        assert_eq!(
            (ice.ufrag.as_str(), ice.pwd.as_str()),
            (value(&text, "ice-ufrag"), value(&text, "ice-pwd"))
        );
        assert!(remote.rtcp_mux && remote.srtp.is_none() && !remote.nat);
        assert!(remote.may_send && remote.may_receive, "0.0.0.0 is no hold here");

        assert!(text.contains("a=ice-lite\r\n") && text.contains("a=group:BUNDLE 0\r\n"), "{text}");
        assert!(text.contains("m=audio 20000 UDP/TLS/RTP/SAVPF "), "{text}");
        assert_eq!(value(&text, "setup"), "passive");
        assert_eq!(value(&text, "fingerprint"), format!("sha-256 {OURS}"));
        assert_eq!(value(&text, "candidate"), "1 1 udp 2130706431 192.0.2.1 20000 typ host");
        assert!(text.contains("a=rtcp-mux\r\n") && text.contains("a=mid:0\r\n"), "{text}");
    }
    let (text, _) = take(&mut browser_leg(), &chrome()).unwrap();
    assert!(text.contains("m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"), "{text}");
}

#[test]
fn nothing_goes_in_clear_over_a_leg_that_has_a_handshake_or_whose_owner_wants_one() {
    let mut leg = with(SrtpPolicy::Off, Port::Own);
    assert!(!leg.security.forbids_plain());
    take(&mut leg, &phone("a=setup:actpass\r\n", "")).unwrap();
    assert!(leg.security.forbids_plain());
    assert!(with(SrtpPolicy::Dtls, Port::Own).security.forbids_plain());
}

#[test]
fn a_phone_without_ice_keeps_a_port_of_its_own_and_says_who_begins() {
    use DtlsRole::{Client, Server};
    let mux = "a=rtcp-mux\r\n";
    for (setup, role, word) in [
        ("a=setup:actpass\r\n", Server, "passive"),
        ("a=setup:active\r\n", Server, "passive"),
        ("a=setup:passive\r\n", Client, "active"),
        ("", Server, "passive"),
    ] {
        for policy in [SrtpPolicy::Off, SrtpPolicy::Required, SrtpPolicy::Dtls] {
            let mut ours = with(policy, Port::Own);
            let (text, remote) = take(&mut ours, &phone(setup, mux)).unwrap();
            assert_eq!(remote.dtls.as_ref().map(|dtls| dtls.role), Some(role), "{setup}");
            assert_eq!(value(&text, "setup"), word);
            assert!(text.contains("m=audio 20000 UDP/TLS/RTP/SAVP 8 101\r\n"), "{text}");
            assert!(remote.rtcp_mux && remote.ice.is_none() && text.contains(mux));
            assert!(!text.contains("ice-") && !text.contains("a=mid"), "{text}");
            assert_eq!(remote.rtp, "198.51.100.7:4000".parse().unwrap());
        }
    }
    let (text, remote) = take(&mut with(SrtpPolicy::Off, Port::Own), &phone("", "")).unwrap();
    assert!(!remote.rtcp_mux && !text.contains("rtcp-mux"), "{text}");
}

#[test]
fn what_cannot_be_checked_or_reached_is_refused() {
    let refused = |ours: Local, text: &str| take(&mut ours.clone(), text).unwrap_err();
    let own = |policy| with(policy, Port::Own);
    let bare = phone("a=setup:actpass\r\n", "");
    for without in [
        bare.replace("a=fingerprint", "a=x"),
        bare.replace("SHA-256", "SHA-1"),
        bare.replace("6b:8b", "6b8b"),
        bare.replace("actpass", "holdconn"),
    ] {
        assert_eq!(refused(own(SrtpPolicy::Off), &without), Refused::NoKeys, "{without}");
    }
    assert_eq!(
        refused(Local { security: Security::NONE, ..own(SrtpPolicy::Off) }, &bare),
        Refused::NoKeys
    );
    let no_certificate = Security::new(SrtpPolicy::Off, [7; 32], None);
    assert_eq!(
        refused(Local { security: no_certificate, ..own(SrtpPolicy::Off) }, &bare),
        Refused::NoKeys
    );
    let plain = offer_of("m=audio 4000 RTP/AVP 8\r\n");
    for policy in [SrtpPolicy::Required, SrtpPolicy::Dtls] {
        let answered = answer(&mut own(policy), &plain, source(), false);
        assert_eq!(answered.unwrap_err(), Refused::Plain);
    }
    for without in [
        chrome().replace("a=ice-ufrag:F7gI\r\n", ""),
        chrome().replace("a=ice-ufrag:F7gI", "a=ice-ufrag:F7g"),
        chrome().replace("a=ice-pwd:x9cml/YzichV2+XlhiMu8g01", "a=ice-pwd:short"),
        chrome().replace("a=rtcp-mux", "a=x"),
    ] {
        assert_eq!(refused(browser_leg(), &without), Refused::NoIce, "{without}");
    }
    let both_lite = chrome().replace("a=group", "a=ice-lite\r\na=group");
    assert_eq!(refused(browser_leg(), &both_lite), Refused::NoIce);
    assert_eq!(answer(&mut browser_leg(), &plain, source(), false).unwrap_err(), Refused::NoKeys);
}

#[test]
fn a_re_invite_keeps_the_association_and_another_certificate_begins_a_new_one() {
    let mut ours = with(SrtpPolicy::Off, Port::Own);
    let dtls = |remote: Remote| remote.dtls.expect("a handshake is agreed");
    let first = dtls(take(&mut ours, &phone("a=setup:passive\r\n", "")).unwrap().1);
    assert_eq!(first.role, DtlsRole::Client);
    let hold = phone("a=setup:actpass\r\n", "a=sendonly\r\n");
    assert_eq!(dtls(take(&mut ours, &hold).unwrap().1), first, "the role of before");
    let text = offer(&ours);
    assert!(text.contains("UDP/TLS/RTP/SAVP ") && value(&text, "setup") == "actpass", "{text}");
    let other = hold.replace(&THEIRS.to_lowercase(), OTHER);
    let second = dtls(take(&mut ours, &other).unwrap().1);
    assert_eq!(second.role, DtlsRole::Server);
    assert_ne!(second.fingerprints, first.fingerprints);
}

#[test]
fn a_refused_re_invite_changes_nothing() {
    let mut ours = browser_leg();
    take(&mut ours, &chrome()).unwrap();
    let before = ours.clone();
    let without = chrome().replace("a=rtcp-mux", "a=x");
    assert_eq!(take(&mut ours, &without).unwrap_err(), Refused::NoIce);
    assert_eq!(ours, before);
}

#[test]
fn our_name_changes_with_theirs_and_not_before() {
    let mut ours = browser_leg();
    let ice = |ours: &mut Local, text: &str| take(ours, text).unwrap().1.ice.unwrap();
    let first = ice(&mut ours, &chrome());
    assert_eq!(ice(&mut ours, &chrome()), first);
    let restarted = ice(&mut ours, &chrome().replace("F7gI", "F7gJ"));
    assert_ne!((&restarted.ufrag, &restarted.pwd), (&first.ufrag, &first.pwd));
    assert!(offer(&ours).contains(&restarted.pwd));
    assert!(first.ufrag.len() >= 4 && first.pwd.len() >= 22);
    assert!(!format!("{ours:?}").contains(&restarted.pwd), "a password is in no debug output");
}

#[test]
fn a_policy_offers_a_handshake_and_takes_nothing_less() {
    let accepted = |text: &str| {
        let mut ours = with(SrtpPolicy::Dtls, Port::Own);
        let offered = offer(&ours);
        assert!(offered.contains("UDP/TLS/RTP/SAVP ") && !offered.contains("crypto"), "{offered}");
        assert_eq!(value(&offered, "setup"), "actpass");
        accept(&mut ours, &Description::parse(text).unwrap(), source(), false)
    };
    let role = |text: &str| accepted(text).unwrap().dtls.unwrap().role;
    assert_eq!(role(&phone("a=setup:active\r\n", "")), DtlsRole::Server);
    assert_eq!(role(&phone("a=setup:passive\r\n", "")), DtlsRole::Client);
    assert_eq!(role(&phone("", "")), DtlsRole::Client, "an answer without the word is passive");
    assert_eq!(accepted(&phone("", "").replace("a=fing", "a=x")), Err(Refused::NoKeys));
    let plain = phone("", "").replace("UDP/TLS/RTP/SAVP", "RTP/AVP");
    assert_eq!(accepted(&plain), Err(Refused::Plain));
}

/// Another implementation, as a browser would be. No time passes in these tests.
fn other_side() -> Rtc {
    let provider = std::sync::Arc::new(str0m::crypto::from_feature_flags());
    let builder = Rtc::builder().clear_codecs().enable_opus(true, false).enable_pcma(true, false);
    let mut rtc = builder.set_crypto_provider(provider).build(crate::edge::clock::instant());
    let here = "198.51.100.9:50000".parse().unwrap();
    rtc.add_local_candidate(Candidate::host(here, "udp").unwrap());
    rtc
}

#[test]
fn an_offer_of_another_implementation_is_answered_so_that_it_takes_the_answer() {
    let mut rtc = other_side();
    let mut api = rtc.sdp_api();
    api.add_media(MediaKind::Audio, Flow::SendRecv, None, None, None);
    let (offered, pending) = api.apply().expect("there is something to offer");
    let (text, remote) = take(&mut browser_leg(), &offered.to_sdp_string()).unwrap();
    let theirs = rtc.direct_api().local_dtls_fingerprint().clone();
    let dtls = remote.dtls.unwrap();
    assert_eq!(dtls.fingerprints[0].0.to_vec(), theirs.bytes);
    assert_eq!(remote.ice.unwrap().peer_ufrag, rtc.direct_api().local_ice_credentials().ufrag);
    let answered = SdpAnswer::from_sdp_string(&text).expect("it reads our answer");
    rtc.sdp_api().accept_answer(pending, answered).expect("it takes our answer");
}

#[test]
fn another_implementation_answers_our_offer() {
    let mut ours = browser_leg();
    let text = offer(&ours);
    let mut rtc = other_side();
    let offered = SdpOffer::from_sdp_string(&text).expect("it reads our offer");
    let answered = rtc.sdp_api().accept_offer(offered).expect("it takes our offer");
    let answered = answered.to_sdp_string();
    let description = Description::parse(&answered).unwrap();
    let remote = accept(&mut ours, &description, source(), false).unwrap();
    assert_eq!(remote.send.codec, Codec::Opus);
    assert_eq!(remote.ice.unwrap().ufrag, value(&text, "ice-ufrag"), "the name that was offered");
    let role = match value(&answered, "setup") {
        "active" => DtlsRole::Server,
        "passive" => DtlsRole::Client,
        other => panic!("an answer decides who begins, and says {other}"),
    };
    assert_eq!(remote.dtls.unwrap().role, role);
}

#[test]
fn mutated_offers_of_browsers_never_panic() {
    use rand::{Rng, SeedableRng};
    let mut rng = rand::rngs::StdRng::seed_from_u64(11);
    for seed in [chrome(), firefox(), phone("a=setup:active\r\n", "a=rtcp-mux\r\n")] {
        for _ in 0..2_000 {
            let mut bytes = seed.as_bytes().to_vec();
            for _ in 0..rng.random_range(1..6) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
            fuzz_description(&bytes);
        }
    }
}
