//! A fax as PDF: each page in its own size, its rows packed as they came, because PDF reads what fax
//! machines pack (ISO 32000 §7.4.6).

use mediacore::tiff::{Packing, Page};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref};

/// Points of an inch.
const POINTS: f64 = 72.0;
/// Pixels of an inch on a page that is believed.
const DPI: std::ops::RangeInclusive<f64> = 50.0..=1_200.0;
const CATALOG: Ref = Ref::new(1);
const TREE: Ref = Ref::new(2);

/// Numbers of objects.
struct Refs(i32);

impl Refs {
    fn next(&mut self) -> Ref {
        self.0 += 1;
        Ref::new(self.0)
    }
}

/// The document.
pub fn pdf(pages: &[Page]) -> Vec<u8> {
    let mut pdf = Pdf::new();
    let mut refs = Refs(TREE.get());
    pdf.catalog(CATALOG).pages(TREE);
    let kids: Vec<Ref> = pages.iter().map(|page| write_page(&mut pdf, &mut refs, page)).collect();
    let count = kids.len() as i32;
    pdf.pages(TREE).kids(kids).count(count);
    pdf.finish()
}

fn write_page(pdf: &mut Pdf, refs: &mut Refs, page: &Page) -> Ref {
    let points = |pixels: u32, dpi: f64| {
        (f64::from(pixels) * POINTS / dpi.clamp(*DPI.start(), *DPI.end())) as f32
    };
    let (width, height) = (points(page.width, page.dpi.0), points(page.height, page.dpi.1));
    let mut content = Content::new();
    let mut images = Vec::new();
    let mut below = page.height;
    for (n, strip) in page.strips.iter().enumerate() {
        let id = refs.next();
        write_strip(pdf, id, page, (strip.bytes, strip.rows));
        below -= strip.rows;
        let (rows, up) = (points(strip.rows, page.dpi.1), points(below, page.dpi.1));
        let name = format!("S{n}");
        content.save_state();
        content.transform([width, 0.0, 0.0, rows, 0.0, up]);
        content.x_object(Name(name.as_bytes()));
        content.restore_state();
        images.push((name, id));
    }
    let (id, drawn) = (refs.next(), refs.next());
    pdf.stream(drawn, &content.finish());
    let mut written = pdf.page(id);
    written.media_box(Rect::new(0.0, 0.0, width, height)).parent(TREE).contents(drawn);
    let mut resources = written.resources();
    let mut objects = resources.x_objects();
    for (name, image) in &images {
        objects.pair(Name(name.as_bytes()), *image);
    }
    objects.finish();
    resources.finish();
    written.finish();
    id
}

fn write_strip(pdf: &mut Pdf, id: Ref, page: &Page, (bytes, rows): (&[u8], u32)) {
    let turned: Vec<u8>;
    let bytes = if page.lowest_first {
        turned = bytes.iter().map(|octet| octet.reverse_bits()).collect();
        &turned[..]
    } else {
        bytes
    };
    let mut image = pdf.image_xobject(id, bytes);
    image.width(page.width as i32).height(rows as i32).bits_per_component(1);
    image.color_space().device_gray();
    if page.packing == Packing::Plain {
        // PDF's own black is nought, a fax's is one.
        image.decode(if page.zero_is_black { [0.0, 1.0] } else { [1.0, 0.0] });
        return;
    }
    image.filter(Filter::CcittFaxDecode);
    let mut how = image.decode_parms();
    how.columns(page.width as i32).rows(rows as i32).black_is_1(page.zero_is_black);
    match page.packing {
        Packing::T6 => how.k(-1),
        Packing::T4 { two_dimensions: true, .. } => how.k(1),
        Packing::T4 { two_dimensions: false, .. } | Packing::Plain => how.k(0),
        Packing::Runs => how.k(0).encoded_byte_align(true),
    };
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use mediacore::tiff;
    use std::process::Command;

    /// What pdfimages takes out of a PDF: width, height and pixels of each page, a set bit is black.
    pub(in crate::fax) fn images(pdf: &[u8]) -> Vec<(u32, u32, Vec<u8>)> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("fax.pdf"), pdf).unwrap();
        let mut command = Command::new("pdfimages");
        let ran = command.args(["fax.pdf", "page"]).current_dir(dir.path()).output();
        let ran = ran.expect("`scripts/setup --tests` installs poppler-utils");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let mut names: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "pbm"))
            .collect();
        names.sort();
        names.iter().map(|path| bitmap(&std::fs::read(path).unwrap())).collect()
    }

    /// A PBM as pdfimages writes it: `P4`, width and height, then rows.
    fn bitmap(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
        let mut words = bytes.split(|byte| byte.is_ascii_whitespace());
        assert_eq!(words.next(), Some(&b"P4"[..]));
        let mut number = || -> u32 {
            let word = words.next().expect("a number");
            std::str::from_utf8(word).unwrap().parse().unwrap()
        };
        let (width, height) = (number(), number());
        let rows = width.div_ceil(8) as usize * height as usize;
        (width, height, bytes[bytes.len() - rows..].to_vec())
    }

    fn rows(seed: u8, height: usize) -> Vec<u8> {
        (0..height * 216).map(|n| (n as u8 ^ seed).wrapping_mul(37) & 0x3C).collect()
    }

    #[test]
    fn every_page_has_its_pixels_and_its_size() {
        let (one, two) = (rows(1, 40), rows(9, 7));
        let file = tiff::write(&[(1_728, &one), (1_728, &two)]);
        let pages = tiff::pages(&file).unwrap();
        let made = pdf(&pages);
        assert_eq!(images(&made), [(1_728, 40, one), (1_728, 7, two)]);
        let text = String::from_utf8_lossy(&made);
        assert!(text.contains("/MediaBox [0 0 609.8"), "1,728 pixels at 204 are 610 points");
    }

    #[test]
    fn what_a_machine_packed_is_unpacked_by_a_reader_of_pdf() {
        // T.6 of two white rows and one of 864 black pixels behind 864 white ones: V0, V0, then
        // horizontal mode with the runs 832 + 32 and 832 + 32, and the end of the block.
        let bits =
            "1 1 001 011010010 00011011 0000001001101 000001101010 000000000001 000000000001";
        let bits: String = bits.split(' ').collect();
        let octets = bits.as_bytes().chunks(8).map(|octet| {
            octet.iter().enumerate().fold(0, |all, (n, bit)| all | (bit - b'0') << (7 - n))
        });
        let packed: Vec<u8> = octets.collect();
        let backward: Vec<u8> = packed.iter().map(|octet| octet.reverse_bits()).collect();
        let mut expected = vec![0; 216 * 3];
        expected[216 * 2 + 108..].fill(0xFF);
        for (bytes, lowest_first) in [(&packed, false), (&backward, true)] {
            let page = Page {
                width: 1_728,
                height: 3,
                packing: Packing::T6,
                lowest_first,
                zero_is_black: false,
                dpi: (204.0, 98.0),
                strips: vec![tiff::Strip { bytes, rows: 3 }],
            };
            assert_eq!(images(&pdf(&[page])), [(1_728, 3, expected.clone())], "{lowest_first}");
        }
    }
}
