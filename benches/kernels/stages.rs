//! Two of the steps that every packet takes in a media core, by themselves. The others have lines of
//! their own: the header, keys, codecs, and what a recording adds.

use mediacore::latch::Latch;
use mediacore::rtp::Header;
use mediacore::stats::ReceiveStats;
use std::hint::black_box;
use terms::Moment;
use terms::media::{Codec, PayloadType, Payloads, Remote, RtpTime, SeqNo, Ssrc};

/// A packet of 20 ms.
const PACKET: [u8; 172] = [0xD5; 172];

/// Whether its source may speak.
pub fn check_source(times: u64) {
    let payloads = Payloads::of(Codec::Pcma);
    let remote = Remote::at(([10, 0, 0, 1], 4_000).into(), payloads);
    let mut latch = Latch::new(&remote);
    let mut header = Header {
        payload_type: PayloadType(8),
        marker: false,
        seq: SeqNo(0),
        time: RtpTime(0),
        ssrc: Ssrc(7),
    };
    for n in 0..times {
        header.seq = SeqNo(n as u16);
        let now = Moment::from_millis(n * 20);
        black_box(latch.check(now, black_box(remote.rtp), &header, true, &PACKET));
    }
}

/// Its number, its loss and bursts, its jitter.
pub fn note_packet(times: u64) {
    let mut stats = ReceiveStats::new(Moment(0));
    for n in 0..times {
        let (now, seq) = (Moment::from_millis(n * 20), SeqNo(n as u16));
        black_box(stats.note(now, Ssrc(7), black_box(seq)));
        stats.note_arrival(now, seq, RtpTime((n as u32).wrapping_mul(160)), 8_000);
    }
    black_box(&stats);
}
