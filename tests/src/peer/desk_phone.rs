//! Steps of SIPp as the phone of an agent: it registers where it is, proves who it is when it asks for
//! something by itself, and knows the dialogs of the calls that came to it.

use super::device::{
    Device, EMPTY, KNOWN, TAGGED, ack_of_refusal, answer, hears, hears_answer, insists, pauses,
    receives, request, says,
};
use crate::house::{House, wait_for};
use crate::seat::registered;
use std::net::SocketAddr;
use std::time::Duration;

/// Whose phone it is.
pub struct DeskPhone {
    sip: SocketAddr,
    user: String,
    password: String,
}

impl DeskPhone {
    /// A phone of the agent with this index.
    pub fn of(house: &House, index: usize) -> Self {
        let who = &house.agents[index];
        DeskPhone { sip: house.sip, user: who.user.clone(), password: who.password.clone() }
    }

    /// Registers the port that it has: requests 1 and 2 of its scenario.
    pub fn registers(&self) -> Vec<String> {
        self.registers_for("[local_port]")
    }

    fn registers_for(&self, port: &str) -> Vec<String> {
        let more = format!("Contact: <sip:{}@127.0.0.1:{port}>\nExpires: 300\n{EMPTY}", self.user);
        let (uri, to) = (format!("sip:{}", self.sip), format!("To: {}", self.name()));
        let mut steps = self.proves("REGISTER", (&uri, &to), 1, &more);
        steps.push(hears(200));
        steps
    }

    /// Asks, is challenged and asks again with proof: the request of this number and the next one. What
    /// is answered then is the next step's to take.
    pub fn proves(
        &self,
        method: &str,
        (uri, to): (&str, &str),
        number: u8,
        more: &str,
    ) -> Vec<String> {
        let from = self.from();
        let asks = |number, more: &str| insists(&request(method, uri, (&from, to), number, more));
        let mut steps = vec![
            asks(number, more),
            "  <recv response=\"100\" optional=\"true\"/>\n  <recv response=\"401\" auth=\"true\"/>\n"
                .to_owned(),
        ];
        if method == "INVITE" {
            steps.push(says(&ack_of_refusal(uri, &from, number)));
        }
        let proof = format!("[authentication username={} password={}]\n", self.user, self.password);
        steps.push(asks(number + 1, &format!("{proof}{more}")));
        steps
    }

    /// Asks this extension for a call with these lines and is challenged, as above.
    pub fn asks(&self, extension: &str, number: u8, more: &str) -> Vec<String> {
        let uri = format!("sip:{extension}@{}", self.sip);
        self.proves("INVITE", (&uri, &format!("To: <{uri}>")), number, more)
    }

    /// The same, and is answered.
    pub fn dials(&self, extension: &str, number: u8, more: &str) -> Vec<String> {
        let mut steps = self.asks(extension, number, more);
        steps.push(hears_answer());
        steps.push(says(&self.inside("ACK", number + 1, EMPTY)));
        steps
    }

    /// A request within the call that it made.
    pub fn inside(&self, method: &str, number: u8, more: &str) -> String {
        request(method, "[next_url]", (&self.from(), KNOWN), number, more)
    }

    fn from(&self) -> String {
        format!("From: {}", self.name())
    }

    fn name(&self) -> String {
        format!("<sip:{}@{}>", self.user, self.sip)
    }
}

/// A phone of the agent with this index is at this port of another scenario; the agent's id.
///
/// # Panics
/// When the box refuses it.
pub fn registers_at(house: &House, index: usize, port: u16) -> String {
    let phone = DeskPhone::of(house, index);
    let steps = phone.registers_for(&port.to_string());
    Device::calls(house, &format!("registers-{}", phone.user), &phone.user, &steps).finish(house);
    registered(house, index)
}

/// Takes a call and answers it with this description, after so long.
pub fn takes_a_call(ms: u32, description: &str) -> Vec<String> {
    vec![
        receives("INVITE"),
        says(&answer("180 Ringing", TAGGED, EMPTY)),
        pauses(ms),
        insists(&answer("200 OK", TAGGED, description)),
        receives("ACK"),
    ]
}

/// The same for who speaks [`within`] the call afterwards. SIPp takes no name that is not used.
pub fn takes_a_call_by_name(ms: u32, description: &str) -> Vec<String> {
    let keeps_names = "  <recv request=\"INVITE\"><action>\
         <ereg regexp=\".*\" search_in=\"hdr\" header=\"From:\" assign_to=\"from\"/>\
         <ereg regexp=\".*\" search_in=\"hdr\" header=\"To:\" assign_to=\"to\"/>\
         </action></recv>\n";
    let mut steps = takes_a_call(ms, description);
    steps[0] = keeps_names.to_owned();
    steps
}

/// A request of who was called, and has kept the names.
pub fn within(house: &House, method: &str, number: u8, more: &str) -> String {
    format!(
        "{method} sip:switchgrid@{} SIP/2.0\n\
         Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]\n\
         From:[$to];tag=[pid]s[call_number]\nTo:[$from]\n[last_Call-ID:]\n\
         CSeq: {number} {method}\nMax-Forwards: 70\n{more}",
        house.sip
    )
}

/// A re-INVITE of who was called, its answer and its ACK.
pub fn offers_within(house: &House, number: u8, description: &str) -> Vec<String> {
    vec![
        insists(&within(house, "INVITE", number, description)),
        hears(200),
        says(&within(house, "ACK", number, EMPTY)),
    ]
}

/// Awaits a request and grants it.
pub fn grants(method: &str) -> Vec<String> {
    vec![receives(method), says(&answer("200 OK", KNOWN, EMPTY))]
}

/// Grants every request of this method for as long as the device is at work.
pub fn goes_on_granting(method: &str) -> Vec<String> {
    let granted = says(&answer("200 OK", KNOWN, EMPTY)).replacen("<send>", "<send next=\"1\">", 1);
    vec!["  <label id=\"1\"/>\n".to_owned(), receives(method), granted]
}

/// How Replaces and Join name the call that came to this device (RFC 3891 §6.1), once it is up: the
/// box's tag is `to-tag`.
///
/// # Panics
/// When no call comes.
pub fn dialog_of(device: &Device) -> [String; 3] {
    wait_for("a call that is up", Duration::from_secs(20), || {
        let heard = device.heard();
        let ack = heard.iter().find(|message| message.starts_with("ACK "))?;
        let line = |name: &str| ack.lines().find_map(|line| line.strip_prefix(name));
        let tag = |name: &str| {
            let tag = line(name)?.split(";tag=").nth(1)?.split(';').next()?;
            Some(tag.trim().to_owned())
        };
        Some([line("Call-ID: ")?.trim().to_owned(), tag("From: ")?, tag("To: ")?])
    })
}
