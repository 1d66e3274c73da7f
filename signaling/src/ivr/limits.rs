//! How large a flow and its variables may be. Memory of a call in a flow follows from these.

/// Steps in one document.
pub const STEPS_MAX: usize = 500;
/// Steps one call may take before the flow is ended as a loop, when the document names no number.
pub const STEPS_TAKEN_DEFAULT: u32 = 200;
/// Most steps one call may take, whatever the document says.
pub const STEPS_TAKEN_MAX: u32 = 2_000;
/// Characters in a step's or a variable's name.
pub const NAME_CHARS_MAX: usize = 64;
/// Variables of one call.
pub const VARIABLES_MAX: usize = 100;
/// Characters in a variable's value; the rest is cut.
pub const VALUE_CHARS_MAX: usize = 1_024;
/// Prompts in one step.
pub const PROMPTS_MAX: usize = 32;
/// Cases of a branch, keys of a menu, fields of a mapping.
pub const LIST_MAX: usize = 64;
/// Digits that one step may collect.
pub const DIGITS_MAX: u8 = 32;
/// Attempts of a menu or a collection.
pub const ATTEMPTS_MAX: u8 = 10;
/// Longest wait for a digit in ms.
pub const WAIT_MS_MAX: u32 = 60_000;
/// Longest wait for an answer over HTTP in ms.
pub const HTTP_MS_MAX: u32 = 30_000;
/// Longest wait for an answer of a database in ms.
pub use terms::routing::CONNECTOR_MS_MAX;
/// Characters of a statement for a database.
pub const STATEMENT_CHARS_MAX: usize = 4_096;
/// Repeats of a failed request.
pub const RETRIES_MAX: u8 = 5;
/// Times that one step may play its prompts.
pub const PLAY_TIMES_MAX: u16 = 20;
/// Tables in one document.
pub const TABLES_MAX: usize = 16;
/// Rows of one table.
pub const ROWS_MAX: usize = 5_000;
/// Columns of one row.
pub const COLUMNS_MAX: usize = 16;
/// Characters of a row's key; more of what is looked up are not read.
pub const KEY_CHARS_MAX: usize = 64;
/// Variables that people are shown of one call.
pub const SHOW_MAX: usize = 8;
/// Characters of such a value; the rest is cut.
pub const SHOWN_CHARS_MAX: usize = 100;
/// Flows within each other: one that calls itself ends here.
pub const SUBFLOWS_DEEP_MAX: usize = 8;
/// Longest that a step records what a caller says, in seconds.
pub const RECORD_S_MAX: u32 = 600;
/// Fields of what a step tells programs.
pub const TOLD_MAX: usize = 16;
/// Longest that a step lets a bot speak with a caller, in seconds.
pub const BOT_S_MAX: u32 = 3_600;
/// Farthest that a key or a step goes in what is played, in ms.
pub const SEEK_MS_MAX: u32 = 1_800_000;
