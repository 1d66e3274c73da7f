//! A SIP phone, or the public network with many of them: the production SIP core on the other side,
//! and what it lacks to be a phone, the REFER.

use super::handset::Handset;
use super::network::Datagram;
use super::plan::{BOX_IP, SIP_PORT, phone_plan};
use signaling::sip::flow::Host;
use signaling::sip::message::{Message, Method, Name};
use signaling::sip::parse::Carrier;
use signaling::sip::user_agent::{Command, Destination, Event, Invite};
use signaling::sip::write::Builder;
use signaling::sip::{self, Listener, UserAgent};
use signaling::switch::Now;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use terms::{AgentId, LegId, TrunkId};

use super::plan::TENANT;
use signaling::sip::digest::Algorithm;
use signaling::sip::flow::Transport;

/// First RTP port of a phone.
const PORTS_FROM: u16 = 30_000;

/// Who uses a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// A caller by number.
    Caller(usize),
    /// The agent whose phone it is.
    Agent,
    /// Nobody: a feature code was dialled.
    Code,
    /// The agent whose phone it is, who dialled a conference room.
    Member,
    /// Somebody outside whom the box called.
    Outsider,
}

/// One leg of a phone.
#[derive(Clone, Debug)]
pub struct Line {
    /// Who uses it.
    pub user: User,
    /// Its handset in the world.
    pub handset: usize,
    /// The Call-ID, for legs that the box called.
    pub call_id: String,
    /// Picked up.
    pub answered: bool,
}

/// What a REFER needs to know of a dialog that the box began.
#[derive(Clone, Debug, Default)]
struct Dialog {
    target: Vec<u8>,
    box_side: Vec<u8>,
    our_side: Vec<u8>,
    /// A request of our own was sent: its number is above a REFER's.
    spoke: bool,
}

/// A phone.
pub struct Phone {
    /// Whose it is; nobody's is the public network.
    pub agent: Option<AgentId>,
    /// Its SIP address.
    pub address: SocketAddr,
    /// Its SIP core.
    pub user_agent: UserAgent,
    /// Its live legs.
    pub lines: BTreeMap<LegId, Line>,
    /// To the network.
    pub out: Vec<Datagram>,
    /// The INVITEs and the 200 that came, as they came.
    pub invited: Vec<Vec<u8>>,
    dialogs: HashMap<Vec<u8>, Dialog>,
    /// REFERs without an answer, by their branch.
    pub refers: BTreeMap<String, Vec<u8>>,
    legs_made: u64,
    ports_made: u16,
}

impl Phone {
    /// A phone that begins to register if it is an agent's.
    pub fn new(now: Now, agent: Option<AgentId>, ip: IpAddr, seed: u64) -> Self {
        let address = SocketAddr::new(ip, SIP_PORT);
        let config = sip::Config::new(vec![Listener {
            transport: Transport::Udp,
            advertised: address,
            digest: vec![Algorithm::Md5],
        }]);
        let mut user_agent = UserAgent::new(config, seed);
        user_agent.set_plan(now, &phone_plan(agent));
        Phone {
            agent,
            address,
            user_agent,
            lines: BTreeMap::new(),
            out: Vec::new(),
            invited: Vec::new(),
            dialogs: HashMap::new(),
            refers: BTreeMap::new(),
            legs_made: 0,
            ports_made: 0,
        }
    }

    /// Where the next handset receives.
    pub fn next_port(&mut self) -> SocketAddr {
        self.ports_made += 1;
        SocketAddr::new(self.address.ip(), PORTS_FROM + 2 * self.ports_made)
    }

    /// Dials the box.
    pub fn dial(&mut self, now: Now, called: &str, from: &str, user: User, set: &Handset) -> LegId {
        self.legs_made += 1;
        let leg = LegId(1 << 62 | self.legs_made);
        self.user_agent.handle_command(
            now,
            Command::Invite(Box::new(Invite {
                leg,
                to: Destination::Trunk(TENANT, TrunkId(1), called.to_owned()),
                from_user: from.to_owned(),
                from_name: String::new(),
                sdp: sdp(set, "sendrecv", 1),
                elsewhere: Vec::new(),
                browser: false,
                other_way: false,
                not_at: None,
                at_desk: false,
                category: None,
                headers: Vec::new(),
            })),
        );
        let line = Line { user, handset: 0, call_id: String::new(), answered: false };
        self.lines.insert(leg, line);
        leg
    }

    /// A datagram came.
    pub fn arrive(&mut self, now: Now, from: SocketAddr, bytes: &[u8]) {
        if let Ok(message) = Message::parse(bytes, Carrier::Datagram) {
            let of_invite = message.cseq().is_some_and(|cseq| cseq.method == b"INVITE");
            if of_invite && (message.is_request() || message.status() == 200) {
                self.invited.push(bytes.to_vec());
            }
            if message.is_request() && message.method() == Method::Invite {
                let dialog = self.dialogs.entry(message.call_id().to_vec()).or_default();
                let contact = message.contact().map(|contact| contact.uri.to_vec());
                dialog.target = contact.unwrap_or_default();
                dialog.box_side = message.first(Name::From).unwrap_or_default().to_vec();
            }
            let branch = message.via().and_then(|via| via.branch().map(<[u8]>::to_vec));
            if let Some(branch) = branch.and_then(|branch| String::from_utf8(branch).ok())
                && !message.is_request()
                && self.refers.remove(&branch).is_some()
            {
                return;
            }
        }
        self.user_agent.handle_datagram(now, 0, from, bytes);
    }

    /// The next thing that the phone's user hears.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.user_agent.poll_event()
    }

    /// Puts what the core wants to send on the way.
    pub fn flush(&mut self) {
        while let Some(transmit) = self.user_agent.poll_transmit() {
            let Host::Address(to) = transmit.hop.host else { continue };
            if transmit.bytes.is_empty() {
                continue;
            }
            self.note_own(&transmit.bytes);
            let bytes = transmit.bytes.to_vec();
            self.out.push(Datagram { from: self.address, to, bytes });
        }
    }

    fn note_own(&mut self, bytes: &[u8]) {
        let Ok(message) = Message::parse(bytes, Carrier::Datagram) else { return };
        let Some(dialog) = self.dialogs.get_mut(message.call_id()) else { return };
        if message.is_request() {
            dialog.spoke |= message.method() != Method::Ack;
        } else if message.to_tag().is_some() {
            dialog.our_side = message.first(Name::To).unwrap_or_default().to_vec();
        }
    }

    /// Asks the box to send the other party to `target`: the name of the REFER. `None` when the
    /// phone has said something in this dialog already.
    ///
    /// # Panics
    /// When the dialog is not one that the box began.
    pub fn refer(&mut self, leg: LegId, target: &str) -> Option<String> {
        let line = self.lines.get(&leg)?;
        let dialog = self.dialogs.get(line.call_id.as_bytes()).expect("the box called this phone");
        if dialog.spoke {
            return None;
        }
        let branch = format!("z9hG4bKrefer{}", leg.0);
        let me = self.address;
        let mut builder = Builder::request("REFER", &dialog.target);
        builder.header("Via", format!("SIP/2.0/UDP {me};branch={branch};rport"));
        builder.header("Max-Forwards", "70");
        builder.header("From", &dialog.our_side);
        builder.header("To", &dialog.box_side);
        builder.header("Call-ID", &line.call_id);
        builder.header("CSeq", "1 REFER");
        builder.header("Contact", format!("<sip:{me}>"));
        builder.header("Refer-To", format!("<sip:{target}@{BOX_IP}:{SIP_PORT}>"));
        let bytes = builder.end().expect("nothing in it is foreign");
        self.refers.insert(branch.clone(), bytes);
        Some(branch)
    }
}

/// A handset's description.
pub fn sdp(set: &Handset, direction: &str, version: u32) -> String {
    let (ip, port) = (set.local.ip(), set.local.port());
    format!(
        "v=0\r\no=- {} {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:{}\r\na={direction}\r\n",
        set.tag, set.ptime_ms
    )
}

/// Where a description wants its audio.
pub fn audio_of(sdp: &str) -> Option<SocketAddr> {
    let value = |key: &str| sdp.lines().find_map(|line| line.strip_prefix(key));
    let ip: IpAddr = value("c=IN IP4 ")?.trim().parse().ok()?;
    let port: u16 = value("m=audio ")?.split(' ').next()?.parse().ok()?;
    Some(SocketAddr::new(ip, port))
}
