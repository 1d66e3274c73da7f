//! The field: one thread of signalling with two sockets (the public network's side and the agents'
//! phones) in front of the media threads. It carries out scripts and reports what came of them. A field
//! that calls outward is the other way round: agents' phones call, and a carrier answers.

mod legs;

use crate::script::{Handling, Step};
use crate::sip::digest::Credential;
use crate::sip::phone::{Output, Phone};
use anyhow::{Context, Result};
use benches::media::delay::Delays;
use benches::media::engine::{Clock, Engines, Totals};
use benches::media::g711::Law;
use benches::media::rtp::Heard;
use benches::media::stamp::Carrier;
use benches::media::wire::Choice;
use legs::Legs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use terms::Moment;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// How often scripts look at what was heard.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Datagrams taken from one socket in a row.
const BURST_MAX: usize = 256;
const DATAGRAM_BYTES: usize = 65_535;

/// How a field is set up.
#[derive(Clone)]
pub struct Setup {
    /// The switch.
    pub server: SocketAddr,
    /// Our address.
    pub ip: IpAddr,
    /// What is spoken.
    pub law: Law,
    /// Media threads.
    pub engines: usize,
    /// How packets reach the kernel.
    pub wire: Choice,
    /// Seed of tags, branches and SSRCs.
    pub seed: u64,
    /// What customers sound like.
    pub customer: Carrier,
    /// What agents sound like.
    pub agent: Carrier,
    /// Nobody speaks: signalling alone is measured.
    pub silent: bool,
}

/// A call to be placed.
#[derive(Clone, Debug)]
pub struct Order {
    /// Stamped into the samples; unique.
    pub id: u32,
    /// Caller's number.
    pub from: String,
    /// Dialled number.
    pub to: String,
    /// What the caller does once answered.
    pub steps: Vec<Step>,
    /// What each agent in turn does with this customer.
    pub handling: Vec<Handling>,
}

/// What came of a placed call.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Of the order.
    pub id: u32,
    /// The final status of the INVITE, 200 when it was answered.
    pub status: u16,
    /// Agents that were heard, in order.
    pub agents: Vec<u32>,
    /// The step that did not come true, in words.
    pub failed: Option<String>,
    /// From the INVITE to its answer.
    pub setup: Duration,
    /// What was heard.
    pub heard: Heard,
    /// Stamped frames that were said.
    pub said: u32,
}

/// What the field tells.
#[derive(Clone, Debug)]
pub enum News {
    /// A registration ended.
    Registered {
        /// Whose.
        user: String,
        /// The final status.
        status: u16,
    },
    /// A placed call ended.
    Ended(Box<Report>),
    /// An agent's leg ended: the agent is in wrap-up.
    AgentFree {
        /// SIP user of the agent.
        user: String,
        /// The customer that was heard.
        customer: Option<u32>,
        /// What was heard.
        heard: Box<Heard>,
        /// Stamped frames that were said.
        said: u32,
    },
}

pub(crate) enum Ask {
    Register(Vec<Credential>),
    Place(Box<Order>),
    /// Hangs up everything that is up.
    Clear,
    Delays(oneshot::Sender<Delays>),
    Stop,
}

/// A running field.
pub struct Field {
    asks: mpsc::Sender<Ask>,
    news: UnboundedReceiver<News>,
    thread: JoinHandle<Result<Totals>>,
    /// How packets reach the kernel.
    pub wire: &'static str,
    /// Where the side is that is called: in a field that calls outward, the carrier.
    pub called_at: SocketAddr,
}

impl Field {
    /// Starts the threads.
    ///
    /// # Errors
    /// When sockets or wires cannot be opened.
    pub fn start(setup: Setup) -> Result<Field> {
        Field::start_as(setup, Direction::Inward)
    }

    /// Starts the threads of a field whose agents call: `from` of an order is one that registered, and a
    /// carrier at [`Field::called_at`] answers whatever number is called there.
    ///
    /// # Errors
    /// When sockets or wires cannot be opened.
    pub fn start_outward(setup: Setup) -> Result<Field> {
        Field::start_as(setup, Direction::Outward)
    }

    fn start_as(setup: Setup, direction: Direction) -> Result<Field> {
        let clock = Clock::start();
        let engines = Engines::start(setup.engines, setup.wire, clock)?;
        let wire = engines.wire;
        let (asks, inbox) = mpsc::channel();
        let (tell, news) = unbounded_channel();
        let worker = Worker::new((setup, direction), engines, clock, tell)?;
        let called_at = worker.inside.socket.local_addr()?;
        let thread = std::thread::Builder::new()
            .name("load-signal".into())
            .spawn(move || worker.run(&inbox))?;
        Ok(Field { asks, news, thread, wire, called_at })
    }

    /// Registers agents' phones; each is answered with [`News::Registered`].
    pub fn register(&self, credentials: Vec<Credential>) {
        self.ask(Ask::Register(credentials));
    }

    /// Places a call; it is answered with [`News::Ended`].
    pub fn place(&self, order: Order) {
        self.ask(Ask::Place(Box::new(order)));
    }

    /// Hangs up everything that is up.
    pub fn clear(&self) {
        self.ask(Ask::Clear);
    }

    /// Delays of stamped frames since this was asked last; [`Totals::delays`] is what came after.
    ///
    /// # Errors
    /// When the thread ended.
    pub async fn delays(&self) -> Result<Delays> {
        let (answer, result) = oneshot::channel();
        self.ask(Ask::Delays(answer));
        result.await.context("the field ended")
    }

    /// The next news; None when the thread ended.
    pub async fn news(&mut self) -> Option<News> {
        self.news.recv().await
    }

    /// Takes the registrations back and ends the threads.
    ///
    /// # Errors
    /// What ended a thread before its time.
    pub fn stop(self) -> Result<Totals> {
        self.ask(Ask::Stop);
        self.thread.join().expect("the signalling thread does not panic")
    }

    fn ask(&self, ask: Ask) {
        // A thread that ended early says why in `stop`, and `news` ends.
        let _ = self.asks.send(ask);
    }
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// The public network calls, agents answer.
    Inward,
    /// Agents call, a carrier answers.
    Outward,
}

/// One socket with its telephones.
struct Side {
    socket: UdpSocket,
    phone: Phone,
}

impl Side {
    fn open(setup: &Setup, seed: u64) -> Result<Side> {
        let socket = UdpSocket::bind((setup.ip, 0)).context("open a SIP socket")?;
        socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20)?;
        socket.set_nonblocking(true)?;
        let phone = Phone::new(socket.local_addr()?, setup.server, seed);
        Ok(Side { socket, phone })
    }

    fn receive(&mut self, now: Moment, buffer: &mut [u8]) {
        for _ in 0..BURST_MAX {
            // An error is an empty queue, or ECONNREFUSED, which retransmission covers.
            let Ok((length, from)) = self.socket.recv_from(buffer) else { break };
            self.phone.on_datagram(now, from, &buffer[..length]);
        }
        self.phone.on_time(now);
    }
}

struct Worker {
    clock: Clock,
    direction: Direction,
    /// The side that calls.
    outside: Side,
    /// The side that is called.
    inside: Side,
    legs: Legs,
    tell: UnboundedSender<News>,
}

impl Worker {
    fn new(
        (setup, direction): (Setup, Direction),
        engines: Engines,
        clock: Clock,
        tell: UnboundedSender<News>,
    ) -> Result<Worker> {
        let outside = Side::open(&setup, setup.seed)?;
        let mut inside = Side::open(&setup, setup.seed.wrapping_add(1))?;
        inside.phone.everybody = direction == Direction::Outward;
        Ok(Worker { clock, direction, outside, inside, legs: Legs::new(setup, engines), tell })
    }

    fn register(&mut self, now: Moment, credential: Credential) {
        match self.direction {
            Direction::Inward => self.inside.phone.register(now, credential),
            Direction::Outward => {
                self.legs.may_call(credential.clone());
                self.outside.phone.register(now, credential);
            }
        }
    }

    fn now(&self) -> Moment {
        Moment(self.clock.now_us() * 1000)
    }

    fn run(mut self, inbox: &mpsc::Receiver<Ask>) -> Result<Totals> {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        let mut look_at = self.now();
        let mut stopping = None;
        loop {
            let now = self.now();
            while let Ok(ask) = inbox.try_recv() {
                match ask {
                    Ask::Register(credentials) => {
                        for credential in credentials {
                            self.register(now, credential);
                        }
                    }
                    Ask::Place(order) => self.legs.place(now, &mut self.outside.phone, *order)?,
                    Ask::Clear => {
                        self.legs.clear(now, &mut self.outside.phone, &mut self.inside.phone);
                    }
                    Ask::Delays(answer) => drop(answer.send(self.legs.delays())),
                    Ask::Stop => {
                        self.legs.clear(now, &mut self.outside.phone, &mut self.inside.phone);
                        self.inside.phone.unregister_all(now);
                        self.outside.phone.unregister_all(now);
                        stopping = Some(now + Duration::from_millis(500));
                    }
                }
            }
            self.outside.receive(now, &mut buffer);
            self.inside.receive(now, &mut buffer);
            if now >= look_at {
                look_at = now + LOOK_EVERY;
                let now_us = self.clock.now_us();
                self.legs.look(now, now_us, &mut self.outside.phone, &mut self.inside.phone);
            }
            self.flush(now)?;
            if stopping.is_some_and(|at| now >= at) {
                return self.legs.stop();
            }
            self.wait(look_at);
        }
    }

    fn flush(&mut self, now: Moment) -> Result<()> {
        while let Some(output) = self.outside.phone.poll() {
            match output {
                // What the kernel refuses is retransmitted like what the network loses.
                Output::Transmit(to, bytes) => drop(self.outside.socket.send_to(&bytes, to)),
                Output::Event(event) => {
                    self.legs.on_caller_event(now, &mut self.outside.phone, event);
                }
            }
        }
        while let Some(output) = self.inside.phone.poll() {
            match output {
                Output::Transmit(to, bytes) => drop(self.inside.socket.send_to(&bytes, to)),
                Output::Event(event) => {
                    self.legs.on_agent_event(now, &mut self.inside.phone, event)?;
                }
            }
        }
        for news in self.legs.take_news() {
            let _ = self.tell.send(news);
        }
        Ok(())
    }

    /// Sleeps until a datagram comes, or the next look or timer is due.
    fn wait(&self, look_at: Moment) {
        use std::os::fd::AsRawFd;
        let timers = [self.outside.phone.next_timeout(), self.inside.phone.next_timeout()];
        let until = timers.into_iter().flatten().fold(look_at, Moment::min);
        let wait_ms = until.since(self.now()).as_micros().div_ceil(1000) as i32;
        let mut fds = [&self.outside, &self.inside].map(|side| libc::pollfd {
            fd: side.socket.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        });
        // SAFETY: `fds` holds two entries with open descriptors and outlives the call. An
        // interrupted wait is a short one.
        unsafe { libc::poll(fds.as_mut_ptr(), 2, wait_ms) };
    }
}

#[cfg(test)]
mod tests;
