//! Segments written by blocking threads, one a shard, where io_uring is refused.

use super::disk::SegmentFile;
use super::keeper::Keeper;
use crate::record::log::Op;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

type Done = (usize, Op, io::Result<()>);

/// Runs until storage stops.
pub(super) fn run(mut keeper: Keeper) {
    let (done, answers) = channel();
    let config = keeper.config();
    let directory = config.segments_dir.clone();
    let writers: Vec<Sender<Op>> = (0..usize::from(config.shards))
        .map(|shard| {
            let (sender, ops) = channel();
            let file = SegmentFile::new(directory.clone());
            let done = done.clone();
            thread::Builder::new()
                .name(format!("recording-{shard}"))
                .spawn(move || write(shard, file, &ops, &done))
                .expect("a thread can be started while the program starts");
            sender
        })
        .collect();
    // A writer has at most one operation, so its queue never grows.
    let mut submit = |shard: usize, op: Op| {
        writers[shard].send(op).expect("a writer lives as long as its queue");
    };
    while !keeper.step(&mut submit) {
        if let Ok((shard, op, result)) = answers.recv_timeout(keeper.patience()) {
            keeper.done(shard, op, result);
        }
        while let Ok((shard, op, result)) = answers.try_recv() {
            keeper.done(shard, op, result);
        }
    }
}

fn write(shard: usize, mut file: SegmentFile, ops: &Receiver<Op>, done: &Sender<Done>) {
    while let Ok(op) = ops.recv() {
        let result = file.perform(&op);
        if done.send((shard, op, result)).is_err() {
            return;
        }
    }
}
