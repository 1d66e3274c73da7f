//! Any number of telephones behind one UDP socket: registrations, calls out and calls in.
//!
//! A machine: [`Phone::on_datagram`], [`Phone::on_time`] and the verbs in, [`Phone::poll`] out.
//! It owns retransmissions (RFC 3261 §17), ACK, digest answers and CSeq; a script owns meaning.

mod client;
mod server;

use crate::sip::digest::Credential;
use crate::sip::message::{Message, user_of};
use crate::sip::sdp::{self, Audio, Direction};
use benches::media::g711::Law;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;
use terms::Moment;

/// RFC 3261 §17.1.1.1.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
/// 64·T1: a transaction gives up, and what we answered is remembered.
const LIFE: Duration = Duration::from_secs(32);
const EXPIRES: Duration = Duration::from_secs(120);
const AGENT: &str = "switchgrid-load";

/// Our name for a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegKey(pub u32);

/// What the machine wants or saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes.
    Transmit(SocketAddr, Vec<u8>),
    /// Tell the script.
    Event(Event),
}

/// What a script hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A REGISTER ended: 200, or why not.
    Registered {
        /// Whose.
        user: String,
        /// The final status.
        status: u16,
    },
    /// Somebody calls one of our users. Answer with `ring`, `answer` or `reject`.
    Incoming {
        /// The new leg.
        leg: LegKey,
        /// Who is called.
        user: String,
        /// User part of From.
        caller: String,
        /// Their offer.
        audio: Option<Audio>,
    },
    /// Our call rings.
    Ringing {
        /// The leg.
        leg: LegKey,
    },
    /// Our call was answered.
    Answered {
        /// The leg.
        leg: LegKey,
        /// Their answer.
        audio: Option<Audio>,
    },
    /// Our call failed. The leg is gone.
    Failed {
        /// The leg.
        leg: LegKey,
        /// The final status, 408 when nothing came.
        status: u16,
    },
    /// The other side ended it. The leg is gone.
    Ended {
        /// The leg.
        leg: LegKey,
    },
    /// They offered again and got our answer.
    Offered {
        /// The leg.
        leg: LegKey,
        /// Their offer.
        audio: Option<Audio>,
    },
    /// Our new offer ended.
    OfferDone {
        /// The leg.
        leg: LegKey,
        /// The final status.
        status: u16,
    },
    /// The answer to our REFER, then what its NOTIFYs say.
    Refer {
        /// The leg.
        leg: LegKey,
        /// 202, then 100–699 of the new call.
        status: u16,
    },
}

/// A call that we make.
#[derive(Clone, Debug)]
pub struct Dial {
    /// Who calls.
    pub from: String,
    /// Whom.
    pub to: String,
    /// Where we listen.
    pub rtp: SocketAddr,
    /// What we speak.
    pub law: Law,
    /// What we prove when asked.
    pub credential: Option<Credential>,
}

struct Line {
    credential: Credential,
    call_id: String,
    tag: String,
    cseq: u32,
    wanted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Our INVITE is out; `cancelled` once we changed our mind.
    Calling { cancelled: bool },
    /// Their INVITE waits for our answer.
    Ringing,
    /// We sent 200 and wait for ACK.
    Accepted,
    /// Both sides agree.
    Up,
}

struct Leg {
    state: State,
    call_id: String,
    /// Our From or To, tag included.
    local: String,
    /// Theirs.
    remote: String,
    /// Their Contact.
    target: String,
    routes: Vec<String>,
    peer: SocketAddr,
    cseq: u32,
    rtp: SocketAddr,
    law: Law,
    direction: Direction,
    sdp_version: u32,
    credential: Option<Credential>,
    /// Their INVITE, to answer it.
    invite: Option<Message>,
    /// Our INVITE's branch, to cancel it.
    branch: String,
    /// The ACK of the last 2xx and the CSeq it belongs to: a repeated 2xx gets it again.
    ack: Option<(u32, Vec<u8>)>,
    /// Our 200, until its ACK comes.
    answer: Option<(Vec<u8>, Moment, Duration)>,
    offering: bool,
}

enum Kind {
    Register(String),
    Invite(LegKey),
    Offer(LegKey, Direction),
    Refer(LegKey),
    /// BYE, CANCEL: nobody waits for the answer.
    Quiet,
}

struct Client {
    request: Message,
    bytes: Vec<u8>,
    to: SocketAddr,
    kind: Kind,
    interval: Duration,
    gives_up: Moment,
    provisional: bool,
    attempts: u8,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Client(String),
    Answer(LegKey),
    Refresh(String),
    Forget(String),
}

/// The machine.
pub struct Phone {
    local: SocketAddr,
    server: SocketAddr,
    rng: SmallRng,
    lines: HashMap<String, Line>,
    legs: HashMap<LegKey, Leg>,
    by_call_id: HashMap<String, LegKey>,
    clients: HashMap<String, Client>,
    /// Final answers of ours by branch and method, for repeated requests.
    answered: HashMap<String, (SocketAddr, Vec<u8>)>,
    timers: BinaryHeap<Reverse<(Moment, Timer)>>,
    outputs: VecDeque<Output>,
    next_leg: u32,
    /// Calls to whomever come in, not only those to who is registered: a carrier's end of a trunk.
    pub everybody: bool,
    /// Requests and responses that we sent again.
    pub retransmissions: u64,
}

impl Phone {
    /// `local` is our socket's address, `server` where requests go.
    pub fn new(local: SocketAddr, server: SocketAddr, seed: u64) -> Phone {
        Phone {
            local,
            server,
            rng: SmallRng::seed_from_u64(seed),
            lines: HashMap::new(),
            legs: HashMap::new(),
            by_call_id: HashMap::new(),
            clients: HashMap::new(),
            answered: HashMap::new(),
            timers: BinaryHeap::new(),
            outputs: VecDeque::new(),
            next_leg: 1,
            everybody: false,
            retransmissions: 0,
        }
    }

    /// The next thing to do, until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Call [`Phone::on_time`] then.
    pub fn next_timeout(&self) -> Option<Moment> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// Legs that are alive.
    #[cfg(test)]
    pub fn legs_alive(&self) -> usize {
        self.legs.len()
    }

    /// Takes one datagram.
    pub fn on_datagram(&mut self, now: Moment, from: SocketAddr, bytes: &[u8]) {
        let Some(message) = Message::parse(bytes) else { return };
        match message.status() {
            Some(status) => self.on_response(now, &message, status),
            None => self.on_request(now, from, message),
        }
    }

    /// Does what is due.
    pub fn on_time(&mut self, now: Moment) {
        while let Some(Reverse((at, _))) = self.timers.peek()
            && *at <= now
        {
            let Some(Reverse((_, timer))) = self.timers.pop() else { return };
            match timer {
                Timer::Client(branch) => self.on_client_time(now, &branch),
                Timer::Answer(leg) => self.on_answer_time(now, leg),
                Timer::Refresh(user) => self.refresh(now, &user),
                Timer::Forget(branch) => {
                    self.answered.remove(&branch);
                }
            }
        }
    }

    /// Registers a user, and again before it expires.
    pub fn register(&mut self, now: Moment, credential: Credential) {
        let (call_id, tag) = (self.token(), self.token());
        let user = credential.user.clone();
        let line = Line { credential, call_id, tag, cseq: 0, wanted: true };
        self.lines.insert(user.clone(), line);
        self.refresh(now, &user);
    }

    /// Takes all registrations back.
    pub fn unregister_all(&mut self, now: Moment) {
        let users: Vec<String> = self.lines.keys().cloned().collect();
        for user in users {
            if let Some(line) = self.lines.get_mut(&user) {
                line.wanted = false;
            }
            self.refresh(now, &user);
        }
    }

    /// Calls somebody.
    pub fn dial(&mut self, now: Moment, dial: Dial) -> LegKey {
        let key = self.new_key();
        let uri = format!("sip:{}@{}", dial.to, self.server);
        let leg = Leg {
            state: State::Calling { cancelled: false },
            call_id: format!("{}@{}", self.token(), self.local.ip()),
            local: format!("<sip:{}@{}>;tag={}", dial.from, self.server.ip(), self.token()),
            remote: format!("<{uri}>"),
            target: uri,
            routes: Vec::new(),
            peer: self.server,
            cseq: 0,
            rtp: dial.rtp,
            law: dial.law,
            direction: Direction::SendRecv,
            sdp_version: 1,
            credential: dial.credential,
            invite: None,
            branch: String::new(),
            ack: None,
            answer: None,
            offering: false,
        };
        self.by_call_id.insert(leg.call_id.clone(), key);
        self.legs.insert(key, leg);
        self.offer(now, key, Direction::SendRecv, |key, _| Kind::Invite(key));
        key
    }

    /// 180 to their call.
    pub fn ring(&mut self, key: LegKey) {
        if let Some(invite) = self.ringing(key).and_then(|leg| leg.invite.clone()) {
            self.respond_as(key, &invite, 180, "Ringing", None);
        }
    }

    /// 200 to their call.
    pub fn answer(&mut self, now: Moment, key: LegKey, rtp: SocketAddr, law: Law) {
        let Some(leg) = self.ringing(key) else { return };
        (leg.rtp, leg.law, leg.state) = (rtp, law, State::Accepted);
        let sdp = sdp::write(rtp, law, Direction::SendRecv, leg.sdp_version);
        let Some(invite) = leg.invite.clone() else { return };
        let bytes = self.respond_as(key, &invite, 200, "OK", Some(sdp));
        self.keep_answering(now, key, bytes);
    }

    /// A refusal of their call.
    pub fn reject(&mut self, now: Moment, key: LegKey, status: u16) {
        if let Some(invite) = self.ringing(key).and_then(|leg| leg.invite.clone()) {
            let bytes = self.respond_as(key, &invite, status, "Refused", None);
            self.remember(now, &invite, bytes);
            self.forget(key);
        }
    }

    /// Ends a leg whatever its state: BYE, CANCEL or 480.
    pub fn hang_up(&mut self, now: Moment, key: LegKey) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        match leg.state {
            State::Ringing => self.reject(now, key, 480),
            State::Calling { .. } => self.cancel(now, key),
            State::Accepted | State::Up => {
                self.request(now, key, "BYE", Kind::Quiet, |request| request);
                self.forget(key);
            }
        }
    }

    /// Puts the other side on hold, or takes it back, by re-INVITE.
    pub fn hold(&mut self, now: Moment, key: LegKey, held: bool) {
        let direction = if held { Direction::SendOnly } else { Direction::SendRecv };
        if self.legs.get(&key).is_some_and(|leg| leg.state == State::Up && !leg.offering) {
            self.offer(now, key, direction, Kind::Offer);
        }
    }

    /// Asks the other side to call `target` instead: blind transfer.
    pub fn refer(&mut self, now: Moment, key: LegKey, target: &str) {
        let Some(leg) = self.legs.get(&key) else { return };
        let refer_to = format!("<sip:{target}@{}>", self.server);
        let by = leg.local.split(";tag=").next().unwrap_or_default().to_owned();
        self.request(now, key, "REFER", Kind::Refer(key), |request| {
            request.with("Refer-To", refer_to).with("Referred-By", by)
        });
    }

    fn ringing(&mut self, key: LegKey) -> Option<&mut Leg> {
        self.legs.get_mut(&key).filter(|leg| leg.state == State::Ringing)
    }

    fn new_key(&mut self) -> LegKey {
        let key = LegKey(self.next_leg);
        self.next_leg = self.next_leg.wrapping_add(1);
        key
    }

    fn token(&mut self) -> String {
        format!("{:016x}", self.rng.random::<u64>())
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn transmit(&mut self, to: SocketAddr, bytes: Vec<u8>) {
        self.outputs.push_back(Output::Transmit(to, bytes));
    }

    fn forget(&mut self, key: LegKey) {
        if let Some(leg) = self.legs.remove(&key) {
            self.by_call_id.remove(&leg.call_id);
        }
    }

    fn contact(&self, field: &str) -> String {
        format!("<sip:{}@{}>", user_of(crate::sip::message::uri_of(field)), self.local)
    }
}

#[cfg(test)]
mod tests;
