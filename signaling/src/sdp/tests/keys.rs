//! Keys in offers and answers: who offers what, what is agreed, and when a key stays or goes.

use super::*;
use terms::media::{Remote, SrtpPolicy, SrtpSuite};

const KEY: &str = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";
const OTHER: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

fn secured(policy: SrtpPolicy) -> Local {
    Local { security: Security::new(policy, [7; 32], None), ..local() }
}

fn savp(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("a=crypto:{line}\r\n")).collect();
    format!("m=audio 4000 RTP/SAVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n{lines}")
}

fn plain(lines: &[&str]) -> String {
    savp(lines).replace("SAVP", "AVP")
}

fn take(ours: &mut Local, media: &str) -> Result<(String, Remote), Refused> {
    answer(ours, &offer_of(media), source(), false)
}

/// An offer of ours, answered by a phone of this policy, and what both sides have then.
fn call(
    ours: &mut Local,
    theirs: &mut Local,
) -> (Result<Remote, Refused>, Result<Remote, Refused>) {
    let offered = Description::parse(&offer(ours)).unwrap();
    match answer(theirs, &offered, source(), false) {
        Ok((text, remote)) => {
            let answered = Description::parse(&text).unwrap();
            (accept(ours, &answered, source(), false), Ok(remote))
        }
        Err(refused) => (Err(refused.clone()), Err(refused)),
    }
}

#[test]
fn an_encrypted_offer_is_answered_with_its_first_suite_that_we_know_and_a_key_of_ours() {
    let lines = [
        format!("3 F8_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("7 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^31"),
        format!("8 AES_CM_128_HMAC_SHA1_80 inline:{OTHER}"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    for policy in [SrtpPolicy::Off, SrtpPolicy::Optional, SrtpPolicy::Required] {
        let (text, remote) = take(&mut secured(policy), &savp(&lines)).unwrap();
        assert!(text.contains("m=audio 20000 RTP/SAVP 8 101\r\n"), "{text}");
        assert_eq!(text.matches("a=crypto:").count(), 1);
        assert!(text.contains("a=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:"), "{text}");
        assert!(!text.contains(KEY), "the answer has a key of its own");
        let srtp = remote.srtp.expect("it is encrypted");
        assert_eq!(srtp.suite, SrtpSuite::AesCm128HmacSha1Tag32);
        assert_eq!(srtp.receive.key(srtp.suite), b"=-n@%^x!Bjufr9)?");
        assert_ne!(srtp.receive, srtp.send);
    }
}

#[test]
fn what_we_offer_both_sides_agree_on_and_each_sends_with_its_own_key() {
    use SrtpPolicy::{Off, Optional, Required};
    for (ours, theirs, encrypted) in [
        (Off, Off, Some(false)),
        (Off, Optional, Some(false)),
        (Off, Required, None),
        (Optional, Off, Some(false)),
        (Optional, Optional, Some(true)),
        (Optional, Required, Some(true)),
        (Required, Off, Some(true)),
        (Required, Optional, Some(true)),
        (Required, Required, Some(true)),
    ] {
        let mut theirs = Local { security: Security::new(theirs, [9; 32], None), ..local() };
        let (we, they) = call(&mut secured(ours), &mut theirs);
        match encrypted {
            None => assert_eq!(we, Err(Refused::Plain)),
            Some(false) => assert_eq!((we.unwrap().srtp, they.unwrap().srtp), (None, None)),
            Some(true) => {
                let (we, they) = (we.unwrap().srtp.unwrap(), they.unwrap().srtp.unwrap());
                assert_eq!(we.suite, SrtpSuite::AeadAes256Gcm, "the strongest is offered first");
                let on_the_wire = |key: &terms::media::SrtpKey| {
                    (key.key(we.suite).to_vec(), key.salt(we.suite).to_vec())
                };
                assert_eq!(on_the_wire(&we.send), on_the_wire(&they.receive));
                assert_eq!(on_the_wire(&we.receive), on_the_wire(&they.send));
                assert_ne!(we.send, we.receive);
            }
        }
    }
}

#[test]
fn an_offer_is_as_the_policy_says_and_every_line_has_a_key_of_its_own() {
    let text = offer(&secured(SrtpPolicy::Off));
    assert!(text.contains("RTP/AVP ") && !text.contains("a=crypto"), "{text}");
    let text = offer(&secured(SrtpPolicy::Optional));
    assert!(text.contains("RTP/AVP ") && text.matches("a=crypto:").count() == 4, "{text}");
    let text = offer(&secured(SrtpPolicy::Required));
    assert!(text.contains("RTP/SAVP "), "{text}");
    let mut keys: Vec<&str> = text.split("inline:").skip(1).map(|k| &k[..20]).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 4);
    // Another leg has other keys; the same secret gives the same.
    assert_eq!(text, offer(&secured(SrtpPolicy::Required)));
    let other = Local { security: Security::new(SrtpPolicy::Required, [8; 32], None), ..local() };
    let shares = offer(&other).split("inline:").skip(1).any(|key| text.contains(&key[..20]));
    assert!(!shares);
}

#[test]
fn without_a_usable_key_an_encrypted_stream_is_refused() {
    let mki = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4");
    let none: &[&str] = &[];
    for lines in [none, &[mki.as_str()], &["1 AES_CM_128_HMAC_SHA1_80 inline:AAAA"]] {
        let refused = take(&mut secured(SrtpPolicy::Optional), &savp(lines)).unwrap_err();
        assert_eq!(refused, Refused::NoKeys);
    }
    let good = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    assert_eq!(take(&mut local(), &savp(&[&good])).unwrap_err(), Refused::NoKeys, "no secret");
    // With feedback a handshake is meant, and this has none.
    let browser = savp(&[&good]).replace("RTP/SAVP", "RTP/SAVPF");
    assert_eq!(take(&mut secured(SrtpPolicy::Optional), &browser).unwrap_err(), Refused::NoAudio);
}

#[test]
fn keys_beside_plain_audio_are_taken_where_the_policy_likes_them() {
    let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    let offer = plain(&[&line]);
    let (text, remote) = take(&mut secured(SrtpPolicy::Off), &offer).unwrap();
    assert!(remote.srtp.is_none() && !text.contains("a=crypto"));
    for policy in [SrtpPolicy::Optional, SrtpPolicy::Required] {
        let (text, remote) = take(&mut secured(policy), &offer).unwrap();
        assert!(remote.srtp.is_some() && text.contains("RTP/AVP "), "{text}");
    }
    assert!(take(&mut secured(SrtpPolicy::Optional), &plain(&[])).unwrap().1.srtp.is_none());
    let refused = take(&mut secured(SrtpPolicy::Required), &plain(&[])).unwrap_err();
    assert_eq!(refused, Refused::Plain);
}

#[test]
fn of_two_streams_the_encrypted_one_is_taken_where_the_policy_likes_it() {
    let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    let both = format!("{}{}", plain(&[]), savp(&[&line]).replace("4000", "4002"));
    let (text, remote) = take(&mut secured(SrtpPolicy::Off), &both).unwrap();
    assert_eq!((remote.rtp.port(), remote.srtp), (4000, None));
    assert!(text.contains("m=audio 0 RTP/SAVP"), "{text}");
    let (text, remote) = take(&mut secured(SrtpPolicy::Optional), &both).unwrap();
    assert!(remote.rtp.port() == 4002 && remote.srtp.is_some());
    assert!(text.contains("m=audio 0 RTP/AVP"), "{text}");
}

#[test]
fn an_answer_must_name_a_line_of_ours() {
    let answered = |policy: SrtpPolicy, media: &str| {
        accept(&mut secured(policy), &offer_of(media), source(), false).map(|remote| remote.srtp)
    };
    let ours = format!("3 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    assert!(answered(SrtpPolicy::Required, &savp(&[&ours])).unwrap().is_some());
    for wrong in [
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
        format!("9 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
    ] {
        assert_eq!(answered(SrtpPolicy::Required, &savp(&[&wrong])), Err(Refused::NoKeys));
        assert_eq!(answered(SrtpPolicy::Optional, &plain(&[&wrong])), Ok(None));
    }
    assert_eq!(answered(SrtpPolicy::Required, &plain(&[])), Err(Refused::Plain));
    assert_eq!(answered(SrtpPolicy::Off, &savp(&[&ours])), Err(Refused::NoKeys));
    assert_eq!(answered(SrtpPolicy::Off, &plain(&[&ours])), Ok(None), "nobody offered it");
}

#[test]
fn a_re_invite_keeps_our_key_and_takes_theirs_and_our_own_offer_repeats_what_is_in_use() {
    let mut ours = secured(SrtpPolicy::Off);
    let with = |key: &str| savp(&[&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{key}")]);
    let first = take(&mut ours, &with(KEY)).unwrap().1.srtp.unwrap();
    let hold = take(&mut ours, &(with(KEY) + "a=sendonly\r\n")).unwrap().1.srtp.unwrap();
    assert_eq!(hold, first);
    let changed = take(&mut ours, &with(OTHER)).unwrap().1.srtp.unwrap();
    assert_eq!(changed.send, first.send);
    assert_ne!(changed.receive, first.receive);
    let text = offer(&ours);
    assert!(text.contains("RTP/SAVP ") && text.matches("a=crypto:").count() == 1, "{text}");
    let answered = offer_of(&with(OTHER));
    assert_eq!(accept(&mut ours, &answered, source(), false).unwrap().srtp, Some(changed));
}

#[test]
fn a_key_that_was_left_is_never_used_again() {
    let mut ours = secured(SrtpPolicy::Optional);
    let eighty = savp(&[&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}")]);
    let thirty_two = savp(&[&format!("1 AES_CM_128_HMAC_SHA1_32 inline:{KEY}")]);
    let mut seen: Vec<terms::media::SrtpKey> = Vec::new();
    for media in [&eighty, &thirty_two, &eighty, &plain(&[]), &eighty, &thirty_two] {
        let remote = take(&mut ours, media).unwrap().1;
        if let Some(srtp) = remote.srtp {
            assert!(!seen.contains(&srtp.send), "used before");
            seen.push(srtp.send);
        }
    }
    assert_eq!(seen.len(), 5);
}

#[test]
fn keys_that_no_peer_knows_are_not_kept_and_made_anew() {
    let kept = |local: &Local| postcard::to_allocvec(local).unwrap();
    let mut off = secured(SrtpPolicy::Off);
    let without = kept(&off);
    assert!(without.len() < 60, "{} octets", without.len());
    assert!(kept(&secured(SrtpPolicy::Optional)).len() > 4 * 46);
    let mut again: Local = postcard::from_bytes(&without).unwrap();
    again.security.reseed([5; 32]);
    let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    take(&mut again, &savp(&[&line])).unwrap();
    // Once they are in use they are kept, and the same.
    let (text, _) = take(&mut off, &savp(&[&line])).unwrap();
    let mut on: Local = postcard::from_bytes(&kept(&off)).unwrap();
    on.security.reseed([5; 32]);
    assert_eq!(take(&mut on, &savp(&[&line])).unwrap().0, text);
}

#[test]
fn keys_are_in_no_debug_output() {
    let mut ours = secured(SrtpPolicy::Required);
    let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    let media = savp(&[&line]);
    let remote = take(&mut ours, &media).unwrap().1;
    let shown = format!("{ours:?} {remote:?} {:?}", offer_of(&media));
    assert!(!shown.contains(KEY) && !shown.contains("61, 45, 110"), "{shown}");
    assert!(shown.contains("SrtpKey(…)"));
}
