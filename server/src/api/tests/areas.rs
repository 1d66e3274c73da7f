//! Areas and field workers over the API: who may, what is refused and in which words, and that another
//! tenant's do not exist.

use super::rig::Rig;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};

fn worker(name: &str, phone: &str) -> Value {
    json!({"name": name, "phone": phone})
}

async fn id_of(rig: &Rig, path: &str, token: &str, draft: Value) -> String {
    let made = rig.post(path, token, draft).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    made.json()["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_manager_draws_areas_and_a_supervisor_sends_workers_on_leave() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let supervisor = rig.token(Role::Supervisor).await;
    let li = id_of(&rig, "/api/v1/workers", &supervisor, worker("Li", "13800000001")).await;
    let wang = id_of(&rig, "/api/v1/workers", &supervisor, worker("Wang", "13900000002")).await;
    let draft = json!({"code": "020", "name": "城北", "queue": "1", "workers": [li],
        "callers": ["+862087*"]});
    let refused = rig.post("/api/v1/areas", &supervisor, draft.clone()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let area = id_of(&rig, "/api/v1/areas", &manager, draft).await;
    let listed = rig.get("/api/v1/areas", &supervisor).await.json();
    assert_eq!((&listed[0]["workers"], &listed[0]["ring_s"]), (&json!([li]), &json!(20)));

    let mut leave = worker("Li", "13800000001");
    leave["substitute"] = json!(wang);
    leave["absence"] = json!({"from": "2026-11-23T08:00:00+08:00"});
    let uri = format!("/api/v1/workers/{li}");
    let changed = rig.ask(Method::PUT, &uri, &supervisor, Some(leave)).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    let told = rig.get(&uri, &supervisor).await.json();
    let absence = json!({"from": "2026-11-23T00:00:00.000Z", "until": null});
    assert_eq!((&told["absence"], &told["areas"]), (&absence, &json!([area])));
    let grid = rig.store.compile_plan(rig.tenant()).await.unwrap().grid;
    assert!(grid.workers[0].absence.is_some() && grid.workers[0].substitute.is_some());

    let kept = rig.ask(Method::DELETE, &uri, &supervisor, None).await;
    assert_eq!(kept.status, StatusCode::CONFLICT, "they work somewhere");
    let uri = format!("/api/v1/areas/{area}");
    let gone = rig.ask(Method::DELETE, &uri, &manager, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get(&uri, &manager).await.status, StatusCode::NOT_FOUND);
    let agent = rig.token(Role::Agent).await;
    assert_eq!(rig.get("/api/v1/workers", &agent).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_is_no_area_or_worker_is_refused_by_its_field_in_both_languages() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let li = id_of(&rig, "/api/v1/workers", &token, worker("Li", "13800000001")).await;
    let good_area = json!({"code": "020", "name": "North", "queue": "1"});
    let good_worker = worker("Wang", "13900000002");
    let backwards = json!({"from": "2026-11-23T08:00:00Z", "until": "2026-11-23T07:00:00Z"});
    for (good, path, field, value, chinese) in [
        (&good_worker, "workers", "phone", json!("12a"), "需要分机号"),
        (&good_worker, "workers", "phone", json!("95105688"), "对外公布"),
        (&good_worker, "workers", "absence", backwards, "须晚于开始时间"),
        (&good_worker, "workers", "substitute", json!("99"), "没有此网格员"),
        (&good_area, "areas", "code", json!("a b"), "需要 1-32"),
        (&good_area, "areas", "number", json!("10086"), "本租户的号码"),
        (&good_area, "areas", "queue", json!("99"), "没有此队列"),
        (&good_area, "areas", "team", json!("99"), "没有此队列"),
        (&good_area, "areas", "team", json!("1"), "不能与片区队列相同"),
        (&good_area, "areas", "workers", json!([li, li]), "每人一次"),
        (&good_area, "areas", "workers", json!(["99"]), "没有此网格员"),
        (&good_area, "areas", "order", json!("x"), "没有工单类型"),
        (&good_area, "areas", "ring_s", json!(3), "超出范围"),
        (&good_area, "areas", "callers", json!(["020*"]), "例如 +8620*"),
        (&good_area, "areas", "addresses", json!(["*路*"]), "两个 * 之间的词"),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        let got = rig.post(&format!("/api/v1/{path}"), &token, bad).await;
        let expected = (StatusCode::BAD_REQUEST, json!(field));
        assert_eq!((got.status, got.json()["field"].clone()), expected, "{got:?}");
        let message = got.json()["message"].as_str().expect("a message").to_owned();
        let told = crate::api::messages::in_chinese(&message).expect("it is told in Chinese");
        assert!(told.contains(chinese), "{field}: {told}");
    }
    let own = json!({"name": "Li", "phone": "13800000001", "substitute": li});
    let uri = format!("/api/v1/workers/{li}");
    let got = rig.ask(Method::PUT, &uri, &token, Some(own)).await;
    assert_eq!((got.status, &got.json()["field"]), (StatusCode::BAD_REQUEST, &json!("substitute")));
    let twin = rig.post("/api/v1/workers", &token, worker("Twin", "+8613800000001")).await;
    assert_eq!(twin.status, StatusCode::CONFLICT, "one phone, one worker");
    let odd = json!({"code": "020", "name": "North", "queue": "1", "colour": "red"});
    assert!(rig.post("/api/v1/areas", &token, odd).await.status.is_client_error());
}

#[tokio::test]
async fn the_area_of_an_address_is_told_and_goes_onto_customers_and_orders() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let supervisor = rig.token(Role::Supervisor).await;
    for (code, name, addresses) in [
        ("020", "城北", json!(["广州市越秀区*", "*翠湖山庄*"])),
        ("021", "花园", json!(["广州市越秀区花园路*"])),
    ] {
        let draft = json!({"code": code, "name": name, "queue": "1", "addresses": addresses});
        id_of(&rig, "/api/v1/areas", &manager, draft).await;
    }
    let twice = json!({"code": "022", "name": "x", "queue": "1", "addresses": ["*翠湖山庄*"]});
    let taken = rig.post("/api/v1/areas", &manager, twice).await;
    assert_eq!(taken.status, StatusCode::CONFLICT, "one address, one area: {taken:?}");
    let at = async |address: &str| {
        let address: String = address.bytes().map(|byte| format!("%{byte:02X}")).collect();
        rig.get(&format!("/api/v1/area-of-address?address={address}"), &supervisor).await
    };
    assert_eq!(at("广州市越秀区花园路 7号").await.json()["code"], "021");
    assert_eq!(at("深圳市翠湖山庄3栋").await.json()["code"], "020");
    assert_eq!(at("深圳市").await.status, StatusCode::NOT_FOUND);
    let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
    assert_eq!(plan.grid.areas[0].addresses, ["*翠湖山庄*", "广州市越秀区*"]);

    let by = desk::By::system("test", super::rig::NOON);
    let (tenant, number) = (rig.tenant(), "13800138000");
    let address = || "广州市越秀区中山路1号".to_owned();
    let card = desk::customer::Card { address: address(), ..Default::default() };
    let customer = rig.store.put_customer(tenant, &by, number, &card).await.unwrap();
    assert_eq!(customer.card.area, "城北");
    for (area, expected) in [("", "城北"), ("东山", "东山")] {
        let new = desk::order::write::NewOrder {
            kind: "漏水".into(),
            title: "漏水".into(),
            department: Some("维修".into()),
            address: address(),
            area: area.into(),
            ..Default::default()
        };
        let made = rig.store.create_order(tenant, &by, &new).await.unwrap();
        assert_eq!(made.area, expected, "what is chosen by hand stays");
    }
}

#[tokio::test]
async fn areas_and_workers_of_another_tenant_do_not_exist() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let li = id_of(&rig, "/api/v1/workers", &token, worker("Li", "13800000001")).await;
    let draft = json!({"code": "020", "name": "North", "queue": "1", "workers": [li]});
    let area = id_of(&rig, "/api/v1/areas", &token, draft.clone()).await;
    let (_, foreign) = rig.other_tenant().await;
    for path in ["/api/v1/areas", "/api/v1/workers"] {
        assert_eq!(rig.get(path, &foreign).await.json(), json!([]), "{path}");
    }
    for (uri, draft) in [
        (format!("/api/v1/areas/{area}"), draft),
        (format!("/api/v1/workers/{li}"), worker("Li", "13800000009")),
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let body = (method == Method::PUT).then(|| draft.clone());
            let got = rig.ask(method.clone(), &uri, &foreign, body).await;
            assert_eq!(got.status, StatusCode::NOT_FOUND, "{method} {uri}: {got:?}");
        }
    }
    let kept = rig.get(&format!("/api/v1/areas/{area}"), &token).await.json();
    assert_eq!(kept["workers"], json!([li]));
}
