//! Rights to call out, bars, and what agents set for their phones, on a real file.

use super::begun::{at, begun};
use super::place;
use desk::calling::{CallingBar, CallingPrefix, CallingRight, CallingRules};
use desk::ringing::Ringing;
use desk::{By, Error, Store};
use std::path::Path;
use std::sync::Arc;
use terms::event::{
    Calling, CallingLimit, ENTRY_VERSION, Entry, Forwarding, InCalling, InLease, Kind, Leased,
};
use terms::routing::{Bar, NumberClass, PhoneSettings, Plan};
use terms::{AgentId, LeaseId, TenantId};

fn by(secs: u64) -> By {
    By { user: None, source: "192.0.2.1".into(), at: at(secs) }
}

/// A store with a tenant and its first agent.
async fn filled(folder: &Path) -> (Store, TenantId, AgentId) {
    let (store, first) = begun(folder).await;
    (store, first.tenant, first.agents[0].0)
}

fn entry(seq: u64, secs: u64, tenant: TenantId, agent: AgentId, what: InCalling) -> Arc<Entry> {
    Arc::new(Entry {
        v: ENTRY_VERSION,
        seq,
        at: at(secs),
        tenant,
        contact: None,
        call: None,
        leg: None,
        kind: Kind::Calling(Calling { agent, what }),
    })
}

async fn plan(store: &Store, tenant: TenantId) -> Plan {
    store.compile_plan(tenant).await.unwrap()
}

async fn actions(store: &Store, tenant: TenantId, prefix: &str) -> Vec<String> {
    let rows = store.audit(tenant, None, 100).await.unwrap();
    let rows = rows.into_iter().rev().filter(|row| row.action.starts_with(prefix));
    rows.map(|row| format!("{} {}: {}", row.source, row.action, row.subject)).collect()
}

#[tokio::test]
async fn rights_are_the_countrys_at_first_and_reach_the_plan_when_they_change() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant, agent) = filled(folder.path()).await;
    let before = plan(&store, tenant).await;
    let country = NumberClass::National;
    assert_eq!((before.calling.dial, before.calling.forward), (country, country));
    let prefix = CallingPrefix { prefix: "020".into(), class: NumberClass::Local };
    let rules = CallingRules {
        dial: NumberClass::Local,
        forward: NumberClass::Internal,
        prefixes: vec![prefix],
        announce: true,
        sites: true,
    };
    store.put_calling_rules(tenant, &by(1), &rules).await.unwrap();
    assert_eq!(store.calling_rules(tenant).await.unwrap(), rules);
    let right = CallingRight {
        dial: Some(NumberClass::International),
        forward: None,
        join: true,
        sites: Some(false),
        parked: Some(true),
    };
    let changed = store.set_calling_right(tenant, &by(2), agent, right).await.unwrap();
    assert_eq!(changed.calling, right);
    let after = plan(&store, tenant).await;
    assert!(after.version >= before.version + 2, "the switch hears of both");
    assert_eq!(
        (after.calling.dial, after.calling.prefixes[0].prefix.as_str()),
        (rules.dial, "020")
    );
    let own = after.agent(agent).unwrap().calling;
    assert_eq!((own.dial, own.forward, own.join), (right.dial, None, true));
    assert_eq!((own.sites, own.parked), (Some(false), Some(true)));
    let noted = actions(&store, tenant, "agent.calling_right").await;
    assert!(noted[0].contains("international"), "{noted:?}");
    let other = TenantId(tenant.0 + 1);
    assert!(matches!(store.calling_rules(other).await, Err(Error::NotFound { .. })));
    let foreign = store.set_calling_right(other, &by(3), agent, right).await;
    assert!(matches!(foreign, Err(Error::NotFound { .. })), "{foreign:?}");
}

#[tokio::test]
async fn how_a_phone_is_rung_is_off_at_first_and_reaches_the_plan_of_its_agent_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant, agent) = filled(folder.path()).await;
    let before = plan(&store, tenant).await;
    assert!(before.agents.iter().all(|agent| agent.ringing == Default::default()));
    let ringing = Ringing { call_waiting: true, auto_answer: true };
    let changed = store.set_ringing(tenant, &by(1), agent, ringing).await.unwrap();
    assert_eq!(changed.ringing, ringing);
    store.close().await;

    let store = place::open(folder.path()).await;
    let after = plan(&store, tenant).await;
    assert!(after.version > before.version, "the switch hears of it");
    let on =
        |agent: &&terms::routing::Agent| agent.ringing.call_waiting && agent.ringing.auto_answer;
    let rung: Vec<AgentId> = after.agents.iter().filter(on).map(|agent| agent.id).collect();
    assert_eq!(rung, [agent]);
    let expected =
        format!("192.0.2.1 agent.ringing: {agent} {{\"call_waiting\":true,\"auto_answer\":true}}");
    assert_eq!(actions(&store, tenant, "agent.ringing").await, [expected]);
    let foreign = store.set_ringing(TenantId(tenant.0 + 1), &by(2), agent, ringing).await;
    assert!(matches!(foreign, Err(Error::NotFound { .. })), "{foreign:?}");
}

#[tokio::test]
async fn who_sat_down_where_and_wrong_pins_are_in_the_audit_table_once() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant, agent) = filled(folder.path()).await;
    let phone = AgentId(77);
    let entries = [
        entry(3, 30, tenant, agent, InCalling::PinRefused { at: phone }),
        entry(4, 40, tenant, agent, InCalling::Moved { to: phone }),
    ];
    store.keep_calling(&entries, 4, false).await.unwrap();
    store.keep_calling(&entries, 4, false).await.unwrap();
    let expected = |action| format!("switch agent.{action}: {agent} at the phone of 77");
    let noted = actions(&store, tenant, "agent.p").await;
    assert_eq!(noted, [expected("pin_refused"), expected("phone")]);
}

#[tokio::test]
async fn a_bar_is_kept_until_it_is_lifted_and_an_old_entry_brings_it_not_back() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant, agent) = filled(folder.path()).await;
    let limit = CallingLimit::Destinations;
    let barred = [entry(7, 10, tenant, agent, InCalling::Barred { limit })];
    let version = plan(&store, tenant).await.version;
    store.keep_calling(&barred, 7, false).await.unwrap();
    let known = store.agent(tenant, agent).await.unwrap().barred;
    assert_eq!(known, Some(CallingBar { at: at(10), limit }));
    let raised = plan(&store, tenant).await;
    assert!(raised.version > version, "a switch that begins learns it");
    assert_eq!(raised.agent(agent).unwrap().calling.bar, Bar { barred: true, at: at(10) });
    store.keep_calling(&barred, 7, false).await.unwrap();
    let expected = format!("switch agent.barred: {agent} \"destinations\"");
    assert_eq!(actions(&store, tenant, "agent.barred").await, [expected], "once");
    store.close().await;

    let store = place::open(folder.path()).await;
    assert!(store.agent(tenant, agent).await.unwrap().barred.is_some(), "after a start too");
    // Its clock is behind: the lifting counts all the same.
    let lifted = store.lift_bar(tenant, &by(5), agent).await.unwrap();
    assert_eq!(lifted.barred, None);
    let bar = plan(&store, tenant).await.agent(agent).unwrap().calling.bar;
    assert!(!bar.barred && bar.at > at(10), "{bar:?}");
    store.keep_calling(&barred, 7, false).await.unwrap();
    assert_eq!(store.agent(tenant, agent).await.unwrap().barred, None);
    let again = store.lift_bar(tenant, &by(20), agent).await;
    assert!(matches!(again, Err(Error::Refused(_))), "{again:?}");
    assert_eq!(actions(&store, tenant, "agent.bar_lifted").await.len(), 1);
}

#[tokio::test]
async fn what_agents_set_is_kept_over_a_start_and_the_later_of_two_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant, agent) = filled(folder.path()).await;
    let set = |to: &str| InCalling::Set {
        do_not_disturb: to.is_empty(),
        forwarding: Forwarding { always: Some(to.into()), no_answer_s: 20, ..Default::default() },
    };
    let other = TenantId(tenant.0 + 1);
    let entries = [
        entry(3, 30, tenant, agent, set("1003")),
        entry(4, 20, tenant, agent, set("1002")),
        entry(5, 40, other, agent, set("1004")),
        entry(6, 50, tenant, AgentId(999), set("1005")),
    ];
    assert_eq!(store.calling_kept().await.unwrap(), None);
    let version = plan(&store, tenant).await.version;
    store.keep_calling(&entries, 9, false).await.unwrap();
    assert_eq!(plan(&store, tenant).await.version, version, "the switch knows what it says");
    store.close().await;

    let store = place::open(folder.path()).await;
    assert_eq!(store.calling_kept().await.unwrap(), Some(9));
    let forwarding =
        Forwarding { always: Some("1003".into()), no_answer_s: 20, ..Forwarding::default() };
    let kept = PhoneSettings { do_not_disturb: false, forwarding, at: at(30) };
    assert_eq!(store.phone_settings(tenant, agent).await.unwrap(), kept);
    assert_eq!(plan(&store, tenant).await.agent(agent).unwrap().phone, kept);
    let foreign = store.phone_settings(other, agent).await;
    assert!(matches!(foreign, Err(Error::NotFound { .. })), "{foreign:?}");
    let noted = actions(&store, tenant, "agent.phone_settings").await;
    assert_eq!(noted.len(), 1, "{noted:?}");
    assert!(noted[0].contains("always 1003"), "{noted:?}");
    let later = [entry(12, 60, tenant, agent, set("1002"))];
    store.keep_calling(&later, 12, true).await.unwrap();
    let told = plan(&store, tenant).await;
    assert!(told.version > version, "a switch that began before it was kept hears of it");
    store.keep_calling(&later, 12, true).await.unwrap();
    assert_eq!(plan(&store, tenant).await.version, told.version, "once");
}

#[tokio::test]
async fn a_pause_of_a_leased_number_is_put_down() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant, agent) = filled(folder.path()).await;
    let limit = CallingLimit::Destinations;
    let of = |seq, what| {
        let any = entry(seq, 10, tenant, agent, InCalling::Barred { limit });
        let kind = Kind::Leased(Leased { lease: Some(LeaseId(4)), what });
        Arc::new(Entry { kind, call: None, ..(*any).clone() })
    };
    let entries = [of(7, InLease::Called), of(8, InLease::Paused)];
    store.keep_calling(&entries, 8, false).await.unwrap();
    // Whose answer was lost is told again.
    store.keep_calling(&entries, 8, false).await.unwrap();
    let expected = "switch lease.pause: codes of the number of lease 4: too many were wrong";
    assert_eq!(actions(&store, tenant, "lease.pause").await, [expected]);
}
