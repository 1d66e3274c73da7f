//! kamailio as the carrier's proxy in front of the box: stateful, record-routing.

use crate::house::wait_for;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A proxy that passes every new call on to one box.
pub struct Proxy {
    child: Child,
    log: PathBuf,
    /// Where callers reach it.
    pub address: SocketAddr,
}

impl Proxy {
    /// Starts a proxy in front of `server`.
    ///
    /// # Panics
    /// When kamailio is not installed or does not answer.
    pub fn start(server: SocketAddr, folder: &Path) -> Self {
        let free = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = free.expect("a free port");
        let config = folder.join("kamailio.cfg");
        std::fs::write(&config, routing(address, server)).expect("the config can be written");
        let log = folder.join("kamailio.log");
        let out = std::fs::File::create(&log).expect("a log");
        let child = Command::new("kamailio")
            .args(["-DD", "-E", "-m", "64", "-M", "8", "-f"])
            .arg(&config)
            .args(["-Y", &folder.to_string_lossy(), "-w", &folder.to_string_lossy()])
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a second handle"))
            .stderr(out)
            .spawn()
            .expect("kamailio is installed by scripts/setup --tests");
        let proxy = Proxy { child, log, address };
        proxy.wait();
        proxy
    }

    /// Waits until it answers an OPTIONS.
    fn wait(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        let from = socket.local_addr().expect("an address");
        let options = format!(
            "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKping\r\n\
             From: <sip:ping@{from}>;tag=1\r\nTo: <sip:{to}>\r\nCall-ID: ping@{from}\r\n\
             CSeq: 1 OPTIONS\r\nMax-Forwards: 0\r\nContent-Length: 0\r\n\r\n",
            to = self.address
        );
        wait_for("kamailio to answer", Duration::from_secs(20), || {
            socket.send_to(options.as_bytes(), self.address).ok()?;
            socket.recv(&mut [0; 2048]).ok()
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // kamailio ends its workers itself on SIGTERM; SIGKILL would leave them behind.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("--- log of the proxy ---\n{log}");
        }
    }
}

fn routing(own: SocketAddr, server: SocketAddr) -> String {
    format!(
        r#"#!KAMAILIO
debug=1
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
request_route {{
    if (!mf_process_maxfwd_header("10")) {{
        sl_send_reply("483", "Too Many Hops");
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
    $du = "sip:{server}";
    if (!t_relay()) {{ sl_reply_error(); }}
}}
"#
    )
}
