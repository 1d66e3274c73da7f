//! What sealing keeps from a reader, and what it sees.

use super::*;
use crate::record::block::{BlockWriter, Chunk, Entry as Said, Frame};
use crate::record::segment::{Found, SegmentId, scan};
use std::slice::from_ref;
use terms::media::{Codec, RtpTime, SeqNo, Ssrc};
use terms::{Moment, RecordingId};

const ID: SegmentId = SegmentId { shard: 3, seq: 42 };
const VOICE: [u8; 40] = *b"every octet that somebody said in here  ";
const AT: u64 = SEGMENT_HEADER_BYTES as u64;

fn ring(key: u8) -> Arc<Keyring> {
    Arc::new(Keyring::of(&[key; KEY_BYTES]))
}

fn sealer(salt: u8) -> Sealer {
    Sealer::new(ring(0x4B), [salt; SALT_BYTES])
}

/// Audio of two tenants, and the ends of their recordings.
fn block(number: u64) -> Block {
    let mut writer = BlockWriter::open(Moment::from_secs(number));
    for tenant in [TenantId(5), TenantId(6)] {
        let mut chunk = Chunk::new();
        let (arrival, rtp_time) = (Moment::from_secs(number), RtpTime(9));
        let frame = Frame { arrival, rtp_time, seq: SeqNo(8), payload: &VOICE };
        chunk.push(frame, Codec::Pcma, Ssrc(7));
        writer.audio(tenant, chunk.seal(tenant.0 as u32));
        writer.stop(tenant, RecordingId(tenant.0), Moment::from_secs(number));
    }
    writer.close(Moment::from_secs(number + 1), ID.shard, number)
}

fn sealed(sealer: &mut Sealer, at: u64, block: &Block) -> Vec<u8> {
    let mut bytes = Vec::new();
    sealer.blocks(at, from_ref(block), &mut bytes).expect("this place is free");
    bytes
}

fn keys_of(sealer: &Sealer, key: u8) -> Option<FileKeys> {
    FileKeys::segment(ring(key), sealer.seal())
}

/// Kinds that a block says, by tenant.
fn said(block: &Block) -> Vec<(u64, &'static str)> {
    let kind = |entry: &Said| match entry {
        Said::Audio(_) => "audio",
        Said::Stop(..) => "stop",
        _ => "other",
    };
    let tenant = |tenant: Option<TenantId>| tenant.expect("version 2 names tenants").0;
    block.entries().map(|located| (tenant(located.tenant), kind(&located.entry))).collect()
}

const ALL: [(u64, &str); 4] = [(5, "audio"), (5, "stop"), (6, "audio"), (6, "stop")];

fn holds(bytes: &[u8], pattern: &[u8]) -> bool {
    bytes.windows(pattern.len()).any(|window| window == pattern)
}

#[test]
fn a_sealed_block_holds_no_octet_of_a_voice_and_opens_again() {
    let mut sealer = sealer(1);
    let clear = block(3);
    let bytes = sealed(&mut sealer, AT, &clear);
    assert!(holds(clear.bytes(), &VOICE[..8]));
    assert!(!VOICE.windows(8).any(|part| holds(&bytes, part)));
    // The same words of two tenants, and of one tenant at two places, look different.
    let again = sealed(&mut sealer, AT + bytes.len() as u64, &block(3));
    assert_ne!(bytes[HEADER_BYTES + 12..][..80], again[HEADER_BYTES + 12..][..80]);
    let (opened, broken) = keys_of(&sealer, 0x4B).unwrap().open_block(AT, bytes).unwrap();
    assert_eq!((said(&opened), broken), (ALL.to_vec(), vec![]));
    let Some(Said::Audio(audio)) = opened.entries().next().map(|located| located.entry) else {
        panic!("the first entry is audio")
    };
    assert_eq!(audio.frames().next().unwrap().payload, VOICE);
}

#[test]
fn any_changed_bit_is_seen_and_costs_one_entry_or_the_block() {
    let mut sealer = sealer(1);
    let clean = sealed(&mut sealer, AT, &block(3));
    let mut keys = keys_of(&sealer, 0x4B).unwrap();
    for at in 8..clean.len() {
        for bit in 0..8 {
            let mut bytes = clean.clone();
            bytes[at] ^= 1 << bit;
            let Some((opened, broken)) = keys.open_block(AT, bytes) else {
                assert!(at < HEADER_BYTES, "byte {at} is no header");
                continue;
            };
            assert!(at >= HEADER_BYTES, "header byte {at} bit {bit} went unseen");
            assert!(!broken.is_empty(), "byte {at} bit {bit} went unseen");
            let kept = said(&opened);
            assert!(kept.iter().all(|entry| ALL.contains(entry)), "byte {at}: {kept:?}");
            let first = broken[0];
            assert!((first.at..first.at + first.bytes).contains(&at) || kept.len() < 3, "{at}");
            assert!(kept.len() < ALL.len(), "byte {at} bit {bit} changed nothing that was said");
        }
    }
}

#[test]
fn an_entry_opens_at_its_own_place_for_its_own_tenant_only() {
    let mut one = sealer(1);
    let bytes = sealed(&mut one, AT, &block(3));
    let mut keys = keys_of(&one, 0x4B).unwrap();
    // Two entries of a length change places.
    let half = (bytes.len() - HEADER_BYTES) / 2;
    let (first, second) = (HEADER_BYTES..HEADER_BYTES + half, HEADER_BYTES + half..bytes.len());
    let swapped = [&bytes[..HEADER_BYTES], &bytes[second], &bytes[first]].concat();
    let (opened, broken) = keys.open_block(AT, swapped).unwrap();
    assert_eq!((said(&opened).len(), broken.len()), (0, 4));
    // The block stands elsewhere, or in another file.
    assert!(keys.open_block(AT + 1, bytes.clone()).is_none());
    let mut other_file = keys_of(&sealer(2), 0x4B).unwrap();
    assert!(other_file.open_block(AT, bytes.clone()).is_none());
    // Somebody says that it is another tenant's.
    let head = HEADER_BYTES + 4;
    let mut claimed = bytes.clone();
    claimed[head..head + 8].copy_from_slice(&6_u64.to_le_bytes());
    let (opened, broken) = keys.open_block(AT, claimed).unwrap();
    assert_eq!((said(&opened), broken.len()), (ALL[1..].to_vec(), 1));
    let entry = &bytes[HEADER_BYTES + ENTRY_HEAD_BYTES..HEADER_BYTES + ENTRY_HEAD_BYTES + 96];
    let at = AT + HEADER_BYTES as u64;
    let mut opens_for = |tenant| keys.open_entry(at, 3, TenantId(tenant), &mut entry.to_vec());
    assert_eq!((opens_for(5), opens_for(6)), (true, false));
}

#[test]
fn without_the_master_key_nothing_opens() {
    let mut sealer = sealer(1);
    let bytes = sealed(&mut sealer, AT, &block(3));
    assert!(keys_of(&sealer, 0x4C).is_none(), "the file names its key");
    // Not even when a wrong key is given out as the right one.
    let FileSeal { salt, .. } = sealer.seal();
    let forged = FileSeal { key: ring(0x4C).current(), salt };
    let mut wrong = FileKeys::segment(ring(0x4C), forged).unwrap();
    let mut claimed = bytes;
    claimed[40..48].copy_from_slice(&forged.key.0.to_le_bytes());
    assert!(wrong.open_block(AT, claimed).is_none());
}

#[test]
fn a_rotated_ring_opens_what_the_older_key_sealed() {
    let mut old = sealer(1);
    let bytes = sealed(&mut old, AT, &block(3));
    let text = format!("{}\n{}", "4b".repeat(32), "4c".repeat(32));
    let rotated = Arc::new(Keyring::parse(&text).unwrap());
    assert_eq!(rotated.current(), ring(0x4C).current());
    let mut keys = FileKeys::segment(rotated.clone(), old.seal()).unwrap();
    assert_eq!(said(&keys.open_block(AT, bytes).unwrap().0), ALL);
    assert_eq!(Sealer::new(rotated, [9; SALT_BYTES]).seal().key, ring(0x4C).current());
}

#[test]
fn blocks_of_one_write_are_sealed_each_for_its_place_and_may_be_tried_again_with_more() {
    let mut sealer = sealer(1);
    let mut bytes = Vec::new();
    sealer.blocks(AT, &[block(3), block(4)], &mut bytes).unwrap();
    let next = bytes.len() / 2;
    let mut keys = keys_of(&sealer, 0x4B).unwrap();
    for (at, bytes) in [(AT, &bytes[..next]), (AT + next as u64, &bytes[next..])] {
        assert_eq!(said(&keys.open_block(at, bytes.to_vec()).unwrap().0), ALL);
        assert!(keys.open_block(at + 1, bytes.to_vec()).is_none(), "not for another place");
    }
    let first = bytes.clone();
    sealer.blocks(AT, &[block(3), block(4), block(5)], &mut bytes).unwrap();
    assert_eq!(bytes[..first.len()], first, "the same as before, and one more");
    let refused = sealer.blocks(AT, &[block(3), block(6)], &mut bytes);
    assert_eq!(refused, Err(SealedTwice { offset: AT + next as u64 }));
    assert!(bytes.is_empty(), "nothing is given out");
}

#[test]
fn no_place_is_sealed_twice_with_other_contents() {
    let mut sealer = sealer(1);
    let first = sealed(&mut sealer, AT, &block(3));
    assert_eq!(sealed(&mut sealer, AT, &block(3)), first, "a write may be tried again");
    let next = AT + first.len() as u64;
    let mut out = Vec::new();
    for at in [AT, AT + 1, next - 1, 0] {
        let refused = sealer.blocks(at, from_ref(&block(4)), &mut out);
        assert_eq!(refused, Err(SealedTwice { offset: at }));
    }
    sealed(&mut sealer, next, &block(4));
    assert!(sealer.blocks(AT, &[block(3)], &mut out).is_err(), "too late to try again");
    assert!(out.is_empty(), "nothing is given out that was refused");
}

#[test]
fn a_segment_header_is_believed_as_it_was_written_only() {
    let sealer = sealer(1);
    let header = sealer.header(SegmentHeader { id: ID, run: 7, seal: None });
    let read = SegmentHeader::read(&header).unwrap();
    assert_eq!(read, SegmentHeader { id: ID, run: 7, seal: Some(sealer.seal()) });
    let keys = keys_of(&sealer, 0x4B).unwrap();
    assert!(keys.is_header(&header));
    for at in (8..24).chain(28..header.len()) {
        let mut changed = header;
        changed[at] ^= 1;
        assert!(!keys.is_header(&changed), "byte {at}");
    }
    assert!(!keys.is_header(&header[..60]));
}

#[test]
fn a_later_scan_finds_sealed_blocks_without_their_keys() {
    let mut sealer = sealer(1);
    let mut bytes = sealer.header(SegmentHeader { id: ID, run: 7, seal: None }).to_vec();
    let first = sealed(&mut sealer, AT, &block(3));
    let second = sealed(&mut sealer, AT + first.len() as u64, &block(4));
    bytes.extend([first, second].concat());
    let found = scan(&bytes);
    assert!(matches!(found[..], [Found::Block { number: 3, .. }, Found::Block { number: 4, .. }]));
}

/// The same bytes as an implementation in another language, written from the format's page, gives.
#[test]
fn the_format_is_this_one_in_any_language() {
    let unhex = |text: &str| -> Vec<u8> {
        let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(digit).collect()
    };
    let mut sealer = Sealer::new(ring(0x4B), [0x5A; SALT_BYTES]);
    assert_eq!(ring(0x4B).current().to_string(), "d7b139a12ae97e00");
    let header = sealer.header(SegmentHeader { id: ID, run: 7, seal: None });
    let expected = "53475347c2fee22002000300070000002a000000000000008129f3fa007ee92aa139b1d7\
                    5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a947e33de76552d025e632d421984b0e1";
    assert_eq!(header.to_vec(), unhex(expected));
    let mut writer = BlockWriter::open(Moment::from_secs(3));
    writer.stop(TenantId(5), RecordingId(7), Moment::from_secs(3));
    let bytes = sealed(&mut sealer, AT, &writer.close(Moment::from_secs(4), 3, 3));
    let expected = "5347424b3a68f7e9020003002c0000000300000000000000005ed0b200000000\
                    00286bee00000000007ee92aa139b1d75a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\
                    e1a44593cecea930b4a6eeceff8ed059050010000500000000000000055effcf\
                    2db6e110978d2a61874a1ca51fa703e311c25c1d591b91014eeceff4";
    assert_eq!(bytes, unhex(expected));
}
