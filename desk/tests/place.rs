//! Where a test has its store: each place opens one for a folder, runs a statement past it, and gives
//! every byte that it keeps.

pub mod postgres;
mod server;
pub mod sqlite;

use std::path::Path;

/// Every byte of the files in `folder`.
fn bytes_of_files(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            all.extend(std::fs::read(path).expect("a file of ours"));
        }
    }
    all
}
