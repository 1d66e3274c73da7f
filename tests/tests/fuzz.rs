//! Every parser and the machines that eat what callers send, fed with bytes that nobody meant.
//!
//! Each target replays its corpus (`tests/corpus/<target>/`) and then inputs that are bred from it
//! by a seeded generator, for about a second. `make fuzz` sets `FUZZ_SECONDS` and so breeds longer,
//! from a fresh seed. An input that breaks something is written to `target/fuzz/` and named; put it
//! into the corpus together with the repair.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};
use tests::tree::root;

/// Time of one target in `make test`.
const SHORT: Duration = Duration::from_millis(800);
/// One input may take this long: a parser that is slower can be kept busy by anybody.
const INPUT_MAX: Duration = Duration::from_secs(2);
const BYTES_MAX: usize = 4096;
/// Inputs that are kept to breed from.
const POOL_MAX: usize = 256;
/// What parsers stumble over.
const SPICES: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\0",
    b"\xff\xff\xff\xff",
    b"-1",
    b"4294967296",
    b"99999999999999999999",
    b"\"",
    b";",
    b",",
    b"<",
    b">",
    b"=",
    b":",
    b"%00",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\\",
    b"\xe6\xbb",
];

fn fuzz(name: &str, target: fn(&[u8])) {
    let folder = root().join("tests/corpus").join(name);
    let corpus = read_corpus(&folder);
    for (file, bytes) in &corpus {
        run(name, file, bytes, target);
    }
    let (time, seed) = match std::env::var("FUZZ_SECONDS").ok().and_then(|s| s.parse().ok()) {
        Some(seconds) => (Duration::from_secs(seconds), clock_seed()),
        None => (SHORT, 42),
    };
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut pool: Vec<Vec<u8>> = corpus.into_iter().map(|(_, bytes)| bytes).collect();
    let began = Instant::now();
    let mut inputs = 0u64;
    while began.elapsed() < time {
        let bred = breed(&mut rng, &pool);
        run(name, "bred", &bred, target);
        inputs += 1;
        // Children replace others at random, so that changes pile up.
        if rng.random_ratio(1, 16) {
            if pool.len() < POOL_MAX {
                pool.push(bred);
            } else {
                let at = rng.random_range(0..pool.len());
                pool[at] = bred;
            }
        }
    }
    println!("{name}: {inputs} inputs, seed {seed}");
    assert!(inputs > 20, "{name} is too slow to be fed: {inputs} inputs in {time:?}");
}

fn read_corpus(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{} is needed: {error}", folder.display()));
    let mut corpus: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.expect("the corpus can be read").path())
        .map(|path| (path.display().to_string(), std::fs::read(&path).expect("a corpus file")))
        .collect();
    corpus.sort();
    assert!(!corpus.is_empty(), "{} is empty", folder.display());
    corpus
}

fn run(name: &str, from: &str, bytes: &[u8], target: fn(&[u8])) {
    let began = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| target(bytes)));
    let took = began.elapsed();
    let problem = match result {
        Ok(()) if took <= INPUT_MAX => return,
        Ok(()) => format!("took {took:?}"),
        Err(panic) => words(&*panic),
    };
    let folder = root().join("target/fuzz");
    let file = folder.join(format!("{name}-{}", bytes.len()));
    let _ = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, bytes));
    panic!("{name}, input {from}, written to {}: {problem}", file.display());
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic without words".to_owned())
}

fn clock_seed() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |time| time.as_nanos() as u64)
}

/// One or more small changes to one of the pool.
fn breed(rng: &mut SmallRng, pool: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = pool[rng.random_range(0..pool.len())].clone();
    for _ in 0..rng.random_range(1..6) {
        change(rng, &mut bytes, pool);
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

fn change(rng: &mut SmallRng, bytes: &mut Vec<u8>, pool: &[Vec<u8>]) {
    let at = rng.random_range(0..=bytes.len());
    let end = (at + rng.random_range(0..32)).min(bytes.len());
    match rng.random_range(0..7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
        1 if at < bytes.len() => bytes[at] = rng.random(),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        4 => {
            let spice = SPICES[rng.random_range(0..SPICES.len())];
            bytes.splice(at..end.min(at + spice.len()), spice.iter().copied());
        }
        5 => {
            let other = &pool[rng.random_range(0..pool.len())];
            let from = rng.random_range(0..=other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        _ => bytes.truncate(at),
    }
}

#[test]
fn sip_messages_never_break_the_parser() {
    fuzz("sip_message", signaling::sip::fuzz_message);
}

#[test]
fn sip_streams_never_break_the_framer() {
    fuzz("sip_stream", signaling::sip::fuzz_stream);
}

#[test]
fn digest_headers_never_break_the_reader() {
    fuzz("digest_header", signaling::sip::fuzz_digest_header);
}

#[test]
fn bodies_of_several_parts_never_break_their_reader() {
    fuzz("multipart", signaling::sip::fuzz_multipart);
}

#[test]
fn isup_never_breaks_its_reader() {
    fuzz("isup", signaling::isup::fuzz_isup);
}

#[test]
fn descriptions_never_break_offer_and_answer() {
    fuzz("sdp", signaling::sdp::fuzz_description);
}

#[test]
fn flows_never_break_checker_and_interpreter() {
    fuzz("ivr_flow", signaling::ivr::fuzz_flow);
}

#[test]
fn operations_never_break_a_call() {
    fuzz("call_ops", signaling::switch::fuzz_call_ops);
}

#[test]
fn rtp_never_breaks_the_header_reader() {
    fuzz("rtp", mediacore::fuzz::fuzz_rtp);
}

#[test]
fn datagrams_of_a_fax_never_break_their_reader() {
    fuzz("udptl", mediacore::fuzz::fuzz_udptl);
}

#[test]
fn files_never_break_the_reader_of_faxes() {
    fuzz("tiff", mediacore::fuzz::fuzz_tiff);
}

#[test]
fn rtcp_never_breaks_the_report_reader() {
    fuzz("rtcp", mediacore::fuzz::fuzz_rtcp);
}

#[test]
fn extended_reports_never_break_their_reader() {
    fuzz("rtcp_xr", mediacore::fuzz::fuzz_rtcp_xr);
}

#[test]
fn checks_of_ice_never_break_their_reader() {
    fuzz("stun", mediacore::fuzz::fuzz_stun);
}

#[test]
fn packets_never_break_or_enter_an_encrypted_leg() {
    fuzz("srtp", mediacore::fuzz::fuzz_srtp);
}

#[test]
fn a_damaged_slot_is_a_leg_or_none() {
    fuzz("slot", mediacore::fuzz::fuzz_slot);
}

#[test]
fn events_never_break_the_digit_receiver() {
    fuzz("dtmf_event", mediacore::fuzz::fuzz_dtmf_event);
}

#[test]
fn payloads_never_break_a_codec() {
    fuzz("codec", mediacore::fuzz::fuzz_codec);
}

#[test]
fn comfort_noise_never_breaks_its_generator() {
    fuzz("comfort_noise", mediacore::fuzz::fuzz_comfort_noise);
}

#[test]
fn uploaded_prompts_never_break_the_reader() {
    fuzz("prompt", mediacore::fuzz::fuzz_prompt);
}

#[test]
fn a_changed_byte_of_a_rendering_is_found() {
    fuzz("damaged_rendering", mediacore::fuzz::fuzz_damaged_rendering);
}

#[test]
fn damaged_prompts_never_break_a_decoder() {
    fuzz("damaged_prompt", mediacore::fuzz::fuzz_damaged_prompt);
}

#[test]
fn packets_never_break_a_shard() {
    fuzz("packets", mediacore::fuzz::fuzz_packets);
}

#[test]
fn what_a_leg_says_never_breaks_its_ear() {
    fuzz("ear", mediacore::fuzz::fuzz_ear);
}

#[test]
fn packets_at_any_time_never_break_the_jitter_buffer() {
    fuzz("jitter", mediacore::fuzz::fuzz_jitter);
}

#[test]
fn damaged_logs_never_break_the_frame_reader() {
    fuzz("event_frame", |bytes| {
        if let Ok(Some((entry, length))) = terms::event::read_frame(bytes) {
            assert!(length <= bytes.len());
            let mut again = Vec::new();
            terms::event::write_frame(&entry, &mut again);
            let (read, _) = terms::event::read_frame(&again)
                .expect("what we write is a frame")
                .expect("and a whole one");
            assert_eq!(read, entry);
        }
    });
}
