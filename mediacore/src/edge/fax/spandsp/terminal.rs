//! A machine that speaks T.30 in packets of T.38 in place of sound: no modem, but the same machine.
//!
//! The library paces what it says as a modem would (30 ms of a page in a packet), since a gateway
//! at the other end makes sound of it again. It is told the number of each packet that comes and
//! makes do with those that are missing.

use super::{Library, Pages, T30, library};
use crate::edge::fax::process::Report;
use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::rc::Rc;
use terms::media::{FaxTerms, SeqNo};

/// The first version of the standard, which every gateway speaks, and the one we answer with.
const VERSION: c_int = 0;
/// The training of the modems is checked from end to end (`transferredTCF`).
const TRANSFERRED: c_int = 2;
/// Modems, a bit each: V.27ter up to 4,800 bit/s, V.29 up to 9,600, V.17 up to 14,400.
const V27TER: c_int = 0x01;
const V29: c_int = 0x02;
const V17: c_int = 0x04;
/// The other machine may be a program as well.
const BETWEEN_PROGRAMS: c_int = 0x10;

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The packet (IFP), not yet numbered.
    pub octets: Vec<u8>,
    /// How many times it is sent: nothing follows the last packet of a signal for a while, by which
    /// a loss could be made good.
    pub copies: u8,
}

/// One machine on one line of packets. It stays on the thread that made it.
pub struct Terminal {
    terminal: *mut c_void,
    core: *mut c_void,
    t30: T30,
    /// What it has said and nobody taken; the library writes it through a pointer.
    said: Rc<RefCell<Vec<Packet>>>,
}

impl Terminal {
    /// A machine that calls and sends, or answers and receives, by these terms.
    ///
    /// # Errors
    /// When there is no library, no memory, or no such station id.
    pub fn new(
        pages: Pages,
        station: &str,
        ecm: bool,
        terms: &FaxTerms,
    ) -> Result<Terminal, String> {
        let library = library()?;
        let sends = matches!(pages, Pages::Send(_));
        let said = Rc::new(RefCell::new(Vec::new()));
        let told = Rc::as_ptr(&said).cast_mut().cast::<c_void>();
        // SAFETY: without memory of ours the library takes its own, or answers null; `told` is on
        // the heap and outlives the machine, which is freed before its fields are.
        let terminal =
            unsafe { (library.t38_init)(ptr::null_mut(), c_int::from(sends), on_packet, told) };
        if terminal.is_null() {
            return Err("there is no memory for a fax".to_owned());
        }
        // SAFETY: `terminal` was just made; its halves live as long, and `drop` frees it last.
        let (core, t30) = unsafe {
            let t30 = T30::of(library, (library.t38_get_t30_state)(terminal), sends);
            ((library.t38_get_core)(terminal), t30)
        };
        let made = Terminal { terminal, core, t30, said };
        made.t30.prepare(pages, station, ecm)?;
        made.agree(library, terms);
        Ok(made)
    }

    fn agree(&self, library: &Library, terms: &FaxTerms) {
        // SAFETY: both halves are alive.
        unsafe {
            (library.t38_set_version)(self.core, VERSION);
            (library.t38_set_rate_management)(self.core, TRANSFERRED);
            (library.t38_set_datagram_max)(self.core, c_int::from(terms.datagram_bytes_max));
            (library.set_supported_modems)(self.t30.state, modems(terms.bit_rate_max));
        }
    }

    /// Takes a packet that came, with its number.
    pub fn hear(&mut self, seq: SeqNo, octets: &[u8]) {
        let rx_packet = self.t30.library.t38_rx_packet;
        // SAFETY: the state is alive; so many octets are readable.
        unsafe { rx_packet(self.core, octets.as_ptr(), octets.len() as c_int, seq.0) };
    }

    /// So much time has passed, in samples at 8 kHz; what it says by now.
    pub fn say(&mut self, samples: usize) -> Vec<Packet> {
        let send_timeout = self.t30.library.t38_send_timeout;
        // SAFETY: the state is alive. It says its packets to `on_packet`, before this returns.
        unsafe { send_timeout(self.terminal, samples as c_int) };
        self.said.take()
    }

    /// The line is gone.
    pub fn hang_up(&mut self) {
        self.t30.hang_up();
    }

    /// The machine has nothing more to say.
    pub fn is_over(&self) -> bool {
        self.t30.is_over()
    }

    /// How it went; the file is whole on disk afterwards.
    pub fn end(self) -> Report {
        self.t30.report()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // SAFETY: the state was made by `t38_terminal_init` and is used no more; its files are
        // closed here.
        unsafe { (self.t30.library.t38_free)(self.terminal) };
    }
}

/// The modems that are not faster than this.
const fn modems(bit_rate_max: u32) -> c_int {
    BETWEEN_PROGRAMS
        | match bit_rate_max {
            0..9_600 => V27TER,
            9_600..14_400 => V27TER | V29,
            14_400.. => V27TER | V29 | V17,
        }
}

/// The library says a packet; it is asked for again in the same call.
unsafe extern "C" fn on_packet(
    _: *mut c_void,
    told: *mut c_void,
    octets: *const u8,
    len: c_int,
    copies: c_int,
) -> c_int {
    let Ok(len) = usize::try_from(len) else { return -1 };
    // SAFETY: the library lends so many octets for this call.
    let octets = unsafe { std::slice::from_raw_parts(octets, len) }.to_vec();
    let copies = u8::try_from(copies).unwrap_or(1).max(1);
    // SAFETY: `told` is the list that was given with this function. It is held by the machine, on
    // whose thread all of this happens.
    let said = unsafe { &*told.cast::<RefCell<Vec<Packet>>>() };
    said.borrow_mut().push(Packet { octets, copies });
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_modem_is_faster_than_agreed() {
        let fastest = |rate| modems(rate) & !BETWEEN_PROGRAMS;
        assert_eq!([2_400, 7_200].map(fastest), [V27TER; 2]);
        assert_eq!([9_600, 12_000].map(fastest), [V27TER | V29; 2]);
        assert_eq!([14_400, 33_600].map(fastest), [V27TER | V29 | V17; 2]);
    }
}
