//! The box calls a number of its own accord and sends a fax there, through the real program. Behind the
//! trunk is somebody who dials another number of the box and hands the descriptions on, so that the
//! machine that answers is one of the box, too.

use super::fax_document::{Line, PAGES, RECEIVES, ROW, flow, header, images, page};
use super::seconds;
use mediacore::tiff;
use serde_json::{Value, json};
use tests::house::{House, Options, wait_for};

const OUTSIDE: &str = "02155556666";

pub fn a_fax_is_sent_to_a_number_that_the_box_calls(backend: &str) {
    let house = House::start(Options { backend: backend.into(), ..Options::default() });
    let line = Line::new(&house);
    let trunk = json!({
        "name": "far", "proxy": format!("sip:{};transport=udp", line.here), "prefixes": [""],
        "calls_max": 10, "calls_per_s_max": 10, "caller_number": house.hotline,
    });
    let (status, body) = house.post("/api/v1/trunks", &trunk);
    assert_eq!(status, 201, "{body}");
    let pages: Vec<Vec<u8>> = (0..PAGES).map(page).collect();
    let written: Vec<(u32, &[u8])> =
        pages.iter().map(|rows| (ROW as u32 * 8, rows.as_slice())).collect();
    let (status, body) =
        house.put("/api/v1/fax-documents/news", "image/tiff", tiff::write(&written));
    assert_eq!(status, 200, "{body}");
    flow(&house, RECEIVES, &json!({}));
    let wanted = json!({"number": OUTSIDE, "document": "news", "station": "+86 10 1111"});
    let (status, asked) = house.post("/api/v1/faxes/outgoing", &wanted);
    assert_eq!((status, &asked["state"]), (201, &json!("waiting")), "{asked}");

    let invite = hears(&line, "INVITE ");
    assert!(invite.starts_with(&format!("INVITE sip:{OUTSIDE}@")), "{invite}");
    line.says(&response(&invite, "100 Trying", &line, None));
    let (_, offer) = invite.split_once("\r\n\r\n").expect("a body");
    let (receiving, answer) = line.invites(RECEIVES, Some(offer));
    line.acknowledges(&receiving, None);
    line.says(&response(&invite, "200 OK", &line, Some(&answer)));
    hears(&line, "ACK ");
    line.waits_for_byes(&house, 2);

    let uri = format!("/api/v1/faxes/outgoing/{}", asked["id"].as_str().expect("an id"));
    let is_over = || Some(house.json(&uri)).filter(|fax| fax["ended_at"] != Value::Null);
    let fax = wait_for("the fax to be over", seconds(30), is_over);
    assert_eq!((&fax["state"], &fax["pages"]), (&json!("sent"), &json!(PAGES)), "{fax}");
    assert_eq!((&fax["tries"], &fax["problem"]), (&json!(1), &json!("")));
    let row =
        house.wait_row("SELECT fax_id, document, complete FROM faxes WHERE document = 'news'");
    assert_eq!((&row["fax_id"], &row["complete"]), (&fax["fax"], &json!(true)), "{row}");
    let listed = house.json("/api/v1/faxes");
    let id = listed[0]["fax_id"].as_str().expect("an id");
    let pdf = house.get(&format!("/api/v1/faxes/{id}?format=pdf")).bytes().expect("a file");
    assert_eq!(images(house.scratch(), &pdf), pages);
}

/// The next request of this kind; it is read over what else comes.
fn hears(line: &Line, method: &str) -> String {
    loop {
        let told = line.hears();
        if told.starts_with(method) {
            return told;
        }
    }
}

fn response(request: &str, status: &str, line: &Line, sdp: Option<&str>) -> String {
    let of = |name: &str| header(request, name).unwrap_or_else(|| panic!("no {name}: {request}"));
    let (here, body) = (line.here, sdp.unwrap_or_default());
    let tag = if status.starts_with("100") { "" } else { ";tag=far" };
    let kind = if sdp.is_some() { "Content-Type: application/sdp\r\n" } else { "" };
    format!(
        "SIP/2.0 {status}\r\n\
         Via: {}\r\n\
         From: {}\r\n\
         To: {}{tag}\r\n\
         Call-ID: {}\r\n\
         CSeq: {}\r\n\
         Contact: <sip:far@{here}>\r\n\
         {kind}Content-Length: {}\r\n\r\n{body}",
        of("Via"),
        of("From"),
        of("To"),
        of("Call-ID"),
        of("CSeq"),
        body.len()
    )
}
