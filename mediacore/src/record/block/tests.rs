//! Tests of blocks.

use super::*;

#[test]
fn filling_a_chunk_and_a_block_never_allocates() {
    let mut chunk = Chunk::new();
    let mut writer = BlockWriter::open(Moment(0));
    let room = (chunk.body.capacity(), writer.bytes.capacity());
    let mut n = 0_u16;
    while writer.fits(AUDIO_BYTES_MAX) {
        while chunk.fits(&[0; 160]) {
            let (rtp_time, seq) = (RtpTime(u32::from(n) * 160), SeqNo(n));
            let frame =
                Frame { arrival: Moment(u64::from(n)), rtp_time, seq, payload: &[n as u8; 160] };
            chunk.push(frame, Codec::Pcma, Ssrc(1));
            n += 1;
        }
        writer.audio(TenantId(1), chunk.seal(1));
        chunk.clear();
    }
    assert_eq!((chunk.body.capacity(), writer.bytes.capacity()), room);
    let block = writer.close(Moment(9), 0, 0);
    let mut read = 0_u16;
    for located in block.entries() {
        let Entry::Audio(audio) = located.entry else { panic!("only audio was written") };
        for frame in audio.frames() {
            assert_eq!((frame.seq, frame.payload), (SeqNo(read), &[read as u8; 160][..]));
            read += 1;
        }
    }
    assert_eq!(read, n);
}

#[test]
fn a_chunk_with_any_flipped_bit_is_refused() {
    let mut chunk = Chunk::new();
    let (rtp_time, seq) = (RtpTime(7), SeqNo(8));
    let frame = Frame { arrival: Moment(1), rtp_time, seq, payload: &[3; 40] };
    chunk.push(frame, Codec::Pcmu, Ssrc(2));
    let body = chunk.seal(5).to_vec();
    assert!(Audio::read(&body).is_some());
    for bit in 0..body.len() * 8 {
        let mut flipped = body.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Audio::read(&flipped).is_none(), "bit {bit}");
    }
    for end in 0..body.len() {
        assert!(Audio::read(&body[..end]).is_none(), "cut at {end}");
    }
}

#[test]
fn the_form_that_a_rule_wants_and_the_part_before_come_back_from_the_log() {
    use RecordFormat::{Both, Mp3, Opus, Wav};
    let cut = Some(RecordingId(9));
    for (format, continues) in [(Both, None), (Wav, cut), (Mp3, None), (Opus, cut)] {
        let head = head(RecordTerms { min_ms: 1, max_ms: 2, format, paused: None, continues });
        let mut writer = BlockWriter::open(Moment(0));
        writer.recording(&head);
        let block = writer.close(Moment(9), 0, 0);
        let entry = block.entries().next().expect("one was written").entry;
        let Entry::Recording(read) = entry else { panic!("a recording was written") };
        assert_eq!(read, head);
    }
}

#[test]
fn a_declaration_of_an_older_release_says_what_it_knows() {
    let continues = Some(RecordingId(9));
    let whole = head(RecordTerms { min_ms: 1, max_ms: 2, continues, ..RecordTerms::default() });
    let mut writer = BlockWriter::open(Moment(0));
    writer.recording(&whole);
    let block = writer.close(Moment(9), 0, 0);
    let located = block.entries().next().expect("one was written");
    let body = &block.bytes()[located.offset..located.offset + located.bytes];
    assert_eq!(body.len(), Head::BYTES);
    let before_parts = RecordTerms { continues: None, ..whole.terms };
    for (bytes, terms) in [(72, whole.terms), (64, before_parts), (48, RecordTerms::default())] {
        let Some(Entry::Recording(read)) = read_entry(1, &body[..bytes]) else {
            panic!("{bytes} bytes are a declaration")
        };
        assert_eq!(read, Head { terms, ..whole }, "{bytes} bytes");
    }
    assert!(read_entry(1, &body[..47]).is_none());
}

fn head(terms: RecordTerms) -> Head {
    Head {
        recording: RecordingId(1),
        tenant: TenantId(2),
        contact: ContactId(3),
        call: CallId(4),
        started_at: Timestamp(5),
        start: Moment(6),
        terms,
    }
}
