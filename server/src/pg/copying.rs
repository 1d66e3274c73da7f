//! `COPY … TO STDOUT` (PostgreSQL 16, "COPY"): the rows of a question as a file of text, of CSV, or of
//! binary cells. Psql's `\copy` and drivers write it where they are; nothing is written or read here.

use super::ask::stopped_as_asked;
use super::cursor::ended;
use super::message::{Body, refused};
use super::session::{Session, Trouble};
use super::statement::Inner;
use super::words::{Word, Words, clipped};
use crate::work::wire::{Refusal, Want};
use warehouse::wire::WireColumn;

/// What a file of binary cells begins with: the signature, no flags, nothing else in the head.
const BINARY_HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What stands where another row would be.
const BINARY_END: [u8; 2] = (-1_i16).to_be_bytes();
/// What may be asked for.
const OPTIONS: &str = "FORMAT (text, csv or binary), HEADER, DELIMITER, NULL, QUOTE, ESCAPE, \
                       FORCE_QUOTE *, ENCODING 'UTF8'";

/// What is copied, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copying {
    /// The question.
    pub question: Inner,
    form: Form,
}

/// The form of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Form {
    kind: FormKind,
    header: bool,
    delimiter: char,
    null: String,
    quote: char,
    escape: char,
    force_quote: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FormKind {
    Text,
    Csv,
    Binary,
}

/// Reads `COPY (question) TO STDOUT …` and `COPY table (columns) TO STDOUT …`.
///
/// # Errors
/// What writes rows here, or a file; options that nobody has.
pub fn parse(part: &str) -> Result<Copying, Refusal> {
    let mut words = Words::new(part);
    words.takes("copy");
    let question = if words.takes_sign('(') {
        let open = || refused("42601", "the bracket of the question is not closed");
        let (start, sql) = words.bracketed().ok_or_else(open)?;
        Inner { sql: sql.to_owned(), start: Some(start) }
    } else {
        Inner { sql: table(&mut words)?, start: None }
    };
    if words.takes("from") {
        let text = "rows cannot be written here; COPY … TO STDOUT reads them";
        return Err(refused("42501", text));
    }
    if !words.takes("to") {
        return Err(words.unexpected("TO STDOUT"));
    }
    if !words.takes("stdout") {
        let text = "a file of the box is not written; COPY … TO STDOUT, or \\copy in psql, writes \
                    one where you are";
        return Err(refused("42501", text));
    }
    Ok(Copying { question, form: form(&mut words)? })
}

/// The question for a table that is named.
fn table(words: &mut Words) -> Result<String, Refusal> {
    let mut table = quoted(words, "a table or a question in brackets")?;
    while words.takes_sign('.') {
        table = format!("{table}.{}", quoted(words, "a table")?);
    }
    let mut columns = Vec::new();
    if words.takes_sign('(') {
        columns.push(quoted(words, "a column")?);
        while words.takes_sign(',') {
            columns.push(quoted(words, "a column")?);
        }
        if !words.takes_sign(')') {
            return Err(words.unexpected("\")\""));
        }
    }
    let columns = if columns.is_empty() { "*".to_owned() } else { columns.join(", ") };
    Ok(format!("SELECT {columns} FROM {table}"))
}

fn quoted(words: &mut Words, wanted: &str) -> Result<String, Refusal> {
    let name = words.name().ok_or_else(|| words.unexpected(wanted))?;
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

/// Options as they are said; what is not said depends on the others.
#[derive(Default)]
struct Said {
    kind: Option<FormKind>,
    header: bool,
    delimiter: Option<char>,
    null: Option<String>,
    quote: Option<char>,
    escape: Option<char>,
    force_quote: bool,
}

/// Reads `[WITH] (FORMAT csv, HEADER true, …)`, and `[WITH] CSV HEADER DELIMITER AS ';' …` as it was
/// before version 9.
fn form(words: &mut Words) -> Result<Form, Refusal> {
    let mut said = Said::default();
    words.takes("with");
    if words.takes_sign('(') {
        loop {
            said.option(words)?;
            if words.takes_sign(')') {
                break;
            }
            if !words.takes_sign(',') {
                return Err(words.unexpected("\",\" or \")\""));
            }
        }
        ended(words)?;
    }
    while !words.is_done() {
        said.option(words)?;
    }
    said.form()
}

impl Said {
    /// The next option.
    fn option(&mut self, words: &mut Words) -> Result<(), Refusal> {
        let name = words.name().ok_or_else(|| words.unexpected("an option"))?;
        match name.as_str() {
            "format" => {
                let format = value(words)?;
                self.kind = Some(kind(&format)?);
            }
            "csv" => self.kind = Some(FormKind::Csv),
            "binary" => self.kind = Some(FormKind::Binary),
            "header" => self.header = truth(words)?,
            "delimiter" | "delimiters" => self.delimiter = Some(one("DELIMITER", words)?),
            "null" => self.null = Some(value(words)?),
            "quote" => self.quote = Some(one("QUOTE", words)?),
            "escape" => self.escape = Some(one("ESCAPE", words)?),
            "force_quote" => self.force_quote = all(words)?,
            "force" => {
                if !words.takes("quote") {
                    return Err(words.unexpected("QUOTE"));
                }
                self.force_quote = all(words)?;
            }
            "encoding" => {
                let encoding = value(words)?.to_lowercase();
                if !matches!(encoding.as_str(), "utf8" | "utf-8" | "unicode") {
                    return Err(refused("22023", "texts are UTF-8 here; ask for ENCODING 'UTF8'"));
                }
            }
            other => {
                let hint = Some(format!("There are: {OPTIONS}."));
                let message = format!("there is no option \"{}\" of COPY here", clipped(other));
                return Err(Refusal { hint, ..refused("42601", message) });
            }
        }
        Ok(())
    }

    /// Checks what goes together.
    fn form(self) -> Result<Form, Refusal> {
        let kind = self.kind.unwrap_or(FormKind::Text);
        let is_csv = kind == FormKind::Csv;
        let wrong = |text: &str| Err(refused("22023", text));
        let only_csv = self.quote.is_some() || self.escape.is_some() || self.force_quote;
        if !is_csv && only_csv {
            return wrong("QUOTE, ESCAPE and FORCE_QUOTE are options of the format csv");
        }
        let not_binary = self.header || self.delimiter.is_some() || self.null.is_some();
        if kind == FormKind::Binary && not_binary {
            return wrong("HEADER, DELIMITER and NULL are no options of the format binary");
        }
        let quote = self.quote.unwrap_or('"');
        let form = Form {
            kind,
            header: self.header,
            delimiter: self.delimiter.unwrap_or(if is_csv { ',' } else { '\t' }),
            null: self.null.unwrap_or_else(|| if is_csv { "" } else { "\\N" }.to_owned()),
            quote,
            escape: self.escape.unwrap_or(quote),
            force_quote: self.force_quote,
        };
        // What these are in the format text would not be told from what they mean.
        let is_taken = !is_csv && (form.delimiter.is_ascii_alphanumeric() || form.delimiter == '.');
        if is_taken || matches!(form.delimiter, '\\' | '\n' | '\r') {
            return wrong("this DELIMITER cannot be told from the values");
        }
        if form.null.contains(['\n', '\r', form.delimiter])
            || (is_csv && form.null.contains(form.quote))
        {
            return wrong("NULL may not have the delimiter, the quote or an end of line in it");
        }
        if is_csv && (form.delimiter == form.quote || matches!(form.quote, '\n' | '\r')) {
            return wrong("DELIMITER and QUOTE are two characters, and no end of a line");
        }
        Ok(form)
    }
}

fn kind(format: &str) -> Result<FormKind, Refusal> {
    match format.to_lowercase().as_str() {
        "text" => Ok(FormKind::Text),
        "csv" => Ok(FormKind::Csv),
        "binary" => Ok(FormKind::Binary),
        _ => {
            let format = clipped(format);
            Err(refused("22023", format!("the format \"{format}\" is none of text, csv, binary")))
        }
    }
}

/// A value, behind an AS that may be left out.
fn value(words: &mut Words) -> Result<String, Refusal> {
    words.takes("as");
    match words.word() {
        Some(Word::Plain(value) | Word::Named(value) | Word::Text(value)) => Ok(value),
        Some(Word::Sign(sign)) => Err(refused("42601", format!("\"{sign}\" is no value"))),
        None => Err(refused("42601", "a value is needed at the end")),
    }
}

/// One character of one byte.
fn one(option: &str, words: &mut Words) -> Result<char, Refusal> {
    let value = value(words)?;
    let mut chars = value.chars();
    match (chars.next(), chars.next()) {
        (Some(one), None) if one.is_ascii() => Ok(one),
        _ => Err(refused("22023", format!("{option} is one character of ASCII"))),
    }
}

/// Yes, where nothing else is said.
fn truth(words: &mut Words) -> Result<bool, Refusal> {
    for (word, truth) in
        [("true", true), ("on", true), ("1", true), ("false", false), ("off", false), ("0", false)]
    {
        if words.takes(word) {
            return Ok(truth);
        }
    }
    if words.takes("match") {
        return Err(refused("22023", "HEADER MATCH is for COPY … FROM"));
    }
    Ok(true)
}

/// All columns, and no list of them.
fn all(words: &mut Words) -> Result<bool, Refusal> {
    if words.takes_sign('*') { Ok(true) } else { Err(words.unexpected("*, all columns,")) }
}

impl Form {
    /// The first line, where one was asked for.
    fn head(&self, columns: &[WireColumn], out: &mut Vec<u8>) {
        if self.kind == FormKind::Binary {
            out.extend_from_slice(BINARY_HEAD);
        } else if self.header {
            let names = columns.iter().map(|column| Some(column.name.as_bytes()));
            self.line(columns.len(), names, false, out);
        }
    }

    /// A row, from the body of its `DataRow`, which is a row of the binary form already.
    fn row(&self, body: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        if self.kind == FormKind::Binary {
            out.extend_from_slice(body);
            return Ok(());
        }
        let mut body = Body(body);
        let count = body.count()?;
        let mut cells = Vec::with_capacity(count);
        for _ in 0..count {
            let length = usize::try_from(body.int()?);
            cells.push(length.ok().map(|length| body.bytes(length)).transpose()?);
        }
        self.line(count, cells.into_iter(), self.force_quote, out);
        Ok(())
    }

    fn line<'a>(
        &self,
        count: usize,
        cells: impl Iterator<Item = Option<&'a [u8]>>,
        force_quote: bool,
        out: &mut Vec<u8>,
    ) {
        for (at, cell) in cells.enumerate() {
            if at > 0 {
                out.push(self.delimiter as u8);
            }
            match (cell, self.kind) {
                (None, _) => out.extend_from_slice(self.null.as_bytes()),
                (Some(cell), FormKind::Csv) => {
                    let quotes = force_quote || self.needs_quotes(cell, count == 1);
                    self.csv(cell, quotes, out);
                }
                (Some(cell), _) => self.plain(cell, out),
            }
        }
        out.push(b'\n');
    }

    /// `\.` alone on a line would end the file for older readers.
    fn needs_quotes(&self, cell: &[u8], is_alone: bool) -> bool {
        let special = [self.delimiter as u8, self.quote as u8, b'\n', b'\r'];
        cell == self.null.as_bytes()
            || (is_alone && cell == b"\\.")
            || cell.iter().any(|byte| special.contains(byte))
    }

    fn csv(&self, cell: &[u8], quotes: bool, out: &mut Vec<u8>) {
        if !quotes {
            out.extend_from_slice(cell);
            return;
        }
        let (quote, escape) = (self.quote as u8, self.escape as u8);
        out.push(quote);
        for byte in cell {
            if *byte == quote || *byte == escape {
                out.push(escape);
            }
            out.push(*byte);
        }
        out.push(quote);
    }

    fn plain(&self, cell: &[u8], out: &mut Vec<u8>) {
        for byte in cell {
            let letter = match byte {
                b'\\' => b'\\',
                8 => b'b',
                9 => b't',
                10 => b'n',
                11 => b'v',
                12 => b'f',
                13 => b'r',
                other if *other == self.delimiter as u8 => *other,
                other => {
                    out.push(*other);
                    continue;
                }
            };
            out.extend_from_slice(&[b'\\', letter]);
        }
    }
}

impl Session {
    /// Sends the rows as a file. `text` is the statement, before which so many characters stand.
    pub(super) async fn copy(
        &mut self,
        copying: &Copying,
        text: &str,
        before: usize,
    ) -> Result<(), Trouble> {
        let (form, question) = (&copying.form, &copying.question);
        let is_binary = form.kind == FormKind::Binary;
        let want = Want::Rows { parameters: Vec::new(), binary: vec![is_binary] };
        let cancelled = &self.registered.cancelled;
        let answered = self.door.ask(&self.asker, &question.sql, want, cancelled).await;
        let answered =
            answered.map_err(|refusal| Trouble::inside(refusal, question, text, before))?;
        let (columns, mut rows) = (answered.columns, answered.rows);
        // CopyOutResponse: the form of all and of each column.
        self.wire.put(b'H', |out| {
            out.push(u8::from(is_binary));
            out.extend_from_slice(&(columns.len() as u16).to_be_bytes());
            out.extend(columns.iter().flat_map(|_| [0, u8::from(is_binary)]));
        });
        let mut head = Vec::new();
        form.head(&columns, &mut head);
        if !is_binary && !head.is_empty() {
            self.wire.put(b'd', |out| out.append(&mut head));
        }
        let mut count = 0_usize;
        let cancelled = self.registered.cancelled.clone();
        let mut stopped = std::pin::pin!(cancelled.notified());
        loop {
            // A long file is stopped in its middle, too.
            if stopped.as_mut().enable() {
                return Err(stopped_as_asked().into());
            }
            let (message, taken) = rows.next(1);
            if taken == 0 {
                break;
            }
            count += taken;
            // Behind its letter and its length.
            let body = message.get(5..).unwrap_or_default();
            let mut written = Ok(());
            self.wire.put(b'd', |out| {
                // The head of a binary file comes with its first row, as readers expect it.
                out.append(&mut head);
                written = form.row(body, out);
            });
            written?;
            self.wire.flush_much().await?;
        }
        if is_binary {
            self.wire.put(b'd', |out| {
                out.append(&mut head);
                out.extend_from_slice(&BINARY_END);
            });
        }
        self.door.counts.sent(count as u64);
        self.wire.put(b'c', |_| {});
        self.tag(&format!("COPY {count}"));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warehouse::wire::Kind;

    fn columns() -> Vec<WireColumn> {
        ["a", "b,c"].map(|name| WireColumn { name: name.to_owned(), kind: Kind::Text }).to_vec()
    }

    /// The body of a `DataRow`.
    fn body(cells: &[Option<&str>]) -> Vec<u8> {
        let mut out = (cells.len() as u16).to_be_bytes().to_vec();
        for cell in cells {
            match cell {
                Some(cell) => {
                    out.extend_from_slice(&(cell.len() as u32).to_be_bytes());
                    out.extend_from_slice(cell.as_bytes());
                }
                None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
            }
        }
        out
    }

    fn written(options: &str, rows: &[&[Option<&str>]]) -> String {
        let form = parse(&format!("COPY (SELECT 1) TO STDOUT {options}")).unwrap().form;
        let mut out = Vec::new();
        form.head(&columns(), &mut out);
        for row in rows {
            form.row(&body(row), &mut out).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_question_a_table_and_its_columns_are_copied() {
        let copying = parse("COPY /* ( */ (SELECT ')' FROM calls) TO STDOUT").unwrap();
        let question = Inner { sql: "SELECT ')' FROM calls".to_owned(), start: Some(14) };
        assert_eq!(copying.question, question);
        let sql = |text: &str| parse(text).unwrap().question.sql;
        assert_eq!(sql("copy Calls to stdout"), "SELECT * FROM \"calls\"");
        assert_eq!(
            sql("COPY public.calls (call_id, \"X\"\"y\") TO STDOUT"),
            "SELECT \"call_id\", \"X\"\"y\" FROM \"public\".\"calls\""
        );
    }

    #[test]
    fn what_writes_is_refused_and_an_unknown_option_is_told_with_those_there_are() {
        for (text, code) in [
            ("COPY calls FROM STDIN", "42501"),
            ("COPY calls TO '/etc/passwd'", "42501"),
            ("COPY calls TO PROGRAM 'sh'", "42501"),
            ("COPY (SELECT 1 TO STDOUT", "42601"),
            ("COPY calls (1 + 1) TO STDOUT", "42601"),
            ("COPY calls TO STDOUT (FORMAT parquet)", "22023"),
            ("COPY calls TO STDOUT (FORMAT csv", "42601"),
            ("COPY calls TO STDOUT (FORMAT csv) HEADER", "42601"),
            ("COPY calls TO STDOUT (DELIMITER 'ab')", "22023"),
            ("COPY calls TO STDOUT (DELIMITER 'a')", "22023"),
            ("COPY calls TO STDOUT (FORMAT csv, DELIMITER '\"')", "22023"),
            ("COPY calls TO STDOUT (FORMAT csv, NULL 'a,b')", "22023"),
            ("COPY calls TO STDOUT (QUOTE '\"')", "22023"),
            ("COPY calls TO STDOUT (FORMAT binary, HEADER)", "22023"),
            ("COPY calls TO STDOUT (ENCODING 'LATIN1')", "22023"),
            ("COPY calls TO STDOUT (FREEZE)", "42601"),
        ] {
            assert_eq!(parse(text).unwrap_err().code, code, "{text}");
        }
        let refusal = parse("COPY calls TO STDOUT (FREEZE)").unwrap_err();
        assert!(refusal.hint.unwrap().contains("DELIMITER"));
    }

    #[test]
    fn text_is_written_as_postgresql_writes_it() {
        let rows: &[&[Option<&str>]] =
            &[&[Some("王\t芳\\"), None], &[Some(""), Some("two\nlines")]];
        assert_eq!(written("", rows), "王\\t芳\\\\\t\\N\n\ttwo\\nlines\n");
        assert_eq!(written("WITH DELIMITER AS '|' NULL ''", &[&[Some("a|b"), None]]), "a\\|b|\n");
    }

    #[test]
    fn csv_is_quoted_where_it_has_to_be() {
        let rows: &[&[Option<&str>]] =
            &[&[Some("a \"b\""), None], &[Some(""), Some("x,y")], &[Some("\\."), Some("1\r")]];
        let known = "a,\"b,c\"\n\"a \"\"b\"\"\",\n\"\",\"x,y\"\n\\.,\"1\r\"\n";
        assert_eq!(written("(FORMAT csv, HEADER)", rows), known);
        assert_eq!(written("WITH CSV HEADER", rows), known);
        assert_eq!(written("CSV", &[&[Some("\\.")]]), "\"\\.\"\n");
        let options = "(FORMAT 'csv', HEADER false, DELIMITER E'\\t', NULL '-', QUOTE '''', \
                       ESCAPE '\\', FORCE_QUOTE *)";
        assert_eq!(written(options, &[&[Some("it's"), None]]), "'it\\'s'\t-\n");
    }

    #[test]
    fn a_row_of_binary_cells_is_copied_as_it_came() {
        let form = parse("COPY calls TO STDOUT BINARY").unwrap().form;
        let mut out = Vec::new();
        form.head(&columns(), &mut out);
        assert_eq!(out.len(), 19, "signature, flags and the length of nothing");
        let row = body(&[Some("a"), None]);
        form.row(&row, &mut out).unwrap();
        assert_eq!(&out[19..], row);
        let text = parse("COPY calls TO STDOUT").unwrap().form;
        assert!(text.row(&row[..5], &mut Vec::new()).is_err(), "it ends early");
    }
}
