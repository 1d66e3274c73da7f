//! Messages of the ISDN user part (ITU-T Q.763), as SIP-I carries them beside the description: from the
//! type octet on, without routing label and circuit (RFC 3204 §3.1). What a call needs of them is read
//! and written; other parameters are passed over, as Q.764 §2.9.5 lets who does not know them do.
//!
//! Bytes come from other networks: every length is checked, and nothing grows beyond the message.

mod address;
mod cause;
mod frame;
mod number;

pub use address::{InitialAddress, Redirection, SPEECH_LIKE};
pub use cause::{Cause, LOCATION_BEYOND};
pub use number::{Nature, Number, Presentation};

use frame::{Frame, Variable, framed};

/// Longest message that is read: what one signalling unit holds (ITU-T Q.704 §2.3.8).
pub const MESSAGE_BYTES_MAX: usize = 272;

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ISUP: {0}")]
pub struct Unreadable(pub &'static str);

/// What the called side tells of itself with an ACM or a CON (backward call indicators, Q.763 §3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backward(pub [u8; 2]);

impl Backward {
    /// A charged call to an ordinary subscriber, behind an interworking; it rings where `free`.
    pub const fn ours(free: bool) -> Self {
        Backward([if free { 0x16 } else { 0x12 }, 0x01])
    }

    /// The subscriber is free: it rings there.
    pub const fn is_free(self) -> bool {
        self.0[0] & 0x0C == 0x04
    }
}

/// What a CPG tells (event information, Q.763 §3.21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event(u8);

impl Event {
    /// It rings.
    pub const ALERTING: Event = Event(0x01);
    /// Something goes on.
    pub const PROGRESS: Event = Event(0x02);
    /// There is something to be heard.
    pub const IN_BAND: Event = Event(0x03);
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// IAM: somebody calls.
    InitialAddress(Box<InitialAddress>),
    /// ACM: the number is complete.
    AddressComplete(Backward),
    /// CPG: something happened before the answer.
    Progress(Event),
    /// ANM: answered, after an ACM.
    Answer,
    /// CON: answered, without an ACM before.
    Connect(Backward),
    /// REL: the call ends.
    Release(Cause),
    /// RLC: it has ended.
    ReleaseComplete,
    /// SUS: the callee hung up, and may come back for a while.
    Suspend(u8),
    /// RES: they came back.
    Resume(u8),
}

/// Type octets, Q.763 table 4.
mod kind {
    pub(super) const IAM: u8 = 0x01;
    pub(super) const ACM: u8 = 0x06;
    pub(super) const CON: u8 = 0x07;
    pub(super) const ANM: u8 = 0x09;
    pub(super) const REL: u8 = 0x0C;
    pub(super) const SUS: u8 = 0x0D;
    pub(super) const RES: u8 = 0x0E;
    pub(super) const RLC: u8 = 0x10;
    pub(super) const CPG: u8 = 0x2C;
}

impl Message {
    /// Reads one message, Q.763 tables 21 to 44.
    ///
    /// # Errors
    /// A type that is not known, a length that leads out of the message, a parameter that says nothing.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(Unreadable("longer than a signalling unit"));
        }
        let kind = *bytes.first().ok_or(Unreadable("empty"))?;
        let fixed = |count| Frame::read(bytes, count, Variable::Nothing);
        let pair = |frame: &Frame| Backward([frame.fixed[0], frame.fixed[1]]);
        Ok(match kind {
            kind::IAM => {
                let frame = Frame::read(bytes, address::FIXED_BYTES, Variable::One)?;
                Message::InitialAddress(Box::new(InitialAddress::read(&frame)?))
            }
            kind::ACM => Message::AddressComplete(pair(&fixed(2)?)),
            kind::CON => Message::Connect(pair(&fixed(2)?)),
            kind::CPG => Message::Progress(Event(fixed(1)?.fixed[0] & 0x7F)),
            kind::ANM => fixed(0).map(|_| Message::Answer)?,
            kind::RLC => fixed(0).map(|_| Message::ReleaseComplete)?,
            kind::SUS => Message::Suspend(fixed(1)?.fixed[0]),
            kind::RES => Message::Resume(fixed(1)?.fixed[0]),
            kind::REL => {
                Message::Release(Cause::read(Frame::read(bytes, 0, Variable::One)?.variable)?)
            }
            _ => return Err(Unreadable("a type that is not known")),
        })
    }

    /// The message as it goes out.
    pub fn write(&self) -> Vec<u8> {
        match self {
            Message::InitialAddress(address) => address.write(kind::IAM),
            Message::AddressComplete(backward) => framed(kind::ACM, &backward.0, None, &[]),
            Message::Connect(backward) => framed(kind::CON, &backward.0, None, &[]),
            Message::Progress(event) => framed(kind::CPG, &[event.0], None, &[]),
            Message::Answer => framed(kind::ANM, &[], None, &[]),
            Message::ReleaseComplete => framed(kind::RLC, &[], None, &[]),
            Message::Suspend(by) => framed(kind::SUS, &[*by], None, &[]),
            Message::Resume(by) => framed(kind::RES, &[*by], None, &[]),
            Message::Release(cause) => framed(kind::REL, &[], Some(&cause.write()), &[]),
        }
    }

    /// It rings at the callee.
    pub fn is_alerting(&self) -> bool {
        match self {
            Message::AddressComplete(backward) => backward.is_free(),
            Message::Progress(event) => *event == Event::ALERTING,
            _ => false,
        }
    }
}

/// Feeds arbitrary bytes to the reader; for fuzzing.
///
/// # Panics
/// When what was read is not read again as it is written.
pub fn fuzz_isup(bytes: &[u8]) {
    if let Ok(message) = Message::parse(bytes) {
        assert_eq!(Message::parse(&message.write()).as_ref(), Ok(&message));
    }
}

#[cfg(test)]
mod tests;
