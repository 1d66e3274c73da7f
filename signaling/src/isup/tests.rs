//! Bytes put together by hand from the tables of Q.763.

use super::*;
use terms::Category;

/// Who calls 021-5555-6666 within the country: 138-0013-8000 of a payphone, forwarded twice.
const IAM: &[u8] = &[
    0x01, // IAM
    0x00, // no satellite, no continuity check, no echo control
    0x48, 0x00, // interworking; ISUP is not needed all the way
    0x0F, // payphone
    0x03, // audio of 3.1 kHz
    2, 9, // pointers
    7, 0x03, 0x10, 0x12, 0x55, 0x55, 0x66, 0x66, // even, national, E.164, 2155556666
    0x0A, 8, 0x83, 0x13, 0x31, 0x08, 0x10, 0x83, 0x00,
    0x00, // odd, national, allowed, by the network
    0x13, 2, 0x33, 0x12, // diverted first for always, twice, last for busy
    0x3D, 1, 0x1E, // 30 exchanges more
    0x00,
];

fn iam(bytes: &[u8]) -> InitialAddress {
    match Message::parse(bytes) {
        Ok(Message::InitialAddress(address)) => *address,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_initial_address_says_who_calls_whom_and_from_what_kind_of_line() {
    let address = iam(IAM);
    assert_eq!(address.category(), Category::Payphone);
    assert_eq!((address.forward, address.medium), ([0x48, 0x00], 0x03));
    assert_eq!(address.called, Number::shown(Nature::National, "2155556666", 0));
    let calling = address.calling.clone().expect("somebody calls");
    assert_eq!(calling, Number::shown(Nature::National, "13800138000", 3));
    assert_eq!(calling.dialled("86"), "+8613800138000");
    assert_eq!(calling.dialled(""), "13800138000");
    assert_eq!((address.diversions(), address.hops), (2, Some(30)));
    let redirection = address.redirection.expect("it was forwarded");
    assert_eq!((redirection.original_reason, redirection.reason), (3, 1));
    assert_eq!(Message::InitialAddress(Box::new(address)).write(), IAM);
}

#[test]
fn a_number_that_is_not_to_be_seen_says_so_and_one_that_is_unknown_has_no_digits() {
    let with = |number: &[u8]| {
        let optional = [&[0x0A, u8::try_from(number.len()).unwrap()][..], number, &[0]].concat();
        let head = [0x01_u8, 0, 0, 0, 0x0A, 0, 2, 6, 4, 0x84, 0x10, 0x21, 0x03];
        iam(&[&head[..], &optional].concat()).calling.expect("a number")
    };
    for (second, restricted) in [(0x10, false), (0x17, true), (0x18, false), (0x1F, true)] {
        let number = with(&[0x04, second, 0x68, 0x31]);
        assert_eq!(number.is_restricted(), restricted, "{second:#x}");
        assert_eq!(number.dialled("86"), "+8613");
    }
    let unknown = with(&[0x00, 0x0B]);
    assert_eq!(unknown, Number::unavailable());
    assert_eq!((unknown.digits.as_str(), unknown.is_restricted()), ("", false));
}

#[test]
fn codes_that_are_no_digits_and_the_end_of_dialling_are_told_from_digits() {
    let called = |digits: &[u8]| {
        let number = [&[0x02, 0x10][..], digits].concat();
        let length = u8::try_from(number.len()).unwrap();
        let head = [0x01, 0, 0, 0, 0x0A, 0, 2, 0, length];
        Message::parse(&[&head[..], &number].concat())
    };
    let digits = |bytes: &[u8]| match called(bytes) {
        Ok(Message::InitialAddress(address)) => Some(address.called.digits),
        _ => None,
    };
    assert_eq!(digits(&[0x4B, 0xC5]).as_deref(), Some("*45#"));
    assert_eq!(digits(&[0x11, 0xF0]).as_deref(), Some("110"), "the end of dialling is no digit");
    assert_eq!(digits(&[0xD1]), None);
    assert_eq!(digits(&[0x11; 16]).map(|digits| digits.len()), Some(32));
    assert_eq!(digits(&[0x11; 17]), None, "a number of too many digits");
}

#[test]
fn categories_are_those_of_the_table_both_ways() {
    for (octet, category) in [
        (0x00, Category::Unknown),
        (0x02, Category::Operator),
        (0x09, Category::Operator),
        (0x0A, Category::Ordinary),
        (0x0B, Category::Ordinary),
        (0x0C, Category::Unknown),
        (0x0D, Category::Test),
        (0x0F, Category::Payphone),
        (0xE0, Category::Unknown),
    ] {
        let mut bytes = IAM.to_vec();
        bytes[4] = octet;
        assert_eq!(iam(&bytes).category(), category, "{octet:#x}");
    }
    let sent =
        |category| InitialAddress::new(category, Number::shown(Nature::Unknown, "110", 0)).category;
    let written = [
        Category::Ordinary,
        Category::Operator,
        Category::Test,
        Category::Payphone,
        Category::Unknown,
        Category::MobileVplmn,
    ];
    assert_eq!(written.map(sent), [0x0A, 0x09, 0x0D, 0x0F, 0x00, 0x0A]);
}

#[test]
fn what_follows_the_initial_address_is_read_and_written_by_the_tables() {
    let cause = |standard, location, value| Cause { standard, location, value };
    for (bytes, message) in [
        (&[0x06, 0x16, 0x01, 0][..], Message::AddressComplete(Backward::ours(true))),
        (&[0x06, 0x12, 0x01, 0], Message::AddressComplete(Backward::ours(false))),
        (&[0x2C, 0x01, 0], Message::Progress(Event::ALERTING)),
        (&[0x2C, 0x03, 0], Message::Progress(Event::IN_BAND)),
        (&[0x09, 0], Message::Answer),
        (&[0x07, 0x16, 0x01, 0], Message::Connect(Backward::ours(true))),
        (&[0x0C, 2, 0, 2, 0x8A, 0x9F], Message::Release(Cause::ours(31))),
        (&[0x0C, 2, 0, 2, 0xC4, 0x91], Message::Release(cause(2, 4, 17))),
        (&[0x10, 0], Message::ReleaseComplete),
        (&[0x0D, 0x01, 0], Message::Suspend(1)),
        (&[0x0E, 0x01, 0], Message::Resume(1)),
    ] {
        assert_eq!(Message::parse(bytes), Ok(message.clone()));
        assert_eq!(message.write(), bytes, "{message:?}");
    }
    let rings = |bytes: &[u8]| Message::parse(bytes).unwrap().is_alerting();
    assert!(rings(&[0x06, 0x04, 0x00, 0]) && rings(&[0x2C, 0x81, 0]));
    assert!(!rings(&[0x06, 0x08, 0x00, 0]) && !rings(&[0x2C, 0x02, 0]) && !rings(&[0x09, 0]));
}

#[test]
fn a_cause_of_another_list_is_none_of_q850_and_what_stands_around_one_is_passed_over() {
    let released = |bytes: &[u8]| match Message::parse(bytes) {
        Ok(Message::Release(cause)) => cause.q850(),
        other => panic!("{other:?}"),
    };
    assert_eq!(released(&[0x0C, 2, 0, 2, 0x84, 0x91]), Some(17));
    assert_eq!(released(&[0x0C, 2, 0, 2, 0xC4, 0x91]), None, "a cause of the country");
    assert_eq!(released(&[0x0C, 2, 0, 3, 0x04, 0x80, 0x91]), Some(17), "with a recommendation");
    assert_eq!(released(&[0x0C, 2, 0, 4, 0x84, 0x9B, 0x01, 0x02]), Some(27), "with diagnostics");
    // Optional parameters that nobody knows, and access delivery information.
    let more = [0x0C, 2, 4, 2, 0x84, 0x91, 0x2E, 1, 0, 0xFE, 0, 0];
    assert_eq!(released(&more), Some(17));
}

#[test]
fn lengths_that_lead_nowhere_are_refused() {
    for end in 0..IAM.len() - 1 {
        let cut = Message::parse(&IAM[..end]);
        // Between two optional parameters the message could as well end.
        let whole = [16, 26, 30].contains(&end);
        assert_eq!(cut.is_ok(), whole, "{end}: {cut:?}");
    }
    for bytes in [
        &[][..],
        &[0x0C],
        &[0x0C, 0, 0],
        &[0x0C, 0xFF, 0],
        &[0x0C, 2, 0, 9, 0x84, 0x91],
        &[0x0C, 2, 0, 1, 0x84],
        &[0x06, 0x16],
        &[0x09, 9],
        &[0x2A, 0, 0, 0],
    ] {
        assert!(Message::parse(bytes).is_err(), "{bytes:x?}");
    }
    assert!(Message::parse(&[0x09; MESSAGE_BYTES_MAX + 1]).is_err());
    for seed in 0..=u8::MAX {
        fuzz_isup(&IAM.iter().map(|byte| byte ^ (seed & 0x11)).collect::<Vec<u8>>());
        fuzz_isup(&[seed; 40]);
    }
}
