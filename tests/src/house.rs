//! A running box for the end-to-end tests: the real program on free ports and a data folder of its
//! own, ended when the test ends.

use serde_json::{Value, json};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a box may take to start in a debug build on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);
/// Name of the program in the folder of a box that has one of its own.
const OWN_PROGRAM: &str = "switchgrid";

/// What a box is started with besides the defaults of the tests.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Backend of audio and storage: `auto`, `io_uring` or `epoll`.
    pub backend: String,
    /// Media threads.
    pub shards: u16,
    /// Where SIP and audio listen; the loopback of IPv4 when left out.
    pub ip: Option<IpAddr>,
    /// More lines of the table `[http]`.
    pub http: String,
    /// More lines of the table `[sip]`.
    pub sip: String,
    /// More lines of the table `[calls]`.
    pub calls: String,
    /// More lines of `switchgrid.toml`, whole tables.
    pub config: String,
    /// Environment of the box, for failpoints.
    pub env: Vec<(String, String)>,
    /// Runs as nobody where the test runs as root.
    pub unprivileged: bool,
    /// How many files each process may have open, as `soft:hard`; as many as the test when empty.
    pub files: String,
    /// Live calls survive the end of the call process.
    pub keeps: bool,
    /// The program is a file of the box's own, which may be replaced ([`House::replace_program`]).
    pub own_program: bool,
}

/// A person or phone that can sign in.
#[derive(Clone, Debug)]
pub struct Credential {
    /// User.
    pub user: String,
    /// Password.
    pub password: String,
}

/// A running box.
pub struct House {
    supervisor: Child,
    folder: TempDir,
    options: Options,
    /// SIP over UDP and TCP.
    pub sip: SocketAddr,
    /// The API.
    pub http: SocketAddr,
    /// The administrator.
    pub admin: Credential,
    /// The agents; user is also the short number.
    pub agents: Vec<Credential>,
    /// The hotline.
    pub hotline: String,
    token: String,
    client: reqwest::blocking::Client,
}

impl House {
    /// Starts a box and waits until it is ready.
    ///
    /// # Panics
    /// With the box's log when it does not start.
    pub fn start(options: Options) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let shards = options.shards.max(1);
        let backend = if options.backend.is_empty() { "auto" } else { &options.backend };
        let first = rtp_range();
        let ip = options.ip.unwrap_or(Ipv4Addr::LOCALHOST.into());
        let sip = SocketAddr::new(ip, sip_port());
        // Nobody is told that we are everywhere.
        let told = if ip.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { ip };
        let config = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n{}\
             [sip]\nudp = \"{sip}\"\ntcp = \"{sip}\"\nadvertise = \"{told}\"\n{}\
             [rtp]\nports = \"{first}-{}\"\nbind = \"{ip}\"\nbackend = \"{backend}\"\nshards = {shards}\n\
             [calls]\nlive = \"{}\"\n{}\
             [first]\ntime_zone = \"Asia/Shanghai\"\n{}",
            options.http,
            options.sip,
            first + 399,
            if options.keeps {
                folder.path().join("live").display().to_string()
            } else {
                "off".into()
            },
            options.calls,
            options.config
        );
        std::fs::write(folder.path().join("switchgrid.toml"), config).expect("write the config");
        let supervisor = spawn(folder.path(), &options);
        let mut house = House {
            supervisor,
            folder,
            options,
            sip: SocketAddr::from(([127, 0, 0, 1], 0)),
            http: SocketAddr::from(([127, 0, 0, 1], 0)),
            admin: Credential { user: String::new(), password: String::new() },
            agents: Vec::new(),
            hotline: String::new(),
            token: String::new(),
            client: reqwest::blocking::Client::builder()
                .timeout(Duration::from_secs(60))
                .no_proxy()
                .build()
                .expect("an HTTP client"),
        };
        house.read_credentials();
        house.wait_ready();
        house.token = house.sign_in(&house.admin.user, &house.admin.password);
        house
    }

    /// Where a listener of the table `[sip]` is, with the port that the box chose.
    ///
    /// # Panics
    /// When there is none.
    pub fn listener(&self, key: &str) -> SocketAddr {
        let text = std::fs::read(self.data().join("run/config.json")).expect("a running box");
        let config: Value = serde_json::from_slice(&text).expect("JSON");
        config["sip"][key].as_str().expect("a listener").parse().expect("an address")
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder for what the test makes.
    pub fn scratch(&self) -> &Path {
        self.folder.path()
    }

    fn read_credentials(&mut self) {
        let file = self.folder.path().join("credentials.json");
        let text = wait_for("the credentials of the first start", START_MAX, || {
            self.still_running();
            std::fs::read_to_string(&file).ok().filter(|text| !text.is_empty())
        });
        let first: Value = serde_json::from_str(&text).expect("credentials are JSON");
        let credential = |value: &Value| Credential {
            user: value["user"].as_str().expect("a user").to_owned(),
            password: value["password"].as_str().expect("a password").to_owned(),
        };
        self.sip = first["sip"].as_str().expect("sip").parse().expect("an address");
        self.http = first["http"].as_str().expect("http").parse().expect("an address");
        self.hotline = first["hotline"].as_str().expect("hotline").to_owned();
        self.admin = credential(&first["admin"]);
        self.agents = first["agents"].as_array().expect("agents").iter().map(credential).collect();
    }

    /// Waits until the box says that it is ready.
    pub fn wait_ready(&mut self) {
        let url = format!("http://{}/readyz", self.http);
        let client = self.client.clone();
        wait_for("the box to be ready", START_MAX, || {
            self.still_running();
            client.get(&url).send().ok().filter(|a| a.status().is_success())
        });
    }

    fn still_running(&mut self) {
        if let Ok(Some(status)) = self.supervisor.try_wait() {
            panic!("the box ended with {status}:\n{}", self.log());
        }
    }

    /// The box's log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log.txt")).unwrap_or_default()
    }

    /// A bearer token for a person.
    pub fn sign_in(&self, user: &str, password: &str) -> String {
        let answer = self
            .client
            .post(format!("http://{}/api/v1/session", self.http))
            .json(&json!({"user": user, "password": password}))
            .send()
            .expect("the API answers");
        let status = answer.status();
        let body: Value = answer.json().expect("JSON");
        assert!(status.is_success(), "sign-in of {user}: {status} {body}");
        body["token"].as_str().expect("a token").to_owned()
    }

    /// GET as the administrator.
    pub fn get(&self, path: &str) -> reqwest::blocking::Response {
        self.get_as(&self.token, path)
    }

    /// GET with somebody's token.
    pub fn get_as(&self, token: &str, path: &str) -> reqwest::blocking::Response {
        self.client
            .get(format!("http://{}{path}", self.http))
            .bearer_auth(token)
            .send()
            .expect("the API answers")
    }

    /// GET a JSON body as the administrator.
    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        let status = answer.status();
        let text = answer.text().expect("text");
        assert!(status.is_success(), "GET {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("GET {path}: {error}: {text}"))
    }

    /// POST JSON as the administrator: status and body.
    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.sent(self.client.post(format!("http://{}{path}", self.http)).json(body))
    }

    /// PUT a file as the administrator: status and body.
    pub fn put(&self, path: &str, media_type: &str, file: Vec<u8>) -> (u16, Value) {
        let request = self.client.put(format!("http://{}{path}", self.http)).body(file);
        self.sent(request.header("content-type", media_type))
    }

    /// PUT JSON as the administrator: status and body.
    pub fn put_json(&self, path: &str, body: &Value) -> (u16, Value) {
        self.sent(self.client.put(format!("http://{}{path}", self.http)).json(body))
    }

    /// PATCH JSON as the administrator: status and body.
    pub fn patch_json(&self, path: &str, body: &Value) -> (u16, Value) {
        self.sent(self.client.patch(format!("http://{}{path}", self.http)).json(body))
    }

    /// DELETE as the administrator: status and body.
    pub fn delete(&self, path: &str) -> (u16, Value) {
        self.sent(self.client.delete(format!("http://{}{path}", self.http)))
    }

    fn sent(&self, request: reqwest::blocking::RequestBuilder) -> (u16, Value) {
        let answer = request.bearer_auth(&self.token).send().expect("the API answers");
        let status = answer.status().as_u16();
        let text = answer.text().expect("text");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// The rows of a question.
    pub fn sql(&self, sql: &str) -> Vec<Value> {
        let (status, body) = self.post("/api/v1/sql", &json!({"sql": sql, "format": "json"}));
        assert_eq!(status, 200, "{sql}: {body}");
        body["rows"].as_array().unwrap_or_else(|| panic!("{body}")).clone()
    }

    /// Seals and publishes everything that has ended so far.
    pub fn seal(&self) {
        let (status, body) = self.post("/api/v1/warehouse/seal", &json!({}));
        assert_eq!(status, 200, "{body}");
    }

    /// The same, asked for by somebody who does not wait: the box may die over it.
    pub fn seal_unwatched(&self) -> std::thread::JoinHandle<()> {
        let url = format!("http://{}/api/v1/warehouse/seal", self.http);
        let request = self.client.post(url).bearer_auth(&self.token).json(&json!({}));
        std::thread::spawn(move || drop(request.send()))
    }

    /// A counter or gauge, summed over its labels; 0 when there is none.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").text().expect("text");
        let of_name = |line: &&str| line.split(['{', ' ']).next() == Some(name);
        let value =
            |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
        text.lines().filter(of_name).filter_map(value).sum()
    }

    /// Waits until `sql` gives a row.
    pub fn wait_row(&self, sql: &str) -> Value {
        wait_for(sql, Duration::from_secs(20), || self.sql(sql).into_iter().next())
    }

    /// Process id of `switchgrid serve`.
    pub fn supervisor_pid(&self) -> u32 {
        self.supervisor.id()
    }

    /// Process id of a child of the supervisor.
    pub fn child(&self, name: &str) -> u32 {
        self.find_child(name).unwrap_or_else(|| panic!("no child {name}:\n{}", self.log()))
    }

    /// The same where it may be away.
    pub fn find_child(&self, name: &str) -> Option<u32> {
        let wanted = format!("\0child\0{name}\0");
        let is_wanted = |pid: &u32| {
            let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command).contains(&wanted)
        };
        self.children().into_iter().find(is_wanted)
    }

    fn children(&self) -> Vec<u32> {
        let parent = self.supervisor.id().to_string();
        let is_ours = |pid: &u32| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            status.lines().any(|line| line.split_whitespace().eq(["PPid:", parent.as_str()]))
        };
        let processes = std::fs::read_dir("/proc").expect("/proc");
        processes
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(is_ours)
            .collect()
    }

    /// Ends one child as SIGKILL does.
    pub fn kill_child(&self, name: &str) {
        assert!(signal("KILL", self.child(name)), "the child {name} was there a moment ago");
    }

    /// Ends the whole box at once, as a power cut of the process would.
    pub fn kill(&mut self) {
        // A supervisor that stands still starts nothing while its children die.
        signal("STOP", self.supervisor.id());
        let children = self.children();
        for pid in &children {
            signal("KILL", *pid);
        }
        self.supervisor.kill().expect("the supervisor is ours");
        self.supervisor.wait().expect("the supervisor is ours");
        for pid in children {
            wait_for("the end of a killed child", Duration::from_secs(20), || ended(pid));
        }
    }

    /// Ends the supervisor alone at once; its children are asked to end by the kernel.
    pub fn kill_supervisor(&mut self) {
        self.supervisor.kill().expect("the supervisor is ours");
        self.supervisor.wait().expect("the supervisor is ours");
    }

    /// Waits until the box's log, from byte `from` on, says `text`.
    pub fn wait_logged(&self, from: usize, text: &str) {
        let said = || self.log().get(from..).is_some_and(|log| log.contains(text));
        wait_for(text, Duration::from_secs(20), || said().then_some(()));
    }

    /// The same program once more on the same folder, to its end: status and what it said.
    pub fn start_second(&self) -> std::process::Output {
        self.run(&["serve"], &[])
    }

    /// A command of the program on this folder, to its end: status and what it said.
    pub fn run(&self, words: &[&str], env: &[(&str, &str)]) -> std::process::Output {
        let mut command = self.command(words, env);
        command.stdin(Stdio::null()).output().expect("switchgrid lies beside the tests")
    }

    /// The same, with something on its standard input.
    pub fn run_reading(
        &self,
        words: &[&str],
        env: &[(&str, &str)],
        input: &str,
    ) -> std::process::Output {
        let mut command = self.command(words, env);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("switchgrid lies beside the tests");
        let mut reads = child.stdin.take().expect("a pipe");
        // What ends without reading says why.
        let _ = reads.write_all(input.as_bytes());
        drop(reads);
        child.wait_with_output().expect("it ends")
    }

    fn command(&self, words: &[&str], env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program("switchgrid"));
        command.args(["--config", "switchgrid.toml", "--data", "data"]).args(words);
        command.envs(env.iter().copied()).current_dir(self.folder.path());
        command
    }

    /// Puts what `make` writes in the place of the program, as an upgrade does: a new file is renamed
    /// over the one that runs.
    ///
    /// # Panics
    /// When the box has no program of its own.
    pub fn replace_program(&self, make: impl FnOnce(&Path)) {
        assert!(self.options.own_program, "others use the same file");
        let new = self.scratch().join("switchgrid.new");
        make(&new);
        std::fs::rename(new, self.scratch().join(OWN_PROGRAM)).expect("the folder is ours");
    }

    /// Starts the box again on the same folder, with other environment.
    pub fn start_again(&mut self, env: &[(&str, &str)]) {
        self.begin_again(env, |answer| answer.status().is_success().then_some(()));
        self.token = self.sign_in(&self.admin.user.clone(), &self.admin.password.clone());
    }

    /// The same where it cannot be ready yet: for what it waits.
    pub fn start_waiting(&mut self, env: &[(&str, &str)]) -> String {
        self.begin_again(env, |answer| {
            let told: Value = answer.json().ok()?;
            told["waits_for"].as_str().map(str::to_owned)
        })
    }

    /// Goes on when it waits no more.
    pub fn go_on(&mut self) {
        self.wait_ready();
        self.token = self.sign_in(&self.admin.user.clone(), &self.admin.password.clone());
    }

    /// Starts it, and waits until it says what is `heard`.
    fn begin_again<T>(
        &mut self,
        env: &[(&str, &str)],
        heard: impl Fn(reqwest::blocking::Response) -> Option<T>,
    ) -> T {
        self.options.env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let resolved = self.data().join("run/config.json");
        let before = std::fs::metadata(&resolved).and_then(|m| m.modified()).ok();
        self.supervisor = spawn(self.folder.path(), &self.options);
        let (config, told) = wait_for("the resolved configuration", START_MAX, || {
            self.still_running();
            let now = std::fs::metadata(&resolved).and_then(|m| m.modified()).ok();
            let text = std::fs::read(&resolved).ok()?;
            let config: Value = serde_json::from_slice(&text).ok()?;
            let answers = format!("http://{}/readyz", config["http"]["listen"].as_str()?);
            let told = heard(self.client.get(answers).send().ok()?)?;
            // An API of the box before may still answer while it ends.
            (now != before).then_some((config, told))
        });
        self.http = config["http"]["listen"].as_str().expect("http").parse().expect("an address");
        self.sip = config["sip"]["udp"].as_str().expect("sip").parse().expect("an address");
        told
    }

    /// Asks the box to end as an administrator does: running calls may go on.
    pub fn begin_stop(&self) {
        assert!(signal("TERM", self.supervisor.id()), "the supervisor is ours");
    }

    /// Ends the box as an administrator does and waits for it.
    pub fn stop(&mut self) {
        self.begin_stop();
        self.wait_stopped();
    }

    /// Waits for a box that was asked to end.
    ///
    /// # Panics
    /// When it does not end within a minute.
    pub fn wait_stopped(&mut self) {
        let began = Instant::now();
        while self.supervisor.try_wait().expect("the supervisor is ours").is_none() {
            assert!(began.elapsed() < Duration::from_secs(60), "no end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of the box ---\n{}", self.log());
        }
        if let Ok(None) = self.supervisor.try_wait() {
            self.kill();
        }
    }
}

/// Sends a signal; false when there is no such process.
fn signal(name: &str, pid: u32) -> bool {
    let sent = Command::new("kill").args([format!("-{name}"), pid.to_string()]).output();
    sent.expect("kill is part of every system").status.success()
}

/// A process that is gone, or whose parent has not asked for it yet: its files are closed.
fn ended(pid: u32) -> Option<()> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = status.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    state.is_none_or(|state| state.starts_with('Z') || state.starts_with('X')).then_some(())
}

fn spawn(folder: &Path, options: &Options) -> Child {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("log.txt"))
        .expect("the log can be written");
    let own = match options.own_program {
        true => own_program(folder),
        false => program("switchgrid"),
    };
    let mut command = limited(&own, &options.files);
    if options.unprivileged {
        command = as_nobody(folder);
    }
    command
        .args(["--config", "switchgrid.toml", "--data", "data", "serve"])
        .args(["--credentials", "credentials.json"])
        .envs(options.env.iter().cloned())
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn()
        .expect("switchgrid lies beside the tests: cargo build --workspace makes it")
}

/// The program, with fewer files where the test wants it.
fn limited(own: &Path, files: &str) -> Command {
    if files.is_empty() {
        return Command::new(own);
    }
    let mut command = Command::new("prlimit");
    command.arg(format!("--nofile={files}")).arg(own);
    command
}

/// The program under a name in the folder of the box; what was put in its place there stays.
fn own_program(folder: &Path) -> PathBuf {
    let own = folder.join(OWN_PROGRAM);
    if !own.exists() {
        let built = program("switchgrid");
        // On another disk a file has no second name.
        if std::fs::hard_link(&built, &own).is_err() {
            std::fs::copy(&built, &own).expect("the program can be copied");
        }
    }
    own
}

/// The program as somebody without rights, who owns the folder and nothing else. Who is not root
/// has none to give up.
fn as_nobody(folder: &Path) -> Command {
    const NOBODY: u32 = 65_534;
    let is_root = std::fs::metadata("/proc/self").expect("/proc").uid() == 0;
    let mut own = program("switchgrid");
    if !is_root {
        return Command::new(own);
    }
    let is_open = |place: &Path| {
        std::fs::metadata(place).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0)
    };
    if !own.ancestors().all(is_open) {
        // The workspace lies where only root may look.
        let copy = folder.join("switchgrid");
        std::fs::copy(&own, &copy).expect("the program can be copied");
        own = copy;
    }
    for place in [folder.to_owned(), folder.join("switchgrid.toml"), folder.join("log.txt")] {
        std::os::unix::fs::chown(place, Some(NOBODY), Some(NOBODY)).expect("root may give away");
    }
    let mut command = Command::new(own);
    command.uid(NOBODY).gid(NOBODY);
    command
}

/// A program of the workspace, beside the running test.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.parent().and_then(Path::parent).expect("target/debug/deps/test");
    folder.join(name)
}

/// Even first port of a range that this process gives to one box only.
fn rtp_range() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    20_000 + NEXT.fetch_add(1, Ordering::Relaxed) % 30 * 400
}

/// A port below those that the kernel gives out: a box that starts again finds it free, whatever
/// else connected meanwhile.
fn sip_port() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = std::process::id() as u16 % 4_000;
    let mut ports =
        (0..4_000).map(|_| 10_000 + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % 4_000);
    let free = |port: &u16| {
        let address = ("127.0.0.1", *port);
        UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok()
    };
    ports.find(free).expect("a port is free")
}

/// Polls until there is a value.
///
/// # Panics
/// When `within` is over.
pub fn wait_for<T>(what: &str, within: Duration, mut poll: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = poll() {
            return value;
        }
        assert!(began.elapsed() < within, "waited {within:?} for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
