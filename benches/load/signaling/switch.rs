//! Our signalling in a process of its own: the thread as the product runs it, with media that agrees to
//! everything at once.

use super::System;
use crate::sip::digest::Credential;
use anyhow::{Context, Result, ensure};
use signaling::edge::alone;
use signaling::edge::signaling::Config;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use terms::control::{AgentAction, Answer, Ask, Request};
use terms::routing::{Agent, InQueue, Matching, Number, Plan, Queue, Strategy, Target};
use terms::{AgentId, NumberId, QueueId, TenantId};

const TENANT: TenantId = TenantId(1);
const QUEUE: QueueId = QueueId(1);
const NUMBER: &str = "95105600";
const FIRST_AGENT: u64 = 200_001;
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// What the child is told.
#[derive(clap::Args)]
pub struct SideArguments {
    /// Folder of its event log.
    #[arg(long)]
    folder: PathBuf,
    /// Folder of its live state, in memory.
    #[arg(long)]
    live: PathBuf,
    /// Agents, each with a phone.
    #[arg(long)]
    agents: u32,
    /// Those of them that are signed in and serve its queue.
    #[arg(long)]
    signed_in: u32,
}

/// The child, running.
pub struct Switch {
    child: Child,
    address: SocketAddr,
    agents: u32,
    _folders: [TempDir; 2],
}

impl Switch {
    /// Starts it with so many agents, some of them signed in.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(agents: u32, signed_in: u32) -> Result<Switch> {
        let folders = [tempfile::tempdir()?, tempfile::Builder::new().tempdir_in("/dev/shm")?];
        let live = folders[1].path().join("live");
        let mut child = Command::new(std::env::current_exe()?)
            .arg("signaling-side")
            .envs(benches::ALLOCATOR)
            .arg("--folder")
            .arg(folders[0].path())
            .arg("--live")
            .arg(live)
            .args(["--agents", &agents.to_string()])
            .args(["--signed-in", &signed_in.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start this program again as the switch")?;
        let mut line = String::new();
        let output = child.stdout.take().context("its output is a pipe")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse().context("the switch says where it listens")?;
        Ok(Switch { child, address, agents, _folders: folders })
    }
}

impl System for Switch {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn dial(&self) -> &str {
        NUMBER
    }

    fn phones(&self) -> Vec<Credential> {
        (0..u64::from(self.agents)).map(credential).collect()
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn credential(n: u64) -> Credential {
    let user = (FIRST_AGENT + n).to_string();
    Credential { password: format!("secret of {user}"), user }
}

/// The child's life.
///
/// # Errors
/// When signalling does not start or refuses the plan.
pub fn side(arguments: &SideArguments) -> Result<bool> {
    let (signaling, answers) = alone::start(Config {
        dialogs_max: 100_000,
        requests_per_s_max: 100_000,
        live: Some(arguments.live.clone()),
        ..alone::config(&arguments.folder)
    })?;
    let ask = |body| {
        signaling.handle().ask(Request { id: 7, body });
        answers.recv_timeout(ANSWER_MAX).map(|response| response.body)
    };
    let answer = ask(Ask::Plan(Box::new(plan(arguments.agents, arguments.signed_in))))?;
    ensure!(answer == Answer::Done, "the plan is refused: {answer:?}");
    for n in 0..u64::from(arguments.signed_in) {
        let (tenant, agent) = (TENANT, AgentId(n + 1));
        let answer = ask(Ask::Agent { tenant, agent, action: AgentAction::SignIn })?;
        ensure!(answer == Answer::Done, "agent {n} cannot sign in: {answer:?}");
    }
    println!("{}", signaling.local_addrs()[0]);
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    signaling.stop();
    Ok(true)
}

fn plan(agents: u32, signed_in: u32) -> Plan {
    let mut plan = Plan::empty(TENANT, "switchgrid");
    plan.version = 1;
    let realm = plan.realm.clone();
    plan.agents = (0..u64::from(agents)).map(|n| agent(n, &realm)).collect();
    plan.queues = vec![Queue {
        id: QUEUE,
        name: "load".into(),
        strategy: Strategy::LongestIdle,
        agents: plan.agents.iter().take(signed_in as usize).map(|agent| agent.id).collect(),
        priority: 0,
        waiting_max: 10_000,
        wait_max_s: 120,
        overflow: Target::Hangup,
        ring_max_s: 15,
        wrap_up_s: 0,
        music: "music/wait".into(),
        announce_every_s: 20,
        record: true,
        survey: true,
        service_level_s: 20,
        matching: Matching::default(),
        in_queue: InQueue::default(),
    }];
    let (digits, target) = (NUMBER.to_owned(), Target::Queue(QUEUE));
    plan.numbers = vec![Number { id: NumberId(1), digits, target }];
    plan.trunks = vec![alone::trunk(NUMBER, 100_000)];
    plan
}

fn agent(n: u64, realm: &str) -> Agent {
    let Credential { user, password } = credential(n);
    alone::agent(AgentId(n + 1), &user, &password, realm)
}
