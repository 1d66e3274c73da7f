//! Random operations by the thousand: see [`super::super::rig::run_ops`] for what must hold.

use crate::switch::fuzz_call_ops;
use crate::switch::rig::run_ops;
use rand::rngs::SmallRng;
use rand::{RngCore, SeedableRng};

fn bytes(seed: u64, ops: usize) -> Vec<u8> {
    let mut bytes = vec![0; ops * 2];
    SmallRng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

#[test]
fn the_books_balance_after_thousands_of_random_operations() {
    let mut ended = 0;
    let mut answered = 0;
    let mut joined = 0;
    for seed in 0..20 {
        let rig = std::panic::catch_unwind(|| run_ops(&bytes(seed, 1_000)));
        let rig = rig.unwrap_or_else(|_| panic!("seed {seed} failed"));
        ended += rig.books.ended;
        answered += rig.books.answered.values().sum::<u64>();
        joined += rig.books.joined;
    }
    assert!(joined > 0, "nobody came into a conference");
    assert!(ended > 1_000 && answered > 50, "{ended} calls, {answered} answers: nothing happened");
}

#[test]
fn short_and_strange_operation_lists_do_no_harm() {
    for seed in 100..200 {
        fuzz_call_ops(&bytes(seed, 40));
    }
    fuzz_call_ops(&[]);
    fuzz_call_ops(&[0]);
    fuzz_call_ops(&[0xFF; 200]);
}
