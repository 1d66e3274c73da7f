//! Deliveries of one run beside one another.

use super::*;

#[tokio::test]
async fn a_mail_that_was_being_sent_when_the_process_ended_is_uncertain_and_not_sent_again() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let schedule = rig.schedule("Daily", vec![mail()]).await;
    for (step, sent) in [("schedule.sending", 0), ("schedule.sent", 1)] {
        let before = rig.smtp.mails().len();
        let run = rig.run_now(schedule.id).await;
        arm(step, Fault::Eio, 1);
        let ended = rig.process().round(|| rig.wall()).await;
        disarm(step);
        assert!(matches!(ended, Err(Error::Stopped(_))), "{step}: {ended:?}");
        rig.advance(Duration::from_micros(LEASE_US as u64));
        let done = rig.to_the_end(&rig.process(), run).await;
        assert_eq!(done.deliveries[0].state, DeliveryState::Uncertain, "{step}");
        assert_eq!(rig.smtp.mails().len() - before, sent, "{step}");
    }
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_holds_up_no_other() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    // It takes the connection and says nothing until the test lets it go.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/in", silent.local_addr().unwrap());
    let mut targets = vec![Target::Webhook { url }];
    targets.extend(rig.everywhere());
    let schedule = rig.schedule("Daily", targets).await;
    let run = rig.run_now(schedule.id).await;
    let process = rig.process();
    let others = async {
        let (held, _) = silent.accept().await.unwrap();
        loop {
            let states: Vec<DeliveryState> =
                rig.run(run).await.deliveries.iter().map(|one| one.state).collect();
            if states[1..].iter().all(|one| *one == DeliveryState::Delivered) {
                assert_eq!(states[0], DeliveryState::Sending);
                drop((held, silent));
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let (ended, ()) = tokio::join!(process.round(|| rig.wall()), others);
    ended.unwrap();
    assert_eq!(rig.run(run).await.deliveries[0].state, DeliveryState::Waiting);
}
