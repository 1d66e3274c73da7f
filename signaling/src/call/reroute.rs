//! Whose fault it is that a call over a trunk came to nothing. What the carrier could not do another
//! one may; what the callee or their number said is so over every trunk, and asking again would ring
//! them twice or pay for the same refusal.
//!
//! The status says who spoke, and the Q.850 cause (from Reason, else by RFC 3398 §8.2.6.1) what they
//! meant: a gateway that answers 500 with cause 17 says that the callee is busy.

/// Whether another trunk may do better. A callee who rang was reached, and early media was heard:
/// nobody is called again after that.
pub(super) fn another_may(status: u16, cause: u8, rang: bool) -> bool {
    if rang {
        return false;
    }
    match status {
        // Silence, and what breaks inside a network.
        408 | 500..=599 => !is_the_callees(cause),
        // They do not know us, or do not take our money.
        401 | 402 | 407 => true,
        // They speak none of the codecs that this trunk is offered.
        488 => true,
        // 3xx leads away from the trunk and is not followed; 6xx speaks for all (RFC 3261 §21.6).
        400..=499 => is_the_networks(cause),
        _ => false,
    }
}

/// Unallocated, cleared, busy, absent, rejected, changed, out of order, incomplete: of ITU-T Q.850.
fn is_the_callees(cause: u8) -> bool {
    matches!(cause, 1 | 16..=22 | 26..=28)
}

/// No route, no circuit, out of order, failure, congestion, no resource: of ITU-T Q.850.
fn is_the_networks(cause: u8) -> bool {
    matches!(cause, 2 | 3 | 25 | 34 | 38 | 41 | 42 | 44 | 47)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_carrier_could_not_do_another_may_and_what_the_callee_said_stands() {
        for (status, cause, again, why) in [
            (503, 41, true, "unavailable"),
            (503, 34, true, "no circuit"),
            (500, 17, false, "a gateway's word for busy"),
            (502, 38, true, "out of order"),
            (408, 102, true, "silence"),
            (408, 19, false, "rang without an answer"),
            (404, 1, false, "unallocated"),
            (404, 3, true, "no route from there"),
            (480, 18, false, "nobody there"),
            (480, 42, true, "congestion"),
            (486, 17, false, "busy"),
            (487, 16, false, "taken back"),
            (403, 21, false, "rejected"),
            (402, 21, true, "not paid"),
            (407, 21, true, "our password is wrong"),
            (488, 88, true, "no codec in common"),
            (302, 41, false, "moved"),
            (600, 17, false, "busy everywhere"),
            (603, 21, false, "declined"),
            (606, 88, false, "not acceptable anywhere"),
        ] {
            assert_eq!(another_may(status, cause, false), again, "{status}, {cause}: {why}");
            assert!(!another_may(status, cause, true), "{status}: whom we reached rings no more");
        }
    }
}
