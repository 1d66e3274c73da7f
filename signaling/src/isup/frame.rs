//! How a message is laid out, Q.763 §1.5: the type, the parameters of fixed length, a pointer to each
//! of variable length, a pointer to the optional ones. A pointer counts from itself on; 0 leads to
//! nothing.

use super::Unreadable;

/// Name of what ends the optional parameters (Q.763 table 5).
const END: u8 = 0x00;
const SHORT: Unreadable = Unreadable("it ends too early");

/// How many mandatory parameters of variable length there are: no message that is read has two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Variable {
    Nothing,
    One,
}

/// A message in its parts.
pub(super) struct Frame<'a> {
    /// As many octets as were asked for.
    pub(super) fixed: &'a [u8],
    /// The value of the mandatory parameter of variable length.
    pub(super) variable: &'a [u8],
    optional: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(super) fn read(bytes: &'a [u8], fixed: usize, ahead: Variable) -> Result<Self, Unreadable> {
        let mut at = 1 + fixed;
        let fixed = bytes.get(1..at).ok_or(SHORT)?;
        let mut variable = &bytes[..0];
        if ahead == Variable::One {
            let pointer = *bytes.get(at).filter(|pointer| **pointer > 0).ok_or(SHORT)?;
            let start = at + usize::from(pointer);
            let length = usize::from(*bytes.get(start).ok_or(SHORT)?);
            variable = bytes.get(start + 1..start + 1 + length).ok_or(SHORT)?;
            at += 1;
        }
        // Who has nothing optional may leave out the pointer, too.
        let optional = match bytes.get(at).copied().unwrap_or(0) {
            0 => &bytes[..0],
            pointer => bytes.get(at + usize::from(pointer)..).ok_or(SHORT)?,
        };
        Ok(Frame { fixed, variable, optional })
    }

    /// Shows each optional parameter, name and value.
    pub(super) fn each(
        &self,
        mut take: impl FnMut(u8, &'a [u8]) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let mut rest = self.optional;
        while let Some((&name, after)) = rest.split_first().filter(|(name, _)| **name != END) {
            let (&length, after) = after.split_first().ok_or(SHORT)?;
            let length = usize::from(length);
            take(name, after.get(..length).ok_or(SHORT)?)?;
            rest = &after[length..];
        }
        Ok(())
    }
}

/// The message of these parts; `optional` are names and values.
pub(super) fn framed(
    kind: u8,
    fixed: &[u8],
    variable: Option<&[u8]>,
    optional: &[(u8, Vec<u8>)],
) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(fixed);
    let behind = variable.map_or(0, |value| value.len() + 1);
    if variable.is_some() {
        // Over the other pointer.
        bytes.push(2);
    }
    bytes.push(if optional.is_empty() { 0 } else { octet(behind + 1) });
    if let Some(value) = variable {
        push(&mut bytes, value);
    }
    for (name, value) in optional {
        bytes.push(*name);
        push(&mut bytes, value);
    }
    if !optional.is_empty() {
        bytes.push(END);
    }
    bytes
}

fn push(bytes: &mut Vec<u8>, value: &[u8]) {
    bytes.push(octet(value.len()));
    bytes.extend_from_slice(value);
}

/// No parameter of ours has more than some twenty octets.
fn octet(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}
