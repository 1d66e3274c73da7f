//! Who hears whom when somebody supervises: by the energy of a tone of each party, at every phone
//! and on the recording, on one shard and on two. And that nobody can tell that they are listened to.

use super::codecs::{Mouth, ear};
use super::*;
use crate::codec::sound::{level_at, tone};
use crate::edge::route::Router;
use crate::edge::worker::Input;
use crate::record::story::{log_of, record_start, rendered};
use terms::media::{Audience, Port};

const CUSTOMER: usize = 0;
const AGENT: usize = 1;
const SUPERVISOR: usize = 2;
/// The tone of each.
pub(super) const HZ: [u32; 3] = [410, 730, 1_090];
pub(super) const ROOM: RoomId = RoomId(1);
const RECORDING: RecordingId = RecordingId(1);
/// Frames of 20 ms in one act, and of those at the beginning that are not measured.
const ACT: usize = 75;
const SETTLING: usize = 25;

/// Shards with the engine's own map between them, and phones that stand on one of them each.
pub(super) struct Hall {
    router: Router,
    pub(super) worlds: Vec<World>,
    /// Shard and place of each phone; its leg is one more than its number here.
    pub(super) phones: Vec<(usize, usize)>,
    mouths: Vec<Mouth>,
}

impl Hall {
    /// Customer, agent and supervisor; with two shards the supervisor is on the other one.
    pub(super) fn new(shards: u16, codecs: &[Codec]) -> Self {
        let mut hall = Hall::empty(shards);
        for (n, &codec) in codecs.iter().enumerate() {
            let place = if n == SUPERVISOR { Place::LeastLoaded } else { Place::WithContact };
            hall.add(codec, place);
        }
        let apart = codecs.len() > SUPERVISOR && hall.core(SUPERVISOR) != hall.core(AGENT);
        assert_eq!(apart, shards > 1 && codecs.len() > SUPERVISOR);
        assert_eq!(hall.core(CUSTOMER), hall.core(AGENT));
        hall
    }

    fn empty(shards: u16) -> Self {
        let world = |shard| {
            let mut world = World::new();
            world.shard.config.shard = shard;
            world
        };
        let worlds = (0..shards).map(world).collect();
        Hall { router: Router::new(shards), worlds, phones: Vec::new(), mouths: Vec::new() }
    }

    /// Phones that say this, spread over the shards in turn, in one room.
    pub(super) fn spread(shards: u16, said: Vec<Vec<i16>>) -> Self {
        let mut hall = Hall::empty(shards);
        for (phone, said) in said.into_iter().enumerate() {
            hall.add_saying(Codec::Pcma, Place::LeastLoaded, said);
            hall.join(phone);
        }
        let shares = (0..hall.worlds.len())
            .map(|core| hall.phones.iter().filter(|phone| phone.0 == core).count());
        let (least, most) = (shares.clone().min(), shares.max());
        assert!(least.zip(most).is_some_and(|(least, most)| most - least <= 1), "they are spread");
        hall
    }

    fn core(&self, phone: usize) -> usize {
        self.phones[phone].0
    }

    pub(super) fn leg(phone: usize) -> LegId {
        LegId(phone as u64 + 1)
    }

    fn add(&mut self, codec: Codec, place: Place) {
        let rate_hz = codec.sample_hz();
        let said = tone(HZ[self.phones.len()], rate_hz, rate_hz as usize * 12, 8_000);
        self.add_saying(codec, place, said);
    }

    fn add_saying(&mut self, codec: Codec, place: Place, said: Vec<i16>) {
        let phone = self.phones.len();
        let (leg, contact, tenant) = (Hall::leg(phone), ContactId(1), TenantId(1));
        let plan = self.router.plan(Command::Open { leg, contact, tenant, place, port: Port::Own });
        let core = usize::from(plan[0].0);
        let world = &mut self.worlds[core];
        let n = world.add_as(leg, codec, 65_500, |_| {});
        self.mouths.push(Mouth::new(world, n, said));
        self.phones.push((core, n));
    }

    pub(super) fn command(&mut self, command: Command) {
        for (core, input) in self.router.plan(command) {
            let world = &mut self.worlds[usize::from(core)];
            let now = world.now();
            match input {
                Input::Command(command) => world.command(command),
                Input::OpenBridge(room, far, voices) => {
                    world.shard.open_bridge(now, room, far, voices);
                }
                Input::CloseBridge(room, far) => world.shard.close_bridge(now, room, far),
                Input::Prompts(prompts) => world.shard.set_prompts(prompts),
                Input::SetTaps(leg, cores) => world.shard.set_taps(leg, cores),
                Input::Fax(leg, _) => world.shard.start_fax(now, leg),
                Input::Bot(leg, line) => world.shard.start_bot(now, leg, line.rate(), line.voice()),
            }
        }
    }

    pub(super) fn join(&mut self, phone: usize) {
        self.command(Command::Join { leg: Hall::leg(phone), room: ROOM });
    }

    fn audience(&mut self, audience: Audience) {
        self.command(Command::Audience { leg: Hall::leg(SUPERVISOR), audience });
    }

    /// 20 ms: everybody says a frame, and what goes from shard to shard gets there.
    pub(super) fn frame(&mut self) {
        for (mouth, &(core, _)) in self.mouths.iter_mut().zip(&self.phones) {
            mouth.say(&mut self.worlds[core]);
        }
        for _ in 0..20 {
            self.worlds.iter_mut().for_each(|world| world.run(1));
            self.exchange();
        }
    }

    fn exchange(&mut self) {
        for here in 0..self.worlds.len() {
            while let Some((far, room, to, frame, told)) = self.worlds[here].shard.poll_frame() {
                let shard = &mut self.worlds[usize::from(far.0)].shard;
                shard.handle_frame(room, FarShard(here as u16), to, &frame, told);
            }
            while let Some(tap) = self.worlds[here].shard.poll_tap() {
                for core in (0..self.worlds.len()).filter(|core| tap.cores & 1 << core != 0) {
                    self.worlds[core].shard.handle_tap(&tap);
                }
            }
        }
    }

    /// Everybody speaks for a while. Says who heard whose tone at the end of it.
    fn act(&mut self) -> Vec<[bool; 3]> {
        (0..SETTLING).for_each(|_| self.frame());
        let from: Vec<usize> = self.phones.iter().map(|&phone| self.heard(phone).len()).collect();
        (SETTLING..ACT).for_each(|_| self.frame());
        let heard = |(&(core, n), from): (&(usize, usize), usize)| {
            let world = &self.worlds[core];
            tones(&ear(world, n, from), world.phones[n].codec.sample_hz())
        };
        self.phones.iter().zip(from).map(heard).collect()
    }

    pub(super) fn heard(&self, (core, n): (usize, usize)) -> &[Heard] {
        &self.worlds[core].phones[n].heard
    }

    fn leg_of(&self, phone: usize) -> &Leg {
        let (core, n) = self.phones[phone];
        let world = &self.worlds[core];
        world.shard.leg(world.phones[n].idx).expect("the leg stands")
    }
}

/// Whose tones are in it: as loud as they were said, or not there at all.
fn tones(samples: &[i16], rate_hz: u32) -> [bool; 3] {
    HZ.map(|hz| {
        if samples.is_empty() {
            return false;
        }
        let level = level_at(samples, hz, rate_hz);
        let (there, absent) = (level > -16.0 && level < -9.0, level < -50.0);
        assert!(there != absent, "{hz} Hz at {level:.1} dB");
        there
    })
}

const NOBODY: [bool; 3] = [false, false, false];
const OTHERS: [[bool; 3]; 3] = [[false, true, true], [true, false, true], [true, true, false]];

#[test]
fn each_hears_whom_the_mode_says_and_so_does_the_recording() {
    for (shards, codecs) in [
        (1, [Codec::Pcma, Codec::Pcma, Codec::Pcma]),
        (2, [Codec::Pcma, Codec::Pcma, Codec::Pcma]),
        (1, [Codec::Pcma, Codec::G722, Codec::Pcmu]),
        (2, [Codec::Pcma, Codec::Pcmu, Codec::G722]),
    ] {
        let mut hall = Hall::new(shards, &codecs);
        [CUSTOMER, AGENT].into_iter().for_each(|phone| hall.join(phone));
        let parties = [(Hall::leg(CUSTOMER), Side::Customer), (Hall::leg(AGENT), Side::Other)];
        hall.command(Command::RecordStart(record_start(RECORDING, &parties)));
        let (customer, agent) = ([true, false, false], [false, true, false]);
        let pair = [true, true, false];
        assert_eq!(hall.act(), [agent, customer, NOBODY]);

        hall.audience(Audience::Nobody);
        hall.join(SUPERVISOR);
        assert_eq!(hall.act(), [agent, customer, pair], "{shards}: listen");
        assert!(hall.leg_of(SUPERVISOR).jitter.is_none(), "who is silent is not decoded");

        hall.audience(Audience::Only(Hall::leg(AGENT)));
        assert_eq!(hall.act(), [agent, OTHERS[AGENT], pair], "{shards}: whisper");

        hall.audience(Audience::Everyone);
        let (recording, leg, side) = (RECORDING, Hall::leg(SUPERVISOR), Side::Other);
        hall.command(Command::RecordJoin { recording, leg, side });
        assert_eq!(hall.act(), OTHERS, "{shards}: barge");

        hall.command(Command::RecordLeave { recording, leg: Hall::leg(AGENT) });
        hall.command(Command::Leave { leg: Hall::leg(AGENT) });
        let taken_over = [[false, false, true], NOBODY, customer];
        assert_eq!(hall.act(), taken_over, "{shards}: take over");

        hall.command(Command::RecordStop { recording });
        (0..20).for_each(|_| hall.frame());
        let (bytes, conversations) = log_of(&hall.worlds[hall.core(CUSTOMER)].blocks);
        let (wav, _) = rendered(&conversations[0], &bytes);
        let rate_hz = wav.format.rate_hz;
        let frame = rate_hz as usize / 50;
        for (act, right) in
            [agent, agent, agent, [false, true, true], [false, false, true]].into_iter().enumerate()
        {
            // A packet holds what was said before it came: the next act begins a frame early.
            let window = (act * ACT + SETTLING) * frame..(act * ACT + ACT - 5) * frame;
            let heard = [0, 1].map(|side| tones(&wav.channels[side][window.clone()], rate_hz));
            assert_eq!(heard, [customer, right], "{shards}: act {act} of the recording");
        }
    }
}

/// What two parties hear while one of them presses a key; `visit` says what the third does, act by
/// act.
fn conversation(
    shards: u16,
    pair: [Codec; 2],
    visit: impl Fn(&mut Hall, usize),
) -> [Vec<Heard>; 2] {
    let mut hall = Hall::new(shards, &pair);
    hall.join(CUSTOMER);
    hall.join(AGENT);
    for act in 0..6 {
        visit(&mut hall, act);
        for n in 0..20 {
            hall.frame();
            if n == 10 {
                let (core, customer) = hall.phones[CUSTOMER];
                hall.worlds[core].press(customer, act as u8);
            }
        }
    }
    [CUSTOMER, AGENT].map(|phone| hall.heard(hall.phones[phone]).to_vec())
}

fn same(one: &[Heard], two: &[Heard], what: &str) {
    assert!(one.len() > 100, "{what}: {} packets", one.len());
    for (one, two) in one.iter().zip(two) {
        assert_eq!(
            (one.at_ms, one.header, &one.payload),
            (two.at_ms, two.header, &two.payload),
            "{what}"
        );
    }
    assert_eq!(one.len(), two.len(), "{what}");
}

#[test]
fn nobody_can_tell_that_they_are_listened_to() {
    for pair in [
        [Codec::Pcma, Codec::Pcma],
        [Codec::Pcma, Codec::Pcmu],
        [Codec::G722, Codec::G722],
        [Codec::Pcma, Codec::L16Narrow],
        [Codec::Pcmu, Codec::G722],
    ] {
        for (shards, ear) in
            [(1, Codec::Pcma), (1, Codec::G722), (2, Codec::Pcma), (2, Codec::G722)]
        {
            let alone = conversation(shards, pair, |_, _| {});
            let visited = conversation(shards, pair, |hall, act| match act {
                1 => {
                    hall.add(ear, Place::LeastLoaded);
                    hall.audience(Audience::Nobody);
                    hall.join(SUPERVISOR);
                }
                3 => hall.command(Command::Leave { leg: Hall::leg(SUPERVISOR) }),
                4 => hall.join(SUPERVISOR),
                5 => hall.command(Command::Release { leg: Hall::leg(SUPERVISOR) }),
                _ => {}
            });
            for phone in [CUSTOMER, AGENT] {
                same(&alone[phone], &visited[phone], &format!("{pair:?} {shards} {ear:?} {phone}"));
            }
        }
    }
}

#[test]
fn the_customer_cannot_tell_that_somebody_whispers_to_the_agent() {
    for pair in [[Codec::Pcma, Codec::Pcma], [Codec::Pcma, Codec::G722]] {
        for shards in [1, 2] {
            let alone = conversation(shards, pair, |_, _| {});
            let coached = conversation(shards, pair, |hall, act| match act {
                1 => {
                    hall.add(Codec::Pcma, Place::LeastLoaded);
                    hall.audience(Audience::Only(Hall::leg(AGENT)));
                    hall.join(SUPERVISOR);
                }
                4 => hall.command(Command::Release { leg: Hall::leg(SUPERVISOR) }),
                _ => {}
            });
            same(&alone[CUSTOMER], &coached[CUSTOMER], &format!("{pair:?} on {shards}"));
            let headers: Vec<Header> = coached[AGENT].iter().map(|heard| heard.header).collect();
            assert_seamless(&headers);
        }
    }
}

#[test]
fn a_key_pressed_reaches_an_agent_who_is_whispered_to() {
    let mut hall = Hall::new(1, &[Codec::Pcma; 3]);
    hall.audience(Audience::Only(Hall::leg(AGENT)));
    (0..3).for_each(|phone| hall.join(phone));
    (0..10).for_each(|_| hall.frame());
    hall.worlds[0].press(CUSTOMER, 5);
    (0..20).for_each(|_| hall.frame());
    let events = |phone: usize| {
        let heard = hall.heard(hall.phones[phone]).iter();
        let events = heard.filter(|heard| heard.header.payload_type == PayloadType(101));
        events.map(|heard| heard.payload[0]).collect::<Vec<_>>()
    };
    assert!(events(AGENT).len() >= 3 && events(AGENT).iter().all(|&code| code == 5));
    assert!(events(SUPERVISOR).is_empty() && events(CUSTOMER).is_empty());
}

#[test]
fn what_comes_too_late_for_a_listener_alone_is_not_late_in_the_record() {
    let mut hall = Hall::new(1, &[Codec::Pcma; 3]);
    hall.audience(Audience::Nobody);
    (0..3).for_each(|phone| hall.join(phone));
    (0..10).for_each(|_| hall.frame());
    let late = hall.worlds[0].phones[CUSTOMER].speech(20, 1_000);
    (0..10).for_each(|_| hall.frame());
    hall.worlds[0].send(CUSTOMER, late);
    assert!(hall.leg_of(CUSTOMER).jitter.as_ref().is_some_and(|jitter| jitter.late() > 0));
    assert_eq!(hall.worlds[0].release(CUSTOMER).packets_late, 0);
}
