//! kamailio from Debian as a stateful proxy with record route and a location table: one worker, no
//! authentication, no accounting.

use super::{LOCAL, System};
use crate::sip::digest::Credential;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The phone that takes all calls.
const USER: &str = "200001";
const ANSWER_MAX: Duration = Duration::from_millis(200);
const TRIES: u32 = 100;

/// A running proxy.
pub struct Proxy {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Proxy {
    /// Starts it.
    ///
    /// # Errors
    /// When kamailio is missing or does not answer.
    pub fn start() -> Result<Proxy> {
        let folder = tempfile::tempdir()?;
        let address = UdpSocket::bind((LOCAL, 0))?.local_addr()?;
        let config = folder.path().join("kamailio.cfg");
        std::fs::write(&config, routing(address)).context("write kamailio's routing")?;
        let log = File::create(folder.path().join("log"))?;
        let child = Command::new("kamailio")
            .args(["-DD", "-E", "-m", "1024", "-M", "32", "-f"])
            .arg(&config)
            .arg("-Y")
            .arg(folder.path())
            .arg("-w")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start kamailio: install Debian's package, or leave it out with --no-peer")?;
        let proxy = Proxy { child, address, folder };
        proxy.wait()?;
        Ok(proxy)
    }

    /// Waits until it answers an OPTIONS.
    fn wait(&self) -> Result<()> {
        let socket = UdpSocket::bind((LOCAL, 0))?;
        socket.set_read_timeout(Some(ANSWER_MAX))?;
        let (from, to) = (socket.local_addr()?, self.address);
        let options = format!(
            "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKbench\r\n\
             Max-Forwards: 0\r\nFrom: <sip:bench@{from}>;tag=1\r\nTo: <sip:{to}>\r\n\
             Call-ID: bench@{from}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        for _ in 0..TRIES {
            let answered = socket.send_to(options.as_bytes(), to).is_ok()
                && socket.recv(&mut [0; 2048]).is_ok();
            if answered {
                return Ok(());
            }
            std::thread::sleep(ANSWER_MAX / 4);
        }
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        bail!("kamailio does not answer on {to}; its log:\n{log}")
    }
}

impl System for Proxy {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn dial(&self) -> &str {
        USER
    }

    fn phones(&self) -> Vec<Credential> {
        vec![Credential { user: USER.into(), password: String::new() }]
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It ends its workers itself on SIGTERM; SIGKILL would leave them behind.
        // SAFETY: kill has no memory effects, and the child is not waited for yet.
        unsafe { libc::kill(self.child.id() as libc::pid_t, libc::SIGTERM) };
        let _ = self.child.wait();
    }
}

fn routing(own: SocketAddr) -> String {
    format!(
        r#"#!KAMAILIO
debug=0
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:{own}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
request_route {{
    if (!mf_process_maxfwd_header("10")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (is_method("REGISTER")) {{
        save("location");
        exit;
    }}
    if (has_totag()) {{
        if (loose_route()) {{
            t_relay();
        }} else if (is_method("ACK")) {{
            if (t_check_trans()) {{ t_relay(); }}
        }} else {{
            sl_send_reply("404", "Not here");
        }}
        exit;
    }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) {{ t_relay(); }}
        exit;
    }}
    t_check_trans();
    if (is_method("INVITE")) {{ record_route(); }}
    if (!lookup("location")) {{
        sl_send_reply("404", "Not here");
        exit;
    }}
    if (!t_relay()) {{ sl_reply_error(); }}
}}
"#
    )
}
