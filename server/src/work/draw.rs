//! PDFs that are to be faxed, each drawn by a process of its own: `switchgrid fax draw`, limited and
//! walled in like a fax ([`mediacore::edge::fax::confine`]), at the end of the processor's queue, and
//! stopped when it takes too long or nobody waits any more; where `work` dies it ends by its limit of
//! CPU time. A PDF that brings it down is one that cannot be faxed.

use super::jobs::{Done, Problem};
use crate::cli::fax::REFUSED;
use crate::config::Config;
use crate::fax;
use crate::open::beneath;
use crate::own;
use crate::serve::child::EXIT_HOPELESS;
use futures::future::BoxFuture;
use mediacore::edge::fax::process::FILE_BYTES_MAX;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// Longest time for one, which whoever brought it waits.
const TIME_MAX: Duration = Duration::from_secs(45);
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 200;

/// Makes a TIFF of a PDF.
pub type Draw = Arc<dyn Fn(File) -> BoxFuture<'static, Result<Vec<u8>, Problem>> + Send + Sync>;

/// By this program, started anew for each.
pub fn by_process(config: &Config) -> Draw {
    let drawer = Drawer {
        program: own::PROGRAM.into(),
        arguments: vec![fax::COMMAND.to_owned(), "draw".to_owned()],
        // Nothing lies there: it is what the process may open.
        folder: fax::folder(config).join("drawing"),
        time_max: TIME_MAX,
    };
    let drawer = Arc::new(drawer);
    Arc::new(move |pdf: File| {
        let drawer = Arc::clone(&drawer);
        Box::pin(async move { drawer.draw(pdf).await })
    })
}

/// Draws `pdf`, relative to the folder of faxes.
///
/// # Errors
/// 400 with the reason where it cannot be faxed, 404 where it is not there.
pub async fn run(faxes: &Path, pdf: &str, draw: &Draw) -> Result<Done, Problem> {
    let file = beneath(faxes, pdf).map_err(|error| {
        Problem::new(404, "missing", "There is no such fax document.", format!("{pdf}: {error}"))
    })?;
    let body = draw(file).await?;
    Ok(Done { content_type: "image/tiff".into(), truncated: false, body })
}

/// That a PDF cannot be faxed, and why.
pub fn refused(why: &str) -> Problem {
    let why: String = why.chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect();
    Problem::new(400, "invalid", format!("This PDF cannot be faxed: {why}"), "")
}

/// How its process is started.
struct Drawer {
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
    time_max: Duration,
}

impl Drawer {
    async fn draw(&self, pdf: File) -> Result<Vec<u8>, Problem> {
        let told = tokio::time::timeout(self.time_max, self.converse(pdf)).await;
        let (code, told) = match told {
            Ok(Ok(told)) => told,
            Ok(Err(error)) => return Err(failed(&error)),
            Err(_) => return Err(refused("it takes too long to draw it")),
        };
        match code {
            Some(0) if told.len() as u64 > FILE_BYTES_MAX => {
                Err(refused("its pages are too many for one fax once they are drawn"))
            }
            Some(0) => Ok(told),
            Some(code) if code == i32::from(REFUSED) => {
                Err(refused(&String::from_utf8_lossy(&told)))
            }
            // It has no walls, or nobody gave it a PDF: no fault of what was brought.
            Some(EXIT_HOPELESS) => Err(failed(&io::Error::other("its process cannot do its work"))),
            // Out of memory or time, or a fault of what draws.
            _ => Err(refused("it takes too much memory, or is made in a way that is not known")),
        }
    }

    /// How it ended, and what it wrote.
    async fn converse(&self, pdf: File) -> io::Result<(Option<i32>, Vec<u8>)> {
        if !self.folder.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        }
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.folder).env_clear();
        command.stdin(Stdio::from(pdf)).stdout(Stdio::piped()).stderr(Stdio::null());
        command.kill_on_drop(true);
        // SAFETY: between fork and exec only two system calls are made, which allocate nothing.
        unsafe {
            command.pre_exec(|| {
                libc::setpriority(libc::PRIO_PROCESS as _, 0, 19);
                let close = libc::CLOSE_RANGE_CLOEXEC;
                libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, close);
                Ok(())
            });
        }
        let mut child = command.spawn()?;
        let line = child.stdout.take().expect("its output is a pipe");
        let mut told = Vec::new();
        // What says more than a fax holds finds nobody who listens, and ends.
        line.take(FILE_BYTES_MAX + 1).read_to_end(&mut told).await?;
        let status = child.wait().await?;
        Ok((status.code(), told))
    }
}

fn failed(error: &io::Error) -> Problem {
    let message = "This cannot be answered right now; try again.";
    Problem::new(503, "unavailable", message, format!("draw a fax: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    /// What a program of the shell draws, to which the PDF says `page`.
    async fn drawn(script: &str, time_max: Duration) -> Result<Vec<u8>, Problem> {
        let folder = tempfile::tempdir().unwrap();
        let drawer = Drawer {
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            folder: folder.path().join("drawing"),
            time_max,
        };
        let mut pdf = tempfile::tempfile().unwrap();
        pdf.write_all(b"page").unwrap();
        pdf.rewind().unwrap();
        drawer.draw(pdf).await
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn what_the_process_says_is_the_file_and_it_starts_with_nothing_of_ours() {
        assert_eq!(drawn("cat", LONG).await, Ok(b"page".to_vec()));
        let seen = drawn("ls -A; pwd; nice; echo $HOME", LONG).await.unwrap();
        let seen = String::from_utf8(seen).unwrap();
        let lines: Vec<&str> = seen.lines().collect();
        let [folder, nice, home] = lines[..] else { panic!("the folder is empty: {seen}") };
        assert!(folder.ends_with("/drawing") && home.is_empty(), "{seen}");
        assert_eq!(nice, "19");
    }

    #[tokio::test]
    async fn a_process_that_refuses_dies_hangs_or_says_too_much_refuses_the_pdf() {
        let why = async |script: &str, time_max| {
            let problem = drawn(script, time_max).await.unwrap_err();
            assert_eq!((problem.status, problem.kind.as_str()), (400, "invalid"), "{script}");
            problem.message
        };
        let said = why("printf 'it is\\001 locked'; exit 3", LONG).await;
        assert_eq!(said, "This PDF cannot be faxed: it is locked");
        let long = why("head -c 5000 /dev/zero | tr '\\000' q; exit 3", LONG).await;
        assert_eq!(long.chars().filter(|c| *c == 'q').count(), REASON_CHARS_MAX);
        let known = "This PDF cannot be faxed: it takes too much memory, \
                     or is made in a way that is not known";
        for script in ["kill -9 $$", "exit 101", "exit 1", "printf page; kill -11 $$"] {
            assert_eq!(why(script, LONG).await, known, "{script}");
        }
        let late = why("exec sleep 600", Duration::from_millis(50)).await;
        assert_eq!(late, "This PDF cannot be faxed: it takes too long to draw it");
        why("exec cat /dev/zero", LONG).await;
    }

    #[tokio::test]
    async fn a_process_that_cannot_do_its_work_says_nothing_of_the_pdf() {
        assert_eq!(drawn("exit 78", LONG).await.unwrap_err().status, 503);
    }

    #[tokio::test]
    async fn only_what_lies_beneath_the_folder_is_drawn() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("faxes/1/documents")).unwrap();
        std::fs::write(folder.path().join("faxes/1/documents/.pdf"), "inside").unwrap();
        std::fs::write(folder.path().join("outside"), "outside").unwrap();
        let draw: Draw = Arc::new(|mut pdf: File| {
            Box::pin(async move {
                let mut bytes = Vec::new();
                io::Read::read_to_end(&mut pdf, &mut bytes).unwrap();
                Ok(bytes)
            })
        });
        let faxes = folder.path().join("faxes");
        let done = run(&faxes, "1/documents/.pdf", &draw).await.unwrap();
        assert_eq!((done.content_type.as_str(), &done.body[..]), ("image/tiff", &b"inside"[..]));
        for bad in ["../outside", "1/documents/none", "/etc/hostname", ""] {
            assert_eq!(run(&faxes, bad, &draw).await.unwrap_err().status, 404, "{bad}");
        }
    }
}
