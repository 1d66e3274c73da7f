//! Skill sets in the store: what they may hold, what reaches the plan, and that one tenant's are not
//! another's.

use super::place;
use desk::bootstrap::{Defaults, FIRST_QUEUE};
use desk::skill_set::SkillSetDraft;
use desk::{By, Error, Store};
use serde_json::json;
use std::collections::BTreeSet;
use tempfile::TempDir;
use terms::{AgentId, QueueId, SkillSetId, TenantId, Timestamp};

const NOON: Timestamp = Timestamp::from_secs(1_795_406_400);

fn by() -> By {
    By::system("test", NOON)
}

/// A store with its first tenant and one of its agents.
async fn opened() -> (TempDir, Store, TenantId, AgentId) {
    let folder = tempfile::tempdir().unwrap();
    let store = place::open(folder.path()).await;
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let first = store.bootstrap(&defaults, NOON).await.unwrap().expect("it was empty");
    (folder, store, first.tenant, first.agents[0].0)
}

fn gas(agent: AgentId) -> SkillSetDraft {
    SkillSetDraft {
        name: " gas ".into(),
        number: 3,
        skills: vec!["gas".into(), "粤语".into()],
        queues: BTreeSet::from([FIRST_QUEUE]),
        agents: BTreeSet::from([agent]),
    }
}

#[tokio::test]
async fn a_skill_set_reaches_the_plan_and_goes_from_it() {
    let (_folder, store, tenant, agent) = opened().await;
    let made = store.create_skill_set(tenant, &by(), &gas(agent)).await.unwrap();
    assert_eq!(made.draft.name, "gas");
    let plan = store.compile_plan(tenant).await.unwrap();
    let set = &plan.skill_sets[0];
    assert_eq!((set.id, set.skills.len(), set.queues.len()), (made.id, 2, 1));
    assert_eq!(plan.skill_set(agent, 3), Some(made.id));
    assert_eq!(plan.skill_set(agent, 4), None, "another number");
    assert_eq!(plan.skill_set(AgentId(agent.0 + 1), 3), None, "not theirs");
    store.must_be_given(tenant, agent, made.id).await.unwrap();

    let nobody = SkillSetDraft { agents: BTreeSet::new(), ..gas(agent) };
    store.put_skill_set(tenant, &by(), made.id, &nobody).await.unwrap();
    let changed = store.compile_plan(tenant).await.unwrap();
    assert!(changed.version > plan.version && changed.skill_sets[0].agents.is_empty());
    let refused = store.must_be_given(tenant, agent, made.id).await;
    assert!(matches!(refused, Err(Error::Invalid { field: "skill_set", .. })), "{refused:?}");
    store.remove_skill_set(tenant, &by(), made.id).await.unwrap();
    assert_eq!(store.compile_plan(tenant).await.unwrap().skill_sets, []);
    let gone = store.remove_skill_set(tenant, &by(), made.id).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
}

#[tokio::test]
async fn a_skill_set_that_makes_no_sense_is_refused_with_its_field() {
    let (_folder, store, tenant, agent) = opened().await;
    store.create_skill_set(tenant, &by(), &gas(agent)).await.unwrap();
    let other = || SkillSetDraft { name: "other".into(), number: 4, ..gas(agent) };
    let nothing = SkillSetDraft { skills: Vec::new(), queues: BTreeSet::new(), ..other() };
    for (draft, named) in [
        (SkillSetDraft { name: "  ".into(), ..other() }, "name"),
        (SkillSetDraft { number: 0, ..other() }, "number"),
        (SkillSetDraft { number: 1_000, ..other() }, "number"),
        (SkillSetDraft { skills: vec!["gas".into(), "gas".into()], ..other() }, "skills"),
        (nothing, "skills"),
    ] {
        match store.create_skill_set(tenant, &by(), &draft).await {
            Err(Error::Invalid { field, .. }) => assert_eq!(field, named),
            made => panic!("{named}: {made:?}"),
        }
    }
    for draft in [
        SkillSetDraft { queues: BTreeSet::from([QueueId(999)]), ..other() },
        SkillSetDraft { agents: BTreeSet::from([AgentId(999)]), ..other() },
    ] {
        let refused = store.create_skill_set(tenant, &by(), &draft).await;
        assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
    }
    for draft in
        [SkillSetDraft { number: 3, ..other() }, SkillSetDraft { name: "gas".into(), ..other() }]
    {
        let refused = store.create_skill_set(tenant, &by(), &draft).await;
        assert!(matches!(refused, Err(Error::Taken { .. })), "{refused:?}");
    }
    assert_eq!(store.skill_sets(tenant).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_skill_set_belongs_to_one_tenant() {
    let (_folder, store, tenant, agent) = opened().await;
    let made = store.create_skill_set(tenant, &by(), &gas(agent)).await.unwrap();
    let stranger = TenantId(tenant.0 + 1);
    assert_eq!(store.skill_sets(stranger).await.unwrap(), []);
    assert!(store.must_be_given(stranger, agent, made.id).await.is_err());
    let nobody = SkillSetDraft { agents: BTreeSet::new(), queues: BTreeSet::new(), ..gas(agent) };
    for id in [made.id, SkillSetId(999)] {
        let changed = store.put_skill_set(stranger, &by(), id, &nobody).await;
        assert!(matches!(changed, Err(Error::NotFound { .. })), "{changed:?}");
        let removed = store.remove_skill_set(stranger, &by(), id).await;
        assert!(matches!(removed, Err(Error::NotFound { .. })), "{removed:?}");
    }
    assert_eq!(store.skill_sets(tenant).await.unwrap(), [made]);
}
