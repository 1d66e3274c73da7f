//! One signaling thread with media that answers at once, and SIPp beside it.

use signaling::edge::signaling::{Config, Signaling};
use signaling::edge::{alone, doors};
use signaling::sip::digest::Algorithm;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use terms::control::{Answer, Ask, Request, Response};
use terms::event::{Entry, Kind, Outcome, read_frame};
use terms::routing::{Flow, Number, Plan, Target};
use terms::{AgentId, FlowId, NumberId, TenantId};

pub const TENANT: TenantId = TenantId(1);

/// A running box.
pub struct Bench {
    folder: tempfile::TempDir,
    digest: Vec<Algorithm>,
    doors: doors::Config,
    connections_of_address_max: usize,
    signaling: Option<Signaling>,
    answers: Mutex<Receiver<Response>>,
    pub udp: SocketAddr,
    pub tcp: SocketAddr,
}

impl Bench {
    /// Starts with one agent, one number that says goodbye, and this machine as a trunk.
    pub fn start(digest: &[Algorithm]) -> Self {
        Bench::start_with(digest, doors::Config::default(), 1_000)
    }

    /// The same with TLS and WebSocket, and so many connections of an address.
    pub fn start_with(digest: &[Algorithm], doors: doors::Config, most: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (signaling, answers) = run(folder.path(), digest, &doors, most);
        let (udp, tcp) = (signaling.local_addrs()[0], signaling.local_addrs()[1]);
        let bench = Bench {
            folder,
            digest: digest.into(),
            doors,
            connections_of_address_max: most,
            signaling: Some(signaling),
            answers: Mutex::new(answers),
            udp,
            tcp,
        };
        assert_eq!(bench.ask(Ask::Plan(Box::new(plan()))), Answer::Done);
        bench
    }

    /// Ends it and starts it again on the same folder; nobody sends a plan.
    pub fn restart(&mut self) {
        self.signaling.take().unwrap().stop();
        let (doors, most) = (&self.doors, self.connections_of_address_max);
        let (signaling, answers) = run(self.folder.path(), &self.digest, doors, most);
        (self.udp, self.tcp) = (signaling.local_addrs()[0], signaling.local_addrs()[1]);
        self.answers = Mutex::new(answers);
        self.signaling = Some(signaling);
    }

    /// UDP, TCP, then TLS and WebSocket.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.signaling.as_ref().unwrap().local_addrs()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn ask(&self, body: Ask) -> Answer {
        let answers = self.answers.lock().unwrap();
        self.signaling.as_ref().unwrap().handle().ask(Request { id: 7, body });
        answers.recv_timeout(Duration::from_secs(5)).expect("every question is answered").body
    }

    pub fn is_registered(&self) -> bool {
        match self.ask(Ask::State { tenant: TENANT }) {
            Answer::State(state) => state.agents.iter().any(|agent| agent.registered),
            other => panic!("{other:?}"),
        }
    }

    /// Everything in the event log.
    pub fn log(&self) -> Vec<Entry> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.folder().join("events"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        let mut entries = Vec::new();
        for file in files {
            let bytes = std::fs::read(file).unwrap();
            let mut at = 0;
            while let Ok(Some((entry, used))) = read_frame(&bytes[at..]) {
                entries.push(entry);
                at += used;
            }
        }
        entries
    }

    /// How the calls that are over ended.
    pub fn ended(&self) -> Vec<Outcome> {
        let outcome = |entry: Entry| match entry.kind {
            Kind::CallEnded { outcome, .. } => Some(outcome),
            _ => None,
        };
        self.log().into_iter().filter_map(outcome).collect()
    }

    /// Calls that began.
    pub fn started(&self) -> usize {
        let began = |entry: &Entry| matches!(entry.kind, Kind::CallStarted { .. });
        self.log().iter().filter(|entry| began(entry)).count()
    }

    pub fn wait(&self, done: impl Fn() -> bool) {
        self.wait_at_most(Duration::from_secs(60), done);
    }

    pub fn wait_at_most(&self, most: Duration, done: impl Fn() -> bool) {
        let until = Instant::now() + most;
        while !done() {
            assert!(
                Instant::now() < until,
                "it did not come to pass; {} ended",
                self.ended().len()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn invite(&self, transport: &str, id: &str) -> String {
        let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                   m=audio 4000 RTP/AVP 8\r\n";
        let body = format!("Content-Type: application/sdp\r\nContent-Length: {}", sdp.len());
        self.request("INVITE", transport, id).replace("Content-Length: 0", &body) + sdp
    }

    pub fn options(&self, transport: &str, id: &str) -> String {
        self.request("OPTIONS", transport, id)
    }

    fn request(&self, method: &str, transport: &str, id: &str) -> String {
        format!(
            "{method} sip:95105688@{} SIP/2.0\r\n\
             Via: SIP/2.0/{transport} 127.0.0.1:5999;rport;branch=z9hG4bK{id}\r\nMax-Forwards: 70\r\n\
             From: <sip:13800138000@127.0.0.1>;tag={id}\r\nTo: <sip:95105688@{}>\r\n\
             Call-ID: {id}@127.0.0.1\r\nCSeq: 1 {method}\r\nContact: <sip:c@127.0.0.1:5999>\r\n\
             Content-Length: 0\r\n\r\n",
            self.udp, self.udp
        )
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(signaling) = self.signaling.take() {
            signaling.stop();
        }
    }
}

fn run(
    folder: &Path,
    digest: &[Algorithm],
    doors: &doors::Config,
    connections_of_address_max: usize,
) -> (Signaling, Receiver<Response>) {
    let config = Config {
        tcp: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
        doors: doors.clone(),
        connections_of_address_max,
        digest: digest.into(),
        ..alone::config(folder)
    };
    alone::start(config).unwrap()
}

pub fn plan() -> Plan {
    let mut plan = Plan::empty(TENANT, "demo");
    plan.version = 1;
    let agent = alone::agent(AgentId(1), "1001", "secret", &plan.realm);
    plan.agents.push(agent);
    let digits = "95105688".to_owned();
    plan.flows.push(Flow {
        id: FlowId(1),
        name: "goodbye".into(),
        version: 1,
        document: serde_json::json!({
            "format": 1,
            "name": "goodbye",
            "start": "goodbye",
            "steps": {"goodbye": {"kind": "hangup", "prompts": ["goodbye"]}},
        }),
    });
    plan.numbers.push(Number { id: NumberId(1), digits, target: Target::Flow(FlowId(1)) });
    plan.trunks.push(alone::trunk("95105688", 1_000));
    plan
}

/// Runs a scenario `calls` times.
pub fn sipp(scenario: &str, server: SocketAddr, transport: &str, calls: u32, folder: &Path) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(scenario);
    let output = Command::new("sipp")
        .arg(server.to_string())
        .args(["-sf", &file.to_string_lossy(), "-s", "95105688", "-i", "127.0.0.1"])
        .args(["-t", transport, "-m", &calls.to_string(), "-r", "50", "-l", "50"])
        .args(["-max_socket", "1000", "-au", "1001", "-ap", "secret"])
        .args(["-timeout", "30s", "-timeout_error", "-nostdin", "-trace_err"])
        .current_dir(folder)
        .env("TERM", "dumb")
        .stdin(Stdio::null())
        .output()
        .expect("sipp is installed by scripts/setup --tests");
    let errors = errors_in(folder);
    let said = String::from_utf8_lossy(&output.stdout);
    let tail: String = said.lines().rev().take(40).collect::<Vec<_>>().join("\n");
    assert!(output.status.success(), "{scenario} over {transport}: {errors}\n{tail}");
}

fn errors_in(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let errors = files.filter(|path| path.to_string_lossy().ends_with("_errors.log"));
    errors.filter_map(|path| std::fs::read_to_string(path).ok()).collect()
}
