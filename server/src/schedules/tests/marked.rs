//! Whether the files of schedules say which schedule they are of.

use super::*;

#[tokio::test]
async fn files_of_schedules_are_marked_where_the_tenant_asks_for_it_alone() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let schedule = rig.schedule("Daily", Vec::new()).await;
    let made = async || {
        let run = rig.run_now(schedule.id).await;
        rig.to_the_end(&rig.process(), run).await;
        rig.advance(Duration::from_secs(60));
        rig.worker.marked.lock().unwrap().take()
    };
    assert_eq!(made().await, None, "at first they are not");
    let setting = desk::watermark::Watermark { fetched: false, delivered: true };
    rig.store.put_watermark(rig.tenant, &rig.by(), setting).await.unwrap();
    let line = made().await.unwrap().line(reports::Language::En);
    assert!(line.starts_with("Fetched by Daily | "), "{line}");
}
