//! The same table in every form: what a person reads (golden texts, `UPDATE=1` refreshes them),
//! and that the numbers are equal everywhere.

#[path = "forms/book.rs"]
mod book;
#[path = "forms/items.rs"]
mod items;
#[path = "forms/long.rs"]
mod long;
#[path = "forms/paper.rs"]
mod paper;

use calamine::{Data, Reader, Xlsx};
use reports::catalogue::{CALLS, OVERDUE_ORDERS, QUALITY, SATISFACTION, WORKLOAD};
use reports::{
    Cell, Condition, Format, Kind, Language, Mark, Period, Report, ReportTable, Row, RowKind,
    Words, cell_text, render,
};
use serde_json::{Value, json};
use std::io::{Cursor, Seek, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use terms::Timestamp;

/// 2026-12-01 09:30 in Shanghai.
const NOW: Timestamp = Timestamp::from_secs(1_796_088_600);

fn text(text: &str) -> Cell {
    Cell::text(text)
}

fn ratio(numerator: i64, denominator: i64) -> Cell {
    Cell::Ratio { numerator, denominator }
}

fn table(report: &'static Report, period: &str, rows: Vec<Vec<Cell>>) -> ReportTable {
    let period = Period::parse(period, "Asia/Shanghai", NOW).expect("a good period");
    let rows = rows
        .into_iter()
        .map(|cells| {
            assert_eq!(cells.len(), report.columns.len(), "a cell for each column");
            let behind =
                Condition { table: "calls", key: "contact_id", predicate: "TRUE".to_owned() };
            Row { kind: RowKind::Data, cells, behind: Some(behind), provisional: false }
        })
        .collect();
    ReportTable::new(report, "江城燃气热线", period, NOW, rows)
}

fn satisfaction_row(number: &str, name: &str, asked: i64, answers: [i64; 3]) -> Vec<Cell> {
    let answered = answers.iter().sum();
    let mut row = vec![text(number), text(name), Cell::Count(asked), Cell::Count(answered)];
    row.extend(answers.map(Cell::Count));
    row.extend([ratio(answers[0], answered), ratio(answers[2], answered), ratio(answered, asked)]);
    row
}

fn satisfaction() -> ReportTable {
    table(
        &SATISFACTION,
        "2026-11",
        vec![
            satisfaction_row("1001", "王芳", 1_284, [1_020, 61, 22]),
            satisfaction_row("1002", "李建国", 986, [702, 85, 41]),
            satisfaction_row("1003", "=HYPERLINK(\"http://x\",\"张敏\")", 744, [590, 37, 9]),
            satisfaction_row("1004", "陈晓东", 512, [333, 52, 38]),
            satisfaction_row("1005", "<b>刘洋</b>", 3, [0, 0, 0]),
            satisfaction_row("1006", "欧阳雪", 861, [655, 70, 12]),
        ],
    )
}

fn workload_row(
    agent: (&str, &str),
    hour: i64,
    offered: i64,
    answered: i64,
    minutes: [i64; 5],
) -> Vec<Cell> {
    let ms = minutes.map(|minutes| minutes * 60_000 + 17_300);
    let [talk, hold, wrap_up, ready, pause] = ms;
    let handle = talk + hold + wrap_up;
    vec![
        text(agent.0),
        text(agent.1),
        text(&format!("{hour:02}:00–{:02}:00", hour + 1)),
        Cell::Count(offered),
        Cell::Count(answered),
        Cell::Count(offered - answered),
        Cell::Duration(talk),
        Cell::Duration(hold),
        Cell::Duration(wrap_up),
        ratio(handle, answered),
        Cell::Duration(ready),
        Cell::Duration(pause),
        ratio(handle, handle + ready),
    ]
}

fn workload() -> ReportTable {
    let mut rows = Vec::new();
    for (index, agent) in
        [("1001", "王芳"), ("1002", "李建国"), ("1003", "张敏"), ("1004", "陈晓东")]
            .iter()
            .enumerate()
    {
        let index = index as i64;
        for hour in 8..18 {
            let offered = 6 + (hour * 7 + index * 5) % 9;
            let answered = offered - (hour + index) % 2;
            let minutes =
                [20 + (hour * 3 + index) % 13, 2 + index, 6, 14 - index, (hour + index) % 5];
            rows.push(workload_row(*agent, hour, offered, answered, minutes));
        }
    }
    table(&WORKLOAD, "2026-11-30", rows)
}

fn overdue() -> ReportTable {
    let row = |department: &str, n: [i64; 5], aged: [i64; 4]| {
        let [in_time, open, warned, late, overdue] = n;
        let due = n.iter().sum();
        let mut row = vec![text(department), Cell::Count(due)];
        row.extend([in_time, open, warned, late, overdue].map(Cell::Count));
        row.push(ratio(in_time, due));
        row.extend(aged.map(Cell::Count));
        row
    };
    table(
        &OVERDUE_ORDERS,
        "2026-12",
        vec![
            row("客户服务部", [42, 3, 1, 4, 2], [1, 1, 0, 0]),
            row("抢修一班", [118, 12, 6, 21, 9], [4, 2, 2, 1]),
            row("抢修二班", [97, 8, 2, 11, 13], [3, 4, 4, 2]),
            row("工程安装部", [31, 0, 0, 2, 0], [0, 0, 0, 0]),
        ],
    )
}

fn quality() -> ReportTable {
    let row = |day: &str, role: &str, codec: &str, legs: [i64; 3], packets: [i64; 3]| {
        let [good, fair, low] = legs;
        let [expected, lost, late] = packets;
        let scored = good + fair + low;
        let mut row = vec![text(day), text(role), text(codec), Cell::Count(scored + 1)];
        row.extend(packets.map(Cell::Count));
        row.extend([ratio(lost, expected), ratio(late, expected)]);
        row.push(ratio(137 * (expected - lost), expected - lost));
        row.push(ratio(436 * good + 385 * fair + 290 * low, scored));
        row.extend([good, fair, low].map(Cell::Count));
        row.push(ratio(low, scored));
        row
    };
    table(
        &QUALITY,
        "2026-11",
        vec![
            row("2026-11-23", "坐席", "PCMA", [812, 31, 9], [7_812_345, 10_233, 811]),
            row("2026-11-23", "客户", "PCMA", [790, 44, 21], [7_702_111, 31_018, 1_204]),
            row("2026-11-24", "客户", "opus", [12, 0, 1], [99_120, 640, 12]),
        ],
    )
}

/// Compares with `tests/golden/name`; `UPDATE=1` writes it instead.
fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, found).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{} differs; UPDATE=1 refreshes it", path.display());
}

fn rendered(table: &ReportTable, format: Format, language: Language) -> Vec<u8> {
    let made = render(table, format, language).expect("it can be rendered");
    assert_eq!(made.warnings, Vec::<String>::new());
    // KEEP=dir keeps every form for looking at.
    if let Some(dir) = std::env::var_os("KEEP") {
        let name = format!("{}-{language}.{format}", table.report.id);
        std::fs::write(Path::new(&dir).join(name), &made.bytes).expect("it can be kept");
    }
    made.bytes
}

fn text_form(table: &ReportTable, format: Format, language: Language) -> String {
    String::from_utf8(rendered(table, format, language)).expect("text forms are UTF-8")
}

/// What a tool of poppler says of a PDF on its standard input.
fn poppler(tool: &str, arguments: &[&str], pdf: &[u8]) -> String {
    // A pipe would fill while the tool still reads.
    let mut input = tempfile::tempfile().expect("a file");
    input.write_all(pdf).expect("it is written");
    input.rewind().expect("it is a file");
    let ran = Command::new(tool).args(arguments).stdin(Stdio::from(input)).output();
    let output = ran.unwrap_or_else(|error| {
        panic!("{tool} of poppler is needed, `scripts/setup --tests` installs it: {error}")
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} calls it damaged: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The PDF's words.
fn pdf_text(pdf: &[u8]) -> String {
    poppler("pdftotext", &["-layout", "-", "-"], pdf)
}

/// What the PDF says of itself.
fn pdf_info(pdf: &[u8]) -> String {
    poppler("pdfinfo", &["-"], pdf)
}

/// The texts of all cells of data rows and totals, as page forms show them.
fn shown_cells(table: &ReportTable, language: Language) -> Vec<String> {
    let totals = table.total.iter().skip(1).zip(&table.report.columns[1..]);
    let data = table.data_rows().flat_map(|row| row.cells.iter().zip(table.report.columns));
    data.chain(totals.filter(|(cell, _)| **cell != Cell::Empty))
        .map(|(cell, column)| cell_text(cell, column.kind, table.period.zone, language))
        .collect()
}

#[test]
fn the_text_form_reads_as_expected() {
    golden("satisfaction.zh.txt", &text_form(&satisfaction(), Format::Txt, Language::ZhCn));
    golden("satisfaction.en.txt", &text_form(&satisfaction(), Format::Txt, Language::En));
    golden("workload.zh.txt", &text_form(&workload(), Format::Txt, Language::ZhCn));
    golden("overdue_orders.zh.txt", &text_form(&overdue(), Format::Txt, Language::ZhCn));
    golden("quality.zh.txt", &text_form(&quality(), Format::Txt, Language::ZhCn));
    golden("quality.en.txt", &text_form(&quality(), Format::Txt, Language::En));
}

#[test]
fn the_comma_separated_form_reads_as_expected() {
    golden("satisfaction.zh.csv", &text_form(&satisfaction(), Format::Csv, Language::ZhCn));
    golden("workload.en.csv", &text_form(&workload(), Format::Csv, Language::En));
}

#[test]
fn the_form_for_programs_reads_as_expected() {
    let json = text_form(&satisfaction(), Format::Json, Language::ZhCn);
    let value: Value = serde_json::from_str(&json).expect("it is JSON");
    golden("satisfaction.zh.json", &format!("{value:#}\n"));
}

#[test]
fn the_form_for_programs_has_every_cell_as_text_and_as_number() {
    for table in [satisfaction(), workload(), overdue(), quality()] {
        for language in [Language::ZhCn, Language::En] {
            let json = text_form(&table, Format::Json, language);
            let json: Value = serde_json::from_str(&json).expect("it is JSON");
            let rows = json["rows"].as_array().expect("rows");
            assert_eq!(rows.len(), table.rows.len(), "subtotals stand among the rows");
            for (row, found) in table.rows.iter().zip(rows) {
                let is_data = row.kind == RowKind::Data;
                assert_eq!(found["kind"], if is_data { "data" } else { "subtotal" });
                assert_eq!(
                    found["behind"].as_str(),
                    row.behind.as_ref().map(Condition::sql).as_deref()
                );
                assert_cells(&found["cells"], &row.cells, &table, language);
            }
            let label = &table.report.columns[0].id;
            let mut total = json["total"].clone();
            let word = if language == Language::ZhCn { "合计" } else { "Total" };
            assert_eq!(total[label]["text"], word);
            total[label] = Value::Null;
            assert_cells(&total, &table.total, &table, language);
            let columns = json["columns"].as_array().expect("columns").iter();
            assert!(
                columns.map(|c| c["id"].as_str()).eq(table
                    .report
                    .columns
                    .iter()
                    .map(|c| Some(c.id)))
            );
            assert_eq!(
                json["formulas"].as_array().map(Vec::len),
                Some(table.report.formulas.len())
            );
            assert_eq!(json["provisional"], table.provisional);
        }
    }
}

fn assert_cells(found: &Value, cells: &[Cell], table: &ReportTable, language: Language) {
    for (column, cell) in table.report.columns.iter().zip(cells) {
        let text = cell_text(cell, column.kind, table.period.zone, language);
        let expected = match cell {
            Cell::Empty => Value::Null,
            Cell::Text(_) | Cell::Word(_) => json!({"text": text}),
            Cell::Count(count) => json!({"text": text, "value": count}),
            Cell::Duration(ms) => json!({"text": text, "ms": ms}),
            Cell::Ratio { numerator, denominator } => {
                json!({"text": text, "numerator": numerator, "denominator": denominator})
            }
            Cell::Time(_) => panic!("this test has no such cells"),
        };
        assert_eq!(found[column.id], expected, "{} {}", table.report.id, column.id);
    }
}

#[test]
fn the_web_page_reads_as_expected_and_runs_nothing() {
    let html = text_form(&satisfaction(), Format::Html, Language::ZhCn);
    golden("satisfaction.zh.html", &html);
    assert!(!html.contains("<script") && !html.contains("<b>刘洋"), "a name stays text");
    assert!(html.contains("&lt;b&gt;刘洋"));
    assert!(html.contains("<svg"), "charts stand in the page");
    for elsewhere in ["src=", "@import", "<link", "url("] {
        assert!(!html.contains(elsewhere), "nothing comes from elsewhere: {elsewhere}");
    }
}

#[test]
fn the_pdf_says_what_the_table_says() {
    for table in [satisfaction(), workload(), overdue(), quality()] {
        for language in [Language::ZhCn, Language::En] {
            let pdf = rendered(&table, Format::Pdf, language);
            assert!(pdf.starts_with(b"%PDF-1."));
            assert!(pdf.len() < 400_000, "fonts are cut to what is used: {} bytes", pdf.len());
            let text = pdf_text(&pdf);
            let flat: String = text.split_whitespace().collect();
            let squeezed = |text: &str| text.split_whitespace().collect::<String>();
            for said in [table.report.title.get(language), "江城燃气热线", "Asia/Shanghai"] {
                assert!(flat.contains(&squeezed(said)), "{said} is missing");
            }
            for cell in shown_cells(&table, language) {
                assert!(flat.contains(&squeezed(&cell)), "{} lacks {cell}", table.report.id);
            }
            for formula in table.report.formulas {
                let name = formula.name.get(language);
                assert!(flat.contains(&squeezed(name)), "the formula of {name} is missing");
            }
        }
    }
}

#[test]
fn the_same_table_gives_the_same_pdf() {
    let once = rendered(&satisfaction(), Format::Pdf, Language::ZhCn);
    assert!(once == rendered(&satisfaction(), Format::Pdf, Language::ZhCn));
}

#[test]
fn a_long_table_repeats_its_header_and_counts_its_pages() {
    let rows = (0..120)
        .map(|index| satisfaction_row(&format!("{}", 2000 + index), "王芳", 20, [10, 5, 1]))
        .collect();
    let pdf = rendered(&table(&SATISFACTION, "2026-11", rows), Format::Pdf, Language::ZhCn);
    let text = pdf_text(&pdf);
    let pages: Vec<&str> = text.split('\u{c}').filter(|page| !page.trim().is_empty()).collect();
    assert!(pages.len() >= 3, "{} pages", pages.len());
    for (index, page) in pages.iter().enumerate() {
        assert!(
            page.contains("工号") && page.contains("参评率"),
            "page {} has no header",
            index + 1
        );
        let flat: String = page.split_whitespace().collect();
        assert!(flat.contains(&format!("第{}页/共{}页", index + 1, pages.len())));
    }
}

#[test]
fn the_image_is_a_png_as_wide_as_the_paper() {
    for table in [satisfaction(), workload(), overdue(), quality()] {
        let png = rendered(&table, Format::Png, Language::ZhCn);
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
        let width = u32::from_be_bytes(png[16..20].try_into().expect("four bytes"));
        let paper = if table.report.columns.len() > 10 { 1684 } else { 1191 };
        assert_eq!(width, paper, "A4 at two pixels a point");
    }
}

#[test]
fn the_workbook_holds_the_same_values_as_numbers() {
    for table in [satisfaction(), workload(), overdue(), quality()] {
        let bytes = rendered(&table, Format::Xlsx, Language::ZhCn);
        for chart in ["xl/charts/chart1.xml", "xl/charts/chart2.xml"] {
            let named = bytes.windows(chart.len()).any(|part| part == chart.as_bytes());
            assert!(named, "{} has no native {chart}", table.report.id);
        }
        let mut book = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
        assert_eq!(book.sheet_names(), ["摘要", "数据"]);
        let sheet = book.worksheet_range("数据").expect("the data sheet");
        let total = std::iter::once(&table.total);
        let rows = table.data_rows().map(|row| &row.cells).chain(total);
        for (index, cells) in rows.enumerate() {
            for (column, cell) in cells.iter().enumerate() {
                let place = (index as u32 + 1, column as u32);
                let found = sheet.get_value(place).unwrap_or(&Data::Empty);
                let is_label = index == table.data_rows().count() && column == 0;
                let decimal = table.report.columns[column].kind == Kind::Decimal;
                let at = format!("{} {place:?}", table.report.id);
                assert_same(found, cell, (is_label, decimal), &at);
            }
        }
    }
}

fn assert_same(found: &Data, cell: &Cell, (is_label, decimal): (bool, bool), place: &str) {
    const DAY_MS: f64 = 86_400_000.0;
    let number = |found: &Data| match found {
        Data::Float(number) => *number,
        Data::Int(number) => *number as f64,
        Data::DateTime(time) => time.as_f64(),
        other => panic!("{place}: {other:?} is no number"),
    };
    match cell {
        _ if is_label => assert_eq!(*found, Data::String("合计".to_owned())),
        Cell::Text(text) => assert_eq!(*found, Data::String(text.clone()), "{place}"),
        Cell::Count(count) => assert_eq!(number(found), *count as f64, "{place}"),
        Cell::Duration(ms) => {
            let exact = *ms as f64 / DAY_MS;
            assert!((number(found) - exact).abs() <= 0.5 / 86_400.0 + 1e-9, "{place}");
        }
        Cell::Empty | Cell::Ratio { denominator: 0, .. } => {
            assert_eq!(*found, Data::Empty, "{place}")
        }
        Cell::Ratio { numerator, denominator } if decimal => {
            let exact = *numerator as f64 / *denominator as f64;
            assert!((number(found) * 100.0 - exact).abs() <= 0.5 + 1e-9, "{place}: {found:?}");
        }
        // The definition says which ratio is a share; both stay within half a second or 1e-12.
        Cell::Ratio { numerator, denominator } => {
            let exact = *numerator as f64 / *denominator as f64;
            let close = (number(found) - exact).abs() < 1e-12
                || (number(found) - exact / DAY_MS).abs() <= 0.5 / 86_400.0 + 1e-9;
            assert!(close, "{place}: {found:?} against {exact}");
        }
        Cell::Word(_) | Cell::Time(_) => panic!("{place}: this test has no such cells"),
    }
}

#[test]
fn a_name_that_looks_like_a_formula_stays_a_name() {
    let name = "=HYPERLINK(\"http://x\",\"张敏\")";
    let bytes = rendered(&satisfaction(), Format::Xlsx, Language::ZhCn);
    let mut book = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
    let sheet = book.worksheet_range("数据").expect("the data sheet");
    assert_eq!(sheet.get_value((3, 1)), Some(&Data::String(name.to_owned())));
    let formulas = book.worksheet_formula("数据").expect("the data sheet");
    assert!(formulas.used_cells().next().is_none(), "no cell of the data holds a formula");

    let csv = text_form(&satisfaction(), Format::Csv, Language::ZhCn);
    assert!(csv.contains("\"'=HYPERLINK(\"\"http://x\"\",\"\"张敏\"\")\""));
}

#[test]
fn no_beginning_of_a_name_makes_a_formula() {
    let starts = ["=", "+", "-", "@", "\t=", "\r=", "\n=", "\0=", "＝", "＋", "－", "＠", " ="];
    for start in starts {
        let name = format!("{start}cmd|' /C calc'!A0");
        let rows = vec![satisfaction_row("1003", &name, 7, [5, 1, 1])];
        let table = table(&SATISFACTION, "2026-11", rows);
        let bytes = rendered(&table, Format::Xlsx, Language::ZhCn);
        let mut book = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
        let sheet = book.worksheet_range("数据").expect("the data sheet");
        let cell = sheet.get_value((1, 1)).expect("the name's cell");
        assert!(matches!(cell, Data::String(text) if text.ends_with("calc'!A0")), "{cell:?}");
        let formulas = book.worksheet_formula("数据").expect("the data sheet");
        assert!(formulas.used_cells().next().is_none(), "{name:?}");
        let csv = text_form(&table, Format::Csv, Language::ZhCn);
        let line = csv.lines().find(|line| line.contains("calc'!A0")).expect("the name's line");
        let cell = line.split(',').nth(1).expect("a second cell");
        assert!(cell.starts_with('\''), "{name:?} became {cell:?}");
    }
}

#[test]
fn every_number_is_equal_in_all_text_forms() {
    for table in [satisfaction(), workload(), overdue(), quality()] {
        let language = Language::ZhCn;
        let txt = text_form(&table, Format::Txt, language);
        let html = text_form(&table, Format::Html, language);
        for cell in shown_cells(&table, language) {
            let escaped = cell.replace('<', "&lt;").replace('>', "&gt;").replace('/', "&#x2f;");
            let escaped = escaped.replace('"', "&quot;");
            assert!(txt.contains(&cell), "{} as text lacks {cell}", table.report.id);
            assert!(html.contains(&escaped), "{} as HTML lacks {escaped}", table.report.id);
        }
    }
}

#[test]
fn an_empty_period_says_so_under_its_heads_in_every_form() {
    let empty = table(&SATISFACTION, "2026-11", Vec::new());
    for format in Format::ALL {
        let bytes = rendered(&empty, format, Language::ZhCn);
        assert!(!bytes.is_empty());
        if format == Format::Json {
            let json: Value = serde_json::from_slice(&bytes).expect("it is JSON");
            assert_eq!((&json["rows"], &json["total"]), (&json!([]), &Value::Null));
        } else if matches!(format, Format::Txt | Format::Html) {
            let text = String::from_utf8(bytes).expect("UTF-8");
            let (heads, said) = (text.find("工号"), text.find("统计期内没有数据。"));
            assert!(heads.is_some() && heads < said, "{format}: {text}");
        } else if format == Format::Csv {
            // A table for programs: its heads alone.
            let text = String::from_utf8(bytes).expect("UTF-8");
            assert!(text.contains("工号") && text.trim_end().lines().count() == 1, "{text}");
        } else if format == Format::Xlsx {
            let mut book = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
            let data = book.worksheet_range("数据").expect("the data sheet");
            assert_eq!(data.get_value((0, 0)), Some(&Data::String("工号".to_owned())));
            let summary = book.worksheet_range("摘要").expect("the first sheet");
            let said = Data::String("统计期内没有数据。".to_owned());
            assert!(summary.used_cells().any(|(_, _, cell)| *cell == said), "{summary:?}");
        } else if format == Format::Pdf {
            let text = pdf_text(&bytes);
            let flat: String = text.split_whitespace().collect();
            let (heads, said) = (flat.find("工号"), flat.find("统计期内没有数据"));
            assert!(heads.is_some() && heads < said, "{text}");
        }
    }
}

#[test]
fn a_period_that_goes_on_is_marked_provisional() {
    let txt = text_form(&overdue(), Format::Txt, Language::ZhCn);
    assert!(txt.contains("统计期尚未结束，数字为暂定值。"));
    let past = text_form(&satisfaction(), Format::Txt, Language::ZhCn);
    assert!(!past.contains("暂定"));
}

#[test]
fn a_character_that_the_font_lacks_is_a_warning_and_no_failure() {
    let rows = vec![satisfaction_row("1001", "王䶮", 2, [1, 0, 0])];
    let table = table(&SATISFACTION, "2026-11", rows);
    for format in [Format::Pdf, Format::Png] {
        let made = render(&table, format, Language::ZhCn).expect("it can be rendered");
        assert_eq!(made.warnings, ["内嵌字体没有这些字，页面上以方框代替：䶮"]);
    }
    // Whoever reads the page has no log: it names them by their numbers.
    let made = render(&table, Format::Pdf, Language::En).expect("it can be rendered");
    let text = pdf_text(&made.bytes);
    let flat: String = text.split_whitespace().collect();
    assert!(flat.contains("boxesstandintheirplace:U+4DAE"), "{text}");
}

#[test]
fn a_cut_answer_says_that_it_is_cut() {
    let mut table = satisfaction();
    table.truncated = true;
    let txt = text_form(&table, Format::Txt, Language::En);
    assert!(txt.contains("There are more rows than the limit allows"));
}

#[test]
fn a_page_that_is_cut_says_how_many_rows_there_are_and_which_form_has_them() {
    let row = |n: i64| satisfaction_row(&n.to_string(), "王芳", n, [n, 0, 0]);
    let long = table(&SATISFACTION, "2026-11", (1..=12_001).map(row).collect());
    let note = "Of 12001 rows page forms print the first 12000 only; the workbook and CSV hold all";
    let txt = text_form(&long, Format::Txt, Language::En);
    assert!(txt.contains(note));
    let csv = text_form(&long, Format::Csv, Language::En);
    assert_eq!(csv.lines().count(), 12_003, "a head, all rows, the total");
}

#[test]
fn a_damaged_file_is_named_where_its_rows_are_missing() {
    let mut table = satisfaction();
    let file = "surveys/dt=2026-11-23/part-1-9-ab.parquet";
    table.left_out = vec![file.to_owned()];
    for language in [Language::En, Language::ZhCn] {
        assert!(text_form(&table, Format::Txt, language).contains(file));
    }
    let json: Value =
        serde_json::from_slice(&rendered(&table, Format::Json, Language::En)).expect("it is JSON");
    assert_eq!(json["left_out"], json!([file]));
}

#[test]
fn markup_in_names_is_not_set_as_markup() {
    let name = "#panic() *x* $y$ \\ @z";
    let rows = vec![satisfaction_row("1001", name, 2, [1, 0, 0])];
    let mut hostile = table(&SATISFACTION, "2026-11", rows);
    hostile.tenant = "#read(\"/etc/passwd\")".to_owned();
    let pdf = rendered(&hostile, Format::Pdf, Language::En);
    let text = pdf_text(&pdf);
    let flat: String = text.split_whitespace().collect();
    assert!(flat.contains("#read(\"/etc/passwd\")"), "{text}");
    assert!(flat.contains("*x*$y$"), "{text}");
}

/// A part of a workbook.
fn part_of(book: &[u8], part: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("book.xlsx");
    std::fs::write(&file, book).expect("it is written");
    let script = "import sys, zipfile; \
                  sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";
    let ran = Command::new("python3").args(["-c", script]).arg(&file).arg(part).output();
    let output = ran.expect("python3 is installed by `scripts/setup --tests`");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{part} is not there: {said}");
    String::from_utf8(output.stdout).expect("parts are UTF-8")
}

#[test]
fn who_fetched_a_file_stands_on_every_page_of_it_and_nowhere_in_its_rows() {
    let bare = satisfaction();
    let mark = Mark::new("A & B (wf)", "江城燃气热线", NOW, "Asia/Shanghai").expect("a mark");
    let line = mark.line(Language::En);
    assert_eq!(line, "Fetched by A & B (wf) | 江城燃气热线 | 2026-12-01 09:30:00 UTC+08:00");
    let rows = (0..120)
        .map(|index| satisfaction_row(&format!("{}", 2000 + index), "王芳", 20, [10, 5, 1]))
        .collect();
    let mut marked = table(&SATISFACTION, "2026-11", rows);
    marked.mark = Some(mark);

    let txt = text_form(&marked, Format::Txt, Language::En);
    assert_eq!(txt.lines().last(), Some(line.as_str()));
    let html = text_form(&marked, Format::Html, Language::En);
    assert!(html.contains("Fetched by A &amp; B (wf)"), "{html}");
    for format in [Format::Csv, Format::Json] {
        assert!(!text_form(&marked, format, Language::En).contains("Fetched by"), "{format}");
    }
    let book = rendered(&marked, Format::Xlsx, Language::En);
    for sheet in ["xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"] {
        let xml = part_of(&book, sheet);
        assert!(xml.contains("Fetched by A ＆ B (wf)"), "{sheet}");
    }
    let xml = part_of(&book, "docProps/core.xml");
    assert!(xml.contains("2026-12-01 09:30:00 UTC+08:00"), "{xml}");
    let pdf = rendered(&marked, Format::Pdf, Language::En);
    let text = pdf_text(&pdf);
    let pages = text.split('\u{c}').filter(|page| !page.trim().is_empty()).count();
    assert!(pages > 1);
    // A slanting line comes out in pieces: the sign of its zone is counted.
    let signs = |text: &str| text.matches('+').count();
    let plain = ReportTable { mark: None, ..marked.clone() };
    let before = signs(&pdf_text(&rendered(&plain, Format::Pdf, Language::En)));
    assert_eq!(signs(&text), before + pages, "{text}");
    let png = |table: &ReportTable| rendered(table, Format::Png, Language::En);
    let mut once = bare.clone();
    once.mark = marked.mark.clone();
    assert!(png(&once) != png(&bare), "it is on the picture too");
}

/// A call list: the newest first, one a minute, each with a number of its own.
fn calls(count: i64) -> ReportTable {
    static ANSWERED: Words = Words { zh: "已接听", en: "answered" };
    let call = |n: i64| {
        vec![
            Cell::Time(Timestamp(NOW.0 - 90_000_000_000 - n * 60_000_000)),
            text("呼入"),
            text(&format!("+86{}", 13_800_138_000 + n)),
            text("02188880000"),
            text("报修"),
            text("王芳"),
            Cell::Word(&ANSWERED),
            Cell::Duration(12_000),
            Cell::Duration(181_000),
            Cell::Duration(0),
            Cell::Empty,
            text(&(7 + n).to_string()),
        ]
    };
    table(&CALLS, "2026-11-30", (0..count).map(call).collect())
}

#[test]
fn a_call_list_shows_times_in_the_zone_and_counts_its_outcomes() {
    let list = calls(2);
    let csv = text_form(&list, Format::Csv, Language::ZhCn);
    assert!(csv.contains("2026-11-30 08:30:00,呼入,'+8613800138000,02188880000"), "{csv}");
    let html = text_form(&list, Format::Html, Language::En);
    assert!(html.contains("answered") && html.contains("100.0%"));
    let json: Value = serde_json::from_str(&text_form(&list, Format::Json, Language::En)).unwrap();
    let first = json["rows"][0]["cells"].as_object().expect("cells");
    assert_eq!(first["started_at"]["at"], "2026-11-30T08:30:00+08:00");
    assert_eq!(first["outcome"]["text"], "answered");
    assert_eq!(first["talk_ms"], json!({"text": "0:03:01", "ms": 181_000}));
    assert!(rendered(&list, Format::Pdf, Language::ZhCn).starts_with(b"%PDF"));
    assert!(rendered(&list, Format::Xlsx, Language::ZhCn).starts_with(b"PK"));
}
