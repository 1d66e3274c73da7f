//! Two machines that go over to T.38, each the very loop that its process runs, through a network
//! that loses, repeats and reorders; and what a machine does that is asked for it too late.

use super::*;
use crate::edge::fax::process::{BEAT, PACKET};
use crate::udptl::stream::{Inbox, Outbox};
use terms::media::{FaxTerms, SeqNo};

const TERMS: FaxTerms = FaxTerms { bit_rate_max: 14_400, datagram_bytes_max: 400, repeats: true };

/// A machine that speaks T.38, with both ends of its UDPTL.
struct Terminal {
    machine: Machine,
    inbox: Inbox,
    outbox: Outbox,
    /// How it ended.
    report: Option<Report>,
}

impl Machine {
    fn tell(&mut self, heard: &FaxHeard) {
        // One that is done listens no more, and has reported.
        let _ = self.0.write_all(&process::heard(heard).unwrap());
    }

    fn over_to(mut self, terms: &FaxTerms) -> Terminal {
        self.tell(&FaxHeard::Agreed(*terms));
        let (inbox, outbox) = (Inbox::default(), Outbox::new(terms));
        Terminal { machine: self, inbox, outbox, report: None }
    }

    /// What it says in the next 20 ms, or how it ended.
    fn beat(&mut self) -> Result<Vec<(Vec<u8>, u8)>, Report> {
        self.tell(&FaxHeard::Beat);
        let mut said = Vec::new();
        loop {
            let mut kind = [0];
            self.0.read_exact(&mut kind).unwrap();
            match kind[0] {
                BEAT => return Ok(said),
                PACKET => {
                    let mut copies = [0];
                    self.0.read_exact(&mut copies).unwrap();
                    said.push((process::read_packet(&mut self.0).unwrap(), copies[0]));
                }
                kind => {
                    assert_eq!(kind, REPORT);
                    let mut line = String::new();
                    BufReader::new(&self.0).read_line(&mut line).unwrap();
                    return Err(serde_json::from_str(&line).unwrap());
                }
            }
        }
    }
}

impl Terminal {
    /// 20 ms with what came; the datagrams that leave.
    fn run(&mut self, came: &[Vec<u8>]) -> Vec<Vec<u8>> {
        if self.report.is_some() {
            return Vec::new();
        }
        for (seq, octets) in came.iter().flat_map(|datagram| self.inbox.take(datagram)) {
            self.machine.tell(&FaxHeard::Packet(seq, octets));
        }
        let said = self.machine.beat().unwrap_or_else(|report| {
            self.report = Some(report);
            Vec::new()
        });
        let mut datagrams = Vec::new();
        for (octets, copies) in said {
            let datagram = self.outbox.datagram(&octets);
            assert!(datagram.len() <= usize::from(TERMS.datagram_bytes_max));
            datagrams.extend(std::iter::repeat_n(datagram, copies.into()));
        }
        datagrams
    }
}

/// Both until both have ended; what is under way goes through `network`.
fn connect_packets(
    mut one: Terminal,
    mut two: Terminal,
    mut network: impl FnMut(Vec<Vec<u8>>) -> Vec<Vec<u8>>,
) -> (Report, Report) {
    let (mut there, mut back) = (Vec::new(), Vec::new());
    for _ in 0..50 * 300 {
        let (says, answers) = (one.run(&back), two.run(&there));
        (there, back) = (network(says), network(answers));
        if let (Some(one), Some(two)) = (&one.report, &two.report) {
            return (one.clone(), two.clone());
        }
    }
    panic!("no end in five minutes: {:?} {:?}", one.report, two.report);
}

/// A sender and a receiver of the document, in this folder.
fn machines(dir: &Path, ecm: bool) -> (Machine, Machine) {
    spandsp::check().expect("`scripts/setup --tests` installs libspandsp2");
    let (from, to) = (dir.join("from.tif"), dir.join("to.tif"));
    std::fs::write(&from, document()).unwrap();
    (Machine::start(true, &from, ecm), Machine::start(false, &to, ecm))
}

/// Both speak sound for so many frames.
fn speak_sound(one: &mut Machine, two: &mut Machine, frames: usize) {
    let (mut says, mut answers) = ([0; FRAME_BYTES], [0; FRAME_BYTES]);
    for _ in 0..frames {
        let heard = says;
        says = one.answer(&answers).expect("nobody is done");
        answers = two.answer(&heard).expect("nobody is done");
    }
}

#[test]
fn three_pages_go_over_as_packets_pixel_by_pixel_though_a_quarter_is_lost() {
    for ecm in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = machines(dir.path(), ecm);
        // Every fourth datagram is lost, every fifth comes twice, and sometimes two change places.
        let mut count = 0_usize;
        let network = |datagrams: Vec<Vec<u8>>| {
            let mut through = Vec::new();
            for datagram in datagrams {
                count += 1;
                let copies =
                    if count % 4 == 1 { 0 } else { 1 + usize::from(count.is_multiple_of(5)) };
                through.extend(std::iter::repeat_n(datagram, copies));
            }
            if count.is_multiple_of(7) {
                through.reverse();
            }
            through
        };
        let (sent, received) = connect_packets(one.over_to(&TERMS), two.over_to(&TERMS), network);
        for report in [&sent, &received] {
            assert!(report.complete, "{report:?}");
            assert_eq!((report.pages, report.ecm, report.bit_rate), (3, ecm, 14_400));
        }
        assert_eq!((&*sent.station, &*received.station), ("+86 10 2222", "+86 10 1111"));
        assert_eq!(pixels(&dir.path().join("to.tif")), pages(), "every pixel, ecm {ecm}");
    }
}

#[test]
fn a_fax_that_began_in_sound_goes_over_to_packets_before_its_first_page() {
    // Before the first signal, in the midst of one, and when the file of the first page is made.
    for frames in [0, 200, 400] {
        let dir = tempfile::tempdir().unwrap();
        let (mut one, mut two) = machines(dir.path(), true);
        speak_sound(&mut one, &mut two, frames);
        let slow = FaxTerms { bit_rate_max: 9_600, ..TERMS };
        let (sent, received) = connect_packets(one.over_to(&slow), two.over_to(&slow), |all| all);
        for report in [&sent, &received] {
            assert!(report.complete, "{report:?}");
            assert_eq!((report.pages, report.bit_rate), (3, 9_600), "no faster than agreed");
        }
        assert_eq!(pixels(&dir.path().join("to.tif")), pages(), "after {frames} frames");
    }
}

#[test]
fn pages_that_were_confirmed_in_sound_are_not_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (mut one, mut two) = machines(dir.path(), true);
    // The first page is confirmed after 18 s, the second after 25 s.
    speak_sound(&mut one, &mut two, 1_100);
    for machine in [one, two] {
        let mut terminal = machine.over_to(&TERMS);
        assert!(terminal.run(&[]).is_empty());
        let report = terminal.report.expect("it ends with what there is");
        assert_eq!((report.complete, report.pages), (false, 1), "{report:?}");
    }
    let file = std::fs::read(dir.path().join("to.tif")).unwrap();
    assert!(!tiff::pages(&file).unwrap().is_empty());
    assert_eq!(pixels(&dir.path().join("to.tif"))[0], pages()[0]);
}

#[test]
fn hostile_packets_end_the_fax_at_most_and_the_line_says_how() {
    let dir = tempfile::tempdir().unwrap();
    let (_, two) = machines(dir.path(), true);
    let mut terminal = two.over_to(&TERMS);
    let mut noise = 1_u32;
    for n in 0..2_000_u16 {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let len = 1 + (noise >> 16) as usize % 300;
        // Often a page or a frame of data by its first octet, and a field that says its own length.
        let mut octets: Vec<u8> = (0..len).map(|at| (noise >> (at % 24)) as u8).collect();
        octets[0] = [0xC0, 0xC2, 0x06, 0xD0, octets[0]][usize::from(n % 5)];
        terminal.machine.tell(&FaxHeard::Packet(SeqNo(n), octets));
        if n % 4 == 0 && terminal.machine.beat().is_err() {
            return;
        }
    }
    terminal.machine.0.shutdown(std::net::Shutdown::Write).unwrap();
    let mut line = Vec::new();
    terminal.machine.0.read_to_end(&mut line).unwrap();
    assert_eq!(line.first(), Some(&REPORT));
    let report: Report = serde_json::from_slice(&line[1..]).unwrap();
    assert_eq!((report.complete, report.pages), (false, 0), "{report:?}");
}

#[test]
fn a_process_that_says_a_packet_without_end_or_too_long_is_one_that_fails() {
    for (answers, word) in [
        ([PACKET, 1, 0, 1, 7].repeat(100), "speaks without end"),
        (vec![PACKET, 1, 0xFF, 0xFF], "a packet of 65535 bytes"),
        (vec![PACKET, 1, 0, 0], "a packet of 0 bytes"),
    ] {
        let launch: Launch =
            Arc::new(move |_: &Path, mut line: UnixStream| -> io::Result<Option<Child>> {
                line.write_all(&answers)?;
                // Its end of the line stays open until the other is closed.
                std::thread::spawn(move || line.read_to_end(&mut Vec::new()));
                Ok(None)
            });
        let (outcome, _) = attempt(launch, &order(FaxWay::Receive), 1);
        assert!(outcome.text.contains(word), "{}", outcome.text);
    }
}
