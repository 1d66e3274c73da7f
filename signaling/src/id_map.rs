//! Maps whose keys are numbers that we made ourselves: nobody outside chooses them, so the hash need
//! not withstand anybody, and a call asks for one some hundred times.

use std::collections::HashMap;

/// See the module. Keys that come from the network belong into the standard library's map.
pub(crate) type IdMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;
