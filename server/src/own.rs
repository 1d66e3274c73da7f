//! Our own program, to be started once more: as a child of the supervisor, for a fax, for a drawing.
//!
//! An upgrade renames a new file over the program while a box runs. By its name the old one is gone
//! then, or is another build, with whose words ours need not agree. The kernel still has the one that
//! runs, whatever lies under its name.

/// What runs, as the kernel has it.
pub const PROGRAM: &str = "/proc/self/exe";

/// Has the kernel call this process by our name: by that of its file it would be `exe`.
pub fn be_named() {
    // SAFETY: the kernel copies a text that ends with a zero.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"switchgrid".as_ptr()) };
}
