//! `switchgrid-kernels`: the small loops that everything else stands on, timed one by one. Prints
//! nanoseconds an operation, what a packet costs by the codecs and keys of its legs, what rooms
//! cost as a share of a core, and how many live calls a core encodes, and appends each figure to the
//! results file. A figure above its limit makes it fail.

mod browser;
mod distributor;
mod files;
mod house;
mod legs;
mod rooms;
mod stages;

use anyhow::{Context, Result};
use benches::results::{self, Figure};
use clap::Parser;
use comfy_table::{Table, presets};
use mediacore::codec::{Converter, Decoder, Encoder, Rate};
use mediacore::detect::ear::Ear;
use mediacore::g711::{self, Law};
use mediacore::mix::{Frame, Sum};
use mediacore::rtp;
use signaling::sip::message::Message;
use signaling::sip::parse::Carrier;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use terms::Moment;
use terms::media::{Codec, RtpTime, Ssrc, TonePlan, Watch, Wishes};

/// Rounds of one kernel; the median counts.
const ROUNDS: usize = 9;
/// Frames of 20 ms in one round of rooms.
const ROOM_FRAMES: u64 = 100;
/// The same of calls by codec and keys.
const LEG_FRAMES: u32 = 50;
/// Length of a recording that is encoded.
const FILE_SECONDS: usize = 60;
/// An INVITE of 852 bytes, as a gateway of a carrier sends it.
const INVITE: &[u8] = include_bytes!("invite.sip");

/// Times the kernels.
#[derive(Parser)]
#[command(name = "switchgrid-kernels", version, about)]
struct Arguments {
    /// Only kernels whose name holds this.
    #[arg(default_value = "")]
    filter: String,
    /// Milliseconds of one round.
    #[arg(long, default_value_t = 100)]
    round_ms: u64,
    /// Where figures go, instead of `bench/results.jsonl` in the target folder.
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
}

/// What is timed, and the figure it should not exceed.
struct Kernel {
    bench: &'static str,
    metric: &'static str,
    limit_ns: Option<f64>,
    run: fn(u64),
}

const KERNELS: &[Kernel] = &[
    Kernel { bench: "parser", metric: "INVITE of 852 bytes", limit_ns: Some(1000.0), run: parse },
    Kernel { bench: "mixer", metric: "frame of 3 parties", limit_ns: None, run: mix_three },
    Kernel { bench: "mixer", metric: "A-law frame decoded", limit_ns: None, run: decode },
    Kernel { bench: "mixer", metric: "A-law frame encoded", limit_ns: None, run: encode },
    Kernel {
        bench: "codec",
        metric: "PCMA frame encoded",
        limit_ns: None,
        run: |times| encode_with(Codec::Pcma, times),
    },
    Kernel {
        bench: "codec",
        metric: "PCMA frame decoded",
        limit_ns: None,
        run: |times| decode_with(Codec::Pcma, times),
    },
    Kernel {
        bench: "codec",
        metric: "PCMU frame encoded",
        limit_ns: None,
        run: |times| encode_with(Codec::Pcmu, times),
    },
    Kernel {
        bench: "codec",
        metric: "PCMU frame decoded",
        limit_ns: None,
        run: |times| decode_with(Codec::Pcmu, times),
    },
    Kernel {
        bench: "codec",
        metric: "G.722 frame encoded",
        limit_ns: None,
        run: |times| encode_with(Codec::G722, times),
    },
    Kernel {
        bench: "codec",
        metric: "G.722 frame decoded",
        limit_ns: None,
        run: |times| decode_with(Codec::G722, times),
    },
    Kernel {
        bench: "codec",
        metric: "Opus frame encoded",
        limit_ns: None,
        run: |times| encode_with(Codec::Opus, times),
    },
    Kernel {
        bench: "codec",
        metric: "Opus frame decoded",
        limit_ns: None,
        run: |times| decode_with(Codec::Opus, times),
    },
    Kernel {
        bench: "codec",
        metric: "G.729 frame encoded",
        limit_ns: None,
        run: |times| encode_with(Codec::G729, times),
    },
    Kernel {
        bench: "codec",
        metric: "G.729 frame decoded",
        limit_ns: None,
        run: |times| decode_with(Codec::G729, times),
    },
    Kernel {
        bench: "codec",
        metric: "L16 of 16 kHz frame encoded",
        limit_ns: None,
        run: |times| encode_with(Codec::L16, times),
    },
    Kernel {
        bench: "codec",
        metric: "L16 of 16 kHz frame decoded",
        limit_ns: None,
        run: |times| decode_with(Codec::L16, times),
    },
    Kernel {
        bench: "codec",
        metric: "frame brought to 16 kHz",
        limit_ns: None,
        run: |times| convert(Rate::Narrow, Rate::Wide, times),
    },
    Kernel {
        bench: "codec",
        metric: "frame brought to 8 kHz",
        limit_ns: None,
        run: |times| convert(Rate::Wide, Rate::Narrow, times),
    },
    Kernel {
        bench: "detect",
        metric: "PCMA frame listened to for digits",
        limit_ns: None,
        run: |times| listen(Codec::Pcma, Watch::default(), 8_000.0, times),
    },
    Kernel {
        bench: "detect",
        metric: "PCMA frame of silence listened to for digits",
        limit_ns: None,
        run: |times| listen(Codec::Pcma, Watch::default(), 0.0, times),
    },
    Kernel {
        bench: "detect",
        metric: "G.722 frame listened to for digits",
        limit_ns: None,
        run: |times| listen(Codec::G722, Watch::default(), 8_000.0, times),
    },
    Kernel {
        bench: "detect",
        metric: "PCMA frame watched for everything",
        limit_ns: None,
        run: |times| {
            let tones = Some(TonePlan::Us);
            listen(Codec::Pcma, Watch { tones, fax: true, answerer: true }, 8_000.0, times);
        },
    },
    Kernel {
        bench: "distributor",
        metric: "contact offered, answered and released, 10,000 agents, 1,000 queues",
        limit_ns: Some(20_000.0),
        run: distributor::assign,
    },
    Kernel {
        bench: "distributor",
        metric: "contact assigned by skills and needs, 10,000 agents, 1,000 queues",
        limit_ns: Some(20_000.0),
        run: distributor::assign_by_skills,
    },
    Kernel {
        bench: "distributor",
        metric: "contact assigned where ten wait in each queue, 10,000 agents, 1,000 queues",
        limit_ns: Some(20_000.0),
        run: distributor::assign_waiting,
    },
    Kernel {
        bench: "distributor",
        metric: "contact assigned by an expression of 50 parts over 100 free agents",
        limit_ns: Some(20_000.0),
        run: distributor::assign_by_expression,
    },
    Kernel { bench: "stages", metric: "header read and rewritten", limit_ns: None, run: rewrite },
    Kernel { bench: "stages", metric: "source checked", limit_ns: None, run: stages::check_source },
    Kernel {
        bench: "stages",
        metric: "number, loss and jitter noted",
        limit_ns: None,
        run: stages::note_packet,
    },
];

fn parse(times: u64) {
    for _ in 0..times {
        let message = Message::parse(black_box(INVITE), Carrier::Datagram);
        black_box(message.is_ok());
    }
}

/// Samples of a frame at 8 kHz.
const FRAME: usize = 160;

fn voice(party: u8) -> [i16; FRAME] {
    std::array::from_fn(|n| (n as i16 * 131).wrapping_mul(i16::from(party)) / 4)
}

fn mix_three(times: u64) {
    let voices = [1, 2, 3].map(|party| Frame::from_samples(Rate::Narrow, &voice(party)));
    for _ in 0..times {
        let mut sum = Sum::new(Rate::Narrow);
        for voice in &voices {
            sum.add(black_box(voice));
        }
        for voice in &voices {
            black_box(sum.without(Some(voice)));
        }
    }
}

fn decode(times: u64) {
    let octets: [u8; FRAME] = std::array::from_fn(|n| n as u8);
    let mut out = [0; FRAME];
    for _ in 0..times {
        for (sample, octet) in out.iter_mut().zip(black_box(&octets)) {
            *sample = g711::decode(Law::A, *octet);
        }
        black_box(&out);
    }
}

fn encode(times: u64) {
    let samples = voice(5);
    let mut out = [0; FRAME];
    for _ in 0..times {
        g711::encode_into(Law::A, black_box(&samples), &mut out);
        black_box(&out);
    }
}

/// A second of a tone that slides, in frames of 20 ms: no codec can rest on it.
fn sliding(codec: Codec) -> Vec<Vec<i16>> {
    let rate = f64::from(codec.sample_hz());
    let sample = |n: usize| {
        let at = n as f64 / rate;
        (8_000.0 * (std::f64::consts::TAU * (200.0 + 400.0 * at) * at).sin()) as i16
    };
    let samples: Vec<i16> = (0..rate as usize).map(sample).collect();
    samples.chunks(Rate::of(codec).samples(20)).map(<[i16]>::to_vec).collect()
}

/// Error correction on, as most phones wish it.
const WISHES: Wishes = Wishes { fec: true, dtx: false, bitrate_max: 0 };

fn encode_with(codec: Codec, times: u64) {
    let (frames, mut out) = (sliding(codec), Vec::new());
    let mut encoder = Encoder::new(codec, WISHES);
    for frame in frames.iter().cycle().take(times as usize) {
        out.clear();
        black_box(encoder.encode(black_box(frame), &mut out));
    }
}

fn decode_with(codec: Codec, times: u64) {
    let mut encoder = Encoder::new(codec, WISHES);
    let encoded = |frame: &Vec<i16>| {
        let mut payload = Vec::new();
        encoder.encode(frame, &mut payload);
        payload
    };
    let payloads: Vec<Vec<u8>> = sliding(codec).iter().map(encoded).collect();
    let (mut decoder, mut out) = (Decoder::new(codec), Vec::new());
    for payload in payloads.iter().cycle().take(times as usize) {
        out.clear();
        black_box(decoder.decode(black_box(payload), &mut out).is_ok());
    }
}

/// A leg whose digits are tones, packet by packet.
fn listen(codec: Codec, what: Watch, peak: f64, times: u64) {
    let mut encoder = Encoder::new(codec, WISHES);
    let encoded = |frame: &Vec<i16>| {
        let quieter = |&sample: &i16| (f64::from(sample) * peak / 8_000.0) as i16;
        let (frame, mut payload) = (frame.iter().map(quieter).collect::<Vec<_>>(), Vec::new());
        encoder.encode(&frame, &mut payload);
        payload
    };
    let payloads: Vec<Vec<u8>> = sliding(codec).iter().map(encoded).collect();
    let mut ear = Ear::new(codec, false, what).expect("somebody listens");
    for (n, payload) in (0_u32..).zip(payloads.iter().cycle().take(times as usize)) {
        let time = RtpTime(n.wrapping_mul(codec.clock_hz() / 50));
        ear.hear(Moment(0), (Ssrc(1), time), black_box(payload), |heard| {
            black_box(heard);
        });
    }
}

fn convert(from: Rate, to: Rate, times: u64) {
    let samples = vec![1_234; from.samples(20)];
    let (mut converter, mut out) = (Converter::default(), Vec::new());
    for _ in 0..times {
        out.clear();
        converter.convert(from, to, black_box(&samples), &mut out);
        black_box(&out);
    }
}

fn rewrite(times: u64) {
    let mut packet = [0xd5; 172];
    packet[..12].copy_from_slice(&[0x80, 8, 0, 1, 0, 0, 0, 160, 0, 0, 0, 7]);
    for _ in 0..times {
        let read = rtp::parse(black_box(&packet)).expect("a well-formed packet");
        let header = read.header;
        black_box(rtp::rewrite(&mut packet, &read, &header));
    }
}

/// Nanoseconds an operation: the median of some rounds of at least `round`.
fn time(run: fn(u64), round: Duration) -> f64 {
    let mut times = 64;
    while elapsed(run, times) < round {
        times *= 2;
    }
    let mut rounds: Vec<f64> =
        (0..ROUNDS).map(|_| elapsed(run, times).as_nanos() as f64 / times as f64).collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

fn elapsed(run: fn(u64), times: u64) -> Duration {
    let began = Instant::now();
    run(times);
    began.elapsed()
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let file = match arguments.results {
        Some(file) => file,
        None => results::file().context("find the target folder")?,
    };
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["bench", "metric", "ns", "limit"]);
    let mut missed = 0;
    for kernel in KERNELS.iter().filter(|kernel| kernel.bench.contains(&arguments.filter)) {
        let ns = time(kernel.run, Duration::from_millis(arguments.round_ms));
        let figure = Figure::new(kernel.bench, kernel.metric, ns, "ns");
        results::append(&file, &figure).with_context(|| format!("append to {}", file.display()))?;
        let limit = verdict(ns, kernel.limit_ns, &mut missed);
        table.add_row([kernel.bench, kernel.metric, &format!("{ns:.1}"), &limit]);
    }
    println!("{table}");
    if "rooms".contains(&arguments.filter) {
        println!("{}", measure_rooms(&file, &mut missed)?);
    }
    if "legs".contains(&arguments.filter) {
        println!("{}", measure_legs(&file)?);
    }
    if "files".contains(&arguments.filter) {
        println!("{}", measure_files(&file)?);
    }
    println!("appended to {}", file.display());
    if missed > 0 {
        eprintln!("switchgrid-kernels: above their limit: {missed}");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// A limit and whether it holds, in a table's words.
fn verdict(value: f64, limit: Option<f64>, missed: &mut u32) -> String {
    match limit {
        Some(limit) if value <= limit => format!("{limit} ok"),
        Some(limit) => {
            *missed += 1;
            format!("{limit} EXCEEDED")
        }
        None => String::new(),
    }
}

fn measure_files(file: &Path) -> Result<Table> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["bench", "metric", "calls"]);
    for form in &files::FORMS {
        let calls = files::calls_per_core(form, FILE_SECONDS, ROUNDS);
        let figure = Figure::new("files", form.metric, calls, "calls");
        results::append(file, &figure).with_context(|| format!("append to {}", file.display()))?;
        table.add_row(["files", form.metric, &format!("{calls:.0}")]);
    }
    Ok(table)
}

fn measure_legs(file: &Path) -> Result<Table> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["bench", "metric", "µs a packet, without sockets"]);
    for pairing in &legs::PAIRINGS {
        let us = legs::us(pairing, LEG_FRAMES, ROUNDS);
        let figure = Figure::new("legs", pairing.metric, us, "µs");
        results::append(file, &figure).with_context(|| format!("append to {}", file.display()))?;
        table.add_row(["legs", pairing.metric, &format!("{us:.2}")]);
    }
    Ok(table)
}

fn measure_rooms(file: &Path, missed: &mut u32) -> Result<Table> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["bench", "metric", "% of a core", "limit"]);
    for share in &rooms::SHARES {
        let percent = rooms::percent(share, ROOM_FRAMES, ROUNDS);
        let figure = Figure::new("rooms", share.metric, percent, "% of a core");
        results::append(file, &figure).with_context(|| format!("append to {}", file.display()))?;
        let limit = verdict(percent, share.limit_percent, missed);
        table.add_row(["rooms", share.metric, &format!("{percent:.2}"), &limit]);
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_invite_has_the_size_that_the_figure_names_and_parses() {
        assert_eq!(INVITE.len(), 852);
        let message = Message::parse(INVITE, Carrier::Datagram).expect("a well-formed INVITE");
        assert!(message.sdp().is_some());
    }

    #[test]
    fn a_limit_is_met_at_its_edge_and_missed_beyond_and_counted() {
        let mut missed = 0;
        assert_eq!(verdict(5.0, Some(5.0), &mut missed), "5 ok");
        assert_eq!((verdict(9.0, None, &mut missed), missed), (String::new(), 0));
        assert_eq!((verdict(5.1, Some(5.0), &mut missed), missed), ("5 EXCEEDED".to_owned(), 1));
    }

    #[test]
    fn every_kernel_runs() {
        for kernel in KERNELS {
            (kernel.run)(2);
        }
    }
}
