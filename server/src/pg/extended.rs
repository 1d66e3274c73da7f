//! Questions in parts: a text is prepared, described, bound to values, and its rows are fetched by
//! the piece. What a client prepares is limited.

use super::ask::Rows;
use super::message::{Body, malformed, put_columns, put_parameters, refused};
use super::parameter;
use super::session::{Session, Transaction, Trouble, shown, unknown};
use super::statement::{self, Statement};
use crate::work::wire::{Refusal, Want};
use std::collections::HashMap;
use std::sync::Arc;
use warehouse::wire::{Kind, Parameter, WireColumn};

/// Statements that one connection may have prepared.
const PREPARED_MAX: usize = 500;
/// Portals of one connection, each of which may hold an answer.
const PORTALS_MAX: usize = 8;

/// What a connection has prepared, by the client's names; the unnamed ones are named "".
#[derive(Debug, Default)]
pub struct Parts {
    prepared: HashMap<String, Arc<Prepared>>,
    portals: HashMap<String, Portal>,
}

#[derive(Debug)]
struct Prepared {
    sql: String,
    kind: Statement,
    parameters: Vec<Kind>,
    columns: Vec<WireColumn>,
}

#[derive(Debug)]
struct Portal {
    prepared: Arc<Prepared>,
    parameters: Vec<Parameter>,
    binary: Vec<bool>,
    /// Once it was begun.
    rows: Option<Rows>,
}

impl Parts {
    /// Portals last until the end of the transaction.
    pub fn synced(&mut self, transaction: Transaction) {
        if transaction == Transaction::None {
            self.portals.clear();
        }
    }

    fn prepared(&self, name: &str) -> Result<Arc<Prepared>, Refusal> {
        let found = self.prepared.get(name).cloned();
        found.ok_or_else(|| refused("26000", format!("nothing is prepared as \"{name}\"")))
    }

    fn keep(&mut self, name: &str, prepared: Prepared) -> Result<(), Refusal> {
        if !name.is_empty() && self.prepared.contains_key(name) {
            return Err(refused("42P05", format!("\"{name}\" is prepared already")));
        }
        if self.prepared.len() >= PREPARED_MAX && !self.prepared.contains_key(name) {
            let text = format!("{PREPARED_MAX} statements are prepared; close some first");
            return Err(refused("54000", text));
        }
        self.prepared.insert(name.to_owned(), Arc::new(prepared));
        Ok(())
    }

    fn open(&mut self, name: &str, portal: Portal) -> Result<(), Refusal> {
        if !name.is_empty() && self.portals.contains_key(name) {
            return Err(refused("42P03", format!("\"{name}\" is open already")));
        }
        if self.portals.len() >= PORTALS_MAX && !self.portals.contains_key(name) {
            let text = format!("{PORTALS_MAX} portals are open; close some first");
            return Err(refused("54000", text));
        }
        self.portals.insert(name.to_owned(), portal);
        Ok(())
    }

    fn portal(&self, name: &str) -> Result<&Portal, Refusal> {
        self.portals.get(name).ok_or_else(|| not_open(name))
    }
}

fn not_open(name: &str) -> Refusal {
    refused("34000", format!("no portal \"{name}\" is open"))
}

impl Session {
    /// One part of a question.
    pub(super) async fn part(&mut self, letter: u8, body: &[u8]) -> Result<(), Trouble> {
        let mut body = Body(body);
        match letter {
            b'P' => self.parse(&mut body).await,
            b'B' => self.bind(&mut body).map_err(Trouble::from),
            b'D' => self.describe(&mut body).map_err(Trouble::from),
            b'E' => self.execute(&mut body).await,
            b'C' => self.close(&mut body).map_err(Trouble::from),
            other => Err(unknown(other).into()),
        }
    }

    async fn parse(&mut self, body: &mut Body<'_>) -> Result<(), Trouble> {
        let name = body.text()?;
        let text = body.text()?;
        let mut kinds = Vec::new();
        for _ in 0..body.count()? {
            kinds.push(Kind::from_oid(body.int()?.cast_unsigned()));
        }
        let statements = statement::split(text);
        if statements.len() > 1 {
            return Err(refused("42601", "one statement can be prepared, not several").into());
        }
        let (start, sql) = statements.first().copied().unwrap_or((0, ""));
        let kind = statement::kind(sql)?;
        self.usable(&kind)?;
        let (mut parameters, mut columns) = (Vec::new(), Vec::new());
        match &kind {
            Statement::Question => {
                let want = Want::Description { kinds };
                let cancelled = &self.registered.cancelled;
                let about = self.door.ask(&self.asker, sql, want, cancelled).await;
                let before = text[..start].chars().count();
                let about = about.map_err(|refusal| Trouble::of(refusal, sql, before))?;
                (parameters, columns) = (about.parameters, about.columns);
            }
            Statement::Show(name, _) => columns.push(shown(name)),
            _ => {}
        }
        let prepared = Prepared { sql: sql.to_owned(), kind, parameters, columns };
        self.parts.keep(name, prepared)?;
        self.wire.put(b'1', |_| {});
        Ok(())
    }

    fn bind(&mut self, body: &mut Body) -> Result<(), Refusal> {
        let (portal, name) = (body.text()?, body.text()?);
        let prepared = self.parts.prepared(name)?;
        let formats = formats(body)?;
        let count = body.count()?;
        if count != prepared.parameters.len() {
            let wanted = prepared.parameters.len();
            let text = format!("{count} values were sent for {wanted} parameters");
            return Err(refused("08P01", text));
        }
        let mut parameters = Vec::with_capacity(count);
        for (at, kind) in prepared.parameters.iter().enumerate() {
            let length = body.int()?;
            let text = match usize::try_from(length) {
                Ok(length) => {
                    let binary = warehouse::wire::is_binary(&formats, at);
                    Some(parameter::text(*kind, body.bytes(length)?, binary)?)
                }
                Err(_) => None,
            };
            parameters.push(Parameter { kind: Some(*kind), text });
        }
        let binary = self::formats(body)?;
        if binary.len() > 1 && binary.len() != prepared.columns.len() {
            return Err(refused("08P01", "there are other columns than formats for them"));
        }
        self.parts.open(portal, Portal { prepared, parameters, binary, rows: None })?;
        self.wire.put(b'2', |_| {});
        Ok(())
    }

    fn describe(&mut self, body: &mut Body) -> Result<(), Refusal> {
        let (what, name) = (body.byte()?, body.text()?);
        let (prepared, binary) = match what {
            b'S' => {
                let prepared = self.parts.prepared(name)?;
                self.wire.put(b't', |out| put_parameters(out, &prepared.parameters));
                (prepared, Vec::new())
            }
            b'P' => {
                let portal = self.parts.portal(name)?;
                (portal.prepared.clone(), portal.binary.clone())
            }
            _ => return Err(malformed()),
        };
        if prepared.columns.is_empty() {
            self.wire.put(b'n', |_| {});
        } else {
            self.wire.put(b'T', |out| put_columns(out, &prepared.columns, &binary));
        }
        Ok(())
    }

    async fn execute(&mut self, body: &mut Body<'_>) -> Result<(), Trouble> {
        let (name, most) = (body.text()?, body.int()?);
        let most = usize::try_from(most).unwrap_or_default();
        // Taken out while it works: what is refused is gone.
        let mut portal = self.parts.portals.remove(name).ok_or_else(|| not_open(name))?;
        self.usable(&portal.prepared.kind)?;
        if portal.prepared.kind == Statement::Question {
            let mut rows = match portal.rows.take() {
                Some(rows) => rows,
                None => self.begin(&portal).await?,
            };
            self.rows(&mut rows, most).await?;
            portal.rows = Some(rows);
        } else {
            self.local(&portal.prepared.kind, false);
        }
        self.parts.portals.insert(name.to_owned(), portal);
        Ok(())
    }

    /// Asks what a portal is for.
    async fn begin(&mut self, portal: &Portal) -> Result<Rows, Trouble> {
        let (parameters, binary) = (portal.parameters.clone(), portal.binary.clone());
        let want = Want::Rows { parameters, binary };
        let (prepared, cancelled) = (&portal.prepared, &self.registered.cancelled);
        let answered = self.door.ask(&self.asker, &prepared.sql, want, cancelled).await;
        let answered = answered.map_err(|refusal| Trouble::of(refusal, &prepared.sql, 0))?;
        let kinds = |columns: &[WireColumn]| -> Vec<Kind> {
            columns.iter().map(|column| column.kind).collect()
        };
        // The client reads the rows as it was told before.
        if kinds(&answered.columns) != kinds(&prepared.columns) {
            return Err(refused("0A000", "the columns are others now; prepare it again").into());
        }
        Ok(answered.rows)
    }

    fn close(&mut self, body: &mut Body) -> Result<(), Refusal> {
        let (what, name) = (body.byte()?, body.text()?);
        match what {
            b'S' => drop(self.parts.prepared.remove(name)),
            b'P' => drop(self.parts.portals.remove(name)),
            _ => return Err(malformed()),
        }
        self.wire.put(b'3', |_| {});
        Ok(())
    }
}

/// Which values are in binary: one for all, each, or none.
fn formats(body: &mut Body) -> Result<Vec<bool>, Refusal> {
    let mut binary = Vec::new();
    for _ in 0..body.count()? {
        match body.count()? {
            0 => binary.push(false),
            1 => binary.push(true),
            _ => return Err(malformed()),
        }
    }
    Ok(binary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared() -> Prepared {
        Prepared {
            sql: "SELECT 1".into(),
            kind: Statement::Question,
            parameters: Vec::new(),
            columns: Vec::new(),
        }
    }

    fn portal() -> Portal {
        let prepared = Arc::new(prepared());
        Portal { prepared, parameters: Vec::new(), binary: Vec::new(), rows: None }
    }

    #[test]
    fn what_a_client_prepares_has_a_limit() {
        let mut parts = Parts::default();
        for number in 0..PREPARED_MAX {
            parts.keep(&number.to_string(), prepared()).unwrap();
        }
        assert_eq!(parts.keep("one more", prepared()).unwrap_err().code, "54000");
        assert_eq!(parts.keep("7", prepared()).unwrap_err().code, "42P05");
        assert_eq!(parts.prepared("none").unwrap_err().code, "26000");
    }

    #[test]
    fn portals_have_a_limit_and_end_with_the_transaction() {
        let mut parts = Parts::default();
        for number in 0..PORTALS_MAX {
            parts.open(&number.to_string(), portal()).unwrap();
        }
        assert_eq!(parts.open("one more", portal()).unwrap_err().code, "54000");
        parts.synced(Transaction::Open);
        assert!(parts.portal("0").is_ok());
        parts.synced(Transaction::None);
        assert_eq!(parts.portal("0").unwrap_err().code, "34000");
    }

    #[test]
    fn formats_are_counted_before_they_are_believed() {
        assert_eq!(formats(&mut Body(b"\0\x02\0\x01\0\0")).unwrap(), [true, false]);
        assert!(formats(&mut Body(b"\xff\xff\0\x01")).is_err());
        assert!(formats(&mut Body(b"\0\x01\0\x02")).is_err());
    }
}
