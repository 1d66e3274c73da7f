//! Teams: who belonged where is kept, and every change is handed over.

use super::place;
use desk::bootstrap::{Defaults, First};
use desk::team::{DEPTH_MAX, Limits, Sight, Stay, TeamDraft};
use desk::user::{Identity, NewUser, UserChange};
use desk::{By, Error, Role, Store};
use serde_json::json;
use terms::record::Row;
use terms::{AgentId, TeamId, TenantId, Timestamp, UserId};

/// 2026-11-23T04:00:00Z.
const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

fn after(hours: i64) -> Timestamp {
    Timestamp(NOON.0 + hours * 3_600_000_000)
}

fn by_at(hours: i64) -> By {
    By::system("test", after(hours))
}

async fn desk() -> (tempfile::TempDir, Store, First) {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let first = store.bootstrap(&defaults, NOON).await.unwrap().expect("it was empty");
    (folder, store, first)
}

fn draft(name: &str, parent: Option<TeamId>) -> TeamDraft {
    TeamDraft { name: name.to_owned(), parent }
}

#[tokio::test]
async fn an_agent_is_in_one_team_at_a_time_and_every_change_is_handed_over() {
    let (_folder, store, first) = desk().await;
    let (tenant, fang) = (first.tenant, first.agents[0].0);
    let one = store.create_team(tenant, &by_at(0), &draft("一班", None)).await.unwrap().id;
    let two = store.create_team(tenant, &by_at(0), &draft("二班", None)).await.unwrap().id;
    for (hour, team) in [(1, Some(one)), (2, Some(one)), (3, Some(two)), (5, None), (6, Some(one))]
    {
        store.set_agent_team(tenant, &by_at(hour), fang, team).await.unwrap();
    }
    // The clock stepped back: nothing begins before it ended.
    store.set_agent_team(tenant, &by_at(4), fang, Some(two)).await.unwrap();
    let stay = |team, since, until: Option<i64>| Stay {
        team,
        since: after(since),
        until: until.map(after),
    };
    assert_eq!(
        store.agent_teams(tenant, fang).await.unwrap(),
        [stay(two, 6, None), stay(one, 6, Some(6)), stay(two, 3, Some(5)), stay(one, 1, Some(3))]
    );
    let members = |teams: Vec<desk::team::Team>| {
        teams.into_iter().map(|team| team.agents.len()).collect::<Vec<_>>()
    };
    assert_eq!(members(store.teams(tenant).await.unwrap()), [0, 1]);
    let handed: Vec<(AgentId, Option<TeamId>, Timestamp)> = store
        .read_after(0, 100)
        .await
        .unwrap()
        .into_iter()
        .filter_map(|entry| match entry.row {
            Row::TeamMember(row) => Some((row.agent_id, row.team_id, row.since)),
            _ => None,
        })
        .collect();
    let wanted = [(1, Some(one)), (3, Some(two)), (5, None), (6, Some(one)), (6, Some(two))];
    assert_eq!(handed, wanted.map(|(hour, team)| (fang, team, after(hour))));
}

#[tokio::test]
async fn a_team_that_cannot_be_is_refused_and_one_that_was_keeps_its_name() {
    let (_folder, store, first) = desk().await;
    let (tenant, fang, by) = (first.tenant, first.agents[0].0, by_at(0));
    let mut line = Vec::new();
    for level in 0..DEPTH_MAX {
        let wanted = draft(&format!("L{level}"), line.last().copied());
        line.push(store.create_team(tenant, &by, &wanted).await.unwrap().id);
    }
    let invalid = |refused: desk::Result<desk::team::Team>| {
        assert!(matches!(refused, Err(Error::Invalid { field: "parent", .. })), "{refused:?}");
    };
    invalid(store.create_team(tenant, &by, &draft("deep", line.last().copied())).await);
    invalid(store.create_team(tenant, &by, &draft("lost", Some(TeamId(99)))).await);
    invalid(store.change_team(tenant, &by, line[0], &draft("L0", Some(line[2]))).await);
    let same = store.create_team(tenant, &by, &draft("L1", Some(line[0]))).await;
    assert!(matches!(same, Err(Error::Taken { .. })));
    let foreign = TenantId(99);
    let moved = store.change_team(foreign, &by, line[0], &draft("theirs", None)).await;
    assert!(matches!(moved, Err(Error::NotFound { .. })));
    let joined = store.set_agent_team(foreign, &by, fang, None).await;
    assert!(matches!(joined, Err(Error::NotFound { .. })));

    let last = line[DEPTH_MAX - 1];
    store.set_agent_team(tenant, &by, fang, Some(last)).await.unwrap();
    for used in [line[0], last] {
        let refused = store.dissolve_team(tenant, &by, used).await;
        assert!(matches!(refused, Err(Error::Refused(_))));
    }
    store.set_agent_team(tenant, &by, fang, None).await.unwrap();
    store.dissolve_team(tenant, &by, last).await.unwrap();
    assert!(matches!(store.team(tenant, last).await, Err(Error::NotFound { .. })));
    let joined = store.set_agent_team(tenant, &by, fang, Some(last)).await;
    assert!(matches!(joined, Err(Error::NotFound { .. })));
    let names = store.team_names(tenant).await.unwrap();
    let name = names.iter().find(|(team, _)| *team == last).map(|(_, name)| name.as_str());
    assert_eq!(name, Some("L0 / L1 / L2 / L3 / L4 / L5 / L6 / L7"));
}

#[tokio::test]
async fn a_limit_to_teams_holds_for_a_supervisor_and_follows_who_belongs_to_them() {
    let (_folder, store, first) = desk().await;
    let (tenant, by) = (first.tenant, by_at(0));
    let (fang, li) = (first.agents[0].0, first.agents[1].0);
    let department = store.create_team(tenant, &by, &draft("客服部", None)).await.unwrap().id;
    let team = store.create_team(tenant, &by, &draft("一班", Some(department))).await.unwrap().id;
    let new = NewUser {
        login: "wang".into(),
        name: "王".into(),
        role: Role::Supervisor,
        password: "a-good-password".into(),
    };
    let user: UserId = store.create_user(tenant, &by, &new).await.unwrap().id;
    let who = |role| Identity {
        tenant,
        user,
        login: "wang".into(),
        name: "王".into(),
        role,
        agent: None,
        mask_numbers: false,
    };
    let seen = async |role| store.agents_seen(&who(role)).await.unwrap();
    assert_eq!(seen(Role::Supervisor).await, None);
    store.set_user_teams(tenant, &by, user, Some(&[department])).await.unwrap();
    assert_eq!(seen(Role::Supervisor).await, Some(Vec::new()));
    store.set_agent_team(tenant, &by, fang, Some(team)).await.unwrap();
    store.set_agent_team(tenant, &by, li, Some(department)).await.unwrap();
    assert_eq!(seen(Role::Supervisor).await, Some(vec![fang, li]));
    store.set_agent_team(tenant, &by, li, None).await.unwrap();
    assert_eq!(seen(Role::Supervisor).await, Some(vec![fang]));
    for own in [li, fang] {
        let answers = Identity { agent: Some(own), ..who(Role::Supervisor) };
        let both = store.agents_seen(&answers).await.unwrap().unwrap();
        assert_eq!(both, if own == li { vec![fang, li] } else { vec![fang] }, "and their own");
    }
    assert_eq!(seen(Role::Manager).await, None);
    store.set_user_teams(tenant, &by, user, None).await.unwrap();
    assert_eq!(seen(Role::Supervisor).await, None);
}

#[tokio::test]
async fn what_a_person_sees_is_a_row_of_an_agent_or_of_a_queue_of_theirs() {
    let (_folder, store, first) = desk().await;
    let (tenant, by) = (first.tenant, by_at(0));
    let (fang, li) = (first.agents[0].0, first.agents[1].0);
    let queue = store.queues(tenant).await.unwrap()[0].id;
    let new = NewUser {
        login: "wang".into(),
        name: "王".into(),
        role: Role::Supervisor,
        password: "a-good-password".into(),
    };
    let user: UserId = store.create_user(tenant, &by, &new).await.unwrap().id;
    let sight = async || store.sight_of(tenant, user).await.unwrap();
    assert_eq!(sight().await, Sight::WHOLE);
    assert!(Sight::WHOLE.has(None, None));

    let limits = Limits { mask_numbers: true, queues: Some(vec![queue]) };
    store.set_user_limits(tenant, &by, user, &limits).await.unwrap();
    let seen = sight().await;
    assert_eq!((&seen.agents, seen.mask_numbers), (&Some(Vec::new()), true));
    let rows = [(None, None), (Some(fang), None), (Some(fang), Some(queue)), (None, Some(queue))];
    assert_eq!(rows.map(|(agent, queue)| seen.has(agent, queue)), [false, false, true, true]);

    let team = store.create_team(tenant, &by, &draft("一班", None)).await.unwrap().id;
    store.set_agent_team(tenant, &by, fang, Some(team)).await.unwrap();
    store.set_user_teams(tenant, &by, user, Some(&[team])).await.unwrap();
    let seen = sight().await;
    assert_eq!(rows.map(|(agent, queue)| seen.has(agent, queue)), [false, true, true, true]);
    assert!(!seen.has(Some(li), None));
    let who = store.sign_in(None, "wang", "a-good-password").await.unwrap().unwrap();
    assert!(who.mask_numbers, "who signs in is known with it");

    // Another role changes what is left of it, but lifts nothing.
    let change = UserChange { role: Some(Role::Manager), ..UserChange::default() };
    store.change_user(tenant, &by, user, &change).await.unwrap();
    let seen = sight().await;
    assert_eq!((&seen.queues, &seen.agents), (&Some(vec![queue]), &Some(Vec::new())));
    let many = Limits { queues: Some(vec![queue; 101]), ..Limits::default() };
    let refused = store.set_user_limits(tenant, &by, user, &many).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })));
    store.set_user_limits(tenant, &by, user, &Limits::default()).await.unwrap();
    assert_eq!(sight().await, Sight::WHOLE);

    // Who has become an agent sees their own rows and nobody else's.
    let change = UserChange { role: Some(Role::Agent), ..UserChange::default() };
    store.change_user(tenant, &by, user, &change).await.unwrap();
    let nobody = Sight { agents: Some(Vec::new()), ..Sight::WHOLE };
    assert_eq!(sight().await, nobody);
    let own = store.sight_of(tenant, UserId(fang.0)).await.unwrap();
    assert_eq!(own, Sight { agents: Some(vec![fang]), ..Sight::WHOLE });
}
