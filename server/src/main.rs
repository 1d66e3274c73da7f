//! The program `switchgrid`.

/// A call asks for some four hundred small pieces of memory; the C library's allocator takes a seventh
/// of the signalling thread's time for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    server::cli::main()
}
