//! Which trunk a call goes out over, and which number it shows there: what is kept, and what is
//! refused in both languages.

use super::rig::Rig;
use axum::http::{Method, StatusCode};
use desk::Role;
use serde_json::{Value, json};

/// A draft with these fields beside its name.
fn draft(name: &str, more: &Value) -> Value {
    let mut draft = json!({"name": name, "proxy": "sip:carrier.example"});
    for (field, value) in more.as_object().expect("fields") {
        draft[field] = value.clone();
    }
    draft
}

#[tokio::test]
async fn a_certificate_is_checked_with_its_key_which_never_comes_out() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let pair = || {
        let made = rcgen::generate_simple_self_signed(vec!["pbx.example".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    };
    let ((ours, key), (_, foreign)) = (pair(), pair());
    let proxy = "sip:sbc.example;transport=tls";
    let whole = json!({"proxy": proxy, "certificate": ours, "certificate_key": key});
    let made = rig.post("/api/v1/trunks", &token, draft("shown", &whole)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    let list = rig.get("/api/v1/trunks", &token).await;
    for got in [made, list] {
        let text = String::from_utf8(got.body.to_vec()).expect("text");
        assert!(text.contains("BEGIN CERTIFICATE") && !text.contains("PRIVATE KEY"), "{text}");
    }
    let kept = draft("shown", &json!({"proxy": proxy, "certificate": ours}));
    let path = format!("/api/v1/trunks/{id}");
    let changed = rig.ask(Method::PUT, &path, &token, Some(kept)).await;
    assert_eq!(changed.status, StatusCode::OK, "the key stays as it is: {changed:?}");
    for (more, said) in [
        (json!({"certificate": ours}), "the private key of certificate is needed"),
        (json!({"certificate": ours, "certificate_key": foreign}), "not the one of"),
        (json!({"certificate": ours, "certificate_key": "secret"}), "BEGIN PRIVATE KEY"),
    ] {
        let mut bad = draft("bad", &more);
        bad["proxy"] = json!(proxy);
        let got = rig.post("/api/v1/trunks", &token, bad).await;
        let field = json!("certificate_key");
        assert_eq!((got.status, &got.json()["field"]), (StatusCode::BAD_REQUEST, &field));
        let message = got.json()["message"].as_str().expect("a message").to_owned();
        assert!(message.contains(said), "{message}");
        assert!(crate::api::messages::in_chinese(&message).is_some(), "{message}");
    }
}

#[tokio::test]
async fn the_names_of_a_trunks_certificate_reach_the_plan_as_they_are_compared() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let of = |names: Value| draft("named", &json!({"certificate_names": names}));
    let named = of(json!(["SBC.Carrier.example", "sbc2.carrier.example"]));
    let made = rig.post("/api/v1/trunks", &token, named).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let plain = rig.post("/api/v1/trunks", &token, draft("plain", &json!({}))).await;
    assert_eq!(plain.status, StatusCode::CREATED, "{plain:?}");
    let planned = async |name: &str| {
        let plan = rig.store.compile_plan(rig.tenant()).await.unwrap();
        let trunk = plan.trunks.into_iter().find(|trunk| trunk.name == name);
        trunk.expect("it is in the plan").certificate_names
    };
    assert_eq!(planned("named").await, ["sbc.carrier.example", "sbc2.carrier.example"]);
    assert_eq!(planned("plain").await, Vec::<String>::new(), "it is known by its address");
    let uri = format!("/api/v1/trunks/{}", made.json()["id"].as_str().expect("an id"));
    let changed = rig.ask(Method::PUT, &uri, &token, Some(of(json!(["other.example"])))).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    assert_eq!(planned("named").await, ["other.example"]);
}

#[tokio::test]
async fn what_decides_among_trunks_is_kept_and_nonsense_is_refused_in_both_languages() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let good = json!({"order": 2, "weight": 30, "options_every_s": 60, "caller_rule": "withheld",
        "trusted": true, "sip_i": true, "requires_prack": true, "codecs": ["PCMA", "G722"]});
    let made = rig.post("/api/v1/trunks", &token, draft("good", &good)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    for (field, value) in good.as_object().expect("fields") {
        assert_eq!(made.json()[field], *value, "{field}");
    }
    let plain = rig.post("/api/v1/trunks", &token, draft("plain", &json!({}))).await.json();
    assert_eq!((&plain["order"], &plain["weight"]), (&json!(0), &json!(0)));
    assert_eq!(plain["options_every_s"], 0, "nobody is asked who was not asked before");
    assert_eq!((&plain["caller_rule"], &plain["trusted"]), (&json!("dialled"), &json!(false)));
    assert_eq!(plain["sip_i"], false, "ISUP is spoken with those that were set to it alone");
    for (field, value, english, chinese) in [
        ("order", json!(1_001), "the lowest is tried first", "数值最小者最先尝试"),
        ("weight", json!(1_001), "0 to 1000 are used", "可用 0 至 1000"),
        ("options_every_s", json!(4), "5 to 3600 seconds", "可用 5 至 3600 秒"),
        ("codecs", json!(["PCMA", "PCMA"]), "stands there twice", "重复"),
        ("certificate_names", json!(["*.a.example"]), "whole names such as", "完整的域名"),
        ("caller_number", json!("10086"), "a number of this tenant", "本租户的号码"),
        ("caller_numbers", json!(["10086"]), "a number of this tenant", "本租户的号码"),
    ] {
        let bad = draft("bad", &json!({field: value}));
        let got = rig.post("/api/v1/trunks", &token, bad).await;
        assert_eq!((got.status, &got.json()["field"]), (StatusCode::BAD_REQUEST, &json!(field)));
        let message = got.json()["message"].as_str().expect("a message").to_owned();
        assert!(message.contains(english), "{field}: {message}");
        let told = crate::api::messages::in_chinese(&message).expect("it is told in Chinese");
        assert!(told.contains(chinese), "{field}: {told}");
    }
    let nobody = json!({"name": "nobody", "options_every_s": 60});
    let got = rig.post("/api/v1/trunks", &token, nobody).await;
    assert_eq!(
        (got.status, &got.json()["field"]),
        (StatusCode::BAD_REQUEST, &json!("options_every_s"))
    );
    for rule in ["mine", ""] {
        let got =
            rig.post("/api/v1/trunks", &token, draft("r", &json!({"caller_rule": rule}))).await;
        assert!(got.status.is_client_error(), "{rule:?}: {got:?}");
    }
}

#[tokio::test]
async fn a_trunk_shows_numbers_of_its_tenant_alone_however_they_are_written() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    let number = json!({"digits": "02087654321", "target": "hangup"});
    assert_eq!(rig.post("/api/v1/numbers", &token, number).await.status, StatusCode::CREATED);
    for (name, shown) in [("inland", "02087654321"), ("abroad", "+862087654321")] {
        let more = json!({"caller_number": shown, "caller_numbers": [shown]});
        let made = rig.post("/api/v1/trunks", &token, draft(name, &more)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let uri = format!("/api/v1/trunks/{}", made.json()["id"].as_str().expect("an id"));
        let foreign = draft(name, &json!({"caller_number": "02087654322"}));
        let got = rig.ask(Method::PUT, &uri, &token, Some(foreign)).await;
        assert_eq!(got.json()["field"], "caller_number", "{got:?}");
        assert_eq!(got.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn who_may_read_trunks_sees_which_are_down_and_who_may_not_change_them_does_not() {
    let rig = Rig::new().await;
    for role in Role::ALL {
        let token = rig.token(*role).await;
        let live = rig.get("/api/v1/trunks/live", &token).await;
        if role.allows(desk::Permission::TrunksRead) {
            assert_eq!(live.json()[0]["down"], "line", "{role:?}");
        } else {
            assert_eq!(live.status, StatusCode::FORBIDDEN, "{role:?}");
        }
        let name = format!("{role:?}");
        let made = rig.post("/api/v1/trunks", &token, draft(&name, &json!({"order": 1}))).await;
        let may = role.allows(desk::Permission::TrunksWrite);
        let expected = if may { StatusCode::CREATED } else { StatusCode::FORBIDDEN };
        assert_eq!(made.status, expected, "{role:?}");
    }
}
