//! A scheduled report, and a box that is ended at every step of it: each run leaves its files once.

use crate::seconds;
use serde_json::{Value, json};
use std::path::Path;
use terms::failpoint::SCHEDULE_STEPS;
use tests::house::{House, Options, wait_for};

/// Makes what is described and says its id.
fn made(house: &House, path: &str, body: &Value) -> String {
    let (status, made) = house.post(path, body);
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

/// The two files that a run lists.
fn listed(run: &Value) -> [&Value; 2] {
    [&run["file"], &run["more_files"][0]]
}

/// Names of all files beneath a folder.
fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |path: std::path::PathBuf| match path.is_dir() {
        true => files(&path),
        false => vec![path.display().to_string()],
    };
    entries.flat_map(|entry| of(entry.path())).collect()
}

#[test]
fn a_box_ended_at_any_step_of_scheduled_reports_leaves_the_files_of_each_run_once() {
    let out = tempfile::tempdir().expect("a folder");
    let root = out.path().to_str().expect("a path in UTF-8");
    let config = format!("[schedules]\ndirectories = [\"{root}\"]\n");
    let mut house = House::start(Options { config, ..Options::default() });
    let [saved, second] = ["workload", "queue_summary"].map(|report| {
        made(
            &house,
            "/api/v1/saved-reports",
            &json!({"name": report, "report": report, "period": "yesterday", "format": "csv",
                "language": "en"}),
        )
    });
    // On no day of this test.
    let schedule = made(
        &house,
        "/api/v1/schedules",
        &json!({"name": "Leap day", "saved_report": saved, "more": [second],
            "cron": "0 8 29 2 *", "misfire": "skip", "targets": [{"kind": "directory", "root": root}]}),
    );
    let run = format!("/api/v1/schedules/{schedule}/run");
    house.kill();
    for step in SCHEDULE_STEPS {
        let from = house.log().len();
        let point = format!("{step}=stall:600000");
        house.start_again(&[("SWITCHGRID_FAILPOINTS", point.as_str())]);
        assert_eq!(house.post(&run, &json!({})).0, 202);
        let said = format!("failpoint {step}: ");
        wait_for(step, seconds(150), || {
            house.log().get(from..).is_some_and(|log| log.contains(&said)).then_some(())
        });
        house.kill();
    }
    house.start_again(&[]);
    let runs = wait_for("the end of all runs", seconds(180), || {
        let runs = house.json("/api/v1/report-runs");
        let runs = runs.as_array().expect("a list").clone();
        runs.iter().all(|run| run["state"] == "done").then_some(runs)
    });
    assert_eq!(runs.len(), SCHEDULE_STEPS.len());
    let mut expected: Vec<&str> =
        runs.iter().flat_map(listed).map(|file| file["name"].as_str().expect("a name")).collect();
    expected.sort_unstable();
    let found = files(out.path());
    let mut found: Vec<&str> = found.iter().filter_map(|path| path.rsplit('/').next()).collect();
    found.sort_unstable();
    assert_eq!(found, expected, "the two files of each run once, and no part");
}
