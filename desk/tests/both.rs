//! The business store from the outside, and every test of it twice: in a file of SQLite, and in a
//! database of PostgreSQL.

#![allow(clippy::duplicate_mod, reason = "the same tests run on either database")]

mod moved;
mod place;
mod postgres;

#[path = "."]
mod on_sqlite {
    use crate::place::sqlite as place;

    mod arrivals;
    mod begun;
    mod calling;
    mod conferences;
    mod connectors;
    mod dialect;
    mod erasures;
    mod field_grid;
    mod flows;
    mod items;
    mod leases;
    mod mailboxes;
    mod mails;
    mod order_steps;
    mod order_told;
    mod outgoing_faxes;
    mod queues;
    mod report_definitions;
    mod return_visits;
    mod schedules;
    mod shifts;
    mod sites;
    mod skill_sets;
    mod sql_tokens;
    mod store;
    mod teams;
    mod texts;
    mod voicemails;
    mod watermark;
}

#[path = "."]
mod on_postgres {
    use crate::place::postgres as place;

    mod arrivals;
    mod begun;
    mod calling;
    mod conferences;
    mod connectors;
    mod dialect;
    mod erasures;
    mod field_grid;
    mod flows;
    mod items;
    mod leases;
    mod mailboxes;
    mod mails;
    mod order_steps;
    mod order_told;
    mod outgoing_faxes;
    mod queues;
    mod report_definitions;
    mod return_visits;
    mod schedules;
    mod shifts;
    mod sites;
    mod skill_sets;
    mod sql_tokens;
    mod store;
    mod teams;
    mod texts;
    mod voicemails;
    mod watermark;
}
