//! Lists, SQL and reports.

use super::rig::{NOON, Rig, call_row, recording_row, request};
use crate::config::Config;
use crate::work::jobs::{Bench, Job, JobScope, ReportJob};
use axum::http::{Method, StatusCode};
use desk::Role;
use desk::report_setting::ReportSettings;
use serde_json::{Value, json};
use terms::record::{AgentSpan, Call, Recording, Row};
use terms::{
    AgentId, CallId, ConferenceId, ContactId, FlowId, MeetingId, QueueId, RecordingId, SpanId,
    TrunkId,
};

fn ids(page: &Value) -> Vec<String> {
    let calls = page["calls"].as_array().unwrap_or_else(|| panic!("{page}"));
    calls.iter().map(|call| call["call_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn calls_are_found_by_every_filter_and_paged_once_each() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let (first, second) = (rig.first.agents[0].0, rig.first.agents[1].0);
    let mut made = Vec::new();
    for n in 0..12_i64 {
        let agent = if n % 3 == 0 { second } else { first };
        // Several begin in the same second: the id decides among them.
        made.push(rig.call(rig.tenant(), n / 2 * 60, 10 + n as i32 * 10, agent).await.to_string());
    }
    let (other, _) = rig.other_tenant().await;
    rig.call(other, 0, 50, first).await;

    let found =
        async |query: &str| ids(&rig.get(&format!("/api/v1/calls?{query}"), &token).await.json());
    assert_eq!(found("").await.len(), 12, "and none of the other tenant");
    assert_eq!(found(&format!("agent={second}")).await.len(), 4);
    assert_eq!(found("caller=13800130060").await, [made[3].clone(), made[2].clone()]);
    assert_eq!(found("outcome=abandoned").await.len(), 3);
    assert_eq!(found("min_duration=115").await, [made[11].clone()]);
    assert_eq!(found("queue=1&called=95105").await.len(), 12);
    assert_eq!(found("queue=2").await.len(), 0);
    let from = "from=2026-11-23T04:01:00Z&to=2026-11-23T12:02:00%2B08:00";
    assert_eq!(found(from).await, [made[3].clone(), made[2].clone()]);
    let mut oldest = made.clone();
    assert_eq!(found("sort=oldest").await, oldest);
    oldest.reverse();
    assert_eq!(found("sort=longest").await, oldest);

    for sort in ["newest", "oldest", "longest"] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let uri = format!("/api/v1/calls?sort={sort}&limit=5{cursor}");
            let page = rig.get(&uri, &token).await.json();
            seen.extend(ids(&page));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let all = found(&format!("sort={sort}")).await;
        assert_eq!(seen, all, "{sort}");
    }
}

/// Each finds one of three calls, or all but that one.
const CONDITIONS: [(&str, bool); 28] = [
    ("province=%E5%B9%BF%E4%B8%9C", true),
    ("city=%E5%B9%BF%E5%B7%9E", true),
    ("caller=0060", true),
    ("called=10086", true),
    ("agent=77", true),
    ("queue=7", true),
    ("conference=3", true),
    ("meeting=8", true),
    ("contact=99", true),
    ("trunk=5", true),
    ("flow=6", true),
    ("direction=outbound", true),
    ("outcome=answered", true),
    ("hangup_by=agent", true),
    ("hangup_cause=31", true),
    ("satisfaction=dissatisfied", true),
    ("recorded=true", true),
    ("recorded=false", false),
    ("transferred=true", true),
    ("transferred=false", false),
    ("min_duration=600", true),
    ("max_duration=599", false),
    ("min_wait=20", true),
    ("max_wait=19", false),
    ("min_talk=300", true),
    ("max_talk=299", false),
    ("min_hold=40", true),
    ("min_hold=0&max_wait=19&max_talk=299", false),
];

#[tokio::test]
async fn calls_are_found_by_twenty_five_conditions_alone_and_together() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let agent = rig.first.agents[0].0;
    let plain = |id: u64, second: i64| call_row(rig.tenant(), CallId(id), second, 20, agent);
    let special = Call {
        contact_id: ContactId(99),
        direction: "outbound".into(),
        called: "10086".into(),
        trunk_id: Some(TrunkId(5)),
        flow_id: Some(FlowId(6)),
        queue_id: Some(QueueId(7)),
        hangup_cause: 31,
        hangup_by: "agent".into(),
        wait_ms: 20_000,
        talk_ms: 300_000,
        hold_ms: 40_000,
        transfers: 1,
        recording_id: Some(RecordingId(9)),
        satisfaction: Some("dissatisfied".into()),
        conference_id: Some(ConferenceId(3)),
        meeting_id: Some(MeetingId(8)),
        province: Some("广东".into()),
        city: Some("广州".into()),
        ..call_row(rig.tenant(), CallId(2), 60, 600, AgentId(77))
    };
    rig.stage(&[Row::Call(plain(1, 0)), Row::Call(special), Row::Call(plain(3, 120))]).await;
    let found = async |query: &str| {
        let uri = format!("/api/v1/calls?sort=oldest&{query}");
        ids(&rig.get(&uri, &token).await.json())
    };
    for (query, the_one) in CONDITIONS {
        let expected: &[&str] = if the_one { &["2"] } else { &["1", "3"] };
        assert_eq!(found(query).await, expected, "{query}");
    }
    assert_eq!(found("from=2026-11-23T04:00:30Z").await, ["2", "3"]);
    assert_eq!(found("to=2026-11-23T04:01:30Z").await, ["1", "2"]);
    let together: Vec<&str> =
        CONDITIONS.iter().filter(|(_, the_one)| *the_one).map(|(query, _)| *query).collect();
    let together = together.join("&");
    assert_eq!(found(&together).await, ["2"]);
    let edges = "max_duration=600&max_wait=20&max_talk=300";
    let days = "from=2026-11-23T04:00:30Z&to=2026-11-23T04:01:30Z";
    assert_eq!(found(&format!("{together}&{edges}&{days}")).await, ["2"]);
}

#[tokio::test]
async fn calls_and_recordings_are_found_by_number_customer_order_area_reason_and_note() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let agent = rig.first.agents[0].0;
    for call in [1, 2, 3] {
        let row = call_row(rig.tenant(), CallId(call), call as i64, 60, agent);
        let recording = Recording {
            call_id: CallId(call),
            caller: row.caller.clone(),
            ..recording_row(rig.tenant(), RecordingId(100 + call), agent, None, 0)
        };
        rig.stage(&[Row::Call(row), Row::Recording(recording)]).await;
    }
    let wrap_up = |span: u64, call: u64, reason: &str| {
        Row::AgentSpan(AgentSpan {
            tenant_id: rig.tenant(),
            span_id: SpanId(span),
            agent_id: agent,
            activity: "wrap_up".into(),
            reason: Some(reason.into()),
            started_at: NOON,
            ended_at: NOON,
            duration_ms: 0,
            call_id: Some(CallId(call)),
            queue_id: None,
            skill_set_id: None,
        })
    };
    rig.stage(&[wrap_up(1, 2, "报修"), wrap_up(2, 3, "咨询")]).await;
    let number = call_row(rig.tenant(), CallId(2), 2, 60, agent).caller;
    let card = json!({"number": number, "name": "王"});
    let put = rig.ask(Method::PUT, "/api/v1/customers", &token, Some(card)).await;
    assert_eq!(put.status, StatusCode::OK, "{put:?}");
    let customer = put.json()["id"].as_str().unwrap().to_owned();
    let order = json!({"kind": "报修", "title": "漏水", "call": "2", "area": "城东"});
    let order = rig.post("/api/v1/orders", &token, order).await.json();
    let order = order["id"].as_str().unwrap().to_owned();
    let note = json!({"action": "note", "note": "门卫不让进 100%"});
    let noted = rig.post(&format!("/api/v1/orders/{order}/steps"), &token, note).await;
    assert_eq!(noted.status, StatusCode::OK, "{noted:?}");

    let both = async |query: &str| {
        let calls = rig.get(&format!("/api/v1/calls?{query}"), &token).await;
        assert_eq!(calls.status, StatusCode::OK, "{query}: {calls:?}");
        let recordings = rig.get(&format!("/api/v1/recordings?{query}"), &token).await.json();
        let of = recordings["recordings"].as_array().unwrap().iter();
        let of: Vec<String> = of.map(|of| of["call_id"].as_str().unwrap().to_owned()).collect();
        (ids(&calls.json()), of)
    };
    let two = (vec!["2".to_owned()], vec!["2".to_owned()]);
    for query in [
        "caller=*0002".to_owned(),
        "caller=%2B86138*000%3F&text=%E6%BC%8F%E6%B0%B4".to_owned(),
        format!("customer={customer}"),
        format!("order={order}"),
        "reason=%E6%8A%A5%E4%BF%AE".to_owned(),
        "text=100%25".to_owned(),
        "area=%E5%9F%8E%E4%B8%9C".to_owned(),
        "area=%E5%9F%8E%E4%B8%9C&text=%E6%BC%8F".to_owned(),
        format!("text=%E9%97%A8%E5%8D%AB&order={order}&customer={customer}&caller=*2"),
    ] {
        assert_eq!(both(&query).await, two, "{query}");
    }
    for query in [
        "caller=138*",
        "caller=0%252",
        "text=100%25%25",
        "area=%E5%9F%8E",
        "area=%E5%9F%8E%E4%B8%9C&text=x",
        "reason=x",
        "text=%E6%BC%8F&caller=*3",
    ] {
        assert_eq!(both(query).await, (Vec::new(), Vec::new()), "{query}");
    }
    let (_, foreign) = rig.other_tenant().await;
    for path in ["calls", "recordings"] {
        let query = format!("/api/v1/{path}?text=%E6%BC%8F%E6%B0%B4");
        assert_eq!(rig.get(&query, &foreign).await.json()[path], json!([]));
        let query = format!("/api/v1/{path}?customer={customer}");
        assert_eq!(rig.get(&query, &foreign).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_list_and_a_problem_are_told_in_xml_to_who_asks_for_it() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let call = rig.call(rig.tenant(), 0, 60, rig.first.agents[0].0).await;
    let ask = async |uri: &str| {
        let mut asked = request(Method::GET, uri, &token, None);
        asked.headers_mut().insert("accept", "application/xml".parse().unwrap());
        rig.send(asked).await
    };
    let got = ask("/api/v1/calls").await;
    assert_eq!((got.status, got.header("content-type")), (StatusCode::OK, "application/xml"));
    let xml = String::from_utf8(got.body.to_vec()).unwrap();
    let agent = rig.first.agents[0].0;
    assert!(xml.contains(&format!("<agent_id>{agent}</agent_id>")), "{xml}");
    assert!(xml.contains(&format!("<call_id>{call}</call_id>")), "{xml}");
    // A caller's text stays text.
    assert!(xml.contains("<user_agent>=HYPERLINK(&quot;x&quot;)</user_agent>"), "{xml}");
    let got = ask("/api/v1/calls?limit=x").await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    assert_eq!(got.header("content-type"), "application/problem+xml");
    let xml = String::from_utf8(got.body.to_vec()).unwrap();
    assert!(xml.contains("<problem xmlns=\"urn:ietf:rfc:7807\">"), "{xml}");
    assert!(xml.contains("a whole number is needed"), "{xml}");
    // What is no JSON is as it was.
    let got = ask("/api/v1/reports/calls?format=csv&period=2026-11-23").await;
    assert_eq!(got.header("content-type"), "text/csv; charset=utf-8");
}

#[tokio::test]
async fn a_report_of_too_many_rows_is_refused_with_their_number() {
    let rig = Rig::new().await;
    let agent = rig.first.agents[0].0;
    for second in 0..4 {
        rig.call(rig.tenant(), second, 60, agent).await;
    }
    let mut config = Config::default();
    config.server.data = rig.folder.path().to_owned();
    let report = |report: &str, format: &str| {
        Job::Report(Box::new(ReportJob {
            scope: JobScope {
                tenant: rig.tenant(),
                queues: None,
                agents: None,
                mask_numbers: false,
                audit: false,
                time_zone: "Asia/Shanghai".into(),
            },
            report: report.into(),
            period: "2026-11-23".into(),
            format: format.into(),
            language: "en".into(),
            tenant_name: "x".into(),
            now: NOON,
            agents: Vec::new(),
            queues: Vec::new(),
            trunks: Vec::new(),
            flows: Vec::new(),
            teams: Vec::new(),
            areas: Vec::new(),
            workers: Vec::new(),
            given: reports::Given::default(),
            settings: ReportSettings::default(),
            rates: None,
            lines_max: 0,
            own: None,
            mark: None,
            paper: reports::Paper::default(),
            key: None,
        }))
    };
    for (most, fits) in [(4, true), (3, false)] {
        config.sql.report_rows_max = most;
        let bench = Bench::open(config.clone()).await.unwrap();
        for format in ["csv", "pdf"] {
            let made = bench.run(report("calls", format)).await;
            match made {
                Ok(_) => assert!(fits, "{format}"),
                Err(problem) => {
                    assert!(!fits, "{format}: {problem}");
                    assert_eq!(problem.status, 413);
                    let said = "has 4 rows, and one has at most 3 (sql.report_rows_max)";
                    assert!(problem.message.contains(said), "{problem}");
                    let export = "as CSV with POST /api/v1/sql, up to 100000 rows in each";
                    assert!(problem.message.contains(export), "{problem}");
                    assert!(crate::api::messages::in_chinese(&problem.message).is_some());
                }
            }
        }
    }
}

#[tokio::test]
async fn who_was_in_one_meeting_is_found_by_it_and_by_its_room() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let agent = rig.first.agents[0].0;
    for (call, room, meeting) in [(1_u64, 3, 7), (2, 3, 7), (3, 3, 8), (4, 4, 9)] {
        let (conference_id, meeting_id) = (Some(ConferenceId(room)), Some(MeetingId(meeting)));
        let row = call_row(rig.tenant(), CallId(call), call as i64, 60, agent);
        rig.stage(&[Row::Call(Call { conference_id, meeting_id, ..row })]).await;
    }
    rig.call(rig.tenant(), 5, 60, agent).await;
    let found =
        async |query: &str| ids(&rig.get(&format!("/api/v1/calls?{query}"), &token).await.json());
    assert_eq!(found("meeting=7&sort=oldest").await, ["1", "2"]);
    assert_eq!(found("conference=3&sort=oldest").await, ["1", "2", "3"]);
    assert_eq!(found("conference=3&meeting=9").await.len(), 0);
    assert_eq!(found("").await.len(), 5);
}

#[tokio::test]
async fn one_call_comes_with_all_that_is_known_about_it() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Agent).await;
    let agent = rig.first.agents[0].0;
    let call = rig.call(rig.tenant(), 0, 60, agent).await;
    let other = rig.call(rig.tenant(), 0, 60, rig.first.agents[1].0).await;
    let order = json!({"kind": "投诉", "title": "x", "call": call});
    let order = rig.post("/api/v1/orders", &token, order).await.json();
    let got = rig.get(&format!("/api/v1/calls/{call}"), &token).await;
    assert_eq!(got.status, StatusCode::OK, "{got:?}");
    let detail = got.json();
    assert_eq!(detail["call"]["call_id"], call.to_string());
    assert_eq!(
        detail["call"]["started_at"].as_str().unwrap().get(..19),
        Some("2026-11-23T04:00:00")
    );
    assert!(detail["call"]["tenant_id"].is_null());
    assert_eq!(detail["orders"], json!([order["id"]]));
    for part in ["legs", "visits", "recordings", "surveys", "ivr_steps", "consents"] {
        assert_eq!(detail[part], json!([]), "{part}");
    }
    let foreign = rig.get(&format!("/api/v1/calls/{other}"), &token).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND, "a colleague's call");
    let mine = rig.get("/api/v1/calls", &token).await.json();
    assert_eq!(ids(&mine), [call.to_string()]);
}

#[tokio::test]
async fn injection_strings_in_filters_find_nothing_and_break_nothing() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    rig.call(rig.tenant(), 0, 60, rig.first.agents[0].0).await;
    let evil = [
        "'",
        "''",
        "' OR '1'='1",
        "' OR 1=1 --",
        "'; DROP TABLE calls; --",
        "\\' OR 1=1 --",
        "\"",
        "' UNION SELECT * FROM users --",
        "1) OR (1=1",
        "${jndi:x}",
        "%' OR '%'='",
        "/**/OR/**/1=1",
    ];
    for text in evil {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for field in ["caller", "called"] {
            for list in ["calls", "recordings"] {
                if (list, field) == ("recordings", "called") {
                    continue;
                }
                let got = rig.get(&format!("/api/v1/{list}?{field}={encoded}"), &token).await;
                assert_eq!(got.status, StatusCode::OK, "{list} {field} {text}: {got:?}");
                assert_eq!(got.json()[list], json!([]), "{list} {field} {text}");
            }
        }
        for (list, field) in [
            ("calls", "sort"),
            ("calls", "outcome"),
            ("calls", "agent"),
            ("calls", "queue"),
            ("calls", "from"),
            ("calls", "cursor"),
            ("calls", "limit"),
            ("calls", "order_by"),
            ("recordings", "agent"),
            ("recordings", "call"),
            ("recordings", "cursor"),
            ("orders", "sort"),
            ("orders", "status"),
            ("orders", "cursor"),
            ("orders", "assignee"),
            ("customers", "after"),
            ("audit", "before"),
        ] {
            let got = rig.get(&format!("/api/v1/{list}?{field}={encoded}"), &token).await;
            assert_eq!(got.status, StatusCode::BAD_REQUEST, "{list} {field} {text}: {got:?}");
        }
        for (list, field) in
            [("orders", "q"), ("orders", "kind"), ("customers", "q"), ("customers", "number")]
        {
            let got = rig.get(&format!("/api/v1/{list}?{field}={encoded}"), &token).await;
            assert_eq!(got.status, StatusCode::OK, "{list} {field} {text}: {got:?}");
        }
    }
    let nul = rig.get("/api/v1/calls?caller=1%00", &token).await;
    assert_eq!(nul.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn sql_answers_reads_in_three_forms_and_refuses_writes() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let call = rig.call(rig.tenant(), 0, 60, rig.first.agents[0].0).await;
    let (other, foreign) = rig.other_tenant().await;
    rig.call(other, 0, 60, rig.first.agents[0].0).await;
    let ask = async |token: &str, sql: &str, format: &str| {
        rig.post("/api/v1/sql", token, json!({"sql": sql, "format": format})).await
    };
    let got = ask(&token, "SELECT call_id FROM calls", "json").await;
    assert_eq!(got.json(), json!({"rows": [{"call_id": call.to_string()}], "truncated": false}));
    let theirs = ask(&foreign, "SELECT count(*) AS n FROM calls WHERE tenant_id = 1", "json").await;
    assert_eq!(theirs.json()["rows"][0]["n"], 0);
    let got = ask(&token, "SELECT user_agent FROM calls", "csv").await;
    assert!(got.header("content-type").starts_with("text/csv"));
    let text = String::from_utf8(got.body.to_vec()).unwrap();
    assert!(text.contains("'=HYPERLINK"), "a formula is defused: {text}");
    let got = ask(&token, "SELECT 1", "arrow").await;
    assert_eq!(got.header("content-type"), "application/vnd.apache.arrow.stream");
    for sql in [
        "DELETE FROM calls",
        "INSERT INTO calls VALUES (1)",
        "UPDATE calls SET caller = ''",
        "DROP TABLE calls",
        "CREATE TABLE x AS SELECT 1",
        "COPY calls TO 'x.csv'",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
        "SELECT 1; SELECT 2",
        "SET datafusion.execution.batch_size = 1",
        "SELECT * FROM '/etc/passwd'",
        "nonsense",
        "",
    ] {
        let got = ask(&token, sql, "json").await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{sql}: {got:?}");
        assert_eq!(got.header("content-type"), "application/problem+json");
        assert!(!got.json()["message"].as_str().unwrap().is_empty(), "{sql}");
    }
}

#[tokio::test]
async fn sealing_writes_what_is_staged_into_files() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Administrator).await;
    rig.call(rig.tenant(), 0, 60, rig.first.agents[0].0).await;
    let got = rig.post("/api/v1/warehouse/seal", &token, json!({})).await;
    assert_eq!((got.status, got.json()), (StatusCode::OK, json!({"rows": 1})));
    assert_eq!(ids(&rig.get("/api/v1/calls", &token).await.json()).len(), 1);
}

#[tokio::test]
async fn a_report_is_a_file_with_a_harmless_name_and_a_bad_period_says_what_is_right() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    let list = rig.get("/api/v1/reports?lang=en", &token).await.json();
    let listed: Vec<&str> =
        list.as_array().unwrap().iter().map(|report| report["id"].as_str().unwrap()).collect();
    for id in ["satisfaction", "workload"] {
        assert!(listed.contains(&id), "{listed:?}");
    }
    let got =
        rig.get("/api/v1/reports/workload?period=2026-11&format=csv&lang=zh-CN", &token).await;
    assert_eq!(got.status, StatusCode::OK, "{got:?}");
    let named = got.header("content-disposition").to_owned();
    assert!(named.starts_with("attachment; filename=\"workload-2026-11-"), "{named}");
    assert!(named.ends_with("-20261123120000.csv\""), "who fetched it and when: {named}");
    let json = rig.get("/api/v1/reports/calls?period=2026-11&format=json&lang=en", &token).await;
    assert_eq!(json.header("content-type"), "application/json");
    assert_eq!((&json.json()["report"], &json.json()["language"]), (&json!("calls"), &json!("en")));
    let page = rig.get("/api/v1/reports/workload?period=2026-11&format=html", &token).await;
    assert!(page.header("content-security-policy").contains("sandbox"));
    for bad in ["period=yesteryear", "format=exe", "lang=xx", "period=2026-13", "unknown=1"] {
        let got = rig.get(&format!("/api/v1/reports/workload?{bad}"), &token).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{bad}: {got:?}");
    }
    let missing = rig.get("/api/v1/reports/..%2f..%2fetc", &token).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_report_is_set_on_the_paper_that_is_asked_for() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Supervisor).await;
    let page = "/api/v1/reports/workload?period=2026-11&format=png";
    // An image has two pixels a point; this report has more columns than stand upright on A4.
    for (asked, wide, upright) in [
        ("", 1684, false),
        ("&orientation=automatic", 1684, false),
        ("&orientation=portrait", 1191, true),
        ("&paper=a3&orientation=portrait", 1684, true),
        ("&paper=A3&orientation=landscape", 2381, false),
    ] {
        let got = rig.get(&format!("{page}{asked}"), &token).await;
        assert_eq!(got.status, StatusCode::OK, "{got:?}");
        let side = |at: usize| {
            u32::from_be_bytes(got.body[at..at + 4].try_into().expect("an image has its sides"))
        };
        let (width, height) = (side(16), side(20));
        assert!(width.abs_diff(wide) <= 1, "{asked}: {width} pixels wide");
        assert_eq!(height > width, upright, "{asked}: {width} by {height} pixels");
    }
    for (field, asked) in [("paper", "paper=letter"), ("orientation", "orientation=askew")] {
        let got = rig.get(&format!("{page}&{asked}"), &token).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{got:?}");
        let problem = got.json();
        assert_eq!(problem["field"], field);
        let message = problem["message"].as_str().expect("a message");
        assert!(crate::api::messages::in_chinese(message).is_some(), "{message}");
    }
}

#[tokio::test]
async fn a_list_of_calls_says_in_both_languages_which_damaged_file_it_lacks() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let agent = rig.first.agents[0].0;
    for call in [1, 2] {
        let recording = Recording {
            call_id: CallId(call),
            ..recording_row(rig.tenant(), RecordingId(100 + call), agent, None, 0)
        };
        let row = call_row(rig.tenant(), CallId(call), 1, 60, agent);
        rig.stage(&[Row::Call(row), Row::Recording(recording)]).await;
        rig.warehouse.publish_all().await.unwrap();
    }
    let whole = rig.get("/api/v1/calls", &token).await.json();
    assert_eq!((ids(&whole).len(), &whole["incomplete"]), (2, &Value::Null));

    let name = rig.lose_published("calls");
    let asked = async |uri: &str, language: &str| {
        let mut asked = request(Method::GET, uri, &token, None);
        asked.headers_mut().insert("accept-language", language.parse().unwrap());
        rig.send(asked).await.json()
    };
    for (language, words) in
        [("en", "Files of the warehouse are damaged"), ("zh", "数据文件已损坏")]
    {
        let list = asked("/api/v1/calls", language).await;
        let told = list["incomplete"].as_str().unwrap_or_default();
        assert!(told.contains(words) && told.contains(&name), "{list}");
        assert_eq!(ids(&list), ["2"]);
    }
    let name = rig.lose_published("recordings");
    let detail = asked("/api/v1/calls/2", "en").await;
    assert_eq!(detail["recordings"].as_array().unwrap().len(), 1, "{detail}");
    assert!(detail["incomplete"].as_str().unwrap_or_default().contains(&name), "{detail}");
}

#[tokio::test]
async fn calls_that_a_search_found_are_fetched_in_every_form_by_who_reads_reports() {
    let rig = Rig::new().await;
    let supervisor = rig.token(Role::Supervisor).await;
    let agents = &rig.first.agents;
    for (second, agent) in [(11, agents[0].0), (22, agents[1].0), (33, agents[0].0)] {
        rig.call(rig.tenant(), second, 60, agent).await;
    }
    let query = format!("agent={}&sort=oldest", agents[0].0);
    let fetch = async |format: &str| {
        let got = rig.get(&format!("/api/v1/call-lists/{format}?{query}"), &supervisor).await;
        assert_eq!(got.status, StatusCode::OK, "{format}: {got:?}");
        got.body.to_vec()
    };
    for format in ["csv", "html", "json"] {
        let text = String::from_utf8(fetch(format).await).unwrap();
        let at = |caller: &str| text.find(caller);
        let (first, last) = (at("8613800130011"), at("8613800130033"));
        assert!(first.is_some() && first < last, "{format}: {text}");
        assert_eq!(at("8613800130022"), None, "{format}: a colleague's");
    }
    assert!(fetch("xlsx").await.starts_with(b"PK"));
    assert!(fetch("pdf").await.starts_with(b"%PDF"));
    let agent = rig.token(Role::Agent).await;
    let refused = rig.get("/api/v1/call-lists/csv", &agent).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    assert!(rows.iter().any(|row| row.subject == "2 calls, pdf"), "each is written down");
}
