//! The functions with which clients ask PostgreSQL about itself, each as a piece of SQL.

use super::{oid_of, setting_of};
use crate::query::literal;
use crate::query::postgres::{Catalogue, settings};
use crate::wire::Kind;

/// What a function is for us; `None` for those that the engine has to know.
pub fn meaning(name: &str, args: &[&str], known: &Catalogue) -> Option<String> {
    let text = |text: &str| Some(text.to_owned());
    match (name, args) {
        ("current_database" | "current_catalog", []) => Some(literal::text(settings::DATABASE)),
        ("current_schema", []) => text("'public'"),
        ("current_schemas", [_]) => text("make_array('pg_catalog', 'public')"),
        ("current_user" | "session_user" | "user" | "current_role", []) => {
            Some(literal::text(&known.user))
        }
        ("version", []) => {
            let version = settings::setting("server_version").unwrap_or_default();
            let own = env!("CARGO_PKG_VERSION");
            Some(literal::text(&format!("PostgreSQL {version} (Switchgrid {own})")))
        }
        ("pg_backend_pid" | "txid_current", []) => text("1"),
        ("pg_is_in_recovery", []) => text("FALSE"),
        ("pg_get_userbyid", [_]) => Some(literal::text(&known.user)),
        ("pg_encoding_to_char", [_]) => text("'UTF8'"),
        ("format_type", [oid, ..]) => Some(type_name(oid)),
        ("quote_ident", [name]) => Some((*name).to_owned()),
        ("parse_ident", [name, ..]) => {
            let name = name.strip_prefix('\'')?.strip_suffix('\'')?;
            let parts: Vec<String> =
                name.split('.').map(|part| literal::text(&part.replace(['"', '\''], ""))).collect();
            Some(format!("make_array({})", parts.join(", ")))
        }
        ("current_setting", [name, ..]) => Some(setting_of(name)),
        ("set_config", [_, value, _]) => Some((*value).to_owned()),
        ("to_regclass", [name]) => {
            Some(oid_of(name.strip_prefix('\'')?.strip_suffix('\'')?, known))
        }
        ("format", [text, values @ ..]) => formatted(text, values),
        ("pg_size_pretty", [size]) => Some(format!("CAST({size} AS TEXT)")),
        (_, [.., what]) if is_privilege(name) => {
            text(if changes_something(what) { "FALSE" } else { "TRUE" })
        }
        _ if is_always(name) => text("TRUE"),
        _ if is_nothing(name) => text("CAST(NULL AS TEXT)"),
        _ if is_size(name) => text("CAST(0 AS BIGINT)"),
        _ => None,
    }
}

/// Whoever may ask may see all that is there.
fn is_always(name: &str) -> bool {
    name.starts_with("pg_") && name.ends_with("_is_visible")
}

/// Whether one may do something, which stands last.
fn is_privilege(name: &str) -> bool {
    name.starts_with("has_") && name.ends_with("_privilege")
}

/// Nobody changes something here.
fn changes_something(what: &str) -> bool {
    let what = what.to_lowercase();
    let changing =
        ["insert", "update", "delete", "truncate", "references", "trigger", "create", "temp"];
    changing.iter().any(|word| what.contains(word))
}

/// `format('%I.%I', schema, name)`: a NULL is nothing, and no name needs quotes.
fn formatted(text: &str, values: &[&str]) -> Option<String> {
    let text = text.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'");
    let (mut parts, mut values) = (Vec::new(), values.iter());
    let mut rest = text.as_str();
    while let Some((before, behind)) = rest.split_once('%') {
        parts.push(literal::text(before));
        let part = match behind.chars().next()? {
            's' | 'I' => format!("CAST({} AS TEXT)", values.next()?),
            '%' => "'%'".to_owned(),
            _ => return None,
        };
        parts.push(part);
        rest = &behind[1..];
    }
    parts.push(literal::text(rest));
    Some(format!("concat({})", parts.join(", ")))
}

/// Texts of what the warehouse does not have: defaults, indexes, rules.
fn is_nothing(name: &str) -> bool {
    name.starts_with("pg_get_")
        || matches!(name, "obj_description" | "shobj_description" | "col_description")
        || matches!(name, "pg_tablespace_location" | "pg_advisory_unlock_all")
}

fn is_size(name: &str) -> bool {
    name.starts_with("pg_") && name.ends_with("_size")
}

/// The name of a type by its number.
pub fn type_name(oid: &str) -> String {
    let mut text = format!("CASE CAST({oid} AS BIGINT)");
    for kind in Kind::ALL {
        text.push_str(&format!(" WHEN {} THEN '{}'", kind.oid(), kind.name()));
    }
    text.push_str(" WHEN 19 THEN 'name' WHEN 26 THEN 'oid' WHEN 1043 THEN 'character varying'");
    text.push_str(" ELSE NULL END");
    text
}
