//! PDFs as people bring them, and what becomes of each.

use super::*;
use crate::fax::pdf::pdf;
use crate::fax::pdf::tests::images;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo};
use pdf_writer::{Content, Finish, Name, Rect, Ref, Str};

const A4: (f32, f32) = (595.28, 841.89);

/// A PDF of pages of this size, which are drawn as `content` says, with a font `F` that stands in
/// object 3.
fn written(
    sizes: &[(f32, f32)],
    font: impl Fn(&mut pdf_writer::Pdf, Ref),
    content: impl Fn(&mut Content),
) -> Vec<u8> {
    let (catalog, tree, face) = (Ref::new(1), Ref::new(2), Ref::new(3));
    let mut pdf = pdf_writer::Pdf::new();
    pdf.catalog(catalog).pages(tree);
    font(&mut pdf, face);
    let kid = |n: usize| Ref::new(10 + 2 * n as i32);
    pdf.pages(tree).kids((0..sizes.len()).map(kid)).count(sizes.len() as i32);
    for (n, (width, height)) in sizes.iter().enumerate() {
        let drawn = Ref::new(kid(n).get() + 1);
        let mut said = Content::new();
        content(&mut said);
        pdf.stream(drawn, &said.finish());
        let mut page = pdf.page(kid(n));
        page.media_box(Rect::new(0.0, 0.0, *width, *height)).parent(tree).contents(drawn);
        page.resources().fonts().pair(Name(b"F"), face);
        page.finish();
    }
    pdf.finish()
}

fn helvetica(pdf: &mut pdf_writer::Pdf, id: Ref) {
    pdf.type1_font(id).base_font(Name(b"Helvetica"));
}

/// A font of Chinese letters that is not in the file, in a code that every PDF may take for granted.
fn song(code: &'static [u8], named: &'static [u8]) -> impl Fn(&mut pdf_writer::Pdf, Ref) {
    move |pdf, id| {
        let (cid, described) = (Ref::new(4), Ref::new(5));
        pdf.type0_font(id)
            .base_font(Name(named))
            .encoding_predefined(Name(code))
            .descendant_font(cid);
        let (registry, ordering) = (Str(b"Adobe"), Str(b"GB1"));
        pdf.cid_font(cid)
            .subtype(CidFontType::Type2)
            .base_font(Name(named))
            .system_info(SystemInfo { registry, ordering, supplement: 4 })
            .font_descriptor(described);
        pdf.font_descriptor(described)
            .name(Name(named))
            .flags(FontFlags::SYMBOLIC)
            .bbox(Rect::new(0.0, -200.0, 1_000.0, 900.0))
            .italic_angle(0.0)
            .ascent(900.0)
            .descent(-200.0)
            .cap_height(700.0)
            .stem_v(80.0);
    }
}

/// A rectangle in this grey, 1 is white.
fn filled(grey: f32, (x, y, width, height): (f32, f32, f32, f32)) -> impl Fn(&mut Content) {
    move |content| {
        content.set_fill_gray(grey).rect(x, y, width, height).fill_nonzero();
    }
}

/// Width, height and pixels of each page, as a reader of PDF unpacks what is faxed.
fn faxed(document: Vec<u8>) -> Vec<(u32, u32, Vec<u8>)> {
    let file = draw(document).unwrap();
    images(&pdf(&tiff::pages(&file).unwrap()))
}

fn is_black((_, _, bits): &(u32, u32, Vec<u8>), at: usize, row: usize) -> bool {
    bits[row * 216 + at / 8] & 0x80 >> (at % 8) != 0
}

fn share_of_black((_, _, bits): &(u32, u32, Vec<u8>)) -> f64 {
    let black: u32 = bits.iter().map(|octet| octet.count_ones()).sum();
    f64::from(black) / (bits.len() as f64 * 8.0)
}

#[test]
fn pages_of_a4_are_as_wide_as_the_paper_of_a_fax_and_black_where_they_were() {
    // The lower left quarter.
    let quarter = filled(0.0, (0.0, 0.0, A4.0 / 2.0, A4.1 / 2.0));
    let pages = faxed(written(&[A4, A4, A4], helvetica, quarter));
    assert_eq!(pages.len(), 3);
    for page in &pages {
        assert_eq!((page.0, page.1), (1_728, 2_292));
        assert!(is_black(page, 100, 2_200) && is_black(page, 800, 1_200));
        assert!(!is_black(page, 100, 100) && !is_black(page, 1_500, 2_200));
        assert!(!is_black(page, 900, 2_200) && !is_black(page, 800, 1_100));
        // The margin beside paper of 210 mm.
        assert!(!is_black(page, 10, 2_200) && is_black(page, 30, 2_200));
    }
}

#[test]
fn grey_becomes_dots_and_what_is_nearly_black_or_white_becomes_it() {
    let all = |grey| faxed(written(&[A4], helvetica, filled(grey, (0.0, 0.0, A4.0, A4.1))));
    let share = |grey| share_of_black(&all(grey)[0]);
    let (dark, middle, light) = (share(0.35), share(0.5), share(0.7));
    assert!(dark > middle && middle > light, "{dark} {middle} {light}");
    assert!((0.4..0.7).contains(&middle), "{middle}");
    // Dark and light paper but for the margins of 41 dots.
    assert!(share(0.2) > 0.97, "{}", share(0.2));
    assert_eq!(share(0.9), 0.0);
}

#[test]
fn letters_of_a_font_that_every_reader_has_are_drawn_without_it() {
    let words = |content: &mut Content| {
        content.begin_text().set_font(Name(b"F"), 48.0).next_line(60.0, 400.0);
        content.show(Str(b"Price list")).end_text();
    };
    let page = &faxed(written(&[A4], helvetica, words))[0];
    let share = share_of_black(page);
    assert!((0.001..0.05).contains(&share), "{share}");
}

#[test]
fn a_page_that_is_wider_than_high_is_turned() {
    // The left end of the page: on the paper it is the upper one.
    let wide = filled(0.0, (0.0, 0.0, 100.0, A4.0));
    let page = &faxed(written(&[(A4.1, A4.0)], helvetica, wide))[0];
    assert_eq!((page.0, page.1), (1_728, 2_292));
    assert!(is_black(page, 100, 100) && is_black(page, 1_600, 100));
    assert!(!is_black(page, 100, 1_000) && !is_black(page, 1_600, 1_000));
    // Its lower end is on the left.
    let low = filled(0.0, (0.0, 0.0, A4.1, 100.0));
    let page = &faxed(written(&[(A4.1, A4.0)], helvetica, low))[0];
    assert!(is_black(page, 100, 1_000) && !is_black(page, 1_600, 1_000));
}

#[test]
fn what_is_larger_than_paper_is_made_smaller_and_what_is_smaller_stays() {
    let blank = |_: &mut Content| {};
    let poster = faxed(written(&[(2_384.0, 3_370.0)], helvetica, blank));
    assert!((2_280..=2_292).contains(&poster[0].1), "{}", poster[0].1);
    let card = faxed(written(&[(200.0, 300.0)], helvetica, blank));
    assert_eq!(card[0].1, 817, "300 points are 817 rows");
}

#[test]
fn what_cannot_be_drawn_whole_is_refused_with_the_reason() {
    let words = |content: &mut Content| {
        content.begin_text().set_font(Name(b"F"), 48.0).next_line(60.0, 400.0);
        content.show(Str(&[0x4E, 0x00, 0x4E, 0x8C])).end_text();
    };
    let blank = |_: &mut Content| {};
    let why = |document: Vec<u8>| draw(document).unwrap_err();
    assert_eq!(why(Vec::new()), Refused::Damaged);
    assert_eq!(why(b"%PDF-1.7\nnothing".to_vec()), Refused::Damaged);
    assert_eq!(why(written(&[A4; 101], helvetica, blank)), Refused::Pages(101));
    assert_eq!(why(written(&[A4, (20.0, 14_000.0)], helvetica, blank)), Refused::Size(2));
    assert_eq!(why(written(&[(90_000.0, 90_000.0)], helvetica, blank)), Refused::Size(1));
    let identity = written(&[A4], song(b"Identity-H", b"SimSun"), words);
    assert_eq!(why(identity), Refused::Font(1, "SimSun".to_owned()));
    // It is not taken for a font of few letters because of its name.
    let sans = written(&[A4], song(b"Identity-H", b"NotoSansSC"), words);
    assert_eq!(why(sans), Refused::Font(1, "NotoSansSC".to_owned()));
    let unicode = why(written(&[A4], song(b"UniGB-UTF16-H", b"SimSun"), words));
    assert!(matches!(unicode, Refused::Font(1, _)), "{unicode}");
}

/// Whatever stands in a file, drawing it ends; where it ends in a panic the process that draws is
/// gone with it, and nothing else.
#[test]
fn a_file_that_is_cut_is_drawn_or_refused() {
    let whole = written(&[A4], helvetica, filled(0.0, (0.0, 0.0, 90.0, 90.0)));
    let mut refused = 0;
    for len in (0..whole.len()).step_by(whole.len() / 8) {
        let cut = whole[..len].to_vec();
        let ended = std::panic::catch_unwind(|| draw(cut));
        refused += usize::from(!matches!(ended, Ok(Ok(_))));
    }
    assert!(refused > 0);
}

#[test]
fn the_process_answers_with_the_file_or_with_the_reason() {
    let document = written(&[A4], helvetica, |_: &mut Content| {});
    let mut told = Vec::new();
    assert!(serve(&document[..], &mut told).unwrap());
    assert_eq!(tiff::pages(&told).unwrap().len(), 1);
    let mut told = Vec::new();
    assert!(!serve(&b"%PDF-1.7"[..], &mut told).unwrap());
    assert_eq!(told, b"it is damaged, or no PDF");
}
