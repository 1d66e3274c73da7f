//! Segments written by tokio-uring: one operation a shard under way, each in its own task, so that
//! a stalled disk holds up neither the rings nor the other shards.

use crate::edge::storage::{Gate, Job, Keeper, gate};
use crate::record::log::Op;
use crate::record::segment::SegmentHeader;
use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_uring::fs::{File, OpenOptions, remove_file};

/// Submission entries: one operation a shard and some to spare.
const ENTRIES: u32 = 64;

/// Whether this kernel and container give us a ring that writes files.
pub fn probe() -> io::Result<()> {
    let ring = io_uring::IoUring::new(8)?;
    let mut probe = io_uring::Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    let needed = [
        io_uring::opcode::OpenAt::CODE,
        io_uring::opcode::Write::CODE,
        io_uring::opcode::Fsync::CODE,
        io_uring::opcode::Close::CODE,
        io_uring::opcode::UnlinkAt::CODE,
    ];
    match needed.iter().all(|&code| probe.is_supported(code)) {
        true => Ok(()),
        false => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// The open segment of a shard.
type Slot = Rc<RefCell<Option<Rc<File>>>>;

/// Runs until storage stops.
pub(crate) fn run(keeper: Keeper) {
    tokio_uring::builder().entries(ENTRIES).start(serve(keeper));
}

async fn serve(mut keeper: Keeper) {
    // At most one message a shard waits: a shard has one operation under way.
    let (done, mut answers) = mpsc::unbounded_channel();
    let directory = keeper.config().segments_dir.clone();
    let files: Vec<Slot> = (0..keeper.config().shards).map(|_| Slot::default()).collect();
    let mut submit = |shard: usize, job: Job| {
        let (file, directory, done) = (files[shard].clone(), directory.clone(), done.clone());
        tokio_uring::spawn(async move {
            let (job, result) = perform(job, &file, &directory).await;
            // Nobody listens when storage has stopped meanwhile.
            let _ = done.send((shard, job, result));
        });
    };
    while !keeper.step(&mut submit) {
        if let Ok(Some((shard, job, result))) = timeout(keeper.patience(), answers.recv()).await {
            keeper.done(shard, job, result);
        }
        while let Ok((shard, job, result)) = answers.try_recv() {
            keeper.done(shard, job, result);
        }
    }
}

async fn perform(job: Job, slot: &Slot, directory: &Path) -> (Job, io::Result<()>) {
    let file = slot.borrow().clone();
    let Job { op, bytes } = job;
    let (bytes, result) = match (&op, file) {
        (Op::Open(header), _) => {
            let (bytes, opened) = create(header, bytes, directory).await;
            (bytes, opened.map(|file| *slot.borrow_mut() = Some(Rc::new(file))))
        }
        (Op::Write { offset, .. }, Some(file)) => write(&file, *offset, bytes).await,
        (Op::Sync(_), Some(file)) => match pass("storage.sync").await {
            Ok(()) => (bytes, file.sync_data().await),
            Err(error) => (bytes, Err(error)),
        },
        (Op::Close(_), file) => {
            slot.borrow_mut().take();
            if let Some(file) = file.and_then(Rc::into_inner) {
                // Everything durable was synced before; an error here has nothing to say.
                let _ = file.close().await;
            }
            (bytes, Ok(()))
        }
        (_, None) => (bytes, Err(io::ErrorKind::NotFound.into())),
    };
    (Job { op, bytes }, result)
}

async fn create(
    header: &SegmentHeader,
    bytes: Vec<u8>,
    directory: &Path,
) -> (Vec<u8>, io::Result<File>) {
    let path: PathBuf = directory.join(header.id.file_name());
    let opened = match pass("storage.open").await {
        Ok(()) => OpenOptions::new().write(true).create_new(true).open(&path).await,
        Err(error) => Err(error),
    };
    let file = match opened {
        Ok(file) => file,
        Err(error) => return (bytes, Err(error)),
    };
    let (mut result, bytes) = file.write_all_at(bytes, 0).await;
    if result.is_ok() {
        result = file.sync_all().await;
    }
    if result.is_ok() {
        result = async { File::open(directory).await?.sync_all().await }.await;
    }
    match result {
        Ok(()) => (bytes, Ok(file)),
        Err(error) => {
            // It holds nothing; if it cannot be removed, the next start does it.
            let _ = remove_file(&path).await;
            (bytes, Err(error))
        }
    }
}

async fn write(file: &File, offset: u64, bytes: Vec<u8>) -> (Vec<u8>, io::Result<()>) {
    let short = match gate("storage.write") {
        Gate::Go => false,
        Gate::Stall(time) => {
            sleep(time).await;
            false
        }
        Gate::Short => true,
        Gate::Fail(error) => return (bytes, Err(error)),
    };
    if short {
        let half = bytes[..bytes.len() / 2].to_vec();
        let (written, _) = file.write_all_at(half, offset).await;
        return (bytes, written.and(Err(io::ErrorKind::WriteZero.into())));
    }
    let (result, bytes) = file.write_all_at(bytes, offset).await;
    (bytes, result)
}

async fn pass(name: &str) -> io::Result<()> {
    match gate(name) {
        Gate::Go => Ok(()),
        Gate::Stall(time) => {
            sleep(time).await;
            Ok(())
        }
        Gate::Short => Err(io::ErrorKind::WriteZero.into()),
        Gate::Fail(error) => Err(error),
    }
}
