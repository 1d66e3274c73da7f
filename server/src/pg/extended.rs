//! Questions in parts: a text is prepared, described, bound to values, and its rows are fetched by
//! the piece. What a client prepares is limited.

use super::ask::Rows;
use super::message::{Body, malformed, put_columns, put_parameters, refused};
use super::parameter;
use super::parts::{Lasts, Portal, Prepared};
use super::session::{Session, Trouble, shown};
use super::statement::{self, Inner, Statement};
use crate::work::wire::{Refusal, Want};
use std::sync::Arc;
use warehouse::wire::{Kind, Parameter, WireColumn};

impl Session {
    /// One part of a question: Parse, Bind, Describe, Execute or Close.
    pub(super) async fn part(&mut self, letter: u8, body: &[u8]) -> Result<(), Trouble> {
        let mut body = Body(body);
        match letter {
            b'P' => self.parse(&mut body).await,
            b'B' => self.bind(&mut body).map_err(Trouble::from),
            b'D' => self.describe(&mut body).map_err(Trouble::from),
            b'E' => self.execute(&mut body).await,
            _ => self.close(&mut body).map_err(Trouble::from),
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
        let before = text[..start].chars().count();
        let mut prepared = Prepared {
            sql: sql.to_owned(),
            kind,
            parameters: Vec::new(),
            columns: Vec::new(),
            question: None,
        };
        match &prepared.kind {
            Statement::Question => {
                let question = Inner { sql: sql.to_owned(), start: Some(0) };
                prepared = self.described(&question, sql, before, kinds).await?;
            }
            Statement::Declare(declaration) => {
                let question = &declaration.question;
                let question = self.described(question, sql, before, kinds).await?;
                prepared.parameters.clone_from(&question.parameters);
                prepared.question = Some(Arc::new(question));
            }
            Statement::Fetch(fetch) if !fetch.moves => {
                prepared.columns.clone_from(&self.parts.cursor(&fetch.name)?.prepared.columns);
            }
            Statement::Show(name, _) => prepared.columns.push(shown(name)),
            _ => {}
        }
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
        let lasts = Lasts::Transaction;
        let opened = Portal { prepared, parameters, binary, rows: None, tag: None, lasts };
        self.parts.open(portal, opened)?;
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
                (portal.prepared.clone(), self.parts.told(portal))
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
        let mut portal = self.parts.take(name)?;
        let prepared = portal.prepared.clone();
        self.usable(&prepared.kind)?;
        match &prepared.kind {
            Statement::Question => {
                let mut rows = match portal.rows.take() {
                    Some(rows) => rows,
                    None => self.begin(&portal).await?,
                };
                self.rows(&mut rows, most, None).await?;
                portal.rows = Some(rows);
                self.parts.put_back(name, portal);
            }
            Statement::Copy(copying) => self.copy(copying, &prepared.sql, 0).await?,
            Statement::Declare(declaration) => {
                let question = prepared.question.clone().ok_or_else(malformed)?;
                self.declare(declaration, question, portal.parameters)?;
            }
            Statement::Fetch(fetch) => {
                let (mut rows, tag) = match (portal.rows.take(), portal.tag.take()) {
                    (Some(rows), Some(tag)) => (rows, tag),
                    _ => self.fetched(fetch, &portal.binary, Some(&*prepared)).await?,
                };
                if fetch.moves {
                    self.tag(&tag);
                    return Ok(());
                }
                // The statement says how many rows there are, the message how many of them go now.
                self.rows(&mut rows, most, Some(&tag)).await?;
                if !rows.is_done() {
                    (portal.rows, portal.tag) = (Some(rows), Some(tag));
                    self.parts.put_back(name, portal);
                }
            }
            Statement::Deallocate(name) => self.deallocate(name.as_deref())?,
            Statement::Close(cursor) => self.close_cursor(cursor.as_deref())?,
            kind => self.local(kind, false),
        }
        Ok(())
    }

    /// Asks what a portal is for.
    pub(super) async fn begin(&mut self, portal: &Portal) -> Result<Rows, Trouble> {
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
            b'S' => {
                self.parts.forget(name);
            }
            b'P' => self.parts.close(name),
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

    #[test]
    fn formats_are_counted_before_they_are_believed() {
        assert_eq!(formats(&mut Body(b"\0\x02\0\x01\0\0")).unwrap(), [true, false]);
        assert!(formats(&mut Body(b"\xff\xff\0\x01")).is_err());
        assert!(formats(&mut Body(b"\0\x01\0\x02")).is_err());
    }
}
