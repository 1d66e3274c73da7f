//! Numbers hidden from a person, and a person limited to queues, at every door of the API.

use super::callbacks::waiting;
use super::rig::{LIVE_CALL, NOON, Rig, call_row, recording_row, request};
use super::roles::operations;
use super::voicemails::left;
use axum::body::to_bytes;
use axum::http::{Method, StatusCode};
use desk::Role;
use desk::bootstrap::FIRST_QUEUE;
use serde_json::{Value, json};
use terms::record::{Call, QueueVisit, Recording, Row};
use terms::{CallId, ContactId, QueueId, RecordingId, TenantId, UserId, VisitId};
use tower::ServiceExt;

const NUMBER: &str = "13800138000";
const MASKED: &str = "138****8000";

/// A box with a call and a recording in each of two queues, of one agent, a customer and an order.
struct Floor {
    rig: Rig,
    administrator: String,
    other: QueueId,
    /// In the first queue, and in the other.
    calls: [CallId; 2],
    recordings: [RecordingId; 2],
}

impl Floor {
    async fn new() -> Self {
        let rig = Rig::new().await;
        let administrator = rig.token(Role::Administrator).await;
        let made = rig.post("/api/v1/queues", &administrator, json!({"name": "二线"})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let other: QueueId = made.json()["id"].as_str().unwrap().parse().unwrap();
        let (tenant, agent) = (rig.tenant(), rig.first.agents[0].0);
        let calls = [CallId(rig.id()), CallId(rig.id())];
        let recordings = [RecordingId(rig.id()), RecordingId(rig.id())];
        for (at, queue) in [FIRST_QUEUE, other].into_iter().enumerate() {
            let row = call_row(tenant, calls[at], at as i64, 60, agent);
            let caller = format!("+86{NUMBER}");
            rig.stage(&[Row::Call(Call { caller, queue_id: Some(queue), ..row })]).await;
            let path = format!("{tenant}/2026-11-23/{}.wav", recordings[at]);
            rig.write(&path, b"RIFF");
            let row = recording_row(tenant, recordings[at], agent, Some(path), 4);
            let row = Recording { queue_id: Some(queue), call_id: calls[at], ..row };
            rig.stage(&[Row::Recording(row)]).await;
        }
        let card = json!({"number": NUMBER, "name": "张", "note": "ring 138-0013-8000"});
        let put = rig.ask(Method::PUT, "/api/v1/customers", &administrator, Some(card)).await;
        assert_eq!(put.status, StatusCode::OK, "{put:?}");
        let order = json!({"kind": "报修", "title": format!("ring {NUMBER}"),
            "customer_number": NUMBER, "call": calls[0].to_string()});
        let made = rig.post("/api/v1/orders", &administrator, order).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        Floor { rig, administrator, other, calls, recordings }
    }

    async fn set(&self, user: UserId, limits: Value) -> StatusCode {
        let uri = format!("/api/v1/users/{user}/sight");
        self.rig.ask(Method::PUT, &uri, &self.administrator, Some(limits)).await.status
    }

    /// A token of the person with this role, who is limited so.
    async fn limited(&self, role: Role, limits: Value) -> String {
        let user = match role {
            Role::Agent => UserId(self.rig.first.agents[0].0.0),
            _ => self.rig.person(self.rig.tenant(), role).await,
        };
        assert_eq!(self.set(user, limits).await, StatusCode::NO_CONTENT);
        self.rig.token(role).await
    }

    /// Lists of which each row has an address, and a row of each.
    async fn details(&self) -> [(&'static str, String); 4] {
        let (rig, tenant) = (&self.rig, self.rig.tenant());
        let customer = rig.store.customer_by_number(tenant, NUMBER).await.unwrap().unwrap();
        let orders = rig.get("/api/v1/orders", &self.administrator).await.json();
        let order = orders["orders"][0]["id"].as_str().unwrap().to_owned();
        [
            ("calls", self.calls[0].to_string()),
            ("recordings", self.recordings[0].to_string()),
            ("customers", customer.id.to_string()),
            ("orders", order),
        ]
    }

    /// What is answered with 200.
    async fn text(&self, uri: &str, token: &str) -> String {
        let got = self.rig.get(uri, token).await;
        assert_eq!(got.status, StatusCode::OK, "{uri}: {got:?}");
        String::from_utf8(got.body.to_vec()).unwrap()
    }

    async fn sql(&self, token: &str, sql: &str) -> Value {
        let got = self.rig.post("/api/v1/sql", token, json!({"sql": sql})).await;
        assert_eq!(got.status, StatusCode::OK, "{got:?}");
        got.json()["rows"].clone()
    }
}

fn visit_row(tenant: TenantId, call: CallId, id: u64) -> QueueVisit {
    QueueVisit {
        tenant_id: tenant,
        visit_id: VisitId(id),
        call_id: call,
        contact_id: ContactId(call.0),
        call_started_at: NOON,
        queue_id: FIRST_QUEUE,
        entered_at: NOON,
        left_at: NOON,
        wait_ms: 0,
        ring_ms: 0,
        outcome: "answered".into(),
        flow_out_reason: None,
        agent_id: None,
        priority: 0,
        position: 1,
        offers: 1,
        offers_unanswered: 0,
    }
}

fn masked() -> Value {
    json!({"mask_numbers": true, "queues": null})
}

#[tokio::test]
async fn from_whom_numbers_are_hidden_gets_none_at_any_door() {
    let floor = Floor::new().await;
    let doors = [
        "/api/v1/calls".to_owned(),
        format!("/api/v1/calls/{}", floor.calls[0]),
        "/api/v1/call-lists/csv".to_owned(),
        "/api/v1/call-lists/json".to_owned(),
        "/api/v1/recordings".to_owned(),
        "/api/v1/lists/recordings/csv".to_owned(),
        "/api/v1/lists/recordings/json".to_owned(),
        "/api/v1/customers".to_owned(),
        "/api/v1/lists/customers/html".to_owned(),
        "/api/v1/orders".to_owned(),
        "/api/v1/order-lists/csv".to_owned(),
        "/api/v1/live".to_owned(),
        "/api/v1/reports/calls?period=2026-11-23&format=csv".to_owned(),
        "/api/v1/reports/calls?period=2026-11-23&format=json".to_owned(),
        "/api/v1/reports/calls?period=2026-11-23&format=html".to_owned(),
    ];
    let shown = floor.rig.token(Role::Manager).await;
    for door in &doors {
        assert!(floor.text(door, &shown).await.contains(NUMBER), "{door} shows numbers");
    }
    let hidden = floor.limited(Role::Manager, masked()).await;
    for door in &doors {
        let text = floor.text(door, &hidden).await;
        assert!(!text.contains(NUMBER) && !text.contains("138-0013"), "{door}: {text}");
        assert!(text.contains(MASKED), "{door}: {text}");
    }
    let own = floor.limited(Role::Agent, masked()).await;
    for door in ["/api/v1/calls", "/api/v1/recordings", "/api/v1/customers", "/api/v1/live"] {
        let text = floor.text(door, &own).await;
        assert!(text.contains(MASKED) && !text.contains(NUMBER), "{door}: {text}");
    }
    let sql = "SELECT DISTINCT caller FROM calls";
    let expected = json!([{"caller": format!("+86{MASKED}")}]);
    assert_eq!(floor.sql(&hidden, sql).await, expected);
    let unlimited = json!({"mask_numbers": false, "queues": null});
    let again = floor.limited(Role::Manager, unlimited).await;
    assert!(floor.text("/api/v1/calls", &again).await.contains(NUMBER), "the limit is lifted");
}

#[tokio::test]
async fn no_route_that_there_is_or_will_be_tells_a_hidden_number() {
    let floor = Floor::new().await;
    floor.rig.calls.callbacks.lock().unwrap().push(waiting());
    let reads = operations().into_iter().filter(|(method, ..)| *method == Method::GET);
    let details = floor.details().await;
    // A row that there is, where the floor has one.
    let of_a_row = |path: String| {
        let found = details.iter().find_map(|(list, id)| {
            let rest = path.strip_prefix(&format!("/api/v1/{list}/1"))?;
            let is_whole = rest.is_empty() || rest.starts_with('/');
            is_whole.then(|| format!("/api/v1/{list}/{id}{rest}"))
        });
        found.unwrap_or(path)
    };
    let reads: Vec<String> = reads.map(|(_, path, _)| of_a_row(path)).collect();
    let told = async |token: &str| {
        let mut telling = Vec::new();
        for path in &reads {
            let got = floor.rig.get(path, token).await;
            if String::from_utf8_lossy(&got.body).contains(NUMBER) {
                telling.push(path.clone());
            }
        }
        telling
    };
    let shown = told(&floor.rig.token(Role::Manager).await).await;
    for list in ["calls", "recordings", "customers", "orders", "live", "callbacks"] {
        let path = format!("/api/v1/{list}");
        assert!(shown.contains(&path), "{path} of {shown:?}");
    }
    for (list, id) in details.iter().filter(|(list, _)| *list != "recordings") {
        let path = format!("/api/v1/{list}/{id}");
        assert!(shown.contains(&path), "{path} of {shown:?}");
    }
    let hidden = told(&floor.limited(Role::Manager, masked()).await).await;
    assert!(hidden.is_empty(), "{hidden:?}");
}

#[tokio::test]
async fn a_question_that_is_refused_says_no_number_to_whom_they_are_hidden_from() {
    let floor = Floor::new().await;
    let question = json!({"sql": format!("SELECT f{NUMBER}(1)")});
    let refused = async |token: &str| {
        let got = floor.rig.post("/api/v1/sql", token, question.clone()).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{got:?}");
        got.json()["message"].as_str().unwrap().to_owned()
    };
    let shown = refused(&floor.rig.token(Role::Manager).await).await;
    assert!(shown.contains(NUMBER), "{shown}");
    let hidden = refused(&floor.limited(Role::Manager, masked()).await).await;
    assert!(hidden.contains(MASKED) && !hidden.contains(NUMBER), "{hidden}");
}

#[tokio::test]
async fn a_problem_that_is_told_in_chinese_says_no_hidden_number_either() {
    let floor = Floor::new().await;
    let hidden = floor.limited(Role::Manager, masked()).await;
    let odd = json!({"sql": "SELECT 1", (NUMBER): 1});
    let mut asked = request(Method::POST, "/api/v1/sql", &hidden, Some(odd));
    asked.headers_mut().insert("accept-language", "zh-CN".parse().unwrap());
    let got = floor.rig.router.clone().oneshot(asked).await.unwrap();
    assert_eq!(got.status(), StatusCode::BAD_REQUEST);
    assert_eq!(got.headers()["content-language"], "zh-CN");
    let body = to_bytes(got.into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8_lossy(&body);
    assert!(text.contains(MASKED) && !text.contains(NUMBER), "{text}");
}

#[tokio::test]
async fn what_shows_numbers_and_cannot_be_masked_is_kept_back() {
    let floor = Floor::new().await;
    let evidence = format!("/api/v1/calls/{}/evidence", floor.calls[0]);
    let doors = [evidence.as_str(), "/api/v1/recordings/export/wav"];
    let shown = floor.rig.token(Role::Manager).await;
    for door in doors {
        assert_eq!(floor.rig.get(door, &shown).await.status, StatusCode::OK, "{door}");
    }
    let hidden = floor.limited(Role::Manager, masked()).await;
    for door in doors {
        let got = floor.rig.get(door, &hidden).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{door}");
        assert_eq!(got.json()["type"], "urn:switchgrid:problem:hidden");
    }
    let written = floor.rig.store.audit(floor.rig.tenant(), None, 2).await.unwrap();
    let written: Vec<&str> = written.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(written, ["session.open", "user.sight"], "no file was made");
    let audio = format!("/api/v1/recordings/{}", floor.recordings[0]);
    assert_eq!(floor.rig.get(&audio, &hidden).await.body, b"RIFF".as_slice());
}

#[tokio::test]
async fn hidden_numbers_are_not_found_by_their_digits_and_customers_are_by_their_id() {
    let floor = Floor::new().await;
    let hidden = floor.limited(Role::Manager, masked()).await;
    for uri in [
        "/api/v1/customers?q=1380",
        "/api/v1/customers?number=13800138000",
        "/api/v1/recordings?caller=1380",
        "/api/v1/orders?customer_number=1380",
        "/api/v1/calls?text=1380",
        "/api/v1/lists/customers/csv?q=1380",
    ] {
        assert_eq!(floor.rig.get(uri, &hidden).await.status, StatusCode::BAD_REQUEST, "{uri}");
    }
    let calls = floor.text("/api/v1/calls?caller=13800", &hidden).await;
    assert!(!calls.contains(MASKED), "{calls}");
    let calls = floor.text("/api/v1/calls?caller=%2B86138%2A", &hidden).await;
    assert!(calls.contains(MASKED), "{calls}");
    let customers = floor.rig.get("/api/v1/customers", &hidden).await.json();
    let customer = customers[0]["id"].as_str().unwrap();
    for list in ["calls", "recordings"] {
        let found = floor.text(&format!("/api/v1/{list}?customer={customer}"), &hidden).await;
        assert!(found.contains(&floor.calls[0].to_string()), "{list}: {found}");
    }
}

#[tokio::test]
async fn what_was_hidden_is_not_saved_in_the_place_of_a_number() {
    let floor = Floor::new().await;
    let hidden = floor.limited(Role::Manager, masked()).await;
    let put = async |card: Value| {
        floor.rig.ask(Method::PUT, "/api/v1/customers", &hidden, Some(card)).await
    };
    for card in [
        json!({"number": format!("+86{MASKED}"), "name": "李"}),
        json!({"number": NUMBER, "name": "张", "note": "ring 138-****-8000"}),
    ] {
        assert_eq!(put(card).await.status, StatusCode::BAD_REQUEST);
    }
    let customer = floor.rig.store.customer_by_number(floor.rig.tenant(), NUMBER).await.unwrap();
    assert_eq!(customer.unwrap().card.note, "ring 138-0013-8000");
    let kept = put(json!({"number": NUMBER, "name": "张", "note": "at noon"})).await;
    assert_eq!(kept.status, StatusCode::OK, "{kept:?}");
    assert!(!String::from_utf8_lossy(&kept.body).contains(NUMBER), "{kept:?}");
    let like = format!("SELECT count(*) AS n FROM calls WHERE caller LIKE '%{MASKED}'");
    assert_eq!(floor.sql(&hidden, &like).await, json!([{"n": 2}]));
}

#[tokio::test]
async fn who_is_limited_to_queues_gets_no_row_of_another() {
    let floor = Floor::new().await;
    let (rig, tenant) = (&floor.rig, floor.rig.tenant());
    for (role, queue, seen) in [
        (Role::Supervisor, FIRST_QUEUE, 0),
        (Role::Supervisor, floor.other, 1),
        (Role::Manager, floor.other, 1),
    ] {
        let limits = json!({"mask_numbers": false, "queues": [queue]});
        let token = floor.limited(role, limits).await;
        let (calls, recordings) = (&floor.calls, &floor.recordings);
        for list in ["/api/v1/calls", "/api/v1/call-lists/csv", "/api/v1/recordings"] {
            let text = floor.text(list, &token).await;
            let rows = text.matches(NUMBER).count();
            assert_eq!(rows, 1, "{list}: {text}");
        }
        let list = floor.text("/api/v1/calls", &token).await;
        assert!(list.contains(&calls[seen].to_string()), "{list}");
        let list = floor.text("/api/v1/recordings", &token).await;
        assert!(list.contains(&recordings[seen].to_string()), "{list}");
        let report = "/api/v1/reports/calls?period=2026-11-23&format=csv";
        assert_eq!(floor.text(report, &token).await.matches(NUMBER).count(), 1);
        for at in [0, 1] {
            let status = if at == seen { StatusCode::OK } else { StatusCode::NOT_FOUND };
            for uri in [
                format!("/api/v1/calls/{}", calls[at]),
                format!("/api/v1/recordings/{}", recordings[at]),
            ] {
                assert_eq!(rig.get(&uri, &token).await.status, status, "{role:?} {uri}");
            }
        }
        // The live call is one of the first queue.
        let live = rig.get("/api/v1/live", &token).await.json();
        assert_eq!(live["calls"].as_array().unwrap().len(), 1 - seen, "{live}");
        let act = format!("/api/v1/calls/{LIVE_CALL}/actions");
        let got = rig.post(&act, &token, json!({"action": "hangup"})).await;
        assert_eq!(got.status == StatusCode::NOT_FOUND, seen == 1, "{got:?}");
        assert_eq!(rig.get("/api/v1/events", &token).await.status, StatusCode::FORBIDDEN);
        if role == Role::Manager {
            let rows = floor.sql(&token, "SELECT call_id FROM calls").await;
            assert_eq!(rows, json!([{"call_id": calls[seen].to_string()}]));
            for uri in [
                format!("/api/v1/calls/{}/evidence", calls[seen]),
                "/api/v1/reports/cost_per_contact?format=csv".to_owned(),
            ] {
                assert_eq!(rig.get(&uri, &token).await.status, StatusCode::FORBIDDEN, "{uri}");
            }
        }
    }
    // A call that came through both: the visit of the other queue is not among its details.
    let visit = |id, queue| QueueVisit { queue_id: queue, ..visit_row(tenant, floor.calls[0], id) };
    let rows = [visit(1, FIRST_QUEUE), visit(2, floor.other)].map(Row::QueueVisit);
    rig.stage(&rows).await;
    let limits = json!({"mask_numbers": false, "queues": [FIRST_QUEUE]});
    let token = floor.limited(Role::Supervisor, limits).await;
    let call = rig.get(&format!("/api/v1/calls/{}", floor.calls[0]), &token).await.json();
    assert_eq!(call["visits"].as_array().unwrap().len(), 1, "{call}");
    assert_eq!(call["visits"][0]["queue_id"], FIRST_QUEUE.to_string());
    // No queue is no row.
    let nothing = json!({"mask_numbers": false, "queues": []});
    let token = floor.limited(Role::Supervisor, nothing).await;
    assert!(!floor.text("/api/v1/calls", &token).await.contains(NUMBER));
    assert!(!floor.text("/api/v1/recordings", &token).await.contains(NUMBER));
}

#[tokio::test]
async fn who_is_limited_to_queues_sees_their_messages_and_callbacks_and_no_others() {
    let floor = Floor::new().await;
    let rig = &floor.rig;
    let message = left(rig).await;
    rig.calls.callbacks.lock().unwrap().push(waiting());
    let heard = format!("/api/v1/voicemails/{message}/heard");
    for role in [Role::Supervisor, Role::Manager] {
        for (queue, sees) in [(floor.other, false), (FIRST_QUEUE, true)] {
            let limits = json!({"mask_numbers": false, "queues": [queue]});
            let token = floor.limited(role, limits).await;
            for list in ["/api/v1/voicemails", "/api/v1/callbacks"] {
                let listed = rig.get(list, &token).await.json();
                assert_eq!(listed.as_array().unwrap().len(), usize::from(sees), "{role:?} {list}");
            }
            let expected = if sees { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND };
            let got = rig.ask(Method::POST, &heard, &token, None).await;
            assert_eq!(got.status, expected, "{role:?} {queue}: {got:?}");
            let got = rig.ask(Method::DELETE, "/api/v1/callbacks/7", &token, None).await;
            assert_eq!(got.status, expected, "{role:?} {queue}: {got:?}");
        }
    }
}

#[tokio::test]
async fn who_is_limited_changes_nothing_that_the_schedule_of_somebody_else_makes() {
    let floor = Floor::new().await;
    let rig = &floor.rig;
    let definition = json!({
        "title": {"zh": "主叫", "en": "Callers"}, "help": {"zh": "主叫", "en": "Callers"},
        "sql": "SELECT caller FROM calls WHERE started_at >= :from AND started_at < :until",
        "columns": [{"id": "caller", "title": {"zh": "主叫", "en": "Caller"}, "kind": "text"}],
        "roles": ["manager", "administrator"],
    });
    let put = async |uri: &str, token: &str, body: &Value| {
        rig.ask(Method::PUT, uri, token, Some(body.clone())).await.status
    };
    let callers = "/api/v1/report-definitions/callers";
    assert_eq!(put(callers, &floor.administrator, &definition).await, StatusCode::OK);
    let report = |name: &str, report: &str| {
        json!({"name": name, "report": report, "period": "yesterday", "format": "csv",
            "language": "en"})
    };
    let save = async |token: &str, report: &Value| {
        let made = rig.post("/api/v1/saved-reports", token, report.clone()).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        made.json()["id"].as_str().unwrap().to_owned()
    };
    let schedule = async |token: &str, name: &str, saved: &str, more: &[&str]| {
        let draft = json!({"name": name, "saved_report": saved, "more": more,
            "cron": "0 8 * * *", "misfire": "run_once"});
        let made = rig.post("/api/v1/schedules", token, draft).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    };
    let (first, second) = (report("First", "workload"), report("Second", "own.callers"));
    let first_id = save(&floor.administrator, &first).await;
    let second_id = save(&floor.administrator, &second).await;
    schedule(&floor.administrator, "Theirs", &first_id, &[second_id.as_str()]).await;
    let uris = [&first_id, &second_id].map(|id| format!("/api/v1/saved-reports/{id}"));
    let queues = json!({"mask_numbers": false, "queues": [floor.other]});
    for (limits, status) in [
        (masked(), StatusCode::FORBIDDEN),
        (queues, StatusCode::FORBIDDEN),
        (json!({"mask_numbers": false, "queues": null}), StatusCode::OK),
    ] {
        let manager = floor.limited(Role::Manager, limits.clone()).await;
        assert_eq!(put(&uris[0], &manager, &first).await, status, "the first: {limits}");
        assert_eq!(put(&uris[1], &manager, &second).await, status, "a further one: {limits}");
        assert_eq!(put(callers, &manager, &definition).await, status, "what it asks: {limits}");
    }
    // What they alone schedule, or nobody, is theirs to change.
    let manager = floor.limited(Role::Manager, masked()).await;
    let own = report("Own", "workload");
    let own_id = save(&manager, &own).await;
    let uri = format!("/api/v1/saved-reports/{own_id}");
    assert_eq!(put(&uri, &manager, &own).await, StatusCode::OK);
    schedule(&manager, "Mine", &own_id, &[]).await;
    assert_eq!(put(&uri, &manager, &own).await, StatusCode::OK);
}

#[tokio::test]
async fn only_administrators_set_what_others_see_and_it_is_written_down() {
    let floor = Floor::new().await;
    let rig = &floor.rig;
    let manager = rig.person(rig.tenant(), Role::Manager).await;
    let uri = format!("/api/v1/users/{manager}/sight");
    let limits = json!({"mask_numbers": true, "queues": [floor.other]});
    let token = rig.token(Role::Manager).await;
    let refused = rig.ask(Method::PUT, &uri, &token, Some(limits.clone())).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(floor.set(manager, limits.clone()).await, StatusCode::NO_CONTENT);
    let written = rig.store.audit(rig.tenant(), None, 1).await.unwrap().remove(0);
    assert_eq!(written.action, "user.sight");
    let expected = format!("{manager} numbers masked, queues [\"{}\"]", floor.other);
    assert_eq!(written.subject, expected);
    assert_eq!(rig.get(&uri, &floor.administrator).await.json(), limits);

    let administrator = rig.person(rig.tenant(), Role::Administrator).await;
    assert_eq!(floor.set(administrator, masked()).await, StatusCode::CONFLICT);
    let agent = UserId(rig.first.agents[0].0.0);
    assert_eq!(floor.set(agent, limits).await, StatusCode::CONFLICT);
    let unknown = json!({"mask_numbers": false, "queues": ["4711"]});
    assert_eq!(floor.set(manager, unknown).await, StatusCode::NOT_FOUND);
    assert_eq!(floor.set(UserId(4711), masked()).await, StatusCode::NOT_FOUND);
    let (_, foreign) = rig.other_tenant().await;
    let got = rig.ask(Method::PUT, &uri, &foreign, Some(masked())).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
}
