//! The API over a plain socket, asked by clients that speak no HTTP.

use super::rig::Rig;
use crate::api::socket::serve;
use desk::Role;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A client: lines out, lines in.
struct Lines(BufReader<TcpStream>);

impl Lines {
    async fn to(address: SocketAddr) -> Self {
        Lines(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }

    async fn ask(&mut self, asked: Value) -> Value {
        self.say(&asked.to_string()).await
    }

    async fn say(&mut self, line: &str) -> Value {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        self.0.read_line(&mut answer).await.unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }
}

async fn served(rig: &Rig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, rig.router.clone(), 64 << 10));
    address
}

#[tokio::test]
async fn a_program_without_http_submits_queries_and_changes_over_a_socket() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    let call = rig.call(rig.tenant(), 0, 60, rig.first.agents[0].0).await;
    let mut lines = Lines::to(served(&rig).await).await;
    let got = lines.ask(json!({"id": "a", "path": "/api/v1/calls"})).await;
    assert_eq!((&got["id"], &got["status"]), (&json!("a"), &json!(401)));

    let got = lines.ask(json!({"id": 1, "token": token, "path": "/api/v1/calls?limit=1"})).await;
    assert_eq!((&got["id"], &got["status"]), (&json!(1), &json!(200)), "{got}");
    assert_eq!(got["body"]["calls"][0]["call_id"], call.to_string());
    // The token holds, and a key that comes again is carried out once.
    let order = json!({"kind": "报修", "title": "漏水", "call": call});
    let submit = json!({
        "id": 2, "method": "POST", "path": "/api/v1/orders", "body": order, "key": "crm-1",
    });
    let (first, second) = (lines.ask(submit.clone()).await, lines.ask(submit).await);
    assert_eq!(first["status"], 201, "{first}");
    assert_eq!(first["body"]["id"], second["body"]["id"]);
    let steps = format!("/api/v1/orders/{}/steps", first["body"]["id"].as_str().unwrap());
    let note = json!({"action": "note", "note": "门卫"});
    let changed = lines.ask(json!({"method": "POST", "path": steps, "body": note})).await;
    assert_eq!((&changed["id"], &changed["status"]), (&Value::Null, &json!(200)), "{changed}");
    let agents = json!({"path": "/api/v1/users", "language": "zh-CN"});
    let refused = lines.ask(agents).await;
    assert_eq!(refused["status"], 403);
    assert_eq!(refused["body"]["message"], "您的角色没有此项权限。");
}

#[tokio::test]
async fn what_is_no_request_is_told_and_what_has_no_end_is_closed() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    let address = served(&rig).await;
    let mut lines = Lines::to(address).await;
    for line in ["", "GET / HTTP/1.1", "{}", "[1]", "{\"path\": 1}", "{\"path\": \"/\", \"x\": 1}"]
    {
        let got = lines.say(line).await;
        assert_eq!(
            (&got["status"], &got["body"]["field"]),
            (&json!(400), &json!("line")),
            "{line}"
        );
    }
    for path in ["", "no path", "/a b", "/\u{1}"] {
        let got = lines.ask(json!({"id": 9, "path": path})).await;
        assert_eq!((&got["id"], &got["status"]), (&json!(9), &json!(400)), "{path:?}: {got}");
    }
    let report = "/api/v1/reports/calls?format=csv&period=2026-11-23";
    let got = lines.ask(json!({"token": token, "path": report})).await;
    assert_eq!(got["status"], 406, "{got}");

    let mut endless = TcpStream::connect(address).await.unwrap();
    endless.write_all(&vec![b'a'; (64 << 10) + (16 << 10) + 1]).await.unwrap();
    let mut said = String::new();
    BufReader::new(&mut endless).read_line(&mut said).await.unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["status"], 413);
    let mut rest = Vec::new();
    // Closed with octets unread: the end may be a reset.
    let _ = endless.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}
