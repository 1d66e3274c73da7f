//! Queues in the store: who serves them, in which order, and what reaches the plan.

use super::place;
use desk::bootstrap::{Defaults, FIRST_QUEUE};
use desk::customer::Card;
use desk::queue::{Decision, Onward, QueueDraft, Seat, Settings};
use desk::skill::{Need, Skill};
use desk::{By, Error, Store};
use serde_json::json;
use tempfile::TempDir;
use terms::routing::{self, KnownCaller, SkillChoice, Standing, Target};
use terms::{AgentId, QueueId, TenantId, Timestamp};

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

fn by() -> By {
    By { user: None, source: "192.0.2.1".into(), at: NOON }
}

/// A store with its first tenant and two of its agents.
async fn opened() -> (TempDir, Store, TenantId, [AgentId; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let first = store.bootstrap(&defaults, NOON).await.unwrap().expect("it was empty");
    let agents = [first.agents[0].0, first.agents[1].0];
    (folder, store, first.tenant, agents)
}

#[tokio::test]
async fn agents_keep_the_order_and_the_weights_that_a_queue_gives_them() {
    let (_folder, store, tenant, [one, two]) = opened().await;
    let heavy = Seat { agent: one, weight: 5, level: 2 };
    let order = [two, one];
    let queue = store.set_queue_agents(tenant, &by(), FIRST_QUEUE, &order, &[heavy]).await.unwrap();
    assert_eq!((queue.agents, queue.seats), (vec![two, one], vec![heavy]));
    let plan = store.compile_plan(tenant).await.unwrap();
    let queue = plan.queue(FIRST_QUEUE).unwrap();
    assert_eq!(queue.agents, [two, one]);
    let seat = routing::Seat { agent: one, weight: 5, level: 2 };
    assert_eq!(queue.matching.seats, [seat], "the other is like any other");

    let stranger = Seat { agent: AgentId(99), ..heavy };
    for seats in [vec![stranger], vec![heavy, heavy]] {
        let refused = store.set_queue_agents(tenant, &by(), FIRST_QUEUE, &order, &seats).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "seats", .. })), "{refused:?}");
    }
    for (seat, field) in [
        (Seat { weight: 1_001, ..heavy }, "weight"),
        (Seat { level: 10, ..heavy }, "level"),
        (Seat { level: 0, ..heavy }, "level"),
    ] {
        match store.set_queue_agents(tenant, &by(), FIRST_QUEUE, &order, &[seat]).await {
            Err(Error::Invalid { field: named, .. }) => assert_eq!(named, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    assert_eq!(store.queue(tenant, FIRST_QUEUE).await.unwrap().agents, [two, one]);
}

#[tokio::test]
async fn the_plan_names_vips_and_customers_with_a_class_or_an_agent_and_changes_with_them_alone() {
    let (_folder, store, tenant, [agent, _]) = opened().await;
    let version = async || store.plan_version(tenant).await.unwrap();
    let before = version().await;
    let number = "13800138000";
    let plain = Card { name: "Li".into(), ..Card::default() };
    store.put_customer(tenant, &by(), number, &plain).await.unwrap();
    assert_eq!(version().await, before, "a name does not concern the call path");
    let vip = Card { vip: true, ..plain.clone() };
    store.put_customer(tenant, &by(), number, &vip).await.unwrap();
    assert_eq!(version().await, before + 1);
    let known = store.compile_plan(tenant).await.unwrap().known_callers;
    let on_file = KnownCaller { number: "+8613800138000".into(), ..KnownCaller::default() };
    assert_eq!(known, [KnownCaller { vip: true, ..on_file.clone() }]);
    let own = Card { agent: Some(agent), ..plain.clone() };
    let customer = store.put_customer(tenant, &by(), number, &own).await.unwrap();
    assert_eq!(customer.card, own);
    let known = store.compile_plan(tenant).await.unwrap().known_callers;
    assert_eq!((known[0].vip, known[0].agent), (false, Some(agent)));
    let gold = Card { class: " gold ".into(), ..plain.clone() };
    store.put_customer(tenant, &by(), number, &gold).await.unwrap();
    let known = store.compile_plan(tenant).await.unwrap().known_callers;
    assert_eq!(known, [KnownCaller { class: "gold".into(), ..on_file }]);
    let stranger = Card { agent: Some(AgentId(99)), ..plain.clone() };
    let refused = store.put_customer(tenant, &by(), number, &stranger).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
    store.put_customer(tenant, &by(), number, &plain).await.unwrap();
    assert_eq!(version().await, before + 4);
    assert!(store.compile_plan(tenant).await.unwrap().known_callers.is_empty());
}

#[tokio::test]
async fn how_contacts_wait_reaches_the_plan_and_is_refused_out_of_range() {
    let (_folder, store, tenant, _) = opened().await;
    let need = Need { skill: "粤语".into(), level: 2, until_s: Some(30), excluded: true };
    let url = " https://crm.example/decide ".to_owned();
    let decision = Decision { url, timeout_ms: 800, wait_s: 20 };
    let settings = Settings {
        priority_step_s: 60,
        vip_priority: 3,
        resume_s: 120,
        own_agent_s: 40,
        last_agent_s: 30,
        widen_every_s: 20,
        needs: vec![need.clone()],
        decision: Some(decision.clone()),
        auto_answer: true,
        ..Settings::default()
    };
    let draft = |settings| QueueDraft { name: "客服".into(), settings };
    let good = draft(settings.clone());
    store.change_queue(tenant, &by(), FIRST_QUEUE, &good).await.unwrap();
    let matching = store.compile_plan(tenant).await.unwrap().queues[0].matching.clone();
    assert_eq!((matching.priority_step_s, matching.vip_priority, matching.resume_s), (60, 3, 120));
    assert_eq!((matching.widen_every_s, matching.auto_answer), (20, true));
    assert_eq!((matching.own_agent_s, matching.last_agent_s), (40, 30));
    assert_eq!(matching.needs, [routing::Need::from(need.clone())]);
    let asked = matching.decision.expect("a program is asked");
    assert_eq!((asked.url.as_str(), asked.timeout_ms), ("https://crm.example/decide", 800));
    let slow = Decision { timeout_ms: 5_001, ..decision.clone() };
    let inward = Decision { url: "file:///etc/passwd".into(), ..decision };
    let asks = |decision| Settings { decision: Some(decision), ..settings.clone() };
    let level = |level| Need { level, ..need.clone() };
    let long = Need { until_s: Some(3_601), ..need.clone() };
    for (wrong, field) in [
        (Settings { priority_step_s: 3_601, ..settings.clone() }, "priority_step_s"),
        (Settings { needs: vec![level(0)], ..settings.clone() }, "needs"),
        (Settings { needs: vec![level(1), level(2)], ..settings.clone() }, "needs"),
        (Settings { needs: vec![long], ..settings.clone() }, "needs"),
        (Settings { widen_every_s: 601, ..settings.clone() }, "widen_every_s"),
        (Settings { resume_s: 3_601, ..settings.clone() }, "resume_s"),
        (Settings { vip_priority: -1_001, ..settings.clone() }, "vip_priority"),
        (Settings { priority: 1_001, ..settings.clone() }, "priority"),
        (asks(slow), "decision"),
        (asks(inward), "decision"),
    ] {
        match store.change_queue(tenant, &by(), FIRST_QUEUE, &draft(wrong)).await {
            Err(Error::Invalid { field: named, .. }) => assert_eq!(named, field),
            other => panic!("{field}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn who_comes_in_and_stays_where_others_go_and_what_they_hear_reaches_the_plan() {
    let (_folder, store, tenant, _) = opened().await;
    let draft = |settings| QueueDraft { name: "客服".into(), settings };
    store.change_queue(tenant, &by(), FIRST_QUEUE, &draft(Settings::default())).await.unwrap();
    let plain = store.compile_plan(tenant).await.unwrap().queues[0].clone();
    assert_eq!(plain.matching.doors, routing::Doors::default(), "anybody comes in and stays");
    assert_eq!((plain.matching.ring_more_every_s, plain.in_queue.playlist.len()), (5, 0));

    let queue = Target::Queue(FIRST_QUEUE);
    let onward = |after_s, target: &Target| Onward { after_s, target: target.clone() };
    let voicemail = Target::Voicemail(FIRST_QUEUE);
    let settings = Settings {
        skill_choice: SkillChoice::BestAvailable,
        ring_more_every_s: 7,
        joins_while: vec![Standing::Idle, Standing::WrapUp],
        stays_while: vec![Standing::Break],
        overflow: Some(queue.clone()),
        overflow_chain: vec![onward(30, &queue), onward(60, &voicemail)],
        out_of_hours: Some(Target::Hangup),
        playlist: vec!["summer".into(), "music".into()],
        shuffled: true,
        ..Settings::default()
    };
    let kept = store.change_queue(tenant, &by(), FIRST_QUEUE, &draft(settings.clone())).await;
    assert_eq!(kept.unwrap().settings, settings);
    let found = store.compile_plan(tenant).await.unwrap().queues[0].clone();
    let (matching, in_queue) = (found.matching, found.in_queue);
    assert_eq!(matching.skill_choice, SkillChoice::BestAvailable);
    assert_eq!(matching.ring_more_every_s, 7);
    assert_eq!(in_queue.playlist, ["music/summer", "music/wait"]);
    assert!(in_queue.shuffled);
    let chain = [(30, queue.clone()), (60, voicemail.clone())]
        .map(|(after_s, target)| routing::Onward { after_s, target });
    let doors = routing::Doors {
        joins_while: vec![Standing::Idle, Standing::WrapUp],
        stays_while: vec![Standing::Break],
        hours: None,
        out_of_hours: Some(Target::Hangup),
        overflow_chain: chain.to_vec(),
    };
    assert_eq!(matching.doors, doors);

    let nobody = Target::Queue(QueueId(99));
    let with = |overflow_chain| Settings { overflow_chain, ..settings.clone() };
    for (wrong, field) in [
        (with(vec![onward(4, &queue)]), "overflow_chain"),
        (with(vec![onward(30, &nobody)]), "overflow_chain"),
        (with(vec![onward(30, &voicemail), onward(30, &queue)]), "overflow_chain"),
        (with(vec![onward(30, &queue); 9]), "overflow_chain"),
        (Settings { overflow: None, ..settings.clone() }, "overflow_chain"),
        (Settings { out_of_hours: Some(nobody.clone()), ..settings.clone() }, "out_of_hours"),
        (Settings { hours: Some("never heard of".into()), ..settings.clone() }, "hours"),
        (Settings { ring_more_every_s: 0, ..settings.clone() }, "ring_more_every_s"),
        (Settings { playlist: vec!["../etc".into()], ..settings.clone() }, "playlist"),
        (Settings { playlist: vec!["a".into(); 33], ..settings.clone() }, "playlist"),
    ] {
        match store.change_queue(tenant, &by(), FIRST_QUEUE, &draft(wrong)).await {
            Err(Error::Invalid { field: named, .. }) => assert_eq!(named, field),
            other => panic!("{field}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_an_agent_can_do_reaches_the_plan_and_is_refused_where_it_makes_no_sense() {
    let (_folder, store, tenant, [one, _]) = opened().await;
    let skill = |name: &str, level| Skill { name: name.into(), level };
    let skills = [skill("粤语", 3), skill("gas", 1)];
    let agent = store.set_agent_skills(tenant, &by(), one, &skills).await.unwrap();
    assert_eq!(agent.skills, skills);
    let plan = store.compile_plan(tenant).await.unwrap();
    let known: Vec<_> =
        plan.agent(one).unwrap().skills.iter().map(|s| (s.name.as_str(), s.level)).collect();
    assert_eq!(known, [("粤语", 3), ("gas", 1)]);
    let many: Vec<Skill> = (0..33).map(|n| skill(&n.to_string(), 1)).collect();
    for wrong in [vec![skill("gas", 10)], vec![skill("", 1)], vec![skill(" gas", 1)], many] {
        let refused = store.set_agent_skills(tenant, &by(), one, &wrong).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "skills", .. })), "{wrong:?}");
    }
    let nobody = store.set_agent_skills(tenant, &by(), AgentId(99), &skills).await;
    assert!(matches!(nobody, Err(Error::NotFound { .. })), "{nobody:?}");
    assert_eq!(store.agent(tenant, one).await.unwrap().skills, skills);
}
