//! baresip as an agent's phone: registers with digest, answers by itself, speaks a tone and writes
//! down what it hears.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A registered phone.
pub struct Phone {
    child: Child,
    folder: PathBuf,
}

/// How a phone behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Answers every call at once.
    Answers,
    /// Rings for ever.
    Rings,
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
        let folder = folder.join(format!("baresip-{user}"));
        std::fs::create_dir_all(&folder).expect("a folder for the phone");
        let answers = match manner {
            Manner::Answers => "auto",
            Manner::Rings => "manual",
        };
        let account = format!(
            "<sip:{user}@{server};transport=udp>;auth_user={user};auth_pass={password};\
             answermode={answers};regint=60;audio_codecs=PCMA\n"
        );
        // The sine generator stands for a voice; files hold what the phone heard.
        let config = format!(
            "sip_listen 127.0.0.1:0\nmodule_path /usr/lib/baresip/modules\n\
             module g711.so\nmodule ausine.so\nmodule aufile.so\nmodule_app account.so\n\
             module_app menu.so\naudio_source ausine,{hz}\naudio_player aufile,{}\n\
             audio_alert aufile,{}\nrtp_ports 40000-48000\naudio_txmode thread\n",
            folder.join("heard.wav").display(),
            folder.join("alert.wav").display(),
        );
        std::fs::write(folder.join("accounts"), account).expect("accounts can be written");
        std::fs::write(folder.join("config"), config).expect("config can be written");
        std::fs::write(folder.join("contacts"), "").expect("contacts can be written");
        let log = std::fs::File::create(folder.join("log.txt")).expect("a log");
        let child = Command::new("baresip")
            .args(["-f", &folder.to_string_lossy()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("baresip is installed by scripts/setup --tests");
        Phone { child, folder }
    }

    /// The phone's log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log.txt")).unwrap_or_default()
    }

    /// What the phone heard.
    pub fn heard(&self) -> PathBuf {
        self.folder.join("heard.wav")
    }
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
