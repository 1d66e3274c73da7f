//! Which core has which leg, and what the cores tell each other about rooms and recordings that
//! span them: who speaks in each half of a room, so that a half whose legs only listen or whisper
//! changes nothing for the others. The legs that a call begins with share a core, so that most calls never need any of
//! this; who comes later goes where there is most room.

use super::worker::Input;
use crate::room::{FarShard, FarVoices};
use crate::slot::Kept;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use terms::media::{Audience, Command, Place, RecordStart};
use terms::{ContactId, LegId, RecordingId, RoomId};

/// Where a leg is.
#[derive(Debug)]
struct Stand {
    shard: u16,
    room: Option<RoomId>,
    audience: Audience,
}

/// The legs of a room on one core.
#[derive(Debug, Default)]
struct Half {
    legs: Vec<LegId>,
    /// Who speaks there, as the other cores know it.
    told: FarVoices,
}

#[derive(Debug)]
struct Recording {
    shard: u16,
    /// Parties on other cores.
    far: BTreeSet<LegId>,
}

/// The engine's map.
#[derive(Debug)]
pub struct Router {
    shards: u16,
    legs: HashMap<LegId, Stand>,
    /// Legs of each core.
    load: Vec<usize>,
    /// The halves of a room, by core.
    rooms: HashMap<RoomId, BTreeMap<u16, Half>>,
    recordings: HashMap<RecordingId, Recording>,
}

/// Inputs for cores, in order.
pub type Plan = Vec<(u16, Input)>;

impl Router {
    /// A map of so many cores.
    pub fn new(shards: u16) -> Self {
        Router {
            shards,
            legs: HashMap::new(),
            load: vec![0; usize::from(shards.max(1))],
            rooms: HashMap::new(),
            recordings: HashMap::new(),
        }
    }

    /// Who has to hear what about a command; empty for a leg or a recording that is gone.
    pub fn plan(&mut self, command: Command) -> Plan {
        match &command {
            Command::Open { leg, contact, place, .. } => {
                let shard = self.open(*leg, *contact, *place);
                vec![(shard, Input::Command(command))]
            }
            Command::Join { leg, room } => {
                let (leg, room) = (*leg, *room);
                self.join(leg, room, command)
            }
            Command::Audience { leg, audience } => {
                let (leg, audience) = (*leg, *audience);
                self.set_audience(leg, audience, command)
            }
            Command::Leave { leg } => {
                let leg = *leg;
                self.leave(leg, command)
            }
            Command::Release { leg } => {
                let leg = *leg;
                let plan = self.leave(leg, command);
                self.forget(leg);
                plan
            }
            Command::RecordStart(start) => {
                let (shard, taps) = self.record(start);
                with(shard, command, taps)
            }
            Command::RecordJoin { recording, leg, .. } => {
                let (recording, leg) = (*recording, *leg);
                let taps = self.record_join(recording, leg);
                self.to_recording(recording, command, taps)
            }
            Command::RecordLeave { recording, leg } => {
                let (recording, leg) = (*recording, *leg);
                let left = |standing: &mut Recording| standing.far.remove(&leg);
                let far = self.recordings.get_mut(&recording).is_some_and(left);
                let taps = if far { self.taps_of(leg) } else { Vec::new() };
                self.to_recording(recording, command, taps)
            }
            Command::RecordPause { recording, .. } | Command::RecordResume { recording, .. } => {
                let recording = *recording;
                self.to_recording(recording, command, Vec::new())
            }
            Command::RecordStop { recording } => {
                let Some(ended) = self.recordings.remove(recording) else { return Vec::new() };
                let taps = ended.far.iter().flat_map(|&leg| self.taps_of(leg)).collect();
                with(ended.shard, command, taps)
            }
            Command::Announce { room, .. } | Command::StopInterject { room, .. } => {
                self.to_room(*room, &command)
            }
            Command::Interject(order) => self.to_room(order.room, &command),
            Command::Connect { leg, .. }
            | Command::Fax { leg, .. }
            | Command::Modem { leg }
            | Command::KeepDigits { leg, .. }
            | Command::FaxStart { leg, .. }
            | Command::FaxStop { leg }
            | Command::BotKey { leg, .. }
            | Command::BotStop { leg }
            | Command::Hold { leg }
            | Command::Resume { leg }
            | Command::Play { leg, .. }
            | Command::StopPlay { leg, .. }
            | Command::Seek { leg, .. }
            | Command::SendDigits { leg, .. }
            | Command::Measure { leg }
            | Command::Watch { leg, .. } => match self.legs.get(leg) {
                Some(stand) => vec![(stand.shard, Input::Command(command))],
                None => Vec::new(),
            },
        }
    }

    /// Every core that the room is on.
    fn to_room(&self, room: RoomId, command: &Command) -> Plan {
        let halves = self.rooms.get(&room).into_iter().flat_map(BTreeMap::keys);
        halves.map(|&core| (core, Input::Command(command.clone()))).collect()
    }

    /// The leg that a command is about, where it has to be there and is not. A leg may be released
    /// twice (hang-ups cross), a fax that finds none says so itself, and a recording needs no party.
    pub fn lacks(&self, command: &Command) -> Option<LegId> {
        match command {
            Command::Open { .. }
            | Command::Release { .. }
            | Command::FaxStart { .. }
            | Command::RecordStart(_)
            | Command::RecordJoin { .. }
            | Command::RecordLeave { .. } => None,
            asked => asked.leg().filter(|leg| !self.legs.contains_key(leg)),
        }
    }

    /// A leg goes on from before a kill, on this core: what other cores have to hear about it.
    pub fn restore(&mut self, shard: u16, kept: &Kept) -> Plan {
        let stand = Stand { shard, room: None, audience: kept.audience };
        if self.legs.insert(kept.leg, stand).is_none() {
            self.load[usize::from(shard)] += 1;
        }
        let Some(room) = kept.room else { return Vec::new() };
        let mut plan = self.join(kept.leg, room, Command::Join { leg: kept.leg, room });
        plan.retain(|(_, input)| !matches!(input, Input::Command(_)));
        plan
    }

    /// A leg could not be opened, or is gone without having been asked to go.
    pub fn forget(&mut self, leg: LegId) {
        if let Some(stand) = self.legs.remove(&leg) {
            self.load[usize::from(stand.shard)] -= 1;
        }
        for recording in self.recordings.values_mut() {
            recording.far.remove(&leg);
        }
    }

    /// The core of a leg.
    pub fn shard_of(&self, leg: LegId) -> Option<u16> {
        self.legs.get(&leg).map(|stand| stand.shard)
    }

    fn open(&mut self, leg: LegId, contact: ContactId, place: Place) -> u16 {
        if let Some(stand) = self.legs.get(&leg) {
            return stand.shard;
        }
        let own = self.pick(contact);
        let shard = match place {
            Place::WithContact => own,
            Place::LeastLoaded => {
                // The first of equals is taken: the contact's own core, then the others in order.
                let others = (0..self.shards).filter(|&shard| shard != own);
                let all = std::iter::once(own).chain(others);
                all.min_by_key(|&shard| self.load[usize::from(shard)]).unwrap_or(own)
            }
        };
        self.legs.insert(leg, Stand { shard, room: None, audience: Audience::default() });
        self.load[usize::from(shard)] += 1;
        shard
    }

    fn pick(&self, contact: ContactId) -> u16 {
        // Ids of one millisecond differ only in their low bits: spread them (Fibonacci hashing).
        let spread = contact.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        (spread % u64::from(self.shards.max(1))) as u16
    }

    fn join(&mut self, leg: LegId, room: RoomId, command: Command) -> Plan {
        let Some(stand) = self.legs.get(&leg) else { return Vec::new() };
        let shard = stand.shard;
        if stand.room == Some(room) {
            return Vec::new();
        }
        let mut plan = self.unbridge(leg);
        self.legs.get_mut(&leg).expect("looked up above").room = Some(room);
        let halves = self.rooms.entry(room).or_default();
        let is_new = !halves.contains_key(&shard);
        let half = halves.entry(shard).or_default();
        half.legs.push(leg);
        if is_new {
            half.told = FarVoices::of(std::iter::once(self.legs[&leg].audience));
            let told = half.told.clone();
            for (&far, half) in halves.iter().filter(|(core, _)| **core != shard) {
                plan.push((shard, Input::OpenBridge(room, FarShard(far), half.told.clone())));
                plan.push((far, Input::OpenBridge(room, FarShard(shard), told.clone())));
            }
        }
        plan.extend(self.tell_voices(room, shard));
        plan.push((shard, Input::Command(command)));
        plan
    }

    fn set_audience(&mut self, leg: LegId, audience: Audience, command: Command) -> Plan {
        let Some(stand) = self.legs.get_mut(&leg) else { return Vec::new() };
        stand.audience = audience;
        let (shard, room) = (stand.shard, stand.room);
        let mut plan = vec![(shard, Input::Command(command))];
        plan.extend(room.map(|room| self.tell_voices(room, shard)).unwrap_or_default());
        plan
    }

    /// Tells the other cores of a room who speaks on this one, where that has changed.
    fn tell_voices(&mut self, room: RoomId, shard: u16) -> Plan {
        let Some(halves) = self.rooms.get_mut(&room) else { return Vec::new() };
        let Some(half) = halves.get_mut(&shard) else { return Vec::new() };
        let audiences = half.legs.iter().filter_map(|leg| Some(self.legs.get(leg)?.audience));
        let voices = FarVoices::of(audiences);
        if half.told == voices {
            return Vec::new();
        }
        half.told = voices.clone();
        let others = halves.keys().filter(|core| **core != shard);
        let tell = |&core| (core, Input::OpenBridge(room, FarShard(shard), voices.clone()));
        others.map(tell).collect()
    }

    fn leave(&mut self, leg: LegId, command: Command) -> Plan {
        let Some(shard) = self.shard_of(leg) else { return Vec::new() };
        let mut plan = vec![(shard, Input::Command(command))];
        plan.extend(self.unbridge(leg));
        plan
    }

    /// Takes a leg out of its room; closes bridges when it was the last one of its core.
    fn unbridge(&mut self, leg: LegId) -> Plan {
        let Some(stand) = self.legs.get_mut(&leg) else { return Vec::new() };
        let shard = stand.shard;
        let Some(room) = stand.room.take() else { return Vec::new() };
        let Some(halves) = self.rooms.get_mut(&room) else { return Vec::new() };
        let half = halves.get_mut(&shard).expect("a leg in a room has a half");
        half.legs.retain(|&other| other != leg);
        if !half.legs.is_empty() {
            return self.tell_voices(room, shard);
        }
        halves.remove(&shard);
        let mut plan = Vec::new();
        for &far in halves.keys() {
            plan.push((shard, Input::CloseBridge(room, FarShard(far))));
            plan.push((far, Input::CloseBridge(room, FarShard(shard))));
        }
        if halves.is_empty() {
            self.rooms.remove(&room);
        }
        plan
    }

    fn record(&mut self, start: &RecordStart) -> (u16, Plan) {
        let of_party = start.parties.iter().find_map(|&(leg, _)| self.shard_of(leg));
        let shard = of_party.unwrap_or_else(|| self.pick(start.contact));
        let recording = Recording { shard, far: BTreeSet::new() };
        self.recordings.entry(start.recording).or_insert(recording);
        let parties = start.parties.iter();
        (shard, parties.flat_map(|&(leg, _)| self.record_join(start.recording, leg)).collect())
    }

    fn record_join(&mut self, id: RecordingId, leg: LegId) -> Plan {
        let Some(shard) = self.shard_of(leg) else { return Vec::new() };
        let Some(recording) = self.recordings.get_mut(&id) else { return Vec::new() };
        if recording.shard == shard {
            return Vec::new();
        }
        recording.far.insert(leg);
        self.taps_of(leg)
    }

    fn taps_of(&self, leg: LegId) -> Plan {
        let Some(shard) = self.shard_of(leg) else { return Vec::new() };
        let wants = |recording: &&Recording| recording.far.contains(&leg);
        let cores = self.recordings.values().filter(wants).fold(0, |cores, r| cores | 1 << r.shard);
        vec![(shard, Input::SetTaps(leg, cores))]
    }

    fn to_recording(&self, id: RecordingId, command: Command, taps: Plan) -> Plan {
        match self.recordings.get(&id) {
            Some(recording) => with(recording.shard, command, taps),
            None => Vec::new(),
        }
    }
}

fn with(shard: u16, command: Command, more: Plan) -> Plan {
    let mut plan = vec![(shard, Input::Command(command))];
    plan.extend(more);
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::TenantId;
    use terms::media::{Port, RecordTerms};

    fn open(router: &mut Router, leg: u64, contact: u64) -> u16 {
        open_at(router, leg, contact, Place::WithContact)
    }

    fn open_at(router: &mut Router, leg: u64, contact: u64, place: Place) -> u16 {
        let (leg, contact, tenant) = (LegId(leg), ContactId(contact), TenantId(1));
        router.plan(Command::Open { leg, contact, tenant, place, port: Port::Own })[0].0
    }

    fn told(plan: &Plan) -> Vec<(u16, &'static str)> {
        let name = |input: &Input| match input {
            Input::Command(_) => "command",
            Input::OpenBridge(..) => "open",
            Input::CloseBridge(..) => "close",
            Input::Prompts(_) => "prompts",
            Input::SetTaps(_, 0) => "untap",
            Input::SetTaps(..) => "tap",
            Input::Fax(..) => "fax",
            Input::Bot(..) => "bot",
        };
        plan.iter().map(|(shard, input)| (*shard, name(input))).collect()
    }

    /// Two contacts on different cores of two.
    fn apart(router: &mut Router) -> (u16, u16) {
        let one = open(router, 1, 1);
        let other = (2..100).find(|&contact| router.pick(ContactId(contact)) != one).unwrap();
        (one, open(router, 2, other))
    }

    #[test]
    fn legs_of_a_contact_share_a_core_and_contacts_spread() {
        let mut router = Router::new(4);
        let shard = open(&mut router, 1, 77);
        assert!((2..20).all(|leg| open(&mut router, leg, 77) == shard));
        let used: BTreeSet<u16> = (100..200).map(|n| open(&mut router, n, n << 12)).collect();
        assert_eq!(used.len(), 4);
    }

    #[test]
    fn who_comes_later_goes_to_the_core_with_the_fewest_legs() {
        let mut router = Router::new(3);
        let late = |router: &mut Router, leg| open_at(router, leg, 77, Place::LeastLoaded);
        let own = open(&mut router, 1, 77);
        open(&mut router, 2, 77);
        let (third, fourth) = (late(&mut router, 3), late(&mut router, 4));
        let cores: BTreeSet<u16> = [own, third, fourth].into();
        assert_eq!(cores.len(), 3, "one on each empty core");
        assert_eq!(late(&mut router, 3), third, "a leg never moves");
        router.plan(Command::Release { leg: LegId(1) });
        assert_eq!(late(&mut router, 5), own, "the contact's own core is the first of equals");
        for leg in 2..=5 {
            router.plan(Command::Release { leg: LegId(leg) });
        }
        router.forget(LegId(5));
        assert_eq!(router.load, [0; 3]);
    }

    #[test]
    fn a_room_on_two_cores_is_bridged_until_one_half_is_empty() {
        let mut router = Router::new(2);
        let (one, other) = apart(&mut router);
        let room = RoomId(5);
        let plan = router.plan(Command::Join { leg: LegId(1), room });
        assert_eq!(told(&plan), [(one, "command")]);
        let plan = router.plan(Command::Join { leg: LegId(2), room });
        assert_eq!(told(&plan), [(other, "open"), (one, "open"), (other, "command")]);
        let sources = vec![terms::media::Source::Arrival];
        let announce = |room| Command::Announce { room, sources: sources.clone() };
        let mut plan = told(&router.plan(announce(room)));
        plan.sort_unstable();
        assert_eq!(plan, [(0, "command"), (1, "command")], "both halves hear it");
        assert!(router.plan(announce(RoomId(6))).is_empty(), "nobody is there");
        let plan = router.plan(Command::Release { leg: LegId(2) });
        assert_eq!(told(&plan), [(other, "command"), (other, "close"), (one, "close")]);
        router.plan(Command::Release { leg: LegId(1) });
        assert!(router.rooms.is_empty() && router.legs.is_empty());
    }

    #[test]
    fn the_other_half_knows_who_speaks_and_not_who_listens() {
        let mut router = Router::new(2);
        let (one, other) = apart(&mut router);
        let (room, listener) = (RoomId(5), LegId(2));
        let voices = |plan: Plan| -> Vec<(u16, FarVoices)> {
            let of = |(core, input)| match input {
                Input::OpenBridge(_, _, voices) => Some((core, voices)),
                Input::Command(_)
                | Input::CloseBridge(..)
                | Input::SetTaps(..)
                | Input::Fax(..)
                | Input::Bot(..)
                | Input::Prompts(_) => None,
            };
            plan.into_iter().filter_map(of).collect()
        };
        let audience = |audience| Command::Audience { leg: listener, audience };
        router.plan(Command::Join { leg: LegId(1), room });
        assert!(voices(router.plan(audience(Audience::Nobody))).is_empty(), "in no room yet");
        let joined = voices(router.plan(Command::Join { leg: listener, room }));
        assert_eq!(joined, [(other, FarVoices::PARTIES), (one, FarVoices::default())]);
        let whisper = FarVoices { parties: false, whispers: vec![LegId(1)] };
        let whispers = voices(router.plan(audience(Audience::Only(LegId(1)))));
        assert_eq!(whispers, [(one, whisper)]);
        assert_eq!(voices(router.plan(audience(Audience::Everyone))), [(one, FarVoices::PARTIES)]);
        // A second voice that all hear is no news.
        let third = LegId(3);
        let contact = (2..100).find(|&contact| router.pick(ContactId(contact)) == other);
        open(&mut router, 3, contact.expect("one of them is there"));
        assert!(voices(router.plan(Command::Join { leg: third, room })).is_empty());
        assert!(voices(router.plan(Command::Release { leg: listener })).is_empty());
        let plan = router.plan(Command::Release { leg: third });
        assert_eq!(told(&plan), [(other, "command"), (other, "close"), (one, "close")]);
    }

    #[test]
    fn a_far_party_is_tapped_until_the_recording_stops() {
        let mut router = Router::new(2);
        let (one, other) = apart(&mut router);
        let start = RecordStart {
            recording: RecordingId(3),
            tenant: TenantId(1),
            contact: ContactId(1),
            call: terms::CallId(1),
            started_at: terms::Timestamp(0),
            parties: vec![
                (LegId(1), terms::media::Side::Customer),
                (LegId(2), terms::media::Side::Other),
            ],
            terms: RecordTerms::default(),
        };
        let plan = router.plan(Command::RecordStart(start));
        assert_eq!(told(&plan), [(one, "command"), (other, "tap")]);
        let plan = router.plan(Command::RecordStop { recording: RecordingId(3) });
        assert_eq!(told(&plan), [(one, "command"), (other, "untap")]);
    }

    #[test]
    fn commands_for_unknown_legs_go_nowhere_and_are_told_unless_they_may_cross() {
        let mut router = Router::new(2);
        let (leg, digits) = (LegId(9), "1".to_owned());
        for told in [Command::Hold { leg }, Command::SendDigits { leg, digits }] {
            assert_eq!(router.lacks(&told), Some(leg), "{told:?}");
        }
        let recording = RecordingId(9);
        for crossing in [Command::Release { leg }, Command::RecordLeave { recording, leg }] {
            assert_eq!(router.lacks(&crossing), None, "{crossing:?}");
        }
        assert!(router.plan(Command::Hold { leg: LegId(9) }).is_empty());
        assert!(router.plan(Command::Join { leg: LegId(9), room: RoomId(1) }).is_empty());
        assert!(router.plan(Command::RecordStop { recording: RecordingId(9) }).is_empty());
    }
}
