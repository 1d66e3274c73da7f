//! The pages of a fax in a TIFF file (TIFF 6.0 and TIFF for fax, RFC 2306): where each page's rows
//! stand and how they are packed. They stay packed: what reads them further is a viewer, or a fax
//! machine.
//!
//! Whatever the bytes are, this ends: pages, strips and sizes have limits, and a place outside of
//! the file is an error. Promise: every strip of an answer lies in the file, and all of them
//! together are no more than it, so that what is made of them grows with the file alone.

/// Pages of a document.
pub const PAGES_MAX: usize = 1_000;
/// Pieces of one page.
const STRIPS_MAX: usize = 10_000;
/// Pieces of all pages: of a thousand pages in a resolution of today, some hundred each.
const STRIPS_ALL_MAX: usize = 200_000;
/// Pixels of a row, and rows of a page.
const PIXELS_MAX: u32 = 65_000;
/// Fields of one page.
const FIELDS_MAX: usize = 500;

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It does not begin as one.
    #[error("it is no TIFF file")]
    NotTiff,
    /// Something stands outside of it.
    #[error("page {0} is cut off")]
    CutOff(usize),
    /// More than one bit for a pixel, or more than one plane.
    #[error("page {0} is not black and white")]
    Colours(usize),
    /// Packed in a way that no fax machine knows.
    #[error("page {0} is packed as {1}; a fax is packed as 1, 2, 3 or 4")]
    Packing(usize, u32),
    /// Too large, or nothing at all.
    #[error("page {0} has no size that a fax has")]
    Size(usize),
    /// More of it than of the file, as when many pages are said to be the same rows.
    #[error("its pages share their rows, or are of more than {} pieces", STRIPS_ALL_MAX)]
    Shared,
    /// Too many of them, or none.
    #[error("a document has 1 to {} pages", PAGES_MAX)]
    Pages,
}

/// How rows are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all: each row is whole octets.
    Plain,
    /// T.4 without its ends of lines, each row on an octet.
    Runs,
    /// T.4, in two dimensions or in one.
    T4 {
        /// Rows refer to the one before.
        two_dimensions: bool,
        /// An end of line stands at the end of an octet.
        aligned: bool,
    },
    /// T.6.
    T6,
}

/// A piece of a page: rows that are packed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strip<'a> {
    /// As they are packed.
    pub bytes: &'a [u8],
    /// How many.
    pub rows: u32,
}

/// One page.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<'a> {
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// How they are packed.
    pub packing: Packing,
    /// In an octet the first pixel is the lowest bit.
    pub lowest_first: bool,
    /// Nought is black: the usual is white.
    pub zero_is_black: bool,
    /// Pixels per inch, across and down.
    pub dpi: (f64, f64),
    /// From the top down.
    pub strips: Vec<Strip<'a>>,
}

/// Reads where the pages of a file are.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn pages(bytes: &[u8]) -> Result<Vec<Page<'_>>, Error> {
    let file = File::new(bytes).ok_or(Error::NotTiff)?;
    let mut at = file.long(4).ok_or(Error::NotTiff)?;
    let mut pages: Vec<Page> = Vec::new();
    let mut strips = 0;
    while at != 0 {
        if pages.len() == PAGES_MAX {
            return Err(Error::Pages);
        }
        let number = pages.len() + 1;
        let (fields, next) = file.fields(at as usize).ok_or(Error::CutOff(number))?;
        let page = page(&file, &fields, number)?;
        strips += page.strips.len();
        if strips > STRIPS_ALL_MAX {
            return Err(Error::Shared);
        }
        pages.push(page);
        at = next;
    }
    let all = pages.iter().flat_map(|page| &page.strips);
    if all.map(|strip| strip.bytes.len()).sum::<usize>() > bytes.len() {
        return Err(Error::Shared);
    }
    if pages.is_empty() { Err(Error::Pages) } else { Ok(pages) }
}

fn page<'a>(file: &File<'a>, fields: &[Field], number: usize) -> Result<Page<'a>, Error> {
    let value = |tag, usual| match fields.iter().find(|field| field.tag == tag) {
        Some(field) => file.number(field, 0).ok_or(Error::CutOff(number)),
        None => Ok(usual),
    };
    let (width, height) = (value(tag::WIDTH, 0)?, value(tag::HEIGHT, 0)?);
    if !(1..=PIXELS_MAX).contains(&width) || !(1..=PIXELS_MAX).contains(&height) {
        return Err(Error::Size(number));
    }
    if value(tag::BITS, 1)? != 1 || value(tag::PLANES, 1)? != 1 {
        return Err(Error::Colours(number));
    }
    let options = value(tag::T4_OPTIONS, 0)?;
    let packing = match value(tag::PACKING, 1)? {
        1 => Packing::Plain,
        2 => Packing::Runs,
        3 => Packing::T4 { two_dimensions: options & 1 != 0, aligned: options & 4 != 0 },
        4 => Packing::T6,
        other => return Err(Error::Packing(number, other)),
    };
    let rows = value(tag::STRIP_ROWS, height)?.clamp(1, height);
    let in_cm = value(tag::UNIT, 2)? == 3;
    let dpi = |tag| {
        let field = fields.iter().find(|field| field.tag == tag);
        let number = field.and_then(|field| file.fraction(field)).unwrap_or(200.0);
        if in_cm { number * 2.54 } else { number }
    };
    Ok(Page {
        width,
        height,
        packing,
        lowest_first: value(tag::BIT_ORDER, 1)? == 2,
        zero_is_black: value(tag::COLOUR, 0)? == 1,
        dpi: (dpi(tag::DPI_ACROSS), dpi(tag::DPI_DOWN)),
        strips: strips(file, fields, (height, rows)).ok_or(Error::CutOff(number))?,
    })
}

fn strips<'a>(
    file: &File<'a>,
    fields: &[Field],
    (height, rows): (u32, u32),
) -> Option<Vec<Strip<'a>>> {
    let find = |tag| fields.iter().find(|field| field.tag == tag);
    let (places, sizes) = (find(tag::STRIPS)?, find(tag::STRIP_BYTES)?);
    let count = height.div_ceil(rows) as usize;
    if count > STRIPS_MAX || places.count < count || sizes.count < count {
        return None;
    }
    let strip = |n: usize| {
        let (at, len) = (file.number(places, n)? as usize, file.number(sizes, n)? as usize);
        let rows = rows.min(height - n as u32 * rows);
        Some(Strip { bytes: file.bytes.get(at..at.checked_add(len)?)?, rows })
    };
    (0..count).map(strip).collect()
}

/// Numbers of fields, TIFF 6.0 §8.
mod tag {
    pub const WIDTH: u16 = 256;
    pub const HEIGHT: u16 = 257;
    pub const BITS: u16 = 258;
    pub const PACKING: u16 = 259;
    pub const COLOUR: u16 = 262;
    pub const BIT_ORDER: u16 = 266;
    pub const STRIPS: u16 = 273;
    pub const PLANES: u16 = 277;
    pub const STRIP_ROWS: u16 = 278;
    pub const STRIP_BYTES: u16 = 279;
    pub const DPI_ACROSS: u16 = 282;
    pub const DPI_DOWN: u16 = 283;
    pub const T4_OPTIONS: u16 = 292;
    pub const UNIT: u16 = 296;
}

/// One field of a page.
struct Field {
    tag: u16,
    /// 3 is two octets, 4 four, 5 a fraction of two fours.
    kind: u16,
    count: usize,
    /// Where its values stand.
    at: usize,
}

/// Numbers in the order of the file.
struct File<'a> {
    bytes: &'a [u8],
    is_little: bool,
}

impl<'a> File<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let is_little = match bytes.get(..4)? {
            b"II\x2A\0" => true,
            b"MM\0\x2A" => false,
            _ => return None,
        };
        Some(File { bytes, is_little })
    }

    fn short(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    /// The fields of the page whose list begins here, and where the next one's does.
    fn fields(&self, at: usize) -> Option<(Vec<Field>, u32)> {
        let count = usize::from(self.short(at)?);
        if count > FIELDS_MAX {
            return None;
        }
        let field = |n: usize| {
            let at = at + 2 + n * 12;
            let (tag, kind) = (self.short(at)?, self.short(at + 2)?);
            let count = self.long(at + 4)? as usize;
            let bytes = match kind {
                3 => count.checked_mul(2)?,
                4 => count.checked_mul(4)?,
                // Others are not looked at; what is longer than four octets stands elsewhere.
                _ => 8,
            };
            let at = if bytes <= 4 { at + 8 } else { self.long(at + 8)? as usize };
            Some(Field { tag, kind, count, at })
        };
        let fields = (0..count).map(field).collect::<Option<_>>()?;
        Some((fields, self.long(at + 2 + count * 12)?))
    }

    fn number(&self, field: &Field, n: usize) -> Option<u32> {
        if n >= field.count {
            return None;
        }
        match field.kind {
            3 => self.short(field.at.checked_add(n * 2)?).map(u32::from),
            4 => self.long(field.at.checked_add(n * 4)?),
            _ => None,
        }
    }

    fn fraction(&self, field: &Field) -> Option<f64> {
        let (above, below) = (self.long(field.at)?, self.long(field.at.checked_add(4)?)?);
        let is_one = field.kind == 5 && above > 0 && below > 0;
        is_one.then(|| f64::from(above) / f64::from(below))
    }
}

/// A document of pages that are not packed, as a program makes it that has pixels: rows of whole
/// octets, of which a set bit is black, 204 by 196 pixels per inch.
pub fn write(pages: &[(u32, &[u8])]) -> Vec<u8> {
    let page = |&(width, rows): &(u32, &[u8])| {
        let height = rows.len() as u32 / width.div_ceil(8).max(1);
        (width, height, rows.to_vec())
    };
    written(PLAIN, &pages.iter().map(page).collect::<Vec<_>>())
}

/// A document of pages that are packed as T.6 says: pixels of a row, rows, and what was packed of
/// them, a black pixel's run as black; 204 by 196 pixels per inch.
pub fn write_t6(pages: &[(u32, u32, Vec<u8>)]) -> Vec<u8> {
    written(T6, pages)
}

/// Ways to pack, as a file names them.
const PLAIN: u32 = 1;
const T6: u32 = 4;

fn written(packing: u32, pages: &[(u32, u32, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"II\x2A\0\0\0\0\0".to_vec();
    let mut link = 4;
    for (number, (width, height, rows)) in pages.iter().enumerate() {
        let place = out.len() as u32;
        out.extend_from_slice(rows);
        if !out.len().is_multiple_of(2) {
            out.push(0);
        }
        let fractions = out.len() as u32;
        for number in [204_u32, 1, 196, 1] {
            out.extend(number.to_le_bytes());
        }
        let list = out.len() as u32;
        out[link..link + 4].copy_from_slice(&list.to_le_bytes());
        let of_all = number as u32 | (pages.len() as u32) << 16;
        let fields: [(u16, u16, u32, u32); 15] = [
            // One page of several.
            (254, 4, 1, 2),
            (tag::WIDTH, 4, 1, *width),
            (tag::HEIGHT, 4, 1, *height),
            (tag::BITS, 3, 1, 1),
            (tag::PACKING, 3, 1, packing),
            (tag::COLOUR, 3, 1, 0),
            (tag::BIT_ORDER, 3, 1, 1),
            (tag::STRIPS, 4, 1, place),
            (tag::PLANES, 3, 1, 1),
            (tag::STRIP_ROWS, 4, 1, *height),
            (tag::STRIP_BYTES, 4, 1, rows.len() as u32),
            (tag::DPI_ACROSS, 5, 1, fractions),
            (tag::DPI_DOWN, 5, 1, fractions + 8),
            (tag::UNIT, 3, 1, 2),
            // Which page it is, and of how many.
            (297, 3, 2, of_all),
        ];
        out.extend((fields.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in fields {
            out.extend(tag.to_le_bytes());
            out.extend(kind.to_le_bytes());
            out.extend(count.to_le_bytes());
            out.extend(value.to_le_bytes());
        }
        link = out.len();
        out.extend([0; 4]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_page_by_page() {
        let (one, two) = ([0xA5; 216 * 3], [0x5A; 216]);
        let file = write(&[(1_728, &one), (1_728, &two)]);
        let pages = pages(&file).unwrap();
        assert_eq!(pages.len(), 2);
        assert_eq!((pages[0].width, pages[0].height), (1_728, 3));
        assert_eq!(pages[0].strips, [Strip { bytes: &one, rows: 3 }]);
        assert_eq!(pages[1].strips, [Strip { bytes: &two, rows: 1 }]);
        assert_eq!(pages[1].dpi, (204.0, 196.0));
        assert_eq!((pages[1].packing, pages[1].lowest_first), (Packing::Plain, false));
    }

    #[test]
    fn a_page_that_is_packed_says_how_and_how_many_rows_it_has() {
        let file = write_t6(&[(1_728, 40, vec![0x80, 0x08, 0x00, 0x80])]);
        let pages = pages(&file).unwrap();
        let page = &pages[0];
        assert_eq!((page.width, page.height, page.packing), (1_728, 40, Packing::T6));
        assert_eq!((page.zero_is_black, page.lowest_first), (false, false));
        assert_eq!(page.strips, [Strip { bytes: &[0x80, 0x08, 0x00, 0x80], rows: 40 }]);
    }

    #[test]
    fn dots_per_centimetre_are_told_per_inch() {
        let mut file = write(&[(8, &[0; 4])]);
        let field = [tag::UNIT.to_le_bytes(), 3_u16.to_le_bytes()].concat();
        let at = file.windows(4).position(|bytes| bytes == field).expect("the field");
        file[at + 8] = 3;
        assert_eq!(pages(&file).unwrap()[0].dpi, (204.0 * 2.54, 196.0 * 2.54));
    }

    #[test]
    fn a_file_that_is_cut_or_turned_about_is_an_error_and_no_harm() {
        let rows = [0xFF; 216 * 4];
        let file = write(&[(1_728, &rows), (1_728, &rows)]);
        for len in 0..file.len() {
            assert!(pages(&file[..len]).is_err(), "cut at {len}");
        }
        for at in 0..file.len() {
            let mut wrong = file.clone();
            wrong[at] ^= 0xFF;
            // Whatever it says, its strips lie in the file: reading them is no panic.
            for page in pages(&wrong).unwrap_or_default() {
                assert!(page.strips.iter().all(|strip| strip.bytes.len() <= file.len()));
            }
        }
    }

    #[test]
    fn a_list_of_pages_that_leads_to_itself_has_an_end() {
        let mut file = write(&[(8, &[0; 4])]);
        let list = u32::from_le_bytes(file[4..8].try_into().unwrap());
        let end = file.len() - 4;
        file[end..].copy_from_slice(&list.to_le_bytes());
        assert_eq!(pages(&file), Err(Error::Pages));
    }

    /// Else a file of some megabytes were a thousand times as much once its pages are made into
    /// another form.
    #[test]
    fn pages_that_share_their_rows_are_refused() {
        let (large, small) = ([0xFF; 216 * 40], [0xFF; 216]);
        let mut file = write(&[(1_728, &large), (1_728, &small)]);
        assert_eq!(pages(&file).map(|pages| pages.len()), Ok(2));
        // The second page says that it is the first.
        for tag in [tag::HEIGHT, tag::STRIPS, tag::STRIP_ROWS, tag::STRIP_BYTES] {
            let field = [tag.to_le_bytes(), 4_u16.to_le_bytes()].concat();
            let is_field = |at: &usize| file[*at..at + 4] == field;
            let places: Vec<usize> = (0..file.len() - 4).filter(is_field).collect();
            let [first, second] = places[..] else { panic!("two pages: {places:?}") };
            file.copy_within(first + 8..first + 12, second + 8);
        }
        assert_eq!(pages(&file), Err(Error::Shared));
    }

    #[test]
    fn more_pieces_than_all_pages_have_are_refused() {
        // Each page is of 10,000 empty pieces, which one list of noughts tells for all.
        let noughts = vec![0_u8; 40_000];
        let mut file = write(&[(8, &noughts)]);
        let list = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
        let place =
            file[list + 2..].chunks(12).find(|field| field[..2] == tag::STRIPS.to_le_bytes());
        let place = u32::from_le_bytes(place.unwrap()[8..12].try_into().unwrap());
        for at in (list + 2..file.len() - 4).step_by(12) {
            let tag = u16::from_le_bytes([file[at], file[at + 1]]);
            let (count, value) = match tag {
                tag::HEIGHT => (1, 10_000),
                tag::STRIP_ROWS => (1, 1_u32),
                tag::STRIPS | tag::STRIP_BYTES => (10_000, place),
                _ => continue,
            };
            file[at + 4..at + 8].copy_from_slice(&u32::to_le_bytes(count));
            file[at + 8..at + 12].copy_from_slice(&value.to_le_bytes());
        }
        assert_eq!(pages(&file).map(|pages| pages[0].strips.len()), Ok(10_000));
        // The list of pages leads to itself.
        let end = file.len() - 4;
        file[end..].copy_from_slice(&(list as u32).to_le_bytes());
        assert_eq!(pages(&file), Err(Error::Shared));
    }

    #[test]
    fn colours_and_photographs_are_no_fax() {
        let file = write(&[(8, &[0; 4])]);
        let with = |tag: u16, value: u8| {
            let mut file = file.clone();
            let field = [tag.to_le_bytes(), 3_u16.to_le_bytes()].concat();
            let at = file.windows(4).position(|bytes| bytes == field).expect("the field");
            file[at + 8] = value;
            file
        };
        assert_eq!(pages(&with(tag::BITS, 8)), Err(Error::Colours(1)));
        assert_eq!(pages(&with(tag::PLANES, 3)), Err(Error::Colours(1)));
        assert_eq!(pages(&with(tag::PACKING, 7)), Err(Error::Packing(1, 7)));
        assert_eq!(pages(b"GIF89a"), Err(Error::NotTiff));
    }
}
