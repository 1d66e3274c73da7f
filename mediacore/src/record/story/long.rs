//! A recording beyond 4 GiB, written into nothing: only its beginning and its length are kept.

use super::*;

#[test]
fn a_recording_of_three_days_and_more_is_rf64_and_says_its_length() {
    let (mut desk, tracks) = Desk::open(&BOTH);
    for n in 0..50 {
        desk.send(&packet(tracks[0], 1, n));
    }
    desk.stop(CALL, 1_000.0);
    let (bytes, mut conversations) = log_of(&desk.blocks);
    let mut conversation = conversations.remove(0);
    let hours = 75;
    conversation.stopped = Some(desk.start + Duration::from_secs(hours * 3600));
    let (mut start, mut length) = (Vec::new(), 0_u64);
    let rendered = render(&conversation, &mut Memory(&bytes, keys()), &mut |piece| {
        if start.len() < 20_000 {
            start.extend_from_slice(piece);
        }
        length += piece.len() as u64;
        Ok(())
    })
    .unwrap();
    assert_eq!(rendered.samples, hours * 3600 * 8000);
    assert!(start.starts_with(b"RF64\xFF\xFF\xFF\xFF"), "{:?}", &start[..12]);
    let layout = wav::layout(&start, length).unwrap();
    assert_eq!(layout.data_bytes, 2 * rendered.samples);
    assert_eq!(layout.data_at + layout.data_bytes, length, "nothing follows the samples");
    assert!(layout.data_bytes > u64::from(u32::MAX));
    let second = &start[layout.data_at as usize..][..2 * 160];
    let said: Vec<u8> = second.chunks_exact(2).map(|frame| frame[0]).collect();
    assert_eq!(said, vec![octet(Law::A, 1, 0); 160], "and the voice stands where it was spoken");
}
