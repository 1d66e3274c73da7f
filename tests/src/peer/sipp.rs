//! SIPp as a caller: a scenario with real RTP and RFC 4733 digits.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a caller does after the answer, in order.
#[derive(Clone, Debug)]
pub enum Act {
    /// Waits.
    Pause(Duration),
    /// Presses a digit.
    Digit(char),
    /// Speaks: sends the sample recording that comes with SIPp, about 8 s long.
    Speak,
    /// Waits for the other side to hang up.
    WaitForBye,
    /// Hangs up.
    HangUp,
}

/// One call to be made.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who calls, as the From number.
    pub from: String,
    /// What is dialled.
    pub to: String,
    /// `u1` is UDP, `t1` TCP.
    pub transport: &'static str,
    /// What the caller does after the answer.
    pub acts: Vec<Act>,
    /// Calls made at once.
    pub times: u16,
    /// Where the audio is wanted, when somebody else than SIPp listens and speaks.
    pub media_port: Option<u16>,
}

impl Caller {
    /// A caller over UDP.
    pub fn new(from: &str, to: &str, acts: Vec<Act>) -> Self {
        Caller {
            from: from.into(),
            to: to.into(),
            transport: "u1",
            acts,
            times: 1,
            media_port: None,
        }
    }

    /// Starts SIPp against `server`; its files go to `folder`.
    ///
    /// # Panics
    /// When SIPp is not installed.
    pub fn call(&self, server: SocketAddr, folder: &Path) -> Running {
        let name = format!("sipp-{}-{}", self.from, std::process::id());
        let file = folder.join(format!("{name}.xml"));
        std::fs::write(&file, self.scenario()).expect("the scenario can be written");
        let log = std::fs::File::create(folder.join(format!("{name}.log"))).expect("a log");
        let messages = folder.join(format!("{name}.messages"));
        let (times, ip) = (self.times.to_string(), server.ip().to_string());
        let child = Command::new("sipp")
            .arg(server.to_string())
            .args(["-sf", &file.to_string_lossy(), "-s", &self.to])
            .args(["-m", &times, "-l", &times, "-r", &times])
            .args(["-i", &ip, "-mi", &ip, "-t", self.transport])
            .args(["-timeout", "90s", "-timeout_error", "-nostdin", "-trace_err"])
            .args(["-trace_msg", "-message_file", &messages.to_string_lossy()])
            .current_dir(folder)
            .env("TERM", "dumb")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("sipp is installed by scripts/setup --tests");
        Running { child, log: folder.join(format!("{name}.log")), messages }
    }

    fn scenario(&self) -> String {
        let from = &self.from;
        let media = self.media_port.map_or("[auto_media_port]".to_owned(), |port| port.to_string());
        let mut xml = format!(
            r#"<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="caller">
  <send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: "{from}" <sip:{from}@[local_ip]:[local_port]>;tag=[pid]c[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:{from}@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
User-Agent: SIPp
Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 53655765 2353687637 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio {media} RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="183" optional="true"/>
  <recv response="200" rrs="true"/>
  <send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: "{from}" <sip:{from}@[local_ip]:[local_port]>;tag=[pid]c[call_number]
[last_To:]
[routes]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
"#
        );
        for act in &self.acts {
            match act {
                Act::Pause(time) => {
                    let _ = writeln!(xml, r#"  <pause milliseconds="{}"/>"#, time.as_millis());
                }
                Act::Digit(digit) => {
                    let file = match digit {
                        '*' => "star".to_owned(),
                        '#' => "pound".to_owned(),
                        digit => digit.to_string(),
                    };
                    let _ = writeln!(
                        xml,
                        r#"  <nop><action><exec play_pcap_audio="/usr/share/sip-tester/dtmf_2833_{file}.pcap"/></action></nop>
  <pause milliseconds="400"/>"#
                    );
                }
                Act::Speak => xml.push_str(
                    "  <nop><action><exec play_pcap_audio=\"/usr/share/sip-tester/g711a.pcap\"/></action></nop>\n",
                ),
                Act::WaitForBye => xml.push_str(
                    "  <recv request=\"BYE\"/>\n  <send><![CDATA[\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n\n]]></send>\n",
                ),
                Act::HangUp => {
                    let _ = write!(
                        xml,
                        r#"  <send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: "{from}" <sip:{from}@[local_ip]:[local_port]>;tag=[pid]c[call_number]
[last_To:]
[routes]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
  <recv response="200"/>
"#
                    );
                }
            }
        }
        xml.push_str("</scenario>\n");
        xml
    }
}

/// A SIPp that runs.
pub struct Running {
    child: Child,
    log: std::path::PathBuf,
    messages: std::path::PathBuf,
}

impl Running {
    /// Waits for the end of the call; every message of it, in both directions.
    ///
    /// # Panics
    /// With SIPp's own words when the scenario failed.
    pub fn finish(mut self) -> String {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("sipp is ours") {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                assert!(status.success(), "sipp ended with {status}:\n{log}");
                return std::fs::read_to_string(&self.messages).unwrap_or_default();
            }
            assert!(began.elapsed() < Duration::from_secs(100), "sipp does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
