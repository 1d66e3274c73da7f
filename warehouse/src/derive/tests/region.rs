//! Where the number outside is at home.

use super::*;
use terms::Region;

fn row_of(region: Option<Region>) -> Call {
    let mut s = Script::new(1);
    let mut started = call_started("02087654321");
    if let Kind::CallStarted { region: told, .. } = &mut started {
        *told = region;
    }
    s.call(0.0, 100, started);
    s.call(9.0, 100, call_ended(Outcome::IvrOnly, Party::Customer));
    let rows = s.rows();
    pick!(rows, Call).into_iter().next().cloned().expect("a call")
}

#[test]
fn the_row_of_a_call_says_where_its_number_is_at_home() {
    let region = |city: &str| Region { province: "广东".into(), city: city.into() };
    let row = row_of(Some(region("广州")));
    assert_eq!((row.province.as_deref(), row.city.as_deref()), (Some("广东"), Some("广州")));
    let row = row_of(Some(region("")));
    assert_eq!((row.province.as_deref(), row.city), (Some("广东"), None));
    let row = row_of(None);
    assert_eq!((row.province, row.city), (None, None));
}

#[test]
fn an_entry_and_a_row_of_before_have_no_region() {
    let mut entry = serde_json::to_value(call_started("02087654321")).expect("plain data");
    assert_eq!(entry.as_object_mut().expect("an entry").remove("region"), None, "left out");
    let read: Kind = serde_json::from_value(entry).expect("an entry of before");
    assert!(matches!(read, Kind::CallStarted { region: None, .. }));

    let mut row = serde_json::to_value(row_of(None)).expect("plain data");
    let columns = row.as_object_mut().expect("a row");
    assert!(columns.remove("province").is_some() && columns.remove("city").is_some());
    let read: Call = serde_json::from_value(row).expect("a row of before");
    assert_eq!((read.province, read.city), (None, None));
}
