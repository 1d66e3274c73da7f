//! Messages for single agents, on a real file: what the switch says of them lasts and stands in the
//! plan.

use super::begun::{NOON, begun, entry};
use desk::mailbox::{MailboxDraft, MailboxTakes};
use desk::{By, Store};
use std::path::Path;
use std::sync::Arc;
use terms::event::{Entry, InMailbox, Kind, Mailbox};
use terms::media::Ledger;
use terms::{AgentId, CallId, ContactId, RecordingId, TenantId, UserId, routing};

const ONE: RecordingId = RecordingId(70);
const TWO: RecordingId = RecordingId(71);

fn of(secs: u64, tenant: TenantId, agent: AgentId, what: InMailbox) -> Arc<Entry> {
    entry(secs, tenant, Kind::Mailbox(Mailbox { agent, what }))
}

async fn filled(folder: &Path) -> (Store, TenantId, Vec<AgentId>) {
    let (store, first) = begun(folder).await;
    let agents = first.agents.iter().map(|agent| agent.0).collect();
    (store, first.tenant, agents)
}

/// The plan's version, and the mailboxes in it.
async fn planned(store: &Store, tenant: TenantId) -> (u64, Vec<routing::Mailbox>) {
    let plan = store.compile_plan(tenant).await.unwrap();
    (plan.version, plan.mailboxes)
}

#[tokio::test]
async fn a_message_for_an_agent_waits_until_it_is_heard_and_goes_with_its_recording() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant, agents) = filled(folder.path()).await;
    let (agent, nobodys) = (agents[0], TenantId(tenant.0 + 1));
    let (before, none) = planned(&store, tenant).await;
    assert_eq!(none, []);
    let left = |secs, tenant, recording| of(secs, tenant, agent, InMailbox::Left { recording });
    let entries = [left(1, tenant, ONE), left(2, tenant, TWO), left(3, nobodys, ONE)];
    store.keep_calling(&entries, 3, false).await.unwrap();
    let counted =
        |waiting, heard| vec![routing::Mailbox { waiting, heard, ..routing::Mailbox::of(agent) }];
    let (version, waiting) = planned(&store, tenant).await;
    assert_eq!(waiting, counted(2, 0));
    assert!(version > before, "phones are told");
    store.keep_calling(&entries, 3, false).await.unwrap();
    assert_eq!(planned(&store, tenant).await, (version, waiting), "said again it is nothing new");

    let heard = |secs, by| of(secs, tenant, agent, InMailbox::Heard { recording: ONE, by });
    store.keep_calling(&[heard(9, UserId(5)), heard(10, UserId(6))], 10, false).await.unwrap();
    assert_eq!(planned(&store, tenant).await.1, counted(1, 1));
    let known = store.agent_message(tenant, ONE).await.unwrap().expect("a message");
    assert_eq!((known.agent, known.heard_by), (agent, Some(UserId(5))), "the first one counts");
    assert_eq!(store.agent_message(nobodys, ONE).await.unwrap(), None);
    assert_eq!(store.agent_messages(tenant, Some(agents[1])).await.unwrap(), []);
    let all = store.agent_messages(tenant, Some(agent)).await.unwrap();
    let all: Vec<RecordingId> = all.iter().map(|message| message.recording).collect();
    assert_eq!(all, [TWO, ONE], "the latest first");

    let ledger = Ledger::refused((tenant, ContactId(1), CallId(1)), TWO, NOON, "too short");
    let (agent, queue, meeting, message) = (Some(agent), None, None, true);
    let refused = entry(11, tenant, Kind::Recorded { ledger, agent, queue, meeting, message });
    store.keep_calling(&[refused], 11, false).await.unwrap();
    assert_eq!(planned(&store, tenant).await.1, counted(0, 1));
    store.forget_voicemails(tenant, &[ONE]).await.unwrap();
    assert_eq!(planned(&store, tenant).await.1, []);
}

#[tokio::test]
async fn what_an_agent_sets_stands_in_the_plan_and_of_two_words_about_driving_the_later_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tenant, agents) = filled(folder.path()).await;
    let (agent, by) = (agents[0], By::system("test", NOON));
    let drives = |secs, on| of(secs, tenant, agent, InMailbox::Driving { on });
    store.keep_calling(&[drives(5, true), drives(4, false)], 5, false).await.unwrap();
    let draft = MailboxDraft { takes: MailboxTakes::Missed, greeting: Some("away".into()) };
    store.set_mailbox(tenant, &by, agent, &draft).await.unwrap();
    let expected = routing::Mailbox {
        takes: routing::MailboxTakes::Missed,
        greeting: "away".into(),
        driving: true,
        ..routing::Mailbox::of(agent)
    };
    assert_eq!(planned(&store, tenant).await.1, [expected]);
    store.keep_calling(&[drives(6, false)], 6, false).await.unwrap();
    let set = store.mailbox(tenant, agent).await.unwrap();
    assert_eq!((set.draft, set.driving), (draft, false));
    let bad = MailboxDraft { takes: MailboxTakes::Off, greeting: Some("../x".into()) };
    assert!(store.set_mailbox(tenant, &by, agent, &bad).await.is_err());
    let nobody = TenantId(tenant.0 + 1);
    assert!(store.mailbox(nobody, agent).await.is_err());
    let off = MailboxDraft { takes: MailboxTakes::Off, greeting: None };
    assert!(store.set_mailbox(nobody, &by, agent, &off).await.is_err());
}
