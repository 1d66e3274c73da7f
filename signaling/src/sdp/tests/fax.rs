//! T.38 in descriptions, in the forms that gateways send.

use super::*;
use crate::sdp::fax::{self, ErrorCorrection, Image, RateManagement, T38};

/// Values for flags, a version line first: the form of open-source exchanges.
const WITH_FLAGS: &str = "m=image 4006 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n\
     a=T38FaxFillBitRemoval:0\r\na=T38FaxTranscodingMMR:1\r\na=T38FaxTranscodingJBIG:0\r\n\
     a=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxDatagram:400\r\n\
     a=T38FaxUdpEC:t38UDPRedundancy\r\n";
/// Audio switched off beside it, capitals, spaces, other spellings: the form of older gateways.
const MISSPELT: &str = "m=audio 0 RTP/AVP 8\r\nm=image 4006 UDPTL t38\r\n\
     a=t38faxversion: 3\r\na=T38FaxMaxBitRate:9600 \r\na=T38FaxFillBitRemoval\r\n\
     a=T38FaxRateManagement:transferedTCF\r\na=T38FaxMaxBuffer:200\r\na=T38MaxDatagram:72\r\n\
     a=T38FaxUdpEC:T38UDPFEC\r\na=T38VendorInfo:0 0 37\r\na=sendrecv\r\n";

fn image_of(media: &str) -> Image {
    offer_of(media).image().expect("there is a fax stream").clone()
}

#[test]
fn what_a_gateway_says_is_read_in_every_spelling() {
    let asked = image_of(WITH_FLAGS);
    assert_eq!(asked.udptl, "198.51.100.7:4006".parse().unwrap());
    let t38 = T38 {
        version: Some(0),
        bitrate_max: Some(14_400),
        transcodes_mmr: true,
        rate_management: Some(RateManagement::Transferred),
        datagram_bytes_max: Some(400),
        error_correction: Some(ErrorCorrection::Redundancy),
        ..T38::default()
    };
    assert_eq!(asked.t38, t38);
    let asked = image_of(MISSPELT);
    let t38 = T38 {
        version: Some(3),
        bitrate_max: Some(9_600),
        fill_bit_removal: true,
        rate_management: Some(RateManagement::Transferred),
        buffer_bytes_max: Some(200),
        datagram_bytes_max: Some(72),
        error_correction: Some(ErrorCorrection::Fec),
        ..T38::default()
    };
    assert_eq!(asked.t38, t38);
    assert_eq!(image_of("m=image 4006 udptl t38\r\n").t38, T38::default(), "all are optional");
}

#[test]
fn an_offer_to_the_other_party_means_the_same_and_has_our_address() {
    for theirs in [WITH_FLAGS, MISSPELT] {
        let asked = image_of(theirs);
        let text = fax::offer(&local(), &asked.t38);
        let ours = Description::parse(&text).unwrap();
        assert!(ours.is_fax(&Codec::ALL) && ours.lines.len() == 1, "{text}");
        let passed = ours.image().unwrap();
        assert_eq!((passed.t38, passed.udptl), (asked.t38, "192.0.2.1:20000".parse().unwrap()));
        assert!(!text.contains("Vendor") && !text.contains(":0\r\na=T38FaxT"), "{text}");
    }
    let text = fax::offer(&local(), &image_of(WITH_FLAGS).t38);
    let image = &text[text.find("m=image").unwrap()..];
    assert_eq!(
        image,
        "m=image 20000 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n\
         a=T38FaxTranscodingMMR\r\na=T38FaxRateManagement:transferredTCF\r\n\
         a=T38FaxMaxDatagram:400\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
    );
}

#[test]
fn an_answer_repeats_every_line_of_the_offer() {
    let t38 = image_of(WITH_FLAGS).t38;
    let text = fax::answer(&local(), &offer_of(MISSPELT), &t38).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(lines, ["m=audio 0 RTP/AVP 8", "m=image 20000 UDPTL t38"]);
    assert_eq!(Description::parse(&text).unwrap().image().unwrap().t38, t38);
    let audio = offer_of("m=audio 4000 RTP/AVP 8\r\n");
    assert_eq!(fax::answer(&local(), &audio, &t38), Err(Refused::NoFax));
}

#[test]
fn audio_that_runs_beside_it_is_kept_and_fax_alone_is_none() {
    let both = offer_of("m=audio 4000 RTP/AVP 8\r\nm=image 4006 udptl t38\r\n");
    assert!(!both.is_fax(&local().codecs) && both.image().is_some());
    let (text, remote) = answer(&mut local(), &both, source(), false).unwrap();
    assert!(text.contains("m=image 0 udptl t38") && remote.rtp.port() == 4000, "{text}");
    assert!(offer_of(MISSPELT).is_fax(&local().codecs));
    // Audio that is not spoken here cannot run on.
    let unspoken = offer_of("m=audio 4000 RTP/AVP 18\r\nm=image 4006 udptl t38\r\n");
    assert!(unspoken.is_fax(&local().codecs) && !unspoken.is_fax(&[Codec::Pcma, Codec::G729]));
    for unusable in [
        "m=image 0 udptl t38\r\n",
        "m=image 4006 tcp t38\r\n",
        "m=image 4006 udptl jpeg\r\n",
        "m=image 4006 udptl t38\r\nc=IN IP4 0.0.0.0\r\n",
        "m=image 4006 udptl t38\r\nc=IN IP4 239.1.2.3\r\n",
        "m=image 4006 udptl t38\r\nc=IN IP4 fax.example.com\r\n",
    ] {
        assert_eq!(offer_of(unusable).image(), None, "{unusable}");
    }
}

#[test]
fn hostile_values_are_bounded_or_forgotten() {
    let image = image_of(
        "m=image 4006 udptl t38\r\na=T38FaxVersion:4294967296\r\na=T38MaxBitRate:999999999999\r\n\
         a=T38FaxMaxBuffer:18446744073709551615\r\na=T38FaxMaxDatagram:65535\r\n\
         a=T38FaxRateManagement:\u{1F4E0}\r\na=T38FaxUdpEC:t38UDPHope\r\n",
    );
    assert_eq!((image.t38.version, image.t38.bitrate_max), (Some(9), Some(33_600)));
    assert_eq!(image.t38.buffer_bytes_max, Some(65_535));
    assert_eq!(image.t38.datagram_bytes_max, Some(640), "no more than we pass on");
    assert_eq!((image.t38.rate_management, image.t38.error_correction), (None, None));
    let image = image_of(
        "m=image 4006 udptl t38\r\na=T38FaxMaxDatagram:0\r\na=T38FaxMaxBuffer:-1\r\n\
         a=T38MaxBitRate:fast\r\na=T38FaxVersion\r\na=T38FaxMaxDatagram:300\r\n",
    );
    assert_eq!(image.t38, T38::default(), "the first word on a thing counts");
}

#[test]
fn a_private_place_behind_a_public_gateway_is_behind_a_nat() {
    let remote = |media: &str, nat| image_of(media).remote(source(), nat);
    assert!(!remote(WITH_FLAGS, false).nat && remote(WITH_FLAGS, true).nat);
    let inside = remote("m=image 4006 udptl t38\r\nc=IN IP4 10.1.2.3\r\n", false);
    assert!(inside.nat && inside.signalling == source());
    assert_eq!(inside.udptl, "10.1.2.3:4006".parse().unwrap());
}
