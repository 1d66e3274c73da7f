//! Stories: whole calls in virtual time.

mod addresses;
mod agents;
mod aside;
mod auto_answer;
mod bot;
mod browsers;
mod call_waiting;
mod callbacks;
mod callers;
mod calling;
mod classes;
mod click;
mod conference;
mod consent;
mod consult;
mod control;
mod decided;
mod document;
mod early_media;
mod emergency;
mod encrypted;
mod fax;
mod flow_steps;
mod gateways;
mod grid;
mod guests;
mod interject;
mod joins;
mod language;
mod leases;
mod lost;
mod mailboxes;
mod open_lines;
mod orders;
mod outbound;
mod parking;
mod phones;
mod pickup;
mod property;
mod quality;
mod queue_doors;
mod queueing;
mod recording;
mod regions;
mod replaces;
mod restore;
mod ring_all;
mod second_line;
mod send_fax;
mod send_mail;
mod send_text;
mod sign_in;
mod sites;
mod skill_sets;
mod sql;
mod stepped_clock;
mod supervision;
mod talking;
mod texts;
mod tones;
mod trace_back;
mod trunks;
mod turned_away;
mod two_calls;
mod waiting;

use super::rig::{Phone, Rig, TENANT, demo_plan};
use std::time::Duration;
use terms::control::{AgentAction, Answer, Ask, CallAction};
use terms::event::{
    Calling, Consent, Consultation, InCallback, InCalling, InConference, InConsultation, Kind,
    Outcome, Parking, Party,
};
use terms::{AgentId, CallId, LegId};

const A1: AgentId = AgentId(1);
const A2: AgentId = AgentId(2);
const A3: AgentId = AgentId(3);

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn rig_with(agents: &[AgentId]) -> Rig {
    let mut rig = Rig::new(demo_plan());
    for &agent in agents {
        sign_in(&mut rig, agent);
    }
    rig
}

fn act(rig: &mut Rig, agent: AgentId, action: AgentAction) -> Answer {
    rig.ask(Ask::Agent { tenant: TENANT, agent, action })
}

fn sign_in(rig: &mut Rig, agent: AgentId) {
    assert_eq!(act(rig, agent, AgentAction::SignIn), Answer::Done);
}

fn call_act(rig: &mut Rig, action: CallAction) -> Answer {
    let call = only_call(rig);
    rig.ask(Ask::Call { tenant: TENANT, call, action })
}

fn only_call(rig: &mut Rig) -> CallId {
    let calls = rig.state().calls;
    assert_eq!(calls.len(), 1, "one call is live");
    calls[0].call
}

fn phase(rig: &mut Rig) -> String {
    rig.state().calls.first().map(|call| call.phase.clone()).unwrap_or_default()
}

/// A customer talks to the first free agent of queue 1. Returns the customer's leg.
fn talking(rig: &mut Rig) -> LegId {
    let customer = rig.customer_dials("95105600");
    rig.wait(secs(5));
    assert_eq!(phase(rig), "talking");
    customer
}

/// The log as words, one an entry, without states of agents and steps of flows.
fn told(rig: &Rig) -> Vec<String> {
    rig.log.iter().filter_map(|entry| word(&entry.kind)).collect()
}

fn word(kind: &Kind) -> Option<String> {
    let text = match kind {
        Kind::CallStarted { direction, .. } => format!("call {direction:?}"),
        Kind::LegStarted { role, .. } => format!("leg {role:?}"),
        Kind::LegRinging => "ringing".into(),
        Kind::LegAnswered => "leg answered".into(),
        Kind::IvrIn { .. } => "ivr".into(),
        Kind::Leased(leased) => {
            format!("lease {:?}: {:?}", leased.lease.map(|id| id.0), leased.what)
        }
        Kind::TracedBack(back) => {
            format!("back to {} ({:?}): {:?}", back.agent, back.found, back.what)
        }
        Kind::Enqueued { queue, position, .. } => format!("enqueued {queue} at {position}"),
        Kind::FlowTold { event, data, .. } => format!("told {event} {data:?}"),
        Kind::Decided(decision) => {
            let (end, agent) = (decision.end, decision.agent);
            format!("{end:?}: {agent:?} with {}", decision.priority)
        }
        Kind::Offered { agent, .. } => format!("offered {agent}"),
        Kind::OfferEnded { agent, end, .. } => format!("offer to {agent} ended {end:?}"),
        Kind::Forwarded { agent, target, when } => {
            format!("{agent} forwarded to {target}: {when:?}")
        }
        Kind::Hunt(hunt) => grid::word(hunt),
        Kind::PickedUp { agent, from } => format!("{agent} picked up from {from}"),
        Kind::Calling(calling) => calling_word(calling)?,
        Kind::Answered { agent, .. } => format!("answered {agent}"),
        Kind::Abandoned { .. } => "abandoned".into(),
        Kind::FlowedOut { reason, .. } => format!("flowed out {reason:?}"),
        Kind::Held { by } => format!("held by {by:?}"),
        Kind::Resumed => "resumed".into(),
        Kind::Transferred { target, .. } => format!("transferred to {target}"),
        Kind::ProgressHeard { tone } => format!("heard {tone:?}"),
        Kind::FaxStarted => "fax started".into(),
        Kind::FaxEnded => "fax ended".into(),
        Kind::FaxAsked { document, number, .. } => {
            format!("{document} is to be faxed to {}", number.received)
        }
        Kind::FaxDone { document, outcome, .. } => format!(
            "{} {} pages: {}",
            document.as_deref().unwrap_or("received"),
            outcome.pages,
            outcome.text
        ),
        Kind::Invited { target, .. } => format!("invited {target}"),
        Kind::JoinRefused { agent, status } => {
            format!("{} may not join: {status}", agent.map_or(0, |agent| agent.0))
        }
        Kind::Interjected(said) => {
            format!("said to {:?} by {}: {:?}", said.to, said.by, said.prompt)
        }
        Kind::Parking(Parking { slot, what }) => format!("slot {slot}: {what:?}"),
        Kind::Consultation(consultation) => consultation_word(consultation),
        Kind::SupervisionStarted { of, mode } => format!("{} supervised: {mode:?}", of.agent),
        Kind::SupervisionChanged { of, mode } => format!("{} now: {mode:?}", of.agent),
        Kind::SupervisionEnded { of, end } => format!("{} no longer: {end:?}", of.agent),
        Kind::Conference { what, .. } => conference_word(what),
        Kind::Forced { act, target, .. } => {
            format!("forced {act:?} {}", target.as_deref().unwrap_or_default())
        }
        Kind::Released { agent, by } => format!("released {agent} by {by:?}"),
        Kind::SurveyAsked { .. } => "survey".into(),
        Kind::SurveyAnswered { answer, .. } => format!("survey answered {answer:?}"),
        Kind::VoicemailLeft { .. } => "message left".into(),
        Kind::VoicemailHeard { recording, by, .. } => format!("{by} heard {recording}"),
        Kind::Mailbox(mailbox) => mailboxes::word(mailbox),
        Kind::Item(told) => format!("item {} {:?}", told.item, told.action),
        Kind::Recorded { ledger, .. } => format!("recorded {:?}", ledger.state),
        Kind::LegEnded { cause, by, .. } => format!("leg ended {cause} by {by:?}"),
        Kind::CallEnded { outcome, cause, by } => format!("ended {outcome:?} {cause} by {by:?}"),
        Kind::IvrStep { .. } | Kind::AgentChanged { .. } => return None,
        Kind::RecordingPaused { by, .. } => format!("paused by {by}"),
        Kind::RecordingResumed { by, .. } => format!("recorded again by {by}"),
        Kind::RecordingStopped { by, .. } => format!("recording stopped by {by}"),
        Kind::Consented(Consent { given, way, .. }) => format!("agrees by {way:?}: {given}"),
        Kind::CallbackQueued { .. } => "callback queued".into(),
        Kind::Callback(callback) => callback_word(&callback.what),
        Kind::LineOpened { agent } => format!("line of {agent} opened"),
        Kind::LineClosed { agent } => format!("line of {agent} closed"),
        Kind::TextReceived(text) => format!("text from {}", text.from.normal),
        Kind::MailAsked(mail) => format!("{} is to be mailed to {}", mail.subject, mail.address),
        Kind::TextAsked(text) => format!("{} is to be sent to {}", text.text.0, text.to.received),
        Kind::TextSent(text) => format!("text to {}: {:?}", text.to.normal, text.result),
        Kind::Started { .. } | Kind::RecordingStarted { .. } => return None,
    };
    Some(text)
}

fn calling_word(Calling { agent, what }: &Calling) -> Option<String> {
    match what {
        InCalling::Refused { number, class, way, why } => {
            Some(format!("{agent} not to {number}: {class:?} {way:?} {why:?}"))
        }
        InCalling::Moved { to } => Some(format!("{agent} at the phone of {to}")),
        InCalling::PinRefused { at } => Some(format!("wrong PIN of {agent} at {at}")),
        InCalling::Barred { limit } => Some(format!("{agent} barred: {limit:?}")),
        InCalling::Set { .. } => None,
    }
}

fn consultation_word(Consultation { agent, what }: &Consultation) -> String {
    match what {
        InConsultation::Asked { target } => format!("{agent} consults {target}"),
        InConsultation::Answered => format!("{agent} is advised"),
        InConsultation::Ended { end } => format!("{agent} consulted: {end:?}"),
    }
}

fn callback_word(what: &InCallback) -> String {
    match what {
        InCallback::Asked { number, first } => format!("{number} asked back, {first:?} first"),
        InCallback::Tried { attempt } => format!("tried {attempt}"),
        InCallback::Unreached { attempt, cause } => format!("unreached {attempt} by {cause}"),
        InCallback::Ended { end, .. } => format!("callback {end:?}"),
    }
}

fn conference_word(what: &InConference) -> String {
    match what {
        InConference::Joined { chair, muted } => {
            let (who, how) =
                (if *chair { "chair" } else { "guest" }, if *muted { " muted" } else { "" });
            format!("{who} joined{how}")
        }
        InConference::Left { end } => format!("left: {end:?}"),
        InConference::Muted { muted, by } => {
            format!("{} by {by:?}", if *muted { "muted" } else { "heard" })
        }
        InConference::Locked { locked, by } => {
            format!("{} by {by:?}", if *locked { "locked" } else { "unlocked" })
        }
        InConference::Invited { target, .. } => format!("called {target}"),
    }
}

/// States of one agent, as words.
fn states(rig: &Rig, of: AgentId) -> Vec<String> {
    rig.log
        .iter()
        .filter_map(|entry| match &entry.kind {
            Kind::AgentChanged { agent, activity, reason, .. } if *agent == of => {
                Some(match reason {
                    Some(reason) => format!("{activity:?} {reason}"),
                    None => format!("{activity:?}"),
                })
            }
            _ => None,
        })
        .collect()
}

fn outcome(rig: &Rig) -> (Outcome, u8, Party) {
    let mut ends = rig.log.iter().filter_map(|entry| match entry.kind {
        Kind::CallEnded { outcome, cause, by } => Some((outcome, cause, by)),
        _ => None,
    });
    ends.next_back().expect("a call has ended")
}

/// Nothing is left and everything adds up.
fn balanced(rig: &mut Rig) {
    rig.wait(secs(300));
    assert_eq!(rig.switch.calls(), 0, "{:#?}", told(rig));
    let wrong = rig.books.imbalance();
    assert!(wrong.is_empty(), "{wrong:#?}\n{:#?}", told(rig));
}

/// What was played to a leg, in order.
fn heard(rig: &Rig, of: LegId) -> Vec<String> {
    rig.media
        .iter()
        .filter_map(|command| match command {
            terms::media::Command::Play { leg, playback } if *leg == of => Some(&playback.sources),
            _ => None,
        })
        .flatten()
        .map(|source| match source {
            terms::media::Source::Prompt(name) => name.trim_start_matches("zh-CN/").to_owned(),
            other => format!("{other:?}"),
        })
        .collect()
}
