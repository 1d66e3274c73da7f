//! Two sessions that talk to each other, with a network between them.

use super::*;
use terms::media::{SrtpKey, SrtpSuite};

/// Octets from hexadecimal text.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

fn key(seed: u8) -> SrtpKey {
    SrtpKey::new([seed; 32], [seed ^ 0x5A; 14])
}

fn agreed(suite: SrtpSuite) -> Srtp {
    Srtp { suite, send: key(1), receive: key(2) }
}

/// Both ends of a leg.
fn both(suite: SrtpSuite) -> (Session, Session) {
    let ours = agreed(suite);
    let theirs = Srtp { suite, send: ours.receive, receive: ours.send };
    (Session::new(ours), Session::new(theirs))
}

fn packet(ssrc: u32, seq: u16) -> Vec<u8> {
    let mut bytes = vec![0x80, 8];
    bytes.extend_from_slice(&seq.to_be_bytes());
    bytes.extend_from_slice(&[0, 0, 0, 1]);
    bytes.extend_from_slice(&ssrc.to_be_bytes());
    bytes.extend_from_slice(&[seq as u8; 160]);
    bytes
}

fn sealed(session: &mut Session, plain: &[u8]) -> Vec<u8> {
    let mut buffer = [plain, &[0; ROOM_BYTES]].concat();
    let len = session.protect(&mut buffer, plain.len()).expect("it is a new packet");
    buffer.truncate(len);
    buffer
}

fn opened(session: &mut Session, sealed: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut bytes = sealed.to_vec();
    let len = session.unprotect(&mut bytes)?;
    bytes.truncate(len);
    Ok(bytes)
}

#[test]
fn a_packet_of_libsrtps_own_check_from_its_master_key() {
    let master = "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6";
    let suite = SrtpSuite::AesCm128HmacSha1Tag80;
    let key = SrtpKey::of(suite, &hex(master)).unwrap();
    let mut session = Session::new(Srtp { suite, send: key, receive: key });
    let plain = hex("800f1234decafbadcafebabeabababababababababababababababab");
    let expected =
        hex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb");
    assert_eq!(sealed(&mut session, &plain), expected);
    assert_eq!(opened(&mut session, &expected), Ok(plain));
}

#[test]
fn every_suite_carries_audio_and_reports_both_ways() {
    for suite in SrtpSuite::ALL {
        let (mut ours, mut theirs) = both(suite);
        for seq in 65_000..65_400 {
            let plain = packet(7, seq);
            let wire = sealed(&mut ours, &plain);
            assert_ne!(wire[12..172], plain[12..], "{suite:?}");
            assert_eq!(opened(&mut theirs, &wire), Ok(plain), "{suite:?}");
            let plain = packet(9, seq);
            let wire = sealed(&mut theirs, &plain);
            assert_eq!(opened(&mut ours, &wire), Ok(plain), "{suite:?}");
        }
        for _ in 0..10 {
            let plain = [&[0x80, 200, 0, 6, 0, 0, 0, 7][..], &[0x11; 20]].concat();
            let mut buffer = [&plain[..], &[0; ROOM_BYTES]].concat();
            let len = ours.protect_rtcp(&mut buffer, plain.len()).unwrap();
            assert_ne!(buffer[8..28], plain[8..]);
            let mut again = buffer.clone();
            assert_eq!(theirs.unprotect_rtcp(&mut buffer[..len]), Ok(plain.len()), "{suite:?}");
            assert_eq!(buffer[..plain.len()], plain);
            assert_eq!(theirs.unprotect_rtcp(&mut again[..len]), Err(Refused::Replayed));
        }
    }
}

#[test]
fn contributing_sources_and_extensions_stay_readable_and_authentic() {
    for suite in SrtpSuite::ALL {
        let (mut ours, mut theirs) = both(suite);
        let mut plain = packet(7, 1);
        plain[0] = 0x92;
        plain.splice(12..12, [1, 1, 1, 1, 2, 2, 2, 2, 0xBE, 0xDE, 0, 1, 9, 9, 9, 9]);
        let wire = sealed(&mut ours, &plain);
        assert_eq!(wire[..28], plain[..28]);
        let mut forged = wire.clone();
        forged[26] ^= 1;
        assert_eq!(opened(&mut theirs, &forged), Err(Refused::Unauthenticated));
        assert_eq!(opened(&mut theirs, &wire), Ok(plain));
    }
}

#[test]
fn the_roll_over_counter_follows_every_wrap_loss_and_disorder() {
    for suite in SrtpSuite::ALL {
        let (mut ours, mut theirs) = both(suite);
        // Three rounds of all numbers, of which every 97th arrives, pairs in the wrong order.
        let mut late: Option<(Vec<u8>, Vec<u8>)> = None;
        for n in (30_000_u32..30_000 + 3 * 65_536).step_by(97) {
            let plain = packet(7, n as u16);
            let wire = sealed(&mut ours, &plain);
            match late.take() {
                None => late = Some((wire, plain)),
                Some((earlier, its_plain)) => {
                    assert_eq!(opened(&mut theirs, &wire), Ok(plain), "{suite:?} {n}");
                    assert_eq!(opened(&mut theirs, &earlier), Ok(its_plain), "{suite:?} {n}");
                }
            }
        }
    }
}

#[test]
fn packets_lost_before_the_first_wrap_do_not_lock_a_stream_out() {
    let (mut ours, mut theirs) = both(SrtpSuite::AeadAes128Gcm);
    for seq in 65_530..=65_535 {
        sealed(&mut ours, &packet(7, seq));
    }
    for seq in 0..10 {
        let wire = sealed(&mut ours, &packet(7, seq));
        assert_eq!(opened(&mut theirs, &wire), Ok(packet(7, seq)));
    }
}

#[test]
fn a_repeated_packet_and_one_older_than_the_window_are_refused() {
    for suite in SrtpSuite::ALL {
        let (mut ours, mut theirs) = both(suite);
        let wires: Vec<_> =
            (65_400..65_535).map(|seq| sealed(&mut ours, &packet(7, seq))).collect();
        for wire in wires.iter().skip(2) {
            assert!(opened(&mut theirs, wire).is_ok());
            assert_eq!(opened(&mut theirs, wire), Err(Refused::Replayed));
        }
        assert_eq!(opened(&mut theirs, &wires[0]), Err(Refused::Replayed), "too old to know");
    }
}

#[test]
fn a_number_is_used_for_one_packet_only() {
    let (mut ours, _) = both(SrtpSuite::AeadAes256Gcm);
    sealed(&mut ours, &packet(7, 5));
    let mut buffer = [&packet(7, 5)[..], &[0; ROOM_BYTES]].concat();
    assert_eq!(ours.protect(&mut buffer, 172), Err(Refused::Replayed));
}

#[test]
fn counters_survive_another_source_and_the_same_key_agreed_again() {
    for suite in SrtpSuite::ALL {
        let (mut ours, mut theirs) = both(suite);
        let mut say = |theirs: &mut Session, ssrc: u32, seq: u16| {
            let plain = packet(ssrc, seq);
            // One sender for each source, as a phone that rings another of its lines has.
            let wire = sealed(&mut ours, &plain);
            assert_eq!(opened(theirs, &wire), Ok(plain), "{suite:?} {ssrc} {seq}");
        };
        say(&mut theirs, 7, 65_534);
        say(&mut theirs, 7, 65_535);
        say(&mut theirs, 7, 0);
        let again = Srtp { suite, send: key(2), receive: key(1) };
        theirs.rekey(&again);
        say(&mut theirs, 7, 1);
        // Another source begins with zero; the first is remembered with one.
        let mut other = Session::new(agreed(suite));
        let wire = sealed(&mut other, &packet(8, 100));
        assert_eq!(opened(&mut theirs, &wire), Ok(packet(8, 100)));
        say(&mut theirs, 7, 2);
    }
}

#[test]
fn a_new_key_begins_anew_and_the_old_one_is_no_use() {
    for suite in SrtpSuite::ALL {
        let (mut ours, mut theirs) = both(suite);
        for seq in [65_535, 0] {
            let wire = sealed(&mut ours, &packet(7, seq));
            assert!(opened(&mut theirs, &wire).is_ok());
        }
        theirs.rekey(&Srtp { suite, send: key(2), receive: key(3) });
        let wire = sealed(&mut ours, &packet(7, 1));
        assert_eq!(opened(&mut theirs, &wire), Err(Refused::Unauthenticated));
        // A phone that begins to count anew, and one that counts on.
        ours.rekey(&Srtp { suite, send: key(3), receive: key(2) });
        let wire = sealed(&mut ours, &packet(7, 2));
        assert_eq!(opened(&mut theirs, &wire), Ok(packet(7, 2)));
    }
}

/// Some phones take a new key and count on: beyond the first wraps nothing but the counter under the
/// key before tells where they stand.
#[test]
fn a_phone_that_counts_on_under_a_new_key_is_understood_after_several_wraps() {
    for suite in SrtpSuite::ALL {
        let (mut ours, mut theirs) = both(suite);
        for n in (60_000_u32..=140_000).step_by(20_000) {
            let wire = sealed(&mut ours, &packet(7, n as u16));
            assert!(opened(&mut theirs, &wire).is_ok(), "{suite:?} {n}");
        }
        ours.rekey(&Srtp { suite, send: key(3), receive: key(2) });
        theirs.rekey(&Srtp { suite, send: key(2), receive: key(3) });
        let (sent, next) = (140_000_u64, 140_001_u32 as u16);
        ours.resume((Ssrc(7), sent), 0, None, 0);
        let wire = sealed(&mut ours, &packet(7, next));
        assert_eq!(opened(&mut theirs, &wire), Ok(packet(7, next)), "{suite:?}");
    }
}

#[test]
fn what_is_too_short_too_long_or_lies_about_its_length_is_malformed() {
    for suite in SrtpSuite::ALL {
        let (mut ours, mut theirs) = both(suite);
        let wire = sealed(&mut ours, &packet(7, 1));
        for len in 0..wire.len() {
            let refused = opened(&mut theirs, &wire[..len]).unwrap_err();
            assert_ne!(refused, Refused::Replayed, "{len}");
        }
        let mut lying = wire.clone();
        lying[0] |= 0x10;
        lying[14..16].copy_from_slice(&[0xFF, 0xFF]);
        assert_eq!(opened(&mut theirs, &lying), Err(Refused::Malformed));
        let long = [&wire[..], &[0; DATAGRAM_BYTES_MAX]].concat();
        assert_eq!(opened(&mut theirs, &long), Err(Refused::Malformed));
        for len in 0..40 {
            assert!(theirs.unprotect_rtcp(&mut wire.clone()[..len]).is_err(), "{len}");
        }
        let mut narrow = packet(7, 2);
        assert_eq!(ours.protect(&mut narrow, 172), Err(Refused::Malformed), "no room for a tag");
        assert_eq!(ours.protect(&mut [0x80; 4], 4), Err(Refused::Malformed));
        assert_eq!(ours.protect_rtcp(&mut [0x80; 28], 28), Err(Refused::Malformed));
        assert_eq!(opened(&mut theirs, &wire), Ok(packet(7, 1)), "nothing of it did harm");
    }
}

#[test]
fn a_flood_of_forgeries_changes_no_counter() {
    for suite in SrtpSuite::ALL {
        let (mut ours, mut theirs) = both(suite);
        let wire = sealed(&mut ours, &packet(7, 1));
        assert!(opened(&mut theirs, &wire).is_ok());
        for n in 0..10_000_u32 {
            let mut forged = wire.clone();
            forged[2..4].copy_from_slice(&(n as u16).wrapping_mul(31).max(2).to_be_bytes());
            forged[8..12].copy_from_slice(&(7 + n % 3).to_be_bytes());
            assert!(opened(&mut theirs, &forged).is_err());
        }
        let wire = sealed(&mut ours, &packet(7, 2));
        assert_eq!(opened(&mut theirs, &wire), Ok(packet(7, 2)));
    }
}

#[test]
fn keys_are_in_no_debug_output() {
    let shown = format!("{:?}", both(SrtpSuite::AeadAes128Gcm).0);
    assert_eq!(shown, "Session(AEAD_AES_128_GCM)");
}
