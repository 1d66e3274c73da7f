//! Segments written by blocking threads, one a shard, where io_uring is refused.

use super::disk::{Job, SegmentFile};
use super::keeper::Keeper;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

type Done = (usize, Job, io::Result<()>);

/// Runs until storage stops.
pub(super) fn run(mut keeper: Keeper) {
    let (done, answers) = channel();
    let config = keeper.config();
    let directory = config.segments_dir.clone();
    let writers: Vec<Sender<Job>> = (0..usize::from(config.shards))
        .map(|shard| {
            let (sender, jobs) = channel();
            let file = SegmentFile::new(directory.clone());
            let done = done.clone();
            thread::Builder::new()
                .name(format!("recording-{shard}"))
                .spawn(move || write(shard, file, &jobs, &done))
                .expect("a thread can be started while the program starts");
            sender
        })
        .collect();
    // A writer has at most one operation, so its queue never grows.
    let mut submit = |shard: usize, job: Job| {
        writers[shard].send(job).expect("a writer lives as long as its queue");
    };
    while !keeper.step(&mut submit) {
        if let Ok((shard, job, result)) = answers.recv_timeout(keeper.patience()) {
            keeper.done(shard, job, result);
        }
        while let Ok((shard, job, result)) = answers.try_recv() {
            keeper.done(shard, job, result);
        }
    }
}

fn write(shard: usize, mut file: SegmentFile, jobs: &Receiver<Job>, done: &Sender<Done>) {
    while let Ok(job) = jobs.recv() {
        let result = file.perform(&job);
        if done.send((shard, job, result)).is_err() {
            return;
        }
    }
}
