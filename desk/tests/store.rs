//! The business store from the outside: a first start, secrets, orders, plans and what is kept.

use super::place;
use desk::agent::NewAgent;
use desk::bootstrap::{Defaults, FIRST_QUEUE, First};
use desk::flow::FlowDraft;
use desk::hours::HoursDraft;
use desk::number::NumberDraft;
use desk::order::query::{OrderFilter, OrderSort};
use desk::order::rule::Rule;
use desk::order::write::NewOrder;
use desk::order::{Action, Progress, Status};
use desk::queue::{QueueDraft, Settings};
use desk::tenant::Profile;
use desk::token::NewToken;
use desk::trunk::{self, TrunkDraft};
use desk::user::{NewUser, UserChange};
use desk::{By, Error, Role, Store, secret};
use serde_json::json;
use std::time::Duration;
use tempfile::TempDir;
use terms::routing::{Target, Window};
use terms::{CallId, QueueId, TenantId, Timestamp, UserId, record};

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

struct Box_ {
    folder: TempDir,
    store: Store,
    first: First,
}

impl Box_ {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = place::open(folder.path()).await;
        let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
        let first = store.bootstrap(&defaults, NOON).await.unwrap().expect("the store was empty");
        Box_ { folder, store, first }
    }

    fn tenant(&self) -> TenantId {
        self.first.tenant
    }

    async fn other_tenant(&self) -> TenantId {
        let profile = Profile {
            name: "Other".into(),
            time_zone: "Asia/Shanghai".into(),
            country: "86".into(),
            realm: "other".into(),
            language: "en".into(),
        };
        self.store.create_tenant(&by(), &profile).await.unwrap().id
    }

    /// Every byte of the database and its log, and of the key file's neighbours.
    async fn bytes(&self) -> Vec<u8> {
        place::bytes(self.folder.path()).await
    }
}

fn by() -> By {
    by_at(0)
}

fn by_at(seconds: i64) -> By {
    By { user: None, source: "192.0.2.1".into(), at: Timestamp(NOON.0 + seconds * 1_000_000) }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn order(kind: &str) -> NewOrder {
    NewOrder { kind: kind.into(), title: "漏水".into(), ..NewOrder::default() }
}

#[tokio::test]
async fn an_empty_store_becomes_a_tenant_that_works_once() {
    let a = Box_::new().await;
    let plan = a.store.compile_plan(a.tenant()).await.unwrap();
    assert_eq!(plan.numbers[0].digits, "95105688");
    assert_eq!(plan.numbers[0].target, Target::Flow(plan.flows[0].id));
    assert_eq!((plan.flows[0].version, plan.queues[0].name.as_str()), (1, "客服"));
    assert_eq!(plan.queues[0].id, FIRST_QUEUE);
    assert_eq!(plan.queues[0].overflow, Target::Voicemail(FIRST_QUEUE));
    assert_eq!(plan.queues[0].agents.len(), 2);
    assert_eq!(
        plan.agents.iter().map(|a| a.sip_user.as_str()).collect::<Vec<_>>(),
        ["1001", "1002"]
    );
    assert_eq!(plan.trunks[0].sources, ["127.0.0.1/32", "::1/128"]);
    let again = Defaults::with_flow(json!({}));
    assert!(a.store.bootstrap(&again, NOON).await.unwrap().is_none());
    assert_eq!(a.store.tenants().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_failed_first_start_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let broken = Defaults { hotline: "no number".into(), ..Defaults::with_flow(json!({})) };
    assert!(matches!(store.bootstrap(&broken, NOON).await, Err(Error::Invalid { .. })));
    assert!(store.tenants().await.unwrap().is_empty());
    assert!(store.bootstrap(&Defaults::with_flow(json!({})), NOON).await.unwrap().is_some());
}

#[tokio::test]
async fn no_secret_stands_in_the_database() {
    let a = Box_::new().await;
    let (login, password) = &a.first.administrator;
    let who = a.store.sign_in(None, login, password.expose()).await.unwrap().unwrap();
    let (_, token) = a.store.open_session(&who, &by()).await.unwrap();
    let draft = TrunkDraft {
        name: "carrier".into(),
        settings: trunk::Settings {
            proxy: "sip:carrier.example:5061;transport=tls".into(),
            outbound_user: "us".into(),
            inbound_user: "them".into(),
            certificate: "-----BEGIN CERTIFICATE-----\nAAAA\n".into(),
            t38: terms::media::TrunkT38::Refuse,
            ..Default::default()
        },
        outbound_password: Some("outbound-secret-77".into()),
        inbound_password: Some("inbound-secret-88".into()),
        certificate_key: Some("-----BEGIN PRIVATE KEY-----\nkey-secret-99\n".into()),
    };
    a.store.create_trunk(a.tenant(), &by(), &draft).await.unwrap();
    let plan = a.store.compile_plan(a.tenant()).await.unwrap();
    let carrier = plan.trunks.iter().find(|t| t.name == "carrier").unwrap();
    assert_eq!(carrier.t38, terms::media::TrunkT38::Refuse);
    assert_eq!(carrier.outbound.as_ref().unwrap().password, "outbound-secret-77");
    let shown = carrier.certificate.as_ref().unwrap();
    assert!(shown.key.contains("key-secret-99") && !format!("{shown:?}").contains("secret"));
    let theirs = secret::ha1("them", "switchgrid", "inbound-secret-88").0;
    assert_eq!(carrier.inbound_digest.as_ref().unwrap().ha1_md5, theirs);

    let bytes = a.bytes().await;
    assert!(contains(&bytes, "argon2id"), "the right files were read");
    let mut secrets = vec![
        password.expose(),
        token.expose(),
        &token.expose()[4..],
        "outbound-secret-77",
        "inbound-secret-88",
        "key-secret-99",
    ];
    secrets.extend(a.first.agents.iter().map(|(_, _, password)| password.expose()));
    for secret in secrets {
        assert!(!contains(&bytes, secret));
    }
    assert!(!format!("{:?}", a.first).contains(password.expose()));
    for file in place::PRIVATE {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(a.folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} is its owner's alone");
    }
}

#[tokio::test]
async fn a_phone_has_the_ha1_of_its_password() {
    let a = Box_::new().await;
    let plan = a.store.compile_plan(a.tenant()).await.unwrap();
    for (id, number, password) in &a.first.agents {
        let phone = plan.agent(*id).unwrap();
        let (md5, sha256) = secret::ha1(number, "switchgrid", password.expose());
        assert_eq!((&phone.ha1_md5, &phone.ha1_sha256), (&md5, &sha256));
    }
    let id = a.first.agents[0].0;
    let renewed = a.store.renew_phone_password(a.tenant(), &by(), id).await.unwrap();
    let phone = a.store.compile_plan(a.tenant()).await.unwrap().agent(id).unwrap().clone();
    assert_eq!(phone.ha1_md5, secret::ha1("1001", "switchgrid", renewed.expose()).0);
}

#[tokio::test]
async fn signing_in_needs_the_right_tenant_login_and_password() {
    let a = Box_::new().await;
    let other = a.other_tenant().await;
    let new = NewUser {
        login: "admin".into(),
        name: "Other's".into(),
        role: Role::Administrator,
        password: "another-secret-1".into(),
    };
    let theirs = a.store.create_user(other, &by(), &new).await.unwrap();
    let try_in = async |tenant: Option<&str>, login: &str, password: &str| {
        a.store.sign_in(tenant, login, password).await.unwrap().map(|who| who.user)
    };
    let ours = a.first.administrator.1.expose();
    assert!(try_in(None, "admin", ours).await.is_some());
    assert_eq!(try_in(Some("Other"), "admin", "another-secret-1").await, Some(theirs.id));
    assert_eq!(try_in(Some("Other"), "admin", ours).await, None);
    assert_eq!(try_in(None, "admin", "another-secret-1").await, None);
    assert_eq!(try_in(None, "nobody", ours).await, None);
    assert_eq!(try_in(None, "admin", "").await, None);
    assert_eq!(try_in(None, "admin' OR '1'='1", ours).await, None);
    let off = UserChange { enabled: Some(false), ..UserChange::default() };
    let agent = UserId(a.first.agents[0].0.0);
    a.store.change_user(a.tenant(), &by(), agent, &off).await.unwrap();
    assert_eq!(try_in(None, "1001", a.first.agents[0].2.expose()).await, None);
    let plan = a.store.compile_plan(a.tenant()).await.unwrap();
    assert_eq!(plan.agents.len(), 1, "their phone is out, too");
    assert_eq!(plan.queues[0].agents, [a.first.agents[1].0]);
}

#[tokio::test]
async fn an_unknown_login_takes_as_long_as_a_wrong_password() {
    let a = Box_::new().await;
    // The first sign-in also makes the hash that unknown logins are measured against.
    a.store.sign_in(None, "nobody", "x").await.unwrap();
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..5 {
        for (n, login) in ["admin", "nobody"].iter().enumerate() {
            let start = std::time::Instant::now();
            assert!(a.store.sign_in(None, login, "wrong-password").await.unwrap().is_none());
            times[n].push(start.elapsed());
        }
    }
    let best = times.map(|mut t| {
        t.sort();
        t[0]
    });
    let (less, more) = (best[0].min(best[1]), best[0].max(best[1]));
    assert!(more < less * 3, "known {:?}, unknown {:?}", best[0], best[1]);
}

#[tokio::test]
async fn a_token_is_good_until_it_expires_or_is_taken_back() {
    let a = Box_::new().await;
    let (login, password) = &a.first.administrator;
    let who = a.store.sign_in(None, login, password.expose()).await.unwrap().unwrap();
    let new = NewToken { name: "export".into(), role: Role::Supervisor, days: 1, sql: false };
    let (token, secret) = a.store.create_token(a.tenant(), &by(), who.user, &new).await.unwrap();
    let seen = a.store.authenticate(secret.expose(), NOON).await.unwrap().unwrap().0;
    assert_eq!((seen.user, seen.role), (who.user, Role::Supervisor), "the lower role counts");
    let tomorrow = NOON + Duration::from_secs(86_400);
    assert!(a.store.authenticate(secret.expose(), tomorrow).await.unwrap().is_none());
    for wrong in ["", "sgt_", "sgt_' OR 1=1 --", &secret.expose().to_uppercase()] {
        assert!(a.store.authenticate(wrong, NOON).await.unwrap().is_none(), "{wrong}");
    }
    let other = a.other_tenant().await;
    assert!(a.store.revoke_token(other, &by(), token.id, None).await.is_err());
    a.store.revoke_token(a.tenant(), &by(), token.id, None).await.unwrap();
    assert!(a.store.authenticate(secret.expose(), NOON).await.unwrap().is_none());

    let (_, session) = a.store.open_session(&who, &by()).await.unwrap();
    assert!(a.store.authenticate(session.expose(), NOON).await.unwrap().is_some());
    a.store.set_password(a.tenant(), &by(), who.user, "a-better-secret").await.unwrap();
    assert!(a.store.authenticate(session.expose(), NOON).await.unwrap().is_none());
    assert!(a.store.sign_in(None, login, "a-better-secret").await.unwrap().is_some());
}

#[tokio::test]
async fn a_person_has_a_limited_number_of_sessions() {
    let a = Box_::new().await;
    let (login, password) = &a.first.administrator;
    let who = a.store.sign_in(None, login, password.expose()).await.unwrap().unwrap();
    let mut last = None;
    for _ in 0..60 {
        last = Some(a.store.open_session(&who, &by()).await.unwrap().1);
    }
    let open = a.store.tokens(a.tenant(), who.user, NOON).await.unwrap();
    assert!(open.len() <= 50, "{}", open.len());
    assert!(a.store.authenticate(last.unwrap().expose(), NOON).await.unwrap().is_some());
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    let a = Box_::new().await;
    let users = a.store.users(a.tenant()).await.unwrap();
    let admin = users.iter().find(|user| user.role == Role::Administrator).unwrap().id;
    for change in [
        UserChange { role: Some(Role::Agent), ..UserChange::default() },
        UserChange { enabled: Some(false), ..UserChange::default() },
    ] {
        let refused = a.store.change_user(a.tenant(), &by(), admin, &change).await;
        assert!(matches!(refused, Err(Error::Refused(_))));
    }
    assert_eq!(a.store.user(a.tenant(), admin).await.unwrap().role, Role::Administrator);
}

#[tokio::test]
async fn another_tenants_rows_do_not_exist() {
    let a = Box_::new().await;
    let ours = a.tenant();
    let other = a.other_tenant().await;
    let made = a.store.create_order(ours, &by(), &order("报修")).await.unwrap();
    let customer =
        a.store.put_customer(ours, &by(), "13800138000", &Default::default()).await.unwrap();
    let (agent, flow) = (a.first.agents[0].0, a.store.flows(ours).await.unwrap()[0].id);
    let number = a.store.numbers(ours).await.unwrap()[0].id;
    let trunk = a.store.trunks(ours).await.unwrap()[0].id;
    let draft = QueueDraft { name: "x".into(), settings: Settings::default() };
    let flow_draft = FlowDraft { name: "x".into(), document: json!({}) };
    let trunk_draft = TrunkDraft { name: "x".into(), ..Default::default() };
    let s = &a.store;
    let not_found: Vec<Option<Error>> = vec![
        s.order(other, made.id).await.err(),
        s.order_steps(other, made.id).await.err(),
        s.step_order(other, &by(), made.id, None, &Action::Start, "").await.err(),
        s.customer(other, customer.id).await.err(),
        s.agent(other, agent).await.err(),
        s.renew_phone_password(other, &by(), agent).await.err(),
        s.user(other, UserId(agent.0)).await.err(),
        s.set_password(other, &by(), UserId(agent.0), "a-better-secret").await.err(),
        s.change_user(other, &by(), UserId(agent.0), &UserChange::default()).await.err(),
        s.flow(other, flow).await.err(),
        s.flow_history(other, flow).await.err(),
        s.change_flow(other, &by(), flow, 1, &flow_draft).await.err(),
        s.publish_flow(other, &by(), flow, 1, "").await.err(),
        s.roll_back_flow(other, &by(), flow, 1).await.err(),
        s.queue(other, FIRST_QUEUE).await.err(),
        s.change_queue(other, &by(), FIRST_QUEUE, &draft).await.err(),
        s.set_queue_agents(other, &by(), FIRST_QUEUE, &[], &[]).await.err(),
        s.set_number_target(other, &by(), number, &Target::Hangup).await.err(),
        s.remove_number(other, &by(), number).await.err(),
        s.change_trunk(other, &by(), trunk, &trunk_draft).await.err(),
    ];
    for (n, error) in not_found.iter().enumerate() {
        assert!(matches!(error, Some(Error::NotFound { .. })), "{n}: {error:?}");
    }
    assert!(s.orders(other, &OrderFilter::default(), NOON).await.unwrap().orders.is_empty());
    assert!(s.customers(other, "", None, 10).await.unwrap().is_empty());
    assert!(s.customer_by_number(other, "13800138000").await.unwrap().is_none());
    assert!(s.users(other).await.unwrap().is_empty());
    assert!(s.queues(other).await.unwrap().is_empty());
    assert_eq!(s.audit(other, None, 10).await.unwrap().len(), 1, "its own creation");
    let plan = s.compile_plan(other).await.unwrap();
    assert!(plan.agents.is_empty() && plan.queues.is_empty() && plan.trunks.is_empty());

    // Foreign things cannot be referred to either.
    let theirs = s.create_queue(other, &by(), &draft).await.unwrap();
    let foreign = s.set_queue_agents(other, &by(), theirs.id, &[agent], &[]).await;
    assert!(matches!(foreign, Err(Error::NotFound { .. })));
    let number = NumberDraft { digits: "4001".into(), target: Target::Queue(FIRST_QUEUE) };
    assert!(matches!(s.create_number(other, &by(), &number).await, Err(Error::Invalid { .. })));
    let new = NewAgent { number: "1001".into(), name: "x".into(), queues: vec![FIRST_QUEUE] };
    assert!(matches!(s.create_agent(other, &by(), &new).await, Err(Error::NotFound { .. })));
    let assigned =
        NewOrder { assignee: Some(UserId(agent.0)), department: Some("d".into()), ..order("x") };
    assert!(matches!(s.create_order(other, &by(), &assigned).await, Err(Error::Invalid { .. })));
}

#[tokio::test]
async fn an_order_takes_department_and_deadline_from_its_rule_unless_chosen_by_hand() {
    let a = Box_::new().await;
    let call = CallId(77);
    let new = NewOrder {
        customer_number: "0086 138-0013-8000".replace(' ', ""),
        call: Some(call),
        ..order("报修")
    };
    let made = a.store.create_order(a.tenant(), &by(), &new).await.unwrap();
    assert_eq!(made.department, "维修部");
    assert_eq!(made.deadline_at, Some(NOON + Duration::from_secs(48 * 3600)));
    assert_eq!(made.warn_at, Some(NOON + Duration::from_secs(40 * 3600)));
    assert_eq!(made.customer_number, "+8613800138000");
    let customer = a.store.customer_by_number(a.tenant(), "13800138000").await.unwrap().unwrap();
    assert_eq!(made.customer, Some(customer.id));
    let found = OrderFilter { call: Some(call), ..OrderFilter::default() };
    let page = a.store.orders(a.tenant(), &found, NOON).await.unwrap();
    assert_eq!(page.orders, [made]);

    let by_hand = NewOrder {
        department: Some("夜班".into()),
        deadline_at: Some(NOON + Duration::from_secs(100)),
        ..order("报修")
    };
    let made = a.store.create_order(a.tenant(), &by(), &by_hand).await.unwrap();
    assert_eq!(
        (made.department.as_str(), made.warn_at),
        ("夜班", Some(NOON + Duration::from_secs(80)))
    );
    let unknown = a.store.create_order(a.tenant(), &by(), &order("奇怪")).await.unwrap_err();
    assert!(unknown.to_string().contains("no rule names a department"), "{unknown}");
}

#[tokio::test]
async fn the_clock_stands_still_while_an_order_is_suspended() {
    let a = Box_::new().await;
    let made = a.store.create_order(a.tenant(), &by(), &order("报修")).await.unwrap();
    let step = async |at: i64, action: Action| {
        a.store.step_order(a.tenant(), &by_at(at), made.id, None, &action, "").await
    };
    assert_eq!(step(10, Action::Suspend).await.unwrap().progress, Progress::Suspended);
    assert!(matches!(step(20, Action::Start).await, Err(Error::Refused(_))));
    let resumed = step(3_610, Action::Resume).await.unwrap();
    assert_eq!(resumed.deadline_at, Some(NOON + Duration::from_secs(49 * 3600)));
    assert_eq!(resumed.suspended_at, None);
    let closed = step(3_620, Action::GiveBack).await.unwrap();
    assert_eq!(closed.closed_at, Some(by_at(3_620).at));
    let again = step(3_630, Action::Assign { department: Some("二组".into()), assignee: None });
    let again = again.await.unwrap();
    assert_eq!((again.progress, again.closed_at), (Progress::Open, None));
    assert_eq!(step(3_640, Action::Finish).await.unwrap().progress, Progress::Done);
    assert_eq!(step(3_650, Action::Reopen).await.unwrap().progress, Progress::InProgress);

    let steps = a.store.order_steps(a.tenant(), made.id).await.unwrap();
    let names: Vec<&str> = steps.iter().map(|step| step.action.as_str()).collect();
    assert_eq!(names, ["create", "suspend", "resume", "give_back", "assign", "finish", "reopen"]);
    assert_eq!(steps[6].before, Some(Progress::Done));
}

#[tokio::test]
async fn a_pause_over_the_weekend_costs_working_time_only() {
    let a = Box_::new().await;
    let office = HoursDraft {
        name: "office".into(),
        windows: (1..=5)
            .map(|weekday| Window { weekday, from_minute: 9 * 60, to_minute: 17 * 60 })
            .collect(),
        closed: vec![],
        open: vec![],
    };
    a.store.put_hours(a.tenant(), &by(), &office).await.unwrap();
    let rule = Rule {
        kind: "安装".into(),
        department: "安装部".into(),
        assignee: None,
        due_minutes: 8 * 60,
        warn_minutes: 60,
        hours: Some("office".into()),
        visit_minutes: None,
    };
    a.store.put_order_rule(a.tenant(), &by(), &rule).await.unwrap();
    let at = |text| By { at: desk::when::parse(text).unwrap(), ..by() };
    let friday = at("2026-11-20T16:00:00+08:00");
    let made = a.store.create_order(a.tenant(), &friday, &order("安装")).await.unwrap();
    assert_eq!(made.deadline_at, desk::when::parse("2026-11-23T16:00:00+08:00"));
    let act = async |by: By, action| {
        a.store.step_order(a.tenant(), &by, made.id, None, &action, "").await.unwrap()
    };
    act(at("2026-11-20T16:30:00+08:00"), Action::Suspend).await;
    let resumed = act(at("2026-11-23T10:00:00+08:00"), Action::Resume).await;
    assert_eq!(
        resumed.deadline_at,
        desk::when::parse("2026-11-24T09:30:00+08:00"),
        "half an hour on Friday and one on Monday"
    );
}

#[tokio::test]
async fn the_list_and_the_order_itself_agree_on_every_status() {
    let a = Box_::new().await;
    let t = a.tenant();
    let mut ids = Vec::new();
    for n in 0..40_i64 {
        let new = NewOrder {
            deadline_at: (n % 5 != 0).then(|| Timestamp(NOON.0 + n * 60_000_000)),
            department: Some("d".into()),
            ..order("其他")
        };
        let id = a.store.create_order(t, &by(), &new).await.unwrap().id;
        let actions: &[Action] = match n % 4 {
            0 => &[],
            1 => &[Action::Start],
            2 => &[Action::Suspend],
            _ if n % 8 == 3 => &[Action::Finish],
            _ => &[Action::GiveBack],
        };
        for action in actions {
            a.store.step_order(t, &by_at(n * 37), id, None, action, "").await.unwrap();
        }
        ids.push(id);
    }
    for minutes in [0, 5, 12, 20, 33, 60] {
        let now = Timestamp(NOON.0 + minutes * 60_000_000);
        for status in Status::ALL {
            let filter =
                OrderFilter { status: Some(*status), limit: 500, ..OrderFilter::default() };
            let mut listed: Vec<_> = a
                .store
                .orders(t, &filter, now)
                .await
                .unwrap()
                .orders
                .iter()
                .map(|o| o.id)
                .collect();
            listed.sort();
            let mut expected = Vec::new();
            for id in &ids {
                if a.store.order(t, *id).await.unwrap().status(now) == *status {
                    expected.push(*id);
                }
            }
            assert_eq!(listed, expected, "{status:?} after {minutes} minutes");
        }
    }
}

#[tokio::test]
async fn every_page_order_gives_each_order_once() {
    let a = Box_::new().await;
    for n in 0..23_i64 {
        let new = NewOrder {
            deadline_at: (n % 3 != 0).then(|| Timestamp(NOON.0 + (n * 7 % 5) * 1_000_000)),
            department: Some("d".into()),
            ..order("其他")
        };
        a.store.create_order(a.tenant(), &by(), &new).await.unwrap();
    }
    for sort in OrderSort::ALL {
        let mut filter = OrderFilter { sort: Some(*sort), limit: 5, ..OrderFilter::default() };
        let mut seen = Vec::new();
        loop {
            let page = a.store.orders(a.tenant(), &filter, NOON).await.unwrap();
            seen.extend(page.orders.iter().map(|order| order.id));
            filter.cursor = page.next;
            if filter.cursor.is_none() {
                break;
            }
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 23, "{sort:?}");
    }
    let broken = OrderFilter { cursor: Some("1; DROP TABLE orders".into()), ..Default::default() };
    assert!(matches!(
        a.store.orders(a.tenant(), &broken, NOON).await,
        Err(Error::Invalid { field: "cursor", .. })
    ));
}

#[tokio::test]
async fn hostile_search_texts_find_nothing_and_break_nothing() {
    let a = Box_::new().await;
    a.store.create_order(a.tenant(), &by(), &order("报修")).await.unwrap();
    for text in ["' OR '1'='1", "\"; DROP TABLE orders; --", "%", "_", "\\", "漏水' --", "\u{0}"]
    {
        let filter = OrderFilter {
            text: Some(text.into()),
            kind: None,
            customer_number: Some(text.into()),
            ..OrderFilter::default()
        };
        assert!(
            a.store.orders(a.tenant(), &filter, NOON).await.unwrap().orders.is_empty(),
            "{text}"
        );
        assert!(a.store.customers(a.tenant(), text, None, 10).await.unwrap().is_empty(), "{text}");
    }
    let filter = OrderFilter { text: Some("漏".into()), ..OrderFilter::default() };
    assert_eq!(a.store.orders(a.tenant(), &filter, NOON).await.unwrap().orders.len(), 1);
}

#[tokio::test]
async fn two_people_do_not_overwrite_each_other() {
    let a = Box_::new().await;
    let made = a.store.create_order(a.tenant(), &by(), &order("报修")).await.unwrap();
    let step =
        |version| a.store.step_order(a.tenant(), &SOME, made.id, Some(version), &Action::Note, "x");
    step(1).await.unwrap();
    assert!(matches!(step(1).await, Err(Error::Refused(_))));
}

static SOME: std::sync::LazyLock<By> = std::sync::LazyLock::new(by);

#[tokio::test]
async fn the_outbox_has_every_version_and_no_refused_one() {
    let a = Box_::new().await;
    let t = a.tenant();
    let made = a.store.create_order(t, &by(), &order("报修")).await.unwrap();
    a.store.step_order(t, &by_at(5), made.id, None, &Action::Start, "").await.unwrap();
    assert!(a.store.step_order(t, &by_at(6), made.id, None, &Action::Resume, "").await.is_err());
    assert!(a.store.create_order(t, &by(), &order("奇怪")).await.is_err());
    let entries = a.store.read_after(0, 100).await.unwrap();
    let versions: Vec<(String, i64)> = entries
        .iter()
        .map(|entry| match &entry.row {
            record::Row::Order(row) => {
                assert_eq!(i64::from(row.version), row.version_id, "there is one order");
                (row.progress.clone(), row.version_id)
            }
            record::Row::OrderStep(row) => (row.progress_after.clone(), row.version_id),
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    let (first, second) = (("open".to_owned(), 1), ("in_progress".to_owned(), 2));
    assert_eq!(versions, [first.clone(), first, second.clone(), second]);
    assert_eq!(a.store.read_after(entries[0].position, 100).await.unwrap(), entries[1..]);
    assert_eq!(a.store.forget_through(entries[0].position).await.unwrap(), 1);
    a.store.step_order(t, &by_at(9), made.id, None, &Action::Finish, "").await.unwrap();
    let rest = a.store.read_after(0, 100).await.unwrap();
    assert_eq!(rest.len(), 5);
    assert!(rest.windows(2).all(|pair| pair[0].position < pair[1].position));
}

#[tokio::test]
async fn what_is_there_after_a_restart_is_what_was_committed() {
    let a = Box_::new().await;
    a.store.create_order(a.tenant(), &by(), &order("报修")).await.unwrap();
    a.store.close().await;
    let again = place::open(a.folder.path()).await;
    assert_eq!(again.read_after(0, 10).await.unwrap().len(), 2, "the version and its step");
    assert_eq!(again.compile_plan(a.tenant()).await.unwrap().queues.len(), 1);
}

#[tokio::test]
async fn a_plan_gets_a_higher_version_with_every_change_that_concerns_calls() {
    let a = Box_::new().await;
    let t = a.tenant();
    let mut changes = a.store.plan_changes();
    changes.mark_unchanged();
    let before = a.store.compile_plan(t).await.unwrap().version;
    a.store.create_order(t, &by(), &order("报修")).await.unwrap();
    assert!(!changes.has_changed().unwrap(), "orders do not concern the call path");
    a.store.block(t, &by(), &desk::blocked::Block::always("13900139000", "骚扰")).await.unwrap();
    assert!(changes.has_changed().unwrap());
    let plan = a.store.compile_plan(t).await.unwrap();
    assert_eq!((plan.version, plan.blocked[0].number.as_str()), (before + 1, "+8613900139000"));
    assert_eq!(a.store.plan_versions().await.unwrap(), [(t, before + 1)]);
    a.store.unblock(t, &by(), "+8613900139000").await.unwrap();
    assert_eq!(a.store.compile_plan(t).await.unwrap().version, before + 2);
}

#[tokio::test]
async fn a_flow_is_published_as_checked_and_rolls_back_under_a_new_version() {
    let a = Box_::new().await;
    let t = a.tenant();
    let flow = a.store.flows(t).await.unwrap()[0].clone();
    let draft = FlowDraft { name: flow.name.clone(), document: json!({"v": 2}) };
    let changed = a.store.change_flow(t, &by(), flow.id, 1, &draft).await.unwrap();
    assert_eq!(changed.revision, 2);
    let stale = a.store.publish_flow(t, &by(), flow.id, 1, "").await;
    assert!(matches!(stale, Err(Error::Refused(_))), "revision 1 is what was checked");
    a.store.publish_flow(t, &by(), flow.id, 2, "second").await.unwrap();
    assert_eq!(a.store.compile_plan(t).await.unwrap().flows[0].document, json!({"v": 2}));
    let back = a.store.roll_back_flow(t, &by(), flow.id, 1).await.unwrap();
    assert_eq!((back.version, back.rolled_back_to), (3, Some(1)));
    let live = &a.store.compile_plan(t).await.unwrap().flows[0];
    assert_eq!((live.version, &live.document), (3, &flow.draft));
    let history = a.store.flow_history(t, flow.id).await.unwrap();
    assert_eq!(history.iter().map(|v| v.version).collect::<Vec<_>>(), [3, 2, 1]);
    let huge = FlowDraft { name: "x".into(), document: json!({"x": "y".repeat(600_000)}) };
    assert!(matches!(a.store.create_flow(t, &by(), &huge).await, Err(Error::Invalid { .. })));
}

#[tokio::test]
async fn history_cannot_be_rewritten_even_with_sql() {
    let a = Box_::new().await;
    a.store.create_order(a.tenant(), &by(), &order("报修")).await.unwrap();
    a.store.close().await;
    for sql in [
        "UPDATE order_steps SET note = 'nothing happened'",
        "DELETE FROM order_steps",
        "UPDATE audit SET subject = ''",
        "DELETE FROM audit",
        "UPDATE flow_versions SET document = '{}'",
    ] {
        let error = place::sql(a.folder.path(), sql).await.unwrap_err();
        assert!(error.contains("only grows") || error.contains("never changes"), "{sql}: {error}");
    }
}

#[tokio::test]
async fn every_change_is_audited_with_who_and_from_where() {
    let a = Box_::new().await;
    let boss = By { user: Some(UserId(3)), ..by() };
    a.store.note(a.tenant(), &boss, "recording.fetch", "77\r\nforged").await.unwrap();
    let rows = a.store.audit(a.tenant(), None, 1).await.unwrap();
    assert_eq!((rows[0].action.as_str(), rows[0].user), ("recording.fetch", Some(UserId(3))));
    assert_eq!((rows[0].subject.as_str(), rows[0].source.as_str()), ("77??forged", "192.0.2.1"));
    let all = a.store.audit(a.tenant(), None, 1_000).await.unwrap();
    for action in ["tenant.create", "queue.create", "flow.publish", "user.create", "agent.create"] {
        assert!(all.iter().any(|row| row.action == action), "{action}");
    }
}

#[tokio::test]
async fn wrong_settings_are_refused_with_the_field() {
    let a = Box_::new().await;
    let t = a.tenant();
    let field = |error: Error| match error {
        Error::Invalid { field, .. } => field,
        other => panic!("{other}"),
    };
    let queue = |settings| QueueDraft { name: "q".into(), settings };
    let zero = queue(Settings { waiting_max: 0, ..Settings::default() });
    assert_eq!(field(a.store.create_queue(t, &by(), &zero).await.unwrap_err()), "waiting_max");
    let music = queue(Settings { music: "../../etc/passwd".into(), ..Settings::default() });
    assert_eq!(field(a.store.create_queue(t, &by(), &music).await.unwrap_err()), "music");
    let overflow =
        queue(Settings { overflow: Some(Target::Queue(QueueId(99))), ..Settings::default() });
    assert_eq!(field(a.store.create_queue(t, &by(), &overflow).await.unwrap_err()), "overflow");
    let same = QueueDraft { name: "客服".into(), settings: Settings::default() };
    assert!(matches!(a.store.create_queue(t, &by(), &same).await, Err(Error::Taken { .. })));
    let sources = TrunkDraft {
        name: "t".into(),
        settings: trunk::Settings { sources: vec!["any".into()], ..Default::default() },
        ..Default::default()
    };
    assert_eq!(field(a.store.create_trunk(t, &by(), &sources).await.unwrap_err()), "sources");
}
