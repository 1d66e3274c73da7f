//! Files are few. The call path may open no more and hundreds of connections come: the conversation goes
//! on, new work is refused, the box waits between two tries, and takes connections again when they are
//! gone. A box that is started with few takes more where it may, and says what that means where it may not.

use crate::seconds;
use crate::talk::{AGENT_HZ, answer_to_a_new_call, conversation, share_of_time};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};
use tests::house::{House, Options, wait_for};
use tests::peer::baresip::Manner;
use tests::peer::sipp::{Act, Caller};
use tests::seat;

/// What a shell of old gives.
const FEW: usize = 256;
/// Files that the call path may open besides those that it has.
const SPARE: usize = 24;
const CONNECTIONS: usize = 500;
/// What the kernel says.
const NO_MORE: &str = "Too many open files";
/// The pause after a connection that could not be taken.
const PAUSE: Duration = Duration::from_millis(200);
/// Doors for connections of SIP that the box of a test has, and one more for the API.
const DOORS: u32 = 2;

/// Sets how many files a process may have open.
fn limit(pid: u32, files: usize) {
    let of = format!("--nofile={files}:");
    let done = Command::new("prlimit").args(["--pid", &pid.to_string(), &of]).status();
    assert!(done.expect("prlimit comes with every system").success());
}

fn open_files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").count()
}

/// Whether SIP answers over a new connection.
fn answers_over_tcp(to: SocketAddr) -> Option<()> {
    let mut stream = TcpStream::connect_timeout(&to, seconds(1)).ok()?;
    stream.set_read_timeout(Some(seconds(1))).ok()?;
    let own = stream.local_addr().ok()?;
    let options = format!(
        "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/TCP {own};branch=z9hG4bKthere\r\n\
         From: <sip:peer@{own}>;tag=there\r\nTo: <sip:{to}>\r\nCall-ID: there@{own}\r\n\
         CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    stream.write_all(options.as_bytes()).ok()?;
    let mut heard = [0; 8];
    stream.read_exact(&mut heard).ok()?;
    (&heard == b"SIP/2.0 ").then_some(())
}

#[test]
fn a_call_goes_on_while_connections_take_every_file_and_they_are_taken_again_afterwards() {
    let mut house = House::start(Options::default());
    let calls = house.child("calls");
    let (_phone, _) = seat::agent(&house, 0, AGENT_HZ, Manner::Answers);
    let (voice, running) = conversation(&house, "13600136000", 30);

    let from = house.log().len();
    limit(calls, open_files(calls) + SPARE);
    let began = Instant::now();
    let connections: Vec<TcpStream> = (0..CONNECTIONS)
        .filter_map(|_| TcpStream::connect_timeout(&house.sip, seconds(1)).ok())
        .collect();
    assert!(connections.len() > 2 * SPARE, "{} connections", connections.len());
    house.wait_logged(from, NO_MORE);
    let full = Instant::now();
    let refused = answer_to_a_new_call(&house, "13600136001");
    assert!(refused.starts_with("SIP/2.0 5"), "no port can be opened: {refused}");
    std::thread::sleep(seconds(3));
    let over = Instant::now();
    let failed = house.log()[from..].lines().filter(|line| is_of_a_door(line)).count() as u32;
    let most = (began.elapsed().as_millis() / PAUSE.as_millis()) as u32 * DOORS + DOORS;
    assert!((1..=most).contains(&failed), "{failed} failures, {most} at most");

    drop(connections);
    wait_for("SIP over a new connection", seconds(30), || answers_over_tcp(house.sip));
    let acts = vec![Act::Pause(seconds(1)), Act::HangUp];
    let mut next = Caller::new("13600136002", &house.hotline, acts);
    next.transport = "t1";
    next.call(house.sip, house.scratch()).finish();
    // SIPp fails where the box hangs up first.
    running.finish();
    let heard = voice.finish().between(full, over);
    assert!(share_of_time(&heard, AGENT_HZ.into()) > 0.9, "the caller hears the agent");
    assert_eq!(house.child("calls"), calls, "the call path lives");
    for caller in ["13600136000", "13600136002"] {
        house.wait_row(&format!("SELECT call_id FROM calls WHERE caller LIKE '%{caller}'"));
    }
    house.stop();
}

/// A line that says that a connection could not be taken.
fn is_of_a_door(line: &str) -> bool {
    line.contains(NO_MORE) && line.contains("accept")
}

/// How many files a process may have open before it asks for more.
fn limit_of(pid: u32) -> usize {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("it runs");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next());
    soft.and_then(|soft| soft.parse().ok()).expect("the kernel says a number")
}

const TOO_FEW: &str = "too few files may be open";

#[test]
fn a_box_that_is_started_with_few_files_takes_as_many_as_it_needs() {
    let house = House::start(Options { files: format!("{FEW}:"), ..Options::default() });
    assert_eq!(limit_of(house.supervisor_pid()), FEW);
    assert!(limit_of(house.child("calls")) > FEW, "{}", house.log());
    for caller in ["13600136003", "13600136004"] {
        let answer = answer_to_a_new_call(&house, caller);
        assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
    }
}

#[test]
fn a_box_that_may_not_have_more_files_says_how_many_legs_fit_and_refuses_the_next_call() {
    let house = House::start(Options { files: format!("{FEW}:{FEW}"), ..Options::default() });
    assert_eq!(limit_of(house.child("calls")), FEW);
    let log = house.log();
    let said = log.lines().find(|line| line.contains(TOO_FEW));
    let said = said.unwrap_or_else(|| panic!("nothing was said:\n{log}"));
    assert!(said.contains("raise LimitNOFILE") && said.contains(&FEW.to_string()), "{said}");
    let first = answer_to_a_new_call(&house, "13600136005");
    assert!(first.starts_with("SIP/2.0 200 "), "one leg fits: {first}");
    let next = answer_to_a_new_call(&house, "13600136006");
    assert!(next.starts_with("SIP/2.0 503 "), "{next}");
}
