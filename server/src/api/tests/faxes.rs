//! Faxes and the documents that flows send, from the outside: who may, what is taken, and whose it is.

use super::rig::{Got, NOON, Rig, request};
use crate::api::deletion::Swept;
use crate::fax::drawing;
use crate::work::draw::{self, Draw};
use axum::body::Body;
use axum::http::{Method, StatusCode};
use desk::bootstrap::FIRST_QUEUE;
use desk::item::write::ItemChange;
use desk::{By, Role};
use mediacore::tiff;
use pdf_writer::{Rect, Ref};
use serde_json::json;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use terms::event::{ENTRY_VERSION, Entry, Kind};
use terms::id::IdGen;
use terms::media::{FaxOutcome, FaxWork};
use terms::record::{Fax, Row};
use terms::{CallId, ContactId, FaxId, PhoneNumber, TenantId, Timestamp, UserId};

const FAXES: &str = "/api/v1/faxes";
const DOCUMENTS: &str = "/api/v1/fax-documents";

/// Two pages.
pub(super) fn document(width: u32) -> Vec<u8> {
    let (one, two) = (vec![0xA5; width as usize / 8 * 20], vec![0x5A; width as usize / 8 * 10]);
    tiff::write(&[(width, &one), (width, &two)])
}

/// Draws in this process, where the program is not at hand.
pub(super) fn here() -> Draw {
    Arc::new(|pdf: File| {
        Box::pin(async move {
            let mut told = Vec::new();
            match drawing::serve(pdf, &mut told).expect("a file is read") {
                true => Ok(told),
                false => Err(draw::refused(&String::from_utf8_lossy(&told))),
            }
        })
    })
}

/// A PDF of so many pages of A4 with nothing on them.
fn blank_pdf(pages: i32) -> Vec<u8> {
    let mut pdf = pdf_writer::Pdf::new();
    let (tree, drawn) = (Ref::new(2), Ref::new(3));
    pdf.catalog(Ref::new(1)).pages(tree);
    pdf.pages(tree).kids((0..pages).map(|n| Ref::new(10 + n))).count(pages);
    pdf.stream(drawn, b"");
    for n in 0..pages {
        let mut page = pdf.page(Ref::new(10 + n));
        page.media_box(Rect::new(0.0, 0.0, 595.0, 842.0)).parent(tree).contents(drawn);
    }
    pdf.finish()
}

pub(super) async fn bring(rig: &Rig, name: &str, token: &str, file: Vec<u8>) -> Got {
    let mut sent = request(Method::PUT, &format!("{DOCUMENTS}/{name}"), token, None);
    *sent.body_mut() = Body::from(file);
    rig.send(sent).await
}

/// As the media cores leave one behind.
fn receive(rig: &Rig, tenant: TenantId, fax: FaxId) -> (PathBuf, Vec<u8>) {
    let folder = rig.folder.path().join("faxes").join(tenant.to_string());
    std::fs::create_dir_all(&folder).unwrap();
    let (path, file) = (folder.join(format!("{fax}.tif")), document(1_728));
    std::fs::write(&path, &file).unwrap();
    (path, file)
}

async fn actions(rig: &Rig) -> Vec<(String, String)> {
    let rows = rig.store.audit(rig.tenant(), None, 100).await.unwrap();
    let of_fax = rows.into_iter().filter(|row| row.action.starts_with("fax"));
    of_fax.map(|row| (row.action, row.subject)).collect()
}

#[tokio::test]
async fn a_fax_is_listed_fetched_in_both_forms_and_deleted_and_all_of_it_is_noted() {
    let rig = Rig::new().await;
    let (old, new) = (FaxId(rig.id()), FaxId(rig.id()));
    let (_, file) = receive(&rig, rig.tenant(), old);
    let (path, _) = receive(&rig, rig.tenant(), new);
    let token = rig.token(Role::Supervisor).await;
    let listed = rig.get(FAXES, &token).await.json();
    assert_eq!(listed[0]["fax_id"], json!(new.to_string()), "the latest first: {listed}");
    assert_eq!(listed[1]["bytes"], file.len());
    let second = rig.get(&format!("{FAXES}?before={new}&limit=1"), &token).await.json();
    assert_eq!(second[0]["fax_id"], json!(old.to_string()));
    assert_eq!(second.as_array().unwrap().len(), 1);

    let got = rig.get(&format!("{FAXES}/{new}"), &token).await;
    assert_eq!((got.status, got.header("content-type")), (StatusCode::OK, "image/tiff"));
    assert_eq!(got.body, file);
    let got = rig.get(&format!("{FAXES}/{new}?format=pdf"), &token).await;
    assert_eq!(got.header("content-type"), "application/pdf");
    assert!(got.body.starts_with(b"%PDF-"), "{:?}", &got.body[..8]);

    let (uri, why) = (format!("{FAXES}/{new}/deletion"), json!({"reason": "the customer asked"}));
    let refused = rig.post(&uri, &token, why.clone()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let owner = rig.token(Role::Administrator).await;
    let unsaid = rig.post(&uri, &owner, json!({"reason": " "})).await;
    assert_eq!(unsaid.status, StatusCode::BAD_REQUEST);
    let gone = rig.post(&uri, &owner, why).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert!(!path.exists());
    let got = rig.get(&format!("{FAXES}/{new}"), &token).await;
    assert_eq!(got.status, StatusCode::GONE);
    assert!(got.json()["message"].as_str().unwrap().contains("its erasure was ordered"));
    let listed = rig.get(FAXES, &token).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    let mut noted = actions(&rig).await;
    noted.sort();
    let note = |action: &str, subject: String| (action.to_owned(), subject);
    assert_eq!(
        noted,
        [
            note("fax.delete", format!("{new}: the customer asked")),
            note("fax.fetch", format!("{new} pdf")),
            note("fax.fetch", format!("{new} tif")),
        ]
    );
}

#[tokio::test]
async fn an_agent_fetches_a_fax_that_is_handed_to_them_and_no_other() {
    let rig = Rig::new().await;
    let (own, other) = (FaxId(rig.id()), FaxId(rig.id()));
    let (_, file) = receive(&rig, rig.tenant(), own);
    receive(&rig, rig.tenant(), other);
    let agents = [rig.first.agents[0].0, rig.first.agents[1].0];
    let (by, take) = (By::system("test", NOON), ItemChange::Take { agent: agents[0] });
    let outcome = FaxOutcome { fax: own, path: Some("1/x.tif".into()), ..FaxOutcome::default() };
    let work = Some(FaxWork { queue: FIRST_QUEUE, caller: PhoneNumber::default() });
    let kind = Kind::FaxDone { document: None, outcome, work };
    let (v, seq, at, tenant) = (ENTRY_VERSION, 1, NOON, rig.tenant());
    let (contact, call, leg) = (Some(ContactId(1)), Some(CallId(1)), None);
    let entry = Entry { v, seq, at, tenant, contact, call, leg, kind };
    rig.store.keep_calling(&[Arc::new(entry)], 1, false).await.unwrap();
    // What a program calls by the name of a fax opens none.
    let new = json!({"channel": "fax", "queue": FIRST_QUEUE, "external_id": other});
    let new = serde_json::from_value(new).unwrap();
    rig.store.create_item(tenant, &by, &new).await.unwrap();
    for item in rig.store.open_items(tenant).await.unwrap() {
        rig.store.change_item(tenant, &by, item.id, &take).await.unwrap();
    }
    let expected = [(0, own, true), (0, other, false), (1, own, false)];
    for (at, fax, may) in expected {
        let (agent, user) = (agents[at], UserId(agents[at].0));
        let token = rig.token_of(rig.tenant(), user, Role::Agent, Some(agent)).await;
        let got = rig.get(&format!("{FAXES}/{fax}"), &token).await;
        let status = if may { StatusCode::OK } else { StatusCode::NOT_FOUND };
        assert_eq!((got.status, got.body == file), (status, may), "{at} {fax}");
    }
}

#[tokio::test]
async fn a_fax_is_fetched_in_parts_and_not_again_by_who_has_it() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let fax = FaxId(rig.id());
    let (_, file) = receive(&rig, rig.tenant(), fax);
    let ask = async |uri: &str, name: &'static str, value: &str| {
        let mut asked = request(Method::GET, uri, &token, None);
        asked.headers_mut().insert(name, value.parse().unwrap());
        rig.send(asked).await
    };
    for uri in [format!("{FAXES}/{fax}"), format!("{FAXES}/{fax}?format=pdf")] {
        let whole = rig.get(&uri, &token).await;
        let length = whole.body.len();
        assert_eq!(whole.header("accept-ranges"), "bytes");
        let part = ask(&uri, "range", "bytes=4-9").await;
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{uri}");
        assert_eq!(part.body, whole.body[4..10]);
        assert_eq!(part.header("content-range"), format!("bytes 4-9/{length}"));
        let outside = ask(&uri, "range", &format!("bytes={length}-")).await;
        assert_eq!(outside.status, StatusCode::RANGE_NOT_SATISFIABLE);
        let same = ask(&uri, "if-none-match", whole.header("etag")).await;
        assert_eq!(same.status, StatusCode::NOT_MODIFIED);
    }
    assert_eq!(rig.get(&format!("{FAXES}/{fax}"), &token).await.body, file);
}

#[tokio::test]
async fn a_fax_is_nobody_elses() {
    let rig = Rig::new().await;
    let fax = FaxId(rig.id());
    receive(&rig, rig.tenant(), fax);
    let agent = rig.token(Role::Agent).await;
    assert_eq!(rig.get(FAXES, &agent).await.status, StatusCode::FORBIDDEN);
    let (_, stranger) = rig.other_tenant().await;
    assert_eq!(rig.get(FAXES, &stranger).await.json(), json!([]));
    for way in ["", "?format=pdf"] {
        let got = rig.get(&format!("{FAXES}/{fax}{way}"), &stranger).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{way}");
    }
    let why = json!({"reason": "x"});
    let gone = rig.post(&format!("{FAXES}/{fax}/deletion"), &stranger, why).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let hold = json!({"kind": "fax", "value": fax, "reason": "x"});
    assert_eq!(rig.post("/api/v1/holds", &stranger, hold).await.status, StatusCode::NOT_FOUND);
}

impl Rig {
    /// A fax that began so many days before noon: its file alone, as a kill leaves it.
    fn stray(&self, days: i64) -> (FaxId, PathBuf) {
        let began = Timestamp(NOON.0 - days * 86_400_000_000);
        // Of one moment, but of different nodes.
        let fax = FaxId(IdGen::new((self.id() & 0x3FF) as u16).next(began));
        (fax, receive(self, self.tenant(), fax).0)
    }

    /// The same with the row that came of its entry in the log.
    async fn known(&self, days: i64) -> (FaxId, PathBuf) {
        let (fax, path) = self.stray(days);
        self.stage(&[Row::Fax(row(self.tenant(), fax))]).await;
        (fax, path)
    }

    async fn keep_for(&self, days: u32) {
        let boss = self.token(Role::Administrator).await;
        let body = Some(json!({"days": days}));
        let got = self.ask(Method::PUT, "/api/v1/retention", &boss, body).await;
        assert_eq!(got.status, StatusCode::NO_CONTENT, "{got:?}");
    }

    async fn tidy(&self) -> Swept {
        self.deletion.round(NOON).await.unwrap()
    }
}

pub(super) fn row(tenant: TenantId, fax: FaxId) -> Fax {
    Fax {
        tenant_id: tenant,
        fax_id: fax,
        call_id: CallId(5),
        contact_id: ContactId(5),
        call_started_at: NOON,
        ended_at: NOON,
        caller: "+8613800138000".into(),
        document: None,
        complete: true,
        pages: 2,
        ecm: true,
        bit_rate: 14_400,
        station: "+86 10 1111".into(),
        text: "OK".into(),
        path: Some(format!("{tenant}/{fax}.tif")),
        bytes: 100,
        sha256: None,
    }
}

#[tokio::test]
async fn a_fax_whose_time_is_over_is_deleted_is_in_the_audit_table_and_says_why() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let ((old, path), (young, kept)) = (rig.known(91).await, rig.known(89).await);
    assert_eq!(rig.tidy().await, Swept::default(), "faxes are kept for ever by default");
    rig.keep_for(90).await;
    assert_eq!(rig.tidy().await, Swept { deleted: 1, files: 1, ..Swept::default() });
    assert!(!path.exists() && kept.exists());
    let got = rig.get(&format!("{FAXES}/{old}"), &token).await;
    assert_eq!(got.status, StatusCode::GONE);
    let message = got.json()["message"].as_str().unwrap().to_owned();
    assert_eq!(message, "This fax was deleted on 2026-11-23: its time of keeping was over.");
    assert_eq!(rig.get(&format!("{FAXES}/{young}"), &token).await.status, StatusCode::OK);
    let noted = actions(&rig).await;
    let note = ("fax.retention".to_owned(), format!("{old}: fax kept for 90 days"));
    assert_eq!(noted.iter().filter(|one| **one == note).count(), 1, "{noted:?}");
    let sql = "SELECT f.pages, d.reason, d.detail FROM faxes f \
               JOIN recording_deletions d ON d.recording_id = f.fax_id";
    let got = rig.post("/api/v1/sql", &token, json!({"sql": sql})).await.json();
    let said = json!({"pages": 2, "reason": "retention", "detail": "fax kept for 90 days"});
    assert_eq!(got["rows"], json!([said]));
    assert_eq!(rig.tidy().await, Swept::default(), "once");
}

#[tokio::test]
async fn a_hold_on_fax_contact_or_number_keeps_it_from_the_rule_and_from_who_asks() {
    let rig = Rig::new().await;
    let (boss, manager) = (rig.token(Role::Administrator).await, rig.token(Role::Manager).await);
    let (fax, path) = rig.known(40).await;
    rig.keep_for(30).await;
    let uri = format!("{FAXES}/{fax}/deletion");
    for (kind, value) in
        [("fax", fax.to_string()), ("contact", "5".into()), ("number", "138 0013 8000".into())]
    {
        let body = json!({"kind": kind, "value": value, "reason": "case 7"});
        let hold = rig.post("/api/v1/holds", &manager, body).await;
        assert_eq!(hold.status, StatusCode::CREATED, "{kind}: {hold:?}");
        assert_eq!(rig.tidy().await, Swept { held: 1, ..Swept::default() }, "{kind}");
        let asked = rig.post(&uri, &boss, json!({"reason": "asked for"})).await;
        assert_eq!(asked.status, StatusCode::CONFLICT, "{kind}");
        assert!(path.exists(), "{kind}");
        let lift = format!("/api/v1/holds/{}/lift", hold.json()["id"]);
        let lifted = rig.post(&lift, &manager, json!({"reason": "closed"})).await;
        assert_eq!(lifted.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(rig.tidy().await.deleted, 1);
    assert!(!path.exists());
    let late = json!({"kind": "fax", "value": fax, "reason": "too late"});
    assert_eq!(rig.post("/api/v1/holds", &manager, late).await.status, StatusCode::GONE);
    let none = json!({"kind": "fax", "value": "1", "reason": "x"});
    assert_eq!(rig.post("/api/v1/holds", &manager, none).await.status, StatusCode::NOT_FOUND);
}

/// Nobody knows whose call it was: it may be of any number that is held.
#[tokio::test]
async fn a_file_that_a_kill_left_without_a_row_goes_by_the_rule_unless_it_may_be_held() {
    let rig = Rig::new().await;
    let manager = rig.token(Role::Manager).await;
    let (fax, path) = rig.stray(40);
    rig.keep_for(30).await;
    let body = json!({"kind": "number", "value": "13900139000", "reason": "case 7"});
    let hold = rig.post("/api/v1/holds", &manager, body).await.json()["id"].clone();
    assert_eq!(rig.tidy().await, Swept { held: 1, ..Swept::default() });
    assert!(path.exists());
    // Its entry comes after all, and it is of another number.
    rig.stage(&[Row::Fax(row(rig.tenant(), fax))]).await;
    assert_eq!(rig.tidy().await, Swept { deleted: 1, files: 1, ..Swept::default() });
    let (_, other) = rig.stray(41);
    assert_eq!(rig.tidy().await.held, 1);
    let lift = format!("/api/v1/holds/{hold}/lift");
    rig.post(&lift, &manager, json!({"reason": "closed"})).await;
    assert_eq!(rig.tidy().await.deleted, 1);
    assert!(!path.exists() && !other.exists());
}

/// The box dies when the deletion is decided and before anything of it is told or done.
#[tokio::test]
async fn a_deletion_that_was_decided_before_a_crash_is_told_and_done_by_the_next_round() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let (fax, path) = rig.known(1).await;
    let why = (warehouse::recordings::Reason::Retention, "fax kept for 1 days");
    rig.warehouse.delete_faxes(rig.tenant(), &[fax], why, NOON).await.unwrap();
    assert!(path.exists());
    let got = rig.get(&format!("{FAXES}/{fax}"), &token).await;
    assert_eq!(got.status, StatusCode::GONE, "nobody is given it meanwhile");
    assert_eq!(rig.get(FAXES, &token).await.json(), json!([]));
    assert_eq!(rig.tidy().await, Swept { files: 1, ..Swept::default() });
    assert!(!path.exists());
    let note = ("fax.retention".to_owned(), format!("{fax}: fax kept for 1 days"));
    assert_eq!(actions(&rig).await, [note]);
    assert_eq!(rig.tidy().await, Swept::default());
}

#[tokio::test]
async fn a_fax_that_is_no_tiff_is_not_shown_as_pdf() {
    let rig = Rig::new().await;
    let fax = FaxId(rig.id());
    let (path, _) = receive(&rig, rig.tenant(), fax);
    std::fs::write(path, b"damaged").unwrap();
    let token = rig.token(Role::Manager).await;
    let got = rig.get(&format!("{FAXES}/{fax}?format=pdf"), &token).await;
    assert_eq!(got.status, StatusCode::CONFLICT, "{got:?}");
}

#[tokio::test]
async fn a_document_is_brought_looked_at_replaced_and_taken_away() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let (first, second) = (document(1_728), document(2_048));
    let got = bring(&rig, "price-list", &token, first.clone()).await;
    assert_eq!(got.json(), json!({"name": "price-list", "pages": 2}), "{got:?}");
    let place = format!("faxes/{}/documents/price-list.tif", rig.tenant());
    assert_eq!(std::fs::read(rig.folder.path().join(place)).unwrap(), first);
    assert_eq!(bring(&rig, "price-list", &token, second.clone()).await.status, StatusCode::OK);
    let listed = rig.get(DOCUMENTS, &token).await.json();
    assert_eq!(listed, json!([{"name": "price-list", "bytes": second.len(), "public": false}]));
    let one = format!("{DOCUMENTS}/price-list");
    assert_eq!(rig.get(&one, &token).await.body, second);
    let (_, stranger) = rig.other_tenant().await;
    assert_eq!(rig.get(&one, &stranger).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get(DOCUMENTS, &stranger).await.json(), json!([]));
    let gone = rig.ask(Method::DELETE, &one, &token, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.get(&one, &token).await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.get(DOCUMENTS, &token).await.json(), json!([]));
}

#[tokio::test]
async fn a_pdf_is_brought_and_kept_as_the_pages_that_are_sent() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let got = bring(&rig, "letter", &token, blank_pdf(2)).await;
    assert_eq!(got.json(), json!({"name": "letter", "pages": 2}), "{got:?}");
    let kept = rig.get(&format!("{DOCUMENTS}/letter"), &token).await;
    assert_eq!(kept.header("content-type"), "image/tiff");
    let pages = tiff::pages(&kept.body).unwrap();
    let size = |page: &tiff::Page| (page.width, page.height, page.packing);
    assert_eq!(pages.iter().map(size).collect::<Vec<_>>(), [(1_728, 2_292, tiff::Packing::T6); 2]);
    // What was brought stays nowhere.
    let folder = rig.folder.path().join(format!("faxes/{}/documents", rig.tenant()));
    let names = || folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names().collect::<Vec<_>>(), ["letter.tif"]);
    // Of another PDF that cannot be faxed nothing changes.
    let got = bring(&rig, "letter", &token, blank_pdf(101)).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST, "{got:?}");
    assert_eq!(
        got.json()["message"],
        "This PDF cannot be faxed: it has 101 pages; a fax has 1 to 100"
    );
    assert_eq!(rig.get(&format!("{DOCUMENTS}/letter"), &token).await.body, kept.body);
    assert_eq!(names().collect::<Vec<_>>(), ["letter.tif"]);
    // Some programs write something in front of it.
    let odd = [b"\xEF\xBB\xBF\n".to_vec(), blank_pdf(1)].concat();
    let got = bring(&rig, "odd", &token, odd).await.json();
    let message = got["message"].as_str().unwrap_or_default();
    assert!(got["pages"] == 1 || message.starts_with("This PDF"), "it is no TIFF: {got}");
}

#[tokio::test]
async fn two_documents_under_one_name_do_not_mix() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let of = |octet: u8| tiff::write(&[(1_728, &vec![octet; 216 * 5_000])]);
    let files = [of(0x55), of(0x3C)];
    let all = (0..16).map(|n| bring(&rig, "news", &token, files[n % 2].clone()));
    for got in futures::future::join_all(all).await {
        assert_eq!(got.status, StatusCode::OK, "{got:?}");
    }
    let got = rig.get(&format!("{DOCUMENTS}/news"), &token).await;
    assert!(files.iter().any(|file| *file == got.body), "it is one of them");
}

#[tokio::test]
async fn a_document_that_the_disk_does_not_take_leaves_nothing() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    let folder = rig.folder.path().join(format!("faxes/{}/documents", rig.tenant()));
    std::fs::create_dir_all(folder.join("news.tif/in-the-way")).unwrap();
    let got = bring(&rig, "news", &token, document(1_728)).await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE, "{got:?}");
    let left: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["news.tif"]);
}

#[tokio::test]
async fn what_cannot_be_faxed_is_refused_and_nothing_of_it_is_kept() {
    let rig = Rig::new().await;
    let token = rig.token(Role::Manager).await;
    for (name, file, status) in [
        ("ok", b"%PDF-1.7".to_vec(), StatusCode::BAD_REQUEST),
        ("ok", document(800), StatusCode::BAD_REQUEST),
        ("Price.List", document(1_728), StatusCode::BAD_REQUEST),
        ("ok", vec![0; (16 << 20) + 1], StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let got = bring(&rig, name, &token, file).await;
        assert_eq!(got.status, status, "{name}: {got:?}");
    }
    let supervisor = rig.token(Role::Supervisor).await;
    let got = bring(&rig, "ok", &supervisor, document(1_728)).await;
    assert_eq!(got.status, StatusCode::FORBIDDEN);
    assert_eq!(rig.get(DOCUMENTS, &supervisor).await.json(), json!([]));
    for name in ["..%2F1", "%2e%2e", "a%2Fb"] {
        let got = rig.get(&format!("{DOCUMENTS}/{name}"), &token).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{name}");
    }
}
