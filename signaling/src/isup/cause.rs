//! Why a call ends: cause indicators, Q.763 §3.12 and Q.850.

use super::Unreadable;

/// Location: the network beyond an interworking point. What we say comes from SIP.
pub const LOCATION_BEYOND: u8 = 0x0A;
/// The last octet of its group.
const LAST: u8 = 0x80;

/// Why a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Whose list of causes it is: 0 is that of the ITU, 2 one of the country, 3 one of the network.
    pub standard: u8,
    /// Where it arose: 0 at the user, 2 in the network of the caller, 4 in that of the callee, …
    pub location: u8,
    /// Its number in the list, 0 to 127.
    pub value: u8,
}

impl Cause {
    /// A cause of Q.850, of ours.
    pub const fn ours(value: u8) -> Self {
        Cause { standard: 0, location: LOCATION_BEYOND, value: value & 0x7F }
    }

    /// The cause of Q.850; none of another list, whose numbers mean something else.
    pub fn q850(self) -> Option<u8> {
        (self.standard == 0 && self.value > 0).then_some(self.value)
    }

    pub(super) fn read(value: &[u8]) -> Result<Self, Unreadable> {
        let short = Unreadable("a cause that ends too early");
        let (&first, mut rest) = value.split_first().ok_or(short)?;
        if first & LAST == 0 {
            // Which recommendation it is from: there is one alone.
            rest = rest.split_first().map(|(_, rest)| rest).ok_or(short)?;
        }
        let &number = rest.first().ok_or(short)?;
        Ok(Cause { standard: (first >> 5) & 0x03, location: first & 0x0F, value: number & 0x7F })
    }

    pub(super) fn write(self) -> [u8; 2] {
        let first = LAST | ((self.standard & 0x03) << 5) | (self.location & 0x0F);
        [first, LAST | (self.value & 0x7F)]
    }
}
