//! What people do: callers who press keys, wait, talk, lose patience; agents who answer, decline or
//! let it ring, put on hold, pass on, ask a third party in, hang up.

use super::plan::{CHAIR_PIN, DIRECT, GUEST, GUEST_PIN, HOTLINE, OUTSIDE, QUEUE, VOICEMAIL, user};
use super::{millis, seconds};
use rand::Rng;
use rand::rngs::SmallRng;
use std::time::Duration;
use terms::control::{CallAction, ConferenceAction, SupervisorPhone};
use terms::event::SupervisionMode;
use terms::{AgentId, LegId, Moment, UserId};

/// Names a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallerId(pub usize);

/// How an agent reacts to ringing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Picks up after this long.
    Answer(Duration),
    /// Declines after this long.
    Decline(Duration),
    /// Lets it ring.
    Ignore,
}

/// What an agent does with a call.
#[derive(Clone, Debug)]
pub struct Habit {
    /// How they react.
    pub reply: Reply,
    /// Hold after this long, for this long.
    pub hold: Option<(Duration, Duration)>,
    /// REFER after this long, to this number.
    pub refer: Option<(Duration, String)>,
    /// Asks somebody in after this long, by this number, on the screen.
    pub invite: Option<(Duration, String)>,
    /// Hangs up after this long; `None` waits for the caller.
    pub talk: Option<Duration>,
}

impl Habit {
    /// Picks up after two seconds and waits for the caller to hang up.
    pub fn answers() -> Self {
        Habit {
            reply: Reply::Answer(seconds(2)),
            hold: None,
            refer: None,
            invite: None,
            talk: None,
        }
    }

    /// Anything.
    pub fn any(rng: &mut SmallRng, agent: AgentId) -> Self {
        let reply = match rng.random_range(0..100) {
            0..8 => Reply::Decline(millis(rng.random_range(200..4_000))),
            8..18 => Reply::Ignore,
            _ => Reply::Answer(millis(rng.random_range(300..9_000))),
        };
        let hold = rng.random_bool(0.25).then(|| {
            (millis(rng.random_range(2_000..6_000)), millis(rng.random_range(1_000..9_000)))
        });
        let colleague = AgentId(1 + (agent.0 + rng.random_range(0..2)) % 3);
        let target = match rng.random_range(0..6) {
            0 => OUTSIDE.to_owned(),
            1 => QUEUE.to_owned(),
            _ => user(colleague),
        };
        let refer = (hold.is_none() && rng.random_bool(0.2))
            .then(|| (millis(rng.random_range(2_000..9_000)), target));
        let third = match rng.random_range(0..3) {
            0 => OUTSIDE.to_owned(),
            _ => user(colleague),
        };
        let invite = rng.random_bool(0.25).then(|| (millis(rng.random_range(1_000..9_000)), third));
        // Whoever asked somebody in hangs up one day: two colleagues could wait for ever, each for
        // the other, when the caller has gone.
        let limited = invite.is_some() || rng.random_bool(0.6);
        let talk = limited.then(|| millis(rng.random_range(3_000..40_000)));
        Habit { reply, hold, refer, invite, talk }
    }
}

/// What a caller does.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// Keys pressed this long after the answer.
    pub keys: Option<(Duration, String)>,
    /// Hangs up when nobody has spoken for this long after the answer.
    pub patience: Duration,
    /// Hangs up after talking this long.
    pub talk: Duration,
    /// Pressed when the agent has gone.
    pub survey: Option<char>,
    /// Hangs up this long after dialling, whatever happens.
    pub longest: Duration,
}

impl Behaviour {
    /// Talks for `talk` and then hangs up.
    pub fn talks(talk: Duration) -> Self {
        Behaviour {
            keys: Some((seconds(2), "1".to_owned())),
            patience: seconds(110),
            talk,
            survey: Some('1'),
            longest: seconds(300),
        }
    }

    /// Comes into a conference with `pin`, and hangs up so long after dialling.
    pub fn attends(pin: &str, longest: Duration) -> Self {
        let patience = seconds(3_600);
        let keys = Some((seconds(2), pin.to_owned()));
        Behaviour { keys, patience, talk: patience, survey: None, longest }
    }

    /// Somebody, and what they dial.
    pub fn any(rng: &mut SmallRng) -> (&'static str, Self) {
        let talk = millis(rng.random_range(4_000..45_000));
        let survey = rng.random_bool(0.7).then(|| ['1', '2', '3', '9'][rng.random_range(0..4)]);
        let patience = millis(match rng.random_range(0..4) {
            0 => rng.random_range(2_000..15_000),
            _ => rng.random_range(20_000..140_000),
        });
        let longest = seconds(rng.random_range(150..260));
        let keys = Some((millis(rng.random_range(500..6_000)), "1".to_owned()));
        let usual = Behaviour { keys, patience, talk, survey, longest };
        let message = Behaviour {
            keys: None,
            patience: millis(rng.random_range(1_000..20_000)),
            ..usual.clone()
        };
        match rng.random_range(0..20) {
            0..9 => (HOTLINE, usual),
            9..13 => (QUEUE, Behaviour { keys: None, ..usual }),
            13 => (HOTLINE, Behaviour { keys: Some((seconds(3), "2".to_owned())), ..usual }),
            14 => (HOTLINE, Behaviour { keys: Some((seconds(3), "3".to_owned())), ..message }),
            15 => (
                HOTLINE,
                Behaviour { keys: None, patience: millis(rng.random_range(100..9_000)), ..usual },
            ),
            16 => (VOICEMAIL, message),
            17 => (DIRECT, Behaviour { keys: None, ..usual }),
            18 => ("4040404", usual),
            _ => (HOTLINE, Behaviour { keys: Some((seconds(2), "8*#1".to_owned())), ..usual }),
        }
    }
}

/// What a supervisor does to somebody's conversation, each after so long.
pub fn supervision(rng: &mut SmallRng, leader: AgentId) -> Vec<(Duration, CallAction)> {
    use SupervisionMode::{Barge, Listen, Whisper};
    let by = UserId(leader.0);
    let phone = match rng.random_range(0..5) {
        0 => SupervisorPhone::Number(OUTSIDE.to_owned()),
        _ => SupervisorPhone::Agent(leader),
    };
    let mode = [Listen, Whisper, Barge][rng.random_range(0..3)];
    let mut actions = vec![(Duration::ZERO, CallAction::Supervise { by, phone, mode })];
    let mut then = |rng: &mut SmallRng, action| {
        let after = millis(rng.random_range(1_000..15_000));
        actions.push((after, action));
    };
    for mode in [Listen, Whisper, Barge] {
        if rng.random_bool(0.4) {
            then(rng, CallAction::ChangeSupervision { by, mode });
        }
    }
    match rng.random_range(0..6) {
        0 | 1 => then(rng, CallAction::TakeOver { by }),
        2 => then(rng, CallAction::EndSupervision),
        3 => then(rng, CallAction::ForceTransfer { by, target: user(leader) }),
        4 => then(rng, CallAction::ForceRelease { by }),
        _ => {}
    }
    actions
}

/// Somebody who calls to come into a meeting.
#[derive(Clone, Debug)]
pub struct Attendee {
    /// Dials so long after the meeting began.
    pub after: Duration,
    /// What they do.
    pub behaviour: Behaviour,
    /// What they press, so long after they dialled.
    pub keys: Vec<(Duration, String)>,
}

/// Who comes to a meeting: a chairperson, two or three guests of whom some get the PIN wrong at
/// first, and now and then somebody who only guesses.
pub fn meeting(rng: &mut SmallRng) -> Vec<Attendee> {
    let mut attendees = Vec::new();
    let mut comes = |rng: &mut SmallRng, pin: &str, stays: Duration, keys: Vec<&str>| {
        let after = millis(rng.random_range(0..12_000));
        let mut pressed = Vec::new();
        for key in keys {
            pressed.push((millis(rng.random_range(15_000..60_000)), key.to_owned()));
        }
        attendees.push(Attendee {
            after,
            behaviour: Behaviour::attends(pin, stays),
            keys: pressed,
        });
    };
    let stays = millis(rng.random_range(45_000..90_000));
    let mut keys = vec!["*2"];
    keys.extend(["*1", "*1", "*5", "*5"].into_iter().filter(|_| rng.random_bool(0.4)));
    keys.extend(rng.random_bool(0.3).then_some("*9"));
    comes(rng, CHAIR_PIN, stays, keys);
    for _ in 0..rng.random_range(2..4) {
        let stays = millis(rng.random_range(20_000..80_000));
        let pin = if rng.random_bool(0.3) { "0000#4711#" } else { GUEST_PIN };
        let keys = ["*6", "*6"].into_iter().filter(|_| rng.random_bool(0.5)).collect();
        comes(rng, pin, stays, keys);
    }
    if rng.random_bool(0.4) {
        comes(rng, "1111#2222#3333#", seconds(60), Vec::new());
    }
    attendees
}

/// What is done to a meeting on a screen, so long after it began.
pub fn at_the_screen(rng: &mut SmallRng) -> Vec<(Duration, ConferenceAction)> {
    use ConferenceAction as A;
    let dial_out = A::DialOut { target: GUEST.to_owned(), chair: false };
    let all = [dial_out, A::Lock, A::Unlock, A::MuteAll, A::UnmuteAll, A::End];
    let mut actions = Vec::new();
    for (action, share) in all.into_iter().zip([0.6, 0.3, 0.3, 0.3, 0.3, 0.1]) {
        let then = millis(rng.random_range(15_000..70_000));
        actions.extend(rng.random_bool(share).then_some((then, action)));
    }
    actions
}

/// One caller.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Their number.
    pub number: String,
    /// What they dial.
    pub called: String,
    /// What they do.
    pub behaviour: Behaviour,
    /// When they dialled.
    pub dialled: Option<Moment>,
    /// Their leg while it lives.
    pub leg: Option<LegId>,
    /// Their handset.
    pub handset: Option<usize>,
    /// The box answered.
    pub answered: Option<Moment>,
    /// They first heard a person.
    pub talking: Option<Moment>,
    /// Their last key of the survey.
    pub pressed: Option<Moment>,
    /// All over.
    pub ended: Option<Moment>,
}
