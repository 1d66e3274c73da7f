//! The encoder's backlog, with the real worker's bench behind it.

use super::rig::{NOON, Rig, recording_row};
use crate::api::encoding::{Backlog, encode_all, find_lacking};
use crate::api::links::WorkLink;
use crate::api::router;
use crate::work::encode::Form;
use crate::work::jobs::{Done, Job, Problem};
use desk::Role;
use futures::future::BoxFuture;
use mediacore::g711::Law;
use mediacore::record::wav::Format;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use terms::RecordingId;
use terms::record::Row;

/// Files of the peak.
const FILES: usize = 24;
/// Looks at the gauge before we give up; each is a question and a short rest.
const LOOKS_MAX: usize = 3_000;

async fn gauge(rig: &Rig, token: &str) -> usize {
    let metrics = rig.get("/metrics", token).await;
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("switchgrid_encode_backlog "));
    line.expect("the gauge is there").parse().unwrap()
}

/// What the gauge says until it says `end`.
async fn gauge_until(rig: &Rig, token: &str, end: usize) -> Vec<usize> {
    let mut seen = Vec::new();
    while seen.last() != Some(&end) {
        assert!(seen.len() < LOOKS_MAX, "it stays at {:?}", seen.last());
        seen.push(gauge(rig, token).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    seen
}

#[tokio::test]
async fn the_backlog_rises_with_a_peak_and_drains_and_waits_for_a_disk_that_refuses() {
    let mut rig = Rig::new().await;
    let backlog = Arc::new(Backlog::pausing(Duration::from_millis(10)));
    rig.state.encoding = backlog.clone();
    rig.router = router(rig.state.clone());
    let token = rig.token(Role::Administrator).await;
    assert_eq!(gauge(&rig, &token).await, 0);

    let mut wav = Format::stereo_8k(Some(Law::A)).header(1_600);
    wav.extend((0..3_200).map(|n| n as u8));
    let path = |n: usize, ending: &str| format!("1/2026-11-23/{n}.{ending}");
    for n in 0..FILES {
        rig.write(&path(n, "wav"), &wav);
        backlog.push(&path(n, "wav"), &[Form::Mp3]);
        assert_eq!(gauge(&rig, &token).await, n + 1);
    }
    // The encoder cannot create its file where a folder of that name lies.
    let refusing = rig.folder.path().join("recordings").join(path(3, "mp3_tmp"));
    std::fs::create_dir(&refusing).unwrap();

    let (worker, of_worker) = (rig.work.clone(), backlog.clone());
    let encoding = tokio::spawn(async move { encode_all(&*worker, &of_worker).await });
    let seen = gauge_until(&rig, &token, 1).await;
    assert!(seen.is_sorted_by(|before, after| before >= after), "nothing comes: {seen:?}");
    let made = |n: &usize| rig.folder.path().join("recordings").join(path(*n, "mp3")).exists();
    let missing: Vec<usize> = (0..FILES).filter(|n| !made(n)).collect();
    assert_eq!(missing, [3], "one file that cannot be made holds up no other");

    std::fs::remove_dir(&refusing).unwrap();
    gauge_until(&rig, &token, 0).await;
    assert!(made(&3), "there is room again");
    encoding.abort();
}

/// Notes what it is to make.
#[derive(Default)]
struct Noting(Mutex<Vec<(String, Form)>>);

impl WorkLink for Noting {
    fn run(&self, job: Job) -> BoxFuture<'_, Result<Done, Problem>> {
        let Job::Encode { wav, form, .. } = job else { panic!("nothing else is asked") };
        self.0.lock().unwrap().push((wav, form));
        let done = Done { content_type: String::new(), truncated: false, body: Vec::new() };
        Box::pin(async move { Ok(done) })
    }
}

#[tokio::test]
async fn after_a_restart_each_recording_is_made_into_what_its_rule_says() {
    let rig = Rig::new().await;
    let (tenant, agent) = (rig.tenant(), rig.first.agents[0].0);
    let day = NOON.day_text();
    let mut names = Vec::new();
    for format in [Some("both"), Some("wav"), Some("mp3"), Some("opus"), None] {
        let recording = RecordingId(rig.id());
        let path = format!("{tenant}/{day}/{recording}.wav");
        rig.write(&path, b"RIFF");
        let mut row = recording_row(tenant, recording, agent, Some(path.clone()), 4);
        row.format = format.map(str::to_owned);
        rig.stage(&[Row::Recording(row)]).await;
        names.push(path);
    }
    let rowless = format!("{tenant}/{day}/{}.wav", rig.id());
    rig.write(&rowless, b"RIFF");

    let backlog = Backlog::default();
    let folder = rig.folder.path().join("recordings");
    find_lacking(&rig.warehouse, &folder, &[Form::Mp3], &backlog).await.unwrap();
    assert_eq!(backlog.len(), 5);
    let noting = Noting::default();
    tokio::select! {
        biased;
        () = encode_all(&noting, &backlog) => unreachable!("it never ends"),
        () = tokio::task::yield_now() => {}
    }
    let made = noting.0.into_inner().unwrap();
    let expected = [
        (&names[0], Form::Mp3),
        (&names[2], Form::Mp3),
        (&names[3], Form::Opus),
        (&names[4], Form::Mp3),
        (&rowless, Form::Mp3),
    ];
    assert_eq!(made, expected.map(|(wav, form)| (wav.clone(), form)));
    assert!(backlog.is_empty());
}
