//! baresip as an agent's phone, which registers with digest and answers by itself, or as a caller.
//! It speaks a tone, keeps what it hears as a WAV file, and does what it is told meanwhile.

use crate::house::wait_for;
use crate::sound;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Nobody registers a NAT for a caller: the description must name where the voice is.
const ITS_OWN_ADDRESS: &str = "net_interface 127.0.0.1\n";
/// Who is called over the way that it registered by, or calls itself, needs no port of its own.
const ANY_PORT: &str = "sip_listen 127.0.0.1:0\n";

/// A phone.
pub struct Phone {
    child: Child,
    folder: PathBuf,
    /// Where it takes orders.
    control: SocketAddr,
}

/// How the audio of a phone that dials goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audio {
    /// In clear.
    Plain,
    /// SRTP with keys in the description, RFC 4568, or no call at all.
    Srtp,
}

impl Audio {
    /// What an account says about it.
    fn parameter(self) -> &'static str {
        match self {
            Audio::Plain => "",
            Audio::Srtp => ";mediaenc=srtp-mand",
        }
    }
}

/// How a phone behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Answers every call at once.
    Answers,
    /// The same, with encrypted audio or not at all.
    AnswersEncrypted,
    /// Rings for ever.
    Rings,
    /// The same, and its log has every message.
    RingsTraced,
    /// Answers, and calls itself when it is told to.
    Calls,
    /// Answers, and its log has every message.
    AnswersTraced,
}

impl Phone {
    /// Starts a phone of `user` that registers at `server` and says a tone of `hz`.
    ///
    /// # Panics
    /// When baresip is not installed.
    pub fn start(
        server: SocketAddr,
        user: &str,
        password: &str,
        hz: u32,
        manner: Manner,
        folder: &Path,
    ) -> Self {
        let (answers, audio) = match manner {
            Manner::Answers => ("auto", Audio::Plain),
            Manner::AnswersEncrypted => ("auto", Audio::Srtp),
            Manner::Rings | Manner::RingsTraced => ("manual", Audio::Plain),
            Manner::Calls | Manner::AnswersTraced => ("auto", Audio::Plain),
        };
        let more = if manner == Manner::Calls { ITS_OWN_ADDRESS } else { "" };
        let account = format!(
            "<sip:{user}@{server};transport=udp>;auth_user={user};auth_pass={password};\
             answermode={answers};regint=60;audio_codecs=PCMA{}\n",
            audio.parameter()
        );
        let traced = matches!(manner, Manner::AnswersTraced | Manner::RingsTraced);
        let args: &[&str] = if traced { &["-s"] } else { &[] };
        let folder = folder.join(format!("baresip-{user}"));
        run(&account, hz, &format!("{ANY_PORT}{more}"), args, folder)
    }

    /// Starts a provider that answers calls to `number` over TLS alone, with encrypted audio alone. It
    /// shows the certificate and key of a PEM file; the port is the one where it awaits TLS.
    ///
    /// # Panics
    /// When baresip is not installed.
    pub fn carrier(number: &str, certificate: &Path, hz: u32, folder: &Path) -> (Self, u16) {
        // The port of TLS is the one after that of the other transports.
        let two = |port: &u16| {
            let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
            is_free(*port) && is_free(port + 1)
        };
        let first = 14_500 + std::process::id() as u16 % 1_000;
        let port = (first..first + 400).find(two).expect("two ports are free");
        let account = format!(
            "<sip:{number}@127.0.0.1:{};transport=tls>;regint=0;answermode=auto;audio_codecs=PCMA{}\n",
            port + 1,
            Audio::Srtp.parameter()
        );
        let more = format!(
            "sip_listen 127.0.0.1:{port}\nsip_certificate {}\n{ITS_OWN_ADDRESS}",
            certificate.display()
        );
        let folder = folder.join(format!("baresip-{number}"));
        (run(&account, hz, &more, &["-s"], folder), port + 1)
    }

    /// Starts a phone that does not register, calls `to` at `server` as `from` and says a tone of
    /// `hz` until the other side hangs up.
    ///
    /// # Panics
    /// When baresip is not installed.
    pub fn dials(
        server: SocketAddr,
        from: &str,
        to: &str,
        hz: u32,
        audio: Audio,
        folder: &Path,
    ) -> Self {
        let account = format!(
            "<sip:{from}@{server};transport=udp>;regint=0;audio_codecs=PCMA{}\n",
            audio.parameter()
        );
        let dial = format!("/dial sip:{to}@{server}");
        let folder = folder.join(format!("baresip-{from}"));
        run(&account, hz, &format!("{ANY_PORT}{ITS_OWN_ADDRESS}"), &["-e", &dial], folder)
    }

    /// What the phone has heard in its calls so far, 8 kHz.
    ///
    /// # Panics
    /// When the files are not what baresip writes.
    pub fn heard(&self) -> Vec<i16> {
        self.heard_by_call().concat()
    }

    /// The same, each file by itself.
    ///
    /// # Panics
    /// When the files are not what baresip writes.
    pub fn heard_by_call(&self) -> Vec<Vec<i16>> {
        let files = std::fs::read_dir(&self.folder).expect("the phone's folder");
        let mut dumps: Vec<PathBuf> = files
            .filter_map(|file| Some(file.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with("-dec.wav"))
            .collect();
        dumps.sort_unstable();
        dumps.iter().map(|dump| sound::mono(dump)).collect()
    }

    /// Presses keys, as RFC 4733, one after the other.
    ///
    /// # Panics
    /// When there is no call.
    pub fn presses(&self, keys: &str) {
        self.does("sndcode", keys);
    }

    /// Calls a number of the box at `server`.
    ///
    /// # Panics
    /// When the phone refuses.
    pub fn calls(&self, server: SocketAddr, number: &str) {
        self.does("dial", &format!("sip:{number}@{server}"));
    }

    /// Answers the call that rings. One that goes on is put on hold.
    ///
    /// # Panics
    /// When the phone refuses.
    pub fn accepts(&self) {
        self.does("accept", "");
    }

    /// An order to the phone's module `ctrl_tcp`: JSON in a netstring, answered by another.
    fn does(&self, command: &str, params: &str) {
        let limit = Duration::from_secs(10);
        let mut link = wait_for("the phone to listen", limit, || {
            let link = TcpStream::connect(self.control).ok()?;
            link.set_read_timeout(Some(limit)).ok()?;
            // While nobody listens on a port of the kernel's choosing, the kernel may choose it for
            // the connection to it, which then hears itself.
            (link.local_addr().ok()? != self.control).then_some(link)
        });
        let order = json!({"command": command, "params": params}).to_string();
        link.write_all(format!("{}:{order},", order.len()).as_bytes()).expect("the phone listens");
        // What else happens is told on the same line.
        let mut answer = netstring(&mut link);
        while answer["response"] != true {
            answer = netstring(&mut link);
        }
        assert_eq!(answer["ok"], true, "{command} {params}: {answer}");
    }

    /// The phone's log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log.txt")).unwrap_or_default()
    }
}

/// The JSON in the next netstring.
fn netstring(link: &mut TcpStream) -> Value {
    let mut length = 0;
    loop {
        match byte(link) {
            b':' => break,
            digit => length = length * 10 + usize::from(digit - b'0'),
        }
    }
    let mut bytes = vec![0; length];
    link.read_exact(&mut bytes).expect("the phone answers");
    assert_eq!(byte(link), b',', "a netstring ends");
    serde_json::from_slice(&bytes).expect("the phone answers in JSON")
}

fn byte(link: &mut TcpStream) -> u8 {
    let mut byte = [0];
    link.read_exact(&mut byte).expect("the phone answers");
    byte[0]
}

/// Writes a phone's files and starts it.
fn run(account: &str, hz: u32, more: &str, args: &[&str], folder: PathBuf) -> Phone {
    std::fs::create_dir_all(&folder).expect("a folder for the phone");
    let voice = folder.join("voice.wav");
    std::fs::write(&voice, tone(hz)).expect("the voice can be written");
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let control = free.expect("a free port");
    let config = format!(
        "module_path /usr/lib/baresip/modules\n\
         module g711.so\nmodule srtp.so\nmodule aufile.so\nmodule sndfile.so\n\
         module ctrl_tcp.so\nctrl_tcp_listen {control}\n\
         module_app account.so\nmodule_app menu.so\n\
         audio_source aufile,{}\nrtp_ports 40000-48000\naudio_txmode thread\n\
         snd_path {}\n{more}",
        voice.display(),
        folder.display(),
    );
    std::fs::write(folder.join("accounts"), account).expect("accounts can be written");
    std::fs::write(folder.join("config"), config).expect("config can be written");
    std::fs::write(folder.join("contacts"), "").expect("contacts can be written");
    let log = std::fs::File::create(folder.join("log.txt")).expect("a log");
    let child = Command::new("baresip")
        .args(["-f", &folder.to_string_lossy()])
        .args(args)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn()
        .expect("baresip is installed by scripts/setup --tests");
    Phone { child, folder, control }
}

/// Two minutes of a tone as a WAV file, 8 kHz, 16 bits, mono.
fn tone(hz: u32) -> Vec<u8> {
    let samples = (0..8000 * 120).map(|n| {
        let angle = 2.0 * std::f64::consts::PI * f64::from(hz) * f64::from(n) / 8000.0;
        (angle.sin() * 8000.0) as i16
    });
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let mut wav = Vec::with_capacity(44 + data.len());
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + data.len() as u32).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16u32.to_le_bytes());
    for word in [1u16, 1] {
        wav.extend_from_slice(&word.to_le_bytes());
    }
    wav.extend_from_slice(&8000u32.to_le_bytes());
    wav.extend_from_slice(&16_000u32.to_le_bytes());
    for word in [2u16, 16] {
        wav.extend_from_slice(&word.to_le_bytes());
    }
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&(data.len() as u32).to_le_bytes());
    wav.extend_from_slice(&data);
    wav
}

impl Drop for Phone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the phone ---\n{}", self.log());
        }
    }
}
