//! The kinds of steps, one file each. A step says what it needs ([`Kind`]), how it begins and what
//! it makes of an input; [`super::run`] walks from one to the next.

mod area;
mod back;
mod bot;
mod branch;
mod callback;
mod collect;
mod consent;
mod enqueue;
mod expression;
mod fax;
mod hangup;
mod hours;
mod http;
mod language;
mod load;
mod mail;
mod menu;
mod order;
mod play;
mod record;
mod set;
mod sql;
mod subflow;
mod survey;
mod table;
mod text;
mod transfer;
mod voicemail;
mod webhook;

pub use area::{Area, AreaBy, UNKNOWN_AREA};
pub use back::Return;
pub use bot::Bot;
pub use branch::{Branch, Case, Condition, Op};
pub use callback::Callback;
pub use collect::Collect;
pub use consent::Consent;
pub use enqueue::{ASIDES, Enqueue, LONG_WAIT, REFUSED};
pub use expression::Expression;
pub use fax::Fax;
pub(crate) use fax::{OUTSIDE_NUMBER, is_outside_number};
pub use hangup::Hangup;
pub use hours::Hours;
pub use http::Http;
pub use language::Language;
pub use load::Load;
pub use mail::Mail;
pub use menu::Menu;
pub use order::Order;
pub use play::Play;
pub use record::Record;
pub use set::Set;
pub use sql::Sql;
pub use subflow::Subflow;
pub use survey::Survey;
pub use table::{Match, Table};
pub use text::Text;
pub use transfer::Transfer;
pub use voicemail::Voicemail;
pub use webhook::Webhook;

use super::check::Report;
use super::flow::On;
use super::run::{Cx, Input, Run};
use serde::{Deserialize, Serialize};

/// What every kind of step has.
pub(crate) trait Kind {
    /// Its word in the document.
    const KIND: &'static str;
    /// Edges under `on` that must be there.
    const NEEDS: &'static [&'static str] = &[];
    /// Edges under `on` that may be there.
    const MAY: &'static [&'static str] = &[];
    /// Makes no sense once the caller is gone.
    const NEEDS_CALLER: bool = true;

    /// Its edges under `on`.
    fn on_edges(&self) -> &On;
    /// Its own edges as (name, step).
    fn ways(&self) -> Vec<(String, &str)>;
    /// Reports what is wrong with its values.
    fn check(&self, report: &mut Report);
    /// The call comes in.
    fn enter(&self, run: &mut Run, cx: &Cx);
    /// Something happened while the call is here; nothing that matters to most kinds.
    fn handle(&self, _run: &mut Run, _cx: &Cx, _input: &Input) {}
}

/// The edges of a kind that has one way of its own, `next`, and others under `on`.
macro_rules! one_way {
    () => {
        fn on_edges(&self) -> &$crate::ivr::flow::On {
            &self.on
        }
        fn ways(&self) -> Vec<(String, &str)> {
            vec![("next".to_owned(), &self.next)]
        }
    };
}
use one_way;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// A step of a flow.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum Step {
            $( $(#[doc = $doc])+ $name($name), )+
        }

        impl Step {
            /// The step's word in the document.
            pub fn kind(&self) -> &'static str {
                match self { $( Step::$name(_) => <$name as Kind>::KIND, )+ }
            }
            /// Makes no sense once the caller is gone.
            pub(crate) fn needs_caller(&self) -> bool {
                match self { $( Step::$name(_) => <$name as Kind>::NEEDS_CALLER, )+ }
            }
            pub(crate) fn on_needs(&self) -> &'static [&'static str] {
                match self { $( Step::$name(_) => <$name as Kind>::NEEDS, )+ }
            }
            pub(crate) fn on_may(&self) -> &'static [&'static str] {
                match self { $( Step::$name(_) => <$name as Kind>::MAY, )+ }
            }
            pub(crate) fn on_edges(&self) -> &On {
                match self { $( Step::$name(step) => step.on_edges(), )+ }
            }
            pub(crate) fn ways(&self) -> Vec<(String, &str)> {
                match self { $( Step::$name(step) => step.ways(), )+ }
            }
            pub(crate) fn check(&self, report: &mut Report) {
                match self { $( Step::$name(step) => step.check(report), )+ }
            }
            pub(crate) fn enter(&self, run: &mut Run, cx: &Cx) {
                match self { $( Step::$name(step) => step.enter(run, cx), )+ }
            }
            pub(crate) fn handle(&self, run: &mut Run, cx: &Cx, input: &Input) {
                match self { $( Step::$name(step) => step.handle(run, cx, input), )+ }
            }
        }
    };
}

kinds! {
    /// Plays prompts.
    Play,
    /// Asks for one key.
    Menu,
    /// Asks for several digits.
    Collect,
    /// Chooses by variables.
    Branch,
    /// Chooses by opening hours.
    Hours,
    /// Looks how busy a queue is.
    Load,
    /// Sets variables.
    Set,
    /// Looks something up in a table.
    Table,
    /// Computes.
    Expression,
    /// Changes the language of the call.
    Language,
    /// Asks another server.
    Http,
    /// Asks a database.
    Sql,
    /// Tells of an order.
    Order,
    /// Lets a bot speak with the caller.
    Bot,
    /// Tells programs of something.
    Webhook,
    /// The caller agrees to be recorded, or does not.
    Consent,
    /// Puts the call into a queue.
    Enqueue,
    /// Calls the people of an area.
    Area,
    /// Has the caller called back.
    Callback,
    /// Takes a message.
    Voicemail,
    /// Records what the caller says.
    Record,
    /// Sends or receives a fax.
    Fax,
    /// Sends a text.
    Text,
    /// Sends a mail.
    Mail,
    /// Asks for satisfaction.
    Survey,
    /// Passes the call on.
    Transfer,
    /// Calls another flow.
    Subflow,
    /// Ends a called flow.
    Return,
    /// Ends the call.
    Hangup,
}

impl Step {
    /// Every edge that is there, as (name, step).
    pub(crate) fn edges(&self) -> Vec<(String, &str)> {
        let mut edges = self.ways();
        edges.extend(self.on_edges().edges().map(|(name, to)| (format!("on.{name}"), to)));
        edges
    }
}

pub(crate) const fn yes() -> bool {
    true
}
