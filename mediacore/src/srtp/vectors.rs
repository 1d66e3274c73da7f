//! The test vectors of the RFCs. Those of RFC 7714 begin with session keys.

use super::cipher::Cipher;
use super::keys;
use super::tests::hex;
use super::{RTCP_ENCRYPTED, Ssrc};

/// RFC 7714 §16: an RTP packet of sequence number 0xf17b and roll-over counter 0.
const RTP: &str = "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320646976\
                   69736120696e207061727465732074726573";
/// RFC 7714 §17: an RTCP packet of "Mars"; its index is 0x5d4.
const RTCP: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61\
                    deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
const INDEX: u32 = 0x5d4;

/// The session keys of RFC 7714 §16 and §17.
fn galois(key_bytes: usize) -> Cipher {
    let key: Vec<u8> = (0..key_bytes as u8).collect();
    let mut salt = [0; 14];
    salt[..12].copy_from_slice(b"Quid pro quo");
    Cipher::galois(&key, &salt)
}

#[test]
fn keystreams_of_rfc_3711_b_2() {
    let key = keys::counter_key(&hex("2B7E151628AED2A6ABF7158809CF4F3C"));
    let at = |low: u16| {
        let counter = hex(&format!("F0F1F2F3F4F5F6F7F8F9FAFBFCFD{low:04X}"));
        let mut out = [0; 16];
        keys::keystream(&key, counter.try_into().unwrap(), &mut out);
        out.to_vec()
    };
    for (low, expected) in [
        (0, "E03EAD0935C95E80E166B16DD92B4EB4"),
        (1, "D23513162B02D0F72A43A2FE4A5F97AB"),
        (2, "41E95B3BB0A2E8DD477901E4FCA894C0"),
        (0xFEFF, "EC8CDF7398607CB0F2D21675EA9EA1E4"),
        (0xFF00, "362B7C3C6773516318A077D7FC5073AE"),
        (0xFF01, "6A2CC3787889374FBEB4C81B17BA6C44"),
    ] {
        assert_eq!(at(low), hex(expected), "counter {low:#x}");
    }
}

#[test]
fn session_keys_of_rfc_3711_b_3() {
    let key = hex("E1F97A0D3E018BE0D64FA32C06DE4139");
    let salt = hex("0EC675AD498AFEEBB6960B3AABE6");
    let derived = |label: u8, len: usize| {
        let mut out = vec![0xFF; len];
        keys::derive(&key, &salt, label, &mut out);
        out
    };
    assert_eq!(derived(0, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derived(2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    let auth = "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCE\
                E049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC25\
                6D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2DC68";
    assert_eq!(derived(1, 94), hex(auth)[..94]);
}

#[test]
fn packets_of_rfc_7714_16() {
    let sealed_128 = "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd5\
                      0d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce";
    let sealed_256 = "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab1801238\
                      9a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13";
    for (key_bytes, sealed) in [(16, sealed_128), (32, sealed_256)] {
        let (cipher, plain, sealed) = (galois(key_bytes), hex(RTP), hex(sealed));
        let (ssrc, index) = (Ssrc(0x5501_a0b2), 0xf17b);
        let mut buffer = [&plain[..], &[0; 16]].concat();
        assert_eq!(cipher.seal(&mut buffer, 12, plain.len(), ssrc, index), sealed.len());
        assert_eq!(buffer, sealed);
        assert_eq!(cipher.open(&mut buffer, 12, ssrc, index), Some(plain.len()));
        assert_eq!(buffer[..plain.len()], plain);
        for at in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[at] ^= 1;
            assert_eq!(cipher.open(&mut forged, 12, ssrc, index), None, "bit {at}");
        }
    }
}

#[test]
fn reports_of_rfc_7714_17() {
    let sealed_128 = "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32d\
                      c676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf872\
                      45d9eade800005d4";
    let sealed_256 = "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50\
                      a2eaa5c1110555be8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6c\
                      b26ac3be800005d4";
    let tagged_128 = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61\
                      deadbeefdeadbeefdeadbeefdeadbeefdeadbeef841dd9683dd78ec92ae58790\
                      125f62b3000005d4";
    let (plain, ssrc) = (hex(RTCP), Ssrc(u32::from_be_bytes(*b"Mars")));
    for (key_bytes, sealed) in [(16, sealed_128), (32, sealed_256)] {
        let (cipher, sealed) = (galois(key_bytes), hex(sealed));
        let mut buffer = [&plain[..], &[0; 20]].concat();
        let word = INDEX | RTCP_ENCRYPTED;
        assert_eq!(cipher.seal_rtcp(&mut buffer, plain.len(), ssrc, word), sealed.len());
        assert_eq!(buffer, sealed);
        assert_eq!(cipher.rtcp_index(&buffer), word);
        assert_eq!(cipher.open_rtcp(&mut buffer, ssrc, word, true), Some(plain.len()));
        assert_eq!(buffer[..plain.len()], plain);
    }
    // What is not encrypted is authenticated all the same (§17.3).
    let mut tagged = hex(tagged_128);
    assert_eq!(galois(16).rtcp_index(&tagged), INDEX);
    assert_eq!(galois(16).open_rtcp(&mut tagged, ssrc, INDEX, false), Some(plain.len()));
    assert_eq!(tagged[..plain.len()], plain);
}
