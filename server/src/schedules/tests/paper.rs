//! What the pages of scheduled reports are set on.

use super::*;

#[tokio::test]
async fn each_report_of_a_run_is_set_on_the_paper_that_it_was_saved_with() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let schedule = rig.pack("Pack", 3, Vec::new()).await;
    let run = rig.run_now(schedule.id).await;
    rig.to_the_end(&rig.process(), run).await;
    let upright = Paper { size: Size::A4, orientation: Orientation::Portrait };
    let large = Paper { size: Size::A3, orientation: Orientation::Automatic };
    assert_eq!(*rig.worker.papers.lock().unwrap(), [upright, large, large]);
}
