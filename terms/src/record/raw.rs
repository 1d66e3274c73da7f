//! Numbers that name rows.

use crate::id::{CallId, FaxId, ItemId, LegId, RecordingId, SpanId, SurveyId, VisitId};

/// A number that can name a row.
pub trait Raw {
    /// The number.
    fn raw(&self) -> u64;
}
impl Raw for i64 {
    fn raw(&self) -> u64 {
        *self as u64
    }
}
macro_rules! raws {
    ($($id:ident),+) => {$( impl Raw for $id { fn raw(&self) -> u64 { self.0 } } )+};
}
raws!(CallId, LegId, VisitId, SpanId, SurveyId, RecordingId, FaxId, ItemId);
