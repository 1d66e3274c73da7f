//! A switch of our own, for the demonstration and the bench: an earlier one is ended, free ports are found, a configuration is
//! written, and `switchgrid serve` is started beside this program and left running.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const HTTP_PORT: u16 = 8080;
const SIP_PORT: u16 = 5060;
/// Ports tried from the usual one on.
const PORTS_TRIED: u16 = 200;
/// A switch that drains may finish its calls first.
const ENDS_MAX: Duration = Duration::from_secs(45);
const READY_MAX: Duration = Duration::from_secs(60);

/// A user with a password.
#[derive(Clone, Deserialize)]
pub struct Person {
    /// Login, for agents also the SIP user.
    pub user: String,
    /// Password of both.
    pub password: String,
}

/// What a first start says once.
#[derive(Clone, Deserialize)]
pub struct Credentials {
    /// The administrator.
    pub admin: Person,
    /// Two agents.
    pub agents: Vec<Person>,
    /// The number that callers dial.
    pub hotline: String,
}

/// A running switch.
pub struct Server {
    child: Child,
    /// Where the interface answers.
    pub http: SocketAddr,
    /// Where SIP answers.
    pub sip: SocketAddr,
    /// Who may sign in.
    pub credentials: Credentials,
    /// Its log.
    pub log: PathBuf,
}

/// Starts a switch on `data`.
///
/// # Errors
/// In words for the person who typed the command.
pub fn start(data: &Path) -> Result<Server> {
    start_with(data, "")
}

/// The same with more sections of the configuration.
///
/// # Errors
/// In words for the person who typed the command.
pub fn start_with(data: &Path, more: &str) -> Result<Server> {
    fs::create_dir_all(data).with_context(|| format!("make {}", data.display()))?;
    let data = &data.canonicalize()?;
    end_earlier(data)?;
    let first = data.join("first-start.json");
    ensure!(
        first.exists() || !data.join("desk.db").exists(),
        "{} holds a box whose passwords are not in {}; remove the folder, or name another with \
         --data",
        data.display(),
        first.display()
    );
    let (http, sip) = (free_port(HTTP_PORT, false)?, free_port(SIP_PORT, true)?);
    let config = data.join("switchgrid.toml");
    fs::write(&config, configuration(http, sip) + more).context("write the configuration")?;
    let log = data.join("server.log");
    let output = File::create(&log).with_context(|| format!("make {}", log.display()))?;
    let program = beside_us("switchgrid")?;
    let child = Command::new(&program)
        .arg("serve")
        .arg("--config")
        .arg(&config)
        .arg("--data")
        .arg(data)
        .arg("--credentials")
        .arg(&first)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        // A group of its own: Ctrl-C ends the demonstration, not the switch it left running.
        .process_group(0)
        .spawn()
        .with_context(|| format!("start {}", program.display()))?;
    let mut child = child;
    wait_ready(&mut child, http, &first, &log)?;
    let text = fs::read_to_string(&first).with_context(|| format!("read {}", first.display()))?;
    let credentials = serde_json::from_str(&text).context("read the first start's passwords")?;
    Ok(Server { child, http, sip, credentials, log })
}

impl Server {
    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, once its calls have.
    pub fn terminate(&self) {
        terminate(self.child.id());
    }

    /// Ends it and waits.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn end(&mut self) -> Result<()> {
        terminate(self.child.id());
        let began = Instant::now();
        while began.elapsed() < ENDS_MAX {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("the switch did not end within {ENDS_MAX:?}; see {}", self.log.display())
    }
}

fn configuration(http: SocketAddr, sip: SocketAddr) -> String {
    format!(
        "# Written by switchgrid-load; a later run writes it again.\n\
         [http]\nlisten = \"{http}\"\n\n\
         [sip]\nudp = \"{sip}\"\ntcp = \"{sip}\"\nadvertise = \"{}\"\n\n\
         [rtp]\nbind = \"{}\"\n\n",
        sip.ip(),
        sip.ip()
    )
}

fn beside_us(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("find our own program")?;
    let program = own.with_file_name(name);
    ensure!(program.exists(), "{} is missing: run `cargo build` first", program.display());
    Ok(program)
}

/// The usual port, or the next one that nobody has.
fn free_port(usual: u16, with_udp: bool) -> Result<SocketAddr> {
    for port in usual..usual.saturating_add(PORTS_TRIED) {
        let address = SocketAddr::new(LOCAL, port);
        // The switch's own default is every address, so a port that is taken on any counts.
        let everywhere = (Ipv4Addr::UNSPECIFIED, port);
        let free = TcpListener::bind(everywhere).is_ok()
            && (!with_udp || UdpSocket::bind(everywhere).is_ok());
        if free {
            return Ok(address);
        }
    }
    bail!("no free port in {usual}–{}", usual.saturating_add(PORTS_TRIED))
}

/// Ends the switch of an earlier run, known by its pid file.
fn end_earlier(data: &Path) -> Result<()> {
    let file = data.join("run/switchgrid.pid");
    let Ok(text) = fs::read_to_string(&file) else { return Ok(()) };
    let Ok(pid) = text.trim().parse::<u32>() else { return Ok(()) };
    if !is_switch(pid, data) {
        return Ok(());
    }
    println!("ending the switch of an earlier run (process {pid})");
    terminate(pid);
    let began = Instant::now();
    while is_switch(pid, data) {
        ensure!(began.elapsed() < ENDS_MAX, "process {pid} does not end; end it by hand");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// The process serves this very folder; a number that was given to another program does not.
fn is_switch(pid: u32, data: &Path) -> bool {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command);
    let words: Vec<&str> = command.split('\0').collect();
    words.contains(&"serve") && words.iter().any(|word| Path::new(word) == data)
}

fn terminate(pid: u32) {
    if let Ok(pid) = i32::try_from(pid) {
        // SAFETY: the call takes two numbers; a process that is gone is not an error for us.
        unsafe { libc::kill(pid, libc::SIGTERM) };
    }
}

fn wait_ready(child: &mut Child, http: SocketAddr, first: &Path, log: &Path) -> Result<()> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            let said = fs::read_to_string(log).unwrap_or_default();
            let tail: Vec<&str> = said.lines().rev().take(10).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            bail!("the switch ended at once ({status}):\n{}", tail.join("\n"));
        }
        if first.exists() && is_ready(http) {
            return Ok(());
        }
        ensure!(
            began.elapsed() < READY_MAX,
            "the switch was not ready within {READY_MAX:?}; see {}",
            log.display()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// `GET /readyz` by hand: one line is all that is needed before the runtime starts.
fn is_ready(http: SocketAddr) -> bool {
    use std::io::{Read, Write};
    let ask = || -> std::io::Result<String> {
        let mut stream = std::net::TcpStream::connect_timeout(&http, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_moves_to_the_next_free_one() {
        let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let found = free_port(port, true).unwrap().port();
        assert!(found > port && found < port + PORTS_TRIED);
    }

    #[test]
    fn a_number_that_belongs_to_another_program_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_switch(std::process::id(), folder.path()));
        fs::create_dir(folder.path().join("run")).unwrap();
        fs::write(folder.path().join("run/switchgrid.pid"), std::process::id().to_string())
            .unwrap();
        end_earlier(folder.path()).unwrap();
    }

    #[test]
    fn a_box_with_lost_passwords_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("desk.db"), b"").unwrap();
        let error = start(folder.path()).err().expect("refused").to_string();
        assert!(error.contains("remove the folder"), "{error}");
    }
}
