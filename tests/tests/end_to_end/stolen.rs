//! An extension whose password was stolen: a registered phone dials one number abroad after the other.
//! It is barred with the fifth, the carrier hears of none, and supervisors see it at once. When an
//! administrator has lifted the bar, the phone calls within the country again.

use super::consulted::{details, talks_with};
use super::three_parties::acts;
use super::trunks::{Carrier, answers, trunk_for_all};
use super::{house_of_callers, phone, seconds};
use serde_json::{Value, json};
use tests::house::{House, wait_for};
use tests::peer::baresip::{Manner, Phone};

/// A number in the country, which everybody may call.
const MOBILE: &str = "13900139000";
/// Calls without a right that bar an extension: one more than `calls.out_refused_per_hour_max`.
const CALLS: usize = 5;

pub fn a_stolen_extension_is_barred_by_its_fifth_call_abroad_until_somebody_lifts_it(
    backend: &str,
) {
    let house = house_of_callers(backend);
    let mut carrier = Carrier::start(&house, "carrier", 1, &answers(None));
    let trunk = trunk_for_all(&house, &carrier);
    let (thief, agent_id) = phone(&house, 0, 440, Manner::Calls);
    let abroad = |n: usize| format!("0044207123400{n}");
    for n in 1..=CALLS {
        assert!(!is_barred(&house, &agent_id), "before call {n}");
        is_refused(&house, &thief, &abroad(n), n);
    }
    wait_for("the bar", seconds(10), || is_barred(&house, &agent_id).then_some(()));
    // Nor does it call anywhere else outside.
    is_refused(&house, &thief, MOBILE, CALLS + 1);

    let told = details(&house, "calling");
    let is = |number: &str, class: &str, why: &str| {
        let refused = json!({"number": number, "class": class, "way": "dial", "why": why});
        json!({"agent": agent_id, "what": {"refused": refused}})
    };
    let (bars, refused): (Vec<&Value>, Vec<&Value>) =
        told.iter().partition(|one| one["what"]["barred"].is_object());
    assert_eq!(bars, [&json!({"agent": agent_id, "what": {"barred": {"limit": "refused"}}})]);
    for (n, one) in refused[..CALLS].iter().enumerate() {
        assert_eq!(**one, is(&abroad(n + 1), "international", "no_right"));
    }
    assert_eq!(*refused[CALLS], is(MOBILE, "national", "barred"));

    // The bar is in the business store before somebody can lift it.
    wait_for("the audit", seconds(20), || {
        let rows = house.json("/api/v1/audit");
        rows.as_array()?.iter().find(|row| row["action"] == "agent.barred").cloned()
    });
    let (status, body) = house.delete(&format!("/api/v1/agents/{agent_id}/bar"));
    assert_eq!(status, 200, "{body}");
    wait_for("the end of the bar", seconds(10), || (!is_barred(&house, &agent_id)).then_some(()));
    thief.calls(house.sip, MOBILE);
    let call = talks_with(&house, &agent_id);
    acts(&house, &call, &json!({"action": "hangup"}));
    carrier.finish(&house);

    let row = house.wait_row("SELECT * FROM calls WHERE outcome = 'answered'");
    assert_eq!(row["call_id"], call.as_str(), "{row}");
    let refused = house.sql("SELECT count(*) AS n FROM calls WHERE outcome = 'refused'");
    assert_eq!(refused, [json!({"n": CALLS + 1})]);
    let legs = house.sql("SELECT trunk_id FROM legs WHERE trunk_id IS NOT NULL");
    assert_eq!(legs, [json!({"trunk_id": trunk})], "one leg to the outside");
    let said = carrier.said();
    assert!(said.contains(&format!("INVITE sip:{MOBILE}@")), "{said}");
    assert!(!said.contains("00442071234"), "the carrier hears of no other: {said}");
}

/// The phone dials, and so many calls were not made by then.
fn is_refused(house: &House, phone: &Phone, number: &str, so_many: usize) {
    phone.calls(house.sip, number);
    wait_for("the refusal", seconds(20), || {
        let told = details(house, "calling");
        let refused = told.iter().filter(|one| one["what"]["refused"].is_object());
        (refused.count() == so_many).then_some(())
    });
}

fn is_barred(house: &House, agent: &str) -> bool {
    let live = house.json("/api/v1/live");
    let agents = live["agents"].as_array().expect("agents");
    agents.iter().any(|one| one["agent"] == agent && one["barred"] == true)
}
