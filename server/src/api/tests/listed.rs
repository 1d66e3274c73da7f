//! Lists of the API as files.

use super::report_definitions::{TALK, definition};
use super::rig::{NOON, Rig};
use crate::api::{document, lists};
use axum::http::{Method, StatusCode};
use desk::{By, Role};
use reports::found::Listed;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use terms::control::{Ban, BanReason};

/// A moment before noon, as an address has it.
const MORNING: &str = "2026-11-23T00:00:00Z";

fn lines(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8(body.to_vec()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// What lists belong to, one of each.
struct Things {
    agent: String,
    hook: String,
    order: String,
}

impl Things {
    async fn made(rig: &Rig, administrator: &str) -> Things {
        let id = |made: Value| made["id"].as_str().expect("an id").to_owned();
        let storm = json!({"flow": "1"});
        let plan = "/api/v1/emergency/storm";
        let put = rig.ask(Method::PUT, plan, administrator, Some(storm)).await;
        assert_eq!(put.status, StatusCode::OK, "{put:?}");
        let put = rig.ask(Method::PUT, TALK, administrator, Some(definition())).await;
        assert_eq!(put.status, StatusCode::OK, "{put:?}");
        let hook = json!({"name": "crm", "url": "https://crm.example/in/s3cret?token=s3cret"});
        let hook = rig.post("/api/v1/hooks", administrator, hook).await;
        let order = json!({"kind": "报修", "title": "x"});
        let order = rig.post("/api/v1/orders", administrator, order).await;
        Things {
            agent: rig.first.agents[0].0.to_string(),
            hook: id(hook.json()),
            order: id(order.json()),
        }
    }

    /// What a list cannot be asked without.
    fn query(&self, list: Listed) -> String {
        match list {
            Listed::AgentsAuthCodes | Listed::AgentsTeam => format!("of={}", self.agent),
            Listed::Availability => format!("from={MORNING}"),
            Listed::EmergencyDuty => "of=storm".to_owned(),
            Listed::FlowsHistory | Listed::FlowsReviews | Listed::FlowsStatistics => {
                "of=1".to_owned()
            }
            Listed::HooksDeliveries => format!("of={}", self.hook),
            Listed::OrdersSteps => format!("of={}", self.order),
            Listed::ReportDefinitionsVersions => "of=talk".to_owned(),
            _ => String::new(),
        }
    }
}

/// Lists of the document: path, name as a file, and the permission that they need.
fn lists_of_the_document() -> Vec<(String, String, String)> {
    let document = serde_json::to_value(document()).unwrap();
    let schemas = &document["components"]["schemas"];
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let answer = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let named = answer["$ref"].as_str().and_then(|of| of.rsplit('/').next());
        let is_page = named.is_some_and(|of| schemas[of]["properties"]["next"].is_object());
        if answer["type"] != "array" && !is_page {
            continue;
        }
        let parts = path.trim_start_matches("/api/v1/").split('/');
        let parts: Vec<&str> = parts.filter(|part| !part.starts_with('{')).collect();
        let text = item["get"]["description"].as_str().unwrap_or_default();
        let needed = text.rsplit_once("Needs the permission `").map_or("", |(_, rest)| rest);
        let needed = needed.split('`').next().unwrap_or_default().to_owned();
        found.push((path.clone(), parts.join("-"), needed));
    }
    found
}

#[test]
fn every_list_of_the_document_is_a_file_for_who_may_see_it() {
    // These two have addresses of their own, and what is behind a row of a report is ids.
    let others = ["/api/v1/calls", "/api/v1/orders", "/api/v1/reports/{id}/behind"];
    let mut names = BTreeSet::new();
    for (path, name, needed) in lists_of_the_document() {
        if others.contains(&path.as_str()) {
            continue;
        }
        let list: Listed = name.parse().unwrap_or_else(|()| panic!("{path} is no file {name}"));
        assert_eq!(lists::needs(list).as_str(), needed, "{path}");
        names.insert(list.name());
    }
    let all: BTreeSet<&str> = Listed::ALL.into_iter().map(Listed::name).collect();
    assert_eq!(names, all, "each file is a list");
}

#[tokio::test]
async fn every_list_is_fetched_as_a_file_by_who_may_see_it_and_is_written_down() {
    let rig = Rig::new().await;
    let (administrator, agent) =
        (rig.token(Role::Administrator).await, rig.token(Role::Agent).await);
    let things = Things::made(&rig, &administrator).await;
    for list in Listed::ALL {
        let uri = format!("/api/v1/lists/{}/csv?{}", list.name(), things.query(list));
        let got = rig.get(&uri, &administrator).await;
        assert_eq!(got.status, StatusCode::OK, "{uri}: {got:?}");
        assert!(!lines(&got.body).is_empty(), "{uri} has its heads");
        let written = rig.store.audit(rig.tenant(), None, 1).await.unwrap().remove(0);
        assert_eq!(written.action, "list.export");
        assert!(written.subject.ends_with(&format!(" {}, csv", list.name())), "{written:?}");
        assert_eq!(rig.get(&uri, &agent).await.status, StatusCode::FORBIDDEN, "{uri}");
    }
    let supervisor = rig.token(Role::Supervisor).await;
    let audit = rig.get("/api/v1/lists/audit/pdf", &supervisor).await;
    assert_eq!(audit.status, StatusCode::FORBIDDEN, "a list needs what its own address needs");
    for form in ["pdf", "xlsx", "html", "txt", "png", "json"] {
        let got = rig.get(&format!("/api/v1/lists/agents/{form}"), &supervisor).await;
        assert_eq!(got.status, StatusCode::OK, "{form}: {got:?}");
    }
    for (uri, status) in [
        ("/api/v1/lists/nothing/csv", StatusCode::NOT_FOUND),
        ("/api/v1/lists/agents/exe", StatusCode::NOT_FOUND),
        ("/api/v1/lists/agents/csv?queue=1", StatusCode::BAD_REQUEST),
        ("/api/v1/lists/shifts/csv?unknown=1", StatusCode::BAD_REQUEST),
        ("/api/v1/lists/queues/csv?of=1", StatusCode::BAD_REQUEST),
        ("/api/v1/lists/flows-history/csv", StatusCode::BAD_REQUEST),
        ("/api/v1/lists/flows-history/csv?of=999", StatusCode::NOT_FOUND),
        ("/api/v1/lists/flows-history/csv?of=x", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(rig.get(uri, &supervisor).await.status, status, "{uri}");
    }
}

#[tokio::test]
async fn a_list_as_a_file_has_the_rows_of_the_list_with_names_for_ids() {
    let rig = Rig::new().await;
    let supervisor = rig.token(Role::Supervisor).await;
    let agents = rig.store.agents(rig.tenant()).await.unwrap();
    for (agent, day) in [(&agents[0], 24), (&agents[1], 25)] {
        let shift = json!({"agent": agent.id, "starts_at": format!("2026-11-{day}T00:30:00Z"),
            "ends_at": format!("2026-11-{day}T09:00:00Z")});
        let made = rig.post("/api/v1/shifts", &supervisor, shift).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    }
    let rows = async |query: &str| {
        let got = rig.get(&format!("/api/v1/lists/shifts/csv?{query}"), &supervisor).await;
        lines(&got.body)
    };
    let all = rows("").await;
    assert_eq!(all.len(), 4, "a head, two rows, a total: {all:?}");
    let first = format!("2026-11-24 08:30:00,2026-11-24 17:00:00,{},", agents[0].name);
    assert!(all[1].starts_with(&first), "{all:?}");
    let own = rows(&format!("agent={}&limit=1", agents[1].id)).await;
    assert_eq!(own.len(), 3, "its own conditions hold: {own:?}");
    assert!(own[1].contains(&agents[1].name), "{own:?}");
    let (_, other) = rig.other_tenant().await;
    let foreign = rig.get("/api/v1/lists/shifts/csv", &other).await;
    assert_eq!(lines(&foreign.body).len(), 1, "another tenant has its own: none");
}

#[tokio::test]
async fn a_list_of_many_pages_is_one_file() {
    let rig = Rig::new().await;
    let administrator = rig.token(Role::Administrator).await;
    let by = By::system("test", NOON);
    for number in 0..520 {
        rig.store.note(rig.tenant(), &by, "test.note", &format!("row {number}")).await.unwrap();
    }
    let got = rig.get("/api/v1/lists/audit/csv", &administrator).await;
    let rows = lines(&got.body);
    let noted: Vec<&String> = rows.iter().filter(|row| row.contains("test.note")).collect();
    assert_eq!(noted.len(), 520);
    assert!(noted[0].ends_with("row 519") && noted[519].ends_with("row 0"), "the latest first");
}

async fn text(rig: &Rig, list: &str, token: &str) -> String {
    let got = rig.get(&format!("/api/v1/lists/{list}"), token).await;
    assert_eq!(got.status, StatusCode::OK, "{list}: {got:?}");
    String::from_utf8(got.body.to_vec()).unwrap()
}

#[tokio::test]
async fn lists_of_settings_have_names_for_ids_and_heads_in_the_organisations_language() {
    let rig = Rig::new().await;
    let administrator = rig.token(Role::Administrator).await;
    let agents = rig.store.agents(rig.tenant()).await.unwrap();
    let queue = json!({"name": "=1+1", "strategy": "round_robin", "wrap_up_s": 7});
    let made = rig.post("/api/v1/queues", &administrator, queue).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let queues = text(&rig, "queues/csv", &administrator).await;
    assert!(queues.lines().next().unwrap().contains("名称,分配策略,座席"), "{queues}");
    assert!(queues.contains("'=1+1,轮流,"), "a cell is no formula: {queues}");
    assert!(queues.contains(&agents[0].name), "{queues}");

    let trunk = json!({"name": "north line", "proxy": "sip:192.0.2.9:5060"});
    let trunk = rig.post("/api/v1/trunks", &administrator, trunk).await.json();
    let site = json!({"name": "north", "trunk": trunk["id"], "number": "95105688",
        "ranges": [{"prefix": "82", "digits": 4}]});
    let made = rig.post("/api/v1/sites", &administrator, site).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let sites = text(&rig, "sites/csv", &administrator).await;
    assert!(sites.contains("north,north line,95105688,82xx,否"), "{sites}");

    *rig.calls.bans.lock().unwrap() = vec![Ban {
        address: "198.51.100.66".parse().unwrap(),
        why: BanReason::Scanner,
        named: "=cmd".into(),
        since: NOON,
        until: NOON + std::time::Duration::from_secs(600),
        claimed: false,
        times: 2,
    }];
    let row = "2026-11-23 12:00:00,2026-11-23 12:10:00,198.51.100.66,扫描程序,'=cmd,否,2";
    let bans = text(&rig, "bans/csv", &administrator).await;
    assert!(bans.lines().any(|line| line == row), "{bans}");

    let (_, english) = rig.other_tenant().await;
    let bans = text(&rig, "bans/csv", &english).await;
    let head = "Since,Until,Address,Why,Named,Datagrams alone,In a row";
    assert!(bans.lines().next().unwrap().ends_with(head), "{bans}");
    assert!(bans.contains("198.51.100.66,a scanner,'=cmd,no,2"), "{bans}");
    let queues = text(&rig, "queues/csv", &english).await;
    assert!(!queues.contains("轮流") && !queues.contains("1+1"), "another's: {queues}");
}

#[tokio::test]
async fn no_secret_of_a_setting_is_in_a_file() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let things = Things::made(&rig, &token).await;
    let server =
        json!({"address": "postgres://db.example/gas", "user": "ivr", "password": "s3cret"});
    let made = rig.ask(Method::PUT, "/api/v1/connectors/gas", &token, Some(server)).await;
    assert_eq!(made.status, StatusCode::OK, "{made:?}");
    let room = json!({"name": "Monday", "number": "7001", "guest_pin": "471104",
        "chair_pin": "815471", "wait_for_chair": true});
    let made = rig.post("/api/v1/conferences", &token, room).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let lease = json!({"kind": "axe", "number": "95105688", "a": "13800138001",
        "code": "736251", "until": "2027-05-01T04:00:00Z"});
    let made = rig.post("/api/v1/leases", &token, lease).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let program = json!({"name": "crm", "role": "agent", "days": 1});
    let program = rig.post("/api/v1/tokens", &token, program).await.json();
    let program = program["secret"].as_str().expect("a token, shown once").to_owned();
    let phone = format!("/api/v1/agents/{}/auth-codes", things.agent);
    let phone = rig.post(&phone, &token, json!({"name": "app"})).await.json();
    let phone = phone["code"].as_str().expect("a code, shown once").to_owned();
    for list in Listed::ALL {
        let name = format!("{}/json?{}", list.name(), things.query(list));
        let text = text(&rig, &name, &token).await;
        for secret in ["s3cret", "471104", "815471", "736251", &token, &program, &phone] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    let hooks = text(&rig, "hooks/csv", &token).await;
    assert!(hooks.contains("crm,https://crm.example,"), "{hooks}");
    let leases = text(&rig, "leases/csv", &token).await;
    assert!(leases.contains("axe") && leases.contains("13800138001"), "{leases}");
}

#[tokio::test]
async fn a_list_whose_rows_are_named_by_numbers_is_one_file_of_many_pages() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let entry = |number: u32| json!({"kind": "number", "value": format!("+86138{number:08}")});
    let entries: Vec<Value> = (0..1_001).map(entry).collect();
    let uri = "/api/v1/recording-exclusions";
    let made = rig.post(uri, &token, json!({ "entries": entries })).await;
    assert!(made.status.is_success(), "{made:?}");
    let list = text(&rig, "recording-exclusions/csv", &token).await;
    let numbers: BTreeSet<&str> = list.lines().filter_map(|line| line.split('+').nth(1)).collect();
    assert_eq!(numbers.len(), 1_001, "none twice, none left out");
}

#[tokio::test]
async fn a_setting_is_for_who_may_see_it_and_numbers_in_it_are_masked_like_in_the_list() {
    let rig = Rig::new().await;
    let administrator = rig.token(Role::Administrator).await;
    let lease = json!({"kind": "ax", "number": "95105688", "a": "13800138000",
        "until": "2027-05-01T04:00:00Z"});
    let made = rig.post("/api/v1/leases", &administrator, lease).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let supervisor = rig.token(Role::Supervisor).await;
    for (list, status) in [
        ("leases", StatusCode::OK),
        ("trunks", StatusCode::FORBIDDEN),
        ("bans", StatusCode::FORBIDDEN),
        ("schedules", StatusCode::FORBIDDEN),
        ("erasures", StatusCode::FORBIDDEN),
    ] {
        let got = rig.get(&format!("/api/v1/lists/{list}/csv"), &supervisor).await;
        assert_eq!(got.status, status, "{list}");
        let told = rig.get(&format!("/api/v1/{list}"), &supervisor).await;
        assert_eq!(told.status, status, "{list} as it is told");
    }
    let plain = text(&rig, "leases/csv", &supervisor).await;
    assert!(plain.contains("13800138000"), "{plain}");
    let user = rig.person(rig.tenant(), Role::Supervisor).await;
    let limits = json!({"mask_numbers": true, "queues": null});
    let uri = format!("/api/v1/users/{user}/sight");
    let set = rig.ask(Method::PUT, &uri, &administrator, Some(limits)).await;
    assert_eq!(set.status, StatusCode::NO_CONTENT, "{set:?}");
    let masked = rig.token(Role::Supervisor).await;
    for form in ["csv", "json", "html"] {
        let hidden = text(&rig, &format!("leases/{form}"), &masked).await;
        assert!(!hidden.contains("13800138000") && hidden.contains("138****8000"), "{hidden}");
    }
    let allowed = rig.get("/api/v1/lists/flows-history/csv?of=1", &masked).await;
    assert_eq!(allowed.status, StatusCode::OK, "an id is no search for digits: {allowed:?}");
}
