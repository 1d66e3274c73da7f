//! A schedule makes what its owner sees.

use super::*;
use desk::Role;
use desk::team::Limits;
use desk::user::{NewUser, UserChange};

#[tokio::test]
async fn a_report_has_the_rows_that_the_owner_of_its_schedule_sees_when_it_is_made() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let schedule = rig.schedule("Daily", Vec::new()).await;
    let made = async || {
        let run = rig.run_now(schedule.id).await;
        rig.to_the_end(&rig.process(), run).await;
        rig.advance(Duration::from_secs(60));
        rig.worker.scope.lock().unwrap().take().unwrap()
    };
    let whole = made().await;
    assert_eq!((whole.queues, whole.agents, whole.mask_numbers), (None, None, false));

    let new = NewUser {
        login: "wang".into(),
        name: "王".into(),
        role: Role::Manager,
        password: "a-good-password".into(),
    };
    let user = rig.store.create_user(rig.tenant, &rig.by(), &new).await.unwrap().id;
    let by = By { user: Some(user), ..rig.by() };
    let draft = ScheduleDraft { webhook_secret: Hidden(None), ..schedule.draft.clone() };
    let changed = rig.store.put_schedule(rig.tenant, &by, schedule.id, &draft).await.unwrap();
    assert_eq!((schedule.owner, changed.owner), (None, Some(user)));
    assert!(!made().await.mask_numbers);

    let queue = rig.store.queues(rig.tenant).await.unwrap()[0].id;
    let limits = Limits { mask_numbers: true, queues: Some(vec![queue]) };
    rig.store.set_user_limits(rig.tenant, &rig.by(), user, &limits).await.unwrap();
    let seen = made().await;
    assert_eq!((seen.queues, seen.agents), (Some(vec![queue]), Some(Vec::new())));
    assert!(seen.mask_numbers);
    let run = rig.store.report_runs(rig.tenant, None, None, 1).await.unwrap().remove(0);
    assert_eq!(run.work.owner, Some(user));

    let change = |enabled| UserChange { enabled: Some(enabled), ..UserChange::default() };
    rig.store.change_user(rig.tenant, &rig.by(), user, &change(false)).await.unwrap();
    let run = rig.run_now(schedule.id).await;
    let run = rig.to_the_end(&rig.process(), run).await;
    assert_eq!(run.state, RunState::Failed);
    assert!(run.problem.contains("may not sign in any more"), "{}", run.problem);
    assert!(rig.worker.scope.lock().unwrap().is_none(), "nothing was made");
    rig.advance(Duration::from_secs(60));
    rig.store.change_user(rig.tenant, &rig.by(), user, &change(true)).await.unwrap();

    let draft = SavedReportDraft {
        name: "Costs".into(),
        report: "cost_per_contact".into(),
        period: RelativePeriod::Yesterday,
        format: "csv".into(),
        language: "en".into(),
        parameters: desk::saved_report::Parameters::new(),
        paper: None,
        orientation: None,
    };
    let saved = schedule.draft.saved_report;
    rig.store.put_saved_report(rig.tenant, &rig.by(), saved, &draft).await.unwrap();
    let run = rig.run_now(schedule.id).await;
    let run = rig.to_the_end(&rig.process(), run).await;
    assert_eq!(run.state, RunState::Failed);
    assert!(run.problem.contains("does not see all calls"), "{}", run.problem);
}
