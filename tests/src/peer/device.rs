//! SIPp as whatever device a story needs: the story writes line by line what it says and awaits.

use crate::house::{House, wait_for};
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a device may take for all that it has to do.
const CALL_MAX: Duration = Duration::from_secs(60);

/// The tag of a device that is called.
pub const TAGGED: &str = "[last_To:];tag=[pid]s[call_number]";
/// The To of an answer within a dialog.
pub const KNOWN: &str = "[last_To:]";
/// The end of a message without a body.
pub const EMPTY: &str = "Content-Length: 0\n\n";
/// Via of a request that begins a transaction.
const VIA: &str = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]";

/// A device at work.
pub struct Device {
    child: Child,
    folder: PathBuf,
    name: String,
    port: u16,
}

impl Device {
    /// One that awaits so many calls, at a port that it has until then.
    ///
    /// # Panics
    /// When SIPp is not installed.
    pub fn awaits(house: &House, name: &str, calls: u32, steps: &[String]) -> Self {
        Device::start(house, name, &["-m".into(), calls.to_string()], steps)
    }

    /// One that makes one call to `number`.
    ///
    /// # Panics
    /// When SIPp is not installed.
    pub fn calls(house: &House, name: &str, number: &str, steps: &[String]) -> Self {
        Device::calls_over(house.sip, house, name, number, steps)
    }

    /// One that makes one call to `number` over a proxy.
    ///
    /// # Panics
    /// When SIPp is not installed.
    pub fn calls_over(
        proxy: SocketAddr,
        house: &House,
        name: &str,
        number: &str,
        steps: &[String],
    ) -> Self {
        let whom = [proxy.to_string(), "-s".into(), number.into(), "-m".into(), "1".into()];
        Device::start(house, name, &whom, steps)
    }

    fn start(house: &House, name: &str, what: &[String], steps: &[String]) -> Self {
        let free = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let port = free.expect("a free port").port();
        let folder = house.scratch().to_owned();
        let path = |kind: &str| folder.join(format!("device-{name}.{kind}"));
        fs::write(path("xml"), scenario(steps)).expect("the scenario can be written");
        let out = fs::File::create(path("out")).expect("a log");
        let child = Command::new("sipp")
            .args(what)
            .args(["-sf", &path("xml").to_string_lossy(), "-p", &port.to_string()])
            .args(["-i", "127.0.0.1", "-mi", "127.0.0.1", "-trace_err", "-trace_msg"])
            .args(["-message_file", &path("msg").to_string_lossy()])
            .args(["-nostdin", "-timeout", "60s", "-timeout_error"])
            .current_dir(&folder)
            .env("TERM", "dumb")
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a second handle"))
            .stderr(out)
            .spawn()
            .expect("sipp is installed by scripts/setup --tests");
        Device { child, folder, name: name.to_owned(), port }
    }

    /// Where it is.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until it has said and heard all that it should; what was said on the wire.
    ///
    /// # Panics
    /// With all of that when something else came.
    pub fn finish(&mut self, house: &House) -> String {
        let end = wait_for("SIPp to end", CALL_MAX, || self.child.try_wait().ok().flatten());
        let said = self.said();
        let out = self.read("out");
        assert!(end.success(), "{}: {out}\n{said}\n{}", self.name, house.log());
        said
    }

    /// What was said on the wire so far.
    pub fn said(&self) -> String {
        self.read("msg")
    }

    /// What it received, in the order of time.
    pub fn heard(&self) -> Vec<String> {
        heard_in(&self.said())
    }

    /// The port at which the box takes its audio, once it has been told.
    ///
    /// # Panics
    /// When it is told none within a time.
    pub fn audio_port(&self) -> u16 {
        wait_for("a description of audio", CALL_MAX, || {
            let heard = self.heard();
            heard.iter().find_map(|message| {
                let line = message.lines().find_map(|line| line.strip_prefix("m=audio "))?;
                line.split(' ').next()?.parse().ok()
            })
        })
    }

    fn read(&self, kind: &str) -> String {
        let file = self.folder.join(format!("device-{}.{kind}", self.name));
        fs::read_to_string(file).unwrap_or_default()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The messages that a trace says were received.
pub fn heard_in(said: &str) -> Vec<String> {
    // Each has a line of dashes before it, then who spoke.
    let of = |part: &str| {
        let (head, message) = part.split_once("\n\n")?;
        head.contains("message received").then(|| message.to_owned())
    };
    said.split("-----------------------------------------------").filter_map(of).collect()
}

fn scenario(steps: &[String]) -> String {
    let steps = steps.concat();
    format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\" ?>\n<scenario name=\"device\">\n{steps}</scenario>\n"
    )
}

/// Awaits a request.
pub fn receives(request: &str) -> String {
    format!("  <recv request=\"{request}\"/>\n")
}

/// Awaits the answer that ends a request. What comes on the way to it may come or not.
pub fn hears(status: u16) -> String {
    format!("{}  <recv response=\"{status}\"/>\n", on_the_way())
}

/// Awaits the answer that begins a dialog: what follows goes to its Contact.
pub fn hears_answer() -> String {
    format!("{}{}", on_the_way(), hears_only(200))
}

fn on_the_way() -> String {
    [100, 180, 183].map(perhaps_hears).concat()
}

/// Takes an answer that may come.
pub fn perhaps_hears(status: u16) -> String {
    format!("  <recv response=\"{status}\" optional=\"true\"/>\n")
}

/// Awaits this answer to an INVITE and no other: what follows goes to its Contact.
pub fn hears_only(status: u16) -> String {
    format!("  <recv response=\"{status}\" rrs=\"true\"/>\n")
}

/// Waits.
pub fn pauses(ms: u32) -> String {
    format!("  <pause milliseconds=\"{ms}\"/>\n")
}

/// Says something once.
pub fn says(message: &str) -> String {
    format!("  <send><![CDATA[\n{message}\n]]></send>\n")
}

/// Says something again and again until an answer comes.
pub fn insists(message: &str) -> String {
    format!("  <send retrans=\"500\"><![CDATA[\n{message}\n]]></send>\n")
}

/// An answer to the last request, with this To and more lines, the last one of them an empty one.
pub fn answer(status: &str, to: &str, more: &str) -> String {
    format!(
        "SIP/2.0 {status}\n[last_Via:]\n[last_From:]\n{to}\n[last_Call-ID:]\n[last_CSeq:]\n{more}"
    )
}

/// A request of who calls, to `uri`, with From and To and the number of its CSeq.
pub fn request(
    method: &str,
    uri: &str,
    (from, to): (&str, &str),
    number: u8,
    more: &str,
) -> String {
    format!(
        "{method} {uri} SIP/2.0\n{VIA}\n{from};tag=[pid]c[call_number]\n{to}\nCall-ID: [call_id]\n\
         CSeq: {number} {method}\nMax-Forwards: 70\n{more}"
    )
}

/// The ACK of a refusal: of the same transaction (RFC 3261 §17.1.1.3).
pub fn ack_of_refusal(uri: &str, from: &str, number: u8) -> String {
    request("ACK", uri, (from, KNOWN), number, EMPTY).replace(VIA, "[last_Via:]")
}

/// The Contact of a device, and its description.
pub fn describes(lines: &str) -> String {
    format!(
        "Contact: <sip:device@[local_ip]:[local_port]>\nContent-Type: application/sdp\n\
         Content-Length: [len]\n\nv=0\no=device 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [media_ip]\n\
         t=0 0\n{lines}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_trace_what_was_received_is_read() {
        let trace = "----------------------------------------------- 2026-11-29 18:44:10\n\
                     UDP message received [205] bytes :\n\nINVITE sip:a SIP/2.0\nm=audio 1 RTP/AVP 8\n\n\
                     ----------------------------------------------- 2026-11-29 18:44:11\n\
                     UDP message sent (274 bytes):\n\nSIP/2.0 200 OK\n";
        let heard = heard_in(trace);
        assert_eq!(heard.len(), 1);
        assert!(heard[0].starts_with("INVITE sip:a") && !heard[0].contains("200 OK"));
    }
}
