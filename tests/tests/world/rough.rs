//! Rough weather: thousands of calls from SIP core to SIP core, of which each is set up, and none twice;
//! and days of the whole box, with queues, transfers and meetings, of whose calls each has one record.

use rand::SeedableRng;
use rand::rngs::SmallRng;
use signaling::sip::digest::Algorithm;
use signaling::sip::flow::{Host, Transport};
use signaling::sip::user_agent::{Command, Destination, Event, Invite};
use signaling::sip::{self, Listener, UserAgent};
use signaling::switch::Now;
use signaling::switch::rig::MORNING;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Duration;
use terms::record::{Call, Row};
use terms::{LegId, Moment, TrunkId};
use tests::rig::network::Weather;
use tests::rig::plan::{BOX_IP, CITY_IP, QUEUE, SIP_PORT, TENANT, box_plan, phone_plan};
use tests::rig::{World, millis, minutes, seconds};

/// Calls of the story.
const CALLS: u64 = 10_000;
/// From one call to the next.
const PACE: Duration = millis(20);
/// From ringing to the answer.
const RINGS: Duration = seconds(1);
/// From the answer to the end.
const TALKS: Duration = seconds(3);
/// Seeds of days.
const DAYS: Range<u64> = 40..46;
const START: Moment = Moment::from_secs(1_000);
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 10.0.1.1\r\ns=-\r\nc=IN IP4 10.0.1.1\r\nt=0 0\r\n\
                   m=audio 40000 RTP/AVP 8\r\n";
/// The public network, and the box.
const CITY: usize = 0;
const BOX: usize = 1;

enum Due {
    /// To whom, from where, what.
    Arrive(usize, SocketAddr, Vec<u8>),
    Dial(u64),
    Answer(LegId),
    Hang(LegId),
}

/// What the story counts, by leg.
#[derive(Default)]
struct Counts {
    /// Calls that the box heard of, by their Call-ID.
    incoming: BTreeMap<String, u32>,
    acked: BTreeMap<LegId, u32>,
    ended: BTreeMap<LegId, u32>,
    answered: BTreeMap<LegId, u32>,
    failed: BTreeSet<LegId>,
}

struct Story {
    now: Now,
    weather: Weather,
    rng: SmallRng,
    peers: [UserAgent; 2],
    calendar: BTreeMap<(Moment, u64), Due>,
    noted: u64,
    lost: u64,
    doubled: u64,
    counts: Counts,
}

fn address(peer: usize) -> SocketAddr {
    SocketAddr::new([CITY_IP, BOX_IP][peer], SIP_PORT)
}

fn core(ip: IpAddr, seed: u64) -> UserAgent {
    let mut config = sip::Config::new(vec![Listener {
        transport: Transport::Udp,
        advertised: SocketAddr::new(ip, SIP_PORT),
        digest: vec![Algorithm::Md5],
    }]);
    config.requests_per_s_max = 100_000;
    UserAgent::new(config, seed)
}

impl Story {
    fn new(seed: u64, weather: Weather) -> Self {
        let now = Now { moment: START, wall: MORNING };
        let (mut city, mut the_box) = (core(CITY_IP, seed ^ 0xC17), core(BOX_IP, seed));
        city.set_plan(now, &phone_plan(None));
        let mut plan = box_plan();
        for trunk in &mut plan.trunks {
            (trunk.calls_max, trunk.calls_per_s_max) = (10_000, 10_000);
        }
        the_box.set_plan(now, &plan);
        Story {
            now,
            weather,
            rng: SmallRng::seed_from_u64(seed),
            peers: [city, the_box],
            calendar: BTreeMap::new(),
            noted: 0,
            lost: 0,
            doubled: 0,
            counts: Counts::default(),
        }
    }

    fn note(&mut self, after: Duration, due: Due) {
        self.noted += 1;
        self.calendar.insert((self.now.moment + after, self.noted), due);
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now.moment + time;
        loop {
            let noted = self.calendar.first_key_value().map(|(&(at, _), _)| at);
            // A core that has nothing due right now is not asked at the same moment again.
            let later = Moment(self.now.moment.0 + 1);
            let timers = self.peers.iter().filter_map(UserAgent::next_timeout).min();
            let next = [noted, timers.map(|at| at.max(later))].into_iter().flatten().min();
            let Some(next) = next.filter(|&at| at <= end) else { break };
            let moment = self.now.moment.max(next);
            self.now = Now { moment, wall: MORNING + (moment - START) };
            if noted.is_some_and(|at| at <= next) {
                let (_, due) = self.calendar.pop_first().expect("there is a first entry");
                self.act(due);
            }
            for peer in [CITY, BOX] {
                if self.peers[peer].next_timeout().is_some_and(|at| at <= self.now.moment) {
                    self.peers[peer].handle_timeout(self.now);
                }
                self.settle(peer);
            }
        }
        self.now.moment = end;
    }

    fn act(&mut self, due: Due) {
        match due {
            Due::Arrive(to, from, bytes) => {
                self.peers[to].handle_datagram(self.now, 0, from, &bytes);
            }
            Due::Dial(nth) => self.peers[CITY].handle_command(
                self.now,
                Command::Invite(Box::new(Invite {
                    leg: LegId(1 << 62 | nth),
                    to: Destination::Trunk(TENANT, TrunkId(1), QUEUE.to_owned()),
                    from_user: format!("138001{nth:05}"),
                    from_name: String::new(),
                    sdp: SDP.to_owned(),
                    elsewhere: Vec::new(),
                    browser: false,
                    other_way: false,
                    not_at: None,
                    at_desk: false,
                    category: None,
                    headers: Vec::new(),
                })),
            ),
            Due::Answer(leg) => {
                let sdp = SDP.to_owned();
                self.peers[BOX].handle_command(self.now, Command::Answer { leg, sdp });
            }
            Due::Hang(leg) => {
                self.peers[CITY].handle_command(self.now, Command::Hangup { leg, cause: 16 });
            }
        }
    }

    fn settle(&mut self, peer: usize) {
        while let Some(event) = self.peers[peer].poll_event() {
            self.heard(peer, event);
        }
        while let Some(transmit) = self.peers[peer].poll_transmit() {
            let Host::Address(to) = transmit.hop.host else { continue };
            let to = usize::from(to == address(BOX));
            let bytes = transmit.bytes.to_vec();
            if let Some(after) = self.weather.twin(&mut self.rng) {
                self.doubled += 1;
                self.note(after, Due::Arrive(to, address(peer), bytes.clone()));
            }
            match self.weather.fate(&mut self.rng) {
                Some(after) => self.note(after, Due::Arrive(to, address(peer), bytes)),
                None => self.lost += 1,
            }
        }
    }

    fn heard(&mut self, peer: usize, event: Event) {
        let counts = &mut self.counts;
        match event {
            Event::Incoming(incoming) if peer == BOX => {
                *counts.incoming.entry(incoming.call_id.clone()).or_default() += 1;
                let leg = incoming.leg;
                let ringing = Command::Progress { leg, status: 180, sdp: None };
                self.peers[BOX].handle_command(self.now, ringing);
                self.note(RINGS, Due::Answer(leg));
            }
            Event::Acked { leg, .. } if peer == BOX => {
                *counts.acked.entry(leg).or_default() += 1;
            }
            Event::Ended { leg, .. } if peer == BOX => {
                *counts.ended.entry(leg).or_default() += 1;
            }
            Event::Answered { leg, .. } if peer == CITY => {
                *counts.answered.entry(leg).or_default() += 1;
                self.note(TALKS, Due::Hang(leg));
            }
            Event::Failed { leg, .. } | Event::Ended { leg, .. } if peer == CITY => {
                counts.failed.insert(leg);
            }
            _ => {}
        }
    }

    fn counter(&self, peer: usize, name: &str) -> u64 {
        self.peers[peer].counters().find(|(known, _)| *known == name).map_or(0, |(_, count)| count)
    }
}

#[test]
fn of_thousands_of_calls_in_rough_weather_each_is_set_up_and_none_is_counted_twice() {
    let mut story = Story::new(14, Weather::rough());
    for nth in 0..CALLS {
        story.note(PACE * u32::try_from(nth).expect("it is small"), Due::Dial(nth));
    }
    story.run_for(PACE * u32::try_from(CALLS).expect("it is small") + minutes(4));

    let counts = &story.counts;
    // 99.95 % of them; who failed is counted as failed and as nothing else.
    let set_up = counts.answered.len() as u64;
    assert!(set_up * 10_000 >= CALLS * 9_995, "{set_up} of {CALLS}");
    assert_eq!(set_up + counts.failed.len() as u64, CALLS);
    let once = |counted: &BTreeMap<LegId, u32>| counted.values().all(|&times| times == 1);
    assert!(once(&counts.answered) && once(&counts.acked) && once(&counts.ended));
    assert!(counts.incoming.values().all(|&times| times == 1), "no call comes twice");
    let incoming = counts.incoming.len() as u64;
    assert!((set_up..=CALLS).contains(&incoming), "{incoming} came, {set_up} were set up");
    assert_eq!(story.counter(BOX, "calls_in"), incoming);
    assert_eq!(counts.ended.len() as u64, incoming, "each that began is over");
    // Of a call of three seconds every ACK may be lost; its BYE says enough.
    assert!(counts.acked.len() as u64 * 100 >= set_up * 95, "{} of {set_up}", counts.acked.len());
    for peer in [CITY, BOX] {
        for table in ["legs_live", "transactions_live"] {
            assert_eq!(story.counter(peer, table), 0, "{table} of {peer}");
        }
    }
    assert!(story.lost > 5_000 && story.doubled > 500, "{} and {}", story.lost, story.doubled);
}

#[test]
fn days_in_rough_weather_balance_and_each_call_has_one_record() {
    let (mut calls, mut answered, mut transfers) = (0, 0, 0);
    for seed in DAYS {
        let mut world = World::seed(seed);
        world.weather = Weather::rough();
        world.run_until(minutes(30));
        let totals = world.close_and_balance();
        for caller in &world.callers {
            let records = records_of(&world, &caller.number);
            // Who hung up before the box heard of them has none.
            let least = usize::from(caller.answered.is_some());
            let told = format!("seed {seed}, {}: {records:#?}", caller.number);
            assert!((least..=1).contains(&records.len()), "{told}");
        }
        assert!(world.lost > 5_000, "seed {seed}: only {} were lost", world.lost);
        calls += totals.calls;
        answered += totals.answered;
        transfers += totals.transfers;
    }
    // The days are busy enough to mean something.
    assert!(calls > 180 && answered > 40 && transfers > 3, "{calls}, {answered}, {transfers}");
}

/// The records of the calls that came in from this number.
fn records_of<'a>(world: &'a World, number: &str) -> Vec<&'a Call> {
    let of_caller = |row: &'a Row| match row {
        Row::Call(call) => Some(call)
            .filter(|call| call.direction == "inbound" && call.caller_received.ends_with(number)),
        _ => None,
    };
    world.center.rows.iter().filter_map(of_caller).collect()
}
