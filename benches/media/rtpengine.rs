//! rtpengine from Debian, in user space, asked over its NG protocol: offer and answer in bencode over
//! UDP, as SIP proxies ask it.

use crate::system::{Ending, Pair, System};
use anyhow::{Context, Result, ensure};
use benches::procstat;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const ANSWER_MAX: Duration = Duration::from_secs(2);
const START_TRIES: u32 = 50;
const START_EVERY: Duration = Duration::from_millis(100);

/// A running rtpengine.
pub struct Rtpengine {
    process: Child,
    socket: UdpSocket,
    records: bool,
    asked: u64,
    calls: usize,
}

impl Rtpengine {
    /// Starts it on a core. Its kernel module is not used: the bench compares user space.
    ///
    /// # Errors
    /// When the program is missing or does not answer.
    pub fn start(records: bool, core: usize, folder: &Path) -> Result<Rtpengine> {
        let control = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new("rtpengine");
        command
            .args(["--foreground", "--log-stderr", "--log-level=3", "--table=-1"])
            .args(["--interface=127.0.0.1", "--num-threads=1", "--delete-delay=0"])
            .args(["--port-min=20000", "--port-max=32766"])
            .arg(format!("--listen-ng={control}"))
            .arg(format!("--pidfile={}", folder.join("pid").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if records {
            let spool = folder.join("spool");
            std::fs::create_dir_all(&spool)?;
            command.args(["--recording-method=pcap", "--recording-format=eth"]);
            command.arg(format!("--recording-dir={}", spool.display()));
        }
        // SAFETY: between fork and exec only the affinity is set, which is one system call.
        unsafe { command.pre_exec(move || procstat::pin(core)) };
        let process = command.spawn().context(
            "start rtpengine: install Debian's rtpengine-daemon, or leave it out with --systems",
        )?;
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(control)?;
        socket.set_read_timeout(Some(ANSWER_MAX))?;
        let mut this = Rtpengine { process, socket, records, asked: 0, calls: 0 };
        for _ in 0..START_TRIES {
            std::thread::sleep(START_EVERY);
            if this.ask("d7:command4:pinge").is_ok() {
                return Ok(this);
            }
        }
        anyhow::bail!("rtpengine does not answer on {control}")
    }

    fn ask(&mut self, dictionary: &str) -> Result<String> {
        self.asked += 1;
        let cookie = self.asked.to_string();
        self.socket.send(format!("{cookie} {dictionary}").as_bytes())?;
        let mut answer = [0; 8192];
        loop {
            let length = self.socket.recv(&mut answer)?;
            let text = String::from_utf8_lossy(&answer[..length]).into_owned();
            if let Some(body) = text.strip_prefix(&format!("{cookie} ")) {
                ensure!(!body.contains("6:result5:error"), "rtpengine refuses: {body}");
                return Ok(body.to_owned());
            }
        }
    }

    /// Offer or answer of one party; where the other one should send.
    fn describe(&mut self, command: &str, call: usize, phone: SocketAddr) -> Result<SocketAddr> {
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n",
            ip = phone.ip(),
            port = phone.port()
        );
        let mut fields = vec![
            ("command".to_owned(), string(command)),
            ("call-id".to_owned(), string(&format!("call-{call}"))),
            ("from-tag".to_owned(), string("a")),
            ("sdp".to_owned(), string(&sdp)),
            ("ICE".to_owned(), string("remove")),
            ("flags".to_owned(), format!("l{}e", string("trust-address"))),
        ];
        if command == "answer" {
            fields.push(("to-tag".to_owned(), string("b")));
        }
        if self.records {
            fields.push(("record call".to_owned(), string("yes")));
        }
        let body: String = fields.iter().map(|(key, value)| string(key) + value).collect();
        let answer = self.ask(&format!("d{body}e"))?;
        let port = answer.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next());
        let port = port.and_then(|port| port.parse().ok());
        let port = port.with_context(|| format!("no port in {answer:?}"))?;
        Ok(SocketAddr::new(phone.ip(), port))
    }
}

fn string(text: &str) -> String {
    format!("{}:{text}", text.len())
}

impl System for Rtpengine {
    fn pid(&self) -> u32 {
        self.process.id()
    }

    fn open(&mut self, calls: &[Pair]) -> Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        for (call, (caller, called)) in calls.iter().enumerate() {
            let for_called = self.describe("offer", call, *caller)?;
            let for_caller = self.describe("answer", call, *called)?;
            pairs.push((for_caller, for_called));
        }
        self.calls = calls.len();
        Ok(pairs)
    }

    fn end_calls(&mut self) -> Result<Ending> {
        for call in 0..self.calls {
            let name = string(&format!("call-{call}"));
            self.ask(&format!("d7:command6:delete7:call-id{name}8:from-tag1:ae"))?;
        }
        Ok(Ending::default())
    }
}

impl Drop for Rtpengine {
    fn drop(&mut self) {
        // Its calls have ended; the folder goes with the step.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
