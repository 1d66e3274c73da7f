//! Which core has which leg, and what the cores tell each other about rooms and recordings that
//! span them. The legs that a call begins with share a core, so that most calls never need any of
//! this; who comes later goes where there is most room.

use super::worker::Input;
use crate::room::FarShard;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use terms::media::{Command, Place, RecordStart};
use terms::{ContactId, LegId, RecordingId, RoomId};

/// Where a leg is.
#[derive(Debug)]
struct Stand {
    shard: u16,
    room: Option<RoomId>,
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
    /// Legs of a room on each core.
    rooms: HashMap<RoomId, BTreeMap<u16, usize>>,
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
            Command::RecordStop { recording } => {
                let Some(ended) = self.recordings.remove(recording) else { return Vec::new() };
                let taps = ended.far.iter().flat_map(|&leg| self.taps_of(leg)).collect();
                with(ended.shard, command, taps)
            }
            Command::Connect { leg, .. }
            | Command::Hold { leg }
            | Command::Resume { leg }
            | Command::Play { leg, .. }
            | Command::StopPlay { leg, .. }
            | Command::SendDigits { leg, .. }
            | Command::Watch { leg, .. } => match self.legs.get(leg) {
                Some(stand) => vec![(stand.shard, Input::Command(command))],
                None => Vec::new(),
            },
        }
    }

    /// A leg could not be opened.
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
        self.legs.insert(leg, Stand { shard, room: None });
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
        let halves = self.rooms.entry(room).or_default();
        if !halves.contains_key(&shard) {
            for &far in halves.keys() {
                plan.push((shard, Input::OpenBridge(room, FarShard(far))));
                plan.push((far, Input::OpenBridge(room, FarShard(shard))));
            }
        }
        *halves.entry(shard).or_default() += 1;
        self.legs.get_mut(&leg).expect("looked up above").room = Some(room);
        plan.push((shard, Input::Command(command)));
        plan
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
        let count = halves.get_mut(&shard).expect("a leg in a room is counted");
        *count -= 1;
        if *count > 0 {
            return Vec::new();
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

    fn open(router: &mut Router, leg: u64, contact: u64) -> u16 {
        open_at(router, leg, contact, Place::WithContact)
    }

    fn open_at(router: &mut Router, leg: u64, contact: u64, place: Place) -> u16 {
        let (leg, contact, tenant) = (LegId(leg), ContactId(contact), TenantId(1));
        router.plan(Command::Open { leg, contact, tenant, place })[0].0
    }

    fn told(plan: &Plan) -> Vec<(u16, &'static str)> {
        let name = |input: &Input| match input {
            Input::Command(_) => "command",
            Input::OpenBridge(..) => "open",
            Input::CloseBridge(..) => "close",
            Input::SetTaps(_, 0) => "untap",
            Input::SetTaps(..) => "tap",
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
        let plan = router.plan(Command::Release { leg: LegId(2) });
        assert_eq!(told(&plan), [(other, "command"), (other, "close"), (one, "close")]);
        router.plan(Command::Release { leg: LegId(1) });
        assert!(router.rooms.is_empty() && router.legs.is_empty());
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
        };
        let plan = router.plan(Command::RecordStart(start));
        assert_eq!(told(&plan), [(one, "command"), (other, "tap")]);
        let plan = router.plan(Command::RecordStop { recording: RecordingId(3) });
        assert_eq!(told(&plan), [(one, "command"), (other, "untap")]);
    }

    #[test]
    fn commands_for_unknown_legs_go_nowhere() {
        let mut router = Router::new(2);
        assert!(router.plan(Command::Hold { leg: LegId(9) }).is_empty());
        assert!(router.plan(Command::Join { leg: LegId(9), room: RoomId(1) }).is_empty());
        assert!(router.plan(Command::RecordStop { recording: RecordingId(9) }).is_empty());
    }
}
