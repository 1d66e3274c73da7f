//! Live events over a real WebSocket.

use super::rig::{NOON, Rig};
use desk::team::Limits;
use desk::{By, Role};
use futures::StreamExt;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use terms::event::{ENTRY_VERSION, Entry, Kind, Party};
use terms::{AgentId, TenantId};
use tokio::time::timeout;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

async fn listen(rig: &Rig) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = rig.router.clone().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    tokio::spawn(rig.feed.clone().follow(1));
    address
}

async fn connect(address: SocketAddr, query: &str, token: &str) -> Result<Socket, Error> {
    let mut request = format!("ws://{address}/api/v1/events{query}").into_client_request()?;
    let protocols = format!("switchgrid.v1, bearer.{token}");
    request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
    let (socket, response) = tokio_tungstenite::connect_async(request).await?;
    assert_eq!(response.headers()["sec-websocket-protocol"], "switchgrid.v1");
    Ok(socket)
}

fn append(rig: &Rig, seqs: std::ops::RangeInclusive<u64>, target: &str) {
    let entry = |seq: u64| Entry {
        v: ENTRY_VERSION,
        seq,
        at: NOON,
        tenant: TenantId(if seq.is_multiple_of(5) { 2 } else { 1 }),
        contact: None,
        call: None,
        leg: None,
        kind: match target {
            "" => Kind::Released { agent: AgentId(2), by: Party::Agent },
            target => Kind::Transferred {
                kind: terms::event::TransferKind::Blind,
                agent: AgentId(2),
                target: target.to_owned(),
            },
        },
    };
    rig.write_log(&seqs.map(entry).collect::<Vec<_>>());
}

/// The next event; `None` when the server ended the connection.
async fn next(socket: &mut Socket) -> Option<Value> {
    loop {
        match timeout(Duration::from_secs(5), socket.next()).await.expect("an event in time")? {
            Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

async fn seqs(socket: &mut Socket, count: usize) -> Vec<u64> {
    let mut seqs = Vec::new();
    while seqs.len() < count {
        seqs.push(next(socket).await.expect("an event")["seq"].as_u64().unwrap());
    }
    seqs
}

#[tokio::test]
async fn a_client_that_comes_back_misses_nothing_and_sees_its_tenant_only() {
    let rig = Rig::new().await;
    append(&rig, 1..=6, "");
    let address = listen(&rig).await;
    let token = rig.token(Role::Supervisor).await;
    let mut socket = connect(address, "?from_seq=1", &token).await.unwrap();
    assert_eq!(seqs(&mut socket, 5).await, [1, 2, 3, 4, 6], "5 is another tenant's");
    append(&rig, 7..=8, "");
    let event = next(&mut socket).await.unwrap();
    assert_eq!(
        (event["seq"].as_u64(), event["kind"]["type"].as_str()),
        (Some(7), Some("released"))
    );
    assert_eq!(event["at"], NOON.to_string());
    drop(socket);
    append(&rig, 9..=12, "");
    let mut socket = connect(address, "?from_seq=8", &token).await.unwrap();
    assert_eq!(seqs(&mut socket, 4).await, [8, 9, 11, 12]);
    append(&rig, 13..=13, "");
    assert_eq!(seqs(&mut socket, 1).await, [13]);
}

#[tokio::test]
async fn from_whom_numbers_are_hidden_follows_events_without_them() {
    let rig = Rig::new().await;
    append(&rig, 1..=1, "13800138000");
    let address = listen(&rig).await;
    let token = rig.token(Role::Supervisor).await;
    let (tenant, user) = (rig.tenant(), rig.person(rig.tenant(), Role::Supervisor).await);
    let mut shown = connect(address, "?from_seq=1", &token).await.unwrap();
    assert_eq!(next(&mut shown).await.unwrap()["kind"]["target"], "13800138000");
    let limits = Limits { mask_numbers: true, queues: None };
    rig.store.set_user_limits(tenant, &By::system("test", NOON), user, &limits).await.unwrap();
    let mut hidden = connect(address, "?from_seq=1", &token).await.unwrap();
    assert_eq!(next(&mut hidden).await.unwrap()["kind"]["target"], "138****8000");
    append(&rig, 2..=2, "13900139000");
    assert_eq!(next(&mut hidden).await.unwrap()["kind"]["target"], "139****9000", "and live ones");
    let api = crate::api::shared(rig.state.clone());
    assert_eq!(api.may_follow(&token, false).await, Some(true), "an open socket is closed for it");
}

#[tokio::test]
async fn whoever_wants_what_the_log_has_no_more_is_told_where_it_begins() {
    let rig = Rig::new().await;
    append(&rig, 100..=102, "");
    let events = rig.folder.path().join("events");
    let name = |first: u64| events.join(format!("events-{first:020}.log"));
    std::fs::rename(name(1), name(100)).unwrap();
    let address = listen(&rig).await;
    let token = rig.token(Role::Supervisor).await;
    match connect(address, "?from_seq=99", &token).await {
        Err(Error::Http(response)) => {
            assert_eq!(response.status(), 410);
            let told = String::from_utf8(response.into_body().unwrap()).unwrap();
            assert!(told.contains("begins with event 100"), "{told}");
        }
        other => panic!("{other:?}"),
    }
    let mut socket = connect(address, "?from_seq=101", &token).await.unwrap();
    assert_eq!(seqs(&mut socket, 2).await, [101, 102]);
}

#[tokio::test]
async fn agents_and_strangers_are_turned_away_before_the_upgrade() {
    let rig = Rig::new().await;
    let address = listen(&rig).await;
    let agent = rig.token(Role::Agent).await;
    for (token, status) in [("nonsense", 401), (agent.as_str(), 403)] {
        match connect(address, "", token).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), status),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_and_may_resume() {
    let rig = Rig::new().await;
    append(&rig, 1..=1, "");
    let address = listen(&rig).await;
    let token = rig.token(Role::Supervisor).await;
    let mut slow = connect(address, "?from_seq=1", &token).await.unwrap();
    assert_eq!(seqs(&mut slow, 1).await, [1]);
    let (last, long) = (3_000, "9".repeat(10_000));
    append(&rig, 2..=last, &long);
    // Nobody reads: the kernel's buffers fill, then the queue, then the server gives up.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut seen = 1;
    while let Some(event) = next(&mut slow).await {
        seen = event["seq"].as_u64().unwrap();
    }
    assert!(seen < last - 1, "it was cut at {seen}");
    let mut back = connect(address, &format!("?from_seq={}", seen + 1), &token).await.unwrap();
    let mut resumed = Vec::new();
    while resumed.last() != Some(&(last - 1)) {
        resumed.extend(seqs(&mut back, 1).await);
    }
    let expected: Vec<u64> = (seen + 1..last).filter(|seq| seq % 5 != 0).collect();
    assert_eq!(resumed, expected);
}
