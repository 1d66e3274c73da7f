//! How many questions run at a time.

use super::{Bench, Job, JobScope, SqlFormat};
use crate::config::Config;
use crate::config::value::Span;
use std::time::Duration;
use terms::TenantId;
use warehouse::Warehouse;

fn question() -> Job {
    let scope = JobScope {
        tenant: TenantId(1),
        queues: None,
        agents: None,
        mask_numbers: false,
        audit: false,
        time_zone: "UTC".into(),
    };
    Job::Sql { scope, sql: "SELECT 1 AS n".into(), format: SqlFormat::Csv, rows_max: None }
}

#[tokio::test]
async fn as_many_questions_run_as_there_are_places_and_the_next_is_told_to_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let _written = Warehouse::open(folder.path().join("warehouse")).await.unwrap();
    let mut config = Config::default();
    config.server.data = folder.path().to_owned();
    // The shortest that anybody waits for a place.
    config.sql.time_max = Span(Duration::from_secs(1));
    for places in [1, 3] {
        config.sql.jobs_max = places;
        let bench = Bench::open(config.clone()).await.unwrap();
        let mut running = Vec::new();
        for _ in 0..places {
            running.push(bench.turn().await.unwrap());
        }
        let refused = bench.run(question()).await.unwrap_err();
        assert_eq!((refused.status, refused.kind.as_str()), (503, "busy"), "{refused}");
        assert!(refused.message.starts_with("Too many questions and reports"), "{refused}");
        running.pop();
        // Twice: whoever is answered gives the place back.
        for _ in 0..2 {
            let done = bench.run(question()).await.unwrap();
            let said = String::from_utf8(done.body).unwrap();
            assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["n", "1"]);
        }
    }
}
