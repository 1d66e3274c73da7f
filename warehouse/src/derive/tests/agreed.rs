//! What callers said of being recorded.

use super::*;
use terms::event::{Consent, ConsentWay};

#[test]
fn each_word_of_a_caller_about_being_recorded_is_a_row_with_how_it_was_said() {
    let mut s = Script::new(1);
    queued(&mut s);
    s.call(11.0, 100, consented(true));
    let told = Consent {
        given: false,
        way: ConsentWay::Agent,
        flow: None,
        step: None,
        by: Some(UserId(50)),
    };
    s.call(30.0, 100, Kind::Consented(told));
    end(&mut s, 60.0, Outcome::Answered, Party::Customer);
    let rows = s.rows();
    let said = pick!(rows, Consent);
    let [yes, no] = said[..] else { panic!("{said:?}") };
    assert_eq!((yes.given, yes.way.as_str(), yes.step.as_deref()), (true, "flow", Some("agree")));
    assert_eq!((yes.call_id.0, yes.caller.as_str()), (100, "+8613800138000"));
    assert_eq!((yes.call_started_at, yes.said_at), (BEGIN, Timestamp(BEGIN.0 + 11_000_000)));
    assert_eq!((no.given, no.way.as_str(), no.user_id), (false, "agent", Some(UserId(50))));
    assert_eq!((no.flow_id, no.step.as_deref()), (None, None));
    assert_ne!(yes.seq, no.seq);
    assert_eq!(calls(&rows).len(), 1, "and the call is what it was");
}
