//! A carrier that is given by name alone: the box asks the name server of its configuration, a few
//! records that are written here by hand, and calls the server that they lead to.

use super::seconds;
use super::trunks::{Carrier, answers};
use serde_json::json;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use tests::house::{House, Options, wait_for};
use tests::peer::sipp::{Act, Caller};

/// A number of ours that leads outside, and who is called there.
const NUMBER: &str = "95105677";
const OUTSIDE: &str = "02155556666";

/// Types of records (RFC 1035 §3.2.2, RFC 2782, RFC 3403).
const A: u16 = 1;
const SRV: u16 = 33;
const NAPTR: u16 = 35;

/// A record: whose, its type, and its data as it stands on the wire.
type Record = (&'static str, u16, Vec<u8>);

/// A name server on loopback with these records; what it was asked, in time.
struct NameServer {
    address: SocketAddr,
    records: Arc<Mutex<Vec<Record>>>,
    asked: Arc<Mutex<Vec<(String, u16)>>>,
}

impl NameServer {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("it is bound");
        let (records, asked) = (Arc::<Mutex<Vec<Record>>>::default(), Arc::default());
        let server = NameServer { address, records, asked };
        let (records, asked) = (server.records.clone(), server.asked.clone());
        // It ends with the process: nothing waits for it.
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let Some((name, kind, end)) = question(&buffer[..length]) else { continue };
                let known = records.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let reply = reply(&buffer[..end], &name, kind, &known);
                if socket.send_to(&reply, from).is_ok() {
                    asked.lock().unwrap_or_else(PoisonError::into_inner).push((name, kind));
                }
            }
        });
        server
    }

    fn says(&self, records: Vec<Record>) {
        *self.records.lock().unwrap_or_else(PoisonError::into_inner) = records;
    }

    fn was_asked(&self, name: &str, kind: u16) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().any(|(of, what)| of == name && *what == kind)
    }
}

/// The name that is asked about, the type that is wanted, and where the question ends.
fn question(packet: &[u8]) -> Option<(String, u16, usize)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(packet.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?);
    Some((labels.join("."), kind, at + 4))
}

/// The question again, and the records that answer it.
fn reply(question: &[u8], name: &str, kind: u16, known: &[Record]) -> Vec<u8> {
    let fits: Vec<&Record> =
        known.iter().filter(|(of, what, _)| *of == name && *what == kind).collect();
    let mut packet = question[..2].to_vec();
    // An answer, with recursion; one question, so many records.
    packet.extend([0x81, 0x80, 0, 1, 0, u8::try_from(fits.len()).expect("a few"), 0, 0, 0, 0]);
    packet.extend(&question[12..]);
    for (_, _, data) in fits {
        // The name of the question, the class of the internet, a minute.
        packet.extend([0xC0, 12]);
        packet.extend(kind.to_be_bytes());
        packet.extend([0, 1, 0, 0, 0, 60]);
        packet.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
        packet.extend(data);
    }
    packet
}

fn text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("short");
    [&[length][..], text.as_bytes()].concat()
}

fn domain(name: &str) -> Vec<u8> {
    let mut labels: Vec<u8> = name.split('.').flat_map(text).collect();
    labels.push(0);
    labels
}

/// Order, preference, flags, services, no expression, and the name that follows.
fn naptr(order: u16, services: &str, next: &str) -> Vec<u8> {
    let numbers = [order.to_be_bytes(), 10_u16.to_be_bytes()].concat();
    [numbers, text("s"), text(services), text(""), domain(next)].concat()
}

fn srv(priority: u16, port: u16, target: &str) -> Vec<u8> {
    let numbers = [priority, 0, port].map(u16::to_be_bytes).concat();
    [numbers, domain(target)].concat()
}

pub fn a_carrier_that_is_given_by_name_is_called_where_its_records_lead(backend: &str) {
    let names = NameServer::start();
    let sip = format!("name_servers = [\"{}\"]\n", names.address);
    let house = House::start(Options { backend: backend.into(), sip, ..Options::default() });
    let number = json!({"digits": NUMBER, "target": {"number": OUTSIDE}});
    let (status, body) = house.post("/api/v1/numbers", &number);
    assert_eq!(status, 201, "{body}");
    let mut carrier = Carrier::start(&house, "named", 1, &answers(None));
    let (udp, tcp) = ("_sip._udp.pop.carrier.example", "_sip._tcp.pop.carrier.example");
    let (here, nobody) = ("sbc1.pop.carrier.example", "sbc2.pop.carrier.example");
    names.says(vec![
        ("carrier.example", NAPTR, naptr(20, "SIP+D2T", tcp)),
        ("carrier.example", NAPTR, naptr(10, "SIP+D2U", udp)),
        (udp, SRV, srv(20, 9, nobody)),
        (udp, SRV, srv(10, carrier.port(), here)),
        (here, A, vec![127, 0, 0, 1]),
        (nobody, A, vec![127, 0, 0, 2]),
    ]);
    let draft = json!({
        "name": "named", "proxy": "sip:carrier.example", "prefixes": [""],
        "caller_number": house.hotline, "codecs": ["PCMA"],
    });
    let (status, body) = house.post("/api/v1/trunks", &draft);
    assert_eq!(status, 201, "{body}");
    wait_for("the last name to be asked for", seconds(20), || {
        (names.was_asked(here, A) && names.was_asked(nobody, A)).then_some(())
    });
    let acts = vec![Act::Pause(seconds(2)), Act::HangUp];
    Caller::new("13400134001", NUMBER, acts).call(house.sip, house.scratch()).finish();
    house.wait_row("SELECT call_id FROM calls WHERE outcome = 'answered'");
    carrier.finish(&house);
    let said = carrier.said();
    assert!(said.contains(&format!("INVITE sip:{OUTSIDE}@carrier.example SIP/2.0")), "{said}");
    for (name, kind) in [("carrier.example", NAPTR), (udp, SRV)] {
        assert!(names.was_asked(name, kind), "{name} {kind}");
    }
    assert!(!names.was_asked(tcp, SRV), "the first transport that has servers is the one");
}
