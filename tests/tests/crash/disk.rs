//! The disk is full while a conversation is recorded: both parties go on hearing each other, the
//! ledger says what is missing, a metric counts it, and the next recording is whole.

use crate::talk::{AGENT_HZ, CALLER_HZ, conversation, share_of_time};
use crate::{armed, seconds};
use benches::small_disk::{NO_MOUNT, SmallDisk};
use serde_json::Value;
use std::time::Instant;
use tests::house::{House, Options, wait_for};
use tests::peer::baresip::{Manner, Phone};
use tests::peer::voice::Heard;
use tests::{seat, sound};

/// About four seconds of both voices.
const BACKLOG: &str = "[recording]\nbacklog_max = \"64KiB\"\n";
/// Passes of `storage.write` that find no space: after some seconds of a conversation, for as long as
/// nine tries take, their pauses growing to 2 s.
const FULL: &str = "storage.write=enospc:20-28";

/// Two small disks below a running box, or its failpoint.
enum Disk {
    Small([SmallDisk; 2]),
    Pretended { from: usize },
}

impl Disk {
    /// Restarts the box on small disks, or with the failpoint: where the test is about that, and
    /// where [`NO_MOUNT`] says that nothing can be mounted.
    fn below(house: &mut House, real: bool) -> Disk {
        house.kill();
        let over = |name: &str| SmallDisk::over(&house.data().join(name), 4);
        let disks = if real { over("segments").zip(over("recordings")) } else { None };
        assert!(
            !real || disks.is_some() || SmallDisk::is_impossible(),
            "no tmpfs can be mounted: run as root, or set {NO_MOUNT}=1 (README)"
        );
        let from = house.log().len();
        match disks {
            Some((segments, recordings)) => {
                house.start_again(&[]);
                Disk::Small([segments, recordings])
            }
            None => {
                house.start_again(&armed(FULL));
                Disk::Pretended { from }
            }
        }
    }

    fn fill(&self, house: &House) {
        match self {
            Disk::Small(disks) => disks.iter().for_each(|disk| disk.fill().expect("it was empty")),
            Disk::Pretended { from } => {
                house.wait_logged(*from, "failpoint storage.write: NoSpace")
            }
        }
    }

    fn free(&self) {
        match self {
            Disk::Small(disks) => disks.iter().for_each(|disk| disk.free().expect("it was full")),
            Disk::Pretended { .. } => {}
        }
    }
}

fn ledger(house: &House, from: &str) -> Value {
    house.wait_row(&format!(
        "SELECT * FROM recordings WHERE caller LIKE '%{from}' AND path IS NOT NULL"
    ))
}

fn hears(samples: &[i16], hz: f64, seconds: f64, who: &str) {
    let length = samples.len() as f64 / 8000.0;
    assert!(length >= seconds * 0.9, "{who} heard {length} s of {seconds} s");
    let share = share_of_time(samples, hz);
    assert!(share > 0.9, "{who} heard the other for {share} of the time");
}

fn a_full_disk_while_recording(backend: &str, real: bool) {
    let options = Options { backend: backend.into(), config: BACKLOG.into(), ..Options::default() };
    let mut house = House::start(options);
    let disk = Disk::below(&mut house, real);
    let calls = house.child("calls");
    let (phone, _) = seat::agent(&house, 0, AGENT_HZ, Manner::Answers);

    let (voice, running) = conversation(&house, "13500135000", 30);
    std::thread::sleep(seconds(2));
    disk.fill(&house);
    let full = Instant::now();
    wait_for("frames to be given up", seconds(20), || {
        (house.metric("switchgrid_storage_frames_lost_total") > 0.0).then_some(())
    });
    assert!(house.metric("switchgrid_storage_failures_total") > 0.0);
    std::thread::sleep(seconds(1));
    let freed = Instant::now();
    disk.free();
    running.finish();
    assert_eq!(house.child("calls"), calls, "the call path lives");

    both_heard(&voice.finish(), &phone, (full, freed));
    what_is_missing_is_told(&house, "13500135000");

    // The first agent is still busy with the call's after-work.
    let _second = seat::agent(&house, 1, AGENT_HZ, Manner::Answers);
    let (voice, running) = conversation(&house, "13500135001", 9);
    running.finish();
    drop(voice.finish());
    let next = ledger(&house, "13500135001");
    assert_eq!(next["state"], "recorded", "{next}");
    assert_eq!(next["frames_missing"], 0, "{next}");
}

fn both_heard(heard: &Heard, phone: &Phone, (full, freed): (Instant, Instant)) {
    let window = (freed - full).as_secs_f64();
    hears(&heard.between(full, freed), AGENT_HZ.into(), window, "the caller");
    let agent = wait_for("what the phone heard", seconds(10), || Some(phone.heard()));
    hears(&agent, CALLER_HZ, window + 5.0, "the agent");
}

fn what_is_missing_is_told(house: &House, from: &str) {
    let row = ledger(house, from);
    assert_eq!(row["state"], "partial", "{row}");
    let missing = row["frames_missing"].as_i64().expect("a number");
    let expected = row["frames_expected"].as_i64().expect("a number");
    assert!(missing > 0 && missing < expected, "{row}");
    let reason = row["reason"].as_str().expect("a reason");
    let wanted = format!("{missing} of {expected} frames are not on disk: ");
    assert!(reason.starts_with(&wanted) && reason.ends_with(" s"), "{reason}");
    assert!(house.metric("switchgrid_storage_frames_lost_total") >= missing as f64);

    // The ledger's gaps, in ms of the file, are where it is silent; before and after, both speak.
    let entry = house.wait_row("SELECT detail FROM events WHERE kind = 'recorded'");
    let entry: Value = serde_json::from_str(entry["detail"].as_str().expect("text")).expect("JSON");
    let gaps: Vec<(i64, i64)> = entry["ledger"]["gaps"]
        .as_array()
        .expect("gaps")
        .iter()
        .map(|gap| (gap[1].as_i64().expect("from"), gap[2].as_i64().expect("to")))
        .collect();
    // They cover what is missing; pieces that lie close together are told as one.
    let (told, missing_ms): (i64, _) =
        (gaps.iter().map(|(from, to)| to - from).sum(), missing * 20);
    let slack_ms = 100 * gaps.len() as i64;
    let fits = missing_ms - slack_ms..=missing_ms * 11 / 10 + slack_ms;
    assert!(fits.contains(&told), "{gaps:?}, {missing} frames");
    let id = row["recording_id"].as_str().expect("an id");
    let bytes = house.get(&format!("/api/v1/recordings/{id}?format=wav")).bytes().expect("a file");
    let sides = sound::sides(&bytes);
    let (from, to) = gaps.iter().max_by_key(|(from, to)| to - from).expect("a gap");
    let middle = (from + to) as usize / 2 * 8;
    let first = gaps.iter().map(|gap| gap.0).min().expect("a gap") as usize * 8;
    let last = gaps.iter().map(|gap| gap.1).max().expect("a gap") as usize * 8;
    for (side, hz) in [(&sides.left, CALLER_HZ), (&sides.right, AGENT_HZ.into())] {
        assert!(share_of_time(&side[4000..first], hz) > 0.8, "before the gap");
        assert!(share_of_time(&side[last..], hz) > 0.8, "after the gap");
        assert!(sound::loudness(&side[middle..middle + 800]) < 10.0, "in the gap");
    }
}

#[test]
fn a_call_goes_on_while_its_disk_is_full_and_the_ledger_says_what_is_missing() {
    a_full_disk_while_recording("auto", true);
}

#[test]
fn the_same_on_epoll_with_a_disk_that_only_says_that_it_is_full() {
    a_full_disk_while_recording("epoll", false);
}
