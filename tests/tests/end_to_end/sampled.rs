//! The sample clients of the how-to, run as they stand there: one makes an order over HTTP and JSON, one
//! reads it in XML, one moves it on over the plain socket, and who has no token is told so by each.

use serde_json::{Value, json};
use std::process::{Command, Output};
use tests::house::{House, Options};
use tests::tree;

/// What the order is about.
const TITLE: &str = "漏水 <3 & \"more\"";

/// Where a sample finds the box, and as whom it comes.
struct Door {
    url: String,
    socket: String,
    token: String,
}

impl Door {
    fn run(&self, sample: &str, argument: &str) -> Output {
        Command::new("python3")
            .arg(tree::root().join("docs/samples").join(sample))
            .arg(argument)
            .env("SWITCHGRID_URL", &self.url)
            .env("SWITCHGRID_SOCKET", &self.socket)
            .env("SWITCHGRID_TOKEN", &self.token)
            .env("PYTHONIOENCODING", "utf-8")
            .env("no_proxy", "*")
            .output()
            .expect("python3 is installed by scripts/setup --tests")
    }

    /// What it prints.
    fn says(&self, sample: &str, argument: &str) -> String {
        let output = self.run(sample, argument);
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(output.status.success(), "{sample}: {}", complaint(&output));
        said
    }
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn samples_make_an_order_read_it_in_xml_and_move_it_on_over_the_socket(backend: &str) {
    let house = House::start(Options {
        backend: backend.into(),
        http: "socket = \"127.0.0.1:0\"\n".into(),
        ..Options::default()
    });
    let text = std::fs::read(house.data().join("run/config.json")).expect("a running box");
    let config: Value = serde_json::from_slice(&text).expect("JSON");
    let socket = config["http"]["socket"].as_str().expect("a listener").to_owned();
    let new = json!({"name": "sample", "role": "supervisor", "days": 1});
    let (status, token) = house.post("/api/v1/tokens", &new);
    assert_eq!(status, 201, "{token}");
    let token = token["secret"].as_str().expect("a secret").to_owned();
    let door = Door { url: format!("http://{}", house.http), socket, token };

    let number = door.says("orders_http.py", TITLE);
    assert_eq!(door.says("orders_xml.py", &number), TITLE);
    assert_eq!(door.says("orders_socket.py", &number), "in_progress");
    let orders = house.json(&format!("/api/v1/orders?number={number}"));
    let orders = orders["orders"].as_array().expect("a page");
    assert_eq!(orders.len(), 1, "made once");
    assert_eq!(
        (&orders[0]["title"], &orders[0]["progress"], &orders[0]["version"]),
        (&json!(TITLE), &json!("in_progress"), &json!(3))
    );

    let stranger = Door { token: "sgt_nobody".into(), ..door };
    for sample in ["orders_http.py", "orders_xml.py", "orders_socket.py"] {
        let refused = stranger.run(sample, &number);
        let told = complaint(&refused);
        assert!(!refused.status.success() && told.starts_with("401: "), "{sample}: {told}");
    }
}
