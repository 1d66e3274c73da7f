//! G.729: taken where it is named, agreed without Annex B, and refused where it is off.

use super::*;

/// A leg that speaks it last.
fn with_g729() -> Local {
    Local { codecs: vec![Codec::Pcma, Codec::G729], ..local() }
}

#[test]
fn g729_is_agreed_without_annex_b_whatever_the_offer_says_of_it() {
    for (offered, number) in [
        ("m=audio 4000 RTP/AVP 18 101\r\n", 18),
        ("m=audio 4000 RTP/AVP 18 101\r\na=fmtp:18 annexb=no\r\n", 18),
        ("m=audio 4000 RTP/AVP 18 101\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=yes\r\n", 18),
        ("m=audio 4000 RTP/AVP 0 18 101\r\na=rtpmap:18 G729/8000/1\r\n", 18),
        ("m=audio 4000 RTP/AVP 18 101\r\na=rtpmap:18 G729a/8000\r\n", 18),
        ("m=audio 4000 RTP/AVP 18 101\r\na=rtpmap:18 g729AB/8000\r\n", 18),
        ("m=audio 4000 RTP/AVP 97 101\r\na=rtpmap:97 G729/8000\r\na=fmtp:97 annexb=yes\r\n", 97),
    ] {
        let offered = format!("{offered}a=rtpmap:101 telephone-event/8000\r\na=ptime:30\r\n");
        let (text, remote) =
            answer(&mut with_g729(), &offer_of(&offered), source(), false).unwrap();
        let agreed = (remote.send.codec, remote.send.audio, remote.receive.audio);
        assert_eq!(agreed, (Codec::G729, PayloadType(number), PayloadType(number)), "{offered}");
        assert_eq!((remote.send.dtmf, remote.send.dtmf_hz), (Some(PayloadType(101)), 8_000));
        assert_eq!((remote.send.wishes, remote.ptime_ms), (Wishes::default(), 30));
        for line in [
            format!("m=audio 20000 RTP/AVP {number} 101\r\n"),
            format!("a=rtpmap:{number} G729/8000\r\n"),
            format!("a=fmtp:{number} annexb=no\r\n"),
        ] {
            assert!(text.contains(&line), "{line} is missing in {text}");
        }
        assert!(!text.contains("annexb=yes"), "{text}");
    }
}

#[test]
fn g729_is_offered_without_annex_b_and_an_answer_with_it_is_taken() {
    let ours = offer(&with_g729());
    assert!(ours.contains("m=audio 20000 RTP/AVP 8 18 101\r\n"), "{ours}");
    assert!(ours.contains("a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n"), "{ours}");
    for answered in ["", "a=fmtp:18 annexb=no\r\n", "a=fmtp:18 annexb=yes\r\n"] {
        let theirs = offer_of(&format!("m=audio 4000 RTP/AVP 18\r\n{answered}"));
        let remote = accept(&mut with_g729(), &theirs, source(), false).unwrap();
        assert_eq!((remote.send.codec, remote.receive.audio), (Codec::G729, PayloadType(18)));
    }
}

#[test]
fn our_list_decides_whether_g729_or_a_law_is_spoken() {
    let both = offer_of("m=audio 4000 RTP/AVP 18 8\r\na=fmtp:18 annexb=no\r\n");
    let chosen = |codecs: &[Codec]| {
        let mut ours = Local { codecs: codecs.to_vec(), ..local() };
        answer(&mut ours, &both, source(), false).map(|(_, remote)| remote.send.codec)
    };
    assert_eq!(chosen(&[Codec::Pcma, Codec::G729]), Ok(Codec::Pcma));
    assert_eq!(chosen(&[Codec::G729, Codec::Pcma]), Ok(Codec::G729));
}

#[test]
fn where_g729_is_off_it_is_passed_over_and_alone_it_is_refused() {
    let off = || Local { codecs: vec![Codec::Pcma, Codec::Pcmu, Codec::G722], ..local() };
    let said = |media: &str| {
        answer(&mut off(), &offer_of(media), source(), false)
            .map(|(text, remote)| (text, remote.send.codec))
    };
    for alone in [
        "m=audio 4000 RTP/AVP 18\r\na=fmtp:18 annexb=no\r\n",
        "m=audio 4000 RTP/AVP 18 101\r\na=rtpmap:18 G729/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\n",
        "m=audio 4000 RTP/AVP 18\r\nm=audio 4002 RTP/AVP 18\r\n",
    ] {
        assert_eq!(said(alone), Err(Refused::NoCodec), "{alone}");
    }
    let (text, codec) = said("m=audio 4000 RTP/AVP 18 8\r\na=fmtp:18 annexb=no\r\n").unwrap();
    assert!(codec == Codec::Pcma && text.contains("m=audio 20000 RTP/AVP 8\r\n"), "{text}");
    // A stream of it alone is not taken before one that is spoken here.
    let two = "m=audio 4000 RTP/AVP 18\r\nm=audio 4002 RTP/AVP 0\r\n";
    let (text, codec) = said(two).unwrap();
    assert_eq!(codec, Codec::Pcmu);
    assert!(text.contains("m=audio 0 RTP/AVP 18\r\nm=audio 20000 RTP/AVP 0\r\n"), "{text}");
}
