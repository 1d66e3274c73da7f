//! Offer/answer as phones and gateways do it.

mod addresses;
mod fax;
mod g729;
mod keys;
mod webrtc;

use super::*;
use std::net::IpAddr;
use terms::media::Wishes;

fn local() -> Local {
    Local::new("192.0.2.1:20000".parse().unwrap(), 4711)
}
fn source() -> IpAddr {
    "198.51.100.7".parse().unwrap()
}
fn offer_of(media: &str) -> Description {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{media}"
    );
    Description::parse(&text).unwrap()
}
fn answered(media: &str) -> (String, terms::media::Remote) {
    answer(&mut local(), &offer_of(media), source(), false).unwrap()
}

#[test]
fn the_codec_is_chosen_in_the_order_of_the_offer() {
    let (text, remote) =
        answered("m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n");
    assert_eq!(remote.send.codec, Codec::Pcmu);
    assert_eq!(remote.send.dtmf, Some(PayloadType(101)));
    assert_eq!(remote.rtp, "198.51.100.7:4000".parse().unwrap());
    assert!(text.contains("m=audio 20000 RTP/AVP 0 101\r\n"), "{text}");
    assert!(text.contains("a=sendrecv\r\n"));
}

#[test]
fn our_offer_reads_back_and_their_answer_gives_each_direction_its_own_numbers() {
    let ours = Description::parse(&offer(&local())).unwrap();
    assert_eq!(
        ours.audio().unwrap().codecs,
        [(Codec::Pcma, PayloadType(8)), (Codec::Pcmu, PayloadType(0))]
    );
    let theirs = offer_of(
        "m=audio 4000 RTP/AVP 96 97\r\na=rtpmap:96 PCMU/8000\r\na=rtpmap:97 telephone-event/8000\r\n",
    );
    let remote = accept(&mut local(), &theirs, source(), false).unwrap();
    assert_eq!(remote.send.audio, PayloadType(96));
    assert_eq!(remote.send.dtmf, Some(PayloadType(97)));
    assert_eq!(remote.receive.audio, PayloadType(0));
    assert_eq!(remote.receive.dtmf, Some(DTMF_TYPE));
}

fn wideband() -> Local {
    Local { codecs: Codec::ALL.to_vec(), ..local() }
}

const BROWSER: &str = "m=audio 4000 RTP/AVP 111 9 0 8 110 101\r\na=rtpmap:111 opus/48000/2\r\n\
     a=fmtp:111 minptime=10;useinbandfec=1; usedtx=1;maxaveragebitrate=16000\r\n\
     a=rtpmap:9 G722/8000\r\na=rtpmap:110 telephone-event/48000\r\n\
     a=rtpmap:101 telephone-event/8000\r\n";

#[test]
fn our_list_decides_over_the_offer_but_not_between_the_two_laws() {
    let chosen = |codecs: &[Codec]| {
        let ours = Local { codecs: codecs.to_vec(), ..local() };
        answer(&mut ours.clone(), &offer_of(BROWSER), source(), false)
            .map(|(_, remote)| remote.send.codec)
    };
    assert_eq!(chosen(&Codec::ALL), Ok(Codec::Pcmu), "the offer has µ-law before A-law");
    assert_eq!(chosen(&[Codec::Opus, Codec::Pcma]), Ok(Codec::Opus));
    assert_eq!(chosen(&[Codec::G722, Codec::Opus]), Ok(Codec::G722));
    assert_eq!(chosen(&[Codec::L16, Codec::Pcma]), Ok(Codec::Pcma));
    assert_eq!(chosen(&[Codec::L16]), Err(Refused::NoCodec));
}

#[test]
fn opus_is_agreed_with_its_clock_its_events_and_its_wishes() {
    let ours = Local { codecs: vec![Codec::Opus], ..local() };
    let (text, remote) = answer(&mut ours.clone(), &offer_of(BROWSER), source(), false).unwrap();
    assert_eq!((remote.send.audio, remote.receive.audio), (PayloadType(111), PayloadType(111)));
    assert_eq!((remote.send.dtmf, remote.send.dtmf_hz), (Some(PayloadType(110)), 48_000));
    let wishes = Wishes { fec: true, dtx: true, bitrate_max: 16_000 };
    assert_eq!(remote.send.wishes, wishes);
    assert!(remote.receive.wishes.fec && !remote.receive.wishes.dtx);
    for line in [
        "m=audio 20000 RTP/AVP 111 110\r\n",
        "a=rtpmap:111 opus/48000/2\r\n",
        "a=fmtp:111 useinbandfec=1;stereo=0;sprop-stereo=0\r\n",
        "a=rtpmap:110 telephone-event/48000\r\n",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
}

#[test]
fn events_of_the_telephone_go_with_opus_where_the_phone_knows_no_other() {
    let ours = Local { codecs: vec![Codec::Opus], ..local() };
    let offer = offer_of(
        "m=audio 4000 RTP/AVP 96 101\r\na=rtpmap:96 OPUS/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n",
    );
    let remote = answer(&mut ours.clone(), &offer, source(), false).unwrap().1;
    assert_eq!((remote.send.dtmf, remote.send.dtmf_hz), (Some(PayloadType(101)), 8_000));
    assert_eq!(remote.send.wishes, Wishes::default());
}

#[test]
fn every_codec_that_we_offer_is_read_back_and_can_be_answered() {
    let ours = Description::parse(&offer(&wideband())).unwrap();
    let known: Vec<_> = Codec::ALL.iter().map(|&codec| (codec, codec.payload_type())).collect();
    assert_eq!(ours.audio().unwrap().codecs, known);
    for codec in Codec::ALL {
        let theirs = Local { codecs: vec![codec], ..local() };
        let (text, remote) = answer(&mut theirs.clone(), &ours, source(), false).unwrap();
        assert_eq!(remote.send.codec, codec);
        let accepted =
            accept(&mut wideband(), &Description::parse(&text).unwrap(), source(), false).unwrap();
        assert_eq!((accepted.send.codec, accepted.receive.audio), (codec, codec.payload_type()));
        assert_eq!(accepted.receive.dtmf_hz, codec.clock_hz(), "{codec:?}");
        assert_eq!(accepted.receive.dtmf, remote.send.dtmf, "{codec:?}");
    }
}

#[test]
fn what_only_looks_like_our_codecs_is_not_taken() {
    for map in [
        "opus/16000",
        "opus/48000/1",
        "G722/16000",
        "L16/44100",
        "L16/8000/2",
        "PCMA/16000",
        "G729/16000",
        "G729/8000/2",
        "G729D/8000",
        "G729E/8000",
        "G7291/16000",
    ] {
        let text = format!("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 {map}\r\n");
        let refused = answer(&mut wideband(), &offer_of(&text), source(), false);
        assert_eq!(refused.unwrap_err(), Refused::NoCodec, "{map}");
    }
}

#[test]
fn every_form_of_hold_silences_the_right_direction() {
    let hold = |extra: &str| answered(&format!("m=audio 4000 RTP/AVP 8\r\n{extra}"));
    let (text, remote) = hold("a=sendonly\r\n");
    assert!(text.contains("a=recvonly") && !remote.may_send && remote.may_receive);
    let (text, remote) = hold("a=inactive\r\n");
    assert!(text.contains("a=inactive") && !remote.may_send && !remote.may_receive);
    let (text, remote) = hold("a=recvonly\r\n");
    assert!(text.contains("a=sendonly") && remote.may_send && !remote.may_receive);
    let (text, remote) = hold("c=IN IP4 0.0.0.0\r\n");
    assert!(text.contains("a=recvonly") && !remote.may_send && remote.may_receive);
}

#[test]
fn the_direction_of_the_session_counts_where_the_stream_has_none() {
    let text = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
                a=sendonly\r\nm=audio 4000 RTP/AVP 8\r\n";
    let held = Description::parse(text).unwrap();
    assert!(!held.audio().unwrap().listens());
}

#[test]
fn video_fax_and_encrypted_streams_are_refused_with_port_zero() {
    let (text, remote) = answered(
        "m=video 5000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
         m=audio 5002 RTP/SAVP 8\r\n\
         m=audio 4000 RTP/AVP 8\r\n\
         m=image 5004 udptl t38\r\n",
    );
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        lines,
        [
            "m=video 0 RTP/AVP 96",
            "m=audio 0 RTP/SAVP 8",
            "m=audio 20000 RTP/AVP 8",
            "m=image 0 udptl t38"
        ]
    );
    assert_eq!(remote.rtp.port(), 4000);
}

#[test]
fn an_offer_without_usable_audio_says_why() {
    let refused =
        |media: &str| answer(&mut local(), &offer_of(media), source(), false).unwrap_err();
    assert_eq!(refused("m=image 5004 udptl t38\r\n"), Refused::NoAudio);
    assert_eq!(refused("m=audio 0 RTP/AVP 8\r\n"), Refused::NoAudio);
    assert_eq!(refused("m=audio 4000 RTP/AVP 18\r\n"), Refused::NoCodec);
    let named = refused("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 phone.example.com\r\n");
    assert_eq!(named, Refused::NoAddress("phone.example.com".into()));
    assert!(matches!(Description::parse("hello"), Err(Refused::Malformed(_))));
    assert!(matches!(Description::parse(&"v".repeat(20_000)), Err(Refused::TooLarge(20_000))));
}

#[test]
fn packet_time_stays_within_ten_to_sixty() {
    let ptime = |extra: &str| answered(&format!("m=audio 4000 RTP/AVP 8\r\n{extra}")).1.ptime_ms;
    assert_eq!(ptime(""), 20);
    assert_eq!(ptime("a=ptime:30\r\n"), 30);
    assert_eq!(ptime("a=ptime:240\r\n"), 60);
    assert_eq!(ptime("a=ptime:5\r\n"), 10);
    assert_eq!(ptime("a=ptime:40\r\na=maxptime:20\r\n"), 20);
    assert_eq!(ptime("a=ptime:99999999999999\r\n"), 20);
}

#[test]
fn a_private_address_behind_a_public_source_is_a_nat() {
    let nat = |media: &str, signalling: &str| {
        let media = format!("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 {media}\r\n");
        let signalling = signalling.parse().unwrap();
        answer(&mut local(), &offer_of(&media), signalling, false).unwrap().1.nat
    };
    assert!(nat("192.168.1.20", "198.51.100.7"));
    assert!(!nat("192.168.1.20", "192.168.1.10"), "a media server beside its signalling");
    assert!(!nat("198.51.100.8", "198.51.100.7"));
    assert!(nat("192.0.2.20", "127.0.0.1") && nat("192.0.2.20", "::ffff:127.0.0.1"), "it is here");
    assert!(nat("192.168.1.20", "::ffff:198.51.100.7"), "as a socket of both families says it");
}

#[test]
fn ipv6_and_rtcp_addresses_are_read() {
    let mut ours = local();
    ours.rtp = "[2001:db8::1]:20000".parse().unwrap();
    let offer = offer_of(
        "m=audio 4000 RTP/AVP 8\r\nc=IN IP6 2001:db8::7\r\na=rtcp:4009 IN IP6 2001:db8::8\r\n",
    );
    let (text, remote) =
        answer(&mut ours.clone(), &offer, "2001:db8::7".parse().unwrap(), false).unwrap();
    assert!(text.contains("c=IN IP6 2001:db8::1\r\n"), "{text}");
    assert_eq!(remote.rtp, "[2001:db8::7]:4000".parse().unwrap());
    assert_eq!(remote.rtcp, Some("[2001:db8::8]:4009".parse().unwrap()));
}

#[test]
fn the_session_keeps_its_origin_while_its_version_rises() {
    let mut ours = local();
    let first = offer(&ours);
    ours.turn(Direction::SendOnly);
    let second = offer(&ours);
    assert!(first.contains("o=- 4711 1 IN IP4 192.0.2.1\r\n"));
    assert!(second.contains("o=- 4711 2 IN IP4 192.0.2.1\r\n") && second.contains("a=sendonly"));
}

#[test]
fn mutated_descriptions_never_panic() {
    use rand::{Rng, SeedableRng};
    let seed = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
                m=audio 4000 RTP/AVP 0 8 96 101 4294967296\r\na=rtpmap:101 telephone-event/8000\r\n\
                a=fmtp:101 0-16\0\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1;usedtx=1\r\na=ptime:20\r\na=rtcp:4001\r\n";
    let mut rng = rand::rngs::StdRng::seed_from_u64(7);
    for _ in 0..5_000 {
        let mut bytes = seed.as_bytes().to_vec();
        for _ in 0..rng.random_range(1..6) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = rng.random();
        }
        fuzz_description(&bytes);
    }
}

#[test]
fn extended_reports_are_offered_and_sent_as_far_as_they_were_asked_for() {
    let media = |line: &str| format!("m=audio 4000 RTP/AVP 8\r\n{line}");
    let wanted = |line: &str| {
        let remote = answered(&media(line)).1;
        (remote.xr.voip_metrics, remote.xr.receiver_round_trip)
    };
    assert_eq!(wanted(""), (false, false));
    assert_eq!(wanted("a=rtcp-xr:voip-metrics\r\n"), (true, false));
    assert_eq!(wanted("a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss\r\n"), (false, true));
    assert_eq!(wanted("a=RTCP-XR:pkt-loss-rle VOIP-METRICS rcvr-rtt\r\n"), (true, true));
    assert_eq!(wanted("a=rtcp-xr\r\n"), (false, false));

    let line = "a=rtcp-xr:voip-metrics rcvr-rtt=all\r\n";
    assert!(offer(&local()).ends_with(line), "{}", offer(&local()));
    assert!(answered(&media("a=rtcp-xr:voip-metrics\r\n")).0.contains(line));
    assert!(!answered(&media("")).0.contains("rtcp-xr"), "who does not know it is not told");

    let ours = Description::parse(&offer(&local())).unwrap();
    let (text, remote) = answer(&mut local(), &ours, source(), false).unwrap();
    assert!(remote.xr.voip_metrics && remote.xr.receiver_round_trip);
    let theirs = Description::parse(&text).unwrap();
    assert!(accept(&mut local(), &theirs, source(), false).unwrap().xr.voip_metrics);
}

#[test]
fn extended_reports_of_the_session_hold_for_its_audio() {
    let text = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
        a=rtcp-xr:rcvr-rtt=all\r\nm=audio 4000 RTP/AVP 8\r\n";
    let (_, remote) =
        answer(&mut local(), &Description::parse(text).unwrap(), source(), false).unwrap();
    assert!(remote.xr.receiver_round_trip && !remote.xr.voip_metrics);
}

#[test]
fn one_port_for_both_is_answered_where_it_is_offered_and_not_taken_where_nobody_asked() {
    let media = |line: &str| format!("m=audio 4000 RTP/AVP 8\r\n{line}");
    let mux = "a=rtcp-mux\r\n";
    let (text, remote) = answered(&media(mux));
    assert!(remote.rtcp_mux && text.contains(mux), "{text}");
    let (text, remote) = answered(&media(""));
    assert!(!remote.rtcp_mux && !text.contains("rtcp-mux"), "{text}");
    for numbers in ["77 101", "96 77"] {
        let (audio, events) = numbers.split_once(' ').unwrap();
        let maps =
            format!("a=rtpmap:{audio} PCMA/8000\r\na=rtpmap:{events} telephone-event/8000\r\n");
        let (text, remote) = answered(&format!("m=audio 4000 RTP/AVP {numbers}\r\n{maps}{mux}"));
        assert!(!remote.rtcp_mux && !text.contains("rtcp-mux"), "77 with a marker is 205: {text}");
    }
    assert!(!offer(&local()).contains("rtcp-mux"), "plain offers have a port for each");
    let unasked = accept(&mut local(), &offer_of(&media(mux)), source(), false).unwrap();
    assert!(!unasked.rtcp_mux, "their reports go where our offer said");
}

#[test]
fn one_port_that_was_agreed_is_offered_again_until_the_peer_wants_two() {
    let media = |line: &str| format!("m=audio 4000 RTP/AVP 8\r\n{line}");
    let mux = "a=rtcp-mux\r\n";
    let mut ours = local();
    answer(&mut ours, &offer_of(&media(mux)), source(), false).unwrap();
    assert!(offer(&ours).contains(mux), "as to hold it");
    let still = accept(&mut ours, &offer_of(&media(mux)), source(), false).unwrap();
    assert!(still.rtcp_mux && offer(&ours).contains(mux));
    let apart = accept(&mut ours, &offer_of(&media("")), source(), false).unwrap();
    assert!(!apart.rtcp_mux && !offer(&ours).contains(mux));
    answer(&mut ours, &offer_of(&media(mux)), source(), false).unwrap();
    answer(&mut ours, &offer_of(&media("")), source(), false).unwrap();
    assert!(!offer(&ours).contains(mux), "an offer without it takes it back");
}
