//! Sites in the store: what they may be called, what leads to them, and that one tenant's are not another's.

use super::begun::{NOON, filled};
use desk::agent::NewAgent;
use desk::calling::CallingRules;
use desk::number::NumberDraft;
use desk::site::{SiteDraft, SiteRange};
use desk::trunk::TrunkDraft;
use desk::{By, Error, Store};
use serde_json::json;
use terms::routing::Target;
use terms::{SiteId, TenantId, TrunkId};

fn by() -> By {
    By::system("test", NOON)
}

async fn trunk(store: &Store, tenant: TenantId, name: &str) -> TrunkId {
    let draft = json!({"name": name, "proxy": "sip:192.0.2.9:5060"});
    let draft: TrunkDraft = serde_json::from_value(draft).unwrap();
    store.create_trunk(tenant, &by(), &draft).await.unwrap().id
}

fn draft(name: &str, trunk: TrunkId, prefix: &str) -> SiteDraft {
    SiteDraft {
        name: name.into(),
        trunk,
        number: "95105688".into(),
        ranges: vec![SiteRange { prefix: prefix.into(), digits: 4 }],
        inward: true,
    }
}

fn field<T: std::fmt::Debug>(refused: desk::Result<T>) -> &'static str {
    match refused {
        Err(Error::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_short_number_stands_for_one_phone_at_one_site() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let (north, south) =
        (trunk(&store, tenant, "north").await, trunk(&store, tenant, "south").await);
    let made = store.create_site(tenant, &by(), &draft("north", north, "82")).await.unwrap();
    let plan = store.compile_plan(tenant).await.unwrap();
    let site = &plan.sites[0];
    assert_eq!((site.id, site.trunk, site.inward), (made.id, north, true));
    assert!(site.has("8205") && !plan.calling.sites, "nobody calls there who was not allowed to");

    let create = async |draft: SiteDraft| store.create_site(tenant, &by(), &draft).await;
    assert_eq!(field(create(draft("south", north, "83")).await), "trunk");
    assert_eq!(field(create(draft("south", TrunkId(999), "83")).await), "trunk");
    assert_eq!(field(create(draft("south", south, "8")).await), "ranges");
    assert_eq!(field(create(draft("south", south, "10")).await), "ranges", "agents are 1001, 1002");
    let taken = create(draft("north", south, "83")).await;
    assert!(matches!(taken, Err(Error::Taken { .. })), "{taken:?}");
    create(draft("south", south, "83")).await.unwrap();
    let wider = store.put_site(tenant, &by(), made.id, &draft("north", north, "8")).await;
    assert_eq!(field(wider), "ranges", "the other site is in the way");
    store.put_site(tenant, &by(), made.id, &draft("north", north, "820")).await.unwrap();

    // Nobody here gets one of these numbers.
    let number = NumberDraft { digits: "8205".into(), target: Target::Hangup };
    assert_eq!(field(store.create_number(tenant, &by(), &number).await), "digits");
    let agent = json!({"number": "8301", "name": "A"});
    let agent: NewAgent = serde_json::from_value(agent).unwrap();
    assert_eq!(field(store.create_agent(tenant, &by(), &agent).await), "number");
}

#[tokio::test]
async fn a_site_stays_while_a_number_leads_there_and_belongs_to_one_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let north = trunk(&store, tenant, "north").await;
    let made = store.create_site(tenant, &by(), &draft("north", north, "82")).await.unwrap();
    let leads = |id| NumberDraft { digits: "95105699".into(), target: Target::Site(id) };
    let nowhere = store.create_number(tenant, &by(), &leads(SiteId(999))).await;
    assert_eq!(field(nowhere), "target");
    let number = store.create_number(tenant, &by(), &leads(made.id)).await.unwrap();
    for refused in [
        store.remove_site(tenant, &by(), made.id).await.err(),
        store
            .put_site(
                tenant,
                &by(),
                made.id,
                &SiteDraft { number: String::new(), ..draft("north", north, "82") },
            )
            .await
            .err(),
    ] {
        assert!(matches!(refused, Some(Error::Refused(_))), "{refused:?}");
    }
    let stranger = TenantId(tenant.0 + 1);
    assert_eq!(store.sites(stranger).await.unwrap(), []);
    let refused = store.remove_site(stranger, &by(), made.id).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
    store.remove_number(tenant, &by(), number.id).await.unwrap();
    store.remove_site(tenant, &by(), made.id).await.unwrap();
    assert_eq!(store.compile_plan(tenant).await.unwrap().sites, []);
}

#[tokio::test]
async fn the_right_to_sites_reaches_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant) = filled(folder.path()).await;
    let rules = CallingRules { sites: true, ..CallingRules::default() };
    store.put_calling_rules(tenant, &by(), &rules).await.unwrap();
    assert!(store.compile_plan(tenant).await.unwrap().calling.sites);
}
