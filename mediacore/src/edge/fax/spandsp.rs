//! T.30 and its modems: libspandsp (LGPL-2.1), looked for while the program runs, so that one build
//! serves boxes with and without it.
//!
//! It reads what strangers send, in C, with memory of its own. So no process that holds calls ever
//! makes a [`Session`] or a [`Terminal`]: [`super::process`] does, for one fax, and ends with it.

mod terminal;

pub use terminal::{Packet, Terminal};

use super::process::Report;
use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::rc::Rc;
use std::sync::OnceLock;

/// The library by the name that its interface has kept since 0.0.6.
const LIBRARY: &CStr = c"libspandsp.so.2";
/// T.6, in which every received page is written whatever it came in.
const WRITE_T6: c_int = 3;
/// T.4 in one and two dimensions, and T.6.
const COMPRESSIONS: c_int = 0x02 | 0x04 | 0x08;
/// Every page of a file.
const ALL_PAGES: c_int = -1;
/// The completion code of a fax that went well.
const DONE: c_int = 0;

type Ended = unsafe extern "C" fn(*mut c_void, *mut c_void, c_int);
/// Takes a packet of T.38: the engine, what was given with this function, the octets, how many they
/// are, and how many times they are sent.
type Sends = unsafe extern "C" fn(*mut c_void, *mut c_void, *const u8, c_int, c_int) -> c_int;

/// What the library counts, in the order of its structure; the room behind is for later versions.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Statistics {
    bit_rate: c_int,
    ecm: c_int,
    pages_sent: c_int,
    pages_received: c_int,
    more: [c_int; 28],
}

/// The functions that we use.
struct Library {
    fax_init: unsafe extern "C" fn(*mut c_void, c_int) -> *mut c_void,
    fax_free: unsafe extern "C" fn(*mut c_void) -> c_int,
    fax_rx: unsafe extern "C" fn(*mut c_void, *mut i16, c_int) -> c_int,
    fax_tx: unsafe extern "C" fn(*mut c_void, *mut i16, c_int) -> c_int,
    fax_set_transmit_on_idle: unsafe extern "C" fn(*mut c_void, c_int),
    fax_get_t30_state: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    set_tx_ident: unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int,
    get_rx_ident: unsafe extern "C" fn(*mut c_void) -> *const c_char,
    set_rx_file: unsafe extern "C" fn(*mut c_void, *const c_char, c_int),
    set_tx_file: unsafe extern "C" fn(*mut c_void, *const c_char, c_int, c_int),
    set_ecm_capability: unsafe extern "C" fn(*mut c_void, c_int) -> c_int,
    set_rx_encoding: unsafe extern "C" fn(*mut c_void, c_int) -> c_int,
    set_supported_compressions: unsafe extern "C" fn(*mut c_void, c_int) -> c_int,
    set_phase_e_handler: unsafe extern "C" fn(*mut c_void, Ended, *mut c_void),
    get_transfer_statistics: unsafe extern "C" fn(*mut c_void, *mut Statistics),
    terminate: unsafe extern "C" fn(*mut c_void),
    completion_code_to_str: unsafe extern "C" fn(c_int) -> *const c_char,
    set_supported_modems: unsafe extern "C" fn(*mut c_void, c_int) -> c_int,
    t38_init: unsafe extern "C" fn(*mut c_void, c_int, Sends, *mut c_void) -> *mut c_void,
    t38_free: unsafe extern "C" fn(*mut c_void) -> c_int,
    t38_send_timeout: unsafe extern "C" fn(*mut c_void, c_int) -> c_int,
    t38_get_t30_state: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    t38_get_core: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    t38_rx_packet: unsafe extern "C" fn(*mut c_void, *const u8, c_int, u16) -> c_int,
    t38_set_version: unsafe extern "C" fn(*mut c_void, c_int),
    t38_set_rate_management: unsafe extern "C" fn(*mut c_void, c_int),
    t38_set_datagram_max: unsafe extern "C" fn(*mut c_void, c_int),
}

impl Library {
    fn open() -> Result<Library, String> {
        // SAFETY: the name is a string of C; the library's constructors are those of the C library
        // and of libtiff, which expect nothing of us.
        let opened = unsafe { libc::dlopen(LIBRARY.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if opened.is_null() {
            let name = LIBRARY.to_string_lossy();
            return Err(format!("{name} cannot be loaded: install libspandsp2"));
        }
        // SAFETY: each type is that of the function in the library's own headers, version 0.0.6.
        unsafe {
            Ok(Library {
                fax_init: find(opened, c"fax_init")?,
                fax_free: find(opened, c"fax_free")?,
                fax_rx: find(opened, c"fax_rx")?,
                fax_tx: find(opened, c"fax_tx")?,
                fax_set_transmit_on_idle: find(opened, c"fax_set_transmit_on_idle")?,
                fax_get_t30_state: find(opened, c"fax_get_t30_state")?,
                set_tx_ident: find(opened, c"t30_set_tx_ident")?,
                get_rx_ident: find(opened, c"t30_get_rx_ident")?,
                set_rx_file: find(opened, c"t30_set_rx_file")?,
                set_tx_file: find(opened, c"t30_set_tx_file")?,
                set_ecm_capability: find(opened, c"t30_set_ecm_capability")?,
                set_rx_encoding: find(opened, c"t30_set_rx_encoding")?,
                set_supported_compressions: find(opened, c"t30_set_supported_compressions")?,
                set_phase_e_handler: find(opened, c"t30_set_phase_e_handler")?,
                get_transfer_statistics: find(opened, c"t30_get_transfer_statistics")?,
                terminate: find(opened, c"t30_terminate")?,
                completion_code_to_str: find(opened, c"t30_completion_code_to_str")?,
                set_supported_modems: find(opened, c"t30_set_supported_modems")?,
                t38_init: find(opened, c"t38_terminal_init")?,
                t38_free: find(opened, c"t38_terminal_free")?,
                t38_send_timeout: find(opened, c"t38_terminal_send_timeout")?,
                t38_get_t30_state: find(opened, c"t38_terminal_get_t30_state")?,
                t38_get_core: find(opened, c"t38_terminal_get_t38_core_state")?,
                t38_rx_packet: find(opened, c"t38_core_rx_ifp_packet")?,
                t38_set_version: find(opened, c"t38_set_t38_version")?,
                t38_set_rate_management: find(opened, c"t38_set_data_rate_management_method")?,
                t38_set_datagram_max: find(opened, c"t38_set_max_datagram_size")?,
            })
        }
    }
}

/// # Safety
/// `F` is the type of the function of that name.
unsafe fn find<F: Copy>(library: *mut c_void, name: &CStr) -> Result<F, String> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: the handle came from dlopen and is never closed; the name is a string of C.
    let found = unsafe { libc::dlsym(library, name.as_ptr()) };
    if found.is_null() {
        let (library, name) = (LIBRARY.to_string_lossy(), name.to_string_lossy());
        return Err(format!("{library} has no {name}: another version than 0.0.6"));
    }
    // SAFETY: both are as large, and the caller says that this pointer is an `F`.
    Ok(unsafe { std::mem::transmute_copy::<*mut c_void, F>(&found) })
}

fn library() -> Result<&'static Library, String> {
    static OPENED: OnceLock<Result<Library, String>> = OnceLock::new();
    OPENED.get_or_init(Library::open).as_ref().map_err(Clone::clone)
}

/// Whether the library is there and has what we use.
///
/// # Errors
/// A sentence that says what to install.
pub fn check() -> Result<(), String> {
    library().map(|_| ())
}

/// Which way, and the file: of pages to send, or made by what comes. A path of less than 256 bytes.
#[derive(Clone, Copy, Debug)]
pub enum Pages<'a> {
    /// To be sent.
    Send(&'a CStr),
    /// To be received.
    Receive(&'a CStr),
}

/// The half of a machine that speaks T.30, over whatever carries it.
struct T30 {
    library: &'static Library,
    state: *mut c_void,
    sends: bool,
    /// The completion code, once there is one; the library writes it through a pointer.
    ended: Rc<Cell<Option<c_int>>>,
}

impl T30 {
    /// # Safety
    /// The state is that of a machine which is freed after the last use of this.
    unsafe fn of(library: &'static Library, state: *mut c_void, sends: bool) -> Self {
        T30 { library, state, sends, ended: Rc::new(Cell::new(None)) }
    }

    /// Gives it what it is for, before anything was heard or said.
    fn prepare(&self, pages: Pages, station: &str, ecm: bool) -> Result<(), String> {
        let T30 { library, state, .. } = *self;
        let name = CString::new(station).map_err(|_| "a station id with a zero".to_owned())?;
        let told = Rc::as_ptr(&self.ended).cast_mut().cast::<c_void>();
        // SAFETY: the state is alive; strings are copied by the library; `told` is on the heap and
        // outlives the machine, which is freed before its fields are.
        unsafe {
            match pages {
                Pages::Send(file) => {
                    (library.set_tx_file)(state, file.as_ptr(), ALL_PAGES, ALL_PAGES);
                }
                Pages::Receive(file) => {
                    (library.set_rx_file)(state, file.as_ptr(), ALL_PAGES);
                    (library.set_rx_encoding)(state, WRITE_T6);
                }
            }
            (library.set_ecm_capability)(state, c_int::from(ecm));
            (library.set_supported_compressions)(state, COMPRESSIONS);
            (library.set_phase_e_handler)(state, on_end, told);
            if (library.set_tx_ident)(state, name.as_ptr()) < 0 {
                return Err(format!("{station:?} is no station id"));
            }
        }
        Ok(())
    }

    /// The line is gone.
    fn hang_up(&self) {
        // SAFETY: the state is alive.
        unsafe { (self.library.terminate)(self.state) };
    }

    fn is_over(&self) -> bool {
        self.ended.get().is_some()
    }

    /// How far it is, or how it went; the file is whole on disk once it is over.
    fn report(&self) -> Report {
        let mut counted = Statistics::default();
        // SAFETY: the state is alive; the structure is at least as large as the library's.
        unsafe { (self.library.get_transfer_statistics)(self.state, &raw mut counted) };
        // SAFETY: the state is alive, and so is its string, which ends with a zero, or is null.
        let station = unsafe { text((self.library.get_rx_ident)(self.state)) };
        let code = self.ended.get();
        let told = code.map(|code| {
            // SAFETY: the library answers every code with a constant of its own.
            unsafe { text((self.library.completion_code_to_str)(code)) }
        });
        let pages = if self.sends { counted.pages_sent } else { counted.pages_received };
        Report {
            complete: code == Some(DONE),
            pages: u32::try_from(pages).unwrap_or(0),
            ecm: counted.ecm != 0,
            bit_rate: u32::try_from(counted.bit_rate).unwrap_or(0),
            station: station.trim().to_owned(),
            text: told.unwrap_or_else(|| "The fax was not ended".to_owned()),
        }
    }
}

/// One machine on one line. It stays on the thread that made it.
pub struct Session {
    fax: *mut c_void,
    t30: T30,
}

impl Session {
    /// A machine that calls and sends, or answers and receives.
    ///
    /// # Errors
    /// When there is no library, no memory, or no such station id.
    pub fn new(pages: Pages, station: &str, ecm: bool) -> Result<Session, String> {
        let library = library()?;
        let sends = matches!(pages, Pages::Send(_));
        // SAFETY: without memory of ours the library takes its own, or answers null.
        let fax = unsafe { (library.fax_init)(ptr::null_mut(), c_int::from(sends)) };
        if fax.is_null() {
            return Err("there is no memory for a fax".to_owned());
        }
        // SAFETY: `fax` was just made; its T.30 half lives as long, and `drop` frees it last.
        let t30 = unsafe { T30::of(library, (library.fax_get_t30_state)(fax), sends) };
        let session = Session { fax, t30 };
        session.t30.prepare(pages, station, ecm)?;
        // Between two signals there is silence, not nothing: frames follow each other.
        // SAFETY: `fax` is alive.
        unsafe { (library.fax_set_transmit_on_idle)(fax, 1) };
        Ok(session)
    }

    /// Takes what came from the line.
    pub fn hear(&mut self, samples: &mut [i16]) {
        let fax_rx = self.t30.library.fax_rx;
        // SAFETY: the state is alive; so many samples are readable and ours alone.
        unsafe { fax_rx(self.fax, samples.as_mut_ptr(), samples.len() as c_int) };
    }

    /// What goes to the line; silence where there is nothing to say.
    pub fn say(&mut self, samples: &mut [i16]) {
        let fax_tx = self.t30.library.fax_tx;
        // SAFETY: the state is alive; so many samples are writable and ours alone.
        let made = unsafe { fax_tx(self.fax, samples.as_mut_ptr(), samples.len() as c_int) };
        let made = usize::try_from(made).unwrap_or(0).min(samples.len());
        samples[made..].fill(0);
    }

    /// The line is gone.
    pub fn hang_up(&mut self) {
        self.t30.hang_up();
    }

    /// The machine has nothing more to say.
    pub fn is_over(&self) -> bool {
        self.t30.is_over()
    }

    /// Pages that were confirmed so far.
    pub fn pages(&self) -> u32 {
        self.t30.report().pages
    }

    /// How it went; the file is whole on disk afterwards.
    pub fn end(self) -> Report {
        self.t30.report()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: the state was made by `fax_init` and is used no more; its files are closed here.
        unsafe { (self.t30.library.fax_free)(self.fax) };
    }
}

/// # Safety
/// The pointer is null or that of a string of C which nobody changes meanwhile.
unsafe fn text(string: *const c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: by the promise above.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}

/// The library says how it ended, for which it may have several words: the first counts.
unsafe extern "C" fn on_end(_: *mut c_void, told: *mut c_void, code: c_int) {
    // SAFETY: `told` is the cell that was given with this function. It is held by the session, on
    // whose thread all of this happens.
    let ended = unsafe { &*told.cast::<Cell<Option<c_int>>>() };
    if ended.get().is_none() {
        ended.set(Some(code));
    }
}
