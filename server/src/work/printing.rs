//! How far long forms are, such as a workbook of a million rows: told at once to who listens here, and
//! to who asks meanwhile by the key that came with the job.

use reports::Progress;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Hears how far a form is.
pub type Heard = Arc<dyn Fn(Progress) + Send + Sync>;

/// How far a form is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Printed {
    /// Rows that are in it.
    pub rows: u64,
    /// Rows that will be.
    pub of: u64,
}

/// The forms that are being printed.
#[derive(Clone, Default)]
pub(super) struct Printing(Arc<Mutex<BTreeMap<u64, Printed>>>);

/// One of them; it is forgotten with this.
pub(super) struct Place {
    printing: Printing,
    key: u64,
}

impl Printing {
    /// A form begins.
    pub fn begin(&self, key: u64) -> Place {
        Place { printing: self.clone(), key }
    }

    /// How far it is; none when nothing was told yet, or it is ready.
    pub fn at(&self, key: u64) -> Option<Printed> {
        self.all().get(&key).copied()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Printed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// So many rows are in it.
    pub fn tell(&self, Progress { rows, of }: Progress) {
        let printed = Printed { rows: rows as u64, of: of as u64 };
        self.printing.all().insert(self.key, printed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.printing.all().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_a_form_is_is_known_by_its_key_until_it_is_ready() {
        let printing = Printing::default();
        let place = printing.begin(7);
        assert_eq!(printing.at(7), None);
        place.tell(Progress { rows: 2, of: 5 });
        assert_eq!(printing.at(7), Some(Printed { rows: 2, of: 5 }));
        assert_eq!(printing.at(8), None);
        drop(place);
        assert_eq!(printing.at(7), None);
    }
}
