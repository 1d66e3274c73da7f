//! Segments written by tokio-uring: one operation a shard under way, each in its own task, so that
//! a stalled disk holds up neither the rings nor the other shards.

use crate::edge::storage::{Gate, Keeper, gate};
use crate::record::block::Block;
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
    let mut submit = |shard: usize, op: Op| {
        let (file, directory, done) = (files[shard].clone(), directory.clone(), done.clone());
        tokio_uring::spawn(async move {
            let (op, result) = perform(op, &file, &directory).await;
            // Nobody listens when storage has stopped meanwhile.
            let _ = done.send((shard, op, result));
        });
    };
    while !keeper.step(&mut submit) {
        if let Ok(Some((shard, op, result))) = timeout(keeper.patience(), answers.recv()).await {
            keeper.done(shard, op, result);
        }
        while let Ok((shard, op, result)) = answers.try_recv() {
            keeper.done(shard, op, result);
        }
    }
}

async fn perform(op: Op, slot: &Slot, directory: &Path) -> (Op, io::Result<()>) {
    let file = slot.borrow().clone();
    match (op, file) {
        (Op::Open(header), _) => {
            let opened = create(&header, directory).await;
            let result = opened.map(|file| *slot.borrow_mut() = Some(Rc::new(file)));
            (Op::Open(header), result)
        }
        (Op::Write { segment, offset, block }, Some(file)) => {
            let (result, block) = write(&file, offset, block).await;
            (Op::Write { segment, offset, block }, result)
        }
        (Op::Sync(segment), Some(file)) => {
            let result = match pass("storage.sync").await {
                Ok(()) => file.sync_data().await,
                Err(error) => Err(error),
            };
            (Op::Sync(segment), result)
        }
        (Op::Close(segment), file) => {
            slot.borrow_mut().take();
            if let Some(file) = file.and_then(Rc::into_inner) {
                // Everything durable was synced before; an error here has nothing to say.
                let _ = file.close().await;
            }
            (Op::Close(segment), Ok(()))
        }
        (op, None) => (op, Err(io::ErrorKind::NotFound.into())),
    }
}

async fn create(header: &SegmentHeader, directory: &Path) -> io::Result<File> {
    pass("storage.open").await?;
    let path: PathBuf = directory.join(header.id.file_name());
    let file = OpenOptions::new().write(true).create_new(true).open(&path).await?;
    let (mut result, _) = file.write_all_at(header.write().to_vec(), 0).await;
    if result.is_ok() {
        result = file.sync_all().await;
    }
    if result.is_ok() {
        result = async { File::open(directory).await?.sync_all().await }.await;
    }
    match result {
        Ok(()) => Ok(file),
        Err(error) => {
            // It holds nothing; if it cannot be removed, the next start does it.
            let _ = remove_file(&path).await;
            Err(error)
        }
    }
}

async fn write(file: &File, offset: u64, block: Block) -> (io::Result<()>, Block) {
    let short = match gate("storage.write") {
        Gate::Go => false,
        Gate::Stall(time) => {
            sleep(time).await;
            false
        }
        Gate::Short => true,
        Gate::Fail(error) => return (Err(error), block),
    };
    if short {
        let half = block.bytes()[..block.bytes().len() / 2].to_vec();
        let (written, _) = file.write_all_at(half, offset).await;
        return (written.and(Err(io::ErrorKind::WriteZero.into())), block);
    }
    let (result, bytes) = file.write_all_at(block.into_bytes(), offset).await;
    (result, Block::from_bytes(bytes))
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
