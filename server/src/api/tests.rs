//! The API from the outside: the real router over a real store and warehouse in a temporary
//! folder, with the real worker's bench behind it and a switch that notes what it is asked.

mod basics;
mod callbacks;
mod callers;
mod calling;
mod click;
mod conferences;
mod evidence;
mod export;
mod faxes;
mod flows;
mod forwarding;
mod hooks;
mod hostile;
mod idempotency;
mod leases;
mod lists;
mod live;
mod moved;
mod pickup;
mod plans;
mod prompts;
mod quality;
mod queues;
mod recording_rules;
mod recordings;
mod retention;
mod rig;
mod roles;
mod routing;
mod schedules;
mod shifts;
mod socket;
mod supervise;
mod trunks;
mod voicemails;
