//! A call and the conference that it is in: how it gets in ([`knock`]), what its member hears and
//! presses ([`member`], `keys`), the calls that a conference makes ([`summon`]), and how it goes on
//! after a kill (`keep`). Who is in the room, and who is heard there, is the [`crate::conference`]'s to
//! say.

mod keep;
mod keys;
mod knock;
mod member;
mod summon;

pub(super) use knock::Knock;
pub(super) use member::Attendance;
pub(super) use summon::Summoning;
pub(crate) use summon::{Summons, summon};
