//! Chromium with the phone of `tests/browser` in its page: JsSIP and the WebRTC that agents have.
//! It says a tone as its microphone, and is told what to do over the DevTools protocol.

use crate::house::wait_for;
use crate::{sound, tree};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

/// How long a browser may take to start, and to answer, on a busy machine.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// How long it may take to close itself.
const CLOSE_MAX: Duration = Duration::from_secs(5);
/// A page may be asked for nothing longer.
const REQUEST_MAX: Duration = Duration::from_secs(10);
/// Whole waves of every tone in whole Hz, so that the file begins again without a click.
const VOICE_SECONDS: u32 = 10;

/// What the site has: path, file below the tree's root, type.
const SITE: [(&str, &str, &str); 4] = [
    ("/", "tests/browser/page.html", "text/html"),
    ("/phone.js", "tests/browser/phone.js", "text/javascript"),
    ("/ear.js", "tests/browser/ear.js", "text/javascript"),
    ("/jssip.js", "tests/browser/node_modules/jssip.js", "text/javascript"),
];

/// A browser with one page.
pub struct Browser {
    process: Process,
    link: WebSocket<TcpStream>,
    /// The page, to the browser.
    session: Option<String>,
    asked: u64,
    /// Times that a page was loaded whole.
    loads: usize,
    log: Vec<String>,
}

/// Chromium, which ends with its value.
struct Process {
    child: Child,
    folder: PathBuf,
}

impl Browser {
    /// Opens the page in a browser whose files lie in `folder` and whose microphone hears a tone of
    /// `hz`.
    ///
    /// # Panics
    /// When Chromium is not installed, or the page does not open.
    pub fn open(hz: u32, folder: &Path) -> Self {
        let site = serve();
        let mut process = Process::start(hz, folder.join("chromium"));
        let place = wait_for("Chromium to listen", ANSWER_MAX, || process.listens_at());
        let stream = TcpStream::connect(place.0).expect("Chromium listens");
        stream.set_read_timeout(Some(ANSWER_MAX)).expect("a socket has timeouts");
        let url = format!("ws://{}{}", place.0, place.1);
        let (link, _) = tungstenite::client(url, stream).expect("Chromium takes orders");
        let log = Vec::new();
        let mut browser = Browser { process, link, session: None, asked: 0, loads: 0, log };

        let target = browser.ask("Target.createTarget", &json!({"url": "about:blank"}));
        let target = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.ask("Target.attachToTarget", &target)["sessionId"].clone();
        browser.session = session.as_str().map(str::to_owned);
        for domain in ["Runtime.enable", "Log.enable", "Page.enable"] {
            browser.ask(domain, &json!({}));
        }
        browser.load("Page.navigate", &json!({"url": format!("http://{site}/")}));
        browser
    }

    /// An order that loads a page, to its end.
    fn load(&mut self, method: &str, params: &Value) {
        let before = self.loads;
        self.ask(method, params);
        while self.loads == before {
            self.next(method);
        }
    }

    /// The phone registers at `url`, `ws:` or `wss:`.
    pub fn register(&mut self, url: &str, user: &str, password: &str) {
        let login = json!({"url": url, "user": user, "password": password});
        self.says(&format!("phone.register({login})"));
    }

    /// The page is loaded anew: its phone, its calls and what it heard are gone.
    pub fn reload(&mut self) {
        self.load("Page.reload", &json!({}));
    }

    /// What a script in the page says; a promise is waited for.
    ///
    /// # Panics
    /// With the page's words when it throws.
    pub fn says(&mut self, script: &str) -> Value {
        let order = json!({
            "expression": script,
            "awaitPromise": true,
            "returnByValue": true,
            "userGesture": true,
        });
        let answer = self.ask("Runtime.evaluate", &order);
        let thrown = &answer["exceptionDetails"];
        assert!(thrown.is_null(), "{script}: {thrown}");
        answer["result"]["value"].clone()
    }

    /// What happened in the page so far, in order.
    pub fn seen(&mut self) -> Vec<String> {
        let seen = self.says("phone.seen");
        let lines = seen.as_array().into_iter().flatten();
        lines.filter_map(|line| line.as_str().map(str::to_owned)).collect()
    }

    /// How often `what` happened in the page so far.
    pub fn times(&mut self, what: &str) -> usize {
        self.seen().iter().filter(|line| *line == what).count()
    }

    /// All that the page heard, at 8 kHz.
    pub fn heard(&mut self) -> Vec<i16> {
        let heard = self.says("phone.heard");
        let samples = heard.as_array().into_iter().flatten();
        samples.map(|sample| sample.as_i64().unwrap_or(0).clamp(-32_768, 32_767) as i16).collect()
    }

    /// One order and its answer; what happens meanwhile is noted.
    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let mut order = json!({"id": self.asked, "method": method, "params": params});
        if let Some(session) = &self.session {
            order["sessionId"] = json!(session);
        }
        let sent = self.link.send(Message::text(order.to_string()));
        sent.unwrap_or_else(|error| panic!("{method}: {error}"));
        loop {
            let told = self.next(method);
            if told["id"] == self.asked {
                assert!(told["error"].is_null(), "{method} {params}: {}", told["error"]);
                return told["result"].clone();
            }
        }
    }

    /// The next that Chromium says, while `method` is waited for.
    fn next(&mut self, method: &str) -> Value {
        loop {
            let read = self.link.read().unwrap_or_else(|error| panic!("{method}: {error}"));
            let Message::Text(text) = read else { continue };
            let told: Value = serde_json::from_str(&text).expect("Chromium speaks JSON");
            if told["method"] == "Page.loadEventFired" {
                self.loads += 1;
            }
            self.log.extend(noted(&told));
            return told;
        }
    }
}

/// The line of the page's log that an event is.
fn noted(told: &Value) -> Option<String> {
    let params = &told["params"];
    match told["method"].as_str()? {
        "Runtime.consoleAPICalled" => {
            let parts = params["args"].as_array().into_iter().flatten();
            let words: Vec<String> = parts
                .map(|part| part["value"].as_str().map_or_else(|| part.to_string(), str::to_owned))
                .collect();
            Some(words.join(" "))
        }
        "Runtime.exceptionThrown" => {
            Some(format!("thrown: {}", params["exceptionDetails"]["exception"]["description"]))
        }
        "Log.entryAdded" => {
            Some(format!("{}: {}", params["entry"]["text"], params["entry"]["url"]))
        }
        _ => None,
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.process.folder.join("log.txt"));
            eprintln!("--- log of the page ---\n{}", self.log.join("\n"));
            eprintln!("--- log of Chromium ---\n{}", log.unwrap_or_default());
        }
        // Who is asked to ends with all children, and leaves no file behind.
        let _ = self.link.send(Message::text(r#"{"id":0,"method":"Browser.close"}"#));
    }
}

impl Process {
    fn start(hz: u32, folder: PathBuf) -> Self {
        std::fs::create_dir_all(&folder).expect("a folder for the browser");
        let voice = folder.join("voice.wav");
        let said = sound::mono_wav(&sound::tone(hz, VOICE_SECONDS));
        std::fs::write(&voice, said).expect("the folder is ours");
        let log = std::fs::File::create(folder.join("log.txt")).expect("a log");
        let child = Command::new("chromium")
            .args(["--headless=new", "--no-sandbox", "--no-first-run", "--disable-gpu"])
            .args(["--disable-background-networking", "--disable-component-update"])
            .args(["--disable-background-timer-throttling", "--disable-renderer-backgrounding"])
            .args(["--disable-dev-shm-usage", "--no-proxy-server", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", folder.join("profile").display()))
            .args(["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"])
            .arg(format!("--use-file-for-fake-audio-capture={}", voice.display()))
            .arg("--autoplay-policy=no-user-gesture-required")
            // The box is on this machine, with a certificate of its own making.
            .args(["--allow-loopback-in-peer-connection", "--ignore-certificate-errors"])
            .arg("about:blank")
            // What it writes beside its profile goes with the test too.
            .env("HOME", &folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("chromium is installed by scripts/setup --tests");
        Process { child, folder }
    }

    /// Where Chromium takes orders, once it has written that down: address and path.
    fn listens_at(&mut self) -> Option<(SocketAddr, String)> {
        if let Ok(Some(status)) = self.child.try_wait() {
            let log = std::fs::read_to_string(self.folder.join("log.txt")).unwrap_or_default();
            panic!("Chromium ended with {status}:\n{log}");
        }
        let text = std::fs::read_to_string(self.folder.join("profile/DevToolsActivePort")).ok()?;
        let (port, path) = text.trim_end().split_once('\n')?;
        Some((SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().ok()?)), path.to_owned()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && began.elapsed() < CLOSE_MAX {
            std::thread::sleep(Duration::from_millis(50));
        }
        // Its children end when it does not speak with them any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A site on this machine with the page of the phone: browsers give a microphone to such a one.
fn serve() -> SocketAddr {
    for (_, file, _) in SITE {
        assert!(tree::root().join(file).exists(), "scripts/setup --tests makes {file}");
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("a bound socket");
    // It ends with the tests. A browser opens connections that it may never use: each waits alone.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // A browser that is gone wants no answer.
                let _ = answer(stream);
            });
        }
    });
    address
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(REQUEST_MAX))?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let Some(first) = lines.next().transpose()? else { return Ok(()) };
    // The rest of the request is read, so that closing does not cut our answer short.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = first.split(' ').nth(1).unwrap_or_default();
    let found = SITE.iter().find(|(at, _, _)| *at == path);
    let (status, kind, body) = match found {
        Some((_, file, kind)) => ("200 OK", *kind, std::fs::read(tree::root().join(file))?),
        None => ("404 Not Found", "text/plain", Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}
