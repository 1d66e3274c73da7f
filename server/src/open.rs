//! Opens a file beneath a folder and nowhere else: `openat2` with RESOLVE_BENEATH and
//! RESOLVE_NO_SYMLINKS, so that neither `..`, an absolute path, a symbolic link nor a race with a
//! rename leads outside. Where the kernel or a sandbox refuses `openat2`, the path is walked part
//! by part with O_NOFOLLOW, which gives the same promise.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const FLAGS: i32 = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK;

/// Opens the regular file `relative` beneath `folder` for reading.
///
/// # Errors
/// `NotFound` for what does not exist or lies outside, `InvalidInput` for what is no plain path.
pub fn beneath(folder: &Path, relative: &str) -> io::Result<File> {
    let is_plain = !relative.is_empty()
        && relative.len() < 1024
        && relative.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !relative.contains(['\0', '\\']);
    if !is_plain {
        return Err(ErrorKind::InvalidInput.into());
    }
    let folder = File::options()
        .read(true)
        .custom_flags(libc::O_DIRECTORY | libc::O_CLOEXEC)
        .open(folder)?;
    let file = match with_openat2(&folder, relative) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
            part_by_part(folder, relative)
        }
        other => other,
    };
    let file = file.map_err(|error| match error.raw_os_error() {
        Some(libc::EXDEV | libc::ELOOP | libc::ENOTDIR) => ErrorKind::NotFound.into(),
        _ => error,
    })?;
    // A pipe or device would block or have side effects; O_NONBLOCK kept the open itself harmless.
    if file.metadata()?.is_file() { Ok(file) } else { Err(ErrorKind::NotFound.into()) }
}

fn with_openat2(folder: &File, relative: &str) -> io::Result<File> {
    let path = CString::new(relative)?;
    // SAFETY: open_how is plain integers; all zero is a valid value.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = FLAGS as u64;
    how.resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS;
    // SAFETY: the descriptor is open, `path` ends with NUL and outlives the call, `how` is a valid
    // open_how of the size given; the kernel writes to none of them.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            folder.as_raw_fd(),
            path.as_ptr(),
            &raw const how,
            size_of::<libc::open_how>(),
        )
    };
    owned(fd as i32)
}

fn part_by_part(folder: File, relative: &str) -> io::Result<File> {
    let mut here = folder;
    let mut parts = relative.split('/').peekable();
    while let Some(part) = parts.next() {
        let directory = if parts.peek().is_some() { libc::O_DIRECTORY } else { 0 };
        let name = CString::new(part)?;
        // SAFETY: the descriptor is open and `name` ends with NUL and outlives the call.
        let fd = unsafe { libc::openat(here.as_raw_fd(), name.as_ptr(), FLAGS | directory) };
        here = owned(fd)?;
    }
    Ok(here)
}

fn owned(fd: i32) -> io::Result<File> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor; nobody else owns it.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn both_ways_open_what_is_beneath_and_nothing_else() {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("recordings");
        std::fs::create_dir_all(folder.join("1/2026-11-23")).unwrap();
        std::fs::write(folder.join("1/2026-11-23/7.wav"), "audio").unwrap();
        std::fs::write(outside.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.join("1/link")).unwrap();
        std::os::unix::fs::symlink("../../secret", folder.join("1/secret.wav")).unwrap();
        let open = || File::open(&folder).unwrap();
        for way in [with_openat2 as fn(&File, &str) -> io::Result<File>, |folder, path| {
            part_by_part(folder.try_clone()?, path)
        }] {
            let mut text = String::new();
            way(&open(), "1/2026-11-23/7.wav").unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "audio");
            for bad in ["1/link/secret", "1/secret.wav", "1/2026-11-23/8.wav"] {
                assert!(way(&open(), bad).is_err(), "{bad}");
            }
        }
        assert!(beneath(&folder, "1/2026-11-23/7.wav").is_ok());
        for bad in [
            "",
            "/etc/passwd",
            "../secret",
            "1/../../secret",
            "1//7.wav",
            "./1",
            "1/2026-11-23",
            "1/link/secret",
            "1/secret.wav",
            "1\\..\\secret",
            "1/\0",
        ] {
            assert!(beneath(&folder, bad).is_err(), "{bad:?}");
        }
    }
}
