//! The functions of ad-hoc SQL: all that compute, none that read elsewhere or make much of little.

use datafusion::prelude::SessionContext;

/// A short text of these makes an array or a string of any size.
const UNBOUNDED: [&str; 9] = [
    "array_repeat",
    "array_resize",
    "gen_series",
    "generate_series",
    "list_repeat",
    "list_resize",
    "range",
    "repeat",
    "space",
];

/// Takes out what does not belong here.
pub fn restrict(context: &SessionContext) {
    for name in UNBOUNDED {
        context.deregister_udf(name);
    }
    let tables: Vec<String> = context.state().table_functions().keys().cloned().collect();
    for name in tables {
        context.deregister_udtf(&name);
    }
}
