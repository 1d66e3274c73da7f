//! What is taken from the process of a fax before it reads anything of a stranger. It needs no
//! rights for that, so it holds for a box that runs as nobody in particular.
//!
//! - Limits (`setrlimit`): memory, the size of a file, open files, CPU time, no process beside it,
//!   no core file. What it writes only the box's own user reads.
//! - No new rights (`PR_SET_NO_NEW_PRIVS`), whatever it starts.
//! - A filter of system calls (seccomp, on x86-64 and on 64-bit ARM): no socket, no process, no
//!   program, no signal to and no look into another process. What is refused answers `EPERM`.
//! - One folder (Landlock, from Linux 5.13 on): no other file is opened, made or removed. What the
//!   library needs beside it is loaded before.

use super::process::FILE_BYTES_MAX;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Addresses that a fax may take, beside those that the program itself maps at its start; libtiff
/// and the modems need a tenth of it.
const MEMORY_BYTES_MAX: u64 = 512 << 20;
/// Files that are open at once.
const FILES_MAX: u64 = 32;
/// CPU time; a page needs a hundredth of a second.
const CPU_S_MAX: u64 = 120;

/// Takes all that a fax does not need from this process, which has one thread.
///
/// # Errors
/// When the system refuses a limit or the filter. A kernel without Landlock is none.
pub fn confine(folder: &Path) -> io::Result<()> {
    limit()?;
    no_new_rights()?;
    keep_to(folder)?;
    refuse_calls()
}

fn limit() -> io::Result<()> {
    let limits = [
        (libc::RLIMIT_AS, mapped_bytes()? + MEMORY_BYTES_MAX),
        (libc::RLIMIT_FSIZE, FILE_BYTES_MAX),
        (libc::RLIMIT_NOFILE, FILES_MAX),
        (libc::RLIMIT_CPU, CPU_S_MAX),
        (libc::RLIMIT_NPROC, 0),
        (libc::RLIMIT_CORE, 0),
    ];
    for (what, most) in limits {
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: `limit` is valid and alive during the call.
        succeeded(unsafe { libc::setrlimit(what, &raw const limit) }.into())?;
    }
    // SAFETY: it takes no pointers and cannot fail.
    unsafe { libc::umask(0o077) };
    Ok(())
}

/// Addresses that the process has mapped.
fn mapped_bytes() -> io::Result<u64> {
    let told = std::fs::read_to_string("/proc/self/statm")?;
    let pages = told.split(' ').next().and_then(|pages| pages.parse::<u64>().ok());
    let pages = pages.ok_or_else(|| io::Error::other("/proc/self/statm is not understood"))?;
    // SAFETY: no pointers are passed.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Ok(pages * u64::try_from(page_bytes).unwrap_or(4_096))
}

fn no_new_rights() -> io::Result<()> {
    // SAFETY: no pointers are passed.
    let done = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1_u64, 0_u64, 0_u64, 0_u64) };
    succeeded(done.into())
}

/// What a system call answered, where everything but nought is a failure.
fn succeeded(answer: libc::c_long) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Landlock, as `linux/landlock.h` has it; libc has the numbers of its calls alone.
mod landlock {
    // What a file system can be asked for, a bit each; a link or a new name in another folder is
    // refused before version 2 and named from then on, a cut is named from version 3 on.
    pub const WRITE_FILE: u64 = 1 << 1;
    pub const READ_FILE: u64 = 1 << 2;
    pub const REMOVE_FILE: u64 = 1 << 5;
    pub const MAKE_REG: u64 = 1 << 8;
    /// Those of the first version.
    pub const FIRST: u64 = (1 << 13) - 1;
    pub const REFER: u64 = 1 << 13;
    pub const TRUNCATE: u64 = 1 << 14;
    /// Asks for the version.
    pub const VERSION: u32 = 1;
    /// A rule about a folder and what lies in it.
    pub const PATH_BENEATH: u32 = 1;

    #[repr(C)]
    pub struct Ruleset {
        pub handled: u64,
    }

    #[repr(C, packed)]
    pub struct Beneath {
        pub allowed: u64,
        pub folder: i32,
    }
}

/// The version of Landlock that the kernel has, 0 for none.
fn landlock_version() -> libc::c_long {
    let nothing = std::ptr::null::<landlock::Ruleset>();
    // SAFETY: asked for its version the call reads nothing.
    let version = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0_usize, landlock::VERSION)
    };
    version.max(0)
}

/// From now on files are only opened in `folder`, where the kernel can see to it.
fn keep_to(folder: &Path) -> io::Result<()> {
    use landlock::{
        Beneath, FIRST, MAKE_REG, PATH_BENEATH, READ_FILE, REFER, REMOVE_FILE, Ruleset, TRUNCATE,
        WRITE_FILE,
    };
    let later = match landlock_version() {
        0 => return Ok(()),
        1 => 0,
        2 => REFER,
        _ => REFER | TRUNCATE,
    };
    // Enough to name it: who may not list a folder may still be kept to it.
    let flags = libc::O_PATH | libc::O_DIRECTORY;
    let folder = File::options().read(true).custom_flags(flags).open(folder)?;
    let ruleset = Ruleset { handled: FIRST | later };
    // SAFETY: `ruleset` is valid and of the size given.
    let made = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            &raw const ruleset,
            size_of::<Ruleset>(),
            0_u32,
        )
    };
    if made < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor; nobody else owns it.
    let rules = unsafe { OwnedFd::from_raw_fd(made as i32) };
    let allowed = READ_FILE | WRITE_FILE | MAKE_REG | REMOVE_FILE | (later & TRUNCATE);
    let beneath = Beneath { allowed, folder: folder.as_raw_fd() };
    // SAFETY: both descriptors are open; `beneath` is valid and laid out as the kernel has it.
    let added = unsafe {
        libc::syscall(
            libc::SYS_landlock_add_rule,
            rules.as_raw_fd(),
            PATH_BENEATH,
            &raw const beneath,
            0_u32,
        )
    };
    succeeded(added)?;
    // SAFETY: the descriptor is open.
    succeeded(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0_u32) })
}

/// The machine's own numbers of system calls, `linux/audit.h`; others are refused altogether.
#[cfg(target_arch = "x86_64")]
const MACHINE: Option<u32> = Some(0xC000_003E);
#[cfg(target_arch = "aarch64")]
const MACHINE: Option<u32> = Some(0xC000_00B7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const MACHINE: Option<u32> = None;

/// From here on the numbers of x86-64 are those of its 32-bit kind, which nothing of ours uses.
const SECOND_KIND: u32 = 0x4000_0000;

/// What no fax needs: the network, other processes, other programs, and parts of the kernel that
/// are large.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_prlimit64,
    libc::SYS_setpriority,
    libc::SYS_ioprio_set,
    libc::SYS_sched_setaffinity,
    libc::SYS_shmat,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_renameat2,
    libc::SYS_mknodat,
    libc::SYS_truncate,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    libc::SYS_open_by_handle_at,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_userfaultfd,
];

/// The older forms of some of them.
#[cfg(target_arch = "x86_64")]
const REFUSED_TOO: &[libc::c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_mknod,
    libc::SYS_chmod,
    libc::SYS_chown,
];
/// 64-bit ARM has one of them, `renameat`.
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_TOO: &[libc::c_long] = &[38];

/// The filter, for every thread.
fn refuse_calls() -> io::Result<()> {
    let Some(machine) = MACHINE else { return Ok(()) };
    let mut filter = filter(machine);
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).expect("the filter has some hundred steps"),
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: `program` names as many steps as there are, alive during the call, which copies them.
    succeeded(unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_TSYNC,
            &raw const program,
        )
    })
}

/// Steps of the kernel's packet filter over `seccomp_data`: a number at 0, a machine at 4.
fn filter(machine: u32) -> Vec<libc::sock_filter> {
    use libc::{BPF_ABS, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W};
    let refuse = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    let step =
        |code: u32, k: u32, (jt, jf): (u8, u8)| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = |at: u32| step(BPF_LD | BPF_W | BPF_ABS, at, (0, 0));
    let answer = |what: u32| step(BPF_RET | BPF_K, what, (0, 0));
    let mut steps = vec![
        load(4),
        step(BPF_JMP | BPF_JEQ | BPF_K, machine, (1, 0)),
        answer(libc::SECCOMP_RET_KILL_PROCESS),
        load(0),
        step(BPF_JMP | BPF_JGE | BPF_K, SECOND_KIND, (0, 1)),
        answer(refuse),
    ];
    for number in REFUSED.iter().chain(REFUSED_TOO) {
        steps.push(step(BPF_JMP | BPF_JEQ | BPF_K, *number as u32, (0, 1)));
        steps.push(answer(refuse));
    }
    steps.push(answer(libc::SECCOMP_RET_ALLOW));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;
    use std::io::{Read, Seek};
    use std::process::Command;

    const FOLDER: &str = "SWITCHGRID_CONFINED_FOLDER";
    const CHILD: &str = "edge::fax::confine::tests::the_process_that_is_confined";

    /// The error of a call that answers less than nought, or that it worked.
    fn error_of(answer: i64) -> String {
        let error = io::Error::last_os_error();
        if answer < 0 { format!("{}", error.raw_os_error().unwrap_or(0)) } else { "works".into() }
    }

    fn told<T>(answer: io::Result<T>) -> String {
        let number = |error: io::Error| error.raw_os_error().unwrap_or(0).to_string();
        answer.map_or_else(number, |_| "works".to_owned())
    }

    /// Runs in a process of its own, started by the test below; alone it has nothing to do.
    #[test]
    fn the_process_that_is_confined() {
        let Ok(folder) = std::env::var(FOLDER) else { return };
        let folder = Path::new(&folder);
        let mut limits = File::open("/proc/self/limits").unwrap();
        confine(folder).unwrap();

        let mut all = String::new();
        let mut say = |what: &str, how: String| writeln!(all, "{what} {how}").unwrap();
        // SAFETY: none of these calls gets a pointer of ours but the two paths, which end with zero
        // and are constants; a child of `fork` ends at once.
        unsafe {
            let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0);
            say("socket", error_of(socket.into()));
            let pid = libc::fork();
            if pid == 0 {
                libc::_exit(0);
            }
            say("process", error_of(pid.into()));
            let arguments = [c"/bin/true".as_ptr(), std::ptr::null()];
            say("program", error_of(libc::execv(arguments[0], arguments.as_ptr()).into()));
            say("signal", error_of(libc::kill(libc::getppid(), 0).into()));
            let much = 2 * MEMORY_BYTES_MAX as usize;
            let (read, private) = (libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            let mapped = libc::mmap(std::ptr::null_mut(), much, read, private, -1, 0);
            let refused = mapped == libc::MAP_FAILED;
            say("memory", error_of(if refused { -1 } else { 0 }));
            // Else the kernel ends who writes too much.
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        }
        let own = File::create(folder.join("fax.tif")).unwrap();
        say("page", told(own.set_len(1_000)));
        say("large", told(own.set_len(FILE_BYTES_MAX + 1)));
        say("foreign", told(File::open("/etc/passwd")));
        say("beside", told(File::create(folder.with_extension("other"))));
        say("name", told(std::fs::rename(folder.join("fax.tif"), folder.join("other.tif"))));
        let mut text = String::new();
        limits.rewind().unwrap();
        limits.read_to_string(&mut text).unwrap();
        for name in ["Max cpu time", "Max open files", "Max processes", "Max core file size"] {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            let words: Vec<&str> = line.split_whitespace().take(2).collect();
            say(&name.to_lowercase().replace(' ', "_"), words.join("/"));
        }
        std::fs::write(folder.join("told"), all).unwrap();
    }

    /// Whoever runs the tests, root or not: what is taken is taken.
    #[test]
    fn a_confined_process_has_no_socket_no_process_little_memory_and_one_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("part");
        std::fs::create_dir(&folder).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", CHILD]).env(FOLDER, &folder);
        let ran = command.output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.success(), "{}: {said}", ran.status);
        let told = std::fs::read_to_string(folder.join("told"));
        let told = told.unwrap_or_else(|error| panic!("{error}: {said}"));
        let (eperm, enomem, efbig) = (libc::EPERM, libc::ENOMEM, libc::EFBIG);
        let elsewhere =
            if landlock_version() > 0 { libc::EACCES.to_string() } else { "works".into() };
        let expected = format!(
            "socket {eperm}\nprocess {eperm}\nprogram {eperm}\nsignal {eperm}\nmemory {enomem}\n\
             page works\nlarge {efbig}\nforeign {elsewhere}\nbeside {elsewhere}\nname {eperm}\n\
             max_cpu_time {CPU_S_MAX}/{CPU_S_MAX}\nmax_open_files {FILES_MAX}/{FILES_MAX}\n\
             max_processes 0/0\nmax_core_file_size 0/0\n"
        );
        assert_eq!(told, expected);
    }

    #[test]
    fn the_filter_answers_each_number_once_and_its_jumps_stay_in_it() {
        let steps = filter(7);
        let refused = REFUSED.len() + REFUSED_TOO.len();
        assert_eq!(steps.len(), 6 + 2 * refused + 1);
        let mut numbers: Vec<_> = REFUSED.iter().chain(REFUSED_TOO).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), refused);
        for (at, step) in steps.iter().enumerate() {
            let is_answer = step.code & 7 == libc::BPF_RET as u16;
            let last = at + 1 + usize::from(step.jt.max(step.jf));
            assert!(is_answer || last < steps.len(), "step {at}");
        }
        assert_eq!(steps.last().map(|step| step.k), Some(libc::SECCOMP_RET_ALLOW));
    }
}
