//! Long tables as pages (`docs/decisions/50-long-lists-are-made-from-one-page.md`).
//!
//! Typst makes some ten thousand decisions for a page of cells, and for the next page the same ones
//! again. So it sets one page of rows, the stencil, whose cells hold one character each that says
//! which cell it is; a page of rows of one line is that page with their own texts in its cells, tags
//! and all. Rows that need more (a second line, another font, bold letters) are set by typst in the
//! usual way, a page at a time. What stands in the margins comes last, when it is known how many
//! pages there are, and is laid over them.

use super::fonts::FONTS;
use super::page::{Page, PageRow, Part};
use super::set::Set;
use super::world::compiled;
use std::collections::HashMap;
use typst::layout::{Abs, Em, Frame, FrameItem, GroupItem, Point, Size, Transform};
use typst::model::Document;
use typst::syntax::Span;
use typst::text::{Glyph, TextItem};
use typst_layout::{Page as SetPage, PagedDocument};

/// More rows than the largest paper holds.
const ROWS_TRIED: usize = 100;
/// On both sides of a cell, as the template has it.
const INSETS_PT: f64 = 8.0;
/// What a further line takes of the height of a row.
const LINE: f64 = 0.7;
/// What lines lose at their ends, because words are not cut.
const RAGGED: f64 = 1.15;

/// Sets a page with many rows.
///
/// # Errors
/// What typst says, which would be a mistake of our template.
pub fn typeset(mut page: Page) -> Result<Set, String> {
    let rows = std::mem::take(&mut page.rows);
    page.part = Part::Opening;
    let opening = compiled(&page)?;
    let info = opening.info().clone();
    let mut sections = vec![opening.pages().to_vec()];

    page.charts.clear();
    page.wide_charts.clear();
    page.part = Part::List;
    list(&mut page, &rows, &mut sections)?;
    drop(rows);

    page.part = Part::Closing;
    sections.push(compiled(&page)?.pages().to_vec());

    page.part = Part::Margins;
    page.pages = sections.iter().map(Vec::len).sum();
    let margins = compiled(&page)?;
    for (set, margin) in sections.iter_mut().flatten().zip(margins.pages()) {
        set.frame.push_frame(Point::zero(), margin.frame.clone());
    }
    // What typst remembers of so many pages would be there beside them.
    typst::comemo::evict(0);
    Ok(Set::new(sections, info))
}

/// The pages of rows, those of one table together; `page` has no rows afterwards.
fn list(page: &mut Page, rows: &[PageRow], sections: &mut Vec<Vec<SetPage>>) -> Result<(), String> {
    let stencil = Stencil::new(page)?;
    let mut ahead = rows;
    while !ahead.is_empty() {
        let (these, rest) = ahead.split_at(stencil.rows.min(ahead.len()));
        if let Some(texts) = stencil.texts(these) {
            sections.push(vec![stencil.filled(page, these.len(), texts)?]);
            ahead = rest;
        } else {
            let (these, rest) = ahead.split_at(stencil.fitting(ahead));
            page.rows = these.to_vec();
            sections.push(compiled(page)?.pages().to_vec());
            ahead = rest;
        }
    }
    page.rows.clear();
    Ok(())
}

/// A page full of rows of one line each, and what is needed to put other texts into its cells.
struct Stencil {
    /// The page.
    set: SetPage,
    /// Rows on it.
    rows: usize,
    /// The characters that stand in its cells, row by row.
    marks: Vec<char>,
    /// Which cell each stands in.
    cells: HashMap<char, usize>,
    /// One of them as it was set: its font, size and colour are those of all cells.
    model: TextItem,
    /// Of each column how wide a text may be, and whether it stands to the right.
    columns: Vec<(Abs, bool)>,
}

impl Stencil {
    fn new(page: &mut Page) -> Result<Stencil, String> {
        let marks = marks(page);
        let cells: HashMap<char, usize> =
            marks.iter().enumerate().map(|(cell, mark)| (*mark, cell)).collect();
        let columns = columns(page);
        let mut rows = marks.len() / columns.len().max(1);
        // The first try overflows; the marks on its first page say how many rows a page holds.
        loop {
            let tried = marked(page, &marks, rows)?;
            let first = tried.pages().first().ok_or("a page of rows has no page")?;
            let mut found = Vec::new();
            marked_texts(&first.frame, &cells, &mut found);
            let model = (*found.first().ok_or("no row fits on a page")?).clone();
            if tried.pages().len() == 1 {
                let set = SetPage { frame: gathered(&first.frame, &cells), ..first.clone() };
                return Ok(Stencil { set, rows, marks, cells, model, columns });
            }
            if rows <= 1 {
                return Err("a row is higher than a page".to_owned());
            }
            rows = (found.len() / columns.len()).clamp(1, rows - 1);
        }
    }

    /// The texts of `rows`, cell by cell; nothing when they are not all such as a stencil takes.
    fn texts(&self, rows: &[PageRow]) -> Option<Vec<Option<TextItem>>> {
        let mut texts = Vec::with_capacity(rows.len() * self.columns.len());
        for row in rows {
            if row.subtotal {
                return None;
            }
            for (cell, (room, _)) in row.cells.iter().zip(&self.columns) {
                let text = self.shaped(cell)?;
                if text.width() > *room {
                    return None;
                }
                texts.push(Some(text));
            }
        }
        Some(texts)
    }

    /// The text as one line; nothing when the font lacks one of its characters.
    fn shaped(&self, text: &str) -> Option<TextItem> {
        let font = &self.model.font;
        let mut glyphs = Vec::with_capacity(text.chars().count());
        for (start, char) in text.char_indices() {
            let id = font.ttf().glyph_index(char)?.0;
            glyphs.push(Glyph {
                id,
                x_advance: font.x_advance(id)?,
                x_offset: Em::zero(),
                y_advance: Em::zero(),
                y_offset: Em::zero(),
                range: u16::try_from(start).ok()?..u16::try_from(start + char.len_utf8()).ok()?,
                span: (Span::detached(), 0),
            });
        }
        Some(TextItem { text: text.into(), glyphs, ..self.model.clone() })
    }

    /// The page with these texts in the cells of its `rows` rows.
    fn filled(
        &self,
        page: &mut Page,
        rows: usize,
        mut texts: Vec<Option<TextItem>>,
    ) -> Result<SetPage, String> {
        let set = if rows == self.rows {
            self.set.clone()
        } else {
            // The last rows: their table ends where they end.
            let last = marked(page, &self.marks, rows)?;
            last.pages().first().ok_or("a page of rows has no page")?.clone()
        };
        Ok(SetPage { frame: self.frame(&set.frame, &mut texts), ..set })
    }

    fn frame(&self, frame: &Frame, texts: &mut [Option<TextItem>]) -> Frame {
        let mut items = Vec::with_capacity(frame.items().len());
        for (at, item) in frame.items() {
            match item {
                FrameItem::Group(group) if is_marked(&group.frame, &self.cells) => {
                    let mut group = group.clone();
                    group.frame = self.frame(&group.frame, texts);
                    items.push((*at, FrameItem::Group(group)));
                }
                FrameItem::Text(set) => match mark(set).and_then(|mark| self.cells.get(&mark)) {
                    Some(cell) => {
                        let Some(text) = texts.get_mut(*cell).and_then(Option::take) else {
                            continue;
                        };
                        let is_right = self.columns[cell % self.columns.len()].1;
                        let shift = if is_right { set.width() - text.width() } else { Abs::zero() };
                        if !text.glyphs.is_empty() {
                            items.push((Point::new(at.x + shift, at.y), FrameItem::Text(text)));
                        }
                    }
                    None => items.push((*at, item.clone())),
                },
                _ => items.push((*at, item.clone())),
            }
        }
        with_items(frame, items)
    }

    /// How many of `rows` are given to typst for one page, at least one. Where words break badly they
    /// become two pages.
    fn fitting(&self, rows: &[PageRow]) -> usize {
        let mut room = self.rows as f64;
        let fits = |row: &&PageRow| {
            room -= 1.0 + LINE * (self.lines(row) - 1.0);
            room >= 0.0
        };
        rows.iter().take_while(fits).count().max(1)
    }

    /// About how many lines the row has.
    fn lines(&self, row: &PageRow) -> f64 {
        let font = &self.model.font;
        let advance = |char: char| {
            let id = font.ttf().glyph_index(char);
            id.and_then(|id| font.x_advance(id.0)).unwrap_or(Em::one())
        };
        let lines = |(cell, (room, _)): (&String, &(Abs, bool))| {
            let width = cell.chars().map(advance).sum::<Em>().at(self.model.size);
            if width <= *room { 1.0 } else { (RAGGED * (width / *room)).ceil() }
        };
        row.cells.iter().zip(&self.columns).map(lines).fold(1.0, f64::max)
    }
}

/// A character for each cell of a page, none of which stands in a header: Chinese ones, which are
/// all equally wide.
fn marks(page: &Page) -> Vec<char> {
    let headers: String = page.columns.iter().map(|column| column.header).collect();
    let covered = FONTS[0].info().coverage.iter().filter_map(char::from_u32);
    let usable = |char: &char| ('\u{4e00}'..='\u{9fff}').contains(char) && !headers.contains(*char);
    covered.filter(usable).take(ROWS_TRIED * page.columns.len()).collect()
}

/// The room of each column, and whether its texts stand to the right.
fn columns(page: &Page) -> Vec<(Abs, bool)> {
    let whole: usize = page.columns.iter().map(|column| column.weight).sum();
    let room = |weight: usize| {
        Abs::pt(page.text_width_pt * weight as f64 / whole.max(1) as f64 - INSETS_PT)
    };
    page.columns.iter().map(|column| (room(column.weight), column.right)).collect()
}

/// Pages of `rows` rows of marks.
fn marked(page: &mut Page, marks: &[char], rows: usize) -> Result<PagedDocument, String> {
    let cells = |row: &[char]| row.iter().map(char::to_string).collect();
    page.rows = marks
        .chunks(page.columns.len().max(1))
        .take(rows)
        .map(|row| PageRow { subtotal: false, cells: cells(row) })
        .collect();
    compiled(page)
}

/// The one character that a text has.
fn mark(set: &TextItem) -> Option<char> {
    let mut chars = set.text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

/// Whether a mark stands somewhere in the frame.
fn is_marked(frame: &Frame, cells: &HashMap<char, usize>) -> bool {
    frame.items().any(|(_, item)| match item {
        FrameItem::Group(group) => is_marked(&group.frame, cells),
        FrameItem::Text(set) => mark(set).is_some_and(|mark| cells.contains_key(&mark)),
        _ => false,
    })
}

/// The frame with its marks beside one another and all that stands between two of them in a group,
/// which the pages made of it share: a page then holds two items a cell.
fn gathered(frame: &Frame, cells: &HashMap<char, usize>) -> Frame {
    let mut gathered = Gathered { size: frame.size(), between: Vec::new(), items: Vec::new() };
    gathered.take(frame, Point::zero(), cells);
    gathered.shut();
    with_items(frame, gathered.items)
}

/// Items of a frame, some of which are not yet in a group.
struct Gathered {
    size: Size,
    between: Vec<(Point, FrameItem)>,
    items: Vec<(Point, FrameItem)>,
}

impl Gathered {
    /// Takes what stands in a frame that lies at `origin`.
    fn take(&mut self, frame: &Frame, origin: Point, cells: &HashMap<char, usize>) {
        for (at, item) in frame.items() {
            let at = origin + *at;
            match item {
                FrameItem::Group(group) if is_marked(&group.frame, cells) => {
                    if is_plain(group) {
                        self.take(&group.frame, at, cells);
                        continue;
                    }
                    let mut group = group.clone();
                    group.frame = gathered(&group.frame, cells);
                    self.shut();
                    self.items.push((at, FrameItem::Group(group)));
                }
                FrameItem::Text(set) if mark(set).is_some_and(|mark| cells.contains_key(&mark)) => {
                    self.shut();
                    self.items.push((at, item.clone()));
                }
                _ => self.between.push((at, item.clone())),
            }
        }
    }

    /// Makes a group of what came since the last mark.
    fn shut(&mut self) {
        if self.between.len() < 2 {
            self.items.append(&mut self.between);
            return;
        }
        let mut frame = Frame::soft(self.size);
        frame.push_multiple(self.between.drain(..));
        self.items.push((Point::zero(), FrameItem::Group(GroupItem::new(frame))));
    }
}

/// Whether the group does nothing but hold its items.
fn is_plain(group: &GroupItem) -> bool {
    group.transform == Transform::identity()
        && group.clip.is_none()
        && group.label.is_none()
        && group.parent.is_none()
}

/// A frame like this one that has these items.
fn with_items(frame: &Frame, items: Vec<(Point, FrameItem)>) -> Frame {
    let mut other = Frame::new(frame.size(), frame.kind());
    if frame.has_baseline() {
        other.set_baseline(frame.baseline());
    }
    other.push_multiple(items);
    other
}

/// The texts of a frame that are marks.
fn marked_texts<'a>(frame: &'a Frame, cells: &HashMap<char, usize>, found: &mut Vec<&'a TextItem>) {
    for (_, item) in frame.items() {
        match item {
            FrameItem::Group(group) => marked_texts(&group.frame, cells, found),
            FrameItem::Text(set) if mark(set).is_some_and(|mark| cells.contains_key(&mark)) => {
                found.push(set);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::CALLS;
    use crate::{Cell, Language, Period, ReportTable, Row, RowKind};
    use terms::Timestamp;

    fn calls(count: i64) -> ReportTable {
        let now = Timestamp::from_secs(1_796_088_600);
        let period = Period::parse("2026-11-30", "Asia/Shanghai", now).expect("a good period");
        let call = |n: i64| {
            let mut cells = vec![Cell::text("7"); CALLS.columns.len()];
            cells[0] = Cell::Time(Timestamp(now.0 - 90_000_000_000 - n * 60_000_000));
            Row { kind: RowKind::Data, cells, behind: None, provisional: false }
        };
        ReportTable::new(&CALLS, "江城燃气热线", period, now, (0..count).map(call).collect())
    }

    /// The frame in it that has the most items.
    fn widest(frame: &Frame) -> &Frame {
        let inner = frame.items().filter_map(|(_, item)| match item {
            FrameItem::Group(group) => Some(widest(&group.frame)),
            _ => None,
        });
        inner.chain([frame]).max_by_key(|frame| frame.items().len()).expect("the frame itself")
    }

    #[test]
    fn a_copied_page_has_two_items_of_its_own_for_a_cell() {
        let set = typeset(Page::new(&calls(600), Language::ZhCn, 0.0)).expect("it can be set");
        let page = set.pages().nth(1).expect("a page of rows");
        let cells = widest(&page.frame);
        let texts = cells.items().filter(|(_, item)| matches!(item, FrameItem::Text(_))).count();
        assert!(texts >= 10 * CALLS.columns.len(), "{texts} cells");
        let items = cells.items().len();
        assert!(items <= 2 * texts + CALLS.columns.len(), "{items} for {texts}");
    }
}
