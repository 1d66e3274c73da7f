//! A run says how far its file is.

use super::*;
use crate::work::printing::Printed;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tokio::sync::Notify;

/// Has the store fail where a run says how far its file is.
const MUTE: &str = "CREATE TRIGGER mute BEFORE UPDATE OF problem ON report_runs
     WHEN NEW.problem LIKE '% rows are in its file'
     BEGIN SELECT RAISE(ABORT, 'nothing is noted'); END";

/// A worker whose report is ready when the test says so.
#[derive(Default)]
struct Slow {
    keys: Mutex<BTreeSet<u64>>,
    /// How often it was asked how far its report is.
    asked: AtomicU64,
    ready: Notify,
}

fn done(content_type: &str, body: Vec<u8>) -> Result<Done, Problem> {
    Ok(Done { content_type: content_type.to_owned(), truncated: false, body })
}

impl WorkLink for Slow {
    fn run(&self, asked: Job) -> BoxFuture<'_, Result<Done, Problem>> {
        match asked {
            Job::Report(report) => {
                self.keys.lock().unwrap().insert(report.key.expect("it can be asked for"));
                Box::pin(async move {
                    self.ready.notified().await;
                    done("text/csv; charset=utf-8", BODY.to_vec())
                })
            }
            Job::Printed { key } => {
                assert!(self.keys.lock().unwrap().contains(&key));
                self.asked.fetch_add(1, Ordering::Relaxed);
                let printed = Printed { rows: 1_200, of: 5_000 };
                let body = serde_json::to_vec(&Some(printed)).unwrap();
                Box::pin(async move { done("application/json", body) })
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_run_says_how_many_rows_are_in_its_file_until_that_is_made() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let root = rig.folder.path().join("out").to_str().unwrap().to_owned();
    let folder = Target::Directory { root, path: "daily".into() };
    let schedule = rig.schedule("Daily", vec![folder]).await;
    let run = rig.run_now(schedule.id).await;
    let slow = Arc::new(Slow::default());
    let (work, data) = (slow.clone(), rig.data.clone());
    let process = Schedules::open(&rig.config, rig.store.clone(), work, data, None).unwrap();
    let watching = async {
        for _ in 0..2_000 {
            if rig.run(run).await.problem == "1200 of 5000 rows are in its file" {
                assert_eq!(rig.run(run).await.state, RunState::Waiting);
                return slow.ready.notify_one();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it is not said: {:?}", rig.run(run).await);
    };
    let (ended, ()) = tokio::join!(process.round(|| rig.wall()), watching);
    ended.unwrap();
    let run = rig.run(run).await;
    assert_eq!((run.state, run.problem.as_str()), (RunState::Done, ""));
}

#[tokio::test]
async fn a_run_that_cannot_say_how_far_its_file_is_is_made_all_the_same() {
    let _one = ONE.lock().await;
    let rig = Rig::new(Manner::Takes).await;
    let desk = SqliteConnectOptions::new().filename(rig.folder.path().join("desk.db"));
    let desk = SqlitePool::connect_with(desk).await.unwrap();
    sqlx::query(MUTE).execute(&desk).await.unwrap();
    let root = rig.folder.path().join("out").to_str().unwrap().to_owned();
    let folder = Target::Directory { root, path: "daily".into() };
    let schedule = rig.schedule("Daily", vec![folder]).await;
    let run = rig.run_now(schedule.id).await;
    let slow = Arc::new(Slow::default());
    let (work, data) = (slow.clone(), rig.data.clone());
    let process = Schedules::open(&rig.config, rig.store.clone(), work, data, None).unwrap();
    let watching = async {
        for _ in 0..2_000 {
            if slow.asked.load(Ordering::Relaxed) > 2 {
                return slow.ready.notify_one();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it is asked no more: {:?}", rig.run(run).await);
    };
    let (ended, ()) = tokio::join!(process.round(|| rig.wall()), watching);
    ended.unwrap();
    assert_eq!(rig.run(run).await.state, RunState::Done);
}
