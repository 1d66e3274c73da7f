//! kamailio from Debian as a stateful proxy with record route, as a registrar that asks for a password, or
//! as a provider whose line proves itself: one worker, bindings in memory, no accounting.

use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const ANSWER_MAX: Duration = Duration::from_millis(200);
const TRIES: u32 = 100;
/// Of its challenges.
const REALM: &str = "switchgrid";

/// Where a call goes that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// All of them to this box.
    Box(SocketAddr),
    /// To where the one who was dialled registered.
    Registered,
    /// The same, where everybody who registers has this password.
    Proven(&'static str),
    /// The same where who registers proves to be this line, and so does who calls anybody else.
    Provider(Line),
}

/// Somebody with a password at a provider (RFC 7616), and where the rest of the world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The name.
    pub user: &'static str,
    /// The password.
    pub password: &'static str,
    /// Where calls to those go who are not registered.
    pub outside: SocketAddr,
}

const LOCATIONS: &str = "loadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"";

/// A running proxy.
pub struct Kamailio {
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Kamailio {
    /// Starts it with so much shared memory; its files lie in `folder`.
    ///
    /// # Errors
    /// When kamailio is missing or does not answer.
    pub fn start(folder: &Path, next: Next, shared_mib: u32) -> Result<Kamailio> {
        let address = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let config = folder.join("kamailio.cfg");
        fs::write(&config, routing(address, next)).context("write kamailio's routing")?;
        let log = folder.join("kamailio.log");
        let out = File::create(&log).context("make kamailio's log")?;
        let child = Command::new("kamailio")
            .args(["-DD", "-E", "-m", &shared_mib.to_string(), "-M", "32", "-f"])
            .arg(&config)
            .arg("-Y")
            .arg(folder)
            .arg("-w")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .context("start kamailio, which Debian's package of that name brings")?;
        let proxy = Kamailio { child, log, address };
        proxy.wait()?;
        Ok(proxy)
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote until now.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it answers an OPTIONS.
    fn wait(&self) -> Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(ANSWER_MAX))?;
        let (from, to) = (socket.local_addr()?, self.address);
        let options = format!(
            "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKping\r\n\
             Max-Forwards: 0\r\nFrom: <sip:ping@{from}>;tag=1\r\nTo: <sip:{to}>\r\n\
             Call-ID: ping@{from}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        for _ in 0..TRIES {
            let answered = socket.send_to(options.as_bytes(), to).is_ok()
                && socket.recv(&mut [0; 2048]).is_ok();
            if answered {
                return Ok(());
            }
            std::thread::sleep(ANSWER_MAX / 4);
        }
        bail!("kamailio does not answer on {to}; its log:\n{}", self.log())
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // It ends its workers itself on SIGTERM; SIGKILL would leave them behind.
        // SAFETY: kill has no memory effects, and the child is not waited for yet.
        unsafe { libc::kill(self.child.id() as libc::pid_t, libc::SIGTERM) };
        let _ = self.child.wait();
    }
}

impl Line {
    /// Challenges, as `www` (401) or `proxy` (407), who does not prove to be this line.
    fn proves(&self, who: &str) -> String {
        let Line { user, password, .. } = self;
        format!(
            "if ($au != \"{user}\" || !pv_{who}_authenticate(\"{REALM}\", \"{password}\", \"0\")) {{ \
             {who}_challenge(\"{REALM}\", \"1\"); exit; }}"
        )
    }
}

fn routing(own: SocketAddr, next: Next) -> String {
    const LOOKUP: &str =
        "if (!lookup(\"location\")) { sl_send_reply(\"404\", \"Not here\"); exit; }";
    let register = |proof: &str| {
        format!("if (is_method(\"REGISTER\")) {{ {proof}save(\"location\"); exit; }}")
    };
    let with_auth = || format!("{LOCATIONS}\nloadmodule \"auth.so\"");
    let (modules, register, route) = match next {
        Next::Box(address) => (String::new(), String::new(), format!("$du = \"sip:{address}\";")),
        Next::Registered => (LOCATIONS.to_owned(), register(""), LOOKUP.to_owned()),
        Next::Proven(password) => (
            with_auth(),
            register(&format!(
                "if (!pv_www_authenticate(\"{REALM}\", \"{password}\", \"0\")) {{ \
                 www_challenge(\"{REALM}\", \"1\"); exit; }} "
            )),
            LOOKUP.to_owned(),
        ),
        Next::Provider(line) => (
            with_auth(),
            register(&format!("{} ", line.proves("www"))),
            format!(
                "if (!lookup(\"location\")) {{ {} consume_credentials(); $du = \"sip:{}\"; }}",
                line.proves("proxy"),
                line.outside
            ),
        ),
    };
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
{modules}
request_route {{
    if (!mf_process_maxfwd_header("10")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    {register}
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
    {route}
    if (!t_relay()) {{ sl_reply_error(); }}
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_registers_is_asked_for_a_password_where_there_is_one() {
        let own = SocketAddr::from(([127, 0, 0, 1], 5060));
        let proven = routing(own, Next::Proven("secret"));
        let asked = proven.find("pv_www_authenticate(\"switchgrid\", \"secret\", \"0\")");
        let saved = proven.find("save(\"location\")");
        assert!(asked.is_some() && asked < saved, "{proven}");
        assert!(proven.contains("loadmodule \"auth.so\""));
        let open = routing(own, Next::Registered);
        assert!(open.contains("save(\"location\")") && !open.contains("auth"), "{open}");
        assert!(!routing(own, Next::Box(own)).contains("save"));
    }
}
