//! Replies to mails, at a real mail server.

use super::*;
use crate::schedules::mail::Mailer;
use crate::schedules::outcome::Outcome;
use desk::item::reply::Reply;
use terms::ItemId;

fn reply() -> Reply {
    Reply {
        step: 9,
        tenant: TenantId(1),
        item: ItemId(5),
        address: "li@example.net".into(),
        subject: "Meter".into(),
        in_reply_to: Some("<1@example.net>".into()),
        text: "Somebody comes tomorrow.".into(),
    }
}

#[tokio::test]
async fn a_reply_goes_to_whom_the_mail_came_from_and_stands_beside_it() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let mailer = Mailer::open(&rig.config).unwrap().expect("a server is named");
    assert_eq!(mailer.send_reply(&reply()).await, Outcome::Delivered);
    let again = Reply { subject: "RE: Meter".into(), in_reply_to: Some("7".into()), ..reply() };
    assert_eq!(mailer.send_reply(&again).await, Outcome::Delivered);
    let mails = rig.smtp.mails();
    for line in [
        "To: li@example.net",
        "Subject: Re: Meter",
        "In-Reply-To: <1@example.net>",
        "References: <1@example.net>",
        "Message-ID: <item-5-9@example.com>",
        "Somebody comes tomorrow.",
    ] {
        assert!(mails[0].contains(line), "{line}: {}", mails[0]);
    }
    assert!(mails[1].contains("Subject: RE: Meter"), "{}", mails[1]);
    assert!(!mails[1].contains("In-Reply-To"), "that is no Message-ID: {}", mails[1]);
    let nowhere = Reply { address: "li".into(), ..reply() };
    assert_eq!(mailer.send_reply(&nowhere).await, Outcome::Failed("li is no address".into()));
}

#[tokio::test]
async fn a_reply_that_the_server_refuses_or_may_have_is_told_apart() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Refuses).await;
    let mailer = Mailer::open(&rig.config).unwrap().expect("a server is named");
    assert!(matches!(mailer.send_reply(&reply()).await, Outcome::Failed(_)));
    *rig.smtp.manner.lock().unwrap() = Manner::Busy;
    assert!(matches!(mailer.send_reply(&reply()).await, Outcome::Again(_)));
    *rig.smtp.manner.lock().unwrap() = Manner::Vanishes;
    assert!(matches!(mailer.send_reply(&reply()).await, Outcome::Uncertain(_)));
}
