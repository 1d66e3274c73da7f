//! The initial address message, Q.763 table 32: who calls whom, and on what kind of line.

use super::frame::{Frame, framed};
use super::{Nature, Number, Unreadable};
use terms::Category;

/// Nature of connection, forward call indicators, category, transmission medium.
pub(super) const FIXED_BYTES: usize = 5;
/// Transmission media that telephony fits into (Q.763 §3.54): speech, and audio of 3.1 kHz.
pub const SPEECH_LIKE: [u8; 2] = [0x00, 0x03];

/// Names of optional parameters, Q.763 table 5.
const CALLING: u8 = 0x0A;
const REDIRECTING: u8 = 0x0B;
const REDIRECTION: u8 = 0x13;
const ORIGINAL_CALLED: u8 = 0x28;
const HOPS: u8 = 0x3D;

/// How a call was forwarded on its way (redirection information, Q.763 §3.45).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirection {
    /// What was done to it: 3 is a diversion of which everything may be seen, 4 one of which nothing.
    pub indicator: u8,
    /// Why it was forwarded first: 1 busy, 2 no answer, 3 always.
    pub original_reason: u8,
    /// How often, 0 to 7.
    pub count: u8,
    /// Why it was forwarded last, by the same numbers.
    pub reason: u8,
}

impl Redirection {
    fn read(value: &[u8]) -> Result<Self, Unreadable> {
        let &first = value.first().ok_or(Unreadable("a redirection that ends too early"))?;
        // Older networks leave out the second octet: it was forwarded once.
        let second = value.get(1).copied().unwrap_or(1);
        Ok(Redirection {
            indicator: first & 0x07,
            original_reason: first >> 4,
            count: second & 0x07,
            reason: second >> 4,
        })
    }

    fn write(self) -> Vec<u8> {
        let first = (self.original_reason << 4) | (self.indicator & 0x07);
        vec![first, (self.reason << 4) | (self.count & 0x07)]
    }
}

/// An IAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialAddress {
    /// Satellites, continuity checks and echo control on the way (§3.35).
    pub connection: u8,
    /// National or not, interworking, how much ISUP is wanted on the way (§3.23).
    pub forward: [u8; 2],
    /// What kind of line calls (§3.11); [`InitialAddress::category`] is its meaning.
    pub category: u8,
    /// What the bearer has to carry (§3.54).
    pub medium: u8,
    /// Who is called.
    pub called: Number,
    /// Who calls.
    pub calling: Option<Number>,
    /// Who was called before, and forwarded it last.
    pub redirecting: Option<Number>,
    /// Who was called first.
    pub original_called: Option<Number>,
    /// How it was forwarded.
    pub redirection: Option<Redirection>,
    /// How many exchanges it may still pass, 0 to 31 (§3.80).
    pub hops: Option<u8>,
}

impl InitialAddress {
    /// A call of telephony from behind an interworking (Q.1912.5 §6.1): ISUP is not needed all the way,
    /// the bearer carries audio of 3.1 kHz, so that fax machines are heard.
    pub fn new(category: Category, called: Number) -> Self {
        let abroad = u8::from(called.nature == Nature::International);
        InitialAddress {
            connection: 0x00,
            forward: [0x48 | abroad, 0x00],
            category: octet(category),
            medium: 0x03,
            called,
            calling: None,
            redirecting: None,
            original_called: None,
            redirection: None,
            hops: None,
        }
    }

    /// What kind of line calls, Q.763 §3.11. Data calls and what a country has of its own are unknown.
    pub const fn category(&self) -> Category {
        match self.category {
            0x01..=0x05 | OPERATOR => Category::Operator,
            ORDINARY | PRIORITY => Category::Ordinary,
            TEST => Category::Test,
            PAYPHONE => Category::Payphone,
            _ => Category::Unknown,
        }
    }

    /// How often it was forwarded on its way.
    pub fn diversions(&self) -> u8 {
        let named = u8::from(self.redirecting.is_some() || self.original_called.is_some());
        self.redirection.map_or(named, |redirection| redirection.count.max(named))
    }

    pub(super) fn read(frame: &Frame) -> Result<Self, Unreadable> {
        let &[connection, first, second, category, medium] = frame.fixed else {
            return Err(Unreadable("it ends too early"));
        };
        let mut address = InitialAddress {
            connection,
            forward: [first, second],
            category,
            medium,
            called: Number::read(frame.variable)?,
            calling: None,
            redirecting: None,
            original_called: None,
            redirection: None,
            hops: None,
        };
        frame.each(|name, value| {
            match name {
                CALLING => address.calling = Some(Number::read(value)?),
                REDIRECTING => address.redirecting = Some(Number::read(value)?),
                ORIGINAL_CALLED => address.original_called = Some(Number::read(value)?),
                REDIRECTION => address.redirection = Some(Redirection::read(value)?),
                HOPS => address.hops = value.first().map(|hops| hops & 0x1F),
                _ => {}
            }
            Ok(())
        })?;
        Ok(address)
    }

    pub(super) fn write(&self, kind: u8) -> Vec<u8> {
        let [first, second] = self.forward;
        let fixed = [self.connection, first, second, self.category, self.medium];
        let number = |name, number: &Option<Number>| Some((name, number.as_ref()?.write()));
        let optional = [
            number(CALLING, &self.calling),
            number(REDIRECTING, &self.redirecting),
            self.redirection.map(|redirection| (REDIRECTION, redirection.write())),
            number(ORIGINAL_CALLED, &self.original_called),
            self.hops.map(|hops| (HOPS, vec![hops & 0x1F])),
        ];
        let optional: Vec<(u8, Vec<u8>)> = optional.into_iter().flatten().collect();
        framed(kind, &fixed, Some(&self.called.write()), &optional)
    }
}

/// Calling party's categories, Q.763 §3.11. An operator is that of a nation, who speaks no language of
/// the list.
const OPERATOR: u8 = 0x09;
const ORDINARY: u8 = 0x0A;
const PRIORITY: u8 = 0x0B;
const TEST: u8 = 0x0D;
const PAYPHONE: u8 = 0x0F;

/// What has no number of its own there is an ordinary line.
const fn octet(category: Category) -> u8 {
    match category {
        Category::Operator => OPERATOR,
        Category::Test => TEST,
        Category::Payphone => PAYPHONE,
        Category::Unknown => 0x00,
        Category::Ordinary
        | Category::MobileHplmn
        | Category::MobileVplmn
        | Category::Emergency => ORDINARY,
    }
}
