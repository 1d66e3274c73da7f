//! What happens on a day: agents sign in, people call, colleagues take part in conversations, others
//! meet in the conference room, and now and then the call process is killed.

use super::{AGENTS, Act, World};
use crate::rig::people::{
    Attendee, Behaviour, CallerId, Habit, at_the_screen, meeting, supervision,
};
use crate::rig::phone::User;
use crate::rig::plan::{GUEST, MEETING, ROOM, TENANT, user};
use crate::rig::{millis, seconds};
use rand::Rng;
use std::time::Duration;
use terms::control::{Ask, ConferenceAction};
use terms::{AgentId, UserId};

/// People who call a queue, an agent or nobody.
const CALLERS: usize = 30;
/// Times a colleague looks whether some agent talks. An agent does one twentieth of the time, and of
/// those conversations two thirds last until the colleague has come in.
const SUPERVISIONS: usize = 100;
/// Meetings.
const MEETINGS: usize = 2;
/// From a kill to the first sign of the next process.
const GAP: Duration = millis(400);

/// What somebody does about a meeting.
pub(super) enum Step {
    /// A caller presses keys.
    Type(usize, String),
    /// Whoever has this handset does.
    Press(usize, String),
    /// An agent dials a room, presses keys, each after so long, and hangs up after so long.
    Attend(AgentId, &'static str, Vec<(Duration, String)>, Duration),
    /// Somebody at a screen.
    Act(ConferenceAction),
    /// The call process is killed.
    Kill,
}

impl World {
    // ---- what stories ask for ----

    /// A caller presses these keys, `after` from now.
    pub fn types(&mut self, after: Duration, caller: CallerId, keys: &str) {
        self.at(after, Act::Meet(Step::Type(caller.0, keys.to_owned())));
    }

    /// An agent dials a conference room, `after` from now; presses keys, each so many seconds later;
    /// and hangs up when they have been there for so long.
    pub fn attends(
        &mut self,
        after: Duration,
        agent: u64,
        room: &'static str,
        keys: &[(u64, &str)],
        stays: Duration,
    ) {
        let keys = keys.iter().map(|&(then, keys)| (seconds(then), keys.to_owned())).collect();
        self.at(after, Act::Meet(Step::Attend(AgentId(agent), room, keys, stays)));
    }

    /// Somebody does this on a screen to the meeting, `after` from now.
    pub fn confers(&mut self, after: Duration, action: ConferenceAction) {
        self.at(after, Act::Meet(Step::Act(action)));
    }

    /// The call process is killed, `after` from now.
    pub fn dies(&mut self, after: Duration) {
        self.at(after, Act::Meet(Step::Kill));
    }

    /// It is killed while people are in the first meeting of the day, which must not have begun.
    ///
    /// # Panics
    /// When the world has no day.
    pub fn dies_in_a_meeting(&mut self) {
        let begins = *self.meetings.first().expect("a day has meetings");
        self.dies(begins + seconds(35));
    }

    // ---- what happens by itself ----

    /// Everything that happens on an ordinary day.
    pub(super) fn passes(&mut self) {
        for agent in 1..=AGENTS {
            let at = millis(self.rng.random_range(2_000..20_000));
            self.at(at, Act::Code(AgentId(agent), "*41"));
        }
        self.at(seconds(30), Act::Tend);
        for _ in 0..CALLERS {
            let (called, behaviour) = Behaviour::any(&mut self.rng);
            let after = millis(self.rng.random_range(10_000..20 * 60_000));
            self.calls(after, called, behaviour);
        }
        for _ in 0..SUPERVISIONS {
            self.somebody_supervises();
        }
        for _ in 0..MEETINGS {
            self.some_confer();
        }
    }

    /// At some time a colleague takes part in what some agent says, one way or another.
    fn somebody_supervises(&mut self) {
        let agent = AgentId(self.rng.random_range(1..=AGENTS));
        let leader = AgentId(1 + agent.0 % AGENTS);
        let after = millis(self.rng.random_range(20_000..20 * 60_000));
        for (then, action) in supervision(&mut self.rng, leader) {
            self.controls(after + then, agent, action);
        }
    }

    /// At some time some people meet.
    fn some_confer(&mut self) {
        let begins = millis(self.rng.random_range(60_000..17 * 60_000));
        self.meetings.push(begins);
        for Attendee { after, behaviour, keys } in meeting(&mut self.rng) {
            let caller = self.calls(begins + after, MEETING, behaviour);
            for (then, keys) in keys {
                self.types(begins + after + then, caller, &keys);
            }
        }
        for (then, action) in at_the_screen(&mut self.rng) {
            self.confers(begins + then, action);
        }
    }

    /// What somebody outside does whom the box calls: whom a meeting calls says that they come, and
    /// stays for a while.
    pub(super) fn outsider(&mut self, set: usize, called: &str) -> Habit {
        if !called.ends_with(&GUEST[1..]) {
            return Habit { talk: Some(seconds(8)), ..Habit::answers() };
        }
        self.at(seconds(4), Act::Meet(Step::Press(set, "1".to_owned())));
        Habit { talk: Some(seconds(30)), ..Habit::answers() }
    }

    pub(super) fn meet(&mut self, step: Step) {
        match step {
            Step::Type(caller, keys) => {
                if let Some(set) = self.callers[caller].handset {
                    self.press(set, &keys);
                }
            }
            Step::Press(set, keys) => self.press(set, &keys),
            Step::Attend(agent, room, keys, stays) => {
                let phone = agent.0 as usize;
                let set = self.new_handset(phone);
                let leg = self.dial_on(phone, room, &user(agent), User::Member, set);
                for (then, keys) in keys {
                    self.at(then, Act::Meet(Step::Press(set, keys)));
                }
                self.at(stays, Act::Hang(phone, leg));
            }
            Step::Act(action) => {
                // Where nobody is there it is refused, and everything goes on as it was.
                let (tenant, conference, by) = (TENANT, ROOM, UserId(9));
                self.center.ask(self.now, Ask::Conference { tenant, conference, by, action });
                self.settle();
            }
            Step::Kill => {
                self.set_clock(self.now.moment + GAP);
                self.center.kill(self.now);
                self.settle();
            }
        }
    }

    fn press(&mut self, set: usize, keys: &str) {
        let handset = &mut self.handsets[set];
        if handset.open {
            handset.press(keys);
        }
    }
}
