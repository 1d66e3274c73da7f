//! Lists of the API as files.

use super::rig::{NOON, Rig};
use axum::http::StatusCode;
use desk::{By, Role};
use reports::found::Listed;
use serde_json::json;

fn lines(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8(body.to_vec()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn every_list_is_fetched_as_a_file_by_who_may_see_it_and_is_written_down() {
    let rig = Rig::new().await;
    let (administrator, agent) =
        (rig.token(Role::Administrator).await, rig.token(Role::Agent).await);
    for list in Listed::ALL {
        let uri = format!("/api/v1/lists/{}/csv", list.name());
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
