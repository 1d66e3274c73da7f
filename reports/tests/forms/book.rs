//! The workbook read by openpyxl, which knows what a spreadsheet does with a cell.

use crate::{calls, rendered, satisfaction};
use reports::{Format, Language, Orientation, Paper, ReportTable, Size};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const SCRIPT: &str = r#"
import datetime, json, openpyxl, sys
book = openpyxl.load_workbook(sys.argv[1])
def plain(cell):
    value = cell.value
    if isinstance(value, datetime.timedelta):
        return ["duration", value.total_seconds(), cell.number_format]
    if isinstance(value, datetime.datetime):
        return ["time", value.isoformat(" "), cell.number_format]
    return [cell.data_type, value, cell.number_format]
def told(sheet):
    return {
        "name": sheet.title,
        "freeze": sheet.freeze_panes,
        "filter": sheet.auto_filter.ref,
        "repeat": sheet.print_title_rows,
        "charts": len(sheet._charts),
        "paper": [int(sheet.page_setup.paperSize), sheet.page_setup.orientation],
        "rows": [[plain(cell) for cell in row] for row in sheet.iter_rows()],
    }
print(json.dumps([told(sheet) for sheet in book.worksheets]))
"#;

/// What openpyxl finds in the sheets of a workbook.
fn read(table: &ReportTable) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("book.xlsx");
    std::fs::write(&file, rendered(table, Format::Xlsx, Language::En)).expect("it is written");
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
    let ran = Command::new(python).args(["-c", SCRIPT]).arg(&file).output();
    let output = ran.expect("`scripts/setup --tests` installs openpyxl into .venv");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}

#[test]
fn a_sheet_has_heads_that_stay_filters_and_numbers_that_can_be_added() {
    let sheets = read(&calls(30));
    let data = &sheets[1];
    assert_eq!((&data["name"], &data["freeze"]), (&json!("Data"), &json!("A2")));
    assert_eq!(data["filter"], "A1:L31", "all rows, and not the totals");
    let repeated = data["repeat"].as_str().expect("rows that each printed page begins with");
    assert_eq!(repeated.replace('$', ""), "1:1");
    let rows = data["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 32, "heads, rows and totals");
    let first = &rows[1];
    assert_eq!(first[0], json!(["time", "2026-11-30 08:30:00", "yyyy-mm-dd hh:mm:ss"]));
    assert_eq!(first[2], json!(["s", "+8613800138000", "@"]), "a telephone number is a text");
    assert_eq!(first[3], json!(["s", "02188880000", "@"]), "and keeps its zeros");
    assert_eq!(first[8], json!(["duration", 181.0, "[h]:mm:ss"]));
    let total = &rows[31];
    assert_eq!(total[0][1], "Total");
    assert_eq!(total[8], json!(["duration", 30.0 * 181.0, "[h]:mm:ss"]));
}

#[test]
fn the_first_sheet_says_what_the_report_was_run_with_and_has_charts() {
    let sheets = read(&satisfaction());
    let summary = &sheets[0];
    assert!(summary["charts"].as_u64() >= Some(2), "{}", summary["charts"]);
    let said = summary["rows"].to_string();
    for wanted in ["江城燃气热线", "2026-11-01", "Asia/Shanghai", "Formulas"] {
        assert!(said.contains(wanted), "{wanted} is missing: {said}");
    }
}

#[test]
fn a_name_that_looks_like_a_formula_is_a_text_to_openpyxl_too() {
    let sheets = read(&satisfaction());
    let name = &sheets[1]["rows"][3][1];
    assert_eq!(*name, json!(["s", "=HYPERLINK(\"http://x\",\"张敏\")", "@"]));
    let formulas = |sheet: &Value| sheet["rows"].to_string().matches("[\"f\",").count();
    assert_eq!(sheets.iter().map(formulas).sum::<usize>(), 0);
}

#[test]
fn a_sheet_is_printed_on_the_paper_that_is_asked_for() {
    for (size, orientation, paper) in [
        (Size::A4, Orientation::Automatic, json!([9, "landscape"])),
        (Size::A3, Orientation::Portrait, json!([8, "portrait"])),
    ] {
        let table = ReportTable { paper: Paper { size, orientation }, ..satisfaction() };
        for sheet in read(&table) {
            assert_eq!(sheet["paper"], paper, "{}", sheet["name"]);
        }
    }
}
