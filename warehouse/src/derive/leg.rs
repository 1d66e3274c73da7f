//! A leg, and the clock that splits its time into talk and hold.

use crate::derive::ended::signed;
use crate::derive::entry::word;
use crate::derive::ms;
use terms::event::{Direction, Party, Role};
use terms::media::Quality;
use terms::record::Leg;
use terms::{AgentId, CallId, ContactId, LegId, QueueId, TenantId, Timestamp, TrunkId};

/// What a clock counts now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    #[default]
    Idle,
    /// Conversation.
    Talk,
    /// Hold.
    Hold,
}

/// Counts talk and hold.
#[derive(Clone, Debug, Default)]
pub struct TalkClock {
    mode: Mode,
    since: Timestamp,
    talk_us: i64,
    hold_us: i64,
}

impl TalkClock {
    /// Counts up to `at`, then goes on as `mode`.
    pub fn turn(&mut self, mode: Mode, at: Timestamp) {
        let passed = (at.0 - self.since.0).max(0);
        match self.mode {
            Mode::Idle => {}
            Mode::Talk => self.talk_us += passed,
            Mode::Hold => self.hold_us += passed,
        }
        (self.mode, self.since) = (mode, at);
    }

    /// Talk in ms, hold in ms.
    pub fn read(&self) -> (i32, i32) {
        let ms = |us: i64| i32::try_from(us / 1000).unwrap_or(i32::MAX);
        (ms(self.talk_us), ms(self.hold_us))
    }
}

/// A leg that goes on.
#[derive(Clone, Debug)]
pub struct OpenLeg {
    pub role: Role,
    pub agent: Option<AgentId>,
    pub queue: Option<QueueId>,
    pub trunk: Option<TrunkId>,
    pub address: String,
    pub started_at: Timestamp,
    pub ringing_at: Option<Timestamp>,
    pub answered_at: Option<Timestamp>,
    /// Both parties hear each other (agents); answered (everybody outside).
    pub conversing: bool,
    /// This agent or somebody outside was passed on into a flow or a queue, and nobody has answered.
    pub waits: bool,
    /// This agent's conversation is over.
    pub released: bool,
    /// Who put it on hold.
    pub held_by: Option<Party>,
    /// This agent has put the customer on hold.
    pub holding: bool,
    pub clock: TalkClock,
}

/// Whose leg it was.
pub struct LegOf {
    pub tenant: TenantId,
    pub leg: LegId,
    pub call: CallId,
    pub contact: ContactId,
    pub call_started_at: Timestamp,
    pub direction: Direction,
    /// The queue that the call has come into last.
    pub call_queue: Option<QueueId>,
}

impl OpenLeg {
    /// Its row.
    pub fn close(
        mut self,
        of: LegOf,
        at: Timestamp,
        (cause, by): (u8, Party),
        quality: Option<&Quality>,
    ) -> Leg {
        self.clock.turn(Mode::Idle, at);
        let (talk_ms, hold_ms) = self.clock.read();
        let heard = quality.filter(|quality| quality.packets_received > 0);
        Leg {
            tenant_id: of.tenant,
            leg_id: of.leg,
            call_id: of.call,
            contact_id: of.contact,
            call_started_at: of.call_started_at,
            role: word(self.role),
            agent_id: self.agent,
            queue_id: self.queue,
            address: self.address,
            started_at: self.started_at,
            ringing_at: self.ringing_at,
            answered_at: self.answered_at,
            ended_at: at.max(self.started_at),
            ring_ms: self.ringing_at.map_or(0, |rang| ms(rang, self.answered_at.unwrap_or(at))),
            talk_ms,
            hold_ms,
            hangup_cause: i32::from(cause),
            hangup_by: word(by),
            packets_received: quality.map_or(0, |quality| signed(quality.packets_received)),
            packets_lost: quality.map_or(0, |quality| signed(quality.packets_lost)),
            jitter_us: quality.map_or(0, |q| i32::try_from(q.jitter_us).unwrap_or(i32::MAX)),
            mos: heard.map(|quality| f64::from(quality.mos)),
            trunk_id: self.trunk,
            call_direction: Some(word(of.direction)),
            call_queue_id: of.call_queue,
        }
    }
}
