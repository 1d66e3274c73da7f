//! Fonts of a folder stand in for characters that the embedded ones lack. A process takes them once,
//! so these tests have a process of their own.

use reports::catalogue::SATISFACTION;
use reports::{Cell, Format, Language, Period, ReportTable, Row, RowKind, load_fonts, render};
use std::io::{Seek, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use terms::Timestamp;

/// U+4DFF, which no embedded font has.
const RARE: &str = "䷿";

/// The embedded font under another name, with one character more: its table of characters says that
/// the run that begins at U+4E00 begins one earlier.
fn font_of_a_rare_character() -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fonts/SwitchgridSansSC-Regular.otf");
    let mut font = std::fs::read(file).expect("the embedded font");
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let named = replace(&mut font, &wide("Switchgrid"), &wide("Elsewheres"));
    let named = named + replace(&mut font, b"Switchgrid", b"Elsewheres");
    assert!(named > 0, "the font has a name");
    let begins = |first: u16| {
        let starts = [first, 0x4e03, 0x4e07, 0x4e10, 0x4e13];
        starts.into_iter().flat_map(u16::to_be_bytes).collect::<Vec<u8>>()
    };
    let runs = replace(&mut font, &begins(0x4e00), &begins(0x4dff));
    assert!(runs > 0, "the table of characters has this run");
    font
}

/// How often it was found.
fn replace(bytes: &mut [u8], found: &[u8], with: &[u8]) -> usize {
    assert_eq!(found.len(), with.len());
    let mut times = 0;
    for at in 0..bytes.len() - found.len() {
        if bytes[at..].starts_with(found) {
            bytes[at..at + with.len()].copy_from_slice(with);
            times += 1;
        }
    }
    times
}

fn table_of(name: &str) -> ReportTable {
    let now = Timestamp::from_secs(1_796_088_600);
    let period = Period::parse("2026-11", "Asia/Shanghai", now).expect("a good period");
    let mut cells = vec![Cell::Count(0); SATISFACTION.columns.len()];
    cells[0] = Cell::text("1001");
    cells[1] = Cell::text(name);
    let row = Row { kind: RowKind::Data, cells, behind: None, provisional: false };
    ReportTable::new(&SATISFACTION, "江城燃气热线", period, now, vec![row])
}

fn poppler(tool: &str, arguments: &[&str], pdf: &[u8]) -> String {
    let mut input = tempfile::tempfile().expect("a file");
    input.write_all(pdf).expect("it is written");
    input.rewind().expect("it is a file");
    let ran = Command::new(tool).args(arguments).stdin(Stdio::from(input)).output();
    let output = ran.expect("poppler is needed: `scripts/setup --tests` installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_font_of_the_folder_shows_what_the_embedded_ones_lack_and_what_is_no_font_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(name), bytes).expect("it is written");
    };
    put("rare.otf", &font_of_a_rare_character());
    put("broken.TTF", b"no font");
    put("notes.txt", b"where they come from");
    let loaded = load_fonts(folder.path());
    assert_eq!(loaded.fonts, 1);
    let [problem] = loaded.problems.as_slice() else { panic!("{:?}", loaded.problems) };
    assert!(problem.ends_with("broken.TTF: this is no font"), "{problem}");

    let made = render(&table_of(&format!("王{RARE}")), Format::Pdf, Language::ZhCn);
    let made = made.expect("it can be rendered");
    assert_eq!(made.warnings, Vec::<String>::new());
    let text = poppler("pdftotext", &["-layout", "-", "-"], &made.bytes);
    let flat: String = text.split_whitespace().collect();
    assert!(flat.contains(&format!("王{RARE}")), "{text}");
    let fonts = poppler("pdffonts", &["-"], &made.bytes);
    assert!(fonts.contains("Elsewheres"), "{fonts}");
    assert!(fonts.contains("Switchgrid"), "what the embedded font has comes from there: {fonts}");

    // A character that no font has is named still, and alone.
    let made = render(&table_of(&format!("䶮{RARE}")), Format::Pdf, Language::ZhCn);
    let warnings = made.expect("it can be rendered").warnings;
    assert_eq!(warnings, ["内嵌字体没有这些字，页面上以方框代替：䶮"]);

    assert_eq!(load_fonts(Path::new("/nowhere")), reports::Loaded::default());
}
