//! The program `switchgrid`.

/// A call asks for some four hundred small pieces of memory; the C library's allocator takes a seventh
/// of the signalling thread's time for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

unsafe extern "C" {
    fn mi_collect(force: bool);
}

/// Gives back what the calling thread has freed; the allocator would keep it until this thread asks for
/// more.
fn give_back() {
    // SAFETY: a function of the allocator above, which is linked; any thread may call it at any time.
    unsafe { mi_collect(true) }
}

fn main() -> std::process::ExitCode {
    mediacore::edge::quiet::set_give_back(give_back);
    server::cli::main()
}
