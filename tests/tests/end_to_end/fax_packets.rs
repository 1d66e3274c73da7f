//! A document goes by fax from one call of a box to another call of it as T.38. The machine that
//! was called asks for it; who dialled both calls hands its offer on to the other, and the answer
//! back, so that the UDPTL of the one call's port comes to the other's.

use super::fax_document::{Line, PAGES, RECEIVES, ROW, SENDS, flow, images, page};
use mediacore::tiff;
use serde_json::json;
use tests::house::{House, Options};

pub fn a_document_goes_by_fax_as_packets_from_call_to_call(backend: &str) {
    let house = House::start(Options { backend: backend.into(), ..Options::default() });
    let pages: Vec<Vec<u8>> = (0..PAGES).map(page).collect();
    let written: Vec<(u32, &[u8])> =
        pages.iter().map(|rows| (ROW as u32 * 8, rows.as_slice())).collect();
    let (status, body) =
        house.put("/api/v1/fax-documents/news", "image/tiff", tiff::write(&written));
    assert_eq!(status, 200, "{body}");
    flow(&house, SENDS, &json!({"send": "news", "station": "+86 10 1111"}));
    flow(&house, RECEIVES, &json!({}));

    let line = Line::new(&house);
    let (sending, offer) = line.invites(SENDS, None);
    let (receiving, answer) = line.invites(RECEIVES, Some(&offer));
    line.acknowledges(&sending, Some(&answer));
    line.acknowledges(&receiving, None);
    let asked = loop {
        let told = line.hears();
        if told.starts_with("INVITE ") {
            break told;
        }
    };
    line.answers(&asked, "100 Trying", None);
    let (_, offer) = asked.split_once("\r\n\r\n").expect("a body");
    assert!(offer.contains("m=image ") && offer.contains("T38FaxVersion:0"), "{asked}");
    let answer = line.reinvites(&sending, offer);
    assert!(answer.contains("m=image ") && answer.contains("t38UDPRedundancy"), "{answer}");
    line.answers(&asked, "200 OK", Some(&answer));
    line.waits_for_byes(&house, 2);

    let row = house.wait_row(
        "SELECT count(*) AS faxes FROM events WHERE kind = 'fax_done' HAVING count(*) = 2",
    );
    assert_eq!(row["faxes"], json!(2));
    let went = house.sql("SELECT complete, pages FROM faxes");
    assert_eq!(went, vec![json!({"complete": true, "pages": PAGES}); 2], "{}", house.log());
    let kinds = "SELECT count(*) AS times FROM events WHERE kind IN ('fax_started', 'fax_ended')";
    assert_eq!(house.sql(kinds), [json!({"times": 4})], "each went over to T.38 and back");
    house.wait_row("SELECT count(*) FROM quality WHERE fax_received > 50 HAVING count(*) = 2");
    let listed = house.json("/api/v1/faxes");
    let id = listed[0]["fax_id"].as_str().expect("an id");
    let pdf = house.get(&format!("/api/v1/faxes/{id}?format=pdf")).bytes().expect("a file");
    assert_eq!(images(house.scratch(), &pdf), pages);
}
