//! `language`: from here on the call hears another language, in this flow and behind it: in queues,
//! surveys and conferences. A prompt that is missing in it is heard in the tenant's.

use super::{Kind, one_way};
use crate::ivr::check::Report;
use crate::ivr::flow::On;
use crate::ivr::run::{Cx, Run};
use serde::{Deserialize, Serialize};

/// Changes the language of the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// Its tag, such as `en`.
    pub language: String,
    /// Then.
    pub next: String,
    /// None are used.
    #[serde(default)]
    pub on: On,
}

impl Kind for Language {
    const KIND: &'static str = "language";

    one_way!();

    fn check(&self, report: &mut Report) {
        report.language("language", &self.language);
    }
    fn enter(&self, run: &mut Run, _: &Cx) {
        run.speak_in(&self.language);
        run.exit("next", Some(&self.next));
    }
}
