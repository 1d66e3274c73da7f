//! Mails of flows, at a real mail server.

use super::*;
use crate::api::mails::sending::{attempt, send};
use crate::schedules::mail::Mailer;
use crate::schedules::outcome::Outcome;
use desk::mails::{MailState, OutgoingMail};
use mediacore::tiff;
use terms::MailId;

fn mail() -> OutgoingMail {
    OutgoingMail {
        id: MailId(7),
        call: None,
        address: "li@example.net".into(),
        subject: "Your parcel".into(),
        text: "It is on its way.".into(),
        document: None,
        asked_at: NOON,
        state: MailState::Sending,
        tries: 1,
        problem: String::new(),
        ended_at: None,
    }
}

#[tokio::test]
async fn a_mail_of_a_flow_goes_to_one_address_with_its_document_as_pdf() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let mailer = Mailer::open(&rig.config).unwrap().expect("a server is named");
    let faxes = rig.folder.path().join("faxes");
    let documents = faxes.join(format!("{}/documents", rig.tenant));
    std::fs::create_dir_all(&documents).unwrap();
    let page = vec![0x55; 216 * 100];
    std::fs::write(documents.join("price-list.tif"), tiff::write(&[(1_728, &page)])).unwrap();
    let with = |name: &str| OutgoingMail { document: Some(name.into()), ..mail() };
    let (bare, full) = (mail(), with("price-list"));
    assert_eq!(send(&mailer, &faxes, rig.tenant, &bare).await, Outcome::Delivered);
    assert_eq!(send(&mailer, &faxes, rig.tenant, &full).await, Outcome::Delivered);
    let mails = rig.smtp.mails();
    for line in [
        "To: li@example.net",
        "Subject: Your parcel",
        "Message-ID: <mail-7@example.com>",
        "Auto-Submitted: auto-generated",
        "It is on its way.",
    ] {
        assert!(mails[0].contains(line), "{line}: {}", mails[0]);
        assert!(mails[1].contains(line), "{line}: {}", mails[1]);
    }
    assert!(!mails[0].contains("application/pdf"), "{}", mails[0]);
    for line in ["Content-Type: application/pdf", "filename=\"price-list.pdf\""] {
        assert!(mails[1].contains(line), "{line}: {}", mails[1]);
    }
    for (name, why) in
        [("tariff", "there is no document tariff"), ("../secret", "there is no document ../secret")]
    {
        let outcome = send(&mailer, &faxes, rig.tenant, &with(name)).await;
        assert_eq!(outcome, Outcome::Failed(why.into()));
    }
    std::fs::write(documents.join("torn.tif"), b"II*").unwrap();
    let outcome = send(&mailer, &faxes, rig.tenant, &with("torn")).await;
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    assert_eq!(rig.smtp.mails().len(), 2);
}

#[tokio::test]
async fn a_document_too_large_for_a_mail_goes_as_a_link_where_it_is_public() {
    let _one = ONE.lock().await;
    let mut rig = Rig::new(Manner::Takes).await;
    rig.config.schedules.mail_bytes_max = Bytes(1);
    let mailer = Mailer::open(&rig.config).unwrap().expect("a server is named");
    let faxes = rig.folder.path().join("faxes");
    let documents = faxes.join(format!("{}/documents", rig.tenant));
    std::fs::create_dir_all(&documents).unwrap();
    let page = vec![0x55; 216 * 100];
    std::fs::write(documents.join("price-list.tif"), tiff::write(&[(1_728, &page)])).unwrap();
    let large = OutgoingMail { document: Some("price-list".into()), ..mail() };
    let refused = |why: &str| {
        Outcome::Failed(format!("the document price-list is too large for a mail, and {why}"))
    };
    assert_eq!(send(&mailer, &faxes, rig.tenant, &large).await, refused("not public"));
    std::fs::write(documents.join("price-list.key"), "0".repeat(64)).unwrap();
    assert_eq!(send(&mailer, &faxes, rig.tenant, &large).await, Outcome::Delivered);
    let sent = rig.smtp.mails().remove(0).replace("=\r\n", "");
    let link = format!("https://desk.example.com/d/{}.price-list.", rig.tenant);
    assert!(sent.contains("It is on its way.") && sent.contains(&link), "{sent}");
    assert!(!sent.contains("application/pdf"), "{sent}");
    rig.config.schedules.link = String::new();
    let mailer = Mailer::open(&rig.config).unwrap().expect("a server is named");
    let nowhere = refused("schedules.link names no address for a link");
    assert_eq!(send(&mailer, &faxes, rig.tenant, &large).await, nowhere);
    assert_eq!(rig.smtp.mails().len(), 1);
}

#[tokio::test]
async fn a_mail_of_a_flow_that_waited_for_longer_than_a_day_is_not_sent() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let mailer = Mailer::open(&rig.config).unwrap().expect("a server is named");
    let faxes = rig.folder.path().join("faxes");
    let day = Duration::from_secs(86_400);
    let late = NOON + day + Duration::from_secs(1);
    let mail = mail();
    let outcome = attempt(&mailer, &faxes, (rig.tenant, &mail), late).await;
    assert_eq!(outcome, Outcome::Failed("it waited longer than a day".into()));
    assert!(rig.smtp.mails().is_empty());
    let outcome = attempt(&mailer, &faxes, (rig.tenant, &mail), NOON + day).await;
    assert_eq!(outcome, Outcome::Delivered);
}

#[tokio::test]
async fn a_mail_of_a_flow_carries_no_second_receiver_and_no_header() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let mailer = Mailer::open(&rig.config).unwrap().expect("a server is named");
    let faxes = rig.folder.path().join("faxes");
    for address in
        ["li@example.net, wang@example.net", "li@example.net\r\nBcc: w@example.net", "li"]
    {
        let hostile = OutgoingMail { address: address.into(), ..mail() };
        let outcome = send(&mailer, &faxes, rig.tenant, &hostile).await;
        assert!(matches!(outcome, Outcome::Failed(_)), "{address:?}: {outcome:?}");
    }
    let hostile = OutgoingMail { subject: "x\r\nBcc: wang@example.net".into(), ..mail() };
    send(&mailer, &faxes, rig.tenant, &hostile).await;
    let text = rig.smtp.mails().concat();
    assert!(!text.lines().any(|line| line.starts_with("Bcc")), "{text}");
}

#[tokio::test]
async fn a_mail_of_a_flow_that_the_server_refuses_or_may_have_is_told_apart() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Refuses).await;
    let mailer = Mailer::open(&rig.config).unwrap().expect("a server is named");
    let faxes = rig.folder.path().join("faxes");
    let sent = async || send(&mailer, &faxes, rig.tenant, &mail()).await;
    assert!(matches!(sent().await, Outcome::Failed(_)));
    *rig.smtp.manner.lock().unwrap() = Manner::Busy;
    assert!(matches!(sent().await, Outcome::Again(_)));
    *rig.smtp.manner.lock().unwrap() = Manner::Vanishes;
    assert!(matches!(sent().await, Outcome::Uncertain(_)));
}
