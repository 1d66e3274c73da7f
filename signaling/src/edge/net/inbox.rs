//! Datagrams that wait for the core, in two lanes. Answers, requests of dialogs that live and everything
//! from known sources come first: a flood of new requests costs new requests, and neither the BYE of a
//! call nor a registered phone (threat T5). Whoever only looks like a dialog has half of the first lane.

use crate::reach::Network;
use crate::sip::bucket::source_key;
use crate::sip::flow::ListenerId;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use terms::Moment;
use tokio::sync::mpsc;

/// Datagrams that wait in each lane.
const LANE_MAX: usize = 8_192;
/// Room in the first lane that unknown sources leave to known ones.
const KNOWN_ROOM: usize = LANE_MAX / 2;
/// How long a new call may have waited and still be worth its work: its caller has repeated it twice.
pub const LATE_AFTER: Duration = Duration::from_secs(2);
/// Octets in which To is looked for.
const LOOK_BYTES: usize = 2_048;

/// One datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The listener that it reached.
    pub listener: ListenerId,
    /// Where it came from.
    pub source: SocketAddr,
    /// What it says.
    pub bytes: Vec<u8>,
    /// When it came.
    pub came: Moment,
}

#[derive(Default)]
struct Shared {
    /// Sources that have shown who they are, as [`source_key`] counts them.
    known: RefCell<HashSet<IpAddr>>,
    trunks: RefCell<Vec<Network>>,
    dropped: Cell<u64>,
}

/// Where datagrams are put.
#[derive(Clone)]
pub struct Inbox {
    shared: Rc<Shared>,
    first: mpsc::Sender<Datagram>,
    last: mpsc::Sender<Datagram>,
}

/// Where the loop takes them.
pub struct Outlet {
    first: mpsc::Receiver<Datagram>,
    last: mpsc::Receiver<Datagram>,
}

impl Inbox {
    /// Both ends of it, empty.
    pub fn open() -> (Inbox, Outlet) {
        let (first, first_out) = mpsc::channel(LANE_MAX);
        let (last, last_out) = mpsc::channel(LANE_MAX);
        let inbox = Inbox { shared: Rc::default(), first, last };
        (inbox, Outlet { first: first_out, last: last_out })
    }

    /// A datagram came. One that finds its lane full is dropped as a network would drop it: the peer sends
    /// it again.
    pub fn put(&self, datagram: Datagram) {
        let is_known = self.is_known(datagram.source.ip());
        let goes_first =
            is_known || (is_urgent(&datagram.bytes) && self.first.capacity() > KNOWN_ROOM);
        let left = match goes_first {
            true => self.first.try_send(datagram).err().map(mpsc::error::TrySendError::into_inner),
            false => Some(datagram),
        };
        if left.is_some_and(|datagram| self.last.try_send(datagram).is_err()) {
            self.shared.dropped.set(self.shared.dropped.get() + 1);
        }
    }

    /// A source has shown who it is, or was forgotten.
    pub fn set_known(&self, source: IpAddr, known: bool) {
        let mut all = self.shared.known.borrow_mut();
        if known {
            all.insert(source_key(source));
        } else {
            all.remove(&source_key(source));
        }
    }

    /// Trunks signal from these networks.
    pub fn set_trunks(&self, networks: Vec<Network>) {
        *self.shared.trunks.borrow_mut() = networks;
    }

    /// Datagrams that found no room.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.get()
    }

    fn is_known(&self, source: IpAddr) -> bool {
        self.shared.known.borrow().contains(&source_key(source))
            || self.shared.trunks.borrow().iter().any(|network| network.holds(source))
    }
}

impl Outlet {
    /// The next one, from the first lane while there is one.
    pub async fn next(&mut self) -> Option<Datagram> {
        tokio::select! {
            biased;
            Some(datagram) = self.first.recv() => Some(datagram),
            Some(datagram) = self.last.recv() => Some(datagram),
            else => None,
        }
    }

    /// The same, where one is there.
    pub fn try_next(&mut self) -> Option<Datagram> {
        self.first.try_recv().or_else(|_| self.last.try_recv()).ok()
    }
}

/// A look without reading the message: an answer, a method that only a dialog or a transaction has, or a
/// To that names both sides.
fn is_urgent(bytes: &[u8]) -> bool {
    let method = bytes.split(|&b| b == b' ').next().unwrap_or_default();
    matches!(method, b"SIP/2.0" | b"ACK" | b"BYE" | b"CANCEL" | b"PRACK") || to_has_tag(bytes)
}

fn to_has_tag(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(LOOK_BYTES)];
    let lines = head.split(|&b| b == b'\n').take_while(|line| !line.trim_ascii().is_empty());
    let to = lines.skip(1).find_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        let name = line[..colon].trim_ascii();
        let is_to = name.eq_ignore_ascii_case(b"to") || name.eq_ignore_ascii_case(b"t");
        is_to.then(|| line[colon..].to_ascii_lowercase())
    });
    to.is_some_and(|to| memchr::memmem::find(&to, b";tag=").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: [u8; 4] = [192, 0, 2, 7];
    const TRUNK: [u8; 4] = [203, 0, 113, 9];
    const STRANGER: [u8; 4] = [198, 51, 100, 1];

    fn datagram(from: [u8; 4], text: &str) -> Datagram {
        let (source, came) = (SocketAddr::from((from, 5060)), Moment::from_millis(1));
        Datagram { listener: 0, source, bytes: text.as_bytes().to_vec(), came }
    }

    fn request(method: &str, to: &str) -> String {
        format!("{method} sip:a@b SIP/2.0\r\nVia: x;tag=1\r\nFrom: <sip:c@d>;tag=2\r\n{to}\r\n\r\n")
    }

    fn drain(outlet: &mut Outlet) -> Vec<Datagram> {
        std::iter::from_fn(|| outlet.try_next()).collect()
    }

    #[test]
    fn answers_and_what_belongs_to_a_dialog_are_told_from_what_is_new() {
        for urgent in [
            "SIP/2.0 200 OK\r\n\r\n".to_owned(),
            request("BYE", "To: <sip:a@b>"),
            request("CANCEL", "To: <sip:a@b>"),
            request("INVITE", "To: <sip:a@b>;tag=9"),
            request("UPDATE", "t : <sip:a@b>;x=y;TAG=9"),
        ] {
            assert!(is_urgent(urgent.as_bytes()), "{urgent}");
        }
        for new in [
            request("INVITE", "To: <sip:a@b>"),
            request("REGISTER", "To: <sip:a;b@c>"),
            request("OPTIONS", "To: <sip:a@b>\r\n\r\nt: x;tag=9"),
            "\r\n\r\n".to_owned(),
            String::new(),
        ] {
            assert!(!is_urgent(new.as_bytes()), "{new}");
        }
    }

    #[test]
    fn a_flood_of_new_requests_costs_no_bye_no_phone_and_no_trunk() {
        let (inbox, mut outlet) = Inbox::open();
        inbox.set_known(PHONE.into(), true);
        inbox.set_trunks(Network::parse("203.0.113.0/24").into_iter().collect());
        let new = request("INVITE", "To: <sip:a@b>");
        for _ in 0..20_000 {
            inbox.put(datagram(STRANGER, &new));
        }
        for _ in 0..1_000 {
            inbox.put(datagram(STRANGER, &request("BYE", "To: <sip:a@b>;tag=1")));
            inbox.put(datagram(PHONE, &new));
            inbox.put(datagram(TRUNK, &new));
        }
        assert_eq!(inbox.dropped(), 20_000 - LANE_MAX as u64);
        let all = drain(&mut outlet);
        assert_eq!(all.len(), LANE_MAX + 3_000);
        let (first, rest) = all.split_at(3_000);
        let of =
            |from: [u8; 4]| first.iter().filter(|d| d.source.ip() == IpAddr::from(from)).count();
        assert_eq!([PHONE, TRUNK, STRANGER].map(of), [1_000; 3], "they come first");
        assert!(rest.iter().all(|datagram| datagram.bytes == new.as_bytes()));
    }

    #[test]
    fn a_flood_that_looks_like_dialogs_leaves_room_for_known_sources() {
        let (inbox, mut outlet) = Inbox::open();
        inbox.set_known(PHONE.into(), true);
        for _ in 0..50_000 {
            inbox.put(datagram(STRANGER, &request("BYE", "To: <sip:a@b>;tag=1")));
        }
        for _ in 0..KNOWN_ROOM {
            inbox.put(datagram(PHONE, &request("REGISTER", "To: <sip:a@b>")));
        }
        assert_eq!(inbox.dropped(), 50_000 - (LANE_MAX - KNOWN_ROOM + LANE_MAX) as u64);
        let phone = IpAddr::from(PHONE);
        let kept = drain(&mut outlet).iter().filter(|d| d.source.ip() == phone).count();
        assert_eq!(kept, KNOWN_ROOM);
        inbox.set_known(PHONE.into(), false);
        assert!(!inbox.is_known(phone));
    }
}
