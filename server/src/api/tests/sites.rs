//! Other sites: who makes them and sees them, what is refused in both languages, and who may not call
//! there.

use super::rig::{Got, Rig};
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};
use terms::SiteId;
use terms::routing::Target;

const SITES: &str = "/api/v1/sites";

async fn trunk(rig: &Rig, token: &str, name: &str) -> String {
    let draft = json!({"name": name, "proxy": "sip:192.0.2.9:5060"});
    let made = rig.post("/api/v1/trunks", token, draft).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    made.json()["id"].as_str().unwrap().to_owned()
}

fn north(trunk: &str) -> Value {
    json!({"name": "north", "trunk": trunk, "number": "95105688", "inward": true,
        "ranges": [{"prefix": "82", "digits": 4}]})
}

fn says(got: &Got, field: &str) -> bool {
    got.status == StatusCode::BAD_REQUEST && got.json().to_string().contains(field)
}

#[tokio::test]
async fn administrators_make_sites_that_leaders_see_and_numbers_lead_to() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let north_trunk = trunk(&rig, &token, "north").await;
    for role in [Role::Agent, Role::Supervisor, Role::Manager] {
        let got = rig.post(SITES, &rig.token(role).await, north(&north_trunk)).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{role:?}");
    }
    let made = rig.post(SITES, &token, north(&north_trunk)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let seen = rig.get(SITES, &rig.token(Role::Supervisor).await).await.json();
    assert_eq!((&seen[0]["id"], &seen[0]["ranges"][0]["prefix"]), (&json!(id), &json!("82")));
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    assert!(plan.sites[0].has("8205"));
    assert_eq!(rig.calls.plan_version(rig.tenant()), plan.version, "the switch hears of it");

    let uri = format!("{SITES}/{id}");
    let number = json!({"digits": "95105699", "target": {"site": id}});
    let leads = rig.post("/api/v1/numbers", &token, number).await;
    assert_eq!(leads.status, StatusCode::CREATED, "{leads:?}");
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    let target = Target::Site(id.parse::<SiteId>().unwrap());
    assert!(plan.numbers.iter().any(|number| number.target == target));
    let kept = rig.ask(Method::DELETE, &uri, &token, None).await;
    assert_eq!(kept.status, StatusCode::CONFLICT, "{kept:?}");
    let (_, foreign) = rig.other_tenant().await;
    assert_eq!(rig.get(SITES, &foreign).await.json(), json!([]));
    let got = rig.ask(Method::PUT, &uri, &foreign, Some(north(&north_trunk))).await;
    assert!(got.status.is_client_error(), "{got:?}");

    let number = format!("/api/v1/numbers/{}", leads.json()["id"].as_str().unwrap());
    assert_eq!(rig.ask(Method::DELETE, &number, &token, None).await.status, StatusCode::NO_CONTENT);
    let gone = rig.ask(Method::DELETE, &uri, &token, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_site_whose_numbers_stand_for_somebody_is_refused_with_its_field() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let (one, other) = (trunk(&rig, &token, "north").await, trunk(&rig, &token, "south").await);
    let made = rig.post(SITES, &token, north(&one)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let ranges = |prefix: &str, digits: u8| json!({"name": "south", "trunk": other, "ranges": [{"prefix": prefix, "digits": digits}]});
    for (body, field) in [
        (json!({"name": " ", "trunk": other, "number": "1"}), "name"),
        (json!({"name": "south", "trunk": other}), "or both"),
        (json!({"name": "south", "trunk": one, "number": "1"}), "leads to the site"),
        (json!({"name": "south", "trunk": "999", "number": "1"}), "no such trunk"),
        (ranges("8", 4), "has some of the numbers"),
        (ranges("10", 4), "is an agent"),
        (ranges("*4", 4), "entry 1: a prefix"),
        (ranges("1", 3), "is an emergency number"),
    ] {
        let got = rig.post(SITES, &token, body.clone()).await;
        assert!(says(&got, field), "{body}: {got:?}");
    }
    let number = json!({"digits": "8205", "target": "hangup"});
    let got = rig.post("/api/v1/numbers", &token, number).await;
    assert!(says(&got, "is a short number of the site"), "{got:?}");
    let nowhere = json!({"digits": "95105699", "target": {"site": "999"}});
    let got = rig.post("/api/v1/numbers", &token, nowhere).await;
    assert!(says(&got, "no site 999"), "{got:?}");
}

#[tokio::test]
async fn the_right_to_sites_is_given_to_a_tenant_and_to_an_agent() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let agent = rig.first.agents[0].0;
    let rules = json!({"dial": "local", "forward": "local", "announce": false, "prefixes": [],
        "sites": true});
    let got = rig.ask(Method::PUT, "/api/v1/calling-rules", &token, Some(rules.clone())).await;
    assert_eq!(got.status, StatusCode::NO_CONTENT, "{got:?}");
    assert_eq!(rig.get("/api/v1/calling-rules", &token).await.json(), rules);
    let right = json!({"dial": null, "forward": null, "sites": false});
    let uri = format!("/api/v1/agents/{agent}/calling-right");
    let got = rig.ask(Method::PUT, &uri, &token, Some(right.clone())).await;
    assert_eq!((got.status, &got.json()["calling"]), (StatusCode::OK, &right));
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    let own = plan.agent(agent).unwrap().calling;
    assert_eq!((plan.calling.sites, own.sites), (true, Some(false)));
}
