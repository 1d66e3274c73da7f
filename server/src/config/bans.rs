//! The keys of `[sip]` that say when an address is not listened to, against each other.

use super::{Config, Error, refused};
use signaling::reach::Network;
use signaling::sip::bans::Limits;
use std::time::Duration;

/// Most failures that a ban may wait for: so many are remembered of each address.
const AFTER_MAX: u32 = 100;
/// Shortest time that means anything here.
const TIME_MIN: Duration = Duration::from_secs(1);

impl Config {
    /// When a source of SIP is banned, and for how long.
    pub fn bans(&self) -> Limits {
        let sip = &self.sip;
        let never = sip.ban_never.iter().map(|network| Network::parse(&network.0));
        Limits {
            after: sip.ban_after as usize,
            within: sip.ban_within.0,
            time: sip.ban_time.0,
            time_max: sip.ban_time_max.0,
            never: never.map(|network| network.expect("it was read as a network")).collect(),
        }
    }

    pub(super) fn check_bans(&self) -> Result<(), Error> {
        let sip = &self.sip;
        if sip.ban_after > AFTER_MAX {
            let problem = format!("{} is above {AFTER_MAX}; 0 bans nobody", sip.ban_after);
            return refused("sip.ban_after", problem);
        }
        for (key, time) in [("sip.ban_within", sip.ban_within), ("sip.ban_time", sip.ban_time)] {
            if time.0 < TIME_MIN {
                let problem = format!("{time} is too short; use 1s or more, or sip.ban_after = 0");
                return refused(key, problem);
            }
        }
        if sip.ban_time_max.0 < sip.ban_time.0 {
            let problem =
                format!("{} is shorter than sip.ban_time, {}", sip.ban_time_max, sip.ban_time);
            return refused("sip.ban_time_max", problem);
        }
        Ok(())
    }
}
